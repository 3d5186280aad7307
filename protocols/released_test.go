package protocols

import (
	"crypto/ed25519"
	"fmt"
	"testing"
)

// TestRefusedTooLate: from the first share on nobody refuses any more, whoever it is and whatever
// it says; before it everybody can.
func TestRefusedTooLate(t *testing.T) {
	codes := []string{"x", CodeEpochExhausted, CodeInternal}
	for shared := 0; shared <= 3; shared++ {
		for by := range 3 {
			code := codes[(shared+by)%len(codes)]
			t.Run(fmt.Sprintf("%d shares, %s by %d", shared, code, by), func(t *testing.T) {
				c := seatedCourt(t)
				c.form()
				q := c.reach(PhaseSharing, 1)
				for i := range shared {
					c.must(c.keys[i], q.shares(i))
				}
				refusal := &Refuse{Query: q.ID, Code: code, Sentence: "no"}
				if shared == 0 {
					c.must(c.keys[by], refusal)
					if q.Phase != PhaseRefused || q.Released() {
						t.Errorf("%s, released %v", q.Phase, q.Released())
					}
					return
				}
				phase := q.Phase
				c.code(c.keys[by], refusal, "too-late")
				if q.Phase != phase || q.Epoch.Exhausted || len(c.state.Open()) != 1 || !q.Released() {
					t.Errorf("%s, exhausted %v, %d open, released %v", q.Phase, q.Epoch.Exhausted, len(c.state.Open()), q.Released())
				}
			})
		}
	}
}

// TestReleasedStays: whatever ends a query after a share, it was released; what ended before was
// not; and a snapshot tells the same.
func TestReleasedStays(t *testing.T) {
	expire := func(c *court, q *QueryState) {
		for _, k := range c.validators() {
			_ = c.put(k, &Expire{Query: q.ID})
		}
	}
	ends := map[string]struct {
		end   func(*court, *QueryState)
		phase Phase
	}{
		"expired": {expire, PhaseExpired},
		"a second share": {func(c *court, q *QueryState) {
			second := q.shares(0)
			second.Blobs[0] = digestOf("another")
			c.code(c.keys[0], second, string(FaultSecond))
		}, PhaseFailed},
		"garbage": {func(c *court, q *QueryState) {
			few := q.shares(1)
			few.Blobs = few.Blobs[:1]
			c.code(c.keys[1], few, string(FaultGarbage))
		}, PhaseFailed},
		"the epoch is left": {func(c *court, q *QueryState) {
			c.must(c.keys[2], &EpochAbort{Epoch: q.Epoch.ID, Culprit: KeyOf(c.keys[2]), Fault: FaultUnavailable, Sentence: "lost"})
		}, PhaseFailed},
		"a member is removed": {func(c *court, q *QueryState) {
			c.vote(4, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
		}, PhaseFailed},
		"accused": {func(c *court, q *QueryState) {
			c.must(c.keys[2], &Accuse{Query: q.ID, Department: KeyOf(c.keys[1]), Fault: FaultBadProof, Subject: SubjectContribution, Blob: q.Contributed[1][0]})
		}, PhaseAccused},
	}
	for name, test := range ends {
		for shared := range 3 {
			if name == "a second share" && shared == 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s after %d shares", name, shared), func(t *testing.T) {
				c := seatedCourt(t)
				c.form()
				q := c.reach(PhaseSharing, 1)
				for i := range min(shared, 1) {
					c.must(c.keys[i], q.shares(i))
				}
				if shared == 2 {
					c.must(c.keys[2], q.shares(2))
				}
				test.end(c, q)
				if q.Phase != test.phase || q.Released() != (shared > 0) {
					t.Errorf("%s, released %v", q.Phase, q.Released())
				}
				if again := c.reparsed().Query(q.ID); again == nil || again.Released() != q.Released() {
					t.Error("a snapshot tells something else")
				}
			})
		}
	}
}

// TestSnapshotRefusedAfterShare: a snapshot with a query that was refused after a share is none.
func TestSnapshotRefusedAfterShare(t *testing.T) {
	for shared := 1; shared <= 3; shared++ {
		c := seatedCourt(t)
		c.form()
		q := c.reach(PhaseSharing, 1)
		for i := range shared {
			c.must(c.keys[i], q.shares(i))
		}
		body := &Refuse{Query: q.ID, Code: "x", Sentence: "no"}
		forged := c.state.Clone()
		f := forged.Query(q.ID)
		f.Refuser, f.Refusal = KeyOf(c.keys[2]), body
		f.ending = &Record{Number: forged.number + 1, Block: 99, Entry: Sign(c.id, ed25519.PrivateKey(c.keys[2]), body)}
		forged.end(f, PhaseRefused)
		if _, err := ParseState(c.network, c.sizes, forged.Marshal()); err == nil {
			t.Errorf("after %d shares: a refused query with shares is taken", shared)
		}
	}
}
