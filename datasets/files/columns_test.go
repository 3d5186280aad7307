package files

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// TestParquetColumns: what the library writes, in each encoding, in pages that end anywhere, with and without NULL,
// is read as it was.
func TestParquetColumns(t *testing.T) {
	const rows = 20_000
	plain := []parquet.Encoding{parquet.Encodings.Plain, parquet.Encodings.RLEDict}
	for _, c := range []struct {
		t         arrow.DataType
		encodings []parquet.Encoding
		add       func(b array.Builder, r *rand.Rand)
	}{
		{arrow.PrimitiveTypes.Int32, append(plain, parquet.Encodings.DeltaBinaryPacked), func(b array.Builder, r *rand.Rand) { b.(*array.Int32Builder).Append(int32(r.Uint32() >> r.IntN(32))) }},
		{arrow.PrimitiveTypes.Int64, append(plain, parquet.Encodings.DeltaBinaryPacked), func(b array.Builder, r *rand.Rand) { b.(*array.Int64Builder).Append(int64(r.Uint64() >> r.IntN(64))) }},
		{arrow.PrimitiveTypes.Float64, plain, func(b array.Builder, r *rand.Rand) { b.(*array.Float64Builder).Append(float64(r.IntN(1000)) / 8) }},
		{arrow.PrimitiveTypes.Float32, plain, func(b array.Builder, r *rand.Rand) { b.(*array.Float32Builder).Append(float32(r.IntN(1000)) / 8) }},
		{arrow.FixedWidthTypes.Boolean, []parquet.Encoding{parquet.Encodings.Plain, parquet.Encodings.RLE}, func(b array.Builder, r *rand.Rand) { b.(*array.BooleanBuilder).Append(r.IntN(3) == 0) }},
		{arrow.FixedWidthTypes.Date32, plain, func(b array.Builder, r *rand.Rand) {
			b.(*array.Date32Builder).Append(arrow.Date32(r.IntN(9000) - 3000))
		}},
		{&arrow.Decimal128Type{Precision: 31, Scale: 2}, plain, func(b array.Builder, r *rand.Rand) {
			b.(*array.Decimal128Builder).Append(decimal128.New(int64(r.IntN(200)-100), r.Uint64()))
		}},
		{arrow.BinaryTypes.String, append(plain, parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaByteArray), func(b array.Builder, r *rand.Rand) {
			b.(*array.StringBuilder).Append(fmt.Sprint("text"[:r.IntN(5)], r.IntN(1<<r.IntN(20))))
		}},
	} {
		for _, encoding := range c.encodings {
			for share := range 3 { // of NULLs: none, a few, half
				r := rand.New(rand.NewPCG(uint64(encoding), uint64(share)))
				b := array.NewBuilder(memory.DefaultAllocator, c.t)
				for range rows {
					if share > 0 && r.IntN([]int{0, 50, 2}[share]) == 0 {
						b.AppendNull()
					} else {
						c.add(b, r)
					}
				}
				want := b.NewArray()
				size := 700 + r.Int64N(5000)
				if encoding == parquet.Encodings.RLE { // the library writes the values of a chunk's first page again in its second
					size = 1 << 20
				}
				options := []parquet.WriterProperty{parquet.WithDictionaryDefault(encoding == parquet.Encodings.RLEDict), parquet.WithDataPageSize(size), parquet.WithMaxRowGroupLength(9_001)}
				if encoding != parquet.Encodings.RLEDict {
					options = append(options, parquet.WithEncoding(encoding))
				}
				if r.IntN(2) == 0 {
					options = append(options, parquet.WithDataPageVersion(parquet.DataPageV2))
				}
				got := throughParquet(t, want, share > 0, options...)
				at := int64(0)
				for _, a := range got {
					if to := at + int64(a.Len()); !sameValues(a, array.NewSlice(want, at, to)) {
						t.Fatalf("%s in %s, NULLs %d, rows %d to %d: others", c.t, encoding, share, at, to)
					}
					at += int64(a.Len())
				}
				if at != rows {
					t.Errorf("%s in %s: %d rows", c.t, encoding, at)
				}
			}
		}
	}
}

// sameValues compares arrays, of which integers are read as 64 bits.
func sameValues(a, b arrow.Array) bool {
	if b, ok := b.(*array.Int32); ok {
		for i := range b.Len() {
			if a.IsNull(i) != b.IsNull(i) || b.IsValid(i) && a.(*array.Int64).Value(i) != int64(b.Value(i)) {
				return false
			}
		}
		return a.Len() == b.Len()
	}
	return array.Equal(a, b)
}

// throughParquet writes an array as a column and reads it.
func throughParquet(t *testing.T, a arrow.Array, nullable bool, options ...parquet.WriterProperty) (out []arrow.Array) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "c", Type: a.DataType(), Nullable: nullable}}, nil)
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(array.NewRecord(schema, []arrow.Array{a}, int64(a.Len()))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Scan(context.Background(), []int{0}, func(b *Batch) error {
		copied, err := array.Concatenate([]arrow.Array{b.Columns[0]}, memory.DefaultAllocator)
		out = append(out, copied)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
