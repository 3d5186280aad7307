package files

import (
	"encoding/binary"
	"errors"
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
	headerNone     = 0
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

// message checks one message and gives its kind and the length of its body.
func (r *flatReader) message(at int) (header byte, body int64) {
	r.table(at, flatMessage)
	kind, place := r.slot(at, slotHeader-1), r.slot(at, slotHeader)
	if kind == 0 || place == 0 {
		panic(errFlat)
	}
	header = r.b[kind]
	switch header {
	case headerSchema:
		r.schema(r.follow(place))
	case headerDict:
		r.table(r.follow(place), flatDict)
	case headerBatch:
		r.table(r.follow(place), flatBatch)
	default:
		panic(errFlat)
	}
	if place := r.slot(at, slotHeader+1); place != 0 {
		body = int64(binary.LittleEndian.Uint64(r.b[place:]))
	}
	return header, body
}
