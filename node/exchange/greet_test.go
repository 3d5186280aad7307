package exchange

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/peers"
)

// TestGreetItself: whoever asks a node under the node's own identity is told what to ask with, before anything is dialled.
func TestGreetItself(t *testing.T) {
	id := nodetest.Identity(t)
	_, err := Greet(t.Context(), nil, peer.AddrInfo{ID: peers.IDOf(id.Key())}, id)
	if f := failure.Of(err); f.Code != "identity" || f.Hint != "parley init DIR makes one to ask with; "+admission {
		t.Errorf("%+v", f)
	}
}

// TestGreetStranger: a node that does not let in who asks is told of as that, with what to give to its operator.
func TestGreetStranger(t *testing.T) {
	id, other := nodetest.Identity(t), nodetest.Identity(t)
	node := nodetest.Host(t, id, peers.NewRoles(nil), nil)
	allow := peers.NewRoles(nil)
	allow.Set(peers.IDOf(id.Key()), peers.Member)
	asks := nodetest.Host(t, other, allow, nil)
	info, err := peers.ParseAddress(node.Addresses()[0])
	nodetest.Check(t, err)
	_, err = Greet(t.Context(), asks, *info, other)
	if f := failure.Of(err); f.Code != "unavailable" || f.Hint != "give an operator this peer id; "+admission+former {
		t.Errorf("%+v", f)
	}
}
