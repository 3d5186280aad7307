package datasets

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"parley/datasets/duck"
)

// costColumns are the columns of the table whose cost is measured: of each kind, with NULLs.
var costColumns = []arrow.Field{
	{Name: "small", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "wide", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "money", Type: &arrow.Decimal128Type{Precision: 12, Scale: 2}, Nullable: true},
	{Name: "double", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "city", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "name", Type: arrow.BinaryTypes.String},
	{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "count", Type: arrow.PrimitiveTypes.Int32},
}

// costRows makes rows from a to b of it; the same row is always the same.
func costRows(from, to int) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(costColumns, nil))
	for row := from; row < to; row++ {
		r := rand.New(rand.NewPCG(12, uint64(row)))
		for i, f := range b.Fields() {
			if costColumns[i].Nullable && r.IntN(50) == 0 {
				f.AppendNull()
				continue
			}
			switch f := f.(type) {
			case *array.Int32Builder:
				f.Append(int32(r.IntN(100)))
			case *array.Int64Builder:
				if costColumns[i].Name == "id" {
					f.Append(int64(row))
				} else {
					f.Append(r.Int64N(1 << 40))
				}
			case *array.Decimal128Builder:
				f.Append(decimal128.FromI64(r.Int64N(10_000_000)))
			case *array.Float64Builder:
				f.Append(float64(r.IntN(1_000_000)) / 100)
			case *array.StringBuilder:
				if costColumns[i].Name == "city" {
					f.Append(fmt.Sprintf("city %c%c", 'a'+r.IntN(20), 'a'+r.IntN(20)))
				} else {
					f.Append(fmt.Sprintf("%08x-%04x", r.Uint32(), row&0xFFFF))
				}
			case *array.Date32Builder:
				f.Append(arrow.Date32(10_000 + r.IntN(8_000)))
			case *array.BooleanBuilder:
				f.Append(r.IntN(2) == 0)
			}
		}
	}
	return b.NewRecord()
}

// costFile writes so many rows in a format.
func costFile(t testing.TB, rows int, format string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cost."+format)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const group = 1 << 17
	if format == "parquet" {
		w, err := pqarrow.NewFileWriter(arrow.NewSchema(costColumns, nil), f, parquet.NewWriterProperties(
			parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(group)), pqarrow.DefaultWriterProps())
		if err != nil {
			t.Fatal(err)
		}
		for from := 0; from < rows; from += group {
			if err := w.Write(costRows(from, min(rows, from+group))); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i, c := range costColumns {
		fmt.Fprint(w, []string{",", ""}[b2i(i == 0)], c.Name)
	}
	w.WriteByte('\n')
	for from := 0; from < rows; from += group {
		record := costRows(from, min(rows, from+group))
		for row := range int(record.NumRows()) {
			for i, a := range record.Columns() {
				if i > 0 {
					w.WriteByte(',')
				}
				if a.IsValid(row) {
					switch a := a.(type) {
					case *array.Decimal128:
						w.WriteString(a.Value(row).ToString(2))
					case *array.Float64:
						w.WriteString(strconv.FormatFloat(a.Value(row), 'f', 2, 64))
					default:
						w.WriteString(a.ValueStr(row))
					}
				}
			}
			w.WriteByte('\n')
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// costQuery is what DuckDB is measured with: a sum over every column of numbers, a count over every other.
func costQuery(from string) string {
	var parts []string
	for _, f := range costColumns {
		if arrow.IsInteger(f.Type.ID()) || arrow.IsFloating(f.Type.ID()) || arrow.IsDecimal(f.Type.ID()) {
			parts = append(parts, "sum("+f.Name+")")
		} else {
			parts = append(parts, "count("+f.Name+")")
		}
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM " + from
}

// TestCostSide runs one side in a process of its own, for its peak of memory.
func TestCostSide(t *testing.T) {
	side, path := os.Getenv("PARLEY_COST_SIDE"), os.Getenv("PARLEY_COST_FILE")
	if side == "" { // it is BenchmarkCost that runs it
		return
	}
	opening, asking := costDuck, costDuck
	var table *Table
	if side == "ours" {
		opening = func(t *testing.T, path string) {
			var err error
			if table, err = Open(context.Background(), "t", []string{path}, Options{Spill: os.Getenv("PARLEY_COST_SPILL")}); err != nil {
				t.Fatal(err)
			}
		}
		asking = func(t *testing.T, _ string) {}
	}
	start := time.Now()
	opening(t, path)
	opened, spent := time.Since(start), cpuTime(t)
	peak, spilled := peakMemory(t), sizeIn(t, os.Getenv("PARLEY_COST_SPILL"))
	if side == "ours" {
		if err := table.Declare(table.Everything()); err != nil {
			t.Fatal(err)
		}
		p, err := plan(t, costQuery("t"), map[string]*Table{"d": table})
		if err != nil {
			t.Fatal(err)
		}
		asking = func(t *testing.T, _ string) {
			if _, err := table.Aggregate(context.Background(), p, "d"); err != nil {
				t.Fatal(err)
			}
		}
	}
	asking(t, path)
	start = time.Now()
	asking(t, path)
	asked := time.Since(start)
	if table != nil {
		table.Close()
	}
	fmt.Printf("cost %d %d %d %d %d\n", opened.Milliseconds(), asked.Milliseconds(), peak>>20, spent.Milliseconds(), spilled>>20)
}

// sizeIn is how many bytes there are in the files of a folder.
func sizeIn(t *testing.T, folder string) (sum int64) {
	t.Helper()
	if err := filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return sum
}

// cpuTime is what the process has used of all processors.
func cpuTime(t *testing.T) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// costDuck reads every column of the file with DuckDB alone.
func costDuck(t *testing.T, path string) {
	db, err := duck.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := duck.Select(context.Background(), db, costQuery("'"+path+"'")); err != nil {
		t.Fatal(err)
	}
}

// costs are a run's milliseconds of opening and of asking once more, megabytes of memory at the peak of opening,
// milliseconds of processors for it, and megabytes that were spilled.
type costs [5]int64

// costOf runs a side. Nothing is left of it.
func costOf(b *testing.B, side, path string) (r costs) {
	b.Helper()
	spill := b.TempDir()
	c := exec.Command(os.Args[0], "-test.run", "^TestCostSide$", "-test.v")
	c.Env = append(os.Environ(), "PARLEY_COST_SIDE="+side, "PARLEY_COST_FILE="+path, "PARLEY_COST_SPILL="+spill)
	said, err := c.CombinedOutput()
	at := strings.Index(string(said), "cost ")
	if err != nil || at < 0 {
		b.Fatalf("%v: %s", err, said)
	}
	if _, err := fmt.Sscanf(string(said[at:]), "cost %d %d %d %d %d", &r[0], &r[1], &r[2], &r[3], &r[4]); err != nil {
		b.Fatal(err)
	}
	if left, err := os.ReadDir(spill); err != nil || len(left) > 0 {
		b.Fatalf("%v is left, %v", left, err)
	}
	return r
}

// median is that of the runs' figures.
func median(n int, figure func(run int) float64) float64 {
	var all []float64
	for run := range n {
		all = append(all, figure(run))
	}
	slices.Sort(all)
	return all[n/2]
}

// BenchmarkCost opens and asks a table of PARLEY_COST_ROWS rows (three million) beside DuckDB, which reads every
// column of the same file through the same driver (README, section 6.5). Run it with -benchtime 1x.
func BenchmarkCost(b *testing.B) {
	rows := 3_000_000
	if n, err := strconv.Atoi(os.Getenv("PARLEY_COST_ROWS")); err == nil {
		rows = n
	}
	for _, format := range []string{"parquet", "csv"} {
		b.Run(format, func(b *testing.B) {
			path := costFile(b, rows, format)
			if keep := os.Getenv("PARLEY_COST_KEEP"); keep != "" {
				if err := os.Link(path, keep+"."+format); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				const runs = 7
				var sides [2][]costs
				for range runs { // by turns, since other work on the machine comes and goes
					for i, name := range []string{"duckdb", "ours"} {
						sides[i] = append(sides[i], costOf(b, name, path))
					}
				}
				for k, unit := range []string{"ms", "again-ms", "MB", "cpu-ms"} {
					for i, name := range []string{"duckdb", "ours"} {
						b.ReportMetric(median(runs, func(run int) float64 { return float64(sides[i][run][k]) }), name+"-"+unit)
					}
					b.ReportMetric(median(runs, func(run int) float64 { return float64(sides[1][run][k]) / float64(sides[0][run][k]) }), unit+"-times")
				}
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// BenchmarkLarge opens and asks thirty million rows of ten columns, a text file of 2.4 GB, which are more than the
// store holds in memory: within 8 GB, in files of its folder, of which nothing is left (README, section 6.5). Run it with
// -benchtime 1x; it takes some minutes and 5 GB of disk.
func BenchmarkLarge(b *testing.B) {
	const rows, most = 30_000_000, 8_000 // megabytes
	path := costFile(b, rows, "csv")
	for b.Loop() {
		ours := costOf(b, "ours", path)
		if ours[2] > most || ours[4] == 0 {
			b.Errorf("%d MB of memory at the peak, at most %d, and %d MB of files", ours[2], most, ours[4])
		}
		b.ReportMetric(float64(ours[0]), "open-ms")
		b.ReportMetric(float64(ours[1]), "ask-ms")
		b.ReportMetric(float64(ours[2]), "open-MB")
		b.ReportMetric(float64(ours[3]), "open-cpu-ms")
		b.ReportMetric(float64(ours[4]), "spilled-MB")
		b.ReportMetric(0, "ns/op")
	}
}
