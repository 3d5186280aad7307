package protocols_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

// world is a whole network in one goroutine: an ordered log, blob stores, crashes, loss,
// delay, repetition and lies, all drawn from one seed.
type world struct {
	t       testing.TB
	rng     *rand.Rand
	params  circuits.Params
	keys    *circuits.Keys
	network *protocols.Network
	parties []*party // departments in the order of their names, then analysts
	keeper  *party
	tasks   []task
	parked  []task // wait for somebody to come up or to publish

	salt     string
	before   func(protocols.Entry) // asked before an entry is ordered
	loss     int                   // percent of submissions that are lost, and of those that are doubled
	keepDown bool

	// crash is asked at every point of every party; true kills it there.
	crash  func(p *party) bool
	points map[*party]int

	// record of everything that ever left a party, for the invariants.
	entries map[*party]map[string][]byte // by subject: the one entry's bytes
	shared  map[*party]map[engine.Digest]bool
}

type task struct {
	p    *party
	life int
	run  func()
}

// party is a department or an analyst with what it stores durably and what it loses.
type party struct {
	w    *world
	name string
	key  ed25519.PrivateKey
	id   protocols.Key
	rows []person

	// durable
	log     []protocols.Record
	journal []protocols.JournalRecord
	store   map[engine.Digest][]byte
	chain   []protocols.Record // the keeper's own

	// lost in a crash
	up         bool
	life       int
	replica    *protocols.Replica
	department *protocols.Department
	published  map[engine.Digest]bool
	outbox     map[engine.Digest]protocols.Entry
	formations map[engine.Digest]protocols.Machine // wrapped, if the party lies
	forming    map[engine.Digest]*protocols.Formation
	epochs     map[engine.Digest]*protocols.Epoch
	queries    map[engine.Digest]protocols.Machine
	asking     *protocols.Analyst
	broken     error

	lie      liar.Kind
	replace  func(protocols.Entry) protocols.Entry // the keeper's, in another's name
	served   int                                   // blobs served, for equivocation
	outcomes map[engine.Digest]*protocols.Outcome
	answers  []*protocols.Outcome // an analyst's
	ask      *question            // an analyst's open question
	contrib  []string
}

type crashed struct{ p *party }

func testKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("parley test key " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func newWorld(t testing.TB, seed uint64, departments int) *world {
	return newWorldWithKeys(t, seed, departments, "")
}

// newWorldWithKeys makes departments of the same names with other keys for each salt.
func newWorldWithKeys(t testing.TB, seed uint64, departments int, salt string) *world {
	return newWorldAt(t, seed, departments, salt, protocols.TinyKeys())
}

// newWorldAt uses another parameter set.
func newWorldAt(t testing.TB, seed uint64, departments int, salt string, keys *circuits.Keys) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), params: keys.Params(), keys: keys,
		points: map[*party]int{}, entries: map[*party]map[string][]byte{}, shared: map[*party]map[engine.Digest]bool{},
		crash: func(*party) bool { return false }, salt: salt}
	w.network = &protocols.Network{Version: protocols.Version, Name: "simulation", Parameters: w.params.Name(),
		Development: true, VerifyingKeys: w.keys.Verifying().MarshalBinary()}
	for i := range departments {
		p := w.addParty(fmt.Sprintf("city%d", i+1))
		p.rows = randomRows(w.rng, 5+w.rng.IntN(10))
		w.network.Departments = append(w.network.Departments, protocols.Member{Key: p.id})
	}
	w.network.Normalize()
	w.keeper = w.parties[0]
	w.network.Keeper = w.keeper.id
	w.addParty("analyst")
	for _, p := range w.parties {
		p.start()
	}
	return w
}

func (w *world) addParty(name string) *party {
	p := &party{w: w, name: name, key: testKey(w.salt + name), store: map[engine.Digest][]byte{}, outcomes: map[engine.Digest]*protocols.Outcome{}}
	p.id = protocols.KeyOf(p.key)
	w.parties = append(w.parties, p)
	w.entries[p], w.shared[p] = map[string][]byte{}, map[engine.Digest]bool{}
	return p
}

func (w *world) departments() []*party { return w.parties[:len(w.network.Departments)] }
func (w *world) analyst() *party       { return w.parties[len(w.network.Departments)] }

func (w *world) byKey(k protocols.Key) *party {
	for _, p := range w.parties {
		if p.id == k {
			return p
		}
	}
	return nil
}

// start brings a party up from what it stores durably.
func (p *party) start() {
	w := p.w
	p.up = true
	p.life++
	p.replica = protocols.NewReplica(w.network, w.params)
	p.published, p.outbox = map[engine.Digest]bool{}, map[engine.Digest]protocols.Entry{}
	p.forming = map[engine.Digest]*protocols.Formation{}
	p.formations, p.queries = map[engine.Digest]protocols.Machine{}, map[engine.Digest]protocols.Machine{}
	p.epochs, p.asking, p.broken = map[engine.Digest]*protocols.Epoch{}, nil, nil
	p.department = &protocols.Department{Key: p.key, Params: w.params, Keys: w.keys, Verifying: w.keys.Verifying(),
		Analysts: []protocols.Key{w.parties[len(w.parties)-1].id}, Replica: p.replica}
	for _, r := range p.log {
		if _, err := p.replica.Order(r); err != nil {
			w.t.Fatalf("%s: its own log: %v", p.name, err)
		}
	}
	w.after(p, func() { p.follow() })
	w.after(p, func() { p.sync() })
	w.unpark()
}

func (p *party) crashNow() {
	p.up = false
	p.life++
	w := p.w
	if !w.keepDown {
		w.tasks = append(w.tasks, task{p: p, life: -1, run: p.start})
	}
}

// after adds a task of a party's present life.
func (w *world) after(p *party, run func()) {
	w.tasks = append(w.tasks, task{p: p, life: p.life, run: run})
}

func (w *world) park(p *party, run func()) {
	w.parked = append(w.parked, task{p: p, life: p.life, run: run})
}

func (w *world) unpark() {
	w.tasks = append(w.tasks, w.parked...)
	w.parked = nil
}

// run does tasks in random order until there is none.
func (w *world) run() {
	for steps := 0; len(w.tasks) > 0; steps++ {
		if steps > 200_000 {
			w.t.Fatal("the world does not come to rest")
		}
		w.runOne()
	}
}

func (w *world) runOne() {
	i := w.rng.IntN(len(w.tasks))
	next := w.tasks[i]
	w.tasks[i] = w.tasks[len(w.tasks)-1]
	w.tasks = w.tasks[:len(w.tasks)-1]
	if next.life == -1 || next.p.up && next.life == next.p.life {
		w.attempt(next)
	}
}

func (w *world) attempt(next task) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case crashed:
			e.p.crashNow()
		default:
			panic(e)
		}
	}()
	next.run()
}

// point is a place where a party may crash.
func (p *party) point() {
	p.w.points[p]++
	if p.w.crash(p) {
		panic(crashed{p})
	}
}

// settle runs to rest, then lets the deadlines pass, first the departments', then the keeper's
// Expire, then the analysts'.
func (w *world) settle() {
	w.run()
	for _, p := range w.departments() {
		for _, id := range sortedKeys(p.queries) {
			if p.up && p.outcomes[id] == nil {
				w.after(p, func() { p.step(p.queries[id], protocols.Deadline{}, id) })
			}
		}
	}
	w.run()
	if k := w.keeper; k.up && k.lie != liar.Hang {
		for _, id := range k.replica.Open() {
			k.enqueue(protocols.Sign(w.network.ID(), k.key, k.replica.Head(), &protocols.Expire{Query: id}))
		}
	}
	w.run()
	for _, p := range w.parties[len(w.network.Departments):] {
		if p.up && p.asking != nil {
			w.after(p, func() { p.stepAnalyst(protocols.Deadline{}) })
		}
	}
	w.run()
}

func sortedKeys[V any](m map[engine.Digest]V) []engine.Digest {
	return slices.SortedFunc(maps.Keys(m), func(a, b engine.Digest) int { return bytes.Compare(a[:], b[:]) })
}

// enqueue hands an entry to the log until it is seen on it; some submissions are lost, some
// arrive twice.
func (p *party) enqueue(e protocols.Entry) {
	w := p.w
	digest := e.Digest()
	p.outbox[digest] = e
	var submit func()
	submit = func() {
		switch {
		case w.rng.IntN(100) < w.loss:
			w.after(p, submit)
		case !w.keeper.up:
			w.park(p, submit)
		default:
			if w.rng.IntN(100) < w.loss {
				w.after(p, submit)
			}
			w.keeper.order(p, e)
		}
	}
	w.after(p, submit)
}

// order is the keeper's: it puts an entry on the chain once, and now and then twice, which the
// referee has to refuse.
func (k *party) order(from *party, e protocols.Entry) {
	w := k.w
	again := slices.ContainsFunc(k.chain, func(r protocols.Record) bool { return r.Entry.Digest() == e.Digest() })
	withheld := k.lie == liar.LogWithhold && from == w.departments()[2] && e.Kind >= protocols.KindContribute
	if w.before != nil {
		w.before(e)
	}
	if again && w.rng.IntN(100) >= w.loss || withheld {
		return
	}
	if k.replace != nil {
		e = k.replace(e)
	}
	k.chain = append(k.chain, k.next(k.chain, e))
	for _, p := range w.parties {
		w.after(p, p.follow)
	}
}

// follow takes the records that the keeper shows.
func (p *party) follow() {
	w := p.w
	if !w.keeper.up {
		w.park(p, p.follow)
		return
	}
	chain := w.keeper.shows(p)
	for height := p.replica.Height(); p.broken == nil && height < uint64(len(chain)); height++ {
		r, err := protocols.ParseRecord(chain[height].Marshal())
		if err != nil {
			w.t.Fatalf("record %d: %v", height+1, err)
		}
		refused, err := p.replica.Order(r)
		if err != nil {
			p.breakLog(err)
			return
		}
		p.log = append(p.log, r)
		p.point()
		if refused != nil && p.asking != nil && r.Entry.Author == p.id && r.Entry.Kind == protocols.KindAsk {
			p.asking.Refuse(refused)
		}
		p.stepAll(protocols.Ordered{})
		p.sync()
	}
}

func (p *party) breakLog(err error) {
	fault, ok := err.(*protocols.Fault)
	if !ok {
		p.w.t.Fatalf("%s: log: %v", p.name, err)
	}
	p.broken = err
	p.stepAll(protocols.Broken{Fault: fault})
}

// next is the record that puts an entry after a chain. Unlike Chain, it does not mind what the
// author has seen.
func (k *party) next(chain []protocols.Record, e protocols.Entry) protocols.Record {
	id := k.w.network.ID()
	r := protocols.Record{Height: uint64(len(chain)) + 1, Previous: id, Entry: e}
	if len(chain) > 0 {
		r.Previous = chain[len(chain)-1].Digest(id)
	}
	r.Signature = [64]byte(ed25519.Sign(k.key, protocols.HeadMessage(id, r.Height, r.Digest(id))))
	return r
}

// shows is the chain that the keeper shows to a party. A forking one shows the third
// department another chain from the first question on, with that entry twice.
func (k *party) shows(p *party) []protocols.Record {
	if k.lie != liar.LogFork || p != k.w.departments()[2] {
		return k.chain
	}
	var fork []protocols.Record
	for _, r := range k.chain {
		fork = append(fork, k.next(fork, r.Entry))
		if r.Entry.Kind == protocols.KindAsk {
			fork = append(fork, k.next(fork, r.Entry))
		}
	}
	return fork
}
