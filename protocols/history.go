package protocols

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"parley/engine"
	"parley/engine/policy"
)

// Past is an earlier answer with which a screening compares its question (README section 3.12).
type Past struct {
	_           struct{} `cbor:",toarray"`
	SQL         string   // engine.Remembered
	Departments []string // the contributors, ascending
	Tables      engine.Digest
	Verdict     []byte        // what was shown, packed; empty: of several rounds
	Query       engine.Digest // the answer's; of equal ones the last
	Time        int64         // of its Ask's block, in milliseconds since 1970 (UTC)
}

// footprint is a past answer of a person's, as the referee remembers it.
type footprint struct {
	_      struct{} `cbor:",toarray"`
	Number uint64   // of the Ask's record
	First  Key      // the person's first key
	By     Key      // the department that vouched for it
	Tables []string // those that it is of, ascending
	Past   Past
}

// repeats reports whether an answer is to the same question of the same person, over whichever versions of the tables.
func (f *footprint) repeats(o *footprint) bool {
	return f.First == o.First && slices.Equal(f.Tables, o.Tables) && f.Past.asks(&o.Past)
}

// size is what it takes of limits: the names of tables count from the second on.
func (f *footprint) size() int {
	n := f.Past.size()
	for _, name := range f.Tables[1:] {
		n += len(name)
	}
	return n
}

func (f *footprint) checkTables() error {
	if len(f.Tables) == 0 || len(f.Tables) > engine.MaxJoined {
		return fmt.Errorf("a footprint of %d tables, allowed 1 to %d", len(f.Tables), engine.MaxJoined)
	}
	for i, name := range f.Tables {
		if len(name) == 0 || len(name) > engine.MaxNameBytes || i > 0 && f.Tables[i-1] >= name {
			return errors.New("the tables of a footprint are not ascending, or without a name")
		}
	}
	return nil
}

// history is what was answered under a rule that remembers it. Like people, a value never changes.
type history struct {
	prints []footprint // ascending by number
	digest func() engine.Digest
}

func newHistory(prints []footprint) *history {
	return &history{prints: prints, digest: sync.OnceValue(func() engine.Digest {
		return engine.Hash("parley history 1", engine.Marshal(prints))
	})}
}

// tablesDigest names the versions of the tables that a question is asked of.
func tablesDigest(a *Ask) engine.Digest {
	return engine.Hash("parley tables 1", engine.Marshal(a.Departments), engine.Marshal(a.Registrations))
}

func (p *Past) check() error {
	switch {
	case len(p.SQL) == 0 || len(p.SQL)+len(p.Verdict) > MaxPrintBytes || !utf8.ValidString(p.SQL):
		return fmt.Errorf("a past question is 1 to %d bytes of UTF-8, with its verdict", MaxPrintBytes)
	case len(p.Departments) == 0 || len(p.Departments) > MaxDepartments:
		return fmt.Errorf("a past question of %d departments, allowed 1 to %d", len(p.Departments), MaxDepartments)
	case p.Time < 0:
		return errors.New("a past question from before all time")
	}
	for i, name := range p.Departments {
		if err := checkName(name); err != nil {
			return err
		}
		if i > 0 && p.Departments[i-1] >= name {
			return errors.New("the departments of a past question are not ascending and distinct")
		}
	}
	if len(p.Verdict) == 0 {
		return nil
	}
	return checkRuns(p.Verdict, nil)
}

// size is what it takes of limits.
func (p *Past) size() int {
	n := len(p.SQL) + len(p.Verdict) + 128
	for _, name := range p.Departments {
		n += len(name)
	}
	return n
}

// checkPast holds what a screening is compared with to its limits.
func (b *Ask) checkPast() error {
	if len(b.Past) > 0 && !b.Screening {
		return errors.New("only a screening is compared with past questions")
	}
	if len(b.Past) > engine.MaxEarlier {
		return fmt.Errorf("%d past questions, allowed %d", len(b.Past), engine.MaxEarlier)
	}
	size := 0
	for i := range b.Past {
		if err := b.Past[i].check(); err != nil {
			return err
		}
		size += b.Past[i].size()
	}
	if size > MaxPastBytes {
		return fmt.Errorf("past questions of %d bytes, limit %d", size, MaxPastBytes)
	}
	return nil
}

// says reports whether two tell the same of the same rows.
func (p *Past) says(o *Past) bool {
	return p.asks(o) && p.Tables == o.Tables && slices.Equal(p.Verdict, o.Verdict)
}

// told is the same for two that say the same, and for no others.
func (p *Past) told() engine.Digest {
	return engine.Hash("parley past 1", engine.Marshal(&Past{SQL: p.SQL, Departments: p.Departments, Tables: p.Tables, Verdict: p.Verdict}))
}

// asks reports whether two ask the same of the same departments, of whichever versions of their tables.
func (p *Past) asks(o *Past) bool {
	return p.SQL == o.SQL && slices.Equal(p.Departments, o.Departments)
}

// disclosure are the rules of the contributors' policies; a rule or a grant in use can add to count alone.
func (r *ruling) disclosure() (d engine.Disclosure) {
	for _, p := range r.policies {
		d = d.Unite(p.document.Disclosure)
	}
	return d
}

// footprint is what is remembered of an answer; nil of a query that is none, or under no rule that asks for it.
func (q *QueryState) footprint() *footprint {
	if q.screen == nil || q.ruling.disclosure().History == 0 {
		return nil
	}
	var verdict []byte
	if q.Ask.Round == 0 {
		verdict = q.screen.packed
	}
	f, err := newFootprint(q.vouch, &q.Ask, namesOf(q.tables), verdict)
	if err != nil { // the Ask was refused
		return nil
	}
	f.Number, f.Past.Query, f.Past.Time = q.Number, q.ID, q.records[0].Time
	return f
}

func newFootprint(vouch *person, a *Ask, tables []string, verdict []byte) (*footprint, error) {
	sql, err := engine.Remembered(a.SQL)
	if err != nil {
		return nil, err
	}
	return &footprint{First: vouch.body.First, By: vouch.by(), Tables: tables,
		Past: Past{SQL: sql, Departments: a.Departments, Tables: tablesDigest(a), Verdict: verdict}}, nil
}

// with is the same with one more answer. Equal ones are kept once, the last; of other versions of the tables only the last
// is kept, and what is older than any rule asks for is dropped.
func (h *history) with(f *footprint) *history {
	prints := slices.DeleteFunc(slices.Clone(h.prints), func(o footprint) bool {
		again := o.repeats(f) && (o.Past.Tables != f.Past.Tables || o.Past.says(&f.Past))
		return again || o.Past.Time < f.Past.Time-days(engine.MaxHistoryDays)
	})
	at, _ := slices.BinarySearchFunc(prints, f.Number, func(o footprint, n uint64) int { return compareNumbers(o.Number, n) })
	return newHistory(slices.Insert(prints, at, *f))
}

// days is a time in milliseconds.
func days(n int64) int64 { return n * 24 * 3600 * 1000 }

// settle remembers an answer of which shares may be released now.
func (s *State) settle(q *QueryState) {
	if f := q.footprint(); f != nil && !s.gaps {
		s.history = s.history.with(f)
	}
}

// answering is the history with the answers that are under way.
func (s *State) answering() *history {
	h := s.history
	for _, id := range s.open {
		if q := s.queries[id]; q.Phase < PhaseSharing {
			if f := q.footprint(); f != nil {
				h = h.with(f)
			}
		}
	}
	return h
}

// near are the answers that a question is compared with under rules: those since a time, in milliseconds, about some of
// its departments, to the same person or to those who count as one with it. The question itself is not among them, and of equal ones the last.
func (s *State) near(h *history, f *footprint, d engine.Disclosure, since int64) (out []*footprint) {
	told := map[engine.Digest]bool{}
	for i := range slices.Backward(h.prints) {
		o := &h.prints[i]
		if !s.counts(o, f, d, since) || !slices.Equal(o.Tables, f.Tables) || o.Past.asks(&f.Past) {
			continue
		}
		if what := o.Past.told(); !told[what] {
			told[what] = true
			out = append(out, o)
		}
	}
	slices.Reverse(out)
	return out
}

// counts reports whether an answer is one since a time about some of a question's departments, to the same person or to those who count as one with it.
func (s *State) counts(o, f *footprint, d engine.Disclosure, since int64) bool {
	near := o.First == f.First || d.Together == engine.TogetherDepartment && s.vouchAlike(o, f) || d.Together == engine.TogetherAll
	return near && o.Past.Time > since && common(o.Past.Departments, f.Past.Departments)
}

func common(a, b []string) bool {
	return slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) })
}

// apart refuses a question of a table that an earlier answer joined with others, or that joins one of an earlier answer with others: what both tell
// together is not compared, as of all rows and of those that have a match. What was answered before, over the same versions, is answered again.
func (s *State) apart(h *history, f *footprint, d engine.Disclosure, since int64) *Refusal {
	if slices.ContainsFunc(h.prints, func(o footprint) bool { return o.repeats(f) && o.Past.Tables == f.Past.Tables }) {
		return nil
	}
	for i := range slices.Backward(h.prints) {
		o := &h.prints[i]
		if s.counts(o, f, d, since) && !slices.Equal(o.Tables, f.Tables) && common(o.Tables, f.Tables) {
			return refuse(engine.CodeHistory, "query %s of %s was answered from %s, so nothing is answered from %s before %s: what both tell together of the rows of a table is not compared",
				o.Past.Query, stamp(o.Past.Time/1000), tableText(o.Tables), tableText(f.Tables), stamp((o.Past.Time+days(d.History))/1000))
		}
	}
	return nil
}

// before are the past answers of near.
func (s *State) before(h *history, f *footprint, d engine.Disclosure, since int64) (out []Past) {
	for _, o := range s.near(h, f, d, since) {
		out = append(out, o.Past)
	}
	return out
}

// vouchAlike reports whether the persons of two answers are of one department, whatever its key is and was.
func (s *State) vouchAlike(a, b *footprint) bool {
	return a.By == b.By || s.NameOf(a.By) == s.NameOf(b.By)
}

// recalls refuses a question that is not compared with all that it has to be, or for which there is no room to be remembered.
func (s *State) recalls(r *Record, b *Ask, vouch *person, under *ruling, tables []*tableState, screen *QueryState) *Refusal {
	d := under.disclosure()
	if d.History == 0 || !b.Screening && screen == nil {
		if len(b.Past) > 0 {
			return refuse("malformed", "no department asks for a history: the question is compared with no other")
		}
		return nil
	}
	var verdict []byte
	if screen != nil && b.Round == 0 {
		verdict = screen.packed
	}
	f, err := newFootprint(vouch, b, namesOf(tables), verdict)
	if err != nil {
		return refuse("malformed", "the round cannot be remembered: %v", err)
	}
	f.Number, f.Past.Time = r.Number, r.Time
	all := s.answering()
	if i := slices.IndexFunc(all.prints, func(o footprint) bool { return o.repeats(f) }); screen == nil && i >= 0 {
		f.Past.Verdict = all.prints[i].Past.Verdict // which it is likely to be again
	}
	since := r.Time - days(d.History)
	if refusal := s.apart(all, f, d, since); refusal != nil {
		return refusal
	}
	if refusal := s.roomFor(f, all, d); refusal != nil {
		return refusal
	}
	compared := b.Past
	if screen != nil {
		compared = screen.Ask.Past
		if why := screen.RefusedByHistory(); why != "" {
			return refuse(engine.CodeHistory, "%s", why)
		}
	}
	has := func(list []Past, p Past) bool {
		return slices.ContainsFunc(list, func(o Past) bool { return o.says(&p) })
	}
	for _, p := range s.before(all, f, d, since) {
		if !has(compared, p) {
			return refuse(CodeStaleHistory, "the question was not compared with query %s, which was answered before: ask again", p.Query)
		}
	}
	if screen != nil {
		return nil
	}
	known := s.before(all, f, d, -1)
	for i := range b.Past {
		same := func(o Past) bool { return o.says(&b.Past[i]) && o.Query == b.Past[i].Query && o.Time == b.Past[i].Time }
		if !slices.ContainsFunc(known, same) {
			return refuse(CodeStaleHistory, "query %s is none, or not the last, that the question is to be compared with: ask again", b.Past[i].Query)
		}
	}
	return nil
}

// CodeStaleHistory is of a question that another answer came before: it is asked again, and compared with that.
const CodeStaleHistory = "stale-history"

// roomFor refuses a question for whose answer there is no room to be remembered: nothing is forgotten before its time.
func (s *State) roomFor(f *footprint, h *history, d engine.Disclosure) *Refusal {
	next := h.with(f)
	of := func(h *history) (bytes, all int) {
		for i := range h.prints {
			o := &h.prints[i]
			size := o.size()
			if all += size; s.vouchAlike(o, f) {
				bytes += size
			}
		}
		return bytes, all
	}
	bytes, all := of(next)
	before, _ := of(h)
	switch {
	case f.Past.check() != nil:
		return refuse(CodeHistoryFull, "a question that is remembered has at most %d bytes, with its verdict: ask a shorter one, or for fewer groups", MaxPrintBytes)
	case bytes > max(MaxHistoryBytes/s.members.departments(), before) || all > MaxHistoryBytes:
		return refuse(CodeHistoryFull, "the questions of the persons for whom department %q vouches take all the room that they have to be remembered", s.NameOf(f.By))
	}
	return s.placeFor(f, h, d)
}

// placeFor refuses a question with whose answer more would be compared with later ones than can be: of a person, or, where several count as one,
// half of what the others leave, so that nobody takes all. What was answered to the person before is no new answer.
func (s *State) placeFor(f *footprint, h *history, d engine.Disclosure) *Refusal {
	if slices.ContainsFunc(h.prints, func(o footprint) bool { return o.repeats(f) }) {
		return nil
	}
	near := s.near(h, f, d, f.Past.Time-days(d.History))
	var own []*footprint
	for _, o := range near {
		if o.First == f.First {
			own = append(own, o)
		}
	}
	others := len(near) - len(own)
	places := engine.MaxEarlier - others
	if d.Together != engine.TogetherPerson {
		places /= 2
	}
	if len(own) < places {
		return nil
	}
	first := near[0] // there are some: of none there are places
	if len(own) > 0 {
		first = own[0]
	}
	return refuse(CodeHistoryFull, "%d answers to this person and %d to others are compared with, and there is no place for a new one before %s: until then ask again what was answered",
		len(own), others, stamp((first.Past.Time+days(d.History))/1000))
}

// CodeHistoryFull is of a question whose answer could not be remembered.
const CodeHistoryFull = "history-full"

// RefusedByHistory is the sentence by which a screening's verdict refuses the answer for the sake of an earlier one; "" where it
// does not, or there is no verdict yet.
func (q *QueryState) RefusedByHistory() string { return q.RefusedByHistoryIn(policy.English) }

// RefusedByHistoryIn is RefusedByHistory in a language, as people read it: what the referee says is English.
func (q *QueryState) RefusedByHistoryIn(language string) string {
	if j, refused := engine.EarlierOf(q.Verdict()); refused && j < len(q.Ask.Past) {
		return q.Ask.Past[j].sentence(language)
	}
	return ""
}

// sentence says that a question is refused for the sake of a past one.
func (p *Past) sentence(language string) string {
	text := "with the answer to query %s of %s this one would tell of too few rows: %s"
	if language == policy.Chinese {
		text = "若与查询%s（%s）的答复合在一起，此问题会透露过少的行：%s"
	}
	return sentence(fmt.Sprintf(text, p.Query, stamp(p.Time/1000), p.SQL))
}

// Compared is what a question of a person's is compared with, if it is asked in a block of this time, in seconds. Of a its texts,
// departments and registrations count.
func (s *State) Compared(asker Key, at int64, a *Ask, tables []string, d engine.Disclosure) ([]Past, error) {
	vouch := s.people.inForce(asker)
	if d.History == 0 || vouch == nil {
		return nil, nil
	}
	f, err := newFootprint(vouch, a, tables, nil)
	if err != nil {
		return nil, err
	}
	all, since := s.answering(), at*1000-days(d.History)
	if refusal := s.apart(all, f, d, since); refusal != nil {
		return nil, &engine.Error{Code: refusal.Code, Message: refusal.Sentence, Hint: "ask of the same tables as then"}
	}
	out := s.before(all, f, d, since)
	b := Ask{Screening: true, Past: out}
	if err := b.checkPast(); err != nil {
		return nil, &engine.Error{Code: engine.CodeHistory, Message: "the question cannot be compared with all that was answered before: " + err.Error(),
			Hint: "ask again what was answered before, or wait: the first of these answers is compared with until " + stamp((out[0].Time+days(d.History))/1000)}
	}
	return out, nil
}

// Before is what a plan of a person's would be compared with now: at is the time of the next block, in seconds.
func (s *State) Before(asker Key, at int64, p *engine.Plan, d engine.Disclosure) ([]engine.Earlier, error) {
	a := Ask{SQL: p.SQL, Departments: p.Departments}
	for _, r := range p.Catalogue() {
		a.Registrations = append(a.Registrations, RegistrationDigest(r))
	}
	var err error
	if a.Past, err = s.Compared(asker, at, &a, p.Tables(), d); err != nil {
		return nil, err
	}
	return earlier(&a)
}

// earlier are past answers as the engine compares with them.
func earlier(a *Ask) (out []engine.Earlier, err error) {
	tables := tablesDigest(a)
	for _, p := range a.Past {
		e := engine.Earlier{SQL: p.SQL, Departments: p.Departments, Former: p.Tables != tables}
		if len(p.Verdict) > 0 {
			if e.Verdict, err = unpackVerdict(p.Verdict); err != nil {
				return nil, err
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// check takes the footprints of a snapshot.
func (h *history) check() error {
	for i := range h.prints {
		f := &h.prints[i]
		if f.Number == 0 || i > 0 && h.prints[i-1].Number >= f.Number {
			return errors.New("the footprints are not ascending")
		}
		if err := f.checkTables(); err != nil {
			return err
		}
		if err := f.Past.check(); err != nil {
			return err
		}
	}
	return nil
}
