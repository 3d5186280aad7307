package pgwire

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"
)

// query answers the statements of a text one after the other, up to the first that fails.
func (t *talk) query(sql string) error {
	t.forget("")
	if offset, err := t.statementsOf(sql); err != nil {
		if err := t.fail(err, offset); err != nil {
			return err
		}
	}
	return t.synced()
}

// statementsOf runs the statements of a text. With an error comes where its statement begins.
func (t *talk) statementsOf(sql string) (offset int, err error) {
	texts, err := t.split(sql)
	if err != nil {
		return 0, err
	}
	if len(texts) == 0 {
		return 0, t.send(&pgproto3.EmptyQueryResponse{})
	}
	for _, text := range texts {
		if err := t.simple(text); err != nil {
			return text.Offset, err
		}
	}
	return 0, nil
}

// split gives the statements of a text.
func (t *talk) split(sql string) ([]Text, error) {
	if err := readable([]byte(sql)); err != nil {
		return nil, err
	}
	return t.s.Parse(sql)
}

// simple runs one statement, whose result goes out as text.
func (t *talk) simple(text Text) error {
	var s Statement
	err := t.during(func(ctx context.Context) (err error) {
		s, err = t.s.Prepare(ctx, text, nil)
		return err
	})
	if err != nil {
		return err
	}
	t.drop("") // whose place the statement takes
	if n := len(s.Parameters()); n > 0 {
		return &Error{Code: "42P02", Message: "there is no parameter $1", Hint: "Parameters need the extended protocol, or PREPARE and EXECUTE."}
	}
	r, err := t.run(s, nil)
	if err != nil {
		return err
	}
	if r.Columns != nil && r.Copy == nil {
		if err := t.send(description(r.Columns, nil)); err != nil {
			return err
		}
	}
	if err := t.rows(r, r.Rows, nil); err != nil {
		return err
	}
	return t.complete(r, len(r.Rows))
}

// run runs a statement and does what its result asks of the door.
func (t *talk) run(s Statement, arguments []Value) (r *Result, err error) {
	before := t.s.State()
	err = t.during(func(ctx context.Context) (err error) {
		r, err = s.Run(ctx, arguments)
		return err
	})
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errors.New("a statement ran and gave no result")
	}
	if ends := before != Idle || r.Tag == "COMMIT" || r.Tag == "ROLLBACK"; ends && t.s.State() == Idle {
		t.dropPortals()
	}
	if d := r.Deallocate; d != nil {
		if err := t.deallocate(d); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// deallocate ends prepared statements of the door that an SQL statement names; the unnamed one has no name.
func (t *talk) deallocate(d *Deallocate) error {
	if d.All {
		for name := range t.statements {
			if name != "" {
				t.forget(name)
			}
		}
		return nil
	}
	if !t.forget(d.Name) && !d.Found {
		return noStatement(d.Name)
	}
	return nil
}

// rows sends rows of a result. While a client reads slowly they take memory, which counts unless it is as much as is written at once.
func (t *talk) rows(r *Result, rows []Row, formats []int16) error {
	if n := sizeOfRows(rows); n > flushBytes {
		if !overall.Take(t.c.user, n) {
			return &Error{Code: "53400", Message: "results that your sessions, or all, are reading hold more than they may together",
				Hint: "Read what you asked for before, or try again. The answer to a question is kept: SELECT * FROM parley.answers."}
		}
		defer overall.Give(t.c.user, n)
	}
	if r.Copy != nil {
		return t.copyOut(r)
	}
	var m pgproto3.DataRow
	for _, row := range rows {
		values, err := t.values.encode(m.Values[:0], r.Columns, row, formats)
		if err != nil {
			return err
		}
		m.Values = values
		if err := t.send(&m); err != nil {
			return err
		}
	}
	return nil
}

// rowTags are the tags that say how many rows were sent; SHOW and EXPLAIN do not.
var rowTags = []string{"SELECT", "FETCH", "COPY"}

// complete says that a statement is done, of whose result so many rows were sent since it was last asked for.
func (t *talk) complete(r *Result, sent int) error {
	tag := r.Tag
	if r.Columns != nil && slices.Contains(rowTags, tag) {
		tag = fmt.Sprintf("%s %d", tag, sent)
	}
	return t.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

// description describes the columns of a result that goes out in these formats. Of no column it tells a table.
func description(columns []Column, formats []int16) *pgproto3.RowDescription {
	m := &pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, len(columns))}
	for i, c := range columns {
		m.Fields[i] = pgproto3.FieldDescription{
			Name: []byte(c.Name), DataTypeOID: c.Type, DataTypeSize: sizeOf(c.Type), TypeModifier: c.Modifier, Format: formatOf(formats, i),
		}
	}
	return m
}

// formatOf is that of a column or parameter: the formats of a message are one for each, one for all, or none: text.
func formatOf(formats []int16, i int) int16 {
	switch len(formats) {
	case 0:
		return textFormat
	case 1:
		return formats[0]
	}
	return formats[i]
}
