package engine

import (
	"math/rand/v2"
	"testing"
)

// TestLeads: a later round counts what its question counts, of the rows and in the groups that it names;
// where it looks is left to the answers.
func TestLeads(t *testing.T) {
	cat, departments := wideTable(rand.New(rand.NewPCG(7, 7)), 12).catalogue()
	const search, figure = `SELECT k, min(z) FROM things WHERE k < 2 GROUP BY k`, `SELECT count(*) FROM things WHERE k < (SELECT avg(k) FROM things)`
	const union, whole = `SELECT sum(k) FROM things WHERE k < 2 UNION ALL SELECT min(z) FROM things`, `SELECT sum(k) FROM things`
	if _, err := NewPlan(`SELECT buckets(z, k, 1, 7) FROM things`, cat, departments, testPackings[0]); code(err) == "" {
		t.Errorf("ranges start at a column: %v", err)
	}
	for _, c := range []struct {
		question, round string
		want            bool
	}{
		{search, `SELECT "k", buckets("z", -5, 1, 7) FROM things WHERE k < 2 GROUP BY "k"`, true},
		{search, `SELECT "k", buckets("z", ARRAY[-5, 3], 1, 7, 9, 2, 4) FROM things WHERE k < 2 GROUP BY "k"`, true},
		{search, `SELECT "k", buckets("z", -5, 1, 7) FROM things WHERE k < 3 GROUP BY "k"`, false},
		{search, `SELECT "k", buckets("z", -5, 1, 7) FROM things GROUP BY "k"`, false},
		{search, `SELECT "k", buckets("z", -5, 1, 7) FROM things WHERE k < 2 AND z = 3 GROUP BY "k"`, false},
		{search, `SELECT "k", buckets("x", -5, 1, 7) FROM things WHERE k < 2 GROUP BY "k"`, false},
		{search, `SELECT buckets("z", -5, 1, 7) FROM things WHERE k < 2 GROUP BY "k"`, false},
		{search, `SELECT "k", buckets("z", k, 1, 7) FROM things WHERE k < 2 GROUP BY "k"`, false},
		{search, `SELECT "k", buckets("z", -5, 1, 7), sum(z) FROM things WHERE k < 2 GROUP BY "k"`, false},
		{search, `SELECT "k", buckets("z", -5, 1, 7) FILTER (WHERE z < 3) FROM things WHERE k < 2 GROUP BY "k"`, false},
		{search, search, false},
		{search, `SELECT "k", buckets("z", -5, 1, 7) FROM things WHERE k < 2 GROUP BY "k"` + "\x00", false},
		{search, `SELECT "k", buckets("z", -5, 1, INTEGER) FROM things WHERE k < 2 GROUP BY "k"`, false},
		{search, `SELECT "k", buckets("z", -5, 1, 7 -- `, false},
		{figure, `SELECT avg(k) FROM things`, true},
		{figure, `SELECT avg(k) FROM things WHERE k < 2`, false},
		{figure, `SELECT count(*) FROM things WHERE k < '7'::"numeric"`, true},
		{figure, `SELECT count(*) FROM things WHERE k < NULL::"numeric"`, true},
		{figure, `SELECT count(*) FROM things WHERE k > '7'::"numeric"`, false},
		{figure, `SELECT count(*) FROM things WHERE k < z`, false},
		{figure, `SELECT sum(z) FROM things WHERE k < '7'::"numeric"`, false},
		{union, `SELECT sum(k) FROM things WHERE k < 2`, true},
		{union, `SELECT sum(k) FROM things WHERE k < 1`, false},
		{union, `SELECT buckets("z", 0, 1, 9) FROM things`, true},
		{union, `SELECT buckets("z", 0, 1, 9) FROM things WHERE k < 2`, false},
		{whole, whole, false},
		{whole, `SELECT sum(k) FROM things WHERE k < 2`, false},
	} {
		s, err := NewSession(c.question, cat, departments, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Leads(RoundMark(c.question) + c.round); got != c.want {
			t.Errorf("%s leads to %s: %t; its shapes are %+v", c.question, c.round, got, func() any {
				if s.procedure == nil {
					return nil
				}
				return s.procedure.shapes()
			}())
		}
		if s.Leads(c.round) || s.Leads(RoundMark("SELECT 1")+c.round) {
			t.Errorf("%s is a round of another question", c.round)
		}
	}
}
