package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node"
	"parley/node/client"
	"parley/node/exchange"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
	"parley/protocols"
)

const bySex = "SELECT sex, count(*) FROM people GROUP BY sex"

// screened starts three departments and an auditor, under policies by which of 7 men and 14 women the men are withheld.
func screened(t *testing.T, n *testnet.Network) {
	t.Helper()
	n.StartAll()
	for i, name := range []string{"a", "b", "c"} {
		d := testnet.OpenPolicy(name, "people")
		d.Version, d.Disclosure = 2, engine.Disclosure{Count: 8}
		steward := n.DialAs(i, n.Steward(i))
		nodetest.Check(t, testnet.Publish(t.Context(), steward, d))
	}
}

// stopsBeforeOpening lets a department's machines do nothing any more once they want what others confide, while it is set: they have
// confided their own by then. While silent is set they do nothing at all.
func stopsBeforeOpening(n *testnet.Network, department int) (armed, silent *atomic.Bool) {
	armed, silent = new(atomic.Bool), new(atomic.Bool)
	n.Options = func(d int, o *node.Options) {
		if d != department {
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			stopped := false
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				if stopped || silent.Load() {
					return protocols.Ready{}, nil
				}
				ready, err := m.Step(e)
				confided := func(w protocols.Want) bool { return w.Confided }
				if stopped = armed.Load() && slices.ContainsFunc(ready.Fetch, confided); stopped {
					ready.Fetch = slices.DeleteFunc(ready.Fetch, confided)
				}
				return ready, err
			})
		}
	}
	return armed, silent
}

// TestScreeningOfNetwork: while a screening's contributors open its counts, an analyst gets nothing of what they give to each
// other, from any node and by either way to ask; nothing of it is in any store; a contributor that comes late gets it from
// a recipient that was started again; and a client that leaves the screening out is refused by the departments.
func TestScreeningOfNetwork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of four nodes, of which two stop")
	}
	n := testnet.New(t, 3)
	n.AddAuditor()
	const late = 2
	armed, silent := stopsBeforeOpening(n, late)
	screened(t, n)
	c := n.Dial(3)
	n.AwaitRules(c, 3, func(d engine.Disclosure) bool { return d.Count == 8 })
	unscreened(n, c)
	silent.Store(true)
	withdrawn(n, c)
	silent.Store(false)

	armed.Store(true)
	type answered struct {
		*client.Answer
		error
	}
	ended := make(chan answered, 1)
	go func() {
		a, err := c.Ask(context.Background(), bySex, testnet.Asking(client.AskOptions{Deadline: 3 * time.Minute, Wait: 2 * time.Minute}))
		ended <- answered{a, err}
	}()
	var q *protocols.QueryState
	n.Eventually("all but one have opened the counts", func() bool {
		s := testnet.StateAt(c)
		for _, id := range s.Open() {
			if q = s.Query(id); q.Ask.Screening && q.Phase == protocols.PhaseShared {
				return len(slices.DeleteFunc(slices.Clone(q.Verdicts), func(v engine.Digest) bool { return v == engine.Digest{} })) == 2
			}
		}
		return false
	})
	spied(n, q)
	noneStored(n, q)

	armed.Store(false)
	recipient := slices.IndexFunc(n.Nodes, func(d *testnet.Department) bool { return d.Identity.Key() == recipientOf(n, q) })
	for _, department := range []int{recipient, late} {
		n.Stop(department)
		n.Start(department)
		n.WaitReady(department)
		if recipient == late {
			break
		}
	}
	got := <-ended
	nodetest.Check(t, got.error)
	if text := testnet.ResultText(got.Answer); len(got.Result.Rows) != 1 || len(got.Result.Withheld) != 1 || got.Result.Withheld[0].Rule != "count" {
		t.Errorf("%s, withheld %v", text, got.Result.Withheld)
	}
	noneStored(n, q)
	n.OnlyOnce(c, q.ID)
	n.OnlyOnce(c, got.Query)
}

// unscreened: whoever asks for the answer alone is refused by the departments.
func unscreened(n *testnet.Network, c *client.Client) {
	n.T.Helper()
	for i := range n.Nodes {
		body := asking(n, c, byte(1+i), bySex)
		if code := forged(n, i, n.Analyst, n.Analyst, body); code != "" {
			n.T.Fatalf("it does not come to the departments: %s", code)
		}
		id := protocols.QueryID(n.ID(), n.Analyst.Key(), body)
		n.Eventually("the departments refuse an answer without its screening", func() bool {
			q := testnet.StateAt(c).Query(id)
			return q != nil && q.Phase == protocols.PhaseRefused && q.Refusal.Code == protocols.CodePolicy
		})
	}
}

// withdrawn: a question is taken back while its screening waits, and no answer is asked for.
func withdrawn(n *testnet.Network, c *client.Client) {
	n.T.Helper()
	before := len(testnet.StateAt(c).Kept())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Ask(ctx, bySex, testnet.Asking(client.AskOptions{Deadline: 3 * time.Minute}))
		ended <- err
	}()
	var id engine.Digest
	n.Eventually("a screening waits", func() bool {
		open := testnet.StateAt(c).Open()
		if len(open) == 1 {
			id = open[0]
		}
		return len(open) == 1
	})
	cancel()
	var e *client.QueryError
	if err := <-ended; !errors.As(err, &e) || e.Code != "withdrawn" || !errors.Is(err, context.Canceled) {
		n.T.Errorf("a withdrawn screening: %v", err)
	}
	s := testnet.StateAt(c)
	if q := s.Query(id); !q.Ask.Screening || q.Phase != protocols.PhaseWithdrawn || len(s.Kept()) != before+1 {
		n.T.Errorf("a withdrawn screening is %s; %d queries", q.Phase, len(s.Kept())-before)
	}
}

// recipientOf is the author of the Admit that names a screening's key.
func recipientOf(n *testnet.Network, q *protocols.QueryState) (k protocols.Key) {
	for _, r := range q.Records() {
		if body, err := r.Entry.Open(); err == nil {
			if admit, ok := body.(*protocols.Admit); ok && admit.Key != (engine.Digest{}) {
				return r.Entry.Author
			}
		}
	}
	n.T.Fatal("nobody gave a key")
	return k
}

// spied: the analyst asks every node for all that the contributors of a screening give to each other, by its digest.
func spied(n *testnet.Network, q *protocols.QueryState) {
	n.T.Helper()
	params, err := nodetest.Tiny("")
	nodetest.Check(n.T, err)
	sizes, owner := protocols.SizesOf(params), recipientOf(n, q)
	secrets := []exchange.NamedBlob{{Digest: q.Opening, Size: params.N() / 4, Owner: owner}}
	for i, shares := range q.Shared {
		for _, d := range shares {
			secrets = append(secrets, exchange.NamedBlob{Digest: d, Size: sizes.Share, Owner: q.Epoch.Members[i].Key})
		}
	}
	open := exchange.NamedBlob{Digest: q.GateKey, Size: sizes.KeyShare, Owner: owner}
	for i := range n.Nodes {
		to, err := peers.ParseAddress(n.Address(i))
		nodetest.Check(n.T, err)
		h, err := peers.NewHost(n.Analyst, "", peers.NewRoles(map[peer.ID]peers.Role{to.ID: peers.Member}), nodetest.Quiet, nil)
		nodetest.Check(n.T, err)
		h.Remember(*to)
		x := exchange.NewBlobs(nil, h, n.Analyst, n.ID())
		ctx, cancel := context.WithTimeout(n.T.Context(), 5*time.Minute)
		if _, err := x.FetchFrom(ctx, open, to.ID); err != nil { // who asks is served what is for all
			n.T.Errorf("node %d does not serve the screening's key: %v", i, err)
		}
		for _, b := range secrets {
			if _, err := x.FetchFrom(ctx, b, to.ID); !errors.Is(err, exchange.ErrNoBlob) {
				n.T.Errorf("node %d was asked for what is the contributors': %v", i, err)
			}
		}
		want := protocols.Want{Digest: q.Opening, Size: params.N() / 4, Sources: []protocols.Key{owner}, Confided: true}
		short, stop := context.WithTimeout(ctx, 500*time.Millisecond)
		if got, err := x.Fetch(short, want, func() []peer.ID { return []peer.ID{to.ID} }); err == nil || got.Bytes != nil {
			n.T.Errorf("node %d confides in an analyst", i)
		}
		stop()
		cancel()
		h.Close()
	}
}

// noneStored: no node has a file that holds what a screening's contributors give to each other.
func noneStored(n *testnet.Network, q *protocols.QueryState) {
	n.T.Helper()
	for i, d := range n.Nodes {
		for _, digest := range append(slices.Concat(q.Shared...), q.Opening) {
			if _, err := os.Stat(filepath.Join(d.Config.Dir, "blobs", digest.String())); !errors.Is(err, os.ErrNotExist) {
				n.T.Errorf("node %d stores it: %v", i, err)
			}
		}
	}
}
