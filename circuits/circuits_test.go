package circuits

import "testing"

// TestConstraintCounts pins the size of every circuit: a change here changes every key.
func TestConstraintCounts(t *testing.T) {
	want := map[string][3]int{
		"light":   {18828, 31116, 43405},
		"default": {36493, 80525, 100510},
		"test":    {5066, 8650, 11661},
	}
	for name, counts := range want {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range Statements {
			sys, err := compile(shapeOf(p, s))
			if err != nil {
				t.Fatal(err)
			}
			if got := sys.r1cs.GetNbConstraints(); got != counts[i] {
				t.Errorf("%s, %v: %d constraints, want %d", name, s, got, counts[i])
			}
		}
	}
}
