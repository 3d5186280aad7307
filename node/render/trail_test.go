package render

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"parley/node/audit"
	"parley/node/nodetest"
	"parley/node/nodetest/forged"
)

// storyTrail is that of a forged quarter: whole, and as a report sees it.
func storyTrail(t *testing.T, until time.Time) *audit.Trail {
	t.Helper()
	trail, err := audit.ReadTrail(t.Context(), forged.Story(t), until)
	nodetest.Check(t, err)
	return trail
}

func TestTrailText(t *testing.T) {
	trail := storyTrail(t, time.Time{})
	for _, language := range []string{"en", "zh"} {
		out := Trail{Network: trail.Network, Block: trail.Block, Time: trail.Time, Lines: trail.Lines, Pinned: language == "zh", Checked: language == "zh"}
		nodetest.Golden(t, "trail_"+language, out.Text(language), trail.Network)
	}
}

// TestTrailPolicyShowsRules: two versions of a policy that differ in what answers may show differ in a trail.
func TestTrailPolicyShowsRules(t *testing.T) {
	line := &audit.Line{Kind: audit.LinePolicy, Table: "claims", Version: 2, Text: "cost", Disclosure: []string{"count = 10", "dominance = [2, 0.9]"}}
	out := Trail{Lines: []*audit.Line{line}}
	for language, part := range map[string]string{"en": "what answers may show: count = 10, dominance = [2, 0.9]", "zh": "答复可显示的内容：count = 10、dominance = [2, 0.9]"} {
		if text := out.Text(language); !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
	if text := out.CSV(); !strings.Contains(text, ",disclosure\r\n") || !strings.Contains(text, `"count = 10; dominance = [2, 0.9]"`) {
		t.Error(text)
	}
}

// TestTrailCSV: a CSV of other people's words computes nothing where it is opened, and is read back as it was.
func TestTrailCSV(t *testing.T) {
	trail := storyTrail(t, time.Time{})
	out := Trail{Lines: trail.Lines}
	text := out.CSV()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	nodetest.Check(t, err)
	if len(rows) != len(trail.Lines)+1 || !strings.Contains(text, "\r\n") {
		t.Errorf("%d rows of %d lines", len(rows), len(trail.Lines))
	}
	curious := false
	for _, row := range rows[1:] {
		if at, err := time.Parse(time.RFC3339, row[0]); err != nil || at.Location() != time.UTC {
			t.Errorf("%s: %v", row[0], err)
		}
		for i, field := range row {
			if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r") {
				t.Errorf("%s is a formula: %s", rows[0][i], field)
			}
			curious = curious || rows[0][i] == "purposes" && field == "'=curiosity"
		}
	}
	if !curious {
		t.Error("the purpose =curiosity is not there")
	}
	for text, want := range map[string]string{"-1": "'-1", "@x": "'@x", "＝1": "'＝1", "\t=1": `\t=1`, "a=1": "a=1", "": "", "+\r\n": `'+\u000d\n`} {
		if got := spreadsheet(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// TestUsageReport: in both languages, and no name of a person unless it is asked for.
func TestUsageReport(t *testing.T) {
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	trail := storyTrail(t, until)
	for _, language := range []string{"en", "zh"} {
		for _, names := range []bool{false, true} {
			u, err := trail.Usage(audit.UsageFilter{From: from, Until: until, Names: names})
			nodetest.Check(t, err)
			text := Usage(u, names, language)
			name := "usage_" + language
			if names {
				name = "usage_names_" + language
			}
			nodetest.Golden(t, name, text, "。") // Chinese is not folded
			if got := strings.Contains(text, "Mei") || strings.Contains(text, "Wang") || strings.Contains(text, "Chen"); got != names {
				t.Errorf("%s: persons are named: %v", name, got)
			}
		}
	}
	u, err := storyTrail(t, from).Usage(audit.UsageFilter{Until: from})
	nodetest.Check(t, err)
	if text := Usage(u, false, "en"); strings.Count(text, "None.") != 4 {
		t.Errorf("nothing was asked:\n%s", text)
	}
}

// TestUsageMarkup: names of others make no markup, and no second cell or line.
func TestUsageMarkup(t *testing.T) {
	u := &audit.Usage{Department: "a\n# b", Uses: []audit.TableUsage{{Table: "x|y", Purpose: "<script>", Analysts: "[a](b) `c` *d*"}}}
	text := Usage(u, false, "en")
	for _, want := range []string{`rows of a\\n\# b` + "\n", `| x\|y `, `\<script\>`, "\\[a\\](b) \\`c\\` \\*d\\*"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}
