package protocols_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/liar"
)

// againstOutsiders: contributors know the exact counts.
const againstOutsiders = "all but contributors, who know the exact counts"

// roundingOf is what city3's policy asks for in the rows about rounding.
var roundingOf = engine.Disclosure{Base: roundedTo}

// blur is a network in which city3's policy rounds counts. One question was answered, after its screening, whose certificate it is.
func blur(t *testing.T) (*world, *protocols.Certificate) {
	cryptotest.SetGlobalRandom(t, 97)
	w := roundedWorld(t, 97, roundingOf)
	w.recipient = "city1"
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		if department == "city3" {
			d.Disclosure = roundingOf
		}
		return d
	}
	w.askFor(byAgeAlone)
	w.run()
	return w, w.checkRounded(0).Certificate
}

// roundingAttacks are on rounded counts: to get exact ones, or what tells them.
func roundingAttacks() []disclosure {
	under := func(d disclosure) disclosure { return d.upon(" (rounding)", blur) }
	// lied: city1, the recipient, contributes something else; the others do not mind.
	lied := func(what, against string, kind liar.Kind) disclosure {
		return under(live(what, against, func(f *front) (string, string) {
			f.w.party("city1").lie = kind
			f.live(func(_ *party, e protocols.Entry) []protocols.Entry {
				if e.Kind == protocols.KindRefuse {
					return nil
				}
				return []protocols.Entry{e}
			})
			q := f.last()
			if q.Ask.Screening || q.Phase != protocols.PhaseRefused || q.Refuser != f.honest.id {
				f.w.t.Fatalf("%s: %+v", q.Phase, q.Refusal)
			}
			f.heldBack(q.ID)
			return byMachine, fmt.Sprintf("`%s`: %s", q.Refusal.Code, q.Refusal.Sentence)
		}))
	}
	added := under(live("one more, contributed by city2, which is not the recipient", againstAll, func(f *front) (string, string) {
		f.w.party("city2").lie, f.w.party("city2").deviates = liar.AddedCount, false
		f.live(func(_ *party, e protocols.Entry) []protocols.Entry {
			if e.Kind == protocols.KindAccuse || e.Kind == protocols.KindJudge {
				return nil
			}
			return []protocols.Entry{e}
		})
		q := f.last()
		o := f.honest.outcomes[q.ID]
		if q.Phase != protocols.PhaseAccused || o == nil || o.Fault == nil || o.Fault.Department != "city2" {
			f.w.t.Fatalf("%s, %+v", q.Phase, o)
		}
		f.heldBack(q.ID)
		return byMachine, fmt.Sprintf("`%s` of %s", o.Fault.Kind, o.Fault.Department)
	}))
	// planned is the answer to the screening that ended, by another plan.
	planned := func(what string, rules engine.Disclosure, recipient int) disclosure {
		a := machine(what, "not the one that its SQL and tables give", func(f *front) protocols.Entry {
			id := f.ended(theScreening)
			return f.asks(byAgeAlone.sql, everybody, func(a *protocols.Ask) {
				p, err := f.whole().Withhold(rules, f.verdictOf(id), recipient)
				if err != nil {
					f.w.t.Fatal(err)
				}
				a.Screen, a.Plan, a.Ciphertexts = id, p.Digest(), uint32(p.Ciphertexts())
			})
		})
		a.code = "plan-mismatch"
		return under(row(againstAll, a))
	}
	asked := func(what, says, sql string) disclosure {
		return under(row(againstAll, machine(what, says, func(f *front) protocols.Entry { return f.asks(sql, everybody) })))
	}
	changed := under(disclosure{"a certificate whose base is another one", "all others together, for whoever verifies", func(t *testing.T, base *world, c *protocols.Certificate) (string, sight) {
		f := besieged(t, base, c)
		v := f.w.verdict(f.w.reforge(c, func(b protocols.Body) protocols.Body {
			if p, ok := b.(*protocols.Publish); ok && p.Document.Disclosure.Base > 0 {
				p.Document.Disclosure.Base = 100
			}
			return b
		}))
		if v.Verified || v.SelfConsistent || v.Result != nil || !strings.Contains(v.Reason, "not the one that its SQL and tables give") {
			t.Errorf("verified %t, %q", v.Verified, v.Reason)
		}
		return "the verifier", sight{verdict: said(v.Reason)}
	}})
	return []disclosure{
		planned("an answer without rounding, by a patched client", engine.Disclosure{Count: 2}, 0),
		planned("an answer rounded to another base", engine.Disclosure{Base: 5}, 0),
		planned("an answer that another department rounds", roundingOf, 1),
		lied("an exact count, contributed by the recipient", againstAll, liar.UnroundedCount),
		lied("another rounded count", againstAll, liar.OtherRounded),
		lied("the rounded counts, with randomness that is not derived", againstAll, liar.OwnRandomness),
		added,
		asked("a count as a sum of ones", "a sum would undo it", "SELECT age, sum(CASE WHEN age > 0 THEN 1 ELSE 0 END) FROM heart GROUP BY age"),
		asked("a count as the difference of two sums", "a sum would undo it", "SELECT sum(age + 1) - sum(age) FROM heart"),
		asked("a count in two rounds", "in several rounds", "SELECT count(*) FROM heart UNION ALL SELECT count(*) FROM heart"),
		changed,
		under(disclosure{"the exact counts, told by city1, which contributes", againstOutsiders, func(t *testing.T, base *world, _ *protocols.Certificate) (string, sight) {
			for _, p := range base.departments() {
				for _, r := range p.journal {
					if e, err := protocols.ParseEntry(r.Entry); err == nil && e.Kind == protocols.KindScreen && len(r.Secret) > 0 {
						return "nobody", sight{refused: "the screening opened them to city1, city2 and city3"}
					}
				}
			}
			t.Error("nobody has opened anything")
			return "", sight{}
		}}),
	}
}
