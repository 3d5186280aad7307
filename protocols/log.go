package protocols

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"parley/engine"
)

// Record is one entry in its place: a link of the keeper's hash chain.
type Record struct {
	_         struct{}      `cbor:",toarray"`
	Height    uint64        // from 1
	Previous  engine.Digest // of the record before; of the network's ID before the first
	Entry     Entry
	Signature [64]byte // by the keeper, over HeadMessage(network, Height, Digest)
}

// Digest identifies the record, and with it the whole log up to it.
func (r *Record) Digest(network engine.Digest) engine.Digest {
	return engine.Hash("parley record 1", network[:], binary.BigEndian.AppendUint64(nil, r.Height),
		r.Previous[:], r.Entry.Marshal())
}

// HeadMessage is what the keeper signs.
func HeadMessage(network engine.Digest, height uint64, digest engine.Digest) []byte {
	b := append([]byte("parley head 1"), network[:]...)
	b = binary.BigEndian.AppendUint64(b, height)
	return append(b, digest[:]...)
}

// Verify checks the keeper's signature.
func (h *Head) Verify(network engine.Digest, keeper Key) error {
	if !ed25519.Verify(keeper[:], HeadMessage(network, h.Height, h.Digest), h.Signature[:]) {
		return fmt.Errorf("head at height %d is not signed by the log's keeper", h.Height)
	}
	return nil
}

// Marshal returns the canonical encoding.
func (r *Record) Marshal() []byte { return engine.Marshal(r) }

// ParseRecord decodes a record and checks its shape, not its signatures.
func ParseRecord(b []byte) (Record, error) {
	var r Record
	if len(b) > MaxRecordBytes {
		return Record{}, fmt.Errorf("log record of %d bytes, limit %d", len(b), MaxRecordBytes)
	}
	if err := engine.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("log record: %w", err)
	}
	return r, r.Entry.checkShape()
}

// Chain checks the keeper's records one after the other and keeps them in memory (about 400
// bytes a record, registrations more). It is not safe for concurrent use.
type Chain struct {
	id      engine.Digest
	keeper  Member
	records []Record
	digests []engine.Digest // by height; digests[0] is the network id
}

// NewChain returns the empty chain of a network.
func NewChain(n *Network) *Chain {
	id := n.ID()
	c := &Chain{id: id, keeper: Member{Name: n.Keeper.String(), Key: n.Keeper}, digests: []engine.Digest{id}}
	for _, m := range n.Departments {
		if m.Key == n.Keeper && m.Name != "" {
			c.keeper.Name = m.Name
		}
	}
	return c
}

// Height is the number of records.
func (c *Chain) Height() uint64 { return uint64(len(c.records)) }

// Record returns the record at a height from 1 to Height.
func (c *Chain) Record(height uint64) Record { return c.records[height-1] }

// Head is the last record's head, zero for the empty chain.
func (c *Chain) Head() Head {
	if len(c.records) == 0 {
		return Head{}
	}
	last := &c.records[len(c.records)-1]
	return Head{Height: last.Height, Digest: c.digests[last.Height], Signature: last.Signature}
}

// Next makes the record that orders an entry, as the keeper does with its private key. It is
// not appended.
func (c *Chain) Next(keeper ed25519.PrivateKey, e Entry) Record {
	r := Record{Height: c.Height() + 1, Previous: c.digests[c.Height()], Entry: e}
	r.Signature = [64]byte(ed25519.Sign(keeper, HeadMessage(c.id, r.Height, r.Digest(c.id))))
	return r
}

// Append checks a record from the keeper and appends it. An error is a *Fault of the keeper:
// a record that is not the next one, is not signed by it, or whose author has seen another
// history. One that repeats a record already here is ignored.
func (c *Chain) Append(r Record) error {
	digest := r.Digest(c.id)
	head := Head{Height: r.Height, Digest: digest, Signature: r.Signature}
	if err := head.Verify(c.id, c.keeper.Key); err != nil {
		return c.fault(FaultLogInvalid, err.Error(), digest)
	}
	if r.Height <= c.Height() {
		return c.Check(head)
	}
	if r.Height != c.Height()+1 {
		return c.fault(FaultLogInvalid, fmt.Sprintf("record %d follows record %d", r.Height, c.Height()), digest)
	}
	if r.Previous != c.digests[c.Height()] {
		return c.fault(FaultLogForked, fmt.Sprintf("record %d continues another history", r.Height), digest)
	}
	// A head that the keeper did not sign is the author's doing: the state refuses that entry.
	if h := r.Entry.Head; h.Height > 0 && h.Verify(c.id, c.keeper.Key) == nil {
		if h.Height >= r.Height {
			return c.fault(FaultLogForked, fmt.Sprintf("the author of record %d has seen height %d", r.Height, h.Height), h.Digest)
		}
		if err := c.Check(h); err != nil {
			return err
		}
	}
	c.records = append(c.records, r)
	c.digests = append(c.digests, digest)
	return nil
}

// Check compares a head that somebody showed with this chain. An error is a *Fault of the
// keeper, which signed two histories. A head that is not signed by the keeper, or is higher
// than this chain, says nothing and is nil: Ahead tells the latter.
func (c *Chain) Check(h Head) error {
	if h.Height == 0 || h.Height > c.Height() || h.Digest == c.digests[h.Height] {
		return nil
	}
	if h.Verify(c.id, c.keeper.Key) != nil {
		return nil
	}
	return c.fault(FaultLogForked, fmt.Sprintf("two records at height %d are signed", h.Height), h.Digest)
}

// Ahead tells whether a head is the keeper's and higher than this chain: somebody has records
// that were not shown here yet.
func (c *Chain) Ahead(h Head) bool {
	return h.Height > c.Height() && h.Verify(c.id, c.keeper.Key) == nil
}

func (c *Chain) fault(kind FaultKind, detail string, evidence engine.Digest) *Fault {
	return &Fault{Department: c.keeper.Name, Key: c.keeper.Key, Kind: kind, Detail: detail, Evidence: evidence}
}
