package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Where the messages of an Arrow file or stream lie. The Arrow library reads a
// stream up to its first end mark and a file by the offsets of its last footer,
// and looks at nothing else; rows that lie elsewhere would be lost in silence.
// So every byte has to belong to something (README, section 2.3).

// span is the bytes from one offset up to another.
type span struct{ from, to int64 }

var errNoEnd = errors.New("the mark at the end of the stream is missing")

// checkArrowStreams checks the metadata of every message of the streams that
// follow each other in a file, and gives where each lies.
func checkArrowStreams(in io.ReaderAt, size int64) ([]span, error) {
	var streams []span
	for from := int64(0); from < size; {
		at := from
		for first, end := true, false; !end; first = false {
			if at >= size {
				return nil, errNoEnd
			}
			m, err := checkArrowMessage(in, size, at)
			switch {
			case first && from > 0 && (err != nil || m.kind != headerSchema):
				return nil, &Error{Message: fmt.Sprintf("ends with a stream's end mark before offset %d, and the %d bytes behind are no further stream", from, size-from)}
			case err != nil:
				return nil, err
			case first != (m.kind == headerSchema):
				return nil, fmt.Errorf("%w: a schema is missing or out of place at offset %d", errFlat, at)
			}
			at, end = m.next, m.kind == headerNone
		}
		streams = append(streams, span{from, at})
		if len(streams) > MaxFiles {
			return nil, &Error{Message: fmt.Sprintf("has more than %d streams", MaxFiles)}
		}
		from = at
	}
	return streams, nil
}

// arrowMessage is one message: its kind, headerNone for the mark that ends a
// stream, and the offset behind its body.
type arrowMessage struct {
	kind byte
	next int64
}

// checkArrowMessage checks the message at an offset.
func checkArrowMessage(in io.ReaderAt, size, at int64) (arrowMessage, error) {
	var head [4]byte
	if _, err := in.ReadAt(head[:], at); err != nil {
		return arrowMessage{}, errFlat
	}
	at += 4
	if binary.LittleEndian.Uint32(head[:]) == 0xFFFFFFFF { // the mark since Arrow 0.15
		if _, err := in.ReadAt(head[:], at); err != nil {
			return arrowMessage{}, errFlat
		}
		at += 4
	}
	length := int64(binary.LittleEndian.Uint32(head[:]))
	if length == 0 {
		return arrowMessage{headerNone, at}, nil
	}
	if length > maxFlatMessage || length > size-at {
		return arrowMessage{}, errFlat
	}
	metadata := make([]byte, length)
	if _, err := in.ReadAt(metadata, at); err != nil {
		return arrowMessage{}, errFlat
	}
	m, body := arrowMessage{}, int64(0)
	if err := checkFlat(metadata, func(r *flatReader, root int) { m.kind, body = r.message(root) }); err != nil {
		return arrowMessage{}, err
	}
	at += length
	if body < 0 || body > size-at {
		return arrowMessage{}, fmt.Errorf("%w: a message is longer than the file", errFlat)
	}
	m.next = at + body
	return m, nil
}

// The file format: a mark of eight bytes, messages, a footer that lists them,
// its length, and the mark's text again.
const (
	arrowStart  = 8
	maxArrowGap = 64 // bytes of end mark and padding between two messages
)

// checkArrowFile checks the footer of the file format and every message that it
// lists, and that nothing but end marks and padding lies between them.
func checkArrowFile(in io.ReaderAt, size int64) error {
	tail := make([]byte, 4)
	end := size - int64(len(arrowMagic)) - 4
	if end < arrowStart {
		return errFlat
	}
	if _, err := in.ReadAt(tail, end); err != nil {
		return errFlat
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if length > maxFlatMessage || length > end-arrowStart {
		return errFlat
	}
	footer := make([]byte, length)
	if _, err := in.ReadAt(footer, end-length); err != nil {
		return errFlat
	}
	offsets, err := footerOffsets(footer)
	if err != nil {
		return err
	}
	at, err := firstMessage(in, end-length)
	if err != nil {
		return err
	}
	if !slices.Contains(offsets, at) { // the schema is not listed
		offsets = append(offsets, at)
	}
	slices.Sort(offsets)
	for _, offset := range append(offsets, end-length) {
		if offset < at {
			return fmt.Errorf("%w: two messages overlap at offset %d", errFlat, offset)
		}
		if err := checkArrowGap(in, at, offset); err != nil {
			return err
		}
		if at = offset; at == end-length {
			return nil
		}
		m, err := checkArrowMessage(in, size, at)
		if err != nil {
			return err
		}
		if m.kind == headerNone {
			m.next = at // a file without a schema message ends at once
		}
		at = m.next
	}
	return errFlat
}

// firstMessage gives the offset behind the mark at the start, which some writers
// pad to 64 bytes and not to eight.
func firstMessage(in io.ReaderAt, footer int64) (int64, error) {
	at := int64(arrowStart)
	for ; at+8 <= min(footer, maxArrowGap+arrowStart); at += 8 {
		var b [8]byte
		if _, err := in.ReadAt(b[:], at); err != nil {
			return 0, errFlat
		}
		if b != [8]byte{} {
			return at, nil
		}
	}
	return at, nil
}

// footerOffsets gives where the footer says that dictionaries and batches lie.
func footerOffsets(footer []byte) (offsets []int64, err error) {
	err = checkFlat(footer, func(r *flatReader, root int) {
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
	return offsets, err
}

// checkArrowGap refuses bytes between two messages that a reader would pass over.
func checkArrowGap(in io.ReaderAt, from, to int64) error {
	gap := make([]byte, min(to-from, maxArrowGap))
	if _, err := in.ReadAt(gap, from); err != nil {
		return errFlat
	}
	if to-from > maxArrowGap || len(bytes.Trim(bytes.TrimPrefix(gap, endOfStream), "\x00")) > 0 {
		return &Error{Message: fmt.Sprintf("has %d bytes at offset %d that its footer does not list", to-from, from),
			Hint: "were two files put together? give each as a file of its own"}
	}
	return nil
}
