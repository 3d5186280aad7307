// Package dialect writes what a plan asks of rows, engine.Expr and engine.Moment, as SQL of the
// database that holds them, with the meaning that engine.Expr.Eval gives it: bit by bit the same
// integers, the same NULLs, text by bytes. It opens no connection.
//
// ../README.md is its specification; section numbers in comments refer to it.
package dialect

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"parley/engine"
)

// ErrBeyond is in the chain of an error about an expression that the database cannot compute as the
// engine does: its integers do not suffice, or it has no form of that meaning. The error's text says
// which.
var ErrBeyond = errors.New("beyond what the database computes exactly")

// beyond is an ErrBeyond that says what is.
func beyond(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrBeyond)...)
}

// Dialect is the SQL of one database: what it computes exactly with, and how it writes what the others
// write otherwise.
type Dialect struct {
	// Name of the database, as people know it.
	Name string
	// widths are the integers that it computes exactly with, ascending.
	widths []width
	// days is the type of a number of days, text and boolean those of texts and truth values.
	days, text, boolean string
	// filters: an aggregate takes FILTER (WHERE ...).
	filters bool
	// sum writes the sum of integers, without an overflow within the last of widths.
	sum func(argument string) string
	// largest writes the sum of so many of the largest of integers, with a FILTER; "": that is not asked of it.
	largest string
	// bare: its plain sum of decimals is exact, so that of Column.Bare is taken.
	bare bool
	// points: its decimals add, subtract and multiply exactly at any scale, so that sums of them need not be
	// scaled first.
	points bool
	// quote writes a text as a constant.
	quote func(text string) string
	// date makes a DATE of a number of days since 1970-01-01, dayNumber the reverse.
	date, dayNumber func(string) string
	// firstDay and lastDay are the days that a DATE can be of; both 0: any that the engine knows.
	firstDay, lastDay int64
	// parts are the fields of a DATE, as integers, and truncations the DATEs with which periods begin.
	// What they have no entry for is left to the engine.
	parts, truncations map[string]func(date string) string
	// forms are the operations that it writes otherwise than the table forms does.
	forms map[engine.Op]form
	// steps writes scores; nil: it has none.
	steps *steps
	// call writes what has no form; nil: by the dictionary of the column that it depends on.
	call func(w Writer, e *engine.Expr, n width) (string, error)
}

// width is an integer type: what CAST calls it, how many bits of values it holds with one left free,
// so that no value comes near the end of its range, and its quotient and remainder, truncated toward
// zero and with the sign of the dividend.
type width struct {
	name           string
	bits           int
	divide, modulo func(a, b string) string
}

// Column is a column of a plan's schema where the rows are.
type Column struct {
	// SQL is its value: numbers as integers in units of 10^-Scale, dates as numbers of days, timestamps and times as
	// microseconds, texts that
	// compare by bytes, truth values.
	SQL string
	// Kind and Scale of the column there, which may be narrower than in the schema.
	Kind  engine.Kind
	Scale int
	// Bare, if it is set, is a number that is cheaper to sum and to count than SQL: the same value in units
	// of 10^-BareScale, 0 for what has its places behind the point.
	Bare      string
	BareScale int
	// Dictionary of its distinct values that are not NULL; nil: not known.
	Dictionary []engine.Datum
}

// Decimal is a number that a database gave with places behind the point: Value times 10^-Scale.
type Decimal struct {
	Value *big.Int
	Scale int
}

// infixed writes a binary operator.
func infixed(operator string) func(a, b string) string {
	return func(a, b string) string { return "(" + a + " " + operator + " " + b + ")" }
}

// called writes a function of two arguments.
func called(name string) func(a, b string) string {
	return func(a, b string) string { return name + "(" + a + ", " + b + ")" }
}

// formatted writes one argument into a text, at each %s.
func formatted(text string) func(string) string {
	return func(argument string) string { return strings.ReplaceAll(text, "%s", argument) }
}

// Quote writes a text as a constant of the dialect.
func (d *Dialect) Quote(text string) string { return d.quote(text) }

// QuoteText writes a text as a constant of standard SQL.
func QuoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// QuoteName writes an identifier of standard SQL.
func QuoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
