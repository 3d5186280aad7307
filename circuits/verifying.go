package circuits

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
)

// VerifyingKeys is what checks proofs: the three verifying keys of one parameter set.
type VerifyingKeys struct {
	params  Params
	keys    map[Statement]*groth16.VerifyingKey
	raw     map[Statement][]byte
	digests map[Statement][32]byte
	seen    *Seen // nil: every proof is verified
}

func (vk *VerifyingKeys) set(s Statement, key *groth16.VerifyingKey) {
	if vk.keys == nil {
		vk.keys = map[Statement]*groth16.VerifyingKey{}
		vk.raw = map[Statement][]byte{}
		vk.digests = map[Statement][32]byte{}
	}
	vk.keys[s], vk.raw[s] = key, encodeVerifyingKey(key)
	vk.digests[s] = sha256.Sum256(vk.raw[s])
}

// Params is the set that the keys are for.
func (vk *VerifyingKeys) Params() Params { return vk.params }

// MarshalBinary is the canonical encoding: the three keys in the order of Statements, each of
// the one length that its number of public inputs gives.
func (vk *VerifyingKeys) MarshalBinary() []byte {
	var out []byte
	for _, s := range Statements {
		out = append(out, vk.raw[s]...)
	}
	return out
}

// ParseVerifyingKeys reads the encoding strictly: exact length, group elements in their only
// encoding.
func ParseVerifyingKeys(p Params, b []byte) (*VerifyingKeys, error) {
	vk := &VerifyingKeys{params: p}
	for _, s := range Statements {
		publics := shapeOf(p, s).publics
		size := verifyingKeySize(publics)
		if len(b) < size {
			return nil, errors.New("verifying keys are too short")
		}
		key, err := decodeVerifyingKey(b[:size], publics)
		if err != nil {
			return nil, fmt.Errorf("verifying key of the %s: %w", s, err)
		}
		vk.set(s, key)
		b = b[size:]
	}
	if len(b) != 0 {
		return nil, errors.New("verifying keys are too long")
	}
	return vk, nil
}

// verifyingKeySize counts α, K (one, digest, evaluations, challenge), β, γ, δ and the
// commitment's two points.
func verifyingKeySize(publics int) int {
	return (1+2+digestInputs+publics)*bn254.SizeOfG1AffineCompressed + 5*bn254.SizeOfG2AffineCompressed
}

func encodeVerifyingKey(vk *groth16.VerifyingKey) []byte {
	var out []byte
	g1 := func(p *bn254.G1Affine) { b := p.Bytes(); out = append(out, b[:]...) }
	g2 := func(p *bn254.G2Affine) { b := p.Bytes(); out = append(out, b[:]...) }
	g1(&vk.G1.Alpha)
	for i := range vk.G1.K {
		g1(&vk.G1.K[i])
	}
	for _, p := range []*bn254.G2Affine{
		&vk.G2.Beta, &vk.G2.Gamma, &vk.G2.Delta, &vk.CommitmentKeys[0].G, &vk.CommitmentKeys[0].GSigmaNeg,
	} {
		g2(p)
	}
	return out
}

func decodeVerifyingKey(b []byte, publics int) (*groth16.VerifyingKey, error) {
	if len(b) != verifyingKeySize(publics) {
		return nil, fmt.Errorf("%d bytes, want %d", len(b), verifyingKeySize(publics))
	}
	vk := &groth16.VerifyingKey{}
	vk.G1.K = make([]bn254.G1Affine, 2+digestInputs+publics)
	vk.CommitmentKeys = make([]pedersen.VerifyingKey, 1)
	vk.PublicAndCommitmentCommitted = [][]int{{}}
	for i := range digestInputs {
		vk.PublicAndCommitmentCommitted[0] = append(vk.PublicAndCommitmentCommitted[0], 1+i)
	}
	rest := b
	for i := range 1 + len(vk.G1.K) {
		point := &vk.G1.Alpha
		if i > 0 {
			point = &vk.G1.K[i-1]
		}
		if _, err := point.SetBytes(rest[:bn254.SizeOfG1AffineCompressed]); err != nil {
			return nil, err
		}
		rest = rest[bn254.SizeOfG1AffineCompressed:]
	}
	for _, point := range []*bn254.G2Affine{
		&vk.G2.Beta, &vk.G2.Gamma, &vk.G2.Delta, &vk.CommitmentKeys[0].G, &vk.CommitmentKeys[0].GSigmaNeg,
	} {
		if _, err := point.SetBytes(rest[:bn254.SizeOfG2AffineCompressed]); err != nil {
			return nil, err
		}
		if point.IsInfinity() {
			return nil, errors.New("point at infinity")
		}
		rest = rest[bn254.SizeOfG2AffineCompressed:]
	}
	if !bytes.Equal(encodeVerifyingKey(vk), b) {
		return nil, errors.New("not canonically encoded")
	}
	return vk, vk.Precompute()
}
