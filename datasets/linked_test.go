package datasets_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"parley/datasets"
	"parley/datasets/published"
	"parley/datasets/rehearsal"
	"parley/datasets/vectors"
	"parley/engine"
)

// linkedWorld is departments with rows of the same persons: of benefits, of jobs or of both.
type linkedWorld struct {
	scene     string
	persons   []rehearsal.Person
	positions map[string]uint32
	length    int
	heads     map[string][]string
	rows      map[string]map[string][]rehearsal.PersonRow // by department and table
	tables    map[string]map[string]*datasets.Table
}

// linkedScenes are whom the tables are about: of so many persons, of whom each so-manieth is not on the spine, those of either table;
// and which of the tables each department holds.
var linkedScenes = []struct {
	name             string
	persons, missing int
	benefits, jobs   func(person int) bool
	holds            []string
}{
	{"some in both", 14, 4, func(i int) bool { return i%5 > 0 }, func(i int) bool { return i%4 > 0 }, []string{"benefits", "jobs", "benefits jobs"}},
	{"nobody in both", 12, 0, func(i int) bool { return i%2 == 0 }, func(i int) bool { return i%2 == 1 }, []string{"jobs", "benefits"}},
	{"one person", 4, 0, func(i int) bool { return i == 1 }, func(i int) bool { return i < 3 }, []string{"benefits jobs", "benefits jobs"}},
	{"everybody", 8, 0, func(int) bool { return true }, func(int) bool { return true }, []string{"benefits", "jobs", "jobs", "benefits jobs", "benefits"}},
	{"one department each", 14, 3, func(i int) bool { return i != 3 }, func(i int) bool { return i != 5 }, []string{"benefits", "jobs"}},
	{"jobs at one department", 13, 5, func(i int) bool { return i != 4 }, func(i int) bool { return i%3 != 1 }, []string{"benefits", "benefits jobs", "benefits"}},
}

// newLinkedWorld makes a scene.
func newLinkedWorld(t testing.TB, r *rand.Rand, scene int, parquet bool) *linkedWorld {
	s := linkedScenes[scene]
	w := &linkedWorld{scene: s.name, persons: rehearsal.Persons(r, s.persons), rows: map[string]map[string][]rehearsal.PersonRow{}, tables: map[string]map[string]*datasets.Table{},
		heads: map[string][]string{"benefits": {"pid", "kind", "amount", "months", "since"}, "jobs": {"person_id", "sector", "wage", "hours", "begun"}}}
	if scene%2 == 1 {
		w.heads["benefits"][0] = "person_id"
	}
	w.positions, w.length = rehearsal.OnSpine(w.persons, s.missing)
	for d, holds := range s.holds {
		name := fmt.Sprintf("d%d", d)
		w.rows[name], w.tables[name] = map[string][]rehearsal.PersonRow{}, map[string]*datasets.Table{}
		for _, table := range strings.Fields(holds) {
			var of []int
			for p := range w.persons {
				if table == "benefits" && s.benefits(p) || table == "jobs" && s.jobs(p) {
					of = append(of, p)
				}
			}
			numbers := r.IntN(3) == 0 // then the department's keys are whole numbers, where others' are texts
			w.rows[name][table] = rehearsal.PersonRows(r, w.persons, of, 6+r.IntN(14), numbers, linkedFields(r, table, r.IntN(3)))
			w.tables[name][table] = w.open(t, name, table, parquet && d%2 == 0, numbers)
		}
	}
	return w
}

// linkedFields makes the fields of rows of a table whose numbers have so many places.
func linkedFields(r *rand.Rand, table string, places int) func() []string {
	words := map[string][]string{"benefits": {"child", "old age", "rent"}, "jobs": {"farm", "state", "trade"}}[table]
	return func() []string {
		out := []string{words[r.IntN(3)], strconv.Itoa(r.IntN(90) - 20), strconv.Itoa(r.IntN(40)), fmt.Sprintf("20%02d-0%d-11", r.IntN(3), 1+r.IntN(3))}
		if places > 0 {
			out[1] += fmt.Sprintf(".%0*d", places, r.IntN([]int{1, 10, 100}[places]))
		}
		for i := range out {
			if r.IntN(7) == 0 {
				out[i] = ""
			}
		}
		return out
	}
}

// open opens the rows of a department as a table that is placed on the spine, of which everything is declared but the kind of keys that
// are numbers.
func (w *linkedWorld) open(t testing.TB, department, name string, parquet, numbers bool) *datasets.Table {
	t.Helper()
	head, path := w.heads[name], filepath.Join(t.TempDir(), department+name+".csv")
	if err := os.WriteFile(path, []byte(rehearsal.PersonsCSV(head, w.rows[department][name])), 0o600); err != nil {
		t.Fatal(err)
	}
	o := datasets.Options{Header: "yes", Declared: []datasets.Declaration{{Name: head[1], Type: "text"}, {Name: head[0], Type: "text"}}}
	for _, v := range map[string][]string{"benefits": {"child", "old age", "rent"}, "jobs": {"farm", "state", "trade"}}[name] {
		o.Declared[0].Codes = append(o.Declared[0].Codes, datasets.Code{Value: v})
	}
	kind := "VARCHAR"
	if numbers {
		o.Declared, kind = o.Declared[:1], "BIGINT"
	}
	if parquet { // declared texts are not left in their files
		o.Declared = nil
		db, err := sql.Open("duckdb", "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		to := strings.TrimSuffix(path, ".csv") + ".parquet"
		if _, err := db.Exec(fmt.Sprintf("COPY (SELECT * FROM read_csv('%s', header = true, types = {'%s': '%s'})) TO '%s'", path, head[0], kind, to)); err != nil {
			t.Fatal(err)
		}
		path = to
	}
	table := rehearsal.Open(t, func() (*datasets.Table, error) { return datasets.Open(context.Background(), name, []string{path}, o) })
	if err := table.Link(context.Background(), engine.Linkage{Key: head[0], Spine: "population", Department: "civil"}, published.Limit{}, rehearsal.Spelled(w.persons)); err != nil {
		t.Fatal(err)
	}
	return table
}

// catalogue are the registrations of tables, and their departments.
func (w *linkedWorld) catalogue(of func(table string) bool) (c engine.Catalogue, departments []string) {
	for d, tables := range w.tables {
		for name, table := range tables {
			if of(name) {
				c, departments = append(c, table.Registration(d, 3)), append(departments, d)
			}
		}
	}
	slices.SortFunc(c, func(a, b engine.Registration) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Department, b.Department))
	})
	slices.Sort(departments)
	return c, slices.Compact(departments)
}

// spine is where the departments' keys stand.
func (w *linkedWorld) spine() vectors.Spine {
	return vectors.Spine{Positions: w.length, Canonical: rehearsal.Spelled(w.persons), Position: func(id string) (uint32, bool) { at, ok := w.positions[id]; return at, ok }}
}

// answer answers a question over all tables.
func (w *linkedWorld) answer(t testing.TB, sql string) (*engine.Result, error) {
	t.Helper()
	return w.answerBy(t, sql, func(string) bool { return true })
}

// answerBy answers a question by the vectors of the departments that hold some tables, in the clear.
func (w *linkedWorld) answerBy(t testing.TB, sql string, of func(table string) bool) (*engine.Result, error) {
	t.Helper()
	c, departments := w.catalogue(of)
	p, err := engine.NewLinkedPlan(sql, c, departments, rehearsal.Packing)
	if err != nil {
		return nil, err
	}
	if p.Linked() == nil {
		t.Fatalf("%s joins nothing across departments", sql)
	}
	cells, err := w.cells(t, p)
	if err != nil {
		return nil, err
	}
	return p.Finish(cells)
}

// cells are the cells of a plan, unless some department refuses it.
func (w *linkedWorld) cells(t testing.TB, p *engine.Plan) ([]*big.Int, error) {
	t.Helper()
	var sides [2]*vectors.Vectors
	for side := range sides {
		own, key, err := vectors.Side(p, side)
		if err != nil {
			t.Fatalf("%s: %v", p.SQL, err)
		}
		var all []*vectors.Vectors
		for _, d := range own.Departments {
			v, _, err := vectors.Of(t.Context(), w.tables[d][own.Table], own, d, key, w.spine())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d, err)
			}
			all = append(all, v)
		}
		if sides[side], err = vectors.Pool(all...); err != nil {
			t.Fatalf("%s: %v", p.SQL, err)
		}
	}
	opened, err := vectors.Opened(p, sides)
	if err != nil {
		t.Fatalf("%s: %v", p.SQL, err)
	}
	cells, err := p.Linked().Cells(p, opened)
	if err != nil {
		t.Fatalf("%s: %v", p.SQL, err)
	}
	return cells, nil
}

// whole is a table of the pooled rows that match and stand on the spine, by nested loops; columns of benefits are called b_…, of jobs j_….
func (w *linkedWorld) whole(t testing.TB) *datasets.Table {
	t.Helper()
	var head []string
	o := datasets.Options{Header: "yes"}
	for i, table := range []string{"benefits", "jobs"} {
		for k, name := range w.heads[table] {
			name = []string{"b_", "j_"}[i] + name
			d := datasets.Declaration{Name: name, Type: []string{"text", "text", "decimal", "integer", "date"}[k]}
			if k == 1 {
				for _, v := range [][]string{{"child", "old age", "rent"}, {"farm", "state", "trade"}}[i] {
					d.Codes = append(d.Codes, datasets.Code{Value: v})
				}
			}
			head, o.Declared = append(head, name), append(o.Declared, d)
		}
	}
	lines := []string{strings.Join(head, ",")}
	for _, left := range w.rows {
		for _, b := range left["benefits"] {
			for _, right := range w.rows {
				for _, j := range right["jobs"] {
					if b.Of < 0 || b.Of != j.Of {
						continue
					}
					id := w.persons[b.Of].ID
					if _, placed := w.positions[id]; placed {
						lines = append(lines, strings.Join(slices.Concat([]string{id}, b.Fields[1:], []string{id}, j.Fields[1:]), ","))
					}
				}
			}
		}
	}
	if empty := len(lines) == 1; empty != (w.scene == "nobody in both") {
		t.Fatalf("%s: %d rows match", w.scene, len(lines)-1)
	}
	path := filepath.Join(t.TempDir(), "whole.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return rehearsal.Open(t, func() (*datasets.Table, error) {
		return datasets.Open(context.Background(), "whole", []string{path}, o)
	})
}

// linkedQuestions are asked of both tables.
var linkedQuestions = []string{
	"SELECT count(*) FROM {join}",
	"SELECT b.kind, j.sector, count(*), count(b.amount), sum(b.amount), avg(j.wage), sum(b.amount * j.wage) FROM {join} GROUP BY b.kind, j.sector ORDER BY 1, 2",
	"SELECT sum(b.amount + j.wage), sum(b.months - j.hours), avg((b.months + 1) * (j.hours - 2)) FROM {join} WHERE b.months > 5 AND j.hours < 35",
	"SELECT j.sector, sum(b.amount) FILTER (WHERE b.months > 9 AND j.hours > 9), count(*) FILTER (WHERE b.kind = 'rent') FROM {join} WHERE b.since >= '2000-02-01' GROUP BY j.sector HAVING count(*) > 1 ORDER BY j.sector DESC LIMIT 2",
	"SELECT var_samp(b.amount), covar_pop(b.amount, j.wage), corr(b.months, j.hours), regr_slope(j.wage, b.amount), regr_r2(j.wage, b.months), stddev_pop(j.wage) FROM {join}",
	"SELECT extract(year FROM b.since), j.hours % 3, count(*), sum(CASE WHEN b.months > 20 THEN b.amount ELSE 1 END * j.hours) FROM {join} GROUP BY 1, 2 ORDER BY 1, 2",
	"SELECT linreg(b.amount, j.wage, j.sector) FROM {join}",
	"SELECT crosstab(b.kind, j.sector) FROM {join}",
	"SELECT histogram(b.amount, -20, 70, 9) FROM {join} WHERE j.sector = 'farm'",
	"SELECT ttest(b.amount, j.sector) FROM {join} WHERE j.sector IN ('farm', 'state')",
	"SELECT anova(j.wage, b.kind) FROM {join}",
}

// TestLinkedJoins: a question over tables that departments join across each other has the answer that it has over one table of the pooled rows'
// join, however keys are written and whoever is in which table.
func TestLinkedJoins(t *testing.T) {
	answered := map[string]int{}
	for scene := range linkedScenes {
		w := newLinkedWorld(t, rand.New(rand.NewPCG(16, uint64(scene))), scene, scene%2 == 0)
		whole := map[string]*datasets.Table{"d": w.whole(t)}
		from := "benefits b JOIN jobs j ON b.pid = j.person_id"
		if scene%2 == 1 {
			from = "jobs j JOIN benefits b USING (person_id)"
		}
		for _, q := range linkedQuestions {
			asked := strings.ReplaceAll(q, "{join}", from)
			got, err := w.answer(t, asked)
			want, refused := rehearsal.Try(t, strings.NewReplacer("{join}", "whole", "b.", "b_", "j.", "j_").Replace(q), whole)
			var e *engine.Error
			switch {
			case err == nil && refused == nil && !slices.Equal(linkedTerms(got), linkedTerms(want)):
				t.Errorf("%s: %s\ngives %v\nwant  %v", w.scene, asked, linkedTerms(got), linkedTerms(want))
			case err == nil && refused == nil:
				answered[q]++
			case refused == nil && !errors.As(err, &e):
				t.Errorf("%s: %s: %v, and over the joined rows %v", w.scene, asked, err, refused)
			default:
				t.Logf("%s: %s: %v; over the joined rows %v", w.scene, asked, err, refused)
			}
		}
	}
	for _, q := range linkedQuestions {
		if answered[q] < 3 {
			t.Errorf("%s was answered in %d scenes", q, answered[q])
		}
	}
}

// TestLinkedSides: of a plan whose side reads the other's columns, or is of other registrations, no vectors are made, and none are put together that are of
// other sides.
func TestLinkedSides(t *testing.T) {
	w := newLinkedWorld(t, rand.New(rand.NewPCG(16, 9)), 4, false)
	c, departments := w.catalogue(func(string) bool { return true })
	planned := func() *engine.Plan {
		p, err := engine.NewLinkedPlan("SELECT b.kind, count(*), sum(b.amount * j.wage) FILTER (WHERE b.months > 3 AND j.hours > 3) FROM benefits b JOIN jobs j ON b.pid = j.person_id WHERE b.since > '2000-01-01' GROUP BY b.kind", c, departments, rehearsal.Packing)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	own, key, err := vectors.Side(planned(), 0)
	if err != nil || key != "pid" || own.Table != "benefits" || own.Filter == nil || len(own.Groups) != 1 || len(own.Moments) < 2 || own.Moments[0].Filter != nil {
		t.Fatalf("%v, by %s: %+v", err, key, own)
	}
	column := slices.IndexFunc(planned().Join.Columns, func(c engine.JoinedColumn) bool { return c.Name == "wage" })
	other := &engine.Expr{Op: engine.OpColumn, Column: column, Kind: engine.Decimal, Nullable: true}
	test := &engine.Expr{Op: engine.OpIsNull, Kind: engine.Boolean, Args: []*engine.Expr{other}}
	for name, change := range map[string]func(p *engine.Plan, s *engine.Side){
		"a sum of the other's column":     func(_ *engine.Plan, s *engine.Side) { s.Vectors[1].Expr = other },
		"a condition of it in one vector": func(_ *engine.Plan, s *engine.Side) { s.Vectors[1].Filter = test },
		"a condition of it in all vectors": func(_ *engine.Plan, s *engine.Side) {
			for i := range s.Vectors {
				s.Vectors[i].Filter = test
			}
		},
		"a key of it":     func(_ *engine.Plan, s *engine.Side) { s.Key = column },
		"groups of it":    func(p *engine.Plan, _ *engine.Side) { p.Groups[0].Expr = other },
		"no registration": func(p *engine.Plan, s *engine.Side) { s.Departments = []string{"nobody"} },
		"no linked plan":  func(p *engine.Plan, _ *engine.Side) { p.Join.Linked = nil },
	} {
		p := planned()
		change(p, &p.Join.Linked.Sides[0])
		if own, _, err := vectors.Side(p, 0); err == nil {
			t.Errorf("%s: %+v", name, own)
		}
	}
	if _, _, err := vectors.Side(planned(), 2); err == nil {
		t.Error("there is a third side")
	}
	p := planned()
	p.Join.Catalogue[0].Rows++
	if _, err := w.cells(t, p); !errors.Is(err, datasets.ErrRegistration) {
		t.Errorf("other rows are registered: %v", err)
	}
	p = planned()
	var sides [2]*vectors.Vectors
	for i := range sides {
		own, key, err := vectors.Side(p, 1-i)
		if err != nil {
			t.Fatal(err)
		}
		d := own.Departments[0]
		if sides[i], _, err = vectors.Of(t.Context(), w.tables[d][own.Table], own, d, key, w.spine()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := vectors.Opened(p, sides); err == nil {
		t.Error("vectors of swapped sides are put together")
	}
	if _, err := datasets.AggregateJoined(t.Context(), p, "d0", []*datasets.Table{w.tables["d0"]["benefits"], w.tables["d1"]["jobs"]}); err == nil {
		t.Error("a department joins its own rows")
	}
	if _, err := w.tables["d0"]["benefits"].Aggregate(t.Context(), p, "d0"); err == nil {
		t.Error("a department adds up its own rows")
	}
	if _, _, err := vectors.Of(t.Context(), w.tables["d1"]["jobs"], own, "d0", "pid", w.spine()); err == nil {
		t.Error("another table is asked")
	}
}

// linkedTerms are the rows of an answer as exact texts, columns that are named called as in one table.
func linkedTerms(r *engine.Result) (out []string) {
	for _, row := range r.Rows {
		var parts []string
		for _, v := range row {
			text := "NULL"
			if v.Exact != nil {
				text = strings.NewReplacer("benefits.", "b_", "jobs.", "j_").Replace(*v.Exact)
			}
			parts = append(parts, text)
		}
		out = append(out, strings.Join(parts, "|"))
	}
	return out
}
