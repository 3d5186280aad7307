package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"parley/datasets/encodings"
)

// chunkPages reads the pages of one column chunk in place of the Parquet
// library's reader (README, section 2.2): the library ignores checksums and counts,
// waits for ever for values that a damaged page promises and does not hold, ends at an
// empty page, and makes garbage of as much again. Formats are those of the Parquet
// specification.
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
	fault    error
	odd      bool // a page is in a form that not every reader knows

	page       page
	dictionary []byte // plain values
	entries    int    // of it
	listed     bool   // there is one
	last       []byte // text of the page before, in DELTA_BYTE_ARRAY
	pageRooms
}

// pageRooms are used for one page after the other, and for one column chunk after the other.
type pageRooms struct {
	header, raw, plain, bits, room []byte
	lists                          int // of dictionaries so far
}

// page is what is left of a data page.
type page struct {
	rows    int
	present []byte // which rows from the page's first on have a value; nil: all
	at      int    // the next row in present
	indexed bool   // the values are numbers of the dictionary's
	values  []byte // plain ones
	boolean int    // the next truth value in values
	indices encodings.Indices
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

// next goes to the next page that holds a value.
func (p *chunkPages) next() bool {
	p.page = page{}
	for p.fault == nil && p.page.rows == 0 {
		if p.seen == p.promised && !p.more() {
			return false
		}
		p.fault = p.read()
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
	return err == nil && (h.Kind == encodings.PageData || h.Kind == encodings.PageDataV2)
}

// readHeader reads the header at the current place.
func (p *chunkPages) readHeader() (h encodings.Header, length int, err error) {
	for size := int64(firstHeaderBytes); ; size *= 4 {
		size = min(size, p.end-p.at)
		if int64(len(p.header)) < size {
			p.header = make([]byte, size)
		}
		if _, err := p.in.ReadAt(p.header[:size], p.at); err != nil {
			return h, 0, err
		}
		h, length, err = encodings.ReadHeader(p.header[:size])
		if err != io.ErrUnexpectedEOF {
			return h, length, err
		}
		if size == p.end-p.at || size >= maxHeaderBytes {
			return h, 0, encodings.ErrHeader
		}
	}
}

// place is which page it is, for errors.
func (p *chunkPages) place() string { return fmt.Sprintf("row group %d, page %d", p.group+1, p.number) }

// read reads one page.
func (p *chunkPages) read() error {
	p.number++
	p.guard.part = p.place()
	if p.at >= p.end {
		return &Error{Message: fmt.Sprintf("is missing: the pages before it hold %d of the column chunk's %d values", p.seen, p.promised),
			Hint: damagedHint}
	}
	h, length, err := p.readHeader()
	if err != nil {
		return err
	}
	if h.Packed < 0 || h.Unpacked < 0 || int64(length)+int64(h.Packed) > p.end-p.at {
		return errors.New("it is longer than its column chunk")
	}
	checkBuffer(int(h.Unpacked))
	p.raw = roomFor(p.raw, int(h.Packed))
	if _, err := p.in.ReadAt(p.raw, p.at+int64(length)); err != nil {
		return err
	}
	p.at += int64(length) + int64(h.Packed)
	if h.HasCRC && crc32.ChecksumIEEE(p.raw) != uint32(h.CRC) {
		return &Error{Message: "is damaged: its checksum is another", Hint: "get the file anew"}
	}
	return p.unpack(h)
}

// roomFor is a buffer of a size, in the room of one that is not used any more if that suffices.
func roomFor[T any](buffer []T, size int) []T {
	if cap(buffer) < size {
		return make([]T, size)
	}
	return buffer[:size]
}

// unpack checks a page against its header, decompresses it and begins to read it.
func (p *chunkPages) unpack(h encodings.Header) error {
	if h.Values < 0 || h.Values > MaxRows {
		return errPage
	}
	switch h.Kind {
	case encodings.PageIndex:
		return nil
	case encodings.PageDictionary:
		return p.list(h)
	case encodings.PageData, encodings.PageDataV2:
	default:
		return &Error{Message: fmt.Sprintf("is of the kind %d, which is not supported", h.Kind)}
	}
	if p.seen += int64(h.Values); p.seen > p.promised {
		return &Error{Message: fmt.Sprintf("contradicts its column chunk, which has %d values: the pages hold %d or more", p.promised, p.seen),
			Hint: damagedHint}
	}
	if h.Kind == encodings.PageDataV2 && h.Rows != h.Values {
		return &Error{Message: fmt.Sprintf("says %d rows and %d values, in a column that is not nested", h.Rows, h.Values),
			Hint: damagedHint}
	}
	if h.Values == 0 {
		return nil
	}
	levels, values, err := p.sections(h)
	if err != nil {
		return err
	}
	return p.begin(h, levels, values)
}

// list takes the dictionary.
func (p *chunkPages) list(h encodings.Header) (err error) {
	switch e := parquet.Encoding(h.Encoding); {
	case p.listed:
		return &Error{Message: "is a second dictionary", Hint: damagedHint}
	case e != parquet.Encodings.Plain && e != parquet.Encodings.PlainDict:
		return &Error{Message: "is a dictionary in the encoding " + encodingName(e) + ", which is not supported"}
	}
	p.room = roomFor(p.room, int(h.Unpacked))
	if p.dictionary, err = p.codec.unpack(p.room, p.raw, len(p.room)); err != nil {
		return err
	}
	if p.codec.name == uncompressed { // it lies in raw
		p.dictionary = p.room[:copy(p.room, p.dictionary)]
	}
	if int64(len(p.dictionary)) < int64(h.Values)*int64(valueWidth(p.column)) {
		return errPage
	}
	p.listed, p.entries, p.lists = true, int(h.Values), p.lists+1
	return nil
}

var errPage = errors.New("a page holds fewer values than it promises")

// sections splits a data page into its definition levels and its values.
func (p *chunkPages) sections(h encodings.Header) (levels, values []byte, err error) {
	raw := p.raw
	if h.Kind == encodings.PageDataV2 {
		before, length := int64(h.Repetition), int64(h.Levels)
		if before < 0 || length < 0 || before+length > int64(min(h.Packed, h.Unpacked)) {
			return nil, nil, errPage
		}
		values = raw[before+length:]
		if h.Compressed != 0 {
			p.plain = roomFor(p.plain, int(int64(h.Unpacked)-before-length))
			values, err = p.codec.unpack(p.plain, values, len(p.plain))
		} else if h.Packed != h.Unpacked {
			err = errPage
		}
		return raw[before : before+length], values, err
	}
	p.plain = roomFor(p.plain, int(h.Unpacked))
	data, err := p.codec.unpack(p.plain, raw, len(p.plain))
	if err != nil || p.column.MaxDefinitionLevel() == 0 {
		return nil, data, err
	}
	if e := parquet.Encoding(h.LevelEncoding); e != parquet.Encodings.RLE {
		return nil, nil, &Error{Message: "has definition levels in the encoding " + e.String() + ", which is not supported"}
	}
	if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
		return nil, nil, errPage
	}
	end := 4 + int(binary.LittleEndian.Uint32(data))
	return data[4:end], data[end:], nil
}

// begin counts the values that a page has to hold and those that it says to hold, and makes plain ones of them.
func (p *chunkPages) begin(h encodings.Header, levels, values []byte) error {
	rows := int(h.Values)
	present, bits := rows, []byte(nil)
	if p.column.MaxDefinitionLevel() > 0 {
		var ok bool
		p.bits = roomFor(p.bits, (rows+7)/8)
		clear(p.bits)
		bits = p.bits
		if present, ok = encodings.Bits(levels, rows, bits); !ok {
			return errPage
		}
		if present == rows {
			bits = nil
		}
	}
	encoding := parquet.Encoding(h.Encoding)
	if err := supportedEncoding(p.column.PhysicalType(), encoding); err != nil {
		return err
	}
	p.page = page{rows: rows, present: bits}
	if present == 0 { // nothing to decode, and not even a header of an encoding
		p.odd = p.odd || encoding != parquet.Encodings.Plain
		return nil
	}
	ok, width := true, valueWidth(p.column)
	switch encoding {
	case parquet.Encodings.PlainDict, parquet.Encodings.RLEDict:
		p.page.indexed = true
		p.page.indices, ok = encodings.NewIndices(values)
		ok = ok && p.listed
	case parquet.Encodings.RLE:
		p.page.values, ok = packedBits(values, present)
	case parquet.Encodings.DeltaBinaryPacked:
		p.page.values, ok = encodings.DeltaIntegers(values, present, width, MaxBufferBytes)
	case parquet.Encodings.DeltaLengthByteArray:
		p.page.values, ok = encodings.DeltaLengths(values, present, MaxBufferBytes)
	case parquet.Encodings.DeltaByteArray:
		var carried bool
		p.page.values, p.last, carried, ok = encodings.DeltaTexts(values, present, MaxBufferBytes, p.last)
		p.odd = p.odd || carried
	case byteStreamSplit:
		p.odd = true
		if ok = int64(len(values)) == int64(present)*int64(width); ok {
			p.page.values = encodings.Joined(values, present, width)
		}
	default:
		p.page.values = values
	}
	if !ok {
		return errPage
	}
	return nil
}

// packedBits reads truth values in runs, behind the length of these, as plain ones.
func packedBits(b []byte, values int) ([]byte, bool) {
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
		return nil, false
	}
	out := make([]byte, (values+7)/8)
	_, ok := encodings.Bits(b[4:4+binary.LittleEndian.Uint32(b)], values, out)
	return out, ok
}

// byteStreamSplit is the encoding that the library knows by name only.
const byteStreamSplit = parquet.Encoding(9)

// valueWidth is the bytes of a plain value, or the fewest that it has.
func valueWidth(c *schema.Column) int {
	switch c.PhysicalType() {
	case parquet.Types.Int32, parquet.Types.Float:
		return 4
	case parquet.Types.Int64, parquet.Types.Double:
		return 8
	case parquet.Types.Int96:
		return 12
	case parquet.Types.ByteArray: // its length
		return 4
	case parquet.Types.FixedLenByteArray:
		return c.TypeLength()
	}
	return 0 // bits
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
