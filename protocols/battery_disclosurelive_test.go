package protocols_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
	"parley/protocols/mhe"
)

// live has the parties say what they say, changed, while a question is asked.
func (f *front) live(change func(p *party, e protocols.Entry) []protocols.Entry, departments ...string) {
	if f.w.recipient == "" {
		f.w.recipient = "city1"
	}
	f.w.says = func(p *party, e protocols.Entry) []protocols.Entry {
		f.said[p.name] = append(f.said[p.name], e)
		if change == nil || p == f.honest || p == f.w.auditor() {
			return []protocols.Entry{e}
		}
		return change(p, e)
	}
	f.w.askFor(byAgeAlone, departments...)
	f.w.settle()
}

// last is the query that ended last.
func (f *front) last() *protocols.QueryState {
	ended := f.w.ledger.state.Ended()
	return f.w.ledger.state.Query(ended[len(ended)-1])
}

// heldBack holds that city3 attested and shared nothing of a query.
func (f *front) heldBack(id engine.Digest) {
	f.w.t.Helper()
	for _, e := range f.said["city3"] {
		if body, err := e.Open(); err != nil || queryOf(body) == id && (e.Kind == protocols.KindAttest || e.Kind == protocols.KindShare) {
			f.w.t.Errorf("city3 says %s", e.Kind)
		}
	}
	for _, r := range f.honest.journal {
		if r.Query == id && r.Kind == protocols.JournalShare {
			f.w.t.Error("city3 made a share")
		}
	}
}

func live(what, against string, run func(f *front) (by, refused string)) disclosure {
	return disclosure{what, against, func(t *testing.T, base *world, c *protocols.Certificate) (string, sight) {
		by, refused := run(besieged(t, base, c))
		return by, sight{refused: refused}
	}}
}

// liveAttacks go on until city3 finds out.
func liveAttacks() []disclosure {
	return []disclosure{
		live("a verdict that shows every cell, signed by all others", againstAll, shownByAll),
		live("the screening's key made by the analyst", againstAll, func(f *front) (string, string) {
			i := slices.IndexFunc(f.c.Records, func(r protocols.Record) bool {
				return r.Entry.Kind == protocols.KindAsk && len(f.w.blobsOf(r.Entry)) > 0 && f.w.analyst().store[f.w.blobsOf(r.Entry)[0]] != nil
			})
			return foreignKey(f, f.w.analyst().store[f.w.blobsOf(f.c.Records[i].Entry)[0]])
		}),
		live("the key of an earlier screening", againstAll, func(f *front) (string, string) {
			return foreignKey(f, f.w.formerGate("screening's key", f.w.party("city1")))
		}),
		live("something in a withheld cell, contributed by city2", againstAll, shownCell),
		live("rows that all others pad", "the floor: "+againstAll+"; the count: "+againstAnalysts, padded),
		live("a screening's shares and secret, asked for by the analyst, the auditor, a member that contributes nothing, a stranger", againstAll, confided),
	}
}

func shownByAll(f *front) (string, string) {
	packed := []byte{0, 8}
	f.live(func(p *party, e protocols.Entry) []protocols.Entry {
		body, _ := e.Open()
		if b, ok := body.(*protocols.Screen); ok {
			other := &protocols.Screen{Query: b.Query, Verdict: engine.Hash("parley verdict 1", packed)}
			if len(b.Packed) > 0 {
				other.Packed = packed
			}
			return []protocols.Entry{f.signed(p.key, other)}
		}
		return []protocols.Entry{e}
	})
	q := f.last()
	if o := f.honest.outcomes[q.ID]; q.Phase != protocols.PhaseFailed || q.Fault.Kind != protocols.FaultVerdicts || o == nil || o.Fault == nil || o.Fault.Department == "city3" || o.Fault.Reporter != "" {
		f.w.t.Errorf("%s, %+v", q.Phase, f.honest.outcomes[q.ID])
	}
	e := f.restsOn(func(a *protocols.Ask) {
		whole := f.withheld(engine.Disclosure{Count: ruledCount, Floor: ruledFloor}, make([]byte, 8))
		a.Screen, a.Plan, a.Ciphertexts = q.ID, whole.Digest(), uint32(whole.Ciphertexts())
	})
	code, sentence := f.refusal(e, f.w.ledger.order(e))
	return byEnd, said("`"+string(q.Fault.Kind)+"`", fmt.Sprintf("`%s`: %s", code, sentence))
}

// foreignKey has city1 give another key as a screening's recipient.
func foreignKey(f *front, blob []byte) (string, string) {
	if blob == nil {
		f.w.t.Fatal("there is no such key")
	}
	p, digest := f.w.party("city1"), protocols.BlobDigest(blob)
	p.store[digest], p.published[digest] = blob, true
	f.live(func(p *party, e protocols.Entry) []protocols.Entry {
		switch body, _ := e.Open(); b := body.(type) {
		case *protocols.Admit:
			if b.Key != (engine.Digest{}) {
				b.Key = digest
				return []protocols.Entry{f.signed(p.key, b)}
			}
		case *protocols.Refuse: // the others do not mind
			return nil
		}
		return []protocols.Entry{e}
	})
	q := f.last()
	if q.Phase != protocols.PhaseRefused || q.Refuser != f.honest.id {
		f.w.t.Fatalf("%s", q.Phase)
	}
	f.heldBack(q.ID)
	return byMachine, fmt.Sprintf("`%s`: %s", q.Refusal.Code, q.Refusal.Sentence)
}

func shownCell(f *front) (string, string) {
	f.w.party("city2").lie, f.w.party("city2").deviates = liar.ShownCell, false
	f.live(func(p *party, e protocols.Entry) []protocols.Entry {
		if e.Kind == protocols.KindAccuse || e.Kind == protocols.KindJudge { // the others do not mind
			return nil
		}
		return []protocols.Entry{e}
	})
	q := f.last()
	o := f.honest.outcomes[q.ID]
	if q.Ask.Screening || q.Phase != protocols.PhaseAccused || o == nil || o.Fault == nil || o.Fault.Department != "city2" || o.Fault.Reporter != "" {
		f.w.t.Fatalf("%s, %+v", q.Phase, o)
	}
	f.heldBack(q.ID)
	return byMachine, fmt.Sprintf("`%s` of %s", o.Fault.Kind, o.Fault.Department)
}

func padded(f *front) (string, string) {
	for _, name := range []string{"city1", "city2"} {
		f.w.party(name).lie = liar.PaddedCounts
	}
	f.live(nil)
	o := f.w.answer()
	f.w.checkWithheld(o)
	var withheld []string
	for _, h := range o.Result.Withheld {
		withheld = append(withheld, *h.Group[0].Text)
	}
	var own []string // groups in which city3 is below its floor
	for i, n := range ruledRows["city3"] {
		if n > 0 && n < ruledFloor {
			own = append(own, fmt.Sprint(40+i))
		}
	}
	if !slices.Equal(withheld, own) || len(own) == 0 {
		f.w.t.Errorf("withheld are %v, city3's floor withholds %v", withheld, own)
	}
	return "city3's own count", "ages " + strings.Join(own, " and ") + ", of which city3 has one row, stay withheld"
}

func confided(f *front) (string, string) {
	others := []*party{f.w.analyst(), f.w.auditor(), f.w.party("city2"), {name: "a stranger", id: protocols.KeyOf(testKey("a stranger"))}}
	contributors, seen := []protocols.Key{f.w.party("city1").id, f.honest.id}, map[engine.Digest]bool{}
	f.w.before = func(protocols.Entry) {
		for digest, c := range f.honest.confided {
			seen[digest] = true
			if !slices.Equal(c.To, contributors) || f.honest.published[digest] {
				f.w.t.Error("a blob of the screening is not for its contributors alone")
			}
			for _, to := range others {
				if blob, _ := f.honest.serve(digest, to); blob != nil {
					f.w.t.Errorf("city3 gives a blob of the screening to %s", to.name)
				}
			}
		}
	}
	f.w.recipient = "city3"
	f.live(nil, "city1", "city3")
	f.w.before = nil
	if len(seen) != 2 {
		f.w.t.Errorf("%d blobs were confided", len(seen))
	}
	for _, to := range others {
		for digest := range to.store {
			if seen[digest] {
				f.w.t.Errorf("%s holds a blob of the screening", to.name)
			}
		}
	}
	return byMachine, "it gives them to contributors alone"
}

// certificateAttacks are certificates of the answer that show something else of its screening, signed by all others and, where
// nothing is said of it, with city3's key.
func certificateAttacks() []disclosure {
	row := func(what, says, whose string, forge func(f *front, screening engine.Digest) *protocols.Certificate) disclosure {
		return disclosure{what, "all others together, for whoever verifies", func(t *testing.T, base *world, c *protocols.Certificate) (string, sight) {
			f := besieged(t, base, c)
			if v := f.w.verdict(f.w.reforge(c, nil)); !v.Verified {
				t.Fatalf("unchanged it is not verified: %s", v.Reason)
			}
			v := f.w.verdict(forge(f, f.ended(theScreening)))
			if v.Verified || v.SelfConsistent || v.Result != nil || v.Department != whose || !strings.Contains(v.Reason, says) {
				t.Errorf("verified %t, %q of %q", v.Verified, v.Reason, v.Department)
			}
			return "the verifier", sight{verdict: said(recordNumber.ReplaceAllString(v.Reason, ""))}
		}}
	}
	of := func(f *front, b protocols.Body, id engine.Digest) bool {
		if ask, ok := b.(*protocols.Ask); ok {
			return ask.Screening && protocols.QueryID(f.w.network.ID(), f.w.analyst().id, ask) == id
		}
		return queryOf(b) == id
	}
	// shown has these sign another verdict; what the rest signed is left out.
	shown := func(f *front, by ...string) *protocols.Certificate {
		packed := []byte{0, 8}
		out := *f.c
		out.Records = slices.DeleteFunc(slices.Clone(f.c.Records), func(r protocols.Record) bool {
			return r.Entry.Kind == protocols.KindScreen && r.Entry.Author == f.w.party("city2").id && !slices.Contains(by, "city2")
		})
		for i, r := range out.Records {
			body, err := r.Entry.Open()
			p := f.w.byKey(r.Entry.Author)
			if s, ok := body.(*protocols.Screen); err == nil && ok && slices.Contains(by, p.name) {
				if s.Verdict = engine.Hash("parley verdict 1", packed); len(s.Packed) > 0 {
					s.Packed = packed
				}
				out.Records[i].Entry = f.signed(p.key, s)
			}
		}
		return f.w.anchored(&out)
	}
	return []disclosure{
		row("a certificate without the screening's records", "unknown-screening", "", func(f *front, id engine.Digest) *protocols.Certificate {
			return f.w.reforge(f.c, func(b protocols.Body) protocols.Body {
				if of(f, b, id) {
					return nil
				}
				return b
			})
		}),
		row("a certificate with another screening's records", "unknown-screening", "", func(f *front, id engine.Digest) *protocols.Certificate {
			out := *f.c
			out.Records = slices.DeleteFunc(slices.Clone(f.c.Records), func(r protocols.Record) bool {
				b, err := r.Entry.Open()
				return err == nil && of(f, b, id)
			})
			other := f.w.ledger.state.Query(f.ended(otherScreening)).Records()
			at := slices.IndexFunc(out.Records, func(r protocols.Record) bool { return r.Entry.Kind == protocols.KindAsk })
			for i := range other { // before the answer's Ask, which stood on the ledger earlier
				other[i].Number, other[i].Block, other[i].Time = out.Records[at-1].Number+1+uint64(i), out.Records[at].Block, out.Records[at].Time
			}
			out.Records = slices.Insert(out.Records, at, other...)
			return f.w.anchored(&out)
		}),
		row("a verdict that shows every cell, without city3's signature", "the screening is failed", "", func(f *front, _ engine.Digest) *protocols.Certificate { return shown(f, "city1") }),
		row("a verdict that shows every cell", "not the one that its SQL and tables give", "", func(f *front, _ engine.Digest) *protocols.Certificate { return shown(f, everybody...) }),
		row("a verdict less", "too-early", "", func(f *front, _ engine.Digest) *protocols.Certificate {
			left := 1
			return f.w.reforge(f.c, func(b protocols.Body) protocols.Body {
				if _, ok := b.(*protocols.Screen); ok && left > 0 {
					left--
					return nil
				}
				return b
			})
		}),
		row("a withheld cell of which city1's contribution has something", "bad-proof", "city1", func(f *front, _ engine.Digest) *protocols.Certificate {
			return f.opened(f.c)
		}),
		row("a certificate of the screening itself", "only its analyst ends a query", "", func(f *front, id engine.Digest) *protocols.Certificate {
			last := 0
			return f.w.reforge(f.c, func(b protocols.Body) protocols.Body {
				if _, ok := b.(*protocols.Screen); ok {
					last++
				}
				ask, asks := b.(*protocols.Ask)
				if queryOf(b) == f.ended(theAnswer) || asks && !ask.Screening || last == 3 && of(f, b, id) {
					return nil
				}
				return b
			})
		}),
	}
}

// answerPlan is what was asked for of the first answer.
func (f *front) answerPlan() *engine.Plan {
	p, err := f.w.ledger.state.Query(f.ended(theAnswer)).Plan(protocols.Packing(f.w.params))
	if err != nil || p.Withheld == nil {
		f.w.t.Fatalf("nothing is withheld: %v", err)
	}
	return p
}

// opened is the certificate in which city1 contributed to a withheld cell.
func (f *front) opened(c *protocols.Certificate) *protocols.Certificate {
	p := f.w.params
	_, hi := f.answerPlan().Bounds(0)
	blob := bytes.Clone(c.Contributions[0][0])
	one := make([]int64, p.Limbs())
	one[slices.Index(hi[0], 0)] = 1
	c0, err := p.DecodeLimbs(blob[:p.LimbsSize()])
	if err != nil {
		f.w.t.Fatal(err)
	}
	m := p.FromLimbs(one)
	p.Ring().MulScalarBigint(m, p.Delta(), m)
	p.Ring().Add(c0, m, c0)
	copy(blob, p.AppendLimbs(nil, c0))
	out := *c
	out.Contributions = slices.Clone(c.Contributions)
	out.Contributions[0] = [][]byte{blob}
	q := f.w.ledger.state.Query(f.ended(theAnswer))
	digests := slices.Clone(q.Contributed)
	digests[0] = []engine.Digest{protocols.BlobDigest(blob)}
	return f.w.reforge(&out, func(b protocols.Body) protocols.Body {
		switch b := b.(type) {
		case *protocols.Contribute:
			if b.Blobs[0] == q.Contributed[0][0] {
				b.Blobs = digests[0]
			}
		case *protocols.Attest:
			if b.Query == q.ID {
				b.Contributions = protocols.ContributionsDigest(q.ID, digests)
			}
		}
		return b
	})
}

// checkPlaintext decrypts what city3 contributed to an answer, with the secrets of all departments: the cells that are withheld
// hold nothing, though city3 has rows of them.
func (f *front) checkPlaintext(t *testing.T) {
	c := f.c
	plan, p := f.answerPlan(), f.w.params
	blob := c.Contributions[2][0]
	var ct mhe.Ciphertext
	var err error
	if ct.C0, err = p.DecodeLimbs(blob[:p.LimbsSize()]); err != nil {
		t.Fatal(err)
	}
	if ct.C1, err = p.DecodePoly(blob[p.LimbsSize():][:p.PolySize()]); err != nil {
		t.Fatal(err)
	}
	share := mhe.Share{H0: p.NewPoly(), H1: p.NewPoly()}
	var key mhe.SecretKey
	for _, d := range f.w.departments() {
		r := d.journal[slices.IndexFunc(d.journal, func(r protocols.JournalRecord) bool { return r.Kind == protocols.JournalKeyShare })]
		if key, err = mhe.ParseSecretKey(p, r.Secret); err != nil {
			t.Fatal(err)
		}
		p.Ring().Add(share.H0, times(p, ct.C1, r.Secret), share.H0)
	}
	limbs, err := mhe.Decrypt(p, key, ct, []mhe.Share{share})
	if err != nil {
		t.Fatal(err)
	}
	cells := aggregate(t, f.whole(), f.honest.rows)
	want, err := plan.Limbs(2, cells)
	if err != nil || !slices.Equal(limbs, want[0]) {
		t.Fatalf("%v, want %v: %v", limbs[:8], want[0][:8], err)
	}
	hidden := 0
	for i, code := range plan.Withheld {
		if code != 0 && cells[i].Sign() > 0 {
			hidden++
		}
		if got := limbs[i]; code != 0 && got != 0 || code == 0 && got != cells[i].Int64() {
			t.Errorf("cell %d, of which city3 has %s, holds %d", i, cells[i], got)
		}
	}
	if hidden == 0 {
		t.Error("city3 has nothing to hide")
	}
}

// times is a ring element times a packed secret.
func times(p circuits.Params, a circuits.Poly, packed []byte) circuits.Poly {
	s := make([]int64, p.N())
	for i := range s {
		s[i] = int64(packed[i/4]>>(2*(i%4))&3) - 1
	}
	x, y := p.NewPoly(), p.NewPoly()
	p.Ring().NTT(a, x)
	p.Ring().NTT(p.FromSmall(s), y)
	p.Ring().MulCoeffsBarrett(x, y, x)
	p.Ring().INTT(x, x)
	return x
}
