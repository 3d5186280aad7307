package linkage

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/cloudflare/circl/group"

	"parley/engine"
)

// Key is a member's share of a linkage's key, with what it is committed to by. It is drawn once for one linkage; who
// loses it leaves the linkage. Its String says nothing.
type Key struct {
	context Context
	member  Member
	secret  group.Scalar
	public  group.Element
	nonce   [NonceSize]byte
}

// String keeps the secret out of logs.
func (*Key) String() string { return "linkage key (redacted)" }

// GoString does too.
func (k *Key) GoString() string { return k.String() }

// Reveal shows a member's public share: the point k_i·G, what its commitment was hidden by, and a proof that its author
// knows k_i, for this network, linkage and member.
type Reveal struct {
	_      struct{} `cbor:",toarray"`
	Public [PointSize]byte
	Nonce  [NonceSize]byte
	Proof  [ProofSize]byte
}

// NewKey draws a share.
func NewKey(c Context, m Member) *Key {
	k := &Key{context: c, member: m, secret: curve.RandomNonZeroScalar(rand.Reader)}
	k.public = curve.NewElement().MulGen(k.secret)
	rand.Read(k.nonce[:]) //nolint:errcheck // it never fails
	return k
}

// KeySize is the length of an encoded Key.
const KeySize = 32 + NonceSize

// Marshal encodes the secret and the nonce. It is for the member's own journal.
func (k *Key) Marshal() []byte {
	secret := encodeScalar(k.secret)
	return append(secret[:], k.nonce[:]...)
}

// ParseKey reads what Marshal made.
func ParseKey(c Context, m Member, b []byte) (*Key, error) {
	if len(b) != KeySize {
		return nil, fmt.Errorf("%w: a key of %d bytes", ErrMalformed, len(b))
	}
	secret, err := decodeScalar(b[:32])
	if err != nil {
		return nil, err
	}
	if secret.IsZero() {
		return nil, fmt.Errorf("%w: a key of zero", ErrMalformed)
	}
	return &Key{context: c, member: m, secret: secret, public: curve.NewElement().MulGen(secret), nonce: [NonceSize]byte(b[32:])}, nil
}

// Commitment fixes the public share without showing it.
func (k *Key) Commitment() engine.Digest {
	public := encodePoint(k.public)
	return commitment(k.context, k.member, public, k.nonce)
}

func commitment(c Context, m Member, public [PointSize]byte, nonce [NonceSize]byte) engine.Digest {
	return engine.Hash("parley linkage key 1", c.Network[:], c.Linkage[:], m[:], public[:], nonce[:])
}

// Reveal shows the public share. It may be called again: only the proof differs then.
func (k *Key) Reveal() Reveal {
	r := Reveal{Public: encodePoint(k.public), Nonce: k.nonce}
	t := curve.RandomNonZeroScalar(rand.Reader)
	challenge := knowledge(k.context, k.member, r.Public, encodePoint(curve.NewElement().MulGen(t)))
	s := curve.NewScalar().Mul(challenge, k.secret)
	s.Sub(t, s)
	c, z := encodeScalar(challenge), encodeScalar(s)
	copy(r.Proof[:32], c[:])
	copy(r.Proof[32:], z[:])
	return r
}

// knowledge is the challenge of Schnorr's proof (RFC 8235, section 2.2, with a hash to scalars that says what it is of).
func knowledge(c Context, m Member, public, first [PointSize]byte) group.Scalar {
	input := append(append(append(append([]byte{}, c.Network[:]...), c.Linkage[:]...), m[:]...), public[:]...)
	return curve.HashToScalar(append(input, first[:]...), []byte("parley linkage knowledge 1"))
}

// Public is a member's public share once its reveal is checked.
type Public struct {
	Member Member
	point  group.Element
}

// Bytes is the share's encoding.
func (p Public) Bytes() [PointSize]byte { return encodePoint(p.point) }

// Check holds a reveal to the member's commitment and checks its proof. An error wraps ErrMalformed or ErrProof, or says
// that another share was committed to.
func (r *Reveal) Check(c Context, m Member, committed engine.Digest) (Public, error) {
	point, err := decodePoint(r.Public[:])
	if err != nil {
		return Public{}, fmt.Errorf("public share: %w", err)
	}
	if got := commitment(c, m, r.Public, r.Nonce); subtle.ConstantTimeCompare(got[:], committed[:]) != 1 {
		return Public{}, fmt.Errorf("%w: the public share is not what was committed to", ErrProof)
	}
	challenge, err := decodeScalar(r.Proof[:32])
	if err != nil {
		return Public{}, err
	}
	s, err := decodeScalar(r.Proof[32:])
	if err != nil {
		return Public{}, err
	}
	first := curve.NewElement().MulGen(s)
	first.Add(first, curve.NewElement().Mul(point, challenge))
	if !knowledge(c, m, r.Public, encodePoint(first)).IsEqual(challenge) {
		return Public{}, fmt.Errorf("%w: of knowing the share", ErrProof)
	}
	return Public{Member: m, point: point}, nil
}

// Whole checks that shares make a key: one of each member, and their sum not the identity, by which every id would have
// one token. As all are committed to before any is shown, that happens by no more than chance.
func Whole(shares []Public) error {
	if len(shares) == 0 || len(shares) > MaxMembers {
		return fmt.Errorf("%d members, allowed 1 to %d", len(shares), MaxMembers)
	}
	sum, seen := curve.Identity(), map[Member]bool{}
	for _, p := range shares {
		if seen[p.Member] {
			return fmt.Errorf("%w: a member has two shares", ErrMalformed)
		}
		seen[p.Member] = true
		sum.Add(sum, p.point)
	}
	if sum.IsIdentity() {
		return fmt.Errorf("%w: the shares cancel each other", ErrProof)
	}
	return nil
}
