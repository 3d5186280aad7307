// Package encodings decodes what stands in the pages of Parquet files: their headers, runs and packed bits, and the encodings of
// values, which all become the plain one. Every length in it may be a lie: what is not there is not read, and nothing
// is made larger than what was asked for.
//
// ../README.md, section 2.2, says which there are. Formats are those of the Parquet specification.
package encodings

import (
	"encoding/binary"
	"math/bits"
)

// maxRun is more than any column has rows.
const maxRun = 1 << 31

// runHeader takes the header of a run off the start: how many values are repeated, or how many groups of eight
// are packed.
func runHeader(b []byte) (count int, packed bool, rest []byte, ok bool) {
	header, n := binary.Uvarint(b)
	if n <= 0 || header>>1 == 0 || header>>1 >= maxRun {
		return 0, false, nil, false
	}
	return int(header >> 1), header&1 == 1, b[n:], true
}

// Bits reads so many values of one bit, in runs and packed groups, into a bitmap that is 0 and large enough, and
// counts those that are set. Not ok: there are fewer.
func Bits(b []byte, values int, into []byte) (set int, ok bool) {
	for at := 0; at < values; {
		count, packed, rest, ok := runHeader(b)
		if !ok || len(rest) == 0 || !packed && rest[0] > 1 {
			return 0, false
		}
		if !packed {
			n := min(count, values-at)
			if rest[0] != 0 {
				setBits(into, at, n)
				set += n
			}
			at, b = at+n, rest[1:]
			continue
		}
		groups := min(count, (values-at+7)/8)
		if groups > len(rest) {
			return 0, false
		}
		whole := 0 // of the groups, that become bytes as they are
		if at%8 == 0 {
			whole = min(groups, (values-at)/8)
			set, at = set+countBits(rest[:whole]), at+8*copy(into[at/8:], rest[:whole])
		}
		for _, group := range rest[whole:groups] {
			if left := values - at; left < 8 {
				group &= 1<<left - 1
			}
			into[at/8] |= group << (at % 8)
			if over := group >> (8 - at%8); over != 0 {
				into[at/8+1] |= over
			}
			set += bits.OnesCount8(group)
			at += 8
		}
		if count > len(rest) {
			return set, at >= values
		}
		b = rest[count:]
	}
	return set, true
}

// countBits counts those that are set.
func countBits(b []byte) (set int) {
	for ; len(b) >= 8; b = b[8:] {
		set += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	for _, c := range b {
		set += bits.OnesCount8(c)
	}
	return set
}

// setBits sets n bits from one on.
func setBits(into []byte, from, n int) {
	for ; n > 0 && from%8 != 0; from, n = from+1, n-1 {
		into[from/8] |= 1 << (from % 8)
	}
	for ; n >= 8; from, n = from+8, n-8 {
		into[from/8] = 0xFF
	}
	for ; n > 0; from, n = from+1, n-1 {
		into[from/8] |= 1 << (from % 8)
	}
}

// Indices are the numbers of values in a dictionary, in runs and packed groups.
type Indices struct {
	b      []byte // behind the run
	width  int    // bits of each
	left   int    // of the run
	value  uint32 // of a run of one value
	packed []byte // of packed ones; nil for a run of one value
	bit    int    // of the next in packed
}

// NewIndices begins to read a page, whose first byte says how many bits each has. Not ok: it says nonsense.
func NewIndices(page []byte) (Indices, bool) {
	if len(page) == 0 || page[0] > 32 {
		return Indices{}, false
	}
	return Indices{b: page[1:], width: int(page[0])}, true
}

// Next reads as many as out has. Not ok: there are fewer.
func (x *Indices) Next(out []uint32) bool {
	for len(out) > 0 {
		if x.left == 0 && !x.run() {
			return false
		}
		n := min(len(out), x.left)
		if x.packed == nil {
			for i := range out[:n] {
				out[i] = x.value
			}
		} else {
			x.unpack(out[:n])
		}
		x.left, out = x.left-n, out[n:]
	}
	return true
}

// run begins the next run.
func (x *Indices) run() bool {
	count, packed, rest, ok := runHeader(x.b)
	size := (x.width + 7) / 8
	switch {
	case !ok:
		return false
	case !packed:
		if len(rest) < size {
			return false
		}
		value := word(rest[:size], 0)
		if value>>x.width != 0 {
			return false
		}
		x.left, x.packed, x.value, x.b = count, nil, uint32(value), rest[size:]
	case x.width == 0:
		x.left, x.packed, x.value, x.b = 8*count, nil, 0, rest
	default:
		bytes := min(count*x.width, len(rest)) // the last group may end early
		x.left, x.packed, x.bit = min(8*count, 8*bytes/x.width), rest[:bytes:bytes], 0
		x.b = rest[bytes:]
	}
	return x.left > 0
}

// unpack reads from the packed run, which has as many.
func (x *Indices) unpack(out []uint32) {
	mask, bit, width, b := uint64(1)<<x.width-1, x.bit, x.width, x.packed
	x.bit += len(out) * width
	i := 0
	if width <= 28 { // two of which are in eight bytes, wherever these begin
		for ; i+1 < len(out) && bit>>3+8 <= len(b); i += 2 {
			w := binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7)
			out[i], out[i+1] = uint32(w&mask), uint32(w>>width&mask)
			bit += 2 * width
		}
	}
	for ; i < len(out) && bit>>3+8 <= len(b); i++ {
		out[i] = uint32(binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7) & mask)
		bit += width
	}
	for ; i < len(out); i++ {
		out[i] = uint32(word(b, bit>>3) >> (bit & 7) & mask)
		bit += width
	}
}

// word is the eight bytes from one on, little-endian; what lies behind the end is 0.
func word(b []byte, from int) (w uint64) {
	if from+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[from:])
	}
	for i := from; i < len(b); i++ {
		w |= uint64(b[i]) << (8 * (i - from))
	}
	return w
}
