package protocols_test

import (
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// TestTwoFoundings: the same members found a network twice. Nothing that was signed in its first
// life verifies in the second.
func TestTwoFoundings(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 64)
	first, c := certified(t, 64, bySex)
	nonce := engine.Hash("the second life")
	life := foundWorld(t, 64, 3, "", nonce, tiny.Keys())
	life.askFor(bySex, "city1", "city3")
	life.run()
	second := life.checkAnswer(bySex, "city1", "city3").Certificate

	if !slices.Equal(first.network.Validators(), life.network.Validators()) || first.network.ID() == life.network.ID() {
		t.Fatal("not the same members, or one network")
	}
	if v := life.verdict(second); !v.Verified {
		t.Fatalf("%+v", v)
	}
	with := func(change func(c *protocols.Certificate)) *protocols.Certificate {
		out := *second
		change(&out)
		return &out
	}
	at := func(c *protocols.Certificate, kind protocols.EntryKind) int {
		return slices.IndexFunc(c.Records, func(r protocols.Record) bool { return r.Entry.Kind == kind })
	}
	for name, forged := range map[string]*protocols.Certificate{
		"a certificate of the first life": c,
		"under the second's description":  with(func(o *protocols.Certificate) { *o = *c; o.Network = second.Network }),
		"under the second's nonce":        with(func(o *protocols.Certificate) { *o = *c; o.Network.Nonce = nonce }),
		"the first's receipt":             with(func(o *protocols.Certificate) { o.Anchor.Receipt = c.Anchor.Receipt }),
		"the first's anchor":              with(func(o *protocols.Certificate) { o.Anchor = c.Anchor }),
		"the first's receipt, anew signed": with(func(o *protocols.Certificate) {
			o.Anchor.Receipt = first.ledger.sign(o.Anchor.Block, 1, o.Anchor.Entry.Marshal(), first.network.Validators())
		}),
		"a join of the first": with(func(o *protocols.Certificate) {
			o.Records = slices.Clone(o.Records)
			o.Records[at(o, protocols.KindJoin)] = c.Records[at(c, protocols.KindJoin)]
		}),
		"a table of the first": with(func(o *protocols.Certificate) {
			o.Records = slices.Clone(o.Records)
			o.Records[at(o, protocols.KindRegister)] = c.Records[at(c, protocols.KindRegister)]
		}),
		"a contribution of the first": with(func(o *protocols.Certificate) { o.Contributions = c.Contributions }),
		"all records of the first":    with(func(o *protocols.Certificate) { o.Records = c.Records }),
	} {
		if v := life.verdict(forged); v.Verified || v.Pinned {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := first.verdict(second); v.Verified || !strings.Contains(v.Reason, "network") {
		t.Errorf("a certificate of the second life in the first: %+v", v)
	}
}
