package node

import (
	"fmt"
	"strings"

	"parley/node/ledger"
	"parley/node/peers"
	"parley/protocols"
)

// unhealthy is a sentence that says why the node cannot do its part, or empty.
func (n *node) unhealthy() string {
	s, v, estranged := n.ledger.Status(), n.view.Load(), n.estranged()
	switch {
	case s.Halted != nil:
		return "the ledger has halted: " + s.Halted.Error()
	case estranged != "" && !v.status.Ready:
		return estranged
	case !s.Quorum && n.shutOut() != "":
		return n.shutOut()
	case !s.Quorum:
		return n.withoutQuorum(s, v.members)
	case !s.AtHead:
		return catchingUp(s)
	}
	return v.awaits
}

// withoutQuorum names who has to come back.
func (n *node) withoutQuorum(s ledger.Status, members []viewMember) string {
	var away []string
	for _, m := range members {
		if p := peers.IDOf(m.Key); p != n.id.ID() && !n.transport.Connected(p) {
			away = append(away, nameOr(m.report.Name, m.Key))
		}
	}
	text := fmt.Sprintf("%d of the ledger's %d validators are connected, and more than two thirds are needed", s.Connected, len(s.Validators))
	if len(away) > 0 {
		text += ": waiting for " + strings.Join(away, ", ")
	}
	return text
}

func catchingUp(s ledger.Status) string {
	if 3*s.Heard <= 2*len(s.Validators) {
		return fmt.Sprintf("the ledger is catching up: %d of its %d validators have told how far it is, and more than two thirds are needed", s.Heard, len(s.Validators))
	}
	if s.Head == 0 {
		return "the ledger has no block yet: its first is being agreed on"
	}
	return fmt.Sprintf("the ledger is catching up: block %d of %d", s.Block, s.Head)
}

func nameOr(name string, k protocols.Key) string {
	if name == "" {
		return peers.PeerOf(k)
	}
	return name
}

// awaited is a sentence that says what is still to come before questions are
// answered here, or empty. The loop's.
func (n *node) awaited() string {
	d, s := &n.duty, n.replica
	e := s.Epoch()
	switch {
	case !n.caughtUp():
		return fmt.Sprintf("reading the ledger: entry %d of %d", s.Applied(), max(d.awaits, n.ledger.Status().Records))
	case !d.validator:
		return n.unvoted()
	case !s.HasJoined(n.id.Key()):
		return "joining the network: the entry is not on the ledger yet"
	case !n.cfg.Auditor && d.refused != "":
		return d.refused + ": the version before is answered from; change the table or its columns, and reload"
	case !n.cfg.Auditor && !d.tables:
		return "registering tables: not all stand on the ledger yet as they are here"
	case e == nil || s.Forming() != nil && n.epochs[e.ID] == nil:
		return n.epochAwaited()
	case n.epochs[e.ID] == nil || n.epochs[e.ID].epoch == nil:
		if c := n.epochs[e.ID]; c != nil && c.running == nil {
			return fmt.Sprintf("epoch %d cannot be used here: it is being left, and another is to be formed", e.Number)
		}
		return fmt.Sprintf("loading epoch %d: its key shares are being verified", e.Number)
	case !n.cfg.Auditor && !e.IsMember(n.id.Key()):
		return fmt.Sprintf("epoch %d was formed without this department: the next one has it", e.Number)
	}
	return ""
}

// unvoted is of a node that has the ledger and is no member.
func (n *node) unvoted() string {
	text := "this node has not been voted into the network"
	for _, p := range n.replica.Pending() {
		if c := p.Change; c.Action == protocols.ActionAdd && c.Key == n.id.Key() || c.NewKey == n.id.Key() {
			text += fmt.Sprintf(" yet: %d of the %d votes that are needed", len(p.Votes), p.Need)
		}
	}
	return text + ". A member has to run: " + n.voteIn()
}

// epochAwaited is what the next epoch waits for.
func (n *node) epochAwaited() string {
	if f := n.replica.Forming(); f != nil {
		text := fmt.Sprintf("no epoch is formed yet: epoch %d is being formed", f.Number)
		if missing := f.Missing(); len(missing) > 0 {
			text += ": waiting for " + strings.Join(missing, ", ")
		}
		return text
	}
	var absent []string
	for _, m := range n.replica.Membership().Departments {
		if m.Name == "" {
			absent = append(absent, peers.PeerOf(m.Key))
		}
	}
	if len(absent) > 0 && n.replica.NextEpoch() == nil {
		return "no epoch is formed yet: waiting for departments to join: " + strings.Join(absent, ", ")
	}
	if n.duty.failed {
		return "no epoch is formed yet: the last formation failed: " + n.duty.failure
	}
	return "no epoch is formed yet: one is to be opened"
}
