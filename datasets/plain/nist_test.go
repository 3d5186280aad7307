package plain

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/datasets"
	"parley/datasets/rehearsal"
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
	raw, err := os.ReadFile(rehearsal.RealFile(t, filepath.Join("nist", "certified.json")))
	if err != nil {
		t.Fatal(err)
	}
	var sets map[string]certified
	if err := json.Unmarshal(raw, &sets); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(sets))
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

func shownDigits(d float64) string {
	switch {
	case d == rehearsal.AllDigits:
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
	path := rehearsal.RealFile(t, filepath.Join("nist", kind+"_"+short+".csv"))
	tables := map[string]*datasets.Table{}
	for name, file := range rehearsal.Scatter(t, path, 3, seed) {
		tables[name] = open(t, file)
	}
	var pooled []*datasets.Table
	for _, table := range tables {
		pooled = append(pooled, table)
	}
	columns, err := pooledColumns(pooled)
	if err != nil {
		t.Fatal(err)
	}
	db, err := new(query).pool(context.Background(), []part{{pooled, columns}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	switch kind {
	case "univ":
		return univariate(t, set, tables, db)
	case "anova":
		return analysis(t, set, tables, db)
	}
	return linear(t, set, tables, db, columns)
}

// line compares one figure; false when the set has no certified value for it.
func line(t testing.TB, set certified, here string, plain float64, quantity string, path ...string) []certifiedFigure {
	want := set.text(t, path...)
	if want == "" {
		return nil
	}
	return []certifiedFigure{{quantity, want, rehearsal.Digits(here, want), floatDigits(plain, want)}}
}

func floatDigits(got float64, want string) float64 {
	if math.IsNaN(got) {
		return math.NaN()
	}
	if math.IsInf(got, 1) {
		return rehearsal.Digits("Infinity", want)
	}
	return math.Max(0, rehearsal.Digits(strconv.FormatFloat(got, 'g', -1, 64), want))
}

func univariate(t *testing.T, set certified, tables map[string]*datasets.Table, db *sql.DB) []certifiedFigure {
	r := rehearsal.Ask(t, "SELECT avg(y), stddev_samp(y) FROM t", tables)
	plain := floats(t, db, "SELECT avg(y::DOUBLE), stddev_samp(y::DOUBLE) FROM rows")[0]
	return append(line(t, set, *r.Rows[0][0].Exact, plain[0], "mean", "mean"), line(t, set, *r.Rows[0][1].Exact, plain[1], "sd", "sd")...)
}

func analysis(t *testing.T, set certified, tables map[string]*datasets.Table, db *sql.DB) []certifiedFigure {
	r := rehearsal.Ask(t, "SELECT anova(y, treatment) FROM t", tables)
	cell := func(row, column int) string { return *r.Rows[row][column].Exact }
	// Σn·mean² and Σy², as one writes it in SQL.
	p := floats(t, db, `SELECT sum(n * m * m), sum(q), sum(n), count(*), sum(n * m)
		FROM (SELECT count(*)::DOUBLE n, avg(y::DOUBLE) m, sum(y::DOUBLE * y::DOUBLE) q FROM rows GROUP BY treatment)`)[0]
	between, within := p[0]-p[4]*p[4]/p[2], p[1]-p[0]
	betweenMS, withinMS := between/(p[3]-1), within/(p[2]-p[3])
	var out []certifiedFigure
	add := func(more []certifiedFigure) { out = append(out, more...) }
	add(line(t, set, cell(0, 1), between, "between_ss", "between_ss"))
	add(line(t, set, cell(0, 3), betweenMS, "between_ms", "between_ms"))
	add(line(t, set, cell(1, 1), within, "within_ss", "within_ss"))
	add(line(t, set, cell(1, 3), withinMS, "within_ms", "within_ms"))
	add(line(t, set, rehearsal.Figure(t, r, "f"), betweenMS/withinMS, "F", "F"))
	add(line(t, set, rehearsal.Figure(t, r, "r2"), between/(between+within), "r_squared", "r_squared"))
	add(line(t, set, rehearsal.Figure(t, r, "residual_sd"), math.Sqrt(withinMS), "residual_sd", "residual_sd"))
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

func linear(t *testing.T, set certified, tables map[string]*datasets.Table, db *sql.DB, columns []column) []certifiedFigure {
	count := len(set.coefficients(t))
	if set.Intercept {
		count--
	}
	list := regressors(columns, count)
	function := "linreg0"
	if set.Intercept {
		function = "linreg"
	}
	r := rehearsal.Ask(t, "SELECT "+function+"(y, "+strings.Join(list, ", ")+") FROM t", tables)
	plain := plainRegression(t, db, list, set.Intercept)
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
		out = append(out, line(t, set, rehearsal.Figure(t, r, q.here), q.plain, q.quantity, q.path...)...)
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
