package engine

import (
	"bytes"
	"math/big"
	"slices"
)

// Linked is how a question is answered whose two tables departments join across each other: every cell is a sum, over the persons
// of a spine, of products of a number that departments of one side have of a person and one that those of the other have.
// README section 20.
type Linked struct {
	_     struct{} `cbor:",toarray"`
	Spine Spine
	Sides [2]Side // in the order of Join.Tables
	// Multiplier is the side whose departments multiply; the other's send their vectors encrypted.
	Multiplier int
	Targets    []Target  // different ones; one of each is opened in each group of the plan
	Moments    []int     // by moment of the plan, which target its cell is
	Semi       *SemiJoin // nil: rows of both sides match
}

// Spine is a list of persons that a department publishes: the keys of one of its tables.
type Spine struct {
	_                 struct{} `cbor:",toarray"`
	Table, Department string
}

// Side is one of the two tables, and what its departments have of each person.
type Side struct {
	_           struct{} `cbor:",toarray"`
	Departments []string // that hold the table, ascending
	Key         int      // the column that names persons, an index into Schema.Columns
	Groups      []int    // those of Plan.Groups that are of the table, ascending
	Vectors     []Vector // different ones, each once; in each of the side's groups there is one of each
}

// Vector is what a department has of each person: one number for each position of the spine, from those of its rows that name
// the person, pass Filter and are of the group.
type Vector struct {
	_      struct{} `cbor:",toarray"`
	Op     MomentOp // CountRows, Sum of Expr where it is not NULL, Present: 1 if there is such a row, else 0, or Absent
	Expr   *Expr    // nil but of a Sum
	Filter *Expr    // WHERE and FILTER as far as they are about this side, and what must have a value; nil: all rows
	Bounds []Bound  // of each number, by department of the side
}

// Target is a number that is opened in each group: the sum of its terms. Without terms it is 0.
type Target struct {
	_     struct{} `cbor:",toarray"`
	Terms []Term
	Range Bound // in any group, over all departments; holds 0
}

// Term is Factor times the inner product of two vectors, each summed over the departments of its side.
type Term struct {
	_       struct{} `cbor:",toarray"`
	Factor  *big.Int // not 0
	Vectors [2]int   // by side, indices into its Vectors
}

// Linked is how the departments join two tables across each other; nil of every other plan.
func (p *Plan) Linked() *Linked {
	if p.Join == nil {
		return nil
	}
	return p.Join.Linked
}

// Groups is how many groups a side has: the product of its group columns' values.
func (l *Linked) Groups(p *Plan, side int) int {
	groups := 1
	for _, g := range l.Sides[side].Groups {
		groups *= len(p.Groups[g].Values)
	}
	return groups
}

// Group is the group of a side that a group of the plan is of. It counts through the values of the side's group columns, the
// last fastest, as Plan.CellCount says of all.
func (l *Linked) Group(p *Plan, side, group int) int {
	at, step := 0, 1
	for g := len(p.Groups) - 1; g >= 0; g-- {
		n := len(p.Groups[g].Values)
		if slices.Contains(l.Sides[side].Groups, g) {
			at, step = at+group%n*step, step*n
		}
		group /= n
	}
	return at
}

// Indicator reports whether all numbers of a vector are 0 or 1.
func (v *Vector) Indicator() bool { return v.Op == Present || v.Op == Absent }

// Bits reports whether all that a vector says of a person is whether there is a row: of a count, where nobody has two at any of its departments.
func (v *Vector) Bits() bool {
	return v.Indicator() || v.Op == CountRows && !slices.ContainsFunc(v.Bounds, func(b Bound) bool { return b.Hi.Cmp(big.NewInt(1)) > 0 })
}

// products is how many products of vectors each department makes that multiplies.
func (l *Linked) products(p *Plan) (n int) {
	for _, t := range l.Targets {
		n += p.groupCount() * len(t.Terms)
	}
	return n
}

// At is what one of the side's departments has of each person, in a form in which vectors of the same numbers are equal, whichever
// question they are of: its own bounds alone, conditions in one order, and of a count whether there is a row, where nobody has two.
func (v Vector) At(department int) Vector {
	v.Bounds = v.Bounds[department : department+1]
	v.Filter = conjunction(nil, inOrder(conjuncts(v.Filter)))
	if v.Op == CountRows && v.Bits() {
		v.Op = Present
	}
	return v
}

// inOrder are conditions in the order of their encodings, each once.
func inOrder(conditions []*Expr) []*Expr {
	sorted := slices.SortedFunc(slices.Values(conditions), func(a, b *Expr) int { return bytes.Compare(Marshal(a), Marshal(b)) })
	return slices.CompactFunc(sorted, (*Expr).equal)
}

// width is how many bits the widest range of a number on the side has.
func (s *Side) width() (bits int) {
	for _, v := range s.Vectors {
		for _, b := range v.Bounds {
			bits = max(bits, new(big.Int).Sub(b.Hi, b.Lo).BitLen())
		}
	}
	return bits
}

// Cells are the plan's cells from what is opened: the target t of group g is number g·len(Targets) + t. One outside of its range is
// refused with CodeOverflow: then departments contributed what is not of their registered rows.
func (l *Linked) Cells(p *Plan, opened []*big.Int) ([]*big.Int, error) {
	if n := p.groupCount() * len(l.Targets); len(opened) != n {
		return nil, refuse(CodeCells, 0, "%d numbers given, the plan opens %d", len(opened), n)
	}
	for i, v := range opened {
		if r := l.Targets[i%len(l.Targets)].Range; v == nil || v.Cmp(r.Lo) < 0 || v.Cmp(r.Hi) > 0 {
			return nil, refuse(CodeOverflow, 0, "number %d is missing or outside of its range", i)
		}
	}
	cells := make([]*big.Int, 0, p.CellCount())
	for group := range p.groupCount() {
		for _, t := range l.Moments {
			cells = append(cells, opened[group*len(l.Targets)+t])
		}
	}
	return cells, nil
}

// equal reports whether two targets are one number.
func (t Target) equal(o Target) bool {
	return slices.EqualFunc(t.Terms, o.Terms, func(a, b Term) bool { return a.Vectors == b.Vectors && a.Factor.Cmp(b.Factor) == 0 })
}

// unanswered is why a question whose tables are joined across departments gets no answer.
func unanswered(position int) *Error {
	return hinted(refuse(CodeUnanswered, position, "the question joins tables across departments, by persons, and nobody answers it here"),
		"a network says when it is founded that it answers such questions (joins in node.toml); tables whose key all departments declare colocated are joined by each by itself")
}

// inOneRound refuses a question of several rounds that joins tables across departments.
func inOneRound(position int) *Error {
	return hinted(refuse(CodeUnsupported, position, "a join across departments is asked in one round, and this question takes several"),
		"several are for min, max, mode, median and percentiles, logreg, and subqueries that are asked first; count, sum, avg, variances, correlations and linreg take one")
}

// notLimbs refuses a plan of which departments contribute no limbs: a join across departments.
func (p *Plan) notLimbs() error {
	if p.Linked() != nil {
		return unanswered(0)
	}
	return nil
}
