package protocols_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"parley/engine"
	"parley/protocols"
)

// ledger is what the validators' agreement gives: one ordered list, in blocks, and receipts that
// they sign. Which entries stand on it the referee says.
type ledger struct {
	w       *world
	state   *protocols.State
	records []protocols.Record
	at      protocols.Place
	asked   int // receipts
}

func newLedger(w *world) *ledger {
	return &ledger{w: w, state: protocols.NewState(w.network, protocols.SizesOf(w.params)), at: protocols.Place{Block: 1, Time: 1700000000000}}
}

// order puts an entry on the ledger if the referee does not refuse it, in the present block or
// in the next.
func (l *ledger) order(e protocols.Entry) error {
	w := l.w
	if w.before != nil {
		w.before(e)
	}
	if w.replace != nil {
		e = w.replace(e)
	}
	if _, err := protocols.ParseEntry(e.Marshal()); err != nil { // as everybody who takes part does first
		return err
	}
	if w.rng.IntN(2) == 0 {
		l.at.Block++
		l.at.Time += 1 + w.rng.Int64N(3000)
	}
	before := l.state.Applied()
	err := l.state.Apply(l.at, e)
	if w.account != nil {
		w.account.ordered(e, l.at, l.state.Applied(), l.state.Applied() > before, err)
	}
	if l.state.Applied() == before {
		return err
	}
	if w.snapshots { // validators that go on from a snapshot agree with those that do not
		l.state = l.snapshot()
	}
	l.records = append(l.records, protocols.Record{Number: l.state.Applied(), Block: l.at.Block, Time: l.at.Time, Entry: e})
	for _, p := range w.parties {
		w.after(p, p.follow)
	}
	return err
}

// snapshot is the present state, through its encoding.
func (l *ledger) snapshot() *protocols.State {
	s, err := protocols.ParseState(l.w.network, protocols.SizesOf(l.w.params), l.state.Marshal())
	if err != nil || s.Digest() != l.state.Digest() {
		l.w.t.Fatalf("snapshot: %v", err)
	}
	return s
}

// receipt is what the simulated validators sign for an entry: all of them, in their order.
type receipt struct {
	_          struct{} `cbor:",toarray"`
	Block      uint64
	Time       int64
	Signatures [][64]byte // zero: has not signed
}

func receiptMessage(network engine.Digest, tx []byte, r *receipt) []byte {
	sum := sha256.Sum256(tx)
	return fmt.Appendf(nil, "%s %x %d %d", network, sum, r.Block, r.Time)
}

// receipt gives the receipt of an ordered entry, or nil.
func (l *ledger) receipt(entry engine.Digest) []byte {
	for i := range l.records {
		if r := &l.records[i]; r.Entry.Digest() == entry {
			return l.sign(r.Block, r.Time, r.Entry.Marshal(), l.state.ValidatorsAt(r.Block))
		}
	}
	return nil
}

func (l *ledger) sign(block uint64, at int64, tx []byte, validators []protocols.Key) []byte {
	out := receipt{Block: block, Time: at}
	for _, k := range validators {
		var signature [64]byte
		if p := l.w.byKey(k); p != nil {
			signature = [64]byte(ed25519.Sign(p.key, receiptMessage(l.w.network.ID(), tx, &out)))
		}
		out.Signatures = append(out.Signatures, signature)
	}
	return engine.Marshal(&out)
}

// checkReceipt is the protocols.ReceiptChecker of these receipts.
func checkReceipt(network engine.Digest, validators []protocols.Key, tx, raw []byte) (protocols.Anchoring, error) {
	var r receipt
	if err := engine.Unmarshal(raw, &r); err != nil {
		return protocols.Anchoring{}, err
	}
	if len(r.Signatures) != len(validators) {
		return protocols.Anchoring{}, errors.New("signed by another set of validators")
	}
	good := 0
	for i, k := range validators {
		switch {
		case ed25519.Verify(k[:], receiptMessage(network, tx, &r), r.Signatures[i][:]):
			good++
		case r.Signatures[i] != [64]byte{}:
			return protocols.Anchoring{}, errors.New("a signature is wrong")
		}
	}
	if 3*good <= 2*len(validators) {
		return protocols.Anchoring{}, fmt.Errorf("signed by %d of %d validators", good, len(validators))
	}
	return protocols.Anchoring{Block: r.Block, Time: time.UnixMilli(r.Time)}, nil
}

// enqueue hands an entry to the ledger, or what the adversary makes of it.
func (p *party) enqueue(e protocols.Entry) {
	p.outbox[e.Digest()] = e
	if p.w.says == nil {
		p.submit(e)
		return
	}
	p.submit(p.w.says(p, e)...)
}

// submit puts entries before the ledger, one after the other, each until it stands there or is
// refused; some submissions are lost, some arrive twice.
func (p *party) submit(entries ...protocols.Entry) {
	w := p.w
	if len(entries) == 0 {
		return
	}
	e := entries[0]
	var again func()
	again = func() {
		if !w.commits(p) {
			w.park(p, again)
			return
		}
		if w.rng.IntN(100) < w.loss {
			w.after(p, again)
			return
		}
		if w.rng.IntN(100) < w.loss {
			w.after(p, again)
		}
		err := w.ledger.order(e)
		w.heard(e, err)
		if err != nil && e.Kind == protocols.KindAsk && p.asking != nil && !w.lies[e.Digest()] {
			p.asking.Refuse(err)
			p.stepAnalyst(protocols.Ordered{})
		}
		p.submit(entries[1:]...)
	}
	w.after(p, again)
}

// follow takes the records that are new.
func (p *party) follow() {
	w := p.w
	for !w.cut[p] && p.state.Applied() < uint64(len(w.ledger.records)) {
		raw := w.ledger.records[p.state.Applied()]
		r, err := protocols.ParseRecord(raw.Marshal())
		if err != nil {
			w.t.Fatalf("record %d: %v", raw.Number, err)
		}
		if _, err := p.state.Order(r); err != nil {
			w.t.Fatalf("%s: %v", p.name, err)
		}
		p.followed = max(p.followed, r.Number)
		p.point()
		p.stepAll(protocols.Ordered{})
		p.sync()
	}
}

// restored is the state that a party starts with: what it had followed, replayed, or another's
// snapshot.
func (p *party) restored() *protocols.State {
	w := p.w
	if w.rng.IntN(2) == 0 && !w.cut[p] {
		return w.ledger.snapshot()
	}
	s := protocols.NewState(w.network, protocols.SizesOf(w.params))
	for _, r := range w.ledger.records[:p.followed] {
		if _, err := s.Order(r); err != nil {
			w.t.Fatalf("%s: its own records: %v", p.name, err)
		}
	}
	return s
}

// fetchReceipt answers Ready.Receipt, at first with something else.
func (p *party) fetchReceipt(m protocols.Machine, entry engine.Digest, id engine.Digest) {
	w := p.w
	if w.cut[p] {
		w.park(p, func() { p.fetchReceipt(m, entry, id) })
		return
	}
	w.ledger.asked++
	raw := w.ledger.receipt(entry)
	if w.ledger.asked%3 == 1 {
		raw = bytes.Clone(raw)
		raw[len(raw)-1] ^= 1
	}
	p.dispatch(m, protocols.Receipt{Bytes: raw}, id)
}
