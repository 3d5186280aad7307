package linkage

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/nodetest"
	"parley/protocols"
	"parley/protocols/linkage"
)

// TestOthersSpine: a spine of the name that a table is placed on, by another department, is not it, whoever publishes first.
func TestOthersSpine(t *testing.T) {
	w := newTown(t, persons(0, 5), persons(0, 5), persons(0, 5))
	b, c := w.offices[1], w.offices[2]
	b.table.Name, b.table.Of, b.table.OfDepartment = "register", "", "" // b picks some persons
	w.register(b)
	c.table.OfDepartment = "a"
	w.allow(100, "c")
	w.start(b)
	w.start(c)
	a := w.offices[0]
	w.start(a)
	w.until("b has published a spine of a's name", func() bool { return w.of(1).State == "published" })
	w.until("c is placed on a's", func() bool { return w.of(2).State == "placed" })
	state := w.book.copy()
	theirs, right := *state.Linkage().Spine("b", "register"), *state.Linkage().Spine("a", "register")
	if placement, err := w.answers(2); err != nil || len(placement.IDs) != 5 || w.of(2).placedOn != right.Number {
		t.Errorf("on a's spine: %v", err)
	}
	r := w.of(2)
	if _, err := c.linker().MayAnswer("tax", r.placedOf, theirs); err != ErrNotAccepted {
		t.Errorf("on b's spine: %v", err)
	}
	theirs.Number = right.Number
	if _, err := c.linker().MayAnswer("tax", r.placedOf, theirs); err != ErrNotAccepted {
		t.Errorf("on b's spine under the number of a's: %v", err)
	}
}

// TestMayAnswer: a department answers on the version of the spine on which its keys, as they are registered, are placed, of the linkage that is, and on
// no other; with the spine's own table too.
func TestMayAnswer(t *testing.T) {
	w := newTown(t, persons(0, 20), persons(10, 20))
	w.allow(100, "b")
	w.startAll()
	w.until("b is placed", func() bool { return w.of(1).State == "placed" })
	w.until("a is placed", func() bool { return w.of(0).placement != nil })
	for i := range 2 {
		if p, err := w.answers(i); err != nil || !slices.Equal(p.IDs, w.ids(w.offices[i])) {
			t.Errorf("%s: %v, %v", w.offices[i].name, p, err)
		}
	}
	right := *w.book.copy().Linkage().Spine("a", "register")
	b, r := w.offices[1].linker(), w.of(1)
	for name, change := range map[string]func(table *string, registration *engine.Digest, on *protocols.SpineRecord){
		"another table":            func(table *string, _ *engine.Digest, _ *protocols.SpineRecord) { *table = "register" },
		"another registration":     func(_ *string, d *engine.Digest, _ *protocols.SpineRecord) { d[0] ^= 1 },
		"another version":          func(_ *string, _ *engine.Digest, on *protocols.SpineRecord) { on.Number++ },
		"another linkage":          func(_ *string, _ *engine.Digest, on *protocols.SpineRecord) { on.Linkage[0] ^= 1 },
		"another's":                func(_ *string, _ *engine.Digest, on *protocols.SpineRecord) { on.Department = "b" },
		"another table's":          func(_ *string, _ *engine.Digest, on *protocols.SpineRecord) { on.Table = "tax" },
		"no version, none is here": func(_ *string, _ *engine.Digest, on *protocols.SpineRecord) { *on = protocols.SpineRecord{} },
	} {
		table, registration, on := "tax", r.placedOf, right
		if _, err := b.MayAnswer(table, registration, on); err != nil {
			t.Fatalf("%s: %v before anything is changed", name, err)
		}
		change(&table, &registration, &on)
		if p, err := b.MayAnswer(table, registration, on); err != ErrNotAccepted || p.IDs != nil || p.Positions != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	w.must(w.offices[0].id, &protocols.LinkageClose{Linkage: right.Linkage, Sentence: "over"})
	w.until("the linkage is over", func() bool { return b.Report().Number > 1 })
	if _, err := b.MayAnswer("tax", r.placedOf, right); err != ErrNotAccepted {
		t.Errorf("after the linkage: %v", err)
	}
}

// TestLimitsOfSpines: a version on which too few of a department's persons stand, or too many others than on the one before, is not answered on; what was accepted
// counts on over a restart and over the linkage's end, and the operator's word changes the limits.
func TestLimitsOfSpines(t *testing.T) {
	w := newTown(t, persons(0, 6), persons(0, 10))
	w.allow(1000, "b")
	w.startAll()
	held := func(what string) {
		t.Helper()
		w.until("b does not answer: "+what, func() bool { // once the spine is there, of a new linkage too
			_, err := w.answers(1)
			return strings.Contains(w.of(1).Held, what) && err == ErrNotAccepted
		})
	}
	register := func(rows []string, version uint64) {
		t.Helper()
		a := w.offices[0]
		a.mu.Lock()
		a.rows = rows
		a.mu.Unlock()
		w.register(a)
		w.until("b is placed on the version", func() bool { return w.of(1).Version == version && w.of(1).State == "placed" })
	}
	w.until("b answers", func() bool { _, err := w.answers(1); return err == nil })
	if r := w.of(1); r.Placed != 6 || r.Unplaced != 4 || r.Known != 0 || r.Changed != 0 {
		t.Errorf("the first version: %+v", r)
	}
	register(persons(0, 7), 2) // one of ten
	if _, err := w.answers(1); err != nil || w.of(1).Known != 10 || w.of(1).Changed != 1 {
		t.Errorf("one has come: %v, %+v", err, w.of(1))
	}
	register(persons(0, 9), 3) // and two more
	held("2 of 10 keys came to the spine or left it")
	b := w.offices[1]
	w.kill(b)
	w.start(b)
	held("2 of 10 keys came to the spine or left it")
	link := w.book.copy().Linkage()
	w.must(w.offices[0].id, &protocols.LinkageClose{Linkage: link.ID, Sentence: "once more"}) // all is drawn anew; it is no first version
	w.until("b is placed again", func() bool { r := b.linker().Report(); return r.Number == link.Number+1 && w.of(1).State == "placed" })
	held("2 of 10 keys came to the spine or left it")
	b.mu.Lock()
	b.table.Limits.MostChanged = 20
	b.mu.Unlock()
	w.wake()
	w.until("b's operator takes it", func() bool { _, err := w.answers(1); return err == nil })
	b.mu.Lock()
	b.table.Limits = linkage.Limits{LeastPlaced: 91, MostChanged: 10}
	b.mu.Unlock()
	if _, err := w.answers(1); err != ErrNotAccepted { // whether or not it has been looked again
		t.Errorf("b answers though its operator wants more keys placed: %v", err)
	}
	w.wake()
	held("9 of 10 keys are on the spine, and least_placed is 91 percent")
	b.mu.Lock()
	b.table.Limits = linkage.DefaultLimits
	b.mu.Unlock()
	w.wake()
	w.until("b answers again", func() bool { _, err := w.answers(1); return err == nil })
	if log := contents(t, b.dir); strings.Contains(log, "320101199") {
		t.Error("b has ids in its folder")
	}
	checkPrivate(t, b.dir)
}

// TestAcceptedIsKept: what was accepted is counted by the keys of both versions, and is not taken for nothing where it is damaged.
func TestAcceptedIsKept(t *testing.T) {
	l := &Linker{store: &store{root: t.TempDir()}}
	table := Table{Name: "t", Of: "register", OfDepartment: "a", Limits: linkage.Limits{LeastPlaced: 1, MostChanged: 50}}
	on := func(places ...uint32) []uint32 { return places }
	const off = linkage.Unplaced
	for i, step := range []struct {
		ids       []string
		positions []uint32
		standing  linkage.Standing
		held      bool
	}{
		{[]string{"a", "b", "c"}, on(7, off, 9), linkage.Standing{Keys: 3, Placed: 2}, false},
		{[]string{"b", "c", "d", "e"}, on(1, 2, 3, off), linkage.Standing{Keys: 4, Placed: 3, Known: 2, Changed: 1}, false}, // d and e are new
		{[]string{"b", "c", "d", "e"}, on(off, off, 3, 4), linkage.Standing{Keys: 4, Placed: 2, Known: 4, Changed: 3}, true},
		{[]string{"b", "c", "d", "e"}, on(1, off, 3, off), linkage.Standing{Keys: 4, Placed: 2, Known: 4, Changed: 1}, false}, // of the one before the last
		{[]string{"x"}, on(off), linkage.Standing{Keys: 1}, true},
		{nil, nil, linkage.Standing{}, false},
	} {
		got, held, err := l.accept(table, step.ids, step.positions)
		if err != nil || got != step.standing || (held != "") != step.held {
			t.Errorf("step %d: %+v, %q, %v", i, got, held, err)
		}
	}
	other := table
	other.OfDepartment = "b"
	if s, _, err := l.accept(other, []string{"b"}, on(1)); err != nil || s.Known != 0 {
		t.Errorf("another spine has what was accepted of the first: %+v, %v", s, err)
	}
	nodetest.Check(t, l.store.retire(engine.Hash("l"), true)) // a linkage has ended
	if s, _, err := l.accept(other, []string{"b"}, on(1)); err != nil || s.Known != 1 {
		t.Errorf("after a linkage: %+v, %v", s, err)
	}
	for _, name := range []string{acceptedName(other), "accepted"} {
		path := filepath.Join(l.store.root, name)
		b, err := os.ReadFile(path)
		nodetest.Check(t, err)
		nodetest.Check(t, os.WriteFile(path, append(b, 0), 0o600))
		if _, _, err := l.accept(other, []string{"b"}, on(1)); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
		nodetest.Check(t, os.WriteFile(path, b, 0o600))
	}
}
