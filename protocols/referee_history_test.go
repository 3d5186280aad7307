package protocols

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy/open"
)

// recalling is a court whose department a remembers answers for 30 days.
func recalling(t testing.TB, together engine.Together) *court {
	c := seatedCourt(t)
	d := open.Policy("a", "heart")
	d.Version, d.Disclosure = 2, engine.Disclosure{Count: 10, History: 30, Together: together}
	c.must(stewardOf("a"), c.publication(d))
	c.form()
	return c
}

func about(n int) string { return fmt.Sprintf("SELECT count(*) FROM heart WHERE x = '%d'", n) }

// compared is the n-th question's screening, by an analyst, as an honest one asks it now.
func (c *court) compared(by ed25519.PrivateKey, n int, nonce byte) *Ask {
	c.t.Helper()
	a := c.screening(nonce)
	a.SQL = about(n)
	past, err := c.state.Compared(KeyOf(by), c.now(), a, []string{"heart"}, engine.Disclosure{Count: 10, History: 30, Together: c.together()})
	if err != nil {
		c.t.Fatal(err)
	}
	a.Past = past
	return a
}

func (c *court) together() engine.Together { return c.state.Policy("a", "heart").Disclosure.Together }

// recalled is the n-th question's answer, after its screening, taken to a phase.
func (c *court) recalled(by ed25519.PrivateKey, n int, nonce byte, phase Phase) *QueryState {
	c.t.Helper()
	c.screenedBy(by, c.compared(by, n, nonce))
	return c.answeredBy(by, c.state.ended[len(c.state.ended)-1], nonce+100, phase)
}

func (c *court) answeredBy(by ed25519.PrivateKey, screening engine.Digest, nonce byte, phase Phase) *QueryState {
	c.t.Helper()
	on := c.state.Query(screening)
	a := c.resting(nonce, on)
	a.SQL = on.Ask.SQL
	c.must(by, a)
	q := c.state.Query(QueryID(c.id, KeyOf(by), a))
	c.advanceFor(by, q, phase)
	return q
}

// advanceFor is advance for any analyst.
func (c *court) advanceFor(by ed25519.PrivateKey, q *QueryState, phase Phase) {
	c.t.Helper()
	c.advance(q, min(phase, PhaseAttesting))
	for _, k := range c.validators() {
		if q.Phase == PhaseAttesting && phase > PhaseAttesting {
			c.must(k, &Attest{Query: q.ID, Contributions: q.Contributions})
		}
	}
	c.advance(q, min(phase, PhaseShared))
	if phase == PhaseDone {
		c.must(by, &Done{Query: q.ID, Transcript: q.Transcript})
	}
}

func (c *court) screenedBy(by ed25519.PrivateKey, a *Ask) *QueryState {
	c.t.Helper()
	c.must(by, a)
	q := c.state.Query(QueryID(c.id, KeyOf(by), a))
	for _, k := range c.keys {
		c.must(k, q.gateAdmission(k))
	}
	c.advanceFor(by, q, PhaseShared)
	for _, m := range q.Contributors {
		c.must(c.keyOf(m.Key), newScreen(q, m.Key, courtVerdict))
	}
	return q
}

// TestHistoryIsCompared: what was answered is compared with, all of it, as it was, and nothing else.
func TestHistoryIsCompared(t *testing.T) {
	c := recalling(t, engine.TogetherPerson)
	first := c.recalled(c.analyst, 1, 1, PhaseDone)
	if past := c.compared(c.analyst, 2, 2).Past; len(past) != 1 || past[0].Query != first.ID || past[0].SQL != about(1) || past[0].Time != first.records[0].Time || !bytes.Equal(past[0].Verdict, courtVerdict) {
		t.Fatalf("%+v", past)
	}
	if past := c.compared(c.analyst, 1, 3).Past; len(past) != 0 {
		t.Errorf("a question is compared with itself: %+v", past)
	}
	for what, change := range map[string]func(a *Ask){
		"nothing":         func(a *Ask) { a.Past = nil },
		"another text":    func(a *Ask) { a.Past[0].SQL = about(9) },
		"another verdict": func(a *Ask) { a.Past[0].Verdict = []byte{0, 8} },
		"other tables":    func(a *Ask) { a.Past[0].Tables[0] ^= 1 },
		"other parties":   func(a *Ask) { a.Past[0].Departments = []string{"a"} },
		"another query":   func(a *Ask) { a.Past[0].Query[0] ^= 1 },
		"another time":    func(a *Ask) { a.Past[0].Time++ },
		"more":            func(a *Ask) { a.Past = append(a.Past, Past{SQL: about(9), Departments: []string{"a"}}) },
	} {
		a := c.compared(c.analyst, 2, 4)
		change(a)
		if r := c.code(c.analyst, a, CodeStaleHistory); r.Code == "" {
			t.Error(what)
		}
	}
	for what, change := range map[string]func(a *Ask){
		"no text":            func(a *Ask) { a.Past[0].SQL = "" },
		"a long one":         func(a *Ask) { a.Past[0].SQL = strings.Repeat("x", MaxPrintBytes+1) },
		"no departments":     func(a *Ask) { a.Past[0].Departments = nil },
		"not ascending":      func(a *Ask) { a.Past[0].Departments = []string{"b", "a"} },
		"a verdict of none":  func(a *Ask) { a.Past[0].Verdict = []byte{0, 0} },
		"before all time":    func(a *Ask) { a.Past[0].Time = -1 },
		"too many":           func(a *Ask) { a.Past = slices.Repeat(a.Past, engine.MaxEarlier+1) },
		"too long in all":    func(a *Ask) { a.Past[0].SQL = strings.Repeat("x", 8000); a.Past = slices.Repeat(a.Past, 9) },
		"not of a screening": func(a *Ask) { a.Screening, a.AnalystKey = false, digestOf("key") },
	} {
		a := c.compared(c.analyst, 2, 4)
		change(a)
		if r := c.code(c.analyst, a, "malformed"); r.Code == "" {
			t.Error(what)
		}
	}
	c.reparsed()
	c.must(stewardOf("a"), c.version("a", 3)) // without rules
	plain := c.screening(9)
	plain.Past = []Past{first.footprint().Past}
	c.code(c.analyst, plain, "malformed")
}

// TestHistoryRemembers: an answer is remembered from its Ask on, unless it ends before anybody may have shared; equal ones once,
// the last.
func TestHistoryRemembers(t *testing.T) {
	c := recalling(t, engine.TogetherPerson)
	past := func() (texts []string) {
		for _, p := range c.compared(c.analyst, 99, 0).Past {
			texts = append(texts, p.SQL)
		}
		return texts
	}
	expect := func(what string, n ...int) {
		t.Helper()
		var want []string
		for _, i := range n {
			want = append(want, about(i))
		}
		if got := past(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
		c.reparsed()
	}
	waiting := c.recalled(c.analyst, 1, 1, PhaseContributing)
	expect("an answer under way", 1)
	c.must(c.analyst, &Withdraw{Query: waiting.ID})
	expect("withdrawn")
	shared := c.recalled(c.analyst, 2, 2, PhaseSharing)
	for _, k := range c.validators() {
		if !shared.Phase.Ended() {
			c.must(k, &Expire{Query: shared.ID})
		}
	}
	expect("expired, when somebody may have shared", 2)
	c.recalled(c.analyst, 3, 3, PhaseDone)
	expect("done", 2, 3)
	again := c.recalled(c.analyst, 2, 4, PhaseDone)
	expect("the first again", 3, 2)
	if p := c.compared(c.analyst, 99, 0).Past; p[1].Query != again.ID || len(c.state.history.prints) != 2 {
		t.Errorf("%+v", p)
	}
	b := courtTable("b", 2)
	c.must(c.keys[1], &Register{Registration: b})
	a := c.compared(c.analyst, 2, 5)
	a.Registrations[1] = RegistrationDigest(b)
	on := c.screenedBy(c.analyst, a)
	rests := c.resting(105, on)
	rests.SQL, rests.Registrations = a.SQL, a.Registrations
	c.must(c.analyst, rests)
	c.advanceFor(c.analyst, c.state.Query(QueryID(c.id, KeyOf(c.analyst), rests)), PhaseDone)
	if len(c.state.history.prints) != 2 {
		t.Errorf("of another version of a table it is kept besides: %d", len(c.state.history.prints))
	}
	// What is older than the rule asks for is not compared with, and needs not be.
	later := func(days int64) error {
		s := c.state.Clone()
		plain := c.screening(6)
		plain.SQL, plain.Registrations = about(50), a.Registrations
		return s.Apply(Place{Block: 1 << 20, Time: int64(len(c.heard))*1000 + days*24*3600*1000}, Sign(c.id, c.analyst, plain))
	}
	var r *Refusal
	if err := later(29); !errors.As(err, &r) || r.Code != CodeStaleHistory {
		t.Errorf("after 29 days: %v", err)
	}
	if err := later(31); err != nil {
		t.Errorf("after 31 days: %v", err)
	}
}

// TestHistoryOfOthers: whose answers are seen together.
func TestHistoryOfOthers(t *testing.T) {
	near, far := courtKey("a colleague"), courtKey("a stranger")
	for together, want := range map[engine.Together][2]int{engine.TogetherPerson: {0, 0}, engine.TogetherDepartment: {1, 0}, engine.TogetherAll: {1, 1}} {
		c := recalling(t, together)
		c.must(c.keys[0], named(vouching(near, PersonAnalyst), "colleague"))
		c.must(c.keys[1], named(vouching(far, PersonAnalyst), "stranger"))
		c.recalled(c.analyst, 1, 1, PhaseDone)
		for i, by := range []ed25519.PrivateKey{near, far} {
			a := c.compared(by, 2, 2)
			if len(a.Past) != want[i] {
				t.Errorf("%s: %d past answers of the others", together, len(a.Past))
			}
			if want[i] > 0 {
				a.Past = nil
				c.code(by, a, CodeStaleHistory)
			}
			c.must(by, c.compared(by, 2, 3))
		}
	}
	c := recalling(t, engine.TogetherPerson)
	c.recalled(c.analyst, 1, 1, PhaseDone)
	apart := c.compared(c.analyst, 2, 2)
	apart.Departments, apart.Registrations = []string{"c"}, []engine.Digest{RegistrationDigest(courtTable("c", 1))}
	if past, err := c.state.Compared(KeyOf(c.analyst), c.now(), apart, []string{"heart"}, engine.Disclosure{Count: 10, History: 30}); err != nil || len(past) != 0 {
		t.Errorf("of other departments: %+v %v", past, err)
	}
}

// TestAnswersAreNotStale: an answer's Ask is refused where another answer came between, where its screening refuses it, and where
// the screening is of another text.
func TestAnswersAreNotStale(t *testing.T) {
	c := recalling(t, engine.TogetherPerson)
	one := c.screenedBy(c.analyst, c.compared(c.analyst, 1, 1))
	two := c.screenedBy(c.analyst, c.compared(c.analyst, 2, 2))
	c.answeredBy(c.analyst, one.ID, 3, PhaseAdmitting)
	rests := func(nonce byte, on *QueryState) *Ask {
		a := c.resting(nonce, on)
		a.SQL = on.Ask.SQL
		return a
	}
	c.code(c.analyst, rests(4, two), CodeStaleHistory)
	c.must(c.analyst, rests(5, one)) // the same once more
	again := c.screenedBy(c.analyst, c.compared(c.analyst, 2, 6))
	c.must(c.analyst, rests(7, again))

	refused := c.compared(c.analyst, 3, 8)
	c.must(c.analyst, refused)
	q := c.state.Query(QueryID(c.id, KeyOf(c.analyst), refused))
	for _, k := range c.keys {
		c.must(k, q.gateAdmission(k))
	}
	c.advanceFor(c.analyst, q, PhaseShared)
	for _, m := range q.Contributors {
		c.must(c.keyOf(m.Key), newScreen(q, m.Key, []byte{engine.ReasonEarlier + 1, 8}))
	}
	if r := c.code(c.analyst, rests(9, q), engine.CodeHistory); !strings.Contains(r.Sentence, about(2)) {
		t.Error(r.Sentence)
	}

	round := c.roundOf(10, 1)
	round.Screening, round.AnalystKey = true, engine.Digest{}
	round.Past = c.compared(c.analyst, 99, 0).Past
	on := c.screenedBy(c.analyst, round)
	other := c.roundOf(11, 1)
	other.SQL, other.Screen = engine.RoundMark(other.Question)+"SELECT count(*) FROM heart WHERE x", on.ID
	c.code(c.analyst, other, "not-owner")
}

// TestHistoryIsNeverForgotten: where there is no more room a new question is refused, and an old one is not.
func TestHistoryIsNeverForgotten(t *testing.T) {
	c := recalling(t, engine.TogetherPerson)
	first := c.recalled(c.analyst, 0, 1, PhaseDone)
	c.answers(first, c.analyst, 1, engine.MaxEarlier)
	r := c.code(c.analyst, c.compared(c.analyst, 1000, 2), CodeHistoryFull)
	if until := stamp((first.footprint().Past.Time + days(30)) / 1000); !strings.Contains(r.Sentence, until) {
		t.Errorf("it does not say until when: %s", r.Sentence)
	}
	c.must(c.analyst, c.compared(c.analyst, 0, 3))
	other := courtKey("a colleague")
	c.must(c.keys[0], named(vouching(other, PersonAnalyst), "colleague"))
	c.must(other, c.compared(other, 1000, 4))
	long := c.compared(other, 1, 5)
	long.SQL = "SELECT count(*) FROM heart WHERE x = '" + strings.Repeat("y", MaxPrintBytes) + "'"
	c.code(other, long, CodeHistoryFull)
	for i := range 4 * MaxHistoryBytes / 3 / MaxPrintBytes { // more than a third of the room
		f := *first.footprint()
		f.Number, f.First = uint64(2<<20+i), Key{1, byte(i), byte(i >> 8)}
		f.Past.SQL, f.Past.Departments = about(i)+strings.Repeat(" ", 8000-len(about(i))), []string{"c"}
		if i < MaxHistoryBytes/8128/len(c.keys) {
			c.state.history.prints = append(c.state.history.prints, f)
		}
	}
	c.state.history = newHistory(c.state.history.prints)
	c.code(other, c.compared(other, 1000, 6), CodeHistoryFull)
}

// answers are more of a person's, as a first one was, from one number up to another.
func (c *court) answers(first *QueryState, to ed25519.PrivateKey, from, until int) {
	prints := slices.Clone(c.state.history.prints)
	for i := from; i < until; i++ {
		f := *first.footprint()
		f.Number, f.First, f.Past.SQL = uint64(1<<20+i), KeyOf(to), about(i)
		prints = append(prints, f)
	}
	c.state.history = newHistory(prints)
}

// TestHistoryPlaces: of persons who count as one none takes the places of all others' answers: each has half of what the others leave.
func TestHistoryPlaces(t *testing.T) {
	c := recalling(t, engine.TogetherDepartment)
	other := courtKey("a colleague")
	c.must(c.keys[0], named(vouching(other, PersonAnalyst), "colleague"))
	half := engine.MaxEarlier / 2
	first := c.recalled(c.analyst, 0, 1, PhaseDone)
	c.answers(first, c.analyst, 1, half-1)
	c.must(c.analyst, c.compared(c.analyst, 1000, 2))
	c.answers(first, c.analyst, half-1, half)
	c.code(c.analyst, c.compared(c.analyst, 1001, 3), CodeHistoryFull)
	c.answers(first, other, half, half+half/2-1)
	c.must(other, c.compared(other, 1002, 4))
	c.answers(first, other, half+half/2-1, half+half/2)
	c.code(other, c.compared(other, 1003, 5), CodeHistoryFull)
	c.must(other, c.compared(other, half, 6)) // which it has an answer to
}

// TestHistoryRaces: questions of two persons who are seen together, screened and asked at once in any order: of each two that may
// have been shared, one was compared with the other.
func TestHistoryRaces(t *testing.T) {
	schedules := 12
	if testing.Short() {
		schedules = 2
	}
	for seed := range uint64(schedules) {
		c := recalling(t, engine.TogetherDepartment)
		c.quiet = true
		other := courtKey("a colleague")
		c.must(c.keys[0], named(vouching(other, PersonAnalyst), "colleague"))
		race := &race{court: c, rng: rand.New(rand.NewPCG(seed, 5)), people: []ed25519.PrivateKey{c.analyst, other}}
		for race.asked < 50 || len(race.open) > 0 {
			race.turn()
		}
		if len(race.released) < 10 || race.stale < 3 {
			t.Errorf("seed %d: %d answers, %d that came too late: it tests too little", seed, len(race.released), race.stale)
		}
		c.quiet = false
		c.reparsed()
	}
}

// race is of questions that are under way at once.
type race struct {
	*court
	rng      *rand.Rand
	people   []ed25519.PrivateKey
	asked    int
	nonce    int
	open     []*runner
	released []*runner
	stale    int
}

type runner struct {
	by        ed25519.PrivateKey
	n         int
	tries     int
	screening *QueryState
	answer    *QueryState
}

// turn does one step of one question, or asks another.
func (r *race) turn() {
	r.nonce++
	if r.asked < 50 && len(r.open) < 6 && r.rng.IntN(3) > 0 {
		r.open = append(r.open, &runner{by: r.people[r.rng.IntN(2)], n: r.rng.IntN(30)})
		r.asked++
		return
	}
	if len(r.open) == 0 {
		return
	}
	i := r.rng.IntN(len(r.open))
	x := r.open[i]
	switch {
	case x.screening == nil:
		a := r.compared(x.by, x.n, 0)
		a.Nonce = [32]byte{1, byte(r.nonce), byte(r.nonce >> 8)}
		x.screening = r.screenedBy(x.by, a)
		return
	case x.answer == nil:
		a := r.resting(0, x.screening)
		a.SQL, a.Nonce = x.screening.Ask.SQL, [32]byte{2, byte(r.nonce), byte(r.nonce >> 8)}
		var refusal *Refusal
		if err := r.put(x.by, a); err == nil {
			x.answer = r.state.Query(QueryID(r.id, KeyOf(x.by), a))
			return
		} else if !errors.As(err, &refusal) || refusal.Code != CodeStaleHistory {
			r.t.Fatal(err)
		}
		r.stale++
		if x.screening, x.tries = nil, x.tries+1; x.tries < 5 {
			return
		}
	case r.rng.IntN(5) == 0 && x.answer.Phase < PhaseSharing:
		r.must(x.by, &Withdraw{Query: x.answer.ID})
	case x.answer.Phase < PhaseSharing:
		r.advanceFor(x.by, x.answer, x.answer.Phase+1)
		if x.answer.Phase == PhaseSharing {
			r.release(x)
		}
		return
	default:
		r.advanceFor(x.by, x.answer, PhaseDone)
	}
	r.open = slices.Delete(r.open, i, i+1)
}

func (r *race) release(x *runner) {
	for _, y := range r.released {
		with := func(a, b *runner) bool {
			return slices.ContainsFunc(a.screening.Ask.Past, func(p Past) bool { return p.says(&b.answer.footprint().Past) })
		}
		if x.answer.Ask.SQL != y.answer.Ask.SQL && !with(x, y) && !with(y, x) {
			r.t.Fatalf("questions %d and %d are answered, and neither was compared with the other", x.n, y.n)
		}
	}
	r.released = append(r.released, x)
}

// TestHistoryOfReplacedKeys: the persons of a department count as one whatever its key is: after it was replaced, those for
// whom the new one vouches are compared with those for whom the old one did.
func TestHistoryOfReplacedKeys(t *testing.T) {
	c := recalling(t, engine.TogetherDepartment)
	c.recalled(c.analyst, 1, 1, PhaseDone)
	by := KeyOf(c.keys[0])
	next, near := courtKey("the department's other key"), courtKey("a colleague")
	c.vote(3, Change{Version: 1, Action: ActionSeize, Role: RoleDepartment, Key: by, NewKey: KeyOf(next)})
	c.must(next, &Join{Name: "a"})
	c.must(next, named(vouching(near, PersonAnalyst), "colleague"))
	a := &Ask{SQL: about(2), Departments: c.state.history.prints[0].Past.Departments}
	past, err := c.state.Compared(KeyOf(near), c.now(), a, []string{"heart"}, engine.Disclosure{Count: 10, History: 30, Together: engine.TogetherDepartment})
	if err != nil || len(past) != 1 {
		t.Errorf("%d past answers of the department's others: %v", len(past), err)
	}
	if past, err = c.state.Compared(KeyOf(near), c.now(), a, []string{"heart"}, engine.Disclosure{Count: 10, History: 30}); err != nil || len(past) != 0 {
		t.Errorf("%d past answers of another person: %v", len(past), err)
	}
}

// TestRotatedPersonsStay: a person whose key was rotated is the same one when the department's own key is replaced after that, in a history too;
// nobody else can be said to be it.
func TestRotatedPersonsStay(t *testing.T) {
	c := recalling(t, engine.TogetherPerson)
	c.recalled(c.analyst, 1, 1, PhaseDone)
	first, later := KeyOf(c.analyst), courtKey("the analyst's other key")
	c.must(c.keys[0], replacing(vouching(later, PersonAnalyst), c.analyst))
	next := courtKey("the department's other key")
	c.vote(3, Change{Version: 1, Action: ActionSeize, Role: RoleDepartment, Key: KeyOf(c.keys[0]), NewKey: KeyOf(next)})
	c.must(next, &Join{Name: "a"})
	c.code(next, vouching(later, PersonAnalyst), "not-owner")
	stranger := vouching(courtKey("a stranger"), PersonAnalyst)
	stranger.First = first
	c.code(next, stranger, "not-owner")
	anew := vouching(later, PersonAnalyst)
	if anew.First = c.state.FirstOf(KeyOf(later)); anew.First != first {
		t.Fatalf("its first key is %s", anew.First)
	}
	c.must(next, anew)
	a := &Ask{SQL: about(2), Departments: c.state.history.prints[0].Past.Departments}
	past, err := c.reparsed().Compared(KeyOf(later), c.now(), a, []string{"heart"}, engine.Disclosure{Count: 10, History: 30})
	if err != nil || len(past) != 1 {
		t.Errorf("%d past answers of the person's: %v", len(past), err)
	}
	c.certifies(next, later, first)
}

// certifies has a person ask, after its department's key was replaced, and goes through the records of the certificate, in which the rotation is not.
func (c *court) certifies(department, analyst ed25519.PrivateKey, first Key) {
	c.t.Helper()
	c.keys[0] = department
	c.must(department, &Register{Registration: courtTable("a", 1)})
	c.steward(department, "a")
	c.form()
	a := c.question(9)
	c.must(analyst, a)
	q := c.state.Query(QueryID(c.id, KeyOf(analyst), a))
	c.advanceFor(analyst, q, PhaseShared)
	records, s := c.state.recordsOf(q), NewState(c.network, c.sizes)
	for i := range records {
		if b, err := records[i].Entry.Open(); err == nil && b.Kind() == KindVouch && b.(*Vouch).Replaces != (Key{}) {
			c.t.Error("the certificate holds the rotation: a test of nothing")
		}
		if err := s.leap(&records[i]); err != nil {
			c.t.Fatalf("%s: %v", records[i].Entry.Kind, err)
		}
	}
	if read := s.queries[q.ID]; read == nil || read.Phase != PhaseShared || s.FirstOf(KeyOf(analyst)) != first || len(s.recordsOf(read)) != len(records) {
		c.t.Errorf("the certificate's query: %+v, its analyst's first key is %s", read, s.FirstOf(KeyOf(analyst)))
	}
}
