package protocols

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// names are those that a state gives members that have joined by one letter, and others.
func names(of ...string) []string {
	out := slices.Clone(of)
	for i, name := range of {
		if len(name) > 1 {
			out[i] = KeyOf(courtKey(name)).String()
		}
	}
	slices.Sort(out)
	return out
}

// TestMissing: who is named when a query expires (README section 7.3).
func TestMissing(t *testing.T) {
	complain := func(c *court, q *QueryState, by, about int) {
		c.must(c.validators()[by], &Accuse{Query: q.ID, Department: KeyOf(c.keys[about]), Fault: FaultUnavailable,
			Subject: SubjectContribution, Blob: q.Contributed[about][0]})
	}
	cases := []struct {
		name  string
		phase Phase
		do    func(c *court, q *QueryState)
		want  string
	}{
		{"nobody admitted but a", PhaseAdmitting, func(c *court, q *QueryState) { c.must(c.keys[0], q.admission()) }, "[b c]"},
		{"b did not contribute", PhaseContributing, func(c *court, q *QueryState) { c.must(c.keys[0], q.contribution(0)) }, "[b]"},
		{"c did not attest", PhaseAttesting, func(c *court, q *QueryState) {
			c.must(c.keys[0], &Attest{Query: q.ID, Contributions: q.Contributions})
			c.must(c.keys[1], &Attest{Query: q.ID, Contributions: q.Contributions})
			c.must(c.auditor, &Attest{Query: q.ID, Contributions: q.Contributions})
		}, "[c]"},
		{"b serves nobody", PhaseAttesting, func(c *court, q *QueryState) { complain(c, q, 0, 1); complain(c, q, 2, 1); complain(c, q, 3, 1) }, "[b]"},
		{"a complains, but c could have served it", PhaseAttesting, func(c *court, q *QueryState) {
			c.must(c.keys[2], &Attest{Query: q.ID, Contributions: q.Contributions})
			complain(c, q, 0, 1)
			complain(c, q, 3, 1)
		}, "[" + strings.Join(names("a", "b", "auditor"), " ") + "]"},
		{"a did not share", PhaseSharing, func(c *court, q *QueryState) { c.must(c.keys[1], q.shares(1)); c.must(c.keys[2], q.shares(2)) }, "[a]"},
		{"the analyst did not finish", PhaseShared, func(*court, *QueryState) {}, "[]"},
		{"c does not serve its share", PhaseShared, func(c *court, q *QueryState) {
			c.must(c.analyst, &Accuse{Query: q.ID, Department: KeyOf(c.keys[2]), Fault: FaultUnavailable, Subject: SubjectShare, Blob: q.Shared[2][0]})
		}, "[c]"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := newCourt(t)
			c.join()
			c.register()
			c.form()
			q := c.reach(tc.phase, 1)
			tc.do(c, q)
			c.say(3, &Expire{Query: q.ID})
			if got := fmt.Sprint(q.Missing); got != tc.want || q.Phase != PhaseExpired {
				t.Errorf("missing %s, want %s", got, tc.want)
			}
		})
	}
}
