package datasets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal256"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"parley/datasets/files"
)

// encodings write a record in every format that is read.
var encodings = map[string]func(record arrow.Record) ([]byte, error){
	"file.arrow": func(record arrow.Record) ([]byte, error) {
		f, err := os.CreateTemp("", "parley-*.arrow")
		if err != nil {
			return nil, err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		w, err := ipc.NewFileWriter(f, ipc.WithSchema(record.Schema()))
		if err != nil {
			return nil, err
		}
		if err := errors.Join(w.Write(record), w.Close()); err != nil {
			return nil, err
		}
		return os.ReadFile(f.Name())
	},
	"stream.ipc": func(record arrow.Record) ([]byte, error) {
		var b bytes.Buffer
		w := ipc.NewWriter(&b, ipc.WithSchema(record.Schema()), ipc.WithZstd())
		err := errors.Join(w.Write(record), w.Close())
		return b.Bytes(), err
	},
	"plain.parquet":      parquetOf(parquet.WithDictionaryDefault(false)),
	"dictionary.parquet": parquetOf(parquet.WithDictionaryDefault(true), parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDataPageVersion(parquet.DataPageV2)),
}

func parquetOf(options ...parquet.WriterProperty) func(arrow.Record) ([]byte, error) {
	return func(record arrow.Record) ([]byte, error) {
		var b bytes.Buffer
		w, err := pqarrow.NewFileWriter(record.Schema(), &b, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps())
		if err != nil {
			return nil, err
		}
		err = errors.Join(w.Write(record), w.Close())
		return b.Bytes(), err
	}
}

// record makes a record of columns of one type from JSON values.
func record(t testing.TB, columns map[string]arrow.DataType, order []string, json string) arrow.Record {
	t.Helper()
	var fields []arrow.Field
	for _, name := range order {
		fields = append(fields, arrow.Field{Name: name, Type: columns[name], Nullable: true})
	}
	r, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var everyType = map[string]arrow.DataType{
	"i8": arrow.PrimitiveTypes.Int8, "i16": arrow.PrimitiveTypes.Int16, "i32": arrow.PrimitiveTypes.Int32, "i64": arrow.PrimitiveTypes.Int64,
	"u8": arrow.PrimitiveTypes.Uint8, "u16": arrow.PrimitiveTypes.Uint16, "u32": arrow.PrimitiveTypes.Uint32, "u64": arrow.PrimitiveTypes.Uint64,
	"f32": arrow.PrimitiveTypes.Float32, "f64": arrow.PrimitiveTypes.Float64,
	"d9": &arrow.Decimal128Type{Precision: 9, Scale: 2}, "d18": &arrow.Decimal128Type{Precision: 18, Scale: 4}, "d38": &arrow.Decimal128Type{Precision: 38, Scale: 10},
	"b": arrow.FixedWidthTypes.Boolean, "s": arrow.BinaryTypes.String, "ls": arrow.BinaryTypes.LargeString,
	"day": arrow.FixedWidthTypes.Date32, "none": arrow.PrimitiveTypes.Int32,
	"ms": &arrow.TimestampType{Unit: arrow.Millisecond}, "us": &arrow.TimestampType{Unit: arrow.Microsecond}, "ns": &arrow.TimestampType{Unit: arrow.Nanosecond},
	"tz": &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, "t32": arrow.FixedWidthTypes.Time32ms, "t64": arrow.FixedWidthTypes.Time64us,
	"t9":   arrow.FixedWidthTypes.Time64ns,
	"dict": &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String},
}

var everyName = []string{"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "d9", "d18", "d38", "b", "s", "ls", "day", "none", "ms", "us", "ns", "tz", "t32", "t64", "t9", "dict"}

const everyJSON = `[
{"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"u8":255,"u16":65535,"u32":4294967295,"u64":12,"f32":0.1,"f64":1234567.000000001,"d9":"-12.30","d18":"0.0001","d38":"9999999999999999999999999999.0000000001","b":true,"s":"ä中","ls":"","day":"2020-02-29","none":null,"ms":"2020-02-29 23:59:59.999","us":"1969-12-31 23:59:59.999999","ns":"2020-01-01 00:00:00.000001","tz":"2020-01-01 12:30:00","t32":"23:59:59.999","t64":"00:00:00.000001","t9":"12:30:00.123456","dict":"x"},
{"i8":null,"i16":null,"i32":null,"i64":null,"u8":null,"u16":null,"u32":null,"u64":null,"f32":null,"f64":null,"d9":null,"d18":null,"d38":null,"b":null,"s":null,"ls":null,"day":null,"none":null,"ms":null,"us":null,"ns":null,"tz":null,"t32":null,"t64":null,"t9":null,"dict":null},
{"i8":1,"i16":2,"i32":3,"i64":4,"u8":5,"u16":6,"u32":7,"u64":8,"f32":-2.5,"f64":1e15,"d9":"3.00","d18":"-7.5000","d38":"0.0000000000","b":false,"s":"a,\"b\"","ls":"l","day":"0001-01-01","none":null,"ms":"0001-01-01 00:00:00","us":"9999-12-31 23:59:59.999999","ns":"1970-01-01 00:00:00","tz":"1582-10-10 00:00:00","t32":"00:00:00","t64":"23:59:59.999999","t9":"00:00:00","dict":"y"}]`

const everyCSV = `i8,i16,i32,i64,u8,u16,u32,u64,f32,f64,d9,d18,d38,b,s,ls,day,none,ms,us,ns,tz,t32,t64,t9,dict
-128,-32768,-2147483648,-9223372036854775808,255,65535,4294967295,12,0.1,1234567.000000001,-12.30,0.0001,9999999999999999999999999999.0000000001,true,ä中,"",2020-02-29,,2020-02-29T23:59:59.999,1969-12-31 23:59:59.999999,2020-01-01 00:00:00.000001,2020-01-01 20:30+08:00,23:59:59.999,00:00:00.000001,12:30:00.123456,x
,,,,,,,,,,,,,,,,,,,,,,,,,
1,2,3,4,5,6,7,8,-2.5,1e15,3.00,-7.5000,0.0000000000,false,"a,""b""",l,0001-01-01,,0001-01-01 00:00,9999-12-31T23:59:59.999999,1970-01-01 00:00:00,1582-10-10T00:00Z,00:00,23:59:59.999999,00:00:00,y
`

// TestFormatsAgree: the same rows in every format are the same table, digest
// included.
func TestFormatsAgree(t *testing.T) {
	want := openText(t, everyCSV)
	rows := record(t, everyType, everyName, everyJSON)
	for name, encode := range encodings {
		t.Run(name, func(t *testing.T) {
			got := openBytes(t, name, encode, rows)
			if got.String() != want.String() {
				t.Errorf("%s\n%s", got, want)
			}
			if dumpTable(got) != dumpTable(want) {
				t.Errorf("%s\n%s", dumpTable(got), dumpTable(want))
			}
			if got.digest != want.digest {
				t.Error("the digest depends on the format")
			}
		})
	}
}

func openBytes(t testing.TB, name string, encode func(arrow.Record) ([]byte, error), r arrow.Record) *Table {
	t.Helper()
	b, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, Options{}, write(t, name, string(b)))
}

// TestUnsigned: numbers beyond the signed 64 bits become decimals.
func TestUnsigned(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "u", Type: arrow.PrimitiveTypes.Uint64}}, nil))
	b.Field(0).(*array.Uint64Builder).AppendValues([]uint64{math.MaxUint64, 3}, nil)
	rows := b.NewRecord()
	for name, encode := range encodings {
		if got := openBytes(t, name, encode, rows); got.String() != "t (2 rows: u decimal(0))" || dumpTable(got) != "18446744073709551615\n3" {
			t.Errorf("%s: %v %s", name, got, dumpTable(got))
		}
	}
}

// TestManyBatches: row groups, pages and batches that do not line up.
func TestManyBatches(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, nil))
	var text strings.Builder
	text.WriteString("n,s\n")
	for i := range 2*manyRows + 77 {
		if i%7 == 3 {
			b.Field(0).AppendNull()
			text.WriteString(",")
		} else {
			b.Field(0).(*array.Int64Builder).Append(int64(i))
			fmt.Fprintf(&text, "%d,", i)
		}
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint("v", i%5000))
		fmt.Fprintf(&text, "v%d\n", i%5000)
	}
	rows := b.NewRecord()
	want := openText(t, text.String())
	encodings := map[string]func(arrow.Record) ([]byte, error){"a.arrow": encodings["file.arrow"], "b.ipc": encodings["stream.ipc"],
		"c.parquet": parquetOf(parquet.WithMaxRowGroupLength(5000), parquet.WithDataPageSize(1000))}
	for name, encode := range encodings {
		if got := openBytes(t, name, encode, rows); got.digest != want.digest || got.rows != want.rows {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestColumnarRefusals: types and values that cannot be held exactly.
func TestColumnarRefusals(t *testing.T) {
	one := func(typ arrow.DataType, json string) arrow.Record {
		return record(t, map[string]arrow.DataType{"ok": arrow.PrimitiveTypes.Int8, "c": typ}, []string{"ok", "c"}, json)
	}
	floats := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "c", Type: arrow.PrimitiveTypes.Float64}}, nil))
	floats.Field(0).(*array.Float64Builder).AppendValues([]float64{1, math.Inf(-1)}, nil)
	infinite := floats.NewRecord()
	floats.Field(0).(*array.Float64Builder).AppendValues([]float64{math.NaN()}, nil)
	notNumber := floats.NewRecord()
	texts := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "c", Type: arrow.BinaryTypes.String}}, nil))
	texts.Field(0).(*array.StringBuilder).AppendValues([]string{"fine", "\xff"}, nil)
	invalid := texts.NewRecord()
	wide := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "c", Type: &arrow.Decimal256Type{Precision: 50, Scale: 2}}}, nil))
	wide.Field(0).(*array.Decimal256Builder).AppendValues([]decimal256.Num{decimal256.FromBigInt(files.PowerOfTen(40))}, nil)
	tooWide := wide.NewRecord()
	for name, c := range map[string]struct {
		rows    arrow.Record
		want    string
		formats string
	}{
		"nanoseconds":  {one(arrow.FixedWidthTypes.Timestamp_ns, `[{"ok":1,"c":"2020-01-01 00:00:00"},{"ok":2,"c":"2020-01-01 00:00:00.000000001"}]`), `row 2: column "c": a time with a fraction of a microsecond`, "arrow parquet"},
		"year 10000":   {one(arrow.FixedWidthTypes.Timestamp_ms, `[{"ok":1,"c":"9999-12-31 23:59:59"},{"ok":2,"c":253402300800000}]`), `row 2: column "c": a timestamp outside the years 0001 to 9999`, "arrow parquet"},
		"seconds":      {one(arrow.FixedWidthTypes.Timestamp_s, `[{"ok":1,"c":9223372036854775807}]`), `row 1: column "c": a timestamp outside the years 0001 to 9999`, "arrow"},
		"24:00":        {one(arrow.FixedWidthTypes.Time64us, `[{"ok":1,"c":86400000000}]`), `row 1: column "c": a time of day that is not below 24:00`, "arrow parquet"},
		"before 0:00":  {one(arrow.FixedWidthTypes.Time32s, `[{"ok":1,"c":-1}]`), `row 1: column "c": a time of day that is not below 24:00`, "arrow"},
		"binary":       {one(arrow.BinaryTypes.Binary, `[{"ok":1,"c":"YQ=="}]`), `column "c": the type binary is not supported`, "arrow parquet"},
		"list":         {one(arrow.ListOf(arrow.PrimitiveTypes.Int8), `[{"ok":1,"c":[1]}]`), `column "c": `, "arrow parquet"},
		"struct":       {one(arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int8}), `[{"ok":1,"c":{"x":1}}]`), `column "c": `, "arrow parquet"},
		"many places":  {one(&arrow.Decimal256Type{Precision: 50, Scale: 39}, `[{"ok":1,"c":"1"}]`), `column "c": the type decimal256(50, 39) is not supported`, "arrow"},
		"long float":   {one(arrow.PrimitiveTypes.Float64, `[{"ok":1,"c":1.5},{"ok":2,"c":1.25e-37}]`), `row 2: column "c": the float 1.25e-37 has more than 38 decimal places`, "arrow parquet"},
		"huge float":   {one(arrow.PrimitiveTypes.Float64, `[{"ok":1,"c":1e60}]`), `row 1: column "c": the float 1e+60 has more than 38 digits`, "arrow parquet"},
		"infinity":     {infinite, `row 2: column "c": -Inf is not a number`, "arrow parquet"},
		"not a number": {notNumber, `row 1: column "c": NaN is not a number`, "arrow parquet"},
		"not UTF-8":    {invalid, `row 2: column "c": text that is not valid UTF-8`, "arrow parquet"},
		"41 digits":    {tooWide, `row 1: column "c": a decimal of more than 38 digits`, "arrow"},
		"time of day":  {one(arrow.FixedWidthTypes.Date64, `[{"ok":1,"c":"2020-01-01"}]`), "", "arrow"},
	} {
		for file, encode := range encodings {
			if file == "dictionary.parquet" || !strings.Contains(c.formats, strings.TrimPrefix(file[strings.Index(file, ".")+1:], "ipc")) {
				continue
			}
			b, err := encode(c.rows)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			path := write(t, file, string(b))
			if c.want == "" {
				open(t, Options{}, path)
				continue
			}
			var asked []string // otherwise the column is set aside
			for _, f := range c.rows.Schema().Fields() {
				asked = append(asked, f.Name)
			}
			if e := refusal(t, Options{Columns: asked}, path); !strings.Contains(e.Error(), c.want) {
				t.Errorf("%s in %s: %v, want %s", name, file, e, c.want)
			}
		}
	}
}

// TestDamagedFiles: files cut off or with bytes changed give an error or rows,
// never a panic; a file that is cut off is never read as a shorter one.
func TestDamagedFiles(t *testing.T) {
	rows := record(t, everyType, everyName, everyJSON)
	damages := 60
	if testing.Short() {
		damages = 15
	}
	for name, encode := range encodings {
		whole, err := encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < len(whole); cut += 1 + len(whole)/40 {
			refusal(t, Options{}, write(t, name, string(whole[:cut])))
		}
		random := rand.New(rand.NewPCG(7, 7))
		for range damages {
			b := bytes.Clone(whole)
			for range 1 + random.IntN(4) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
			tryOpen(t, write(t, name, string(b)))
		}
	}
}

// tryOpen opens a file that may be anything; errors must be of our type.
func tryOpen(t testing.TB, file string) {
	table, err := Open(context.Background(), "t", []string{file}, Options{})
	if err == nil {
		if err := table.Registration("d", 1).Validate(); err != nil {
			t.Errorf("%v was accepted but its registration is invalid: %v", table, err)
		}
		table.Close()
		return
	}
	var e *files.Error
	if !errors.As(err, &e) || e.File == "" {
		t.Errorf("an error without its file: %T %v", err, err)
	}
}

func TestWrongFormat(t *testing.T) {
	for _, name := range []string{"a.parquet", "a.arrow"} {
		if e := refusal(t, Options{}, write(t, name, "a,b\n1,2\n3,4\n5,6\n")); !strings.Contains(e.Message, "is not") {
			t.Error(e)
		}
	}
	if e := refusal(t, Options{}, write(t, "a.csv", "PAR1\x15\x04\x00\x00")); !strings.Contains(e.Message, "NUL") {
		t.Error(e)
	}
	if e := refusal(t, Options{}, write(t, "a.feather", "FEA1....................FEA1")); !strings.Contains(e.Message, "version 1") {
		t.Error(e)
	}
}

func TestMixedFormats(t *testing.T) {
	rows := record(t, map[string]arrow.DataType{"x": &arrow.Decimal128Type{Precision: 5, Scale: 1}, "y": arrow.BinaryTypes.String}, []string{"y", "x"},
		`[{"x":"2.5","y":"b"}]`)
	b, err := encodings["plain.parquet"](rows)
	if err != nil {
		t.Fatal(err)
	}
	c, err := encodings["file.arrow"](rows)
	if err != nil {
		t.Fatal(err)
	}
	got := open(t, Options{}, write(t, "a.csv", "x,y\n1,a\n"), write(t, "b.parquet", string(b)), write(t, "c.arrow", string(c)))
	if want := "1|a\n2.5|b\n2.5|b"; dumpTable(got) != want {
		t.Errorf("%q", dumpTable(got))
	}
}

// TestManyPlaces: decimals of up to 38 places, and floats by their shortest decimal, are alike in all formats, and
// are added up exactly.
func TestManyPlaces(t *testing.T) {
	rows := record(t, map[string]arrow.DataType{"d": &arrow.Decimal128Type{Precision: 38, Scale: 38}, "f": arrow.PrimitiveTypes.Float64}, []string{"d", "f"},
		`[{"d":"0.00000000000000000000000000000000000001","f":1.2345678901234568e-10},{"d":"-0.99999999999999999999999999999999999999","f":98765.43210987654}]`)
	files := []string{write(t, "a.csv", "d,f\n0.00000000000000000000000000000000000001,1.2345678901234568e-10\n-0.99999999999999999999999999999999999999,98765.43210987654\n")}
	for _, name := range []string{"plain.parquet", "stream.ipc"} {
		b, err := encodings[name](rows)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, write(t, name, string(b)))
	}
	digest := open(t, Options{}, files[0]).Registration("d", 1).Digest
	for _, file := range files {
		table := open(t, Options{}, file)
		if registered := table.Registration("d", 1); registered.Digest != digest || registered.Columns[0].Scale != 38 || registered.Columns[1].Scale != 26 {
			t.Errorf("%s: %+v", file, registered)
		}
		wantRows(t, converse(t, "SELECT sum(d), max(d), sum(f) FROM t WHERE f > 0.0000000001", map[string]*Table{"d": table}),
			"-0.99999999999999999999999999999999999998|0.00000000000000000000000000000000000001|98765.43210987666345678901234568")
	}
}
