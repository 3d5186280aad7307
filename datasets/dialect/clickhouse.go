package dialect

import (
	"strings"

	"parley/engine"
)

// ClickHouse, in a session with enable_positional_arguments. Its dates are from 1900 to 2299.
var ClickHouse = &Dialect{
	Name: "ClickHouse",
	widths: []width{
		{name: "Nullable(Int64)", bits: 62, divide: called("intDiv"), modulo: infixed("%")},
		{name: "Nullable(Int128)", bits: 126, divide: called("intDiv"), modulo: infixed("%")},
		{name: "Nullable(Int256)", bits: 254, divide: called("intDiv"), modulo: infixed("%")},
	},
	days: "Nullable(Int32)", text: "Nullable(String)", boolean: "Nullable(Bool)",
	sum:       formatted("sum(CAST(%s AS Nullable(Int256)))"),
	quote:     func(text string) string { return "'" + clickHouseQuotes.Replace(text) + "'" },
	date:      formatted("addDays(toDate32('1970-01-01'), CAST(%s AS Nullable(Int32)))"), // it takes no wide integers
	dayNumber: formatted("toInt32(%s)"),
	firstDay:  -25567, lastDay: 120529, // 1900-01-01 to 2299-12-31
	parts: map[string]func(string) string{
		"day": formatted("toDayOfMonth(%s)"), "week": formatted("toISOWeek(%s)"), "month": formatted("toMonth(%s)"),
		"quarter": formatted("toQuarter(%s)"), "year": formatted("toYear(%s)"), "decade": formatted("intDiv(toYear(%s), 10)"),
		"century": formatted("intDiv(toYear(%s) + 99, 100)"), "millennium": formatted("intDiv(toYear(%s) + 999, 1000)"),
		"dow": formatted("(toDayOfWeek(%s) % 7)"), "isodow": formatted("toDayOfWeek(%s)"), "doy": formatted("toDayOfYear(%s)"),
		"isoyear": formatted("toISOYear(%s)"),
	},
	truncations: map[string]func(string) string{
		"week":    formatted("subtractDays(%s, toDayOfWeek(%s) - 1)"),
		"month":   formatted("subtractDays(%s, toDayOfMonth(%s) - 1)"),
		"quarter": formatted("makeDate32(toYear(%s), toQuarter(%s) * 3 - 2, 1)"),
		"year":    formatted("subtractDays(%s, toDayOfYear(%s) - 1)"),
		"decade":  formatted("makeDate32(intDiv(toYear(%s), 10) * 10, 1, 1)"),
	},
	steps: &steps{divide: called("intDiv")},
	forms: map[engine.Op]form{
		engine.OpQuotient: {least: 2, write: writeQuotient},
		engine.OpIsTrue:   around("ifNull(%s, false)"),
		engine.OpIsFalse:  around("ifNull(NOT %s, false)"),
		engine.OpGreatest: withoutNull("greatest"),
		engine.OpLeast:    withoutNull("least"),
		engine.OpLength: {least: 1, write: func(_ Writer, _ *engine.Expr, args []string, n width) (string, error) {
			return "CAST(lengthUTF8(" + args[0] + ") AS " + n.name + ")", nil // which is UInt64, that no Int64 is compared with
		}},
		engine.OpSubstring: substringBy("substringUTF8"),
		engine.OpAbs: {least: 1, write: func(_ Writer, _ *engine.Expr, args []string, n width) (string, error) {
			return "CAST(abs(" + args[0] + ") AS " + n.name + ")", nil // of Int64 it is UInt64
		}},
		engine.OpIn: {least: 2, write: func(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
			any := make([]string, len(args)-1) // its IN is false where an argument is NULL
			for i, a := range args[1:] {
				any[i] = args[0] + " = " + a
			}
			return repeated("("+strings.Join(any, " OR ")+")", args[0])
		}},
		engine.OpLike: {least: 2, write: func(w Writer, e *engine.Expr, args []string, _ width) (string, error) {
			return "(" + args[0] + " LIKE " + w.Dialect.quote(plainPattern(e.Args[1].Value.Text)) + ")", nil
		}},
	},
}

// clickHouseQuotes escapes what a constant of ClickHouse may not hold as it is.
var clickHouseQuotes = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// plainPattern writes a pattern of LIKE without escapes of what needs none.
func plainPattern(pattern string) string {
	var out strings.Builder
	escaped := false
	for _, c := range pattern {
		if !escaped && c == '\\' {
			escaped = true
			continue
		}
		if escaped && (c == '%' || c == '_' || c == '\\') {
			out.WriteByte('\\')
		}
		out.WriteRune(c)
		escaped = false
	}
	return out.String()
}
