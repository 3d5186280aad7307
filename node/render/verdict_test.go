package render

import (
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/protocols"
)

// TestVerdictText: the verdict is the first line, and an answer that is not verified is not shown
// but to who asks for it.
func TestVerdictText(t *testing.T) {
	figure := "178144"
	whole := protocols.Verdict{Verified: true, SelfConsistent: true, Pinned: true, ValueShown: true, Question: "SELECT count(*) FROM t", Parameters: "default",
		ForPrivateData: true, Block: 7, Time: time.Unix(1700000000, 0), Departments: []string{"north", "south"},
		Result: &engine.Result{Columns: []string{"count"}, Kinds: []engine.Kind{engine.Integer}, Rows: [][]engine.Value{{{Text: &figure, Exact: &figure}}}}}
	with := func(change func(*protocols.Verdict)) protocols.Verdict { v := whole; change(&v); return v }
	for name, tc := range map[string]struct {
		verdict protocols.Verdict
		first   string
		shown   bool
	}{
		"verified": {whole, "certificate  verified\n", true},
		"not pinned": {with(func(v *protocols.Verdict) {
			v.Verified, v.Pinned, v.Reason = false, false, protocols.ReasonUnknownSigners
		}), "certificate  " + protocols.ReasonUnknownSigners + "\n", true},
		"other keys": {with(func(v *protocols.Verdict) {
			v.Verified, v.Pinned, v.OtherKeys, v.Reason = false, false, true, "b was seized"
		}),
			"certificate  NOT verified: b was seized\n", false},
		"another network": {with(func(v *protocols.Verdict) {
			v.Verified, v.Pinned, v.Reason = false, false, "made in network 1, pinned is 2"
		}),
			"certificate  NOT verified: made in network 1, pinned is 2\n", false},
	} {
		text := VerdictText(tc.verdict, false)
		if !strings.HasPrefix(text, tc.first) || strings.Contains(text, figure) != tc.shown || strings.Contains(text, "--show") == tc.shown {
			t.Errorf("%s:\n%s", name, text)
		}
		if asked := VerdictText(tc.verdict, true); !strings.HasPrefix(asked, tc.first) || !strings.Contains(asked, figure) {
			t.Errorf("%s, with --show:\n%s", name, asked)
		}
	}
	forged := VerdictText(with(func(v *protocols.Verdict) {
		v.Verified, v.SelfConsistent, v.Reason = false, false, "the proof does not verify"
	}), true)
	if !strings.HasPrefix(forged, "certificate  NOT verified: the proof does not verify\n") || strings.Contains(forged, figure) {
		t.Errorf("forged:\n%s", forged)
	}
}
