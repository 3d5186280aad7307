package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node/exchange"
	"parley/node/peers"
	"parley/protocols"
)

// hello is what this node says of itself.
func (n *node) hello() exchange.Hello {
	v := n.view.Load()
	h := exchange.Hello{Version: protocols.Version, Name: n.cfg.Name, Ready: v.status.Ready, Height: v.height}
	if v.network != nil {
		h.Network = *v.network
	}
	if n.up.Load() {
		h.Absent = n.absent()
	}
	return h
}

// absent names the members that are not reached, if that stops the ledger.
func (n *node) absent() []string {
	var out []string
	if n.ledger.Status().Quorum {
		return nil
	}
	for _, m := range n.view.Load().members {
		if p := peers.IDOf(m.Key); p != n.id.ID() && !n.transport.Connected(p) {
			name := m.report.Name
			if name == "" {
				name = p.String()
			}
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// notConnected are the members that are not reached, and for how long.
func (n *node) notConnected() exchange.Absences {
	var out exchange.Absences
	for _, m := range n.view.Load().members {
		p := peers.IDOf(m.Key)
		if p == n.id.ID() {
			continue
		}
		if away := n.transport.Away(p); away > 0 {
			out.List = append(out.List, exchange.Absent{Key: m.Key, Ms: uint64(max(away.Milliseconds(), 1))})
		}
	}
	return out
}

// gatherReports asks the other members at once.
func (n *node) gatherReports(ctx context.Context, query engine.Digest) exchange.Reports {
	ctx, cancel := context.WithTimeout(ctx, exchange.ReportTimeout)
	defer cancel()
	var out exchange.Reports
	if r, ok := n.watches.Report(query); ok {
		out.List = append(out.List, exchange.DepartmentReport{Key: n.id.Key(), Report: r})
	}
	members := n.transport.Roles.With(peers.Member)
	found := make(chan *exchange.DepartmentReport, len(members))
	for _, p := range members {
		key, err := peers.KeyOfID(p)
		if err != nil || !n.transport.Connected(p) {
			found <- nil
			continue
		}
		go func() {
			r, err := exchange.AskReport(ctx, n.transport, p, query)
			if err != nil {
				found <- nil
				return
			}
			found <- &exchange.DepartmentReport{Key: key, Report: r}
		}()
	}
	for range members {
		if r := <-found; r != nil {
			out.List = append(out.List, *r)
		}
	}
	return out
}

// keep stays connected to a member, greets it each time, and says when it is gone.
func (n *node) keep(info peer.AddrInfo) {
	connected := false // Keep's own goroutine calls, and nobody else
	n.transport.Keep(info, func(up bool, err error) {
		switch {
		case up:
			n.transport.Go(func(ctx context.Context) { n.greet(ctx, info.ID) })
		case errors.Is(err, peers.ErrCutOff):
			n.cutOff(info.ID)
		default:
			n.letIn(info.ID)
			if connected {
				n.log.Warn("not connected any more", "department", n.nameOf(info.ID), "peer", info.ID.String(), "error", err.Error())
			}
		}
		if !up {
			n.log.Debug("a department is not connected", "peer", info.ID.String(), "error", err)
		}
		// One that stops soon after it was reached looks as if it cut this node off, until it cannot be reached.
		connected = up || connected && errors.Is(err, peers.ErrCutOff)
	})
}

// nameOf is a member's name on the ledger, as far as this node knows it.
func (n *node) nameOf(p peer.ID) string {
	for _, m := range n.view.Load().members {
		if peers.IDOf(m.Key) == p {
			return m.report.Name
		}
	}
	return ""
}

// greet compares networks with a member that has just been reached: a
// configuration that differs shows here rather than in silence.
//
// Either of the two may still be without the proofs' keys, and so without a
// network: it is tried again until both have one, through lost connections,
// while the other is a member.
func (n *node) greet(ctx context.Context, p peer.ID) {
	if _, busy := n.greeting.LoadOrStore(p, true); busy {
		return
	}
	defer n.greeting.Delete(p)
	for pause := exchange.FollowPause; n.transport.Roles.Of(p) >= peers.Member && !n.compare(ctx, p); pause = min(2*pause, exchange.FollowLastPause) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// compare tells whether networks could be compared.
func (n *node) compare(ctx context.Context, p peer.ID) bool {
	ours := n.view.Load().network
	if ours == nil || !n.transport.Connected(p) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, peers.AnswerTimeout)
	defer cancel()
	h, err := exchange.AskHello(ctx, n.transport, p)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, peers.ErrEnded) {
			n.log.Debug("a department does not answer yet", "peer", p.String(), "error", err.Error())
		}
		return false
	}
	n.letIn(p)
	if h.Network.Version == 0 {
		return false // it is in no network yet
	}
	n.log.Info("connected", "department", h.Name, "peer", p.String())
	why := difference(ours, &h.Network)
	if why == "" {
		n.foreign.Delete(p)
		return true
	}
	n.foreign.Store(p, fmt.Sprintf("this node and %q (%s) are not of one network: %s", h.Name, p, why))
	n.log.Error("this node and another department are not of one network: no epoch can be formed",
		"department", h.Name, "peer", p.String(), "difference", why)
	return true
}

// estranged is why members are of another network than this node, or empty.
func (n *node) estranged() string {
	var all []string
	n.foreign.Range(func(_, why any) bool { all = append(all, why.(string)); return true })
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// difference says in which respect two nodes' descriptions differ, or nothing.
func difference(ours, theirs *protocols.Network) string {
	switch {
	case ours.ID() == theirs.ID():
		return ""
	case ours.Version != theirs.Version:
		return "their versions"
	case ours.Parameters != theirs.Parameters:
		return fmt.Sprintf("parameters: %s here, %.*q there", ours.Parameters, protocols.MaxNameBytes, theirs.Parameters)
	case !slices.Equal(memberKeys(ours.Departments), memberKeys(theirs.Departments)) || !slices.Equal(memberKeys(ours.Auditors), memberKeys(theirs.Auditors)):
		return "peers: the two do not list the same departments and auditors"
	case ours.Nonce != theirs.Nonce:
		return fmt.Sprintf("founding nonces: %s here, %s there. Either the network was founded twice (a node that lost its folder "+
			"needs the genesis.json of another), or the first department, %s, told the two different ones",
			ours.Nonce, theirs.Nonce, peers.PeerOf(ours.First()))
	case string(ours.VerifyingKeys) != string(theirs.VerifyingKeys) || !slices.Equal(ours.ProvingKeys, theirs.ProvingKeys):
		return "the proofs' keys: all nodes need the same development keys; copy the keys' folder from one to all"
	}
	return "their descriptions"
}
