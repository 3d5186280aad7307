// Package liar makes departments that lie, for tests and for builds with the tag liar. An
// ordinary build does not link it: only test files and files with that tag may import it. The
// machines themselves have no place where they can be made to lie: a liar wraps an honest one
// and changes what it says, with its key.
package liar

import (
	"bytes"
	"slices"

	"parley/engine"
	"parley/protocols"
)

// Kind is a way to lie.
type Kind string

// The lies. Those from Equivocation on are told by the transport, so by whoever serves blobs;
// Wrap leaves the machine honest.
const (
	BadProof           Kind = "bad-proof"           // contribution or product whose proof does not verify
	BadKeyShare        Kind = "bad-key-share"       // key share whose proof does not verify
	WrongShare         Kind = "wrong-share"         // decryption share of something else
	SecondContribution Kind = "second-contribution" // two different Contribute entries, or Multiply entries
	StaleEpoch         Kind = "stale-epoch"         // contributes, or multiplies, under another epoch
	WrongDigest        Kind = "wrong-digest"        // attests other contributions than the ledger's
	Garbage            Kind = "garbage"             // commits to bytes that do not decode
	FalseAccusation    Kind = "false-accusation"    // accuses a department that did nothing

	WrongVerdict Kind = "wrong-verdict" // of a screening: signs another one than the counts give
	BadGateKey   Kind = "bad-gate-key"  // as a screening's recipient: a key whose proof does not verify
	WrongSecret  Kind = "wrong-secret"  // so: gives contributors a secret that is not the key's
	NoSecret     Kind = "no-secret"     // so: gives none
	PaddedCounts Kind = "padded-counts" // in a screening: has so many rows in every cell that none fails for it
	ShownCell    Kind = "shown-cell"    // in an answer: contributes to a cell that the verdict withholds

	UnroundedCount Kind = "unrounded-count" // as the recipient of rounded counts: contributes one less of one of them
	OtherRounded   Kind = "other-rounded"   // so: contributes 0 for one of them
	OwnRandomness  Kind = "own-randomness"  // so: contributes the right ones, encrypted with other randomness than is derived
	AddedCount     Kind = "added-count"     // as another contributor: adds something to them

	Equivocation Kind = "equivocation" // serves other bytes to the second peer than to the first
	Oversized    Kind = "oversized"    // serves a blob longer than allowed
	Hang         Kind = "hang"         // posts and serves nothing once a query is asked
)

// Kinds lists all lies.
func Kinds() []Kind {
	return []Kind{BadProof, BadKeyShare, WrongShare, SecondContribution, StaleEpoch, WrongDigest, Garbage,
		FalseAccusation, WrongVerdict, BadGateKey, WrongSecret, NoSecret, PaddedCounts, ShownCell,
		UnroundedCount, OtherRounded, OwnRandomness, AddedCount, Equivocation, Oversized, Hang}
}

// Transport tells that the lie is told by the transport and not by the machines.
func (k Kind) Transport() bool {
	return slices.Contains([]Kind{Equivocation, Oversized, Hang}, k)
}

// Wrap returns a machine that tells the lie and is otherwise m. The department is m's.
func Wrap(m protocols.Machine, d *protocols.Department, kind Kind) protocols.Machine {
	if kind.Transport() {
		return m
	}
	return &liar{m: m, d: d, kind: kind, blobs: map[engine.Digest][]byte{}}
}

type liar struct {
	m     protocols.Machine
	d     *protocols.Department
	kind  Kind
	blobs map[engine.Digest][]byte // honest ones, as journaled
	told  bool
	query engine.Digest
	over  bool

	plan   *engine.Plan // that was to be aggregated last
	secret []byte       // of a screening's key
}

// Step implements protocols.Machine. Once it has lied, the honest machine finds that the ledger
// does not hold what it journaled, and stops; the liar waits for the query's end.
func (l *liar) Step(e protocols.Event) (protocols.Ready, error) {
	if l.over {
		return protocols.Ready{}, nil
	}
	r, err := l.m.Step(l.hear(e))
	if err != nil && !l.told {
		return r, err
	}
	if err == nil {
		r = l.lie(r)
	}
	if q := l.d.State.Query(l.query); l.told && r.Outcome == nil && q != nil && q.Phase.Ended() {
		r.Outcome = &protocols.Outcome{Status: protocols.Failed, Code: "caught", Sentence: "this department lied"}
	}
	l.over = r.Outcome != nil
	return r, nil
}

func (l *liar) lie(r protocols.Ready) protocols.Ready {
	for i, record := range r.Persist {
		r.Persist[i].Secret = l.remember(record)
		for _, blob := range record.Blobs {
			l.blobs[protocols.BlobDigest(blob)] = blob
		}
		if e, err := protocols.ParseEntry(record.Entry); err == nil && e.Kind == protocols.KindAdmit && len(record.Secret) > 0 {
			l.secret = record.Secret
		}
	}
	if r.Aggregate != nil {
		l.plan = r.Aggregate
	}
	l.confide(&r)
	var out []protocols.Entry
	for _, e := range r.Send {
		body, err := e.Open()
		if err != nil || !l.concerns(body) {
			out = append(out, e)
			continue
		}
		l.told = true
		lies, blobs := l.tell(body)
		for _, b := range lies {
			out = append(out, protocols.Sign(l.d.State.ID(), l.d.Key, b))
		}
		r.Publish = append(r.Publish, blobs...)
	}
	r.Send = out
	return r
}

// concerns reports whether the lie replaces an entry with this body.
func (l *liar) concerns(body protocols.Body) bool {
	switch b := body.(type) {
	case *protocols.KeyCommit:
		return l.kind == BadKeyShare
	case *protocols.Admit:
		l.query = b.Query
		return (l.kind == BadGateKey || l.kind == WrongSecret) && b.Key != engine.Digest{}
	case *protocols.Screen:
		l.query = b.Query
		return l.kind == WrongVerdict
	case *protocols.Contribute:
		l.query = b.Query
		if l.kind == ShownCell {
			return l.plan != nil && l.plan.Withheld != nil
		}
		if l.kind == AddedCount {
			return l.adds(b.Query)
		}
		return l.made()
	case *protocols.Multiply:
		l.query = b.Query
		return l.made()
	case *protocols.Attest:
		l.query = b.Query
		return l.kind == WrongDigest || l.kind == FalseAccusation
	case *protocols.ShareCommit:
		l.query = b.Query
		return l.kind == WrongShare
	}
	return false
}

// made reports whether the lie is about what is made for a question, a contribution or products.
func (l *liar) made() bool {
	return slices.Contains([]Kind{BadProof, Garbage, SecondContribution, StaleEpoch}, l.kind)
}

func (l *liar) tell(body protocols.Body) ([]protocols.Body, [][]byte) {
	switch b := body.(type) {
	case *protocols.KeyCommit:
		bad := l.spoil(b.Blob)
		return []protocols.Body{&protocols.KeyCommit{Epoch: b.Epoch, Blob: protocols.BlobDigest(bad)}}, [][]byte{bad}
	case *protocols.Admit:
		body, blobs := l.admission(b)
		return []protocols.Body{body}, blobs
	case *protocols.Screen:
		return []protocols.Body{l.verdict(b)}, nil
	case *protocols.Contribute:
		return l.row(b.Epoch, b.Blobs, func(epoch engine.Digest, blobs []engine.Digest) protocols.Body {
			return &protocols.Contribute{Query: b.Query, Epoch: epoch, Blobs: blobs}
		})
	case *protocols.Multiply:
		return l.row(b.Epoch, b.Blobs, func(epoch engine.Digest, blobs []engine.Digest) protocols.Body {
			return &protocols.Multiply{Query: b.Query, Epoch: epoch, Blobs: blobs}
		})
	case *protocols.Attest:
		if l.kind == WrongDigest {
			return []protocols.Body{&protocols.Attest{Query: b.Query, Contributions: flip(b.Contributions)}}, nil
		}
		return []protocols.Body{l.accuse(b.Query)}, nil
	case *protocols.ShareCommit:
		return l.row(b.Epoch, b.Blobs, func(epoch engine.Digest, blobs []engine.Digest) protocols.Body {
			return &protocols.ShareCommit{Query: b.Query, Epoch: epoch, Blobs: blobs}
		})
	}
	return nil, nil
}

// row tells the lie about the blobs that an entry of a question names, in such entries.
func (l *liar) row(epoch engine.Digest, honest []engine.Digest, entry func(epoch engine.Digest, blobs []engine.Digest) protocols.Body) ([]protocols.Body, [][]byte) {
	var digests []engine.Digest
	var blobs [][]byte
	switch l.kind {
	case StaleEpoch:
		return []protocols.Body{entry(flip(epoch), honest)}, nil
	case SecondContribution:
		second := slices.Clone(honest)
		second[0] = flip(second[0])
		return []protocols.Body{entry(epoch, honest), entry(epoch, second)}, nil
	case ShownCell:
		digests, blobs = l.shown(honest)
	case AddedCount:
		digests, blobs = l.increased(honest, 0, 0)
	default:
		digests, blobs = l.spoilAll(honest)
	}
	return []protocols.Body{entry(epoch, digests)}, blobs
}

// accuse claims that the first other contributor's proof is wrong.
func (l *liar) accuse(query engine.Digest) protocols.Body {
	q := l.d.State.Query(query)
	for i, m := range q.Contributors {
		if m.Key != protocols.KeyOf(l.d.Key) {
			return &protocols.Accuse{Query: query, Department: m.Key, Fault: protocols.FaultBadProof,
				Subject: protocols.SubjectContribution, Blob: q.Contributed[i][0], Sentence: "I do not like it"}
		}
	}
	return &protocols.Attest{Query: query}
}

func (l *liar) spoilAll(digests []engine.Digest) ([]engine.Digest, [][]byte) {
	out, blobs := slices.Clone(digests), make([][]byte, len(digests))
	for i, d := range digests {
		blobs[i] = l.spoil(d)
		out[i] = protocols.BlobDigest(blobs[i])
	}
	return out, blobs
}

// spoil changes an honest blob: its first residue, or all of it.
func (l *liar) spoil(digest engine.Digest) []byte {
	if l.kind == Garbage {
		return bytes.Repeat([]byte{0xff}, len(l.blobs[digest]))
	}
	bad := slices.Clone(l.blobs[digest])
	bad[0] ^= 1
	return bad
}

func flip(d engine.Digest) engine.Digest {
	d[0] ^= 1
	return d
}
