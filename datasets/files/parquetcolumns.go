package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// presence is the bitmap of an array's rows that are not NULL; nil while there is no NULL.
type presence struct {
	bits  []byte
	nulls int
	rooms rooms[byte] // for bits
}

// rooms are where the values of a batch lie: each in another, as long as the batch is in use (ahead).
type rooms[T any] struct {
	all [inUse][]T
	at  int
}

// next goes to the room whose batch is not in use any more.
func (r *rooms[T]) next() { r.at = (r.at + 1) % inUse }

// of is the room, with so many values.
func (r *rooms[T]) of(size int) []T {
	r.all[r.at] = roomFor(r.all[r.at], size)
	return r.all[r.at]
}

// missing notes that a row of so many is NULL.
func (p *presence) missing(row, rows int) {
	if p.bits == nil {
		p.bits = p.rooms.of((rows + 7) / 8)
		for i := range p.bits {
			p.bits[i] = 0xFF
		}
	}
	bitutil.ClearBit(p.bits, row)
	p.nulls++
}

// array makes one of a type, of the buffers behind the bitmap.
func (p *presence) array(t arrow.DataType, rows int, buffers ...[]byte) arrow.Array {
	all := []*memory.Buffer{nil}
	if p.bits != nil {
		all[0] = memory.NewBufferBytes(p.bits)
	}
	for _, b := range buffers {
		all = append(all, memory.NewBufferBytes(b))
	}
	return array.MakeFromData(array.NewData(t, rows, all, nil, p.nulls, 0))
}

// bytesOf are the bytes of numbers as they lie in memory.
func bytesOf[T any](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(values[0])))
}

// begin is a bitmap for the next rows.
func (p *presence) begin() {
	p.rooms.next()
	p.bits, p.nulls = nil, 0
}

// take copies which of a page's next n rows, of which so many are missing, are present to those of a batch.
func (p *presence) take(page *page, n, missing, from, rows int) {
	if missing == 0 {
		return
	}
	if p.bits == nil {
		p.bits = p.rooms.of((rows + 7) / 8)
		for i := range p.bits {
			p.bits[i] = 0xFF
		}
	}
	bitutil.CopyBitmap(page.present, page.at, n, p.bits, from)
	p.nulls += missing
}

// A decoder reads as many plain values as out has, and gives what lies behind them.
type decoder[T any] func(b []byte, out []T) (rest []byte, err error)

// values reads the values of a column chunk whose pages are plain or have a dictionary.
type values[T any] struct {
	pages      *chunkPages
	decode     decoder[T]
	dictionary []T
	list       int // which dictionary of the pages it is
}

// indexed is how many numbers of a dictionary are read at once.
const indexed = 1024

// next reads the next values of the current page.
func (v *values[T]) next(out []T) (err error) {
	page := &v.pages.page
	if !page.indexed {
		page.values, err = v.decode(page.values, out)
		return err
	}
	if v.list != v.pages.lists {
		v.dictionary, v.list = roomFor(v.dictionary, v.pages.entries), v.pages.lists
		if _, err := v.decode(v.pages.dictionary, v.dictionary); err != nil {
			return err
		}
	}
	var indices [indexed]uint32
	for len(out) > 0 {
		n := min(indexed, len(out))
		if !page.indices.Next(indices[:n]) {
			return errPage
		}
		for i, at := range indices[:n] {
			if uint64(at) >= uint64(len(v.dictionary)) {
				return errIndex
			}
			out[i] = v.dictionary[at]
		}
		out = out[n:]
	}
	return nil
}

var errIndex = errors.New("a page has a number that its dictionary does not have")

// eachRun visits the next rows of a chunk by the pages that they are in: so many from a row on, of which so many
// are missing.
func (p *chunkPages) eachRun(rows int, visit func(page *page, from, n, missing int) error) error {
	for from := 0; from < rows; {
		if p.page.rows == 0 && !p.next() {
			if p.fault != nil {
				return p.fault
			}
			return fmt.Errorf("its data ends %d rows early", rows-from)
		}
		n, missing := min(rows-from, p.page.rows), 0
		if p.page.present != nil {
			missing = n - bitutil.CountSetBits(p.page.present, p.page.at, n)
		}
		if err := visit(&p.page, from, n, missing); err != nil {
			return err
		}
		p.page.rows, p.page.at, from = p.page.rows-n, p.page.at+n, from+n
	}
	return nil
}

// fixed reads values of a fixed width as an array of a type; NULL is 0 in it.
func fixed[T any](pages *chunkPages, t arrow.DataType, decode decoder[T]) (arrayReader, error) {
	v, p, room := values[T]{pages: pages, decode: decode}, presence{}, rooms[T]{}
	return func(rows int) (arrow.Array, error) {
		p.begin()
		room.next()
		out := room.of(rows)
		err := pages.eachRun(rows, func(page *page, from, n, missing int) error {
			p.take(page, n, missing, from, rows)
			if err := v.next(out[from : from+n-missing]); err != nil || missing == 0 {
				return err
			}
			spread(out[from:from+n], n-missing, page.present, page.at)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return p.array(t, rows, bytesOf(out)), nil
	}, nil
}

// spread moves values, so many at the start, to the rows that are present.
func spread[T any](out []T, set int, present []byte, at int) {
	var zero T
	for to := len(out); to > set; {
		run := setRunBefore(present, at+to, set)
		copy(out[to-run:to], out[set-run:set])
		to, set = to-run-1, set-run
		out[to] = zero
	}
}

// whole reads numbers of a width.
func whole[T any](width int, read func(b []byte, out []T)) decoder[T] {
	return func(b []byte, out []T) ([]byte, error) {
		size := width * len(out)
		if size > len(b) || width < 1 {
			return nil, errPage
		}
		read(b[:size], out)
		return b[size:], nil
	}
}

// plain reads numbers of the width and the form in which they lie in memory.
func plain[T int32 | int64 | float32 | float64](b []byte, out []T) {
	if copy(bytesOf(out), b); littleEndian {
		return
	}
	for lie := bytesOf(out); len(lie) > 0; lie = lie[unsafe.Sizeof(out[0]):] {
		slices.Reverse(lie[:unsafe.Sizeof(out[0])])
	}
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// eachArray reads byte arrays one by one, each of a fixed width or, without one, behind its length.
func eachArray[T any](width int, read func(b []byte) (T, error)) decoder[T] {
	return func(b []byte, out []T) ([]byte, error) {
		for i := range out {
			n := width
			if width == 0 {
				if len(b) < 4 {
					return nil, errPage
				}
				n, b = int(binary.LittleEndian.Uint32(b)), b[4:]
			}
			if n > len(b) {
				return nil, errPage
			}
			var err error
			if out[i], err = read(b[:n]); err != nil {
				return nil, err
			}
			b = b[n:]
		}
		return b, nil
	}
}

// booleans reads truth values.
func booleans(pages *chunkPages) arrayReader {
	return func(rows int) (arrow.Array, error) {
		out, p := make([]byte, (rows+7)/8), presence{}
		err := pages.eachRun(rows, func(page *page, from, n, missing int) error {
			if page.boolean+n-missing > 8*len(page.values) {
				return errPage
			}
			p.take(page, n, missing, from, rows)
			if missing == 0 {
				bitutil.CopyBitmap(page.values, page.boolean, n, out, from)
				page.boolean += n
				return nil
			}
			for i := 0; i < n; {
				run := setRun(page.present, page.at+i, n-i)
				bitutil.CopyBitmap(page.values, page.boolean, run, out, from+i)
				page.boolean += run
				i += run + 1 // which is missing, or behind the last
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return p.array(arrow.FixedWidthTypes.Boolean, rows, out), nil
	}
}

// setRun is how many bits are set from one on, at most so many.
func setRun(bitmap []byte, from, most int) int {
	for n := 0; n < most; {
		at := from + n
		if clear := ^bitmap[at/8] >> (at % 8); clear != 0 {
			return min(n+bits.TrailingZeros8(clear), most)
		}
		n += 8 - at%8
	}
	return most
}

// setRunBefore is how many bits are set before one, at most so many.
func setRunBefore(bitmap []byte, to, most int) int {
	for n := 0; n < most; {
		last := to - n - 1
		if clear := ^bitmap[last/8] << (7 - last%8); clear != 0 {
			return min(n+bits.LeadingZeros8(clear), most)
		}
		n += last%8 + 1
	}
	return most
}

// nothing reads NULLs.
func nothing(pages *chunkPages) arrayReader {
	return func(rows int) (arrow.Array, error) {
		err := pages.eachRun(rows, func(_ *page, _, n, missing int) error {
			if missing < n {
				return &Error{Message: "holds a value in a column of the type Null", Hint: damagedHint}
			}
			return nil
		})
		return array.NewNull(rows), err
	}
}

// texts reads text.
func texts(pages *chunkPages) arrayReader {
	var listed [][]byte // the texts of a dictionary
	lists, list := 0, eachArray(0, func(b []byte) ([]byte, error) { return b, nil })
	ends, room, p := rooms[int32]{}, rooms[byte]{}, presence{}
	return func(rows int) (arrow.Array, error) {
		p.begin()
		ends.next()
		room.next()
		offsets, data := append(ends.of(0), 0), room.of(0)
		err := pages.eachRun(rows, func(page *page, from, n, missing int) error {
			p.take(page, n, missing, from, rows)
			if page.indexed && lists != pages.lists {
				listed, lists = roomFor(listed, pages.entries), pages.lists
				if _, err := list(pages.dictionary, listed); err != nil {
					return err
				}
			}
			var err error
			offsets, data, err = page.texts(n, missing, listed, offsets, data)
			return err
		})
		if err != nil {
			return nil, err
		}
		ends.all[ends.at], room.all[room.at] = offsets, data // which may have grown
		return p.array(arrow.BinaryTypes.String, rows, bytesOf(offsets), data), nil
	}
}

// texts appends the next n rows' texts, and where each ends.
func (p *page) texts(n, missing int, listed [][]byte, offsets []int32, data []byte) (_ []int32, _ []byte, err error) {
	for i := 0; i < n; {
		run := n - i
		if missing > 0 {
			run = setRun(p.present, p.at+i, run)
		}
		if p.indexed {
			offsets, data, err = p.listedTexts(run, listed, offsets, data)
		} else {
			offsets, data, err = p.plainTexts(run, offsets, data)
		}
		if err != nil {
			return nil, nil, err
		}
		if i += run; i < n { // which is missing
			offsets, i = append(offsets, int32(len(data))), i+1
		}
	}
	return offsets, data, nil
}

// plainTexts appends the next n texts that there are.
func (p *page) plainTexts(n int, offsets []int32, data []byte) ([]int32, []byte, error) {
	values := p.values
	for range n {
		if len(values) < 4 || uint64(binary.LittleEndian.Uint32(values)) > uint64(len(values)-4) {
			return nil, nil, errPage
		}
		end := 4 + int(binary.LittleEndian.Uint32(values))
		if data, values = append(data, values[4:end]...), values[end:]; len(data) > MaxBufferBytes {
			checkBuffer(len(data))
		}
		offsets = append(offsets, int32(len(data)))
	}
	p.values = values
	return offsets, data, nil
}

// listedTexts appends the next n texts that there are, from the dictionary.
func (p *page) listedTexts(n int, listed [][]byte, offsets []int32, data []byte) ([]int32, []byte, error) {
	var indices [indexed]uint32
	for n > 0 {
		known := indices[:min(indexed, n)]
		if !p.indices.Next(known) {
			return nil, nil, errPage
		}
		for _, at := range known {
			if uint64(at) >= uint64(len(listed)) {
				return nil, nil, errIndex
			}
			if data = append(data, listed[at]...); len(data) > MaxBufferBytes {
				checkBuffer(len(data))
			}
			offsets = append(offsets, int32(len(data)))
		}
		n -= len(known)
	}
	return offsets, data, nil
}
