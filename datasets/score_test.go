package datasets

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/datasets/rehearsal"
	"parley/engine"
)

// newton fits a logistic regression in float64, from the pooled rows: estimates and
// standard errors, right to ten digits or so.
func newton(x [][]float64, y []bool) (estimates, errors []float64) {
	p := len(x[0])
	estimates, errors = make([]float64, p), make([]float64, p)
	for range 30 {
		m := make([][]float64, p)
		for i := range m {
			m[i] = make([]float64, 2*p+1)
			m[i][p+1+i] = 1
		}
		for r, row := range x {
			eta := 0.0
			for i := range row {
				eta += row[i] * estimates[i]
			}
			mu := 1 / (1 + math.Exp(-eta))
			residual := -mu
			if y[r] {
				residual++
			}
			for i := range row {
				m[i][p] += row[i] * residual
				for j := range row {
					m[i][j] += row[i] * row[j] * mu * (1 - mu)
				}
			}
		}
		for k := range p {
			pivot := m[k][k]
			for j := range m[k] {
				m[k][j] /= pivot
			}
			for i := range m {
				if factor := m[i][k]; i != k {
					for j := range m[i] {
						m[i][j] -= factor * m[k][j]
					}
				}
			}
		}
		for i := range p {
			estimates[i] += m[i][p]
			errors[i] = math.Sqrt(m[i][p+1+i])
		}
	}
	return estimates, errors
}

// agreeFit compares an answer with a fit of the rows that have all of the columns; the
// terms of a row are what design makes of them.
func agreeFit(t *testing.T, r *engine.Result, paths map[string]string, columns []string, filter func(v map[string]string) bool, design func(v map[string]string) ([]float64, bool)) {
	t.Helper()
	var x [][]float64
	var y []bool
	for _, path := range paths {
		rehearsal.EachRow(t, path, func(v map[string]string) {
			for _, c := range columns {
				if v[c] == "" {
					return
				}
			}
			if !filter(v) {
				return
			}
			line, outcome := design(v)
			x, y = append(x, append([]float64{1}, line...)), append(y, outcome)
		})
	}
	estimates, errors := newton(x, y)
	if n := rehearsal.Figure(t, r, "n"); n != fmt.Sprint(len(x)) || len(r.Rows) != len(estimates) {
		t.Fatalf("%s rows and %d terms, want %d and %d", n, len(r.Rows), len(x), len(estimates))
	}
	for i, row := range r.Rows {
		for k, want := range []float64{estimates[i], errors[i]} {
			if got, err := strconv.ParseFloat(*row[1+k].Text, 64); err != nil || math.Abs(got-want) > 1e-9*math.Max(math.Abs(want), errors[i]) {
				t.Errorf("%s, figure %d: %s, want %v", *row[0].Text, k, *row[1+k].Text, want)
			}
		}
	}
	t.Logf("%s rounds, error bound %s", rehearsal.Figure(t, r, "iterations"), rehearsal.Figure(t, r, "error_bound"))
}

func atof(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestHeartLogreg fits the diagnosis over four hospitals.
func TestHeartLogreg(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	paths := rehearsal.Split(t, rehearsal.RealFile(t, "heart/heart_4hospitals.csv"), func(row map[string]string) string { return row["hospital"] })
	r := converse(t, "SELECT logreg(num > 0, age, chol, oldpeak, factor(cp)) FROM t WHERE chol > 0", openAll(t, paths))
	agreeFit(t, r, paths, []string{"num", "age", "chol", "oldpeak", "cp"}, func(v map[string]string) bool { return atof(t, v["chol"]) > 0 }, func(v map[string]string) ([]float64, bool) {
		line := []float64{atof(t, v["age"]), atof(t, v["chol"]), atof(t, v["oldpeak"])}
		for _, cp := range []float64{2, 3, 4} {
			line = append(line, indicate(atof(t, v["cp"]) == cp))
		}
		return line, atof(t, v["num"]) > 0
	})
}

func indicate(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// TestAdultLogreg fits the higher income over 48,842 adults.
func TestAdultLogreg(t *testing.T) {
	if testing.Short() {
		t.Skip("a fit on 48,842 rows")
	}
	paths := rehearsal.Scatter(t, rehearsal.RealFile(t, "adult/adult.csv"), 3, 1)
	r := converse(t, "SELECT logreg(income = '>50K', age, hours_per_week, fnlwgt, sex, education_num*sex) FROM t", openAll(t, paths))
	agreeFit(t, r, paths, []string{"income", "age", "hours_per_week", "fnlwgt", "sex", "education_num"}, func(map[string]string) bool { return true }, func(v map[string]string) ([]float64, bool) {
		male := indicate(v["sex"] == "Male")
		return []float64{atof(t, v["age"]), atof(t, v["hours_per_week"]), atof(t, v["fnlwgt"]), male, atof(t, v["education_num"]) * male}, v["income"] == ">50K"
	})
}

// TestScorePaths compares DuckDB, which calls the scores, with the rows in Go, over
// coefficients as a fit's steps have them and over sketches.
func TestScorePaths(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	s := rehearsal.NewSample(77)
	tables := map[string]*Table{}
	for style := range 3 {
		tables[fmt.Sprintf("d%d", style)] = openText(t, s.Table(style, 120))
	}
	inDuckDB := 0
	for _, sql := range []string{
		"SELECT logreg_step(ARRAY[0, 0, 0, 0], b, i, k, d) FROM t",
		"SELECT logreg_step(ARRAY[-0.125, 0.0123456789, 0.5, -1.5, 0.25], i > 10, i, d, factor(k)) FROM t WHERE u IS NULL",
		"SELECT logreg_step(ARRAY[-0.125, 0.000000000123456789, 3.25], b OR i > 3, i*i, k*b) FILTER (WHERE d > 0) FROM t",
		"SELECT logreg0_step(ARRAY[1.5, 100], b, k, i) FROM t",
		"SELECT logreg0_step(ARRAY[0.00000000000001, 0.00000000000000000001], b, wide, big) FROM t",
	} {
		p, err := plan(t, sql, tables)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		for name, table := range tables {
			a, err := table.aggregation(p, name, nil)
			if err != nil {
				t.Fatal(err)
			}
			want, err := a.stream(context.Background())
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			got, err := table.Aggregate(context.Background(), p, name)
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			compareCells(t, sql, got, want)
			if _, err := a.compute(context.Background()); err == nil {
				inDuckDB++
			}
			plain := *a // without columns for the scores: Eval of each moment as the plan has it
			plain.moments, plain.scores, plain.columns = p.Moments, nil, a.columns[:len(p.Schema.Columns)]
			if want, err = plain.stream(context.Background()); err != nil {
				t.Fatal(err)
			}
			compareCells(t, sql, got, want)
		}
	}
	if inDuckDB < 9 {
		t.Errorf("%d aggregations ran in DuckDB", inDuckDB)
	}
}

// TestDistinctPaths: DuckDB and Go give the same buckets of texts, integers, decimals of
// different scales and dates, by group; what departments share is counted once.
func TestDistinctPaths(t *testing.T) {
	if testing.Short() {
		t.Skip("two paths over a large table")
	}
	tables := map[string]*Table{}
	for d := range 2 {
		var b strings.Builder
		b.WriteString("g,text,whole,dec,day,half\n")
		for i := range 4200 {
			i += d * 2000 // 2,200 in both
			places := d + 1
			fmt.Fprintf(&b, "%d,id-%d,%d,%.*f,%s,", i%2, i, i*7, places, float64(i)/2, engine.FormatDate(int64(i)))
			if i%2 == 0 {
				fmt.Fprintf(&b, "%d", i)
			}
			b.WriteString("\n")
		}
		tables[fmt.Sprintf("d%d", d)] = openText(t, b.String())
	}
	sql := "SELECT count(DISTINCT text) AS a, count(DISTINCT whole) AS b, count(DISTINCT dec) AS c, count(DISTINCT half) AS d FROM t WHERE whole >= 0"
	bothWays(t, "SELECT g, count(DISTINCT text), count(DISTINCT dec) FILTER (WHERE day > '1975-01-01'), count(DISTINCT day) FROM t WHERE whole % 140 = 0 GROUP BY g", tables)
	r := ask(t, "SELECT count(DISTINCT text) AS a, count(DISTINCT whole) AS b, count(DISTINCT dec) AS c FROM t WHERE whole >= 0", tables)
	for i, name := range r.Columns {
		agreeEstimate(t, r, name, *r.Rows[0][i].Exact, 6200)
	}
	r = ask(t, "SELECT count(DISTINCT half) FROM t", tables)
	if _, err := plan(t, sql, tables); err == nil || *r.Rows[0][0].Exact == "0" {
		t.Errorf("four columns of 2,048 buckets: %v", err)
	}
}

func agreeEstimate(t *testing.T, r *engine.Result, name, got string, want float64) {
	t.Helper()
	estimate, deviation := atof(t, rehearsal.Figure(t, r, name+".estimate")), atof(t, rehearsal.Figure(t, r, name+".std_error"))
	t.Logf("%s: %s ± %.0f, want %.0f", name, got, deviation, want)
	if math.Abs(estimate-want) > 4*deviation || math.Abs(atof(t, got)-estimate) > 0.5 || deviation > want/10 {
		t.Errorf("%s: %v ± %v (%s), want %v", name, estimate, deviation, got, want)
	}
}

// TestAdultDistinct counts 48,842 persons, of which each department has two thirds.
func TestAdultDistinct(t *testing.T) {
	if testing.Short() {
		t.Skip("48,842 rows")
	}
	path := rehearsal.RealFile(t, "adult/adult.csv")
	tables := map[string]*Table{}
	parts := slices.Sorted(maps.Values(rehearsal.Scatter(t, path, 3, 1)))
	for d := range parts {
		tables[fmt.Sprintf("d%d", d)] = open(t, Options{}, parts[d], parts[(d+1)%3])
	}
	r := ask(t, "SELECT count(DISTINCT person_id) AS n, count(*) FROM t", tables)
	agreeEstimate(t, r, "n", *r.Rows[0][0].Exact, 48842)
}

// TestThirtyRegressorsLogreg: a fit on thirty columns takes one ciphertext a round at 38
// bits a limb, and finds the coefficients that float64 finds.
func TestThirtyRegressorsLogreg(t *testing.T) {
	if testing.Short() {
		t.Skip("a fit on thirty columns")
	}
	const columns, rows = 30, 500
	random := rand.New(rand.NewPCG(30, 14))
	var names []string
	for i := range columns {
		names = append(names, fmt.Sprintf("x%d", i+1))
	}
	tables := map[string]*Table{}
	var x [][]float64
	var y []bool
	for d := range 3 {
		var b strings.Builder
		b.WriteString("y," + strings.Join(names, ",") + "\n")
		for range rows {
			line, eta := []float64{1}, 0.2
			for i := range columns {
				v := float64(random.IntN(1000)) / 10
				line, eta = append(line, v), eta+float64(i-15)*(v-50)/500
			}
			yes := random.Float64() < 1/(1+math.Exp(-eta))
			fmt.Fprint(&b, yes)
			for _, v := range line[1:] {
				fmt.Fprintf(&b, ",%.1f", v)
			}
			b.WriteString("\n")
			x, y = append(x, line), append(y, yes)
		}
		tables[fmt.Sprintf("d%d", d)] = openText(t, b.String())
	}
	start := time.Now()
	r := converse(t, "SELECT logreg(y, "+strings.Join(names, ", ")+") FROM t", tables)
	took := time.Since(start)
	estimates, errors := newton(x, y)
	for i, row := range r.Rows {
		for k, want := range []float64{estimates[i], errors[i]} {
			if got := atof(t, *row[1+k].Text); math.Abs(got-want) > 1e-9*math.Max(math.Abs(want), errors[i]) {
				t.Errorf("%s, figure %d: %v, want %v", *row[0].Text, k, got, want)
			}
		}
	}
	p, err := plan(t, "SELECT logreg_step(ARRAY["+strings.Repeat("0.000000000000001, ", columns)+"0], y, "+strings.Join(names, ", ")+") FROM t", tables)
	if err != nil {
		t.Fatal(err)
	}
	if p.Ciphertexts() != 1 {
		t.Errorf("%d limbs take %d ciphertexts", p.Layout.SlotsPerGroup, p.Ciphertexts())
	}
	t.Logf("%s rounds of %d cells, %d limbs; %d bytes a plan; %.1f s in all", rehearsal.Figure(t, r, "iterations"), p.CellCount(), p.Layout.SlotsPerGroup, len(engine.Marshal(p)), took.Seconds())
}
