package protocols

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
)

// longGrant is a grant of nearly so many bytes.
func (c *court) longGrant(department string, turn uint64, length int) *Grant {
	g := c.granting(department, 1)
	g.Grant.Turn = turn
	for i := 0; len(engine.Marshal(g)) < length && i < policy.MaxParameterTexts; i++ {
		text := fmt.Sprintf("%03d", i) + strings.Repeat("p", policy.MaxTextBytes-3)
		if i == 0 {
			g.Grant.Subject = policy.Subject{Form: "SELECT count(*) FROM heart WHERE x > $1", Parameters: make([]policy.Parameter, 1)}
		}
		g.Grant.Subject.Parameters[0].Values = append(g.Grant.Subject.Parameters[0].Values, text)
	}
	return g
}

// TestRightsShare: a department has its share and no more of what the state keeps, what questions were
// asked under included; others decide on, and less may always take the place of more.
func TestRightsShare(t *testing.T) {
	c := peopledCourt(t)
	c.quiet = true
	a, share, taken := stewardOf("a"), MaxRightsBytes/3, 0
	for turn := uint64(1); ; turn++ {
		g := c.longGrant("a", turn, 60<<10)
		g.Grant.Person[0] = byte(turn) // MaxGrantsHeld is another limit
		if taken+64<<10 > share {
			break
		}
		c.must(a, g)
		taken, _, _ = c.state.rights.bytes(KeyOf(c.keys[0]), nil)
	}
	var r *Refusal
	for turn := uint64(1000); ; turn++ {
		g := c.longGrant("a", turn, 60<<10)
		g.Grant.Person[0] = byte(turn)
		if err := c.put(a, g); err != nil {
			r = c.code(a, g, "too-many")
			break
		}
	}
	if !strings.Contains(r.Sentence, "its share is") {
		t.Errorf("%q", r.Sentence)
	}
	if taken, _, _ = c.state.rights.bytes(KeyOf(c.keys[0]), nil); taken > share || taken < share-64<<10-grantBytes {
		t.Errorf("%d bytes are taken of %d", taken, share)
	}
	c.must(stewardOf("b"), c.longGrant("b", 1, 60<<10))
	c.must(c.analyst, c.question(1)) // and questions need no share
	// What a question was asked under counts when it is in force no more.
	before, _, _ := c.state.rights.bytes(KeyOf(c.keys[1]), nil)
	c.must(stewardOf("b"), c.version("b", 2))
	if q := c.state.Query(c.state.Ended()[0]); q.ruling.policies[1].document.Version != 1 {
		t.Fatal("the question is not kept")
	}
	var asked []*decided
	for _, q := range c.state.queries {
		asked = append(asked, q.ruling.decisions()...)
	}
	kept := map[uint64]*decided{}
	for _, d := range asked {
		kept[d.record.Number] = d
	}
	if now, _, _ := c.state.rights.bytes(KeyOf(c.keys[1]), kept); now <= before {
		t.Errorf("%d bytes before, and %d with what was in force", before, now)
	}
	if _, err := ParseState(c.network, c.sizes, c.state.Marshal()); err != nil {
		t.Error(err)
	}
}

// TestRequestsLeaveRoom: the requests of its own persons do not keep a department's stewards from
// deciding, nor are one person's more than MaxRequests.
func TestRequestsLeaveRoom(t *testing.T) {
	c := peopledCourt(t)
	c.quiet = true
	request := func(n int, length int) *Request {
		r := c.requesting("a")
		r.Request.Question = fmt.Sprintf("%05d", n) + strings.Repeat("x", length)
		return r
	}
	for n := range MaxRequests {
		c.must(c.analyst, request(n, 1))
	}
	if r := c.code(c.analyst, request(MaxRequests, 1), "too-many"); !strings.Contains(r.Sentence, "64 requests") {
		t.Errorf("%q", r.Sentence)
	}
	r := request(MaxRequests+1, 1)
	var refusal *Refusal
	for i := 0; refusal == nil; i++ {
		k := courtKey(fmt.Sprint("colleague ", i))
		c.must(c.keys[0], named(vouching(k, PersonAnalyst), fmt.Sprint("colleague ", i)))
		for n := range MaxRequests {
			if err := c.put(k, request(n, 15000)); err != nil {
				refusal = c.code(k, request(n, 15000), "too-many")
				break
			}
		}
	}
	if !strings.Contains(refusal.Sentence, "persons would take") {
		t.Errorf("%q", refusal.Sentence)
	}
	c.must(stewardOf("a"), c.version("a", 2))
	c.must(stewardOf("a"), c.longGrant("a", 1, 60<<10))
	c.must(c.keys[1], vouching(courtKey("of b"), PersonAnalyst))
	c.must(courtKey("of b"), r)
	c.reparsed()
}

// TestRequestsEnd: a request and a grant are there until their last second, and then make room.
func TestRequestsEnd(t *testing.T) {
	c := peopledCourt(t)
	last := c.now() + 4
	r, g := c.requesting("a"), c.granting("a", 1)
	r.Request.Terms.Until, g.Grant.Terms.Until = last, last
	c.must(c.analyst, r)
	c.must(stewardOf("a"), g)
	for c.now() < last {
		if len(c.state.Requests()) != 1 || len(c.state.Grants()) != 1 {
			t.Fatal("it has ended too early")
		}
		_ = c.put(c.auditor, &Expire{}) // time passes
	}
	c.code(stewardOf("a"), c.declining("a", r), "unknown-request")
	c.must(stewardOf("a"), c.granting("a", 2)) // drops what has ended
	if len(c.state.Requests()) != 0 || len(c.state.Grants()) != 1 {
		t.Errorf("%d requests, %d grants", len(c.state.Requests()), len(c.state.Grants()))
	}
	c.code(c.analyst, r, "malformed")
	c.reparsed()
}

// TestGrantsHeld: a person holds so many grants of one department for one table, ended ones not counted.
func TestGrantsHeld(t *testing.T) {
	c := peopledCourt(t)
	c.quiet = true
	grant := func(turn uint64) *Grant {
		g := c.granting("a", 1)
		g.Grant.Turn = turn
		return g
	}
	for turn := range uint64(policy.MaxGrantsHeld) {
		c.must(stewardOf("a"), grant(turn))
	}
	c.code(stewardOf("a"), grant(99), "too-many")
	other := grant(99)
	other.Grant.Table = "lung"
	c.must(stewardOf("a"), other)
	other = grant(99)
	other.Grant.Person[0] ^= 1
	c.must(stewardOf("a"), other)
	c.granted("b", 1)
	c.must(stewardOf("a"), c.rescinding(grant(5)))
	c.must(stewardOf("a"), grant(99))
	c.code(stewardOf("a"), grant(100), "too-many")
	c.reparsed()
}

// TestForgedRights: snapshots whose policies, grants, requests and charges no entries lead to are refused,
// or have another digest, and nothing panics.
func TestForgedRights(t *testing.T) {
	c := peopledCourt(t)
	answer := c.decisions()
	c.asked(c.question(90).under(answer, c.granted("b", 3)))
	c.asked(c.roundOf(91, 3, answer))
	honest, raw := c.state.Digest(), c.state.Marshal()
	number := func(w *stateWire, kind EntryKind) int {
		return slices.IndexFunc(w.Decisions, func(r Record) bool { return r.Entry.Kind == kind })
	}
	open := func(w *stateWire) *queryWire {
		return &w.Queries[slices.IndexFunc(w.Queries, func(q queryWire) bool { return q.Phase == PhaseAdmitting && len(q.Charges) > 1 })]
	}
	later := func(w *stateWire) *queryWire {
		return &w.Queries[slices.IndexFunc(w.Queries, func(q queryWire) bool { return q.Phase == PhaseAdmitting && len(q.Charges) == 1 })]
	}
	rebody := func(kind EntryKind, change func(Body)) func(w *stateWire) {
		return func(w *stateWire) {
			e := &w.Decisions[number(w, kind)].Entry
			body, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			change(body)
			e.Body = engine.Marshal(body)
		}
	}
	running := func(w *stateWire) *grantWire {
		return &w.Rights.Grants[slices.IndexFunc(w.Rights.Grants, func(g grantWire) bool { return len(g.Running) > 0 })]
	}
	ended := func(w *stateWire) *grantWire {
		return &w.Rights.Grants[slices.IndexFunc(w.Rights.Grants, func(g grantWire) bool { return g.Ending != nil })]
	}
	answered := func(w *stateWire) *requestWire {
		return &w.Rights.Requests[slices.IndexFunc(w.Rights.Requests, func(r requestWire) bool { return len(r.Answers) > 1 })]
	}
	taken := 0
	for what, forge := range map[string]func(w *stateWire){
		"a policy less":           func(w *stateWire) { w.Rights.Policies = w.Rights.Policies[1:] },
		"a policy more":           func(w *stateWire) { w.Rights.Policies = append(w.Rights.Policies, 1<<40) },
		"no policy":               func(w *stateWire) { w.Rights.Policies[0] = 0 },
		"a policy twice":          func(w *stateWire) { w.Rights.Policies[1] = w.Rights.Policies[0] },
		"policies in disorder":    func(w *stateWire) { slices.Reverse(w.Rights.Policies) },
		"a grant for a policy":    func(w *stateWire) { w.Rights.Policies[0] = w.Rights.Grants[0].Number },
		"a policy for a grant":    func(w *stateWire) { w.Rights.Grants[0].Number = w.Rights.Policies[0] },
		"a request for a grant":   func(w *stateWire) { w.Rights.Grants[0].Number = w.Rights.Requests[0].Number },
		"the policy before":       func(w *stateWire) { w.Rights.Policies[1] = w.Decisions[1].Number },
		"other rules":             rebody(KindPublish, func(b Body) { b.(*Publish).Document.Rules[0].Who = []string{"role:auditor"} }),
		"another department":      rebody(KindPublish, func(b Body) { b.(*Publish).Document.Department = "z" }),
		"under another vouch":     rebody(KindPublish, func(b Body) { b.(*Publish).Under++ }),
		"under no vouch":          rebody(KindGrant, func(b Body) { b.(*Grant).Under = 1 << 40 }),
		"more uses":               rebody(KindGrant, func(b Body) { b.(*Grant).Grant.Terms.Uses++ }),
		"another person's":        rebody(KindGrant, func(b Body) { b.(*Grant).Grant.Person[0] ^= 1 }),
		"another request":         rebody(KindRequest, func(b Body) { b.(*Request).Request.Question += " " }),
		"a grant less":            func(w *stateWire) { w.Rights.Grants = w.Rights.Grants[1:] },
		"a grant twice":           func(w *stateWire) { w.Rights.Grants[1] = w.Rights.Grants[0] },
		"fewer are used":          func(w *stateWire) { running(w).Used-- },
		"less than none is used":  func(w *stateWire) { running(w).Used = -1 },
		"nothing goes on":         func(w *stateWire) { running(w).Running = nil },
		"a round goes on":         func(w *stateWire) { running(w).Running[0].Stage++ },
		"round 0 goes on":         func(w *stateWire) { running(w).Running[0].Stage = 0 },
		"another use goes on":     func(w *stateWire) { running(w).Running[0].Use[0] ^= 1 },
		"too many go on":          func(w *stateWire) { running(w).Running = slices.Repeat(running(w).Running[:1], MaxRunning+1) },
		"not taken back":          func(w *stateWire) { ended(w).Ending = nil },
		"for another reason":      func(w *stateWire) { ended(w).Ending.Reason += "!" },
		"by another":              func(w *stateWire) { ended(w).Ending.By[0] ^= 1 },
		"at another time":         func(w *stateWire) { ended(w).Ending.Time++ },
		"a request less":          func(w *stateWire) { w.Rights.Requests = w.Rights.Requests[1:] },
		"a request twice":         func(w *stateWire) { w.Rights.Requests = append(w.Rights.Requests, w.Rights.Requests[0]) },
		"under no vouch at all":   func(w *stateWire) { w.Rights.Requests[0].Under = 0 },
		"no answer":               func(w *stateWire) { answered(w).Answers = nil },
		"an answer twice":         func(w *stateWire) { answered(w).Answers[1] = answered(w).Answers[0] },
		"granted, not declined":   func(w *stateWire) { answered(w).Answers[1].Grant[0] = 1 },
		"declined for another":    func(w *stateWire) { answered(w).Answers[1].Reason += "!" },
		"a decision less":         func(w *stateWire) { w.Decisions = w.Decisions[1:] },
		"a decision twice":        func(w *stateWire) { w.Decisions = append(w.Decisions, w.Decisions[0]) },
		"decisions in disorder":   func(w *stateWire) { slices.Reverse(w.Decisions) },
		"a decision that is none": func(w *stateWire) { w.Decisions[0].Entry = w.History[0].Entry },
		"at another place":        func(w *stateWire) { w.Decisions[0].Time++ },
		"in another block":        func(w *stateWire) { w.Decisions[number(w, KindGrant)].Block++ },
		"a steward's vouch less": func(w *stateWire) {
			w.Vouches = slices.DeleteFunc(w.Vouches, func(r Record) bool { return strings.Contains(string(r.Entry.Body), "steward") })
		},
		"a charge less":            func(w *stateWire) { open(w).Charges = open(w).Charges[1:] },
		"another charge":           func(w *stateWire) { open(w).Charges[0] = open(w).Charges[1] },
		"a charge of nothing":      func(w *stateWire) { open(w).Charges[0].Grant = 1 << 40 },
		"charged after fewer":      func(w *stateWire) { open(w).Charges[0].Used-- },
		"charged after none":       func(w *stateWire) { open(w).Charges[0].Used = -1 },
		"charged for another":      func(w *stateWire) { open(w).Charges[0].Use[0] ^= 1 },
		"a question that goes on":  func(w *stateWire) { open(w).Charges[0].After = 1 },
		"a round that goes not on": func(w *stateWire) { later(w).Charges[0].After ^= 2 },
		"asked under no policy":    func(w *stateWire) { open(w).Policies = nil },
		"asked under another's":    func(w *stateWire) { slices.Reverse(open(w).Policies) },
		"asked under a grant":      func(w *stateWire) { open(w).Policies[0] = open(w).Charges[0].Grant },
	} {
		var w stateWire
		if err := engine.Unmarshal(raw, &w); err != nil {
			t.Fatal(err)
		}
		forge(&w)
		forged := engine.Marshal(&w)
		if bytes.Equal(forged, raw) {
			t.Fatalf("%s forges nothing", what)
		}
		s, err := ParseState(c.network, c.sizes, forged)
		if err != nil {
			continue
		}
		taken++
		if s.Digest() == honest {
			t.Errorf("%s: taken, with the honest digest", what)
		}
		s.exercise(c, goldenEntries())
		s.release()
	}
	if taken == 0 {
		t.Error("all are refused: the digest is not put to the test")
	}
}

// release ends everything that is open.
func (s *State) release() {
	for _, id := range slices.Clone(s.open) {
		s.fail(s.queries[id], &Fault{})
	}
	_ = s.Digest()
}

// FuzzDecisions puts any body of the five kinds before a referee, by a steward or an analyst.
func FuzzDecisions(f *testing.F) {
	for _, e := range goldenEntries() {
		if e.Kind >= KindPublish {
			f.Add(byte(e.Kind-KindPublish), byte(0), e.Body)
		}
	}
	seed := peopledCourt(f)
	r := seed.requesting("a", "b")
	for i, b := range []Body{seed.version("a", 2), r, seed.granting("a", 3), seed.declining("a", r), seed.rescinding(seed.granting("a", 2))} {
		f.Add(byte(b.Kind()-KindPublish), byte(i%2), engine.Marshal(b))
	}
	f.Fuzz(func(t *testing.T, kind, author byte, body []byte) {
		c := peopledCourt(t)
		c.must(c.analyst, c.requesting("a", "b"))
		g := c.granted("a", 2)
		c.asked(c.roundOf(1, 1, g))
		by := []ed25519.PrivateKey{stewardOf("a"), c.analyst, stewardOf("b")}[author%3]
		e := Entry{Kind: KindPublish + EntryKind(kind%5), Author: KeyOf(by), Body: body}
		e.Signature = signature(by, e.message(c.id))
		_ = c.order(e)
		_ = c.put(c.analyst, c.roundOf(2, 2, g))
		c.reparsed()
	})
}
