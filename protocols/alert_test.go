package protocols

import (
	"fmt"
	"testing"
)

// alarm is an alert about a query.
func (q *QueryState) alarm(name string) *Alert {
	return &Alert{Query: q.ID, Name: name, Rule: "households above 120", Found: "county Lishui: 131"}
}

// TestAlerts: its analyst alone raises an alert about an answer, each once, a few of them; and what the state
// tells of it stays when the query and the person are forgotten.
func TestAlerts(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	other := courtKey("other analyst")
	c.must(c.keys[0], named(vouching(other, PersonAnalyst), "Lin"))
	watching := courtKey("observer")
	c.must(c.keys[0], named(vouching(watching, PersonObserver), "Bo"))
	early := c.reach(PhaseSharing, 1)
	c.code(c.analyst, early.alarm("relapse"), "too-early")
	withdrawn := c.reach(PhaseContributing, 2)
	c.must(c.analyst, &Withdraw{Query: withdrawn.ID})
	c.code(c.analyst, withdrawn.alarm("relapse"), "too-early")
	q := c.reach(PhaseDone, 3)
	c.code(c.analyst, &Alert{Query: digestOf("no query"), Name: "n", Rule: "r", Found: "f"}, "unknown-query")
	c.code(other, q.alarm("relapse"), "stranger")
	for _, k := range append(c.validators(), watching, stewardOf("a"), courtKey("nobody")) {
		c.code(k, q.alarm("relapse"), CodeNotVouched)
	}
	forged := Sign(c.id, other, q.alarm("relapse"))
	forged.Author = KeyOf(c.analyst)
	if err := c.order(forged); err == nil {
		t.Error("another's signature is taken for the analyst's")
	}
	elsewhere := Sign(digestOf("another network"), c.analyst, q.alarm("relapse"))
	if err := c.order(elsewhere); err == nil {
		t.Error("what was signed for another network is taken")
	}
	for i := range MaxAlertsOfQuery {
		c.must(c.analyst, q.alarm(fmt.Sprint("relapse ", i)))
	}
	again := q.alarm("relapse 0")
	again.Found = "county Gaochun: 125"
	c.code(c.analyst, again, "duplicate")
	c.code(c.analyst, q.alarm("one more"), "too-many")
	c.must(c.analyst, c.reach(PhaseDone, 4).alarm("relapse 0")) // about another answer
	if err := c.state.CheckDecision(KeyOf(c.analyst), q.alarm("one more"), c.now()); err == nil {
		t.Error("what the referee refuses is not told before")
	}
	c.must(c.keys[0], &Revoke{Person: KeyOf(c.analyst), Reason: "left", Turn: 1})
	late := c.state.Query(q.ID)
	c.code(c.analyst, late.alarm("after"), CodeNotVouched)
	alerts := c.reparsed().Alerts()
	if len(alerts) != MaxAlertsOfQuery+1 {
		t.Fatalf("%d alerts", len(alerts))
	}
	if a := alerts[0]; a.Alert != *q.alarm("relapse 0") || a.By != KeyOf(c.analyst) || a.Analyst != "Mei" || a.Department != "a" || a.Table != "heart" ||
		a.Purpose != "statistics" || a.Number == 0 || a.Time == 0 {
		t.Errorf("%+v", a)
	}
}

// TestAlertsAreOnce: while a query is kept, no alert about it makes room for others', so that none comes twice,
// whatever is asked and alerted of meanwhile.
func TestAlertsAreOnce(t *testing.T) {
	c := seatedCourt(t)
	c.quiet = true
	c.form()
	raise := func(q *QueryState) {
		for i := range MaxAlertsOfQuery {
			c.must(c.analyst, q.alarm(fmt.Sprint("alert ", i)))
		}
	}
	var before []*QueryState
	for i := range KeepEnded - 1 {
		before = append(before, c.reach(PhaseDone, byte(i)))
	}
	q := c.reach(PhaseDone, KeepEnded-1)
	raise(q)
	for _, older := range before {
		raise(older)
	}
	for i := range KeepEnded - 1 {
		raise(c.reach(PhaseDone, byte(KeepEnded+i)))
	}
	if c.state.Query(q.ID) == nil {
		t.Fatal("the query is not kept any more")
	}
	c.code(c.analyst, q.alarm("alert 0"), "duplicate")
	c.code(c.analyst, before[0].alarm("alert 0"), "unknown-query")
	for i := range 2 {
		raise(c.reach(PhaseDone, byte(2*KeepEnded+i)))
	}
	if n := len(c.state.Alerts()); n != KeepAlerts {
		t.Errorf("%d alerts are kept, want %d", n, KeepAlerts)
	}
	c.reparsed()
}

// TestAlertsAreCovered: whatever of an alert is changed in a state changes its digest, and a snapshot is not
// taken in which alerts stand in another order, after the state's last entry, or are no alerts.
func TestAlertsAreCovered(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	q := c.reach(PhaseDone, 1)
	c.must(c.analyst, q.alarm("first"))
	c.must(c.analyst, q.alarm("second"))
	copied := c.state.Clone()
	c.must(c.analyst, q.alarm("third"))
	if len(copied.Alerts()) != 2 {
		t.Error("a copy has changed since")
	}
	digest := copied.Digest()
	for name, change := range map[string]func(a *alertWire){
		"table":      func(a *alertWire) { a.Of.Table = "other" },
		"purpose":    func(a *alertWire) { a.Of.Purpose = "other" },
		"name":       func(a *alertWire) { a.Of.Name = "other" },
		"department": func(a *alertWire) { a.Of.Department = "other" },
		"time":       func(a *alertWire) { a.Record.Time++ },
		"body":       func(a *alertWire) { a.Record.Entry = Sign(c.id, c.analyst, q.alarm("other")) },
	} {
		w := copied.wire(false)
		change(&w.Alerts[1])
		s := copied.Clone()
		s.alerts = nil
		if err := s.loadAlerts(w.Alerts); err != nil || s.Digest() == digest {
			t.Errorf("%s can be changed: %v", name, err)
		}
	}
	for name, change := range map[string]func(w []alertWire) []alertWire{
		"order":  func(w []alertWire) []alertWire { return []alertWire{w[1], w[0]} },
		"twice":  func(w []alertWire) []alertWire { return []alertWire{w[0], w[0]} },
		"future": func(w []alertWire) []alertWire { w[1].Record.Number = copied.number + 1; return w },
		"another": func(w []alertWire) []alertWire {
			w[0].Record.Entry = Sign(c.id, c.analyst, &Withdraw{Query: q.ID})
			return w
		},
		"many": func(w []alertWire) []alertWire { return append(w, make([]alertWire, KeepAlerts)...) },
	} {
		s := copied.Clone()
		s.alerts = nil
		if err := s.loadAlerts(change(copied.wire(false).Alerts)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
