package files

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/datasets/layout"
)

func TestLikeness(t *testing.T) {
	for want, values := range map[Likeness][]string{
		LikeNumber:    {"0", "-1.5", "+5", "1e5", ".5", " 7 "},
		LikeCode:      {"007", "00.5", "-01"},
		likePercent:   {"12.5%", "12 %", "-3%", "+0.1 %", "1,234%", "5‰", "7％"},
		likeThousands: {"1,234", "1,234.56", "1.234,56", "1 234", "1'234'567", "1.234.567", "12,34,567", "-1,234", "(1,234)", "1\u00a0234,5"},
		likeComma:     {"3,14", "-0,5", "1234,5"},
		likeCurrency:  {"$12.50", "12 €", "€12", "USD 1,234", "1.234,56 EUR", "¥100", "-$5", "$-5", "R$ 3,50", "100元", "3.5万元", "(£20)", "kr 5"},
		LikeNaN:       {"NaN", "nan", "-inf", "Infinity", "+Inf"},
		LikeISODate:   {"2020-02-29", " 2020-01-01 "},
		likeDate: {"28/02/2008", "2/28/2008", "2020-1-5", "5.1.2020", "05.01.20", "2020/01/05", "5-Jan-2020", "5 January 2020", "Jan 5, 2020",
			"January 5th, 2020", "Mon, 5 Jan 2020", "2020年1月5日", "2020.01.05", "5. 1. 2020", "1/5/20", "2020-13-05", "2020-02-30", "2020 Jan 5", "20200105T100000Z"},
		LikeISOInstant: {"2020-01-05 10:00:00", " 2020-01-05T10:00"},
		LikeISOZoned:   {"2020-01-05T10:00:00Z", "2020-01-05T10:00:00.123+02:00"},
		LikeISOTime:    {"10:00", "23:59:59", "10:00:00.5", "00:00"},
		likeInstant: {"28/02/2008 9:30 PM", "Jan 5, 2020, 10:00", "5.1.2020 10:00",
			"2020-01-05 10:00:00 UTC", "2020-01-05 10:00:00 +0200"},
		likeTime:    {"9:30", "9:30 pm", "9:30PM", "24:00"},
		LikeBoolean: {"true", "FALSE"},
		LikeNothing: {"", "abc", "A1", "1_000", "0x10", "12 kg", "1.2.3", "10.0.0.1", "555-1234", "+49 30 123456", "1,2,3", "E11", "I21.4", "a@b.c",
			"8140/3", "2020-21", "Q1 2020", "10:5", "1:2:3:4", "5%5", "%", "$", "€ abc", "3 of 5", "-", "--", "?", "May", "4/5", "12,3456,7", "2020-01-05 abc", "13th floor"},
	} {
		for _, v := range values {
			if got := LikenessOf([]byte(v)); got != want {
				t.Errorf("%q: %d, want %d", v, got, want)
			}
		}
	}
}

// TestForeignWord: what a word tells at once is what a long look finds.
func TestForeignWord(t *testing.T) {
	words := []string{"jan", "May", "sept", "mon", "th", "am", "PM", "z", "T", "utc", "e", "E", "USD", "kr", "Rs", "R", "abc", "user", "x", "stone", "hello", "年", "€"}
	marks := []string{"", " ", "-", "/", ":", ".", ",", "%"}
	numbers := []string{"1", "05", "2020", "12", "31", "20200105"}
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(of []string) string { return of[random.IntN(len(of))] }
	foreign := 0
	for range 200_000 {
		var text string
		for range 1 + random.IntN(6) {
			switch random.IntN(3) {
			case 0:
				text += pick(words)
			case 1:
				text += pick(numbers)
			default:
				text += pick(marks)
			}
		}
		b := TrimSpaces([]byte(text))
		m := markedOf(b)
		if told := m.digits != 0 && m.foreignWord(b); told != foreignByBytes(b) {
			t.Errorf("%q: %v", b, told)
		} else if told {
			foreign++
			_, number := ShapeOf(b)
			_, date := layout.ParseDate(b)
			_, _, instant := layout.ParseTimestamp(b)
			_, clock := layout.ParseTime(b)
			if a, m := amountLikeness(b), momentLikeness(b); a != LikeNothing || m != LikeNothing || number || date || instant || clock {
				t.Errorf("%q is foreign and looks like %d, %d", b, a, m)
			}
		}
	}
	if foreign < 10_000 {
		t.Errorf("%d values of 200,000 were told at once", foreign)
	}
}

// foreignByBytes is what foreignWord says, byte by byte.
func foreignByBytes(text []byte) bool {
	letter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
	last, digits := bytes.LastIndexAny(text, "0123456789"), false
	for i := 0; i < last; {
		if c := text[i]; !letter(c) {
			if c >= utf8.RuneSelf {
				return false
			}
			digits = digits || c >= '0' && c <= '9'
			i++
			continue
		}
		from := i
		for i < last && letter(text[i]) {
			i++
		}
		word := text[from:i]
		if (digits && (len(word) > 1 || word[0]|0x20 != 'e') || len(word) > 3) && !momentWord(word) {
			return true
		}
	}
	return false
}

// TestForeignBytes: the same of texts of every length, of whichever bytes.
func TestForeignBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, some := range []string{"", "0e", "9zE:", "/0@A`a", "19 jan:T"} {
		told := 0
		for round := range 40_000 {
			text := make([]byte, round%(maxLike+1))
			for i := range text {
				if text[i] = byte(random.Uint32()); some != "" && random.IntN(20) > 0 {
					text[i] = some[random.IntN(len(some))]
				}
			}
			m := markedOf(text)
			got := m.digits != 0 && m.foreignWord(text)
			if got != foreignByBytes(text) {
				t.Fatalf("%q: %v", text, got)
			}
			if got {
				told++
			}
		}
		if told == 0 || told == 40_000 {
			t.Errorf("of %q: %d were told at once", some, told)
		}
	}
}

// TestMomentWord: what the tables of first letters say is what the names say.
func TestMomentWord(t *testing.T) {
	var word [4]byte
	for n := range 26 * 26 * 26 {
		word[0], word[1], word[2], word[3] = byte('a'+n%26), byte('A'+n/26%26), byte('a'+n/676), 'x'
		for length := 1; length <= len(word); length++ {
			short := strings.ToLower(string(word[:length]))
			l := lexeme{kind: 'w', text: short}
			want := begins(l, layout.Months[:]) || begins(l, weekdays[:]) || begins(l, ordinals[:]) || slices.Contains([]string{"utc", "gmt"}, short)
			if length < 3 {
				want = slices.Contains([]string{"t", "z", "am", "pm", "st", "nd", "rd", "th"}, short)
			}
			if momentWord(word[:length]) != want {
				t.Errorf("%s: %v", short, !want)
			}
		}
	}
}
