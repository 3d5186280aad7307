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

// person is somebody whom tables write in several ways.
type person struct {
	id      string
	written []string
}

// newPersons makes persons whom tables write as they are, with blanks, in full width and with a small check letter; some only as numbers.
func newPersons(r *rand.Rand, n int) (out []person) {
	for i := range n {
		p := person{id: strconv.Itoa(1000 + 7*i)}
		p.written = []string{p.id}
		if i%3 != 0 {
			p.id = fmt.Sprintf("110105194912%05d", 1000+i) + []string{"X", "7"}[i%2]
			wide := strings.Map(func(c rune) rune { return c - '!' + 0xff01 }, p.id)
			p.written = []string{p.id, " " + p.id, p.id + "\u3000", strings.ToLower(p.id), wide, "\u00a0" + strings.ToLower(p.id) + " "}
		}
		out = append(out, p)
	}
	r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// spineOf has every person but each so-manieth, among others whom no table has. The spellings are those that the persons were given,
// not what a function finds.
func spineOf(persons []person, missing int) Spine {
	known, positions := map[string]string{}, map[string]uint32{}
	next := uint32(0)
	for i, p := range persons {
		for _, w := range p.written {
			known[w] = p.id
		}
		if missing == 0 || i%missing != 1 {
			next += uint32(i%2) + 1
			positions[p.id] = next
		}
	}
	return Spine{Positions: int(next) + 3,
		Canonical: func(key string) (string, bool) { id, ok := known[key]; return id, ok },
		Position:  func(id string) (uint32, bool) { at, ok := positions[id]; return at, ok }}
}

// record is a row of a table, of a person or of nobody (−1), with the key as it is written.
type record struct {
	of     int
	fields []string
}

// newRecords are rows of a table: many of a person, some without a key, some with a key that is no id.
func newRecords(r *rand.Rand, persons []person, n int, plain bool) (out []record) {
	for range n {
		row := record{of: r.IntN(len(persons)), fields: []string{"", "", "", "", ""}}
		if plain { // numbers alone
			for len(persons[row.of].written) > 1 {
				row.of = r.IntN(len(persons))
			}
		}
		p := persons[row.of]
		row.fields[0] = p.written[r.IntN(len(p.written))]
		switch r.IntN(12) {
		case 0:
			row.of, row.fields[0] = -1, ""
		case 1:
			if !plain {
				row.of, row.fields[0] = -1, "   "
			}
		}
		for i, v := range []string{[]string{"child", "old age", "rent"}[r.IntN(3)], fmt.Sprintf("%d.%02d", r.IntN(900)-200, r.IntN(100)), strconv.Itoa(r.IntN(40)), fmt.Sprintf("20%02d-0%d-11", r.IntN(3), 1+r.IntN(3))} {
			if i == 0 || r.IntN(6) > 0 {
				row.fields[i+1] = v
			}
		}
		out = append(out, row)
	}
	return out
}

var head = []string{"pid", "kind", "amount", "months", "since"}

// openRecords opens rows as a table of a format, of which everything is declared.
func openRecords(t testing.TB, name string, rows []record, parquet bool) *datasets.Table {
	t.Helper()
	lines := []string{strings.Join(head, ",")}
	for _, r := range rows {
		fields := slices.Clone(r.fields)
		if fields[0] != "" && strings.TrimSpace(fields[0]) == "" || strings.HasPrefix(fields[0], " ") {
			fields[0] = `"` + fields[0] + `"`
		}
		lines = append(lines, strings.Join(fields, ","))
	}
	path := filepath.Join(t.TempDir(), name+".csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
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
	persons := newPersons(r, 14)
	for round := range 3 {
		rows := newRecords(r, persons, 60, round == 2)
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
				at, placed := spine.Position(who.id)
				if !placed {
					continue
				}
				var own []string
				for _, row := range rows {
					if row.of == i {
						own = append(own, "'"+row.fields[0]+"'")
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
						t.Fatalf("%s\nperson %q, cell %d: %d, and their rows alone %s", form, who.id, c, got[0], want)
					}
				}
			}
		}
	}
}

// checkReport compares the numbers with those of the plan's count without a person's condition.
func checkReport(t *testing.T, sql string, got *Report, rows []record, persons []person, spine Spine, table *datasets.Table, cat engine.Catalogue) {
	t.Helper()
	if strings.Contains(sql, "amount > -50") || strings.Contains(sql, "<> 'rent'") {
		return
	}
	want := Report{Rows: int64(len(rows)), unplaced: got.unplaced}
	seen, unplaced := map[int]bool{}, map[int]bool{}
	for _, r := range rows {
		if r.of < 0 {
			if r.fields[0] == "" {
				want.NoKey++
			} else {
				want.NoID++
			}
		} else if _, placed := spine.Position(persons[r.of].id); placed {
			seen[r.of] = true
		} else {
			want.UnplacedRows++
			unplaced[r.of] = true
		}
	}
	want.Persons, want.UnplacedKeys = len(seen), len(unplaced)
	if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
		t.Errorf("%s: %s, want %s", sql, got, &want)
	}
}

// TestVectorBounds: a value outside of what a plan says of one person is refused, by a sentence that names the columns and nobody.
func TestVectorBounds(t *testing.T) {
	table := openRecords(t, "t", []record{{0, []string{"secret", "rent", "7.50", "3", ""}}, {0, []string{" secret", "rent", "1", "2", ""}}, {1, []string{"other", "child", "2", "1", ""}}}, false)
	cat := engine.Catalogue{table.Registration("a", 1)}
	persons := []person{{"secret", []string{"secret", " secret"}}, {"other", []string{"other"}}}
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
		"no bounds": func(p *engine.Plan) { p.Moments[0].Bounds = nil },
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
