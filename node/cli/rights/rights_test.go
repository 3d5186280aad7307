package rights

import (
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/failure"
)

// TestParameters: what --values and --range name, as SQL writes it.
func TestParameters(t *testing.T) {
	for _, c := range []struct {
		values, ranges string // separated by ;
		want           string // the literals of each, | between parameters; "": refused
	}{
		{"1=2024,2025", "", "2024 2025"},
		{"1=2025, 2024 ,2025", "", "2024 2025"},
		{"1=Nanjing", "", "'Nanjing'"},
		{"1=it's", "", "'it''s'"},
		{"1='a, b','c'", "", "'a, b' 'c'"},
		{"1='it''s' , d", "", "'d' 'it''s'"},
		{"$1=1.50", "", "1.50"},
		{"2=x", "1=3-7", "3-7|'x'"},
		{"1=-1", "", "'-1'"},
		{"", "1=0-0", "0-0"},
		{"1=';DROP TABLE x--", "", ""},
		{"1='a' b", "", ""},
		{"1=a,,b", "", ""},
		{"1=", "", ""},
		{"=a", "", ""},
		{"0=a", "", ""},
		{"17=a", "", ""},
		{"2=a", "", ""},
		{"1=a;1=b", "", ""},
		{"1=a", "1=1-2", ""},
		{"", "1=1", ""},
		{"", "1=a-b", ""},
		{"", "1=1-99999999999999999999", ""},
	} {
		split := func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == ';' }) }
		values := split(c.values)
		if strings.Contains(c.values, "DROP") {
			values = []string{c.values}
		}
		all, err := parameters(values, split(c.ranges))
		var got []string
		for _, p := range all {
			if p.Range {
				got = append(got, strings.ReplaceAll(time.Duration(p.Low).String()+"-"+time.Duration(p.High).String(), "ns", ""))
			} else {
				got = append(got, strings.Join(p.Values, " "))
			}
		}
		if joined := strings.ReplaceAll(strings.Join(got, "|"), "0s", "0"); joined != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v gives %q, %v", c, joined, err)
		}
	}
}

// TestSample: a form's sample is a question of the form, and has the first values.
func TestSample(t *testing.T) {
	two := []policy.Parameter{{Range: true, Low: 2020, High: 2030}, {Values: []string{"'a $1 b'", "'c'"}}}
	for form, want := range map[string][]string{
		"SELECT count(*) FROM t WHERE y = $1 AND c = $2":            {"2020", "'a $1 b'"},
		"SELECT count(*) FROM t WHERE y=$1 OR z=$1 AND c=$2":        {"2020", "'a $1 b'"},
		"SELECT count(*) FROM t WHERE y = $1":                       nil,
		"SELECT count(*) FROM t WHERE y = $1 AND c = $3":            nil,
		"SELECT count(*) FROM t WHERE c = '$2' AND y = $1":          nil,
		"SELECT count(*) FROM t WHERE y = $1 AND c = $2 -- $1 it's": {"2020", "'a $1 b'"},
		"": nil,
	} {
		question, err := sample(form, two)
		if want == nil {
			if err == nil {
				t.Errorf("%q gives %q", form, question)
			}
			continue
		}
		if values, ok := engine.Parameters(form, question); err != nil || !ok || !slices.Equal(values, want) {
			t.Errorf("%q gives %q, %v: %v", form, question, values, err)
		}
	}
}

// TestFind: an id is found by eight digits or more that no other begins with, and by nothing else.
func TestFind(t *testing.T) {
	var all []engine.Digest
	for _, hex := range []string{"aabbccdd01", "aabbccdd02", "11223344ff"} {
		var d engine.Digest
		if err := d.UnmarshalText([]byte(hex + strings.Repeat("0", 64-len(hex)))); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	for prefix, want := range map[string]int{"aabbccdd01": 0, "AABBCCDD02": 1, "11223344": 2, "112233440": -1, "11223344f": 2, all[1].String(): 1, "aabbccdd": -1, "1122334": -1, "": -1,
		"1122334g": -1, "zzzzzzzz": -1, all[1].String() + "0": -1, "99999999": -1} {
		found, err := find("grant", "grants", prefix, all, func(d engine.Digest) engine.Digest { return d })
		if want < 0 && (err == nil || failure.Of(err).Hint == "") || want >= 0 && (err != nil || found != all[want]) {
			t.Errorf("%q: %s, %v", prefix, found, err)
		}
	}
}

// TestNarrower: a grant gives no more than was requested.
func TestNarrower(t *testing.T) {
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	terms := policy.Terms{Uses: 5, Cohort: 10, Until: until.Unix(), Purposes: []string{"p"}}
	for _, c := range []struct {
		f     narrower
		until time.Time
		want  *policy.Terms // nil: refused
	}{
		{narrower{}, time.Time{}, &terms},
		{narrower{uses: 2, cohort: 20, purposes: []string{"z", "a", "z"}}, until.Add(-time.Hour), &policy.Terms{Uses: 2, Cohort: 20, Until: until.Unix() - 3600, Purposes: []string{"a", "z"}}},
		{narrower{cohort: 5}, until, &terms},
		{narrower{uses: 6}, time.Time{}, nil},
		{narrower{uses: -1}, time.Time{}, nil},
		{narrower{cohort: -1}, time.Time{}, nil},
		{narrower{}, until.Add(time.Second), nil},
	} {
		got := terms
		err := c.f.apply(&got, c.until)
		if c.want == nil && err == nil || c.want != nil && (err != nil || string(engine.Marshal(&got)) != string(engine.Marshal(c.want))) {
			t.Errorf("%+v until %s: %+v, %v", c.f, c.until, got, err)
		}
	}
}

// TestReadyCommand: departments with commas and quotes in their names are one value, and a question that begins with a hyphen
// is no flag.
func TestReadyCommand(t *testing.T) {
	q := Question{Purpose: "p; rm -rf /", Basis: "Art. 3", Network: "network.json"}
	got := q.command(Where{"NODE", "KEY"}, []string{`a,b`, `c"d`}, "--x\nSELECT 1", "--request")
	want := `parley query --node NODE --identity KEY --network network.json \
    --purpose 'p; rm -rf /' --basis 'Art. 3' --departments '"a,b","c""d"' \
    --request -- $'--x\nSELECT 1'`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
