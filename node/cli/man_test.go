package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The lines of a page that are no text, and the escapes of those that are.
var (
	request = regexp.MustCompile(`^\.(TH [A-Z\\-]+ 1 "" Parley|SH [A-Z ]+|TP|PP|EX|EE)$`)
	escape  = regexp.MustCompile(`\\(e|-|&|f[BIR]|\([a-z]{2}|\[u[0-9A-F]{4,6}\])`)
)

// TestManual: each command has a page, which has each of its flags, and is named in the page of the command above; no line is
// a request, an escape or a hyphen that was not meant as one.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	if status := Main([]string{"man", dir}, nil, &out, &out); status != 0 {
		t.Fatal(out.String())
	}
	read := func(cmd *cobra.Command) string {
		text, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	roff := func(text string) string { return strings.ReplaceAll(text, "-", `\-`) }
	pages := 0
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		page := read(cmd)
		pages++
		for _, line := range strings.Split(page, "\n") {
			if request.MatchString(line) {
				continue
			}
			if strings.HasPrefix(line, ".") || strings.ContainsAny(escape.ReplaceAllString(line, ""), `\-'"`) {
				t.Errorf("%s has an unescaped line: %s", cmd.CommandPath(), line)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if has := strings.Contains(page, `\fB`+roff("--"+f.Name)+`\fR`); has == f.Hidden {
				t.Errorf("%s: --%s: %v", cmd.CommandPath(), f.Name, has)
			}
		})
		for _, sub := range cmd.Commands() {
			if sub.Hidden {
				continue
			}
			if name := roff(strings.ReplaceAll(sub.CommandPath(), " ", "-")); !strings.Contains(page, `\fB`+name+`\fR(1)`) {
				t.Errorf("%s does not name %s", cmd.CommandPath(), sub.CommandPath())
			}
			check(sub)
		}
	}
	check((&command{}).root())
	if files, err := os.ReadDir(dir); err != nil || len(files) < pages || pages < 20 {
		t.Errorf("%d pages for %d commands: %v", len(files), pages, err)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "parley-query.1")); err != nil || !strings.Contains(string(page), "PARLEY_NODE") {
		t.Errorf("%v in\n%s", err, page)
	}
	if _, err := os.Stat(filepath.Join(dir, "parley-man.1")); err == nil {
		t.Error("a hidden command has a page")
	}
}
