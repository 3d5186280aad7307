package dialect

import (
	"errors"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/engine"
)

var update = flag.Bool("update", false, "write testdata anew")

// goldenQuestions ask for every form, over the columns of goldenTable.
var goldenQuestions = []string{
	"SELECT count(*), count(n), sum(n), sum(amount), avg(amount) FROM t",
	"SELECT ward, sum(n + 1), sum(n - 1), sum(n * n), sum(-n), sum(n / 7), sum(n % 7) FROM t GROUP BY ward",
	"SELECT sum(amount * amount * n), count(*) FROM t WHERE amount * 1000000 > n * n * n",
	"SELECT sum(CASE WHEN ok THEN amount * 2 ELSE amount - n END), sum(coalesce(-amount, 0.125)) FROM t",
	"SELECT sum(wide), sum(wide / 3), sum(wide % 3) FROM t WHERE wide > 0",
	"SELECT count(*) FILTER (WHERE ok), sum(n) FILTER (WHERE ok IS TRUE AND NOT ok IS FALSE) FROM t WHERE n IS NOT NULL",
	`SELECT count(*) FROM t WHERE ward LIKE 'a\%b\_c\\d_%' OR ward IN ('a''b', 'back\slash') OR note < 'x' AND note <> ''`,
	"SELECT sum(CASE WHEN n < 0 THEN -n WHEN n = 0 THEN 1 ELSE coalesce(n, 0) END), sum(abs(n)), sum(greatest(n, 3)), sum(least(n, amount, 5)) FROM t",
	"SELECT sum(round(amount)), sum(floor(amount)), sum(ceil(amount)), sum(trunc(amount, 1)), sum(width_bucket(n, 0, 100, 5)) FROM t",
	"SELECT sum(amount / NULLIF(n, 0)), sum(n / 2.5), sum(1 / NULLIF(wide, 0)) FROM t",
	"SELECT date_trunc('month', day), extract(dow FROM day), count(*) FROM t WHERE day >= '2020-02-29' GROUP BY 1, 2",
	"SELECT extract(week FROM day), extract(isoyear FROM day), date_trunc('week', day), count(*) FROM t GROUP BY 1, 2, 3",
	"SELECT sum(extract(quarter FROM day + 1) * wide) FROM t",
	"SELECT substring(ward FROM 1 FOR 1), count(*) FROM t GROUP BY 1",
	"SELECT count(*) FROM t WHERE length(note) > 3",
	"SELECT upper(ward), count(*) FROM t GROUP BY 1",
	"SELECT count(*) FROM t WHERE ward ~ '^a'",
	"SELECT count(*) FROM t WHERE upper(note) = 'X'",
	"SELECT nothing, sum(nothing), count(nothing) FROM t GROUP BY nothing",
	"SELECT date_trunc('hour', at), to_char(clock, 'HH24'), count(*) FROM t WHERE at >= '2020-01-01 12:30' AND at > day AND clock < '06:00' GROUP BY 1, 2",
	"SELECT CAST(at AS date), sum(extract(second FROM at)), sum(extract(epoch FROM at - day)), sum(extract(hour FROM clock)) FROM t WHERE CAST(at AS time) < clock GROUP BY 1",
}

func goldenTable() engine.Registration {
	n := big.NewInt
	return engine.Registration{Department: "a", Table: "t", Version: 1, Rows: 1000, Columns: []engine.Column{
		{Name: "ward", Kind: engine.Text, Nullable: true, HasDictionary: true, Dictionary: []string{"a'b", "back\\slash", "x", "中"}},
		{Name: "note", Kind: engine.Text},
		{Name: "n", Kind: engine.Integer, Nullable: true, Min: n(-1000), Max: n(1000)},
		{Name: "amount", Kind: engine.Decimal, Scale: 2, Min: n(-100), Max: n(1_000_000)},
		{Name: "wide", Kind: engine.Decimal, Scale: 3, Min: n(0), Max: new(big.Int).Lsh(n(1), 100)},
		{Name: "ok", Kind: engine.Boolean, Nullable: true, HasDictionary: true, Dictionary: []string{"false", "true"}},
		{Name: "day", Kind: engine.Date, Min: n(18_000), Max: n(18_200)},
		{Name: "at", Kind: engine.Timestamp, Nullable: true, Min: n(18_000 * engine.MicrosPerDay), Max: n(18_010 * engine.MicrosPerDay)},
		{Name: "clock", Kind: engine.Time, HasDictionary: true, Dictionary: []string{"00:00:00", "23:59:59.5"}, Min: n(0), Max: n(86_399_500_000)},
		{Name: "nothing", Kind: engine.Null, Nullable: true, HasDictionary: true},
	}}
}

// goldenWriter has the columns under their own names, as a dialect's database would hold them.
func goldenWriter(t *testing.T, d *Dialect, r engine.Registration) Writer {
	t.Helper()
	w := NewWriter(d, nil)
	for _, c := range r.Columns {
		own := Column{SQL: QuoteName(c.Name), Kind: c.Kind, Scale: c.Scale}
		switch c.Kind {
		case engine.Decimal:
			own.Bare = own.SQL
			own.SQL = "(" + own.SQL + " * 1" + strings.Repeat("0", c.Scale) + ")"
		case engine.Date:
			own.SQL = d.dayNumber(own.SQL)
		}
		for _, text := range c.Dictionary {
			v, err := engine.ParseDatum(c.Kind, text)
			if err != nil {
				t.Fatal(err)
			}
			own.Dictionary = append(own.Dictionary, v)
		}
		w.Columns = append(w.Columns, own)
	}
	return w
}

// TestGolden writes each question's expressions in each dialect. Those of databases that tests start are
// compared with the engine's cells as well (TestServedBattery); the others have only this.
func TestGolden(t *testing.T) {
	for file, d := range map[string]*Dialect{"duckdb": DuckDB, "postgres": PostgreSQL, "mysql": MySQL, "clickhouse": ClickHouse, "trino": Trino} {
		t.Run(file, func(t *testing.T) {
			var out strings.Builder
			for _, question := range goldenQuestions {
				out.WriteString("-- " + question + "\n" + golden(t, d, question) + "\n")
			}
			path := filepath.Join("testdata", file+".sql")
			if *update {
				if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("another SQL than in %s:\n%s", path, out.String())
			}
		})
	}
}

func golden(t *testing.T, d *Dialect, question string) string {
	t.Helper()
	r := goldenTable()
	p, err := engine.NewPlan(question, engine.Catalogue{r}, []string{"a"}, engine.Packing{LimbBits: 38, LimbsPerCiphertext: 4096, MaxCiphertexts: 64, MaxDepartments: 64})
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	w := goldenWriter(t, d, engine.Registration{Columns: p.Schema.Columns})
	var lines []string
	add := func(text string, err error) {
		if errors.Is(err, ErrBeyond) {
			text = "-- refused: " + err.Error()
		} else if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		lines = append(lines, text)
	}
	for _, g := range p.Groups {
		add(w.Key(g.Expr))
	}
	if p.Filter != nil {
		add(w.Expression(p.Filter))
	}
	for _, m := range p.Moments {
		text, _, err := w.Moment(m, r.Rows)
		add(text, err)
	}
	return strings.Join(lines, "\n") + "\n"
}
