package circuits

import (
	"errors"
	"fmt"
	"math"
	"math/big"
)

// Joint is what of a question that joins across departments decides whether its targets decrypt, and
// how well their noise is hidden (README section 12).
type Joint struct {
	Positions   int           // of the spine
	Multipliers int           // departments that multiply
	Encrypted   int           // departments that sent vectors
	Members     int           // of the epoch
	Targets     [][]JointTerm // the terms of each released coefficient
}

// JointTerm is a sum of products α·β over all positions, times a public integer that is not 0. Alpha bounds |α| of
// each multiplying department, Beta |β| of each that sent a vector. Indicator says that α is proven to be 0 or 1
// (Product); all that is proven of others is that they are below 2^WeightBits (WeightedProduct), so that is what
// their noise is computed with, whatever Alpha is.
type JointTerm struct {
	Factor, Alpha, Beta int64
	Indicator           bool
}

// MaxPositions is the longest spine of persons whose tables are joined.
const MaxPositions = 1 << 25

// Fit is what a joined question's release is like: the largest noise of a target, before the shares'
// flooding, and λ = log2 B − log2(the noise of all targets) − 1. The release takes 2^-(λ+2) of the
// epoch's account, which ends at 2^-40.
type Fit struct {
	Noise  *big.Int
	Lambda float64
}

// ErrJoint says that a joined question does not fit the parameter set.
var ErrJoint = errors.New("the joined question does not fit the parameters")

// Chunks is how many ciphertexts a vector over so many positions takes.
func (p Params) Chunks(positions int) int { return (positions + p.Limbs() - 1) / p.Limbs() }

// Products is how many products, of ProductChunks() chunks each, a term takes of each department.
func (p Params) Products(positions int) int {
	return (p.Chunks(positions) + p.ProductChunks() - 1) / p.ProductChunks()
}

// Joint checks the conditions of README section 12, with m the positions of all chunks, the last one
// whole. Error: ErrJoint, with the condition that fails.
func (p Params) Joint(j Joint) (Fit, error) {
	if j.Positions < 1 || j.Positions > MaxPositions || j.Multipliers < 1 || j.Encrypted < 1 || len(j.Targets) < 1 ||
		j.Members < max(j.Multipliers, j.Encrypted) || j.Members > p.MaxDepartments() {
		return Fit{}, fmt.Errorf("%w: %d positions, %d and %d departments of %d members, %d targets", ErrJoint,
			j.Positions, j.Multipliers, j.Encrypted, j.Members, len(j.Targets))
	}
	limit := p.T()
	limit.Rsh(limit, 1) // targets are read within ±t/2
	fit, all := Fit{Noise: new(big.Int)}, new(big.Int)
	for _, terms := range j.Targets {
		if len(terms) == 0 {
			return Fit{}, fmt.Errorf("%w: a target without terms", ErrJoint)
		}
		noise, value := new(big.Int), new(big.Int)
		for _, t := range terms {
			if t.Alpha < 0 || t.Alpha > t.proven() || t.Beta < 0 || t.Beta > 1<<p.LimbBits() || t.Factor == 0 {
				return Fit{}, fmt.Errorf("%w: %d times entries of up to %d and %d, allowed %d and 2^%d", ErrJoint, t.Factor, t.Alpha, t.Beta, t.proven(), p.LimbBits())
			}
			e, v := p.jointTerm(j, t)
			noise.Add(noise, e)
			value.Add(value, v)
		}
		if value.Cmp(limit) >= 0 {
			return Fit{}, fmt.Errorf("%w: a target could reach %d bits, and the plaintext has %d", ErrJoint, value.BitLen(), limit.BitLen()-1)
		}
		if all.Add(all, noise); noise.Cmp(fit.Noise) > 0 {
			fit.Noise = noise
		}
	}
	// n·B + E + 38·n·N + t < ⌊Q/t⌋/2
	n := big.NewInt(int64(j.Members))
	need := new(big.Int).Mul(n, p.Flooding())
	need.Add(need, fit.Noise).Add(need, n.Mul(n, big.NewInt(2*ErrorBound*int64(p.N())))).Add(need, p.T())
	if need.Lsh(need, 1).Cmp(p.delta) >= 0 {
		return Fit{}, fmt.Errorf("%w: noise of %d bits could reach half of ⌊Q/t⌋", ErrJoint, fit.Noise.BitLen())
	}
	fit.Lambda = float64(p.lit.FloodingBits) - log2(all) - 1
	if p.ForPrivateData() && fit.Lambda < accountBits-2 {
		return Fit{}, fmt.Errorf("%w: flooding hides the noise of its targets by 2^-%.0f, and an epoch ends at 2^-%d", ErrJoint, fit.Lambda+2, accountBits)
	}
	return fit, nil
}

// accountBits says when an epoch ends: when all that was released in it takes 2^-40.
const accountBits = 40

// proven is how far |α| goes by the proofs.
func (t JointTerm) proven() int64 {
	if t.Indicator {
		return 1
	}
	return 1 << WeightBits
}

// jointTerm is how far a term's noise and value go from zero: with d departments, m positions in k
// products of each multiplying department and 19·(2Nn+1) the noise of a fresh ciphertext,
// |c|·d_A·(m·α·d_B + k)·19·(2Nn+1) and |c|·d_A·d_B·m·a·b, α the bound that is proven and a the one that is said.
func (p Params) jointTerm(j Joint, t JointTerm) (noise, value *big.Int) {
	mul := func(xs ...int64) *big.Int {
		z := big.NewInt(1)
		for _, x := range xs {
			z.Mul(z, big.NewInt(x))
		}
		return z.Abs(z)
	}
	m := int64(p.Chunks(j.Positions)) * int64(p.Limbs())
	da, db := int64(j.Multipliers), int64(j.Encrypted)
	noise = mul(m, t.proven(), db)
	noise.Add(noise, big.NewInt(int64(p.Products(j.Positions))))
	noise.Mul(noise, mul(t.Factor, da, ErrorBound, 2*int64(p.N())*int64(j.Members)+1))
	return noise, mul(t.Factor, da, db, m, t.Alpha, t.Beta)
}

func log2(x *big.Int) float64 {
	f, _ := new(big.Float).SetInt(x).Float64()
	return math.Log2(f)
}
