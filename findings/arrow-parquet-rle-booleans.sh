#!/usr/bin/env bash
# apache/arrow/go v17.0.0 (module github.com/apache/arrow/go/v17): a Parquet column of booleans that is written in the
# encoding RLE has wrong values from a chunk's second data page on: each page begins with the first page's values again.
#
#   cause      RleBooleanEncoder.FlushValues (parquet/internal/encoding/boolean_encoder.go) does not empty bufferedValues.
#              Each page therefore holds all values of the chunk so far, its own last, and a reader takes as many from
#              the front as the page's header counts. No error is given, neither by the writer nor by the reader.
#   shown      Eight true, then eight false, as the library's own reader gives them: in PLAIN on two pages and in RLE on one
#              as they were written; in RLE on two pages sixteen true. The page size is 1 byte to have a page for each batch;
#              five million true and five million false with the default of 1 MiB were read as ten million true.
#   instead    PLAIN for booleans, the default; or row groups so short that a chunk of them is one page.
#   runtime    about 4 s, 35 s with a first download and build
#
# Seen on 2026-11-29 with Go 1.26.8:
#
#   PLAIN, data pages 2: [1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 0]
#   RLE, data pages 1: [1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 0]
#   RLE, data pages 2: [1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

// written is a file of one column of eight true and eight false, in batches of eight.
func written(encoding parquet.Encoding, pageSize int64) []byte {
	root := must(schema.NewGroupNode("schema", parquet.Repetitions.Required,
		schema.FieldList{schema.NewBooleanNode("b", parquet.Repetitions.Required, -1)}, -1))
	var out bytes.Buffer
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(parquet.NewWriterProperties(
		parquet.WithDictionaryDefault(false), parquet.WithEncoding(encoding), parquet.WithDataPageSize(pageSize))))
	rows := w.AppendRowGroup()
	column := must(rows.NextColumn()).(*file.BooleanColumnChunkWriter)
	for _, v := range []bool{true, false} {
		must(column.WriteBatch([]bool{v, v, v, v, v, v, v, v}, nil, nil))
	}
	check(column.Close())
	check(rows.Close())
	check(w.Close())
	return out.Bytes()
}

func shown(name string, b []byte) {
	r := must(file.NewParquetReader(bytes.NewReader(b)))
	pages := must(r.RowGroup(0).GetColumnPageReader(0))
	n := 0
	for pages.Next() {
		n++
	}
	check(pages.Err())
	column := must(r.RowGroup(0).Column(0)).(*file.BooleanColumnChunkReader)
	var got []int
	for column.HasNext() {
		values := make([]bool, 16)
		_, read, err := column.ReadBatch(16, values, nil, nil)
		check(err)
		for _, v := range values[:read] {
			got = append(got, map[bool]int{true: 1}[v])
		}
	}
	fmt.Printf("%s, data pages %d: %v\n", name, n, got)
}

func main() {
	shown("PLAIN", written(parquet.Encodings.Plain, 1))
	shown("RLE", written(parquet.Encodings.RLE, 1<<20))
	shown("RLE", written(parquet.Encodings.RLE, 1))
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
PLAIN, data pages 2: [1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 0]
RLE, data pages 1: [1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 0]
RLE, data pages 2: [1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1]
WANT
