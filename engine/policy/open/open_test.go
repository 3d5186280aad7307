package open_test

import (
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
)

// TestPolicy: it is a policy, also as a file, and allows what needs no grant.
func TestPolicy(t *testing.T) {
	claims := engine.Registration{Department: "health", Table: "claims", Version: 1, Rows: 9, About: engine.About{Class: engine.ClassUnconditional},
		Columns: []engine.Column{{Name: "poor", Kind: engine.Boolean, HasDictionary: true, Dictionary: []string{"false", "true"}}}}
	const question = "SELECT poor, count(*) FROM claims WHERE poor GROUP BY poor"
	s, err := engine.NewSession(question, engine.Catalogue{claims}, []string{"health"}, engine.Packing{LimbBits: 20, LimbsPerCiphertext: 1024, MaxCiphertexts: 4096, MaxDepartments: 15})
	if err != nil {
		t.Fatal(err)
	}
	f, err := policy.FactsOfQuestion(s, question)
	if err != nil {
		t.Fatal(err)
	}
	d, classes := open.Policy("health", "claims"), policy.ClassesOf(claims, engine.ClassUnsaid, nil)
	if problems := d.Check(claims, classes); d.Validate() != nil || problems != nil {
		t.Fatal(d.Validate(), problems)
	}
	if file, err := policy.Parse("open.toml", []byte(d.Text())); err != nil || file.Document.Table != "claims" {
		t.Error(err)
	}
	c := policy.Context{Time: 5, Purpose: "statistics", Documents: []policy.Document{d}, Classes: []policy.TableClasses{{Department: "health", Table: "claims", Classes: classes}},
		Asker: policy.Asker{Key: policy.Key{1}, Vouched: true, Department: "health", Roles: []string{"analyst"}, Until: 9}}
	if got := policy.Decide(&f, &c); !got.Allowed {
		t.Error(got.Text(policy.English))
	}
	c.Asker.Vouched = false
	if got := policy.Decide(&f, &c); got.Allowed {
		t.Error("it allows a question of somebody for whom nobody vouches")
	}
}

// TestLinked: what lets departments join tables across each other is a policy and what may be drawn, also as files; a department draws nothing from
// itself, and one without persons nothing at all.
func TestLinked(t *testing.T) {
	draws := open.Draws("police", map[string]int64{"taxoffice": 5, "health": 0, "police": 3, "aid": 7})
	for _, d := range []policy.Document{open.Linked("police", "register", 2, []string{"aid", "taxoffice"}), draws} {
		if err := d.Validate(); err != nil {
			t.Fatal(err)
		}
		again, err := policy.Parse("open.toml", []byte(d.Text()))
		if again.Document.Department, again.Document.Version = d.Department, d.Version; err != nil || again.Document.Digest() != d.Digest() {
			t.Errorf("%v: %s", err, d.Text())
		}
	}
	if draws.Drawable("taxoffice") != 5 || draws.Drawable("aid") != 7 || len(draws.Draws) != 2 {
		t.Errorf("%+v", draws)
	}
}
