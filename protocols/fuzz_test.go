package protocols

import (
	"bytes"
	"testing"

	"parley/circuits"
	"parley/engine"
)

// reencodes holds what every decoder promises: what it takes has this one encoding.
func reencodes(t *testing.T, raw, again []byte) {
	if !bytes.Equal(raw, again) {
		t.Fatalf("%x decodes and encodes to %x", raw, again)
	}
}

func FuzzEntry(f *testing.F) {
	for _, e := range goldenEntries() {
		f.Add(e.Marshal())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ParseEntry(raw)
		if err != nil {
			return
		}
		reencodes(t, raw, e.Marshal())
		_ = e.Verify(engine.Digest{})
		if body, err := e.Open(); err == nil {
			reencodes(t, e.Body, engine.Marshal(body))
		}
	})
}

func FuzzRecord(f *testing.F) {
	for i, e := range goldenEntries() {
		r := Record{Height: uint64(i), Entry: e}
		f.Add(r.Marshal())
	}
	n := newCourt(f).network
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseRecord(raw)
		if err != nil {
			return
		}
		reencodes(t, raw, r.Marshal())
		if NewChain(n).Append(r) == nil && r.Height > 0 {
			t.Fatal("an unsigned record is appended")
		}
	})
}

// FuzzReferee signs arbitrary bodies as members, the keeper and the analyst and puts them before
// a referee in the middle of a query: it never panics, and goes on.
func FuzzReferee(f *testing.F) {
	for _, e := range goldenEntries() {
		f.Add(byte(e.Kind), byte(1), byte(2), e.Body)
	}
	f.Fuzz(func(t *testing.T, kind, author, phase byte, body []byte) {
		c := newCourt(t)
		c.join()
		c.register()
		c.form()
		c.reach(Phase(1+phase%5), 1)
		keys := append(c.keys, c.analyst)
		e := Entry{Kind: EntryKind(kind), Author: KeyOf(keys[int(author)%4]), Head: c.replica.Head(), Body: body}
		e.Signature = signature(keys[int(author)%4], e.message(c.id))
		_ = c.order(e)
		if c.replica.Epoch() != nil && !c.replica.Epoch().Exhausted {
			_ = c.put(c.analyst, c.question(99))
		}
	})
}

func FuzzJournalRecord(f *testing.F) {
	r := JournalRecord{Kind: JournalShare, Blobs: [][]byte{{1}}, Secret: []byte{2}}
	f.Add(r.Marshal())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := ParseJournalRecord(raw); err == nil {
			reencodes(t, raw, r.Marshal())
		}
	})
}

func FuzzServed(f *testing.F) {
	s := SignServed(digestOf(1), courtKey("x"), digestOf(2), []byte{3})
	f.Add(s.Marshal())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := ParseServed(raw); err == nil {
			reencodes(t, raw, s.Marshal())
			_ = s.Verify(digestOf(1))
		}
	})
}

func FuzzNetwork(f *testing.F) {
	n := newCourt(f).network
	for i := range n.Departments {
		n.Departments[i].Name = string(rune('a' + i))
	}
	f.Add(n.JSON())
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := ParseNetwork(raw)
		if err != nil {
			return
		}
		if again, err := ParseNetwork(n.JSON()); err != nil || again.ID() != n.ID() {
			t.Fatalf("%s: %v", n.JSON(), err)
		}
	})
}

func FuzzCertificate(f *testing.F) {
	n := newCourt(f).network
	for i := range n.Departments {
		n.Departments[i].Name = string(rune('a' + i))
	}
	n.VerifyingKeys = tinyKeys().Verifying().MarshalBinary()
	c := Certificate{Version: Version, Network: *n, KeyShares: [][]byte{{1}}, Contributions: [][][]byte{{{2}}}}
	for i, e := range goldenEntries() {
		c.Records = append(c.Records, Record{Height: uint64(i + 1), Entry: e})
	}
	f.Add(c.Marshal())
	verifier := Verifier{Parameters: func(string) (circuits.Params, error) { return tinyParams(), nil }}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := ParseCertificate(raw); err == nil {
			reencodes(t, raw, c.Marshal())
		}
		if v, err := verifier.Verify(raw); err == nil && (v.Verified || v.SelfConsistent) {
			t.Fatal("nonsense is consistent")
		}
	})
}

// FuzzBlobs gives arbitrary bytes to every check of a blob.
func FuzzBlobs(f *testing.F) {
	p := tinyParams()
	sizes := SizesOf(p)
	f.Add(make([]byte, sizes.KeyShare))
	f.Add(bytes.Repeat([]byte{0xff}, sizes.Contribution))
	f.Add([]byte{})
	vk := tinyKeys().Verifying()
	poly := p.CRS([]byte("x"))
	key := PublicKey{A: poly, P: poly}
	zero := make([]int64, p.Limbs())
	f.Fuzz(func(t *testing.T, blob []byte) {
		if _, err := VerifyKeyShare(vk, circuits.Binding{}, poly, blob); err == nil {
			t.Error("a key share out of nothing")
		}
		if _, err := VerifyContribution(vk, circuits.Binding{}, key, zero, zero, blob); err == nil {
			t.Error("a contribution out of nothing")
		}
		if _, err := VerifyDecryptionShare(vk, circuits.Binding{}, key, Ciphertext{C0: poly, C1: poly}, key, blob); err == nil {
			t.Error("a share out of nothing")
		}
		if _, err := ParseSecretKey(p, blob); err == nil && len(blob) != p.N()/4 {
			t.Error("a secret of another length")
		}
	})
}
