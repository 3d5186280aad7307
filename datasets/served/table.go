// Package served reads a department's table where it lives: in PostgreSQL, MySQL or MariaDB, ClickHouse, or
// Trino. It describes and registers the table by questions that the engine answers, notices when it is not
// the registered one any more, and runs a plan's statements in a session that only reads. No row leaves the
// engine.
//
// ../README.md is its specification; section numbers in comments refer to it.
package served

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"parley/datasets/content"
	"parley/datasets/dialect"
	"parley/datasets/files"
	"parley/engine"
)

// Options say where a table is and how it is read.
type Options struct {
	// Source is the engine: postgres://user@host:port/database, mysql://, clickhouse://, trino://. No
	// password is in it.
	Source string
	// Table is the name of a table or view, "schema.table", letter by letter as the engine has it; or Query
	// is one SELECT, whose rows are the table.
	Table, Query string
	// PasswordFile holds the password in one line, and nobody else may read it; or PasswordEnv is the
	// environment variable that does. Neither: there is none.
	PasswordFile, PasswordEnv string
	// Timeout of each statement; zero is DefaultTimeout.
	Timeout time.Duration
	// Version is a column whose greatest value and number of values stand for the table's content, and
	// VersionQuery a SELECT of one value that does: in place of the digest of all rows, and as true as
	// who changes the rows keeps it.
	Version, VersionQuery string
	// Columns names the columns that are read; all, when it is empty. A column that cannot be read is
	// refused when it is named here, and otherwise set aside.
	Columns []string
	// Booleans names columns of whole numbers, each 0, 1 or NULL, that are truth values: MySQL has no others.
	Booleans []string
	// Salt makes the digest hiding.
	Salt []byte
}

// Where names the source, without its user and parameters, and the table in it.
func (o Options) Where() string {
	u, err := url.Parse(o.Source)
	if err != nil {
		return "a source that is not a URL"
	}
	what := o.Table
	if what == "" {
		what = "a query"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String() + ", " + what
}

// DefaultTimeout is how long a statement may take.
const DefaultTimeout = 5 * time.Minute

// ErrChanged is in the chain of an error of Snapshot when the table is not the one that was described.
var ErrChanged = errors.New("the table is not as it was registered")

// Column is a column where the rows are.
type Column struct {
	Name string
	Kind engine.Kind
	// Scale of a Decimal: the value is a whole number times 10^-Scale.
	Scale int
	// SQL of its value: numbers as whole numbers in units of 10^-Scale, dates as days since 1970-01-01,
	// texts that compare by bytes, truth values.
	SQL string
	// Bare is the same number as the engine has it, with places behind the point; empty: there are none.
	Bare string
}

// source is an engine with a relation in it.
type source struct {
	place   *place
	db      *sql.DB
	from    string
	table   string // the name alone, quoted; empty: a query
	timeout time.Duration
	version string // the query of the version; empty: the rows are hashed
	column  string // of the version, quoted; empty: it is no column
	salt    []byte
}

// Table is one table of one department, in its engine. It is immutable and safe for concurrent use until
// Close; the rows may change at any time, and are then refused.
type Table struct {
	name      string
	source    *source
	columns   []column
	types     map[string]string // of the columns, when they were described
	described []engine.Column
	values    []int64   // of each, that are not NULL
	counts    [][]int64 // in how many rows each value of a dictionary stands
	heads     []content.Head
	rows      int64
	digest    engine.Digest
	steady    bool                   // a session's snapshot holds all that it reads
	stills    bool                   // the engine tells whether the rows are those of another session
	seen      atomic.Pointer[string] // what it told of them when they were last those that were registered
	drift     atomic.Pointer[string]
	aside     []*files.Error
	notes     []string
	left      []string
}

// Check tells what is wrong with options as far as that is known without a password and a connection.
func (o Options) Check() error {
	named := o
	named.PasswordFile, named.PasswordEnv = "", ""
	p, err := readSource(named)
	if err != nil {
		return err
	}
	if o.PasswordFile != "" && o.PasswordEnv != "" {
		return p.twoPasswords()
	}
	from, err := p.relation(o)
	if err == nil {
		_, err = p.versionStatement(o, from)
	}
	return err
}

// Open describes a table. What is wrong is a *files.Error that names the source. Cost: some passes over the
// rows in the engine, all in one snapshot where it has them: one for counts and bounds, one for each column
// that may have a dictionary, one for the digest.
func Open(ctx context.Context, name string, o Options) (*Table, error) {
	if fault := files.NameFault(name); fault != "" {
		return nil, &files.Error{Message: "the table's name " + fault + ": " + files.Shown(name)}
	}
	p, err := readSource(o)
	if err != nil {
		return nil, err
	}
	s := &source{place: p, timeout: o.Timeout, salt: o.Salt}
	if s.timeout <= 0 {
		s.timeout = DefaultTimeout
	}
	if s.from, err = p.relation(o); err != nil {
		return nil, err
	}
	if o.Table != "" {
		s.table = s.from
	}
	if s.version, err = p.versionStatement(o, s.from); err != nil {
		return nil, err
	}
	if o.Version != "" {
		s.column = p.engine.quote(o.Version)
	}
	if s.db, err = p.engine.open(p, s.timeout); err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(maxSessions)
	s.db.SetMaxIdleConns(1)
	s.db.SetConnMaxIdleTime(time.Minute)
	t := &Table{name: name, source: s}
	if err := s.session(ctx, func(x *session) error { return t.describe(x, o) }); err != nil {
		s.db.Close()
		return nil, err
	}
	return t, nil
}

// maxSessions is how many a table has at once.
const maxSessions = 4

// Close ends the connections.
func (t *Table) Close() error { return t.source.db.Close() }

// Registration is what the department says of the table. It is public to all departments and analysts.
func (t *Table) Registration(department string, version uint64) engine.Registration {
	return engine.Registration{Department: department, Table: t.name, Version: version,
		Rows: t.rows, Digest: t.digest, Columns: slices.Clone(t.described)}
}

// Counts says of a column how many values it has, and of one with a dictionary in how many rows each of its values
// stands.
func (t *Table) Counts(column int) (values int64, each []int64) {
	return t.values[column], t.counts[column]
}

// Notes are sentences for the operator; Aside the columns that were set aside, and why; Left those that
// Options.Columns leaves out.
func (t *Table) Notes() []string       { return t.notes }
func (t *Table) Aside() []*files.Error { return t.aside }
func (t *Table) Left() []string        { return t.left }

// Dialect is the SQL that the engine speaks.
func (t *Table) Dialect() *dialect.Dialect { return t.source.place.engine.dialect }

// From is what stands behind FROM.
func (t *Table) From() string { return t.source.from }

// Columns are those of the registration, in its order.
func (t *Table) Columns() []Column {
	out := make([]Column, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.Column
	}
	return out
}

// Witness are columns that a statement which groups all rows of the table may carry behind its own, for
// Asking.Witnessed: the version's, so that no pass over the rows is made for it alone. There are none where the
// content is not seen by a version's column, or not in one snapshot with the statement.
func (t *Table) Witness() []string {
	e := t.source.place.engine
	if !t.steady || t.source.column == "" || e.witness == nil {
		return nil
	}
	return e.witness(t.source.column)
}

// Asking asks a table's engine, in one session.
type Asking struct {
	table     *Table
	session   *session
	witnessed bool
}

// Rows runs a SELECT. Numbers come back as *big.Int, or as dialect.Decimal where they have places behind the point,
// the others as string, bool and nil.
func (a *Asking) Rows(ctx context.Context, statement string) ([][]any, error) {
	inner := *a.session
	inner.ctx = ctx
	return inner.ask(statement, anyColumns)
}

// Each is Rows one by one: each row is valid during its visit.
func (a *Asking) Each(ctx context.Context, statement string, visit func(row []any) error) error {
	inner := *a.session
	inner.ctx = ctx
	return inner.each(statement, anyColumns, visit)
}

// Witnessed runs a SELECT whose last columns are Witness, and gives the others; an error that wraps ErrChanged if
// the table's content is not the registered one.
func (a *Asking) Witnessed(ctx context.Context, statement string) ([][]any, error) {
	rows, err := a.Rows(ctx, statement)
	if err != nil || len(rows) == 0 { // of no rows: the version is asked for behind
		return nil, err
	}
	own := len(rows[0]) - len(a.table.Witness())
	if own < 0 {
		return nil, a.session.place.fault("the engine gives no version", "")
	}
	if err := a.table.noted(a.table.compareContent(a.table.versionOf(rows[0][own:]), a.table.rows)); err != nil {
		return nil, err
	}
	a.witnessed = true
	for i := range rows {
		rows[i] = rows[i][:own]
	}
	return rows, nil
}

// Snapshot lets a function ask the engine, in one session. The rows that it sees are the registered ones:
// in engines with snapshots that is seen in the same snapshot, before it or, if it is to ask Witnessed, in that
// statement; in others before it and behind it. Otherwise the error wraps ErrChanged.
func (t *Table) Snapshot(ctx context.Context, witness bool, use func(*Asking) error) error {
	return t.source.session(ctx, func(x *session) error {
		a := &Asking{table: t, session: x}
		before := t.check
		if witness = witness && t.Witness() != nil; witness {
			before = func(x *session) error { return t.noted(t.compareTypes(x)) }
		}
		if err := before(x); err != nil {
			return err
		}
		if err := use(a); err != nil {
			return err
		}
		if t.steady && (!witness || a.witnessed) {
			return nil
		}
		return t.check(x)
	})
}

// Changed says whether the table is another one than was registered; an error that is not ErrChanged says
// that the engine could not tell.
func (t *Table) Changed(ctx context.Context) error {
	return t.source.session(ctx, t.check)
}

// Drift says how the table was another one than the registered when it was last looked at, at a question or by
// Changed; nothing if it was that.
func (t *Table) Drift() string {
	if how := t.drift.Load(); how != nil {
		return *how
	}
	return ""
}

// check refuses what is not the registered table. Where the engine tells that nothing has changed since it was that,
// the rows are not looked at.
func (t *Table) check(x *session) error {
	err := t.compareTypes(x)
	if err != nil {
		return t.noted(err)
	}
	now, err := t.moment(x)
	if err != nil {
		return err
	}
	if seen := t.seen.Load(); now != "" && seen != nil && *seen == now {
		return t.noted(nil)
	}
	digest, rows, err := t.content(x)
	if err == nil {
		err = t.compareContent(digest, rows)
	}
	if err == nil {
		t.seen.Store(&now)
	}
	return t.noted(err)
}

// moment is what the engine tells of the rows that this session sees, of which it has asked for some; "": nothing.
func (t *Table) moment(x *session) (string, error) {
	if !t.stills {
		return "", nil
	}
	rows, err := x.ask(x.place.engine.still(t.source.table), 1)
	if err != nil || len(rows) != 1 {
		return "", err
	}
	text, _ := rows[0][0].(string)
	return text, nil
}

// noted keeps what a look at the table has shown.
func (t *Table) noted(err error) error {
	var how *changed
	switch {
	case err == nil:
		t.drift.Store(nil)
	case errors.As(err, &how):
		t.drift.Store(&how.how)
	}
	return err
}

func (t *Table) compareTypes(x *session) error {
	types, err := x.types(t.source.from)
	if err != nil {
		return err
	}
	present := map[string]string{}
	for _, c := range types {
		present[c.name] = c.String()
	}
	for _, c := range t.columns {
		switch now := present[c.Name]; now {
		case t.types[c.Name]:
		case "":
			return t.changed(fmt.Sprintf("column %s is gone", files.Shown(c.Name)))
		default:
			return t.changed(fmt.Sprintf("column %s is now of type %s", files.Shown(c.Name), now))
		}
	}
	return nil
}

func (t *Table) compareContent(digest engine.Digest, rows int64) error {
	switch {
	case rows != t.rows:
		return t.changed(fmt.Sprintf("it has %s, and had %d", engine.Plural(int(rows), "row"), t.rows))
	case digest != t.digest:
		return t.changed("its content is another one")
	}
	return nil
}

// changed is an ErrChanged with what has changed.
type changed struct{ table, source, how string }

func (e *changed) Error() string {
	return fmt.Sprintf("table %s of %s: %s: %v", files.Shown(e.table), e.source, e.how, ErrChanged)
}
func (e *changed) Unwrap() error { return ErrChanged }

func (t *Table) changed(how string) error { return &changed{t.name, t.source.place.shown, how} }
