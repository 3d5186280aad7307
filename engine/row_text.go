package engine

import (
	"math/big"
	"slices"
	"strings"
)

// asciiUpper is lower's opposite: A to Z alone.
func asciiUpper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// upperCase and lowerCase map letter by letter, by the simple mappings of Unicode 15.0.
func upperCase(s string) string { return mapped(s, func(r caseRange) int32 { return r.upper }) }

func lowerCase(s string) string { return mapped(s, func(r caseRange) int32 { return r.lower }) }

// caseRange is letters that differ from their capital and their small letter by the same numbers.
// Where upper is alternating, letters of an even and of an odd place alternate: a capital, and its
// small letter behind it.
type caseRange struct {
	first, last  rune
	upper, lower int32
}

// alternating is beyond every difference.
const alternating = 1 << 21

func mapped(s string, which func(caseRange) int32) string {
	return strings.Map(func(r rune) rune {
		at, found := slices.BinarySearchFunc(caseRanges[:], r, func(c caseRange, r rune) int {
			switch {
			case r < c.first:
				return 1
			case r > c.last:
				return -1
			}
			return 0
		})
		if !found {
			return r
		}
		c := caseRanges[at]
		if c.upper != alternating {
			return r + which(c)
		}
		place := r - c.first // even of a capital
		if which(caseRange{upper: 1}) == 1 {
			return c.first + place&^1
		}
		return c.first + place | 1
	}, s)
}

// substring is PostgreSQL's: places before the first count, and hold nothing.
func substring(s string, start, length *big.Int) string {
	text := []rune(s)
	n := big.NewInt(int64(len(text)))
	from := new(big.Int).Sub(start, big.NewInt(1))
	to := new(big.Int).Add(from, length)
	clamp := func(v *big.Int) int64 {
		switch {
		case v.Sign() < 0:
			return 0
		case v.Cmp(n) > 0:
			return n.Int64()
		}
		return v.Int64()
	}
	a, b := clamp(from), clamp(to)
	if a >= b {
		return ""
	}
	return string(text[a:b])
}

// The sides of OpTrim, as Args[1] names them.
const (
	trimBoth  = "both"
	trimLeft  = "leading"
	trimRight = "trailing"
)

func trim(s, side, characters string) string {
	switch side {
	case trimLeft:
		return strings.TrimLeft(s, characters)
	case trimRight:
		return strings.TrimRight(s, characters)
	}
	return strings.Trim(s, characters)
}
