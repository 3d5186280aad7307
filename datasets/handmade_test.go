package datasets

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/golang/snappy"
)

// Parquet files put together page by page, since no writer makes what these
// tests are about.

// handPage is one page as it is to lie in the file.
type handPage struct {
	kind     int
	values   int
	encoding int
	levels   []byte // definition levels without their length; nil for none
	data     []byte
	snappy   bool
	flagged  bool // said to be compressed, and nothing compressed to nothing
	rows     int  // said beyond the values (second version)
	checksum int  // 1: right; 2: wrong
	unpacked *int // said instead of the true number
	bare     bool // levelEncoding is BIT_PACKED
}

// zig writes the number fields of a struct of the compact protocol.
type zig struct {
	b    []byte
	last int
}

func (z *zig) head(id int, kind byte) {
	z.b = append(z.b, byte(id-z.last)<<4|kind)
	z.last = id
}

func (z *zig) number(id int, v int) *zig {
	z.head(id, 5)
	z.b = binary.AppendVarint(z.b, int64(v))
	return z
}

func (z *zig) nested(id int, inner *zig) *zig {
	z.head(id, compactStruct)
	z.b = append(append(z.b, inner.b...), 0)
	return z
}

// bytes is the page with its header.
func (p handPage) bytes() []byte {
	levels, data := p.levels, p.data
	if p.kind == pageV1 && levels != nil {
		data = append(append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...), data...)
		levels = nil
	}
	unpacked := len(levels) + len(data)
	if p.unpacked != nil {
		unpacked = *p.unpacked
	}
	if p.snappy {
		data = snappy.Encode(nil, data)
	}
	body := append(bytes.Clone(levels), data...)
	header := new(zig).number(1, p.kind).number(2, unpacked).number(3, len(body))
	switch p.checksum {
	case 1:
		header.number(4, int(int32(crc32.ChecksumIEEE(body))))
	case 2:
		header.number(4, int(int32(crc32.ChecksumIEEE(body)^1)))
	}
	switch p.kind {
	case pageV1:
		levelEncoding := 3
		if p.bare {
			levelEncoding = 4
		}
		header.nested(5, new(zig).number(1, p.values).number(2, p.encoding).number(3, levelEncoding).number(4, 3))
	case pageDict:
		header.nested(7, new(zig).number(1, p.values).number(2, p.encoding))
	case pageV2:
		inner := new(zig).number(1, p.values).number(2, 0).number(3, p.values+p.rows).number(4, p.encoding).number(5, len(levels)).number(6, 0)
		if p.snappy || p.flagged {
			inner.head(7, compactTrue)
		} else {
			inner.head(7, compactFalse)
		}
		header.nested(8, inner)
	}
	return append(append(header.b, 0), body...)
}

// handColumn is one column of one row group.
type handColumn struct {
	node  schema.Node
	codec compress.Compression
	pages []handPage
}

// handFile puts columns of so many rows together; change may falsify the metadata.
func handFile(t testing.TB, rows int64, change func(*metadata.FileMetaData), columns ...handColumn) []byte {
	t.Helper()
	var nodes schema.FieldList
	for _, c := range columns {
		nodes = append(nodes, c.node)
	}
	root, err := schema.NewGroupNode("root", parquet.Repetitions.Repeated, nodes, -1)
	if err != nil {
		t.Fatal(err)
	}
	var frame bytes.Buffer // a file without rows, whose metadata is then changed
	w := file.NewParquetWriter(&frame, root)
	g := w.AppendRowGroup()
	for range columns {
		c, err := g.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := file.NewParquetReader(bytes.NewReader(frame.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	m := r.MetaData()
	out := []byte(parMagic)
	m.NumRows, m.RowGroups[0].NumRows = rows, rows
	for i, c := range columns {
		chunk := m.RowGroups[0].Columns[i].MetaData
		from := int64(len(out))
		chunk.DataPageOffset, chunk.DictionaryPageOffset = from, nil
		chunk.NumValues = rows
		chunk.Codec = 0
		for range int(c.codec) { // its type has no name outside of the library
			chunk.Codec++
		}
		for _, p := range c.pages {
			if p.kind == pageDict {
				at := int64(len(out))
				chunk.DictionaryPageOffset = &at
			} else if chunk.DictionaryPageOffset != nil && chunk.DataPageOffset == from {
				chunk.DataPageOffset = int64(len(out))
			}
			out = append(out, p.bytes()...)
		}
		chunk.TotalCompressedSize = int64(len(out)) - from
	}
	if change != nil {
		change(m)
	}
	b, err := m.Serialize(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, b...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(b))), parMagic...)
}

func required(name string, t parquet.Type) schema.Node {
	return schema.MustPrimitive(schema.NewPrimitiveNode(name, parquet.Repetitions.Required, t, -1, -1))
}

func optional(name string, t parquet.Type) schema.Node {
	return schema.MustPrimitive(schema.NewPrimitiveNode(name, parquet.Repetitions.Optional, t, -1, -1))
}

func logical(name string, t parquet.Type, of schema.LogicalType, width int) schema.Node {
	return schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Optional, of, t, width, -1))
}

func int32s(values ...int32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func int64s(values ...int64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func doubles(values ...float64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func singles(values ...float32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// scattered is what BYTE_STREAM_SPLIT makes of values.
func scattered(b []byte, width int) []byte {
	out, n := make([]byte, len(b)), len(b)/width
	for i, v := range b {
		out[i%width*n+i/width] = v
	}
	return out
}

// allThere and noneThere are the definition levels of n < 64 rows.
func allThere(n int) []byte  { return []byte{byte(n << 1), 1} }
func noneThere(n int) []byte { return []byte{byte(n << 1), 0} }
