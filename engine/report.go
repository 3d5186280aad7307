package engine

import (
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Report is a call that returns rows: what its function needs to finish them from the
// cells of one group. README section 11.
type Report struct {
	_        struct{} `cbor:",toarray"`
	Function string
	Place    int // how many outputs stand before its columns in the select list
	// Names are the regression's terms; of buckets, for each range where it starts.
	Names []string
	// Keys are the columns over whose dictionaries the function runs; NULL is not
	// among their values.
	Keys      []KeyColumn
	Constants []Datum // edges of bins, weights of strata
	// Cells are moments in the function's own order; −1 is a cell that is zero
	// whatever the rows are.
	Cells []int
}

// Figure is one figure beside the rows of an answer.
type Figure struct {
	Group []Value `json:"group"` // of the group columns, in the order of GROUP BY
	Name  string  `json:"name"`
	Value Value   `json:"value"`
	// Reason says why the figure is NULL.
	Reason string `json:"reason,omitempty"`
}

// Note says why a value of an answer is NULL, where a statistic is not defined.
type Note struct {
	Row    int    `json:"row"` // from 0
	Column string `json:"column"`
	Reason string `json:"reason"`
}

// reportColumn is a column that a report adds to the answer.
type reportColumn struct {
	name string
	kind Kind
}

// reportTable is what a report gives for one group.
type reportTable struct {
	rows    [][]value
	figures []figure
}

// figure is a figure before it is printed.
type figure struct {
	name  string
	value value
}

// reportFunction is what a function that returns rows has of its own.
type reportFunction struct {
	bind    func(rb *reportBinder) error // asks for its cells; cell 0, the number of rows, is there
	columns func(c reportCells) []reportColumn
	finish  func(c reportCells) (reportTable, error) // of one group
	terms   bool                                     // its names are a regression's terms
	// question is what the departments learn from the text of its question; "" for nothing.
	question string
}

func fixed(columns ...reportColumn) func(reportCells) []reportColumn {
	return func(reportCells) []reportColumn { return columns }
}

// reportBinder fills a report.
type reportBinder struct {
	*binder
	report   *Report
	call     *pg.FuncCall
	filter   *Expr
	position int
}

// bindReport types a call that returns rows, at its place in the select list.
func (b *binder) bindReport(call *pg.FuncCall, place int) error {
	name := functionName(call)
	rb := reportBinder{binder: b, call: call, position: b.at(call.Location), report: &Report{Function: name, Place: place}}
	if b.plan.Report != nil {
		return refuse(CodeUnsupported, rb.position, "one call that returns rows can stand in the select list, not two")
	}
	if err := b.only(call, "funcname", "args", "agg_filter", "funcformat", "location"); err != nil {
		return err
	}
	var err error
	if rb.filter, err = b.bindFilter(call.AggFilter, "FILTER", place0); err != nil {
		return err
	}
	b.plan.Report = rb.report
	if err := rb.count(rowSet{filter: rb.filter}); err != nil {
		return err
	}
	return functions[name].report.bind(&rb)
}

var place0 = place{name: "the select list", cells: true}

// add asks for a cell of the report.
func (rb *reportBinder) add(rows rowSet, factors []*Expr, when ...condition) error {
	cell, err := rb.cell(CountRows, rows, factors, when, rb.position)
	if err == nil {
		rb.report.Cells = append(rb.report.Cells, cell.Column)
	}
	return err
}

// count asks for the number of rows of a set.
func (rb *reportBinder) count(rows rowSet) error { return rb.add(rows, nil) }

// arguments checks how many there are.
func (rb *reportBinder) arguments(least, most int, form string) error {
	if n := len(rb.call.Args); n < least || n > most {
		return refuse(CodeUnsupported, rb.position, "%s is written %s", rb.report.Function, form)
	}
	return nil
}

// number types an argument that is a number.
func (rb *reportBinder) number(i int) (*Expr, error) {
	return rb.bindNumber(rb.report.Function, rb.call.Args[i], 0, rb.position)
}

// key makes an argument, a column with a dictionary, one of the report's keys.
func (rb *reportBinder) key(i int) (KeyColumn, error) {
	column, err := rb.dictionaryColumn(rb.report.Function, rb.call.Args[i], 0, rb.position)
	if err != nil {
		return KeyColumn{}, err
	}
	for _, k := range rb.report.Keys {
		if k.Column == column {
			return KeyColumn{}, refuse(CodeUnsupported, rb.position, "%s takes different columns", rb.report.Function)
		}
	}
	key := KeyColumn{Column: column, Values: rb.values(column)}
	rb.report.Keys = append(rb.report.Keys, key)
	return key, nil
}

// complete are the rows with values in all the expressions and keys.
func (rb *reportBinder) complete(expressions ...*Expr) rowSet {
	s := completeRows(rb.filter, expressions...)
	for _, k := range rb.report.Keys {
		s.complete = append(s.complete, rb.requiredColumn(k.Column))
	}
	return s.sorted()
}

// reportCells are the cells of one group as a report's function reads them.
type reportCells struct {
	plan   *Plan
	report *Report
	group  int // its index
	cells  []*big.Int
}

// raw is a cell as it is, 0 where it cannot be anything else.
func (c reportCells) raw(i int) *big.Int {
	if m := c.report.Cells[i]; m >= 0 {
		return c.cells[m]
	}
	return new(big.Int)
}

// at is a cell's value.
func (c reportCells) at(i int) *big.Rat {
	scale := 0
	if m := c.report.Cells[i]; m >= 0 {
		scale = c.plan.Moments[m].Scale
	}
	return new(big.Rat).SetFrac(c.raw(i), pow10(scale))
}

// keyColumn is the answer's column for a key.
func (c reportCells) keyColumn(i int) reportColumn {
	column := c.plan.Schema.Columns[c.report.Keys[i].Column]
	return reportColumn{column.Name, column.Kind}
}

// missing is how many rows were left out because a value is NULL: cell 0 counts all.
func (c reportCells) missing(n *big.Rat) figure {
	return figure{"left_out", wholeOf(new(big.Rat).Sub(c.at(0), n))}
}

// reported are the columns that the plan's report adds.
func (p *Plan) reported() []reportColumn {
	return functions[p.Report.Function].report.columns(reportCells{plan: p, report: p.Report})
}

// columns are the answer's: the outputs, and among them those of a report.
func (p *Plan) columns() (names []string, kinds []Kind) {
	add := func(name string, kind Kind) { names, kinds = append(names, name), append(kinds, kind) }
	for i, o := range p.Outputs {
		if p.Report != nil && i == p.Report.Place {
			addColumns(p.reported(), add)
		}
		add(o.Name, o.Expr.Kind)
	}
	if p.Report != nil && p.Report.Place == len(p.Outputs) {
		addColumns(p.reported(), add)
	}
	return names, kinds
}

// printReport evaluates the groups that are shown and lists the report's rows.
func (p *Plan) printReport(shown []candidate, result *Result) error {
	columns := p.reported()
	result.Rows, result.Model = [][]Value{}, []Figure{}
	result.Columns, result.Kinds = p.columns()
	for _, row := range shown {
		if err := p.printGroup(row, columns, result); err != nil {
			return err
		}
	}
	return nil
}

func addColumns(columns []reportColumn, add func(string, Kind)) {
	for _, c := range columns {
		add(c.name, c.kind)
	}
}

// printGroup adds one group's rows and figures.
func (p *Plan) printGroup(row candidate, columns []reportColumn, result *Result) error {
	if code := row.reportReason(); code != 0 {
		var names []string
		for _, c := range columns {
			names = append(names, c.name)
		}
		result.withheldBy(row.group, code, names...)
		result.Withheld[len(result.Withheld)-1].Sums = row.reportSums(code)
		return nil
	}
	group := row.printed()
	var outputs []Value
	for _, o := range p.Outputs {
		v, err := evaluate(o.Expr, row.group)
		if err != nil {
			return err
		}
		outputs = append(outputs, v.print(divides(o.Expr)))
	}
	table, err := functions[p.Report.Function].report.finish(reportCells{p, p.Report, row.index, row.cells})
	if err != nil {
		return err
	}
	for _, r := range table.rows {
		line := append([]Value{}, outputs[:p.Report.Place]...)
		for i, v := range r {
			line = append(line, v.print(false))
			if v.reason != "" {
				result.Notes = append(result.Notes, Note{len(result.Rows), result.Columns[p.Report.Place+i], v.reason})
			}
		}
		result.Rows = append(result.Rows, append(line, outputs[p.Report.Place:]...))
	}
	for _, f := range table.figures {
		result.Model = append(result.Model, Figure{Group: group, Name: f.name, Value: f.value.print(false), Reason: f.value.reason})
	}
	return nil
}
