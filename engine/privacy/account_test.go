package privacy

import (
	"math"
	"math/big"
	"testing"
)

// TestEpsilonByHand: ρ + 2·√(ρ·ln(1/δ)), worked out by hand. ln 10^6 = 13.815510557964274, ln 10^12 = 27.631021115928547.
func TestEpsilonByHand(t *testing.T) {
	for _, c := range []struct {
		rho, delta, want int64
	}{
		{0, 1_000_000, 0},
		// ρ = 0.01: 0.01 + 2·√0.13815510557964 = 0.7533844...
		{10_000_000, 1_000_000, 753_385},
		// Four of them together, ρ = 0.04: 0.04 + 2·√0.55262042231857 = 1.5267688...; twice as much, not four times.
		{40_000_000, 1_000_000, 1_526_769},
		// ρ = 0.5, as of a Gaussian with σ equal to its sensitivity: 0.5 + 2·√6.907755278982137 = 5.7565217...
		{500_000_000, 1_000_000, 5_756_522},
		// ρ = 1, δ = 10^-12: 1 + 2·√27.631021115928547 = 11.5130435...
		{1_000_000_000, 1, 11_513_044},
	} {
		if got := Epsilon(c.rho, c.delta); got != c.want {
			t.Errorf("ρ = %d, δ = %d: ε = %d, not %d", c.rho, c.delta, got, c.want)
		}
	}
}

// TestRho: it is the largest ρ of its ε, and what it gives is never more than ε.
func TestRho(t *testing.T) {
	for _, delta := range []int64{1, 7, 999, 1_000_000, 123_456_789, MaxDelta} {
		for _, epsilon := range []int64{1, 999, 1000, 123_456, 1_000_000, 8_000_001, MaxEpsilon} {
			rho := Rho(epsilon, delta)
			if Epsilon(rho, delta) > epsilon || Epsilon(rho+1, delta) < epsilon {
				t.Errorf("ε = %d, δ = %d: ρ = %d", epsilon, delta, rho)
			}
			l := math.Log(float64(Pico) / float64(delta))
			want := math.Pow(math.Sqrt(l+float64(epsilon)/Micro)-math.Sqrt(l), 2) * Nano
			if got := float64(rho); got > want || got < want*(1-1e-6)-2 {
				t.Errorf("ε = %d, δ = %d: ρ = %d, not about %.2f", epsilon, delta, rho, want)
			}
		}
	}
	if Rho(1000, 1) == 0 {
		t.Error("the least ε with the least δ costs nothing")
	}
}

// TestLogInverse: it is never below the logarithm, and above it by no more than its last digit.
func TestLogInverse(t *testing.T) {
	for delta := int64(1); delta <= MaxDelta; delta += 1 + delta/3 {
		got, _ := new(big.Rat).SetFrac(logInverse(delta), big.NewInt(Nano)).Float64()
		if want := math.Log(float64(Pico) / float64(delta)); got < want-1e-13 || got > want+1.1e-9 {
			t.Errorf("δ = %d: %v, not %v", delta, got, want)
		}
	}
}
