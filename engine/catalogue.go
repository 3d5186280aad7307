package engine

import (
	"bytes"
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// find returns the index of a department's registration of a table, −1 if none.
func (c Catalogue) find(table, department string) int {
	return slices.IndexFunc(c, func(r Registration) bool {
		return r.Table == table && r.Department == department
	})
}

// Validate checks everything that the limits and the comments of Registration,
// Column and Catalogue say, because a catalogue comes from peers. It costs a pass
// over all dictionaries. The error is an *Error with CodeCatalogue that names the
// department, the table and the column.
func (c Catalogue) Validate() error {
	if len(c) > MaxRegistrations {
		return refuse(CodeCatalogue, 0, "the catalogue has %d registrations; at most %d are allowed", len(c), MaxRegistrations)
	}
	for i, r := range c {
		if err := r.Validate(); err != nil {
			return err
		}
		if i > 0 && compareRegistrations(c[i-1], r) >= 0 {
			return refuse(CodeCatalogue, 0, "the catalogue is not sorted by table and department, or names table %q of %q twice",
				r.Table, r.Department)
		}
	}
	return nil
}

func compareRegistrations(a, b Registration) int {
	if d := strings.Compare(a.Table, b.Table); d != 0 {
		return d
	}
	return strings.Compare(a.Department, b.Department)
}

// Validate checks one registration as Catalogue.Validate does.
func (r Registration) Validate() error {
	bad := func(format string, args ...any) error {
		e := refuse(CodeCatalogue, 0, format, args...)
		e.Message = "table " + quote(r.Table) + " of department " + quote(r.Department) + ": " + e.Message
		return e
	}
	for _, name := range []string{r.Department, r.Table} {
		if problem := nameProblem(name); problem != "" {
			return bad("the name %s %s", quote(name), problem)
		}
	}
	if r.Rows < 0 || r.Rows > MaxRows {
		return bad("%d rows; 0 to %d are allowed", r.Rows, int64(MaxRows))
	}
	if len(r.Columns) == 0 || len(r.Columns) > MaxColumns {
		return bad("%d columns; 1 to %d are allowed", len(r.Columns), MaxColumns)
	}
	seen := make(map[string]bool, len(r.Columns))
	for _, column := range r.Columns {
		if problem := nameProblem(column.Name); problem != "" {
			return bad("the column name %s %s", quote(column.Name), problem)
		}
		if seen[column.Name] {
			return bad("column %s appears twice", quote(column.Name))
		}
		seen[column.Name] = true
		if problem := column.problem(r.Rows); problem != "" {
			return bad("column %s: %s", quote(column.Name), problem)
		}
	}
	if problem := cmp.Or(r.About.problem(), r.Quality.problem(r), r.Linkage.problem(r)); problem != "" {
		return bad("%s", problem)
	}
	return nil
}

// nameProblem says what is wrong with a name, "" if nothing is.
func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > MaxNameBytes:
		return "is too long"
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.ContainsFunc(name, IsControl):
		return "has control characters"
	}
	return ""
}

// problem says what is wrong with a column of a table with so many rows.
func (c Column) problem(rows int64) string {
	switch {
	case c.Kind == Float || c.Kind > Time:
		return "unknown kind"
	case c.Kind != Decimal && c.Scale != 0, c.Scale < 0, c.Scale > MaxScale:
		return "scale out of range"
	case (c.Min == nil) != (c.Max == nil):
		return "one bound without the other"
	case !c.Kind.bounded() && c.Min != nil:
		return "bounds on a kind without bounds"
	case c.Min != nil && c.Min.Cmp(c.Max) > 0:
		return "minimum above maximum"
	case c.Min != nil && !(inKind(c.Kind, c.Min) && inKind(c.Kind, c.Max)):
		return "bounds beyond the kind's range"
	case c.Resembles != Null && (c.Kind != Text || c.Resembles != Date && c.Resembles != Decimal):
		return "a resemblance that no column has"
	case !plainLine(c.Unit, MaxUnitBytes):
		return "a unit that is too long, not UTF-8 or has control characters"
	case len(c.Labels) > 0 && (c.Kind == Null || len(c.Labels) != len(c.Dictionary)):
		return "labels that are not those of its values"
	case slices.ContainsFunc(c.Labels, func(label string) bool { return !plainLine(label, MaxLabelBytes) }):
		return "a label that is too long, not UTF-8 or has control characters"
	case rows > 0 && !c.Nullable && c.Kind == Null:
		return "rows without values in a column that is not nullable"
	case !plainLine(c.Title, MaxTitleBytes) || !plainLine(c.Item, MaxItemBytes):
		return "a title or an item that is too long, not UTF-8 or has control characters"
	case !plainLine(c.Colocated, MaxNameBytes):
		return "a family that is too long, not UTF-8 or has control characters"
	case gradeProblem(c.Sensitivity, c.Class) != "":
		return gradeProblem(c.Sensitivity, c.Class)
	}
	return c.dictionaryProblem(rows)
}

// plainLine reports whether a text for people is short enough and one line of UTF-8.
func plainLine(text string, most int) bool { return LineFault(text, most) == "" }

// LineFault says why a text is no line for people of at most so many bytes, or "".
func LineFault(text string, most int) string {
	switch {
	case len(text) > most:
		return "is longer than " + strconv.Itoa(most) + " bytes"
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.ContainsFunc(text, IsControl):
		return "has a control character"
	}
	return ""
}

// inKind reports whether a number is in the range of a kind that has numbers.
func inKind(kind Kind, v *big.Int) bool {
	switch kind {
	case Integer:
		return v.IsInt64()
	case Date:
		return v.IsInt64() && v.Int64() >= MinDate && v.Int64() <= MaxDate
	case Timestamp, TimestampTZ:
		return v.IsInt64() && v.Int64() >= MinTimestamp && v.Int64() <= MaxTimestamp
	case Time:
		return v.IsInt64() && v.Int64() >= 0 && v.Int64() < MicrosPerDay
	}
	return v.CmpAbs(decimalLimit) < 0
}

var decimalLimit = pow10(MaxDecimalDigits)

// dictionaryProblem says what is wrong with the column's dictionary.
func (c Column) dictionaryProblem(rows int64) string {
	if !c.HasDictionary {
		if len(c.Dictionary) > 0 {
			return "values in a missing dictionary"
		}
		return ""
	}
	switch count := int64(len(c.Dictionary)); {
	case count > MaxDictionary:
		return "too many values in the dictionary"
	case count > rows && len(c.Labels) == 0:
		return "more values than rows in the dictionary"
	case count == 0 && (c.Min != nil || rows > 0 && !c.Nullable):
		return "a dictionary without the column's values"
	case count == 0:
		return ""
	}
	for i, text := range c.Dictionary {
		if problem := c.textProblem(text); problem != "" {
			return problem
		}
		if i > 0 && compareCanonical(c.Kind, c.Dictionary[i-1], text) >= 0 {
			return "dictionary not strictly ascending at " + quote(text)
		}
	}
	for _, text := range []string{c.Dictionary[0], c.Dictionary[len(c.Dictionary)-1]} { // all others lie between
		v, err := ParseDatum(c.Kind, text)
		switch {
		case err != nil:
			return err.Error()
		case c.Kind.bounded() && (c.Min == nil || outside(v, c)):
			return "dictionary value " + quote(text) + " outside the bounds"
		}
	}
	return ""
}

// textProblem says what is wrong with the text of a dictionary's value by itself. Numbers are not
// parsed here: it is most of what planning costs.
func (c Column) textProblem(text string) string {
	if len(text) > MaxDictionaryText || !utf8.ValidString(text) {
		return "a dictionary value that is too long or not UTF-8"
	}
	if (c.Kind == Integer || c.Kind == Decimal) && canonicalNumber(text) {
		if _, places, _ := strings.Cut(text, "."); len(places) > c.Scale {
			return "dictionary value " + quote(text) + " has more decimal places than the column"
		}
		return ""
	}
	if _, err := ParseDatum(c.Kind, text); err != nil {
		return err.Error()
	}
	return ""
}

func outside(v Datum, c Column) bool {
	return v.Compare(Datum{Kind: c.Kind, Number: c.Min, Scale: c.Scale}) < 0 ||
		v.Compare(Datum{Kind: c.Kind, Number: c.Max, Scale: c.Scale}) > 0
}

// values parses the dictionary, which is valid.
func (c Column) values() (values []Datum) {
	for _, text := range c.Dictionary {
		if v, err := parseDatum(c.Kind, text); err == nil {
			values = append(values, v)
		}
	}
	return values
}

// Merge unifies the registrations of one table: the same set of column names, in
// the order of the first registration; kinds unify NULL with anything, integer
// with decimal, and in a column that names persons on one spine text with integer, to be Mixed; scales, bounds and nullability widen; dictionaries join. Otherwise
// an *Error with CodeSchema names the table, the column and both departments. The
// registrations must be valid.
func Merge(regs []Registration) (Schema, error) {
	if len(regs) == 0 {
		return Schema{}, refuse(CodeDepartments, 0, "no department is asked to contribute")
	}
	schema := Schema{Table: regs[0].Table}
	for i, column := range regs[0].Columns {
		sources := make([]Column, len(regs))
		sources[0] = regs[0].Columns[i]
		for d, r := range regs[1:] {
			j := columnByName(r.Columns, column.Name)
			if r.Table != schema.Table || j < 0 {
				return Schema{}, missingColumn(regs[0], r, column.Name)
			}
			sources[d+1] = r.Columns[j]
		}
		merged, err := mergeColumn(regs, sources)
		if err != nil {
			return Schema{}, err
		}
		schema.Columns = append(schema.Columns, merged)
	}
	for _, r := range regs[1:] {
		for _, column := range r.Columns {
			if columnByName(regs[0].Columns, column.Name) < 0 {
				return Schema{}, missingColumn(r, regs[0], column.Name)
			}
		}
	}
	return schema, nil
}

func columnByName(columns []Column, name string) int {
	return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
}

func missingColumn(has, lacks Registration, column string) error {
	var names []string
	for _, c := range lacks.Columns {
		names = append(names, c.Name)
	}
	e := refuse(CodeSchema, 0, "table %s: column %s of %s is missing at %s",
		quote(has.Table), quote(column), has.Department, lacks.Department)
	return hinted(e, "all departments must register the same columns; at %s %s", lacks.Department, nearest(column, names))
}

// mergeColumn unifies one column; sources are in the order of regs.
func mergeColumn(regs []Registration, sources []Column) (Column, error) {
	out := Column{Name: sources[0].Name, HasDictionary: true, Colocated: sources[0].Colocated}
	decided := 0 // the department whose kind out has
	persons := sameLinkage(regs, sources[0].Name)
	for d, c := range sources {
		switch {
		case persons && out.Kind != c.Kind && out.Kind != Null && c.Kind != Null:
			out.Kind, out.Mixed = Text, true
		case c.Kind == Null || c.Kind == out.Kind || c.Kind == Integer && out.Kind == Decimal:
		case out.Kind == Null || out.Kind == Integer && c.Kind == Decimal:
			out.Kind, decided = c.Kind, d
		default:
			return Column{}, kindsDiffer(regs[0].Table, c.Name, [2]Kind{out.Kind, c.Kind}, [2]string{regs[decided].Department, regs[d].Department})
		}
		out.Scale = max(out.Scale, c.Scale)
		out.Nullable = out.Nullable || c.Nullable
		out.Resembles = max(out.Resembles, c.Resembles)
		out.HasDictionary = out.HasDictionary && (c.HasDictionary || c.Kind == Null)
		if c.Colocated != out.Colocated { // a promise that one does not make is none
			out.Colocated = ""
		}
	}
	if out.Mixed {
		out.HasDictionary, out.Resembles = false, Null
		return out, out.mergeMeanings(regs, sources)
	}
	undeclared := slices.ContainsFunc(sources, Column.Undeclared)
	for _, c := range sources {
		if c.Min == nil || undeclared { // one whose bounds nobody knows leaves all without
			continue
		}
		lo, hi := rescale(c.Min, out.Scale-c.Scale), rescale(c.Max, out.Scale-c.Scale)
		if out.Min == nil || lo.Cmp(out.Min) < 0 {
			out.Min = lo
		}
		if out.Max == nil || hi.Cmp(out.Max) > 0 {
			out.Max = hi
		}
	}
	if out.HasDictionary {
		for _, c := range sources {
			out.Dictionary = union(out.Kind, out.Dictionary, c.Dictionary)
		}
	}
	return out, out.mergeMeanings(regs, sources)
}

// kindsDiffer refuses a column whose kind two departments do not agree about.
func kindsDiffer(table, column string, kinds [2]Kind, departments [2]string) *Error {
	return refuse(CodeSchema, 0, "table %s: column %s is %s at %s and %s at %s", quote(table), quote(column), kinds[0], departments[0], kinds[1], departments[1])
}

// mergeMeanings takes the units and labels of the departments' columns, which must not contradict
// each other: a department that says nothing agrees with all.
func (c *Column) mergeMeanings(regs []Registration, sources []Column) error {
	type said struct{ text, department string }
	differ := func(what string, a, b said) error {
		e := refuse(CodeSchema, 0, "table %s: column %s %s %s at %s and %s at %s", quote(regs[0].Table), quote(c.Name), what,
			quote(a.text), a.department, quote(b.text), b.department)
		return hinted(e, "the departments have to agree: what they declare of the column stands in their node.toml")
	}
	var unit said
	labels := map[string]said{}
	for d, source := range sources {
		here := said{source.Unit, regs[d].Department}
		if unit.text != "" && here.text != "" && unit.text != here.text {
			return differ("is in", unit, here)
		}
		if unit.text == "" {
			unit = here
		}
		for i, label := range source.Labels {
			value, here := source.Dictionary[i], said{label, regs[d].Department}
			if before := labels[value]; before.text != "" && label != "" && before.text != label {
				return differ("has the code "+quote(value)+":", before, here)
			}
			if labels[value].text == "" {
				labels[value] = here
			}
		}
	}
	c.Unit = unit.text
	for _, source := range sources { // the highest grade, the tightest class that is said, and the first words
		c.Title, c.Item = cmp.Or(c.Title, source.Title), cmp.Or(c.Item, source.Item)
		c.Sensitivity = max(c.Sensitivity, source.Sensitivity)
		if c.Class == ClassUnsaid || source.Class != ClassUnsaid {
			c.Class = min(cmp.Or(c.Class, source.Class), cmp.Or(source.Class, c.Class))
		}
	}
	if len(labels) > 0 {
		for _, value := range c.Dictionary {
			c.Labels = append(c.Labels, labels[value].text)
		}
	}
	return nil
}

// union merges two valid dictionaries of a kind: canonical texts, ascending, each once.
func union(kind Kind, a, b []string) []string {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	out := make([]string, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		order := compareCanonical(kind, a[0], b[0])
		if order <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out = append(out, b[0])
		}
		if order >= 0 {
			b = b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// compareCanonical orders the canonical texts of two values as Datum.Compare orders the values,
// and parses neither. A catalogue has them by the ten thousand, and each plan begins with it.
func compareCanonical(kind Kind, a, b string) int {
	if kind != Integer && kind != Decimal { // true sorts after false, and a year has four digits
		return strings.Compare(a, b)
	}
	switch negative, other := a[0] == '-', b[0] == '-'; {
	case negative && other:
		a, b = b[1:], a[1:]
	case negative:
		return -1
	case other:
		return 1
	}
	a, fraction, _ := strings.Cut(a, ".")
	b, places, _ := strings.Cut(b, ".")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b), strings.Compare(fraction, places))
}

// equalRegistration compares by canonical encoding.
func equalRegistration(a, b Registration) bool { return bytes.Equal(Marshal(a), Marshal(b)) }
