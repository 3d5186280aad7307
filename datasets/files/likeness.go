package files

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"

	"parley/datasets/layout"
)

// Likeness is what the characters of a value look like to a person, whether or
// not this package reads it as that (README, section 3.3).
type Likeness uint8

const (
	LikeNothing    Likeness = iota
	LikeNumber              // as section 3.1 reads it
	LikeCode                // a number with leading zeros
	likePercent             // 12.5%
	likeThousands           // 1,234 1.234,56 1 234 1'234
	likeComma               // 3,14
	likeCurrency            // $12.50, 12 €, USD 1,234
	LikeNaN                 // NaN, inf
	LikeISODate             // as section 3.1 reads it
	LikeISOInstant          // a timestamp, without a zone
	LikeISOZoned            // and with one
	LikeISOTime             // a time of day
	likeDate                // 28/02/2008, 2020-1-5, 5 Jan 2020, 2020年1月5日
	likeInstant             // a date and a time of day
	likeTime                // 10:00, 9:30 pm
	LikeBoolean             // true, FALSE
	Likenesses
)

// LikenessWords are what the values of a likeness are called, in the plural.
var LikenessWords = [Likenesses]string{likePercent: "percentages", likeThousands: "numbers with thousands separators",
	likeComma: "numbers with decimal commas", likeCurrency: "amounts of money", likeDate: "dates",
	likeInstant: "dates with a time of day", likeTime: "times of day",
	LikeISOInstant: "timestamps", LikeISOZoned: "timestamps with a time zone", LikeISOTime: "times of day"}

// LikenessFaults says why values of a likeness are not read, and LikenessRemedies
// how they would be.
var LikenessFaults = [Likenesses]string{likePercent: "has a percent sign", likeThousands: "has thousands separators",
	likeComma: "has a decimal comma", likeCurrency: "has a currency", likeDate: "is not ISO (YYYY-MM-DD)",
	likeInstant: "is not ISO (YYYY-MM-DD HH:MM:SS)", likeTime: "is not HH:MM:SS",
	LikeISOInstant: "is text in its file", LikeISOZoned: "is text in its file", LikeISOTime: "is text in its file"}

var LikenessRemedies = [Likenesses]string{likePercent: "write plain numbers", likeThousands: "write plain numbers, or say --thousands",
	likeComma: "write a decimal point, or say --decimal ,", likeCurrency: "write plain numbers", likeDate: "write 2020-01-31",
	likeInstant: "write 2020-01-31 12:30:00", likeTime: "write 12:30:00",
	LikeISOInstant: "store timestamps", LikeISOZoned: "store timestamps", LikeISOTime: "store times"}

// Numeric reports whether a value looks like a number to a person.
func (l Likeness) Numeric() bool { return l == LikeNumber || l >= likePercent && l <= likeCurrency }

// ISO reports whether it is a date or a time that section 3.1 reads.
func (l Likeness) ISO() bool { return l >= LikeISODate && l <= LikeISOTime }

// Dated reports whether it looks like a date or a time.
func (l Likeness) Dated() bool { return l >= LikeISODate && l <= likeTime }

// maxLike is the length of the longest value that looks like a number or a date.
const maxLike = 64

// LikenessOf looks at one value. It costs tens of nanoseconds for words.
func LikenessOf(text []byte) Likeness {
	text = TrimSpaces(text)
	if len(text) == 0 || len(text) > maxLike {
		return LikeNothing
	}
	m := markedOf(text)
	if m.digits != 0 && m.foreignWord(text) {
		return LikeNothing
	}
	if s, ok := ShapeOf(text); ok {
		if s.Padded {
			return LikeCode
		}
		return LikeNumber
	}
	if _, ok := ParseBoolean(text); ok {
		return LikeBoolean
	}
	if m.digits == 0 {
		if notANumber[string(bytes.ToLower(bytes.TrimLeft(text, "+-")))] {
			return LikeNaN
		}
		return LikeNothing
	}
	if _, ok := layout.ParseDate(text); ok {
		return LikeISODate
	}
	if _, zoned, ok := layout.ParseTimestamp(text); ok && zoned {
		return LikeISOZoned
	} else if ok {
		return LikeISOInstant
	}
	if _, ok := layout.ParseTime(text); ok {
		return LikeISOTime
	}
	if l := amountLikeness(text); l != LikeNothing {
		return l
	}
	return momentLikeness(text)
}

// A marked text has a bit for each of its bytes, of which there are at most maxLike, in the place of what it is.
type marked struct {
	letters, others uint64 // of ASCII, and those but e
	digits          uint64
	foreign         uint64 // what is not ASCII
}

// each is a byte in the place of all eight.
const each = 0x0101010101010101

// markedOf looks at eight bytes at a time, without a branch that depends on them: what follows each other in a text
// is hard to foresee.
func markedOf(text []byte) (m marked) {
	for from := 0; from < len(text); from += 8 {
		w := wordAt(text, from)
		high := w & (0x80 * each)
		low := w &^ (0x80 * each)
		small := low | 0x20*each
		// A sum has the high bit of a byte if the byte reaches 0x80 less what is added.
		digits := (low + (0x80-'0')*each) &^ (low + (0x7F-'9')*each) & (0x80 * each) &^ high
		letters := (small + (0x80-'a')*each) &^ (small + (0x7F-'z')*each) & (0x80 * each) &^ high
		m.digits |= gathered(digits) << from
		m.letters |= gathered(letters) << from
		m.others |= gathered(letters&((small^'e'*each)+0x7F*each)) << from
		m.foreign |= gathered(high) << from
	}
	return m
}

// gathered are the high bits of eight bytes, as one.
func gathered(high uint64) uint64 { return high * 0x0002040810204081 >> 56 }

// wordAt is eight bytes from one on, little-endian; what lies behind the end is 0.
func wordAt(text []byte, from int) (w uint64) {
	switch n := len(text); {
	case from+8 <= n:
		return binary.LittleEndian.Uint64(text[from:])
	case n >= 8:
		return binary.LittleEndian.Uint64(text[n-8:]) >> (8 * (from + 8 - n))
	}
	for i, c := range text[from:] {
		w |= uint64(c) << (8 * i)
	}
	return w
}

// foreignWord tells that a value is neither a number, an amount nor a moment: before its last digit it has a word of
// ASCII letters that stands in none. Between digits a number has none but an exponent's e; before them a currency has
// at most three letters; and the words of moments are few. What is behind a character that is not ASCII is not looked at.
func (m marked) foreignWord(text []byte) bool {
	before := uint64(1)<<min(bits.Len64(m.digits)-1, bits.TrailingZeros64(m.foreign)) - 1
	behind := ^(m.digits ^ (m.digits - 1)) // the first digit
	letters := m.letters & before
	odd := behind & letters & (m.others | letters>>1 | letters<<1)
	for odd |= letters & (letters >> 1) & (letters >> 2) & (letters >> 3); odd != 0; {
		at := bits.TrailingZeros64(odd)
		from := bits.Len64(^letters & (1<<at - 1))
		to := at + bits.TrailingZeros64(^(letters >> at))
		if !momentWord(text[from:to]) {
			return true
		}
		odd = odd >> to << to
	}
	return false
}

var notANumber = map[string]bool{"nan": true, "inf": true, "infinity": true, "1.#inf": true, "1.#qnan": true}

// amountLikeness recognises numbers in other clothes.
func amountLikeness(text []byte) Likeness {
	if len(text) > 2 && text[0] == '(' && text[len(text)-1] == ')' { // bookkeepers' minus
		text = TrimSpaces(text[1 : len(text)-1])
	}
	text = trimSign(text)
	found := LikeNothing
	if rest, ok := trimPercent(text); ok {
		text, found = rest, likePercent
	} else if rest, ok := trimCurrency(text); ok {
		text, found = trimSign(rest), likeCurrency
	}
	if _, ok := ShapeOf(text); ok {
		return found
	}
	if l := groupedLikeness(text); l == LikeNothing || found == LikeNothing {
		return l
	}
	return found
}

func trimSign(text []byte) []byte {
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	} else {
		text = bytes.TrimPrefix(text, []byte("−"))
	}
	return TrimSpaces(text)
}

func trimPercent(text []byte) ([]byte, bool) {
	for _, sign := range []string{"%", "％", "‰"} {
		if rest, ok := bytes.CutSuffix(text, []byte(sign)); ok {
			return TrimSpaces(rest), true
		}
	}
	return text, false
}

// currencies are the codes of ISO 4217 and the words that stand beside amounts
// most often; signs are recognised by their Unicode category.
var currencies = map[string]bool{"USD": true, "EUR": true, "GBP": true, "JPY": true, "CNY": true, "RMB": true, "CHF": true,
	"CAD": true, "AUD": true, "NZD": true, "HKD": true, "SGD": true, "TWD": true, "INR": true, "KRW": true, "RUB": true,
	"BRL": true, "MXN": true, "ZAR": true, "SEK": true, "NOK": true, "DKK": true, "PLN": true, "CZK": true, "HUF": true,
	"TRY": true, "THB": true, "IDR": true, "MYR": true, "PHP": true, "VND": true, "ILS": true, "AED": true, "SAR": true,
	"kr": true, "Rs": true, "Rs.": true, "zł": true, "Kč": true, "R": true,
	"元": true, "圆": true, "万元": true, "亿元": true, "円": true, "원": true}

// trimCurrency takes a currency off one end.
func trimCurrency(text []byte) ([]byte, bool) {
	numeral := func(r rune) bool { return r >= '0' && r <= '9' }
	from := bytes.IndexFunc(text, func(r rune) bool { return numeral(r) || r == '.' || r == '-' || r == '+' })
	to := bytes.LastIndexFunc(text, numeral) + 1
	if from < 0 || to < from {
		return text, false
	}
	before, after := bytes.TrimSpace(text[:from]), bytes.TrimSpace(text[to:])
	switch {
	case len(after) == 0 && isCurrency(before):
		return TrimSpaces(text[from:]), true
	case len(before) == 0 && isCurrency(after):
		return TrimSpaces(text[:to]), true
	}
	return text, false
}

func isCurrency(text []byte) bool {
	if currencies[string(text)] {
		return true
	}
	r, size := utf8.DecodeLastRune(text) // $, US$, R$
	return size > 0 && unicode.Is(unicode.Sc, r) && len(text)-size <= 3
}

// groupedLikeness recognises digits in groups, and a decimal comma.
func groupedLikeness(text []byte) Likeness {
	var groups []int // lengths of runs of digits
	var marks []rune // between them
	for len(text) > 0 {
		n := layout.DigitRun(text)
		if n == 0 {
			return LikeNothing
		}
		groups, text = append(groups, n), text[n:]
		if len(text) == 0 {
			break
		}
		r, size := utf8.DecodeRune(text)
		switch r {
		case ',', '.', ' ', '\'', '’', '\u00a0', '\u2009', '\u202f':
		default:
			return LikeNothing
		}
		marks, text = append(marks, r), text[size:]
	}
	if len(marks) == 0 || len(groups) != len(marks)+1 {
		return LikeNothing
	}
	whole, last := groups, marks[len(marks)-1]
	decimal := (last == ',' || last == '.') && last != marks[0]
	if decimal {
		whole, marks = groups[:len(groups)-1], marks[:len(marks)-1]
	}
	grouped := whole[0] <= 3 && whole[len(whole)-1] == 3
	for i, m := range marks {
		grouped = grouped && m == marks[0] && (whole[i+1] == 3 || whole[i+1] == 2 && m == ',') // 12,34,567 in India
	}
	switch {
	case grouped:
		return likeThousands
	case len(groups) == 2 && last == ',':
		return likeComma
	}
	return LikeNothing
}
