package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"parley/engine"
)

// receiptVersion changes with the encoding.
const receiptVersion = 1

// receipt shows that a transaction stands in a block that more than two thirds
// of the validators signed: the signed header, and the path from the
// transaction to the header's data hash. Canonical: engine.Marshal's encoding.
type receipt struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Head    head
	Path    []step
}

// step is a sibling on the way up to the root of RFC 6962's tree. Which side
// it is on is written down; an index and a size would leave sizes unbound.
type step struct {
	_    struct{} `cbor:",toarray"`
	Left bool
	Hash []byte
}

// Anchor is where and when a transaction was ordered.
type Anchor struct {
	// Block is the height.
	Block uint64
	// Time is when its validators signed it: the median of the votes' times.
	Time time.Time
}

// Hash names a transaction: SHA-256 of its bytes.
func Hash(tx []byte) [32]byte { return sha256.Sum256(tx) }

// CheckReceipt verifies offline that tx stands in a block of the network that
// more than two thirds of the given validators signed, and returns which.
// validators are all those in force at that block, in any order. Nothing in
// the receipt is trusted; no byte of it can change unnoticed. It costs one
// signature check per vote (some 60 µs each).
func CheckReceipt(network [32]byte, validators []ed25519.PublicKey, tx, receiptBytes []byte) (Anchor, error) {
	if err := checkValidators(validators); err != nil {
		return Anchor{}, err
	}
	r, err := parseReceipt(receiptBytes)
	if err != nil {
		return Anchor{}, fmt.Errorf("malformed receipt: %w", err)
	}
	if err := r.Head.verify(chainID(network), validatorSet(validators)); err != nil {
		return Anchor{}, fmt.Errorf("false receipt: %w", err)
	}
	if root := climb(Hash(tx), r.Path); !bytes.Equal(root[:], r.Head.Data) {
		return Anchor{}, fmt.Errorf("false receipt: it is not of this transaction, or the transaction is not in block %d", r.Head.Height)
	}
	return Anchor{Block: r.Head.Height, Time: r.Head.signed()}, nil
}

// ReceiptBlock reads which block a receipt speaks of, without checking it: a
// checker needs it to know which validators were in force.
func ReceiptBlock(receiptBytes []byte) (uint64, error) {
	r, err := parseReceipt(receiptBytes)
	if err != nil {
		return 0, fmt.Errorf("malformed receipt: %w", err)
	}
	return r.Head.Height, nil
}

func parseReceipt(b []byte) (receipt, error) {
	if len(b) > MaxReceipt {
		return receipt{}, fmt.Errorf("%d bytes are over the limit of %d", len(b), MaxReceipt)
	}
	var r receipt
	if err := engine.Unmarshal(b, &r); err != nil {
		return receipt{}, err
	}
	if r.Version != receiptVersion {
		return receipt{}, fmt.Errorf("version %d", r.Version)
	}
	if len(r.Path) > maxPath {
		return receipt{}, errors.New("a path that is too long")
	}
	for _, s := range r.Path {
		if len(s.Hash) != sha256.Size {
			return receipt{}, errors.New("a path with a hash of the wrong length")
		}
	}
	return r, r.Head.shape()
}

// The tree is RFC 6962's, over the transactions' hashes.

func leaf(hash [32]byte) [32]byte { return sha256.Sum256(append([]byte{0}, hash[:]...)) }

func inner(left, right []byte) [32]byte {
	return sha256.Sum256(bytes.Join([][]byte{{1}, left, right}, nil))
}

// climb is the root that a path leads to from a transaction's hash.
func climb(hash [32]byte, path []step) [32]byte {
	at := leaf(hash)
	for _, s := range path {
		if s.Left {
			at = inner(s.Hash, at[:])
		} else {
			at = inner(at[:], s.Hash)
		}
	}
	return at
}

// root is the root of a list of transactions' hashes, at least one.
func root(hashes [][32]byte) [32]byte {
	if len(hashes) == 1 {
		return leaf(hashes[0])
	}
	k := split(len(hashes))
	left, right := root(hashes[:k]), root(hashes[k:])
	return inner(left[:], right[:])
}

// pathTo is the path from one of the hashes to their root.
func pathTo(hashes [][32]byte, index int) []step {
	if len(hashes) == 1 {
		return []step{}
	}
	k := split(len(hashes))
	if index < k {
		sibling := root(hashes[k:])
		return append(pathTo(hashes[:k], index), step{Hash: sibling[:]})
	}
	sibling := root(hashes[:k])
	return append(pathTo(hashes[k:], index-k), step{Left: true, Hash: sibling[:]})
}

// split is the largest power of two below n, which is at least 2.
func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}
