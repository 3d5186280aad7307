package protocols

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"parley/engine"
)

// EntryKind tells which body an entry has.
type EntryKind uint8

// The entries of the ledger, in the order of a network's life (README section 3).
const (
	KindJoin EntryKind = iota + 1
	KindRegister
	KindEpochOpen
	KindKeyCommit
	KindKeyAttest
	KindEpochAbort
	KindAsk
	KindAdmit
	KindRefuse
	KindContribute
	KindAttest
	KindAccuse
	KindShare
	KindDone
	KindExpire
	KindVote
	KindJudge
	KindWithdraw
	KindVouch
	KindRevoke
	KindAct
	KindPublish
	KindRequest
	KindGrant
	KindDecline
	KindRescind
	KindAlert
	KindScreen
	KindLinkageOpen
	KindLinkageCommit
	KindLinkageReveal
	KindLinkageClose
	KindDraw
	KindSpine
	KindMultiply
	lastKind = KindMultiply
)

var kindNames = [...]string{"", "join", "register", "epoch-open", "key-commit", "key-attest", "epoch-abort",
	"ask", "admit", "refuse", "contribute", "attest", "accuse", "share", "done", "expire", "vote", "judge", "withdraw",
	"vouch", "revoke", "act", "publish", "request", "grant", "decline", "rescind", "alert", "screen",
	"linkage-open", "linkage-commit", "linkage-reveal", "linkage-close", "draw", "spine", "multiply"}

func (k EntryKind) String() string {
	if k == 0 || k > lastKind {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kindNames[k]
}

// Entry is one signed statement, and one transaction of the ledger. It is authentic if Verify
// says so, and takes effect if State.Apply does.
type Entry struct {
	_         struct{} `cbor:",toarray"`
	Kind      EntryKind
	Author    Key
	Body      []byte // canonical encoding of the body of this kind
	Signature [64]byte
}

// Body is one of the body types of this package.
type Body interface {
	// Kind is the kind of an entry with this body.
	Kind() EntryKind
	// check refuses what no honest author writes; it comes after decoding.
	check() error
}

// message is what an entry's signature covers: every part but the last has a fixed length.
func (e *Entry) message(network engine.Digest) []byte {
	b := append([]byte("parley entry 2"), network[:]...)
	b = append(b, byte(e.Kind))
	return append(b, e.Body...)
}

// Sign makes the entry with this body. The same arguments give the same bytes.
func Sign(network engine.Digest, private ed25519.PrivateKey, body Body) Entry {
	e := Entry{Kind: body.Kind(), Author: KeyOf(private), Body: engine.Marshal(body)}
	e.Signature = [64]byte(ed25519.Sign(private, e.message(network)))
	return e
}

// Verify checks the author's signature for this network.
func (e *Entry) Verify(network engine.Digest) error {
	if !ed25519.Verify(e.Author[:], e.message(network), e.Signature[:]) {
		return errors.New("entry is not signed by its author for this network")
	}
	return nil
}

// Marshal returns the canonical encoding.
func (e *Entry) Marshal() []byte { return engine.Marshal(e) }

// Digest identifies the entry's bytes. It is their plain SHA-256, because that is the name that
// the ledger gives a transaction: a receipt is asked for by it.
func (e *Entry) Digest() engine.Digest { return sha256.Sum256(e.Marshal()) }

// ParseEntry decodes an entry and checks its kind and sizes, not its signature or its body.
func ParseEntry(b []byte) (Entry, error) {
	var e Entry
	if len(b) > MaxEntryBytes {
		return Entry{}, fmt.Errorf("entry of %d bytes, limit %d", len(b), MaxEntryBytes)
	}
	if err := engine.Unmarshal(b, &e); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	return e, e.checkShape()
}

func (e *Entry) checkShape() error {
	if e.Kind == 0 || e.Kind > lastKind {
		return fmt.Errorf("entry of unknown kind %d", e.Kind)
	}
	if limit := e.Kind.bodyLimit(); len(e.Body) > limit {
		return fmt.Errorf("%s entry with a body of %d bytes, limit %d", e.Kind, len(e.Body), limit)
	}
	return nil
}

func (k EntryKind) bodyLimit() int {
	if k == KindRegister {
		return MaxEntryBytes - 512
	}
	return MaxSmallBody
}

// Open decodes and checks the body.
func (e *Entry) Open() (Body, error) {
	if err := e.checkShape(); err != nil {
		return nil, err
	}
	body := newBody(e.Kind)
	if err := engine.Unmarshal(e.Body, body); err != nil {
		return nil, fmt.Errorf("%s entry: %w", e.Kind, err)
	}
	if err := body.check(); err != nil {
		return nil, fmt.Errorf("%s entry: %w", e.Kind, err)
	}
	return body, nil
}
