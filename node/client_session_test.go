package node

import (
	"context"
	"strings"
	"testing"
	"time"

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

// TestNetworkRounds: the rounds of a fit, over real nodes and their ledger, are one
// certificate, in which each has a receipt of its own; with two of them swapped it is refused.
func TestNetworkRounds(t *testing.T) {
	if testing.Short() {
		t.Skip("a fit's rounds over a network")
	}
	n := newTestNetwork(t, 2)
	n.startAll()
	c := n.dial(0)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	const sql = "SELECT logreg(sex = 'f', age) FROM people"
	a, err := c.Ask(ctx, sql, AskOptions{})
	if err != nil {
		t.Fatalf("%v\n%s", err, n.logs())
	}
	v := a.Verdict
	if !v.Verified || !v.Anchored || v.Question != sql || len(v.Rounds) < 3 || len(v.Rounds) != len(a.Rounds) || len(a.Result.Rows) != 2 {
		t.Fatalf("%d rounds, verdict %+v", len(a.Rounds), v)
	}
	for i, r := range v.Rounds {
		if !r.Verified || r.Block == 0 || i > 0 && r.Block <= v.Rounds[i-1].Block || r.Block > v.Block {
			t.Errorf("round %d ended in block %d of up to %d", i+1, r.Block, v.Block)
		}
	}
	network, err := c.Network(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sequence, err := protocols.ParseSequence(a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	rounds := sequence.Certificates
	rounds[0], rounds[1] = rounds[1], rounds[0]
	verifier := protocols.Verifier{Pinned: &network, Parameters: tiny, Receipts: checkReceipt}
	if v, err := verifier.Verify(sequence.Marshal()); err != nil || v.Verified || v.SelfConsistent || !strings.Contains(v.Reason, "round 2 was asked before round 1 ended") {
		t.Errorf("two rounds swapped: %v, %+v", err, v)
	}
}
