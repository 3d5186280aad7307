package datasets

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/datasets/dialect"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// answeredDigits is how many significant digits must agree with the answers files,
// which have 25.
const answeredDigits = 23

// figures is an answers file as far as it is about statistics.
type figures struct {
	Describe map[string]map[string]json.RawMessage            `json:"describe"`
	GroupBy  map[string]map[string]map[string]json.RawMessage `json:"group_by"`
	Corr     []struct {
		X, Y, Corr string
		Cov        string `json:"cov_samp"`
		N          int64
	} `json:"corr"`
	OLS []struct {
		Model    string
		N        int64
		Coef, Se map[string]string
		SD       string `json:"residual_sd"`
		R2       string `json:"r_squared"`
		Adjusted string `json:"adj_r_squared"`
		F        string
		DF       int64 `json:"df_resid"`
	} `json:"ols"`
	Hist []struct {
		Column  string
		Edges   []json.Number
		Counts  []int64
		Outside int64
	} `json:"hist"`
}

// agree compares a figure with an answer.
func agree(t *testing.T, what string, got *string, want string) {
	t.Helper()
	if got == nil {
		t.Errorf("%s: NULL, want %s", what, want)
	} else if !sameNumber(*got, want) && rehearsal.Digits(*got, want) < answeredDigits {
		t.Errorf("%s: %s, want %s", what, *got, want)
	}
}

// described gives one of a column's answers; "" if it has none.
func (f figures) described(column, name string) string { return jsonText(f.Describe[column][name]) }

func jsonText(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }

// checkFigures asks for everything that an answers file has. It returns how many
// columns have no dictionary, so that their quantiles take several rounds.
func checkFigures(t *testing.T, tables map[string]*Table, want figures) (without int) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want.Describe)) {
		column := dialect.QuoteName(name)
		r := ask(t, fmt.Sprintf("SELECT var_samp(%[1]s), var_pop(%[1]s), stddev_samp(%[1]s) FROM t", column), tables)
		for i, answer := range []string{"var_samp", "var_pop", "sd_samp"} {
			agree(t, name+" "+answer, r.Rows[0][i].Exact, want.described(name, answer))
		}
		quantiles := fmt.Sprintf(`SELECT min(%[1]s), max(%[1]s), median(%[1]s), percentile_cont(0.25) WITHIN GROUP (ORDER BY %[1]s),
			percentile_cont(0.75) WITHIN GROUP (ORDER BY %[1]s), percentile_cont(0.9) WITHIN GROUP (ORDER BY %[1]s) FROM t`, column)
		if _, err := plan(t, quantiles, tables); err == nil {
			r = ask(t, quantiles, tables)
		} else {
			without++
			r = converse(t, quantiles, tables)
		}
		for i, answer := range []string{"min", "max", "median", "q1_type7", "q3_type7", "p90_type7"} {
			agree(t, name+" "+answer, r.Rows[0][i].Exact, want.described(name, answer))
		}
	}
	for _, c := range want.Corr {
		r := ask(t, fmt.Sprintf("SELECT regr_count(%[1]s, %[2]s), covar_samp(%[1]s, %[2]s), corr(%[1]s, %[2]s) FROM t", dialect.QuoteName(c.Y), dialect.QuoteName(c.X)), tables)
		agree(t, "n", r.Rows[0][0].Exact, fmt.Sprint(c.N))
		agree(t, c.X+" "+c.Y+" covariance", r.Rows[0][1].Exact, c.Cov)
		if c.Corr != "" && c.Corr != "None" {
			agree(t, c.X+" "+c.Y+" correlation", r.Rows[0][2].Exact, c.Corr)
		}
	}
	checkRegressions(t, tables, want)
	for _, h := range want.Hist {
		var edges []string
		for _, e := range h.Edges {
			edges = append(edges, e.String())
		}
		r := ask(t, fmt.Sprintf("SELECT histogram(%s, ARRAY[%s]) FROM t", dialect.QuoteName(h.Column), strings.Join(edges, ", ")), tables)
		for i, n := range h.Counts {
			agree(t, fmt.Sprintf("%s bin %d", h.Column, i), r.Rows[i][2].Exact, fmt.Sprint(n))
		}
		agreeModel(t, r, "outside", fmt.Sprint(h.Outside))
	}
	return without
}

func checkRegressions(t *testing.T, tables map[string]*Table, want figures) {
	t.Helper()
	for _, o := range want.OLS {
		y, right, _ := strings.Cut(o.Model, " ~ ")
		list := []string{dialect.QuoteName(y)}
		names := strings.Split(right, " + ")
		for _, name := range names {
			list = append(list, dialect.QuoteName(name))
		}
		r := ask(t, "SELECT linreg("+strings.Join(list, ", ")+") FROM t", tables)
		for i, name := range append([]string{"(Intercept)"}, names...) {
			if *r.Rows[i][0].Text != name {
				t.Errorf("term %d is %s, want %s", i, *r.Rows[i][0].Text, name)
			}
			agree(t, o.Model+": "+name, r.Rows[i][1].Exact, o.Coef[name])
			agree(t, o.Model+": se "+name, r.Rows[i][2].Exact, o.Se[name])
		}
		for name, answer := range map[string]string{"n": fmt.Sprint(o.N), "residual_sd": o.SD, "r2": o.R2, "adj_r2": o.Adjusted, "f": o.F, "df": fmt.Sprint(o.DF)} {
			agreeModel(t, r, name, answer)
		}
	}
}

// checkGroupFigures compares variances, medians and extremes by group.
func checkGroupFigures(t *testing.T, tables map[string]*Table, want figures, key string, columns ...string) {
	t.Helper()
	checked := 0
	for _, name := range columns {
		r := ask(t, fmt.Sprintf("SELECT %[1]s, var_samp(%[2]s), median(%[2]s), min(%[2]s), max(%[2]s) FROM t GROUP BY %[1]s", dialect.QuoteName(key), dialect.QuoteName(name)), tables)
		for _, row := range r.Rows {
			var answers map[string]json.RawMessage
			if row[0].Exact == nil || json.Unmarshal(want.GroupBy[key][*row[0].Exact][name], &answers) != nil {
				continue
			}
			for i, answer := range []string{"var_samp", "median", "min", "max"} {
				if text := jsonText(answers[answer]); text != "" && text != "null" {
					agree(t, fmt.Sprintf("%s of %s=%s, %s", name, key, *row[0].Exact, answer), row[1+i].Exact, text)
					checked++
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d figures by %s were compared", checked, key)
	}
}

func TestHeartFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	var want map[string]figures
	readAnswers(t, "heart/answers.json", &want)
	tables := openAll(t, rehearsal.Split(t, rehearsal.RealFile(t, "heart/heart_4hospitals.csv"), func(row map[string]string) string { return row["hospital"] }))
	if n := checkFigures(t, tables, want["heart"]); n > 0 {
		t.Errorf("%d columns have no dictionary", n)
	}
	checkGroupFigures(t, tables, want["heart"], "sex", "age", "chol", "oldpeak")
	checkFigures(t, map[string]*Table{"va": tables["va"]}, want["heart_va"])
}

func TestAdultFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("48,842 rows")
	}
	var want figures
	readAnswers(t, "adult/answers.json", &want)
	tables := openAll(t, rehearsal.Scatter(t, rehearsal.RealFile(t, "adult/adult.csv"), 3, 1))
	if n := checkFigures(t, tables, want); n != 1 {
		t.Errorf("%d columns have no dictionary; fnlwgt alone should have none", n)
	}
	checkGroupFigures(t, tables, want, "education", "age", "hours_per_week")
}

// TestChina2020Figures joins the departments' tables by region first: the answers are
// about columns of several.
func TestChina2020Figures(t *testing.T) {
	if testing.Short() {
		t.Skip("all of its figures")
	}
	var want figures
	readAnswers(t, "china2020/answers.json", &want)
	tables := openAll(t, rehearsal.Scatter(t, joinedRegions(t, want), 3, 2))
	if n := checkFigures(t, tables, want); n > 0 {
		t.Errorf("%d columns have no dictionary", n)
	}
	checkGroupFigures(t, tables, want, "省", "人口数_合计", "城镇人口")
}

// joinedRegions writes one file with the columns of all subjects that the answers
// describe, and the province.
func joinedRegions(t *testing.T, want figures) string {
	t.Helper()
	var header []string
	rows := map[string][]string{}
	var codes []string
	for i, subject := range []string{"stat_population", "police_household_register", "education", "housing", "health_age_structure"} {
		all := rehearsal.ReadCSV(t, rehearsal.RealFile(t, "china2020/"+subject+".csv"))
		var keep []int
		for c, name := range all[0] {
			if want.Describe[name] != nil && !slices.Contains(header, name) || i == 0 && name == "省" {
				keep = append(keep, c)
				header = append(header, name)
			}
		}
		for _, row := range all[1:] {
			if i == 0 {
				codes = append(codes, row[0])
			}
			for _, c := range keep {
				rows[row[0]] = append(rows[row[0]], row[c])
			}
		}
	}
	path := filepath.Join(t.TempDir(), "joined.csv")
	lines := [][]string{header}
	for _, code := range codes {
		lines = append(lines, rows[code])
	}
	rehearsal.WriteCSV(t, path, lines)
	return path
}

func agreeModel(t *testing.T, r *engine.Result, name, want string) {
	t.Helper()
	got := rehearsal.Figure(t, r, name)
	agree(t, name, &got, want)
}
