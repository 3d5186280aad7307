package datasets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"parley/datasets/rehearsal"
	"parley/engine"
)

// joinedOffice is one department of TestJoinsArePooledJoins: three tables, as records of text, and the keys' declarations.
type joinedOffice struct {
	name   string
	tables map[string][][]string
}

// joinedHeads are the tables' columns, and joinedColumns what is declared of each.
var joinedHeads = map[string][]string{
	"residents": {"person_id", "sex", "born", "home"},
	"benefits":  {"pid", "kind", "amount"},
	"jobs":      {"Person_ID", "home", "wage", "since"},
}

func joinedColumns(table string, parquet bool) []Declaration {
	key := Declaration{Name: joinedHeads[table][0]}
	key.Colocated = "resident"
	if parquet { // declared texts are not left in their files
		return []Declaration{key}
	}
	return append(joinedCodes(joinedHeads[table], ""), key)
}

// joinedCodes declares the values of the columns of text, which names of them begin with.
func joinedCodes(head []string, before string) (out []Declaration) {
	for _, name := range head {
		for column, values := range map[string][]string{"sex": {"f", "m"}, "home": {"east", "north", "south"}, "kind": {"child", "old age", "rent"}} {
			if name != before+column {
				continue
			}
			d := Declaration{Name: name, Type: "text"}
			for _, v := range values {
				d.Codes = append(d.Codes, Code{Value: v})
			}
			out = append(out, d)
		}
	}
	return out
}

// newJoinedOffices makes random tables, in which a person's number stands at one department only: many rows of a person in each
// table, persons in one table only, and rows without a number.
func newJoinedOffices(r *rand.Rand) (out []joinedOffice) {
	for d := range 3 {
		o := joinedOffice{name: fmt.Sprintf("d%d", d), tables: map[string][][]string{}}
		key := func() string {
			if r.IntN(8) == 0 {
				return ""
			}
			return strconv.Itoa(100*d + r.IntN(12))
		}
		or := func(value string) string {
			if r.IntN(6) == 0 {
				return ""
			}
			return value
		}
		for range 9 + r.IntN(12) {
			o.tables["residents"] = append(o.tables["residents"], []string{key(), or([]string{"f", "m"}[r.IntN(2)]), or(strconv.Itoa(1950 + r.IntN(9))), []string{"north", "south"}[r.IntN(2)]})
		}
		for range 9 + r.IntN(14) {
			o.tables["benefits"] = append(o.tables["benefits"], []string{key(), []string{"child", "rent", "old age"}[r.IntN(3)], or(fmt.Sprintf("%d.%02d", r.IntN(900)-99, r.IntN(100)))})
		}
		for range 9 + r.IntN(10) {
			o.tables["jobs"] = append(o.tables["jobs"], []string{key(), []string{"north", "east"}[r.IntN(2)], or(strconv.Itoa(r.IntN(5000))), fmt.Sprintf("20%02d-0%d-11", r.IntN(4), 1+r.IntN(3))})
		}
		out = append(out, o)
	}
	return out
}

// csv writes records, a field that is empty as NULL.
func joinedCSV(head []string, rows [][]string) string {
	lines := []string{strings.Join(head, ",")}
	for _, r := range rows {
		lines = append(lines, strings.Join(r, ","))
	}
	return strings.Join(lines, "\n") + "\n"
}

// joinedRows are the rows of tables of one department that have the same numbers, by nested loops.
func joinedRows(o joinedOffice, tables ...string) (rows [][]string) {
	rows = [][]string{{}}
	for _, name := range tables {
		var next [][]string
		for _, left := range rows {
			for _, right := range o.tables[name] {
				if right[0] != "" && (len(left) == 0 || left[0] == right[0]) {
					next = append(next, slices.Concat(left, right))
				}
			}
		}
		rows = next
	}
	return rows
}

// openJoined opens a department's tables: some as Parquet files, which stay where they are.
func openJoined(t *testing.T, o joinedOffice, parquet bool) map[string]*Table {
	out := map[string]*Table{}
	for name, rows := range o.tables {
		path := write(t, o.name+name+".csv", joinedCSV(joinedHeads[name], rows))
		if parquet {
			db, err := sql.Open("duckdb", "")
			if err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(t.TempDir(), name+".parquet")
			if _, err := db.Exec(fmt.Sprintf("COPY (SELECT * FROM read_csv('%s')) TO '%s'", path, to)); err != nil {
				t.Fatal(err)
			}
			db.Close()
			path = to
		}
		table, err := Open(t.Context(), name, []string{path}, Options{Header: "yes", Declared: joinedColumns(name, parquet)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { table.Close() })
		if err := table.Declare(table.Everything()); err != nil {
			t.Fatal(err)
		}
		out[name] = table
	}
	return out
}

// joinedCatalogue are the registrations of all departments' tables.
func joinedCatalogue(tables map[string]map[string]*Table) (c engine.Catalogue, departments []string) {
	departments = slices.Sorted(maps.Keys(tables))
	for _, name := range slices.Sorted(maps.Keys(joinedHeads)) {
		for _, d := range departments {
			c = append(c, tables[d][name].Registration(d, 3))
		}
	}
	return c, departments
}

// contributeJoined sums up the departments' cells of a plan.
func contributeJoined(t *testing.T, tables map[string]map[string]*Table) func(*engine.Plan) []*big.Int {
	return func(p *engine.Plan) []*big.Int {
		var made [][]*big.Int
		for _, d := range p.Departments {
			var own []*Table
			for _, name := range p.Tables() {
				own = append(own, tables[d][name])
			}
			cells, err := AggregateJoined(context.Background(), p, d, own)
			if err != nil {
				t.Fatalf("%s at %s: %v", p.SQL, d, err)
			}
			made = append(made, cells)
		}
		cells, err := p.Pool(made)
		if err != nil {
			t.Fatalf("%s: %v", p.SQL, err)
		}
		return cells
	}
}

// joinedQuestions are asked of joined tables, and of one table that has the joined rows: r.born is written r_born there.
var joinedQuestions = []struct{ from, select_, rest string }{
	{"rb", "count(*)", ""},
	{"rb", "r.sex, b.kind, count(*), count(b.amount), sum(b.amount), avg(b.amount)", " GROUP BY r.sex, b.kind ORDER BY 1, 2"},
	{"rb", "b.kind, sum(r.born * b.amount), sum(b.amount) FILTER (WHERE r.sex = 'f')", " WHERE r.born > 1951 GROUP BY b.kind HAVING count(*) > 1 ORDER BY b.kind"},
	{"rb", "r.born % 3 AS third, min(b.amount), max(b.amount)", " GROUP BY third ORDER BY third"},
	{"rb", "corr(r.born, b.amount), regr_slope(b.amount, r.born), var_samp(b.amount)", ""},
	{"rb", "linreg(b.amount, r.born, r.sex)", ""},
	{"rb", "crosstab(r.sex, b.kind)", ""},
	{"rb", "histogram(b.amount, -100, 900, 10)", ""},
	{"rb", "median(b.amount), percentile_disc(0.3) WITHIN GROUP (ORDER BY b.amount)", ""},
	{"rb", "r.sex, percentile_cont(0.7) WITHIN GROUP (ORDER BY b.amount)", " WHERE r.sex IS NOT NULL GROUP BY r.sex"},
	{"rb", "count(*) FILTER (WHERE b.amount > (SELECT avg(b.amount) FROM %s)), sum(b.amount)", ""},
	{"rbj", "j.home, count(*), sum(j.wage), sum(j.wage * b.amount), count(DISTINCT r.sex)", " WHERE r.home <> j.home GROUP BY j.home ORDER BY 1"},
	{"rbj", "date_trunc('month', j.since)::date AS month, avg(j.wage), sum(r.born)", " GROUP BY month ORDER BY month"},
	{"rbj", "anova(j.wage, b.kind)", ""},
}

// joinedFrom are the ways to write a join, with the tables that it has.
var joinedFrom = map[string][]string{
	"rb": {"residents r JOIN benefits b ON r.person_id = b.pid", "benefits b INNER JOIN residents AS r ON b.pid = r.person_id"},
	"rbj": {"residents r JOIN jobs j USING (person_id) JOIN benefits b ON b.pid = person_id",
		"benefits b JOIN (residents r JOIN jobs j ON r.person_id = j.person_id) ON j.person_id = b.pid",
		"residents r JOIN benefits b ON r.person_id = b.pid JOIN jobs j ON j.person_id = b.pid AND r.person_id = j.person_id"},
}

// terms are the rows of an answer with the columns that they name called as in one table.
func terms(rows []string) (out []string) {
	for _, row := range rows {
		out = append(out, strings.NewReplacer("residents.", "r_", "benefits.", "b_", "jobs.", "j_").Replace(row))
	}
	return out
}

// TestJoinsArePooledJoins: a question over tables that are joined at the departments has the answer that it has over one table
// of the rows that the pooled tables' join gives.
func TestJoinsArePooledJoins(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 1))
	letters := map[string]string{"residents": "r", "benefits": "b", "jobs": "j"}
	for round := range 2 {
		offices := newJoinedOffices(r)
		tables := map[string]map[string]*Table{}
		for i, o := range offices {
			tables[o.name] = openJoined(t, o, round == 1 && i < 2)
			if inPlace := tables[o.name]["jobs"].lying != nil; inPlace != (round == 1 && i < 2) {
				t.Fatalf("round %d: %s has its rows in files: %t", round, o.name, inPlace)
			}
		}
		cat, departments := joinedCatalogue(tables)
		whole := map[string]map[string]*Table{}
		for from, names := range map[string][]string{"rb": {"residents", "benefits"}, "rbj": {"residents", "benefits", "jobs"}} {
			var head []string
			for _, name := range names {
				for _, c := range joinedHeads[name] {
					head = append(head, letters[name]+"_"+strings.ToLower(c))
				}
			}
			whole[from] = map[string]*Table{}
			for _, o := range offices {
				path := write(t, from+o.name+".csv", joinedCSV(head, joinedRows(o, names...)))
				table, err := Open(t.Context(), "whole", []string{path}, Options{Header: "yes", Declared: slices.Concat(joinedCodes(head, "r_"), joinedCodes(head, "b_"), joinedCodes(head, "j_"))})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { table.Close() })
				if err := table.Declare(table.Everything()); err != nil {
					t.Fatal(err)
				}
				whole[from][o.name] = table
			}
		}
		for _, q := range joinedQuestions {
			form := "SELECT " + strings.ReplaceAll(q.select_, "%s", "{from}") + " FROM {from}" + q.rest
			single := strings.ReplaceAll(form, "{from}", "whole")
			for _, letter := range letters {
				single = strings.ReplaceAll(single, letter+".", letter+"_")
			}
			want, refused := rehearsal.Try(t, single, whole[q.from])
			for _, from := range joinedFrom[q.from] {
				asked := strings.ReplaceAll(form, "{from}", from)
				got, err := rehearsal.TryBy(asked, cat, departments, contributeJoined(t, tables))
				if (err == nil) != (refused == nil) {
					t.Errorf("%s: %v, and over the joined rows %v", asked, err, refused)
					continue
				}
				if err == nil && !slices.Equal(terms(exact(got)), exact(want)) {
					t.Errorf("%s\ngives %v\nwant  %v", asked, exact(got), exact(want))
				}
			}
		}
	}
}

// TestScreenedJoinsCountKeys: where counts are screened, joined rows are counted by the different persons that they are of, those
// that a part leaves out too, and a person with many rows is one.
func TestScreenedJoinsCountKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 2))
	tables := map[string]map[string]*Table{}
	persons := map[string]map[string]bool{} // by sex, and "" for all
	beyond := map[string]bool{}             // with a row that is no rent, by sex
	for _, o := range newJoinedOffices(r) {
		tables[o.name] = openJoined(t, o, false)
		for _, row := range joinedRows(o, "residents", "benefits") {
			if persons[row[1]] == nil {
				persons[row[1]] = map[string]bool{}
			}
			persons[row[1]][row[0]] = true
			if row[5] != "rent" {
				beyond[row[1]+row[0]] = true
			}
		}
	}
	cat, departments := joinedCatalogue(tables)
	plan, err := engine.NewPlan("SELECT sex, count(*), sum(born) FILTER (WHERE kind = 'rent') FROM residents JOIN benefits ON person_id = pid GROUP BY sex", cat, departments, rehearsal.Packing)
	if err != nil {
		t.Fatal(err)
	}
	const most = 1000
	screening, err := plan.Screening(engine.Disclosure{Count: most, Complement: true})
	if err != nil {
		t.Fatal(err)
	}
	if x, err := plan.ExplainScreening(engine.Disclosure{Count: most}); err != nil || !strings.Contains(x.String(), "how many different values of "+plan.CountedBy()+" (joined rows with the same one count once)") ||
		!strings.HasSuffix(plan.CountedBy(), "person_id") && !strings.HasSuffix(plan.CountedBy(), "pid") {
		t.Errorf("it is not said that persons are counted: %v, %v", x, err)
	}
	cells := contributeJoined(t, tables)(screening)
	for g, v := range plan.Groups[0].Values {
		sex := v.String()
		if v.IsNull() {
			sex = ""
		}
		if got := cells[g*len(screening.Moments)].Int64(); got != int64(len(persons[sex])) {
			t.Errorf("sex %q: %d persons are counted, there are %d", sex, got, len(persons[sex]))
		}
	}
	streamed := false
	for m, moment := range screening.Moments {
		if moment.Op != engine.CountKeys || moment.Within != 0 {
			t.Errorf("moment %d counts rows: %+v", m, moment)
		}
		streamed = streamed || moment.Filter != nil
	}
	if !streamed {
		t.Error("no figure has a condition")
	}
}

// TestHistoryOfJoins: a question that with an earlier one over the same join tells of one person's rows is refused, however both
// write the join, and one that joins by other columns, which is not compared; one that tells of many is not.
func TestHistoryOfJoins(t *testing.T) {
	tables := map[string]map[string]*Table{}
	for _, o := range newJoinedOffices(rand.New(rand.NewPCG(16, 4))) {
		tables[o.name] = openJoined(t, o, false)
	}
	cat, departments := joinedCatalogue(tables)
	const before = "SELECT kind, count(*) FROM residents JOIN benefits ON person_id = pid GROUP BY kind"
	const join = "FROM benefits b JOIN residents r ON r.person_id = b.pid"
	rules := engine.Disclosure{Count: 2, History: 30}
	person := joinedPerson(t, tables["d0"])
	for sql, refused := range map[string]bool{
		"SELECT kind, count(*) " + join + " WHERE r.person_id <> " + person + " GROUP BY kind": true,
		"SELECT count(*) " + join + " WHERE r.person_id <> " + person:                          true,
		"SELECT count(*) " + join: false,
		"SELECT count(*) " + join + " AND r.person_id = b.pid WHERE r.person_id >= 100": false,
	} {
		plan, err := engine.NewPlan(sql, cat, departments, rehearsal.Packing)
		if err != nil {
			t.Fatal(err)
		}
		screening, err := plan.Screening(rules, engine.Earlier{SQL: before, Departments: departments})
		if err != nil {
			t.Fatal(err)
		}
		verdict, err := screening.Screened(contributeJoined(t, tables)(screening))
		if err != nil {
			t.Fatal(err)
		}
		if _, earlier := engine.EarlierOf(verdict); earlier != refused {
			t.Errorf("%s: it is refused for the sake of the earlier one: %t", sql, earlier)
		}
	}
	plan, err := engine.NewPlan("SELECT count(*) "+join+" AND r.born = b.pid", cat, departments, rehearsal.Packing)
	if err != nil {
		t.Fatal(err)
	}
	var e *engine.Error
	if _, err := plan.Screening(rules, engine.Earlier{SQL: before, Departments: departments}); !errors.As(err, &e) || e.Code != engine.CodeHistory {
		t.Errorf("joined by other columns: %v", err)
	}
}

// joinedPerson is a person of one department with rows in both tables.
func joinedPerson(t *testing.T, tables map[string]*Table) string {
	t.Helper()
	found := map[int64]bool{}
	for _, name := range []string{"residents", "benefits"} {
		own := map[int64]bool{}
		err := tables[name].Each(t.Context(), func(row []any) error {
			if n, ok := row[0].(int64); ok && (name == "residents" || found[n]) {
				own[n] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		found = own
	}
	persons := slices.Sorted(maps.Keys(found))
	if len(persons) == 0 {
		t.Fatal("nobody has rows in both")
	}
	return strconv.FormatInt(persons[0], 10)
}

// TestJoinRefused: a department joins the tables that the plan names, as they are registered, and no others.
func TestJoinRefused(t *testing.T) {
	offices := newJoinedOffices(rand.New(rand.NewPCG(16, 3)))
	tables := map[string]map[string]*Table{}
	for _, o := range offices {
		tables[o.name] = openJoined(t, o, false)
	}
	cat, departments := joinedCatalogue(tables)
	plan, err := engine.NewPlan("SELECT count(*) FROM residents JOIN benefits ON person_id = pid", cat, departments, rehearsal.Packing)
	if err != nil {
		t.Fatal(err)
	}
	own := tables["d0"]
	for name, list := range map[string][]*Table{"swapped": {own["residents"], own["benefits"]}, "another's": {own["benefits"], tables["d1"]["residents"]},
		"another table": {own["benefits"], own["jobs"]}} {
		if _, err := AggregateJoined(t.Context(), plan, "d0", list); !errors.Is(err, ErrRegistration) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := AggregateJoined(t.Context(), plan, "d0", []*Table{own["benefits"]}); err == nil {
		t.Error("one table is joined")
	}
	if _, err := own["benefits"].Aggregate(t.Context(), plan, "d0"); !errors.Is(err, ErrRegistration) {
		t.Errorf("one table alone: %v", err)
	}
	if _, err := AggregateJoined(t.Context(), plan, "d0", []*Table{own["benefits"], own["residents"]}); err != nil {
		t.Error(err)
	}
}
