package engine

import (
	"math/big"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// maxFitTerms is how many terms a logistic regression may have: each of its cells
// carries the whole linear predictor.
const maxFitTerms = 40

// fitPlaces says how fine a fit's coefficients are rounded between its steps: so that no
// coefficient's rounding moves a linear predictor by more than 10^−fitPlaces.
const fitPlaces = 12

const (
	logregForm     = "logreg(y, x, ...): y is a condition, or 0 and 1; terms are as in linreg"
	logregStepForm = "logreg_step(ARRAY[coefficient, ...], y, x, ...), which a fit asks for in each of its rounds"
)

// hasIntercept reports whether a regression has one.
func (r *Report) hasIntercept() bool { return !strings.Contains(r.Function, "reg0") }

// bindLogreg reads a logistic regression. It takes several rounds: the fit that it
// leaves in the binder asks for them. README section 13.
func (rb *reportBinder) bindLogreg() error {
	if err := rb.arguments(2, maxFitTerms+1, logregForm); err != nil {
		return err
	}
	if len(rb.plan.Groups) > 0 {
		return hinted(refuse(CodeUnsupported, rb.position,
			"%s with GROUP BY is not supported: each group would take steps of its own", rb.report.Function),
			"ask for each group with WHERE")
	}
	if _, err := rb.outcome(rb.call.Args[0]); err != nil {
		return err
	}
	terms, err := rb.design(rb.call.Args[1:], rb.report.hasIntercept(), maxFitTerms)
	if err != nil {
		return err
	}
	rb.fit, err = rb.newFit(terms)
	return err
}

// outcome reads the dependent variable, a condition or a number that is 0 or 1, as a
// number.
func (rb *reportBinder) outcome(node *pg.Node) (*Expr, error) {
	y, err := rb.bind(node, place{name: rb.report.Function})
	if err != nil {
		return nil, err
	}
	if y.Op == OpColumn {
		if rb.plan.Schema.Columns[y.Column].Undeclared() {
			return nil, rb.undeclared(y.Column, rb.position)
		}
		if y, err = rb.coerce(y, Integer, rb.position); err != nil {
			return nil, err
		}
	}
	binary := y.Kind == Integer && (y.Min == nil || y.Min.Sign() >= 0 && y.Max.Cmp(big.NewInt(1)) <= 0)
	switch {
	case y.Op == OpConstant || y.Kind != Boolean && !binary:
		return nil, hinted(refuse(CodeType, rb.position,
			"the first argument of %s must be a boolean, or an integer that is 0 or 1", rb.report.Function),
			"a condition such as %s is one too", "income > 1000")
	case binary:
		return y, nil
	}
	return (&Expr{Op: OpTruth, Args: []*Expr{y}, Kind: Integer}).derive(rb.plan.Schema.Columns, rb.position)
}

// bindLogregStep asks for one Newton step's cells: the number of complete rows, and then
// the triangle of linreg over the terms and, in the place of the dependent variable, the
// residual y − μ, each product of two terms weighted with μ(1−μ), and in the corner the
// loss, which is −ln of the likelihood.
func (rb *reportBinder) bindLogregStep() error {
	if err := rb.arguments(3, maxFitTerms+2, logregStepForm); err != nil {
		return err
	}
	var err error
	if rb.report.Constants, err = rb.constants(rb.call.Args[0], Decimal); err != nil {
		return err
	}
	y, err := rb.outcome(rb.call.Args[1])
	if err != nil {
		return err
	}
	terms, err := rb.design(rb.call.Args[2:], rb.report.hasIntercept(), maxFitTerms)
	if err != nil {
		return err
	}
	if len(terms) != len(rb.report.Constants) {
		return refuse(CodeType, rb.position, "there are %d coefficients for %d terms", len(rb.report.Constants), len(terms))
	}
	rows := rb.complete(y)
	if y.Op == OpTruth && y.Args[0].Op != OpColumn { // not every condition is NULL where a column of it is
		missing := &Expr{Op: OpIsNull, Args: []*Expr{y}, Kind: Boolean}
		rows = rowSet{filter: conjunction(rb.filter, []*Expr{{Op: OpNot, Args: []*Expr{missing}, Kind: Boolean}})}
	}
	rows = rb.completeDesign(rows, terms)
	if err := rb.count(rows); err != nil {
		return err
	}
	s, err := rb.scores(y, terms)
	if err != nil {
		return err
	}
	for i, t := range terms {
		for _, u := range terms[i:] {
			both, possible := t.times(u)
			if !possible {
				rb.report.Cells = append(rb.report.Cells, -1)
			} else if err := rb.add(rows, append(both.factors, s.weight), both.when...); err != nil {
				return err
			}
		}
		if err := rb.add(rows, append(append([]*Expr{}, t.factors...), s.residual), t.when...); err != nil {
			return err
		}
	}
	return rb.add(rows, []*Expr{s.loss})
}

// rowScores are what a step computes for each row, in units of 10^−18.
type rowScores struct{ residual, weight, loss *Expr }

// scores derives them from the linear predictor at the report's coefficients.
func (rb *reportBinder) scores(y *Expr, terms []designTerm) (s rowScores, err error) {
	predictor, err := rb.predictor(terms)
	if err != nil {
		return s, err
	}
	mean, err := rb.scored(OpLogistic, predictor, rb.position)
	if err != nil {
		return s, err
	}
	if s.residual, err = rb.minus(align(y, Decimal, scorePlaces), mean); err != nil {
		return s, err
	}
	if s.weight, err = rb.scored(OpSlope, predictor, rb.position); err != nil {
		return s, err
	}
	// The loss is ln(1+e^η) where y is 0 and ln(1+e^−η) where it is 1.
	twice, err := rb.multiply(constantExpr(NewInteger(2)), y, rb.position)
	if err != nil {
		return s, err
	}
	sign, err := rb.minus(constantExpr(NewInteger(1)), twice)
	if err != nil {
		return s, err
	}
	against, err := rb.multiply(sign, predictor, rb.position)
	if err != nil {
		return s, err
	}
	s.loss, err = rb.scored(OpSoftplus, against, rb.position)
	return s, err
}

// constantExpr is a number.
func constantExpr(d Datum) *Expr {
	return &Expr{Op: OpConstant, Value: d, Kind: d.Kind, Scale: d.Scale, Min: d.Number, Max: d.Number}
}

// constantOf is a value of an expression's kind.
func constantOf(e *Expr, v Datum) *Expr {
	return &Expr{Op: OpConstant, Value: v, Kind: e.Kind, Scale: e.Scale, Min: v.Number, Max: v.Number}
}

// zeroOf is the number 0 of an expression's kind.
func zeroOf(e *Expr) *Expr {
	return constantOf(e, Datum{Kind: e.Kind, Number: new(big.Int), Scale: e.Scale})
}

// minus subtracts numbers of one scale.
func (rb *reportBinder) minus(a, b *Expr) (*Expr, error) {
	out := &Expr{Op: OpSubtract, Args: []*Expr{a, b}, Kind: b.Kind, Scale: b.Scale}
	return out.derive(rb.plan.Schema.Columns, rb.position)
}

// predictor is the exact sum of the terms times the report's coefficients.
func (rb *reportBinder) predictor(terms []designTerm) (*Expr, error) {
	parts, scale := make([]*Expr, len(terms)), 0
	for i, t := range terms {
		coefficient := rb.report.Constants[i]
		coefficient.Kind = Decimal
		x, err := rb.termExpr(t)
		if err != nil {
			return nil, err
		}
		if parts[i] = constantExpr(coefficient); x != nil {
			if parts[i], err = rb.multiply(parts[i], x, rb.position); err != nil {
				return nil, err
			}
		}
		scale = max(scale, parts[i].Scale)
	}
	for i := range parts {
		parts[i] = align(parts[i], Decimal, scale)
	}
	return rb.sum(parts)
}

// sum adds numbers of one kind and scale, by halves, so that the expression stays flat.
func (rb *reportBinder) sum(parts []*Expr) (*Expr, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	left, err := rb.sum(parts[:len(parts)/2])
	if err != nil {
		return nil, err
	}
	right, err := rb.sum(parts[len(parts)/2:])
	if err != nil {
		return nil, err
	}
	out := &Expr{Op: OpAdd, Args: []*Expr{left, right}, Kind: left.Kind, Scale: left.Scale}
	return out.derive(rb.plan.Schema.Columns, rb.position)
}

// termExpr is a term as a number; nil for the intercept.
func (rb *reportBinder) termExpr(t designTerm) (*Expr, error) {
	factors := append([]*Expr{}, t.factors...)
	indicators, err := rb.indicators(t.when)
	if err != nil {
		return nil, err
	}
	for _, e := range indicators {
		truth, err := (&Expr{Op: OpTruth, Args: []*Expr{e}, Kind: Integer}).derive(rb.plan.Schema.Columns, rb.position)
		if err != nil {
			return nil, err
		}
		factors = append(factors, truth)
	}
	if len(factors) == 0 {
		return nil, nil
	}
	return rb.product(factors, rb.position)
}

var logregColumns = []reportColumn{{"term", Text}, {"estimate", Float}, {"std_error", Float}, {"z", Float}, {"p", Float}}

var logregStepColumns = []reportColumn{{"term", Text}, {"coefficient", Decimal}, {"gradient", Float},
	{"information", Float}, {"step", Float}, {"variance", Float}}

// finishLogreg is not reached: a plan never holds a whole fit.
func finishLogreg(c reportCells) (reportTable, error) {
	return reportTable{}, refuse(CodeUnsupported, 0, "%s", severalRounds)
}

// finishLogregStep solves for the Newton step in exact integers.
func finishLogregStep(c reportCells) (reportTable, error) {
	// The triangle is that of a weighted regression of the residuals on the terms.
	fit := regression{names: c.report.Names, n: c.at(1), first: 2, cells: c}
	if problem := fit.solve(); problem != "" {
		return reportTable{}, refuse(CodeSingular, 0, "%s", problem)
	}
	p := len(fit.names)
	decrement := new(big.Rat)
	var table reportTable
	for i, name := range fit.names {
		gradient := fit.product(i, p)
		decrement.Add(decrement, new(big.Rat).Mul(gradient, fit.estimates[i]))
		table.rows = append(table.rows, []value{word(name), valueOf(c.report.Constants[i]), double(gradient),
			double(fit.product(i, i)), double(fit.estimates[i]), double(fit.inverse[i])})
	}
	table.figures = []figure{{"n", wholeOf(fit.n)}, c.missing(fit.n), {"loss", double(fit.product(p, p))}, {"decrement", double(decrement)}}
	return table, nil
}
