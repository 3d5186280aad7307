package datasets

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"parley/engine"
)

// TestThirtyRegressors: a regression on thirty columns over three departments takes
// one ciphertext of the smaller parameters, as a single sum does, and finds the
// coefficients that the rows were made with.
func TestThirtyRegressors(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	const columns, rows = 30, 200
	random := rand.New(rand.NewPCG(30, 3))
	var names []string
	for i := range columns {
		names = append(names, fmt.Sprintf("x%d", i+1))
	}
	tables := map[string]*Table{}
	for d := range 3 {
		var b strings.Builder
		b.WriteString("y," + strings.Join(names, ",") + "\n")
		for range rows {
			y := 5
			var line []string
			for i := range columns {
				x := random.IntN(1000)
				y += (i - 10) * x
				line = append(line, fmt.Sprint(x))
			}
			fmt.Fprintf(&b, "%d,%s\n", y, strings.Join(line, ","))
		}
		tables[fmt.Sprintf("d%d", d)] = openText(t, b.String())
	}
	sql := "SELECT linreg(y, " + strings.Join(names, ", ") + ") FROM t"
	var catalogue engine.Catalogue
	for _, d := range []string{"d0", "d1", "d2"} {
		catalogue = append(catalogue, tables[d].Registration(d, 1))
	}
	p, err := engine.NewPlan(sql, catalogue, []string{"d0", "d1", "d2"}, engine.Packing{LimbBits: 20, LimbsPerCiphertext: 3072, MaxCiphertexts: 64, MaxDepartments: 15})
	if err != nil {
		t.Fatal(err)
	}
	if p.Ciphertexts() != 1 {
		t.Errorf("%d limbs of %d cells take %d ciphertexts", p.Layout.SlotsPerGroup, p.CellCount(), p.Ciphertexts())
	}
	start := time.Now()
	r := ask(t, sql, tables)
	for i, row := range r.Rows {
		want := "5"
		if i > 0 {
			want = fmt.Sprint(i - 11)
		}
		if *row[1].Exact != want || *row[2].Exact != "0" {
			t.Errorf("%s is %s, want %s", *row[0].Text, *row[1].Exact, want)
		}
	}
	t.Logf("%d cells, %d limbs of 20 bits, %d ciphertext; planned, computed and finished in %.2f s",
		p.CellCount(), p.Layout.SlotsPerGroup, p.Ciphertexts(), time.Since(start).Seconds())
}
