package datasets

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"parley/engine"
)

// certifiedDigits is how many significant digits of a certified value must agree.
const certifiedDigits = 14

// certified is one set of NIST's Statistical Reference Datasets.
type certified struct {
	Intercept bool                       `json:"intercept"`
	Certified map[string]json.RawMessage `json:"certified"`
}

// text reads a certified value; "" when the set has none.
func (c certified) text(t testing.TB, path ...string) string {
	t.Helper()
	raw, ok := c.Certified[path[0]]
	for _, name := range path[1:] {
		var inner map[string]json.RawMessage
		if !ok || json.Unmarshal(raw, &inner) != nil {
			return ""
		}
		raw, ok = inner[name]
	}
	var out string
	if !ok || json.Unmarshal(raw, &out) != nil {
		return ""
	}
	return out
}

// TestCertified asks for every certified figure of the 31 sets, each split at random
// over three departments, from files to the answer, and compares the digits; beside
// them those that DuckDB's own float64 arithmetic reaches on the pooled rows.
func TestCertified(t *testing.T) {
	if testing.Short() {
		t.Skip("all 31 data sets")
	}
	raw, err := os.ReadFile(realData(t, filepath.Join("nist", "certified.json")))
	if err != nil {
		t.Fatal(err)
	}
	var sets map[string]certified
	if err := json.Unmarshal(raw, &sets); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range sets {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(names) != 31 {
		t.Fatalf("%d sets, not 31", len(names))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %-12s %26s %8s %8s\n", "set", "quantity", "certified", "here", "float64")
	for i, name := range names {
		lines := certify(t, name, sets[name], uint64(i))
		for _, l := range lines {
			fmt.Fprintf(&b, "%-16s %-12s %26s %8s %8s\n", name, l.quantity, l.certified, shownDigits(l.here), shownDigits(l.plain))
			if l.here < certifiedDigits {
				t.Errorf("%s, %s: %.1f digits of %s agree", name, l.quantity, l.here, l.certified)
			}
		}
		if len(lines) < 2 {
			t.Errorf("%s: %d figures", name, len(lines))
		}
	}
	t.Log("\n" + b.String())
}

// allDigits stands for values that are equal.
const allDigits = 99

func shownDigits(d float64) string {
	switch {
	case d == allDigits:
		return "all"
	case math.IsNaN(d):
		return "-"
	}
	return fmt.Sprintf("%.1f", d)
}

// figure is a line of the table.
type certifiedFigure struct {
	quantity, certified string
	here, plain         float64
}

// certify splits a set, asks, and compares.
func certify(t *testing.T, name string, set certified, seed uint64) []certifiedFigure {
	kind, short, _ := strings.Cut(name, "/")
	path := realData(t, filepath.Join("nist", kind+"_"+short+".csv"))
	tables := openAll(t, scatter(t, path, 3, seed))
	var pooled []*Table
	for _, table := range tables {
		pooled = append(pooled, table)
	}
	columns, err := pooledColumns(pooled)
	if err != nil {
		t.Fatal(err)
	}
	s, err := pool(context.Background(), pooled, columns)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	switch kind {
	case "univ":
		return univariate(t, set, tables, s)
	case "anova":
		return analysis(t, set, tables, s)
	}
	return linear(t, set, tables, s, columns)
}

// scatter deals a file's rows to departments at random.
func scatter(t testing.TB, path string, departments int, seed uint64) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 4))
	parts := make([][][]string, departments)
	for i, row := range rows[1:] {
		d := random.IntN(departments)
		if i < departments { // nobody is left without rows
			d = i
		}
		parts[d] = append(parts[d], row)
	}
	folder, files := t.TempDir(), map[string]string{}
	for d, part := range parts {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.WriteAll(append([][]string{rows[0]}, part...))
		name := fmt.Sprintf("d%d", d)
		files[name] = filepath.Join(folder, name+".csv")
		if err := os.WriteFile(files[name], b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// model gives a figure beside the rows, as exactly as it is printed.
func model(t testing.TB, r *engine.Result, name string) string {
	t.Helper()
	for _, f := range r.Model {
		if f.Name == name && f.Value.Exact != nil {
			return *f.Value.Exact
		}
	}
	t.Fatalf("the answer has no figure %s", name)
	return ""
}

// line compares one figure; false when the set has no certified value for it.
func line(t testing.TB, set certified, here string, plain float64, quantity string, path ...string) []certifiedFigure {
	want := set.text(t, path...)
	if want == "" {
		return nil
	}
	return []certifiedFigure{{quantity, want, digits(here, want), floatDigits(plain, want)}}
}

// digits is −log10 of the relative error, allDigits where there is none.
func digits(got, want string) float64 {
	if got == want {
		return allDigits
	}
	g, ok := new(big.Rat).SetString(got)
	w, fine := new(big.Rat).SetString(want)
	if !ok || !fine {
		return 0
	}
	gap := new(big.Rat).Sub(g, w)
	if gap.Sign() == 0 {
		return allDigits
	}
	if w.Sign() == 0 {
		return 0
	}
	f, _ := gap.Quo(gap, w).Float64()
	return -math.Log10(math.Abs(f))
}

func floatDigits(got float64, want string) float64 {
	if math.IsNaN(got) {
		return math.NaN()
	}
	if math.IsInf(got, 1) {
		return digits("Infinity", want)
	}
	return math.Max(0, digits(strconv.FormatFloat(got, 'g', -1, 64), want))
}

func univariate(t *testing.T, set certified, tables map[string]*Table, s *store) []certifiedFigure {
	r := ask(t, "SELECT avg(y), stddev_samp(y) FROM t", tables)
	plain := floats(t, s, "SELECT avg(y::DOUBLE), stddev_samp(y::DOUBLE) FROM rows")[0]
	return append(line(t, set, *r.Rows[0][0].Exact, plain[0], "mean", "mean"), line(t, set, *r.Rows[0][1].Exact, plain[1], "sd", "sd")...)
}

func analysis(t *testing.T, set certified, tables map[string]*Table, s *store) []certifiedFigure {
	r := ask(t, "SELECT anova(y, treatment) FROM t", tables)
	cell := func(row, column int) string { return *r.Rows[row][column].Exact }
	// Σn·mean² and Σy², as one writes it in SQL.
	p := floats(t, s, `SELECT sum(n * m * m), sum(q), sum(n), count(*), sum(n * m)
		FROM (SELECT count(*)::DOUBLE n, avg(y::DOUBLE) m, sum(y::DOUBLE * y::DOUBLE) q FROM rows GROUP BY treatment)`)[0]
	between, within := p[0]-p[4]*p[4]/p[2], p[1]-p[0]
	betweenMS, withinMS := between/(p[3]-1), within/(p[2]-p[3])
	var out []certifiedFigure
	add := func(more []certifiedFigure) { out = append(out, more...) }
	add(line(t, set, cell(0, 1), between, "between_ss", "between_ss"))
	add(line(t, set, cell(0, 3), betweenMS, "between_ms", "between_ms"))
	add(line(t, set, cell(1, 1), within, "within_ss", "within_ss"))
	add(line(t, set, cell(1, 3), withinMS, "within_ms", "within_ms"))
	add(line(t, set, model(t, r, "f"), betweenMS/withinMS, "F", "F"))
	add(line(t, set, model(t, r, "r2"), between/(between+within), "r_squared", "r_squared"))
	add(line(t, set, model(t, r, "residual_sd"), math.Sqrt(withinMS), "residual_sd", "residual_sd"))
	return out
}

// regressors are those of a set, as SQL: its columns, or the powers of its only one.
func regressors(columns []column, count int) []string {
	var out []string
	for _, c := range columns {
		if c.name != "id" && c.name != "y" {
			out = append(out, c.name)
		}
	}
	for k := 2; len(out) < count; k++ {
		out = append(out, fmt.Sprintf("x^%d", k))
	}
	return out
}

func linear(t *testing.T, set certified, tables map[string]*Table, s *store, columns []column) []certifiedFigure {
	count := len(set.coefficients(t))
	if set.Intercept {
		count--
	}
	list := regressors(columns, count)
	function := "linreg0"
	if set.Intercept {
		function = "linreg"
	}
	r := ask(t, "SELECT "+function+"(y, "+strings.Join(list, ", ")+") FROM t", tables)
	plain := plainRegression(t, s, list, set.Intercept)
	var out []certifiedFigure
	for i, row := range r.Rows {
		name := fmt.Sprintf("B%d", i)
		if !set.Intercept {
			name = fmt.Sprintf("B%d", i+1)
		}
		out = append(out, line(t, set, *row[1].Exact, plain.coefficients[i], name, "coef", name)...)
		out = append(out, line(t, set, *row[2].Exact, plain.errors[i], "se "+name, "se", name)...)
	}
	for _, q := range []struct {
		quantity, here string
		plain          float64
		path           []string
	}{
		{"residual_sd", "residual_sd", math.Sqrt(plain.residual / plain.df), []string{"residual_sd"}},
		{"r_squared", "r2", 1 - plain.residual/plain.total, []string{"r_squared"}},
		{"F", "f", (plain.total - plain.residual) / float64(len(list)) / (plain.residual / plain.df), []string{"anova", "F"}},
		{"reg_ss", "reg_ss", plain.total - plain.residual, []string{"anova", "reg_ss"}},
		{"res_ss", "res_ss", plain.residual, []string{"anova", "res_ss"}},
	} {
		out = append(out, line(t, set, model(t, r, q.here), q.plain, q.quantity, q.path...)...)
	}
	return out
}

func (c certified) coefficients(t testing.TB) map[string]string {
	out := map[string]string{}
	if err := json.Unmarshal(c.Certified["coef"], &out); err != nil {
		t.Fatal(err)
	}
	return out
}
