package mhe

import (
	"errors"
	"slices"
	"testing"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// joinBench has verified vectors of two departments over two chunks, and department 1's products of them.
type joinBench struct {
	*committee
	vk      *circuits.VerifyingKeys
	b       circuits.Binding
	vectors [2][]Ciphertext
	pin     Pin
	kept    Indicator
}

func newJoinBench(t *testing.T) (*joinBench, []byte) {
	t.Helper()
	k := tiny.JoinedKeys()
	x := &joinBench{committee: committeeOf(t, k, 2), vk: k.Verifying(), b: testBinding(1)}
	x.b.Contributions = [][32]byte{{7}, {8}}
	v := Vector{Positions: 20, Lo: 0, Hi: 9}
	for i := range x.vectors {
		for chunk := range 2 {
			entries := slices.Repeat([]int64{int64(i + 1)}, 20)
			blob, err := NewVector(k, x.b, x.key, v, entries, chunk)
			if err != nil {
				t.Fatal(err)
			}
			ct, err := VerifyVector(x.vk, x.b, x.key, v, chunk, blob)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := VerifyVector(x.vk, x.b, x.key, v, 1-chunk, blob); !errors.Is(err, circuits.ErrProof) {
				t.Errorf("chunk %d as the other: %v", chunk, err)
			}
			x.vectors[i] = append(x.vectors[i], ct)
		}
	}
	draft, kept, err := DraftProduct(x.p, x.b, x.key, x.vectors[0], indicated())
	if err != nil {
		t.Fatal(err)
	}
	blob, err := draft.Prove(k)
	if err != nil {
		t.Fatal(err)
	}
	persons, err := VerifyProduct(x.vk, x.b, x.key, x.vectors[0], nil, blob)
	if err != nil {
		t.Fatal(err)
	}
	x.pin, x.kept = Pin{x.vectors[0], persons}, kept
	return x, blob
}

// indicated are the positions that department 1 counts.
func indicated() []int64 {
	out := make([]int64, 20)
	out[0], out[3], out[17] = 1, 1, 1
	return out
}

// TestJoinProofsAreBound: of each message of a join, nothing of what it is about can be exchanged, left out or turned around, and no
// blob of another length or with a residue that is none is decoded.
func TestJoinProofsAreBound(t *testing.T) {
	if testing.Short() {
		t.Skip("proofs")
	}
	x, personsBlob := newJoinBench(t)
	k, p := tiny.JoinedKeys(), x.p
	prove := func(draft *Draft, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		blob, err := draft.Prove(k)
		if err != nil {
			t.Fatal(err)
		}
		return blob
	}
	weights := make([]int64, 20)
	weights[0], weights[17] = 5, -3
	again := Indicator{slices.Clone(x.kept.bits), slices.Clone(x.kept.u), slices.Clone(x.kept.e1)}
	pinnedDraft, err := DraftPinnedProduct(p, x.b, x.key, x.vectors[1], x.pin, again)
	again.Erase() // which leaves the draft what it needs
	pinnedBlob := prove(pinnedDraft, err)
	weightedBlob := prove(DraftWeightedProduct(p, x.b, x.key, x.vectors[1], weights, -4, x.pin, x.kept))

	turned := func(v []Ciphertext) []Ciphertext { return []Ciphertext{v[1], v[0]} }
	plain := func(vector []Ciphertext, pin *Pin) func(circuits.Binding, []byte) error {
		return func(b circuits.Binding, blob []byte) error {
			_, err := VerifyProduct(x.vk, b, x.key, vector, pin, blob)
			return err
		}
	}
	weighted := func(vector []Ciphertext, lo int64, pin Pin) func(circuits.Binding, []byte) error {
		return func(b circuits.Binding, blob []byte) error {
			_, err := VerifyWeightedProduct(x.vk, b, x.key, vector, lo, pin, blob)
			return err
		}
	}
	pinned, err := VerifyProduct(x.vk, x.b, x.key, x.vectors[1], &x.pin, pinnedBlob)
	if err != nil {
		t.Fatal(err)
	}
	slots := Targets(p, []Ciphertext{x.pin.Product, pinned})
	releaseBlob := prove(DraftRelease(p, x.b, x.secrets[1], x.owns[1], slots, x.analyst))
	release := func(own PublicKey, slots []Slot, analyst PublicKey) func(circuits.Binding, []byte) error {
		return func(b circuits.Binding, blob []byte) error {
			_, err := VerifyRelease(x.vk, b, own, slots, analyst, blob)
			return err
		}
	}
	beside := slices.Clone(slots)
	beside[1].Coefficient -= p.Stride()
	otherPin := Pin{x.pin.Vector, pinned}

	for name, m := range map[string]struct {
		blob   []byte
		right  func(circuits.Binding, []byte) error
		wrong  []func(circuits.Binding, []byte) error
		others [][]byte
	}{
		"persons": {personsBlob, plain(x.vectors[0], nil), []func(circuits.Binding, []byte) error{
			plain(x.vectors[1], nil), plain(turned(x.vectors[0]), nil), plain(x.vectors[0][:1], nil), plain(x.vectors[0], &x.pin),
		}, [][]byte{pinnedBlob, weightedBlob}},
		"pinned": {pinnedBlob, plain(x.vectors[1], &x.pin), []func(circuits.Binding, []byte) error{
			plain(x.vectors[0], &x.pin), plain(turned(x.vectors[1]), &x.pin), plain(x.vectors[1], nil), plain(x.vectors[1], &otherPin),
			plain(x.vectors[1], &Pin{turned(x.pin.Vector), x.pin.Product}), weighted(x.vectors[1], 0, x.pin),
		}, [][]byte{personsBlob, weightedBlob}},
		"weighted": {weightedBlob, weighted(x.vectors[1], -4, x.pin), []func(circuits.Binding, []byte) error{
			weighted(x.vectors[0], -4, x.pin), weighted(turned(x.vectors[1]), -4, x.pin), weighted(x.vectors[1], -5, x.pin),
			weighted(x.vectors[1], -4, otherPin), plain(x.vectors[1], &x.pin),
		}, [][]byte{personsBlob, pinnedBlob}},
		"release": {releaseBlob, release(x.owns[1], slots, x.analyst), []func(circuits.Binding, []byte) error{
			release(x.owns[0], slots, x.analyst), release(x.owns[1], slots[:1], x.analyst), release(x.owns[1], beside, x.analyst),
			release(x.owns[1], []Slot{slots[1], slots[0]}, x.analyst), release(x.owns[1], slots, x.owns[0]),
		}, nil},
	} {
		if err := m.right(x.b, m.blob); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, wrong := range m.wrong {
			if err := wrong(x.b, m.blob); err == nil {
				t.Errorf("%s: verifies as number %d of what it is not", name, i)
			}
		}
		for i, other := range m.others {
			if err := m.right(x.b, other); !errors.Is(err, circuits.ErrProof) {
				t.Errorf("%s: number %d of other blobs verifies: %v", name, i, err)
			}
		}
		x.elsewhere(t, name, m.right, m.blob)
		x.strict(t, name, m.right, m.blob)
	}
}

// elsewhere replays a blob under each other binding.
func (x *joinBench) elsewhere(t *testing.T, name string, verify func(circuits.Binding, []byte) error, blob []byte) {
	t.Helper()
	for i, change := range []func(*circuits.Binding){
		func(b *circuits.Binding) { b.Network[0]++ }, func(b *circuits.Binding) { b.Epoch[0]++ }, func(b *circuits.Binding) { b.Query[0]++ },
		func(b *circuits.Binding) { b.Index++ }, func(b *circuits.Binding) { b.Department[0]++ },
		func(b *circuits.Binding) { b.Contributions = b.Contributions[:1] },
		func(b *circuits.Binding) { b.Contributions = [][32]byte{{8}, {7}} },
	} {
		b := x.b
		if change(&b); !errors.Is(verify(b, blob), circuits.ErrProof) {
			t.Errorf("%s: verifies under binding %d", name, i)
		}
	}
}

// strict gives blobs of other lengths, with residues or words that are none, and with one bit changed.
func (x *joinBench) strict(t *testing.T, name string, verify func(circuits.Binding, []byte) error, blob []byte) {
	t.Helper()
	high := slices.Clone(blob)
	copy(high, slices.Repeat([]byte{0xff}, 16))
	lateHigh := slices.Clone(blob)
	copy(lateHigh[len(blob)-circuits.ProofSize-8:], slices.Repeat([]byte{0xff}, 8))
	for i, bad := range [][]byte{nil, blob[1:], blob[:len(blob)-1], append(slices.Clone(blob), 0), high, lateHigh} {
		if err := verify(x.b, bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: malformed blob %d: %v", name, i, err)
		}
	}
	for at := 0; at < len(blob); at += 1 + len(blob)/8 {
		bad := slices.Clone(blob)
		if bad[at] ^= 1; verify(x.b, bad) == nil {
			t.Errorf("%s: byte %d is free", name, at)
		}
	}
}

// TestFalseEntriesAreNotProven: no proof is made of entries that are not within their bounds, of weights at positions that are not
// counted, or of an indicator that is not the pin's; and nothing that cannot be stated is verified.
func TestFalseEntriesAreNotProven(t *testing.T) {
	if testing.Short() {
		t.Skip("proofs")
	}
	x, blob := newJoinBench(t)
	k, p := tiny.JoinedKeys(), x.p
	at := func(i int, v int64) []int64 {
		out := make([]int64, 20)
		out[i] = v
		return out
	}
	weighted := func(i int, v int64) (*Draft, error) {
		return DraftWeightedProduct(p, x.b, x.key, x.vectors[1], at(i, v), -4, x.pin, x.kept)
	}
	other := Indicator{slices.Clone(x.kept.bits), x.kept.u, x.kept.e1}
	other.bits[1] = 1
	for name, draft := range map[string]func() (*Draft, error){
		"an entry above": func() (*Draft, error) {
			return DraftVector(p, x.b, x.key, Vector{20, 0, 9}, at(0, 10), 0)
		},
		"an entry below": func() (*Draft, error) {
			return DraftVector(p, x.b, x.key, Vector{20, 0, 9}, at(19, -1), 1)
		},
		"an indicator of 2": func() (*Draft, error) {
			d, _, err := DraftProduct(p, x.b, x.key, x.vectors[0], at(0, 2))
			return d, err
		},
		"an indicator of -1": func() (*Draft, error) {
			d, _, err := DraftProduct(p, x.b, x.key, x.vectors[0], at(0, -1))
			return d, err
		},
		"a weight below":     func() (*Draft, error) { return weighted(0, -5) },
		"a weight above":     func() (*Draft, error) { return weighted(0, 1<<circuits.WeightBits-4) },
		"a weight of nobody": func() (*Draft, error) { return weighted(1, 1) },
		"more than the pin":  func() (*Draft, error) { return DraftPinnedProduct(p, x.b, x.key, x.vectors[1], x.pin, other) },
		"weights beyond the pin": func() (*Draft, error) {
			return DraftWeightedProduct(p, x.b, x.key, x.vectors[1], at(1, 1), -4, x.pin, other)
		},
		"a lower bound too low": func() (*Draft, error) {
			return DraftWeightedProduct(p, x.b, x.key, x.vectors[1], at(0, 1), -1<<20, x.pin, x.kept)
		},
		"a lower bound above": func() (*Draft, error) {
			return DraftWeightedProduct(p, x.b, x.key, x.vectors[1], at(0, 1), 1, x.pin, x.kept)
		},
		"a coefficient that none": func() (*Draft, error) {
			return DraftRelease(p, x.b, x.secrets[1], x.owns[1], []Slot{{x.vectors[0][0], p.N()}}, x.analyst)
		},
	} {
		message, err := draft()
		if err == nil {
			_, err = message.Prove(k)
		}
		if err == nil || errors.Is(err, circuits.ErrBrokenKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	shorter := Pin{x.pin.Vector[:1], x.pin.Product}
	for i, c := range []struct {
		vector []Ciphertext
		pin    *Pin
	}{{nil, nil}, {slices.Repeat(x.vectors[0], p.ProductChunks()), nil}, {x.vectors[0], &shorter}, {x.vectors[0], &Pin{}}} {
		if _, err := VerifyProduct(x.vk, x.b, x.key, c.vector, c.pin, blob); err == nil {
			t.Errorf("what cannot be stated verifies: %d", i)
		}
	}
	same := slices.Repeat(Targets(p, x.vectors[0][:1]), 2) // as whoever multiplies can have it: each has a flooding of its own
	if blob, err := NewRelease(k, x.b, x.secrets[1], x.owns[1], same, x.analyst); err != nil {
		t.Errorf("one coefficient twice: %v", err)
	} else if _, err := VerifyRelease(x.vk, x.b, x.owns[1], same, x.analyst, blob); err != nil {
		t.Errorf("one coefficient twice: %v", err)
	}
	for _, slots := range [][]Slot{nil, make([]Slot, p.Limbs()+1), {{x.vectors[0][0], -1}}} {
		if _, err := VerifyRelease(x.vk, x.b, x.owns[1], slots, x.analyst, make([]byte, ReleaseSize(p, len(slots)))); err == nil {
			t.Errorf("%d slots verify", len(slots))
		}
	}
}

// TestUnmaskedProductIsProven: leaving the encryption of zero out is the multiplier's own loss, and no lie: its proof verifies.
// What the others are protected by is that nothing but the target is released (TestNothingButTheTarget).
func TestUnmaskedProductIsProven(t *testing.T) {
	if testing.Short() {
		t.Skip("proofs")
	}
	x, _ := newJoinBench(t)
	w := circuits.ProductSecret{U: make([]int64, x.p.N()), E1: make([]int64, x.p.N())}
	var err error
	if w.I, err = pad(x.p, x.vectors[0], []int64{0, 1}); err != nil {
		t.Fatal(err)
	}
	ct := product(x.p, x.key, x.vectors[0], w.I, w)
	blob, err := draftProduct(x.p, x.b, statedProduct(x.key, x.vectors[0], nil, ct), ct, w).Prove(tiny.JoinedKeys())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyProduct(x.vk, x.b, x.key, x.vectors[0], nil, blob); err != nil {
		t.Error(err)
	}
}

// FuzzJoinBlobs gives arbitrary bytes to every check of a join's blob.
func FuzzJoinBlobs(f *testing.F) {
	if testing.Short() {
		f.Skip("proofs")
	}
	p, vk := tiny.Joined(), tiny.JoinedKeys().Verifying()
	f.Add(make([]byte, ProductSize(p)))
	f.Add(make([]byte, ReleaseSize(p, 2)))
	f.Add(slices.Repeat([]byte{0xff}, ProductSize(p)))
	f.Add([]byte{})
	poly := p.CRS([]byte("x"))
	key, ct := PublicKey{A: poly, P: poly}, Ciphertext{C0: poly, C1: poly}
	f.Fuzz(func(t *testing.T, blob []byte) {
		if _, err := VerifyVector(vk, circuits.Binding{}, key, Vector{Positions: 20, Hi: 1}, 1, blob); err == nil {
			t.Error("a vector out of nothing")
		}
		if _, err := VerifyProduct(vk, circuits.Binding{}, key, []Ciphertext{ct}, nil, blob); err == nil {
			t.Error("a product out of nothing")
		}
		if _, err := VerifyWeightedProduct(vk, circuits.Binding{}, key, []Ciphertext{ct}, -1, Pin{[]Ciphertext{ct}, ct}, blob); err == nil {
			t.Error("a weighted product out of nothing")
		}
		slots := []Slot{{ct, p.Target()}, {ct, 0}}
		if _, err := VerifyRelease(vk, circuits.Binding{}, key, slots, key, blob); err == nil {
			t.Error("a release out of nothing")
		}
		if x, err := ParseIndicator(p, blob); err == nil {
			if again, err := x.MarshalBinary(); err != nil || !slices.Equal(again, blob) {
				t.Error("an indicator with two encodings")
			}
		}
	})
}
