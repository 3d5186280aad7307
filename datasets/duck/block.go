package duck

import (
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// block is a vector's values of one column, packed. Its bytes are, if some values are NULL, a bitmap of those that
// are not, padded to eight bytes; then numbers less the least of them, each in the same few bytes; truth values as bits;
// texts as their lengths, each in the same few bytes, and all their characters.
type block struct {
	bytes  []byte // nil: in the file
	offset int64
	size   int
	base   int64 // the least number
	width  uint8 // bytes of a number less the base, or of a length: 0, 1, 2, 4, 8 or 16
	nulls  nullness
}

type nullness uint8

const (
	noNull nullness = iota
	someNull
	allNull
)

// holds reports whether a column of a type takes an array.
func holds(t duckdb.Type, a arrow.Array) bool {
	switch a.(type) {
	case *array.Null:
		return true
	case *array.Int64:
		return t == duckdb.TYPE_BIGINT
	case *array.Date32:
		return t == duckdb.TYPE_INTEGER
	case *array.Decimal128:
		return t == duckdb.TYPE_HUGEINT
	case *array.Boolean:
		return t == duckdb.TYPE_BOOLEAN
	case *array.String:
		return t == duckdb.TYPE_VARCHAR
	}
	return false
}

// bitmapBytes is what the bitmap of n values takes.
func bitmapBytes(n int) int { return (n + 63) / 64 * 8 }

// presence is the bitmap of the values that are not NULL, and where it begins; nil: all.
func presence(a arrow.Array) ([]byte, int) {
	if a.NullN() == 0 {
		return nil, 0
	}
	return a.NullBitmapBytes(), a.Data().Offset()
}

// measure finds how n values of an array, from one on, are packed.
func measure(a arrow.Array, from, n int) (b block) {
	bits, first := presence(a)
	if _, null := a.(*array.Null); null {
		return block{nulls: allNull}
	}
	if bits != nil {
		switch bitutil.CountSetBits(bits, first+from, n) {
		case n:
			bits = nil
		case 0:
			return block{nulls: allNull}
		default:
			b.nulls, b.size = someNull, bitmapBytes(n)
		}
	}
	switch a := a.(type) {
	case *array.Int64:
		b.measureNumbers(a.Int64Values()[from:from+n], bits, first+from)
	case *array.Date32:
		b.measureDates(a.Date32Values()[from:from+n], bits, first+from)
	case *array.Decimal128:
		b.width = 16
	case *array.Boolean:
		b.size += bitmapBytes(n)
	case *array.String:
		b.measureTexts(a, from, n)
	}
	b.size += n * int(b.width)
	return b
}

func (b *block) measureNumbers(values []int64, bits []byte, first int) {
	low, high := bounds(values, bits, first)
	b.base, b.width = low, widthOf(uint64(high)-uint64(low))
}

func (b *block) measureDates(values []arrow.Date32, bits []byte, first int) {
	low, high := bounds(values, bits, first)
	b.base, b.width = int64(low), widthOf(uint64(high-low))
}

// bounds are the least and the greatest of the values that are not NULL, of which there is one.
func bounds[T int64 | arrow.Date32](values []T, bits []byte, first int) (low, high T) {
	if bits == nil {
		low, high = values[0], values[0]
		for _, v := range values {
			low, high = min(low, v), max(high, v)
		}
		return low, high
	}
	found := false
	for i, v := range values {
		if !bitutil.BitIsSet(bits, first+i) {
			continue
		}
		if !found {
			low, high, found = v, v, true
		}
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// widthOf is how many bytes a number takes.
func widthOf(most uint64) uint8 {
	switch {
	case most == 0:
		return 0
	case most <= math.MaxUint8:
		return 1
	case most <= math.MaxUint16:
		return 2
	case most <= math.MaxUint32:
		return 4
	}
	return 8
}

func (b *block) measureTexts(a *array.String, from, n int) {
	most := int32(0)
	for _, length := range textLengths(a, from, n) {
		most = max(most, length)
		b.size += int(length)
	}
	b.width = max(1, widthOf(uint64(most)))
}

// textLengths visits the lengths of texts, 0 of those that are NULL, whatever lies behind them.
func textLengths(a *array.String, from, n int) func(func(int, int32) bool) {
	return func(yield func(int, int32) bool) {
		bits, first := presence(a)
		offsets := a.ValueOffsets()[from : from+n+1]
		for i := range n {
			length := offsets[i+1] - offsets[i]
			if bits != nil && !bitutil.BitIsSet(bits, first+from+i) {
				length = 0
			}
			if !yield(i, length) {
				return
			}
		}
	}
}

// pack writes the values, as they were measured.
func (b *block) pack(out []byte, a arrow.Array, from, n int) {
	if b.nulls == allNull {
		return
	}
	if b.nulls == someNull {
		bits, first := presence(a)
		bitutil.CopyBitmap(bits, first+from, n, out, 0)
		out = out[bitmapBytes(n):]
	}
	switch a := a.(type) {
	case *array.Int64:
		narrow(out, a.Int64Values()[from:from+n], b.width, b.base)
	case *array.Date32:
		narrow(out, a.Date32Values()[from:from+n], b.width, b.base)
	case *array.Decimal128: // as HUGEINT is: the low 64 bits, then the high
		copy(as[[16]byte](out, n), unsafe.Slice((*[16]byte)(unsafe.Pointer(&a.Values()[0])), a.Len())[from:from+n])
	case *array.Boolean:
		bitutil.CopyBitmap(a.Data().Buffers()[1].Bytes(), a.Data().Offset()+from, n, out, 0)
	case *array.String:
		b.packTexts(out, a, from, n)
	}
}

func (b *block) packTexts(out []byte, a *array.String, from, n int) {
	var data []byte
	if buffer := a.Data().Buffers()[2]; buffer != nil {
		data = buffer.Bytes()
	}
	offsets := a.ValueOffsets()[from : from+n+1]
	texts := out[n*int(b.width):]
	if b.nulls == noNull {
		copy(texts, data[offsets[0]:offsets[n]])
	}
	for i, length := range textLengths(a, from, n) {
		switch b.width {
		case 1:
			out[i] = byte(length)
		case 2:
			as[uint16](out, n)[i] = uint16(length)
		default:
			as[uint32](out, n)[i] = uint32(length)
		}
		if b.nulls != noNull {
			texts = texts[copy(texts, data[offsets[i]:offsets[i]+length]):]
		}
	}
}

// as are the first n values in bytes of the store, which begin where such values may.
func as[T any](b []byte, n int) []T {
	var one T
	if n == 0 || len(b) < n*int(unsafe.Sizeof(one)) {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}

// narrow writes numbers less a base; what is NULL may become anything.
func narrow[T int64 | arrow.Date32](out []byte, values []T, width uint8, base int64) {
	switch width {
	case 1:
		cut(as[uint8](out, len(values)), values, base)
	case 2:
		cut(as[uint16](out, len(values)), values, base)
	case 4:
		cut(as[uint32](out, len(values)), values, base)
	case 8:
		cut(as[uint64](out, len(values)), values, base)
	}
}

func cut[U uint8 | uint16 | uint32 | uint64, T int64 | arrow.Date32](out []U, values []T, base int64) {
	out = out[:len(values)]
	for i, v := range values {
		out[i] = U(int64(v) - base)
	}
}

// widen reads what narrow wrote.
func widen[T int32 | int64](out []T, in []byte, width uint8, base int64) {
	switch width {
	case 0:
		for i := range out {
			out[i] = T(base)
		}
	case 1:
		lengthen(out, as[uint8](in, len(out)), base)
	case 2:
		lengthen(out, as[uint16](in, len(out)), base)
	case 4:
		lengthen(out, as[uint32](in, len(out)), base)
	case 8:
		lengthen(out, as[uint64](in, len(out)), base)
	}
}

func lengthen[T int32 | int64, U uint8 | uint16 | uint32 | uint64](out []T, in []U, base int64) {
	in = in[:len(out)]
	for i := range out {
		out[i] = T(base + int64(in[i]))
	}
}

// fill writes n values to a vector of a type, whose bitmap of NULLs is there and says of none.
func (b *block) fill(v mapping.Vector, t duckdb.Type, in []byte, n int) {
	if b.nulls != noNull {
		mapping.VectorEnsureValidityWritable(v)
		present := unsafe.Slice((*byte)(mapping.VectorGetValidity(v)), bitmapBytes(n))
		if b.nulls == allNull {
			clear(present)
			return
		}
		copy(present, in[:bitmapBytes(n)])
		in = in[bitmapBytes(n):]
	}
	switch t {
	case duckdb.TYPE_BIGINT:
		widen(vectorOf[int64](v, n), in, b.width, b.base)
	case duckdb.TYPE_INTEGER:
		widen(vectorOf[int32](v, n), in, b.width, b.base)
	case duckdb.TYPE_HUGEINT:
		copy(vectorOf[[16]byte](v, n), as[[16]byte](in, n))
	case duckdb.TYPE_BOOLEAN:
		out := vectorOf[byte](v, n)
		for i := range out {
			out[i] = in[i/8] >> (i % 8) & 1
		}
	case duckdb.TYPE_VARCHAR:
		b.fillTexts(v, in, n)
	}
}

// vectorOf are the first values of a vector, as they lie in it.
func vectorOf[T any](v mapping.Vector, n int) []T {
	return unsafe.Slice((*T)(mapping.VectorGetData(v)), n)
}

// textCell is a text in a vector: its length, and up to inlined bytes themselves or the first four and where
// all lie (duckdb_string_t of duckdb.h).
type textCell struct {
	length uint32
	prefix [4]byte
	rest   [8]byte
}

const inlined = 12

// fillTexts copies the characters of all texts into the vector's own memory at once, as if they were one text, and then has
// each text be its part of them.
func (b *block) fillTexts(v mapping.Vector, in []byte, n int) {
	data := in[n*int(b.width):]
	out := vectorOf[textCell](v, n)
	var where uintptr
	if len(data) > inlined {
		mapping.VectorAssignStringElementLen(v, 0, data)
		where = *(*uintptr)(unsafe.Pointer(&out[0].rest))
	}
	for i, at := 0, 0; i < n; i++ {
		var length int
		switch b.width {
		case 1:
			length = int(in[i])
		case 2:
			length = int(as[uint16](in, n)[i])
		default:
			length = int(as[uint32](in, n)[i])
		}
		text := data[at : at+length]
		c := textCell{length: uint32(length)}
		switch copied := copy(c.prefix[:], text); {
		case length <= inlined:
			copy(c.rest[:], text[copied:])
		default:
			*(*uintptr)(unsafe.Pointer(&c.rest)) = where + uintptr(at)
		}
		out[i] = c
		at += length
	}
}
