package engine

import (
	"fmt"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
)

// chances are those of a count's noise from −rows to rows: a triangular number between these, rounded. TestFit of cellkey counts draws.
func chances(rows int64) (out []float64) {
	unit := float64(8 * rows * rows)
	for z := -rows; z <= rows; z++ {
		weight := 8 * (rows - max(z, -z))
		switch {
		case z == 0:
			weight -= 2
		case z == rows || z == -rows:
			weight = 1
		}
		out = append(out, float64(weight)/unit)
	}
	return out
}

// spread is the distribution of the sum of two numbers of 0 and more.
func spread(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}

// beyond is the chance of a number above one.
func beyond(of []float64, n int64) (sum float64) {
	for i, p := range of {
		if int64(i) > n {
			sum += p
		}
	}
	return sum
}

// TestChances: they add up to 1, around 0, with the variance that is told. Averaged over rules of more and more rows, each with noise of its own, it is what
// the README says.
func TestChances(t *testing.T) {
	for _, rows := range []int64{1, 2, 5, 100} {
		sum, mean, variance := 0.0, 0.0, 0.0
		for i, p := range chances(rows) {
			z := float64(int64(i) - rows)
			sum, mean, variance = sum+p, mean+p*z, variance+p*z*z
		}
		want := near(CellKeyVariance(big.NewInt(rows)))
		if math.Abs(sum-1) > 1e-9 || math.Abs(mean) > 1e-9 || math.Abs(variance-want) > 1e-9*want {
			t.Errorf("%d: sum %v, mean %v, variance %v, want %v", rows, sum, mean, variance, want)
		}
	}
	weight := 0.0
	for rows := int64(5); rows <= MaxPerturbed; rows++ {
		weight += 1 / near(CellKeyVariance(big.NewInt(rows)))
		if want, told := map[int64]string{5: "2.06", 14: "1.05", MaxPerturbed: "0.87"}[rows], fmt.Sprintf("%.2f", 1/math.Sqrt(weight)); want != "" && told != want {
			t.Errorf("rules of 5 to %d rows: %s, not %s", rows, told, want)
		}
	}
}

// TestExcess: figures say more than their rows by more than what the rule allows for once in 1,600 at most, by enumeration of the noise; with
// noise of five rows once in 4,000. Three standard deviations of the noise itself would not be enough, since it is never below 0 rows.
func TestExcess(t *testing.T) {
	worst := func(rows int64, figures int) (worst float64) {
		var one []float64 // what a figure of one row says beyond it
		for i, p := range chances(rows) {
			if z := int64(i) - rows; z <= 0 {
				one = append(one[:0], p+beyond(one, -1))
			} else {
				one = append(one, p)
			}
		}
		of := []float64{1}
		for n := range int64(figures) {
			of = spread(of, one)
			if n == 62 && rows == 5 {
				if simple := beyond(of, int64(math.Ceil(3*math.Sqrt(63*near(CellKeyVariance(big.NewInt(5))))))); simple < 0.5 {
					t.Errorf("of 63 figures, three standard deviations are passed with %v", simple)
				}
			}
			worst = max(worst, beyond(of, excess(n+1, rows)))
		}
		return worst
	}
	for _, c := range []struct {
		rows    int64
		figures int
		once    float64
	}{{1, 200, 4000}, {2, 200, 4000}, {5, 200, 4000}, {10, 64, 3000}, {50, 20, 1900}, {MaxPerturbed, 3, 1600}} {
		if got := worst(c.rows, c.figures); got > 1/c.once || got == 0 {
			t.Errorf("noise of %d rows, up to %d figures: once in %.0f", c.rows, c.figures, 1/got)
		}
	}
	if excess(0, 5) != 0 || excess(1, 5) != 5 || excess(2, 5) != 9 || excess(MaxRuleRows, MaxPerturbed) <= 0 {
		t.Error(excess(0, 5), excess(1, 5), excess(2, 5), excess(MaxRuleRows, MaxPerturbed))
	}
}

// splits are the ways in which rows can lie in so many departments.
func splits(rows, departments, most int) (out [][]int) {
	if rows == 0 {
		return [][]int{nil}
	}
	if departments == 0 {
		return nil
	}
	for n := min(rows, most); n > 0; n-- {
		for _, rest := range splits(rows-n, departments-1, n) {
			out = append(out, append([]int{n}, rest...))
		}
	}
	return out
}

// passing is the chance that the figures of rows that lie so in departments add up to enough.
func passing(split []int, enough, noise int64) float64 {
	of := []float64{1}
	for _, n := range split {
		one := make([]float64, enough+1)
		for i, chance := range chances(noise) {
			one[min(max(int64(n+i)-noise, 1), enough)] += chance
		}
		of = spread(of, one)
	}
	return beyond(of, enough-1)
}

// showing is how often the group of these rows is shown, in all combinations of what the departments' noise can be.
func showing(t *testing.T, split []int, d Disclosure) (seen float64) {
	table := &refTable{columns: []refColumn{{name: "id", sql: "id", kind: Integer}}}
	for _, counted := range split {
		var part []row
		for n := range 40 { // rows that are not counted, too
			part = append(part, row{rat(int64(n) + 1000*truthNumber(n >= counted))})
		}
		table.parts, table.mixed, table.void = append(table.parts, part), append(table.mixed, false), append(table.void, false)
	}
	cat, names := table.keyed()
	p, err := NewPlan("SELECT count(*) FROM things WHERE id < 500", cat, names, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	screening, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	odds := chances(d.Perturbed)
	said := make([][][]*big.Int, len(names)) // by department and noise
	for dep := range names {
		counts := table.contribute(t, screening, dep)
		for z := range odds {
			figures, err := screening.AddNoise(dep, counts, func(int, int, *big.Int) (*big.Int, error) { return big.NewInt(int64(z) - d.Perturbed), nil })
			if err != nil {
				t.Fatal(err)
			}
			said[dep] = append(said[dep], figures)
		}
	}
	var combine func(weight float64, made [][]*big.Int)
	combine = func(weight float64, made [][]*big.Int) {
		if dep := len(made); dep < len(names) {
			for z, chance := range odds {
				combine(weight*chance, append(slices.Clip(made), said[dep][z]))
			}
			return
		}
		cells, err := screening.Pool(made)
		if err != nil {
			t.Fatal(err)
		}
		verdict, err := screening.Screened(cells)
		if err != nil {
			t.Fatal(err)
		}
		if verdict[0] == 0 {
			seen += weight
		}
	}
	combine(1, nil)
	return seen
}

// TestVeiledChances writes the README's table of what noise of five rows lets pass, and compares it: of the split that passes most often, of
// which screenings are made where there are up to three departments.
func TestVeiledChances(t *testing.T) {
	var lines []string
	for _, count := range []int64{3, 10} {
		for _, departments := range []int{1, 2, 3, 15} {
			d := Disclosure{Count: count, Perturbed: 5, Veiled: true}
			enough := (&Screening{Rules: d, answer: &Plan{Departments: make([]string, departments)}}).enough(count, 1)
			worst, at := -1.0, []int(nil)
			for _, split := range splits(int(count)-1, departments, int(count)) {
				if chance := passing(split, enough, d.Perturbed); chance > worst {
					worst, at = chance, split
				}
			}
			if len(at) == departments && departments <= 3 {
				if seen := showing(t, at, d); math.Abs(seen-worst) > 1e-12 {
					t.Errorf("%v: screenings show it with %v, not %v", at, seen, worst)
				}
			}
			if one := passing([]int{1}, enough, d.Perturbed); one != 0 || worst > 1.0/4000 {
				t.Errorf("count %d, %d departments: %v passes with %v, one row with %v", count, departments, at, worst, one)
			}
			said := "never"
			if worst > 0 {
				once := int(math.Round(1 / worst))
				said = fmt.Sprintf("once in %d,%03d", once/1000, once%1000)
			}
			from := func(chance float64) (rows int) { // spread evenly
				for even := make([]int, departments); passing(even[:min(rows, departments)], enough, d.Perturbed) < chance; rows++ {
					even[rows%departments]++
				}
				return rows
			}
			lines = append(lines, fmt.Sprintf("| %d | %d | %d | %s | never | %d | %d |", count, departments, enough, said, from(0.5), from(0.99)))
		}
	}
	inReadme(t, strings.Join(lines, "\n"))
}

// inReadme holds that the specification has some lines.
func inReadme(t *testing.T, lines string) {
	t.Helper()
	if text, err := os.ReadFile("README.md"); err != nil || !strings.Contains(string(text), "\n"+lines+"\n") {
		t.Errorf("the README does not have (%v)\n%s", err, lines)
	}
}
