// Package linkage are the cryptographic verbs by which departments that may not show each other their
// persons' ids agree on tokens for them (README.md): an oblivious pseudorandom function whose key is
// shared among all members of a linkage.
//
//	NewKey    a member's share of the key: committed to before any is shown, then revealed with a proof
//	Blind     a department's ids as points that tell nothing of them
//	Evaluate  a member's share of the evaluation of such points, with one proof for all
//	Combine   the tokens, once every member's proof is checked
//	Place     where tokens stand in a published list of them, the spine
//
// It is RFC 9497 in its verifiable mode over ristretto255 (RFC 9496), with a context of its own, and
// with the key additively shared: k = Σ k_i, so that nobody evaluates anything alone. Hiding rests on
// the one-more gap Diffie-Hellman assumption and on one honest member; it is not post-quantum.
package linkage

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/cloudflare/circl/group"

	"parley/engine"
)

// Sizes in bytes of what crosses the wire or is kept (README.md, section 7).
const (
	PointSize = 32
	ProofSize = 64
	TokenSize = 16
	NonceSize = 32
	SeedSize  = 32
)

// Limits of this package.
const (
	// MaxBatch bounds the ids of one batch: RFC 9497 counts them in 16 bits, from zero.
	MaxBatch = 65535
	// MaxMembers bounds the members of a linkage.
	MaxMembers = 64
	// MaxID bounds a canonical id in bytes.
	MaxID = 256
	// MaxBlock bounds the tokens of one block of a spine: a blob of 16 MiB.
	MaxBlock = 1 << 20
	// MaxBlocks bounds the blocks of a spine, and MaxPositions its tokens.
	MaxBlocks    = 64
	MaxPositions = 1 << 25
)

// ErrMalformed is in the chain of an error about bytes that do not decode: another length, a point that is none, not
// the canonical encoding of one, or the identity, a scalar that is not reduced.
var ErrMalformed = errors.New("malformed")

// ErrProof is in the chain of an error about a proof that does not verify: its author deviated.
var ErrProof = errors.New("the proof does not verify")

// Member is the signing key of a department, by which the protocols name it.
type Member = [32]byte

// Context is what everything of one linkage belongs to.
type Context struct {
	Network engine.Digest
	Linkage engine.Digest
}

var curve = group.Ristretto255

// suite are the strings that keep one use of the group apart from every other (RFC 9497, section 3.1).
type suite struct{ hash, proof, finalize []byte }

// suite is that of a linkage; who proves is in the proof's string.
func (c Context) suite(member Member) suite {
	context := append([]byte("parley linkage 1-"), c.Network[:]...)
	context = append(context, c.Linkage[:]...)
	return suite{hash: append([]byte("HashToGroup-"), context...), proof: append(context, member[:]...), finalize: []byte("Finalize")}
}

// decodePoint takes the one encoding of an element that is not the identity.
func decodePoint(b []byte) (group.Element, error) {
	if len(b) != PointSize {
		return nil, fmt.Errorf("%w: a point of %d bytes", ErrMalformed, len(b))
	}
	p := curve.NewElement()
	if err := p.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("%w: not a point", ErrMalformed)
	}
	if p.IsIdentity() {
		return nil, fmt.Errorf("%w: the identity", ErrMalformed)
	}
	if again := encodePoint(p); string(again[:]) != string(b) {
		return nil, fmt.Errorf("%w: not the canonical encoding of a point", ErrMalformed)
	}
	return p, nil
}

func encodePoint(p group.Element) [PointSize]byte {
	b, err := p.MarshalBinaryCompress()
	if err != nil {
		panic("linkage: a point does not encode: " + err.Error()) // the library has no such case
	}
	return [PointSize]byte(b)
}

// decodeScalar takes the one encoding of a scalar: the library's own decoder drops high bits.
func decodeScalar(b []byte) (group.Scalar, error) {
	s := curve.NewScalar()
	if err := s.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("%w: not a scalar", ErrMalformed)
	}
	if again := encodeScalar(s); string(again[:]) != string(b) {
		return nil, fmt.Errorf("%w: a scalar that is not reduced", ErrMalformed)
	}
	return s, nil
}

func encodeScalar(s group.Scalar) [32]byte {
	b, err := s.MarshalBinary()
	if err != nil {
		panic("linkage: a scalar does not encode: " + err.Error())
	}
	return [32]byte(b)
}

// each calls f for 0 to n−1 on all processors, and gives the error of the lowest that fails.
func each(n int, f func(int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	type failure struct {
		at  int
		err error
	}
	failures := make([]failure, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				if err := f(i); err != nil {
					failures[w] = failure{i, err}
					return
				}
			}
		})
	}
	wait.Wait()
	for _, f := range failures {
		if f.err != nil {
			return fmt.Errorf("element %d: %w", f.at, f.err)
		}
	}
	return nil
}
