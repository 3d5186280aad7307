package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"parley/engine"
)

func TestModel(t *testing.T) {
	value := func(printed, exact string) engine.Value { return engine.Value{Text: &printed, Exact: &exact} }
	a := sampleAnswer()
	a.Result.Model = []engine.Figure{{Name: "n", Value: value("16", "16")}, {Name: "r2", Value: value("0.5", "1/2")},
		{Name: "f", Reason: "no degrees of freedom are left"}}
	a.Result.Notes = []engine.Note{{Row: 1, Column: "t", Reason: "it is zero divided by zero"}}
	shown := func() string {
		var out bytes.Buffer
		if err := json.NewEncoder(&out).Encode(AnswerOf("", a, "")); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	want := `"model":{"n":"16","r2":"0.5","f":null},"modelExact":{"n":"16","r2":"1/2","f":null},` +
		`"notes":[{"row":1,"column":"t","reason":"it is zero divided by zero"}]`
	if got := shown(); !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwithout\n%s", got, want)
	}
	text := modelText(a.Result)
	if want := "n            16\nr2           0.5\nf            -: no degrees of freedom are left\nrow 2, t is not defined: it is zero divided by zero\n"; text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	var grouped []engine.Figure
	for _, g := range []engine.Value{value("女", "女"), {}} {
		grouped = append(grouped, engine.Figure{Group: []engine.Value{g}, Name: "n", Value: value("16", "16")},
			engine.Figure{Group: []engine.Value{g}, Name: "f", Value: value("2", "2")})
	}
	a.Result.Model = grouped
	if got, want := shown(), `"model":[{"group":["女"],"n":"16","f":"2"},{"group":[null],"n":"16","f":"2"}]`; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwithout\n%s", got, want)
	}
}
