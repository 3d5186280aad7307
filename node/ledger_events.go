package node

import (
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// ledgerEvent is one entry of the ledger as a person reads it (README section
// 13).
type ledgerEvent struct {
	Number  uint64    `json:"number"`
	Block   uint64    `json:"block"`
	Time    time.Time `json:"time"` // when the block was signed, or if that is not known, the one before it
	Kind    string    `json:"kind"`
	Author  string    `json:"author"` // a member's name, or an analyst's peer id
	Peer    string    `json:"peer"`
	Seat    string    `json:"standing,omitempty"` // of a member that is no founder: how its key came to its name, and in which block
	Query   string    `json:"query,omitempty"`
	Epoch   string    `json:"epoch,omitempty"`
	Table   string    `json:"table,omitempty"`
	What    string    `json:"what"`
	Refused string    `json:"refused,omitempty"` // it convicts its author and had no other effect
}

// eventOf describes a record that the state has just ordered.
func eventOf(s *protocols.State, r *protocols.Record, refused error) ledgerEvent {
	e := ledgerEvent{Number: r.Number, Block: r.Block, Time: time.UnixMilli(r.Time).UTC(), Kind: r.Entry.Kind.String(),
		Author: authorName(s, r.Entry.Author), Peer: peers.PeerOf(r.Entry.Author)}
	if refused != nil {
		e.Refused = refused.Error()
	}
	if seat := s.SeatOf(r.Entry.Author); seat != nil {
		e.Seat = seatOf(*seat).standing()
	}
	body, err := r.Entry.Open()
	if err != nil {
		e.What = "does not decode"
		return e
	}
	e.describe(s, r.Entry.Author, body)
	return e
}

// authorName is a member's name; whoever has none is shown by its peer id.
func authorName(s *protocols.State, k protocols.Key) string {
	if name := s.NameOf(k); name != k.String() {
		return name
	}
	return peers.PeerOf(k)
}

func (e *ledgerEvent) describe(s *protocols.State, author protocols.Key, body protocols.Body) {
	of := func(query engine.Digest) {
		e.Query = query.String()
		if q := s.Query(query); q != nil && len(q.Registrations) > 0 {
			e.Table = q.Registrations[0].Table
		}
	}
	switch b := body.(type) {
	case *protocols.Join:
		e.What = "joins as " + b.Name
	case *protocols.Register:
		e.Table = b.Registration.Table
		e.What = fmt.Sprintf("registers version %d: %s, %s", b.Registration.Version,
			engine.Plural(b.Registration.Rows, "row"), engine.Plural(len(b.Registration.Columns), "column"))
	case *protocols.Vote:
		e.What = voteText(s, b.Change)
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
		e.What = "asks: " + strings.Join(strings.Fields(b.SQL), " ")
	case *protocols.Admit:
		of(b.Query)
		e.What = "has checked the question and takes part"
	case *protocols.Refuse:
		of(b.Query)
		e.What = fmt.Sprintf("refuses (%s): %s", b.Code, b.Sentence)
	case *protocols.Contribute:
		of(b.Query)
		e.What = "commits to " + engine.Plural(len(b.Blobs), "ciphertext") + " with proofs"
	case *protocols.Attest:
		of(b.Query)
		e.What = "has verified all contributions"
	case *protocols.Accuse:
		of(b.Query)
		e.What = fmt.Sprintf("accuses %s (%s): %s", authorName(s, b.Department), b.Fault, b.Sentence)
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
		e.What = "has the answer; certificate " + shortDigest(b.Certificate.String())
	case *protocols.Expire:
		of(b.Query)
		e.What = "says that the deadline has passed"
	}
}

func voteText(s *protocols.State, c protocols.Change) string {
	who := authorName(s, c.Key)
	switch c.Action {
	case protocols.ActionAdd:
		return fmt.Sprintf("votes to add the %s %s", c.Role, peers.PeerOf(c.Key))
	case protocols.ActionRotate:
		return fmt.Sprintf("votes to hand the place of %s (%s) over to %s", who, peers.PeerOf(c.Key), peers.PeerOf(c.NewKey))
	case protocols.ActionSeize:
		return fmt.Sprintf("votes to SEIZE the place of %s (%s) for %s", who, peers.PeerOf(c.Key), peers.PeerOf(c.NewKey))
	}
	return fmt.Sprintf("votes to remove %s (%s)", who, peers.PeerOf(c.Key))
}

func shortDigest(hex string) string { return hex[:min(len(hex), 12)] }

// timelineWidth is how many characters of what happened a timeline shows; --json
// has all of them.
const timelineWidth = 100

func shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// timeline shows events one below the other: when, in which block, who, what.
// Times after the first are told from it.
func timeline(events []ledgerEvent) string {
	var b strings.Builder
	width := 0
	for _, e := range events {
		width = max(width, len([]rune(shortAuthor(e))))
	}
	for i, e := range events {
		when := e.Time.Format("15:04:05.000")
		if i > 0 {
			when = fmt.Sprintf("%+11.3fs", e.Time.Sub(events[0].Time).Seconds())
		}
		fmt.Fprintf(&b, "  %s  block %-5d %-*s  %s\n", when, e.Block, width, shortAuthor(e), shorten(failure.Printable(e.what()), timelineWidth))
	}
	return b.String()
}

func (e ledgerEvent) what() string {
	if e.Refused != "" {
		return e.What + " — convicts its author: " + e.Refused
	}
	return e.What
}

// shortAuthor is a name as it is, a peer id by its end. Whose key is not a
// founder's has both, and how it came to be there.
func shortAuthor(e ledgerEvent) string {
	end := "…" + e.Peer[max(0, len(e.Peer)-8):]
	how, _, _ := strings.Cut(e.Seat, " ")
	switch {
	case e.Author == e.Peer:
		return strings.TrimSuffix(fmt.Sprintf("%s (%s)", end, how), " ()")
	case how != "":
		return fmt.Sprintf("%s (%s %s)", failure.Printable(e.Author), how, end)
	}
	return failure.Printable(e.Author)
}
