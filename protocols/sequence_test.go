package protocols_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// asked asks for a question of several rounds, as a client does, and gives its sequence
// and its answer.
func (w *world) asked(sql string) (*protocols.Sequence, *engine.Result) {
	w.t.Helper()
	return w.askedAs(sql, func(round int) int { return round })
}

// askedAs numbers the rounds in another way.
func (w *world) askedAs(sql string, number func(round int) int) (*protocols.Sequence, *engine.Result) {
	w.t.Helper()
	var session *engine.Session
	var certificates [][]byte
	for {
		if session != nil && session.Plan() == nil {
			return protocols.NewSequence(sql, certificates), session.Result()
		}
		if session == nil {
			var err error
			packing := protocols.Packing(w.params)
			if session, err = protocols.NewQuestion(sql, w.analyst().state.Catalogue(), nil, packing); err != nil {
				w.t.Fatal(err)
			}
		}
		w.askFor(question{sql: session.Plan().SQL, of: sql, round: number(len(certificates) + 1)})
		w.run()
		o := w.answer()
		if o.Status != protocols.Answered {
			w.t.Fatalf("%s: %s %s", o.Status, o.Code, o.Sentence)
		}
		certificates = append(certificates, o.Certificate.Marshal())
		if err := session.Step(o.Result); err != nil {
			w.t.Fatal(err)
		}
	}
}

const searchByGroup = `SELECT age, min(chol), percentile_cont(0.2) WITHIN GROUP (ORDER BY chol), median(chol),
	percentile_cont(0.7) WITHIN GROUP (ORDER BY chol), percentile_cont(0.9) WITHIN GROUP (ORDER BY chol) FROM heart GROUP BY age`

// TestSequence: the certificates of a search's rounds, in one sequence, verify as one answer;
// each forgery of the sequence is refused, though every certificate in it is right.
func TestSequence(t *testing.T) {
	if testing.Short() {
		t.Skip("many rounds, each with its proofs")
	}
	cryptotest.SetGlobalRandom(t, 31)
	w := newWorld(t, 31, 2)
	w.askFor(bySex) // forms the epoch
	w.run()
	single := w.answer().Certificate.Marshal()
	sequence, want := w.asked(searchByGroup)
	other, _ := w.asked("SELECT sex, max(chol) FROM heart GROUP BY sex")
	misnumbered, _ := w.askedAs("SELECT sex, max(chol) FROM heart GROUP BY sex", func(round int) int { return 2*round - 1 })
	if len(sequence.Certificates) != 3 || len(other.Certificates) != 2 {
		t.Fatalf("%d and %d rounds", len(sequence.Certificates), len(other.Certificates))
	}
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	verify := func(c *protocols.Sequence) protocols.Verdict {
		t.Helper()
		v, err := verifier.Verify(c.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := verify(sequence)
	if !v.Verified || !v.SelfConsistent || !v.Pinned || !v.ValueShown || !v.DevelopmentKeys || v.Reason != "" || len(v.Rounds) != 3 || v.Question != searchByGroup {
		t.Fatalf("%+v", v)
	}
	w.checkAnchored(v)
	if !bytes.Equal(engine.Marshal(v.Result), engine.Marshal(want)) || len(want.Rows) < 4 {
		t.Errorf("the verdict shows %s, the analyst saw %s", printed(v.Result), printed(want))
	}
	unpinned := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named}
	if u, err := unpinned.Verify(sequence.Marshal()); err != nil || u.Verified || !u.SelfConsistent || u.Reason != protocols.ReasonUnknownSigners {
		t.Errorf("%+v %v", u, err)
	}

	forged := forgedSequences(t, sequence, other, single)
	forged["rounds numbered wrongly"] = forgedSequence{misnumbered, "round 2 stands on the ledger as another one"}
	for name, tc := range forged {
		v := verify(tc.forged)
		if v.Verified || v.SelfConsistent || v.Result != nil || !strings.Contains(v.Reason, tc.reason) {
			t.Errorf("%s: verified %t, %q", name, v.Verified, v.Reason)
		}
	}
	c := sequence.Certificates
	for name, raw := range map[string][]byte{
		"no round":                 withRounds(sequence.SQL).Marshal(),
		"too many rounds":          withRounds(sequence.SQL, slices.Repeat([][]byte{{1}}, protocols.MaxSequenceRounds+1)...).Marshal(),
		"garbage for a round":      withRounds(sequence.SQL, c[0], []byte("x"), c[2]).Marshal(),
		"a sequence in a sequence": withRounds(sequence.SQL, sequence.Marshal()).Marshal(),
		"an end cut off":           sequence.Marshal()[:1000],
		"a byte too many":          append(sequence.Marshal(), 0),
	} {
		if v, err := verifier.Verify(raw); err == nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := verify(withRounds(bySex.sql, single)); !v.Verified {
		t.Errorf("a sequence of one round: %q", v.Reason)
	}
}

// checkAnchored: a verdict of several rounds stands where the last of them ended.
func (w *world) checkAnchored(v protocols.Verdict) {
	w.t.Helper()
	for i, r := range v.Rounds {
		if done := w.ledger.state.Query(r.Query).Done; !r.Verified || !r.Anchored || r.Block != done.Block {
			w.t.Errorf("round %d: verified %t, anchored %t in block %d, Done is in %d", i+1, r.Verified, r.Anchored, r.Block, done.Block)
		}
	}
	last := v.Rounds[len(v.Rounds)-1]
	if !v.Anchored || v.Block != last.Block || !v.Time.Equal(last.Time) || v.Query != last.Query {
		w.t.Errorf("anchored %t in block %d of %s, the last round in %d of %s", v.Anchored, v.Block, v.Time, last.Block, last.Time)
	}
}

// TestSequenceOfFit: a fit's rounds verify as one answer too, each with its receipt; a round
// swapped, or of another fit, or with another round's receipt, is refused.
func TestSequenceOfFit(t *testing.T) {
	if testing.Short() {
		t.Skip("many rounds, each with its proofs")
	}
	cryptotest.SetGlobalRandom(t, 32)
	w := newWorld(t, 32, 2)
	w.askFor(bySex) // forms the epoch
	w.run()
	fit, want := w.asked("SELECT logreg(sex = 'F', age) FROM heart")
	other, _ := w.asked("SELECT logreg(sex = 'M', age) FROM heart")
	c, o := fit.Certificates, other.Certificates
	if len(c) < 3 || len(o) != len(c) || len(want.Rows) != 2 {
		t.Fatalf("%d and %d rounds, %s", len(c), len(o), printed(want))
	}
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	verify := func(rounds ...[]byte) protocols.Verdict {
		t.Helper()
		v, err := verifier.Verify(withRounds(fit.SQL, rounds...).Marshal())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := verify(c...)
	if !v.Verified || v.Reason != "" || v.Question != fit.SQL || !bytes.Equal(engine.Marshal(v.Result), engine.Marshal(want)) {
		t.Fatalf("%q: the verdict shows %s, the analyst saw %s", v.Reason, printed(v.Result), printed(want))
	}
	w.checkAnchored(v)

	last := len(c) - 1
	with := func(at int, raw []byte) [][]byte {
		out := slices.Clone(c)
		out[at] = raw
		return out
	}
	swapped := slices.Clone(c)
	swapped[1], swapped[2] = c[2], c[1]
	for name, tc := range map[string]struct {
		rounds [][]byte
		reason string
	}{
		"two rounds swapped":       {swapped, "round 3 was asked before round 2 ended"},
		"another fit's last round": {with(last, o[last]), fmt.Sprintf("round %d is not what", last+1)},
		"another fit":              {o, "round 1 is not what"},
		"the last round missing":   {c[:last], fmt.Sprintf("not answered after %d rounds", last)},
		"another round's receipt":  {with(1, anchoredAs(t, c[1], c[0])), "round 2: anchor"},
	} {
		if v := verify(tc.rounds...); v.Verified || v.SelfConsistent || v.Anchored || v.Result != nil || !strings.Contains(v.Reason, tc.reason) {
			t.Errorf("%s: verified %t, %q", name, v.Verified, v.Reason)
		}
	}
	if v := verify(with(1, anchoredAs(t, c[1], nil))...); v.Verified || v.Anchored || !v.SelfConsistent || v.Block != 0 ||
		v.Reason != "round 2: "+protocols.ReasonNotAnchored {
		t.Errorf("a round without its receipt: verified %t, %q", v.Verified, v.Reason)
	}
}

// anchoredAs is a certificate with the anchor of another, or with none.
func anchoredAs(t *testing.T, raw, other []byte) []byte {
	c, err := protocols.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	c.Anchor = protocols.Anchor{}
	if other != nil {
		from, err := protocols.ParseCertificate(other)
		if err != nil {
			t.Fatal(err)
		}
		c.Anchor = from.Anchor
	}
	return c.Marshal()
}

func withRounds(sql string, certificates ...[]byte) *protocols.Sequence {
	return protocols.NewSequence(sql, certificates)
}

// forgedSequence is certificates that are right, put together wrongly, and what gives it away.
type forgedSequence struct {
	forged *protocols.Sequence
	reason string
}

func forgedSequences(t *testing.T, sequence, other *protocols.Sequence, single []byte) map[string]forgedSequence {
	c, o := sequence.Certificates, other.Certificates
	return map[string]forgedSequence{
		"two rounds swapped":              {withRounds(sequence.SQL, c[0], c[2], c[1]), "round 3 was asked before round 2 ended"},
		"the first round last":            {withRounds(sequence.SQL, c[1], c[2], c[0]), "round 3 was asked before round 2 ended"},
		"the first round missing":         {withRounds(sequence.SQL, c[1], c[2]), "round 1 is not what"},
		"a round in the middle missing":   {withRounds(sequence.SQL, c[0], c[2]), "round 2 is not what"},
		"the last round missing":          {withRounds(sequence.SQL, c[0], c[1]), "not answered after 2 rounds"},
		"a round twice":                   {withRounds(sequence.SQL, c[0], c[1], c[1], c[2]), "round 3 was asked before round 2 ended"},
		"a round too many":                {withRounds(sequence.SQL, c[0], c[1], c[2], o[1]), "answered after 3 rounds, and there are 4"},
		"another question's rounds":       {withRounds(sequence.SQL, o...), "round 1 is not what"},
		"another question's last round":   {withRounds(sequence.SQL, c[0], c[1], o[1]), "round 3 is not what"},
		"another question's text":         {withRounds(other.SQL, c...), "round 1 is not what"},
		"another condition":               {withRounds(strings.Replace(sequence.SQL, "heart", "heart WHERE age > 0", 1), c...), "round 1 is not what"},
		"another fraction":                {withRounds(strings.Replace(sequence.SQL, "0.7", "0.1", 1), c...), "round 1 is not what"},
		"another name":                    {withRounds(strings.Replace(sequence.SQL, "min(chol)", "min(chol) AS least", 1), c...), "round 1 is not what"},
		"fewer figures":                   {withRounds(strings.Replace(sequence.SQL, " min(chol),", "", 1), c...), "round 1 is not what"},
		"another table":                   {withRounds(strings.Replace(sequence.SQL, "heart", "liver", 1), c...), "the question: "},
		"no question":                     {withRounds("", c...), "the question: "},
		"a question of one round instead": {withRounds(sequence.SQL, single), "round 1 is not what"},
		"a round without its opening":     {withRounds(sequence.SQL, c[0], sealedOf(t, c[1]), c[2]), protocols.ReasonSealedRounds},
		"a spoiled round":                 {withRounds(sequence.SQL, c[0], spoiledAt(c[1], len(c[1])/2), c[2]), "round 2: "},
	}
}

func sealedOf(t *testing.T, raw []byte) []byte {
	c, err := protocols.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c.WithoutOpening().Marshal()
}

func spoiledAt(raw []byte, at int) []byte {
	bad := bytes.Clone(raw)
	bad[at] ^= 1
	return bad
}
