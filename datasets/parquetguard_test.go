package datasets

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/pierrec/lz4/v4"
)

// handCase is a file put together by hand: what it reads as, or how it is refused.
type handCase struct {
	rows    int64
	change  func(*metadata.FileMetaData)
	columns []handColumn
	want    string   // the rows
	refused string   // a part of the refusal
	asked   []string // the columns that are asked for; all otherwise
}

func (c handCase) run(t *testing.T) {
	t.Helper()
	path := write(t, "hand.parquet", string(handFile(t, c.rows, c.change, c.columns...)))
	if c.refused == "" {
		if got := dumpTable(open(t, Options{}, path)); got != c.want {
			t.Errorf("read as %q, want %q", got, c.want)
		}
		return
	}
	e := refusal(t, Options{Columns: c.asked}, path)
	if !strings.Contains(e.Error(), c.refused) {
		t.Errorf("%v\nwant %q", e, c.refused)
	}
}

func runHand(t *testing.T, cases map[string]handCase) {
	for name, c := range cases {
		t.Run(name, c.run)
	}
}

// ints is a required column of whole numbers in pages.
func ints(name string, pages ...[]int32) handColumn {
	c := handColumn{node: required(name, parquet.Types.Int32)}
	for _, p := range pages {
		c.pages = append(c.pages, handPage{kind: pageV1, values: len(p), data: int32s(p...)})
	}
	return c
}

// TestParquetCounts: what a file says about its rows in one place and another
// has to agree; rows were lost, doubled and swapped.
func TestParquetCounts(t *testing.T) {
	two := []handColumn{ints("a", []int32{1, 2, 3}), ints("b", []int32{4, 5, 6})}
	v2 := func(rows int) []handColumn {
		return []handColumn{{node: required("a", parquet.Types.Int32),
			pages: []handPage{{kind: pageV2, values: 3, rows: rows, data: int32s(1, 2, 3)}}}}
	}
	runHand(t, map[string]handCase{
		"consistent":            {rows: 3, columns: two, want: "1|4\n2|5\n3|6"},
		"consistent, pages":     {rows: 3, columns: []handColumn{ints("a", []int32{1}, []int32{2, 3})}, want: "1\n2\n3"},
		"consistent, version 2": {rows: 3, columns: v2(0), want: "1\n2\n3"},
		"file says more": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.NumRows = 4 },
			refused: "the file says 4 rows and its row groups together 3"},
		"file says fewer": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.NumRows = 2 },
			refused: "the file says 2 rows and its row groups together 3"},
		"group says fewer": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.RowGroups[0].NumRows = 2; m.NumRows = 2 },
			refused: `column "a": row group 1 has 2 rows and this column chunk 3 values`},
		"group says more": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.RowGroups[0].NumRows = 4; m.NumRows = 4 },
			refused: `column "a": row group 1 has 4 rows and this column chunk 3 values`},
		"group says less than none": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.RowGroups[0].NumRows = -1; m.NumRows = -1 },
			refused: "row group 1 says -1 rows"},
		"chunk says more": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.RowGroups[0].Columns[1].MetaData.NumValues = 4 },
			refused: `column "b": row group 1 has 3 rows and this column chunk 4 values`},
		"chunk says fewer": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.RowGroups[0].Columns[1].MetaData.NumValues = 2 },
			refused: `column "b": row group 1 has 3 rows and this column chunk 2 values`},
		"page holds more":  {rows: 2, columns: two, refused: `column "a": row group 1, page 1 contradicts its column chunk, which has 2 values: the pages hold 3 or more`},
		"pages hold fewer": {rows: 4, columns: two, refused: `column "a": row group 1, page 2 is missing: the pages before it hold 3 of the column chunk's 4 values`},
		"a page too many": {rows: 3, columns: []handColumn{ints("a", []int32{1, 2, 3}, []int32{4})},
			refused: `column "a": row group 1, page 2 contradicts its column chunk, which has 3 values`},
		"a page without a value, then one too many": {rows: 1, columns: []handColumn{ints("a", []int32{1}, nil, []int32{4})},
			refused: "contradicts its column chunk"},
		"version 2 says more rows":  {rows: 3, columns: v2(1), refused: "page 1 says 4 rows and 3 values"},
		"version 2 says fewer rows": {rows: 3, columns: v2(-2), refused: "page 1 says 1 rows and 3 values"},
		"columns swapped": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) {
			c := m.RowGroups[0].Columns
			c[0], c[1] = c[1], c[0]
		}, refused: `column "a": row group 1 is described as column "b"`},
		"a column too few": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.RowGroups[0].Columns = m.RowGroups[0].Columns[:1] },
			refused: "row group 1 has 1 columns and the file 2"},
		"another type": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.Type++ },
			refused: `column "a": row group 1 is described as column "a" of type INT64 and the schema says INT32`},
		"in another file": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) {
			name := "b.parquet"
			m.RowGroups[0].Columns[0].FilePath = &name
		}, refused: "keeps its values in another file", asked: []string{"a"}},
		"chunk outside the file": {rows: 3, columns: two, change: func(m *metadata.FileMetaData) {
			m.RowGroups[0].Columns[0].MetaData.TotalCompressedSize = 1 << 40
		}, refused: `column "a": row group 1 lies outside the file`},
	})
}

// TestParquetChecksums: a page with a checksum that is not its own is refused;
// the library ignores them.
func TestParquetChecksums(t *testing.T) {
	page := func(kind, checksum int, packed bool) handPage {
		return handPage{kind: kind, values: 2, data: int32s(7, 8), checksum: checksum, snappy: packed}
	}
	dictionary := func(first, second int) []handPage {
		return []handPage{
			{kind: pageDict, values: 2, data: int32s(7, 8), checksum: first},
			{kind: pageV1, values: 2, encoding: 8, data: []byte{1, 3, 2}, checksum: second},
		}
	}
	column := func(codec compress.Compression, pages ...handPage) []handColumn {
		return []handColumn{{node: required("a", parquet.Types.Int32), codec: codec, pages: pages}}
	}
	levels := func(kind, checksum int) []handColumn {
		return []handColumn{{node: optional("a", parquet.Types.Int32),
			pages: []handPage{{kind: kind, values: 2, levels: allThere(2), data: int32s(7, 8), checksum: checksum}}}}
	}
	none, packed := compress.Codecs.Uncompressed, compress.Codecs.Snappy
	cases := map[string]handCase{
		"in the second page": {rows: 4, columns: column(none, page(pageV1, 1, false), page(pageV1, 2, false)),
			refused: `column "a": row group 1, page 2 is damaged: its checksum is another`},
		"only the first page has one": {rows: 4, columns: column(none, page(pageV1, 1, false), page(pageV1, 0, false)), want: "7\n8\n7\n8"},
	}
	for name, c := range map[string]func(checksum int) []handColumn{
		"version 1":             func(k int) []handColumn { return column(none, page(pageV1, k, false)) },
		"version 2":             func(k int) []handColumn { return column(none, page(pageV2, k, false)) },
		"version 1, compressed": func(k int) []handColumn { return column(packed, page(pageV1, k, true)) },
		"version 2, compressed": func(k int) []handColumn { return column(packed, page(pageV2, k, true)) },
		"version 1, levels":     func(k int) []handColumn { return levels(pageV1, k) },
		"version 2, levels":     func(k int) []handColumn { return levels(pageV2, k) },
		"dictionary":            func(k int) []handColumn { return column(none, dictionary(k, 1)...) },
		"indices":               func(k int) []handColumn { return column(none, dictionary(1, k)...) },
	} {
		cases[name+", none"] = handCase{rows: 2, columns: c(0), want: "7\n8"}
		cases[name+", right"] = handCase{rows: 2, columns: c(1), want: "7\n8"}
		cases[name+", wrong"] = handCase{rows: 2, columns: c(2), refused: "is damaged: its checksum is another"}
	}
	runHand(t, cases)
}

// TestParquetFeatures: valid files that were called damaged are read, or are
// refused by the name of what is not supported.
func TestParquetFeatures(t *testing.T) {
	numbers := doubles(1.5, -2.25, 0.1)
	lz4Of := func(b []byte) []byte {
		out := make([]byte, lz4.CompressBlockBound(len(b)))
		n, err := lz4.CompressBlock(b, out, nil)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		return out[:n]
	}
	same := make([]int64, 40) // long enough to be worth compressing
	wide := func(digits string) []byte {
		b := make([]byte, 20)
		n := bigInt(digits)
		if n.Sign() < 0 {
			for i := range b {
				b[i] = 0xFF
			}
			n.Not(n)
			for i, v := range n.FillBytes(make([]byte, 20)) {
				b[i] = ^v
			}
			return b
		}
		return n.FillBytes(b)
	}
	one := func(node schema.Node, pages ...handPage) []handColumn {
		return []handColumn{{node: node, pages: pages}}
	}
	splitPage := func(kind int, b []byte, width int) handPage {
		return handPage{kind: kind, values: len(b) / width, encoding: 9, data: scattered(b, width)}
	}
	decimal := logical("a", parquet.Types.FixedLenByteArray, schema.NewDecimalLogicalType(38, 2), 20)
	compressed := func(codec compress.Compression, pages ...handPage) []handColumn {
		return []handColumn{{node: required("a", parquet.Types.Int64), codec: codec, pages: pages}}
	}
	length := 8 * len(same)
	runHand(t, map[string]handCase{
		"split doubles":            {rows: 3, columns: one(required("a", parquet.Types.Double), splitPage(pageV1, numbers, 8)), want: "1.5\n-2.25\n0.1"},
		"split doubles, version 2": {rows: 3, columns: one(required("a", parquet.Types.Double), splitPage(pageV2, numbers, 8)), want: "1.5\n-2.25\n0.1"},
		"split floats":             {rows: 2, columns: one(required("a", parquet.Types.Float), splitPage(pageV1, singles(0.1, -4), 4)), want: "0.1\n-4"},
		"split int32":              {rows: 2, columns: one(required("a", parquet.Types.Int32), splitPage(pageV1, int32s(-1, 1<<20), 4)), want: "-1\n1048576"},
		"split int64":              {rows: 2, columns: one(required("a", parquet.Types.Int64), splitPage(pageV2, int64s(-1, 1<<40), 8)), want: "-1\n1099511627776"},
		"split decimals": {rows: 1, columns: one(decimal, handPage{kind: pageV1, values: 1, encoding: 9, levels: allThere(1), data: wide("150")}),
			want: "1.5"},
		"split with NULL": {rows: 3, columns: one(optional("a", parquet.Types.Double),
			handPage{kind: pageV1, values: 3, encoding: 9, levels: []byte{3, 5}, data: scattered(doubles(1, 2.5), 8)}), want: "1\n∅\n2.5"},
		"split, one byte short": {rows: 3, columns: one(required("a", parquet.Types.Double),
			handPage{kind: pageV1, values: 3, encoding: 9, data: scattered(numbers, 8)[:23]}), refused: "fewer values"},
		"LZ4_RAW": {rows: 40, columns: compressed(codecLZ4Raw, handPage{kind: pageV1, values: 40, data: lz4Of(int64s(same...)), unpacked: &length}),
			want: strings.TrimSuffix(strings.Repeat("0\n", 40), "\n")},
		"LZ4": {rows: 40, columns: compressed(compress.Codecs.Lz4, handPage{kind: pageV1, values: 40, data: lz4Of(int64s(same...)), unpacked: &length}),
			refused: `column "a": row group 1 is in the compression LZ4, which is not supported`},
		"LZO": {rows: 40, columns: compressed(compress.Codecs.Lzo, handPage{kind: pageV1, values: 40, data: []byte{1}}),
			refused: "is in the compression LZO, which is not supported"},
		"a compression of tomorrow": {rows: 40, columns: compressed(compress.Compression(19), handPage{kind: pageV1, values: 40, data: []byte{1}}),
			refused: "is in the compression number 19, which is not supported"},
		"all NULL, nothing compressed to nothing": {rows: 2, columns: []handColumn{{node: optional("a", parquet.Types.Int32), codec: compress.Codecs.Snappy,
			pages: []handPage{emptyV2(2)}}}, want: "∅\n∅"},
		"all NULL, nothing compressed to a byte": {rows: 2, columns: []handColumn{{node: optional("a", parquet.Types.Int32), codec: compress.Codecs.Snappy,
			pages: []handPage{{kind: pageV2, values: 2, levels: noneThere(2), snappy: true}}}}, want: "∅\n∅"},
		"all NULL in a delta encoding": {rows: 2, columns: one(optional("a", parquet.Types.Int32),
			handPage{kind: pageV1, values: 2, encoding: 5, levels: noneThere(2)}), want: "∅\n∅"},
		"all NULL in a dictionary": {rows: 2, columns: one(optional("a", parquet.Types.Int32),
			handPage{kind: pageDict}, handPage{kind: pageV1, values: 2, encoding: 8, levels: noneThere(2)}), want: "∅\n∅"},
		"a page without values between others": {rows: 2, columns: one(required("a", parquet.Types.Int32), handPage{kind: pageV2, values: 1, data: int32s(1)},
			handPage{kind: pageV2}, handPage{kind: pageV2, values: 1, data: int32s(2)}), want: "1\n2"},
		"FIXED(20)": {rows: 2, columns: one(decimal, handPage{kind: pageV1, values: 2, levels: allThere(2), data: append(wide("1234567"), wide("-5")...)}),
			want: "12345.67\n-0.05"},
		"FIXED(20), 38 digits": {rows: 1, columns: one(decimal, handPage{kind: pageV1, values: 1, levels: allThere(1), data: wide("-99999999999999999999999999999999999999")}),
			want: "-999999999999999999999999999999999999.99"},
		"FIXED(20), too many digits": {rows: 1, columns: one(decimal, handPage{kind: pageV1, values: 1, levels: allThere(1), data: wide("999999999999999999999999999999999999999999999")}),
			refused: "a decimal of more than 38 digits"},
		"Null of integers": {rows: 2, columns: one(logical("a", parquet.Types.Int32, schema.NullLogicalType{}, -1), handPage{kind: pageV1, values: 2, levels: noneThere(2)}),
			want: "∅\n∅"},
		"Null of bytes": {rows: 2, columns: one(logical("a", parquet.Types.ByteArray, schema.NullLogicalType{}, -1), handPage{kind: pageV2, values: 2, levels: noneThere(2)}),
			want: "∅\n∅"},
		"Null of booleans": {rows: 2, columns: one(logical("a", parquet.Types.Boolean, schema.NullLogicalType{}, -1), handPage{kind: pageV1, values: 2, levels: noneThere(2)}),
			want: "∅\n∅"},
		"Null of doubles": {rows: 2, columns: one(logical("a", parquet.Types.Double, schema.NullLogicalType{}, -1), handPage{kind: pageV1, values: 2, levels: noneThere(2)}),
			want: "∅\n∅"},
		"Null with a value": {rows: 2, columns: one(logical("a", parquet.Types.Int32, schema.NullLogicalType{}, -1), handPage{kind: pageV1, values: 2, levels: []byte{3, 1}, data: int32s(7)}),
			refused: "holds a value in a column of the type Null"},
		"DELTA_BYTE_ARRAY of fixed length": {rows: 1, columns: one(decimal, handPage{kind: pageV1, values: 1, encoding: 7, levels: allThere(1), data: wide("1")}),
			refused: "is in the encoding DELTA_BYTE_ARRAY, which is not supported for FIXED_LEN_BYTE_ARRAY"},
		"an encoding of tomorrow": {rows: 1, columns: one(required("a", parquet.Types.Int32), handPage{kind: pageV1, values: 1, encoding: 77, data: int32s(1)}),
			refused: "is in the encoding number 77, which is not supported"},
		"levels in BIT_PACKED": {rows: 1, columns: one(optional("a", parquet.Types.Int32), handPage{kind: pageV1, values: 1, levels: allThere(1), bare: true, data: int32s(1)}),
			refused: "has definition levels in the encoding BIT_PACKED"},
	})
}

// emptyV2 is a page of NULLs whose values are compressed to no byte at all.
func emptyV2(values int) handPage {
	return handPage{kind: pageV2, values: values, levels: noneThere(values), flagged: true}
}
