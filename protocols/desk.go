package protocols

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"parley/circuits"
	"parley/engine"
)

// desk is what every machine has: who it is, what it holds, and the Ready that it is filling.
type desk struct {
	key     ed25519.PrivateKey
	self    Key
	params  circuits.Params
	keys    *circuits.Keys
	vk      *circuits.VerifyingKeys
	referee *State
	network engine.Digest

	blobs     map[engine.Digest][]byte
	lies      map[engine.Digest]*Served
	wanted    map[engine.Digest]bool
	published map[engine.Digest]bool
	entries   map[EntryKind]Entry // journaled, for this machine's subject
	sent      map[EntryKind]bool
	shown     [][]byte                // blobs that this party accused of: it must be able to show them
	names     map[*byte]engine.Digest // of own blobs, by where they begin: hashed once, however often a machine looks at them

	ready  Ready
	over   bool
	broken error // circuits.ErrBrokenKey: it ends the machine, and whoever runs it, without a word to others
}

func newDesk(key ed25519.PrivateKey, keys *circuits.Keys, vk *circuits.VerifyingKeys, s *State) desk {
	return desk{key: key, self: KeyOf(key), params: vk.Params(), keys: keys, vk: vk, referee: s, network: s.ID(),
		blobs: map[engine.Digest][]byte{}, lies: map[engine.Digest]*Served{}, wanted: map[engine.Digest]bool{},
		published: map[engine.Digest]bool{}, names: map[*byte]engine.Digest{}, entries: map[EntryKind]Entry{}, sent: map[EntryKind]bool{}}
}

// done is the event of a finished job: what to do with its result, by the machine that asked.
type done struct {
	desk  *desk
	apply func()
}

func (done) event() {}

// step takes an event and then lets advance do what the ledger and the machine's own knowledge
// ask for. Machines look at the state, not at the event, so that after a restart, or when
// events were merged, they do the same.
func (d *desk) step(e Event, advance, expire func() error) (Ready, error) {
	if d.over {
		return Ready{}, nil
	}
	d.ready = Ready{}
	var err error
	switch e := e.(type) {
	case Blob:
		d.take(e)
	case done:
		if e.desk != d {
			return Ready{}, nil
		}
		e.apply()
	case Deadline:
		err = expire()
	}
	if err == nil {
		err = d.broken
	}
	if !d.over && err == nil {
		err = advance()
	}
	ready := d.ready
	d.ready = Ready{}
	if err != nil {
		d.over = true
		return Ready{}, err
	}
	return ready, nil
}

// breaks takes note of an error that came of a broken key. What the machine says to others must
// not depend on it: a key that fails on some cells tells about them by its failing.
func (d *desk) breaks(err error) bool {
	if errors.Is(err, circuits.ErrBrokenKey) {
		d.broken = err
	}
	return d.broken != nil
}

// take stores a blob that was asked for, once its digest fits: the caller need not be trusted.
func (d *desk) take(b Blob) {
	switch {
	case !d.wanted[b.Digest]:
	case b.Lie != nil:
		if d.blobs[b.Digest] == nil {
			d.lies[b.Digest] = b.Lie
		}
	case BlobDigest(b.Bytes) == b.Digest:
		d.blobs[b.Digest] = b.Bytes
	}
}

// nameOf is the digest of an own blob, which nobody changes.
func (d *desk) nameOf(blob []byte) engine.Digest {
	if len(blob) == 0 {
		return BlobDigest(blob)
	}
	name, known := d.names[&blob[0]]
	if !known {
		name = BlobDigest(blob)
		d.names[&blob[0]] = name
	}
	return name
}

func (d *desk) namesOf(blobs [][]byte) []engine.Digest {
	out := make([]engine.Digest, len(blobs))
	for i, blob := range blobs {
		out[i] = d.nameOf(blob)
	}
	return out
}

// hold keeps an own blob.
func (d *desk) hold(blobs ...[]byte) {
	for _, blob := range blobs {
		d.blobs[d.nameOf(blob)] = blob
	}
}

// drop forgets others' blobs, by owner, that are verified and published.
func (d *desk) drop(owners []Member, digests [][]engine.Digest) {
	for i, row := range digests {
		if owners[i].Key == d.self {
			continue
		}
		for _, digest := range row {
			if blob := d.blobs[digest]; len(blob) > 0 {
				delete(d.names, &blob[0])
				delete(d.blobs, digest)
			}
		}
	}
}

func (d *desk) want(digest engine.Digest, size int, sources ...Key) {
	d.fetch(Want{Digest: digest, Size: size, Sources: sources})
}

// fetch asks for a blob that is neither there nor asked for.
func (d *desk) fetch(w Want) {
	if d.wanted[w.Digest] || d.blobs[w.Digest] != nil {
		return
	}
	d.wanted[w.Digest] = true
	var others []Key
	for _, k := range w.Sources {
		if k != d.self && !slices.Contains(others, k) {
			others = append(others, k)
		}
	}
	w.Sources = others
	d.ready.Fetch = append(d.ready.Fetch, w)
}

func (d *desk) publish(blobs ...[]byte) {
	for _, blob := range blobs {
		if digest := d.nameOf(blob); !d.published[digest] {
			d.published[digest] = true
			d.ready.Publish = append(d.ready.Publish, blob)
		}
	}
}

func (d *desk) work(name string, run func() func()) {
	d.ready.Work = append(d.ready.Work, Job{Name: name, Run: func() Event { return done{desk: d, apply: run()} }})
}

func (d *desk) sign(body Body) Entry { return Sign(d.network, d.key, body) }

// post sends the machine's one entry of this kind: the journaled one if there is one, else a
// new one that is journaled first.
func (d *desk) post(body Body, r JournalRecord) {
	if _, ok := d.entries[body.Kind()]; !ok {
		e := d.sign(body)
		d.journal(r, e)
	}
	d.send(body.Kind())
}

func (d *desk) journal(r JournalRecord, e Entry) {
	if r.Kind == 0 {
		r.Kind = JournalEntry
	}
	if ep := d.referee.epoch(r.Epoch); ep != nil {
		r.Number = ep.Number
	}
	r.Entry = e.Marshal()
	d.entries[e.Kind] = e
	d.ready.Persist = append(d.ready.Persist, r)
}

func (d *desk) send(kind EntryKind) {
	if !d.sent[kind] {
		d.sent[kind] = true
		d.ready.Send = append(d.ready.Send, d.entries[kind])
	}
}

func (d *desk) has(kind EntryKind) bool { _, ok := d.entries[kind]; return ok }

func (d *desk) finish(o Outcome) {
	slices.Sort(o.Departments)
	o.Departments = slices.Compact(o.Departments)
	d.ready.Outcome = &o
	d.over = true
}

// forgotten is the outcome of a machine whose query or epoch the state no longer keeps: it ended
// long ago.
func (d *desk) forgotten() (Ready, error) {
	if d.over {
		return Ready{}, nil
	}
	d.over = true
	return Ready{Outcome: &Outcome{Status: Expired, Code: "forgotten", Sentence: "it ended, and the ledger has gone on since"}}, nil
}

func (d *desk) fail(f *Fault) {
	o := Outcome{Status: Failed, Code: string(f.Kind), Fault: f, Departments: []string{f.Department}, Sentence: f.sentence()}
	if f.Reporter != "" {
		o.Departments = append(o.Departments, f.Reporter)
		o.Sentence += ", says " + f.Reporter
	}
	d.finish(o)
}

// restore reads a journal record's entry, which this party signed.
func (d *desk) restore(r *JournalRecord) error {
	e, err := ParseEntry(r.Entry)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	if e.Author != d.self {
		return fmt.Errorf("%w: it holds an entry of another author", ErrJournal)
	}
	if _, ok := d.entries[e.Kind]; ok && e.Kind != KindDone { // an analyst's later Done replaces
		return fmt.Errorf("%w: it holds two %s entries for one thing", ErrJournal, e.Kind)
	}
	d.entries[e.Kind] = e
	d.hold(r.Blobs...)
	if e.Kind == KindAccuse || e.Kind == KindEpochAbort {
		d.shown = r.Blobs
	}
	return nil
}

// convict posts an accusation. Its blob, unless the accused's own signature is the evidence or nobody can check it, is
// journaled and served with it: whoever accuses shows the blob.
func (d *desk) convict(body Body, bad *failure, r JournalRecord) {
	if blob := d.blobs[bad.digest]; blob != nil && bad.served == nil && bad.fault.Kind != FaultUnavailable && !d.has(body.Kind()) {
		d.shown = [][]byte{blob}
	}
	r.Blobs = d.shown
	d.publish(d.shown...)
	d.post(body, r)
}

// word says what this validator found about an accused blob, unless it has.
func (d *desk) word(b *Judge, said bool, r JournalRecord) {
	if !said && d.referee.IsValidator(d.self) {
		d.post(b, r)
	}
}

// names of members that are not this party, as sources of blobs.
func memberKeys(members []Member) []Key {
	keys := make([]Key, len(members))
	for i, m := range members {
		keys[i] = m.Key
	}
	return keys
}
