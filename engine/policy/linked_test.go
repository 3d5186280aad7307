package policy

import (
	"slices"
	"testing"

	"parley/engine"
)

// TestLinkedFacts: about a join across departments each table's contributors are those that hold it, and the question's are all.
func TestLinkedFacts(t *testing.T) {
	table := func(department, name string) engine.Registration {
		return engine.Registration{Department: department, Table: name, Version: 1, Rows: 5, Columns: []engine.Column{{Name: "id", Kind: engine.Text}},
			Quality: engine.Quality{Key: []string{"id"}}, Linkage: engine.Linkage{Key: "id", Spine: "population", Department: "civil"}}
	}
	cat := engine.Catalogue{table("tax", "benefits"), table("welfare", "benefits"), table("tax", "income")}
	p, err := engine.NewLinkedPlan("SELECT count(*) FROM benefits JOIN income USING (id)", cat, []string{"tax", "welfare"},
		engine.Packing{LimbBits: 30, LimbsPerCiphertext: 64, MaxCiphertexts: 4, MaxDepartments: 4})
	if err != nil || p.Linked() == nil {
		t.Fatal(err)
	}
	f, err := FactsOf(p, "")
	if err != nil || !f.Linked || len(f.Joined) != 2 {
		t.Fatalf("%+v, %v", f, err)
	}
	names := func(of []Contributor) (out []string) {
		for _, k := range of {
			out = append(out, k.Department)
		}
		return out
	}
	both := []string{"tax", "welfare"}
	if !slices.Equal(names(f.Contributors), both) || !slices.Equal(names(f.Of("benefits").Contributors), both) || !slices.Equal(names(f.Of("income").Contributors), []string{"tax"}) {
		t.Errorf("%+v", f)
	}
}
