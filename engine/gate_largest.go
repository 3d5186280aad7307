package engine

import (
	"math/big"
	"slices"
)

// The rules about the largest rows of a sum. Nobody learns these: each department tells by how much the others of its own rows outweigh them, which
// adds up to no more than is true of all rows together. README section 18.11.

// sumRule is a figure of a variable's slack by one rule.
type sumRule struct {
	*variable
	code   byte
	slack  Slack
	moment int // of the screening's plan
}

// largest reports whether rules are about the largest rows of sums.
func (d Disclosure) largest() bool { return d.DominanceCount > 0 || d.RatioPerMille > 0 }

// sumRules are the variables of the answer's sums by each rule about their largest rows; none where there is no such rule. It keeps the sums' terms.
func (s *Screening) sumRules() (out []sumRule, err error) {
	if !s.Rules.largest() {
		return nil, nil
	}
	all, terms, err := s.supports.variablesOf()
	s.terms = terms
	for _, x := range all {
		if s.Rules.Floor > 0 {
			x.rows = s.supports.add(append(slices.Clone(x.conditions), nonzero(x.expr)...))
		}
		if s.Rules.DominanceCount > 0 {
			out = append(out, sumRule{x, ReasonDominance, dominanceSlack(s.Rules.DominanceCount, s.Rules.DominancePerMille), 0})
		}
		if s.Rules.RatioPerMille > 0 {
			out = append(out, sumRule{x, ReasonRatio, ratioSlack(s.Rules.RatioPerMille), 0})
		}
	}
	return out, err
}

// addSlacks adds the figures of sums to a screening's plan, whose first figure of each support is known. where is what WHERE asks, if the plan's filter does not.
func (p *Plan) addSlacks(sums []sumRule, where *Expr, first []int) {
	for _, x := range sums {
		m := Moment{Op: Weigh, Expr: x.expr.unsigned(), Filter: conjunction(where, x.conditions), Slack: x.slack, unit: slackUnit(x.slack, p.magnitude(x.expr))}
		if p.Screen.Rules.Floor > 0 {
			m.Rows = 1 + first[x.rows]
		}
		x.moment = len(p.Moments)
		p.Moments = append(p.Moments, m)
		p.Screen.sums = append(p.Screen.sums, x)
	}
}

// unsigned is a number without its sign.
func (e *Expr) unsigned() *Expr {
	if e.Min.Sign() >= 0 {
		return e
	}
	out := &Expr{Op: OpAbs, Args: []*Expr{e}, Kind: e.Kind, Scale: e.Scale, Nullable: e.Nullable}
	s, _ := out.rowSpan([]span{{e.Min, e.Max}})
	out.Min, out.Max = s.lo, s.hi
	return out
}

// magnitude is the most, below or above 0, that a number is in a row of any of the plan's departments.
func (p *Plan) magnitude(e *Expr) *big.Int {
	most := new(big.Int)
	for dep := range p.Registrations {
		most = maximum(most, p.Magnitude(dep, e))
	}
	return most
}

// slackFigure is what a department contributes of a slack. Where a floor is in force and it has fewer rows, that is the worst: the floor's
// figure says so, and no more.
func (p *Plan) slackFigure(all []*big.Int, m int) *big.Int {
	moment := &p.Moments[m]
	if moment.Rows > 0 {
		rows := all[moment.Rows-1]
		if rows == nil {
			return nil
		}
		if rows.Sign() > 0 && rows.Cmp(big.NewInt(p.Screen.Rules.Floor)) < 0 {
			return new(big.Int)
		}
	}
	return moment.slackFigure(all[m], len(p.Departments))
}

// slackOf is how many steps a slack of all departments together is above 0, at the least.
func (p *Plan) slackOf(x sumRule, cells []*big.Int) int64 {
	return cells[x.moment].Int64() - slackSteps*int64(len(p.Departments))
}

// weighSums withholds the sums whose largest rows may be too much of them, and those that would tell one of these.
func (p *Plan) weighSums(cells []*big.Int, verdict []byte) error {
	s, width := p.Screen, len(p.Screen.answer.Moments)
	if len(s.sums) == 0 {
		return nil
	}
	for g := range p.groupCount() {
		own, told := make([]byte, width), map[string]bool{}
		for _, x := range s.sums {
			if p.slackOf(x, p.ofGroup(cells, g)) >= 0 {
				continue
			}
			for _, m := range x.moments {
				own[m] = lowest(own[m], x.code)
			}
			for _, t := range x.terms {
				told[t] = true
			}
		}
		for m := range own {
			if own[m] == 0 && overlap(s.terms[m], told) {
				own[m] = ReasonComplement
			}
			verdict[g*width+m] = lowest(verdict[g*width+m], own[m])
		}
	}
	if !s.Rules.Complement {
		return nil
	}
	for _, part := range inCommon(s.terms) { // sums that have products in common
		if err := p.complete(part, cells, p.slacksOf(part, cells), verdict); err != nil {
			return err
		}
	}
	return nil
}

// slacksOf are the slacks of what moments tell, by group.
func (p *Plan) slacksOf(moments []int, cells []*big.Int) (out [][]int64) {
	for _, x := range p.Screen.sums {
		if !slices.ContainsFunc(x.moments, func(m int) bool { return slices.Contains(moments, m) }) {
			continue
		}
		of := make([]int64, p.groupCount())
		for g := range of {
			of[g] = p.slackOf(x, p.ofGroup(cells, g))
		}
		out = append(out, of)
	}
	return out
}
