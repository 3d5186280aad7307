// Package rehearsal is for tests alone: it answers questions over tables as a network would,
// but without its cryptography, and deals files of rows out to departments. It knows tables by
// their two methods only, so that the tests inside of datasets can use it too.
package rehearsal

import (
	"context"
	"maps"
	"math"
	"math/big"
	"slices"
	"testing"

	"parley/engine"
)

// Packing is wide enough for any test.
var Packing = engine.Packing{LimbBits: 38, LimbsPerCiphertext: 4096, MaxCiphertexts: 1 << 10, MaxDepartments: 64}

// Table is a department's table.
type Table interface {
	Registration(department string, version uint64) engine.Registration
	Aggregate(ctx context.Context, plan *engine.Plan, department string) ([]*big.Int, error)
}

// catalogue registers the tables by their departments, in order.
func catalogue[T Table](tables map[string]T) (c engine.Catalogue, departments []string) {
	departments = slices.Sorted(maps.Keys(tables))
	for _, name := range departments {
		c = append(c, tables[name].Registration(name, 7))
	}
	return c, departments
}

// Plan makes the plan of a question over departments' tables of one name.
func Plan[T Table](t testing.TB, sql string, tables map[string]T) (*engine.Plan, error) {
	t.Helper()
	c, departments := catalogue(tables)
	return engine.NewPlan(sql, c, departments, Packing)
}

// Ask answers a question of one round: cells, limbs, their sum, the answer.
func Ask[T Table](t testing.TB, sql string, tables map[string]T) *engine.Result {
	t.Helper()
	p, err := Plan(t, sql, tables)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	result, err := p.Finish(Contribute(t, p, tables))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return result
}

// Converse answers a question round by round.
func Converse[T Table](t testing.TB, sql string, tables map[string]T) *engine.Result {
	t.Helper()
	result, err := Try(t, sql, tables)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return result
}

// Try is Converse with the refusal of a question, or of one of its rounds, as its error.
func Try[T Table](t testing.TB, sql string, tables map[string]T) (*engine.Result, error) {
	t.Helper()
	c, departments := catalogue(tables)
	return TryBy(sql, c, departments, func(p *engine.Plan) []*big.Int { return Contribute(t, p, tables) })
}

// TryBy is Try over registrations, with whatever sums up the departments' cells.
func TryBy(sql string, c engine.Catalogue, departments []string, contribute func(*engine.Plan) []*big.Int) (*engine.Result, error) {
	s, err := engine.NewSession(sql, c, departments, Packing)
	if err != nil {
		return nil, err
	}
	for p := s.Plan(); p != nil; p = s.Plan() {
		round, err := p.Finish(contribute(p))
		if err != nil {
			return nil, err
		}
		if err := s.Step(round); err != nil {
			return nil, err
		}
	}
	return s.Result(), nil
}

// Contribute makes the cells of a plan, summed over the departments by their limbs.
func Contribute[T Table](t testing.TB, p *engine.Plan, tables map[string]T) []*big.Int {
	t.Helper()
	made := make([][]*big.Int, len(p.Departments))
	for i, name := range p.Departments {
		var err error
		if made[i], err = tables[name].Aggregate(context.Background(), p, name); err != nil {
			t.Fatalf("%s at %s: %v", p.SQL, name, err)
		}
	}
	cells, err := p.Pool(made)
	if err != nil {
		t.Fatalf("%s: %v", p.SQL, err)
	}
	return cells
}

// Figure gives a figure beside the rows, as exactly as it is printed.
func Figure(t testing.TB, r *engine.Result, name string) string {
	t.Helper()
	for _, f := range r.Model {
		if f.Name == name && f.Value.Exact != nil {
			return *f.Value.Exact
		}
	}
	t.Fatalf("the answer has no figure %s", name)
	return ""
}

// AllDigits stands for numbers that are equal.
const AllDigits = 99

// Digits is −log10 of the relative error of a number, AllDigits where there is none.
func Digits(got, want string) float64 {
	if got == want {
		return AllDigits
	}
	g, ok := new(big.Rat).SetString(got)
	w, fine := new(big.Rat).SetString(want)
	if !ok || !fine {
		return 0
	}
	gap := new(big.Rat).Sub(g, w)
	if gap.Sign() == 0 {
		return AllDigits
	}
	if w.Sign() == 0 {
		return 0
	}
	f, _ := gap.Quo(gap, w).Float64()
	return -math.Log10(math.Abs(f))
}

// Open has everything declared of a table that can be, and the test close it: most tests are about what is asked of
// columns that are public.
func Open[D any, T interface {
	Everything() []D
	Declare([]D) error
	Close() error
}](t testing.TB, open func() (T, error)) T {
	t.Helper()
	table, err := open()
	if err == nil {
		t.Cleanup(func() { table.Close() })
		err = table.Declare(table.Everything())
	}
	if err != nil {
		t.Fatal(err)
	}
	return table
}
