package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parley/datasets/published"
	"parley/datasets/served"
	"parley/engine"
	"parley/engine/cellkey"
)

// wideNoise is so many rows of noise that two cells have the same by chance about once in a million.
const wideNoise = 1 << 20

func noiseKey(t *testing.T, fill byte) *cellkey.Key {
	t.Helper()
	key, err := cellkey.New(bytes.Repeat([]byte{fill}, cellkey.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keyed is a table whose declared key is id, and, where there are more, other columns.
func keyed(t *testing.T, text string, key ...string) *Table {
	t.Helper()
	table := openText(t, text)
	if err := table.CheckKey(t.Context(), key, published.Limit{}); err != nil {
		t.Fatal(err)
	}
	return table
}

// noiseOf is the noise of a question's cells over one table, which SQL and Go agree about.
func noiseOf(t *testing.T, table *Table, sql string) (p *engine.Plan, cells, noise []*big.Int) {
	t.Helper()
	p, err := plan(t, sql, map[string]*Table{"a": table})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	key := noiseKey(t, 7)
	if cells, noise, err = table.CellKeys(t.Context(), p, "a", key, wideNoise); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	plain, err := table.Aggregate(t.Context(), p, "a")
	if err != nil || fmt.Sprint(plain) != fmt.Sprint(cells) {
		t.Errorf("%s: cells %v, with noise %v (%v)", sql, plain, cells, err)
	}
	tally := cellkey.NewTally(p)
	a, err := table.aggregation(tally.Plan, "a", table.records(key))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := a.stream(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if _, other := tally.Split(key, 0, wideNoise, rows); fmt.Sprint(other) != fmt.Sprint(noise) {
		t.Errorf("%s: noise %v in SQL, %v in Go", sql, noise, other)
	}
	noisy, err := p.Noisy(engine.Disclosure{Perturbed: wideNoise})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range noise { // so AddNoise cuts none
		if n.CmpAbs(noisy.Noise.Moments[i%len(p.Moments)].Width) > 0 {
			t.Errorf("%s: noise %s is more than %s", sql, n, noisy.Noise.Moments[i%len(p.Moments)].Width)
		}
	}
	return p, cells, noise
}

const people = "id,ward,age,wage,born,note\n1,a,30,100.50,1990-01-02,x\n2,a,41,,1980-05-06,\n3,b,18,7.25,2003-03-04,y\n4,b,,12,1999-09-09,x\n5,b,77,0,1944-12-31,z\n6,,50,-3.5,1970-01-01,x\n"

// TestCellKeysSum: the noise of a count is that of the sum of its rows' record keys, and of a sum that of each times what
// the row adds; a cell without rows has none.
func TestCellKeysSum(t *testing.T) {
	table := keyed(t, people, "id")
	_, cells, noise := noiseOf(t, table, "SELECT ward, count(*), count(age), sum(age), count(*) FILTER (WHERE age > 70) FROM t GROUP BY ward")
	key := noiseKey(t, 7)
	of := key.Recorder("t", []string{"id"})
	sum := func(most int64, adds map[int64]int64) *big.Int {
		sums := cellkey.Sums{Rows: big.NewInt(int64(len(adds)))}
		for i := range sums.Keys {
			sums.Keys[i] = new(big.Int)
		}
		for id, adds := range adds {
			for i, limb := range of.Record([]engine.Datum{engine.NewInteger(id)}) {
				sums.Keys[i].Add(sums.Keys[i], new(big.Int).Mul(big.NewInt(adds), big.NewInt(int64(limb))))
			}
		}
		return key.Noise(sums, big.NewInt(most), wideNoise)
	}
	for i, want := range []*big.Int{ // groups a, b, NULL
		sum(1, map[int64]int64{1: 1, 2: 1}), sum(1, map[int64]int64{1: 1, 2: 1}), sum(77, map[int64]int64{1: 30, 2: 41}), new(big.Int),
		sum(1, map[int64]int64{3: 1, 4: 1, 5: 1}), sum(1, map[int64]int64{3: 1, 5: 1}), sum(77, map[int64]int64{3: 18, 5: 77}), sum(1, map[int64]int64{5: 1}),
		sum(1, map[int64]int64{6: 1}), sum(1, map[int64]int64{6: 1}), sum(77, map[int64]int64{6: 50}), new(big.Int),
	} {
		if noise[i].Cmp(want) != 0 || (want.Sign() == 0) != (cells[i].Sign() == 0) {
			t.Errorf("cell %d, %v: noise %v, want %v", i, cells[i], noise[i], want)
		}
	}
}

// TestScreeningKeysSum: what a department says in a screening with noise has that of its rows' record keys, and what is left of a total has that of
// these rows, in SQL and in Go; the figures follow.
func TestScreeningKeysSum(t *testing.T) {
	table := keyed(t, people, "id")
	asked, err := plan(t, "SELECT ward, count(*), count(*) FILTER (WHERE age > 40) FROM t GROUP BY ward", map[string]*Table{"a": table})
	if err != nil {
		t.Fatal(err)
	}
	rules := engine.Disclosure{Count: 3, Perturbed: 5, Veiled: true}
	p, err := asked.Screening(rules)
	if err != nil {
		t.Fatal(err)
	}
	key := noiseKey(t, 7)
	counts, noise, err := table.CellKeys(t.Context(), p, "a", key, rules.Perturbed)
	if err != nil {
		t.Fatal(err)
	}
	tally := cellkey.NewTally(p)
	a, err := table.aggregation(tally.Plan, "a", table.records(key))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := a.stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if same, other := tally.Split(key, 0, rules.Perturbed, rows); fmt.Sprint(same, other) != fmt.Sprint(counts, noise) {
		t.Errorf("%v and %v in SQL, %v and %v in Go", counts, noise, same, other)
	}
	figures, err := p.AddNoise(0, counts, func(group, m int, _ *big.Int) (*big.Int, error) { return noise[group*len(p.Moments)+m], nil })
	if err != nil {
		t.Fatal(err)
	}
	of := key.Recorder("t", []string{"id"})
	said := func(ids ...int64) int64 {
		sums := cellkey.Sums{Rows: big.NewInt(int64(len(ids)))}
		for i := range sums.Keys {
			sums.Keys[i] = new(big.Int)
			for _, id := range ids {
				sums.Keys[i].Add(sums.Keys[i], big.NewInt(int64(of.Record([]engine.Datum{engine.NewInteger(id)})[i])))
			}
		}
		n := int64(len(ids))
		return min(n, 1) * min(max(n+key.Noise(sums, big.NewInt(1), rules.Perturbed).Int64(), 1), p.Moments[0].Most)
	}
	if len(p.Moments) != 3 || p.Moments[2].Within != 1 {
		t.Fatalf("%d figures, of which the third is no complement", len(p.Moments))
	}
	for i, want := range []int64{said(1, 2), said(2), said(1), said(3, 4, 5), said(5), said(3, 4), said(6), said(6), said()} { // wards a, b, NULL
		if figures[i].Int64() != want {
			t.Errorf("figure %d is %s, want %d", i, figures[i], want)
		}
	}
	if fmt.Sprint(figures) == "[2 1 1 3 1 2 1 1 0]" {
		t.Error("a test of no noise")
	}
	if _, err := p.AddNoise(0, counts, nil); err == nil {
		t.Error("figures without noise")
	}
}

// TestSameRowsSameNoise: what adds up the same of the same rows has the same noise, however it is written.
func TestSameRowsSameNoise(t *testing.T) {
	table := keyed(t, people, "id")
	one := func(sql string) *big.Int {
		p, _, noise := noiseOf(t, table, sql)
		return noise[p.Outputs[0].Expr.Column]
	}
	for _, same := range [][]string{
		{"SELECT count(*) FILTER (WHERE age > 20) FROM t", "SELECT sum(CASE WHEN age > 20 THEN 1 ELSE 0 END) FROM t", "SELECT count(*) FROM t WHERE age > 20",
			"SELECT count(*) FROM t WHERE age >= 21 AND id > 0", "SELECT count(CASE WHEN age > 20 THEN 5 END) FROM t", "SELECT count(age) FROM t WHERE NOT age <= 20"},
		{"SELECT sum(age) FROM t", "SELECT sum(age) FROM t WHERE id < 100", "SELECT sum(age + 0) FROM t", "SELECT sum(abs(age)) FROM t",
			"SELECT sum(CASE WHEN age > 0 THEN age END) FROM t"},
		{"SELECT sum(wage) FROM t WHERE ward = 'b'", "SELECT sum(wage) FILTER (WHERE born > '1940-01-01') FROM t WHERE ward = 'b'"},
	} {
		want := one(same[0])
		for _, sql := range same[1:] {
			if got := one(sql); got.Cmp(want) != 0 {
				t.Errorf("%s: noise %v, and of %s %v", sql, got, same[0], want)
			}
		}
	}
}

// TestMultiplesHaveMultiples: to ask for twice or three times as much, for the opposite, for a sum with a constant, or for two sums at
// once gives no further noise, which could be averaged.
func TestMultiplesHaveMultiples(t *testing.T) {
	table := keyed(t, people, "id")
	one := func(what string) *big.Rat {
		p, _, noise := noiseOf(t, table, "SELECT "+what+" FROM t WHERE age IS NOT NULL AND wage IS NOT NULL")
		at := p.Outputs[0].Expr.Column
		return new(big.Rat).SetFrac(noise[at], new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(p.Moments[at].Scale)), nil))
	}
	age, wage, count := one("sum(age)"), one("sum(wage)"), one("count(*)")
	times := func(f int64, x *big.Rat) *big.Rat { return new(big.Rat).Mul(big.NewRat(f, 1), x) }
	plus := func(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) }
	for what, want := range map[string]*big.Rat{
		"sum(3 * age)": times(3, age), "sum(-age)": times(-1, age), "sum(age + 1000)": plus(age, times(1000, count)),
		"sum(age + wage)": plus(age, wage), "sum(2 * (wage - age) - 7)": plus(times(2, plus(wage, times(-1, age))), times(-7, count)),
		"sum(CASE WHEN id > 0 THEN 12 END)": times(12, count), "sum(CASE WHEN id > 0 THEN -12 END)": times(-12, count),
		"sum(CASE WHEN id > 0 THEN age * 3 END)": times(3, age),
	} {
		if diff := new(big.Rat).Sub(one(what), want); diff.Abs(diff).Cmp(big.NewRat(12, 1)) > 0 { // of rounding, before it was multiplied
			t.Errorf("%s: noise %s, want %s", what, one(what).FloatString(2), want.FloatString(2))
		}
	}
	// Bounds that no row reaches do not make the same noise wider, from which both would follow.
	if x, y := one("sum(age)"), one("sum(CASE WHEN id < 0 THEN 1000000 ELSE age END)"); new(big.Rat).Quo(y, x).IsInt() || x.Sign() == 0 {
		t.Errorf("noise %s, and with other bounds %s", x.FloatString(2), y.FloatString(2))
	}
}

// TestNoiseOutlivesVersions: the same rows in a new version of a table have the same noise, whatever their order, further columns, and the
// type that the key has for other rows; other rows, other values and another key do not.
func TestNoiseOutlivesVersions(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(people), "\n")
	rows := lines[1:]
	shuffled := slices.Clone(rows)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	file := func(rows []string, more func(row string) string) string {
		out := more(lines[0]) + "\n"
		for _, r := range rows {
			out += more(r) + "\n"
		}
		return out
	}
	as := func(s string) string { return s }
	sql := "SELECT count(*), sum(age), sum(wage) FROM t WHERE ward = 'b'"
	ask := func(text string, key ...string) string {
		_, _, noise := noiseOf(t, keyed(t, text, key...), sql)
		return fmt.Sprint(noise)
	}
	want := ask(people, "id")
	for what, text := range map[string]string{
		"another order": file(shuffled, as), "another column": file(rows, func(r string) string { return "7," + r }),
		"a key with a fraction": file(append(slices.Clone(rows), "6.5,c,4,4,2000-01-01,q"), as),
		"other rows elsewhere":  file(rows[:5], as),
	} {
		if what == "another column" {
			text = strings.Replace(text, "7,id", "more,id", 1)
		}
		if got := ask(text, "id"); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	for what, text := range map[string]string{"another row": people + "9,b,1,1,2000-01-01,w\n", "another value": strings.Replace(people, "3,b,18", "3,b,19", 1)} {
		if ask(text, "id") == want {
			t.Errorf("%s: the noise is the same", what)
		}
	}
	if two := ask(people, "id", "note"); two == want || two != ask(people, "note", "id") {
		t.Error("the noise of a key of two columns is that of one, or follows from their order")
	}
}

// TestEqualKeys: rows that a key does not tell apart have no noise in proportion to their number.
func TestEqualKeys(t *testing.T) {
	table := keyed(t, "id,same,x\n1,7,5\n2,7,5\n3,7,5\n4,7,5\n5,7,9\n", "same")
	known := map[string]bool{}
	for _, n := range []int{1, 2, 3, 4} {
		for _, what := range []string{"count(*)", "sum(x)"} {
			p, _, noise := noiseOf(t, table, fmt.Sprintf("SELECT %s FROM t WHERE id <= %d", what, n))
			known[noise[p.Outputs[0].Expr.Column].String()] = true
		}
	}
	if len(known) != 8 {
		t.Errorf("of 8 cells of rows with one key, the noise is one of %v", known)
	}
}

// TestCellKeysRefused: there is no noise without a declared key, or without the department's, and none of a table that stays in a database.
func TestCellKeysRefused(t *testing.T) {
	elsewhere := *keyed(t, people, "id")
	elsewhere.served = &served.Table{}
	var refused *engine.Error
	if _, _, err := elsewhere.CellKeys(t.Context(), nil, "a", noiseKey(t, 1), 5); !errors.As(err, &refused) || refused.Code != engine.CodePolicy || !strings.Contains(refused.Message, "stays in its database") {
		t.Errorf("a table in a database: %v", err)
	}
	for what, table := range map[string]*Table{"no declared key": openText(t, people), "no key": keyed(t, people, "id")} {
		p, err := plan(t, "SELECT count(*) FROM t", map[string]*Table{"a": table})
		if err != nil {
			t.Fatal(err)
		}
		key := noiseKey(t, 1)
		if what == "no key" {
			key = nil
		}
		if cells, noise, err := table.CellKeys(t.Context(), p, "a", key, 5); err == nil || cells != nil || noise != nil {
			t.Errorf("%s: %v %v", what, noise, err)
		}
	}
	// What could compute record keys is no use to a statement that is not given the key.
	table := keyed(t, people, "id")
	if _, err := table.query(t.Context(), "SELECT record_key(c0) FROM rows"); err == nil || !strings.Contains(err.Error(), "without a department's key") {
		t.Errorf("record keys without a key: %v", err)
	}
}

// BenchmarkCellKeys is a count and two sums by groups over a million rows, without noise and with it.
func BenchmarkCellKeys(b *testing.B) {
	var text strings.Builder
	text.WriteString("id,g,x,y\n")
	r := rand.New(rand.NewPCG(3, 4))
	for id := range 1_000_000 {
		fmt.Fprintf(&text, "%d,%d,%d,%d.%02d\n", id, r.IntN(50), r.IntN(1000), r.IntN(90000), r.IntN(100))
	}
	table := openText(b, text.String())
	if err := table.CheckKey(b.Context(), []string{"id"}, published.Limit{}); err != nil {
		b.Fatal(err)
	}
	p, err := plan(b, "SELECT g, count(*), sum(x), avg(y), count(*) FILTER (WHERE x > 500) FROM t GROUP BY g", map[string]*Table{"a": table})
	if err != nil {
		b.Fatal(err)
	}
	key, err := cellkey.New(make([]byte, cellkey.KeyBytes))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("without", func(b *testing.B) {
		for b.Loop() {
			if _, err := table.Aggregate(b.Context(), p, "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("with", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := table.CellKeys(b.Context(), p, "a", key, 5); err != nil {
				b.Fatal(err)
			}
		}
	})
}
