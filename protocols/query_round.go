package protocols

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"parley/engine"
	"parley/protocols/mhe"
)

// CodeRounding is the code with which a contributor gives up an answer whose counts are rounded: what its recipient contributed
// is not what the screening's counts give.
const CodeRounding = "rounding"

// Opened is what a contributor keeps of a screening whose answer's counts are rounded, journaled with its verdict: from it
// follows, to the byte, what the recipient encrypts in the answer (README section 3.13).
type Opened struct {
	_      struct{} `cbor:",toarray"`
	Secret []byte   // of the screening's key
	Counts []byte   // of the answer's cells: rounded, and 0 where they are withheld, each as a uvarint
	cells  []*big.Int
}

// NewOpened is what is journaled of rounded counts, each below 2^63.
func NewOpened(secret []byte, cells []*big.Int) *Opened {
	o := &Opened{Secret: secret, cells: cells}
	for _, c := range cells {
		o.Counts = binary.AppendUvarint(o.Counts, c.Uint64())
	}
	return o
}

// Cells are the counts.
func (o *Opened) Cells() []*big.Int { return o.cells }

// ParseOpened reads what was journaled.
func ParseOpened(record []byte) (*Opened, error) {
	var o Opened
	if err := engine.Unmarshal(record, &o); err != nil {
		return nil, err
	}
	for rest := o.Counts; len(rest) > 0; {
		count, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil, errors.New("a count is cut off")
		}
		o.cells, rest = append(o.cells, new(big.Int).SetUint64(count)), rest[n:]
	}
	return &o, nil
}

// String never shows what it holds.
func (Opened) String() string { return "opened counts (redacted)" }

// GoString is String.
func (o Opened) GoString() string { return o.String() }

// rounding is how a contributor makes sure of an answer's rounded counts.
type rounding struct {
	opened *Opened // nil: its journal does not have them
	busy   bool
	same   bool   // the recipient's ciphertexts are those that follow
	other  string // why not, if they are not
}

// restore reads what was opened from a record of the screening.
func (g *rounding) restore(r *JournalRecord) error {
	e, err := ParseEntry(r.Entry)
	if err != nil || e.Kind != KindScreen || len(r.Secret) == 0 {
		return nil
	}
	o, err := ParseOpened(r.Secret)
	if err != nil {
		return fmt.Errorf("%w: the counts of a screening do not decode", ErrJournal)
	}
	g.opened = o
	return nil
}

// seed is what the randomness of one of the recipient's ciphertexts is derived from: contributors have the secret, and nobody else.
func (d *dossier) seed(o *Opened, index int) engine.Digest {
	var at [4]byte
	binary.BigEndian.PutUint32(at[:], uint32(index))
	recipient := d.query.screen.recipient()
	return engine.Hash("parley rounded contribution 1", d.network[:], d.query.Ask.Epoch[:], d.query.ID[:], at[:], recipient[:], o.Secret)
}

// contributeRounded encrypts what a department contributes to an answer whose counts are rounded: the recipient all of them, with
// randomness that the other contributors derive as well, and each of these 0.
func (q *Query) contributeRounded(s *QueryState) {
	d, own, o := q.dossier, s.contributor(q.self), q.rounding.opened
	if o == nil {
		q.refuse(CodeRounding, "this department has the counts of the screening no more: ask again")
		return
	}
	limbs, err := d.plan.Limbs(own, d.plan.Contributed(own, o.cells))
	if err != nil {
		q.refuse(CodeAggregation, err.Error())
		return
	}
	q.make("encryption", func(index int) (*mhe.Draft, error) {
		lo, hi := d.lo[own][index], d.hi[own][index]
		if own == d.plan.Recipient {
			return mhe.DeriveContribution(q.params, d.contributionBinding(own, index), d.epoch.Key, limbs[index], lo, hi, d.seed(o, index))
		}
		return mhe.DraftContribution(q.params, d.contributionBinding(own, index), d.epoch.Key, limbs[index], lo, hi)
	}, q.contributed)
}

// recomputes makes the recipient's ciphertexts again, of an answer whose counts are rounded; true once they are the very
// ones that it contributed. Who is no contributor cannot, and relies on those that are.
func (q *Query) recomputes(s *QueryState) bool {
	g := &q.rounding
	if !q.dossier.plan.Rounds() || s.contributor(q.self) < 0 || g.same {
		return true
	}
	if g.busy || g.other != "" {
		return false
	}
	if g.opened == nil {
		g.other = "this department has the counts of the screening no more: ask again"
		return false
	}
	g.busy = true
	d, o, at := q.dossier, g.opened, q.dossier.plan.Recipient
	var blobs [][]byte
	for _, digest := range s.Contributed[at] {
		blobs = append(blobs, q.blobs[digest])
	}
	q.work("verifying", func() func() {
		same, err := d.recomputed(o, blobs)
		return func() {
			if g.busy, g.same = false, same && err == nil; !g.same {
				g.other = s.Contributors[at].Name + " contributed something else than the rounded counts"
			}
		}
	})
	return false
}

// recomputed reports whether the recipient's blobs hold the ciphertexts that follow from the screening's counts.
func (d *dossier) recomputed(o *Opened, blobs [][]byte) (bool, error) {
	limbs, err := d.plan.Limbs(d.plan.Recipient, o.cells)
	if err != nil {
		return false, err
	}
	for index, blob := range blobs {
		want := mhe.DerivedBody(d.params(), d.epoch.Key, limbs[index], d.seed(o, index))
		if !bytes.HasPrefix(blob, want) {
			return false, nil
		}
	}
	return len(blobs) == len(limbs), nil
}
