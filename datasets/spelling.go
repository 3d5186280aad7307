package datasets

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"parley/datasets/files"
	"parley/engine"
)

// spellings looks for one number written in two ways in a column of a text file, as
// 4.1 and 4.10: as numbers they are one value, as codes they were two (README,
// section 3.1). It remembers as many values as a dictionary holds; a column with
// more is no column of codes.
type spellings struct {
	first      map[decimal128.Num]*witness // nil: no more is wanted
	one, other *witness
}

func (s *spellings) add(n decimal128.Num, text []byte, at faultAt) {
	if s.first == nil {
		return
	}
	switch known, ok := s.first[n]; {
	case ok && known.value == string(text):
	case ok:
		s.one, s.other, s.first = known, newWitness(text, at), nil
	case len(s.first) == engine.MaxDictionary:
		s.first = nil
	default:
		s.first[n] = newWitness(text, at)
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
