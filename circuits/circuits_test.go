package circuits

import (
	"math/bits"
	"slices"
	"testing"
)

// TestConstraintCounts pins the size of every circuit: a change here changes every key. A domain is
// 2^d constraints.
func TestConstraintCounts(t *testing.T) {
	want := map[string][6]int{
		"light":   {18828, 31116, 43405, 50672, 124146, 45740},
		"default": {36493, 80525, 100510, 99057, 241651, 101565},
		"joined":  {36493, 86669, 109710, 99057, 241651, 110765},
		"test":    {5066, 8650, 11661, 13102, 32176, 12268},
	}
	domains := map[string][]int{
		"light": {15, 15, 16, 16, 17, 16}, "default": {16, 17, 17, 17, 18, 17}, "joined": {16, 17, 17, 17, 18, 17}, "test": {13, 14, 14, 14, 15, 14},
	}
	for name, counts := range want {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for i, s := range allStatements {
			sys, err := compile(shapeOf(p, s))
			if err != nil {
				t.Fatal(err)
			}
			count := sys.r1cs.GetNbConstraints()
			if count != counts[i] {
				t.Errorf("%s, %v: %d constraints, want %d", name, s, count, counts[i])
			}
			got = append(got, bits.Len(uint(count-1)))
		}
		if !slices.Equal(got, domains[name]) {
			t.Errorf("%s: domains of 2^%v, want %v", name, got, domains[name])
		}
	}
}
