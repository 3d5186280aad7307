package encodings

import "encoding/binary"

// maxBlock is how many values a block of delta-encoded integers has at most.
const maxBlock = 1 << 30

// deltas reads the first so many of delta-encoded integers (DELTA_BINARY_PACKED), and gives what lies behind all of
// them. Not ok: there are fewer.
func deltas(b []byte, wanted int, visit func(v uint64)) (rest []byte, ok bool) {
	var header [4]uint64 // values of a block, parts of a block, values in all, the first
	for i := range header {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, false
		}
		header[i], b = v, b[n:]
	}
	block, parts, total, value := header[0], header[1], header[2], unzigzag(header[3])
	if block == 0 || block > maxBlock || parts == 0 || block%parts != 0 || block/parts%32 != 0 || total < uint64(wanted) {
		return nil, false
	}
	per, left := int(block/parts), total
	if total > 0 {
		left--
		if wanted > 0 {
			visit(value)
			wanted--
		}
	}
	for left > 0 {
		least, n := binary.Uvarint(b)
		if n <= 0 || parts > uint64(len(b)-n) {
			return nil, false
		}
		least, widths := unzigzag(least), b[n:n+int(parts)]
		b = b[n+int(parts):]
		for _, width := range widths {
			if left == 0 { // what would lie there is left out
				break
			}
			if width > 64 {
				return nil, false
			}
			n := min(per, int(min(left, maxBlock)))
			size := min(per/8*int(width), len(b)) // the last may end early
			if 8*size < min(n, wanted)*int(width) {
				return nil, false
			}
			for i := range min(n, wanted) {
				value += least + bitsAt(b[:size], i*int(width), int(width))
				visit(value)
			}
			wanted -= min(n, wanted)
			b, left = b[size:], left-uint64(n)
		}
	}
	return b, wanted == 0
}

func unzigzag(v uint64) uint64 { return v>>1 ^ -(v & 1) }

// bitsAt is the number of up to 64 bits at a bit.
func bitsAt(b []byte, bit, width int) uint64 {
	if width == 0 {
		return 0
	}
	w := word(b, bit>>3) >> (bit & 7)
	if over := bit&7 + width - 64; over > 0 {
		w |= uint64(b[bit>>3+8]) << (width - over)
	}
	return w << (64 - width) >> (64 - width)
}

// DeltaIntegers turns the first so many integers of 4 or 8 bytes in DELTA_BINARY_PACKED into plain ones, of at most so
// many bytes in all. Not ok: there are fewer.
func DeltaIntegers(b []byte, values, width, most int) ([]byte, bool) {
	if values > most/width {
		return nil, false
	}
	out := make([]byte, 0, values*width)
	_, ok := deltas(b, values, func(v uint64) {
		if width == 4 {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		} else {
			out = binary.LittleEndian.AppendUint64(out, v)
		}
	})
	return out, ok
}

// lengths reads so many lengths, none of which is below 0 or above most.
func lengths(b []byte, values, most int) (out []int32, rest []byte, ok bool) {
	if values > most/4 {
		return nil, nil, false
	}
	fits := true
	rest, ok = deltas(b, values, func(v uint64) {
		n := int32(v)
		fits = fits && n >= 0 && int(n) <= most
		out = append(out, n)
	})
	return out, rest, ok && fits
}

// DeltaLengths turns the first so many byte arrays in DELTA_LENGTH_BYTE_ARRAY into plain ones, of at most so many bytes in
// all. Not ok: there are fewer.
func DeltaLengths(b []byte, values, most int) ([]byte, bool) {
	sizes, rest, ok := lengths(b, values, most)
	if !ok || len(rest)+4*values > most {
		return nil, false
	}
	out := make([]byte, 0, len(rest)+4*values)
	for _, n := range sizes {
		if int(n) > len(rest) {
			return nil, false
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
		out, rest = append(out, rest[:n]...), rest[n:]
	}
	return out, true
}

// DeltaTexts turns the first so many byte arrays in DELTA_BYTE_ARRAY, each of which begins as the one before, into plain
// ones, of at most so many bytes in all, and gives the last. Not ok: there are fewer. The first of a page should begin
// as nothing; it is carried over if it begins as the last of the page before, as some writers have it.
func DeltaTexts(b []byte, values, most int, before []byte) (out, last []byte, carried, ok bool) {
	prefixes, rest, ok := lengths(b, values, most)
	if !ok {
		return nil, nil, false, false
	}
	sizes, rest, ok := lengths(rest, values, most)
	if !ok {
		return nil, nil, false, false
	}
	last = before
	for i := range sizes {
		same, n := int(prefixes[i]), int(sizes[i])
		if same > len(last) || n > len(rest) || len(out)+4+same+n > most {
			return nil, nil, false, false
		}
		carried = carried || i == 0 && same > 0
		out = binary.LittleEndian.AppendUint32(out, uint32(same+n))
		from := len(out)
		out = append(out, last[:same]...)
		out, rest = append(out, rest[:n]...), rest[n:]
		last = out[from:]
	}
	return out, last, carried, true
}

// Joined turns BYTE_STREAM_SPLIT, the first bytes of all values, then the second ones, and so on, into the values one
// after the other.
func Joined(b []byte, values, width int) []byte {
	out := make([]byte, len(b))
	for k := range width {
		for i, v := range b[k*values : (k+1)*values] {
			out[i*width+k] = v
		}
	}
	return out
}
