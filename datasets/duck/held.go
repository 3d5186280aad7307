package duck

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Column is a column of Held rows: BIGINT, HUGEINT, INTEGER, BOOLEAN or VARCHAR.
type Column struct {
	Name string
	Type duckdb.Type
}

// Limits are what Held rows may take: bytes of memory, and what does not fit there in a file, if it has a path. What has
// to be known of that file takes half as much memory again at most.
type Limits struct {
	Memory, Disk int64
	Path         string
}

// ErrFull is the error of rows beyond the limits.
var ErrFull = errors.New("duck: the rows take more room than there is")

// Held are rows that a DuckDB reads as a table function (Register), by columns, each packed into as few bytes as its
// values need, a vector of DuckDB's at a time. They lie outside of Go's heap, since the collector would let as much again
// lie beside them. Rows are put in before any are read, by one goroutine, the columns of a batch by several; readers are many.
type Held struct {
	columns []heldColumn
	limits  Limits
	pieces  []int // the rows of each block of a column
	pending int   // rows that are not in blocks yet

	mu             sync.Mutex // of what follows, while columns are packed
	arenas         [][]byte
	rest           []byte // of the last arena
	memory, inFile int64  // bytes
	file           *os.File
}

type heldColumn struct {
	Column
	rows    int
	blocks  []block
	pending []arrow.Array // fewer rows than a vector has, in memory of their own
}

const (
	// arenaBytes are taken from the system at once; a block of more than ownBytes has an arena of its own.
	arenaBytes = 1 << 20
	ownBytes   = 1 << 18
	// blockBytes is about what is known of a block beside its values.
	blockBytes = 64
)

// NewHeld begins with no rows. Close frees what they take.
func NewHeld(columns []Column, limits Limits) *Held {
	h := &Held{limits: limits}
	for _, c := range columns {
		h.columns = append(h.columns, heldColumn{Column: c})
	}
	return h
}

// vectorSize is how many rows a block has at most.
var vectorSize = int(mapping.VectorSize())

// Pack stores a column of the next rows, which Add counts once those of the other columns are stored: numbers and moments
// in Int64, dates in Date32, numbers of 128 bits in Decimal128. A column that misses some rows is NULL in all.
// The error is ErrFull, or of the system.
func (h *Held) Pack(column int, a arrow.Array) (err error) {
	c := &h.columns[column]
	if !holds(c.Type, a) {
		return fmt.Errorf("duck: an array of %s", a.DataType())
	}
	c.rows += a.Len()
	small := h.pending+a.Len() < vectorSize
	if len(c.pending) > 0 || small {
		if a, err = array.Concatenate(append(c.pending, a), memory.DefaultAllocator); err != nil {
			return err
		}
		c.pending = nil
	}
	if small {
		c.pending = []arrow.Array{a}
		return nil
	}
	return h.pack(c, a)
}

func (h *Held) pack(c *heldColumn, a arrow.Array) error {
	for i, b := range Measure(a) {
		from := i * vectorSize
		n := min(vectorSize, a.Len()-from)
		if err := h.store(&b, func(into []byte) { b.pack(into, a, from, n) }); err != nil {
			return err
		}
		c.blocks = append(c.blocks, b)
	}
	return nil
}

// Add counts rows whose columns are stored.
func (h *Held) Add(rows int) {
	if h.pending += rows; h.pending >= vectorSize {
		h.cut()
	}
}

func (h *Held) cut() {
	for ; h.pending > 0; h.pending -= h.pieces[len(h.pieces)-1] {
		h.pieces = append(h.pieces, min(vectorSize, h.pending))
	}
}

// Done ends the storing.
func (h *Held) Done() error {
	h.cut()
	rows := 0
	for _, n := range h.pieces {
		rows += n
	}
	for i := range h.columns {
		c := &h.columns[i]
		if c.rows != rows {
			c.blocks = nil
		} else if len(c.pending) > 0 {
			if err := h.pack(c, c.pending[0]); err != nil {
				return err
			}
		}
		c.pending = nil
	}
	return nil
}

// Packed is an array as it is stored.
type Packed []block

// Measure finds how an array is packed, and stores nothing.
func Measure(a arrow.Array) Packed {
	out := make(Packed, 0, a.Len()/vectorSize+1)
	for from := 0; from < a.Len(); from += vectorSize {
		out = append(out, measure(a, from, min(vectorSize, a.Len()-from)))
	}
	return out
}

// Bytes is about what it takes.
func (p Packed) Bytes() (size int64) {
	for _, b := range p {
		size += int64(b.size) + blockBytes
	}
	return size
}

// store finds a place for a block and has its bytes written there.
func (h *Held) store(b *block, write func(into []byte)) error {
	into, file, err := h.place(b)
	if err != nil {
		return err
	}
	if file == nil {
		write(into)
		return nil
	}
	into = make([]byte, b.size)
	write(into)
	_, err = file.WriteAt(into, b.offset)
	return err
}

// place gives memory for a block, or the file in which it has an offset.
func (h *Held) place(b *block) ([]byte, *os.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	size := (b.size + 7) &^ 7 // numbers lie where they may
	if h.memory += blockBytes; h.memory+int64(size) > h.limits.Memory {
		known := h.memory > h.limits.Memory/2*3 // too much of it about the blocks in the file
		if h.limits.Path == "" || h.inFile+int64(size) > h.limits.Disk || known {
			return nil, nil, ErrFull
		}
		if h.file == nil {
			var err error
			if h.file, err = os.OpenFile(h.limits.Path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
				return nil, nil, err
			}
		}
		b.offset = h.inFile
		h.inFile += int64(size)
		return nil, h.file, nil
	}
	h.memory += int64(size)
	if size > len(h.rest) {
		arena, err := syscall.Mmap(-1, 0, max(size, arenaBytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return nil, nil, fmt.Errorf("taking memory for rows: %w", err)
		}
		h.arenas = append(h.arenas, arena)
		if size > ownBytes {
			b.bytes = arena[:b.size]
			return b.bytes, nil, nil
		}
		h.rest = arena
	}
	b.bytes, h.rest = h.rest[:b.size:b.size], h.rest[size:]
	return b.bytes, nil, nil
}

// Bytes are what the rows take of memory, and of the file.
func (h *Held) Bytes() (memory, file int64) { return h.memory, h.inFile }

// Close frees the rows, which nobody reads any more. The file stays.
func (h *Held) Close() error {
	var err error
	for _, arena := range h.arenas {
		err = errors.Join(err, syscall.Munmap(arena))
	}
	if h.file != nil {
		err = errors.Join(err, h.file.Close())
	}
	h.arenas, h.rest, h.columns, h.file = nil, nil, nil, nil
	return err
}
