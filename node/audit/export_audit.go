package audit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
)

// ledgerAudit verifies again, along a replay, what the ledger's parties
// verified: each epoch when it is formed or aborted, each query when it ends,
// each evidence when it is there.
type ledgerAudit struct {
	state *protocols.State
	// recheck is made when it is first needed, and at the end: reading the
	// proofs' keys takes longer than to see that most false exports are false.
	recheck func() (*protocols.Recheck, error)
	out     *Checked

	packing engine.Packing
	epochs  map[engine.Digest]*protocols.Epoch // by id; nil: not all of its key shares are there
	open    map[engine.Digest]bool             // queries
	accused map[engine.Digest]bool             // blobs of accusations that were checked: they verify
	mu      sync.Mutex
	broken  error // of reading the file
}

func newLedgerAudit(p circuits.Params, verifying []byte, s *protocols.State, blobs func(engine.Digest) ([]byte, error), out *Checked) *ledgerAudit {
	a := &ledgerAudit{state: s, out: out, packing: protocols.Packing(p), epochs: map[engine.Digest]*protocols.Epoch{}, open: map[engine.Digest]bool{},
		accused: map[engine.Digest]bool{}}
	held := func(d engine.Digest) []byte {
		b, err := blobs(d)
		if err != nil {
			a.mu.Lock()
			a.broken = err
			a.mu.Unlock()
		}
		return b
	}
	a.recheck = sync.OnceValues(func() (*protocols.Recheck, error) {
		vk, err := circuits.ParseVerifyingKeys(p, verifying)
		if err != nil {
			return nil, fmt.Errorf("the genesis: verifying keys: %w", err)
		}
		return &protocols.Recheck{Verifying: vk, Blobs: held}, nil
	})
	return a
}

// Record is told of each record, after the state has taken it and its blobs are
// there. An error is a deviation that the ledger went on with.
func (a *ledgerAudit) Record(r *protocols.Record) error {
	body, err := r.Entry.Open()
	if err != nil {
		return a.evidence(r) // it convicted its author
	}
	switch b := body.(type) {
	case *protocols.Ask:
		if id := protocols.QueryID(a.state.ID(), r.Entry.Author, b); a.state.Query(id) != nil {
			a.open[id] = true
			a.out.Queries++
		}
	case *protocols.KeyAttest:
		err = a.epoch(b.Epoch)
	case *protocols.EpochAbort:
		err = a.epoch(b.Epoch)
	}
	if err != nil {
		return err
	}
	if err := a.ended(); err != nil {
		return err
	}
	return a.evidence(r)
}

// epoch verifies an epoch's key shares, once it is formed, or aborted with an
// accusation.
func (a *ledgerAudit) epoch(id engine.Digest) error {
	e := a.state.EpochByID(id)
	if e == nil || e.Phase != protocols.EpochFormed && e.Phase != protocols.EpochAborted || e.Digest == (engine.Digest{}) {
		return nil
	}
	if _, done := a.epochs[id]; done {
		return nil
	}
	recheck, err := a.recheck()
	if err != nil {
		return err
	}
	epoch, found := recheck.Epoch(a.state, e)
	a.epochs[id] = epoch
	for known := range a.epochs {
		if a.state.EpochByID(known) == nil {
			delete(a.epochs, known)
		}
	}
	if e.Phase == protocols.EpochFormed {
		a.out.Epochs++
	} else if e.Abort != nil {
		a.judged(e.Abort.Blob, found)
	}
	return a.note("epoch "+id.String(), e.Phase == protocols.EpochFormed, found)
}

// ended verifies the queries that have just ended.
func (a *ledgerAudit) ended() error {
	for _, id := range slices.SortedFunc(maps.Keys(a.open), engine.Digest.Compare) {
		q := a.state.Query(id)
		if q != nil && !q.Phase.Ended() {
			continue
		}
		delete(a.open, id)
		if err := a.query(id, q); err != nil {
			return err
		}
	}
	return nil
}

func (a *ledgerAudit) query(id engine.Digest, q *protocols.QueryState) error {
	if q == nil { // the state keeps more ended queries than can end with one record
		a.out.Incomplete = append(a.out.Incomplete, "query "+id.String())
		return nil
	}
	if denied := a.decide(id, q); denied {
		return nil
	}
	recheck, err := a.recheck()
	if err != nil {
		return err
	}
	found := recheck.Query(a.state, a.epochs[q.Epoch.ID], q)
	switch done := q.Phase == protocols.PhaseDone; {
	case done && q.Ask.Screening:
		a.out.Screenings++
	case done:
		a.out.Answered++
	}
	if q.Phase == protocols.PhaseAccused {
		a.judged(q.Accusation.Blob, found)
	}
	return a.note("query "+id.String(), q.Phase == protocols.PhaseDone, found)
}

// decide decides about a question anew, and reports whether it was denied: no more of such a one is checked.
// Of one without the plan that it claims, Recheck tells.
func (a *ledgerAudit) decide(id engine.Digest, q *protocols.QueryState) (denied bool) {
	base, err := q.Base(a.packing)
	if err == nil {
		_, err = q.Claimed(base)
	}
	var unscreened *engine.Error // by the departments' rules
	switch errors.As(err, &unscreened); {
	case err == nil:
		_, err = q.Decide(base)
	case unscreened == nil || unscreened.Code != protocols.CodePolicy:
		return false
	}
	if err == nil {
		a.out.Allowed++
		return false
	}
	sentence := strings.Join(strings.Fields(err.Error()), " ")
	records := q.Records()
	if q.Reached > protocols.PhaseAdmitting {
		a.out.NotAllowed = append(a.out.NotAllowed, NotAllowed{Query: id.String(), Number: q.Number, Block: records[0].Block, Sentence: sentence})
		return true
	}
	a.out.Denied++
	for _, r := range records {
		if r.Entry.Kind == protocols.KindAdmit {
			a.out.Deviations = append(a.out.Deviations, fmt.Sprintf("query %s: %s takes part in it, and it is not allowed: %s", id, AuthorName(a.state, r.Entry.Author), sentence))
		}
	}
	return true
}

// judged remembers what was found about an accused blob, until the validators'
// verdict comes.
func (a *ledgerAudit) judged(blob engine.Digest, found protocols.Rechecked) {
	if slices.Contains(found.Verified, blob) {
		a.accused[blob] = true
	}
	if slices.ContainsFunc(found.Refuted, func(f *protocols.Fault) bool { return f.Evidence == blob }) {
		a.accused[blob] = false
	}
}

// note counts what was found; what all had to verify must.
func (a *ledgerAudit) note(of string, whole bool, found protocols.Rechecked) error {
	a.out.Proofs += len(found.Verified)
	for _, d := range found.Unchecked {
		a.out.Unchecked = append(a.out.Unchecked, d.String())
	}
	for _, f := range found.Refuted {
		a.out.Deviations = append(a.out.Deviations, of+": "+f.Error())
	}
	if whole && len(found.Missing)+len(found.Unchecked) > 0 {
		a.out.Incomplete = append(a.out.Incomplete, of)
	}
	if len(found.False) > 0 {
		return fmt.Errorf("%s: the ledger went on with what does not verify: %w", of, found.False[0])
	}
	return nil
}

// evidence checks the deviations that a record completed. What their authors
// signed was checked by the replay; a verdict about a blob is compared with
// what was found here.
func (a *ledgerAudit) evidence(r *protocols.Record) error {
	for _, e := range a.state.Evidence() {
		if e.Number != r.Number {
			continue
		}
		if err := e.Check(a.state.ID()); err != nil {
			return err
		}
		shown := convictions{Number: e.Number, Block: e.Block, Department: e.Department, Kind: string(e.Kind), Sentence: e.Sentence, Proof: "replayed"}
		if e.Query != (engine.Digest{}) {
			shown.Query = e.Query.String()
		}
		if e.Epoch != (engine.Digest{}) {
			shown.Epoch = e.Epoch.String()
		}
		if r.Entry.Kind == protocols.KindJudge {
			verifies, found := a.accused[e.Blob]
			shown.Proof = "missing"
			if found {
				shown.Proof = "verified"
			}
			if found && verifies != (e.Kind == protocols.FaultFalseAccusation) {
				return fmt.Errorf("the validators' verdict on blob %s against %s is false", e.Blob, e.Department)
			}
			delete(a.accused, e.Blob)
		}
		a.out.Evidence = append(a.out.Evidence, shown)
	}
	return nil
}

// Finish verifies what had not ended with the last block.
func (a *ledgerAudit) Finish() error {
	if _, err := a.recheck(); err != nil {
		return err
	}
	for _, id := range slices.SortedFunc(maps.Keys(a.open), engine.Digest.Compare) {
		if err := a.query(id, a.state.Query(id)); err != nil {
			return err
		}
	}
	return nil
}
