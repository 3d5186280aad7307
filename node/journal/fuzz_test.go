package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzRecords: any file is read to its end, or is torn, or is corrupted.
func FuzzRecords(f *testing.F) {
	path := filepath.Join(f.TempDir(), "records")
	r, err := openRecords(path, func([]byte) error { return nil })
	if err != nil {
		f.Fatal(err)
	}
	for _, payload := range []string{"", "one", "another record"} {
		if err := r.Append([]byte(payload)); err != nil {
			f.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	frames := raw[len(recordMagic):]
	f.Add(frames)
	f.Add(frames[:len(frames)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		for {
			_, err := readRecord(in, int64(in.Len()))
			if err == nil {
				continue
			}
			if err != io.EOF && err != errTorn && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
	})
}
