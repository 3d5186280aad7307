package protocols_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// TestTranscript: every record of a certificate is bound to its place by the transcript in the
// one entry that has a receipt.
func TestTranscript(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 67)
	w, c := certified(t, 67, bySex)
	find := func(kind protocols.EntryKind, author protocols.Key) int {
		return slices.IndexFunc(c.Records, func(r protocols.Record) bool {
			return r.Entry.Kind == kind && (author == protocols.Key{} || r.Entry.Author == author)
		})
	}
	cases := map[string]func(records []protocols.Record) []protocols.Record{
		"another block": func(r []protocols.Record) []protocols.Record {
			i := find(protocols.KindAsk, protocols.Key{})
			for j := i; j < len(r); j++ { // still ascending
				r[j].Block++
			}
			return r
		},
		"another time": func(r []protocols.Record) []protocols.Record {
			r[find(protocols.KindContribute, protocols.Key{})].Time++
			return r
		},
		"another number": func(r []protocols.Record) []protocols.Record {
			r[len(r)-1].Number++
			return r
		},
		"a registration's place": func(r []protocols.Record) []protocols.Record {
			r[find(protocols.KindRegister, protocols.Key{})].Time++
			return r
		},
		"a vouch's place": func(r []protocols.Record) []protocols.Record {
			r[find(protocols.KindVouch, protocols.Key{})].Time++
			return r
		},
		"a policy's place": func(r []protocols.Record) []protocols.Record {
			r[find(protocols.KindPublish, protocols.Key{})].Time++
			return r
		},
		"a join's place": func(r []protocols.Record) []protocols.Record {
			r[0].Time++
			return r
		},
		"a key share's place": func(r []protocols.Record) []protocols.Record {
			r[find(protocols.KindKeyAttest, protocols.Key{})].Time++
			return r
		},
		"reordered admissions": func(r []protocols.Record) []protocols.Record {
			i := find(protocols.KindAdmit, protocols.Key{})
			r[i].Entry, r[i+1].Entry = r[i+1].Entry, r[i].Entry
			return r
		},
		"an attestation left out": func(r []protocols.Record) []protocols.Record {
			i := find(protocols.KindAttest, w.auditor().id)
			if i < 0 {
				t.Fatal("the auditor's attestation came too late for this test: take another seed")
			}
			return slices.Delete(r, i, i+1)
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			forged := *c
			forged.Records = change(slices.Clone(c.Records))
			if v := w.verdict(&forged); v.Verified || v.SelfConsistent || !strings.Contains(v.Reason, "transcript") {
				t.Errorf("%+v", v)
			}
			// An analyst that says so has no receipt for it.
			said := w.anchored(&forged)
			said.Anchor.Receipt = c.Anchor.Receipt
			if v := w.verdict(said); v.Verified || v.SelfConsistent || !strings.Contains(v.Reason, "receipt") {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestAnchors: a certificate is verified only with the receipt for its own Done.
func TestAnchors(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 62)
	w, c := certified(t, 62, bySex)
	w.askFor(byAge, "city1", "city3")
	w.run()
	other := w.checkAnswer(byAge, "city1", "city3").Certificate
	strangers := newWorldWithKeys(t, 62, 3, "strangers ")
	strangers.askFor(bySex, "city1", "city3")
	strangers.run()
	foreign := strangers.checkAnswer(bySex, "city1", "city3").Certificate

	with := func(change func(a *protocols.Anchor)) *protocols.Certificate {
		out := *c
		change(&out.Anchor)
		return &out
	}
	tx := c.Anchor.Entry.Marshal()
	cases := []struct {
		name, reason string
		forge        func(a *protocols.Anchor)
	}{
		{"of another query", "anchor", func(a *protocols.Anchor) { *a = other.Anchor }},
		{"of another network", "anchor", func(a *protocols.Anchor) { *a = foreign.Anchor }},
		{"the receipt of another query", "receipt", func(a *protocols.Anchor) { a.Receipt = other.Anchor.Receipt }},
		{"a receipt by strangers", "receipt", func(a *protocols.Anchor) {
			a.Receipt = strangers.ledger.sign(a.Block, 1, tx, strangers.network.Validators())
		}},
		{"no receipt", "anchor", func(a *protocols.Anchor) { a.Receipt = nil }},
		{"an empty receipt", "receipt", func(a *protocols.Anchor) { a.Receipt = []byte{0} }},
		{"another block than the receipt's", "receipt", func(a *protocols.Anchor) { a.Block++ }},
		{"a block before its records", "before", func(a *protocols.Anchor) {
			a.Block = 1
			a.Receipt = w.ledger.sign(1, 1, tx, w.network.Validators())
		}},
		{"two of four signatures", "receipt", func(a *protocols.Anchor) {
			validators := w.network.Validators()
			validators[0], validators[2] = protocols.Key{}, protocols.Key{1}
			a.Receipt = w.ledger.sign(a.Block, 1, tx, validators)
		}},
		{"another entry of the analyst's", "not a done", func(a *protocols.Anchor) {
			i := slices.IndexFunc(c.Records, func(r protocols.Record) bool { return r.Entry.Kind == protocols.KindAsk })
			a.Entry = c.Records[i].Entry
			a.Receipt = w.ledger.sign(a.Block, 1, a.Entry.Marshal(), w.network.Validators())
		}},
		{"a done by another", "stranger", func(a *protocols.Anchor) {
			body, err := a.Entry.Open()
			if err != nil {
				t.Fatal(err)
			}
			a.Entry = protocols.Sign(w.network.ID(), w.departments()[0].key, body)
			a.Receipt = w.ledger.sign(a.Block, 1, a.Entry.Marshal(), w.network.Validators())
		}},
		{"a done of another certificate", "not, byte for byte, the certificate", func(a *protocols.Anchor) {
			body, err := a.Entry.Open()
			done, ok := body.(*protocols.Done)
			if err != nil || !ok {
				t.Fatal(err)
			}
			done.Certificate[0] ^= 1
			a.Entry = protocols.Sign(w.network.ID(), w.analyst().key, done)
			a.Receipt = w.ledger.sign(a.Block, 1, a.Entry.Marshal(), w.network.Validators())
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			v := w.verdict(with(tc.forge))
			if v.Verified || v.SelfConsistent || v.Anchored && tc.reason == "receipt" || !strings.Contains(v.Reason, tc.reason) {
				t.Errorf("verified %t, anchored %t, reason %q; want %q", v.Verified, v.Anchored, v.Reason, tc.reason)
			}
		})
	}
	bare := with(func(a *protocols.Anchor) { *a = protocols.Anchor{} })
	if v := w.verdict(bare); v.Verified || v.Anchored || !v.SelfConsistent || v.Reason != protocols.ReasonNotAnchored || bare.Digest() != c.Digest() {
		t.Errorf("%+v", v)
	}
	if v := w.verdict(c); !v.Verified {
		t.Errorf("%+v", v)
	}
	v := protocols.Verifier{Parameters: tiny.Named}
	if _, err := v.Verify(c.Marshal()); err == nil {
		t.Error("a verifier that cannot check receipts verifies")
	}
}

// TestCheckReceipt holds the simulated validators to what the tests lean on.
func TestCheckReceipt(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 63)
	w := newWorld(t, 63, 3)
	keys := w.network.Validators()
	raw := w.ledger.sign(7, 9, []byte("tx"), keys)
	if at, err := checkReceipt(w.network.ID(), keys, []byte("tx"), raw); err != nil || at.Block != 7 || at.Time.UnixMilli() != 9 {
		t.Fatal(at, err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if _, err := checkReceipt(w.network.ID(), keys, []byte("tx"), bad); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
	}
	if _, err := checkReceipt(engine.Digest{}, keys, []byte("tx"), raw); err == nil {
		t.Error("another network's receipt is taken")
	}
}
