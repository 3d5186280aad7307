package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/node/exchange"
	"parley/node/peers"
	"parley/protocols"
)

const (
	// waitTick is how often a node looks what it waits for: what is gone by the next time is not logged.
	waitTick = time.Second
	// waitEvery is how often one that still waits for the same says so again.
	waitEvery = time.Minute
	// cutsTold is how many connections in a row a peer has to end at once before it counts as one that
	// does not let this node in: one may have been stopped a moment after.
	cutsTold = 3
	// callTimeout bounds a call to a member that may not be up.
	callTimeout = 2 * time.Second
)

// waits is what a node knows of why it does not go on. Safe for concurrent use.
type waits struct {
	mu   sync.Mutex
	text string          // before it is up: what for, a sentence
	cuts map[peer.ID]int // connections in a row that a member ended at once
}

// waitFor says what the node does next, or waits for, until it is up.
func (n *node) waitFor(format string, args ...any) {
	n.waits.mu.Lock()
	defer n.waits.mu.Unlock()
	n.waits.text = fmt.Sprintf(format, args...)
}

// waiting is why a node that is not up is not, and of one that is up why members cut it off; empty: neither.
func (n *node) waiting() string {
	if out := n.shutOut(); out != "" || n.up.Load() {
		return out
	}
	n.waits.mu.Lock()
	defer n.waits.mu.Unlock()
	return n.waits.text
}

// cutOff counts a connection that a member ended at once, letIn that it talks to this node.
func (n *node) cutOff(p peer.ID) {
	n.waits.mu.Lock()
	defer n.waits.mu.Unlock()
	if n.waits.cuts == nil {
		n.waits.cuts = map[peer.ID]int{}
	}
	n.waits.cuts[p]++
}

func (n *node) letIn(p peer.ID) {
	n.waits.mu.Lock()
	defer n.waits.mu.Unlock()
	delete(n.waits.cuts, p)
}

// shutOut says that members cut this node off, what that means, and what to do; empty: none does.
func (n *node) shutOut() string {
	n.waits.mu.Lock()
	count := 0
	for _, cuts := range n.waits.cuts {
		if cuts >= cutsTold {
			count++
		}
	}
	n.waits.mu.Unlock()
	who := fmt.Sprintf("%d members cut this node off", count)
	if count == 1 {
		who = "a member cuts this node off"
	}
	switch g := n.founding.genesis; {
	case count == 0:
		return ""
	case g == nil && n.view.Load().network == nil:
		return fmt.Sprintf("%s, and it founds no network without them. If they have not founded theirs, %s is missing in their node.toml; "+
			"if they have, it has to be voted in (%s), and needs their genesis.json (genesis and trust in its node.toml)",
			who, n.id.Peer(), n.voteIn())
	case g == nil || memberOf(g, n.id.Key()):
		return fmt.Sprintf("%s, %s. It may have been voted out, which parley node status of a member shows: a key that was removed "+
			"never comes back, and parley init makes another, for which members vote", who, n.id.Peer())
	default:
		founders := len(g.Departments) + len(g.Auditors)
		return fmt.Sprintf("this node has not been voted into the network: %s. More than two thirds of the members "+
			"(%d of the %d that founded it) have to run: %s (rotate --to it instead, where it takes a member's place)", who, 2*founders/3+1, founders, n.voteIn())
	}
}

// voteIn is the command by which a member votes for this node.
func (n *node) voteIn() string {
	return fmt.Sprintf("parley vote --config node.toml add --role %s %s", n.role(), n.id.Peer())
}

func memberOf(g *protocols.Network, k protocols.Key) bool {
	for _, m := range append(g.Departments[:len(g.Departments):len(g.Departments)], g.Auditors...) {
		if m.Key == k {
			return true
		}
	}
	return false
}

// tellWaiting logs what the node waits for, each sentence once and then every waitEvery.
func (n *node) tellWaiting(closing context.Context) {
	told, last := map[string]time.Time{}, ""
	for {
		text := n.waiting()
		if text != "" && text == last && time.Since(told[text]) >= waitEvery {
			if len(told) > 64 {
				clear(told) // of texts that do not come back
			}
			told[text] = time.Now()
			n.log.Warn("waiting", "reason", text, "peer", n.id.Peer())
		}
		last = text
		select {
		case <-time.After(waitTick):
		case <-closing.Done():
			return
		}
	}
}

// callMembers asks the members that are connected who they are: the hellos of those that answer. away
// names the others.
func (n *node) callMembers(ctx context.Context, members []protocols.Key) (hellos map[protocols.Key]exchange.Hello, away []string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	hellos = map[protocols.Key]exchange.Hello{}
	for _, k := range members {
		p := peers.IDOf(k)
		if p == n.id.ID() || !n.transport.Connected(p) {
			continue
		}
		all.Go(func() {
			if h, err := exchange.AskHello(ctx, n.transport, p); err == nil {
				n.letIn(p)
				mu.Lock()
				defer mu.Unlock()
				hellos[k] = h
			}
		})
	}
	all.Wait()
	for _, k := range members {
		if _, here := hellos[k]; !here && k != n.id.Key() {
			away = append(away, peers.PeerOf(k))
		}
	}
	return hellos, away
}

// gather is the first department's: it waits until more than two thirds of the members are here and in no
// network. Without them the ledger would make no block; and what a node founds, it stays in.
func (n *node) gather(ctx context.Context) error {
	members := append(n.founding.departments[:len(n.founding.departments):len(n.founding.departments)], n.founding.auditors...)
	for {
		hellos, away := n.callMembers(ctx, members)
		here, elsewhere := 1, ""
		for _, h := range hellos {
			if h.Network.Version == 0 {
				here++
			} else {
				elsewhere = h.Network.ID().String()
			}
		}
		switch {
		case 3*here > 2*len(members):
			return nil
		case elsewhere != "":
			n.waitFor("members are in a network that was founded before, %s, and this node founds no other: it needs their genesis.json, "+
				"and a block to trust (genesis and trust in node.toml)", elsewhere)
		default:
			n.waitFor("the network is not founded yet: %d of its %d members are here, and more than two thirds are needed: waiting for %s",
				here, len(members), strings.Join(away, ", "))
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// agree waits until the first department is of the network that this node is about to stay in.
func (n *node) agree(ctx context.Context, network *protocols.Network) error {
	first := n.founding.first()
	for {
		hellos, _ := n.callMembers(ctx, []protocols.Key{first})
		h, answers := hellos[first]
		if answers && h.Network.ID() == network.ID() {
			return nil
		}
		if answers && h.Network.Version != 0 {
			n.waitFor("this node and the first department, %s, are not of one network, and this node stays in none: %s. A network that was founded "+
				"before needs its genesis.json here, and a block to trust (genesis and trust in node.toml)", peers.PeerOf(first), difference(network, &h.Network))
		} else {
			n.waitFor("waiting for the first department, %s, to found the network", peers.PeerOf(first))
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(peers.RetryPause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
