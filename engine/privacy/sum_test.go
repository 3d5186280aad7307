package privacy

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// weights are probabilities of a discrete Gaussian from −most to most, with 200 bits.
func weights(variance *big.Rat, most int) []*big.Float {
	out, total := make([]*big.Float, 2*most+1), new(big.Float).SetPrec(200)
	for x := -most; x <= most; x++ {
		exponent := big.NewRat(int64(x)*int64(x), 2)
		out[x+most] = exponential(exponent.Quo(exponent, variance))
		total.Add(total, out[x+most])
	}
	for _, w := range out {
		w.Quo(w, total)
	}
	return out
}

// summed are those of a sum of so many, from −most times as many on.
func summed(variance *big.Rat, most, departments int) []*big.Float {
	one := weights(variance, most)
	out := one
	for range departments - 1 {
		next := make([]*big.Float, len(out)+len(one)-1)
		for i := range next {
			next[i] = new(big.Float).SetPrec(200)
		}
		for i, a := range out {
			for j, b := range one {
				next[i+j].Add(next[i+j], new(big.Float).SetPrec(200).Mul(a, b))
			}
		}
		out = next
	}
	return out
}

// power is x to n halves, of any sign.
func power(x *big.Float, n int) *big.Float {
	root, out := new(big.Float).Sqrt(x), big.NewFloat(1).SetPrec(200)
	for range max(n, -n) {
		out.Mul(out, root)
	}
	if n < 0 {
		out.Quo(big.NewFloat(1).SetPrec(200), out)
	}
	return out
}

// beyond is by how much the Rényi divergence of a sum of noise from the same moved by shift is above that of a Gaussian of its variance, order·ρ with
// ρ = shift²/(2hσ²), from the probabilities of the sum. The order is so many halves.
func beyond(sum []*big.Float, variance *big.Rat, departments, halves, shift int) float64 {
	total := new(big.Float).SetPrec(200)
	for x := shift; x < len(sum); x++ {
		total.Add(total, new(big.Float).SetPrec(200).Mul(power(sum[x], halves), power(sum[x-shift], 2-halves)))
	}
	// e^((order−1)·D) over e^((order−1)·order·ρ).
	exponent := big.NewRat(int64(halves*(halves-2)*shift*shift), 8*int64(departments))
	total.Mul(total, exponential(exponent.Quo(exponent, variance)))
	gap, _ := total.Sub(total, big.NewFloat(1)).Float64()
	return math.Log1p(gap) / (float64(halves)/2 - 1)
}

// TestSumCostsWhatIsCharged: the exact Rényi divergences of sums of discrete Gaussians are not above those of a Gaussian of the summed
// variance and τ; from variance MinSummed on τ is what Slack charges of a cell. Where the variance is small they are above the Gaussian's.
func TestSumCostsWhatIsCharged(t *testing.T) {
	above := false
	for _, c := range []struct {
		variance          *big.Rat
		most, departments int
	}{{big.NewRat(1, 4), 16, 2}, {big.NewRat(1, 3), 16, 3}, {big.NewRat(1, 2), 20, 2}, {big.NewRat(1, 1), 30, 2}, {big.NewRat(MinSummed, 1), 60, 2}, {big.NewRat(MinSummed, 1), 60, 3}, {big.NewRat(9, 2), 60, 2}} {
		sigma, _ := c.variance.Float64()
		bound := 0.0
		for k := 1; k < c.departments; k++ {
			bound += 10 * math.Exp(-2*math.Pi*math.Pi*sigma*float64(k)/float64(k+1))
		}
		if summable := c.variance.Cmp(big.NewRat(MinSummed, 1)) >= 0; summable && bound > tau*1e-18 {
			t.Errorf("variance %s: τ is %g, and charged is %g", c.variance, bound, tau*1e-18)
		}
		sum := summed(c.variance, c.most, c.departments)
		for _, halves := range []int{3, 4, 5, 6, 10, 18} {
			for _, shift := range []int{1, 2, 3} {
				got := beyond(sum, c.variance, c.departments, halves, shift)
				if above = above || got > 0.1; got > bound {
					t.Errorf("%d of variance %s, order %d/2, moved by %d: %g beyond the Gaussian's, τ is %g", c.departments, c.variance, halves, shift, got, bound)
				}
			}
		}
	}
	if !above { // by the variance alone they would be charged too little
		t.Error("no sum is any worse than a Gaussian: the test sees nothing")
	}
}

// TestSlack: it is rounded up, and small.
func TestSlack(t *testing.T) {
	for cells, want := range map[int64]int64{0: 0, 1: 1, 13_888_888: 1, 13_888_889: 2, 1 << 30: 78} {
		if got := Slack(cells); got != want {
			t.Errorf("%d cells: %d, not %d", cells, got, want)
		}
	}
}

// TestShare by hand: ρ = 0.01 in all, of a count that changes by 1: σ² = 50 alone.
func TestShare(t *testing.T) {
	const rho = 10_000_000
	own := big.NewRat(50, 1)
	for _, c := range []struct {
		own                *big.Rat
		departments, slack int64
		want               *big.Rat
	}{
		{own, 1, 1, own},
		{own, 2, 0, big.NewRat(25, 1)},
		// 50·10^7/(10^7 − 1) of all, a fifth each: with what it costs beyond, it is ρ again.
		{own, 5, 1, big.NewRat(10*rho, rho-1)},
		{own, 12, 0, big.NewRat(50, 12)},
		{own, 13, 0, big.NewRat(MinSummed, 1)}, // 3.85 would be too little
		{own, 4000, 1, big.NewRat(MinSummed, 1)},
		{own, 2, rho, own}, // nothing is left
		{own, 2, rho - 1, own},
		{big.NewRat(MinSummed, 1), 3, 1, big.NewRat(MinSummed, 1)},
		{big.NewRat(1, 7), 3, 1, big.NewRat(1, 7)},
		{new(big.Rat), 3, 1, new(big.Rat)},
	} {
		got := Share(c.own, c.departments, rho, c.slack)
		if got.Cmp(c.want) != 0 {
			t.Errorf("%s of %d, slack %d: %s, not %s", c.own, c.departments, c.slack, got, c.want)
		}
		if together := new(big.Rat).Mul(got, big.NewRat(c.departments, 1)); got.Cmp(c.own) > 0 || together.Cmp(c.own) < 0 {
			t.Errorf("%s of %d: %s is more than alone, or too little together", c.own, c.departments, got)
		}
	}
}

// TestSumFits: sums of draws are distributed as the exact convolution, by χ².
func TestSumFits(t *testing.T) {
	const draws, departments, most = 20_000, 3, 60
	variance := big.NewRat(MinSummed, 1)
	random := rand.NewChaCha8([32]byte{1: 9})
	expected := summed(variance, most, departments)
	seen := make([]int, len(expected))
	for range draws {
		at := departments * most
		for range departments {
			x, err := Gaussian(random, variance)
			if err != nil {
				t.Fatal(err)
			}
			at += int(x.Int64())
		}
		seen[at]++
	}
	chi, cells := 0.0, 0
	for i, p := range expected {
		want, _ := p.Float64()
		if want *= draws; want >= 5 {
			gap := float64(seen[i]) - want
			chi, cells = chi+gap*gap/want, cells+1
		}
	}
	freedom := float64(cells - 1)
	bound := freedom * math.Pow(1-2/(9*freedom)+4.753*math.Sqrt(2/(9*freedom)), 3)
	if cells < 15 || chi > bound {
		t.Errorf("χ² is %.1f over %d cells, beyond %.1f", chi, cells, bound)
	}
}
