package linkage

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestCanonical: one person's number has one spelling, and nothing else is made alike.
func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"11010519491231002X":    "11010519491231002X",
		" 11010519491231002x\t": "11010519491231002X",
		"\u3000１１０１０５１９４９１２３１００２ｘ": "11010519491231002X",
		"91350100m000100y43": "91350100M000100Y43",
		"abc":                "abc",
		"Abc ":               "Abc",
		"１２－３":               "12-3",
		"a b":                "a b",
		"0012":               "0012",
	} {
		got, ok := Canonical(in)
		if !ok || got != want {
			t.Errorf("%q is %q (%v), want %q", in, got, ok, want)
		}
		if again, ok := Canonical(got); !ok || again != got {
			t.Errorf("%q is not its own canonical spelling", got)
		}
	}
	for _, in := range []string{"", "  ", "\u3000", "\xff", strings.Repeat("x", MaxID+1)} {
		if got, ok := Canonical(in); ok {
			t.Errorf("%q is an id, %q", in, got)
		}
	}
	for id, want := range map[string]Checked{
		"11010519491231002X": CheckRight, "440524188001010014": CheckRight, "110105194912310021": CheckWrong,
		"91350100M000100Y43": CheckRight, "91350100M000100Y44": CheckWrong, "91350100I000100Y43": NoCheck, "1234": NoCheck, "11010519491231002A": CheckWrong,
	} {
		if got := Check(id); got != want {
			t.Errorf("check of %s: %d, want %d", id, got, want)
		}
	}
}

// TestSpine: positions are those of the tokens over all blocks; a block that is not one is refused.
func TestSpine(t *testing.T) {
	token := func(i int) (t Token) { t[0], t[15] = byte(i>>8), byte(i); return t }
	block := func(at ...int) []byte {
		tokens := make([]Token, len(at))
		for i := range at {
			tokens[i] = token(at[i])
		}
		b, err := EncodeBlock(tokens)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	place := func(own []int, blocks ...[]byte) ([]uint32, int, error) {
		tokens := make([]Token, len(own))
		for i := range own {
			tokens[i] = token(own[i])
		}
		p, err := NewPlacing(tokens)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			if err := p.Add(b, len(b)/TokenSize); err != nil {
				return nil, 0, err
			}
		}
		positions, placed := p.Positions()
		return positions, placed, nil
	}
	first, appended := block(5, 300, 7, 9000), block(8, 6)
	positions, placed, err := place([]int{8, 5, 4, 9000, 10000, 6}, first, appended)
	if err != nil || placed != 4 || !slices.Equal(positions, []uint32{5, 0, Unplaced, 3, Unplaced, 4}) {
		t.Errorf("positions %v, %d placed, %v", positions, placed, err)
	}
	if _, _, err := place([]int{7}, first, block(6, 7)); !errors.Is(err, ErrSpine) {
		t.Errorf("one person at two positions: %v", err)
	}
	if _, err := EncodeBlock([]Token{token(1), token(1)}); err == nil {
		t.Error("a block with a token twice is made")
	}
	if _, err := NewPlacing([]Token{token(1), token(1)}); err == nil {
		t.Error("two keys of one token are placed")
	}
	for name, c := range map[string]struct {
		block []byte
		count int
	}{
		"out of order": {slices.Concat(first[16:32], first[:16], first[32:]), 4},
		"twice":        {slices.Concat(first[:16], first[:16]), 2},
		"short":        {first, 5},
		"long":         {first, 3},
		"none":         {nil, 0},
		"negative":     {nil, -1},
		"too many":     {make([]byte, TokenSize*4), MaxBlock + 1},
	} {
		if err := CheckBlock(c.block, c.count); !errors.Is(err, ErrSpine) {
			t.Errorf("%s: a block (%v)", name, err)
		}
	}
}

// TestLimits: a version is answered on at the limit, and not beyond; no figure overflows, and limits that are none hold everything.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		s      Standing
		answer bool
	}{
		{DefaultLimits, Standing{Keys: 100, Placed: 50}, true},
		{DefaultLimits, Standing{Keys: 101, Placed: 50}, false},
		{DefaultLimits, Standing{Keys: 100, Placed: 100, Known: 100, Changed: 10}, true},
		{DefaultLimits, Standing{Keys: 100, Placed: 100, Known: 100, Changed: 11}, false},
		{DefaultLimits, Standing{Keys: MaxPositions, Placed: MaxPositions/2 - 1}, false},
		{DefaultLimits, Standing{}, true},
		{Limits{100, 0}, Standing{Keys: 3, Placed: 3, Known: 3}, true},
		{Limits{100, 0}, Standing{Keys: 3, Placed: 3, Known: 3, Changed: 1}, false},
		{Limits{100, 100}, Standing{Keys: 3, Placed: 2}, false},
		{Limits{}, Standing{Keys: 3, Placed: 3}, false},
		{Limits{LeastPlaced: 101}, Standing{Keys: 3, Placed: 3}, false},
		{Limits{LeastPlaced: 1, MostChanged: 101}, Standing{Keys: 3, Placed: 3}, false},
		{Limits{LeastPlaced: 1, MostChanged: -1}, Standing{Keys: 3, Placed: 3}, false},
	} {
		if fault := c.limits.Fault(c.s); (fault == "") != c.answer {
			t.Errorf("%+v at %+v: %q", c.s, c.limits, fault)
		}
	}
}
