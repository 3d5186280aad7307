package encodings

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

// ErrHeader says that the header of a page is none.
var ErrHeader = errors.New("its header is damaged")

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
		return 0, ErrHeader
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
		return ErrHeader
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
			return ErrHeader
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
	return ErrHeader // no header of a page has lists, sets or maps
}

func (r *thriftReader) pass(n uint64) error {
	if n > 1<<31 {
		return ErrHeader
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
				err = ErrHeader
			}
			*place = int32(v)
			return true, err
		}
		return false, ErrHeader
	})
	return seen, err
}

// Header is the header of a page of Parquet (parquet.thrift, PageHeader).
type Header struct {
	Kind               int32
	Unpacked, Packed   int32 // bytes
	CRC                int32
	HasCRC             bool
	Values             int32
	Rows               int32 // second version only
	Encoding           int32
	LevelEncoding      int32 // definition levels, first version only
	Levels, Repetition int32 // bytes, second version only
	Compressed         int32 // 1 or 0
}

// The kinds of pages.
const (
	PageData       = 0
	PageIndex      = 1
	PageDictionary = 2
	PageDataV2     = 3
)

// ReadHeader reads a header and gives its length in bytes.
func ReadHeader(b []byte) (h Header, length int, err error) {
	r := &thriftReader{b: b}
	h.Compressed = 1
	bodies := map[int16]bool{}
	seen := map[int16]bool{}
	err = r.fields(func(id int16, kind byte) (bool, error) {
		places := map[int16]*int32{1: &h.Kind, 2: &h.Unpacked, 3: &h.Packed, 4: &h.CRC}
		if place := places[id]; place != nil {
			if kind != thriftInt16+1 {
				return false, ErrHeader
			}
			v, err := r.varint()
			if int64(int32(v)) != v {
				return true, ErrHeader
			}
			*place, seen[id] = int32(v), true
			return true, err
		}
		wanted := map[int16]int32{5: PageData, 6: PageIndex, 7: PageDictionary, 8: PageDataV2}
		if page, known := wanted[id]; !known || kind != thriftStruct || page != h.Kind {
			return false, nil
		}
		bodies[id] = true
		return true, h.readBody(r)
	})
	if err != nil {
		return h, 0, err
	}
	if !seen[1] || !seen[2] || !seen[3] || len(bodies) == 0 && h.Kind != PageIndex {
		return h, 0, ErrHeader
	}
	h.HasCRC = seen[4]
	return h, r.at, nil
}

// readBody reads the part of the header that its kind of page has.
func (h *Header) readBody(r *thriftReader) error {
	places, needed := map[int16]*int32{1: &h.Values, 2: &h.Encoding}, []int16{1, 2}
	switch h.Kind {
	case PageIndex:
		places, needed = nil, nil
	case PageData:
		places[3] = &h.LevelEncoding
		needed = []int16{1, 2, 3}
	case PageDataV2:
		places = map[int16]*int32{1: &h.Values, 3: &h.Rows, 4: &h.Encoding, 5: &h.Levels, 6: &h.Repetition, 7: &h.Compressed}
		needed = []int16{1, 3, 4, 5, 6}
	}
	seen, err := r.numbers(places)
	for _, id := range needed {
		if err == nil && !seen[id] {
			err = ErrHeader
		}
	}
	return err
}
