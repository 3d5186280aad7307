package protocols_test

import (
	"crypto/ed25519"
	"slices"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
)

// approved is the question that city3 grants, where it grants one.
const approved = "SELECT sex, count(*), sum(chol) FROM heart WHERE age >= 43 GROUP BY sex"

// searched is one of several rounds that it grants.
const searched = "SELECT sex, min(chol) FROM heart GROUP BY sex"

var everybody = []string{"city1", "city2", "city3"}

// asks is a question under city3's last grant, as the analyst signs it, changed.
func (f *front) asks(sql string, departments []string, changes ...func(a *protocols.Ask)) protocols.Entry {
	w, st := f.w, f.w.ledger.state
	session, err := protocols.NewQuestion(sql, st.Catalogue(), departments, protocols.Packing(w.params))
	if err != nil {
		w.t.Fatal(err)
	}
	f.nonce++
	plan := session.Plan()
	a := &protocols.Ask{SQL: plan.SQL, Epoch: st.Epoch().Digest, Departments: plan.Departments, Plan: plan.Digest(), Ciphertexts: uint32(plan.Ciphertexts()),
		Nonce: [32]byte{f.nonce}, DeadlineSeconds: 60, Purpose: purpose}
	if plan.SQL != sql {
		a.Question, a.Round = sql, 1
	}
	for _, r := range plan.Registrations {
		a.Registrations = append(a.Registrations, protocols.RegistrationDigest(r))
	}
	if f.grant != (engine.Digest{}) {
		a.Grants = []engine.Digest{f.grant}
	}
	for _, change := range changes {
		change(a)
	}
	if a.AnalystKey == (engine.Digest{}) && !a.Screening {
		blob, err := protocols.AnalystKey(w.keys, w.network.ID(), f.key, a)
		if err != nil {
			w.t.Fatal(err)
		}
		p := w.analyst()
		p.store[a.AnalystKey], p.published[a.AnalystKey] = blob, true
	}
	return protocols.Sign(w.network.ID(), f.key, a)
}

// ask is the granted question, changed.
func (f *front) ask(changes ...func(a *protocols.Ask)) protocols.Entry {
	return f.asks(approved, everybody, changes...)
}

// puts puts something on the ledger.
func (f *front) puts(key ed25519.PrivateKey, body protocols.Body) {
	f.w.t.Helper()
	f.w.order(protocols.Sign(f.w.network.ID(), key, body))
	f.w.run()
}

func (f *front) signed(key ed25519.PrivateKey, body protocols.Body) protocols.Entry {
	return protocols.Sign(f.w.network.ID(), key, body)
}

// exact has city3 grant one question, once, as it was requested.
func (f *front) exact(sql string) {
	d := f.w.requests(question{sql: sql}, everybody...)
	if !slices.Equal(d.Request.Departments, []string{"city3"}) {
		f.w.t.Fatalf("requested of %v", d.Request.Departments)
	}
	grants := f.w.ledger.state.Grants()
	f.grant = grants[len(grants)-1].ID
}

// wide has city3 grant every question that its policy allows, so often.
func (f *front) wide(uses int64, changes ...func(g *policy.Grant)) policy.Grant {
	g := f.w.contract("city3", uses)
	for _, change := range changes {
		change(&g)
	}
	f.w.decree("city3", &protocols.Grant{Grant: g, Under: f.w.under("city3")})
	f.w.run()
	f.grant = g.ID()
	return g
}

// policy has city3 put another version of its policy in force.
func (f *front) policy(change func(r *policy.Rule)) {
	d := *f.w.ledger.state.Policy("city3", "heart")
	d.Rules = slices.Clone(d.Rules)
	d.Version++
	change(&d.Rules[0])
	f.w.decree("city3", &protocols.Publish{Document: d, Under: f.w.under("city3")})
	f.w.run()
}

// register has a department register its table anew.
func (f *front) register(department string, change func(r *engine.Registration)) {
	p := f.w.party(department)
	r := f.w.registration(p)
	r.Version = 2
	change(&r)
	f.puts(p.key, &protocols.Register{Registration: r, Nonce: [32]byte{8}})
}

// clock has the ledger's time pass.
func (f *front) clock(seconds int64) {
	f.w.ledger.at.Block++
	f.w.ledger.at.Time = seconds * 1000
}

// founded is when the network was founded: 22:13:20 UTC.
const founded = 1_700_000_000

// vouched has a department vouch for a person, changed.
func (f *front) vouched(department, name string, change func(b *protocols.Vouch), roles ...protocols.PersonRole) ed25519.PrivateKey {
	key := testKey(name)
	b := personOf(key, name, roles...)
	if change != nil {
		change(b)
	}
	f.puts(f.w.party(department).key, b)
	return key
}

func hiding[B protocols.Body](b protocols.Body) bool { _, ok := b.(B); return ok }

// machine is an attack that city3's machine stops; the question is under a grant of every question, unless
// prepare gives another.
func machine(what, says string, ask func(f *front) protocols.Entry) attack {
	return attack{what: what, by: byMachine, code: "policy", says: says, ask: ask}
}

func referee(what, code, says string, ask func(f *front) protocols.Entry) attack {
	return attack{what: what, by: byReferee, code: code, says: says, ask: ask}
}

// later is an attack in which something is decided while the question waits.
func later(what, code, says string, then func(f *front), hides func(b protocols.Body) bool) attack {
	return attack{what: what, by: byEnd, code: code, says: says, then: then, hides: hides, proof: "bad-proof",
		ask: func(f *front) protocols.Entry { f.exact(approved); return f.ask() }}
}

// column is an attack by a text, under a grant that allows it: city3's policy alone stands against it.
func column(what, says, sql string) attack {
	return machine(what, says, func(f *front) protocols.Entry { f.wide(5); return f.asks(sql, everybody) })
}

func attacks() []attack {
	return slices.Concat(purposeAttacks(), grantAttacks(), namedAttacks(), questionAttacks(), tableAttacks(), columnAttacks(), termAttacks(), granterAttacks(), publisherAttacks(), personAttacks(), classAttacks(), waitingAttacks(), joinedAttacks())
}

func purposeAttacks() []attack {
	with := func(text string) func(f *front) protocols.Entry {
		return func(f *front) protocols.Entry {
			f.wide(5, func(g *policy.Grant) { g.Terms.Purposes = []string{"poverty  relapse", purpose, "teaching"} })
			return f.ask(func(a *protocols.Ask) { a.Purpose = text })
		}
	}
	based := func(basis string) func(f *front) protocols.Entry {
		return func(f *front) protocols.Entry {
			f.wide(5)
			f.policy(func(r *policy.Rule) { r.Terms.Bases = []string{"Statistics Act, article 7"} })
			return f.ask(func(a *protocols.Ask) { a.Basis = basis })
		}
	}
	return []attack{
		referee("no purpose", "malformed", "purpose", with("")),
		referee("spaces for a purpose", "malformed", "purpose", with("   ")),
		machine("another purpose", "purpose", with("teaching")),
		machine("a purpose that looks like the one that is allowed", "purpose", with("poverty  relapse")),
		machine("no legal basis where one is demanded", "demands a legal basis", based("")),
		machine("another legal basis", "does not accept the legal basis", based("Statistics Act, article 8")),
	}
}

func grantAttacks() []attack {
	proofOf := func(a attack, hides func(b protocols.Body) bool) attack {
		a.hides, a.proof = hides, "bad-proof"
		return a
	}
	return []attack{
		machine("no grant", "a grant is missing", func(f *front) protocols.Entry { return f.ask() }),
		machine("a grant that is not named", "a grant is missing", func(f *front) protocols.Entry {
			f.wide(5)
			return f.ask(func(a *protocols.Ask) { a.Grants = nil })
		}),
		referee("an expired grant", "too-late", "has ended", func(f *front) protocols.Entry {
			f.wide(5, func(g *policy.Grant) { g.Terms.Until = founded + 1800 })
			f.clock(founded + 1800)
			return f.ask()
		}),
		proofOf(referee("a grant that was taken back", "ended", "taken back", func(f *front) protocols.Entry {
			g := f.wide(5)
			f.w.decree("city3", &protocols.Rescind{Grant: g.ID(), Reason: "misused", Under: f.w.under("city3")})
			return f.ask()
		}), hiding[*protocols.Rescind]),
		proofOf(referee("a grant that was taken back, said again with city3's own signature", "ended", "taken back", func(f *front) protocols.Entry {
			g := f.wide(5)
			given := f.w.ledger.records[len(f.w.ledger.records)-1].Entry
			f.w.decree("city3", &protocols.Rescind{Grant: g.ID(), Reason: "misused", Under: f.w.under("city3")})
			f.refused(given, "duplicate")
			return f.ask()
		}), hiding[*protocols.Rescind]),
		proofOf(referee("a grant that is used up", "used-up", "used up", func(f *front) protocols.Entry {
			f.exact(approved)
			f.w.order(f.ask())
			return f.ask()
		}), nil),
		proofOf(referee("fifty questions that race for one use", "used-up", "used up", func(f *front) protocols.Entry {
			f.exact(approved)
			f.w.order(f.ask())
			f.w.run()
			for range 48 {
				e := f.ask(func(a *protocols.Ask) { a.AnalystKey = engine.Digest{1} })
				if code, _ := f.refusal(e, f.w.ledger.order(e)); code != "used-up" {
					f.w.t.Errorf("one of fifty is refused with %s", code)
				}
			}
			return f.ask()
		}), nil),
		proofOf(machine("a grant of a thousand uses where the policy allows one", "is used up: it allows 1", func(f *front) protocols.Entry {
			f.policy(func(r *policy.Rule) { r.Terms.Uses = 1 })
			f.wide(1000)
			f.w.order(f.ask())
			return f.ask()
		}), nil),
		{what: "the answered question, said again", by: byReferee, code: "duplicate", says: "asked before", first: true, ask: func(f *front) protocols.Entry {
			return f.c.Records[slices.IndexFunc(f.c.Records, func(r protocols.Record) bool { return r.Entry.Kind == protocols.KindAsk })].Entry
		}},
	}
}

// namedAttacks name other grants than those that a question takes uses of.
func namedAttacks() []attack {
	return []attack{
		referee("another person's grant", "not-owner", "another person", func(f *front) protocols.Entry {
			f.wide(5)
			f.key = f.vouched("city1", "clerk", nil, protocols.PersonAnalyst)
			return f.ask()
		}),
		referee("a grant of a department that is not asked", "malformed", "not of the question's departments", func(f *front) protocols.Entry {
			f.wide(5)
			return f.asks(approved, []string{"city1", "city2"})
		}),
		referee("one grant twice", "malformed", "not of the question's departments", func(f *front) protocols.Entry {
			f.wide(5)
			return f.ask(func(a *protocols.Ask) { a.Grants = append(a.Grants, a.Grants[0]) })
		}),
		referee("more grants than departments", "malformed", "more grants than departments", func(f *front) protocols.Entry {
			f.wide(5)
			return f.ask(func(a *protocols.Ask) { a.Grants = slices.Repeat(a.Grants, 4) })
		}),
		referee("a grant that nobody gave", "unknown-grant", "nothing was granted", func(f *front) protocols.Entry {
			f.grant = engine.Digest{7}
			return f.ask()
		}),
		{what: "a grant that is not needed", with: "city2's steward", by: byMachine, code: "policy", says: "the question names 2 grants", ask: func(f *front) protocols.Entry {
			g := f.w.contract("city2", 9)
			f.puts(f.w.steward("city2"), &protocols.Grant{Grant: g, Under: f.w.under("city2")})
			f.wide(5)
			return f.ask(func(a *protocols.Ask) { a.Grants = append([]engine.Digest{g.ID()}, a.Grants...) })
		}},
	}
}

func questionAttacks() []attack {
	other := func(what, sql string, departments ...string) attack {
		return machine(what, "another question", func(f *front) protocols.Entry { f.exact(approved); return f.asks(sql, departments) })
	}
	rounds := func(what, code, says string, question string, round uint32, sql string) attack {
		a := machine(what, says, func(f *front) protocols.Entry {
			f.exact(question)
			return f.asks(sql, everybody, func(a *protocols.Ask) {
				a.SQL, a.Question, a.Round = engine.RoundMark(question)+sql, question, round
				a.Plan = f.planned(a.SQL)
			})
		})
		a.code = code
		return a
	}
	swapped := machine("the plan of another question under the text of the approved one", "not the one that its SQL", func(f *front) protocols.Entry {
		f.exact(approved)
		return f.ask(func(a *protocols.Ask) {
			a.Plan = f.planned("SELECT sex, count(*), sum(chol) FROM heart WHERE age >= 44 GROUP BY sex")
		})
	})
	swapped.code = "plan-mismatch"
	mark := referee("a round under another question's mark", "malformed", "not of this question", func(f *front) protocols.Entry {
		f.exact(searched)
		return f.asks("SELECT sex, sum(chol) FROM heart GROUP BY sex", everybody, func(a *protocols.Ask) {
			a.SQL, a.Question, a.Round = engine.RoundMark(approved)+a.SQL, searched, 2
		})
	})
	return []attack{
		other("an approval used for another question", "SELECT sex, count(*), sum(chol) FROM heart WHERE age >= 44 GROUP BY sex", everybody...),
		other("one more condition under an approval", "SELECT sex, count(*), sum(chol) FROM heart WHERE age >= 43 AND age <= 43 GROUP BY sex", everybody...),
		other("a department less under an approval", approved, "city1", "city3"),
		other("city3 alone under an approval", approved, "city3"),
		swapped,
		rounds("another text as the first round of an approved question", "plan-mismatch", "first round is not the one", searched, 1, "SELECT sex, sum(chol) FROM heart GROUP BY sex"),
		rounds("another text as a second round of an approved question of one round", "plan-mismatch", "none that the question can lead to", approved, 2, "SELECT sex, count(*), sum(chol) FROM heart WHERE age >= 44 GROUP BY sex"),
		rounds("another text as a later round of an approved search", "plan-mismatch", "none that the question can lead to", searched, 2, "SELECT sex, count(*), sum(chol) FROM heart GROUP BY sex"),
		rounds("a later round of an approved search over fewer rows", "plan-mismatch", "none that the question can lead to", searched, 2, `SELECT "sex", buckets("chol", 0, 1, 9) FROM heart WHERE age = 43 GROUP BY "sex"`),
		rounds("a later round of an approved search in another column", "plan-mismatch", "none that the question can lead to", searched, 3, `SELECT "sex", buckets("age", 40, 1, 9) FROM heart GROUP BY "sex"`),
		mark,
	}
}

// tableAttacks are under an approval of other tables, or of other values.
func tableAttacks() []attack {
	old := referee("the table as it was before it was replaced", "stale-catalogue", "has replaced it", func(f *front) protocols.Entry {
		f.wide(5)
		e := f.ask()
		f.register("city3", func(r *engine.Registration) { r.Rows++ })
		return e
	})
	old.hides, old.proof = func(b protocols.Body) bool {
		r, ok := b.(*protocols.Register)
		return ok && r.Registration.Version == 2
	}, "bad-proof"
	return []attack{
		{what: "another department's table replaced after the approval, by one of a row", with: "city2", by: byMachine, code: "policy", says: "another question", ask: func(f *front) protocols.Entry {
			f.exact(approved)
			rows := slices.DeleteFunc(slices.Clone(f.w.party("city2").rows), func(p person) bool { return p.chol == nil })
			f.register("city2", func(r *engine.Registration) { *r = registration("city2", "heart", 2, rows[:1]) })
			return f.ask()
		}},
		machine("city3's table replaced after the approval", "is for version 1 of the table", func(f *front) protocols.Entry {
			f.wide(5, func(g *policy.Grant) { g.Version = 1 })
			f.register("city3", func(r *engine.Registration) { r.Rows++ })
			return f.ask()
		}),
		old,
		machine("a standing approval with another value", "in the place of $1", func(f *front) protocols.Entry {
			f.wide(5, func(g *policy.Grant) {
				g.Subject = policy.Subject{Form: "SELECT sex, count(*), sum(chol) FROM heart WHERE age >= $1 GROUP BY sex", Parameters: []policy.Parameter{{Values: []string{"44", "45"}}}}
			})
			return f.ask()
		}),
		machine("a standing approval with more behind its form", "another form", func(f *front) protocols.Entry {
			f.wide(5, func(g *policy.Grant) {
				g.Subject = policy.Subject{Form: "SELECT sex, count(*), sum(chol) FROM heart WHERE age >= $1 GROUP BY sex", Parameters: []policy.Parameter{{Range: true, High: 90}}}
			})
			return f.asks(approved+" HAVING count(*) < 2", everybody)
		}),
	}
}

// planned is the digest of a text's plan.
func (f *front) planned(sql string) engine.Digest {
	p, err := engine.NewPlan(sql, f.w.ledger.state.Catalogue(), everybody, protocols.Packing(f.w.params))
	if err != nil {
		f.w.t.Fatal(err)
	}
	return p.Digest()
}
