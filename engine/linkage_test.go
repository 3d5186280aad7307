package engine

import (
	"math/big"
	"strings"
	"testing"
)

// TestLinkage: what a peer says of the persons of a table is refused unless it names the declared key (README, section 3).
func TestLinkage(t *testing.T) {
	valid := func() Registration {
		return Registration{Department: "tax", Table: "income", Version: 1, Rows: 5, Columns: []Column{{Name: "id", Kind: Text}, {Name: "day", Kind: Date}},
			Quality: Quality{Key: []string{"id"}}, Linkage: Linkage{Key: "id", Spine: "population", Department: "civil"}}
	}
	r := valid()
	if err := r.Validate(); err != nil || r.IsSpine() {
		t.Fatal(err)
	}
	r.Table, r.Department = "population", "civil"
	if err := r.Validate(); err != nil || !r.IsSpine() {
		t.Fatal(err)
	}
	if (Registration{}).IsSpine() {
		t.Error("a table without a linkage is a spine")
	}
	for name, c := range map[string]struct {
		change func(*Registration)
		want   string
	}{
		"no key":          {func(r *Registration) { r.Linkage.Key = "" }, "not its declared key"},
		"another key":     {func(r *Registration) { r.Quality.Key = []string{"day"} }, "not its declared key"},
		"a wider key":     {func(r *Registration) { r.Quality.Key = []string{"id", "day"} }, "not its declared key"},
		"no declared key": {func(r *Registration) { r.Quality.Key = nil }, "not its declared key"},
		"no column":       {func(r *Registration) { r.Columns = r.Columns[1:]; r.Quality.Key = nil }, "not its declared key"},
		"a day":           {func(r *Registration) { r.Linkage.Key, r.Quality.Key = "day", []string{"day"} }, "is a date"},
		"no spine":        {func(r *Registration) { r.Linkage.Spine = "" }, "a spine or its department is empty"},
		"no department":   {func(r *Registration) { r.Linkage.Department = "" }, "a spine or its department is empty"},
		"a line break":    {func(r *Registration) { r.Linkage.Spine = "a\nb" }, "control characters"},
		"too long":        {func(r *Registration) { r.Linkage.Department = strings.Repeat("a", MaxNameBytes+1) }, "too long"},
	} {
		r := valid()
		c.change(&r)
		if err := r.Validate(); code(err) != CodeCatalogue || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMixedKeys: a column that names persons on one spine may be text at some departments and whole numbers at others. It says who is who, also across
// tables, and nothing else can be asked of it; and no other column may.
func TestMixedKeys(t *testing.T) {
	cat := func(change func(Catalogue)) Catalogue {
		c := crossCatalogue()
		c[c.find("benefits", "north")].Columns[0] = Column{Name: "pid", Kind: Integer, Nullable: true, Min: big.NewInt(7), Max: big.NewInt(9), HasDictionary: true, Dictionary: []string{"7", "9"}}
		c[c.find("income", "tax")].Columns[0].Kind = Integer
		c[c.find("population", "civil")].Columns[0].Kind = Integer
		if change != nil {
			change(c)
		}
		return c
	}
	const north = `column "pid" is integer at north and text at welfare`
	for _, c := range []struct{ departments, sql, want string }{
		{"north welfare", "select kind, count(*), sum(amount) from benefits where amount > 3 group by kind", ""},
		{"north welfare", "select count(pid) from benefits", north},
		{"north welfare", "select pid, count(*) from benefits group by pid", north},
		{"north welfare", "select count(distinct pid) from benefits", north},
		{"north welfare", "select count(*) from benefits where pid = '7'", north},
		{"north welfare tax", "select count(*) from benefits join income using (pid)", ""},
		{"north welfare tax", "select count(*) from income i join benefits b on b.pid = i.pid where kind = 'rent'", ""},
		{"north welfare civil", "select sex, count(*) from benefits join population on pid = person_id group by sex", ""},
		{"north welfare civil", "select count(*) from benefits where pid in (select person_id from population where sex = 'f')", ""},
		{"north welfare civil", "select count(*) from benefits where pid not in (select person_id from population where sex = 'f')", ""},
		{"tax civil", "select count(*), count(distinct person_id) from population where person_id in (select pid from income where sector = 'a')", ""},
		{"north welfare civil", "select count(*) from benefits where pid <> 'x' and pid not in (select person_id from population)", north},
		{"north welfare civil", "select count(*) from benefits join population on pid = person_id where benefits.pid is not null", north},
		{"north welfare civil", "select benefits.pid, count(*) from benefits join population on pid = person_id group by 1", north},
		{"north welfare civil", "select count(*) from benefits join population on pid = age", north},
		{"north welfare civil", "select count(*) from benefits join population on amount = person_id", "does not name persons"},
	} {
		_, err := NewLinkedPlan(c.sql, cat(nil), strings.Fields(c.departments), testPackings[0])
		switch {
		case (err != nil) != (c.want != ""), err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v", c.sql, err)
		case c.want == north && (code(err) != CodeSchema || err.(*Error).Hint == "" || err.(*Error).Position == 0):
			t.Errorf("%s: %+v", c.sql, err)
		}
	}
	for name, change := range map[string]func(c Catalogue){
		"another spine":   func(c Catalogue) { c[c.find("benefits", "north")].Linkage.Spine = "register" },
		"another's spine": func(c Catalogue) { c[c.find("benefits", "north")].Linkage.Department = "north" },
		"no spine":        func(c Catalogue) { c[c.find("benefits", "north")].Linkage = Linkage{} },
		"another column": func(c Catalogue) {
			c[c.find("benefits", "north")].Columns[1].Kind, c[c.find("benefits", "north")].Columns[1].Dictionary = Integer, nil
		},
		"another key there": func(c Catalogue) {
			r := &c[c.find("benefits", "north")]
			r.Linkage.Key, r.Quality.Key = "kind", []string{"kind"}
		},
	} {
		if _, err := NewLinkedPlan("select count(*) from benefits", cat(change), []string{"north", "welfare"}, testPackings[0]); code(err) != CodeSchema && code(err) != CodeCatalogue {
			t.Errorf("%s: %v", name, err)
		}
	}
	home := func(c Catalogue) { // joined at home nothing has a canonical id
		c[c.find("homes", "north")].Columns[0].Kind = Integer
	}
	if _, err := NewLinkedPlan("select count(*) from homes join houses using (home)", cat(home), []string{"north"}, testPackings[0]); code(err) != CodeType {
		t.Errorf("at home: %v", err)
	}
}
