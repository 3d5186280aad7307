package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// maxTerms is how many terms a regression may have, dummies and intercept included:
// its moments grow with the square, the finishing with the cube.
const maxTerms = 100

// maxTermPower is the largest exponent of a term.
const maxTermPower = 32

// designTerm is one column of a regression's design: a product of expressions over rows
// where all conditions hold, else 0. Without factors it is an indicator, without
// conditions either the intercept.
type designTerm struct {
	name    string
	sum     bool // name is a sum, a difference or a negative
	factors []*Expr
	when    []condition
}

// factorName is the term's name as a factor.
func (t designTerm) factorName() string {
	if t.sum {
		return "(" + t.name + ")"
	}
	return t.name
}

// times is the product of two terms; false if it is zero in every row.
func (t designTerm) times(o designTerm) (designTerm, bool) {
	out := designTerm{name: t.factorName() + "*" + o.factorName(),
		factors: append(slices.Clone(t.factors), o.factors...), when: slices.Clone(t.when)}
	for _, w := range o.when {
		at := slices.IndexFunc(out.when, func(v condition) bool { return v.column == w.column })
		switch {
		case at < 0:
			out.when = append(out.when, w)
		case out.when[at] != w:
			return designTerm{}, false
		}
	}
	return out, true
}

// bindTerm reads one argument of a regression: columns, their products, powers and
// sums, and the dummies of columns that are not numbers.
func (rb *reportBinder) bindTerm(node *pg.Node, depth int) ([]designTerm, error) {
	rb.nodes++
	if depth > MaxDepth || rb.nodes > MaxNodes {
		return nil, refuse(CodeLimit, rb.position, "a term is nested more than %d deep or the query has too many operands", MaxDepth)
	}
	if e := node.GetAExpr(); e != nil && e.Kind == pg.A_Expr_Kind_AEXPR_OP && e.Lexpr != nil && len(e.Name) == 1 {
		switch e.Name[0].GetString_().GetSval() {
		case "*":
			return rb.bindProductTerm(e, depth)
		case "^":
			return rb.bindPowerTerm(e, depth)
		}
	}
	if call := node.GetFuncCall(); call != nil && functionName(call) == "factor" {
		if err := rb.only(call, "funcname", "args", "funcformat", "location"); err != nil {
			return nil, err
		}
		if len(call.Args) != 1 {
			return nil, refuse(CodeUnsupported, rb.at(call.Location), "factor takes one column")
		}
		return rb.dummies(call.Args[0], depth)
	}
	e, err := rb.bind(node, place{name: rb.report.Function, argument: true, depth: depth})
	if err != nil {
		return nil, err
	}
	if e.Op == OpColumn && !e.Kind.numeric() && e.Kind != Null {
		return rb.dummies(node, depth)
	}
	if e, err = rb.bindNumber(rb.report.Function, node, depth, rb.position); err != nil {
		return nil, err
	}
	sum := e.Op == OpAdd || e.Op == OpSubtract || e.Op == OpNegate
	return []designTerm{{name: rb.plan.describe(e), sum: sum, factors: factorsOf(e)}}, nil
}

// constant reports whether a term is the same number in every row.
func (t designTerm) constant() bool {
	varies := len(t.when) > 0
	for _, f := range t.factors {
		columnsOf(f, func(int) { varies = true })
	}
	return !varies
}

// dummies are the indicators of a column's values but the first.
func (rb *reportBinder) dummies(node *pg.Node, depth int) ([]designTerm, error) {
	column, err := rb.dictionaryColumn(rb.report.Function, node, depth, rb.position)
	if err != nil {
		return nil, err
	}
	var out []designTerm
	for i, v := range rb.values(column) {
		if i > 0 {
			out = append(out, designTerm{name: rb.plan.Schema.Columns[column].Name + "=" + v.String(), when: []condition{{column, i}}})
		}
	}
	if len(out) == 0 {
		return nil, refuse(CodeSingular, rb.position,
			"column %s has a single value: it explains nothing", quote(rb.plan.Schema.Columns[column].Name))
	}
	if len(out) > maxTerms {
		return nil, refuse(CodeLimit, rb.position, "column %s has %d values; a regression takes at most %d terms",
			quote(rb.plan.Schema.Columns[column].Name), len(out)+1, maxTerms)
	}
	return out, nil
}

func (rb *reportBinder) bindProductTerm(e *pg.A_Expr, depth int) ([]designTerm, error) {
	left, err := rb.bindTerm(e.Lexpr, depth+1)
	if err != nil {
		return nil, err
	}
	right, err := rb.bindTerm(e.Rexpr, depth+1)
	if err != nil {
		return nil, err
	}
	var out []designTerm
	for _, l := range left {
		for _, r := range right {
			if t, ok := l.times(r); ok {
				out = append(out, t)
			}
		}
	}
	if len(out) > maxTerms {
		return nil, refuse(CodeLimit, rb.position, "a product makes %d terms; a regression takes at most %d", len(out), maxTerms)
	}
	return out, nil
}

func (rb *reportBinder) bindPowerTerm(e *pg.A_Expr, depth int) ([]designTerm, error) {
	k, ok := ordinal(e.Rexpr)
	if !ok || k < 1 || k > maxTermPower {
		return nil, refuse(CodeUnsupported, rb.at(e.Location), "the exponent of a term is a whole number from 1 to %d", maxTermPower)
	}
	base, err := rb.bindTerm(e.Lexpr, depth+1)
	if err != nil {
		return nil, err
	}
	if len(base) != 1 || len(base[0].when) > 0 {
		return nil, refuse(CodeType, rb.at(e.Location), "only a number has powers")
	}
	out := designTerm{name: base[0].factorName() + "^" + strconv.Itoa(k)}
	if strings.Contains(base[0].name, "*") {
		out.name = "(" + base[0].name + ")^" + strconv.Itoa(k)
	}
	for range k {
		out.factors = append(out.factors, base[0].factors...)
	}
	return []designTerm{out}, nil
}

var linregColumns = []reportColumn{{"term", Text}, {"estimate", Float}, {"std_error", Float}, {"t", Float}, {"p", Float}}

const linregForm = "linreg(y, x, ...): terms are columns, products with *, powers with ^, and dummies of columns that are not numbers"

// bindLinreg asks for the number of complete rows and for the products of all pairs
// of terms, the dependent variable last, row by row of the upper triangle.
func (rb *reportBinder) bindLinreg() error {
	if err := rb.arguments(2, maxTerms+1, linregForm); err != nil {
		return err
	}
	y, err := rb.number(0)
	if err != nil {
		return err
	}
	terms, err := rb.design(rb.call.Args[1:], rb.report.hasIntercept(), maxTerms)
	if err != nil {
		return err
	}
	rows := rb.completeDesign(rb.complete(y), terms)
	if err := rb.count(rows); err != nil {
		return err
	}
	terms = append(terms, designTerm{factors: factorsOf(y)})
	for i, s := range terms {
		for _, t := range terms[i:] {
			both, possible := s.times(t)
			if !possible {
				rb.report.Cells = append(rb.report.Cells, -1)
			} else if err := rb.add(rows, both.factors, both.when...); err != nil {
				return err
			}
		}
	}
	return nil
}

// design reads the terms of a regression, at most so many, the intercept first if it
// has one, and names them in the report.
func (rb *reportBinder) design(args []*pg.Node, intercept bool, most int) (terms []designTerm, err error) {
	if intercept {
		terms = append(terms, designTerm{name: "(Intercept)"})
	}
	for _, arg := range args {
		more, err := rb.bindTerm(arg, 0)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(more, designTerm.constant) {
			base := rb.report.Function[:len("linreg")]
			return nil, refuse(CodeUnsupported, rb.position, "a constant is not a term: %[1]s has an intercept, %[1]s0 has none", base)
		}
		terms = append(terms, more...)
	}
	if len(terms) > most {
		return nil, refuse(CodeLimit, rb.position, "the regression has %d terms; at most %d are allowed", len(terms), most)
	}
	for _, t := range terms {
		rb.report.Names = append(rb.report.Names, t.name)
	}
	return terms, rb.distinctTerms(terms)
}

// completeDesign are those of the rows that have values in all terms.
func (rb *reportBinder) completeDesign(rows rowSet, terms []designTerm) rowSet {
	for _, t := range terms {
		rows.complete = append(rows.complete, completeRows(nil, t.factors...).complete...)
		for _, w := range t.when {
			rows.complete = append(rows.complete, rb.requiredColumn(w.column))
		}
	}
	return rows.sorted()
}

// distinctTerms refuses a term that is there twice.
func (rb *reportBinder) distinctTerms(terms []designTerm) error {
	seen := map[string]string{}
	for _, t := range terms {
		key := ""
		for _, f := range sortFactors(t.factors) {
			key += string(Marshal(f))
		}
		for _, w := range slices.SortedFunc(slices.Values(t.when), compareConditions) {
			key += fmt.Sprintf("|%d=%d", w.column, w.value)
		}
		if other, ok := seen[key]; ok {
			return refuse(CodeSingular, rb.position, "the terms %s and %s are the same", other, t.name)
		}
		seen[key] = t.name
	}
	return nil
}

// finishLinreg solves the normal equations in exact integers.
func finishLinreg(c reportCells) (reportTable, error) {
	p := len(c.report.Names)
	fit := regression{names: c.report.Names, intercept: c.report.hasIntercept(), n: c.at(1), first: 2, cells: c}
	table := reportTable{figures: []figure{{"n", wholeOf(fit.n)}, c.missing(fit.n)}}
	if problem := fit.solve(); problem != "" {
		if len(c.plan.Groups) == 0 {
			return table, refuse(CodeSingular, 0, "%s", problem)
		}
		for _, name := range fit.names {
			table.rows = append(table.rows, []value{word(name), undefined(problem), undefined(problem), undefined(problem), undefined(problem)})
		}
		for _, name := range []string{"df", "r2", "adj_r2", "f", "f_p", "residual_sd", "reg_ss", "res_ss", "reg_df", "t_crit"} {
			table.figures = append(table.figures, figure{name, undefined(problem)})
		}
		for _, name := range fit.names {
			table.figures = append(table.figures, figure{"ci_lo " + name, undefined(problem)}, figure{"ci_hi " + name, undefined(problem)})
		}
		return table, nil
	}
	var intervals []figure
	critical := fit.critical()
	for i := range p {
		b := double(fit.estimates[i])
		se := fit.standardError(i)
		t := over(b, se)
		table.rows = append(table.rows, []value{word(fit.names[i]), b, se, t, studentTail(t, fit.df)})
		lo, hi := interval(b, se, critical)
		intervals = append(intervals, figure{"ci_lo " + fit.names[i], lo}, figure{"ci_hi " + fit.names[i], hi})
	}
	table.figures = append(append(table.figures, fit.figures()...), intervals...)
	return table, nil
}
