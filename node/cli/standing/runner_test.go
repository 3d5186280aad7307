package standing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/standing"
	"parley/node/client"
	"parley/node/disk"
	"parley/node/failure"
	"parley/protocols"
)

// world is a network that answers as a test wants, and a clock that stands still between steps.
type world struct {
	t      *testing.T
	dir    string
	now    time.Time
	log    bytes.Buffer
	pinned *protocols.Network
	keep   int

	dialing, asking error
	late            bool // the error comes after departments have shared
	verified        bool
	count           int64 // that the next answer shows
	asked           int
	dials           int
	saying          func(a *protocols.Alert) error
	said            []protocols.Alert
	during          func() // while a question is asked
}

func newWorld(t *testing.T) *world {
	return &world{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), keep: 100, verified: true, count: 130}
}

func (w *world) Ask(_ context.Context, _ string, o client.AskOptions) (*client.Answer, error) {
	w.asked++
	if w.during != nil {
		w.during()
	}
	if o.Purpose != "poverty relapse" {
		w.t.Errorf("asked for %q", o.Purpose)
	}
	if w.late {
		o.Progress(client.Step{Name: "shared"})
	}
	if w.asking != nil {
		return nil, w.asking
	}
	text := fmt.Sprint(w.count)
	return &client.Answer{Query: engine.Hash("query", []byte{byte(w.asked)}), Certificate: []byte(text),
		Result:  &engine.Result{Columns: []string{"n"}, Kinds: []engine.Kind{engine.Integer}, Rows: [][]engine.Value{{{Text: &text, Exact: &text}}}},
		Verdict: protocols.Verdict{Verified: w.verified, ValueShown: true}}, nil
}

func (w *world) Say(_ context.Context, of func(*protocols.State) (protocols.Body, error)) error {
	body, err := of(nil)
	if err != nil {
		return err
	}
	a := body.(*protocols.Alert)
	if w.saying != nil {
		if err := w.saying(a); err != nil {
			return err
		}
	}
	w.said = append(w.said, *a)
	return nil
}

func (w *world) Close() error { return nil }

const daily = `name = "relapse"
sql = "SELECT count(*) AS n FROM claims"
purpose = "poverty relapse"
every = "24h"
[[alert]]
column = "n"
above = 120
[[alert]]
name = "rising"
column = "n"
rises = 5
`

// start is a runner over the world's folder, as after a restart.
func (w *world) start() *runner {
	w.t.Helper()
	q, err := standing.Parse("relapse.toml", []byte(daily))
	if err != nil {
		w.t.Fatal(err)
	}
	r := &runner{questions: []*standing.Question{q}, store: store{w.dir}, keep: w.keep, pinned: w.pinned, log: slog.New(slog.NewTextHandler(&w.log, nil)),
		now: func() time.Time { return w.now }, pause: func(_ context.Context, d time.Duration) { w.now = w.now.Add(d) },
		dial: func(context.Context) (asker, error) {
			if w.dials++; w.dialing != nil {
				return nil, w.dialing
			}
			return w, nil
		},
		told: func(_ context.Context, _ asker, _ *standing.Question, err error) *failure.Failure {
			return failure.Of(err)
		}}
	if err := r.load(); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) turn(r *runner) record {
	w.t.Helper()
	if err := r.turn(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return *r.records["relapse"]
}

// TestOncePerSlot: a question is asked once for each slot, also over restarts, and once for all that were missed.
func TestOncePerSlot(t *testing.T) {
	w := newWorld(t)
	r := w.start()
	if kept := w.turn(r); w.asked != 1 || kept.Outcome != answered || len(w.said) != 1 {
		t.Fatalf("%d asked, %+v, %v", w.asked, kept, w.said)
	}
	w.turn(r)
	w.turn(w.start())
	w.now = w.now.Add(time.Hour)
	w.turn(w.start())
	if w.asked != 1 {
		t.Fatalf("asked %d times for one slot", w.asked)
	}
	w.now, w.count = w.now.Add(5*24*time.Hour), 136
	r = w.start()
	w.turn(r)
	w.turn(r)
	if w.asked != 2 || len(w.said) != 3 {
		t.Fatalf("after five days asked %d times, alerts %v", w.asked, w.said)
	}
	if a := w.said[2]; a.Name != "rising" || a.Rule != "n rises by more than 5" || a.Found != "136, was 130" || a.Query != engine.Hash("query", []byte{2}) {
		t.Errorf("%+v", a)
	}
}

// TestStoppedWhileAsking: what was stopped while it was asked is not asked again for its slot.
func TestStoppedWhileAsking(t *testing.T) {
	w := newWorld(t)
	var after *runner
	w.during = func() {
		w.during = nil
		after = w.start()
	}
	w.turn(w.start())
	if kept := w.turn(after); w.asked != 1 || kept.Outcome != failed || !strings.Contains(kept.Said, "stopped") {
		t.Errorf("%d asked, %+v", w.asked, kept)
	}
}

// TestUnavailable: a network that is not there is tried again within the slot, later each time; but not once
// departments have shared, for then a use is taken.
func TestUnavailable(t *testing.T) {
	for name, set := range map[string]func(w *world, err error){
		"dial": func(w *world, err error) { w.dialing = err },
		"ask":  func(w *world, err error) { w.asking = err },
	} {
		w := newWorld(t)
		set(w, &client.QueryError{Code: "unavailable", Sentence: "nobody is there"})
		r := w.start()
		began := w.now
		for range 4 {
			kept := w.turn(r)
			if kept.Outcome != waiting || !kept.Slot.IsZero() || kept.Said != "nobody is there" {
				t.Fatalf("%s: %+v", name, kept)
			}
			before := w.dials
			if w.turn(r); w.dials != before {
				t.Fatalf("%s: tried again at once", name)
			}
			for w.now.Before(r.tries["relapse"].at) {
				r.pause(t.Context(), r.untilNext())
			}
		}
		if waited := w.now.Sub(began); waited < 15*firstPause || waited > 24*time.Hour {
			t.Errorf("%s: four tries in %s", name, waited)
		}
		set(w, nil)
		if kept := w.turn(w.start()); kept.Outcome != answered || len(w.said) != 1 { // a restart tries at once
			t.Errorf("%s: %+v", name, kept)
		}
	}
	w := newWorld(t)
	w.asking, w.late = &client.QueryError{Code: "unavailable", Sentence: "gone in the second round"}, true
	r := w.start()
	if kept := w.turn(r); kept.Outcome != failed || kept.Slot.IsZero() {
		t.Errorf("%+v", kept)
	}
	w.now = w.now.Add(time.Hour)
	if w.turn(w.start()); w.asked != 1 {
		t.Error("asked again though a use was taken")
	}
}

// TestWrongCall: what no waiting mends ends the runner at once.
func TestWrongCall(t *testing.T) {
	w := newWorld(t)
	w.dialing = failure.Usage("flag", "", "--node is missing")
	if err := w.start().run(t.Context()); err == nil || w.dials != 1 {
		t.Errorf("%v after %d tries", err, w.dials)
	}
}

// TestRefusal: a refusal is told whole, and the question is asked again at its next slot only.
func TestRefusal(t *testing.T) {
	w := newWorld(t)
	w.asking = &client.QueryError{Code: protocols.CodePolicy, Sentence: "north: the grant is used up", Hint: "ask for it"}
	r := w.start()
	kept := w.turn(r)
	if kept.Outcome != refused || kept.Said != "north: the grant is used up\nask for it" || !strings.Contains(w.log.String(), "the grant is used up") {
		t.Errorf("%+v\n%s", kept, w.log.String())
	}
	w.now = w.now.Add(time.Hour)
	w.turn(r)
	w.turn(w.start())
	if w.asked != 1 {
		t.Errorf("asked %d times", w.asked)
	}
	w.now = w.now.Add(24 * time.Hour)
	if w.turn(r); w.asked != 2 {
		t.Errorf("asked %d times in two slots", w.asked)
	}
}

// TestAlertsAreSaid: an alert waits for the ledger, over restarts and failures, until it stands there; one that
// stands there is no error, and one that the ledger refuses is told.
func TestAlertsAreSaid(t *testing.T) {
	w := newWorld(t)
	w.saying = func(*protocols.Alert) error { return &client.QueryError{Code: "unavailable", Sentence: "gone"} }
	r := w.start()
	if kept := w.turn(r); len(kept.Pending) != 1 || kept.Outcome != answered {
		t.Fatalf("%+v", kept)
	}
	w.saying = func(*protocols.Alert) error {
		return &client.QueryError{Code: "duplicate", Sentence: "was raised before"}
	}
	if kept := w.turn(w.start()); kept.Pending != nil || len(kept.Raised) != 1 || w.asked != 1 {
		t.Errorf("%+v", kept)
	}
	w.now = w.now.Add(24 * time.Hour)
	w.saying = func(*protocols.Alert) error { return &client.QueryError{Code: "not-vouched", Sentence: "revoked"} }
	if kept := w.turn(r); kept.Pending != nil || kept.Raised != nil || !strings.Contains(kept.Said, "revoked") || w.asked != 2 {
		t.Errorf("%+v", kept)
	}
	if len(w.said) != 0 {
		t.Errorf("%v", w.said)
	}
}

// TestUnverified: an answer that is not verified against the pinned description raises no alert, and is kept.
func TestUnverified(t *testing.T) {
	w := newWorld(t)
	w.pinned, w.verified = &protocols.Network{}, false
	kept := w.turn(w.start())
	if kept.Outcome != failed || len(w.said) != 0 || kept.Pending != nil || kept.Figures != nil {
		t.Errorf("%+v", kept)
	}
	if _, err := os.Stat(kept.Certificate); err != nil {
		t.Error(err)
	}
}

// TestKept: files are this user's alone, so many certificates are kept, and a state that cannot be read is an error.
func TestKept(t *testing.T) {
	w := newWorld(t)
	w.keep = 3
	for range 5 {
		w.turn(w.start())
		w.now = w.now.Add(24 * time.Hour)
	}
	folder := filepath.Join(w.dir, "relapse")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != disk.FileMode {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
		names = append(names, e.Name())
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != disk.DirMode {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if want := []string{"20260303T000000Z.certificate", "20260304T000000Z.certificate", "20260305T000000Z.certificate", "state.json"}; !slices.Equal(names, want) {
		t.Errorf("%s", names)
	}
	all, err := store{w.dir}.all()
	if err != nil || len(all) != 1 || !strings.Contains(told(all), "answered") {
		t.Errorf("%v, %v", all, err)
	}
	if err := os.WriteFile(filepath.Join(folder, stateFile), []byte("{"), disk.FileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := (store{w.dir}).load("relapse"); err == nil {
		t.Error("half a state is read")
	}
}

// TestRunEnds: the loop asks at each slot until its context ends.
func TestRunEnds(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.during = func() {
		if w.asked == 3 {
			cancel()
		}
	}
	began := w.now
	if err := w.start().run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if w.asked != 3 || w.now.Sub(began) < 38*time.Hour || w.now.Sub(began) > 40*time.Hour {
		t.Errorf("asked %d times in %s", w.asked, w.now.Sub(began))
	}
}

// TestLimitsAgree: what a file may say, the ledger takes.
func TestLimitsAgree(t *testing.T) {
	if standing.MaxAlerts != protocols.MaxAlertsOfQuery || standing.MaxNameBytes != protocols.MaxNameBytes || standing.MaxTextBytes != protocols.MaxAlertText {
		t.Error("a file may say more than the ledger takes, or less")
	}
}
