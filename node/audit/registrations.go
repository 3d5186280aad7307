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
}

// ReadRegistrations reads all registrations that a ledger has taken, in its order.
func ReadRegistrations(ctx context.Context, src Source) (all []Registered, err error) {
	err = wholeHistory(ctx, src, func(_ *protocols.State, r *protocols.Record, refused error) error {
		body, err := r.Entry.Open()
		if register, ok := body.(*protocols.Register); err == nil && ok && refused == nil {
			all = append(all, Registered{register.Registration, r.Number, r.Block, TimeOf(src, r)})
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
