package protocols_test

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/engine/privacy"
	"parley/protocols"
)

// private is city3's policy: everything, with noise, under a budget of three questions. The others have no rules.
func private(department string) policy.Document {
	d := open.Policy(department, "heart")
	if department == "city3" {
		d.Disclosure = privateRules
		d.Rules[0].Terms.Purposes = []string{purpose}
	}
	return d
}

// privateTruce is the network before any attack on noise: one question was answered. The certificate is its.
func privateTruce(t *testing.T) (*world, *protocols.Certificate) {
	cryptotest.SetGlobalRandom(t, 95)
	w := newWorld(t, 95, 3)
	w.policy = private
	w.askFor(byAgeAlone)
	w.run()
	return w, w.checkNoisy().Certificate
}

// noised is what byAgeAlone asks for under these rules.
func (f *front) noised(rules engine.Disclosure) *engine.Plan {
	p, err := f.whole().Noisy(rules)
	if err != nil {
		f.w.t.Fatal(err)
	}
	return p
}

// privately is the Ask of byAgeAlone with its noise, changed.
func (f *front) privately(changes ...func(a *protocols.Ask)) protocols.Entry {
	first := func(a *protocols.Ask) {
		p := f.noised(privateRules)
		a.Plan, a.Ciphertexts = p.Digest(), uint32(p.Ciphertexts())
	}
	return f.asks(byAgeAlone.sql, everybody, slices.Insert(changes, 0, first)...)
}

// privacyAttacks are against noise and budgets, in a network of their own.
func privacyAttacks(base *world, c *protocols.Certificate) (out []disclosure) {
	of := func(a attack) {
		out = append(out, disclosure{a.what, againstAll, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
			a.silent = true
			return a.by, a.run(t, base, c)
		}})
	}
	planned := func(what string, plan func(f *front) *engine.Plan) {
		a := machine(what, "not the one that its SQL and tables give", func(f *front) protocols.Entry {
			return f.privately(func(a *protocols.Ask) {
				p := plan(f)
				a.Plan, a.Ciphertexts = p.Digest(), uint32(p.Ciphertexts())
			})
		})
		a.code = "plan-mismatch"
		of(a)
	}
	planned("a plan without the noise that city3's policy asks for", (*front).whole)
	planned("a plan with less noise", func(f *front) *engine.Plan {
		less := privateRules
		less.Epsilon++
		return f.noised(less)
	})
	planned("a plan in which the noise of two departments is enough", func(f *front) *engine.Plan {
		trusting := privateRules
		trusting.Honest = 2
		return f.noised(trusting)
	})
	of(ofOneRow())
	again := referee("the same question until the noise is averaged away, fifty times at once", "budget-spent", "has no room for the question", func(f *front) protocols.Entry {
		for range 2 { // with the first that is the budget
			f.w.order(f.privately())
		}
		for range 47 {
			if err := f.w.ledger.order(f.privately()); err == nil {
				f.w.t.Fatal("a question beyond the budget is taken")
			}
		}
		return f.privately()
	})
	again.hides, again.proof = func(protocols.Body) bool { return false }, "bad-proof"
	of(again)
	of(machine("another purpose, for another budget", "is not for the purpose", func(f *front) protocols.Entry {
		return f.privately(func(a *protocols.Ask) { a.Purpose = "another study" })
	}))
	of(machine("a screening beside the noise, which opens exact counts", "no rule of the departments asks for a screening", func(f *front) protocols.Entry {
		return f.privately(func(a *protocols.Ask) { a.Screening = true })
	}))
	return append(out,
		disclosure{"more noise than the range holds, contributed by city2", againstAll, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
			by, refused := beyondRange(besieged(t, base, c))
			return by, sight{refused: refused}
		}},
		disclosure{"no noise, by city1 and city2, who know all of theirs", againstAll, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
			return "nobody: it is not seen", sight{refused: quietOthers(besieged(t, base, c))}
		}},
		disclosure{"no noise, by city1, where city3's policy takes two departments for honest", "city1 and the analyst; not against city2 with them", func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
			return "nobody: it is not seen", sight{refused: quietOne(besieged(t, base, c))}
		}})
}

// ofOneRow is a plan with too little noise for persons of several rows.
func ofOneRow() attack {
	persons := machine("a plan with the noise of one row, where city3's table declares two of a person", "not the one that its SQL and tables give", func(f *front) protocols.Entry {
		declared := func(most int64) func(r *engine.Registration) {
			return func(r *engine.Registration) { r.Quality.Key, r.Quality.RowsPerPerson = []string{"chol"}, most }
		}
		f.register("city3", declared(2))
		return f.privately(func(a *protocols.Ask) {
			catalogue := slices.Clone(f.w.ledger.state.Catalogue())
			for i := range catalogue {
				if catalogue[i].Department == "city3" {
					declared(1)(&catalogue[i])
				}
			}
			p, err := engine.NewPlan(byAgeAlone.sql, catalogue, everybody, protocols.Packing(f.w.params))
			if err == nil {
				p, err = p.Noisy(privateRules)
			}
			if err != nil {
				f.w.t.Fatal(err)
			}
			whole := f.noised(privateRules)
			if whole.Noise.Moments[0].Variance().Cmp(p.Noise.Moments[0].Variance()) <= 0 {
				f.w.t.Fatal("the noise of two rows is not more than that of one")
			}
			p.Registrations = whole.Registrations // nothing but the noise is another
			a.Plan, a.Ciphertexts = p.Digest(), uint32(p.Ciphertexts())
		})
	})
	persons.code = "plan-mismatch"
	return persons
}

// trustingRules are ε = 2 a question, with the noise of two departments, of which cells fit a limb.
var trustingRules = engine.Disclosure{Epsilon: 2_000_000, Budget: 8_000_000, Delta: 1_000_000, Honest: 2}

// quietOne has city1 add no noise, where city3's policy takes two departments for honest. What is left when it takes away its rows carries the noise of
// the other two, by which the question is charged.
func quietOne(f *front) string {
	d := private("city3")
	d.Version, d.Disclosure = 2, trustingRules
	f.puts(f.w.steward("city3"), &protocols.Publish{Document: d, Under: f.w.under("city3")})
	var drawn []string
	f.w.noise = func(p *party) engine.NoiseSource {
		drawn = append(drawn, p.name)
		if p.name != "city1" {
			return nil
		}
		return func(int, int, *big.Int) (*big.Int, error) { return new(big.Int), nil }
	}
	spent := f.w.spentWith("city3")
	f.live(func(_ *party, e protocols.Entry) []protocols.Entry { return []protocols.Entry{e} })
	o := f.w.checkNoisy()
	price := trustingRules.Rho()
	if got := f.w.spentWith("city3") - spent; got != price || !slices.Contains(drawn, "city1") {
		f.w.t.Errorf("%d is spent of %d, and noise drawn by %v", got, price, drawn)
	}
	if x := o.Result.Privacy; x == nil || x.Honest != 2 || x.Departments != 3 || x.Unit != engine.UnitRow {
		f.w.t.Errorf("the answer does not say on whom it rests: %+v", x)
	}
	n, whole := f.noised(trustingRules).Noise.Moments[0], trustingRules
	whole.Honest = 0
	if n.Honest != 2 || n.Variance().Cmp(f.noised(whole).Noise.Moments[0].Variance()) >= 0 {
		f.w.t.Errorf("%+v", n)
	}
	// One row that has another value changes counts by √2 in all: ρ = Δ²/(2·2σ²), of two departments' noise, and a unit for the sum.
	rho := new(big.Rat).Quo(big.NewRat(2, 2*2), n.Variance())
	if rho.Mul(rho, big.NewRat(privacy.Nano, 1)).Add(rho, big.NewRat(privacy.Slack(2), 1)); rho.Cmp(big.NewRat(price, 1)) != 0 {
		f.w.t.Errorf("the noise of two costs %s, and %d is charged", rho, price)
	}
	return "what it has of the others' rows carries the noise of two, by which the question is charged"
}

// beyondRange has city2 contribute to a cell more than its range, widened for noise, holds.
func beyondRange(f *front) (string, string) {
	p := f.w.params
	_, hi := f.noised(privateRules).Bounds(1)
	limb := slices.IndexFunc(hi[0], func(n int64) bool { return n > 0 })
	f.live(func(by *party, e protocols.Entry) []protocols.Entry {
		body, _ := e.Open()
		b, ok := body.(*protocols.Contribute)
		switch {
		case e.Kind == protocols.KindAccuse || e.Kind == protocols.KindJudge: // the others do not mind
			return nil
		case !ok || by.name != "city2":
			return []protocols.Entry{e}
		}
		at := slices.IndexFunc(by.journal, func(r protocols.JournalRecord) bool {
			return r.Kind == protocols.JournalContribute && r.Query == b.Query
		})
		bad := bytes.Clone(by.journal[at].Blobs[0])
		c0, err := p.DecodeLimbs(bad[:p.LimbsSize()])
		if err != nil {
			f.w.t.Fatal(err)
		}
		more := make([]int64, p.Limbs())
		more[limb] = hi[0][limb] + 1
		m := p.FromLimbs(more)
		p.Ring().MulScalarBigint(m, p.Delta(), m)
		p.Ring().Add(c0, m, c0)
		copy(bad, p.AppendLimbs(nil, c0))
		digest := protocols.BlobDigest(bad)
		by.store[digest], by.published[digest] = bad, true
		return []protocols.Entry{f.signed(by.key, &protocols.Contribute{Query: b.Query, Epoch: b.Epoch, Blobs: append([]engine.Digest{digest}, b.Blobs[1:]...)})}
	})
	q := f.last()
	o := f.honest.outcomes[q.ID]
	if q.Phase != protocols.PhaseAccused || o == nil || o.Fault == nil || o.Fault.Department != "city2" {
		f.w.t.Fatalf("%s, %+v", q.Phase, o)
	}
	f.heldBack(q.ID)
	return byMachine, fmt.Sprintf("`%s` of %s", o.Fault.Kind, o.Fault.Department)
}

// quietOthers has city1 and city2 add no noise. What is left when they take away what they know are city3's rows with its own noise, of the
// variance by which the question is charged.
func quietOthers(f *front) string {
	f.w.noise = func(p *party) engine.NoiseSource {
		if p == f.honest {
			return nil
		}
		return func(int, int, *big.Int) (*big.Int, error) { return new(big.Int), nil }
	}
	for i := int64(1); i <= 2; i++ {
		spent := f.w.spentWith("city3")
		f.live(func(_ *party, e protocols.Entry) []protocols.Entry { return []protocols.Entry{e} })
		o := f.w.checkNoisy()
		if f.w.spentWith("city3") != spent+privateRules.Rho() || o.Certificate == nil {
			f.w.t.Errorf("%d is spent", f.w.spentWith("city3"))
		}
	}
	n := f.noised(privateRules).Noise.Moments[0]
	// One row that has another value changes counts by √2 in all: ρ = Δ²/(2σ²), of one department's noise.
	rho := new(big.Rat).Quo(big.NewRat(2, 2), n.Variance())
	if rho.Mul(rho, big.NewRat(1_000_000_000, 1)).Cmp(big.NewRat(privateRules.Rho(), 1)) != 0 {
		f.w.t.Errorf("city3's own noise costs ρ = %s, and %d is charged", rho, privateRules.Rho())
	}
	return "what they have of city3's rows carries city3's own noise, by which the question is charged"
}
