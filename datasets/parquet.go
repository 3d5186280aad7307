package datasets

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/decimal256"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// parquetSource is a Parquet file (README, section 2.2).
//
// It is read by column chunks and not by pqarrow's readers, because those start
// goroutines, and a panic on a damaged file in another goroutine would end the
// process.
type parquetSource struct {
	file   string
	f      *os.File
	info   os.FileInfo
	schema *arrow.Schema
}

const parquetMagic = "PAR1"

func openParquet(_ context.Context, name string, f *os.File, _ Options) (source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: name, Message: "cannot be read", Err: plainCause(err)}
	}
	s := &parquetSource{file: name, f: f, info: info}
	if err := s.checkMarks(); err != nil {
		return nil, err
	}
	err = s.guarded(func() error {
		r, err := s.open()
		if err != nil {
			return err
		}
		return s.readSchema(r)
	})
	if err != nil {
		return nil, err
	}
	names := make([]string, s.schema.NumFields())
	for i := range names {
		names[i] = s.schema.Field(i).Name
	}
	return s, checkNames(name, names, nil)
}

// checkMarks tells a truncated file from one of another format.
func (s *parquetSource) checkMarks() error {
	mark := make([]byte, len(parquetMagic))
	if n, err := s.f.ReadAt(mark, 0); err != nil && err != io.EOF {
		return &Error{File: s.file, Message: "cannot be read", Err: plainCause(err)}
	} else if string(mark[:n]) != parquetMagic {
		return &Error{File: s.file, Message: "is not a Parquet file"}
	}
	if _, err := s.f.ReadAt(mark, max(0, s.info.Size()-int64(len(mark)))); err != nil {
		return &Error{File: s.file, Message: "cannot be read", Err: plainCause(err)}
	}
	if string(mark) != parquetMagic || s.info.Size() < 12 {
		return &Error{File: s.file, Message: "is a truncated Parquet file", Hint: "its end is missing"}
	}
	return nil
}

func (s *parquetSource) guarded(work func() error) error { return guard(s.file, "Parquet", work) }

func (s *parquetSource) open() (*file.Reader, error) {
	props := parquet.NewReaderProperties(bounded)
	props.BufferedStreamEnabled = true
	// The reader closes what it was given; the file stays ours.
	section := io.NewSectionReader(s.f, 0, s.info.Size())
	return file.NewParquetReader(section, file.WithReadProps(props))
}

// readSchema takes a flat schema; nested columns are refused by name.
func (s *parquetSource) readSchema(r *file.Reader) error {
	sc := r.MetaData().Schema
	for i := range sc.NumColumns() {
		if c := sc.Column(i); c.MaxRepetitionLevel() > 0 || len(c.ColumnPath()) > 1 {
			return &Error{File: s.file, Field: c.ColumnPath()[0], Message: "a nested column is not supported",
				Hint: "a table has one value in each cell"}
		}
	}
	schema, err := pqarrow.FromParquet(sc, nil, nil)
	if err != nil {
		return err
	}
	if schema.NumFields() != sc.NumColumns() {
		return fmt.Errorf("%d fields over %d columns", schema.NumFields(), sc.NumColumns())
	}
	s.schema = schema
	return nil
}

func (s *parquetSource) columns() []sourceColumn {
	out := make([]sourceColumn, s.schema.NumFields())
	for i, f := range s.schema.Fields() {
		out[i] = sourceColumn{name: f.Name, arrow: f.Type}
	}
	return out
}

func (s *parquetSource) close() error { return s.f.Close() }

func (s *parquetSource) scan(ctx context.Context, wanted []int, visit func(*batch) error) error {
	err := s.guarded(func() error {
		r, err := s.open()
		if err != nil {
			return err
		}
		first := int64(1)
		for g := range r.NumRowGroups() {
			rows, err := s.scanGroup(ctx, r, g, wanted, first, visit)
			if err != nil {
				return err
			}
			first += rows
		}
		return nil
	})
	if err != nil {
		return err
	}
	return unchanged(s.file, s.f, s.info)
}

// scanGroup visits the rows of one row group.
func (s *parquetSource) scanGroup(ctx context.Context, r *file.Reader, group int, wanted []int, first int64, visit func(*batch) error) (int64, error) {
	g := r.RowGroup(group)
	rows := g.NumRows()
	if rows < 0 || rows > MaxRows {
		return 0, fmt.Errorf("a row group of %d rows", rows)
	}
	readers := make([]arrayReader, s.schema.NumFields())
	for _, i := range wanted {
		pages, err := g.GetColumnPageReader(i)
		if err != nil {
			return 0, err
		}
		description := r.MetaData().Schema.Column(i)
		checked := &checkedPages{PageReader: pages, optional: description.MaxDefinitionLevel() > 0}
		chunk := file.NewColumnReader(description, checked, bounded, r.BufferPool())
		if readers[i], err = newArrayReader(chunk, s.schema.Field(i).Type); err != nil {
			return 0, fmt.Errorf("column %q: %w", s.schema.Field(i).Name, err)
		}
	}
	for from := int64(0); from < rows; from += batchRows {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b := &batch{rows: int(min(batchRows, rows-from)), first: first + from, columns: make([]arrow.Array, len(readers))}
		for _, i := range wanted {
			var err error
			if b.columns[i], err = readers[i](b.rows); err != nil {
				return 0, fmt.Errorf("column %q: %w", s.schema.Field(i).Name, err)
			}
		}
		if err := visit(b); err != nil {
			return 0, err
		}
	}
	return rows, nil
}

// An arrayReader gives the next rows of a column chunk as an array of a type
// that reads the same as the column's.
type arrayReader func(rows int) (arrow.Array, error)

func newArrayReader(chunk file.ColumnChunkReader, t arrow.DataType) (arrayReader, error) {
	optional := chunk.Descriptor().MaxDefinitionLevel() > 0
	mem := memory.DefaultAllocator
	switch c := chunk.(type) {
	case *file.BooleanColumnChunkReader:
		b := array.NewBooleanBuilder(mem)
		return fill(c.ReadBatch, optional, b, func(v bool) error { b.Append(v); return nil }), nil
	case *file.Float32ColumnChunkReader:
		b := array.NewFloat32Builder(mem)
		return fill(c.ReadBatch, optional, b, func(v float32) error { b.Append(v); return nil }), nil
	case *file.Float64ColumnChunkReader:
		b := array.NewFloat64Builder(mem)
		return fill(c.ReadBatch, optional, b, func(v float64) error { b.Append(v); return nil }), nil
	case *file.Int32ColumnChunkReader:
		b, add, err := integerBuilder(t)
		if t.ID() == arrow.UINT32 {
			return fill(c.ReadBatch, optional, b, func(v int32) error { return add(int64(uint32(v))) }), err
		}
		return fill(c.ReadBatch, optional, b, func(v int32) error { return add(int64(v)) }), err
	case *file.Int64ColumnChunkReader:
		b, add, err := integerBuilder(t)
		return fill(c.ReadBatch, optional, b, add), err
	case *file.ByteArrayColumnChunkReader:
		b, add, err := bytesBuilder(t)
		return fill(c.ReadBatch, optional, b, func(v parquet.ByteArray) error { return add(v) }), err
	case *file.FixedLenByteArrayColumnChunkReader:
		b, add, err := bytesBuilder(t)
		return fill(c.ReadBatch, optional, b, func(v parquet.FixedLenByteArray) error { return add(v) }), err
	}
	return nil, unreadable(t)
}

func unreadable(t arrow.DataType) error { return fmt.Errorf("the type %s is not supported", t) }

// fill reads rows from a typed column chunk. next gives the values that are
// present, densely, and for optional columns the definition level of every row:
// 0 where the value is missing.
func fill[T any](next func(int64, []T, []int16, []int16) (int64, int, error), optional bool, b array.Builder, add func(T) error) arrayReader {
	values, levels := make([]T, batchRows), make([]int16, batchRows)
	return func(rows int) (arrow.Array, error) {
		for got := 0; got < rows; {
			n, present, err := next(int64(rows-got), values[:rows-got], levels[:rows-got], nil)
			if err != nil {
				return nil, err
			}
			if n <= 0 || n > int64(rows-got) || present > int(n) {
				return nil, fmt.Errorf("its data ends %d rows early", rows-got)
			}
			taken := 0
			for i := range int(n) {
				if optional && levels[i] == 0 {
					b.AppendNull()
					continue
				}
				if taken == present {
					return nil, fmt.Errorf("fewer values than its definition levels promise")
				}
				if err := add(values[taken]); err != nil {
					return nil, err
				}
				taken++
			}
			got += int(n)
		}
		return b.NewArray(), nil
	}
}

// integerBuilder takes the values of the two integer types of Parquet.
func integerBuilder(t arrow.DataType) (array.Builder, func(int64) error, error) {
	mem := memory.DefaultAllocator
	switch t := t.(type) {
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type,
		*arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type:
		b := array.NewInt64Builder(mem)
		return b, func(v int64) error { b.Append(v); return nil }, nil
	case *arrow.Uint64Type:
		b := array.NewUint64Builder(mem)
		return b, func(v int64) error { b.Append(uint64(v)); return nil }, nil
	case *arrow.Date32Type:
		b := array.NewDate32Builder(mem)
		return b, func(v int64) error { b.Append(arrow.Date32(v)); return nil }, nil
	case *arrow.Decimal128Type:
		b := array.NewDecimal128Builder(mem, t)
		return b, func(v int64) error { b.Append(decimal128.FromI64(v)); return nil }, nil
	}
	return nil, nil, unreadable(t)
}

// bytesBuilder takes the values of the two byte array types of Parquet.
func bytesBuilder(t arrow.DataType) (array.Builder, func([]byte) error, error) {
	mem := memory.DefaultAllocator
	switch t := t.(type) {
	case *arrow.StringType:
		b := array.NewStringBuilder(mem)
		return b, func(v []byte) error { b.BinaryBuilder.Append(v); return nil }, nil
	case *arrow.Decimal128Type:
		b := array.NewDecimal128Builder(mem, t)
		return b, func(v []byte) error {
			n, err := bigEndian(v, 16)
			if err == nil {
				b.Append(decimal128.FromBigInt(n))
			}
			return err
		}, nil
	case *arrow.Decimal256Type:
		b := array.NewDecimal256Builder(mem, t)
		return b, func(v []byte) error {
			n, err := bigEndian(v, 32)
			if err == nil {
				b.Append(decimal256.FromBigInt(n))
			}
			return err
		}, nil
	case *arrow.Float16Type:
		b := array.NewFloat16Builder(mem)
		return b, func(v []byte) error {
			if len(v) != 2 {
				return fmt.Errorf("a half float of %d bytes", len(v))
			}
			b.Append(float16.FromBits(uint16(v[0]) | uint16(v[1])<<8))
			return nil
		}, nil
	}
	return nil, nil, unreadable(t)
}

// bigEndian reads a two's complement number of at most so many bytes.
func bigEndian(v []byte, most int) (*big.Int, error) {
	if len(v) == 0 || len(v) > most {
		return nil, fmt.Errorf("a decimal of %d bytes", len(v))
	}
	n := new(big.Int).SetBytes(v)
	if v[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
	}
	return n, nil
}
