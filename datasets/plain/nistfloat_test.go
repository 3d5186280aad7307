package plain

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"testing"

	"parley/datasets/duck"
)

// This file is the float64 arithmetic that the certified figures are compared with:
// DuckDB's sums over doubles of the pooled rows, and normal equations by Gaussian
// elimination with pivoting.

// floats runs a SELECT of numbers.
func floats(t testing.TB, db *sql.DB, statement string) [][]float64 {
	t.Helper()
	rows, err := duck.Select(context.Background(), db, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	var out [][]float64
	for _, row := range rows {
		var line []float64
		for _, v := range row {
			switch v := v.(type) {
			case float64:
				line = append(line, v)
			case int64:
				line = append(line, float64(v))
			default:
				line = append(line, math.NaN())
			}
		}
		out = append(out, line)
	}
	return out
}

type floatFit struct {
	coefficients, errors []float64
	residual, total, df  float64
}

// plainRegression solves the normal equations of sums that DuckDB makes.
func plainRegression(t testing.TB, db *sql.DB, list []string, intercept bool) floatFit {
	var columns []string
	if intercept {
		columns = append(columns, "1::DOUBLE")
	}
	for _, term := range list {
		name, power, isPower := strings.Cut(term, "^")
		if isPower {
			columns = append(columns, fmt.Sprintf("pow(%s::DOUBLE, %s)", name, power))
		} else {
			columns = append(columns, name+"::DOUBLE")
		}
	}
	p := len(columns)
	columns = append(columns, "y::DOUBLE")
	var sums []string
	for i := range columns {
		for j := range columns {
			sums = append(sums, "sum("+columns[i]+" * "+columns[j]+")")
		}
	}
	flat := floats(t, db, "SELECT count(*), "+strings.Join(sums, ", ")+" FROM rows")[0]
	n, at := flat[0], func(i, j int) float64 { return flat[1+i*(p+1)+j] }
	rows := make([][]float64, p)
	for i := range rows {
		rows[i] = make([]float64, 2*p+1)
		for j := range p {
			rows[i][j] = at(i, j)
		}
		rows[i][p], rows[i][p+1+i] = at(i, p), 1
	}
	gauss(rows)
	fit := floatFit{df: n - float64(p), total: at(p, p)}
	fit.residual = fit.total
	for i, row := range rows {
		fit.coefficients = append(fit.coefficients, row[p])
		fit.residual -= row[p] * at(i, p)
	}
	for i, row := range rows {
		fit.errors = append(fit.errors, math.Sqrt(row[p+1+i]*fit.residual/fit.df))
	}
	if intercept {
		fit.total -= at(0, p) * at(0, p) / n
	}
	return fit
}

// gauss brings [A | ...] to [I | ...].
func gauss(rows [][]float64) {
	for k := range rows {
		best := k
		for i := k; i < len(rows); i++ {
			if math.Abs(rows[i][k]) > math.Abs(rows[best][k]) {
				best = i
			}
		}
		rows[k], rows[best] = rows[best], rows[k]
		pivot := rows[k][k]
		for j := range rows[k] {
			rows[k][j] /= pivot
		}
		for i := range rows {
			if factor := rows[i][k]; i != k {
				for j := range rows[i] {
					rows[i][j] -= factor * rows[k][j]
				}
			}
		}
	}
}
