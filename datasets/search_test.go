package datasets

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/datasets/rehearsal"
	"parley/engine"
)

// wideRows makes three departments' tables with a group, a wide number, a wide decimal
// and a day; values holds what each group has of each column, ascending.
func wideRows(t *testing.T) (tables map[string]*Table, values map[string][3][]int64) {
	random := rand.New(rand.NewPCG(17, 4))
	tables, values = map[string]*Table{}, map[string][3][]int64{}
	for d, rows := range []int{5000, 40, 300} {
		var b strings.Builder
		b.WriteString("g,z,x,day\n")
		for i := range rows {
			g := []string{"north", "south", "", "empty"}[min(3, random.IntN(40))%4]
			if i%50 > 0 {
				g = []string{"north", "south", ""}[random.IntN(3)]
			}
			own := [3]int64{int64(int32(random.Uint32())), int64(random.IntN(1000000)) - 4000, int64(random.IntN(20000)) - 3000}
			if random.IntN(3) == 0 {
				own[0] -= own[0] % 100000000
			}
			if g == "empty" {
				fmt.Fprintf(&b, "%s,,,\n", g)
				continue
			}
			all := values[g]
			for c, v := range own {
				all[c] = append(all[c], v)
			}
			values[g] = all
			sign, x := "", own[1]
			if x < 0 {
				sign, x = "-", -x
			}
			fmt.Fprintf(&b, "%s,%d,%s%d.%02d,%s\n", g, own[0], sign, x/100, x%100, engine.FormatDate(own[2]))
		}
		tables[fmt.Sprintf("d%d", d)] = openText(t, b.String())
	}
	for _, all := range values {
		for _, v := range all {
			slices.Sort(v)
		}
	}
	return tables, values
}

// TestSearchByGroup searches from files to the answer: each group's own ranges, of
// integers, decimals and dates, in DuckDB and over the rows in Go alike.
func TestSearchByGroup(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	tables, values := wideRows(t)
	for _, c := range []struct {
		name, call string
		column     int
		pick       func(v []int64) string
	}{
		{"z", "max(z)", 0, func(v []int64) string { return fmt.Sprint(v[len(v)-1]) }},
		{"z", "mode() WITHIN GROUP (ORDER BY z)", 0, func(v []int64) string { return fmt.Sprint(mostFrequent(v)) }},
		{"x", "percentile_disc(0.3) WITHIN GROUP (ORDER BY x)", 1, func(v []int64) string {
			return engine.NewDecimal(bigInt(fmt.Sprint(v[(3*len(v)+9)/10-1])), 2).String()
		}},
		{"day", "min(day)", 2, func(v []int64) string { return engine.FormatDate(v[0]) }},
		{"day", "percentile_disc(0.5) WITHIN GROUP (ORDER BY day)", 2, func(v []int64) string { return engine.FormatDate(v[(len(v)+1)/2-1]) }},
	} {
		r := converse(t, "SELECT g, "+c.call+" FROM t GROUP BY g", tables)
		if len(r.Rows) != 4 {
			t.Errorf("%s: %d groups", c.call, len(r.Rows))
		}
		for _, line := range r.Rows {
			name := ""
			if line[0].Text != nil {
				name = *line[0].Text
			}
			switch {
			case name == "empty":
				if line[1].Text != nil {
					t.Errorf("%s of no values is %s", c.call, *line[1].Text)
				}
			case *line[1].Exact != c.pick(values[name][c.column]):
				t.Errorf("%s of %q is %s, want %s", c.call, name, *line[1].Exact, c.pick(values[name][c.column]))
			}
		}
	}
	whole := converse(t, "SELECT max(day), min(day) FROM t WHERE g = 'north'", tables)
	if v := values["north"][2]; *whole.Rows[0][0].Text != engine.FormatDate(v[len(v)-1]) || *whole.Rows[0][1].Text != engine.FormatDate(v[0]) {
		t.Errorf("the days go from %s to %s", *whole.Rows[0][1].Text, *whole.Rows[0][0].Text)
	}
	bothWays(t, "SELECT g, buckets(x, ARRAY[0, -5.5, 17, 3000.25], 1.5, 9, ARRAY[1, 2, 3, 4], 0.5, 2) FROM t GROUP BY g", tables)
}

// mostFrequent is the most frequent of ascending values, of several the least.
func mostFrequent(v []int64) (best int64) {
	most := 0
	for i := 0; i < len(v); {
		j := i
		for j < len(v) && v[j] == v[i] {
			j++
		}
		if j-i > most {
			best, most = v[i], j-i
		}
		i = j
	}
	return best
}

// TestAdultSearch searches the one column of the adult table that has no dictionary,
// whole and by group, and compares with the rows themselves.
func TestAdultSearch(t *testing.T) {
	if testing.Short() {
		t.Skip("searches over 48,842 rows")
	}
	path := rehearsal.RealFile(t, "adult/adult.csv")
	rows := rehearsal.ReadCSV(t, path)
	sex, weight := slices.Index(rows[0], "sex"), slices.Index(rows[0], "fnlwgt")
	values := map[string][]int64{}
	for _, r := range rows[1:] {
		v, err := strconv.ParseInt(r[weight], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		values[r[sex]] = append(values[r[sex]], v)
	}
	for _, v := range values {
		slices.Sort(v)
	}
	tables := openAll(t, rehearsal.Scatter(t, path, 3, 1))
	check := func(name string, mode, most engine.Value) {
		v := values[name]
		if mode.Text == nil || *mode.Text != fmt.Sprint(mostFrequent(v)) || *most.Text != fmt.Sprint(v[len(v)-1]) {
			t.Errorf("%q: %v, %v, want %d, %d", name, mode.Text, most.Text, mostFrequent(v), v[len(v)-1])
		}
	}
	r := converse(t, "SELECT mode() WITHIN GROUP (ORDER BY fnlwgt), sex, max(fnlwgt) FROM t GROUP BY sex", tables)
	for _, line := range r.Rows {
		check(*line[1].Text, line[0], line[2])
	}
	if len(r.Rows) != 2 {
		t.Errorf("%d rows", len(r.Rows))
	}
}
