package content

import (
	"hash/maphash"
	"math/bits"

	"parley/datasets/files"
)

// The distinct values of a column, as many as a dictionary holds, in open-addressed tables: a value that is
// known already costs a few nanoseconds. Their places are 0, 1, ... in the order in which they came.

// slots is where the places are, plus 1, by hash; 0 is free. At least half of it is.
type slots struct {
	at    []int32
	shift int // the hash's high bits are the slot
}

// grow makes room for so many values; true when places have to be put in anew.
func (s *slots) grow(values int) bool {
	if 2*values < len(s.at) {
		return false
	}
	size := max(64, 4*len(s.at))
	s.at, s.shift = make([]int32, size), 64-bits.Len(uint(size-1))
	return true
}

// put takes the first free slot for a place.
func (s *slots) put(hash uint64, place int) {
	for i := hash >> s.shift; ; i = (i + 1) & uint64(len(s.at)-1) {
		if s.at[i] == 0 {
			s.at[i] = int32(place + 1)
			return
		}
	}
}

// Numbers is a set of numbers. The zero value is empty.
type Numbers struct {
	slots
	Values []int64
}

func (s *Numbers) Len() int { return len(s.Values) }

// scatter is Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): its high bits are well mixed.
func scatter(v int64) uint64 { return uint64(v) * 0x9E3779B97F4A7C15 }

// Add gives the place of a number.
func (s *Numbers) Add(v int64) (place int, isNew bool) {
	if len(s.at) > 0 {
		for i := scatter(v) >> s.shift; s.at[i] != 0; i = (i + 1) & uint64(len(s.at)-1) {
			if place := int(s.at[i] - 1); s.Values[place] == v {
				return place, false
			}
		}
	}
	s.Values = append(s.Values, v)
	if s.grow(len(s.Values)) {
		for place, v := range s.Values {
			s.put(scatter(v), place)
		}
	} else {
		s.put(scatter(v), len(s.Values)-1)
	}
	return len(s.Values) - 1, true
}

// TextSet is a set of texts. The zero value is empty.
type TextSet struct {
	slots
	Values   []string
	Likeness []files.Likeness // of each
}

// textSeed keeps who writes a file from choosing texts that collide.
var textSeed = maphash.MakeSeed()

func (s *TextSet) Len() int { return len(s.Values) }

// Add gives the place of a text.
func (s *TextSet) Add(v []byte) (place int, isNew bool) {
	hash := maphash.Bytes(textSeed, v)
	if len(s.at) > 0 {
		for i := hash >> s.shift; s.at[i] != 0; i = (i + 1) & uint64(len(s.at)-1) {
			if place := int(s.at[i] - 1); s.Values[place] == string(v) {
				return place, false
			}
		}
	}
	s.Values = append(s.Values, string(v))
	if s.grow(len(s.Values)) {
		for place, v := range s.Values {
			s.put(maphash.String(textSeed, v), place)
		}
	} else {
		s.put(hash, len(s.Values)-1)
	}
	return len(s.Values) - 1, true
}
