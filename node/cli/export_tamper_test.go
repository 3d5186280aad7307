package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// What an export is made of, as node/README.md section 13.2 has it.
const (
	exportLine   = "parley export 1\n"
	exportHeader = 5

	genesisFrame kindOfFrame = 'G'
	blockFrame   kindOfFrame = 'B'
	sealFrame    kindOfFrame = 'S'
	blobFrame    kindOfFrame = 'D'
	goneFrame    kindOfFrame = 'M'
	endFrame     kindOfFrame = 'E'
)

type kindOfFrame byte

func (k kindOfFrame) String() string { return string(rune(k)) }

// exportFrame is where a frame of an export stands.
type exportFrame struct {
	kind       kindOfFrame
	begin, end int
	block      uint64 // to which it belongs; 0 before the first
}

func (f exportFrame) payload() int { return f.begin + exportHeader }

func framesIn(t *testing.T, export []byte) []exportFrame {
	t.Helper()
	var out []exportFrame
	block := uint64(0)
	for at := len(exportLine); at < len(export); {
		f := exportFrame{kind: kindOfFrame(export[at]), begin: at}
		f.end = f.payload() + int(binary.BigEndian.Uint32(export[at+1:]))
		if f.kind == blockFrame {
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
	n := testnet.New(t, departments)
	n.AddAuditor()
	n.StartAll()
	n.Answers("SELECT count(*) FROM people")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	src, err := audit.Dial(ctx, n.Address(0), n.Analyst, nodetest.Tiny)
	nodetest.Check(t, err)
	defer src.Close()
	var file bytes.Buffer
	_, err = audit.Export(ctx, &file, src, src.Params(), func(uint64, uint64) {})
	nodetest.Check(t, err)
	return file.Bytes(), n.ID()
}

func checkBytes(t *testing.T, export []byte, pins audit.Pins) *audit.Checked {
	t.Helper()
	out, err := audit.Check(bytes.NewReader(export), int64(len(export)), pins, nodetest.Tiny, func(int64, int64) {})
	nodetest.Check(t, err)
	return out
}

// Whatever is changed in an export, check fails, and says where.
func TestTamperedExport(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("hundreds of changed exports")
	}
	export, id := testExport(t, 2)
	pins := audit.Pins{Genesis: id}
	if got := checkBytes(t, export, pins); !got.Verified || got.Proofs != got.Blobs || got.Proofs != 2+1+2+2 {
		t.Fatalf("%+v", got)
	}
	frames := framesIn(t, export)
	kinds := map[kindOfFrame]int{}
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
			inPlace := got.Block >= f.block && got.Block <= f.block+1 || f.kind == sealFrame || f.kind == endFrame
			if f.kind == blobFrame && at >= f.payload() {
				inPlace = got.Offset != nil && *got.Offset == int64(f.begin) && got.Block == f.block && got.Record > 0 &&
					got.Blob != "" && got.Blob != protocols.BlobDigest(changed[f.payload():f.end]).String()
			}
			if !inPlace {
				t.Errorf("byte %d of %s of block %d changed: %s (block %d, offset %d)", at, f.kind, f.block, got.Reason, got.Block, *got.Offset)
			}
		}
	}
	if kinds[genesisFrame] != 1 || kinds[blockFrame] < 10 || kinds[sealFrame] != 1 || kinds[blobFrame] != 7 || kinds[endFrame] != 1 {
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
	t.Parallel()
	if testing.Short() {
		t.Skip("a network and sixteen exports")
	}
	export, id := testExport(t, 2)
	other, _ := testExport(t, 1)
	pins := audit.Pins{Genesis: id}
	frames := framesIn(t, export)
	without := func(f exportFrame, instead []byte) []byte {
		return slices.Concat(export[:f.begin], instead, export[f.end:])
	}
	of := func(kind kindOfFrame, number int) exportFrame {
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
	// Two blocks in a row, from 5 on: which have blobs behind them depends on when entries came.
	first, next := pairOfBlocks(t, frames, 5)
	blob, seal := of(blobFrame, 3), of(sealFrame, 0)
	last := frames[len(frames)-1]
	swapped := slices.Concat(export[:first.begin], export[next.begin:next.end], export[first.begin:first.end], export[next.end:])
	foreign := framesIn(t, other)
	cases := []struct {
		name   string
		export []byte
		block  uint64 // 0: any
	}{
		{"a removed block", without(first, nil), first.block},
		{"a repeated block", without(first, slices.Concat(export[first.begin:first.end], export[first.begin:first.end])), next.block},
		{"swapped blocks", swapped, first.block},
		{"a removed blob", without(blob, nil), blob.block},
		{"a removed seal", without(seal, nil), seal.block},
		{"another blob in its place", without(blob, export[of(blobFrame, 4).begin:of(blobFrame, 4).end]), blob.block},
		{"no end", export[:last.begin], 0},
		{"cut", export[:len(export)/2], 0},
		{"more after the end", append(slices.Clone(export), 0), 0},
		{"another network's genesis", slices.Concat(other[:foreign[0].end], export[frames[0].end:]), 0},
		{"another network's block", without(first, other[foreign[5].begin:foreign[5].end]), first.block},
		{"the last block cut off", slices.Concat(export[:lastBlock(frames).begin], export[last.begin:]), 0},
		{"another network", other, 0},
		{"empty", nil, 0},
		{"the first line only", export[:len(exportLine)], 0},
		{"the genesis only", slices.Concat(export[:frames[0].end], export[last.begin:]), 0},
	}
	for _, c := range cases {
		got := checkBytes(t, c.export, pins)
		if got.Verified || got.Reason == "" || c.block != 0 && got.Block != c.block {
			t.Errorf("%s: %+v", c.name, got)
		}
		t.Logf("%s: %s", c.name, got.Reason)
	}
	if got := checkBytes(t, other, audit.Pins{}); got.Reason != "" || got.Verified || got.Pinned {
		t.Errorf("another network, not pinned: %+v", got)
	}

	if got := checkBytes(t, cases[9].export, audit.Pins{}); got.Verified || got.Block != 1 {
		t.Errorf("%s, not pinned: %+v", cases[9].name, got)
	}

	// A blob that the exporter did not have is no deviation, but is said.
	gone := make([]byte, exportHeader)
	gone[0] = byte(goneFrame)
	got := checkBytes(t, without(blob, gone), pins)
	digest := protocols.BlobDigest(export[blob.payload():blob.end]).String()
	if !got.Verified || len(got.Missing) != 1 || got.Missing[0] != digest || len(got.Incomplete) != 1 || got.Proofs+len(got.Unchecked) != got.Blobs {
		t.Errorf("a missing blob: %+v", got)
	}
}

// pairOfBlocks are a block that is at least so high and the next one, with nothing between them.
func pairOfBlocks(t *testing.T, frames []exportFrame, least uint64) (exportFrame, exportFrame) {
	t.Helper()
	for i, f := range frames[:len(frames)-1] {
		if f.kind == blockFrame && f.block >= least && frames[i+1].kind == blockFrame {
			return f, frames[i+1]
		}
	}
	t.Fatal("each block has blobs behind it")
	return exportFrame{}, exportFrame{}
}

func lastBlock(frames []exportFrame) exportFrame {
	var out exportFrame
	for _, f := range frames {
		if f.kind == blockFrame {
			out = f
		}
	}
	return out
}
