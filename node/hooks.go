package node

import (
	"time"

	"parley/circuits"
	"parley/node/exchange"
	"parley/protocols"
)

// Hooks let tests, and builds with liars, put something else in a part's place. No command sets
// them; all nil is a node.
type Hooks struct {
	// Parameters gives a set by its name: exchange.Parameters, but in tests.
	Parameters func(name string) (circuits.Params, error)
	// Machine may stand before a machine that the node starts.
	Machine func(protocols.Machine, *protocols.Department) protocols.Machine
	// Look is when the files of tables are looked at: every lookEvery, but in tests.
	Look      <-chan time.Time
	transport func(*node) error
}

func (o *Options) parameterSet(name string) (circuits.Params, error) {
	return o.Hooks.parameterSet(name)
}

func (h *Hooks) parameterSet(name string) (circuits.Params, error) {
	if h.Parameters != nil {
		return h.Parameters(name)
	}
	return exchange.Parameters(name)
}

func (o *Options) wrap(m protocols.Machine, d *protocols.Department) protocols.Machine {
	if o.Hooks.Machine != nil {
		return o.Hooks.Machine(m, d)
	}
	return m
}
