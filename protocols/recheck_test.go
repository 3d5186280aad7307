package protocols_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

// recheck verifies everything that a world's ledger names again, with the blobs that anybody
// stores; change, if not nil, changes or (nil) withholds one.
func (w *world) recheck(change func(digest engine.Digest, blob []byte) []byte) (of map[engine.Digest]protocols.Rechecked) {
	blobs := map[engine.Digest][]byte{}
	for _, p := range w.parties {
		for digest, blob := range p.store {
			blobs[digest] = blob
		}
	}
	r := protocols.Recheck{Verifying: w.keys.Verifying(), Blobs: func(d engine.Digest) []byte {
		if blob := blobs[d]; blob != nil && change != nil {
			return change(d, bytes.Clone(blob))
		}
		return blobs[d]
	}}
	s := w.ledger.state
	epochs := map[engine.Digest]*protocols.Epoch{}
	of = map[engine.Digest]protocols.Rechecked{}
	for _, id := range s.Ended() {
		q := s.Query(id)
		if _, done := epochs[q.Epoch.ID]; !done {
			epochs[q.Epoch.ID], of[q.Epoch.ID] = r.Epoch(s, q.Epoch)
		}
		of[id] = r.Query(s, epochs[q.Epoch.ID], q)
	}
	return of
}

func TestRecheck(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 3)
	w := newWorld(t, 3, 2)
	w.askFor(bySex)
	w.run()
	w.checkAnswer(bySex)
	id := w.ledger.state.Ended()[0]
	q := w.ledger.state.Query(id)
	found := w.recheck(nil)
	if e := found[q.Epoch.ID]; len(e.Verified) != 2 || len(e.Missing)+len(e.False)+len(e.Refuted)+len(e.Unchecked) != 0 {
		t.Fatalf("epoch: %+v", e)
	}
	all := 1 + 2*2*int(q.Ask.Ciphertexts)
	if r := found[id]; len(r.Verified) != all || len(r.Missing)+len(r.False)+len(r.Refuted)+len(r.Unchecked) != 0 {
		t.Fatalf("query: %+v", r)
	}
	for _, c := range []struct {
		name       string
		blob       engine.Digest
		unchecked  int // if it is missing
		department string
		epoch      bool
	}{
		{"key share", q.Epoch.Commits[1], all - 1, "city2", true},
		{"analyst's key", q.Ask.AnalystKey, 2 * int(q.Ask.Ciphertexts), q.Author.String(), false},
		{"contribution", q.Contributed[0][0], 2 * int(q.Ask.Ciphertexts), "city1", false},
		{"share", q.Shared[1][0], 0, "city2", false},
	} {
		subject := id
		if c.epoch {
			subject = q.Epoch.ID
		}
		found := w.recheck(func(d engine.Digest, blob []byte) []byte {
			if d == c.blob {
				return nil
			}
			return blob
		})
		if r := found[subject]; !slices.Equal(r.Missing, []engine.Digest{c.blob}) || len(r.False)+len(r.Refuted) != 0 {
			t.Errorf("%s missing: %+v", c.name, r)
		}
		if r := found[id]; len(r.Unchecked) != c.unchecked {
			t.Errorf("%s missing: %d unchecked, want %d", c.name, len(r.Unchecked), c.unchecked)
		}
		found = w.recheck(func(d engine.Digest, blob []byte) []byte {
			if d == c.blob {
				blob[0] ^= 1 // the caller has checked the digest, so that this is another blob
			}
			return blob
		})
		if r := found[subject]; len(r.False) != 1 || r.False[0].Department != c.department || len(r.Refuted) != 0 {
			t.Errorf("%s false: %+v", c.name, r)
		}
	}
}

// The analyst's word about its certificate is compared with what the ledger gives.
func TestRecheckNamesAnotherCertificate(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 4)
	w := newWorld(t, 4, 2)
	w.replace = func(e protocols.Entry) protocols.Entry {
		body, err := e.Open()
		if done, ok := body.(*protocols.Done); err == nil && ok {
			other := *done
			other.Certificate[0] ^= 1
			return protocols.Sign(w.network.ID(), w.analyst().key, &other)
		}
		return e
	}
	w.askFor(bySex)
	w.run()
	id := w.ledger.state.Ended()[0]
	r := w.recheck(nil)[id]
	if len(r.Refuted) != 1 || r.Refuted[0].Key != w.analyst().id || r.Refuted[0].Kind != protocols.FaultWrongDigest || len(r.False) != 0 {
		t.Errorf("%+v", r)
	}
}

// What a liar committed to does not verify, and the ledger did not go on with it; an innocent's
// blob does.
func TestRecheckOfLies(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	for seed, kind := range []liar.Kind{liar.BadProof, liar.WrongShare, liar.Garbage, liar.FalseAccusation} {
		cryptotest.SetGlobalRandom(t, uint64(seed))
		w := newWorld(t, uint64(seed), 2)
		w.departments()[0].lie = kind
		w.askFor(bySex)
		w.run()
		id := w.ledger.state.Ended()[0]
		r, q := w.recheck(nil)[id], w.ledger.state.Query(id)
		refuted := slices.ContainsFunc(r.Refuted, func(f *protocols.Fault) bool {
			return f.Department == "city1" && q.Accusation != nil && f.Evidence == q.Accusation.Blob
		})
		if len(r.False) != 0 || refuted == (kind == liar.FalseAccusation) {
			t.Errorf("%s: %s, %+v", kind, q.Phase, r)
		}
		if kind == liar.FalseAccusation && !slices.Contains(r.Verified, q.Accusation.Blob) {
			t.Errorf("%s: the accused blob does not verify: %+v", kind, r)
		}
	}
}

// Of a screening its recipient's key and its contributions are verified again; its shares are shown to contributors alone. The
// answer that rests on it is recomputed by its verdict.
func TestRecheckOfScreenings(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 5)
	w := ruledWorld(t, 5)
	w.askFor(byAgeAlone)
	w.run()
	w.checkScreened(ruledCount, ruledFloor)
	ended := w.ledger.state.Ended()
	gate, answer := w.ledger.state.Query(ended[0]), w.ledger.state.Query(ended[1])
	n := int(gate.Ask.Ciphertexts)
	check := func(what string, r protocols.Rechecked, verified, unchecked int, missing []engine.Digest, wrong string) {
		t.Helper()
		named := ""
		if len(r.False) > 0 {
			named = r.False[0].Department
		}
		if len(r.Verified) != verified || len(r.Unchecked) != unchecked || !slices.Equal(r.Missing, missing) || len(r.False) > 1 || named != wrong || len(r.Refuted) != 0 {
			t.Errorf("%s: %+v", what, r)
		}
	}
	change := func(blob engine.Digest, to func([]byte) []byte) map[engine.Digest]protocols.Rechecked {
		return w.recheck(func(d engine.Digest, b []byte) []byte {
			if d == blob {
				return to(b)
			}
			return b
		})
	}
	gone := func([]byte) []byte { return nil }
	all := 1 + 3*n
	found := w.recheck(nil)
	check("the screening", found[gate.ID], all, 0, nil, "")
	check("its answer", found[answer.ID], 1+6*int(answer.Ask.Ciphertexts), 0, nil, "")
	check("no key", change(gate.GateKey, gone)[gate.ID], all-1, 0, []engine.Digest{gate.GateKey}, "")
	check("another key", change(gate.GateKey, spoiled)[gate.ID], all-1, 0, nil, "city2")
	check("a contribution less", change(gate.Contributed[0][0], gone)[gate.ID], all-1, 0, []engine.Digest{gate.Contributed[0][0]}, "")
	check("another contribution", change(gate.Contributed[2][0], spoiled)[gate.ID], all-1, 0, nil, "city3")
	for _, share := range gate.Shared {
		check("no share", change(share[0], gone)[gate.ID], all, 0, nil, "")
	}
	// A key that does not verify, which nobody went on with.
	w = ruledWorld(t, 6)
	w.party("city2").lie = liar.BadGateKey
	w.askFor(byAgeAlone)
	w.settle()
	id := w.ledger.state.Ended()[0]
	if r := w.recheck(nil)[id]; len(r.False) != 0 || len(r.Refuted) != 1 || r.Refuted[0].Department != "city2" || r.Refuted[0].Evidence != w.ledger.state.Query(id).GateKey {
		t.Errorf("%+v", r)
	}
}
