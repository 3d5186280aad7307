package pgwire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"
)

// The forms in which values travel.
const (
	textFormat   = int16(pgtype.TextFormatCode)
	binaryFormat = int16(pgtype.BinaryFormatCode)
)

const (
	// maxArgumentBytes bounds the arguments of one Bind message in text form, which can be longer than the binary one.
	maxArgumentBytes = 4 * maxMessageBytes
	// maxDigits bounds those of a numeric argument in binary form: a few bytes can stand for a great many.
	maxDigits = 1_000
	// maxDimensions bounds those of an array: PostgreSQL's own bound.
	maxDimensions = 6
)

// errBinary is what is wrong with an argument that has no value of its type.
var errBinary = errors.New("incorrect binary data format")

// decodeParameters gives the arguments of a Bind message in text form, and about the bytes of memory that they take. There are
// as many values as types, and formats as formatOf says. Text passes as it is: its type says later what it means.
func decodeParameters(types []uint32, formats []int16, values [][]byte) (arguments []Value, held int, err error) {
	arguments = make([]Value, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		a, err := decodeParameter(types[i], formatOf(formats, i), v)
		if err != nil {
			var told *Error
			if errors.As(err, &told) {
				return nil, 0, told
			}
			return nil, 0, &Error{Code: "22P03", Message: fmt.Sprintf("incorrect binary data format in bind parameter %d", i+1), Detail: "It is sent as " + typeName(types[i]) + "."}
		}
		arguments[i] = a
		if held += 24 + len(a); held > maxArgumentBytes {
			return nil, 0, tooLong()
		}
	}
	return arguments, held, nil
}

func tooLong() *Error {
	return &Error{Code: "54000", Message: fmt.Sprintf("the arguments are longer than %d bytes", maxArgumentBytes)}
}

// decodeParameter gives one in text form. The value is copied.
func decodeParameter(oid uint32, format int16, v []byte) (Value, error) {
	switch format {
	case textFormat:
		if err := readable(v); err != nil {
			return nil, err
		}
		return append(Value{}, v...), nil
	case binaryFormat:
		if element := types[oid].element; element != 0 {
			return decodeArray(element, v)
		}
		return decodeBinary(Value{}, oid, v)
	}
	return nil, badFormat(format)
}

func badFormat(format int16) *Error {
	return &Error{Code: "22023", Message: fmt.Sprintf("unsupported format code: %d", format)}
}

// readable refuses what is no text.
func readable(text []byte) error {
	if bytes.IndexByte(text, 0) >= 0 {
		return &Error{Code: "22021", Message: `invalid byte sequence for encoding "UTF8": 0x00`}
	}
	if utf8.Valid(text) {
		return nil
	}
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n < 2 {
			break
		}
		text = text[n:]
	}
	return &Error{Code: "22021", Message: fmt.Sprintf(`invalid byte sequence for encoding "UTF8": 0x%02x`, text[0])}
}

// decodeBinary appends the text form of a value that is no array.
func decodeBinary(dst Value, oid uint32, v []byte) (Value, error) {
	t, known := types[oid]
	if !known || !t.binary {
		return nil, &Error{Code: "0A000", Message: "parameters of type " + typeName(oid) + " are not read in binary form"}
	}
	if t.size > 0 && oid != pgtype.NameOID && len(v) != int(t.size) {
		return nil, errBinary
	}
	switch oid {
	case pgtype.BoolOID:
		if v[0] > 1 {
			return nil, errBinary
		}
		return append(dst, "ft"[v[0]]), nil
	case pgtype.Int2OID:
		return strconv.AppendInt(dst, int64(int16(binary.BigEndian.Uint16(v))), 10), nil
	case pgtype.Int4OID:
		return strconv.AppendInt(dst, int64(int32(binary.BigEndian.Uint32(v))), 10), nil
	case pgtype.Int8OID:
		return strconv.AppendInt(dst, int64(binary.BigEndian.Uint64(v)), 10), nil
	case pgtype.OIDOID:
		return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(v)), 10), nil
	case pgtype.Float4OID:
		return appendFloat(dst, float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32), nil
	case pgtype.Float8OID:
		return appendFloat(dst, math.Float64frombits(binary.BigEndian.Uint64(v)), 64), nil
	case pgtype.NumericOID:
		return appendNumeric(dst, v)
	case pgtype.ByteaOID:
		return hex.AppendEncode(append(dst, `\x`...), v), nil
	case pgtype.UUIDOID:
		return fmt.Appendf(dst, "%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:]), nil
	case pgtype.DateOID:
		return appendDate(dst, int32(binary.BigEndian.Uint32(v)))
	case pgtype.TimestampOID:
		return appendTimestamp(dst, int64(binary.BigEndian.Uint64(v)), "")
	case pgtype.TimestamptzOID:
		return appendTimestamp(dst, int64(binary.BigEndian.Uint64(v)), "+00")
	case pgtype.TimeOID:
		return appendTime(dst, int64(binary.BigEndian.Uint64(v)))
	case pgtype.JSONBOID:
		if len(v) == 0 || v[0] != 1 { // its version
			return nil, errBinary
		}
		v = v[1:]
	case pgtype.NameOID:
		if len(v) > maxNameBytes {
			return nil, &Error{Code: "42622", Message: "identifier too long", Detail: fmt.Sprintf("Identifier must be less than %d characters.", maxNameBytes+1)}
		}
	}
	if err := readable(v); err != nil {
		return nil, err
	}
	return append(dst, v...), nil
}

// appendFloat appends the shortest text that stands for a number, with an exponent where PostgreSQL writes one.
func appendFloat(dst Value, f float64, bits int) Value {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	form, limit := byte('f'), 1e15
	if bits == 32 {
		limit = 1e6
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= limit) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, f, form, -1, bits)
}

// appendNumeric reads the number of digits of base 10,000, the weight of the first, the sign, the number of
// decimal places, and the digits.
func appendNumeric(dst Value, v []byte) (Value, error) {
	if len(v) < 8 || len(v) != 8+2*int(binary.BigEndian.Uint16(v)) {
		return nil, errBinary
	}
	weight, places := int(int16(binary.BigEndian.Uint16(v[2:]))), int(binary.BigEndian.Uint16(v[6:]))
	switch binary.BigEndian.Uint16(v[4:]) {
	case 0:
	case 0x4000:
		dst = append(dst, '-')
	case 0xC000:
		return append(dst, "NaN"...), nil
	case 0xD000:
		return append(dst, "Infinity"...), nil
	case 0xF000:
		return append(dst, "-Infinity"...), nil
	default:
		return nil, errBinary
	}
	if 4*(max(weight, 0)+1)+places > maxDigits || len(v) > 8+2*maxDigits {
		return nil, &Error{Code: "22003", Message: fmt.Sprintf("a numeric parameter has more than %d digits", maxDigits)}
	}
	v = v[8:]
	for i := 0; i < len(v); i += 2 {
		if binary.BigEndian.Uint16(v[i:]) > 9999 {
			return nil, errBinary
		}
	}
	digits := func(from, to int) (text []byte) {
		for i := from; i < to; i++ {
			d := uint16(0)
			if i >= 0 && 2*i < len(v) {
				d = binary.BigEndian.Uint16(v[2*i:])
			}
			text = fmt.Appendf(text, "%04d", d)
		}
		return text
	}
	whole := bytes.TrimLeft(digits(0, weight+1), "0")
	if len(whole) == 0 {
		whole = []byte{'0'}
	}
	dst = append(dst, whole...)
	if places > 0 {
		dst = append(dst, '.')
		dst = append(dst, digits(weight+1, weight+1+(places+3)/4)[:places]...)
	}
	return dst, nil
}

// epoch is when PostgreSQL's dates and times begin, in Unix seconds.
const epoch = 946_684_800

// Dates and timestamps that are none, and the ends of their ranges: 4714-11-24 BC, and 5874897-12-31 and 294276-12-31.
const (
	firstDate, lastDate           = -2_451_545, 2_145_031_948
	firstTimestamp, lastTimestamp = -211_813_488_000_000_000, 9_223_371_331_200_000_000 - 1
)

func appendDate(dst Value, days int32) (Value, error) {
	switch {
	case days == math.MaxInt32:
		return append(dst, "infinity"...), nil
	case days == math.MinInt32:
		return append(dst, "-infinity"...), nil
	case days < firstDate || days > lastDate:
		return nil, &Error{Code: "22008", Message: "date out of range"}
	}
	return appendCivil(dst, time.Unix(epoch+int64(days)*86_400, 0).UTC(), ""), nil
}

func appendTimestamp(dst Value, micros int64, zone string) (Value, error) {
	switch {
	case micros == math.MaxInt64:
		return append(dst, "infinity"...), nil
	case micros == math.MinInt64:
		return append(dst, "-infinity"...), nil
	case micros < firstTimestamp || micros > lastTimestamp:
		return nil, &Error{Code: "22008", Message: "timestamp out of range"}
	}
	at := time.Unix(epoch+micros/1_000_000, micros%1_000_000*1_000).UTC()
	return appendCivil(dst, at, at.Format(" 15:04:05.999999")+zone), nil
}

// appendCivil appends a date and what follows it; years before the first count from it, as BC.
func appendCivil(dst Value, at time.Time, rest string) Value {
	year, era := at.Year(), ""
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	return fmt.Appendf(dst, "%04d-%02d-%02d%s%s", year, at.Month(), at.Day(), rest, era)
}

func appendTime(dst Value, micros int64) (Value, error) {
	const day = 86_400_000_000
	if micros < 0 || micros > day {
		return nil, &Error{Code: "22008", Message: "time out of range"}
	}
	if micros == day {
		return append(dst, "24:00:00"...), nil
	}
	return time.UnixMicro(micros).UTC().AppendFormat(dst, "15:04:05.999999"), nil
}

// decodeArray gives the text form of an array: the number of its dimensions, whether there are NULLs, its elements'
// type, the length and first index of each dimension, and the elements, each after its length.
func decodeArray(element uint32, v []byte) (Value, error) {
	next := func() (n int32, ok bool) {
		if len(v) < 4 {
			return 0, false
		}
		n, v = int32(binary.BigEndian.Uint32(v)), v[4:]
		return n, true
	}
	dimensions, _ := next()
	flags, _ := next()
	kind, ok := next()
	if !ok || dimensions < 0 || dimensions > maxDimensions || flags < 0 || flags > 1 {
		return nil, errBinary
	}
	if uint32(kind) != element {
		return nil, &Error{Code: "42804", Message: fmt.Sprintf("an array of %s has elements of type %s", typeName(element), typeName(uint32(kind)))}
	}
	lengths, count := make([]int, dimensions), 1
	for i := range lengths {
		n, _ := next()
		first, ok := next()
		if !ok || n < 0 || int(n) > len(v)/4 {
			return nil, errBinary
		}
		if first != 1 {
			return nil, &Error{Code: "0A000", Message: "arrays whose indices do not begin at 1 are not read"}
		}
		lengths[i] = int(n)
		if count *= int(n); count > len(v)/4 {
			return nil, errBinary
		}
	}
	if dimensions == 0 || count == 0 {
		if len(v) > 0 {
			return nil, errBinary
		}
		return Value("{}"), nil
	}
	r := &arrayReader{element: element, next: next, rest: &v}
	text, err := r.read(nil, lengths)
	if err != nil {
		return nil, err
	}
	if len(v) > 0 {
		return nil, errBinary
	}
	return text, nil
}

// arrayReader reads the elements of an array.
type arrayReader struct {
	element uint32
	next    func() (int32, bool)
	rest    *[]byte
}

// read appends the text form of what has these lengths.
func (r *arrayReader) read(dst Value, lengths []int) (_ Value, err error) {
	dst = append(dst, '{')
	for i := range lengths[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(lengths) > 1 {
			dst, err = r.read(dst, lengths[1:])
		} else {
			dst, err = r.one(dst)
		}
		if err != nil {
			return nil, err
		}
		if len(dst) > maxArgumentBytes {
			return nil, tooLong()
		}
	}
	return append(dst, '}'), nil
}

func (r *arrayReader) one(dst Value) (Value, error) {
	n, ok := r.next()
	if !ok || n < -1 || int(n) > len(*r.rest) {
		return nil, errBinary
	}
	if n == -1 {
		return append(dst, "NULL"...), nil
	}
	v, err := decodeBinary(nil, r.element, (*r.rest)[:n])
	if err != nil {
		return nil, err
	}
	*r.rest = (*r.rest)[n:]
	return appendElement(dst, v), nil
}

// appendElement appends an element of an array, in quotes where it could be read as anything else.
func appendElement(dst, v Value) Value {
	if len(v) > 0 && !strings.EqualFold(string(v), "NULL") && !bytes.ContainsAny(v, "{},\"\\ \t\n\r\v\f") {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	for _, b := range v {
		if b == '"' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}
