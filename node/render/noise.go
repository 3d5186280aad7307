package render

import (
	"slices"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

// Noise is what of an answer carries noise, as --json prints it.
type Noise struct {
	Columns []engine.NoisyColumn `json:"columns"`
	Privacy *engine.Privacy      `json:"privacy,omitempty"` // under differential privacy
	// Epsilon, for Delta, is what the question takes of each budget then.
	Epsilon string      `json:"epsilon,omitempty"`
	Delta   string      `json:"delta,omitempty"`
	Errors  [][]*string `json:"errors"` // standard errors, as rows has the values; null where there is none, or it is not known
}

func noiseOf(r *engine.Result, p *engine.Plan) *Noise {
	epsilon, delta := p.Price()
	if len(r.Noise) == 0 && epsilon == "" {
		return nil
	}
	return &Noise{Columns: append([]engine.NoisyColumn{}, r.Noise...), Privacy: r.Privacy, Epsilon: epsilon, Delta: delta, Errors: each(r, func(v engine.Value) *string { return v.Error })}
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

// noiseText says which columns carry noise, and what that cost; "" where none does.
func noiseText(r *engine.Result, p *engine.Plan, l notesLanguage) string {
	var b Page
	var said []string
	for _, n := range r.Noise {
		of := l.say(n.Kind)
		if n.Rows > 0 {
			of += l.say("up to", l.plural(int(n.Rows), "row"))
		}
		of = l.say("of each", of, l.plural(n.Departments, "department"))
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
		b.put(l.say("noise"), failure.Printable(l.say("carry", strings.Join(columns, ", "), of)))
	}
	if len(r.Noise) > 0 && p != nil && len(p.Groups) > 0 {
		b.put(l.say("noise"), l.say("left out"))
	}
	if n := noiseOf(r, p); n != nil && n.Epsilon != "" {
		b.put(l.say("cost"), l.say("took", n.Epsilon, n.Delta))
	}
	if r.Privacy != nil {
		b.put(l.say("noise"), failure.Printable(r.Privacy.In([]engine.Language{engine.English, engine.Chinese}[l])))
	}
	return b.String()
}
