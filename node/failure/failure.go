// Package failure is how an error reaches the person who runs a command: a stable code, one
// sentence, the place, a hint, and the exit status (node/README.md section 11.2). Texts that came
// from elsewhere are made safe for a terminal here.
//
// It imports engine and datasets, whose errors carry a place of their own; other packages' errors
// may say by a method Failure how they are shown. What faces a person imports it: the client, the
// auditor's side, the configuration of a node, and the commands.
package failure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// The exit statuses of every command. They are part of the interface: scripts branch on them.
const (
	StatusAnswered   = 0 // answered, or verified against pinned signers
	StatusRefused    = 1 // refused, failed, or not verified
	StatusUsage      = 2 // wrong flags, arguments or configuration
	StatusNotPinned  = 3 // a certificate that agrees with itself, its signers unknown or not the pinned ones
	maxSnippetLength = 160
)

// Failure is an error as its reader meets it: what is wrong, where, and what to do about it. Only the fields that
// apply are set. Code is stable and in kebab-case; Message is one sentence. It reveals nothing beyond the request
// and the files of whoever runs the command.
type Failure struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Hint       string `json:"hint,omitempty"`
	Department string `json:"department,omitempty"`
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     string `json:"column,omitempty"`
	Position   int    `json:"position,omitempty"` // 1-based, in characters of SQL

	Problems []Problem `json:"problems,omitempty"` // of a file of which several things are wrong: Message has them all
	Decision any       `json:"decision,omitempty"` // of a question that is not allowed: what a program reads of it

	SQL    string `json:"-"` // what Position counts in
	Hinted string `json:"-"` // the word before the hint, where it is not in English
	Status int    `json:"-"` // the exit status; 0 means statusRefused
	Cause  error  `json:"-"`
}

// Problem is one of several things that are wrong with a file.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// Error is the message with the place in front of it.
func (f *Failure) Error() string {
	place := f.File
	if place != "" && f.Line > 0 {
		place = fmt.Sprintf("%s:%d", place, f.Line)
	}
	if place == "" || strings.Contains(f.Message, f.File) {
		return f.Message
	}
	return place + ": " + f.Message
}

// Unwrap gives the cause, so that errors.Is sees through a Failure.
func (f *Failure) Unwrap() error { return f.Cause }

// ExitStatus is the exit status of a command that failed so.
func (f *Failure) ExitStatus() int {
	if f.Status == 0 {
		return StatusRefused
	}
	return f.Status
}

// Usage makes the failure of a command that was called wrongly.
func Usage(code, hint, format string, args ...any) *Failure {
	return &Failure{Code: code, Hint: hint, Message: fmt.Sprintf(format, args...), Status: StatusUsage}
}

// Refused makes the failure of a command that was called rightly and could not do what it was asked.
func Refused(code, hint, format string, args ...any) *Failure {
	return &Failure{Code: code, Hint: hint, Message: fmt.Sprintf(format, args...), Status: StatusRefused}
}

// Write prints the failure for a person: the sentence, the place in the SQL when there is one, the hint.
func (f *Failure) Write(w io.Writer) {
	var b strings.Builder
	b.WriteString("parley: ")
	unnamed := func(department string) bool { return !strings.Contains(f.Message, department) }
	if f.Department != "" && slices.ContainsFunc(strings.Split(f.Department, ", "), unnamed) {
		fmt.Fprintf(&b, "department %s: ", Printable(f.Department))
	}
	b.WriteString(PrintableLines(f.Error()))
	b.WriteByte('\n')
	for _, line := range snippet(f.SQL, f.Position) {
		b.WriteString("  " + line + "\n")
	}
	if f.Hint != "" {
		b.WriteString("  " + cmp.Or(f.Hinted, "hint: ") + PrintableLines(f.Hint) + "\n")
	}
	io.WriteString(w, b.String())
}

// snippet shows the line of sql that holds the 1-based character position, and a caret under the character. Long
// lines are cut around it. No position gives no lines.
func snippet(sql string, position int) []string {
	runes := []rune(sql)
	if position < 1 || position > len(runes)+1 {
		return nil
	}
	at := position - 1
	from, to := at, at
	for from > 0 && runes[from-1] != '\n' && at-from < maxSnippetLength/2 {
		from--
	}
	for to < len(runes) && runes[to] != '\n' && to-at < maxSnippetLength/2 {
		to++
	}
	before, after := Printable(string(runes[from:at])), Printable(string(runes[at:to]))
	return []string{before + after, strings.Repeat(" ", DisplayWidth(before)) + "^"}
}

// Of gives any error the shape in which it is shown. Errors of engine and datasets carry their own place and code,
// and one with a method Failure says itself how it is shown; what is left is an internal failure, shown by its sentence
// alone.
func Of(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	if f := ofParts(err); f != nil {
		f.Cause = err
		return f
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Failure{Code: "interrupted", Message: "interrupted before an answer", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Code: "deadline", Message: "no answer within the deadline", Cause: err}
	}
	return &Failure{Code: "failed", Message: err.Error(), Cause: err}
}

// ofParts maps the typed errors of the packages below; nil when err is none of them.
func ofParts(err error) *Failure {
	var question *engine.Error
	if errors.As(err, &question) {
		return &Failure{Code: question.Code, Message: question.Message, Hint: question.Hint, Position: question.Position}
	}
	var file *files.Error
	if errors.As(err, &file) {
		plain := *file
		plain.File, plain.Line, plain.Column, plain.Hint = "", 0, 0, ""
		return &Failure{Code: "data", Message: plain.Error(), Hint: file.Hint, File: file.File, Line: int(file.Line),
			Column: file.Field}
	}
	var own interface{ Failure() *Failure }
	if errors.As(err, &own) {
		return own.Failure()
	}
	return nil
}

// Unreadable is the failure of a file that a flag or a configuration names.
func Unreadable(code, path string, err error) *Failure {
	reason := err
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		reason = pathErr.Err
	}
	f := Usage(code, "", "cannot read %s: %s", path, reason)
	f.File, f.Cause = path, err
	return f
}
