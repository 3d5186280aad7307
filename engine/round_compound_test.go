package engine

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// several are questions of several SELECTs, or with queries in FROM and WITH.
var several = []string{
	"SELECT 'all' AS what, count(*) AS n FROM things UNION ALL SELECT 'many', count(*) FROM things WHERE k > 1 ORDER BY n DESC, what",
	"SELECT flag, sum(k) FROM things GROUP BY flag UNION ALL SELECT NULL, avg(k) FROM things ORDER BY 1, 2 LIMIT 3",
	`SELECT count(*) FROM things WHERE "Dec" > (SELECT avg("Dec") FROM things)`,
	`SELECT t, sum(k) - (SELECT min(k) FROM things) FROM things WHERE k < (SELECT max(k) FROM things WHERE flag) GROUP BY t ORDER BY t`,
	"SELECT count(*) FROM things WHERE day = (SELECT max(day) FROM things) OR t = (SELECT min(t) FROM things)",
	"WITH much AS (SELECT * FROM things WHERE k >= 1) SELECT t, count(*) FROM much GROUP BY t ORDER BY t",
	"WITH a AS (SELECT k * 2 AS d, t AS name, flag FROM things WHERE k > 0), b AS (SELECT d + 1 AS e, name FROM a x WHERE x.flag) SELECT name, sum(e), min(e) FROM b GROUP BY name ORDER BY name",
	"SELECT s.u, count(*) FROM (SELECT upper(t) AS u, k FROM things) s WHERE s.k < 3 GROUP BY s.u ORDER BY s.u",
	"SELECT u AS k, count(*) FROM (SELECT k AS u, i AS k FROM things) q GROUP BY u ORDER BY 1",
	"WITH w AS (SELECT * FROM things WHERE flag) SELECT count(*) FROM w WHERE k > (SELECT avg(k) FROM things)",
	`SELECT count(*) FROM things WHERE k::text SIMILAR TO '\d'`,
	"SELECT to_char(day, 'IDDD'), count(*) FROM things GROUP BY 1 ORDER BY 1",
	"SELECT ln(1.001::numeric + 0 * count(*)::numeric), ln(0.9999 + 0 * count(*)::numeric), ln(1.1001 + 0 * count(*)::numeric) FROM things",
	"SELECT k, lag(k, 100000, 5) OVER (ORDER BY k), ntile(k::int + 1) OVER (ORDER BY k DESC) FROM things GROUP BY k ORDER BY k",
	"SELECT percentile_cont(ARRAY[0.25, 0.5]) WITHIN GROUP (ORDER BY k), percentile_disc(ARRAY[0, 1]) WITHIN GROUP (ORDER BY t) FROM things",
}

// TestCompound: questions of several SELECTs are answered, alike however the rows are dealt, and
// the explanation lists their rounds.
func TestCompound(t *testing.T) {
	for _, sql := range several {
		r := rand.New(rand.NewPCG(3, 9))
		table := newTable(r)
		got, rounds := play(t, table, sql)
		again, _ := play(t, table.dealt(r), sql)
		if a, b := strings.Join(printed(got), "\n"), strings.Join(printed(again), "\n"); a != b {
			t.Errorf("%s gives\n%s\nand dealt otherwise\n%s", sql, a, b)
		}
		cat, departments := table.catalogue()
		s, err := NewSession(sql, cat, departments, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		if x := s.Explain(); len(x.Rounds) != rounds {
			t.Errorf("%s: %d rounds explained, %d asked", sql, len(x.Rounds), rounds)
		} else if strings.Contains(sql, "(SELECT avg") && !strings.Contains(x.String(), "every department learns the subquery's figure") {
			t.Errorf("%s: %s", sql, x)
		}
	}
}

// TestCompoundRefusals: what cannot be a part is refused before anything is asked.
func TestCompoundRefusals(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT count(*) FROM things UNION SELECT 1 FROM things":                                             "but UNION ALL is",
		"SELECT count(*) FROM things UNION ALL SELECT count(*) FROM \"Odd\"":                                 "ask the same tables",
		"SELECT count(*) FROM things UNION ALL SELECT t, count(*) FROM things GROUP BY t":                    "the same number of columns",
		"SELECT t FROM things GROUP BY t UNION ALL SELECT count(*) FROM things":                              "is text in one SELECT",
		"SELECT count(*) FROM things WHERE k > (SELECT k FROM things GROUP BY k)":                            "no GROUP BY",
		"SELECT count(*) FROM things WHERE k > (SELECT sum(k) FROM \"Odd\")":                                 "asks the table that the question asks",
		"SELECT count(*) FROM things WHERE k > (SELECT 'x' FROM things HAVING count(*) > 0)":                 "cannot be compared with text",
		"SELECT count(*) FROM things WHERE k IN (SELECT k FROM things)":                                      "who have other rows in it",
		"SELECT count(*) FROM (SELECT k, count(*) FROM things GROUP BY k) q":                                 "adds up nothing",
		"WITH RECURSIVE a AS (SELECT * FROM things) SELECT count(*) FROM a":                                  "RECURSIVE",
		"SELECT count(nothing) FROM (SELECT k FROM things) q":                                                "has no column",
		"SELECT count(*) FROM (SELECT k FROM things) q WHERE q.t = 'a'":                                      "has no column",
		"SELECT linreg(k, i) FROM things UNION ALL SELECT linreg(k, i) FROM things":                          "returns rows",
		"SELECT count(*) FROM things WHERE k > (SELECT avg(k) FROM things WHERE k > (SELECT 1 FROM things))": "inside a subquery",
	} {
		_, err := NewSession(sql, fixtureCatalogue(), []string{"d0", "d1", "d2"}, testPackings[0])
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
	}
}
