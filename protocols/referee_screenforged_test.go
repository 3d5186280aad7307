package protocols

import (
	"bytes"
	"slices"
	"testing"

	"parley/engine"
)

// TestForgedScreenings: snapshots whose screenings no entries lead to are refused, or have another digest, and nothing panics.
// The forger makes the running hashes of what it changes anew.
func TestForgedScreenings(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	done := c.screened(c.screening(1))
	c.asked(c.resting(2, done))
	half := c.shared(c.screening(3)) // one verdict of two
	c.must(c.keys[0], newScreen(half, KeyOf(c.keys[0]), courtVerdict))
	differ := c.shared(c.screening(4))
	c.must(c.keys[0], newScreen(differ, KeyOf(c.keys[0]), courtVerdict))
	c.must(c.keys[1], newScreen(differ, KeyOf(c.keys[1]), []byte{0, 8}))
	answered := c.reach(PhaseDone, 5)
	honest, raw := c.state.Digest(), c.state.Marshal()
	open := func(r *Record) Body {
		b, err := r.Entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	idOf := func(q *queryWire) engine.Digest {
		return QueryID(c.id, q.Records[0].Entry.Author, open(&q.Records[0]).(*Ask))
	}
	at := func(w *stateWire, id engine.Digest) *queryWire {
		return &w.Queries[slices.IndexFunc(w.Queries, func(q queryWire) bool { return idOf(&q) == id })]
	}
	of := func(q *queryWire, kind EntryKind) (out []int) {
		for i := range q.Records {
			if q.Records[i].Entry.Kind == kind {
				out = append(out, i)
			}
		}
		return out
	}
	resum := func(q *queryWire) {
		q.Sum = engine.Digest{}
		for i := range q.Records {
			q.Sum = extend(q.Sum, &q.Records[i])
		}
	}
	// rebody changes the bodies of one kind of a query's records.
	rebody := func(id engine.Digest, kind EntryKind, change func(Body)) func(w *stateWire) {
		return func(w *stateWire) {
			q := at(w, id)
			for _, i := range of(q, kind) {
				b := open(&q.Records[i])
				change(b)
				q.Records[i].Entry.Body = engine.Marshal(b)
			}
			resum(q)
		}
	}
	query := func(id engine.Digest, change func(w *stateWire, q *queryWire)) func(w *stateWire) {
		return func(w *stateWire) { q := at(w, id); change(w, q); resum(q) }
	}
	resting := c.state.open[slices.IndexFunc(c.state.open, func(id engine.Digest) bool { return c.state.queries[id].screen != nil })]
	for what, f := range map[string]struct {
		forge   func(w *stateWire)
		refused bool
	}{
		"a screening less": {func(w *stateWire) {
			w.Queries = slices.DeleteFunc(w.Queries, func(q queryWire) bool { return idOf(&q) == done.ID })
		}, true},
		"a screening that has not ended": {query(done.ID, func(_ *stateWire, q *queryWire) { q.Phase, q.Done = PhaseShared, nil }), true},
		"a screening that expired":       {query(done.ID, func(_ *stateWire, q *queryWire) { q.Phase, q.Done = PhaseExpired, nil }), true},
		"after its answer": {func(w *stateWire) {
			slices.Reverse(w.Queries)
		}, true},
		"a verdict less": {query(done.ID, func(_ *stateWire, q *queryWire) {
			i := of(q, KindScreen)[0]
			q.Records = slices.Delete(q.Records, i, i+1)
		}), true},
		"another verdict of one": {query(done.ID, func(_ *stateWire, q *queryWire) {
			i := of(q, KindScreen)
			b := open(&q.Records[i[0]]).(*Screen)
			b.Verdict[0] ^= 1
			b.Packed = nil
			q.Records[i[0]].Entry.Body = engine.Marshal(b)
		}), true},
		"another verdict of all": {rebody(done.ID, KindScreen, func(b Body) {
			s := b.(*Screen)
			if s.Verdict = verdictDigest([]byte{0, 8}); len(s.Packed) > 0 {
				s.Packed = []byte{0, 8}
			}
		}), false},
		"a verdict that is not written out": {rebody(done.ID, KindScreen, func(b Body) { b.(*Screen).Packed = nil }), true},
		"one that all write out":            {rebody(done.ID, KindScreen, func(b Body) { b.(*Screen).Packed = courtVerdict }), true},
		"a verdict of a stranger": {query(done.ID, func(_ *stateWire, q *queryWire) {
			q.Records[of(q, KindScreen)[0]].Entry.Author = KeyOf(c.keys[2])
		}), true},
		"a verdict in an answer": {query(resting, func(w *stateWire, q *queryWire) {
			r := at(w, done.ID).Records
			s := r[of(at(w, done.ID), KindScreen)[0]]
			s.Entry.Body = engine.Marshal(&Screen{Query: resting, Verdict: verdictDigest(courtVerdict)})
			q.Records = append(q.Records, s)
		}), true},
		"no key":                  {rebody(done.ID, KindAdmit, func(b Body) { b.(*Admit).Key = engine.Digest{} }), true},
		"no secret":               {rebody(done.ID, KindAdmit, func(b Body) { b.(*Admit).Opening = engine.Digest{} }), true},
		"a key of all":            {rebody(done.ID, KindAdmit, func(b Body) { b.(*Admit).Key = engine.Digest{1} }), true},
		"a secret of all":         {rebody(done.ID, KindAdmit, func(b Body) { b.(*Admit).Opening = engine.Digest{1} }), true},
		"a key in an answer":      {rebody(answered.ID, KindAdmit, func(b Body) { b.(*Admit).Key = engine.Digest{1} }), true},
		"no verdicts, and an end": {query(half.ID, func(w *stateWire, q *queryWire) { q.Phase, q.Done = PhaseDone, at(w, done.ID).Done }), true},
		"one verdict, and an end": {query(half.ID, func(_ *stateWire, q *queryWire) { q.Phase, q.Done = PhaseDone, &q.Records[of(q, KindScreen)[0]] }), true},
		"two verdicts, and an end": {query(differ.ID, func(_ *stateWire, q *queryWire) {
			q.Phase, q.Fault, q.Done = PhaseDone, nil, &q.Records[of(q, KindScreen)[0]]
		}), true},
		"two verdicts, and no end": {query(differ.ID, func(w *stateWire, q *queryWire) {
			q.Phase, q.Fault = PhaseShared, nil
			w.Ended = slices.DeleteFunc(w.Ended, func(id engine.Digest) bool { return id == differ.ID })
		}), false},
		"ended by an analyst":      {query(done.ID, func(w *stateWire, q *queryWire) { q.Done = at(w, answered.ID).Done }), true},
		"ended by another verdict": {query(done.ID, func(_ *stateWire, q *queryWire) { q.Done.Number++ }), false},
		"an answer that a verdict ended": {query(answered.ID, func(w *stateWire, q *queryWire) {
			s := *at(w, done.ID).Done
			s.Entry.Body = engine.Marshal(&Screen{Query: answered.ID, Verdict: verdictDigest(courtVerdict)})
			q.Done = &s
		}), true},
		"another who differs": {query(differ.ID, func(_ *stateWire, q *queryWire) {
			q.Fault.Department, q.Fault.Reporter = q.Fault.Reporter, q.Fault.Department
		}), false},
	} {
		t.Run(what, func(t *testing.T) {
			var w stateWire
			if err := engine.Unmarshal(raw, &w); err != nil {
				t.Fatal(err)
			}
			f.forge(&w)
			forged := engine.Marshal(&w)
			if bytes.Equal(forged, raw) {
				t.Fatal("it forges nothing")
			}
			s, err := ParseState(c.network, c.sizes, forged)
			if (err != nil) != f.refused {
				t.Errorf("refused: %v", err)
			}
			if err != nil {
				return
			}
			if s.Digest() == honest {
				t.Error("taken, with the honest digest")
			}
			s.exercise(c, goldenEntries())
			s.release()
		})
	}
}
