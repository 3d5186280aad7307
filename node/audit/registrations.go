package audit

import (
	"context"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
)

// Registered is one version of a department's table, and where the ledger has it.
type Registered struct {
	engine.Registration
	Number, Block uint64
	Time          time.Time
	Source        []SourceChange // what the department said of its source since, in the ledger's order
}

// ReadRegistrations reads all registrations that a ledger has taken, in its order.
func ReadRegistrations(ctx context.Context, src Source) (all []Registered, err error) {
	err = wholeHistory(ctx, src, func(s *protocols.State, r *protocols.Record, refused error) error {
		body, err := r.Entry.Open()
		if err != nil || refused != nil {
			return nil
		}
		switch b := body.(type) {
		case *protocols.Register:
			all = append(all, Registered{Registration: b.Registration, Number: r.Number, Block: r.Block, Time: TimeOf(src, r)})
		case *protocols.Act:
			if news, ok := NewsOf(s, r.Entry.Author, b); ok {
				announced(all, s.NameOf(r.Entry.Author), news, SourceChange{news.Changed, r.Block, TimeOf(src, r)})
			}
		}
		return nil
	})
	return all, err
}

// Published is one version of a department's policy for a table, and where the ledger has it.
type Published struct {
	policy.Document
	By            string // the steward's name
	Number, Block uint64
	Time          time.Time
}

// ReadPolicies reads all policies that a ledger has taken, in its order.
func ReadPolicies(ctx context.Context, src Source) (all []Published, err error) {
	err = wholeHistory(ctx, src, func(s *protocols.State, r *protocols.Record, refused error) error {
		body, err := r.Entry.Open()
		if publish, ok := body.(*protocols.Publish); err == nil && ok && refused == nil {
			p := Published{Document: publish.Document, Number: r.Number, Block: r.Block, Time: TimeOf(src, r)}
			if by := s.Person(r.Entry.Author); by != nil {
				p.By = by.Name
			}
			all = append(all, p)
		}
		return nil
	})
	return all, err
}
