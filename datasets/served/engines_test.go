//go:build postgres

package served_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/datasets"
	"parley/datasets/dialect"
	"parley/datasets/published"
	"parley/datasets/served"
	"parley/engine"
)

// rows that both engines hold: keys, numbers at the ends of their ranges, text of many kinds, days.
const created = `CREATE TABLE t (k integer, big bigint, small smallint, d numeric(18,2), wide numeric(38,4), whole numeric(20,0),
	s varchar(100), c char(5), long_text text, day date, empty integer)`

var inserted = []string{
	`(1, 9223372036854775807, -32768, 1.50, 1234567890123456789012345678901234.5678, 12345678901234567890, 'a', 'x', 'one', '2020-02-29', NULL)`,
	`(2, -9223372036854775808, 32767, -0.01, -0.0001, 0, 'A', 'x', 'two', '0001-01-01', NULL)`,
	`(3, NULL, 0, 0, 0, -1, '', '', '', '9999-12-31', NULL)`,
	`(1, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
	`(NULL, 7, 1, 100, 1, 5, 'a ', 'x', 'ends in a space ', '1582-10-10', NULL)`,
	`(2, 7, 1, 100, 1, 5, '中文', 'é', 'quote '' and ; and 5:x;', '1970-01-01', NULL)`,
	`(2, 7, 1, 100, 1, 5, 'a%_\b', 'é', 'NULL', '1969-12-31', NULL)`,
}

func fill(t testing.TB, s server) {
	t.Helper()
	run(t, s.db, created, "INSERT INTO t VALUES "+strings.Join(inserted, ", "))
}

// TestServedDescription: the same rows have one description and one digest in both engines.
func TestServedDescription(t *testing.T) {
	var all []engine.Registration
	for _, s := range servers(t) {
		fill(t, s)
		table := s.mustOpen(t, served.Options{Table: "t", Salt: []byte("salt")})
		if aside := table.Aside(); len(aside) > 0 {
			t.Errorf("%s sets aside %v", s.name, aside)
		}
		all = append(all, table.Registration("north", 1))
	}
	first, _ := json.MarshalIndent(all[0], "", " ")
	second, _ := json.MarshalIndent(all[1], "", " ")
	if string(first) != string(second) {
		t.Errorf("PostgreSQL:\n%s\nMariaDB:\n%s", first, second)
	}
	r := all[0]
	if r.Rows != int64(len(inserted)) || len(r.Columns) != 11 {
		t.Fatalf("%d rows, %d columns", r.Rows, len(r.Columns))
	}
	text := func(name string) string {
		c := r.Columns[slices.IndexFunc(r.Columns, func(c engine.Column) bool { return c.Name == name })]
		return fmt.Sprintf("%s %d %v %v..%v %q", c.Kind, c.Scale, c.Nullable, c.Min, c.Max, c.Dictionary)
	}
	for name, want := range map[string]string{
		"k":     `integer 0 true 1..3 ["1" "2" "3"]`,
		"big":   `integer 0 true -9223372036854775808..9223372036854775807 ["-9223372036854775808" "0" "7" "9223372036854775807"]`,
		"d":     `decimal 2 true -1..10000 ["-0.01" "0" "1.5" "100"]`,
		"whole": `decimal 0 true -1..12345678901234567890 ["-1" "0" "5" "12345678901234567890"]`,
		"s":     `text 0 true <nil>..<nil> ["" "A" "a" "a " "a%_\\b" "中文"]`,
		"c":     `text 0 true <nil>..<nil> ["" "x" "é"]`,
		"day":   `date 0 true -719162..2932896 ["0001-01-01" "1582-10-10" "1969-12-31" "1970-01-01" "2020-02-29" "9999-12-31"]`,
		"empty": `null 0 true <nil>..<nil> []`,
	} {
		if got := text(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestServedValues: the SQL of a column's value is what it says.
func TestServedValues(t *testing.T) {
	for _, s := range servers(t) {
		fill(t, s)
		table := s.mustOpen(t, served.Options{Table: "t"})
		var list []string
		for _, c := range table.Columns() {
			list = append(list, c.SQL)
		}
		var got [][]any
		err := table.Snapshot(context.Background(), false, func(asking *served.Asking) (err error) {
			got, err = asking.Rows(context.Background(), "SELECT "+strings.Join(list, ", ")+" FROM "+table.From()+" WHERE small = -32768")
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		var printed []string
		for _, v := range got[0] {
			if d, ok := v.(dialect.Decimal); ok { // nothing behind its point
				v = new(big.Int).Quo(d.Value, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.Scale)), nil))
			}
			printed = append(printed, fmt.Sprintf("%v", v))
		}
		if want := "1 9223372036854775807 -32768 150 12345678901234567890123456789012345678 12345678901234567890 a x one 18321 <nil>"; strings.Join(printed, " ") != want {
			t.Errorf("%s: %s", s.name, strings.Join(printed, " "))
		}
	}
}

// TestServedChanges: a table that is not the registered one any more is refused by name, whatever has
// changed, and is the registered one again when it has changed back.
func TestServedChanges(t *testing.T) {
	for _, s := range servers(t) {
		fill(t, s)
		table := s.mustOpen(t, served.Options{Table: "t"})
		registered := table.Registration("north", 1)
		is := func(what string) {
			t.Helper()
			asked := false
			err := table.Snapshot(context.Background(), false, func(*served.Asking) error { asked = true; return nil })
			if what == "" {
				if err != nil || !asked {
					t.Errorf("%s: %v", s.name, err)
				}
				return
			}
			if !errors.Is(err, served.ErrChanged) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), `table "t"`) || asked {
				t.Errorf("%s: %v, want %s", s.name, err, what)
			}
		}
		is("")
		run(t, s.db, "UPDATE t SET d = 1.51 WHERE d = 1.50")
		is("its content is another one")
		run(t, s.db, "UPDATE t SET d = 1.50 WHERE d = 1.51")
		is("")
		run(t, s.db, "UPDATE t SET s = 'a', long_text = 'onea' WHERE s = 'a' AND small = -32768") // a byte moves
		is("its content is another one")
		run(t, s.db, "UPDATE t SET long_text = 'one' WHERE s = 'a' AND small = -32768")
		is("")
		run(t, s.db, "INSERT INTO t (k) VALUES (1)")
		is("it has 8 rows, and had 7")
		run(t, s.db, "DELETE FROM t WHERE small IS NULL AND big IS NULL")
		is("")
		run(t, s.db, "ALTER TABLE t ADD COLUMN further integer") // which is not registered
		is("")
		run(t, s.db, "ALTER TABLE t DROP COLUMN whole")
		is(`column "whole" is gone`)
		run(t, s.db, "ALTER TABLE t ADD COLUMN whole integer")
		is(`column "whole" is now of type`)
		run(t, s.db, "DROP TABLE t")
		err := table.Changed(context.Background())
		if err == nil || !strings.Contains(err.Error(), "no such table") {
			t.Errorf("%s: %v", s.name, err)
		}
		if again := table.Registration("north", 1); again.Digest != registered.Digest {
			t.Errorf("%s: the registration has changed", s.name)
		}
	}
}

// TestServedVersion: a declared version notices what it is kept for, and nothing else.
func TestServedVersion(t *testing.T) {
	for _, s := range servers(t) {
		fill(t, s)
		run(t, s.db, "CREATE TABLE loads (at integer)", "INSERT INTO loads VALUES (1)")
		column := s.mustOpen(t, served.Options{Table: "t", Version: "day"})
		query := s.mustOpen(t, served.Options{Table: "t", VersionQuery: "SELECT max(at) FROM loads;"})
		same := func(table *served.Table) bool {
			t.Helper()
			err := table.Changed(context.Background())
			if err != nil && !errors.Is(err, served.ErrChanged) {
				t.Fatalf("%s: %v", s.name, err)
			}
			return err == nil
		}
		run(t, s.db, "UPDATE t SET d = 7")
		if !same(column) || !same(query) {
			t.Errorf("%s: a version notices what it does not stand for", s.name)
		}
		run(t, s.db, "UPDATE t SET day = '9999-12-30' WHERE day = '9999-12-31'")
		if same(column) || !same(query) {
			t.Errorf("%s: the greatest day is another one, and its column does not notice", s.name)
		}
		run(t, s.db, "INSERT INTO loads VALUES (2)")
		if same(query) {
			t.Errorf("%s: version_query does not notice", s.name)
		}
	}
}

// TestServedUnsteady: a view whose rows change while they are read is refused when it is registered, and
// when it is asked.
func TestServedUnsteady(t *testing.T) {
	all := servers(t)
	for _, s := range all {
		random := map[string]string{"PostgreSQL": "random()", "MariaDB": "rand()"}[s.name]
		run(t, s.db, "CREATE TABLE t (k integer)", "INSERT INTO t VALUES (1), (2), (3)",
			"CREATE VIEW moving AS SELECT CAST(floor("+random+" * 1000000) AS decimal(10,0)) AS x FROM t", "CREATE VIEW still AS SELECT k FROM t")
		if _, err := s.open(t, served.Options{Table: "moving"}); !errors.Is(err, served.ErrChanged) {
			t.Errorf("%s: %v", s.name, err)
		}
		still := s.mustOpen(t, served.Options{Table: "still"})
		err := still.Snapshot(context.Background(), false, func(asking *served.Asking) error {
			run(t, s.db, "UPDATE t SET k = k + 1")
			rows, err := asking.Rows(context.Background(), "SELECT sum(k) FROM "+still.From())
			if err == nil && rows[0][0].(*big.Int).Int64() != 6 {
				t.Errorf("%s: the snapshot moves: %v", s.name, rows)
			}
			return err
		})
		if err != nil { // what is read through a view is InnoDB's and PostgreSQL's, so the snapshot holds
			t.Errorf("%s: %v", s.name, err)
		}
	}
	maria := all[1]
	run(t, maria.db, "CREATE TABLE loose (k integer) ENGINE = MyISAM", "INSERT INTO loose VALUES (1), (2)")
	loose := maria.mustOpen(t, served.Options{Table: "loose"})
	err := loose.Snapshot(context.Background(), false, func(*served.Asking) error {
		run(t, maria.db, "UPDATE loose SET k = 5 WHERE k = 2")
		return nil
	})
	if !errors.Is(err, served.ErrChanged) {
		t.Errorf("a table without snapshots changes unnoticed: %v", err)
	}
}

// TestServedAside: what cannot be read is set aside with what to write, and refused when it is named.
func TestServedAside(t *testing.T) {
	all := servers(t)
	for s, types := range map[string]string{
		"PostgreSQL": "f real, g double precision, nan double precision, j json, a integer[], at timestamp, n numeric, e mood, bin bytea, u uuid, b boolean, far date",
		"MariaDB":    "f float, g double, j json, at datetime, e enum('sad','glad'), bin blob, b tinyint(1), bits bit(3), y year, zero date, un bigint unsigned, z int(8) zerofill",
	} {
		s := all[map[string]int{"PostgreSQL": 0, "MariaDB": 1}[s]]
		values := "(1.1, 0.25, 'NaN', '{}', '{1}', '2020-01-01', 1.250, 'glad', '\\x00', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', true, 'infinity')"
		want := "f=decimal(1) g=decimal(2) at=timestamp n=decimal(3) e=text u=text b=boolean; aside: j a bin nan far"
		if s.name == "MariaDB" {
			values = "(1.1, 0.25, '{}', '2020-01-01', 'glad', 'x', 1, 1, 2020, '2020-01-01', 18446744073709551615, 5)"
			want = "j=text at=timestamp e=text b=integer y=integer un=decimal(0) z=integer; aside: f g bin bits zero"
			run(t, s.db, "SET GLOBAL sql_mode = ''")
		} else {
			run(t, s.db, "CREATE TYPE mood AS ENUM ('sad', 'glad')")
		}
		run(t, s.db, "CREATE TABLE t ("+types+")", "INSERT INTO t VALUES "+values)
		if s.name == "MariaDB" {
			run(t, s.db, "INSERT INTO t (zero) VALUES ('0000-00-00')")
		}
		table := s.mustOpen(t, served.Options{Table: "t"})
		var got, aside []string
		for _, c := range table.Columns() {
			text := c.Name + "=" + c.Kind.String()
			if c.Kind == engine.Decimal {
				text += fmt.Sprintf("(%d)", c.Scale)
			}
			got = append(got, text)
		}
		for _, e := range table.Aside() {
			aside = append(aside, e.Field)
			if e.Hint == "" || !strings.HasSuffix(e.File, ":///"+own(t)) {
				t.Errorf("%s: %v", s.name, e)
			}
			if _, err := s.open(t, served.Options{Table: "t", Columns: []string{e.Field}}); err == nil || !strings.Contains(err.Error(), e.Message) {
				t.Errorf("%s: column %s is named, and: %v", s.name, e.Field, err)
			}
		}
		if all := strings.Join(got, " ") + "; aside: " + strings.Join(aside, " "); all != want {
			t.Errorf("%s: %s, want %s", s.name, all, want)
		}
	}
}

// TestServedRefusals: what is wrong is said with what to do, and nothing is half open.
func TestServedRefusals(t *testing.T) {
	for _, s := range servers(t) {
		fill(t, s)
		for _, c := range []struct {
			o    served.Options
			want string
		}{
			{served.Options{Table: "absent"}, "no such table"},
			{served.Options{Table: "t", Columns: []string{"k", "absent"}}, "is asked for and not there"},
			{served.Options{Query: "SELECT absent FROM t"}, "no such column"},
			{served.Options{Query: "DELETE FROM t"}, "does not begin with SELECT"},
			{served.Options{Query: "SELECT 1) AS x; DROP TABLE t; SELECT * FROM (SELECT 1"}, "closes a parenthesis"},
			{served.Options{Query: "WITH gone AS (DELETE FROM t RETURNING k) SELECT k FROM gone"}, "the engine cannot be asked"},
			{served.Options{Query: "SELECT k, k FROM t"}, map[string]string{"PostgreSQL": "two columns are named", "MariaDB": "Duplicate column"}[s.name]},
			{served.Options{Query: "SELECT k FROM t", Table: "t"}, "a table or a query"},
			{served.Options{Table: "t", Version: "absent"}, "no such column"},
			{served.Options{Query: slow[s.name], Timeout: 200 * time.Millisecond}, "took longer than 200ms"},
		} {
			if _, err := s.open(t, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %+v: %v, want %s", s.name, c.o, err, c.want)
			}
		}
		table := s.mustOpen(t, served.Options{Query: "SELECT k, sum(d) AS total FROM t GROUP BY k -- by key"})
		if r := table.Registration("north", 1); r.Rows != 4 || r.Columns[1].Kind != engine.Decimal {
			t.Errorf("%s: %+v", s.name, r)
		}
		// A session cannot write.
		err := table.Snapshot(context.Background(), false, func(asking *served.Asking) error {
			_, err := asking.Rows(context.Background(), "DELETE FROM t")
			return err
		})
		var n int
		if s.db.QueryRow("SELECT count(*) FROM t").Scan(&n); err == nil || n != len(inserted) {
			t.Errorf("%s: a session deletes: %v, %d rows left", s.name, err, n)
		}
	}
}

var slow = map[string]string{
	"PostgreSQL": "SELECT k FROM t, pg_sleep(3)",
	"MariaDB":    "SELECT k FROM t WHERE sleep(3) = 0",
}

// TestServedNul: a text with a NUL character, which MySQL holds, is set aside.
func TestServedNul(t *testing.T) {
	s := mariaServer(t)
	run(t, s.db, "CREATE TABLE t (k int, s varchar(10))", "INSERT INTO t VALUES (1, CONCAT('a', CHAR(0 USING utf8mb4)))")
	table := s.mustOpen(t, served.Options{Table: "t"})
	if aside := table.Aside(); len(aside) != 1 || !strings.Contains(aside[0].Message, "NUL") {
		t.Errorf("%v", aside)
	}
}

// TestServedPassword: MariaDB takes the right password and no other; a table that the user may not read is told.
func TestServedPassword(t *testing.T) {
	s := mariaServer(t)
	fill(t, s)
	user := fmt.Sprintf("reader_%d", os.Getpid())
	run(t, s.db, "CREATE USER "+user+"@localhost IDENTIFIED BY 'pass word'", "CREATE TABLE hidden (k int)", "GRANT SELECT ON t TO "+user+"@localhost")
	t.Cleanup(func() { run(t, s.db, "DROP USER "+user+"@localhost") })
	s.source = strings.Replace(s.source, "root@", user+"@", 1)
	for password, want := range map[string]string{"pass word": "", "wrong word": "does not let"} {
		t.Setenv("PARLEY_TEST_PASSWORD", password)
		_, err := s.open(t, served.Options{Table: "t", PasswordEnv: "PARLEY_TEST_PASSWORD"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), password)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	t.Setenv("PARLEY_TEST_PASSWORD", "pass word")
	if _, err := s.open(t, served.Options{Table: "hidden", PasswordEnv: "PARLEY_TEST_PASSWORD"}); err == nil || !strings.Contains(err.Error(), "grant SELECT") {
		t.Errorf("of a table that is not granted: %v", err)
	}
}

// TestServedPersons: the limit of rows of a person is held against the rows where they are.
func TestServedPersons(t *testing.T) {
	for _, s := range servers(t) {
		run(t, s.db, "CREATE TABLE persons (id varchar(9), x integer)")
		run(t, s.db, "INSERT INTO persons VALUES ('a', 1), ('a', 2), ('a', 3), ('b', NULL), ('c', 1)")
		table, err := datasets.Connect(t.Context(), "persons", served.Options{Source: s.source, Table: "persons"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			key  string
			most int64
			says string
		}{{"id", 2, "a key stands in 3 rows"}, {"x", 3, "1 row without a value in the key"}, {"id x", 3, "1 row without"}} {
			if err := table.CheckKey(t.Context(), strings.Fields(c.key), published.Limit{Most: c.most, Persons: true}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v", s.name, c.key, err)
			}
		}
		if err := table.CheckKey(t.Context(), []string{"id"}, published.Limit{Most: 3, Persons: true}); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if q := table.Registration("north", 1).Quality; q.RowsPerPerson != 3 || q.Duplicates != 3 {
			t.Errorf("%s: %+v", s.name, q)
		}
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	}
}
