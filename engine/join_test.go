package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// joinCatalogue are tables of two departments: a person's number is in people, benefits and texts, a home's in people and homes, and
// jobs is declared at d0 alone. d1 holds no homes.
func joinCatalogue() (out Catalogue) {
	number := func(name, family string, kind Kind) Column {
		c := Column{Name: name, Kind: kind, Nullable: true, Colocated: family}
		if kind != Text {
			c.Min, c.Max = big.NewInt(0), big.NewInt(999)
		}
		return c
	}
	coded := func(name string, values ...string) Column {
		return Column{Name: name, Kind: Text, HasDictionary: true, Dictionary: values, Nullable: true}
	}
	table := func(name string, rows int64, key string, equal int64, columns ...Column) {
		for _, d := range []string{"d0", "d1"} {
			r := Registration{Department: d, Table: name, Version: 2, Rows: rows, Digest: Hash("test", []byte(name+d)), Columns: slices.Clone(columns)}
			if key != "" {
				r.Quality = Quality{Key: []string{key}, Duplicates: equal}
			}
			switch {
			case d == "d1" && name == "homes":
				continue
			case d == "d1" && name == "jobs":
				r.Columns[0].Colocated = ""
			}
			out = append(out, r)
		}
	}
	table("benefits", 200, "pid", 30, number("pid", "resident", Integer), coded("kind", "child", "rent"), number("amount", "", Integer))
	table("homes", 40, "home_id", 0, number("home_id", "home", Integer), number("size", "", Integer))
	table("jobs", 90, "", 0, number("person_id", "resident", Integer), number("wage", "", Integer))
	table("people", 100, "person_id", 0, number("person_id", "resident", Integer), coded("sex", "f", "m"), number("home_id", "home", Integer), number("amount", "", Integer))
	table("texts", 10, "", 0, number("person_id", "resident", Text), coded("sex", "f", "m"), number("Size", "", Integer))
	table("visits", 1<<21, "", 0, number("pid", "resident", Integer))
	table("visits2", 1<<21, "", 0, number("pid", "resident", Integer))
	return out
}

// TestJoins holds what joins are, and what is refused of them: as in PostgreSQL where that refuses it too.
func TestJoins(t *testing.T) {
	runCases(t, "joins.txt", func(t *testing.T, c dataCase) string {
		departments := strings.Fields(c.verb)[1:]
		p, err := NewPlan(c.input, joinCatalogue(), departments, testPackings[0])
		if tables, refused := TablesOf(c.input, joinCatalogue()); (refused != nil) && err == nil || refused == nil && err == nil && !slices.Equal(tables, p.Tables()) {
			t.Errorf("%s: its tables are %v, %v", c.input, tables, refused)
		}
		if err != nil {
			e := err.(*Error)
			return fmt.Sprintf("%s at %d: %s\nhint: %s", e.Code, e.Position, e.Message, e.Hint)
		}
		lines := []string{p.Table}
		for _, key := range p.explainKeys() {
			lines = append(lines, fmt.Sprintf("  %s (%s)", strings.Join(key.Columns, " = "), key.Family))
		}
		for i, r := range p.Registrations {
			lines = append(lines, fmt.Sprintf("  %s: at most %d rows", p.Departments[i], r.Rows))
		}
		for _, o := range p.Outputs {
			lines = append(lines, fmt.Sprintf("  %s = %s", o.Name, p.describe(o.Expr)))
		}
		if p.Filter != nil {
			lines = append(lines, "  where "+p.describe(p.Filter))
		}
		return strings.Join(lines, "\n")
	})
}

// TestJoinsAreInTheDigest: a plan is another one when a table that it joins has another version, another content, or another promise.
func TestJoinsAreInTheDigest(t *testing.T) {
	const sql = "SELECT count(*) FROM people JOIN benefits ON person_id = pid"
	digest := func(change func(r *Registration)) Digest {
		cat := joinCatalogue()
		change(&cat[cat.find("benefits", "d1")])
		p, err := NewPlan(sql, cat, []string{"d0", "d1"}, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		return p.Digest()
	}
	seen := map[Digest]string{digest(func(*Registration) {}): "the same"}
	for what, change := range map[string]func(r *Registration){
		"a version": func(r *Registration) { r.Version++ }, "content": func(r *Registration) { r.Digest[0]++ },
		"a column that is not asked": func(r *Registration) { r.Columns[2].Max = big.NewInt(1000) },
		"a limit of rows":            func(r *Registration) { r.Quality.Duplicates = 2 },
	} {
		d := digest(change)
		if other, known := seen[d]; known {
			t.Errorf("with another %s the plan is as with %s", what, other)
		}
		seen[d] = what
	}
}

// TestJoinCurrent: a department's own registration of each table that is joined is the plan's.
func TestJoinCurrent(t *testing.T) {
	cat := joinCatalogue()
	p, err := NewPlan("SELECT count(*) FROM people JOIN benefits ON person_id = pid", cat, []string{"d0", "d1"}, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range cat {
		own := r
		if asked := r.Table == "people" || r.Table == "benefits"; (p.Current(own) == nil) != asked {
			t.Errorf("%s of %s: %v", r.Table, r.Department, p.Current(own))
		}
		if own.Version++; p.Current(own) == nil {
			t.Errorf("another version of %s of %s is the plan's", r.Table, r.Department)
		}
	}
}

// TestJoinsAgainstRules: under rules that are about the rows of one table no joined question is planned further, and where counts
// are screened one column has to join all tables.
func TestJoinsAgainstRules(t *testing.T) {
	plan := func(sql string) *Plan {
		p, err := NewPlan(sql, joinCatalogue(), []string{"d0"}, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	two := plan("SELECT count(*) FROM people JOIN benefits ON person_id = pid")
	three := plan("SELECT count(*) FROM people JOIN benefits ON person_id = pid JOIN homes USING (home_id)")
	for rule, d := range map[string]Disclosure{"round": {Count: 5, Base: 5}, "perturbed": {Count: 5, Perturbed: 3},
		"epsilon": {Epsilon: 500_000, Budget: 4_000_000, Delta: 1_000_000}, "dominance": {Count: 5, DominanceCount: 2, DominancePerMille: 900}, "p-ratio": {Count: 5, RatioPerMille: 100}} {
		if d.AgainstJoins() != rule {
			t.Errorf("rules with %s refuse joins by %q", rule, d.AgainstJoins())
		}
		_, err := two.Screening(d)
		if d.Noisy() {
			_, err = two.Noisy(d)
		}
		if e, ok := err.(*Error); !ok || e.Code != CodePolicy || !strings.Contains(e.Message, rule) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	if _, err := two.Screening(Disclosure{Count: 5, Floor: 3, Departments: 1}); err != nil {
		t.Error(err)
	}
	if _, err := three.Screening(Disclosure{Count: 5}); err == nil || !strings.Contains(err.Error(), "no one column") {
		t.Errorf("tables that two columns join are screened: %v", err)
	}
}

// TestJoinUses: what a question does with a column is said of the table that has it.
func TestJoinUses(t *testing.T) {
	p, err := NewPlan("SELECT sex, sum(b.amount) FROM people JOIN benefits b ON person_id = pid WHERE people.amount > 3 GROUP BY sex", joinCatalogue(), []string{"d0", "d1"}, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range p.Uses() {
		got = append(got, fmt.Sprintf("%s.%s filter %t group %t aggregate %t join %t", u.Table, u.Column, u.Filter, u.Group, u.Aggregate, u.Join))
	}
	want := []string{". filter false group false aggregate true join false",
		"benefits.amount filter false group false aggregate true join false", "benefits.pid filter false group false aggregate false join true",
		"people.amount filter true group false aggregate false join false", "people.person_id filter false group false aggregate false join true",
		"people.sex filter false group true aggregate false join false"}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
