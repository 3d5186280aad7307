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
		out, err := batch.combine([]Public{member}, []*Answer{checked})
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

func newWorld(t *testing.T, name string, members int) *world {
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
	var answers []*Answer
	for i, k := range w.keys {
		raw, err := k.Evaluate(batch.Points)
		if err != nil {
			t.Fatal(err)
		}
		a, err := batch.Check(w.context, w.shares[i], raw)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	tokens, err := batch.Combine(w.shares, answers)
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
	for name, answers := range map[string][]*Answer{"one missing": {a}, "one twice": {a, a}, "in another order": {b, a}, "of another batch": {a, foreign}, "nil": {a, nil}} {
		if _, err := batch.Combine(w.shares, answers); err == nil {
			t.Errorf("%s: tokens", name)
		}
	}
	if _, err := batch.Combine(w.shares, []*Answer{a, b}); err != nil {
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

// TestCanonical: one person's number has one spelling, and nothing else is made alike.
func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"11010519491231002X":    "11010519491231002X",
		" 11010519491231002x\t": "11010519491231002X",
		"\u3000１１０１０５１９４９１２３１００２ｘ": "11010519491231002X",
		"91350100m000100y43": "91350100M000100Y43",
		"abc":                "abc",
		"Abc ":               "Abc",
		"１２－３":               "12-3",
		"a b":                "a b",
		"0012":               "0012",
	} {
		got, ok := Canonical(in)
		if !ok || got != want {
			t.Errorf("%q is %q (%v), want %q", in, got, ok, want)
		}
		if again, ok := Canonical(got); !ok || again != got {
			t.Errorf("%q is not its own canonical spelling", got)
		}
	}
	for _, in := range []string{"", "  ", "\u3000", "\xff", strings.Repeat("x", MaxID+1)} {
		if got, ok := Canonical(in); ok {
			t.Errorf("%q is an id, %q", in, got)
		}
	}
	for id, want := range map[string]Checked{
		"11010519491231002X": CheckRight, "440524188001010014": CheckRight, "110105194912310021": CheckWrong,
		"91350100M000100Y43": CheckRight, "91350100M000100Y44": CheckWrong, "91350100I000100Y43": NoCheck, "1234": NoCheck, "11010519491231002A": CheckWrong,
	} {
		if got := Check(id); got != want {
			t.Errorf("check of %s: %d, want %d", id, got, want)
		}
	}
}

// TestSpine: positions are those of the tokens over all blocks; a block that is not one is refused.
func TestSpine(t *testing.T) {
	token := func(i int) (t Token) { t[0], t[15] = byte(i>>8), byte(i); return t }
	block := func(at ...int) []byte {
		tokens := make([]Token, len(at))
		for i := range at {
			tokens[i] = token(at[i])
		}
		b, err := EncodeBlock(tokens)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	place := func(own []int, blocks ...[]byte) ([]uint32, int, error) {
		tokens := make([]Token, len(own))
		for i := range own {
			tokens[i] = token(own[i])
		}
		p, err := NewPlacing(tokens)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			if err := p.Add(b, len(b)/TokenSize); err != nil {
				return nil, 0, err
			}
		}
		positions, placed := p.Positions()
		return positions, placed, nil
	}
	first, appended := block(5, 300, 7, 9000), block(8, 6)
	positions, placed, err := place([]int{8, 5, 4, 9000, 10000, 6}, first, appended)
	if err != nil || placed != 4 || !slices.Equal(positions, []uint32{5, 0, Unplaced, 3, Unplaced, 4}) {
		t.Errorf("positions %v, %d placed, %v", positions, placed, err)
	}
	if _, _, err := place([]int{7}, first, block(6, 7)); !errors.Is(err, ErrSpine) {
		t.Errorf("one person at two positions: %v", err)
	}
	if _, err := EncodeBlock([]Token{token(1), token(1)}); err == nil {
		t.Error("a block with a token twice is made")
	}
	if _, err := NewPlacing([]Token{token(1), token(1)}); err == nil {
		t.Error("two keys of one token are placed")
	}
	for name, c := range map[string]struct {
		block []byte
		count int
	}{
		"out of order": {slices.Concat(first[16:32], first[:16], first[32:]), 4},
		"twice":        {slices.Concat(first[:16], first[:16]), 2},
		"short":        {first, 5},
		"long":         {first, 3},
		"none":         {nil, 0},
		"negative":     {nil, -1},
		"too many":     {make([]byte, TokenSize*4), MaxBlock + 1},
	} {
		if err := CheckBlock(c.block, c.count); !errors.Is(err, ErrSpine) {
			t.Errorf("%s: a block (%v)", name, err)
		}
	}
}

// FuzzAnswer: a member's bytes never panic, and are taken only if they are its honest answer.
func FuzzAnswer(f *testing.F) {
	t := &testing.T{}
	w := newWorld(t, "a", 1)
	batch, err := w.context.Blind(Seed{1}, 1, []string{"x"})
	if err != nil {
		f.Fatal(err)
	}
	good, err := w.keys[0].Evaluate(batch.Points)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:32])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := batch.Check(w.context, w.shares[0], b); err == nil && !bytes.Equal(b[:32], good[:32]) {
			t.Error("another evaluation is taken")
		}
	})
}

// FuzzPoints: a department's bytes never panic, and what is evaluated is their one encoding.
func FuzzPoints(f *testing.F) {
	w := newWorld(&testing.T{}, "a", 1)
	good := encodePoint(w.shares[0].point)
	f.Add(good[:])
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4*PointSize {
			return
		}
		points, err := decodePoints(b)
		if err != nil {
			return
		}
		for i, p := range points {
			if again := encodePoint(p); !bytes.Equal(again[:], b[PointSize*i:PointSize*(i+1)]) || p.IsIdentity() {
				t.Error("a point with two encodings, or the identity")
			}
		}
	})
}

// FuzzReveal: a reveal never panics, and no other bytes are taken for the committed share.
func FuzzReveal(f *testing.F) {
	w := newWorld(&testing.T{}, "a", 1)
	k := w.keys[0]
	good := k.Reveal()
	f.Add(good.Public[:], good.Nonce[:], good.Proof[:])
	f.Fuzz(func(t *testing.T, public, nonce, proof []byte) {
		var r Reveal
		copy(r.Public[:], public)
		copy(r.Nonce[:], nonce)
		copy(r.Proof[:], proof)
		if _, err := r.Check(w.context, k.member, k.Commitment()); err == nil && (r.Public != good.Public || r.Nonce != good.Nonce) {
			t.Error("another share is taken")
		}
	})
}

// FuzzCanonical: a spelling is its own canonical one.
func FuzzCanonical(f *testing.F) {
	f.Add("\u3000１１０１０５１９４９１２３１００２ｘ")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := Canonical(s); ok {
			if again, ok := Canonical(c); !ok || again != c {
				t.Errorf("%q becomes %q becomes %q", s, c, again)
			}
			Check(c)
		}
	})
}

// FuzzBlock: a block of a spine never panics, and is taken only in order.
func FuzzBlock(f *testing.F) {
	f.Add(make([]byte, 32), 2)
	f.Fuzz(func(t *testing.T, b []byte, count int) {
		p, err := NewPlacing([]Token{{1}, {2}})
		if err != nil {
			t.Fatal(err)
		}
		if p.Add(b, count) == nil && CheckBlock(b, count) != nil {
			t.Error("taken out of order")
		}
	})
}

// BenchmarkBatch measures the steps of a batch of 1,000 ids.
func BenchmarkBatch(b *testing.B) {
	w := newWorld(&testing.T{}, "a", 1)
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint("id ", i)
	}
	batch, err := w.context.Blind(Seed{}, 1, ids)
	if err != nil {
		b.Fatal(err)
	}
	answer, err := w.keys[0].Evaluate(batch.Points)
	if err != nil {
		b.Fatal(err)
	}
	checked, err := batch.Check(w.context, w.shares[0], answer)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"blind":    func() error { _, err := w.context.Blind(Seed{}, 1, ids); return err },
		"evaluate": func() error { _, err := w.keys[0].Evaluate(batch.Points); return err },
		"check":    func() error { _, err := batch.Check(w.context, w.shares[0], answer); return err },
		"combine":  func() error { _, err := batch.Combine(w.shares, []*Answer{checked}); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/id")
		})
	}
}
