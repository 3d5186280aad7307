//go:build postgres

package datasets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"parley/datasets/rehearsal"
	"parley/engine"
)

// joinSpeaker makes random questions over joined tables.
type joinSpeaker struct {
	*rand.Rand
	from                  string
	numbers, keys, tested []string // columns that are computed with, that group, and conditions
	persons               []string
}

// joinForms are the ways to join two and three of the tables; by the last two homes are equal too.
var joinForms = []struct {
	from  string
	three bool
}{
	{"residents r JOIN benefits b ON r.person_id = b.pid", false},
	{"benefits b INNER JOIN residents AS r ON (pid = person_id)", false},
	{"benefits b JOIN residents r ON pid = r.person_id AND b.pid = person_id", false},
	{"residents r JOIN jobs j USING (person_id) JOIN benefits b ON b.pid = person_id", true},
	{"benefits b JOIN (residents r JOIN jobs j ON r.person_id = j.person_id) ON j.person_id = b.pid", true},
	{"residents r JOIN benefits b ON r.person_id = b.pid JOIN jobs j ON j.person_id = b.pid AND r.person_id = j.person_id", true},
	{"residents r JOIN jobs j USING (person_id, home) JOIN benefits b ON r.person_id = pid", true},
	{"jobs j JOIN benefits b ON person_id = pid JOIN residents r ON b.pid = r.person_id AND j.home = r.home", true},
}

func newJoinSpeaker(r *rand.Rand) joinSpeaker {
	form := joinForms[r.IntN(len(joinForms))]
	s := joinSpeaker{Rand: r, from: form.from,
		numbers: []string{"r.born", "born", "b.amount", "amount", "r.person_id", "b.pid", "pid"},
		keys:    []string{"r.sex", "sex", "b.kind", "kind", "r.home", "r.born % 3", "b.amount > 100", "r.sex IS NULL"},
		tested: []string{"r.born > 1953", "born IS NULL", "b.amount < 300.5", "kind <> 'rent'", "r.sex = 'f'", "r.sex IN ('m', 'f') OR b.kind = 'child'",
			"b.pid < 106", "r.person_id >= 200", "NOT (b.amount > r.born)", "b.amount IS NOT NULL", "r.person_id <> b.pid"},
		persons: []string{"r.sex", "kind", "r.home"}}
	if form.three {
		s.numbers = append(s.numbers, "j.wage", "wage", "j.person_id")
		s.keys = append(s.keys, "j.home", "date_trunc('month', j.since)::date", "extract(year FROM since)")
		s.tested = append(s.tested, "j.home = r.home", "j.home <> r.home", "wage > 2500", "j.since >= '2002-01-01'")
	}
	return s
}

func (s joinSpeaker) of(list []string) string { return list[s.IntN(len(list))] }

func (s joinSpeaker) number() string {
	switch x := s.of(s.numbers); s.IntN(6) {
	case 0:
		return x + " * " + s.of(s.numbers)
	case 1:
		return x + " - " + s.of(s.numbers)
	case 2:
		return "CASE WHEN " + s.of(s.tested) + " THEN " + x + " END"
	default:
		return x
	}
}

func (s joinSpeaker) aggregate() string {
	pairs := []string{"100 * b.amount", "r.born", "r.person_id"} // which a double precision has exactly
	out := ""
	switch s.IntN(12) {
	case 0:
		out = "count(*)"
	case 1:
		out = "count(" + s.number() + ")"
	case 2, 3:
		out = "sum(" + s.number() + ")"
	case 4, 5:
		out = "avg(" + s.number() + ")"
	case 6:
		out = s.of([]string{"var_samp", "var_pop", "stddev_samp"}) + "(" + s.of(s.numbers) + ")"
	case 7:
		out = s.of([]string{"covar_samp", "covar_pop", "corr"}) + "(" + s.of(pairs) + ", " + s.of(pairs) + ")"
	case 8:
		out = s.of([]string{"regr_slope", "regr_intercept", "regr_count", "regr_r2"}) + "(" + s.of(pairs) + ", " + s.of(pairs) + ")"
	case 9:
		return "count(DISTINCT " + s.of(s.persons) + ")"
	case 10:
		return "sum(" + s.number() + ") / nullif(count(" + s.of(s.numbers) + "), 0)"
	case 11:
		return "bool_or(" + s.of(s.tested) + ")"
	}
	if s.IntN(4) == 0 {
		out += " FILTER (WHERE " + s.of(s.tested) + ")"
	}
	return out
}

func (s joinSpeaker) question() string {
	var list, places []string
	for range s.IntN(3) {
		list = append(list, s.of(s.keys))
		places = append(places, strconv.Itoa(len(list)))
	}
	if s.IntN(12) == 0 { // a search has no figures beside it
		list = append(list, s.of([]string{"min", "max"})+"("+s.of([]string{"b.amount", "born"})+")")
	} else {
		for range 1 + s.IntN(3) {
			list = append(list, s.aggregate())
		}
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM " + s.from
	if s.IntN(2) == 0 {
		sql += " WHERE " + s.of(s.tested)
		if s.IntN(2) == 0 {
			sql += " AND " + s.of(s.tested)
		}
	}
	if len(places) > 0 {
		sql += " GROUP BY " + strings.Join(places, ", ")
		if s.IntN(4) == 0 {
			sql += " HAVING count(*) > 2"
		}
		sql += " ORDER BY " + strings.Join(places, ", ")
	}
	return sql
}

// poolJoined makes PostgreSQL's tables of the rows of all departments.
func poolJoined(t *testing.T, conn *pgx.Conn, offices []joinedOffice, cat engine.Catalogue) {
	t.Helper()
	var sql strings.Builder
	for name, columns := range map[string]string{"residents": "person_id KEY, sex text, born bigint, home text", "benefits": "pid KEY, kind text, amount numeric(38,2)",
		"jobs": "person_id KEY, home text, wage bigint, since date"} {
		at := slices.IndexFunc(cat, func(r engine.Registration) bool { return r.Table == name })
		kind := "bigint"
		if key := cat[at].Columns[0]; key.Kind == engine.Decimal {
			kind = fmt.Sprintf("numeric(38,%d)", key.Scale)
		}
		columns = strings.Replace(columns, "KEY", kind, 1)
		fmt.Fprintf(&sql, "DROP TABLE IF EXISTS %s; CREATE TEMP TABLE %s (%s);", name, name, columns)
		for _, o := range offices {
			for _, row := range o.tables[name] {
				values := make([]string, len(row))
				for i, v := range row {
					if values[i] = "NULL"; v != "" {
						values[i] = "'" + v + "'"
					}
				}
				fmt.Fprintf(&sql, "INSERT INTO %s VALUES (%s);", name, strings.Join(values, ", "))
			}
		}
	}
	if _, err := conn.Exec(context.Background(), sql.String()); err != nil {
		t.Fatal(err)
	}
}

// AnswerPostgres is PostgreSQL's answer.
func AnswerPostgres(conn *pgx.Conn, sql string) (answer [][]string, err error) {
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	const boolean = 16
	for rows.Next() {
		var cells []string
		for i, raw := range rows.RawValues() {
			switch {
			case raw == nil:
				cells = append(cells, "NULL")
			case rows.FieldDescriptions()[i].DataTypeOID == boolean:
				cells = append(cells, strconv.FormatBool(string(raw) == "t"))
			default:
				cells = append(cells, string(raw))
			}
		}
		answer = append(answer, cells)
	}
	return answer, rows.Err()
}

// LikePostgres compares two cells: every digit, but nine of a double precision, which PostgreSQL computes with rounding.
func LikePostgres(v engine.Value, kind engine.Kind, want string) bool {
	if v.Text == nil || want == "NULL" || kind != engine.Float {
		return v.Text == nil && want == "NULL" || v.Text != nil && *v.Text == want
	}
	a, errA := strconv.ParseFloat(*v.Text, 64)
	b, errB := strconv.ParseFloat(want, 64)
	return errA == nil && errB == nil && math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b))
}

// DialPostgres opens the database of PARLEY_POSTGRES_DSN. The test makes temporary tables in it and leaves
// nothing.
func DialPostgres(t *testing.T) *pgx.Conn {
	t.Helper()
	dsn := os.Getenv("PARLEY_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PARLEY_POSTGRES_DSN is not set")
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // answers as text
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// TestPostgresJoins compares every printed digit of random questions over tables that are joined at the departments with
// PostgreSQL's join of the pooled tables. Every fourth time nobody is in benefits and in another table, and every fourth time numbers
// have places, in one table more than in the others.
func TestPostgresJoins(t *testing.T) {
	conn := DialPostgres(t)
	const rounds, each = 12, 25
	compared, rows, refusals := 0, 0, map[string]int{}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 17))
		offices, tables := newJoinedOffices(r), map[string]map[string]*Table{}
		for _, o := range offices {
			switch seed % 4 {
			case 2:
				point(o.tables["residents"], ".5", ".5")
				point(o.tables["jobs"], ".5", ".5")
				point(o.tables["benefits"], ".50", ".25")
			case 3:
				apart(o.tables["benefits"])
			}
			tables[o.name] = openJoined(t, o, false)
		}
		cat, departments := joinedCatalogue(tables)
		poolJoined(t, conn, offices, cat)
		for range each {
			sql := newJoinSpeaker(r).question()
			got, err := rehearsal.TryBy(sql, cat, departments, contributeJoined(t, tables))
			want, wantErr := AnswerPostgres(conn, sql)
			var refused *engine.Error
			switch {
			case err != nil && wantErr != nil:
				continue
			case errors.As(err, &refused) && (refused.Code == engine.CodeUnsupported || strings.Contains(refused.Message, "has no dictionary")):
				refusals[string(refused.Code)+" "+refused.Message]++
				continue
			case err != nil || wantErr != nil:
				t.Fatalf("seed %d: %s\nhere %v\nPostgreSQL %v", seed, sql, err, wantErr)
			}
			compared, rows = compared+1, rows+len(want)
			if !slices.EqualFunc(got.Rows, want, func(a []engine.Value, b []string) bool {
				for i, v := range a {
					if !LikePostgres(v, got.Kinds[i], b[i]) {
						return false
					}
				}
				return len(a) == len(b)
			}) {
				t.Errorf("seed %d: %s\ngives %v\nPostgreSQL %v", seed, sql, exact(got), want)
			}
		}
	}
	t.Logf("%d questions with %d rows agree, refused here alone: %v", compared, rows, refusals)
	if compared*10 < rounds*each*8 {
		t.Fatalf("only %d questions were compared", compared)
	}
}

// apart gives the rows of a table numbers that no other table's have.
func apart(rows [][]string) {
	for _, row := range rows {
		if row[0] != "" {
			n, _ := strconv.Atoi(row[0])
			row[0] = strconv.Itoa(n + 50)
		}
	}
}

// point puts places behind the numbers of a table, others behind the first.
func point(rows [][]string, places, first string) {
	for _, row := range rows {
		if row[0] != "" {
			row[0] += first
			first = places
		}
	}
}
