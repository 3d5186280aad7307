package node_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// women counts those among all, whose number is public.
const women = "SELECT count(*) FILTER (WHERE sex = 'f') AS women, count(*) AS everybody FROM people"

// TestPrivacyOfNetwork: two of three departments ask for noise, and all three add it. Answers lie as far from the truth as their error
// bars say, verify, and end with the budget, which the client is told before it asks.
func TestPrivacyOfNetwork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of three nodes")
	}
	rules := engine.Disclosure{Epsilon: 1_000_000, Budget: 2_610_000, Delta: 1_000_000} // six questions
	n := testnet.New(t, 3)
	n.StartAll()
	for i, name := range []string{"a", "b"} {
		d := testnet.OpenPolicy(name, "people")
		d.Version, d.Disclosure = 2, rules
		d.Rules[0].Terms.Purposes = []string{testnet.Purpose}
		nodetest.Check(t, testnet.Publish(t.Context(), n.DialAs(i, n.Steward(i)), d))
	}
	c := n.Dial(2)
	n.AwaitRules(c, 2, func(d engine.Disclosure) bool { return d == rules })
	off := 0
	for range 6 {
		a, err := c.Ask(t.Context(), women, testnet.Asking(client.AskOptions{}))
		nodetest.Check(t, err)
		if !a.Verdict.SelfConsistent || len(a.Result.Rows) != 1 || len(a.Result.Noise) != 1 || *a.Result.Rows[0][1].Exact != "21" || a.Result.Rows[0][1].Error != nil || a.Result.Noise[0].Departments != 3 || a.Plan.Noise == nil {
			t.Fatalf("%s, noise %v", testnet.ResultText(a), a.Result.Noise)
		}
		for _, v := range a.Result.Rows[0][:1] {
			const truth = 14
			gap, _ := new(big.Rat).SetString(*v.Exact)
			deviation, _ := new(big.Rat).SetString(*v.Error)
			if gap.Sub(gap, big.NewRat(truth, 1)); gap.Sign() != 0 {
				off++
			}
			if gap.Abs(gap).Cmp(new(big.Rat).Mul(deviation, big.NewRat(7, 1))) > 0 { // by chance once in 10^11
				t.Errorf("%s ± %s, of %d", *v.Exact, *v.Error, truth)
			}
		}
		n.OnlyOnce(c, a.Query)
	}
	if off == 0 { // by chance once in 10^8
		t.Error("no answer carries noise")
	}
	_, err := c.Ask(t.Context(), women, testnet.Asking(client.AskOptions{}))
	var refused *client.QueryError
	if !errors.As(err, &refused) || refused.Code != protocols.CodePolicy || refused.Decision == nil || refused.Decision.Missing[0].Reason != policy.BudgetSpent ||
		!strings.Contains(refused.Sentence, "2.61") {
		t.Errorf("a seventh question: %v", err)
	}
	for _, b := range testnet.StateAt(c).Budgets() {
		if b.Rho != 6*rules.Rho() || b.Most != rules.Budget || b.Purpose != testnet.Purpose {
			t.Errorf("%+v", b)
		}
	}
	_, err = c.Ask(t.Context(), "SELECT median(age) FROM people", testnet.Asking(client.AskOptions{Departments: []string{"c"}}))
	nodetest.Check(t, err) // the third department has no such rules
}
