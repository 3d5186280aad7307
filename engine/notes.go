package engine

import (
	"math/big"
	"slices"
	"strings"
)

const (
	maxNotes     = 8   // notes of a plan; one more says how many are left
	maxNotedText = 128 // bytes of a text that a note looks for and shows
)

// noted is a comparison of a column with a literal.
type noted struct {
	column  Column
	op      Op // OpEqual, an ordering or OpLike
	literal Datum
	values  []Datum // of the column's dictionary, ascending
}

// Notes are remarks on the comparisons that stand in the question: what no value meets that the
// contributors have published, by a dictionary or by bounds, and the nearest value that there is.
// Where nothing is published of a column nothing is said. They follow from what NewPlan gave, are
// no part of the plan, and show what its registrations show. README section 7.
func (p *Plan) Notes() []string { return p.notes(English) }

func (p *Plan) notes(l Language) []string {
	var out []string
	more, seen, dictionaries := 0, map[string]bool{}, map[int][]Datum{}
	for _, e := range p.written {
		for _, n := range p.noted(e, dictionaries) {
			what := n.column.Name + " " + n.what()
			if n.met() || seen[what] {
				continue
			}
			if seen[what] = true; len(out) == maxNotes {
				more++
				continue
			}
			out = append(out, n.sentence(l, p.Departments))
		}
	}
	if more > 0 {
		out = append(out, l.say("so it is with %s more", plural(l, more, "comparison")))
	}
	return append(out, p.noteMissing(l)...)
}

// mirrored is the operation with its operands exchanged.
var mirrored = map[Op]Op{OpLess: OpGreater, OpLessEqual: OpGreaterEq, OpGreater: OpLess, OpGreaterEq: OpLessEqual}

// noted takes a comparison of the text apart, one for each literal; nil where no column is
// compared with one.
func (p *Plan) noted(e *Expr, dictionaries map[int][]Datum) (out []noted) {
	op, left, others := e.Op, e.Args[0], e.Args[1:]
	if left.Op == OpConstant && op != OpIn && op != OpLike {
		left, others = others[0], []*Expr{left}
		if m, ordered := mirrored[op]; ordered {
			op = m
		}
	}
	column := p.columnOf(left)
	if column < 0 {
		return nil
	}
	if op == OpIn || op == OpNotEqual {
		op = OpEqual
	}
	c := p.Schema.Columns[column]
	if _, known := dictionaries[column]; !known {
		dictionaries[column] = c.values()
	}
	for _, o := range others {
		if o.Op == OpConstant && !o.Value.IsNull() && len(o.Value.Text) <= maxNotedText {
			out = append(out, noted{c, op, o.Value, dictionaries[column]})
		}
	}
	return out
}

// columnOf is the column that an operand is, also at another scale; -1 for anything else.
func (p *Plan) columnOf(e *Expr) int {
	for e.Op == OpRescale {
		e = e.Args[0]
	}
	switch e.Op {
	case OpColumn:
		return e.Column
	case OpGroup:
		return p.Groups[e.Column].column()
	}
	return -1
}

// met reports whether a value that the contributors may have meets the comparison: one of the
// dictionary, or any within the bounds. Without either it may be met.
func (n noted) met() bool {
	lo, hi, known := n.ends()
	switch {
	case n.op == OpEqual && n.column.HasDictionary:
		_, found := slices.BinarySearchFunc(n.values, n.literal, Datum.Compare)
		return found
	case n.column.HasDictionary:
		return slices.ContainsFunc(n.values, n.meets)
	case !known || n.op == OpLike:
		return true
	case n.op == OpEqual:
		return n.literal.Compare(lo) >= 0 && n.literal.Compare(hi) <= 0
	}
	return n.meets(lo) || n.meets(hi)
}

// meets reports whether a value meets the comparison, which is not OpEqual.
func (n noted) meets(v Datum) bool {
	order := v.Compare(n.literal)
	switch n.op {
	case OpLess:
		return order < 0
	case OpLessEqual:
		return order <= 0
	case OpGreater:
		return order > 0
	case OpGreaterEq:
		return order >= 0
	}
	return like(v.Text, n.literal.Text)
}

// ends are the least and the greatest value that the column may have, as far as its
// dictionary or its bounds tell.
func (n noted) ends() (lo, hi Datum, known bool) {
	if len(n.values) > 0 {
		return n.values[0], n.values[len(n.values)-1], true
	}
	c := n.column
	at := func(number *big.Int) Datum { return Datum{Kind: c.Kind, Number: number, Scale: c.Scale} }
	return at(c.Min), at(c.Max), c.Min != nil && c.Max != nil
}

// what is the comparison without its column: "'x'", "> 5", "LIKE 'x%'".
func (n noted) what() string {
	if n.op == OpEqual {
		return literal(n.literal)
	}
	return opSigns[n.op] + " " + literal(n.literal)
}

// sentence says that nobody has it, and what there is instead.
func (n noted) sentence(l Language, departments []string) string {
	text := l.say("no department asked has %s %s", n.column.Name, n.what())
	if len(departments) == 1 {
		text = l.say("%s has no %s %s", departments[0], n.column.Name, n.what())
	}
	if near, found := n.nearest(); found {
		return text + l.say("; nearest: %s", literal(near))
	}
	if lo, hi, known := n.ends(); known && n.column.Kind.bounded() {
		return text + l.say("; its values lie from %s to %s", literal(lo), literal(hi))
	}
	if few := n.few(l); few != "" {
		text += l.text("; ") + few
	}
	return text
}

// nearest is the value of the dictionary that was meant, if one is near enough.
func (n noted) nearest() (Datum, bool) {
	if len(n.values) == 0 || n.column.Kind == Boolean {
		return Datum{}, false
	}
	switch n.op {
	default:
		return Datum{}, false
	case OpLike:
		pattern := lower(n.literal.Text)
		at := slices.IndexFunc(n.values, func(v Datum) bool { return like(lower(v.Text), pattern) })
		if at < 0 {
			return Datum{}, false
		}
		return n.values[at], true
	case OpEqual:
	}
	if n.column.Kind == Text {
		near := Nearest(strings.Trim(n.literal.Text, " \t"), n.column.Dictionary)
		return NewText(near), near != ""
	}
	return slices.MinFunc(n.values, func(a, b Datum) int { return n.distance(a).Cmp(n.distance(b)) }), true
}

// distance is how far a number or a date is from the literal.
func (n noted) distance(v Datum) *big.Rat {
	d := new(big.Rat).Sub(rational(v), rational(n.literal))
	return d.Abs(d)
}

// few lists the values of a short dictionary of short values; "" of another.
func (n noted) few(l Language) string {
	var list []string
	for _, v := range n.values {
		if len(v.Text) > maxNotedText/4 || len(list) == maxHintNames {
			return ""
		}
		list = append(list, literal(v))
	}
	if l != English && len(list) > 0 {
		return l.say("there are %s", strings.Join(list, "、"))
	}
	return thereAre(list)
}
