package ledger

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	dbm "github.com/cometbft/cometbft-db"

	"parley/engine"
)

// Record is one ordered transaction.
type Record struct {
	// Number counts ordered transactions from 1.
	Number uint64
	// Block is the height of the block that holds it.
	Block uint64
	// Time is that block header's: when the block before was signed, up to a
	// Timing.Idle earlier.
	Time time.Time
	// Signed is when its validators signed the block, by the votes that this node
	// holds; other nodes may hold others. Zero: not known.
	Signed time.Time
	// Tx is the transaction.
	Tx []byte
	// Code and Sentence are empty if it was taken, and otherwise say why it was
	// refused and yet kept.
	Code, Sentence string
}

// storedRecord is a Record in the index.
type storedRecord struct {
	_              struct{} `cbor:",toarray"`
	Number, Block  uint64
	Time, Signed   instant
	Tx             []byte
	Code, Sentence string
}

// storedBlock is what receipts of a block's transactions are made of.
type storedBlock struct {
	_      struct{} `cbor:",toarray"`
	Head   head
	Hashes [][32]byte // of its transactions, in order
}

// handover is a header that names another set of validators for the next
// block: the links of the chain from the genesis' set to every later one.
type handover struct {
	_    struct{} `cbor:",toarray"`
	Head head
	Next [][]byte // keys of the set from the next block on, in the set's order
}

func (h *handover) keys() []ed25519.PublicKey {
	keys := make([]ed25519.PublicKey, len(h.Next))
	for i, k := range h.Next {
		keys[i] = k
	}
	return keys
}

// Tables of the index, each under a byte.
const (
	tableRecords   = 'r' // number → storedRecord
	tableNumbers   = 'n' // transaction's hash → number
	tableBlocks    = 'b' // height → storedBlock, of blocks with transactions
	tableHandovers = 'v' // height → handover
	tableBase      = 'm' // → number of the last record that is missing here
)

// index is the durable list of ordered transactions, which outlives the blocks.
// Writing a block again changes nothing. Safe for concurrent use.
type index struct {
	db dbm.DB

	mu      sync.Mutex
	last    uint64        // number of the last record
	base    uint64        // records up to this number are missing
	changed chan struct{} // closed and replaced after each block
}

func openIndex(db dbm.DB) (*index, error) {
	x := &index{db: db, changed: make(chan struct{})}
	b, err := db.Get([]byte{tableBase})
	if err != nil {
		return nil, err
	}
	if len(b) == 8 {
		x.base = binary.BigEndian.Uint64(b)
	}
	x.last = x.base
	it, err := db.ReverseIterator([]byte{tableRecords}, []byte{tableRecords + 1})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	if it.Valid() && len(it.Key()) == 9 {
		x.last = max(x.last, binary.BigEndian.Uint64(it.Key()[1:]))
	}
	return x, it.Error()
}

func numbered(table byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{table}, n)
}

func hashed(hash [32]byte) []byte { return append([]byte{tableNumbers}, hash[:]...) }

// Write stores what a block added, durably and at once.
func (x *index) Write(records []Record, block *storedBlock, change *handover) error {
	if len(records) == 0 && change == nil {
		return nil
	}
	b := x.db.NewBatch()
	defer b.Close()
	var errs []error
	for _, r := range records {
		number := binary.BigEndian.AppendUint64(nil, r.Number)
		errs = append(errs,
			b.Set(numbered(tableRecords, r.Number), engine.Marshal(storedRecord{
				Number: r.Number, Block: r.Block, Time: instantOf(r.Time), Signed: instantOf(r.Signed), Tx: r.Tx, Code: r.Code, Sentence: r.Sentence})),
			b.Set(hashed(Hash(r.Tx)), number))
	}
	if block != nil {
		errs = append(errs, b.Set(numbered(tableBlocks, block.Head.Height), engine.Marshal(*block)))
	}
	if change != nil {
		errs = append(errs, b.Set(numbered(tableHandovers, change.Head.Height), engine.Marshal(*change)))
	}
	if err := errors.Join(append(errs, b.WriteSync())...); err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	return nil
}

// Publish lets followers see the records up to a number.
func (x *index) Publish(last uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = max(x.last, last)
	close(x.changed)
	x.changed = make(chan struct{})
}

// Watch returns the last number, the base, and what is closed after the next
// block.
func (x *index) Watch() (last, base uint64, changed <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last, x.base, x.changed
}

// Start makes the index of a node that joined from a snapshot: the records up
// to base are missing.
func (x *index) Start(base uint64, handovers []handover) error {
	b := x.db.NewBatch()
	defer b.Close()
	errs := []error{b.Set([]byte{tableBase}, binary.BigEndian.AppendUint64(nil, base))}
	for i := range handovers {
		errs = append(errs, b.Set(numbered(tableHandovers, handovers[i].Head.Height), engine.Marshal(handovers[i])))
	}
	if err := errors.Join(append(errs, b.WriteSync())...); err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.base, x.last = base, max(x.last, base)
	return nil
}

// Record reads one; nil: it is not here.
func (x *index) Record(number uint64) (*Record, error) {
	b, err := x.db.Get(numbered(tableRecords, number))
	if err != nil || b == nil {
		return nil, err
	}
	var s storedRecord
	if err := engine.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("record %d in the index: %w", number, err)
	}
	return &Record{Number: s.Number, Block: s.Block, Time: s.Time.time(), Signed: s.Signed.time(), Tx: s.Tx, Code: s.Code, Sentence: s.Sentence}, nil
}

// Find reads the record of a transaction; nil: it is not here.
func (x *index) Find(hash [32]byte) (*Record, error) {
	b, err := x.db.Get(hashed(hash))
	if err != nil || len(b) != 8 {
		return nil, err
	}
	return x.Record(binary.BigEndian.Uint64(b))
}

// Receipt makes a transaction's receipt; nil: the transaction is not here.
func (x *index) Receipt(hash [32]byte) ([]byte, error) {
	r, err := x.Find(hash)
	if err != nil || r == nil {
		return nil, err
	}
	b, err := x.db.Get(numbered(tableBlocks, r.Block))
	if err != nil {
		return nil, err
	}
	var s storedBlock
	if err := engine.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("block %d in the index: %w", r.Block, err)
	}
	at := slices.Index(s.Hashes, hash)
	if at < 0 {
		return nil, fmt.Errorf("block %d in the index lacks a transaction that it should hold", r.Block)
	}
	return engine.Marshal(receipt{Version: receiptVersion, Head: s.Head, Path: pathTo(s.Hashes, at)}), nil
}

// Handovers reads the encoded changes of validators at heights from..to, at
// most limit of them, in order.
func (x *index) Handovers(from, to uint64, limit int) ([][]byte, error) {
	if to < from {
		return nil, nil
	}
	it, err := x.db.Iterator(numbered(tableHandovers, from), numbered(tableHandovers, to+1))
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var out [][]byte
	for ; it.Valid() && len(out) < limit; it.Next() {
		out = append(out, slices.Clone(it.Value()))
	}
	return out, it.Error()
}
