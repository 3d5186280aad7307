package served

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"parley/datasets/dialect"
	"parley/datasets/files"
)

// product is what differs between engines in describing a table and hashing it. How a plan's
// expressions are written is the dialect's.
type product struct {
	dialect    *dialect.Dialect
	parameters []string // of a source
	nameParts  int      // of a table's name, at most
	quote      func(name string) string
	open       func(p *place, timeout time.Duration) (*sql.DB, error)
	// begin are the statements of a session before the first question: read-only, one snapshot where there
	// are any, a timeout, and every setting that a meaning depends on. version is what versionQuery gave.
	// end is the last statement; empty: none.
	versionQuery string
	begin        func(version string, timeout time.Duration) []string
	end          string
	// steady is a query that gives a row if what stands behind FROM is, until the session's end, the rows of
	// its snapshot whoever writes; nil: the engine has no snapshots.
	steady func(table string) string
	// still is a query that gives one text, or no row if it cannot tell: where it is the same in two sessions, which have
	// asked for rows of the table before it, the table has the same rows in both. stills tells whether the engine has
	// it for a table; nil: it has not.
	still, stills func(table string) string
	// rewritten is a query that gives a row if something that the session has read has other rows by now than its
	// snapshot tells; empty: that cannot be.
	rewritten string
	// column is a column of the relation by its type, or why it is set aside.
	column func(x *session, t columnType) (column, *refusal, error)
	// types writes the query of the names and types of a relation's columns; nil: they come with its rows.
	types func(from string) string
	// text turns a value to text. length is that of a text in bytes, places those of a number behind its
	// point; nil: all types have their places.
	text, length, places func(value string) string
	// nul is a condition that a text has a NUL character; nil: none can.
	nul func(value string) string
	// days counts the dates of a column that are days; nil: all are.
	days  func(c column) string
	round func(number string, places int) string
	// decimal is the text of a number with all its places; nil: as text has it.
	decimal func(number string, places int) string
	scaled  func(number string, places int) string
	// concat joins texts, NULL as nothing. hashed is the query of the number of texts and of the sums of the
	// four words of their hashes.
	concat func(parts []string) string
	hashed func(text, from string) string
	// witness are a version column's greatest value, as text, and number of values in the whole table, as columns of
	// a statement that groups all of its rows; nil: they are asked for by themselves.
	witness func(column string) []string
	// trouble reads an error of the driver; detail is what of its text may be shown.
	trouble func(err error) (what trouble, detail string)
}

// products by the scheme of a source.
var products = map[string]*product{"postgres": postgres, "mysql": mysqlEngine, "clickhouse": clickHouse, "trino": trinoEngine}

// columnType is a column as the engine declares it; sized tells that it says how many places a number has.
type columnType struct {
	name, kind string
	places     int
	sized      bool
}

func (c columnType) String() string {
	if !c.sized {
		return c.kind
	}
	return fmt.Sprintf("%s with %d places", c.kind, c.places)
}

// column is one of the relation's, as far as its type tells.
type column struct {
	Column
	raw    string // its name, quoted
	number string // of a number: as the engine has it, with places behind the point
	open   bool   // the places of the number are measured
	truth  bool   // it was declared boolean
	long   bool   // a text of it is longer than those of a dictionary
}

// refusal is why a column is set aside, and what to do.
type refusal struct{ message, hint string }

// typeText is a type as the engine calls it, which goes into notes and errors, of printable characters. What is longer
// than any type that is read, such as an enum of many words, is cut; another one that is cut to the same is not told
// from it, and has other values, which the digest tells.
func typeText(kind string) string {
	kind = printable(kind)
	if runes := []rune(kind); len(runes) > maxTypeText {
		kind = string(runes[:maxTypeText]) + "…"
	}
	return kind
}

const maxTypeText = 200

// unread refuses a type.
func unread(kind string) *refusal {
	return &refusal{"columns of type " + strings.ToLower(kind) + " are not supported",
		`a query can make text, numbers or dates of it: query = "SELECT ..., CAST(... AS ...) AS ... FROM ..."`}
}

// trouble is what is wrong with an engine, of what people can do something about.
type trouble int

const (
	otherTrouble trouble = iota
	wrongPassword
	noDatabase
	noTable
	noColumn
	notAllowed
	tooLong
	badValue
)

func power(places int) string { return files.PowerOfTen(places).String() }

// nested calls a function of many arguments, at most so many at once.
func nested(name string, most int, args []string) string {
	for len(args) > most {
		var outer []string
		for len(args) > 0 {
			n := min(most, len(args))
			outer, args = append(outer, name+"("+strings.Join(args[:n], ", ")+")"), args[n:]
		}
		args = outer
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}
