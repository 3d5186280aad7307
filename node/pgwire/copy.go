package pgwire

import (
	"bytes"

	"github.com/jackc/pgx/v5/pgproto3"
)

// copyOut sends a result as copy data, one message a row: psycopg hands messages on as they come.
func (t *talk) copyOut(r *Result) error {
	if err := t.send(&pgproto3.CopyOutResponse{ColumnFormatCodes: make([]uint16, len(r.Columns))}); err != nil {
		return err
	}
	var line []byte
	if r.Copy.Header {
		names := make(Row, len(r.Columns))
		for i, c := range r.Columns {
			names[i] = Value(c.Name)
		}
		line = r.Copy.line(line, names, make([]bool, len(names)))
		if err := t.send(&pgproto3.CopyData{Data: line}); err != nil {
			return err
		}
	}
	forced := make([]bool, len(r.Columns))
	for i, c := range r.Columns {
		forced[i] = r.Copy.Force["*"] || r.Copy.Force[c.Name]
	}
	for _, row := range r.Rows {
		line = r.Copy.line(line[:0], row, forced)
		if err := t.send(&pgproto3.CopyData{Data: line}); err != nil {
			return err
		}
	}
	return t.send(&pgproto3.CopyDone{})
}

// line appends a row and its end.
func (c *Copy) line(line []byte, row Row, forced []bool) []byte {
	for i, v := range row {
		if i > 0 {
			line = append(line, c.Delimiter)
		}
		switch {
		case v == nil:
			line = append(line, c.Null...)
		case c.CSV:
			line = c.csv(line, v, forced[i], len(row) == 1)
		default:
			line = c.text(line, v)
		}
	}
	return append(line, '\n')
}

// text appends a value of the text form: control characters that have a letter, the delimiter and the backslash are escaped.
func (c *Copy) text(line []byte, v Value) []byte {
	const controls, letters = "\b\f\n\r\t\v", "bfnrtv"
	for _, b := range v {
		if i := bytes.IndexByte([]byte(controls), b); i >= 0 {
			line = append(line, '\\', letters[i])
			continue
		}
		if b == '\\' || b == c.Delimiter {
			line = append(line, '\\')
		}
		line = append(line, b)
	}
	return line
}

// csv appends a value of the CSV form, in quotes where it could be read as anything else: as NULL, or, alone in
// its line, as the end of the data.
func (c *Copy) csv(line []byte, v Value, forced, alone bool) []byte {
	quoted := forced || string(v) == c.Null || alone && string(v) == `\.` ||
		bytes.ContainsAny(v, "\r\n") || bytes.IndexByte(v, c.Delimiter) >= 0 || bytes.IndexByte(v, c.Quote) >= 0
	if !quoted {
		return append(line, v...)
	}
	line = append(line, c.Quote)
	for _, b := range v {
		if b == c.Quote || b == c.Escape {
			line = append(line, c.Escape)
		}
		line = append(line, b)
	}
	return append(line, c.Quote)
}
