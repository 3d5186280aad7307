package circuits

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
)

// million is a join of one department a side over 10^6 persons, in the largest committee.
func million(a, b int64) Joint {
	return Joint{Positions: 1_000_000, Multipliers: 1, Encrypted: 1, Members: 64, Targets: [][]JointTerm{{{1, a, b, a == 1}}}}
}

// TestJointFigures holds the table of README section 12.
func TestJointFigures(t *testing.T) {
	text := readme(t)
	pairs := [][2]int64{{1, 1 << 20}, {1 << 20, 1}, {1 << 12, 1 << 12}, {1 << 20, 1 << 20}}
	for name, want := range map[string][]string{
		"default": {"65.8", "45.8", "does not fit", "does not fit"},
		"joined":  {"95.8", "75.8", "75.8", "75.8"},
	} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, pair := range pairs {
			fit, err := p.Joint(million(pair[0], pair[1]))
			got := fmt.Sprintf("%.1f", fit.Lambda)
			if err != nil {
				got = "does not fit"
			}
			if got != want[i] || err != nil && !errors.Is(err, ErrJoint) {
				t.Errorf("%s, %v: %s, want %s (%v)", name, pair, got, want[i], err)
			}
		}
		if row := fmt.Sprintf("| `%s` | %s |", name, strings.Join(want, " | ")); !strings.Contains(text, row) {
			t.Errorf("README.md has no row %s", row)
		}
	}
}

// TestJointConditions: each condition refuses what passes it by a little, and every figure counts.
func TestJointConditions(t *testing.T) {
	p, err := Named("default")
	if err != nil {
		t.Fatal(err)
	}
	base := million(1, 1<<20)
	fit, err := p.Joint(base)
	if err != nil {
		t.Fatal(err)
	}
	// By hand: 245 chunks of 4,096 positions, 31 products.
	want := big.NewInt((245*4096 + 31) * 19)
	if want.Mul(want, big.NewInt(2*8192*64+1)); fit.Noise.Cmp(want) != 0 {
		t.Errorf("noise of %v, want %v", fit.Noise, want)
	}
	for name, change := range map[string]func(*Joint){
		"no positions":          func(j *Joint) { j.Positions = 0 },
		"nobody multiplies":     func(j *Joint) { j.Multipliers = 0 },
		"nobody sent a vector":  func(j *Joint) { j.Encrypted = 0 },
		"no targets":            func(j *Joint) { j.Targets = nil },
		"more than the members": func(j *Joint) { j.Members, j.Encrypted = 2, 3 },
		"more than the set has": func(j *Joint) { j.Members = 65 },
		"negative bound":        func(j *Joint) { j.Targets[0][0].Alpha = -1 },
		"α too wide":            func(j *Joint) { j.Targets[0][0].Alpha, j.Targets[0][0].Indicator = 1<<WeightBits+1, false },
		"α that is no bit":      func(j *Joint) { j.Targets[0][0].Alpha = 2 },
		"a factor of 0":         func(j *Joint) { j.Targets[0][0].Factor = 0 },
		"a target of nothing":   func(j *Joint) { j.Targets = append(j.Targets, nil) },
		"more than a spine has": func(j *Joint) { j.Positions, j.Targets[0][0].Beta = MaxPositions+1, 0 },
		"positions that wrap":   func(j *Joint) { j.Positions, j.Targets[0][0].Beta = math.MaxInt, 0 },
		"β too wide":            func(j *Joint) { j.Targets[0][0].Beta = 1<<p.LimbBits() + 1 },
		"the sum reaches t/2":   func(j *Joint) { j.Targets[0][0].Beta = 1 << 24 },
		"terms that do":         func(j *Joint) { j.Targets[0] = append(j.Targets[0], JointTerm{-1 << 4, 1, 1 << 20, true}) },
		"departments that do":   func(j *Joint) { j.Multipliers, j.Encrypted = 8, 4 },
		"the account of an epoch": func(j *Joint) {
			*j = million(1<<20, 1)
			for range 1 << 8 {
				j.Targets = append(j.Targets, j.Targets[0])
			}
		},
	} {
		j := base
		j.Targets = [][]JointTerm{{base.Targets[0][0]}}
		change(&j)
		if _, err := p.Joint(j); !errors.Is(err, ErrJoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Joint){
		"two targets":                   func(j *Joint) { j.Targets = append(j.Targets, j.Targets[0]) },
		"two terms":                     func(j *Joint) { j.Targets[0] = append(j.Targets[0], JointTerm{1, 1, 1, true}) },
		"a factor of −2":                func(j *Joint) { j.Targets[0][0].Factor = -2 },
		"two departments that multiply": func(j *Joint) { j.Multipliers = 2 },
		"two that sent vectors":         func(j *Joint) { j.Encrypted = 2 },
		"twice the positions":           func(j *Joint) { j.Positions *= 2 },
	} {
		j := base
		j.Targets = [][]JointTerm{{base.Targets[0][0]}}
		change(&j)
		if got, err := p.Joint(j); err != nil || fit.Lambda-got.Lambda < 0.99 || fit.Lambda-got.Lambda > 1.01 {
			t.Errorf("%s: λ %.2f of %.2f, want one bit less: %v", name, got.Lambda, fit.Lambda, err)
		}
	}
}

// TestJointNoiseIsProven: what a department multiplies by is held to no more than its proof says, so neither is
// the noise, nor what its release takes of an epoch: small weights count as much as the largest.
func TestJointNoiseIsProven(t *testing.T) {
	p, err := Named("default")
	if err != nil {
		t.Fatal(err)
	}
	most, err := p.Joint(million(1<<WeightBits, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []int64{0, 1, 2, 1000} {
		j := million(a, 1)
		j.Targets[0][0].Indicator = false
		if fit, err := p.Joint(j); err != nil || fit.Noise.Cmp(most.Noise) != 0 || fit.Lambda != most.Lambda {
			t.Errorf("|α| ≤ %d: noise of %v and λ %.1f, by the proof %v and %.1f: %v", a, fit.Noise, fit.Lambda, most.Noise, most.Lambda, err)
		}
	}
}

// TestJointNoise: the noise of a product of honest ciphertexts, in Lattigo's ring, is within what the
// condition says.
func TestJointNoise(t *testing.T) {
	p := tiny(t)
	l := newLattigo(t, p)
	key, secret := l.keyShare()
	a := make([]int64, p.Limbs()*p.ProductChunks())
	x := Product{PK0: key.P, PK1: key.A}
	value := new(big.Int)
	for range testChunks {
		c, w := l.contribution(key)
		for i, m := range w.M {
			at := len(x.B0)*p.Limbs() + i
			a[at] = int64(1<<WeightBits - 1 - at)
			value.Add(value, big.NewInt(m*a[at]))
		}
		x.B0, x.B1 = append(x.B0, c.C0), append(x.B1, c.C1)
	}
	l.multiply(&x, ProductSecret{U: l.sample(l.params.Xs()), E1: l.sample(l.params.Xe()), E0: ErrorBound}, a)
	noise := p.Centered(l.add(x.C0, l.mul(x.C1, p.FromSmall(secret.S))), p.Target())
	noise.Sub(noise, value.Mul(value, p.Delta()))
	noise.Mod(noise, p.Q())
	if noise.Cmp(new(big.Int).Rsh(p.Q(), 1)) > 0 {
		noise.Sub(noise, p.Q())
	}
	bound, _ := p.jointTerm(Joint{Positions: testChunks * p.Limbs(), Multipliers: 1, Encrypted: 1, Members: 1}, JointTerm{1, 1 << WeightBits, 1, false})
	if noise.CmpAbs(bound) > 0 || noise.BitLen() < bound.BitLen()-16 {
		t.Errorf("noise of %d bits, bound of %d", noise.BitLen(), bound.BitLen())
	}
}
