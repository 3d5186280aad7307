package mhe

import (
	"errors"
	"fmt"
	"math/big"

	"parley/circuits"
)

// Share is a department's part of the re-encryption to the analyst's key. H0 is zero at coefficients
// without a limb, where nothing is released, and its low bits are (circuits/README.md, section 6).
type Share struct{ H0, H1 circuits.Poly }

// DecryptionShareSize is the length of a share blob in bytes: the words of H0, H1 and the proof.
func DecryptionShareSize(p circuits.Params) int {
	return p.WordsSize() + p.PolySize() + circuits.ProofSize
}

// ErrNoise says that a decryption's noise passes its bound: some share or contribution is not
// what its proof says, or the key is not the analyst's.
var ErrNoise = errors.New("decryption: the noise is out of bounds")

// DraftDecryptionShare makes the share of sum for the analyst's key; the draft's proof says
// that the secret is the one behind own and the flooding within its bound. The caller makes at
// most one share for a query and index, ever, and journals the blob before it leaves: a second
// one, with fresh noise or for another sum, leaks the secret (eprint 2024/194).
func DraftDecryptionShare(p circuits.Params, b circuits.Binding, sk SecretKey, own PublicKey, sum Ciphertext, analyst PublicKey) (*Draft, error) {
	if len(sk.s) != p.N() {
		return nil, errors.New("decryption share: the secret is of another parameter set")
	}
	w, err := drawShare(p, sk, own, p.Limbs())
	if err != nil {
		return nil, err
	}
	share := switchShare(p, sum, analyst, &w)
	return &Draft{
		what: "decryption share", binding: b, secret: w, instance: shareStatement(own, sum, analyst, share),
		body: p.AppendPoly(p.AppendWords(make([]byte, 0, DecryptionShareSize(p)), share.H0), share.H1),
	}, nil
}

// NewDecryptionShare is DraftDecryptionShare with its proof.
func NewDecryptionShare(k *circuits.Keys, b circuits.Binding, sk SecretKey, own PublicKey, sum Ciphertext, analyst PublicKey) ([]byte, error) {
	draft, err := DraftDecryptionShare(k.Params(), b, sk, own, sum, analyst)
	if err != nil {
		return nil, err
	}
	return draft.Prove(k)
}

func shareStatement(own PublicKey, sum Ciphertext, analyst PublicKey, share Share) circuits.DecryptionShare {
	return circuits.DecryptionShare{
		A: own.A, P: own.P, C1: sum.C1, PKA0: analyst.P, PKA1: analyst.A, H0: share.H0, H1: share.H1,
	}
}

// drawShare is the witness of a share, with so many floodings: the key's secret and its errors, and what is fresh.
func drawShare(p circuits.Params, sk SecretKey, own PublicKey, floodings int) (w circuits.DecryptionShareSecret, err error) {
	e, err := keyError(p, sk, own)
	if err != nil {
		return w, err
	}
	w.S, w.E = sk.s, p.BindingErrors(e)
	if w.V, err = randomTernary(p.N()); err != nil {
		return w, err
	}
	if w.F1, err = randomErrors(p, p.N()); err != nil {
		return w, err
	}
	w.F0, err = randomFlooding(p, floodings)
	return w, err
}

// keyError recovers the error of the department's own key share from secret and share.
func keyError(p circuits.Params, sk SecretKey, own PublicKey) ([]int64, error) {
	rest := add(p, own.P, multiply(p, own.A, p.FromSmall(sk.s)))
	e := make([]int64, p.N())
	for j := range e {
		v := p.Centered(rest, j)
		if !v.IsInt64() || v.Int64() > circuits.ErrorBound || v.Int64() < -circuits.ErrorBound {
			return nil, errors.New("decryption share: the secret does not belong to the epoch's key share")
		}
		e[j] = v.Int64()
	}
	return e, nil
}

// switchShare is h0 = c1·s + pkA0·v + f0 at the limbs' coefficients, h1 = pkA1·v + f1. It takes
// the low bits off h0, which is sent without them, and off f0.
func switchShare(p circuits.Params, sum Ciphertext, analyst PublicKey, w *circuits.DecryptionShareSecret) Share {
	v := p.FromSmall(w.V)
	h0, off := p.RoundWords(add(p, multiply(p, sum.C1, p.FromSmall(w.S)), multiply(p, analyst.P, v), p.FromLimbsBig(w.F0)))
	for i := range w.F0 {
		w.F0[i].Sub(w.F0[i], off[i])
	}
	return Share{H0: h0, H1: add(p, multiply(p, analyst.A, v), p.FromSmall(w.F1))}
}

// VerifyDecryptionShare checks a blob: own is the author's key share of the epoch, sum the
// verifier's own sum of verified contributions. About 7 ms at N = 4096.
func VerifyDecryptionShare(vk *circuits.VerifyingKeys, b circuits.Binding, own PublicKey, sum Ciphertext, analyst PublicKey, blob []byte) (Share, error) {
	polys, proof, err := splitBlob(blob, words(vk.Params(), vk.Params().Limbs()), whole(vk.Params()))
	if err != nil {
		return Share{}, fmt.Errorf("decryption share: %w", err)
	}
	share := Share{H0: polys[0], H1: polys[1]}
	if err := vk.Verify(b, shareStatement(own, sum, analyst, share), proof); err != nil {
		return Share{}, fmt.Errorf("decryption share: %w", err)
	}
	return share, nil
}

// Decrypt opens the sum with the analyst's secret and the verified shares of all members, and
// returns the sums of the limbs. It checks that the noise of every limb is within the set's bound
// (ErrNoise).
func Decrypt(p circuits.Params, sk SecretKey, sum Ciphertext, shares []Share) ([]int64, error) {
	if len(sk.s) != p.N() {
		return nil, errors.New("decryption: the secret is of another parameter set")
	}
	h1 := p.NewPoly()
	c0 := *sum.C0.CopyNew()
	for _, share := range shares {
		p.Ring().Add(c0, share.H0, c0)
		p.Ring().Add(h1, share.H1, h1)
	}
	plain := add(p, c0, multiply(p, h1, p.FromSmall(sk.s)))
	sums := make([]int64, p.Limbs())
	bound, t, half := p.NoiseBound(), p.T(), new(big.Int).Rsh(p.Delta(), 1)
	for l := range sums {
		// The sums are at least 0 and below t, where the middle of Q is not 0 but t/2.
		x := p.Centered(plain, l*p.Stride())
		if x.Cmp(new(big.Int).Neg(half)) < 0 {
			x.Add(x, p.Q())
		}
		m, noise := nearest(p, x)
		if noise.CmpAbs(bound) > 0 {
			return nil, ErrNoise
		}
		if m.Cmp(t) >= 0 {
			return nil, fmt.Errorf("decryption: limb %d is not below t", l)
		}
		sums[l] = m.Int64()
	}
	return sums, nil
}
