package protocols

import (
	"slices"

	"parley/engine"
)

// Alert says that an answer passed a threshold that its analyst had set beforehand. Its author asked the
// question. Whether it is true shows the certificate of the answer, opened.
type Alert struct {
	_     struct{}      `cbor:",toarray"`
	Query engine.Digest // which is done
	Name  string        // of the standing question, or of its threshold; once for each query
	Rule  string        // the threshold, "households above 120"
	Found string        // what passed it, "county Lishui: 131"
}

// Kind implements Body.
func (*Alert) Kind() EntryKind { return KindAlert }

func (b *Alert) check() error {
	for _, text := range []struct {
		what, text string
		most       int
	}{{"an alert's name", b.Name, MaxNameBytes}, {"an alert's rule", b.Rule, MaxAlertText}, {"what an alert found", b.Found, MaxAlertText}} {
		if err := checkLine(text.what, text.text, text.most); err != nil {
			return err
		}
	}
	return nil
}

// alert is one that is kept. It does not change.
type alert struct {
	record Record
	sum    engine.Digest // of the record and of what it was asked
	body   Alert
	asked  alertOf
}

// alertOf is what an alert's query was about and who its analyst was, since those are forgotten earlier.
type alertOf struct {
	_          struct{} `cbor:",toarray"`
	Table      string
	Purpose    string
	Name       string // the analyst's
	Department string // that vouched for the analyst
}

func newAlert(r *Record, b *Alert, of alertOf) *alert {
	digest := r.Digest()
	return &alert{record: *r, sum: engine.Hash("parley alert 1", digest[:], engine.Marshal(of)), body: *b, asked: of}
}

// AlertRecord is an alert as it stands on the ledger.
type AlertRecord struct {
	Alert
	By         Key    // the analyst
	Analyst    string // the name of the analyst, whom
	Department string // vouched for
	Table      string // that the question was about
	Purpose    string // that it stated
	Number     uint64 // of the record
	Time       int64  // of its block, in milliseconds since 1970 (UTC)
}

// Alerts are the last KeepAlerts alerts, the oldest first.
func (s *State) Alerts() []AlertRecord {
	out := make([]AlertRecord, len(s.alerts))
	for i, a := range s.alerts {
		out[i] = AlertRecord{Alert: a.body, By: a.record.Entry.Author, Analyst: a.asked.Name, Department: a.asked.Department,
			Table: a.asked.Table, Purpose: a.asked.Purpose, Number: a.record.Number, Time: a.record.Time}
	}
	return out
}

// LastAlert is the number of the last alert's record; 0 if there is none.
func (s *State) LastAlert() uint64 {
	if len(s.alerts) == 0 {
		return 0
	}
	return s.alerts[len(s.alerts)-1].record.Number
}

// raise takes an alert.
func (s *State) raise(r *Record, b *Alert) *Refusal {
	by, refusal := s.mayAsk(r)
	if refusal != nil {
		return refusal
	}
	q := s.queries[b.Query]
	switch {
	case q == nil:
		return refuse("unknown-query", "no such question was asked")
	case q.Author != r.Entry.Author:
		return refuse("stranger", "only its analyst raises an alert about an answer")
	case q.Phase != PhaseDone:
		return refuse("too-early", "the query is %s", q.Phase)
	}
	of := 0
	for _, a := range s.alerts {
		if a.body.Query != b.Query {
			continue
		}
		if of++; a.body.Name == b.Name {
			return refuse("duplicate", "the alert %q was raised about this answer before", b.Name)
		}
	}
	if of >= MaxAlertsOfQuery {
		return refuse("too-many", "%d alerts about this answer were raised: there is room for no more", of)
	}
	s.alerts = append(share(s.alerts), newAlert(r, b, alertOf{Table: q.Table(), Purpose: q.Ask.Purpose,
		Name: by.body.Name, Department: s.NameOf(by.by())}))
	if len(s.alerts) > KeepAlerts {
		s.alerts = slices.Clone(s.alerts[len(s.alerts)-KeepAlerts:])
	}
	return nil
}

// alertWire is an alert in a snapshot.
type alertWire struct {
	_      struct{} `cbor:",toarray"`
	Record Record
	Of     alertOf
}

// loadAlerts rebuilds the alerts from a snapshot.
func (s *State) loadAlerts(wire []alertWire) error {
	if len(wire) > KeepAlerts {
		return errSnapshot
	}
	for i := range wire {
		r := &wire[i].Record
		body, err := r.Entry.Open()
		if err != nil {
			return err
		}
		b, ok := body.(*Alert)
		if !ok || r.Number > s.number || i > 0 && wire[i-1].Record.Number >= r.Number {
			return errSnapshot
		}
		s.alerts = append(s.alerts, newAlert(r, b, wire[i].Of))
	}
	return nil
}
