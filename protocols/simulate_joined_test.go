package protocols_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// joinedQuestions are of the town: how many benefits persons of the registers get, and how much by sex.
var (
	joinedCount    = question{sql: "SELECT count(*) FROM benefits JOIN register USING (id)"}
	joinedQuestion = question{sql: joinedSQL}
)

var (
	townOnce sync.Once
	townBase *world
)

// joinedBase is a town at rest, whose epoch and linkage are formed, to be forked.
func joinedBase(t testing.TB) *world {
	townOnce.Do(func() {
		townBase = joinedWorld(t, 5, 1)
		townBase.run()
	})
	return townBase
}

// askJoined asks one of the town's questions.
func (w *world) askJoined(q question) *protocols.Outcome {
	w.t.Helper()
	w.askFor(q)
	w.run()
	o := w.answer()
	if o.Status != protocols.Answered {
		w.t.Fatalf("%s: %s %s %v", o.Status, o.Code, o.Sentence, o.Fault)
	}
	want := w.town.joined(townLeast)
	if q.sql == joinedCount.sql {
		want = w.town.all()
	}
	if got := printed(o.Result); got != want {
		w.t.Fatalf("got\n%swant\n%s", got, want)
	}
	return o
}

// townLeast is the smallest count where all policies have 1: two persons, each of whom two registers and three departments' benefits may count.
const townLeast = 2 * 2 * 3

// all is the answer to how many rows of benefits have a match, over all registers.
func (tn *town) all() string {
	return fmt.Sprintf("%d \n", tn.matches([]string{"city1", "city2"}, []string{"city2", "city3", "city4"}, nil))
}

// paid reports whether a row has an amount.
func (o of) paid() bool { return o.amount != nil }

// matches is how many rows of departments' benefits have a match in departments' registers, of those that are meant; nil: of all.
func (tn *town) matches(registers, benefits []string, meant func(of) bool) (n int) {
	for _, register := range registers {
		for _, benefit := range benefits {
			for _, a := range tn.rows[register]["register"] {
				for _, b := range tn.rows[benefit]["benefits"] {
					if a.id == b.id && (meant == nil || meant(b)) {
						n++
					}
				}
			}
		}
	}
	return n
}

// TestJoinedQuestion: five departments, of whom two hold registers of persons and three benefits, answer exactly who of which sex gets what; and
// again, with the same vectors byte for byte. Anybody verifies it, from the certificate and from the ledger.
func TestJoinedQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 5)
	w := joinedBase(t).fork(t, 5)
	if testing.Short() {
		verifyAnswer(w, w.askJoined(joinedCount))
		return
	}
	for range 2 {
		o := w.askJoined(joinedQuestion)
		if len(o.Result.Rows) != 2 || len(o.Result.Withheld) > 0 {
			t.Fatalf("a test that shows little: %+v", o.Result)
		}
		verifyAnswer(w, o)
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	var contributed [][]engine.Digest
	for _, e := range w.entriesOn(protocols.KindContribute) {
		body, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		if b := body.(*protocols.Contribute); w.byKey(e.Author).name == "city3" {
			contributed = append(contributed, b.Blobs)
		}
	}
	if len(contributed) != 4 || !slices.Equal(contributed[0], contributed[2]) || !slices.Equal(contributed[1], contributed[3]) {
		t.Errorf("a department made %d vectors anew", len(contributed))
	}
	w.recheckJoined()
}

// recheckJoined verifies all of a town's queries from its ledger and blobs.
func (w *world) recheckJoined() {
	w.t.Helper()
	s := w.ledger.state
	check := protocols.Recheck{Verifying: w.keys.Verifying(), Blobs: func(d engine.Digest) []byte {
		for _, p := range w.parties {
			if blob := p.store[d]; blob != nil {
				return blob
			}
		}
		return nil
	}}
	epoch, _ := check.Epoch(s, s.Epoch())
	products := 0
	for _, id := range s.Ended() {
		q := s.Query(id)
		got := check.Query(s, epoch, q)
		if len(got.False)+len(got.Refuted)+len(got.Missing)+len(got.Unchecked) > 0 {
			w.t.Errorf("%+v", got)
		}
		for _, row := range q.Multiplied {
			for _, d := range row {
				if products++; !slices.Contains(got.Verified, d) {
					w.t.Errorf("product %s is not verified", d)
				}
			}
		}
	}
	if products == 0 {
		w.t.Error("there are no products")
	}
}

// TestJoinedPersons: of one register and one department's benefits, how many different persons are in both, and how many rows; what is multiplied for
// both is the very indicator of the screening, since on the register everybody stands once.
func TestJoinedPersons(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks")
	}
	cryptotest.SetGlobalRandom(t, 7)
	w := joinedBase(t).fork(t, 7)
	w.certificateBytes = 1 << 10 // its vectors and products stand beside it
	w.askFor(question{sql: "SELECT count(DISTINCT id), count(*) FROM benefits JOIN register USING (id)"}, "city1", "city3")
	w.run()
	persons, rows := map[string]bool{}, 0
	for _, b := range w.town.rows["city3"]["benefits"] {
		if _, placed := w.town.positions[b.id]; placed {
			persons[b.id] = true
			rows++
		}
	}
	o := w.answer()
	if got, want := printed(o.Result), fmt.Sprintf("%d %d \n", len(persons), rows); got != want {
		t.Fatalf("%s %s %s: %q, want %q", o.Status, o.Code, o.Sentence, got, want)
	}
	v := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w), Attached: func(d engine.Digest) []byte { return o.Attached[d] }}
	if verdict, err := v.Verify(o.Certificate.Marshal()); err != nil || !verdict.Verified || len(o.Certificate.Attached) > 0 || len(o.Attached) == 0 || printed(verdict.Result) != printed(o.Result) {
		t.Errorf("verdict %+v, %v", verdict, err)
	}
}

// TestJoinedFloor: where policies say no smallest count, ten persons are it, as often as they may be counted; of a question of which nothing
// is shown nothing is multiplied.
func TestJoinedFloor(t *testing.T) {
	if amount(0, 0, 1) == 0 {
		t.Skip("a formation of its own")
	}
	cryptotest.SetGlobalRandom(t, 6)
	w := joinedWorld(t, 5, 0)
	w.askFor(joinedQuestion)
	w.run()
	want := w.town.joined(10 * 2 * 3)
	if o := w.answer(); want == "" && (o.Status == protocols.Answered || o.Code != protocols.CodePolicy) || want != "" && printed(o.Result) != want {
		t.Errorf("%s %s %s: %s, want %q", o.Status, o.Code, o.Sentence, printed(o.Result), want)
	}
}

func blobsNamed(body protocols.Body) []engine.Digest {
	switch b := body.(type) {
	case *protocols.Contribute:
		return b.Blobs
	case *protocols.Multiply:
		return b.Blobs
	}
	return body.(*protocols.ShareCommit).Blobs
}

func renamed(body protocols.Body, digests []engine.Digest) protocols.Body {
	switch b := body.(type) {
	case *protocols.Contribute:
		return &protocols.Contribute{Query: b.Query, Epoch: b.Epoch, Blobs: digests}
	case *protocols.Multiply:
		return &protocols.Multiply{Query: b.Query, Epoch: b.Epoch, Blobs: digests}
	}
	b := body.(*protocols.ShareCommit)
	return &protocols.ShareCommit{Query: b.Query, Epoch: b.Epoch, Blobs: digests}
}

// TestJoinedRefusals: a department that does not answer over a spine refuses, and so does one whose shell has nobody decide; one in shadow mode
// refuses as ever.
func TestJoinedRefusals(t *testing.T) {
	for what, prepare := range map[string]func(p *party){
		"not over this spine": func(p *party) {
			p.department.MayAnswer = func(string, engine.Digest, protocols.SpineRecord) error {
				return &engine.Error{Code: "spine", Message: "too few of its keys are placed"}
			}
		},
		"nobody decides": func(p *party) { p.department.MayAnswer = nil },
		"in shadow mode": func(p *party) { p.department.Shadow = true },
		"has made as many vectors as it may": func(p *party) {
			p.w.says = func(_ *party, e protocols.Entry) []protocols.Entry {
				for _, epoch := range p.epochs {
					epoch.FillVectors()
				}
				return []protocols.Entry{e}
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 3)
			w := joinedBase(t).fork(t, 3)
			prepare(w.party("city3"))
			w.askFor(joinedQuestion) // of which city3 sends vectors
			w.run()
			if o := w.answer(); o.Status != protocols.Refused || !slices.Equal(o.Departments, []string{"city3"}) || len(w.entriesOn(protocols.KindMultiply)) > 0 {
				t.Errorf("%s %s %v", o.Status, o.Code, o.Departments)
			}
		})
	}
}

// TestJoinedCertificate: no byte of such a certificate can be changed, and none of what it holds of the screening is left out or exchanged.
func TestJoinedCertificate(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks")
	}
	cryptotest.SetGlobalRandom(t, 4)
	w := joinedBase(t).fork(t, 4)
	c := w.askJoined(joinedCount).Certificate
	if v := w.verdict(c); !v.Verified || !v.ValueShown {
		t.Fatalf("%+v", v)
	}
	if v := w.verdict(c.WithoutOpening()); !v.Verified || v.ValueShown {
		t.Errorf("%+v", v)
	}
	blobs := map[engine.Digest][]byte{}
	for _, blob := range c.Attached {
		blobs[protocols.BlobDigest(blob)] = blob
	}
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w), Attached: func(d engine.Digest) []byte { return blobs[d] }}
	verdict := func(c *protocols.Certificate) protocols.Verdict {
		v, err := verifier.Verify(c.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	bare := *c
	bare.Attached = nil
	if v := verdict(&bare); !v.Verified || v.Detached || bare.Digest() != c.Digest() {
		t.Errorf("with its blobs beside it: %+v", v)
	}
	if v := w.verdict(&bare); v.SelfConsistent || v.ValueShown || !v.Detached {
		t.Errorf("without its blobs: %+v", v)
	}
	for what, lose := range map[string]func(blob []byte) []byte{
		"lost":    func([]byte) []byte { return nil },
		"another": func([]byte) []byte { return c.Attached[1] },
		"changed": func(blob []byte) []byte { return append(blob[:len(blob)-1:len(blob)-1], blob[len(blob)-1]^1) },
	} {
		first := protocols.BlobDigest(c.Attached[0])
		blobs[first] = lose(c.Attached[0])
		if v := verdict(&bare); v.SelfConsistent || v.ValueShown || !v.Detached {
			t.Errorf("one blob beside it is %s: %+v", what, v)
		}
		blobs[first] = c.Attached[0]
	}
	for what, change := range map[string]func(c *protocols.Certificate){
		"a blob less":  func(c *protocols.Certificate) { c.Attached = c.Attached[1:] },
		"a blob twice": func(c *protocols.Certificate) { c.Attached = slices.Insert(slices.Clone(c.Attached), 0, c.Attached[0]) },
		"another blob": func(c *protocols.Certificate) {
			c.Attached = append(c.Attached[1:len(c.Attached):len(c.Attached)], c.AnalystKey)
		},
		"in another order":   func(c *protocols.Certificate) { c.Attached = slices.Clone(c.Attached); slices.Reverse(c.Attached) },
		"contributions also": func(c *protocols.Certificate) { c.Contributions = [][][]byte{nil} },
	} {
		bad := *c
		if change(&bad); verdict(&bad).SelfConsistent || verdict(&bad).Detached {
			t.Errorf("%s attached: consistent", what)
		}
	}
	raw, stride := c.Marshal(), amount(4001, 4001, 97)
	for i := 0; i < len(raw); i += stride {
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		if v, err := verifier.Verify(bad); err == nil && v.Verified {
			t.Fatalf("byte %d of %d can be changed", i, len(raw))
		}
	}
}
