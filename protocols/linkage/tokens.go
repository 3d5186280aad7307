package linkage

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/group"

	"parley/engine"
)

// Token is a person's name on one linkage: the same for all departments, and of no use without it. At 16 bytes, 10^8 persons
// have two of one name with a probability of 2^−76.
type Token [TokenSize]byte

// Seed is what a department's blinds follow from, so that a batch can be made again after a crash. It is drawn for one
// linkage, and secret: who has it and the blinded points can test guesses of the ids.
type Seed [SeedSize]byte

// NewSeed draws a seed.
func NewSeed() Seed {
	var s Seed
	rand.Read(s[:]) //nolint:errcheck // it never fails
	return s
}

// String keeps the seed out of logs.
func (Seed) String() string { return "seed (redacted)" }

// GoString does too.
func (s Seed) GoString() string { return s.String() }

// Batch are blinded ids, and what their tokens are made with. Points is what is sent: PointSize bytes an id, in the order
// of the ids.
type Batch struct {
	Points []byte

	suite  suite
	ids    []string
	blinds []group.Scalar
	points []group.Element
}

// Blind blinds 1 to MaxBatch distinct canonical ids. The same arguments give the same points. What the points show is how many
// ids there are. Cost: two multiplications an id.
func (c Context) Blind(seed Seed, number uint64, ids []string) (*Batch, error) {
	blinds := make([]group.Scalar, len(ids))
	for i, id := range ids {
		blinds[i] = c.blind(seed, number, uint32(i), id)
	}
	return c.suite(Member{}).blind(ids, blinds)
}

// blind derives the factor of one id. The id is in it, so that another id in its place has another.
func (c Context) blind(seed Seed, number uint64, index uint32, id string) group.Scalar {
	mac := hmac.New(sha512.New, seed[:])
	mac.Write([]byte("parley linkage blind 1"))
	mac.Write(c.Network[:])
	mac.Write(c.Linkage[:])
	mac.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, number), index))
	mac.Write([]byte(id))
	return curve.HashToScalar(mac.Sum(nil), []byte("parley linkage blind 1"))
}

func (s suite) blind(ids []string, blinds []group.Scalar) (*Batch, error) {
	if len(ids) == 0 || len(ids) > MaxBatch {
		return nil, fmt.Errorf("a batch of %d ids, allowed 1 to %d", len(ids), MaxBatch)
	}
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			return nil, errors.New("an id is twice in a batch")
		}
		seen[id] = true
	}
	b := &Batch{Points: make([]byte, PointSize*len(ids)), suite: s, ids: ids, blinds: blinds, points: make([]group.Element, len(ids))}
	return b, each(len(ids), func(i int) error {
		if len(ids[i]) == 0 || len(ids[i]) > MaxID {
			return fmt.Errorf("an id of %d bytes, allowed 1 to %d", len(ids[i]), MaxID)
		}
		h := curve.HashToElement([]byte(ids[i]), s.hash)
		if h.IsIdentity() || blinds[i].IsZero() {
			return fmt.Errorf("%w: an id or a blind of zero", ErrMalformed)
		}
		b.points[i] = curve.NewElement().Mul(h, blinds[i])
		p := encodePoint(b.points[i])
		copy(b.Points[PointSize*i:], p[:])
		return nil
	})
}

// BatchDigest names the points of a batch: what its Draw entry says.
func BatchDigest(points []byte) engine.Digest { return engine.Hash("parley linkage batch 1", points) }

// Evaluate multiplies another's points by the member's share, and proves with one proof that it did. An error wraps
// ErrMalformed; nothing is evaluated then. The answer is PointSize bytes a point, and the proof.
// Cost: about a multiplication and a third a point. Whoever calls it has checked that this batch may be evaluated (README.md, section 4).
func (k *Key) Evaluate(points []byte) ([]byte, error) {
	return k.evaluate(k.context.suite(k.member), points, curve.RandomNonZeroScalar(rand.Reader))
}

func (k *Key) evaluate(s suite, points []byte, randomness group.Scalar) ([]byte, error) {
	in, err := decodePoints(points)
	if err != nil {
		return nil, err
	}
	out, answer := make([]group.Element, len(in)), make([]byte, len(points), len(points)+ProofSize)
	err = each(len(in), func(i int) error {
		out[i] = curve.NewElement().Mul(in[i], k.secret)
		p := encodePoint(out[i])
		copy(answer[PointSize*i:], p[:])
		return nil
	})
	if err != nil {
		return nil, err
	}
	proof := s.prove(k.secret, k.public, pairs{in, out, points, answer}, randomness)
	return append(answer, proof[:]...), nil
}

// decodePoints takes the points of a batch, each the one encoding of an element that is not the identity.
func decodePoints(b []byte) ([]group.Element, error) {
	n := len(b) / PointSize
	if len(b)%PointSize != 0 || n == 0 || n > MaxBatch {
		return nil, fmt.Errorf("%w: a batch of %d bytes", ErrMalformed, len(b))
	}
	points := make([]group.Element, n)
	return points, each(n, func(i int) (err error) {
		points[i], err = decodePoint(b[PointSize*i : PointSize*(i+1)])
		return err
	})
}

// AnswerSize is the length of a member's answer to a batch of so many ids.
func AnswerSize(ids int) int { return PointSize*ids + ProofSize }

// Answer is a member's share of an evaluation whose proof is checked.
type Answer struct {
	member Member
	batch  *Batch
	points []group.Element
}

// Check takes a member's answer to the batch. An error wraps ErrMalformed or ErrProof: the member deviated, or somebody between
// changed what it sent. Cost: about half a multiplication a point.
func (b *Batch) Check(c Context, member Public, answer []byte) (*Answer, error) {
	return b.check(c.suite(member.Member), member, answer)
}

func (b *Batch) check(s suite, member Public, answer []byte) (*Answer, error) {
	if len(answer) != AnswerSize(len(b.ids)) {
		return nil, fmt.Errorf("%w: an answer of %d bytes to %d ids", ErrMalformed, len(answer), len(b.ids))
	}
	end := len(answer) - ProofSize
	points, err := decodePoints(answer[:end])
	if err != nil {
		return nil, err
	}
	c, err := decodeScalar(answer[end : end+32])
	if err != nil {
		return nil, err
	}
	r, err := decodeScalar(answer[end+32:])
	if err != nil {
		return nil, err
	}
	if !s.verify(member.point, pairs{b.points, points, b.Points, answer[:end]}, c, r) {
		return nil, ErrProof
	}
	return &Answer{member: member.Member, batch: b, points: points}, nil
}

// Combination is the sum of members' answers to one batch, as they come: one answer is in memory at a time.
type Combination struct {
	batch   *Batch
	shares  []Public
	missing map[Member]bool
	sum     []group.Element
}

// Combine begins the sum of one checked answer of each member whose shares make the key.
func (b *Batch) Combine(shares []Public) (*Combination, error) {
	if err := Whole(shares); err != nil {
		return nil, err
	}
	c := &Combination{batch: b, shares: shares, missing: map[Member]bool{}, sum: make([]group.Element, len(b.ids))}
	for i := range c.sum {
		c.sum[i] = curve.Identity()
	}
	for _, p := range shares {
		c.missing[p.Member] = true
	}
	return c, nil
}

// Lacks reports whether a member's answer is still to be added.
func (c *Combination) Lacks(m Member) bool { return c.missing[m] }

// Add adds a checked answer. It refuses a second one of a member, and one to another batch.
func (c *Combination) Add(a *Answer) error {
	if a == nil || a.batch != c.batch || !c.missing[a.member] {
		return errors.New("the answer is to another batch, of no member, or of one that has answered")
	}
	delete(c.missing, a.member)
	return each(len(c.sum), func(i int) error { c.sum[i].Add(c.sum[i], a.points[i]); return nil })
}

// Tokens are those of the ids, in their order, once every member's answer is added. Cost: a multiplication and an inversion an id.
func (c *Combination) Tokens() ([]Token, error) {
	whole, err := c.outputs()
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, len(whole))
	for i := range whole {
		tokens[i] = Token(whole[i][:TokenSize])
	}
	return tokens, nil
}

func (c *Combination) outputs() ([][sha512.Size]byte, error) {
	if len(c.missing) > 0 {
		return nil, fmt.Errorf("the answers of %d members are missing", len(c.missing))
	}
	b := c.batch
	out := make([][sha512.Size]byte, len(b.ids))
	return out, each(len(b.ids), func(i int) error {
		if c.sum[i].IsIdentity() {
			return fmt.Errorf("%w: the answers cancel each other", ErrProof)
		}
		point := curve.NewElement().Mul(c.sum[i], curve.NewScalar().Inv(b.blinds[i]))
		out[i] = b.suite.finalHash(b.ids[i], encodePoint(point))
		return nil
	})
}

// finalHash is H2 (RFC 9497, section 3.3.1).
func (s suite) finalHash(id string, point [PointSize]byte) [sha512.Size]byte {
	input := binary.BigEndian.AppendUint16(nil, uint16(len(id)))
	input = append(input, id...)
	input = binary.BigEndian.AppendUint16(input, PointSize)
	input = append(append(input, point[:]...), s.finalize...)
	return sha512.Sum512(input)
}
