package linkage

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
	"parley/protocols/linkage"
)

// book is a ledger of one referee.
type book struct {
	t     *testing.T
	mu    sync.Mutex
	state *protocols.State
	block uint64
}

func (b *book) order(key ed25519.PrivateKey, body protocols.Body) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.block++
	return b.state.Apply(protocols.Place{Block: b.block, Time: int64(1000 * b.block)}, protocols.Sign(b.state.ID(), key, body))
}

func (b *book) copy() *protocols.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.Clone()
}

// office is a department with a folder, a host and a table.
type office struct {
	name    string
	id      peers.Identity
	steward peers.Identity
	host    *peers.Host
	dir     string
	mu      sync.Mutex
	rows    []string
	table   Table
	version uint64
	policy  map[string]uint64
	running atomic.Pointer[Linker]
	stop    func()
	lie     func(*linkage.Key, []byte) ([]byte, error)
}

type town struct {
	t       *testing.T
	book    *book
	offices []*office
	batch   int
	// patience is how long something that is to come is waited for.
	patience time.Duration
}

// newTown is departments a, b, c; a's register is a spine, the others' tables are placed on it.
func newTown(t *testing.T, rows ...[]string) *town {
	w := &town{t: t, book: &book{t: t}, batch: 7, patience: 3 * time.Minute}
	network := &protocols.Network{Version: protocols.Version, Name: "town", Nonce: engine.Hash("founding"), Parameters: "tiny", Development: true, VerifyingKeys: []byte{1},
		ProvingKeys: []engine.Digest{{1}, {2}, {3}}}
	roles := map[peer.ID]peers.Role{}
	for i, of := range rows {
		o := &office{name: string(rune('a' + i)), id: nodetest.Identity(t), steward: nodetest.Identity(t), dir: filepath.Join(t.TempDir(), "linkage"), rows: of, policy: map[string]uint64{}}
		o.table = Table{Name: "tax", Column: "id", Of: "register", OfDepartment: "a", Limits: linkage.DefaultLimits, Keys: func(context.Context) ([]string, int64, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			return slices.Clone(o.rows), int64(len(o.name)), nil
		}, Serves: func(engine.Registration) bool { return true }}
		if i == 0 {
			o.table.Name, o.table.Of, o.table.OfDepartment = "register", "", ""
		}
		roles[o.id.ID()] = peers.Member
		network.Departments = append(network.Departments, protocols.Member{Key: o.id.Key()})
		w.offices = append(w.offices, o)
	}
	network.Normalize()
	w.book.state = protocols.NewState(network, protocols.Sizes{KeyShare: 10, Contribution: 20, Share: 30, Departments: 64})
	for _, o := range w.offices {
		o.host = nodetest.Host(t, o.id, peers.NewRoles(maps.Clone(roles)), nil)
		w.must(o.id, &protocols.Join{Name: o.name})
		w.must(o.id, &protocols.Vouch{Person: o.steward.Key(), Name: "steward", Roles: []protocols.PersonRole{protocols.PersonSteward}, Until: protocols.MaxVouchSeconds, First: o.steward.Key()})
		w.register(o)
		for _, other := range w.offices {
			if o != other && other.host != nil {
				nodetest.Knows(o.host, other.host)
				nodetest.Knows(other.host, o.host)
			}
		}
	}
	t.Cleanup(func() {
		for _, o := range w.offices {
			w.kill(o)
		}
	})
	return w
}

func (w *town) must(by peers.Identity, body protocols.Body) {
	w.t.Helper()
	if err := w.book.order(by.Private(), body); err != nil {
		w.t.Fatalf("%s: %v", body.Kind(), err)
	}
	w.wake()
}

func (w *town) wake() {
	for _, o := range w.offices {
		if l := o.running.Load(); l != nil {
			l.Wake()
		}
	}
}

// register registers the table of the moment.
func (w *town) register(o *office) {
	w.t.Helper()
	o.mu.Lock()
	o.version++
	r := engine.Registration{Department: o.name, Table: o.table.Name, Version: o.version, Rows: int64(len(o.rows)), About: engine.About{Class: engine.ClassUnconditional},
		Columns: []engine.Column{{Name: "id", Kind: engine.Text, Nullable: true}}, Quality: engine.Quality{Key: []string{"id"}},
		Linkage: engine.Linkage{Key: "id", Spine: o.table.Of, Department: o.table.OfDepartment}}
	if o.table.Of == "" {
		r.Linkage.Spine, r.Linkage.Department = r.Table, o.name
	}
	o.mu.Unlock()
	w.must(o.id, &protocols.Register{Registration: r})
}

// decide has an office's steward publish a policy.
func (w *town) decide(o *office, d policy.Document) {
	w.t.Helper()
	o.policy[d.Table]++
	d.Department, d.Version = o.name, o.policy[d.Table]
	under := w.book.copy().Person(o.steward.Key()).Number
	w.must(o.steward, &protocols.Publish{Document: d, Under: under})
}

// allow has all offices allow so many ids to each other, and the register's admit b.
func (w *town) allow(ids int64, admitted ...string) {
	w.t.Helper()
	for _, o := range w.offices {
		var draws []policy.Draw
		for _, other := range w.offices {
			if other != o {
				draws = append(draws, policy.Draw{Department: other.name, IDs: ids})
			}
		}
		w.decide(o, policy.Document{Draws: draws})
	}
	w.decide(w.offices[0], policy.Document{Table: "register", Membership: admitted})
}

// start runs an office from what it has on its disk.
func (w *town) start(o *office) {
	w.t.Helper()
	l, err := New(Options{Dir: o.dir, Self: o.id.Key(), Host: o.host, State: w.book.copy, Tables: func() []Table {
		o.mu.Lock()
		defer o.mu.Unlock()
		return []Table{o.table}
	},
		Say: func(body protocols.Body, refused func(error)) {
			go func() {
				if err := w.book.order(o.id.Private(), body); err != nil {
					refused(err)
				}
				w.wake()
			}()
		},
		Failed: func(err error) { w.t.Errorf("%s: %v", o.name, err) }, Log: slog.New(slog.DiscardHandler), Batch: w.batch, Evaluate: o.lie})
	nodetest.Check(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	l.Serve()
	l.Wake()
	o.running.Store(l)
	o.stop = func() { cancel(); <-done }
}

// linker is the office's that runs.
func (o *office) linker() *Linker { return o.running.Load() }

func (w *town) kill(o *office) {
	if o.stop != nil {
		o.stop()
		o.stop = nil
		o.running.Store(nil)
	}
}

func (w *town) startAll() {
	w.t.Helper()
	for _, o := range w.offices {
		w.start(o)
	}
}

// idle waits until an office answers nobody: it is done with a request a moment after who asked has the reply.
func (w *town) idle(o *office) {
	w.t.Helper()
	w.until(o.name+" answers nobody", func() bool {
		s := &o.linker().serving
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.busy) == 0
	})
}

// until waits for something that is to come.
func (w *town) until(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(w.patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, o := range w.offices {
				if l := o.running.Load(); l != nil {
					w.t.Logf("%s: %+v", o.name, l.Report())
				}
			}
			w.t.Fatalf("not in %s: %s", w.patience, what)
		}
	}
}

// of is an office's report of its table.
func (w *town) of(i int) TableReport {
	if l := w.offices[i].running.Load(); l != nil {
		if r := l.Report(); len(r.Tables) == 1 {
			return r.Tables[0]
		}
	}
	return TableReport{}
}

// persons are ids by number, as GB 11643 has them but for the check digit.
func persons(from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("320101199%08dX", i))
	}
	return ids
}

// places are an office's positions by canonical id.
func (w *town) places(i int) map[string]uint32 {
	w.t.Helper()
	p := w.of(i).placement
	if p == nil || !slices.Equal(p.IDs, w.ids(w.offices[i])) {
		w.t.Fatalf("%s has no positions", w.offices[i].name)
	}
	out := map[string]uint32{}
	for j, id := range p.IDs {
		out[id] = p.Positions[j]
		if at, on := p.Position(id); on != (p.Positions[j] != linkage.Unplaced) || on && at != p.Positions[j] {
			w.t.Errorf("%s is at %d, and at %d", id, p.Positions[j], at)
		}
	}
	return out
}

// answers asks whether an office would answer about its table on the spine as it is.
func (w *town) answers(i int) (Placement, error) {
	o, state := w.offices[i], w.book.copy()
	c := state.Catalogue()
	at := slices.IndexFunc(c, func(r engine.Registration) bool { return r.Department == o.name && r.Table == o.table.Name })
	link := state.Linkage()
	if link == nil || link.Spine("a", "register") == nil {
		return Placement{}, errors.New("there is no spine")
	}
	spine := link.Spine("a", "register")
	return o.linker().MayAnswer(o.table.Name, protocols.RegistrationDigest(c[at]), *spine)
}

func (w *town) ids(o *office) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, _ := canonical(o.rows)
	return k.ids
}

// check holds the places of b and c to the truth: each person of the register has one place, the same for both, and nobody else has any.
func (w *town) check() {
	w.t.Helper()
	w.until("a knows its own places", func() bool { return w.of(0).placement != nil })
	register, at := w.ids(w.offices[0]), map[uint32]string{}
	for i := 0; i < len(w.offices); i++ {
		for id, place := range w.places(i) {
			on := slices.Contains(register, id)
			if on != (place != linkage.Unplaced) {
				w.t.Errorf("%s: %s is at %d", w.offices[i].name, id, place)
			}
			if on && at[place] != "" && at[place] != id {
				w.t.Errorf("%s and %s are at %d", at[place], id, place)
			}
			if on {
				at[place] = id
			}
		}
	}
	where := map[string]uint32{}
	for place, id := range at {
		if other, twice := where[id]; twice && other != place {
			w.t.Errorf("%s is at %d and %d", id, place, other)
		}
		where[id] = place
	}
}

func (w *town) drawn(i int) int64 {
	if l := w.book.copy().Linkage(); l != nil {
		ids, _ := l.Drawn(w.offices[i].id.Key())
		return ids
	}
	return 0
}
