package encodings

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// levelCases are runs of bits: how many are wanted, and which of these are set.
var levelCases = []struct {
	bytes  []byte
	wanted int
	bits   []byte
	ok     bool
}{
	{nil, 0, []byte{}, true},
	{[]byte{6, 1}, 3, []byte{7}, true},                 // a run of three ones
	{[]byte{6, 0, 4, 1}, 5, []byte{0b11000}, true},     // three zeros, two ones
	{[]byte{3, 0b101}, 3, []byte{0b101}, true},         // eight packed bits, three wanted
	{[]byte{3, 0xFF}, 3, []byte{7}, true},              // those behind do not count
	{[]byte{3, 0xFF, 2, 0}, 9, []byte{255, 0}, true},   // packed bits, then a run
	{[]byte{6, 1, 3, 0x81}, 11, []byte{0x0F, 4}, true}, // packed bits that do not begin at a byte
	{[]byte{40, 1}, 20, []byte{255, 255, 15}, true},
	{[]byte{6, 1}, 4, nil, false},     // too few
	{[]byte{6}, 3, nil, false},        // a run without its value
	{[]byte{5, 0xFF}, 16, nil, false}, // two groups promised, one there
	{[]byte{0, 1}, 1, nil, false},     // a run of nothing
	{[]byte{6, 2}, 3, nil, false},     // a run of what one bit does not hold
	{[]byte{0x80}, 1, nil, false},     // a number cut off
}

func TestBits(t *testing.T) {
	for _, c := range levelCases {
		into := make([]byte, (c.wanted+7)/8)
		set, ok := Bits(c.bytes, c.wanted, into)
		want := 0
		for i := range c.wanted {
			if c.ok && c.bits[i/8]>>(i%8)&1 == 1 {
				want++
			}
		}
		if ok != c.ok || ok && (set != want || !bytes.Equal(into, c.bits)) {
			t.Errorf("%v for %d: %d %08b %v, want %08b %v", c.bytes, c.wanted, set, into, ok, c.bits, c.ok)
		}
	}
}

// TestBitsAtRandom: runs and packed groups in any order, the last of which may have more than is wanted.
func TestBitsAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3_000 {
		var b []byte
		var want []byte // a byte for each
		for range 1 + r.IntN(6) {
			if n := 1 + r.IntN(40); r.IntN(2) == 0 {
				b = append(binary.AppendUvarint(b, uint64(n)<<1), byte(n&1))
				want = append(want, bytes.Repeat([]byte{byte(n & 1)}, n)...)
			} else {
				b = binary.AppendUvarint(b, uint64(n)<<1|1)
				for range n {
					group := byte(r.Uint32())
					b = append(b, group)
					for bit := range 8 {
						want = append(want, group>>bit&1)
					}
				}
			}
		}
		want = want[:1+r.IntN(len(want))]
		into := make([]byte, (len(want)+7)/8)
		all := make([]byte, len(into))
		for i, bit := range want {
			all[i/8] |= bit << (i % 8)
		}
		if set, ok := Bits(b, len(want), into); !ok || set != bytes.Count(want, []byte{1}) || !bytes.Equal(into, all) {
			t.Fatalf("%v for %d: %d, %v, %08b, want %08b", b, len(want), set, ok, into, all)
		}
	}
}

// packed writes numbers of a width as runs of one value and packed groups, at random.
func packed(r *rand.Rand, values []uint32, width int) []byte {
	out := []byte{byte(width)}
	for len(values) > 0 {
		if n := 1 + r.IntN(len(values)); r.IntN(2) == 0 && !slices.ContainsFunc(values[:n], func(v uint32) bool { return v != values[0] }) {
			out = binary.AppendUvarint(out, uint64(n)<<1)
			out = append(out, binary.LittleEndian.AppendUint32(nil, values[0])[:(width+7)/8]...)
			values = values[n:]
			continue
		}
		groups := 1 + r.IntN((len(values)+7)/8)
		out = binary.AppendUvarint(out, uint64(groups)<<1|1)
		body := make([]byte, groups*width)
		for i := range min(8*groups, len(values)) {
			for k := range width {
				body[(i*width+k)/8] |= byte(values[i]>>k&1) << ((i*width + k) % 8)
			}
		}
		out, values = append(out, body...), values[min(8*groups, len(values)):]
	}
	return out
}

func TestIndices(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for width := range 33 {
		for range 20 {
			values := make([]uint32, 1+r.IntN(300))
			for i := range values {
				if i > 0 && r.IntN(3) > 0 {
					values[i] = values[i-1]
				} else {
					values[i] = uint32(uint64(r.Uint32()) & (1<<width - 1))
				}
			}
			page := packed(r, values, width)
			x, ok := NewIndices(page)
			got := make([]uint32, len(values))
			for at := 0; ok && at < len(got); {
				n := 1 + r.IntN(len(got)-at)
				ok, at = x.Next(got[at:at+n]), at+n
			}
			if !ok || !slices.Equal(got, values) {
				t.Fatalf("width %d: %v, want %v", width, got, values)
			}
		}
	}
	for _, page := range [][]byte{nil, {33}, {255, 2, 1}} {
		if _, ok := NewIndices(page); ok {
			t.Errorf("%v is read", page)
		}
	}
	for _, page := range [][]byte{{9}, {9, 18, 0, 2}, {9, 3, 1}, {9, 18, 1}, {9, 0, 1, 1}, {9, 16, 1, 1}, {9, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		if x, ok := NewIndices(page); !ok || x.Next(make([]uint32, 9)) {
			t.Errorf("%v has nine", page)
		}
	}
}

// TestDeltas has the two examples of the specification, and what is none.
func TestDeltas(t *testing.T) {
	ints := func(values ...int32) (out []byte) {
		for _, v := range values {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		}
		return out
	}
	one := []byte{128, 1, 4, 5, 2, 2, 0, 0, 0, 0}
	two := append([]byte{128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b11000000, 0b00111111}, make([]byte, 6)...)
	for _, c := range []struct {
		page   []byte
		values int
		want   []byte
	}{
		{one, 5, ints(1, 2, 3, 4, 5)},
		{one, 3, ints(1, 2, 3)},
		{two, 8, ints(7, 5, 3, 1, 2, 3, 4, 5)},
		{two[:12], 8, ints(7, 5, 3, 1, 2, 3, 4, 5)}, // without the padding
	} {
		if got, ok := DeltaIntegers(c.page, c.values, 4, 1<<20); !ok || !bytes.Equal(got, c.want) {
			t.Errorf("%v: %v %v, want %v", c.page, got, ok, c.want)
		}
	}
	for name, page := range map[string][]byte{
		"cut off":          two[:11],
		"fewer values":     {128, 1, 4, 7, 2, 2, 0, 0, 0, 0},
		"no block":         {0, 4, 8, 2, 2, 0, 0, 0, 0},
		"no part":          {128, 1, 0, 8, 2, 2},
		"a part of 8":      {128, 1, 16, 8, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"65 bits":          append([]byte{128, 1, 4, 8, 2, 2, 65, 0, 0, 0}, make([]byte, 400)...),
		"widths cut off":   {128, 1, 4, 8, 2, 2, 0, 0},
		"a header cut off": {128, 1, 4, 8},
	} {
		if _, ok := DeltaIntegers(page, 8, 4, 1<<20); ok {
			t.Errorf("%s is read", name)
		}
	}
	if _, ok := DeltaIntegers(one, 5, 4, 19); ok {
		t.Error("20 bytes where 19 are allowed")
	}
}

// TestDeltaTexts: lengths, prefixes, and what would be larger than allowed.
func TestDeltaTexts(t *testing.T) {
	deltas := func(first int, others ...int) []byte { // all differences are the same
		out := binary.AppendVarint([]byte{128, 1, 4, byte(1 + len(others))}, int64(first))
		if len(others) > 0 {
			out = append(binary.AppendVarint(out, int64(others[0]-first)), 0, 0, 0, 0)
		}
		return out
	}
	want := []byte("\x02\x00\x00\x00ab\x03\x00\x00\x00abc")
	page := slices.Concat(deltas(0, 2), deltas(2, 1), []byte("abc"))
	if got, last, carried, ok := DeltaTexts(page, 2, 100, []byte("xyz")); !ok || carried || string(last) != "abc" || !bytes.Equal(got, want) {
		t.Errorf("%q %q %v %v", got, last, carried, ok)
	}
	if _, _, _, ok := DeltaTexts(page, 2, len(want)-1, nil); ok {
		t.Error("more bytes than allowed")
	}
	if _, _, _, ok := DeltaTexts(slices.Concat(deltas(0, 3), deltas(2, 1), []byte("abc")), 2, 100, nil); ok {
		t.Error("a prefix that is longer than the text before")
	}
	next := slices.Concat(deltas(1, 2), deltas(1, 1), []byte("bc"))
	if got, _, carried, ok := DeltaTexts(next, 2, 100, []byte("a page before")); !ok || !carried || !bytes.Equal(got, want) {
		t.Errorf("%q %v %v", got, carried, ok)
	}
	if _, _, _, ok := DeltaTexts(next, 2, 100, nil); ok {
		t.Error("the first begins as none before it")
	}
	lengths := slices.Concat(deltas(2, 3), []byte("ababc"))
	if got, ok := DeltaLengths(lengths, 2, 100); !ok || !bytes.Equal(got, want) {
		t.Errorf("%q %v", got, ok)
	}
	for _, cut := range []int{1, 3, len(lengths) - 2} {
		if _, ok := DeltaLengths(lengths[:len(lengths)-cut], 2, 100); ok {
			t.Errorf("read without its last %d bytes", cut)
		}
	}
	if _, ok := DeltaLengths(slices.Concat(deltas(-1), []byte("ab")), 1, 100); ok {
		t.Error("a length below 0")
	}
}

// FuzzPages: whatever a page holds, nothing panics, and what comes out is as large as it was asked to be.
func FuzzPages(f *testing.F) {
	for _, c := range levelCases {
		f.Add(c.bytes, uint16(c.wanted))
	}
	f.Add([]byte{0x15, 0, 0x15, 8, 0x15, 8, 0x2C, 0x15, 4, 0x15, 0, 0x15, 6, 0x15, 8, 0, 0}, uint16(2)) // a header
	f.Add([]byte{128, 1, 4, 5, 2, 2, 0, 0, 0, 0}, uint16(5))
	f.Add([]byte{128, 1, 4, 2, 0, 4, 0, 0, 0, 0, 128, 1, 4, 2, 4, 1, 0, 0, 0, 0, 'a', 'b', 'c'}, uint16(2))
	f.Add([]byte{3, 5, 1, 2, 3, 4, 5, 6}, uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		if _, length, err := ReadHeader(b); err == nil && length > len(b) {
			t.Errorf("a header of %d bytes in %d", length, len(b))
		}
		values := int(n)
		into := make([]byte, (values+7)/8)
		if set, ok := Bits(b, values, into); ok && set > values {
			t.Errorf("%d of %d bits", set, values)
		}
		if x, ok := NewIndices(b); ok {
			x.Next(make([]uint32, values))
		}
		for _, width := range []int{4, 8} {
			if out, ok := DeltaIntegers(b, values, width, 1<<20); ok && len(out) != values*width {
				t.Errorf("%d bytes for %d integers", len(out), values)
			}
		}
		const most = 1 << 16
		for _, read := range []func([]byte, int, int) ([]byte, bool){DeltaLengths, deltaTexts} {
			out, ok := read(b, values, most)
			if !ok {
				continue
			}
			if len(out) > most {
				t.Errorf("%d bytes", len(out))
			}
			for range values {
				out = out[4+binary.LittleEndian.Uint32(out):]
			}
			if len(out) > 0 {
				t.Errorf("%d bytes too many", len(out))
			}
		}
	})
}

func deltaTexts(b []byte, values, most int) ([]byte, bool) {
	out, _, _, ok := DeltaTexts(b, values, most, []byte("before"))
	return out, ok
}
