package protocols

import (
	"errors"
	"fmt"
	"slices"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// Epoch is a committee with its collective key, every key share of it verified here. A
// department's own also holds its secret; the analyst's and the verifier's do not. Machines of
// one department share it; it is not safe for concurrent use, but for what jobs read.
type Epoch struct {
	ID      engine.Digest
	Digest  engine.Digest
	Members []Member // ascending by name
	CRS     circuits.Poly
	Shares  []circuits.Poly // the members' verified key shares
	Key     mhe.PublicKey   // their sum

	secret mhe.SecretKey // of a department's own epoch
	own    int           // index in Members; -1 without a secret
	// admitted counts, by query, the ciphertexts that this department admitted under the
	// epoch: its own count against circuits.Params.CiphertextLimit.
	admitted map[engine.Digest]uint64
	spent    uint64
	vectors  vectorStore // the department's own, for what joins tables by persons
	// verified are the proofs of all departments' vectors that have verified: the next question that takes the same ciphertext, for the same
	// thing, does not verify it again. Nil: none is kept.
	verified *circuits.Seen
}

// newEpoch joins verified shares to an epoch without a secret.
func newEpoch(p circuits.Params, network engine.Digest, s *EpochState, shares []circuits.Poly) (*Epoch, error) {
	e := &Epoch{ID: s.ID, Digest: s.Digest, Members: slices.Clone(s.Members), CRS: epochCRS(p, network, s),
		Shares: shares, own: -1, admitted: map[engine.Digest]uint64{}, verified: circuits.NewSeen(MaxVerifiedVectors), vectors: vectorStore{named: map[engine.Digest]*storedVector{}, blobs: map[engine.Digest][]byte{}}}
	key, err := mhe.CombineKeyShares(p, e.CRS, shares)
	if err != nil {
		return nil, err
	}
	e.Key = key
	return e, nil
}

func epochCRS(p circuits.Params, network engine.Digest, s *EpochState) circuits.Poly {
	return p.CRS(epochSeed(network, s.ID, s.Beacon))
}

// Restore takes what the department's journal holds of its vectors of the epoch (JournalVector), once, before a query's machine is made:
// then NewQuery need not be given them. What is of another epoch is passed over.
func (e *Epoch) Restore(r *JournalRecord) {
	if r.Kind == JournalVector && r.Epoch == e.Digest && len(r.Blobs) == 1 {
		e.vectors.put(r.Query, int(r.Index), r.Blobs[0])
	}
}

// Erase overwrites the secret, and forgets which vectors verified: the epoch has ended and no query machine holds it.
func (e *Epoch) Erase() {
	e.secret.Erase()
	e.verified.Forget()
}

// String does not show the secret.
func (e *Epoch) String() string { return "epoch " + e.Digest.String() }

// GoString does not show the secret.
func (e *Epoch) GoString() string { return e.String() }

// charge counts a query's ciphertexts once, before the Admit leaves. It fails when the epoch's
// limit would be passed; a query that was charged before is not charged again.
func (e *Epoch) charge(p circuits.Params, query engine.Digest, ciphertexts uint32) error {
	err := e.afford(p, query, ciphertexts)
	if err == nil {
		e.count(query, ciphertexts)
	}
	return err
}

// afford reports a query that the epoch's limit leaves no room for.
func (e *Epoch) afford(p circuits.Params, query engine.Digest, ciphertexts uint32) error {
	if _, ok := e.admitted[query]; ok {
		return nil
	}
	if limit := p.CiphertextLimit(); limit > 0 && e.spent+uint64(ciphertexts) > limit {
		return fmt.Errorf("the epoch's %d ciphertexts are used up", limit)
	}
	return nil
}

func (e *Epoch) count(query engine.Digest, ciphertexts uint32) {
	if _, ok := e.admitted[query]; !ok {
		e.admitted[query] = uint64(ciphertexts)
		e.spent += uint64(ciphertexts)
	}
}

// keyShareBinding ties a key share to its epoch's id; the digest does not exist yet.
func keyShareBinding(network, epoch engine.Digest, member Key) circuits.Binding {
	return circuits.Binding{Network: network, Epoch: epoch, Department: member}
}

// checkKeyShare verifies one member's blob against its commitment.
func checkKeyShare(vk *circuits.VerifyingKeys, crs circuits.Poly, network engine.Digest, s *EpochState, member int, blob []byte) (circuits.Poly, *Fault) {
	m := s.Members[member]
	share, err := mhe.VerifyKeyShare(vk, keyShareBinding(network, s.ID, m.Key), crs, blob)
	if err != nil {
		return circuits.Poly{}, blobFault(m, FaultBadProof, blob, err)
	}
	return share, nil
}

// blobFault is the author's fault in a blob that does not verify: kind, or garbage if the blob
// does not even decode.
func blobFault(author Member, kind FaultKind, blob []byte, err error) *Fault {
	if errors.Is(err, mhe.ErrMalformed) {
		kind = FaultGarbage
	}
	return &Fault{Department: author.Name, Key: author.Key, Kind: kind, Detail: err.Error(), Evidence: BlobDigest(blob)}
}

// analystContext binds the analyst's fresh key to its one question, before the query id, which
// covers the key, exists.
func analystContext(network engine.Digest, author Key, a *Ask) engine.Digest {
	return engine.Hash("parley analyst key 1", network[:], a.Epoch[:], a.Plan[:], author[:], a.Nonce[:],
		engine.Marshal(a.Departments), engine.Marshal(a.Registrations))
}

func analystBinding(network engine.Digest, author Key, a *Ask) circuits.Binding {
	return circuits.Binding{Network: network, Epoch: a.Epoch, Query: analystContext(network, author, a), Department: author}
}

func analystCRS(p circuits.Params, network engine.Digest, author Key, a *Ask) circuits.Poly {
	return p.CRS(keySeed("parley analyst", network[:], a.Epoch[:], author[:], a.Nonce[:]))
}

// checkAnalystKey verifies the analyst's key and returns it.
func checkAnalystKey(vk *circuits.VerifyingKeys, network engine.Digest, author Key, a *Ask, blob []byte) (mhe.PublicKey, error) {
	crs := analystCRS(vk.Params(), network, author, a)
	share, err := mhe.VerifyKeyShare(vk, analystBinding(network, author, a), crs, blob)
	if err != nil {
		return mhe.PublicKey{}, fmt.Errorf("analyst's key: %w", err)
	}
	return mhe.PublicKey{A: crs, P: share}, nil
}
