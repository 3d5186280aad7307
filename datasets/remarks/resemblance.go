package remarks

import (
	"fmt"

	"parley/datasets/files"
	"parley/engine"
)

// A Resemblance counts what the values of a text column look like, to say why it is
// text, and that comparing it with a date or a number would mislead (../README.md,
// section 3.3).
type Resemblance struct {
	values int64
	counts [files.Likenesses]int64
	first  [files.Likenesses]*Witness
	// Declared: the file says that the column is text, so plain numbers and codes
	// in it are meant as text.
	Declared bool
}

// resembles is the share of values, one in so many, from which a column looks like
// something.
const resembles = 10

// Add takes a value, and gives what it looks like.
func (r *Resemblance) Add(text []byte, at At) files.Likeness {
	l := files.LikenessOf(text)
	r.Again(l)
	if r.first[l] == nil {
		r.first[l] = NewWitness(text, at)
	}
	return l
}

// Again counts a value that was seen before.
func (r *Resemblance) Again(l files.Likeness) {
	r.values++
	r.counts[l]++
}

// most gives the likeness of most values among those that pass, and how many
// values pass.
func (r *Resemblance) most(pass func(files.Likeness) bool) (most files.Likeness, sum int64) {
	for l := range files.Likenesses {
		if !pass(l) || r.Declared && l == files.LikeNumber {
			continue
		}
		sum += r.counts[l]
		if files.LikenessFaults[l] != "" && r.counts[l] > 0 && (r.Declared || !l.ISO()) && (most == files.LikeNothing || r.counts[l] > r.counts[most]) {
			most = l
		}
	}
	return most, sum
}

// kind says what the column looks like, Date, Decimal or Null for neither, and in
// which spelling that is not read, if there are values of one.
func (r *Resemblance) kind() (kind engine.Kind, odd files.Likeness) {
	oddDate, dates := r.most(files.Likeness.Dated)
	oddNumber, numbers := r.most(files.Likeness.Numeric)
	switch {
	case dates >= numbers && dates*resembles >= r.values && r.counts[files.LikeISODate] < r.values:
		return engine.Date, oddDate
	case numbers > dates && numbers*resembles >= r.values:
		return engine.Decimal, oddNumber
	}
	return engine.Null, files.LikeNothing
}

// Misleads is what comparing the column with as text would mislead: its kind, but
// for numbers with leading zeros among them, which are codes, and compare as such.
func (r *Resemblance) Misleads() engine.Kind {
	kind, _ := r.kind()
	if kind == engine.Decimal && r.counts[files.LikeCode] > 0 {
		return engine.Null
	}
	return kind
}

// mixture shows values of two kinds of those that would be read if all were of one; "" if there are
// none, or other values too.
func (r *Resemblance) mixture() string {
	var shown []string
	sum := int64(0)
	for l := files.LikeISODate; l.ISO(); l++ {
		if sum += r.counts[l]; r.counts[l] > 0 {
			shown = append(shown, r.first[l].File+" "+r.first[l].String())
		}
	}
	if len(shown) < 2 || sum < r.values {
		return ""
	}
	return shown[0] + ", " + shown[1]
}

// Note explains a column that is text although its values look like something else;
// "" when there is nothing to explain.
func (r *Resemblance) Note(name string) string {
	kind, odd := r.kind()
	if kind == engine.Null && !r.Declared && r.counts[files.LikeBoolean]*resembles >= max(r.values, 1) {
		kind = engine.Boolean
	}
	if kind == engine.Null {
		return ""
	}
	if odd != files.LikeNothing {
		w := r.first[odd]
		return fmt.Sprintf("%s: column %q looks like %s but is text: %s, which %s; %s",
			w.File, name, files.LikenessWords[odd], w, files.LikenessFaults[odd], files.LikenessRemedies[odd])
	}
	if mixed := r.mixture(); mixed != "" && kind == engine.Date {
		return fmt.Sprintf("column %q is text, because its dates and times are of several kinds: %s; write all values alike, with a time zone or without", name, mixed)
	}
	var w *Witness
	for _, l := range []files.Likeness{files.LikeNothing, files.LikeCode, files.LikeNaN, files.LikeBoolean, files.LikeISODate, files.LikeISOInstant, files.LikeISOZoned, files.LikeISOTime, files.LikeNumber} {
		foreign := l == files.LikeNothing || l == files.LikeCode || l == files.LikeNaN || (l == files.LikeBoolean) != (kind == engine.Boolean) ||
			l == files.LikeNumber && kind == engine.Date || l.ISO() && kind != engine.Date
		if w == nil && foreign {
			w = r.first[l]
		}
	}
	if w == nil {
		return ""
	}
	what := map[engine.Kind]string{engine.Date: "a date", engine.Decimal: "a number", engine.Boolean: "a boolean"}[kind]
	if l := files.LikenessOf([]byte(w.Value)); l == files.LikeCode {
		return fmt.Sprintf("%s: column %q is text, not %s, because %s, a code with leading zeros", w.File, name, what, w)
	}
	return fmt.Sprintf("%s: column %q is text, not %s, because %s; if that stands for a missing value, name it as NULL", w.File, name, what, w)
}
