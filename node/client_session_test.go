package node

import (
	"strings"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// TestRounds: an answer of several rounds keeps each round's certificate, adds up their
// time, and names them.
func TestRounds(t *testing.T) {
	round := func(digest byte) *Answer {
		a := sampleAnswer()
		a.Certificate = []byte{digest}
		a.Verdict = protocols.Verdict{Certificate: engine.Digest{digest}}
		return a
	}
	var whole *Answer
	whole = whole.follow(round(1), "first")
	whole = whole.follow(round(2), "second")
	if len(whole.Rounds) != 2 || whole.CPUSeconds != 14 || whole.Seconds.Total != 6 || whole.Certificate[0] != 2 {
		t.Fatalf("two rounds give %+v", whole)
	}
	for i, r := range answerOf("", whole, "x").Rounds {
		if r.SQL != []string{"first", "second"}[i] || *r.Certificate.Path != "x" || !strings.HasPrefix(r.Certificate.Digest, []string{"01", "02"}[i]) {
			t.Errorf("round %d is %+v", i, r)
		}
	}
	if text := provenance(whole, ""); !strings.Contains(text, "\nround 2      02") {
		t.Errorf("the rounds are shown as\n%s", text)
	}
	if answerOf("", sampleAnswer(), "x").Rounds != nil {
		t.Error("an answer of one round lists rounds")
	}
}
