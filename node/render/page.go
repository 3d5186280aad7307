package render

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"parley/node/failure"
)

// Width is the number of columns that what is printed for people keeps to. Only a word that is
// longer itself, such as an address, goes over.
const Width = 80

// labelWidth is what the names of a report's lines take.
const labelWidth = 12

// Page is a report: lines of a name and what follows it, folded.
type Page struct {
	strings.Builder
	labels int // what their names take; 0 is labelWidth
}

// Add writes what has a name. It may hold text of others.
func (p *Page) Add(label, format string, args ...any) {
	p.put(fmt.Sprintf("%-*s ", cmp.Or(p.labels, labelWidth), label), failure.Printable(fmt.Sprintf(format, args...)))
}

// put writes a text after what stands before it, and folds it under its own beginning, or further
// left where a word needs the room. It has to be printable.
func (p *Page) put(before, text string) {
	indent := failure.DisplayWidth(before)
	left := indent
	for word := range strings.FieldsSeq(text) {
		if room := Width - failure.DisplayWidth(word); room > 0 {
			left = min(left, room)
		}
	}
	for part := range folded(text, Width-indent) {
		p.WriteString(strings.TrimRight(before+part, " ") + "\n")
		before = strings.Repeat(" ", left)
	}
}

// folded are the lines of a sentence, none wider than that but where one word is.
func folded(text string, width int) iter.Seq[string] { return joined(strings.Split(text, " "), width) }

// joined are lines of words, none wider than that but where one word is.
func joined(words []string, width int) iter.Seq[string] {
	return func(yield func(string) bool) {
		var now string
		for _, word := range words {
			switch {
			case now == "":
				now = word
			case failure.DisplayWidth(now)+1+failure.DisplayWidth(word) <= width:
				now += " " + word
			case !yield(now):
				return
			default:
				now = word
			}
		}
		yield(now)
	}
}

// SQL is a question as it was written, its wide lines folded where that changes nothing: at spaces
// outside of quotes, and not at all where a comment may end with its line, or quotes are not PostgreSQL's
// plain ones.
func SQL(sql string, width int) string {
	text := failure.PrintableLines(sql)
	if strings.Contains(sql, "--") || strings.ContainsAny(sql, `\$`) || strings.Contains(sql, "/*") {
		return text
	}
	var out, words []string
	var quote rune
	line, word := 0, 0 // where they begin
	for i, r := range text + "\n" {
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		case quote == 0 && (r == ' ' || r == '\n'):
			if i > word {
				words = append(words, text[word:i])
			}
			word = i + 1
			if r == ' ' {
				continue
			}
			if whole := text[line:i]; failure.DisplayWidth(whole) <= width {
				words = []string{whole}
			}
			out = slices.AppendSeq(out, joined(words, width))
			words, line = nil, i+1
		}
	}
	if line <= len(text) { // a quote that does not end
		out = append(out, text[line:])
	}
	return strings.Join(out, "\n")
}

// shorten leaves as much of a text as most columns hold.
func shorten(text string, most int) string {
	if failure.DisplayWidth(text) <= most {
		return text
	}
	runes := []rune(text)
	runes = runes[:min(len(runes), most)]
	for failure.DisplayWidth(string(runes)) >= most {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
