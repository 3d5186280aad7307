package protocols_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
)

// TestJoinedView: what anybody sees of a question that joins tables by persons, but for the answer, goes by plan, registrations and spine
// alone. With other persons, figures and matches behind the same registrations the same entries stand on the ledger, in the same order, of the same authors and
// lengths, and each fetches as many blobs of everybody else, of the same lengths.
func TestJoinedView(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks")
	}
	base := joinedBase(t)
	shown, answer := base.joinedView(t, base.town)
	for what, other := range map[string]*town{"other persons and amounts": base.town.shuffled(), "nobody who stands on the spine": base.town.apart()} {
		seen, got := base.joinedView(t, other)
		if got == answer {
			t.Errorf("%s: a test that shows nothing: the answer is %s", what, got)
		}
		if seen != shown {
			a, b := strings.Split(shown, "\n"), strings.Split(seen, "\n")
			i := 0
			for i < min(len(a), len(b)) && a[i] == b[i] {
				i++
			}
			t.Errorf("%s: from line %d of %d and %d on another is seen: %q, before %q", what, i, len(a), len(b), b[min(i, len(b)-1)], a[min(i, len(a)-1)])
		}
	}
}

// joinedView is all that leaves anybody while a question is answered over a town, and the answer.
func (w *world) joinedView(t *testing.T, tn *town) (seen, answer string) {
	t.Helper()
	for _, department := range []string{"city1", "city2", "city3", "city4", "city5"} {
		if !bytes.Equal(engine.Marshal(w.town.registrations(department)), engine.Marshal(tn.registrations(department))) {
			t.Fatalf("%s's tables are registered otherwise", department)
		}
	}
	cryptotest.SetGlobalRandom(t, 12)
	c := w.fork(t, 12)
	c.town, c.recipient, c.inOrder = tn, "city2", true
	since := len(c.ledger.records)
	var lines []string
	c.serves = func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
		lines = append(lines, fmt.Sprintf("%s to %s: %d", from.name, to.name, len(blob)))
		return from.signed(digest, blob)
	}
	c.askFor(joinedCount)
	c.run()
	o := c.answer()
	if want := tn.all(); printed(o.Result) != want {
		t.Fatalf("%s %s %s: %s, want %s", o.Status, o.Code, o.Sentence, printed(o.Result), want)
	}
	for _, r := range c.ledger.records[since:] {
		lines = append(lines, fmt.Sprintf("%s of %s: %d", r.Entry.Kind, c.byKey(r.Entry.Author).name, len(r.Entry.Marshal())))
	}
	if served := len(lines) - (len(c.ledger.records) - since); served < 50 {
		t.Errorf("%d blobs are served", served)
	}
	return strings.Join(lines, "\n"), printed(o.Result)
}

// shuffled is a town of which nobody sees that it is another: everybody's rows are another person's, and have other figures.
func (tn *town) shuffled() *town {
	return tn.changed(func(department, table string, row of) of {
		if n := 0; row.id != "" && row.id != "nobody" {
			fmt.Sscanf(row.id, "p%d", &n)
			row.id = fmt.Sprintf("p%02d", (n+len(department+table)+int(department[4]))%len(tn.positions))
		}
		if row.sex != "" {
			row.sex = "F"
		}
		if row.amount == nil {
			row.amount = new(int64)
		} else {
			row.amount = nil
		}
		return row
	})
}

// apart is one in which nobody who gets benefits stands on the spine.
func (tn *town) apart() *town {
	return tn.changed(func(_, table string, row of) of {
		if table == "benefits" && row.id != "" {
			row.id = "away " + row.id
		}
		return row
	})
}

func (tn *town) changed(change func(department, table string, row of) of) *town {
	out := *tn
	out.rows = map[string]map[string][]of{}
	for _, department := range slices.Sorted(maps.Keys(tn.rows)) {
		out.rows[department] = map[string][]of{}
		for table, rows := range tn.rows[department] {
			for _, row := range rows {
				out.rows[department][table] = append(out.rows[department][table], change(department, table, row))
			}
		}
	}
	return &out
}
