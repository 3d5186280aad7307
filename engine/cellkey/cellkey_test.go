package cellkey_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"parley/engine"
	"parley/engine/cellkey"
	"parley/engine/cellkey/averaging"
)

func key(t testing.TB, fill byte) *cellkey.Key {
	t.Helper()
	k, err := cellkey.New(bytes.Repeat([]byte{fill}, cellkey.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sums(values ...int64) cellkey.Sums {
	out := cellkey.Sums{Rows: new(big.Int)}
	for i := range out.Keys {
		if out.Keys[i] = big.NewInt(values[i]); values[i] != 0 {
			out.Rows = big.NewInt(12)
		}
	}
	return out
}

func drawn(r *rand.Rand) cellkey.Sums {
	return sums(r.Int64N(1<<40), r.Int64N(1<<40), r.Int64N(1<<40), r.Int64N(1<<40))
}

// TestGolden: what a key gives does not change, since answers of today and of next year would be averaged.
func TestGolden(t *testing.T) {
	k := key(t, 3)
	of := k.Recorder("wards", []string{"id", "born"})
	for want, values := range map[string][]engine.Datum{
		"[1762477718 3442646010 1056075459 2332506454]": {engine.NewInteger(42), engine.NewText("x")},
		"[1103844104 1955283588 4211026064 2243203555]": {engine.NewInteger(-1), {}},
	} {
		if got := fmt.Sprint(of.Record(values)); got != want {
			t.Errorf("record key %s, want %s", got, want)
		}
	}
	for _, c := range []struct {
		sums       cellkey.Sums
		most, rows int64
		want       string
	}{
		{sums(1, 2, 3, 4), 1, 5, "2"}, {sums(2, 4, 6, 8), 2, 5, "3"}, {sums(-1, -2, -3, -4), 1, 5, "-2"}, {sums(0, 0, 0, 0), 9, 5, "0"},
		{sums(1<<40, 7, 0, 5), 100, 1000000, "2738464"}, {sums(1<<40, 7, 0, 5), 127, 1000000, "2738464"}, {sums(1<<40, 7, 0, 5), 128, 1000000, "43277321"}, {sums(1, 1, 1, 1), 0, 5, "0"},
	} {
		if got := k.Noise(c.sums, big.NewInt(c.most), c.rows).String(); got != c.want {
			t.Errorf("%v %d %d: %s, want %s", c.sums, c.most, c.rows, got, c.want)
		}
	}
}

// TestFit: the noise of counts of a million cells is distributed as it is said to be.
func TestFit(t *testing.T) {
	draws := 1_000_000
	if testing.Short() {
		draws = 100_000
	}
	const rows = 5
	k, r := key(t, 9), rand.New(rand.NewPCG(5, 6))
	seen := make([]float64, 2*rows+1)
	for n := 0; n < draws; {
		s := drawn(r)
		divisor := new(big.Int)
		for _, x := range s.Keys {
			divisor.GCD(nil, nil, divisor, x)
		}
		if divisor.Cmp(big.NewInt(1)) == 0 {
			seen[k.Noise(s, big.NewInt(1), rows).Int64()+rows]++
			n++
		}
	}
	chi, variance := 0.0, 0.0
	for i, p := range averaging.Probabilities(rows) {
		want := p * float64(draws)
		chi += (seen[i] - want) * (seen[i] - want) / want
		variance += p * float64((i-rows)*(i-rows))
	}
	if chi > 31.4 { // of 10 degrees of freedom: once in 2,000, and the seed is fixed
		t.Errorf("chi-square %.1f: %v", chi, seen)
	}
	if want := engine.CellKeyVariance(big.NewInt(rows)); math.Abs(variance-ratio(want)) > 0.01 {
		t.Errorf("the variance is %.4f, not %s", variance, want.FloatString(4))
	}
}

func ratio(x *big.Rat) float64 { f, _ := x.Float64(); return f }

// TestWithinItsRange: noise is never more than so many of the largest rows, and for sums of any size its spread is no more than is said,
// and no less than a quarter of that variance.
func TestWithinItsRange(t *testing.T) {
	k, r := key(t, 1), rand.New(rand.NewPCG(7, 8))
	for _, most := range []*big.Int{big.NewInt(1), big.NewInt(2), big.NewInt(3), big.NewInt(1023), big.NewInt(1 << 40), new(big.Int).Exp(big.NewInt(10), big.NewInt(60), nil)} {
		for _, rows := range []int64{1, 2, 5, 1000} {
			half := new(big.Int).Mul(most, big.NewInt(rows))
			square, negative, const_ := new(big.Int), 0, 2000
			for range const_ {
				n := k.Noise(drawn(r), most, rows)
				if n.CmpAbs(half) > 0 {
					t.Fatalf("most %s, %d rows: noise %s", most, rows, n)
				}
				if n.Sign() < 0 {
					negative++
				}
				square.Add(square, new(big.Int).Mul(n, n))
			}
			share := ratio(new(big.Rat).Quo(new(big.Rat).SetFrac(square, big.NewInt(int64(const_))), engine.CellKeyVariance(half)))
			if share > 1.1 || share < 0.15 {
				t.Errorf("most %s, %d rows: the variance is %.2f of what is said", most, rows, share)
			}
			if rows > 2 && (negative < const_/4 || negative > const_*3/4) {
				t.Errorf("most %s, %d rows: %d of %d below 0", most, rows, negative, const_)
			}
		}
	}
}

// TestRepetitionGainsNothing: the same rows have the same noise, and multiples of it if each adds a multiple; other rows, bounds of another size,
// another rule and another key have noise of their own.
func TestRepetitionGainsNothing(t *testing.T) {
	k, r := key(t, 1), rand.New(rand.NewPCG(9, 10))
	const rows = 1 << 40
	for range 200 {
		s, most := drawn(r), big.NewInt(1+r.Int64N(1000))
		noise := k.Noise(s, most, rows)
		for _, factor := range []int64{1, 2, 3, -1, -60} {
			times := s
			for i := range times.Keys {
				times.Keys[i] = new(big.Int).Mul(s.Keys[i], big.NewInt(factor))
			}
			got := k.Noise(times, new(big.Int).Mul(most, big.NewInt(max(factor, -factor))), rows)
			if got.Sub(got, new(big.Int).Mul(noise, big.NewInt(factor))); got.CmpAbs(big.NewInt(31)) > 0 {
				t.Fatalf("%d times as much: off by %s", factor, got)
			}
		}
		other := s
		other.Keys[2] = new(big.Int).Add(s.Keys[2], big.NewInt(1))
		alike := s // twice the rows, with the same keys
		alike.Rows = new(big.Int).Lsh(s.Rows, 1)
		for i := range alike.Keys {
			alike.Keys[i] = new(big.Int).Lsh(s.Keys[i], 1)
		}
		twice := new(big.Int).Lsh(most, 1)
		for what, n := range map[string]*big.Int{"other rows": k.Noise(other, most, rows), "another key": key(t, 2).Noise(s, most, rows),
			"as many rows again with the same keys": k.Noise(alike, most, rows)} {
			if n.Cmp(noise) == 0 {
				t.Errorf("%s: the noise is the same", what)
			}
		}
		// If these were in proportion, the answer would follow from two.
		for what, n := range map[string]*big.Int{"another rule": k.Noise(s, most, 2*rows), "wider bounds": k.Noise(s, twice, rows)} {
			if n.Sub(n, new(big.Int).Lsh(noise, 1)).CmpAbs(big.NewInt(1000)) <= 0 {
				t.Errorf("%s: the noise is in proportion", what)
			}
		}
	}
}

// TestAveraging: what many overlapping questions tell of one person. It is not nothing: README section 18.8.
func TestAveraging(t *testing.T) {
	trials := 400
	if testing.Short() {
		trials = 100
	}
	for attacker, want := range [][]float64{ // after 1, 40 and 400
		averaging.Equal: {0.93, 1, 1}, averaging.Pairs: {0.57, 0.86, 1}, averaging.Known: {0.59, 0.95, 1},
	} {
		got := averaging.Curve(rand.New(rand.NewPCG(11, 12)), averaging.Attacker(attacker), 5, []int{1, 40, 400}, trials)
		for i := range got {
			if math.Abs(got[i]-want[i]) > 0.01+4*math.Sqrt(0.25/float64(trials)) {
				t.Errorf("%s: %v, want about %v", averaging.Attackers[attacker], got, want)
				break
			}
		}
	}
}

// TestKeyIsNotShown: a key that is logged is not told.
func TestKeyIsNotShown(t *testing.T) {
	k := key(t, 'S')
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if got := fmt.Sprintf(format, k); got != "noise key" {
			t.Errorf("%s: %s", format, got)
		}
		if got := fmt.Sprintf(format, struct{ K *cellkey.Key }{k}); bytes.Contains([]byte(got), []byte("SSS")) || bytes.Contains([]byte(got), []byte("5353")) {
			t.Errorf("%s: %s", format, got)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := cellkey.New(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes is taken", n)
		}
	}
}
