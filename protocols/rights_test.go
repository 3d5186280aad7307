package protocols

import (
	"crypto/ed25519"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
)

// grantTerms allow every question for the purpose of the court's, so often, for a year.
func grantTerms(uses int64) policy.Terms {
	all := []string{policy.Any}
	return policy.Terms{Filter: all, Group: all, Aggregate: all, Functions: all, Purposes: []string{"statistics"}, Uses: uses, Until: 365 * 86400}
}

// granting is a department's grant for so many questions of the analyst's.
func (c *court) granting(department string, uses int64) *Grant {
	return &Grant{Under: c.under(department), Grant: policy.Grant{Department: department, Table: "heart", Person: policy.Key(KeyOf(c.analyst)), Terms: grantTerms(uses)}}
}

// requesting asks departments for a grant of one question.
func (c *court) requesting(departments ...string) *Request {
	return &Request{Request: policy.Request{Departments: departments, Table: "heart", Question: "SELECT count(*) FROM heart", Terms: grantTerms(1)}}
}

func (r *Request) id(by ed25519.PrivateKey) engine.Digest {
	return r.Request.ID(policy.Key(KeyOf(by)))
}

// declining refuses a request of the analyst's.
func (c *court) declining(department string, r *Request) *Decline {
	return &Decline{Request: r.id(c.analyst), Reason: "another purpose", Under: c.under(department)}
}

func (c *court) rescinding(g *Grant) *Rescind {
	return &Rescind{Grant: g.Grant.ID(), Reason: "misused", Under: c.under(g.Grant.Department)}
}

// version is a department's open policy in a version.
func (c *court) version(department string, version uint64) *Publish {
	d := open.Policy(department, "heart")
	d.Version = version
	return c.publication(d)
}

// granted has a department grant the analyst so many questions.
func (c *court) granted(department string, uses int64) *Grant {
	c.t.Helper()
	g := c.granting(department, uses)
	c.must(stewardOf(department), g)
	return g
}

// under is the question with these grants.
func (a *Ask) under(grants ...*Grant) *Ask {
	for _, g := range grants {
		a.Grants = append(a.Grants, g.Grant.ID())
	}
	return a
}

// roundOf is a round of one question of the court's.
func (c *court) roundOf(nonce byte, round uint32, grants ...*Grant) *Ask {
	const of = "SELECT median(x) FROM heart"
	a := c.question(nonce).under(grants...)
	a.SQL, a.Question, a.Round = engine.RoundMark(of)+a.SQL, of, round
	return a
}

// asked puts a question of the analyst's.
func (c *court) asked(a *Ask) *QueryState {
	c.t.Helper()
	c.must(c.analyst, a)
	return c.state.Query(QueryID(c.id, KeyOf(c.analyst), a))
}

// decisions has the departments decide: a request that one grants and one declines, a grant that is
// taken back, one that questions use, a policy that takes the place of another.
func (c *court) decisions() *Grant {
	c.t.Helper()
	r := c.requesting("a", "b", "c")
	c.must(c.analyst, r)
	answer := c.granting("a", 5)
	answer.Grant.Request = r.id(c.analyst)
	c.must(stewardOf("a"), answer)
	c.must(stewardOf("b"), c.declining("b", r))
	c.must(stewardOf("c"), c.rescinding(c.granted("c", 2)))
	other := c.requesting("b")
	other.Request.Terms.Until = c.now() + 40 // ends on the way
	c.must(c.analyst, other)
	_ = c.put(c.analyst, other)
	_ = c.put(stewardOf("b"), c.granting("a", 1))
	c.asked(c.question(61).under(answer))
	c.asked(c.roundOf(62, 1, answer))
	c.must(c.analyst, &Withdraw{Query: c.asked(c.roundOf(63, 2, answer)).ID})
	c.asked(c.roundOf(64, 2, answer))
	c.must(c.analyst, &Withdraw{Query: c.state.Open()[0]})
	c.must(stewardOf("b"), c.version("b", 2)) // ends what waits
	_ = c.put(stewardOf("b"), c.version("b", 2))
	return answer
}
