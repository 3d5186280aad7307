package protocols_test

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"testing"

	"parley/circuits"
	"parley/protocols"
)

// TestMain spends memory on time: thousands of small proofs leave much behind.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// tiny resolves the simulation's parameter set and no other.
func tiny(name string) (circuits.Params, error) {
	if p := protocols.TinyParams(); p.Name() == name {
		return p, nil
	}
	return circuits.Params{}, fmt.Errorf("parameters %q are unknown", name)
}

// pinned is the network description as the ledger has it.
func pinned(w *world) *protocols.Network {
	n, err := w.ledger.state.Described(math.MaxUint64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
