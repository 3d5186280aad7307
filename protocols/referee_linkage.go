package protocols

import (
	"encoding/binary"
	"slices"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols/linkage"
)

// linkageID names a linkage. Nothing in it is anybody's choice but the number.
func linkageID(network, beacon engine.Digest, number uint64) engine.Digest {
	return engine.Hash("parley linkage id 1", network[:], beacon[:], binary.BigEndian.AppendUint64(nil, number))
}

// Linkage is the last one that was opened, whatever became of it, or nil.
func (s *State) Linkage() *LinkageState { return s.linkage }

// NextLinkage is the body of the entry that opens the linkage that is needed, or nil. One is needed when there is none, when the
// last one is closed, or when its members are not the departments that have joined, unless one is being formed.
func (s *State) NextLinkage() *LinkageOpen {
	joined := s.members.joined(RoleDepartment)
	if l := s.linkage; len(joined) == 0 ||
		l != nil && (l.Phase < LinkageFormed || l.Phase == LinkageFormed && slices.Equal(memberKeys(l.Members), memberKeys(joined))) {
		return nil
	}
	b := &LinkageOpen{Number: s.linkages + 1, Members: memberKeys(joined)}
	b.ID = linkageID(s.id, s.beacon(joined), b.Number)
	return b
}

func (s *State) openLinkage(r *Record, b *LinkageOpen) *Refusal {
	seat := s.members.seat(r.Entry.Author)
	next := s.NextLinkage()
	switch {
	case seat.role != RoleDepartment || seat.name == "":
		return refuse("stranger", "the author is not a department that has joined")
	case b.Number <= s.linkages:
		return refuse("duplicate", "linkage %d was opened before", b.Number)
	case next == nil:
		return refuse("too-early", "no department has joined, a linkage is being formed, or none is needed")
	case b.Number != next.Number || b.ID != next.ID || !slices.Equal(b.Members, next.Members):
		return refuse("wrong-linkage", "the linkage's number, id or members do not follow from the ledger")
	}
	s.linkages, s.linkage = b.Number, newLinkageState(r, b, s.members.joined(RoleDepartment), s.linkage.carried())
	return nil
}

// link applies an entry about the last linkage by one of its members.
func (s *State) link(r *Record, id engine.Digest, body Body) *Refusal {
	l := s.linkage
	switch {
	case l == nil || l.ID != id:
		return refuse("unknown-linkage", "%s is not the network's linkage", id)
	case !l.IsMember(r.Entry.Author):
		return refuse("stranger", "the author is not a member of the linkage")
	case l.Phase == LinkageClosed:
		return refuse("ended", "the linkage is closed")
	}
	var refusal *Refusal
	switch b := body.(type) {
	case *LinkageCommit, *LinkageReveal:
		l, refusal = s.formLinkage(l, r, body)
	case *LinkageClose:
		l = l.close(r.Entry.Author, b.Sentence)
	case *Draw:
		l, refusal = s.draw(l, r, b)
	case *Spine:
		l, refusal = s.publishSpine(l, r, b)
	}
	if refusal != nil {
		return refusal
	}
	s.linkage = l
	return nil
}

// formLinkage takes a commitment, or a reveal that keeps to it.
func (s *State) formLinkage(l *LinkageState, r *Record, body Body) (*LinkageState, *Refusal) {
	i := l.member(r.Entry.Author)
	if i < 0 {
		return nil, refuse("stranger", "the author is not a member of the linkage")
	}
	switch b := body.(type) {
	case *LinkageCommit:
		switch {
		case b.Linkage != l.ID:
			return nil, refuse("unknown-linkage", "%s is not the network's linkage", b.Linkage)
		case l.commits[i] != engine.Digest{}:
			return nil, refuse("duplicate", "the member has committed to its share")
		case b.Commitment == engine.Digest{}:
			return nil, refuse("malformed", "a commitment of zero")
		}
		return l.commit(r, b, i), nil
	case *LinkageReveal:
		switch {
		case b.Linkage != l.ID:
			return nil, refuse("unknown-linkage", "%s is not the network's linkage", b.Linkage)
		case l.Phase == LinkageCommitting:
			return nil, refuse("too-early", "not all members have committed to their shares")
		case l.shares[i] != nil:
			return nil, refuse("duplicate", "the member has revealed its share")
		}
		public, err := b.Reveal.Check(s.linkageContext(l.ID), r.Entry.Author, l.commits[i])
		if err != nil {
			return nil, refuse("wrong-key", "the share is not the one that the member committed to, or its proof does not verify")
		}
		return l.reveal(r, public, i), nil
	}
	return nil, refuse("malformed", "a linkage is formed by commitments and reveals")
}

// Drawable is for how many ids a department may draw tokens under the last linkage, in all, and the first of those members whose stewards
// allow no more. Every other member has to allow it: where one's steward has said nothing, none may be drawn.
func (s *State) Drawable(k Key) (ids int64, by string) {
	if s.linkage == nil || s.linkage.Phase != LinkageFormed || !s.linkage.IsMember(k) {
		return 0, ""
	}
	ids = policy.MaxDraw
	for _, m := range s.linkage.Members {
		if most := s.drawableFrom(m, k); m.Key != k && most < ids {
			ids, by = most, m.Name
		}
	}
	return ids, by
}

// drawableFrom is what one member's steward allows a department.
func (s *State) drawableFrom(m Member, k Key) int64 {
	p := s.rights.policy(m.Name, "")
	if p == nil {
		return 0
	}
	return p.document.Drawable(s.NameOf(k))
}

func (s *State) draw(l *LinkageState, r *Record, b *Draw) (*LinkageState, *Refusal) {
	author := r.Entry.Author
	total, batches := l.Drawn(author)
	switch {
	case l.Phase != LinkageFormed:
		return nil, refuse("too-early", "the linkage is not formed")
	case int64(b.Number) <= int64(batches):
		return nil, refuse("duplicate", "batch %d was drawn before", b.Number)
	case int64(b.Number) != int64(batches)+1:
		return nil, refuse("too-early", "batch %d comes after %d", b.Number, batches)
	}
	most, by := s.Drawable(author)
	if total+int64(b.Count) > most {
		return nil, refuse("over-quota", "department %q has drawn tokens for %d ids and asks for %d more: %q allows it %d in all",
			s.NameOf(author), total, b.Count, by, most)
	}
	if b.Most != most { // one that was refused, and is put before the ledger by another once more is allowed, takes nothing of the quota
		return nil, refuse("stale-quota", "department %q may draw tokens for %d ids in all, and signed for %d", s.NameOf(author), most, b.Most)
	}
	return l.withDraw(author, batchDrawn{Count: b.Count, Points: b.Points, UpTo: total - l.spentBy(author) + int64(b.Count)}), nil
}

// MayEvaluate decides for a member whether it helps a department with a batch: the batch stands on the ledger, of so many ids and with these points, and the
// member's own steward allows as much as the department had drawn with it. The refusal is nil then. ids is how many points were sent: the digest on the ledger
// is the department's word, and so is its count, on which the quota rests.
func (s *State) MayEvaluate(self, department Key, id engine.Digest, number uint32, ids int, points engine.Digest) *Refusal {
	l := s.linkage
	switch {
	case l == nil || l.ID != id || l.Phase != LinkageFormed:
		return refuse("unknown-linkage", "%s is not the network's linkage, or not formed", id)
	case !l.IsMember(self) || !l.IsMember(department):
		return refuse("stranger", "both are members of the linkage")
	}
	count, drawn, upTo, ok := l.Batch(department, number)
	if !ok {
		return refuse("too-early", "the ledger has no batch %d of this department, or it has drawn %d since", number, KeepDraws)
	}
	if int64(count) != int64(ids) || drawn != points {
		return refuse("wrong-batch", "batch %d on the ledger is of %d ids, or has other points", number, count)
	}
	if most := s.drawableFrom(l.Members[l.member(self)], department); self != department && upTo > most {
		return refuse("over-quota", "the department had drawn tokens for %d ids with batch %d, and may draw %d", upTo, number, most)
	}
	return nil
}

func (s *State) publishSpine(l *LinkageState, r *Record, b *Spine) (*LinkageState, *Refusal) {
	author := r.Entry.Author
	name := s.NameOf(author)
	table, old := s.table(name, b.Table), l.spine(author, b.Table)
	drawn, _ := l.Drawn(author)
	drawn -= l.spentBy(author) // those have no tokens under this key
	version := uint64(0)
	if old != nil {
		version = old.body.Version
	}
	switch {
	case l.Phase != LinkageFormed:
		return nil, refuse("too-early", "the linkage is not formed")
	case table == nil:
		return nil, refuse("unknown-table", "department %q has registered no table %q", name, b.Table)
	case table.digest != b.Registration:
		return nil, refuse("stale-catalogue", "table %q of department %q is registered otherwise", b.Table, name)
	case !table.registration.IsSpine():
		return nil, refuse("no-key", "table %q of department %q is not registered as a spine", b.Table, name)
	case b.Version <= version:
		return nil, refuse("duplicate", "version %d of the spine %q is published", version, b.Table)
	case b.Version != version+1:
		return nil, refuse("too-early", "version %d of the spine %q comes after %d", b.Version, b.Table, version)
	case int64(b.Positions()) > drawn:
		return nil, refuse("too-many", "a spine of %d tokens by a department that has drawn %d", b.Positions(), drawn)
	}
	if room := l.SpineRoom(author, b.Table); len(b.Blocks) > room {
		return nil, refuse("too-many", "a spine of %d blocks, and department %q has room for %d: it has at most %d spines, of %d blocks together", len(b.Blocks), name, room, MaxSpines, linkage.MaxBlocks)
	}
	return l.withSpine(r, b), nil
}

// Admitted reports whether a department may be served a spine's blocks: its own department, and whom the table's policy names; nobody
// where the table is not registered as a spine any more.
func (s *State) Admitted(spine *SpineRecord, k Key) bool {
	if spine == nil || s.linkage == nil || !s.linkage.IsMember(k) {
		return false
	}
	if t := s.table(s.NameOf(spine.By), spine.Table); t == nil || !t.registration.IsSpine() {
		return false
	}
	if k == spine.By {
		return true
	}
	p := s.rights.policy(s.NameOf(spine.By), spine.Table)
	return p != nil && p.document.Admits(s.NameOf(k))
}

// LinkageWord is what a member has to say next towards the linkage that is being formed, or nil. key is the share that its journal holds for
// that linkage, or nil: who has committed and lost it closes the linkage, and nobody draws a second share for one.
func (s *State) LinkageWord(self Key, key *linkage.Key) Body {
	l := s.linkage
	if l == nil || l.Phase == LinkageClosed {
		return nil
	}
	i := l.member(self)
	switch {
	case i < 0:
		return nil
	case key != nil && l.commits[i] != (engine.Digest{}) && key.Commitment() != l.commits[i], key == nil && l.commits[i] != (engine.Digest{}):
		return &LinkageClose{Linkage: l.ID, Sentence: "the share is lost"}
	case key == nil:
		return nil
	case l.commits[i] == engine.Digest{}:
		return &LinkageCommit{Linkage: l.ID, Commitment: key.Commitment()}
	case l.Phase == LinkageRevealing && l.shares[i] == nil:
		return &LinkageReveal{Linkage: l.ID, Reveal: key.Reveal()}
	}
	return nil
}

// LinkageContext is what the last linkage's keys and tokens belong to.
func (s *State) LinkageContext() linkage.Context {
	if s.linkage == nil {
		return linkage.Context{}
	}
	return s.linkageContext(s.linkage.ID)
}
