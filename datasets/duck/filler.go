package duck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Filler appends rows to a table by columns, from Arrow's arrays straight into DuckDB's vectors: the driver's
// own appender boxes every value. It is for one goroutine.
type Filler struct {
	conn     *sql.Conn
	appender mapping.Appender
	types    []mapping.LogicalType
	chunk    mapping.DataChunk
	capacity int
	pending  int // rows that are not yet in the table
}

// groupRows is how many rows DuckDB stores as one group, whose columns begin blocks of their own: groups that are
// full leave less of the blocks empty than what the appender would bring by itself.
const groupRows = 122_880

// NewFiller begins to fill a table, whose columns are BIGINT, HUGEINT, INTEGER, BOOLEAN and VARCHAR. Close ends
// it and makes the rows visible.
func NewFiller(ctx context.Context, db *sql.DB, table string) (*Filler, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	f := &Filler{conn: conn, capacity: int(mapping.VectorSize())}
	if err := conn.Raw(func(raw any) error { return f.begin(raw, table) }); err != nil {
		conn.Close()
		return nil, err
	}
	return f, nil
}

func (f *Filler) begin(raw any, table string) error {
	native, err := nativeConnection(raw)
	if err != nil {
		return err
	}
	if mapping.AppenderCreateExt(native, "", "", table, &f.appender) == mapping.StateError {
		err := errors.New(mapping.AppenderError(f.appender))
		mapping.AppenderDestroy(&f.appender)
		return err
	}
	for i := range mapping.AppenderColumnCount(f.appender) {
		f.types = append(f.types, mapping.AppenderColumnType(f.appender, i))
	}
	f.chunk = mapping.CreateDataChunk(f.types)
	return nil
}

// nativeConnection is the connection behind the driver's, which it does not hand out: it is read where the driver
// keeps it. A version that keeps it elsewhere opens no table, which a test would tell.
func nativeConnection(raw any) (mapping.Connection, error) {
	v := reflect.ValueOf(raw)
	if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		if field := v.Elem().FieldByName("conn"); field.IsValid() && field.Type() == reflect.TypeFor[mapping.Connection]() {
			return mapping.Connection{Ptr: field.FieldByName("Ptr").UnsafePointer()}, nil
		}
	}
	return mapping.Connection{}, fmt.Errorf("duck: the driver's %T has no connection where it is expected", raw)
}

// Append adds rows: an array for each column of the table, nil for NULL in every row. Numbers and dates go to
// the integers of their width, Decimal128 to HUGEINT, whatever its scale.
func (f *Filler) Append(columns []arrow.Array, rows int) error {
	if len(columns) != len(f.types) {
		return fmt.Errorf("duck: %d columns for a table of %d", len(columns), len(f.types))
	}
	var pinned runtime.Pinner // texts lie where they are until DuckDB has copied them
	defer pinned.Unpin()
	for _, a := range columns {
		if a, ok := a.(*array.String); ok {
			if data := a.Data().Buffers()[2]; data != nil && data.Len() > 0 {
				pinned.Pin(&data.Bytes()[0])
			}
		}
	}
	for from := 0; from < rows; {
		n := min(f.capacity, rows-from, groupRows-f.pending)
		mapping.DataChunkReset(f.chunk)
		for i, a := range columns {
			if err := set(mapping.DataChunkGetVector(f.chunk, mapping.IdxT(i)), a, from, n); err != nil {
				return err
			}
		}
		mapping.DataChunkSetSize(f.chunk, mapping.IdxT(n))
		if mapping.AppendDataChunk(f.appender, f.chunk) == mapping.StateError {
			return errors.New(mapping.AppenderError(f.appender))
		}
		if from, f.pending = from+n, f.pending+n; f.pending == groupRows {
			if f.pending = 0; mapping.AppenderFlush(f.appender) == mapping.StateError {
				return errors.New(mapping.AppenderError(f.appender))
			}
		}
	}
	runtime.KeepAlive(columns)
	return nil
}

// vectorOf are the first values of a vector, as they lie in it.
func vectorOf[T any](v mapping.Vector, n int) []T {
	return unsafe.Slice((*T)(mapping.VectorGetData(v)), n)
}

// set writes n rows of an array, from one on, to a vector.
func set(v mapping.Vector, a arrow.Array, from, n int) error {
	if _, all := a.(*array.Null); all { // which says of no row by itself that it is NULL
		a = nil
	}
	setNulls(v, a, from, n)
	switch a := a.(type) {
	case nil:
	case *array.Int64:
		copy(vectorOf[int64](v, n), a.Int64Values()[from:from+n])
	case *array.Decimal128: // both are the low 64 bits, then the high
		copy(vectorOf[[16]byte](v, n), unsafe.Slice((*[16]byte)(unsafe.Pointer(&a.Values()[0])), a.Len())[from:from+n])
	case *array.Date32:
		copy(vectorOf[arrow.Date32](v, n), a.Date32Values()[from:from+n])
	case *array.Boolean:
		out := vectorOf[bool](v, n)
		for i := range out {
			out[i] = a.Value(from + i)
		}
	case *array.String:
		setTexts(vectorOf[textCell](v, n), a, from)
	default:
		return fmt.Errorf("duck: an array of %s", a.DataType())
	}
	return nil
}

// setNulls marks the rows that are NULL; a vector that was reset has none.
func setNulls(v mapping.Vector, a arrow.Array, from, n int) {
	if a != nil && a.NullN() == 0 {
		return
	}
	mapping.VectorEnsureValidityWritable(v)
	mask := unsafe.Slice((*uint64)(mapping.VectorGetValidity(v)), (n+63)/64)
	for i := range n {
		if a == nil || a.IsNull(from+i) {
			mask[i/64] &^= 1 << (i % 64)
		}
	}
}

// textCell is a text in a vector: its length, and up to inlined bytes themselves or the first four and where
// all lie (duckdb_string_t of duckdb.h).
type textCell struct {
	length uint32
	prefix [4]byte
	rest   [8]byte
}

const inlined = 12

func setTexts(out []textCell, a *array.String, from int) {
	var data []byte
	if b := a.Data().Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	offsets := a.ValueOffsets()[from : from+len(out)+1]
	for i := range out {
		text := data[offsets[i]:offsets[i+1]]
		c := textCell{length: uint32(len(text))}
		switch copied := copy(c.prefix[:], text); {
		case len(text) <= inlined:
			copy(c.rest[:], text[copied:])
		default:
			*(*uintptr)(unsafe.Pointer(&c.rest)) = uintptr(unsafe.Pointer(&text[0]))
		}
		out[i] = c
	}
}

// Close ends the filling.
func (f *Filler) Close() error {
	var err error
	if mapping.AppenderFlush(f.appender) == mapping.StateError {
		err = errors.New(mapping.AppenderError(f.appender))
		mapping.AppenderClear(f.appender)
	}
	f.end()
	return err
}

// Abandon ends the filling without the rows that are not yet in the table.
func (f *Filler) Abandon() {
	mapping.AppenderClear(f.appender)
	f.end()
}

func (f *Filler) end() {
	mapping.DestroyDataChunk(&f.chunk)
	for i := range f.types {
		mapping.DestroyLogicalType(&f.types[i])
	}
	mapping.AppenderDestroy(&f.appender)
	f.conn.Close()
}
