package audit

import (
	"context"
	"time"

	"parley/engine"
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
