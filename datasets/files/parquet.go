package files

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// parquetSource is a Parquet file (README, section 2.2).
//
// It is read by column chunks and not by pqarrow's readers, because those start
// goroutines without a guard, and a panic on a damaged file in one would end the
// process.
type parquetSource struct {
	guard
	f      *os.File
	info   os.FileInfo
	fields []parquetField
	notes  []string // about the names
	held   bool     // f is another's to close
}

// parquetField is one column of the table as the file has it.
type parquetField struct {
	name  string
	leaf  int // its index among the file's columns
	arrow arrow.DataType
	fault *Error // why it cannot be read
	// common: it is stored in the one usual form of its type.
	common bool
}

const parquetMagic = "PAR1"

func openParquet(_ context.Context, name string, f *os.File, _ Options) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: name, Message: "cannot be read", Err: PlainCause(err)}
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
		return s.readSchema(r)
	})
	if err != nil {
		return nil, err
	}
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	if s.notes, err = nameColumns(name, names, true, nil); err != nil {
		return nil, err
	}
	for i, name := range names {
		if s.fields[i].name = name; s.fields[i].fault != nil {
			s.fields[i].fault.Field = name
		}
	}
	return s, nil
}

// checkMarks tells a truncated file from one of another format.
func (s *parquetSource) checkMarks() error {
	mark := make([]byte, len(parquetMagic))
	if n, err := s.f.ReadAt(mark, 0); err != nil && err != io.EOF {
		return &Error{File: s.file, Message: "cannot be read", Err: PlainCause(err)}
	} else if string(mark[:n]) != parquetMagic {
		return &Error{File: s.file, Message: "is not a Parquet file"}
	}
	if _, err := s.f.ReadAt(mark, max(0, s.info.Size()-int64(len(mark)))); err != nil {
		return &Error{File: s.file, Message: "cannot be read", Err: PlainCause(err)}
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
func (s *parquetSource) readSchema(r *file.Reader) error {
	m := r.MetaData()
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
			f.common = f.fault == nil && commonForm(r, f.leaf, f.arrow)
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
	if leaf, ok := node.(*schema.PrimitiveNode); ok && leaf.PhysicalType() == parquet.Types.Int96 && out.Field(0).Type.ID() != arrow.NULL {
		return nil, &Error{Message: "the type INT96 is not supported", Hint: "write timestamps as INT64"}
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

func (s *parquetSource) Columns() []Column {
	out := make([]Column, len(s.fields))
	for i, f := range s.fields {
		out[i] = Column{Name: f.name, Arrow: f.arrow, Fault: f.fault}
	}
	return out
}

func (s *parquetSource) Notes() []string { return s.notes }

func (s *parquetSource) Close() error {
	if s.held {
		return nil
	}
	return s.f.Close()
}

func (s *parquetSource) Scan(ctx context.Context, wanted []int, visit func(*Batch) error) error {
	err := s.run(func() error {
		r, err := s.open()
		if err != nil {
			return err
		}
		if err := s.checkCounts(r.MetaData()); err != nil {
			return err
		}
		columns := make([]columnScan, len(wanted))
		err = ahead(func(give func(*Batch) bool) error { return s.scanGroups(ctx, r, wanted, columns, give) }, visit)
		for k, i := range wanted { // which visit may have asked for until now
			s.fields[i].common = s.fields[i].common && !columns[k].odd
		}
		return err
	})
	if err != nil {
		return err
	}
	return unchanged(s.file, s.f, s.info)
}

// scanGroups gives the rows of all row groups, until no more are wanted.
func (s *parquetSource) scanGroups(ctx context.Context, r *file.Reader, wanted []int, columns []columnScan, give func(*Batch) bool) error {
	first := int64(1)
	for g := range r.NumRowGroups() {
		rows := r.RowGroup(g).NumRows()
		if err := s.openGroup(r, g, wanted, columns); err != nil {
			return err
		}
		for from := int64(0); from < rows; from += batchRows {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := &Batch{Rows: int(min(batchRows, rows-from)), First: first + from, Columns: make([]arrow.Array, len(s.fields))}
			if err := s.fill(b, wanted, columns); err != nil {
				return err
			}
			if !give(b) {
				return nil
			}
		}
		if err := s.endGroup(columns); err != nil {
			return err
		}
		first += rows
	}
	return nil
}

// openGroup begins to read a row group. columns are those of the group before.
func (s *parquetSource) openGroup(r *file.Reader, group int, wanted []int, columns []columnScan) error {
	for k, i := range wanted {
		c := &columns[k]
		c.guard = guard{file: s.file, format: s.format, column: s.fields[i].name, part: fmt.Sprintf("row group %d", group+1)}
		if err := c.run(func() error { return s.openChunk(c, r, r.RowGroup(group), i) }); err != nil {
			return err
		}
		c.pages.guard, c.pages.group = &c.guard, group
	}
	return nil
}

// fill reads the rows of a batch.
func (s *parquetSource) fill(b *Batch, wanted []int, columns []columnScan) error {
	return EachColumn(len(columns), func(k int) bool { return s.fields[wanted[k]].arrow.ID() == arrow.STRING }, func(k int) error {
		c := &columns[k]
		return c.run(func() (err error) {
			c.part = c.pages.place()
			b.Columns[wanted[k]], err = c.read(b.Rows)
			return err
		})
	})
}

// endGroup looks at the pages behind a row group's last row, which nothing has asked for.
func (s *parquetSource) endGroup(columns []columnScan) error {
	for k := range columns {
		c := &columns[k]
		if err := c.run(func() error {
			c.part = c.pages.place()
			if c.pages.next() {
				return &Error{Message: "holds values behind the last row", Hint: damagedHint}
			}
			c.odd = c.odd || c.pages.odd
			return c.pages.fault
		}); err != nil {
			return err
		}
	}
	return nil
}

// columnScan is the reading of one column, chunk by chunk, on whatever goroutine, with a guard of its own.
type columnScan struct {
	guard
	pages *chunkPages
	read  arrayReader
	odd   bool // a page is in a form that not every reader knows
}

// openChunk begins to read a column's values in one row group.
func (s *parquetSource) openChunk(c *columnScan, r *file.Reader, g *file.RowGroupReader, i int) error {
	leaf := s.fields[i].leaf
	described, err := g.MetaData().ColumnChunk(leaf)
	if err != nil {
		return err
	}
	column := r.MetaData().Schema.Column(leaf)
	padded := r.MetaData().WriterVersion().LessThan(metadata.Parquet816FixedVersion)
	pages, err := newChunkPages(s.f, s.info.Size(), described, column, padded)
	if err != nil {
		return err
	}
	if c.pages != nil {
		pages.pageRooms = c.pages.pageRooms
		*c.pages = *pages
		return nil
	}
	c.pages = pages
	c.read, err = newArrayReader(pages, s.fields[i].arrow)
	return err
}
