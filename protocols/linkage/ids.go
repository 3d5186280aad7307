package linkage

import (
	"strings"
	"unicode/utf8"
)

// Canonical gives the one spelling of an id that tokens are made of: full-width characters as half-width ones, spaces at its
// ends left out, and the letters of an id of 18 ASCII letters and digits, which persons' (GB 11643) and organisations' (GB 32100)
// are, in upper case. It reports false of what is no id: nothing, more than MaxID bytes, or no UTF-8. Nothing else is
// changed: ids that differ otherwise are two.
func Canonical(id string) (string, bool) {
	if len(id) > 8*MaxID || !utf8.ValidString(id) {
		return "", false
	}
	id = strings.Map(func(r rune) rune {
		switch {
		case r >= 0xff01 && r <= 0xff5e: // full-width forms of ASCII
			return r - 0xff01 + '!'
		case r == 0x3000 || r == 0xa0: // ideographic space, no-break space
			return ' '
		}
		return r
	}, id)
	id = strings.Trim(id, " \t\r\n")
	if len(id) == 18 && !strings.ContainsFunc(id, func(r rune) bool { return !alphanumeric(r) }) {
		id = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r - 'a' + 'A'
			}
			return r
		}, id)
	}
	return id, len(id) > 0 && len(id) <= MaxID
}

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// Checked is what check digits say of an id.
type Checked uint8

// What they say.
const (
	NoCheck    Checked = iota // it is no number of a standard that has them
	CheckRight                // by GB 11643 or GB 32100
	CheckWrong                // it has the form of one of them, and another check digit than that asks for
)

// Check looks at the check digit of a canonical id. It is for a figure of quality: nothing is refused for it.
func Check(id string) Checked {
	person, right := gb11643(id)
	organisation, also := gb32100(id)
	switch {
	case right || also:
		return CheckRight
	case person || organisation:
		return CheckWrong
	}
	return NoCheck
}

// gb11643 is of a citizen's number: 17 digits, and their sum by weights 2^(17−i) modulo 11 as 1 0 X 9 8 … 2.
func gb11643(id string) (form, right bool) {
	if len(id) != 18 {
		return false, false
	}
	sum, weights := 0, [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	for i, w := range weights {
		if id[i] < '0' || id[i] > '9' {
			return false, false
		}
		sum += w * int(id[i]-'0')
	}
	last := id[17]
	return last >= '0' && last <= '9' || last == 'X', last == "10X98765432"[sum%11]
}

// gb32100 is of an organisation's code: digits and letters without I, O, S, V and Z, by weights 3^i modulo 31.
func gb32100(id string) (form, right bool) {
	const letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	if len(id) != 18 {
		return false, false
	}
	sum, weight := 0, 1
	for i := range 17 {
		v := strings.IndexByte(letters, id[i])
		if v < 0 {
			return false, false
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	return strings.IndexByte(letters, id[17]) >= 0, id[17] == letters[(31-sum%31)%31]
}
