package protocols_test

import (
	"errors"
	"slices"

	"parley/engine"
	"parley/protocols"
)

// adversary stands between the parties of a world. Its zero value does nothing.
type adversary struct {
	says    func(p *party, e protocols.Entry) []protocols.Entry                               // in place of e, in this order
	serves  func(p, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) // in place of the blob
	arrives func(p *party, digest engine.Digest, deliver func())                              // in place of delivering
	lies    map[engine.Digest]bool                                                            // entries that are none of an honest machine
	codes   []string                                                                          // how these, and what is said twice, were refused
	held    []task                                                                            // until nothing else moves
	opens   bool                                                                              // who commits to another's key commits to another secret instead
	last    bool                                                                              // held ones are let go in reverse order
}

// hold keeps something back until nothing else moves any more.
func (w *world) hold(p *party, run func()) {
	w.held = append(w.held, task{p: p, life: p.life, run: run})
}

// release lets go what is held back, one at a time.
func (w *world) release() bool {
	if len(w.held) == 0 {
		return false
	}
	i := 0
	if w.last {
		i = len(w.held) - 1
	}
	w.tasks = append(w.tasks, w.held[i])
	w.held = slices.Delete(w.held, i, i+1)
	return true
}

func (w *world) arrive(p *party, digest engine.Digest, deliver func()) {
	if w.arrives == nil {
		deliver()
		return
	}
	w.arrives(p, digest, deliver)
}

// lie marks an entry as one that no honest machine said.
func (w *world) lie(e protocols.Entry) protocols.Entry {
	if w.lies == nil {
		w.lies = map[engine.Digest]bool{}
	}
	w.lies[e.Digest()] = true
	return e
}

// heard notes how the referee took an entry that the adversary had a hand in.
func (w *world) heard(e protocols.Entry, err error) {
	var r *protocols.Refusal
	switch {
	case err == nil || !w.lies[e.Digest()]:
		return
	case errors.As(err, &r):
		w.codes = append(w.codes, r.Code)
	default:
		w.codes = append(w.codes, "not read")
	}
}

// blobOf tells of what entry a blob is, and whose.
func (w *world) blobOf(digest engine.Digest) (protocols.EntryKind, *party) {
	for _, r := range w.ledger.records {
		if slices.Contains(w.blobsOf(r.Entry), digest) {
			return r.Entry.Kind, w.byKey(r.Entry.Author)
		}
	}
	return 0, nil
}

// entriesOn are the ledger's entries of a kind, in their order.
func (w *world) entriesOn(kind protocols.EntryKind) []protocols.Entry {
	var out []protocols.Entry
	for _, r := range w.ledger.records {
		if r.Entry.Kind == kind {
			out = append(out, r.Entry)
		}
	}
	return out
}
