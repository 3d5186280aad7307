package protocols

import (
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
)

// TestReconsider: a question that is kept is decided again by other policies, as of its own time, and nothing of the state
// changes by that; a policy of another table or of a department that was not asked decides nothing.
func TestReconsider(t *testing.T) {
	c := peopledCourt(t)
	q := c.asked(c.question(1))
	before := c.state.Digest()
	packing := engine.Packing{LimbBits: 20, LimbsPerCiphertext: 1000, MaxCiphertexts: 8, MaxDepartments: 8}
	document := func(department, table string, change func(*policy.Rule)) policy.Document {
		d := open.Policy(department, table)
		d.Version = 7
		if change == nil {
			d.Rules = nil
		} else {
			change(&d.Rules[0])
		}
		return d
	}
	for _, tc := range []struct {
		what      string
		documents []policy.Document
		allowed   bool
		reason    policy.Reason
	}{
		{"as it was", nil, true, ""},
		{"another open one", []policy.Document{document("a", "heart", func(*policy.Rule) {})}, true, ""},
		{"a closed one", []policy.Document{document("b", "heart", nil)}, false, policy.NoPolicy},
		{"of a department that was not asked", []policy.Document{document("c", "heart", nil)}, true, ""},
		{"of another table", []policy.Document{document("a", "lungs", nil)}, true, ""},
		{"other purposes", []policy.Document{document("a", "heart", func(r *policy.Rule) { r.Terms.Purposes = []string{"audit"} })}, false, policy.OtherPurpose},
		{"over when it was asked", []policy.Document{document("a", "heart", func(r *policy.Rule) { r.Terms.Until = 1 })}, false, policy.Over},
		{"over since", []policy.Document{document("a", "heart", func(r *policy.Rule) { r.Terms.Until = q.Records()[0].Time/1000 + 1 })}, true, ""},
		{"under a grant", []policy.Document{document("a", "heart", func(r *policy.Rule) { r.Terms.Uses = 3 })}, false, policy.NoGrant},
	} {
		d, err := q.Reconsider(packing, tc.documents...)
		if err != nil {
			t.Fatalf("%s: %v", tc.what, err)
		}
		if d.Allowed != tc.allowed || !d.Allowed && d.Missing[0].Reason != tc.reason {
			t.Errorf("%s: %+v", tc.what, d)
		}
	}
	if c.state.Digest() != before || c.state.Kept()[0] != q {
		t.Error("the state is another")
	}
}
