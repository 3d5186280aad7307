package audit

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/engine"
	"parley/protocols"
)

// SourceNews is what a department's node says of a table's source, in an Act of its own (README section 9): that it is
// not as in the version that is registered, or that it is again.
type SourceNews struct {
	Table   string
	Version uint64
	Changed bool
}

const (
	newsChanged, newsAgain = "source changed since version ", "source again as in version "
	newsTable              = ": table "
)

// String is the text of the Act.
func (n SourceNews) String() string {
	begin := newsAgain
	if n.Changed {
		begin = newsChanged
	}
	return begin + strconv.FormatUint(n.Version, 10) + newsTable + n.Table
}

// ParseSourceNews reads the text of an Act; nothing but what String writes is any.
func ParseSourceNews(text string) (n SourceNews, ok bool) {
	rest, changed := strings.CutPrefix(text, newsChanged)
	if !changed {
		rest, ok = strings.CutPrefix(text, newsAgain)
	}
	number, table, found := strings.Cut(rest, newsTable)
	version, err := strconv.ParseUint(number, 10, 64)
	n = SourceNews{Table: table, Version: version, Changed: changed}
	return n, (changed || ok) && found && err == nil && table != "" && n.String() == text
}

// NewsOf is what an Act says of a source. It counts from the node itself alone, and of the version of its department's
// table that is registered at this time: of others' tables nobody says anything, nor does an auditor, who has none.
func NewsOf(s *protocols.State, author protocols.Key, b *protocols.Act) (SourceNews, bool) {
	news, ok := ParseSourceNews(b.What)
	if !ok || author != b.Node || !s.HasJoined(author) {
		return news, false
	}
	department := s.NameOf(author)
	return news, slices.ContainsFunc(s.Catalogue(), func(r engine.Registration) bool {
		return r.Department == department && r.Table == news.Table && r.Version == news.Version
	})
}

// SourceChange is when a department said that the source of a version changed, or is again as it was.
type SourceChange struct {
	Changed bool      `json:"changed"`
	Block   uint64    `json:"block"`
	Time    time.Time `json:"time"`
}

// announced adds to the versions what an Act says of one: each change once, however often it is said.
func announced(all []Registered, department string, news SourceNews, at SourceChange) {
	for i := range slices.Backward(all) {
		r := &all[i]
		if r.Department != department || r.Table != news.Table || r.Version != news.Version {
			continue
		}
		if n := len(r.Source); n == 0 && at.Changed || n > 0 && r.Source[n-1].Changed != at.Changed {
			r.Source = append(r.Source, at)
		}
		return
	}
}

// SourceChanged is when the source changed, nil if it is as in this version as far as the department has said.
func (r Registered) SourceChanged() *SourceChange {
	if n := len(r.Source); n > 0 && r.Source[n-1].Changed {
		return &r.Source[n-1]
	}
	return nil
}
