package files

import (
	"encoding/binary"
	"math/bits"
)

// countLevels reads definition levels of one bit, in runs and packed bits, and
// counts those that are set; false when there are fewer than wanted.
func countLevels(b []byte, wanted int) (set int, ok bool) {
	for wanted > 0 {
		header, n := binary.Uvarint(b)
		if n <= 0 || header>>1 == 0 || header>>1 > MaxRows {
			return 0, false
		}
		b = b[n:]
		if header&1 == 0 {
			if len(b) == 0 {
				return 0, false
			}
			run := min(int(header>>1), wanted)
			if b[0] != 0 {
				set += run
			}
			wanted -= run
			b = b[1:]
			continue
		}
		for range header >> 1 {
			if wanted <= 0 {
				break
			}
			if len(b) == 0 {
				return 0, false
			}
			group := b[0]
			if wanted < 8 {
				group &= 1<<wanted - 1
			}
			set += bits.OnesCount8(group)
			wanted -= 8
			b = b[1:]
		}
	}
	return set, true
}

// deltaCount reads how many values a page in one of the delta encodings says
// to hold: the third number of its header.
func deltaCount(b []byte) (uint64, bool) {
	var count uint64
	for range 3 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false
		}
		count, b = v, b[n:]
	}
	return count, true
}
