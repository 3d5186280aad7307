package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file makes random questions of the grammar over rows as text alone. What they mean is
// PostgreSQL's to say (postgres_rows_test.go); here they must be answered, alike however the rows
// are dealt to departments.

// speaker writes random SQL over the columns of a refTable.
type speaker struct {
	*rand.Rand
}

func (s speaker) one(texts ...string) string { return texts[s.IntN(len(texts))] }

func (s speaker) number(depth int) string {
	if depth <= 0 {
		return s.one("k", "I", `"Dec"`, "mixed", "3", "0.5", "-2", "2.25", "人口数_合计", "k", "I")
	}
	d := depth - 1
	switch s.IntN(25) {
	case 22:
		return fmt.Sprintf("extract(%s from %s)", s.one("hour", "minute", "second", "milliseconds", "microseconds", "epoch", "year", "dow", "doy"), s.stamp(d))
	case 23:
		return fmt.Sprintf("extract(%s from %s)", s.one("hour", "minute", "second", "milliseconds", "microseconds", "epoch"), s.clock(d))
	case 24:
		return fmt.Sprintf("extract(epoch from %s)", s.one("at - sent", "sent - at", "at - day", "clock - TIME '06:30'", "at - TIMESTAMP '2000-01-01 12:00'"))
	case 16:
		return fmt.Sprintf("(%s / nullif(%s, 0))", s.number(0), s.one("k", "I", `"Dec"`, "mixed", "(k - I)"))
	case 17:
		return fmt.Sprintf("(%s / %s)", s.decimal(d), s.one("3", "0.7", "-11"))
	case 18:
		return fmt.Sprintf("(%s - %s)", s.one("day", "DATE '1999-12-31'"), s.one("day", "DATE '1970-01-01'"))
	case 19:
		return fmt.Sprintf("(%s %% nullif(%s, 0))", s.one("k", "I", `"Dec"`), s.one("k", "I", `"Dec"`, "3"))
	case 0:
		return fmt.Sprintf("(%s %s %s)", s.number(d), s.one("+", "-", "*"), s.number(d))
	case 1:
		return fmt.Sprintf("(%s %s %s)", s.one("k", "I", "人口数_合计"), s.one("/", "%"), s.one("2", "3", "7", "10", "-4"))
	case 2:
		return s.choice(depth, s.number)
	case 3:
		return fmt.Sprintf("coalesce(%s, %s)", s.number(d), s.number(d))
	case 4:
		return fmt.Sprintf("nullif(%s, %s)", s.number(d), s.one("0", "1", "k"))
	case 5:
		return fmt.Sprintf("%s(%s, %s)", s.one("greatest", "least"), s.number(d), s.number(d))
	case 6:
		return fmt.Sprintf("abs(%s)", s.number(d))
	case 7:
		return fmt.Sprintf("%s(%s)", s.one("floor", "ceil", "round", "trunc", "sign"), s.decimal(d))
	case 8:
		return fmt.Sprintf("%s(%s, %d)", s.one("round", "trunc"), s.decimal(d), s.IntN(3))
	case 9:
		return fmt.Sprintf("width_bucket(%s, %s, %s, %d)", s.number(d), s.one("-1", "0", "1.5"), s.one("2", "10", "-3.5"), 1+s.IntN(6))
	case 10:
		return fmt.Sprintf("(%s)::int", s.condition(d))
	case 11:
		return fmt.Sprintf("length(%s)", s.text(d))
	case 12:
		return fmt.Sprintf("extract(%s from %s)", s.one("year", "month", "day", "dow", "isodow", "doy", "week", "quarter", "isoyear", "decade", "century", "millennium", "epoch", "julian"), s.date(d))
	case 13:
		return fmt.Sprintf("(%s)::%s", s.decimal(d), s.one("int", "bigint", "numeric"))
	}
	return s.number(0)
}

// decimal is a numeric: PostgreSQL rounds an integer as a double precision.
func (s speaker) decimal(depth int) string {
	if depth <= 0 {
		return s.one(`"Dec"`, "0.75", "-1.5", "2.5::numeric")
	}
	return fmt.Sprintf("(%s %s %s)", s.one(`"Dec"`, "0.25"), s.one("+", "-", "*"), s.number(depth-1))
}

func (s speaker) choice(depth int, of func(int) string) string {
	var b strings.Builder
	b.WriteString("CASE")
	operand := s.IntN(4) == 0
	if operand {
		b.WriteString(" k")
	}
	for range 1 + s.IntN(3) {
		when := s.condition(depth - 1)
		if operand {
			when = s.one("0", "1", "2", "I", "3")
		}
		fmt.Fprintf(&b, " WHEN %s THEN %s", when, of(depth-1))
	}
	if s.IntN(3) > 0 {
		fmt.Fprintf(&b, " ELSE %s", of(depth-1))
	}
	return b.String() + " END"
}

func (s speaker) text(depth int) string {
	if depth <= 0 {
		return s.one("t", "t", "t", "'x'", "''", "'Él湖'")
	}
	d := depth - 1
	switch s.IntN(16) {
	case 14:
		return fmt.Sprintf("to_char(%s, %s)", s.stamp(d), s.one("'YYYY-MM'", "'YYYY-MM-DD HH24:MI'", "'HH12 AM'", "'FMHH24:FMMI:FMSS.MS'", "'HH24'", "'DD HH:MI:SS pm'", "'US'", "'SSSS'", "'SSSSS Day'"))
	case 15:
		return s.one("(at)::text", "sent::text", "clock::text", "to_char(clock, 'HH24:MI')", "to_char(clock, 'FMHH12 PM SS')", "concat(at, sent)", "(t || clock)")
	case 12:
		return fmt.Sprintf("%s(%s%s)", s.one("btrim", "ltrim", "rtrim", "trim"), s.text(d), s.one("", ", 'ab'", ", ' x湖'"))
	case 0:
		return fmt.Sprintf("%s(%s)", s.one("upper", "lower"), s.text(d))
	case 1:
		return fmt.Sprintf("left(%s, %d)", s.text(d), s.IntN(4))
	case 2:
		return fmt.Sprintf("substr(%s, %d, %d)", s.text(d), s.IntN(5)-1, s.IntN(3))
	case 3:
		return fmt.Sprintf("substring(%s from %d)", s.text(d), s.IntN(4))
	case 4:
		return fmt.Sprintf("(%s || %s)", s.text(d), s.one("'-'", "t", "k", "flag"))
	case 5:
		return s.choice(depth, s.text)
	case 6:
		return fmt.Sprintf("coalesce(%s, %s)", s.text(d), s.text(d))
	case 7:
		return fmt.Sprintf("%s::text", s.one("k", "I", "flag", "day", `"Dec"`))
	case 8:
		return fmt.Sprintf("to_char(%s, %s)", s.date(d), s.one("'YYYY-MM'", "'YYYY'", "'Mon YY'", "'FMMonth'", "'IYYY-IW'", `'"Q"Q'`, "'Day'", "'DDD'", "'D ID WW'", "'FMDD.FMMM.YYYY'", "'DAY DY dy MONTH month MON mon'"))
	case 9:
		return fmt.Sprintf("concat(%s, %s)", s.text(d), s.one("k", "t", "flag", "day", "'z'"))
	}
	return s.text(0)
}

func (s speaker) date(depth int) string {
	if depth <= 0 {
		return s.one("day", "day", "day", "DATE '2000-02-29'")
	}
	d := depth - 1
	switch s.IntN(10) {
	case 8:
		return fmt.Sprintf("(%s %s INTERVAL '%s')", s.date(d), s.one("+", "-"), s.one("1 month", "3 months", "1 year 2 days", "10 days", "2 weeks"))
	case 9:
		return fmt.Sprintf("(%s %s %s)", s.one("day", "DATE '2000-02-29'"), s.one("+", "-"), s.one("k::int", "30", "I::int"))
	case 0:
		return s.choice(depth, s.date)
	case 1:
		return fmt.Sprintf("coalesce(%s, %s)", s.date(d), s.date(d))
	case 2, 3:
		return fmt.Sprintf("date_trunc('%s', %s)", s.one("day", "week", "month", "quarter", "year", "decade", "century", "millennium"), s.date(d))
	case 4:
		return fmt.Sprintf("greatest(%s, %s)", s.date(d), s.date(d))
	case 5:
		return fmt.Sprintf("(%s)::date", s.date(d))
	}
	return s.date(0)
}

// stamp is a timestamp, with a time zone or without.
func (s speaker) stamp(depth int) string {
	if depth <= 0 {
		return s.one("at", "at", "sent", "sent", "TIMESTAMP '2000-02-29 12:34:56.789'", "TIMESTAMPTZ '1969-12-31T23:00:00-01:30'")
	}
	d := depth - 1
	switch s.IntN(10) {
	case 0:
		return fmt.Sprintf("date_trunc('%s', %s)", s.one("hour", "minute", "second", "milliseconds", "day", "month", "week"), s.stamp(d))
	case 1:
		return fmt.Sprintf("(%s %s INTERVAL '%s')", s.stamp(d), s.one("+", "-"), s.one("90 minutes", "1 month", "25 hours", "1 day 1 second", "13 months 500 ms", "3 us"))
	case 2:
		return fmt.Sprintf("(%s)::%s", s.stamp(d), s.one("timestamp", "timestamptz"))
	case 3:
		return fmt.Sprintf("(%s)::timestamp", s.date(0))
	case 4:
		return s.one("(day + clock)", "(clock + day)", "(day + TIME '12:00')")
	case 5:
		return fmt.Sprintf("%s(%s, %s)", s.one("coalesce", "greatest", "least"), s.stamp(d), s.stamp(0))
	case 6:
		return s.choice(depth, s.stamp)
	}
	return s.stamp(0)
}

// clock is a time of day.
func (s speaker) clock(depth int) string {
	if depth <= 0 {
		return s.one("clock", "clock", "TIME '23:59:59.5'", "TIME '00:00'")
	}
	switch s.IntN(5) {
	case 0:
		return fmt.Sprintf("(%s)::time", s.stamp(depth-1))
	case 1:
		return fmt.Sprintf("(%s %s INTERVAL '%s')", s.clock(depth-1), s.one("+", "-"), s.one("90 minutes", "1 second", "25 hours", "1 day"))
	case 2:
		return fmt.Sprintf("%s(%s, %s)", s.one("coalesce", "greatest", "least"), s.clock(depth-1), s.clock(0))
	}
	return s.clock(0)
}

func (s speaker) condition(depth int) string {
	if depth <= 0 {
		return s.one("flag", "k > 1", "I IS NULL", "t = 'a'", `"Dec" < 0.5`, "day >= '2000-01-01'")
	}
	d := depth - 1
	compare := func() string { return s.one("=", "<>", "<", "<=", ">", ">=") }
	switch s.IntN(21) {
	case 18:
		return fmt.Sprintf("%s %s %s", s.stamp(d), compare(), s.one(s.stamp(d), s.date(0), "'2000-01-01'", "'2000-01-01 12:30'"))
	case 19:
		return fmt.Sprintf("%s %s %s", s.clock(d), compare(), s.one(s.clock(d), "'12:30'"))
	case 20:
		return s.one("at BETWEEN '1970-01-01' AND '2000-01-01 12:34:56.789'", "at::date = day", "sent IN ('2000-02-29 12:34:56Z', '1970-01-01')", "clock < '12:00'", "at = sent", "at > day", "(sent)::date < DATE '2000-01-01'")
	case 12:
		return fmt.Sprintf("%s IS %sDISTINCT FROM %s", s.number(d), s.one("", "NOT "), s.number(d))
	case 13:
		return fmt.Sprintf("%s = ANY (ARRAY[%s, %s])", s.text(d), s.one("'a'", "'湖北'"), s.one("'b'", "'it''s'"))
	case 14:
		return fmt.Sprintf("%s %sILIKE '%s'", s.text(d), s.one("", "NOT "), s.one("A%", "%B", "é", "x_"))
	case 15:
		return fmt.Sprintf("%s %s '%s'", s.text(d), s.one("~", "!~"), s.one("^a", "[ab]$", "湖.", "\\d+", "^(a|b)*$", "a{1,2}", "[^a-z]", "[[:digit:]]", "x?\\D$"))
	case 16:
		return fmt.Sprintf("%s %sSIMILAR TO '%s'", s.text(d), s.one("", "NOT "), s.one("a%", "(a|b)_*", "%[北南]", "a.b"))
	case 17:
		return fmt.Sprintf("%s BETWEEN SYMMETRIC %s AND %s", s.number(d), s.number(0), s.number(0))
	case 0, 1:
		return fmt.Sprintf("%s %s %s", s.number(d), compare(), s.number(d))
	case 2:
		return fmt.Sprintf("%s %s %s", s.text(d), compare(), s.text(d))
	case 3:
		return fmt.Sprintf("%s %s %s", s.date(d), compare(), s.date(d))
	case 4:
		return fmt.Sprintf("(%s AND %s)", s.condition(d), s.condition(d))
	case 5:
		return fmt.Sprintf("(%s OR %s)", s.condition(d), s.condition(d))
	case 6:
		return fmt.Sprintf("NOT (%s)", s.condition(d))
	case 7:
		return fmt.Sprintf("(%s) IS %sNULL", s.number(d), s.one("", "NOT "))
	case 8:
		return fmt.Sprintf("%s IN (%s, %s)", s.number(d), s.number(d), s.number(0))
	case 9:
		return fmt.Sprintf("%s LIKE '%s'", s.text(d), s.one("a%", "%b", "_", "湖%"))
	case 10:
		return fmt.Sprintf("(%s) IS %sTRUE", s.condition(d), s.one("", "NOT "))
	}
	return s.condition(0)
}

// key is an entry of GROUP BY: no column that has no dictionary stands in it.
func (s speaker) key(depth int) string {
	of := []func(int) string{s.number, s.text, s.date, s.condition, s.stamp, s.clock}[s.IntN(6)]
	return of(depth)
}

func (s speaker) aggregate(depth int) string {
	filter := ""
	if s.IntN(4) == 0 {
		filter = " FILTER (WHERE " + s.condition(depth) + ")"
	}
	switch s.IntN(12) {
	case 7:
		return fmt.Sprintf("%s(%s)", s.one("bool_or", "bool_and", "every"), s.condition(depth)) + filter
	case 8:
		return fmt.Sprintf("%s(DISTINCT %s)", s.one("count", "sum", "avg"), s.one("k", "I", `"Dec"`, "abs(I)", "k * 2 - I", "mixed")) + filter
	case 9:
		return fmt.Sprintf("%s(%s)", s.one("min", "max"), s.one("k", "abs(I)", `"Dec" * 2`, "upper(t)", "date_trunc('month', day)", "left(t, 1)", "coalesce(I, 0)", "at", "sent", "clock", "date_trunc('hour', at)", "at::date")) + filter
	case 10:
		return fmt.Sprintf("count(DISTINCT %s)", s.one("upper(t)", "extract(year from day)", "k > 1", "t", "at", "clock", "sent::time")) + filter
	case 11:
		return fmt.Sprintf("%s WITHIN GROUP (ORDER BY %s)", s.one("mode()", "percentile_disc(0.5)", "percentile_cont(0.25)"), s.one("abs(I)", "k", `"Dec"`, "k + I")) + filter
	case 0:
		return "count(*)" + filter
	case 1:
		return "count(" + s.one(s.number(depth), s.text(depth), s.condition(depth)) + ")" + filter
	case 2:
		return "avg(" + s.number(depth) + ")" + filter
	case 3:
		return "var_samp(" + s.number(depth) + ")" + filter
	case 4:
		return "regr_count(" + s.number(depth) + ", " + s.number(depth) + ")" + filter
	}
	return "sum(" + s.number(depth) + ")" + filter
}

// figure is a number over the cells of a group.
func (s speaker) figure(depth int) string {
	base := func() string {
		return s.one("count(*)", "sum(k)", `sum("Dec")`, "avg(I)", `avg("Dec")`, "count(t)", "var_pop(k)", `max("Dec")`, "min(k)")
	}
	if depth <= 0 {
		return base()
	}
	d := depth - 1
	switch s.IntN(16) {
	case 0:
		return fmt.Sprintf("round(%s::numeric, %d)", s.figure(d), s.IntN(5)-1)
	case 1:
		return fmt.Sprintf("%s(%s)", s.one("floor", "ceil", "round", "trunc", "abs", "sign"), s.figure(d))
	case 2:
		return fmt.Sprintf("sqrt(abs(%s))", s.figure(d))
	case 3:
		return fmt.Sprintf("ln(1 + abs(%s))", s.figure(d))
	case 4:
		return fmt.Sprintf("exp(least(%s, 3))", base())
	case 5:
		return fmt.Sprintf("power(%s, 2)", base())
	case 6:
		return fmt.Sprintf("coalesce(%s, %s)", s.figure(d), s.one("0", "1.50"))
	case 7:
		return fmt.Sprintf("nullif(%s, %s)", s.figure(d), s.one("0", "1"))
	case 8:
		return fmt.Sprintf("CASE WHEN %s > %s THEN %s ELSE %s END", base(), s.one("0", "2"), s.figure(d), s.figure(d))
	case 9:
		return fmt.Sprintf("(%s)::%s", s.figure(d), s.one("bigint", "numeric", "numeric(20,2)", "double precision"))
	case 10:
		return fmt.Sprintf("%s(%s, %s)", s.one("greatest", "least"), s.figure(d), s.figure(d))
	case 11:
		return fmt.Sprintf("(%s %s %s)", s.figure(d), s.one("+", "-", "*"), s.figure(d))
	case 12:
		return fmt.Sprintf("(100.0 * %s / nullif(%s, 0))", base(), base())
	}
	return base()
}

// window is a window function over the groups; order leaves nothing open.
func (s speaker) window(order string) string {
	over := "OVER ()"
	partition := ""
	if s.IntN(3) == 0 {
		partition = "PARTITION BY count(*) > 1 "
	}
	if order != "" {
		over = "OVER (" + partition + "ORDER BY " + order + s.one("", "", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
			" ROWS UNBOUNDED PRECEDING", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW") + ")"
		if s.IntN(3) == 0 {
			return s.one("row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(3)", "lag(count(*))", "lead(sum(k), 2, -1)", "first_value(avg(I))", "last_value(count(*))") + " " + over
		}
		if s.IntN(4) == 0 {
			return s.one("rank()", "dense_rank()", "cume_dist()") + " OVER (" + partition + "ORDER BY count(*) DESC)"
		}
	}
	return s.one("sum(count(*))", "100.0 * count(*) / sum(count(*))", `sum(sum("Dec"))`, "avg(count(*))", "max(avg(I))", "min(count(*))", "count(*)", "count(sum(I))", "avg(avg(k))") + " " + over
}

// question is a whole one: keys, aggregates of them, in an order that leaves nothing open.
func (s speaker) question() string {
	depth := 1 + s.IntN(3)
	var outputs, numbers []string
	for i := range s.IntN(3) {
		outputs = append(outputs, s.key(depth))
		numbers = append(numbers, fmt.Sprint(i+1))
	}
	sets := len(numbers) > 0 && s.IntN(4) == 0 // of which no key is a literal, which PostgreSQL does not leave out
	if sets {
		for i := range outputs {
			outputs[i] = [][]string{{"t", "k", "upper(t)"}, {"flag", "I > 0", "date_trunc('year', day)"}}[i][s.IntN(3)]
		}
		if s.IntN(2) == 0 {
			outputs = append(outputs, "grouping("+strings.Join(outputs, ", ")+")")
		}
	}
	for range 1 + s.IntN(3) {
		if s.IntN(3) == 0 {
			outputs = append(outputs, s.figure(depth))
			continue
		}
		outputs = append(outputs, s.aggregate(depth))
	}
	if !sets && s.IntN(4) == 0 {
		var keys []string
		for i := range numbers {
			keys = append(keys, outputs[i])
		}
		outputs = append(outputs, s.window(strings.Join(keys, ", ")))
	}
	distinct := ""
	if !sets && s.IntN(6) == 0 { // PostgreSQL 15 takes a key that WHERE fixes for constant in every set then
		distinct = "DISTINCT "
	}
	out := "SELECT " + distinct + strings.Join(outputs, ", ") + " FROM things"
	if s.IntN(3) == 0 {
		out += " WHERE " + s.condition(depth)
	}
	if len(numbers) > 0 {
		by := strings.Join(numbers, ", ")
		groups := by
		if sets {
			groups = s.one("ROLLUP ("+by+")", "CUBE ("+by+")", "GROUPING SETS (("+by+"), "+numbers[0]+", ())", numbers[0]+", ROLLUP ("+by+")")
			by += ", " + outputsBehind(outputs)
		}
		out += " GROUP BY " + groups + " ORDER BY " + by
	}
	return out
}

// outputsBehind numbers all outputs: sets of groups may have equal keys.
func outputsBehind(outputs []string) string {
	var out []string
	for i := range outputs {
		out = append(out, fmt.Sprint(i+1))
	}
	return strings.Join(out, ", ")
}

// pooled is the table with all rows in the first department, or dealt otherwise.
func (t *refTable) dealt(r *rand.Rand) *refTable {
	out := &refTable{columns: t.columns, mixed: t.mixed, void: t.void, parts: make([][]row, len(t.parts))}
	for d, part := range t.parts {
		for _, x := range part {
			to := r.IntN(len(t.parts))
			if t.mixed[to] != t.mixed[d] || t.void[to] != t.void[d] {
				to = d
			}
			out.parts[to] = append(out.parts[to], x)
		}
	}
	return out
}

// printed is an answer as text, NULL as "<null>".
func printed(r *Result) (answer []string) {
	for _, row := range r.Rows {
		var line []string
		for _, v := range row {
			if v.Text == nil {
				line = append(line, "<null>")
			} else {
				line = append(line, *v.Text)
			}
		}
		answer = append(answer, strings.Join(line, " | "))
	}
	return answer
}

// publishes reports whether a question is refused since a key of its groups takes its values from
// the column that has no dictionary: its rows would be shown.
func publishes(refused *Error) bool {
	return refused.Code == CodeType && strings.Contains(refused.Message, "cannot be grouped by") &&
		strings.Contains(refused.Error(), "人口数_合计")
}

// TestRowExpressions: of random questions of the grammar over rows that show no row, at least 95 %
// are answered, and alike however the rows are dealt.
func TestRowExpressions(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 40
	}
	answered, shown, refusals := 0, 0, map[string]int{}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		table := newTable(r)
		other := table.dealt(r)
		sql := speaker{r}.question()
		packing := testPackings[seed%len(testPackings)]
		answer := func(table *refTable) (string, error) {
			cat, departments := table.catalogue()
			p, err := NewPlan(sql, cat, departments, packing)
			if err != nil {
				return "", err
			}
			result, err := table.sealed(t, p)
			if err != nil {
				return "", err
			}
			return strings.Join(printed(result), "\n"), nil
		}
		got, err := answer(table)
		var refused *Error
		switch {
		case errors.As(err, &refused) && publishes(refused):
			shown++
			continue
		case errors.As(err, &refused):
			refusals[refused.Code+" "+refused.Message]++
			continue
		case err != nil:
			t.Fatalf("seed %d: %s\n%v", seed, sql, err)
		}
		answered++
		again, err := answer(other)
		if err == nil && again != got {
			t.Fatalf("seed %d: %s\ngives\n%s\nand dealt otherwise\n%s", seed, sql, got, again)
		}
	}
	asked := rounds - shown
	t.Logf("%d of %d that show no row answered (%.1f %%), %d show rows, refused: %v",
		answered, asked, 100*float64(answered)/float64(asked), shown, refusals)
	if answered*100 < asked*95 || shown*10 > rounds {
		t.Error("too many are refused")
	}
}

// BenchmarkPlanRow plans random questions of the grammar over rows, and tells the 99th percentile of
// the time that one takes.
func BenchmarkPlanRow(b *testing.B) {
	type asked struct {
		sql         string
		cat         Catalogue
		departments []string
	}
	var list []asked
	for seed := range 500 {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		table := newTable(r)
		cat, departments := table.catalogue()
		list = append(list, asked{speaker{r}.question(), cat, departments})
	}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		q := list[i%len(list)]
		began := time.Now()
		if s, err := NewSession(q.sql, q.cat, q.departments, testPackings[0]); err == nil && s.Plan() == nil {
			b.Fatalf("%s has no plan", q.sql)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
}
