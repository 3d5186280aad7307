package node_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/exchange"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
	"parley/protocols"
)

// forged sends an entry to a node as a person, whatever a client would have checked before, and gives the code with which it is
// refused; empty: it is taken.
func forged(n *testnet.Network, department int, person peers.Identity, signer peers.Identity, body protocols.Body) string {
	n.T.Helper()
	to, err := peers.ParseAddress(n.Address(department))
	nodetest.Check(n.T, err)
	h, err := peers.NewHost(person, "", peers.NewRoles(map[peer.ID]peers.Role{to.ID: peers.Member}), nodetest.Quiet, nil)
	nodetest.Check(n.T, err)
	defer h.Close()
	h.Remember(*to)
	ctx, cancel := context.WithTimeout(n.T.Context(), 5*time.Minute)
	defer cancel()
	log := exchange.RemoteLog{Transport: h, Node: to.ID}
	err = log.Append(ctx, protocols.Sign(n.ID(), signer.Private(), body))
	var refusal *protocols.Refusal
	if err != nil && !errors.As(err, &refusal) {
		n.T.Fatalf("%T: %v", body, err)
	}
	if refusal == nil {
		return ""
	}
	return refusal.Code
}

// asking is a question as a client would ask it that names these grants, but for a key of the analyst's.
func asking(n *testnet.Network, c *client.Client, nonce byte, sql string, grants ...engine.Digest) *protocols.Ask {
	n.T.Helper()
	s := testnet.StateAt(c)
	params, err := nodetest.Tiny("")
	nodetest.Check(n.T, err)
	session, err := protocols.NewQuestion(sql, s.Catalogue(), nil, protocols.Packing(params))
	nodetest.Check(n.T, err)
	plan := session.Plan()
	a := &protocols.Ask{SQL: sql, Epoch: s.Epoch().Digest, Departments: plan.Departments, Plan: plan.Digest(), Ciphertexts: uint32(plan.Ciphertexts()),
		AnalystKey: engine.Digest{nonce}, Nonce: [32]byte{nonce}, DeadlineSeconds: 60, Purpose: testnet.Purpose, Grants: grants}
	for _, r := range s.Catalogue() {
		a.Registrations = append(a.Registrations, protocols.RegistrationDigest(r))
	}
	return a
}

// warned reports whether a node's status warns of something.
func warned(n *testnet.Network, department int, text string) bool {
	return strings.Contains(strings.Join(n.Report(department).Warnings, "\n"), text)
}

const unruled = "there is no policy for table people: this department answers nobody about it, until one of its stewards runs parley policy publish"

// TestNobodyIsAnsweredWithoutPolicy: without a policy nobody is answered, by whatever client, and each node says so; who is no
// steward of a department publishes none for it, and who is no person appends nothing, though the node lets it in. With a
// policy the question is answered.
func TestNobodyIsAnsweredWithoutPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	n := testnet.New(t, 2)
	n.Closed = true
	guest := nodetest.Identity(t)
	n.Nodes[0].Config.Analysts = []string{guest.Peer()}
	n.StartAll()
	c := n.Dial(0)
	for i := range n.Nodes {
		if !warned(n, i, unruled) || n.Report(i).Tables[0].Policy != 0 {
			t.Errorf("the status does not say that nobody is answered: %q", n.Report(i).Warnings)
		}
		n.Logged(i, unruled)
	}
	_, err := n.Ask(c, time.Minute)
	var q *client.QueryError
	if !errors.As(err, &q) || q.Code != protocols.CodePolicy || !slices.Equal(q.Departments, []string{"a", "b"}) || strings.Count(q.Sentence, "there is no policy for the table") != 2 {
		t.Fatalf("%v", err)
	}

	number := func(person peers.Identity) (number uint64) {
		if p := testnet.StateAt(c).Person(person.Key()); p != nil {
			number = p.Number
		}
		return max(number, 1)
	}
	publish := func(by peers.Identity, department string) protocols.Body {
		return &protocols.Publish{Document: testnet.OpenPolicy(department, "people"), Under: number(by)}
	}
	steward, other := n.Steward(0), n.Steward(1)
	now := time.Now().Unix()
	request := &protocols.Request{Request: policy.Request{Departments: []string{"a"}, Table: "people", Question: testnet.WageQuestion,
		Terms: policy.Terms{Functions: []string{"*"}, Purposes: []string{testnet.Purpose}, Uses: 1, Until: now + 3600}}}
	for _, f := range []struct {
		what       string
		by, signer peers.Identity
		body       protocols.Body
		code       string
	}{
		{"a question whose client checks nothing", n.Analyst, n.Analyst, asking(n, c, 1, testnet.WageQuestion), protocols.CodePolicy},
		{"a steward of another department publishes", other, other, publish(other, "a"), "not-owner"},
		{"an analyst publishes", n.Analyst, n.Analyst, publish(n.Analyst, "a"), string(policy.NotInRole)},
		{"who is no person publishes", guest, guest, publish(guest, "a"), string(policy.NotVouched)},
		{"who is no person requests", guest, guest, request, protocols.CodeNotVouched},
		{"who is no person asks", guest, guest, asking(n, c, 2, testnet.WageQuestion), protocols.CodeNotVouched},
		{"who is no person brings what a steward signed", guest, steward, publish(steward, "a"), "forbidden"},
		{"who is no person vouches", guest, guest, &protocols.Vouch{Person: guest.Key(), First: guest.Key(), Name: "x", Roles: []protocols.PersonRole{protocols.PersonSteward}, Until: now + 60}, "forbidden"},
		{"a steward vouches", steward, steward, &protocols.Vouch{Person: guest.Key(), First: guest.Key(), Name: "x", Roles: []protocols.PersonRole{protocols.PersonSteward}, Until: now + 60}, "forbidden"},
		{"a steward acts on the node", steward, steward, &protocols.Act{Node: n.Nodes[0].Identity.Key(), What: "reload"}, "forbidden"},
		{"a steward asks", steward, steward, asking(n, c, 3, testnet.WageQuestion), protocols.CodeNotVouched},
	} {
		if code := forged(n, 0, f.by, f.signer, f.body); code != f.code {
			t.Errorf("%s: %q, want %q", f.what, code, f.code)
		}
	}
	if s := testnet.StateAt(c); len(s.Policies()) != 0 || len(s.Requests()) != 0 || len(s.Open()) != 0 {
		t.Fatalf("forged: %+v", s.Policies())
	}

	for i := range n.Nodes {
		nodetest.Check(t, testnet.Publish(t.Context(), n.DialAs(1, n.Steward(i)), testnet.OpenPolicy(n.Nodes[i].Config.Name, "people"))) // through whichever node
	}
	n.MustAnswer(c)
	for i := range n.Nodes {
		n.Eventually("the warning goes", func() bool { return !warned(n, i, unruled) && n.Report(i).Tables[0].Policy == 1 })
	}
	src, err := audit.Dial(t.Context(), n.Address(1), n.Analyst, nodetest.Tiny)
	nodetest.Check(t, err)
	defer src.Close()
	h, err := audit.ReadHistory(t.Context(), src, nil, func(e audit.Event) bool { return e.Kind == "publish" || e.Kind == "ask" })
	nodetest.Check(t, err)
	if len(h.Events) != 3 || h.Events[0].What != "publishes version 1 of the policy for table people: 1 rule" || !strings.HasSuffix(h.Events[0].Person, " of a") ||
		h.Events[2].Purpose != testnet.Purpose || h.Queries[0].Purpose != testnet.Purpose {
		t.Errorf("the ledger tells\n%+v", h.Events)
	}
}

// TestGrantsOfNetwork: what needs a grant is answered under one, as often as it allows; a client that skips its own check gets no
// further, at whichever node; and a grant that is taken back ends the question that waits under it.
func TestGrantsOfNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	n := testnet.New(t, 2)
	n.Nodes[0].Config.Tables[0].Class = engine.ClassOnCondition.String()
	hang := hanging(n, 1)
	n.StartAll()
	c, stewards := n.Dial(0), []*client.Client{n.DialAs(0, n.Steward(0)), n.DialAs(1, n.Steward(1))}
	ask := func() *client.QueryError {
		t.Helper()
		_, err := n.Ask(c, time.Minute)
		var q *client.QueryError
		if !errors.As(err, &q) {
			t.Fatalf("%v", err)
		}
		return q
	}
	say := func(department int, of func(under uint64) protocols.Body) {
		t.Helper()
		nodetest.Check(t, stewards[department].Say(t.Context(), func(s *protocols.State) (protocols.Body, error) {
			return of(s.Person(stewards[department].Key()).Number), nil
		}))
	}
	grant := func(department int, g policy.Grant) engine.Digest {
		t.Helper()
		say(department, func(under uint64) protocols.Body { return &protocols.Grant{Grant: g, Under: under} })
		return g.ID()
	}
	q := ask()
	if q.Decision == nil || q.Decision.Request == nil || !slices.Equal(q.Decision.Request.Departments, []string{"a"}) {
		t.Fatalf("%+v", q)
	}
	request := *q.Decision.Request
	nodetest.Check(t, c.Say(t.Context(), func(*protocols.State) (protocols.Body, error) { return &protocols.Request{Request: request}, nil }))
	n.Eventually("the steward's client has the request", func() bool { return len(testnet.StateAt(stewards[0]).Requests()) == 1 })
	once := grant(0, request.Grant("a", 0, policy.Key(n.Analyst.Key())))
	a := n.MustAnswer(c)
	if got := testnet.StateAt(c).Query(a.Query).Ask.Grants; !slices.Equal(got, []engine.Digest{once}) {
		t.Errorf("the question names %v", got)
	}
	if q := ask(); q.Code != protocols.CodePolicy || !strings.Contains(q.Sentence, "is used up: it allows 1") {
		t.Errorf("%s", q.Sentence)
	}

	// Whoever skips that check is refused by the ledger, or by the departments.
	all := []string{"*"}
	terms := policy.Terms{Filter: all, Group: all, Aggregate: all, Functions: all, Purposes: []string{testnet.Purpose}, Uses: 3, Until: time.Now().Unix() + 3600}
	needed := grant(0, policy.Grant{Department: "a", Table: "people", Person: policy.Key(n.Analyst.Key()), Terms: terms})
	idle := grant(1, policy.Grant{Department: "b", Table: "people", Person: policy.Key(n.Analyst.Key()), Terms: terms})
	foreign := grant(0, policy.Grant{Department: "a", Table: "people", Person: policy.Key(nodetest.Identity(t).Key()), Terms: terms})
	nonce := byte(0)
	for i := range n.Nodes {
		for _, f := range []struct {
			what   string
			grants []engine.Digest
			code   string
		}{
			{"a grant that is used up", []engine.Digest{once}, "used-up"},
			{"another person's grant", []engine.Digest{foreign}, "not-owner"},
			{"no grant of the ledger's", []engine.Digest{{7}}, "unknown-grant"},
			{"a grant twice", []engine.Digest{needed, needed}, "malformed"},
		} {
			nonce++
			if code := forged(n, i, n.Analyst, n.Analyst, asking(n, c, nonce, testnet.WageQuestion, f.grants...)); code != f.code {
				t.Errorf("%s: %q, want %q", f.what, code, f.code)
			}
		}
		for _, f := range []struct {
			what   string
			grants []engine.Digest
		}{
			{"no grant", nil},
			{"a grant that is not needed", []engine.Digest{needed, idle}},
		} {
			nonce++
			body := asking(n, c, nonce, testnet.WageQuestion, f.grants...)
			if code := forged(n, i, n.Analyst, n.Analyst, body); code != "" {
				t.Fatalf("%s: %s", f.what, code)
			}
			id := protocols.QueryID(n.ID(), n.Analyst.Key(), body)
			n.Eventually("the departments refuse "+f.what, func() bool {
				q := testnet.StateAt(c).Query(id)
				return q != nil && q.Phase == protocols.PhaseRefused && q.Refusal.Code == protocols.CodePolicy
			})
		}
	}
	used := func(id engine.Digest) int64 {
		for _, g := range testnet.StateAt(c).Grants() {
			if g.ID == id {
				return g.Used
			}
		}
		return -1
	}
	if used(once) != 1 || used(needed) != 0 || used(idle) != 0 || used(foreign) != 0 {
		t.Errorf("uses are counted that nobody had: %d, %d, %d, %d", used(once), used(needed), used(idle), used(foreign))
	}

	// A grant that is taken back while a question waits under it.
	hang.Store(true)
	ended := make(chan error, 1)
	go func() { _, err := n.Ask(c, time.Minute); ended <- err }()
	n.Eventually("a question waits", func() bool { return len(testnet.StateAt(c).Open()) == 1 && used(needed) == 1 })
	say(0, func(under uint64) protocols.Body {
		return &protocols.Rescind{Grant: needed, Reason: "the study is over", Under: under}
	})
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "it took the grant back: the study is over") {
		t.Errorf("the question that waited: %v", err)
	}
	hang.Store(false)
	if used(needed) != 0 {
		t.Error("a question that ended before anybody shared has taken a use")
	}
	if q := ask(); !strings.Contains(q.Sentence, "was revoked") {
		t.Errorf("%s", q.Sentence)
	}
}
