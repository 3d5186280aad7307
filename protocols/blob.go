package protocols

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// BlobDigest is the name of a blob: what entries commit to and what it is fetched by.
func BlobDigest(blob []byte) engine.Digest { return engine.Hash("parley blob 1", blob) }

// Sizes are what the referee needs of a parameter set: the exact lengths in bytes of the blobs, of
// which another is refused before it is read, and the largest committee, which no vote exceeds.
type Sizes struct {
	KeyShare, Contribution, Share, Departments int
	// Of questions that join tables by persons; Slots of 0: there are none. A share of so many Slots at most has Release bytes, and Slot
	// for each number that it releases.
	Product, Release, Slot, Slots int
}

// Released is the length of the index-th share of so many numbers, of which all shares but the last have Slots.
func (s Sizes) Released(targets, index uint32) int {
	return s.Release + s.Slot*int(min(int64(s.Slots), int64(targets)-int64(s.Slots)*int64(index)))
}

// SizesOf returns the sizes of a parameter set.
func SizesOf(p circuits.Params) Sizes {
	return Sizes{
		KeyShare:     mhe.KeyShareSize(p),
		Contribution: mhe.ContributionSize(p),
		Share:        mhe.DecryptionShareSize(p),
		Departments:  min(p.MaxDepartments(), MaxDepartments),
		Product:      mhe.ProductSize(p),
		Release:      mhe.ReleaseSize(p, 0),
		Slot:         p.SlotsSize(1),
		Slots:        min(p.Limbs(), MaxSlots),
	}
}

// Served is the header of a blob on the wire: its server's signed word of what follows. A
// server whose word differs from what was asked for has convicted itself.
type Served struct {
	_         struct{} `cbor:",toarray"`
	Server    Key
	Requested engine.Digest
	Size      uint64        // of the bytes that follow
	Digest    engine.Digest // BlobDigest of the bytes that follow
	Signature [64]byte
}

// MaxServedBytes bounds an encoded Served.
const MaxServedBytes = 256

func (s *Served) message(network engine.Digest) []byte {
	b := append([]byte("parley served 1"), network[:]...)
	b = append(b, s.Requested[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Size)
	return append(b, s.Digest[:]...)
}

// SignServed makes the header for serving a blob in answer to a request.
func SignServed(network engine.Digest, private ed25519.PrivateKey, requested engine.Digest, blob []byte) Served {
	s := Served{Server: KeyOf(private), Requested: requested, Size: uint64(len(blob)), Digest: BlobDigest(blob)}
	s.Signature = [64]byte(ed25519.Sign(private, s.message(network)))
	return s
}

// Verify checks the server's signature.
func (s *Served) Verify(network engine.Digest) error {
	if !ed25519.Verify(s.Server[:], s.message(network), s.Signature[:]) {
		return errors.New("blob header is not signed by its server")
	}
	return nil
}

// Fault is how the server convicts itself, if what it signed is not the honest answer to a
// request for a blob of this size: FaultOversized, FaultEquivocation, or "" for an honest
// header. If it is not honest, step the machine with Blob{Digest, Lie: s}, and do not read on.
func (s *Served) Fault(size int) FaultKind {
	switch {
	case s.Size != uint64(size):
		return FaultOversized
	case s.Digest != s.Requested:
		return FaultEquivocation
	}
	return ""
}

// Marshal returns the canonical encoding.
func (s *Served) Marshal() []byte { return engine.Marshal(s) }

// ParseServed decodes a header. The caller then checks the server's identity, the requested
// digest, Verify and Fault, reads exactly Size bytes and compares BlobDigest.
func ParseServed(b []byte) (Served, error) {
	var s Served
	if len(b) > MaxServedBytes {
		return Served{}, fmt.Errorf("blob header of %d bytes, limit %d", len(b), MaxServedBytes)
	}
	if err := engine.Unmarshal(b, &s); err != nil {
		return Served{}, fmt.Errorf("blob header: %w", err)
	}
	return s, nil
}

// checkServed takes the evidence that an accusation of this kind may carry: a header for
// equivocation and oversized, nothing otherwise.
func checkServed(kind FaultKind, served []byte) error {
	if kind != FaultEquivocation && kind != FaultOversized {
		if len(served) != 0 {
			return errors.New("accusation carries evidence of another kind")
		}
		return nil
	}
	_, err := ParseServed(served)
	return err
}
