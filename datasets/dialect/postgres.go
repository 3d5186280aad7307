package dialect

import "parley/engine"

// PostgreSQL, and what speaks its SQL over several machines (Greenplum, Citus). Text compares by bytes
// under the collation "C", which each text has in its own expression; strings follow the standard
// (standard_conforming_strings).
var PostgreSQL = &Dialect{
	Name: "PostgreSQL",
	widths: []width{
		{name: "BIGINT", bits: 62, divide: infixed("/"), modulo: infixed("%")},
		{name: "NUMERIC", bits: 1 << 12, divide: called("div"), modulo: infixed("%")}, // which has 131,072 digits
	},
	days: "INTEGER", text: "TEXT", boolean: "BOOLEAN",
	filters:   true,
	sum:       formatted("sum(%s)"),
	bare:      true,
	points:    true,
	quote:     func(text string) string { return "(" + QuoteText(text) + ` COLLATE "C")` },
	date:      formatted("(DATE '1970-01-01' + CAST(%s AS INTEGER))"),
	dayNumber: formatted("(%s - DATE '1970-01-01')"),
	parts: fields("extract(", " FROM %s)", "day", "week", "month", "quarter", "year", "decade", "century", "millennium",
		"dow", "isodow", "doy", "isoyear"),
	truncations: fields("CAST(date_trunc('", "', CAST(%s AS TIMESTAMP)) AS DATE)", "week", "month", "quarter", "year", "decade",
		"century", "millennium"),
	steps: &steps{fence: " OFFSET 0", divide: called("div")},
	forms: map[engine.Op]form{
		engine.OpQuotient:  {least: 2, write: nativeQuotient},
		engine.OpLength:    around("char_length(%s)"),
		engine.OpSubstring: substringBy("substring"),
		engine.OpTrim:      {least: 3, write: writeTrim},
	},
}

// writeTrim takes a set of characters from the ends.
func writeTrim(w Writer, e *engine.Expr, args []string, _ width) (string, error) {
	function := map[string]string{"leading": "ltrim", "trailing": "rtrim", "both": "btrim"}[e.Args[1].Value.Text]
	if function == "" {
		return "", nil
	}
	return function + "(" + args[0] + ", " + args[2] + ")", nil
}
