package circuits

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
)

// VerifyingKeys is what checks proofs: the verifying keys of one parameter set, of Statements or of
// these and JoinStatements.
type VerifyingKeys struct {
	params  Params
	of      []Statement
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
	vk.of = append(vk.of, s)
	vk.keys[s], vk.raw[s] = key, encodeVerifyingKey(key)
	vk.digests[s] = sha256.Sum256(vk.raw[s])
}

// Params is the set that the keys are for.
func (vk *VerifyingKeys) Params() Params { return vk.params }

// MarshalBinary is the canonical encoding: the keys in the order of the statements, each of the one
// length that its number of public inputs gives.
func (vk *VerifyingKeys) MarshalBinary() []byte {
	var out []byte
	for _, s := range vk.of {
		out = append(out, vk.raw[s]...)
	}
	return out
}

// ParseVerifyingKeys reads the encoding strictly: keys of Statements alone or of JoinStatements as
// well, exact length, group elements in their only encoding.
func ParseVerifyingKeys(p Params, b []byte) (*VerifyingKeys, error) {
	vk := &VerifyingKeys{params: p}
	b, err := vk.parse(Statements, b)
	if err == nil && len(b) > 0 {
		b, err = vk.parse(JoinStatements, b)
	}
	if err == nil && len(b) > 0 {
		err = errors.New("verifying keys are too long")
	}
	if err != nil {
		return nil, err
	}
	return vk, nil
}

// parse takes one key a statement off the bytes and returns the rest.
func (vk *VerifyingKeys) parse(statements []Statement, b []byte) ([]byte, error) {
	for _, s := range statements {
		inputs := shapeOnce(vk.params, s).inputs()
		size := verifyingKeySize(inputs)
		if len(b) < size {
			return nil, errors.New("verifying keys are too short")
		}
		key, err := decodeVerifyingKey(b[:size], inputs)
		if err != nil {
			return nil, fmt.Errorf("verifying key of the %s: %w", s, err)
		}
		vk.set(s, key)
		b = b[size:]
	}
	return b, nil
}

// NamedVerifyingSize is how many bytes the encoded verifying keys of a named set are: those of Statements, and with joined those of JoinStatements as
// well. False if there is no such set.
func NamedVerifyingSize(name string, joined bool) (size int, ok bool) {
	of := namedVerifying{name, joined}
	if known, ok := namedVerifyingSizes.Load(of); ok {
		return known.(int), true
	}
	p, err := Named(name)
	if err != nil {
		return 0, false
	}
	statements := Statements
	if joined {
		statements = slices.Concat(Statements, JoinStatements)
	}
	for _, s := range statements {
		size += verifyingKeySize(shapeOnce(p, s).inputs())
	}
	namedVerifyingSizes.Store(of, size)
	return size, true
}

type namedVerifying struct {
	name   string
	joined bool
}

var namedVerifyingSizes sync.Map // of namedVerifying, ints

// verifyingKeySize counts α, K (one, digest, the other inputs, two challenges), β, γ, δ, and the
// commitments' base and that times each σ.
func verifyingKeySize(inputs int) int {
	return (1+3+digestInputs+inputs)*bn254.SizeOfG1AffineCompressed + 6*bn254.SizeOfG2AffineCompressed
}

// pointsG2 lists a key's points in G2 in the order of the encoding. Both commitments have one base
// and each a σ of its own.
func pointsG2(vk *groth16.VerifyingKey) []*bn254.G2Affine {
	return []*bn254.G2Affine{&vk.G2.Beta, &vk.G2.Gamma, &vk.G2.Delta,
		&vk.CommitmentKeys[0].G, &vk.CommitmentKeys[0].GSigmaNeg, &vk.CommitmentKeys[1].GSigmaNeg}
}

var errOneSigma = errors.New("σ is the same for both commitments: what is in the first could be put off to the second")

func encodeVerifyingKey(vk *groth16.VerifyingKey) []byte {
	var out []byte
	g1 := func(p *bn254.G1Affine) { b := p.Bytes(); out = append(out, b[:]...) }
	g2 := func(p *bn254.G2Affine) { b := p.Bytes(); out = append(out, b[:]...) }
	g1(&vk.G1.Alpha)
	for i := range vk.G1.K {
		g1(&vk.G1.K[i])
	}
	for _, p := range pointsG2(vk) {
		g2(p)
	}
	return out
}

func decodeVerifyingKey(b []byte, inputs int) (*groth16.VerifyingKey, error) {
	if len(b) != verifyingKeySize(inputs) {
		return nil, fmt.Errorf("%d bytes, want %d", len(b), verifyingKeySize(inputs))
	}
	vk := &groth16.VerifyingKey{}
	vk.G1.K = make([]bn254.G1Affine, 3+digestInputs+inputs)
	vk.CommitmentKeys = make([]pedersen.VerifyingKey, 2)
	// The digest is bound to β, the digest and β to α.
	vk.PublicAndCommitmentCommitted = [][]int{{1, 2}, {1, 2, 1 + digestInputs + inputs}}
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
	for _, point := range pointsG2(vk) {
		if _, err := point.SetBytes(rest[:bn254.SizeOfG2AffineCompressed]); err != nil {
			return nil, err
		}
		if point.IsInfinity() {
			return nil, errors.New("point at infinity")
		}
		rest = rest[bn254.SizeOfG2AffineCompressed:]
	}
	vk.CommitmentKeys[1].G = vk.CommitmentKeys[0].G
	if vk.CommitmentKeys[0].GSigmaNeg == vk.CommitmentKeys[1].GSigmaNeg {
		return nil, errOneSigma
	}
	if !bytes.Equal(encodeVerifyingKey(vk), b) {
		return nil, errors.New("not canonically encoded")
	}
	return vk, vk.Precompute()
}
