package protocols

import (
	"bytes"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe/tiny"
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
		r := Record{Number: uint64(i), Block: 2, Time: 3, Entry: e}
		f.Add(r.Marshal())
	}
	n := newCourt(f).network
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseRecord(raw)
		if err != nil {
			return
		}
		reencodes(t, raw, r.Marshal())
		if _, err := NewState(n, Sizes{}).Order(r); err == nil {
			t.Fatal("a record that nobody of the network signed is ordered")
		}
	})
}

// FuzzReferee signs arbitrary bodies as members, the auditor and the analyst and puts them before
// a referee in the middle of a query: it never panics, and goes on.
func FuzzReferee(f *testing.F) {
	for _, e := range goldenEntries() {
		f.Add(byte(e.Kind), byte(1), byte(2), e.Body)
	}
	for turn := range uint64(2) {
		f.Add(byte(KindVote), byte(1), byte(2), engine.Marshal(&Vote{Change: adding(RoleAuditor, "new"), Withdraw: turn > 0, Turn: turn}))
	}
	for _, b := range []Body{turned(vouching(courtKey("analyst"), PersonSteward), 1), replacing(vouching(courtKey("wu"), PersonAnalyst), courtKey("analyst")),
		&Revoke{Person: KeyOf(courtKey("analyst")), Reason: "left", Turn: 1}} {
		f.Add(byte(b.Kind()), byte(0), byte(2), engine.Marshal(b))
	}
	f.Fuzz(func(t *testing.T, kind, author, phase byte, body []byte) {
		c := newCourt(t)
		c.join()
		c.register()
		c.form()
		c.reach(courtPhases[phase%5], 1)
		keys := append(c.validators(), c.analyst)
		e := Entry{Kind: EntryKind(kind), Author: KeyOf(keys[int(author)%len(keys)]), Body: body}
		e.Signature = signature(keys[int(author)%len(keys)], e.message(c.id))
		_ = c.order(e)
		if c.state.Epoch() != nil {
			_ = c.put(c.analyst, c.question(99))
		}
		c.reparsed()
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
	n.VerifyingKeys = tiny.Keys().Verifying().MarshalBinary()
	c := Certificate{Version: Version, Network: *n, KeyShares: [][]byte{{1}}, Contributions: [][][]byte{{{2}}}}
	for i, e := range goldenEntries() {
		c.Records = append(c.Records, Record{Number: uint64(i + 1), Entry: e})
	}
	f.Add(c.Marshal())
	verifier := Verifier{Receipts: anyReceipt, Parameters: func(string) (circuits.Params, error) { return tiny.Params(), nil }}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := ParseCertificate(raw); err == nil {
			reencodes(t, raw, c.Marshal())
		}
		if v, err := verifier.Verify(raw); err == nil && (v.Verified || v.SelfConsistent) {
			t.Fatal("nonsense is consistent")
		}
	})
}

// anyReceipt takes everything: what is found out is found out by others.
func anyReceipt(engine.Digest, []Key, []byte, []byte) (Anchoring, error) { return Anchoring{}, nil }

// FuzzState gives arbitrary bytes, and changed snapshots, to ParseState. What it takes can be
// worked with: everything is read, and a referee goes on from it.
func FuzzState(f *testing.F) {
	c, snapshots := snapshotsOfCourt(f)
	for _, s := range snapshots {
		f.Add(s, 0, byte(0))
		f.Add(s, len(s)/2, byte(1))
	}
	bodies := goldenEntries()
	f.Fuzz(func(t *testing.T, raw []byte, at int, change byte) {
		if at >= 0 && at < len(raw) {
			raw = bytes.Clone(raw)
			raw[at] ^= change
		}
		s, err := ParseState(c.network, c.sizes, raw)
		if err != nil {
			return
		}
		reencodes(t, raw, s.Marshal())
		s.exercise(c, bodies)
	})
}
