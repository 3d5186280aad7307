package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/machine"
	"parley/node/nodetest"
	"parley/protocols"
)

// samplePlan is of a question with a literal that no department has; the value that is near moves
// a terminal's cursor.
func samplePlan() *engine.Plan {
	people := engine.Registration{Department: "north", Table: "people", Rows: 3, Columns: []engine.Column{
		{Name: "sex", Kind: engine.Text, HasDictionary: true, Dictionary: []string{"F\u202e"}}}}
	plan, err := engine.NewPlan("SELECT count(*) FROM people WHERE sex = 'f\u202e'", engine.Catalogue{people}, []string{"north"},
		engine.Packing{LimbBits: 20, LimbsPerCiphertext: 2048, MaxCiphertexts: 1, MaxDepartments: 15})
	if err != nil {
		panic(err)
	}
	return plan
}

func sampleAnswer() *client.Answer {
	value := func(printed, exact string) engine.Value { return engine.Value{Text: &printed, Exact: &exact} }
	return &client.Answer{
		Plan: samplePlan(),
		Result: &engine.Result{
			Columns: []string{"sex", "count", "avg"},
			Kinds:   []engine.Kind{engine.Text, engine.Integer, engine.Decimal},
			Rows: [][]engine.Value{
				{value("女", "女"), value("3", "3"), value("0.33333333333333333333", "1/3")},
				{{}, value("0", "0"), {}},
			},
		},
		Verdict: protocols.Verdict{Verified: true, SelfConsistent: true, Pinned: true, DevelopmentKeys: true, ValueShown: true,
			Certificate: engine.Digest{1}, Block: 21, Time: time.Unix(1700000000, 0)},
		Query: engine.Digest{2}, Assurance: "sealed", Parameters: "light",
		Departments: []client.DepartmentStatus{{Name: "north", Peer: "12D3", Status: "contributed"}, {Name: "south", Peer: "12D4", Status: "contributed"}},
		Seconds:     machine.Seconds{Proving: 2.5, Total: 3},
		CPUSeconds:  7,
	}
}

func TestAnswerAsJSON(t *testing.T) {
	out, err := JSON(AnswerOf("SELECT a <> 1", sampleAnswer(), ""))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(out)); err != nil {
		t.Fatal(err)
	}
	want := `{"sql":"SELECT a <> 1","query":"02` + strings.Repeat("0", 62) + `","plan":"` + sampleAnswer().Plan.Digest().String() + `","columns":["sex","count","avg"],` +
		`"rows":[["女","3","0.33333333333333333333"],[null,"0",null]],` +
		`"exact":[["女","3","1/3"],[null,"0",null]],` +
		`"remarks":["north has no sex 'f` + "\u202e" + `'; nearest: 'F` + "\u202e" + `'"],"assurance":"sealed","parameters":"light",` +
		`"departments":[{"name":"north","peer":"12D3","status":"contributed"},{"name":"south","peer":"12D4","status":"contributed"}],"members":[],` +
		`"certificate":{"digest":"01` + strings.Repeat("0", 62) + `","path":null},"ledger":{"block":21,"time":"2023-11-14T22:13:20Z"},"verified":true,"caveat":"made with development keys: whoever made them can forge proofs, and read what they hide","pinned":true,` +
		`"seconds":{"aggregation":0,"encryption":0,"proving":2.5,"verifying":0,"reEncryption":0,"decryption":0,"total":3},` +
		`"cpuSeconds":7}`
	if got := compact.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	empty := AnswerOf("", &client.Answer{Plan: &engine.Plan{}, Result: &engine.Result{Columns: []string{"a"}}}, "x")
	if empty.Rows == nil || empty.Exact == nil || *empty.Certificate.Path != "x" {
		t.Errorf("no rows give %+v", empty)
	}
}

// TestAnswerAsText: an answer whole, and one of two rounds whose table is wider than 80 columns, of
// departments with long names, one of which has another key.
func TestAnswerAsText(t *testing.T) {
	wide := sampleAnswer()
	figure, north := "0.3333333333333333", strings.Repeat("north", 5)
	for i := range 5 {
		wide.Result.Columns = append(wide.Result.Columns, fmt.Sprintf("average_%d", i))
		wide.Result.Kinds = append(wide.Result.Kinds, engine.Decimal)
		for row := range wide.Result.Rows {
			wide.Result.Rows[row] = append(wide.Result.Rows[row], engine.Value{Text: &figure, Exact: &figure})
		}
	}
	wide.Result.Notes = []engine.Note{{Row: 1, Column: "avg", Reason: "there is no row that it could be the average of, as nobody has one with this value of sex"}}
	wide.Departments[0].Name = north
	wide.Verdict.Verified, wide.Verdict.Reason, wide.Verdict.OtherKeys = false, protocols.ReasonOtherKeys+": "+north+" (rotated in block 7)", true
	wide.Verdict.Seats = []protocols.Seat{{Name: north, Role: protocols.RoleDepartment, Key: protocols.Key{1}, Steps: []protocols.Step{{How: protocols.Rotated, Block: 7, Before: protocols.Key{2}}}}}
	for i, sql := range []string{"first", "second"} {
		wide.Rounds = append(wide.Rounds, client.Round{SQL: sql, Query: engine.Digest{3}, Verdict: protocols.Verdict{Certificate: engine.Digest{byte(i + 1)}}})
	}
	for name, a := range map[string]*client.Answer{"answer": sampleAnswer(), "answer-wide": wide} {
		var out strings.Builder
		if err := WriteAnswer(&out, a, "/home/analyst/certificates/heart.cert", ""); err != nil {
			t.Fatal(err)
		}
		nodetest.Golden(t, name, out.String())
	}
}

func TestVerdicts(t *testing.T) {
	pin := &protocols.Network{}
	whole := protocols.Verdict{Verified: true, SelfConsistent: true, Pinned: true, ValueShown: true}
	stranger := protocols.Verdict{SelfConsistent: true, ValueShown: true, Reason: protocols.ReasonUnknownSigners}
	other := protocols.Verdict{SelfConsistent: true, ValueShown: true, Reason: "made in network 1, pinned is 2"}
	seized := protocols.Verdict{SelfConsistent: true, ValueShown: true, OtherKeys: true, Reason: protocols.ReasonOtherKeys + ": south (seized in block 41)"}
	forged := protocols.Verdict{Reason: "the proof does not verify", Department: "south", Pinned: true}
	for _, c := range []struct {
		name    string
		verdict protocols.Verdict
		pinned  *protocols.Network
		status  int
		line    string
	}{
		{"verified", whole, pin, failure.StatusAnswered, "verified"},
		{"sealed", protocols.Verdict{Verified: true, SelfConsistent: true}, pin, failure.StatusAnswered, "verified; sealed, value not shown"},
		{"no pin", stranger, nil, failure.StatusNotPinned, "self-consistent, signers unknown"},
		{"another network", other, pin, failure.StatusRefused, "NOT verified: made in network 1, pinned is 2"},
		{"a key that is not pinned", seized, pin, failure.StatusNotPinned, "NOT verified: self-consistent, but not by the pinned keys: south (seized in block 41)"},
		{"forged", forged, pin, failure.StatusRefused, "NOT verified: the proof does not verify (department south)"},
		{"forged, no pin", forged, nil, failure.StatusRefused, "NOT verified: the proof does not verify (department south)"},
	} {
		if got := VerdictStatus(c.verdict, c.pinned); got != c.status {
			t.Errorf("%s: status %d, want %d", c.name, got, c.status)
		}
		if got := VerdictLine(c.verdict); got != c.line {
			t.Errorf("%s: %q, want %q", c.name, got, c.line)
		}
		if shown := VerdictOf(c.verdict); shown.Verified != (c.status == failure.StatusAnswered) || shown.Verified != (shown.Reason == "") &&
			c.verdict.Reason != "" {
			t.Errorf("%s: %+v", c.name, shown)
		}
	}
}

// The rounds of an answer are named, with their certificates.
func TestRoundsAreShown(t *testing.T) {
	whole := sampleAnswer()
	for i, sql := range []string{"first", "second"} {
		whole.Rounds = append(whole.Rounds, client.Round{SQL: sql, Verdict: protocols.Verdict{Certificate: engine.Digest{byte(i + 1)}}})
	}
	for i, r := range AnswerOf("", whole, "x").Rounds {
		if r.SQL != []string{"first", "second"}[i] || *r.Certificate.Path != "x" || !strings.HasPrefix(r.Certificate.Digest, []string{"01", "02"}[i]) {
			t.Errorf("round %d is %+v", i, r)
		}
	}
	if text := Provenance(whole, ""); !strings.Contains(text, "\nround 2      02") {
		t.Errorf("the rounds are shown as\n%s", text)
	}
	if AnswerOf("", sampleAnswer(), "x").Rounds != nil {
		t.Error("an answer of one round lists rounds")
	}
}

func TestAnswerAsCSV(t *testing.T) {
	quoted, figure := "a \"b\", c", "1.50"
	got := CSV(&engine.Result{Columns: []string{"name, by hand", "sum"}, Rows: [][]engine.Value{{{Text: &quoted}, {Text: &figure}}, {{}, {}}}})
	if want := "\"name, by hand\",sum\r\n\"a \"\"b\"\", c\",1.50\r\n,\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
