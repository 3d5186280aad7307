package datasets

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// csvSource is a CSV file with a header (README, section 2.1).
type csvSource struct {
	file     string
	f        *os.File
	info     os.FileInfo
	encoding encoding.Encoding // nil: UTF-8
	null     map[string]bool   // fields as written, quotation marks included, that are NULL
	names    []string
}

// encodingNamed gives the decoder of a name of Options.Encoding.
func encodingNamed(name string) (encoding.Encoding, bool) {
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)) {
	case "", "utf8":
		return nil, true
	case "gb18030", "gbk", "gb2312": // GB18030 contains the other two
		return simplifiedchinese.GB18030, true
	}
	return nil, false
}

func openCSV(_ context.Context, file string, f *os.File, o Options) (source, error) {
	enc, ok := encodingNamed(o.Encoding)
	if !ok {
		return nil, &Error{File: file, Message: "the encoding " + shown(o.Encoding) + " is not known",
			Hint: "utf-8 or gb18030"}
	}
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: plainCause(err)}
	}
	s := &csvSource{file: file, f: f, info: info, encoding: enc, null: map[string]bool{"": true}}
	for _, token := range o.Null {
		s.null[token] = true
	}
	if _, err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// open starts a scan and reads the header.
func (s *csvSource) open() (*csvScanner, error) {
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return nil, &Error{File: s.file, Message: "cannot be read", Err: plainCause(err)}
	}
	var in io.Reader = s.f
	if s.encoding != nil {
		in = s.encoding.NewDecoder().Reader(in)
	}
	scanner := newCSVScanner(s.file, in)
	scanner.decoded = s.encoding != nil
	if err := scanner.skipMark(); err != nil {
		return nil, err
	}
	more, err := scanner.next()
	if err != nil {
		return nil, err
	}
	if !more || scanner.blank() {
		return nil, &Error{File: s.file, Line: 1, Message: "no header", Hint: "the first line names the columns"}
	}
	s.names = make([]string, len(scanner.fields))
	for i := range scanner.fields {
		name := string(trimSpaces(scanner.value(i)))
		if looksLikeData([]byte(name)) {
			return nil, &Error{File: s.file, Line: scanner.fields[i].line, Column: scanner.fields[i].column,
				Message: "no header: the first line holds the value " + shown(name),
				Hint:    "the first line names the columns, and a name is not a number or a date"}
		}
		s.names[i] = name
	}
	place := func(i int) (int64, int) { return scanner.fields[i].line, scanner.fields[i].column }
	return scanner, checkNames(s.file, s.names, place)
}

// looksLikeData tells whether a header field is rather a value: then the file
// has no header, and reading on would lose its first row silently.
func looksLikeData(name []byte) bool {
	if _, ok := numberShape(name); ok {
		return true
	}
	_, ok := parseDate(name)
	return ok
}

func (s *csvSource) columns() []sourceColumn {
	out := make([]sourceColumn, len(s.names))
	for i, name := range s.names {
		out[i] = sourceColumn{name: name, arrow: arrow.BinaryTypes.String, untyped: true}
	}
	return out
}

func (s *csvSource) close() error { return s.f.Close() }

// csvBatch collects rows of a CSV file as text columns.
type csvBatch struct {
	builders []*array.StringBuilder // nil where the column is not wanted
	fields   []csvField             // of all rows, row by row
	first    int64
	rows     int
	bytes    int
}

// flush hands the rows on and starts the next batch.
func (b *csvBatch) flush(visit func(*batch) error) error {
	if b.rows == 0 {
		return nil
	}
	width := len(b.builders)
	out := &batch{rows: b.rows, first: b.first, columns: make([]arrow.Array, width)}
	for i, builder := range b.builders {
		if builder != nil {
			out.columns[i] = builder.NewStringArray()
		}
	}
	fields := b.fields
	out.place = func(row, column int) (int64, int) {
		f := fields[row*width+column]
		return f.line, f.column
	}
	err := visit(out)
	b.first += int64(b.rows)
	b.fields, b.rows, b.bytes = b.fields[:0], 0, 0
	return err
}

func (s *csvSource) scan(ctx context.Context, wanted []int, visit func(*batch) error) error {
	header := s.names
	scanner, err := s.open()
	if err != nil {
		return err
	}
	if strings.Join(header, "\x00") != strings.Join(s.names, "\x00") {
		return &Error{File: s.file, Message: "changed while it was being read"}
	}
	b := &csvBatch{builders: make([]*array.StringBuilder, len(s.names)), first: 1}
	for _, i := range wanted {
		b.builders[i] = array.NewStringBuilder(memory.DefaultAllocator)
	}
	var blank *csvField // a blank line, which is an error unless only blank lines follow
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
			if err := b.flush(visit); err != nil {
				return err
			}
		}
	}
	if err := b.flush(visit); err != nil {
		return err
	}
	return unchanged(s.file, s.f, s.info)
}

// append adds the scanner's current record to the batch.
func (s *csvSource) append(b *csvBatch, scanner *csvScanner) error {
	if len(scanner.fields) != len(s.names) {
		e := fileError(s.file, "%d fields, but the header names %d columns", len(scanner.fields), len(s.names))
		e.Line, e.Row = scanner.fields[0].line, b.first+int64(b.rows)
		if extra := len(s.names); extra < len(scanner.fields) {
			e.Line, e.Column = scanner.fields[extra].line, scanner.fields[extra].column
		} else {
			e.Field = s.names[len(scanner.fields)]
		}
		e.Hint = "is there an unquoted comma, or a missing one?"
		return e
	}
	for i, field := range scanner.fields {
		builder := b.builders[i]
		if builder == nil {
			continue
		}
		value := scanner.value(i)
		if s.isNull(value, field.quoted) {
			builder.AppendNull()
		} else {
			builder.BinaryBuilder.Append(value)
		}
	}
	b.fields = append(b.fields, scanner.fields...)
	b.bytes += len(scanner.text)
	b.rows++
	return nil
}

// isNull tells whether a field stands for NULL: an unquoted empty one, or one
// of the tokens. A token is compared with the field as it is written, so that
// NA and "NA" differ.
func (s *csvSource) isNull(value []byte, quoted bool) bool {
	if !quoted {
		return s.null[string(value)]
	}
	if len(s.null) == 1 {
		return false
	}
	written := `"` + string(bytes.ReplaceAll(value, []byte(`"`), []byte(`""`))) + `"`
	return s.null[written]
}

// skipMark passes over a byte order mark.
func (s *csvScanner) skipMark() error {
	for len(s.buffer[s.at:s.end]) < 3 && !s.finished {
		n, err := s.in.Read(s.buffer[s.end:])
		s.end += n
		if err == io.EOF {
			s.finished = true
		} else if err != nil {
			return &Error{File: s.file, Message: "cannot be read", Err: err}
		}
	}
	head := s.buffer[s.at:s.end]
	if len(head) >= 2 && (head[0] == 0xFF && head[1] == 0xFE || head[0] == 0xFE && head[1] == 0xFF) {
		return &Error{File: s.file, Line: 1, Column: 1, Message: "is UTF-16", Hint: "save it as UTF-8"}
	}
	if bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")) {
		s.at += 3
	}
	return nil
}
