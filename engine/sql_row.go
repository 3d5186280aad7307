package engine

import (
	"math/big"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// rowFunction is a function of values of a row. README section 15.
type rowFunction struct {
	least, most int    // arguments
	figure      string // what it is of a group's figures (README section 16); "": the same
	bind        func(b *binder, c rowCall) (*Expr, error)
}

// typed types a call, over rows or over cells.
func (f rowFunction) typed(b *binder, c rowCall) (*Expr, error) {
	if c.in.cells && f.figure != "" {
		return b.figureCall(c, f.figure)
	}
	return f.bind(b, c)
}

// rowCall is a call of one, its arguments bound.
type rowCall struct {
	name     string
	args     []*Expr
	in       place
	position int
}

var rowFunctions = map[string]rowFunction{
	"upper":        {1, 1, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofText(c, OpUpper, Text) }},
	"lower":        {1, 1, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofText(c, OpLower, Text) }},
	"length":       {1, 1, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofText(c, OpLength, Integer) }},
	"char_length":  {1, 1, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofText(c, OpLength, Integer) }},
	"left":         {2, 2, "", (*binder).bindLeft},
	"substr":       {2, 3, "", (*binder).bindSubstring},
	"substring":    {2, 3, "", (*binder).bindSubstring},
	"concat":       {1, 100, "", (*binder).bindConcat},
	"date_trunc":   {2, 2, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofDate(c, OpTruncate, TimestampTZ, 1) }},
	"extract":      {2, 2, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofDate(c, OpPart, Decimal, 1) }},
	"date_part":    {2, 2, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofDate(c, OpPart, Decimal, 1) }},
	"to_char":      {2, 2, "", func(b *binder, c rowCall) (*Expr, error) { return b.ofDate(c, OpFormat, Text, 0) }},
	"width_bucket": {4, 4, "", (*binder).bindWidth},
	"floor":        {1, 1, roundFloor, func(b *binder, c rowCall) (*Expr, error) { return b.reduced(c, roundFloor) }},
	"ceil":         {1, 1, roundCeil, func(b *binder, c rowCall) (*Expr, error) { return b.reduced(c, roundCeil) }},
	"ceiling":      {1, 1, roundCeil, func(b *binder, c rowCall) (*Expr, error) { return b.reduced(c, roundCeil) }},
	"round":        {1, 2, roundHalf, func(b *binder, c rowCall) (*Expr, error) { return b.reduced(c, roundHalf) }},
	"trunc":        {1, 2, roundTrunc, func(b *binder, c rowCall) (*Expr, error) { return b.reduced(c, roundTrunc) }},
	"btrim":        {1, 2, "", func(b *binder, c rowCall) (*Expr, error) { return b.bindTrim(c, trimBoth) }},
	"ltrim":        {1, 2, "", func(b *binder, c rowCall) (*Expr, error) { return b.bindTrim(c, trimLeft) }},
	"rtrim":        {1, 2, "", func(b *binder, c rowCall) (*Expr, error) { return b.bindTrim(c, trimRight) }},
	"ln":           {1, 1, "ln", func(b *binder, c rowCall) (*Expr, error) { return b.transcendental(c, OpLn) }},
	"exp":          {1, 1, "exp", func(b *binder, c rowCall) (*Expr, error) { return b.transcendental(c, OpExp) }},
	"sqrt":         {1, 1, "sqrt", func(b *binder, c rowCall) (*Expr, error) { return b.transcendental(c, OpSqrt) }},
	"power":        {2, 2, "power", (*binder).bindPower},
	"pow":          {2, 2, "power", (*binder).bindPower},
	"abs":          {1, 1, "abs", (*binder).bindAbs},
	"sign":         {1, 1, "sign", (*binder).bindSignOf},
}

// bindRowCall types a call of a function of values of a row.
func (b *binder) bindRowCall(f rowFunction, call *pg.FuncCall, in place) (*Expr, error) {
	c := rowCall{name: strings.TrimPrefix(functionName(call), parserSchema), in: in, position: b.at(call.Location)}
	if err := b.only(call, "funcname", "args", "funcformat", "location"); err != nil {
		return nil, err
	}
	if n := len(call.Args); n < f.least || n > f.most {
		return nil, refuse(CodeUnsupported, c.position, "%s takes %s, not %d", c.name, argumentCount(f.least, f.most), n)
	}
	if c.name == "extract" || c.name == "date_part" {
		if e, err := b.bindElapsed(c, call.Args); e != nil || err != nil {
			return e, err
		}
	}
	for _, node := range call.Args {
		e, err := b.bind(node, in)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, e)
	}
	return f.typed(b, c)
}

func argumentCount(least, most int) string {
	if least == most {
		return Plural(least, "argument")
	}
	return "at least " + Plural(least, "argument")
}

// rowExpr completes an operation over rows: computed at once if all its arguments are constants.
func (b *binder) rowExpr(e *Expr, in place, position int) (*Expr, error) {
	out, err := b.derive(e, in, position)
	if err != nil || slices.ContainsFunc(e.Args, func(a *Expr) bool { return a.Op != OpConstant }) {
		return out, err
	}
	v, err := out.Eval(nil)
	if err != nil {
		return nil, refuse(CodeType, position, "%s", err)
	}
	return (&Expr{Op: OpConstant, Value: v, Kind: e.Kind, Scale: e.Scale, bits: e.bits}).derive(nil, position)
}

// textOf coerces an argument to text.
func (b *binder) textOf(c rowCall, i int) (*Expr, error) {
	e, err := b.coerce(c.args[i], Text, c.position)
	if err == nil && e.Kind != Text {
		err = hinted(refuse(CodeType, c.position, "%s takes text, not %s", c.name, e.Kind.article()), "CAST(... AS text) makes text of it")
	}
	return e, err
}

// constantOf is an argument that must be a literal.
func (b *binder) constantOf(c rowCall, i int, kind Kind) (*Expr, error) {
	e, err := b.coerce(c.args[i], kind, c.position)
	switch {
	case err != nil:
		return nil, err
	case e.Op != OpConstant || e.Value.IsNull():
		return nil, refuse(CodeUnsupported, c.position, "argument %d of %s must be a literal", i+1, c.name)
	case e.Kind != kind && !(kind == Decimal && e.Kind == Integer):
		return nil, refuse(CodeType, c.position, "argument %d of %s must be %s, not %s", i+1, c.name, kind.article(), e.Kind.article())
	}
	return e, nil
}

// ofText makes an operation of one text.
func (b *binder) ofText(c rowCall, op Op, kind Kind) (*Expr, error) {
	x, err := b.textOf(c, 0)
	if err != nil {
		return nil, err
	}
	out := &Expr{Op: op, Args: []*Expr{x}, Kind: kind}
	if kind == Integer {
		out.bits = 32
	}
	return b.rowExpr(out, c.in, c.position)
}

// bindLeft types left(text, n): a negative n leaves off so many characters at the end, which
// substring cannot say.
func (b *binder) bindLeft(c rowCall) (*Expr, error) {
	n, err := b.constantOf(c, 1, Integer)
	if err != nil {
		return nil, err
	}
	if n.Value.Number.Sign() < 0 {
		return nil, refuse(CodeUnsupported, c.position, "left with a negative number is not supported: write substr(text, start, length)")
	}
	return b.characters(c, big.NewInt(1), n.Value.Number)
}

// bindSubstring types substr and substring(text FROM start FOR length).
func (b *binder) bindSubstring(c rowCall) (*Expr, error) {
	start, err := b.constantOf(c, 1, Integer)
	if err != nil {
		return nil, err
	}
	length := big.NewInt(maxTextLength)
	if len(c.args) == 3 {
		n, err := b.constantOf(c, 2, Integer)
		if err != nil {
			return nil, err
		}
		if length = n.Value.Number; length.Sign() < 0 {
			return nil, refuse(CodeType, c.position, "negative substring length not allowed")
		}
	} else {
		length = new(big.Int).Sub(length, hullWithZero(start.Value.Number).lo)
	}
	return b.characters(c, start.Value.Number, length)
}

func (b *binder) characters(c rowCall, start, length *big.Int) (*Expr, error) {
	x, err := b.textOf(c, 0)
	if err != nil {
		return nil, err
	}
	return b.rowExpr(&Expr{Op: OpSubstring, Args: []*Expr{x, integer(start), integer(length)}, Kind: Text}, c.in, c.position)
}

// integer is a constant of the plan that stands in no text.
func integer(n *big.Int) *Expr {
	return &Expr{Op: OpConstant, Value: Datum{Kind: Integer, Number: n}, Kind: Integer, Min: n, Max: n}
}

func literalText(s string) *Expr { return &Expr{Op: OpConstant, Value: NewText(s), Kind: Text} }

// bindConcat types concat, which takes NULL for nothing.
func (b *binder) bindConcat(c rowCall) (*Expr, error) {
	var out *Expr
	for _, a := range c.args {
		var err error
		if a.Kind == Boolean { // written as in an answer, not as a cast does
			a, err = b.ofResults(&Expr{Op: OpCase, Args: []*Expr{a, literalText("t"),
				{Op: OpIsFalse, Args: []*Expr{a}, Kind: Boolean}, literalText("f"), {Op: OpConstant, Kind: Text, Nullable: true}}}, c.in, c.position)
		} else {
			a, err = b.asText(a, c.in, c.position)
		}
		if err != nil {
			return nil, err
		}
		if a.Nullable {
			if a, err = b.rowExpr(&Expr{Op: OpCoalesce, Args: []*Expr{a, literalText("")}, Kind: Text}, c.in, c.position); err != nil {
				return nil, err
			}
		}
		if out == nil {
			out = a
		} else if out, err = b.rowExpr(&Expr{Op: OpConcat, Args: []*Expr{out, a}, Kind: Text}, c.in, c.position); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bindJoined types x || y, of which one must be text.
func (b *binder) bindJoined(e *pg.A_Expr, in place, position int) (*Expr, error) {
	left, right, err := b.bindPair(e.Lexpr, e.Rexpr, in)
	if err != nil {
		return nil, err
	}
	if left.Kind != Text && right.Kind != Text && left.Kind != Null && right.Kind != Null {
		return nil, hinted(refuse(CodeType, position, "|| joins texts, not %s and %s", left.Kind.article(), right.Kind.article()),
			"CAST(... AS text) makes text of it")
	}
	if left, err = b.asText(left, in, position); err != nil {
		return nil, err
	}
	if right, err = b.asText(right, in, position); err != nil {
		return nil, err
	}
	return b.rowExpr(&Expr{Op: OpConcat, Args: []*Expr{left, right}, Kind: Text}, in, position)
}

// asText casts to text. Figures of a group stay as they are: how they are printed follows from
// the whole answer.
func (b *binder) asText(e *Expr, in place, position int) (*Expr, error) {
	e, err := b.coerce(e, Text, position)
	switch {
	case err != nil || e.Kind == Text:
		return e, err
	case in.cells && e.Op != OpGroup && e.Op != OpConstant:
		return nil, hinted(refuse(CodeType, position, "%s cannot be cast to text here", e.Kind.article()), "leave out the cast: it is printed as it is")
	}
	if e.Kind == Decimal && e.Op != OpReduce && slices.ContainsFunc([]Op{OpQuotient, OpCase, OpCoalesce, OpGreatest, OpLeast}, func(op Op) bool { return holds(e, op) }) {
		return nil, hinted(refuse(CodeUnsupported, position, "this number has not the same decimal places in each row, so its text is not known"),
			"write round(..., 2)")
	}
	return b.rowExpr(&Expr{Op: OpString, Args: []*Expr{e}, Kind: Text}, in, position)
}

// ofDate makes an operation of a date, a timestamp or a time of day, which is argument number at, and
// of a literal. What days decide is computed of the day, and what the clock decides of the hour or
// the minute: there are fewer of them to group by.
func (b *binder) ofDate(c rowCall, op Op, kind Kind, at int) (*Expr, error) {
	what, err := b.constantOf(c, 1-at, Text)
	if err != nil {
		return nil, err
	}
	x, err := b.coerce(c.args[at], Date, c.position)
	if err != nil {
		return nil, err
	}
	if !x.Kind.temporal() {
		return nil, refuse(CodeType, c.position, "%s takes a date, a timestamp or a time, not %s", c.name, x.Kind.article())
	}
	if op == OpFormat {
		return b.bindFormat(c, x, what.Value.Text)
	}
	field := lower(what.Value.Text)
	out := &Expr{Op: op, Kind: kind}
	clock, clocked := clocks[field]
	switch {
	case op == OpTruncate && x.Kind == Time:
		return nil, hinted(refuse(CodeUnsupported, c.position, "date_trunc of a time is an interval, which is not supported"), "write EXTRACT(hour FROM ...)")
	case !slices.Contains(fieldsOf(op, x.Kind), field):
		return nil, hinted(refuse(CodeUnsupported, c.position, "%s has no field %s of %s", c.name, quote(what.Value.Text), x.Kind.article()),
			"the fields are %s", strings.Join(fieldsOf(op, x.Kind), ", "))
	case op == OpPart && field == "julian" && x.Kind != Date:
		return nil, hinted(refuse(CodeUnsupported, c.position, "the julian day of a timestamp is not supported"), "CAST(... AS date) makes a date of it")
	}
	if op == OpTruncate && x.Kind == Timestamp {
		out.Kind = Timestamp
	}
	switch {
	case clocked && x.Kind != Date && op == OpPart:
		out.Scale = clock.places
	case clocked && op == OpTruncate:
		x, err = b.retype(x, out.Kind, c.in, c.position)
	default:
		x, err = b.retype(x, Date, c.in, c.position)
	}
	if err != nil {
		return nil, err
	}
	out.Args = []*Expr{x, literalText(field)}
	if out, err = b.rowExpr(out, c.in, c.position); err == nil && op == OpTruncate {
		err = b.withinDates(out, c.position)
	}
	return out, err
}

// fieldsOf lists the fields that an operation takes of a kind.
func fieldsOf(op Op, kind Kind) []string {
	var names []string
	for name, p := range periods {
		if kind.daily() && (op == OpPart && p.part != nil || op == OpTruncate && p.begin != nil) {
			names = append(names, name)
		}
	}
	for name, c := range clocks {
		if (op == OpPart && kind != Date || op == OpTruncate && c.Unit != 0) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// bindFormat types to_char.
func (b *binder) bindFormat(c rowCall, x *Expr, written string) (*Expr, error) {
	p, err := datePattern(written)
	if err != nil {
		return nil, hinted(refuse(CodeUnsupported, c.position, "to_char: %s", err),
			"the patterns are YYYY, YY, MM, Month, Mon, DD, DDD, Day, Dy, D, ID, Q, WW, IW, IYYY, HH24, HH12, MI, SS, MS, US, AM, FM before one of them, and \"text\" in double quotes")
	}
	if p.daily && x.Kind == Time {
		return nil, hinted(refuse(CodeUnsupported, c.position, "to_char: a time has no day"), "the patterns of a time are HH24, HH12, MI, SS, MS, US and AM")
	}
	if x.Kind.clocked() {
		if x, err = b.coarser(x, p, c); err != nil {
			return nil, err
		}
	}
	return b.rowExpr(&Expr{Op: OpFormat, Args: []*Expr{x, literalText(written)}, Kind: Text}, c.in, c.position)
}

// coarser is as much of a timestamp or a time as a pattern shows.
func (b *binder) coarser(x *Expr, p pattern, c rowCall) (*Expr, error) {
	kind := x.Kind
	switch {
	case p.clock < 0 && x.Kind != Time:
		return b.retype(x, Date, c.in, c.position)
	case p.clock < 0:
		return x, nil
	case !p.daily:
		kind = Time
	}
	x, err := b.retype(x, kind, c.in, c.position)
	field := clockWords[p.clock].clock
	if err != nil || clocks[field].Unit == 1 {
		return x, err
	}
	return b.rowExpr(&Expr{Op: OpTruncate, Args: []*Expr{x, literalText(field)}, Kind: kind}, c.in, c.position)
}
