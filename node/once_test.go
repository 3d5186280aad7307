package node_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/node/client"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// TestAskedOnce counts what one question costs a whole network: each department plans it once and
// verifies each proof once; the analyst's client too, which plans once more for the verdict.
func TestAskedOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	const departments = 2
	n := testnet.New(t, departments)
	n.StartAll()
	c := n.Dial(0)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	network, err := c.Network(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(sql string) (rounds int, plans, proofs int64) {
		t.Helper()
		plans, proofs = engine.Planned.Load(), circuits.Verified.Load()
		a, err := c.Ask(ctx, sql, testnet.Asking(client.AskOptions{Pinned: &network}))
		if err != nil || !a.Verdict.Verified || a.Plan.Ciphertexts() != 1 {
			t.Fatalf("%+v %v\n%s", a, err, n.Logs())
		}
		return len(a.Rounds), engine.Planned.Load() - plans, circuits.Verified.Load() - proofs
	}
	// A department verifies the analyst's key, all contributions, and its own two proofs as it makes
	// them; the client key shares, contributions, shares, and its key, also as it makes it.
	const once = departments*(1+departments+2) + (3*departments + 2)
	rounds, plans, proofs := ask(testnet.WageQuestion)
	if rounds != 0 || plans != departments+2 || proofs != once {
		t.Errorf("%d plans and %d proofs verified, want %d and %d", plans, proofs, departments+2, once)
	}
}

// TestAskPinned: no answer is given that its certificate does not show under the pin, and without a
// pin the signers are unknown.
func TestAskPinned(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	c := n.Dial(0)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	other, err := c.Network(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other.Nonce[0] ^= 1
	before := n.Report(0).Ledger.Entries
	var refused *client.QueryError
	if a, err := c.Ask(ctx, testnet.WageQuestion, testnet.Asking(client.AskOptions{Pinned: &other})); a != nil || !errors.As(err, &refused) || refused.Code != "network" {
		t.Errorf("pinned to another network: %+v, %v", a, err)
	}
	if after := n.Report(0).Ledger.Entries; after != before {
		t.Errorf("a question was spent on a network that is not the pinned one: %d entries, then %d", before, after)
	}
	a, err := c.Ask(ctx, testnet.WageQuestion, testnet.Asking(client.AskOptions{}))
	if err != nil || a.Verdict.Verified || !a.Verdict.SelfConsistent || a.Verdict.Reason != protocols.ReasonUnknownSigners {
		t.Errorf("pinned to nothing: %+v, %v", a, err)
	}
}
