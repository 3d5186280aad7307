package man

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// control are the lines that a page may have besides text.
var control = regexp.MustCompile(`^\.(TH [A-Z\\-]+ 1 "" Parley|SH [A-Z ]+|TP|PP|EX|EE)$`)

// escape is each that a page may have.
var escape = regexp.MustCompile(`\\(e|-|&|f[BIR]|\((aq|dq|ga|ha|ti)|\[u[0-9A-F]{4,6}\])`)

// unescaped says which of a page's lines roff would not print as they are meant.
func unescaped(page string) []string {
	var bad []string
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, ".") && control.MatchString(line) {
			continue
		}
		rest := escape.ReplaceAllString(line, "")
		if strings.HasPrefix(line, ".") || strings.ContainsAny(rest, "\\-'\"`^~") || strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r > '~' }) {
			bad = append(bad, line)
		}
	}
	return bad
}

// TestHostileText: whatever a definition says is printed, and none of it is a request, an escape or a hyphen that is no minus.
func TestHostileText(t *testing.T) {
	root := &cobra.Command{Use: "parley", Short: "x", Run: func(*cobra.Command, []string) {}}
	cmd := &cobra.Command{Use: "a-b FILE \"'", Short: ".so /etc/passwd", Run: root.Run,
		Long: ".SH FORGED\n'br\n\\fBback\\slash --flag 南 \"…\" `^~`\n\n  .TP\n  'literal\\\n\x1b[31m\nend"}
	cmd.Flags().String("n.a-me", `.de\fault`, ".sh `TYPE` 'of' \\it\n.SH FORGED")
	root.AddCommand(cmd)
	page := string(Page(cmd, []Status{{0, ".'\\-"}}))
	if bad := unescaped(page); len(bad) > 0 {
		t.Errorf("%q in\n%s", bad, page)
	}
	for _, want := range []string{"\n\\&.SH FORGED\n", "\n\\(aqbr\n", "\n\\efBback\\eslash \\-\\-flag \\[u5357] \\(dq\\[u2026]\\(dq \\(ga\\(ha\\(ti\\(ga\n.PP\n.EX\n  .TP\n  \\(aqliteral\\e\n.EE\n[31m\nend\n",
		"\n.TP\n\\fB\\-\\-n.a\\-me\\fR \\fITYPE\\fR\n\\&.sh TYPE \\(aqof\\(aq \\eit .SH FORGED (default .de\\efault)\n", ".TH PARLEY\\-A\\-B 1"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if strings.Count(page, "\n.SH ") != 6 {
		t.Errorf("sections were forged:\n%s", page)
	}
}

// TestWrite: a page for each command that has one, readable by all.
func TestWrite(t *testing.T) {
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "parley", Run: run}
	ledger := &cobra.Command{Use: "ledger", Run: run}
	ledger.AddCommand(&cobra.Command{Use: "list", Run: run}, &cobra.Command{Use: "secret", Run: run, Hidden: true})
	root.AddCommand(ledger)
	dir := filepath.Join(t.TempDir(), "share", "man1")
	n, err := Write(dir, root, nil)
	if err != nil || n != 3 {
		t.Fatalf("%d pages: %v", n, err)
	}
	for _, page := range []string{"parley.1", "parley-ledger.1", "parley-ledger-list.1"} {
		if info, err := os.Stat(filepath.Join(dir, page)); err != nil || info.Mode().Perm()&0o044 != 0o044 {
			t.Errorf("%s: %v %v", page, info, err)
		}
	}
	if _, err := Write(filepath.Join(dir, "parley.1"), root, nil); err == nil {
		t.Error("a file is no folder")
	}
}
