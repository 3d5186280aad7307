package datasets

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// Bits of signed integers that DuckDB computes with. One bit of each type is
// left free, so that no value comes near the end of its range.
const (
	narrowBits = 62  // BIGINT
	wideBits   = 126 // HUGEINT
)

// errGoPath says that an expression is not for DuckDB but for the rows in Go.
var errGoPath = errors.New("datasets: beyond DuckDB's integers")

// A translator writes expressions over a plan's schema as DuckDB's SQL over
// this table's columns, with the meaning that engine.Expr.Eval gives them
// (README, section 6.2).
type translator struct {
	columns []sourceOf // for each column of the schema
}

// sourceOf is where a column of the schema comes from in this table.
type sourceOf struct {
	index int // among the table's columns
	own   column
	kind  engine.Kind // in the schema
	scale int
}

// sources finds the schema's columns in the table, by name.
func (t *Table) sources(schema engine.Schema) ([]sourceOf, error) {
	out := make([]sourceOf, len(schema.Columns))
	for i, c := range schema.Columns {
		at := t.find(c.Name)
		if at < 0 {
			return nil, &files.Error{Message: fmt.Sprintf("table %s has no column %s", files.Shown(t.name), files.Shown(c.Name))}
		}
		own := t.columns[at]
		fits := own.kind == engine.Null || own.kind == c.Kind || own.kind == engine.Integer && c.Kind == engine.Decimal
		if !fits || own.scale > c.Scale {
			return nil, &files.Error{Message: fmt.Sprintf("column %s of table %s is not as the plan says", files.Shown(c.Name), files.Shown(t.name))}
		}
		out[i] = sourceOf{index: at, own: own, kind: c.Kind, scale: c.Scale}
	}
	return out, nil
}

// expression writes e, or gives errGoPath when a value in it could pass
// wideBits.
func (x translator) expression(e *engine.Expr) (string, error) {
	bits := widest(e)
	if bits > wideBits {
		return "", errGoPath
	}
	integer := "BIGINT"
	if bits > narrowBits {
		integer = "HUGEINT"
	}
	return x.write(e, integer)
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

func (x translator) write(e *engine.Expr, integer string) (string, error) {
	switch e.Op {
	case engine.OpConstant:
		return constant(e, integer)
	case engine.OpColumn:
		return x.column(e, integer)
	case engine.OpStart: // depends on the row's group
		return "", errGoPath
	}
	f, ok := forms[e.Op]
	switch {
	case e.Op >= engine.OpGroup && e.Op < engine.OpCase:
		return "", fmt.Errorf("datasets: operation %d stands over cells", e.Op)
	case !ok:
		return x.call(e, integer)
	}
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		var err error
		if args[i], err = x.write(a, integer); err != nil {
			return "", err
		}
	}
	if len(args) < f.least {
		return "", fmt.Errorf("datasets: operation %d with %d arguments", e.Op, len(args))
	}
	return f.write(e, args, integer)
}

// sqlType is the type of an expression of a kind in DuckDB.
func sqlType(kind engine.Kind, integer string) string {
	switch kind {
	case engine.Text:
		return "VARCHAR"
	case engine.Boolean:
		return "BOOLEAN"
	case engine.Date, engine.Timestamp, engine.TimestampTZ:
		return "INTEGER"
	}
	return integer
}

func constant(e *engine.Expr, integer string) (string, error) {
	switch v := e.Value; v.Kind {
	case engine.Null:
		return "CAST(NULL AS " + sqlType(e.Kind, integer) + ")", nil
	case engine.Text:
		if strings.ContainsRune(v.Text, 0) {
			return "", errGoPath
		}
		return quoteText(v.Text), nil
	case engine.Boolean:
		return strconv.FormatBool(v.Bool), nil
	case engine.Integer, engine.Decimal, engine.Date, engine.Timestamp, engine.TimestampTZ:
		return "CAST(" + quoteText(v.Number.String()) + " AS " + sqlType(v.Kind, integer) + ")", nil
	}
	return "", fmt.Errorf("datasets: a constant of kind %s", e.Value.Kind)
}

// column writes a column, brought to the kind and scale that e gives it.
func (x translator) column(e *engine.Expr, integer string) (string, error) {
	if e.Column < 0 || e.Column >= len(x.columns) {
		return "", fmt.Errorf("datasets: the schema has no column %d", e.Column)
	}
	from := x.columns[e.Column]
	kind := sqlType(e.Kind, integer)
	if from.own.kind == engine.Null {
		return "CAST(NULL AS " + kind + ")", nil
	}
	name := columnName(from.index)
	if !numeric(from.own.kind) {
		return name, nil
	}
	return scaledUp("CAST("+name+" AS "+kind+")", e.Scale-from.own.scale, integer)
}

// scaledUp multiplies by 10^places.
func scaledUp(number string, places int, integer string) (string, error) {
	switch {
	case places < 0:
		return "", fmt.Errorf("datasets: a scale reduced by %d places", -places)
	case places == 0:
		return number, nil
	case places > files.MaxDigits-1:
		return "", errGoPath
	}
	factor := files.PowerOfTen(places)
	if integer == "BIGINT" && !factor.IsInt64() { // only NULL and 0 reach this scale within 62 bits
		return "", errGoPath
	}
	return "(" + number + " * CAST('" + factor.String() + "' AS " + integer + "))", nil
}
