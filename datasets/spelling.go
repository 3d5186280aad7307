package datasets

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"parley/datasets/content"
	"parley/datasets/files"
	"parley/engine"
)

// spellings looks for one number written in two ways in a column of a text file, as
// 4.1 and 4.10: as numbers they are one value, as codes they were two (README,
// section 3.1). It remembers as many values as a dictionary holds; a column with
// more is no column of codes.
type spellings struct {
	wanted     bool
	narrow     content.Numbers // of those within 64 bits
	seen       []*witness
	wide       map[decimal128.Num]*witness
	one, other *witness
}

// addNarrow takes a number and how it is written. at gives its place.
func (s *spellings) addNarrow(n int64, text []byte, at faultAt) {
	place, isNew := s.narrow.Add(n)
	switch {
	case isNew:
		s.seen = append(s.seen, newWitness(text, at))
		s.wanted = len(s.seen)+len(s.wide) <= engine.MaxDictionary
	case s.seen[place].value != string(text):
		s.one, s.other, s.wanted = s.seen[place], newWitness(text, at), false
	}
}

func (s *spellings) add(n decimal128.Num, text []byte, at faultAt) {
	if small := int64(n.LowBits()); n == decimal128.FromI64(small) {
		s.addNarrow(small, text, at)
		return
	}
	switch known, ok := s.wide[n]; {
	case !ok:
		s.wide[n] = newWitness(text, at)
		s.wanted = len(s.seen)+len(s.wide) <= engine.MaxDictionary
	case known.value != string(text):
		s.one, s.other, s.wanted = known, newWitness(text, at), false
	}
}

// note tells of the two spellings, "" if there are none.
func (s *spellings) note(name string) string {
	if s.one == nil {
		return ""
	}
	other := s.other.String()
	if s.other.file != s.one.file {
		other += " of " + files.Base(s.other.file)
	}
	return fmt.Sprintf("%s: column %q has one number in two spellings: %s, %s; if they are codes, write them with a letter, for as numbers they are the same",
		s.one.file, name, s.one, other)
}
