package policy

import (
	"errors"
	"testing"

	"parley/engine"
)

// TestLinkedIsNotDecided: about a join across departments no facts are read, so that nobody's policy allows it.
func TestLinkedIsNotDecided(t *testing.T) {
	table := func(department, name string) engine.Registration {
		return engine.Registration{Department: department, Table: name, Version: 1, Rows: 5, Columns: []engine.Column{{Name: "id", Kind: engine.Text}},
			Quality: engine.Quality{Key: []string{"id"}}, Linkage: engine.Linkage{Key: "id", Spine: "population", Department: "civil"}}
	}
	cat := engine.Catalogue{table("welfare", "benefits"), table("tax", "income")}
	p, err := engine.NewLinkedPlan("SELECT count(*) FROM benefits JOIN income USING (id)", cat, []string{"tax", "welfare"},
		engine.Packing{LimbBits: 30, LimbsPerCiphertext: 64, MaxCiphertexts: 4, MaxDepartments: 4})
	if err != nil || p.Linked() == nil {
		t.Fatal(err)
	}
	var refused *engine.Error
	if _, err := FactsOf(p, ""); !errors.As(err, &refused) || refused.Code != engine.CodeUnanswered {
		t.Errorf("its facts: %v", err)
	}
}
