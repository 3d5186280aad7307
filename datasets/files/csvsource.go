package files

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"golang.org/x/text/encoding"

	"parley/datasets/workbook"
	"parley/engine"
)

// csvSource is a CSV file (README, section 2.1).
type csvSource struct {
	file     string
	f        *os.File
	info     os.FileInfo
	encoding encoding.Encoding // nil: UTF-8
	null     map[string]bool   // fields as written, quotation marks included, that are NULL
	mode     string            // HeaderAuto, HeaderYes or HeaderNo
	format   Format
	numerals *Numerals
	sheet    *workbook.Sheet // of a workbook, which is read as the text that it would export
	packed   string          // ".gz", ".zst" or ""
	unpack   func()          // frees the decoder of the last scan
	other    string          // a delimiter that the lines seem to have instead
	first    []string        // the fields of the first line
	names    []string
	notes    []string     // about the names
	watch    *headerWatch // nil without a header
}

func openCSV(_ context.Context, file string, f *os.File, o Options) (Source, error) {
	enc, ok := encodingNamed(o.Encoding)
	if !ok {
		return nil, &Error{File: file, Message: "the encoding " + Shown(o.Encoding) + " is not known",
			Hint: Encodings}
	}
	mode, err := headerMode(file, o.Header)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: PlainCause(err)}
	}
	s := &csvSource{file: file, f: f, info: info, encoding: enc, null: map[string]bool{"": true}, mode: mode, format: o.Format, unpack: func() {}}
	for _, token := range o.Null {
		s.null[token] = true
	}
	if err := s.laidOut(); err != nil {
		return nil, err
	}
	scanner, err := s.rewind()
	if err != nil {
		return nil, err
	}
	if o.Delimiter == "" && s.sheet == nil {
		if s.other, err = scanner.otherDelimiter(); err != nil {
			return nil, err
		}
	}
	if s.names, err = s.header(scanner); err != nil {
		return nil, err
	}
	if len(s.names) == 1 && s.other != "" {
		return nil, &Error{File: file, Line: scanner.fields[0].line, Message: fmt.Sprintf("one column; the lines have %q", s.other),
			Hint: s.otherHint() + fmt.Sprintf(", or --delimiter %q if it is one column", s.format.Delimiter)}
	}
	if s.mode != HeaderNo {
		s.watch, err = newHeaderWatch(file, mode, scanner, s.null)
	}
	if err != nil {
		return nil, err
	}
	s.first = slices.Clone(s.names)
	notes, err := nameColumns(file, s.names, s.mode == HeaderYes, func(i int) (int64, int) { return scanner.fields[i].line, scanner.fields[i].column })
	s.notes = append(s.notes, notes...)
	return s, err
}

// laidOut settles the format of the file by its name and the options.
func (s *csvSource) laidOut() error {
	_, extension, packed := endings(s.file)
	usual := ","
	if extension == ".tsv" {
		usual = "\t"
	}
	if key, problem := s.format.Check(); problem != "" {
		return &Error{File: s.file, Message: problem, Hint: "the option is " + key}
	}
	if extension == ".xlsx" {
		return s.openSheet()
	}
	s.packed = packed
	s.format.Delimiter, _ = delimiterNamed(s.format.Delimiter, usual)
	s.numerals, _ = s.format.Numerals()
	return nil
}

// openSheet makes the source one of a sheet: what is of text files alone does not count.
func (s *csvSource) openSheet() (err error) {
	s.sheet, err = workbook.Open(s.f, s.info.Size(), s.format.Sheet, s.format.Range, s.null)
	s.format, s.encoding = Format{Delimiter: ","}, nil
	if err != nil {
		return (&csvScanner{file: s.file}).unread(err)
	}
	for _, note := range s.sheet.Notes {
		s.notes = append(s.notes, s.file+": "+note)
	}
	return nil
}

// otherHint says how to read the file with the other delimiter.
func (s *csvSource) otherHint() string {
	name := s.other
	if name == "\t" {
		name = "tab"
	}
	return fmt.Sprintf("say --delimiter %q, in node.toml delimiter = %q", name, name)
}

// rewind starts a scan at the header, or the first row.
func (s *csvSource) rewind() (*csvScanner, error) {
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return nil, &Error{File: s.file, Message: "cannot be read", Err: PlainCause(err)}
	}
	s.unpack()
	in, unpack, err := s.unpacked()
	if err != nil {
		return nil, err
	}
	s.unpack = unpack
	if s.encoding != nil {
		in = s.encoding.NewDecoder().Reader(in)
	}
	scanner := newCSVScanner(s.file, in)
	scanner.decoded = s.encoding != nil
	scanner.delimiter, scanner.unquotable, scanner.comment = s.format.Delimiter, s.format.Quote == "none", s.format.Comment
	if s.sheet != nil {
		scanner.line, scanner.firstCell = int64(s.sheet.FirstRow), s.sheet.FirstColumn
		return scanner, nil
	}
	if err := scanner.skipMark(); err != nil {
		return nil, err
	}
	for range s.format.Skip {
		if err := scanner.skipLine(); err != nil {
			return nil, err
		}
	}
	return scanner, nil
}

// unpacked gives the text of the file.
func (s *csvSource) unpacked() (in io.Reader, free func(), err error) {
	if s.sheet == nil {
		return expand(s.file, s.packed, s.f, s.info.Size())
	}
	records, err := s.sheet.Records()
	if err != nil {
		return nil, nil, (&csvScanner{file: s.file}).unread(err)
	}
	return records, func() { records.Close() }, nil
}

// header reads the first line and gives the columns' names.
func (s *csvSource) header(scanner *csvScanner) ([]string, error) {
	more, err := scanner.next()
	switch {
	case err != nil:
		return nil, err
	case (!more || scanner.blank()) && s.mode == HeaderNo:
		return nil, &Error{File: s.file, Line: scanner.first(), Message: "the first line is blank", Hint: "it says how many columns there are"}
	case !more || scanner.blank():
		return nil, &Error{File: s.file, Line: scanner.first(), Message: "no header", Hint: "the first line names the columns; --skip passes over lines before it"}
	case s.mode == HeaderNo:
		return numbered(len(scanner.fields)), nil
	}
	names := make([]string, len(scanner.fields))
	for i := range names {
		names[i] = string(TrimSpaces(scanner.value(i)))
	}
	return names, nil
}

func (s *csvSource) Columns() []Column {
	out := make([]Column, len(s.names))
	for i, name := range s.names {
		out[i] = Column{Name: name, Arrow: arrow.BinaryTypes.String, Untyped: true, Numerals: s.numerals}
	}
	return out
}

func (s *csvSource) Notes() []string { return s.notes }

func (s *csvSource) Close() error {
	s.unpack()
	return s.f.Close()
}

// JudgeHeader decides whether the first line was one, once the kinds of the columns
// below it are known (settleTypes).
func (s *csvSource) JudgeHeader(kinds []engine.Kind) (note string, err error) {
	if s.watch == nil {
		return "", nil
	}
	note, err = s.watch.judge(kinds)
	s.watch = nil // the second scan has nothing more to tell
	return note, err
}

// csvBatch collects rows of a CSV file as text columns.
type csvBatch struct {
	columns []*csvColumn // nil where the column is not wanted
	lines   []int64      // of each row
	places  []csvPlace   // of all fields, row by row
	first   int64
	rows    int
	bytes   int
	made    *Batch // of it
}

// csvPlace is where a field begins: so many lines below its row's first.
type csvPlace struct{ below, column int32 }

// csvColumn is the texts of a column, one behind the other.
type csvColumn struct {
	data    []byte
	offsets []int32
	presence
}

// newCSVBatch is one that is much like another, which may be nil; old is one that is over, or nil.
func newCSVBatch(width int, wanted []int, first int64, like, old *csvBatch) *csvBatch {
	b := &csvBatch{columns: make([]*csvColumn, width), first: first}
	switch {
	case old != nil:
		b.lines, b.places = old.lines[:0], old.places[:0]
	case like != nil:
		b.lines, b.places = make([]int64, 0, len(like.lines)), make([]csvPlace, 0, len(like.places))
	}
	for _, i := range wanted {
		c := &csvColumn{}
		if old != nil {
			c = old.columns[i]
			c.data, c.offsets = c.data[:0], append(c.offsets[:0], 0)
			c.begin()
		} else if c.offsets = make([]int32, 1, batchRows+1); like != nil {
			c.data = make([]byte, 0, len(like.columns[i].data)*9/8)
		}
		b.columns[i] = c
	}
	return b
}

// batch is what was collected.
func (b *csvBatch) batch() *Batch {
	width := len(b.columns)
	out := &Batch{Rows: b.rows, First: b.first, Columns: make([]arrow.Array, width)}
	for i, c := range b.columns {
		if c != nil {
			out.Columns[i] = c.array(arrow.BinaryTypes.String, b.rows, bytesOf(c.offsets), c.data)
		}
	}
	lines, places := b.lines, b.places
	out.Place = func(row, column int) (int64, int) {
		p := places[row*width+column]
		return lines[row] + int64(p.below), int(p.column)
	}
	b.made = out
	return out
}

func (s *csvSource) Scan(ctx context.Context, wanted []int, visit func(*Batch) error) error {
	scanner, err := s.rewind()
	if err != nil {
		return err
	}
	if s.mode != HeaderNo {
		names, err := s.header(scanner)
		if err != nil {
			return err
		}
		if !slices.Equal(names, s.first) {
			return &Error{File: s.file, Message: "changed while it was being read"}
		}
	}
	over := make(chan *Batch, 4) // those that were visited
	err = ahead(func(give func(*Batch) bool) error { return s.collect(ctx, scanner, wanted, give, over) }, func(b *Batch) error {
		err := visit(b)
		select {
		case over <- b:
		default: // its memory is not used again
		}
		return err
	})
	if err != nil {
		return err
	}
	return unchanged(s.file, s.f, s.info)
}

// collect reads all records and gives them in batches, until nobody takes them.
func (s *csvSource) collect(ctx context.Context, scanner *csvScanner, wanted []int, give func(*Batch) bool, over <-chan *Batch) error {
	b := newCSVBatch(len(s.names), wanted, 1, nil, nil)
	given := map[*Batch]*csvBatch{} // and not yet over
	var blank *csvField             // a blank line, which is an error unless only blank lines follow
	for {
		more, err := scanner.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if scanner.blank() && len(s.names) > 1 {
			if blank == nil {
				field := scanner.fields[0]
				blank = &field
			}
			continue
		}
		if blank != nil {
			return &Error{File: s.file, Line: blank.line, Message: "a blank line between rows"}
		}
		if err := s.append(b, scanner); err != nil {
			return err
		}
		if b.rows == batchRows || b.bytes > batchBytes {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !give(b.batch()) {
				return nil
			}
			var old *csvBatch
			given[b.made] = b
			select {
			case visited := <-over:
				old = given[visited]
				delete(given, visited)
			default:
			}
			b = newCSVBatch(len(s.names), wanted, b.first+int64(b.rows), b, old)
		}
	}
	if b.rows > 0 {
		give(b.batch())
	}
	return nil
}

// append adds the scanner's current record to the batch.
func (s *csvSource) append(b *csvBatch, scanner *csvScanner) error {
	if len(scanner.fields) != len(s.names) {
		e := Errorf(s.file, "%d fields, but the header names %d columns", len(scanner.fields), len(s.names))
		if s.mode == HeaderNo {
			e = Errorf(s.file, "%d fields, but the first line has %d", len(scanner.fields), len(s.names))
		}
		e.Line, e.Row = scanner.fields[0].line, b.first+int64(b.rows)
		if extra := len(s.names); extra < len(scanner.fields) {
			e.Line, e.Column = scanner.fields[extra].line, scanner.fields[extra].column
		} else {
			e.Field = s.names[len(scanner.fields)]
		}
		e.Hint = "is there an unquoted comma, or a missing one?"
		if s.other != "" {
			e.Hint = fmt.Sprintf("all lines have %q: %s", s.other, s.otherHint())
		}
		return e
	}
	line, from := scanner.fields[0].line, 0
	for i, field := range scanner.fields {
		value, column := scanner.text[from:field.end], b.columns[i]
		from = field.end
		b.places = append(b.places, csvPlace{int32(field.line - line), int32(field.column)})
		null := s.isNull(value, field.quoted)
		if s.watch != nil && !null {
			s.watch.observe(i, value, field)
		}
		switch {
		case column == nil:
			continue
		case null:
			column.missing(b.rows, batchRows)
		default:
			column.data = append(column.data, value...)
		}
		column.offsets = append(column.offsets, int32(len(column.data)))
	}
	b.lines = append(b.lines, line)
	b.bytes += len(scanner.text)
	b.rows++
	return nil
}

// isNull tells whether a field stands for NULL: an unquoted empty one, or one
// of the tokens. A token is compared with the field as it is written, so that
// NA and "NA" differ.
func (s *csvSource) isNull(value []byte, quoted bool) bool {
	if !quoted && len(value) == 0 {
		return true
	}
	if len(s.null) == 1 {
		return false
	}
	if !quoted {
		return s.null[string(value)]
	}
	written := `"` + string(bytes.ReplaceAll(value, []byte(`"`), []byte(`""`))) + `"`
	return s.null[written]
}

// skipMark passes over a byte order mark.
func (s *csvScanner) skipMark() error {
	mark, err := s.starts("\xEF\xBB\xBF")
	if err != nil {
		return err
	}
	head := s.buffer[s.at:s.end]
	if len(head) >= 2 && (head[0] == 0xFF && head[1] == 0xFE || head[0] == 0xFE && head[1] == 0xFF) {
		return &Error{File: s.file, Line: 1, Column: 1, Message: "is UTF-16", Hint: "save it as UTF-8"}
	}
	if mark {
		s.at += 3
	}
	return nil
}

// TextBytes is the length of an array's text, no more than its buffer holds.
func TextBytes[T int | int64](a arrow.Array, offset func(row int) T) int {
	if b := a.Data().Buffers()[2]; b != nil {
		return max(0, min(int(offset(a.Len())-offset(0)), b.Len()))
	}
	return 0
}
