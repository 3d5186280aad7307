package protocols_test

import (
	"fmt"

	"parley/circuits"
	"parley/protocols"
)

// tiny resolves the simulation's parameter set and no other.
func tiny(name string) (circuits.Params, error) {
	if p := protocols.TinyParams(); p.Name() == name {
		return p, nil
	}
	return circuits.Params{}, fmt.Errorf("parameters %q are unknown", name)
}

// pinned is the network description as the ledger has it.
func pinned(w *world) *protocols.Network {
	n, ok := w.ledger.state.Network()
	if !ok {
		w.t.Fatal("a department has not joined")
	}
	return n
}
