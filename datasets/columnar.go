package datasets

import (
	"bytes"
	"context"
	"errors"
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
	file   string
	f      *os.File
	info   os.FileInfo
	stream bool
	schema *arrow.Schema
}

// The marks of the two formats.
const arrowMagic = "ARROW1"

var (
	endOfStream = []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}
	// shortEnd is the mark of streams written before Arrow 0.15.
	shortEnd = []byte{0, 0, 0, 0}
)

func openArrow(_ context.Context, file string, f *os.File, _ Options) (source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: plainCause(err)}
	}
	s := &arrowSource{file: file, f: f, info: info}
	head, tail := make([]byte, len(arrowMagic)), make([]byte, len(endOfStream))
	if info.Size() < int64(len(tail)) {
		return nil, &Error{File: file, Message: "is not Arrow IPC"}
	}
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: plainCause(err)}
	}
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return nil, &Error{File: file, Message: "cannot be read", Err: plainCause(err)}
	}
	switch {
	case string(head) == arrowMagic:
		if !bytes.HasSuffix(tail, []byte(arrowMagic)) {
			return nil, &Error{File: file, Message: "is a truncated Arrow file", Hint: "its end is missing"}
		}
	case bytes.HasPrefix(head, []byte("FEA1")):
		return nil, &Error{File: file, Message: "is Feather version 1", Hint: "write it as version 2, which is Arrow IPC"}
	default:
		s.stream = true
		if !bytes.Equal(tail, endOfStream) && !bytes.HasSuffix(tail, shortEnd) {
			return nil, &Error{File: file, Message: "is not Arrow IPC, or a truncated stream of it", Hint: "the mark at the end is missing"}
		}
	}
	err = s.guarded(func() error {
		check := checkArrowFile
		if s.stream {
			check = checkArrowStream
		}
		if err := check(f, info.Size()); err != nil {
			return err
		}
		r, err := s.open()
		if err != nil {
			return err
		}
		s.schema = r.schema()
		r.close()
		return nil
	})
	if err != nil {
		return nil, err
	}
	names := make([]string, s.schema.NumFields())
	for i := range names {
		names[i] = s.schema.Field(i).Name
	}
	return s, checkNames(file, names, nil)
}

// guarded turns errors and panics of the Arrow library, which meets whatever a
// file holds, into errors about the file.
func (s *arrowSource) guarded(work func() error) error { return guard(s.file, "Arrow IPC", work) }

func guard(file, format string, work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{File: file, Message: "is not valid " + format, Err: fmt.Errorf("%v", p), Hint: "is it truncated or damaged?"}
		}
	}()
	err = work()
	var ours *Error
	if err == nil || errors.As(err, &ours) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{File: file, Message: "is not valid " + format, Err: err, Hint: "is it truncated or damaged?"}
}

// arrowReader is what the readers of both formats have in common.
type arrowReader struct {
	schema func() *arrow.Schema
	next   func() (arrow.Record, error) // io.EOF at the end
	close  func()
}

func (s *arrowSource) open() (*arrowReader, error) {
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return nil, &Error{File: s.file, Message: "cannot be read", Err: plainCause(err)}
	}
	if s.stream {
		r, err := ipc.NewReader(s.f, ipc.WithAllocator(bounded))
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
	r, err := ipc.NewFileReader(s.f, ipc.WithAllocator(bounded))
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

func (s *arrowSource) columns() []sourceColumn {
	out := make([]sourceColumn, s.schema.NumFields())
	for i, f := range s.schema.Fields() {
		out[i] = sourceColumn{name: f.Name, arrow: f.Type}
	}
	return out
}

func (s *arrowSource) close() error { return s.f.Close() }

func (s *arrowSource) scan(ctx context.Context, wanted []int, visit func(*batch) error) error {
	err := s.guarded(func() error {
		r, err := s.open()
		if err != nil {
			return err
		}
		defer r.close()
		if !r.schema().Equal(s.schema) {
			return &Error{File: s.file, Message: "changed while it was being read"}
		}
		first := int64(1)
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			record, err := r.next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := eachSlice(record, wanted, first, visit); err != nil {
				return err
			}
			first += record.NumRows()
		}
	})
	if err != nil {
		return err
	}
	return unchanged(s.file, s.f, s.info)
}

// eachSlice visits a record, which a file may make as long as it likes, in
// batches.
func eachSlice(record arrow.Record, wanted []int, first int64, visit func(*batch) error) error {
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
		b := &batch{rows: to - from, first: first + int64(from), columns: make([]arrow.Array, record.NumCols())}
		for _, i := range wanted {
			b.columns[i] = array.NewSlice(record.Column(i), int64(from), int64(to))
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
		panic(fmt.Sprintf("a buffer of %d bytes; the limit is %d", size, MaxBufferBytes))
	}
}
