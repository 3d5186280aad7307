//go:build postgres

package datasets_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"parley/datasets"
	"parley/engine"
)

// linkedSpeaker makes random questions over tables that departments join across each other: conditions and factors are of one of the
// tables each.
type linkedSpeaker struct {
	*rand.Rand
	from   string
	person string // the key, where each table is at one department; else empty
}

// linkedParts are numbers, group keys and conditions of either table.
var linkedParts = [2]struct{ numbers, exact, keys, tested []string }{
	{[]string{"b.amount", "amount", "b.months", "months"}, []string{"100 * b.amount", "b.months"}, []string{"b.kind", "kind", "months % 3", "b.amount > 10", "date_trunc('month', b.since)::date", "b.kind IS NULL"},
		[]string{"b.months > 9", "b.amount < 30.5", "kind <> 'rent'", "b.kind IN ('rent', 'child') OR b.months < 5", "b.since >= '2001-01-01'", "b.amount IS NOT NULL", "NOT (b.months > b.amount)", "months IS NULL"}},
	{[]string{"j.wage", "wage", "j.hours", "hours"}, []string{"100 * j.wage", "j.hours"}, []string{"j.sector", "sector", "j.hours % 4", "extract(year FROM j.begun)", "j.wage IS NULL"},
		[]string{"j.hours < 30", "j.wage > 0", "sector = 'farm'", "j.sector IS NOT NULL", "begun < '2002-02-01'", "j.wage BETWEEN -10 AND 50", "hours <> 7", "j.begun IS NULL OR j.hours > 20"}},
}

func (s linkedSpeaker) of(list []string) string { return list[s.IntN(len(list))] }

// own is a number of one table.
func (s linkedSpeaker) own(side int) string {
	switch x := s.of(linkedParts[side].numbers); s.IntN(7) {
	case 0:
		return x + " * " + s.of(linkedParts[side].numbers)
	case 1:
		return "(" + x + " - " + strconv.Itoa(s.IntN(9)) + ")"
	case 2:
		return "CASE WHEN " + s.of(linkedParts[side].tested) + " THEN " + x + []string{"", " ELSE -" + x}[s.IntN(2)] + " END"
	case 3:
		return "abs(" + x + ")"
	default:
		return x
	}
}

// number is one of either table, or of both.
func (s linkedSpeaker) number() string {
	switch side := s.IntN(2); s.IntN(6) {
	case 0, 1:
		return s.own(side) + " * " + s.own(1-side)
	case 2:
		return s.own(side) + []string{" + ", " - "}[s.IntN(2)] + s.own(1-side)
	case 3:
		return "(" + s.own(side) + " + 1) * (3 - " + s.own(1-side) + ")"
	default:
		return s.own(side)
	}
}

func (s linkedSpeaker) tested() string {
	out := s.of(linkedParts[s.IntN(2)].tested)
	if strings.Contains(out, " OR ") {
		out = "(" + out + ")"
	}
	return out
}

func (s linkedSpeaker) aggregate() string {
	exact := func() string { return s.of(linkedParts[s.IntN(2)].exact) } // which a double precision has
	out := ""
	switch s.IntN(10) {
	case 0:
		out = "count(*)"
	case 1:
		out = "count(" + s.number() + ")"
	case 2, 3:
		out = "sum(" + s.number() + ")"
	case 4:
		out = "avg(" + s.number() + ")"
	case 5:
		out = s.of([]string{"var_samp", "var_pop", "stddev_samp"}) + "(" + s.number() + ")"
	case 6:
		out = s.of([]string{"covar_samp", "covar_pop", "corr"}) + "(" + exact() + ", " + exact() + ")"
	case 7:
		out = s.of([]string{"regr_slope", "regr_intercept", "regr_count", "regr_r2", "regr_sxy"}) + "(" + exact() + ", " + exact() + ")"
	case 8:
		return "sum(" + s.number() + ") / nullif(count(" + s.number() + "), 0)"
	}
	if out == "" {
		if out = "count(*)"; s.person != "" {
			out = "count(DISTINCT " + s.person + ")"
		}
	}
	if s.IntN(3) == 0 {
		out += " FILTER (WHERE " + s.tested() + " AND " + s.tested() + ")"
	}
	return out
}

func (s linkedSpeaker) question() string {
	var list, places, where []string
	for range s.IntN(3) {
		list = append(list, s.of(linkedParts[s.IntN(2)].keys))
		places = append(places, strconv.Itoa(len(list)))
	}
	for range 1 + s.IntN(3) {
		list = append(list, s.aggregate())
	}
	for range max(0, s.IntN(6)-2) {
		where = append(where, s.tested())
	}
	return s.written(s.from, list, places, where)
}

// membership is a question about the rows of a table whose persons have, or have not, rows of the other, which is at one department and named {inner}.
func (s linkedSpeaker) membership(side int, keys [2]string) string {
	tables, alone := [2]string{"benefits b", "jobs j"}, linkedSpeaker{s.Rand, "", ""}
	var list, places, where []string
	for range s.IntN(3) {
		list = append(list, s.of(linkedParts[side].keys))
		places = append(places, strconv.Itoa(len(list)))
	}
	for range 1 + s.IntN(3) {
		a := s.of([]string{"count(*)", "count(", "sum(", "avg(", "var_samp("})
		if a != "count(*)" {
			a += alone.own(side) + ")"
		}
		if s.IntN(3) == 0 {
			a += " FILTER (WHERE " + s.of(linkedParts[side].tested) + ")"
		}
		list = append(list, a)
	}
	if s.person != "" && s.IntN(3) == 0 {
		list = append(list, "count(DISTINCT "+keys[side]+")")
	}
	for range s.IntN(3) {
		where = append(where, "("+s.of(linkedParts[side].tested)+")")
	}
	inner := "SELECT " + keys[1-side] + " FROM {inner} " + tables[1-side][len(tables[1-side])-1:]
	for i := range s.IntN(3) {
		inner += []string{" WHERE ", " AND "}[i] + "(" + s.of(append(linkedParts[1-side].tested, keys[1-side]+" IS NOT NULL", keys[1-side]+" IS NOT NULL")) + ")"
	}
	return s.written(tables[side], list, places, append(where, keys[side]+s.of([]string{" IN (", " NOT IN ("})+inner+")"))
}

// written is a question.
func (s linkedSpeaker) written(from string, list, places, where []string) string {
	sql := "SELECT " + strings.Join(list, ", ") + " FROM " + from
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
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

// poolLinked makes PostgreSQL's tables of the rows of all departments whose ids are on the spine, each by its one spelling, which PostgreSQL
// itself finds: full-width characters as half-width ones, no blanks around them, and the letters of 18 characters in upper case. With all_ before its name a
// table has all rows, also those without a key.
func (w *linkedWorld) poolLinked(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	wide, narrow := "\u3000\u00a0", "  "
	for c := '!'; c <= '~'; c++ {
		wide, narrow = wide+string(c-'!'+0xff01), narrow+string(c)
	}
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	var sql strings.Builder
	fmt.Fprintf(&sql, `DROP TABLE IF EXISTS spine; CREATE TEMP TABLE spine (id text);
		CREATE OR REPLACE FUNCTION pg_temp.canonical(key text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
			SELECT CASE WHEN id ~ '^[0-9A-Za-z]{18}$' THEN upper(id) ELSE id END FROM (SELECT nullif(btrim(translate(key, %s, %s), E' \t\r\n'), '') AS id) AS narrow $$;`, quoted(wide), quoted(narrow))
	for id := range w.positions {
		fmt.Fprintf(&sql, "INSERT INTO spine VALUES (%s);", quoted(id))
	}
	for name, types := range map[string]string{"benefits": "kind text, amount numeric(38,2), months bigint, since date", "jobs": "sector text, wage numeric(38,2), hours bigint, begun date"} {
		key := w.heads[name][0]
		scale := 0
		for _, tables := range w.tables {
			if own := tables[name]; own != nil {
				scale = max(scale, own.Registration("", 1).Columns[2].Scale)
			}
		}
		if scale != 2 { // as the departments' types unify
			types = strings.Replace(types, "numeric(38,2)", map[bool]string{true: "bigint", false: fmt.Sprintf("numeric(38,%d)", scale)}[scale == 0], 1)
		}
		fmt.Fprintf(&sql, "DROP TABLE IF EXISTS %s, all_%[1]s, raw; CREATE TEMP TABLE raw (%s text, %s);", name, key, types)
		for _, of := range w.rows {
			for _, row := range of[name] {
				values := make([]string, len(row.Fields))
				for i, v := range row.Fields {
					if values[i] = "NULL"; v != "" {
						values[i] = quoted(v)
					}
				}
				fmt.Fprintf(&sql, "INSERT INTO raw VALUES (%s);", strings.Join(values, ", "))
			}
		}
		fmt.Fprintf(&sql, "UPDATE raw SET %s = coalesce(pg_temp.canonical(%[1]s), %[1]s); CREATE TEMP TABLE all_%s AS SELECT * FROM raw; CREATE TEMP TABLE %[2]s AS SELECT * FROM raw WHERE %[1]s IN (SELECT id FROM spine);", key, name)
	}
	if _, err := conn.Exec(context.Background(), sql.String()); err != nil {
		t.Fatal(err)
	}
}

// TestPostgresLinkedJoins compares every printed digit of random questions over tables that two to five departments join across each other, and of the rows of one whose
// persons have rows of the other or have none, with PostgreSQL's of the pooled tables by the ids that it finds in their keys: of rows whose ids are on the spine.
func TestPostgresLinkedJoins(t *testing.T) {
	conn := datasets.DialPostgres(t)
	rounds := 10
	if text := os.Getenv("PARLEY_POSTGRES_ROUNDS"); text != "" {
		rounds = 100
	}
	const each = 30
	compared, rows, members, refusals := 0, 0, 0, map[string]int{}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 18))
		scene := seed % len(linkedScenes)
		w := newLinkedWorld(t, r, scene, seed%3 == 0)
		w.poolLinked(t, conn)
		from := []string{"benefits b JOIN jobs j ON b.pid = j.person_id", "jobs j INNER JOIN benefits AS b ON (pid = person_id)"}[r.IntN(2)]
		if scene%2 == 1 {
			from = []string{"benefits b JOIN jobs j USING (person_id)", "jobs j JOIN benefits b ON b.person_id = j.person_id"}[r.IntN(2)]
		}
		person := ""
		if len(w.tables) == 2 && len(w.tables["d0"]) == 1 {
			person = []string{"j.person_id", "b." + w.heads["benefits"][0]}[r.IntN(2)]
		}
		for range each {
			speaker, pooled := linkedSpeaker{r, from, person}, ""
			sql := speaker.question()
			if side := r.IntN(2); r.IntN(3) == 0 && len(w.holders([]string{"jobs", "benefits"}[side])) == 1 {
				sql = speaker.membership(side, [2]string{"b." + w.heads["benefits"][0], "j.person_id"})
				pooled = strings.ReplaceAll(sql, "{inner}", []string{"all_jobs", "all_benefits"}[side])
				sql = strings.ReplaceAll(sql, "{inner}", []string{"jobs", "benefits"}[side])
				members++
			}
			got, err := w.answer(t, sql)
			want, wantErr := datasets.AnswerPostgres(conn, cmp.Or(pooled, sql))
			var refused *engine.Error
			switch {
			case err != nil && wantErr != nil:
				continue
			case errors.As(err, &refused) && (refused.Code == engine.CodeUnsupported || refused.Code == engine.CodeOverflow):
				refusals[string(refused.Code)+" "+refused.Message]++
				continue
			case err != nil || wantErr != nil:
				t.Fatalf("seed %d, %s: %s\nhere %v\nPostgreSQL %v", seed, w.scene, sql, err, wantErr)
			}
			compared, rows = compared+1, rows+len(want)
			if !slices.EqualFunc(got.Rows, want, func(a []engine.Value, b []string) bool {
				for i, v := range a {
					if !datasets.LikePostgres(v, got.Kinds[i], b[i]) {
						return false
					}
				}
				return len(a) == len(b)
			}) {
				t.Errorf("seed %d, %s: %s\ngives %v\nPostgreSQL %v", seed, w.scene, sql, linkedTerms(got), want)
			}
		}
	}
	t.Logf("%d questions with %d rows agree, %d by IN, refused here alone: %v", compared, rows, members, refusals)
	if compared*10 < rounds*each*8 {
		t.Fatalf("only %d questions were compared", compared)
	}
}
