package engine

import (
	"math/big"
	"slices"
	"sync/atomic"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// NewPlan binds a SQL text to the tables of the departments that are asked to
// contribute, each of which must hold the table. It is a deterministic function of
// its arguments (departments in any order), so that every department and every
// verifier recomputes it; the catalogue is validated first. Its cost is that of
// parsing at most MaxSQLBytes and of sorting the contributors' dictionaries. Every
// error is an *Error. A join across departments is refused with CodeUnanswered (NewLinkedPlan).
func NewPlan(sql string, cat Catalogue, departments []string, p Packing) (*Plan, error) {
	return newPlan(sql, cat, departments, p, false)
}

// NewLinkedPlan plans what NewPlan plans, and joins across departments, for networks that answer these. A contributor of such a join holds
// one of the tables, or both. README section 20.
func NewLinkedPlan(sql string, cat Catalogue, departments []string, p Packing) (*Plan, error) {
	return newPlan(sql, cat, departments, p, true)
}

func newPlan(sql string, cat Catalogue, departments []string, p Packing, linked bool) (*Plan, error) {
	b, err := bindQuestion(sql, cat, departments, p)
	if err != nil {
		return nil, err
	}
	if b.fit != nil {
		return nil, b.fit.refusal(cat, departments, p)
	}
	return b.packed(p, linked)
}

// packed completes the plan of a text that is one. linked: it may join tables across departments.
func (b *binder) packed(p Packing, linked bool) (*Plan, error) {
	if b.plan.Linked() != nil {
		b.plan.Layout = Layout{Packing: p} // numbers of a person have no limbs
		switch err := b.split(); {
		case err != nil:
			return nil, err
		case !linked:
			return nil, unanswered(b.from[1].position)
		}
		return b.plan, nil
	}
	if err := b.plan.bound(b.positions); err != nil {
		return nil, err
	}
	if err := b.plan.pack(p); err != nil {
		return nil, err
	}
	return b.plan, nil
}

// Planned counts how often this process has planned a text, for the tests that hold how often
// a question is.
var Planned atomic.Int64

// bindQuestion checks the arguments of NewPlan and binds the text.
func bindQuestion(sql string, cat Catalogue, departments []string, p Packing) (*binder, error) {
	Planned.Add(1)
	if err := p.validate(); err != nil {
		return nil, err
	}
	departments = slices.Sorted(slices.Values(departments))
	if err := checkDepartments(departments, p); err != nil {
		return nil, err
	}
	if err := cat.Validate(); err != nil {
		return nil, err
	}
	stmt, _, err := parseQuestion(sql)
	if err != nil {
		return nil, err
	}
	b := &binder{text: text(sql), plan: &Plan{SQL: sql, Departments: departments}, moments: make(map[string]int)}
	return b, b.bindSelect(stmt, cat)
}

func checkDepartments(sorted []string, p Packing) error {
	if len(sorted) == 0 {
		return refuse(CodeDepartments, 0, "no department is asked to contribute")
	}
	if len(sorted) > p.MaxDepartments {
		return refuse(CodeDepartments, 0, "%d departments are asked; the parameters allow at most %d", len(sorted), p.MaxDepartments)
	}
	for i := range sorted[1:] {
		if sorted[i] == sorted[i+1] {
			return refuse(CodeDepartments, 0, "department %s is asked twice", quote(sorted[i]))
		}
	}
	return nil
}

// Digest identifies the plan: everything that a department computes and reveals
// and everything that the analyst finishes follows from it.
func (p *Plan) Digest() Digest {
	d := Hash("parley plan 1", Marshal(p))
	if p.Noise != nil {
		d = Hash("parley noise 1", d[:], Marshal(p.Noise))
	}
	switch {
	case p.Screen != nil:
		figures, slacks := make([][3]int64, len(p.Moments)), [][5]int64(nil)
		for i, m := range p.Moments {
			figures[i] = [3]int64{int64(m.Within), m.Most, m.Below}
			if s := m.Slack; m.Op == Weigh {
				slacks = append(slacks, [5]int64{s.Total, s.Largest, s.First, s.Rows, int64(m.Rows)})
			}
		}
		parts := [][]byte{d[:], Marshal(p.Screen), Marshal(figures)}
		if slacks != nil {
			parts = append(parts, Marshal(slacks))
		}
		return Hash("parley screening 1", parts...)
	case p.Rules != (Disclosure{}):
		return Hash("parley withheld 1", d[:], Marshal(p.Rules), p.Withheld)
	}
	return d
}

// bindSelect fills the plan but for bounds and layout.
func (b *binder) bindSelect(stmt *pg.SelectStmt, cat Catalogue) error {
	if err := b.onlySelect(stmt); err != nil {
		return err
	}
	if err := b.bindFrom(stmt, cat); err != nil {
		return err
	}
	b.plan.Moments, b.positions = []Moment{{Op: CountRows}}, []int{0}
	b.moments[string(Marshal(b.plan.Moments[0]))] = 0
	where := stmt.WhereClause
	if b.semi != nil {
		where = b.semi.rest
	}
	for _, part := range conjunctNodes(where) {
		b.conditionsAt = append(b.conditionsAt, b.offsetOf(part))
	}
	filter, err := b.bindFilter(where, "WHERE", place{})
	if err != nil {
		return err
	}
	b.plan.Filter = filter
	if err := b.bindDistinctRows(stmt); err != nil {
		return err
	}
	if err := b.bindGroups(stmt); err != nil {
		return err
	}
	if err := b.bindOutputs(stmt.TargetList); err != nil {
		return err
	}
	if stmt.HavingClause != nil {
		if b.plan.Having, err = b.bindCondition(stmt.HavingClause, place{name: "HAVING", cells: true}); err != nil {
			return err
		}
	}
	if err := b.bindOrder(stmt); err != nil {
		return err
	}
	if len(b.plan.Groups) == 0 && stmt.HavingClause == nil && !b.aggregates {
		return hinted(refuse(CodeUnsupported, 1, "the query counts and sums nothing: rows are never shown"),
			aggregatesWanted)
	}
	if b.fit != nil && b.plan.Linked() != nil {
		return inOneRound(b.from[1].position)
	}
	return b.bindLimit(stmt)
}

// bindFilter types WHERE or FILTER; nil without one.
func (b *binder) bindFilter(node *pg.Node, name string, in place) (*Expr, error) {
	if node == nil {
		return nil, nil
	}
	return b.bindCondition(node, place{name: name, depth: in.depth})
}

// conjunctNodes are the parts of a condition that AND connects.
func conjunctNodes(node *pg.Node) (out []*pg.Node) {
	if node == nil {
		return nil
	}
	if e := node.GetBoolExpr(); e != nil && e.Boolop == pg.BoolExprType_AND_EXPR {
		for _, part := range e.Args {
			out = append(out, conjunctNodes(part)...)
		}
		return out
	}
	return []*pg.Node{node}
}

// offsetOf is where a part of the text begins.
func (t text) offsetOf(node *pg.Node) int {
	offset, _ := locateIn(node.ProtoReflect(), 0)
	return t.at(offset)
}

func (b *binder) bindCondition(node *pg.Node, in place) (*Expr, error) {
	e, err := b.bind(node, in)
	if err != nil {
		return nil, err
	}
	offset, _ := locateIn(node.ProtoReflect(), 0)
	return b.truth(e, b.at(offset), in.name)
}

// bound sets the exact bounds of every moment for every department. README
// section 4.
func (p *Plan) bound(positions []int) error {
	for m := range p.Moments {
		moment := &p.Moments[m]
		for _, r := range p.Registrations {
			bound := momentBound(moment, r, p.Schema)
			if width := new(big.Int).Sub(bound.Hi, bound.Lo).BitLen(); width > MaxCellBits {
				return hinted(refuse(CodeOverflow, positions[m], "%s over the %d rows of %s is %d bits wide; at most %d are allowed",
					p.describeMoment(m), r.Rows, r.Department, width, MaxCellBits),
					"sum something with smaller bounds")
			}
			moment.Bounds = append(moment.Bounds, bound)
		}
	}
	return nil
}

// momentBound is a department's range for one cell: a count between 0 and its
// rows, a sum between rows·min(lo, 0) and rows·max(hi, 0), where lo and hi bound
// the summed expression over that department's own columns.
func momentBound(m *Moment, r Registration, schema Schema) Bound {
	rows := big.NewInt(r.Rows)
	switch m.Op {
	case Sum:
	case Present:
		return Bound{Lo: new(big.Int), Hi: big.NewInt(min(r.Rows, 1))}
	case Absent:
		return Bound{Lo: new(big.Int), Hi: big.NewInt(1)}
	default:
		return Bound{Lo: new(big.Int), Hi: rows}
	}
	s := rowSpan(m, r, schema)
	bound := Bound{Lo: new(big.Int), Hi: new(big.Int)}
	if s.lo.Sign() < 0 {
		bound.Lo.Mul(rows, s.lo)
	}
	if s.hi.Sign() > 0 {
		bound.Hi.Mul(rows, s.hi)
	}
	return bound
}

// rowSpan is what one row of a department adds to a cell of the moment, or that it adds nothing.
func rowSpan(m *Moment, r Registration, schema Schema) span {
	out := span{new(big.Int), new(big.Int)}
	if m.Op != Sum {
		return span{out.lo, big.NewInt(1)}
	}
	s := spanOf(m.Expr, func(e *Expr) span {
		own := r.Columns[columnByName(r.Columns, schema.Columns[e.Column].Name)]
		places := schema.Columns[e.Column].Scale - own.Scale
		s := own.span()
		if s.none() {
			return s
		}
		return span{rescale(s.lo, places), rescale(s.hi, places)}
	})
	if !s.none() {
		out.lo, out.hi = minimum(out.lo, s.lo), maximum(out.hi, s.hi)
	}
	return out
}
