package duck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/duckdb/duckdb-go/v2"
)

// heldColumns are a column of each type, and one that misses rows.
var heldColumns = []Column{{"number", duckdb.TYPE_BIGINT}, {"day", duckdb.TYPE_INTEGER}, {"wide", duckdb.TYPE_HUGEINT},
	{"truth", duckdb.TYPE_BOOLEAN}, {"text", duckdb.TYPE_VARCHAR}, {"row", duckdb.TYPE_BIGINT}, {"gone", duckdb.TYPE_VARCHAR}}

// someRows are arrays for the columns from a row on, of values that change with the rows: none, some and all NULL, and
// numbers that take from no bytes to eight. They begin within larger arrays, some of them not at a byte of the bitmap.
func someRows(r *rand.Rand, first, n int) []arrow.Array {
	const before = 3
	var builders []array.Builder
	for _, t := range []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.FixedWidthTypes.Date32, &arrow.Decimal128Type{Precision: 38},
		arrow.FixedWidthTypes.Boolean, arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String} {
		builders = append(builders, array.NewBuilder(memory.DefaultAllocator, t))
	}
	for i := range n + before {
		row := first + i - before
		era := row / 5000
		for k, b := range builders {
			if k != 5 && (era%3 == 1 && r.IntN(20) == 0 || era%7 == 5) {
				b.AppendNull()
				continue
			}
			switch b := b.(type) {
			case *array.Int64Builder:
				spread := []int64{1, 200, 60_000, 4_000_000_000, math.MaxInt64}[era%5]
				if v := r.Int64N(spread) - spread/3; k == 5 {
					b.Append(int64(row))
				} else if era%5 == 4 && r.IntN(50) == 0 {
					b.Append([]int64{math.MinInt64, math.MaxInt64}[r.IntN(2)])
				} else {
					b.Append(v)
				}
			case *array.Date32Builder:
				b.Append(arrow.Date32(r.IntN(1<<(era%20)) - 719_162))
			case *array.Decimal128Builder:
				b.Append(decimal128.New(r.Int64()-r.Int64(), r.Uint64()))
			case *array.BooleanBuilder:
				b.Append(r.IntN(2) == 0)
			case *array.StringBuilder:
				b.Append(strings.Repeat("né", r.IntN([]int{1, 7, 300, 2}[era%4])))
			}
		}
	}
	var out []arrow.Array
	for _, b := range builders {
		out = append(out, array.NewSlice(b.NewArray(), before, int64(n+before)))
	}
	return out
}

// asRead is a value as DuckDB gives it.
func asRead(a arrow.Array, row int) string {
	if a.IsNull(row) {
		return "<nil>"
	}
	switch a := a.(type) {
	case *array.Decimal128:
		return a.Value(row).BigInt().String()
	case *array.Date32:
		return fmt.Sprint(int32(a.Value(row)))
	}
	return a.ValueStr(row)
}

// TestHeld: rows in batches of many sizes come back as they were, in order, from memory and from a file.
func TestHeld(t *testing.T) {
	for name, limits := range map[string]Limits{"memory": {Memory: 1 << 30}, "file": {Memory: 64 << 10, Disk: 1 << 30}, "both": {Memory: 3 << 20, Disk: 1 << 30}} {
		limits.Path = filepath.Join(t.TempDir(), "rows")
		h := NewHeld(heldColumns, limits)
		r := rand.New(rand.NewPCG(1, 2))
		var want []string
		for _, n := range []int{1, 5, 2040, 2, 0, 8192, 8192, 100, 10_000, 2048, 2047, 1, 30_000, 4096, 7} {
			arrays := someRows(r, len(want), n)
			for i, a := range arrays {
				if heldColumns[i].Name == "gone" && len(want) > 50_000 {
					continue
				}
				if err := h.Pack(i, a); err != nil {
					t.Fatal(err)
				}
			}
			h.Add(n)
			for row := range n {
				var values []string
				for _, a := range arrays[:6] {
					values = append(values, asRead(a, row))
				}
				want = append(want, strings.Join(values, "|")+"|<nil>")
			}
		}
		if err := h.Done(); err != nil {
			t.Fatal(err)
		}
		db, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Register(context.Background(), db, "held"); err != nil {
			t.Fatal(err)
		}
		at := 0
		err = Each(context.Background(), db, "SELECT * FROM held()", func(row []any) error {
			var values []string
			for _, v := range row {
				if n, ok := v.(*big.Int); ok {
					v = n.String()
				}
				values = append(values, fmt.Sprint(v))
			}
			if got := strings.Join(values, "|"); at >= len(want) || got != want[at] {
				return fmt.Errorf("row %d is %.200s, want %.200s", at, got, want[min(at, len(want)-1)])
			}
			at++
			return nil
		})
		if err != nil || at != len(want) {
			t.Errorf("%s: %d rows of %d, %v", name, at, len(want), err)
		}
		counted, err := Select(context.Background(), db, "SELECT count(*), sum(row), (SELECT count(*) FROM held() a JOIN held() b USING (row)) FROM held()")
		if n := int64(len(want)); err != nil || fmt.Sprint(counted) != fmt.Sprintf("[[%d %d %d]]", n, n*(n-1)/2, n) {
			t.Errorf("%s: counted %v, %v", name, counted, err)
		}
		memory, file := h.Bytes()
		if _, err := os.Stat(limits.Path); (err == nil) != (file > 0) || (file == 0) != (name == "memory") || memory > limits.Memory+1<<20 {
			t.Errorf("%s: %d bytes in memory, %d in the file, %v", name, memory, file, err)
		}
		if name != "memory" { // whoever cuts the file gets no rows
			if err := os.Truncate(limits.Path, file/2); err != nil {
				t.Fatal(err)
			}
			if rows, err := Select(context.Background(), db, "SELECT max(wide), max(text) FROM held()"); err == nil {
				t.Errorf("%s: a file that was cut gives %v", name, rows)
			}
		}
		if err := errors.Join(db.Close(), h.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestHeldFull: what is beyond the limits is refused, and so is an array of another type.
func TestHeldFull(t *testing.T) {
	arrays := someRows(rand.New(rand.NewPCG(3, 4)), 0, 4096)
	path := filepath.Join(t.TempDir(), "rows")
	for _, limits := range []Limits{{}, {Memory: 4000}, {Memory: 4000, Disk: 4000, Path: path}, {Memory: 200, Disk: 1 << 30, Path: path + "2"}} {
		h := NewHeld(heldColumns, limits)
		var err error
		for i, a := range arrays {
			err = errors.Join(err, h.Pack(i, a))
		}
		if !errors.Is(err, ErrFull) {
			t.Errorf("%+v: %v", limits, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	h := NewHeld(heldColumns, Limits{Memory: 1 << 20})
	defer h.Close()
	for i := range heldColumns[:5] {
		if err := h.Pack(i, arrays[(i+1)%5]); err == nil {
			t.Errorf("column %s takes an array of %s", heldColumns[i].Name, arrays[(i+1)%5].DataType())
		}
	}
}
