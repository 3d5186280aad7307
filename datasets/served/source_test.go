package served

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/trinodb/trino-go-client/trino"

	"parley/engine"
)

// TestSources: what a source may be, and that no error has a password in it.
func TestSources(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	secret := write("secret", "s3cr3t p@ss\n", 0o600)
	t.Setenv("PARLEY_TEST_PASSWORD", "s3cr3t p@ss")
	t.Setenv("PGHOST", "db.example.org")
	for _, c := range []struct {
		o    Options
		want string // empty: it is one
	}{
		{Options{Source: "postgres://reader@db.example.org/stock", PasswordFile: secret}, ""},
		{Options{Source: "postgres://reader@db.example.org/stock?sslmode=disable", PasswordEnv: "PARLEY_TEST_PASSWORD"}, ""},
		{Options{Source: "postgres://reader@/stock?host=/run/postgresql"}, ""},
		{Options{Source: "mysql://reader@db.example.org/stock?tls=false"}, ""},
		{Options{Source: "mysql://reader@[::1]:3307/stock"}, ""},
		{Options{Source: "mysql://reader@/stock?socket=/run/mysqld.sock"}, ""},
		{Options{Source: "postgres://reader:s3cr3t@db.example.org/stock"}, "has a password in it"},
		{Options{Source: "postgres://reader:s3cr3t@db.example.org:port/stock"}, "is not a URL"},
		{Options{Source: "postgres://reader@db.example.org/stock?password=s3cr3t"}, "not known"},
		{Options{Source: "postgres://reader@one,two/stock"}, "more than one host"},
		{Options{Source: "postgres://reader@db.example.org/stock?sslmode=prefer"}, "plain text"},
		{Options{Source: "postgres://reader@/stock?host=db.example.org&sslmode=allow"}, "plain text"},
		{Options{Source: "oracle://reader@db.example.org/stock"}, "no known scheme"},
		{Options{Source: "mysql://reader@db.example.org/stock?tls=preferred"}, "tls is not known"},
		{Options{Source: "mysql://reader@db.example.org/stock?tls=true&tls=false"}, "stands twice"},
		{Options{Source: "mysql://reader@db.example.org/stock?tls-ca=/absent"}, "not a file of certificates"},
		{Options{Source: "mysql://reader@/stock"}, "has no host"},
		{Options{Source: "postgres://reader@/stock"}, "has no host"}, // not that of PGHOST
		{Options{Source: "mysql://reader@localhost/stock", PasswordFile: write("open", "s3cr3t", 0o640)}, "others can read"},
		{Options{Source: "mysql://reader@localhost/stock", PasswordFile: write("empty", "\n", 0o600)}, "is empty"},
		{Options{Source: "mysql://reader@localhost/stock", PasswordFile: write("two", "s3cr3t\nmore", 0o600)}, "several lines"},
		{Options{Source: "mysql://reader@localhost/stock", PasswordFile: filepath.Join(folder, "absent")}, "cannot be read"},
		{Options{Source: "mysql://reader@localhost/stock", PasswordFile: folder}, "not a file"},
		{Options{Source: "mysql://reader@localhost/stock", PasswordEnv: "PARLEY_ABSENT"}, "is not set"},
		{Options{Source: "mysql://reader@localhost/stock", PasswordEnv: "PARLEY_TEST_PASSWORD", PasswordFile: secret}, "leave out one"},
	} {
		p, err := readSource(c.o)
		if err == nil {
			if p.password != "" && p.password != "s3cr3t p@ss" {
				t.Errorf("%s: the password is %q", c.o.Source, p.password)
			}
			db, failed := p.engine.open(p, DefaultTimeout)
			if err = failed; err == nil {
				db.Close()
			}
		}
		switch {
		case err == nil && c.want != "", err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.o.Source, err, c.want)
		case err != nil && strings.Contains(err.Error(), "s3cr3t"):
			t.Errorf("%s: an error has the password: %v", c.o.Source, err)
		}
	}
}

// TestPlainTextIsAsked: another machine is spoken to in TLS that is checked, unless the source says otherwise.
func TestPlainTextIsAsked(t *testing.T) {
	for source, want := range map[string]string{
		"mysql://r@db.example.org/x":                 "checked",
		"mysql://r@db.example.org/x?tls=skip-verify": "unchecked",
		"mysql://r@db.example.org/x?tls=false":       "plain",
		"mysql://r@127.0.0.1/x":                      "plain",
		"mysql://r@localhost:1/x":                    "plain",
		"mysql://r@127.0.0.1/x?tls=true":             "checked",
		"mysql://r@localhost.example.org/x":          "checked",
		"mysql://r@127.0.0.1.example.org/x":          "checked",
	} {
		p, err := readSource(Options{Source: source})
		if err != nil {
			t.Fatal(err)
		}
		c, err := p.tls()
		if err != nil {
			t.Fatal(err)
		}
		got := "plain"
		if c != nil {
			if got = "checked"; c.InsecureSkipVerify {
				got = "unchecked"
			}
		}
		if got != want {
			t.Errorf("%s is %s, want %s", source, got, want)
		}
	}
}

// TestNoPasswordInErrors: what a driver says is scrubbed, and a server that is not there is said.
func TestNoPasswordInErrors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := listener.Addr().String()
	listener.Close()
	t.Setenv("PARLEY_TEST_PASSWORD", "p@ss:w/rd")
	for scheme := range products {
		source := scheme + "://reader@" + gone + "/stock"
		if scheme == "trino" { // which takes no password in plain text
			source += "?tls=skip-verify"
		}
		_, err := Open(context.Background(), "t", Options{Source: source, Table: "t", PasswordEnv: "PARLEY_TEST_PASSWORD"})
		if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "rd@") {
			t.Errorf("%s: %v", scheme, err)
		}
		p, err := readSource(Options{Source: scheme + "://reader@localhost/x", PasswordEnv: "PARLEY_TEST_PASSWORD"})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"dsn p@ss:w/rd", "p%40ss%3Aw%2Frd", "p@ss:w%2Frd", "https://reader:p%40ss%3Aw%2Frd@host"} {
			shown := p.failed(context.Background(), errors.New("driver: "+text), DefaultTimeout).Error()
			if strings.Contains(shown, "ss:w") || strings.Contains(shown, "ss%3Aw") || !strings.Contains(shown, "***") {
				t.Errorf("%s: %s", scheme, shown)
			}
		}
	}
}

// TestOneSelect: a query is one SELECT with its own parentheses.
func TestOneSelect(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1":                             "",
		" (select 1) union (select 2) ;\n":     "",
		"WITH a AS (SELECT 1) SELECT * FROM a": "",
		"SELECT ';' , \"a)\" FROM t -- ) ;":    "",
		"SELECT 'it''s'":                       "",
		"SELECT 1; SELECT 2":                   "more than one",
		"SELECT 1) AS x, (SELECT 2":            "closes a parenthesis",
		"SELECT (1":                            "does not close",
		"SELECT 'a":                            "does not end",
		"SELECT /* x */ 1":                     "comment",
		"UPDATE t SET a = 1":                   "does not begin",
		"":                                     "does not begin",
		"SELECT \x00":                          "NUL",
	} {
		if _, fault := oneSelect(text); (fault == "") != (want == "") || !strings.Contains(fault, want) {
			t.Errorf("%q: %q, want %q", text, fault, want)
		}
	}
}

// TestNames: names of tables are quoted, part by part.
func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"t":                   `"t"`,
		"public.t":            `"public"."t"`,
		`"My.Schema"."T ""x"`: `"My.Schema"."T ""x"`,
		`"My.Schema"."T""x"`:  `"My.Schema"."T""x"`,
		`t"; DROP TABLE t`:    `"t""; DROP TABLE t"`,
		"a.b.c":               "",
		"a.":                  "",
		"":                    "",
		`"a"b`:                "",
	} {
		p := &place{engine: postgres}
		if got, err := p.relation(Options{Table: text}); got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %s (%v), want %s", text, got, err, want)
		}
	}
}

// FuzzQuery: no text of a node.toml or an engine makes the readers of names, queries, numbers and days panic.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"public.t", `"a.b"."c"`, "SELECT 1", "SELECT ';' -- )\n", "WITH a AS (SELECT '(') SELECT 1;", "1.50", "-0", "2020-02-29"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if parts, ok := nameParts(text); ok && len(parts) == 0 {
			t.Error("a name of no parts")
		}
		if query, fault := oneSelect(text); fault == "" {
			if again, fault := oneSelect(query); fault != "" && !strings.HasSuffix(query, ";") || fault == "" && again != query && !strings.HasSuffix(query, ";") {
				t.Errorf("%q is %q, and then %q", text, query, again)
			}
		}
		if d, ok := readDecimal(text); ok && d.Value == nil {
			t.Error("a number of no value")
		}
		if days, ok := readDay(text); ok && engine.FormatDate(days) != text {
			t.Errorf("%s is day %d, %s", text, days, engine.FormatDate(days))
		}
	})
}

// TestNoValueInErrors: what an engine says is shown where it is about statements, names or limits, and otherwise by
// its number, since it may quote what is in a row.
func TestNoValueInErrors(t *testing.T) {
	const text = "it is 'row 4711'"
	ofMySQL := func(number uint16, state string) error {
		return &mysql.MySQLError{Number: number, SQLState: [5]byte([]byte(state)), Message: text}
	}
	for _, c := range []struct {
		engine *product
		err    error
		number string
		shown  bool
	}{
		{mysqlEngine, ofMySQL(1300, "HY000"), "error 1300", false},
		{mysqlEngine, ofMySQL(1525, "HY000"), "error 1525", false},
		{mysqlEngine, ofMySQL(1918, "22007"), "error 1918", false},
		{mysqlEngine, ofMySQL(3854, "HY000"), "error 3854", false},
		{mysqlEngine, ofMySQL(1644, "45000"), "error 1644", false}, // what a function of the database's own says
		{mysqlEngine, ofMySQL(1064, "42000"), "error 1064", true},
		{mysqlEngine, ofMySQL(1205, "HY000"), "error 1205", true},
		{postgres, &pgconn.PgError{Code: "P0001", Message: text}, "SQLSTATE P0001", false},
		{postgres, &pgconn.PgError{Code: "23505", Message: text}, "SQLSTATE 23505", false},
		{postgres, &pgconn.PgError{Code: "22P02", Message: text}, "SQLSTATE 22P02", false},
		{postgres, &pgconn.PgError{Message: text}, "SQLSTATE ", false},
		{postgres, &pgconn.PgError{Code: "42883", Message: text}, "SQLSTATE 42883", true},
		{clickHouse, &clickhouse.Exception{Code: 395, Message: text}, "code 395", false},
		{clickHouse, &clickhouse.Exception{Code: 6, Message: text}, "code 6", false},
		{clickHouse, &clickhouse.Exception{Code: 241, Message: text}, "code 241", true},
		{trinoEngine, &trino.ErrTrino{ErrorName: "GENERIC_USER_ERROR", Message: text}, "GENERIC_USER_ERROR", false},
		{trinoEngine, &trino.ErrTrino{ErrorName: "SYNTAX_ERROR", Message: text}, "SYNTAX_ERROR", true},
	} {
		got := (&place{engine: c.engine}).failed(context.Background(), fmt.Errorf("a driver's: %w", c.err), time.Second).Error()
		if strings.Contains(got, "4711") != c.shown || !strings.Contains(got, c.number) {
			t.Errorf("%v: %s", c.err, got)
		}
	}
}

// TestWrongPassword: a server that does not take the password is told with the user, and without the password,
// which went to it as it stands in its file.
func TestWrongPassword(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	given := make(chan string, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			server := pgproto3.NewBackend(conn, conn)
			first, err := server.ReceiveStartupMessage()
			if _, tls := first.(*pgproto3.SSLRequest); tls && err == nil {
				conn.Write([]byte("N"))
				_, err = server.ReceiveStartupMessage()
			}
			if err == nil {
				server.SetAuthType(pgproto3.AuthTypeCleartextPassword)
				server.Send(&pgproto3.AuthenticationCleartextPassword{})
				err = server.Flush()
			}
			if message, failed := server.Receive(); err == nil && failed == nil {
				if p, ok := message.(*pgproto3.PasswordMessage); ok {
					select {
					case given <- p.Password:
					default:
					}
					server.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: `password authentication failed for user "reader", who said ` + p.Password})
					server.Flush()
				}
			}
			conn.Close()
		}
	}()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("p@ss w/rd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), "t", Options{Source: "postgres://reader@" + listener.Addr().String() + "/stock", Table: "t", PasswordFile: secret})
	if err == nil || !strings.Contains(err.Error(), `does not let "reader" in`) || !strings.Contains(err.Error(), "who said ***") || !strings.Contains(err.Error(), "password_file") ||
		strings.Contains(err.Error(), "p@ss") {
		t.Errorf("%v", err)
	}
	if got := <-given; got != "p@ss w/rd" {
		t.Errorf("the server was given %q", got)
	}
}
