// Package node is a department: Config, Run, and the one loop in which it follows the ledger, steps
// its machines and does what they wish (node/README.md). Its rooms are the packages below it:
// failure and disk, peers and what crosses the wire (exchange), the journal, the machine that
// carries out a protocol's wishes, the ledger, the analyst's client, and an auditor's audit.
//
// The command line (command_*.go, render_*.go, try, demo) is still in it. Nothing but that, main and
// bench imports node: what asks questions imports client, and what reads a ledger audit.
package node

import (
	"context"
	"log/slog"
	"time"

	"parley/engine"
)

// This file is what the command line (and a test) sees of a node: how one is
// configured and run. The work behind it is in node.go.

// DefaultRetention is how long blobs are kept that no open query needs, for
// auditors and for nodes that were away.
const DefaultRetention = 7 * 24 * time.Hour

// Config is one department's node.toml, parsed and with its relative paths
// resolved against the file's folder. Run checks every field again.
type Config struct {
	// Name is the department's name, as the others and the analysts see it.
	Name string
	// Dir holds everything that the node stores, mode 0700. One running node
	// a folder: a second one is refused.
	Dir string
	// Listen is the multiaddr to listen on, "/ip4/0.0.0.0/tcp/4001". Port 0
	// takes a free port and tells it through Options.Listening.
	Listen string
	// Identity is the path of the ed25519 key file (CreateIdentity). Empty:
	// identity.key in Dir, which must exist.
	Identity string
	// Peers are the other departments' multiaddrs, each ending in /p2p/ID. A
	// bare "/p2p/ID" names a department that will dial this one. Together
	// with this node's identity they are the network's members: the same set
	// on every node, or the nodes refuse each other.
	Peers []string
	// Auditor is a validator of the ledger that holds no rows: it checks what
	// the departments do, and has no share of any key.
	Auditor bool
	// Auditors are the other auditors' multiaddrs, as Peers.
	Auditors []string
	// Genesis is the description of a network that has run before this node
	// came to it. Empty: Peers and Auditors are the network, from its
	// beginning.
	Genesis string
	// Trust is a block of the network that this node comes to, "BLOCK:HASH" as
	// parley ledger head prints them: no ledger without it is taken for the
	// network's. Required with Genesis, empty without.
	Trust string
	// Analysts are the peer ids that may ask.
	Analysts []string
	// Parameters is "default" or "light".
	Parameters string
	// Tables are the department's own; nobody else's files are ever opened.
	Tables []TableConfig
	// Deadline bounds each query, however long its analyst would wait. Zero:
	// as long as the analyst would.
	Deadline time.Duration
	// Retain is how many blocks of the ledger are kept; receipts and records
	// always are. Zero keeps all.
	Retain uint64
	// Retention is how long blobs are kept after their query; zero is
	// DefaultRetention.
	Retention time.Duration
	// Metrics is where Prometheus may fetch /metrics, and anybody /health,
	// "127.0.0.1:9464". Empty: at the operator's own door only.
	Metrics string
}

// TableConfig is one table: its files together are one relation.
type TableConfig struct {
	Name     string
	Files    []string
	Null     []string // further spellings of NULL in CSV
	Encoding string   // of CSV; empty is UTF-8
	Header   string   // whether the first line of CSV names the columns: "yes", "no", or "auto", which is the default
	Columns  []string // that are read; empty: all, and one that cannot be read is set aside
}

// Options are what a caller adds to a configuration. The zero value works.
type Options struct {
	// Logger takes the operator's log; nil discards. No secret and no cell
	// is ever logged.
	Logger *slog.Logger
	// CacheDir holds development keys, by circuit digest; empty is
	// DefaultCacheDir().
	CacheDir string
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
	// Progress tells of long steps before Ready (making keys, proving key
	// shares): total 0 is "unknown".
	Progress func(step string, done, total int)
	// Observe, for tests, sees every byte string that this node's streams
	// carry, as it was before the transport encrypted it.
	Observe func(peer string, protocol string, outgoing bool, payload []byte)

	hooks hooks // tests, and builds with liars
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
func Run(ctx context.Context, cfg Config, o Options) error { return run(ctx, cfg, o) }
