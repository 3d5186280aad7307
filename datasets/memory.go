package datasets

import (
	"runtime"
	"runtime/debug"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/datasets/files"
)

// collectBytes is how much of a table is loaded between two collections of garbage.
const collectBytes = 8 << 20

// A collector bounds the garbage of loading. Go lets garbage grow to the size of what
// is held before it collects, which for a large table is the table once more; values
// on their way to DuckDB and batches of files are such garbage. A collection is
// cheap beside reading collectBytes, because the buffers of columns hold no pointers.
type collector struct{ bytes uint64 }

func (c *collector) loaded(columns []arrow.Array) {
	for _, a := range columns {
		if a != nil {
			c.bytes += a.Data().SizeInBytes()
		}
	}
	if c.bytes >= collectBytes {
		c.bytes = 0
		runtime.GC()
	}
}

// releaseGarbage returns to the system what reading needed, before the copy in DuckDB
// grows.
func releaseGarbage() { debug.FreeOSMemory() }

// reserve makes room for the rows of a file's batch at once: a buffer that grows is
// copied, and ends up to twice as large as its text.
func (b *columnBuilder) reserve(values arrow.Array, rows int) {
	b.builder.Resize(rows) // Reserve would take twice as much
	text, ok := b.builder.(*array.StringBuilder)
	if !ok {
		return
	}
	switch v := values.(type) {
	case *array.String:
		text.ReserveData(files.TextBytes(v, v.ValueOffset))
	case *array.LargeString:
		text.ReserveData(files.TextBytes(v, v.ValueOffset))
	}
}
