package protocols

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols/linkage"
)

// keyed is a table of a court's department with a declared key.
func keyed(department string, version uint64) engine.Registration {
	r := courtTable(department, version)
	r.Table = "register of " + department
	r.Columns, r.Quality.Key = []engine.Column{{Name: "x", Kind: engine.Text}}, []string{"x"}
	r.Linkage = engine.Linkage{Key: "x", Spine: r.Table, Department: department}
	return r
}

// allows has a department's steward say what others may draw, or what membership its table gives.
func (c *court) allows(department string, version uint64, draws ...policy.Draw) {
	c.t.Helper()
	c.must(stewardOf(department), c.publication(policy.Document{Department: department, Version: version, Draws: draws}))
}

// linked is a court whose linkage is formed, with the members' keys.
func linked(t testing.TB) (*court, []*linkage.Key) {
	c := seatedCourt(t)
	c.must(c.keys[0], c.state.NextLinkage())
	return c, c.linkKeys()
}

// linkKeys has each member of the linkage that is opened draw a share, commit to it and reveal it.
func (c *court) linkKeys() []*linkage.Key {
	c.t.Helper()
	keys := make([]*linkage.Key, len(c.keys))
	for range 2 {
		for i, k := range c.keys {
			if c.state.Linkage().IsMember(KeyOf(k)) {
				if keys[i] == nil {
					keys[i] = linkage.NewKey(c.state.LinkageContext(), KeyOf(k))
				}
				c.must(k, c.state.LinkageWord(KeyOf(k), keys[i]))
			}
		}
	}
	if l := c.state.Linkage(); l.Phase != LinkageFormed || len(l.Missing()) != 0 || len(l.Shares()) != len(l.Members) {
		c.t.Fatalf("the linkage is %s", l.Phase)
	}
	return keys
}

// drawing is a batch of a department's, as its node would say it.
func (c *court) drawing(by int, number, count uint32) *Draw {
	most, _ := c.state.Drawable(KeyOf(c.keys[by]))
	return &Draw{Linkage: c.state.Linkage().ID, Number: number, Count: count, Most: max(most, 1), Points: digestOf("batch", number)}
}

// TestLinkageLife: all commit before any reveals, each once and to one share; what is opened follows from the ledger.
func TestLinkageLife(t *testing.T) {
	c := seatedCourt(t)
	open := c.state.NextLinkage()
	c.code(c.auditor, open, "stranger")
	for _, change := range []func(*LinkageOpen){func(b *LinkageOpen) { b.ID[0] ^= 1 }, func(b *LinkageOpen) { b.Members = b.Members[1:] }, func(b *LinkageOpen) { b.Number++ }} {
		b := *open
		change(&b)
		c.code(c.keys[0], &b, "wrong-linkage")
	}
	unknown := &LinkageCommit{Linkage: open.ID, Commitment: digestOf("c")}
	c.code(c.keys[0], unknown, "unknown-linkage")
	c.must(c.keys[1], open)
	c.code(c.keys[0], open, "duplicate")
	if c.state.NextLinkage() != nil {
		t.Error("another linkage while one is being formed")
	}
	l := c.state.Linkage()
	keys := make([]*linkage.Key, 3)
	for i, k := range c.keys {
		keys[i] = linkage.NewKey(c.state.LinkageContext(), KeyOf(k))
	}
	reveal := func(i int) *LinkageReveal { return &LinkageReveal{Linkage: l.ID, Reveal: keys[i].Reveal()} }
	commit := func(i int) *LinkageCommit { return &LinkageCommit{Linkage: l.ID, Commitment: keys[i].Commitment()} }
	c.code(c.auditor, commit(0), "stranger")
	c.code(c.keys[0], &LinkageCommit{Linkage: l.ID}, "malformed")
	c.must(c.keys[0], commit(0))
	c.code(c.keys[0], commit(1), "duplicate")
	c.must(c.keys[1], commit(1))
	c.code(c.keys[0], reveal(0), "too-early")
	if missing := c.state.Linkage().Missing(); !slices.Equal(missing, []string{"c"}) {
		t.Errorf("missing %v", missing)
	}
	c.must(c.keys[2], commit(2))
	c.code(c.keys[2], reveal(1), "wrong-key")
	// A rogue has seen the others' shares: whatever it reveals now is not what it committed to.
	rogue := linkage.NewKey(c.state.LinkageContext(), KeyOf(c.keys[2]))
	c.code(c.keys[2], &LinkageReveal{Linkage: l.ID, Reveal: rogue.Reveal()}, "wrong-key")
	elsewhere := linkage.NewKey(linkage.Context{Network: c.id, Linkage: digestOf("other")}, KeyOf(c.keys[2]))
	c.code(c.keys[2], &LinkageReveal{Linkage: l.ID, Reveal: elsewhere.Reveal()}, "wrong-key")
	c.code(c.keys[0], c.drawing(0, 1, 1), "too-early")
	for i := range 3 {
		c.must(c.keys[i], reveal(i))
		c.code(c.keys[i], reveal(i), "duplicate")
	}
	if l := c.reparsed().Linkage(); l.Phase != LinkageFormed || l.ID != open.ID {
		t.Errorf("a snapshot's linkage is %s", l.Phase)
	}
	if c.state.NextLinkage() != nil {
		t.Error("another linkage beside a formed one")
	}
}

// TestLinkageEnds: a member that leaves, by its word or by a vote, or one that comes, ends the linkage; the next has another id and nothing of the old.
func TestLinkageEnds(t *testing.T) {
	c, keys := linked(t)
	first := c.state.Linkage()
	c.code(c.auditor, &LinkageClose{Linkage: first.ID, Sentence: "no"}, "stranger")
	if word := c.state.LinkageWord(KeyOf(c.keys[1]), nil); word.Kind() != KindLinkageClose {
		t.Fatalf("who lost its share says %s", word.Kind())
	}
	if word := c.state.LinkageWord(KeyOf(c.keys[1]), keys[1]); word != nil {
		t.Errorf("a member of a formed linkage says %s", word.Kind())
	}
	c.must(c.keys[1], c.state.LinkageWord(KeyOf(c.keys[1]), nil))
	if l := c.reparsed().Linkage(); l.Phase != LinkageClosed || l.By != KeyOf(c.keys[1]) || l.Closed != "the share is lost" {
		t.Errorf("%+v", l)
	}
	c.code(c.keys[0], c.drawing(0, 1, 1), "ended")
	c.must(c.keys[0], c.state.NextLinkage())
	second := c.state.Linkage()
	if second.ID == first.ID || second.Number != 2 {
		t.Error("the next linkage is the last")
	}
	// What was signed for the first says nothing in the second, nor a share that was drawn for it.
	c.code(c.keys[0], &LinkageCommit{Linkage: first.ID, Commitment: keys[0].Commitment()}, "unknown-linkage")
	c.code(c.keys[0], &LinkageOpen{Number: 1, ID: first.ID, Members: memberKeys(first.Members)}, "duplicate")
	c.linkKeys()
	c.vote(4, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
	c.keys = c.keys[:2]
	if l := c.reparsed().Linkage(); l.Phase != LinkageClosed || l.By != (Key{}) || !strings.Contains(l.Closed, `c`) {
		t.Errorf("after a member has left: %s, %q", l.Phase, l.Closed)
	}
	c.must(c.keys[1], c.state.NextLinkage())
	if l := c.state.Linkage(); l.IsMember(KeyOf(courtKey("c"))) || len(l.Members) != 2 {
		t.Error("who left is a member")
	}
	c.linkKeys()
	c.vote(3, Change{Version: 2, Action: ActionAdd, Role: RoleDepartment, Name: "d", Key: KeyOf(courtKey("d"))})
	if c.state.NextLinkage() != nil {
		t.Error("a department that has not joined needs a linkage")
	}
	c.must(courtKey("d"), &Join{Name: "d"})
	if next := c.state.NextLinkage(); next == nil || len(next.Members) != 3 {
		t.Error("a department that has come needs none")
	}
	c.code(courtKey("d"), c.drawing(0, 1, 1), "stranger")
}

// TestQuotaGoesOn: who ends a linkage by its word does not begin its quota anew, nor another's; by a vote that changes the members all begin anew.
func TestQuotaGoesOn(t *testing.T) {
	c, _ := linked(t)
	for _, d := range []string{"a", "b", "c"} {
		var draws []policy.Draw
		for _, other := range []string{"a", "b", "c"} {
			if other != d {
				draws = append(draws, policy.Draw{Department: other, IDs: 70})
			}
		}
		c.allows(d, 1, draws...)
	}
	a := KeyOf(c.keys[0])
	for linkage, left := range []uint32{70, 30, 10} {
		c.code(c.keys[0], c.drawing(0, 1, left+1), "over-quota")
		if linkage == 2 {
			break
		}
		c.must(c.keys[0], c.drawing(0, 1, []uint32{40, 20}[linkage]))
		l := c.reparsed().Linkage()
		if _, _, upTo, ok := l.Batch(a, 1); !ok || upTo != []int64{40, 60}[linkage] {
			t.Errorf("linkage %d: drawn up to %d", l.Number, upTo)
		}
		c.must(c.keys[1+linkage], &LinkageClose{Linkage: l.ID, Sentence: "once more"})
		c.must(c.keys[0], c.state.NextLinkage())
		c.linkKeys()
	}
	if ids, batches := c.reparsed().Linkage().Drawn(a); ids != 60 || batches != 0 {
		t.Errorf("a has drawn %d in %d batches", ids, batches)
	}
	c.must(c.keys[0], c.drawing(0, 1, 10))
	c.code(c.keys[0], c.drawing(0, 2, 1), "over-quota")
	c.vote(4, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
	c.keys = c.keys[:2]
	c.must(c.keys[0], c.state.NextLinkage())
	c.linkKeys()
	if ids, _ := c.reparsed().Linkage().Drawn(a); ids != 0 {
		t.Errorf("among others a has drawn %d", ids)
	}
	c.must(c.keys[0], c.drawing(0, 1, 70))
}

// TestQuota: nothing is drawn until every other member's steward allows it, and no more than the strictest does, whatever it is
// split into; each member decides by its own steward's word again.
func TestQuota(t *testing.T) {
	c, _ := linked(t)
	self := func(i int) Key { return KeyOf(c.keys[i]) }
	c.code(c.keys[0], c.drawing(0, 1, 1), "over-quota")
	c.allows("a", 1, policy.Draw{Department: "a", IDs: 1000}, policy.Draw{Department: "b", IDs: 50}) // its own word for itself counts for nothing
	c.allows("b", 1, policy.Draw{Department: "a", IDs: 100})
	c.code(c.keys[0], c.drawing(0, 1, 1), "over-quota")
	c.allows("c", 1, policy.Draw{Department: "a", IDs: 70})
	if ids, by := c.state.Drawable(self(0)); ids != 70 || by != "c" {
		t.Errorf("a may draw %d by %q", ids, by)
	}
	if ids, by := c.state.Drawable(self(1)); ids != 0 || by != "c" {
		t.Errorf("b may draw %d by %q", ids, by)
	}
	c.code(c.keys[0], c.drawing(0, 1, 71), "over-quota")
	c.must(c.keys[0], c.drawing(0, 1, 40))
	c.code(c.keys[0], c.drawing(0, 1, 30), "duplicate")
	c.code(c.keys[0], c.drawing(0, 3, 30), "too-early")
	c.code(c.keys[0], c.drawing(0, 2, 31), "over-quota")
	c.code(c.keys[1], c.drawing(1, 1, 1), "over-quota")
	c.code(c.auditor, c.drawing(0, 1, 1), "stranger")
	c.must(c.keys[0], c.drawing(0, 2, 30))
	refused := c.drawing(0, 3, 1)
	c.code(c.keys[0], refused, "over-quota")
	l := c.reparsed().Linkage()
	if ids, batches := l.Drawn(self(0)); ids != 70 || batches != 2 {
		t.Errorf("a has drawn %d in %d", ids, batches)
	}
	counts := map[uint32]int{1: 40, 2: 30}
	may := func(member int, number uint32, points engine.Digest) string {
		if r := c.state.MayEvaluate(self(member), self(0), l.ID, number, counts[number], points); r != nil {
			return r.Code
		}
		return ""
	}
	points := func(n int) engine.Digest { return digestOf("batch", uint32(n)) }
	for i := range 3 {
		if got := may(i, 1, points(1)) + may(i, 2, points(2)); got != "" {
			t.Errorf("member %d refuses what is drawn: %s", i, got)
		}
		if got := may(i, 3, points(3)); got != "too-early" {
			t.Errorf("member %d evaluates what is not drawn: %q", i, got)
		}
		if got := may(i, 0, points(0)); got != "too-early" {
			t.Errorf("member %d evaluates batch 0: %q", i, got)
		}
		if got := may(i, 2, points(1)); got != "wrong-batch" {
			t.Errorf("member %d evaluates another batch: %q", i, got)
		}
	}
	if r := c.state.MayEvaluate(self(0), self(0), digestOf("other"), 1, 40, points(1)); r == nil {
		t.Error("a batch of another linkage is evaluated")
	}
	for _, ids := range []int{0, 39, 41, linkage.MaxBatch} {
		if r := c.state.MayEvaluate(self(1), self(0), l.ID, 1, ids, points(1)); r == nil || r.Code != "wrong-batch" {
			t.Errorf("a batch drawn for 40 ids is evaluated for %d: %v", ids, r)
		}
	}
	if r := c.state.MayEvaluate(KeyOf(c.auditor), self(0), l.ID, 1, 40, points(1)); r == nil {
		t.Error("an auditor evaluates")
	}
	c.allows("c", 2, policy.Draw{Department: "a", IDs: 50}) // c takes some of it back: what was drawn beyond is not evaluated by c
	if got := []string{may(1, 2, points(2)), may(2, 1, points(1)), may(2, 2, points(2))}; !slices.Equal(got, []string{"", "", "over-quota"}) {
		t.Errorf("after a cap fell: %q", got)
	}
	c.allows("c", 3, policy.Draw{Department: "a", IDs: 1000})
	c.code(c.keys[0], refused, "stale-quota") // by whoever kept it
	for _, most := range []int64{1, 99, 101, policy.MaxDraw} {
		other := c.drawing(0, 3, 1)
		other.Most = most
		c.code(c.keys[0], other, "stale-quota")
	}
	c.allows("c", 4, policy.Draw{Department: "b", IDs: 1}) // and forgets a
	if ids, by := c.state.Drawable(self(0)); ids != 0 || by != "c" {
		t.Errorf("a may draw %d by %q", ids, by)
	}
	c.must(c.keys[1], c.drawing(1, 1, 1))
	c.code(c.keys[1], c.drawing(1, 2, 1), "over-quota")
	c.allows("a", 2, policy.Draw{Department: "b", IDs: 50})
	c.allows("c", 5, policy.Draw{Department: "b", IDs: 9})
	for n := uint32(2); n < 3+KeepDraws; n++ {
		c.must(c.keys[1], c.drawing(1, n, 1))
	}
	of := c.reparsed().Linkage()
	if ids, batches := of.Drawn(self(1)); ids != 2+KeepDraws || batches != 2+KeepDraws {
		t.Errorf("b has drawn %d in %d", ids, batches)
	}
	for n := range uint32(5 + KeepDraws) {
		_, got, upTo, ok := of.Batch(self(1), n)
		if kept := n > 2 && n < 3+KeepDraws; ok != kept || kept && (got != points(int(n)) || upTo != int64(n)) {
			t.Errorf("batch %d: %v, with %d", n, ok, upTo)
		}
	}
	for _, b := range []*Draw{c.drawing(1, 0, 1), c.drawing(1, MaxDraws+1, 1), c.drawing(1, 1, 0), c.drawing(1, 1, linkage.MaxBatch+1), {Number: 1, Count: 1}, {Number: 1, Count: 1, Most: policy.MaxDraw + 1}} {
		if b.check() == nil {
			t.Errorf("%+v is a draw", b)
		}
	}
}

// TestSpines: one spine of a department's table, which holds it, has declared its key and has drawn as many tokens; none of a name keeps another
// department from its own, and only whom a table's policy names is admitted.
func TestSpines(t *testing.T) {
	c, _ := linked(t)
	for _, name := range []string{"b", "c"} {
		c.allows(name, 1, policy.Draw{Department: "a", IDs: 100}, policy.Draw{Department: "b", IDs: 100})
	}
	c.allows("a", 1, policy.Draw{Department: "b", IDs: 100})
	table := keyed("a", 1)
	spine := func(version uint64, counts ...uint32) *Spine {
		b := &Spine{Linkage: c.state.Linkage().ID, Table: table.Table, Registration: RegistrationDigest(table), Version: version}
		for i, n := range counts {
			b.Blocks = append(b.Blocks, SpineBlock{Blob: digestOf("block", i), Count: n})
		}
		return b
	}
	c.code(c.keys[0], spine(1, 5), "unknown-table")
	bare := table
	bare.Linkage.Spine = "register" // its keys are placed on another
	c.must(c.keys[0], &Register{Registration: bare})
	c.code(c.keys[0], spine(1, 5), "stale-catalogue")
	b := spine(1, 5)
	b.Registration = RegistrationDigest(bare)
	c.code(c.keys[0], b, "no-key")
	table.Version = 2
	c.must(c.keys[0], &Register{Registration: table})
	c.code(c.keys[0], spine(1, 5), "too-many")
	c.must(c.keys[0], c.drawing(0, 1, 8))
	c.code(c.keys[1], spine(1, 5), "unknown-table")
	c.code(c.keys[0], spine(2, 5), "too-early")
	c.must(c.keys[0], spine(1, 5))
	c.code(c.keys[0], spine(1, 6), "duplicate")
	c.code(c.keys[0], spine(2, 5, 4), "too-many")
	c.must(c.keys[0], spine(2, 5, 3))
	other := keyed("b", 1)
	other.Table, other.Linkage.Spine = table.Table, table.Table
	c.must(c.keys[1], &Register{Registration: other})
	c.must(c.keys[1], c.drawing(1, 1, 8))
	mine := spine(1, 5)
	mine.Registration = RegistrationDigest(other)
	c.must(c.keys[1], mine)
	l := c.reparsed().Linkage()
	s, of := l.Spine("a", table.Table), l.Spine("b", table.Table)
	if s == nil || s.Department != "a" || s.Version != 2 || s.Positions() != 8 || len(l.Spines()) != 2 || l.Spine("c", table.Table) != nil {
		t.Fatalf("%+v", s)
	}
	if of == nil || of.Department != "b" || of.By != KeyOf(c.keys[1]) || of.Version != 1 || of.Positions() != 5 {
		t.Fatalf("%+v", of)
	}
	admitted := func() (out string) {
		for _, k := range c.validators() {
			out += fmt.Sprint(c.state.Admitted(s, KeyOf(k)), " ")
		}
		return out
	}
	if got := admitted(); got != "true false false false " {
		t.Errorf("without a policy: %s", got)
	}
	c.must(stewardOf("a"), c.publication(policy.Document{Department: "a", Table: table.Table, Version: 1, Membership: []string{"b"}}))
	if got := admitted(); got != "true true false false " {
		t.Errorf("where b is named: %s", got)
	}
	c.must(stewardOf("a"), c.publication(policy.Document{Department: "a", Table: table.Table, Version: 2}))
	if got := admitted(); got != "true false false false " {
		t.Errorf("where b is named no more: %s", got)
	}
	for i := 1; i < MaxSpines+1; i++ {
		more := keyed("a", 1)
		more.Table = fmt.Sprint("more ", i)
		more.Linkage.Spine = more.Table
		c.must(c.keys[0], &Register{Registration: more})
		b := spine(1, 1)
		b.Table, b.Registration = more.Table, RegistrationDigest(more)
		if i < MaxSpines {
			wide := *b
			wide.Blocks = slices.Repeat(b.Blocks, linkage.MaxBlocks-1) // the first has two
			c.must(c.keys[0], c.drawing(0, 2, linkage.MaxBlocks))
			c.code(c.keys[0], &wide, "too-many")
			wide.Blocks = wide.Blocks[1:]
			c.must(c.keys[0], &wide)
			c.code(c.keys[0], spine(3, 1, 1, 1), "too-many")
			c.must(c.keys[0], spine(3, 1, 1))
		} else {
			c.code(c.keys[0], b, "too-many")
		}
	}
	c.must(c.keys[1], &Spine{Linkage: l.ID, Table: mine.Table, Registration: mine.Registration, Version: 2, Blocks: mine.Blocks})
	for name, b := range map[string]*Spine{"no blocks": spine(1), "an empty block": spine(1, 0), "a long one": spine(1, linkage.MaxBlock+1),
		"too many": spine(1, slices.Repeat([]uint32{1}, linkage.MaxBlocks+1)...), "too long": spine(1, slices.Repeat([]uint32{linkage.MaxBlock}, 33)...), "version 0": spine(0, 1)} {
		if b.check() == nil {
			t.Errorf("%s: a spine", name)
		}
	}
}

// TestLinkageIsCovered: whatever of a linkage is changed in a state changes its digest, and a snapshot is not taken whose
// linkage no records lead to.
func TestLinkageIsCovered(t *testing.T) {
	c, _ := linked(t)
	c.allows("b", 1, policy.Draw{Department: "a", IDs: 100})
	c.allows("c", 1, policy.Draw{Department: "a", IDs: 100})
	c.must(c.keys[0], &Register{Registration: keyed("a", 1)})
	c.must(c.keys[0], c.drawing(0, 1, 8))
	c.must(c.keys[0], c.drawing(0, 2, 9))
	c.must(c.keys[0], &Spine{Linkage: c.state.Linkage().ID, Table: keyed("a", 1).Table, Registration: RegistrationDigest(keyed("a", 1)), Version: 1,
		Blocks: []SpineBlock{{Blob: digestOf("b"), Count: 17}}})
	digest := c.state.Digest()
	if _, err := c.state.Clone().loadLinkage(nil); err == nil {
		t.Error("a state is taken that has opened a linkage and has none")
	}
	for name, c2 := range map[string]struct {
		change func(w *linkageWire)
		taken  bool
	}{
		"a batch's points":  {func(w *linkageWire) { w.Drawn[0].Last[1].Points[0] ^= 1 }, true},
		"how much is drawn": {func(w *linkageWire) { w.Drawn[0].Last[1].Count++; w.Drawn[0].Last[1].UpTo++ }, true},
		"none drawn":        {func(w *linkageWire) { w.Drawn = nil }, true},
		"another's draws":   {func(w *linkageWire) { w.Drawn[0].By = KeyOf(c.keys[1]) }, true},
		"a batch's count":   {func(w *linkageWire) { w.Drawn[0].Last[0].Count++ }, false},
		"a batch less":      {func(w *linkageWire) { w.Drawn[0].Last = w.Drawn[0].Last[:1] }, false},
		"another sum":       {func(w *linkageWire) { w.Drawn[0].Last[0].UpTo++; w.Drawn[0].Last[1].UpTo++ }, false},
		"more batches":      {func(w *linkageWire) { w.Drawn[0].Batches = 9 }, false},
		"no draws":          {func(w *linkageWire) { w.Drawn[0] = nil }, false},
		"a spine less":      {func(w *linkageWire) { w.Spines = nil }, true},
		"a spine's time":    {func(w *linkageWire) { w.Spines[0].Time++ }, true},
		"closed":            {func(w *linkageWire) { w.Closed, w.Why = true, "why" }, true},
		"a reveal's time":   {func(w *linkageWire) { w.Records[5].Time++ }, true},
		"a stranger's":      {func(w *linkageWire) { w.Drawn[0].By = Key{1} }, false},
		"no batches":        {func(w *linkageWire) { w.Drawn[0].Batches, w.Drawn[0].Last = 0, nil }, false},
		"an empty batch":    {func(w *linkageWire) { w.Drawn[0].Last[0].Count = 0 }, false},
		"twice":             {func(w *linkageWire) { w.Drawn = append(w.Drawn, w.Drawn[0]) }, false},
		"a spine twice":     {func(w *linkageWire) { w.Spines = append(w.Spines, w.Spines[0]) }, false},
		"no spine":          {func(w *linkageWire) { w.Spines[0] = w.Records[0] }, false},
		"a reveal less":     {func(w *linkageWire) { w.Records = w.Records[:len(w.Records)-1] }, false},
		"a reveal twice":    {func(w *linkageWire) { w.Records = append(w.Records, w.Records[6]) }, false},
		"no opening":        {func(w *linkageWire) { w.Records = w.Records[1:] }, false},
		"reveals first":     {func(w *linkageWire) { slices.Reverse(w.Records[1:]) }, false},
		"a member less":     {func(w *linkageWire) { w.Members = w.Members[1:] }, false},
		"why, of a formed":  {func(w *linkageWire) { w.Why = "why" }, false},
		"nothing":           {func(w *linkageWire) { *w = linkageWire{} }, false},
	} {
		var w linkageWire
		if err := engine.Unmarshal(engine.Marshal(c.state.Linkage().wire()), &w); err != nil {
			t.Fatal(err)
		}
		c2.change(&w)
		s := c.state.Clone()
		l, err := s.loadLinkage(&w)
		if c2.taken != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if s.linkage = l; s.Digest() == digest {
				t.Errorf("%s can be changed", name)
			}
		}
	}
}

// linker is a department of TestLinkageSchedules: what it stores durably, and what it holds in memory.
type linker struct {
	key    ed25519.PrivateKey
	id     engine.Digest // of the linkage whose share it has
	share  *linkage.Key
	loses  bool // its journal, once
	silent bool // commits, and then never reveals
}

// TestLinkageSchedules: under crashes, lost journals, repetition, lies and every order, a linkage is formed of shares that their
// members hold, and one who will not go on is named.
func TestLinkageSchedules(t *testing.T) {
	schedules := 25
	if testing.Short() {
		schedules = 10
	}
	for seed := range uint64(schedules) {
		rng := rand.New(rand.NewPCG(seed, 16))
		c := seatedCourt(t)
		var linkers []*linker
		for i, k := range c.keys {
			linkers = append(linkers, &linker{key: k, loses: rng.IntN(4) == 0, silent: seed%5 == 4 && i == 1})
		}
		var sent []Entry
		for range 400 {
			if l := c.state.Linkage(); l != nil && l.Phase == LinkageFormed && !slices.ContainsFunc(linkers, func(p *linker) bool { return p.loses || p.id != l.ID }) {
				break
			}
			p := linkers[rng.IntN(len(linkers))]
			self := KeyOf(p.key)
			if next := c.state.NextLinkage(); next != nil && rng.IntN(2) == 0 {
				sent = append(sent, Sign(c.id, p.key, next))
			}
			l := c.state.Linkage()
			if l != nil && l.ID != p.id && l.Phase == LinkageCommitting {
				p.id, p.share = l.ID, linkage.NewKey(c.state.LinkageContext(), self) // journaled before anything is said
			}
			if p.loses && l != nil && rng.IntN(10) == 0 {
				p.loses, p.share, p.id = false, nil, engine.Digest{}
			}
			share := p.share
			if l != nil && p.id != l.ID {
				share = nil
			}
			if word := c.state.LinkageWord(self, share); word != nil && !(p.silent && word.Kind() == KindLinkageReveal) {
				sent = append(sent, Sign(c.id, p.key, word))
				if rng.IntN(8) == 0 && word.Kind() == KindLinkageReveal { // a liar says another share
					sent = append(sent, Sign(c.id, p.key, &LinkageReveal{Linkage: l.ID, Reveal: linkage.NewKey(c.state.LinkageContext(), self).Reveal()}))
				}
			}
			for len(sent) > 0 && rng.IntN(3) > 0 { // in any order, some of them again, some lost
				i := rng.IntN(len(sent))
				var r *Refusal
				if err := c.order(sent[i]); err != nil && !errors.As(err, &r) {
					t.Fatal(err)
				}
				if rng.IntN(3) > 0 {
					sent = slices.Delete(sent, i, i+1)
				}
			}
		}
		l := c.reparsed().Linkage()
		if linkers[1].silent {
			if l == nil || l.Phase == LinkageFormed || l.Phase == LinkageRevealing && !slices.Contains(l.Missing(), "b") {
				t.Errorf("seed %d: b never reveals, and the linkage is %s, missing %v", seed, l.Phase, l.Missing())
			}
			continue
		}
		if l == nil || l.Phase != LinkageFormed {
			t.Fatalf("seed %d: no linkage is formed: %+v", seed, l)
		}
		for i, p := range linkers {
			if p.share == nil || p.id != l.ID || l.Shares()[i].Bytes() != p.share.Reveal().Public {
				t.Errorf("seed %d: member %d does not hold its share", seed, i)
			}
		}
	}
}
