package datasets

import "github.com/apache/arrow/go/v17/parquet/compress"

// What the tests write themselves of Arrow's and Parquet's formats, by their specifications.
const (
	ipcMagic = "ARROW1"
	ipcStart = 8 // of the first message of a file

	parMagic    = "PAR1"
	pageV1      = 0
	pageDict    = 2
	pageV2      = 3
	codecLZ4Raw = compress.Compression(7)

	compactTrue   = 1
	compactFalse  = 2
	compactStruct = 12

	// manyRows are more than the rows of one batch.
	manyRows = 8192
)

var (
	ipcEnd      = []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}
	ipcShortEnd = []byte{0, 0, 0, 0} // before Arrow 0.15
)
