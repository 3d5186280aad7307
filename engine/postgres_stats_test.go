//go:build postgres

package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// statistic makes one random aggregate of section 10 that PostgreSQL has too.
func (g generator) statistic() string {
	numbers := []string{"k", "i", `"Dec"`, "mixed"} // small: PostgreSQL adds up in float64
	number := func() string { return numbers[g.IntN(len(numbers))] }
	call := func(names ...string) string { return names[g.IntN(len(names))] }
	var out string
	switch g.IntN(6) {
	case 0, 1:
		argument := number()
		switch g.IntN(4) {
		case 0:
			argument = "big"
		case 1:
			argument = number() + " * " + number() + " - 3"
		}
		out = call("var_pop", "var_samp", "variance", "stddev_pop", "stddev_samp", "stddev") + "(" + argument + ")"
	case 2:
		out = call("covar_pop", "covar_samp", "corr", "regr_slope", "regr_intercept", "regr_r2",
			"regr_count", "regr_avgx", "regr_avgy", "regr_sxx", "regr_syy", "regr_sxy") +
			"(" + number() + ", " + number() + ")"
	case 3:
		out = "percentile_cont(" + call("0", "0.5", "0.25", "1", "0.125") + ") WITHIN GROUP (ORDER BY " + number() + ")"
	case 4:
		out = call("percentile_disc(0.5)", "percentile_disc(0)", "percentile_disc(1)", "percentile_disc(0.25)", "mode()") +
			" WITHIN GROUP (ORDER BY " + call("k", "i", `"Dec"`, "mixed", "t", "day", "flag") + ")"
	default:
		out = call("min", "max", "count") + "(" + call("k", "i", `"Dec"`, "mixed", "t", "day", "void") + ")"
		if strings.HasPrefix(out, "count") {
			out = "count(DISTINCT " + out[len("count("):]
		}
	}
	if g.IntN(3) == 0 {
		out += " FILTER (WHERE " + g.condition(1).sql + ")"
	}
	return out
}

// sameAsPostgres compares texts; double precisions to nine digits, and a statistic
// that is not defined because a variable is constant with whatever PostgreSQL's
// rounding leaves of it.
func sameAsPostgres(v Value, kind Kind, reason, want string) bool {
	switch {
	case v.Text == nil:
		return want == "<null>" || reason == noTwist
	case kind != Float:
		return *v.Text == want
	case want == "<null>":
		return false
	}
	a, errA := strconv.ParseFloat(*v.Text, 64)
	b, errB := strconv.ParseFloat(want, 64)
	return errA == nil && errB == nil && math.Abs(a-b) <= 1e-9*math.Max(1, math.Max(math.Abs(a), math.Abs(b)))
}

// TestPostgresStatistics compares the statistics with PostgreSQL's over random tables,
// every printed digit but of double precisions.
func TestPostgresStatistics(t *testing.T) {
	conn := dial(t)
	rounds := roundsOr(300)
	compared, values, noise := 0, 0, 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 11))
		table := newTable(r)
		table.fill(t, conn)
		cat, departments := table.catalogue()
		for range 5 {
			g := generator{r, table}
			var list []string
			key := []string{"", "k", "flag", "t"}[r.IntN(4)]
			if key != "" {
				list = append(list, key)
			}
			for range 1 + r.IntN(4) {
				list = append(list, g.statistic())
			}
			sql := "SELECT " + strings.Join(list, ", ") + " FROM things"
			if r.IntN(2) == 0 {
				sql += " WHERE " + g.condition(1).sql
			}
			if key != "" {
				sql += " GROUP BY " + key + " ORDER BY " + key
			}
			p, err := NewPlan(sql, cat, departments, testPackings[seed%len(testPackings)])
			var refused *Error
			if errors.As(err, &refused) && (refused.Code == CodeOverflow || refused.Code == CodeLimit) {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			got, err := table.sealed(t, p)
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			want, err := ask(conn, sql, got.Kinds)
			var pgErr *pgconn.PgError
			if errors.As(err, &pgErr) && pgErr.Code == numericOutOfRange { // bigint overflows there, never here
				continue
			}
			if err != nil || len(want) != len(got.Rows) {
				t.Fatalf("%s: %d rows here, %d there, %v", sql, len(got.Rows), len(want), err)
			}
			compared++
			for i, line := range want {
				for j, text := range strings.Split(line, " | ") {
					values++
					note := slices.IndexFunc(got.Notes, func(n Note) bool { return n.Row == i && n.Column == got.Columns[j] })
					reason := ""
					if note >= 0 {
						reason = got.Notes[note].Reason
					}
					v := got.Rows[i][j]
					if !sameAsPostgres(v, got.Kinds[j], reason, text) {
						t.Errorf("seed %d: %s\nrow %d, %s: %v, PostgreSQL %s", seed, sql, i, got.Columns[j], printed(&Result{Rows: [][]Value{{v}}}), text)
					}
					if v.Text == nil && text != "<null>" {
						noise++
					}
				}
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d queries with %d values agree; %d times PostgreSQL's rounding left a figure of constant values", compared, values, noise)
	if compared < rounds {
		t.Fatalf("only %d queries were compared", compared)
	}
}
