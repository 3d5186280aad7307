package content

import "encoding/binary"

// ASCII reports whether all bytes are ASCII and none is NUL.
func ASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		const low, high = 0x0101010101010101, 0x8080808080808080
		if w := binary.LittleEndian.Uint64(text); (w|(w-low))&high != 0 {
			return false
		}
	}
	for _, c := range text {
		if c-1 >= 0x7F {
			return false
		}
	}
	return true
}
