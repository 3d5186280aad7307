package engine

import (
	"math/big"
	"strings"
	"testing"
)

// wards is a table of two departments: of ward, beds, rate, day and open the values are
// published, of age and seen bounds, of id nothing.
func wards() Catalogue {
	column := func(name string, kind Kind, lo, hi int64, dictionary ...string) Column {
		c := Column{Name: name, Kind: kind, Dictionary: dictionary, HasDictionary: dictionary != nil}
		if kind.bounded() {
			c.Min, c.Max = big.NewInt(lo), big.NewInt(hi)
		}
		return c
	}
	rate := column("rate", Decimal, 25, 150, "0.25", "1.5")
	rate.Scale = 2
	north := Registration{Department: "north", Table: "stays", Rows: 4, Columns: []Column{
		column("ward", Text, 0, 0, "Medicine", "Surgery", "it's\x1b"), column("beds", Integer, 1, 30, "1", "12", "30"), rate,
		column("day", Date, 18262, 18272, "2020-01-01", "2020-01-11"), column("open", Boolean, 0, 0, "true"),
		column("age", Integer, 18, 95), column("seen", Date, 18262, 18627), column("id", Text, 0, 0), {Name: "none", Kind: Null, Nullable: true, HasDictionary: true},
	}}
	south := north
	south.Department, south.Columns = "south", append([]Column{column("ward", Text, 0, 0, "Surgery", "Theatre")}, north.Columns[1:]...)
	south.Columns[5] = column("age", Integer, 2, 60)
	return Catalogue{north, south}
}

// TestNotes holds what is remarked on a question's literals: all that is said is published, what
// is not published is not spoken of, and the plan is the same.
func TestNotes(t *testing.T) {
	runCases(t, "notes.txt", func(t *testing.T, c dataCase) string {
		departments := strings.Fields(c.verb)[1:]
		if len(departments) == 0 {
			departments = []string{"north", "south"}
		}
		p, err := NewPlan("SELECT "+c.input, wards(), departments, testPackings[0])
		if err != nil {
			t.Fatalf("%s: %v", c.input, err)
		}
		notes, bare := p.Notes(), *p
		if bare.written = nil; bare.Digest() != p.Digest() || len(bare.Notes()) > 0 {
			t.Errorf("%s: the comparisons are part of the plan", c.input)
		}
		var back Plan
		if err := Unmarshal(Marshal(p), &back); err != nil || back.Digest() != p.Digest() {
			t.Errorf("%s: %v", c.input, err)
		}
		if x := p.Explain(); strings.Count(x.String(), "\nNote: ") != len(notes) || len(x.Notes) != len(notes) {
			t.Errorf("%s: the explanation has not the %d notes:\n%s", c.input, len(notes), x)
		}
		if len(notes) == 0 {
			return "nothing"
		}
		return strings.Join(notes, "\n")
	})
}
