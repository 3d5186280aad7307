package engine

import (
	"math/big"
	"slices"
)

// group is the domain of one group's cells.
type group struct {
	plan   *Plan
	index  int
	set    int        // of the plan's sets
	values []Datum    // of the group columns; NULL of those that are not in the set
	cells  []*big.Int // of the moments
	// windows are the values of the plan's windows; nil before HAVING has chosen.
	windows []value
	// reasons say by moment why its cell, or one that was added to it, is withheld; nil where none is. shown:
	// the number of rows of the group, or of one that it unites, is above 0 and shown. closed say why windows
	// are withheld.
	reasons []byte
	shown   bool
	closed  []byte
	parts   int // how many groups of the plan it unites, with the noise of each
}

func (g group) leaf(e *Expr) (value, error) {
	number := func(d Datum) (value, error) { return value{Datum: d, exact: rational(d)}, nil }
	switch e.Op {
	case OpGrouping:
		return g.grouping(e), nil
	case OpWindow:
		if e.Column < len(g.windows) {
			return g.windows[e.Column], nil
		}
		return value{}, refuse(CodeCells, 0, "a window function stands where its groups are not chosen yet")
	case OpCount:
		return number(Datum{Kind: Integer, Number: g.cells[e.Column]})
	case OpSum, OpAverage:
		count := g.cells[e.Count]
		if count.Sign() <= 0 { // below 0 by its noise
			if g.plan.Noise != nil {
				return undefined(noiseRows), nil
			}
			return value{}, nil
		}
		sum := Datum{Kind: Decimal, Number: g.cells[e.Column], Scale: g.plan.Moments[e.Column].Scale}
		if e.Op == OpSum {
			return number(sum)
		}
		average := divide(sum, Datum{Kind: Integer, Number: count})
		exact := rational(sum)
		return value{Datum: average, exact: exact.Quo(exact, new(big.Rat).SetInt(count))}, nil
	}
	if e.Op == OpMoment {
		m := g.plan.Moments[e.Column]
		return number(Datum{Kind: e.Kind, Number: g.cells[e.Column], Scale: m.Scale})
	}
	d := e.Value
	if e.Op == OpGroup {
		d = g.values[e.Column]
	}
	if d.Kind.numeric() {
		return number(d)
	}
	return value{Datum: d}, nil
}

func (g group) arithmetic(e *Expr, args []value) (value, error) {
	for i, a := range args {
		if a.exact == nil { // a date, as days
			args[i].exact = rational(a.Datum)
		}
	}
	out, ok := compute(e, args[0], args[len(args)-1])
	switch {
	case !ok && g.plan.Noise != nil:
		return undefined(noiseDivisor), nil
	case !ok:
		return value{}, hinted(refuse(CodeDivision, 0, "division by zero while finishing the answer"),
			"avg gives NULL where there is nothing to divide by")
	case e.Kind.temporal() && g.plan.Noise != nil && !inKind(e.Kind, out.Number):
		return undefined(noiseDate), nil
	case e.Kind.temporal():
		return dated(out.Datum)
	}
	return out, nil
}

// dated is a date, a timestamp or a time of day over cells, whose range is not known before.
func dated(d Datum) (value, error) {
	if !inKind(d.Kind, d.Number) {
		return value{}, refuse(CodeOverflow, 0, "a date before the year 1 or after the year 9999 arises while finishing the answer")
	}
	return value{Datum: d}, nil
}

// candidate is a group that HAVING keeps, with its keys of ORDER BY.
type candidate struct {
	group
	keys []value
}

// Finish computes the answer from the cells summed over all departments: groups
// whose hidden count is zero, or below it by its noise, vanish (with GROUP BY), HAVING chooses among the rest,
// ORDER BY sorts, groups in the order of their values where it leaves open, OFFSET
// and LIMIT cut. Everything is decided in exact rationals; nothing but printing
// rounds. It fails with CodeDivision when a row that is shown, a key or HAVING divides
// by zero, and with CodeCells when the cells are not the plan's. README section 6. What depends on a cell that is
// withheld is not computed, and listed (README section 18.4).
func (p *Plan) Finish(cells []*big.Int) (*Result, error) {
	if len(cells) != p.CellCount() {
		return nil, refuse(CodeCells, 0, "%d cells given, the plan has %d", len(cells), p.CellCount())
	}
	if slices.Contains(cells, nil) {
		return nil, refuse(CodeCells, 0, "a cell is missing")
	}
	if err := p.checkRounded(cells); err != nil {
		return nil, err
	}
	result := &Result{Rounded: p.Rules.Base}
	all, err := p.chosen(cells, result)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := p.keys(&all[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, p.compareCandidates)
	if p.Report != nil {
		return result, p.printReport(all, result)
	}
	if p.Distinct {
		if all, err = p.distinct(all); err != nil {
			return nil, err
		}
	}
	return result, p.print(p.cut(all), result)
}

// chosen are the groups with rows that HAVING keeps, with their windows. It tells the answer which are withheld.
func (p *Plan) chosen(cells []*big.Int, result *Result) (all []candidate, err error) {
	groups, gone := make([]group, p.groupCount()), byte(0)
	for i := range groups {
		from, to := i*len(p.Moments), (i+1)*len(p.Moments)
		groups[i] = group{plan: p, index: i, values: p.groupValues(i), cells: cells[from:to], parts: 1}
		if p.Withheld != nil {
			groups[i].reasons = p.Withheld[from:to]
		}
		groups[i].shown = groups[i].hidden(0) == 0 && cells[from].Sign() > 0
	}
	for _, g := range p.united(groups) {
		keyed := len(p.Groups) > 0
		if len(p.Sets) > 0 {
			keyed = len(p.Sets[g.set]) > 0 // the row of all is there even without rows
		}
		code := g.whole()
		if keyed && code == 0 && g.cells[0].Sign() <= 0 {
			continue
		}
		var kept *candidate
		if code == 0 {
			if kept, code, err = p.consider(g); err != nil {
				return nil, err
			}
		}
		if code != 0 {
			result.withheldBy(g, code)
			gone = lowest(gone, code)
		}
		if kept != nil {
			all = append(all, *kept)
		}
	}
	closed := p.closedWindows(all, gone)
	for i := range all {
		all[i].closed = closed
	}
	return all, p.fillWindows(all)
}

// distinct keeps the first of rows that are printed alike.
func (p *Plan) distinct(all []candidate) ([]candidate, error) {
	seen := map[string]bool{}
	var out []candidate
	for _, c := range all {
		row := make([]Value, len(p.Outputs))
		for i, o := range p.Outputs {
			v, code, err := c.valueOf(o.Expr)
			if err != nil {
				return nil, err
			}
			row[i] = v.print(true)
			row[i].Text = nil // two scales of one number are one
			if code != 0 {    // what is withheld may be anything
				row[i].Text = new(string)
			}
		}
		if key := string(Marshal(row)); !seen[key] {
			seen[key] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// consider applies HAVING; nil if it drops the group, with the reason if it depends on what is withheld.
func (p *Plan) consider(g group) (*candidate, byte, error) {
	if p.Having != nil {
		keep, code, err := g.valueOf(p.Having)
		if err != nil || keep.IsNull() || !keep.Bool {
			return nil, code, err
		}
	}
	return &candidate{group: g}, 0, nil
}

// keys evaluates the keys of ORDER BY.
func (p *Plan) keys(c *candidate) (err error) {
	c.keys = make([]value, len(p.Order))
	for i, o := range p.Order {
		if c.keys[i], _, err = c.valueOf(o.Expr); err != nil {
			return err
		}
	}
	return nil
}

// groupValues returns the values of the group columns for a group's index, the last
// column fastest.
func (p *Plan) groupValues(index int) []Datum {
	values := make([]Datum, len(p.Groups))
	for i := len(p.Groups) - 1; i >= 0; i-- {
		n := len(p.Groups[i].Values)
		values[i] = p.Groups[i].Values[index%n]
		index /= n
	}
	return values
}

// compareCandidates orders by the keys of ORDER BY.
func (p *Plan) compareCandidates(a, b candidate) int {
	for i, key := range p.Order {
		if order := orderValues(a.keys[i], b.keys[i], key.Descending, key.NullsFirst); order != 0 {
			return order
		}
	}
	return 0
}

// orderValues orders two values as a key of ORDER BY says.
func orderValues(x, y value, descending, nullsFirst bool) int {
	switch {
	case x.IsNull() && y.IsNull():
		return 0
	case x.IsNull() != y.IsNull():
		if x.IsNull() == nullsFirst {
			return -1
		}
		return 1
	case descending:
		return -x.compare(y)
	}
	return x.compare(y)
}

// cut applies OFFSET and LIMIT.
func (p *Plan) cut(all []candidate) []candidate {
	all = all[min(p.Offset, int64(len(all))):]
	if p.Limit != nil {
		all = all[:min(*p.Limit, int64(len(all)))]
	}
	return all
}

// print evaluates the rows that are shown and writes them as text.
func (p *Plan) print(shown []candidate, result *Result) error {
	result.Columns, result.Kinds, result.Rows = make([]string, len(p.Outputs)), make([]Kind, len(p.Outputs)), make([][]Value, len(shown))
	p.addNoisy(result)
	quotients := make([]bool, len(p.Outputs))
	for i, o := range p.Outputs {
		result.Columns[i], result.Kinds[i] = o.Name, o.Expr.Kind
		quotients[i] = divides(o.Expr)
	}
	for r, row := range shown {
		result.Rows[r] = make([]Value, len(p.Outputs))
		var withheld withheldColumns
		for i, o := range p.Outputs {
			v, code, err := row.valueOf(o.Expr)
			if err != nil {
				return err
			}
			if code != 0 {
				withheld.add(code, o.Name)
			}
			result.Rows[r][i] = v.print(quotients[i])
			result.Rows[r][i].Error = row.standardError(o.Expr, v)
			if v.reason != "" {
				result.Notes = append(result.Notes, Note{r, o.Name, v.reason})
			}
		}
		withheld.tell(result, row.group)
		if err := p.addSketches(row, result); err != nil {
			return err
		}
	}
	return nil
}

// divides reports whether an expression over cells divides numbers that are not both
// integers, so that its value need not be a decimal.
func divides(e *Expr) bool {
	return e.Op == OpAverage || e.Op == OpFunction && functions[e.Value.Text].sums != nil ||
		e.Op == OpDivide && e.Kind == Decimal || slices.ContainsFunc(e.Args, divides)
}

// print writes one value: as PostgreSQL does, and exactly.
func (v value) print(isQuotient bool) Value {
	if v.IsNull() {
		return Value{}
	}
	if v.Kind == Float {
		return v.printFloat()
	}
	if v.exact == nil {
		text := v.Datum.String()
		return Value{Text: &text, Exact: &text}
	}
	text := fixedDecimal(v.Number, v.Scale)
	exact := text
	switch {
	case v.digits > 0:
		exact = significant(v.exact, v.digits)
	case v.exact.IsInt():
		exact = v.exact.Num().String()
	case isQuotient:
		exact = v.exact.String()
	default:
		exact = shortDecimal(v.Number, v.Scale)
	}
	return Value{Text: &text, Exact: &exact}
}
