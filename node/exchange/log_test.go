package exchange

import (
	"testing"

	"parley/engine"
	"parley/node/ledger"
	"parley/node/nodetest"
	"parley/protocols"
)

// TestAuthorOf: what does not read as an entry has no author, and what does has
// the one that it names.
func TestAuthorOf(t *testing.T) {
	id := nodetest.Identity(t)
	e := protocols.Sign(engine.Digest{1}, id.Private(), &protocols.Join{Name: "a"})
	if got := authorOf(e.Marshal()); got != protocols.Key(id.Key()).String() {
		t.Errorf("author %q", got)
	}
	for _, tx := range [][]byte{nil, {}, {0x80}, []byte("note"), e.Marshal()[1:], append(e.Marshal(), 0), make([]byte, ledger.MaxTx+1)} {
		if got := authorOf(tx); got != "" {
			t.Errorf("%d bytes: author %q", len(tx), got)
		}
	}
}

// The longest transaction goes into a frame of the log.
const _ uint = logFrame - ledger.MaxTx - followBatch
