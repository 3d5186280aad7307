package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/analyst"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/render"
	"parley/protocols"
)

// TestDeliver: an answer is printed, and its certificate kept, also where it cannot be written to
// the place that was named; and beside it what it names and does not hold, where verify finds it by digest.
func TestDeliver(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	text := "42"
	vector, product := []byte("a vector"), []byte("a product")
	answer := &client.Answer{Certificate: []byte("certificate"), Attached: map[engine.Digest][]byte{protocols.BlobDigest(vector): vector, protocols.BlobDigest(product): product}, Verdict: protocols.Verdict{Verified: true, Certificate: engine.Digest{0xab}},
		Plan:   &engine.Plan{},
		Result: &engine.Result{Columns: []string{"count"}, Kinds: []engine.Kind{engine.Integer}, Rows: [][]engine.Value{{{Text: &text, Exact: &text}}}}}
	good, gone := filepath.Join(t.TempDir(), "c"), filepath.Join(t.TempDir(), "gone", "c")
	kept := filepath.Join(os.TempDir(), "parley-ab0000000000.certificate")
	for _, tc := range []struct {
		path, kept string
		status     int
	}{{good, good, failure.StatusAnswered}, {gone, kept, failure.StatusRefused}} {
		for _, asJSON := range []bool{false, true} {
			var out, errs, notes bytes.Buffer
			c := &command{out: &out, errs: &errs, progress: render.NewProgress(&notes), json: asJSON}
			err := c.deliver("SELECT count(*) FROM t", answer, []render.Keys{{Department: "north", Table: "tax", Column: "id", Spine: "register", Keys: 5, Unplaced: 2, WithoutKey: 3}}, tc.path, "")
			if exitOf(err) != tc.status || !strings.Contains(out.String(), text) || !strings.Contains(out.String(), tc.kept) {
				t.Errorf("%s: %v\n%s", tc.path, err, &out)
			}
			if asJSON && (!json.Valid(out.Bytes()) || !strings.Contains(strings.Join(strings.Fields(out.String()), ""), `"unplaced":2,"unusable":0,"withoutKey":3}`)) {
				t.Errorf("not one object, or without keys: %s", &out)
			}
			if !strings.Contains(notes.String(), "2 of 5 keys of tax (north)") || !strings.Contains(notes.String(), "no key (NULL), 3") {
				t.Errorf("standard error: %s", &notes)
			}
			if tc.status != failure.StatusAnswered && !strings.Contains(errs.String(), tc.kept) {
				t.Errorf("standard error does not say where the certificate is: %s", &errs)
			}
			if raw, err := os.ReadFile(tc.kept); err != nil || string(raw) != "certificate" {
				t.Errorf("%s: %q %v", tc.kept, raw, err)
			}
			beside := analyst.AttachedTo(tc.kept)
			if v, p := beside(protocols.BlobDigest(vector)), beside(protocols.BlobDigest(product)); !bytes.Equal(v, vector) || !bytes.Equal(p, product) || beside(engine.Digest{}) != nil {
				t.Errorf("beside %s stand %q and %q", tc.kept, v, p)
			}
			nodetest.Check(t, os.Remove(tc.kept))
			nodetest.Check(t, os.RemoveAll(analyst.AttachedFolder(tc.kept)))
		}
	}
}

// TestAdviceToPin: who asked, or verifies, without a description is told which file it is and whose, beside the answer; and
// nobody else.
func TestAdviceToPin(t *testing.T) {
	text := "42"
	for _, tc := range []struct {
		verdict protocols.Verdict
		told    bool
	}{
		{protocols.Verdict{SelfConsistent: true, Reason: protocols.ReasonUnknownSigners}, true},
		{protocols.Verdict{SelfConsistent: true, OtherKeys: true, Reason: protocols.ReasonOtherKeys}, false},
		{protocols.Verdict{SelfConsistent: true, Verified: true}, false},
		{protocols.Verdict{Reason: "anchor: it has no receipt"}, false},
	} {
		for _, asJSON := range []bool{false, true} {
			var out, errs bytes.Buffer
			c := &command{out: &out, errs: &errs, progress: render.NewProgress(&errs), json: asJSON}
			err := c.deliver("SELECT count(*) FROM t", &client.Answer{Verdict: tc.verdict, Plan: &engine.Plan{},
				Result: &engine.Result{Columns: []string{"count"}, Kinds: []engine.Kind{engine.Integer}, Rows: [][]engine.Value{{{Text: &text, Exact: &text}}}}}, nil, "", "")
			nodetest.Check(t, err)
			if told := strings.Contains(errs.String(), "--network FILE pins them: the network.json"); told != tc.told || strings.Contains(out.String(), "pins them") {
				t.Errorf("%q: %s", tc.verdict.Reason, &errs)
			}
		}
	}
}

// TestTargets: a certificate's file that could not be written is refused before anything is asked.
func TestTargets(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	nodetest.Check(t, os.WriteFile(file, []byte("old"), 0o600))
	for path, fine := range map[string]bool{"": true, file: true, filepath.Join(dir, "new"): true, dir: false, filepath.Join(dir, "none", "c"): false, filepath.Join(file, "c"): false} {
		if err := checkTarget(path); (err == nil) != fine {
			t.Errorf("%q: %v", path, err)
		}
	}
	if os.Geteuid() != 0 {
		nodetest.Check(t, os.Chmod(dir, 0o500))
		if checkTarget(filepath.Join(dir, "new")) == nil {
			t.Error("a folder that cannot be written to is taken")
		}
	}
	left, err := os.ReadDir(dir)
	nodetest.Check(t, err)
	if old, err := os.ReadFile(file); len(left) != 1 || err != nil || string(old) != "old" {
		t.Errorf("the look left %v, %q", left, old)
	}
}

// TestDeliverCSV: standard output has the rows alone, and the verdict is told beside it.
func TestDeliverCSV(t *testing.T) {
	text := "42"
	answer := &client.Answer{Verdict: protocols.Verdict{Verified: true}, Plan: &engine.Plan{},
		Result: &engine.Result{Columns: []string{"count"}, Rows: [][]engine.Value{{{Text: &text, Exact: &text}}}}}
	var out, errs bytes.Buffer
	c := &command{out: &out, errs: &errs, progress: render.NewProgress(&errs), csv: true}
	if err := c.deliver("SELECT count(*) FROM t", answer, nil, "", ""); err != nil || out.String() != "count\r\n42\r\n" || !strings.Contains(errs.String(), "certificate  verified") {
		t.Errorf("%v\n%q\n%s", err, &out, &errs)
	}
	if status := Main([]string{"query", "--csv", "--json", "SELECT 1"}, nil, io.Discard, io.Discard); status != failure.StatusUsage {
		t.Errorf("--csv and --json at once: status %d", status)
	}
}
