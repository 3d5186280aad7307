package vectors

import (
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
	"parley/datasets/rehearsal"
	"parley/engine"
)

// spineOf has the persons but each so-manieth.
func spineOf(persons []rehearsal.Person, missing int) Spine {
	positions, length := rehearsal.OnSpine(persons, missing)
	return Spine{Positions: length, Canonical: rehearsal.Spelled(persons), Position: func(id string) (uint32, bool) { at, ok := positions[id]; return at, ok }}
}

// record is a row of a table.
type record = rehearsal.PersonRow

// benefit makes the fields of a row of benefits.
func benefit(r *rand.Rand) func() []string {
	return func() []string {
		out := []string{[]string{"child", "old age", "rent"}[r.IntN(3)], fmt.Sprintf("%d.%02d", r.IntN(900)-200, r.IntN(100)), strconv.Itoa(r.IntN(40)), fmt.Sprintf("20%02d-0%d-11", r.IntN(3), 1+r.IntN(3))}
		for i := 1; i < len(out); i++ {
			if r.IntN(6) == 0 {
				out[i] = ""
			}
		}
		return out
	}
}

var head = []string{"pid", "kind", "amount", "months", "since"}

// openRecords opens rows as a table of a format, of which everything is declared.
func openRecords(t testing.TB, name string, rows []record, parquet bool) *datasets.Table {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".csv")
	if err := os.WriteFile(path, []byte(rehearsal.PersonsCSV(head, rows)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := datasets.Options{Header: "yes"}
	if parquet {
		db, err := sql.Open("duckdb", "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		to := strings.TrimSuffix(path, ".csv") + ".parquet"
		if _, err := db.Exec(fmt.Sprintf("COPY (SELECT * FROM read_csv('%s', header = true, types = {'pid': 'VARCHAR'})) TO '%s'", path, to)); err != nil {
			t.Fatal(err)
		}
		path = to
	} else {
		o.Declared = []datasets.Declaration{{Name: "kind", Type: "text"}}
		for _, v := range []string{"child", "old age", "rent"} {
			o.Declared[0].Codes = append(o.Declared[0].Codes, datasets.Code{Value: v})
		}
	}
	return rehearsal.Open(t, func() (*datasets.Table, error) { return datasets.Open(context.Background(), name, []string{path}, o) })
}

// sideQuestions are asked of one table; with %s for another condition.
var sideQuestions = []string{
	"SELECT count(*) FROM t WHERE %s",
	"SELECT kind, count(*), sum(amount), count(amount), avg(months), sum(amount * months) FROM t WHERE %s GROUP BY kind",
	"SELECT kind, extract(year FROM since), sum(CASE WHEN months > 20 THEN amount END), count(*) FILTER (WHERE amount < 0), bool_or(months > 30) FROM t WHERE amount > -50 AND %s GROUP BY 1, 2",
	"SELECT var_samp(amount), sum(round(amount)), sum(length(upper(kind))), count(since) FROM t WHERE kind <> 'rent' AND %s",
	// numbers beyond what DuckDB computes with: row by row
	"SELECT kind, sum(CASE WHEN amount * amount * amount * amount * amount * amount * amount * amount > 1000 THEN months END), count(*) FROM t WHERE %s GROUP BY kind",
}

// TestVectors: what stands at a person's position are the cells of that person's rows alone, however their key is written; and what is
// nobody's is counted.
func TestVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 3))
	persons := rehearsal.Persons(r, 14)
	var everyone []int
	for i := range persons {
		everyone = append(everyone, i)
	}
	for round := range 3 {
		rows := rehearsal.PersonRows(r, persons, everyone, 60, round == 2, benefit(r))
		table := openRecords(t, "t", rows, round == 1)
		spine := spineOf(persons, []int{4, 5, 0}[round])
		cat := engine.Catalogue{table.Registration("a", 1)}
		for _, form := range sideQuestions {
			p, err := engine.NewPlan(fmt.Sprintf(form, "true"), cat, []string{"a"}, rehearsal.Packing)
			if err != nil {
				t.Fatal(err)
			}
			v, report, err := Of(t.Context(), table, p, "a", "pid", spine)
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			everybody := fmt.Sprintf(form, "true")
			checkReport(t, everybody, report, rows, persons, spine, table, cat)
			for i, who := range persons {
				at, placed := spine.Position(who.ID)
				if !placed {
					continue
				}
				var own []string
				for _, row := range rows {
					if row.Of == i {
						own = append(own, "'"+row.Fields[0]+"'")
					}
				}
				if len(own) == 0 {
					own = []string{"NULL"}
				}
				one, err := engine.NewPlan(fmt.Sprintf(form, "pid::text IN ("+strings.Join(own, ", ")+")"), cat, []string{"a"}, rehearsal.Packing)
				if err != nil {
					t.Fatal(err)
				}
				cells, err := table.Aggregate(t.Context(), one, "a")
				if err != nil {
					t.Fatal(err)
				}
				for c, want := range cells {
					var got [1]int64
					v.Fill(got[:], c/len(p.Moments), c%len(p.Moments), at)
					if want.Cmp(big.NewInt(got[0])) != 0 {
						t.Fatalf("%s\nperson %q, cell %d: %d, and their rows alone %s", form, who.ID, c, got[0], want)
					}
				}
			}
		}
	}
}

// checkReport compares the numbers with those of the plan's count without a person's condition.
func checkReport(t *testing.T, sql string, got *Report, rows []record, persons []rehearsal.Person, spine Spine, table *datasets.Table, cat engine.Catalogue) {
	t.Helper()
	if strings.Contains(sql, "amount > -50") || strings.Contains(sql, "<> 'rent'") {
		return
	}
	want := Report{Rows: int64(len(rows)), unplaced: got.unplaced}
	seen, unplaced := map[int]bool{}, map[int]bool{}
	for _, r := range rows {
		if r.Of < 0 {
			if r.Fields[0] == "" {
				want.NoKey++
			} else {
				want.NoID++
			}
		} else if _, placed := spine.Position(persons[r.Of].ID); placed {
			seen[r.Of] = true
		} else {
			want.UnplacedRows++
			unplaced[r.Of] = true
		}
	}
	want.Persons, want.UnplacedKeys = len(seen), len(unplaced)
	if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
		t.Errorf("%s: %s, want %s", sql, got, &want)
	}
}

// TestVectorBounds: a value outside of what a plan says of one person is refused, by a sentence that names the columns and nobody.
func TestVectorBounds(t *testing.T) {
	table := openRecords(t, "t", []record{{Of: 0, Fields: []string{"secret", "rent", "7.50", "3", ""}}, {Of: 0, Fields: []string{" secret", "rent", "1", "2", ""}}, {Of: 1, Fields: []string{"other", "child", "2", "1", ""}}}, false)
	cat := engine.Catalogue{table.Registration("a", 1)}
	persons := []rehearsal.Person{{ID: "secret", Spellings: []string{"secret", " secret"}}, {ID: "other", Spellings: []string{"other"}}}
	p, err := engine.NewPlan("SELECT sum(amount * months), count(*) FROM t", cat, []string{"a"}, rehearsal.Packing)
	if err != nil {
		t.Fatal(err)
	}
	bounded := func(m int, lo, hi int64) *engine.Plan {
		q := *p
		q.Moments = slices.Clone(p.Moments)
		for i := range q.Moments {
			q.Moments[i].Bounds = []engine.Bound{{Lo: big.NewInt(-1 << 40), Hi: big.NewInt(1 << 40)}}
		}
		q.Moments[m].Bounds[0] = engine.Bound{Lo: big.NewInt(lo), Hi: big.NewInt(hi)}
		return &q
	}
	sum := slices.IndexFunc(p.Moments, func(m engine.Moment) bool { return m.Op == engine.Sum })
	for _, c := range []struct {
		m      int
		lo, hi int64
		says   string
	}{{sum, 0, 2450, ""}, {sum, 200, 2450, ""}, {sum, 0, 2449, `values of "amount", "months" that one person has in table "t" are beyond`}, {sum, 201, 2450, `values of "amount", "months" that`},
		{0, 0, 2, ""}, {0, 0, 1, `the rows that one person has in table "t" are beyond`}} {
		_, _, err := Of(t.Context(), table, bounded(c.m, c.lo, c.hi), "a", "pid", spineOf(persons, 0))
		if (err == nil) != (c.says == "") || err != nil && (!errors.Is(err, datasets.ErrRegistration) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("moment %d in [%d, %d]: %v", c.m, c.lo, c.hi, err)
		}
	}
	for name, change := range map[string]func(p *engine.Plan){
		"wide bounds": func(p *engine.Plan) { p.Moments[0].Bounds[0].Hi = new(big.Int).Lsh(big.NewInt(1), 63) },
		"no bounds":   func(p *engine.Plan) { p.Moments[0].Bounds = nil },
		"another plan's": func(p *engine.Plan) {
			p.Registrations = []engine.Registration{p.Registrations[0]}
			p.Registrations[0].Rows++
		},
		"keys are counted": func(p *engine.Plan) { p.Moments[0].Op = engine.CountKeys },
		"nobody's":         func(p *engine.Plan) { p.Departments = []string{"b"} },
	} {
		q := bounded(0, 0, 9)
		change(q)
		if _, _, err := Of(t.Context(), table, q, "a", "pid", spineOf(persons, 0)); err == nil {
			t.Errorf("%s: they are made all the same", name)
		}
	}
	for _, key := range []string{"amount", "nowhere"} {
		if _, _, err := Of(t.Context(), table, bounded(0, 0, 9), "a", key, spineOf(persons, 0)); err == nil {
			t.Errorf("%s names persons", key)
		}
	}
	far := spineOf(persons, 0)
	far.Positions = 1
	if _, _, err := Of(t.Context(), table, bounded(0, 0, 9), "a", "pid", far); err == nil {
		t.Error("a position beyond the spine is taken")
	}
}

// TestAbsent: who has no row is everybody else, also where a key is no id, and nobody where a row has no key; it is asked in one group, and of a spine that fits the memory.
func TestAbsent(t *testing.T) {
	persons := []rehearsal.Person{{ID: "a", Spellings: []string{"a", "A"}}, {ID: "b", Spellings: []string{"b"}}, {ID: "c", Spellings: []string{"c"}}}
	row := func(of int, key, kind string) record {
		return record{Of: of, Fields: []string{key, kind, "1", "2", ""}}
	}
	table := openRecords(t, "t", []record{row(0, "a", "rent"), row(0, "A", "rent"), row(-1, "nobody's", "rent"), row(1, "b", "child"), row(-1, "", "child")}, false)
	spine := spineOf(persons, 0) // positions 0, 2 and 3 of 4
	for _, c := range []struct {
		where, change string
		want          [4]int64
		nobody        bool
	}{{where: "kind = 'rent'", want: [4]int64{0, 1, 1, 1}}, {where: "kind = 'child'", nobody: true}, {where: "kind = 'child' AND pid = 'b'", want: [4]int64{1, 1, 0, 1}},
		{where: "kind = 'old age'", want: [4]int64{1, 1, 1, 1}}, {where: "true", nobody: true}, {where: "kind = 'rent'", change: "groups"}, {where: "kind = 'rent'", change: "spine"}} {
		group, of := "", spine
		switch c.change {
		case "groups":
			group = " GROUP BY kind"
		case "spine":
			of.Positions = MaxBytes/(8*2) + 1
		}
		p, err := engine.NewPlan("SELECT count(*) FROM t WHERE "+c.where+group, engine.Catalogue{table.Registration("a", 1)}, []string{"a"}, rehearsal.Packing)
		if err != nil {
			t.Fatal(err)
		}
		p.Moments[0] = engine.Moment{Op: engine.Absent, Bounds: []engine.Bound{{Lo: new(big.Int), Hi: big.NewInt(1)}}}
		v, r, err := Of(t.Context(), table, p, "a", "pid", of)
		if c.change != "" {
			if err == nil {
				t.Errorf("%s are taken: %+v", c.change, r)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var got [4]int64
		v.Fill(got[:], 0, 0, 0)
		if got != c.want || r.Nobody != c.nobody || strings.Contains(r.String(), "NOT IN") != c.nobody {
			t.Errorf("%s: %v and %+v (%s)", c.where, got, *r, r)
		}
		if p.Moments[0].Op != engine.Absent {
			t.Error("the plan is another one now")
		}
	}
}
