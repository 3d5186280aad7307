package engine

import (
	"fmt"
	"strings"
)

// The codes of Error. A code is stable: clients switch on it, README section 9
// says what each one means.
const (
	CodeSyntax      = "syntax"      // the text is not PostgreSQL's grammar
	CodeUnsupported = "unsupported" // PostgreSQL's grammar, but outside the whitelist
	CodeTable       = "table"       // no such table, or a department does not hold it
	CodeColumn      = "column"      // no such column, or an ambiguous one
	CodeType        = "type"        // operands of the wrong type
	CodeOverflow    = "overflow"    // a bound is wider than can be carried, or a cell is outside its bound
	CodeLimit       = "limit"       // a named limit is exceeded
	CodeDepartments = "departments" // the list of contributors is not acceptable
	CodeCatalogue   = "catalogue"   // a registration is malformed
	CodeSchema      = "schema"      // departments disagree on a table's columns or types
	CodeCells       = "cells"       // cells or limbs do not fit the plan
	CodeDivision    = "division"    // division by zero
	CodeSingular    = "singular"    // a regression's design is singular
	CodePolicy      = "policy"      // a department does not admit the query
	CodeWithheld    = "withheld"    // what a later round needs of an earlier one is withheld
	CodeUnanswered  = "unanswered"  // a join across departments, where the network answers none
	CodeHistory     = "history"     // with an earlier answer this one would tell too much
)

// Error is every refusal of this package: what a client shows to an analyst. It
// holds nothing of any row. README section 9.
type Error struct {
	Code     string // one of the Code constants
	Position int    // 1-based character offset in the SQL text, 0 when there is none
	Message  string // one sentence
	Hint     string // what to write instead; may be empty
}

// Error gives the sentence and the hint on one line, without the position.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + strings.TrimSuffix(e.Hint, ".") + ")"
}

// refuse makes an Error from a format.
func refuse(code string, position int, format string, args ...any) *Error {
	return &Error{Code: code, Position: position, Message: fmt.Sprintf(format, args...)}
}

// hinted adds a hint.
func hinted(e *Error, format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}
