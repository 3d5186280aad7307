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

// ProofSize is the one length of a proof: A, B, C, the two commitments and their proof of
// knowledge, as compressed BN254 points.
const ProofSize = 5*bn254.SizeOfG1AffineCompressed + bn254.SizeOfG2AffineCompressed

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
	if !x.valid(k.params) {
		return nil, fmt.Errorf("%w: no such %s", ErrWitness, x.statement())
	}
	publics := x.publics(k.params)
	q, err := entry.system.solveQuotients(publics, w.shorts(k.params, x))
	if err != nil {
		return nil, err
	}
	a, err := entry.system.newAssignment(q)
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

// prove commits to the first group of the assignment, derives β, commits to the second, derives α,
// evaluates the public polynomials there and runs Groth16, which makes the same commitments.
func (e *keyEntry) prove(digest [32]byte, publics publics, a *assignment) ([]byte, error) {
	halves := digestHalves(digest)
	secrets := a.first()
	first, err := e.proving.CommitmentKeys[0].Commit(secrets)
	if err != nil {
		return nil, err
	}
	c := challenges{beta: challenge(&first, halves[:]...)}
	quotient := e.system.second(a, &c.beta)
	second, err := e.proving.CommitmentKeys[1].Commit(quotient)
	if err != nil {
		return nil, err
	}
	c.finish(e.system.shape, &second, halves)
	secrets = append(secrets, quotient...)
	full, err := fullWitness(c.inputs(e.system.shape, halves, publics), secrets)
	if err != nil {
		return nil, err
	}
	proof, err := groth16.Prove(e.system.r1cs, e.proving, full)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrWitness, err)
	}
	return encodeProof(proof), nil
}

// fullWitness is public and secret inputs as the library takes them.
func fullWitness(public, secret []fr.Element) (witness.Witness, error) {
	full, err := witness.New(ecc.BN254.ScalarField())
	if err != nil {
		return nil, err
	}
	values := make(chan any, 1024)
	go func() {
		defer close(values)
		for _, row := range [][]fr.Element{public, secret} {
			for i := range row {
				values <- row[i]
			}
		}
	}()
	if err := full.Fill(len(public), len(secret), values); err != nil {
		for range values { // let the sender end
		}
		return nil, err
	}
	return full, nil
}

// challenges are what a proof is tested at: β follows from the first commitment, α from both, ζ
// and γ from α.
type challenges struct{ beta, alpha, zeta, gamma fr.Element }

// finish derives the others from β and the second commitment.
func (c *challenges) finish(s *shape, second *bn254.G1Affine, halves [digestInputs]fr.Element) {
	c.alpha = challenge(second, append(halves[:], c.beta)...)
	c.derive(s.params.Classes())
}

func (c *challenges) derive(classes int) {
	c.zeta.Exp(c.alpha, big.NewInt(int64(classes)))
	h := hash_to_field.New([]byte("parley tuples"))
	alpha := c.alpha.Bytes()
	_, _ = h.Write(alpha[:])
	c.gamma.SetBytes(h.Sum(nil))
}

// inputs are all public inputs.
func (c *challenges) inputs(s *shape, halves [digestInputs]fr.Element, publics publics) fr.Vector {
	return append(append(fr.Vector{}, halves[0], halves[1], c.gamma), s.evaluate(publics, &c.beta, &c.zeta)...)
}

// challenge is what gnark's Groth16 derives from a commitment and what was committed with it.
func challenge(commitment *bn254.G1Affine, with ...fr.Element) (out fr.Element) {
	committed := make([]*big.Int, len(with))
	for i := range with {
		committed[i] = with[i].BigInt(new(big.Int))
	}
	h := hash_to_field.New([]byte(constraint.CommitmentDst))
	_, _ = h.Write(constraint.SerializeCommitment(commitment.Marshal(), committed, fr.Bytes))
	out.SetBytes(h.Sum(nil))
	return out
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
	statement := x.statement()
	if vk.keys[statement] == nil {
		return fmt.Errorf("%w: there is no verifying key of the %s", ErrProof, statement)
	}
	if !x.valid(vk.params) {
		return fmt.Errorf("%w: no such %s", ErrProof, statement)
	}
	digest := statementDigest(vk.params, vk.digests[statement], b, x)
	name := seenProof(digest, proof)
	if vk.seen.has(name) {
		return nil
	}
	halves := digestHalves(digest)
	c := challenges{beta: challenge(&parsed.Commitments[0], halves[:]...)}
	s := shapeOnce(vk.params, statement)
	c.finish(s, &parsed.Commitments[1], halves)
	inputs := c.inputs(s, halves, x.publics(vk.params))
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
	first, second, pok := proof.Commitments[0].Bytes(), proof.Commitments[1].Bytes(), proof.CommitmentPok.Bytes()
	for _, part := range [][]byte{ar[:], bs[:], krs[:], first[:], second[:], pok[:]} {
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
	proof := &groth16.Proof{Commitments: make([]bn254.G1Affine, 2)}
	rest := b
	for _, point := range []interface{ SetBytes([]byte) (int, error) }{
		&proof.Ar, &proof.Bs, &proof.Krs, &proof.Commitments[0], &proof.Commitments[1], &proof.CommitmentPok,
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

// quotients is what a prover computes from a statement and its secret.
type quotients struct {
	values [][]*big.Int   // [short][coefficient], the quotients by Q among them
	high   [][]fr.Element // [relation][coefficient]: the quotient by X^N+1; nil over Z
	slots  slotParts
}

// widestQuotient bounds, in bits, a quotient by Q that is looked at further. Of a false statement it
// is no small integer at all.
const widestQuotient = 64

// solveQuotients computes, for every modular relation, the quotients by X^N+1 and by Q. Products
// are exact: the proofs' field is larger than any coefficient.
func (sys *system) solveQuotients(publics publics, shorts [][]fr.Element) (quotients, error) {
	s := sys.shape
	n := s.params.N()
	q := quotients{values: make([][]*big.Int, len(s.shorts)), high: make([][]fr.Element, len(s.relations))}
	for i, poly := range shorts {
		if len(poly) != s.shorts[i].length {
			return q, fmt.Errorf("%w: %s has %d coefficients", ErrWitness, s.shorts[i].name, len(poly))
		}
		q.values[i] = make([]*big.Int, len(poly))
		for j := range poly {
			q.values[i][j] = centeredField(&poly[j])
		}
	}
	whole, multiply := make([][]fr.Element, len(s.shorts)), newMultiplier(n)
	transformed := make([][]fr.Element, len(s.shorts))
	for i, poly := range shorts {
		if s.shorts[i].step > 0 {
			whole[i] = s.shorts[i].spread(poly, &publics.lo, n)
			transformed[i] = multiply.transform(whole[i])
		}
	}
	for i := range s.relations {
		r := &s.relations[i]
		if !r.modular {
			continue
		}
		sum := make([]fr.Element, 2*n)
		for _, p := range r.products {
			multiply.add(sum, multiply.transform(publics.rows[p.public]), transformed[p.short])
		}
		multiply.back(sum)
		at := make([]fr.Element, r.places(n))
		for place := range at {
			j := r.start + r.step*place
			at[place].Sub(&sum[j], &sum[n+j])
		}
		if err := s.divide(r, publics, shorts, at, &q); err != nil {
			return q, err
		}
		q.high[i] = negateField(sum[n:])
	}
	if s.slots == nil {
		return q, nil
	}
	q.slots.publics = publics
	for _, p := range s.slots.products {
		q.slots.shorts = append(q.slots.shorts, whole[p.short])
	}
	return q, s.divide(&s.slots.relation, publics, shorts, s.slotSums(q.slots), &q)
}

// spread is the polynomial of n coefficients that a short in a product stands for.
func (sh *short) spread(coefficients []fr.Element, lo *fr.Element, n int) []fr.Element {
	out := make([]fr.Element, n)
	for i := range coefficients {
		out[i*sh.step] = coefficients[i]
		if sh.aboveLo {
			out[i*sh.step].Add(&out[i*sh.step], lo)
		}
	}
	return out
}

// divide computes a relation's quotient by Q from the sums of its products at its places.
func (s *shape) divide(r *relation, publics publics, shorts [][]fr.Element, sums []fr.Element, q *quotients) error {
	modulus := fieldBig(s.params.q)
	var inverse fr.Element
	inverse.Inverse(&modulus)
	values := make([]*big.Int, len(sums))
	for place := range values {
		rest := publics.rows[r.value][place]
		rest.Sub(&rest, &sums[place])
		for _, t := range r.terms[:len(r.terms)-1] {
			factor := fieldBig(t.factor)
			rest.Sub(&rest, factor.Mul(&factor, &shorts[t.short][place]))
		}
		rest.Mul(&rest, &inverse)
		if values[place] = centeredField(&rest); values[place].BitLen() > widestQuotient {
			return fmt.Errorf("%w: %v, relation %d, place %d", ErrWitness, s.statement, r.value, place)
		}
	}
	q.values[r.terms[len(r.terms)-1].short] = values
	return nil
}

// multiplier multiplies polynomials of degree below n exactly, by transforms of length 2n.
type multiplier struct{ domain *fft.Domain }

func newMultiplier(n int) multiplier { return multiplier{fft.NewDomain(uint64(2 * n))} }

func (m multiplier) transform(a []fr.Element) []fr.Element {
	x := make([]fr.Element, m.domain.Cardinality)
	copy(x, a)
	m.domain.FFT(x, fft.DIF)
	return x
}

// add adds the product of two transformed polynomials to a transformed sum.
func (m multiplier) add(sum, a, b []fr.Element) {
	var t fr.Element
	for i := range sum {
		sum[i].Add(&sum[i], t.Mul(&a[i], &b[i]))
	}
}

// back turns a transformed sum into its coefficients.
func (m multiplier) back(sum []fr.Element) { m.domain.FFTInverse(sum, fft.DIT) }

// modulo is a·b modulo X^n+1.
func (m multiplier) modulo(a, b []fr.Element) []fr.Element {
	sum := make([]fr.Element, m.domain.Cardinality)
	m.add(sum, m.transform(a), m.transform(b))
	m.back(sum)
	low, high := sum[:len(sum)/2], sum[len(sum)/2:]
	for j := range low {
		low[j].Sub(&low[j], &high[j])
	}
	return low
}
