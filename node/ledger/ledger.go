// Package ledger is a Byzantine-fault-tolerant list of transactions that all
// validators replicate: CometBFT, embedded, with its application in this
// process and its transport inside libp2p streams. It knows nothing of what the
// transactions mean: that is the State's. README.md is the specification.
package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cmtconfig "github.com/cometbft/cometbft/config"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/proxy"
	cmtstate "github.com/cometbft/cometbft/state"
	cmtstore "github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"parley/node/disk"
)

// Config is what a ledger is opened with. What is not said to have a default is
// required: Open refuses a Config without it.
type Config struct {
	// Dir is the ledger's own folder; made, 0700, if missing.
	Dir string
	// Network is the network's id; it covers the genesis.
	Network [32]byte
	// Validators are those of the genesis, in any order.
	Validators []ed25519.PublicKey
	// Genesis is the state before the first block. Its Validators are
	// Validators.
	Genesis State
	// Decode reads what State.Marshal wrote, strictly: the bytes may come from a
	// peer.
	Decode func([]byte) (State, error)
	// Author names who wrote a transaction, so that none fills the mempool alone.
	// It must not panic whatever tx holds. What it cannot read is nobody's, and
	// nobody has no more room than anybody.
	Author func(tx []byte) string
	// Key is the identity's: the validator's and the libp2p host's.
	Key ed25519.PrivateKey
	// Host is the libp2p host; it stays open when the ledger closes. It keeps
	// connections to peers, or knows their addresses.
	Host host.Host
	// Peers says who may speak consensus now: the present members, by libp2p
	// peer id; the own is ignored. Called already while Open runs, and often, from several goroutines, also
	// after each block: whoever left the list is cut off at once.
	Peers func() []peer.ID
	// Readers says who besides Peers may ask for signed headers and snapshots;
	// nil: nobody.
	Readers func(peer.ID) bool
	// Log is the operator's; nil discards.
	Log *slog.Logger
	// Metrics takes the ledger's figures; nil: none. Close takes them back.
	Metrics prometheus.Registerer
	// Timing is the zero value for DefaultTiming.
	Timing Timing
	// Retain is how many of the last blocks are kept; 0: all. Records and
	// receipts are kept in any case.
	Retain uint64
	// SnapshotEvery is how many blocks lie between two stored states, which is
	// how many a restart after a crash replays at most; 0: 200.
	SnapshotEvery uint64
	// StateSync: an empty ledger takes a snapshot from its peers, verified
	// against the chain of validators from the genesis and against Trust, instead
	// of all blocks.
	StateSync bool
	// Trust is a block that the operator knows from elsewhere. No other block of
	// its height is taken: not in a snapshot's chain, not from peers, not from
	// Dir. Required with StateSync, since keys that left long ago could show who
	// comes anew another chain; zero otherwise, for whoever was there.
	Trust Trusted
	// Joining, if not nil, is told why a snapshot could not be taken yet, at each attempt. It must not block.
	Joining func(error)
	// Halted, if not nil, is told when consensus has stopped for good, or has
	// not moved for too long though more than two thirds of the validators are
	// connected. It must not block.
	Halted func(error)
}

// Trusted is a block known from elsewhere. Hash is its header's.
type Trusted struct {
	Block uint64
	Hash  [32]byte
}

// Timing is the pace of consensus.
type Timing struct {
	// Propose is how long a round waits for its proposal, and Vote for the votes
	// of the slow once two thirds have voted; each grows by half with each round.
	Propose, Vote time.Duration
	// Commit is the pause after a block, in which transactions gather for the
	// next.
	Commit time.Duration
	// Gossip is how often a node looks for something to send to a peer. It is
	// most of a block's time, and of the idle processor's.
	Gossip time.Duration
	// Heartbeat is the longest pause between two blocks while the ledger is in use: since this node
	// was opened, or a transaction was ordered, less than Idle has passed. Idle is the longest pause
	// after that; less than Heartbeat: the same.
	Heartbeat, Idle time.Duration
}

// DefaultTiming is for departments in one country.
var DefaultTiming = Timing{
	Propose: time.Second, Vote: 300 * time.Millisecond, Commit: 20 * time.Millisecond,
	Gossip: 10 * time.Millisecond, Heartbeat: 15 * time.Second, Idle: 10 * time.Minute,
}

// pause is the longest one before the next block, when nothing was ordered for so long.
func (t Timing) pause(quiet time.Duration) time.Duration {
	if quiet < t.Idle {
		return t.Heartbeat
	}
	return max(t.Heartbeat, t.Idle)
}

// defaultSnapshotEvery is Config.SnapshotEvery's default.
const defaultSnapshotEvery = 200

// listenAttempts is how often a free loopback port is looked for: another
// process may take it between looking and listening.
const listenAttempts = 5

// Ledger is an open ledger. Safe for concurrent use.
type Ledger struct {
	config Config
	chain  string
	log    *slog.Logger
	store  *store
	index  *index
	app    *app
	tunnel *tunnel
	light  *turnstile
	watch  *watch
	trim   *logTrim

	catchup *catchup

	comet  *cmtconfig.Config
	node   *cmtnode.Node
	states cmtstate.Store

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	close  sync.Once
	failed error // of closing
}

// Open starts a ledger, or continues the one in Config.Dir: after a crash it
// replays the blocks since the last stored state. It returns once the node runs,
// not once it has caught up (see AtHead). ctx bounds the opening only.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, disk.DirMode); err != nil {
		return nil, fmt.Errorf("making the folder %s: %w", c.Dir, err)
	}
	if err := disk.RemoveTemporary(c.Dir); err != nil {
		return nil, err
	}
	s, err := openStore(filepath.Join(c.Dir, "store"))
	if err != nil {
		return nil, err
	}
	l := &Ledger{config: c, chain: chainID(c.Network), log: c.Log, store: s, light: newTurnstile(lightStreamsPeer), catchup: newCatchup()}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.open(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// complete fills in defaults and checks what would fail late.
func (c *Config) complete() error {
	if err := c.required(); err != nil {
		return err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Timing == (Timing{}) {
		c.Timing = DefaultTiming
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = defaultSnapshotEvery
	}
	if err := checkValidators(c.Validators); err != nil {
		return err
	}
	own, err := nodeID(c.Host.ID())
	if err != nil {
		return err
	}
	if own != p2p.PubKeyToID(cmted25519.PrivKey(c.Key).PubKey()) {
		return errors.New("the host's key is not the validator's")
	}
	if string(validatorSet(c.Genesis.Validators()).Hash()) != string(validatorSet(c.Validators).Hash()) {
		return errors.New("the genesis state's validators are not the genesis' validators")
	}
	return nil
}

// required refuses a Config that lacks what a ledger is unsafe without: a
// default would switch a guard off, and nobody would notice.
func (c *Config) required() error {
	for _, field := range []struct {
		name    string
		missing bool
	}{
		{"Dir", c.Dir == ""},
		{"Network", c.Network == [32]byte{}},
		{"Validators", len(c.Validators) == 0},
		{"Genesis", c.Genesis == nil},
		{"Decode", c.Decode == nil},
		{"Author", c.Author == nil},
		{"Key", len(c.Key) != ed25519.PrivateKeySize},
		{"Host", c.Host == nil},
		{"Peers", c.Peers == nil},
		{"Trust", c.StateSync && c.Trust == Trusted{}},
	} {
		if field.missing {
			return fmt.Errorf("the ledger's configuration lacks %s", field.name)
		}
	}
	if t := c.Trust; (t.Block == 0) != (t.Hash == [32]byte{}) || t.Block > maxHeight {
		return errors.New("the ledger's Trust is a block's height and its hash")
	}
	return nil
}

// open builds the parts on the open store, from the disk upwards.
func (l *Ledger) open(ctx context.Context) error {
	c := &l.config
	var err error
	if l.index, err = openIndex(l.store.part(partIndex)); err != nil {
		return err
	}
	snapshots, err := openSnapshots(filepath.Join(c.Dir, "snapshots"), c.Decode)
	if err != nil {
		return err
	}
	blocks := cmtstore.NewBlockStore(l.store.part(partBlocks))
	l.states = cmtstate.NewStore(l.store.part(partState), cmtstate.StoreOptions{DiscardABCIResponses: true})
	l.tunnel = newTunnel(c.Host, p2p.PubKeyToID(cmted25519.PrivKey(c.Key).PubKey()), c.Peers, l.log)
	l.watch = newWatch(l)
	l.trim = &logTrim{dir: filepath.Join(c.Dir, logFolder), log: l.log}
	l.app = &app{
		log: l.log, genesis: c.Genesis, index: l.index, blocks: blocks, snapshots: snapshots,
		retain: c.Retain, every: c.SnapshotEvery, admit: l.tunnel.admit, author: c.Author, trust: c.Trust,
		early: newEarly(), committed: l.watch.Block,
	}
	if err := l.restore(ctx, blocks, snapshots); err != nil {
		return err
	}
	signer, err := openSigner(c.Dir, c.Key, blocks, l.alone(), l.past)
	if err != nil {
		return err
	}
	if err := l.newNode(ctx, signer); err != nil {
		return err
	}
	return l.start(ctx)
}

// restore gives the app the last stored state that blocks can follow on.
func (l *Ledger) restore(ctx context.Context, blocks *cmtstore.BlockStore, snapshots *snapshots) error {
	state, err := l.states.Load()
	if err != nil {
		return fmt.Errorf("loading consensus' state: %w", err)
	}
	if state.LastBlockHeight == 0 && blocks.Height() == 0 && l.config.StateSync {
		if err := l.join(ctx, blocks, snapshots); err != nil {
			return err
		}
		if state, err = l.states.Load(); err != nil {
			return fmt.Errorf("loading consensus' state: %w", err)
		}
	}
	if state.LastBlockHeight > 0 && blocks.Height() == 0 {
		// Joined, and no block came yet: CometBFT forgets this at each start.
		if err := l.states.SetOfflineStateSyncHeight(state.LastBlockHeight); err != nil {
			return err
		}
	}
	if meta := blocks.LoadBlockMeta(int64(l.config.Trust.Block)); meta != nil {
		if err := l.app.trusts(l.config.Trust.Block, meta.BlockID.Hash); err != nil {
			return err
		}
	}
	last, problems := snapshots.Latest(uint64(max(blocks.Height(), state.LastBlockHeight)))
	for _, p := range problems {
		l.log.Warn("a stored state cannot be read; the blocks after an older one are replayed", "error", p.Error())
	}
	if last.State == nil {
		last = at{l.config.Genesis.Clone(), Place{}}
	}
	l.app.set(last)
	return nil
}

// alone reports whether this node is the only validator of the next block.
func (l *Ledger) alone() bool {
	state, err := l.states.Load()
	if err != nil || state.Validators == nil {
		return len(l.config.Validators) == 1 // a founding
	}
	return state.Validators.Size() == 1
}

// newNode makes CometBFT's node, which replays blocks into the app.
func (l *Ledger) newNode(ctx context.Context, signer types.PrivValidator) (err error) {
	doc, err := genesis(l.config.Network, l.config.Validators)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			// CometBFT panics when the app's hash is not the chain's.
			err = fmt.Errorf("replaying the ledger in %s: %v", l.config.Dir, r)
		}
	}()
	databases := map[string]byte{"blockstore": partBlocks, "state": partState, "evidence": partEvidence}
	l.comet = l.cometConfig()
	l.node, err = cmtnode.NewNodeWithContext(ctx, l.comet, signer,
		&p2p.NodeKey{PrivKey: cmted25519.PrivKey(l.config.Key)},
		proxy.NewLocalClientCreator(l.app),
		func() (*types.GenesisDoc, error) { return doc, nil },
		func(d *cmtconfig.DBContext) (dbm.DB, error) {
			prefix, ok := databases[d.ID]
			if !ok {
				return nil, fmt.Errorf("no database %q", d.ID)
			}
			return l.store.part(prefix), nil
		},
		cmtnode.DefaultMetricsProvider(&cmtconfig.InstrumentationConfig{}),
		logger{log: l.log, failed: l.watch.Failed},
		cmtnode.CustomReactors(map[string]p2p.Reactor{"GUARD": newGuard(l.tunnel)}),
	)
	if err != nil {
		return fmt.Errorf("starting consensus: %w", err)
	}
	if got := l.node.GenesisDoc().ChainID; got != l.chain {
		return fmt.Errorf("%s belongs to another network (%s, not %s)", l.config.Dir, got, l.chain)
	}
	return nil
}

// start has the node listen on a free loopback port, and the tunnel lead to it.
// Its first vote waits for the heights of the others, who wait for this node's:
// they are asked and told before. ctx ends the wait of one that is due while
// CometBFT still replays its log.
func (l *Ledger) start(ctx context.Context) error {
	l.config.Host.SetStreamHandler(lightProtocol, l.serveLight)
	l.wg.Go(func() { l.runCatchup(l.ctx) })
	opening := context.AfterFunc(ctx, l.cancel)
	var err error
	for range listenAttempts {
		if err = l.node.Start(); err == nil {
			break
		}
		l.node.Config().P2P.ListenAddress = freeLoopback()
	}
	if err != nil {
		return fmt.Errorf("starting consensus: %w", err)
	}
	if !opening() {
		return ctx.Err()
	}
	os.Remove(l.node.Config().P2P.AddrBookFile()) // written once, never used
	l.tunnel.Start(l.node.Config().P2P.ListenAddress[len("tcp://"):], l.node.Switch())
	l.watch.metrics.Register(l)
	l.wg.Go(func() { l.watch.Run(l.ctx) })
	l.wg.Go(func() { l.app.early.Run(l.ctx, l.node.Mempool()) })
	return nil
}

// Close stops the ledger and stores its state, so that the next Open replays
// nothing. Append and Follow end. The host stays open.
func (l *Ledger) Close() error {
	l.close.Do(func() {
		l.cancel()
		l.config.Host.RemoveStreamHandler(lightProtocol)
		l.light.Close()
		l.wg.Wait()
		if l.tunnel != nil {
			l.tunnel.Close()
		}
		var errs []error
		if l.node != nil {
			if l.node.IsRunning() {
				errs = append(errs, l.node.Stop())
				l.node.Wait()
			}
			errs = append(errs, l.node.ProxyApp().Stop())
		}
		if l.app != nil && l.app.Last().State != nil {
			errs = append(errs, l.app.snapshots.Save(l.app.Last()))
		}
		if l.watch != nil {
			l.watch.Close()
		}
		l.failed = errors.Join(append(errs, l.store.Close())...)
	})
	return l.failed
}
