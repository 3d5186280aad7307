package linkage

import (
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
	Column      string   `json:"column"`               // of the key
	Role        string   `json:"role"`                 // spine: the table is one; of: its keys are placed on one
	Spine       string   `json:"spine"`                // the name
	Department  string   `json:"department"`           // whose spine it is
	Keys        int      `json:"keys"`                 // distinct, in their one spelling
	Unusable    int      `json:"unusable,omitempty"`   // values that are no key: empty, too long
	WithoutKey  int64    `json:"withoutKey,omitempty"` // rows whose key is NULL
	WrongCheck  int      `json:"wrongCheckDigit,omitempty"`
	Tokens      int      `json:"tokens"` // of these keys
	SecondsLeft float64  `json:"secondsLeft,omitempty"`
	Version     uint64   `json:"version,omitempty"`     // of the spine
	Positions   int      `json:"positions,omitempty"`   // that it has
	Placed      int      `json:"placed"`                // keys on it
	Unplaced    int      `json:"unplaced"`              // keys that it lacks
	LeastPlaced int      `json:"leastPlaced,omitempty"` // percent of the keys that have to be on it
	Known       int      `json:"known,omitempty"`       // keys that it was asked for as it was accepted before
	Changed     int      `json:"changed,omitempty"`     // of these, those that came to it or left it since
	MostChanged int      `json:"mostChanged,omitempty"` // percent of these that may have
	Held        string   `json:"held,omitempty"`        // why the department does not answer on this version
	Admitted    []string `json:"admitted,omitempty"`    // to a spine of this department's: who may learn which of their keys are on it
	State       string   `json:"status,omitempty"`      // drawing, publishing, published, placed, or what it waits for

	placedOn  uint64
	placedOf  engine.Digest
	placedBy  linkage.Limits
	placement *Placement
}

// statePublishing is the state of a spine from when its blocks are made until the ledger has it.
const statePublishing = "publishing"

// forget drops positions: they are not those of the spine as it is.
func (r *TableReport) forget(why string) {
	r.State, r.Version, r.Positions, r.Placed, r.Unplaced, r.Known, r.Changed, r.Held = why, 0, 0, 0, 0, 0, 0, ""
	r.placedOn, r.placedOf, r.placedBy, r.placement = 0, engine.Digest{}, linkage.Limits{}, nil
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
			if spine := link.Spine(state.NameOf(l.o.Self), t.Name); t.Of == "" && spine != nil {
				for _, m := range link.Members {
					if m.Key != l.o.Self && state.Admitted(spine, m.Key) {
						shown.Admitted = append(shown.Admitted, m.Name)
					}
				}
			}
			r.Tables = append(r.Tables, shown)
			continue
		}
		waiting := TableReport{State: "waiting"}
		waiting.about(t, state.NameOf(l.o.Self))
		r.Tables = append(r.Tables, waiting)
	}
	l.report.Store(r)
}

// about notes which table it is of, and on which spine its keys are placed.
func (r *TableReport) about(t Table, self string) {
	r.Table, r.Column, r.Role, r.Spine, r.Department = t.Name, t.Column, "of", t.Of, t.OfDepartment
	if t.Of == "" {
		r.Role, r.Spine, r.Department = "spine", t.Name, self
	}
}

// Report is how far the department is.
func (l *Linker) Report() Report { return *l.report.Load() }
