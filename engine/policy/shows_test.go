package policy

import (
	"testing"

	"parley/engine"
)

// TestRequestShows: a request that names another question than the one that stewards read, or the same over other
// departments or over tables that have changed, is told from one that does not.
func TestRequestShows(t *testing.T) {
	table := func(department string, version uint64) engine.Registration {
		return engine.Registration{Department: department, Table: "people", Version: version, Digest: engine.Digest{byte(version)}, Rows: 7}
	}
	registered := engine.Catalogue{table("a", 1), table("b", 2), table("c", 3), {Department: "a", Table: "other", Version: 9}}
	f := Facts{Table: "people", Question: "SELECT count(*) FROM people"}
	for _, r := range registered[:2] {
		f.Contributors = append(f.Contributors, contributorOf(&r))
	}
	f.Asked = askedOf(engine.QuestionDigest(f.Question), f.Contributors)
	honest := f.Request([]string{"a"}, "report", "", 100)
	if err := honest.Validate(1); err != nil || !honest.Shows(registered) {
		t.Fatalf("%+v: %v", honest, err)
	}
	changed := engine.Catalogue{table("a", 1), table("b", 3)}
	for what, registered := range map[string]engine.Catalogue{"another version": changed, "a table that is gone": registered[:1], "no table": nil} {
		if honest.Shows(registered) {
			t.Errorf("%s is not seen", what)
		}
	}
	for what, forge := range map[string]func(*Request){
		"another question":        func(r *Request) { r.Question = "SELECT count(*) FROM people WHERE age > 60" },
		"a space":                 func(r *Request) { r.Question += " " },
		"no question":             func(r *Request) { r.Question = "" },
		"fewer departments":       func(r *Request) { r.Subject.Contributors = []string{"a"} },
		"more departments":        func(r *Request) { r.Subject.Contributors = []string{"a", "b", "c"} },
		"no departments":          func(r *Request) { r.Subject.Contributors = nil },
		"an unknown department":   func(r *Request) { r.Subject.Contributors = []string{"a", "b", "z"} },
		"another name":            func(r *Request) { r.Subject.Asked[0] ^= 1 },
		"another table":           func(r *Request) { r.Table = "other" },
		"every question, unshown": func(r *Request) { r.Subject = Subject{} },
	} {
		r := *honest
		forge(&r)
		if r.Shows(registered) {
			t.Errorf("%s is not seen", what)
		}
	}
	form := Request{Question: "SELECT $1", Subject: Subject{Form: "SELECT $1", Parameters: []Parameter{{Values: []string{"1"}}}}}
	if !form.Shows(nil) {
		t.Error("a form is what it is")
	}
}
