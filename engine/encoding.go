package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Limits of the canonical encoding: what a peer can make a decoder allocate.
const (
	// MaxEncodedBytes is the longest message that Unmarshal reads.
	MaxEncodedBytes = 1 << 28
	// MaxTransactionBytes is the longest transaction of a ledger, one encoded entry. With
	// the next two it is here since a node, its ledger and the referee share it: each
	// has one value, under this name.
	MaxTransactionBytes = 4 << 20
	// MaxReceiptBytes is the longest receipt of a transaction; a vote takes some 80.
	MaxReceiptBytes = 64 << 10
	// MaxStateBytes is the longest encoding of a ledger's state: a snapshot, which adds
	// less than the difference, is still one message.
	MaxStateBytes = MaxEncodedBytes - 64
	// MaxEncodedElements is the longest array in a message.
	MaxEncodedElements = 1 << 17
	// MaxEncodedDepth is the deepest nesting: two levels for each level of an Expr.
	MaxEncodedDepth = 2*MaxDepth + 64
)

// Digest is a SHA-256 digest made by Hash. As text it is 64 lower-case hex digits.
type Digest [32]byte

// String returns the digest as 64 lower-case hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Compare orders digests by their bytes.
func (d Digest) Compare(o Digest) int { return bytes.Compare(d[:], o[:]) }

// MarshalText implements encoding.TextMarshaler: 64 lower-case hex digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; only MarshalText's own form
// is accepted.
func (d *Digest) UnmarshalText(text []byte) error {
	var out Digest
	if len(text) != 2*len(out) {
		return fmt.Errorf("a digest has %d hex digits, not %d", 2*len(out), len(text))
	}
	if _, err := hex.Decode(out[:], text); err != nil {
		return fmt.Errorf("a digest is hex digits: %w", err)
	}
	if out.String() != string(text) {
		return errors.New("a digest has lower-case hex digits")
	}
	*d = out
	return nil
}

// Hash is SHA-256 over the domain and the parts, each preceded by its length as
// eight big-endian bytes, so that no two lists of parts hash the same input.
func Hash(domain string, parts ...[]byte) Digest {
	h := sha256.New()
	var length [8]byte
	write := func(b []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	write([]byte(domain))
	for _, part := range parts {
		write(part)
	}
	var d Digest
	h.Sum(d[:0])
	return d
}

var encoder, decoder = codecs()

func codecs() (cbor.EncMode, cbor.DecMode) {
	options := cbor.CoreDetEncOptions()
	options.NilContainers = cbor.NilContainerAsEmpty // nil and empty slices have one encoding
	enc, err := options.EncMode()
	if err != nil {
		panic("engine: encoding options: " + err.Error())
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   MaxEncodedDepth,
		MaxArrayElements:  MaxEncodedElements,
		MaxMapPairs:       MaxEncodedElements,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic("engine: decoding options: " + err.Error())
	}
	return enc, dec
}

// Marshal returns the one canonical encoding of v: CBOR, core deterministic (RFC
// 8949 section 4.2.1), integers of any size, nil slices as empty ones. Structs
// should carry `cbor:",toarray"`. It panics when v's type has no encoding, which
// is a mistake in the program and cannot be provoked by a message.
func Marshal(v any) []byte {
	b, err := encoder.Marshal(v)
	if err != nil {
		panic("engine: Marshal: " + err.Error())
	}
	return b
}

// Unmarshal decodes b into the pointer v, and fails unless b is exactly what
// Marshal makes of the result: no other byte string decodes to the same value. It
// never panics on any b.
func Unmarshal(b []byte, v any) error {
	if len(b) > MaxEncodedBytes {
		return fmt.Errorf("encoding of %d bytes is longer than the limit of %d", len(b), MaxEncodedBytes)
	}
	if err := decoder.Unmarshal(b, v); err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	again, err := encoder.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	if !bytes.Equal(again, b) {
		return errors.New("encoding is not canonical")
	}
	return nil
}
