package files

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowSource is a file of Arrow IPC, in the file or the stream format
// (README, section 2.3).
type arrowSource struct {
	guard
	f       *os.File
	info    os.FileInfo
	streams []span // where they lie; nil for the file format
	schema  *arrow.Schema
	names   []string // of the columns, and notes about them
	notes   []string
}

// The marks of the two formats.
const arrowMagic = "ARROW1"

var (
	endOfStream = []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}
	// shortEnd is the mark of streams written before Arrow 0.15.
	shortEnd = []byte{0, 0, 0, 0}
)

func openArrow(_ context.Context, file string, f *os.File, _ Options) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: PlainCause(err)}
	}
	s := &arrowSource{guard: guard{file: file, format: "Arrow IPC"}, f: f, info: info}
	head, tail := make([]byte, len(arrowMagic)), make([]byte, len(endOfStream))
	if info.Size() < int64(len(tail)) {
		return nil, &Error{File: file, Message: "is not Arrow IPC"}
	}
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: PlainCause(err)}
	}
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: PlainCause(err)}
	}
	switch {
	case string(head) == arrowMagic:
		if !bytes.HasSuffix(tail, []byte(arrowMagic)) {
			return nil, &Error{File: file, Message: "is a truncated Arrow file", Hint: "its end is missing"}
		}
	case bytes.HasPrefix(head, []byte("FEA1")):
		return nil, &Error{File: file, Message: "is Feather version 1", Hint: "write it as version 2, which is Arrow IPC"}
	default:
		if !bytes.Equal(tail, endOfStream) && !bytes.HasSuffix(tail, shortEnd) {
			return nil, &Error{File: file, Message: "is not Arrow IPC, or a truncated stream of it", Hint: "the mark at the end is missing"}
		}
	}
	if err := s.run(func() error { return s.inspect(string(head) == arrowMagic) }); err != nil {
		return nil, err
	}
	s.names = make([]string, s.schema.NumFields())
	for i := range s.names {
		s.names[i] = s.schema.Field(i).Name
	}
	s.notes, err = nameColumns(file, s.names, true, nil)
	return s, err
}

// inspect checks all metadata and takes the schema, which all streams share.
func (s *arrowSource) inspect(isFile bool) (err error) {
	if isFile {
		err = checkArrowFile(s.f, s.info.Size())
	} else {
		s.streams, err = checkArrowStreams(s.f, s.info.Size())
	}
	if err != nil {
		return err
	}
	for i := range s.parts() {
		r, err := s.open(i)
		if err != nil {
			return err
		}
		schema := r.schema()
		r.close()
		if s.schema == nil {
			s.schema = schema
		} else if !schema.Equal(s.schema) {
			return Errorf(s.file, "the stream at offset %d has other columns than the first", s.streams[i].from)
		}
	}
	return nil
}

// parts is how many times a reader has to be opened to see all rows.
func (s *arrowSource) parts() int { return max(1, len(s.streams)) }

// arrowReader is what the readers of both formats have in common.
type arrowReader struct {
	schema func() *arrow.Schema
	next   func() (arrow.Record, error) // io.EOF at the end
	close  func()
}

func (s *arrowSource) open(part int) (*arrowReader, error) {
	if s.streams != nil {
		at := s.streams[part]
		r, err := ipc.NewReader(io.NewSectionReader(s.f, at.from, at.to-at.from), ipc.WithAllocator(bounded))
		if err != nil {
			return nil, err
		}
		return &arrowReader{schema: r.Schema, close: r.Release, next: func() (arrow.Record, error) {
			if !r.Next() {
				if err := r.Err(); err != nil {
					return nil, err
				}
				return nil, io.EOF
			}
			return r.Record(), nil
		}}, nil
	}
	r, err := ipc.NewFileReader(io.NewSectionReader(s.f, 0, s.info.Size()), ipc.WithAllocator(bounded))
	if err != nil {
		return nil, err
	}
	at := 0
	return &arrowReader{schema: r.Schema, close: func() { r.Close() }, next: func() (arrow.Record, error) {
		if at == r.NumRecords() {
			return nil, io.EOF
		}
		at++
		return r.RecordAt(at - 1)
	}}, nil
}

func (s *arrowSource) Columns() []Column {
	out := make([]Column, s.schema.NumFields())
	for i, f := range s.schema.Fields() {
		out[i] = Column{Name: s.names[i], Arrow: f.Type}
	}
	return out
}

func (s *arrowSource) Notes() []string { return s.notes }

func (s *arrowSource) Close() error { return s.f.Close() }

func (s *arrowSource) Scan(ctx context.Context, wanted []int, visit func(*Batch) error) error {
	err := s.run(func() error {
		first := int64(1)
		for part := range s.parts() {
			var err error
			if first, err = s.scanPart(ctx, part, wanted, first, visit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return unchanged(s.file, s.f, s.info)
}

// scanPart visits the rows of one stream, or of a file; first is the number of
// its first row, and it gives that of the row behind its last.
func (s *arrowSource) scanPart(ctx context.Context, part int, wanted []int, first int64, visit func(*Batch) error) (int64, error) {
	r, err := s.open(part)
	if err != nil {
		return 0, err
	}
	defer r.close()
	if !r.schema().Equal(s.schema) {
		return 0, &Error{File: s.file, Message: "changed while it was being read"}
	}
	for batch := 1; ; batch++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s.part = fmt.Sprintf("record batch %d", batch)
		if len(s.streams) > 1 {
			s.part += fmt.Sprintf(" of stream %d", part+1)
		}
		record, err := r.next()
		if err == io.EOF {
			s.part = ""
			return first, nil
		}
		if err != nil {
			return 0, err
		}
		if err := eachSlice(record, wanted, first, visit); err != nil {
			return 0, err
		}
		first += record.NumRows()
	}
}

// eachSlice visits a record, which a file may make as long as it likes, in
// batches.
func eachSlice(record arrow.Record, wanted []int, first int64, visit func(*Batch) error) error {
	rows := int(record.NumRows())
	if rows < 0 || rows > MaxRows {
		return fmt.Errorf("a batch of %d rows", rows)
	}
	for _, i := range wanted {
		if record.Column(i).Len() != rows {
			return fmt.Errorf("a column has %d values in a batch of %d rows", record.Column(i).Len(), rows)
		}
	}
	for from := 0; from < rows; from += batchRows {
		to := min(rows, from+batchRows)
		b := &Batch{Rows: to - from, First: first + int64(from), Columns: make([]arrow.Array, record.NumCols())}
		for _, i := range wanted {
			b.Columns[i] = array.NewSlice(record.Column(i), int64(from), int64(to))
		}
		if err := visit(b); err != nil {
			return err
		}
	}
	return nil
}

// boundedAllocator is Go's heap with a limit on single buffers: a length in a
// damaged file must not exhaust the memory. Beyond it, it panics, which guard
// turns into an error.
type boundedAllocator struct{ *memory.GoAllocator }

var bounded = boundedAllocator{memory.NewGoAllocator()}

func (a boundedAllocator) Allocate(size int) []byte {
	checkBuffer(size)
	return a.GoAllocator.Allocate(size)
}

func (a boundedAllocator) Reallocate(size int, b []byte) []byte {
	checkBuffer(size)
	return a.GoAllocator.Reallocate(size, b)
}

func checkBuffer(size int) {
	if size < 0 || size > MaxBufferBytes {
		panic(&Error{Message: fmt.Sprintf("asks for a buffer of %d bytes; the limit is %d", size, MaxBufferBytes), Hint: damagedHint})
	}
}
