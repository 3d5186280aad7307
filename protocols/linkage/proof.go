package linkage

import (
	"crypto/sha512"
	"encoding/binary"

	"github.com/cloudflare/circl/group"
)

// The proof that a member multiplied all points of a batch by its share: DLEQ of RFC 9497, section 2.2, whose weights make one pair of points of all.
// The library has it too (zk/dleq, which tests hold this to), on one processor, and with a multiplication a point.

// pairs are points and what they were multiplied to, beside their encodings.
type pairs struct {
	points, multiples []group.Element
	from, to          []byte
}

// prove says that public is secret times the generator, and each multiple secret times its point.
func (s suite) prove(secret group.Scalar, public group.Element, p pairs, randomness group.Scalar) [ProofSize]byte {
	m := weighted(p.points, s.weights(public, p))
	z := curve.NewElement().Mul(m, secret)
	c := s.challenge(public, m, z, curve.NewElement().MulGen(randomness), curve.NewElement().Mul(m, randomness))
	r := curve.NewScalar().Mul(c, secret)
	r.Sub(randomness, r)
	first, second := encodeScalar(c), encodeScalar(r)
	return [ProofSize]byte(append(first[:], second[:]...))
}

// verify checks such a proof, whose scalars are decoded.
func (s suite) verify(public group.Element, p pairs, c, r group.Scalar) bool {
	weights := s.weights(public, p)
	m, z := weighted(p.points, weights), weighted(p.multiples, weights)
	generator := curve.NewElement().MulGen(r)
	generator.Add(generator, curve.NewElement().Mul(public, c))
	point := curve.NewElement().Mul(m, r)
	point.Add(point, curve.NewElement().Mul(z, c))
	return s.challenge(public, m, z, generator, point).IsEqual(c)
}

// weights are those of the pairs (RFC 9497, section 2.2.1): they hang on all of them.
func (s suite) weights(public group.Element, p pairs) [][32]byte {
	encoded, dst := encodePoint(public), append([]byte("Seed-"), s.proof...)
	seed := sha512.Sum512(prefixed(prefixed(nil, encoded[:]), dst))
	dst = append([]byte("HashToScalar-"), s.proof...)
	out := make([][32]byte, len(p.points))
	each(len(out), func(i int) error { //nolint:errcheck // it never fails
		input := binary.BigEndian.AppendUint16(prefixed(nil, seed[:]), uint16(i))
		input = prefixed(prefixed(input, p.from[PointSize*i:PointSize*(i+1)]), p.to[PointSize*i:PointSize*(i+1)])
		out[i] = encodeScalar(curve.HashToScalar(append(input, "Composite"...), dst))
		return nil
	})
	return out
}

func (s suite) challenge(points ...group.Element) group.Scalar {
	var input []byte
	for _, p := range points {
		encoded := encodePoint(p)
		input = prefixed(input, encoded[:])
	}
	return curve.HashToScalar(append(input, "Challenge"...), append([]byte("HashToScalar-"), s.proof...))
}

// prefixed appends a text behind its length.
func prefixed(to, text []byte) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(text))), text...)
}

// fewPoints is below how many points each is multiplied by its weight: buckets cost more.
const fewPoints = 192

// weighted is the sum of points, each times its weight, digit by digit in buckets (Pippenger). Its time tells of weights and points,
// which are public.
func weighted(points []group.Element, weights [][32]byte) group.Element {
	sum := curve.Identity()
	if len(points) < fewPoints {
		products := make([]group.Element, len(points))
		each(len(points), func(i int) error { //nolint:errcheck // it never fails
			weight := curve.NewScalar()
			err := weight.UnmarshalBinary(weights[i][:])
			products[i] = curve.NewElement().Mul(points[i], weight)
			return err
		})
		for _, p := range products {
			sum.Add(sum, p)
		}
		return sum
	}
	var digits [32]group.Element           // the sum of points times digit i of their weights
	each(len(digits), func(at int) error { //nolint:errcheck // it never fails
		digits[at] = ofDigit(points, weights, at)
		return nil
	})
	for at := len(digits) - 1; at >= 0; at-- {
		for range 8 {
			sum.Dbl(sum)
		}
		sum.Add(sum, digits[at])
	}
	return sum
}

// ofDigit is the sum of points, each times one byte of its weight.
func ofDigit(points []group.Element, weights [][32]byte, at int) group.Element {
	var buckets [256]group.Element
	for i, p := range points {
		switch d := weights[i][at]; {
		case d == 0:
		case buckets[d] == nil:
			buckets[d] = p.Copy()
		default:
			buckets[d].Add(buckets[d], p)
		}
	}
	above, sum := curve.Identity(), curve.Identity() // a bucket is in above for each digit up to its own
	for d := len(buckets) - 1; d > 0; d-- {
		if buckets[d] != nil {
			above.Add(above, buckets[d])
		}
		sum.Add(sum, above)
	}
	return sum
}
