package stories

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"

	"parley/circuits"
	"parley/datasets"
	"parley/datasets/rehearsal"
	"parley/engine"
	"parley/protocols"
)

// sealedRounds answers a question of several rounds, each by the whole protocol.
func sealedRounds(t *testing.T, keys *circuits.Keys, table string, files map[string]string, sql string) (*engine.Result, int) {
	t.Helper()
	var catalogue engine.Catalogue
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		open := rehearsal.Open(t, func() (*datasets.Table, error) {
			return datasets.Open(context.Background(), table, []string{files[name]}, datasets.Options{})
		})
		catalogue = append(catalogue, open.Registration(name, 1))
	}
	session, err := protocols.NewQuestion(sql, catalogue, nil, protocols.Packing(keys.Params()))
	if err != nil {
		t.Fatal(err)
	}
	rounds := 0
	for p := session.Plan(); p != nil; p = session.Plan() {
		if err := session.Step(sealed(t, keys, table, files, p.SQL)); err != nil {
			t.Fatal(err)
		}
		rounds++
	}
	return session.Result(), rounds
}

// TestSealedRounds seals a fit, step by step, and an estimate.
func TestSealedRounds(t *testing.T) {
	heart, adult := rehearsal.RealFile(t, "heart", "heart_4hospitals.csv"), rehearsal.RealFile(t, "adult", "adult.csv")
	keys := testKeys(t)
	t.Run("logreg", func(t *testing.T) { sealedLogreg(t, keys, heart) })
	t.Run("distinct", func(t *testing.T) { sealedDistinct(t, keys, adult) })
}

// sealedLogreg fits the diagnosis over two groups of hospitals, every step sealed, and
// compares with Newton's method in float64 over the pooled rows.
func sealedLogreg(t *testing.T, keys *circuits.Keys, path string) {
	files := rehearsal.Split(t, path, func(row map[string]string) string {
		if row["hospital"] == "va" || row["hospital"] == "switzerland" {
			return "b"
		}
		return "a"
	})
	r, rounds := sealedRounds(t, keys, "heart", files, "SELECT logreg(num > 0, age, oldpeak) FROM heart")
	want := pooledLogit(t, path)
	for i, row := range r.Rows {
		got, err := strconv.ParseFloat(*row[1].Text, 64)
		if err != nil || math.Abs(got-want[i]) > 1e-9*math.Abs(want[i]) {
			t.Errorf("%s: %s, want %v", *row[0].Text, *row[1].Text, want[i])
		}
	}
	if rounds < 4 || rounds > 9 {
		t.Errorf("%d rounds", rounds)
	}
	t.Logf("%d rounds", rounds)
}

// pooledLogit fits num > 0 on age and oldpeak by Newton's method in float64.
func pooledLogit(t *testing.T, path string) []float64 {
	rows := rehearsal.ReadCSV(t, path)
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	var b [3]float64
	for range 25 {
		var m [3][4]float64
		for _, row := range rows[1:] {
			age, err := strconv.ParseFloat(row[at["age"]], 64)
			oldpeak, missing := strconv.ParseFloat(row[at["oldpeak"]], 64)
			if err != nil || missing != nil {
				continue
			}
			x := [3]float64{1, age, oldpeak}
			mu := 1 / (1 + math.Exp(-b[0]-b[1]*age-b[2]*oldpeak))
			residual := -mu
			if row[at["num"]] != "0" {
				residual++
			}
			for i := range x {
				m[i][3] += x[i] * residual
				for j := range x {
					m[i][j] += x[i] * x[j] * mu * (1 - mu)
				}
			}
		}
		for k := range m {
			for i := range m {
				if factor := m[i][k] / m[k][k]; i != k {
					for j := range m[i] {
						m[i][j] -= factor * m[k][j]
					}
				}
			}
		}
		for i := range b {
			b[i] += m[i][3] / m[i][i]
		}
	}
	return b[:]
}

// sealedDistinct counts the persons of overlapping tables.
func sealedDistinct(t *testing.T, keys *circuits.Keys, path string) {
	files := rehearsal.Split(t, path, func(row map[string]string) string { return row["split"] })
	files["whole"] = path
	r := sealed(t, keys, "adult", files, "SELECT count(DISTINCT person_id) AS n, count(*) FROM adult")
	figures := map[string]float64{}
	for _, f := range r.Model {
		x, err := strconv.ParseFloat(*f.Value.Text, 64)
		if err != nil {
			t.Fatal(err)
		}
		figures[f.Name] = x
	}
	if exactAt(r, 0, 1) != "97684" || math.Abs(figures["n.estimate"]-48842) > 4*figures["n.std_error"] || figures["n.std_error"] > 2000 {
		t.Errorf("%s persons, %v", exactAt(r, 0, 0), figures)
	}
}
