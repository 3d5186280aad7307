package engine

import (
	"math/big"
	"slices"
	"strings"
)

// fitted is a function that fits parameters, as the rules of Freedom and ParametersPerMille see it. README
// section 18.3.
type fitted struct {
	rows       []int // supports without a row in common, of whose rows it is fitted to all
	parameters int64 // at most
	classes    bool  // it has a parameter for each of rows that has some
	moments    []int // its cells, but for the number of the group's rows
}

// pairFits are the aggregates that fit a line: two parameters.
var pairFits = []string{"corr", "regr_slope", "regr_intercept", "regr_r2"}

// fits finds them in a plan.
func (p *Plan) fits(s *supports) (out []fitted) {
	for _, e := range p.overCells() {
		eachFunction(e, func(call *Expr) {
			if !slices.Contains(pairFits, call.Value.Text) {
				return
			}
			f := fitted{rows: []int{s.rowsOf(call.Args[0].Column)}, parameters: 2}
			for _, a := range call.Args {
				f.add(a.Column)
			}
			out = append(out, f)
		})
	}
	if f, ok := p.reportFit(s); ok {
		out = append(out, f)
	}
	return out
}

func (f *fitted) add(m int) {
	if m > 0 && !slices.Contains(f.moments, m) {
		f.moments = append(f.moments, m)
	}
}

// reportFit is the call that returns rows, if it fits something.
func (p *Plan) reportFit(s *supports) (f fitted, fits bool) {
	r := p.Report
	if r == nil {
		return f, false
	}
	// Where the numbers of complete rows stand among its cells: the first, and how far apart they are.
	first, step := 1, 0
	switch base := strings.TrimSuffix(strings.TrimSuffix(r.Function, "_step"), "0"); base {
	case "linreg", "logreg":
		f.parameters = int64(len(r.Names))
	case "ratio":
		f.parameters = 1
	case "anova":
		first, step, f.classes = 2, 2, true
	case "ttest":
		step, f.classes = 3, true
	default:
		return f, false
	}
	for i := first; i < len(r.Cells); i += step {
		f.rows = append(f.rows, s.rowsOf(r.Cells[i]))
		if step == 0 {
			break
		}
	}
	if f.classes {
		f.parameters = int64(len(f.rows))
	}
	for _, m := range r.Cells {
		f.add(m)
	}
	return f, true
}

// overCells are the plan's expressions over cells.
func (p *Plan) overCells() (out []*Expr) {
	for _, o := range p.Outputs {
		out = append(out, o.Expr)
	}
	for _, o := range p.Order {
		out = append(out, o.Expr)
	}
	if p.Having != nil {
		out = append(out, p.Having)
	}
	return out
}

// rowsOf is the support that a moment counts.
func (s *supports) rowsOf(m int) int {
	moment := &s.plan.Moments[m]
	var conditions []*Expr
	if moment.Filter != nil {
		conditions = append(conditions, moment.Filter)
	}
	if moment.Op == CountNonNull {
		conditions = append(conditions, valued(moment.Expr, nil)...)
	}
	return s.add(conditions)
}

// freedom is the least number of rows for so many parameters by one rule, share by the other; 0: no rule.
func (f fitted) freedom(d Disclosure, parameters int64) int64 {
	if d.Freedom == 0 {
		return 0
	}
	return parameters + d.Freedom
}

func (f fitted) share(d Disclosure, parameters int64) int64 {
	if d.ParametersPerMille == 0 {
		return 0
	}
	return (parameters*1000 + d.ParametersPerMille - 1) / d.ParametersPerMille
}

// unfit is why there are too few rows for what is fitted to them; 0 where there are not.
func (s *Screening) unfit(f fitted, cells []*big.Int) byte {
	n, parameters := int64(0), f.parameters
	if f.classes {
		parameters = 0
	}
	for _, i := range f.rows {
		if s.figures[i].count < 0 {
			continue
		}
		rows := cells[s.figures[i].count].Int64()
		if n = s.together(n, rows); f.classes && rows > 0 {
			parameters++
		}
	}
	switch {
	case n == 0 && !s.Rules.ZeroIsSmall:
		return 0
	case n < s.enough(f.freedom(s.Rules, parameters), int64(len(f.rows))):
		return ReasonFreedom
	case n < s.enough(f.share(s.Rules, parameters), int64(len(f.rows))):
		return ReasonParameters
	}
	return 0
}
