package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"parley/node/door"
)

// TestDocument: every route and every member of the door's own types stands in openapi.json, and nothing else does.
func TestDocument(t *testing.T) {
	var doc struct {
		OpenAPI    string                                `json:"openapi"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Required   []string                   `json:"required"`
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatal(doc.OpenAPI, err)
	}
	routes := map[string]bool{}
	for _, r := range (&Server{}).table() {
		routes[r.method+" "+r.path] = true
		if doc.Paths[r.path][strings.ToLower(r.method)] == nil {
			t.Errorf("%s %s is not described", r.method, r.path)
		}
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			if !routes[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is described and not there", method, path)
			}
		}
	}
	for _, v := range []any{Problem{}, Session{}, Question{}, Step{}, Asked{}, Questions{}, Table{}, Catalogue{}, Explanation{}, door.Kept{}, Answers{}, Rights{}, Ledger{}, door.NetworkState{}} {
		of := reflect.TypeOf(v)
		schema := doc.Components.Schemas[of.Name()]
		seen := map[string]bool{}
		for i := range of.NumField() {
			name, rest, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			seen[name] = true
			if schema.Properties[name] == nil {
				t.Errorf("%s.%s is not described", of.Name(), name)
			}
			if always := rest != "omitempty"; always != slices.Contains(schema.Required, name) {
				t.Errorf("%s.%s: required is %t", of.Name(), name, !always)
			}
		}
		for name := range schema.Properties {
			if !seen[name] {
				t.Errorf("%s.%s is described and not there", of.Name(), name)
			}
		}
	}
}

// TestDecodeQuestion: what is no question is refused.
func TestDecodeQuestion(t *testing.T) {
	q, o, err := decodeQuestion([]byte(`{"sql":"SELECT 1","purpose":"p","wait":3}`), "")
	if err != nil || q.SQL != "SELECT 1" || o.Wait.Seconds() != 3 {
		t.Errorf("%+v, %+v, %v", q, o, err)
	}
	for _, body := range []string{``, `[]`, `null`, `{}`, `{"sql":""}`, `{"sql":"a","sql":"b"}`, `{"SQL":"a"}`, `{"sql":"a","Sql":"b"}`, `{"sql":1}`, `{"sql":"a"}{}`,
		`{"sql":"a","more":1}`, `{"sql":"a","purpose":null}`, `{"sql":"a","wait":-1}`, `{"sql":"a","deadline":1e9}`, `{"sql":"a","language":"fr"}`,
		`{"sql":"a","basis":"law"}`, `{"sql":"a","purpose":"two\nlines"}`, "{\"sql\":\"\xff\"}", `{"sql":"` + strings.Repeat("x", 1<<17) + `"}`} {
		if q, _, err := decodeQuestion([]byte(body), ""); err == nil {
			t.Errorf("%.40q gives %+v", body, q)
		}
	}
}

// FuzzQuestion: no body makes the decoder panic, and what it takes is within the limits.
func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"sql":"SELECT 1","purpose":"p","departments":["a"],"deadline":5}`))
	f.Add([]byte(`{"sql":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, _, err := decodeQuestion(body, ""); err == nil && (q.SQL == "" || len(q.Departments) > MaxDepartments) {
			t.Errorf("%+v", q)
		}
	})
}

// FuzzPage: parameters are read or refused.
func FuzzPage(f *testing.F) {
	f.Add("after=3&limit=10&table=claims")
	f.Add("limit=0")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := readPage(text); err == nil && (p.limit < 1 || p.limit > MaxPage) {
			t.Errorf("%+v", p)
		}
	})
}
