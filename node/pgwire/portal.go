package pgwire

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// prepared is a statement that a Parse message named.
type prepared struct {
	statement  Statement // nil of an empty text
	parameters []uint32
	columns    []Column
	bytes      int  // of the text that it came in
	text       Text // the statement's own part of that
}

// portal is a statement with its arguments, and what is left of its result once it ran.
type portal struct {
	of        *prepared
	arguments []Value
	formats   []int16 // of the result
	result    *Result // nil before it ran
	rows      []Row   // not yet asked for
	failed    bool    // its transaction was aborted
	held      int     // bytes
}

func noStatement(name string) *Error {
	if name == "" {
		return &Error{Code: "26000", Message: "unnamed prepared statement does not exist"}
	}
	return &Error{Code: "26000", Message: fmt.Sprintf("prepared statement %q does not exist", name)}
}

func noPortal(name string) *Error {
	return &Error{Code: "34000", Message: fmt.Sprintf("portal %q does not exist", name)}
}

// aborted is the refusal of what needs a transaction that was not aborted.
func aborted() *Error {
	return &Error{Code: "25P02", Message: "current transaction is aborted, commands ignored until end of transaction block"}
}

// parse prepares a statement. With an error comes where the statement begins.
func (t *talk) parse(m *pgproto3.Parse) (offset int, err error) {
	if m.Name == "" {
		t.forget("")
	}
	if err := readable([]byte(m.Name)); err != nil {
		return 0, err
	}
	if err := t.room(m); err != nil {
		return 0, err
	}
	texts, err := t.split(m.Query)
	if err != nil {
		return 0, err
	}
	p := &prepared{parameters: m.ParameterOIDs, bytes: len(m.Query)}
	switch len(texts) {
	case 0:
	case 1:
		p.text = texts[0]
		err = t.during(func(ctx context.Context) (err error) {
			p.statement, err = t.s.Prepare(ctx, texts[0], m.ParameterOIDs)
			return err
		})
		if err != nil {
			return p.text.Offset, err
		}
		p.parameters, p.columns = p.statement.Parameters(), p.statement.Columns()
	default:
		return 0, &Error{Code: "42601", Message: "cannot insert multiple commands into a prepared statement"}
	}
	if len(p.parameters) > maxParameters {
		return 0, tooManyParameters(len(p.parameters))
	}
	if _, taken := t.statements[m.Name]; taken {
		return 0, &Error{Code: "42P05", Message: fmt.Sprintf("prepared statement %q already exists", m.Name)}
	}
	t.statements[m.Name] = p
	t.texts += p.bytes
	return 0, t.send(&pgproto3.ParseComplete{})
}

// room refuses a statement for which there is none.
func (t *talk) room(m *pgproto3.Parse) error {
	if len(m.ParameterOIDs) > maxParameters {
		return tooManyParameters(len(m.ParameterOIDs))
	}
	if len(t.statements) >= maxStatements {
		return &Error{Code: "53400", Message: fmt.Sprintf("the session has %d prepared statements, which is the most", maxStatements), Hint: "Use DEALLOCATE."}
	}
	if t.texts+len(m.Query) > maxStatementBytes {
		return &Error{Code: "53400", Message: fmt.Sprintf("the texts of the session's prepared statements are longer than %d bytes", maxStatementBytes), Hint: "Use DEALLOCATE."}
	}
	return nil
}

func tooManyParameters(n int) *Error {
	return &Error{Code: "54000", Message: fmt.Sprintf("a statement with %d parameters has more than %d", n, maxParameters)}
}

// forget ends a prepared statement, and reports whether there was one.
func (t *talk) forget(name string) bool {
	p, ok := t.statements[name]
	if ok {
		t.texts -= p.bytes
		delete(t.statements, name)
	}
	return ok
}

// bind makes a portal.
func (t *talk) bind(m *pgproto3.Bind) error {
	p, ok := t.statements[m.PreparedStatement]
	if !ok {
		return noStatement(m.PreparedStatement)
	}
	if err := readable([]byte(m.DestinationPortal)); err != nil {
		return err
	}
	if n := len(m.ParameterFormatCodes); n > 1 && n != len(m.Parameters) {
		return &Error{Code: "08P01", Message: fmt.Sprintf("bind message has %d parameter formats but %d parameters", n, len(m.Parameters))}
	}
	if n := len(m.Parameters); n != len(p.parameters) {
		return &Error{Code: "08P01", Message: fmt.Sprintf("bind message supplies %d parameters, but prepared statement %q requires %d", n, m.PreparedStatement, len(p.parameters))}
	}
	if err := t.mayRun(p); err != nil {
		return err
	}
	arguments, held, err := decodeParameters(p.parameters, m.ParameterFormatCodes, m.Parameters)
	if err != nil {
		return err
	}
	if err := checkFormats(m.ResultFormatCodes, p.columns); err != nil {
		return err
	}
	if m.DestinationPortal == "" {
		t.drop("")
	} else if _, taken := t.portals[m.DestinationPortal]; taken {
		return &Error{Code: "42P03", Message: fmt.Sprintf("cursor %q already exists", m.DestinationPortal)}
	}
	if len(t.portals) >= maxPortals {
		return &Error{Code: "53400", Message: fmt.Sprintf("the session has %d portals, which is the most", maxPortals)}
	}
	made := &portal{of: p, arguments: arguments, formats: m.ResultFormatCodes}
	if err := t.hold(made, held+2*len(m.ResultFormatCodes)); err != nil {
		return err
	}
	t.portals[m.DestinationPortal] = made
	return t.send(&pgproto3.BindComplete{})
}

// mayRun refuses what cannot run since its block is aborted: all but what ends it, which the session tells when it prepares it.
func (t *talk) mayRun(p *prepared) error {
	if t.s.State() != Aborted {
		return nil
	}
	if p.statement == nil || len(p.parameters) > 0 {
		return aborted()
	}
	return t.during(func(ctx context.Context) error {
		_, err := t.s.Prepare(ctx, p.text, nil)
		return err
	})
}

// checkFormats refuses formats of a result that has other columns, or no such form of them.
func checkFormats(formats []int16, columns []Column) error {
	if n := len(formats); n > 1 && n != len(columns) {
		return &Error{Code: "08P01", Message: fmt.Sprintf("bind message has %d result formats but query has %d columns", n, len(columns))}
	}
	for _, f := range formats {
		if f != textFormat && f != binaryFormat {
			return badFormat(f)
		}
	}
	for i, c := range columns {
		if formatOf(formats, i) == binaryFormat && !hasBinary(c.Type) {
			return noBinary(c.Type)
		}
	}
	return nil
}

// hold takes bytes for what a portal holds.
func (t *talk) hold(p *portal, n int) error {
	if t.held+n > maxHeld {
		return &Error{Code: "53400", Message: fmt.Sprintf("the session's portals hold more than %d bytes", maxHeld), Hint: "Fetch more rows at once, or close portals."}
	}
	if !overall.Take(t.c.user, n) {
		return &Error{Code: "53400", Message: "the portals of your sessions, or of all, hold more than they may together", Hint: "Fetch all rows at once, or try again."}
	}
	t.held += n
	p.held += n
	return nil
}

// empty lets go of what a portal holds: it cannot be run any more.
func (t *talk) empty(p *portal) {
	overall.Give(t.c.user, p.held)
	t.held -= p.held
	*p = portal{of: p.of, formats: p.formats, failed: true}
}

// drop ends a portal, if there is one of that name.
func (t *talk) drop(name string) {
	if p, ok := t.portals[name]; ok {
		t.empty(p)
		delete(t.portals, name)
	}
}

func (t *talk) dropPortals() {
	for name := range t.portals {
		t.drop(name)
	}
}

// describe says what a prepared statement takes and gives, or what a portal gives. With an error comes where the statement begins.
func (t *talk) describe(m *pgproto3.Describe) (offset int, err error) {
	switch m.ObjectType {
	case 'S':
		p, ok := t.statements[m.Name]
		if !ok {
			return 0, noStatement(m.Name)
		}
		if t.s.State() == Aborted && p.columns != nil {
			return 0, aborted()
		}
		if err := t.send(&pgproto3.ParameterDescription{ParameterOIDs: p.parameters}); err != nil {
			return 0, err
		}
		return 0, t.described(p.columns, nil)
	case 'P':
		p, ok := t.portals[m.Name]
		if !ok {
			columns, err := t.cursor(m.Name)
			if err != nil {
				return 0, err
			}
			return 0, t.described(columns, nil)
		}
		if t.s.State() == Aborted && p.of.columns != nil {
			return 0, aborted()
		}
		return 0, t.described(p.of.columns, p.formats)
	}
	return 0, badKind("DESCRIBE", m.ObjectType)
}

// cursor gives the columns of a cursor that SQL declared, which is a portal to clients: psycopg describes its own so.
func (t *talk) cursor(name string) (columns []Column, err error) {
	if name == "" || len(name) > maxNameBytes || readable([]byte(name)) != nil || t.s.State() == Aborted {
		return nil, noPortal(name)
	}
	texts, err := t.s.Parse(`FETCH FORWARD 0 FROM "` + strings.ReplaceAll(name, `"`, `""`) + `"`)
	if err != nil || len(texts) != 1 {
		return nil, noPortal(name)
	}
	err = t.during(func(ctx context.Context) error {
		s, err := t.s.Prepare(ctx, texts[0], nil)
		if err == nil {
			columns = s.Columns()
		}
		return err
	})
	if told, ok := err.(*Error); ok && told.Code == "34000" {
		return nil, noPortal(name)
	}
	return columns, err
}

// described describes the columns of a result, or says that there are none.
func (t *talk) described(columns []Column, formats []int16) error {
	if columns == nil {
		return t.send(&pgproto3.NoData{})
	}
	return t.send(description(columns, formats))
}

// execute runs a portal, or goes on with its rows. With an error comes where the statement begins.
func (t *talk) execute(m *pgproto3.Execute) (offset int, err error) {
	p, ok := t.portals[m.Portal]
	if !ok {
		return 0, noPortal(m.Portal)
	}
	limit := int(int32(m.MaxRows))
	if limit <= 0 {
		limit = math.MaxInt
	}
	if p.of.statement == nil {
		return 0, t.send(&pgproto3.EmptyQueryResponse{})
	}
	switch {
	case p.failed && t.s.State() == Aborted, p.result != nil && t.s.State() == Aborted:
		return 0, aborted()
	case p.failed, p.result != nil && (p.result.Columns == nil || p.result.Copy != nil):
		return 0, &Error{Code: "55000", Message: fmt.Sprintf("portal %q cannot be run", m.Portal)}
	case p.result == nil:
		if err := t.start(p, limit); err != nil {
			return p.of.text.Offset, err
		}
	}
	n := min(limit, len(p.rows))
	if p.result.Copy != nil {
		n = len(p.rows)
	}
	rows, r := p.rows[:n], p.result
	p.rows = p.rows[n:]
	if err := t.rows(r, rows, p.formats); err != nil {
		return 0, err
	}
	if len(p.rows) == 0 { // nothing holds them any more
		p.rows, r.Rows = nil, nil
	}
	if n == limit && r.Columns != nil && r.Copy == nil {
		return 0, t.send(&pgproto3.PortalSuspended{})
	}
	return 0, t.complete(r, n)
}

// start runs a portal's statement. What is not sent at once is held, within the bounds.
func (t *talk) start(p *portal, limit int) error {
	r, err := t.run(p.of.statement, p.arguments)
	if err != nil {
		return err
	}
	if r.Copy == nil && !sameTypes(r.Columns, p.of.columns) {
		return &Error{Code: "0A000", Message: "cached plan must not change result type", Hint: "Prepare the statement again."}
	}
	// A statement that ends its transaction ends this portal as well.
	if r.Columns != nil && r.Copy == nil && len(r.Rows) > limit {
		if err := t.hold(p, sizeOfRows(r.Rows[limit:])); err != nil {
			return err
		}
	}
	p.result, p.rows = r, r.Rows
	return nil
}

// sameTypes reports whether a result has the columns that were described.
func sameTypes(a, b []Column) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type {
			return false
		}
	}
	return true
}

// sizeOfRows is about the bytes of memory that rows take.
func sizeOfRows(rows []Row) int {
	const slice = 24
	n := 0
	for _, row := range rows {
		n += slice
		for _, v := range row {
			n += slice + len(v)
		}
	}
	return n
}

// close ends a prepared statement or a portal; there need not be one.
func (t *talk) close(m *pgproto3.Close) error {
	switch m.ObjectType {
	case 'S':
		t.forget(m.Name)
	case 'P':
		t.drop(m.Name)
	default:
		return badKind("CLOSE", m.ObjectType)
	}
	return t.send(&pgproto3.CloseComplete{})
}

func badKind(message string, kind byte) *Error {
	return &Error{Code: "08P01", Message: fmt.Sprintf("invalid %s message subtype %d", message, kind)}
}
