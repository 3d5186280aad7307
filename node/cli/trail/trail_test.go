package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"parley/node/audit"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/forged"
	"parley/node/render"
)

// run is the command over a ledger, with what it prints.
func run(t *testing.T, l *forged.Ledger, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	asJSON := false
	cmd := Command(Shell{
		JSON:     &asJSON,
		JSONFlag: func(cmd *cobra.Command) { cmd.Flags().BoolVar(&asJSON, "json", false, "") },
		Print:    func(text string) error { _, err := out.WriteString(text); return err },
		PrintJSON: func(v any) error {
			text, err := render.JSON(v)
			out.WriteString(text)
			return err
		},
		When: func(_, text string, _ time.Time) (time.Time, error) {
			if text == "" {
				return time.Time{}, nil
			}
			return time.Parse(time.DateOnly, text)
		},
		Records: func(*cobra.Command) func(context.Context, string) (audit.Records, bool, error) {
			return func(_ context.Context, export string) (audit.Records, bool, error) { return l, export != "", nil }
		},
	})
	cmd.SetArgs(args)
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestTrailCommand: the same lines as text, CSV and JSON.
func TestTrailCommand(t *testing.T) {
	l := forged.Story(t)
	for _, c := range []struct{ args, want string }{
		{"--column sex --from 2026-03-11", "question by Mei of statistics: expired"},
		{"--analyst Wang --lang zh", "拒绝：civil"},
		{"--purpose =curiosity", "rule statistics is not for the purpose"},
		{"--purpose =curiosity --csv", ",'=curiosity,"},
		{"--department health --csv", ",rescission,Zhao,health,"},
		{"--report --until 2026-04-01", "names departments, not people"},
		{"--report --department health --names", "| Mei "},
		{"--report --lang zh", "# 使用情况报告"},
	} {
		if out, err := run(t, l, strings.Fields(c.args)...); err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v: %s is not in\n%s", c.args, err, c.want, out)
		}
	}
	var shown render.Trail
	out, err := run(t, l, "--json", "--table", "claims", "--column", "age", "--from", "2026-03-10", "EXPORT")
	nodetest.Check(t, err)
	nodetest.Check(t, json.Unmarshal([]byte(out), &shown))
	if len(shown.Lines) != 6 || !shown.Checked || !shown.Pinned || shown.Lines[0].Columns[0] != (audit.LineColumn{Column: "age", Role: "group"}) {
		t.Errorf("%s", out)
	}
	var report audit.Usage
	out, err = run(t, l, "--json", "--report", "--department", "civil")
	nodetest.Check(t, err)
	nodetest.Check(t, json.Unmarshal([]byte(out), &report))
	if report.Total.Asked != 6 || report.Total.Open != 1 || strings.Contains(out, "Wang") {
		t.Errorf("%s", out)
	}
}

// TestTrailFlags: what does not go together is refused, before any ledger is read.
func TestTrailFlags(t *testing.T) {
	for _, args := range []string{"--csv --json", "--report --csv", "--names", "--report --table claims", "--report --analyst Mei", "--lang de", "a b"} {
		if out, err := run(t, nil, strings.Fields(args)...); failure.Of(err).ExitStatus() != failure.StatusUsage || out != "" {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}
