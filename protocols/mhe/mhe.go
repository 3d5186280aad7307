// Package mhe is the multiparty encryption under the protocols: circuits in, blobs out. It knows
// nothing of entries, ledgers or questions; what a message belongs to is in its circuits.Binding.
//
// Each message is a blob of ring elements with a proof (protocols/README.md, section 2), and each has the same
// verbs: New makes it, proof included; Draft, where the proof is worth putting off, makes it without; Verify checks
// the blob of another and gives what it holds. What was verified is combined.
//
//	NewKeyShare            VerifyKeyShare          CombineKeyShares      the collective key
//	NewContribution        VerifyContribution      CombineContributions  the encrypted sums
//	NewDecryptionShare     VerifyDecryptionShare   Decrypt               the sums of the limbs
//
// and for joins (section 2.5)
//
//	NewVector              VerifyVector            CombineVectors        a side's vectors
//	DraftProduct           VerifyProduct           CombineProducts       the targets, encrypted
//	DraftWeightedProduct   VerifyWeightedProduct
//	NewRelease             VerifyRelease           DecryptRelease        the targets
//
// The scheme is BFV without multiplication of ciphertexts, over ring elements of circuits.Params, with N of N
// keys (eprint 2020/304) and decryption by a switch to the analyst's key. Flooding that hides the
// noise of a share is bounded and proven, and a share is made once, ever (eprint 2024/194). Secrets
// are drawn from the operating system's generator and never printed.
package mhe

import (
	"errors"
	"fmt"

	"parley/circuits"
)

// ErrMalformed is in the chain of an error of a Verify whose blob does not even decode: another
// length, or a residue that is none.
var ErrMalformed = errors.New("malformed blob")

// malformed is an ErrMalformed that says what is wrong.
type malformed struct{ error }

func (malformed) Is(target error) bool { return target == ErrMalformed }

// field is one ring element of a blob: its length and its decoder.
type field struct {
	size   int
	decode func([]byte) (circuits.Poly, error)
}

// The kinds of fields (circuits/README.md, section 2).
func whole(p circuits.Params) field { return field{p.PolySize(), p.DecodePoly} }
func limbs(p circuits.Params) field { return field{p.LimbsSize(), p.DecodeLimbs} }

// target is the one coefficient that is sent of a product's first part.
func target(p circuits.Params) field { return field{p.TargetSize(), p.DecodeTarget} }

// words are the first part of a share of so many slots.
func words(p circuits.Params, n int) field {
	return field{p.SlotsSize(n), func(b []byte) (circuits.Poly, error) { return p.DecodeSlots(b, n) }}
}

// splitBlob decodes a blob of ring elements and a proof; it has exactly one length.
func splitBlob(blob []byte, fields ...field) ([]circuits.Poly, []byte, error) {
	want := circuits.ProofSize
	for _, f := range fields {
		want += f.size
	}
	if len(blob) != want {
		return nil, nil, malformed{fmt.Errorf("blob of %d bytes, want %d", len(blob), want)}
	}
	polys := make([]circuits.Poly, len(fields))
	for i, f := range fields {
		var err error
		if polys[i], err = f.decode(blob[:f.size]); err != nil {
			return nil, nil, malformed{err}
		}
		blob = blob[f.size:]
	}
	return polys, blob, nil
}
