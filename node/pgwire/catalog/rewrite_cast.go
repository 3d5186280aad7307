package catalog

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// typeNamed is the type that a name stands for.
func (b *binder) typeNamed(t *pg.TypeName) (oid uint32, mod int32, err error) {
	names := words(t.Names)
	if len(names) == 0 || t.Setof || t.PctType {
		return 0, 0, b.unsupported(t.Location, "this name of a type")
	}
	name := names[len(names)-1]
	oid = typeNames[name]
	array := len(t.ArrayBounds) > 0
	if oid == 0 && len(name) > 1 && name[0] == '_' {
		oid, array = typeNames[name[1:]], true
	}
	if len(names) > 1 && names[len(names)-2] != "pg_catalog" {
		oid = 0
	}
	if oid == 0 {
		if b.c.facts.named("pg_type", name) != 0 || name == "interval" || name == "jsonb" {
			return 0, 0, b.unsupported(t.Location, "the type "+name)
		}
		return 0, 0, b.fail("42704", t.Location, "type \"%s\" does not exist", strings.Join(names, "."))
	}
	mod = -1
	if len(t.Typmods) > 0 {
		if mod, err = b.modifier(t, oid); err != nil {
			return 0, 0, err
		}
	}
	if array {
		if arrays[oid] == 0 {
			return 0, 0, b.unsupported(t.Location, "an array of "+typeText(oid))
		}
		oid = arrays[oid]
	}
	return oid, mod, nil
}

func (b *binder) modifier(t *pg.TypeName, oid uint32) (int32, error) {
	var numbers []int32
	for _, node := range t.Typmods {
		c := node.GetAConst()
		if c.GetIval() == nil {
			return 0, b.unsupported(t.Location, "this modifier of a type")
		}
		numbers = append(numbers, c.GetIval().GetIval())
	}
	switch {
	case (oid == oidVarchar || oid == oidBpchar) && len(numbers) == 1 && numbers[0] > 0 && numbers[0] <= 10_485_760:
		return numbers[0] + 4, nil
	case oid == oidNumeric && len(numbers) <= 2 && numbers[0] > 0 && numbers[0] <= 38:
		scale := int32(0)
		if len(numbers) == 2 {
			scale = numbers[1]
		}
		if scale >= 0 && scale <= numbers[0] {
			return numbers[0]<<16 + scale + 4, nil
		}
	case (oid == oidTimestamp || oid == oidTimestamptz) && len(numbers) == 1 && numbers[0] >= 0 && numbers[0] <= 6:
		return numbers[0], nil
	}
	return 0, b.unsupported(t.Location, "this modifier of the type "+typeText(oid))
}

func (b *binder) typeCast(c *pg.TypeCast, s *scope) (expr, error) {
	oid, mod, err := b.typeNamed(c.TypeName)
	if err != nil {
		return expr{}, err
	}
	if a := c.Arg.GetAArrayExpr(); a != nil && elements[oid] != 0 && len(a.Elements) == 0 {
		return b.literal("{}", oid, c.Location)
	}
	e, err := b.expr(c.Arg, s)
	if err != nil {
		return expr{}, err
	}
	if e, err = b.cast(e, oid, c.Location); err != nil || mod < 0 {
		return e, err
	}
	switch {
	case oid == oidVarchar || oid == oidBpchar:
		e.sql, err = b.write("cat_left(", e.sql, ", CAST(", fmt.Sprint(mod-4), " AS BIGINT))")
		e.literal = nil
	case oid == oidNumeric:
		e.sql, err = b.write("CAST(", e.sql, fmt.Sprintf(" AS DECIMAL(%d,%d))", (mod-4)>>16, (mod-4)&0xffff))
		e.literal = nil
	}
	e.mod = mod
	return e, err
}

// coerce brings a value to a type where PostgreSQL does so unasked; what is called for has been found to be possible.
func (b *binder) coerce(e expr, oid uint32, location int32) (expr, error) {
	if oid == oidUnknown {
		oid = oidText
	}
	if e.oid == oid {
		return e, nil
	}
	return b.cast(e, oid, location)
}

// cast writes a cast.
func (b *binder) cast(e expr, oid uint32, location int32) (expr, error) {
	switch {
	case e.oid == oid:
		return e, nil
	case e.parameter > 0 && e.oid == oidUnknown:
		return b.argument(e.parameter, oid, location)
	case e.null:
		return b.null(oid, location)
	case e.oid == oidUnknown && e.literal != nil:
		if e.at > 0 {
			location = e.at - 1
		}
		return b.literal(*e.literal, oid, location)
	case e.oid == oidUnknown:
		e.oid = oidText // a column that is NULL or a text of which nothing says more
		if oid == oidText {
			return e, nil
		}
	}
	out := expr{oid: oid, mod: -1, many: e.many}
	keep := func() (expr, error) { out.sql, out.literal = e.sql, e.literal; return out, nil }
	wrap := func(before, after string) (expr, error) {
		var err error
		out.sql, err = b.write(before, e.sql, after)
		return out, err
	}
	from, to := elements[e.oid], elements[oid]
	switch {
	case isString(e.oid) && oid == oidChar:
		return wrap("substr(", ", 1, 1)")
	case isString(e.oid) && (isString(oid) || oid == oidJSON || oid == oidXid && false):
		return keep()
	case isString(e.oid) && isAlias(oid) && oid != oidOid:
		return wrap(lookups[oid]+"(", ", "+quote(strings.Join(effective(b.session.SearchPath), "\x1f"))+")")
	case isAlias(e.oid) && isAlias(oid):
		return keep()
	case isAlias(e.oid) && e.oid != oidOid && isString(oid):
		return wrap(printers[e.oid]+"(", ", "+quote(strings.Join(effective(b.session.SearchPath), "\x1f"))+")")
	case e.oid == oidBool && (isString(oid)):
		return wrap("CAST(", " AS VARCHAR)")
	case (e.oid == oidInt2vector || e.oid == oidOidvector) && isString(oid):
		return wrap("array_to_string(", ", ' ')") // vectors are of columns of the catalogue, and short
	case from != 0 && (isInteger(from) || from == oidOid) && isString(oid):
		var err error
		out.sql, err = b.write("CASE WHEN cat_spend(len(", e.sql, ") * 32) THEN '{' || array_to_string(", e.sql, ", ',') || '}' END")
		return out, err
	case from != 0 && to != 0 && (stored(e.oid) == stored(oid) && (isString(from) == isString(to))):
		return keep()
	case from != 0 && to != 0 && (rank(from) > 0 || from == oidOid) && (rank(to) > 0 || isAlias(to) || isString(to)):
		var err error
		out.sql, err = b.write("CASE WHEN cat_spend(len(", e.sql, ") * 32) THEN CAST(", e.sql, " AS ", stored(oid), ") END")
		return out, err
	case from != 0 && isAlias(from) && isString(to) && to != 0, from != 0 || to != 0:
	case e.oid == oidBytea || oid == oidBytea, e.oid == oidRecord, e.element != 0:
	case e.oid == oidFloat4 && isString(oid), e.oid == oidFloat8 && isString(oid), e.oid == oidNumeric && isString(oid):
		return wrap("CAST(", " AS VARCHAR)")
	case (e.oid == oidTimestamptz || e.oid == oidTimestamp || e.oid == oidDate) && (isString(oid) || oid == oidTimestamp || oid == oidTimestamptz || oid == oidDate),
		isString(e.oid), rank(e.oid) > 0 && (rank(oid) > 0 || isAlias(oid) || isString(oid) || oid == oidBool && e.oid == oidInt4),
		e.oid == oidBool && oid == oidInt4,
		isAlias(e.oid) && (isInteger(oid) || isString(oid)), e.oid == oidJSON && isString(oid), e.oid == oidUUID && isString(oid), e.oid == oidXid && isString(oid):
		suffix := ""
		if e.oid == oidTimestamptz && isString(oid) {
			return wrap("(CAST(", " AS VARCHAR) || '+00')")
		}
		return wrap("CAST(", " AS "+stored(oid)+suffix+")")
	}
	return expr{}, b.fail("42846", location, "cannot cast type %s to %s", typeText(e.oid), typeText(oid))
}

var (
	uuidForm    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	numericForm = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$`)
	floatForm   = regexp.MustCompile(`^(?i)[+-]?(inf(inity)?|nan|([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,3})?)$`)
)

// literal writes a constant of a type that is given in text form.
func (b *binder) literal(text string, oid uint32, location int32) (expr, error) {
	invalid := func() (expr, error) {
		return expr{}, b.fail("22P02", location, "invalid input syntax for type %s: \"%.100s\"", typeText(oid), text)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return expr{}, b.fail("22021", location, "invalid byte sequence for encoding \"UTF8\": 0x00")
	}
	if len(text) > maxConstant {
		return expr{}, b.fail("54000", location, "a constant has at most %d bytes in statements about the catalogue", maxConstant)
	}
	// A parameter may stand in thousands of places, and its value is written into each of them.
	if b.printed += len(text); b.printed > 64*maxPrinted {
		return expr{}, b.fail("54001", location, "the statement is too long for the catalogue")
	}
	out := expr{oid: oid, mod: -1, literal: &text}
	trimmed := strings.TrimSpace(text)
	switch {
	case elements[oid] != 0:
		return b.arrayLiteral(trimmed, oid, location)
	case isInteger(oid):
		n, err := strconv.ParseInt(trimmed, 10, 64)
		if bits := map[uint32]uint{oidInt2: 16, oidInt4: 32, oidInt8: 64}[oid]; err == nil && bits < 64 && (n < -1<<(bits-1) || n >= 1<<(bits-1)) {
			return expr{}, b.fail("22003", location, "value \"%s\" is out of range for type %s", trimmed, typeText(oid))
		}
		if err != nil {
			return invalid()
		}
		out.sql = fmt.Sprintf("CAST('%d' AS %s)", n, stored(oid))
	case isAlias(oid) || oid == oidXid || oid == oidCid:
		n, err := strconv.ParseInt(trimmed, 10, 64)
		if err != nil && oid != oidOid && isAlias(oid) {
			found, err := b.c.facts.resolve(oid, trimmed, effective(b.session.SearchPath))
			if err != nil {
				e := b.fail(err.Code, location, "%s", err.Message)
				return expr{}, e
			}
			n = int64(found)
		} else if err != nil || n < -1<<31 || n >= 1<<32 {
			return invalid()
		}
		out.sql = fmt.Sprintf("CAST(%d AS BIGINT)", uint32(n))
	case oid == oidBool:
		v, ok := boolText(trimmed)
		if !ok {
			return invalid()
		}
		out.sql = strconv.FormatBool(v)
	case oid == oidChar:
		if len(text) > 1 {
			text = string([]rune(text)[:1])
		}
		out.sql = quote(text)
	case isString(oid), oid == oidJSON, oid == oidInet:
		out.sql = quote(text)
	case oid == oidNumeric:
		if !numericForm.MatchString(trimmed) || len(trimmed) > 60 {
			return invalid()
		}
		out.sql = "CAST(" + quote(trimmed) + " AS " + decimalFor(trimmed) + ")"
	case oid == oidFloat4 || oid == oidFloat8:
		if !floatForm.MatchString(trimmed) {
			return invalid()
		}
		out.sql = "CAST(" + quote(trimmed) + " AS " + stored(oid) + ")"
	case oid == oidUUID:
		if !uuidForm.MatchString(strings.ToLower(trimmed)) {
			return invalid()
		}
		out.sql = quote(strings.ToLower(trimmed))
	case oid == oidBytea:
		raw, err := hex.DecodeString(strings.TrimPrefix(text, `\x`))
		if err != nil || !strings.HasPrefix(text, `\x`) {
			return invalid()
		}
		out.sql = "unhex(" + quote(hex.EncodeToString(raw)) + ")"
	case oid == oidDate, oid == oidTimestamp, oid == oidTimestamptz:
		at, ok := timeText(trimmed)
		if !ok {
			return invalid()
		}
		if oid == oidDate {
			out.sql = "CAST(" + quote(at.Format("2006-01-02")) + " AS DATE)"
		} else {
			out.sql = "CAST(" + quote(at.UTC().Format("2006-01-02 15:04:05.999999")) + " AS TIMESTAMP)"
		}
	default:
		return expr{}, b.unsupported(location, "a constant of type "+typeText(oid))
	}
	return out, nil
}

// decimalFor is the type of the private database that holds a number with the digits that are written.
func decimalFor(text string) string {
	if at := strings.IndexByte(text, '.'); at >= 0 && !strings.ContainsAny(text, "eE") {
		return fmt.Sprintf("DECIMAL(38,%d)", min(len(text)-at-1, 30))
	}
	if strings.ContainsAny(text, "eE") {
		return "DECIMAL(38,12)"
	}
	return "DECIMAL(38,0)"
}

// boolText reads the spellings that PostgreSQL takes for a bool.
func boolText(text string) (value, ok bool) {
	text = strings.ToLower(text)
	switch text {
	case "1", "on":
		return true, true
	case "0", "of", "off":
		return false, true
	case "":
		return false, false
	}
	if strings.HasPrefix("true", text) || strings.HasPrefix("yes", text) {
		return true, true
	}
	return false, strings.HasPrefix("false", text) || strings.HasPrefix("no", text)
}

// timeText reads a date or a time, with the spellings of a zone that clients send.
func timeText(text string) (time.Time, bool) {
	text = strings.Replace(text, "T", " ", 1)
	for _, form := range []string{"2006-01-02", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07",
		"2006-01-02 15:04:05.999999999 -07", "2006-01-02 -07", "2006-01-02 15:04", "2006-01-02 15:04:05.999999999-0700"} {
		if at, err := time.Parse(form, text); err == nil && at.Year() > 0 {
			return at, true
		}
	}
	return time.Time{}, false
}

func (b *binder) arrayLiteral(text string, oid uint32, location int32) (expr, error) {
	out := expr{oid: oid, mod: -1, literal: &text}
	var members []*string
	if oid == oidInt2vector || oid == oidOidvector {
		for _, word := range strings.Fields(text) {
			members = append(members, &word)
		}
	} else {
		var ok bool
		if members, ok = readArray(text); !ok {
			return expr{}, b.fail("22P02", location, "malformed array literal: \"%.100s\"", text)
		}
	}
	var parts []string
	for _, member := range members {
		if member == nil {
			parts = append(parts, "NULL")
			continue
		}
		e, err := b.literal(*member, elements[oid], location)
		if err != nil {
			return expr{}, err
		}
		parts = append(parts, e.sql)
	}
	var err error
	out.sql, err = b.write("CAST([", strings.Join(parts, ", "), "] AS ", stored(oid), ")")
	return out, err
}

// readArray reads the text form of an array of one dimension; a nil member is NULL.
func readArray(text string) ([]*string, bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, false
	}
	text = text[1 : len(text)-1]
	var out []*string
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	for i := 0; ; i++ {
		if len(out) >= maxSeries {
			return nil, false
		}
		var member strings.Builder
		quoted, closed := false, false
		for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n') {
			i++
		}
		if i < len(text) && text[i] == '"' {
			quoted = true
			for i++; i < len(text) && !closed; i++ {
				switch c := text[i]; {
				case c == '"':
					closed = true
				case c == '\\' && i+1 < len(text):
					i++
					member.WriteByte(text[i])
				default:
					member.WriteByte(c)
				}
			}
			if !closed {
				return nil, false
			}
			for i < len(text) && text[i] != ',' {
				if text[i] != ' ' {
					return nil, false
				}
				i++
			}
		} else {
			for i < len(text) && text[i] != ',' {
				c := text[i]
				if c == '{' || c == '}' || c == '"' {
					return nil, false
				}
				if c == '\\' && i+1 < len(text) {
					i++
					c = text[i]
				}
				member.WriteByte(c)
				i++
			}
		}
		value := member.String()
		if !quoted {
			value = strings.TrimSpace(value)
		}
		switch {
		case !quoted && value == "":
			return nil, false
		case !quoted && strings.EqualFold(value, "null"):
			out = append(out, nil)
		default:
			out = append(out, &value)
		}
		if i >= len(text) {
			return out, true
		}
	}
}
