package client

import (
	"testing"

	"parley/engine"
	"parley/node/machine"
	"parley/protocols"
)

// TestRounds: an answer of several rounds keeps each round's certificate and adds up their time.
func TestRounds(t *testing.T) {
	round := func(digest byte) *Answer {
		return &Answer{Certificate: []byte{digest}, Verdict: protocols.Verdict{Certificate: engine.Digest{digest}},
			Seconds: machine.Seconds{Total: 3}, CPUSeconds: 7}
	}
	var whole *Answer
	whole = whole.follow(round(1), "first")
	whole = whole.follow(round(2), "second")
	if len(whole.Rounds) != 2 || whole.CPUSeconds != 14 || whole.Seconds.Total != 6 || whole.Certificate[0] != 2 {
		t.Fatalf("two rounds give %+v", whole)
	}
	for i, r := range whole.Rounds {
		if r.SQL != []string{"first", "second"}[i] || r.Certificate[0] != byte(i+1) || r.Verdict.Certificate[0] != byte(i+1) {
			t.Errorf("round %d is %+v", i, r)
		}
	}
}
