package session

import (
	"context"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// copying prepares COPY (query) TO STDOUT.
func (s *session) copying(ctx context.Context, src source, c *pg.CopyStmt) (*statement, error) {
	switch {
	case c.IsFrom:
		return nil, hinted(refuse("25006", "cannot execute COPY FROM: nothing can be written here"),
			"Departments register their tables at their own nodes; whoever asks reads what they answer, and changes nothing.")
	case c.IsProgram, c.Filename != "":
		return nil, hinted(refuse("42501", "COPY reaches no files and programs here"), "COPY (query) TO STDOUT gives the rows to the client, and psql's \\copy writes them to a file")
	case c.Relation != nil:
		return nil, hinted(refuse("0A000", "COPY of a table is not supported: rows are never shown, only counted and summed"), "write a question in brackets, as in COPY (SELECT …) TO STDOUT")
	}
	form, err := copyForm(src, c.Options)
	if err != nil {
		return nil, err
	}
	within, node, err := src.inner(pg.Token_COPY)
	if err != nil {
		return nil, err
	}
	if node.GetSelectStmt() == nil {
		return nil, unwritable(node)
	}
	q, err := s.query(ctx, within, node, nil)
	if err != nil {
		return nil, s.refusal(err)
	}
	if len(q.parameters()) > 0 {
		return nil, refuse("42P02", "there is no parameter $1")
	}
	return &statement{s: s, src: within, run: func(ctx context.Context, _ []pgwire.Value) (*pgwire.Result, error) {
		rows, err := q.run(ctx, nil)
		if err != nil {
			return nil, err
		}
		result, err := s.result(q, rows)
		if err != nil {
			return nil, err
		}
		for name := range form.Force {
			if name != "*" && !hasColumn(result.Columns, name) {
				return nil, refuse("42703", "column \"%s\" does not exist", name)
			}
		}
		result.Tag, result.Copy = "COPY", form
		return result, nil
	}}, nil
}

func hasColumn(columns []pgwire.Column, name string) bool {
	for _, c := range columns {
		if c.Name == name {
			return true
		}
	}
	return false
}

// copyForm reads the options.
func copyForm(src source, options []*pg.Node) (*pgwire.Copy, error) {
	form := &pgwire.Copy{}
	given := map[string]string{}
	for _, node := range options {
		d := node.GetDefElem()
		name := strings.ToLower(d.GetDefname())
		if _, twice := given[name]; twice {
			return nil, at(refuse("42601", "conflicting or redundant options"), src.at(d.GetLocation()))
		}
		given[name] = optionText(d)
		switch name {
		case "format", "header", "delimiter", "null", "quote", "escape", "encoding":
		case "force_quote":
			form.Force = forced(d.GetArg())
		case "freeze", "force_not_null", "force_null", "default", "on_error":
			return nil, at(refuse("0A000", "COPY option \"%s\" is of COPY FROM alone", name), src.at(d.GetLocation()))
		default:
			return nil, at(refuse("42601", "option \"%s\" not recognized", name), src.at(d.GetLocation()))
		}
	}
	return form, settle(form, given)
}

// settle fills a form from its options, and refuses what does not go together.
func settle(form *pgwire.Copy, given map[string]string) error {
	switch format, set := given["format"]; {
	case !set, strings.EqualFold(format, "text"):
		form.Delimiter, form.Null = '\t', `\N`
	case strings.EqualFold(format, "csv"):
		form.CSV, form.Delimiter, form.Quote = true, ',', '"'
	case strings.EqualFold(format, "binary"):
		return hinted(refuse("0A000", "COPY in binary form is not supported"), "FORMAT csv and FORMAT text are")
	default:
		return refuse("22023", "COPY format \"%s\" not recognized", format)
	}
	if header, set := given["header"]; set {
		on, err := parseBool(header)
		if err != nil {
			return refuse("22023", "header requires a Boolean value or \"match\"")
		}
		form.Header = on
	}
	if null, set := given["null"]; set {
		if form.Null = null; strings.ContainsAny(null, "\r\n") {
			return refuse("22023", "COPY null representation cannot use newline or carriage return")
		}
		if len(null) > MaxNullBytes { // it is written for each NULL of a row, all in one message
			return refuse("54000", "COPY null representation has %d bytes; at most %d are taken", len(null), MaxNullBytes)
		}
	}
	if name, set := given["encoding"]; set {
		if _, err := encoding(name); err != nil {
			return hinted(refuse("0A000", "text is sent in UTF8"), "leave out ENCODING")
		}
	}
	if err := signs(form, given); err != nil {
		return err
	}
	return agree(form, given)
}

// signs reads the options that are one sign.
func signs(form *pgwire.Copy, given map[string]string) error {
	for name, into := range map[string]*byte{"delimiter": &form.Delimiter, "quote": &form.Quote, "escape": &form.Escape} {
		text, set := given[name]
		if !set {
			continue
		}
		if name != "delimiter" && !form.CSV {
			return refuse("0A000", "COPY %s available only in CSV mode", name)
		}
		if len(text) != 1 || text[0] >= 0x80 {
			return refuse("0A000", "COPY %s must be a single one-byte character", name)
		}
		*into = text[0]
	}
	if form.CSV && form.Escape == 0 {
		form.Escape = form.Quote
	}
	return nil
}

func agree(form *pgwire.Copy, given map[string]string) error {
	_, force := given["force_quote"]
	switch {
	case force && !form.CSV:
		return refuse("0A000", "COPY force quote available only in CSV mode")
	case form.Delimiter == '\r' || form.Delimiter == '\n':
		return refuse("22023", "COPY delimiter cannot be newline or carriage return")
	case !form.CSV && strings.IndexByte(`\.abcdefghijklmnopqrstuvwxyz0123456789`, form.Delimiter) >= 0:
		return refuse("22023", "COPY delimiter cannot be \"%s\"", string(form.Delimiter))
	case form.CSV && form.Delimiter == form.Quote:
		return refuse("22023", "COPY delimiter and quote must be different")
	case strings.IndexByte(form.Null, form.Delimiter) >= 0:
		return refuse("22023", "COPY delimiter must not appear in the NULL specification")
	case form.CSV && strings.IndexByte(form.Null, form.Quote) >= 0:
		return refuse("22023", "CSV quote character must not appear in the NULL specification")
	}
	return nil
}

func forced(arg *pg.Node) map[string]bool {
	out := map[string]bool{}
	if arg.GetAStar() != nil {
		out["*"] = true
	}
	for _, item := range arg.GetList().GetItems() {
		out[item.GetString_().GetSval()] = true
	}
	return out
}
