package liar

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"slices"

	"parley/engine"
	"parley/protocols"
)

// Screening tells that the lie is told in a screening, or in the answer that rests on one: where the rules need no counts there
// is nothing to lie about.
func (k Kind) Screening() bool {
	return k.Rounding() || slices.Contains([]Kind{WrongVerdict, BadGateKey, WrongSecret, NoSecret, PaddedCounts, ShownCell}, k)
}

// hear changes what the machine is told: a screening's own counts are so many in every cell, and its slacks so high, that no rule
// withholds anything for them.
func (l *liar) hear(e protocols.Event) protocols.Event {
	c, ok := e.(protocols.Cells)
	if !ok || l.kind != PaddedCounts || l.plan == nil || l.plan.Screen == nil {
		return e
	}
	own := slices.Index(l.plan.Departments, l.d.State.NameOf(protocols.KeyOf(l.d.Key)))
	padded := make([]*big.Int, len(c.Cells))
	for i := range padded {
		if padded[i] = big.NewInt(l.plan.Registrations[own].Rows); l.plan.Moments[i%len(l.plan.Moments)].Op == engine.Weigh {
			padded[i].Lsh(padded[i], 100) // its largest rows are nothing beside the others
		}
	}
	return protocols.Cells{Cells: padded, Err: c.Err}
}

// confide changes what is for contributors alone: the secret of a screening's key.
func (l *liar) confide(r *protocols.Ready) {
	for i, c := range r.Confide {
		if !bytes.Equal(c.Blob, l.secret) {
			continue
		}
		switch l.kind {
		case NoSecret:
			r.Confide = slices.Delete(r.Confide, i, i+1)
		case WrongSecret:
			r.Confide[i].Blob = l.another()
		}
		return
	}
}

// another is a secret of the key's length that is not the key's.
func (l *liar) another() []byte {
	out := slices.Clone(l.secret)
	slices.Reverse(out)
	return out
}

// admission is what a screening's recipient says with its key.
func (l *liar) admission(b *protocols.Admit) (protocols.Body, [][]byte) {
	if l.kind == WrongSecret {
		return &protocols.Admit{Query: b.Query, Epoch: b.Epoch, Key: b.Key, Opening: protocols.BlobDigest(l.another())}, nil
	}
	bad := l.spoil(b.Key)
	return &protocols.Admit{Query: b.Query, Epoch: b.Epoch, Key: protocols.BlobDigest(bad), Opening: b.Opening}, [][]byte{bad}
}

// verdict is one that shows what the counts withhold: of the recipient every cell.
func (l *liar) verdict(b *protocols.Screen) protocols.Body {
	if len(b.Packed) == 0 {
		return &protocols.Screen{Query: b.Query, Verdict: flip(b.Verdict)}
	}
	packed := shownAll(b.Packed)
	if bytes.Equal(packed, b.Packed) { // which is then the lie
		packed[0] = engine.ReasonCount
	}
	return &protocols.Screen{Query: b.Query, Verdict: engine.Hash("parley verdict 1", packed), Packed: packed}
}

// shownAll is a verdict over as many cells that withholds none.
func shownAll(packed []byte) []byte {
	cells := uint64(0)
	for rest := packed; len(rest) > 1; {
		run, n := binary.Uvarint(rest[1:])
		if n <= 0 {
			break
		}
		cells += run
		rest = rest[1+n:]
	}
	return binary.AppendUvarint([]byte{0}, cells)
}

// shown is a contribution in which a cell holds something that the verdict withholds: one more in its first limb. Its proof
// is the honest one's, which bounds the cell to 0: no other proof can be made.
func (l *liar) shown(blobs []engine.Digest) ([]engine.Digest, [][]byte) {
	_, hi := l.plan.Bounds(0) // a cell that is withheld has the same for all
	for c := range hi {
		for limb := range hi[c] {
			if hi[c][limb] == 0 {
				return l.increased(blobs, c, limb)
			}
		}
	}
	return blobs, nil
}

// increased is a contribution with one more in a limb, under the proof of the honest one.
func (l *liar) increased(blobs []engine.Digest, c, limb int) ([]engine.Digest, [][]byte) {
	p := l.d.Params
	size := p.LimbsSize()
	bad := slices.Clone(l.blobs[blobs[c]])
	c0, err := p.DecodeLimbs(bad[:size])
	if err != nil {
		return blobs, nil
	}
	one := make([]int64, p.Limbs())
	one[limb] = 1
	m := p.FromLimbs(one)
	p.Ring().MulScalarBigint(m, p.Delta(), m)
	p.Ring().Add(c0, m, c0)
	copy(bad, p.AppendLimbs(nil, c0))
	out := slices.Clone(blobs)
	out[c] = protocols.BlobDigest(bad)
	return out, [][]byte{bad}
}

// Rounding tells that the lie is told of counts that are rounded.
func (k Kind) Rounding() bool {
	return slices.Contains([]Kind{UnroundedCount, OtherRounded, OwnRandomness, AddedCount}, k)
}

// adds reports whether the department contributes to an answer whose counts another one rounds.
func (l *liar) adds(query engine.Digest) bool {
	s := l.d.State.Query(query).Screen()
	return s != nil && !slices.ContainsFunc(s.Records(), func(r protocols.Record) bool {
		body, err := r.Entry.Open()
		admit, ok := body.(*protocols.Admit)
		return err == nil && ok && admit.Key != engine.Digest{} && r.Entry.Author == protocols.KeyOf(l.d.Key)
	})
}

// remember changes what the department keeps of a screening that it opened, and makes the answer of: its cells, or the secret that
// randomness is derived from.
func (l *liar) remember(r protocols.JournalRecord) []byte {
	e, err := protocols.ParseEntry(r.Entry)
	if !l.kind.Rounding() || err != nil || e.Kind != protocols.KindScreen {
		return r.Secret
	}
	o, err := protocols.ParseOpened(r.Secret)
	if err != nil {
		return r.Secret
	}
	cells := o.Cells()
	switch at := slices.IndexFunc(cells, func(c *big.Int) bool { return c.Sign() > 0 }); {
	case l.kind == OwnRandomness:
		slices.Reverse(o.Secret)
	case l.kind == OtherRounded && at >= 0:
		cells[at] = new(big.Int)
	case l.kind == UnroundedCount && at >= 0:
		cells[at] = new(big.Int).Sub(cells[at], big.NewInt(1))
	}
	return engine.Marshal(protocols.NewOpened(o.Secret, cells))
}
