package door

import (
	"context"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/protocols"
)

// Network is what a desk asks its questions of: a *client.Client is one.
type Network interface {
	client.Asker
	Decide(ctx context.Context, sql string, o client.AskOptions) (policy.Decision, error)
	Screening(ctx context.Context, sql string, departments []string, rules engine.Disclosure) (*engine.ExplainedScreening, error)
	Ruled(ctx context.Context, sql string, o client.AskOptions, rules engine.Disclosure) (*engine.Explanation, error)
	View(look func(*protocols.State))
	Signed(entry uint64) time.Time
	Key() protocols.Key
}

// Desk is where one person's sessions ask, whatever door they came in by: one account of what is asked at once, one
// list of kept answers. Safe for concurrent use.
type Desk struct{}

// Catalogue is what the person sees: tables and columns that grants show.
func (d *Desk) Catalogue(ctx context.Context) (engine.Catalogue, error) { panic("to be written") }

// Version changes whenever Catalogue may give something else. Cheap: it asks nobody.
func (d *Desk) Version() uint64 { panic("to be written") }

// Standing is nil while the person may use the door; afterwards (revoked, or never vouched for) it says why not.
func (d *Desk) Standing() *client.QueryError { panic("to be written") }

// Ask asks a question and keeps its answer with its certificate. Waits its turn where the person asks more at once than is allowed.
func (d *Desk) Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error) {
	panic("to be written")
}

// Plan types a question over the present tables without asking or deciding anything: the columns it will give.
func (d *Desk) Plan(ctx context.Context, sql string) ([]Column, error) { panic("to be written") }

// Explain is what `parley explain --node` prints, in lines.
func (d *Desk) Explain(ctx context.Context, sql string, o client.AskOptions) ([]string, error) {
	panic("to be written")
}

// Table is one of the door's own: answers, catalogue, grants, ledger, trail.
type Table struct {
	Name, Comment string
	Columns       []Column
}

// Column is a column of an answer or of a door's own table.
type Column struct {
	Name    string
	Kind    engine.Kind // Bytes where it holds bytes
	Scale   int         // of a Decimal; −1: not fixed
	Comment string
}

// Bytes is the kind of a column that no question has: a certificate's.
const Bytes engine.Kind = 255

// Tables are the door's own.
func Tables() []Table { panic("to be written") }

// Rows are those of one of them for this person, in PostgreSQL's text form; nil is NULL. Bounded by MaxOwnBytes.
func (d *Desk) Rows(ctx context.Context, table string) ([][]*string, error) { panic("to be written") }
