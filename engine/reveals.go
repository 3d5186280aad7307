package engine

import (
	"slices"
	"strings"
)

// maxListedCells is up to how many hidden cells a disclosure names one by one; beyond,
// it points to the list of moments, which names them all.
const maxListedCells = 24

// disclosures says what each party learns. README section 7.
func (p *Plan) disclosures(l Language) []ExplainedDisclosure {
	if p.Screen != nil {
		return p.screeningLearns()
	}
	analyst := p.shownCells(l)
	if p.noised() {
		analyst += l.text(", each with noise that every department adds to its own")
	}
	var hidden []string
	for m := range p.Moments {
		if !p.shown(m) {
			hidden = append(hidden, p.describeMoment(m))
		}
	}
	switch {
	case len(hidden) > maxListedCells:
		analyst += l.say("; among them, though the answer does not show them, %d of the sums and counts listed above", len(hidden))
	case len(hidden) > 0:
		analyst += l.say("; among them, though the answer does not show them: %s", strings.Join(hidden, ", "))
	}
	if p.Having != nil || p.Limit != nil || p.Offset > 0 {
		analyst += l.text("; those of groups that HAVING, OFFSET or LIMIT hides included")
	}
	whoever := l.text("the analyst, and whoever is shown the opened certificate")
	out := []ExplainedDisclosure{{whoever, analyst}}
	for _, what := range p.distributions(l) {
		out = append(out, ExplainedDisclosure{whoever, what})
	}
	if len(p.Registrations) == 1 {
		out = append(out, ExplainedDisclosure{whoever,
			l.say("these are the figures of %s alone: no other department's rows are among them",
				p.Registrations[0].Department)})
	}
	everyone := l.text("the query, the schema and its bounds, row counts and versions of the tables, who takes part, sizes and times (a department's to tenths of a second); no cell")
	if p.Rounds() {
		everyone += l.text(", but those that contribute see each count before it is rounded")
	}
	out = append(out, ExplainedDisclosure{l.text("every department"), everyone})
	out = append(out, p.linkedLearns(l)...)
	if p.Report != nil && functions[p.Report.Function].report.question != "" {
		out = append(out, ExplainedDisclosure{l.text("every department and the analyst"), l.text(functions[p.Report.Function].report.question)})
	}
	if names := p.keyNames(); len(names) > 0 {
		out = append(out, ExplainedDisclosure{l.text("every department and the analyst"),
			l.say("the values that each department has in %s, which are in its dictionaries", strings.Join(names, ", "))})
	}
	return out
}

// distributions says what the cells of each function add up to, where the list of cells does
// not say it.
func (p *Plan) distributions(l Language) []string {
	var out []string
	add := func(name string, f function, call *Expr) {
		if what := f.learns(l, call); what != "" {
			out = append(out, l.say("for %s, %s", name, what))
		}
	}
	for _, o := range p.Outputs {
		eachFunction(o.Expr, func(e *Expr) { add(o.Name, functions[e.Value.Text], e) })
	}
	for _, o := range p.behind() {
		eachFunction(o, func(e *Expr) { add(e.Value.Text, functions[e.Value.Text], e) })
	}
	if p.Report != nil {
		add(p.Report.Function, functions[p.Report.Function], nil)
	}
	return out
}

// behind are the expressions over cells that no output shows.
func (p *Plan) behind() (out []*Expr) {
	shown := func(e *Expr) bool {
		return slices.ContainsFunc(p.Outputs, func(o Output) bool { return o.Expr.equal(e) })
	}
	for _, o := range p.Order {
		if !shown(o.Expr) {
			out = append(out, o.Expr)
		}
	}
	if p.Having != nil {
		out = append(out, p.Having)
	}
	return out
}

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
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, g := range p.Groups {
		columnsOf(g.Expr, func(c int) {
			if p.Schema.Columns[c].HasDictionary {
				add(c)
			}
		})
	}
	if p.Report != nil {
		for _, k := range p.Report.Keys {
			add(k.Column)
		}
		if functions[p.Report.Function].report.terms {
			for _, m := range p.Moments {
				indicated(m.Filter, add)
			}
		}
	}
	all := p.behind()
	for _, o := range p.Outputs {
		all = append(all, o.Expr)
	}
	for _, o := range all {
		eachFunction(o, func(e *Expr) {
			for _, a := range e.Args {
				if functions[e.Value.Text].order != nil && a.Op == OpMoment {
					indicated(p.Moments[a.Column].Filter, func(c int) {
						if p.Schema.Columns[c].HasDictionary {
							add(c)
						}
					})
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
	if filter.Op == OpEqual {
		columnsOf(filter.Args[0], visit)
	}
	if filter.Op == OpAnd {
		for _, a := range filter.Args {
			indicated(a, visit)
		}
	}
}
