package workbook

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// cell is one cell as text; a fault counts where the cell is in the table.
type cell struct {
	row, column int
	text        string
	fault       *Fault
}

// rows goes through a sheet row by row.
type rows struct {
	sheet  *Sheet
	part   *part
	row    int
	cells  []cell
	merged []area
	hidden bool
}

func (s *Sheet) rows() (*rows, error) {
	p, err := open(s.archive, s.path)
	if err == nil && p == nil {
		err = faultf(damagedHint, "has no part %q, which should be the sheet %q", s.path, s.name)
	}
	return &rows{sheet: s, part: p}, err
}

// next gives the cells of the next row; io.EOF at the end of the sheet, behind which it has also
// seen what is merged.
func (r *rows) next() ([]cell, error) {
	for {
		t, err := r.part.next()
		if err != nil {
			return nil, err
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		hidden := attribute(e, "hidden")
		switch e.Name.Local {
		case "col", "row":
			r.hidden = r.hidden || hidden == "1" || hidden == "true"
		case "mergeCell":
			ref := attribute(e, "ref")
			a, ok := parseRange(ref)
			if _, _, alone := parseCell(ref); alone {
				continue
			} else if !ok {
				return nil, faultf(damagedHint, "has the merged cells %q", cut(ref))
			}
			if r.merged = append(r.merged, a); len(r.merged) > maxStyles {
				return nil, faultf("", "has more than %d merged cells", maxStyles)
			}
		}
		if e.Name.Local == "row" {
			return r.readRow(e)
		}
	}
}

func (r *rows) readRow(e xml.StartElement) ([]cell, error) {
	row := r.row + 1
	if v := attribute(e, "r"); v != "" {
		row, _ = strconv.Atoi(v)
	}
	if row <= r.row || row > maxRow {
		return nil, faultf(damagedHint, "has the row %q behind row %d", cut(attribute(e, "r")), r.row)
	}
	r.row, r.cells = row, r.cells[:0]
	column := 0
	for {
		t, err := r.part.next()
		if err == io.EOF {
			return nil, faultf(damagedHint, "its part %q is not valid", r.part.name)
		} else if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.EndElement:
			if t.Name.Local == "row" {
				return r.cells, nil
			}
		case xml.StartElement:
			if t.Name.Local != "c" {
				continue
			}
			column++
			if name := attribute(t, "r"); name != "" {
				at, named, ok := parseCell(name)
				if !ok || at != row || named < column {
					return nil, faultf(damagedHint, "has the cell %q in row %d behind column %d", cut(name), row, column-1)
				}
				column = named
			}
			c, err := r.readCell(t, row, column)
			if err != nil {
				return nil, err
			}
			r.cells = append(r.cells, c)
		}
	}
}

// readCell takes one cell. What is wrong with its value is a fault of it alone.
func (r *rows) readCell(e xml.StartElement, row, column int) (c cell, err error) {
	c = cell{row: row, column: column}
	kind, value, formula, stored := attribute(e, "t"), "", false, false
	for depth := r.part.depth; r.part.depth >= depth; {
		t, err := r.part.next()
		if err == io.EOF {
			return c, faultf(damagedHint, "its part %q is not valid", r.part.name)
		} else if err != nil {
			return c, err
		}
		inner, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		within := ""
		switch inner.Name.Local {
		case "f":
			formula = true
			continue
		case "is":
			within = "t"
		case "v":
		default:
			continue
		}
		if stored {
			c.fault = faultf(damagedHint, "a cell with two values")
		}
		stored = true
		if value, err = r.part.text(within); err != nil {
			return c, err
		}
	}
	switch {
	case c.fault != nil:
	case !stored && formula:
		c.fault = faultf("open the workbook in Excel and save it: the values of formulas are read, nothing is computed", "a formula without a value")
	case stored:
		style, _ := strconv.Atoi(attribute(e, "s"))
		c.text, c.fault = r.sheet.value(kind, value, style)
	}
	if c.fault != nil {
		c.fault.Row, c.fault.Column = row, column
	}
	return c, nil
}

// value gives what is stored in a cell as text.
func (s *Sheet) value(kind, raw string, style int) (string, *Fault) {
	var show shown
	if style >= 0 && style < len(s.styles) {
		show = s.styles[style]
	}
	switch kind {
	case "", "n":
		if raw == "" {
			return "", nil
		}
		v, text, ok := number(raw)
		switch {
		case !ok:
			return "", faultf(damagedHint, "%q is stored as a number and is none", cut(raw))
		case show == 0:
			return text, nil
		}
		return moment(v, show, s.from1904)
	case "s":
		at, err := strconv.Atoi(raw)
		if err != nil || at < 0 || at >= len(s.texts) {
			return "", faultf(damagedHint, "a text that the workbook does not have")
		}
		return s.texts[at], nil
	case "str", "inlineStr":
		return raw, nil
	case "b":
		switch raw {
		case "1":
			return "true", nil
		case "0":
			return "false", nil
		}
	case "d":
		return strings.TrimSuffix(strings.Replace(raw, "T", " ", 1), " 00:00:00"), nil
	case "e":
		if s.null[raw] {
			return raw, nil
		}
		return "", faultf("mend the formula, or name it as NULL: null = ["+strconv.Quote(cut(raw))+"]", "the error value %q", cut(raw))
	}
	return "", faultf(damagedHint, "a cell of the type %q with %q", cut(kind), cut(raw))
}

func cut(text string) string {
	if runes := []rune(text); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}

// Records gives the table as comma-separated values: a line for each row of the sheet from the
// first one on, where a row without cells is a blank line, and an empty cell nothing. Text is in
// quotation marks where CSV needs them.
func (s *Sheet) Records() (io.ReadCloser, error) {
	r, err := s.rows()
	return &records{rows: r, row: s.FirstRow}, err
}

type records struct {
	rows  *rows
	row   int // that is written next
	text  []byte
	at    int
	total int64
}

func (r *records) Close() error { return r.rows.part.in.Close() }

func (r *records) Read(p []byte) (int, error) {
	for r.at == len(r.text) {
		r.text, r.at = r.text[:0], 0
		cells, err := r.rows.next()
		if err != nil {
			return 0, err
		}
		if err := r.write(cells); err != nil {
			return 0, err
		}
		if r.total += int64(len(r.text)); r.total > MaxExpandedBytes { // a text of its own may stand in every cell
			return 0, faultf("save it as .csv", "has a sheet of more than %d bytes", int64(MaxExpandedBytes))
		}
	}
	n := copy(p, r.text[r.at:])
	r.at += n
	return n, nil
}

// write appends a row's line, and those of the rows without cells above it.
func (r *records) write(cells []cell) error {
	s := r.rows.sheet
	cells = slices.DeleteFunc(cells, func(c cell) bool { return !s.within(c) || c.text == "" && c.fault == nil })
	if len(cells) == 0 {
		return nil
	}
	for ; r.row < cells[0].row; r.row++ {
		r.text = append(r.text, '\n')
	}
	next := 0
	for column := s.FirstColumn; column <= s.lastColumn; column++ {
		if column > s.FirstColumn {
			r.text = append(r.text, ',')
		}
		if next == len(cells) || cells[next].column != column {
			continue
		}
		c := cells[next]
		next++
		switch {
		case c.fault != nil:
			return c.fault
		case strings.ContainsAny(c.text, "\",\r\n"):
			r.text = fmt.Appendf(r.text, `"%s"`, strings.ReplaceAll(c.text, `"`, `""`))
		default:
			r.text = append(r.text, c.text...)
		}
		if len(r.text) > maxToken {
			return &Fault{Row: c.row, Column: c.column, Message: fmt.Sprintf("the row is longer than %d bytes", maxToken)}
		}
	}
	r.text = append(r.text, '\n')
	r.row++
	return nil
}
