package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"parley/node/audit"
	"parley/node/peers"
	"parley/protocols"
)

// What an operator does about a person.
const (
	PeopleAdd    = "add"    // the department vouches for it, or anew
	PeopleRevoke = "revoke" // and no longer
	PeopleRotate = "rotate" // another key takes its key's place
)

// vouchFor is how long a vouch holds that says no time; vouchBefore is how much earlier than the
// node's clock it begins, since blocks have other clocks.
const (
	vouchFor    = 365 * 24 * time.Hour
	vouchBefore = time.Hour
)

// PeopleRequest is what the operator's door takes about a person of this department.
type PeopleRequest struct {
	Do     string    `json:"do"`
	Person string    `json:"person"`         // a peer id, or the name of one of the department's persons
	Name   string    `json:"name,omitempty"` // add: what the person is called; empty: as before
	Roles  []string  `json:"roles,omitempty"`
	From   time.Time `json:"from,omitzero"`  // zero: from now on
	Until  time.Time `json:"until,omitzero"` // zero: for a year; rotate: as before
	To     string    `json:"to,omitempty"`   // rotate: the new peer id
	Reason string    `json:"reason,omitempty"`
}

// Text is the request in words, as an operator signs it.
func (q PeopleRequest) Text() string {
	words := []string{"people", q.Do, q.Person}
	for _, part := range []struct{ before, text string }{{"named", q.Name}, {"as", strings.Join(q.Roles, ",")}, {"to", q.To}, {"because:", q.Reason}} {
		if part.text != "" {
			words = append(words, part.before, part.text)
		}
	}
	for _, part := range []struct {
		before string
		at     time.Time
	}{{"from", q.From}, {"until", q.Until}} {
		if !part.at.IsZero() {
			words = append(words, part.before, part.at.UTC().Format(time.RFC3339))
		}
	}
	return strings.Join(words, " ")
}

// PersonReport is a person as the ledger has it.
type PersonReport struct {
	Name       string    `json:"name"`
	Department string    `json:"department"`
	Peer       string    `json:"peer"`
	Roles      []string  `json:"roles,omitempty"` // of one that has not ended
	From       time.Time `json:"from,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	State      string    `json:"state"`               // valid, not yet, expired, revoked, replaced; at the time of the last block
	Successor  string    `json:"successor,omitempty"` // replaced: the peer id in its place
	Reason     string    `json:"reason,omitempty"`    // revoked
	Ended      time.Time `json:"ended,omitzero"`      // revoked, replaced: the block's time
}

// body is what the department signs for a request, by the ledger's state, its place and the node's clock.
func (q PeopleRequest) body(s *protocols.State, self protocols.Key, place string, now time.Time) (protocols.Body, error) {
	key, known, err := q.person(s, self)
	if err != nil {
		return nil, err
	}
	switch q.Do {
	case PeopleRevoke:
		return &protocols.Revoke{Person: key, Reason: q.Reason, Turn: s.NextTurn(key)}, nil
	case PeopleAdd, PeopleRotate:
	default:
		return nil, fmt.Errorf("%q is not add, revoke or rotate", q.Do)
	}
	b := &protocols.Vouch{Person: key, Name: q.Name, Place: place, Turn: s.NextTurn(key), From: now.Add(-vouchBefore).Unix(), Until: now.Add(vouchFor).Unix()}
	for _, role := range q.Roles {
		b.Roles = append(b.Roles, protocols.PersonRole(strings.TrimSpace(role)))
	}
	slices.Sort(b.Roles)
	b.Roles = slices.Compact(b.Roles)
	if known != nil {
		if b.Name == "" {
			b.Name = known.Name
		}
		if len(b.Roles) == 0 {
			b.Roles = known.Roles
		}
	}
	b.First = s.FirstOf(key)
	if q.Do == PeopleRotate {
		if known == nil {
			return nil, fmt.Errorf("this department does not vouch for %s", q.Person)
		}
		if b.Person, err = peers.KeyOf(q.To); err != nil {
			return nil, fmt.Errorf("the new peer id: %w", err)
		}
		b.Replaces, b.Turn, b.Until = key, s.NextTurn(b.Person), known.Until
	}
	if !q.From.IsZero() {
		b.From = q.From.Unix()
	}
	if !q.Until.IsZero() {
		b.Until = q.Until.Unix()
	}
	switch {
	case b.Name == "":
		return nil, fmt.Errorf("%s has no name yet: --name says what the person is called", q.Person)
	case len(b.Roles) == 0:
		return nil, fmt.Errorf("%s has no role yet: --role says what the person does, %s", q.Person, RoleList())
	}
	return b, nil
}

// RoleList are the roles of persons, as a sentence lists them.
func RoleList() string {
	names := protocols.RoleNames(protocols.PersonRoles())
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// person finds whom a request is about: by its peer id, or a person of this department by its name.
func (q PeopleRequest) person(s *protocols.State, self protocols.Key) (protocols.Key, *protocols.Person, error) {
	for _, p := range s.People() {
		if p.By == self && (p.Name == q.Person || peers.PeerOf(p.Key) == q.Person) {
			return p.Key, &p, nil
		}
	}
	key, err := peers.KeyOf(q.Person)
	if err != nil {
		return key, nil, fmt.Errorf("%q is no peer id and no name of a person of this department: parley people list shows them", q.Person)
	}
	return key, nil, nil
}

// servePeople answers who is vouched for, by whichever department.
func (n *node) servePeople(w http.ResponseWriter, r *http.Request) {
	if !n.up.Load() {
		http.Error(w, "this node does not know yet: "+n.waiting(), http.StatusConflict)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), ControlTimeout)
	defer cancel()
	s, err := n.history.Base(ctx)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	_, place := n.ledger.Snapshot()
	answerJSON200(w, PeopleOf(s, place.Time))
}

// PeopleOf are all persons that the ledger has, those whose keys ended last.
func PeopleOf(s *protocols.State, at time.Time) []PersonReport {
	out := []PersonReport{}
	for _, p := range s.People() {
		out = append(out, personOf(p, at))
	}
	for _, f := range s.Formers() {
		r := PersonReport{Name: f.Name, Department: audit.AuthorName(s, f.By), Peer: peers.PeerOf(f.Key), State: "revoked",
			Reason: f.Reason, Ended: time.UnixMilli(f.Time).UTC()}
		if f.Successor != (protocols.Key{}) {
			r.State, r.Successor = "replaced", peers.PeerOf(f.Successor)
		}
		out = append(out, r)
	}
	return out
}

// personOf is a person as it stands at a time.
func personOf(p protocols.Person, at time.Time) PersonReport {
	r := PersonReport{Name: p.Name, Department: p.Department, Peer: peers.PeerOf(p.Key), Roles: protocols.RoleNames(p.Roles), State: "valid",
		From: time.Unix(p.From, 0).UTC(), Until: time.Unix(p.Until, 0).UTC()}
	switch now := at.Unix(); {
	case now < p.From:
		r.State = "not yet"
	case now >= p.Until:
		r.State = "expired"
	}
	return r
}

// ownPeople are the persons of this department. The loop's.
func (n *node) ownPeople() []protocols.Person {
	return slices.DeleteFunc(n.replica.People(), func(p protocols.Person) bool { return p.By != n.id.Key() })
}

// serveVouch signs a vouch or a revocation as this department and waits until it is ordered.
func (n *node) serveVouch(w http.ResponseWriter, r *http.Request) {
	var q PeopleRequest
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	switch {
	case err != nil:
		http.Error(w, "not a request about a person", http.StatusBadRequest)
		return
	case n.cfg.Auditor:
		http.Error(w, "this node is an auditor's: departments vouch for persons", http.StatusConflict)
		return
	case !n.up.Load():
		http.Error(w, "this node cannot vouch yet: "+n.waiting(), http.StatusConflict)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), ControlTimeout)
	defer cancel()
	reply, err := n.speakFor(ctx, r.Header.Get(actHeader), q)
	if err != nil {
		refuseAct(w, err)
		return
	}
	answerJSON200(w, reply)
}

// speakFor puts the department's word on the ledger, and says how the person stands then.
func (n *node) speakFor(ctx context.Context, signed string, q PeopleRequest) (PersonReport, error) {
	before, err := n.history.Base(ctx)
	if err != nil {
		return PersonReport{}, err
	}
	body, err := q.body(before, n.id.Key(), strings.Join(n.cfg.Place, "/"), time.Now())
	if err != nil {
		return PersonReport{}, err
	}
	e := protocols.Sign(n.network.ID(), n.id.Private(), body)
	if _, err := e.Open(); err != nil {
		return PersonReport{}, err
	}
	if err := n.act(ctx, signed, q.Text()); err != nil {
		return PersonReport{}, err
	}
	if err := n.history.Append(ctx, e); err != nil {
		return PersonReport{}, err
	}
	after, err := n.history.Base(ctx)
	if err != nil {
		return PersonReport{}, err
	}
	n.awaitFollowed(ctx, after.Applied())
	about := ""
	switch b := body.(type) {
	case *protocols.Vouch:
		about = peers.PeerOf(b.Person)
	case *protocols.Revoke:
		about = peers.PeerOf(b.Person)
	}
	_, place := n.ledger.Snapshot()
	for _, p := range PeopleOf(after, place.Time) {
		if p.Peer == about {
			return p, nil
		}
	}
	return PersonReport{}, errors.New("it was ordered, and something newer was said since")
}

// tellPerson logs what was just said of a person.
func (n *node) tellPerson(r *protocols.Record) {
	n.log.Info("a department speaks for a person", "by", audit.AuthorName(n.replica, r.Entry.Author), "what", audit.EventOf(n.replica, r, nil).What,
		"block", r.Block)
}
