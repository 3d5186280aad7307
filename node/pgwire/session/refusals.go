package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/pgwire"
	"parley/protocols"
)

// refuse makes an error.
func refuse(code, format string, args ...any) *pgwire.Error {
	return &pgwire.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// at sets an error's position, 1-based in characters.
func at(e *pgwire.Error, position int) *pgwire.Error {
	e.Position = position
	return e
}

// hinted sets its hint.
func hinted(e *pgwire.Error, format string, args ...any) *pgwire.Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// states are the SQLSTATEs of what an analyst is refused with; README section 6.
var states = map[string]string{
	engine.CodeSyntax: "42601", engine.CodeUnsupported: "0A000", engine.CodeTable: "42P01", engine.CodeColumn: "42703", engine.CodeType: "42804",
	engine.CodeOverflow: "22003", engine.CodeLimit: "54000", engine.CodeDepartments: "22023", engine.CodeCatalogue: "XX001", engine.CodeSchema: "42P16",
	engine.CodeCells: "XX000", engine.CodeDivision: "22012", engine.CodeSingular: "22023", engine.CodePolicy: "42501", engine.CodeWithheld: "42501",
	engine.CodeUnanswered: "0A000", engine.CodeHistory: "42501",
	protocols.CodeNotVouched: "28000", protocols.CodeStaleHistory: "40001", protocols.CodeStaleSpine: "40001", "stale-catalogue": "40001",
	protocols.CodeHistoryFull: "54000", protocols.CodeEpochExhausted: "53000", protocols.CodeShadow: "55000",
	"unavailable": "57P03", "not-ready": "57P03", "expired": "57P03", "too-late": "57014", "withdrawn": "57014", "not-withdrawn": "57014",
	"network": "08004", "keys": "XX001", "unverified": "XX000", "busy": "53300",
}

// refusal is an error as a client is told it. What has no code of its own is not told: the door answers "internal error" and logs it.
func (s *session) refusal(err error) error {
	var told *pgwire.Error
	if errors.As(err, &told) {
		return told
	}
	var q *client.QueryError
	if !errors.As(err, &q) {
		var e *engine.Error
		if !errors.As(err, &e) {
			return err
		}
		q = &client.QueryError{Code: e.Code, Sentence: e.Message, Position: e.Position, Hint: e.Hint}
	}
	code, known := states[q.Code]
	if !known {
		code = "58000" // a fault of departments or of their network, not of the statement
	}
	e := &pgwire.Error{Code: code, Message: failure.PrintableLines(q.Sentence), Hint: failure.PrintableLines(q.Hint)}
	if q.Position > 0 {
		e.Position = q.Position
	}
	if len(q.Departments) > 0 {
		e.Detail = "Departments: " + failure.Printable(strings.Join(q.Departments, ", ")) + "."
	}
	if q.Decision != nil {
		s.decided(e, q.Decision)
	}
	if q.Code != "" && !known {
		e.Detail = strings.TrimSpace(e.Detail + " (" + failure.Printable(q.Code) + ")")
	}
	return e
}

// decided says which grants a question lacks, of whom, and what to do about it.
func (s *session) decided(e *pgwire.Error, d *policy.Decision) {
	var lines, hints []string
	for i := range d.Missing {
		m := &d.Missing[i]
		line := m.Sentence(s.language())
		if m.Department != "" {
			line = m.Department + ", " + m.Table + ": " + line
		}
		if line = failure.Printable(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 { // the decision's own text has them as well
		e.Message, e.Detail = "the departments do not allow this question", strings.Join(lines, "\n")
		if s.language() == policy.Chinese {
			e.Message = "各部门不允许此问题"
		}
	}
	if s.settings["parley.purpose"] == "" {
		hints = append(hints, "Say what the answer is for: SET parley.purpose = '…'.")
	}
	switch {
	case e.Hint != "": // the desk's own, with the command as it is typed
		hints = append(hints, e.Hint)
	case d.Request != nil && s.settings["parley.purpose"] != "":
		hints = append(hints, "This requests what is missing, of all of them at once:\n    "+s.request(d.Request))
	}
	e.Hint = strings.Join(hints, "\n")
}

// request is the command that asks for the grants that are missing.
func (s *session) request(r *policy.Request) string {
	words := []string{"parley", "request", "--departments", strings.Join(r.Departments, ","),
		"--purpose", s.settings["parley.purpose"]}
	if basis := s.settings["parley.legal_basis"]; basis != "" {
		words = append(words, "--basis", basis)
	}
	return failure.Command(append(words, r.Question)...)
}

// ended is the error of a statement whose context ended: what became of it is the client's sentence, where there is one.
func (s *session) ended(ctx context.Context, limit time.Duration, err error) error {
	why := "canceling statement due to user request"
	if errors.Is(context.Cause(ctx), errTimeout) {
		why = fmt.Sprintf("canceling statement due to statement timeout (%s)", limit)
	}
	e := refuse("57014", "%s", why)
	var q *client.QueryError
	if errors.As(err, &q) {
		e.Detail = failure.PrintableLines(q.Sentence)
		e.Hint = failure.PrintableLines(q.Hint)
	}
	return e
}

// errTimeout is why a statement's context ended when statement_timeout is over.
var errTimeout = errors.New("statement_timeout")
