//go:build liar

package node

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

// This file is in no ordinary build: the lies that a node tells by what it
// serves. The machines' lies are protocols/liar's.

// tellTransportLie has a node tell a lie of the transport; another kind
// changes nothing.
func tellTransportLie(kind liar.Kind, o *Options) {
	switch kind {
	case liar.Hang:
		o.hooks.machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			if _, ok := m.(*protocols.Query); ok {
				return mute{}
			}
			return m
		}
	case liar.Equivocation:
		o.hooks.transport = func(n *node) error {
			n.exchange.forge = (&twoFaces{first: map[engine.Digest]peer.ID{}}).serve
			return nil
		}
	case liar.Oversized:
		o.hooks.transport = func(n *node) error {
			keyShare := protocols.SizesOf(n.params).KeyShare
			n.exchange.forge = func(_ peer.ID, _ engine.Digest, data []byte) []byte {
				if len(data) == keyShare {
					return data // or there would never be an epoch to lie in
				}
				return append(bytes.Clone(data), 0)
			}
			return nil
		}
	case liar.LogFork:
		o.hooks.transport = forkLog
	case liar.LogWithhold:
		o.hooks.transport = func(n *node) error {
			if kept, ok := n.ledger.(*keptLog); ok {
				n.ledger = &withholding{keptLog: kept, victim: n.members.members[len(n.members.members)-1]}
			}
			return nil
		}
	}
}

// mute is a machine that does nothing.
type mute struct{}

func (mute) Step(protocols.Event) (protocols.Ready, error) { return protocols.Ready{}, nil }

// twoFaces serves a contribution as it is to the first peer that asks for it,
// and changed to every other.
type twoFaces struct {
	mu    sync.Mutex
	first map[engine.Digest]peer.ID
	size  int
}

func (f *twoFaces) serve(to peer.ID, requested engine.Digest, data []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size == 0 {
		f.size = len(data) // the first that is served is a key share: left alone
	}
	if _, ok := f.first[requested]; !ok {
		f.first[requested] = to
	}
	if len(data) == f.size || f.first[requested] == to {
		return data
	}
	changed := bytes.Clone(data)
	changed[0] ^= 1
	return changed
}

// withholding is a keeper that says that it orders a department's statements
// on queries, and does not.
type withholding struct {
	*keptLog
	victim protocols.Key
}

func (l *withholding) Append(ctx context.Context, e protocols.Entry) error {
	if e.Author == l.victim && e.Kind >= protocols.KindAdmit {
		return nil
	}
	return l.keptLog.Append(ctx, e)
}

// forked is a keeper that keeps two histories and shows the second to one
// department.
type forked struct {
	*keptLog
	second *keptLog
}

// forkLog makes the second history. From the first question on it holds one
// more entry, so that everything after it differs.
func forkLog(n *node) error {
	first, ok := n.ledger.(*keptLog)
	if !ok {
		return nil // only the keeper can
	}
	second, err := openKeptLog(filepath.Join(n.cfg.Dir, "second"), n.network, n.params, n.id)
	if err != nil {
		return err
	}
	n.onClose(func() { second.Close() })
	victim := peerID(n.members.members[len(n.members.members)-1])
	n.ledger = &forked{keptLog: first, second: second}
	n.logFor = func(p peer.ID) *logStore {
		if p == victim {
			return second.logStore
		}
		return first.logStore
	}
	return nil
}

func (l *forked) Append(_ context.Context, e protocols.Entry) error {
	if e.Kind == protocols.KindAsk {
		// An entry without an effect: the keeper joins a second time.
		l.second.force(protocols.Sign(l.replica.ID(), l.key.private, protocols.Head{}, &protocols.Join{Name: "again", Nonce: nonce()}))
	}
	l.second.force(e)
	return l.keptLog.force(e)
}

// force appends without looking whether the author has seen another history.
func (l *keptLog) force(e protocols.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	digest := e.Digest()
	if _, ok := l.ordered[digest]; ok {
		return nil
	}
	r := l.replica.Chain.Next(l.key.private, e)
	refused := l.replica.State.Apply(r.Height, e)
	var refusal *protocols.Refusal
	if refused != nil && errors.As(refused, &refusal) && refusal.Fault == nil && e.Kind != protocols.KindJoin {
		return refused
	}
	l.ordered[digest] = struct{}{}
	_ = l.replica.Chain.Append(r) // a liar's own chain may hold both histories' heads
	return l.logStore.Append([]protocols.Record{r})
}
