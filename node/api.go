// Package node is a department: Options, Run, and the one loop in which it follows the ledger, steps
// its machines and does what they wish (node/README.md). Its rooms are the packages below it:
// failure and disk, peers and what crosses the wire (exchange), the journal, the machine that
// carries out a protocol's wishes, the ledger, the analyst's client, and an auditor's audit.
//
// The commands are cli's, what they print is render's. Nothing but those, main, bench and tests of
// whole networks imports node: what asks questions imports client, and what reads a ledger audit.
package node

import (
	"context"
	"log/slog"
	"os"

	"parley/engine"
	"parley/node/config"
)

// This file is what the command line (and a test) sees of a node: how one is
// configured and run. The work behind it is in node.go.

// Options are what a caller adds to a configuration. The zero value works.
type Options struct {
	// Logger takes the operator's log; nil discards. No secret and no cell
	// is ever logged.
	Logger *slog.Logger
	// CacheDir holds development keys, by circuit digest; empty is
	// DefaultCacheDir().
	CacheDir string
	// NewNoiseKey draws another key of the noise for a department that has lost its own; where there is one, the node does not start.
	NewNoiseKey bool
	// Described is called once the tables are open and checked, before keys
	// are made and before anything is sent: Run waits for it, and an error
	// stops the node. `try` looks at the inferred types here.
	Described func(ctx context.Context, tables []engine.Registration) error
	// Listening is called once the node accepts connections.
	Listening func(Status)
	// Ready is called once the epoch is formed and queries are answered.
	Ready func(Status)
	// Unformed is called when forming an epoch failed, with whose fault it was
	// where that can be told. The node tries again, after a growing pause.
	Unformed func(reason string, departments []string)
	// Reload has the node read Config.Path again, for each value: tables, analysts, deadline and
	// retention take effect, another key that differs, or any error, changes nothing. Both are
	// logged. Nil: never.
	Reload <-chan os.Signal
	// Progress tells of long steps before Ready (making keys, proving key
	// shares): total 0 is "unknown".
	Progress func(step string, done, total int)
	// Observe, for tests, sees every byte string that this node's streams
	// carry, as it was before the transport encrypted it.
	Observe func(peer string, protocol string, outgoing bool, payload []byte)

	Hooks Hooks // tests, and builds with liars
}

// Status is what a node says of itself: to its parent process (status.json
// and one JSON line on standard output) and to analysts.
type Status struct {
	Ready     bool     `json:"ready"`
	Name      string   `json:"name"`
	Peer      string   `json:"peer"`
	Address   string   `json:"address"`   // a multiaddr to dial, ending in /p2p/ID
	Addresses []string `json:"addresses"` // all of them
	Network   string   `json:"network"`   // network id, hex; empty before keys are known
	PID       int      `json:"pid"`
}

// Run runs a department's node until ctx is cancelled (it then returns nil,
// with all files closed and no goroutine left) or something makes going on
// impossible: a wrong configuration, a port in use, a full disk, a journal
// that is corrupted. Errors are sentences for the operator. A stopped node
// may be run again, in this process or another, from the same folder.
func Run(ctx context.Context, cfg config.Config, o Options) error { return run(ctx, cfg, o) }
