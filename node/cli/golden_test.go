package cli

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/machine"
	"parley/node/nodetest"
	"parley/node/render"
	"parley/protocols"
)

// slowDoor answers every question the same, and takes its time.
type slowDoor struct {
	client.Asker
	answer *client.Answer
}

func (d slowDoor) Ask(_ context.Context, _ string, o client.AskOptions) (*client.Answer, error) {
	time.Sleep(300 * time.Millisecond)
	for _, name := range []string{"asked", "admitted", "contributed", "attested", "shared"} {
		for done := range 3 {
			o.Progress(client.Step{Name: name, Done: done + 1, Total: 3})
		}
		if name != "admitted" && name != "attested" {
			time.Sleep(400 * time.Millisecond)
			continue
		}
		for done := range 4 {
			time.Sleep(8 * time.Second)
			o.Progress(client.Step{Name: client.StepProving, Done: 3 * (done + 1), Total: 12})
		}
	}
	o.Progress(client.Step{Name: client.StepWaiting, Absent: []client.Absent{{Name: "wuxi", For: 2 * time.Minute}}})
	time.Sleep(3 * time.Second)
	o.Progress(client.Step{Name: client.StepWaiting})
	o.Progress(client.Step{Name: "verified"})
	return d.answer, nil
}

// provinces is an answer to the demo's last question.
func provinces() *client.Answer {
	value := func(text string) engine.Value { return engine.Value{Text: &text, Exact: &text} }
	result := &engine.Result{Columns: []string{"home_province", "newcomers", "mean_household"}, Kinds: []engine.Kind{engine.Text, engine.Integer, engine.Decimal},
		Rows: [][]engine.Value{{value("Guangdong"), value("482"), value("3.4004149377593361")}, {value("Henan"), value("400"), value("3.2700000000000000")}}}
	return &client.Answer{Plan: &engine.Plan{}, Result: result, Query: engine.Digest{0xd8}, Assurance: "sealed", Parameters: "light",
		Verdict: protocols.Verdict{Verified: true, Pinned: true, SelfConsistent: true, DevelopmentKeys: true, ValueShown: true, Certificate: engine.Digest{0xa6},
			Block: 85, Time: time.Date(2026, 11, 29, 10, 46, 21, 0, time.UTC)},
		Departments: []client.DepartmentStatus{{Name: "nanjing", Status: "contributed"}, {Name: "suzhou", Status: "contributed"}, {Name: "wuxi", Status: "contributed"}},
		Seconds:     machine.Seconds{Total: 13.1, Proving: 11.6, Verifying: 0.26}, CPUSeconds: 14.1}
}

// TestQueryGolden: what `query` prints where no terminal is: its progress, and the answer.
func TestQueryGolden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := &command{out: &out, errs: &out, progress: render.NewProgress(&out)}
		answer, err := c.ask(t.Context(), slowDoor{answer: provinces()}, demoQuestions[len(demoQuestions)-1].SQL, client.AskOptions{})
		nodetest.Check(t, err)
		nodetest.Check(t, c.deliver(demoQuestions[len(demoQuestions)-1].SQL, answer, nil, "", ""))
		nodetest.Golden(t, "query", out.String())
	})
}

// TestDemoGolden: what `demo` prints, with each of its questions and one answer.
func TestDemoGolden(t *testing.T) {
	at := time.Date(2026, 11, 29, 10, 46, 9, 0, time.UTC)
	text := ""
	for i := range demoQuestions {
		text += demoHeading(i)
	}
	text += demoText(provinces(), provinces().Result, true, "/tmp/parley-demo/certificate-5")
	text += demoLedger([]audit.Event{
		{Block: 70, Time: at, Author: "12D3KooWzaf8ed2d", Peer: "12D3KooWzaf8ed2d", Kind: protocols.KindAsk.String(), What: "asks: " + strings.Join(strings.Fields(demoQuestions[len(demoQuestions)-1].SQL), " ")},
		{Block: 83, Time: at.Add(12074 * time.Millisecond), Author: "nanjing", Peer: "12D3KooWnanjing1", What: "commits to 1 decryption share with proofs"},
	})
	nodetest.Golden(t, "demo", text)
	if text := demoText(provinces(), provinces().Result, false, ""); !strings.Contains(text, "NOT EQUAL") || strings.Contains(text, "every digit") {
		t.Error(text)
	}
}

// TestTimesAreUTC: the times in a log and in all other text, where the machine's clock is another
// zone's, and that --since takes what is printed.
func TestTimesAreUTC(t *testing.T) {
	at := time.Date(2026, 11, 29, 1, 2, 3, 0, time.FixedZone("east", 8*3600))
	var log bytes.Buffer
	logger := logTo(&log, slog.LevelInfo)
	nodetest.Check(t, logger.Handler().Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "said", 0)))
	logger.Info("said", "started", at)
	if text := log.String(); !strings.HasPrefix(text, "time=2026-11-28T17:02:03.000Z ") || !strings.HasSuffix(text, " started=2026-11-28T17:02:03.000Z\n") {
		t.Error(text)
	}
	printed := failure.Time(at)
	if printed != "2026-11-28 17:02:03 UTC" {
		t.Error(printed)
	}
	if read, err := parseWhen("since", printed, at); err != nil || !read.Equal(at) {
		t.Errorf("%s %v", read, err)
	}
	head := headText(&audit.Head{Time: at})
	checked := checkedText(&audit.Checked{Genesis: "00", Time: &at})
	described := (&describedJSON{Time: at}).text()
	for _, text := range []string{head, checked, described} {
		if !strings.Contains(text, " of "+printed) {
			t.Error(text)
		}
		nodetest.Narrow(t, "a time", text)
	}
}

// TestDemoNext: what is said to try next, after a demo that left nothing and after one that left its
// folder; that the commands work is shown by stories/testdata/script/heavy_demo.txtar.
func TestDemoNext(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp")
	nodetest.Golden(t, "demo-next", demoNext("go run .", ""))
	nodetest.Golden(t, "demo-next-kept", demoNext("parley", "a folder"))
}
