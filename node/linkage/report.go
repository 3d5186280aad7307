package linkage

import (
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/linkage"
)

// Report is what the department's own operator is shown. Nobody else sees how many of its keys are on a spine.
type Report struct {
	State     string        `json:"state"` // none, committing, revealing, formed, closed
	ID        string        `json:"id,omitempty"`
	Number    uint64        `json:"number,omitempty"`
	Members   []string      `json:"members,omitempty"`
	Missing   []string      `json:"missing,omitempty"` // whom the formation waits for
	Why       string        `json:"why,omitempty"`     // it is closed
	Drawn     int64         `json:"drawn"`             // ids for which tokens are drawn, as the ledger counts
	Allowed   int64         `json:"allowed"`           // by the strictest of the other members' stewards
	AllowedBy string        `json:"allowedBy,omitempty"`
	Waits     string        `json:"waits,omitempty"` // for what, a sentence
	Tables    []TableReport `json:"tables"`
}

// TableReport is of one table.
type TableReport struct {
	Table       string   `json:"table"`
	Column      string   `json:"column"`              // of the key
	Role        string   `json:"role"`                // spine: the table is one; of: its keys are placed on one
	Spine       string   `json:"spine"`               // the name
	Publisher   string   `json:"publisher,omitempty"` // the department whose spine has that name
	Keys        int      `json:"keys"`                // distinct, in their one spelling
	Unusable    int      `json:"unusable,omitempty"`  // values that are no key: empty, too long
	WrongCheck  int      `json:"wrongCheckDigit,omitempty"`
	Tokens      int      `json:"tokens"` // of these keys
	SecondsLeft float64  `json:"secondsLeft,omitempty"`
	Version     uint64   `json:"version,omitempty"`   // of the spine
	Positions   int      `json:"positions,omitempty"` // that it has
	Placed      int      `json:"placed"`              // keys on it
	Unplaced    int      `json:"unplaced"`            // keys that it lacks
	Admitted    []string `json:"admitted,omitempty"`  // to a spine of this department's: who may learn which of their keys are on it
	State       string   `json:"status,omitempty"`    // drawing, publishing, published, placed, or what it waits for

	placedOn  uint64
	placedOf  engine.Digest
	positions []uint32
}

// statePublishing is the state of a spine from when its blocks are made until the ledger has it.
const statePublishing = "publishing"

// forget drops positions: they are not those of the spine as it is.
func (r *TableReport) forget(why string) {
	r.State, r.Version, r.Positions, r.Placed, r.Unplaced = why, 0, 0, 0, 0
	r.placedOn, r.placedOf, r.positions, r.Publisher = 0, engine.Digest{}, nil, ""
}

// count notes how far the tables' tokens are.
func (l *Linker) count(seed linkage.Seed, pending int) {
	left := 0.0
	if l.rate.ids > 0 {
		left = time.Since(l.rate.since).Seconds() / float64(l.rate.ids) * float64(pending)
	}
	for name, k := range l.tables {
		r := l.reports[name]
		r.Tokens = 0
		for _, h := range k.named(seed) {
			if _, have := l.tokens[h]; have {
				r.Tokens++
			}
		}
		if r.Tokens < r.Keys {
			r.forget("drawing")
			r.SecondsLeft = left
		} else if r.SecondsLeft = 0; r.State == "drawing" {
			r.State = ""
		}
	}
	l.tell(nil)
}

// tell makes the report anew.
func (l *Linker) tell(err error) {
	state := l.o.State()
	link := state.Linkage()
	r := &Report{State: "none", Tables: []TableReport{}}
	if link != nil {
		r.State, r.ID, r.Number, r.Missing, r.Why = link.Phase.String(), link.ID.String(), link.Number, link.Missing(), link.Closed
		for _, m := range link.Members {
			r.Members = append(r.Members, m.Name)
		}
		r.Drawn, _ = link.Drawn(l.o.Self)
		r.Allowed, r.AllowedBy = state.Drawable(l.o.Self)
	}
	if err != nil {
		r.Waits = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	for _, t := range l.o.Tables() {
		if of := l.reports[t.Name]; of != nil && link != nil && link.Phase == protocols.LinkageFormed {
			shown := *of
			if spine := link.Spine(t.Name); t.Of == "" && spine != nil && spine.By == l.o.Self {
				for _, m := range link.Members {
					if m.Key != l.o.Self && state.Admitted(spine, m.Key) {
						shown.Admitted = append(shown.Admitted, m.Name)
					}
				}
			}
			r.Tables = append(r.Tables, shown)
			continue
		}
		waiting := TableReport{Table: t.Name, Column: t.Column, Role: "of", Spine: t.Of, State: "waiting"}
		if t.Of == "" {
			waiting.Role, waiting.Spine = "spine", t.Name
		}
		r.Tables = append(r.Tables, waiting)
	}
	l.report.Store(r)
}

// Report is how far the department is.
func (l *Linker) Report() Report { return *l.report.Load() }

// Positions are those of a table's keys on its spine, in the order of the keys' canonical spelling; linkage.Unplaced where the spine has none.
// false until all are placed.
func (l *Linker) Positions(table string) ([]uint32, bool) {
	for _, t := range l.report.Load().Tables {
		if t.Table == table && t.positions != nil {
			return slices.Clone(t.positions), true
		}
	}
	return nil, false
}
