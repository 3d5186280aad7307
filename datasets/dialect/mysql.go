package dialect

import "parley/engine"

// MySQL is the SQL of MySQL, MariaDB and TiDB, in a session with the modes ANSI_QUOTES and
// NO_BACKSLASH_ESCAPES, the character set utf8mb4, and a binary collation without padding, of constants
// and of each column. Truth values are 0 and 1 there.
var MySQL = &Dialect{
	Name: "MySQL",
	widths: []width{
		{name: "SIGNED", bits: 62, divide: infixed("DIV"), modulo: infixed("%")},
		// 65 digits, of which exact quotients need four behind the point.
		{name: "DECIMAL(65,0)", bits: 200, divide: wholeQuotient("DECIMAL(65,0)"), modulo: infixed("%")},
	},
	days: "SIGNED", text: "CHAR", boolean: "SIGNED",
	sum:       formatted("sum(%s)"),
	bare:      true,
	quote:     QuoteText,
	date:      formatted("(DATE '1970-01-01' + INTERVAL %s DAY)"),
	dayNumber: formatted("DATEDIFF(%s, DATE '1970-01-01')"),
	parts: map[string]func(string) string{
		"day": formatted("DAYOFMONTH(%s)"), "week": formatted("WEEK(%s, 3)"), "month": formatted("MONTH(%s)"),
		"quarter": formatted("QUARTER(%s)"), "year": formatted("YEAR(%s)"), "decade": formatted("(YEAR(%s) DIV 10)"),
		"century": formatted("((YEAR(%s) + 99) DIV 100)"), "millennium": formatted("((YEAR(%s) + 999) DIV 1000)"),
		"dow": formatted("(DAYOFWEEK(%s) - 1)"), "isodow": formatted("(WEEKDAY(%s) + 1)"), "doy": formatted("DAYOFYEAR(%s)"),
		"isoyear": formatted("(YEARWEEK(%s, 3) DIV 100)"),
	},
	truncations: map[string]func(string) string{
		"week":       formatted("(%s - INTERVAL WEEKDAY(%s) DAY)"),
		"month":      formatted("(%s - INTERVAL (DAYOFMONTH(%s) - 1) DAY)"),
		"quarter":    formatted("(%s - INTERVAL (DAYOFYEAR(%s) - 1) DAY + INTERVAL (QUARTER(%s) - 1) QUARTER)"),
		"year":       formatted("(%s - INTERVAL (DAYOFYEAR(%s) - 1) DAY)"),
		"decade":     formatted("(%s - INTERVAL (DAYOFYEAR(%s) - 1) DAY - INTERVAL (YEAR(%s) % 10) YEAR)"),
		"century":    formatted("(%s - INTERVAL (DAYOFYEAR(%s) - 1) DAY - INTERVAL ((YEAR(%s) - 1) % 100) YEAR)"),
		"millennium": formatted("(%s - INTERVAL (DAYOFYEAR(%s) - 1) DAY - INTERVAL ((YEAR(%s) - 1) % 1000) YEAR)"),
	},
	steps: &steps{fence: " LIMIT 18446744073709551615", divide: infixed("DIV")},
	forms: map[engine.Op]form{
		engine.OpQuotient:  {least: 2, write: writeQuotient},
		engine.OpConcat:    joined("concat(", ", ", ")"),
		engine.OpGreatest:  withoutNull("greatest"),
		engine.OpLeast:     withoutNull("least"),
		engine.OpLength:    around("char_length(%s)"),
		engine.OpSubstring: substringBy("substring"),
	},
}

// wholeQuotient writes a truncated quotient of a database that rounds: of what is left when the remainder
// is taken away.
func wholeQuotient(name string) func(a, b string) string {
	return func(a, b string) string {
		return "CAST((" + a + " - " + a + " % " + b + ") / " + b + " AS " + name + ")"
	}
}
