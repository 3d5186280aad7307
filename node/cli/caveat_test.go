package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"parley/node"
	"parley/node/audit"
	"parley/node/nodetest"
	"parley/node/render"
	"parley/protocols"
)

// TestCaveatIsSaid: whatever is said of a network with development keys, to a
// person or a program, says what whoever made them can do.
func TestCaveatIsSaid(t *testing.T) {
	t.Parallel()
	const caveat = "whoever made them can forge proofs, and read what they hide"
	verdict := func(change func(*protocols.Verdict)) protocols.Verdict {
		v := protocols.Verdict{Verified: true, SelfConsistent: true, Pinned: true, ValueShown: true, DevelopmentKeys: true}
		change(&v)
		return v
	}
	export := func(change func(*audit.Checked)) string {
		f := audit.Checked{Verified: true, Pinned: true, Development: true, Genesis: "00"}
		change(&f)
		return unfolded(checkedText(&f))
	}
	unpinned := verdict(func(v *protocols.Verdict) {
		v.Verified, v.Pinned, v.Reason = false, false, protocols.ReasonUnknownSigners
	})
	inJSON := func(v any) string {
		text, err := json.Marshal(v)
		nodetest.Check(t, err)
		if !bytes.Contains(text, []byte(`"caveat"`)) {
			return ""
		}
		return string(text)
	}
	for name, text := range map[string]string{
		"verify":                render.VerdictLine(verdict(func(*protocols.Verdict) {})),
		"verify, sealed":        render.VerdictLine(verdict(func(v *protocols.Verdict) { v.ValueShown = false })),
		"verify, not pinned":    render.VerdictLine(unpinned),
		"verify, other keys":    render.VerdictLine(verdict(func(v *protocols.Verdict) { v.Verified, v.OtherKeys = false, true })),
		"verify JSON":           inJSON(render.VerdictOf(verdict(func(*protocols.Verdict) {}))),
		"verify JSON, unpinned": inJSON(render.VerdictOf(unpinned)),
		"ledger check":          export(func(*audit.Checked) {}),
		"check, not pinned":     export(func(f *audit.Checked) { f.Verified, f.Pinned = false, false }),
		"check, other keys":     export(func(f *audit.Checked) { f.Verified, f.OtherKeys = false, []string{"b"} }),
		"status":                unfolded(render.Status(node.Report{Caveat: protocols.DevelopmentCaveat})),
		"status JSON":           inJSON(node.Report{Caveat: protocols.DevelopmentCaveat}),
	} {
		if strings.Count(text, caveat) != 1 {
			t.Errorf("%s: %s", name, text)
		}
	}
	if text := unfolded(render.Status(node.Report{Caveat: protocols.DevelopmentCaveat})); !strings.Contains(text, "not for private data") {
		t.Error(text)
	}
	for name, text := range map[string]string{
		"verify": render.VerdictLine(verdict(func(v *protocols.Verdict) { v.DevelopmentKeys = false })),
		"check":  export(func(f *audit.Checked) { f.Development = false }),
		"status": render.Status(node.Report{}),
	} {
		if strings.Contains(text, "development") {
			t.Errorf("%s, of other keys: %s", name, text)
		}
	}
}

// unfolded is a text without the ends of its lines.
func unfolded(text string) string { return strings.Join(strings.Fields(text), " ") }
