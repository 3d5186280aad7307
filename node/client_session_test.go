package node_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/node/client"
	"parley/node/exchange"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// TestNetworkRounds: the rounds of a fit, over real nodes and their ledger, are one
// certificate, in which each has a receipt of its own; with two of them swapped it is refused.
func TestNetworkRounds(t *testing.T) {
	if testing.Short() {
		t.Skip("a fit's rounds over a network")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	c := n.Dial(0)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	const sql = "SELECT logreg(sex = 'f', age) FROM people"
	network, err := c.Network(ctx)
	if err != nil {
		t.Fatal(err)
	}
	plans, proofs := engine.Planned.Load(), circuits.Verified.Load()
	a, err := c.Ask(ctx, sql, testnet.Asking(client.AskOptions{Pinned: &network}))
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	checkCounts(t, len(a.Rounds), engine.Planned.Load()-plans, circuits.Verified.Load()-proofs)
	v := a.Verdict
	if !v.Verified || !v.Anchored || v.Question != sql || len(v.Rounds) < 3 || len(v.Rounds) != len(a.Rounds) || len(a.Result.Rows) != 2 {
		t.Fatalf("%d rounds, verdict %+v", len(a.Rounds), v)
	}
	for i, r := range v.Rounds {
		if !r.Verified || r.Block == 0 || i > 0 && r.Block <= v.Rounds[i-1].Block || r.Block > v.Block {
			t.Errorf("round %d ended in block %d of up to %d", i+1, r.Block, v.Block)
		}
	}
	sequence, err := protocols.ParseSequence(a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	rounds := sequence.Certificates
	rounds[0], rounds[1] = rounds[1], rounds[0]
	verifier := protocols.Verifier{Pinned: &network, Parameters: nodetest.Tiny, Receipts: exchange.CheckReceipt}
	if v, err := verifier.Verify(sequence.Marshal()); err != nil || v.Verified || v.SelfConsistent || !strings.Contains(v.Reason, "round 2 was asked before round 1 ended") {
		t.Errorf("two rounds swapped: %v, %+v", err, v)
	}
}

// checkCounts holds how often a fit's rounds, of two departments with two ciphertexts each, were
// planned and their proofs verified: as TestAskedOnce says, for each round.
func checkCounts(t *testing.T, rounds int, plans, proofs int64) {
	t.Helper()
	const fit = 1 // times more: the question's own text is read
	session := rounds + fit
	// Two departments, the client, the rounds' certificates, and what leads from one to the next: a
	// first round is read from its question.
	// Whether a later round is one that the question can lead to, the departments and who verifies its certificate
	// find by the question, with its first round.
	later := (2 + 1) * (rounds - 1) * (1 + fit)
	if want := (2+1+1+1)*session + later; plans != int64(want) {
		t.Errorf("%d plans in %d rounds, want %d", plans, rounds, want)
	}
	const n, k = 2, 2 // departments, ciphertexts
	if want := (rounds-1)*(n*(1+n*k+2*k)+2+2*n*k) + n*(1+n*k+2*k) + n + 2 + 2*n*k; proofs != int64(want) {
		t.Errorf("%d proofs verified in %d rounds, want %d", proofs, rounds, want)
	}
}
