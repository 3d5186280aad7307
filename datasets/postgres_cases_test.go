//go:build postgres

package datasets_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"parley/datasets"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// pooled makes PostgreSQL's table of the rows of all departments, of the types that they register.
func pooled(t *testing.T, conn *pgx.Conn, name string, tables map[string]*datasets.Table, files map[string]string) {
	t.Helper()
	var registered []engine.Registration
	for _, department := range slices.Sorted(maps.Keys(tables)) {
		registered = append(registered, tables[department].Registration(department, 1))
	}
	schema, err := engine.Merge(registered)
	if err != nil {
		t.Fatal(err)
	}
	var columns, rows []string
	for _, c := range schema.Columns {
		kind := map[engine.Kind]string{engine.Null: "bigint", engine.Integer: "bigint", engine.Text: "text", engine.Boolean: "boolean",
			engine.Date: "date", engine.Decimal: fmt.Sprintf("numeric(38,%d)", c.Scale)}[c.Kind]
		columns = append(columns, fmt.Sprintf("%q %s", c.Name, kind))
	}
	for _, path := range files {
		rehearsal.EachRow(t, path, func(row map[string]string) {
			var values []string
			for _, c := range schema.Columns {
				value := "NULL"
				if v := row[c.Name]; v != "" {
					value = "'" + strings.ReplaceAll(v, "'", "''") + "'"
				}
				values = append(values, value)
			}
			rows = append(rows, "("+strings.Join(values, ", ")+")")
		})
	}
	if _, err := conn.Exec(context.Background(), fmt.Sprintf("CREATE TEMP TABLE %s (%s); INSERT INTO %s VALUES %s",
		name, strings.Join(columns, ", "), name, strings.Join(rows, ", "))); err != nil {
		t.Fatal(err)
	}
}

// What PostgreSQL 15 writes otherwise: the median, and the schema of temporary tables.
var dialect = []struct {
	ours   *regexp.Regexp
	theirs string
}{
	{regexp.MustCompile(`\bmedian\((\w+)\)`), "percentile_cont(0.5) WITHIN GROUP (ORDER BY $1)"},
	{regexp.MustCompile(`\bpublic\.`), "pg_temp."},
}

// oursAlone finds calls that PostgreSQL does not have.
var oursAlone = regexp.MustCompile(`\b(histogram|buckets|linreg|logreg|crosstab|ttest|lorenz|survival|skewness|kurtosis)\(`)

// inside finds what stands in the innermost parentheses.
var inside = regexp.MustCompile(`\([^()]*\)`)

// inOrder sorts an answer's rows where the question leaves their order open.
func inOrder(rows [][]string, sql string) [][]string {
	for inside.MatchString(sql) { // an ORDER BY of a window or an aggregate is another
		sql = inside.ReplaceAllString(sql, "")
	}
	if !strings.Contains(sql, "ORDER BY") {
		slices.SortFunc(rows, slices.Compare)
	}
	return rows
}

// printed is an answer as text, NULL as "<null>".
func printed(r *engine.Result) (rows [][]string) {
	for _, row := range r.Rows {
		var cells []string
		for _, v := range row {
			text := "<null>"
			if v.Text != nil {
				text = *v.Text
			}
			cells = append(cells, text)
		}
		rows = append(rows, cells)
	}
	return rows
}

// pooledAnswer is PostgreSQL's.
func pooledAnswer(conn *pgx.Conn, sql string) (answer [][]string, err error) {
	for _, d := range dialect {
		sql = d.ours.ReplaceAllString(sql, d.theirs)
	}
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var cells []string
		for i, raw := range rows.RawValues() {
			text := string(raw)
			switch {
			case raw == nil:
				text = "<null>"
			case rows.FieldDescriptions()[i].DataTypeOID == 16: // boolean
				text = strconv.FormatBool(text == "t")
			}
			cells = append(cells, text)
		}
		answer = append(answer, cells)
	}
	return answer, rows.Err()
}

// same compares two cells: every digit, but twelve of a double precision, which PostgreSQL sums
// with rounding.
func same(got, want string, kind engine.Kind) bool {
	if got == want || kind != engine.Float {
		return got == want
	}
	a, errA := strconv.ParseFloat(got, 64)
	b, errB := strconv.ParseFloat(want, 64)
	return errA == nil && errB == nil && math.Abs(a-b) <= 1e-12*max(math.Abs(a), math.Abs(b))
}

// compare says how an answer differs from PostgreSQL's over the pooled rows; empty where it does
// not.
func compare(conn *pgx.Conn, sql string, result *engine.Result) string {
	want, err := pooledAnswer(conn, sql)
	if err != nil {
		return err.Error()
	}
	got := inOrder(printed(result), sql)
	want = inOrder(want, sql)
	if len(got) != len(want) {
		return fmt.Sprintf("%d rows, PostgreSQL %d", len(got), len(want))
	}
	for i := range got {
		for j := range got[i] {
			if !same(got[i][j], want[i][j], result.Kinds[j]) {
				return fmt.Sprintf("row %d is %q, PostgreSQL's %q", i+1, got[i], want[i])
			}
		}
	}
	return ""
}

// TestPostgresCases asks realistic questions of official statistics as a network would, and
// compares every printed digit with PostgreSQL's over the pooled rows.
func TestPostgresCases(t *testing.T) {
	list, conn := questions(t), datasets.DialPostgres(t)
	tables := map[string]map[string]*datasets.Table{}
	for _, name := range []string{"stays", "tax"} {
		opened, files := departments(t, name)
		pooled(t, conn, name, opened, files)
		tables[name] = opened
	}
	answered, asked, compared := 0, 0, 0
	for _, q := range list {
		if q.want == "yes" {
			asked++
		}
		t.Run(q.what, func(t *testing.T) {
			first, _, _ := strings.Cut(q.table, " ")
			result, err := rehearsal.Try(t, q.sql, tables[first])
			if err != nil {
				q.refused(t, err)
				return
			}
			if q.want == "yes" {
				answered++
			}
			if q.want == "no" {
				t.Fatalf("%s\nmust be refused", q.sql)
			}
			if oursAlone.MatchString(q.sql) {
				return
			}
			if gap := compare(conn, q.sql, result); gap != "" {
				t.Fatalf("%s\n%s", q.sql, gap)
			}
			compared++
		})
	}
	t.Logf("%d of %d answered, %d compared with PostgreSQL", answered, asked, compared)
}

// refused judges a refusal: what is wanted is not refused, and what must be refused is so with a
// hint.
func (q question) refused(t *testing.T, err error) {
	t.Helper()
	var refused *engine.Error
	switch {
	case !errors.As(err, &refused):
		t.Fatalf("%s: %v", q.sql, err)
	case q.want == "yes":
		t.Errorf("%s\nis refused: %v", q.sql, err)
	case q.want == "no" && refused.Hint == "":
		t.Errorf("%s\nis refused without a hint: %v", q.sql, err)
	}
	t.Logf("%s\n%s: %v", q.sql, refused.Code, err)
}
