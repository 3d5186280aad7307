package standin_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/datasets"
	"parley/datasets/files"
	"parley/datasets/rehearsal"
	"parley/datasets/standin"
	"parley/engine"
)

// opened is a table of these rows of which all is declared that can be.
func opened(t *testing.T, text string, declared ...datasets.Declaration) *datasets.Table {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := datasets.Open(t.Context(), "t", []string{path}, datasets.Options{Declared: declared, Header: files.HeaderYes})
	if err == nil {
		t.Cleanup(func() { table.Close() })
		if declared == nil {
			err = table.Declare(table.Everything())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// written is a stand-in as a file.
func written(t *testing.T, r engine.Registration, made *standin.Table) string {
	t.Helper()
	var b strings.Builder
	for i, c := range r.Columns {
		b.WriteString(strings.Repeat(",", min(i, 1)) + c.Name)
	}
	for row := range made.Rows() {
		b.WriteString("\n")
		for i := range r.Columns {
			b.WriteString(strings.Repeat(",", min(i, 1)))
			if v := made.Column(i)[row]; !v.IsNull() {
				b.WriteString(`"` + strings.ReplaceAll(v.String(), `"`, `""`) + `"`)
			}
		}
	}
	return b.String() + "\n"
}

// declarations say of the stand-in's columns what the catalogue publishes.
func declarations(r engine.Registration) (all []datasets.Declaration) {
	for _, c := range r.Columns {
		d := datasets.Declaration{Name: c.Name}
		if c.Kind != engine.Null {
			d.Type = c.Kind.String()
		}
		if c.Kind == engine.Decimal {
			d.Scale = &c.Scale
		}
		for _, text := range c.Dictionary {
			d.Codes = append(d.Codes, datasets.Code{Value: text})
		}
		if c.Min != nil && !c.HasDictionary {
			d.Min, d.Max = engine.Datum{Kind: c.Kind, Number: c.Min, Scale: c.Scale}.String(), engine.Datum{Kind: c.Kind, Number: c.Max, Scale: c.Scale}.String()
		}
		all = append(all, d)
	}
	return all
}

// TestStandInFits: a stand-in, written to a file, read, described and registered as a department's table would be, has what the
// catalogue publishes: kinds, scales, bounds and dictionaries; a column that has no NULL gets none. What plans over the
// catalogue plans over the stand-ins, with the same layout; and their cells are those that a department computes.
func TestStandInFits(t *testing.T) {
	asked, same, seeds := 0, 0, 8
	if testing.Short() {
		seeds = 2
	}
	for seed := range uint64(seeds) {
		s := rehearsal.NewSample(seed)
		s.Rows, s.Clocks, s.Statistics = true, true, true
		var real, again engine.Catalogue
		tables, made := map[string]*datasets.Table{}, map[string]*standin.Table{}
		for i, name := range []string{"a", "b"} {
			r := opened(t, s.Table(i+int(seed%2), 60)).Registration(name, 1)
			if seed%2 == 1 {
				hide(&r)
			}
			made[name] = standin.New(r, seed)
			tables[name] = opened(t, written(t, r, made[name]), declarations(r)...)
			own := tables[name].Registration(name, 1)
			fits(t, r, own)
			real, again = append(real, r), append(again, own)
		}
		for range 40 {
			sql := s.Question()
			p, err := engine.NewPlan(sql, real, []string{"a", "b"}, rehearsal.Packing)
			q, other := engine.NewPlan(sql, again, []string{"a", "b"}, rehearsal.Packing)
			if (err == nil) != (other == nil) && !strings.Contains(fmt.Sprint(err, other), "NULL") {
				t.Errorf("%s: %v, and over the stand-ins %v", sql, err, other)
			}
			if err != nil || other != nil {
				continue
			}
			if asked++; string(engine.Marshal(p.Layout)) == string(engine.Marshal(q.Layout)) {
				same++
			} else if equalNulls(real, again) {
				t.Errorf("%s: another layout", sql)
			}
			for _, name := range q.Departments {
				want, err := tables[name].Aggregate(t.Context(), q, name)
				if err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				if got, err := made[name].Cells(t.Context(), q); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%s: %v\n%v\n%v", sql, err, got, want)
				}
			}
		}
	}
	t.Logf("%d questions, %d of the same layout", asked, same)
	if asked < 10*seeds || same < asked/2 {
		t.Errorf("%d questions, %d of the same layout", asked, same)
	}
}

// hide leaves some of what a registration publishes out, as if it were not declared.
func hide(r *engine.Registration) {
	for i := range r.Columns {
		c := &r.Columns[i]
		if i%3 == 0 && c.Kind != engine.Null {
			*c = engine.Column{Name: c.Name, Kind: c.Kind, Scale: c.Scale, Nullable: true}
		}
	}
}

func equalNulls(a, b engine.Catalogue) bool {
	for i := range a {
		for k := range a[i].Columns {
			if a[i].Columns[k].Nullable != b[i].Columns[k].Nullable || a[i].Columns[k].Kind != b[i].Columns[k].Kind {
				return false
			}
		}
	}
	return true
}

// fits compares what is registered of a stand-in with what it stands in for.
func fits(t *testing.T, want, got engine.Registration) {
	t.Helper()
	if got.Rows != min(want.Rows, standin.MaxRows) || len(got.Columns) != len(want.Columns) {
		t.Fatalf("%d rows, %d columns", got.Rows, len(got.Columns))
	}
	for i, w := range want.Columns {
		g := got.Columns[i]
		if g.Kind == engine.Null && w.Nullable { // by chance, of few rows
			continue
		}
		if g.Name != w.Name || g.Kind != w.Kind || g.Scale != w.Scale || g.HasDictionary != w.HasDictionary || !slices.Equal(g.Dictionary, w.Dictionary) ||
			(g.Min == nil) != (w.Min == nil) || g.Min != nil && (g.Min.Cmp(w.Min) != 0 || g.Max.Cmp(w.Max) != 0) {
			t.Errorf("published\n%+v\nthe stand-in's\n%+v", w, g)
		}
		if (w.HasDictionary || w.Min != nil) && g.Nullable && !w.Nullable {
			t.Errorf("%s: NULL in the stand-in alone", w.Name)
		}
	}
	if err := (engine.Catalogue{got}).Validate(); err != nil {
		t.Error(err)
	}
}

// columns has one of each kind, published in each way.
func columns() (out []engine.Column) {
	n := func(v int64) *big.Int { return big.NewInt(v) }
	wide, _ := new(big.Int).SetString(strings.Repeat("9", 38), 10)
	for _, c := range []engine.Column{
		{Kind: engine.Integer, Min: n(-3), Max: n(4)}, {Kind: engine.Integer, Min: n(-1 << 63), Max: n(1<<63 - 1)}, {Kind: engine.Integer, Min: n(7), Max: n(7)}, {Kind: engine.Integer},
		{Kind: engine.Decimal, Scale: 2, Min: new(big.Int).Neg(wide), Max: wide}, {Kind: engine.Decimal, Scale: 38}, {Kind: engine.Decimal, Scale: 2, Min: n(5), Max: n(250), HasDictionary: true, Dictionary: []string{"0.05", "2.5"}},
		{Kind: engine.Text, HasDictionary: true, Dictionary: []string{"", "a", "中文"}}, {Kind: engine.Text}, {Kind: engine.Text, Resembles: engine.Date},
		{Kind: engine.Boolean, HasDictionary: true, Dictionary: []string{"false", "true"}}, {Kind: engine.Boolean}, {Kind: engine.Date}, {Kind: engine.Date, Min: n(engine.MinDate), Max: n(engine.MaxDate)},
		{Kind: engine.Timestamp}, {Kind: engine.TimestampTZ}, {Kind: engine.Time}, {Kind: engine.Time, Min: n(0), Max: n(engine.MicrosPerDay - 1)}, {Kind: engine.Timestamp, Min: n(-5), Max: n(5)},
		{Kind: engine.Null, HasDictionary: true}, {Kind: engine.Text, HasDictionary: true},
	} {
		for _, nullable := range []bool{false, true} {
			c.Name, c.Nullable = fmt.Sprint("c", len(out)), nullable || c.Kind == engine.Null || c.HasDictionary && c.Dictionary == nil
			out = append(out, c)
		}
	}
	return out
}

// TestColumns: each column of each kind has values of what is published of it alone; what nothing is published of is
// obviously made up; of NULLs there are as many as are published, or about a tenth. Seed, department, table and column
// decide, and nothing else: a longer table begins with the same rows.
func TestColumns(t *testing.T) {
	r := engine.Registration{Department: "a", Table: "t", Version: 1, Rows: 5000, Columns: columns()}
	r.Quality.Columns = []engine.ColumnQuality{{Name: "c1", Missing: 2500}}
	if err := (engine.Catalogue{r}).Validate(); err != nil {
		t.Fatal(err)
	}
	made, again := standin.New(r, 1), standin.New(r, 1)
	longer := r
	longer.Rows, longer.Digest, longer.Columns = 1<<40, engine.Digest{9}, append([]engine.Column{{Name: "first", Kind: engine.Integer}}, r.Columns...)
	more, other := standin.New(longer, 1), standin.New(r, 2)
	if more.Rows() != standin.MaxRows || made.Rows() != 5000 {
		t.Fatalf("%d and %d rows", more.Rows(), made.Rows())
	}
	for i, c := range r.Columns {
		values := made.Column(i)
		text, nulls := fmt.Sprint(values), 0
		if text != fmt.Sprint(again.Column(i)) || c.Name != "c1" && text != fmt.Sprint(more.Column(i + 1)[:5000]) {
			t.Errorf("%s: other values of the same seed", c.Name)
		}
		varies := slices.ContainsFunc(values, func(v engine.Datum) bool { return v.String() != values[0].String() })
		if varies && text == fmt.Sprint(other.Column(i)) {
			t.Errorf("%s: the same values of another seed", c.Name)
		}
		for _, v := range values {
			if v.IsNull() {
				nulls++
				continue
			}
			inside(t, c, v)
		}
		switch empty := c.Kind == engine.Null || c.HasDictionary && c.Dictionary == nil; {
		case empty && nulls != 5000, !c.Nullable && nulls > 0, c.Nullable && !empty && c.Name != "c1" && (nulls < 350 || nulls > 650), c.Name == "c1" && (nulls < 2300 || nulls > 2700):
			t.Errorf("%s: %d NULLs", c.Name, nulls)
		}
	}
}

func inside(t *testing.T, c engine.Column, v engine.Datum) {
	t.Helper()
	bound := func(n *big.Int) engine.Datum { return engine.Datum{Kind: c.Kind, Number: n, Scale: c.Scale} }
	parsed, err := engine.ParseDatum(c.Kind, v.String())
	switch {
	case v.Kind != c.Kind || v.Scale > c.Scale || err != nil || parsed.Compare(v) != 0:
		t.Fatalf("%s: %+v: %v", c.Name, v, err)
	case c.HasDictionary && !slices.Contains(c.Dictionary, v.String()):
		t.Fatalf("%s: %s is not in its dictionary", c.Name, v)
	case c.Min != nil && (v.Compare(bound(c.Min)) < 0 || v.Compare(bound(c.Max)) > 0):
		t.Fatalf("%s: %s is outside of its bounds", c.Name, v)
	case c.HasDictionary || c.Min != nil || c.Kind == engine.Boolean || c.Kind == engine.Time:
	case c.Kind == engine.Text && !strings.HasPrefix(v.Text, "made up "), c.Kind == engine.Integer && v.Number.Int64() < 9_000_000,
		slices.Contains([]engine.Kind{engine.Date, engine.Timestamp, engine.TimestampTZ}, c.Kind) && !strings.HasPrefix(v.String(), "9000-"):
		t.Fatalf("%s: %s could be real", c.Name, v)
	}
}

// TestRehearse: questions of one round and of several are answered over the stand-ins as they are over tables of those
// rows; more rows than MaxRows are cut, and it is said.
func TestRehearse(t *testing.T) {
	text := "id,sex,age,chol,ill\n"
	for i := range 300 {
		text += fmt.Sprintf("p%d,%s,%d,%d.%d,%t\n", i, []string{"f", "m"}[i%2], 20+i*7%61, 100+i*13%250, i%10, i*i%3 == 0)
	}
	catalogue, tables := engine.Catalogue{}, map[string]*datasets.Table{}
	for _, name := range []string{"a", "b"} {
		r := opened(t, text).Registration(name, 1)
		r.Columns[3].HasDictionary, r.Columns[3].Dictionary = false, nil
		catalogue = append(catalogue, r)
		tables[name] = opened(t, written(t, r, standin.New(r, 7)), declarations(r)...)
	}
	for _, sql := range []string{
		"SELECT sex, count(*), sum(chol), avg(age) FROM t WHERE age > 30 GROUP BY sex ORDER BY sex",
		"SELECT sex, median(chol) FROM t GROUP BY sex ORDER BY sex",
		"SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY chol), max(chol) FROM t",
		"SELECT logreg(ill, age, chol) FROM t",
		"SELECT linreg(chol, age, sex) FROM t",
		"SELECT histogram(chol, 100, 350, 25) FROM t",
		"SELECT count(DISTINCT id) FROM t",
	} {
		s, err := engine.NewSession(sql, catalogue, []string{"a", "b"}, rehearsal.Packing)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		rounds := 0
		a, err := standin.Rehearse(t.Context(), s, engine.Disclosure{}, 7, func(n int) { rounds = n })
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		want, err := rehearsal.Try(t, sql, tables)
		if err != nil || fmt.Sprint(shown(a.Result)) != fmt.Sprint(shown(want)) {
			t.Errorf("%s: %v\n%v\n%v", sql, err, shown(a.Result), shown(want))
		}
		if a.Rounds != rounds || rounds < 1 || len(a.Made) != 2 || a.Made[0] != (standin.Made{Department: "a", Rows: 300, Registered: 300}) {
			t.Errorf("%s: %d rounds, %+v", sql, a.Rounds, a.Made)
		}
	}
	s, err := engine.NewSession("SELECT sex, ill, count(*) FROM t WHERE age < 25 GROUP BY sex, ill", catalogue, []string{"a", "b"}, rehearsal.Packing)
	if err != nil {
		t.Fatal(err)
	}
	open, err := standin.Rehearse(t.Context(), s, engine.Disclosure{}, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, _ = engine.NewSession(open.Plan.SQL, catalogue, []string{"a", "b"}, rehearsal.Packing)
	ruled, err := standin.Rehearse(t.Context(), s, engine.Disclosure{Count: 12}, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(shown(open.Result), func(row []string) bool {
		n, err := strconv.Atoi(row[2])
		return err == nil && n < 12 // the first row are names
	})
	if len(ruled.Result.Withheld) == 0 || len(kept) == 0 || fmt.Sprint(shown(ruled.Result)) != fmt.Sprint(kept) {
		t.Errorf("under a rule of 12 rows it shows %v of %v, withheld %v", shown(ruled.Result), shown(open.Result), ruled.Result.Withheld)
	}
	checkPerturbed(t, catalogue)
	catalogue[0].Rows = 1 << 30
	s, err = engine.NewSession("SELECT count(*) FROM t", catalogue, []string{"a", "b"}, rehearsal.Packing)
	if err != nil {
		t.Fatal(err)
	}
	a, err := standin.Rehearse(t.Context(), s, engine.Disclosure{}, 7, nil)
	if err != nil || *a.Result.Rows[0][0].Text != fmt.Sprint(standin.MaxRows+300) || a.Made[0].Registered != 1<<30 {
		t.Errorf("%v: %+v", err, a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err = engine.NewSession("SELECT count(*) FROM t", catalogue, []string{"a", "b"}, rehearsal.Packing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := standin.Rehearse(ctx, s, engine.Disclosure{}, 7, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRehearseJoins: a question that joins tables is refused, under rules and without, and not answered over keys that are made up by themselves.
func TestRehearseJoins(t *testing.T) {
	table := func(name string) engine.Registration {
		return engine.Registration{Department: "a", Table: name, Version: 1, Rows: 30, Columns: []engine.Column{{Name: "person", Kind: engine.Text, Colocated: "person"}}}
	}
	for _, rules := range []engine.Disclosure{{}, {Count: 5}} {
		s, err := engine.NewSession("SELECT count(*) FROM people JOIN visits USING (person)", engine.Catalogue{table("people"), table("visits")}, []string{"a"}, rehearsal.Packing)
		if err != nil {
			t.Fatal(err)
		}
		var refused *engine.Error
		if _, err := standin.Rehearse(t.Context(), s, rules, 7, nil); !errors.As(err, &refused) || refused.Code != engine.CodeUnsupported {
			t.Errorf("%+v: %v", rules, err)
		}
	}
}

func shown(r *engine.Result) [][]string {
	out := [][]string{r.Columns}
	for _, row := range r.Rows {
		var line []string
		for _, v := range row {
			if v.Text == nil {
				line = append(line, "NULL")
			} else {
				line = append(line, *v.Text)
			}
		}
		out = append(out, line)
	}
	for _, f := range r.Model {
		if f.Value.Text != nil {
			out = append(out, []string{f.Name, *f.Value.Text})
		}
	}
	return out
}

// checkPerturbed: under a rule of cell-key noise a rehearsal shows counts as far off as the departments' would be.
func checkPerturbed(t *testing.T, catalogue engine.Catalogue) {
	t.Helper()
	catalogue = slices.Clone(catalogue)
	for i := range catalogue {
		catalogue[i].Quality.Key = []string{"id"}
	}
	const sql = "SELECT sex, count(*) FROM t GROUP BY sex ORDER BY sex"
	ask := func(rules engine.Disclosure) [][]string {
		s, err := engine.NewSession(sql, catalogue, []string{"a", "b"}, rehearsal.Packing)
		if err != nil {
			t.Fatal(err)
		}
		a, err := standin.Rehearse(t.Context(), s, rules, 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		if noisy := len(a.Result.Noise) > 0; noisy != rules.Noisy() {
			t.Errorf("noise is told: %t", noisy)
		}
		return shown(a.Result)[1:]
	}
	exact, rules, off := ask(engine.Disclosure{}), engine.Disclosure{Perturbed: 50}, false
	got := ask(rules)
	for i := range exact {
		want, _ := strconv.Atoi(exact[i][1])
		n, err := strconv.Atoi(got[i][1])
		if off = off || n != want; err != nil || n < want-100 || n > want+100 {
			t.Errorf("%v, without noise %v", got[i], exact[i])
		}
	}
	if !off || fmt.Sprint(ask(rules)) != fmt.Sprint(got) {
		t.Errorf("there is no noise, or it is not that of the seed: %v, %v", got, exact)
	}
}
