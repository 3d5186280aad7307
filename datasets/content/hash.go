// Package content is what is computed of a column's values while they are read: the digest of all, and the
// distinct ones, as many as a dictionary holds.
//
// ../README.md is its specification; section numbers in comments refer to it.
package content

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"iter"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/engine"
)

// Head is what of a column goes into a table's digest besides its values.
type Head struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Kind  engine.Kind
	Scale int
}

// Hash is the digest of one column in the making: two streams, one of 64 bits a row, the other of what
// these do not hold (README, section 5). How the rows are split into batches does not matter.
type Hash struct {
	words, rest hash.Hash
	row         uint64   // of the next batch, from 0
	buffer      []uint64 // words of a batch
	pending     []byte   // of rest
}

func NewHash() Hash { return Hash{words: sha256.New(), rest: sha256.New()} }

// wideBit marks, beside the number of its row, a value that 64 bits do not hold.
const wideBit = 1 << 63

// Add takes the next batch.
func (h *Hash) Add(a arrow.Array) {
	if cap(h.buffer) < a.Len() {
		h.buffer = make([]uint64, a.Len())
	}
	words, nulls := h.buffer[:a.Len()], a.NullN() > 0
	switch a := a.(type) {
	case *array.Int64:
		copy(words, unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(a.Int64Values()))), a.Len()))
	case *array.Date32:
		for i, v := range a.Date32Values() {
			words[i] = uint64(int64(v))
		}
	case *array.Boolean:
		truths, first := Truths(a)
		for i := range words {
			words[i] = uint64(truths[(first+i)/8] >> ((first + i) % 8) & 1)
		}
	case *array.Decimal128:
		h.addWide(words, a)
		nulls = false
	case *array.String:
		h.addTexts(words, a)
		nulls = false
	case *array.Null:
		for i := range words {
			words[i] = 0
			h.missing(i)
		}
		nulls = false
	default:
		panic("datasets: no digest of " + a.DataType().String())
	}
	if nulls {
		for i := range Missing(a) {
			words[i] = 0
			h.missing(i)
		}
	}
	h.words.Write(bytesOf(words))
	h.rest.Write(h.pending)
	h.pending = h.pending[:0]
	h.row += uint64(len(words))
}

// missing notes that row i of the batch is NULL.
func (h *Hash) missing(i int) {
	h.pending = binary.LittleEndian.AppendUint64(h.pending, h.row+uint64(i))
}

func (h *Hash) addWide(words []uint64, a *array.Decimal128) {
	for i := range words {
		v := a.Value(i)
		words[i] = v.LowBits()
		if a.IsNull(i) {
			words[i] = 0
			h.missing(i)
		} else if v.HighBits() != int64(v.LowBits())>>63 {
			words[i] = 0
			h.pending = binary.LittleEndian.AppendUint64(h.pending, h.row+uint64(i)|wideBit)
			h.pending = binary.LittleEndian.AppendUint64(h.pending, v.LowBits())
			h.pending = binary.LittleEndian.AppendUint64(h.pending, uint64(v.HighBits()))
		}
	}
}

func (h *Hash) addTexts(words []uint64, a *array.String) {
	data, offsets := Texts(a)
	for i := range words {
		words[i] = uint64(offsets[i+1]-offsets[i]) + 1
	}
	from := offsets[0]
	if a.NullN() > 0 {
		for i := range Missing(a) { // there may be something behind it
			words[i] = 0
			h.pending = append(h.pending, data[from:offsets[i]]...)
			h.missing(i)
			from = offsets[i+1]
		}
	}
	h.rest.Write(h.pending)
	h.pending = h.pending[:0]
	h.rest.Write(data[from:offsets[len(words)]])
}

// bytesOf are numbers of 64 bits, little-endian.
func bytesOf(words []uint64) []byte {
	if len(words) == 0 {
		return nil
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
	}
	var out []byte
	for _, w := range words {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	return out
}

// Sum ends both streams.
func (h *Hash) Sum() []byte { return h.rest.Sum(h.words.Sum(nil)) }

// Texts are the texts of an array: each lies between two offsets.
func Texts(a *array.String) (data []byte, offsets []int32) {
	if b := a.Data().Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	if a.Len() == 0 {
		return data, []int32{0}
	}
	return data, a.ValueOffsets()
}

// Truths are the bits of an array, and where its first is.
func Truths(a *array.Boolean) (bitmap []byte, first int) {
	if b := a.Data().Buffers()[1]; b != nil {
		bitmap = b.Bytes()
	}
	return bitmap, a.Data().Offset()
}

// Missing are the rows of an array that are NULL. It costs nothing for those that are not.
func Missing(a arrow.Array) iter.Seq[int] {
	return func(yield func(int) bool) {
		present, offset, n := a.NullBitmapBytes(), a.Data().Offset(), a.Len()
		if a.NullN() == 0 || len(present) == 0 {
			return
		}
		for from := offset &^ 7; from < offset+n; from += 8 {
			for gone := ^present[from/8]; gone != 0; gone &= gone - 1 {
				row := from + bits.TrailingZeros8(gone) - offset
				if row >= 0 && row < n && !yield(row) {
					return
				}
			}
		}
	}
}

// Present are the runs of rows of an array that are not NULL: the first of each, and the first behind it.
func Present(a arrow.Array) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		from := 0
		for i := range Missing(a) {
			if i > from && !yield(from, i) {
				return
			}
			from = i + 1
		}
		if from < a.Len() {
			yield(from, a.Len())
		}
	}
}
