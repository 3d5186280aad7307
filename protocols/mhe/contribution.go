package mhe

import (
	"fmt"

	"parley/circuits"
)

// Ciphertext is an RLWE ciphertext in the coefficient domain: C0 + C1·s = ⌊Q/t⌋·m + noise at the
// limbs' coefficients. At the others C0 is zero and says nothing.
type Ciphertext struct{ C0, C1 circuits.Poly }

// ContributionSize is the length of a contribution blob in bytes: C0 at the limbs, C1 and the proof.
func ContributionSize(p circuits.Params) int {
	return p.LimbsSize() + p.PolySize() + circuits.ProofSize
}

// DraftContribution encrypts one ciphertext's limbs under the collective key; the draft's
// proof says that the encryption is well formed and every limb within [lo, hi]. The randomness
// is drawn here, once; the caller keeps the blob and sends the same bytes on a retry.
// Lattigo's encryptor hides the randomness that the prover needs, so the encryption is done
// here (protocols/README.md, section 2); tests hold it against Lattigo's decryptor.
func DraftContribution(p circuits.Params, b circuits.Binding, pk PublicKey, m, lo, hi []int64) (*Draft, error) {
	var w circuits.ContributionSecret
	var err error
	if w.U, err = randomTernary(p.N()); err != nil {
		return nil, err
	}
	if w.E0, err = randomErrors(p, p.Limbs()); err != nil {
		return nil, err
	}
	if w.E1, err = randomErrors(p, p.N()); err != nil {
		return nil, err
	}
	w.M = m
	return draftContribution(p, b, pk, w, lo, hi), nil
}

func draftContribution(p circuits.Params, b circuits.Binding, pk PublicKey, w circuits.ContributionSecret, lo, hi []int64) *Draft {
	ct := encrypt(p, pk, w)
	return &Draft{
		what: "contribution", binding: b, secret: w, body: contributionBody(p, ct),
		instance: circuits.Contribution{PK0: pk.P, PK1: pk.A, C0: ct.C0, C1: ct.C1, Lo: lo, Hi: hi},
	}
}

func contributionBody(p circuits.Params, ct Ciphertext) []byte {
	return p.AppendPoly(p.AppendLimbs(make([]byte, 0, ContributionSize(p)), ct.C0), ct.C1)
}

// NewContribution is DraftContribution with its proof.
func NewContribution(k *circuits.Keys, b circuits.Binding, pk PublicKey, m, lo, hi []int64) ([]byte, error) {
	draft, err := DraftContribution(k.Params(), b, pk, m, lo, hi)
	if err != nil {
		return nil, err
	}
	return draft.Prove(k)
}

// encrypt is c0 = pk0·u + e0 + ⌊Q/t⌋·m at the limbs' coefficients, c1 = pk1·u + e1.
func encrypt(p circuits.Params, pk PublicKey, w circuits.ContributionSecret) Ciphertext {
	u := p.FromSmall(w.U)
	m := p.FromLimbs(w.M)
	p.Ring().MulScalarBigint(m, p.Delta(), m)
	return Ciphertext{
		C0: p.OnlyLimbs(add(p, multiply(p, pk.P, u), p.FromLimbs(w.E0), m)),
		C1: add(p, multiply(p, pk.A, u), p.FromSmall(w.E1)),
	}
}

// VerifyContribution checks a blob against the key and the limbs' bounds. About 5 ms at
// N = 4096.
func VerifyContribution(vk *circuits.VerifyingKeys, b circuits.Binding, pk PublicKey, lo, hi []int64, blob []byte) (Ciphertext, error) {
	polys, proof, err := splitBlob(blob, limbs(vk.Params()), whole(vk.Params()))
	if err != nil {
		return Ciphertext{}, fmt.Errorf("contribution: %w", err)
	}
	x := circuits.Contribution{PK0: pk.P, PK1: pk.A, C0: polys[0], C1: polys[1], Lo: lo, Hi: hi}
	if err := vk.Verify(b, x, proof); err != nil {
		return Ciphertext{}, fmt.Errorf("contribution: %w", err)
	}
	return Ciphertext{C0: polys[0], C1: polys[1]}, nil
}

// CombineContributions sums verified ciphertexts, one a contributor; it needs at least one.
func CombineContributions(p circuits.Params, cts []Ciphertext) Ciphertext {
	sum := Ciphertext{C0: p.NewPoly(), C1: p.NewPoly()}
	for _, ct := range cts {
		p.Ring().Add(sum.C0, ct.C0, sum.C0)
		p.Ring().Add(sum.C1, ct.C1, sum.C1)
	}
	return sum
}
