package exchange

import (
	"bytes"
	"reflect"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// messages are all the values that a peer's stream can carry.
func messages() []any {
	return []any{
		new(infoRequest), new(Hello), new(Reports), new(Absences), new(DepartmentReport), new(blobRequest), new(blobReply),
		new(keysRequest), new(Founding), new(logRequest), new(logReply), new(logFrames), new(logBytes),
		new(Extent), new(blockFrame),
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
