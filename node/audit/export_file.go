package audit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"parley/engine"
	"parley/node/exchange"
	"parley/node/ledger"
	"parley/protocols"
)

// An export (README section 13) is a line, then frames: kind u8, length u32
// big-endian, as many bytes. In this order:
//
//	genesis   the network's founding description, without names, canonical
//	for each block from the first:
//	  block   as the ledger encodes it
//	  seal    of the last block only: its own signatures
//	  for each blob that the block's entries are the first to commit to, in their order:
//	    blob  its bytes, of exactly its size; or
//	    gone  empty: nobody who was asked holds it
//	end       empty
//
// No byte is free: blocks are signed, blobs are named by digests in them, the
// genesis has the id that everything is signed for, and the rest has one
// spelling.
const (
	exportMagic       = "parley export 1\n"
	exportFrameHeader = 5
	exportBuffer      = 256 << 10
)

type frameKind byte

const (
	frameGenesis frameKind = 'G'
	frameBlock   frameKind = 'B'
	frameSeal    frameKind = 'S'
	frameBlob    frameKind = 'D'
	frameGone    frameKind = 'M'
	frameEnd     frameKind = 'E'
)

var frameNames = map[frameKind]string{frameGenesis: "the genesis", frameBlock: "a block", frameSeal: "the last block's signatures",
	frameBlob: "a blob", frameGone: "a missing blob", frameEnd: "the end"}

func (k frameKind) String() string {
	if name := frameNames[k]; name != "" {
		return name
	}
	return fmt.Sprintf("a frame of the unknown kind %d", byte(k))
}

// exportWriter writes frames.
type exportWriter struct {
	w     *bufio.Writer
	bytes int64
}

func newExportWriter(w io.Writer) (*exportWriter, error) {
	x := &exportWriter{w: bufio.NewWriterSize(w, exportBuffer), bytes: int64(len(exportMagic))}
	_, err := x.w.WriteString(exportMagic)
	return x, err
}

func (x *exportWriter) Frame(kind frameKind, payload []byte) error {
	var header [exportFrameHeader]byte
	header[0] = byte(kind)
	binary.BigEndian.PutUint32(header[1:], uint32(len(payload)))
	_, err := x.w.Write(header[:])
	if err == nil {
		_, err = x.w.Write(payload)
	}
	x.bytes += int64(exportFrameHeader + len(payload))
	return err
}

// exportError says where an export is wrong, as far as it is known: at which
// byte of the file, in which block, record, blob.
type exportError struct {
	Offset int64
	Block  uint64
	Record uint64
	Blob   engine.Digest
	Reason error
}

func (e *exportError) Error() string {
	places := []string{fmt.Sprintf("byte %d", e.Offset)}
	if e.Block > 0 {
		places = append(places, fmt.Sprintf("block %d", e.Block))
	}
	if e.Record > 0 {
		places = append(places, fmt.Sprintf("record %d", e.Record))
	}
	if e.Blob != (engine.Digest{}) {
		places = append(places, "blob "+e.Blob.String())
	}
	return strings.Join(places, ", ") + ": " + e.Reason.Error()
}

func (e *exportError) Unwrap() error { return e.Reason }

// IsExport reports whether a file begins as an export does.
func IsExport(file []byte) bool { return bytes.HasPrefix(file, []byte(exportMagic)) }

// anotherFile is what is wrong with a file as a whole: it is not the one that was meant.
type anotherFile struct{ error }

// exportReader reads frames. It never holds more than one, nor more than the
// file has.
type exportReader struct {
	r     *bufio.Reader
	at    int64 // of the next frame
	frame int64 // where the last one began
	size  int64 // of the file
}

func newExportReader(file io.ReaderAt, size int64) (*exportReader, error) {
	x := &exportReader{r: bufio.NewReaderSize(io.NewSectionReader(file, 0, size), exportBuffer), size: size}
	magic := make([]byte, len(exportMagic))
	if _, err := io.ReadFull(x.r, magic); err != nil || string(magic) != exportMagic {
		return nil, anotherFile{errors.New("this is no export of a ledger")}
	}
	x.at = int64(len(magic))
	x.frame = x.at
	return x, nil
}

func (x *exportReader) wrong(reason error) *exportError {
	return &exportError{Offset: x.frame, Reason: reason}
}

// Peek is the kind of the next frame; 0 at the end of the file.
func (x *exportReader) Peek() frameKind {
	b, err := x.r.Peek(1)
	if err != nil {
		return 0
	}
	return frameKind(b[0])
}

// Next reads a frame of this kind with at most limit bytes.
func (x *exportReader) Next(kind frameKind, limit int) ([]byte, error) {
	x.frame = x.at
	var header [exportFrameHeader]byte
	if _, err := io.ReadFull(x.r, header[:]); err != nil {
		return nil, x.cut(err, kind)
	}
	if got := frameKind(header[0]); got != kind {
		return nil, x.wrong(fmt.Errorf("here stands %s in place of %s", got, kind))
	}
	length := int64(binary.BigEndian.Uint32(header[1:]))
	x.at += exportFrameHeader
	switch {
	case length > int64(limit):
		return nil, x.wrong(fmt.Errorf("%s of %d bytes, at most %d are allowed", kind, length, limit))
	case length > x.size-x.at:
		return nil, x.cut(io.ErrUnexpectedEOF, kind)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(x.r, payload); err != nil {
		return nil, x.cut(err, kind)
	}
	x.at += length
	return payload, nil
}

func (x *exportReader) cut(err error, kind frameKind) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return x.wrong(fmt.Errorf("the file ends within or before %s", kind))
	}
	return x.wrong(err)
}

// Genesis reads the first frame.
func (x *exportReader) Genesis() (*protocols.Network, error) {
	b, err := x.Next(frameGenesis, protocols.MaxNetworkBytes)
	if err != nil {
		return nil, err
	}
	n := new(protocols.Network)
	if err := engine.Unmarshal(b, n); err != nil {
		return nil, x.wrong(fmt.Errorf("the genesis: %w", err))
	}
	for _, m := range append(append([]protocols.Member(nil), n.Departments...), n.Auditors...) {
		if m.Name != "" {
			return nil, x.wrong(errors.New("the genesis: names follow from the ledger and have no place in it"))
		}
	}
	if err := n.Validate(false); err != nil {
		return nil, x.wrong(fmt.Errorf("the genesis: %w", err))
	}
	return n, nil
}

// Block reads a block, and its seal if it is the last one.
func (x *exportReader) Block(height uint64) (ledger.Block, error) {
	b, err := x.Next(frameBlock, ledger.MaxBlock)
	if err != nil {
		return ledger.Block{}, err
	}
	out := ledger.Block{Height: height, Bytes: b}
	if x.Peek() == frameSeal {
		at := x.frame
		out.Seal, err = x.Next(frameSeal, exchange.SealLimit)
		x.frame = at
	}
	return out, err
}

// End reads the last frame, after which there is nothing.
func (x *exportReader) End() error {
	if _, err := x.Next(frameEnd, 0); err != nil {
		return err
	}
	if x.at != x.size {
		x.frame = x.at
		return x.wrong(errors.New("there is more after the end"))
	}
	return nil
}
