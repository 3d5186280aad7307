package protocols

import (
	"errors"
	"fmt"

	"parley/engine"
	"parley/protocols/linkage"
)

// Linked is what a question asks for that joins the tables of several departments by persons (README section 3.15). Every
// department recomputes it from the plan and the spine, and refuses a question that claims otherwise.
type Linked struct {
	_          struct{}      `cbor:",toarray"`
	Spine      engine.Digest // SpineDigest of its present version
	Department string        // whose spine it is
	Table      string        // of whose keys
	Version    uint64
	Positions  uint32 // of the spine, holes included
	Encrypted  string // the table of which vectors are sent; who holds the other one multiplies
	Vectors    uint32 // ciphertexts that each department sends that holds the encrypted table
	Products   uint32 // products that each department sends that multiplies
	Targets    uint32 // numbers that are released; the query's ciphertexts are each member's shares of them
}

// Multiply fixes a department's products before any is shown, once all vectors are committed to.
type Multiply struct {
	_     struct{} `cbor:",toarray"`
	Query engine.Digest
	Epoch engine.Digest
	Blobs []engine.Digest // in the plan's order
}

// Kind implements Body.
func (*Multiply) Kind() EntryKind { return KindMultiply }

func (b *Multiply) check() error { return checkDigests(b.Blobs, MaxLinkedBlobs) }

// SpineDigest names a version of a spine by what its department said of it, which names its blocks.
func SpineDigest(by Key, b *Spine) engine.Digest {
	return engine.Hash("parley spine 1", by[:], engine.Marshal(b))
}

// check holds what is joined to its limits, of a question of so many contributors and tables of them.
func (l *Linked) check(contributors, tables, ciphertexts int) error {
	for _, name := range []string{l.Table, l.Encrypted} {
		if name == "" || len(name) > engine.MaxNameBytes {
			return fmt.Errorf("a table's name is 1 to %d bytes", engine.MaxNameBytes)
		}
	}
	switch {
	case tables < max(2, contributors) || tables > 2*contributors:
		return fmt.Errorf("%d registrations of %d contributors: each has one or both of two tables", tables, contributors)
	case l.Version == 0 || l.Positions == 0 || l.Positions > linkage.MaxPositions:
		return fmt.Errorf("version %d of a spine, of %d positions, at most %d are allowed", l.Version, l.Positions, linkage.MaxPositions)
	case l.Vectors == 0 || l.Vectors > MaxLinkedBlobs || l.Products == 0 || l.Products > MaxLinkedBlobs:
		return fmt.Errorf("%d ciphertexts of vectors and %d products of a department, allowed 1 to %d of each", l.Vectors, l.Products, MaxLinkedBlobs)
	case l.Targets == 0 || l.Targets > MaxTargets || ciphertexts > int(l.Targets):
		return fmt.Errorf("%d numbers in %d shares, allowed 1 to %d, and no share without one", l.Targets, ciphertexts, MaxTargets)
	}
	return checkName(l.Department)
}

// same reports whether a screening and an answer join the same tables over the same persons, with the same departments that multiply: an
// answer's products are of the persons that its screening counted.
func (l *Linked) same(o *Linked) bool {
	if l == nil || o == nil {
		return l == o
	}
	return l.Spine == o.Spine && l.Department == o.Department && l.Table == o.Table && l.Positions == o.Positions && l.Encrypted == o.Encrypted
}

// checkTables holds an Ask to as many registrations, and as much beside them, as it may name.
func (b *Ask) checkTables() error {
	contributors, tables := len(b.Departments), len(b.Registrations)
	switch {
	case b.Linked == nil && (tables == 0 || tables%contributors != 0 || tables > min(MaxAskTables, engine.MaxJoined*contributors)):
		return fmt.Errorf("%d registrations of %d contributors: each has one of each table, of which there are at most %d, and %d of all together", tables, contributors, engine.MaxJoined, MaxAskTables)
	case b.Linked == nil:
		return nil
	case b.Round > 0:
		return errors.New("a question of several rounds that joins departments' tables by persons")
	}
	return b.Linked.check(contributors, tables, int(b.Ciphertexts))
}

// fits reports whether tables are those that an Ask may name: of each the contributors', in their order, the tables ascending; and of
// a question that joins departments' tables by persons two, each contributor's of one or both.
func (b *Ask) fits(tables []*tableState) bool {
	if b.Linked == nil {
		return inOrder(tables, len(b.Departments))
	}
	names, of := namesOf(tables), map[string]bool{}
	for i, t := range tables {
		if i > 0 && compareTables(tables[i-1], t) >= 0 {
			return false
		}
		of[t.registration.Department] = true
	}
	for _, name := range b.Departments {
		if !of[name] {
			return false
		}
	}
	return len(of) == len(b.Departments) && len(names) == 2 && (b.Linked.Encrypted == names[0] || b.Linked.Encrypted == names[1])
}

// joins reports whether a question joins tables: departments' own, or of several by persons.
func (b *Ask) joins(tables []*tableState) bool {
	return b.Linked != nil || len(tables) > len(b.Departments)
}

// side are the contributors that hold one side of what a question joins by persons: the encrypted table, or the other one. Of any
// other question all contributors encrypt.
func (q *QueryState) side(encrypted bool) []bool {
	out := make([]bool, len(q.Contributors))
	for i, m := range q.Contributors {
		if q.Ask.Linked == nil {
			out[i] = encrypted
			continue
		}
		for _, r := range q.Registrations {
			if r.Department == m.Name && (r.Table == q.Ask.Linked.Encrypted) == encrypted {
				out[i] = true
			}
		}
	}
	return out
}

// due are those whose entry a phase of the query waits for, and the numbers of the entries; 0 is not yet.
func (q *QueryState) due(p Phase) (members []Member, posted []uint64) {
	switch p {
	case PhaseAdmitting:
		return q.Epoch.Members, q.admitted
	case PhaseContributing:
		return only(q.Contributors, q.contributed, q.encrypts)
	case PhaseMultiplying:
		return only(q.Contributors, q.multiplied, q.multiplies)
	case PhaseAttesting:
		return q.Epoch.Members, q.attested
	case PhaseSharing:
		return q.Epoch.Members, q.share
	case PhaseShared:
		if q.Ask.Screening {
			return q.Contributors, q.screened
		}
	}
	return nil, nil
}

func only(members []Member, numbers []uint64, of []bool) (out []Member, posted []uint64) {
	for i, is := range of {
		if is {
			out, posted = append(out, members[i]), append(posted, numbers[i])
		}
	}
	return out, posted
}

// Gives is how many ciphertexts a member contributes to a query, and how many products it makes.
func (q *QueryState) Gives(k Key) (ciphertexts, products int) {
	i := q.contributor(k)
	if i < 0 {
		return 0, 0
	}
	if q.encrypts[i] {
		ciphertexts = q.ciphertexts(SubjectContribution)
	}
	if q.multiplies[i] {
		products = q.ciphertexts(SubjectProduct)
	}
	return ciphertexts, products
}

// Givers is how many members contribute, and how many multiply.
func (q *QueryState) Givers() (contribute, multiply int) {
	for i := range q.Contributors {
		if q.encrypts[i] {
			contribute++
		}
		if q.multiplies[i] {
			multiply++
		}
	}
	return contribute, multiply
}

// giver is the index of a contributor that is among those of whom something is waited for, or -1.
func (q *QueryState) giver(k Key, of []bool) int {
	if i := q.contributor(k); i >= 0 && of[i] {
		return i
	}
	return -1
}

// shares is in how many shares, of as many numbers as a parameter set has slots, the numbers are released.
func (l *Linked) shares(slots int) int64 { return (int64(l.Targets) + int64(slots) - 1) / int64(slots) }

// ciphertexts is how many blobs of a kind each gives of whom they are waited for.
func (q *QueryState) ciphertexts(of Subject) int {
	switch l := q.Ask.Linked; {
	case l == nil || of == SubjectShare:
		return int(q.Ask.Ciphertexts)
	case of == SubjectProduct:
		return int(l.Products)
	default:
		return int(l.Vectors)
	}
}
