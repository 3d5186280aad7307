package files

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"parley/datasets/layout"
)

// FuzzCSV: any bytes give an *Error or a table; what is accepted reads the same
// with encoding/csv.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "\xEF\xBB\xBFa\r\n\"x\"\r\n", "a,b\n\"\",\n\n", "a\n1e5\n-.5\n", "a,b\n\"x\"\"y\",z", "a,b\n1,2,3\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newCSVScanner("x", bytes.NewReader(data))
		if s.skipMark() != nil {
			return
		}
		var got [][]string
		for {
			more, err := s.next()
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Line < 1 {
					t.Fatalf("an error without its line: %v", err)
				}
				return
			}
			if !more {
				break
			}
			if s.blank() {
				continue
			}
			var record []string
			for i := range s.fields {
				record = append(record, string(s.value(i)))
			}
			got = append(got, record)
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			t.Fatalf("accepted what encoding/csv refuses: %v", err)
		}
		for i := range got {
			for j := range got[i] { // encoding/csv turns CR LF inside quotes into LF
				if i >= len(want) || j >= len(want[i]) || strings.ReplaceAll(got[i][j], "\r\n", "\n") != want[i][j] {
					t.Fatalf("%q, want %q", got, want)
				}
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
	})
}

// FuzzFormat: any bytes in any format give an *Error with a line or records, which end where they
// begin anew; compressed ones expand or are refused.
func FuzzFormat(f *testing.F) {
	f.Add([]byte("# x\na;b\n1,5;\"2\"\n"), ";", "", "#", uint8(1), ",", ".")
	f.Add([]byte("a，b\n\xEF\xBC"), "，", "none", "//", uint8(0), "", " ")
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, "|", "", "", uint8(0), "", "'")
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 4, 0, 1, 0, 0}, "tab", "", "", uint8(0), ",", " ")
	f.Fuzz(func(t *testing.T, data []byte, delimiter, quote, comment string, skip uint8, decimal, thousands string) {
		format := Format{Delimiter: delimiter, Quote: quote, Comment: comment, Skip: int(skip), Decimal: decimal, Thousands: thousands}
		if _, problem := format.Check(); problem != "" {
			return
		}
		for _, packed := range []string{"", ".gz", ".zst"} {
			in, free, err := expand("x", packed, bytes.NewReader(data), int64(len(data)))
			if err != nil {
				continue
			}
			s := newCSVScanner("x", io.LimitReader(in, 1<<20))
			s.delimiter, _ = delimiterNamed(delimiter, ",")
			s.unquotable, s.comment = quote == "none", comment
			for range skip {
				err = cmp.Or(err, s.skipLine())
			}
			numerals, _ := format.Numerals()
			for more := err == nil; more; {
				if more, err = s.next(); !more {
					break
				}
				for i := range s.fields {
					plain := numerals.Plain(nil, s.value(i))
					if _, ok := ShapeOf(plain); ok && numerals != nil && bytes.ContainsAny(plain, ", ") {
						t.Fatalf("%q is the number %q", s.value(i), plain)
					}
				}
			}
			if e := new(Error); err != nil && !errors.As(err, &e) {
				t.Fatalf("an error of another kind: %v", err)
			}
			free()
		}
	})
}

// FuzzNumber: a numeral is scaled to the number that big.Rat reads.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-1.50", "1e3", "12.5E-4", ".5", "5.", "00.10", "-0e9", "99999999999999999999999999999999999999", "1e-18", "+7"} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, more int) {
		s, ok := ShapeOf([]byte(text))
		want, readable := new(big.Rat), false
		if len(text) < 200 && !strings.ContainsAny(text, "/_xXoObBpPiInN") {
			_, readable = want.SetString(text)
		}
		if ok != readable && s.exponent <= MaxExponent && s.exponent >= -MaxExponent && len(text) < 200 {
			t.Fatalf("%q: a number %v, for big.Rat %v", text, ok, readable)
		}
		if !ok || !readable || s.Padded || s.Fault(MaxScale) != "" {
			return
		}
		scale := min(max(s.Scale, more), MaxScale)
		want.Mul(want, new(big.Rat).SetInt(PowerOfTen(scale)))
		n, fits := ScaledWide([]byte(text), s, scale)
		if !want.IsInt() {
			t.Fatalf("%q has more than %d places", text, s.Scale)
		}
		if fits != (want.Num().CmpAbs(mostWide) < 0) || fits && n.BigInt().Cmp(want.Num()) != 0 {
			t.Fatalf("%q at scale %d: %s, want %s", text, scale, n.BigInt(), want.Num())
		}
		if digits := len(new(big.Int).Abs(new(big.Int).Quo(want.Num(), PowerOfTen(scale))).String()); digits > max(s.Digits, 1) {
			t.Fatalf("%q has %d digits before the point, not %d", text, digits, s.Digits)
		}
		if s.Digits+scale <= NarrowDigits {
			if small := ScaledNarrow([]byte(text), s, scale); big.NewInt(small).Cmp(want.Num()) != 0 {
				t.Fatalf("%q at scale %d: %d, want %s", text, scale, small, want.Num())
			}
		}
	})
}

// TestEveryDate: days are those of the standard library, and no others are read.
func TestEveryDate(t *testing.T) {
	want := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	for year := 1; year <= 9999; year++ {
		for month := 1; month <= 12; month++ {
			for day := 1; day <= 31; day++ {
				days, ok := layout.DaysOf(year, month, day)
				exists := want.Day() == day && int(want.Month()) == month
				if ok != exists || ok && int64(days) != want.Unix()/layout.SecondsPerDay {
					t.Fatalf("%d-%d-%d: %d, %v", year, month, day, days, ok)
				}
				if exists {
					want = want.AddDate(0, 0, 1)
				}
			}
		}
	}
}
