#!/usr/bin/env bash
# apache/arrow/go v17.0.0 (module github.com/apache/arrow/go/v17): Builder.Reserve(n) of an empty builder takes room
# for 2n values where n is a power of two such as 8,192; otherwise, as one would guess, for the next power of two.
#
# A good guess: asking for exactly what one needs, and a power of two at that, costs nothing extra. The cause is
# bitutil.NextPowerOf2 (arrow/bitutil/bitutil.go), which gives the power of two above its argument, not the least one
# that is not below it. Who fills batches of 8,192 rows by Reserve holds twice the memory of a batch; Resize(n) takes n.
#
# Seen on 2026-11-28 with Go 1.26.8 (some 20 seconds of processor time):
#
#   NextPowerOf2: 8191 -> 8192, 8192 -> 16384, 8193 -> 16384
#   Reserve(8191): room for 8192 values, 65536 bytes of them
#   Reserve(8192): room for 16384 values, 131072 bytes of them
#   Resize(8192): room for 8192 values, 65536 bytes of them
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// tally remembers the largest buffer that was asked for: that of the values.
type tally struct {
	memory.Allocator
	largest int
}

func (t *tally) Allocate(size int) []byte {
	t.largest = max(t.largest, size)
	return t.Allocator.Allocate(size)
}

func (t *tally) Reallocate(size int, b []byte) []byte {
	t.largest = max(t.largest, size)
	return t.Allocator.Reallocate(size, b)
}

func room(name string, n int, take func(*array.Int64Builder, int)) {
	t := &tally{Allocator: memory.NewGoAllocator()}
	b := array.NewInt64Builder(t)
	defer b.Release()
	take(b, n)
	fmt.Printf("%s(%d): room for %d values, %d bytes of them\n", name, n, b.Cap(), t.largest)
}

func main() {
	fmt.Printf("NextPowerOf2: 8191 -> %d, 8192 -> %d, 8193 -> %d\n",
		bitutil.NextPowerOf2(8191), bitutil.NextPowerOf2(8192), bitutil.NextPowerOf2(8193))
	room("Reserve", 8191, func(b *array.Int64Builder, n int) { b.Reserve(n) })
	room("Reserve", 8192, func(b *array.Int64Builder, n int) { b.Reserve(n) })
	room("Resize", 8192, func(b *array.Int64Builder, n int) { b.Resize(n) })
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require github.com/apache/arrow/go/v17 v17.0.0
MOD
GOFLAGS=-mod=mod go run . >seen
cat seen
diff - seen <<'WANT' || { echo "the behaviour has changed"; exit 1; }
NextPowerOf2: 8191 -> 8192, 8192 -> 16384, 8193 -> 16384
Reserve(8191): room for 8192 values, 65536 bytes of them
Reserve(8192): room for 16384 values, 131072 bytes of them
Resize(8192): room for 8192 values, 65536 bytes of them
WANT
