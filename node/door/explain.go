package door

import (
	"context"
	"errors"
	"strings"

	"parley/engine"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/render"
)

// Explained is what a question would compute and reveal, and what the departments would decide about it.
type Explained struct {
	engine.SessionExplanation
	Decision render.Decision
}

// Explain explains a question over a network's tables and says what the departments would decide. It asks nothing.
func Explain(ctx context.Context, n Network, sql string, o client.AskOptions, told Told) (*Explained, error) {
	explanation, err := n.Explain(ctx, sql, o)
	if err != nil {
		return nil, err
	}
	decided, err := n.Decide(ctx, sql, o)
	if err != nil {
		return nil, err
	}
	var screening *engine.ExplainedScreening
	if decided.Allowed {
		if screening, err = n.Screening(ctx, sql, o.Departments, decided.Rules); err != nil {
			return nil, err
		}
	}
	ruled, err := n.Ruled(ctx, sql, o, decided.Rules)
	var unruled *client.QueryError
	switch {
	case err != nil && !decided.Allowed && errors.As(err, &unruled): // refused in any case
		explanation.First.Notes = append(explanation.First.Notes, render.NotEvenRuled(unruled.Sentence, o.Language))
	case err != nil:
		return nil, err
	case ruled != nil:
		explanation.First = *ruled
	}
	out := &Explained{explanation, render.DecisionOf(&decided, o.Language)}
	if told != nil {
		if out.Decision, err = told(ctx, sql, o, &decided); err != nil {
			return nil, err
		}
	}
	out.Decision.Screening = screening
	return out, nil
}

// Text is the explanation for people.
func (x *Explained) Text(language string) string {
	text := failure.PrintableLines(x.SessionExplanation.String()) // its notes quote values
	if x.Decision.Allowed {
		return text + "\n" + x.Decision.In(language)
	}
	return x.Decision.In(language) + "\n" + render.WereItAllowed(language) + text
}

// Lines are those of Text.
func (x *Explained) Lines(language string) []string {
	return strings.Split(strings.TrimSuffix(x.Text(language), "\n"), "\n")
}
