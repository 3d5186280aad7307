package node

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"parley/node/audit"
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
		return checkedText(&f)
	}
	unpinned := verdict(func(v *protocols.Verdict) {
		v.Verified, v.Pinned, v.Reason = false, false, protocols.ReasonUnknownSigners
	})
	inJSON := func(v any) string {
		text, err := json.Marshal(v)
		check(t, err)
		if !bytes.Contains(text, []byte(`"caveat"`)) {
			return ""
		}
		return string(text)
	}
	for name, text := range map[string]string{
		"verify":                verdictLine(verdict(func(*protocols.Verdict) {})),
		"verify, sealed":        verdictLine(verdict(func(v *protocols.Verdict) { v.ValueShown = false })),
		"verify, not pinned":    verdictLine(unpinned),
		"verify, other keys":    verdictLine(verdict(func(v *protocols.Verdict) { v.Verified, v.OtherKeys = false, true })),
		"verify JSON":           inJSON(verdictOf(verdict(func(*protocols.Verdict) {}))),
		"verify JSON, unpinned": inJSON(verdictOf(unpinned)),
		"ledger check":          export(func(*audit.Checked) {}),
		"check, not pinned":     export(func(f *audit.Checked) { f.Verified, f.Pinned = false, false }),
		"check, other keys":     export(func(f *audit.Checked) { f.Verified, f.OtherKeys = false, []string{"b"} }),
		"status":                statusText(nodeReport{Caveat: protocols.DevelopmentCaveat}),
		"status JSON":           inJSON(nodeReport{Caveat: protocols.DevelopmentCaveat}),
	} {
		if strings.Count(text, caveat) != 1 {
			t.Errorf("%s: %s", name, text)
		}
	}
	if text := statusText(nodeReport{Caveat: protocols.DevelopmentCaveat}); !strings.Contains(text, "not for private data") {
		t.Error(text)
	}
	for name, text := range map[string]string{
		"verify": verdictLine(verdict(func(v *protocols.Verdict) { v.DevelopmentKeys = false })),
		"check":  export(func(f *audit.Checked) { f.Development = false }),
		"status": statusText(nodeReport{}),
	} {
		if strings.Contains(text, "development") {
			t.Errorf("%s, of other keys: %s", name, text)
		}
	}
}
