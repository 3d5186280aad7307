package remarks

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"parley/datasets/content"
	"parley/datasets/files"
	"parley/engine"
)

// Spellings look for one number written in two ways in a column of a text file, as
// 4.1 and 4.10: as numbers they are one value, as codes they were two (../README.md,
// section 3.1). They remember as many values as a dictionary holds; a column with
// more is no column of codes.
// The zero Spellings look for nothing.
type Spellings struct {
	Wanted     bool            // there may still be one
	narrow     content.Numbers // of those within 64 bits
	seen       []*Witness
	wide       map[decimal128.Num]*Witness
	one, other *Witness
}

// NewSpellings look at numbers.
func NewSpellings() Spellings { return Spellings{Wanted: true, wide: map[decimal128.Num]*Witness{}} }

// AddNarrow takes a number and how it is written. at gives its place.
func (s *Spellings) AddNarrow(n int64, text []byte, at At) {
	place, isNew := s.narrow.Add(n)
	switch {
	case isNew:
		s.seen = append(s.seen, NewWitness(text, at))
		s.Wanted = len(s.seen)+len(s.wide) <= engine.MaxDictionary
	case s.seen[place].Value != string(text):
		s.one, s.other, s.Wanted = s.seen[place], NewWitness(text, at), false
	}
}

// Add is AddNarrow for a number of any size.
func (s *Spellings) Add(n decimal128.Num, text []byte, at At) {
	if small := int64(n.LowBits()); n == decimal128.FromI64(small) {
		s.AddNarrow(small, text, at)
		return
	}
	switch known, ok := s.wide[n]; {
	case !ok:
		s.wide[n] = NewWitness(text, at)
		s.Wanted = len(s.seen)+len(s.wide) <= engine.MaxDictionary
	case known.Value != string(text):
		s.one, s.other, s.Wanted = known, NewWitness(text, at), false
	}
}

// Note tells of the two spellings, "" if there are none.
func (s *Spellings) Note(name string) string {
	if s.one == nil {
		return ""
	}
	other := s.other.String()
	if s.other.File != s.one.File {
		other += " of " + files.Base(s.other.File)
	}
	return fmt.Sprintf("%s: column %q has one number in two spellings: %s, %s; if they are codes, write them with a letter, for as numbers they are the same",
		s.one.File, name, s.one, other)
}
