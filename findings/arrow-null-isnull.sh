#!/usr/bin/env bash
# apache/arrow/go v17.0.0 (module github.com/apache/arrow/go/v17): an array of the type Null says of each of its rows
# that it is valid.
#
# A good guess: IsNull(i) is true in every row of array.NewNull(n), as NullN() is n. The cause is that IsNull looks at the
# bitmap of validity, which this type has not. Who goes through rows by IsNull takes them for values; ask for the type first.
#
# Seen on 2026-11-29 with Go 1.26.8:
#
#   null: 3 rows, NullN 3, IsNull false false false, IsValid true true true
#   int64: 3 rows, NullN 3, IsNull true true true, IsValid false false false
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

func main() {
	numbers := array.NewInt64Builder(memory.NewGoAllocator())
	numbers.AppendNulls(3)
	for _, a := range []arrow.Array{array.NewNull(3), numbers.NewArray()} {
		fmt.Printf("%s: %d rows, NullN %d, IsNull %v %v %v, IsValid %v %v %v\n", a.DataType(), a.Len(), a.NullN(),
			a.IsNull(0), a.IsNull(1), a.IsNull(2), a.IsValid(0), a.IsValid(1), a.IsValid(2))
	}
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
null: 3 rows, NullN 3, IsNull false false false, IsValid true true true
int64: 3 rows, NullN 3, IsNull true true true, IsValid false false false
WANT
