package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"parley/circuits"
	"parley/datasets/published"
	"parley/engine"
	"parley/engine/cellkey"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/journal"
	"parley/node/ledger"
	"parley/node/linkage"
	"parley/node/machine"
	"parley/node/notify"
	"parley/node/peers"
	"parley/node/quality"
	"parley/node/shadow"
	"parley/protocols"
)

// memoryTarget is the heap at which the collector starts to work harder: with proving keys for
// `default` in memory 170 MB are alive, 250 MB while a share is proven; of a network of joins, with their keys and sums of
// vectors, so much more that half of the time went into collecting. GOMEMLIMIT overrides it.
const memoryTarget, joinsTarget = 360 << 20, 1 << 30

// saltBytes is the length of a department's secret salt for the digests of
// its tables (datasets.Options.Salt).
const saltBytes = 32

// node is a running department. What has a lock says so; the rest belongs to
// the goroutine that runs loop.
type node struct {
	cfg      config.Config
	o        Options
	log      *slog.Logger
	id       peers.Identity
	founding *founding
	trust    ledger.Trusted
	params   circuits.Params
	network  *protocols.Network // without names
	tables   shelf
	spill    string // the folder for what of them does not fit into memory

	transport *peers.Host
	blobs     *exchange.Store
	exchange  *exchange.Blobs
	journal   *journal.Store
	ledger    *ledger.Ledger
	history   exchange.Log
	outbox    *machine.Outbox
	acting    sync.Mutex // one act after the other: each has a turn

	department *protocols.Department
	replica    *protocols.State
	work       machine.Effects
	answers    chan machine.Delivery
	deadlines  chan engine.Digest
	wakes      chan func() error // what other goroutines want done by the loop
	reloads    chan chan<- ReloadReply
	epochs     map[engine.Digest]*committee
	queries    map[engine.Digest]*liveQuery
	vectors    bool // some were made, or a query is over, since those that may wait for them were stepped
	duty       duties
	linker     *linkage.Linker            // nil: an auditor's
	notifier   *notify.Notifier           // nil: nobody is told of alerts
	offered    bool                       // the ledger was read up to its head once, and
	alerted    uint64                     // this was its last alert when the notifier was told
	admit      *time.Timer                // when it is to be looked who of the persons may talk to this node
	news       map[string]*quality.Source // what was said last of tables' sources, as far as it was read

	view    atomic.Pointer[view]
	up      atomic.Bool // all is open: what other goroutines ask may look at the ledger and the stores
	waits   waits
	foreign sync.Map // peer.ID → why that member is of another network, a sentence
	// greeting are the peers that this node tries to compare networks with.
	greeting sync.Map
	watches  machine.Watches
	said     said // about files that have changed
	unloaded atomic.Pointer[unloaded]
	toml     atomic.Pointer[stamp] // node.toml as it was read
	closers  []func()

	halted   chan error // of the ledger; has room for one
	started  time.Time
	registry *prometheus.Registry
	outcomes *prometheus.CounterVec // of queries, by status
}

// view is what other goroutines may read of the loop's state.
type view struct {
	network  *protocols.Network // with names once all have joined
	height   uint64
	status   Status
	members  []viewMember
	votes    []ChangeReport
	people   []protocols.Person // of this department
	awaits   string             // what is to come before questions are answered here, a sentence
	epoch    uint64
	open     int
	evidence int
	tables   []TableReport
	analysts []string
	leftOut  int // persons for whom there is no room
}

// dataset is what a node needs of a datasets.Table.
type dataset interface {
	Registration(department string, version uint64) engine.Registration
	Aggregate(ctx context.Context, p *engine.Plan, department string) ([]*big.Int, error)
	CellKeys(ctx context.Context, p *engine.Plan, department string, key *cellkey.Key, rows int64) (cells, noise []*big.Int, err error)
	Changed(ctx context.Context) error // of one that stays in a database
	Drift() string
	Distributions() []published.Distribution
	Keys(ctx context.Context, column string) (keys []string, without int64, err error)
	Close() error
}

func run(ctx context.Context, cfg config.Config, o Options) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(map[bool]int64{false: memoryTarget, true: joinsTarget}[cfg.Joins])
	}
	n := &node{cfg: cfg, o: o, log: o.Logger, started: time.Now(), halted: make(chan error, 1), registry: prometheus.NewRegistry(), outcomes: queryOutcomes(), answers: make(chan machine.Delivery), deadlines: make(chan engine.Digest),
		wakes: make(chan func() error), reloads: make(chan chan<- ReloadReply), epochs: map[engine.Digest]*committee{}, queries: map[engine.Digest]*liveQuery{},
		news: map[string]*quality.Source{}, admit: time.NewTimer(admissionPause)}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Path != "" {
		n.toml.Store(&stampsOf([]string{cfg.Path})[0])
	}
	defer n.close()
	err := n.open(ctx)
	if err == nil {
		err = n.loop(ctx)
	}
	if ctx.Err() != nil {
		n.log.Info("the node stops", "why", context.Cause(ctx).Error())
		return nil
	}
	if err == nil {
		return nil
	}
	return n.stopped(err)
}

// open brings up everything in the order in which a mistake is cheapest:
// configuration, tables, port, keys, storage, peers.
func (n *node) open(ctx context.Context) error {
	steps := []func(context.Context) error{
		n.openIdentity, n.openNoiseKey, n.openTables, n.openTransport, n.openControl, n.openKeys, n.openStores, n.openLedger, n.openWork,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	n.up.Store(true)
	n.onClose(func() { n.up.Store(false) })
	return nil
}

func (n *node) onClose(f func()) { n.closers = append(n.closers, f) }

func (n *node) close() {
	for _, f := range slices.Backward(n.closers) {
		f()
	}
}

func (n *node) openIdentity(context.Context) error {
	if n.cfg.Dir == "" {
		return n.cfg.Fault("dir", errors.New("dir: a node needs a folder to store in"))
	}
	if n.cfg.Listen == "" {
		return n.cfg.Fault("listen", errors.New("listen: a node needs an address to listen on"))
	}
	if err := disk.MakeDir(n.cfg.Dir); disk.Fault(err) != nil {
		return err
	} else if err != nil {
		return n.cfg.Fault("dir", err)
	}
	unlock, err := disk.Lock(n.cfg.Dir)
	if err != nil {
		return err
	}
	n.onClose(unlock)
	path, key := n.cfg.Identity, "identity"
	if path == "" {
		path, key = filepath.Join(n.cfg.Dir, config.IdentityFile), "dir"
	}
	if n.id, err = peers.LoadIdentity(path); err != nil {
		return n.cfg.Fault(key, err)
	}
	if n.founding, err = newFounding(n.cfg, n.id.Key()); err != nil {
		return err
	}
	if n.trust, err = config.TrustedBlock(n.cfg); err != nil {
		return n.cfg.Fault("trust", err)
	}
	if n.params, err = n.o.parameterSet(n.cfg.Parameters); err != nil {
		return n.cfg.Fault("parameters", fmt.Errorf("parameters: %w", err))
	}
	if err := config.CheckJoins(n.cfg.Parameters, n.cfg.Joins); err != nil {
		return n.cfg.Fault("parameters", err)
	}
	if have, most := len(n.founding.departments), min(n.params.MaxDepartments(), protocols.MaxDepartments); have > most {
		return n.cfg.Fault("peers", fmt.Errorf("peers: %d departments are over the %d that the parameters %s allow", have, most, n.params.Name()))
	}
	join := protocols.Sign(engine.Digest{}, n.id.Private(), &protocols.Join{Name: n.cfg.Name})
	if _, err := join.Open(); err != nil {
		return n.cfg.Fault("name", fmt.Errorf("name: %w", err))
	}
	return nil
}

func (n *node) openTransport(context.Context) error {
	t, err := peers.NewHost(n.id, n.cfg.Listen, n.founding.roles, n.log, n.o.Observe, libp2p.PrometheusRegisterer(n.registry))
	if err != nil {
		return n.cfg.Fault("listen", err)
	}
	n.transport = t
	n.onClose(func() {
		if err := t.Close(); err != nil {
			n.log.Warn("closing the transport", "error", err.Error())
		}
	})
	n.view.Store(&view{status: n.status(false)})
	n.waitFor("starting")
	exchange.ServeInfo(t, exchange.Info{Hello: n.hello, Reports: n.gatherReports, Absent: n.notConnected,
		Report: func(query engine.Digest) machine.Report { r, _ := n.watches.Report(query); return r }})
	t.Go(n.tellWaiting)
	for _, info := range n.founding.peers {
		n.keep(info)
	}
	n.log.Info("listening", "addresses", t.Addresses(), "peer", n.id.Peer())
	if n.o.Listening != nil {
		n.o.Listening(n.status(false))
	}
	return nil
}

func (n *node) status(ready bool) Status {
	s := Status{Ready: ready, Name: n.cfg.Name, Peer: n.id.Peer(), Addresses: n.transport.Addresses(), PID: os.Getpid()}
	if len(s.Addresses) > 0 {
		s.Address = s.Addresses[0]
	}
	if n.network != nil {
		s.Network = n.network.ID().String()
	}
	return s
}

// openKeys finds the keys of the network's proofs and its founding nonce, and
// with them the network. The first department makes them, or has them; the
// others use its. From the first start on the genesis pins them.
func (n *node) openKeys(ctx context.Context) error {
	if err := n.checkBroken(); err != nil {
		return err
	}
	var want exchange.Founding
	if g := n.founding.genesis; g != nil {
		want = exchange.FoundingOf(g)
	}
	var keys exchange.HeldKeys
	var err error
	if n.founding.genesis == nil && n.founding.first() == n.id.Key() {
		cache := n.cacheDir()
		keys.Dir = cache
		n.waitFor("making the keys of the network's proofs, or reading them: some minutes, the first time")
		if keys.Keys, err = exchange.DevelopKeys(ctx, n.params, n.cfg.Joins, cache, n.o.Progress); err == nil {
			keys.VerifyingKeys = keys.Keys.Verifying()
			want.SetKeys(keys.Keys)
			err = n.gather(ctx)
		}
		rand.Read(want.Nonce[:]) // never fails (crypto/rand)
	} else {
		keys, err = n.othersKeys(ctx, &want)
	}
	if err != nil {
		return err
	}
	network := n.founding.network(n.params, want)
	if err := network.Validate(false); err != nil {
		return err
	}
	if n.founding.genesis == nil && n.founding.first() != n.id.Key() {
		if err := n.agree(ctx, network); err != nil {
			return err
		}
	}
	n.network = network
	if n.founding.genesis == nil {
		if err := disk.WriteFile(filepath.Join(n.cfg.Dir, config.GenesisFile), n.network.JSON()); err != nil {
			return err
		}
	}
	n.department = &protocols.Department{Key: n.id.Private(), Params: n.params, Keys: keys.Keys, Verifying: keys.VerifyingKeys, Shadow: n.cfg.Shadow}
	if n.cfg.Shadow {
		n.log.Warn("shadow mode: questions of this department's rows are refused, and what it would have sent is written down", "file", filepath.Join(n.cfg.Dir, shadow.File))
	}
	if n.network.Development {
		n.log.Warn("not for private data", "keys", protocols.DevelopmentCaveat, "parameters", n.params.Name())
	}
	n.view.Store(&view{network: n.network, status: n.status(false)})
	exchange.ServeKeys(n.transport, keys, exchange.FoundingOf(n.network))
	return nil
}

func (n *node) cacheDir() string { return cmp.Or(n.o.CacheDir, exchange.DefaultCacheDir()) }

// othersKeys gets keys that another member made; want is empty before it is
// known which. An auditor proves nothing and takes the verifying half only.
func (n *node) othersKeys(ctx context.Context, want *exchange.Founding) (exchange.HeldKeys, error) {
	source, err := n.keySource(), error(nil)
	if want.Verifying == nil {
		if *want, err = n.awaitFounding(ctx, source); err != nil {
			return exchange.HeldKeys{}, err
		}
		if err := joinsAgree(n.cfg, want.Joins(), "the first department, "+peers.PeerOf(n.founding.first())+","); err != nil {
			return exchange.HeldKeys{}, err
		}
	}
	if n.cfg.Auditor {
		vk, err := circuits.ParseVerifyingKeys(n.params, want.Verifying)
		if err != nil {
			return exchange.HeldKeys{}, fmt.Errorf("the network's verifying keys: %w", err)
		}
		return exchange.HeldKeys{VerifyingKeys: vk}, nil
	}
	return exchange.NetworkKeys(ctx, n.params, n.cacheDir(), *want, source, n.o.Progress)
}

// keySource asks the first department, and in its absence whichever member is
// connected.
func (n *node) keySource() *exchange.KeySource {
	first := peers.IDOf(n.founding.first())
	from := func() *exchange.KeySource { // nil: nobody is connected
		if n.transport.Connected(first) {
			return exchange.KeysFrom(n.transport, first)
		}
		for _, p := range n.transport.Roles.With(peers.Member) {
			if n.transport.Connected(p) {
				return exchange.KeysFrom(n.transport, p)
			}
		}
		return nil
	}
	return &exchange.KeySource{
		Founding: func(ctx context.Context) (exchange.Founding, error) {
			if !n.transport.Connected(first) {
				return exchange.Founding{}, errors.New("it is not connected")
			}
			return exchange.KeysFrom(n.transport, first).Founding(ctx)
		},
		Fetch: func(ctx context.Context, files []exchange.KeyFile, into string) (fatal error) {
			err := peers.Retry(ctx, func() error {
				source, err := from(), errors.New("no member is connected")
				if source != nil {
					err = source.Fetch(ctx, files, into)
				}
				if fatal = disk.Fault(err); fatal != nil {
					return nil
				}
				if err != nil {
					n.waitFor("fetching the keys of the network's proofs: %s", err)
				}
				return err
			})
			return cmp.Or(fatal, err)
		},
	}
}

// awaitFounding asks the first department what it founded the network with,
// until it answers.
func (n *node) awaitFounding(ctx context.Context, source *exchange.KeySource) (exchange.Founding, error) {
	if n.o.Progress != nil {
		n.o.Progress("waiting for the keys of the first department", 0, 0)
	}
	n.waitFor("waiting for the first department, %s, to found the network: it makes the keys of the proofs before", peers.PeerOf(n.founding.first()))
	for {
		founded, err := source.Founding(ctx)
		if err == nil {
			return founded, nil
		}
		n.log.Debug("the first department has no keys yet", "error", err.Error())
		select {
		case <-time.After(peers.RetryPause):
		case <-ctx.Done():
			return exchange.Founding{}, ctx.Err()
		}
	}
}

func (n *node) openStores(context.Context) error {
	var err error
	if n.blobs, err = exchange.OpenStore(filepath.Join(n.cfg.Dir, "blobs")); err != nil {
		return err
	}
	if n.journal, err = journal.Open(filepath.Join(n.cfg.Dir, "journal")); err != nil {
		return err
	}
	n.onClose(n.journal.Close)
	n.exchange = exchange.NewBlobs(n.blobs, n.transport, n.id, n.network.ID())
	n.exchange.KeySize = protocols.SizesOf(n.params).KeyShare
	n.exchange.Serve()
	return nil
}

// openLedger starts this node's validator, and what it shows of the ledger.
func (n *node) openLedger(ctx context.Context) error {
	c := exchange.LedgerConfig(filepath.Join(n.cfg.Dir, "ledger"), n.network, protocols.SizesOf(n.params))
	c.Key, c.Host = n.id.Private(), n.transport.Libp2p
	c.Peers = func() []peer.ID { return n.transport.Roles.With(peers.Member, peers.Leaving) }
	c.Readers = func(p peer.ID) bool { return n.transport.Roles.Of(p) >= peers.Person }
	c.Log, c.Metrics, c.Retain, c.StateSync, c.Trust = n.log, n.registry, n.cfg.Retain, n.cfg.Genesis != "", n.trust
	c.Joining = func(err error) { n.waitFor("getting the ledger from the members: %s", err) }
	c.Halted = func(err error) {
		select {
		case n.halted <- err:
		default:
		}
	}
	l, err := ledger.Open(ctx, c)
	if err != nil {
		return fmt.Errorf("the ledger: %w", err)
	}
	n.onClose(func() {
		if err := l.Close(); err != nil {
			n.log.Warn("closing the ledger", "error", err.Error())
		}
	})
	n.ledger, n.history = l, exchange.LocalLog{Ledger: l}
	n.exchange.SetNeeded(func() map[engine.Digest]bool {
		s, _ := l.Snapshot()
		return exchange.NeededBlobs(s.(exchange.Referee).State)
	})
	if n.o.Hooks.transport != nil {
		if err := n.o.Hooks.transport(n); err != nil {
			return err
		}
	}
	if n.replica, err = n.history.Base(ctx); err != nil {
		return err
	}
	n.department.State = n.replica
	n.log.Info("ledger", "block", l.Status().Block, "network", n.network.ID().String())
	exchange.ServeLog(n.transport, n.history)
	n.measure()
	return nil
}

// openWork makes the loop's parts.
func (n *node) openWork(context.Context) error {
	n.outbox = machine.NewOutbox(n.log, n.history.Append)
	n.work = machine.Effects{
		Persist: n.persist, Publish: n.publish, Confide: n.exchange.Confide, Fetch: n.fetch, Aggregate: n.aggregate, Persons: n.persons, Withheld: n.withhold,
		Send:    func(e protocols.Entry) { n.outbox.Send(e, nil) },
		Proofs:  make(chan struct{}, 1),
		Checks:  make(chan struct{}, runtime.GOMAXPROCS(0)),
		Answers: n.answers,
		Failed:  n.fail,
	}
	n.transport.Go(n.outbox.Run)
	if err := n.openLinkage(); err != nil {
		return err
	}
	return n.openAlerts()
}

// wake has something done by the loop, unless the node stops first.
func (n *node) wake(do func() error) {
	select {
	case n.wakes <- do:
	case <-n.transport.Closing().Done():
	}
}

// fail stops the node: its disk failed.
func (n *node) fail(err error) {
	n.transport.Go(func(context.Context) { n.wake(func() error { return err }) })
}
