package protocols_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// Against whom a row of DISCLOSURE.md holds.
const (
	againstAll      = "all others together"
	againstAnalysts = "analysts and outsiders, while contributors count truly"
)

// disclosure is one way to a cell that city3's rules withhold. As in attack, city3 and the auditor are honest.
type disclosure struct {
	what    string
	against string
	run     func(t *testing.T, base *world, c *protocols.Certificate) (by string, s sight)
}

// upon is the attack on another answer than the table's: the last of a network that ground makes.
func (d disclosure) upon(which string, ground func(*testing.T) (*world, *protocols.Certificate)) disclosure {
	run := d.run
	d.run = func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
		base, c := ground(t)
		return run(t, base, c)
	}
	d.what += which
	return d
}

// secretive is city3's policy: everything, but of four rows and of two of its own, in the evening. The others have no rules.
func secretive(department string) policy.Document {
	d := open.Policy(department, "heart")
	if department == "city3" {
		d.Disclosure = engine.Disclosure{Count: ruledCount, Floor: ruledFloor}
		d.Rules[0].Terms.Hours = []policy.Hours{{From: 20 * 60, To: 23*60 + 30}}
	}
	return d
}

// otherSQL is another question that is answered.
const otherSQL = "SELECT sex, count(*) FROM heart GROUP BY sex"

// truce is the network before any attack: three questions were answered, each after its screening. The certificate is the first
// one's.
func truce(t *testing.T) (*world, *protocols.Certificate) {
	cryptotest.SetGlobalRandom(t, 94)
	w := ruledWorld(t, 94)
	w.policy, w.recipient = secretive, "city1"
	w.askFor(byAgeAlone)
	w.run()
	c := w.checkScreened(ruledCount, ruledFloor).Certificate
	w.askFor(question{sql: otherSQL})
	w.run()
	w.askFor(byAgeAlone, "city1", "city3")
	w.run()
	if n := len(w.ledger.state.Ended()); n != 6 || len(w.analyst().answers) != 3 {
		t.Fatalf("%d queries", n)
	}
	return w, c
}

// The queries of truce.
const (
	theScreening   = iota // of byAgeAlone
	theAnswer             // that rests on it
	otherScreening        // of another question
	_
	fewerScreening // of byAgeAlone to city1 and city3
)

func (f *front) ended(i int) engine.Digest { return f.w.ledger.state.Ended()[i] }

// restsOn is the Ask of byAgeAlone's answer, as the analyst signs it, changed: by the first screening's verdict, which it names.
func (f *front) restsOn(changes ...func(a *protocols.Ask)) protocols.Entry {
	rules := engine.Disclosure{Count: ruledCount, Floor: ruledFloor}
	first := func(a *protocols.Ask) {
		plan := f.withheld(rules, f.verdictOf(f.ended(theScreening)))
		a.Screen, a.Plan, a.Ciphertexts = f.ended(theScreening), plan.Digest(), uint32(plan.Ciphertexts())
	}
	return f.asks(byAgeAlone.sql, everybody, slices.Insert(changes, 0, first)...)
}

func (f *front) verdictOf(id engine.Digest) []byte { return f.w.ledger.state.Query(id).Verdict() }

func (f *front) whole() *engine.Plan { return f.planOf(byAgeAlone.sql, everybody) }

func (f *front) withheld(rules engine.Disclosure, verdict []byte) *engine.Plan {
	p, err := f.whole().Withhold(rules, verdict, 0)
	if err != nil {
		f.w.t.Fatal(err)
	}
	return p
}

// screens is the Ask of byAgeAlone's screening, changed.
func (f *front) screens(changes ...func(a *protocols.Ask)) protocols.Entry {
	p, err := f.whole().Screening(engine.Disclosure{Count: ruledCount, Floor: ruledFloor})
	if err != nil {
		f.w.t.Fatal(err)
	}
	first := func(a *protocols.Ask) {
		a.Screening, a.Plan, a.Ciphertexts = true, p.Digest(), uint32(p.Ciphertexts())
	}
	return f.asks(byAgeAlone.sql, everybody, slices.Insert(changes, 0, first)...)
}

// put orders an Ask, and gives its id.
func (f *front) put(e protocols.Entry) engine.Digest {
	f.w.order(e)
	f.w.run()
	open := f.w.ledger.state.Open()
	return open[len(open)-1]
}

// row is an attack by a question.
func row(against string, a attack) disclosure {
	return disclosure{a.what, against, func(t *testing.T, base *world, c *protocols.Certificate) (string, sight) {
		a.silent = true
		return a.by, a.run(t, base, c)
	}}
}

func disclosures() []disclosure {
	return slices.Concat(unscreenedAttacks(), screeningAttacks(), liveAttacks(), certificateAttacks(), cellKeyAttacks(), veiledAttacks(), roundingAttacks(), largestAttacks(), joinedDisclosures())
}

// unscreenedAttacks ask for the answer without its screening, or for another answer than its screening shows.
func unscreenedAttacks() []disclosure {
	planned := func(what string, plan func(f *front, a *protocols.Ask) *engine.Plan) disclosure {
		a := machine(what, "not the one that its SQL and tables give", func(f *front) protocols.Entry {
			return f.restsOn(func(a *protocols.Ask) {
				p := plan(f, a)
				a.Plan, a.Ciphertexts = p.Digest(), uint32(p.Ciphertexts())
			})
		})
		a.code = "plan-mismatch"
		return row(againstAll, a)
	}
	rules := engine.Disclosure{Count: ruledCount, Floor: ruledFloor}
	direct := machine("the screening's counts, asked for as an answer", "no screening is named", func(f *front) protocols.Entry {
		return f.restsOn(func(a *protocols.Ask) {
			p, err := f.whole().Screening(rules)
			if err != nil {
				f.w.t.Fatal(err)
			}
			a.Screen, a.Plan, a.Ciphertexts = engine.Digest{}, p.Digest(), uint32(p.Ciphertexts())
		})
	})
	return []disclosure{
		row(againstAll, machine("the answer without its screening", "no screening is named", func(f *front) protocols.Entry {
			return f.asks(byAgeAlone.sql, everybody)
		})),
		row(againstAll, machine("what the screening shows, without naming it", "no screening is named", func(f *front) protocols.Entry {
			return f.restsOn(func(a *protocols.Ask) { a.Screen = engine.Digest{} })
		})),
		row(againstAll, direct),
		planned("a plan of which nothing is withheld, after the screening", func(f *front, _ *protocols.Ask) *engine.Plan { return f.whole() }),
		planned("bounds that are not 0 to 0 in one cell that is withheld", func(f *front, a *protocols.Ask) *engine.Plan {
			verdict := bytes.Clone(f.verdictOf(a.Screen))
			verdict[slices.IndexFunc(verdict, func(code byte) bool { return code != 0 })] = 0
			return f.withheld(rules, verdict)
		}),
		planned("the verdict under a smaller count than the policies'", func(f *front, a *protocols.Ask) *engine.Plan {
			return f.withheld(engine.Disclosure{Count: 2}, f.verdictOf(a.Screen))
		}),
		row(againstAll, machine("hours after the screening, when city3's are over", "holds only at", func(f *front) protocols.Entry {
			f.clock(founded + 2*3600)
			return f.restsOn()
		})),
	}
}

// screeningAttacks name a screening that is none of the question's.
func screeningAttacks() []disclosure {
	named := func(what, code, says string, screen func(f *front) engine.Digest) attack {
		return referee(what, code, says, func(f *front) protocols.Entry {
			id := screen(f)
			return f.restsOn(func(a *protocols.Ask) { a.Screen = id })
		})
	}
	of := func(i int) func(f *front) engine.Digest { return func(f *front) engine.Digest { return f.ended(i) } }
	tightened := func(f *front) {
		d := *f.w.ledger.state.Policy("city3", "heart")
		d.Version, d.Disclosure.Count = 2, 9
		f.w.decree("city3", &protocols.Publish{Document: d, Under: f.w.under("city3")})
		f.w.run()
	}
	second := func(b protocols.Body) bool { p, ok := b.(*protocols.Publish); return ok && p.Document.Version == 2 }
	older := referee("a screening from before city3's present policy", "stale-screening", "decided otherwise since", func(f *front) protocols.Entry {
		tightened(f)
		return f.restsOn()
	})
	older.hides, older.proof = second, "bad-proof"
	loosened := referee("rules that city1's steward loosens after the screening", "stale-screening", "decided otherwise since", func(f *front) protocols.Entry {
		d := open.Policy("city1", "heart")
		d.Version = 2
		f.puts(f.w.steward("city1"), &protocols.Publish{Document: d, Under: f.w.under("city1")})
		return f.restsOn()
	})
	loosened.with, loosened.hides, loosened.proof = "city1's steward", second, "bad-proof"
	waits := later("city3's rules tightened while the answer waits", "decided", "another policy", tightened, second)
	waits.ask = func(f *front) protocols.Entry { return f.restsOn() }
	unfinished := named("a screening that has not ended", "too-early", "the screening is admitting", func(f *front) engine.Digest { return f.put(f.screens()) })
	replayed := named("city3's verdict in an earlier screening, said again in this one", "too-early", "the screening is admitting", func(f *front) engine.Digest {
		id := f.put(f.screens())
		for _, e := range f.w.entriesOn(protocols.KindScreen) {
			if body, err := e.Open(); err == nil && e.Author == f.honest.id && body.(*protocols.Screen).Query == f.ended(theScreening) {
				f.refused(e, "ended")
			}
		}
		return id
	})
	foreign := named("another analyst's screening", "not-owner", "of another question", of(theScreening))
	ask := foreign.ask
	foreign.ask = func(f *front) protocols.Entry {
		f.key = f.vouched("city1", "clerk", nil, protocols.PersonAnalyst)
		return ask(f)
	}
	var out []disclosure
	for _, a := range []attack{
		named("a screening of another question", "not-owner", "of another question", of(otherScreening)),
		named("a screening to fewer contributors", "not-owner", "of another question", of(fewerScreening)),
		named("an answer in place of a screening", "unknown-screening", "no such screening", of(theAnswer)),
		named("a screening that never was", "unknown-screening", "no such screening", func(*front) engine.Digest { return engine.Digest{7} }),
		foreign, unfinished, replayed, older, loosened, waits,
		referee("a screening that names a screening", "malformed", "", func(f *front) protocols.Entry {
			return f.screens(func(a *protocols.Ask) { a.Screen = f.ended(theScreening) })
		}),
		referee("a screening with the analyst's key", "malformed", "", func(f *front) protocols.Entry {
			return f.screens(func(a *protocols.Ask) { a.AnalystKey = engine.Digest{1} })
		}),
	} {
		out = append(out, row(againstAll, a))
	}
	counted := machine("a screening by a smaller count than the policies'", "not the one that its SQL and tables give", func(f *front) protocols.Entry {
		p, err := f.whole().Screening(engine.Disclosure{Count: 3, Floor: ruledFloor})
		if err != nil {
			f.w.t.Fatal(err)
		}
		return f.screens(func(a *protocols.Ask) { a.Plan, a.Ciphertexts = p.Digest(), uint32(p.Ciphertexts()) })
	})
	counted.code = "plan-mismatch"
	return append(out, row(againstAll, counted))
}

// TestDisclosureForgeries runs every attack on what answers may show; what became of each is in DISCLOSURE.md.
func TestDisclosureForgeries(t *testing.T) {
	base, c := truce(t)
	besieged(t, base, c).checkPlaintext(t)
	all := slices.Concat(disclosures(), historyAttacks(memory(t)), privacyAttacks(privateTruce(t)))
	var lines []string
	for i, d := range all {
		if !*protocols.Update && i%amount(8, 8, 1) != 0 {
			continue
		}
		t.Run(d.what, func(t *testing.T) {
			by, s := d.run(t, base, c)
			for _, cell := range []*string{&s.refused, &s.also, &s.verdict} {
				if *cell == "" {
					*cell = "–"
				}
			}
			lines = append(lines, fmt.Sprintf("| %d | %s | %s | %s | %s | %s | %s |", i+1, d.what, by, s.refused, s.also, s.verdict, d.against))
		})
	}
	if len(lines) < len(all) || t.Failed() { // only some were asked for
		return
	}
	page := []byte(fmt.Sprintf(disclosurePage, len(lines), strings.Join(lines, "\n")))
	if *protocols.Update {
		if err := os.WriteFile("DISCLOSURE.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile("DISCLOSURE.md"); err != nil || !bytes.Equal(want, page) {
		t.Errorf("DISCLOSURE.md is not what this run gives: go test ./protocols -run Disclosure -update (%v)", err)
	}
}

const disclosurePage = `# Attacks on what answers may show

%d attacks, written by ` + "`go test ./protocols -run Disclosure -update`" + ` and compared in every run of all of them. Three departments,
an auditor and an analyst, with real machines. City3 and the auditor are honest; the analyst, city1, city2 and their stewards act
together, and whoever orders the ledger keeps what the honest refuse from everybody. City3's policy withholds groups of fewer than
four rows, and those to which a department has one row; the others have no rules. Three questions were answered so, each after its screening:
of counts by age, of counts by sex, and of counts by age to city1 and city3. The recipient of screenings is city1, unless a row says otherwise.

"Refused by", "also by" and "the certificate" are as in [ATTACKS.md](ATTACKS.md); "–" of the last: no certificate can be made of it. In each
row that a question is refused in, city3 makes no contribution and no share of it, and the auditor attests nothing. "Holds against" tells on whom
it rests that the attack fails: on nobody but city3, or on that contributors count their own rows truly. "Nobody": it works. In rows of cell
keys city3's policy asks for noise of up to five rows and withholds nothing, in those of ` + "`veiled`" + ` for that and at least three rows, in those of rounding for counts
rounded to 3; a question was answered so before. In
those of dominance it asks that two rows are at most 0.9 of a sum, and withholds nothing for its number of rows; of age 41 one row of city1 is nearly all, of age 42 two, of city1 and city2.

Rows of persons join departments' tables by persons, in the network of five departments of [ATTACKS.md](ATTACKS.md). All policies have a smallest count of 1, of which 2 persons are made, but where
a row says otherwise. In those of presets the screening is asked for as if city3 had no such rules.

In rows of histories, of a network of their own, city3's policy withholds groups of fewer than four rows, has a ` + "`history`" + ` of a year and no floor; the count and the sum of all
rows were answered before. They try to tell one row of city3's, with the cholesterol 66, or what city3 has in all, by answers none of which is of few rows. Where the screening's verdict refuses,
the screening is made, and of the answer, which the analyst asks for all the same, there is nothing. The recipient of a screening is whom its id names.

The last ten are of another network, in which city3's policy has ` + "`epsilon`" + `, with a budget of three questions, of which one was answered.

| | attack | refused by | code and sentence | also by | the certificate | holds against |
|---|---|---|---|---|---|---|
%s
`
