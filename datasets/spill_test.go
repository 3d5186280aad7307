package datasets

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/engine"
)

// bigFile is a table of so many rows of five numbers, which do not compress, and
// a group.
func bigFile(t testing.TB, rows int) (file string, sum int64) {
	t.Helper()
	fields := []arrow.Field{{Name: "g", Type: arrow.PrimitiveTypes.Int64}}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	random := rand.New(rand.NewPCG(3, 4))
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(i % 7))
		for k := 1; k <= 5; k++ {
			v := random.Int64N(1 << 40)
			b.Field(k).(*array.Int64Builder).Append(v)
			if k == 5 {
				sum += v
			}
		}
	}
	return write(t, "big.arrow", string(arrowStream(t, true, b.NewRecord()))), sum
}

// TestSpill: a table that does not fit into the store's memory goes to its folder
// and is answered from there; nothing of it stays, and nobody else can read it.
func TestSpill(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads some 60 MB")
	}
	file, sum := bigFile(t, 600_000) // 29 MB
	folder := t.TempDir()
	o := Options{Spill: folder, room: duck.Room{Memory: 20 << 20, Disk: 256 << 20}}
	table, err := Open(context.Background(), "t", []string{file}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Declare(table.Everything()); err != nil {
		t.Fatal(err)
	}
	used, own := int64(0), filesIn(t, folder)
	for path, info := range own {
		if info.IsDir() && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		used += info.Size()
	}
	if len(own) < 2 || used < 4<<20 {
		t.Errorf("%d bytes in %d files: nothing went to the folder", used, len(own))
	}
	tables := map[string]*Table{"d": table}
	got := exact(ask(t, "SELECT g, count(*), sum(e) FROM t GROUP BY g", tables))
	wantRows(t, ask(t, "SELECT count(*), sum(e) FROM t", tables), "600000|"+bigInt("0").SetInt64(sum).String())
	if err := table.Close(); err != nil {
		t.Error(err)
	}
	if left := filesIn(t, folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if whole := exact(ask(t, "SELECT g, count(*), sum(e) FROM t GROUP BY g", map[string]*Table{"d": open(t, Options{}, file)})); strings.Join(whole, "\n") != strings.Join(got, "\n") {
		t.Errorf("from the folder\n%v\nfrom memory\n%v", got, whole)
	}
}

// TestRoom: what does not fit is refused, at once where that is known before, in
// a sentence with the limits; no folder stays.
func TestRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	file, _ := bigFile(t, 120_000) // 5.5 MB
	for name, c := range map[string]struct {
		room  duck.Room
		spill bool
		want  string
	}{
		"no folder, far over":             {duck.Room{Memory: 1 << 20}, false, "takes more than 768 KiB as it is aggregated; the limit is 1 MiB of memory, and no folder for more"},
		"a folder, over both":             {duck.Room{Memory: 1 << 20, Disk: 1 << 20}, true, "takes more than 1.5 MiB as it is aggregated; the limit is 1 MiB of memory and 1 MiB of files in "},
		"no folder, and none for groups":  {duck.Room{Memory: 7 << 20}, false, "needs more room than there is as it is aggregated; the limit is 7 MiB of memory"},
		"a folder, and little for groups": {duck.Room{Memory: 2 << 20, Disk: 1 << 30}, true, "needs more room than there is as it is aggregated; the limit is 2 MiB of memory"},
		"no file is made":                 {duck.Room{Memory: 1 << 30}, true, ""},
	} {
		folder := t.TempDir()
		o := Options{room: c.room}
		if c.spill {
			o.Spill = folder
		}
		table, err := Open(context.Background(), "t", []string{file}, o)
		if err == nil {
			if err := table.Declare(table.Everything()); err != nil {
				t.Fatal(err)
			}
			var p *engine.Plan
			if p, err = plan(t, "SELECT g, count(*), sum(e) FROM t GROUP BY g", map[string]*Table{"d": table}); err != nil {
				t.Fatal(err)
			}
			_, err = table.Aggregate(context.Background(), p, "d")
			table.Close()
		}
		var e *files.Error
		switch {
		case err == nil && c.want == "":
		case err == nil || c.want == "":
			t.Errorf("%s: %v, want %q", name, err, c.want)
		case !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SET "):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if left := filesIn(t, folder); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
	if _, err := Open(context.Background(), "t", []string{file}, Options{Spill: filepath.Join(t.TempDir(), "absent")}); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestSpillLocked: a store with a folder reaches nothing outside of it.
func TestSpillLocked(t *testing.T) {
	table := open(t, Options{Spill: t.TempDir()}, write(t, "t.csv", "a\n1\n"))
	secret := write(t, "secret.csv", "a\n1\n")
	for _, statement := range []string{
		"SELECT * FROM read_csv('" + secret + "')", "SELECT * FROM read_text('" + table.store.room.Folder + "/../../secret.csv')",
		"SELECT * FROM glob('/*')", "COPY rows TO '" + secret + "'", "ATTACH '" + secret + ".db'", "INSTALL httpfs", "LOAD httpfs",
		"SET temp_directory = '" + filepath.Dir(secret) + "'", "SET memory_limit = '9GB'", "SET max_temp_directory_size = '9GB'",
		"SET enable_external_access = true", "SET lock_configuration = false",
	} {
		if rows, err := table.query(context.Background(), statement); err == nil {
			t.Errorf("%s gave %v", statement, rows)
		}
	}
}

// TestDescribed: a table that is only described registers as the same and does
// not aggregate.
func TestDescribed(t *testing.T) {
	file := write(t, "t.csv", "a,b\n1,x\n2,y\n")
	described, err := Describe(context.Background(), "t", []string{file}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan(t, "SELECT count(*) FROM t", map[string]*Table{"d": described})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := described.Aggregate(context.Background(), p, "d"); err == nil || !strings.Contains(err.Error(), "only described") {
		t.Error(err)
	}
	opened, err := Open(context.Background(), "t", []string{file}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	if cells, err := opened.Aggregate(context.Background(), p, "d"); err != nil || cells[0].Int64() != 2 {
		t.Error(cells, err)
	}
	if err := described.Close(); err != nil {
		t.Error(err)
	}
}

// filesIn are all files and folders below one.
func filesIn(t testing.TB, folder string) map[string]os.FileInfo {
	t.Helper()
	out := map[string]os.FileInfo{}
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err == nil && path != folder {
			out[path] = info
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRoomNote: the limits are told before a table is opened for aggregation.
func TestRoomNote(t *testing.T) {
	for size, want := range map[int64]string{
		0: "", duck.MaxRowBytes: "",
		duck.MaxRowBytes + 1: "about 1 GiB as it is aggregated: what is over 1 GiB of memory goes to files",
		5 << 30:              "about 5 GiB as it is aggregated: what is over 1 GiB of memory goes to files in the node's folder, 64 GiB at most",
		duck.MaxRowBytes + duck.MaxSpillBytes + 1: "over the limit of 1 GiB of memory and 64 GiB of files: no node opens it",
	} {
		if got := duck.RoomNote("t", size); got != want && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%d bytes: %q, want %q", size, got, want)
		}
	}
}
