package engine

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// maxFitRounds is after how many Newton steps a fit gives up, as R's glm does.
const maxFitRounds = 25

const severalRounds = "a logistic regression takes several rounds, each with a plan of its own"

var (
	// fitTolerance is the D up to which a step is the last: with it no row's linear
	// predictor changed by more than that.
	fitTolerance = big.NewRat(1, 1_000_000_000)
	// logTwo is below ln 2: a total loss below it proves that each row is predicted right.
	logTwo = big.NewRat(693147, 1_000_000)
)

// fit is a logistic regression by Newton steps, each of which is a round. README
// section 13.
type fit struct {
	function     string
	position     int    // of its call in the question
	before, rest string // the question's text before its function's name, and from the first argument on
	terms        []fitTerm
	coefficients []*big.Int // of the present round, in units of 10^−places
	round        int        // from 0
	last         *fitStep   // of the round before; nil in the first
	previous     []*big.Int // its coefficients
	cells        int        // of each round
	ciphertexts  int        // of each round, at most
	nullEvents   *big.Rat   // rows where y is 1
	result       *Result
}

// fitTerm is what a fit knows of a term.
type fitTerm struct {
	name   string
	reach  *big.Rat // no row's value is further from 0
	places int      // of its coefficient
	// factor is the column of which this is a dummy, −1 for other terms; whole says that its
	// other values have dummies too, but for one.
	factor int
	whole  bool
}

// fitStep is what a round's answer says.
type fitStep struct {
	n, leftOut, loss, decrement           *big.Rat
	gradient, information, step, variance []*big.Rat
}

// newFit prepares the rounds of a call.
func (rb *reportBinder) newFit(terms []designTerm) (*fit, error) {
	f := &fit{function: rb.report.Function, position: rb.position}
	if err := f.splice(string(rb.text), rb.call.Location); err != nil {
		return nil, err
	}
	for _, t := range terms {
		x, err := rb.termExpr(t)
		if err != nil {
			return nil, err
		}
		ft := fitTerm{name: t.name, reach: big.NewRat(1, 1), factor: -1}
		if x != nil && x.Min != nil {
			most := new(big.Int).Abs(x.Min)
			if x.Max.CmpAbs(most) > 0 {
				most = x.Max
			}
			ft.reach = new(big.Rat).SetFrac(new(big.Int).Abs(most), pow10(x.Scale))
		}
		ft.places = placesFor(ft.reach)
		if ft.places > MaxLiteralDigits {
			return nil, refuse(CodeOverflow, rb.position, "%s can be as large as 10^%d: its coefficient would need more than %d decimal places",
				t.name, ft.places-fitPlaces, MaxLiteralDigits)
		}
		if len(t.factors) == 0 && len(t.when) == 1 {
			ft.factor = t.when[0].column
		}
		f.terms, f.coefficients = append(f.terms, ft), append(f.coefficients, new(big.Int))
	}
	for i, t := range f.terms {
		dummies := 0
		for _, u := range f.terms {
			if u.factor == t.factor {
				dummies++
			}
		}
		f.terms[i].whole = t.factor >= 0 && rb.report.hasIntercept() && dummies == len(rb.values(t.factor))-1
	}
	return f, nil
}

// rounding is 10^−places.
func rounding(places int) *big.Rat { return new(big.Rat).SetFrac(big.NewInt(1), pow10(places)) }

// placesFor is the fewest places whose unit, times the reach, is at most 10^−fitPlaces.
func placesFor(reach *big.Rat) (places int) {
	for new(big.Rat).Mul(rounding(places), reach).Cmp(rounding(fitPlaces)) > 0 {
		places++
	}
	return places
}

// splice takes the text apart around the function's name and its parenthesis.
func (f *fit) splice(sql string, location int32) error {
	scan, err := pg.Scan(sql)
	if err != nil {
		return syntaxError(err)
	}
	at := slices.IndexFunc(scan.Tokens, func(t *pg.ScanToken) bool { return t.Start == location })
	for _, t := range scan.Tokens[max(at, 0):] {
		if at >= 0 && t.Token == pg.Token_ASCII_40 {
			f.before, f.rest = sql[:location], sql[t.End:]
			return nil
		}
	}
	return refuse(CodeSyntax, 0, "the arguments of %s are not found", f.function)
}

// refusal says why the question is not one plan: because it takes several, or because
// the first of them is refused.
func (f *fit) refusal(cat Catalogue, departments []string, p Packing) error {
	if _, err := NewPlan(f.statement(), cat, departments, p); err != nil {
		return f.placed(err)
	}
	return hinted(refuse(CodeUnsupported, 0, "%s", severalRounds), "ask it as a question of several rounds")
}

// placed puts what is said of a round's text, which is another one, at the call in the question.
func (f *fit) placed(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Position > 0 {
		e.Position = f.position
	}
	return err
}

// measure takes from the first round's plan what a round holds. Of the later rounds only
// the loss has other bounds: it grows with the coefficients, up to what a cell may have.
func (f *fit) measure(first *Plan) {
	layout := first.Layout
	bits, per := layout.Packing.LimbBits, layout.Packing.LimbsPerCiphertext
	limbs := layout.SlotsPerGroup - layout.Limbs[len(layout.Limbs)-1] + (MaxCellBits+bits-1)/bits
	f.cells, f.ciphertexts = first.CellCount(), (limbs+per-1)/per
}

// statement is the present round's SQL: the question's own, with the step's function and
// its coefficients.
func (f *fit) statement() string {
	parts := make([]string, len(f.coefficients))
	for i, c := range f.coefficients {
		parts[i] = fixedDecimal(c, f.terms[i].places)
	}
	return f.before + f.function + "_step(ARRAY[" + strings.Join(parts, ", ") + "], " + f.rest
}

// columns are those of a report.
func (f *fit) columns() (names []string, kinds []Kind) {
	addColumns(logregColumns, func(name string, kind Kind) { names, kinds = append(names, name), append(kinds, kind) })
	return names, kinds
}

func (f *fit) answer() (*Result, error) { return f.result, nil }

// step takes a round's answer: it ends the fit, or sets the next round's coefficients.
func (f *fit) step(round *Result) (done bool, err error) {
	for _, w := range round.Withheld {
		return false, refuse(CodeWithheld, 0, "the fit cannot go on: sums of round %d are withheld by the rule %s", f.round+1, w.Rule)
	}
	s, err := f.read(round)
	if err != nil {
		return false, err
	}
	if err := f.separated(s); err != nil {
		return false, err
	}
	if f.last != nil && f.overshot(s) {
		return false, f.halve()
	}
	if d := f.change(s); d.Cmp(fitTolerance) <= 0 {
		f.result, err = f.finish(s)
		return err == nil, err
	}
	if f.round++; f.round == maxFitRounds {
		return false, f.unsettled(s)
	}
	f.last, f.previous = s, f.coefficients
	f.coefficients = make([]*big.Int, len(f.terms))
	for i, t := range f.terms {
		next := new(big.Rat).SetFrac(f.previous[i], pow10(t.places))
		f.coefficients[i] = decimalPlaces(next.Add(next, s.step[i]), t.places)
	}
	return false, nil
}

// read takes the figures from a round's answer.
func (f *fit) read(round *Result) (*fitStep, error) {
	malformed := refuse(CodeCells, 0, "round %d: this is not the answer to its question", f.round+1)
	number := func(v Value) *big.Rat {
		if v.Exact == nil {
			return nil
		}
		x, ok := new(big.Rat).SetString(*v.Exact)
		if !ok {
			return nil
		}
		return x
	}
	s := &fitStep{}
	for _, m := range round.Model {
		for name, place := range map[string]**big.Rat{"n": &s.n, "left_out": &s.leftOut, "loss": &s.loss, "decrement": &s.decrement} {
			if m.Name == name {
				*place = number(m.Value)
			}
		}
	}
	if len(round.Rows) != len(f.terms) || s.n == nil || s.leftOut == nil || s.loss == nil || s.decrement == nil {
		return nil, malformed
	}
	for i, row := range round.Rows {
		if len(row) != len(logregStepColumns) || row[0].Text == nil || *row[0].Text != f.terms[i].name {
			return nil, malformed
		}
		for k, list := range []*[]*big.Rat{&s.gradient, &s.information, &s.step, &s.variance} {
			x := number(row[2+k])
			if x == nil {
				return nil, malformed
			}
			*list = append(*list, x)
		}
		if s.variance[i].Sign() < 0 {
			return nil, refuse(CodeCells, 0, "round %d: %s", f.round+1, contradiction)
		}
	}
	return s, nil
}

// halve goes back half of the last step, which made the fit worse.
func (f *fit) halve() error {
	if f.round++; f.round == maxFitRounds {
		return f.unsettled(f.last)
	}
	for i, c := range f.coefficients {
		c = new(big.Int).Add(c, f.previous[i])
		f.coefficients[i] = c.Rsh(c, 1)
	}
	return nil
}

// overshot reports whether the loss grew by more than the scores' own error.
func (f *fit) overshot(s *fitStep) bool {
	more := new(big.Rat).Sub(s.loss, f.last.loss)
	return more.Cmp(new(big.Rat).Mul(s.n, big.NewRat(2*scoreError, scoreUnit))) > 0
}

// change bounds by how much a step changes the linear predictor of any row: D.
func (f *fit) change(s *fitStep) *big.Rat {
	d := new(big.Rat)
	for i, t := range f.terms {
		part := new(big.Rat).Abs(s.step[i])
		d.Add(d, part.Mul(part, t.reach))
	}
	return d
}

// separated refuses data that have no maximum of the likelihood, as far as that shows.
func (f *fit) separated(s *fitStep) error {
	if f.round == 0 {
		return f.oneSided(s)
	}
	certain := new(big.Rat).Mul(s.n, big.NewRat(scoreError, scoreUnit))
	if certain.Add(certain, s.loss).Cmp(logTwo) < 0 {
		return refuse(CodeSingular, 0, "the terms separate the rows perfectly: a combination of "+
			"them tells for every row whether y is 1, so the likelihood has no maximum")
	}
	return nil
}

// oneSided refuses, from the first round's sums, where every weight is 1/4 and every
// residual ±1/2, an outcome that is the same in all rows, or in all rows of one value of
// a dummy's column.
func (f *fit) oneSided(s *fitStep) error {
	same := func(gradient, information *big.Rat) bool {
		twice := new(big.Rat).Add(information, information)
		return information.Sign() > 0 && twice.Cmp(new(big.Rat).Abs(gradient)) == 0
	}
	const sentence = "y is the same in all rows%s, so the likelihood has no maximum"
	for i, t := range f.terms {
		intercept := i == 0 && t.factor < 0 && !strings.Contains(f.function, "reg0")
		if intercept {
			half := new(big.Rat).Quo(s.n, big.NewRat(2, 1))
			f.nullEvents = half.Add(half, s.gradient[i])
		}
		if (intercept || t.factor >= 0) && same(s.gradient[i], s.information[i]) {
			where := ""
			if !intercept {
				where = " where " + t.name
			}
			return refuse(CodeSingular, 0, sentence, where)
		}
		if !t.whole {
			continue
		}
		gradient, information := new(big.Rat).Set(s.gradient[0]), new(big.Rat).Set(s.information[0])
		for k, u := range f.terms {
			if u.factor == t.factor {
				gradient.Sub(gradient, s.gradient[k])
				information.Sub(information, s.information[k])
			}
		}
		if same(gradient, information) {
			return refuse(CodeSingular, 0, sentence, " of the first value of the column of "+t.name)
		}
	}
	return nil
}

// unsettled refuses a fit that did not end, naming the terms that still moved.
func (f *fit) unsettled(s *fitStep) error {
	var moving []string
	for i, t := range f.terms {
		moved := new(big.Rat).Abs(s.step[i])
		if moved.Mul(moved, t.reach).Cmp(big.NewRat(1, 1000)) > 0 {
			moving = append(moving, t.name)
		}
	}
	return hinted(refuse(CodeSingular, 0, "the fit did not converge in %s; the coefficients still "+
		"moving are those of %s", Plural(maxFitRounds, "round"), strings.Join(moving, ", ")),
		"probably y is the same wherever some combination of them is extreme, so that the likelihood has no maximum")
}

// explain says what each round reveals.
func (f *fit) explain() []ExplainedRound {
	pairs := "the number of complete rows; for each pair of terms the sum of their product, " +
		"weighted with μ(1−μ); for each term its sum weighted with y−μ; and the likelihood"
	out := []ExplainedRound{{f.cells, f.ciphertexts, "the analyst learns " + pairs +
		", all with μ = 1/2: what linreg reveals, but for the sum of y²"}}
	for len(out) < maxFitRounds {
		out = append(out, ExplainedRound{f.cells, f.ciphertexts,
			fmt.Sprintf("the analyst learns %s, at the coefficients of the step before, which the "+
				"departments learn from the question", pairs)})
	}
	return out
}
