package datasets

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/engine"
)

// TestEveryDay compares DuckDB's fields and periods of dates with the engine's: at every day of
// forty years, which have all kinds of years, and where years and leap days turn from 1 to 9999.
func TestEveryDay(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const days = `SELECT CAST(range AS INTEGER) AS c0 FROM range(%d, %d) WHERE range BETWEEN 6574 AND 21183
		OR strftime(DATE '1970-01-01' + CAST(range AS INTEGER), '%%m%%d') IN ('1228', '1229', '1231', '0101', '0103', '0104', '0228', '0301')`
	x := dialect.NewWriter(dialect.DuckDB, []dialect.Column{{SQL: "c0", Kind: engine.Date}})
	var asked []*engine.Expr
	var written []string
	ask := func(op engine.Op, kind engine.Kind, fields []string) {
		for _, field := range fields {
			e := &engine.Expr{Op: op, Kind: kind, Args: []*engine.Expr{{Op: engine.OpColumn, Kind: engine.Date},
				{Op: engine.OpConstant, Kind: engine.Text, Value: engine.NewText(field)}}}
			text, err := x.Expression(e)
			if err != nil {
				t.Fatal(err)
			}
			asked, written = append(asked, e), append(written, text)
		}
	}
	ask(engine.OpPart, engine.Decimal, append(dialect.DuckDB.Parts(), "epoch", "julian"))
	ask(engine.OpTruncate, engine.Timestamp, append(dialect.DuckDB.Periods(), "day"))
	rows, err := openText(t, "x\n1\n").query(context.Background(),
		"SELECT c0, "+strings.Join(written, ", ")+" FROM ("+fmt.Sprintf(days, engine.MinDate, engine.MaxDate+1)+")")
	if err != nil || len(rows) < 90_000 {
		t.Fatalf("%d days: %v", len(rows), err)
	}
	for _, row := range rows {
		day, _ := duck.Integer(row[0])
		date := engine.NewDate(day.Int64())
		for i, e := range asked {
			want, err := e.Eval(func(int) engine.Datum { return date })
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := duck.Integer(row[1+i]); !ok || got.Cmp(want.Number) != 0 {
				t.Fatalf("%s of %s: %v, want %s", e.Args[1].Value.Text, date, row[1+i], want)
			}
		}
	}
}

// TestRowAnswers asks for functions and forms over rows whose answers are written down, and has
// them from DuckDB and from the rows in Go.
func TestRowAnswers(t *testing.T) {
	tables := map[string]*Table{
		"a": openText(t, "s,x,day,b\nÄrger,-2.5,2020-02-29,true\nstraße,-0.5,0001-01-01,\n中文字,0.5,1969-12-31,false\n"),
		"b": openText(t, "s,x,day,b\nÄRGER,2.50,9999-12-31,true\n,-7,,false\nȺ,,2020-12-31,\n"),
		"c": openText(t, "s,x,day,b\n,,,\n"), // nothing but NULL
	}
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"SELECT upper(s), count(*) FROM t GROUP BY 1 ORDER BY 1", []string{"STRAßE|1", "ÄRGER|2", "Ⱥ|1", "中文字|1", "NULL|2"}},
		{"SELECT lower(left(s, 2)), sum(x) FROM t GROUP BY 1 ORDER BY 1", []string{"st|-0.5", "är|0", "ⱥ|NULL", "中文|0.5", "NULL|-7"}},
		{"SELECT length(s) AS n, count(*), count(*) FILTER (WHERE upper(substr(s, 2)) LIKE '_G%') FROM t GROUP BY n ORDER BY n", []string{"1|1|0", "3|1|0", "5|2|2", "6|1|0", "NULL|2|0"}},
		{"SELECT date_trunc('century', day), count(*) FROM t GROUP BY 1 ORDER BY 1", []string{"0001-01-01 00:00:00+00|1", "1901-01-01 00:00:00+00|1", "2001-01-01 00:00:00+00|2", "9901-01-01 00:00:00+00|1", "NULL|2"}},
		{"SELECT extract(isoyear FROM day), to_char(day, 'IYYY-IW'), count(*) FROM t WHERE day IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 0 ORDER BY 1", []string{"1|0001-01|1", "1970|1970-01|1", "2020|2020-09|1", "2020|2020-53|1", "9999|9999-52|1"}},
		{"SELECT width_bucket(x, -2.5, 2.5, 5), count(*) FROM t GROUP BY 1 ORDER BY 1", []string{"0|1", "1|1", "3|1", "4|1", "6|1", "NULL|2"}},
		{"SELECT width_bucket(x, 2.5, -2.5, 5), count(*) FROM t GROUP BY 1 ORDER BY 1", []string{"1|1", "3|1", "4|1", "6|2", "NULL|2"}},
		{"SELECT sum(round(x)), sum(floor(x)), sum(ceil(x)), sum(trunc(x)), sum(abs(x)), sum(sign(x)) FROM t", []string{"-7|-9|-5|-7|13|-1"}},
		{"SELECT x < 0, b, sum(CASE WHEN b THEN x WHEN x > 0 THEN 100 END), count(NULLIF(x, 0.5)) FROM t GROUP BY 1, 2 ORDER BY 1, 2", []string{"false|false|100|0", "false|true|2.5|1", "true|false|NULL|1", "true|true|-2.5|1", "true|NULL|NULL|1", "NULL|NULL|NULL|0"}},
		{"SELECT COALESCE(s, '?') || '/' || CAST(b AS text), avg(GREATEST(x, 0)) FROM t GROUP BY 1 ORDER BY 1", []string{"?/false|0", "ÄRGER/true|5/2", "Ärger/true|0", "中文字/false|1/2", "NULL|0"}},
		{"SELECT CAST(x AS text), sum(LEAST(x, 0, NULL)) FROM t GROUP BY 1 ORDER BY 1", []string{"-0.50|-0.5", "-2.50|-2.5", "-7.00|-7", "0.50|0", "2.50|0", "NULL|0"}},
	} {
		wantRows(t, ask(t, c.sql, tables), c.want...)
		bothWays(t, c.sql, tables)
	}
}

// TestColumnOfNulls: counts by value or by range of a column in which a department has nothing,
// so that the SQL has a constant for it, and no rows are left.
func TestColumnOfNulls(t *testing.T) {
	tables := map[string]*Table{"a": openText(t, "g,x\nu,5\n,-1\n"), "b": openText(t, "g,x\nv,\n")}
	for sql, want := range map[string]string{
		"SELECT buckets(x, 0, 2, 5) FROM t":                                     "0|2|0 2|4|0 4|6|1 6|8|0 8|10|0",
		"SELECT COALESCE(x, 0), count(*) FROM t WHERE x > 0 GROUP BY 1":         "5|1",
		"SELECT upper(CAST(x AS text)), count(*) FROM t WHERE x > 9 GROUP BY 1": "",
	} {
		if got := strings.Join(exact(ask(t, sql, tables)), " "); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
}

// BenchmarkRowForms aggregates a million rows (README, section 6.4).
func BenchmarkRowForms(b *testing.B) {
	const rows = 1_000_000
	var text strings.Builder
	text.WriteString("s,d,x,y\n")
	for i := range rows {
		fmt.Fprintf(&text, "district %d,%s,%d.%02d,%d\n", i*7919%3000, engine.FormatDate(int64(i*7919%20000)), i%5000-1000, i%100, i%700)
	}
	table := openText(b, text.String())
	for _, sql := range []string{
		"SELECT s, count(*) FROM t GROUP BY 1",
		"SELECT upper(s), count(*) FROM t GROUP BY 1",
		"SELECT date_trunc('month', d), count(*) FROM t GROUP BY 1",
		"SELECT to_char(d, 'YYYY-MM'), count(*) FROM t GROUP BY 1",
		"SELECT sum(x / NULLIF(y, 0)) FROM t",
		"SELECT sum(CASE WHEN x < 0 THEN -x WHEN x > 1000 THEN 1000 ELSE round(x, 1) END) FROM t",
	} {
		b.Run(sql, func(b *testing.B) {
			p, err := plan(b, sql, map[string]*Table{"a": table})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := table.Aggregate(b.Context(), p, "a"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
