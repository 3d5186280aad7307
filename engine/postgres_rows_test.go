//go:build postgres

package engine

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// decimals finds numbers that have or may have a point.
var decimals = regexp.MustCompile(`-?\d+(\.\d+)?`)

// alike compares two answers. A form whose values have several scales is printed by PostgreSQL
// with that of each value, here with the largest (README section 15): so two numbers of different
// places are alike when the longer is the shorter, rounded.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	x, y := decimals.FindAllString(a, -1), decimals.FindAllString(b, -1)
	if len(x) != len(y) || decimals.ReplaceAllString(a, "#") != decimals.ReplaceAllString(b, "#") {
		return false
	}
	for i := range x {
		p, _ := new(big.Rat).SetString(x[i])
		q, _ := new(big.Rat).SetString(y[i])
		_, places, _ := strings.Cut(x[i], ".")
		_, others, _ := strings.Cut(y[i], ".")
		n := min(len(places), len(others))
		if p.FloatString(n) != q.FloatString(n) {
			return false
		}
	}
	return true
}

// TestPostgresRows compares every printed digit of random questions of the grammar over rows with
// PostgreSQL's.
func TestPostgresRows(t *testing.T) {
	conn := dial(t)
	rounds := 500
	if n, err := strconv.Atoi(os.Getenv("PARLEY_POSTGRES_ROUNDS")); err == nil {
		rounds = n
	}
	compared, beyond, refusals := 0, 0, map[string]int{}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 8))
		table := newTable(r)
		table.fill(t, conn)
		sql := speaker{r}.question()
		cat, departments := table.catalogue()
		p, err := NewPlan(sql, cat, departments, testPackings[seed%len(testPackings)])
		var got *Result
		if err == nil {
			got, err = table.sealed(t, p)
		}
		var kinds []Kind
		if got != nil {
			kinds = got.Kinds
		}
		want, wantErr := ask(conn, sql, kinds)
		var refused *Error
		var pgErr *pgconn.PgError
		switch {
		case errors.As(wantErr, &pgErr) && (err != nil || pgErr.Code == numericOutOfRange):
			beyond++
			continue
		case errors.As(err, &refused):
			refusals[string(refused.Code)+" "+refused.Message]++
			continue
		case err != nil || wantErr != nil:
			t.Fatalf("seed %d: %s\nengine %v\nPostgreSQL %v", seed, sql, err, wantErr)
		}
		compared++
		if a, b := strings.Join(printed(got), "\n"), strings.Join(want, "\n"); !alike(a, b) {
			t.Errorf("seed %d: %s\nengine\n%s\nPostgreSQL\n%s", seed, sql, a, b)
		}
	}
	t.Logf("%d agree, %d are refused by PostgreSQL too, refused here alone: %v", compared, beyond, refusals)
	if compared*10 < rounds*8 {
		t.Fatalf("only %d questions were compared", compared)
	}
}
