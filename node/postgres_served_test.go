//go:build postgres

package node_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"parley/engine"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
)

// TestServedNode: a node whose table stays in PostgreSQL answers as from its file; rows that change there
// refuse the next question by name, are told in the log and the status, and are registered by a reload.
func TestServedNode(t *testing.T) {
	dsn := os.Getenv("PARLEY_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PARLEY_POSTGRES_DSN names no server")
	}
	own, err := pgx.ParseConfig(dsn)
	nodetest.Check(t, err)
	db := sql.OpenDB(stdlib.GetConnector(*own))
	t.Cleanup(func() { db.Close() })
	run := func(statements ...string) {
		t.Helper()
		for _, s := range statements {
			_, err := db.Exec(s)
			nodetest.Check(t, err)
		}
	}
	user := fmt.Sprintf("parley_reader_%d", os.Getpid())
	n := testnet.New(t, 1)
	edit, signal := fromFile(n)
	rows := testnet.RowsOf(0)
	run("DROP TABLE IF EXISTS people", "CREATE TABLE people ("+rows[0][0]+" text, "+rows[0][1]+" bigint, "+rows[0][2]+" numeric(12,2))",
		"CREATE ROLE "+user+" LOGIN PASSWORD 'pass word'", "GRANT SELECT ON people TO "+user)
	t.Cleanup(func() {
		db.Exec("DROP TABLE people")
		db.Exec("DROP ROLE " + user)
	})
	for _, row := range rows[1:] {
		_, err := db.Exec("INSERT INTO people VALUES ($1, CAST($2::text AS bigint), CAST($3::text AS numeric))", row[0], row[1], row[2])
		nodetest.Check(t, err)
	}
	secret := filepath.Join(n.Nodes[0].Config.Dir, "secret")
	nodetest.Check(t, os.WriteFile(secret, []byte("pass word\n"), 0o600))
	folder := regexp.MustCompile(`host=(\S+)`).FindStringSubmatch(dsn)[1]
	n.StartAll()
	c := n.Dial(0)
	old := testnet.ResultText(n.MustAnswer(c))

	mark := len(n.Nodes[0].Log.String())
	reload := func(want string) {
		t.Helper()
		mark = len(n.Nodes[0].Log.String())
		signal <- syscall.SIGHUP
		if line := last(n, mark, "reloaded"); !strings.Contains(line, want) {
			t.Errorf("the log says %s\nwant %s", line, want)
		}
	}
	settled := func(version uint64) {
		t.Helper()
		n.Eventually("the table has its version", func() bool {
			r := n.Report(0)
			return len(r.Tables) == 1 && r.Tables[0].Version == version && !r.Tables[0].Pending && r.Healthy
		})
	}
	there := func(f *config.File) {
		f.Tables[0] = config.FileTable{Name: "people", Source: "postgres://" + user + "@/postgres?host=" + url.QueryEscape(folder),
			Table: "public.people", PasswordFile: "secret", Timeout: "20s", Declared: f.Tables[0].Declared,
			About: config.About{Class: engine.ClassUnconditional.String()}}
	}
	edit(func(f *config.File) { there(f); f.Tables[0].PasswordFile = "absent" })
	reload("the password_file cannot be read")
	edit(there)
	reload("table people has 7 rows and is registered as a new version")
	settled(2)
	mustAnswerAs(n, c, old)
	reload("changed=nothing")

	run("INSERT INTO people VALUES ('somewhere', 1, 1)")
	if _, err := n.Ask(c, 30*time.Second); err == nil || !strings.Contains(err.Error(), "table people of department") || !strings.Contains(err.Error(), "is not as it was registered") {
		t.Errorf("of other rows: %v", err)
	}
	last(n, mark, "its database has other rows than are registered (it has 8 rows, and had 7)")
	if w := strings.Join(n.Report(0).Warnings, "\n"); !strings.Contains(w, "until parley node reload (or SIGHUP) registers it anew") {
		t.Errorf("warned of %s", w)
	}
	run("DELETE FROM people WHERE " + rows[0][0] + " = 'somewhere'")
	mustAnswerAs(n, c, old)
	if w := strings.Join(n.Report(0).Warnings, "\n"); strings.Contains(w, "other rows") {
		t.Errorf("warned of %s", w)
	}
	run("DELETE FROM people WHERE " + rows[0][1] + " = (SELECT max(" + rows[0][1] + ") FROM people)")
	reload("table people has 6 rows and is registered as a new version")
	settled(3)
	if a, err := n.Ask(c, 30*time.Second); err != nil || testnet.ResultText(a) == old {
		t.Errorf("of the new rows: %v", err)
	}
	run("ALTER TABLE people RENAME TO gone")
	defer run("ALTER TABLE gone RENAME TO people")
	if _, err := n.Ask(c, 30*time.Second); err == nil || !strings.Contains(err.Error(), "could not aggregate its table") {
		t.Errorf("of a table that is gone: %v", err)
	}
	last(n, mark, "the engine has no such table")
	if log := n.Nodes[0].Log.String(); strings.Contains(log, "pass word") {
		t.Error("the log has the password")
	}
}
