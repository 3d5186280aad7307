package protocols

import (
	"errors"
	"fmt"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols/linkage"
)

// LinkageOpen starts the formation of a linkage that is needed (State.NextLinkage), by any department. Nothing in it is
// its author's choice.
type LinkageOpen struct {
	_       struct{} `cbor:",toarray"`
	Number  uint64   // the last one plus one
	ID      engine.Digest
	Members []Key // of the departments that have joined, in the order of their names
}

// LinkageCommit fixes a member's share of the linkage's key before any is shown.
type LinkageCommit struct {
	_          struct{} `cbor:",toarray"`
	Linkage    engine.Digest
	Commitment engine.Digest // linkage.Key.Commitment
}

// LinkageReveal shows the public part of that share, once all members have committed.
type LinkageReveal struct {
	_       struct{} `cbor:",toarray"`
	Linkage engine.Digest
	Reveal  linkage.Reveal
}

// LinkageClose ends a linkage by a member's word: it has lost its share, or will not go on. Its tokens are worth nothing then.
type LinkageClose struct {
	_        struct{} `cbor:",toarray"`
	Linkage  engine.Digest
	Sentence string
}

// Draw says that a department wants tokens for a batch of ids. It counts against what the members' stewards allow, whatever
// becomes of it.
type Draw struct {
	_       struct{} `cbor:",toarray"`
	Linkage engine.Digest
	Number  uint32        // of the batch, the department's last one plus one
	Count   uint32        // of ids
	Most    int64         // for how many ids its author may draw tokens in all, as it signs: where stewards have said otherwise since, it is void
	Points  engine.Digest // linkage.BatchDigest
}

// Spine publishes the tokens of a department's table, by digest. A later version replaces it.
type Spine struct {
	_            struct{} `cbor:",toarray"`
	Linkage      engine.Digest
	Table        string
	Registration engine.Digest // of the table's version in force
	Version      uint64        // the last one plus one
	Blocks       []SpineBlock
}

// SpineBlock is a block of tokens (linkage.CheckBlock), which its author serves to whom the table's policy admits.
type SpineBlock struct {
	_     struct{} `cbor:",toarray"`
	Blob  engine.Digest
	Count uint32
}

// Positions is how many persons a spine has room for, holes included.
func (b *Spine) Positions() (n int) {
	for _, block := range b.Blocks {
		n += int(block.Count)
	}
	return n
}

// Kind implements Body.
func (*LinkageOpen) Kind() EntryKind { return KindLinkageOpen }

// Kind implements Body.
func (*LinkageCommit) Kind() EntryKind { return KindLinkageCommit }

// Kind implements Body.
func (*LinkageReveal) Kind() EntryKind { return KindLinkageReveal }

// Kind implements Body.
func (*LinkageClose) Kind() EntryKind { return KindLinkageClose }

// Kind implements Body.
func (*Draw) Kind() EntryKind { return KindDraw }

// Kind implements Body.
func (*Spine) Kind() EntryKind { return KindSpine }

func (b *LinkageOpen) check() error {
	if len(b.Members) == 0 || len(b.Members) > MaxDepartments {
		return fmt.Errorf("linkage of %d members, allowed 1 to %d", len(b.Members), MaxDepartments)
	}
	return nil
}

func (b *LinkageCommit) check() error { return nil }
func (b *LinkageReveal) check() error { return nil }
func (b *LinkageClose) check() error  { return checkText("sentence", b.Sentence, MaxSentence) }

func (b *Draw) check() error {
	switch {
	case b.Number == 0 || b.Number > MaxDraws:
		return fmt.Errorf("batch %d, allowed 1 to %d", b.Number, MaxDraws)
	case b.Count == 0 || b.Count > linkage.MaxBatch:
		return fmt.Errorf("a batch of %d ids, allowed 1 to %d", b.Count, linkage.MaxBatch)
	case b.Most < 1 || b.Most > policy.MaxDraw:
		return fmt.Errorf("%d ids allowed in all, between 1 and %d may be", b.Most, int64(policy.MaxDraw))
	}
	return nil
}

func (b *Spine) check() error {
	switch {
	case b.Table == "" || len(b.Table) > engine.MaxNameBytes:
		return fmt.Errorf("a table's name is 1 to %d bytes", engine.MaxNameBytes)
	case b.Version == 0:
		return errors.New("a spine's versions begin with 1")
	case len(b.Blocks) == 0 || len(b.Blocks) > linkage.MaxBlocks:
		return fmt.Errorf("a spine of %d blocks, allowed 1 to %d", len(b.Blocks), linkage.MaxBlocks)
	}
	for i, block := range b.Blocks {
		if block.Count == 0 || block.Count > linkage.MaxBlock {
			return fmt.Errorf("block %d has %d tokens, allowed 1 to %d", i, block.Count, linkage.MaxBlock)
		}
	}
	if n := b.Positions(); n > linkage.MaxPositions {
		return fmt.Errorf("a spine of %d positions, at most %d are allowed", n, linkage.MaxPositions)
	}
	return nil
}
