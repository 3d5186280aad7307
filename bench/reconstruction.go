package main

import (
	"context"
	"fmt"
	"os"

	"parley/engine"
	"parley/engine/privacy"
)

// control is what is in force while the tables are asked for: the [disclosure] of every department's policy.
type control struct{ name, section string }

// The parameters of differential privacy that are compared: ε in millionths, δ in units of 10^-12.
const (
	oneEpsilon   = 1_000_000
	oneDelta     = 1_000
	deltaWritten = "0.000000001"
)

// controls are what is compared: nothing, each preset that there is, what they would be where
// empty cells are shown, cell keys alone, and ε = 1 for each of so many
// tables, and for all of them.
func controls(tables int) []control {
	out := []control{{"none", ""}}
	for _, name := range engine.Presets() {
		out = append(out, control{name, fmt.Sprintf("preset = %q\n", name)})
	}
	share := privacy.Epsilon(privacy.Rho(oneEpsilon, oneDelta)/int64(tables), oneDelta) - 1 // whole millionths, so that all fit
	return append(out, control{"count 10, complement; empty cells shown", "count = 10\ncomplement = true\n"},
		control{"cell key, 5 rows", "perturbed = 5\n"},
		control{"ε = 1 for each table", "epsilon = 1.0\nbudget = 100.0\ndelta = " + deltaWritten + "\n"},
		control{"ε = 1 for all tables", fmt.Sprintf("epsilon = 0.%06d\nbudget = 1.0\ndelta = %s\n", share, deltaWritten)})
}

// reconstruction is what an analyst learns who asks for all tables of counts by one and by two columns.
type reconstruction struct {
	Persons     int             `json:"persons"`
	Departments int             `json:"departments"`
	Columns     []string        `json:"columns"`
	Tables      int             `json:"tables"`
	Cells       int             `json:"cells"`       // of all tables
	WithRows    int             `json:"cellsOfRows"` // that have rows
	Controls    []reconstructed `json:"controls"`
}

// reconstructed is that of one control.
type reconstructed struct {
	Control  string   `json:"control"`
	Rules    []string `json:"rules,omitempty"`
	Answered int      `json:"answered"`          // tables
	Refused  []string `json:"refused,omitempty"` // the reasons, once each
	// Pinned are the persons of whom the attacker knows that nobody else has the same value, or the same two values of two
	// columns: his bounds of that count are 1 and 1. PinnedByThree are those of whom he knows it of two columns or three.
	Pinned        int `json:"pinned"`
	PinnedByThree int `json:"pinnedByThree"`
	// Withheld are the cells of answered tables that are not shown, and Told those of them that the attacker knows all the
	// same; of them Small have rows, but fewer than the rules show, and Empty have none.
	Withheld int `json:"withheld"`
	Told     int `json:"told"`
	Small    int `json:"toldSmall"`
	Empty    int `json:"toldEmpty"`
	// Ones are the cells that are decrypted as 1, and TrueOnes those of them that have one row: who takes what is shown for
	// true, and is right.
	Ones     int `json:"ones"`
	TrueOnes int `json:"trueOnes"`
	// Shown is the share of the cells with rows that are shown, and Covered that of the tables' rows which these hold.
	Shown   float64 `json:"shown"`
	Covered float64 `json:"covered"`
	// Errors are how far shown cells are from the true ones, as a share of these, by size.
	Errors  []sizeError `json:"errors"`
	Seconds float64     `json:"seconds"`
}

// sizeError is of the shown cells that have at least From rows and fewer than the next size.
type sizeError struct {
	From   int     `json:"from"`
	Cells  int     `json:"cells"`
	Mean   float64 `json:"mean"`
	Most95 float64 `json:"quantile95"`
}

// errorSizes begin the sizes of cells of which errors are told apart.
var errorSizes = []int{1, 10, 100, 1000}

// runReconstruction asks for every table under every control, and attacks what comes of it.
func runReconstruction(ctx context.Context, path string) (*reconstruction, error) {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := openPeople(ctx, path, dir)
	if err != nil {
		return nil, err
	}
	defer p.close()
	out := &reconstruction{Persons: len(p.rows), Departments: len(p.tables)}
	for a, n := range p.sizes {
		out.Columns = append(out.Columns, p.names[a])
		for i := range n {
			out.count(p.truth.One(a, i))
		}
		for b := a + 1; b < len(p.sizes); b++ {
			for i := range n * p.sizes[b] {
				out.count(p.truth.Two(a, i/p.sizes[b], b, i%p.sizes[b]))
			}
		}
	}
	out.Tables = len(p.sizes) + len(p.sizes)*(len(p.sizes)-1)/2
	for _, c := range controls(out.Tables) {
		fmt.Fprintf(os.Stderr, "reconstruction: %s\n", c.name)
		r, err := p.attack(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		out.Controls = append(out.Controls, *r)
	}
	return out, nil
}

func (r *reconstruction) count(rows int) {
	if r.Cells++; rows > 0 {
		r.WithRows++
	}
}
