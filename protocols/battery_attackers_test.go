package protocols_test

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
)

// columnAttacks want a column in a role that city3's policy does not allow: its age but to choose rows by, its sex but to
// tell them apart.
func columnAttacks() []attack {
	const sex, age = `column "sex" to be used as filter`, `column "age" to be used as`
	return []attack{
		column("a forbidden column in WHERE", sex, "SELECT sum(chol) FROM heart WHERE sex = 'F'"),
		column("a forbidden column in a subquery's WHERE", sex, "SELECT sum(chol) FROM (SELECT chol FROM heart WHERE sex = 'F') q"),
		column("a forbidden column in WITH", age+" aggregate", "WITH q AS (SELECT chol + age AS x FROM heart) SELECT sum(x) FROM q"),
		column("a forbidden column in a scalar subquery", age+" aggregate", "SELECT count(*) FROM heart WHERE age > (SELECT avg(age) FROM heart)"),
		column("a forbidden column in GROUP BY", age+" group", "SELECT age, sum(chol) FROM heart GROUP BY age"),
		column("a forbidden column in an expression of GROUP BY", age+" group", "SELECT sum(chol) FROM heart GROUP BY CASE WHEN age > 44 THEN 1 ELSE 0 END"),
		column("a forbidden column in ROLLUP", age+" group", "SELECT sex, sum(chol) FROM heart GROUP BY ROLLUP (sex, age)"),
		column("a forbidden column in SELECT DISTINCT", age+" group", "SELECT DISTINCT age FROM heart"),
		column("a forbidden column in FILTER", age+" group", "SELECT sum(chol) FILTER (WHERE age = 43) FROM heart"),
		column("a forbidden column in HAVING", age+" aggregate", "SELECT sex, count(*) FROM heart GROUP BY sex HAVING avg(age) > 43"),
		column("a forbidden column in ORDER BY", age+" aggregate", "SELECT sex, count(*) FROM heart GROUP BY sex ORDER BY sum(age)"),
		column("a forbidden column in a window", age+" aggregate", "SELECT sex, rank() OVER (ORDER BY sum(age)) FROM heart GROUP BY sex"),
		column("a forbidden column in CASE", age+" group", "SELECT sum(CASE WHEN age = 43 THEN chol ELSE 0 END) FROM heart"),
		column("the indicator of a value by absolute values", age+" group", "SELECT sum(abs(age - 42) + abs(age - 44) - 2 * abs(age - 43)) FROM heart"),
		machine("a regression's dummies", `column "sex" to be used as group`, func(f *front) protocols.Entry {
			f.wide(5)
			f.policy(func(r *policy.Rule) { r.Terms.Group = []string{"chol"} })
			return f.asks("SELECT linreg(chol, sex) FROM heart", everybody)
		}),
		column("a histogram's edges", age+" group", "SELECT histogram(age, ARRAY[40, 43, 44, 50]) FROM heart"),
		column("a search's first round", age+" group", "SELECT min(age) FROM heart"),
		column("a round of a search by itself", age+" group", "SELECT buckets(age, 40, 1, 9) FROM heart"),
		column("a function that is not allowed", "function stddev", "SELECT stddev(chol) FROM heart"),
		column("a function that is not allowed, in HAVING", "function stddev", "SELECT sex, count(*) FROM heart GROUP BY sex HAVING stddev(chol) > 0"),
		column("products under the name of a sum", "function products", "SELECT sum(chol * chol * chol) FROM heart"),
	}
}

func termAttacks() []attack {
	ruled := func(what, says string, change func(r *policy.Rule), departments ...string) attack {
		return machine(what, says, func(f *front) protocols.Entry {
			f.wide(5)
			f.policy(change)
			return f.asks(approved, departments)
		})
	}
	at := func(what, says string, seconds int64) attack {
		return machine(what, says, func(f *front) protocols.Entry {
			f.wide(5)
			f.clock(seconds)
			return f.ask()
		})
	}
	return []attack{
		at("after the hours", "holds only at", founded+2*3600),
		at("in the minute after the hours", "holds only at", 1_700_004_600),
		machine("when the grant's own hours are over", "holds only at", func(f *front) protocols.Entry {
			f.wide(5, func(g *policy.Grant) { g.Terms.Hours = []policy.Hours{{From: 20 * 60, To: 22 * 60}} })
			return f.ask()
		}),
		machine("after the policy's end", "ended at", func(f *front) protocols.Entry {
			f.wide(5)
			f.policy(func(r *policy.Rule) { r.Terms.Hours, r.Terms.Until = nil, 1_700_006_400 })
			f.clock(1_700_006_400)
			return f.ask()
		}),
		ruled("against a condition", "has a condition that does not hold", func(r *policy.Rule) { r.When = "contributors.size() > 2" }, "city1", "city3"),
		ruled("with fewer departments than are demanded", "at least 3 departments", func(r *policy.Rule) { r.Terms.Contributors = 3 }, "city1", "city3"),
		ruled("cells of few rows where a cohort is demanded", "no screening is named", func(r *policy.Rule) { r.Terms.Cohort = 5 }, everybody...),
		referee("after the policy was emptied", "policy", "no policy", func(f *front) protocols.Entry {
			f.wide(5)
			d := *f.w.ledger.state.Policy("city3", "heart")
			d.Version, d.Rules = 2, nil
			f.w.decree("city3", &protocols.Publish{Document: d, Under: f.w.under("city3")})
			return f.ask()
		}),
	}
}

// granterAttacks have those grant who may not.
func granterAttacks() []attack {
	granting := func(what, with, code string, key func(f *front) ed25519.PrivateKey, change func(g *policy.Grant)) attack {
		a := referee(what, "unknown-grant", "nothing was granted", func(f *front) protocols.Entry {
			g := f.w.contract("city3", 5)
			if change != nil {
				change(&g)
			}
			k := key(f)
			under := uint64(1)
			if p := f.w.ledger.state.Person(protocols.KeyOf(k)); p != nil {
				under = p.Number
			}
			f.refused(f.signed(k, &protocols.Grant{Grant: g, Under: under}), code)
			f.grant = g.ID()
			return f.ask()
		})
		a.with = with
		return a
	}
	steward := func(name string) func(f *front) ed25519.PrivateKey {
		return func(f *front) ed25519.PrivateKey { return f.w.steward(name) }
	}
	return []attack{
		granting("another department's steward grants city3's rows", "city2's steward", "not-owner", steward("city2"), nil),
		granting("the analyst grants itself city3's rows", "", "not-in-role", func(f *front) ed25519.PrivateKey { return f.key }, nil),
		granting("the analyst, a steward of city1's too, grants itself city3's rows", "city1", "own-request", func(f *front) ed25519.PrivateKey {
			f.vouched("city1", "analyst", func(b *protocols.Vouch) { b.Turn = 1 }, protocols.PersonAnalyst, protocols.PersonSteward)
			return f.key
		}, nil),
		granting("a department's node grants city3's rows", "city2's node", "not-vouched", func(f *front) ed25519.PrivateKey { return f.w.party("city2").key }, nil),
		granting("a new steward under the name of city3's", "city2", "not-owner", func(f *front) ed25519.PrivateKey {
			return f.vouched("city2", "city3 steward of city2", func(b *protocols.Vouch) { b.Name = "city3 steward" }, protocols.PersonSteward)
		}, nil),
		granting("another department vouches for city3's steward first", "city2", "not-owner", func(f *front) ed25519.PrivateKey {
			b := personOf(f.w.steward("city3"), "steward", protocols.PersonSteward)
			b.Turn = 9
			f.refused(f.signed(f.w.party("city2").key, b), "not-owner")
			return f.w.steward("city2")
		}, nil),
		granting("city3's steward's old key, stolen", "", "person-revoked", func(f *front) ed25519.PrivateKey {
			old := f.w.steward("city3")
			b := personOf(testKey("second steward"), "second steward", protocols.PersonSteward)
			b.Replaces, b.First = protocols.KeyOf(old), protocols.KeyOf(old)
			f.puts(f.honest.key, b)
			return old
		}, nil),
		granting("a revoked steward of city3's", "", "person-revoked", func(f *front) ed25519.PrivateKey {
			k := f.w.steward("city3")
			f.puts(f.honest.key, &protocols.Revoke{Person: protocols.KeyOf(k), Reason: "left", Turn: 5})
			return k
		}, nil),
		referee("a grant that city3's steward signed and held back, after a newer word about it", "unknown-grant", "nothing was granted", func(f *front) protocols.Entry {
			g := f.w.contract("city3", 5)
			e := f.signed(f.w.steward("city3"), &protocols.Grant{Grant: g, Under: f.w.under("city3")})
			b := personOf(f.w.steward("city3"), "steward", protocols.PersonSteward)
			b.Turn = 1
			f.puts(f.honest.key, b)
			f.refused(e, "too-late")
			f.grant = g.ID()
			return f.ask()
		}),
	}
}

// publisherAttacks have those put policies in force who may not, or ones that are not.
func publisherAttacks() []attack {
	loosened := func(what, with, code string, by func(f *front) protocols.Entry) attack {
		a := machine(what, "column \"age\" to be used as group", func(f *front) protocols.Entry {
			f.wide(5)
			f.refused(by(f), code)
			return f.asks("SELECT age, sum(chol) FROM heart GROUP BY age", everybody)
		})
		a.with = with
		return a
	}
	old := machine("city3's old policy after a new one, said again with its own signature", "function count", func(f *front) protocols.Entry {
		f.wide(5)
		published := f.w.entriesOn(protocols.KindPublish)
		i := slices.IndexFunc(published, func(e protocols.Entry) bool { return e.Author == protocols.KeyOf(f.w.steward("city3")) })
		f.policy(func(r *policy.Rule) { r.Terms.Functions = []string{"sum"} })
		f.refused(published[i], "duplicate")
		return f.ask()
	})
	old.hides, old.proof = func(b protocols.Body) bool { p, ok := b.(*protocols.Publish); return ok && p.Document.Version == 2 }, "bad-proof"
	opened := func(f *front, version uint64) policy.Document {
		d := guarded("city3")
		d.Version, d.Rules[0].Terms.Group = version, []string{policy.Any}
		return d
	}
	return []attack{
		loosened("another department's steward opens city3's table", "city2's steward", "not-owner", func(f *front) protocols.Entry {
			return f.signed(f.w.steward("city2"), &protocols.Publish{Document: opened(f, 2), Under: f.w.under("city2")})
		}),
		loosened("a department's node opens city3's table", "city1's node", "not-vouched", func(f *front) protocols.Entry {
			return f.signed(f.w.party("city1").key, &protocols.Publish{Document: opened(f, 2), Under: f.w.under("city3")})
		}),
		old,
	}
}

func personAttacks() []attack {
	revoked := referee("a person who was revoked, and for whom others vouch anew", "not-vouched", "revoked the analyst", func(f *front) protocols.Entry {
		f.wide(5)
		f.puts(f.w.party("city1").key, &protocols.Revoke{Person: protocols.KeyOf(f.key), Reason: "left", Turn: 1})
		for _, name := range []string{"city1", "city2"} {
			b := personOf(f.key, "analyst", protocols.PersonAnalyst)
			b.Turn = 7
			f.refused(f.signed(f.w.party(name).key, b), "retired")
		}
		return f.ask()
	})
	revoked.with, revoked.hides, revoked.proof = "city2", hiding[*protocols.Revoke], "bad-proof"
	rotated := referee("the key before a rotation", "not-vouched", "another key took the place", func(f *front) protocols.Entry {
		f.wide(5)
		f.vouched("city1", "second", func(b *protocols.Vouch) {
			b.Replaces, b.First = protocols.KeyOf(f.key), protocols.KeyOf(f.key)
		}, protocols.PersonAnalyst)
		return f.ask()
	})
	rotated.hides, rotated.proof = func(b protocols.Body) bool { v, ok := b.(*protocols.Vouch); return ok && v.Replaces != protocols.Key{} }, "bad-proof"
	unvouched := func(what, with, says string, prepare func(f *front)) attack {
		a := referee(what, "not-vouched", says, func(f *front) protocols.Entry { f.wide(5); prepare(f); return f.ask() })
		a.with = with
		return a
	}
	stolen := unvouched("another person under the first key of who was granted", "city2", "no department vouches", func(f *front) {
		b := personOf(testKey("clerk"), "clerk", protocols.PersonAnalyst)
		b.First = protocols.KeyOf(f.key)
		f.refused(f.signed(f.w.party("city2").key, b), "not-owner")
		b.Replaces = protocols.KeyOf(f.key)
		f.refused(f.signed(f.w.party("city2").key, b), "not-owner")
		f.key = testKey("clerk")
	})
	stolen.says = "no department vouches"
	foreign := machine("a person of another department's, under a grant of its own", "for other people", func(f *front) protocols.Entry {
		f.key = f.vouched("city2", "clerk", nil, protocols.PersonAnalyst)
		f.wide(5, func(g *policy.Grant) { g.Person = policy.Key(protocols.KeyOf(f.key)) })
		return f.ask()
	})
	foreign.with = "city2"
	return []attack{
		revoked, rotated, stolen, foreign,
		unvouched("a person for whom nobody vouches", "", "no department vouches", func(f *front) { f.key = testKey("stranger") }),
		unvouched("a person whose time is over", "", "until 2023-11-15 22:13:20 UTC", func(f *front) { f.clock(founded + 24*3600) }),
		unvouched("a person whose time has not begun", "city1", "which is later", func(f *front) {
			f.key = f.vouched("city1", "clerk", func(b *protocols.Vouch) { b.From += 3600 }, protocols.PersonAnalyst)
		}),
		unvouched("a steward who asks", "city1", "not as an analyst", func(f *front) { f.key = f.w.steward("city1") }),
		unvouched("a department's node that asks", "city2", "no department vouches", func(f *front) { f.key = f.w.party("city2").key }),
	}
}

func classAttacks() []attack {
	classed := func(what string, change func(r *engine.Registration)) attack {
		return machine(what, "not shared", func(f *front) protocols.Entry {
			f.wide(5)
			f.register("city3", change)
			return f.ask()
		})
	}
	below := func(f *front, class engine.Class, version uint64) {
		f.puts(f.w.steward("city1"), &protocols.Publish{Document: policy.Document{Department: "city1", Version: version, Below: class}, Under: f.w.under("city1")})
	}
	above := machine("a table that a unit above keeps", "not shared", func(f *front) protocols.Entry {
		f.wide(5)
		f.register("city3", func(r *engine.Registration) { r.About.Place = []string{"city1"} })
		below(f, engine.ClassNone, 1)
		return f.ask()
	})
	opened := machine("no grant, once the unit above has declared everything unconditional", "a grant is missing", func(f *front) protocols.Entry {
		f.register("city3", func(r *engine.Registration) { r.About.Place = []string{"city1"} })
		below(f, engine.ClassNone, 1)
		below(f, engine.ClassUnconditional, 2)
		return f.ask()
	})
	opened.with = "city1's steward"
	return []attack{
		classed("a table that is not shared any more", func(r *engine.Registration) { r.About.Class = engine.ClassNone }),
		classed("a column that is not shared any more", func(r *engine.Registration) { r.Columns[columnChol].Class = engine.ClassNone }),
		classed("a table of no class", func(r *engine.Registration) { r.About.Class = engine.ClassUnsaid }),
		above, opened,
	}
}

// waitingAttacks go on with a question after what it was asked under has changed.
func waitingAttacks() []attack {
	registered := func(change func(r *engine.Registration)) func(f *front) {
		return func(f *front) { f.register("city3", change) }
	}
	second := func(b protocols.Body) bool {
		r, ok := b.(*protocols.Register)
		return ok && r.Registration.Version == 2
	}
	return []attack{
		later("a class tightened while the question waits", "decided", "otherwise now", registered(func(r *engine.Registration) { r.About.Class = engine.ClassNone }), second),
		later("a column's class tightened while the question waits", "decided", "otherwise now", registered(func(r *engine.Registration) { r.Columns[columnChol].Class = engine.ClassNone }), second),
		later("another policy while the question waits", "decided", "another policy", func(f *front) {
			f.policy(func(r *policy.Rule) { r.Terms.Functions = []string{"sum"} })
		}, func(b protocols.Body) bool { p, ok := b.(*protocols.Publish); return ok && p.Document.Version == 2 }),
		later("a grant taken back while the question waits", "decided", "took the grant back", func(f *front) {
			f.w.decree("city3", &protocols.Rescind{Grant: f.grant, Reason: "misused", Under: f.w.under("city3")})
		}, hiding[*protocols.Rescind]),
		later("a person revoked while the question waits", "revoked", "revoked the analyst", func(f *front) {
			f.puts(f.w.party("city1").key, &protocols.Revoke{Person: protocols.KeyOf(f.key), Reason: "left", Turn: 1})
		}, hiding[*protocols.Revoke]),
	}
}

// TestWhatIsAllowed: the question that the attacks change is admitted by the same city3, contributed to, attested and shared, and
// its certificate, put together as theirs is, verifies.
func TestWhatIsAllowed(t *testing.T) {
	base, c := peace(t)
	f := besieged(t, base, c)
	f.exact(approved)
	e := f.ask()
	f.w.order(e)
	said := map[protocols.EntryKind]int{}
	f.w.says = func(p *party, e protocols.Entry) []protocols.Entry {
		if p == f.honest || p == f.w.auditor() {
			said[e.Kind]++
		}
		return []protocols.Entry{e}
	}
	f.w.run()
	ask := &protocols.Ask{}
	if err := engine.Unmarshal(e.Body, ask); err != nil {
		t.Fatal(err)
	}
	q := f.w.ledger.state.Query(protocols.QueryID(f.w.network.ID(), e.Author, ask))
	if q.Phase != protocols.PhaseShared || said[protocols.KindAdmit] != 1 || said[protocols.KindContribute] != 1 || said[protocols.KindAttest] != 2 || said[protocols.KindShare] != 1 {
		t.Fatalf("it is %s, and the honest said %v", q.Phase, said)
	}
	cert := *c
	cert.Opening, cert.AnalystKey, cert.Records = nil, f.w.analyst().store[ask.AnalystKey], f.w.ledger.state.RecordsOf(q)
	cert.Contributions, cert.Shares = f.stored(q.Contributed), f.stored(q.Shared)
	if v := f.w.verdict(f.anchored(&cert, q.ID)); !v.Verified || v.Reason != protocols.ReasonSealed {
		t.Errorf("verified %t, %q", v.Verified, v.Reason)
	}
}

// stored are the blobs that departments committed to.
func (f *front) stored(digests [][]engine.Digest) (out [][][]byte) {
	for i, row := range digests {
		out = append(out, nil)
		for _, d := range row {
			out[i] = append(out[i], f.w.departments()[i].store[d])
		}
	}
	return out
}
