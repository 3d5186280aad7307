#!/usr/bin/env bash
# apache/arrow/go v17.0.0 (module github.com/apache/arrow/go/v17): flightsql.BaseServer writes to itself when it answers GetSqlInfo.
#
# A good guess: a server that embeds BaseServer and registers its SqlInfo before it serves may be asked by many clients at once.
# The cause is that DoGetSqlInfo (as GetFlightInfoSqlInfo) sets the field Alloc where it is nil, without a lock, and gRPC
# serves calls side by side; ADBC asks for SqlInfo whenever it connects. Set Alloc before the server serves: then nothing
# is written.
#
# Seen on 2026-12-01 with Go 1.26.8:
#
#   Alloc unset: a data race
#   Alloc set: none
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"os"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

type all struct{}

func (all) GetInfo() []uint32 { return nil }

func main() {
	s := &flightsql.BaseServer{}
	if len(os.Args) > 1 {
		s.Alloc = memory.DefaultAllocator
	}
	if err := s.RegisterSqlInfo(flightsql.SqlInfoFlightSqlServerName, "a server"); err != nil {
		panic(err)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			_, chunks, err := s.DoGetSqlInfo(context.Background(), all{})
			if err != nil {
				panic(err)
			}
			for range chunks {
			}
		})
	}
	both.Wait()
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require github.com/apache/arrow/go/v17 v17.0.0
MOD
GOFLAGS=-mod=mod go build -race -o server .
says() { # a server with a race ends with a status of its own
	./server "${@:2}" >log 2>&1 || true
	if grep -q 'WARNING: DATA RACE' log; then echo "$1: a data race"; else echo "$1: none"; fi
}
{
	says "Alloc unset"
	says "Alloc set" set
} >seen
cat seen
diff - seen <<'WANT' || { echo "the behaviour has changed"; exit 1; }
Alloc unset: a data race
Alloc set: none
WANT
