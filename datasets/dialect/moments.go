package dialect

import (
	"fmt"
	"math/big"
	"slices"

	"parley/engine"
)

// Twins are by moment the first that counts or adds up the same: of a screening (engine/README.md, section 18)
// several figures are of one count.
func Twins(moments []engine.Moment) []int {
	known, twins := map[string]int{}, make([]int, len(moments))
	for i, m := range moments {
		key := string(engine.Marshal(m.Op)) + string(engine.Marshal(m.Expr)) + string(engine.Marshal(m.Filter)) + string(engine.Marshal(m.Slack))
		first, twin := known[key]
		if !twin {
			first, known[key] = i, i
		}
		twins[i] = first
	}
	return twins
}

// Indicators takes a FILTER apart: columns that must equal constants, in order, with
// the constants' canonical texts, and the other conditions.
func Indicators(filter *engine.Expr) (columns []int, values []string, rest *engine.Expr) {
	if filter == nil {
		return nil, nil, nil
	}
	conjuncts := []*engine.Expr{filter}
	if filter.Op == engine.OpAnd {
		conjuncts = filter.Args
	}
	var others []*engine.Expr
	for _, e := range conjuncts {
		column, value, ok := indicator(e)
		if ok && !slices.Contains(columns, column) {
			columns, values = append(columns, column), append(values, value)
		} else {
			others = append(others, e)
		}
	}
	switch len(others) {
	case 0:
	case 1:
		rest = others[0]
	default:
		both := *filter
		both.Args = others
		rest = &both
	}
	return columns, values, rest
}

func indicator(e *engine.Expr) (column int, value string, ok bool) {
	if e.Op != engine.OpEqual || len(e.Args) != 2 {
		return 0, "", false
	}
	left, right := e.Args[0], e.Args[1]
	if left.Op != engine.OpColumn || right.Op != engine.OpConstant || right.Value.IsNull() {
		return 0, "", false
	}
	return left.Column, right.Value.String(), true
}

// slack writes by how much the other rows of a number outweigh its largest ones (engine/README.md, section 18.11), or gives an ErrBeyond.
func (w Writer) slack(m engine.Moment, rows int64, argument, condition string) (string, error) {
	if w.Dialect.largest == "" {
		return "", beyond("by the departments' rules the largest rows behind sums are looked at, and that is not asked of %s", w.Dialect.Name)
	}
	s := m.Slack
	weight := new(big.Int).Mul(big.NewInt(max(rows, s.Rows)), big.NewInt(s.Total+s.Largest+s.First))
	n, err := w.widthOf(widest(m.Expr) + weight.BitLen())
	if err != nil {
		return "", err
	}
	times := func(factor int64, value string) string {
		return number(big.NewInt(factor), n.name) + " * CAST(coalesce(" + value + ", 0) AS " + n.name + ")"
	}
	out := "(" + times(s.Total, w.Dialect.sum(argument)+condition)
	out += " - " + times(s.Largest, fmt.Sprintf(w.Dialect.largest, argument, s.Rows, condition))
	if s.First > 0 {
		out += " - " + times(s.First, "max("+argument+")"+condition)
	}
	return out + ")", nil
}
