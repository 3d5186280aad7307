package audit

import (
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/peers"
	"parley/protocols"
)

// decided describes what persons say of policies, requests and grants.
func (e *Event) decided(s *protocols.State, author protocols.Key, body protocols.Body) {
	switch b := body.(type) {
	case *protocols.Publish:
		d := &b.Document
		e.Table = d.Table
		e.What = fmt.Sprintf("publishes version %d of the policy for table %s: %s", d.Version, d.Table, engine.Plural(len(d.Rules), "rule"))
		switch {
		case d.Table == "":
			e.What = fmt.Sprintf("publishes version %d of the policy for other departments", d.Version)
			if d.Below != engine.ClassUnsaid {
				e.What += fmt.Sprintf("; tables of those below it: %s at most", d.Below)
			}
			if len(d.Draws) > 0 {
				e.What += "; tokens that may be drawn: " + d.DrawsText()
			}
		case len(d.Rules) == 0:
			e.What += ", so that nobody is answered"
		}
		if len(d.Membership) > 0 {
			e.What += "; membership of its spine is shown to " + strings.Join(d.Membership, ", ")
		}
	case *protocols.Request:
		first := author
		if p := s.Person(author); p != nil {
			first = p.First
		}
		e.Table, e.Purpose, e.Request = b.Request.Table, strings.Join(b.Request.Terms.Purposes, ", "), b.Request.ID(policy.Key(first)).String()
		e.What = fmt.Sprintf("requests %s of %s; request %s", granted(b.Request.Table, &b.Request.Subject, &b.Request.Terms), strings.Join(b.Request.Departments, ", "),
			ShortDigest(e.Request))
	case *protocols.Grant:
		g := &b.Grant
		e.Table, e.Purpose, e.Grant = g.Table, strings.Join(g.Terms.Purposes, ", "), g.ID().String()
		e.What = fmt.Sprintf("grants %s %s; grant %s", firstName(s, protocols.Key(g.Person)), granted(g.Table, &g.Subject, &g.Terms), ShortDigest(e.Grant))
		if g.Request != (engine.Digest{}) {
			e.Request = g.Request.String()
			e.What += ", by request " + ShortDigest(e.Request)
		}
	case *protocols.Decline:
		e.Request = b.Request.String()
		e.What = fmt.Sprintf("declines request %s: %s", ShortDigest(e.Request), b.Reason)
		for _, q := range s.Requests() {
			if q.ID == b.Request {
				e.Table = q.Request.Table
				e.What = fmt.Sprintf("declines request %s of %s: %s", ShortDigest(e.Request), q.Name, b.Reason)
			}
		}
	case *protocols.Rescind:
		e.Grant = b.Grant.String()
		e.What = fmt.Sprintf("takes back grant %s: %s", ShortDigest(e.Grant), b.Reason)
		for _, g := range s.Grants() {
			if g.ID == b.Grant {
				e.Table = g.Grant.Table
				e.What = fmt.Sprintf("takes back grant %s from %s: %s", ShortDigest(e.Grant), firstName(s, protocols.Key(g.Grant.Person)), b.Reason)
			}
		}
	}
}

// granted is what may be asked, how often and until when.
func granted(table string, subject *policy.Subject, t *policy.Terms) string {
	what := engine.Plural(t.Uses, "question")
	switch {
	case subject.Once():
		what = "one question, " + engine.Plural(t.Uses, "time") + ","
	case subject.Form != "":
		what += " of one form"
	}
	return fmt.Sprintf("%s about table %s for %s until %s", what, table, strings.Join(t.Purposes, ", "), time.Unix(t.Until, 0).UTC().Format(time.DateOnly))
}

// firstName is the name of a person whose first key is given, with the peer id of the present one.
func firstName(s *protocols.State, first protocols.Key) string {
	if p := s.Person(first); p != nil {
		return fmt.Sprintf("%s (%s)", p.Name, peers.PeerOf(first))
	}
	for _, p := range s.People() {
		if p.First == first {
			return fmt.Sprintf("%s (%s)", p.Name, peers.PeerOf(p.Key))
		}
	}
	return personName(s, first)
}
