#!/usr/bin/env bash
# apache/arrow/go v17.0.0 (module github.com/apache/arrow/go/v17), read too by DuckDB 1.5.6 (module
# github.com/duckdb/duckdb-go/v2 v2.10506.0): a Parquet column of texts that is written in the encoding DELTA_BYTE_ARRAY has
# pages that cannot be read alone, from a chunk's second on.
#
# A good guess: each page begins with a prefix length of 0, as a page is "an indivisible unit (in terms of compression and
# encoding)" in the README of parquet-format. Its Encodings.md does not say it in so many words.
#
#   cause      DeltaByteArrayEncoder (parquet/internal/encoding/delta_byte_array.go): FlushValues keeps lastVal, and Put
#              begins with a whole value only when it has no encoders yet, which is before the first page. The library does
#              not notice: DeltaByteArrayDecoder.SetData keeps lastVal from page to page as well.
#   shown      Four texts on one page, then on two, by a page size of 1 byte: the prefix length that each page begins with,
#              and what the library and DuckDB read. With the default of 1 MiB (500,000 texts, 8 pages) it was the same.
#   instead    a dictionary (the default), PLAIN or DELTA_LENGTH_BYTE_ARRAY; or row groups so short that a chunk is one page.
#              Who reads such files has to keep the last value of the page before.
#   runtime    about 13 s, 100 s with a first download and build
#
# Seen on 2026-11-29 with Go 1.26.8:
#
#   data pages 1, their first prefix lengths [0]
#     the library reads [apple-1 apple-2 apple-3 apple-4]
#     DuckDB reads [apple-1 apple-2 apple-3 apple-4]
#   data pages 2, their first prefix lengths [0 6]
#     the library reads [apple-1 apple-2 apple-3 apple-4]
#     DuckDB refuses it: Invalid Error: DELTA_BYTE_ARRAY - prefix is out of range - corrupt file?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
	_ "github.com/duckdb/duckdb-go/v2"
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

// written is a file of one column of four texts, in batches of two.
func written(pageSize int64) []byte {
	texts := must(schema.NewPrimitiveNodeLogical("s", parquet.Repetitions.Required, schema.StringLogicalType{},
		parquet.Types.ByteArray, 0, -1))
	root := must(schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{texts}, -1))
	var out bytes.Buffer
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(parquet.NewWriterProperties(
		parquet.WithDictionaryDefault(false), parquet.WithEncoding(parquet.Encodings.DeltaByteArray),
		parquet.WithDataPageSize(pageSize))))
	rows := w.AppendRowGroup()
	column := must(rows.NextColumn()).(*file.ByteArrayColumnChunkWriter)
	for _, pair := range [][2]string{{"apple-1", "apple-2"}, {"apple-3", "apple-4"}} {
		must(column.WriteBatch([]parquet.ByteArray{[]byte(pair[0]), []byte(pair[1])}, nil, nil))
	}
	check(column.Close())
	check(rows.Close())
	check(w.Close())
	return out.Bytes()
}

// firstPrefix is how much of the value before it the first value of a page takes over: the first value of the page's
// DELTA_BINARY_PACKED prefix lengths, which comes after the size of a block, the number of miniblocks and that of values.
func firstPrefix(page []byte) int64 {
	for range 3 {
		_, n := binary.Uvarint(page)
		page = page[n:]
	}
	prefix, _ := binary.Varint(page)
	return prefix
}

func shown(b []byte) {
	r := must(file.NewParquetReader(bytes.NewReader(b)))
	pages := must(r.RowGroup(0).GetColumnPageReader(0))
	var prefixes []int64
	for pages.Next() {
		prefixes = append(prefixes, firstPrefix(pages.Page().Data()))
	}
	check(pages.Err())
	fmt.Printf("data pages %d, their first prefix lengths %v\n", len(prefixes), prefixes)

	column := must(r.RowGroup(0).Column(0)).(*file.ByteArrayColumnChunkReader)
	var got []string
	for column.HasNext() {
		values := make([]parquet.ByteArray, 4)
		_, read, err := column.ReadBatch(4, values, nil, nil)
		check(err)
		for _, v := range values[:read] {
			got = append(got, string(v))
		}
	}
	fmt.Println("  the library reads", got)

	check(os.WriteFile("s.parquet", b, 0o600))
	db := must(sql.Open("duckdb", ""))
	defer db.Close()
	var texts string
	if err := db.QueryRow("SELECT string_agg(s, ' ') FROM read_parquet('s.parquet')").Scan(&texts); err != nil {
		fmt.Println("  DuckDB refuses it:", err)
	} else {
		fmt.Printf("  DuckDB reads [%s]\n", texts)
	}
}

func main() {
	shown(written(1 << 20))
	shown(written(1))
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/apache/arrow/go/v17 v17.0.0
	github.com/duckdb/duckdb-go/v2 v2.10506.0
)
MOD
GOFLAGS=-mod=mod go run . >seen
cat seen
diff - seen <<'WANT' || { echo "the behaviour has changed"; exit 1; }
data pages 1, their first prefix lengths [0]
  the library reads [apple-1 apple-2 apple-3 apple-4]
  DuckDB reads [apple-1 apple-2 apple-3 apple-4]
data pages 2, their first prefix lengths [0 6]
  the library reads [apple-1 apple-2 apple-3 apple-4]
  DuckDB refuses it: Invalid Error: DELTA_BYTE_ARRAY - prefix is out of range - corrupt file?
WANT
