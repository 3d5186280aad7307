package workbook

import (
	"archive/zip"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A Sheet is one sheet of a workbook, and the part of it that is a table.
type Sheet struct {
	// Notes are sentences about what is read and what is not.
	Notes []string
	// FirstRow and FirstColumn are where the table begins, 1-based.
	FirstRow, FirstColumn int

	archive             *zip.Reader
	path, name          string
	lastRow, lastColumn int
	texts               []string
	styles              []shown
	from1904            bool
	null                map[string]bool
}

// Open finds a sheet by its name, or the first one that is visible, and a range such as B3:H200
// in it, or all that is in the sheet. Errors of cells that are in null are such tokens. Faults are
// *Fault. It reads the sheet once; texts that cells share stay in memory.
func Open(in io.ReaderAt, size int64, sheet, area string, null map[string]bool) (*Sheet, error) {
	head := make([]byte, 8)
	if n, _ := in.ReadAt(head, 0); string(head[:n]) == "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" {
		return nil, faultf("save it without a password, as .xlsx or .csv", "is protected by a password, or an old .xls")
	}
	if size > MaxBytes {
		return nil, faultf("save it as .csv", "has %d bytes; the limit of a workbook is %d", size, MaxBytes)
	}
	z, err := archived(in, size)
	if err != nil {
		return nil, err
	}
	s := &Sheet{archive: z, null: null}
	if err := s.find(sheet); err != nil {
		return nil, err
	}
	if err := s.readStyles(); err != nil {
		return nil, err
	}
	if err := s.readTexts(); err != nil {
		return nil, err
	}
	return s, s.survey(area)
}

// find looks up the sheet.
func (s *Sheet) find(wanted string) error {
	type listed struct{ name, id string }
	var visible, all []listed
	there, err := each(s.archive, "xl/workbook.xml", func(_ *part, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			v := attribute(e, "date1904")
			s.from1904 = v == "1" || v == "true"
		case "sheet":
			sheet := listed{name: attribute(e, "name")}
			for _, a := range e.Attr {
				if a.Name.Local == "id" && a.Name.Space != "" {
					sheet.id = a.Value
				}
			}
			if all = append(all, sheet); len(all) > MaxSheets || len(sheet.name)+len(sheet.id) > maxName {
				return faultf("", "has more than %d sheets, or one whose name is longer than %d bytes", MaxSheets, maxName)
			}
			if state := attribute(e, "state"); state == "" || state == "visible" {
				visible = append(visible, sheet)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !there {
		return faultf("", "is not an Excel workbook: it has no xl/workbook.xml")
	}
	var names []string
	for i, sheet := range all {
		if names = append(names, strconv.Quote(sheet.name)); i == 9 {
			names = append(names, "…")
			break
		}
	}
	list := strings.Join(names[:min(len(names), 11)], ", ")
	at := slices.IndexFunc(all, func(l listed) bool { return l.name == wanted })
	switch {
	case wanted == "" && len(visible) == 0:
		return faultf("sheet names one: "+list, "has no visible sheet")
	case wanted == "":
		at = slices.Index(all, visible[0])
		if len(all) > 1 {
			s.Notes = append(s.Notes, fmt.Sprintf("the sheet %q is read, of %s; sheet (--sheet) names another", visible[0].name, list))
		}
	case at < 0:
		return faultf("its sheets are "+list, "has no sheet %q", wanted)
	}
	s.name = all[at].name
	_, err = each(s.archive, "xl/_rels/workbook.xml.rels", func(_ *part, e xml.StartElement) error {
		if e.Name.Local == "Relationship" && attribute(e, "Id") == all[at].id && strings.HasSuffix(attribute(e, "Type"), "/worksheet") {
			if s.path = attribute(e, "Target"); !strings.HasPrefix(s.path, "/") {
				s.path = "xl/" + s.path
			}
			if len(s.path) > maxName {
				return faultf(damagedHint, "has a sheet in a part whose name is longer than %d bytes", maxName)
			}
		}
		return nil
	})
	if err == nil && s.path == "" {
		err = faultf("name another", "the sheet %q holds no cells", s.name)
	}
	return err
}

// readStyles takes which styles of cells show dates and times.
func (s *Sheet) readStyles() error {
	codes, inCells := map[int]string{}, false // of formats
	_, err := each(s.archive, "xl/styles.xml", func(_ *part, e xml.StartElement) error {
		id, _ := strconv.Atoi(attribute(e, "numFmtId"))
		switch e.Name.Local {
		case "numFmt":
			if codes[id] = attribute(e, "formatCode"); len(codes[id]) > maxName {
				return faultf("", "has a format of numbers of more than %d bytes", maxName)
			}
		case "cellXfs", "cellStyleXfs", "cellStyles", "dxfs":
			inCells = e.Name.Local == "cellXfs"
		case "xf":
			if inCells {
				s.styles = append(s.styles, formatShows(id, codes[id]))
			}
		}
		if len(codes)+len(s.styles) > maxStyles {
			return faultf("", "has more than %d styles", maxStyles)
		}
		return nil
	})
	return err
}

// readTexts takes the texts that cells share.
func (s *Sheet) readTexts() error {
	total := 0
	_, err := each(s.archive, "xl/sharedStrings.xml", func(p *part, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		text, err := p.text("t")
		s.texts = append(s.texts, text)
		if total += len(text) + 16; total > MaxStringsBytes { // 16: what Go needs beside
			return faultf("save it as .csv", "has more than %d bytes of texts", MaxStringsBytes)
		}
		return err
	})
	return err
}

// survey reads the sheet once: where its cells are, what is merged and what is hidden.
func (s *Sheet) survey(area string) error {
	if err := s.bound(area); err != nil {
		return err
	}
	r, err := s.rows()
	if err != nil {
		return err
	}
	defer r.part.in.Close()
	whole := area == ""
	firstRow, firstColumn, lastRow, lastColumn := 0, 0, 0, 0
	for {
		row, err := r.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		for _, c := range row {
			if c.text == "" && c.fault == nil || !s.within(c) {
				continue
			}
			if firstRow == 0 {
				firstRow, firstColumn = c.row, c.column
			}
			firstColumn, lastRow, lastColumn = min(firstColumn, c.column), c.row, max(lastColumn, c.column)
		}
	}
	if firstRow == 0 {
		return faultf("sheet and range say where the table is", "has no cells in the sheet %q", s.name)
	}
	s.lastRow = lastRow
	if whole {
		s.FirstRow, s.FirstColumn, s.lastColumn = firstRow, firstColumn, lastColumn
	}
	return s.judge(r)
}

// judge refuses merged cells in the header, and notes others and what is hidden.
func (s *Sheet) judge(r *rows) error {
	for _, m := range r.merged {
		if m.bottom < s.FirstRow || m.top > s.lastRow || m.right < s.FirstColumn || m.left > s.lastColumn {
			continue
		}
		if m.top <= s.FirstRow {
			return &Fault{Row: s.FirstRow, Column: max(m.left, s.FirstColumn), Message: "the header has the merged cells " + m.String(), Hint: "one name for each column: undo the merging, or name a range below it"}
		}
		s.Notes = append(s.Notes, fmt.Sprintf("the cells %s are merged: the first has the value, the others are NULL", m))
		break
	}
	if r.hidden {
		s.Notes = append(s.Notes, fmt.Sprintf("the sheet %q has hidden rows or columns, which are read too", s.name))
	}
	return nil
}

// maxRow and maxColumn are the last ones of a sheet.
const maxRow, maxColumn = 1 << 20, 1 << 14

// bound takes the range.
func (s *Sheet) bound(area string) error {
	s.FirstRow, s.FirstColumn, s.lastRow, s.lastColumn = 1, 1, maxRow, maxColumn
	if area == "" {
		return nil
	}
	a, ok := parseRange(area)
	if !ok {
		return faultf(`range = "B3:H200"`, "the range %q is none", cut(area))
	}
	s.FirstRow, s.FirstColumn, s.lastRow, s.lastColumn = a.top, a.left, a.bottom, a.right
	return nil
}

// KnownRange reports whether a range is one.
func KnownRange(area string) bool {
	_, ok := parseRange(area)
	return area == "" || ok
}

// area is a range of cells, ends included.
type area struct{ top, left, bottom, right int }

func (a area) String() string {
	return CellName(int64(a.top), a.left) + ":" + CellName(int64(a.bottom), a.right)
}

func parseRange(text string) (a area, ok bool) {
	from, to, two := strings.Cut(text, ":")
	a.top, a.left, ok = parseCell(from)
	bottom, right, also := parseCell(to)
	a.bottom, a.right = bottom, right
	return a, two && ok && also && a.top <= bottom && a.left <= right
}

// parseCell reads B17.
func parseCell(name string) (row, column int, ok bool) {
	digits := strings.TrimLeft(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	for _, c := range name[:len(name)-len(digits)] {
		if column = column*26 + int(c-'A') + 1; column > maxColumn {
			return 0, 0, false
		}
	}
	row, err := strconv.Atoi(digits)
	return row, column, err == nil && digits[0] >= '1' && digits[0] <= '9' && row <= maxRow && column > 0
}

// CellName is the name of a cell, B17.
func CellName(row int64, column int) string {
	letters := ""
	for ; column > 0; column = (column - 1) / 26 {
		letters = string(rune('A'+(column-1)%26)) + letters
	}
	return letters + strconv.FormatInt(row, 10)
}

func (s *Sheet) within(c cell) bool {
	return c.row >= s.FirstRow && c.row <= s.lastRow && c.column >= s.FirstColumn && c.column <= s.lastColumn
}
