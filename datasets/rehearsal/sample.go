package rehearsal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// A Sample makes random tables and questions, for tests that compare two ways to compute the
// same.
type Sample struct {
	*rand.Rand
	// Statistics: questions have also those that plain SQL does not know.
	Statistics bool
	// Rows: tables have also values, and questions expressions, for functions and forms over rows.
	Rows bool
	// Clocks, with Rows: also timestamps and times of day.
	Clocks bool
}

// NewSample draws from a seed.
func NewSample(seed uint64) Sample { return Sample{Rand: rand.New(rand.NewPCG(seed, 20))} }

func (s Sample) pick(options ...string) string { return options[s.IntN(len(options))] }

// columns of a sample table: k and s are for grouping.
const sampleHeader = "k,i,big,d,wide,s,b,day,u"

// row makes one row; style makes departments differ in scale and kind.
func (s Sample) row(style int) string {
	null := func(rate float64, v string) string {
		if s.Float64() < rate {
			return ""
		}
		return v
	}
	fields := []string{
		null(.1, s.pick("1", "2", "3")),
		null(.1, fmt.Sprint(s.IntN(200)-100)),
		null(.2, s.pick("9223372036854775807", "-9223372036854775808", "0", "-1", fmt.Sprint(s.Int64()))),
		null(.1, s.decimal(style, 4)),
		null(.1, s.decimal(3+style, 19)),
		null(.1, s.pick("a", "b", "ab", `a%b`, `"x,y"`, `"qu""ote"`, "ä", "中文", `""`, "a_b", `back\slash`)),
		null(.2, s.pick("true", "false")),
		null(.2, fmt.Sprintf("20%02d-%02d-%02d", s.IntN(30), 1+s.IntN(12), 1+s.IntN(28))),
		"",
	}
	if s.Rows && s.IntN(2) == 0 {
		fields[5], fields[7] = s.pick(rowTexts...), s.pick(rowDays...)
	}
	if style == 2 {
		fields[8] = null(.3, fmt.Sprint(s.IntN(9)))
	}
	if s.Clocks {
		for _, field := range s.clockFields() {
			fields = append(fields, null(.1, field))
		}
	}
	return strings.Join(fields, ",")
}

// decimal writes a number with up to that many digits before the point.
func (s Sample) decimal(scale, digits int) string {
	n := fmt.Sprint(s.IntN(10))
	for range s.IntN(digits) {
		n += fmt.Sprint(s.IntN(10))
	}
	n = strings.TrimLeft(n, "0")
	if n == "" {
		n = "0"
	}
	if scale > 0 {
		n += "." + fmt.Sprintf("%0*d", scale, s.Int64N(int64(math.Pow10(scale))))
	}
	return s.pick("", "-") + n
}

// Table writes the text of a table as CSV; departments of another style have other scales and
// kinds of the same columns.
func (s Sample) Table(style, rows int) string {
	var b strings.Builder
	b.WriteString(sampleHeader)
	if s.Clocks {
		b.WriteString(clockHeader)
	}
	b.WriteString("\n")
	for range rows {
		b.WriteString(s.row(style) + "\n")
	}
	return b.String()
}

func (s Sample) number(depth int) string {
	if s.Rows && depth > 0 && s.IntN(3) == 0 {
		return s.rowNumber(depth)
	}
	if depth == 0 || s.IntN(3) == 0 {
		return s.pick("i", "d", "i", "d", "big", "wide", "u", "2", "0.25", "-3", "1000000")
	}
	return "(" + s.number(depth-1) + s.pick(" + ", " - ", " * ") + s.number(depth-1) + ")"
}

// integer is an expression that may be divided.
func (s Sample) integer() string {
	return s.pick("i", "big", "(i * 7)", "i / 3", "i % 4", "big / 10", "-big % 1000", "i / -2")
}

func (s Sample) condition(depth int) string {
	if depth > 0 && s.IntN(2) == 0 {
		a, b := s.condition(depth-1), s.condition(depth-1)
		return s.pick("("+a+" AND "+b+")", "("+a+" OR "+b+")", "NOT ("+a+")")
	}
	if s.Rows && depth > 0 && s.IntN(2) == 0 {
		return s.rowCondition()
	}
	compare := s.pick("=", "<>", "<", "<=", ">", ">=")
	switch s.IntN(11) {
	case 0:
		return s.number(1) + " " + compare + " " + s.number(1)
	case 1:
		return s.integer() + " " + compare + " " + fmt.Sprint(s.IntN(9)-4)
	case 2:
		return "s " + compare + " " + s.pick("'a'", "'ab'", "'中'", "''", `'a_b'`)
	case 3:
		return "s LIKE " + s.pick(`'a%'`, `'%b'`, `'_'`, `'a\%b'`, `'a\_b'`, `'%'`, `''`, `'%文'`, `'back\\slash'`, `'__'`)
	case 4:
		return "day " + compare + " '2015-06-01'"
	case 5:
		return "day BETWEEN '2005-01-01' AND '2020-12-31'"
	case 6:
		return s.pick("b", "NOT b", "b IS TRUE", "b IS NOT TRUE", "b IS FALSE", "b = false")
	case 7:
		return s.pick("i", "d", "s", "b", "day", "u", "wide") + s.pick(" IS NULL", " IS NOT NULL")
	case 8:
		return "k IN (1, 3)"
	case 9:
		return "s NOT IN ('a', 'b', '中文')"
	}
	return "d BETWEEN -10.5 AND 1000.25"
}

func (s Sample) aggregate() string {
	filter := ""
	if s.IntN(3) == 0 {
		filter = " FILTER (WHERE " + s.condition(1) + ")"
	}
	kinds := 4
	if s.Statistics {
		kinds = 6
	}
	if s.Clocks && s.IntN(4) == 0 {
		return s.pick("count("+s.pick("at", "clock", s.stamp(1))+")", "min(at)", "max(clock)", "count(DISTINCT sent)", "mode() WITHIN GROUP (ORDER BY clock)",
			"sum("+s.clockNumber()+")") + filter
	}
	switch s.IntN(kinds) {
	case 4:
		return s.pick("var_samp", "stddev_pop", "skewness") + "(" + s.number(1) + ")" + filter
	case 5:
		return s.pick("median(k)", "median(i)", "mode() WITHIN GROUP (ORDER BY d)", "min(s)", "max(day)", "count(DISTINCT b)",
			"percentile_disc(0.3) WITHIN GROUP (ORDER BY s)", "corr(i, k)", "regr_slope(d, i)") + filter
	case 0:
		return "count(*)" + filter
	case 1:
		return "count(" + s.pick("i", "s", "b", "day", "u", "d", s.number(2)) + ")" + filter
	case 2:
		return "avg(" + s.number(1) + ")" + filter
	}
	return "sum(" + s.number(2) + ")" + filter
}

// Question writes one, of a table t.
func (s Sample) Question() string {
	keys := [][]string{nil, {"k"}, {"s"}, {"b", "k"}, {"s", "b"}, {"day"}}[s.IntN(6)]
	if s.Rows {
		for i := range keys {
			if s.IntN(2) == 0 {
				keys[i] = s.rowKey()
			}
		}
	}
	list := append([]string(nil), keys...)
	for range 1 + s.IntN(4) {
		list = append(list, s.aggregate())
	}
	if s.Statistics && s.IntN(5) == 0 { // alone
		list = append(append([]string(nil), keys...), s.pick("linreg(i, k, d, b, k*b)", "logreg_step(ARRAY[0.25, -0.01, 0.5], b, i, d)", "anova(d, s)", "crosstab(s, k)",
			"histogram(i, -50, 50, 7)", "histogram(d, ARRAY[-5, 0, 0.5, 3, 7, 900])", "buckets(i, -100, 20, 10)", s.clocked("buckets(at, TIMESTAMP '2010-01-01', 86400.5, 100)", "histogram(clock, ARRAY['00:00', '06:30:00.5', TIME '12:30'])"),
			"histogram(day, ARRAY[date '2001-01-01', '2010-05-05', '2015-01-01', '2020-01-01', '2029-12-31'])", "ttest(i, b)", "mannwhitney(i, b)", "survival(i, b, k)", "lorenz(k, s, k)", "ratio(i, d)", "describe(d)"))
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM t"
	if s.IntN(2) == 0 {
		sql += " WHERE " + s.condition(2)
	}
	if len(keys) > 0 {
		sql += " GROUP BY " + strings.Join(keys, ", ") + " ORDER BY " + strings.Join(keys, ", ")
	}
	return sql
}
