package dialect

import (
	"encoding/hex"
	"fmt"
	"strings"

	"parley/engine"
)

// DuckDB is the embedded database. Its // truncates toward zero on integers, as PostgreSQL's /. What it
// has no form for it has computed by the engine, in the functions that CallName names (README section
// 6.4).
var DuckDB = &Dialect{
	Name: "DuckDB",
	widths: []width{
		{name: "BIGINT", bits: 62, divide: infixed("//"), modulo: infixed("%")},
		{name: "HUGEINT", bits: 126, divide: infixed("//"), modulo: infixed("%")},
	},
	days: "INTEGER", text: "VARCHAR", boolean: "BOOLEAN",
	filters:   true,
	sum:       formatted("sum(%s)"),
	largest:   "list_sum(max(%s, %d)%s)",
	bare:      true,
	quote:     QuoteText,
	date:      formatted("(DATE '1970-01-01' + CAST(%s AS INTEGER))"),
	dayNumber: formatted("CAST(%s - DATE '1970-01-01' AS INTEGER)"),
	parts: fields("date_part('", "', %s)", "day", "week", "month", "quarter", "year", "decade", "century", "millennium",
		"dow", "isodow", "doy", "isoyear"),
	truncations: duckTruncations(),
	forms: map[engine.Op]form{
		engine.OpIsTrue:  around("(%s IS NOT DISTINCT FROM true)"),
		engine.OpIsFalse: around("(%s IS NOT DISTINCT FROM false)"),
		engine.OpTruth: {least: 1, write: func(_ Writer, _ *engine.Expr, args []string, n width) (string, error) {
			return "CAST(" + args[0] + " AS " + n.name + ")", nil
		}},
	},
	call: callEngine,
}

// fields writes each name between two texts.
func fields(before, behind string, names ...string) map[string]func(string) string {
	out := map[string]func(string) string{}
	for _, name := range names {
		out[name] = formatted(before + name + behind)
	}
	return out
}

// duckTruncations are those of date_trunc that begin as the engine's do, which TestEveryDay compares;
// its centuries begin with a year 0.
func duckTruncations() map[string]func(string) string {
	out := fields("CAST(date_trunc('", "', %s) AS DATE)", "week", "month", "quarter", "year", "decade")
	for field, years := range map[string]int{"century": 100, "millennium": 1000} {
		out[field] = formatted(fmt.Sprintf("make_date((date_part('%s', %%s) - 1) * %d + 1, 1, 1)", field, years))
	}
	return out
}

// callEngine writes a call of the engine: its constants stay in the description.
func callEngine(w Writer, e *engine.Expr, n width) (string, error) {
	head := &engine.Expr{Op: e.Op, Kind: e.Kind, Scale: e.Scale}
	var varying []string
	for _, a := range e.Args {
		if a.Op != engine.OpConstant {
			text, err := w.write(a, n)
			if err != nil {
				return "", err
			}
			a = &engine.Expr{Op: engine.OpColumn, Column: len(varying), Kind: a.Kind, Scale: a.Scale}
			varying = append(varying, text)
		}
		head.Args = append(head.Args, a)
	}
	call := CallName(e.Kind) + "('" + hex.EncodeToString(engine.Marshal(head)) + "', " + strings.Join(varying, ", ") + ")"
	switch {
	case len(varying) == 0: // the engine makes a constant of such itself
		return "", beyond("an operation on constants")
	case e.Kind == engine.Text || e.Kind == engine.Boolean:
		return call, nil
	}
	return "CAST(" + call + " AS " + w.typeOf(e.Kind, n) + ")", nil
}

// CallName is the function of the embedded DuckDB that calls the engine for a result of a kind.
func CallName(kind engine.Kind) string {
	switch kind {
	case engine.Text:
		return "parley_text"
	case engine.Boolean:
		return "parley_boolean"
	}
	return "parley_number"
}
