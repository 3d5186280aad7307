//go:build postgres

package served_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"parley/datasets"
	"parley/datasets/served"
)

// The same rows as ClickHouse and as MariaDB hold them.
const (
	inClickHouse = `CREATE TABLE t (k Nullable(Int32), big Nullable(UInt64), d Nullable(Decimal(18, 2)), wide Nullable(Decimal(38, 4)),
		s LowCardinality(Nullable(String)), u UUID, e Enum8('sad' = 1, 'glad' = 2), b Nullable(Bool), day Nullable(Date32), short Date, empty Nullable(Int8))
		ENGINE = MergeTree ORDER BY tuple()`
	inMariaDB = `CREATE TABLE t (k int, big bigint unsigned, d decimal(18,2), wide decimal(38,4), s varchar(100), u char(36), e enum('sad', 'glad'),
		b tinyint(1), day date, short date, empty int)`
)

var alike = []string{
	`(1, 18446744073709551615, 1.50, 1234567890123456789012345678901234.5678, 'a', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 'sad', true, '2020-02-29', '1970-01-02', NULL)`,
	`(NULL, NULL, NULL, NULL, NULL, '61f0c404-5cb3-11e7-907b-a6006ad3dba1', 'glad', NULL, NULL, '2149-06-06', NULL)`,
	`(-3, 0, -0.01, -0.0001, 'ends in a space ', '61f0c404-5cb3-11e7-907b-a6006ad3dba2', 'glad', false, '1900-01-01', '2000-01-01', NULL)`,
	`(2, 7, 100, 1, '中文', '61f0c404-5cb3-11e7-907b-a6006ad3dba3', 'sad', false, '2299-12-31', '2000-01-01', NULL)`,
}

// TestServedClickHouse: rows are described, hashed and watched in ClickHouse as in MariaDB.
func TestServedClickHouse(t *testing.T) {
	house, maria := clickHouseServer(t), mariaServer(t)
	run(t, house.db, inClickHouse, "INSERT INTO t VALUES "+strings.Join(alike, ", "))
	run(t, maria.db, inMariaDB, "INSERT INTO t VALUES "+strings.Join(alike, ", "))
	o := served.Options{Table: "t", Salt: []byte("salt")}
	table := house.mustOpen(t, o)
	o.Booleans = []string{"b"}
	got, _ := json.MarshalIndent(table.Registration("north", 1), "", " ")
	want, _ := json.MarshalIndent(maria.mustOpen(t, o).Registration("north", 1), "", " ")
	if string(got) != string(want) {
		t.Errorf("ClickHouse:\n%s\nMariaDB:\n%s", got, want)
	}
	still := func() error { return table.Changed(context.Background()) }
	if err := still(); err != nil {
		t.Error(err)
	}
	err := table.Snapshot(context.Background(), false, func(asking *served.Asking) error {
		rows, err := asking.Rows(context.Background(), "SELECT sum(k) FROM "+table.From())
		if err != nil || rows[0][0].(*big.Int).Int64() != 0 {
			t.Errorf("%v %v", rows, err)
		}
		if _, err := asking.Rows(context.Background(), "INSERT INTO t (k) VALUES (1)"); err == nil {
			t.Error("a session of a reader writes")
		}
		run(t, house.db, "INSERT INTO t (k, u, e, short) SELECT 5, u, e, short FROM t LIMIT 1") // it has no snapshots
		return nil
	})
	if !errors.Is(err, served.ErrChanged) {
		t.Errorf("rows that came while it was read: %v", err)
	}
	if err := still(); !errors.Is(err, served.ErrChanged) {
		t.Error(err)
	}
	run(t, house.db, "ALTER TABLE t DROP COLUMN wide")
	if err := still(); err == nil || !strings.Contains(err.Error(), `column "wide" is gone`) {
		t.Error(err)
	}
}

// TestServedClickHouseRefusals: what is wrong is said, and what cannot be read is set aside.
func TestServedClickHouseRefusals(t *testing.T) {
	house := clickHouseServer(t)
	run(t, house.db, "CREATE TABLE t (k Int32, f Float64, at DateTime, bin String, fixed FixedString(3), list Array(Int8)) ENGINE = Memory",
		"INSERT INTO t VALUES (1, 0.5, '2020-01-01 00:00:00', unhex('ff'), 'abc', [1])")
	for _, c := range []struct {
		o    served.Options
		want string
	}{
		{served.Options{Table: "absent"}, "no such table"},
		{served.Options{Query: "SELECT absent FROM t"}, "no such column"},
		{served.Options{Table: "t", Columns: []string{"bin"}}, "text that is not UTF-8"},
		{served.Options{Table: "t", Columns: []string{"f"}}, "toDecimal128"},
		{served.Options{Query: "SELECT sipHash64(number) AS k FROM numbers(1000000000000)", Timeout: time.Second}, "took longer than 1s"},
	} {
		if _, err := house.open(t, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.o, err, c.want)
		}
	}
	var aside []string
	for _, e := range house.mustOpen(t, served.Options{Table: "t"}).Aside() {
		aside = append(aside, e.Field)
	}
	if got := strings.Join(aside, " "); got != "f fixed list bin" {
		t.Errorf("set aside: %s", got)
	}
}

// TestServedClickHouseProfile: no setting of the user's own leaves a part of an answer out, or gives one of before.
func TestServedClickHouseProfile(t *testing.T) {
	house := clickHouseServer(t)
	run(t, house.db, "CREATE TABLE t (k Int32) ENGINE = MergeTree ORDER BY tuple()", "INSERT INTO t VALUES (1), (2), (3)")
	table := house.mustOpen(t, served.Options{Table: "t"})
	for _, c := range []struct{ setting, undone, fails string }{
		{"limit = 2", "limit = 0", ""},
		{"offset = 1", "offset = 0", ""},
		{"max_result_rows = 1, result_overflow_mode = 'break'", "max_result_rows = 0, result_overflow_mode = 'throw'", "code 396"},
		{"max_rows_to_group_by = 1, group_by_overflow_mode = 'any'", "max_rows_to_group_by = 0, group_by_overflow_mode = 'throw'", "code 158"},
		{"max_rows_to_read = 1, read_overflow_mode = 'break'", "max_rows_to_read = 0, read_overflow_mode = 'throw'", "code 158"},
		{"max_ast_elements = 5", "max_ast_elements = 50000", ""}, // of a statement that lists values
		{"additional_result_filter = 'k <> 2'", "additional_result_filter = ''", ""},
	} {
		var rows [][]any
		run(t, house.db, "SET "+c.setting)
		err := table.Snapshot(context.Background(), false, func(asking *served.Asking) (err error) {
			rows, err = asking.Rows(context.Background(), "SELECT k, count(*) FROM t GROUP BY k")
			return err
		})
		run(t, house.db, "SET "+c.undone)
		if c.fails == "" && (err != nil || len(rows) != 3) || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: %v %v", c.setting, rows, err)
		}
	}
	run(t, house.db, "SET use_query_cache = 1, query_cache_min_query_runs = 0")
	if err := table.Changed(context.Background()); err != nil {
		t.Error(err)
	}
	run(t, house.db, "INSERT INTO t VALUES (4)")
	if err := table.Changed(context.Background()); !errors.Is(err, served.ErrChanged) {
		t.Errorf("an answer of before: %v", err)
	}
}

// TestServedNullConditions: what is computed under a condition that is NULL is counted and summed as in files.
func TestServedNullConditions(t *testing.T) {
	for _, s := range append(servers(t), clickHouseServer(t)) {
		here, there := s.both(t, "conditions", "k,i,b,s\n1,1,1,a\n2,2,,bb\n,3,4,ccc\n3,,5,d\n2,50,,\n1,60,,eeee\n")
		defer here.Close()
		defer there.Close()
		for _, question := range []string{"SELECT count(NULLIF(i, b)), sum(NULLIF(i, b)), sum(CASE WHEN i = b THEN NULL ELSE i END) FROM t",
			"SELECT k, count(CASE WHEN i > b THEN NULL ELSE i + 1 END), var_samp(NULLIF(i, b)) FROM t GROUP BY k",
			"SELECT sum(GREATEST(length(CASE k WHEN 1 THEN s WHEN 2 THEN s END), 2, i)), sum(CASE WHEN i = b THEN 1 ELSE 0 END) FROM t",
			"SELECT count(*) FILTER (WHERE NOT (i = b)), count(CASE WHEN i = b THEN i END) FROM t"} {
			beyond := map[string]int{}
			if !s.compare(t, question, map[string]*datasets.Table{"north": here}, map[string]*datasets.Table{"north": there}, beyond) {
				t.Errorf("%s: not asked there: %s: %v", s.name, question, beyond)
			}
		}
	}
}
