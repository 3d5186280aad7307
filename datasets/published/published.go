// Package published decides what of a column leaves its department: nothing of its values but their kind,
// until the department declares more (../README.md, sections 4 and 11).
package published

import (
	"fmt"
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
}

// Measured is the only value of Terms.Bounds.
const Measured = "measured"

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
	}{{"title", t.Title, engine.MaxTitleBytes}, {"item", t.Item, engine.MaxItemBytes}, {"unit", t.Unit, engine.MaxUnitBytes}} {
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
	case t.Dictionary && codes:
		return &Fault{"dictionary", "the dictionary is the list of codes", "leave dictionary out"}
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
	engine.Column       // with its bounds, and its dictionary if its values are few
	Values        int64 // that are not NULL
	Alone         int64 // of them, those that stand in no other row; of a column with a dictionary alone
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
	if f.Kind == engine.Null {
		return out, nil
	}
	switch {
	case len(d.Codes) > 0:
		out.HasDictionary, out.Labels, out.Resembles = true, d.Labels, engine.Null
		for _, v := range d.Codes {
			out.Dictionary = append(out.Dictionary, v.String())
		}
		if f.bounded() {
			out.Min, out.Max = d.Codes[0].Number, d.Codes[len(d.Codes)-1].Number
		}
	case d.Dictionary && !f.HasDictionary:
		return out, &Fault{"dictionary", fmt.Sprintf("it has more than %d different values, or one longer than %d bytes, so it has no dictionary",
			engine.MaxDictionary, engine.MaxDictionaryText), "leave dictionary out"}
	case d.Dictionary && f.nearlyUnique():
		return out, &Fault{"dictionary", "more than half of its values stand in one row alone, so a dictionary would publish the rows",
			"leave dictionary out; codes = { ... } declares a list of values that is public by itself"}
	case d.Dictionary:
		out.HasDictionary, out.Dictionary = true, f.Dictionary
	}
	if d.Bounds == Measured || d.Dictionary {
		out.Min, out.Max = f.Min, f.Max
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
