package forged

import (
	"math/big"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
)

// The questions of Story.
const (
	ByCounty  = "SELECT county, sum(cost) FROM claims WHERE year = 2025 GROUP BY county"
	Hidden    = "SELECT count(*), sum(cost) FILTER (WHERE sex = 'f') FROM claims GROUP BY CASE WHEN age > 60 THEN 1 ELSE 0 END"
	Curious   = "SELECT count(*) FROM claims WHERE age > 90"
	Quantiles = "SELECT median(cost) FROM claims"
)

// Claims is a department's table.
func Claims(department string) engine.Registration {
	number := func(name string, from, to int64, values ...string) engine.Column {
		return engine.Column{Name: name, Kind: engine.Integer, Min: big.NewInt(from), Max: big.NewInt(to), Dictionary: values, HasDictionary: len(values) > 0}
	}
	text := func(name string, values ...string) engine.Column {
		return engine.Column{Name: name, Kind: engine.Text, Dictionary: values, HasDictionary: true}
	}
	class := engine.ClassUnconditional
	if department == "health" {
		class = engine.ClassOnCondition
	}
	return engine.Registration{Department: department, Table: "claims", Version: 1, Rows: 500, Digest: engine.Digest{7}, About: engine.About{Class: class},
		Columns: []engine.Column{number("age", 0, 120), number("cost", 0, 900), text("county", "Gulou", "Xuanwu"), text("sex", "f", "m"), number("year", 2024, 2025, "2024", "2025")}}
}

// Policy lets analysts use all columns for a purpose.
func Policy(department string, version uint64, purposes ...string) policy.Document {
	all := []string{policy.Any}
	return policy.Document{Department: department, Table: "claims", Version: version, Rules: []policy.Rule{{Name: "statistics", Who: []string{"anyone"},
		Terms: policy.Terms{Filter: all, Group: all, Aggregate: all, Functions: all, Purposes: purposes}}}}
}

// Steward is the name of a department's steward.
func Steward(department string) string {
	if department == "health" {
		return "Zhao"
	}
	return "Chen"
}

// Found has departments join, register their tables, publish policies for a purpose, and form an epoch. "statistics"
// has no table, and vouches for the analysts Mei and Wang; the others for a steward each (Steward).
func (l *Ledger) Found(purposes ...string) {
	l.t.Helper()
	l.Begin()
	for _, name := range l.departments {
		if name == "statistics" {
			continue
		}
		steward := Steward(name)
		l.Vouch(name, steward, protocols.PersonSteward)
		l.Put(name, &protocols.Register{Registration: Claims(name)})
		l.Publish(steward, Policy(name, 1, purposes...))
	}
	vouches := l.departments[len(l.departments)-1]
	l.Vouch(vouches, "Mei", protocols.PersonAnalyst)
	l.Vouch(vouches, "Wang", protocols.PersonAnalyst)
	l.Form()
}

// Story is a quarter of three departments: a request that one declines and one grants, a question that is answered under
// the grant, others that are refused, overtaken by a policy, expired, withdrawn and open, and the grant taken back.
func Story(t testing.TB) *Ledger {
	l := New(t, "civil", "health", "statistics")
	l.Found("poverty relapse")
	day := func(month time.Month, day int) { l.Now = time.Date(2026, month, day, 9, 30, 0, 0, time.UTC) }
	both := []string{"civil", "health"}

	day(time.January, 12)
	terms := policy.Terms{Filter: []string{"year"}, Group: []string{"county"}, Aggregate: []string{"cost"}, Functions: []string{"count", "sum"},
		Purposes: []string{"poverty relapse"}, Uses: 2, Until: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC).Unix()}
	r := &protocols.Request{Request: policy.Request{Departments: both, Table: "claims", Question: ByCounty, Terms: terms}}
	l.Put("Mei", r)
	day(time.January, 13)
	id := r.Request.ID(policy.Key(Person("Mei")))
	l.Put(Steward("civil"), &protocols.Decline{Request: id, Reason: "none is needed", Under: l.Under(Steward("civil"))})
	g := r.Request.Grant("health", 0, policy.Key(Person("Mei")))
	l.Put(Steward("health"), &protocols.Grant{Grant: g, Under: l.Under(Steward("health"))})

	day(time.January, 20)
	l.Reach(l.Ask("Mei", ByCounty, "poverty relapse", both, g.ID()), protocols.PhaseDone, "Mei")
	day(time.January, 21)
	q := l.Ask("Wang", Quantiles, "poverty relapse", both[:1])
	l.Put("Wang", &protocols.Withdraw{Query: q.ID})
	day(time.March, 3)
	q = l.Ask("Wang", Curious, "=curiosity", both[:1])
	l.Put("civil", &protocols.Refuse{Query: q.ID, Code: "policy", Sentence: "rule statistics is not for the purpose =curiosity"})
	day(time.March, 10)
	l.Ask("Mei", Hidden, "poverty relapse", both[:1])
	l.Publish(Steward("civil"), Policy("civil", 2, "budget", "poverty relapse"))
	day(time.March, 11)
	q = l.Ask("Mei", Hidden, "budget", both[:1])
	for _, name := range l.departments {
		l.Put(name, &protocols.Expire{Query: q.ID})
	}
	day(time.March, 12)
	l.Put(Steward("health"), &protocols.Rescind{Grant: g.ID(), Reason: "the year is over", Under: l.Under(Steward("health"))})
	day(time.April, 1)
	l.Ask("Wang", Curious, "budget", both[:1])
	return l
}
