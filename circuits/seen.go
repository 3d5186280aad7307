package circuits

import (
	"crypto/sha256"
	"sync"
)

// Seen is which proofs have verified, for a process that meets the same ones twice: as messages
// come, and in the certificate that holds them. Whether a proof verifies follows from parameters,
// keys, binding, instance and proof alone, and the name under which it is kept is a hash of all
// of them: another statement, other keys or another proof is verified as ever. What does not
// verify is not kept. 32 bytes a proof. Safe for concurrent use; the nil Seen keeps nothing.
type Seen struct {
	mu   sync.Mutex
	of   map[[32]byte]bool
	most int // 0: any number
}

// NewSeen keeps so many proofs at most, the first ones: others are verified each time.
func NewSeen(most int) *Seen { return &Seen{most: most} }

// Forget empties it.
func (s *Seen) Forget() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = nil
}

// Remembering gives the same keys, which take a proof that is in seen without verifying it again,
// and put there what they verify. Keys that remember already go on with what they have.
func (vk *VerifyingKeys) Remembering(seen *Seen) *VerifyingKeys {
	if vk.seen != nil {
		return vk
	}
	same := *vk
	same.seen = seen
	return &same
}

// seenProof names a proof for the statement with this digest. Both have one length.
func seenProof(statement [32]byte, proof []byte) [32]byte {
	return sha256.Sum256(append(statement[:], proof...))
}

func (s *Seen) has(name [32]byte) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[name]
}

func (s *Seen) add(name [32]byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[[32]byte]bool{}
	}
	if s.most == 0 || len(s.of) < s.most {
		s.of[name] = true
	}
}
