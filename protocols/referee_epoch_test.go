package protocols

import (
	"crypto/ed25519"
	"errors"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe/tiny"
)

// committedCourt is in a formation to which all have committed.
func committedCourt(t testing.TB) (*court, *EpochState) {
	c := seatedCourt(t)
	c.must(c.keys[0], c.state.NextEpoch())
	e := c.state.Forming()
	for i, k := range c.keys {
		c.must(k, &KeyCommit{Epoch: e.ID, Blob: digestOf("share", i)})
	}
	return c, e
}

func (c *court) accuse(e *EpochState, culprit int) *EpochAbort {
	return &EpochAbort{Epoch: e.ID, Culprit: KeyOf(c.keys[culprit]), Fault: FaultBadProof, Blob: e.Commits[culprit], Sentence: "does not verify"}
}

func TestRefereeFormationAborts(t *testing.T) {
	t.Run("accusation", func(t *testing.T) {
		c, e := committedCourt(t)
		c.must(c.keys[0], c.accuse(e, 1))
		if e.Phase != EpochAborted || e.Aborter != KeyOf(c.keys[0]) || !c.state.NeedsEpoch() {
			t.Error(e.Phase)
		}
		c.code(c.keys[2], c.accuse(e, 1), "duplicate")
		if next := c.form(); next.Number != 2 || next.ID == e.ID || c.state.Epoch() != next {
			t.Error("the next epoch repeats the last")
		}
	})
	t.Run("accusation over another blob", func(t *testing.T) {
		c, e := committedCourt(t)
		b := c.accuse(e, 1)
		b.Blob = digestOf("other")
		c.code(c.keys[0], b, string(FaultFalseAccusation))
		if e.Phase != EpochAborted || e.Fault.Department != "a" {
			t.Error(e.Phase, e.Fault)
		}
		c.proven("a", FaultFalseAccusation, e.ID)
	})
	t.Run("equivocation", func(t *testing.T) {
		c, e := committedCourt(t)
		b := c.accuse(e, 1)
		served := SignServed(c.id, c.keys[1], e.Commits[1], make([]byte, c.sizes.KeyShare))
		b.Fault, b.Served = FaultEquivocation, served.Marshal()
		c.must(c.keys[0], b)
		if e.Phase != EpochAborted || e.Fault.Department != "b" || e.Fault.Kind != FaultEquivocation {
			t.Error(e.Phase, e.Fault)
		}
		c.proven("b", FaultEquivocation, e.ID)
	})
	t.Run("second key share", func(t *testing.T) {
		c, e := committedCourt(t)
		c.code(c.keys[2], &KeyCommit{Epoch: e.ID, Blob: digestOf("second")}, string(FaultSecond))
		c.proven("c", FaultSecond, e.ID)
		c.code(c.keys[2], &KeyCommit{Epoch: e.ID, Blob: digestOf("second")}, "duplicate") // whoever says it again
		if e.Phase != EpochAborted || e.Fault.Department != "c" {
			t.Error(e.Phase, e.Fault)
		}
	})
	t.Run("attests another epoch", func(t *testing.T) {
		c, e := committedCourt(t)
		c.code(c.keys[2], &KeyAttest{Epoch: e.ID, Digest: digestOf("other")}, string(FaultWrongDigest))
		c.proven("c", FaultWrongDigest, e.ID)
		if e.Phase != EpochAborted || e.Fault.Department != "c" {
			t.Error(e.Phase, e.Fault)
		}
	})
}

func TestRefereeEpochEnds(t *testing.T) {
	t.Run("a formed epoch is only left", func(t *testing.T) {
		c, e := committedCourt(t)
		for _, k := range c.keys {
			c.must(k, &KeyAttest{Epoch: e.ID, Digest: e.Digest})
		}
		q := c.ask(1)
		c.code(c.keys[0], c.accuse(e, 1), "too-late")
		c.must(c.keys[1], &EpochAbort{Epoch: e.ID, Culprit: KeyOf(c.keys[1]), Fault: FaultUnavailable, Sentence: "lost its journal"})
		if !c.state.NeedsEpoch() {
			t.Error("no epoch is left, and none is needed")
		}
		if c.state.Epoch() != nil || q.Phase != PhaseFailed || q.Fault.Department != "b" {
			t.Error(q.Phase, q.Fault)
		}
		c.form()
		c.reach(PhaseDone, 2)
	})
	t.Run("an exhausted epoch takes no questions", func(t *testing.T) {
		c, e := committedCourt(t)
		for _, k := range c.keys {
			c.must(k, &KeyAttest{Epoch: e.ID, Digest: e.Digest})
		}
		q := c.ask(1)
		c.must(c.keys[1], &Refuse{Query: q.ID, Code: CodeEpochExhausted, Sentence: "used up"})
		if q.Phase != PhaseRefused || !c.state.NeedsEpoch() {
			t.Error(q.Phase)
		}
		c.code(c.analyst, c.question(2), "stale-epoch")
		second := c.form()
		c.reach(PhaseDone, 3)
		// An epoch that was replaced does not come back when the next one is left.
		c.must(c.keys[1], &EpochAbort{Epoch: second.ID, Culprit: KeyOf(c.keys[1]), Fault: FaultUnavailable})
		if c.state.Epoch() != nil {
			t.Error("the first epoch is back")
		}
	})
}

// TestRefereeEnvelope: signatures and encodings come before everything else.
func TestRefereeEnvelope(t *testing.T) {
	c := newCourt(t)
	c.join()
	want := func(e Entry, code string) {
		t.Helper()
		var r *Refusal
		if err := c.order(e); !errors.As(err, &r) || r.Code != code || r.Fault != nil {
			t.Errorf("%v, want %s", err, code)
		}
	}
	good := Sign(c.id, c.keys[1], &Register{Registration: courtTable("b", 1)})

	forged := good
	forged.Signature[3] ^= 1
	want(forged, "bad-signature")
	forged = good
	forged.Author = KeyOf(c.keys[0])
	want(forged, "bad-signature")
	forged = good
	forged.Kind = KindKeyCommit
	want(forged, "bad-signature")
	want(Sign(digestOf("another network"), c.keys[1], &Join{Name: "x"}), "bad-signature")

	// Garbage that a member signed names it, once; a stranger's is nothing.
	raw := good
	raw.Body = append(raw.Body, 0)
	stranger := raw
	stranger.Author = KeyOf(c.analyst)
	stranger.Signature = signature(c.analyst, stranger.message(c.id))
	want(stranger, "malformed")
	raw = resigned(c.id, c, 1, raw)
	var r *Refusal
	if err := c.order(raw); !errors.As(err, &r) || r.Fault == nil || r.Fault.Kind != FaultGarbage || r.Fault.Department != "b" {
		t.Errorf("%v: garbage that a member signed does not name it", err)
	}
	want(raw, "malformed")
	if ev := c.state.Evidence(); len(ev) != 1 || ev[0].Kind != FaultGarbage || ev[0].Department != "b" || len(ev[0].Records) != 1 ||
		ev[0].Entries[0] != raw.Digest() || ev[0].Number != c.state.Applied() {
		t.Errorf("%+v", ev)
	}
	if err := c.order(good); err != nil {
		t.Error(err)
	}
}

func signature(key ed25519.PrivateKey, message []byte) [64]byte {
	return [64]byte(ed25519.Sign(key, message))
}

// seatedCourt is a court in which all have joined and registered.
func seatedCourt(t testing.TB) *court {
	c := newCourt(t)
	c.join()
	c.register()
	return c
}

func resigned(id engine.Digest, c *court, i int, e Entry) Entry {
	e.Signature = signature(c.keys[i], e.message(id))
	return e
}

// TestEpochLimit: an epoch's ciphertexts are counted once a query, and end with it.
func TestEpochLimit(t *testing.T) {
	p, err := circuits.Named("default")
	if err != nil {
		t.Fatal(err)
	}
	e := &Epoch{admitted: map[engine.Digest]uint64{}}
	limit := p.CiphertextLimit()
	e.count(digestOf("earlier"), 1)
	e.spent = limit - 3
	for range 2 {
		if err := e.charge(p, digestOf("q"), 2); err != nil {
			t.Fatal(err)
		}
	}
	if e.spent != limit-1 {
		t.Errorf("%d of %d ciphertexts are counted", e.spent, limit)
	}
	if err := e.charge(p, digestOf("r"), 2); err == nil {
		t.Error("the limit is passed")
	}
	if err := e.charge(p, digestOf("s"), 1); err != nil {
		t.Error(err)
	}
	if light := tiny.Params(); light.CiphertextLimit() != 0 || e.charge(light, digestOf("t"), 99) != nil {
		t.Error("a set that is not for private data has a limit")
	}
}
