package protocols

import (
	"fmt"
	"slices"

	"parley/engine"
)

// Evidence is a deviation that the ledger has proven: by what its author signed itself, by a
// signed header that was shown, or by the word of more than two thirds of the validators that
// verified a blob. It names the department, and whoever has the network's description can check
// it.
type Evidence struct {
	_          struct{} `cbor:",toarray"`
	Number     uint64   // of the record that completed it
	Block      uint64
	Time       int64
	Key        Key
	Department string // its name then
	Kind       FaultKind
	Epoch      engine.Digest // id, of a deviation in a formation
	Query      engine.Digest // id, of one in a query
	Blob       engine.Digest // that does not verify, or was not served as committed to; or zero
	Sentence   string
	Entries    []engine.Digest // Entry.Digest of all entries that show it, in their order
	Records    []Record        // those of them that are not too long (MaxEvidenceRecord)

	sum engine.Digest
}

// Check checks what an Evidence shows by itself, without the ledger: the records that it holds
// are signed for this network and are among the entries that it names, and, unless it is about a
// blob, the accused signed one of them. That the ledger came to it, a replay of the ledger shows.
func (e *Evidence) Check(network engine.Digest) error {
	by := map[Key]bool{}
	for i := range e.Records {
		entry := &e.Records[i].Entry
		if err := entry.Verify(network); err != nil {
			return fmt.Errorf("evidence %d: %w", e.Number, err)
		}
		if !slices.Contains(e.Entries, entry.Digest()) {
			return fmt.Errorf("evidence %d: it holds an entry that it does not name", e.Number)
		}
		by[entry.Author] = true
	}
	if len(e.Entries) == len(e.Records) && !by[e.Key] && e.Blob == (engine.Digest{}) {
		return fmt.Errorf("evidence %d: nothing in it is by %s", e.Number, e.Department)
	}
	return nil
}

// trialOf is what a deviation happened in: the id of an epoch or of a query, or neither.
type trialOf struct{ epoch, query engine.Digest }

func (t trialOf) id() engine.Digest {
	if t.query != (engine.Digest{}) {
		return t.query
	}
	return t.epoch
}

// Evidence lists the deviations that the ledger has proven and still holds, oldest first.
func (s *State) Evidence() []Evidence { return slices.Clone(s.evidence) }

// convicted reports whether a deviation is known: what shows it a second time has no effect.
func (s *State) convicted(k Key, kind FaultKind, in engine.Digest) bool {
	return slices.ContainsFunc(s.evidence, func(e Evidence) bool {
		return e.Key == k && e.Kind == kind && (trialOf{e.Epoch, e.Query}).id() == in
	})
}

// convict keeps a fault with the records that show it, of which r, the present one, is the last.
// When there are too many, the oldest of whoever has most goes: nobody can flood away another's.
func (s *State) convict(r *Record, f *Fault, in trialOf, shown ...Record) {
	e := Evidence{Number: r.Number, Block: r.Block, Time: r.Time, Key: f.Key, Department: f.Department, Kind: f.Kind,
		Epoch: in.epoch, Query: in.query, Sentence: f.Detail}
	if f.Evidence != r.Entry.Digest() {
		e.Blob = f.Evidence
	}
	for i := range shown {
		e.Entries = append(e.Entries, shown[i].Entry.Digest())
		if len(shown[i].Entry.Body) <= MaxEvidenceRecord {
			e.Records = append(e.Records, shown[i])
		}
	}
	e.seal()
	s.evidence = append(s.evidence, e)
	if len(s.evidence) <= MaxEvidence {
		return
	}
	counts := map[Key]int{}
	most := s.evidence[0].Key
	for i := range s.evidence {
		counts[s.evidence[i].Key]++
	}
	for i := range s.evidence { // in their order: a tie goes to the oldest
		if counts[s.evidence[i].Key] > counts[most] {
			most = s.evidence[i].Key
		}
	}
	oldest := slices.IndexFunc(s.evidence, func(e Evidence) bool { return e.Key == most })
	s.evidence = slices.Delete(slices.Clone(s.evidence), oldest, oldest+1)
}

func (e *Evidence) seal() { e.sum = engine.Hash("parley evidence 2", engine.Marshal(e)) }

// judgeServed checks evidence that a server signed a lie about a blob of the given size: it
// returns the server's fault, or nil if the evidence shows nothing.
func (s *State) judgeServed(evidence []byte, server Key, blob engine.Digest, kind FaultKind, size int) *Fault {
	served, err := ParseServed(evidence)
	if err != nil || served.Server != server || served.Requested != blob || served.Verify(s.id) != nil || served.Fault(size) != kind {
		return nil
	}
	return s.fault(server, kind, "its own signature shows it", blob)
}

// verdicts are the validators' words about an accused blob.
type verdicts struct {
	Judgments []Record
	Guilty    []Key // who found that it does not verify
	Innocent  []Key // who found that it does
	Decided   bool
}

func (v *verdicts) clone() verdicts {
	return verdicts{share(v.Judgments), share(v.Guilty), share(v.Innocent), v.Decided}
}

// judge counts a validator's word about an accused blob.
func (s *State) judge(r *Record, b *Judge) *Refusal {
	v, accusation, accused, in := s.accusation(b.Case)
	author := r.Entry.Author
	switch {
	case v == nil:
		return refuse("unknown-case", "no accusation of a blob is open under this id")
	case b.Blob != accused.Evidence:
		return refuse("unknown-case", "the accusation is about another blob")
	case v.Decided:
		return refuse("too-late", "the accusation is decided")
	case slices.Contains(v.Guilty, author) || slices.Contains(v.Innocent, author):
		return refuse("duplicate", "the validator has judged")
	}
	v.Judgments = append(v.Judgments, *r)
	if b.Guilty {
		v.Guilty = append(v.Guilty, author)
	} else {
		v.Innocent = append(v.Innocent, author)
	}
	f := accused
	switch {
	case s.members.majority(v.Guilty):
		f.Detail = "more than two thirds of the validators found that the blob does not verify"
	case s.members.majority(v.Innocent):
		f = s.fault(accusation.Entry.Author, FaultFalseAccusation,
			"more than two thirds of the validators found that the accused blob verifies", accused.Evidence)
	default:
		return nil
	}
	v.Decided = true
	s.convict(r, f, in, append([]Record{*accusation}, v.Judgments...)...)
	return nil
}

// accusation is the undecided accusation in an aborted formation or an ended query: the words
// about it, its record, and whom it accuses of what.
func (s *State) accusation(id engine.Digest) (*verdicts, *Record, *Fault, trialOf) {
	if q := s.queries[id]; q != nil && q.Phase == PhaseAccused {
		a := q.Accusation
		return &q.verdicts, q.ending, s.fault(a.Department, a.Fault, "", a.Blob), trialOf{query: id}
	}
	if ep := s.EpochByID(id); ep != nil && ep.Abort != nil && ep.Abort.Culprit != ep.Aborter && ep.Abort.Fault != FaultUnavailable {
		return &ep.verdicts, ep.ending, s.fault(ep.Abort.Culprit, ep.Abort.Fault, "", ep.Abort.Blob), trialOf{epoch: id}
	}
	return nil, nil, nil, trialOf{}
}
