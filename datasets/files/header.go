package files

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"parley/engine"
)

// The values of Options.Header.
const (
	HeaderAuto = "auto"
	HeaderYes  = "yes"
	HeaderNo   = "no"
)

// KnownHeader reports whether Options.Header may be this.
func KnownHeader(option string) bool {
	_, err := headerMode("", option)
	return err == nil
}

const headerHint = `if it names the columns say --header yes, if it is a row --header no (in node.toml header = "yes" or "no")`

// headerMode reads Options.Header.
func headerMode(file, option string) (string, error) {
	switch option {
	case "", HeaderAuto:
		return HeaderAuto, nil
	case HeaderYes, HeaderNo:
		return option, nil
	}
	return "", &Error{File: file, Message: "header " + Shown(option) + " is not known", Hint: "auto, yes or no"}
}

// numbered names the columns of a file without a header: c1, c2, ...
func numbered(width int) []string {
	names := make([]string, width)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i+1)
	}
	return names
}

// A headerWatch looks for signs that the first line of a file is a row like those
// below it: then taking it for the header would lose it (README, section 2.1).
type headerWatch struct {
	file    string
	cells   []headerCell
	recurs  *Error // the first value below that is its column's name
	certain bool   // the operator said that there is a header
}

// headerCell is one field of the first line.
type headerCell struct {
	text  []byte
	token bool // a spelling of a missing value, which also may be a name
	// alike: the cell has a digit, and every value below it has the same letters
	// and digits in the same places.
	alike bool
	below int64 // values below that are not NULL
	liked int64 // those of the first sampled ones that look like numbers, dates or booleans
}

// sampled is how many values of a column are looked at for what they look like.
const sampled = 256

// named tells whether the values below are of a kind that the cell is not.
func (c headerCell) named(kind engine.Kind) bool {
	return !c.token && (kind != engine.Text && kind != engine.Null || 2*c.liked > min(c.below, sampled))
}

// newHeaderWatch refuses first lines with a value that nobody takes for a name.
func newHeaderWatch(file, mode string, scanner *csvScanner, null map[string]bool) (*headerWatch, error) {
	w := &headerWatch{file: file, certain: mode == HeaderYes}
	for i, field := range scanner.fields {
		text := bytes.Clone(TrimSpaces(scanner.value(i)))
		if !w.certain && isValue(text) {
			return nil, &Error{File: file, Line: field.line, Column: field.column,
				Message: "no header: the first line holds the value " + Shown(string(text)), Hint: headerHint}
		}
		w.cells = append(w.cells, headerCell{text: text, token: isToken(text, null), alike: bytes.ContainsAny(text, "0123456789")})
	}
	return w, nil
}

// isValue tells whether a field of the first line is rather a value than a name.
func isValue(text []byte) bool {
	if LikenessOf(text) != LikeNothing {
		return true
	}
	address := bytes.ContainsRune(text, '@') || bytes.Contains(text, []byte("://"))
	return address && !bytes.ContainsRune(text, ' ')
}

// isToken tells whether a field is a usual spelling of a missing value.
func isToken(text []byte, null map[string]bool) bool {
	switch string(text) {
	case "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "?", "-", "--", ".", "\\N":
		return true
	}
	return len(text) > 0 && null[string(text)]
}

// observe compares a value with the field of the first line above it.
func (w *headerWatch) observe(i int, value []byte, field csvField) {
	c := &w.cells[i]
	if c.below < sampled && LikenessOf(value) != LikeNothing {
		c.liked++
	}
	c.below++
	if c.alike {
		c.alike = sameShape(TrimSpaces(value), c.text)
	}
	if w.recurs == nil && len(value) == len(c.text) && bytes.Equal(value, c.text) {
		w.recurs = &Error{File: w.file, Line: field.line, Column: field.column, Field: string(c.text)}
	}
}

// sameShape tells whether two texts have digits and letters in the same places and
// are equal elsewhere: A001 and B207.
func sameShape(a, b []byte) bool {
	class := func(c byte) byte {
		switch {
		case c >= '0' && c <= '9':
			return '0'
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= 0x80:
			return 'a'
		}
		return c
	}
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if class(a[i]) != class(b[i]) {
			return false
		}
	}
	return true
}

// judge decides after all rows were seen. A column whose values are of a kind that
// its name is not shows that the first line is a header. Where no column does, signs
// of a row refuse the file, and without any the header is taken with a note.
func (w *headerWatch) judge(kinds []engine.Kind) (note string, err error) {
	if w.certain {
		return "", nil
	}
	rows := false
	for i, c := range w.cells {
		if c.named(kinds[i]) {
			return "", nil
		}
		rows = rows || c.below > 0
	}
	doubt := func(at *Error, format string, args ...any) error {
		at.Message = "it cannot be told whether the first line is a header or a row: " + fmt.Sprintf(format, args...)
		at.Hint = headerHint
		return at
	}
	if w.recurs != nil {
		at := *w.recurs
		return "", doubt(&at, "its %s is also a value of that column", Shown(string(at.Field)))
	}
	var names []string
	for i, c := range w.cells {
		at := &Error{File: w.file, Line: 1, Field: string(c.text)}
		switch {
		case c.token:
			return "", doubt(at, "%s may be a name or a missing value", Shown(string(c.text)))
		case c.alike && c.below > 0:
			return "", doubt(at, "%s has the form of the values below it", Shown(string(c.text)))
		}
		if i < 4 {
			names = append(names, string(c.text))
		} else if i == 4 {
			names = append(names, "…")
		}
	}
	what := "all columns are text"
	if !rows {
		what = "there are no values below it"
	}
	return fmt.Sprintf("%s: the first line (%s) was taken for the header, though %s and nothing shows that it is not a row; --header no makes it one, --header yes leaves out this note",
		w.file, strings.Join(names, ", "), what), nil
}
