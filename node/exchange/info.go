// Package exchange is what crosses the wire between nodes, and between a node and an analyst: blobs by
// their digest, the proofs' keys, the ledger as its own node and as a client sees it, and who a node
// is (node/README.md sections 3 to 5 and 7). It is also where the ledger, which knows bytes only, is
// given protocols.State as its referee.
//
// It imports peers, disk, failure, machine for the report of times, ledger, protocols and circuits.
// A node serves by it; a client and an auditor ask by it.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/engine"
	"parley/node/failure"
	"parley/node/machine"
	"parley/node/peers"
	"parley/protocols"
)

// The info protocol (README section 5): what a node says of itself, and of a
// query to the analyst who asked it.
const (
	infoProtocol protocol.ID = "/parley/info/1"
	// ReportTimeout is how long an analyst's node waits for the others' reports.
	ReportTimeout = 3 * time.Second
)

type infoOp uint8

const (
	infoHello   infoOp = iota + 1 // who are you, in which network
	infoReport                    // your own time for a query
	infoReports                   // all departments' time for a query
	infoAbsent                    // which members are you not connected to, and since when
)

type infoRequest struct {
	_     struct{} `cbor:",toarray"`
	Op    infoOp
	Query engine.Digest
}

// Hello is a node's description of itself.
type Hello struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Name    string
	Ready   bool
	Height  uint64 // entries of the ledger that it holds
	// Absent are, while the ledger lacks its quorum, the members that this node
	// does not reach.
	Absent  []string
	Network protocols.Network // of version 0: none yet
}

// Reports are the departments' own words on their time; one that did not
// answer is not among them.
type Reports struct {
	_    struct{} `cbor:",toarray"`
	List []DepartmentReport
}

type DepartmentReport struct {
	_      struct{} `cbor:",toarray"`
	Key    protocols.Key
	Report machine.Report
}

// Absent is a member that a node is not connected to.
type Absent struct {
	_   struct{} `cbor:",toarray"`
	Key protocols.Key
	Ms  uint64 // for so long
}

// Absences are the members that a node is not connected to, by its own word.
type Absences struct {
	_    struct{} `cbor:",toarray"`
	List []Absent
}

// Info is what a node has to say on the info protocol.
type Info struct {
	Hello   func() Hello
	Report  func(query engine.Digest) machine.Report               // the node's own
	Reports func(ctx context.Context, query engine.Digest) Reports // all departments'
	Absent  func() Absences
}

// ServeInfo answers info streams.
func ServeInfo(t *peers.Host, i Info) {
	t.Handle(infoProtocol, peers.Person, func(ctx context.Context, s *peers.Stream) error {
		var q infoRequest
		if err := s.ReceiveValue(&q, peers.AnswerTimeout); err != nil {
			return err
		}
		switch q.Op {
		case infoHello:
			return s.SendValue(i.Hello())
		case infoReport:
			return s.SendValue(i.Report(q.Query))
		case infoAbsent:
			return s.SendValue(i.Absent())
		case infoReports:
			return s.SendValue(i.Reports(ctx, q.Query))
		}
		return &peers.Fault{Peer: s.Peer, Reason: "asked for unknown information"}
	})
}

// AskHello asks a node who it is, and of which network.
func AskHello(ctx context.Context, t *peers.Host, from peer.ID) (h Hello, err error) {
	err = askInfo(ctx, t, from, infoRequest{Op: infoHello}, &h)
	return h, err
}

// AskReport asks a department for its own time for a query.
func AskReport(ctx context.Context, t *peers.Host, from peer.ID, query engine.Digest) (r machine.Report, err error) {
	err = askInfo(ctx, t, from, infoRequest{Op: infoReport, Query: query}, &r)
	return r, err
}

// AskReports asks a node for all departments' time for a query.
func AskReports(ctx context.Context, t *peers.Host, from peer.ID, query engine.Digest) (r Reports, err error) {
	err = askInfo(ctx, t, from, infoRequest{Op: infoReports, Query: query}, &r)
	return r, err
}

// AskAbsent asks a node which members it is not connected to.
func AskAbsent(ctx context.Context, t *peers.Host, from peer.ID) (a Absences, err error) {
	err = askInfo(ctx, t, from, infoRequest{Op: infoAbsent}, &a)
	return a, err
}

// askInfo asks a peer for information.
func askInfo(ctx context.Context, t *peers.Host, from peer.ID, q infoRequest, into any) error {
	s, err := t.Open(ctx, from, infoProtocol)
	if err != nil {
		return err
	}
	defer s.Abort()
	if err := s.SendValue(q); err != nil {
		return err
	}
	if err := s.ReceiveValue(into, peers.AnswerTimeout); err != nil {
		return err
	}
	s.Close()
	return nil
}

// Greet connects to a node, whose addresses it keeps, and asks who it is and of which network. The error is a
// *failure.Failure where the node is not there, or not for who asks.
func Greet(ctx context.Context, t *peers.Host, info peer.AddrInfo, self peers.Identity) (Hello, error) {
	var h Hello
	if info.ID.String() == self.Peer() {
		return h, failure.Refused("identity", "parley init DIR makes one to ask with; "+admission,
			"this identity is the node's own, and a node does not talk to itself")
	}
	t.Remember(info)
	if err := t.Libp2p.Connect(ctx, info); err != nil {
		if strings.Contains(err.Error(), "refused") {
			return h, unavailable("no node answers at %s", info.Addrs[0])
		}
		return h, unavailable("the node at %s cannot be reached: %v", info.Addrs[0], peers.DialCause(err))
	}
	cut := false
	err := peers.Retry(ctx, func() error {
		var err error
		if h, err = AskHello(ctx, t, info.ID); err == nil && h.Network.Version == 0 {
			return errors.New("it is in no network yet")
		}
		if cut = err != nil && !t.Connected(info.ID); cut {
			return nil // who is cut off once will be cut off again
		}
		return err
	})
	if cut {
		return h, failure.Refused("unavailable", "give an operator this peer id; "+admission+former,
			"the node at %s does not talk to %s: does a department vouch for this identity?", info.Addrs[0], self.Peer())
	}
	if err != nil {
		return h, unavailable("the node at %s is not ready yet: it may still be making keys (%v)", info.Addrs[0], err)
	}
	if err := h.Network.Validate(false); err != nil {
		return h, fmt.Errorf("the node describes no network: %w", err)
	}
	return h, nil
}

// admission is how a node comes to talk to somebody; former is where to look, if it did before.
const (
	former    = "; parley people list --all tells an operator whether it was revoked, or replaced by another"
	admission = "any department's node lets it in after parley people add --role analyst, or this one once analysts in its node.toml lists it and parley node reload has read that"
)

// unavailable is a node that cannot be asked.
func unavailable(format string, args ...any) error {
	return failure.Refused("unavailable", "", format, args...)
}
