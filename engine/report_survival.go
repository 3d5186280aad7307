package engine

import "math/big"

// bindSurvivalCells makes time, and the group if there is one, keys and asks for each
// pair of their values for the number of rows and that of events.
func (rb *reportBinder) bindSurvivalCells() error {
	if _, err := rb.key(0); err != nil {
		return err
	}
	event, err := rb.dictionaryColumn(rb.report.Function, rb.call.Args[1], 0, rb.position)
	if err != nil {
		return err
	}
	happened, err := rb.happened(event)
	if err != nil {
		return err
	}
	groups := 1
	if len(rb.call.Args) == 3 {
		key, err := rb.key(2)
		if err != nil {
			return err
		}
		groups = len(key.Values)
	}
	times := rb.report.Keys[0]
	if n := len(times.Values) * groups; n > maxTableCells {
		return refuse(CodeLimit, rb.position, "times and groups make %d pairs of values; at most %d are allowed", n, maxTableCells)
	}
	rows := rb.complete()
	rows.complete = append(rows.complete, rb.requiredColumn(event))
	rows = rows.sorted()
	for i := range times.Values {
		for g := range groups {
			when := []condition{{times.Column, i}}
			if len(rb.report.Keys) == 2 {
				when = append(when, condition{rb.report.Keys[1].Column, g})
			}
			if err := rb.add(rows, nil, when...); err != nil {
				return err
			}
			if happened < 0 {
				rb.report.Cells = append(rb.report.Cells, -1)
			} else if err := rb.add(rows, nil, append(when, condition{event, happened})...); err != nil {
				return err
			}
		}
	}
	return nil
}

// happened is the index of the value that means an event: true or 1; −1 if there is
// no such row.
func (rb *reportBinder) happened(column int) (int, error) {
	at := -1
	for i, v := range rb.values(column) {
		text := v.String()
		switch {
		case v.Kind == Boolean && v.Bool, v.Kind == Integer && text == "1":
			at = i
		case v.Kind == Boolean, v.Kind == Integer && text == "0":
		default:
			return 0, refuse(CodeType, rb.position, "column %s says whether the event happened: it must hold true and false, or 1 and 0",
				quote(rb.plan.Schema.Columns[column].Name))
		}
	}
	return at, nil
}

// groups is how many groups a survival report has.
func (c reportCells) groups() int {
	if len(c.report.Keys) == 2 {
		return len(c.report.Keys[1].Values)
	}
	return 1
}

// leaving is how many rows of a group end at time i, and how many of them by the event.
func (c reportCells) leaving(i, group int) (all, events *big.Rat) {
	at := 1 + 2*(i*c.groups()+group)
	return c.at(at), c.at(at + 1)
}

// atStart is how many rows a group has.
func (c reportCells) atStart(group int) *big.Rat {
	n := new(big.Rat)
	for i := range c.report.Keys[0].Values {
		all, _ := c.leaving(i, group)
		n.Add(n, all)
	}
	return n
}

func (rb *reportBinder) bindSurvival() error {
	if err := rb.arguments(2, 3, "survival(time, event) or survival(time, event, g)"); err != nil {
		return err
	}
	return rb.bindSurvivalCells()
}

func survivalColumns(c reportCells) []reportColumn {
	var out []reportColumn
	if len(c.report.Keys) == 2 {
		out = append(out, c.keyColumn(1))
	}
	return append(out, c.keyColumn(0), reportColumn{"at_risk", Integer}, reportColumn{"events", Integer}, reportColumn{"censored", Integer},
		reportColumn{"survival", Float}, reportColumn{"std_error", Float}, reportColumn{"ci_lo", Float}, reportColumn{"ci_hi", Float})
}

// finishSurvival is the Kaplan-Meier curve of each group with Greenwood's standard
// error.
func finishSurvival(c reportCells) (reportTable, error) {
	var table reportTable
	n := new(big.Rat)
	for g := range c.groups() {
		start := c.atStart(g)
		if n.Add(n, start); start.Sign() == 0 {
			continue
		}
		c.curve(&table, g, start)
	}
	table.figures = append([]figure{{"n", wholeOf(n)}, c.missing(n)}, table.figures...)
	return table, nil
}

// curve adds one group's rows.
func (c reportCells) curve(table *reportTable, group int, risk *big.Rat) {
	survival, greenwood := big.NewRat(1, 1), new(big.Rat)
	total, median := new(big.Rat), undefined("more than half survive")
	suffix := ""
	if len(c.report.Keys) == 2 {
		suffix = " " + c.report.Keys[1].Values[group].String()
	}
	start := risk
	for i, time := range c.report.Keys[0].Values {
		all, events := c.leaving(i, group)
		if all.Sign() == 0 || risk.Sign() <= 0 {
			continue
		}
		stay := new(big.Rat).Sub(risk, events)
		survival = new(big.Rat).Mul(survival, new(big.Rat).Quo(stay, risk))
		total.Add(total, events)
		deviation := undefined("nobody is left")
		if stay.Sign() > 0 {
			greenwood.Add(greenwood, new(big.Rat).Quo(events, new(big.Rat).Mul(risk, stay)))
			square := new(big.Rat).Mul(survival, survival)
			deviation = root(square.Mul(square, greenwood))
		}
		s := double(survival)
		if median.IsNull() && survival.Cmp(big.NewRat(1, 2)) <= 0 {
			median = valueOf(time)
		}
		lo, hi := interval(s, deviation, normalQuantile())
		var row []value
		if len(c.report.Keys) == 2 {
			row = append(row, valueOf(c.report.Keys[1].Values[group]))
		}
		table.rows = append(table.rows, append(row, valueOf(time), wholeOf(risk), wholeOf(events),
			wholeOf(new(big.Rat).Sub(all, events)), s, deviation, within(lo), within(hi)))
		risk = new(big.Rat).Sub(risk, all)
	}
	table.figures = append(table.figures, figure{"n" + suffix, wholeOf(start)}, figure{"events" + suffix, wholeOf(total)},
		figure{"median" + suffix, median})
}

// within keeps a probability between 0 and 1.
func within(v value) value {
	switch {
	case v.IsNull():
		return v
	case v.exact.Sign() < 0:
		return double(new(big.Rat))
	case v.exact.Cmp(big.NewRat(1, 1)) > 0:
		return double(big.NewRat(1, 1))
	}
	return v
}

func (rb *reportBinder) bindLogrank() error {
	if err := rb.arguments(3, 3, "logrank(time, event, g)"); err != nil {
		return err
	}
	return rb.bindSurvivalCells()
}

func logrankColumns(c reportCells) []reportColumn {
	return []reportColumn{c.keyColumn(1), {"n", Integer}, {"observed", Integer}, {"expected", Float}}
}

// finishLogrank compares the events of the groups with those expected if their hazards
// were equal (Mantel 1966; Peto and Peto 1972).
func finishLogrank(c reportCells) (reportTable, error) {
	var present []int
	var risk []*big.Rat
	var table reportTable
	n := new(big.Rat)
	for g := range c.groups() {
		if start := c.atStart(g); start.Sign() > 0 {
			present, risk = append(present, g), append(risk, start)
			n.Add(n, start)
		}
	}
	starts := append([]*big.Rat{}, risk...)
	observed, expected, variance := c.hazards(present, risk)
	for i, g := range present {
		table.rows = append(table.rows, []value{valueOf(c.report.Keys[1].Values[g]), wholeOf(starts[i]),
			wholeOf(observed[i]), double(expected[i])})
	}
	df := int64(max(0, len(present)-1))
	chi := undefined("it compares at least two groups that have rows")
	if df > 0 {
		chi = quadratic(observed[:df], expected[:df], variance)
	}
	table.figures = []figure{{"n", wholeOf(n)}, c.missing(n), {"chi2", chi}, {"df", whole(big.NewInt(df))}, {"p", chiSquaredTail(chi, df)}}
	return table, nil
}

// hazards adds up over the times the events observed and expected in each group and
// the covariances of all but the last.
func (c reportCells) hazards(present []int, risk []*big.Rat) (observed, expected []*big.Rat, variance [][]*big.Rat) {
	k := len(present)
	observed, expected = zeros(k), zeros(k)
	for range k {
		variance = append(variance, zeros(k))
	}
	for i := range c.report.Keys[0].Values {
		events, all, leaving := new(big.Rat), new(big.Rat), zeros(k)
		for j, g := range present {
			left, d := c.leaving(i, g)
			leaving[j] = left
			observed[j].Add(observed[j], d)
			events.Add(events, d)
			all.Add(all, risk[j])
		}
		if events.Sign() > 0 && all.Sign() > 0 {
			share := zeros(k)
			spread := new(big.Rat) // of a hypergeometric count
			if all.Cmp(big.NewRat(1, 1)) > 0 {
				spread.Mul(events, new(big.Rat).Sub(all, events))
				spread.Quo(spread, less(all, 1))
			}
			for j := range share {
				share[j].Quo(risk[j], all)
				expected[j].Add(expected[j], new(big.Rat).Mul(share[j], events))
			}
			for j := range share {
				for l := range share {
					v := new(big.Rat).Neg(share[l])
					if j == l {
						v.Add(v, big.NewRat(1, 1))
					}
					variance[j][l].Add(variance[j][l], v.Mul(v, share[j]).Mul(v, spread))
				}
			}
		}
		for j := range risk {
			risk[j] = new(big.Rat).Sub(risk[j], leaving[j])
		}
	}
	return observed, expected, variance
}

// quadratic is (o−e)ᵀ V⁻¹ (o−e).
func quadratic(observed, expected []*big.Rat, variance [][]*big.Rat) value {
	k := len(observed)
	rows := make([][]*big.Rat, k)
	gaps := zeros(k)
	for i := range rows {
		gaps[i].Sub(observed[i], expected[i])
		rows[i] = append(append([]*big.Rat{}, variance[i][:k]...), gaps[i])
	}
	solution, ok := solveRational(rows)
	if !ok {
		return undefined("the groups share no time at risk with an event")
	}
	sum := new(big.Rat)
	for i := range solution {
		sum.Add(sum, new(big.Rat).Mul(solution[i], gaps[i]))
	}
	return double(sum)
}

// solveRational solves a small positive semidefinite system [A | b]; false when it is
// singular.
func solveRational(rows [][]*big.Rat) ([]*big.Rat, bool) {
	k := len(rows)
	for p := range k {
		if rows[p][p].Sign() == 0 {
			return nil, false
		}
		for i := range rows {
			if i == p {
				continue
			}
			factor := new(big.Rat).Quo(rows[i][p], rows[p][p])
			for j := p; j <= k; j++ {
				rows[i][j] = new(big.Rat).Sub(rows[i][j], new(big.Rat).Mul(factor, rows[p][j]))
			}
		}
	}
	out := make([]*big.Rat, k)
	for i := range out {
		out[i] = new(big.Rat).Quo(rows[i][k], rows[i][i])
	}
	return out, true
}
