package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/render"
)

// TestRehearsalStory: where no policy answers anybody, an analyst, and a steward who may not ask at all, try a question on
// made-up rows. The answer is marked in every form; what is missing is told beside it; nothing comes onto the ledger. From a
// file with the catalogue it is the same answer.
func TestRehearsalStory(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of its own")
	}
	t.Parallel()
	s := newRightsStory(t)
	const question = "SELECT sex, count(*), sum(wage) FROM people GROUP BY sex ORDER BY sex"
	before := s.n.Report(0).Ledger.Entries

	text := s.does("analyst", "query", "--rehearse", "--purpose", "yearly report", question)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != render.RehearsalMark || lines[len(lines)-1] != render.RehearsalMark {
		t.Errorf("the first and the last line:\n%s", text)
	}
	for _, part := range []string{" sex | count |", "a 7 made up, b 7 made up", "asked        nobody", "Not allowed", "there is no policy"} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
	for _, part := range []string{"certificate", "verified", "assurance", "sealed"} {
		if strings.Contains(text, part) {
			t.Errorf("it says %q:\n%s", part, text)
		}
	}

	var got, again, other, steward, asIt render.Rehearsal
	s.json(&got, "analyst", "query", "--rehearse", question)
	s.json(&again, "analyst", "query", "--rehearse", question)
	s.json(&other, "analyst", "query", "--rehearse", "--seed", "2", question)
	s.json(&steward, "a", "query", "--rehearse", question)
	rows := func(r render.Rehearsal) string {
		text, err := json.Marshal(r.Rows)
		nodetest.Check(t, err)
		return string(text)
	}
	if !got.Rehearsal || got.Seed != 1 || len(got.Rows) != 2 || len(got.Made) != 2 || got.Decision == nil || got.Decision.Allowed || len(got.Decision.Missing) == 0 {
		t.Errorf("%+v", got)
	}
	if rows(got) != rows(again) || rows(got) == rows(other) || rows(got) != rows(steward) || steward.Decision.Allowed {
		t.Errorf("seed 1: %s and %s; seed 2: %s; by a steward: %s", rows(got), rows(again), rows(other), rows(steward))
	}
	status, csv, errs := s.run("analyst", "query", "--rehearse", "--csv", question)
	if status != failure.StatusAnswered || !strings.HasPrefix(csv, "sex (made up),count (made up),sum (made up)\r\n") || !strings.Contains(errs, render.RehearsalMark) {
		t.Errorf("%d\n%s%s", status, csv, errs)
	}

	// A certificate there is none of, nor anything to wait for.
	for _, flag := range [][]string{{"--certificate", filepath.Join(s.dir, "x")}, {"--no-opening"}, {"--request"}, {"--wait", "1s"}, {"--deadline", "1m"}} {
		s.refuses("analyst", failure.StatusUsage, []string{"--rehearse and " + flag[0] + " exclude each other"}, slices.Concat([]string{"query", "--rehearse"}, flag, []string{question})...)
	}
	s.refuses("analyst", failure.StatusUsage, []string{"--seed is for --rehearse"}, "query", "--purpose", "x", "--seed", "3", question)
	s.refuses("analyst", failure.StatusRefused, []string{"has no column"}, "query", "--rehearse", "SELECT sum(wages) FROM people")
	if after := s.n.Report(0).Ledger.Entries; after != before {
		t.Errorf("%d entries became %d", before, after)
	}

	// Without a node, from what the catalogue prints.
	file := filepath.Join(s.dir, "catalogue.json")
	nodetest.Check(t, os.WriteFile(file, []byte(s.does("analyst", "catalog", "show", "--json", "people")), 0o600))
	var out, printed bytes.Buffer
	c := &command{out: &out, errs: &printed, progress: render.NewProgress(&printed), parameters: nodetest.Tiny}
	if status := c.run([]string{"query", "--rehearse", "--json", "--catalogue", file, question}); status != failure.StatusAnswered {
		t.Fatalf("status %d\n%s%s", status, out.String(), printed.String())
	}
	nodetest.Into(t, &out, &asIt)
	if rows(asIt) != rows(got) || asIt.Decision != nil || !asIt.Rehearsal {
		t.Errorf("from a file: %s, want %s", rows(asIt), rows(got))
	}
}
