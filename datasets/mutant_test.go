package datasets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"

	"parley/datasets/files"
)

// programmersText is what only a programmer can read: no refusal shows it.
var programmersText = regexp.MustCompile(`(?i)runtime|out of range|interface conversion|goroutine|nil pointer|panic|unimplemented|\[\d+:\d*\]|%!|0x[0-9a-f]{6}|strconv|xerrors|\.go:`)

// TestMutants: valid files with a few bytes changed, mostly in their metadata,
// are read or refused in sentences, whatever the libraries make of them.
func TestMutants(t *testing.T) {
	rows := record(t, everyType, everyName, everyJSON)
	words := arrowWords(t, "x", "y", "x")
	shapes := map[string]func(arrow.Record) ([]byte, error){
		"snappy.parquet": parquetOf(parquet.WithCompression(compress.Codecs.Snappy)),
		"gzip.parquet":   parquetOf(parquet.WithCompression(compress.Codecs.Gzip), parquet.WithDataPageVersion(parquet.DataPageV2)),
		"delta.parquet": parquetOf(parquet.WithDictionaryDefault(false), parquet.WithEncodingFor("i64", parquet.Encodings.DeltaBinaryPacked),
			parquet.WithEncodingFor("s", parquet.Encodings.DeltaByteArray)),
		"words.ipc":   func(arrow.Record) ([]byte, error) { return arrowStream(t, false, words, words), nil },
		"words.arrow": func(arrow.Record) ([]byte, error) { return arrowStream(t, true, words, words), nil },
	}
	for name, encode := range encodings {
		shapes[name] = encode
	}
	each := 200
	if testing.Short() {
		each = 60
	}
	for name, encode := range shapes {
		whole, err := encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(41, uint64(len(name))))
		path := filepath.Join(t.TempDir(), name)
		for i := range each {
			b := mutant(whole, random)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Describe(context.Background(), "t", []string{path}, Options{})
			var e *files.Error
			if err != nil && (!errors.As(err, &e) || e.File != path || programmersText.MatchString(err.Error())) {
				t.Errorf("%s, mutant %d: %v", name, i, err)
			}
		}
	}
}

// mutant changes bytes, small numbers or lengths, half of the time in the last
// third, where the metadata of most formats lies.
func mutant(whole []byte, random *rand.Rand) []byte {
	b := bytes.Clone(whole)
	for range 1 + random.IntN(3) {
		at := random.IntN(len(b))
		if random.IntN(2) == 0 {
			at = len(b)*2/3 + random.IntN(len(b)/3)
		}
		switch random.IntN(5) {
		case 0:
			b[at] ^= 1 << random.IntN(8)
		case 1:
			b[at] += byte(1 + random.IntN(3))
		case 2:
			b[at] = []byte{0, 1, 0x7F, 0x80, 0xFF}[random.IntN(5)]
		case 3:
			b[at] = byte(random.Uint32())
		case 4:
			if at+4 <= len(b) {
				binary.LittleEndian.PutUint32(b[at:], random.Uint32()>>random.IntN(32))
			}
		}
	}
	return b
}
