package mhe

import (
	"errors"
	"fmt"

	"parley/circuits"
)

// PublicKey is an RLWE public key: P = −A·s + e. In an encryption pk0 = P and pk1 = A.
type PublicKey struct{ A, P circuits.Poly }

// KeyShareSize is the length of a key-share blob in bytes: the share and its proof.
func KeyShareSize(p circuits.Params) int { return p.PolySize() + circuits.ProofSize }

// NewKeyShare draws a ternary secret and an error, and returns the secret with the blob that
// others verify: the share P and the proof that it is well formed, bound to b. Used for a
// department's share of the collective key and for an analyst's key (protocols/README.md, section 2). The
// blob leaks nothing about the secret beyond RLWE.
func NewKeyShare(k *circuits.Keys, b circuits.Binding, crs circuits.Poly) (SecretKey, []byte, error) {
	p := k.Params()
	s, err := randomTernary(p.N())
	if err != nil {
		return SecretKey{}, nil, err
	}
	e, err := randomErrors(p, p.N())
	if err != nil {
		return SecretKey{}, nil, err
	}
	sk := SecretKey{s}
	share := keyShare(p, crs, s, e)
	proof, err := k.Prove(b, circuits.KeyShare{A: crs, P: share}, circuits.KeyShareSecret{S: s, E: e})
	if err != nil {
		return SecretKey{}, nil, fmt.Errorf("key share: %w", err)
	}
	return sk, append(p.AppendPoly(make([]byte, 0, KeyShareSize(p)), share), proof...), nil
}

// keyShare is −a·s + e.
func keyShare(p circuits.Params, a circuits.Poly, s, e []int64) circuits.Poly {
	x := multiply(p, a, p.FromSmall(s))
	p.Ring().Sub(p.FromSmall(e), x, x)
	return x
}

// VerifyKeyShare checks a blob and returns the share P. About 4 ms.
func VerifyKeyShare(vk *circuits.VerifyingKeys, b circuits.Binding, crs circuits.Poly, blob []byte) (circuits.Poly, error) {
	polys, proof, err := splitBlob(blob, whole(vk.Params()))
	if err != nil {
		return circuits.Poly{}, fmt.Errorf("key share: %w", err)
	}
	if err := vk.Verify(b, circuits.KeyShare{A: crs, P: polys[0]}, proof); err != nil {
		return circuits.Poly{}, fmt.Errorf("key share: %w", err)
	}
	return polys[0], nil
}

// CombineKeyShares sums the verified shares of all members to the collective key, whose secret
// nobody holds.
func CombineKeyShares(p circuits.Params, crs circuits.Poly, shares []circuits.Poly) (PublicKey, error) {
	if len(shares) == 0 || len(shares) > p.MaxDepartments() {
		return PublicKey{}, fmt.Errorf("committee of %d, allowed 1 to %d", len(shares), p.MaxDepartments())
	}
	return PublicKey{A: crs, P: add(p, shares[0], shares[1:]...)}, nil
}

// CheckOpening tests that a disclosed analyst's secret matches the public part whose proof was
// verified: P + A·s must be within the error bound everywhere.
func CheckOpening(p circuits.Params, sk SecretKey, pub PublicKey) error {
	if len(sk.s) != p.N() {
		return errors.New("opening: the secret is of another parameter set")
	}
	rest := add(p, pub.P, multiply(p, pub.A, p.FromSmall(sk.s)))
	for j := range p.N() {
		if e := p.Centered(rest, j); !e.IsInt64() || e.Int64() > circuits.ErrorBound || e.Int64() < -circuits.ErrorBound {
			return errors.New("opening: the secret does not match the analyst's key")
		}
	}
	return nil
}
