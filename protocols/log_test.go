package protocols

import (
	"crypto/ed25519"
	"errors"
	"testing"
)

func signature(key ed25519.PrivateKey, message []byte) [64]byte {
	return [64]byte(ed25519.Sign(key, message))
}

// named holds that an error names the keeper.
func named(t *testing.T, err error, kind FaultKind) {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) || f.Kind != kind || f.Department != "a" {
		t.Errorf("%v, want %s of a", err, kind)
	}
}

func seatedCourt(t testing.TB) *court {
	c := newCourt(t)
	c.join()
	c.register()
	return c
}

// fork is the court's log but for its last record.
func (c *court) fork() *Chain {
	chain := NewChain(c.network)
	for h := uint64(1); h < c.replica.Height(); h++ {
		if err := chain.Append(c.replica.Record(h)); err != nil {
			c.t.Fatal(err)
		}
	}
	r := chain.Next(c.keys[0], Sign(c.id, c.keys[0], chain.Head(), &Register{Registration: courtTable("a", 7)}))
	if err := chain.Append(r); err != nil {
		c.t.Fatal(err)
	}
	return chain
}

// TestForkNamesKeeper: every way in which a keeper can show two histories ends with its name.
func TestForkNamesKeeper(t *testing.T) {
	t.Run("another record at a height", func(t *testing.T) {
		c := seatedCourt(t)
		fork := c.fork()
		_, err := c.replica.Order(fork.Record(fork.Height()))
		named(t, err, FaultLogForked)
	})
	t.Run("a record on another history", func(t *testing.T) {
		c := seatedCourt(t)
		fork := c.fork()
		_, err := c.replica.Order(fork.Next(c.keys[0], Sign(c.id, c.keys[1], Head{}, &Join{Name: "x"})))
		named(t, err, FaultLogForked)
	})
	t.Run("an author who has seen another history", func(t *testing.T) {
		c := seatedCourt(t)
		fork := c.fork()
		_, err := c.replica.Order(c.replica.Next(c.keys[0], Sign(c.id, c.keys[1], fork.Head(), &Register{Registration: courtTable("b", 2)})))
		named(t, err, FaultLogForked)
	})
	t.Run("an author who has seen the future", func(t *testing.T) {
		c := seatedCourt(t)
		ahead := c.replica.Next(c.keys[0], Sign(c.id, c.keys[1], c.replica.Head(), &Register{Registration: courtTable("b", 2)}))
		head := Head{Height: ahead.Height, Digest: ahead.Digest(c.id), Signature: ahead.Signature}
		if c.replica.Check(head) != nil || !c.replica.Ahead(head) {
			t.Error("a higher head proves nothing yet")
		}
		_, err := c.replica.Order(c.replica.Next(c.keys[0], Sign(c.id, c.keys[2], head, &Register{Registration: courtTable("c", 2)})))
		named(t, err, FaultLogForked)
	})
	t.Run("a head that somebody shows", func(t *testing.T) {
		c := seatedCourt(t)
		head := c.fork().Head()
		named(t, c.replica.Check(head), FaultLogForked)
		head.Signature[0] ^= 1
		if err := c.replica.Check(head); err != nil {
			t.Error("an unsigned head convicts the keeper:", err)
		}
	})
}

// TestRecordsInTheirOrder: a gap and a forged record name the keeper, a repetition is ignored,
// and a head that the keeper did not sign is its bearer's doing: refused, and the log goes on.
func TestRecordsInTheirOrder(t *testing.T) {
	{
		c := seatedCourt(t)
		e := Sign(c.id, c.keys[1], c.replica.Head(), &Register{Registration: courtTable("b", 2)})
		r := c.replica.Next(c.keys[0], e)
		forged := r
		forged.Signature = signature(c.keys[1], HeadMessage(c.id, r.Height, r.Digest(c.id)))
		_, err := c.replica.Order(forged)
		named(t, err, FaultLogInvalid)
		gap := r
		gap.Height++
		gap.Signature = signature(c.keys[0], HeadMessage(c.id, gap.Height, gap.Digest(c.id)))
		_, err = c.replica.Order(gap)
		named(t, err, FaultLogInvalid)
		for range 2 {
			if _, err := c.replica.Order(r); err != nil {
				t.Error(err)
			}
		}
		if c.replica.Height() != r.Height {
			t.Error("the repetition was appended")
		}
	}
	c := seatedCourt(t)
	head := c.replica.Head()
	head.Digest = digestOf("made up")
	c.code(c.keys[1], &Expire{}, "unknown-query")
	var r *Refusal
	if err := c.order(Sign(c.id, c.keys[1], head, &Register{Registration: courtTable("b", 2)})); !errors.As(err, &r) || r.Code != "bad-head" {
		t.Error(err)
	}
}
