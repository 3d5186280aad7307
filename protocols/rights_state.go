package protocols

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"

	"parley/engine"
	"parley/engine/policy"
)

// rights are the policies, grants and requests of all departments. Like people, a value never changes.
type rights struct {
	policies []*policyState  // ascending by (table, department)
	grants   []*grantState   // ascending by id
	requests []*requestState // ascending by id
	accounts []*account      // ascending
	digest   func() engine.Digest
}

// decided is a record, and the person whose word it is, as vouched for then. It does not change.
type decided struct {
	record Record
	by     *person
	sum    engine.Digest // of both
	bytes  int           // that it takes of a department's share
}

// What a decision takes in the state, at most: beside its body and that of the vouch with it, what is
// around them; of a grant, that it is taken back and its running uses; of a request, each answer.
const (
	decisionBytes = 512
	grantBytes    = 256 + MaxRunning*48
	answerBytes   = 192 + MaxReason
)

func newDecided(r *Record, by *person, body Body) decided {
	digest := r.Digest()
	d := decided{record: *r, by: by, sum: engine.Hash("parley decision 1", digest[:], by.sum[:])}
	d.bytes = len(r.Entry.Body) + len(by.record.Entry.Body) + decisionBytes
	switch b := body.(type) {
	case *Grant:
		d.bytes += grantBytes
	case *Request:
		d.bytes += len(b.Request.Departments) * (answerBytes + MaxNameBytes)
	}
	return d
}

type policyState struct {
	decided
	document policy.Document
}

type grantState struct {
	decided
	grant   policy.Grant
	id      engine.Digest
	used    int64
	running []running // the uses that a later round may go on with, the oldest first
	ending  *Ending
}

// running is a use that a question of several rounds took.
type running struct {
	_     struct{} `cbor:",toarray"`
	Use   engine.Digest
	Stage uint32 // the last one that was asked (Ask.stage)
}

type requestState struct {
	decided
	request policy.Request
	id      engine.Digest
	answers []Answer // ascending by department
}

func newRights(policies []*policyState, grants []*grantState, requests []*requestState, accounts []*account) *rights {
	r := &rights{policies: policies, grants: grants, requests: requests, accounts: accounts}
	r.digest = sync.OnceValue(func() engine.Digest {
		sums := make([]engine.Digest, 0, len(policies)+len(grants)+len(requests))
		for _, p := range policies {
			sums = append(sums, p.sum)
		}
		for _, g := range grants {
			sums = append(sums, g.sum)
		}
		for _, q := range requests {
			sums = append(sums, q.sum)
		}
		return engine.Hash("parley rights 1", engine.Marshal(sums), engine.Marshal(r.wire()))
	})
	return r
}

// useOf names what all rounds of one question of a person's have in common.
func useOf(first Key, a *Ask) engine.Digest {
	question := a.Question
	if question == "" {
		question = a.SQL
	}
	text := engine.QuestionDigest(question)
	return engine.Hash("parley use 1", first[:], text[:], engine.Marshal(a.Departments), engine.Marshal(a.Registrations))
}

// goesOn is the stage whose use a question goes on with, and so takes none of its own; 0 if it takes one.
func (g *grantState) goesOn(use engine.Digest, a *Ask) (after uint32, uses int64) {
	if i := slices.IndexFunc(g.running, func(r running) bool { return r.Use == use && a.follows(r.Stage) }); i >= 0 {
		return g.running[i].Stage, 0
	}
	return 0, 1
}

// charge is the same grant with a use taken, or gone on with.
func (g *grantState) charge(use engine.Digest, a *Ask) *grantState {
	c := *g
	_, uses := g.goesOn(use, a)
	c.used += uses
	stage := a.stage()
	if stage == 0 {
		return &c
	}
	c.running = slices.DeleteFunc(slices.Clone(g.running), func(r running) bool { return r.Use == use })
	if c.running = append(c.running, running{Use: use, Stage: stage}); len(c.running) > MaxRunning {
		c.running = c.running[1:]
	}
	return &c
}

// release is the same grant without what a question took, which ended before anybody could share. What a
// later round has gone on with stays taken.
func (g *grantState) release(q *charge, stage uint32) *grantState {
	c := *g
	i := slices.IndexFunc(g.running, func(r running) bool { return r.Use == q.Use && r.Stage == stage })
	switch {
	case stage == 0:
		c.used--
	case i < 0: // a later round has gone on with the use
	case q.After > 0:
		c.running = slices.Clone(g.running)
		c.running[i].Stage = q.After
	default:
		c.used--
		c.running = slices.Delete(slices.Clone(g.running), i, i+1)
	}
	return &c
}

// put is a sorted list with an element, in the place of the one that compares equal.
func put[E any](list []E, x E, compare func(a, b E) int) []E {
	i, found := slices.BinarySearchFunc(list, x, compare)
	list = slices.Clone(list)
	if !found {
		return slices.Insert(list, i, x)
	}
	list[i] = x
	return list
}

func comparePolicies(a, b *policyState) int {
	if c := bytes.Compare([]byte(a.document.Table), []byte(b.document.Table)); c != 0 {
		return c
	}
	return bytes.Compare([]byte(a.document.Department), []byte(b.document.Department))
}

func compareGrants(a, b *grantState) int     { return a.id.Compare(b.id) }
func compareRequests(a, b *requestState) int { return a.id.Compare(b.id) }

// policy is what a department has for a table, or nil.
func (r *rights) policy(department, table string) *policyState {
	of := &policyState{document: policy.Document{Department: department, Table: table}}
	if i, found := slices.BinarySearchFunc(r.policies, of, comparePolicies); found {
		return r.policies[i]
	}
	return nil
}

func (r *rights) grant(id engine.Digest) *grantState {
	if i, found := slices.BinarySearchFunc(r.grants, &grantState{id: id}, compareGrants); found {
		return r.grants[i]
	}
	return nil
}

func (r *rights) request(id engine.Digest) *requestState {
	if i, found := slices.BinarySearchFunc(r.requests, &requestState{id: id}, compareRequests); found {
		return r.requests[i]
	}
	return nil
}

func (r *rights) withPolicy(p *policyState) *rights {
	return newRights(put(r.policies, p, comparePolicies), r.grants, r.requests, r.accounts)
}

func (r *rights) withGrant(g *grantState) *rights {
	return newRights(r.policies, put(r.grants, g, compareGrants), r.requests, r.accounts)
}

func (r *rights) withRequest(q *requestState) *rights {
	return newRights(r.policies, r.grants, put(r.requests, q, compareRequests), r.accounts)
}

// current is the same without what has ended by a time, in seconds.
func (r *rights) current(at int64) *rights {
	grants := slices.DeleteFunc(slices.Clone(r.grants), func(g *grantState) bool { return g.grant.Terms.Until <= at })
	requests := slices.DeleteFunc(slices.Clone(r.requests), func(q *requestState) bool { return q.request.Terms.Until <= at })
	if len(grants) == len(r.grants) && len(requests) == len(r.requests) {
		return r
	}
	return newRights(r.policies, grants, requests, r.accounts)
}

// without is the same without what a department decided that has left, or its persons asked for. What was spent of its budgets stays.
func (r *rights) without(department Key) *rights {
	gone := func(d *decided) bool { return d.by.by() == department }
	return newRights(slices.DeleteFunc(slices.Clone(r.policies), func(p *policyState) bool { return gone(&p.decided) }),
		slices.DeleteFunc(slices.Clone(r.grants), func(g *grantState) bool { return gone(&g.decided) }),
		slices.DeleteFunc(slices.Clone(r.requests), func(q *requestState) bool { return gone(&q.decided) }), r.accounts)
}

// withoutRequests is the same without what a person asked for.
func (r *rights) withoutRequests(first Key) *rights {
	requests := slices.DeleteFunc(slices.Clone(r.requests), func(q *requestState) bool { return q.by.body.First == first })
	if len(requests) == len(r.requests) {
		return r
	}
	return newRights(r.policies, r.grants, requests, r.accounts)
}

// charge is what a question takes of a grant.
type charge struct {
	_     struct{} `cbor:",toarray"`
	Grant uint64   // number of its record
	Used  int64    // by other questions, at the Ask
	Use   engine.Digest
	After uint32 // the stage with whose use it goes on; 0: it took one
}

// ruling is what a question was asked under: its contributors' policies for the table, and the grants
// that it names. It does not change.
type ruling struct {
	policies []*policyState // in the order of the contributors
	ceilings []*policyState // of the units above them, ascending by number
	grants   []*grantState  // in the order of Ask.Grants; of them what does not change
	charges  []charge       // one each
	spending []spending     // in the order of the contributors
}

// decisions are all that a ruling rests on.
func (r *ruling) decisions() (out []*decided) {
	for _, p := range slices.Concat(r.policies, r.ceilings) {
		out = append(out, &p.decided)
	}
	for _, g := range r.grants {
		out = append(out, &g.decided)
	}
	return out
}

// ceilings are what the units above tables' departments say to those below, ascending by number.
func (r *rights) ceilings(tables []*tableState) (out []*policyState) {
	for _, t := range tables {
		for _, unit := range t.registration.About.Place {
			if p := r.policy(unit, ""); p != nil && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b *policyState) int { return compareNumbers(a.record.Number, b.record.Number) })
	return out
}

// keptDecisions are those that a state holds, ascending by number: those in force, and those that its
// queries were asked under.
func keptDecisions(r *rights, queries []*QueryState) []*decided {
	var kept []*decided
	for _, p := range r.policies {
		kept = append(kept, &p.decided)
	}
	for _, g := range r.grants {
		kept = append(kept, &g.decided)
	}
	for _, q := range r.requests {
		kept = append(kept, &q.decided)
	}
	for _, q := range queries {
		kept = append(kept, q.ruling.decisions()...)
	}
	slices.SortFunc(kept, func(a, b *decided) int { return compareNumbers(a.record.Number, b.record.Number) })
	return slices.CompactFunc(kept, func(a, b *decided) bool { return a.record.Number == b.record.Number })
}

// bytes is what a department's decisions and requests take, its requests alone, and what all take: those
// in force, and those that questions were asked under.
func (r *rights) bytes(department Key, asked map[uint64]*decided) (own, wished, all int) {
	asked = maps.Clone(asked)
	count := func(d *decided) int {
		delete(asked, d.record.Number)
		if all += d.bytes; d.by.by() != department {
			return 0
		}
		return d.bytes
	}
	for _, p := range r.policies {
		own += count(&p.decided)
	}
	for _, g := range r.grants {
		own += count(&g.decided)
	}
	for _, q := range r.requests {
		wished += count(&q.decided)
	}
	for _, d := range asked { // in force no more
		if all += d.bytes; d.by.by() == department {
			own += d.bytes
		}
	}
	return own + wished, wished, all
}

// rightsWire is what is in force, as numbers of records, and what came after each.
type rightsWire struct {
	_        struct{} `cbor:",toarray"`
	Policies []uint64 // in the order of rights.policies
	Grants   []grantWire
	Requests []requestWire
	Accounts []*account
}

type grantWire struct {
	_       struct{} `cbor:",toarray"`
	Number  uint64
	Used    int64
	Running []running
	Ending  *Ending
}

type requestWire struct {
	_       struct{} `cbor:",toarray"`
	Number  uint64
	Under   uint64 // number of the requester's vouch
	Answers []Answer
}

func (r *rights) wire() (w rightsWire) {
	w.Accounts = r.accounts
	for _, p := range r.policies {
		w.Policies = append(w.Policies, p.record.Number)
	}
	for _, g := range r.grants {
		w.Grants = append(w.Grants, grantWire{Number: g.record.Number, Used: g.used, Running: g.running, Ending: g.ending})
	}
	for _, q := range r.requests {
		w.Requests = append(w.Requests, requestWire{Number: q.record.Number, Under: q.by.record.Number, Answers: q.answers})
	}
	return w
}

// errRights is of a snapshot whose policies, grants or requests are of no state.
var errRights = errors.New("the policies, grants or requests are not ascending, or lack a record, a vouch or a department")

// loadRights rebuilds what is decided from a snapshot, and gives all records of it by number, also
// those that only queries were asked under.
func (s *State) loadRights(w *stateWire, vouches map[uint64]*person) (*ruled, error) {
	of := &ruled{policies: map[uint64]*policyState{}, grants: map[uint64]*grantState{}, requests: map[uint64]*requestState{}}
	under := map[uint64]uint64{}
	for _, q := range w.Rights.Requests {
		under[q.Number] = q.Under
	}
	last := uint64(0)
	for i := range w.Decisions {
		r := &w.Decisions[i]
		if r.Number <= last {
			return nil, errRights
		}
		last = r.Number
		if err := of.read(r, vouches, under[r.Number]); err != nil {
			return nil, err
		}
	}
	var policies []*policyState
	for _, number := range w.Rights.Policies {
		policies = append(policies, of.policies[number])
	}
	var grants []*grantState
	for _, g := range w.Rights.Grants {
		known := of.grants[g.Number]
		if known == nil || g.Used < 0 || len(g.Running) > MaxRunning || slices.ContainsFunc(g.Running, func(r running) bool { return r.Stage == 0 }) {
			return nil, errRights
		}
		c := *known
		c.used, c.running, c.ending = g.Used, g.Running, g.Ending
		grants = append(grants, &c)
	}
	var requests []*requestState
	for _, q := range w.Rights.Requests {
		known := of.requests[q.Number]
		if known == nil || !strictly(q.Answers, func(a, b Answer) int { return bytes.Compare([]byte(a.Department), []byte(b.Department)) }) {
			return nil, errRights
		}
		known.answers = q.Answers
		requests = append(requests, known)
	}
	if slices.Contains(policies, nil) || !strictly(policies, comparePolicies) || !strictly(grants, compareGrants) || !strictly(requests, compareRequests) {
		return nil, errRights
	}
	if !checkAccounts(w.Rights.Accounts) {
		return nil, errRights
	}
	s.rights = newRights(policies, grants, requests, w.Rights.Accounts)
	for _, d := range keptDecisions(s.rights, nil) {
		if !s.hasTables(d.by.by()) {
			return nil, errRights
		}
	}
	return of, nil
}

// strictly reports whether a list is ascending without equals.
func strictly[E any](list []E, compare func(a, b E) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

// ruled are the records of a snapshot that decide, by number.
type ruled struct {
	policies map[uint64]*policyState
	grants   map[uint64]*grantState
	requests map[uint64]*requestState
}

// read takes a record; under is the number of a requester's vouch.
func (of *ruled) read(r *Record, vouches map[uint64]*person, under uint64) error {
	body, err := r.Entry.Open()
	if err != nil {
		return err
	}
	switch b := body.(type) {
	case *Publish:
		under = b.Under
	case *Grant:
		under = b.Under
	}
	by := vouches[under]
	if by == nil || by.body.Person != r.Entry.Author {
		return errRights
	}
	d := newDecided(r, by, body)
	switch b := body.(type) {
	case *Publish:
		of.policies[r.Number] = &policyState{decided: d, document: b.Document}
	case *Grant:
		of.grants[r.Number] = &grantState{decided: d, grant: b.Grant, id: b.Grant.ID()}
	case *Request:
		of.requests[r.Number] = &requestState{decided: d, request: b.Request, id: b.Request.ID(policy.Key(by.body.First))}
	default:
		return errRights
	}
	return nil
}

// ruling is what a query of a snapshot was asked under.
func (of *ruled) ruling(w *queryWire, tables []*tableState, a *Ask) (ruling, error) {
	var out ruling
	if len(w.Policies) != len(tables) || len(w.Charges) != len(a.Grants) || len(w.Spending) != len(tables) {
		return ruling{}, errRights
	}
	for i, number := range w.Policies {
		p := of.policies[number]
		if p == nil || p.document.Department != tables[i].registration.Department || p.document.Table != tables[i].registration.Table {
			return ruling{}, errRights
		}
		out.policies = append(out.policies, p)
	}
	for _, number := range w.Ceilings {
		p := of.policies[number]
		if p == nil || p.document.Table != "" {
			return ruling{}, errRights
		}
		out.ceilings = append(out.ceilings, p)
	}
	for i, c := range w.Charges {
		g := of.grants[c.Grant]
		if g == nil || g.id != a.Grants[i] || c.Used < 0 || c.After > 0 && !a.follows(c.After) {
			return ruling{}, errRights
		}
		out.grants, out.charges = append(out.grants, g), append(out.charges, c)
	}
	price := priceOf(out.policies)
	for i, p := range out.policies {
		c := w.Spending[i]
		if budgeted := p.document.Disclosure.Budget > 0; c.Spent < 0 || c.Spent > maxSpent || budgeted && c.Price != price || !budgeted && c != (spending{}) {
			return ruling{}, errRights
		}
	}
	out.spending = w.Spending
	return out, nil
}
