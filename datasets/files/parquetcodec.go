package files

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

type parquetCompression = compress.Compression

// lz4Raw is the compression that the library does not know.
const lz4Raw = parquetCompression(7)

// codec decompresses pages. The length of what comes out is known before, and
// no page can make it longer.
type codec struct {
	name   string
	decode func(dst, src []byte) ([]byte, error) // dst has that length
}

const uncompressed = "UNCOMPRESSED"

// codecOf refuses a compression by its name.
func codecOf(c parquetCompression) (codec, *Error) {
	switch c {
	case compress.Codecs.Uncompressed:
		return codec{uncompressed, func(_, src []byte) ([]byte, error) { return src, nil }}, nil
	case compress.Codecs.Snappy:
		return codec{"SNAPPY", func(dst, src []byte) ([]byte, error) {
			if n, k := binary.Uvarint(src); k <= 0 || n != uint64(len(dst)) {
				return nil, fmt.Errorf("it has another length than its header says")
			}
			return library(c, dst, src)
		}}, nil
	case compress.Codecs.Gzip:
		return codec{"GZIP", func(dst, src []byte) ([]byte, error) { return library(c, dst, src) }}, nil
	case compress.Codecs.Brotli:
		return codec{"BROTLI", func(dst, src []byte) ([]byte, error) { return library(c, dst, src) }}, nil
	case compress.Codecs.Zstd: // the library's has no limit of what comes out
		return codec{"ZSTD", func(dst, src []byte) ([]byte, error) { return zstdDecoder().DecodeAll(src, dst[:0:len(dst)]) }}, nil
	case lz4Raw:
		return codec{"LZ4_RAW", func(dst, src []byte) ([]byte, error) {
			n, err := lz4.UncompressBlock(src, dst)
			return dst[:max(0, n)], err
		}}, nil
	}
	name := fmt.Sprintf("number %d", int32(c))
	switch c {
	case compress.Codecs.Lzo:
		name = "LZO"
	case compress.Codecs.Lz4:
		name = "LZ4"
	}
	return codec{}, &Error{Message: "is in the compression " + name + ", which is not supported",
		Hint: "write the file with SNAPPY, GZIP, BROTLI, ZSTD, LZ4_RAW or no compression"}
}

// library decompresses with the Parquet library, which panics with its errors.
func library(c parquetCompression, dst, src []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	how, err := compress.GetCodec(c)
	if err != nil {
		return nil, err
	}
	return how.Decode(dst, src), nil
}

var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(MaxBufferBytes))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})

// unpack decompresses to exactly so many bytes, into a room of so many if there is one. What comes out may be src.
func (c codec) unpack(room, src []byte, size int) ([]byte, error) {
	if size == 0 { // some writers compress nothing to nothing
		return nil, nil
	}
	if c.name == uncompressed {
		if len(src) != size {
			return nil, fmt.Errorf("it has %d bytes and its header says %d", len(src), size)
		}
		return src, nil
	}
	if room == nil {
		room = make([]byte, size)
	}
	out, err := c.decode(room, src)
	if err == nil && len(out) != size {
		err = fmt.Errorf("%d bytes come out and its header says %d", len(out), size)
	}
	if err != nil {
		return nil, fmt.Errorf("it cannot be decompressed (%s): %w", c.name, plainFault(err))
	}
	return out, nil
}
