package engine

import (
	"fmt"
	"strings"
	"testing"
)

// nested puts a text into a form, so many times.
func nested(times int, form, text string) string {
	for range times {
		text = fmt.Sprintf(form, text)
	}
	return text
}

// TestGrowth: short texts whose expressions, lists or sets would grow beyond all bounds are refused
// at once, and no text ends the process.
func TestGrowth(t *testing.T) {
	var with, xs []string
	for i := range 19 {
		with = append(with, fmt.Sprintf("c%d AS (SELECT k + k AS k FROM c%d)", i+1, i))
	}
	for i := range 40 {
		xs = append(xs, fmt.Sprintf("min((abs(人口数_合计) + %d) %% 7)", i))
	}
	for _, c := range []struct{ sql, want string }{
		{"SELECT sum(" + nested(24, "nullif(%s, 1)", "k") + ") FROM things", "operands and operators"},
		{"SELECT sum(" + nested(12, "sign(%s)", "k") + ") FROM things", "operands and operators"},
		{"SELECT sum(" + nested(90, "coalesce(%s, k)", "k") + ") FROM things", ""},
		{"SELECT count(*) FROM things WHERE " + nested(80, "((%s) IS DISTINCT FROM flag)", "flag"), ""},
		{"WITH c0 AS (SELECT k FROM things), " + strings.Join(with, ", ") + " SELECT sum(k) FROM c19", "operands and operators"},
		{"SELECT count(*) FROM things GROUP BY to_char(day, '" + strings.Repeat("FMMonth", 30) + "')", "at most 64 characters"},
		{"SELECT count(*) FROM things GROUP BY t || '" + strings.Repeat("y", 2000) + "'", "cannot be listed"},
		{"SELECT count(*) FROM things GROUP BY GROUPING SETS (" + strings.TrimSuffix(strings.Repeat("(t, k, i, day, \"Dec\"), ", 200), ", ") + ")", "groups"},
		{"SELECT power(power(power(power(power(sum(k), 64), 64), 64), 64), 64) FROM things", ""},
		{"SELECT power(count(*), NULL) FROM things", "power"},
		{"SELECT count(*) ^ NULL FROM things", "power"},
		{"SELECT count(*) FROM things HAVING power(NULL, NULL) > 0", ""},
		{"SELECT " + strings.Join(xs, ", ") + " FROM things", ""},
		{"SELECT t, sum(count(*)) OVER (ORDER BY t ROWS 1000 PRECEDING) FROM things GROUP BY t", ""},
		{"SELECT t, sum(count(*)) OVER (ORDER BY t ROWS 1001 PRECEDING) FROM things GROUP BY t", "from 0 to 1000 rows"},
		{"SELECT t, sum(count(*)) OVER (ORDER BY t ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM things GROUP BY t", "this frame"},
		{"SELECT count(*) FROM things WHERE t ~* 'a[A-z]b'", "not supported in patterns of ~*"},
		{"SELECT count(*) FROM things WHERE t ~ '^*a'", "a quantifier without something before it"},
	} {
		p, err := NewPlan(c.sql, fixtureCatalogue(), []string{"d0", "d1", "d2"}, testPackings[0])
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%.200s: %v, want %q", c.sql, err, c.want)
		case err == nil:
			if _, err := fixture().sealed(t, p); err != nil {
				t.Errorf("%.200s: %v", c.sql, err)
			}
		}
	}
}

// TestTellsApart: of a column without a dictionary no question tells more than 4,096 values apart,
// whatever it is grouped by and counts together.
func TestTellsApart(t *testing.T) {
	id := Column{Name: "id", Kind: Integer}
	id.Min, id.Max = NewInteger(0).Number, NewInteger(65535).Number
	name := Column{Name: "name", Kind: Text}
	g := Column{Name: "g", Kind: Integer, HasDictionary: true, Dictionary: []string{"1", "2"}}
	g.Min, g.Max = NewInteger(1).Number, NewInteger(2).Number
	cat := Catalogue{{Department: "a", Table: "b", Version: 1, Rows: 1 << 20, Columns: []Column{id, name, g}}}
	var bits, ends []string
	for i := range 14 {
		bits = append(bits, fmt.Sprintf("id / %d %% 2 = 0", 1<<i))
		ends = append(ends, fmt.Sprintf("name ~ '%d$'", i))
	}
	for _, c := range []struct {
		sql  string
		fine bool
	}{
		{"SELECT id / 16, count(*) FROM b GROUP BY 1", true},
		{"SELECT id / 16, g, count(*) FROM b GROUP BY 1, 2", true},
		{"SELECT id / 8, count(*) FROM b GROUP BY 1", false},
		{"SELECT id, count(*) FROM b GROUP BY 1", false},
		{"SELECT name, count(*) FROM b GROUP BY 1", false},
		{"SELECT left(name, 2), count(*) FROM b GROUP BY 1", false},
		{"SELECT id / 16, id % 16, count(*) FROM b GROUP BY 1, 2", false},
		{"SELECT " + strings.Join(bits, ", ") + ", count(*) FROM b GROUP BY " + strings.Join(bits, ", "), false},
		{"SELECT count(*) FROM b GROUP BY " + strings.Join(ends, ", "), false},
		{"SELECT id / 4096, min(id % 4096) FROM b GROUP BY 1", false},
		{"SELECT id / 4096, sum(DISTINCT id % 4096) FROM b GROUP BY 1", false},
		{"SELECT min(id % 4096) FROM b", true},
		{"SELECT CASE WHEN id > 17 THEN 'high' ELSE 'low' END, count(*) FROM b GROUP BY 1", true},
	} {
		if _, err := NewPlan(c.sql, cat, []string{"a"}, testPackings[1]); (err == nil) != c.fine {
			t.Errorf("%.120s: %v", c.sql, err)
		}
	}
}

// TestScopes: a name means in each SELECT what it means there.
func TestScopes(t *testing.T) {
	for sql, same := range map[string]string{
		"SELECT count(*) FROM (SELECT k + 1 AS k FROM things) x WHERE k > (SELECT avg(k) FROM things)":                        "SELECT count(*) FROM things WHERE k + 1 > (SELECT avg(k) FROM things)",
		"WITH things AS (SELECT * FROM things WHERE k > 1) SELECT count(*) FROM things UNION ALL SELECT count(*) FROM things": "SELECT count(*) FROM things WHERE k > 1 UNION ALL SELECT count(*) FROM things WHERE k > 1",
		"WITH w AS (SELECT * FROM things WHERE k > 1) SELECT count(*) FROM things WHERE k >= (SELECT min(k) FROM w)":          "SELECT count(*) FROM things WHERE k >= (SELECT min(k) FROM things WHERE k > 1)",
		"SELECT count(*) AS a, b FROM (SELECT k AS a, flag AS b FROM things) x GROUP BY b, a ORDER BY a, b":                   "SELECT count(*) AS a, flag AS b FROM things GROUP BY flag, k ORDER BY a, b",
	} {
		got, _ := play(t, fixture(), sql)
		want, _ := play(t, fixture(), same)
		if a, b := strings.Join(printed(got), "\n"), strings.Join(printed(want), "\n"); a != b {
			t.Errorf("%s gives\n%s\nnot\n%s", sql, a, b)
		}
	}
	for _, sql := range []string{
		"(SELECT count(*) FROM things UNION ALL SELECT sum(k) FROM things ORDER BY 1 DESC LIMIT 1) UNION ALL SELECT max(k) FROM things",
		"SELECT k, count(*) AS n FROM (SELECT 2 AS c, k FROM things) x GROUP BY c, k ORDER BY c, k",
		"SELECT sum(a) FROM (SELECT k AS a, i AS a FROM things) x",
	} {
		if _, err := NewSession(sql, fixtureCatalogue(), []string{"d0", "d1", "d2"}, testPackings[0]); err == nil {
			t.Errorf("%s is accepted", sql)
		}
	}
}
