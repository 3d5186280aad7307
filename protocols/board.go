package protocols

import (
	"slices"

	"parley/engine"
	"parley/protocols/mhe"
)

// board fetches and verifies a table of committed blobs, by owner and index: key shares,
// contributions or decryption shares. It stops at the first that does not verify.
type board[T any] struct {
	desk    *desk
	size    func(index int) int // exact size of each blob
	owners  []Member
	digests [][]engine.Digest
	others  []Key // further sources
	check   func(owner, index int, blob []byte) (T, *Fault)

	serves   bool // what is verified here is served: this party is a source to the others
	confided bool // the owners give these blobs to a few alone (Want.Confided)
	// settled says that all have verified these blobs before: who serves other bytes now is no
	// longer waited for, and ends nothing. Nil: never.
	settled func() bool

	holders map[engine.Digest][]Key // who committed to it: a copier's blob is had from whom it copied
	values  [][]T                   // of what keep is not there for
	keep    func(owner, index int, value T)
	states  [][]boardState
	left    int
	failure *failure
}

type boardState uint8

const (
	boardWaiting boardState = iota
	boardChecking
	boardVerified
)

// failure is a blob that convicts its owner.
type failure struct {
	fault   *Fault
	subject Subject
	index   int
	digest  engine.Digest
	served  *Served // the owner's own signature, for FaultEquivocation and FaultOversized
}

func newBoard[T any](d *desk, size int, owners []Member, digests [][]engine.Digest, others []Key,
	check func(owner, index int, blob []byte) (T, *Fault)) *board[T] {
	b := &board[T]{desk: d, size: func(int) int { return size }, owners: owners, digests: digests, others: others, check: check, holders: map[engine.Digest][]Key{}}
	for owner, row := range digests {
		for _, digest := range row {
			b.holders[digest] = append(b.holders[digest], owners[owner].Key)
		}
		b.values = append(b.values, make([]T, len(row)))
		b.states = append(b.states, make([]boardState, len(row)))
		b.left += len(row)
	}
	return b
}

// advance asks for what is missing and has verified what is there. It reports whether all
// blobs are verified.
func (b *board[T]) advance() bool {
	for owner, row := range b.digests {
		for index, digest := range row {
			if b.states[owner][index] != boardWaiting || b.failure != nil {
				continue
			}
			if blob := b.desk.blobs[digest]; blob != nil {
				b.verify(owner, index, blob)
			} else if lie := b.desk.lies[digest]; lie != nil {
				b.convict(owner, index, lie)
			} else {
				b.desk.fetch(Want{Digest: digest, Size: b.size(index), Sources: slices.Concat(b.holders[digest], b.others), Confided: b.confided})
			}
		}
	}
	return b.left == 0
}

func (b *board[T]) verify(owner, index int, blob []byte) {
	b.states[owner][index] = boardChecking
	b.desk.work("verifying", func() func() {
		value, fault := b.check(owner, index, blob)
		return func() {
			if fault != nil {
				if b.failure == nil {
					b.failure = &failure{fault: fault, index: index, digest: b.digests[owner][index]}
				}
				return
			}
			b.states[owner][index] = boardVerified
			if b.keep != nil {
				b.keep(owner, index, value)
			} else {
				b.values[owner][index] = value
			}
			b.left--
			if b.serves {
				b.desk.publish(blob)
			}
		}
	})
}

// convict takes a header in which the owner signed a lie. One that another source signed, or
// that shows nothing, does not count.
func (b *board[T]) convict(owner, index int, lie *Served) {
	kind := lie.Fault(b.size(index))
	digest := b.digests[owner][index]
	if b.settled != nil && b.settled() || kind == "" || lie.Server != b.owners[owner].Key || lie.Requested != digest || lie.Verify(b.desk.network) != nil {
		delete(b.desk.lies, digest)
		return
	}
	m := b.owners[owner]
	b.failure = &failure{index: index, digest: digest, served: lie,
		fault: &Fault{Department: m.Name, Key: m.Key, Kind: kind, Detail: "its own signature shows it", Evidence: digest}}
}

// verified reports whether the blob that an owner committed to at an index is this one and was
// found to be right. The digest alone does not tell: whoever copies another's blob commits to the
// same one, and it is right in one place only.
func (b *board[T]) verified(owner Key, index uint32, digest engine.Digest) bool {
	if b == nil {
		return false
	}
	for i, row := range b.digests {
		if b.owners[i].Key == owner && int64(index) < int64(len(row)) {
			return row[index] == digest && b.states[i][index] == boardVerified
		}
	}
	return false
}

// waiting is the first owner of which a blob is missing, with its index, or -1.
func (b *board[T]) waiting() (owner, index int) {
	if b != nil {
		for owner, row := range b.states {
			for index, state := range row {
				if state == boardWaiting && b.desk.blobs[b.digests[owner][index]] == nil {
					return owner, index
				}
			}
		}
	}
	return -1, -1
}

// awaited are the names of all owners of which a blob is missing.
func (b *board[T]) awaited() []string {
	if b == nil {
		return nil
	}
	var names []string
	for owner, row := range b.states {
		for index, state := range row {
			if state == boardWaiting && b.desk.blobs[b.digests[owner][index]] == nil {
				names = append(names, b.owners[owner].Name)
				break
			}
		}
	}
	return names
}

// failed is the blob that does not verify, as one about which there can be an accusation, or nil. The board may be nil.
func (b *board[T]) failed(subject Subject) *failure {
	if b == nil || b.failure == nil {
		return nil
	}
	b.failure.subject = subject
	return b.failure
}

// newShareBoard is of the shares of a query.
func newShareBoard(d *desk, x *dossier, s *QueryState) *board[mhe.Share] {
	sizes := SizesOf(d.params)
	b := newBoard(d, sizes.Share, s.Epoch.Members, s.Shared, nil, x.checkShare)
	if l := s.Ask.Linked; l != nil {
		b.size = func(index int) int { return sizes.Released(l.Targets, uint32(index)) }
	}
	return b
}
