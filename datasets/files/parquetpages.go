package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// chunkPages reads the pages of one column chunk in place of the Parquet
// library's reader, and looks at each before the library decodes it (README,
// section 2.2): the library ignores checksums and counts, waits for ever for
// values that a damaged page promises and does not hold, and ends at an empty
// page. Formats are those of the Parquet specification.
type chunkPages struct {
	in     io.ReaderAt
	guard  *guard
	group  int // number of the row group, for errors
	column *schema.Column
	codec  codec

	padded   bool  // the end lies inside what follows the chunk
	at, end  int64 // of what is not yet read, in the file
	promised int64 // values of the chunk
	seen     int64 // values of its pages so far
	number   int   // of the page, counted from 1
	header   []byte
	page     file.Page
	fault    error
	odd      bool // a page is in a form that not every reader knows
}

// Limits of the header of a page, which may hold the least and largest value.
const (
	firstHeaderBytes = 4 << 10
	maxHeaderBytes   = 16 << 20
)

func newChunkPages(in io.ReaderAt, size int64, c *metadata.ColumnChunkMetaData, column *schema.Column, padded bool) (*chunkPages, error) {
	from, length := c.DataPageOffset(), c.TotalCompressedSize()
	if at := c.DictionaryPageOffset(); c.HasDictionaryPage() && at > 0 && at < from {
		from = at
	}
	if from < 0 || length < 0 || from > size || length > size-from {
		return nil, &Error{Message: fmt.Sprintf("lies outside the file: %d bytes at offset %d", length, from), Hint: damagedHint}
	}
	end := from + length
	if padded { // parquet-mr up to 1.2.8 left the dictionary's header out of the length
		end = min(size, end+100)
	}
	how, fault := codecOf(c.Compression())
	if fault != nil {
		return nil, fault
	}
	return &chunkPages{in: in, column: column, codec: how, padded: padded, at: from, end: end, promised: c.NumValues()}, nil
}

func (p *chunkPages) Page() file.Page          { return p.page }
func (p *chunkPages) Err() error               { return p.fault }
func (p *chunkPages) SetMaxPageHeaderSize(int) {}
func (p *chunkPages) Reset(parquet.BufferedReader, int64, parquetCompression, *file.CryptoContext) {
	panic("datasets: pages are read once")
}

// Next takes the next page that holds a value or a dictionary.
func (p *chunkPages) Next() bool {
	p.page = nil
	for p.fault == nil && p.page == nil {
		if p.seen == p.promised && !p.more() {
			return false
		}
		p.page, p.fault = p.read()
	}
	return p.fault == nil
}

// more tells whether a page lies behind the last promised value: one with
// values is refused when it is read.
func (p *chunkPages) more() bool {
	if p.padded || p.at >= p.end {
		return false
	}
	h, _, err := p.readHeader()
	return err == nil && (h.kind == pageData || h.kind == pageDataV2)
}

// readHeader reads the header at the current place.
func (p *chunkPages) readHeader() (h pageHeader, length int, err error) {
	for size := int64(firstHeaderBytes); ; size *= 4 {
		size = min(size, p.end-p.at)
		if int64(len(p.header)) < size {
			p.header = make([]byte, size)
		}
		if _, err := p.in.ReadAt(p.header[:size], p.at); err != nil {
			return h, 0, err
		}
		h, length, err = readPageHeader(p.header[:size])
		if err != io.ErrUnexpectedEOF {
			return h, length, err
		}
		if size == p.end-p.at || size >= maxHeaderBytes {
			return h, 0, errThrift
		}
	}
}

// read reads one page; nil when it has nothing to decode.
func (p *chunkPages) read() (file.Page, error) {
	p.number++
	p.guard.part = fmt.Sprintf("row group %d, page %d", p.group+1, p.number)
	if p.at >= p.end {
		return nil, &Error{Message: fmt.Sprintf("is missing: the pages before it hold %d of the column chunk's %d values", p.seen, p.promised),
			Hint: damagedHint}
	}
	h, length, err := p.readHeader()
	if err != nil {
		return nil, err
	}
	if h.packed < 0 || h.unpacked < 0 || int64(length)+int64(h.packed) > p.end-p.at {
		return nil, errors.New("it is longer than its column chunk")
	}
	checkBuffer(int(h.unpacked))
	raw := make([]byte, h.packed)
	if _, err := p.in.ReadAt(raw, p.at+int64(length)); err != nil {
		return nil, err
	}
	p.at += int64(length) + int64(h.packed)
	if h.hasCRC && crc32.ChecksumIEEE(raw) != uint32(h.crc) {
		return nil, &Error{Message: "is damaged: its checksum is another", Hint: "get the file anew"}
	}
	return p.unpack(h, raw)
}

// unpack checks a page against its header, decompresses it and makes it one
// that the library decodes.
func (p *chunkPages) unpack(h pageHeader, raw []byte) (file.Page, error) {
	if h.values < 0 || h.values > MaxRows {
		return nil, errPage
	}
	switch h.kind {
	case pageIndex:
		return nil, nil
	case pageDictionary:
		data, err := p.codec.unpack(raw, int(h.unpacked))
		if err != nil {
			return nil, err
		}
		return file.NewDictionaryPage(memory.NewBufferBytes(data), h.values, parquet.Encoding(h.encoding)), nil
	case pageData, pageDataV2:
	default:
		return nil, &Error{Message: fmt.Sprintf("is of the kind %d, which is not supported", h.kind)}
	}
	if p.seen += int64(h.values); p.seen > p.promised {
		return nil, &Error{Message: fmt.Sprintf("contradicts its column chunk, which has %d values: the pages hold %d or more", p.promised, p.seen),
			Hint: damagedHint}
	}
	if h.kind == pageDataV2 && h.rows != h.values {
		return nil, &Error{Message: fmt.Sprintf("says %d rows and %d values, in a column that is not nested", h.rows, h.values),
			Hint: damagedHint}
	}
	if h.values == 0 {
		return nil, nil
	}
	levels, values, err := p.sections(h, raw)
	if err != nil {
		return nil, err
	}
	encoding, values, err := p.checkValues(h, levels, values)
	if err != nil {
		return nil, err
	}
	// The library gets every page as one of the second version, not compressed.
	data := values
	if n := len(levels) + len(values); len(levels) > 0 && cap(levels) >= n && len(values) > 0 && &levels[:n][n-1] == &values[len(values)-1] {
		data = levels[:n] // they lie one behind the other
	} else if len(levels) > 0 {
		data = append(levels[:len(levels):len(levels)], values...)
	}
	checkBuffer(len(data))
	return file.NewDataPageV2(memory.NewBufferBytes(data), h.values, 0, h.values, encoding,
		int32(len(levels)), 0, int32(len(data)), false), nil
}

var errPage = errors.New("a page holds fewer values than it promises")

// sections splits a data page into its definition levels and its values.
func (p *chunkPages) sections(h pageHeader, raw []byte) (levels, values []byte, err error) {
	if h.kind == pageDataV2 {
		before, length := int64(h.repetition), int64(h.levels)
		if before < 0 || length < 0 || before+length > int64(min(h.packed, h.unpacked)) {
			return nil, nil, errPage
		}
		values = raw[before+length:]
		if h.compressed != 0 {
			values, err = p.codec.unpack(values, int(int64(h.unpacked)-before-length))
		} else if h.packed != h.unpacked {
			err = errPage
		}
		return raw[before : before+length], values, err
	}
	data, err := p.codec.unpack(raw, int(h.unpacked))
	if err != nil || p.column.MaxDefinitionLevel() == 0 {
		return nil, data, err
	}
	if e := parquet.Encoding(h.levelEncoding); e != parquet.Encodings.RLE {
		return nil, nil, &Error{Message: "has definition levels in the encoding " + e.String() + ", which is not supported"}
	}
	if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
		return nil, nil, errPage
	}
	end := 4 + int(binary.LittleEndian.Uint32(data))
	return data[4:end], data[end:], nil
}

// checkValues counts the values that a page has to hold and those that it says
// to hold; it gives the encoding in which the library is to decode them.
func (p *chunkPages) checkValues(h pageHeader, levels, values []byte) (parquet.Encoding, []byte, error) {
	present := int(h.values)
	if p.column.MaxDefinitionLevel() > 0 {
		var ok bool
		if present, ok = countLevels(levels, present); !ok {
			return 0, nil, errPage
		}
	}
	encoding := parquet.Encoding(h.encoding)
	if err := supportedEncoding(p.column.PhysicalType(), encoding); err != nil {
		return 0, nil, err
	}
	if present == 0 { // nothing to decode, and not even a header of an encoding
		p.odd = p.odd || encoding != parquet.Encodings.Plain
		return parquet.Encodings.Plain, nil, nil
	}
	switch encoding {
	case parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaByteArray:
		if held, ok := deltaCount(values); !ok || held < uint64(present) {
			return 0, nil, errPage
		}
	case byteStreamSplit:
		p.odd = true
		width := valueWidth(p.column)
		if int64(len(values)) != int64(present)*int64(width) {
			return 0, nil, errPage
		}
		return parquet.Encodings.Plain, joinStreams(values, present, width), nil
	}
	return encoding, values, nil
}

// byteStreamSplit is the encoding that the library knows by name only.
const byteStreamSplit = parquet.Encoding(9)

// joinStreams turns the first bytes of all values, then the second ones, and so
// on, into the values one after the other.
func joinStreams(b []byte, values, width int) []byte {
	out := make([]byte, len(b))
	for k := range width {
		for i, v := range b[k*values : (k+1)*values] {
			out[i*width+k] = v
		}
	}
	return out
}

// valueWidth is the bytes of a value of a type that BYTE_STREAM_SPLIT is for.
func valueWidth(c *schema.Column) int {
	switch c.PhysicalType() {
	case parquet.Types.Int32, parquet.Types.Float:
		return 4
	case parquet.Types.Int64, parquet.Types.Double:
		return 8
	}
	return c.TypeLength()
}

// supportedEncoding refuses an encoding by its name.
func supportedEncoding(t parquet.Type, e parquet.Encoding) *Error {
	known := []parquet.Encoding{parquet.Encodings.Plain, parquet.Encodings.PlainDict, parquet.Encodings.RLEDict}
	switch t {
	case parquet.Types.Boolean:
		known = []parquet.Encoding{parquet.Encodings.Plain, parquet.Encodings.RLE}
	case parquet.Types.Int32, parquet.Types.Int64:
		known = append(known, parquet.Encodings.DeltaBinaryPacked, byteStreamSplit)
	case parquet.Types.Float, parquet.Types.Double, parquet.Types.FixedLenByteArray:
		known = append(known, byteStreamSplit)
	case parquet.Types.ByteArray:
		known = append(known, parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaByteArray)
	}
	for _, k := range known {
		if e == k {
			return nil
		}
	}
	return &Error{Message: fmt.Sprintf("is in the encoding %s, which is not supported for %s", encodingName(e), t),
		Hint: "write the file with the encodings PLAIN or RLE_DICTIONARY"}
}

// encodingName is the name in the specification; the library panics over some.
func encodingName(e parquet.Encoding) string {
	names := []string{"PLAIN", "", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY",
		"DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"}
	if e >= 0 && int(e) < len(names) && names[e] != "" {
		return names[e]
	}
	return fmt.Sprintf("number %d", int32(e))
}
