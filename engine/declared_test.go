package engine

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

// undeclaredCatalogue has two departments, of which the south declares nothing of its columns.
func undeclaredCatalogue() Catalogue {
	columns := []Column{{Name: "x", Kind: Integer, Nullable: true, Min: big.NewInt(1), Max: big.NewInt(4), HasDictionary: true, Dictionary: []string{"1", "4"}},
		{Name: "d", Kind: Date, Nullable: true, Min: big.NewInt(0), Max: big.NewInt(9)},
		{Name: "m", Kind: Decimal, Scale: 2, Nullable: true, Min: big.NewInt(0), Max: big.NewInt(900)},
		{Name: "t", Kind: Text, Nullable: true, HasDictionary: true, Dictionary: []string{"a", "b"}}}
	north := Registration{Department: "north", Table: "p", Version: 1, Rows: 4, Columns: columns}
	south := north
	south.Department, south.Columns = "south", nil
	for _, c := range columns {
		south.Columns = append(south.Columns, Column{Name: c.Name, Kind: c.Kind, Scale: c.Scale, Nullable: true})
	}
	return Catalogue{north, south}
}

// TestUndeclaredColumns: a column that one department has not declared is counted and compared, and nothing is
// added up of it, searched in it or grouped by it; the refusal has the line and whose it is.
func TestUndeclaredColumns(t *testing.T) {
	cat := undeclaredCatalogue()
	if err := cat.Validate(); err != nil {
		t.Fatal(err)
	}
	for sql, line := range map[string]string{
		"SELECT sum(x) FROM p": "bounds", "SELECT avg(m) FROM p": "bounds", "SELECT sum(x * 2 + 1) FROM p": "bounds",
		"SELECT sum(CASE WHEN t = 'a' THEN x ELSE 0 END) FROM p": "bounds", "SELECT stddev(x) FROM p": "bounds",
		"SELECT linreg(x, m) FROM p": "bounds", "SELECT logreg(x > 1, m) FROM p": "bounds", "SELECT logreg(x, m) FROM p": "bounds",
		"SELECT sum(EXTRACT(year FROM d)) FROM p": "bounds", "SELECT min(x) FROM p": "bounds", "SELECT median(m) FROM p": "bounds",
		"SELECT max(d) FROM p": "bounds", "SELECT count(*) FROM p GROUP BY x + 1": "bounds",
		"SELECT x, count(*) FROM p GROUP BY x": "dictionary", "SELECT t, count(*) FROM p GROUP BY t": "dictionary",
		"SELECT mode() WITHIN GROUP (ORDER BY t) FROM p": "dictionary", "SELECT count(*) FROM p GROUP BY upper(t)": "dictionary",
	} {
		_, err := NewSession(sql, cat, []string{"north", "south"}, testPackings[0])
		want := map[string]string{"bounds": `bounds = "measured" (or min`, "dictionary": "dictionary = true (or codes"}[line]
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeType || !strings.Contains(e.Hint, `south can declare it in node.toml, below [[table]] name = "p": [[table.column]] name = `) ||
			!strings.Contains(e.Hint, want) || strings.Contains(e.Hint, "north") {
			t.Errorf("%s: %v", sql, err)
		}
		if _, err := NewSession(sql, cat, []string{"north"}, testPackings[0]); err != nil && strings.Contains(err.Error(), "declare") && line == "bounds" {
			t.Errorf("%s over those who declare: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT count(*), count(x), count(d) FROM p WHERE x > 3 AND m < 2.5 AND t = 'a' AND d < '2020-01-01'",
		"SELECT sum(CASE WHEN x > 3 THEN 1 ELSE 0 END) FROM p", "SELECT count(DISTINCT t) FROM p", "SELECT count(*) FROM p GROUP BY x > 3",
		"SELECT histogram(x, 0, 10, 5) FROM p", "SELECT count(*) FROM p WHERE x * x > 10"} {
		if _, err := NewPlan(sql, cat, []string{"north", "south"}, testPackings[0]); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestUndeclaredRanges: whatever the kind allows lies within what an expression over an undeclared column is
// thought to be, at any scale of the others.
func TestUndeclaredRanges(t *testing.T) {
	whole := Registration{Department: "a", Table: "p", Rows: 1, Columns: []Column{{Name: "m", Kind: Decimal, Nullable: true}}}
	fine := Registration{Department: "b", Table: "p", Rows: 1, Columns: []Column{{Name: "m", Kind: Decimal, Scale: 3, Nullable: true}}}
	schema, err := Merge([]Registration{whole, fine})
	if err != nil || !schema.Columns[0].Undeclared() {
		t.Fatal(schema, err)
	}
	most := rescale(new(big.Int).Sub(decimalLimit, big.NewInt(1)), 3)
	if s := schema.Columns[0].span(); s.hi.Cmp(most) < 0 || s.lo.CmpAbs(most) < 0 {
		t.Error(s, most)
	}
}
