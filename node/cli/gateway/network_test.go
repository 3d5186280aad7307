package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"parley/node"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
)

// shell reaches networks with parameters for tests.
func shell() Shell {
	no := false
	return Shell{JSON: &no, JSONFlag: func(*cobra.Command) {}, Print: func(string) error { return nil }, PrintJSON: func(any) error { return nil },
		Step: func(string, ...any) {}, Done: func() {}, Note: func(string, ...any) {}, Log: func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		Dial: func(ctx context.Context, node, identity string) (*client.Client, error) {
			id, err := peers.LoadIdentity(identity)
			if err != nil {
				return nil, err
			}
			return client.Dial(ctx, node, id, client.Options{CacheDir: testnet.KeysDir(), Parameters: nodetest.Tiny})
		},
		Source: func(ctx context.Context, node, identity string) (audit.Source, error) {
			id, err := peers.LoadIdentity(identity)
			if err != nil {
				return nil, err
			}
			return audit.Dial(ctx, node, id, nodetest.Tiny)
		}}
}

// serve opens a gateway and serves until the test ends or stop is called.
func serve(t *testing.T, o Settings) (g *Gateway, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	g, err := Open(ctx, shell(), o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		nodetest.Check(t, <-done)
		g.Close()
	}
	t.Cleanup(stop)
	return g, stop
}

// state is the SQLSTATE of an error.
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

// TestGateway: a real network behind a gateway: an answer by the printed URL, kept over a restart; logins by password and certificate, and
// those that are refused; a person who is revoked while connected.
func TestGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two nodes")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	identity := n.AnalystFile()
	dir := filepath.Join(t.TempDir(), "gateway")
	o := Settings{Node: n.Address(0), Identities: []string{identity}, Listen: "127.0.0.1:0", HTTP: "127.0.0.1:0", Flight: "127.0.0.1:0", Dir: dir}
	g, stop := serve(t, o)
	doors, err := g.Doors("a test of the network")
	nodetest.Check(t, err)
	postgres := doors.Postgres
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, postgres)
	nodetest.Check(t, err)
	var rows int64
	nodetest.Check(t, c.QueryRow(ctx, "SELECT count(*) FROM people").Scan(&rows))
	want := int64(len(testnet.RowsOf(0)) + len(testnet.RowsOf(1)) - 2)
	if rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	kept := func(c *pgx.Conn) (certificate []byte) {
		t.Helper()
		nodetest.Check(t, c.QueryRow(ctx, "SELECT certificate FROM parley.answers").Scan(&certificate))
		return certificate
	}
	before := kept(c)
	if _, err := client.Verify(before, nil, nil); err != nil {
		t.Error(err)
	}
	nodetest.Check(t, c.Close(ctx))
	modes(t, dir, map[string]os.FileMode{authorityFile: 0o644, serverFile: 0o644, "lock": 0o600})
	stop()

	g, _ = serve(t, o)
	if doors, err = g.Doors(""); err != nil {
		t.Fatal(err)
	}
	postgres = doors.Postgres
	if c, err = pgx.Connect(ctx, postgres); err != nil {
		t.Fatal(err)
	}
	if string(kept(c)) != string(before) {
		t.Error("the answer is another after a restart")
	}
	logins(t, ctx, n, identity, postgres)
	web := atTheAPI(t, ctx, doors, want)
	sharedFailures(web, postgres)
	overFlight(t, ctx, doors, want)

	person := n.Analyst.Peer()
	if _, err := n.People(0, node.PeopleRequest{Do: node.PeopleRevoke, Person: person, Reason: "left"}); err != nil {
		t.Fatal(err)
	}
	n.Eventually("the session of who is revoked is refused", func() bool {
		_, err := c.Exec(ctx, "SELECT 1")
		return err != nil
	})
	if _, err := pgx.Connect(ctx, postgres); err == nil {
		t.Error("who is revoked logs in")
	}
	web.call("GET", "status", "", http.StatusForbidden, nil)
	web.call("GET", "status", "", http.StatusUnauthorized, nil) // the token has ended
}

// logins are those that must fail beside one that must not.
func logins(t *testing.T, ctx context.Context, n *testnet.Network, identity, postgres string) {
	t.Helper()
	connect := func(change func(*pgx.ConnConfig)) error {
		config, err := pgx.ParseConfig(postgres)
		nodetest.Check(t, err)
		change(config)
		c, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			err = c.Ping(ctx)
			c.Close(ctx)
		}
		return err
	}
	certificateOf := func(file string) func(*pgx.ConnConfig) {
		out, s := filepath.Join(t.TempDir(), "certificate"), shell()
		nodetest.Check(t, s.makeCertificate(file, out, 30))
		pair, err := tls.LoadX509KeyPair(filepath.Join(out, personFile), filepath.Join(out, personKeyFile))
		nodetest.Check(t, err)
		return func(c *pgx.ConnConfig) {
			c.Password, c.User = "", n.Analyst.Peer()
			c.TLSConfig.Certificates = []tls.Certificate{pair}
		}
	}
	nodetest.Check(t, connect(certificateOf(identity)))
	other := filepath.Join(t.TempDir(), "other.key")
	_, err := peers.CreateIdentity(other)
	nodetest.Check(t, err)
	for what, change := range map[string]func(*pgx.ConnConfig){
		"a wrong password":             func(c *pgx.ConnConfig) { c.Password += "x" },
		"an unknown user":              func(c *pgx.ConnConfig) { c.User = "nobody" },
		"another identity's signature": certificateOf(other),
	} {
		if err := connect(change); state(err) != "28P01" && state(err) != "28000" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := connect(func(c *pgx.ConnConfig) { c.TLSConfig = nil; c.Fallbacks = nil }); state(err) != "28000" {
		t.Errorf("without TLS: %v", err)
	}
}
