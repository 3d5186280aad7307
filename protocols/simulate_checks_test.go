package protocols_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// The default run takes samples of what goes over everything; see README section 10.
var (
	everything = flag.Bool("everything", false, "run every crash point and 1,000 crash schedules, not a sample")
	schedules  = flag.Int("schedules", 0, "how many crash schedules to run; 0: a sample, or 1,000 with -everything")
	oneIn      = flag.Int("part", 1, "with -everything, one in how many of it is run")
)

// amount is how many schedules, or which stride, a test takes: of everything a part, but no less than the sample.
func amount(short, sample, all int) int {
	switch {
	case testing.Short():
		return short
	case !*everything:
		return sample
	case all < sample: // a stride
		return min(sample, all**oneIn)
	}
	return max(sample, all / *oneIn, 1)
}

// formed is a world at rest whose epoch is formed and whose tables are registered.
func formed(t testing.TB, seed uint64, departments int) *world {
	w := newWorld(t, seed, departments)
	w.run()
	return w
}

// fork is a world that goes on from what the parties of w, which rests, store durably: all of
// them restart.
func (w *world) fork(t testing.TB, seed uint64) *world {
	c := &world{t: t, rng: rand.New(rand.NewPCG(seed, 2)), params: w.params, keys: w.keys, network: w.network, salt: w.salt, keyed: w.keyed, class: w.class, freely: w.freely, policy: w.policy, town: w.town,
		points: map[*party]int{}, entries: map[*party]map[string][]byte{}, crash: func(*party) bool { return false }}
	for _, p := range w.parties {
		q := c.addParty(p.name, p.role)
		q.rows, q.followed, q.journal, q.store = p.rows, p.followed, slices.Clone(p.journal), maps.Clone(p.store)
		maps.Copy(c.entries[q], w.entries[p])
	}
	c.ledger = newLedger(c)
	c.ledger.state, c.ledger.records, c.ledger.at = w.ledger.snapshot(), slices.Clone(w.ledger.records), w.ledger.at
	for _, p := range c.parties {
		p.start()
	}
	return c
}

// checkAgreement holds that everybody who is up has the ledger's state, and that a replay of
// the records gives it.
func (w *world) checkAgreement() {
	w.t.Helper()
	want := w.ledger.state.Digest()
	for _, p := range w.parties {
		if got := p.state.Digest(); p.up && got != want {
			w.t.Errorf("%s has another state, of %d of %d records", p.name, p.state.Applied(), len(w.ledger.records))
		}
	}
	replay := protocols.NewState(w.network, protocols.SizesOf(w.params))
	for _, r := range w.ledger.records {
		if _, err := replay.Order(r); err != nil {
			w.t.Fatal(err)
		}
	}
	if replay.Digest() != want || !bytes.Equal(replay.Marshal(), w.ledger.state.Marshal()) {
		w.t.Error("a replay gives another state")
	}
}

// checkTransitions holds that no entry of one author about one thing stands on the ledger twice,
// and that what every answered query needs stands there once. Nobody deviated.
func (w *world) checkTransitions() {
	w.t.Helper()
	seen, counts := map[string]bool{}, map[engine.Digest]map[protocols.EntryKind]int{}
	for _, r := range w.ledger.records {
		body, err := r.Entry.Open()
		if err != nil {
			w.t.Fatal(err)
		}
		subject := fmt.Sprintf("%s of %s about %s", r.Entry.Kind, r.Entry.Author, subjectOf(body))
		if seen[subject] {
			w.t.Errorf("record %d: a second %s", r.Number, subject)
		}
		seen[subject] = true
		if id := queryOf(body); id != (engine.Digest{}) {
			if counts[id] == nil {
				counts[id] = map[protocols.EntryKind]int{}
			}
			counts[id][r.Entry.Kind]++
		}
	}
	for id, n := range counts {
		q := w.ledger.state.Query(id)
		if q.Phase != protocols.PhaseDone {
			continue
		}
		members, contributors := len(q.Epoch.Members), len(q.Contributors)
		ends, many := protocols.KindDone, 1
		if q.Ask.Screening {
			ends, many = protocols.KindScreen, contributors
		}
		encrypt, multiply := contributors, 0
		if q.Ask.Linked != nil {
			encrypt, multiply = holders(q, true), holders(q, false)
		}
		if n[protocols.KindAdmit] != members || n[protocols.KindContribute] != encrypt || n[protocols.KindMultiply] != multiply || n[protocols.KindShare] != members ||
			n[protocols.KindAttest] < members || n[ends] != many {
			w.t.Errorf("query %s: %v", id, n)
		}
	}
	if len(w.ledger.state.Evidence()) != 0 {
		w.t.Errorf("evidence against the honest: %v", w.ledger.state.Evidence())
	}
}

// holders is how many departments hold a question's encrypted table, or the other one.
func holders(q *protocols.QueryState, encrypted bool) (n int) {
	for _, r := range q.Registrations {
		if (r.Table == q.Ask.Linked.Encrypted) == encrypted {
			n++
		}
	}
	return n
}

// checkShares holds that every department made one share a query, that it is the journaled one,
// and that the ledger names its bytes.
func (w *world) checkShares() {
	w.t.Helper()
	for _, p := range w.departments() {
		made := map[engine.Digest]protocols.JournalRecord{}
		for _, r := range p.journal {
			if r.Kind != protocols.JournalShare {
				continue
			}
			if _, twice := made[r.Query]; twice {
				w.t.Errorf("%s made two shares of query %s", p.name, r.Query)
			}
			made[r.Query] = r
		}
		for id, r := range made {
			q := w.ledger.state.Query(id)
			member := slices.IndexFunc(q.Epoch.Members, func(m protocols.Member) bool { return m.Key == p.id })
			for i, digest := range q.Shared[member] {
				if protocols.BlobDigest(r.Blobs[i]) != digest {
					w.t.Errorf("%s's share on the ledger is not the one in its journal", p.name)
				}
			}
		}
	}
}

// queryOf is the query that a body is about, or zero.
func queryOf(body protocols.Body) engine.Digest {
	switch b := body.(type) {
	case *protocols.Admit:
		return b.Query
	case *protocols.Refuse:
		return b.Query
	case *protocols.Contribute:
		return b.Query
	case *protocols.Multiply:
		return b.Query
	case *protocols.Attest:
		return b.Query
	case *protocols.Accuse:
		return b.Query
	case *protocols.ShareCommit:
		return b.Query
	case *protocols.Done:
		return b.Query
	case *protocols.Expire:
		return b.Query
	case *protocols.Withdraw:
		return b.Query
	case *protocols.Screen:
		return b.Query
	}
	return engine.Digest{}
}
