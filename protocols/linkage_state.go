package protocols

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols/linkage"
)

// LinkagePhase is where a linkage stands on the ledger.
type LinkagePhase uint8

// The phases of a linkage.
const (
	LinkageCommitting LinkagePhase = iota + 1 // waiting for all LinkageCommit entries
	LinkageRevealing                          // waiting for all LinkageReveal entries
	LinkageFormed
	LinkageClosed // a member left it: its tokens are worth nothing
)

func (p LinkagePhase) String() string {
	return [...]string{"none", "committing", "revealing", "formed", "closed"}[p]
}

// LinkageState is the last linkage that was opened, as the ledger tells it. Read only: a value never changes, a change makes
// another.
type LinkageState struct {
	ID      engine.Digest
	Number  uint64
	Members []Member // ascending by name
	Phase   LinkagePhase
	Closed  string // why, of a closed one
	By      Key    // who closed it; zero: the ledger did, because that member left the network

	records []Record // opening, commitments, reveals
	commits []engine.Digest
	shares  []*linkage.Public // by member; nil until revealed
	earlier []spent           // what counts of linkages before, ascending by department
	drawn   []*drawn          // ascending by department
	spines  []*spineState     // ascending by department and table
	digest  func() engine.Digest
}

// spent is for how many ids a department drew tokens under linkages before, which a member ended by its word: its quota goes on, since anybody could
// end a linkage to begin it anew.
type spent struct {
	_   struct{} `cbor:",toarray"`
	By  Key
	IDs int64
}

// drawn is what a department has drawn. It does not change.
type drawn struct {
	_       struct{} `cbor:",toarray"`
	By      Key
	Batches uint32       // how many
	Last    []batchDrawn // the last KeepDraws of them, in their order
}

type batchDrawn struct {
	_      struct{} `cbor:",toarray"`
	Count  uint32
	Points engine.Digest
	UpTo   int64 // ids of this batch and all before it
}

// total is for how many ids it has drawn.
func (d *drawn) total() int64 { return d.Last[len(d.Last)-1].UpTo }

type spineState struct {
	record Record
	sum    engine.Digest
	body   Spine
}

// sealed gives a value its digest.
func (l *LinkageState) sealed() *LinkageState {
	l.digest = sync.OnceValue(func() engine.Digest {
		var parts [][]byte
		for i := range l.records {
			d := l.records[i].Digest()
			parts = append(parts, d[:])
		}
		for _, d := range l.drawn {
			parts = append(parts, engine.Marshal(d))
		}
		for _, s := range l.spines {
			parts = append(parts, s.sum[:])
		}
		head := engine.Marshal(linkageWire{Members: l.Members, Earlier: l.earlier, Closed: l.Phase == LinkageClosed, Why: l.Closed, By: l.By})
		counts := engine.Marshal([]int{len(l.records), len(l.drawn), len(l.spines)})
		return engine.Hash("parley linkage 1", append([][]byte{head, counts}, parts...)...)
	})
	return l
}

// with is the same with changes.
func (l *LinkageState) with(change func(*LinkageState)) *LinkageState {
	c := *l
	change(&c)
	return c.sealed()
}

func newLinkageState(r *Record, b *LinkageOpen, members []Member, earlier []spent) *LinkageState {
	return (&LinkageState{ID: b.ID, Number: b.Number, Members: members, earlier: earlier, Phase: LinkageCommitting, records: []Record{*r},
		commits: make([]engine.Digest, len(members)), shares: make([]*linkage.Public, len(members))}).sealed()
}

// linkageContext is what a linkage's keys and tokens belong to, on this network.
func (s *State) linkageContext(id engine.Digest) linkage.Context {
	return linkage.Context{Network: s.id, Linkage: id}
}

// commit notes a member's commitment.
func (l *LinkageState) commit(r *Record, b *LinkageCommit, member int) *LinkageState {
	return l.with(func(c *LinkageState) {
		c.records, c.commits = append(share(l.records), *r), slices.Clone(l.commits)
		c.commits[member] = b.Commitment
		if !slices.Contains(c.commits, engine.Digest{}) {
			c.Phase = LinkageRevealing
		}
	})
}

// reveal notes a member's share; with the last one the linkage is formed, or closed if the shares are no key.
func (l *LinkageState) reveal(r *Record, public linkage.Public, member int) *LinkageState {
	return l.with(func(c *LinkageState) {
		c.records, c.shares = append(share(l.records), *r), slices.Clone(l.shares)
		c.shares[member] = &public
		if slices.Contains(c.shares, nil) {
			return
		}
		c.Phase = LinkageFormed
		if linkage.Whole(c.Shares()) != nil {
			c.Phase, c.Closed = LinkageClosed, "the members' shares cancel each other"
		}
	})
}

// close ends it.
func (l *LinkageState) close(by Key, why string) *LinkageState {
	return l.with(func(c *LinkageState) { c.Phase, c.By, c.Closed = LinkageClosed, by, why })
}

// Shares are the members' public shares, in their order, of a linkage that was formed; nil before.
func (l *LinkageState) Shares() []linkage.Public {
	out := make([]linkage.Public, 0, len(l.shares))
	for _, p := range l.shares {
		if p == nil {
			return nil
		}
		out = append(out, *p)
	}
	return out
}

// member is the index of a member, or -1.
func (l *LinkageState) member(k Key) int {
	return slices.IndexFunc(l.Members, func(m Member) bool { return m.Key == k })
}

// IsMember reports whether a key is a member's.
func (l *LinkageState) IsMember(k Key) bool { return l.member(k) >= 0 }

// Missing are the names of those whose entry the formation waits for, ascending.
func (l *LinkageState) Missing() (names []string) {
	for i, m := range l.Members {
		if l.Phase == LinkageCommitting && l.commits[i] == (engine.Digest{}) || l.Phase == LinkageRevealing && l.shares[i] == nil {
			names = append(names, m.Name)
		}
	}
	return names
}

func compareDrawn(a, b *drawn) int { return compareKeys(a.By, b.By) }

// drawnBy is what a department has drawn, or nil.
func (l *LinkageState) drawnBy(k Key) *drawn {
	if i, found := slices.BinarySearchFunc(l.drawn, &drawn{By: k}, compareDrawn); found {
		return l.drawn[i]
	}
	return nil
}

// Drawn is for how many ids a department has drawn tokens as its quota counts, and in how many batches under this linkage.
func (l *LinkageState) Drawn(k Key) (ids int64, batches int) {
	if d := l.drawnBy(k); d != nil {
		return l.spentBy(k) + d.total(), int(d.Batches)
	}
	return l.spentBy(k), 0
}

// spentBy is what counts of a department's draws under linkages before.
func (l *LinkageState) spentBy(k Key) int64 {
	if i, found := slices.BinarySearchFunc(l.earlier, k, func(s spent, k Key) int { return compareKeys(s.By, k) }); found {
		return l.earlier[i].IDs
	}
	return 0
}

// carried is what a linkage after this one counts of it: nothing where its members are others by the network's own votes.
func (l *LinkageState) carried() (out []spent) {
	if l == nil || l.By == (Key{}) {
		return nil
	}
	for _, m := range l.Members {
		if ids, _ := l.Drawn(m.Key); ids > 0 {
			out = append(out, spent{By: m.Key, IDs: ids})
		}
	}
	slices.SortFunc(out, func(a, b spent) int { return compareKeys(a.By, b.By) })
	return out
}

// Batch is a department's batch of this number, from 1, of how many ids it is, and for how many the department had drawn with it; false if
// it has none, or drew KeepDraws others since.
func (l *LinkageState) Batch(k Key, number uint32) (count uint32, points engine.Digest, upTo int64, ok bool) {
	d := l.drawnBy(k)
	if d == nil || number > d.Batches || int64(number) <= int64(d.Batches)-int64(len(d.Last)) {
		return 0, engine.Digest{}, 0, false
	}
	b := d.Last[len(d.Last)-1-int(d.Batches-number)]
	return b.Count, b.Points, l.spentBy(k) + b.UpTo, true
}

// withDraw is the same with a batch.
func (l *LinkageState) withDraw(by Key, b batchDrawn) *LinkageState {
	next := &drawn{By: by, Batches: 1}
	if d := l.drawnBy(by); d != nil {
		next.Batches = d.Batches + 1
		next.Last = share(d.Last[max(0, len(d.Last)-KeepDraws+1):])
	}
	next.Last = append(next.Last, b)
	return l.with(func(c *LinkageState) { c.drawn = put(l.drawn, next, compareDrawn) })
}

// SpineRecord is a spine as it stands on the ledger.
type SpineRecord struct {
	Spine
	Department string
	By         Key
	Number     uint64 // of the record
	Time       int64  // of its block, in milliseconds since 1970 (UTC)
}

func compareSpines(a, b *spineState) int {
	return cmp.Or(compareKeys(a.record.Entry.Author, b.record.Entry.Author), strings.Compare(a.body.Table, b.body.Table))
}

// spine is that of a department's table, or nil. Two departments may each have one of a name: who places keys says on whose.
func (l *LinkageState) spine(by Key, table string) *spineState {
	of := func(s *spineState) bool { return s.record.Entry.Author == by && s.body.Table == table }
	if i := slices.IndexFunc(l.spines, of); i >= 0 {
		return l.spines[i]
	}
	return nil
}

// SpineRoom is of how many blocks a spine of a department's table may be, beside the department's other spines; 0: it may have none.
func (l *LinkageState) SpineRoom(by Key, table string) int {
	room, others := linkage.MaxBlocks, 0
	for _, s := range l.spines {
		if s.record.Entry.Author == by && s.body.Table != table {
			room, others = room-len(s.body.Blocks), others+1
		}
	}
	if others >= MaxSpines {
		return 0
	}
	return room
}

// Spines are all spines of the linkage, ascending by their departments' keys, and by table.
func (l *LinkageState) Spines() []SpineRecord {
	out := make([]SpineRecord, len(l.spines))
	for i, s := range l.spines {
		by := s.record.Entry.Author
		out[i] = SpineRecord{Spine: s.body, By: by, Number: s.record.Number, Time: s.record.Time}
		if m := l.member(by); m >= 0 {
			out[i].Department = l.Members[m].Name
		}
	}
	return out
}

// Spine is that of a table of the member of this name, or nil.
func (l *LinkageState) Spine(department, table string) *SpineRecord {
	for _, s := range l.Spines() {
		if s.Department == department && s.Table == table {
			return &s
		}
	}
	return nil
}

// withSpine is the same with a spine, in the place of the version before.
func (l *LinkageState) withSpine(r *Record, b *Spine) *LinkageState {
	s := &spineState{record: *r, sum: r.Digest(), body: *b}
	return l.with(func(c *LinkageState) { c.spines = put(l.spines, s, compareSpines) })
}

// linkageWire is a linkage in a snapshot.
type linkageWire struct {
	_       struct{} `cbor:",toarray"`
	Members []Member
	Records []Record
	Earlier []spent  // ascending by department
	Drawn   []*drawn // ascending by department
	Spines  []Record // ascending by department and table
	Closed  bool
	Why     string
	By      Key
}

func (l *LinkageState) wire() *linkageWire {
	if l == nil {
		return nil
	}
	w := &linkageWire{Members: l.Members, Records: l.records, Earlier: l.earlier, Closed: l.Phase == LinkageClosed, Why: l.Closed, By: l.By, Drawn: l.drawn}
	for _, s := range l.spines {
		w.Spines = append(w.Spines, s.record)
	}
	return w
}

// plausible reports whether some batches lead to what a snapshot says of a department.
func (d *drawn) plausible() bool {
	if d.Batches == 0 || d.Batches > MaxDraws || len(d.Last) != min(int(d.Batches), KeepDraws) {
		return false
	}
	before := d.Last[0].UpTo - int64(d.Last[0].Count)
	if older := int64(d.Batches) - int64(len(d.Last)); before < older || before > older*linkage.MaxBatch {
		return false
	}
	for _, b := range d.Last {
		if b.Count == 0 || b.Count > linkage.MaxBatch || b.UpTo != before+int64(b.Count) {
			return false
		}
		before = b.UpTo
	}
	return true
}

var errLinkage = errors.New("the linkage is in no state that its records lead to")

// loadLinkage rebuilds it from a snapshot.
func (s *State) loadLinkage(w *linkageWire) (*LinkageState, error) {
	if w == nil && s.linkages == 0 {
		return nil, nil
	} else if w == nil || s.linkages == 0 {
		return nil, errLinkage
	}
	l, err := s.loadFormation(w)
	if err != nil {
		return nil, err
	}
	for _, d := range w.Drawn {
		if d == nil || !l.IsMember(d.By) || l.drawnBy(d.By) != nil || l.Shares() == nil || !d.plausible() {
			return nil, errLinkage
		}
		l = l.with(func(c *LinkageState) { c.drawn = put(l.drawn, d, compareDrawn) })
	}
	for i := range w.Spines {
		body, err := w.Spines[i].Entry.Open()
		if err != nil {
			return nil, err
		}
		b, ok := body.(*Spine)
		if !ok || b.Linkage != l.ID || l.spine(w.Spines[i].Entry.Author, b.Table) != nil || !l.IsMember(w.Spines[i].Entry.Author) || l.Shares() == nil {
			return nil, errLinkage
		}
		l = l.withSpine(&w.Spines[i], b)
	}
	switch {
	case w.Closed && l.Phase != LinkageClosed:
		return l.close(w.By, w.Why), nil
	case w.Closed != (l.Phase == LinkageClosed) || w.Why != l.Closed || w.By != l.By:
		return nil, errLinkage
	}
	return l, nil
}

func (s *State) loadFormation(w *linkageWire) (*LinkageState, error) {
	if len(w.Records) == 0 || len(w.Members) == 0 || len(w.Members) > MaxDepartments || !slices.IsSortedFunc(w.Members, compareMembers) {
		return nil, errLinkage
	}
	body, err := w.Records[0].Entry.Open()
	if err != nil {
		return nil, err
	}
	open, ok := body.(*LinkageOpen)
	if !ok || !slices.Equal(open.Members, memberKeys(w.Members)) || open.Number != s.linkages {
		return nil, errLinkage
	}
	for i, e := range w.Earlier {
		if e.IDs < 1 || e.IDs > policy.MaxDraw || i > 0 && compareKeys(w.Earlier[i-1].By, e.By) >= 0 {
			return nil, errLinkage
		}
	}
	l := newLinkageState(&w.Records[0], open, w.Members, w.Earlier)
	for i := 1; i < len(w.Records); i++ {
		r := &w.Records[i]
		body, err := r.Entry.Open()
		if err != nil {
			return nil, err
		}
		next, refusal := s.formLinkage(l, r, body)
		if refusal != nil {
			return nil, errLinkage
		}
		l = next
	}
	return l, nil
}
