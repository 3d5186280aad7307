package linkage

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"parley/engine"
	"parley/node/disk"
	"parley/protocols"
	"parley/protocols/linkage"
)

// Which of its keys were on the version of a spine that a department accepted last outlives the linkage: whoever may end one would else have the
// next spine taken for the first. Keys are called by a keyed hash there, as in the files of tokens.

// mark is a key on the version of a spine accepted last: the first 63 bits of a keyed hash, and whether the spine has it.
type mark uint64

func (m mark) key() uint64 { return uint64(m >> 1) }

// marks are those of ids, ascending.
func marks(seed linkage.Seed, ids []string, positions []uint32) []mark {
	out := make([]mark, len(ids))
	for i, id := range ids {
		mac := hmac.New(sha256.New, seed[:])
		mac.Write([]byte("parley linkage accepted 1"))
		mac.Write([]byte(id))
		out[i] = mark(binary.BigEndian.Uint64(mac.Sum(nil))) &^ 1
		if positions[i] != linkage.Unplaced {
			out[i] |= 1
		}
	}
	slices.Sort(out)
	return out
}

// changed counts the keys of two lists, and those of them whose place on the spine came or went.
func changed(before, now []mark) (known, differ int) {
	for len(before) > 0 && len(now) > 0 {
		switch a, b := before[0], now[0]; {
		case a.key() < b.key():
			before = before[1:]
		case a.key() > b.key():
			now = now[1:]
		default:
			known++
			if a != b {
				differ++
			}
			before, now = before[1:], now[1:]
		}
	}
	return known, differ
}

// acceptedName is the file of a table on a spine.
func acceptedName(t Table) string {
	d := engine.Hash("parley linkage accepted file 1", []byte(t.Name), []byte(t.OfDepartment), []byte(t.Of))
	return "accepted-" + d.String()
}

// acceptedSeed is what keys are called under there, which is drawn when there is none.
func (s *store) acceptedSeed() (seed linkage.Seed, err error) {
	path := filepath.Join(s.root, "accepted")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed = linkage.NewSeed()
		return seed, disk.WriteFile(path, seed[:])
	}
	if err == nil && len(b) != linkage.SeedSize {
		err = fmt.Errorf("%s is damaged", path)
	}
	if err != nil {
		return seed, err
	}
	return linkage.Seed(b), nil
}

// accepted are the marks of the version that was accepted last, nil if none was.
func (s *store) accepted(t Table) ([]mark, error) {
	path := filepath.Join(s.root, acceptedName(t))
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	end := len(b) - sha256.Size
	if end < 0 || end%8 != 0 {
		return nil, fmt.Errorf("%s is damaged", path)
	}
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return nil, fmt.Errorf("%s is damaged", path)
	}
	out := make([]mark, end/8)
	for i := range out {
		out[i] = mark(binary.BigEndian.Uint64(b[8*i:]))
	}
	return out, nil
}

func (s *store) keepAccepted(t Table, of []mark) error {
	b := make([]byte, 0, 8*len(of)+sha256.Size)
	for _, m := range of {
		b = binary.BigEndian.AppendUint64(b, uint64(m))
	}
	sum := sha256.Sum256(b)
	return disk.WriteFile(filepath.Join(s.root, acceptedName(t)), append(b, sum[:]...))
}

// accept holds a version of a spine to the table's limits, and remembers it if it keeps to them. held says why it does not.
func (l *Linker) accept(t Table, ids []string, positions []uint32) (s linkage.Standing, held string, err error) {
	seed, err := l.store.acceptedSeed()
	if err != nil {
		return s, "", err
	}
	before, err := l.store.accepted(t)
	if err != nil {
		return s, "", err
	}
	now := marks(seed, ids, positions)
	s.Keys = len(ids)
	for _, at := range positions {
		if at != linkage.Unplaced {
			s.Placed++
		}
	}
	s.Known, s.Changed = changed(before, now)
	if held = t.Limits.Fault(s); held != "" || before != nil && slices.Equal(before, now) {
		return s, held, nil
	}
	return s, "", l.store.keepAccepted(t, now)
}

// Placement is where a table's persons stand on a version of a spine.
type Placement struct {
	IDs       []string // canonical, ascending
	Positions []uint32 // of these; linkage.Unplaced where the spine has none
}

// Position is where the person of a canonical id stands.
func (p Placement) Position(id string) (uint32, bool) {
	i, found := slices.BinarySearch(p.IDs, id)
	if !found || p.Positions[i] == linkage.Unplaced {
		return 0, false
	}
	return p.Positions[i], true
}

// ErrNotAccepted is that a department does not answer on a version of a spine. It is all that others are told: why is in the operator's report.
var ErrNotAccepted = errors.New("the department does not answer on this version of the spine")

// MayAnswer gives where a table's persons stand on a version of a spine, if the department answers about the table, as it is registered so, on that version:
// its keys are placed on it, the present linkage's, and it keeps to the table's limits, as they are now: keys may be drawn for long before they are placed under
// new ones. Else ErrNotAccepted.
func (l *Linker) MayAnswer(table string, registration engine.Digest, on protocols.SpineRecord) (Placement, error) {
	r := l.report.Load()
	for _, t := range r.Tables {
		if t.Table == table && t.placement != nil && t.Held == "" && r.State == protocols.LinkageFormed.String() && r.ID == on.Linkage.String() &&
			t.Department == on.Department && t.Spine == on.Table && t.placedOn == on.Number && t.placedOf == registration && l.limited(&t) {
			return *t.placement, nil
		}
	}
	return Placement{}, ErrNotAccepted
}

// limited reports whether a table is still one of the department's, and was held to its limits as they are now, if it has any.
func (l *Linker) limited(r *TableReport) bool {
	return slices.ContainsFunc(l.o.Tables(), func(t Table) bool { return t.Name == r.Table && (t.Of == "" || t.Limits == r.placedBy) })
}
