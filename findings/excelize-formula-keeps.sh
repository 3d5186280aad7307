#!/usr/bin/env bash
# excelize v2.11.1 (module github.com/xuri/excelize/v2): a formula that is set over a value keeps that value as its own
# cached result, and a double is written with 15 digits.
#
# A good guess: SetCellFormula makes a cell whose value is not known until something computes it, and SetCellValue of a
# float64 stores the number. What reads cached values, as databases and Parquet converters do, takes the old value for the
# formula's; UpdateLinkedValue clears them. 15 digits are what Excel shows, not what a double holds.
#
# Seen on 2026-11-29 with Go 1.26.8:
#
#   A1 = 7, then the formula 1+1: the file has <v>7</v>
#   B1 = the double 0.1+0.2, 0.30000000000000004: the file has <v>0.300000000000000</v>
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"regexp"

	"github.com/xuri/excelize/v2"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	book := excelize.NewFile()
	tenth, fifth := 0.1, 0.2
	check(book.SetCellValue("Sheet1", "A1", 7))
	check(book.SetCellFormula("Sheet1", "A1", "1+1"))
	check(book.SetCellValue("Sheet1", "B1", tenth+fifth))
	raw, err := book.WriteToBuffer()
	check(err)
	archive, err := zip.NewReader(bytes.NewReader(raw.Bytes()), int64(raw.Len()))
	check(err)
	sheet, err := archive.Open("xl/worksheets/sheet1.xml")
	check(err)
	text, err := io.ReadAll(sheet)
	check(err)
	values := regexp.MustCompile(`<v>[^<]*</v>`).FindAllString(string(text), -1)
	fmt.Println("A1 = 7, then the formula 1+1: the file has", values[0])
	fmt.Printf("B1 = the double 0.1+0.2, %v: the file has %s\n", tenth+fifth, values[1])
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require github.com/xuri/excelize/v2 v2.11.1
MOD
GOFLAGS=-mod=mod go run . >seen
cat seen
diff - seen <<'WANT' || { echo "the behaviour has changed"; exit 1; }
A1 = 7, then the formula 1+1: the file has <v>7</v>
B1 = the double 0.1+0.2, 0.30000000000000004: the file has <v>0.300000000000000</v>
WANT
