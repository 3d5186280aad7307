package protocols

import (
	"fmt"
	"testing"

	"parley/engine"
)

// accusedCourt is one in which c accuses b over a contribution, or over its key share.
func accusedCourt(t *testing.T, formation bool) (c *court, id, blob engine.Digest) {
	if formation {
		c, e := committedCourt(t)
		c.must(c.keys[2], c.accuse(e, 1))
		return c, e.ID, e.Commits[1]
	}
	c = seatedCourt(t)
	c.form()
	q := c.reach(PhaseAttesting, 1)
	c.must(c.keys[2], &Accuse{Query: q.ID, Department: KeyOf(c.keys[1]), Fault: FaultBadProof, Subject: SubjectContribution, Index: 1, Blob: q.Contributed[1][1]})
	return c, q.ID, q.Contributed[1][1]
}

// TestJudgments: what no signature decides, more than two thirds of the validators decide, for
// the accused or against it.
func TestJudgments(t *testing.T) {
	for _, formation := range []bool{false, true} {
		for _, guilty := range []bool{false, true} {
			t.Run(fmt.Sprint(formation, guilty), func(t *testing.T) {
				c, id, blob := accusedCourt(t, formation)
				word := &Judge{Case: id, Blob: blob, Guilty: guilty}
				c.code(c.analyst, word, "stranger")
				c.code(c.keys[0], &Judge{Case: id, Blob: digestOf("other")}, "unknown-case")
				c.code(c.keys[0], &Judge{Case: digestOf("other"), Blob: blob}, "unknown-case")
				c.must(c.keys[1], &Judge{Case: id, Blob: blob, Guilty: !guilty})
				c.code(c.keys[1], word, "duplicate")
				c.must(c.keys[0], word)
				c.must(c.keys[2], word)
				if len(c.state.Evidence()) != 0 {
					t.Fatal("two of four are enough")
				}
				c.must(c.auditor, word)
				if guilty {
					c.proven("b", FaultBadProof, id)
				} else {
					c.proven("c", FaultFalseAccusation, id)
				}
				if e := c.state.Evidence()[0]; e.Blob != blob || len(e.Records) != 5 {
					t.Errorf("%+v", e)
				}
			})
		}
	}
	c, id, blob := accusedCourt(t, false)
	c.say(3, &Judge{Case: id, Blob: blob, Guilty: true})
	c.code(c.auditor, &Judge{Case: id, Blob: blob}, "too-late")
}

// TestNothingToJudge: a complaint, and who leaves by itself, are decided by nobody.
func TestNothingToJudge(t *testing.T) {
	c := seatedCourt(t)
	e := c.form()
	q := c.reach(PhaseAttesting, 1)
	c.must(c.keys[2], &Accuse{Query: q.ID, Department: KeyOf(c.keys[1]), Fault: FaultUnavailable, Subject: SubjectContribution, Blob: q.Contributed[1][0]})
	c.code(c.keys[0], &Judge{Case: q.ID, Blob: q.Contributed[1][0], Guilty: true}, "unknown-case")
	c.must(c.keys[1], &EpochAbort{Epoch: e.ID, Culprit: KeyOf(c.keys[1]), Fault: FaultUnavailable})
	c.code(c.keys[0], &Judge{Case: e.ID, Guilty: true}, "unknown-case")
}

// TestEvidenceIsNotFloodedAway: whoever deviates often loses its own oldest evidence, not
// another's.
func TestEvidenceIsNotFloodedAway(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	first := c.reach(PhaseAttesting, 0)
	c.code(c.keys[0], &Attest{Query: first.ID}, string(FaultWrongDigest))
	for i := range MaxEvidence + 5 {
		q := c.reach(PhaseAttesting, byte(i+1))
		c.code(c.keys[1], &Attest{Query: q.ID}, string(FaultWrongDigest))
	}
	all := c.state.Evidence()
	if len(all) != MaxEvidence || all[0].Department != "a" || all[1].Department != "b" {
		t.Errorf("%d evidences, the oldest against %s", len(all), all[0].Department)
	}
	c.reparsed()
}

// TestLongEvidence: of an entry that is too long to keep the digest is.
func TestLongEvidence(t *testing.T) {
	c := newCourt(t)
	c.join()
	e := Entry{Kind: KindAdmit, Author: KeyOf(c.keys[0]), Body: make([]byte, MaxSmallBody)}
	e.Signature = signature(c.keys[0], e.message(c.id))
	if err := c.order(e); err == nil {
		t.Fatal("garbage is taken")
	}
	all := c.state.Evidence()
	if len(all) != 1 || len(all[0].Records) != 0 || len(all[0].Entries) != 1 || all[0].Entries[0] != e.Digest() {
		t.Errorf("%+v", all)
	}
}
