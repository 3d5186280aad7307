package policy

import (
	"fmt"
	"testing"

	"parley/engine"
)

// large is the ledger of 50 departments with 500 tables and 10,000 grants, of which all departments
// hold the table that is asked, and a fifth of the grants are the asker's. Every policy has ten
// rules, each with a condition of its own; the last allows the question.
func large(t testing.TB) (Facts, Context) {
	var cat engine.Catalogue
	var names []string
	c := Context{Time: now, Asker: analyst(), Purpose: "poverty relapse"}
	for d := range 50 {
		name := fmt.Sprintf("d%02d", d)
		names = append(names, name)
		r := claims(name)
		cat = append(cat, r)
		for i := range 10 { // 500 tables; the first is that of all
			table := "claims"
			if i > 0 {
				table = fmt.Sprintf("t%d_%d", d, i)
			}
			doc := Document{Department: name, Table: table, Version: 1}
			for k := range 10 {
				rule := Rule{Name: fmt.Sprint("rule ", k), Who: []string{"under:Jiangsu"}, When: fmt.Sprintf("groups.all(c, c in [\"county\", \"sex\"]) && hour > %d", k-30),
					Terms: Terms{Filter: []string{"year"}, Group: []string{"sex"}, Aggregate: []string{"cost"}, Functions: []string{"count", "sum"}}}
				if k == 9 {
					rule.Terms.Group = []string{"county", "sex"}
				}
				doc.Rules = append(doc.Rules, rule)
			}
			c.Documents = append(c.Documents, doc)
			k := Classes{Table: engine.ClassOnCondition, Ceilings: []Ceiling{{Unit: "Jiangsu", Class: engine.ClassUnconditional}}}
			for _, column := range r.Columns {
				k.Columns = append(k.Columns, ColumnClass{Column: column.Name, Class: engine.ClassOnCondition})
			}
			c.Classes = append(c.Classes, TableClasses{name, table, k})
		}
	}
	wide := packing
	wide.MaxDepartments = 64
	p, err := engine.NewPlan(askedSQL, cat, names, wide)
	if err != nil {
		t.Fatal(err)
	}
	f, err := FactsOf(p, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		h := Held{Grant: Grant{Department: names[i%50], Table: "claims", Person: Key{byte(i / 50 % 5), 1}, Subject: Subject{Asked: engine.QuestionDigest(fmt.Sprint(i))},
			Terms: Terms{Filter: []string{"year"}, Group: []string{"county"}, Aggregate: []string{"cost"}, Functions: []string{"count", "sum"},
				Purposes: []string{"poverty relapse"}, Uses: 1, Until: now + int64(i)}, Turn: uint64(i)}}
		if i/50%5 == 1 {
			h.Grant.Person = Key{1}
		}
		if i/50 == 196 { // one of each department's is for this question
			h.Grant.Subject.Asked = f.Asked
		} else if i%3 == 0 {
			h.Grant.Subject = Subject{Form: askedSQL + " HAVING count(*) > $1", Parameters: []Parameter{{Range: true, High: 9}}}
		}
		c.Grants = append(c.Grants, h)
	}
	return f, c
}

// TestLargeLedger: the decision over it is what it should be.
func TestLargeLedger(t *testing.T) {
	f, c := large(t)
	if got := Decide(&f, &c); !got.Allowed || len(got.Charges) != 50 {
		t.Errorf("%s", got.Text(English))
	}
}

// BenchmarkDecide is a decision over a large ledger, allowed; and with the worst that there can be
// to tell, nothing allowed.
func BenchmarkDecide(b *testing.B) {
	f, c := large(b)
	b.Run("allowed", func(b *testing.B) {
		for b.Loop() {
			if d := Decide(&f, &c); !d.Allowed {
				b.Fatal(d.Text(English))
			}
		}
	})
	none := c
	none.Purpose = "rent"
	b.Run("refused", func(b *testing.B) {
		for b.Loop() {
			if d := Decide(&f, &none); d.Allowed {
				b.Fatal("allowed")
			}
		}
	})
	b.Run("facts", func(b *testing.B) {
		p, err := engine.NewPlan(askedSQL, catalogue(), departments, packing)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := FactsOf(p, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
}
