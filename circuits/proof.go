package circuits

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"

	"github.com/consensys/gnark-crypto/ecc"
	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/hash_to_field"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/logger"
)

func init() { logger.Disable() }

// ProofSize is the one length of a proof: A, B, C, the commitment and its proof of knowledge,
// as compressed BN254 points.
const ProofSize = 4*bn254.SizeOfG1AffineCompressed + bn254.SizeOfG2AffineCompressed

// Errors of proving and verifying.
var (
	ErrWitness = errors.New("the witness does not satisfy the statement")
	ErrProof   = errors.New("the proof does not verify")
)

// Prove makes a proof that the prover knows a witness for the instance, bound to b. About
// 28 µs of processor time a constraint. It leaks nothing but the statement (Groth16 is zero
// knowledge, the commitment is masked afresh). Errors: ErrWitness, ErrBrokenKey, or a key that
// cannot be read. An instance of the wrong shape is a programmer's error and reported as ErrWitness.
func (k *Keys) Prove(b Binding, x Instance, w Secret) ([]byte, error) {
	entry, err := k.load(x.statement())
	if err != nil {
		return nil, err
	}
	if c, ok := x.(Contribution); ok && !c.valid(k.params) {
		return nil, fmt.Errorf("%w: limb bounds", ErrWitness)
	}
	publics := x.publics(k.params)
	values, high, err := entry.system.solveQuotients(publics, w.shorts(x))
	if err != nil {
		return nil, err
	}
	a, err := entry.system.newAssignment(values, high)
	if err != nil {
		return nil, err
	}
	proof, err := entry.prove(statementDigest(k.params, k.verifying.digests[x.statement()], b, x), publics, a)
	if err != nil {
		return nil, err
	}
	// A proof that does not verify would get an honest department accused, and a key that makes
	// such proofs of some witnesses makes an oracle of whoever goes on answering.
	if err := k.verifying.Verify(b, x, proof); err != nil {
		return nil, k.breakOn(x.statement())
	}
	if err := k.intact(); err != nil { // another proof has shown it meanwhile
		return nil, err
	}
	return proof, nil
}

// prove commits to the assignment, derives the challenge from the commitment, evaluates the
// public polynomials there and runs Groth16 with the same commitment.
func (e *keyEntry) prove(digest [32]byte, publics [][]fr.Element, a *assignment) ([]byte, error) {
	committed := a.committed()
	commitment, err := e.proving.CommitmentKeys[0].Commit(committed)
	if err != nil {
		return nil, err
	}
	halves := digestHalves(digest)
	alpha := challenge(&commitment, halves)
	full, err := witness.New(ecc.BN254.ScalarField())
	if err != nil {
		return nil, err
	}
	values := make(chan any, 1024)
	go func() {
		defer close(values)
		for i := range halves {
			values <- halves[i]
		}
		for _, poly := range publics {
			values <- horner(poly, &alpha)
		}
		for i := range committed {
			values <- committed[i]
		}
	}()
	if err := full.Fill(digestInputs+len(publics), len(committed), values); err != nil {
		for range values { // let the sender end
		}
		return nil, err
	}
	proof, err := groth16.Prove(e.system.r1cs, e.proving, full)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrWitness, err)
	}
	return encodeProof(proof), nil
}

// challenge is α as gnark's Groth16 derives it from the commitment and the public inputs that
// were committed with it.
func challenge(commitment *bn254.G1Affine, digest [digestInputs]fr.Element) (alpha fr.Element) {
	committed := make([]*big.Int, len(digest))
	for i := range digest {
		committed[i] = digest[i].BigInt(new(big.Int))
	}
	h := hash_to_field.New([]byte(constraint.CommitmentDst))
	_, _ = h.Write(constraint.SerializeCommitment(commitment.Marshal(), committed, fr.Bytes))
	alpha.SetBytes(h.Sum(nil))
	return alpha
}

// Verified counts the proofs that this process has verified, for the tests that hold how often
// one is.
var Verified atomic.Int64

// Verify checks a proof for the instance under the binding. It takes no public input from the
// message: it derives the digest and the challenge itself, and evaluates every public
// polynomial itself. About 2 ms and 0.2 µs a coefficient. Errors wrap ErrProof.
func (vk *VerifyingKeys) Verify(b Binding, x Instance, proof []byte) error {
	parsed, err := decodeProof(proof)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrProof, err)
	}
	if c, ok := x.(Contribution); ok && !c.valid(vk.params) {
		return fmt.Errorf("%w: limb bounds", ErrProof)
	}
	statement := x.statement()
	digest := statementDigest(vk.params, vk.digests[statement], b, x)
	name := seenProof(digest, proof)
	if vk.seen.has(name) {
		return nil
	}
	halves := digestHalves(digest)
	alpha := challenge(&parsed.Commitments[0], halves)
	publics := x.publics(vk.params)
	inputs := append(fr.Vector{}, halves[:]...)
	for _, poly := range publics {
		inputs = append(inputs, horner(poly, &alpha))
	}
	Verified.Add(1)
	if err := groth16.Verify(parsed, vk.keys[statement], inputs); err != nil {
		return fmt.Errorf("%w: %v", ErrProof, err)
	}
	vk.seen.add(name)
	return nil
}

func encodeProof(proof *groth16.Proof) []byte {
	out := make([]byte, 0, ProofSize)
	ar, bs, krs := proof.Ar.Bytes(), proof.Bs.Bytes(), proof.Krs.Bytes()
	commitment, pok := proof.Commitments[0].Bytes(), proof.CommitmentPok.Bytes()
	for _, part := range [][]byte{ar[:], bs[:], krs[:], commitment[:], pok[:]} {
		out = append(out, part...)
	}
	return out
}

// decodeProof reads exactly one proof: points on the curve, in the subgroup, in their only
// encoding.
func decodeProof(b []byte) (*groth16.Proof, error) {
	if len(b) != ProofSize {
		return nil, fmt.Errorf("proof of %d bytes, want %d", len(b), ProofSize)
	}
	proof := &groth16.Proof{Commitments: make([]bn254.G1Affine, 1)}
	rest := b
	for _, point := range []interface{ SetBytes([]byte) (int, error) }{
		&proof.Ar, &proof.Bs, &proof.Krs, &proof.Commitments[0], &proof.CommitmentPok,
	} {
		size := bn254.SizeOfG1AffineCompressed
		if _, ok := point.(*bn254.G2Affine); ok {
			size = bn254.SizeOfG2AffineCompressed
		}
		if n, err := point.SetBytes(rest[:size]); err != nil || n != size {
			return nil, errors.New("proof has a point that is not a compressed group element")
		}
		rest = rest[size:]
	}
	if !bytes.Equal(encodeProof(proof), b) {
		return nil, errors.New("proof is not canonically encoded")
	}
	return proof, nil
}

// solveQuotients computes, for every modular relation, the quotients by X^N+1 and by Q, and
// returns the values of all shorts. Products are exact: the proofs' field is larger than any
// coefficient.
func (sys *system) solveQuotients(publics, shorts [][]fr.Element) ([][]*big.Int, [][]fr.Element, error) {
	s := sys.shape
	n := s.params.N()
	values := make([][]*big.Int, len(s.shorts))
	for i, poly := range shorts {
		if len(poly) != s.shorts[i].length {
			return nil, nil, fmt.Errorf("%w: %s has %d coefficients", ErrWitness, s.shorts[i].name, len(poly))
		}
		values[i] = make([]*big.Int, len(poly))
		for j := range poly {
			values[i][j] = centeredField(&poly[j])
		}
	}
	q := fieldBig(s.params.q)
	var qInverse fr.Element
	qInverse.Inverse(&q)
	multiply := newMultiplier(n)
	var highs [][]fr.Element
	for _, rel := range s.relations {
		if !rel.modular {
			continue
		}
		sum := make([]fr.Element, 2*n)
		for _, p := range rel.products {
			multiply.add(sum, publics[p.public], shorts[p.short])
		}
		quotient := rel.terms[len(rel.terms)-1].short
		values[quotient] = make([]*big.Int, n)
		high := make([]fr.Element, n-1)
		for j := range n {
			rest := publics[rel.value][j]
			rest.Sub(&rest, &sum[j]).Add(&rest, &sum[n+j])
			for _, t := range rel.terms[:len(rel.terms)-1] {
				if j < s.shorts[t.short].length {
					factor := fieldBig(t.factor)
					rest.Sub(&rest, factor.Mul(&factor, &shorts[t.short][j]))
				}
			}
			rest.Mul(&rest, &qInverse)
			values[quotient][j] = centeredField(&rest)
			if values[quotient][j].BitLen() > 32 {
				return nil, nil, fmt.Errorf("%w: %v, relation %d, coefficient %d", ErrWitness, s.statement, rel.value, j)
			}
			if j < n-1 {
				high[j].Neg(&sum[n+j])
			}
		}
		highs = append(highs, high)
	}
	return values, highs, nil
}

// multiplier multiplies polynomials of degree below n exactly, by transforms of length 2n.
type multiplier struct{ domain *fft.Domain }

func newMultiplier(n int) multiplier { return multiplier{fft.NewDomain(uint64(2 * n))} }

func (m multiplier) add(sum, a, b []fr.Element) {
	x, y := make([]fr.Element, len(sum)), make([]fr.Element, len(sum))
	copy(x, a)
	copy(y, b)
	m.domain.FFT(x, fft.DIF)
	m.domain.FFT(y, fft.DIF)
	for i := range x {
		x[i].Mul(&x[i], &y[i])
	}
	m.domain.FFTInverse(x, fft.DIT)
	for i := range sum {
		sum[i].Add(&sum[i], &x[i])
	}
}
