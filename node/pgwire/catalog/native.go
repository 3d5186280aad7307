package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/duckdb/duckdb-go/v2"
)

// native is a function of the private database that is written in Go. NULL gives NULL.
type native struct {
	name  string
	takes string // a letter an argument: s text, i integer, b bytes
	gives byte   // s, i, or t: a bool
	run   func(in []driver.Value) (any, error)
}

// mark surrounds what a function refuses inside the text that the private database makes of it.
const mark = "\x02"

func refusal(code, format string, args ...any) error {
	return fmt.Errorf("%s%s:%s%s", mark, code, fmt.Sprintf(format, args...), mark)
}

// natives are the functions over the facts of a catalogue.
func natives(f *facts, user string) []native {
	text := func(v driver.Value) string { s, _ := v.(string); return s }
	number := func(v driver.Value) int64 { n, _ := v.(int64); return n }
	path := func(v driver.Value) []string { return strings.Split(text(v), "\x1f") }
	out := []native{
		{"cat_concat", "ss", 's', func(in []driver.Value) (any, error) { return bounded(text(in[0]) + text(in[1])) }},
		{"cat_replace", "sss", 's', func(in []driver.Value) (any, error) {
			if text(in[1]) == "" {
				return text(in[0]), nil
			}
			if n := strings.Count(text(in[0]), text(in[1])); len(text(in[0]))+n*len(text(in[2])) > 2*maxString {
				return bounded(strings.Repeat(" ", maxString+1))
			}
			return bounded(strings.ReplaceAll(text(in[0]), text(in[1]), text(in[2])))
		}},
		{"cat_spend", "i", 't', func(in []driver.Value) (any, error) { return true, nil }},
		{"cat_upper", "s", 's', func(in []driver.Value) (any, error) { return bounded(strings.ToUpper(text(in[0]))) }},
		{"cat_lower", "s", 's', func(in []driver.Value) (any, error) { return bounded(strings.ToLower(text(in[0]))) }},
		{"cat_ltrim", "ss", 's', func(in []driver.Value) (any, error) { return strings.TrimLeft(text(in[0]), text(in[1])), nil }},
		{"cat_rtrim", "ss", 's', func(in []driver.Value) (any, error) { return strings.TrimRight(text(in[0]), text(in[1])), nil }},
		{"cat_left", "si", 's', func(in []driver.Value) (any, error) {
			runes := []rune(text(in[0]))
			n := number(in[1])
			if n < 0 {
				n = max(int64(len(runes))+n, 0)
			}
			return string(runes[:min(n, int64(len(runes)))]), nil
		}},
		{"cat_right", "si", 's', func(in []driver.Value) (any, error) {
			runes := []rune(text(in[0]))
			n := number(in[1])
			if n < 0 {
				n = max(int64(len(runes))+n, 0)
			}
			return string(runes[int64(len(runes))-min(n, int64(len(runes))):]), nil
		}},
		{"cat_split_part", "ssi", 's', func(in []driver.Value) (any, error) {
			n := number(in[2])
			if n == 0 {
				return nil, refusal("22023", "field position must not be zero")
			}
			parts := []string{text(in[0])}
			if text(in[1]) != "" {
				parts = strings.Split(text(in[0]), text(in[1]))
			}
			if n < 0 {
				n += int64(len(parts)) + 1
			}
			if n < 1 || n > int64(len(parts)) {
				return "", nil
			}
			return parts[n-1], nil
		}},
		{"cat_substring", "sii", 's', func(in []driver.Value) (any, error) { return substring(text(in[0]), number(in[1]), number(in[2])) }},
		{"cat_quote_ident", "s", 's', func(in []driver.Value) (any, error) { return bounded(quoted(text(in[0]))) }},
		{"cat_quote_literal", "s", 's', func(in []driver.Value) (any, error) { return bounded(quoteLiteral(text(in[0]))) }},
		{"cat_json", "s", 's', func(in []driver.Value) (any, error) { return bounded(jsonText(text(in[0]))) }},
		{"cat_parse_ident", "s", 's', func(in []driver.Value) (any, error) {
			parts, ok := splitName(text(in[0]))
			if !ok {
				return nil, refusal("22023", "string is not a valid identifier: \"%.100s\"", text(in[0]))
			}
			return strings.Join(parts, "\x1f"), nil
		}},
		{"cat_quotient", "ii", 'i', func(in []driver.Value) (any, error) {
			switch {
			case number(in[1]) == 0:
				return nil, refusal("22012", "division by zero")
			case number(in[1]) == -1 && number(in[0]) == -1<<63:
				return nil, refusal("22003", "bigint out of range")
			}
			return number(in[0]) / number(in[1]), nil
		}},
		{"cat_remainder", "ii", 'i', func(in []driver.Value) (any, error) {
			switch number(in[1]) {
			case 0:
				return nil, refusal("22012", "division by zero")
			case -1:
				return int64(0), nil
			}
			return number(in[0]) % number(in[1]), nil
		}},
		{"cat_series_end", "iii", 'i', func(in []driver.Value) (any, error) {
			return seriesEnd(number(in[0]), number(in[1]), number(in[2]))
		}},
		{"cat_encode", "bs", 's', func(in []driver.Value) (any, error) { raw, _ := in[0].([]byte); return encode(raw, text(in[1])) }},
		{"cat_size", "i", 's', func(in []driver.Value) (any, error) { return sizePretty(number(in[0])), nil }},
		{"cat_encoding", "i", 's', func(in []driver.Value) (any, error) {
			return map[int64]string{0: "SQL_ASCII", 6: "UTF8"}[number(in[0])], nil
		}},
		{"cat_privilege", "s", 't', func(in []driver.Value) (any, error) { return privilege(text(in[0])) }},
		{"cat_format_type", "ii", 's', func(in []driver.Value) (any, error) {
			return formatType(uint32(number(in[0])), int32(number(in[1])), number(in[1]) != -2, f.rowTypes), nil
		}},
		{"cat_visible", "sis", 't', func(in []driver.Value) (any, error) {
			visible, found := f.visible(text(in[0]), uint32(number(in[1])), path(in[2]))
			if !found {
				return nil, nil
			}
			return visible, nil
		}},
		{"cat_user", "i", 's', func(in []driver.Value) (any, error) {
			if o, ok := f.names["pg_roles"][uint32(number(in[0]))]; ok {
				return o.name, nil
			}
			if number(in[0]) == oidOwner {
				return owner, nil
			}
			return fmt.Sprintf("unknown (OID=%d)", number(in[0])), nil
		}},
		{"cat_comment", "isi", 's', func(in []driver.Value) (any, error) {
			class := f.named("pg_class", text(in[1]))
			return found(f.comments, comment{uint32(number(in[0])), class, int32(number(in[2]))})
		}},
		{"cat_shared_comment", "is", 's', func(in []driver.Value) (any, error) {
			return found(f.shared, comment{object: uint32(number(in[0])), class: f.named("pg_class", text(in[1]))})
		}},
		{"cat_definition", "ii", 's', func(in []driver.Value) (any, error) {
			return found(f.texts, [2]uint32{uint32(number(in[0])), uint32(number(in[1]))})
		}},
		{"cat_view", "i", 's', func(in []driver.Value) (any, error) {
			if f.views[uint32(number(in[0]))] {
				return "", nil
			}
			return nil, nil
		}},
		{"cat_function_result", "i", 's', func(in []driver.Value) (any, error) {
			p, ok := f.procs[uint32(number(in[0]))]
			if !ok {
				return nil, nil
			}
			if p.set {
				return "SETOF " + formatType(p.result, -1, false, f.rowTypes), nil
			}
			return formatType(p.result, -1, false, f.rowTypes), nil
		}},
		{"cat_function_arguments", "i", 's', func(in []driver.Value) (any, error) {
			if _, ok := f.procs[uint32(number(in[0]))]; !ok {
				return nil, nil
			}
			return f.argumentTypes(uint32(number(in[0])), ", "), nil
		}},
	}
	for alias, name := range printers {
		out = append(out, native{name, "is", 's', func(in []driver.Value) (any, error) { return f.printed(alias, uint32(number(in[0])), path(in[1])), nil }})
		read := func(in []driver.Value) (any, error) {
			oid, err := f.resolve(alias, text(in[0]), path(in[1]))
			if err != nil {
				return nil, refusal(err.Code, "%s", err.Message)
			}
			return int64(oid), nil
		}
		if alias != oidRegprocedure {
			out = append(out, native{lookups[alias], "ss", 'i', read}, native{strings.Replace(lookups[alias], "cat_read_", "cat_to_", 1), "ss", 'i', func(in []driver.Value) (any, error) {
				if oid, err := read(in); err == nil {
					return oid, nil
				}
				return nil, nil
			}})
		}
	}
	return out
}

func found[K comparable](m map[K]string, key K) (any, error) {
	if text, ok := m[key]; ok {
		return text, nil
	}
	return nil, nil
}

func bounded(text string) (any, error) {
	if len(text) > maxString {
		return nil, refusal("54000", "a text is longer than the %d bytes that the catalogue makes", maxString)
	}
	return text, nil
}

// substring is PostgreSQL's: characters before the first count as well.
func substring(text string, from, count int64) (any, error) {
	if count < 0 {
		return nil, refusal("22011", "negative substring length not allowed")
	}
	runes := []rune(text)
	from = max(min(from, 1<<31), -1<<31)
	end := min(max(from+min(count, 1<<32)-1, 0), int64(len(runes)))
	from = max(from, 1)
	if from > end {
		return "", nil
	}
	return string(runes[from-1 : end]), nil
}

func seriesEnd(from, to, step int64) (any, error) {
	if step == 0 {
		return nil, refusal("22023", "step size cannot equal zero")
	}
	if const_ := int64(1) << 40; from > const_ || from < -const_ || to > const_ || to < -const_ || step > const_ || step < -const_ {
		return nil, refusal("54000", "a series may go from %d to %d here", -const_, const_)
	}
	if (to-from)/step > maxSeries {
		return nil, refusal("54000", "a series has at most %d members here", maxSeries)
	}
	return to, nil
}

func quoteLiteral(text string) string {
	quotedText := quote(text)
	if strings.Contains(text, `\`) {
		return "E" + strings.ReplaceAll(quotedText, `\`, `\\`)
	}
	return quotedText
}

// jsonText is a string of JSON, with the escapes that PostgreSQL uses.
func jsonText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func encode(raw []byte, form string) (any, error) {
	if len(raw) > MaxResultBytes {
		return nil, refusal("54000", "the value is too large to be encoded")
	}
	switch strings.ToLower(form) {
	case "hex":
		return hex.EncodeToString(raw), nil
	case "base64":
		text := base64.StdEncoding.EncodeToString(raw)
		var lines []string
		for len(text) > 76 {
			lines, text = append(lines, text[:76]), text[76:]
		}
		return strings.Join(append(lines, text), "\n"), nil
	}
	return nil, refusal("22023", "unrecognized encoding: \"%.40s\"", form)
}

func sizePretty(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for ; i < len(units)-1 && (n >= 10*1024 || n <= -10*1024); i++ {
		n = (n + 512) / 1024
	}
	return fmt.Sprintf("%d %s", n, units[i])
}

// privilege says which privileges there are: reading, and nothing else.
func privilege(list string) (any, error) {
	for _, one := range strings.Split(list, ",") {
		switch strings.ToUpper(strings.TrimSpace(one)) {
		case "SELECT", "USAGE", "CONNECT", "EXECUTE":
			return true, nil
		case "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "CREATE", "TEMP", "TEMPORARY", "MEMBER", "SET", "ALTER SYSTEM":
		default:
			return nil, refusal("22023", "unrecognized privilege type: \"%.40s\"", one)
		}
	}
	return false, nil
}

// Config and Executor make a native a function of the driver.
func (n native) Config() duckdb.ScalarFuncConfig {
	kind := func(letter byte) duckdb.TypeInfo {
		t := map[byte]duckdb.Type{'s': duckdb.TYPE_VARCHAR, 'i': duckdb.TYPE_BIGINT, 'b': duckdb.TYPE_BLOB, 't': duckdb.TYPE_BOOLEAN}[letter]
		info, err := duckdb.NewTypeInfo(t)
		if err != nil {
			panic(err) // of a primitive type there is none
		}
		return info
	}
	// Volatile: a call that is counted must not be left out because another has the same arguments.
	config := duckdb.ScalarFuncConfig{ResultTypeInfo: kind(n.gives), Volatile: n.name == "cat_spend"}
	for i := range len(n.takes) {
		config.InputTypeInfos = append(config.InputTypeInfos, kind(n.takes[i]))
	}
	return config
}

// budget is what a statement has made so far, in bytes.
type budget struct{ made atomic.Int64 }

type budgetKey struct{}

// errMade is what a statement is told that makes too much.
var errMade = refusal("54000", "the statement makes more than %d MiB of texts and arrays", maxMade>>20)

// spend counts bytes that a statement makes. Of a statement that has no budget nothing is run.
func spend(ctx context.Context, n int64) error {
	b, ok := ctx.Value(budgetKey{}).(*budget)
	if !ok || n < 0 || b.made.Add(n) > maxMade {
		return errMade
	}
	return ctx.Err()
}

// Executor runs it row by row, and counts the texts that it makes. The database calls it from a thread of its own, where a panic would end the process.
func (n native) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowContextExecutor: func(ctx context.Context, in []driver.Value) (out any, err error) {
		defer func() {
			if fault := recover(); fault != nil {
				out, err = nil, fmt.Errorf("function %s: %v", n.name, fault)
			}
		}()
		cost := int64(0)
		switch n.name {
		case "cat_spend":
			cost, _ = in[0].(int64)
		case "cat_series_end":
			from, _ := in[0].(int64)
			to, _ := in[1].(int64)
			if step, _ := in[2].(int64); step != 0 {
				cost = max(to/step-from/step+1, 0) * 8
			}
		}
		if err := spend(ctx, cost); err != nil {
			return nil, err
		}
		out, err = n.run(in)
		if text, ok := out.(string); ok && err == nil {
			err = spend(ctx, int64(len(text))+16)
		}
		return out, err
	}}
}

// register makes the functions known to the private database.
func register(ctx context.Context, db *sql.DB, all []native) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, n := range all {
		if err := duckdb.RegisterScalarUDF(conn, n.name, n); err != nil {
			return fmt.Errorf("function %s: %w", n.name, err)
		}
	}
	return nil
}
