package files

import (
	"bytes"
	"math/big"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"parley/datasets/layout"
)

// Shape is what the characters of a number say before its value is computed.
type Shape struct {
	Integer  bool // no point and no exponent
	Padded   bool // a leading zero before other digits: a code such as 007, not a number
	Digits   int  // digits before the point once the exponent is applied, without leading zeros
	Scale    int  // digits behind the point once the exponent is applied, as written
	fraction int  // digits behind the point as they stand
	exponent int
}

// ShapeOf reads text as [+-] digits [. digits] [(e|E) [+-] digits], with a
// digit on at least one side of the point; ok is false for anything else.
// The text has no spaces around it.
func ShapeOf(text []byte) (s Shape, ok bool) {
	rest := text
	if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	whole := layout.DigitRun(rest)
	first := rest[:whole]
	rest = rest[whole:]
	s.Integer = true
	var behind []byte
	if len(rest) > 0 && rest[0] == '.' {
		s.Integer = false
		s.fraction = layout.DigitRun(rest[1:])
		behind = rest[1 : 1+s.fraction]
		rest = rest[1+s.fraction:]
	}
	if whole+s.fraction == 0 {
		return Shape{}, false
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		s.Integer = false
		if s.exponent, ok = exponent(rest[1:]); !ok {
			return Shape{}, false
		}
		rest = nil
	}
	if len(rest) > 0 {
		return Shape{}, false
	}
	s.Padded = whole > 1 && first[0] == '0'
	s.Scale = max(0, s.fraction-s.exponent)
	zeros := leadingZeros(first)
	s.Digits = whole - zeros + s.exponent
	if zeros == whole { // 0.00012: the zeros behind the point count against it
		s.Digits -= leadingZeros(behind)
	}
	if zeros == whole && leadingZeros(behind) == len(behind) { // zero itself
		s.Digits = 0
	}
	s.Digits = max(0, s.Digits)
	return s, true
}

func leadingZeros(b []byte) int {
	n := 0
	for n < len(b) && b[n] == '0' {
		n++
	}
	return n
}

// exponent reads what follows the e; beyond MaxExponent it gives MaxExponent+1
// of the same sign, which every caller refuses as out of range.
func exponent(b []byte) (int, bool) {
	negative := false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		negative = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 || layout.DigitRun(b) != len(b) {
		return 0, false
	}
	n := 0
	for _, d := range b {
		n = min(n*10+int(d-'0'), MaxExponent+1)
	}
	if negative {
		n = -n
	}
	return n, true
}

// Fault says why a number of this shape cannot be held exactly, or "".
func (s Shape) Fault(mostScale int) string {
	switch {
	case s.exponent > MaxExponent || s.exponent < -MaxExponent:
		return "an exponent beyond ±" + strconv.Itoa(MaxExponent)
	case s.Scale > mostScale:
		return "more than " + strconv.Itoa(mostScale) + " decimal places"
	case s.Digits+s.Scale > MaxDigits:
		return "more than " + strconv.Itoa(MaxDigits) + " digits"
	}
	return ""
}

// NarrowDigits is how many digits always fit in an int64.
const NarrowDigits = 18

// ScaledNarrow gives the number times 10^scale, when ShapeOf accepted it
// without fault, scale is at least its own, and digits+scale is at most
// narrowDigits.
func ScaledNarrow(text []byte, s Shape, scale int) int64 {
	var n int64
	for _, c := range text {
		if c == 'e' || c == 'E' {
			break
		}
		if c >= '0' && c <= '9' {
			n = n*10 + int64(c-'0') // the result has at most 18 digits, so this has too
		}
	}
	if n == 0 {
		return 0
	}
	n *= SmallPower[scale+s.exponent-s.fraction]
	if text[0] == '-' {
		n = -n
	}
	return n
}

// ScaledWide is ScaledNarrow without its bound of 18 digits; false when the
// result has more than MaxDigits digits.
func ScaledWide(text []byte, s Shape, scale int) (decimal128.Num, bool) {
	digits := make([]byte, 0, len(text))
	for _, c := range text {
		if c == 'e' || c == 'E' {
			break
		}
		if c >= '0' && c <= '9' {
			digits = append(digits, c)
		}
	}
	n, ok := new(big.Int).SetString(string(digits), 10)
	if !ok {
		return decimal128.Num{}, false
	}
	n.Mul(n, PowerOfTen(scale+s.exponent-s.fraction))
	if text[0] == '-' {
		n.Neg(n)
	}
	return WideNumber(n)
}

// SmallPower[k] is 10^k.
var SmallPower = func() (p [NarrowDigits + 1]int64) {
	p[0] = 1
	for k := 1; k < len(p); k++ {
		p[k] = p[k-1] * 10
	}
	return p
}()

// PowerOfTen is 10^k.
func PowerOfTen(k int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k)), nil)
}

// mostWide is the first magnitude that a column cannot hold.
var mostWide = PowerOfTen(MaxDigits)

// WideNumber gives n as 128 bits; false when it has more than MaxDigits digits.
func WideNumber(n *big.Int) (decimal128.Num, bool) {
	if n.CmpAbs(mostWide) >= 0 {
		return decimal128.Num{}, false
	}
	return decimal128.FromBigInt(n), true
}

// ParseBoolean reads true and false in any case.
func ParseBoolean(text []byte) (value, ok bool) {
	switch len(text) {
	case 4:
		return true, bytes.EqualFold(text, []byte("true"))
	case 5:
		return false, bytes.EqualFold(text, []byte("false"))
	}
	return false, false
}

// TrimSpaces removes the spaces and tabs around a value. Numbers, dates and
// booleans are read without them, as PostgreSQL's input functions do; text
// keeps them.
func TrimSpaces(text []byte) []byte {
	if n := len(text); n > 0 && !isSpace(text[0]) && !isSpace(text[n-1]) {
		return text
	}
	return bytes.Trim(text, " \t")
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// PlainNumber reads what most numbers are, an optional minus, digits without leading zeros, and a point with
// digits or none, at most NarrowDigits in all: the digits together as a number, how many stand before the point
// (0 for a lone zero), and behind it. Not ok means nothing but that ShapeOf is to look.
func PlainNumber(text []byte) (n int64, before, behind int, ok bool) {
	rest, negative := text, len(text) > 0 && text[0] == '-'
	if negative {
		rest = rest[1:]
	}
	if len(rest) == 0 || len(rest) > NarrowDigits+1 {
		return 0, 0, 0, false
	}
	point := -1
	for i, c := range rest {
		if c == '.' && point < 0 {
			point = i
			continue
		}
		if c -= '0'; c > 9 {
			return 0, 0, 0, false
		}
		n = n*10 + int64(c)
	}
	before = len(rest)
	if point >= 0 {
		before, behind = point, len(rest)-point-1
	}
	switch {
	case before == 0, point >= 0 && behind == 0, before+behind > NarrowDigits, before > 1 && rest[0] == '0', negative && n == 0:
		return 0, 0, 0, false
	case rest[0] == '0':
		before = 0
	}
	if negative {
		n = -n
	}
	return n, before, behind, true
}
