package engine

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// bindBetweenSymmetric types x BETWEEN SYMMETRIC a AND b: between them in one order or the other.
func (b *binder) bindBetweenSymmetric(e *pg.A_Expr, negated bool, in place, position int) (*Expr, error) {
	ends := e.Rexpr.GetList().GetItems()
	if len(ends) != 2 {
		return nil, refuse(CodeUnsupported, position, "BETWEEN takes two ends")
	}
	out := &Expr{Op: OpOr, Kind: Boolean}
	for _, order := range [][]*pg.Node{{ends[0], ends[1]}, {ends[1], ends[0]}} {
		list := &pg.Node{Node: &pg.Node_List{List: &pg.List{Items: order}}}
		part, err := b.bindBetween(&pg.A_Expr{Lexpr: e.Lexpr, Rexpr: list}, false, in, position)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, part)
	}
	out, err := b.derive(out, in, position)
	return b.not(out, negated), err
}

// bindDistinctFrom types x IS [NOT] DISTINCT FROM y, for which NULL is a value like others.
func (b *binder) bindDistinctFrom(e *pg.A_Expr, distinct bool, in place, position int) (*Expr, error) {
	left, right, err := b.bindPair(e.Lexpr, e.Rexpr, in)
	if err != nil {
		return nil, err
	}
	operands := []*Expr{left, right}
	if err := b.misleading(operands, false, position); err != nil {
		return nil, err
	}
	if err := b.unify(operands, in, position); err != nil {
		return nil, err
	}
	equal, err := b.derive(&Expr{Op: OpEqual, Args: operands, Kind: Boolean}, in, position)
	if err != nil {
		return nil, err
	}
	missing := func(e *Expr) *Expr { return &Expr{Op: OpIsNull, Args: []*Expr{e}, Kind: Boolean} }
	same := &Expr{Op: OpIsTrue, Args: []*Expr{equal}, Kind: Boolean}
	both := &Expr{Op: OpAnd, Args: []*Expr{missing(operands[0]), missing(operands[1])}, Kind: Boolean}
	return b.not(&Expr{Op: OpOr, Args: []*Expr{same, both}, Kind: Boolean}, distinct), nil
}

// bindAny types x = ANY(ARRAY[...]) and x <> ALL(ARRAY[...]): IN and NOT IN.
func (b *binder) bindAny(e *pg.A_Expr, name string, in place, position int) (*Expr, error) {
	array := e.Rexpr.GetAArrayExpr()
	any := e.Kind == pg.A_Expr_Kind_AEXPR_OP_ANY
	if array == nil || len(array.Elements) == 0 || any && name != "=" || !any && name != "<>" {
		return nil, hinted(refuse(CodeUnsupported, position, "ANY and ALL are supported as = ANY (ARRAY[...]) and <> ALL (ARRAY[...]) alone"),
			"write comparisons joined by OR or AND")
	}
	list := &pg.Node{Node: &pg.Node_List{List: &pg.List{Items: array.Elements}}}
	return b.bindIn(&pg.A_Expr{Lexpr: e.Lexpr, Rexpr: list}, !any, in, position)
}

// patternOf binds the operands of a match: a text and a literal pattern, which may be NULL.
func (b *binder) patternOf(lexpr, rexpr *pg.Node, form string, in place, position int) (text, pattern *Expr, err error) {
	if text, pattern, err = b.bindPair(lexpr, rexpr, in); err != nil {
		return nil, nil, err
	}
	if text, err = b.coerce(text, Text, position); err != nil {
		return nil, nil, err
	}
	if pattern, err = b.coerce(pattern, Text, position); err != nil {
		return nil, nil, err
	}
	switch {
	case text.Kind != Text || pattern.Kind != Text:
		return nil, nil, refuse(CodeType, position, "%s compares text with a pattern, not %s with %s", form, text.Kind.article(), pattern.Kind.article())
	case pattern.Op != OpConstant:
		return nil, nil, notLiteral(form, position)
	}
	return text, pattern, nil
}

func notLiteral(form string, position int) error {
	return refuse(CodeUnsupported, position, "the pattern of %s must be a string literal", form)
}

// bindMatch types the operators ~, ~*, !~ and !~*.
func (b *binder) bindMatch(e *pg.A_Expr, name string, in place, position int) (*Expr, error) {
	if name = strings.TrimPrefix(name, "!"); name != "~" && name != "~*" {
		return nil, refuse(CodeUnsupported, position, "the operator %s is not supported", name)
	}
	text, literal, err := b.patternOf(e.Lexpr, e.Rexpr, name, in, position)
	if err != nil {
		return nil, err
	}
	if literal.Value.IsNull() {
		return nil, notLiteral(name, position)
	}
	pattern := literal.Value.Text
	negated := strings.HasPrefix(e.Name[0].GetString_().GetSval(), "!")
	if name == "~" {
		return b.matched(text, pattern, negated, in, position)
	}
	// Without regard to case: small letters on both sides. A class that is not one of small letters
	// would mean another one.
	if strings.Contains(pattern, `\`) || strings.Contains(pattern, "[:") || !oneCase(pattern) {
		return nil, hinted(refuse(CodeUnsupported, position, "classes of characters are not supported in patterns of ~*"), "write lower(...) ~ 'pattern'")
	}
	if text, err = b.rowExpr(&Expr{Op: OpLower, Args: []*Expr{text}, Kind: Text}, in, position); err != nil {
		return nil, err
	}
	return b.matched(text, lowerCase(pattern), negated, in, position)
}

func (b *binder) matched(text *Expr, pattern string, negated bool, in place, position int) (*Expr, error) {
	pattern, err := regularExpression(pattern)
	if err != nil {
		return nil, refuse(CodeUnsupported, position, "regular expression: %s", err)
	}
	out, err := b.rowExpr(&Expr{Op: OpMatch, Args: []*Expr{text, literalText(pattern)}, Kind: Boolean}, in, position)
	if err != nil {
		return nil, err
	}
	return b.not(out, negated), nil
}

// bindSimilar types SIMILAR TO, whose pattern the parser has wrapped in a call.
func (b *binder) bindSimilar(e *pg.A_Expr, negated bool, in place, position int) (*Expr, error) {
	call := e.Rexpr.GetFuncCall()
	if call == nil || len(call.Args) != 1 {
		return nil, refuse(CodeUnsupported, position, "SIMILAR TO with ESCAPE is not supported: the backslash escapes")
	}
	text, literal, err := b.patternOf(e.Lexpr, call.Args[0], "SIMILAR TO", in, position)
	if err != nil {
		return nil, err
	}
	if literal.Value.IsNull() {
		return nil, notLiteral("SIMILAR TO", position)
	}
	pattern := literal.Value.Text
	if strings.Contains(pattern, `\"`) {
		return nil, refuse(CodeUnsupported, position, `\" is not supported in patterns of SIMILAR TO`)
	}
	return b.matched(text, similar(pattern), negated, in, position)
}

// bindTrim types trim, btrim, ltrim and rtrim.
func (b *binder) bindTrim(c rowCall, side string) (*Expr, error) {
	characters := literalText(" ")
	if len(c.args) == 2 {
		var err error
		if characters, err = b.constantOf(c, 1, Text); err != nil {
			return nil, err
		}
	}
	x, err := b.textOf(c, 0)
	if err != nil {
		return nil, err
	}
	return b.rowExpr(&Expr{Op: OpTrim, Args: []*Expr{x, literalText(side), characters}, Kind: Text}, c.in, c.position)
}
