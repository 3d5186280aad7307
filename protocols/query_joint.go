package protocols

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"parley/engine"
	"parley/protocols/mhe"
)

// Persons asks for what a department has of each person of a spine, on one side of a plan that joins tables by persons: of each of Vectors,
// in its group of that side, a number for each position. Answer with Entries.
type Persons struct {
	Plan    *engine.Plan
	Spine   Linked // which one, and how many positions
	Side    int
	Vectors []PersonVector
}

// PersonVector is one of a side's vectors (engine.Side.Vectors) in one of its groups (engine.Linked.Group).
type PersonVector struct{ Vector, Group int }

// Entries answers Ready.Persons.
type Entries struct {
	Side    int
	Entries [][]int64 // by vector that was asked for, and position
	Err     error     // what the analyst may be told; the operator's detail is logged elsewhere
}

func (Entries) event() {}

// joins is what a department's machine has of a question that joins tables by persons.
type joins struct {
	asked  [2]bool        // for entries, by side
	made   map[int][]byte // products, by number; of which an indicator is kept beside
	before map[int][]byte // those of the screening that an answer rests on
	again  [][]byte       // its own products of that screening, to be served again
}

// vectorStore has a department's own vectors of an epoch: each is made once, and serves every question.
type vectorStore struct {
	named map[engine.Digest]*storedVector // by digest of the vector
	blobs map[engine.Digest][]byte        // all ciphertexts, by their own
	bytes int
}

type storedVector struct {
	chunks map[int][]byte
	maker  *desk // whose machine makes what is missing; another one may once that is over
	whole  int   // so many ciphertexts, then
}

func (v *vectorStore) of(name engine.Digest) *storedVector {
	if v.named[name] == nil {
		v.named[name] = &storedVector{chunks: map[int][]byte{}}
	}
	return v.named[name]
}

// put stores a ciphertext of a vector, unless it is there: all questions share one copy.
func (v *vectorStore) put(name engine.Digest, chunk int, blob []byte) {
	if of := v.of(name); of.chunks[chunk] == nil {
		of.chunks[chunk], v.blobs[BlobDigest(blob)] = blob, blob
		v.bytes += len(blob)
	}
}

// claim is what becomes of vectors that a machine needs.
type claim uint8

const (
	allMade       claim = iota
	toBeMade            // by this machine: all that is missing
	madeElsewhere       // some of it is another machine's to make, and none has become this one's
	tooMany             // the department makes no more in the epoch
)

// claim gives the ciphertexts of some vectors, of so many chunks each of so many bytes, once all are there. Else what is missing is by's to make from now on:
// all of it, or while another machine makes some of it none. Of two machines that each had some of what both need neither would go on.
func (v *vectorStore) claim(names []engine.Digest, chunks, size int, by *desk) (blobs [][]byte, of claim) {
	var missing []*storedVector
	for _, name := range names {
		store := v.of(name)
		for chunk := range chunks {
			if blob := store.chunks[chunk]; blob != nil {
				blobs = append(blobs, blob)
			} else if !slices.Contains(missing, store) {
				missing = append(missing, store)
			}
		}
	}
	if len(missing) == 0 {
		return blobs, allMade
	}
	if slices.ContainsFunc(missing, func(s *storedVector) bool { return s.maker != by && s.made() }) {
		return nil, madeElsewhere
	}
	bytes := v.bytes // and what is being made
	for _, store := range missing {
		bytes += size * (chunks - len(store.chunks))
	}
	for _, store := range v.named {
		if store.made() && store.maker != by {
			bytes += size * (store.whole - len(store.chunks))
		}
	}
	if bytes > MaxVectorBytes {
		return nil, tooMany
	}
	for _, store := range missing {
		store.maker, store.whole = by, chunks
	}
	return nil, toBeMade
}

// made reports whether a live machine makes what is missing.
func (s *storedVector) made() bool {
	return s.maker != nil && !s.maker.over && len(s.chunks) < s.whole
}

// restorePart takes a journaled ciphertext of a vector, or a product.
func (q *Query) restorePart(r *JournalRecord) {
	s := q.state()
	switch at := int(r.Index); {
	case len(r.Blobs) != 1:
	case r.Kind == JournalVector:
		q.epoch.Restore(r)
	case r.Kind == JournalProduct && r.Query == q.id:
		q.joins.made[at] = r.Blobs[0]
		q.hold(r.Blobs...)
	case r.Kind == JournalProduct && r.Query == s.Ask.Screen:
		q.joins.before[at] = r.Secret
		q.hold(r.Blobs...)
		q.joins.again = append(q.joins.again, r.Blobs[0])
	}
}

// blobsOf are own blobs that an entry names; nil unless the journal has all.
func (q *Query) blobsOf(digests []engine.Digest) (out [][]byte) {
	for _, d := range digests {
		blob := q.epoch.vectors.blobs[d]
		if blob == nil {
			blob = q.blobs[d]
		}
		if blob == nil {
			return nil
		}
		out = append(out, blob)
	}
	return out
}

// restoreParts finds the vectors and products that a department's entries name in its journal.
func (q *Query) restoreParts() error {
	if q.state().Ask.Linked == nil {
		return nil
	}
	for _, kind := range []EntryKind{KindContribute, KindMultiply} {
		e, ok := q.entriesNamed(kind)
		if !ok {
			continue
		}
		blobs := q.blobsOf(e)
		if blobs == nil {
			return fmt.Errorf("%w: it lacks what an entry of query %s names", ErrJournal, q.id)
		}
		q.hold(blobs...)
		if kind == KindMultiply {
			q.products = blobs
		} else {
			q.contribution = &JournalRecord{Kind: JournalEntry, Query: q.id, Epoch: q.epoch.Digest, Blobs: blobs}
		}
	}
	return nil
}

// entriesNamed are the digests in the journaled entry of a kind.
func (q *Query) entriesNamed(kind EntryKind) ([]engine.Digest, bool) {
	e, ok := q.entries[kind]
	if !ok {
		return nil, false
	}
	body, err := e.Open()
	if err != nil {
		return nil, false
	}
	switch b := body.(type) {
	case *Contribute:
		return b.Blobs, true
	case *Multiply:
		return b.Blobs, true
	}
	return nil, false
}

// contributeVectors commits to a department's vectors, of which it makes those that no question of the epoch has needed before.
func (q *Query) contributeVectors(s *QueryState) {
	own := s.contributor(q.self)
	if !s.encrypts[own] {
		return
	}
	j := q.dossier.joint
	blobs, claimed := q.epoch.vectors.claim(j.names[own], j.chunks, SizesOf(q.params).Contribution, &q.desk)
	switch claimed {
	case madeElsewhere: // once it is in the journal, or that question is over, this one is stepped (Machine)
		return
	case tooMany:
		q.refuse(engine.CodeLimit, fmt.Sprintf("this department has made as many vectors in this epoch as it may: more than %d MB of them", MaxVectorBytes>>20))
		return
	case toBeMade:
		q.askFor(j.encrypted)
		return
	}
	q.contribution = &JournalRecord{Kind: JournalEntry, Query: q.id, Epoch: q.epoch.Digest}
	q.hold(blobs...)
	q.journal(*q.contribution, q.sign(&Contribute{Query: q.id, Epoch: q.epoch.Digest, Blobs: q.namesOf(blobs)}))
	q.contribution.Blobs = blobs
	q.send(KindContribute)
}

// stored is one of the department's own vectors.
func (q *Query) stored(own, index int) *storedVector {
	return q.epoch.vectors.of(q.dossier.joint.names[own][index])
}

// askFor asks the shell for what the department has of each person on a side, once.
func (q *Query) askFor(side int) {
	if q.joins.asked[side] {
		return
	}
	q.joins.asked[side] = true
	j := q.dossier.joint
	r := &Persons{Plan: q.dossier.plan, Spine: *j.ask, Side: side}
	if side == j.encrypted {
		for _, v := range j.vectors {
			r.Vectors = append(r.Vectors, PersonVector{Vector: v.vector, Group: v.group})
		}
	} else {
		for _, by := range j.factors() {
			r.Vectors = append(r.Vectors, PersonVector{Vector: by.vector, Group: by.group})
		}
	}
	q.ready.Persons = append(q.ready.Persons, r)
}

// factors are the different vectors that products multiply by.
func (j *joint) factors() (out []sided) {
	for _, p := range j.products {
		if p.part == 0 && !slices.Contains(out, p.by) {
			out = append(out, p.by)
		}
	}
	return out
}

// persons takes what the shell found of persons.
func (q *Query) persons(e Entries) {
	s := q.state()
	if s.contributor(q.self) < 0 || q.dossier == nil || q.dossier.joint == nil || e.Side < 0 || e.Side > 1 || !q.joins.asked[e.Side] || q.withholds() {
		return
	}
	j := q.dossier.joint
	want := len(j.vectors)
	if e.Side != j.encrypted {
		want = len(j.factors())
	}
	err := e.Err
	if err == nil && len(e.Entries) != want {
		err = fmt.Errorf("%d vectors were aggregated, of %d", len(e.Entries), want)
	}
	for i := 0; err == nil && i < want; i++ {
		err = j.within(e.Side, i, s.Contributors[s.contributor(q.self)].Name, e.Entries[i])
	}
	switch {
	case err != nil:
		q.refuse(CodeAggregation, err.Error())
	case e.Side == j.encrypted && s.Phase == PhaseContributing:
		q.makeVectors(s, e.Entries)
	case e.Side != j.encrypted && s.Phase == PhaseMultiplying:
		q.makeProducts(s, e.Entries)
	}
}

// within holds what a department has of persons to its registration: which entry is beyond it, and so whose, is not said.
func (j *joint) within(side, index int, department string, entries []int64) error {
	of := j.vectors
	if side != j.encrypted {
		of = j.factors()
	}
	b, err := j.bounds(side, of[index], slices.Index(j.linked.Sides[side].Departments, department))
	if err != nil || len(entries) != b.Positions {
		return cmp.Or(err, errors.New("a vector is of another length than its spine"))
	}
	for _, v := range entries {
		if v < b.Lo || v > b.Hi {
			return errors.New("what this department has of a person is beyond what it registered")
		}
	}
	return nil
}

// makeVectors encrypts what is missing of the department's vectors, each ciphertext in a job of its own.
func (q *Query) makeVectors(s *QueryState, entries [][]int64) {
	d, own := q.dossier, s.contributor(q.self)
	for index := range d.joint.vectors {
		name, store := d.joint.names[own][index], q.stored(own, index)
		for chunk := range d.joint.chunks {
			if store.chunks[chunk] != nil || store.maker != &q.desk {
				continue
			}
			b, v, err := d.vectorBinding(own, index*d.joint.chunks+chunk)
			if err != nil {
				q.refuse(CodeInternal, err.Error())
				return
			}
			q.makePart("encryption", func() (*mhe.Draft, []byte, error) {
				draft, err := mhe.DraftVector(q.params, b, q.epoch.Key, v, entries[index], chunk)
				return draft, nil, err
			}, func(blob, _ []byte) {
				q.epoch.vectors.put(name, chunk, blob)
				q.journalPart(JournalRecord{Kind: JournalVector, Query: name, Epoch: q.epoch.Digest, Index: uint32(chunk), Blobs: [][]byte{blob}})
			})
		}
	}
}

// makePart drafts and proves one message in jobs; keep journals it.
func (q *Query) makePart(name string, draft func() (*mhe.Draft, []byte, error), keep func(blob, secret []byte)) {
	q.work(name, func() func() {
		message, secret, err := draft()
		return func() {
			if err != nil {
				q.refuse(CodeAggregation, "what this department has of its persons is not what it registered, or it has not kept which persons it counted")
				return
			}
			q.work("proving", func() func() {
				blob, err := message.Prove(q.keys)
				return func() {
					switch {
					case q.breaks(err):
					case err != nil:
						q.refuse(CodeInternal, "a proof could not be made: "+err.Error())
					default:
						keep(blob, secret)
					}
				}
			})
		}
	})
}

// journalPart journals a message that no entry is signed for by itself.
func (q *Query) journalPart(r JournalRecord) {
	if ep := q.referee.epoch(r.Epoch); ep != nil {
		r.Number = ep.Number
	}
	q.ready.Persist = append(q.ready.Persist, r)
}

// multiply is the department's part once all vectors are committed to, if it holds the side that multiplies: it verifies all vectors, and makes
// its products of their sums.
func (q *Query) multiply(s *QueryState) {
	own := s.contributor(q.self)
	if own < 0 || !s.multiplies[own] {
		q.publishOwn()
		return
	}
	if q.resend(KindRefuse) || q.resend(KindMultiply) || q.resend(KindAccuse) {
		q.publishOwn()
		q.publish(q.shown...)
		return
	}
	q.publishOwn()
	if !q.prepare(s) {
		return
	}
	if !q.examineVectors() {
		if bad := q.failed(); bad != nil {
			q.accuse(s, bad)
		}
		return
	}
	if n := len(q.dossier.joint.products); len(q.joins.made) < n {
		q.askFor(1 - q.dossier.joint.encrypted)
		return
	}
	q.committed(s)
}

// committed commits to the department's products, all of which are in its journal.
func (q *Query) committed(s *QueryState) {
	var blobs [][]byte
	for index := range q.dossier.joint.products {
		blobs = append(blobs, q.joins.made[index])
	}
	q.hold(blobs...)
	q.products = blobs
	q.post(&Multiply{Query: q.id, Epoch: q.epoch.Digest, Blobs: blobDigests(blobs)}, JournalRecord{Query: q.id, Epoch: q.epoch.Digest})
}

// makeProducts multiplies, each product in a job of its own. What a screening's products go by is kept in the journal, for those of the answer.
func (q *Query) makeProducts(s *QueryState, entries [][]int64) {
	d, self := q.dossier, s.contributor(q.self)
	at := map[sided]int{}
	for i, by := range d.joint.factors() {
		at[by] = i
	}
	for index, product := range d.joint.products {
		if q.joins.made[index] != nil {
			continue
		}
		all, size := entries[at[product.by]], q.params.ProductChunks()*q.params.Limbs()
		own := ownPart(all, product.part, size)
		q.makePart("encryption", q.draftProduct(d, self, index, own), func(blob, kept []byte) {
			q.joins.made[index] = blob
			q.journalPart(JournalRecord{Kind: JournalProduct, Query: q.id, Epoch: q.epoch.Digest, Index: uint32(index), Secret: kept, Blobs: [][]byte{blob}})
		})
	}
}

func ownPart(entries []int64, part, size int) []int64 {
	return entries[part*size : min((part+1)*size, len(entries))]
}

// draftProduct is the job that makes one product, and what is kept of it.
func (q *Query) draftProduct(d *dossier, contributor, index int, own []int64) func() (*mhe.Draft, []byte, error) {
	product := d.joint.products[index]
	binding, vector := d.productBinding(contributor, index), d.chunksOf(index)
	p, pk := q.params, q.epoch.Key
	if product.pin < 0 {
		return func() (*mhe.Draft, []byte, error) {
			draft, kept, err := mhe.DraftProduct(p, binding, pk, vector, own)
			if err != nil {
				return nil, nil, err
			}
			raw, err := kept.MarshalBinary()
			return draft, raw, err
		}
	}
	pin, raw := d.pin(contributor, index), q.joins.before[product.pin]
	return func() (*mhe.Draft, []byte, error) {
		kept, err := mhe.ParseIndicator(p, raw)
		if err != nil {
			return nil, nil, fmt.Errorf("this department has not kept which persons it counted: %w", err)
		}
		if product.weighted {
			draft, err := mhe.DraftWeightedProduct(p, binding, pk, vector, own, product.lo, pin, kept)
			return draft, nil, err
		}
		draft, err := mhe.DraftPinnedProduct(p, binding, pk, vector, pin, kept)
		return draft, nil, err
	}
}

// mayAnswer asks the shell whether the department answers about its tables over the present version of a spine. What no one has said is not allowed.
func (q *Query) mayAnswer(s *QueryState) error {
	l := s.Ask.Linked
	if l == nil || s.contributor(q.self) < 0 {
		return nil
	}
	spine := q.referee.spineNow(l)
	if spine == nil {
		return &engine.Error{Code: CodeStaleSpine, Message: "the spine is another one now"}
	}
	if q.d.MayAnswer == nil {
		return &engine.Error{Code: CodePolicy, Message: "this department does not say over which spines it answers"}
	}
	for _, r := range s.Registrations {
		if r.Department != q.referee.NameOf(q.self) {
			continue
		}
		if err := q.d.MayAnswer(r.Table, RegistrationDigest(r), *spine); err != nil {
			return err
		}
	}
	return nil
}
