package render

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"parley/node/failure"
)

func TestProgressInALog(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := &Progress{w: &out, clock: func() time.Time { return now }}
	p.Step("reading %s", "tables")
	p.Update("keys", 0, 3)
	now = now.Add(5 * time.Second)
	p.Update("keys", 1, 3) // too soon for another line
	now = now.Add(remindEvery)
	p.Update("keys", 2, 3)
	p.Note("a line\nof its own")
	p.Finish()
	p.Finish()
	want := "reading tables\nkeys\n  keys [################........] 2 of 3 20 s\na line\nof its own\n  took 20.0 s\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestProgressOnATerminalLeavesWholeLines(t *testing.T) {
	var out bytes.Buffer
	p := &Progress{w: &out, live: true, clock: func() time.Time { return time.Unix(0, 0) }}
	p.Update("keys", 1, 2)
	p.Note("noted")
	p.Step("asking")
	p.Finish()
	shown := out.String()
	for _, want := range []string{"keys [############............] 1 of 2 0 s", "noted\n", "keys (0.0 s)\n", "asking (0.0 s)\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in %q", want, shown)
		}
	}
	if !strings.HasSuffix(shown, "\n") {
		t.Errorf("the cursor is left in a line: %q", shown)
	}
}

func TestNoProgressSaysNothing(t *testing.T) {
	var p *Progress
	p.Step("x")
	p.Update("x", 1, 2)
	p.Note("x")
	p.Finish()
}

// TestProgressIsNarrow: a line is never wider than 80 columns, whatever is done.
func TestProgressIsNarrow(t *testing.T) {
	for _, live := range []bool{false, true} {
		for _, label := range []string{"re-encrypting to the analyst and proving", strings.Repeat("waiting for 无锡 ", 3), strings.Repeat("waiting for wuxi; ", 20)} {
			var out bytes.Buffer
			now := time.Unix(0, 0)
			p := &Progress{w: &out, live: live, clock: func() time.Time { return now }}
			p.Update(label, 0, 123456)
			for _, total := range []int{123456, 0} {
				now = now.Add(time.Hour)
				p.Update(label, 123455, total)
			}
			if live {
				close(p.stop) // its last line stays, and may wrap
			}
			for line := range strings.FieldsFuncSeq(strings.ReplaceAll(out.String(), "\x1b[K", ""), func(r rune) bool { return r == '\r' || r == '\n' }) {
				if failure.DisplayWidth(line) > Width || strings.HasPrefix(line, "  ") && !strings.Contains(line, "00 s") {
					t.Errorf("%d columns: %q", failure.DisplayWidth(line), line)
				}
			}
		}
	}
}
