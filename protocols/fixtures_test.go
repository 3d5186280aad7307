package protocols_test

import (
	"math"
	"os"
	"runtime/debug"
	"testing"

	"parley/protocols"
)

// TestMain spends memory on time: thousands of small proofs leave much behind.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// pinned is the network description as the ledger has it.
func pinned(w *world) *protocols.Network {
	n, err := w.ledger.state.Described(math.MaxUint64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
