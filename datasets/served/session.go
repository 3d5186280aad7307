package served

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parley/datasets/dialect"
	"parley/datasets/files"
)

// grace is how much longer than a statement may take its answer is waited for: an engine that has gone away
// says nothing.
const grace = 5 * time.Second

// session is a connection that reads, in one snapshot where the engine has them.
type session struct {
	ctx     context.Context
	place   *place
	conn    *sql.Conn
	timeout time.Duration
	version string
}

// session opens one for the length of a call.
func (s *source) session(ctx context.Context, use func(*session) error) (err error) {
	opening, cancel := context.WithTimeout(ctx, connectTimeout+grace)
	defer cancel()
	conn, err := s.db.Conn(opening)
	if err != nil {
		return s.place.failed(ctx, err, s.timeout)
	}
	defer conn.Close()
	x := &session{ctx: ctx, place: s.place, conn: conn, timeout: s.timeout}
	e := s.place.engine
	if e.versionQuery != "" {
		rows, err := x.ask(e.versionQuery, 1)
		if err != nil {
			return err
		}
		if len(rows) == 1 {
			x.version, _ = rows[0][0].(string)
		}
	}
	if e.end != "" {
		defer func() {
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			if _, failed := conn.ExecContext(ending, e.end); failed != nil { // not to be used again
				conn.Raw(func(any) error { return driver.ErrBadConn })
			}
		}()
	}
	for _, statement := range e.begin(x.version, s.timeout) {
		if err := x.run(func(ctx context.Context) error { _, err := conn.ExecContext(ctx, statement); return err }); err != nil {
			return err
		}
	}
	return use(x)
}

// run gives one statement its time.
func (x *session) run(statement func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(x.ctx, x.timeout+grace)
	defer cancel()
	if err := statement(ctx); err != nil {
		return x.place.failed(x.ctx, err, x.timeout)
	}
	return nil
}

// anyColumns is of a SELECT whose columns are counted by who asks.
const anyColumns = -1

// ask runs a SELECT of so many columns, as each does, and gives all rows.
func (x *session) ask(statement string, columns int) (out [][]any, err error) {
	size := 0
	err = x.each(statement, columns, func(values []any) error {
		if size += answerBytes(values); size > maxAnswerBytes || len(out) == maxAnswerRows {
			return x.place.fault(fmt.Sprintf("a statement has more than %d rows, or %d bytes", maxAnswerRows, maxAnswerBytes), "")
		}
		out = append(out, slices.Clone(values))
		return nil
	})
	return out, err
}

// each runs a SELECT of so many columns and visits its rows, which are valid during the visit. Numbers come as *big.Int, those with places behind
// the point as dialect.Decimal, and the others as text, truth values and nil.
func (x *session) each(statement string, columns int, visit func(values []any) error) error {
	var refused error // by the visit
	err := x.run(func(ctx context.Context) error {
		rows, err := x.conn.QueryContext(ctx, statement)
		if err != nil {
			return err
		}
		defer rows.Close()
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		if columns != anyColumns && len(types) != columns {
			return x.place.fault(fmt.Sprintf("a statement of %d columns has %d", columns, len(types)), "")
		}
		row, into, values := make([]any, len(types)), make([]any, len(types)), make([]any, len(types))
		for i := range row {
			into[i] = &row[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return err
			}
			for i, v := range row {
				if values[i], err = plainValue(v, types[i].DatabaseTypeName()); err != nil {
					return err
				}
			}
			if refused = visit(values); refused != nil {
				return refused
			}
		}
		return rows.Err()
	})
	return cmp.Or(refused, err)
}

// types are the columns of a relation.
func (x *session) types(from string) (out []columnType, err error) {
	if x.place.engine.types != nil {
		rows, err := x.ask(x.place.engine.types(from), anyColumns)
		for _, row := range rows {
			var c columnType
			if len(row) > 1 {
				c.name, _ = row[0].(string)
				kind, _ := row[1].(string)
				c.kind = typeText(kind)
			}
			out = append(out, c)
		}
		return out, err
	}
	err = x.run(func(ctx context.Context) error {
		rows, err := x.conn.QueryContext(ctx, "SELECT * FROM "+from+" LIMIT 0")
		if err != nil {
			return err
		}
		defer rows.Close()
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		for _, t := range types {
			c := columnType{name: t.Name(), kind: typeText(t.DatabaseTypeName())}
			if _, places, ok := t.DecimalSize(); ok && places >= 0 && places <= files.MaxDigits {
				c.places, c.sized = int(places), true
			}
			out = append(out, c)
		}
		for rows.Next() {
		}
		return rows.Err()
	})
	return out, err
}

// plainValue is a value of a driver without what differs between drivers. A float is never one of ours.
func plainValue(v any, kind string) (any, error) {
	exact := strings.Contains(kind, "DECIMAL") || strings.Contains(kind, "NUMERIC")
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		return v, nil
	case string:
		return textValue(v, exact)
	case []byte:
		return textValue(string(v), exact)
	case *big.Int:
		return v, nil
	case big.Int:
		return &v, nil
	case fmt.Stringer:
		if exact {
			return textValue(v.String(), true)
		}
	}
	switch n := reflect.ValueOf(v); {
	case n.CanInt():
		return big.NewInt(n.Int()), nil
	case n.CanUint():
		return new(big.Int).SetUint64(n.Uint()), nil
	}
	return nil, fmt.Errorf("the engine gave a value as %T (%s)", v, kind)
}

func textValue(text string, exact bool) (any, error) {
	if !exact {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("the engine gave text that is not UTF-8")
		}
		return text, nil
	}
	d, ok := readDecimal(text)
	switch {
	case !ok:
		return nil, fmt.Errorf("the engine gave a number that is none")
	case d.Scale == 0:
		return d.Value, nil
	}
	return d, nil
}

// readDecimal reads digits with at most one point among them.
func readDecimal(text string) (dialect.Decimal, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimPrefix(strings.TrimPrefix(whole, "-"), "+") + fraction
	if digits == "" || len(text) > maxNumberText || strings.Trim(digits, "0123456789") != "" {
		return dialect.Decimal{}, false
	}
	n, ok := new(big.Int).SetString(digits, 10)
	if ok && strings.HasPrefix(text, "-") {
		n.Neg(n)
	}
	return dialect.Decimal{Value: n, Scale: len(fraction)}, ok
}

// answerBytes is about what a row takes in memory.
func answerBytes(values []any) int {
	size := 24
	for _, v := range values {
		size += 64
		if text, ok := v.(string); ok {
			size += len(text)
		}
	}
	return size
}

// maxAnswerBytes is the memory that the answer to a statement may take.
const maxAnswerBytes = 2 << 30

// maxAnswerRows is above the groups of any plan times the values that a tally has of them: what an engine
// gives is kept until it is complete.
const maxAnswerRows = 1 << 24

// maxNumberText is above any sum of what a column may hold.
const maxNumberText = 4 << 10
