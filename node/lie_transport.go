//go:build liar

package node

import (
	"bytes"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

// This file is in no ordinary build: the lies that a node tells by what it
// serves. The machines' lies are protocols/liar's.

// Lie has a node tell a lie: its machines', or one of the transport.
func Lie(kind liar.Kind, o *Options) {
	o.Hooks.Machine = func(m protocols.Machine, d *protocols.Department) protocols.Machine {
		return liar.Wrap(m, d, kind)
	}
	switch kind {
	case liar.Hang:
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			if _, ok := m.(*protocols.Query); ok {
				return mute{}
			}
			return m
		}
	case liar.Equivocation:
		o.Hooks.transport = func(n *node) error {
			n.exchange.Forge = (&twoFaces{first: map[engine.Digest]peer.ID{}}).serve
			return nil
		}
	case liar.Oversized:
		o.Hooks.transport = func(n *node) error {
			keyShare := protocols.SizesOf(n.params).KeyShare
			n.exchange.Forge = func(_ peer.ID, _ engine.Digest, data []byte) []byte {
				if len(data) == keyShare {
					return data // or there would never be an epoch to lie in
				}
				return append(bytes.Clone(data), 0)
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
