package engine

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// This file makes random tables and random queries. A query is made together with
// its meaning, as closures over big.Rat that share nothing with the engine.

// cell is a value of the reference: nil (NULL), *big.Rat, string, bool, day, or a Datum that is a
// timestamp or a time of day.
type cell = any

type day int64

type row []cell

// refColumn is a column of the random table, pooled.
type refColumn struct {
	name, sql string // as registered, and as a query writes it
	kind      Kind
	scale     int
	nullable  bool
	grouped   bool
}

// refTable is a table that departments hold parts of.
type refTable struct {
	columns []refColumn
	parts   [][]row // by department
	// mixed marks departments that hold column "mixed" as integers, void those
	// where column "void" has no value.
	mixed, void []bool
}

const (
	colK = iota
	colI
	colBig
	colDec
	colMixed
	colText
	colFlag
	colDay
	colVoid
	colPeople
	colStamp
	colZoned
	colClock
)

var texts = []string{"", "a", "A", "b", "ab", "a%b", "a_b", `a\b`, "it's", "湖北", "湖南", "NULL", "é"}

func rat(i int64) *big.Rat { return new(big.Rat).SetInt64(i) }

func newTable(r *rand.Rand) *refTable {
	t := &refTable{columns: []refColumn{
		{name: "k", sql: "k", kind: Integer, grouped: true},
		{name: "i", sql: "I", kind: Integer, nullable: true, grouped: true},
		{name: "big", sql: "big", kind: Integer, nullable: true},
		{name: "Dec", sql: `"Dec"`, kind: Decimal, scale: 2, nullable: true, grouped: true},
		{name: "mixed", sql: "mixed", kind: Integer, nullable: true, grouped: true},
		{name: "t", sql: "t", kind: Text, nullable: true, grouped: true},
		{name: "flag", sql: "flag", kind: Boolean, nullable: true, grouped: true},
		{name: "day", sql: "day", kind: Date, nullable: true, grouped: true},
		{name: "void", sql: "void", kind: Null, nullable: true, grouped: true},
		{name: "人口数_合计", sql: "人口数_合计", kind: Integer},
		{name: "at", sql: "at", kind: Timestamp, nullable: true, grouped: true},
		{name: "sent", sql: "sent", kind: TimestampTZ, nullable: true, grouped: true},
		{name: "clock", sql: "clock", kind: Time, nullable: true, grouped: true},
	}}
	for range 1 + r.IntN(7) {
		mixed, void := r.IntN(2) == 0, r.IntN(2) == 0
		if !mixed {
			t.columns[colMixed].kind, t.columns[colMixed].scale = Decimal, 3
		}
		var part []row
		for range r.IntN(12) {
			part = append(part, newRow(r, t, mixed, void))
		}
		if !void && slices.ContainsFunc(part, func(x row) bool { return x[colVoid] != nil }) {
			t.columns[colVoid].kind = Integer
		} else {
			void = true
		}
		t.parts, t.mixed, t.void = append(t.parts, part), append(t.mixed, mixed), append(t.void, void)
	}
	return t
}

// repeat has some rows of each part stand in it often, up to so many rows, so that some groups are large.
func (t *refTable) repeat(r *rand.Rand, rows int) {
	for d := range t.parts {
		for n := len(t.parts[d]); n > 0 && len(t.parts[d]) < rows; {
			t.parts[d] = append(t.parts[d], slices.Clone(t.parts[d][r.IntN(n)]))
		}
	}
}

// instantOf is a timestamp or a time of day: of few days, hours and fractions of a second, so that
// some are alike and some are midnights.
func instantOf(r *rand.Rand, kind Kind) Datum {
	micros := []int64{0, 45_296_789_000, 86_399_999_999, 43_200_000_000, 500_000, r.Int64N(MicrosPerDay)}[r.IntN(6)]
	if kind != Time {
		micros += (r.Int64N(5)*10000 - 20000) * MicrosPerDay
	}
	return newTemporal(kind, micros)
}

func newRow(r *rand.Rand, t *refTable, mixed, void bool) row {
	out := make(row, len(t.columns))
	out[colK] = rat(r.Int64N(4))
	out[colI] = rat(r.Int64N(7) - 3)
	out[colBig] = rat([]int64{math.MinInt64, math.MaxInt64, 0, 1, -1, r.Int64(), -r.Int64()}[r.IntN(7)])
	out[colDec] = big.NewRat(r.Int64N(400)-200, 100)
	out[colMixed] = rat(r.Int64N(5) - 2)
	if !mixed {
		out[colMixed] = big.NewRat(r.Int64N(9000)-4500, 1000)
	}
	out[colText] = texts[r.IntN(len(texts))]
	out[colFlag] = r.IntN(2) == 0
	out[colDay] = day(r.Int64N(5)*10000 - 20000)
	out[colVoid] = rat(r.Int64N(3))
	out[colPeople] = rat(r.Int64N(1 << 31))
	out[colStamp], out[colZoned], out[colClock] = instantOf(r, Timestamp), instantOf(r, TimestampTZ), instantOf(r, Time)
	for c := range out {
		if t.columns[c].nullable && r.IntN(4) == 0 || c == colVoid && void {
			out[c] = nil
		}
	}
	return out
}

// node is an expression over rows with its text and its meaning.
type node struct {
	sql     string
	eval    func(row) cell
	integer bool // of one of PostgreSQL's integer types
	scale   int
	bits    int // of an integer type
}

// generator makes one query.
type generator struct {
	*rand.Rand
	t *refTable
}

func (g generator) pick(columns ...int) int { return columns[g.IntN(len(columns))] }

func (g generator) column(c int) node {
	col := g.t.columns[c]
	return node{col.sql, func(r row) cell { return r[c] }, col.kind == Integer || col.kind == Null, col.scale, 64}
}

// cast gives an integer another width.
func (g generator) cast(a node) node {
	if !a.integer {
		return a
	}
	i := g.IntN(3)
	a.bits = []int{16, 32, 64}[i]
	if g.IntN(2) == 0 {
		a.sql = "CAST(" + a.sql + " AS " + []string{"smallint", "int", "bigint"}[i] + ")"
	} else {
		a.sql = "(" + a.sql + ")::" + []string{"int2", "integer", "int8"}[i]
	}
	return a
}

// literal is a number that is not negative.
func (g generator) literal() node {
	v, scale := g.Int64N(5), 0
	if g.IntN(3) == 0 {
		v, scale = g.Int64N(400), 2
	}
	exact := new(big.Rat).SetFrac(big.NewInt(v), pow10(scale))
	return node{exact.FloatString(scale), func(row) cell { return exact }, scale == 0, scale, 32}
}

func lift(f func(a, b *big.Rat) *big.Rat) func(a, b cell) cell {
	return func(a, b cell) cell {
		if a == nil || b == nil {
			return nil
		}
		return f(a.(*big.Rat), b.(*big.Rat))
	}
}

var (
	plus  = lift(func(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) })
	minus = lift(func(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) })
	times = lift(func(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) })
	quo   = lift(func(a, b *big.Rat) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Quo(a.Num(), b.Num())) })
	rem   = lift(func(a, b *big.Rat) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Rem(a.Num(), b.Num())) })
)

// number makes + - * of columns and constants; wide allows the column of extremes.
func (g generator) number(depth int, wide bool) node {
	if depth == 0 || g.IntN(3) == 0 {
		columns := []int{colK, colI, colDec, colMixed, colVoid, colPeople}
		if wide {
			columns = append(columns, colBig, colBig)
		}
		if g.IntN(4) == 0 {
			return g.literal()
		}
		column := g.column(g.pick(columns...))
		if g.IntN(3) == 0 && column.sql != "big" {
			return g.cast(column)
		}
		return column
	}
	a := g.number(depth-1, wide)
	if g.IntN(6) == 0 {
		return node{"- (" + a.sql + ")", func(r row) cell { return minus(rat(0), a.eval(r)) }, a.integer, a.scale, a.bits}
	}
	if g.IntN(12) == 0 {
		return g.cast(a)
	}
	b := g.number(depth-1, false)
	op := g.IntN(3)
	f := []func(a, b cell) cell{plus, minus, times}[op]
	scale := max(a.scale, b.scale)
	if op == 2 {
		scale = a.scale + b.scale
	}
	return node{"(" + a.sql + []string{" + ", " - ", " * "}[op] + b.sql + ")",
		func(r row) cell { return f(a.eval(r), b.eval(r)) }, a.integer && b.integer, scale, max(a.bits, b.bits)}
}

// divided adds division and remainder by a constant where WHERE allows it.
func (g generator) divided(depth int) node {
	a := g.number(depth, true)
	if !a.integer || g.IntN(3) != 0 {
		return a
	}
	by := rat([]int64{2, 3, -4, 7}[g.IntN(4)])
	if g.IntN(2) == 0 {
		return node{a.sql + " / " + by.RatString(), func(r row) cell { return quo(a.eval(r), by) }, true, 0, a.bits}
	}
	return node{a.sql + " % " + by.RatString(), func(r row) cell { return rem(a.eval(r), by) }, true, 0, a.bits}
}

// order compares two values of one type that are not NULL.
func order(a, b cell) int {
	switch x := a.(type) {
	case *big.Rat:
		return x.Cmp(b.(*big.Rat))
	case string:
		return strings.Compare(x, b.(string))
	case day:
		return int(x - b.(day))
	case Datum:
		return x.Compare(b.(Datum))
	case bool:
		if x == b.(bool) {
			return 0
		} else if x {
			return 1
		}
		return -1
	}
	panic("no order")
}

var comparisons = []struct {
	sql  string
	test func(order int) bool
}{
	{"=", func(o int) bool { return o == 0 }}, {"<>", func(o int) bool { return o != 0 }}, {"!=", func(o int) bool { return o != 0 }},
	{"<", func(o int) bool { return o < 0 }}, {"<=", func(o int) bool { return o <= 0 }},
	{">", func(o int) bool { return o > 0 }}, {">=", func(o int) bool { return o >= 0 }},
}

func compared(a, b cell, test func(int) bool) cell {
	if a == nil || b == nil {
		return nil
	}
	return test(order(a, b))
}

func and(a, b cell) cell {
	switch {
	case a == false || b == false:
		return false
	case a == nil || b == nil:
		return nil
	}
	return true
}

func not(a cell) cell {
	if a == nil {
		return nil
	}
	return !a.(bool)
}

func or(a, b cell) cell { return not(and(not(a), not(b))) }

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// scalar is a pair of operands of one type that can be compared.
func (g generator) scalar() (a, b node) {
	switch g.IntN(7) {
	case 6:
		c := g.pick(colStamp, colZoned, colClock)
		kind := g.t.columns[c].kind
		d := instantOf(g.Rand, kind)
		prefix := []string{"", kind.String() + " "}[g.IntN(2)]
		return g.column(c), node{sql: prefix + quoted(d.String()), eval: func(row) cell { return d }}
	case 0:
		s := texts[g.IntN(len(texts))]
		return g.column(colText), node{sql: quoted(s), eval: func(row) cell { return s }}
	case 1:
		d := day(g.Int64N(5)*10000 - 20000)
		prefix := []string{"", "DATE "}[g.IntN(2)]
		return g.column(colDay), node{sql: prefix + quoted(FormatDate(int64(d))), eval: func(row) cell { return d }}
	case 2:
		v := g.IntN(2) == 0
		return g.column(colFlag), node{sql: fmt.Sprint(v), eval: func(row) cell { return v }}
	case 3:
		return g.column(g.pick(colK, colI, colBig, colDec, colMixed)), node{sql: "NULL", eval: func(row) cell { return nil }}
	}
	return g.divided(2), g.divided(1)
}

// condition makes a predicate.
func (g generator) condition(depth int) node {
	if depth > 0 && g.IntN(2) == 0 {
		a, b := g.condition(depth-1), g.condition(depth-1)
		switch g.IntN(4) {
		case 0:
			return node{sql: "NOT (" + a.sql + ")", eval: func(r row) cell { return not(a.eval(r)) }}
		case 1:
			return node{sql: "(" + a.sql + " OR " + b.sql + ")", eval: func(r row) cell { return or(a.eval(r), b.eval(r)) }}
		default:
			return node{sql: "(" + a.sql + ") AND (" + b.sql + ")", eval: func(r row) cell { return and(a.eval(r), b.eval(r)) }}
		}
	}
	a, b := g.scalar()
	switch g.IntN(8) {
	case 0:
		_, c := g.scalarLike(a)
		return node{sql: "(" + a.sql + " NOT BETWEEN " + b.sql + " AND " + c.sql + ")", eval: func(r row) cell {
			return not(and(compared(a.eval(r), b.eval(r), comparisons[6].test), compared(a.eval(r), c.eval(r), comparisons[4].test)))
		}}
	case 1:
		_, c := g.scalarLike(a)
		in := func(r row) cell {
			return or(compared(a.eval(r), b.eval(r), comparisons[0].test), compared(a.eval(r), c.eval(r), comparisons[0].test))
		}
		if g.IntN(2) == 0 {
			return node{sql: a.sql + " NOT IN (" + b.sql + ", " + c.sql + ")", eval: func(r row) cell { return not(in(r)) }}
		}
		return node{sql: a.sql + " IN (" + b.sql + ", " + c.sql + ")", eval: in}
	case 2:
		return node{sql: a.sql + " IS NULL", eval: func(r row) cell { return a.eval(r) == nil }}
	case 3:
		return node{sql: a.sql + " IS NOT NULL", eval: func(r row) cell { return a.eval(r) != nil }}
	case 4:
		return g.pattern()
	case 5:
		f := g.column(colFlag)
		return []node{f,
			{sql: "flag IS TRUE", eval: func(r row) cell { return f.eval(r) == true }},
			{sql: "flag IS NOT FALSE", eval: func(r row) cell { return f.eval(r) != false }},
			{sql: "flag IS UNKNOWN", eval: func(r row) cell { return f.eval(r) == nil }}}[g.IntN(4)]
	}
	c := comparisons[g.IntN(len(comparisons))]
	return node{sql: a.sql + " " + c.sql + " " + b.sql, eval: func(r row) cell { return compared(a.eval(r), b.eval(r), c.test) }}
}

// scalarLike draws a second operand that can be compared with a.
func (g generator) scalarLike(a node) (node, node) {
	for {
		x, y := g.scalar()
		if x.sql == a.sql && y.sql != "NULL" {
			return x, y
		}
		if _, number := a.eval(g.sample()).(*big.Rat); number {
			return a, g.literal()
		}
	}
}

// sample is a row without NULLs, to look at types.
func (g generator) sample() row {
	return row{rat(1), rat(1), rat(1), rat(1), rat(1), "a", true, day(0), rat(1), rat(1), NewTimestamp(0), NewTimestampTZ(0), NewTime(0)}
}

// pattern makes LIKE, whose meaning is a regular expression here.
func (g generator) pattern() node {
	pieces := []string{"%", "_", "a", "b", `\%`, `\_`, `\\`, "湖", "A"}
	meaning := []string{"(?s:.*)", "(?s:.)", "a", "b", "%", "_", `\\`, "湖", "A"}
	pattern, expression := "", "^"
	for range g.IntN(5) {
		i := g.IntN(len(pieces))
		pattern, expression = pattern+pieces[i], expression+meaning[i]
	}
	re := regexp.MustCompile(expression + "$")
	negated := g.IntN(2) == 0
	word := map[bool]string{true: " NOT LIKE ", false: " LIKE "}[negated]
	return node{sql: "t" + word + quoted(pattern), eval: func(r row) cell {
		if r[colText] == nil {
			return nil
		}
		return re.MatchString(r[colText].(string)) != negated
	}}
}
