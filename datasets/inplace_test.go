package datasets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// inPlaceQuestions are of all kinds of columns of costColumns, as keys, in sums, in filters.
var inPlaceQuestions = []string{
	"SELECT count(*), count(small), sum(small), sum(id), sum(wide), sum(money), sum(double), count(name), count(city), count(day), count(flag), sum(count) FROM t",
	"SELECT small, count(*), sum(money) FROM t GROUP BY small ORDER BY 1",
	"SELECT city, sum(double), count(*) FILTER (WHERE flag) FROM t WHERE city < 'city c' GROUP BY city ORDER BY 1",
	"SELECT date_trunc('year', day), count(*), sum(money * 2 - double) FROM t GROUP BY 1 ORDER BY 1",
	"SELECT flag, avg(double), sum(wide % 1000), count(*) FROM t WHERE money > 500.25 AND double <= 7000.5 GROUP BY flag ORDER BY 1",
	"SELECT count(*), sum(id) FROM t WHERE day >= DATE '2010-01-01' AND name LIKE '%a-%' AND small BETWEEN 3 AND 50",
	"SELECT upper(city), sum(CASE WHEN money < 100 THEN -money ELSE round(money, 1) END) FROM t WHERE city LIKE 'city a%' GROUP BY 1 ORDER BY 1",
}

// TestInPlace: Parquet files of the usual types are not copied, and answer as their rows do from a store.
func TestInPlace(t *testing.T) {
	folder := t.TempDir()
	copied := openBytes(t, "t.arrow", encodings["file.arrow"], costRows(0, 5000))
	lying := open(t, Options{Spill: folder}, costFile(t, 5000, "parquet"))
	if lying.lying == nil || copied.lying != nil {
		t.Fatal("the rows are not where they are to be")
	}
	if lying.digest != copied.digest || dumpTable(lying) != dumpTable(copied) {
		t.Error("other rows")
	}
	for _, sql := range inPlaceQuestions {
		p, err := plan(t, sql, map[string]*Table{"d": copied})
		if err != nil {
			t.Fatal(err)
		}
		want, err := copied.Aggregate(context.Background(), p, "d")
		if err != nil {
			t.Fatal(err)
		}
		got, err := lying.Aggregate(context.Background(), p, "d")
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		compareCells(t, sql, got, want)
		bothWays(t, sql, map[string]*Table{"d": lying})
	}
	secret := write(t, "secret.csv", "a\n1\n")
	for _, statement := range []string{"SELECT * FROM read_csv('" + secret + "')", "SELECT * FROM glob('/*')", "COPY (SELECT 1) TO '" + secret + "'",
		"SELECT * FROM read_text('/proc/self/environ')", "SET enable_external_access = true", "ATTACH '" + secret + ".db'"} {
		if rows, err := lying.query(context.Background(), statement); err == nil {
			t.Errorf("%s gave %v", statement, rows)
		}
	}
	lying.Close()
	if left := filesIn(t, folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestInPlaceReplaced: a file that another takes the place of is still the one that was registered; one that is
// written to answers nothing any more.
func TestInPlaceReplaced(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere such a table answers nothing any more")
	}
	path := costFile(t, 1000, "parquet")
	table := open(t, Options{}, path)
	if table.lying == nil {
		t.Fatal("copied")
	}
	p, err := plan(t, "SELECT count(*), sum(id) FROM t", map[string]*Table{"d": table})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(what string) {
		t.Helper()
		if cells, err := table.Aggregate(context.Background(), p, "d"); err != nil || cells[0].Int64() != 1000 {
			t.Fatalf("%s: %v, %v", what, cells, err)
		}
	}
	ask("as it was")
	other := costFile(t, 7, "parquet")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	ask("replaced")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	ask("removed")

	path = costFile(t, 1000, "parquet")
	table = open(t, Options{}, path)
	ask("another table")
	if err := os.Rename(path, path+".moved.parquet"); err != nil {
		t.Fatal(err)
	}
	ask("moved")
	f, err := os.OpenFile(path+".moved.parquet", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("x")
	f.Close()
	if cells, err := table.Aggregate(context.Background(), p, "d"); !errors.Is(err, ErrRegistration) || !strings.Contains(err.Error(), "changed") {
		t.Errorf("written to: %v, %v", cells, err)
	}
}

// TestInPlaceStatistics: what a file says of its least and largest values and its NULLs decides nothing.
func TestInPlaceStatistics(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "y", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil))
	const low, high = 0x1122334455667788, 0x2233445566778899
	for i := range 1000 {
		b.Field(0).(*array.Int64Builder).Append([]int64{low, high}[i%2])
		b.Field(1).(*array.Int64Builder).Append(int64(i))
	}
	whole, err := parquetOf(parquet.WithDictionaryDefault(false))(b.NewRecord())
	if err != nil {
		t.Fatal(err)
	}
	footer := len(whole) - 8 - int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))
	was := binary.LittleEndian.AppendUint64(nil, high)
	if !bytes.Contains(whole[footer:], was) {
		t.Fatal("no statistics in the footer")
	}
	lie := append(bytes.Clone(whole[:footer]), bytes.ReplaceAll(whole[footer:], was, binary.LittleEndian.AppendUint64(nil, low+1))...)
	table := open(t, Options{}, write(t, "t.parquet", string(lie)))
	if table.lying == nil {
		t.Fatal("copied")
	}
	for _, sql := range []string{"SELECT count(*), sum(y) FROM t WHERE x = 2464388554683811993", "SELECT sum(x), count(x) FROM t",
		"SELECT x, count(*) FROM t GROUP BY x", "SELECT count(*) FROM t WHERE x > 2000000000000000000", "SELECT count(*) FROM t WHERE x IS NULL"} {
		bothWays(t, sql, map[string]*Table{"d": table})
	}
}

// TestNotInPlace: files with values that readers may take otherwise are copied, and read as before.
func TestNotInPlace(t *testing.T) {
	wide := &arrow.Decimal128Type{Precision: 4, Scale: 1}
	for name, c := range map[string]struct {
		kind   arrow.DataType
		json   string
		stays  bool
		values string
	}{
		"within": {wide, `[{"x":"999.9"},{"x":null}]`, true, "999.9\n∅"},
		"a date": {arrow.FixedWidthTypes.Date32, `[{"x":"2020-02-29"}]`, true, "2020-02-29"},
		"a timestamp": {&arrow.TimestampType{Unit: arrow.Microsecond}, `[{"x":"0001-01-01 00:00:00"},{"x":"1969-12-31 23:59:59.999999"},{"x":"9999-12-31 23:59:59.999999"},{"x":null}]`, true,
			"0001-01-01 00:00:00\n1969-12-31 23:59:59.999999\n9999-12-31 23:59:59.999999\n∅"},
		"an instant":      {arrow.FixedWidthTypes.Timestamp_us, `[{"x":"1582-10-10 00:00:00.5"},{"x":"9999-12-31 23:59:59.999999"}]`, true, "1582-10-10 00:00:00.5+00\n9999-12-31 23:59:59.999999+00"},
		"milliseconds":    {&arrow.TimestampType{Unit: arrow.Millisecond}, `[{"x":"2020-02-29 12:30:00.25"}]`, false, "2020-02-29 12:30:00.25"},
		"a small number":  {arrow.PrimitiveTypes.Int8, `[{"x":-128},{"x":127}]`, true, "-128\n127"},
		"unsigned":        {arrow.PrimitiveTypes.Uint32, `[{"x":4294967295}]`, false, "4294967295"},
		"a double":        {arrow.PrimitiveTypes.Float64, `[{"x":0.1},{"x":-12345.25}]`, true, "0.1\n-12345.25"},
		"a long double":   {arrow.PrimitiveTypes.Float64, `[{"x":0.000000001},{"x":12345678.25}]`, false, "0.000000001\n12345678.25"},
		"a float":         {arrow.PrimitiveTypes.Float32, `[{"x":0.1}]`, false, "0.1"},
		"a wide decimal":  {&arrow.Decimal128Type{Precision: 30, Scale: 2}, `[{"x":"1234567890123456789012345678.90"}]`, true, "1234567890123456789012345678.9"},
		"the widest":      {&arrow.Decimal128Type{Precision: 38, Scale: 2}, `[{"x":"1.00"}]`, false, "1"},
		"a second column": {arrow.BinaryTypes.String, `[{"x":"a"},{"x":""},{"x":null}]`, true, "a\n\n∅"},
	} {
		rows := record(t, map[string]arrow.DataType{"x": c.kind}, []string{"x"}, c.json)
		table := openBytes(t, "t.parquet", encodings["plain.parquet"], rows)
		if (table.lying != nil) != c.stays || dumpTable(table) != c.values {
			t.Errorf("%s: %v in place, %q", name, table.lying != nil, dumpTable(table))
		}
	}
}

// TestCarriedTexts: texts that begin as the last of the page before are read, and copied, since DuckDB does not read
// them; those of pages by themselves stay where they are.
func TestCarriedTexts(t *testing.T) {
	page := func(prefix byte, suffix string) handPage {
		n := byte(2 * len(suffix))
		return handPage{kind: pageV1, values: 1, encoding: 7, data: append([]byte{128, 1, 4, 1, 2 * prefix, 128, 1, 4, 1, n}, suffix...)}
	}
	for second, stays := range map[handPageText]bool{{0, "abd"}: true, {2, "d"}: false} {
		column := handColumn{node: logical("a", parquet.Types.ByteArray, schema.StringLogicalType{}, -1), pages: []handPage{page(0, "abc"), page(second.prefix, second.suffix)}}
		for i := range column.pages {
			column.pages[i].levels = allThere(1)
		}
		table := open(t, Options{}, write(t, "t.parquet", string(handFile(t, 2, nil, column))))
		if (table.lying != nil) != stays || dumpTable(table) != "abc\nabd" {
			t.Errorf("%v: %v in place, %q", second, table.lying != nil, dumpTable(table))
		}
	}
}

// handPageText is what a text has of the one before, and the rest of it.
type handPageText struct {
	prefix byte
	suffix string
}

// TestInPlaceFiles: several files, of columns in another order.
func TestInPlaceFiles(t *testing.T) {
	types := map[string]arrow.DataType{"x": arrow.PrimitiveTypes.Int32, "s": arrow.BinaryTypes.String}
	folder := t.TempDir()
	var paths []string
	for i, order := range [][]string{{"x", "s"}, {"s", "x"}} {
		b, err := encodings["plain.parquet"](record(t, types, order, []string{`[{"x":1,"s":"a"},{"x":2,"s":"b"}]`, `[{"x":3,"s":"b"}]`}[i]))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Join(folder, string('a'+rune(i))+".parquet"))
		if err := os.WriteFile(paths[i], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table := open(t, Options{}, paths...)
	if table.lying == nil || dumpTable(table) != "1|a\n2|b\n3|b" {
		t.Errorf("%v, %s", table.lying != nil, dumpTable(table))
	}
	bothWays(t, "SELECT s, sum(x) FROM t GROUP BY s", map[string]*Table{"d": table})
}

// TestTimestampsInPlace: what is asked of timestamps in a file is what the engine gives.
func TestTimestampsInPlace(t *testing.T) {
	types := map[string]arrow.DataType{"at": &arrow.TimestampType{Unit: arrow.Microsecond}, "sent": arrow.FixedWidthTypes.Timestamp_us}
	rows := record(t, types, []string{"at", "sent"}, `[{"at":"0001-01-01 00:00:00","sent":"2020-01-01 12:30:00"},{"at":"1969-12-31 23:59:59.999999","sent":null},
		{"at":"2020-02-29 12:30:00.25","sent":"2020-02-29 12:30:00"},{"at":null,"sent":"1582-10-10 00:00:00"}]`)
	table := openBytes(t, "t.parquet", encodings["plain.parquet"], rows)
	if table.lying == nil {
		t.Fatal("copied")
	}
	for _, sql := range []string{"SELECT date_trunc('hour', at), extract(minute FROM sent), count(*) FROM t GROUP BY 1, 2", "SELECT at, count(sent) FROM t GROUP BY at",
		"SELECT sum(extract(epoch FROM at - sent)), sum(extract(second FROM at)) FROM t WHERE at > '1900-01-01' OR CAST(sent AS time) < '12:00'",
		"SELECT to_char(at, 'YYYY-MM-DD HH24'), min(sent) FROM t GROUP BY 1"} {
		bothWays(t, sql, map[string]*Table{"d": table})
	}
}

// TestCopiedBatches: rows that are copied while the memory of the batches before is used again are those of the file.
func TestCopiedBatches(t *testing.T) {
	types := map[string]arrow.DataType{"u": arrow.PrimitiveTypes.Uint32, "i": arrow.PrimitiveTypes.Int64, "s": arrow.BinaryTypes.String,
		"d": &arrow.Decimal128Type{Precision: 30, Scale: 1}, "f": arrow.PrimitiveTypes.Float64, "b": arrow.FixedWidthTypes.Boolean}
	order := []string{"u", "i", "s", "d", "f", "b"}
	var json, csv strings.Builder
	csv.WriteString(strings.Join(order, ",") + "\n")
	for i := range 30_000 {
		json.WriteString([]string{",", "["}[b2i(i == 0)])
		if i%7 == 3 {
			fmt.Fprintf(&json, `{"u":%d}`, i)
			fmt.Fprintf(&csv, "%d,,,,,\n", i)
			continue
		}
		fmt.Fprintf(&json, `{"u":%d,"i":%d,"s":"a text %d","d":"%d.5","f":%d.25,"b":%t}`, i, i*i, i, i, i, i%3 == 0)
		fmt.Fprintf(&csv, "%d,%d,a text %d,%d.5,%d.25,%t\n", i, i*i, i, i, i, i%3 == 0)
	}
	want := openText(t, csv.String())
	for name, encode := range encodings {
		got := openBytes(t, name, encode, record(t, types, order, json.String()+"]"))
		if got.lying != nil || got.digest != want.digest || dumpTable(got) != dumpTable(want) {
			t.Errorf("%s: %v, %v in place", name, got, got.lying != nil)
		}
	}
}

// TestInPlaceGuess: doubles are read once if they have the places of the first batch, and stay where they are if not, too.
func TestInPlaceGuess(t *testing.T) {
	types := map[string]arrow.DataType{"x": arrow.PrimitiveTypes.Float64, "s": arrow.BinaryTypes.String}
	for last, stays := range map[string]bool{"2.5": true, "0.125": true, "123456789012.625": true, "0.0000000000125": false} {
		var json strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&json, `%c{"x":%d.25,"s":"a"}`, "[,"[b2i(i > 0)], i)
		}
		rows := record(t, types, []string{"x", "s"}, json.String()+`,{"x":`+last+`}]`)
		b, err := encodings["plain.parquet"](rows)
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, "t.parquet", string(b))
		one, two := open(t, Options{}, path), open(t, Options{unguessed: true}, path)
		if (one.lying != nil) != stays || (two.lying != nil) != stays || one.digest != two.digest || dumpTable(one) != dumpTable(two) {
			t.Errorf("%s: %v, %v in place; without a guess %v, %v", last, one, one.lying != nil, two, two.lying != nil)
		}
	}
}
