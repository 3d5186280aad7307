package files

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"parley/datasets/workbook"

	"parley/datasets/layout"
)

// Format says how text files and workbooks are laid out where that is not what their names say
// (README, sections 2.1 and 2.6). Its zero value is CSV as RFC 4180 has it. The keys are those of
// [[table]] in node.toml.
type Format struct {
	// Delimiter stands between fields: one character, or "tab". "" is a comma, in .tsv a tab.
	Delimiter string `toml:"delimiter,omitempty"`
	// Quote is "none" where quotation marks are characters like others. "" is CSV's.
	Quote string `toml:"quote,omitempty"`
	// Decimal is what stands before the decimal places of numbers, "." or ",". "" is a point.
	Decimal string `toml:"decimal,omitempty"`
	// Thousands is what may stand between groups of three digits: ",", ".", "'" or " ",
	// which is every kind of space. "" is nothing.
	Thousands string `toml:"thousands,omitempty"`
	// Comment begins lines that are no rows, such as "#". "" is nothing.
	Comment string `toml:"comment,omitempty"`
	// Skip is how many lines stand before the header, or the first row.
	Skip int `toml:"skip,omitempty"`
	// Sheet and Range say which sheet of a workbook is read, and which part of it, such as
	// B3:H200. "" is the first visible sheet, and all that is in it.
	Sheet string `toml:"sheet,omitempty"`
	Range string `toml:"range,omitempty"`
}

// FormatKeys are the keys of a Format with what each means, for an option on a command line.
var FormatKeys = []struct{ Key, Meaning string }{
	{"delimiter", `what stands between the fields of text files: one character, or "tab"; a comma otherwise, in .tsv a tab`},
	{"quote", `"none" where quotation marks in text files are characters like others`},
	{"decimal", `what stands before the decimal places of numbers in text files: "." or ","`},
	{"thousands", `what may stand between groups of three digits of numbers in text files: ",", ".", "'" or " "`},
	{"comment", `what begins lines of text files that are no rows, such as "#"`},
	{"skip", "how many lines of text files stand before the header"},
	{"sheet", "the sheet of Excel workbooks; the first visible one otherwise"},
	{"range", "the part of the sheet that is read, such as B3:H200; all of it otherwise"},
}

// At gives where the value of a key is: a *string or an *int.
func (f *Format) At(key string) any {
	return map[string]any{"delimiter": &f.Delimiter, "quote": &f.Quote, "decimal": &f.Decimal,
		"thousands": &f.Thousands, "comment": &f.Comment, "skip": &f.Skip, "sheet": &f.Sheet, "range": &f.Range}[key]
}

// First is the first key with a value, "" if there is none.
func (f Format) First() string {
	for i, k := range FormatKeys { // in the order of the fields
		if !reflect.ValueOf(f).Field(i).IsZero() {
			return k.Key
		}
	}
	return ""
}

// Check says what is wrong with one of the keys; "" if nothing is.
func (f Format) Check() (key, problem string) {
	delimiter, known := delimiterNamed(f.Delimiter, ",")
	_, problem = f.Numerals()
	switch {
	case !known:
		return "delimiter", fmt.Sprintf(`delimiter = %q: it is "tab" or one character, and no letter, digit, quotation mark or line end`, f.Delimiter)
	case f.Quote != "" && f.Quote != `"` && f.Quote != "none":
		return "quote", fmt.Sprintf(`quote = %q: it is "none" or left out`, f.Quote)
	case problem != "":
		return "decimal", problem
	case len(f.Comment) > 8 || strings.ContainsAny(f.Comment, "\" \t\r\n") || !utf8.ValidString(f.Comment) || strings.HasPrefix(f.Comment, delimiter):
		return "comment", fmt.Sprintf("comment = %q: it is up to 8 bytes without spaces and quotation marks, and not the delimiter", f.Comment)
	case len(f.Sheet) > MaxNameBytes:
		return "sheet", fmt.Sprintf("the name of the sheet is longer than %d bytes", MaxNameBytes)
	case !workbook.KnownRange(f.Range):
		return "range", fmt.Sprintf("range = %q: it is of the form B3:H200", f.Range)
	case f.Skip < 0 || f.Skip > MaxSkip:
		return "skip", fmt.Sprintf("skip = %d: it is from 0 to %d", f.Skip, MaxSkip)
	}
	return "", ""
}

// delimiterNamed gives the character that a Format's Delimiter is.
func delimiterNamed(name, usual string) (string, bool) {
	switch name {
	case "":
		return usual, true
	case "tab", "\\t", "\t":
		return "\t", true
	}
	r, size := utf8.DecodeRuneInString(name)
	plain := r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9' || r == '"' || r < ' ' || r == 0x7F || r == utf8.RuneError
	return name, size == len(name) && !plain && !control(r)
}

// Numerals is how numbers are written in a text file where it is not as section 3.1 reads them.
type Numerals struct {
	decimal byte
	group   byte // 0: none; ' ' is every kind of space, '\'' also ’
}

// Numerals gives the spelling of numbers, nil where it is the usual one; the problem is what
// is wrong with Decimal or Thousands.
func (f Format) Numerals() (n *Numerals, problem string) {
	switch {
	case f.Decimal != "" && f.Decimal != "." && f.Decimal != ",":
		return nil, fmt.Sprintf(`decimal = %q: it is "." or ","`, f.Decimal)
	case f.Thousands != "" && (len(f.Thousands) > 1 || !strings.Contains(",.' ", f.Thousands)):
		return nil, fmt.Sprintf(`thousands = %q: it is ",", ".", "'" or " "`, f.Thousands)
	case f.Thousands != "" && (f.Thousands == f.Decimal || f.Thousands == "." && f.Decimal == ""):
		return nil, fmt.Sprintf("decimal and thousands are both %q", f.Thousands)
	case f.Decimal != "," && f.Thousands == "":
		return nil, ""
	}
	n = &Numerals{decimal: '.'}
	if f.Decimal == "," {
		n.decimal = ','
	}
	if f.Thousands != "" {
		n.group = f.Thousands[0]
	}
	return n, ""
}

// groupMarks are the spellings of a mark between groups of digits.
var groupMarks = map[byte][]string{' ': {" ", "\u00a0", "\u2009", "\u202f"}, '\'': {"'", "’"}, '.': {"."}, ',': {","}}

// Plain appends a number, without spaces around it, as section 3.1 reads one: 1.234,5 is 1234.5.
// What is no number in this spelling gives nothing. Groups have three digits, the first one to
// three. A nil Numerals gives the text itself.
func (n *Numerals) Plain(into, text []byte) []byte {
	if n == nil {
		return text
	}
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		into, text = append(into, text[0]), text[1:]
	}
	grouped, first := false, true
	for {
		digits := layout.DigitRun(text)
		into = append(into, text[:digits]...)
		text = text[digits:]
		mark := n.mark(text)
		if grouped && digits != 3 || mark > 0 && (first && digits == 0 || digits > 3) {
			return nil
		}
		if mark == 0 {
			break
		}
		grouped, first, text = true, false, text[mark:]
	}
	for _, c := range text { // what is behind the whole digits: decimals and an exponent
		if c == n.decimal {
			c = '.'
		} else if c == '.' || c == ',' {
			return nil
		}
		into = append(into, c)
	}
	return into
}

// mark is the length of the mark between groups that a text begins with.
func (n *Numerals) mark(text []byte) int {
	for _, m := range groupMarks[n.group] {
		if len(text) > len(m) && string(text[:len(m)]) == m {
			return len(m)
		}
	}
	return 0
}
