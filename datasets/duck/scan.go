package duck

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Register makes the rows what the table function of a name gives in a DuckDB: FROM name(). Those who read them have
// ended before Close.
func (h *Held) Register(ctx context.Context, db *sql.DB, name string) error {
	if chunkFault != nil {
		return chunkFault
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var infos []duckdb.ColumnInfo
	for _, c := range h.columns {
		t, err := duckdb.NewTypeInfo(c.Type)
		if err != nil {
			return err
		}
		infos = append(infos, duckdb.ColumnInfo{Name: c.Name, T: t})
	}
	return duckdb.RegisterTableUDF(conn, name, duckdb.ParallelChunkTableFunction{
		BindArguments: func(map[string]any, ...any) (duckdb.ParallelChunkTableSource, error) {
			return &scan{held: h, infos: infos}, nil
		}})
}

// scan is one reading of held rows by a statement (duckdb.ParallelChunkTableSource).
type scan struct {
	held  *Held
	infos []duckdb.ColumnInfo
	next  atomic.Int64 // piece
}

func (s *scan) ColumnInfos() []duckdb.ColumnInfo { return s.infos }

func (s *scan) Cardinality() *duckdb.CardinalityInfo {
	return &duckdb.CardinalityInfo{Cardinality: uint(len(s.held.pieces) * vectorSize)}
}

func (s *scan) Init() duckdb.ParallelTableSourceInfo {
	s.next.Store(0)
	return duckdb.ParallelTableSourceInfo{MaxThreads: Threads}
}

// scratch is what a thread reads from the file.
type scratch struct{ bytes []byte }

func (s *scan) NewLocalState() any { return &scratch{} }

// FillChunk gives the next piece. A panic would end the process, as it is DuckDB that calls.
func (s *scan) FillChunk(local any, chunk duckdb.DataChunk) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("duck: rows that were stored are damaged: %v", fault)
		}
	}()
	at := int(s.next.Add(1)) - 1
	if at >= len(s.held.pieces) {
		return chunk.SetSize(0)
	}
	rows, into := s.held.pieces[at], native(&chunk)
	for i := range s.held.columns {
		c, to := &s.held.columns[i], into.projection[i]
		if to < 0 {
			continue
		}
		b := &block{nulls: allNull}
		if at < len(c.blocks) {
			b = &c.blocks[at]
		}
		bytes := b.bytes
		if bytes == nil && b.size > 0 {
			if bytes, err = s.held.read(b, local.(*scratch)); err != nil {
				return err
			}
		}
		b.fill(mapping.DataChunkGetVector(into.chunk, mapping.IdxT(to)), c.Type, bytes, rows)
	}
	return chunk.SetSize(rows)
}

// read gets a block from the file.
func (h *Held) read(b *block, into *scratch) ([]byte, error) {
	if cap(into.bytes) < b.size {
		into.bytes = make([]byte, b.size)
	}
	bytes := into.bytes[:b.size]
	if _, err := h.file.ReadAt(bytes, b.offset); err != nil {
		return nil, fmt.Errorf("reading rows from the spilled file: %w", err)
	}
	return bytes, nil
}

// nativeChunk is what is behind a chunk of the driver's, which it hands out by single values only: it is read where
// the driver keeps it. A version that keeps it elsewhere opens no table, which a test would tell.
type nativeChunk struct {
	chunk      mapping.DataChunk
	projection []int // for each column of the function, its place in the chunk, or −1
}

var chunkOffset, projectionOffset, chunkFault = func() (uintptr, uintptr, error) {
	t := reflect.TypeFor[duckdb.DataChunk]()
	chunk, a := t.FieldByName("chunk")
	projection, b := t.FieldByName("projection")
	if !a || !b || chunk.Type != reflect.TypeFor[mapping.DataChunk]() || projection.Type != reflect.TypeFor[[]int]() {
		return 0, 0, fmt.Errorf("duck: the driver's %s has no chunk where it is expected", t)
	}
	return chunk.Offset, projection.Offset, nil
}()

func native(c *duckdb.DataChunk) nativeChunk {
	return nativeChunk{*(*mapping.DataChunk)(unsafe.Add(unsafe.Pointer(c), chunkOffset)),
		*(*[]int)(unsafe.Add(unsafe.Pointer(c), projectionOffset))}
}
