package dialect

import (
	"math/big"
	"slices"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// What databases take as a statement is bounded: Trino's is a million characters, the others' more or as much as
// a session says. So are the texts in bytes of a statement, of one lookup, and of all in a statement together,
// which is kept count of before they are put together.
const (
	MaxStatement = 900_000
	maxLookup    = 256 << 10
	maxLookups   = 512 << 10
)

// Statement gives back a statement for the database, or an ErrBeyond if it is too long. The embedded one takes any.
func (d *Dialect) Statement(text string) (string, error) {
	if d.call == nil && len(text) > MaxStatement {
		return "", beyond("the question is a statement of %d bytes, and %s is sent at most %d", len(text), d.Name, MaxStatement)
	}
	return text, nil
}

// lookup writes what the database has no form for as a choice among constants: the engine computes it
// for each value of the dictionary of the one column that it depends on, and for NULL. It tells the
// database no value that is not in its own rows.
func (w Writer) lookup(e *engine.Expr, n width) (string, error) {
	columns := columnsOf(e, nil)
	if len(columns) == 0 {
		r, err := e.Eval(func(int) engine.Datum { return engine.Datum{} })
		if err != nil {
			return "", err
		}
		return w.constant(&engine.Expr{Op: engine.OpConstant, Kind: e.Kind, Scale: e.Scale, Value: r}, n)
	}
	if len(columns) > 1 {
		return "", beyond("%s has no %s of this meaning, and it depends on %d columns, not one with a dictionary", w.Dialect.Name, word(e.Op), len(columns))
	}
	of, err := w.at(columns[0])
	if err != nil {
		return "", err
	}
	if of.Kind != engine.Null && of.Dictionary == nil {
		return "", beyond("%s has no %s of this meaning, and its column has no dictionary", w.Dialect.Name, word(e.Op))
	}
	byResult, results := map[string][]string{}, []string{}
	size := 0
	add := func(d engine.Datum, condition string) error {
		r, err := e.Eval(func(int) engine.Datum { return d })
		if err != nil || r.IsNull() {
			return err
		}
		text, err := w.constant(&engine.Expr{Op: engine.OpConstant, Kind: e.Kind, Scale: e.Scale, Value: r}, n)
		if err != nil {
			return err
		}
		if byResult[text] == nil {
			results = append(results, text)
			size += len(text) + len(of.SQL) + len(" WHEN  IS NULL THEN  WHEN  IN () THEN ")
		}
		byResult[text] = append(byResult[text], condition)
		size += len(condition) + 2
		return nil
	}
	if err := add(engine.Datum{}, ""); err != nil {
		return "", err
	}
	for _, v := range of.Dictionary {
		key, err := w.constant(&engine.Expr{Op: engine.OpConstant, Kind: of.Kind, Value: atScale(v, of.Kind, of.Scale)}, n)
		if err != nil {
			return "", err
		}
		if err := add(atScale(v, columns[0].Kind, columns[0].Scale), key); err != nil {
			return "", err
		}
		if size > maxLookup {
			return "", beyond("%s has no %s of this meaning, and its column's values are too many to list", w.Dialect.Name, word(e.Op))
		}
	}
	if *w.listed += size; *w.listed > maxLookups {
		return "", beyond("%s has no forms for so much of this question, and lists of columns' values would be more than %d bytes", w.Dialect.Name, maxLookups)
	}
	return w.choice(of.SQL, results, byResult, w.typeOf(e.Kind, n)), nil
}

// choice writes the results by the constants that they are of; "" stands for NULL.
func (w Writer) choice(of string, results []string, byResult map[string][]string, sqlType string) string {
	if len(results) == 0 {
		return "CAST(NULL AS " + sqlType + ")"
	}
	var out strings.Builder
	out.WriteString("(CASE")
	for _, r := range results {
		keys := byResult[r]
		if i := slices.Index(keys, ""); i >= 0 {
			out.WriteString(" WHEN " + of + " IS NULL THEN " + r)
			keys = slices.Delete(slices.Clone(keys), i, i+1)
		}
		if len(keys) > 0 {
			out.WriteString(" WHEN " + of + " IN (" + strings.Join(keys, ", ") + ") THEN " + r)
		}
	}
	return out.String() + " END)"
}

// atScale brings a number to a kind and scale that hold it; other values are as they are.
func atScale(v engine.Datum, kind engine.Kind, scale int) engine.Datum {
	if !numeric(v.Kind) {
		return v
	}
	return engine.Datum{Kind: kind, Scale: scale, Number: new(big.Int).Mul(v.Number, files.PowerOfTen(scale-v.Scale))}
}

// words name operations that databases may not have.
var words = map[engine.Op]string{
	engine.OpString: "text of a value", engine.OpPart: "field of a date", engine.OpTruncate: "period of a date", engine.OpFormat: "to_char",
	engine.OpUpper: "upper", engine.OpLower: "lower", engine.OpSubstring: "substring", engine.OpLength: "length", engine.OpTrim: "trim",
	engine.OpMatch: "regular expression", engine.OpQuotient: "quotient", engine.OpLn: "logarithm", engine.OpExp: "exp", engine.OpSqrt: "sqrt",
	engine.OpShift: "date moved by an interval",
}

func word(op engine.Op) string {
	if w := words[op]; w != "" {
		return w
	}
	return "operation"
}

// columnsOf gives the different columns that e depends on.
func columnsOf(e *engine.Expr, known []*engine.Expr) []*engine.Expr {
	if e.Op == engine.OpColumn && !slices.ContainsFunc(known, func(k *engine.Expr) bool { return k.Column == e.Column }) {
		known = append(known, e)
	}
	for _, a := range e.Args {
		known = columnsOf(a, known)
	}
	return known
}
