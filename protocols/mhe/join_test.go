package mhe

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// crossing is a join of two sides in one test: what its plan says in public, and what the departments hold.
type crossing struct {
	positions              int
	multipliers, encrypted []int     // the departments of each side; all of the committee give shares
	vectors                []bounded // of the encrypted side; the first counts the rows of each person, or is 1
	weights                []bounded // of the multipliers; the first is the indicator of persons, 0 or 1
	targets                [][]summand
}

// bounded is a vector with each department's entries.
type bounded struct {
	Vector
	entries map[int][]int64
}

// summand is factor·⟨weight, vector⟩.
type summand struct {
	factor         int64
	weight, vector int
}

// expected are the targets over all departments' plain entries.
func (x *crossing) expected() []*big.Int {
	var out []*big.Int
	for _, terms := range x.targets {
		sum := new(big.Int)
		for _, t := range terms {
			for _, a := range x.multipliers {
				for _, b := range x.encrypted {
					for i, w := range x.weights[t.weight].entries[a] {
						product := new(big.Int).Mul(big.NewInt(w), big.NewInt(x.vectors[t.vector].entries[b][i]))
						sum.Add(sum, product.Mul(product, big.NewInt(t.factor)))
					}
				}
			}
		}
		out = append(out, sum)
	}
	return out
}

// opened gives a draft's message to those who check it: with its proof where the committee has keys.
func (c *committee) opened(t testing.TB, draft *Draft, err error, verify func([]byte) (Ciphertext, error), fields ...field) Ciphertext {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if c.keys == nil {
		polys, _, err := splitBlob(append(draft.body, make([]byte, circuits.ProofSize)...), fields...)
		if err != nil {
			t.Fatal(err)
		}
		return Ciphertext{C0: polys[0], C1: polys[1]}
	}
	blob, err := draft.Prove(c.keys)
	if err != nil {
		t.Fatal(err)
	}
	ct, err := verify(blob)
	if err != nil {
		t.Fatal(err)
	}
	return ct
}

// encrypt makes the vectors of all encrypted departments, and sums them.
func (x *crossing) encrypt(t testing.TB, c *committee) [][]Ciphertext {
	var sums [][]Ciphertext
	for _, v := range x.vectors {
		var side [][]Ciphertext
		for _, d := range x.encrypted {
			var chunks []Ciphertext
			for chunk := range c.p.Chunks(x.positions) {
				b := testBinding(d)
				b.Index = uint32(chunk)
				draft, err := DraftVector(c.p, b, c.key, v.Vector, v.entries[d], chunk)
				chunks = append(chunks, c.opened(t, draft, err, func(blob []byte) (Ciphertext, error) {
					return VerifyVector(c.keys.Verifying(), b, c.key, v.Vector, chunk, blob)
				}, limbs(c.p), whole(c.p)))
			}
			side = append(side, chunks)
		}
		sum, err := CombineVectors(c.p, side)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	return sums
}

// multiply makes the products of all multipliers: for each weight and vector that a target has, all parts.
func (x *crossing) multiply(t testing.TB, c *committee, vectors [][]Ciphertext) map[[2]int][]Ciphertext {
	products := map[[2]int][]Ciphertext{}
	for _, d := range x.multipliers {
		for part := range c.p.Products(x.positions) {
			first := part * c.p.ProductChunks() * c.p.Limbs()
			of := func(weight int) []int64 {
				return x.weights[weight].entries[d][first:min(first+c.p.ProductChunks()*c.p.Limbs(), x.positions)]
			}
			b := testBinding(d)
			b.Index = uint32(part)
			draft, kept, err := DraftProduct(c.p, b, c.key, Part(c.p, vectors[0], part), of(0))
			persons := c.opened(t, draft, err, func(blob []byte) (Ciphertext, error) {
				return VerifyProduct(c.keys.Verifying(), b, c.key, Part(c.p, vectors[0], part), nil, blob)
			}, target(c.p), whole(c.p))
			pin := Pin{Vector: Part(c.p, vectors[0], part), Product: persons}
			made := map[[2]int]bool{}
			for _, terms := range x.targets {
				for _, s := range terms {
					key := [2]int{s.weight, s.vector}
					if !made[key] {
						made[key] = true
						products[key] = append(products[key], x.product(t, c, b, key, Part(c.p, vectors[s.vector], part), of(s.weight), pin, kept))
					}
				}
			}
			kept.Erase()
		}
	}
	return products
}

// product is the one of a weight and a vector: that of persons itself, one by the same indicator, or a weighted one.
func (x *crossing) product(t testing.TB, c *committee, b circuits.Binding, key [2]int, vector []Ciphertext, weights []int64, pin Pin, kept Indicator) Ciphertext {
	b.Index += uint32(1000 * (key[0]*len(x.vectors) + key[1]))
	fields := []field{target(c.p), whole(c.p)}
	switch {
	case key == [2]int{0, 0}:
		return pin.Product
	case key[0] == 0:
		draft, err := DraftPinnedProduct(c.p, b, c.key, vector, pin, kept)
		return c.opened(t, draft, err, func(blob []byte) (Ciphertext, error) {
			return VerifyProduct(c.keys.Verifying(), b, c.key, vector, &pin, blob)
		}, fields...)
	}
	lo := x.weights[key[0]].Lo
	draft, err := DraftWeightedProduct(c.p, b, c.key, vector, weights, lo, pin, kept)
	return c.opened(t, draft, err, func(blob []byte) (Ciphertext, error) {
		return VerifyWeightedProduct(c.keys.Verifying(), b, c.key, vector, lo, pin, blob)
	}, fields...)
}

// sums are the targets' ciphertexts.
func (x *crossing) sums(t testing.TB, c *committee) []Ciphertext {
	products := x.multiply(t, c, x.encrypt(t, c))
	var sums []Ciphertext
	for _, terms := range x.targets {
		var list []Ciphertext
		var factors []int64
		for _, s := range terms {
			for _, product := range products[[2]int{s.weight, s.vector}] {
				list, factors = append(list, product), append(factors, s.factor)
			}
		}
		sum, err := CombineProducts(c.p, list, factors)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	return sums
}

// release has all members share the slots.
func (c *committee) release(t testing.TB, slots []Slot) []Release {
	var shares []Release
	for i := range c.secrets {
		draft, err := DraftRelease(c.p, testBinding(i), c.secrets[i], c.owns[i], slots, c.analyst)
		share := c.opened(t, draft, err, func(blob []byte) (Ciphertext, error) {
			out, err := VerifyRelease(c.keys.Verifying(), testBinding(i), c.owns[i], slots, c.analyst, blob)
			return Ciphertext{C0: out.H0, C1: out.H1}, err
		}, words(c.p, len(slots)), whole(c.p))
		shares = append(shares, Release{H0: share.C0, H1: share.C1})
	}
	return shares
}

// noise is that of the targets by the conditions of circuits.
func (x *crossing) noise(t testing.TB, c *committee) *big.Int {
	t.Helper()
	j := circuits.Joint{Positions: x.positions, Multipliers: len(x.multipliers), Encrypted: len(x.encrypted), Members: len(c.secrets)}
	for _, terms := range x.targets {
		var list []circuits.JointTerm
		for _, s := range terms {
			w, v := x.weights[s.weight], x.vectors[s.vector]
			list = append(list, circuits.JointTerm{Factor: s.factor, Alpha: max(w.Hi, -w.Lo), Beta: max(v.Hi, -v.Lo), Indicator: s.weight == 0})
		}
		j.Targets = append(j.Targets, list)
	}
	fit, err := c.p.Joint(j)
	if err != nil {
		t.Fatal(err)
	}
	return fit.Noise
}

// answer runs the join and returns its targets. With another secret, or a share fewer, nothing decrypts: of six targets or more
// one's noise passes the bound, which is 2^9 below ⌊Q/t⌋ at the least.
func (x *crossing) answer(t testing.TB, c *committee) []int64 {
	t.Helper()
	slots, noise := Targets(c.p, x.sums(t, c)), x.noise(t, c)
	shares := c.release(t, slots)
	out, err := DecryptRelease(c.p, c.analystSecret, slots, shares, noise)
	if err != nil {
		t.Fatal(err)
	}
	if len(slots) >= 6 {
		if _, err := DecryptRelease(c.p, c.secrets[0], slots, shares, noise); !errors.Is(err, ErrNoise) {
			t.Errorf("another secret: %v", err)
		}
		if _, err := DecryptRelease(c.p, c.analystSecret, slots, shares[1:], noise); !errors.Is(err, ErrNoise) {
			t.Errorf("a share fewer: %v", err)
		}
	}
	return out
}

func (x *crossing) check(t testing.TB, c *committee) {
	t.Helper()
	got := x.answer(t, c)
	for k, want := range x.expected() {
		if want.Cmp(big.NewInt(got[k])) != 0 {
			t.Errorf("target %d is %d, not %d", k, got[k], want)
		}
	}
}

// randomCrossing draws each department's entries: of the positions that chance picks, all others being 0.
func randomCrossing(r *rand.Rand, positions int, multipliers, encrypted []int, present float64) *crossing {
	x := &crossing{positions: positions, multipliers: multipliers, encrypted: encrypted}
	draw := func(departments []int, lo, hi int64, of *bounded) bounded {
		b := bounded{Vector{Positions: positions, Lo: lo, Hi: hi}, map[int][]int64{}}
		for _, d := range departments {
			entries := make([]int64, positions)
			for i := range entries {
				switch {
				case of == nil && r.Float64() < present:
					entries[i] = 1
				case of != nil && of.entries[d][i] == 1:
					entries[i] = lo + r.Int64N(hi-lo+1)
				}
			}
			b.entries[d] = entries
		}
		return b
	}
	x.vectors = append(x.vectors, draw(encrypted, 0, 1, nil))
	x.vectors = append(x.vectors, draw(encrypted, 0, 3, &x.vectors[0]), draw(encrypted, -4, 4, &x.vectors[0]))
	x.weights = append(x.weights, draw(multipliers, 0, 1, nil))
	x.weights = append(x.weights, draw(multipliers, 0, 3, &x.weights[0]), draw(multipliers, -2, 5, &x.weights[0]))
	x.targets = [][]summand{
		{{1, 0, 0}},                        // persons
		{{1, 1, 1}},                        // rows
		{{1, 1, 2}},                        // a sum of the encrypted side's
		{{1, 2, 2}},                        // of products
		{{1, 2, 1}, {-3, 1, 2}},            // sum(x − 3·y)
		{{2, 0, 1}, {-1, 1, 0}, {1, 0, 2}}, // with the indicator
	}
	return x
}

// TestJoinIsExact: five departments, of which 0, 1 and 4 encrypt and 2, 3 and 4 multiply; all share. The answer is the sum over
// all pairs of departments, to the last digit: of one person and of several proofs, nobody's, half and everybody's, and
// with proofs of every message.
func TestJoinIsExact(t *testing.T) {
	c := unproven(t, tiny.Joined(), 5)
	r := rand.New(rand.NewPCG(1, 2))
	for _, positions := range []int{1, 16, 17, 150} {
		for _, present := range []float64{0, 0.5, 1} {
			t.Run(fmt.Sprintf("%d positions, %v present", positions, present), func(t *testing.T) {
				randomCrossing(r, positions, []int{2, 3, 4}, []int{0, 1, 4}, present).check(t, c)
			})
		}
	}
	if testing.Short() {
		t.Skip("proofs")
	}
	proven := committeeOf(t, tiny.JoinedKeys(), 5)
	small := randomCrossing(r, 15, []int{2, 3, 4}, []int{0, 1, 4}, 0.5)
	t.Run("every kind of target, proven", func(t *testing.T) { small.check(t, proven) })
	large := randomCrossing(r, 130, []int{2, 3, 4}, []int{0, 1, 4}, 0.5)
	large.vectors, large.targets = large.vectors[:1], [][]summand{{{1, 2, 0}, {-2, 0, 0}}}
	t.Run("several proofs a target, proven", func(t *testing.T) { large.check(t, proven) })
}

// TestPowersReadBits shows what neither proofs nor a smallest count prevent: that one side gives twelve persons whom it picks another power
// of two each, within its bounds, and nobody else any. Its proofs verify; twelve persons are counted, eleven of whom it may know already;
// and the one number that the analyst gets is the other side's twelve entries of 0 or 1. It makes no difference which side multiplies.
func TestPowersReadBits(t *testing.T) {
	const picked = 12
	c := unproven(t, tiny.Joined(), 3)
	if !testing.Short() {
		c = committeeOf(t, tiny.JoinedKeys(), 3)
	}
	r := rand.New(rand.NewPCG(5, 6))
	x := &crossing{positions: 30, multipliers: []int{1}, encrypted: []int{0}, targets: [][]summand{{{1, 0, 0}}, {{1, 1, 1}}, {{1, 2, 2}}}}
	of := func(d int, hi int64) bounded {
		return bounded{Vector{Positions: x.positions, Hi: hi}, map[int][]int64{d: make([]int64, x.positions)}}
	}
	x.vectors = []bounded{of(0, 1), of(0, 1), of(0, 1<<picked)}
	x.weights = []bounded{of(1, 1), of(1, 1<<picked), of(1, 1)}
	for i := range x.positions {
		x.vectors[0].entries[0][i] = 1 // everybody has a row
		x.vectors[1].entries[0][i] = r.Int64N(2)
	}
	persons := r.Perm(x.positions)[:picked]
	for bit, i := range persons {
		x.weights[0].entries[1][i] = 1
		x.weights[1].entries[1][i] = 1 << bit // the multiplier picks
		x.weights[2].entries[1][i] = r.Int64N(2)
		x.vectors[2].entries[0][i] = 1 << bit // the other side does
	}
	answer := x.answer(t, c)
	if answer[0] != picked {
		t.Errorf("%d persons are counted", answer[0])
	}
	for bit, i := range persons {
		if got := answer[1] >> bit & 1; got != x.vectors[1].entries[0][i] {
			t.Errorf("person %d's entry reads as %d", i, got)
		}
		if got := answer[2] >> bit & 1; got != x.weights[2].entries[1][i] {
			t.Errorf("person %d's weight reads as %d", i, got)
		}
	}
}

// TestIndicatorEncoding: an indicator has one encoding, of which no bit is free, and does not print.
func TestIndicatorEncoding(t *testing.T) {
	c := unproven(t, tiny.Params(), 1)
	p := c.p
	vector := []Ciphertext{{p.CRS([]byte("C0")), p.CRS([]byte("C1"))}}
	draft, x, err := DraftProduct(p, testBinding(0), c.key, vector, []int64{1, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := x.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseIndicator(p, b)
	if err != nil || !slices.Equal(again.bits, x.bits) || !slices.Equal(again.u, x.u) || !slices.Equal(again.e1, x.e1) {
		t.Fatal("round trip", err)
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 0xff
		if y, err := ParseIndicator(p, bad); err == nil {
			if same, err := y.MarshalBinary(); err != nil || !bytes.Equal(same, bad) {
				t.Errorf("byte %d is free", i)
			}
		}
	}
	for _, bad := range [][]byte{nil, b[1:], append(slices.Clone(b), 0)} {
		if _, err := ParseIndicator(p, bad); err == nil {
			t.Errorf("%d bytes accepted", len(bad))
		}
	}
	bits := len(x.bits) / 8
	for at, v := range map[int]byte{bits: 3, bits + p.N()/4: 2*circuits.ErrorBound + 1} {
		bad := slices.Clone(b)
		bad[at] = v
		if _, err := ParseIndicator(p, bad); err == nil {
			t.Errorf("byte %d is %d and accepted", at, v)
		}
	}
	for _, secret := range []any{x, draft} {
		for _, text := range []string{fmt.Sprint(secret), fmt.Sprintf("%+v", secret), fmt.Sprintf("%#v", secret)} {
			if strings.Contains(text, "0") || strings.Contains(text, "1") {
				t.Errorf("a secret prints as %q", text)
			}
		}
	}
	x.Erase()
	if slices.Max(x.bits) != 0 || slices.ContainsFunc(slices.Concat(x.u, x.e1), func(v int64) bool { return v != 0 }) {
		t.Error("not erased")
	}
}

// TestJoinsAreChecked: what does not fit together is refused before anything is drawn.
func TestJoinsAreChecked(t *testing.T) {
	c := unproven(t, tiny.Params(), 1)
	p, b := c.p, testBinding(0)
	chunk := Ciphertext{p.CRS([]byte("C0")), p.CRS([]byte("C1"))}
	many := slices.Repeat([]Ciphertext{chunk}, p.ProductChunks()+1)
	_, kept, err := DraftProduct(p, b, c.key, many[:1], []int64{1})
	if err != nil {
		t.Fatal(err)
	}
	pin := Pin{Vector: many[:1], Product: chunk}
	vector := func(v Vector, entries, chunk int) error {
		_, err := DraftVector(p, b, c.key, v, make([]int64, entries), chunk)
		return err
	}
	product := func(vector []Ciphertext, entries int) error {
		_, _, err := DraftProduct(p, b, c.key, vector, make([]int64, entries))
		return err
	}
	_, _, twice := DraftProduct(p, b, c.key, many[:1], []int64{0, 2}) // whose encoding would be another indicator's
	_, _, negative := DraftProduct(p, b, c.key, many[:1], []int64{-1})
	pinned := func(vector []Ciphertext, pin Pin, kept Indicator) error {
		_, err := DraftPinnedProduct(p, b, c.key, vector, pin, kept)
		return err
	}
	weighted := func(vector []Ciphertext, entries int, pin Pin, kept Indicator) error {
		_, err := DraftWeightedProduct(p, b, c.key, vector, make([]int64, entries), 0, pin, kept)
		return err
	}
	combined := func(products []Ciphertext, factors ...int64) error {
		_, err := CombineProducts(p, products, factors)
		return err
	}
	vectors := func(v ...[]Ciphertext) error {
		_, err := CombineVectors(p, v)
		return err
	}
	release := func(slots []Slot, sk SecretKey) error {
		_, err := DraftRelease(p, b, sk, c.owns[0], slots, c.analyst)
		return err
	}
	decrypted := func(sk SecretKey, sums []Ciphertext) error {
		_, err := DecryptRelease(p, sk, Targets(p, sums), nil, p.Q())
		return err
	}
	other := SecretKey{make([]int64, p.N())}
	for name, err := range map[string]error{
		"no positions": vector(Vector{}, 0, 0), "too many positions": vector(Vector{Positions: MaxPositions + 1}, 0, 0),
		"bounds above 0": vector(Vector{1, 1, 2}, 1, 0), "bounds below 0": vector(Vector{1, -2, -1}, 1, 0),
		"chunk before": vector(Vector{Positions: 17}, 17, -1), "chunk after": vector(Vector{Positions: 17}, 17, 2),
		"another length": vector(Vector{Positions: 17}, 16, 0),
		"no chunks":      product(nil, 0), "too many chunks": product(many, 1), "too many entries": product(many[:1], p.Limbs()+1),
		"an indicator of 2": twice, "an indicator of −1": negative,
		"pin of other chunks": pinned(many[:2], pin, kept), "no indicator": pinned(many[:1], pin, Indicator{}),
		"weights of others": weighted(many[:1], p.Limbs()+1, pin, kept), "weights without indicator": weighted(many[:1], 1, pin, Indicator{}),
		"no products": combined(nil), "factors": combined(many, 1),
		"no vectors": vectors(), "vectors of two lengths": vectors(many, many[1:]),
		"no slots": release(nil, c.secrets[0]), "too many slots": release(make([]Slot, p.Limbs()+1), c.secrets[0]),
		"no secret": release(Targets(p, many[:1]), SecretKey{}), "another secret": release(Targets(p, many[:1]), other),
		"no opener": decrypted(SecretKey{}, many[:1]), "no slots to decrypt": decrypted(c.analystSecret, nil),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := vector(Vector{Positions: 17}, 17, 1); err != nil {
		t.Error(err)
	}
}
