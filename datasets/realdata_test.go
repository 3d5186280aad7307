package datasets

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"parley/datasets/dialect"

	"parley/datasets/rehearsal"
)

func openAll(t testing.TB, files map[string]string) map[string]*Table {
	t.Helper()
	tables := map[string]*Table{}
	for k, file := range files {
		tables[k] = open(t, Options{}, file)
	}
	return tables
}

type described struct {
	Count   int64  `json:"count"`
	Missing int64  `json:"missing"`
	Sum     string `json:"sum"`
	SumSq   string `json:"sum_sq"`
	Mean    string `json:"mean"`
}

type answers struct {
	Rows     int64                `json:"rows"`
	Describe map[string]described `json:"describe"`
	// GroupBy: column, value, then "count" of the rows or a described column.
	GroupBy map[string]map[string]map[string]json.RawMessage `json:"group_by"`
}

func readAnswers(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(rehearsal.RealFile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// checkDescribed compares counts, sums, sums of squares and means of numeric
// columns with the answers file, to every digit that it has.
func checkDescribed(t *testing.T, tables map[string]*Table, want answers) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want.Describe)) {
		d, column := want.Describe[name], dialect.QuoteName(name)
		got := ask(t, fmt.Sprintf("SELECT count(*), count(%[1]s), sum(%[1]s), sum(%[1]s * %[1]s), avg(%[1]s) FROM t", column), tables).Rows[0]
		if *got[0].Exact != fmt.Sprint(d.Count+d.Missing) || *got[1].Exact != fmt.Sprint(d.Count) ||
			!sameNumber(*got[2].Exact, d.Sum) || !sameNumber(*got[3].Exact, d.SumSq) {
			t.Errorf("%s: got %s rows, %s values, sum %s, squares %s; want %+v", name, *got[0].Exact, *got[1].Exact, *got[2].Exact, *got[3].Exact, d)
		}
		mean, _ := new(big.Rat).SetString(*got[4].Exact)
		if point := strings.IndexByte(d.Mean, '.'); point >= 0 {
			if text := mean.FloatString(len(d.Mean) - point - 1); !sameNumber(text, d.Mean) {
				t.Errorf("%s: mean %s, want %s", name, text, d.Mean)
			}
		} else if !sameNumber(*got[4].Exact, d.Mean) {
			t.Errorf("%s: mean %s, want %s", name, *got[4].Exact, d.Mean)
		}
	}
}

// checkGroups compares the counts and sums of a grouping.
func checkGroups(t *testing.T, tables map[string]*Table, key string, want answers) {
	t.Helper()
	groups := want.GroupBy[key]
	if len(groups) == 0 {
		t.Fatalf("the answers have no groups by %s", key)
	}
	var one *Table
	for _, one = range tables {
		break
	}
	for name := range want.Describe {
		if one.find(name) < 0 {
			continue
		}
		got := ask(t, fmt.Sprintf("SELECT %[1]s, count(*), count(%[2]s), sum(%[2]s) FROM t GROUP BY %[1]s", dialect.QuoteName(key), dialect.QuoteName(name)), tables)
		if len(got.Rows) != len(groups) {
			t.Errorf("%d groups by %s, want %d", len(got.Rows), key, len(groups))
		}
		for _, row := range got.Rows {
			group := groups[*row[0].Exact]
			var d described
			if group[name] == nil || json.Unmarshal(group[name], &d) != nil {
				continue // the answers group only some of the columns
			}
			if *row[1].Exact != string(group["count"]) || *row[2].Exact != fmt.Sprint(d.Count) || row[3].Exact != nil && !sameNumber(*row[3].Exact, d.Sum) {
				t.Errorf("%s of %s: got %s, want %+v", name, *row[0].Exact, exact(got), d)
			}
		}
	}
}

func sameNumber(a, b string) bool {
	x, ok := new(big.Rat).SetString(a)
	y, also := new(big.Rat).SetString(b)
	return ok && also && x.Cmp(y) == 0
}

func TestHeartByHospital(t *testing.T) {
	var want struct{ Heart answers }
	readAnswers(t, "heart/answers.json", &want)
	files := rehearsal.Split(t, rehearsal.RealFile(t, "heart/heart_4hospitals.csv"), func(row map[string]string) string { return row["hospital"] })
	tables := openAll(t, files)
	if len(tables) != 4 {
		t.Fatalf("%d hospitals", len(tables))
	}
	checkDescribed(t, tables, want.Heart)
	checkGroups(t, tables, "hospital", want.Heart)
}

func TestAdult(t *testing.T) {
	if testing.Short() {
		t.Skip("48,842 rows")
	}
	var want answers
	readAnswers(t, "adult/answers.json", &want)
	files := rehearsal.Split(t, rehearsal.RealFile(t, "adult/adult.csv"), func(row map[string]string) string { return "part" + row["person_id"][len(row["person_id"])-1:] })
	tables := openAll(t, files)
	checkDescribed(t, tables, want)
	for _, column := range []string{"sex", "income"} {
		checkGroups(t, tables, column, want)
	}
	got := ask(t, "SELECT count(*) FILTER (WHERE income = '>50K'), count(*), 100.0 * count(*) FILTER (WHERE income = '>50K') / count(*) FROM t", tables)
	share, _ := new(big.Rat).SetString(*got.Rows[0][2].Exact)
	if share.FloatString(2) != "23.93" {
		t.Errorf("%s earn more than 50K, of %s: %s %%", *got.Rows[0][0].Exact, *got.Rows[0][1].Exact, share.FloatString(2))
	}
}

func TestChina2020ByProvince(t *testing.T) {
	if testing.Short() {
		t.Skip("31 provinces")
	}
	// By name: one district of Shanxi has a region_code that begins with 17.
	path := rehearsal.RealFile(t, "china2020/stat_population.csv")
	files := rehearsal.Split(t, path, func(row map[string]string) string { return row["省"] })
	tables := openAll(t, files)
	if len(tables) != 31 {
		t.Fatalf("%d provinces", len(tables))
	}
	wantRows(t, ask(t, `SELECT count(*), sum("人口数_合计"), sum("人口数_男"), sum("人口数_女") FROM t`, tables), "2987|1409778724|721416394|688362330")
	var want answers
	readAnswers(t, "china2020/answers.json", &want)
	own := answers{Describe: map[string]described{}}
	for name, d := range want.Describe {
		if tables["北京市"].find(name) >= 0 {
			own.Describe[name] = d
		}
	}
	if len(own.Describe) == 0 {
		t.Fatal("the answers describe none of the columns")
	}
	checkDescribed(t, tables, own)
	checkGroups(t, tables, "省", want)
}
