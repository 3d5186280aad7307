// Package linkage is a department's part in naming persons alike with the others (README.md of protocols/linkage; node/README.md,
// section 15): its share of the key, tokens for its own keys, the spine that it publishes, and the positions of its keys on
// others'.
//
// It imports protocols, peers and disk; node alone imports it. What it waits for stands on the ledger or at another member, so it
// looks again whenever the ledger has grown, and now and then.
package linkage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"parley/engine"
	"parley/node/disk"
	"parley/node/peers"
	"parley/protocols"
	"parley/protocols/linkage"
)

const (
	// lookPause is how often it is looked again for what a member did not give.
	lookPause = 2 * time.Second
	// openPause is how long a department waits before it opens a linkage after one that was closed; it doubles up to openLastPause.
	openPause     = time.Second
	openLastPause = 2 * time.Minute
	// openTurn is how long a department leaves the opening to the one before it.
	openTurn = 3 * time.Second
)

// Table is one of the department's own that has to do with persons whom others know.
type Table struct {
	Name   string
	Column string // of the key
	// Of and OfDepartment are the spine that the table's keys are placed on, and its department; empty: the table is a spine itself.
	Of, OfDepartment string
	// Limits are what a version of that spine is held to.
	Limits linkage.Limits
	// Keys are the distinct keys of the rows that are registered so, and without how many of these have none. They stay here.
	Keys func(ctx context.Context) (keys []string, without int64, err error)
	// Serves reports whether the table is as it is registered.
	Serves func(engine.Registration) bool
}

// Options are what a Linker works with.
type Options struct {
	Dir  string // its own, made with mode 0700
	Self protocols.Key
	Host *peers.Host
	// State is the ledger's state as it is now, a copy.
	State func() *protocols.State
	// Say has an entry of the department's said, until the ledger has ordered it or refused it: then refused is called, from another goroutine.
	Say func(body protocols.Body, refused func(error))
	// Tables are the tables of the moment.
	Tables func() []Table
	// Looks, unless nil, is called when the ledger was looked at once more, as far as Looked says, and what was due was done or is waited for.
	Looks func()
	// Failed is told that the disk did not keep something: the department cannot go on.
	Failed func(error)
	Log    *slog.Logger
	// Batch is how many ids are in a batch at most; 0: linkage.MaxBatch.
	Batch int
	// Evaluate, in tests, stands in the place of the member's honest answer.
	Evaluate func(key *linkage.Key, points []byte) ([]byte, error)
}

// Linker is a department's part. Wake, Report and what serves others may be called by any goroutine.
type Linker struct {
	o      Options
	store  *store
	woken  chan struct{} // has room for one
	report atomic.Pointer[Report]
	looked atomic.Uint64

	// The rest but the last is Run's own.
	begun   time.Time // when this department began to leave the opening to others
	opened  uint64    // the last linkage that it opened
	pause   time.Duration
	said    map[said]bool
	tables  map[string]*keys
	reports map[string]*TableReport
	tokens  map[handle]linkage.Token
	making  *making // nil: none
	rate    rate

	serving serving
}

// said is an entry that was handed over, so that it is not again.
type said struct {
	linkage engine.Digest
	kind    protocols.EntryKind
	number  uint64
	table   string
}

// rate is how fast tokens come, from the first of this run on.
type rate struct {
	since time.Time
	ids   int
}

// New opens the department's folder. Serve and Run do the work.
func New(o Options) (*Linker, error) {
	store := &store{root: o.Dir}
	if err := store.open(); err != nil {
		return nil, err
	}
	if o.Batch == 0 {
		o.Batch = linkage.MaxBatch
	}
	if o.Evaluate == nil {
		o.Evaluate = (*linkage.Key).Evaluate
	}
	l := &Linker{o: o, store: store, woken: make(chan struct{}, 1), said: map[said]bool{}, tables: map[string]*keys{}, reports: map[string]*TableReport{}}
	l.serving.init()
	l.report.Store(&Report{State: "none", Tables: []TableReport{}})
	return l, nil
}

// Wake has it looked again: the ledger has grown. The first one says that what the ledger holds of this department is all there.
func (l *Linker) Wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// Run does the department's part until ctx ends.
func (l *Linker) Run(ctx context.Context) {
	select {
	case <-l.woken:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for waits := ""; ; {
		if err := l.work(ctx); disk.Fault(err) != nil {
			l.o.Failed(err)
			return
		} else if err == nil {
			waits = ""
		} else if err.Error() != waits && ctx.Err() == nil { // a steward may say nothing for months
			waits = err.Error()
			l.o.Log.Warn("linkage", "waits", waits)
		}
		select {
		case <-l.woken:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// work does what can be done now, and says in the report what it waits for.
func (l *Linker) work(ctx context.Context) error {
	state := l.o.State()
	defer l.looks(state.Applied())
	err := l.form(state)
	link := state.Linkage()
	if err == nil && link != nil && link.Phase == protocols.LinkageFormed && link.IsMember(l.o.Self) {
		err = l.linked(ctx, state, link)
	}
	l.tell(err)
	return err
}

// looks notes up to which record of the ledger was looked at.
func (l *Linker) looks(record uint64) {
	if l.looked.Swap(record) < record && l.o.Looks != nil {
		l.o.Looks()
	}
}

// Looked is the last record of the ledger that was looked at, with all that could be done by then; 0: none. What MayAnswer refuses of an
// earlier one it does not refuse because it came too soon.
func (l *Linker) Looked() uint64 { return l.looked.Load() }

// linked draws, publishes and places under a formed linkage.
func (l *Linker) linked(ctx context.Context, state *protocols.State, link *protocols.LinkageState) error {
	if err := l.readTables(ctx, state); err != nil {
		return err
	}
	errs := []error{l.draw(ctx, link)} // tables whose tokens are all there go on
	state = l.o.State()
	if now := state.Linkage(); now == nil || now.ID != link.ID || now.Phase != protocols.LinkageFormed {
		return nil
	}
	for _, t := range l.o.Tables() {
		if t.Of == "" {
			errs = append(errs, l.publish(state, state.Linkage(), t))
		} else {
			errs = append(errs, l.place(ctx, state, state.Linkage(), t))
		}
	}
	for _, r := range l.reports {
		if r.State == statePublishing { // the ledger does not list its blocks yet
			return errors.Join(errs...)
		}
	}
	return errors.Join(append(errs, l.store.dropBlocks(link.ID, state.Linkage().Spines()))...)
}

// say hands an entry over, once; where the ledger refuses it, again when it is due again.
func (l *Linker) say(what said, body protocols.Body) {
	if l.said[what] {
		return
	}
	l.said[what] = true
	l.o.Say(body, func(err error) {
		var r *protocols.Refusal
		if known := errors.As(err, &r) && r.Code == "duplicate"; known {
			return // said before a restart, or by another department
		}
		l.o.Log.Warn("an entry of the linkage is refused", "entry", body.Kind().String(), "why", err.Error())
		l.serving.refused(what)
	})
}

// forgetRefused lets be said again what the ledger refused.
func (l *Linker) forgetRefused() {
	for _, what := range l.serving.takeRefused() {
		delete(l.said, what)
		if what.kind == protocols.KindLinkageOpen && what.number == l.opened {
			l.opened-- // a member came meanwhile, say: the one of that number is another now
		}
	}
}

// serving is what others' requests share with Run.
type serving struct {
	mu     sync.Mutex
	again  []said
	key    *linkage.Key // the share, of the linkage of
	of     engine.Digest
	busy   map[protocols.Key]bool
	helped map[helping]helped
	slot   chan struct{} // one evaluation at a time
	block  sync.Mutex    // held while a block is read whole: one at a time
}

// helping is a department's batch that it is helped with, and helped how often, and when last.
type helping struct {
	from    protocols.Key
	linkage engine.Digest
	number  uint32
}

type helped struct {
	times int
	last  time.Time
}

func (s *serving) init() {
	s.busy, s.helped, s.slot = map[protocols.Key]bool{}, map[helping]helped{}, make(chan struct{}, 1)
}

func (s *serving) refused(what said) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = append(s.again, what)
}

func (s *serving) takeRefused() []said {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.again
	s.again = nil
	return out
}

func (s *serving) share(of engine.Digest) *linkage.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != of {
		return nil
	}
	return s.key
}

func (s *serving) keep(of engine.Digest, key *linkage.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of, s.key = of, key
}
