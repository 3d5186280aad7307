package dialect

import "parley/engine"

// Trino, over whatever it is connected to. Text compares there by bytes.
var Trino = &Dialect{
	Name: "Trino",
	widths: []width{
		{name: "BIGINT", bits: 62, divide: infixed("/"), modulo: infixed("%")},
		{name: "DECIMAL(38,0)", bits: 126, divide: wholeQuotient("DECIMAL(38,0)"), modulo: infixed("%")}, // its quotient is rounded
	},
	days: "BIGINT", text: "VARCHAR", boolean: "BOOLEAN",
	filters:   true,
	sum:       formatted("sum(CAST(%s AS DECIMAL(38,0)))"),
	quote:     QuoteText,
	date:      formatted("date_add('day', CAST(%s AS BIGINT), DATE '1970-01-01')"),
	dayNumber: formatted("date_diff('day', DATE '1970-01-01', %s)"),
	parts: map[string]func(string) string{
		"day": formatted("day(%s)"), "week": formatted("week(%s)"), "month": formatted("month(%s)"), "quarter": formatted("quarter(%s)"),
		"year": formatted("year(%s)"), "decade": formatted("(year(%s) / 10)"), "century": formatted("((year(%s) + 99) / 100)"),
		"millennium": formatted("((year(%s) + 999) / 1000)"), "dow": formatted("(day_of_week(%s) % 7)"),
		"isodow": formatted("day_of_week(%s)"), "doy": formatted("day_of_year(%s)"), "isoyear": formatted("year_of_week(%s)"),
	},
	truncations: map[string]func(string) string{
		"week": formatted("date_trunc('week', %s)"), "month": formatted("date_trunc('month', %s)"),
		"quarter": formatted("date_trunc('quarter', %s)"), "year": formatted("date_trunc('year', %s)"),
		"decade":     formatted("date_add('year', -(year(%s) % 10), date_trunc('year', %s))"),
		"century":    formatted("date_add('year', -((year(%s) - 1) % 100), date_trunc('year', %s))"),
		"millennium": formatted("date_add('year', -((year(%s) - 1) % 1000), date_trunc('year', %s))"),
	},
	forms: map[engine.Op]form{
		engine.OpQuotient:  {least: 2, write: writeQuotient},
		engine.OpIsTrue:    around("(%s IS NOT DISTINCT FROM true)"),
		engine.OpIsFalse:   around("(%s IS NOT DISTINCT FROM false)"),
		engine.OpGreatest:  withoutNull("greatest"),
		engine.OpLeast:     withoutNull("least"),
		engine.OpLength:    around("length(%s)"),
		engine.OpSubstring: substringBy("substring"),
	},
}
