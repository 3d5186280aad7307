package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"parley/node/disk"
)

// readAll opens a record file and returns its records.
func readAll(t *testing.T, path string) (*recordFile, [][]byte, error) {
	t.Helper()
	var got [][]byte
	r, err := openRecords(path, func(p []byte) error { got = append(got, p); return nil })
	if err == nil {
		t.Cleanup(func() { r.Close() })
	}
	return r, got, err
}

func writeRecords(t *testing.T, path string, records ...string) {
	t.Helper()
	r, _, err := readAll(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range records {
		if err := r.Append([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	r.Close()
}

func TestRecordsSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	writeRecords(t, path, "one", "", "three")
	writeRecords(t, path, "four")
	_, got, err := readAll(t, path)
	if err != nil || fmt.Sprintf("%q", got) != `["one" "" "three" "four"]` {
		t.Fatalf("%q, %v", got, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	os.Chmod(path, 0o640)
	if _, _, err := readAll(t, path); err == nil || !strings.Contains(err.Error(), "0640") {
		t.Errorf("a journal that the group can read was opened: %v", err)
	}
}

// Every prefix of the file is what a crash in the middle of an append may
// leave, as is every prefix continued by zeros.
func TestRecordsTornTail(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	writeRecords(t, whole, "first", "second", "third")
	data, _ := os.ReadFile(whole)
	ends := []int{len(recordMagic)}
	for _, p := range []string{"first", "second", "third"} {
		ends = append(ends, ends[len(ends)-1]+recordHeader+len(p)+1)
	}
	for n := 0; n <= len(data); n++ {
		for _, padding := range []int{0, 1, 7, 40} {
			path := filepath.Join(dir, "torn")
			os.WriteFile(path, append(bytes.Clone(data[:n]), make([]byte, padding)...), 0o600)
			want := 0
			for want+1 < len(ends) && ends[want+1] <= n {
				want++
			}
			r, got, err := readAll(t, path)
			if err != nil && padding > 0 && n != ends[want] {
				continue // zeros after part of a frame may read as a wrong byte: refused is safe, lost is not
			}
			if err != nil || len(got) != want {
				t.Fatalf("%d bytes and %d zeros: %d records, want %d, %v", n, padding, len(got), want, err)
			}
			if err := r.Append([]byte("next")); err != nil {
				t.Fatal(err)
			}
			r.Close()
			if r, got, err = readAll(t, path); err != nil || len(got) != want+1 {
				t.Fatalf("after a torn tail at %d: %d records, %v", n, len(got), err)
			}
			r.Close()
		}
	}
}

// No changed bit loses a record silently: what is read is all, or refused.
func TestRecordsCorruption(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	writeRecords(t, whole, "first", "second", "third")
	data, _ := os.ReadFile(whole)
	for at := range data {
		for bit := range 8 {
			path := filepath.Join(dir, "bad")
			changed := bytes.Clone(data)
			changed[at] ^= 1 << bit
			os.WriteFile(path, changed, 0o600)
			_, got, err := readAll(t, path)
			if err == nil {
				t.Fatalf("bit %d of byte %d changed, and %d records read", bit, at, len(got))
			}
			if at >= len(recordMagic) && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d: %v", at, err)
			}
		}
	}
	os.WriteFile(filepath.Join(dir, "short"), []byte("something else altogether"), 0o600)
	if _, _, err := readAll(t, filepath.Join(dir, "short")); err == nil {
		t.Error("another file was taken for a journal")
	}
}

func TestRecordsErase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	r, _, err := readAll(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Append(bytes.Repeat([]byte("secret"), 50_000)); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path) // still reads the blocks after the name is gone
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := r.Erase(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("the file is still there")
	}
	left := make([]byte, 400_000)
	if n, _ := held.ReadAt(left, 0); !zeros(left[:n]) || n == 0 {
		t.Error("the secret is still in the file's blocks")
	}
	if r.Append([]byte("x")) == nil {
		t.Error("an erased journal takes records")
	}
}

// A full disk is simulated by the limit on a file's size.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := disk.Explain(fmt.Errorf("write: %w", syscall.ENOSPC)); !strings.Contains(err.Error(), "no space left") || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	r := &recordFile{path: filepath.Join(dir, "j"), f: f}
	defer r.Close()
	if err := r.Append([]byte("x")); err == nil || !strings.Contains(err.Error(), "no space left on the disk") || !strings.Contains(err.Error(), r.path) {
		t.Errorf("%v", err)
	}
}

// A small file system of its own shows what a full disk leaves behind.
func TestDiskFullLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	path := filepath.Join(dir, "j")
	r, _, err := readAll(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Append([]byte("kept")); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 100_000)
	if err := r.Append(big); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("appending to a full disk: %v", err)
	}
	if err := r.Append([]byte("small")); err != nil {
		t.Fatalf("a small record after the big one failed: %v", err)
	}
	r.Close()
	if err := disk.WriteFile(filepath.Join(dir, "f"), big); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v", err)
	}
	if _, got, err := readAll(t, path); err != nil || fmt.Sprintf("%q", got) != `["kept" "small"]` {
		t.Errorf("%q, %v", got, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
