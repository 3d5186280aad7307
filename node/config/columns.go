package config

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"parley/datasets"
	"parley/datasets/published"
	"parley/node/failure"
)

// FileColumn is [[table.column]]: what the department declares of one column of a table's files
// (datasets/README.md section 11). --column writes the same in one line (ParseColumn).
type FileColumn struct {
	Name   string            `toml:"name"`
	As     string            `toml:"as,omitempty"`
	Type   string            `toml:"type,omitempty"`
	Scale  *int              `toml:"scale,omitempty"`
	Format string            `toml:"format,omitempty"`
	Zone   string            `toml:"zone,omitempty"`
	True   []string          `toml:"true,omitempty"`
	False  []string          `toml:"false,omitempty"`
	Null   []string          `toml:"null,omitempty"`
	Unit   string            `toml:"unit,omitempty"`
	Min    any               `toml:"min,omitempty"` // a number, a date, or text
	Max    any               `toml:"max,omitempty"`
	Codes  map[string]string `toml:"codes,omitempty"` // labels by value

	// What is published of the column beside these.
	Dictionary  bool   `toml:"dictionary,omitempty"`
	Bounds      string `toml:"bounds,omitempty"`
	Outside     string `toml:"outside,omitempty"`
	Drift       bool   `toml:"drift,omitempty"`
	Title       string `toml:"title,omitempty"`
	Item        string `toml:"item,omitempty"`
	Sensitivity string `toml:"sensitivity,omitempty"`
	Class       string `toml:"class,omitempty"`
	Colocated   string `toml:"colocated,omitempty"`
}

// declaration is the column as datasets takes it.
func (c FileColumn) declaration() (datasets.Declaration, *datasets.DeclarationFault) {
	d := datasets.Declaration{Name: c.Name, As: c.As, Type: c.Type, Scale: c.Scale, Format: c.Format, Zone: c.Zone, True: c.True, False: c.False,
		Null: c.Null, Terms: published.Terms{Title: c.Title, Item: c.Item, Unit: c.Unit, Sensitivity: c.Sensitivity, Class: c.Class,
			Dictionary: c.Dictionary, Bounds: c.Bounds, Outside: c.Outside, Drift: c.Drift, Colocated: c.Colocated}}
	for _, bound := range []struct {
		key  string
		from any
		into *string
	}{{"min", c.Min, &d.Min}, {"max", c.Max, &d.Max}} {
		switch v := bound.from.(type) {
		case nil:
		case string:
			*bound.into = v
		case int64:
			*bound.into = strconv.FormatInt(v, 10)
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				break
			} else if !exactDecimal(v) {
				return d, &datasets.DeclarationFault{Key: bound.key, Message: fmt.Sprintf("%s has more digits than are kept of a number without quotation marks", bound.key),
					Hint: fmt.Sprintf(`write %s = "..."`, bound.key)}
			}
			*bound.into = strconv.FormatFloat(v, 'f', -1, 64)
		case toml.LocalDate:
			*bound.into = v.String()
		case toml.LocalTime:
			*bound.into = v.String()
		case toml.LocalDateTime:
			*bound.into = v.LocalDate.String() + " " + v.LocalTime.String()
		case time.Time:
			*bound.into = v.UTC().Format("2006-01-02 15:04:05.999999999+00")
		}
		if *bound.into == "" && bound.from != nil {
			return d, &datasets.DeclarationFault{Key: bound.key, Message: bound.key + " is neither a number nor a date", Hint: "anything else stands in quotation marks"}
		}
	}
	for _, value := range slices.Sorted(maps.Keys(c.Codes)) {
		d.Codes = append(d.Codes, datasets.Code{Value: value, Label: c.Codes[value]})
	}
	return d, d.Check()
}

// exactDecimal reports whether a float is surely the decimal that was written for it: of at most 15 digits.
func exactDecimal(v float64) bool {
	digits, _, _ := strings.Cut(strings.TrimPrefix(strconv.FormatFloat(v, 'e', -1, 64), "-"), "e")
	return len(strings.Replace(digits, ".", "", 1)) <= 15
}

// checkColumns checks the declarations of the table at this place.
func (t FileTable) checkColumns(at string) *failure.Failure {
	seen := map[string]bool{}
	for i, c := range t.Declared {
		place := fmt.Sprintf("%s.column[%d]", at, i)
		_, fault := c.declaration()
		if fault == nil && seen[c.Name] {
			fault = &datasets.DeclarationFault{Key: "name", Message: "it is declared twice"}
		}
		if fault != nil && c.Name == "" {
			return &failure.Failure{Column: place, Message: "a [[table.column]] has no name", Hint: "name is that of the column in the files"}
		}
		if fault != nil {
			return &failure.Failure{Column: place + "." + fault.Key, Message: fmt.Sprintf("column %q: %s", c.Name, fault.Message), Hint: fault.Hint}
		}
		seen[c.Name] = true
	}
	return nil
}

// declarations are those of a table that has been checked.
func (c Table) declarations() (all []datasets.Declaration) {
	for _, column := range c.Declared {
		d, _ := column.declaration()
		all = append(all, d)
	}
	if !c.Colocated || len(c.Key) != 1 {
		return all
	}
	named := c.InFiles(c.Key[0])
	at := slices.IndexFunc(all, func(d datasets.Declaration) bool { return d.Name == named })
	if at < 0 {
		at, all = len(all), append(all, datasets.Declaration{Name: named})
	}
	all[at].Colocated = cmp.Or(all[at].Colocated, c.Key[0])
	return all
}

// Declare adds what is published of the table's columns to what is declared of them: dictionaries and bounds.
func (c *Table) Declare(all []datasets.Declaration) {
	c.Declared = slices.Clone(c.Declared)
	for _, d := range all {
		at := slices.IndexFunc(c.Declared, func(f FileColumn) bool { return f.Name == d.Name })
		if at < 0 {
			if !d.Dictionary && d.Bounds == "" {
				continue
			}
			at = len(c.Declared)
			c.Declared = append(c.Declared, FileColumn{Name: d.Name})
		}
		c.Declared[at].Dictionary, c.Declared[at].Bounds = d.Dictionary, d.Bounds
	}
}

// Undeclared is the [[table.column]] of each column of which more is published here than in another configuration of
// the table.
func (c Table) Undeclared(less Table) string {
	type columns struct {
		Columns []FileColumn `toml:"column"`
	}
	var out struct {
		Table []columns `toml:"table"`
	}
	out.Table = []columns{{}}
	for _, column := range c.Declared {
		if !slices.ContainsFunc(less.Declared, func(f FileColumn) bool { return reflect.DeepEqual(f, column) }) {
			out.Table[0].Columns = append(out.Table[0].Columns, column)
		}
	}
	if len(out.Table[0].Columns) == 0 {
		return ""
	}
	text, err := toml.Marshal(out)
	if err != nil {
		return ""
	}
	_, lines, _ := strings.Cut(string(text), "\n") // [[table]] stands there already
	return lines
}

// InFiles is the name that a column of the table has in its files.
func (c Table) InFiles(name string) string {
	for _, column := range c.Declared {
		if column.As == name {
			return column.Name
		}
	}
	return name
}

// ColumnForm is how --column is written.
const ColumnForm = `NAME: type=decimal scale=2 unit=EUR null=- null="not known" codes=1=male codes=2="not male"`

// ParseColumn reads a declaration of one line, `TABLE.NAME: KEY=VALUE KEY=VALUE ...`, with the keys of
// [[table.column]]; lists repeat their key. The table may be left out where there is one. What has
// spaces, or in a name a point or a colon, stands in quotation marks, in which \" and \\ are themselves.
func ParseColumn(text string, tables []string) (table string, c FileColumn, problem *failure.Failure) {
	refuse := func(hint, format string, args ...any) (string, FileColumn, *failure.Failure) {
		return "", c, failure.Usage("column", hint, "--column %q: %s", text, fmt.Sprintf(format, args...))
	}
	l := words{rest: text}
	first, quoted, ok := l.word(".:")
	name := first
	if ok && l.rest != "" && l.rest[0] == '.' {
		l.rest = l.rest[1:]
		var rest string
		if rest, _, ok = l.word(":"); ok {
			name = rest
			if !quoted && !slices.Contains(tables, first) && len(tables) == 1 { // Sepal.Length
				name, first = first+"."+rest, tables[0]
			}
		}
	} else if len(tables) == 1 {
		first = tables[0]
	} else if ok {
		return refuse("write --column 'TABLE.NAME: ...'", "there are several tables")
	}
	if !ok || name == "" || !strings.HasPrefix(l.rest, ":") {
		return refuse("write --column '"+ColumnForm+"'", "it does not begin with a column's name and a colon")
	}
	if !slices.Contains(tables, first) {
		return refuse("", "no --table has the name %q", first)
	}
	c.Name, l.rest = strings.TrimSpace(name), l.rest[1:]
	for l.rest = strings.TrimLeft(l.rest, " "); l.rest != ""; l.rest = strings.TrimLeft(l.rest, " ") {
		key, after, found := strings.Cut(l.rest, "=")
		if !found || strings.ContainsAny(key, ` "`) {
			return refuse("write --column '"+ColumnForm+"'", "%q is not KEY=VALUE", l.rest)
		}
		l.rest = after
		if hint, fault := c.set(key, &l); fault != "" {
			return refuse(hint, "%s", fault)
		}
	}
	if _, fault := c.declaration(); fault != nil {
		return refuse(fault.Hint, "%s", fault.Message)
	}
	return first, c, nil
}

// set reads the value of a key off a line.
func (c *FileColumn) set(key string, l *words) (hint, fault string) {
	stops := ""
	if key == "codes" {
		stops = "="
	}
	value, _, ok := l.word(stops + " ")
	if !ok {
		return "", fmt.Sprintf("%s has a quotation mark that is not closed", key)
	}
	texts := map[string]*string{"as": &c.As, "type": &c.Type, "format": &c.Format, "zone": &c.Zone, "unit": &c.Unit, "bounds": &c.Bounds,
		"title": &c.Title, "item": &c.Item, "sensitivity": &c.Sensitivity, "class": &c.Class, "outside": &c.Outside, "colocated": &c.Colocated}
	lists := map[string]*[]string{"null": &c.Null, "true": &c.True, "false": &c.False}
	bounds := map[string]*any{"min": &c.Min, "max": &c.Max}
	switches := map[string]*bool{"dictionary": &c.Dictionary, "drift": &c.Drift}
	twice := false
	switch {
	case value == "" && key != "codes":
		return "", fmt.Sprintf("%s has no value", key)
	case texts[key] != nil:
		twice, *texts[key] = *texts[key] != "", value
	case lists[key] != nil:
		*lists[key] = append(*lists[key], value)
	case bounds[key] != nil:
		twice, *bounds[key] = *bounds[key] != nil, value
	case switches[key] != nil:
		if value != "true" && value != "false" {
			return "", fmt.Sprintf("%s=%s is neither true nor false", key, value)
		}
		*switches[key] = value == "true"
	case key == "scale":
		n, err := strconv.Atoi(value)
		if err != nil {
			return "", fmt.Sprintf("scale=%s is no number", value)
		}
		twice, c.Scale = c.Scale != nil, &n
	case key == "codes":
		if !strings.HasPrefix(l.rest, "=") {
			return "write codes=VALUE=LABEL, once for each", fmt.Sprintf("codes=%s has no label", value)
		}
		l.rest = l.rest[1:]
		label, _, ok := l.word(" ")
		if _, known := c.Codes[value]; known || !ok {
			return "", fmt.Sprintf("codes=%s stands there twice, or its label has a quotation mark that is not closed", value)
		}
		if c.Codes == nil {
			c.Codes = map[string]string{}
		}
		c.Codes[value] = label
	default:
		return nearestKey(key)
	}
	if twice {
		return "", fmt.Sprintf("%s stands there twice", key)
	}
	return "", ""
}

func nearestKey(key string) (hint, fault string) {
	known := configKeys(reflect.TypeFor[FileColumn](), "")[1:] // without name
	hint = "the keys are " + strings.Join(known, ", ")
	if near := failure.Nearest(key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return hint, fmt.Sprintf("there is no key %q", key)
}

// words takes a line apart.
type words struct{ rest string }

// word takes off what stands before one of the stops, or between quotation marks; false where those
// are not closed, or something else than a stop follows.
func (l *words) word(stops string) (text string, quoted, ok bool) {
	if !strings.HasPrefix(l.rest, `"`) {
		end := strings.IndexAny(l.rest, stops)
		if end < 0 {
			end = len(l.rest)
		}
		text, l.rest = l.rest[:end], l.rest[end:]
		return text, false, true
	}
	var b strings.Builder
	for i := 1; i < len(l.rest); i++ {
		switch c := l.rest[i]; {
		case c == '\\' && i+1 < len(l.rest) && (l.rest[i+1] == '"' || l.rest[i+1] == '\\'):
			i++
			b.WriteByte(l.rest[i])
		case c == '"':
			l.rest = l.rest[i+1:]
			return b.String(), true, l.rest == "" || strings.Contains(stops, l.rest[:1])
		default:
			b.WriteByte(c)
		}
	}
	return "", true, false
}
