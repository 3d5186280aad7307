package served

import (
	"strings"
	"unicode"

	"parley/datasets/files"
)

// relation is what stands behind FROM: the table's name, quoted, or the query as a subquery.
func (p *place) relation(o Options) (string, error) {
	switch {
	case (o.Table == "") == (o.Query == ""):
		return "", p.fault("a source has a table or a query, one of them", "")
	case o.Table != "":
		names, ok := nameParts(o.Table)
		if !ok || len(names) > p.engine.nameParts {
			return "", p.fault("table is no name: "+files.Shown(o.Table),
				`it is as the engine has it, letter by letter, "schema.table"; a part with a point in it stands in double quotes`)
		}
		for i, name := range names {
			names[i] = p.engine.quote(name)
		}
		return strings.Join(names, "."), nil
	}
	query, fault := oneSelect(o.Query)
	if fault != "" {
		return "", p.fault("query "+fault, "it is one SELECT, which is asked as a subquery")
	}
	return "(" + query + "\n) AS parley", nil // a comment on the last line ends with it
}

// nameParts takes a qualified name apart: name.name or "name"."name".
func nameParts(text string) (parts []string, ok bool) {
	for {
		var part string
		if strings.HasPrefix(text, `"`) {
			end := 1
			for {
				at := strings.IndexByte(text[end:], '"')
				if at < 0 {
					return nil, false
				}
				if end += at + 1; end < len(text) && text[end] == '"' {
					end++
					continue
				}
				break
			}
			part, text = strings.ReplaceAll(text[1:end-1], `""`, `"`), text[end:]
		} else {
			at := strings.IndexByte(text, '.')
			if at < 0 {
				at = len(text)
			}
			part, text = text[:at], text[at:]
		}
		if files.NameFault(part) != "" || strings.ContainsRune(part, 0) {
			return nil, false
		}
		parts = append(parts, part)
		if text == "" {
			return parts, true
		}
		if text[0] != '.' {
			return nil, false
		}
		text = text[1:]
	}
}

// oneSelect gives a query without the semicolon at its end, or what keeps it from being one SELECT whose
// parentheses are its own. That it only reads is not read here: the session is read-only, takes one
// statement at a time, and the query stands where only rows may.
func oneSelect(text string) (query, fault string) {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	text = strings.TrimRightFunc(strings.TrimSuffix(text, ";"), unicode.IsSpace)
	word := strings.ToLower(strings.TrimLeft(text, "( \t\r\n"))
	if !strings.HasPrefix(word, "select") && !strings.HasPrefix(word, "with") {
		return "", "does not begin with SELECT or WITH"
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch c := text[i]; {
		case c == 0:
			return "", "has a NUL byte"
		case c == '\'' || c == '"' || c == '`':
			end := strings.IndexByte(rest[1:], c)
			if end < 0 {
				return "", "has a quotation mark that does not end"
			}
			i += end + 1
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest) - 1
			}
			i += end
		case strings.HasPrefix(rest, "/*"):
			return "", "has a comment between /* and */"
		case c == ';':
			return "", "is more than one statement"
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return "", "closes a parenthesis that it has not opened"
			}
		}
	}
	if depth != 0 {
		return "", "does not close its parentheses"
	}
	return text, ""
}
