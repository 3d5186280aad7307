package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/big"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"parley/datasets/files"
	"parley/engine"
)

// A summary is what loading learns about one column: bounds, distinct values,
// and the digest of its values in row order (README, sections 4 and 5).
type summary struct {
	values, nulls int64

	min, max   int64          // of narrow values
	wmin, wmax decimal128.Num // of wide values

	narrow map[int64]struct{}
	wide   map[decimal128.Num]struct{}
	text   map[string]struct{}
	full   bool // more distinct values than a dictionary holds, or one too long

	hash   hash.Hash
	buffer []byte
}

// The tags of the digest's stream.
const (
	tagNull  = 0
	tagValue = 1
)

const hashBytes = 32 << 10

func newSummary() *summary {
	return &summary{
		narrow: map[int64]struct{}{}, wide: map[decimal128.Num]struct{}{}, text: map[string]struct{}{},
		hash: sha256.New(), buffer: make([]byte, 0, hashBytes+files.MaxFieldBytes+64),
	}
}

// spill moves the buffer to the hash when it is long enough.
func (s *summary) spill() {
	if len(s.buffer) >= hashBytes {
		s.hash.Write(s.buffer)
		s.buffer = s.buffer[:0]
	}
}

func (s *summary) addNull() {
	s.nulls++
	s.buffer = append(s.buffer, tagNull)
	s.spill()
}

// addNarrow adds a number, a date or a boolean.
func (s *summary) addNarrow(v int64) {
	if s.values == 0 {
		s.min, s.max = v, v
	}
	s.min, s.max = min(s.min, v), max(s.max, v)
	s.values++
	s.buffer = append(s.buffer, tagValue)
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, uint64(v>>63))
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, uint64(v))
	s.spill()
	if !s.full {
		s.narrow[v] = struct{}{}
		s.full = len(s.narrow) > engine.MaxDictionary
	}
}

// addWide adds a number of a column whose values need 128 bits.
func (s *summary) addWide(v decimal128.Num) {
	if s.values == 0 {
		s.wmin, s.wmax = v, v
	}
	if v.Less(s.wmin) {
		s.wmin = v
	}
	if s.wmax.Less(v) {
		s.wmax = v
	}
	s.values++
	s.buffer = append(s.buffer, tagValue)
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, uint64(v.HighBits()))
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, v.LowBits())
	s.spill()
	if !s.full {
		s.wide[v] = struct{}{}
		s.full = len(s.wide) > engine.MaxDictionary
	}
}

func (s *summary) addText(v []byte) {
	s.values++
	s.buffer = append(s.buffer, tagValue)
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, uint64(len(v)))
	s.buffer = append(s.buffer, v...)
	s.spill()
	if s.full {
		return
	}
	if _, known := s.text[string(v)]; !known {
		s.text[string(v)] = struct{}{}
		s.full = len(s.text) > engine.MaxDictionary || len(v) > engine.MaxDictionaryText
	}
}

// digest ends the stream.
func (s *summary) digest() []byte {
	s.hash.Write(s.buffer)
	s.buffer = s.buffer[:0]
	return s.hash.Sum(nil)
}

// describe gives the column as it is registered.
func (s *summary) describe(c column) engine.Column {
	out := engine.Column{Name: c.name, Kind: c.kind, Scale: c.scale, Nullable: s.nulls > 0, HasDictionary: !s.full}
	if s.values > 0 && (numeric(c.kind) || c.kind == engine.Date) {
		if c.wide {
			out.Min, out.Max = s.wmin.BigInt(), s.wmax.BigInt()
		} else {
			out.Min, out.Max = big.NewInt(s.min), big.NewInt(s.max)
		}
	}
	if !s.full {
		out.Dictionary = s.dictionary(c)
	}
	return out
}

// dictionary lists the distinct values as canonical text in the kind's order.
func (s *summary) dictionary(c column) []string {
	var out []string
	switch {
	case c.kind == engine.Text:
		for v := range s.text {
			out = append(out, v)
		}
		slices.Sort(out)
	case c.wide:
		values := make([]decimal128.Num, 0, len(s.wide))
		for v := range s.wide {
			values = append(values, v)
		}
		slices.SortFunc(values, func(a, b decimal128.Num) int { return a.Cmp(b) })
		for _, v := range values {
			out = append(out, datum(c, v.BigInt()).String())
		}
	default:
		values := make([]int64, 0, len(s.narrow))
		for v := range s.narrow {
			values = append(values, v)
		}
		slices.Sort(values)
		for _, v := range values {
			out = append(out, datum(c, big.NewInt(v)).String())
		}
	}
	return out
}

// datum is a stored number of a column as the engine's value.
func datum(c column, v *big.Int) engine.Datum {
	if c.kind == engine.Boolean {
		return engine.Datum{Kind: engine.Boolean, Bool: v.Sign() != 0}
	}
	return engine.Datum{Kind: c.kind, Number: v, Scale: c.scale}
}
