package protocols

import (
	"fmt"
	"slices"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
	"parley/protocols/mhe/tiny"
)

// TestVerifiedVectors: a party verifies a department's vector once an epoch, however many questions take it. Nothing else passes by that: another
// ciphertext, epoch, spine, bound, place or department is verified, and refused; nor does another epoch go by what this one has verified.
func TestVerifiedVectors(t *testing.T) {
	keys := tiny.JoinedKeys()
	p := keys.Params()
	_, j, err := jointOf(t, p, jointSQL, joinedCatalogue(9), 40)
	if err != nil {
		t.Fatal(err)
	}
	_, wider, err := jointOf(t, p, jointSQL, joinedCatalogue(10), 40)
	if err != nil {
		t.Fatal(err)
	}
	crs := p.CRS([]byte("epoch"))
	secret, share, err := mhe.NewKeyShare(keys, circuits.Binding{}, crs)
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Erase()
	own, err := mhe.VerifyKeyShare(keys.Verifying(), circuits.Binding{}, crs, share)
	if err != nil {
		t.Fatal(err)
	}
	epochOf := func(most int) *Epoch {
		return &Epoch{Key: mhe.PublicKey{A: crs, P: own}, verified: circuits.NewSeen(most)}
	}
	members := []Member{{Name: "b", Key: Key{2}}, {Name: "c", Key: Key{3}}}
	asked := func(epoch *Epoch, query byte, j joint, change func(*Ask)) *dossier {
		ask := Ask{Epoch: digestOf("epoch"), Linked: j.ask}
		linked := *j.ask
		if ask.Linked = &linked; change != nil {
			change(&ask)
		}
		j.ask = ask.Linked
		j.name(ask.Epoch, members)
		return &dossier{vk: keys.Verifying(), network: digestOf("network"), query: &QueryState{ID: engine.Digest{query}, Ask: ask, Contributors: members}, epoch: epoch, joint: &j}
	}
	epoch := epochOf(3)
	first := asked(epoch, 1, *j, nil)
	vector := func(index int) []byte {
		b, v, err := first.vectorBinding(0, index)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := mhe.NewVector(keys, b, epoch.Key, v, make([]int64, v.Positions), index%j.chunks)
		if err != nil {
			t.Fatal(err)
		}
		return blob
	}
	blobs, amounts := [][]byte{vector(0), vector(1), vector(2)}, vector(j.chunks)
	check := func(what string, d *dossier, department, index int, blob []byte, right bool, verified int64) {
		t.Helper()
		before := circuits.Verified.Load()
		if _, fault := d.checkVector(department, index, blob); (fault == nil) != right || circuits.Verified.Load()-before != verified {
			t.Errorf("%s: %v, %d proofs verified, want %d", what, fault, circuits.Verified.Load()-before, verified)
		}
	}
	check("the first time", first, 0, 0, blobs[0], true, 1)
	check("again", first, 0, 0, blobs[0], true, 0)
	check("by another question", asked(epoch, 2, *j, nil), 0, 0, blobs[0], true, 0)
	check("another vector", first, 0, j.chunks, amounts, true, 1)
	check("that again", first, 0, j.chunks, amounts, true, 0)
	for range 2 { // what is refused is not kept
		check("in another place", first, 0, 1, blobs[0], false, 1)
		check("another department's", first, 1, 0, blobs[0], false, 1)
		check("in another epoch", asked(epoch, 2, *j, func(a *Ask) { a.Epoch = digestOf("another") }), 0, 0, blobs[0], false, 1)
		check("over another spine", asked(epoch, 2, *j, func(a *Ask) { a.Linked.Spine = digestOf("another") }), 0, 0, blobs[0], false, 1)
		check("within other bounds", asked(epoch, 2, *wider, nil), 0, j.chunks, amounts, false, 1)
		for _, at := range []int{0, len(blobs[0]) / 2} {
			changed := slices.Clone(blobs[0])
			changed[at] ^= 1
			check(fmt.Sprintf("with byte %d changed", at), first, 0, 0, changed, false, 1)
		}
	}
	check("of another epoch's", asked(epochOf(2), 2, *j, nil), 0, 0, blobs[0], true, 1)
	check("one more", first, 0, 1, blobs[1], true, 1)
	check("another one, which has no room", first, 0, 2, blobs[2], true, 1)
	check("which is verified each time", first, 0, 2, blobs[2], true, 1)
	check("the last that had room", first, 0, 1, blobs[1], true, 0)
	epoch.Erase()
	check("when the epoch has ended", first, 0, 1, blobs[1], true, 1)
}
