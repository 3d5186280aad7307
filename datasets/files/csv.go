package files

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"parley/datasets/workbook"
)

// A csvScanner reads records of comma-separated values (README, section 2.1;
// RFC 4180 in UTF-8). It is stricter than encoding/csv, and it tells whether a
// field was quoted, which decides between NULL and the empty text.
//
// Its position counts physical lines and, within a line, characters.
type csvScanner struct {
	file    string
	in      io.Reader
	decoded bool // in was decoded from another encoding, where U+FFFD stands for what was invalid

	delimiter  string // one character
	unquotable bool   // quotation marks are characters like others
	comment    string // what begins lines that are no records; "": nothing
	firstCell  int    // of a sheet, where a line is a row and places are cells: the first column

	buffer   []byte
	at, end  int
	finished bool

	line   int64 // of the next byte
	column int   // of the next byte, in characters

	text   []byte // the fields of the current record, one after the other
	fields []csvField
	plain  bool // the current field is ASCII as it stands, without NUL
}

// csvField is one field of the current record: text[previous end:end].
type csvField struct {
	end    int
	quoted bool
	line   int64
	column int
}

const scanBytes = 256 << 10

// noByte is what peek gives at the end of the file.
const noByte = -1

func newCSVScanner(file string, in io.Reader) *csvScanner {
	return &csvScanner{file: file, in: in, delimiter: ",", buffer: make([]byte, scanBytes), line: 1, column: 1}
}

// peek gives the next byte without consuming it, or noByte at the end.
func (s *csvScanner) peek() (int, error) {
	for s.at == s.end {
		if s.finished {
			return noByte, nil
		}
		n, err := s.in.Read(s.buffer)
		s.at, s.end = 0, n
		if err == io.EOF {
			s.finished = true
		} else if err != nil {
			return noByte, s.unread(err)
		}
	}
	return int(s.buffer[s.at]), nil
}

// unread is an error of the reader. What is expanded says itself what is wrong.
func (s *csvScanner) unread(err error) error {
	switch ours := err.(type) {
	case *Error:
		return ours
	case *workbook.Fault:
		return &Error{File: s.file, Line: int64(ours.Row), Column: ours.Column, Message: ours.Message, Hint: ours.Hint}
	}
	return &Error{File: s.file, Line: s.line, Message: "cannot be read", Err: err}
}

// starts tells whether the next bytes are these, consuming none.
func (s *csvScanner) starts(text string) (bool, error) {
	if s.end-s.at < len(text) && !s.finished {
		s.end = copy(s.buffer, s.buffer[s.at:s.end])
		for s.at = 0; s.end < len(text) && !s.finished; {
			n, err := s.in.Read(s.buffer[s.end:])
			if s.end += n; err == io.EOF {
				s.finished = true
			} else if err != nil {
				return false, s.unread(err)
			}
		}
	}
	return len(text) > 0 && bytes.HasPrefix(s.buffer[s.at:s.end], []byte(text)), nil
}

// delimits tells whether the delimiter stands next, whose first byte may be b.
func (s *csvScanner) delimits(b int) (bool, error) {
	if b != int(s.delimiter[0]) || len(s.delimiter) == 1 {
		return b == int(s.delimiter[0]), nil
	}
	return s.starts(s.delimiter)
}

// skipLine passes over what is left of a line.
func (s *csvScanner) skipLine() error {
	for {
		b, err := s.peek()
		if err != nil || b == noByte {
			return err
		}
		if s.take(); b == '\n' {
			return nil
		}
	}
}

// take consumes the byte that peek gave.
func (s *csvScanner) take() {
	b := s.buffer[s.at]
	s.at++
	switch {
	case b == '\n':
		s.line++
		s.column = 1
	case b&0xC0 != 0x80: // not the continuation of a character
		s.column++
	}
}

// fail is an error at the current position.
func (s *csvScanner) fail(hint, format string, args ...any) *Error {
	return &Error{File: s.file, Line: s.line, Column: s.column, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// next reads one record into fields; false at the end of the file. A blank
// line is a record of one empty unquoted field.
func (s *csvScanner) next() (bool, error) {
	s.text, s.fields = s.text[:0], s.fields[:0]
	for s.comment != "" {
		if comment, err := s.starts(s.comment); err != nil {
			return false, err
		} else if !comment {
			break
		}
		if err := s.skipLine(); err != nil {
			return false, err
		}
	}
	b, err := s.peek()
	if err != nil || b == noByte {
		return false, err
	}
	for {
		took, more := s.quick()
		if !took {
			if more, err = s.field(); err != nil {
				return false, err
			}
		}
		if len(s.fields) > MaxColumns {
			return false, s.fail("", "more than %d fields in one row", MaxColumns)
		}
		if !more {
			return true, nil
		}
	}
}

// quick reads a field as most are, ASCII without quotation marks, with the delimiter or line feed behind it, if all of
// it is in the buffer. The places of a sheet are counted otherwise.
func (s *csvScanner) quick() (took, more bool) {
	n, rest, delimiter := 0, s.buffer[s.at:s.end], s.delimiter[0]
	for n < len(rest) && asciiText[rest[n]] && rest[n] != delimiter {
		n++
	}
	if s.firstCell > 0 || n == len(rest) || n > MaxFieldBytes || len(s.text)+n > MaxRecordBytes || len(s.delimiter) > 1 || rest[n] != delimiter && rest[n] != '\n' {
		return false, false
	}
	s.text = append(s.text, rest[:n]...)
	s.fields = append(s.fields, csvField{end: len(s.text), line: s.line, column: s.column})
	s.at, s.column = s.at+n+1, s.column+n+1
	if rest[n] == '\n' {
		s.line, s.column = s.line+1, 1
		return true, false
	}
	return true, true
}

// field reads one field and the separator behind it; true when the separator
// is a delimiter, so that another field follows.
func (s *csvScanner) field() (bool, error) {
	field := csvField{line: s.line, column: s.column}
	if s.firstCell > 0 {
		field.column = s.firstCell + len(s.fields)
	}
	start := len(s.text)
	b, err := s.peek()
	if err != nil {
		return false, err
	}
	if b == '"' && !s.unquotable {
		field.quoted = true
		err = s.quoted(field)
	} else {
		err = s.unquoted()
	}
	if err != nil {
		return false, err
	}
	if field.end = len(s.text); s.firstCell > 0 {
		s.line = field.line // line ends in a cell are none of the sheet
	}
	if !s.plain || field.end-start > MaxFieldBytes {
		if err := s.check(field, s.text[start:]); err != nil {
			return false, err
		}
	}
	s.fields = append(s.fields, field)
	return s.separator(field)
}

// run appends the next bytes as far as they are ASCII that means nothing, and tells whether there was room for them.
func (s *csvScanner) run() {
	n, rest, delimiter := 0, s.buffer[s.at:s.end], s.delimiter[0]
	for n < len(rest) && asciiText[rest[n]] && rest[n] != delimiter {
		n++
	}
	if len(s.text)+n > MaxRecordBytes {
		return // put refuses it where it is too long
	}
	s.text = append(s.text, rest[:n]...)
	s.at, s.column = s.at+n, s.column+n
}

// asciiText are the bytes that are text in an unquoted field, whatever the delimiter.
var asciiText = func() (t [256]bool) {
	for c := 1; c < utf8.RuneSelf; c++ {
		t[c] = c != '\n' && c != '\r' && c != '"'
	}
	return t
}()

// unquoted appends what comes before the next delimiter, line end or file end.
func (s *csvScanner) unquoted() error {
	s.plain = true
	for {
		s.run()
		b, err := s.peek()
		if err != nil {
			return err
		}
		switch {
		case b == noByte || b == '\n' || b == '\r':
			return nil
		case b == '"' && !s.unquotable:
			return s.fail(`quote the whole field and double the quotes inside it: "a ""b"" c"; or say --quote none, if quotation marks are characters like others`,
				"a quotation mark inside an unquoted field")
		case b == int(s.delimiter[0]):
			if end, err := s.delimits(b); err != nil || end {
				return err
			}
		}
		s.plain = s.plain && b != 0 && b < utf8.RuneSelf
		if err := s.put(byte(b)); err != nil {
			return err
		}
	}
}

// quoted appends what stands between quotation marks, where two stand for one.
func (s *csvScanner) quoted(field csvField) error {
	s.plain = false
	s.take()
	for {
		b, err := s.peek()
		if err != nil {
			return err
		}
		if b == noByte {
			return &Error{File: s.file, Line: field.line, Column: field.column,
				Message: "a quoted field is never closed", Hint: "is the file cut off?"}
		}
		if b == '"' {
			s.take()
			if b, err = s.peek(); err != nil {
				return err
			}
			if b != '"' {
				return nil
			}
		}
		if err := s.put(byte(b)); err != nil {
			return err
		}
	}
}

// put consumes the next byte into the field.
func (s *csvScanner) put(b byte) error {
	if len(s.text) >= MaxRecordBytes {
		return s.fail("is a quotation mark missing?", "a row is longer than %d bytes", MaxRecordBytes)
	}
	s.text = append(s.text, b)
	s.take()
	return nil
}

// separator consumes what ends a field: a delimiter, a line end, the file's end.
func (s *csvScanner) separator(field csvField) (bool, error) {
	b, err := s.peek()
	if err != nil {
		return false, err
	}
	switch b {
	case noByte:
		return false, nil
	case '\n':
		s.take()
		return false, nil
	case '\r':
		s.take()
		if b, err = s.peek(); err != nil {
			return false, err
		}
		if b != '\n' {
			return false, s.fail("lines end in LF or CR LF", "a carriage return without a line feed")
		}
		s.take()
		return false, nil
	}
	if more, err := s.delimits(b); err != nil {
		return false, err
	} else if more {
		for range len(s.delimiter) {
			s.take()
		}
		return true, nil
	}
	return false, s.fail("quote the whole field and double the quotes inside it", "text after a closing quotation mark")
}

// check refuses a field that cannot be text: too long, not UTF-8, a NUL byte.
func (s *csvScanner) check(field csvField, text []byte) error {
	fault := func(offset int, hint, format string, args ...any) *Error {
		e := &Error{File: s.file, Line: field.line, Column: field.column, Message: fmt.Sprintf(format, args...), Hint: hint}
		if !field.quoted && s.firstCell == 0 { // in a quoted field doubled quotes and line ends shift the place
			e.Column += utf8.RuneCount(text[:offset])
		}
		return e
	}
	if len(text) > MaxFieldBytes {
		return fault(0, "is a quotation mark missing?", "a field is longer than %d bytes", MaxFieldBytes)
	}
	for i := 0; i < len(text); {
		if text[i] == 0 {
			return fault(i, "text files only; UTF-16 is not read", "a NUL byte")
		}
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			around := text
			if lines := wholeLines(s.buffer[:s.end]); bytes.Contains(lines, text) {
				around = lines
			}
			return fault(i, encodingHint(text, around), "not valid UTF-8 (byte 0x%02X)", text[i])
		}
		if s.decoded && (r == utf8.RuneError || control(r)) {
			return fault(i, "", "not valid in the encoding that the options name")
		}
		i += size
	}
	return nil
}

// value is the text of field i of the current record.
func (s *csvScanner) value(i int) []byte {
	start := 0
	if i > 0 {
		start = s.fields[i-1].end
	}
	return s.text[start:s.fields[i].end]
}

// blank tells whether the current record is an empty line.
func (s *csvScanner) blank() bool {
	return len(s.fields) == 1 && !s.fields[0].quoted && len(s.text) == 0
}

// first is the line of the current record, or where there is none.
func (s *csvScanner) first() int64 {
	if len(s.fields) > 0 {
		return s.fields[0].line
	}
	return s.line
}

// otherDelimiter gives a character other than the delimiter that stands equally often, outside
// of quotation marks, in each of the next lines; "" if none does, or the delimiter does too.
func (s *csvScanner) otherDelimiter() (string, error) {
	if _, err := s.peek(); err != nil {
		return "", err
	}
	const most = 20
	lines := bytes.SplitN(s.buffer[s.at:s.end], []byte("\n"), most+1)
	if len(lines) > 1 { // the last one may be cut, or empty
		lines = lines[:len(lines)-1]
	}
	lines = slices.DeleteFunc(lines, func(line []byte) bool {
		return len(bytes.TrimRight(line, "\r")) == 0 || s.comment != "" && bytes.HasPrefix(line, []byte(s.comment))
	})
	equally := func(mark string) bool {
		first := 0
		for i, line := range lines {
			n := 0
			for k, part := range bytes.Split(line, []byte{'"'}) {
				if k%2 == 0 {
					n += bytes.Count(part, []byte(mark))
				}
			}
			if i == 0 {
				first = n
			}
			if n == 0 || n != first {
				return false
			}
		}
		return len(lines) > 0
	}
	if equally(s.delimiter) {
		return "", nil
	}
	for _, mark := range []string{";", "\t", "|", ","} {
		if mark != s.delimiter && equally(mark) {
			return mark, nil
		}
	}
	return "", nil
}
