package engine

import (
	"errors"
	"fmt"
	"strings"
)

// Session is a question that takes one round or several. Each round is a plan of its
// own, with a query id, a certificate and a charge of its own; the next one's SQL
// follows from the question and the answers of those before, so that whoever holds the
// certificates replays the chain. A session is not safe for concurrent use. README
// section 12.
type Session struct {
	sql         string
	catalogue   Catalogue
	departments []string
	packing     Packing
	plan        *Plan     // of the present round; nil when all is answered
	procedure   procedure // nil when one round is enough
	result      *Result
	partial     []string
}

// procedure is how a question of several rounds goes on.
type procedure interface {
	// statement is the present round's SQL.
	statement() string
	// step takes the present round's answer; done when the question is answered.
	step(round *Result) (done bool, err error)
	// answer is the question's, when step is done.
	answer() (*Result, error)
	// columns are the answer's.
	columns() ([]string, []Kind)
	// explain says for each of the rounds that there may be what it may take and who learns what.
	explain() []ExplainedRound
	// shapes are the texts that a round may have (Session.Leads).
	shapes() []shape
}

// NewSession plans the first round. The arguments and the errors are those of NewPlan;
// what NewPlan refuses because a column has no dictionary is searched for where README
// section 12 says so, and logreg is fitted, one Newton step a round (section 13).
func NewSession(sql string, cat Catalogue, departments []string, p Packing) (*Session, error) {
	return newSession(sql, cat, departments, p, false)
}

// NewLinkedSession plans what NewSession plans, and what NewLinkedPlan does, which takes one round.
func NewLinkedSession(sql string, cat Catalogue, departments []string, p Packing) (*Session, error) {
	s, err := newSession(sql, cat, departments, p, true)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == CodeUnanswered { // a part of the question, or a round of it
		return nil, inOneRound(refused.Position)
	}
	return s, err
}

func newSession(sql string, cat Catalogue, departments []string, p Packing, linked bool) (*Session, error) {
	s := &Session{sql: sql, catalogue: cat, departments: departments, packing: p}
	switch c, err := newCompound(sql, cat, departments, p); {
	case err != nil:
		return nil, err
	case c != nil:
		s.procedure = c
		return s, s.next()
	}
	b, err := bindQuestion(sql, cat, departments, p)
	if err == nil && b.fit != nil {
		s.procedure = b.fit
		if err := s.next(); err != nil {
			return nil, b.fit.placed(err)
		}
		b.fit.measure(s.plan)
		return s, nil
	}
	if err == nil {
		if s.plan, err = b.packed(p, linked); err == nil {
			return s, nil
		}
	}
	search, refused := newSearch(sql, cat, departments, p)
	switch {
	case refused != nil:
		return nil, refused
	case search == nil:
		return nil, err
	}
	s.procedure = search
	return s, s.next()
}

// Plan is the present round's; nil when the answer is there.
func (s *Session) Plan() *Plan { return s.plan }

// Partial has the explanation name departments that hold some of the tables that are joined, and not all.
func (s *Session) Partial(departments []string) { s.partial = departments }

// Result is the answer; nil while there are rounds to come.
func (s *Session) Result() *Result { return s.result }

// Step takes the present round's answer, what its plan's Finish gives and its verified
// certificate shows, and goes on to the next round or to the answer. The error is
// CodeCells where the answer contradicts the rounds before, and otherwise why
// the procedure gives up; the session has then ended.
func (s *Session) Step(round *Result) error {
	if s.plan == nil {
		return refuse(CodeCells, 0, "the question is answered")
	}
	if s.procedure == nil {
		s.plan, s.result = nil, round
		return nil
	}
	done, err := s.procedure.step(round)
	switch {
	case err != nil:
		s.plan = nil
		return err
	case done:
		s.plan = nil
		s.result, err = s.procedure.answer()
		return err
	}
	return s.next()
}

// next plans the next round. Its text names the question, so that rounds of different
// questions differ even where they count the same.
func (s *Session) next() (err error) {
	s.plan, err = NewPlan(RoundMark(s.sql)+s.procedure.statement(), s.catalogue, s.departments, s.packing)
	return err
}

const roundMark = "/* of question "

// RoundMark is what the text of each round of a question begins with: a comment that names the
// question by its digest.
func RoundMark(question string) string {
	return roundMark + QuestionDigest(question).String() + " */ "
}

// QuestionDigest names a question of several rounds by its text.
func QuestionDigest(question string) Digest { return Hash("parley question 1", []byte(question)) }

// IsRound reports whether a text says that it is a round of some question.
func IsRound(sql string) bool { return strings.HasPrefix(sql, roundMark) }

// SessionExplanation says what each round reveals, before the first is asked.
type SessionExplanation struct {
	Rounds []ExplainedRound `json:"rounds"`
	First  Explanation      `json:"first"` // of the first round's plan
	// Columns and Kinds are those of the answer, whatever its rounds ask.
	Columns []string `json:"-"`
	Kinds   []Kind   `json:"-"`
}

// ExplainedRound is one round of a session.
type ExplainedRound struct {
	Cells       int    `json:"cells"`       // at most
	Ciphertexts int    `json:"ciphertexts"` // of each department, at most
	Learns      string `json:"learns"`
}

// Explain describes the rounds to come. It is meant for a session before its first
// step.
func (s *Session) Explain() SessionExplanation { return s.ExplainIn(English) }

// ExplainIn describes them in a language, but for what is of a question of several rounds.
func (s *Session) ExplainIn(l Language) SessionExplanation {
	if s.plan == nil {
		return SessionExplanation{}
	}
	out := SessionExplanation{First: s.plan.ExplainIn(l)}
	out.First.Partial = s.partial
	if s.procedure == nil {
		out.Columns, out.Kinds = s.plan.columns()
		out.Rounds = []ExplainedRound{{s.plan.CellCount(), s.plan.Ciphertexts(), out.First.Learns[0].What}}
		return out
	}
	out.Columns, out.Kinds = s.procedure.columns()
	out.Rounds = s.procedure.explain()
	return out
}

// String writes the explanation for people: that of the first round's plan, and after
// it the rounds when there are several.
func (x SessionExplanation) String() string {
	text := x.First.String()
	if len(x.Rounds) < 2 {
		return text
	}
	text += fmt.Sprintf("The question takes up to %d rounds, each a query with a certificate of its own; this was the first.\n", len(x.Rounds))
	for i := 0; i < len(x.Rounds); {
		r, first := x.Rounds[i], i+1
		for i++; i < len(x.Rounds) && x.Rounds[i] == r; i++ { // rounds that reveal the same make one line
		}
		which := fmt.Sprintf("Round %d,", first)
		if i > first {
			which = fmt.Sprintf("Rounds %d to %d, each", first, i)
		}
		text += fmt.Sprintf("%s at most %s in %s: %s.\n", which, Plural(r.Cells, "cell"), Plural(r.Ciphertexts, "ciphertext"), r.Learns)
	}
	return text
}
