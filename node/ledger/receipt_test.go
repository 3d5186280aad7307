package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/merkle"

	"parley/engine"
)

// TestReceipts: a receipt convinces with the validators that signed it and this
// transaction only; forged ones are refused for what they are; every byte of
// it matters.
func TestReceipts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of a clock")
	}
	t.Parallel()
	b := newBench(t, 4)
	b.startAll()
	b.mustAppend(0, "note before")
	var wg sync.WaitGroup
	for i := range 5 { // some of them share a block
		wg.Go(func() {
			if err := b.append(0, fmt.Sprint("note ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	longest := 0
	for _, r := range b.records(2, 6) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		receiptBytes, err := b.nodes[2].ledger.Receipt(ctx, Hash(r.Tx))
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		anchor, err := CheckReceipt(b.network, b.genesis, r.Tx, receiptBytes)
		if err != nil || anchor.Block != r.Block || !anchor.Time.Equal(r.Signed) || !r.Signed.After(r.Time) {
			t.Fatalf("%+v, %v; want %+v", anchor, err, r)
		}
		if at, err := ReceiptBlock(receiptBytes); err != nil || at != r.Block {
			t.Fatalf("%d, %v", at, err)
		}
		forge(t, b, r.Tx, receiptBytes)
		longest = max(longest, len(receiptBytes))
	}
	t.Logf("receipts of up to %d bytes", longest)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.nodes[0].ledger.Receipt(ctx, Hash([]byte("note never"))); err == nil {
		t.Error("a receipt for what was never ordered")
	}
}

func forge(t *testing.T, b *bench, tx, good []byte) {
	t.Helper()
	refuse := func(what, why string, network [32]byte, keys []ed25519.PublicKey, tx, receiptBytes []byte) {
		t.Helper()
		if _, err := CheckReceipt(network, keys, tx, receiptBytes); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("other chain", "signature", sha256.Sum256([]byte("another")), b.genesis, tx, good)
	refuse("other transaction", "this transaction", b.network, b.genesis, []byte("note other"), good)
	refuse("a set with one more", "another set", b.network, append(slices.Clone(b.genesis), keyOf(9).Public().(ed25519.PublicKey)), tx, good)
	refuse("a set with one less", "another set", b.network, b.genesis[:3], tx, good)
	swapped := slices.Clone(b.genesis)
	swapped[0] = keyOf(9).Public().(ed25519.PublicKey)
	refuse("a set with another", "another set", b.network, swapped, tx, good)
	refuse("no validators", "no validators", b.network, nil, tx, good)
	refuse("nothing", "malformed", b.network, b.genesis, tx, nil)
	refuse("cut short", "malformed", b.network, b.genesis, tx, good[:len(good)-1])
	refuse("longer", "malformed", b.network, b.genesis, tx, append(slices.Clone(good), 0))

	r, err := parseReceipt(good)
	if err != nil {
		t.Fatal(err)
	}
	few := r
	few.Head.Votes = r.Head.Votes[:2]
	refuse("too few signatures", "two thirds", b.network, b.genesis, tx, engine.Marshal(few))
	twice := r
	twice.Head.Votes = []vote{r.Head.Votes[0], r.Head.Votes[0], r.Head.Votes[0]}
	refuse("one signature thrice", "order", b.network, b.genesis, tx, engine.Marshal(twice))
	for i := range good {
		changed := slices.Clone(good)
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			changed[i] = good[i] ^ flip
			if _, err := CheckReceipt(b.network, b.genesis, tx, changed); err == nil {
				t.Fatalf("byte %d of %d flipped by %#x and it convinces", i, len(good), flip)
			}
		}
	}
}

// TestPaths: paths lead to the root that CometBFT computes, and the longest
// fits.
func TestPaths(t *testing.T) {
	for n := 1; n < 40; n++ {
		var hashes [][32]byte
		var slicesOf [][]byte
		for i := range n {
			hashes = append(hashes, Hash([]byte{byte(i)}))
			slicesOf = append(slicesOf, hashes[i][:])
		}
		want := merkle.HashFromByteSlices(slicesOf)
		for i := range n {
			if got := climb(hashes[i], pathTo(hashes, i)); string(got[:]) != string(want) {
				t.Fatalf("%d of %d: %x, want %x", i, n, got, want)
			}
		}
	}
}

// FuzzReceipt: no bytes make the checker panic.
func FuzzReceipt(f *testing.F) {
	f.Add([]byte{0x83, 1, 0x80, 0x80})
	keys := []ed25519.PublicKey{keyOf(0).Public().(ed25519.PublicKey)}
	f.Fuzz(func(t *testing.T, b []byte) {
		CheckReceipt([32]byte{}, keys, []byte("note"), b)
		ReceiptBlock(b)
		parseHead(b)
		parseBlock(b)
	})
}
