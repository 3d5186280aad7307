package protocols_test

import (
	"slices"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/liar"
)

// screening: what is shown of the answer goes by counts, which are screened first; city2 is the screening's recipient.
var screening = &scene{under: withholding, play: screen, want: answered}

func screen(w *world) {
	w.askFor(byAgeAlone)
	w.settle()
}

// ruledCount and ruledFloor are the rules of the scene.
const ruledCount, ruledFloor = 4, 2

// ruledRows are how many rows each department has of the ages from 40 on: some groups are shown, some have too few rows in
// all, and of some each of the departments has too few alone.
var ruledRows = map[string][8]int{
	"city1": {3, 2, 1, 3, 2, 2, 2, 1},
	"city2": {2, 2, 3, 0, 1, 2, 0, 1},
	"city3": {2, 0, 2, 0, 2, 1, 2, 1},
}

func ruledWorld(t *testing.T, seed uint64) *world {
	w := newWorld(t, seed, 3)
	w.recipient = "city2"
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		d.Disclosure = engine.Disclosure{Count: ruledCount, Floor: ruledFloor}
		return d
	}
	for _, p := range w.departments() {
		p.rows = nil
		for i, n := range ruledRows[p.name] {
			p.rows = append(p.rows, slices.Repeat([]person{{sex: "F", age: 40 + int64(i)}}, n)...)
		}
	}
	return w
}

// checkWithheld holds that an answer shows what the rules show, and nothing else. Rows that a department pads count for it: of
// the others the floor holds.
func (w *world) checkWithheld(o *protocols.Outcome) {
	w.t.Helper()
	shown, withheld := w.shownOf(ruledCount, ruledFloor)
	var named []string
	for _, h := range o.Result.Withheld {
		named = append(named, *h.Group[0].Text)
	}
	if printed(o.Result) != shown || !slices.Equal(named, withheld) || len(withheld) == 0 || len(o.Result.Rows) == 0 {
		w.t.Errorf("shown\n%swant\n%swithheld %v, want %v", printed(o.Result), shown, named, withheld)
	}
}

// screenLies are what a contributor may say otherwise of a screening, or do in it.
func screenLies() []sortie {
	told := func(deviation, how string, fault protocols.FaultKind, change func(w *world, by *party, b *protocols.Screen) []protocols.Body) sortie {
		c := lies(protocols.KindScreen, deviation, how, screening, failed, fault, func(w *world, by *party, b protocols.Body) []protocols.Body {
			return change(w, by, b.(*protocols.Screen))
		})
		first := c.prepare
		c.prepare = func(w *world, by *party) {
			first(w, by)
			says := w.says
			w.says = func(p *party, e protocols.Entry) []protocols.Entry {
				if p != by && e.Kind == protocols.KindScreen { // the others come later
					w.hold(p, func() { p.submit(e) })
					return nil
				}
				return says(p, e)
			}
		}
		return c
	}
	other := func(b *protocols.Screen, packed []byte) *protocols.Screen {
		return &protocols.Screen{Query: b.Query, Verdict: engine.Hash("parley verdict 1", packed), Packed: packed}
	}
	lied := func(message, deviation, how string, kind liar.Kind, want string, fault protocols.FaultKind) sortie {
		c := lying(message, deviation, how, kind, fault)
		c.scene, c.want = screening, want
		return c
	}
	early := early(protocols.KindScreen, screening, protocols.KindShare, func(w *world, by *party) protocols.Body {
		return other(&protocols.Screen{Query: openQuery(w).ID}, []byte{0, 8})
	})
	noSecret := lied("screening's secret", "omitted", "city2's machine gives it to nobody", liar.NoSecret, expired, "")
	wrong := lied("screening's secret", "forged", "bytes that are not the key's secret", liar.WrongSecret, expired, "")
	noSecret.missing, wrong.missing = []string{"city2"}, []string{"city2"}
	return []sortie{
		early,
		told("equivocated", "two verdicts", protocols.FaultSecond, func(_ *world, _ *party, b *protocols.Screen) []protocols.Body {
			return []protocols.Body{b, other(b, []byte{0, 8})}
		}),
		told("stale", "the verdict of a question of other cells", protocols.FaultVerdicts, func(_ *world, _ *party, b *protocols.Screen) []protocols.Body {
			return []protocols.Body{other(b, []byte{0, 2})}
		}),
		told("forged", "as the recipient, without writing it out", protocols.FaultGarbage, func(_ *world, _ *party, b *protocols.Screen) []protocols.Body {
			return []protocols.Body{&protocols.Screen{Query: b.Query, Verdict: b.Verdict}}
		}),
		lied("screen", "forged", "every cell is shown", liar.WrongVerdict, failed, protocols.FaultVerdicts),
		lied("contribution", "forged", "to a screening, of more rows than it has: the floors of the others hold", liar.PaddedCounts, anyway, ""),
		lied("contribution", "forged", "to an answer, with something in a cell that is withheld", liar.ShownCell, failed, protocols.FaultBadProof),
		noSecret, wrong,
	}
}

// gatePlans are the blobs of screenings.
var gatePlans = []blobPlan{
	{message: "screening's key", kind: protocols.KindAdmit, scene: screening, by: "city2", omitted: expired, missing: []string{"city2"}, told: anyway},
	{message: "screening's share", kind: protocols.KindShare, scene: screening, by: "city2", omitted: expired, missing: []string{"city2"}, told: failed, convict: true},
	{message: "screening's secret", kind: protocols.KindAdmit, scene: screening, by: "city2", omitted: expired, missing: []string{"city2"}, told: expired},
}

// gateBlob tells which of a screening's blobs one is, and whose.
func (w *world) gateBlob(digest engine.Digest) (message string, owner *party) {
	for _, r := range w.ledger.records {
		if r.Entry.Kind != protocols.KindAdmit && r.Entry.Kind != protocols.KindShare {
			continue
		}
		body, err := r.Entry.Open()
		if err != nil {
			continue
		}
		switch b := body.(type) {
		case *protocols.Admit:
			switch {
			case digest == engine.Digest{}:
			case b.Key == digest:
				return "screening's key", w.byKey(r.Entry.Author)
			case b.Opening == digest:
				return "screening's secret", w.byKey(r.Entry.Author)
			}
		case *protocols.ShareCommit:
			if q := w.ledger.state.Query(b.Query); q != nil && q.Ask.Screening && slices.Contains(b.Blobs, digest) {
				return "screening's share", w.byKey(r.Entry.Author)
			}
		}
	}
	return "", nil
}

// gateCases are the deviations of a screening's blobs.
func gateCases() (out []sortie) {
	for i := range gatePlans {
		p := &gatePlans[i]
		arrivals := p.arrivals()
		if p.kind == protocols.KindAdmit { // of which there is one
			arrivals = slices.DeleteFunc(arrivals, func(c sortie) bool { return c.deviation == "reordered" })
		}
		out = append(out, arrivals...)
		for _, c := range p.servings() {
			if c.deviation == "equivocated" {
				if c.how = "city3 gets other bytes, signed"; p.kind == protocols.KindShare {
					c.how = "everybody gets other bytes, signed"
				}
			}
			switch {
			case c.deviation == "wrong sender" && p.message != "screening's key": // had from its owner alone
				continue
			case c.deviation == "withheld from some" && p.message != "screening's key":
				c.want, c.missing = expired, []string{"city1", "city2"} // one of the two
			case c.deviation == "equivocated" && p.message == "screening's secret":
				c.want, c.missing = expired, []string{"city2", "city3"} // one of the two
			case c.deviation == "oversized" && p.message != "screening's share":
				c.want, c.missing = expired, []string{"city2"} // nobody else can have it
			}
			out = append(out, c)
		}
		if p.kind == protocols.KindShare {
			some := p.served("withheld from some", "city2 serves it to city3 alone", expired, false, func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
				if to.name != "city3" {
					return nil, nil
				}
				return from.signed(digest, blob)
			})
			some.missing = []string{"city1", "city2"} // one of the two
			out = append(out, some)
		}
		out = append(out, p.gateLies()...)
	}
	return out
}

// gateLies are those in which a committed blob of a screening is not what it should be.
func (p *blobPlan) gateLies() []sortie {
	stale := p.served("stale", "serves that of an earlier screening in its place, signed", p.omitted, true, nil)
	stale.missing = p.missing
	stale.prepare = func(w *world, by *party) {
		former := w.formerGate(p.message, by)
		p.served("", "", "", true, func(from, _ *party, digest engine.Digest, _ []byte) ([]byte, *protocols.Served) {
			return from.signed(digest, former)
		}).prepare(w, by)
	}
	want, fault := refused, protocols.FaultKind("")
	switch p.message {
	case "screening's secret":
		want = expired
	case "screening's share":
		want, fault = failed, protocols.FaultWrongShare
		stale.want, stale.fault, stale.missing = failed, protocols.FaultEquivocation, nil
	}
	replayed := committing(p.message, "replayed", "commits to that of an earlier screening", screening, want, fault, p.kind, func(w *world, by *party) []engine.Digest {
		former := w.formerGate(p.message, by)
		d := protocols.BlobDigest(former)
		by.store[d], by.published[d] = former, p.message != "screening's secret"
		by.confided[d] = protocols.Confidence{Blob: former, To: w.network.Validators()}
		return []engine.Digest{d}
	})
	if p.message == "screening's secret" {
		replayed.missing = p.missing
		return []sortie{stale, replayed.opening()}
	}
	out := []sortie{stale, replayed}
	copied, from := p.kind, []string{"city1", "city3"} // before its own place and after it
	if p.kind == protocols.KindAdmit {
		copied, from = protocols.KindKeyCommit, from[:1]
	}
	for _, whose := range from {
		out = append(out, committing(p.message, "wrong sender", "commits to "+whose+"'s", screening, want, fault, p.kind,
			func(w *world, by *party) []engine.Digest { return w.lastOf(copied, w.party(whose)) }))
	}
	forged := lying(p.message, "forged", "one whose proof does not verify", liar.WrongShare, fault)
	if p.kind == protocols.KindAdmit {
		forged = lying(p.message, "forged", "one whose proof does not verify", liar.BadGateKey, fault)
	}
	forged.scene, forged.want = screening, want
	return append(out, forged)
}

// opening is a case of committing in which not the key but its secret is another.
func (c sortie) opening() sortie {
	committed := c.prepare
	c.prepare = func(w *world, by *party) {
		w.opens = true
		committed(w, by)
	}
	return c
}

// formerGate is the blob that a party had in the screening before.
func (w *world) formerGate(message string, by *party) []byte {
	for _, r := range by.journal {
		switch {
		case message == "screening's secret" && r.Kind == protocols.JournalEntry && len(r.Secret) > 0:
			return r.Secret
		case message == "screening's key" && r.Kind == protocols.JournalEntry && len(r.Secret) > 0, message == "screening's share" && r.Kind == protocols.JournalShare:
			return r.Blobs[0]
		}
	}
	w.t.Fatalf("%s has no %s of before", by.name, message)
	return nil
}
