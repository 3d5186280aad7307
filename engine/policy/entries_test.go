package policy

import (
	"slices"
	"strings"
	"testing"

	"parley/engine"
)

// TestEntriesAreRefused: what a policy, a grant or a request must be, each rule broken once, with a
// word of the reason.
func TestEntriesAreRefused(t *testing.T) {
	long := strings.Repeat("x", MaxTextBytes+1)
	terms := func() Terms {
		return Terms{Group: []string{"county"}, Functions: []string{"count"}, Purposes: []string{"poverty relapse"}, Uses: 3, Until: now + 86400}
	}
	for want, change := range map[string]func(*Terms){
		"not in order": func(x *Terms) { x.Group = []string{"sex", "county"} },
		"twice":        func(x *Terms) { x.Filter = []string{"sex", "sex"} },
		"alone":        func(x *Terms) { x.Aggregate = []string{Any, "cost"} },
		"empty":        func(x *Terms) { x.Join = []string{""} },
		"no function":  func(x *Terms) { x.Functions = []string{"summ"} },
		"257 bytes":    func(x *Terms) { x.Purposes = []string{long} },
		"UTF-8":        func(x *Terms) { x.Purposes = []string{"\xff"} },
		"U+202E":       func(x *Terms) { x.Bases = []string{"a\u202eb"} },
		"U+000A":       func(x *Terms) { x.Bases = []string{"a\nb"} },
		"space":        func(x *Terms) { x.Purposes = []string{" poverty"} },
		"every purpose": func(x *Terms) {
			x.Purposes = []string{Any}
		},
		"65 entries": func(x *Terms) {
			x.Purposes = nil
			for i := range MaxTexts + 1 {
				x.Purposes = append(x.Purposes, strings.Repeat("x", i+1))
			}
		},
		"cohort is":       func(x *Terms) { x.Cohort = -1 },
		"contributors is": func(x *Terms) { x.Contributors = 1 << 40 },
		"uses is":         func(x *Terms) { x.Uses = MaxUses + 1 },
		"no time":         func(x *Terms) { x.Until = 1 << 60 },
		"from UTC":        func(x *Terms) { x.Zone = MaxZone + 1 },
		"spans; at most":  func(x *Terms) { x.Hours = make([]Hours, MaxHours+1) },
		"one day":         func(x *Terms) { x.Hours = []Hours{{From: 60, To: 60}} },
		"follow each":     func(x *Terms) { x.Hours = []Hours{{From: 60, To: 90}, {From: 90, To: 120}} },
		"over midnight":   func(x *Terms) { x.Hours = []Hours{{From: 60, To: 1441}} },
	} {
		x := terms()
		change(&x)
		refused(t, x.Validate(), want)
	}
	once := Subject{Asked: engine.Digest{1}}
	form := Subject{Form: "SELECT count(*) FROM claims WHERE year = $1", Parameters: []Parameter{{Range: true, Low: 2020, High: 2030}}}
	for want, s := range map[string]Subject{
		"of both":              {Asked: once.Asked, Form: "SELECT 1"},
		"will do":              {Form: "SELECT 1", Contributors: []string{Any}},
		"contributors":         {Contributors: []string{"b", "a"}},
		"belong to a form":     {Parameters: form.Parameters},
		"at most 16":           {Form: "SELECT $1", Parameters: make([]Parameter, 17)},
		"not both":             {Form: form.Form, Parameters: []Parameter{{Range: true, Values: []string{"1"}}}},
		"not negative":         {Form: form.Form, Parameters: []Parameter{{Range: true, Low: -1}}},
		"without a range":      {Form: form.Form, Parameters: []Parameter{{Values: []string{"1"}, High: 1}}},
		"no value":             {Form: form.Form, Parameters: []Parameter{{}}},
		"values":               {Form: form.Form, Parameters: []Parameter{{Values: []string{"2", "1"}}}},
		"$1 to $n":             {Form: form.Form},
		"no SQL text":          {Form: "SELECT 'open"},
		"with values for each": {Form: "SELECT $1, $3", Parameters: make3()},
	} {
		refused(t, s.Validate(), want)
	}
	for want, change := range map[string]func(*Grant){
		"entry is empty":   func(g *Grant) { g.Department = "" },
		"begins or ends":   func(g *Grant) { g.Table = "claims " },
		"how often":        func(g *Grant) { g.Terms.Uses = 0 },
		"after it was":     func(g *Grant) { g.Terms.Until = now },
		"five years":       func(g *Grant) { g.Terms.Until = now + MaxGrantSeconds + 1 },
		"purposes that it": func(g *Grant) { g.Terms.Purposes = nil },
		"bytes; at most":   func(g *Grant) { g.Subject.Form = strings.Repeat(" ", MaxGrantBytes) },
	} {
		g := Grant{Department: "health", Table: "claims", Person: Key{1}, Subject: once, Terms: terms()}
		refused(t, g.Validate(now), "")
		change(&g)
		refused(t, g.Validate(now), want)
	}
	for want, change := range map[string]func(*Request){
		"departments that it": func(r *Request) { r.Departments = nil },
		"departments":         func(r *Request) { r.Departments = []string{"health", "civil"} },
		"empty":               func(r *Request) { r.Table = "" },
		"the question has":    func(r *Request) { r.Question = strings.Repeat("x", engine.MaxSQLBytes+1) },
		"is its form":         func(r *Request) { r.Subject = form },
		"date by which":       func(r *Request) { r.Due = now },
		"one purpose":         func(r *Request) { r.Terms.Purposes = []string{"a", "b"} },
		"number of uses":      func(r *Request) { r.Terms.Uses = 0 },
		"and an end":          func(r *Request) { r.Terms.Until = now },
	} {
		r := Request{Departments: []string{"civil", "health"}, Table: "claims", Question: "SELECT 1", Subject: once, Terms: terms(), Due: now + 1}
		refused(t, r.Validate(now), "")
		change(&r)
		refused(t, r.Validate(now), want)
	}
	for want, change := range map[string]func(*Document){
		"begin with 1":                    func(d *Document) { d.Version = 0 },
		"entry is empty":                  func(d *Document) { d.Department = "" },
		"rules; at most":                  func(d *Document) { d.Rules = make([]Rule, MaxRules+1) },
		"two rules":                       func(d *Document) { d.Rules = append(d.Rules, d.Rules[0]) },
		"who is missing":                  func(d *Document) { d.Rules[0].Who = nil },
		"names nobody":                    func(d *Document) { d.Rules[0].Who = []string{"me"} },
		"no role":                         func(d *Document) { d.Rules[0].Who = []string{"role:king"} },
		"no key":                          func(d *Document) { d.Rules[0].Who = []string{"person:AB"} },
		"rule 1: an entry":                func(d *Document) { d.Rules[0].Name = "" },
		"end of a day":                    func(d *Document) { d.Rules[0].Terms.Until = now },
		"rule 1: when":                    func(d *Document) { d.Rules[0].When = "1.5 == 1.5" },
		"functions: there is no function": func(d *Document) { d.Rules[0].Terms.Functions = []string{"x"} },
		"disclosure: count is -1":         func(d *Document) { d.Disclosure.Count = -1 },
		"disclosure: parameters is 3333":  func(d *Document) { d.Disclosure.ParametersPerMille = 3333 },
		"disclosure: zero needs count":    func(d *Document) { d.Disclosure.ZeroIsSmall = true },
		"disclosure: round is 15":         func(d *Document) { d.Disclosure.Base = 15 },
		"disclosure: dominance is a":      func(d *Document) { d.Disclosure.DominanceCount = 2 },
		"has no [disclosure]": func(d *Document) {
			*d = Document{Department: "a", Version: 1, Below: 1, Disclosure: engine.Disclosure{Count: 3}}
		},
		"departments are not ascending": func(d *Document) { *d = tokens([]Draw{{Department: "b", IDs: 1}, {Department: "a", IDs: 1}}) },
		"two are of department":         func(d *Document) { *d = tokens([]Draw{{Department: "a", IDs: 1}, {Department: "a", IDs: 2}}) },
		"draw: ids is 1 to":             func(d *Document) { *d = tokens([]Draw{{Department: "a", IDs: MaxDraw + 1}}) },
		"draw: department":              func(d *Document) { *d = tokens([]Draw{{IDs: 1}}) },
		"or what may be drawn":          func(d *Document) { *d = tokens(nil) },
		"[[draw]] are of other":         func(d *Document) { d.Draws = []Draw{{Department: "a", IDs: 1}} },
		"membership is of a table": func(d *Document) {
			*d = tokens([]Draw{{Department: "a", IDs: 1}})
			d.Membership = []string{"a"}
		},
		"membership":        func(d *Document) { d.Membership = []string{"b", "a"} },
		"the conditions of": func(d *Document) { d.Rules = costly(t) },
		"a policy has 6":    func(d *Document) { d.Rules = wide(t) },
	} {
		d := document(t, "health", 1, open)
		refused(t, d.Validate(), "")
		change(&d)
		refused(t, d.Validate(), want)
	}
}

// tokens is a policy without a table that says what may be drawn.
func tokens(draws []Draw) Document { return Document{Department: "a", Version: 1, Draws: draws} }

// TestLinkageIsDenied: without a policy, and without being named, nobody draws a token or learns who is on a spine.
func TestLinkageIsDenied(t *testing.T) {
	draws := tokens([]Draw{{Department: "tax", IDs: 7}})
	table := Document{Membership: []string{"tax"}}
	for name, d := range map[string]*Document{"none": nil, "empty": {}, "draws": &draws, "table": &table} {
		for _, department := range []string{"tax", "health", ""} {
			want := int64(0)
			if name == "draws" && department == "tax" {
				want = 7
			}
			if got := d.Drawable(department); got != want {
				t.Errorf("%s: %q draws %d, want %d", name, department, got, want)
			}
			if got := d.Admits(department); got != (name == "table" && department == "tax") {
				t.Errorf("%s: %q is admitted: %v", name, department, got)
			}
		}
	}
}

// open is a policy that allows everything.
const open = "table = \"claims\"\n[[allow]]\nname = \"open\"\nwho = [\"anyone\"]\nfilter = [\"*\"]\ngroup = [\"*\"]\naggregate = [\"*\"]\nfunctions = [\"*\"]\n"

func make3() []Parameter {
	return slices.Repeat([]Parameter{{Values: []string{"1"}}}, 3)
}

// costly are rules of which no condition costs too much, and all together do.
func costly(t *testing.T) (out []Rule) {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		r := document(t, "health", 1, open).Rules[0]
		r.Name, r.When = name, `groups.all(g, g != "`+name+`")`
		out = append(out, r)
	}
	return out
}

// wide are rules that are too long together.
func wide(t *testing.T) (out []Rule) {
	for i := range MaxRules {
		r := document(t, "health", 1, open).Rules[0]
		r.Name = strings.Repeat("n", i+1)
		for k := range 5 {
			r.Terms.Purposes = append(r.Terms.Purposes, strings.Repeat("p", 200+k))
		}
		out = append(out, r)
	}
	return out
}

// refused holds that an error says why; "" that there is none.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%v, not %q", err, want)
	}
}
