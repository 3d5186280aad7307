package audit

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// TestRoundsAreShownByTheirQuestion: of a round people read what the analyst wrote, wherever it
// stands.
func TestRoundsAreShownByTheirQuestion(t *testing.T) {
	const question = "SELECT median(age)\n  FROM heart"
	n := &protocols.Network{Version: protocols.Version, Name: "x", Nonce: engine.Digest{1}, Parameters: "light", Development: true}
	s := protocols.NewState(n, protocols.Sizes{Departments: 2})
	ask := &protocols.Ask{SQL: engine.RoundMark(question) + "SELECT buckets(age, 0, 1, 90) FROM heart", Question: question, Round: 2,
		Departments: []string{"north"}, Registrations: []engine.Digest{{1}}, Ciphertexts: 1, DeadlineSeconds: 60, Purpose: "a study"}
	shown := func(body protocols.Body) Event {
		key := ed25519.NewKeyFromSeed(make([]byte, 32))
		return EventOf(s, &protocols.Record{Number: 1, Entry: protocols.Sign(n.ID(), key, body)}, nil)
	}
	if e := shown(ask); e.What != "asks: SELECT median(age) FROM heart (round 2)" || e.Purpose != "a study" {
		t.Errorf("%q", e.What)
	}
	if e := shown(&protocols.Withdraw{Query: engine.Digest{7}}); e.What != "withdraws the question" || !strings.HasPrefix(e.Query, "07") {
		t.Errorf("%+v", e)
	}
	q := &Query{SQL: ask.SQL, Question: question, Round: 2}
	if !strings.HasPrefix(q.Asked(), question) || !(Filter{Text: "MEDIAN"}).Matches(q) || (Filter{Text: "logreg"}).Matches(q) {
		t.Errorf("%q", q.Asked())
	}
	if one := (&Query{SQL: "SELECT 1"}); one.Asked() != "SELECT 1" {
		t.Errorf("%q", one.Asked())
	}
}
