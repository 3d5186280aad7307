// Package client is the analyst's side of a network (node/README.md section 8): a connection to one
// node, by which a question is explained or asked, and an answer that has been verified before it is
// given. A door, whatever it speaks to its own users, asks through an Asker.
//
// It imports exchange, machine, peers and failure, and never node: what runs a question here is the
// analyst's machine of protocols. The commands and the doors import it.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/engine"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// catchUpTimeout is how long a client waits for the entries that its node has
// already.
const catchUpTimeout = 30 * time.Second

// Client is an analyst's connection to one node. It follows what the node shows
// of the ledger, verifies every proof and, before it gives an answer, the whole
// certificate with its receipt: the node is trusted for nothing but being there.
// Safe for concurrent use.
type Client struct {
	id        peers.Identity
	o         Options
	log       *slog.Logger
	transport *peers.Host
	node      peer.ID
	params    circuits.Params
	network   *protocols.Network // without names
	exchange  *exchange.Blobs
	history   *exchange.RemoteLog
	keys      func() (*circuits.Keys, error)

	mu      sync.Mutex
	replica *protocols.State
	changed chan struct{} // closed and replaced with each batch
	broken  error         // what the node shows is no history
	cut     bool          // the node lets this identity connect no more
	asked   map[engine.Digest]*tally
	said    map[engine.Digest]error // entries of Say that the replica has, and what the ledger refused of them
}

// Dial connects to a node by its multiaddr, which ends in /p2p/ID.
func Dial(ctx context.Context, address string, id peers.Identity, o Options) (*Client, error) {
	info, err := peers.ParseAddress(address)
	if err != nil || len(info.Addrs) == 0 {
		return nil, fmt.Errorf("%q is not a node's multiaddr, such as /ip4/192.0.2.10/tcp/4001/p2p/12D3Koo…", address)
	}
	c := &Client{id: id, o: o, log: o.Logger, node: info.ID, changed: make(chan struct{}), asked: map[engine.Digest]*tally{}, said: map[engine.Digest]error{}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.o.Parameters == nil {
		c.o.Parameters = exchange.Parameters
	}
	if c.transport, err = peers.NewHost(id, "", peers.NewRoles(map[peer.ID]peers.Role{info.ID: peers.Member}), c.log, o.Observe); err != nil {
		return nil, err
	}
	if err := c.connect(ctx, *info); err != nil {
		c.transport.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) connect(ctx context.Context, info peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(ctx, peers.DialTimeout)
	defer cancel()
	h, err := exchange.Greet(ctx, c.transport, info, c.id)
	var away *failure.Failure
	if errors.As(err, &away) {
		return &QueryError{Code: "unavailable", Sentence: away.Message, Hint: away.Hint}
	}
	if err != nil {
		return err
	}
	if c.params, err = c.o.Parameters(h.Network.Parameters); err != nil {
		return fmt.Errorf("the node's parameters: %w", err)
	}
	c.network = &h.Network
	c.history = &exchange.RemoteLog{Transport: c.transport, Node: c.node, Network: c.network, Params: c.params}
	if c.replica, err = c.history.Base(ctx); err != nil {
		return unavailable("the node does not show its ledger: %v", err)
	}
	c.exchange = exchange.NewBlobs(nil, c.transport, c.id, c.network.ID())
	c.keys = sync.OnceValues(c.loadKeys)
	c.transport.Go(c.follow)
	return nil
}

func (c *Client) hello(ctx context.Context, h *exchange.Hello) (err error) {
	*h, err = exchange.AskHello(ctx, c.transport, c.node)
	return err
}

func unavailable(format string, args ...any) error {
	return &QueryError{Code: "unavailable", Sentence: fmt.Sprintf(format, args...)}
}

// Close ends the connection and whatever still waits for it.
func (c *Client) Close() error { return c.transport.Close() }

// Prepare loads the proofs' keys, and makes development keys where there are
// none: seconds to minutes that the first question would take otherwise.
func (c *Client) Prepare(ctx context.Context) error {
	done := make(chan error, 1)
	c.transport.Go(func(context.Context) { _, err := c.keys(); done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loadKeys finds the keys that the network's proofs are made with, or fetches
// them. The analyst proves its own key, so that the verifying half does not do.
func (c *Client) loadKeys() (*circuits.Keys, error) {
	dir := c.o.CacheDir
	if dir == "" {
		dir = exchange.DefaultCacheDir()
	}
	keys, err := exchange.NetworkKeys(c.transport.Closing(), c.params, dir, exchange.FoundingOf(c.network), exchange.KeysFrom(c.transport, c.node), c.o.Progress)
	if err != nil {
		return nil, &QueryError{Code: "keys", Sentence: err.Error()}
	}
	return keys.Keys, nil
}

// follow keeps the replica up to date, through lost connections.
func (c *Client) follow(ctx context.Context) {
	for pause := exchange.FollowPause; ctx.Err() == nil; pause = min(2*pause, exchange.FollowLastPause) {
		before := c.height()
		err := c.history.Follow(ctx, before, c.take)
		var gap *historyError
		if errors.As(err, &gap) {
			c.log.Error("the node's ledger", "error", err.Error())
			c.mu.Lock()
			c.broken = err
			c.wake()
			c.mu.Unlock()
			return
		}
		if c.height() > before {
			pause = exchange.FollowPause
		}
		cut := c.cutOff(ctx)
		c.mu.Lock()
		c.cut = cut
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// cutOff reports whether the node is there and talks to this identity no more: it takes up a connection and ends it, twice, since it
// may just be stopping. Whoever is cut off may not have been shown the entry by which it was.
func (c *Client) cutOff(ctx context.Context) bool {
	for range 2 {
		if c.transport.Libp2p.Connect(ctx, peer.AddrInfo{ID: c.node}) != nil {
			return false // it is away
		}
		var h exchange.Hello
		if c.hello(ctx, &h) == nil || c.transport.Connected(c.node) {
			return false
		}
		time.Sleep(exchange.FollowPause)
	}
	return true
}

// CutOff is nil unless the node, which can be reached, talks to this identity no more: it was revoked or replaced, its time is over, or
// the node's configuration lists it no more. What the ledger says of it is then as it was before.
func (c *Client) CutOff() *QueryError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cut {
		return nil
	}
	return &QueryError{Code: protocols.CodeNotVouched, Sentence: "the node does not talk to " + c.id.Peer() + " any more", Hint: voucher(c.id.Peer())}
}

// historyError is a record that is not the next one.
type historyError struct{ error }

func (c *Client) height() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replica.Applied()
}

// take orders records.
func (c *Client) take(records []protocols.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wake()
	for _, r := range records {
		refused, err := c.replica.Order(r)
		if err != nil {
			return &historyError{err}
		}
		c.count(&r.Entry, refused)
		if r.Entry.Author == c.id.Key() && ofRights(r.Entry.Kind) {
			c.said[r.Entry.Digest()] = refused
		}
	}
	return nil
}

// wake tells whoever waits that the replica has changed; c.mu is held.
func (c *Client) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait returns when the replica is as far as its node says that the log is.
func (c *Client) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	var h exchange.Hello
	if err := peers.Retry(ctx, func() error { return c.hello(ctx, &h) }); err != nil {
		return unavailable("the node does not answer: %v", err)
	}
	for {
		c.mu.Lock()
		height, changed, broken := c.replica.Applied(), c.changed, c.broken
		c.mu.Unlock()
		if broken != nil {
			return unavailable("what the node shows of the ledger does not hold together: %v", broken)
		}
		if height >= h.Height {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return unavailable("the node shows %d of the ledger's %d entries", height, h.Height)
		}
	}
}

// Network is the network's description, with the departments' names as they
// signed them. Whether it is the right network is for the caller to know: pin
// what it says, or compare it with what was pinned.
func (c *Client) Network(ctx context.Context) (protocols.Network, error) {
	if err := c.wait(ctx); err != nil {
		return protocols.Network{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.replica.Network()
	if !ok {
		joined := c.replica.Joined()
		return protocols.Network{}, &QueryError{Code: "not-ready",
			Sentence: fmt.Sprintf("%d of the network's %d departments have joined", len(joined), len(c.network.Departments))}
	}
	return *n, nil
}

// View has a look at the ledger's state, as far as the node has shown it; look keeps nothing of it
// and calls no method of the client.
func (c *Client) View(look func(*protocols.State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	look(c.replica)
}

// Signed is when the block of an entry was signed, by the node's word; the zero time where it is
// not known any more.
func (c *Client) Signed(number uint64) time.Time { return c.history.Signed(number) }

// Catalogue is the current version of every table.
func (c *Client) Catalogue(ctx context.Context) (engine.Catalogue, error) {
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replica.Catalogue(), nil
}
