package engine

import (
	"bytes"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestCatalogueRefusals changes a valid catalogue in one place each time. README
// section 3.
func TestCatalogueRefusals(t *testing.T) {
	if err := fixtureCatalogue().Validate(); err != nil {
		t.Fatal(err)
	}
	column := func(name string, change func(*Column)) func(Catalogue) {
		return func(c Catalogue) {
			r := &c[c.find("things", "d0")]
			change(&r.Columns[columnByName(r.Columns, name)])
		}
	}
	for name, c := range map[string]struct {
		change func(Catalogue)
		want   string
	}{
		"order":           {func(c Catalogue) { c[0], c[1] = c[1], c[0] }, "not sorted"},
		"twice":           {func(c Catalogue) { c[1] = c[0] }, "not sorted"},
		"no table":        {func(c Catalogue) { c[0].Table = "" }, "is empty"},
		"control":         {func(c Catalogue) { c[0].Department = "a\nb" }, "control characters"},
		"not UTF-8":       {func(c Catalogue) { c[0].Department = "\xff" }, "not UTF-8"},
		"long name":       {func(c Catalogue) { c[0].Columns[0].Name = strings.Repeat("x", MaxNameBytes+1) }, "too long"},
		"rows":            {func(c Catalogue) { c[0].Rows = -1 }, "-1 rows"},
		"no columns":      {func(c Catalogue) { c[0].Columns = nil }, "0 columns"},
		"same column":     {column("i", func(c *Column) { c.Name = "k" }), `column "k" appears twice`},
		"kind":            {column("i", func(c *Column) { c.Kind = Time + 1 }), "unknown kind"},
		"float":           {column("i", func(c *Column) { c.Kind = Float }), "unknown kind"},
		"scale":           {column("i", func(c *Column) { c.Scale = 1 }), "scale out of range"},
		"wide scale":      {column("Dec", func(c *Column) { c.Scale = MaxScale + 1 }), "scale out of range"},
		"one bound":       {column("i", func(c *Column) { c.Min = nil }), "one bound"},
		"bounds reversed": {column("i", func(c *Column) { c.Min, c.Max = c.Max, c.Min }), "minimum above"},
		"text bounds":     {column("t", func(c *Column) { c.Min, c.Max = new(big.Int), new(big.Int) }), "without bounds"},
		"integer range":   {column("big", func(c *Column) { c.Max = new(big.Int).Lsh(big.NewInt(1), 63) }), "kind's range"},
		"decimal range":   {column("Dec", func(c *Column) { c.Max = decimalLimit }), "kind's range"},
		"date range":      {column("day", func(c *Column) { c.Max = big.NewInt(MaxDate + 1) }), "kind's range"},
		"no values":       {column("void", func(c *Column) { c.Nullable = false }), "not nullable"},
		"hidden values":   {column("i", func(c *Column) { c.HasDictionary = false }), "missing dictionary"},
		"unsorted":        {column("t", func(c *Column) { c.Dictionary[0], c.Dictionary[1] = c.Dictionary[1], c.Dictionary[0] }), "ascending"},
		"repeated":        {column("t", func(c *Column) { c.Dictionary[1] = c.Dictionary[0] }), "ascending"},
		"not canonical":   {column("Dec", func(c *Column) { c.Dictionary[1] = "1.50" }), "canonical"},
		"not a number":    {column("k", func(c *Column) { c.Dictionary[0] = "x" }), "canonical"},
		"outside":         {column("k", func(c *Column) { c.Min = big.NewInt(1) }), "outside the bounds"},
		"too fine":        {column("Dec", func(c *Column) { c.Dictionary[1] = "0.125" }), "decimal places"},
		"too many":        {column("k", func(c *Column) { c.Dictionary = []string{"0", "1", "2", "3"} }), "more values than rows"},
		"empty":           {column("k", func(c *Column) { c.Dictionary = nil }), "without the column's values"},
		"long unit":       {column("i", func(c *Column) { c.Unit = strings.Repeat("x", MaxUnitBytes+1) }), "a unit"},
		"unit of lines":   {column("i", func(c *Column) { c.Unit = "m\nm" }), "a unit"},
		"unit, not UTF-8": {column("i", func(c *Column) { c.Unit = "\xff" }), "a unit"},
		"labels missing":  {column("k", func(c *Column) { c.Labels = []string{"one"} }), "labels that are not"},
		"labels of none":  {column("void", func(c *Column) { c.Labels = []string{"one"} }), "labels that are not"},
		"long label":      {column("t", func(c *Column) { c.Labels = []string{strings.Repeat("x", MaxLabelBytes+1), ""} }), "a label"},
		"label of lines":  {column("t", func(c *Column) { c.Labels = []string{"", "a\u0085"} }), "a label"},
		"long title":      {column("t", func(c *Column) { c.Title = strings.Repeat("x", MaxTitleBytes+1) }), "a title"},
		"item of lines":   {column("t", func(c *Column) { c.Item = "a\nb" }), "a title or an item"},
		"sensitivity":     {column("t", func(c *Column) { c.Sensitivity = Core + 1 }), "a sensitivity"},
		"class":           {column("t", func(c *Column) { c.Class = ClassUnconditional + 1 }), "a class"},
		"description":     {func(c Catalogue) { c[0].About.Description = strings.Repeat("x", MaxDescription+1) }, "its description"},
		"owner":           {func(c Catalogue) { c[0].About.Owner = "\xff" }, "its owner"},
		"table's class":   {func(c Catalogue) { c[0].About.Class = 9 }, "a class"},
		"deep place":      {func(c Catalogue) { c[0].About.Place = make([]string, MaxPlaceUnits+1) }, "its place"},
		"empty unit":      {func(c Catalogue) { c[0].About.Place = []string{"a", ""} }, "is empty"},
		"slash":           {func(c Catalogue) { c[0].About.Place = []string{"a/b"} }, "slash"},
		"key":             {func(c Catalogue) { c[0].Quality.Key = []string{"nowhere"} }, "a key with the column"},
		"duplicates":      {func(c Catalogue) { c[0].Quality.Duplicates = 1 }, "more rows with an equal key"},
		"missing": {func(c Catalogue) {
			c[0].Quality.Columns = []ColumnQuality{{Name: c[0].Columns[0].Name, Missing: c[0].Rows + 1}}
		}, "more missing"},
		"quality of none": {func(c Catalogue) { c[0].Quality.Columns = []ColumnQuality{{Name: "nowhere"}} }, "the quality of a column"},
		"long value":      {column("t", func(c *Column) { c.Dictionary[1] = strings.Repeat("湖", MaxDictionaryText) }), "too long"},
	} {
		cat := fixtureCatalogue()
		c.change(cat)
		err := cat.Validate()
		if code(err) != CodeCatalogue || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := NewPlan("SELECT count(*) FROM things", cat, []string{"d0"}, testPackings[0]); code(err) != CodeCatalogue {
			t.Errorf("%s: planned: %v", name, err)
		}
	}
}

// TestMeanings: units and labels of departments join, a department that has none agrees with all, and what
// contradicts itself is refused with both names. A declared list of codes may have more values than rows.
func TestMeanings(t *testing.T) {
	column := func(unit string, values, labels []string) Column {
		return Column{Name: "k", Kind: Text, Dictionary: values, HasDictionary: true, Unit: unit, Labels: labels}
	}
	at := func(department string, c Column) Registration {
		return Registration{Department: department, Table: "t", Rows: 1, Columns: []Column{c}}
	}
	codes := column("", []string{"f", "m"}, []string{"female", ""})
	if err := at("a", codes).Validate(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		a, b Column
		want string // the error
		unit string
		all  []string // labels
	}{
		"units":         {column("EUR", []string{"f"}, nil), column("EUR", []string{"f"}, nil), "", "EUR", nil},
		"one unit":      {column("", []string{"f"}, nil), column("EUR", []string{"f"}, nil), "", "EUR", nil},
		"other units":   {column("EUR", []string{"f"}, nil), column("USD", []string{"f"}, nil), `column "k" is in "EUR" at a and "USD" at b`, "", nil},
		"labels":        {codes, column("", []string{"d", "m"}, []string{"diverse", "male"}), "", "", []string{"diverse", "female", "male"}},
		"labels of one": {codes, column("", []string{"x"}, nil), "", "", []string{"female", "", ""}},
		"other labels":  {codes, column("", []string{"f"}, []string{"fermée"}), `has the code "f": "female" at a and "fermée" at b`, "", nil},
		"no dictionary": {codes, Column{Name: "k", Kind: Text}, "", "", nil},
		"no value":      {codes, Column{Name: "k"}, "", "", []string{"female", ""}},
	} {
		schema, err := Merge([]Registration{at("a", c.a), at("b", c.b)})
		switch {
		case c.want != "" && (code(err) != CodeSchema || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		case c.want == "" && (err != nil || schema.Columns[0].Unit != c.unit || !slices.Equal(schema.Columns[0].Labels, c.all)):
			t.Errorf("%s: %v %+v", name, err, schema)
		}
	}
}

// TestGradesJoin: over departments the highest grade and the tightest class hold.
func TestGradesJoin(t *testing.T) {
	at := func(department string, s Sensitivity, c Class) Registration {
		return Registration{Department: department, Table: "t", Columns: []Column{{Name: "k", Sensitivity: s, Class: c, Title: department}}}
	}
	schema, err := Merge([]Registration{at("a", General2, ClassUnsaid), at("b", Important, ClassUnconditional), at("c", General1, ClassOnCondition), at("d", 0, 0)})
	if c := schema.Columns[0]; err != nil || c.Sensitivity != Important || c.Class != ClassOnCondition || c.Title != "a" {
		t.Error(err, c)
	}
	for _, text := range Sensitivities() {
		if s, ok := ParseSensitivity(text); !ok || s.String() != text {
			t.Error(text, s)
		}
	}
	for _, text := range Classes() {
		if c, ok := ParseClass(text); !ok || c.String() != text {
			t.Error(text, c)
		}
	}
	for text, ok := range map[string]bool{"江苏/南京": true, "": true, "a//b": false, "/a": false, "a/ b": false, "a\nb": false} {
		if place, err := ParsePlace(text); (err == nil) != ok {
			t.Error(text, place, err)
		}
	}
}

// TestEncodingIsCanonical: nothing but Marshal's own bytes decodes.
func TestEncodingIsCanonical(t *testing.T) {
	want := fixtureCatalogue()
	b := Marshal(want)
	var got Catalogue
	if err := Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(Marshal(got), b) || got.Validate() != nil {
		t.Fatal("a catalogue changes on the way")
	}
	for name, bad := range map[string][]byte{
		"trailing byte":         append(bytes.Clone(b), 0),
		"truncated":             b[:len(b)-1],
		"null for a list":       {0xf6},
		"indefinite length":     {0x9f, 0xff},
		"long length":           {0x98, 0x00},
		"map":                   {0xa0},
		"empty":                 {},
		"element of other type": {0x81, 0x01},
	} {
		if err := Unmarshal(bad, &got); err == nil {
			t.Errorf("%s is decoded", name)
		}
	}
	for name, bad := range map[string][]byte{ // the integer 1 in other clothes
		"long integer": {0x18, 0x01}, "float": {0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}, "bignum": {0xc2, 0x41, 0x01}, "tagged": {0xc6, 0x01},
	} {
		var v *big.Int
		if err := Unmarshal(bad, &v); err == nil {
			t.Errorf("%s is decoded", name)
		}
	}
	var d Digest
	if err := Unmarshal(append([]byte{0x58, 31}, make([]byte, 31)...), &d); err == nil {
		t.Error("a short digest is decoded")
	}
	flipped := 0
	for i := range 2000 {
		c := bytes.Clone(b)
		c[i] ^= 1
		var other Catalogue
		if Unmarshal(c, &other) == nil && bytes.Equal(Marshal(other), b) {
			flipped++
		}
	}
	if flipped > 0 {
		t.Errorf("%d flipped bits decode to the same catalogue", flipped)
	}
}

func TestDigestText(t *testing.T) {
	d := Hash("domain", []byte("a"), []byte("b"))
	if d == Hash("domain", []byte("ab")) || d == Hash("domaina", []byte("b")) || d == Hash("domain", []byte("a"), []byte("b"), nil) {
		t.Error("different parts hash alike")
	}
	text, _ := json.Marshal(d)
	var back Digest
	if err := json.Unmarshal(text, &back); err != nil || back != d {
		t.Errorf("%s: %v", text, err)
	}
	for _, bad := range []string{"", d.String()[1:], strings.ToUpper(d.String()), strings.Repeat("g", 64)} {
		if bad != d.String() && back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is a digest", bad)
		}
	}
}

// TestCanonicalText: what is read is what is written, and nothing else is read.
func TestCanonicalText(t *testing.T) {
	for kind, good := range map[Kind][]string{
		Integer: {"0", "-12", "9223372036854775807", "-9223372036854775808"},
		Decimal: {"0", "1.5", "-0.25", "2", "0.001", "99999999999999999999"},
		Boolean: {"true", "false"},
		Date:    {"0001-01-01", "1970-01-01", "2020-02-29", "9999-12-31"},
		Text:    {"", " a ", "湖北"},
	} {
		for _, text := range good {
			if d, err := ParseDatum(kind, text); err != nil || d.String() != text {
				t.Errorf("%s %q: %v, %v", kind, text, d, err)
			}
		}
	}
	for kind, bad := range map[Kind][]string{
		Integer: {"", "+1", "-0", "01", "1.0", "1e3", "9223372036854775808", "--1", " 1", "１"},
		Decimal: {"", "1.50", ".5", "1.", "-0", "00.5", "1e3", "0x10", "NaN", "1.5.2", "1_000"},
		Boolean: {"", "t", "TRUE", "1"},
		Date:    {"", "2020-1-1", "2020-02-30", "0000-01-01", "10000-01-01", "2020-01-01 ", "20200101"},
		Null:    {"", "NULL"},
	} {
		for _, text := range bad {
			if d, err := ParseDatum(kind, text); err == nil {
				t.Errorf("%q is a %s: %v", text, kind, d)
			}
		}
	}
}

// TestCanonicalTexts: dictionaries are checked, ordered and joined by their texts; parsing says the
// same.
func TestCanonicalTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 3))
	var numbers []string
	for range 3000 {
		text := []string{"", "", "-", "+"}[r.IntN(4)]
		for range r.IntN(8) {
			text += string("0001259.-e "[r.IntN(11)])
		}
		_, err := ParseDatum(Decimal, text)
		if canonicalNumber(text) != (err == nil) {
			t.Fatalf("%q is canonical: %v, %v", text, canonicalNumber(text), err)
		}
		if err == nil {
			numbers = append(numbers, text)
		}
	}
	if len(numbers) < 300 {
		t.Fatalf("only %d are numbers", len(numbers))
	}
	var dictionaries [3][]string
	for i, a := range numbers {
		b := numbers[r.IntN(len(numbers))]
		x, _ := ParseDatum(Decimal, a)
		y, _ := ParseDatum(Decimal, b)
		if compareCanonical(Decimal, a, b) != x.Compare(y) {
			t.Fatalf("%s and %s are %d, their values %d", a, b, compareCanonical(Decimal, a, b), x.Compare(y))
		}
		d := &dictionaries[i%3]
		*d = union(Decimal, *d, []string{a})
	}
	all := union(Decimal, union(Decimal, dictionaries[0], dictionaries[1]), dictionaries[2])
	slices.Sort(numbers)
	if len(all) != len(slices.Compact(numbers)) || !slices.IsSortedFunc(all, func(a, b string) int { return compareCanonical(Decimal, a, b) }) {
		t.Errorf("%d values of %d, or they are not ascending", len(all), len(slices.Compact(numbers)))
	}
}
