package protocols

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestNames: what a name may hold is a list of this package, not of the compiler. The names
// that are taken hold characters that newer tables of Unicode know and older ones do not.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"a", "Health Office", "民政局", "Ärzteamt", "Δήμος", "прокуратура", "वित्त", "統計局 2", "O’Hara & Co.", "a-b_c.d:e", "🏥",
		"\u0378",     // unassigned
		"\u0897x",    // Unicode 16
		"\u1c89",     // Unicode 16
		"\U0002ebf0", // Unicode 15.1
		"\U0002ee5d", // Unicode 15.1
		"\U000105c0", // Unicode 16
		"\U00011380", // Unicode 16
		"\U0001fae9", // Unicode 16
		"\u20c1",     // Unicode 17
		"\ua7ce",     // Unicode 17
		"\U000323b0", // Unicode 17
		"\U000323af", // the last of Unicode 15
		strings.Repeat("a", MaxNameBytes),
	} {
		if err := checkName(name); err != nil {
			t.Errorf("%+q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", strings.Repeat("a", MaxNameBytes+1), " a", "a ", "a\xff", "\xed\xa0\x80", "a\x00b", "a\tb", "a\nb", "a\x7f", "a\u0085b", "a\u009f",
		"a\u00a0b", "a\u00adb", "a\u061cb", "a\u1680b", "a\u2003b", "a\u200bb", "a\u200eb", "a\u2028b", "a\u202eb", "a\u202fb", "a\u2066b",
		"\u3000", "\ue000", "\ufdd0", "\ufeffa", "\ufffe", "\U0001ffff", "\U0010fffd", "\U000e0041",
		// What the compiler's tables call printable.
		"\u115f", "\u1160", "\u3164", "\uffa0", // fillers
		"\u2800", "\ufffc", "\ufffd", "a\u034fb", "a\u17b4b", "a\u180bb", "a\ufe0fb", "a\U000e0100b",
	} {
		if checkName(name) == nil {
			t.Errorf("%+q is a name", name)
		}
	}
}

// TestSeenIsFixed: the list of characters is the referee's: changing it changes what a network
// takes, and so the version of its formats.
func TestSeenIsFixed(t *testing.T) {
	if Version != 4 {
		t.Fatal("another version may have another list: pin it anew")
	}
	h, allowed := sha256.New(), 0
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if seen(r) {
			h.Write([]byte{1})
			allowed++
		} else {
			h.Write([]byte{0})
		}
	}
	if got := fmt.Sprintf("%d %x", allowed, h.Sum(nil)); got != "910848 31a97030783f82e8ecaa7700562d1004a2b4096aff7f9c221111fea2909bae8c" {
		t.Errorf("another list: %s", got)
	}
	for i, u := range unseen {
		if u.from > u.to || i > 0 && u.from <= unseen[i-1].to {
			t.Errorf("the list is not ascending at U+%04X", u.from)
		}
	}
}
