package exchange

import (
	"errors"
	"slices"
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

// TestBlobsNamedBy: each blob that an entry names has its one length, which is all that is fetched and exported: of a question that joins tables
// across departments the products', and that of the numbers which each share releases; of a screening no share is named.
func TestBlobsNamedBy(t *testing.T) {
	p, err := nodetest.Tiny("tiny joined")
	nodetest.Check(t, err)
	sizes, id := protocols.SizesOf(p), nodetest.Identity(t)
	plain, joined, screening := engine.Digest{1}, engine.Digest{2}, engine.Digest{3}
	linked := &protocols.Linked{Targets: uint32(sizes.Slots + 3)}
	asked := func(query engine.Digest) *protocols.Ask {
		if query == plain {
			return nil
		}
		return &protocols.Ask{Screening: query == screening, Linked: linked}
	}
	blobs := []engine.Digest{{7}, {8}}
	for _, c := range []struct {
		body protocols.Body
		want []int
	}{
		{&protocols.Contribute{Query: joined, Blobs: blobs}, []int{sizes.Contribution, sizes.Contribution}},
		{&protocols.Multiply{Query: joined, Blobs: blobs}, []int{sizes.Product, sizes.Product}},
		{&protocols.ShareCommit{Query: plain, Blobs: blobs}, []int{sizes.Share, sizes.Share}},
		{&protocols.ShareCommit{Query: joined, Blobs: blobs}, []int{sizes.Release + sizes.Slots*sizes.Slot, sizes.Release + 3*sizes.Slot}},
		{&protocols.ShareCommit{Query: screening, Blobs: blobs}, nil},
	} {
		r := &protocols.Record{Entry: protocols.Sign(engine.Digest{9}, id.Private(), c.body)}
		var got []int
		for i, b := range BlobsNamedBy(sizes, asked, r, nil) {
			if got = append(got, b.Size); b.Digest != blobs[i] || b.Owner != id.Key() {
				t.Errorf("%T: %+v", c.body, b)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%T: lengths %d, want %d", c.body, got, c.want)
		}
		if refused := BlobsNamedBy(sizes, asked, r, errors.New("refused")); len(refused) > 0 {
			t.Errorf("%T: refused, and names %d blobs", c.body, len(refused))
		}
	}
}
