//go:build postgres

package engine

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestPostgresCasts asks PostgreSQL the questions of castCases.
func TestPostgresCasts(t *testing.T) {
	conn := dial(t)
	table := castTable()
	table.fill(t, conn)
	for _, c := range castCases {
		got, err := ask(conn, "SELECT "+c.sql+" FROM things", nil)
		want := c.want
		if want == "NULL" {
			want = "<null>"
		}
		var pgErr *pgconn.PgError
		switch {
		case want == "" && !(errors.As(err, &pgErr) && pgErr.Code == numericOutOfRange):
			t.Errorf("%s: %v, %v", c.sql, got, err)
		case want != "" && (err != nil || got[0] != want):
			t.Errorf("%s: %v, %v, want %s", c.sql, got, err, want)
		}
	}
}
