// Package published decides what of a column leaves its department: nothing of its values but their kind,
// until the department declares more (../README.md, sections 4 and 11).
package published

import (
	"fmt"
	"slices"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// Terms are what a department declares that the others may know of a column.
type Terms struct {
	Title       string // its name for people
	Item        string // its item in the national catalogue
	Unit        string // what the values are counted in
	Sensitivity string // one of engine.Sensitivities
	Class       string // one of engine.Classes
	Dictionary  bool   // the distinct values, and with them the least and the greatest
	Bounds      string // Measured: the least and the greatest value, as far as no others are declared
	Outside     string // Count: values outside of the codes are counted and published, and do not refuse the table
	Drift       bool   // how far the shares of the values moved since the version before, in whole percent
	Colocated   string // the family of which no value stands in another department's column
}

// Measured is the only value of Terms.Bounds, Count that of Terms.Outside.
const (
	Measured = "measured"
	Count    = "count"
)

// Fault says which key is at fault and why.
type Fault struct{ Key, Message, Hint string }

// NewFault is a Fault.
func NewFault(key, message, hint string) *Fault { return &Fault{key, message, hint} }

func (f *Fault) Error() string { return f.Message }

// Check reports what is wrong with the terms, beside declared bounds and codes; nil if nothing is.
func (t Terms) Check(least, greatest, codes bool) *Fault {
	for _, text := range []struct {
		key, text string
		most      int
	}{{"title", t.Title, engine.MaxTitleBytes}, {"item", t.Item, engine.MaxItemBytes}, {"unit", t.Unit, engine.MaxUnitBytes},
		{"colocated", t.Colocated, engine.MaxNameBytes}} {
		if fault := engine.LineFault(text.text, text.most); fault != "" {
			return &Fault{text.key, fmt.Sprintf("%s = %s: it %s", text.key, files.Shown(text.text), fault), ""}
		}
	}
	if fault := GradeFault(t.Sensitivity, t.Class); fault != nil {
		return fault
	}
	switch {
	case t.Bounds != "" && t.Bounds != Measured:
		return &Fault{"bounds", "bounds = " + files.Shown(t.Bounds) + " is not known", `bounds = "measured" publishes the least and the greatest value; min and max declare others`}
	case t.Bounds != "" && least && greatest:
		return &Fault{"bounds", "min and max are declared, so none are measured", "leave bounds out"}
	case t.Bounds != "" && codes:
		return &Fault{"bounds", "the bounds are those of the codes", "leave bounds out"}
	case t.Dictionary && codes && t.Outside == "":
		return &Fault{"dictionary", "the dictionary is the list of codes", "leave dictionary out"}
	case t.Outside != "" && t.Outside != Count:
		return &Fault{"outside", "outside = " + files.Shown(t.Outside) + " is not known", `outside = "count"; without it a value outside of codes refuses the table`}
	case t.Outside != "" && !codes:
		return &Fault{"outside", "outside is of a list of codes, and none is declared", "leave outside out"}
	case t.Outside != "" && !t.Dictionary:
		return &Fault{"outside", "values outside of the codes become part of the dictionary, which is published", "write dictionary = true beside it, or leave outside out"}
	case t.Drift && !t.Dictionary && !codes:
		return &Fault{"drift", "drift is of a column with a dictionary or codes", "write dictionary = true beside it, or leave drift out"}
	}
	return nil
}

// CheckAlone reports one bound by itself, beside which the other would have to be measured without being declared so.
func (t Terms) CheckAlone(least, greatest, codes bool) *Fault {
	if least == greatest || t.Bounds != "" || t.Dictionary || codes {
		return nil
	}
	key, other := "min", "max"
	if greatest {
		key, other = other, key
	}
	return &Fault{key, key + " without " + other, fmt.Sprintf(`declare %s too, or bounds = "measured", which publishes that of the values`, other)}
}

// GradeFault reports a sensitivity or a class that there is not.
func GradeFault(sensitivity, class string) *Fault {
	if _, ok := engine.ParseSensitivity(sensitivity); !ok {
		return unknown("sensitivity", sensitivity, engine.Sensitivities())
	}
	if _, ok := engine.ParseClass(class); !ok {
		return unknown("class", class, engine.Classes())
	}
	return nil
}

func unknown(key, text string, known []string) *Fault {
	hint := "it is one of " + strings.Join(known, ", ")
	if near := engine.Nearest(text, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &Fault{key, key + " = " + files.Shown(text) + " is not known", hint}
}

// Found is what the rows say of a column, which stays in the department.
type Found struct {
	engine.Column         // with its bounds, and its dictionary if its values are few
	Values        int64   // that are not NULL
	Alone         int64   // of them, those that stand in no other row; of a column with a dictionary alone
	Rows          []int64 // in how many rows each value of the dictionary stands
}

// Distribution is that of the values, which are few.
func (f Found) Distribution(told bool) Distribution {
	return Distribution{Column: f.Name, Values: f.Dictionary, Rows: f.Rows, Told: told}
}

// Outside is in how many rows there is none of the codes, of a column whose values are few.
func (f Found) Outside(codes []engine.Datum) (rows int64) {
	known := map[string]bool{}
	for _, v := range codes {
		known[v.String()] = true
	}
	for i, text := range f.Dictionary {
		if !known[text] {
			rows += f.Rows[i]
		}
	}
	return rows
}

// nearlyUnique reports whether more than half of the values stand in no other row. true and false identify nobody.
func (f Found) nearlyUnique() bool {
	return f.Kind != engine.Boolean && 2*f.Alone > f.Values
}

// bounded reports whether there are bounds to be declared.
func (f Found) bounded() bool { return f.Min != nil }

// Everything is what has to be declared of a column so that all of it is published that may be: a dictionary where it
// can have one, otherwise its bounds.
func (f Found) Everything() (t Terms) {
	switch {
	case f.Kind == engine.Null:
	case f.HasDictionary && !f.nearlyUnique():
		t.Dictionary = true
	case f.bounded():
		t.Bounds = Measured
	}
	return t
}

// Declared is all that decides what is published: the terms, and the values of declared bounds and codes.
type Declared struct {
	Terms
	Min, Max *engine.Datum
	Codes    []engine.Datum // ascending
	Labels   []string
}

// Column is the column as it is registered. d is nil of one that is not declared. The error is a *Fault: a
// dictionary that the column cannot have.
func Column(f Found, d *Declared) (engine.Column, error) {
	out := engine.Column{Name: f.Name, Kind: f.Kind, Scale: f.Scale, Resembles: f.Resembles, Nullable: true}
	if f.Kind == engine.Null { // that it has no value at all is its kind
		out.HasDictionary = true
	}
	if d == nil {
		return out, nil
	}
	out.Title, out.Item, out.Unit = d.Title, d.Item, d.Unit
	out.Sensitivity, _ = engine.ParseSensitivity(d.Sensitivity)
	out.Class, _ = engine.ParseClass(d.Class)
	out.Colocated = d.Colocated
	if f.Kind == engine.Null {
		return out, nil
	}
	switch {
	case len(d.Codes) > 0 && d.Outside == "":
		out.Resembles = engine.Null
		list(&out, d.Codes, d.Labels)
	case d.Dictionary && !f.HasDictionary:
		return out, &Fault{"dictionary", fmt.Sprintf("it has more than %d different values, or one longer than %d bytes, so it has no dictionary",
			engine.MaxDictionary, engine.MaxDictionaryText), "leave dictionary out"}
	case len(d.Codes) > 0:
		codes, labels, fault := widened(f, d)
		if fault != nil {
			return out, fault
		}
		list(&out, codes, labels)
	case d.Dictionary && f.nearlyUnique():
		return out, &Fault{"dictionary", "more than half of its values stand in one row alone, so a dictionary would publish the rows",
			"leave dictionary out; codes = { ... } declares a list of values that is public by itself"}
	case d.Dictionary:
		out.HasDictionary, out.Dictionary = true, f.Dictionary
	}
	if d.Bounds == Measured || d.Dictionary {
		out.Min, out.Max = f.Min, f.Max
	}
	if f.bounded() {
		for _, v := range d.Codes {
			if out.Min == nil || v.Number.Cmp(out.Min) < 0 {
				out.Min = v.Number
			}
			if out.Max == nil || v.Number.Cmp(out.Max) > 0 {
				out.Max = v.Number
			}
		}
	}
	if d.Min != nil {
		out.Min = d.Min.Number
	}
	if d.Max != nil {
		out.Max = d.Max.Number
	}
	if out.HasDictionary || out.Min != nil {
		out.Nullable = f.Nullable
	}
	return out, nil
}

// list publishes values, ascending, with what they mean.
func list(out *engine.Column, values []engine.Datum, labels []string) {
	out.HasDictionary, out.Labels = true, labels
	for _, v := range values {
		out.Dictionary = append(out.Dictionary, v.String())
	}
}

// widened are the codes with the values outside of them, which have no labels. These are refused as a dictionary is: where
// more than half of them stand in one row alone.
func widened(f Found, d *Declared) (values []engine.Datum, labels []string, fault *Fault) {
	meaning := map[string]string{}
	for i, v := range d.Codes {
		meaning[v.String()] = d.Labels[i]
	}
	values = slices.Clone(d.Codes)
	var rows, alone int64
	for i, text := range f.Dictionary {
		if _, known := meaning[text]; known {
			continue
		}
		v, err := engine.ParseDatum(f.Kind, text)
		if err != nil { // it is the engine's own text
			return nil, nil, &Fault{"outside", err.Error(), ""}
		}
		if rows += f.Rows[i]; f.Rows[i] == 1 {
			alone++
		}
		values = append(values, v)
	}
	if 2*alone > rows && f.Kind != engine.Boolean {
		return nil, nil, &Fault{"outside", fmt.Sprintf("%s hold values outside of codes, more than half of them in one row alone: as part of the dictionary they would publish the rows",
			engine.Plural(rows, "row")), "mend the values, or leave outside out, which names the first of them"}
	}
	if len(values) > engine.MaxDictionary {
		return nil, nil, &Fault{"outside", fmt.Sprintf("codes and the values outside of them are more than %d", engine.MaxDictionary), "leave outside out"}
	}
	slices.SortFunc(values, engine.Datum.Compare)
	for _, v := range values {
		labels = append(labels, meaning[v.String()])
	}
	return values, labels, nil
}
