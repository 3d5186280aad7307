package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/engine"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/pgwire"
	"parley/node/render"
)

// question is a SELECT that departments answer.
type question struct {
	s      *session
	src    source
	slots  []slot // where its parameters stand, in the order of the text
	types  []uint32
	result []pgwire.Column
}

// question prepares a question: it is planned with a placeholder for each parameter.
func (s *session) question(ctx context.Context, src source, node *pg.Node, declared []uint32) (query, error) {
	q := &question{s: s, src: src.trimmed()}
	shown, err := s.desk.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	if err := q.infer(src, node, shown, declared); err != nil {
		return nil, err
	}
	text := q.filled(func(slot slot) string { return slot.placeholder() })
	columns, err := s.desk.Plan(ctx, text.sql)
	if err != nil {
		return nil, q.refused(text, err)
	}
	q.result = columnsOf(columns)
	return q, nil
}

// refused is the desk's error with its position in the client's text. It stays what it is, for whoever asks further.
func (q *question) refused(text filling, err error) error {
	refused, ok := asQueryError(err)
	if !ok {
		return err
	}
	moved := *refused
	if moved.Position > 0 {
		moved.Position = q.src.base + text.original(moved.Position)
	}
	return &moved
}

func (q *question) parameters() []uint32     { return q.types }
func (q *question) columns() []pgwire.Column { return q.result }

// text is the question with its parameters' values in their places.
func (q *question) text(arguments []pgwire.Value) (filling, error) {
	literals := make([]string, len(q.slots))
	size := len(q.src.sql)
	for i, slot := range q.slots {
		var err error
		if literals[i], err = slot.literal(q.types[slot.number-1], arguments[slot.number-1]); err != nil {
			return filling{}, at(refuse("22P02", "parameter $%d: %s", slot.number, err), q.src.at(slot.from))
		}
		// A parameter may stand in thousands of places, and its value is written into each of them.
		if size += len(literals[i]); size > MaxTextBytes {
			return filling{}, at(refuse("54000", "with its parameters' values the question has more than %d bytes", MaxTextBytes), q.src.at(slot.from))
		}
	}
	next := -1
	return q.filled(func(slot) string { next++; return literals[next] }), nil
}

// run asks it.
func (q *question) run(ctx context.Context, arguments []pgwire.Value) ([]pgwire.Row, error) {
	text, err := q.text(arguments)
	if err != nil {
		return nil, err
	}
	o := q.s.options()
	if strings.TrimSpace(o.Purpose) == "" {
		return nil, hinted(refuse("42501", "the question has no purpose: without one no department answers"),
			"Say what the answer is for: SET parley.purpose = '…'. It stands on the ledger; parley.legal_basis is for the legal basis, where one is demanded.")
	}
	told := q.s.progress()
	o.Progress = told.step
	var answer *client.Answer
	var asked error
	told.during(func() { answer, asked = q.s.desk.Ask(ctx, text.sql, o) })
	if asked != nil {
		return nil, q.refused(text, asked)
	}
	if answer == nil || answer.Result == nil || len(answer.Result.Kinds) != len(answer.Result.Columns) {
		return nil, refuse("XX000", "the answer has no result")
	}
	q.result = make([]pgwire.Column, len(answer.Result.Columns))
	for i, name := range answer.Result.Columns {
		q.result[i] = pgwire.Column{Name: name, Type: oidOf(answer.Result.Kinds[i]), Modifier: -1}
	}
	rows := rowsOf(answer.Result)
	q.s.noteAnswer(answer)
	return rows, nil
}

func (q *question) explain(ctx context.Context, arguments []pgwire.Value) ([]string, error) {
	text := q.filled(func(slot slot) string { return slot.placeholder() })
	if len(arguments) > 0 {
		var err error
		if text, err = q.text(arguments); err != nil {
			return nil, err
		}
	}
	lines, err := q.s.desk.Explain(ctx, text.sql, q.s.options())
	if err != nil {
		return nil, q.refused(text, err)
	}
	return lines, nil
}

// slot is a place in a question's text where a parameter stands.
type slot struct {
	number   int
	from, to int32 // bytes of the source
	kind     slotKind
	list     bool // of a list, behind ANY or ALL
}

// placeholder is what it is planned with.
func (s slot) placeholder() string {
	if s.list {
		return "ARRAY[" + s.kind.placeholder() + "]"
	}
	return s.kind.placeholder()
}

// literal is a value as it stands there.
func (s slot) literal(oid uint32, v pgwire.Value) (string, error) {
	if s.list && v != nil {
		return s.kind.list(string(v))
	}
	return s.kind.literal(oid, v)
}

// filling is a text with values in the places of parameters.
type filling struct {
	sql   string
	moves []move
}

// move is a place of it that came of a parameter: characters from 0, to excluded.
type move struct{ from, to, was, wasTo int }

// original is the 1-based character of the client's text of one of the filled text.
func (f filling) original(position int) int {
	p := position - 1
	shift := 0
	for _, m := range f.moves {
		switch {
		case p < m.from:
			return p + shift + 1
		case p < m.to:
			return m.was + 1
		}
		shift = m.wasTo - m.to
	}
	return p + shift + 1
}

// apart are the signs that a constant does not run into.
const apart = " \t\r\n(),;"

// filled puts literals in the places of the parameters.
func (q *question) filled(literal func(slot) string) filling {
	var b strings.Builder
	var out filling
	last, now, was := int32(0), 0, 0
	for _, slot := range q.slots {
		before := q.src.sql[last:slot.from]
		n := runes(before)
		text := literal(slot)
		if before != "" && !strings.Contains(apart, before[len(before)-1:]) || before == "" && last > 0 {
			text = " " + text // a sign or a word beside it stays one of its own
		}
		if rest := q.src.sql[slot.to:]; rest != "" && !strings.Contains(apart, rest[:1]) {
			text += " "
		}
		b.WriteString(before)
		b.WriteString(text)
		now, was = now+n, was+n
		width, length := runes(text), runes(q.src.sql[slot.from:slot.to])
		out.moves = append(out.moves, move{from: now, to: now + width, was: was, wasTo: was + length})
		now, was, last = now+width, was+length, slot.to
	}
	b.WriteString(q.src.sql[last:])
	out.sql = b.String()
	return out
}

// noteAnswer says what stands beneath an answer's rows, and where its certificate is.
func (s *session) noteAnswer(a *client.Answer) {
	for _, line := range notesOf(a, s.language()) {
		s.notice(pgwire.Notice{Severity: "NOTICE", Message: failure.Printable(line)})
	}
	s.notice(pgwire.Notice{Severity: "NOTICE", Message: failure.Printable(render.VerdictLine(a.Verdict)),
		Hint: fmt.Sprintf("SELECT certificate FROM parley.answers WHERE query = '%s'", a.Query)})
}

// asksOf are the tables of a FROM, as the parser names them, with those of the catalogue that they are.
func asksOf(node *pg.Node, shown engine.Catalogue) []engine.Registration {
	var out []engine.Registration
	for _, v := range ranges(node.ProtoReflect(), nil, nil) {
		for _, r := range shown {
			if sameTable(v.Relname, r.Table) && !slices.ContainsFunc(out, func(o engine.Registration) bool { return o.Table == r.Table && o.Department == r.Department }) {
				out = append(out, r)
			}
		}
	}
	return out
}
