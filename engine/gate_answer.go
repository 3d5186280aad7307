package engine

import "slices"

// reason is why an expression over cells is withheld in a group: the lowest code of the cells that it depends
// on, whatever its value would be. 0: it is shown.
func (g group) reason(e *Expr) (code byte) {
	switch e.Op {
	case OpCount, OpMoment:
		return g.hidden(e.Column)
	case OpSum, OpAverage:
		return lowest(g.hidden(e.Column), g.hidden(e.Count))
	case OpWindow:
		if e.Column < len(g.plan.Windows) && e.Column < len(g.closed) {
			code = g.closed[e.Column]
		}
	}
	for _, a := range e.Args {
		code = lowest(code, g.reason(a))
	}
	return code
}

// hidden is the reason code of a group's moment, or of a part of what is added up to it.
func (g group) hidden(m int) byte {
	if g.reasons == nil {
		return 0
	}
	return g.reasons[m]
}

// valueOf evaluates an expression over cells, or gives NULL and why it is withheld.
func (g group) valueOf(e *Expr) (value, byte, error) {
	if code := g.reason(e); code != 0 {
		return value{}, code, nil
	}
	v, err := evaluate(e, g)
	return v, 0, err
}

// join adds to a united group one of its parts.
func (g *group) join(o group) {
	g.shown = g.shown || o.shown
	g.parts++
	if o.reasons == nil {
		return
	}
	if g.reasons == nil {
		g.reasons = make([]byte, len(o.reasons))
	}
	for m, code := range o.reasons {
		g.reasons[m] = lowest(g.reasons[m], code)
	}
}

// whole is why a group's row is not shown at all: the number of its rows is withheld, and so is that of all
// groups that it unites.
func (g group) whole() byte {
	if g.shown {
		return 0
	}
	return g.hidden(0)
}

// withheldBy adds to an answer what is withheld of a group: columns, or none for the row.
func (r *Result) withheldBy(g group, code byte, columns ...string) {
	r.Withheld = append(r.Withheld, Withheld{Group: g.printed(), Columns: columns, Rule: ReasonName(code)})
}

// printed are the group's keys.
func (g group) printed() (out []Value) {
	for _, v := range g.values {
		out = append(out, valueOf(v).print(false))
	}
	return out
}

// closedWindows says why windows are withheld: one of the rows that they run over depends on a withheld cell,
// or is not shown itself.
func (p *Plan) closedWindows(all []candidate, gone byte) []byte {
	if p.Withheld == nil {
		return nil
	}
	out := make([]byte, len(p.Windows))
	for n := range p.Windows {
		out[n] = gone
		if call := p.windowCall(n); call != nil {
			for _, c := range all {
				for _, a := range call.Args {
					out[n] = lowest(out[n], c.reason(a))
				}
			}
		}
	}
	return out
}

// reportReason is why a call that returns rows is not finished in a group.
func (g group) reportReason() (code byte) {
	for _, m := range g.plan.Report.Cells {
		if m >= 0 {
			code = lowest(code, g.hidden(m))
		}
	}
	return code
}

// reportSums describes the sums of a call that returns rows that are withheld for their largest rows, which one may leave out or bound more tightly.
func (g group) reportSums(code byte) (out []string) {
	for _, m := range g.plan.Report.Cells {
		if m >= 0 && g.hidden(m) == code && (code == ReasonDominance || code == ReasonRatio) {
			out = append(out, g.plan.describeMoment(m))
		}
	}
	return out
}

// withheldColumns collects, for one row, the columns that are withheld by each reason.
type withheldColumns [len(reasonNames)][]string

func (w *withheldColumns) add(code byte, column string) {
	if !slices.Contains(w[code], column) {
		w[code] = append(w[code], column)
	}
}

func (w *withheldColumns) tell(r *Result, g group) {
	for code, columns := range w {
		if code > 0 && len(columns) > 0 {
			r.withheldBy(g, byte(code), columns...)
		}
	}
}
