//go:build postgres

package served_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/datasets"
	"parley/datasets/dialect"
	"parley/datasets/rehearsal"
	"parley/datasets/served"
	"parley/engine"
)

// plans is how many plans each engine aggregates: what PARLEY_SERVED_PLANS says, or a sample.
func plans() int {
	if n, err := strconv.Atoi(os.Getenv("PARLEY_SERVED_PLANS")); err == nil {
		return n
	}
	return 200
}

// TestServedBattery loads random tables into each engine and into files, and has both aggregate random
// plans: every cell of every department is the same.
func TestServedBattery(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { battery(t, s) })
	}
	t.Run("ClickHouse", func(t *testing.T) { battery(t, clickHouseServer(t)) })
}

func battery(t *testing.T, s server) {
	compared, clocks, beyond := 0, 0, map[string]int{}
	for seed := uint64(0); compared < plans(); seed++ {
		sample := rehearsal.NewSample(seed)
		sample.Statistics, sample.Rows = true, seed%2 == 1
		sample.Clocks = seed%4 == 1
		here, there := map[string]*datasets.Table{}, map[string]*datasets.Table{}
		for style := range 3 {
			name := fmt.Sprintf("d%d", style)
			here[name], there[name] = s.both(t, fmt.Sprintf("%s_%d", name, seed), s.held(sample, sample.Table(style, sample.IntN(120))))
		}
		for range 40 {
			question := sample.Question()
			if s.name == "ClickHouse" {
				question = clockColumn.ReplaceAllString(question, "CAST(sent AS time)")
			}
			if s.compare(t, question, here, there, beyond) {
				compared++
				if aboutClocks.MatchString(question) {
					clocks++
				}
			}
		}
		for _, tables := range []map[string]*datasets.Table{here, there} {
			for _, table := range tables {
				table.Close()
			}
		}
		for style := range 3 {
			run(t, s.db, fmt.Sprintf("DROP TABLE d%d_%d", style, seed))
		}
		if seed > 40 && compared == 0 {
			t.Fatal("no question is aggregated there")
		}
	}
	if t.Logf("%d plans, %d of them of timestamps", compared, clocks); clocks == 0 {
		t.Error("no plan of timestamps is compared")
	}
	for _, why := range slices.Sorted(maps.Keys(beyond)) {
		t.Logf("%d: %s", beyond[why], why)
	}
}

// held is a sample's table as the engine can hold it: a timestamp of MariaDB is of the years 1970 to 2038, and
// ClickHouse has moments only.
func (s server) held(sample rehearsal.Sample, text string) string {
	switch {
	case !sample.Clocks:
	case s.name == "MariaDB":
		return sentColumn.ReplaceAllStringFunc(text, func(sent string) string { return beforeOrBeyond.Replace(sent) })
	case s.name == "ClickHouse":
		return momentsAlone.ReplaceAllStringFunc(text, func(row string) string {
			fields := strings.Split(row, ",")
			if fields[1] != "at" && fields[1] != "" {
				fields[1] += "Z"
			}
			return strings.Join(fields[:3], ",")
		})
	}
	return text
}

// The columns at, sent and clock, which are the last; and clock in a question.
var (
	sentColumn     = regexp.MustCompile(`(?m),[^,\n]*,[^,\n]*$`)
	momentsAlone   = regexp.MustCompile(`(?m),[^,\n]*,[^,\n]*,[^,\n]*$`)
	aboutClocks    = regexp.MustCompile(`\b(at|sent|clock)\b`)
	clockColumn    = regexp.MustCompile(`\bclock\b`)
	beforeOrBeyond = strings.NewReplacer(",0001-", ",2001-", ",1582-", ",1982-", ",1969-", ",1979-", ",1970-", ",1980-", ",9999-", ",2037-")
)

// compare asks a question of both, and reports whether the engine has computed it.
func (s server) compare(t *testing.T, question string, here, there map[string]*datasets.Table, beyond map[string]int) bool {
	t.Helper()
	ofFiles, err := rehearsal.Plan(t, question, here)
	ofEngine, also := rehearsal.Plan(t, question, there)
	if refusal := (*engine.Error)(nil); errors.As(err, &refusal) {
		if also == nil || also.Error() != err.Error() {
			t.Errorf("%s: files: %v; %s: %v", question, err, s.name, also)
		}
		return false
	} else if err != nil || also != nil {
		t.Fatalf("%s: %v, %v", question, err, also)
	}
	computed := false
	for name := range here {
		want, err := here[name].Aggregate(context.Background(), ofFiles, name)
		if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		got, err := there[name].Aggregate(context.Background(), ofEngine, name)
		if refusal := (*engine.Error)(nil); errors.As(err, &refusal) {
			if !strings.Contains(err.Error(), `table "t"`) {
				t.Errorf("%s: %v", question, err)
			}
			beyond[refusal.Message]++
			continue
		} else if err != nil {
			t.Fatalf("%s: %s: %v", question, s.name, err)
		}
		computed = true
		if !slices.EqualFunc(got, want, func(a, b *big.Int) bool { return a.Cmp(b) == 0 }) {
			t.Errorf("%s at %s: %s has %v, files have %v", question, name, s.name, got, want)
		}
	}
	return computed
}

// types are those that the columns of a table have in an engine.
var types = map[string]map[engine.Kind]string{
	"PostgreSQL": {engine.Null: "integer", engine.Integer: "bigint", engine.Text: "text", engine.Boolean: "boolean", engine.Date: "date", engine.Decimal: "numeric(38,%d)",
		engine.Timestamp: "timestamp", engine.TimestampTZ: "timestamptz", engine.Time: "time"},
	"ClickHouse": {engine.Null: "Nullable(Int32)", engine.Integer: "Nullable(Int64)", engine.Text: "Nullable(String)", engine.Boolean: "Nullable(Bool)",
		engine.Date: "Nullable(Date32)", engine.Decimal: "Nullable(Decimal(38,%d))", engine.TimestampTZ: "Nullable(DateTime64(6, 'UTC'))"},
	"MariaDB": {engine.Null: "int", engine.Integer: "bigint", engine.Text: "text", engine.Boolean: "boolean", engine.Date: "date", engine.Decimal: "decimal(38,%d)",
		engine.Timestamp: "datetime(6)", engine.TimestampTZ: "timestamp(6) NULL", engine.Time: "time(6)"},
}

// both is the text of a CSV file as a table of files and as one of the engine; their descriptions are the same.
func (s server) both(t *testing.T, name, text string) (here, there *datasets.Table) {
	t.Helper()
	if s.name == "ClickHouse" {
		text = beyondDate32.ReplaceAllString(text, "2200$1")
	}
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path = rehearsal.Twice(t, path)
	here = rehearsal.Open(t, func() (*datasets.Table, error) {
		return datasets.Open(context.Background(), "t", []string{path}, datasets.Options{})
	})
	registered := here.Registration("north", 1)
	var columns, booleans []string
	for _, c := range registered.Columns {
		kind := types[s.name][c.Kind]
		if c.Kind == engine.Decimal {
			kind = fmt.Sprintf(kind, c.Scale)
		}
		if c.Kind == engine.Boolean {
			booleans = append(booleans, c.Name)
		}
		columns = append(columns, dialect.QuoteName(c.Name)+" "+kind)
	}
	create := "CREATE TABLE " + name + " (" + strings.Join(columns, ", ") + ")"
	if s.name == "ClickHouse" {
		create += " ENGINE = MergeTree ORDER BY tuple()"
	}
	run(t, s.db, create)
	for rows := range slices.Chunk(literals(t, here, s.quote()), 500) {
		all := strings.Join(rows, ", ")
		if s.name != "PostgreSQL" { // a moment without its zone, which is UTC
			all = strings.ReplaceAll(all, "+00'", "'")
		}
		run(t, s.db, "INSERT INTO "+name+" VALUES "+all)
	}
	there = rehearsal.Open(t, func() (*datasets.Table, error) {
		return datasets.Connect(context.Background(), "t", served.Options{Source: s.source, Table: name, Booleans: booleans})
	})
	also := there.Registration("north", 1)
	for i := range registered.Columns {
		registered.Columns[i].Resembles = engine.Null // of text in files alone
	}
	also.Digest = registered.Digest
	if !slices.Equal(engine.Marshal(also), engine.Marshal(registered)) {
		t.Fatalf("files: %+v\n%s: %+v", registered, s.name, also)
	}
	return here, there
}

// beyondDate32 finds days that a Date32 of ClickHouse cannot be.
var beyondDate32 = regexp.MustCompile(`\b(?:0\d|1[0-8]|2[3-9]|[3-9]\d)\d\d(-\d\d-\d\d)\b`)

// quote writes a text as a constant.
func (s server) quote() func(string) string {
	if s.name == "ClickHouse" {
		return dialect.ClickHouse.Quote
	}
	return dialect.QuoteText
}

// literals are the rows of a table as constants of SQL.
func literals(t *testing.T, table *datasets.Table, quote func(string) string) (rows []string) {
	t.Helper()
	columns := table.Registration("north", 1).Columns
	if err := table.Each(context.Background(), func(row []any) error {
		var values []string
		for i, c := range columns {
			values = append(values, literal(row[i], c, quote))
		}
		rows = append(rows, "("+strings.Join(values, ", ")+")")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

func literal(value any, c engine.Column, quote func(string) string) string {
	d := engine.Datum{Kind: c.Kind, Scale: c.Scale}
	switch v := value.(type) {
	case nil:
		return "NULL"
	case string:
		return quote(v)
	case bool:
		return strconv.FormatBool(v)
	case int32:
		d.Number = big.NewInt(int64(v))
	case int64:
		d.Number = big.NewInt(v)
	case *big.Int:
		d.Number = v
	}
	return dialect.QuoteText(d.String())
}

// TestServedEveryDay compares the fields and periods of dates that engines have with those of files: at
// days where years of all kinds, their weeks and leap days turn.
func TestServedEveryDay(t *testing.T) {
	for _, s := range append(servers(t), clickHouseServer(t)) {
		var rows strings.Builder
		rows.WriteString("day\n")
		for _, year := range []int{10, 11, 99, 100, 101, 999, 1000, 1001, 1582, 1899, 1900, 1901, 1969, 1970, 1999, 2000, 2001, 2019, 2020, 2021, 2024, 9999} {
			if s.name == "ClickHouse" && (year < 1900 || year > 2299) {
				continue // it has no such dates
			}
			for _, day := range []string{"01-01", "01-03", "01-04", "02-28", "03-01", "06-30", "07-01", "12-28", "12-31"} {
				fmt.Fprintf(&rows, "%04d-%s\n", year, day)
			}
		}
		here, there := s.both(t, "days", rows.String())
		var list []string
		for _, field := range dialect.PostgreSQL.Parts() {
			list = append(list, "sum(EXTRACT("+field+" FROM day) * EXTRACT(day FROM day))")
		}
		for _, period := range dialect.PostgreSQL.Periods() {
			list = append(list, "sum(EXTRACT(year FROM date_trunc('"+period+"', day)) * 400 + EXTRACT(doy FROM date_trunc('"+period+"', day)))")
		}
		beyond := map[string]int{}
		list = append(list, "sum(extract(quarter FROM day - 1) * 100000000000000000000)") // days among wide integers
		question := "SELECT day, " + strings.Join(list, ", ") + " FROM t GROUP BY day"
		if !s.compare(t, question, map[string]*datasets.Table{"a": here}, map[string]*datasets.Table{"a": there}, beyond) {
			t.Errorf("%s: not compared: %v", s.name, beyond)
		}
	}
}
