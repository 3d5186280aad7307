package node

import (
	"sync/atomic"

	"parley/node/exchange"
	"parley/node/ledger"
	"parley/protocols"
)

// What the tests of whole networks, in node_test, see of a node's inside.

var (
	Difference = difference
	CatchingUp = catchingUp
)

// Inside is a running node.
type Inside = node

// Hold gives the node that runs with these options, once it is started.
func Hold(o *Options, running *atomic.Pointer[Inside]) {
	o.Hooks.transport = func(n *node) error { running.Store(n); return nil }
}

func (n *node) Ledger() *ledger.Ledger      { return n.ledger }
func (n *node) Network() *protocols.Network { return n.network }
func (n *node) History() exchange.Log       { return n.history }
