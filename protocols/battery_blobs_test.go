package protocols_test

import (
	"slices"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

// blobPlan is what the cases of one kind of blob have in common.
type blobPlan struct {
	message string
	kind    protocols.EntryKind // that commits to it
	scene   *scene
	by      string
	omitted string // class when nobody can have it
	missing []string
	told    string // class when its owner signs that it serves other bytes
	convict bool   // and whether the owner is convicted of it: an analyst is not
}

var blobPlans = []blobPlan{
	{message: "key share", kind: protocols.KindKeyCommit, scene: founding, by: "city2", omitted: nothing, missing: []string{"city2"}, told: anyway, convict: true},
	{message: "analyst's key", kind: protocols.KindAsk, scene: asking, by: "analyst", omitted: refused, told: anyway},
	{message: "contribution", kind: protocols.KindContribute, scene: asking, by: "city2", omitted: expired, missing: []string{"city2"}, told: failed, convict: true},
	{message: "decryption share", kind: protocols.KindShare, scene: asking, by: "city2", omitted: expired, missing: []string{"city2"}, told: failed, convict: true},
}

// serving is what a server does with one of the blobs in question.
type serving func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served)

// blobCases are the deviations of what is fetched by digest.
func blobCases() []sortie {
	var out []sortie
	for _, p := range blobPlans {
		out = append(append(out, p.arrivals()...), p.servings()...)
	}
	return slices.Concat(out, blobLies(), gateCases())
}

// blobsOf are the blobs that an entry commits to.
func (w *world) blobsOf(e protocols.Entry) []engine.Digest {
	body, err := e.Open()
	if err != nil {
		return nil
	}
	switch b := body.(type) {
	case *protocols.KeyCommit:
		return []engine.Digest{b.Blob}
	case *protocols.Ask:
		return []engine.Digest{b.AnalystKey}
	case *protocols.Admit:
		return []engine.Digest{b.Key}
	case *protocols.Contribute:
		return b.Blobs
	case *protocols.Multiply:
		return b.Blobs
	case *protocols.ShareCommit:
		return b.Blobs
	}
	return nil
}

// is reports whether a blob is one in question.
func (p *blobPlan) is(w *world, digest engine.Digest) bool {
	owner, ok := p.like(w, digest)
	return ok && owner != nil && owner.name == p.by
}

// like reports whether a blob is of the same kind, and whose.
func (p *blobPlan) like(w *world, digest engine.Digest) (owner *party, ok bool) {
	if p.scene == screening {
		message, owner := w.gateBlob(digest)
		return owner, message == p.message
	}
	kind, owner := w.blobOf(digest)
	if message, _ := w.gateBlob(digest); p.scene == joinery && message != "" { // its contributors' alone
		return nil, false
	}
	return owner, kind == p.kind
}

// arrivals: what a network does to blobs.
func (p *blobPlan) arrivals() []sortie {
	arriving := func(deviation, how string, all bool, arrive func(w *world, q *party, deliver func())) sortie {
		return sortie{message: p.message, deviation: deviation, how: how, scene: p.scene, want: answered, prepare: func(w *world, _ *party) {
			w.last = deviation == "reordered"
			w.arrives = func(q *party, digest engine.Digest, deliver func()) {
				if _, like := p.like(w, digest); p.is(w, digest) || all && like {
					arrive(w, q, deliver)
					return
				}
				deliver()
			}
		}}
	}
	hold := func(w *world, q *party, deliver func()) { w.hold(q, deliver) }
	return []sortie{
		arriving("delayed", p.by+"'s comes when nothing else moves any more", false, hold),
		arriving("duplicated", "each one arrives twice", true, func(_ *world, _ *party, deliver func()) { deliver(); deliver() }),
		arriving("reordered", "all come when nothing else moves, the last one first", true, hold),
	}
}

// served is a case in which the owner does this with its blob; once: until it is convicted, as
// there would never be an epoch otherwise.
func (p *blobPlan) served(deviation, how, want string, once bool, serve serving) sortie {
	return sortie{message: p.message, deviation: deviation, how: how, scene: p.scene, by: p.by, want: want, prepare: func(w *world, by *party) {
		w.serves = func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
			if from == by && p.is(w, digest) && !(once && len(w.ledger.state.Evidence()) > 0) {
				return serve(from, to, digest, blob)
			}
			return from.signed(digest, blob)
		}
	}}
}

// servings: what a server does with its blob.
func (p *blobPlan) servings() []sortie {
	unservable := func(deviation, how string, serve serving) sortie {
		c := p.served(deviation, how, p.omitted, false, serve)
		c.missing = p.missing
		return c
	}
	lying := func(deviation, how string, fault protocols.FaultKind, serve serving) sortie {
		c := p.served(deviation, how, p.told, true, serve)
		if p.convict {
			c.fault = fault
		}
		return c
	}
	nothing := func(*party, *party, engine.Digest, []byte) ([]byte, *protocols.Served) { return nil, nil }
	out := []sortie{
		unservable("omitted", p.by+" serves it to nobody", nothing),
		unservable("forged", "with a header that "+p.by+" did not sign", func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
			blob, header := to.signed(digest, blob)
			header.Server = from.id
			return blob, header
		}),
		lying("equivocated", "city3, or of a share the analyst, gets other bytes, signed", protocols.FaultEquivocation,
			func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
				if to.name == "city3" || p.kind == protocols.KindShare {
					blob = spoiled(blob)
				}
				return from.signed(digest, blob)
			}),
	}
	long := lying("oversized", "one byte longer, signed", protocols.FaultOversized,
		func(from, _ *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
			return from.signed(digest, append(slices.Clone(blob), 0))
		})
	if p.kind == protocols.KindAsk {
		long.want = refused // nobody else can have it
	}
	out = append(out, long)
	if p.kind == protocols.KindShare {
		return out
	}
	return append(out, p.served("withheld from some", p.by+" serves it to city3 alone", anyway, false,
		func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
			if to.name != "city3" {
				return nil, nil
			}
			return from.signed(digest, blob)
		}), p.byAnother())
}

// byAnother: city1 signs other bytes of a blob that its owner does not serve to all.
func (p *blobPlan) byAnother() sortie {
	c := sortie{message: p.message, deviation: "wrong sender", how: "city1 signs other bytes of " + p.by + "'s, who serves city1 and city3 alone",
		scene: p.scene, by: "city1", want: anyway}
	c.prepare = func(w *world, by *party) {
		w.party(p.by).deviates = true
		w.serves = func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
			switch {
			case !p.is(w, digest):
			case from == by:
				return from.signed(digest, spoiled(blob))
			case from.name == p.by && to != by && to.name != "city3":
				return nil, nil
			}
			return from.signed(digest, blob)
		}
	}
	return c
}

// committing is a case in which city2, or the analyst, commits to blobs that are not its own.
func committing(message, deviation, how string, s *scene, want string, fault protocols.FaultKind, kind protocols.EntryKind,
	blobs func(w *world, by *party) []engine.Digest) sortie {
	c := sortie{message: message, deviation: deviation, how: how, scene: s, by: "city2", want: want, fault: fault}
	if kind == protocols.KindAsk {
		c.by = "analyst"
	}
	c.prepare = func(w *world, by *party) {
		told := false
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if told || p != by || e.Kind != kind {
				return []protocols.Entry{e}
			}
			told = true
			w.hold(p, func() { // the others have committed by then
				body, err := e.Open()
				if err != nil {
					w.t.Fatal(err)
				}
				digests, key := blobs(w, p), w.blobsOf(e)[0]
				switch b := body.(type) {
				case *protocols.KeyCommit:
					b.Blob = digests[0]
				case *protocols.Ask:
					b.AnalystKey = digests[0]
				case *protocols.Admit:
					if b.Key = digests[0]; w.opens {
						b.Key, b.Opening = key, digests[0]
					}
				case *protocols.Contribute:
					b.Blobs = digests
				case *protocols.Multiply:
					b.Blobs = digests
				case *protocols.ShareCommit:
					b.Blobs = digests
				}
				p.submit(w.lie(protocols.Sign(w.network.ID(), p.key, body)))
			})
			return nil
		}
	}
	return c
}

// former are the blobs of the first entry of a kind by a party, but for those of screenings.
func (w *world) former(kind protocols.EntryKind, by *party) []engine.Digest {
	for _, e := range w.entriesOn(kind) {
		if e.Author == by.id && !w.screens(e) {
			return w.blobsOf(e)
		}
	}
	return nil
}

// screens reports whether an entry is of a screening.
func (w *world) screens(e protocols.Entry) bool {
	body, err := e.Open()
	if err != nil {
		return false
	}
	switch b := body.(type) {
	case *protocols.Ask:
		return b.Screening
	case *protocols.Contribute:
		return w.ledger.state.Query(b.Query).Ask.Screening
	case *protocols.Multiply:
		return w.ledger.state.Query(b.Query).Ask.Screening
	case *protocols.ShareCommit:
		return w.ledger.state.Query(b.Query).Ask.Screening
	}
	return false
}

// lastOf are the blobs of the last entry of a kind by a party.
func (w *world) lastOf(kind protocols.EntryKind, by *party) []engine.Digest {
	var out []engine.Digest
	for _, e := range w.entriesOn(kind) {
		if e.Author == by.id {
			out = w.blobsOf(e)
		}
	}
	return out
}

// blobLies are those in which a committed blob is not what it should be.
func blobLies() []sortie {
	var out []sortie
	for i, p := range blobPlans {
		s := []*scene{succession, asking, asking, asking}[i]
		fault := []protocols.FaultKind{protocols.FaultBadProof, "", protocols.FaultBadProof, protocols.FaultWrongShare}[i]
		want := []string{anyway, refused, failed, failed}[i]
		out = append(out, committing(p.message, "replayed", "commits to its own one of an earlier epoch or query", s, want, fault, p.kind,
			func(w *world, by *party) []engine.Digest { return w.former(p.kind, by) }))
		copied := p.kind
		if copied == protocols.KindAsk {
			copied = protocols.KindKeyCommit
		}
		for _, whose := range []string{"city1", "city3"} { // before its own place and after it
			out = append(out, committing(p.message, "wrong sender", "commits to "+whose+"'s", p.scene, want, fault, p.kind,
				func(w *world, by *party) []engine.Digest { return w.lastOf(copied, w.party(whose)) }))
		}
		former := p
		former.scene = s
		old := former.served("stale", "serves that of an earlier epoch or query in its place, signed", p.told, true, nil)
		if old.by != "analyst" {
			old.fault = protocols.FaultEquivocation
		} else {
			old.want = refused // nobody else can have it
		}
		old.prepare = former.servingFormer
		out = append(out, old)
	}
	share := committing("decryption share", "replayed", "commits to its contribution", asking, failed, protocols.FaultGarbage, protocols.KindShare,
		func(w *world, by *party) []engine.Digest { return openQuery(w).Contributed[1] })
	firstOnly := sortie{message: "key share", deviation: "forged", how: "one whose proof does not verify", scene: founding, by: "city2", want: anyway,
		fault: protocols.FaultBadProof, prepare: func(w *world, by *party) {
			by.lie = liar.BadKeyShare
			w.before = func(e protocols.Entry) {
				if e.Kind == protocols.KindEpochAbort && by.lie != "" {
					by.lie, by.repents = "", true
				}
			}
		}}
	analysts := lies(protocols.KindAsk, "forged", "one whose proof does not verify", asking, refused, "",
		func(_ *world, by *party, b protocols.Body) []protocols.Body {
			ask := *b.(*protocols.Ask)
			bad := spoiled(by.store[ask.AnalystKey])
			ask.AnalystKey = protocols.BlobDigest(bad)
			by.store[ask.AnalystKey], by.published[ask.AnalystKey] = bad, true
			return []protocols.Body{&ask}
		})
	analysts.message = "analyst's key"
	return append(out, share, copyAndAccuse(), firstOnly, analysts,
		lying("contribution", "forged", "one whose proof does not verify", liar.BadProof, protocols.FaultBadProof),
		lying("contribution", "forged", "bytes that are no contribution", liar.Garbage, protocols.FaultGarbage),
		lying("decryption share", "forged", "one whose proof does not verify", liar.WrongShare, protocols.FaultWrongShare))
}

// copyAndAccuse: city2 commits to city1's contribution, which is right in city1's place and wrong
// in its own, and accuses city1 of it before anybody accuses city2.
func copyAndAccuse() sortie {
	c := committing("accuse", "forged", "of the department whose blob it copied", asking, failed, protocols.FaultFalseAccusation, protocols.KindContribute,
		func(w *world, _ *party) []engine.Digest { return openQuery(w).Contributed[0] })
	c.also = protocols.FaultBadProof
	copying := c.prepare
	c.prepare = func(w *world, by *party) {
		copying(w, by)
		told := false
		w.before = func(e protocols.Entry) {
			if q := w.ledger.state.Open(); !told && e.Author != by.id && len(q) > 0 && openQuery(w).Phase == protocols.PhaseAttesting {
				told = true
				_ = w.ledger.order(protocols.Sign(w.network.ID(), by.key, &protocols.Accuse{Query: q[0], Department: w.party("city1").id,
					Fault: protocols.FaultBadProof, Subject: protocols.SubjectContribution, Blob: openQuery(w).Contributed[0][0]}))
			}
		}
	}
	return c
}

// servingFormer serves the owner's first blob for the present one.
func (p *blobPlan) servingFormer(w *world, by *party) {
	former := w.former(p.kind, by)[0]
	serve := p.served("", "", "", true, func(from, _ *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
		if digest != former {
			blob = by.store[former]
		}
		return from.signed(digest, blob)
	})
	serve.prepare(w, by)
}
