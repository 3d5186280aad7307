package published

import (
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"parley/engine"
)

// TestPrivate: of a column that is not declared only its kind, its scale and what it looks like are told, and what is
// only for people declares nothing of its values.
func TestPrivate(t *testing.T) {
	found := Found{Column: engine.Column{Name: "x", Kind: engine.Decimal, Scale: 2, Min: big.NewInt(1), Max: big.NewInt(9), Dictionary: []string{"0.01", "0.09"}, HasDictionary: true},
		Values: 4}
	for name, d := range map[string]*Declared{"nothing": nil, "words": {Terms: Terms{Title: "X", Unit: "EUR", Item: "1", Sensitivity: "core", Class: "none"}}} {
		c, err := Column(found, d)
		if err != nil || !c.Undeclared() || c.HasDictionary || c.Dictionary != nil || !c.Nullable || c.Scale != 2 {
			t.Errorf("%s: %v %+v", name, err, c)
		}
		if d != nil && (c.Title != "X" || c.Unit != "EUR" || c.Item != "1" || c.Sensitivity != engine.Core || c.Class != engine.ClassNone) {
			t.Errorf("%+v", c)
		}
	}
	c, err := Column(found, &Declared{Terms: Terms{Bounds: Measured}})
	if err != nil || c.Min.Int64() != 1 || c.Max.Int64() != 9 || c.HasDictionary || c.Nullable {
		t.Errorf("%v %+v", err, c)
	}
	five := engine.Datum{Kind: engine.Decimal, Number: big.NewInt(500), Scale: 2}
	if c, err = Column(found, &Declared{Terms: Terms{Bounds: Measured}, Max: &five}); err != nil || c.Min.Int64() != 1 || c.Max.Int64() != 500 {
		t.Errorf("%v %+v", err, c)
	}
	if c, err = Column(found, &Declared{Terms: Terms{Dictionary: true}}); err != nil || !slices.Equal(c.Dictionary, found.Dictionary) || c.Min.Int64() != 1 {
		t.Errorf("%v %+v", err, c)
	}
	if c, err = Column(Found{Column: engine.Column{Name: "n"}}, nil); err != nil || !c.HasDictionary || c.Kind != engine.Null {
		t.Errorf("no value: %v %+v", err, c)
	}
}

// TestNearlyUnique: more than half of the values alone is too many, half is not; of booleans it does not matter, and a list
// of codes tells no rows.
func TestNearlyUnique(t *testing.T) {
	for _, c := range []struct {
		values, alone int64
		kind          engine.Kind
		full, refused bool
	}{
		{4, 2, engine.Text, false, false}, {4, 3, engine.Text, false, true}, {1, 1, engine.Integer, false, true}, {2, 2, engine.Boolean, false, false},
		{5, 3, engine.Date, false, true}, {10_000, 0, engine.Text, true, true},
	} {
		found := Found{Column: engine.Column{Name: "x", Kind: c.kind, HasDictionary: !c.full}, Values: c.values, Alone: c.alone}
		_, err := Column(found, &Declared{Terms: Terms{Dictionary: true}})
		var fault *Fault
		if errors.As(err, &fault) != c.refused || c.refused && (fault.Key != "dictionary" || fault.Hint == "") {
			t.Errorf("%+v: %v", c, err)
		}
		if found.Everything().Dictionary == c.refused {
			t.Errorf("%+v: %+v", c, found.Everything())
		}
		codes := &Declared{Codes: []engine.Datum{engine.NewText("a")}, Labels: []string{""}}
		if out, err := Column(found, codes); err != nil || !slices.Equal(out.Dictionary, []string{"a"}) {
			t.Errorf("%+v: codes: %v", c, err)
		}
	}
}

// TestTermsAreChecked: what contradicts itself, or is too long, is refused with its key.
func TestTermsAreChecked(t *testing.T) {
	for want, c := range map[string]struct {
		t               Terms
		min, max, codes bool
	}{
		"bounds: is not known":       {Terms{Bounds: "all"}, false, false, false},
		"bounds: none are measured":  {Terms{Bounds: Measured}, true, true, false},
		"bounds: those of the codes": {Terms{Bounds: Measured}, false, false, true},
		"dictionary: list of codes":  {Terms{Dictionary: true}, false, false, true},
		"title: longer than 256":     {Terms{Title: strings.Repeat("x", 257)}, false, false, false},
		"item: control character":    {Terms{Item: "\x1b"}, false, false, false},
		"unit: not valid UTF-8":      {Terms{Unit: "\xff"}, false, false, false},
		"class: did you mean":        {Terms{Class: "unconditionl"}, false, false, false},
		"sensitivity: it is one of":  {Terms{Sensitivity: "x"}, false, false, false},
		"min: min without max":       {Terms{}, true, false, false},
		"max: max without min":       {Terms{}, false, true, false},
		"outside: is not known":      {Terms{Outside: "null", Dictionary: true}, false, false, true},
		"outside: none is declared":  {Terms{Outside: Count, Dictionary: true}, false, false, false},
		"outside: dictionary = true": {Terms{Outside: Count}, false, false, true},
		"drift: with a dictionary":   {Terms{Drift: true, Bounds: Measured}, false, false, false},
	} {
		fault := c.t.Check(c.min, c.max, c.codes)
		if fault == nil {
			fault = c.t.CheckAlone(c.min, c.max, c.codes)
		}
		key, says, _ := strings.Cut(want, ": ")
		if fault == nil || fault.Key != key || !strings.Contains(fault.Message+fault.Hint, says) {
			t.Errorf("%s: %v", want, fault)
		}
	}
	if fault := (Terms{Bounds: Measured}).Check(true, false, false); fault != nil || (Terms{Bounds: Measured}).CheckAlone(true, false, false) != nil {
		t.Error(fault)
	}
}

// TestOutside: values outside of the codes become part of the dictionary, without labels, the bounds are those of both, and
// what a dictionary may not publish is refused.
func TestOutside(t *testing.T) {
	codes := func(values ...int64) (out []engine.Datum) {
		for _, v := range values {
			out = append(out, engine.NewInteger(v))
		}
		return out
	}
	found := func(pairs ...any) Found {
		d := of(pairs...)
		f := Found{Column: engine.Column{Name: "x", Kind: engine.Integer, HasDictionary: true, Dictionary: d.Values}, Rows: d.Rows, Values: d.total()}
		for _, v := range d.Values {
			n, err := engine.ParseDatum(engine.Integer, v)
			if err != nil {
				t.Fatal(err)
			}
			if f.Min == nil || n.Number.Cmp(f.Min) < 0 {
				f.Min = n.Number
			}
			if f.Max == nil || n.Number.Cmp(f.Max) > 0 {
				f.Max = n.Number
			}
		}
		return f
	}
	for name, c := range map[string]struct {
		found    Found
		values   []string
		labels   []string
		min, max int64
		outside  int64
		fault    string
	}{
		"none":                    {found("1", 5, "10", 1), []string{"1", "2", "10"}, []string{"one", "", "ten"}, 1, 10, 0, ""},
		"between and beyond":      {found("-3", 2, "1", 1, "9", 4), []string{"-3", "1", "2", "9", "10"}, []string{"", "one", "", "", "ten"}, -3, 10, 6, ""},
		"above":                   {found("11", 2), []string{"1", "2", "10", "11"}, []string{"one", "", "ten", ""}, 1, 11, 2, ""},
		"half of them alone":      {found("1", 50, "7", 1, "8", 1, "9", 2), []string{"1", "2", "7", "8", "9", "10"}, []string{"one", "", "", "", "", "ten"}, 1, 10, 4, ""},
		"most of them alone":      {found("1", 50, "7", 1, "8", 1, "9", 1), nil, nil, 0, 0, 0, "outside: in one row alone"},
		"one, alone":              {found("1", 1_000_000, "7", 1), nil, nil, 0, 0, 0, "outside: in one row alone"},
		"too many for dictionary": {Found{Column: engine.Column{Name: "x", Kind: engine.Integer, Min: big.NewInt(1), Max: big.NewInt(2)}, Values: 9000}, nil, nil, 0, 0, 0, "dictionary: more than 4096"},
	} {
		d := &Declared{Terms: Terms{Dictionary: true, Outside: Count}, Codes: codes(1, 2, 10), Labels: []string{"one", "", "ten"}}
		out, err := Column(c.found, d)
		if c.fault != "" {
			key, says, _ := strings.Cut(c.fault, ": ")
			var fault *Fault
			if !errors.As(err, &fault) || fault.Key != key || !strings.Contains(fault.Message, says) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !slices.Equal(out.Dictionary, c.values) || !slices.Equal(out.Labels, c.labels) || out.Min.Int64() != c.min || out.Max.Int64() != c.max {
			t.Errorf("%s: %v %+v", name, err, out)
		}
		if got := c.found.Outside(d.Codes); got != c.outside {
			t.Errorf("%s: %d rows outside, want %d", name, got, c.outside)
		}
	}
	truth := Found{Column: engine.Column{Name: "x", Kind: engine.Boolean, HasDictionary: true, Dictionary: []string{"false", "true"}}, Rows: []int64{1, 9}, Values: 10}
	only := &Declared{Terms: Terms{Dictionary: true, Outside: Count}, Codes: []engine.Datum{engine.NewBoolean(true)}, Labels: []string{""}}
	if out, err := Column(truth, only); err != nil || len(out.Dictionary) != 2 {
		t.Errorf("a truth value: %v", err)
	}
	codesAlone := make([]engine.Datum, engine.MaxDictionary)
	for i := range codesAlone {
		codesAlone[i] = engine.NewInteger(int64(i))
	}
	many := &Declared{Terms: Terms{Dictionary: true, Outside: Count}, Codes: codesAlone, Labels: make([]string, len(codesAlone))}
	if _, err := Column(found("-1", 2), many); err == nil || !strings.Contains(err.Error(), "more than 4096") {
		t.Errorf("codes and one more: %v", err)
	}
}
