package datasets

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/datasets/published"
	"parley/engine"
)

// Declaration is what a department declares of one column of its files, as it is written in
// node.toml (README, section 11). What is left out is inferred. Of a declared column nothing is set
// aside: what cannot be read as it says refuses the table.
type Declaration struct {
	Name        string   // as the files have it
	As          string   // its name in the table; "": Name
	Type        string   // one of Types; "" leaves it to the values
	Scale       *int     // places of a decimal; nil: as many as the values have
	Format      string   // how dates, timestamps and times are spelled, for layout.Parse; "" is ISO 8601
	Zone        string   // IANA name of the time zone whose local times the values of a timestamptz are
	True, False []string // the spellings of a boolean; none: PostgreSQL's
	Null        []string // values of this column that are NULL, without spaces around them
	Min, Max    string   // bounds that are published in place of those of the values
	Codes       []Code   // all values that there may be; none: any
	published.Terms
}

// Code is a value of a declared list, and what it means.
type Code struct{ Value, Label string }

// Types are the types that can be declared.
var Types = []string{"integer", "decimal", "text", "boolean", "date", "timestamp", "timestamptz", "time"}

// kindsOf are the kinds of the types.
var kindsOf = map[string]engine.Kind{"integer": engine.Integer, "decimal": engine.Decimal, "text": engine.Text, "boolean": engine.Boolean,
	"date": engine.Date, "timestamp": engine.Timestamp, "timestamptz": engine.TimestampTZ, "time": engine.Time}

// maxTokens is how many spellings of NULL, true or false a column may have.
const maxTokens = 256

// DeclarationFault says which key of a declaration is at fault and why.
type DeclarationFault = published.Fault

// Check reports what is wrong with the declaration whatever the files hold; nil if nothing is.
func (d Declaration) Check() *DeclarationFault {
	_, fault := compile(d)
	return fault
}

// declaration is a Declaration that has been checked.
type declaration struct {
	Declaration
	kind   engine.Kind // of a declared type
	typed  bool
	layout *layout.Layout
	zone   *time.Location
	null   map[string]bool
	truth  map[string]bool // what a spelling of a boolean says; nil: PostgreSQL's
	places int             // the most decimal places of Min, Max and Codes
}

// compile checks a declaration.
func compile(d Declaration) (*declaration, *DeclarationFault) {
	out := &declaration{Declaration: d, typed: d.Type != "", null: map[string]bool{}}
	for _, name := range []struct{ key, text string }{{"name", d.Name}, {"as", d.As}} {
		if fault := files.NameFault(name.text); fault != "" && (name.key == "name" || name.text != "") {
			return nil, published.NewFault(name.key, fmt.Sprintf("%s = %s: it %s", name.key, files.Shown(name.text), fault), "")
		}
	}
	if out.typed && !slices.Contains(Types, d.Type) {
		hint := "the types are " + strings.Join(Types, ", ")
		if near := engine.Nearest(d.Type, Types); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, published.NewFault("type", fmt.Sprintf("type = %s is not known", files.Shown(d.Type)), hint)
	}
	out.kind = kindsOf[d.Type]
	for _, check := range []func() *DeclarationFault{out.checkSpelling, out.checkTokens, out.checkTexts, out.checkValues} {
		if fault := check(); fault != nil {
			return nil, fault
		}
	}
	if fault := d.Terms.CheckAlone(d.Min != "", d.Max != "", len(d.Codes) > 0); fault != nil {
		return nil, fault
	}
	return out, nil
}

// checkSpelling is compile's part about scale and format.
func (d *declaration) checkSpelling() *DeclarationFault {
	if d.Scale != nil {
		switch {
		case d.kind != engine.Decimal:
			return published.NewFault("scale", "scale is of a decimal", `write type = "decimal" beside it`)
		case *d.Scale < 0 || *d.Scale > files.MaxScale:
			return published.NewFault("scale", fmt.Sprintf("scale = %d: 0 to %d places are held", *d.Scale, files.MaxScale), "")
		}
	}
	if d.Zone != "" {
		if d.kind != engine.TimestampTZ {
			return published.NewFault("zone", "zone is of a timestamptz", `write type = "timestamptz" beside it`)
		}
		var ok bool
		if d.zone, ok = layout.Zone(d.Zone); !ok {
			return published.NewFault("zone", "zone = "+files.Shown(d.Zone)+" is no time zone", `zones have names such as "Europe/Berlin"`)
		}
	}
	return d.checkFormat()
}

// checkFormat is compile's part about how dates and times are spelled.
func (d *declaration) checkFormat() *DeclarationFault {
	if d.Format == "" {
		return nil
	}
	if d.kind != engine.Date && clockForms[d.kind] == 0 {
		return published.NewFault("format", "format is of dates, timestamps and times of day", `write type = "date" beside it, or timestamp, timestamptz, time`)
	}
	var err error
	if d.layout, err = layout.Parse(d.Format); err != nil {
		return published.NewFault("format", err.Error(), "")
	}
	fault := published.NewFault("format", fmt.Sprintf("format = %s spells no %s", files.Shown(d.Format), d.Type), "")
	switch zoned := d.layout.Zoned(); {
	case d.layout.Dated() != (d.kind != engine.Time):
		return fault
	case zoned && d.kind != engine.TimestampTZ:
		fault.Hint = `with a zone it is a timestamptz`
		return fault
	case d.kind == engine.TimestampTZ && zoned && d.zone != nil:
		return published.NewFault("zone", "the values have a zone of their own, z in format", "leave one of the two out")
	case d.kind == engine.TimestampTZ && !zoned && d.zone == nil:
		fault.Hint = "z in the format is the values' own zone; zone = \"Europe/Berlin\" says where they are local times"
		return fault
	}
	return nil
}

// checkTokens is compile's part about what stands for NULL, true and false.
func (d *declaration) checkTokens() *DeclarationFault {
	if len(d.True)+len(d.False) > 0 {
		key := "true"
		if len(d.True) == 0 {
			key = "false"
		}
		switch {
		case d.kind != engine.Boolean:
			return published.NewFault(key, key+" is of a boolean", `write type = "boolean" beside it`)
		case len(d.True) == 0 || len(d.False) == 0:
			return published.NewFault(key, "true and false are declared together or not at all", "")
		}
		d.truth = map[string]bool{}
	}
	for _, list := range []struct {
		key    string
		tokens []string
	}{{"null", d.Null}, {"true", d.True}, {"false", d.False}} {
		if len(list.tokens) > maxTokens {
			return published.NewFault(list.key, fmt.Sprintf("%s has %d values; the limit is %d", list.key, len(list.tokens), maxTokens), "")
		}
		for _, token := range list.tokens {
			_, known := d.truth[token]
			switch {
			case token != strings.Trim(token, " \t") || token == "" || !utf8.ValidString(token):
				return published.NewFault(list.key, fmt.Sprintf("%s: %s is empty, has spaces around it or is not UTF-8", list.key, files.Shown(token)), "")
			case d.null[token] || known:
				return published.NewFault(list.key, fmt.Sprintf("%s: %s has two meanings, or stands there twice", list.key, files.Shown(token)), "")
			case list.key == "null":
				d.null[token] = true
			default:
				d.truth[token] = list.key == "true"
			}
		}
	}
	return nil
}

// checkTexts is compile's part about what is there for people.
func (d *declaration) checkTexts() *DeclarationFault {
	if fault := d.Terms.Check(d.Min != "", d.Max != "", len(d.Codes) > 0); fault != nil {
		return fault
	}
	if len(d.Codes) > engine.MaxDictionary {
		return published.NewFault("codes", fmt.Sprintf("codes has %d values; the limit is %d", len(d.Codes), engine.MaxDictionary), "")
	}
	for _, c := range d.Codes {
		if fault := engine.LineFault(c.Label, engine.MaxLabelBytes); fault != "" {
			return published.NewFault("codes", fmt.Sprintf("codes: the label %s %s", files.Shown(c.Label), fault), "")
		}
		if len(c.Value) > engine.MaxDictionaryText || textFault([]byte(c.Value)) != "" {
			return published.NewFault("codes", fmt.Sprintf("codes: the value %s is longer than %d bytes or not UTF-8", files.Shown(c.Value), engine.MaxDictionaryText), "")
		}
	}
	return nil
}

// checkValues is compile's part about bounds and codes. Where the type is left to the values, only
// what no type has is told here, and the rest when the type is known (limitsOf).
func (d *declaration) checkValues() *DeclarationFault {
	for _, bound := range []string{d.Min, d.Max} {
		if s, ok := files.ShapeOf([]byte(bound)); ok {
			d.places = max(d.places, s.Scale)
		}
	}
	for _, c := range d.Codes {
		if s, ok := files.ShapeOf([]byte(c.Value)); ok {
			d.places = max(d.places, s.Scale)
		}
	}
	if !d.typed {
		return nil
	}
	scale := 0
	if d.kind == engine.Decimal {
		if scale = min(d.places, files.MaxScale); d.Scale != nil {
			scale = *d.Scale
		}
	}
	_, fault := d.limitsOf(d.kind, scale)
	return fault
}

// limits are the bounds and codes of a column whose type is known.
type limits struct {
	min, max *engine.Datum
	codes    []engine.Datum // ascending
	labels   []string
	known    map[string]bool // the codes' canonical texts; nil: there may be others
}

// limitsOf reads bounds and codes as values of a type.
func (d *declaration) limitsOf(kind engine.Kind, scale int) (*limits, *DeclarationFault) {
	l := &limits{}
	for _, bound := range []struct {
		key, text string
		into      **engine.Datum
	}{{"min", d.Min, &l.min}, {"max", d.Max, &l.max}} {
		if bound.text == "" {
			continue
		}
		if kind == engine.Text || kind == engine.Boolean {
			return nil, published.NewFault(bound.key, bound.key+" is of numbers and dates, and the column is "+kind.String(), "")
		}
		v, fault := valueOf(bound.key, bound.text, kind, scale)
		if fault != nil {
			return nil, fault
		}
		*bound.into = &v
	}
	if l.min != nil && l.max != nil && l.min.Compare(*l.max) > 0 {
		return nil, published.NewFault("min", "min is above max", "")
	}
	if len(d.Codes) == 0 {
		return l, nil
	}
	l.known = map[string]bool{}
	meanings := map[string]string{}
	for _, c := range d.Codes {
		v, fault := valueOf("codes", c.Value, kind, scale)
		switch {
		case fault != nil:
			return nil, fault
		case l.outside(v):
			return nil, published.NewFault("codes", fmt.Sprintf("codes: %s is beyond min or max", files.Shown(c.Value)), "")
		case l.known[v.String()]:
			return nil, published.NewFault("codes", fmt.Sprintf("codes: the value %s stands there twice", files.Shown(v.String())), "")
		}
		l.known[v.String()] = true
		meanings[v.String()] = c.Label
		l.codes = append(l.codes, v)
	}
	slices.SortFunc(l.codes, engine.Datum.Compare)
	for _, v := range l.codes {
		l.labels = append(l.labels, meanings[v.String()])
	}
	if d.Outside != "" { // any value may be there
		l.known = nil
	}
	return l, nil
}

func (l *limits) outside(v engine.Datum) bool {
	return l.min != nil && v.Compare(*l.min) < 0 || l.max != nil && v.Compare(*l.max) > 0
}

// valueOf reads a declared bound or code. Numbers may be written in any way that is exact, dates as
// the engine writes them.
func valueOf(key, text string, kind engine.Kind, scale int) (engine.Datum, *DeclarationFault) {
	fault := &DeclarationFault{Key: key, Message: fmt.Sprintf("%s: %s is not %s", key, files.Shown(text), article(kind))}
	switch kind {
	case engine.Null:
		return engine.Datum{}, nil
	case engine.Integer, engine.Decimal:
		n, ok := numberOf(cell{form: formText, text: []byte(text)})
		if !ok {
			return engine.Datum{}, fault
		}
		v, exact := n.at(scale)
		switch {
		case !exact && kind == engine.Decimal:
			fault.Message += fmt.Sprintf(" of %s", engine.Plural(scale, "place"))
			return engine.Datum{}, fault
		case !exact, kind == engine.Integer && !v.IsInt64():
			return engine.Datum{}, fault
		}
		return engine.Datum{Kind: kind, Number: v, Scale: scale}, nil
	}
	v, err := engine.ParseDatum(kind, text)
	if err != nil {
		if example := written8601[kind]; example != "" {
			fault.Hint = "it is written as " + example + ", whatever the format of the values"
		}
		return engine.Datum{}, fault
	}
	return v, nil
}

// written8601 are how bounds and codes of dates and times are written.
var written8601 = map[engine.Kind]string{engine.Date: "2020-01-31", engine.Timestamp: "2020-01-31 10:00:00", engine.TimestampTZ: "2020-01-31 10:00:00+00", engine.Time: "10:00:00"}

// article is a kind after its article.
func article(kind engine.Kind) string {
	switch kind {
	case engine.Text:
		return "text"
	case engine.Integer:
		return "an integer"
	}
	return "a " + kind.String()
}

// compileAll checks the declarations of a table, and that they are of different columns.
func compileAll(all []Declaration) (map[string]*declaration, error) {
	out := map[string]*declaration{}
	for _, d := range all {
		c, fault := compile(d)
		if fault == nil && out[d.Name] != nil {
			fault = published.NewFault("name", "is declared twice", "")
		}
		if fault != nil {
			return nil, &files.Error{Field: d.Name, Message: fault.Message, Hint: fault.Hint}
		}
		out[d.Name] = c
	}
	return out, nil
}

// called is the column's name in the table.
func (d *declaration) called(name string) string {
	if d == nil || d.As == "" {
		return name
	}
	return d.As
}

// number is unscaled·10^−scale.
type number struct {
	unscaled *big.Int
	scale    int
}

// at is the number in units of 10^−scale; false where that is not exact or too long.
func (n number) at(scale int) (*big.Int, bool) {
	v := new(big.Int)
	if places := scale - n.scale; places >= 0 {
		v.Mul(n.unscaled, files.PowerOfTen(places))
	} else {
		rest := new(big.Int)
		if v.QuoRem(n.unscaled, files.PowerOfTen(-places), rest); rest.Sign() != 0 {
			return nil, false
		}
	}
	_, ok := files.WideNumber(v)
	return v, ok
}

// numberOf is the number that a cell holds; leading zeros are allowed. false: none, or one that is
// too long.
func numberOf(c cell) (number, bool) {
	switch c.form {
	case formSmall:
		return number{big.NewInt(c.small), 0}, true
	case formWide:
		return number{c.wide.BigInt(), c.scale}, true
	case formText, formNumeral:
		text := files.TrimSpaces(c.text)
		s, ok := files.ShapeOf(text)
		if !ok || s.Fault(files.MaxScale) != "" {
			return number{}, false
		}
		n, ok := files.ScaledWide(text, s, s.Scale)
		return number{n.BigInt(), s.Scale}, ok
	}
	return number{}, false
}
