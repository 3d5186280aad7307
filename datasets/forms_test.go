package datasets

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

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
	x := translator{columns: []sourceOf{{own: column{kind: engine.Date}, kind: engine.Date}}}
	var asked []*engine.Expr
	var written []string
	ask := func(op engine.Op, kind engine.Kind, fields []string) {
		for _, field := range fields {
			e := &engine.Expr{Op: op, Kind: kind, Args: []*engine.Expr{{Op: engine.OpColumn, Kind: engine.Date},
				{Op: engine.OpConstant, Kind: engine.Text, Value: engine.NewText(field)}}}
			text, err := x.expression(e)
			if err != nil {
				t.Fatal(err)
			}
			asked, written = append(asked, e), append(written, text)
		}
	}
	ask(engine.OpPart, engine.Decimal, append(slices.Sorted(maps.Keys(dateParts)), "epoch", "julian"))
	ask(engine.OpTruncate, engine.Timestamp, append(slices.Sorted(maps.Keys(dateTruncations)), "day", "century", "millennium"))
	rows, err := openText(t, "x\n1\n").query(context.Background(),
		"SELECT c0, "+strings.Join(written, ", ")+" FROM ("+fmt.Sprintf(days, engine.MinDate, engine.MaxDate+1)+")")
	if err != nil || len(rows) < 90_000 {
		t.Fatalf("%d days: %v", len(rows), err)
	}
	for _, row := range rows {
		day, _ := bigValue(row[0])
		date := engine.NewDate(day.Int64())
		for i, e := range asked {
			want, err := e.Eval(func(int) engine.Datum { return date })
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := bigValue(row[1+i]); !ok || got.Cmp(want.Number) != 0 {
				t.Fatalf("%s of %s: %v, want %s", e.Args[1].Value.Text, date, row[1+i], want)
			}
		}
	}
}
