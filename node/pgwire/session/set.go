package session

import (
	"context"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// oidText is the OID of type text.
const oidText = 25

// tagged is a statement that gives a tag alone.
func (s *session) tagged(tag string, do func(ctx context.Context) error) *statement {
	return &statement{s: s, untimed: true, run: func(ctx context.Context, _ []pgwire.Value) (*pgwire.Result, error) {
		if err := do(ctx); err != nil {
			return nil, err
		}
		return &pgwire.Result{Tag: tag}, nil
	}}
}

// setting prepares SET and RESET.
func (s *session) setting(v *pg.VariableSetStmt) (*statement, error) {
	name := strings.ToLower(v.Name)
	switch v.Kind {
	case pg.VariableSetKind_VAR_SET_VALUE:
		words, err := wordsOf(v.Args)
		if err != nil {
			return nil, err
		}
		return s.tagged("SET", func(context.Context) error {
			s.warnLocal(v.IsLocal, "SET LOCAL")
			return s.set(name, joined(words, name), v.IsLocal)
		}), nil
	case pg.VariableSetKind_VAR_SET_DEFAULT:
		return s.tagged("SET", func(context.Context) error { return s.reset(name, v.IsLocal) }), nil
	case pg.VariableSetKind_VAR_SET_CURRENT:
		return s.tagged("SET", func(context.Context) error { _, err := settingOf(name); return err }), nil
	case pg.VariableSetKind_VAR_RESET:
		return s.tagged("RESET", func(context.Context) error { return s.reset(name, false) }), nil
	case pg.VariableSetKind_VAR_RESET_ALL:
		return s.tagged("RESET", func(context.Context) error { s.resetAll(); return nil }), nil
	case pg.VariableSetKind_VAR_SET_MULTI:
		prefix := ""
		switch v.Name {
		case "SESSION CHARACTERISTICS":
			prefix = "default_"
		case "TRANSACTION":
		default:
			return nil, hinted(refuse("0A000", "SET %s is not supported", v.Name), "each statement is answered by itself, over the present tables")
		}
		return s.tagged("SET", func(context.Context) error {
			if prefix == "" {
				s.warnLocal(true, "SET TRANSACTION")
			}
			return s.characteristics(v.Args, prefix)
		}), nil
	}
	return nil, refuse("0A000", "this form of SET is not supported")
}

func (s *session) warnLocal(local bool, what string) {
	if local && !s.inUnit() {
		s.warn("25P01", what+" can only be used in transaction blocks")
	}
}

// reset gives a setting its value of the session's start.
func (s *session) reset(name string, local bool) error {
	of, err := settingOf(name)
	if err != nil {
		return err
	}
	if of.fixed && name != "session_authorization" {
		return refuse("55P02", "parameter \"%s\" cannot be changed", of.name)
	}
	s.assign(name, s.defaults[name], local)
	return nil
}

func (s *session) resetAll() {
	for _, name := range sorted(known) {
		if !strings.HasPrefix(name, "transaction_") {
			s.assign(name, s.defaults[name], false)
		}
	}
}

// wordsOf are the values of a SET, each as text.
func wordsOf(args []*pg.Node) ([]string, error) {
	var out []string
	for _, arg := range args {
		word, null, err := constant(arg)
		if err != nil || null {
			return nil, refuse("22023", "the value of a setting is a word, a number or a text")
		}
		out = append(out, word)
	}
	return out, nil
}

// joined is a list of values as a setting keeps it: schemas are quoted where they need it.
func joined(words []string, name string) string {
	if name == "search_path" {
		quoted := make([]string, len(words))
		for i, w := range words {
			if quoted[i] = w; !plainName(w) {
				quoted[i] = `"` + strings.ReplaceAll(w, `"`, `""`) + `"`
			}
		}
		words = quoted
	}
	return strings.Join(words, ", ")
}

// plainName reports whether a name needs no quotes.
func plainName(name string) bool {
	for i, r := range name {
		if !(r == '_' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return name != ""
}

// constant is the text of a constant: a number, a text, a truth value, or a cast of one.
func constant(node *pg.Node) (text string, null bool, err error) {
	switch {
	case node.GetAConst() != nil:
		c := node.GetAConst()
		switch {
		case c.Isnull:
			return "", true, nil
		case c.GetSval() != nil:
			return c.GetSval().Sval, false, nil
		case c.GetFval() != nil:
			return c.GetFval().Fval, false, nil
		case c.GetBoolval() != nil:
			return strconv.FormatBool(c.GetBoolval().Boolval), false, nil
		case c.GetBsval() != nil:
			return "", false, refuse("0A000", "bit strings are not supported")
		}
		return strconv.Itoa(int(c.GetIval().GetIval())), false, nil
	case node.GetString_() != nil:
		return node.GetString_().Sval, false, nil
	case node.GetInteger() != nil:
		return strconv.Itoa(int(node.GetInteger().Ival)), false, nil
	case node.GetFloat() != nil:
		return node.GetFloat().Fval, false, nil
	case node.GetBoolean() != nil:
		return strconv.FormatBool(node.GetBoolean().Boolval), false, nil
	case node.GetTypeCast() != nil:
		return constant(node.GetTypeCast().Arg)
	case node.GetAExpr() != nil && node.GetAExpr().Lexpr == nil && len(node.GetAExpr().Name) == 1 && node.GetAExpr().Name[0].GetString_().GetSval() == "-":
		text, null, err = constant(node.GetAExpr().Rexpr)
		return "-" + text, null, err
	}
	return "", false, refuse("0A000", "only a constant can stand here")
}

// showing prepares SHOW.
func (s *session) showing(v *pg.VariableShowStmt) (*statement, error) {
	if strings.EqualFold(v.Name, "all") {
		columns := []pgwire.Column{{Name: "name", Type: oidText, Modifier: -1}, {Name: "setting", Type: oidText, Modifier: -1}, {Name: "description", Type: oidText, Modifier: -1}}
		return s.rows("SHOW", columns, func() ([]pgwire.Row, error) {
			var rows []pgwire.Row
			for _, a := range s.all() {
				rows = append(rows, pgwire.Row{pgwire.Value(a.Name), pgwire.Value(a.Value), pgwire.Value(a.Description)})
			}
			return rows, nil
		}), nil
	}
	of, err := settingOf(v.Name)
	if err != nil {
		return nil, err
	}
	return s.rows("SHOW", []pgwire.Column{{Name: of.name, Type: oidText, Modifier: -1}}, func() ([]pgwire.Row, error) {
		return []pgwire.Row{{pgwire.Value(s.settings[strings.ToLower(v.Name)])}}, nil
	}), nil
}

// rows is a statement that gives rows of the session's own.
func (s *session) rows(tag string, columns []pgwire.Column, give func() ([]pgwire.Row, error)) *statement {
	return &statement{s: s, columns: func() []pgwire.Column { return columns }, untimed: true,
		run: func(context.Context, []pgwire.Value) (*pgwire.Result, error) {
			rows, err := give()
			if err != nil {
				return nil, err
			}
			return &pgwire.Result{Columns: columns, Rows: rows, Tag: tag}, nil
		}}
}
