//go:build postgres

package pgwire

import (
	"os"
	"path/filepath"
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
			defer raw.Conn.Close()
			compare(t, path, raw.Conn, reading(raw.Conn), false)
		})
	}
}
