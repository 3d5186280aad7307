// Package privacy is what differential privacy takes: an account in zero-concentrated differential privacy (zCDP), exact
// and never in the asker's favour, and the discrete Gaussian distribution. It is pure; README.md is its specification.
package privacy

import (
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// The units of numbers. A policy writes ε as a decimal with at most six places and δ with at most twelve.
const (
	Micro = 1_000_000         // of ε
	Nano  = 1_000_000_000     // of ρ
	Pico  = 1_000_000_000_000 // of δ
)

// The most that a ledger counts. README section 2.
const (
	MaxEpsilon = 100 * Micro // of one question, and of a budget
	MaxDelta   = Pico / 1000
)

// Decimal writes so many parts of one, a power of ten of them, as a decimal, with the point that makes it one.
func Decimal(parts, unit int64) string {
	text := strings.TrimRight(fmt.Sprintf("%d.%0*d", parts/unit, len(strconv.FormatInt(unit, 10))-1, parts%unit), "0")
	if strings.HasSuffix(text, ".") {
		text += "0"
	}
	return text
}

// fraction is how many bits behind the point logarithms are carried with.
const fraction = 128

// atanh2 is 2·artanh(p/q) with fraction bits, from above: what each step cuts off is added, and what is left of the series.
func atanh2(p, q *big.Int) *big.Int {
	power := new(big.Int).Lsh(p, fraction+1)
	power.Quo(power, q)
	square, over := new(big.Int).Mul(p, p), new(big.Int).Mul(q, q)
	sum, term := new(big.Int), new(big.Int)
	steps := int64(0)
	for k := int64(1); power.Sign() > 0; k += 2 {
		sum.Add(sum, term.Quo(power, big.NewInt(k)))
		power.Quo(power.Mul(power, square), over)
		steps += 2
	}
	return sum.Add(sum, big.NewInt(steps+2))
}

// logInverse is ln(1/δ) in units of 10^-9, rounded up; δ in units of 10^-12, between 1 and MaxDelta.
func logInverse(delta int64) *big.Int {
	// 10^12/δ = 2^k·m with 1 <= m < 2, and ln m = 2·artanh((m−1)/(m+1)).
	k := bits.Len64(uint64(Pico/delta)) - 1
	num, denom := big.NewInt(Pico), new(big.Int).Lsh(big.NewInt(delta), uint(k))
	out := atanh2(big.NewInt(1), big.NewInt(3)) // ln 2
	out.Mul(out, big.NewInt(int64(k)))
	out.Add(out, atanh2(new(big.Int).Sub(num, denom), new(big.Int).Add(num, denom)))
	out.Mul(out, big.NewInt(Nano))
	return ceilRsh(out, fraction)
}

// ceilRsh is n/2^by, rounded up; n is not negative.
func ceilRsh(n *big.Int, by uint) *big.Int {
	n = new(big.Int).Add(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), by), big.NewInt(1)))
	return n.Rsh(n, by)
}

// ceilRoot is √n, rounded up.
func ceilRoot(n *big.Int) *big.Int {
	r := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(r, r).Cmp(n) < 0 {
		r.Add(r, big.NewInt(1))
	}
	return r
}

// nanoEpsilon is ρ + 2·√(ρ·ln(1/δ)) in units of 10^-9, from above.
func nanoEpsilon(rho int64, log *big.Int) *big.Int {
	r := big.NewInt(rho)
	root := ceilRoot(new(big.Int).Mul(r, log))
	return root.Lsh(root, 1).Add(root, r)
}

// Epsilon is the ε, in units of 10^-6, for which what is ρ-zCDP is (ε, δ)-differentially private, rounded up. ρ is in
// units of 10^-9, not negative; δ in units of 10^-12, between 1 and MaxDelta. README section 2.
func Epsilon(rho, delta int64) int64 {
	n := nanoEpsilon(rho, logInverse(delta))
	n.Add(n, big.NewInt(Nano/Micro-1)).Quo(n, big.NewInt(Nano/Micro))
	return n.Int64()
}

// Rho is the largest ρ, in units of 10^-9, that is (ε, δ)-differentially private by Epsilon: 0 where ε is too small for any.
// ε is in units of 10^-6, at most MaxEpsilon.
func Rho(epsilon, delta int64) int64 {
	log, most := logInverse(delta), new(big.Int).Mul(big.NewInt(epsilon), big.NewInt(Nano/Micro))
	low, high := int64(0), epsilon*(Nano/Micro) // ρ is at most ε
	for low < high {
		if middle := low + (high-low+1)/2; nanoEpsilon(middle, log).Cmp(most) <= 0 {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}
