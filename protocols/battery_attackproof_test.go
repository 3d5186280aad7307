package protocols_test

import (
	"bytes"
	"cmp"
	"slices"

	"parley/engine"
	"parley/protocols"
)

// contributions are what a colluder made, and of others what the colluders have of them.
func (f *front) contributions(p *party, n uint32) [][]byte {
	if own := f.made[p.name]; own != nil {
		return own
	}
	return f.blobs(f.c.Contributions, p, n)
}

// blobs are what the colluders have of a department: what it contributed, or shared, when it was asked before.
func (f *front) blobs(of [][][]byte, p *party, n uint32) (out [][]byte) {
	at := slices.Index([]string{"city1", "city2", "city3"}, p.name)
	for i := range n {
		blob := bytes.Clone(of[at][0])
		blob[0] ^= byte(i)
		out = append(out, blob)
	}
	return out
}

// bodies are what departments say of a question that goes through; nil of what is not theirs to say.
func (f *front) bodies(id engine.Digest, ask *protocols.Ask) func(kind protocols.EntryKind, p *party) protocols.Body {
	digests := func(blobs [][]byte) (out []engine.Digest) {
		for _, b := range blobs {
			out = append(out, protocols.BlobDigest(b))
		}
		return out
	}
	var all [][]engine.Digest
	for _, name := range ask.Departments {
		all = append(all, digests(f.contributions(f.w.party(name), ask.Ciphertexts)))
	}
	return func(kind protocols.EntryKind, p *party) protocols.Body {
		switch at := slices.Index(ask.Departments, p.name); {
		case kind == protocols.KindAdmit:
			b := &protocols.Admit{Query: id, Epoch: ask.Epoch}
			if ask.Screening && protocols.RecipientOf(id, ask.Departments) == p.name {
				b.Key, b.Opening = engine.Digest{1}, engine.Digest{2}
			}
			return b
		case kind == protocols.KindContribute && at >= 0:
			return &protocols.Contribute{Query: id, Epoch: ask.Epoch, Blobs: all[at]}
		case kind == protocols.KindAttest:
			return &protocols.Attest{Query: id, Contributions: protocols.ContributionsDigest(id, all)}
		case kind == protocols.KindShare:
			return &protocols.ShareCommit{Query: id, Epoch: ask.Epoch, Blobs: digests(f.blobs(f.c.Shares, p, ask.Ciphertexts))}
		}
		return nil
	}
}

// certificate is what the others make of a question, signed with the keys of all, the validators' receipt too. Where the
// ledger did not take the question it holds what would have stood there.
func (f *front) certificate(a *attack, e protocols.Entry, ask *protocols.Ask, id engine.Digest) *protocols.Certificate {
	out := *f.c
	out.Opening, out.AnalystKey = nil, f.w.analyst().store[ask.AnalystKey]
	out.Contributions, out.Shares = nil, nil
	for _, p := range f.w.departments() {
		if slices.Contains(ask.Departments, p.name) {
			out.Contributions = append(out.Contributions, f.contributions(p, ask.Ciphertexts))
		}
		out.Shares = append(out.Shares, f.blobs(f.c.Shares, p, ask.Ciphertexts))
	}
	if a.by == byMachine && a.proof == "" {
		out.Records = f.w.ledger.state.RecordsOf(f.w.ledger.state.Query(id))
	} else {
		out.Records = f.forged(a, e, ask, id)
	}
	return f.anchored(protocols.Tidied(&out, f.w.params), id)
}

// anchored is a certificate with its analyst's Done, and a receipt that all validators signed.
func (f *front) anchored(c *protocols.Certificate, id engine.Digest) *protocols.Certificate {
	out := *c
	done := &protocols.Done{Query: id, Certificate: out.Digest()}
	if transcript, err := protocols.TranscriptOf(&out, f.w.params); err == nil {
		done.Transcript = transcript
	}
	out.Anchor.Block = f.w.ledger.at.Block + 1
	out.Anchor.Entry = protocols.Sign(f.w.network.ID(), f.key, done)
	out.Anchor.Receipt = f.w.ledger.sign(out.Anchor.Block, 1_800_000_000_000, out.Anchor.Entry.Marshal(), f.w.network.Validators())
	return &out
}

// forged are the records of a question that the ledger did not take, or that ended.
func (f *front) forged(a *attack, e protocols.Entry, ask *protocols.Ask, id engine.Digest) (records []protocols.Record) {
	kept := func(r protocols.Record) bool {
		body, err := r.Entry.Open()
		return err == nil && r.Entry.Kind != protocols.KindAsk && queryOf(body) == (engine.Digest{}) && (a.hides == nil || !a.hides(body))
	}
	for _, r := range append(slices.Clone(f.c.Records), f.w.ledger.records[f.since:]...) {
		if kept(r) {
			records = append(records, r)
		}
	}
	if screen := f.w.ledger.state.Query(ask.Screen); screen != nil {
		records = append(records, screen.Records()...)
	}
	slices.SortFunc(records, func(a, b protocols.Record) int { return cmp.Compare(a.Number, b.Number) })
	number := uint64(len(f.w.ledger.records))
	put := func(e protocols.Entry) {
		number++
		records = append(records, protocols.Record{Number: number, Block: f.w.ledger.at.Block, Time: f.w.ledger.at.Time, Entry: e})
	}
	put(e)
	bodies := f.bodies(id, ask)
	for _, kind := range []protocols.EntryKind{protocols.KindAdmit, protocols.KindContribute, protocols.KindAttest, protocols.KindShare} {
		for _, p := range f.w.departments() {
			if body := bodies(kind, p); body != nil {
				put(protocols.Sign(f.w.network.ID(), p.key, body))
			}
		}
	}
	return records
}
