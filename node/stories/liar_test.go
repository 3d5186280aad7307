//go:build liar

package stories

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"parley/protocols/liar"
)

// TestLiarDemo tells every lie with real processes, but for those that have no place in the demo: no question is answered, and the liar is
// named.
func TestLiarDemo(t *testing.T) {
	binary := parley(t)
	kinds, err := exec.Command(binary, "demo", "--lie", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range strings.Fields(string(kinds)) {
		t.Run(kind, func(t *testing.T) {
			if liar.Kind(kind).Screening() { // TestLies has them told
				out, err := exec.Command(binary, "demo", "--lie", "department=2,kind="+kind).CombinedOutput()
				var ended *exec.ExitError
				if !errors.As(err, &ended) || ended.ExitCode() != 2 || !strings.Contains(string(out), "no rules that go by counts") {
					t.Errorf("%v\n%s", err, out)
				}
				return
			}
			deadline := "120s" // a lie that is found out ends the question long before
			if kind == "hang" {
				deadline = "15s"
			}
			cmd := exec.Command(binary, "demo", "--json", "--persons", "300", "--deadline", deadline, "--lie", "department=2,kind="+kind)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
				t.Fatalf("exit status %d, %v\n%s\n%s", cmd.ProcessState.ExitCode(), err, &out, &errs)
			}
			type failure struct {
				Department  string   `json:"department"`
				Departments []string `json:"departments"`
			}
			var demo struct {
				Queries []struct {
					Rows  [][]*string `json:"rows"`
					Error *failure    `json:"error"`
				} `json:"queries"`
				Error *failure `json:"error"`
			}
			if err := json.Unmarshal(out.Bytes(), &demo); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			named := func(f *failure) bool {
				return f != nil && (f.Department == "suzhou" || strings.Contains(strings.Join(f.Departments, " "), "suzhou"))
			}
			liar := named(demo.Error)
			for i, q := range demo.Queries {
				if len(q.Rows) > 0 || q.Error == nil {
					t.Errorf("question %d was answered", i+1)
				}
				liar = liar || named(q.Error)
			}
			if !liar {
				t.Errorf("the liar is not named:\n%s", &out)
			}
		})
	}
}
