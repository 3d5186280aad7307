package files

import "parley/engine"

// Limits of one file. A file beyond one of them is refused, naming it
// (README, section 9).
const (
	// MaxFiles is how many files one table may consist of.
	MaxFiles = 1024
	// MaxFileBytes is the size of one file on disk.
	MaxFileBytes = 64 << 30
	// MaxExpandedBytes is the size of what a compressed file holds.
	MaxExpandedBytes = MaxFileBytes
	// MaxExpansion is how many times the size of its file that may be, once it is above
	// freeExpansion: rows of a table do not compress further, bombs do.
	MaxExpansion  = 256
	freeExpansion = 32 << 20
	// MaxWindowBytes is the largest window of zstd: what a frame asks to have in memory.
	MaxWindowBytes = 128 << 20
	// MaxSkip is how many lines may stand before the header.
	MaxSkip = 10_000
	// MaxColumns is how many columns a table may have.
	MaxColumns = engine.MaxColumns
	// MaxRows is how many rows a table may have, over all its files.
	MaxRows = 1 << 30
	// MaxFieldBytes is the length of one value as UTF-8 text.
	MaxFieldBytes = 64 << 10
	// MaxRecordBytes is the length of one row of a text file.
	MaxRecordBytes = 16 << 20
	// MaxNameBytes is the length of a column's name.
	MaxNameBytes = engine.MaxNameBytes
	// MaxScale is the most decimal places that a number may have.
	MaxScale = engine.MaxScale
	// MaxDigits is the most digits of a number at its column's scale; what has
	// no more stays below 2^127.
	MaxDigits = engine.MaxDecimalDigits
	// MaxExponent is the largest exponent, either way, of a number in
	// scientific notation.
	MaxExponent = 99
	// MaxNumeral is the room for a number as it is written: longer ones are read too.
	MaxNumeral = 48
	// MaxBufferBytes is the largest single buffer that reading a Parquet or
	// Arrow file may ask for.
	MaxBufferBytes = 1 << 30

	// batchRows is the number of rows of a record batch.
	batchRows = 8192
	// batchBytes is the size of the text of a batch of a text file above which
	// it ends early.
	batchBytes = 8 << 20
)
