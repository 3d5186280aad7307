package audit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"parley/engine"
	"parley/node/nodetest"
	"parley/protocols"
)

// FuzzExport: any file is refused in order, and what was read is not more than
// what is there.
func FuzzExport(f *testing.F) {
	params, err := nodetest.Tiny("")
	if err != nil {
		f.Fatal(err)
	}
	network := &protocols.Network{Version: protocols.Version, Name: "fuzz", Nonce: engine.Digest{1}, Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}},
		Departments: []protocols.Member{{Key: protocols.Key{1}}}, Auditors: []protocols.Member{}}
	frame := func(kind frameKind, payload []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{byte(kind)}, uint32(len(payload))), payload...)
	}
	start := append([]byte(exportMagic), frame(frameGenesis, engine.Marshal(network))...)
	f.Add(start)
	f.Add(slices.Concat(start, frame(frameBlock, []byte("block")), frame(frameSeal, []byte("seal")), frame(frameBlob, []byte("blob")), frame(frameGone, nil), frame(frameEnd, nil)))
	f.Add(append(slices.Clone(start), 'B', 0xff, 0xff, 0xff, 0xff))
	f.Add(append(slices.Clone(start), 'B', 0, 0x7f, 0xff, 0xff))
	sizes := protocols.SizesOf(params)
	f.Fuzz(func(t *testing.T, export []byte) {
		got, err := Check(bytes.NewReader(export), int64(len(export)), Pins{}, nodetest.Tiny, func(int64, int64) {})
		if err != nil || got.Verified || got.Reason == "" {
			t.Fatalf("%+v, %v", got, err)
		}
		x, err := newExportReader(bytes.NewReader(export), int64(len(export)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		w, err := newExportWriter(&again)
		if err != nil {
			t.Fatal(err)
		}
		for {
			kind := x.Peek()
			payload, err := x.Next(kind, max(sizes.Share, len(export)))
			if err != nil {
				break
			}
			if err := w.Frame(kind, payload); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.w.Flush(); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(export, again.Bytes()) || int64(again.Len()) != w.bytes {
			t.Fatal(fmt.Sprint("two encodings of ", len(export), " bytes"))
		}
	})
}
