package linkage

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/group"

	"parley/engine"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func scalar(t *testing.T, s string) group.Scalar {
	t.Helper()
	k, err := decodeScalar(unhex(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestVectors holds the verbs of one member to the RFC's vectors: only the context differs.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/rfc9497.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Secret, Public string
		Vectors        []struct {
			Inputs, Blinds, Blinded, Evaluated, Outputs []string
			Proof, Randomness                           string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	const context = "OPRFV1-\x01-ristretto255-SHA512"
	s := suite{hash: []byte("HashToGroup-" + context), proof: []byte(context), finalize: []byte("Finalize")}
	key := &Key{secret: scalar(t, file.Secret)}
	key.public = curve.NewElement().MulGen(key.secret)
	if got := encodePoint(key.public); !bytes.Equal(got[:], unhex(t, file.Public)) {
		t.Fatal("another public key")
	}
	if len(file.Vectors) != 3 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	member := Public{point: key.public}
	for i, v := range file.Vectors {
		var ids []string
		var blinds []group.Scalar
		var blinded, answer []byte
		for j := range v.Inputs {
			ids = append(ids, string(unhex(t, v.Inputs[j])))
			blinds = append(blinds, scalar(t, v.Blinds[j]))
			blinded = append(blinded, unhex(t, v.Blinded[j])...)
			answer = append(answer, unhex(t, v.Evaluated[j])...)
		}
		answer = append(answer, unhex(t, v.Proof)...)
		batch, err := s.blind(ids, blinds)
		if err != nil || !bytes.Equal(batch.Points, blinded) {
			t.Fatalf("vector %d: blinded %x, %v", i, batch.Points, err)
		}
		got, err := key.evaluate(s, batch.Points, scalar(t, v.Randomness))
		if err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("vector %d: evaluated %x, %v", i, got, err)
		}
		checked, err := batch.check(s, member, got)
		if err != nil {
			t.Fatal(err)
		}
		c, err := batch.Combine([]Public{member})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Add(checked); err != nil {
			t.Fatal(err)
		}
		out, err := c.outputs()
		if err != nil {
			t.Fatal(err)
		}
		for j := range out {
			if !bytes.Equal(out[j][:], unhex(t, v.Outputs[j])) {
				t.Fatalf("vector %d: output %d is %x", i, j, out[j])
			}
		}
	}
}

// world is a linkage of so many members.
type world struct {
	context Context
	keys    []*Key
	shares  []Public
}

func newWorld(t testing.TB, name string, members int) *world {
	t.Helper()
	w := &world{context: Context{Network: engine.Hash("network"), Linkage: engine.Hash(name)}}
	for i := range members {
		m := Member(engine.Hash(fmt.Sprint("member ", i)))
		k := NewKey(w.context, m)
		r := k.Reveal()
		share, err := r.Check(w.context, m, k.Commitment())
		if err != nil {
			t.Fatal(err)
		}
		w.keys, w.shares = append(w.keys, k), append(w.shares, share)
	}
	if err := Whole(w.shares); err != nil {
		t.Fatal(err)
	}
	return w
}

// tokens are those of ids, drawn by a department with this seed.
func (w *world) tokens(t *testing.T, seed Seed, number uint64, ids ...string) []Token {
	t.Helper()
	batch, err := w.context.Blind(seed, number, ids)
	if err != nil {
		t.Fatal(err)
	}
	c, err := batch.Combine(w.shares)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range w.keys {
		raw, err := k.Evaluate(batch.Points)
		if err != nil {
			t.Fatal(err)
		}
		a, err := batch.Check(w.context, w.shares[i], raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Add(a); err != nil {
			t.Fatal(err)
		}
	}
	tokens, err := c.Tokens()
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// TestTokens: two departments that draw with seeds of their own have one token for one id, each another for each id, and
// nobody has one of another linkage; a batch is repeated byte for byte.
func TestTokens(t *testing.T) {
	w := newWorld(t, "a", 3)
	one, two := NewSeed(), NewSeed()
	a := w.tokens(t, one, 1, "x", "y", "z")
	b := w.tokens(t, two, 7, "z", "w", "x")
	if a[0] != b[2] || a[2] != b[0] {
		t.Error("one id has two tokens")
	}
	seen := map[Token]bool{}
	for _, token := range append(a, b[1]) {
		if seen[token] {
			t.Error("two ids have one token")
		}
		seen[token] = true
	}
	if c := newWorld(t, "b", 3).tokens(t, one, 1, "x"); c[0] == a[0] {
		t.Error("a token of another linkage")
	}
	again := func(seed Seed, number uint64, ids ...string) []byte {
		batch, err := w.context.Blind(seed, number, ids)
		if err != nil {
			t.Fatal(err)
		}
		return batch.Points
	}
	first := again(one, 1, "x", "y")
	if !bytes.Equal(first, again(one, 1, "x", "y")) {
		t.Error("a batch that is repeated differs")
	}
	for i, other := range [][]byte{again(two, 1, "x", "y"), again(one, 2, "x", "y"), again(one, 1, "y", "x")} {
		if bytes.Equal(first[:PointSize], other[:PointSize]) || bytes.Equal(first[PointSize:], other[PointSize:]) {
			t.Errorf("case %d: one point under another seed, number or place", i)
		}
	}
	k := w.keys[0]
	read, err := ParseKey(w.context, k.member, k.Marshal())
	if err != nil || read.Commitment() != k.Commitment() {
		t.Errorf("a key that is read again commits to another share: %v", err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", k, k, k), fmt.Sprintf("%v %+v %#v %s", one, one, one, one)} {
		if !strings.Contains(text, "redacted") || strings.Contains(text, hex.EncodeToString(one[:4])) {
			t.Errorf("a secret is printed: %s", text)
		}
	}
}

// TestForgedReveals: a share is taken only as it was committed to, for its network, linkage and member, from who knows it.
func TestForgedReveals(t *testing.T) {
	w := newWorld(t, "a", 3)
	honest := w.keys[0]
	good := honest.Reveal()
	// A rogue sees the others' shares and chooses its own so that the sum is one that it knows: r·G − the others'.
	rogue := NewKey(w.context, honest.member)
	chosen := curve.NewElement().Add(rogue.public, curve.NewElement().Neg(w.shares[1].point))
	early := rogue.Commitment()
	point := encodePoint(chosen)
	late := commitment(w.context, honest.member, point, rogue.nonce)
	for name, c := range map[string]struct {
		change    func(*Reveal)
		context   Context
		member    Member
		committed engine.Digest
	}{
		"another share than committed to": {change: func(r *Reveal) { *r = NewKey(w.context, honest.member).Reveal() }},
		"another nonce":                   {change: func(r *Reveal) { r.Nonce[3] ^= 1 }},
		"another's commitment":            {committed: w.keys[1].Commitment()},
		"another member":                  {member: w.keys[1].member, committed: commitment(w.context, w.keys[1].member, good.Public, good.Nonce)},
		"another linkage": {context: Context{w.context.Network, engine.Hash("b")},
			committed: commitment(Context{w.context.Network, engine.Hash("b")}, honest.member, good.Public, good.Nonce)},
		"another network": {context: Context{engine.Hash("n"), w.context.Linkage},
			committed: commitment(Context{engine.Hash("n"), w.context.Linkage}, honest.member, good.Public, good.Nonce)},
		"another proof":       {change: func(r *Reveal) { r.Proof[40] ^= 1 }},
		"a proof not reduced": {change: func(r *Reveal) { r.Proof[63] |= 0xe0 }},
		"rogue, after its own commitment": {committed: early, change: func(r *Reveal) {
			*r = rogue.Reveal()
			r.Public = point
		}},
		"rogue, were shares shown before all commit": {committed: late, change: func(r *Reveal) {
			*r = rogue.Reveal()
			r.Public = point
		}},
		"the identity": {change: func(r *Reveal) { r.Public = [PointSize]byte{} },
			committed: commitment(w.context, honest.member, [PointSize]byte{}, good.Nonce)},
	} {
		r := good
		if c.change != nil {
			c.change(&r)
		}
		if c.context == (Context{}) {
			c.context = w.context
		}
		if c.member == (Member{}) {
			c.member = honest.member
		}
		if c.committed == (engine.Digest{}) {
			c.committed = honest.Commitment()
		}
		if _, err := r.Check(c.context, c.member, c.committed); !errors.Is(err, ErrProof) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: taken (%v)", name, err)
		}
	}
	if _, err := good.Check(w.context, honest.member, honest.Commitment()); err != nil {
		t.Error(err)
	}
	against := Public{Member: Member{1}, point: curve.NewElement().Neg(w.shares[0].point)}
	for name, shares := range map[string][]Public{"shares that cancel": {w.shares[0], against}, "a share twice": {w.shares[0], w.shares[0]}, "none": nil} {
		if Whole(shares) == nil {
			t.Errorf("%s: a key", name)
		}
	}
}

// TestForgedAnswers: each way in which a member's answer is not its share of this batch's evaluation.
func TestForgedAnswers(t *testing.T) {
	w, other := newWorld(t, "a", 2), newWorld(t, "b", 2)
	batch, err := w.context.Blind(NewSeed(), 1, []string{"x", "y", "z"})
	if err != nil {
		t.Fatal(err)
	}
	evaluate := func(k *Key, points []byte) []byte {
		b, err := k.Evaluate(points)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := evaluate(w.keys[0], batch.Points)
	second, err := w.context.Blind(NewSeed(), 2, []string{"x", "y", "z"})
	if err != nil {
		t.Fatal(err)
	}
	swapped := slices.Concat(good[32:64], good[:32], good[64:])
	stranger := *w.keys[0]
	stranger.context = other.context // its own key, under the other linkage's string
	impostor := *w.keys[1]
	impostor.member = w.keys[0].member
	for name, answer := range map[string][]byte{
		"another member's key":               evaluate(w.keys[1], batch.Points),
		"another key in the own name":        evaluate(&impostor, batch.Points),
		"another batch":                      evaluate(w.keys[0], second.Points),
		"another batch's proof":              append(slices.Clone(good[:96]), evaluate(w.keys[0], second.Points)[96:]...),
		"a proof of another linkage":         evaluate(&stranger, batch.Points),
		"two points swapped":                 swapped,
		"a point of one's own":               append(slices.Clone(batch.Points[:32]), good[32:]...),
		"the points themselves":              append(slices.Clone(batch.Points), good[96:]...),
		"the identity":                       append(make([]byte, 32), good[32:]...),
		"a point short":                      slices.Concat(good[:64], good[96:]),
		"a byte more":                        append(slices.Clone(good), 0),
		"nothing":                            nil,
		"the proof's first half not reduced": flip(good, 96+31, 0xe0),
		"its second not reduced":             flip(good, 96+63, 0xe0),
		"another challenge":                  flip(good, 96, 1),
		"another response":                   flip(good, 96+32, 1),
		"not canonical":                      append(bytes.Repeat([]byte{0xff}, 32), good[32:]...),
	} {
		if _, err := batch.Check(w.context, w.shares[0], answer); !errors.Is(err, ErrProof) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: taken (%v)", name, err)
		}
	}
	a, err := batch.Check(w.context, w.shares[0], good)
	if err != nil {
		t.Fatal(err)
	}
	b, err := batch.Check(w.context, w.shares[1], evaluate(w.keys[1], batch.Points))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := second.Check(w.context, w.shares[1], evaluate(w.keys[1], second.Points))
	if err != nil {
		t.Fatal(err)
	}
	for name, answers := range map[string][]*Answer{"one missing": {a}, "one twice": {a, a}, "of another batch": {a, foreign}, "nil": {a, nil}, "both": {b, a}} {
		c, err := batch.Combine(w.shares)
		if err != nil {
			t.Fatal(err)
		}
		refused := error(nil)
		for _, answer := range answers {
			refused = errors.Join(refused, c.Add(answer))
		}
		if _, err := c.Tokens(); (errors.Join(refused, err) == nil) != (name == "both") {
			t.Errorf("%s: %v, %v", name, refused, err)
		}
	}
	if _, err := batch.Combine(w.shares[:1]); err != nil {
		t.Error(err)
	}
}

func flip(b []byte, at int, bits byte) []byte {
	b = slices.Clone(b)
	b[at] ^= bits
	return b
}

// badPoints are encodings that RFC 9496, appendix A.3, says are refused, one of each kind.
var badPoints = []string{
	"00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", // non-canonical field elements
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0100000000000000000000000000000000000000000000000000000000000000", // negative field elements
	"01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
	"26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371", // non-square x^2
	"3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e", // negative xy
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // s = −1, which causes y = 0
	"0000000000000000000000000000000000000000000000000000000000000000", // the identity
}

func TestBadPoints(t *testing.T) {
	w := newWorld(t, "a", 1)
	good := encodePoint(w.shares[0].point)
	for _, text := range badPoints {
		if _, err := w.keys[0].Evaluate(append(slices.Clone(good[:]), unhex(t, text)...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: evaluated (%v)", text, err)
		}
	}
	for _, n := range []int{0, 1, 31, 33, (MaxBatch + 1) * PointSize} {
		if _, err := w.keys[0].Evaluate(make([]byte, n)); !errors.Is(err, ErrMalformed) {
			t.Errorf("a batch of %d bytes is evaluated (%v)", n, err)
		}
	}
	for _, ids := range [][]string{nil, {"x", "x"}, {""}, {strings.Repeat("x", MaxID+1)}} {
		if _, err := w.context.Blind(NewSeed(), 1, ids); err == nil {
			t.Errorf("%d ids are blinded", len(ids))
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, KeySize), bytes.Repeat([]byte{0xff}, KeySize), make([]byte, KeySize+1)} {
		if _, err := ParseKey(w.context, Member{}, bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("a key of %d bytes is read (%v)", len(bad), err)
		}
	}
}
