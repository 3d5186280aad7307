//go:build postgres

package pgwire

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestPostgresProtocol plays the transcripts to a PostgreSQL of version 15, whose answers are the same, messages' order, tags,
// positions and binary forms included.
func TestPostgresProtocol(t *testing.T) {
	dsn := os.Getenv("PARLEY_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PARLEY_POSTGRES_DSN names no server")
	}
	for _, path := range transcripts(t, "testdata/*.txt") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw := toPostgres(t, dsn)
			compare(t, path, raw, reading(raw), false)
		})
	}
}

// toPostgres connects to a PostgreSQL and gives the connection as it is after the login.
func toPostgres(t *testing.T, dsn string) net.Conn {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["timezone"] = "UTC"
	c, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Conn.Close() })
	return raw.Conn
}

// TestPostgresConversations: to messages in any order, a PostgreSQL answers the same.
func TestPostgresConversations(t *testing.T) {
	dsn := os.Getenv("PARLEY_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PARLEY_POSTGRES_DSN names no server")
	}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 17))
		theirs := toPostgres(t, dsn)
		ours, _, _ := talkTo(t, &scripted{})
		their, our := reading(theirs), reading(ours)
		<-our
		history := ""
		for range 40 {
			var batch []byte
			for line := ""; line != "S" && !strings.HasPrefix(line, "Q"); {
				if line = anyLine(r); batch != nil && strings.HasPrefix(line, "Q") {
					line = "S" // after an error nobody would answer the Query
				}
				history += line + "\n"
				batch, _ = message(line).Encode(batch)
			}
			theirs.Write(batch)
			ours.Write(batch)
			want, got := unnamed(<-their), unnamed(<-our)
			if want != got {
				t.Fatalf("seed %d, after\n%s\nwant\n%s\ngot\n%s", seed, history, want, got)
			}
			history += got
		}
		theirs.Close()
		ours.Close()
	}
}

// unnamed overlooks what is said of the unnamed portal in an aborted block: a Query that failed leaves one there, which cannot be run
// either.
func unnamed(answer string) string {
	if strings.HasSuffix(answer, "< ReadyForQuery E\n") {
		return strings.ReplaceAll(answer, told(errorResponse("ERROR", noPortal(""), 0)), told(errorResponse("ERROR", aborted(), 0)))
	}
	return answer
}

// anyLine is a message of a transcript.
func anyLine(r *rand.Rand) string {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	sql := one("SELECT 1 AS n", "SELECT g FROM generate_series(1, 5) g", "SELECT g FROM generate_series(1, 5) g", "SELECT $1::int8 AS a, $2::text AS b", "BEGIN", "COMMIT", "ROLLBACK", "SELECT nope",
		"SET statement_timeout = 0", "", "SHOW transaction_isolation", "DEALLOCATE s1", "DEALLOCATE ALL", "SELECT 1 AS n WHERE false", "COPY (SELECT 1 AS n) TO STDOUT", "FOO",
		"SELECT 1 / (g - g) AS n FROM generate_series(1, 1) g")
	statement, portal := one("", "", "s1", "s2"), one("", "", "p1", "p2")
	switch r.IntN(12) {
	case 0, 1:
		return fmt.Sprintf("P %q %q", statement, sql)
	case 2, 3:
		return fmt.Sprintf("B %q %q %s", portal, statement, one("", "", `t:"5" t:"x"`, "r:1"))
	case 4:
		return fmt.Sprintf("D %s", one(fmt.Sprintf("S %q", statement), fmt.Sprintf("P %q", portal)))
	case 5, 6, 7:
		return fmt.Sprintf("E %q %s", portal, one("0", "1", "2", "5"))
	case 8:
		return fmt.Sprintf("C %s", one(fmt.Sprintf("S %q", statement), fmt.Sprintf("P %q", portal)))
	case 9:
		if strings.HasPrefix(sql, "SELECT 1 /") || strings.Contains(sql, "$") {
			return "S" // a Query tells of columns before it fails there; here it does not
		}
		return fmt.Sprintf("Q %q", sql)
	}
	return "S"
}
