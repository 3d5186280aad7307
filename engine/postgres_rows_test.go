//go:build postgres

package engine

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// alike compares two answers, whose double precisions are there those of each step rounded. A form
// whose values have several scales is printed by PostgreSQL with that of each value, here with the
// largest (README section 15): so two numerics of different places are alike when the longer is the
// shorter, rounded.
func alike(a, b []string, kinds []Kind) bool {
	if len(a) != len(b) {
		return false
	}
	for r := range a {
		x, y := strings.Split(a[r], " | "), strings.Split(b[r], " | ")
		if len(x) != len(kinds) || len(y) != len(kinds) {
			return false
		}
		for i := range x {
			if x[i] != y[i] && !(kinds[i].numeric() && near15(x[i], y[i], kinds[i])) {
				return false
			}
		}
	}
	return true
}

func near15(a, b string, kind Kind) bool {
	p, ok := new(big.Rat).SetString(a)
	q, ok2 := new(big.Rat).SetString(b)
	if !ok || !ok2 || kind == Integer {
		return false
	}
	_, places, _ := strings.Cut(a, ".")
	_, others, _ := strings.Cut(b, ".")
	if n := min(len(places), len(others)); kind == Decimal {
		return len(places) != len(others) && p.FloatString(n) == q.FloatString(n)
	}
	limit := new(big.Rat).Mul(new(big.Rat).Abs(p), big.NewRat(1, 1e13))
	return new(big.Rat).Abs(new(big.Rat).Sub(p, q)).Cmp(limit.Add(limit, big.NewRat(1, 1e13))) <= 0
}

// TestPostgresRows compares every printed digit of random questions of the grammar over rows with
// PostgreSQL's.
func TestPostgresRows(t *testing.T) {
	conn := dial(t)
	rounds := roundsOr(500)
	compared, beyond, refusals := 0, 0, map[string]int{}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 8))
		table := newTable(r)
		table.fill(t, conn)
		sql := speaker{r}.question()
		got, want, err, wantErr := both(t, conn, table, sql, testPackings[seed%len(testPackings)])
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
		if a := printed(got); !alike(a, want, got.Kinds) {
			t.Errorf("seed %d: %s\nengine\n%s\nPostgreSQL\n%s", seed, sql, strings.Join(a, "\n"), strings.Join(want, "\n"))
		}
	}
	t.Logf("%d agree, %d are refused by PostgreSQL too, refused here alone: %v", compared, beyond, refusals)
	if compared*10 < rounds*8 {
		t.Fatalf("only %d questions were compared", compared)
	}
}

// TestPostgresFigures compares the digits of the functions of figures, of random numerics.
func TestPostgresFigures(t *testing.T) {
	conn := dial(t)
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		scale, power := r.IntN(8), big.NewInt(r.Int64N(7)-2)
		d := NewDecimal(big.NewInt(r.Int64N(1<<(1+r.IntN(50)))+1), scale)
		x, text := value{Datum: d, exact: rational(d)}, fixedDecimal(d.Number, scale)
		for _, f := range []string{"sqrt", "ln", "exp", "power"} {
			args, call := []value{x}, f+"("+text+"::numeric"
			if f == "power" {
				args, call = append(args, whole(power)), call+", "+power.String()+"::numeric"
			}
			got := figureFunctions[f](Decimal, args)
			if got.IsNull() { // beyond what is printed
				continue
			}
			var want string
			if err := conn.QueryRow(t.Context(), "SELECT ("+call+"))::text").Scan(&want); err != nil {
				t.Fatal(call, err)
			}
			if text := fixedDecimal(got.Number, got.Scale); text != want {
				t.Errorf("%s) is %s, in PostgreSQL %s", call, text, want)
			}
		}
	}
}
