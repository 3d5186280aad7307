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
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// parquetSource is a Parquet file (README, section 2.2).
//
// It is read by column chunks and not by pqarrow's readers, because those start
// goroutines, and a panic on a damaged file in another goroutine would end the
// process.
type parquetSource struct {
	guard
	f      *os.File
	info   os.FileInfo
	fields []parquetField
}

// parquetField is one column of the table as the file has it.
type parquetField struct {
	name  string
	leaf  int // its index among the file's columns
	arrow arrow.DataType
	fault *Error // why it cannot be read
}

const parquetMagic = "PAR1"

func openParquet(_ context.Context, name string, f *os.File, _ Options) (source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: name, Message: "cannot be read", Err: plainCause(err)}
	}
	s := &parquetSource{guard: guard{file: name, format: "Parquet"}, f: f, info: info}
	if err := s.checkMarks(); err != nil {
		return nil, err
	}
	err = s.run(func() error {
		r, err := s.open()
		if err != nil {
			return err
		}
		if err := s.checkCounts(r.MetaData()); err != nil {
			return err
		}
		return s.readSchema(r.MetaData())
	})
	if err != nil {
		return nil, err
	}
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
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
	if string(mark) == "PARE" {
		return &Error{File: s.file, Message: "is encrypted Parquet, which is not supported"}
	}
	if string(mark) != parquetMagic || s.info.Size() < 12 {
		return &Error{File: s.file, Message: "is a truncated Parquet file", Hint: "its end is missing"}
	}
	return nil
}

func (s *parquetSource) open() (*file.Reader, error) {
	props := parquet.NewReaderProperties(bounded)
	props.BufferedStreamEnabled = true
	// The reader closes what it was given; the file stays ours.
	section := io.NewSectionReader(s.f, 0, s.info.Size())
	return file.NewParquetReader(section, file.WithReadProps(props))
}

// checkCounts compares what the metadata says about rows: the file, its row
// groups, and their column chunks, which are not nested.
func (s *parquetSource) checkCounts(m *metadata.FileMetaData) error {
	contradiction := func(format string, args ...any) error {
		return &Error{Message: fmt.Sprintf(format, args...), Hint: damagedHint}
	}
	total := int64(0)
	for g, group := range m.RowGroups {
		rows := group.GetNumRows()
		if rows < 0 || rows > MaxRows {
			return contradiction("row group %d says %d rows; the limit is %d", g+1, rows, MaxRows)
		}
		total += rows
		if len(group.Columns) != m.Schema.NumColumns() {
			return contradiction("row group %d has %d columns and the file %d", g+1, len(group.Columns), m.Schema.NumColumns())
		}
		for i, chunk := range group.Columns {
			column := m.Schema.Column(i)
			if column.MaxRepetitionLevel() > 0 {
				continue
			}
			s.column, s.part = column.Name(), fmt.Sprintf("row group %d", g+1)
			described, err := m.RowGroup(g).ColumnChunk(i)
			switch {
			case chunk.IsSetCryptoMetadata(): // its metadata may be too
			case err != nil:
				return err
			case described.PathInSchema().String() != column.Path() || described.Type() != column.PhysicalType():
				return contradiction("is described as column %q of type %s and the schema says %s", described.PathInSchema(),
					described.Type(), column.PhysicalType())
			case described.NumValues() != rows:
				return contradiction("has %d rows and this column chunk %d values", rows, described.NumValues())
			}
		}
	}
	s.column, s.part = "", ""
	if total != m.GetNumRows() {
		return contradiction("the file says %d rows and its row groups together %d", m.GetNumRows(), total)
	}
	return nil
}

// readSchema takes the columns. What cannot be read is a fault of the column.
func (s *parquetSource) readSchema(m *metadata.FileMetaData) error {
	root, leaf := m.Schema.Root(), 0
	for i := range root.NumFields() {
		node := root.Field(i)
		f := parquetField{name: node.Name(), leaf: leaf, arrow: arrow.Null}
		for leaf < m.Schema.NumColumns() && m.Schema.ColumnRoot(leaf) == node {
			leaf++
		}
		s.column = f.name
		switch {
		case node.Type() == schema.Group || node.RepetitionType() == parquet.Repetitions.Repeated:
			f.fault = &Error{Message: "a nested column is not supported", Hint: "a table has one value in each cell"}
		case leaf != f.leaf+1:
			return fmt.Errorf("%d columns in place of one", leaf-f.leaf)
		default:
			f.fault = s.unreadable(m, f.leaf)
		}
		if f.fault == nil {
			f.arrow, f.fault = arrowType(node)
		}
		if f.fault != nil {
			f.fault.File, f.fault.Field = s.file, f.name
		}
		s.fields = append(s.fields, f)
	}
	s.column = ""
	return nil
}

// arrowType gives the type that the library has for a column; its conversion of
// a whole schema fails with the first one that it has none for.
func arrowType(node schema.Node) (arrow.DataType, *Error) {
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{node}, -1)
	if err != nil {
		return nil, &Error{Message: "its type is not supported", Err: plainFault(err)}
	}
	out, err := pqarrow.FromParquet(schema.NewSchema(root), nil, nil)
	if err != nil || out.NumFields() != 1 {
		return nil, &Error{Message: "the type " + node.LogicalType().String() + " is not supported in the way it is stored"}
	}
	return out.Field(0).Type, nil
}

// unreadable says what of a column the row groups' metadata shows to be not
// supported.
func (s *parquetSource) unreadable(m *metadata.FileMetaData, leaf int) *Error {
	for g, group := range m.RowGroups {
		prefix := fmt.Sprintf("row group %d ", g+1)
		if group.Columns[leaf].IsSetCryptoMetadata() {
			return &Error{Message: prefix + "is encrypted, which is not supported"}
		}
		chunk, err := m.RowGroup(g).ColumnChunk(leaf)
		if err != nil {
			return &Error{Message: prefix + "has metadata that cannot be read", Err: plainFault(err)}
		}
		if chunk.FilePath() != "" {
			return &Error{Message: prefix + "keeps its values in another file, which is not supported"}
		}
		if _, err := codecOf(chunk.Compression()); err != nil {
			err.Message = prefix + err.Message
			return err
		}
		for _, e := range chunk.Encodings() {
			levels := e == parquet.Encodings.RLE || e == parquet.Encodings.BitPacked
			if err := supportedEncoding(m.Schema.Column(leaf).PhysicalType(), e); err != nil && !levels {
				err.Message = prefix + err.Message
				return err
			}
		}
	}
	return nil
}

func (s *parquetSource) columns() []sourceColumn {
	out := make([]sourceColumn, len(s.fields))
	for i, f := range s.fields {
		out[i] = sourceColumn{name: f.name, arrow: f.arrow, fault: f.fault}
	}
	return out
}

func (s *parquetSource) close() error { return s.f.Close() }

func (s *parquetSource) scan(ctx context.Context, wanted []int, visit func(*batch) error) error {
	err := s.run(func() error {
		r, err := s.open()
		if err != nil {
			return err
		}
		if err := s.checkCounts(r.MetaData()); err != nil {
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
	readers := make([]arrayReader, len(s.fields))
	chunks := make([]*chunkPages, len(readers))
	for _, i := range wanted {
		var err error
		s.column, s.part = s.fields[i].name, fmt.Sprintf("row group %d", group+1)
		if chunks[i], readers[i], err = s.openChunk(r, g, i); err != nil {
			return 0, err
		}
		chunks[i].guard, chunks[i].group = &s.guard, group
	}
	for from := int64(0); from < rows; from += batchRows {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b := &batch{rows: int(min(batchRows, rows-from)), first: first + from, columns: make([]arrow.Array, len(readers))}
		for _, i := range wanted {
			var err error
			s.column, s.part = s.fields[i].name, fmt.Sprintf("row group %d, page %d", group+1, chunks[i].number)
			if b.columns[i], err = readers[i](b.rows); err != nil {
				return 0, err
			}
		}
		s.column, s.part = "", ""
		if err := visit(b); err != nil {
			return 0, err
		}
	}
	for _, i := range wanted { // pages behind the last row, which nothing has asked for
		s.column, s.part = s.fields[i].name, fmt.Sprintf("row group %d, page %d", group+1, chunks[i].number)
		if chunks[i].Next() {
			return 0, &Error{Message: "holds values behind the last row", Hint: damagedHint}
		} else if err := chunks[i].Err(); err != nil {
			return 0, err
		}
	}
	s.column, s.part = "", ""
	return rows, nil
}

// openChunk makes the reader of one column's values in one row group.
func (s *parquetSource) openChunk(r *file.Reader, g *file.RowGroupReader, i int) (*chunkPages, arrayReader, error) {
	leaf := s.fields[i].leaf
	described, err := g.MetaData().ColumnChunk(leaf)
	if err != nil {
		return nil, nil, err
	}
	column := r.MetaData().Schema.Column(leaf)
	padded := r.MetaData().WriterVersion().LessThan(metadata.Parquet816FixedVersion)
	pages, err := newChunkPages(s.f, s.info.Size(), described, column, padded)
	if err != nil {
		return nil, nil, err
	}
	chunk := file.NewColumnReader(column, pages, bounded, r.BufferPool())
	values, err := newArrayReader(chunk, s.fields[i].arrow)
	return pages, func(rows int) (arrow.Array, error) {
		out, err := values(rows)
		if err != nil && chunk.Err() != nil { // the cause, which the library does not hand on
			err = chunk.Err()
		}
		return out, err
	}, err
}

// An arrayReader gives the next rows of a column chunk as an array of a type
// that reads the same as the column's.
type arrayReader func(rows int) (arrow.Array, error)

func newArrayReader(chunk file.ColumnChunkReader, t arrow.DataType) (arrayReader, error) {
	optional := chunk.Descriptor().MaxDefinitionLevel() > 0
	mem := memory.DefaultAllocator
	if t.ID() == arrow.NULL {
		return newNullReader(chunk, optional)
	}
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

// newNullReader reads a column of the logical type Null, which may have any
// physical type and no value.
func newNullReader(chunk file.ColumnChunkReader, optional bool) (arrayReader, error) {
	switch c := chunk.(type) {
	case *file.BooleanColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Float32ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Float64ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Int32ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Int64ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Int96ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.ByteArrayColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.FixedLenByteArrayColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	}
	return nil, unreadable(arrow.Null)
}

func fillNull[T any](next func(int64, []T, []int16, []int16) (int64, int, error), optional bool) arrayReader {
	return fill(next, optional, array.NewNullBuilder(memory.DefaultAllocator), func(T) error {
		return &Error{Message: "holds a value in a column of the type Null", Hint: damagedHint}
	})
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

// bigEndian reads a two's complement number. It may be written in any number of
// bytes, as long as so many would have sufficed.
func bigEndian(v []byte, most int) (*big.Int, error) {
	if len(v) == 0 {
		return nil, fmt.Errorf("a decimal of no bytes")
	}
	sign := byte(0)
	if v[0]&0x80 != 0 {
		sign = 0xFF
	}
	for len(v) > most && v[0] == sign && v[1]&0x80 == sign&0x80 {
		v = v[1:]
	}
	if len(v) > most {
		return nil, &Error{Message: fmt.Sprintf("holds a decimal of more than %d digits", MaxDigits)}
	}
	n := new(big.Int).SetBytes(v)
	if sign != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
	}
	return n, nil
}
