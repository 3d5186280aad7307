package engine

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation says what a plan computes and what it reveals to whom, for people and
// as JSON. It follows from the plan alone; making it runs nothing.
type Explanation struct {
	SQL         string                 `json:"sql"`
	Plan        Digest                 `json:"plan"`
	Assurance   string                 `json:"assurance"` // "sealed"
	Table       string                 `json:"table"`
	Joined      []ExplainedKey         `json:"joined,omitempty"`  // of a join
	Linked      *ExplainedLinked       `json:"linked,omitempty"`  // of a join across departments
	Partial     []string               `json:"partial,omitempty"` // departments that hold some of the joined tables and not all
	Departments []ExplainedDepartment  `json:"departments"`
	Columns     []string               `json:"columns"`         // read by the departments
	Filter      string                 `json:"filter"`          // "" for all rows
	Notes       []string               `json:"notes,omitempty"` // Plan.Notes
	GroupBy     []ExplainedGroupColumn `json:"groupBy"`
	Moments     []ExplainedMoment      `json:"moments"`
	Outputs     []ExplainedOutput      `json:"outputs"`
	Report      *ExplainedReport       `json:"report,omitempty"` // the call that returns rows
	Groups      int                    `json:"groups"`
	Cells       int                    `json:"cells"`             // groups × moments
	Limbs       int                    `json:"limbs"`             // slots taken
	Ciphertexts int                    `json:"ciphertexts"`       // of each department
	Rounded     int64                  `json:"rounded,omitempty"` // what counts are rounded to, which one department contributes for all
	Privacy     *Privacy               `json:"privacy,omitempty"` // what noise protects under differential privacy
	NoNoise     bool                   `json:"noNoise,omitempty"` // the rules demand noise, and no cell needs any
	Learns      []ExplainedDisclosure  `json:"learns"`
	language    Language
}

// ExplainedDepartment is one contributor.
type ExplainedDepartment struct {
	Name    string `json:"name"`
	Rows    int64  `json:"rows"`
	Version uint64 `json:"version"`
	Digest  Digest `json:"digest"`
	// Tables are what it joins, where it does. Then Rows is how many joined rows there are at most, and Digest names all of the tables.
	Tables []ExplainedTable `json:"tables,omitempty"`
}

// ExplainedTable is one of the tables that a contributor joins.
type ExplainedTable struct {
	Name    string `json:"name"`
	Rows    int64  `json:"rows"`
	Version uint64 `json:"version"`
	Digest  Digest `json:"digest"`
}

// ExplainedKey is columns that are equal in joined rows.
type ExplainedKey struct {
	Columns []string `json:"columns"`
	Family  string   `json:"colocated,omitempty"` // that all of them are declared to be of
}

// ExplainedGroupColumn is one column of GROUP BY.
type ExplainedGroupColumn struct {
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
	Values int    `json:"values"` // NULL included
}

// ExplainedMoment is one cell of every group.
type ExplainedMoment struct {
	Name   string           `json:"name"`
	Hidden bool             `json:"hidden"` // not in the select list by itself
	Scale  int              `json:"scale"`
	Limbs  int              `json:"limbs"`
	Bounds []ExplainedBound `json:"bounds"`
	Error  string           `json:"standardError,omitempty"` // that its noise gives the sum over all departments
}

// ExplainedBound is what a department proves of a cell, in units of 10^−Scale.
type ExplainedBound struct {
	Department string `json:"department"`
	Lo         string `json:"lo"`
	Hi         string `json:"hi"`
}

// ExplainedOutput is one column of the answer.
type ExplainedOutput struct {
	Name       string `json:"name"`
	Kind       Kind   `json:"kind"`
	Expression string `json:"expression"`
	Error      string `json:"standardError,omitempty"` // of a count or a sum with noise
}

// ExplainedReport is a call that returns rows.
type ExplainedReport struct {
	Function string   `json:"function"`
	Columns  []string `json:"columns"`         // that it adds to the answer
	Terms    []string `json:"terms,omitempty"` // of a regression
}

// ExplainedDisclosure is what somebody learns.
type ExplainedDisclosure struct {
	Who  string `json:"who"`
	What string `json:"what"`
}

// Explain describes the plan.
func (p *Plan) Explain() Explanation { return p.ExplainIn(English) }

// ExplainIn describes it in a language, as people read it.
func (p *Plan) ExplainIn(l Language) Explanation {
	x := Explanation{
		language: l,
		SQL:      p.SQL, Plan: p.Digest(), Assurance: "sealed", Table: p.Table,
		Columns: p.columnsRead(), Notes: p.notes(l), GroupBy: []ExplainedGroupColumn{},
		Groups: p.groupCount(), Cells: p.CellCount(),
		Limbs: p.groupCount() * p.Layout.SlotsPerGroup, Ciphertexts: p.Ciphertexts(),
	}
	if p.Rounds() {
		x.Rounded = p.Rules.Base
	}
	x.Filter = p.describeRows()
	for _, r := range p.Registrations {
		x.Departments = append(x.Departments, ExplainedDepartment{r.Department, r.Rows, r.Version, r.Digest, p.explainTables(r.Department)})
	}
	if x.Linked = p.explainLinked(); x.Linked != nil {
		for _, d := range p.Departments {
			x.Departments = append(x.Departments, ExplainedDepartment{Name: d, Tables: p.explainTables(d)})
		}
	}
	x.Joined = p.explainKeys()
	for _, g := range p.Groups {
		x.GroupBy = append(x.GroupBy, ExplainedGroupColumn{p.describe(g.Expr), g.Expr.Kind, len(g.Values)})
	}
	for m, moment := range p.Moments {
		em := ExplainedMoment{Name: p.describeMoment(m), Hidden: !p.shown(m), Scale: moment.Scale}
		if x.Linked == nil {
			em.Limbs = p.Layout.Limbs[m]
		}
		for d, bound := range moment.Bounds {
			who := p.Departments[d]
			if p.Rounds() {
				who = l.text(whoRounds[d == p.Recipient])
			}
			if b := (ExplainedBound{who, bound.Lo.String(), bound.Hi.String()}); !slices.Contains(em.Bounds, b) {
				em.Bounds = append(em.Bounds, b)
			}
		}
		em.Error = p.momentError(m)
		x.Moments = append(x.Moments, em)
	}
	for _, o := range p.Outputs {
		x.Outputs = append(x.Outputs, ExplainedOutput{o.Name, o.Expr.Kind, p.describe(o.Expr), p.outputError(o.Expr)})
	}
	if r := p.Report; r != nil {
		x.Report = &ExplainedReport{Function: r.Function}
		for _, c := range functions[r.Function].report.columns(reportCells{plan: p, report: r}) {
			x.Report.Columns = append(x.Report.Columns, c.name)
		}
		if functions[r.Function].report.terms {
			x.Report.Terms = r.Names
		}
	}
	x.Privacy, x.NoNoise, x.Learns = p.privacy(), p.Noise != nil && !p.noised(), p.disclosures(l)
	return x
}

// columnsRead lists the columns that departments read, in the schema's order.
func (p *Plan) columnsRead() []string {
	read := make([]bool, len(p.Schema.Columns))
	visit := func(column int) { read[column] = true }
	for _, where := range p.wheres() {
		columnsOf(where, visit)
	}
	for _, m := range p.Moments {
		columnsOf(m.Expr, visit)
		columnsOf(m.Filter, visit)
	}
	for _, g := range p.Groups {
		columnsOf(g.Expr, visit)
	}
	names := []string{}
	for i, c := range p.Schema.Columns {
		if read[i] {
			names = append(names, c.Name)
		}
	}
	return names
}

// shown reports whether a moment is by itself a column of the answer.
func (p *Plan) shown(moment int) bool {
	return slices.ContainsFunc(p.Outputs, func(o Output) bool {
		return (o.Expr.Op == OpCount || o.Expr.Op == OpSum) && o.Expr.Column == moment
	})
}

// maxBoundedMoments is up to how many moments the text lists each department's bounds;
// the JSON form always does.
const maxBoundedMoments = 128

// maxAlike is up to how many moments that differ in their last value alone are listed
// one by one in the text; the JSON form always lists them.
const maxAlike = 16

// whoRounds are those who prove bounds of a rounded count: of whoever contributes it for all, and of the others. Who that is
// follows from the question's number, which it does not have yet.
var whoRounds = map[bool]string{true: "whichever contributes for all", false: "each other department"}

// stem is a moment's name without its last value; "" if it has none.
func (m ExplainedMoment) stem() string {
	return m.Name[:max(0, strings.LastIndex(m.Name, " = "))]
}

// writeMoments lists the moments; of a search's buckets, and of many that differ in their
// last value alone, a few.
func (x Explanation) writeMoments(line func(format string, args ...any)) {
	buckets := x.Report != nil && x.Report.Function == "buckets"
	stem, alike, said := "", 0, ""
	for i, m := range x.Moments {
		if alike++; m.stem() == "" || m.stem() != stem {
			stem, alike = m.stem(), 0
		}
		left := ""
		switch {
		case buckets && i > 2 && i < len(x.Moments)-1:
			left = "  ... one such count for each bucket ..."
		case alike >= maxAlike:
			left = "  and so on"
		}
		if left != "" && left != said {
			line(left)
		}
		if said = left; left != "" {
			continue
		}
		unit := ""
		if m.Scale > 0 {
			unit = x.language.say(", in units of 10^-%d", m.Scale)
		}
		line("  %s: %s%s", m.Name, plural(x.language, m.Limbs, "limb"), unit)
		if m.Error != "" { // of the value, whatever the unit of limbs
			line("    with the noise of all departments the standard error is %s", m.Error)
		}
		if len(x.Moments) > maxBoundedMoments {
			continue
		}
		for _, bound := range m.Bounds {
			line("    %s proves %s to %s", bound.Department, bound.Lo, bound.Hi)
		}
	}
}

// writeCells says what departments contribute.
func (x Explanation) writeCells(line func(format string, args ...any)) {
	if x.Linked != nil {
		x.Linked.write(x.language, line)
		return
	}
	who := x.language.text("Each department contributes")
	if x.Rounded > 0 {
		who = x.language.say("The contributors open the counts and round them to %d; one of them contributes what is rounded, the others 0:", x.Rounded)
	}
	line("%s %s (%s of %d) in %s, %s:", who, plural(x.language, x.Cells, "cell"), plural(x.language, x.Groups, "group"),
		len(x.Moments), plural(x.language, x.Limbs, "limb"), plural(x.language, x.Ciphertexts, "ciphertext"))
	x.writeMoments(line)
}

// String writes the explanation for people.
func (x Explanation) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, x.language.text(format)+"\n", args...) }
	line("Plan %s", x.Plan)
	line("Assurance: %s", x.Assurance)
	line("Table %s, contributed by", x.Table)
	for _, d := range x.Departments {
		switch {
		case x.Linked != nil:
			line("  %s, of", d.Name)
		case len(d.Tables) > 0:
			line("  %s: at most %s, of", d.Name, plural(x.language, d.Rows, "joined row"))
		default:
			line("  %s: %s, version %d, digest %s", d.Name, plural(x.language, d.Rows, "row"), d.Version, d.Digest)
		}
		for _, t := range d.Tables {
			line("    %s: %s, version %d, digest %s", t.Name, plural(x.language, t.Rows, "row"), t.Version, t.Digest)
		}
	}
	if len(x.Partial) > 0 {
		line("Not asked, since it takes all the tables to join them: %s", strings.Join(x.Partial, ", "))
	}
	for _, k := range x.Joined {
		promise := k.promise()
		if l := x.Linked; l != nil {
			promise = x.language.say(" are one person on the spine %s of %s, across departments", quote(l.Spine), l.Of)
		}
		line("Joined where %s%s", strings.Join(k.Columns, " = "), promise)
	}
	if len(x.Columns) > 0 {
		line("Columns read: %s", strings.Join(x.Columns, ", "))
	}
	if x.Filter != "" {
		line("Rows counted: %s", x.Filter)
	}
	for _, note := range x.Notes {
		line("Note: %s", note)
	}
	for _, g := range x.GroupBy {
		line("Grouped by %s: %s (%s)", g.Name, plural(x.language, g.Values, "value"), g.Kind)
	}
	x.writeCells(line)
	line("The analyst computes")
	for _, o := range x.Outputs {
		text := x.language.say("  %s = %s (%s)", o.Name, o.Expression, o.Kind)
		if o.Error != "" {
			text += x.language.text(", ± ") + o.Error
		}
		b.WriteString(text + "\n")
	}
	if r := x.Report; r != nil {
		line("  %s, which gives rows of %s", r.Function, strings.Join(r.Columns, ", "))
		if len(r.Terms) > 0 {
			line("  terms: %s", strings.Join(r.Terms, ", "))
		}
	}
	if x.NoNoise {
		line("Noise: none, since all that is asked for is how many rows the tables have, which is public. It takes of budgets as any question does.")
	}
	if x.Privacy != nil {
		line("Noise: %s.", x.Privacy.In(x.language))
		if cost := x.Privacy.Cost(x.language); cost != "" {
			line("Accuracy: %s.", cost)
		}
	}
	for _, l := range x.Learns {
		line("Learns: %s: %s.", l.Who, l.What)
	}
	return b.String()
}
