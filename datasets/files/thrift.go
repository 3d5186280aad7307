package files

import (
	"encoding/binary"
	"errors"
	"io"
)

// A parser of the Thrift compact protocol, as far as the headers of Parquet's
// pages need it: strict, and without an allocation that a file decides.

// The types of the protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt64  = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12

	maxThriftDepth = 8
)

var errThrift = errors.New("its header is damaged")

// thriftReader reads a buffer; the error is io.ErrUnexpectedEOF when it ends
// too early.
type thriftReader struct {
	b     []byte
	at    int
	depth int
}

func (r *thriftReader) byte() (byte, error) {
	if r.at >= len(r.b) {
		return 0, io.ErrUnexpectedEOF
	}
	r.at++
	return r.b[r.at-1], nil
}

func (r *thriftReader) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.b[r.at:])
	switch {
	case n == 0:
		return 0, io.ErrUnexpectedEOF
	case n < 0:
		return 0, errThrift
	}
	r.at += n
	return v, nil
}

func (r *thriftReader) varint() (int64, error) {
	u, err := r.uvarint()
	return int64(u>>1) ^ -int64(u&1), err
}

// fields visits the fields of a struct; what the visitor does not read (it
// gives false) is skipped. A field may not come twice.
func (r *thriftReader) fields(visit func(id int16, kind byte) (bool, error)) error {
	if r.depth++; r.depth > maxThriftDepth {
		return errThrift
	}
	defer func() { r.depth-- }()
	id := int64(0)
	for {
		head, err := r.byte()
		if err != nil {
			return err
		}
		kind := head & 15
		if kind == thriftStop {
			return nil
		}
		before := id
		if delta := head >> 4; delta != 0 {
			id += int64(delta)
		} else if id, err = r.varint(); err != nil {
			return err
		}
		if id <= before || id > 1<<14 { // every writer gives them in order
			return errThrift
		}
		read, err := visit(int16(id), kind)
		if err == nil && !read {
			err = r.skip(kind)
		}
		if err != nil {
			return err
		}
	}
}

func (r *thriftReader) skip(kind byte) error {
	switch kind {
	case thriftTrue, thriftFalse:
		return nil
	case thriftByte:
		return r.pass(1)
	case thriftInt16, thriftInt16 + 1, thriftInt64:
		_, err := r.uvarint()
		return err
	case thriftDouble:
		return r.pass(8)
	case thriftBinary:
		n, err := r.uvarint()
		if err != nil {
			return err
		}
		return r.pass(n)
	case thriftStruct:
		return r.fields(func(int16, byte) (bool, error) { return false, nil })
	}
	return errThrift // no header of a page has lists, sets or maps
}

func (r *thriftReader) pass(n uint64) error {
	if n > 1<<31 {
		return errThrift
	}
	if n > uint64(len(r.b)-r.at) {
		return io.ErrUnexpectedEOF
	}
	r.at += int(n)
	return nil
}

// numbers reads a struct whose fields are numbers and booleans into the places
// given, and says which were there.
func (r *thriftReader) numbers(places map[int16]*int32) (seen map[int16]bool, err error) {
	seen = map[int16]bool{}
	err = r.fields(func(id int16, kind byte) (bool, error) {
		place := places[id]
		if place == nil {
			return false, nil
		}
		seen[id] = true
		switch kind {
		case thriftTrue:
			*place = 1
			return true, nil
		case thriftFalse:
			*place = 0
			return true, nil
		case thriftInt16, thriftInt16 + 1:
			v, err := r.varint()
			if err == nil && int64(int32(v)) != v {
				err = errThrift
			}
			*place = int32(v)
			return true, err
		}
		return false, errThrift
	})
	return seen, err
}

// pageHeader is the header of a page of Parquet (parquet.thrift, PageHeader).
type pageHeader struct {
	kind               int32
	unpacked, packed   int32 // bytes
	crc                int32
	hasCRC             bool
	values             int32
	rows               int32 // second version only
	encoding           int32
	levelEncoding      int32 // definition levels, first version only
	levels, repetition int32 // bytes, second version only
	compressed         int32 // 1 or 0
}

// The kinds of pages.
const (
	pageData       = 0
	pageIndex      = 1
	pageDictionary = 2
	pageDataV2     = 3
)

// readPageHeader reads a header and gives its length in bytes.
func readPageHeader(b []byte) (h pageHeader, length int, err error) {
	r := &thriftReader{b: b}
	h.compressed = 1
	bodies := map[int16]bool{}
	seen := map[int16]bool{}
	err = r.fields(func(id int16, kind byte) (bool, error) {
		places := map[int16]*int32{1: &h.kind, 2: &h.unpacked, 3: &h.packed, 4: &h.crc}
		if place := places[id]; place != nil {
			if kind != thriftInt16+1 {
				return false, errThrift
			}
			v, err := r.varint()
			if int64(int32(v)) != v {
				return true, errThrift
			}
			*place, seen[id] = int32(v), true
			return true, err
		}
		wanted := map[int16]int32{5: pageData, 6: pageIndex, 7: pageDictionary, 8: pageDataV2}
		if page, known := wanted[id]; !known || kind != thriftStruct || page != h.kind {
			return false, nil
		}
		bodies[id] = true
		return true, h.readBody(r)
	})
	if err != nil {
		return h, 0, err
	}
	if !seen[1] || !seen[2] || !seen[3] || len(bodies) == 0 && h.kind != pageIndex {
		return h, 0, errThrift
	}
	h.hasCRC = seen[4]
	return h, r.at, nil
}

// readBody reads the part of the header that its kind of page has.
func (h *pageHeader) readBody(r *thriftReader) error {
	places, needed := map[int16]*int32{1: &h.values, 2: &h.encoding}, []int16{1, 2}
	switch h.kind {
	case pageIndex:
		places, needed = nil, nil
	case pageData:
		places[3] = &h.levelEncoding
		needed = []int16{1, 2, 3}
	case pageDataV2:
		places = map[int16]*int32{1: &h.values, 3: &h.rows, 4: &h.encoding, 5: &h.levels, 6: &h.repetition, 7: &h.compressed}
		needed = []int16{1, 3, 4, 5, 6}
	}
	seen, err := r.numbers(places)
	for _, id := range needed {
		if err == nil && !seen[id] {
			err = errThrift
		}
	}
	return err
}
