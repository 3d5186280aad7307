package protocols

import (
	"fmt"
	"slices"

	"parley/engine"
)

// FaultKind says how a department deviated.
type FaultKind string

// The kinds of deviation (README section 7).
const (
	FaultBadProof        FaultKind = "bad-proof"           // key share or contribution that does not verify
	FaultWrongShare      FaultKind = "wrong-share"         // decryption share that does not verify
	FaultGarbage         FaultKind = "garbage"             // bytes that do not decode
	FaultWrongDigest     FaultKind = "wrong-digest"        // attested something else than is on the ledger
	FaultSecond          FaultKind = "second-contribution" // a second, different, statement where one is allowed
	FaultStaleEpoch      FaultKind = "stale-epoch"         // works under another epoch than the query's
	FaultEquivocation    FaultKind = "equivocation"        // served other bytes than it committed to
	FaultOversized       FaultKind = "oversized"           // served a blob of another length than the one allowed
	FaultUnavailable     FaultKind = "unavailable"         // did not serve what it committed to
	FaultFalseAccusation FaultKind = "false-accusation"    // accused a department whose blob verifies
	// FaultRemoved is no deviation: a vote removed the department, or replaced its key.
	FaultRemoved FaultKind = "removed"
	// FaultRevoked is no deviation: the analyst's department vouches for it no more.
	FaultRevoked FaultKind = "revoked"
	// FaultDecided is no deviation: the department decided otherwise while the question waited.
	FaultDecided FaultKind = "decided"
	// FaultVerdicts names two contributors of a screening whose verdicts differ: one of them lies, and the ledger cannot
	// tell which. Each contributor that is honest can.
	FaultVerdicts FaultKind = "verdicts-differ"
)

var accusable = []FaultKind{FaultBadProof, FaultWrongShare, FaultGarbage, FaultEquivocation, FaultOversized, FaultUnavailable}

// check takes the kinds that an Accuse or EpochAbort entry may carry.
func (k FaultKind) check() error {
	if !slices.Contains(accusable, k) {
		return fmt.Errorf("%q is not something to accuse a department of", string(k))
	}
	return nil
}

// Fault is a deviation with the name of who deviated. It is an error.
type Fault struct {
	_          struct{} `cbor:",toarray"`
	Department string   // its name; the hex of its key before it has joined
	Key        Key
	Kind       FaultKind
	Detail     string        // for the operator
	Reporter   string        // the department on whose word this rests, or empty if it was checked here
	Evidence   engine.Digest // digest of the blob, entry or record that shows it, or zero
}

func (f *Fault) Error() string {
	s := fmt.Sprintf("department %s: %s", f.Department, f.Kind)
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	if f.Reporter != "" {
		s += " (reported by " + f.Reporter + ")"
	}
	return s
}

// sentence is what an analyst is told.
func (f *Fault) sentence() string {
	if f.Kind == FaultRemoved {
		return fmt.Sprintf("department %s is no longer of the network as it was: %s", f.Department, f.Detail)
	}
	if f.Kind == FaultRevoked {
		return fmt.Sprintf("department %s no longer vouches for the analyst: %s", f.Department, f.Detail)
	}
	if f.Kind == FaultDecided {
		return fmt.Sprintf("department %s decided otherwise while the question waited: %s", f.Department, f.Detail)
	}
	if f.Kind == FaultVerdicts {
		return fmt.Sprintf("departments %s and %s say different things of what the answer may show", f.Department, f.Reporter)
	}
	return fmt.Sprintf("department %s deviated from the protocol: %s", f.Department, f.Kind)
}

// Refusal is why State.Apply gave an entry no effect. All validators refuse alike.
type Refusal struct {
	Code     string
	Sentence string
	// Fault is set when the entry shows that its author deviates; the state has then already
	// ended the query or the epoch that it is about, and the entry stands on the ledger, with a
	// number, as the evidence. An entry that is refused without a fault leaves no trace.
	Fault *Fault
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Sentence }

// Unwrap gives errors.As the fault.
func (r *Refusal) Unwrap() error {
	if r.Fault == nil {
		return nil
	}
	return r.Fault
}
