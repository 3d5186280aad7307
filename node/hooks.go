package node

import (
	"context"

	"parley/circuits"
	"parley/node/exchange"
	"parley/protocols"
)

// hooks let tests, and builds with liars, put something else in a part's
// place. They cannot be set from outside the package; all nil is a node.
type hooks struct {
	parameters func(name string) (circuits.Params, error)
	open       func(ctx context.Context, c TableConfig, salt []byte) (dataset, error)
	machine    func(protocols.Machine, *protocols.Department) protocols.Machine
	transport  func(*node) error
}

func (o *Options) parameterSet(name string) (circuits.Params, error) {
	return o.hooks.parameterSet(name)
}

func (h *hooks) parameterSet(name string) (circuits.Params, error) {
	if h.parameters != nil {
		return h.parameters(name)
	}
	return exchange.Parameters(name)
}

func (o *Options) openTable(ctx context.Context, c TableConfig, salt []byte, spill string) (dataset, error) {
	if o.hooks.open != nil {
		return o.hooks.open(ctx, c, salt)
	}
	return openTable(ctx, c, salt, spill)
}

func (o *Options) wrap(m protocols.Machine, d *protocols.Department) protocols.Machine {
	if o.hooks.machine != nil {
		return o.hooks.machine(m, d)
	}
	return m
}
