package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/machine"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// registry is a node that shows a ledger, with no network behind it: two departments with a table each, a steward of
// the first, and an analyst.
type registry struct {
	t        *testing.T
	network  *protocols.Network
	keys     []ed25519.PrivateKey // the departments'
	steward  peers.Identity
	analyst  peers.Identity
	host     *peers.Host
	appended func(e protocols.Entry) error // what a node answers of an entry that was ordered; nil: nothing

	mu      sync.Mutex
	state   *protocols.State
	records []protocols.Record
	changed chan struct{}
}

func newRegistry(t *testing.T, class engine.Class) *registry {
	t.Helper()
	params, err := nodetest.Tiny("")
	nodetest.Check(t, err)
	r := &registry{t: t, steward: nodetest.Identity(t), analyst: nodetest.Identity(t), changed: make(chan struct{}),
		network: &protocols.Network{Version: protocols.Version, Name: "x", Nonce: engine.Digest{1}, Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}}}
	for range circuits.Statements {
		r.network.ProvingKeys = append(r.network.ProvingKeys, engine.Digest{2})
	}
	for range 2 {
		r.keys = append(r.keys, nodetest.Identity(t).Private())
	}
	slices.SortFunc(r.keys, func(a, b ed25519.PrivateKey) int {
		return slices.Compare(a.Public().(ed25519.PublicKey), b.Public().(ed25519.PublicKey))
	})
	for _, k := range r.keys {
		r.network.Departments = append(r.network.Departments, protocols.Member{Key: protocols.KeyOf(k)})
	}
	r.state = protocols.NewState(r.network, protocols.SizesOf(params))
	for i, name := range []string{"north", "south"} {
		r.must(r.keys[i], &protocols.Join{Name: name, Nonce: engine.Digest{byte(i + 1)}})
		r.must(r.keys[i], &protocols.Register{Registration: engine.Registration{Department: name, Table: "stays", Version: 1, Rows: 9, About: engine.About{Class: class},
			Columns: []engine.Column{{Name: "days", Kind: engine.Integer, Min: big.NewInt(0), Max: big.NewInt(90)}}}})
	}
	r.vouch(0, r.steward, "Wu", protocols.PersonSteward)
	r.vouch(0, r.analyst, "Lin", protocols.PersonAnalyst)
	id := nodetest.Identity(t)
	roles := peers.NewRoles(map[peer.ID]peers.Role{r.steward.ID(): peers.Person, r.analyst.ID(): peers.Person})
	r.host = nodetest.Host(t, id, roles, nil)
	exchange.ServeInfo(r.host, exchange.Info{
		Hello: func() exchange.Hello {
			r.mu.Lock()
			defer r.mu.Unlock()
			return exchange.Hello{Version: protocols.Version, Name: "north", Ready: true, Height: r.state.Applied(), Network: *r.network}
		},
		Report:  func(engine.Digest) machine.Report { return machine.Report{} },
		Reports: func(context.Context, engine.Digest) exchange.Reports { return exchange.Reports{} },
		Absent:  func() exchange.Absences { return exchange.Absences{} },
	})
	exchange.ServeLog(r.host, r)
	return r
}

func (r *registry) vouch(by int, id peers.Identity, name string, role protocols.PersonRole) {
	r.t.Helper()
	now := time.Now().Unix()
	r.must(r.keys[by], &protocols.Vouch{Person: id.Key(), First: id.Key(), Name: name, Roles: []protocols.PersonRole{role}, From: now - 60, Until: now + 3600})
}

func (r *registry) must(by ed25519.PrivateKey, body protocols.Body) {
	r.t.Helper()
	if err := r.order(protocols.Sign(r.network.ID(), by, body)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *registry) order(e protocols.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := protocols.Place{Block: uint64(len(r.records) + 1), Time: time.Now().UnixMilli()}
	if err := r.state.Apply(at, e); err != nil {
		return err
	}
	r.records = append(r.records, protocols.Record{Number: r.state.Applied(), Block: at.Block, Time: at.Time, Entry: e})
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

// Append implements exchange.Log, as Base, Follow, Signed and Receipt do.
func (r *registry) Append(_ context.Context, e protocols.Entry) error {
	if err := r.order(e); err != nil || r.appended == nil {
		return err
	}
	return r.appended(e)
}

func (r *registry) Base(context.Context) (*protocols.State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Clone(), nil
}

func (r *registry) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	for {
		r.mu.Lock()
		records, changed := slices.Clone(r.records[after:]), r.changed
		r.mu.Unlock()
		if len(records) > 0 {
			if err := deliver(records); err != nil {
				return err
			}
			after += uint64(len(records))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *registry) Signed(uint64) time.Time { return time.Time{} }

func (r *registry) Receipt(context.Context, protocols.Entry) ([]byte, error) {
	return nil, errors.New("there are no blocks")
}

func (r *registry) dial(id peers.Identity) *Client {
	r.t.Helper()
	c, err := Dial(r.t.Context(), r.host.Addresses()[0], id, Options{CacheDir: r.t.TempDir(), Parameters: nodetest.Tiny})
	nodetest.Check(r.t, err)
	r.t.Cleanup(func() { c.Close() })
	return c
}

// publishing is a policy as a steward signs it, who is the client's.
func publishing(c *Client, d policy.Document) func(*protocols.State) (protocols.Body, error) {
	return func(s *protocols.State) (protocols.Body, error) {
		return &protocols.Publish{Document: d, Under: s.Person(c.Key()).Number}, nil
	}
}

const stays = "SELECT count(*), sum(days) FROM stays"

// mayAsk is what Ask does before anything is computed.
func mayAsk(ctx context.Context, c *Client, o AskOptions) error {
	session, err := c.session(stays, o.Departments)
	if err != nil {
		return err
	}
	return c.mayAsk(ctx, session, stays, o)
}

// TestMissingIsTold: a question that is not allowed is refused with all that is missing, of all departments, in the language
// that is asked for, and the error carries the decision.
func TestMissingIsTold(t *testing.T) {
	r := newRegistry(t, engine.ClassUnconditional)
	c := r.dial(r.analyst)
	over, cancel := context.WithCancel(t.Context()) // with it nothing is waited for: what newer entries cannot cure needs no more
	cancel()
	for _, l := range []struct {
		language string
		says     []string
	}{
		{policy.English, []string{"the question states no purpose", `"north", table "stays"`, `"south", table "stays"`, "there is no policy for the table, so nobody is answered"}},
		{policy.Chinese, []string{"问题没有说明用途", `"north"，表"stays"`, `"south"，表"stays"`, "该表没有策略，因此不回答任何人"}},
		{"", []string{"the question states no purpose"}},
	} {
		err := mayAsk(over, c, AskOptions{Language: l.language})
		var q *QueryError
		if !errors.As(err, &q) || q.Code != protocols.CodePolicy || q.Decision == nil || len(q.Decision.Missing) != 3 || q.Departments != nil {
			t.Fatalf("%q: %+v", l.language, err)
		}
		for _, want := range l.says {
			if !strings.Contains(q.Sentence, want) {
				t.Errorf("%q: %s\ndoes not say %s", l.language, q.Sentence, want)
			}
		}
		if f := failure.Of(err); f.Code != protocols.CodePolicy || f.Message == "" {
			t.Errorf("%+v", f)
		}
	}
	d, err := c.Decide(t.Context(), stays, AskOptions{Purpose: "a study"})
	if err != nil || d.Allowed || len(d.Missing) != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	if e := denied(&d, ""); !slices.Equal(e.Departments, []string{"north", "south"}) || e.Decision != &d {
		t.Errorf("%+v", e)
	}
	if _, err := c.Decide(t.Context(), "SELECT nothing FROM stays", AskOptions{}); err == nil {
		t.Error("something that is no question is decided about")
	}
}

// TestPolicyFromElsewhere: a policy that was published through another node a moment ago is waited for, and so is a vouch.
func TestPolicyFromElsewhere(t *testing.T) {
	r := newRegistry(t, engine.ClassUnconditional)
	c := r.dial(r.analyst)
	refused := make(chan error, 1)
	go func() { refused <- mayAsk(context.Background(), c, AskOptions{Purpose: "a study"}) }()
	for i, name := range []string{"north", "south"} {
		steward := r.steward
		if i == 1 {
			steward = nodetest.Identity(t)
			r.vouch(1, steward, "Zhao", protocols.PersonSteward)
		}
		r.must(steward.Private(), &protocols.Publish{Document: open.Policy(name, "stays"), Under: r.state.Person(steward.Key()).Number})
	}
	if err := <-refused; err != nil {
		t.Errorf("%v", err)
	}
	if d, err := c.Decide(t.Context(), stays, AskOptions{Purpose: "a study"}); err != nil || !d.Allowed {
		t.Errorf("%+v, %v", d, err)
	}
	late := nodetest.Identity(t)
	r.host.Roles.Set(late.ID(), peers.Person)
	c = r.dial(late)
	go func() { refused <- c.awaitVouch(context.Background()) }()
	r.vouch(1, late, "Sun", protocols.PersonAnalyst)
	if err := <-refused; err != nil {
		t.Errorf("%v", err)
	}
	r.must(r.keys[1], &protocols.Revoke{Person: late.Key(), Reason: "left", Turn: r.state.NextTurn(late.Key())})
	nodetest.Check(t, c.wait(t.Context()))
	over, cancel := context.WithCancel(t.Context()) // a key never comes back, so nothing is waited for
	cancel()
	var q *QueryError
	if err := c.awaitVouch(over); !errors.As(err, &q) || q.Code != protocols.CodeNotVouched || !strings.Contains(q.Sentence, "south revoked the analyst: left") {
		t.Errorf("%v", err)
	}
}

// TestChargesOfRounds: each round of a question names the grants that it takes uses of, and a later one goes on with the first's use.
func TestChargesOfRounds(t *testing.T) {
	r := newRegistry(t, engine.ClassOnCondition)
	c, now := r.dial(r.analyst), time.Now().Unix()
	steward := func() uint64 { return r.state.Person(r.steward.Key()).Number }
	o := AskOptions{Purpose: "a study", Departments: []string{"north"}}
	r.must(r.steward.Private(), &protocols.Publish{Document: open.Policy("north", "stays"), Under: steward()})
	whole := func() part {
		nodetest.Check(t, c.wait(t.Context()))
		session, err := c.session("SELECT median(days) FROM stays", o.Departments)
		nodetest.Check(t, err)
		return part{plan: session.Plan(), question: "SELECT median(days) FROM stays", round: 1}
	}
	charges := func(o AskOptions) ([]engine.Digest, error) {
		d, err := c.decide(whole(), o)
		return grantsOf(&d), err
	}
	var q *QueryError
	if grants, err := charges(o); grants != nil || !errors.As(err, &q) || q.Decision == nil || q.Decision.Request == nil || !strings.Contains(q.Hint, "--request") {
		t.Fatalf("%v, %v", grants, err)
	}
	g := policy.Grant{Department: "north", Table: "stays", Person: policy.Key(r.analyst.Key()),
		Terms: policy.Terms{Filter: []string{"*"}, Group: []string{"*"}, Aggregate: []string{"*"}, Functions: []string{"*"}, Purposes: []string{"a study"}, Uses: 1, Until: now + 3600}}
	r.must(r.steward.Private(), &protocols.Grant{Grant: g, Under: steward()})
	if grants, err := charges(o); err != nil || !slices.Equal(grants, []engine.Digest{g.ID()}) {
		t.Errorf("%v, %v", grants, err)
	}
	if grants, err := charges(AskOptions{Purpose: "another", Departments: o.Departments}); grants != nil || !errors.As(err, &q) {
		t.Errorf("for another purpose: %v, %v", grants, err)
	}
	r.must(r.steward.Private(), &protocols.Rescind{Grant: g.ID(), Reason: "over", Under: steward()})
	if grants, err := charges(o); grants != nil || !errors.As(err, &q) {
		t.Errorf("of a grant that was taken back: %v, %v", grants, err)
	}
}

// TestSay: what the referee would refuse is refused before it is signed, and what was ordered though the node could not say so
// is said once.
func TestSay(t *testing.T) {
	r := newRegistry(t, engine.ClassUnconditional)
	steward, analyst := r.dial(r.steward), r.dial(r.analyst)
	nodes := 0
	r.appended = func(protocols.Entry) error { nodes++; return nil }
	var q *QueryError
	for what, c := range map[string]struct {
		by   *Client
		body func(*protocols.State) (protocols.Body, error)
		code string
	}{
		"no steward":            {analyst, publishing(analyst, open.Policy("north", "stays")), string(policy.NotInRole)},
		"another department":    {steward, publishing(steward, open.Policy("south", "stays")), "not-owner"},
		"a version is left out": {steward, publishing(steward, policy.Document{Department: "north", Table: "stays", Version: 2}), "too-early"},
		"an unknown grant": {steward, func(s *protocols.State) (protocols.Body, error) {
			return &protocols.Rescind{Reason: "x", Under: 1}, nil
		}, "unknown-grant"},
		"not what stewards sign": {steward, func(*protocols.State) (protocols.Body, error) { return &protocols.Join{Name: "x"}, nil }, ""},
		"nothing":                {steward, func(*protocols.State) (protocols.Body, error) { return nil, errors.New("no") }, ""},
	} {
		err := c.by.Say(t.Context(), c.body)
		if err == nil || c.code != "" && (!errors.As(err, &q) || q.Code != c.code) {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
	}
	if nodes != 0 {
		t.Errorf("%d entries were sent that are refused", nodes)
	}

	lost := errors.New("the reply is lost")
	r.appended = func(protocols.Entry) error { nodes++; return lost } // and a second time the referee says that it stands there
	if err := steward.Say(t.Context(), publishing(steward, open.Policy("north", "stays"))); err != nil || nodes != 1 {
		t.Errorf("after a lost reply: %v, ordered %d times", err, nodes)
	}
	steward.View(func(s *protocols.State) {
		if p := s.Policy("north", "stays"); p == nil || p.Version != 1 {
			t.Errorf("%+v", p)
		}
	})
	r.appended = nil
	if err := steward.Say(t.Context(), publishing(steward, open.Policy("north", "stays"))); !errors.As(err, &q) || q.Code != "duplicate" {
		t.Errorf("the same again: %v", err)
	}
}
