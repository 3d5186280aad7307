package pgwire

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"
)

// dataType is what the protocol needs to know of a type.
type dataType struct {
	name    string
	size    int16  // pg_type.typlen
	binary  bool   // it has a binary form here
	element uint32 // of an array
}

// types are those by OID that results have, and parameters in binary form. Names of relations, types and functions
// (regclass and its like) have no binary form: it is their OID, which a result does not hold.
var types = map[uint32]dataType{
	pgtype.BoolOID:        {name: "boolean", size: 1, binary: true},
	pgtype.ByteaOID:       {name: "bytea", size: -1, binary: true},
	pgtype.QCharOID:       {name: `"char"`, size: 1, binary: true},
	pgtype.NameOID:        {name: "name", size: 64, binary: true},
	pgtype.Int8OID:        {name: "bigint", size: 8, binary: true},
	pgtype.Int2OID:        {name: "smallint", size: 2, binary: true},
	int2vector:            {name: "int2vector", size: -1},
	pgtype.Int4OID:        {name: "integer", size: 4, binary: true},
	24:                    {name: "regproc", size: 4},
	pgtype.TextOID:        {name: "text", size: -1, binary: true},
	pgtype.OIDOID:         {name: "oid", size: 4, binary: true},
	pgtype.XIDOID:         {name: "xid", size: 4},
	oidvector:             {name: "oidvector", size: -1},
	pgtype.JSONOID:        {name: "json", size: -1, binary: true},
	pgtype.Float4OID:      {name: "real", size: 4, binary: true},
	pgtype.Float8OID:      {name: "double precision", size: 8, binary: true},
	unknownType:           {name: "unknown", size: -2, binary: true},
	pgtype.BPCharOID:      {name: "character", size: -1, binary: true},
	pgtype.VarcharOID:     {name: "character varying", size: -1, binary: true},
	pgtype.DateOID:        {name: "date", size: 4, binary: true},
	pgtype.TimeOID:        {name: "time without time zone", size: 8, binary: true},
	pgtype.TimestampOID:   {name: "timestamp without time zone", size: 8, binary: true},
	pgtype.TimestamptzOID: {name: "timestamp with time zone", size: 8, binary: true},
	pgtype.IntervalOID:    {name: "interval", size: 16},
	pgtype.TimetzOID:      {name: "time with time zone", size: 12},
	pgtype.NumericOID:     {name: "numeric", size: -1, binary: true},
	2205:                  {name: "regclass", size: 4},
	2206:                  {name: "regtype", size: 4},
	4089:                  {name: "regnamespace", size: 4},
	4096:                  {name: "regrole", size: 4},
	voidType:              {name: "void", size: 4},
	pgtype.UUIDOID:        {name: "uuid", size: 16, binary: true},
	pgtype.JSONBOID:       {name: "jsonb", size: -1, binary: true},

	pgtype.BoolArrayOID:        array(pgtype.BoolOID, "boolean"),
	1002:                       array(pgtype.QCharOID, `"char"`),
	pgtype.NameArrayOID:        array(pgtype.NameOID, "name"),
	pgtype.Int2ArrayOID:        array(pgtype.Int2OID, "smallint"),
	pgtype.Int4ArrayOID:        array(pgtype.Int4OID, "integer"),
	pgtype.TextArrayOID:        array(pgtype.TextOID, "text"),
	pgtype.VarcharArrayOID:     array(pgtype.VarcharOID, "character varying"),
	pgtype.Int8ArrayOID:        array(pgtype.Int8OID, "bigint"),
	pgtype.Float4ArrayOID:      array(pgtype.Float4OID, "real"),
	pgtype.Float8ArrayOID:      array(pgtype.Float8OID, "double precision"),
	1028:                       array(pgtype.OIDOID, "oid"),
	pgtype.DateArrayOID:        array(pgtype.DateOID, "date"),
	pgtype.NumericArrayOID:     array(pgtype.NumericOID, "numeric"),
	pgtype.TimestampArrayOID:   array(pgtype.TimestampOID, "timestamp without time zone"),
	pgtype.TimestamptzArrayOID: array(pgtype.TimestamptzOID, "timestamp with time zone"),
}

// Types for which pgtype has no name.
const (
	int2vector  = 22
	oidvector   = 30
	unknownType = 705
	voidType    = 2278
)

func array(element uint32, name string) dataType {
	return dataType{name: name + "[]", size: -1, binary: true, element: element}
}

// typeName names a type for people.
func typeName(oid uint32) string {
	if t, ok := types[oid]; ok {
		return t.name
	}
	return fmt.Sprintf("%d", oid)
}

// sizeOf is the length in bytes of a type's values, negative where they differ.
func sizeOf(oid uint32) int16 {
	if t, ok := types[oid]; ok {
		return t.size
	}
	return -1
}

// hasBinary reports whether a result's values of a type can go out in binary form.
func hasBinary(oid uint32) bool { return types[oid].binary || oid == voidType }

func noBinary(oid uint32) *Error {
	return &Error{Code: "0A000", Message: "results of type " + typeName(oid) + " have no binary form here", Hint: "Ask for them as text."}
}

// results puts values of results, which come as text, into the form in which they go out. The zero value is ready.
type results struct {
	types *pgtype.Map // made when needed: most sessions never do
}

// encode appends a row's values in these formats. An error of a value that is none of its column's type is the door's own fault.
func (r *results) encode(dst [][]byte, columns []Column, row Row, formats []int16) ([][]byte, error) {
	if len(row) != len(columns) {
		return nil, fmt.Errorf("a row has %d values and %d columns", len(row), len(columns))
	}
	for i, v := range row {
		if v == nil || formatOf(formats, i) == textFormat {
			dst = append(dst, v)
			continue
		}
		b, err := r.binary(columns[i].Type, v)
		if err != nil {
			return nil, err
		}
		dst = append(dst, b)
	}
	return dst, nil
}

// binary gives the binary form of a value.
func (r *results) binary(oid uint32, v Value) ([]byte, error) {
	if !hasBinary(oid) {
		return nil, noBinary(oid)
	}
	if r.types == nil {
		r.types = pgtype.NewMap()
	}
	b := []byte{} // nil would be NULL
	var err error
	if element := types[oid].element; element != 0 {
		b, err = r.array(b, element, v)
	} else {
		b, err = r.scalar(b, oid, v)
	}
	if err != nil {
		return nil, fmt.Errorf("a result's value of type %s: %w", typeName(oid), err)
	}
	return b, nil
}

// scalar appends the binary form of a value that is no array.
func (r *results) scalar(dst []byte, oid uint32, v Value) ([]byte, error) {
	switch oid {
	case pgtype.BoolOID:
		if len(v) != 1 || v[0] != 't' && v[0] != 'f' {
			return nil, errors.New("neither t nor f")
		}
		if v[0] == 't' {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case pgtype.Int2OID:
		n, err := strconv.ParseInt(string(v), 10, 16)
		return binary.BigEndian.AppendUint16(dst, uint16(n)), err
	case pgtype.Int4OID:
		n, err := strconv.ParseInt(string(v), 10, 32)
		return binary.BigEndian.AppendUint32(dst, uint32(n)), err
	case pgtype.Int8OID:
		n, err := strconv.ParseInt(string(v), 10, 64)
		return binary.BigEndian.AppendUint64(dst, uint64(n)), err
	case pgtype.OIDOID:
		n, err := strconv.ParseUint(string(v), 10, 32)
		return binary.BigEndian.AppendUint32(dst, uint32(n)), err
	case pgtype.Float4OID:
		f, err := strconv.ParseFloat(string(v), 32)
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(f))), err
	case pgtype.Float8OID:
		f, err := strconv.ParseFloat(string(v), 64)
		bits := math.Float64bits(f)
		if math.IsNaN(f) {
			bits = 0x7ff8_0000_0000_0000 // the one that PostgreSQL sends, unlike math.NaN
		}
		return binary.BigEndian.AppendUint64(dst, bits), err
	case pgtype.ByteaOID:
		if len(v) < 2 || string(v[:2]) != `\x` {
			return nil, errors.New("not in hexadecimal form")
		}
		return hex.AppendDecode(dst, v[2:])
	case pgtype.QCharOID:
		if len(v) > 1 {
			return nil, errors.New("longer than a byte")
		}
		return append(append(dst, v...), make([]byte, 1-len(v))...), nil
	case voidType:
		return dst, nil
	case pgtype.NumericOID:
		return r.numeric(dst, v)
	case pgtype.DateOID:
		return through(r, dst, oid, v, new(pgtype.Date))
	case pgtype.TimestampOID:
		return through(r, dst, oid, v, new(pgtype.Timestamp))
	case pgtype.TimestamptzOID:
		return through(r, dst, oid, v, new(pgtype.Timestamptz))
	case pgtype.TimeOID:
		return through(r, dst, oid, v, new(pgtype.Time))
	case pgtype.UUIDOID:
		return through(r, dst, oid, v, new(pgtype.UUID))
	case pgtype.JSONBOID:
		dst = append(dst, 1) // its version
	}
	return append(dst, v...), nil
}

// through appends the binary form of a value that a type of pgtype reads.
func through[T any](r *results, dst []byte, oid uint32, v Value, to *T) ([]byte, error) {
	if err := r.types.Scan(oid, pgtype.TextFormatCode, v, to); err != nil {
		return nil, err
	}
	return r.types.Encode(oid, pgtype.BinaryFormatCode, *to, dst)
}

// numeric appends the binary form of a number; of zero as PostgreSQL writes it, without digits.
func (r *results) numeric(dst []byte, v Value) ([]byte, error) {
	var n pgtype.Numeric
	at := len(dst)
	dst, err := through(r, dst, pgtype.NumericOID, v, &n)
	if err != nil || n.NaN || n.InfinityModifier != pgtype.Finite || n.Int.Sign() != 0 {
		return dst, err
	}
	return binary.BigEndian.AppendUint16(append(dst[:at], 0, 0, 0, 0, 0, 0), uint16(max(-n.Exp, 0))), nil
}

// array appends the binary form of an array.
func (r *results) array(dst []byte, element uint32, v Value) ([]byte, error) {
	var a pgtype.Array[pgtype.Text]
	if err := r.types.Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, v, &a); err != nil {
		return nil, err
	}
	nulls := uint32(0)
	for _, e := range a.Elements {
		if !e.Valid {
			nulls = 1
		}
	}
	if len(a.Elements) == 0 {
		a.Dims = nil
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(a.Dims)))
	dst = binary.BigEndian.AppendUint32(dst, nulls)
	dst = binary.BigEndian.AppendUint32(dst, element)
	for _, d := range a.Dims {
		dst = binary.BigEndian.AppendUint32(dst, uint32(d.Length))
		dst = binary.BigEndian.AppendUint32(dst, uint32(d.LowerBound))
	}
	for _, e := range a.Elements {
		if !e.Valid {
			dst = binary.BigEndian.AppendUint32(dst, math.MaxUint32)
			continue
		}
		at := len(dst)
		var err error
		if dst, err = r.scalar(append(dst, 0, 0, 0, 0), element, Value(e.String)); err != nil {
			return nil, err
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst, nil
}
