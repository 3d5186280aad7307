package engine

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

func resemblingCatalogue() Catalogue {
	columns := []Column{{Name: "d", Kind: Text, Resembles: Date, HasDictionary: true, Dictionary: []string{"2020-1-5", "2020-12-05"}},
		{Name: "n", Kind: Text, Resembles: Decimal, HasDictionary: true, Dictionary: []string{"1,234", "5"}},
		{Name: "t", Kind: Text, HasDictionary: true, Dictionary: []string{"a", "b"}},
		{Name: "day", Kind: Date, Min: big.NewInt(0), Max: big.NewInt(9)},
		{Name: "v", Kind: Integer, Min: big.NewInt(1), Max: big.NewInt(4)}}
	north := Registration{Department: "north", Table: "x", Version: 1, Rows: 4, Columns: columns}
	south := north
	south.Department, south.Columns = "south", append([]Column(nil), columns...)
	south.Columns[0].Resembles, south.Columns[1].Resembles = Null, Null // what one says holds for both
	return Catalogue{north, south}
}

// TestResemblingText: text that looks like dates or numbers is not compared as such,
// wherever a comparison stands.
func TestResemblingText(t *testing.T) {
	for _, sql := range []string{
		"SELECT count(*) FROM x WHERE d >= '2020-02-01'",
		"SELECT count(*) FROM x WHERE '2020-02-01' < d",
		"SELECT count(*) FROM x WHERE d = '2020-01-05'",
		"SELECT count(*) FROM x WHERE d <> ' 2020-01-05 '",
		"SELECT count(*) FROM x WHERE d = DATE '2020-01-05'",
		"SELECT count(*) FROM x WHERE d = day",
		"SELECT count(*) FROM x WHERE d < '5/2/2020'",
		"SELECT count(*) FROM x WHERE d BETWEEN '2020-01-01' AND '2020-12-31'",
		"SELECT count(*) FROM x WHERE d NOT BETWEEN '2020-01-01' AND '2020-12-31'",
		"SELECT count(*) FROM x WHERE d IN ('2020-1-5', '2020-01-05')",
		"SELECT count(*) FROM x WHERE d NOT IN ('2020-01-05')",
		"SELECT count(*) FROM x WHERE v > 2 AND (t = 'a' OR NOT d > '2020-02-01')",
		"SELECT count(*) FILTER (WHERE d >= '2020-02-01') FROM x",
		"SELECT sum(v) FILTER (WHERE d <= d) FROM x",
		"SELECT d, count(*) FROM x GROUP BY d HAVING d > '2020-02-01'",
		"SELECT d > '2020-02-01', count(*) FROM x GROUP BY d",
		"SELECT count(*) FROM x WHERE d > t",
		"SELECT max(d) FROM x",
		"SELECT min(d) FROM x",
		"SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY d) FROM x",
		"SELECT mannwhitney(d, t) FROM x",
		"SELECT count(*) FROM x WHERE n > '1000'",
		"SELECT count(*) FROM x WHERE n = '1234'",
		"SELECT count(*) FROM x WHERE n = '5.0'",
		"SELECT count(*) FROM x WHERE n = 5",
		"SELECT count(*) FROM x WHERE n IN ('5', '1.5')",
		"SELECT count(*) FROM x WHERE n BETWEEN '1' AND '9'",
		"SELECT count(*) FROM x WHERE n < v",
	} {
		_, err := NewPlan(sql, resemblingCatalogue(), []string{"north", "south"}, testPackings[0])
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeType || e.Position == 0 ||
			!strings.Contains(e.Message, "is text whose values look like") || e.Hint == "" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"SELECT count(*) FROM x WHERE d = '2020-1-5'",
		"SELECT count(*) FROM x WHERE d IN ('?', 'unknown')",
		"SELECT count(*) FROM x WHERE d LIKE '2020-%' AND n LIKE '5'",
		"SELECT count(*) FROM x WHERE d IS NOT NULL AND n <> 'none' AND d = t",
		"SELECT count(*) FROM x WHERE n = '5' OR n IN ('5', '1,234') OR n <> '5'",
		"SELECT d, count(*) FROM x GROUP BY d ORDER BY d",
		"SELECT count(DISTINCT d), mode() WITHIN GROUP (ORDER BY n) FROM x",
		"SELECT crosstab(d, n) FROM x",
		"SELECT count(*) FROM x WHERE t >= '2020-02-01' AND t <> '5'",
	} {
		if _, err := NewPlan(sql, resemblingCatalogue(), []string{"north", "south"}, testPackings[0]); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestResemblanceIsValidated(t *testing.T) {
	for _, c := range []Column{
		{Name: "c", Kind: Text, Resembles: Integer}, {Name: "c", Kind: Text, Resembles: Text}, {Name: "c", Kind: Text, Resembles: Float},
		{Name: "c", Kind: Date, Resembles: Date, Nullable: true}, {Name: "c", Kind: Text, Resembles: 200},
	} {
		r := Registration{Department: "d", Table: "t", Rows: 1, Columns: []Column{c}}
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), "resemblance") && c.Kind == Text {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
