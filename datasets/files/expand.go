package files

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// compressions are the endings of names of compressed text files.
var compressions = []string{".gz", ".zst"}

// Stem is a file's name without its ending, that of a compression too.
func Stem(name string) string {
	_, extension, compression := endings(name)
	return name[:len(name)-len(extension)-len(compression)]
}

// endings cuts the name of a file: .csv.gz is .csv and .gz. The extension is in small letters.
func endings(name string) (stem, extension, compression string) {
	for _, c := range compressions {
		if strings.HasSuffix(strings.ToLower(name), c) {
			name, compression = name[:len(name)-len(c)], c
		}
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || strings.ContainsAny(name[dot:], `/\`) {
		return name, "", compression
	}
	return name[:dot], strings.ToLower(name[dot:]), compression
}

// expand gives what a file compressed so holds, up to the limits. close frees the decoder.
func expand(file, compression string, in io.Reader, size int64) (out io.Reader, close func(), err error) {
	close = func() {}
	x := &expansion{file: file, format: "gzip", limit: min(MaxExpandedBytes, max(freeExpansion, size*MaxExpansion))}
	switch compression {
	case "":
		return in, close, nil
	case ".gz":
		x.in, err = gzip.NewReader(in)
	case ".zst":
		x.format = "zstd"
		var d *zstd.Decoder
		d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(MaxWindowBytes), zstd.WithDecoderMaxMemory(MaxExpandedBytes))
		if err == nil {
			x.in, close = d, d.Close
		}
	}
	if err != nil {
		return nil, close, x.refuse(err)
	}
	return x, close, nil
}

// expansion counts what comes out of a decoder.
type expansion struct {
	file, format string
	in           io.Reader
	bytes, limit int64
}

func (x *expansion) Read(p []byte) (int, error) {
	n, err := x.in.Read(p)
	if x.bytes += int64(n); x.bytes > x.limit {
		return 0, &Error{File: x.file, Message: fmt.Sprintf("expands to more than %d bytes, the limit for its size", x.limit),
			Hint: fmt.Sprintf("a compressed file may hold %d times its size, %d bytes at most: expand it, if it is no bomb", MaxExpansion, int64(MaxExpandedBytes))}
	}
	if err != nil && err != io.EOF {
		return n, x.refuse(err)
	}
	return n, err
}

// refuse says what is wrong with a compressed file.
func (x *expansion) refuse(err error) error {
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &Error{File: x.file, Message: fmt.Sprintf("asks for a window of more than %d bytes", MaxWindowBytes), Hint: "compress it without --ultra and --long"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{File: x.file, Message: "is truncated " + x.format}
	}
	return &Error{File: x.file, Message: "is not valid " + x.format, Err: plainFault(err), Hint: damagedHint}
}
