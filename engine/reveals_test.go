package engine

import (
	"math/big"
	"strings"
	"testing"
)

// TestAloneIsSaid: explain says when nobody else's rows are among the figures, and to what times
// are told.
func TestAloneIsSaid(t *testing.T) {
	var c Catalogue
	names := []string{"a", "b", "c"}
	for _, name := range names {
		c = append(c, Registration{Department: name, Table: "t", Version: 1, Rows: 9,
			Columns: []Column{{Name: "x", Kind: Integer, Min: big.NewInt(0), Max: big.NewInt(9)}}})
	}
	for n := 1; n <= len(names); n++ {
		p, err := NewPlan("SELECT sum(x) FROM t", c, names[:n],
			Packing{LimbBits: 20, LimbsPerCiphertext: 16, MaxCiphertexts: 4, MaxDepartments: 15})
		if err != nil {
			t.Fatal(err)
		}
		var said string
		for _, d := range p.disclosures(English) {
			said += d.What + "\n"
		}
		if alone := strings.Contains(said, "figures of a alone"); alone != (n == 1) || !strings.Contains(said, "tenths of a second") {
			t.Errorf("%d contributors: %s", n, said)
		}
	}
}

// TestLooseBounds: what README section 5 says of the bounds of several limbs.
func TestLooseBounds(t *testing.T) {
	two := big.NewInt(2)
	for _, bits := range []int{5, 20, 38} {
		for shift := range 200 {
			for _, add := range []int64{-1, 0, 1, 12345} {
				r := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), uint(shift)), big.NewInt(add))
				if r.Sign() < 0 {
					continue
				}
				lo := big.NewInt(-7)
				got := new(big.Int).Sub(roundUp(Bound{Lo: lo, Hi: new(big.Int).Add(lo, r)}, bits), lo)
				if got.Cmp(r) < 0 || r.Sign() > 0 && got.Cmp(new(big.Int).Mul(two, r)) >= 0 || r.BitLen() <= bits && got.Cmp(r) != 0 {
					t.Errorf("limbs of %d bits: a range of %d becomes %d", bits, r, got)
				}
			}
		}
	}
	if got := roundUp(Bound{Lo: big.NewInt(0), Hi: big.NewInt(1 << 40)}, 20); got.Int64() != 1<<41-1 {
		t.Errorf("2^40 becomes %d", got)
	}
}
