package datasets

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
)

// asideCase is files one of whose columns, c, cannot be read.
type asideCase struct {
	files   []string
	refused string // why
}

func asideCases(t *testing.T) map[string]asideCase {
	rows := func(file string, of arrow.DataType, json string) asideCase {
		r := record(t, map[string]arrow.DataType{"ok": arrow.PrimitiveTypes.Int8, "c": of, "last": arrow.BinaryTypes.String}, []string{"ok", "c", "last"}, json)
		b, err := encodings[file](r)
		if err != nil {
			t.Fatal(err)
		}
		return asideCase{files: []string{write(t, file, string(b))}}
	}
	because := func(c asideCase, refused string) asideCase { c.refused = refused; return c }
	long := make([]float64, manyRows+10)
	long[manyRows+4] = 1.25e-37
	floats := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "ok", Type: arrow.PrimitiveTypes.Int64},
		{Name: "c", Type: arrow.PrimitiveTypes.Float64}, {Name: "last", Type: arrow.BinaryTypes.String}}, nil))
	texts := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "ok", Type: arrow.PrimitiveTypes.Int64},
		{Name: "c", Type: arrow.BinaryTypes.String}, {Name: "last", Type: arrow.BinaryTypes.String}}, nil))
	for i, v := range long {
		floats.Field(0).(*array.Int64Builder).Append(int64(i))
		floats.Field(1).(*array.Float64Builder).Append(v)
		floats.Field(2).(*array.StringBuilder).Append("x")
		texts.Field(0).(*array.Int64Builder).Append(int64(i))
		texts.Field(1).(*array.StringBuilder).Append(map[bool]string{true: "\xff", false: "fine"}[i == manyRows+1])
		texts.Field(2).(*array.StringBuilder).Append("x")
	}
	built := func(file string, b *array.RecordBuilder) asideCase {
		out, err := encodings[file](b.NewRecord())
		if err != nil {
			t.Fatal(err)
		}
		return asideCase{files: []string{write(t, file, string(out))}}
	}
	csv := func(texts ...string) asideCase {
		var c asideCase
		for _, text := range texts {
			c.files = append(c.files, write(t, "t.csv", text))
		}
		return c
	}
	lzo := handFile(t, 2, nil, ints("ok", []int32{1, 2}),
		handColumn{node: required("c", parquet.Types.Int32), codec: compress.Codecs.Lzo, pages: []handPage{{kind: pageV1, values: 2, data: int32s(1, 2)}}},
		ints("last", []int32{5, 6}))
	old := handFile(t, 2, nil, ints("ok", []int32{1, 2}),
		handColumn{node: required("c", parquet.Types.Int96), pages: []handPage{{kind: pageV1, values: 2, data: int32s(1, 2, 3, 4, 5, 6)}}},
		ints("last", []int32{5, 6}))
	return map[string]asideCase{
		"INT96": {[]string{write(t, "old.parquet", string(old))}, `column "c": the type INT96 is not supported`},
		"a float of 39 places": because(rows("plain.parquet", arrow.PrimitiveTypes.Float64, `[{"ok":1,"c":0.5,"last":"a"},{"ok":2,"c":1.25e-37,"last":"b"}]`),
			`row 2: column "c": the float 1.25e-37 has more than 38 decimal places`),
		"a float far down":  because(built("stream.ipc", floats), fmt.Sprintf(`row %d: column "c": the float 1.25e-37`, manyRows+5)),
		"a nanosecond":      because(rows("plain.parquet", arrow.FixedWidthTypes.Timestamp_ns, `[{"ok":1,"c":"2020-01-01 00:00:00.000000001"}]`), `row 1: column "c": a time with a fraction`),
		"a duration, IPC":   because(rows("file.arrow", arrow.FixedWidthTypes.Duration_s, `[{"ok":1,"c":1}]`), `column "c": the type duration`),
		"a list":            because(rows("plain.parquet", arrow.ListOf(arrow.PrimitiveTypes.Int8), `[{"ok":1,"c":[1,2]},{"ok":2,"c":[]}]`), `column "c": a nested column`),
		"a list, IPC":       because(rows("file.arrow", arrow.ListOf(arrow.PrimitiveTypes.Int8), `[{"ok":1,"c":[1,2]}]`), `column "c": the type list`),
		"a struct of two":   because(rows("dictionary.parquet", arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int8}, arrow.Field{Name: "y", Type: arrow.PrimitiveTypes.Int8}), `[{"ok":1,"c":{"x":1,"y":2}}]`), `column "c": a nested column`),
		"bytes":             because(rows("plain.parquet", arrow.BinaryTypes.Binary, `[{"ok":1,"c":"YQ=="}]`), `column "c": the type binary`),
		"a time of 24:00":   because(rows("stream.ipc", arrow.FixedWidthTypes.Time64us, `[{"ok":1,"c":86400000000}]`), `row 1: column "c": a time of day that is not below 24:00`),
		"39 places":         because(rows("file.arrow", &arrow.Decimal256Type{Precision: 40, Scale: 39}, `[{"ok":1,"c":"1"}]`), `column "c": the type decimal256(40, 39)`),
		"text far down":     because(built("plain.parquet", texts), fmt.Sprintf(`row %d: column "c": text that is not valid UTF-8`, manyRows+2)),
		"a compression":     {[]string{write(t, "x.parquet", string(lzo))}, `column "c": row group 1 is in the compression LZO`},
		"CSV, many places":  because(csv("ok,c,last\n1,0.5,a\n2,0.123456789012345678901234567890123456789,b\n"), `t.csv:3:3: column "c": a number with more than 38 decimal places`),
		"CSV, many digits":  because(csv("ok,c,last\n1,0.000000000000000001,a\n2,123456789012345678901234567890,b\n"), `t.csv:3:3: column "c": a number with too many digits`),
		"CSV, second file":  because(csv("ok,c,last\n1,0.5,a\n", "last,c,ok\nb,0.123456789012345678901234567890123456789,2\n"), `t.csv:2:3: column "c": a number with more than 38`),
		"CSV, first of two": because(csv("c,ok,last\n0.123456789012345678901234567890123456789,1,a\n", "last,c,ok\nb,2,2\n"), `t.csv:2:1: column "c": a number with more than 38`),
	}
}

// TestAside: a column that nobody asks about does not refuse a table. The table
// is the one that the other columns make.
func TestAside(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for name, c := range asideCases(t) {
		t.Run(name, func(t *testing.T) {
			table := open(t, Options{Salt: []byte("s")}, c.files...)
			aside := table.Aside()
			if len(aside) != 1 || aside[0].Field != "c" || !strings.Contains(aside[0].Error(), c.refused) {
				t.Fatalf("set aside %v, want %s", aside, c.refused)
			}
			if notes := strings.Join(table.Notes(), "\n"); !strings.Contains(notes, c.refused) || !strings.Contains(notes, "is set aside") {
				t.Errorf("the notes are %q", notes)
			}
			without := open(t, Options{Salt: []byte("s"), Columns: []string{"last", "ok"}}, c.files...)
			if len(without.Aside()) != 0 || table.String() != without.String() || table.digest != without.digest || dumpTable(table) != dumpTable(without) {
				t.Errorf("%v is not %v", table, without)
			}
			e := refusal(t, Options{Columns: []string{"ok", "c"}}, c.files...)
			if !strings.Contains(e.Error(), c.refused) {
				t.Errorf("asked for: %v\nwant %s", e, c.refused)
			}
			if e := refusal(t, Options{Columns: []string{"c"}}, c.files...); !strings.Contains(e.Error(), c.refused) {
				t.Errorf("alone: %v\nwant %s", e, c.refused)
			}
			tables := map[string]*Table{"d": table}
			wantRows(t, ask(t, "SELECT count(*), count(ok) FROM t", tables), fmt.Sprintf("%d|%d", table.Rows(), table.Rows()))
			if _, err := plan(t, "SELECT count(c) FROM t", tables); err == nil || !strings.Contains(err.Error(), `no column "c"`) {
				t.Errorf("a question about it: %v", err)
			}
		})
	}
}

// TestNothingLeft: a table all of whose columns are set aside is refused.
func TestNothingLeft(t *testing.T) {
	for text, want := range map[string]string{
		"c\n0.123456789012345678901234567890123456789\n":                                              `:2:1: column "c": a number with more than 38`,
		"c,d\n0.123456789012345678901234567890123456789,0.0123456789012345678901234567890123456789\n": `:2:1: column "c": a number with more than 38`,
		"c\n0.000000000000000001\n123456789012345678901234567890\n":                                   `:3:1: column "c": a number with too many digits`,
	} {
		if e := refusal(t, Options{}, write(t, "t.csv", text)); !strings.Contains(e.Error(), want) {
			t.Errorf("%v, want %s", e, want)
		}
	}
}

// TestColumns: only the columns that are named are read, in the first file's order.
func TestColumns(t *testing.T) {
	first, second := "a,b,c\n1,x,2.5\n", "c,a\n3,4\n"
	for name, c := range map[string]struct {
		columns []string
		want    string
		refused string
	}{
		"all, which the second has not": {nil, "", `column "b": this column of`},
		"two":                           {[]string{"c", "a"}, "t (2 rows: a integer, c decimal(1))", ""},
		"one":                           {[]string{"c"}, "t (2 rows: c decimal(1))", ""},
		"one that the second has not":   {[]string{"a", "b"}, "", `column "b": this column of`},
		"one that is nowhere":           {[]string{"a", "d"}, "", `column "d": is asked for and not there (its columns are "a", "b", "c")`},
		"one in another case":           {[]string{"A"}, "", `column "A": is asked for and not there`},
		"one twice":                     {[]string{"a", "a"}, "", `column "a": is asked for twice`},
		"an empty name":                 {[]string{""}, "", "is asked for and not there"},
	} {
		table, err := Open(context.Background(), "t", []string{write(t, "t.csv", first), write(t, "u.csv", second)}, Options{Columns: c.columns})
		switch {
		case err != nil:
			if c.refused == "" || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want %q", name, err, c.refused)
			}
			continue
		case c.refused != "" || table.String() != c.want:
			t.Errorf("%s: %v, want %s%s", name, table, c.want, c.refused)
		}
		table.Close()
	}
}
