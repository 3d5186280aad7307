package protocols

import (
	"bytes"
	"slices"

	"parley/engine"
	"parley/engine/policy"
)

// mayDecide refuses an author who is no steward now, or who made the request.
func (s *State) mayDecide(r *Record, requester policy.Key) *Refusal {
	a := s.asker(r.Entry.Author)
	if m := policy.MayDecide(&a, a.Department, requester, seconds(r)); m != nil {
		return refuse(string(m.Reason), "%s", m.Sentence(policy.English))
	}
	return nil
}

// steward is the vouch under which an entry's author decides, for the author's department.
func (s *State) steward(r *Record, under uint64, requester policy.Key) (*person, *Refusal) {
	if refusal := s.mayDecide(r, requester); refusal != nil {
		return nil, refusal
	}
	by := s.people.inForce(r.Entry.Author)
	if by.record.Number != under {
		return nil, refuse("too-late", "the author's department has said something newer of the author")
	}
	return by, nil
}

func (s *State) publish(r *Record, b *Publish) *Refusal {
	by, refusal := s.steward(r, b.Under, policy.Key{})
	if refusal != nil {
		return refusal
	}
	d := &b.Document
	if name := s.NameOf(by.by()); d.Department != name {
		return refuse("not-owner", "a policy for department %q by a steward of %q", d.Department, name)
	}
	var before *policy.Document
	old := s.rights.policy(d.Department, d.Table)
	if old != nil {
		before = &old.document
	}
	switch {
	case old != nil && d.Version <= old.document.Version:
		return refuse("duplicate", "version %d of the policy for table %q is in force", old.document.Version, d.Table)
	case !s.gaps && !d.Replaces(before):
		return refuse("too-early", "version %d of the policy for table %q does not follow the one in force", d.Version, d.Table)
	}
	p := &policyState{decided: newDecided(r, by, b), document: *d}
	next := s.rights.current(seconds(r)).withPolicy(p)
	if refusal := s.overruled(next, by.by(), r.Entry.Kind); refusal != nil {
		return refusal
	}
	s.rights = next
	f := &Fault{Department: d.Department, Key: by.by(), Kind: FaultDecided, Detail: "it has another policy for table " + d.Table + " now"}
	if d.Table == "" {
		f.Detail = "it has another policy for the departments below it now"
	}
	s.endWaiting(f, func(q *QueryState) bool {
		if l := q.Ask.Linked; l != nil && l.Department == d.Department && l.Table == d.Table { // which says who is admitted to the spine
			return true
		}
		return slices.ContainsFunc(q.Registrations, func(t engine.Registration) bool {
			return t.Department == d.Department && t.Table == d.Table || d.Table == "" && slices.Contains(t.About.Place, d.Department)
		})
	})
	return nil
}

func (s *State) request(r *Record, b *Request) *Refusal {
	by, refusal := s.mayAsk(r)
	if refusal != nil {
		return refusal
	}
	if err := b.Request.Validate(seconds(r)); err != nil {
		return refuse("malformed", "%v", err)
	}
	if b.Request.Terms.Until-seconds(r) > policy.MaxGrantSeconds {
		return refuse("malformed", "a grant lasts five years at most, and so does a request for one")
	}
	for _, name := range b.Request.Departments {
		if s.table(name, b.Request.Table) == nil {
			return refuse("unknown-department", "no department %q has a table %q", name, b.Request.Table)
		}
	}
	if b.Request.Subject.Once() && !b.Request.Shows(s.Catalogue()) {
		return refuse("stale-catalogue", "the request names another question than it shows, or the tables are registered otherwise now")
	}
	next := s.rights.current(seconds(r))
	q := &requestState{decided: newDecided(r, by, b), request: b.Request, id: b.Request.ID(policy.Key(by.body.First))}
	if next.request(q.id) != nil {
		return refuse("duplicate", "the same was requested before")
	}
	own := 0
	for _, other := range next.requests {
		if other.by.body.First == by.body.First {
			own++
		}
	}
	if own >= MaxRequests {
		return refuse("too-many", "%d requests of this person have not ended: it may make no more", own)
	}
	next = next.withRequest(q)
	if refusal := s.overruled(next, by.by(), r.Entry.Kind); refusal != nil {
		return refusal
	}
	s.rights = next
	return nil
}

func (s *State) grant(r *Record, b *Grant) *Refusal {
	g := &b.Grant
	by, refusal := s.steward(r, b.Under, g.Person)
	if refusal != nil {
		return refusal
	}
	if name := s.NameOf(by.by()); g.Department != name {
		return refuse("not-owner", "a grant for department %q by a steward of %q", g.Department, name)
	}
	if err := g.Validate(seconds(r)); err != nil {
		return refuse("malformed", "%v", err)
	}
	next := s.rights.current(seconds(r))
	granted := &grantState{decided: newDecided(r, by, b), grant: *g, id: g.ID()}
	if next.grant(granted.id) != nil {
		return refuse("duplicate", "the same was granted before")
	}
	if g.Request != (engine.Digest{}) && !s.gaps {
		q := next.request(g.Request)
		if q == nil || policy.Key(q.by.body.First) != g.Person || q.request.Table != g.Table {
			return refuse("unknown-request", "nothing of that person about that table was requested by this name, or it has ended")
		}
		if refusal := q.unanswered(g.Department); refusal != nil {
			return refusal
		}
		next = next.withRequest(q.answered(Answer{Department: g.Department, Grant: granted.id, Number: r.Number, Time: r.Time, By: r.Entry.Author}))
	}
	held := 0
	for _, other := range next.grants {
		if o := &other.grant; o.Department == g.Department && o.Table == g.Table && o.Person == g.Person && other.ending == nil {
			held++
		}
	}
	if held >= policy.MaxGrantsHeld {
		return refuse("too-many", "%d grants of department %q for table %q are in force for this person: there is room for no more", held, g.Department, g.Table)
	}
	next = next.withGrant(granted)
	if refusal := s.overruled(next, by.by(), r.Entry.Kind); refusal != nil {
		return refusal
	}
	s.rights = next
	return nil
}

// unanswered refuses an answer of a department that was not asked, or has answered.
func (q *requestState) unanswered(department string) *Refusal {
	if _, asked := slices.BinarySearch(q.request.Departments, department); !asked {
		return refuse("stranger", "the request does not ask department %q", department)
	}
	if slices.ContainsFunc(q.answers, func(a Answer) bool { return a.Department == department }) {
		return refuse("duplicate", "department %q has answered the request", department)
	}
	return nil
}

// answered is the same request with one more answer.
func (q *requestState) answered(a Answer) *requestState {
	c := *q
	c.answers = put(q.answers, a, func(a, b Answer) int { return bytes.Compare([]byte(a.Department), []byte(b.Department)) })
	return &c
}

func (s *State) decline(r *Record, b *Decline) *Refusal {
	q := s.rights.current(seconds(r)).request(b.Request)
	if q == nil {
		return refuse("unknown-request", "nothing was requested by this name, or it has ended")
	}
	by, refusal := s.steward(r, b.Under, policy.Key(q.by.body.First))
	if refusal != nil {
		return refusal
	}
	name := s.NameOf(by.by())
	if refusal := q.unanswered(name); refusal != nil {
		return refusal
	}
	s.rights = s.rights.withRequest(q.answered(Answer{Department: name, Reason: b.Reason, Number: r.Number, Time: r.Time, By: r.Entry.Author}))
	return nil
}

func (s *State) rescind(r *Record, b *Rescind) *Refusal {
	g := s.rights.grant(b.Grant)
	if g == nil {
		return refuse("unknown-grant", "nothing was granted by this name, or it has ended")
	}
	by, refusal := s.steward(r, b.Under, policy.Key{})
	if refusal != nil {
		return refusal
	}
	name := s.NameOf(by.by())
	switch {
	case g.grant.Department != name:
		return refuse("not-owner", "a grant of department %q is taken back by a steward of %q", g.grant.Department, name)
	case g.ending != nil:
		return refuse("duplicate", "the grant was taken back before")
	}
	c := *g
	c.ending = &Ending{Number: r.Number, Time: r.Time, By: r.Entry.Author, Reason: b.Reason}
	s.rights = s.rights.withGrant(&c)
	s.endWaiting(&Fault{Department: name, Key: by.by(), Kind: FaultDecided, Detail: "it took the grant back: " + b.Reason}, func(q *QueryState) bool {
		return slices.Contains(q.Ask.Grants, b.Grant)
	})
	return nil
}

// overruled refuses rights of which a department, its persons' requests included, would have more than
// its share, as crowded does for tables. Requests have a quarter of it, so that no analyst keeps the
// stewards from deciding.
func (s *State) overruled(next *rights, department Key, kind EntryKind) *Refusal {
	if s.gaps {
		return nil
	}
	asked := map[uint64]*decided{} // what questions were asked under, in force or not
	for _, q := range s.queries {
		for _, d := range q.ruling.decisions() {
			asked[d.record.Number] = d
		}
	}
	own, wished, all := next.bytes(department, asked)
	before, _, _ := s.rights.bytes(department, asked)
	share := MaxRightsBytes / s.members.departments()
	switch {
	case own > max(share, before) || all > MaxRightsBytes:
		return refuse("too-many", "the policies, grants and requests of department %q would take %d bytes, and its share is %d: shorter ones, or fewer",
			s.NameOf(department), own, share)
	case kind == KindRequest && wished > share/4:
		return refuse("too-many", "the requests of department %q's persons would take %d bytes, and have %d: shorter ones, or fewer",
			s.NameOf(department), wished, share/4)
	}
	return nil
}

// endWaiting ends the open questions that something is about, but for those in which departments may
// have shared: those go on, since what is shared cannot be taken back.
func (s *State) endWaiting(f *Fault, about func(*QueryState) bool) {
	for _, id := range slices.Clone(s.open) {
		if q := s.queries[id]; q.Phase < PhaseSharing && about(q) {
			s.fail(q, f)
		}
	}
}

// reclassed ends the questions about a table whose classes are others now.
func (s *State) reclassed(old, t *tableState) {
	of := func(t *tableState) []byte {
		return engine.Marshal(t.classes(s.rights.ceilings([]*tableState{t})).Classes)
	}
	if bytes.Equal(of(old), of(t)) {
		return
	}
	f := &Fault{Department: t.registration.Department, Key: t.record.Entry.Author, Kind: FaultDecided,
		Detail: "it shares table " + t.registration.Table + " otherwise now"}
	s.endWaiting(f, func(q *QueryState) bool { return slices.Contains(q.tables, old) })
}

// rule is what a question is asked under, with the grants that it takes uses of: refused is what is
// not to be had. Whether that allows the question, everybody who plans it decides.
func (s *State) rule(r *Record, b *Ask, vouch *person, tables []*tableState) (ruling, *Refusal) {
	var out ruling
	use, next := useOf(vouch.body.First, b), 0
	for _, t := range tables {
		name, table := t.registration.Department, t.registration.Table
		p := s.rights.policy(name, table)
		if p == nil || len(p.document.Rules) == 0 {
			return ruling{}, refuse(CodePolicy, "department %q has no policy for table %q, so it answers nobody", name, table)
		}
		out.policies = append(out.policies, p)
		if next == len(b.Grants) {
			continue
		}
		g := s.rights.grant(b.Grants[next])
		if g == nil {
			return ruling{}, refuse("unknown-grant", "nothing was granted by the name %s, or it has ended", b.Grants[next])
		}
		if joins := b.joins(tables); g.grant.Department != name || joins && g.grant.Table != table {
			continue // of a later contributor, or of its next table
		}
		next++
		after, uses := g.goesOn(use, b)
		switch {
		case g.grant.Table != table || g.grant.Person != policy.Key(vouch.body.First):
			return ruling{}, refuse("not-owner", "the grant %s is for another person or table", g.id)
		case g.ending != nil:
			return ruling{}, refuse("ended", "the grant %s was taken back: %s", g.id, g.ending.Reason)
		case g.grant.Terms.Until <= seconds(r):
			return ruling{}, refuse("too-late", "the grant %s has ended", g.id)
		case g.used-(1-uses) >= g.grant.Terms.Uses:
			return ruling{}, refuse("used-up", "the grant %s is used up: it allows %d", g.id, g.grant.Terms.Uses)
		}
		out.grants = append(out.grants, g)
		out.charges = append(out.charges, charge{Grant: g.record.Number, Used: g.used - (1 - uses), Use: use, After: after})
	}
	if next != len(b.Grants) {
		return ruling{}, refuse("malformed", "the grants are not of the question's departments, one each, in their order")
	}
	out.ceilings = s.rights.ceilings(tables)
	var refusal *Refusal
	if out.spending, refusal = s.afford(b, vouch, tables, out.policies); refusal != nil {
		return ruling{}, refusal
	}
	return out, nil
}

// take takes the uses that a question names, and what it costs.
func (s *State) take(q *QueryState) {
	s.spend(q, 1)
	for i, g := range q.ruling.grants {
		s.rights = s.rights.withGrant(s.rights.grant(g.id).charge(q.ruling.charges[i].Use, &q.Ask))
	}
}

// giveBack gives back the uses of a question that ended before anybody could share, and what it cost.
func (s *State) giveBack(q *QueryState) {
	if q.Reached >= PhaseSharing {
		return
	}
	s.spend(q, -1)
	for i, g := range q.ruling.grants {
		if now := s.rights.grant(g.id); now != nil && now.record.Number == g.record.Number {
			s.rights = s.rights.withGrant(now.release(&q.ruling.charges[i], q.Ask.stage()))
		}
	}
}
