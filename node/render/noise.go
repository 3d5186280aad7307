package render

import (
	"fmt"
	"slices"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

// Noise is what of an answer carries noise, as --json prints it.
type Noise struct {
	Columns []engine.NoisyColumn `json:"columns"`
	Privacy *engine.Privacy      `json:"privacy,omitempty"` // under differential privacy
	Errors  [][]*string          `json:"errors"`            // standard errors, as rows has the values; null where there is none, or it is not known
}

func noiseOf(r *engine.Result) *Noise {
	if len(r.Noise) == 0 {
		return nil
	}
	return &Noise{Columns: r.Noise, Privacy: r.Privacy, Errors: each(r, func(v engine.Value) *string { return v.Error })}
}

// withErrors are a result's texts, numbers with their standard errors.
func withErrors(r *engine.Result) [][]*string {
	return each(r, func(v engine.Value) *string {
		if v.Text == nil || v.Error == nil {
			return v.Text
		}
		text := *v.Text + " ± " + *v.Error
		return &text
	})
}

// noiseText says which columns carry noise; "" where none does.
func noiseText(r *engine.Result) string {
	var b Page
	var said []string
	for _, n := range r.Noise {
		of := n.Kind + " noise"
		if n.Rows > 0 {
			of += " of up to ±" + engine.Plural(int(n.Rows), "row")
		}
		of += " of each of " + engine.Plural(n.Departments, "department")
		if slices.Contains(said, of) {
			continue
		}
		said = append(said, of)
		var columns []string
		for _, other := range r.Noise {
			if other.Kind == n.Kind && other.Departments == n.Departments {
				columns = append(columns, other.Column)
			}
		}
		b.put("noise: ", failure.Printable(fmt.Sprintf("%s: %s; behind ± is the standard error that it gives a figure", strings.Join(columns, ", "), of)))
	}
	if r.Privacy != nil {
		b.put("noise: ", failure.Printable(r.Privacy.String()))
	}
	return b.String()
}
