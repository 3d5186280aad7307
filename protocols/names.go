package protocols

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// runeRange is a range of code points, both ends in it.
type runeRange struct{ from, to rune }

// unseen are the code points that no name of a network or a member has, ascending (README
// section 1): controls, separators of lines, every space but U+0020, what sets the direction of
// writing, what is drawn as nothing, private use, and noncharacters of the first plane. The list
// is the rule: it is the referee's, and must be the same in a node that was built with another
// compiler's tables of Unicode. What is not on it is allowed, whether assigned or not.
var unseen = []runeRange{
	{0x0000, 0x001f}, {0x007f, 0x00a0}, // C0, delete, C1, no-break space
	{0x00ad, 0x00ad}, // soft hyphen
	{0x034f, 0x034f}, // combining grapheme joiner
	{0x0600, 0x0605}, {0x061c, 0x061c}, {0x06dd, 0x06dd}, {0x070f, 0x070f}, {0x0890, 0x0891}, {0x08e2, 0x08e2},
	{0x115f, 0x1160}, // Hangul fillers
	{0x1680, 0x1680}, // Ogham space
	{0x17b4, 0x17b5}, // Khmer inherent vowels
	{0x180b, 0x180f}, // Mongolian selectors and vowel separator
	{0x2000, 0x200f}, // spaces of all widths, zero width, marks of direction
	{0x2028, 0x202f}, // separators, direction, narrow no-break space
	{0x205f, 0x206f}, // mathematical space, invisible operators, isolates
	{0x2800, 0x2800}, // blank of Braille
	{0x3000, 0x3000}, // ideographic space
	{0x3164, 0x3164}, // Hangul filler
	{0xe000, 0xf8ff}, // private use
	{0xfdd0, 0xfdef}, // noncharacters
	{0xfe00, 0xfe0f}, // variation selectors
	{0xfeff, 0xfeff}, // byte order mark
	{0xffa0, 0xffa0}, // halfwidth Hangul filler
	{0xfff0, 0xffff}, // specials, the replacement of what could not be decoded, noncharacters
	{0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
	{0xe0000, 0x10ffff}, // tags, further selectors, private use
}

// seen reports whether a code point may stand in a name. Beyond the list that is all but the last
// two of each plane, which are noncharacters.
func seen(r rune) bool {
	if r&0xfffe == 0xfffe {
		return false
	}
	for _, u := range unseen {
		if r >= u.from && r <= u.to {
			return false
		}
	}
	return true
}

// checkName takes a name that is seen as what it is: UTF-8 of at most MaxNameBytes, without
// unseen characters, and without spaces at its ends. Names that look alike may still differ: they
// are compared by bytes, and never normalised.
func checkName(name string) error {
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) {
		return fmt.Errorf("a name is 1 to %d bytes of UTF-8", MaxNameBytes)
	}
	if name[0] == ' ' || name[len(name)-1] == ' ' {
		return fmt.Errorf("name %+q has spaces at its ends", name)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return !seen(r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(name[i:])
		return fmt.Errorf("name %+q has a character that is not seen, U+%04X", name, r)
	}
	return nil
}
