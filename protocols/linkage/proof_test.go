package linkage

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/zk/dleq"
)

// TestProofs: proofs are the library's, byte for byte, and each side takes the other's, of few points and of many; with one point changed neither does.
func TestProofs(t *testing.T) {
	s := suite{hash: []byte("hash"), proof: []byte("a context")}
	params := dleq.Params{G: curve, H: crypto.SHA512, DST: s.proof}
	secret := curve.RandomNonZeroScalar(rand.Reader)
	public := curve.NewElement().MulGen(secret)
	for _, n := range []int{1, 2, fewPoints - 1, fewPoints, fewPoints + 1, 700} {
		p := pairs{points: make([]group.Element, n), multiples: make([]group.Element, n)}
		for i := range n {
			p.points[i] = curve.HashToElement([]byte(fmt.Sprint(i%300)), s.hash) // some are there twice
			p.multiples[i] = curve.NewElement().Mul(p.points[i], secret)
			from, to := encodePoint(p.points[i]), encodePoint(p.multiples[i])
			p.from, p.to = append(p.from, from[:]...), append(p.to, to[:]...)
		}
		randomness := curve.RandomNonZeroScalar(rand.Reader)
		own := s.prove(secret, public, p, randomness)
		theirs, err := (dleq.Prover{Params: params}).ProveBatchWithRandomness(secret, curve.Generator(), public, p.points, p.multiples, randomness)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := theirs.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if string(encoded) != string(own[:]) {
			t.Errorf("%d points: a proof is not the library's", n)
		}
		takes := func() (own, library bool) {
			c, err := decodeScalar(encoded[:32])
			if err != nil {
				t.Fatal(err)
			}
			r, err := decodeScalar(encoded[32:])
			if err != nil {
				t.Fatal(err)
			}
			return s.verify(public, p, c, r), dleq.Verifier{Params: params}.VerifyBatch(curve.Generator(), public, p.points, p.multiples, theirs)
		}
		if own, library := takes(); !own || !library {
			t.Errorf("%d points: a proof is taken: %v, by the library: %v", n, own, library)
		}
		for _, at := range []int{0, n / 2, n - 1} {
			right, bytes := p.multiples[at], [PointSize]byte(p.to[PointSize*at:])
			p.multiples[at] = curve.NewElement().Add(right, curve.Generator())
			wrong := encodePoint(p.multiples[at])
			copy(p.to[PointSize*at:], wrong[:])
			if own, library := takes(); own || library {
				t.Errorf("%d points, of which %d is another: a proof is taken: %v, by the library: %v", n, at, own, library)
			}
			p.multiples[at] = right
			copy(p.to[PointSize*at:], bytes[:])
		}
	}
}

// TestWeighted: buckets give what multiplications give, with weights at the ends of their range too.
func TestWeighted(t *testing.T) {
	n := fewPoints + 8
	points, weights, want := make([]group.Element, n), make([][32]byte, n), curve.Identity()
	for i := range n {
		points[i] = curve.RandomElement(rand.Reader)
		w := curve.NewScalar()
		switch i % 4 {
		case 0: // zero
		case 1:
			w.SetUint64(uint64(i))
		case 2:
			w.Neg(curve.NewScalar().SetUint64(uint64(i))) // below the order
		default:
			w = curve.RandomScalar(rand.Reader)
		}
		weights[i] = encodeScalar(w)
		want.Add(want, curve.NewElement().Mul(points[i], w))
	}
	if !weighted(points, weights).IsEqual(want) {
		t.Error("buckets give another sum")
	}
	sum := curve.Identity()
	for at := 0; at < n; at += fewPoints - 1 {
		end := min(at+fewPoints-1, n)
		sum.Add(sum, weighted(points[at:end], weights[at:end]))
	}
	if !sum.IsEqual(want) {
		t.Error("few points give another sum")
	}
	if !weighted(nil, nil).IsIdentity() {
		t.Error("no points have a sum")
	}
}
