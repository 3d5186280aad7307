package session

import (
	"context"
	"strings"
	"testing"
	"time"

	"parley/node/client"
	"parley/node/door"
	"parley/node/nodetest/testnet"
	"parley/node/pgwire"
)

// TestNetworkSession asks a real network, by a desk: a question with parameters gives what the same question without gives, with types that
// are PostgreSQL's, and an answer that is kept.
func TestNetworkSession(t *testing.T) {
	if testing.Short() {
		t.Skip("questions over a network")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	c := n.Dial(0)
	d, err := door.New(c, door.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	h := &heard{}
	shelves := &Catalogs{}
	defer shelves.Close()
	opened, err := Open(ctx, d, pgwire.Login{User: "ana", Database: "net", Listener: h}, shelves)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*session)
	h.play(s, "EXPLAIN "+testnet.WageQuestion)
	if !strings.Contains(h.String(), "QUERY PLAN") || strings.Contains(h.String(), "ERROR") {
		t.Errorf("explained as\n%s", h)
	}
	if err := s.set("parley.purpose", testnet.Purpose, false); err != nil {
		t.Fatal(err)
	}
	sql := strings.Replace(testnet.WageQuestion, "30", "$1", 1)
	st, err := s.Prepare(ctx, pgwire.Text{SQL: sql}, []uint32{oidInt2})
	if err != nil {
		t.Fatal(err)
	}
	planned := st.Columns()
	h.Reset()
	r, err := st.Run(ctx, []pgwire.Value{pgwire.Value("30")})
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	if said := h.String(); !strings.Contains(said, "NOTICE : asked") && !strings.Contains(said, "verified") || !strings.Contains(said, "FROM parley.answers") {
		t.Errorf("beside the answer it said\n%s", said)
	}
	plain, err := c.Ask(ctx, testnet.WageQuestion, testnet.Asking(client.AskOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range r.Columns {
		if planned[i] != column || column.Name != plain.Result.Columns[i] {
			t.Errorf("column %d was planned as %+v, and is %+v", i, planned[i], column)
		}
	}
	types := []uint32{oidText, oidInt8, oidNumeric, oidNumeric}
	for i, row := range r.Rows {
		for j, v := range row {
			if want := plain.Result.Rows[i][j].Text; (v == nil) != (want == nil) || v != nil && string(v) != *want {
				t.Errorf("row %d: %s, not %s", i, v, orNull(want))
			}
			if r.Columns[j].Type != types[j] {
				t.Errorf("%s is of type %d; PostgreSQL's is %d", r.Columns[j].Name, r.Columns[j].Type, types[j])
			}
		}
	}
	looksUp(t, s, h)
}

// looksUp reads the catalogue and the door's own tables, after a question was asked.
func looksUp(t *testing.T, s *session, h *heard) {
	t.Helper()
	for sql, want := range map[string]string{
		"SELECT purpose, length(certificate) > 1000 AS whole FROM parley.answers":                                            "| " + testnet.Purpose + " | t |",
		"SELECT relname FROM pg_class WHERE relname = 'people' AND relkind = 'r'":                                            "| people |",
		"SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname = 'wage'": "| numeric",
		"SELECT current_setting('parley.purpose'), current_user":                                                             "| " + testnet.Purpose + " | ana |",
		"SHOW server_version": "| 15.18 |",
		"SELECT count(*) FROM information_schema.columns WHERE table_name = 'nothing'": "| 0 |",
		"DECLARE c CURSOR WITH HOLD FOR SELECT nspname FROM pg_namespace ORDER BY 1":   "DECLARE CURSOR",
		"COPY (SELECT 'a,b' AS x) TO STDOUT (FORMAT csv)":                              "| a,b |",
		"SELECT nonsense FROM pg_class":                                                "ERROR 42703",
		"SELECT 1 FROM pg_catalog.nothing":                                             "ERROR 42P01",
		"SELECT pg_sleep(1), 1":                                                        "ERROR",
	} {
		h.Reset()
		if h.play(s, sql); !strings.Contains(h.String(), want) {
			t.Errorf("%s gave not %q but\n%s", sql, want, h)
		}
	}
}

// TestNetworkRefuses asks a network without policies: the person is shown no table, and is told all the same what lacks a grant, and whose.
func TestNetworkRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("a question over a network")
	}
	n := testnet.New(t, 2)
	n.Closed = true
	n.StartAll()
	d, err := door.New(n.Dial(0), door.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	s, err := open(context.Background(), d, pgwire.Login{User: "ana", Database: "net", Settings: map[string]string{"parley.purpose": testnet.Purpose}, Listener: h},
		func(context.Context) (records, func(), error) { return shelfOf{}, func() {}, nil })
	if err != nil {
		t.Fatal(err)
	}
	h.Reset()
	h.play(s, testnet.WageQuestion)
	h.play(s, "SELECT count(*) FROM nothing")
	said := h.String()
	for _, want := range []string{"ERROR 42501: the departments do not allow this question", "a, people: ", "b, people: ", `ERROR 42P01: relation "nothing" does not exist`, "at 22", "No grant and no policy shows you"} {
		if !strings.Contains(said, want) {
			t.Errorf("it did not say %q:\n%s", want, said)
		}
	}
	if _, second, _ := strings.Cut(said, "42P01"); strings.Contains(second, "people") {
		t.Errorf("a table that is not shown is named:\n%s", said)
	}
}
