package dialect

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// A Writer writes the expressions of one statement, over a plan's schema, as SQL over the columns of one table.
type Writer struct {
	Dialect *Dialect
	Columns []Column // for each column of the schema, and what stands behind them
	listed  *int     // bytes of the statement's lookups so far
}

// NewWriter is for one statement.
func NewWriter(d *Dialect, columns []Column) Writer { return Writer{d, columns, new(int)} }

// Expression writes e, or gives an ErrBeyond.
func (w Writer) Expression(e *engine.Expr) (string, error) {
	n, err := w.widthOf(widest(e))
	if err != nil {
		return "", err
	}
	return w.write(e, n)
}

// Key writes what is grouped by: a column as the table has it, whatever its scale in the schema.
func (w Writer) Key(e *engine.Expr) (string, error) {
	if e.Op != engine.OpColumn {
		return w.Expression(e)
	}
	c, err := w.at(e)
	if err != nil {
		return "", err
	}
	return w.KeyOf(c), nil
}

// KeyOf is Key of a column. A bare NULL has no type, which not every driver reads.
func (w Writer) KeyOf(c Column) string {
	if c.Kind == engine.Null {
		return "CAST(NULL AS " + w.Dialect.widths[0].name + ")"
	}
	return c.SQL
}

// at is the column that an OpColumn names.
func (w Writer) at(e *engine.Expr) (Column, error) {
	if e.Column < 0 || e.Column >= len(w.Columns) {
		return Column{}, fmt.Errorf("datasets: the schema has no column %d", e.Column)
	}
	return w.Columns[e.Column], nil
}

// widthOf is the narrowest integer of so many bits.
func (w Writer) widthOf(bits int) (width, error) {
	for _, n := range w.Dialect.widths {
		if bits <= n.bits {
			return n, nil
		}
	}
	return width{}, beyond("numbers of %d bits are more than %s computes with", bits, w.Dialect.Name)
}

// widest is the most bits of any number in e, and of those that its forms compute on the way.
func widest(e *engine.Expr) int {
	bits := 0
	for _, v := range []*big.Int{e.Min, e.Max, e.Value.Number} {
		if v != nil {
			bits = max(bits, v.BitLen())
		}
	}
	args := make([]int, len(e.Args))
	for i, a := range e.Args {
		args[i] = widest(a)
		bits = max(bits, args[i])
	}
	if f := forms[e.Op]; f.between != nil && len(args) >= f.least {
		bits = max(bits, f.between(e, args))
	}
	return bits
}

func (w Writer) write(e *engine.Expr, n width) (string, error) {
	switch e.Op {
	case engine.OpConstant:
		return w.constant(e, n)
	case engine.OpColumn:
		return w.column(e, n)
	case engine.OpStart: // depends on the row's group
		return "", beyond("where a range starts in each group")
	}
	f, ok := w.Dialect.forms[e.Op]
	if !ok {
		f, ok = forms[e.Op]
	}
	switch {
	case e.Op >= engine.OpGroup && e.Op < engine.OpCase:
		return "", fmt.Errorf("datasets: operation %d stands over cells", e.Op)
	case !ok:
		return w.call(e, n)
	}
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		var err error
		if args[i], err = w.write(a, n); err != nil {
			return "", err
		}
	}
	if len(args) < f.least {
		return "", fmt.Errorf("datasets: operation %d with %d arguments", e.Op, len(args))
	}
	out, err := f.write(w, e, args, n)
	if out == "" && err == nil { // this operation has no form for these arguments
		return w.call(e, n)
	}
	return out, err
}

// call writes what the database has no form for.
func (w Writer) call(e *engine.Expr, n width) (string, error) {
	if w.Dialect.call != nil {
		return w.Dialect.call(w, e, n)
	}
	return w.lookup(e, n)
}

// typeOf is the type of an expression of a kind.
func (w Writer) typeOf(kind engine.Kind, n width) string {
	switch kind {
	case engine.Text:
		return w.Dialect.text
	case engine.Boolean:
		return w.Dialect.boolean
	case engine.Date:
		return w.Dialect.days
	}
	return n.name
}

func (w Writer) constant(e *engine.Expr, n width) (string, error) {
	switch v := e.Value; v.Kind {
	case engine.Null:
		return "CAST(NULL AS " + w.typeOf(e.Kind, n) + ")", nil
	case engine.Text:
		if strings.ContainsRune(v.Text, 0) {
			return "", beyond("a text with a NUL byte")
		}
		return w.Dialect.quote(v.Text), nil
	case engine.Boolean:
		return strconv.FormatBool(v.Bool), nil
	case engine.Integer, engine.Decimal, engine.Date, engine.Timestamp, engine.TimestampTZ, engine.Time:
		return number(v.Number, w.typeOf(v.Kind, n)), nil
	}
	return "", fmt.Errorf("datasets: a constant of kind %s", e.Value.Kind)
}

// number writes an integer constant of a type.
func number(v *big.Int, sqlType string) string {
	return "CAST('" + v.String() + "' AS " + sqlType + ")"
}

// column writes a column, brought to the kind and scale that e gives it.
func (w Writer) column(e *engine.Expr, n width) (string, error) {
	from, err := w.at(e)
	if err != nil {
		return "", err
	}
	kind := w.typeOf(e.Kind, n)
	if from.Kind == engine.Null {
		return "CAST(NULL AS " + kind + ")", nil
	}
	if !numeric(from.Kind) && !clocked(from.Kind) {
		return from.SQL, nil
	}
	return scaledUp("CAST("+from.SQL+" AS "+kind+")", e.Scale-from.Scale, n)
}

func numeric(k engine.Kind) bool { return k == engine.Integer || k == engine.Decimal }

// scaledUp multiplies by 10^places.
func scaledUp(x string, places int, n width) (string, error) {
	switch {
	case places < 0:
		return "", fmt.Errorf("datasets: a scale reduced by %d places", -places)
	case places == 0:
		return x, nil
	}
	factor := files.PowerOfTen(places)
	if factor.BitLen() > n.bits { // only NULL and 0 reach this scale
		return "", beyond("a number with %d more decimal places", places)
	}
	return "(" + x + " * " + number(factor, n.name) + ")", nil
}

// Moment writes the aggregate of a moment over so many rows. Its cell is what comes back times 10^places:
// an integer within the database's widest.
func (w Writer) Moment(m engine.Moment, rows int64) (out string, places int, err error) {
	argument, condition := "*", ""
	if m.Op != engine.CountRows && m.Op != engine.Present {
		if m.Expr == nil {
			return "", 0, fmt.Errorf("datasets: a moment without an expression")
		}
		if argument, places, err = w.argument(m); err != nil {
			return "", 0, err
		}
	}
	if m.Filter != nil {
		if condition, err = w.Expression(m.Filter); err != nil {
			return "", 0, err
		}
	}
	if condition != "" && !w.Dialect.filters {
		if argument == "*" {
			argument = "1"
		}
		argument, condition = "CASE WHEN "+condition+" THEN "+argument+" END", ""
	}
	if condition != "" {
		condition = " FILTER (WHERE " + condition + ")"
	}
	switch m.Op {
	case engine.CountRows, engine.CountNonNull:
		return "count(" + argument + ")" + condition, 0, nil
	case engine.CountKeys:
		return "count(DISTINCT " + argument + ")" + condition, 0, nil
	case engine.Present:
		return "CASE WHEN count(" + argument + ")" + condition + " > 0 THEN 1 ELSE 0 END", 0, nil
	case engine.Sum:
		if _, err := w.widthOf(widest(m.Expr) + big.NewInt(rows).BitLen()); err != nil {
			return "", 0, err
		}
		return "coalesce(" + w.Dialect.sum(argument) + condition + ", 0)", places, nil
	case engine.Weigh:
		out, err := w.slack(m, rows, argument, condition)
		return out, places, err
	}
	return "", 0, fmt.Errorf("datasets: moment operation %d", m.Op)
}

// argument writes what is summed or counted: a column as it is, where that is the same.
func (w Writer) argument(m engine.Moment) (out string, places int, err error) {
	if m.Expr.Op == engine.OpColumn {
		c, err := w.at(m.Expr)
		switch {
		case err != nil:
			return "", 0, err
		case c.Kind == engine.Null || m.Op == engine.Weigh:
		case m.Op == engine.CountNonNull && c.Bare != "":
			return c.Bare, 0, nil
		case m.Op == engine.CountNonNull, m.Op == engine.CountKeys:
			return c.SQL, 0, nil
		case c.Bare != "" && w.Dialect.bare:
			return c.Bare, m.Expr.Scale - c.BareScale, nil
		}
	}
	if w.Dialect.points && m.Op != engine.Weigh && w.hasBare(m.Expr) {
		if out, ok := w.pointed(m.Expr); ok {
			if m.Op == engine.Sum {
				places = m.Expr.Scale
			}
			return out, places, nil
		}
	}
	out, err = w.Expression(m.Expr)
	return out, 0, err
}
