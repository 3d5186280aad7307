// Package session runs the SQL of one connection of the PostgreSQL door: questions go to a desk, statements about what there is to a
// catalogue, and the rest (transactions, settings, cursors, COPY) is done here. README.md is its specification.
package session

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"parley/engine"
	"parley/node/client"
	"parley/node/door"
	"parley/node/pgwire"
	"parley/node/pgwire/catalog"
)

// desk is what a session asks of: a *door.Desk is one.
type desk interface {
	Catalogue(ctx context.Context) (engine.Catalogue, error)
	Standing() *client.QueryError
	Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error)
	Plan(ctx context.Context, sql string) ([]door.Column, error)
	Explain(ctx context.Context, sql string, o client.AskOptions) ([]string, error)
}

// session is one user's; it is used by one goroutine at a time.
type session struct {
	desk  desk
	find  finder
	login pgwire.Login

	settings values // in force
	defaults values // what RESET gives back: those of the startup message, over the door's own
	block    block
	several  bool // the text that runs has several statements, which are one unit
	prepared map[string]*prepared
	cursors  map[string]*cursor
}

// Open starts a session over a person's desk. catalogs shares the catalogue's databases between sessions of one person.
func Open(ctx context.Context, d *door.Desk, l pgwire.Login, catalogs *Catalogs) (pgwire.Session, error) {
	return open(ctx, d, l, catalogs.of(d, l))
}

func open(_ context.Context, d desk, l pgwire.Login, f finder) (*session, error) {
	s := &session{desk: d, find: f, login: l, prepared: map[string]*prepared{}, cursors: map[string]*cursor{}}
	if err := s.standing(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the session.
func (s *session) Close() {
	s.dropCursors()
	clear(s.prepared)
}

// standing refuses whom the door serves no more.
func (s *session) standing() error {
	q := s.desk.Standing()
	if q == nil {
		return nil
	}
	err := s.refusal(q)
	var e *pgwire.Error
	if errors.As(err, &e) {
		e.Code = "28000"
	}
	return err
}

// statement is one that was prepared.
type statement struct {
	s          *session
	src        source
	parameters []uint32
	columns    func() []pgwire.Column // nil: none
	ends       bool                   // it runs in a block that can only be rolled back, too
	untimed    bool                   // statement_timeout is not for it
	run        func(ctx context.Context, arguments []pgwire.Value) (*pgwire.Result, error)
}

func (t *statement) Parameters() []uint32 { return t.parameters }

func (t *statement) Columns() []pgwire.Column {
	if t.columns == nil {
		return nil
	}
	return t.columns()
}

// Run runs the statement, within statement_timeout.
func (t *statement) Run(ctx context.Context, arguments []pgwire.Value) (*pgwire.Result, error) {
	s := t.s
	if err := s.standing(); err != nil {
		return nil, err
	}
	if s.block.state == pgwire.Aborted && !t.ends {
		return nil, errAborted()
	}
	if len(arguments) != len(t.parameters) {
		return nil, refuse("08P01", "the statement has %d parameters, and %d values were sent", len(t.parameters), len(arguments))
	}
	limit := s.duration("statement_timeout")
	if limit > 0 && !t.untimed {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, limit, errTimeout)
		defer stop()
	}
	result, err := t.run(ctx, arguments)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil:
		return nil, s.ended(ctx, limit, err)
	}
	return nil, s.refusal(err)
}

func errAborted() error {
	return refuse("25P02", "current transaction is aborted, commands ignored until end of transaction block")
}

// notice says something beside a result, if client_min_messages lets it through.
func (s *session) notice(n pgwire.Notice) {
	if s.login.Listener == nil || severities[n.Severity] < severities[strings.ToUpper(s.settings["client_min_messages"])] {
		return
	}
	s.login.Listener.Notice(n)
}

// warn warns.
func (s *session) warn(code, message string) {
	s.notice(pgwire.Notice{Severity: "WARNING", Code: code, Message: message})
}

// severities are in the order in which client_min_messages lets them through; INFO always passes.
var severities = map[string]int{"DEBUG5": 1, "DEBUG4": 2, "DEBUG3": 3, "DEBUG2": 4, "DEBUG1": 5, "DEBUG": 5, "LOG": 6, "NOTICE": 7, "WARNING": 8, "ERROR": 9, "INFO": 10}

// language is that in which decisions and notes are told.
func (s *session) language() string { return s.settings["parley.language"] }

// options are those of a question that is asked now.
func (s *session) options() client.AskOptions {
	o := client.AskOptions{Purpose: s.settings["parley.purpose"], Basis: s.settings["parley.legal_basis"], Language: s.language(),
		Wait: s.duration("parley.wait"), Deadline: s.duration("parley.deadline")}
	for _, name := range strings.Split(s.settings["parley.departments"], ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.Departments = append(o.Departments, name)
		}
	}
	return o
}

// duration is the value of a setting of time; 0 is none.
func (s *session) duration(name string) time.Duration {
	d, err := parseDuration(s.settings[name])
	if err != nil {
		return 0 // no such value is taken
	}
	return d
}

// about is what functions of a statement about the catalogue tell of the session.
func (s *session) about() catalog.Session {
	return catalog.Session{Process: s.login.Process, SearchPath: s.path(), Setting: s.show, All: s.all}
}

// snapshot is a copy of the settings.
func (s *session) snapshot() values { return maps.Clone(s.settings) }
