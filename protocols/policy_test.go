package protocols

import (
	"errors"
	"testing"

	"parley/engine"
	"parley/engine/policy"
)

// planned is the question of the court's with the plan that follows from it, for a purpose.
func (c *court) planned(nonce byte, purpose string, p engine.Packing) *Ask {
	c.t.Helper()
	a := c.question(nonce)
	plan, err := engine.NewPlan(a.SQL, engine.Catalogue{courtTable("a", 1), courtTable("b", 1)}, a.Departments, p)
	if err != nil {
		c.t.Fatal(err)
	}
	a.Plan, a.Ciphertexts, a.Purpose = plan.Digest(), uint32(plan.Ciphertexts()), purpose
	return a
}

// TestDecideAgain: whoever has the ledger plans a question again and decides about it, by what stood
// there when it was asked, whatever the departments said later.
func TestDecideAgain(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	packing := engine.Packing{LimbBits: 20, LimbsPerCiphertext: 16, MaxCiphertexts: 8, MaxDepartments: 3}
	decide := func(q *QueryState) error {
		plan, err := q.Plan(packing)
		if err != nil {
			t.Fatal(err)
		}
		_, err = q.Decide(plan)
		return err
	}
	narrow := func(version uint64, purpose string) *Publish {
		p := c.version("a", version)
		p.Document.Rules[0].Terms.Purposes = []string{purpose}
		return p
	}
	c.must(stewardOf("a"), narrow(2, "statistics"))
	allowed := c.asked(c.planned(1, "statistics", packing))
	forbidden := c.asked(c.planned(2, "curiosity", packing))
	claims := c.asked(c.question(3)) // another plan than its own
	c.must(stewardOf("a"), narrow(3, "curiosity"))

	if err := decide(allowed); err != nil {
		t.Error(err)
	}
	var denied *Denied
	if err := decide(forbidden); !errors.As(err, &denied) || denied.Decision.Missing[0].Reason != policy.OtherPurpose || denied.Decision.Missing[0].Department != "a" {
		t.Errorf("a purpose that the policy forbids: %v", err)
	}
	if _, err := claims.Plan(packing); !errors.Is(err, errOtherPlan) {
		t.Errorf("a plan that is not the question's: %v", err)
	}
}
