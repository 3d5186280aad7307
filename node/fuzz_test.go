package node

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// messages are all the values that a peer's stream can carry.
func messages() []any {
	return []any{
		new(infoRequest), new(hello), new(reports), new(departmentReport), new(blobRequest), new(blobReply),
		new(keysRequest), new(founding), new(logRequest), new(logReply), new(logFrames), new(logBytes),
		new(ledgerExtent), new(blockFrame),
	}
}

// FuzzMessages: whatever a peer sends is refused or has exactly that encoding.
func FuzzMessages(f *testing.F) {
	for i, m := range messages() {
		f.Add(uint8(i), engine.Marshal(m))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		all := messages()
		m := all[int(kind)%len(all)]
		if engine.Unmarshal(b, m) == nil && !bytes.Equal(engine.Marshal(m), b) {
			t.Fatalf("two encodings of a %s", reflect.TypeOf(m).Elem())
		}
		if frames, ok := m.(*logFrames); ok {
			for _, raw := range frames.Records {
				_, _ = protocols.ParseRecord(raw)
			}
		}
	})
}

// FuzzConfig: no node.toml makes a node panic.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("name = \"n\"\ndir = \"d\"\n[[table]]\nname = \"t\"\nfiles = [\"*.csv\"]\n"))
	f.Add([]byte("nmae = 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "node.toml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = LoadConfig(path)
	})
}
