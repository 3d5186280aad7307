package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"parley/engine"
	"parley/node/client"
	"parley/node/door"
	"parley/node/pgwire"
	"parley/node/render"
)

func runes(s string) int { return utf8.RuneCountInString(s) }

func asQueryError(err error) (*client.QueryError, bool) {
	var q *client.QueryError
	if errors.As(err, &q) {
		return q, true
	}
	var e *engine.Error
	if errors.As(err, &e) {
		return &client.QueryError{Code: e.Code, Sentence: e.Message, Position: e.Position, Hint: e.Hint}, true
	}
	return nil, false
}

// progress tells of a question's steps, the latest one at most once a second and the last one always. Steps come from the goroutine that asks,
// or others of it; the listener hears of them from the statement's own.
type progress struct {
	s      *session
	mu     sync.Mutex
	steps  []string // not yet told
	wake   chan struct{}
	latest string
}

func (s *session) progress() *progress { return &progress{s: s, wake: make(chan struct{}, 1)} }

// step takes a step; it does not block.
func (p *progress) step(step client.Step) {
	text := stepText(step)
	if text == "" {
		return
	}
	p.mu.Lock()
	p.steps = []string{text} // who is slow hears of the last one
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// during runs what asks, and tells of its steps meanwhile.
func (p *progress) during(ask func()) {
	done := make(chan struct{})
	var broken any
	go func() {
		defer close(done)
		defer func() { broken = recover() }()
		ask()
	}()
	var next time.Time
	for {
		select {
		case <-done:
			p.tell()
			if broken != nil {
				panic(broken) // in the statement's goroutine, where the door looks after it
			}
			return
		case <-p.wake:
		}
		if wait := time.Until(next); wait > 0 {
			select {
			case <-done:
				continue
			case <-time.After(wait):
			}
		}
		p.tell()
		next = time.Now().Add(progressEvery)
	}
}

func (p *progress) tell() {
	p.mu.Lock()
	steps := p.steps
	p.steps = nil
	p.mu.Unlock()
	for _, text := range steps {
		if text != p.latest {
			p.latest = text
			p.s.notice(pgwire.Notice{Severity: "NOTICE", Message: text})
		}
	}
}

// stepText is a step in a line; "" of one of which there is nothing to say.
func stepText(step client.Step) string {
	var b strings.Builder
	if step.Screening {
		b.WriteString("screening: ")
	}
	switch {
	case step.Name == door.StepTurn:
		fmt.Fprintf(&b, "waiting for its turn, at place %d of your questions", step.Total)
	case step.Name == client.StepWaiting && len(step.Absent) == 0:
		return ""
	case step.Name == client.StepWaiting:
		var names []string
		for _, a := range step.Absent {
			names = append(names, a.String())
		}
		b.WriteString("waiting for " + strings.Join(names, ", "))
	case step.Name == client.StepProving:
		fmt.Fprintf(&b, "proving, %d of %d proofs", step.Done, step.Total)
	default:
		b.WriteString(step.Name)
		if step.Total > 1 {
			fmt.Fprintf(&b, ", %d of %d departments", step.Done, step.Total)
		}
		if step.Department != "" {
			b.WriteString(": " + step.Department)
		}
	}
	if step.Elapsed > 0 {
		fmt.Fprintf(&b, " (%.1f s)", step.Elapsed.Seconds())
	}
	return b.String()
}

// notesOf are the lines beneath an answer: what is withheld, rounded or noisy, why values are NULL, a model's figures, how sure it is.
func notesOf(a *client.Answer, language string) []string {
	var out []string
	for _, n := range a.Result.Notes {
		out = append(out, fmt.Sprintf("row %d, %s is NULL: %s", n.Row+1, n.Column, n.Reason))
	}
	for _, f := range a.Result.Model {
		out = append(out, figureText(f))
	}
	if a.Plan != nil {
		out = append(out, lines(render.Notes(a, language))...)
		for _, note := range a.Plan.Notes() {
			out = append(out, "note: "+note)
		}
	}
	if len(a.NotAsked) > 0 {
		out = append(out, "not asked: "+strings.Join(a.NotAsked, ", ")+": the answer is without their rows")
	}
	if len(out) > noticeLines {
		more := len(out) - noticeLines
		out = append(slices.Clip(out[:noticeLines]), fmt.Sprintf("and %d lines more, which parley query has", more))
	}
	return out
}

func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// figureText is a figure of a model in a line.
func figureText(f engine.Figure) string {
	var b strings.Builder
	for i, v := range f.Group {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(orNull(v.Text))
	}
	if len(f.Group) > 0 {
		b.WriteString(": ")
	}
	b.WriteString(f.Name + " = " + orNull(f.Value.Text))
	if f.Reason != "" {
		b.WriteString(" (" + f.Reason + ")")
	}
	return b.String()
}

func orNull(text *string) string {
	if text == nil {
		return "NULL"
	}
	return *text
}
