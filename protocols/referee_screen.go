package protocols

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"parley/engine"
)

// Screen is a contributor's verdict in a screening, once it has opened the counts: what of the answer is
// shown, and for which rule the rest is not (README section 3.10).
type Screen struct {
	_       struct{} `cbor:",toarray"`
	Query   engine.Digest
	Verdict engine.Digest // of the packed verdict
	Packed  []byte        // that itself (packVerdict), by the screening's recipient; others' is empty
}

// Kind implements Body.
func (*Screen) Kind() EntryKind { return KindScreen }

func (b *Screen) check() error {
	if len(b.Packed) == 0 {
		return nil
	}
	if verdictDigest(b.Packed) != b.Verdict {
		return errors.New("another verdict than the one that is named")
	}
	_, err := unpackVerdict(b.Packed)
	return err
}

// newScreen is what a contributor signs of a verdict.
func newScreen(q *QueryState, self Key, packed []byte) *Screen {
	b := &Screen{Query: q.ID, Verdict: verdictDigest(packed)}
	if q.receives(self) {
		b.Packed = packed
	}
	return b
}

func verdictDigest(packed []byte) engine.Digest { return engine.Hash("parley verdict 1", packed) }

// packVerdict writes a verdict, one code a cell, as runs: a code and how many cells in a row have it, as a
// uvarint. The error says that it is too long for an entry.
func packVerdict(verdict []byte) ([]byte, error) {
	var out []byte
	for i := 0; i < len(verdict); {
		run := 1
		for i+run < len(verdict) && verdict[i+run] == verdict[i] {
			run++
		}
		out = binary.AppendUvarint(append(out, verdict[i]), uint64(run))
		i += run
	}
	if len(out) > MaxVerdictBytes {
		return nil, &engine.Error{Code: engine.CodeLimit, Message: "what is shown and what is not takes too many bytes for the ledger", Hint: "ask for fewer groups"}
	}
	return out, nil
}

// unpackVerdict reads what packVerdict writes, and nothing else.
func unpackVerdict(packed []byte) (out []byte, err error) {
	err = checkRuns(packed, func(code byte, run int) { out = append(out, bytes.Repeat([]byte{code}, run)...) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkRuns refuses what packVerdict does not write, and visits each run, if that is wanted. A few bytes can be of many cells, so
// it does not make them.
func checkRuns(packed []byte, visit func(code byte, run int)) error {
	if len(packed) == 0 || len(packed) > MaxVerdictBytes {
		return fmt.Errorf("verdict of %d bytes, allowed 1 to %d", len(packed), MaxVerdictBytes)
	}
	cells, before := 0, -1
	for rest := packed; len(rest) > 0; {
		code := rest[0]
		run, n := binary.Uvarint(rest[1:])
		switch {
		case n <= 0 || run == 0 || run > uint64(MaxScreenedCells-cells):
			return fmt.Errorf("a verdict is of at most %d cells, in runs", MaxScreenedCells)
		case int(code) == before || n != len(binary.AppendUvarint(nil, run)):
			return errors.New("a verdict that is written in another way")
		}
		if visit != nil {
			visit(code, int(run))
		}
		cells, before, rest = cells+int(run), int(code), rest[1+n:]
	}
	return nil
}

// recipient is the contributor to whose key a screening's counts are re-encrypted. The query's id chooses it.
func (q *QueryState) recipient() Key { return q.Contributors[q.receiver()].Key }

// receiver is its index among the contributors.
func (q *QueryState) receiver() int {
	return int(binary.BigEndian.Uint64(q.ID[:8]) % uint64(len(q.Contributors)))
}

// receives reports whether a party is the recipient of a screening, and so gives its key.
func (q *QueryState) receives(k Key) bool { return q.Ask.Screening && q.recipient() == k }

// screenOf is the screening that a question names, which has to be of the same question under the same decisions; nil if it
// names none.
func (s *State) screenOf(r *Record, b *Ask, under *ruling) (*QueryState, *Refusal) {
	if b.Screen == (engine.Digest{}) {
		return nil, nil
	}
	q := s.queries[b.Screen]
	switch {
	case q == nil || !q.Ask.Screening:
		return nil, refuse("unknown-screening", "no such screening is kept: ask for it again")
	case q.Phase != PhaseDone:
		return nil, refuse("too-early", "the screening is %s", q.Phase)
	case q.Author != r.Entry.Author || q.use() != useOf(q.vouch.body.First, b) || q.Ask.SQL != b.SQL || q.Ask.Round != b.Round || q.Ask.Epoch != b.Epoch || !q.Ask.Linked.same(b.Linked):
		return nil, refuse("not-owner", "the screening is of another question")
	case !q.ruling.same(under):
		return nil, refuse("stale-screening", "a department has decided otherwise since the screening: ask for it again")
	}
	return q, nil
}

// same reports whether two questions were asked under the same decisions.
func (r *ruling) same(o *ruling) bool {
	return slices.EqualFunc(r.decisions(), o.decisions(), func(a, b *decided) bool { return a.record.Number == b.record.Number })
}

// judgeCells takes a contributor's verdict. All of them saw the same counts: two that differ end the screening with both names.
func (s *State) judgeCells(q *QueryState, r *Record, b *Screen) *Refusal {
	i := q.contributor(r.Entry.Author)
	switch {
	case i < 0 || !q.Ask.Screening:
		return refuse("stranger", "the author is not a contributor of a screening")
	case (len(b.Packed) > 0) != q.receives(r.Entry.Author):
		return s.failBy(q, r, FaultGarbage, "writes the verdict out where it is not to, or does not where it is", q.records[0])
	case q.screened[i] != 0 && q.Verdicts[i] == b.Verdict:
		return refuse("duplicate", "the verdict is signed")
	case q.screened[i] != 0:
		return s.failBy(q, r, FaultSecond, "signs a second verdict", q.recordsOf(KindScreen, r.Entry.Author)...)
	case q.Phase != PhaseShared:
		return refuse("too-early", "the query is %s", q.Phase)
	}
	q.note(r, b)
	for j, other := range q.Verdicts {
		if q.screened[j] != 0 && other != b.Verdict {
			f := s.fault(r.Entry.Author, FaultVerdicts, "its verdict is not that of "+q.Contributors[j].Name, r.Entry.Digest())
			f.Reporter = q.Contributors[j].Name
			s.fail(q, f)
			return nil
		}
	}
	if !slices.Contains(q.screened, 0) {
		q.Done = r
		s.end(q, PhaseDone)
	}
	return nil
}

// agreed reports whether all contributors of a screening signed one verdict.
func (q *QueryState) agreed() bool {
	return q.Ask.Screening && !slices.Contains(q.screened, 0) &&
		!slices.ContainsFunc(q.Verdicts, func(v engine.Digest) bool { return v != q.Verdicts[0] })
}

// Verdict is what a screening says of the answer's cells, by a code each (engine.Plan.Screened); nil while it has not ended so.
func (q *QueryState) Verdict() []byte {
	if !q.agreed() {
		return nil
	}
	verdict, err := unpackVerdict(q.packed)
	if err != nil {
		return nil
	}
	return verdict
}

// Screen is the screening that a question rests on, or nil.
func (q *QueryState) Screen() *QueryState { return q.screen }

// use is useOf of a kept query.
func (q *QueryState) use() engine.Digest { return useOf(q.vouch.body.First, &q.Ask) }

// stage orders what one question asks for on the ledger: the screening of each round and its answer, which take one use of a
// grant together. 0 is a question that asks once.
func (a *Ask) stage() uint32 {
	switch {
	case a.Screening:
		return 2*max(a.Round, 1) - 1
	case a.Round > 0 || a.Screen != engine.Digest{}:
		return 2 * max(a.Round, 1)
	}
	return 0
}

// follows is the stage that one goes on from, if a question of this stage may: the one before, or where there was no
// screening the round before.
func (a *Ask) follows(stage uint32) bool {
	now := a.stage()
	return now > 1 && (stage+1 == now || stage+2 == now && now%2 == 0 && a.Screen == engine.Digest{})
}

// restsOn reports whether a question that is kept rests on this screening, which is kept as long.
func (s *State) restsOn(id engine.Digest) bool {
	if !s.queries[id].Ask.Screening {
		return false
	}
	for _, q := range s.queries {
		if q.Ask.Screen == id {
			return true
		}
	}
	return false
}

// screenBytes is what the records of a screening add to a certificate.
func (s *State) screenBytes(id engine.Digest) (n int) {
	if q := s.queries[id]; q != nil {
		for i := range q.records {
			n += len(q.records[i].Entry.Body) + 512
		}
	}
	return n
}
