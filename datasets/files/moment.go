package files

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/datasets/layout"
)

// A lexeme is a run of digits, a word, or one other character of a value that may
// be a date or a time of day.
type lexeme struct {
	kind   byte // 'n', 'w', or the character itself; 'x' for one outside ASCII
	text   string
	number int // of a run of digits
}

const mostLexemes = 24

// lexemes cuts a value into runs; nil when there are more than a date has.
func lexemes(text []byte, into *[mostLexemes]lexeme) []lexeme {
	out, whole := into[:0], string(text)
	for len(text) > 0 {
		if len(out) == mostLexemes {
			return nil
		}
		letter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
		n := layout.DigitRun(text)
		l := lexeme{kind: 'n'}
		switch {
		case n > 0:
			for _, c := range text[:min(n, 9)] {
				l.number = l.number*10 + int(c-'0')
			}
		case letter(text[0]):
			for l.kind = 'w'; n < len(text) && letter(text[n]); n++ {
			}
		case text[0] == ' ' && len(out) > 0 && out[len(out)-1].kind == '.': // 5. 1. 2020
			text = text[1:]
			continue
		default:
			r, size := utf8.DecodeRune(text)
			if l.kind, n = 'x', size; r < utf8.RuneSelf {
				l.kind = byte(r)
			}
		}
		at := len(whole) - len(text)
		l.text, text = whole[at:at+n], text[n:]
		out = append(out, l)
	}
	return out
}

// momentLikeness recognises dates and times of day as people write them.
func momentLikeness(text []byte) Likeness {
	if !bytes.ContainsAny(text, "-/.: ") && !bytes.Contains(text, []byte("年")) && !bytes.ContainsAny(text, "tT,") {
		return LikeNothing // no mark between the parts
	}
	var room [mostLexemes]lexeme
	l := lexemes(text, &room)
	if rest, ok := timeOfDay(l); ok && len(rest) == 0 {
		return likeTime
	}
	rest, ok := dateAtStart(l)
	if !ok {
		return LikeNothing
	}
	if len(rest) == 0 {
		return likeDate
	}
	for len(rest) > 1 && (rest[0].kind == ' ' || rest[0].kind == ',' || rest[0].kind == '-' || strings.EqualFold(rest[0].text, "t")) {
		rest = rest[1:]
	}
	if rest, ok = timeOfDay(rest); ok && len(rest) == 0 {
		return likeInstant
	}
	return LikeNothing
}

// shaped tells whether l starts with the kinds of a pattern.
func shaped(l []lexeme, pattern string) bool {
	if len(l) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if l[i].kind != pattern[i] {
			return false
		}
	}
	return true
}

// timeOfDay takes h:mm, h:mm:ss, fractions, am and pm, and a zone off the start.
func timeOfDay(l []lexeme) ([]lexeme, bool) {
	two := func(x lexeme) bool { return len(x.text) == 2 && x.number < 61 }
	if !shaped(l, "n:n") || len(l[0].text) > 2 || l[0].number > 24 || !two(l[2]) {
		return l, false
	}
	l = l[3:]
	if shaped(l, ":n") && two(l[1]) {
		if l = l[2:]; shaped(l, ".n") || shaped(l, ",n") {
			l = l[2:]
		}
	}
	word := func(words ...string) bool {
		at := l
		if shaped(at, " ") {
			at = at[1:]
		}
		for _, w := range words {
			if shaped(at, "w") && strings.EqualFold(at[0].text, w) {
				l = at[1:]
				return true
			}
		}
		return false
	}
	word("am", "pm")
	if word("z", "utc", "gmt") {
		return l, true
	}
	if shaped(l, " +") || shaped(l, " -") {
		l = l[1:]
	}
	if shaped(l, "+n") || shaped(l, "-n") {
		if l = l[2:]; shaped(l, ":n") {
			l = l[2:]
		}
	}
	return l, true
}

var weekdays = [...]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// begins tells whether a word is one of the names, or its first letters.
func begins(l lexeme, names []string) bool {
	word := strings.ToLower(l.text)
	for _, name := range names {
		if l.kind == 'w' && len(word) <= 9 && strings.HasPrefix(word, name) {
			return true
		}
	}
	return false
}

// ordinals stand behind the day of a month.
var ordinals = [...]string{"st", "nd", "rd", "th"}

// momentWord tells whether a word of ASCII letters may stand in a date or a time of day.
func momentWord(word []byte) bool {
	if momentLengths[word[0]|0x20-'a']>>min(len(word), 3)&1 == 0 {
		return false
	}
	switch len(word) {
	case 1:
		return true
	case 2:
		return slices.Contains(momentPairs, string([]byte{word[0] | 0x20, word[1] | 0x20}))
	case 3:
		if bytes.EqualFold(word, []byte("utc")) || bytes.EqualFold(word, []byte("gmt")) {
			return true
		}
	}
	return len(word) <= 9 && momentStarts[word[0]|0x20-'a'][word[1]|0x20-'a']>>(word[2]|0x20-'a')&1 != 0
}

// momentPairs are the words of two letters.
var momentPairs = append(ordinals[:], "am", "pm")

// momentStarts says of two letters with which third ones the names in moments begin.
var momentStarts = func() (t [26][26]uint32) {
	for _, names := range [][]string{layout.Months[:], weekdays[:]} {
		for _, name := range names {
			t[name[0]-'a'][name[1]-'a'] |= 1 << (name[2] - 'a')
		}
	}
	for _, name := range ordinals {
		t[name[0]-'a'][name[1]-'a'] = 1<<26 - 1
	}
	return t
}()

// momentLengths says of a letter whether words in moments begin with it that have one letter, two, or three and more.
var momentLengths = func() (t [26]uint8) {
	for _, words := range [][]string{{"t", "z", "utc", "gmt"}, momentPairs, layout.Months[:], weekdays[:]} {
		for _, word := range words {
			t[word[0]-'a'] |= 1 << min(len(word), 3)
		}
	}
	for _, word := range ordinals {
		t[word[0]-'a'] |= 1 << 3 // and what begins so
	}
	return t
}()

func dayLike(l lexeme) bool   { return len(l.text) <= 2 && l.number >= 1 && l.number <= 31 }
func monthLike(l lexeme) bool { return len(l.text) <= 2 && l.number >= 1 && l.number <= 12 }
func yearLike(l lexeme) bool  { return len(l.text) == 4 || len(l.text) == 2 }

// dateAtStart takes a date off the start.
func dateAtStart(l []lexeme) ([]lexeme, bool) {
	if shaped(l, "w") && begins(l[0], weekdays[:]) {
		for l = l[1:]; shaped(l, ",") || shaped(l, " ") || shaped(l, "."); {
			l = l[1:]
		}
	}
	if len(l) >= 5 && l[0].kind == 'n' && l[2].kind == 'n' && l[4].kind == 'n' && l[1].text == l[3].text {
		a, b, c := l[0], l[2], l[4]
		switch l[1].kind {
		case '-', '/', '.', ' ':
			if len(a.text) == 4 && monthLike(b) && dayLike(c) || yearLike(c) && (dayLike(a) && monthLike(b) || monthLike(a) && dayLike(b)) ||
				len(a.text) == 4 && dayLike(b) && monthLike(c) {
				return l[5:], true
			}
		}
	}
	if shaped(l, "nxnxnx") && l[1].text == "年" && l[3].text == "月" && (l[5].text == "日" || l[5].text == "号") &&
		monthLike(l[2]) && dayLike(l[4]) {
		return l[6:], true
	}
	if len(l) > 0 && l[0].kind == 'n' && len(l[0].text) == 8 && shaped(l[1:], "w") && monthLike(lexeme{text: "00", number: l[0].number / 100 % 100}) {
		if strings.EqualFold(l[1].text, "t") && shaped(l[2:], "n") && len(l) <= 4 { // 20200105T100000Z
			return nil, true
		}
	}
	return namedMonth(l)
}

// namedMonth takes 5-Jan-2020, 5 January 2020, Jan 5, 2020 off the start.
func namedMonth(l []lexeme) ([]lexeme, bool) {
	var parts []lexeme
	for len(l) > 0 && len(parts) < 3 {
		switch x := l[0]; {
		case x.kind == 'n', x.kind == 'w' && begins(x, layout.Months[:]):
			parts = append(parts, x)
		case len(parts) == 0, x.kind != ' ' && x.kind != '-' && x.kind != '/' && x.kind != '.' && x.kind != ',' &&
			!(x.kind == 'w' && begins(x, ordinals[:])):
			return l, false
		}
		l = l[1:]
	}
	if len(parts) < 3 || !yearLike(parts[2]) && !dayLike(parts[2]) {
		return l, false
	}
	a, b, c := parts[0], parts[1], parts[2]
	named := dayLike(a) && a.kind == 'n' && b.kind == 'w' && c.kind == 'n' && yearLike(c) ||
		a.kind == 'w' && b.kind == 'n' && dayLike(b) && c.kind == 'n' && yearLike(c) ||
		a.kind == 'n' && len(a.text) == 4 && b.kind == 'w' && c.kind == 'n' && dayLike(c)
	return l, named
}
