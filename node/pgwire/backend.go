package pgwire

import (
	"context"
	"fmt"
	"net/netip"
)

// Backend is what a door serves: what the statements of those do who have logged in (login.Guard).
type Backend interface {
	// Open starts the session of a user who has logged in. An error is told to the client as is where it is an *Error.
	Open(ctx context.Context, l Login) (Session, error)
}

// Login is a user at the beginning of a session.
type Login struct {
	User, Database string
	// Settings are those of the startup message by lower-case name, those inside "options" among them,
	// without user, database, options, replication and protocol extensions. They are as the client spelled them.
	Settings map[string]string
	Remote   netip.AddrPort
	Process  uint32 // as pg_backend_pid shows it
	Listener Listener
}

// Listener is told what a session says outside of its results. A session calls it during Open and
// Statement.Run only, never from two goroutines at once.
type Listener interface {
	Notice(Notice)
	// Parameter is the value of a setting that clients follow, at the start and when it changes.
	Parameter(name, value string)
}

// TxState is the state of a session's transaction block, as ReadyForQuery tells it.
type TxState byte

// The states.
const (
	Idle    TxState = 'I' // outside of a block
	InBlock TxState = 'T'
	Aborted TxState = 'E' // in a block that can only be rolled back
)

// Session is one user's, behind one connection. Calls come one at a time.
type Session interface {
	// Parse splits a text into its statements; none of an empty one. An error is of the whole text.
	Parse(sql string) ([]Text, error)
	// Prepare finds what a statement takes and gives. declared are the OIDs of its parameters as far as
	// the client says them, 0 where it does not. It runs nothing.
	Prepare(ctx context.Context, t Text, declared []uint32) (Statement, error)
	// State is that of the transaction block.
	State() TxState
	// Failed tells the session that a statement, or a message about one, was answered by an error: a block is aborted.
	Failed()
	// Sync tells the session that what was sent so far is a unit of its own unless a block is open: cursors that are not held end.
	Sync()
	// Close ends it and releases what it holds.
	Close()
}

// Text is one statement of a text.
type Text struct {
	SQL    string
	Offset int // characters that stand before it in the whole text
}

// Statement is a statement that was prepared. It stays usable until the session closes, in other
// blocks as well, and may be run many times.
type Statement interface {
	// Parameters are the OIDs of its parameters.
	Parameters() []uint32
	// Columns are those of its result; nil where it gives none. They are the result's, but where settings or
	// tables have changed since.
	Columns() []Column
	// Run runs it. Arguments are in text form, whatever form they were sent in.
	Run(ctx context.Context, arguments []Value) (*Result, error)
}

// Value is a value in PostgreSQL's text form; nil is NULL.
type Value []byte

// Row is a row of a result.
type Row []Value

// Column describes a column of a result. Its table is never told: clients ask the catalogue about it for each result.
type Column struct {
	Name     string
	Type     uint32 // OID of the type
	Modifier int32  // atttypmod; −1 is none
}

// Result is what a statement gave. It is whole in memory; Statement.Run bounds it.
type Result struct {
	Columns []Column // nil: no rows, not even an empty set
	Rows    []Row
	// Tag is the command's tag. Of a result with columns the number of rows sent is added by the door: "SELECT" becomes "SELECT 3".
	Tag  string
	Copy *Copy // of COPY TO STDOUT: rows are sent as copy data, in this form
	// Deallocate is of DEALLOCATE and DISCARD ALL: which prepared statements end. Those that messages prepare and those of
	// PREPARE share their names, so both the session, which has ended its own, and the door end what is named.
	Deallocate *Deallocate
}

// Deallocate names prepared statements that end.
type Deallocate struct {
	All   bool
	Name  string // unless All
	Found bool   // the session had one of this name; where neither has, the door answers 26000 in place of the result
}

// Copy is the form of COPY TO STDOUT.
type Copy struct {
	CSV       bool
	Header    bool
	Delimiter byte
	Null      string
	Quote     byte            // CSV alone
	Escape    byte            // CSV alone
	Force     map[string]bool // CSV alone: columns that are quoted whatever they hold; "*" is all
}

// Notice is what is said beside a result: progress, warnings.
type Notice struct {
	Severity string // NOTICE, WARNING, INFO
	Code     string // SQLSTATE; "" is 00000, of a warning 01000
	Message  string
	Detail   string
	Hint     string
}

// Error is a refusal as a client is told it.
type Error struct {
	Code     string // SQLSTATE
	Message  string
	Detail   string
	Hint     string
	Position int // 1-based character of the statement's text (Text.SQL); 0 is none
}

func (e *Error) Error() string { return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code) }
