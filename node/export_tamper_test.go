package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"parley/engine"
	"parley/protocols"
)

// exportFrame is where a frame of an export stands.
type exportFrame struct {
	kind       frameKind
	begin, end int
	block      uint64 // to which it belongs; 0 before the first
}

func (f exportFrame) payload() int { return f.begin + exportFrameHeader }

func framesIn(t *testing.T, export []byte) []exportFrame {
	t.Helper()
	var out []exportFrame
	block := uint64(0)
	for at := len(exportMagic); at < len(export); {
		f := exportFrame{kind: frameKind(export[at]), begin: at}
		f.end = f.payload() + int(binary.BigEndian.Uint32(export[at+1:]))
		if f.kind == frameBlock {
			block++
		}
		f.block = block
		out, at = append(out, f), f.end
	}
	return out
}

// testExport is the export of a network that has answered a question.
func testExport(t *testing.T, departments int) ([]byte, engine.Digest) {
	t.Helper()
	n := newTestNetwork(t, departments)
	n.addAuditor()
	n.startAll()
	n.answers("SELECT count(*) FROM people")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	src, err := dialSource(ctx, n.address(0), n.analyst, tiny)
	check(t, err)
	defer src.Close()
	var file bytes.Buffer
	_, err = exportLedger(ctx, &file, src, src.Params(), func(uint64, uint64) {})
	check(t, err)
	return file.Bytes(), n.networkID()
}

func checkBytes(t *testing.T, export []byte, pins exportPins) *checked {
	t.Helper()
	out, err := checkExport(bytes.NewReader(export), int64(len(export)), pins, tiny, func(int64, int64) {})
	check(t, err)
	return out
}

// Whatever is changed in an export, check fails, and says where.
func TestTamperedExport(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of changed exports")
	}
	export, id := testExport(t, 2)
	pins := exportPins{Genesis: id}
	if got := checkBytes(t, export, pins); !got.Verified || got.Proofs != got.Blobs || got.Proofs != 2+1+2+2 {
		t.Fatalf("%+v", got)
	}
	frames := framesIn(t, export)
	kinds := map[frameKind]int{}
	for i, f := range frames {
		kinds[f.kind]++
		positions := []int{f.begin, f.begin + 4}
		for k := range 6 {
			positions = append(positions, f.payload()+k*(f.end-1-f.payload())/5)
		}
		for _, at := range slices.Compact(positions) {
			if at >= f.end {
				continue
			}
			changed := slices.Clone(export)
			changed[at] ^= 1 << (i % 8)
			got := checkBytes(t, changed, pins)
			if got.Verified || got.Reason == "" || got.Offset == nil {
				t.Fatalf("byte %d of %s of block %d changed: %+v", at, f.kind, f.block, got)
			}
			inPlace := got.Block >= f.block && got.Block <= f.block+1 || f.kind == frameSeal || f.kind == frameEnd
			if f.kind == frameBlob && at >= f.payload() {
				inPlace = got.Offset != nil && *got.Offset == int64(f.begin) && got.Block == f.block && got.Record > 0 &&
					got.Blob != "" && got.Blob != protocols.BlobDigest(changed[f.payload():f.end]).String()
			}
			if !inPlace {
				t.Errorf("byte %d of %s of block %d changed: %s (block %d, offset %d)", at, f.kind, f.block, got.Reason, got.Block, *got.Offset)
			}
		}
	}
	if kinds[frameGenesis] != 1 || kinds[frameBlock] < 10 || kinds[frameSeal] != 1 || kinds[frameBlob] != 7 || kinds[frameEnd] != 1 {
		t.Errorf("%v", kinds)
	}
	changed := slices.Clone(export)
	changed[3] ^= 1
	if got := checkBytes(t, changed, pins); got.Verified || got.Reason == "" {
		t.Errorf("the first line: %+v", got)
	}
}

// Frames that are taken out, exchanged, repeated or cut.
func TestRearrangedExport(t *testing.T) {
	if testing.Short() {
		t.Skip("a network and sixteen exports")
	}
	export, id := testExport(t, 2)
	other, _ := testExport(t, 1)
	pins := exportPins{Genesis: id}
	frames := framesIn(t, export)
	without := func(f exportFrame, instead []byte) []byte {
		return slices.Concat(export[:f.begin], instead, export[f.end:])
	}
	of := func(kind frameKind, number int) exportFrame {
		for _, f := range frames {
			if f.kind == kind {
				if number--; number < 0 {
					return f
				}
			}
		}
		t.Fatalf("no frame %v", kind)
		return exportFrame{}
	}
	fifth, sixth, blob, seal := of(frameBlock, 4), of(frameBlock, 5), of(frameBlob, 3), of(frameSeal, 0)
	last := frames[len(frames)-1]
	swapped := slices.Concat(export[:fifth.begin], export[sixth.begin:sixth.end], export[fifth.end:sixth.begin], export[fifth.begin:fifth.end], export[sixth.end:])
	foreign := framesIn(t, other)
	cases := []struct {
		name   string
		export []byte
		block  uint64 // 0: any
	}{
		{"a removed block", without(fifth, nil), 5},
		{"a repeated block", without(fifth, slices.Concat(export[fifth.begin:fifth.end], export[fifth.begin:fifth.end])), 6},
		{"swapped blocks", swapped, 5},
		{"a removed blob", without(blob, nil), blob.block},
		{"a removed seal", without(seal, nil), seal.block},
		{"another blob in its place", without(blob, export[of(frameBlob, 4).begin:of(frameBlob, 4).end]), blob.block},
		{"no end", export[:last.begin], 0},
		{"cut", export[:len(export)/2], 0},
		{"more after the end", append(slices.Clone(export), 0), 0},
		{"another network's genesis", slices.Concat(other[:foreign[0].end], export[frames[0].end:]), 0},
		{"another network's block", without(fifth, other[foreign[5].begin:foreign[5].end]), 5},
		{"the last block cut off", slices.Concat(export[:lastBlock(frames).begin], export[last.begin:]), 0},
		{"another network", other, 0},
		{"empty", nil, 0},
		{"the first line only", export[:len(exportMagic)], 0},
		{"the genesis only", slices.Concat(export[:frames[0].end], export[last.begin:]), 0},
	}
	for _, c := range cases {
		got := checkBytes(t, c.export, pins)
		if got.Verified || got.Reason == "" || c.block != 0 && got.Block != c.block {
			t.Errorf("%s: %+v", c.name, got)
		}
		t.Logf("%s: %s", c.name, got.Reason)
	}
	if got := checkBytes(t, other, exportPins{}); got.Reason != "" || got.Verified || got.Pinned {
		t.Errorf("another network, not pinned: %+v", got)
	}

	if got := checkBytes(t, cases[9].export, exportPins{}); got.Verified || got.Block != 1 {
		t.Errorf("%s, not pinned: %+v", cases[9].name, got)
	}

	// A blob that the exporter did not have is no deviation, but is said.
	gone := make([]byte, exportFrameHeader)
	gone[0] = byte(frameGone)
	got := checkBytes(t, without(blob, gone), pins)
	digest := protocols.BlobDigest(export[blob.payload():blob.end]).String()
	if !got.Verified || len(got.Missing) != 1 || got.Missing[0] != digest || len(got.Incomplete) != 1 || got.Proofs+len(got.Unchecked) != got.Blobs {
		t.Errorf("a missing blob: %+v", got)
	}
}

func lastBlock(frames []exportFrame) exportFrame {
	var out exportFrame
	for _, f := range frames {
		if f.kind == frameBlock {
			out = f
		}
	}
	return out
}

// FuzzExport: any file is refused in order, and what was read is not more than
// what is there.
func FuzzExport(f *testing.F) {
	params, err := tiny("")
	if err != nil {
		f.Fatal(err)
	}
	network := &protocols.Network{Version: protocols.Version, Name: "fuzz", Nonce: engine.Digest{1}, Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}},
		Departments: []protocols.Member{{Key: protocols.Key{1}}}, Auditors: []protocols.Member{}}
	frame := func(kind frameKind, payload []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{byte(kind)}, uint32(len(payload))), payload...)
	}
	start := append([]byte(exportMagic), frame(frameGenesis, engine.Marshal(network))...)
	f.Add(start)
	f.Add(slices.Concat(start, frame(frameBlock, []byte("block")), frame(frameSeal, []byte("seal")), frame(frameBlob, []byte("blob")), frame(frameGone, nil), frame(frameEnd, nil)))
	f.Add(append(slices.Clone(start), 'B', 0xff, 0xff, 0xff, 0xff))
	f.Add(append(slices.Clone(start), 'B', 0, 0x7f, 0xff, 0xff))
	sizes := protocols.SizesOf(params)
	f.Fuzz(func(t *testing.T, export []byte) {
		got, err := checkExport(bytes.NewReader(export), int64(len(export)), exportPins{}, tiny, func(int64, int64) {})
		if err != nil || got.Verified || got.Reason == "" {
			t.Fatalf("%+v, %v", got, err)
		}
		x, err := newExportReader(bytes.NewReader(export), int64(len(export)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		w, err := newExportWriter(&again)
		check(t, err)
		for {
			kind := x.Peek()
			payload, err := x.Next(kind, max(sizes.Share, len(export)))
			if err != nil {
				break
			}
			check(t, w.Frame(kind, payload))
		}
		check(t, w.w.Flush())
		if !bytes.HasPrefix(export, again.Bytes()) || int64(again.Len()) != w.bytes {
			t.Fatal(fmt.Sprint("two encodings of ", len(export), " bytes"))
		}
	})
}
