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
	"parley/engine/policy"
	"parley/protocols"
	"parley/protocols/liar"
	"parley/protocols/mhe/tiny"
)

// world is a whole network in one goroutine: a ledger, blob stores, crashes, loss,
// delay, repetition and lies, all drawn from one seed.
type world struct {
	t       testing.TB
	rng     *rand.Rand
	params  circuits.Params
	keys    *circuits.Keys
	network *protocols.Network
	parties []*party // departments in the order of their names, then an auditor, then an analyst
	ledger  *ledger
	tasks   []task
	parked  []task // wait for somebody to come up or to publish

	salt             string
	policy           func(department string) policy.Document // for its table, as version 1; nil: open.Policy
	keyed            bool                                    // tables declare a key
	class            engine.Class                            // of the tables; unsaid: unconditional
	freely           []string                                // departments whose tables are unconditional whatever the class
	spare            []engine.Digest                         // grants that the analyst names besides those that it needs
	before           func(protocols.Entry)                   // asked before an entry is ordered
	replace          func(protocols.Entry) protocols.Entry   // changes an entry before it is ordered
	loss             int                                     // percent of submissions that are lost, and of those that are doubled
	noise            func(*party) engine.NoiseSource         // what a department adds, if not what the plan says
	certificateBytes int                                     // AnalystConfig.CertificateBytes
	town             *town                                   // whose tables departments join across each other; nil: each holds heart
	recipient        string                                  // of screenings; empty: whom their ids name
	unscreened       bool                                    // the analyst asks for answers without their screenings
	keepDown         bool
	halts            bool            // without more than two thirds of the validators nothing is ordered
	cut              map[*party]bool // the other side of a partition; the ledger goes on without it, if it can
	snapshots        bool            // the ledger goes through a snapshot after each entry
	inOrder          bool            // tasks are done in their order, not in a random one
	account          *account        // what is told of the run, if anything
	links            bool            // departments form linkages
	blocks           map[engine.Digest][]byte

	adversary

	// crash is asked at every point of every party; true kills it there.
	crash  func(p *party) bool
	points map[*party]int

	// record of everything that ever left a party, for the invariants.
	entries map[*party]map[string][]byte // by subject: the one entry's bytes
}

type task struct {
	p    *party
	life int
	run  func()
}

// party is a department, an auditor or an analyst with what it stores durably and what it loses.
type party struct {
	w    *world
	name string
	key  ed25519.PrivateKey
	id   protocols.Key
	role protocols.Role // empty: an analyst
	rows []person
	keys *circuits.Keys // its own copy of the network's

	// durable
	followed uint64 // records
	journal  []protocols.JournalRecord
	screen   engine.Digest // an analyst's: of its open question, once it has ended
	store    map[engine.Digest][]byte
	linking  *linking

	// lost in a crash
	up         bool
	life       int
	state      *protocols.State
	department *protocols.Department
	published  map[engine.Digest]bool
	confided   map[engine.Digest]protocols.Confidence
	outbox     map[engine.Digest]protocols.Entry
	formations map[engine.Digest]protocols.Machine // wrapped, if the party lies
	forming    map[engine.Digest]*protocols.Formation
	epochs     map[engine.Digest]*protocols.Epoch
	queries    map[engine.Digest]protocols.Machine
	started    []engine.Digest // of both, in their order: ids depend on proofs, which no seed fixes
	asking     *protocols.Analyst

	lie      liar.Kind
	repents  bool // it lied before
	deviates bool // its machines are honest, and what it says is changed on the way
	shadow   bool // its machines are in shadow mode, from its next start on
	withheld []*protocols.Withheld
	served   int // blobs served, for equivocation
	outcomes map[engine.Digest]*protocols.Outcome

	plans, proofs int64                // that it made, and that it verified
	answers       []*protocols.Outcome // an analyst's
	ask           *question            // an analyst's open question
	cancels       bool                 // it wants to take it back
	broken        error                // its keys were found broken, which ended it
	contrib       []string
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
	return newWorldAt(t, seed, departments, salt, tiny.Keys())
}

// newWorldAt uses another parameter set.
func newWorldAt(t testing.TB, seed uint64, departments int, salt string, keys *circuits.Keys) *world {
	return foundWorld(t, seed, departments, salt, engine.Hash("founding", []byte(salt)), keys)
}

// foundWorld founds a network with this nonce.
func foundWorld(t testing.TB, seed uint64, departments int, salt string, nonce engine.Digest, keys *circuits.Keys) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), params: keys.Params(), keys: keys,
		points: map[*party]int{}, entries: map[*party]map[string][]byte{},
		crash: func(*party) bool { return false }, salt: salt}
	w.network = &protocols.Network{Version: protocols.Version, Name: "simulation", Nonce: nonce, Parameters: w.params.Name(),
		Development: true, VerifyingKeys: w.keys.Verifying().MarshalBinary()}
	for _, digest := range w.keys.Proving() {
		w.network.ProvingKeys = append(w.network.ProvingKeys, digest)
	}
	for i := range departments {
		p := w.addParty(fmt.Sprintf("city%d", i+1), protocols.RoleDepartment)
		p.rows = randomRows(w.rng, 5+w.rng.IntN(10))
		w.network.Departments = append(w.network.Departments, protocols.Member{Key: p.id})
	}
	w.network.Auditors = []protocols.Member{{Key: w.addParty("auditor", protocols.RoleAuditor).id}}
	w.network.Normalize()
	w.addParty("analyst", "")
	w.ledger = newLedger(w)
	for _, p := range w.parties {
		p.start()
	}
	return w
}

func (w *world) addParty(name string, role protocols.Role) *party {
	p := &party{w: w, name: name, role: role, keys: w.keys, key: testKey(w.salt + name), store: map[engine.Digest][]byte{}, outcomes: map[engine.Digest]*protocols.Outcome{}}
	p.id = protocols.KeyOf(p.key)
	w.parties = append(w.parties, p)
	w.entries[p] = map[string][]byte{}
	return p
}

// of are the parties of some roles, in their order.
func (w *world) of(roles ...protocols.Role) []*party {
	return slices.DeleteFunc(slices.Clone(w.parties), func(p *party) bool { return !slices.Contains(roles, p.role) })
}

func (w *world) departments() []*party { return w.of(protocols.RoleDepartment) }
func (w *world) validators() []*party {
	return w.of(protocols.RoleDepartment, protocols.RoleAuditor)
}
func (w *world) auditor() *party { return w.of(protocols.RoleAuditor)[0] }
func (w *world) analyst() *party { return w.of("")[0] }

func (w *world) byKey(k protocols.Key) *party {
	for _, p := range w.parties {
		if p.id == k {
			return p
		}
	}
	return nil
}

// steward is the key of a department's steward.
func (w *world) steward(department string) ed25519.PrivateKey {
	return testKey(w.salt + department + " steward")
}

// keyOf is the private key of a party or of a steward.
func (w *world) keyOf(k protocols.Key) ed25519.PrivateKey {
	for _, p := range w.parties {
		if steward := w.steward(p.name); p.id == k {
			return p.key
		} else if protocols.KeyOf(steward) == k {
			return steward
		}
	}
	return nil
}

// start brings a party up from what it stores durably.
func (p *party) start() {
	w := p.w
	p.up = true
	p.life++
	p.state = p.restored()
	p.confided = map[engine.Digest]protocols.Confidence{}
	p.published, p.outbox = map[engine.Digest]bool{}, map[engine.Digest]protocols.Entry{}
	p.forming = map[engine.Digest]*protocols.Formation{}
	p.formations, p.queries = map[engine.Digest]protocols.Machine{}, map[engine.Digest]protocols.Machine{}
	p.epochs, p.asking, p.started = map[engine.Digest]*protocols.Epoch{}, nil, nil
	p.department = &protocols.Department{Key: p.key, Params: w.params, Verifying: w.keys.Verifying(), State: p.state, Shadow: p.shadow,
		MayAnswer: func(string, engine.Digest, protocols.SpineRecord) error { return nil }}
	if p.role == protocols.RoleDepartment {
		p.department.Keys = p.keys
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

// commits reports whether an entry of p can be ordered now.
func (w *world) commits(p *party) bool {
	if !w.halts {
		return true
	}
	present, all := 0, w.ledger.state.Validators()
	for _, k := range all {
		if v := w.byKey(k); v.up && !w.cut[v] {
			present++
		}
	}
	return !w.cut[p] && 3*present > 2*len(all)
}

// heal ends a partition: everybody sees what was ordered meanwhile.
func (w *world) heal() {
	w.cut = nil
	for _, p := range w.parties {
		w.after(p, p.follow)
	}
	w.unpark()
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
	for steps := 0; len(w.tasks) > 0 || w.release(); steps++ {
		if steps > 200_000 {
			w.t.Fatal("the world does not come to rest")
		}
		w.runOne()
	}
}

func (w *world) runOne() {
	var next task
	if w.inOrder {
		next, w.tasks = w.tasks[0], w.tasks[1:]
	} else {
		i := w.rng.IntN(len(w.tasks))
		next = w.tasks[i]
		w.tasks[i] = w.tasks[len(w.tasks)-1]
		w.tasks = w.tasks[:len(w.tasks)-1]
	}
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

// settle runs to rest, then lets the deadlines pass, first the machines', then the validators'
// Expire, then the analyst's.
func (w *world) settle() {
	w.run()
	for _, p := range w.validators() {
		if f := w.ledger.state.Forming(); f != nil && p.up && p.formations[f.ID] != nil {
			w.after(p, func() { p.stepFormation(f.ID, protocols.Deadline{}) })
		}
	}
	for _, p := range w.validators() {
		for _, id := range p.started {
			if p.up && p.queries[id] != nil && p.outcomes[id] == nil {
				w.after(p, func() { p.step(p.queries[id], protocols.Deadline{}, id) })
			}
		}
	}
	w.run()
	for _, p := range w.validators() {
		for _, id := range w.ledger.state.Open() {
			if p.up && p.lie != liar.Hang {
				p.enqueue(protocols.Sign(w.network.ID(), p.key, &protocols.Expire{Query: id}))
			}
		}
	}
	w.run()
	if p := w.analyst(); p.up && p.asking != nil {
		w.after(p, func() { p.stepAnalyst(protocols.Deadline{}) })
	}
	w.run()
}

func sortedKeys[V any](m map[engine.Digest]V) []engine.Digest {
	return slices.SortedFunc(maps.Keys(m), func(a, b engine.Digest) int { return bytes.Compare(a[:], b[:]) })
}
