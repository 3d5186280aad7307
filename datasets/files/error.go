package files

import (
	"fmt"
	"path/filepath"
	"strings"

	"parley/datasets/workbook"
)

// Error is how this package refuses a file or a row of it. It says where, as
// far as that is known: fields that do not apply are zero. It carries values
// of the department's own rows in Message, so it is for the department's
// operator; what goes to an analyst is decided by the node.
type Error struct {
	File    string // path as it was given
	Line    int64  // 1-based physical line of a text file, or row of a workbook's sheet
	Column  int    // 1-based character in that line, or column of the sheet
	Row     int64  // 1-based row of data (the header is none)
	Field   string // name of the column
	Message string
	Hint    string // what to do about it
	Err     error  // the cause, where there is one
}

// Error gives "file:line:column: column "name": message (hint)".
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 && e.Column > 0 && strings.EqualFold(filepath.Ext(e.File), ".xlsx") {
			b.WriteString(":" + workbook.CellName(e.Line, e.Column))
		} else if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
			if e.Column > 0 {
				fmt.Fprintf(&b, ":%d", e.Column)
			}
		}
		b.WriteString(": ")
	}
	if e.Line == 0 && e.Row > 0 {
		fmt.Fprintf(&b, "row %d: ", e.Row)
	}
	if e.Field != "" {
		fmt.Fprintf(&b, "column %q: ", e.Field)
	}
	b.WriteString(e.Message)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf is an error about a file as a whole.
func Errorf(file, format string, args ...any) *Error {
	return &Error{File: file, Message: fmt.Sprintf(format, args...)}
}

// Shown is a value as an error shows it: quoted, and cut when it is long.
func Shown(value string) string {
	const most = 40
	if runes := []rune(value); len(runes) > most {
		value = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", value)
}

// Base is a file's name without its folder, for sentences that name two files.
func Base(file string) string { return filepath.Base(file) }

// AsideNote is what a table's notes say of a column that is set aside for this.
func (e *Error) AsideNote() string {
	return e.Error() + "; the column is set aside, and no question can use it"
}
