package engine

import (
	"errors"
	"math/big"
	"testing"
)

// wide is a table of one integer and one decimal column in n equal departments.
func wide(n int, rows int64, lo, hi *big.Int) (cat Catalogue, departments []string) {
	for d := range n {
		name := string(rune('a'+d/26)) + string(rune('a'+d%26))
		cat = append(cat, Registration{Department: name, Table: "w", Rows: rows, Columns: []Column{
			{Name: "x", Kind: Decimal, Min: lo, Max: hi}}})
		departments = append(departments, name)
	}
	return cat, departments
}

func code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// TestCellWidth: a cell of 1024 bits is carried, one of 1025 refused. README section 4.
func TestCellWidth(t *testing.T) {
	limit := new(big.Int).Sub(decimalLimit, big.NewInt(1))
	for rows, want := range map[int64]string{17976: "", 17977: CodeOverflow} {
		cat, departments := wide(2, rows, new(big.Int), limit)
		p, err := NewPlan("SELECT sum(x*x*x*x*x*x*x*x) FROM w", cat, departments, testPackings[1])
		if code(err) != want {
			t.Fatalf("%d rows: %v", rows, err)
		}
		if err != nil {
			continue
		}
		top := new(big.Int).Exp(limit, big.NewInt(8), nil)
		top.Mul(top, big.NewInt(rows))
		sums := p.empty()
		for d := range departments {
			limbs, err := p.Limbs(d, []*big.Int{big.NewInt(rows), top})
			if err != nil {
				t.Fatal(err)
			}
			for c := range limbs {
				for s, v := range limbs[c] {
					sums[c][s] += v
				}
			}
		}
		cells, err := p.Cells(sums)
		if err != nil || cells[1].Cmp(new(big.Int).Lsh(top, 1)) != 0 {
			t.Fatalf("%v, %v", cells, err)
		}
	}
}

// TestLimbBounds: the limbs of the highest and lowest value are the bounds, one more
// is refused, and the bounds of the highest limb are exact. README section 5.
func TestLimbBounds(t *testing.T) {
	for _, packing := range testPackings {
		for _, hi := range []int64{0, 1, 3, 1 << 19, 1<<20 - 1, 1 << 20, 1<<38 - 1, 1 << 38, 1 << 60} {
			cat, departments := wide(packing.MaxDepartments, 1, big.NewInt(-hi/2), big.NewInt(hi-hi/2))
			cat[0].Columns[0].Max, cat[0].Columns[0].Min = new(big.Int), new(big.Int) // narrower than the others
			p, err := NewPlan("SELECT sum(x) FROM w", cat, departments, packing)
			if err != nil {
				t.Fatal(err)
			}
			sums := p.empty()
			for d := range departments {
				bound := p.Moments[1].Bounds[d]
				if width := new(big.Int).Sub(bound.Hi, bound.Lo); d == 0 && width.Sign() != 0 ||
					d > 0 && width.Int64() != hi && (hi < 1<<packing.LimbBits || width.Int64() < hi ||
						width.Int64()-hi >= 1<<(packing.LimbBits*((width.BitLen()-1)/packing.LimbBits))) {
					t.Fatalf("limbs of %d bits: %d is bounded by %s", packing.LimbBits, hi, width)
				}
				low, high := p.Bounds(d)
				limbs, err := p.Limbs(d, []*big.Int{big.NewInt(1), bound.Hi})
				if err != nil {
					t.Fatal(err)
				}
				for c := range limbs {
					for s, v := range limbs[c] {
						if low[c][s] != 0 || v != high[c][s] {
							t.Fatalf("limb %d of the highest value is %d, its bounds %d to %d", s, v, low[c][s], high[c][s])
						}
						sums[c][s] += v
					}
				}
				for _, outside := range []*big.Int{new(big.Int).Add(bound.Hi, big.NewInt(1)), new(big.Int).Sub(bound.Lo, big.NewInt(1)), nil} {
					if _, err := p.Limbs(d, []*big.Int{new(big.Int), outside}); code(err) != CodeOverflow {
						t.Fatalf("%s passes the bound %s to %s: %v", outside, bound.Lo, bound.Hi, err)
					}
				}
			}
			checkCells(t, p, sums)
		}
	}
}

// checkCells: the largest sums of limbs decode; one more in any slot does not.
func checkCells(t *testing.T, p *Plan, sums [][]int64) {
	want := new(big.Int)
	for _, bound := range p.Moments[1].Bounds {
		want.Add(want, bound.Hi)
	}
	cells, err := p.Cells(sums)
	if err != nil || cells[1].Cmp(want) != 0 {
		t.Fatalf("%v, %v, not %s", cells, err, want)
	}
	for c := range sums {
		for s := range min(len(sums[c]), 12) {
			sums[c][s]++
			if _, err := p.Cells(sums); code(err) != CodeOverflow {
				t.Fatalf("slot %d above its bound passes: %v", s, err)
			}
			sums[c][s]--
		}
		last := len(sums[c]) - 1
		kept := sums[c][last]
		sums[c][last] = -1
		if _, err := p.Cells(sums); code(err) != CodeOverflow {
			t.Fatalf("a negative limb passes: %v", err)
		}
		sums[c][last] = kept
	}
	if _, err := p.Cells(sums[1:]); code(err) != CodeCells {
		t.Fatalf("a missing ciphertext passes: %v", err)
	}
	if _, err := p.Finish(cells[1:]); code(err) != CodeCells {
		t.Fatalf("a missing cell passes: %v", err)
	}
	if _, err := p.Limbs(len(p.Departments), cells); code(err) != CodeDepartments {
		t.Fatalf("a missing department passes: %v", err)
	}
}

// TestPackings: the limits that a parameter set brings.
func TestPackings(t *testing.T) {
	ask := func(n int, change func(*Packing)) string {
		cat, departments := wide(n, 5, new(big.Int), big.NewInt(9))
		p := Packing{LimbBits: 20, LimbsPerCiphertext: 1, MaxCiphertexts: 2, MaxDepartments: 3}
		change(&p)
		_, err := NewPlan("SELECT sum(x) FROM w", cat, departments, p)
		return code(err)
	}
	for _, c := range []struct {
		name   string
		n      int
		change func(*Packing)
		want   string
	}{
		{"as given", 3, func(*Packing) {}, ""},
		{"nobody", 0, func(*Packing) {}, CodeDepartments},
		{"too many departments", 4, func(*Packing) {}, CodeDepartments},
		{"too many ciphertexts", 1, func(p *Packing) { p.MaxCiphertexts = 1 }, CodeLimit},
		{"no limbs", 1, func(p *Packing) { p.LimbsPerCiphertext = 0 }, CodeLimit},
		{"limbs that overflow", 1, func(p *Packing) { p.LimbBits = 61 }, CodeLimit},
	} {
		if got := ask(c.n, c.change); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}
