package linkage

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
	"parley/protocols/linkage"
)

// TestLinkers: three departments form a linkage over real streams, draw, publish and place; dirty keys find their persons; new persons
// get an appended block and leave the others' places as they are; who is not admitted is shown nothing.
func TestLinkers(t *testing.T) {
	dirty := append(persons(10, 20), " 320101199"+"00000020x", "", "  ")
	w := newTown(t, persons(0, 30), dirty, persons(25, 40))
	w.allow(1000, "b")
	w.startAll()
	w.until("b is placed", func() bool { return w.of(1).State == "placed" })
	w.until("c is not admitted", func() bool { return strings.Contains(w.of(2).State, "does not admit") })
	if r := w.of(1); r.Keys != 11 || r.Placed != 11 || r.Department != "a" || r.Unplaced != 0 || r.Unusable != 2 || r.WithoutKey != 1 || r.Positions != 30 || r.WrongCheck == 0 {
		t.Errorf("%+v", r)
	}
	if _, err := w.answers(2); w.of(2).placement != nil || err != ErrNotAccepted {
		t.Errorf("who is not admitted has positions, and answers: %v", err)
	}
	w.decide(w.offices[0], policy.Document{Table: "register", Membership: []string{"b", "c"}})
	w.until("c is placed", func() bool { return w.of(2).State == "placed" })
	if r := w.of(2); r.Placed != 5 || r.Unplaced != 10 {
		t.Errorf("%+v", r)
	}
	w.check()
	before := w.places(1)
	a := w.offices[0]
	a.mu.Lock()
	a.rows = append(persons(3, 30), persons(38, 42)...) // three have left
	a.mu.Unlock()
	w.register(a)
	w.until("c sees the next version", func() bool { r := w.of(2); return r.Version == 2 && r.Placed == 7 })
	w.until("b sees the next version", func() bool { return w.of(1).Version == 2 })
	if r := w.of(1); r.Positions != 34 || !maps.Equal(before, w.places(1)) {
		t.Errorf("places have changed: %+v", r)
	}
	w.check()
	if got := []int64{w.drawn(0), w.drawn(1), w.drawn(2)}; !slices.Equal(got, []int64{34, 11, 15}) {
		t.Errorf("drawn: %v", got)
	}
	w.decide(w.offices[0], policy.Document{Table: "register", Membership: []string{"b"}})
	w.until("c is told that it is admitted no more", func() bool { return w.of(2).placement == nil })
}

// TestKilledAnywhere: departments that are killed at any moment and go on from their folders have the same places in the end, and have drawn
// tokens for each person once.
func TestKilledAnywhere(t *testing.T) {
	w := newTown(t, persons(0, 40), persons(20, 50), persons(5, 15))
	w.allow(1000, "b", "c")
	rng := rand.New(rand.NewPCG(16, 2))
	w.startAll()
	for range 40 {
		time.Sleep(time.Duration(rng.IntN(12)) * time.Millisecond) // nothing is waited for: the moment may be any
		o := w.offices[rng.IntN(3)]
		w.kill(o)
		w.start(o)
	}
	w.until("both are placed", func() bool { return w.of(1).State == "placed" && w.of(2).State == "placed" })
	w.check()
	if got := []int64{w.drawn(0), w.drawn(1), w.drawn(2)}; !slices.Equal(got, []int64{40, 30, 10}) {
		t.Errorf("drawn: %v", got)
	}
	if l := w.book.copy().Linkage(); l.Number != 1 {
		t.Errorf("linkage %d: a share was lost", l.Number)
	}
	for _, o := range w.offices {
		checkPrivate(t, o.dir)
		if all := contents(t, o.dir); strings.Contains(all, "320101199") {
			t.Errorf("%s has ids in its folder", o.name)
		}
	}
}

// checkPrivate: nobody else may read a folder.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	nodetest.Check(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
}

func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	nodetest.Check(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	}))
	return all.String()
}

// TestQuotaOfLinkers: a department gets tokens for as many ids as the strictest steward allows, no member helps with more, and it goes on when more
// are allowed.
func TestQuotaOfLinkers(t *testing.T) {
	w := newTown(t, persons(0, 10), persons(0, 20))
	w.startAll()
	w.until("b waits for a steward", func() bool { return strings.Contains(w.offices[1].linker().Report().Waits, "allows no tokens") })
	w.allow(12, "b")
	w.until("b has drawn 12", func() bool { return w.of(1).Tokens == 12 })
	w.until("b says so", func() bool { return strings.Contains(w.offices[1].linker().Report().Waits, "allows 12") })
	if got := w.drawn(1); got != 12 {
		t.Errorf("drawn: %d", got)
	}
	l := w.book.copy().Linkage()
	points, err := w.book.copy().LinkageContext().Blind(linkage.NewSeed(), 9, []string{"a guess"})
	nodetest.Check(t, err)
	b, a := w.offices[1].linker(), protocols.Member{Name: "a", Key: w.offices[0].id.Key()}
	_, batches := l.Drawn(w.offices[1].id.Key())
	for _, number := range []uint32{1, uint32(batches), uint32(batches) + 1} {
		_, err := b.askEvaluate(t.Context(), a, request{Op: opEvaluate, Linkage: l.ID, Number: number, Points: points.Points})
		var refused *RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("a guess as batch %d: %v", number, err)
		}
	}
	w.allow(1000, "b")
	w.until("b is placed", func() bool { return w.of(1).State == "placed" })
	if r := w.of(1); r.Placed != 10 || r.Unplaced != 10 {
		t.Errorf("%+v", r)
	}
}

// TestLyingMember: an answer that is not the member's share gives no token, and has its name; when it is honest again, the batch goes on.
func TestLyingMember(t *testing.T) {
	w := newTown(t, persons(0, 5), persons(0, 5), persons(0, 5))
	c := w.offices[2]
	c.lie = func(_ *linkage.Key, points []byte) ([]byte, error) {
		return linkage.NewKey(linkage.Context{}, c.id.Key()).Evaluate(points)
	}
	w.allow(100, "b", "c")
	w.startAll()
	w.until("b names c", func() bool {
		return strings.Contains(w.offices[1].linker().Report().Waits, "c gives an answer that is not its share")
	})
	if r := w.of(1); r.Tokens != 0 {
		t.Errorf("%d tokens of a lie", r.Tokens)
	}
	w.kill(c)
	c.lie = nil
	w.start(c)
	w.until("b and c are placed", func() bool { return w.of(1).State == "placed" && w.of(2).State == "placed" })
	w.check()
	if got := w.drawn(1); got != 5 {
		t.Errorf("drawn: %d", got)
	}
}

// TestLostShare: a department that lost its share closes the linkage; all draw again under the next, and nothing of the old is kept.
func TestLostShare(t *testing.T) {
	w := newTown(t, persons(0, 5), persons(3, 8))
	w.allow(100, "b")
	w.startAll()
	w.until("b is placed", func() bool { return w.of(1).State == "placed" })
	first := w.book.copy().Linkage()
	b := w.offices[1]
	w.kill(b)
	nodetest.Check(t, os.RemoveAll(b.dir))
	w.start(b)
	w.until("b is placed under the next linkage", func() bool {
		r := b.linker().Report()
		return r.Number > 1 && w.of(1).State == "placed"
	})
	w.check()
	for _, o := range w.offices {
		if _, err := os.Stat(filepath.Join(o.dir, first.ID.String())); err == nil {
			t.Errorf("%s keeps what was of the first linkage", o.name)
		}
	}
}

// TestForeignBlocks: a block that is not the ledger's, out of order, cut short or endless is not taken from anybody.
func TestForeignBlocks(t *testing.T) {
	w := newTown(t, persons(0, 5), persons(3, 8))
	w.allow(100, "b")
	w.startAll()
	w.until("b is placed", func() bool { return w.of(1).State == "placed" })
	link := w.book.copy().Linkage()
	block := link.Spine("a", "register").Blocks[0]
	a, b := w.offices[0], w.offices[1].linker()
	from := protocols.Member{Name: "a", Key: a.id.Key()}
	w.idle(a)
	honest, err := b.askBlock(t.Context(), from, link.ID, block)
	nodetest.Check(t, err)
	if _, err := b.askBlock(t.Context(), from, link.ID, protocols.SpineBlock{Blob: engine.Hash("other"), Count: block.Count}); err == nil {
		t.Error("a block that is on no spine is shown")
	}
	disordered := slices.Concat(honest[16:32], honest[:16], honest[32:])
	for name, c := range map[string]struct {
		size  uint32
		parts [][]byte
		block protocols.SpineBlock
	}{
		"another":      {uint32(len(honest)), [][]byte{append(slices.Clone(honest[:79]), honest[79]^1)}, block},
		"short":        {uint32(len(honest) - 16), [][]byte{honest[16:]}, block},
		"endless":      {1 << 30, [][]byte{honest}, block},
		"cut":          {uint32(len(honest)), [][]byte{honest[:32]}, block},
		"empty parts":  {uint32(len(honest)), [][]byte{{}, honest}, block},
		"out of order": {uint32(len(honest)), [][]byte{disordered}, protocols.SpineBlock{Blob: protocols.BlobDigest(disordered), Count: block.Count}},
	} {
		a.host.Handle(linkageProtocol, peers.Member, func(_ context.Context, s *peers.Stream) error {
			var q request
			if err := s.ReceiveValue(&q, peers.AnswerTimeout); err != nil {
				return err
			}
			if err := s.SendValue(reply{Size: c.size}); err != nil {
				return err
			}
			for _, part := range c.parts {
				if err := s.Send(part); err != nil {
					return err
				}
			}
			return nil
		})
		if _, err := b.askBlock(t.Context(), from, link.ID, c.block); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	a.linker().Serve()
	// The blocks on a's own disk, changed, are not shown.
	nodetest.Check(t, os.WriteFile(filepath.Join(a.dir, link.ID.String(), blockName(block.Blob)), disordered, 0o600))
	if _, err := b.askBlock(t.Context(), from, link.ID, block); err == nil {
		t.Error("a changed block is shown")
	}
}

// TestRequests: what no department may ask of another ends in a refusal or ends the stream, and in nothing else.
func TestRequests(t *testing.T) {
	w := newTown(t, persons(0, 5), persons(3, 8), persons(0, 1))
	w.allow(100, "b")
	w.startAll()
	w.until("b is placed", func() bool { return w.of(1).State == "placed" })
	w.until("c has tokens", func() bool { return w.of(2).Tokens == 1 })
	link := w.book.copy().Linkage()
	c := w.offices[2].linker()
	from := protocols.Member{Name: "a", Key: w.offices[0].id.Key()}
	block := link.Spine("a", "register").Blocks[0]
	w.idle(w.offices[0])
	if _, err := c.askBlock(t.Context(), from, link.ID, block); err == nil || !strings.Contains(err.Error(), codeDenied) {
		t.Errorf("who is not admitted asks for a block: %v", err)
	}
	if _, err := w.offices[1].linker().askBlock(t.Context(), from, engine.Hash("another linkage"), block); err == nil {
		t.Error("a block of another linkage is shown")
	}
	for name, q := range map[string]request{
		"no operation":  {Op: 9},
		"no points":     {Op: opEvaluate, Linkage: link.ID, Number: 1},
		"half a point":  {Op: opEvaluate, Linkage: link.ID, Number: 1, Points: make([]byte, 33)},
		"too many":      {Op: opEvaluate, Linkage: link.ID, Number: 1, Points: make([]byte, linkage.PointSize*(linkage.MaxBatch+1))},
		"not drawn":     {Op: opEvaluate, Linkage: link.ID, Number: 7, Points: make([]byte, 32)},
		"other linkage": {Op: opEvaluate, Linkage: engine.Hash("l"), Number: 1, Points: make([]byte, 32)},
	} {
		if s, _, err := c.ask(t.Context(), from, q, peers.AnswerTimeout); err == nil {
			s.Abort()
			t.Errorf("%s: answered", name)
		}
	}
	s, err := w.offices[2].host.Open(t.Context(), peers.IDOf(from.Key), linkageProtocol)
	nodetest.Check(t, err)
	nodetest.Check(t, s.Send(binary.BigEndian.AppendUint64(nil, 1<<60)))
	if _, err := s.Receive(peers.MessageLimit, peers.AnswerTimeout); err == nil {
		t.Error("what is no request is answered")
	}
	// One batch is helped with so often, and one request of a department is answered at a time.
	a := w.offices[0].linker()
	for i := range helpsPerBatch + 1 {
		if got := a.serving.help(w.offices[2].id.Key(), link.ID, 5); got != (i < helpsPerBatch) {
			t.Errorf("the batch is helped with a %d. time: %v", i+1, got)
		}
	}
	if !a.serving.help(w.offices[2].id.Key(), link.ID, 6) {
		t.Error("the next batch is not helped with")
	}
	if a.serving.help(w.offices[2].id.Key(), link.ID, 5) {
		t.Error("a department that asks for two batches in turns is helped without end")
	}
	w.idle(w.offices[0])
	if !a.serving.enter(w.offices[2].id.Key()) || a.serving.enter(w.offices[2].id.Key()) || !a.serving.enter(w.offices[1].id.Key()) {
		t.Error("requests of one department are answered at a time, or not at all")
	}
	if _, _, err := c.ask(t.Context(), from, request{Op: opBlock}, peers.AnswerTimeout); err == nil || !strings.Contains(err.Error(), codeBusy) {
		t.Errorf("a second request at a time: %v", err)
	}
}

// TestMemberThatFails: while one member does not answer, the others are not asked again, and the batch is not lost by it.
func TestMemberThatFails(t *testing.T) {
	w := newTown(t, persons(0, 3), persons(0, 1), persons(0, 1))
	var helps atomic.Int64
	w.offices[1].lie = func(k *linkage.Key, points []byte) ([]byte, error) {
		helps.Add(1)
		return k.Evaluate(points)
	}
	w.startAll()
	c := &w.offices[2].linker().serving
	for _, of := range w.offices[:2] {
		c.enter(of.id.Key()) // c says that it is busy
	}
	w.allow(100, "b")
	w.until("a waits for c", func() bool { return strings.Contains(w.offices[0].linker().Report().Waits, codeBusy) })
	for range 4 * helpsPerBatch {
		w.wake()
		time.Sleep(10 * time.Millisecond)
	}
	for _, of := range w.offices[:2] {
		c.leave(of.id.Key())
	}
	w.until("a has its tokens", func() bool { return w.of(0).Tokens == 3 })
	w.until("b is placed", func() bool { return w.of(1).State == "placed" })
	if n := helps.Load(); n > 6 { // a's batch, its own, c's
		t.Errorf("b helps %d times with three batches", n)
	}
}

// TestDrawOfFewerThanItsPoints: who draws for one id, and gives the digest of many points, has none of them evaluated.
func TestDrawOfFewerThanItsPoints(t *testing.T) {
	w := newTown(t, persons(0, 3), persons(0, 1), persons(0, 1))
	w.allow(2, "b") // a's own three are over it: a draws two
	w.startAll()
	w.until("b has its token", func() bool { return w.of(1).Tokens == 1 })
	b, state := w.offices[1], w.book.copy()
	link := state.Linkage()
	guesses, err := state.LinkageContext().Blind(linkage.NewSeed(), 2, persons(100, 300))
	nodetest.Check(t, err)
	w.must(b.id, &protocols.Draw{Linkage: link.ID, Number: 2, Count: 1, Most: 2, Points: linkage.BatchDigest(guesses.Points)})
	to := protocols.Member{Name: "a", Key: w.offices[0].id.Key()}
	w.idle(w.offices[0])
	answer, err := b.linker().askEvaluate(t.Context(), to, request{Op: opEvaluate, Linkage: link.ID, Number: 2, Points: guesses.Points})
	if err == nil || !strings.Contains(err.Error(), "wrong-batch") {
		t.Errorf("points beyond what was drawn are evaluated: %d bytes, %v", len(answer), err)
	}
}

// TestOldBlocks: blocks that no spine has any more do not stay on the disk; all else of the folder does.
func TestOldBlocks(t *testing.T) {
	s, of := &store{root: t.TempDir()}, engine.Hash("linkage")
	nodetest.Check(t, s.write(of, "seed", make([]byte, linkage.SeedSize)))
	var spines []protocols.SpineRecord
	for i := range 4 {
		digest, err := s.keepBlock(of, make([]byte, linkage.TokenSize*(i+1)))
		nodetest.Check(t, err)
		if i%2 == 0 {
			spines = append(spines, protocols.SpineRecord{Spine: protocols.Spine{Blocks: []protocols.SpineBlock{{Blob: digest, Count: uint32(i + 1)}}}})
		}
	}
	nodetest.Check(t, s.dropBlocks(of, spines))
	entries, err := os.ReadDir(s.dir(of))
	nodetest.Check(t, err)
	if len(entries) != 3 {
		t.Errorf("%d files are left", len(entries))
	}
	for _, spine := range spines {
		if b, err := s.block(of, spine.Blocks[0].Blob); b == nil || err != nil {
			t.Errorf("a block of a present spine is gone: %v", err)
		}
	}
}

// TestDamagedFolder: what is damaged is said, and never taken for what it was.
func TestDamagedFolder(t *testing.T) {
	s, of := &store{root: t.TempDir()}, engine.Hash("linkage")
	seed, err := s.seed(of)
	nodetest.Check(t, err)
	again, err := s.seed(of)
	if err != nil || again != seed {
		t.Error("a second seed is drawn")
	}
	nodetest.Check(t, s.keepBatch(of, &batch{Number: 1, IDs: []string{"x"}}))
	nodetest.Check(t, s.keepTokens(of, 1, []handle{handleOf(seed, "x")}, []linkage.Token{{1}}))
	if b, err := s.batch(of); b != nil || err != nil || !s.hasTokens(of, 1) {
		t.Errorf("a batch that is over is kept: %v, %v", b, err)
	}
	tokens, err := s.tokens(of)
	if err != nil || len(tokens) != 1 || tokens[handleOf(seed, "x")] != (linkage.Token{1}) {
		t.Errorf("%v, %v", tokens, err)
	}
	nodetest.Check(t, s.write(of, "batch", []byte{1}))
	nodetest.Check(t, s.write(of, "seed", []byte{1}))
	nodetest.Check(t, s.write(of, "key", []byte{1}))
	nodetest.Check(t, s.write(of, tokensName(2), make([]byte, 64)))
	for name, read := range map[string]func() error{
		"batch":  func() error { _, err := s.batch(of); return err },
		"seed":   func() error { _, err := s.seed(of); return err },
		"key":    func() error { _, err := s.key(linkage.Context{Linkage: of}, protocols.Key{}); return err },
		"tokens": func() error { _, err := s.tokens(of); return err },
	} {
		if err := read(); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
	nodetest.Check(t, s.retire(engine.Hash("next"), false))
	if entries, err := os.ReadDir(s.root); err != nil || len(entries) != 0 {
		t.Errorf("%d folders are left, %v", len(entries), err)
	}
}

// FuzzWire: no peer's bytes make a decoder panic, and what is decoded has one encoding; a code is shown as one line.
func FuzzWire(f *testing.F) {
	f.Add(engine.Marshal(request{Op: opEvaluate, Number: 1, Points: make([]byte, 32)}))
	f.Add(engine.Marshal(reply{Code: codeBusy, Answer: []byte{1}, Size: 7}))
	f.Add(engine.Marshal(batch{Number: 1, IDs: []string{"x"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(request), new(reply), new(batch)} {
			if engine.Unmarshal(b, v) == nil && string(engine.Marshal(v)) != string(b) {
				t.Errorf("%T has two encodings", v)
			}
			if r, ok := v.(*reply); ok && strings.ContainsAny(shown(r.Code), "\n\r\x1b") {
				t.Errorf("%q is shown", r.Code)
			}
		}
	})
}
