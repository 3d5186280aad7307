package privacy

import "math/big"

// MinSummed is the least variance of each of several discrete Gaussians whose sum is accounted for: below it the sum is
// not near enough to one of them. README section 4.
const MinSummed = 4

// tau bounds, in units of 10^-18, what a cell costs beyond a Gaussian of the summed variance, of any number of discrete
// Gaussians of variance MinSummed or more: τ = 10·Σ exp(−2π²σ²·k/(k+1)), of which the first term is nearly all.
const tau = 72

// Slack is what the sum of several departments' noise costs beyond Δ²/(2hσ²), in so many cells that a neighbour changes,
// in units of 10^-9 of ρ, rounded up. cells is not negative, and below 2^56. README section 4.
func Slack(cells int64) int64 {
	const unit = 1_000_000_000 // 10^-9 of ρ in units of 10^-18
	return (cells*tau + unit - 1) / unit
}

// Share is the variance of each of so many departments' noise that together costs the same part of rho, slack of rho taken off first, as
// one department's noise of the variance own does alone. It is own where that is not more, or nothing is left of rho. departments is 1 at least, rho above 0, slack not negative. README section 4.
func Share(own *big.Rat, departments, rho, slack int64) *big.Rat {
	if departments < 2 || slack >= rho {
		return own
	}
	share := new(big.Rat).Mul(own, new(big.Rat).SetFrac(big.NewInt(rho), new(big.Int).Mul(big.NewInt(departments), big.NewInt(rho-slack))))
	if least := big.NewRat(MinSummed, 1); share.Cmp(least) < 0 {
		share = least
	}
	if share.Cmp(own) >= 0 {
		return own
	}
	return share
}
