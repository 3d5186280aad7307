package render

import (
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node/nodetest"
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

// TestVerdictGolden: what `verify` prints, whole: of a certificate that is verified, of one whose
// answer is by another key, and of one that is forged.
func TestVerdictGolden(t *testing.T) {
	plan := samplePlan()
	figure := "178144"
	seats := []protocols.Seat{{Name: "north", Role: protocols.RoleDepartment, Key: protocols.Key{1}, Pinned: true},
		{Name: "south", Role: protocols.RoleDepartment, Key: protocols.Key{2}, Pinned: true}}
	verified := protocols.Verdict{Verified: true, SelfConsistent: true, Pinned: true, ValueShown: true, DevelopmentKeys: true, Plan: plan, Parameters: "light",
		Block: 7, Time: time.Unix(1700000000, 0), Departments: []string{"north", "south"}, Seats: seats, Certificate: engine.Digest{1},
		Result: &engine.Result{Columns: []string{"count"}, Kinds: []engine.Kind{engine.Integer}, Rows: [][]engine.Value{{{Text: &figure, Exact: &figure}}}}}
	other := verified
	other.Verified, other.Pinned, other.OtherKeys = false, false, true
	other.Seats = []protocols.Seat{seats[0], {Name: "south", Role: protocols.RoleDepartment, Key: protocols.Key{3}, Steps: []protocols.Step{{How: protocols.Seized, Block: 41, Before: protocols.Key{2}}}}}
	other.Reason = protocols.ReasonOtherKeys + ": south (seized in block 41)"
	other.Plan, other.Question = nil, "SELECT sex, count(*) FROM people WHERE place = 'a place, with  a long name' AND age BETWEEN 16 AND 59 GROUP BY sex"
	forged := protocols.Verdict{Question: "SELECT count(*) FROM people", Department: "south",
		Reason: "the proof of ciphertext 1 does not verify: what was sent is not the encryption of values within their bounds"}
	for name, v := range map[string]protocols.Verdict{"verify": verified, "verify-other-keys": other, "verify-forged": forged} {
		nodetest.Golden(t, name, VerdictText(v, false))
	}
	if notes := VerdictOf(verified).Remarks; len(notes) != 1 || VerdictOf(forged).Remarks != nil {
		t.Errorf("%q", notes)
	}
}
