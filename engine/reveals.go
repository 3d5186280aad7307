package engine

import (
	"fmt"
	"strings"
)

// maxListedCells is up to how many hidden cells a disclosure names one by one; beyond,
// it points to the list of moments, which names them all.
const maxListedCells = 24

// disclosures says what each party learns. DESIGN section 2, promise 1.
func (p *Plan) disclosures() []ExplainedDisclosure {
	analyst := fmt.Sprintf("every cell (%d), summed over the departments", p.CellCount())
	var hidden []string
	for m := range p.Moments {
		if !p.shown(m) {
			hidden = append(hidden, p.describeMoment(m))
		}
	}
	switch {
	case len(hidden) > maxListedCells:
		analyst += fmt.Sprintf("; among them, though the answer does not show them, %d of the sums and counts listed above", len(hidden))
	case len(hidden) > 0:
		analyst += "; among them, though the answer does not show them: " + strings.Join(hidden, ", ")
	}
	if p.Having != nil || p.Limit != nil || p.Offset > 0 {
		analyst += "; those of groups that HAVING, OFFSET or LIMIT hides included"
	}
	const whoever = "the analyst, and whoever is shown the opened certificate"
	out := []ExplainedDisclosure{{whoever, analyst}}
	for _, what := range p.distributions() {
		out = append(out, ExplainedDisclosure{whoever, what})
	}
	if len(p.Registrations) == 1 {
		out = append(out, ExplainedDisclosure{whoever, fmt.Sprintf("these are the figures of %s alone: no other department's rows are among them", p.Registrations[0].Department)})
	}
	everyone := "the query, the schema and its bounds, row counts and versions of the tables, who takes part, sizes and times (a department's to tenths of a second); no cell"
	out = append(out, ExplainedDisclosure{"every department", everyone})
	if r := p.Report; r != nil && strings.HasPrefix(r.Function, "logreg") {
		out = append(out, ExplainedDisclosure{"every department and the analyst", "the coefficients, which are in the question"})
	}
	if names := p.keyNames(); len(names) > 0 {
		out = append(out, ExplainedDisclosure{"every department and the analyst",
			"the values that each department has in " + strings.Join(names, ", ") + ", which are in its dictionaries"})
	}
	return out
}

// distributions says what the cells of statistics over a column's values add up to.
func (p *Plan) distributions() []string {
	var out []string
	for _, o := range p.Outputs {
		eachFunction(o.Expr, func(e *Expr) {
			s, ok := orderStatistics[e.Value.Text]
			values := 0
			for _, a := range e.Args {
				if a.Op == OpMoment {
					values++
				}
			}
			switch {
			case e.Value.Text == sketchFunction:
				out = append(out, sketchLeak(o.Name, e))
			case !ok:
			case s.moment == Present:
				out = append(out, fmt.Sprintf("for %s, in how many departments each of %s occurs", o.Name, plural(int64(values), "value")))
			default:
				out = append(out, fmt.Sprintf("for %s, the whole distribution: how many rows have each of %s", o.Name, plural(int64(values), "value")))
			}
		})
	}
	if p.Report == nil {
		return out
	}
	return append(out, fmt.Sprintf("for %s, %s", p.Report.Function, reportLeaks[p.Report.Function]))
}

// reportLeaks says of each function that returns rows what its cells are.
var reportLeaks = map[string]string{
	"linreg":       "the number of complete rows, and the sum of the product of each pair of the terms, the intercept and the dependent variable",
	"linreg0":      "the number of complete rows, and the sum of the product of each pair of the terms and the dependent variable",
	"logreg_step":  logregLeak,
	"logreg0_step": logregLeak,
	"anova":        "the number of rows and the sum of y of each group, and the sum of all squares",
	"histogram":    "the number of values in each bin, and of all",
	"crosstab":     "the number of rows of each pair of values",
	"ttest":        "the number of rows, the sum of y and that of its squares of each group",
	"mannwhitney":  "the whole distribution of x in each group: how many rows have each value",
	"survival":     "how many rows end at each time, in each group, and how many of them by the event",
	"logrank":      "how many rows end at each time, in each group, and how many of them by the event",
	"lorenz":       "the population and the total of each group",
	"rates":        "the events and the population of each stratum",
	"buckets":      "the number of values in each bucket, and of all",
	"ratio":        "the sums of y, x, their squares and their product over the complete rows",
	"describe":     "the sums of the first four powers of x",
}

const logregLeak = "the number of complete rows, and, at the coefficients in the question, for each pair of terms the sum of their product weighted with μ(1−μ), for each term its sum weighted with y−μ, and the likelihood; μ is the probability that the coefficients give to y"

// eachFunction calls visit for the statistics in an expression over cells.
func eachFunction(e *Expr, visit func(*Expr)) {
	if e.Op == OpFunction {
		visit(e)
	}
	for _, a := range e.Args {
		eachFunction(a, visit)
	}
}

// keyNames are the columns whose dictionaries make cells: those of GROUP BY, those of
// a report, and those whose values a statistic counts.
func (p *Plan) keyNames() []string {
	var names []string
	add := func(column int) {
		name := p.Schema.Columns[column].Name
		for _, n := range names {
			if n == name {
				return
			}
		}
		names = append(names, name)
	}
	for _, g := range p.Groups {
		add(g.Column)
	}
	if p.Report != nil {
		for _, k := range p.Report.Keys {
			add(k.Column)
		}
		if p.Report.isRegression() {
			for _, m := range p.Moments {
				indicated(m.Filter, add)
			}
		}
	}
	for _, o := range p.Outputs {
		eachFunction(o.Expr, func(e *Expr) {
			for _, a := range e.Args {
				if _, ok := orderStatistics[e.Value.Text]; ok && a.Op == OpMoment {
					indicated(p.Moments[a.Column].Filter, add)
				}
			}
		})
	}
	return names
}

// indicated calls visit for the columns that a filter compares with a value of their
// dictionary.
func indicated(filter *Expr, visit func(column int)) {
	if filter == nil {
		return
	}
	if filter.Op == OpEqual && filter.Args[0].Op == OpColumn {
		visit(filter.Args[0].Column)
	}
	if filter.Op == OpAnd {
		for _, a := range filter.Args {
			indicated(a, visit)
		}
	}
}
