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

// certified is a network that answered one question, and its certificate.
func certified(t testing.TB, seed uint64, q question) (*world, *protocols.Certificate) {
	w := newWorld(t, seed, 3)
	w.askFor(q, "city1", "city3") // city2 is a member without rows in it
	w.run()
	return w, w.checkAnswer(q, "city1", "city3").Certificate
}

func (w *world) verdict(c *protocols.Certificate) protocols.Verdict {
	w.t.Helper()
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	v, err := verifier.Verify(c.Marshal())
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestCertificateVerdicts(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 21)
	w, c := certified(t, 21, byAge)

	v := w.verdict(c)
	if !v.Verified || !v.SelfConsistent || !v.Pinned || !v.ValueShown || !v.DevelopmentKeys || v.ForPrivateData || v.Reason != "" {
		t.Errorf("%+v", v)
	}
	if !slices.Equal(v.Departments, []string{"city1", "city3"}) || !slices.Equal(v.Members, []string{"city1", "city2", "city3"}) {
		t.Error(v.Departments, v.Members)
	}
	if v.Analyst != w.analyst().id || v.Certificate != c.Digest() || v.Plan == nil {
		t.Errorf("%+v", v)
	}
	if at := w.ledger.state.Query(v.Query).Done; !v.Anchored || v.Block != at.Block || v.Time.UnixMilli() != at.Time {
		t.Errorf("anchored in block %d at %s, Done is in %d", v.Block, v.Time, at.Block)
	}

	if raw, bound := len(c.Marshal()), protocols.CertificateBytes(w.params, 8, 3, 2, len(c.Shares[0])); raw > bound {
		t.Errorf("%d bytes, estimated from above at %d", raw, bound)
	}
	sealed := w.verdict(c.WithoutOpening())
	if !sealed.Verified || sealed.ValueShown || sealed.Result != nil || sealed.Reason != protocols.ReasonSealed || sealed.Certificate != v.Certificate {
		t.Errorf("%+v", sealed)
	}

	unpinned := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named}
	u, err := unpinned.Verify(c.Marshal())
	if err != nil || u.Verified || u.Pinned || !u.SelfConsistent || u.Reason != protocols.ReasonUnknownSigners || !u.ValueShown {
		t.Errorf("%+v %v", u, err)
	}

	// The names are pinned too, though the network's id does not cover them.
	other := *pinned(w)
	other.Departments = slices.Clone(other.Departments)
	other.Departments[2].Name = "city4"
	renamed := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: &other}
	if r, err := renamed.Verify(c.Marshal()); err != nil || r.Verified || r.Pinned {
		t.Errorf("%+v %v", r, err)
	}
}

// TestStrangersAreNeverVerified: departments of the same names with keys of their own make a
// certificate that is right in every respect but the pin.
func TestStrangersAreNeverVerified(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 22)
	w, _ := certified(t, 22, bySex)
	strangers := newWorldWithKeys(t, 23, 3, "strangers ")
	strangers.askFor(bySex)
	strangers.run()
	c := strangers.checkAnswer(bySex).Certificate
	if v := w.verdict(c); v.Verified || v.Pinned || !v.SelfConsistent || !strings.Contains(v.Reason, "network") {
		t.Errorf("%+v", v)
	}
	if v := strangers.verdict(c); !v.Verified {
		t.Errorf("%+v", v)
	}
}

// TestEveryByteCounts flips bits throughout a certificate. Each flip is noticed, with the pin
// and without.
func TestEveryByteCounts(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 24)
	w, c := certified(t, 24, bySex)
	raw := c.Marshal()
	stride := 97
	if testing.Short() {
		stride = 401
	}
	pinnedVerifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	unpinned := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named}
	for i := 0; i < len(raw); i += stride {
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		if v, err := pinnedVerifier.Verify(bad); err == nil && v.Verified {
			t.Fatalf("byte %d of %d can be changed", i, len(raw))
		}
		if v, err := unpinned.Verify(bad); err == nil && v.SelfConsistent {
			t.Fatalf("byte %d of %d can be changed and the rest is consistent", i, len(raw))
		}
	}
	// The opening is last, and each of its bytes is bound to the analyst's key.
	for i := len(raw) - len(c.Opening); i < len(raw); i++ {
		bad := bytes.Clone(raw)
		bad[i] ^= 4
		if v, err := pinnedVerifier.Verify(bad); err == nil && v.SelfConsistent {
			t.Fatalf("byte %d of the opening can be changed", i)
		}
	}
	for _, bad := range [][]byte{raw[:len(raw)-1], append(bytes.Clone(raw), 0), nil, raw[1:]} {
		if _, err := pinnedVerifier.Verify(bad); err == nil {
			t.Error("a cut or extended certificate is taken")
		}
	}
}

// reforge has everybody sign a changed certificate anew, the validators a receipt for it too: the
// network as a whole lies, so only what follows from proofs and recomputation is left to find it
// out.
func (w *world) reforge(c *protocols.Certificate, change func(body protocols.Body) protocols.Body) *protocols.Certificate {
	id := w.network.ID()
	out := *c
	out.Records = nil
	for _, r := range c.Records {
		body, err := r.Entry.Open()
		if err != nil {
			w.t.Fatal(err)
		}
		if change != nil {
			if body = change(body); body == nil {
				continue
			}
		}
		r.Entry = protocols.Sign(id, w.keyOf(r.Entry.Author), body)
		out.Records = append(out.Records, r)
	}
	return w.anchored(&out)
}

// anchored gives a certificate a Done and a receipt, whatever it holds.
func (w *world) anchored(c *protocols.Certificate) *protocols.Certificate {
	out := *c
	body, err := c.Anchor.Entry.Open()
	done, ok := body.(*protocols.Done)
	if err != nil || !ok {
		w.t.Fatal("the certificate was not anchored")
	}
	if transcript, err := protocols.TranscriptOf(c, w.params); err == nil {
		done.Transcript = transcript
	}
	for _, r := range c.Records {
		if body, err := r.Entry.Open(); err == nil && r.Entry.Kind == protocols.KindAsk {
			done.Query = protocols.QueryID(w.network.ID(), r.Entry.Author, body.(*protocols.Ask))
		}
	}
	done.Certificate = out.Digest()
	out.Anchor.Entry = protocols.Sign(w.network.ID(), w.analyst().key, done)
	out.Anchor.Receipt = w.ledger.sign(out.Anchor.Block, 1800000000000, out.Anchor.Entry.Marshal(), w.network.Validators())
	return &out
}

// forgery is a certificate that everybody signed, and what gives it away.
type forgery struct {
	name       string
	department string // named
	reason     string
	forge      func() *protocols.Certificate
}

func TestColludersAreFoundOut(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 25)
	w, c := certified(t, 25, bySex)
	if v := w.verdict(w.reforge(c, nil)); !v.Verified {
		t.Fatalf("%+v: an honest certificate that is signed again", v)
	}
	for _, tc := range append(w.forgedBlobs(c), w.forgedRecords(c)...) {
		t.Run(tc.name, func(t *testing.T) {
			v := w.verdict(tc.forge())
			if v.Verified || v.SelfConsistent || v.Department != tc.department || !strings.Contains(v.Reason, tc.reason) || v.Result != nil {
				t.Errorf("verified %t, reason %q, department %q; want %q, %q", v.Verified, v.Reason, v.Department, tc.reason, tc.department)
			}
		})
	}
}

func spoiled(blob []byte) []byte {
	bad := bytes.Clone(blob)
	bad[0] ^= 1
	return bad
}

func (w *world) forgedBlobs(c *protocols.Certificate) []forgery {
	return []forgery{
		{"a contribution that does not verify", "city3", "bad-proof", func() *protocols.Certificate {
			return w.withContribution(c, 1, spoiled(c.Contributions[1][0]))
		}},
		{"garbage for a contribution", "city3", "garbage", func() *protocols.Certificate {
			return w.withContribution(c, 1, bytes.Repeat([]byte{0xff}, len(c.Contributions[1][0])))
		}},
		{"another's contribution", "city3", "bad-proof", func() *protocols.Certificate {
			return w.withContribution(c, 1, c.Contributions[0][0])
		}},
		{"a share that does not verify", "city2", "wrong-share", func() *protocols.Certificate {
			bad := spoiled(c.Shares[1][0])
			changed := *c
			changed.Shares = [][][]byte{c.Shares[0], {bad}, c.Shares[2]}
			return w.reforge(&changed, func(b protocols.Body) protocols.Body {
				if s, ok := b.(*protocols.ShareCommit); ok && s.Blobs[0] == protocols.BlobDigest(c.Shares[1][0]) {
					s.Blobs[0] = protocols.BlobDigest(bad)
				}
				return b
			})
		}},
		{"a blob that was not committed to", "", "not the one on the ledger", func() *protocols.Certificate {
			out := *c
			out.Shares = [][][]byte{c.Shares[0], {spoiled(c.Shares[1][0])}, c.Shares[2]}
			return w.anchored(&out)
		}},
		{"a missing blob", "", "want 3", func() *protocols.Certificate {
			out := *c
			out.Shares = c.Shares[:2]
			return w.anchored(&out)
		}},
	}
}

func (w *world) forgedRecords(c *protocols.Certificate) []forgery {
	asked := c.Records[slices.IndexFunc(c.Records, func(r protocols.Record) bool { return r.Entry.Kind == protocols.KindAsk })]
	return []forgery{
		{"a missing share", "", "sharing", func() *protocols.Certificate {
			return w.without(c, func(b protocols.Body) bool {
				s, ok := b.(*protocols.ShareCommit)
				return ok && s.Blobs[0] == protocols.BlobDigest(c.Shares[1][0])
			})
		}},
		{"a missing admission", "", "too-early", func() *protocols.Certificate {
			first := true
			return w.without(c, func(b protocols.Body) bool {
				_, ok := b.(*protocols.Admit)
				ok, first = ok && first, first && !ok
				return ok
			})
		}},
		{"a missing attestation", "", "too-early", func() *protocols.Certificate {
			first := true
			return w.without(c, func(b protocols.Body) bool {
				_, ok := b.(*protocols.Attest)
				ok, first = ok && first, first && !ok
				return ok
			})
		}},
		{"other SQL", "", "plan", func() *protocols.Certificate {
			return w.reforge(c, func(b protocols.Body) protocols.Body {
				if a, ok := b.(*protocols.Ask); ok {
					a.SQL = strings.Replace(a.SQL, "43", "44", 1)
				}
				return b
			})
		}},
		{"another table", "", "stale-catalogue", func() *protocols.Certificate {
			return w.reforge(c, func(b protocols.Body) protocols.Body {
				if r, ok := b.(*protocols.Register); ok && r.Registration.Department == "city1" {
					r.Registration.Rows++
				}
				return b
			})
		}},
		{"without a vouch", "", "no department vouches", func() *protocols.Certificate {
			return w.without(c, func(b protocols.Body) bool {
				v, ok := b.(*protocols.Vouch)
				return ok && v.Person == w.analyst().id
			})
		}},
		{"a vouch that is over", "", "which has passed", func() *protocols.Certificate {
			return w.vouched(c, func(b *protocols.Vouch) { b.Until = asked.Time / 1000 })
		}},
		{"a vouch that is early", "", "which is later", func() *protocols.Certificate {
			return w.vouched(c, func(b *protocols.Vouch) { b.From = b.Until - 60 })
		}},
		{"a vouch for a steward", "", "not as an analyst", func() *protocols.Certificate {
			return w.vouched(c, func(b *protocols.Vouch) { b.Roles = []protocols.PersonRole{protocols.PersonSteward} })
		}},
		{"a vouch for another", "", "no department vouches", func() *protocols.Certificate {
			return w.vouched(c, func(b *protocols.Vouch) { b.Person[0] ^= 1; b.First = b.Person })
		}},
		{"a vouch by an auditor", "", "not a department", func() *protocols.Certificate {
			out := *c
			out.Records = slices.Clone(c.Records)
			i := slices.IndexFunc(c.Records, w.isVouchOf(w.analyst().id))
			out.Records[i].Entry = protocols.Sign(w.network.ID(), w.auditor().key, vouching(w.analyst()))
			return w.anchored(&out)
		}},
		{"a vouch more", "", "not of this query", func() *protocols.Certificate {
			out := *c
			last := c.Records[len(c.Records)-1]
			last.Number++
			last.Entry = protocols.Sign(w.network.ID(), w.party("city2").key, clerk(protocols.PersonAnalyst))
			out.Records = append(slices.Clone(c.Records), last)
			return &out
		}},
		{"another network's name", "", "signed", func() *protocols.Certificate {
			out := *c
			out.Network.Name = "other"
			return &out
		}},
		{"a department's name", "", "did not join", func() *protocols.Certificate {
			out := *c
			out.Network.Departments = slices.Clone(c.Network.Departments)
			out.Network.Departments[2].Name = "city4"
			return &out
		}},
		{"another's opening", "", "does not match", func() *protocols.Certificate {
			out := *c
			out.Opening = bytes.Repeat([]byte{0x55}, len(c.Opening)) // all zero: ternary, and not the key
			return &out
		}},
		{"an opening that is not ternary", "", "not ternary", func() *protocols.Certificate {
			out := *c
			out.Opening = bytes.Repeat([]byte{0xff}, len(c.Opening))
			return &out
		}},
		{"records that it could do without", "", "duplicate", func() *protocols.Certificate {
			out := *c
			last := c.Records[len(c.Records)-1]
			last.Number++
			out.Records = append(slices.Clone(c.Records), last)
			return &out
		}},
		{"a record that is not of this query", "", "not of this query", func() *protocols.Certificate {
			out := *c
			last := c.Records[len(c.Records)-1]
			last.Number++
			last.Entry = protocols.Sign(w.network.ID(), w.auditor().key, &protocols.Expire{Query: w.verdict(c).Query})
			out.Records = append(slices.Clone(c.Records), last)
			return &out
		}},
		{"records out of order", "", "out of order", func() *protocols.Certificate {
			out := *c
			out.Records = slices.Clone(c.Records)
			out.Records[1], out.Records[0] = out.Records[0], out.Records[1]
			return &out
		}},
		{"records in blocks out of order", "", "out of order", func() *protocols.Certificate {
			out := *c
			out.Records = slices.Clone(c.Records)
			out.Records[0].Block = c.Records[len(c.Records)-1].Block + 1
			return &out
		}},
	}
}

// isVouchOf finds the record of a person's vouch.
func (w *world) isVouchOf(k protocols.Key) func(protocols.Record) bool {
	return func(r protocols.Record) bool {
		body, err := r.Entry.Open()
		v, ok := body.(*protocols.Vouch)
		return err == nil && ok && v.Person == k
	}
}

// vouched changes the analyst's vouch.
func (w *world) vouched(c *protocols.Certificate, change func(*protocols.Vouch)) *protocols.Certificate {
	return w.reforge(c, func(b protocols.Body) protocols.Body {
		if b, ok := b.(*protocols.Vouch); ok && b.Person == w.analyst().id {
			change(b)
		}
		return b
	})
}

// withContribution replaces a contributor's first blob and what follows from it on the ledger.
func (w *world) withContribution(c *protocols.Certificate, contributor int, blob []byte) *protocols.Certificate {
	old := protocols.BlobDigest(c.Contributions[contributor][0])
	var digests [][]engine.Digest
	for i, row := range c.Contributions {
		digests = append(digests, nil)
		for j, b := range row {
			if i == contributor && j == 0 {
				b = blob
			}
			digests[i] = append(digests[i], protocols.BlobDigest(b))
		}
	}
	changed := *c
	changed.Contributions = slices.Clone(c.Contributions)
	changed.Contributions[contributor] = slices.Clone(c.Contributions[contributor])
	changed.Contributions[contributor][0] = blob
	return w.reforge(&changed, func(b protocols.Body) protocols.Body {
		switch b := b.(type) {
		case *protocols.Contribute:
			if b.Blobs[0] == old {
				b.Blobs[0] = protocols.BlobDigest(blob)
			}
		case *protocols.Attest:
			b.Contributions = protocols.ContributionsDigest(b.Query, digests)
		}
		return b
	})
}

// without drops the records with such a body.
func (w *world) without(c *protocols.Certificate, drop func(protocols.Body) bool) *protocols.Certificate {
	return w.reforge(c, func(b protocols.Body) protocols.Body {
		if drop(b) {
			return nil
		}
		return b
	})
}
