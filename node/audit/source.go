// Package audit reads a ledger and checks it (node/README.md section 13): from a running node, from
// a stopped one's folder, or from one file, with the entries and questions as people read them.
//
// It imports exchange, ledger, peers, protocols, circuits, disk and failure, and never node. The
// commands import it, a node for how a key came to its name, and a console may.
package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/peers"
	"parley/protocols"
)

// Records are where a ledger's records are read, from the first: any Source, or an export (File).
type Records interface {
	Network() *protocols.Network
	Params() circuits.Params
	Extent(ctx context.Context) (exchange.Extent, error)
	Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error
	Signed(number uint64) time.Time
	Close() error
}

// Source is where an auditor reads a ledger: a running node, or the
// folder of a stopped one. What it shows is checked by who reads it.
type Source interface {
	Records
	// Live tells that more will come.
	Live() bool
	Base(ctx context.Context) (*protocols.State, error)
	Blocks(ctx context.Context, from, to uint64) iter.Seq2[ledger.Block, error]
	// Blob is exchange.ErrNoBlob where nobody who was asked holds it.
	Blob(ctx context.Context, b exchange.NamedBlob) ([]byte, error)
}

// Remote is a running node.
type Remote struct {
	*exchange.RemoteLog
	exchange *exchange.Blobs
}

// Dial connects to a node as an analyst, or as a member whose own node is
// not running.
func Dial(ctx context.Context, address string, id peers.Identity, parameters func(string) (circuits.Params, error)) (*Remote, error) {
	info, err := peers.ParseAddress(address)
	if err != nil || len(info.Addrs) == 0 {
		return nil, exchange.CheckAddress(address)
	}
	t, err := peers.NewHost(id, "", peers.NewRoles(map[peer.ID]peers.Role{info.ID: peers.Member}), quietLog(), nil)
	if err != nil {
		return nil, err
	}
	dial, cancel := context.WithTimeout(ctx, peers.DialTimeout)
	defer cancel()
	greeting, err := exchange.Greet(dial, t, *info, id)
	if err != nil {
		t.Close()
		return nil, err
	}
	params, err := parameters(greeting.Network.Parameters)
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("the node's parameters: %w", err)
	}
	network := greeting.Network.Nameless()
	return &Remote{
		RemoteLog: &exchange.RemoteLog{Transport: t, Node: info.ID, Network: network, Params: params},
		exchange:  exchange.NewBlobs(nil, t, id, network.ID()),
	}, nil
}

func (s *Remote) Network() *protocols.Network { return s.RemoteLog.Network }
func (s *Remote) Params() circuits.Params     { return s.RemoteLog.Params }
func (s *Remote) Live() bool                  { return true }
func (s *Remote) Close() error                { return s.RemoteLog.Transport.Close() }

// Blob asks the node, which asks the owner for an analyst.
func (s *Remote) Blob(ctx context.Context, b exchange.NamedBlob) ([]byte, error) {
	return s.exchange.FetchFrom(ctx, b, s.RemoteLog.Node)
}

// wholeHistory goes through a source's whole history, as far as it goes now, and
// tells of each record with the state just after it.
func wholeHistory(ctx context.Context, src Records, tell func(s *protocols.State, r *protocols.Record, refused error) error) error {
	extent, err := WholeExtent(ctx, src)
	if err != nil {
		return err
	}
	s := protocols.NewState(src.Network(), protocols.SizesOf(src.Params()))
	if extent.Records == 0 {
		return nil
	}
	enough := errors.New("enough")
	err = src.Follow(ctx, 0, func(records []protocols.Record) error {
		if err := orderAll(s, records, tell); err != nil {
			return err
		}
		if s.Applied() >= extent.Records {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

func orderAll(s *protocols.State, records []protocols.Record, tell func(s *protocols.State, r *protocols.Record, refused error) error) error {
	for i := range records {
		refusal, err := s.Order(records[i])
		if err != nil {
			return failure.Refused("false-history", "", "what the node shows is no history of this network: %s", err)
		}
		if err := tell(s, &records[i], refusal); err != nil {
			return err
		}
	}
	return nil
}

// TimeOf is when a record's block was signed, by the source's word; if it does
// not know, when the one before was, by the block's.
func TimeOf(src Records, r *protocols.Record) time.Time {
	if at := src.Signed(r.Number); !at.IsZero() {
		return at.UTC()
	}
	return time.UnixMilli(r.Time).UTC()
}

// Follow tells of records after a state as they come, until ctx ends,
// through lost connections.
func Follow(ctx context.Context, src Source, s *protocols.State, tell func(s *protocols.State, r *protocols.Record, refused error) error) error {
	take := func(records []protocols.Record) error { return orderAll(s, records, tell) }
	return keepUp(ctx, src, s, take, func(err error) error {
		var told *failure.Failure
		if errors.As(err, &told) {
			return err
		}
		return nil
	})
}

// keepUp has records after a state taken as they come, until ctx ends, through lost connections. over gives the
// error with which it ends when the source has stopped with one; nil: it goes on.
func keepUp(ctx context.Context, src Source, s *protocols.State, take func([]protocols.Record) error, over func(error) error) error {
	for pause := exchange.FollowPause; ; pause = min(2*pause, exchange.FollowLastPause) {
		before := s.Applied()
		ended := over(src.Follow(ctx, before, take))
		switch {
		case ctx.Err() != nil:
			return nil
		case ended != nil:
			return ended
		case s.Applied() > before:
			pause = exchange.FollowPause
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// WholeExtent refuses a source whose first records are missing.
func WholeExtent(ctx context.Context, src Records) (exchange.Extent, error) {
	extent, err := src.Extent(ctx)
	if err == nil && extent.Missing > 0 {
		err = failure.Refused("incomplete", "ask a node that was there from the beginning",
			"the entries up to number %d are not here: this node joined later, with the ledger's state", extent.Missing)
	}
	return extent, err
}
