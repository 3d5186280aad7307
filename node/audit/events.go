package audit

import (
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// Event is one entry of the ledger as a person reads it (README section
// 13).
type Event struct {
	Number  uint64    `json:"number"`
	ID      string    `json:"entry"` // digest of its bytes
	Block   uint64    `json:"block"`
	Time    time.Time `json:"time"` // when the block was signed, or if that is not known, the one before it
	Kind    string    `json:"kind"`
	Author  string    `json:"author"` // a member's name, or an analyst's peer id
	Peer    string    `json:"peer"`
	Person  string    `json:"person,omitempty"`   // of a person for whom a department vouches: its name and department
	Seat    string    `json:"standing,omitempty"` // of a member that is no founder: how its key came to its name, and in which block
	Query   string    `json:"query,omitempty"`
	Epoch   string    `json:"epoch,omitempty"`
	Table   string    `json:"table,omitempty"`
	Version uint64    `json:"version,omitempty"` // of the table that is registered
	Rows    int64     `json:"rows,omitempty"`    // that it has
	Purpose string    `json:"purpose,omitempty"` // of a question, or of what is requested or granted
	Basis   string    `json:"basis,omitempty"`   // the legal basis of a question
	Request string    `json:"request,omitempty"` // digest of what is requested or answered
	Grant   string    `json:"grant,omitempty"`   // digest of what is granted or taken back
	What    string    `json:"what"`
	Refused string    `json:"refused,omitempty"` // it convicts its author and had no other effect
}

// EventOf describes a record that the state has just ordered.
func EventOf(s *protocols.State, r *protocols.Record, refused error) Event {
	e := Event{Number: r.Number, ID: r.Entry.Digest().String(), Block: r.Block, Time: time.UnixMilli(r.Time).UTC(), Kind: r.Entry.Kind.String(),
		Author: AuthorName(s, r.Entry.Author), Peer: peers.PeerOf(r.Entry.Author)}
	e.Person = PersonOf(s, r.Entry.Author)
	if refused != nil {
		e.Refused = refused.Error()
	}
	if seat := s.SeatOf(r.Entry.Author); seat != nil {
		e.Seat = SeatOf(*seat).Origin()
	}
	body, err := r.Entry.Open()
	if err != nil {
		e.What = "does not decode"
		return e
	}
	e.describe(s, r.Entry.Author, body)
	return e
}

// AuthorName is a member's name; whoever has none is shown by its peer id.
func AuthorName(s *protocols.State, k protocols.Key) string {
	if name := s.NameOf(k); name != k.String() {
		return name
	}
	return peers.PeerOf(k)
}

func (e *Event) describe(s *protocols.State, author protocols.Key, body protocols.Body) {
	of := func(query engine.Digest) {
		e.Query = query.String()
		if q := s.Query(query); q != nil {
			e.Table = q.Table()
		}
	}
	switch b := body.(type) {
	case *protocols.Join:
		e.What = "joins as " + b.Name
	case *protocols.Register:
		e.Table, e.Version, e.Rows = b.Registration.Table, b.Registration.Version, b.Registration.Rows
		e.What = fmt.Sprintf("registers table %s, version %d: %s, %s", e.Table, e.Version,
			engine.Plural(b.Registration.Rows, "row"), engine.Plural(len(b.Registration.Columns), "column"))
	case *protocols.Vote:
		e.What = "votes to " + ChangeText(s, b.Change)
		if b.Withdraw {
			e.What = "withdraws its vote to " + ChangeText(s, b.Change)
		}
	case *protocols.Vouch:
		e.What = vouched(s, b)
	case *protocols.Revoke:
		e.What = fmt.Sprintf("revokes %s: %s", personName(s, b.Person), b.Reason)
	case *protocols.Act:
		e.What = "acts on its node: " + b.What
		if author != b.Node {
			e.What = fmt.Sprintf("acts on the node of %s: %s", AuthorName(s, b.Node), b.What)
		} else if news, ok := NewsOf(s, author, b); ok {
			e.Table, e.Version, e.What = news.Table, news.Version, "announces: "+b.What
		}
	case *protocols.Publish, *protocols.Request, *protocols.Grant, *protocols.Decline, *protocols.Rescind:
		e.decided(s, author, b)
	case *protocols.EpochOpen:
		e.Epoch = b.ID.String()
		e.What = fmt.Sprintf("opens epoch %d of %s", b.Number, engine.Plural(len(b.Members), "department"))
	case *protocols.KeyCommit:
		e.Epoch, e.What = b.Epoch.String(), "commits to its key share"
	case *protocols.KeyAttest:
		e.Epoch, e.What = b.Epoch.String(), "has verified all key shares"
	case *protocols.EpochAbort:
		e.Epoch, e.What = b.Epoch.String(), fmt.Sprintf("ends the epoch: %s", b.Sentence)
	case *protocols.Ask:
		of(protocols.QueryID(s.ID(), author, b))
		e.Purpose, e.Basis = b.Purpose, b.Basis
		switch e.What = "asks: " + asked(b); {
		case b.Screening:
			e.What = "asks for a screening: " + asked(b)
		case b.Screen != engine.Digest{}:
			e.What = fmt.Sprintf("asks, after screening %s: %s", ShortDigest(b.Screen.String()), asked(b))
		}
		if l := b.Linked; l != nil {
			e.What += fmt.Sprintf(" (joined by persons on the spine %s of %s, version %d)", l.Table, l.Department, l.Version)
		}
	case *protocols.Admit:
		of(b.Query)
		e.What = "has checked the question and takes part"
	case *protocols.Screen:
		of(b.Query)
		e.What = "has opened the counts, and signs what of the answer is shown"
	case *protocols.Refuse:
		of(b.Query)
		e.What = fmt.Sprintf("refuses (%s): %s", b.Code, b.Sentence)
	case *protocols.Contribute:
		of(b.Query)
		e.What = "commits to " + engine.Plural(len(b.Blobs), "ciphertext") + " with proofs"
	case *protocols.Multiply:
		of(b.Query)
		e.What = "has verified what was contributed, and commits to " + engine.Plural(len(b.Blobs), "product") + " of it with proofs"
	case *protocols.Attest:
		of(b.Query)
		e.What = "has verified all contributions"
		if q := s.Query(b.Query); q != nil && q.Ask.Linked != nil {
			e.What += " and products"
		}
	case *protocols.Accuse:
		of(b.Query)
		e.What = fmt.Sprintf("accuses %s (%s): %s", AuthorName(s, b.Department), b.Fault, b.Sentence)
	case *protocols.Judge:
		if of(b.Case); s.Query(b.Case) == nil {
			e.Query, e.Epoch = "", b.Case.String()
		}
		verdict := "finds the accused blob right"
		if b.Guilty {
			verdict = "finds the accused blob wrong"
		}
		e.What = verdict
	case *protocols.ShareCommit:
		of(b.Query)
		e.What = "commits to " + engine.Plural(len(b.Blobs), "decryption share") + " with proofs"
	case *protocols.Done:
		of(b.Query)
		e.What = "has the answer; certificate " + ShortDigest(b.Certificate.String())
	case *protocols.Alert:
		of(b.Query)
		e.What = fmt.Sprintf("raises the alert %s (%s): %s", b.Name, b.Rule, b.Found)
	case *protocols.LinkageOpen:
		e.What = fmt.Sprintf("opens linkage %d of %s", b.Number, engine.Plural(len(b.Members), "department"))
	case *protocols.LinkageCommit:
		e.What = "commits to its share of the linkage's key"
	case *protocols.LinkageReveal:
		e.What = "shows the public part of its share, and that it knows the share"
	case *protocols.LinkageClose:
		e.What = "leaves the linkage, which closes it: " + b.Sentence
	case *protocols.Draw:
		e.What = fmt.Sprintf("draws tokens for %s (batch %d)", engine.Plural(int(b.Count), "id"), b.Number)
	case *protocols.Spine:
		e.Table, e.Version = b.Table, b.Version
		e.What = fmt.Sprintf("publishes the spine %s, version %d: %s", b.Table, b.Version, engine.Plural(b.Positions(), "position"))
	case *protocols.Withdraw:
		of(b.Query)
		e.What = "withdraws the question"
	case *protocols.Expire:
		of(b.Query)
		e.What = "says that the deadline has passed"
	}
}

// vouched is what a department says of a person, after its name.
func vouched(s *protocols.State, b *protocols.Vouch) string {
	text := fmt.Sprintf("vouches for %s (%s) as %s until %s", b.Name, peers.PeerOf(b.Person), strings.Join(protocols.RoleNames(b.Roles), ", "),
		time.Unix(b.Until, 0).UTC().Format(time.DateOnly))
	if b.Replaces != (protocols.Key{}) {
		text += ", in place of the key " + peers.PeerOf(b.Replaces)
	}
	return text
}

// personName is a person's name with its peer id, also of one that has ended.
func personName(s *protocols.State, k protocols.Key) string {
	if p := s.Person(k); p != nil {
		return fmt.Sprintf("%s (%s)", p.Name, peers.PeerOf(k))
	}
	if f := s.Former(k); f != nil {
		return fmt.Sprintf("%s (%s)", f.Name, peers.PeerOf(k))
	}
	return peers.PeerOf(k)
}

// PersonOf is a person by name and department, or empty: no department vouches for the key.
func PersonOf(s *protocols.State, k protocols.Key) string {
	if p := s.Person(k); p != nil {
		return p.Name + " of " + p.Department
	}
	return ""
}

// asked is an analyst's own text on one line, with which round of it is asked.
func asked(b *protocols.Ask) string {
	if b.Round == 0 {
		return strings.Join(strings.Fields(b.SQL), " ")
	}
	return fmt.Sprintf("%s (round %d)", strings.Join(strings.Fields(b.Question), " "), b.Round)
}

// ChangeText is a change of the membership as people read it, after "votes to".
func ChangeText(s *protocols.State, c protocols.Change) string {
	who := AuthorName(s, c.Key)
	switch c.Action {
	case protocols.ActionAdd:
		return fmt.Sprintf("add the %s %s", c.Role, peers.PeerOf(c.Key))
	case protocols.ActionRotate:
		return fmt.Sprintf("hand the place of %s (%s) over to %s", who, peers.PeerOf(c.Key), peers.PeerOf(c.NewKey))
	case protocols.ActionSeize:
		return fmt.Sprintf("SEIZE the place of %s (%s) for %s", who, peers.PeerOf(c.Key), peers.PeerOf(c.NewKey))
	}
	return fmt.Sprintf("remove %s (%s)", who, peers.PeerOf(c.Key))
}

// Text is what happened, and of an entry that was refused what it convicts its author of.
func (e Event) Text() string {
	if e.Refused != "" {
		return e.What + " — convicts its author: " + e.Refused
	}
	return e.What
}

// ShortDigest is the beginning of a digest, as lists show it.
func ShortDigest(hex string) string { return hex[:min(len(hex), 12)] }
