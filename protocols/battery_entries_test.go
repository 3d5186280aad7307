package protocols_test

import (
	"slices"
	"strings"

	"parley/protocols"
	"parley/protocols/liar"
)

// battery is every case, in the order of the messages and the deviations.
func battery() []sortie {
	all := slices.Concat(transportCases(), ownCases(), blobCases())
	all = slices.Concat(all, ruledCases(all), roundedLies(), joinedCases())
	messages := slices.Concat(batteryMessages, ruledMessages())
	slices.SortStableFunc(all, func(a, b sortie) int {
		if d := slices.Index(messages, a.message) - slices.Index(messages, b.message); d != 0 {
			return d
		}
		return slices.Index(batteryDeviations, a.deviation) - slices.Index(batteryDeviations, b.deviation)
	})
	return all
}

// meaningless are the combinations that are no cases.
var meaningless = []struct{ messages, deviations, why string }{
	{"join, register, epoch-open, key-commit, key-attest, ask, admit, contribute, attest, share, screen, done, expire, vote, judge, accuse, withdraw, vouch, revoke, act, publish, request, grant, decline, rescind, alert, linkage-open, linkage-commit, linkage-reveal, linkage-close, draw, spine, multiply",
		"withheld from some", "an entry is on the one ledger or not: the validators' agreement gives no entry to some only (partitions: `simulate_halt_test.go`)"},
	{"ask, withdraw, vouch, revoke, act, publish, request, grant, decline, rescind, alert, linkage-close, spine", "reordered", "one author says it once, and everything else follows from it"},
	{"expire, withdraw", "equivocated", "its body is the query's id and nothing else"},
	{"decryption share, release", "withheld from some", "the analyst alone fetches it: withheld from it, it is omitted"},
	{"screening's key, screening's secret", "reordered", "there is one, of one party: out of order it is delayed"},
	{"screening's secret", "wrong sender", "it is had from the recipient alone, and nobody else has one"},
}

// entryPlan is what the cases of one kind of entry have in common.
type entryPlan struct {
	kind    protocols.EntryKind
	scene   *scene
	by      string // the author that deviates
	wrong   string // who may not say it
	omitted string // class; empty: as without
	missing []string
}

var entryPlans = []entryPlan{
	{kind: protocols.KindJoin, scene: founding, by: "city2", wrong: "analyst", omitted: nothing},
	{kind: protocols.KindRegister, scene: founding, by: "city2", wrong: "auditor", omitted: nothing},
	{kind: protocols.KindEpochOpen, scene: founding, by: "city2", wrong: "auditor"},
	{kind: protocols.KindKeyCommit, scene: founding, by: "city2", wrong: "auditor", omitted: nothing, missing: []string{"city2"}},
	{kind: protocols.KindKeyAttest, scene: founding, by: "city2", wrong: "auditor", omitted: nothing, missing: []string{"city2"}},
	{kind: protocols.KindAsk, scene: asking, by: "analyst", wrong: "city2", omitted: expired},
	{kind: protocols.KindAdmit, scene: asking, by: "city2", wrong: "auditor", omitted: expired, missing: []string{"city2"}},
	{kind: protocols.KindContribute, scene: asking, by: "city2", wrong: "auditor", omitted: expired, missing: []string{"city2"}},
	{kind: protocols.KindAttest, scene: asking, by: "city2", wrong: "analyst", omitted: expired, missing: []string{"city2"}},
	{kind: protocols.KindShare, scene: asking, by: "city2", wrong: "auditor", omitted: expired, missing: []string{"city2"}},
	{kind: protocols.KindScreen, scene: screening, by: "city2", wrong: "auditor", omitted: expired, missing: []string{"city2"}},
	{kind: protocols.KindDone, scene: asking, by: "analyst", wrong: "city2", omitted: expired},
	{kind: protocols.KindExpire, scene: deadline, by: "city2", wrong: "analyst", missing: []string{"city3"}},
	{kind: protocols.KindVote, scene: election, by: "city2", wrong: "analyst"},
	{kind: protocols.KindJudge, scene: accusation, by: "city2", wrong: "analyst"},
	{kind: protocols.KindWithdraw, scene: withdrawing, by: "analyst", wrong: "city2", omitted: refused},
	{kind: protocols.KindVouch, scene: staffing, by: "city2", wrong: "analyst"},
	{kind: protocols.KindRevoke, scene: staffing, by: "city2", wrong: "city1"},
	{kind: protocols.KindAct, scene: staffing, by: "city2", wrong: "analyst"},
	{kind: protocols.KindPublish, scene: ruling, by: "city2", wrong: "analyst"},
	{kind: protocols.KindRequest, scene: ruling, by: "analyst", wrong: "city2"},
	{kind: protocols.KindGrant, scene: ruling, by: "city2", wrong: "city2"},
	{kind: protocols.KindDecline, scene: ruling, by: "city2", wrong: "auditor"},
	{kind: protocols.KindRescind, scene: ruling, by: "city2", wrong: "city1's steward"},
	{kind: protocols.KindAlert, scene: alarming, by: "analyst", wrong: "city2"},
	{kind: protocols.KindLinkageOpen, scene: linked, by: "city2", wrong: "auditor"},
	{kind: protocols.KindLinkageCommit, scene: linked, by: "city2", wrong: "auditor", omitted: answered + unplaced, missing: []string{"city2"}},
	{kind: protocols.KindLinkageReveal, scene: linked, by: "city2", wrong: "auditor", omitted: answered + unplaced, missing: []string{"city2"}},
	{kind: protocols.KindLinkageClose, scene: parting, by: "city2", wrong: "auditor"},
	{kind: protocols.KindDraw, scene: linked, by: "city2", wrong: "auditor", omitted: answered + unplaced},
	{kind: protocols.KindSpine, scene: linked, by: "city2", wrong: "auditor", omitted: answered + unplaced},
	{kind: protocols.KindMultiply, scene: joinery, by: "city2", wrong: "city3", omitted: expired, missing: []string{"city2"}},
	{kind: protocols.KindAccuse, scene: accusation, by: "city2", wrong: "stranger"},
}

// transportCases are the deviations that need no other content: what is lost, late, repeated, out
// of order, signed by another, too long, or said in another's place.
func transportCases() []sortie {
	var out []sortie
	for _, p := range entryPlans {
		add := func(deviation, how string, network bool, prepare func(w *world, by *party)) *sortie {
			c := sortie{message: p.kind.String(), deviation: deviation, how: how, scene: p.scene, by: p.by, prepare: prepare, want: p.scene.want}
			if network {
				c.by = ""
			} else if c.want == answered {
				c.want = anyway
			}
			if p.scene == deadline {
				c.missing = p.missing
			}
			out = append(out, c)
			return &out[len(out)-1]
		}
		omitted := add("omitted", p.by+"'s does not reach the ledger", true, omit(p.kind, p.by))
		if p.omitted != "" {
			omitted.want, omitted.missing = p.omitted, p.missing
		}
		delayed := add("delayed", p.by+"'s comes when nothing else moves any more", true, delay(p.kind, p.by))
		if p.kind == protocols.KindWithdraw { // the departments have shared by then
			delayed.want = refused
		}
		add("duplicated", "each one comes three times", true, repeat(p.kind))
		if !slices.Contains([]protocols.EntryKind{protocols.KindAsk, protocols.KindDone, protocols.KindWithdraw, protocols.KindVouch, protocols.KindRevoke, protocols.KindAct, protocols.KindRequest, protocols.KindAlert, protocols.KindLinkageClose, protocols.KindSpine}, p.kind) && !slices.Contains(rulingKinds, p.kind) {
			add("reordered", "all come when nothing else moves, the last one first", true, reverse(p.kind))
		}
		add("forged", "in city1's name, signed by "+p.by, false, besides(p.kind, p.by, func(w *world, by *party, e protocols.Entry) protocols.Entry {
			e = protocols.SignBytes(w.network.ID(), w.voice(by, e.Kind), e.Kind, e.Body)
			e.Author = protocols.KeyOf(w.voice(w.party("city1"), e.Kind))
			return e
		}))
		add("oversized", "one byte over the limit of its kind", false, besides(p.kind, p.by, func(w *world, by *party, e protocols.Entry) protocols.Entry {
			return protocols.SignBytes(w.network.ID(), w.voice(by, e.Kind), e.Kind, append(slices.Clone(e.Body), make([]byte, protocols.BodyLimit(e.Kind))...))
		}))
		add("wrong sender", "the same body by "+p.wrong, false, besides(p.kind, p.by, func(w *world, _ *party, e protocols.Entry) protocols.Entry {
			return protocols.SignBytes(w.network.ID(), w.sender(p.wrong), e.Kind, e.Body)
		}))
		out = append(out, p.replayed())
	}
	return out
}

// sender is the key of a party, or of nobody.
func (w *world) sender(name string) []byte {
	if name == "stranger" {
		return testKey("a stranger")
	}
	if department, steward := strings.CutSuffix(name, "'s steward"); steward {
		return w.steward(department)
	}
	return w.party(name).key
}

// replayed: what the ledger holds of the kind is said again, byte for byte, in a later query.
func (p *entryPlan) replayed() sortie {
	c := sortie{message: p.kind.String(), deviation: "replayed", how: "all that the ledger holds of it, again with every entry of a later question",
		scene: asking, by: "city2", want: anyway}
	first := p.scene
	if first.under != nil { // there are some
		c.scene = first
	}
	c.prepare = func(w *world, by *party) {
		if first == deadline || first == accusation || first == election || first == withdrawing || first == staffing || first == ruling || first == alarming || first.links { // so that there are some
			if first.setup != nil {
				first.setup(w)
			}
			first.play(w)
			if city3 := w.party("city3"); city3.lie != "" {
				city3.lie, city3.repents = "", true
				city3.crashNow()
				w.run()
			}
		}
		old := w.entriesOn(p.kind)
		w.says = func(q *party, e protocols.Entry) []protocols.Entry {
			said := []protocols.Entry{e}
			for _, o := range old {
				if q == by {
					said = append(said, w.lie(o))
				}
			}
			return said
		}
	}
	if first == accusation { // it stays on the ledger
		c.scene = &scene{play: ask, want: answered, fault: accusation.fault, liar: accusation.liar}
	}
	return c
}

func omit(kind protocols.EntryKind, by string) func(*world, *party) {
	return func(w *world, _ *party) {
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if p.name == by && e.Kind == kind {
				return nil
			}
			return []protocols.Entry{e}
		}
	}
}

func delay(kind protocols.EntryKind, by string) func(*world, *party) {
	return func(w *world, _ *party) {
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if p.name == by && e.Kind == kind {
				w.hold(p, func() { p.submit(e) })
				return nil
			}
			return []protocols.Entry{e}
		}
	}
}

func reverse(kind protocols.EntryKind) func(*world, *party) {
	return func(w *world, _ *party) {
		w.last = true
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if e.Kind == kind {
				w.hold(p, func() { p.submit(e) })
				return nil
			}
			return []protocols.Entry{e}
		}
	}
}

func repeat(kind protocols.EntryKind) func(*world, *party) {
	return func(w *world, _ *party) {
		w.says = func(_ *party, e protocols.Entry) []protocols.Entry {
			if e.Kind == kind {
				return []protocols.Entry{e, w.lie(e), e}
			}
			return []protocols.Entry{e}
		}
	}
}

// besides says another entry before each one of a kind by a party.
func besides(kind protocols.EntryKind, by string, other func(w *world, by *party, e protocols.Entry) protocols.Entry) func(*world, *party) {
	return func(w *world, _ *party) {
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if p.name == by && e.Kind == kind {
				return []protocols.Entry{w.lie(other(w, p, e)), e}
			}
			return []protocols.Entry{e}
		}
	}
}

// instead changes, once, a body of a kind that a party says into these, in this order.
func instead(kind protocols.EntryKind, change func(w *world, by *party, body protocols.Body) []protocols.Body) func(*world, *party) {
	return func(w *world, by *party) {
		told := false
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if told || p != by || e.Kind != kind {
				return []protocols.Entry{e}
			}
			told = true
			body, err := e.Open()
			if err != nil {
				w.t.Fatal(err)
			}
			var out []protocols.Entry
			for _, b := range change(w, by, body) {
				other := protocols.Sign(w.network.ID(), w.voice(by, kind), b)
				if other.Digest() != e.Digest() {
					w.lie(other)
				}
				out = append(out, other)
			}
			return out
		}
	}
}

// lying is a case of one of the liars, whose machines lie.
func lying(message, deviation, how string, kind liar.Kind, fault protocols.FaultKind) sortie {
	return sortie{message: message, deviation: deviation, how: how, scene: asking, by: "city2", want: failed, fault: fault,
		prepare: func(_ *world, by *party) { by.deviates, by.lie = false, kind }}
}
