package engine

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

// castTable holds 14, 5 and 47 in x, in two departments, and wider numbers in w.
func castTable() *refTable {
	t := &refTable{columns: []refColumn{{name: "x", sql: "x", kind: Integer},
		{name: "w", sql: "w", kind: Integer}, {name: "n", sql: "n", kind: Null, nullable: true}},
		mixed: []bool{true, true}, void: []bool{true, true}}
	t.parts = [][]row{{{rat(14), rat(40000), nil}, {rat(5), rat(-3000000000), nil}}, {{rat(47), rat(1), nil}}}
	return t
}

// castCases are questions over castTable with the answers of PostgreSQL 15 over a
// table of bigint; "" where it says that a value is out of range, and the question is
// refused. TestPostgresCasts asks it.
var castCases = []struct{ sql, want string }{
	{"sum(x::int)/7", "9"},
	{"sum(CAST(x AS int))/7", "9"},
	{"sum(x::integer)/7", "9"},
	{"sum(x::smallint)/7", "9"},
	{"sum(x)/7", "9.4285714285714286"},
	{"sum(x::bigint)/7", "9.4285714285714286"},
	{"sum(x::int8)/7", "9.4285714285714286"},
	{"sum(x::int::bigint)/7", "9.4285714285714286"},
	{"sum(x::bigint::int)/7", "9"},
	{"sum(x::int*2)/7", "18"},
	{"sum(2*x::smallint)/7", "18"},
	{"sum(x::int + x)/7", "18.8571428571428571"},
	{"sum(x::int * 3000000000)/7", "28285714285.71428571"},
	{"sum(x::int * 1.0)/7", "9.4285714285714286"},
	{"sum(-(x::int))/7", "-9"},
	{"sum(-x::int)/7", "-9"},
	{"sum(x::numeric)/7", "9.4285714285714286"},
	{"sum(x::int::numeric)/7", "9.4285714285714286"},
	{"sum(5)/7", "2"},
	{"sum(5::bigint)/7", "2.1428571428571429"},
	{"sum('5'::int)/7", "2"},
	{"sum('5'::int8)/7", "2.1428571428571429"},
	{"sum(x::int)/7::numeric", "9.4285714285714286"},
	{"sum(x::int) % 7", "3"},
	{"sum(x::int - 1::smallint) * 2 / 9", "14"},
	{"avg(x::int)", "22.0000000000000000"},
	{"avg(x::int)/7", "3.1428571428571429"},
	{"sum(x::int)::bigint/7", "9"},
	{"sum(x::int)::int/7", "9"},
	{"count(*)::int/2", "1"},
	{"count(*)::smallint/2::smallint", "1"},
	{"(count(*) + 1)::int/3", "1"},
	{"sum(x::int) FILTER (WHERE x::int/2 = 7)", "14"},
	{"count(*) FILTER (WHERE x::int::smallint*2 > 20)", "2"},
	{"sum(n::int)/7", "NULL"},
	{"sum(x::smallint * 700)/7", "6600"},
	{"sum(w::int)/7", ""},
	{"sum(w::smallint)/7", ""},
	{"sum(x::int * 100000000)", ""},
	{"sum(x::smallint * 1000::smallint)", ""},
	{"sum(40000::smallint)", ""},
	{"sum('3000000000'::int)", ""},
	{"count(*) FILTER (WHERE w::int > 5)", ""},
	{"sum(-(-32768)::smallint)", ""},
	{"(sum(x::int) * 100000000)::int", ""},
	{"2147483647 + 1", ""},
}

// TestCasts: CAST to an integer type has the type's arithmetic, sums and range.
func TestCasts(t *testing.T) {
	table := castTable()
	cat, departments := table.catalogue()
	for _, c := range castCases {
		sql := "SELECT " + c.sql + ", count(*) FROM things"
		p, err := NewPlan(sql, cat, departments, testPackings[0])
		var e *Error
		if c.want == "" {
			if !errors.As(err, &e) || e.Code != CodeOverflow || e.Position == 0 || !strings.Contains(e.Message, "out of range") {
				t.Errorf("%s: %v", c.sql, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		answer, err := table.sealed(t, p)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		got := "NULL"
		if v := answer.Rows[0][0].Text; v != nil {
			got = *v
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
}

// TestWidthIsNoPartOfAPlan: the widths that casts give decide types, and the plan
// that is agreed upon is what its encoding says.
func TestWidthIsNoPartOfAPlan(t *testing.T) {
	cat, departments := castTable().catalogue()
	p, err := NewPlan("SELECT sum(x::int * 2), sum(x * 2) FROM things", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Moments) != 2 { // the count and one sum
		t.Errorf("%d moments", len(p.Moments))
	}
	for v, want := range map[int64]bool{32767: true, 32768: false, -32768: true, -32769: false} {
		if fitsBits(big.NewInt(v), 16) != want {
			t.Errorf("%d in 16 bits: %v", v, !want)
		}
	}
}
