package protocols

import (
	"crypto/ed25519"
	"slices"

	"parley/circuits"
	"parley/engine"
)

// CertificateBytes is the estimate that questions are refused by.
var CertificateBytes = certificateBytes

// Update is the flag -update.
var Update = update

// SignBytes makes an entry of any body.
func SignBytes(network engine.Digest, key ed25519.PrivateKey, kind EntryKind, body []byte) Entry {
	e := Entry{Kind: kind, Author: KeyOf(key), Body: body}
	e.Signature = [64]byte(ed25519.Sign(key, e.message(network)))
	return e
}

// TranscriptOf is the transcript that a certificate's records give, if the referee takes them.
func TranscriptOf(c *Certificate, p circuits.Params) (engine.Digest, error) {
	_, q, err := replay(c, p)
	if err != nil {
		return engine.Digest{}, err
	}
	return q.Transcript, nil
}

// BodyLimit is the longest body of a kind.
func BodyLimit(kind EntryKind) int { return kind.bodyLimit() }

// The names of a table's version and of a query's contributions.
var (
	// ContributionsDigest is of a question without products.
	ContributionsDigest = func(query engine.Digest, blobs [][]engine.Digest) engine.Digest {
		return contributionsDigest(query, blobs, make([][]engine.Digest, len(blobs)))
	}
)

// FillVectors has an epoch hold as many bytes of its department's own vectors as it may.
func (e *Epoch) FillVectors() { e.vectors.bytes = MaxVectorBytes }

// Ended lists the queries that have ended and are kept, in the order of their ends.
func (s *State) Ended() []engine.Digest { return slices.Clone(s.ended) }
