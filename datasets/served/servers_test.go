//go:build postgres

package served_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"parley/datasets/rehearsal"
	"parley/datasets/served"
)

// server is one engine that runs beside the test.
type server struct {
	name   string
	source string
	db     *sql.DB
}

// servers are the engines of .ci/run, each with a database of the test's own.
func servers(t testing.TB) []server {
	t.Helper()
	return []server{postgresServer(t), mariaServer(t)}
}

// clickHouseServer is ClickHouse's engine behind its protocol over HTTP.
func clickHouseServer(t testing.TB) server {
	t.Helper()
	dsn := rehearsal.ClickHouse(t)
	return server{name: "ClickHouse", source: strings.Replace(dsn, "http://", "clickhouse://default@", 1) + "?protocol=http", db: opened(t, "clickhouse", dsn)}
}

// own is the name of the database of a test.
func own(t testing.TB) string {
	return fmt.Sprintf("parley_%s_%d", regexp.MustCompile(`\W`).ReplaceAllString(t.Name(), "_")[4:min(len(t.Name()), 40)], os.Getpid())
}

func postgresServer(t testing.TB) server {
	t.Helper()
	dsn := os.Getenv("PARLEY_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PARLEY_POSTGRES_DSN names no server")
	}
	folder := regexp.MustCompile(`host=(\S+)`).FindStringSubmatch(dsn)[1]
	s := server{name: "PostgreSQL"}
	whole := opened(t, "pgx", dsn)
	run(t, whole, "CREATE DATABASE \""+own(t)+`"`)
	t.Cleanup(func() { run(t, whole, "DROP DATABASE \""+own(t)+`" WITH (FORCE)`) })
	s.source = "postgres://postgres@/" + own(t) + "?host=" + url.QueryEscape(folder)
	s.db = opened(t, "pgx", dsn+" dbname="+own(t))
	return s
}

func mariaServer(t testing.TB) server {
	t.Helper()
	dsn := os.Getenv("PARLEY_MARIADB_DSN")
	if dsn == "" {
		t.Skip("PARLEY_MARIADB_DSN names no server")
	}
	s := server{name: "MariaDB"}
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	whole := opened(t, "mysql", config.FormatDSN())
	run(t, whole, "CREATE DATABASE `"+own(t)+"` CHARACTER SET utf8mb4")
	t.Cleanup(func() { run(t, whole, "DROP DATABASE `"+own(t)+"`") })
	s.source = "mysql://" + config.User + "@/" + own(t) + "?socket=" + url.QueryEscape(config.Addr)
	config.DBName = own(t)
	config.Params = map[string]string{"sql_mode": "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "time_zone": "'+00:00'"}
	s.db = opened(t, "mysql", config.FormatDSN())
	return s
}

func opened(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%.300s: %v", s, err)
		}
	}
}

// open opens a table of a server.
func (s server) open(t testing.TB, o served.Options) (*served.Table, error) {
	t.Helper()
	o.Source = s.source
	table, err := served.Open(context.Background(), "t", o)
	if err == nil {
		t.Cleanup(func() { table.Close() })
	}
	return table, err
}

func (s server) mustOpen(t testing.TB, o served.Options) *served.Table {
	t.Helper()
	table, err := s.open(t, o)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return table
}
