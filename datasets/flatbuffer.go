package datasets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The Arrow library takes the lengths in a file's metadata as they are, and a
// length that was damaged can ask for more memory than there is, which ends the
// process. So the metadata, which is in FlatBuffers, is checked first: every
// offset and length must lie inside of it. Layouts are from the Arrow columnar
// format, Schema.fbs, Message.fbs and File.fbs.

// flatTable lists what the fields of a table are, by their slot.
type flatTable []flatField

type flatField struct {
	size   int        // bytes of a scalar, or of an element of a vector
	vector bool       // of scalars or structs; a string is one of bytes
	table  *flatTable // a table; with vector, one of tables
}

var (
	flatNothing  = flatTable{}
	flatKeyValue = flatTable{{size: 1, vector: true}, {size: 1, vector: true}}
	flatUnion    = flatTable{{size: 2}, {size: 4, vector: true}}
	flatCodec    = flatTable{{size: 1}, {size: 1}}
	flatIndex    = flatTable{{size: 8}, {table: &flatNothing}, {size: 1}, {size: 2}}
	flatBatch    = flatTable{{size: 8}, {size: 16, vector: true}, {size: 16, vector: true}, {table: &flatCodec}, {size: 8, vector: true}}
	flatDict     = flatTable{{size: 8}, {table: &flatBatch}, {size: 1}}
	flatSchema   = flatTable{{size: 2}, {}, {vector: true, table: &flatKeyValue}, {size: 8, vector: true}} // slot 1: the fields
	flatFooter   = flatTable{{size: 2}, {}, {size: 24, vector: true}, {size: 24, vector: true}, {vector: true, table: &flatKeyValue}}
	flatMessage  = flatTable{{size: 2}, {size: 1}, {}, {size: 8}, {vector: true, table: &flatKeyValue}}
	flatColumn   = flatTable{{size: 1, vector: true}, {size: 1}, {size: 1}, {}, {table: &flatIndex}, {}, {vector: true, table: &flatKeyValue}}
)

// Slots that depend on other fields, and the values that they depend on.
const (
	slotChildren   = 5
	slotType       = 3
	typeUnion      = 14
	slotFields     = 1
	slotSchema     = 1
	slotHeader     = 2
	headerSchema   = 1
	headerDict     = 2
	headerBatch    = 3
	maxFlatTables  = 1 << 20
	maxFlatDepth   = 32
	maxFlatMessage = 64 << 20
)

var errFlat = errors.New("its metadata is damaged")

// flatReader checks one buffer; it panics with errFlat, which checkFlat turns
// into an error.
type flatReader struct {
	b      []byte
	tables int
}

func checkFlat(b []byte, check func(r *flatReader, root int)) (err error) {
	defer func() {
		if recover() != nil { // also an index outside the buffer
			err = errFlat
		}
	}()
	r := &flatReader{b: b}
	check(r, r.follow(0))
	return nil
}

// follow gives where the offset at a place points.
func (r *flatReader) follow(at int) int { return at + int(binary.LittleEndian.Uint32(r.b[at:])) }

// slot gives the place of a field, or 0 when it is absent.
func (r *flatReader) slot(table, slot int) int {
	vtable := table - int(int32(binary.LittleEndian.Uint32(r.b[table:])))
	if 6+2*slot > int(binary.LittleEndian.Uint16(r.b[vtable:])) {
		return 0
	}
	if offset := int(binary.LittleEndian.Uint16(r.b[vtable+4+2*slot:])); offset != 0 {
		return table + offset
	}
	return 0
}

// vector gives the first element's place and the length.
func (r *flatReader) vector(at, size int) (first, length int) {
	start := r.follow(at)
	length = int(binary.LittleEndian.Uint32(r.b[start:]))
	if length > (len(r.b)-start-4)/size {
		panic(errFlat)
	}
	return start + 4, length
}

func (r *flatReader) table(at int, layout flatTable) {
	if r.tables++; r.tables > maxFlatTables {
		panic(errFlat)
	}
	r.slot(at, 0) // the table itself lies inside
	for i, f := range layout {
		place := r.slot(at, i)
		switch {
		case place == 0:
		case f.vector && f.table != nil:
			first, length := r.vector(place, 4)
			for k := range length {
				r.table(r.follow(first+4*k), *f.table)
			}
		case f.vector:
			r.vector(place, f.size)
		case f.table != nil:
			r.table(r.follow(place), *f.table)
		default: // a scalar, or with size 0 what is checked elsewhere
			_ = r.b[place : place+f.size]
		}
	}
}

func (r *flatReader) schema(at int) {
	r.table(at, flatSchema)
	r.fields(at, slotFields, 0)
}

// fields checks the columns in a slot of a table, and their children.
func (r *flatReader) fields(at, slot, depth int) {
	if depth > maxFlatDepth {
		panic(errFlat)
	}
	place := r.slot(at, slot)
	if place == 0 {
		return
	}
	first, length := r.vector(place, 4)
	for k := range length {
		field := r.follow(first + 4*k)
		r.table(field, flatColumn)
		if kind, typed := r.slot(field, slotType-1), r.slot(field, slotType); kind != 0 && typed != 0 {
			layout := flatNothing
			if r.b[kind] == typeUnion {
				layout = flatUnion
			}
			r.table(r.follow(typed), layout)
		}
		r.fields(field, slotChildren, depth+1)
	}
}

// message checks one message and gives the length of its body.
func (r *flatReader) message(at int) (body int64) {
	r.table(at, flatMessage)
	kind, header := r.slot(at, slotHeader-1), r.slot(at, slotHeader)
	if kind == 0 || header == 0 {
		panic(errFlat)
	}
	switch r.b[kind] {
	case headerSchema:
		r.schema(r.follow(header))
	case headerDict:
		r.table(r.follow(header), flatDict)
	case headerBatch:
		r.table(r.follow(header), flatBatch)
	default:
		panic(errFlat)
	}
	if place := r.slot(at, slotHeader+1); place != 0 {
		body = int64(binary.LittleEndian.Uint64(r.b[place:]))
	}
	return body
}

// checkArrowStream checks the metadata of every message of a stream.
func checkArrowStream(in io.ReaderAt, size int64) error {
	for at := int64(0); at < size; {
		next, end, err := checkArrowMessage(in, size, at)
		if err != nil || end {
			return err
		}
		at = next
	}
	return nil
}

// checkArrowMessage checks the message at an offset and gives the offset behind
// its body; end is true at the mark that ends a stream.
func checkArrowMessage(in io.ReaderAt, size, at int64) (next int64, end bool, err error) {
	var head [4]byte
	if _, err := in.ReadAt(head[:], at); err != nil {
		return 0, false, errFlat
	}
	at += 4
	if binary.LittleEndian.Uint32(head[:]) == 0xFFFFFFFF { // the mark since Arrow 0.15
		if _, err := in.ReadAt(head[:], at); err != nil {
			return 0, false, errFlat
		}
		at += 4
	}
	length := int64(binary.LittleEndian.Uint32(head[:]))
	if length == 0 {
		return at, true, nil
	}
	if length > maxFlatMessage || length > size-at {
		return 0, false, errFlat
	}
	metadata := make([]byte, length)
	if _, err := in.ReadAt(metadata, at); err != nil {
		return 0, false, errFlat
	}
	body := int64(0)
	if err := checkFlat(metadata, func(r *flatReader, root int) { body = r.message(root) }); err != nil {
		return 0, false, err
	}
	at += length
	if body < 0 || body > size-at {
		return 0, false, fmt.Errorf("%w: a message is longer than the file", errFlat)
	}
	return at + body, false, nil
}

// checkArrowFile checks the footer of the file format and every message that it
// lists.
func checkArrowFile(in io.ReaderAt, size int64) error {
	tail := make([]byte, 4)
	end := size - int64(len(arrowMagic)) - 4
	if end < 0 {
		return errFlat
	}
	if _, err := in.ReadAt(tail, end); err != nil {
		return errFlat
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if length > maxFlatMessage || length > end {
		return errFlat
	}
	footer := make([]byte, length)
	if _, err := in.ReadAt(footer, end-length); err != nil {
		return errFlat
	}
	var offsets []int64
	err := checkFlat(footer, func(r *flatReader, root int) {
		r.table(root, flatFooter)
		if place := r.slot(root, slotSchema); place != 0 {
			r.schema(r.follow(place))
		}
		for slot := 2; slot <= 3; slot++ { // dictionaries and record batches
			if place := r.slot(root, slot); place != 0 {
				first, count := r.vector(place, 24)
				for k := range count {
					offsets = append(offsets, int64(binary.LittleEndian.Uint64(r.b[first+24*k:])))
				}
			}
		}
	})
	if err != nil {
		return err
	}
	for _, at := range offsets {
		if at < 0 || at >= size {
			return errFlat
		}
		if _, _, err := checkArrowMessage(in, size, at); err != nil {
			return err
		}
	}
	return nil
}
