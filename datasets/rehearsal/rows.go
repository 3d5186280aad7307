package rehearsal

import "fmt"

// Functions and forms over rows, of a Sample that has Rows.

// rowTexts are values of s that capitals, characters and bytes tell apart.
var rowTexts = []string{"Ärger", "ärger", "straße", "ÿ", "ǆ", "e\u0301te\u0301", "ΣΑΣ", "中文字", "İi", "a b", " A", "𐐀𐐨", "x\u2028y"}

// rowDays are dates at which calendars are wrong.
var rowDays = []string{"0209-12-31", "0300-12-31", "0401-01-01", "1582-10-10", "1899-12-31", "1969-12-31", "1970-01-01", "2000-02-29", "2004-12-31",
	"2016-01-01", "2024-12-30", "9800-12-31"}

// text is an expression that is text.
func (s Sample) text(depth int) string {
	if s.Clocks && s.IntN(4) == 0 {
		return s.clockText()
	}
	if depth == 0 {
		return s.pick("s", "s", "'äB中'", "CAST(i AS text)", "CAST(d AS text)", "CAST(b AS text)", "CAST(day AS text)", "to_char(day, '"+s.pattern()+"')")
	}
	x := s.text(depth - 1)
	switch s.IntN(11) {
	case 0:
		return "upper(" + x + ")"
	case 9:
		return s.pick("trim("+x+")", "ltrim("+x+", 'aÄ ')", "rtrim("+x+", 'ber')")
	case 1:
		return "lower(" + x + ")"
	case 2:
		return fmt.Sprintf("left(%s, %d)", x, s.IntN(4))
	case 3:
		return fmt.Sprintf("substr(%s, %d, %d)", x, s.IntN(6)-2, s.IntN(5))
	case 4:
		return fmt.Sprintf("substr(%s, %d)", x, s.IntN(6)-2)
	case 5:
		return "(" + x + " || " + s.text(0) + ")"
	case 6:
		return "concat(" + x + ", " + s.number(0) + ", " + s.date(0) + ")"
	case 7:
		return s.either(s.pick("COALESCE", "GREATEST", "LEAST", "NULLIF"), x, s.text(0))
	case 8:
		return s.choice(x, s.text(0))
	}
	return x
}

func (s Sample) pattern() string {
	return s.pick("YYYY-MM", "Mon YYYY", "FMMonth DD", "Day", `IYYY-"W"IW`, "YY/DDD", "Q", "D ID WW", "DY dy MONTH")
}

// date is an expression that is a date, or the beginning of one.
func (s Sample) date(depth int) string {
	if depth == 0 {
		return s.pick("day", "day", "DATE '2011-11-11'")
	}
	switch s.IntN(5) {
	case 0:
		return s.either(s.pick("COALESCE", "GREATEST", "LEAST", "NULLIF"), s.date(depth-1), s.date(0))
	case 1:
		return s.choice(s.date(depth-1), s.date(0))
	case 2:
		return "(day" + s.pick(" + 1", " - k", " + i", " - 40000") + ")"
	case 3:
		return "CAST(day" + s.pick(" + INTERVAL '1 month'", " - INTERVAL '1 year 1 day'", " + INTERVAL '13 months'", " - INTERVAL '2 weeks'") + " AS date)"
	}
	return "CAST(date_trunc('" + s.pick("month", "quarter", "year", "week", "day") + "', " + s.date(depth-1) + ") AS date)"
}

func (s Sample) either(form, a, b string) string { return form + "(" + a + ", " + b + ")" }

// choice is a CASE with or without an operand.
func (s Sample) choice(a, b string) string {
	switch s.IntN(3) {
	case 0:
		return "CASE " + s.pick("k", "k * 2") + " WHEN 1 THEN " + a + " WHEN 2 THEN " + b + " END"
	case 1:
		return "CASE WHEN " + s.condition(0) + " THEN " + a + " END"
	}
	return "CASE WHEN " + s.condition(1) + " THEN " + a + " WHEN " + s.condition(0) + " THEN " + b + " ELSE " + a + " END"
}

// rowNumber is a function or form whose value is a number.
func (s Sample) rowNumber(depth int) string {
	if s.Clocks && s.IntN(4) == 0 {
		return s.clockNumber()
	}
	x := s.number(max(0, depth-1))
	switch s.IntN(18) {
	case 10:
		return "(" + x + " / " + s.pick("NULLIF(d, 0)", "3.0", "NULLIF(i, 0)", "-0.07", "7") + ")"
	case 11:
		return "(" + x + " % " + s.pick("NULLIF(d, 0)", "k", "2.5", "NULLIF(i, 0)", "-7") + ")"
	case 12:
		return s.pick("ln(NULLIF(abs(", "sqrt(NULLIF(abs(") + x + "), 0))"
	case 13:
		return "exp(" + s.pick("i * 0.1", "k - 3.5", "k * -9") + ")"
	case 14:
		return "(" + s.date(1) + " - " + s.date(0) + ")" + s.pick("", " * 250", " / 365.25", " * (day - DATE '1950-01-01')")
	case 0:
		return s.either(s.pick("COALESCE", "GREATEST", "LEAST", "NULLIF"), x, s.number(0))
	case 1:
		return "GREATEST(" + x + ", " + s.number(0) + ", " + s.number(0) + ")"
	case 2:
		return s.choice(x, s.number(0))
	case 3:
		return s.pick("abs", "sign") + "(" + x + ")"
	case 4:
		return s.pick("round", "floor", "ceil", "trunc") + "(" + x + ")"
	case 5:
		return fmt.Sprintf("%s(%s, %d)", s.pick("round", "trunc"), x, s.IntN(4))
	case 6:
		return fmt.Sprintf("width_bucket(%s, %s, %d)", x, s.pick("-50, 50", "2.5, -10.25", "0, 1000000", "0, 0.001"), 1+s.IntN(9))
	case 7:
		return "length(" + s.text(1) + ")"
	case 8:
		return "extract(" + s.pick("day", "week", "month", "quarter", "year", "decade", "century", "millennium", "dow", "isodow", "doy",
			"isoyear", "epoch", "julian") + " FROM " + s.date(1) + ")"
	case 9:
		return "CAST(" + s.pick("b", "i > 3", "s = 'a'") + " AS integer)"
	}
	return x
}

// rowCondition is a condition over functions and forms.
func (s Sample) rowCondition() string {
	compare := s.pick("=", "<>", "<", "<=", ">", ">=")
	if s.Clocks && s.IntN(3) == 0 {
		return s.clockCondition()
	}
	switch s.IntN(12) {
	case 6:
		return s.text(2) + s.pick(" ~ ", " !~ ", " ~* ") + s.pick("'^[aÄ-]'", "'r.?e'", "'(中|文)+$'", "'^$'", "'^.{2,4}$'")
	case 7:
		return s.text(1) + s.pick(" ILIKE 'ä%'", " NOT ILIKE '%A_'", " SIMILAR TO '(a|Ä)%'")
	case 8:
		return s.pick("i", "s", "day", "d", "b") + " IS " + s.pick("", "NOT ") + "DISTINCT FROM NULL OR k IS DISTINCT FROM i"
	case 9:
		return "d BETWEEN SYMMETRIC 100 AND -k"
	case 10:
		return "i = ANY(ARRAY[1, 2, k]) OR s <> ALL(ARRAY['a', 'b'])"
	case 0:
		return s.text(2) + " " + compare + " " + s.text(1)
	case 1:
		return s.text(2) + " LIKE " + s.pick("'%Ä%'", "'a%'", "'_'", "'%1%'")
	case 2:
		return s.text(1) + " IN ('A', 'a', 'Ä', '1', 'true')"
	case 3:
		return "date_trunc('" + s.pick("month", "decade", "week") + "', day) " + compare + " " + s.date(1)
	case 4:
		return "COALESCE(b, " + s.pick("true", "false", "i > 0") + ")"
	case 5:
		return "(" + s.choice("b", "i > 0") + ")" + s.pick("", " IS TRUE", " IS NULL")
	}
	return s.number(2) + " " + compare + " " + s.number(1)
}

// rowKey is an expression to group by.
func (s Sample) rowKey() string {
	if s.Clocks && s.IntN(3) == 0 {
		return s.clockKey()
	}
	switch s.IntN(12) {
	case 0:
		return s.text(1 + s.IntN(2))
	case 1:
		return "date_trunc('" + s.pick("week", "month", "quarter", "year", "decade", "century", "day") + "', " + s.date(1) + ")"
	case 2:
		return "extract(" + s.pick("month", "year", "dow", "century") + " FROM day)"
	case 3:
		return "to_char(day, '" + s.pattern() + "')"
	case 4:
		return s.condition(1)
	case 5:
		return fmt.Sprintf("width_bucket(%s, -50, 50, %d)", s.number(1), 1+s.IntN(9))
	case 6:
		return s.choice("'low'", "'high'")
	case 7:
		return s.pick("sign(d)", "abs(i)", "i / 30", "i % 3", "round(i * 0.1)", "floor(i * 0.05)", "ceil(i * -0.05)", "trunc(i * 0.05, 1)", "round(d * 0.01)")
	case 8:
		return "length(" + s.text(1) + ")"
	case 9:
		return s.either(s.pick("COALESCE", "GREATEST", "LEAST", "NULLIF"), "k", "2")
	case 10:
		return s.date(2)
	}
	return "(" + s.rowNumber(1) + " + k)"
}
