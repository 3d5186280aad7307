package files

import "testing"

func TestDefinitionLevels(t *testing.T) {
	for _, c := range []struct {
		bytes  []byte
		wanted int
		set    int
		ok     bool
	}{
		{nil, 0, 0, true},
		{[]byte{6, 1}, 3, 3, true},          // a run of three ones
		{[]byte{6, 0, 4, 1}, 5, 2, true},    // three zeros, two ones
		{[]byte{3, 0b101}, 3, 2, true},      // eight packed bits, three wanted
		{[]byte{3, 0xFF, 2, 0}, 9, 8, true}, // packed bits, then a run
		{[]byte{6, 1}, 4, 0, false},         // too few
		{[]byte{6}, 3, 0, false},            // a run without its value
		{[]byte{5, 0xFF}, 16, 0, false},     // two groups promised, one there
		{[]byte{0, 1}, 1, 0, false},         // a run of nothing
		{[]byte{0x80}, 1, 0, false},         // a number cut off
	} {
		if set, ok := countLevels(c.bytes, c.wanted); ok != c.ok || ok && set != c.set {
			t.Errorf("%v for %d: %d %v, want %d %v", c.bytes, c.wanted, set, ok, c.set, c.ok)
		}
	}
}
