package ledger

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestExport: an export of the whole chain stands the check; with one byte
// changed, or a block left out, doubled or exchanged, the check says where.
func TestExport(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of a clock")
	}
	t.Parallel()
	b := newBench(t, 4) // four of five go on when one that does not run is added
	b.startAll()
	for i := range 4 {
		b.mustAppend(i%4, fmt.Sprint("note ", i))
	}
	third := keyOf(9).Public().(ed25519.PublicKey)
	b.append(0, "lie 1")
	b.mustAppend(0, fmt.Sprintf("add %x", third))
	b.mustAppend(0, fmt.Sprintf("remove %x", third))
	first, last := b.nodes[0].ledger.Extent()
	var blocks []Block
	for block, err := range b.nodes[0].ledger.Blocks(first, last) {
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, block)
	}
	var records, signatures int
	check := func(blocks []Block) (uint64, error) {
		records, signatures = 0, 0
		return CheckBlocks(b.network, b.genesis, newToy(b.genesis), func(yield func(Block, error) bool) {
			for _, b := range blocks {
				if !yield(b, nil) {
					return
				}
			}
		}, func(c CheckedBlock) error {
			records, signatures = records+len(c.Records), signatures+c.Signatures
			return nil
		})
	}
	n, err := check(blocks)
	if err != nil || n != last || records != 7 || signatures < int(3*last) {
		t.Fatalf("%d blocks, %d records, %d signatures: %v", n, records, signatures, err)
	}
	where := func(what string, blocks []Block, height uint64) {
		t.Helper()
		var at *BlockError
		if n, err := check(blocks); !errors.As(err, &at) || at.Height != height || n != height-1 && n != height {
			t.Errorf("%s: after %d blocks: %v", what, n, err)
		}
	}
	tampered := 0
	for i := range blocks {
		for at := 0; at < len(blocks[i].Bytes); at += 23 {
			changed := slices.Clone(blocks)
			changed[i].Bytes = bytes.Clone(blocks[i].Bytes)
			changed[i].Bytes[at] ^= 0x40
			where(fmt.Sprintf("byte %d of block %d", at, i+1), changed, uint64(i+1))
			tampered++
		}
		changed := slices.Clone(blocks)
		changed[i].Seal = bytes.Clone(blocks[i].Seal)
		changed[i].Seal[len(changed[i].Seal)/2] ^= 1
		where(fmt.Sprintf("the seal of block %d", i+1), changed, uint64(i+1))
	}
	t.Logf("%d blocks, %d bytes changed", last, tampered)
	where("a block left out", slices.Delete(slices.Clone(blocks), 2, 3), 3)
	where("two blocks exchanged", append(slices.Clone(blocks[:1]), blocks[2], blocks[1]), 2)
	unsealed := slices.Clone(blocks)
	unsealed[len(blocks)-1].Seal = nil
	where("no seal on the last block", unsealed, last)
	other := slices.Clone(b.genesis)
	other[1] = third
	if _, err := CheckBlocks(b.network, other, newToy(other), func(yield func(Block, error) bool) { yield(blocks[0], nil) }, nil); err == nil {
		t.Error("another genesis stands the check")
	}
}
