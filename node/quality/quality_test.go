package quality

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"parley/datasets/published"
	"parley/engine"
)

func values(column string, rows ...int64) []published.Distribution {
	d := published.Distribution{Column: column, Rows: rows}
	for i := range rows {
		d.Values = append(d.Values, string(rune('a'+i)))
	}
	return []published.Distribution{d}
}

func version(number uint64) engine.Registration {
	return engine.Registration{Table: "t", Version: number, Digest: engine.Digest{byte(number)}}
}

// TestVersions: two versions are kept, and compared where they follow each other and are the registered ones.
func TestVersions(t *testing.T) {
	var k Kept
	if !k.Registered(version(1), values("x", 1, 1)) || k.Registered(version(1), values("x", 9)) {
		t.Error("a version is to be noted once")
	}
	if _, ok := k.Compare(version(1)); ok || k.Columns(version(1)) == nil {
		t.Error("a first version was compared")
	}
	if !k.Registered(version(2), values("x", 2)) || k.Before.Number != 1 {
		t.Errorf("%+v", k)
	}
	if c, ok := k.Compare(version(2)); !ok || len(c) != 1 || c[0].Distance != 500 {
		t.Errorf("%v %+v", ok, c)
	}
	other := version(2)
	other.Digest = engine.Digest{9}
	for name, r := range map[string]engine.Registration{"the one before": version(1), "the next": version(3), "another's": other} {
		if _, ok := k.Compare(r); ok || k.Columns(r) != nil {
			t.Errorf("%s is taken for the one that is kept", name)
		}
	}
	if k.Registered(version(4), values("x", 1, 1)); k.Before.Number != 2 {
		t.Errorf("%+v", k)
	}
	if _, ok := k.Compare(version(4)); ok {
		t.Error("version 4 was compared with version 2 as the one before")
	}
	if k.Registered(version(1), values("x", 1)); k.Before != nil {
		t.Error("of a ledger that begins anew an earlier version was kept")
	}
}

// TestFile: what is saved is read again, for its own table, and belongs to this user alone.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	if k, err := Of(dir, "t"); err != nil || !reflect.DeepEqual(k, Kept{Table: "t"}) {
		t.Errorf("of nothing: %v %+v", err, k)
	}
	odd := "../../a name/with \x7f 人口"
	k := Kept{Table: odd, Source: &Source{3, true, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	k.Registered(version(1), values("x", 1, 1))
	k.Registered(version(2), values("x", 2, 5))
	for range 2 {
		if err := k.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Of(dir, odd)
	if err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, k)
	}
	files, err := filepath.Glob(filepath.Join(dir, Dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	for path, mode := range map[string]os.FileMode{files[0]: 0o600, filepath.Dir(files[0]): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, want %v (%v)", path, info.Mode(), mode, err)
		}
	}
	if err := os.Rename(files[0], path(dir, "t")); err != nil {
		t.Fatal(err)
	}
	if k, err := Of(dir, "t"); err == nil || !strings.Contains(err.Error(), "of another table") || !reflect.DeepEqual(k, Kept{Table: "t"}) {
		t.Errorf("the file of another table: %v %+v", err, k)
	}
}

// TestDamagedFiles: what is not as it was written is refused, and nothing of it is used.
func TestDamagedFiles(t *testing.T) {
	var k Kept
	k.Table = "t"
	k.Registered(version(1), values("x", 1, 1))
	k.Registered(version(2), values("x", 2, 5))
	whole, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(whole); err != nil {
		t.Fatal(err)
	}
	replaced := func(old, by string) string {
		text := strings.Replace(string(whole), old, by, 1)
		if text == string(whole) {
			t.Fatalf("no %s in %s", old, whole)
		}
		return text
	}
	for name, text := range map[string]string{
		"empty":            "",
		"null":             "[]",
		"cut off":          string(whole[:len(whole)-1]),
		"continued":        string(whole) + "{}",
		"an unknown key":   replaced(`"table"`, `"tabel"`),
		"no row":           replaced(`"rows":[2,5]`, `"rows":[0,5]`),
		"fewer than none":  replaced(`"rows":[2,5]`, `"rows":[-2,5]`),
		"a count missing":  replaced(`"rows":[2,5]`, `"rows":[2]`),
		"beyond a number":  replaced(`"rows":[2,5]`, `"rows":[2,99999999999999999999]`),
		"a value twice":    replaced(`["a","b"]`, `["a","a"]`),
		"a short digest":   replaced(`"digest":"02`, `"digest":"`),
		"out of order":     replaced(`"version":2`, `"version":1`),
		"none behind one":  replaced(`"last":{`, `"last":null,"other":{`),
		"deep":             strings.Repeat("[", 100_000),
		"a column twice":   replaced(`"columns":[{`, `"columns":[{"column":"x","values":[],"rows":[]},{`),
		"a number as text": replaced(`"version":2`, `"version":"2"`),
	} {
		if k, err := parse([]byte(text)); err == nil || !reflect.DeepEqual(k, Kept{}) {
			t.Errorf("%s: %v %+v", name, err, k)
		}
	}
}
