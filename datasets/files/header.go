package files

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parley/datasets/layout"
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
	field csvField
	value bool // rather a value than a name
	token bool // nothing or a spelling of a missing value, which also may be a name
	// alike: the cell has a digit, and every value below it has the same letters
	// and digits in the same places.
	alike bool
	below int64 // values below that are not NULL
	liked int64 // those of the first sampled ones that look like numbers, dates or booleans
	// quoted and bare values below; of the bare ones those that are not spellings of a
	// missing value.
	quoted, bare int64
	counts       bool // the values below are 0, 1, 2, ... or 1, 2, 3, ...
}

// sampled is how many values of a column are looked at for what they look like.
const sampled = 256

// named tells whether the values below are of a kind that the cell is not, or written as
// the cell is not.
func (c headerCell) named(kind engine.Kind) bool {
	below := kind != engine.Text && kind != engine.Null || 2*c.liked > min(c.below, sampled)
	return below && !c.token && !c.value || c.dressed() || len(c.text) == 0 && c.counts && c.below > 0
}

// dressed tells whether the cell is in quotes that it does not need, and no value below is:
// who writes the file quotes text, and the values are none.
func (c headerCell) dressed() bool {
	return c.field.quoted && len(c.text) > 0 && !bytes.ContainsAny(c.text, "\",;\t\r\n") && c.quoted == 0 && c.bare > 0
}

// year gives the year that the cell may be the name of.
func (c headerCell) year() (int, bool) {
	n, ok := layout.Number(c.text)
	return n, ok && len(c.text) == 4 && n >= 1000 && n < 3000
}

// newHeaderWatch looks at the first line.
func newHeaderWatch(file, mode string, scanner *csvScanner, null map[string]bool) (*headerWatch, error) {
	w := &headerWatch{file: file, certain: mode == HeaderYes}
	for i, field := range scanner.fields {
		text := bytes.Clone(TrimSpaces(scanner.value(i)))
		c := headerCell{text: text, field: field, value: isValue(text), token: isToken(text, null), alike: bytes.ContainsAny(text, "0123456789"), counts: true}
		if _, year := c.year(); c.value && !year && !field.quoted && !w.certain {
			return nil, w.valued(c)
		}
		w.cells = append(w.cells, c)
	}
	return w, nil
}

// valued refuses a first line with a value that nobody takes for a name.
func (w *headerWatch) valued(c headerCell) error {
	return &Error{File: w.file, Line: c.field.line, Column: c.field.column,
		Message: "no header: the first line holds the value " + Shown(string(c.text)), Hint: headerHint}
}

// isValue tells whether a field of the first line is rather a value than a name.
func isValue(text []byte) bool {
	switch LikenessOf(text) {
	case LikeNothing, LikeNaN: // inf is inflation, or one of the tokens
	case likeCurrency:
		letters := bytes.TrimRight(text, "0123456789")
		return len(letters) == len(text) || !isWord(letters) // R1 is a name, R 1 are rand
	default:
		return true
	}
	address := bytes.ContainsRune(text, '@') || bytes.Contains(text, []byte("://"))
	return address && !bytes.ContainsRune(text, ' ')
}

// isWord tells whether a text is ASCII letters throughout.
func isWord(text []byte) bool {
	for _, c := range text {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

// isToken tells whether a field is empty or a usual spelling of a missing value.
func isToken(text []byte, null map[string]bool) bool {
	switch string(text) {
	case "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "?", "-", "--", ".", "\\N", "":
		return true
	}
	return null[string(text)] || LikenessOf(text) == LikeNaN
}

// observe compares a value with the field of the first line above it.
func (w *headerWatch) observe(i int, value []byte, field csvField) {
	c := &w.cells[i]
	if c.below < sampled && LikenessOf(value) != LikeNothing {
		c.liked++
	}
	switch {
	case field.quoted:
		c.quoted++
	case c.quoted == 0 && c.bare < sampled && !isToken(value, nil):
		c.bare++
	}
	if c.counts {
		n, ok := layout.Number(value[:min(len(value), 9)])
		c.counts = ok && len(value) <= 9 && (int64(n) == c.below || int64(n) == c.below+1)
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
	rows, shown := false, false
	for i, c := range w.cells {
		shown = shown || c.named(kinds[i])
		rows = rows || c.below > 0
	}
	note, shown, err = w.years(shown)
	if err != nil || shown {
		return note, err
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
		at := &Error{File: w.file, Line: c.field.line, Field: string(c.text)}
		switch {
		case i == 0 && len(c.text) == 0 && (kinds[i] == engine.Text || c.field.quoted) && len(w.cells) > 1: // names of rows have no name
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

// years refuses a first line with a value, unless the value is written as no value below it, or
// all are years that rise from left to right over values that are none: 1999, 2000 over counts.
// Two years need another sign of a header; three are one.
func (w *headerWatch) years(shown bool) (note string, header bool, err error) {
	last, years := 0, 0
	for _, c := range w.cells {
		if !c.value || c.dressed() {
			continue
		}
		year, ok := c.year()
		if !ok || year <= last || c.alike && c.below > 0 {
			return "", false, w.valued(c)
		}
		last, years = year, years+1
	}
	switch {
	case years == 0:
		return "", shown, nil
	case !shown && years < 3:
		return "", false, w.valued(w.cells[slices.IndexFunc(w.cells, func(c headerCell) bool { return c.value && !c.dressed() })])
	}
	return fmt.Sprintf("%s: the years in the first line, to %d, were taken for names of columns; --header no makes it a row, --header yes leaves out this note",
		w.file, last), true, nil
}
