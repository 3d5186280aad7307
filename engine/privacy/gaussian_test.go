package privacy

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// probabilities are those of the discrete Gaussian from −most to most, by exp of exact exponents, with 200 bits.
func probabilities(variance *big.Rat, most int) []float64 {
	weights, total := make([]*big.Float, 2*most+1), new(big.Float).SetPrec(200)
	for x := -most; x <= most; x++ {
		exponent := new(big.Rat).SetFrac(big.NewInt(int64(x)*int64(x)), big.NewInt(2))
		weights[x+most] = exponential(exponent.Quo(exponent, variance))
		total.Add(total, weights[x+most])
	}
	out := make([]float64, len(weights))
	for i, w := range weights {
		out[i], _ = w.Quo(w, total).Float64()
	}
	return out
}

// exponential is e^−x for x from 0, by the series of e^(x/2^k), squared k times and inverted.
func exponential(x *big.Rat) *big.Float {
	const bits = 200
	halvings := max(0, new(big.Int).Quo(x.Num(), x.Denom()).BitLen()+1)
	small := new(big.Float).SetPrec(bits).SetRat(x)
	small.SetMantExp(small, -halvings)
	sum, term := big.NewFloat(1).SetPrec(bits), big.NewFloat(1).SetPrec(bits)
	for k := 1; k < 80; k++ {
		term.Mul(term, small).Quo(term, new(big.Float).SetInt64(int64(k)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return new(big.Float).SetPrec(bits).Quo(big.NewFloat(1), sum)
}

// TestGaussianFits: draws are distributed as they should be, by χ² over values that are expected five times or more. The
// bound is beyond what happens to one correct sampler in 10^6; the randomness is the test's own, so it happens to none.
func TestGaussianFits(t *testing.T) {
	for i, variance := range []*big.Rat{big.NewRat(7, 3), big.NewRat(1, 10), big.NewRat(1, 2), big.NewRat(1, 1), big.NewRat(100, 1), big.NewRat(123457, 31)} {
		draws := 50_000
		if i == 0 && !testing.Short() {
			draws = 1_000_000
		}
		var key [32]byte
		key[0] = byte(i)
		random := rand.NewChaCha8(key)
		about, _ := variance.Float64()
		most := int(12*math.Sqrt(about)) + 3
		seen, tail, sum, squares := make([]int, 2*most+1), 0, 0.0, 0.0
		for range draws {
			x, err := Gaussian(random, variance)
			if err != nil {
				t.Fatal(err)
			}
			n := int(x.Int64())
			sum, squares = sum+float64(n), squares+float64(n)*float64(n)
			if n < -most || n > most {
				tail++
				continue
			}
			seen[n+most]++
		}
		chi, cells, rest, restSeen := 0.0, 0, 0.0, tail
		expected := probabilities(variance, most)
		second, fourth := 0.0, 0.0
		for k, p := range expected {
			square := float64(k-most) * float64(k-most)
			second, fourth = second+p*square, fourth+p*square*square
			if want := p * float64(draws); want >= 5 {
				gap := float64(seen[k]) - want
				chi, cells = chi+gap*gap/want, cells+1
			} else {
				rest, restSeen = rest+want, restSeen+seen[k]
			}
		}
		if rest >= 5 {
			gap := float64(restSeen) - rest
			chi, cells = chi+gap*gap/rest, cells+1
		} else if float64(restSeen) > rest+6*math.Sqrt(rest+1)+6 {
			t.Errorf("variance %s: %d draws far out, expected %.2f", variance, restSeen, rest)
		}
		freedom := float64(cells - 1)
		// Wilson and Hilferty's bound of χ² for a probability of 10^-6.
		bound := freedom * math.Pow(1-2/(9*freedom)+4.753*math.Sqrt(2/(9*freedom)), 3)
		t.Logf("variance %s: χ² %.1f of %d cells, bound %.1f", variance, chi, cells, bound)
		if cells < 3 || chi > bound {
			t.Errorf("variance %s: χ² is %.1f over %d cells, beyond %.1f", variance, chi, cells, bound)
		}
		n := float64(draws)
		if mean := sum / n; math.Abs(mean) > 6*math.Sqrt(second/n) {
			t.Errorf("variance %s: the mean is %v", variance, mean)
		}
		if got := squares / n; math.Abs(got-second) > 6*math.Sqrt((fourth-second*second)/n) {
			t.Errorf("variance %s: it is %v, not %v", variance, got, second)
		}
	}
}

// TestFitSees: the test of fit tells the distribution from its neighbours: a rounded Gaussian, one of a variance that is 2 % off.
func TestFitSees(t *testing.T) {
	const draws = 1_000_000
	right := probabilities(big.NewRat(1, 1), 15)
	for what, wrong := range map[string][]float64{"2 % more variance": probabilities(big.NewRat(102, 100), 15), "a rounded one": roundedGaussian(15)} {
		chi := 0.0
		for k, p := range right {
			if p*draws >= 5 {
				gap := (wrong[k] - p) * draws
				chi += gap * gap / (p * draws)
			}
		}
		if chi < 100 {
			t.Errorf("%s: χ² would be about %.1f", what, chi)
		}
	}
}

func roundedGaussian(most int) (out []float64) {
	for x := -most; x <= most; x++ {
		out = append(out, (math.Erf((float64(x)+0.5)/math.Sqrt2)-math.Erf((float64(x)-0.5)/math.Sqrt2))/2)
	}
	return out
}

// TestNoRandomness: without randomness nothing is drawn, and nothing hangs.
func TestNoRandomness(t *testing.T) {
	for what, random := range map[string]io.Reader{"none": bytes.NewReader(nil), "some": bytes.NewReader(make([]byte, 3)), "zeros": zeros{}, "ones": ones{}} {
		x, err := Gaussian(random, big.NewRat(5, 2))
		if (what == "none" || what == "some") && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v, %v", what, x, err)
		}
		if err == nil && x == nil || err != nil && x != nil {
			t.Errorf("%s: %v, %v", what, x, err)
		}
	}
	for _, variance := range []*big.Rat{new(big.Rat), big.NewRat(-1, 2)} {
		if _, err := Gaussian(zeros{}, variance); err == nil {
			t.Errorf("a variance of %s", variance)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type ones struct{}

func (ones) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	return len(b), nil
}

func BenchmarkGaussian(b *testing.B) {
	var key [32]byte
	random := rand.NewChaCha8(key)
	for b.Loop() {
		if _, err := Gaussian(random, big.NewRat(123457, 31)); err != nil {
			b.Fatal(err)
		}
	}
}
