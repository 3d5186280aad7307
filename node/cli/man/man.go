// Package man writes the commands' manual pages from the definitions that --help prints: a page a command, in the man
// macros of roff (man(7)), which groff and mandoc read.
package man

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Status is a row of EXIT STATUS, which is the same for all commands.
type Status struct {
	Code    int
	Meaning string
}

// Write puts the pages of a command and of all below it into dir, which it makes: parley.1, parley-ledger-list.1. It returns
// how many there are. What is there under such a name is overwritten.
func Write(dir string, root *cobra.Command, statuses []Status) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	all := commands(root)
	for _, cmd := range all {
		if err := os.WriteFile(filepath.Join(dir, name(cmd)+".1"), Page(cmd, statuses), 0o644); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// commands are those that have a page: not hidden ones, nor cobra's help.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range below(cmd) {
		all = append(all, commands(sub)...)
	}
	return all
}

func below(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() || c.Name() == "help" })
}

func name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Page is one command's page. It has no date, so that a build has the same pages each time.
func Page(cmd *cobra.Command, statuses []Status) []byte {
	var b bytes.Buffer
	cmd.InitDefaultHelpFlag()
	fmt.Fprintf(&b, ".TH %s 1 \"\" Parley\n", inline(strings.ToUpper(name(cmd))))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", inline(name(cmd)), inline(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fB%s\\fR\n", inline(cmd.UseLine()))
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, cmp.Or(cmd.Long, cmd.Short))
	if subs := below(cmd); len(subs) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range subs {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR(1)\n%s\n", inline(name(sub)), inline(sub.Short))
		}
	}
	b.WriteString(".SH OPTIONS\n")
	cmd.Flags().VisitAll(func(f *pflag.Flag) { option(&b, f) })
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range statuses {
		fmt.Fprintf(&b, ".TP\n%d\n%s\n", s.Code, inline(s.Meaning))
	}
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n\\fB%s\\fR(1)\n", inline(name(cmd.Parent())))
	}
	return b.Bytes()
}

// option is a flag as --help has it.
func option(b *bytes.Buffer, f *pflag.Flag) {
	if f.Hidden {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	b.WriteString(".TP\n")
	if f.Shorthand != "" {
		fmt.Fprintf(b, "\\fB%s\\fR, ", inline("-"+f.Shorthand))
	}
	fmt.Fprintf(b, "\\fB%s\\fR", inline("--"+f.Name))
	if value != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", inline(value))
	}
	if !slices.Contains([]string{"", "false", "0", "0s", "[]"}, f.DefValue) {
		usage += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	fmt.Fprintf(b, "\n%s\n", inline(usage))
}

// paragraphs writes text as it stands: empty lines part paragraphs, and indented lines are not filled.
func paragraphs(b *bytes.Buffer, text string) {
	literal := false
	for _, line := range strings.Split(text, "\n") {
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if indented != literal && line != "" {
			b.WriteString(map[bool]string{true: ".EX\n", false: ".EE\n"}[indented])
			literal = indented
		}
		switch {
		case line == "" && !literal:
			b.WriteString(".PP\n")
		default:
			b.WriteString(inline(line) + "\n")
		}
	}
	if literal {
		b.WriteString(".EE\n")
	}
}

// escapes are the characters that roff reads as something else, or prints as a typographer would.
var escapes = map[rune]string{'\\': `\e`, '-': `\-`, '\'': `\(aq`, '"': `\(dq`, '`': `\(ga`, '^': `\(ha`, '~': `\(ti`}

// inline is text that roff prints as it is, wherever in a line it stands: one line, with no request, no escape and no
// argument's quote of its own.
func inline(text string) string {
	var b strings.Builder
	if strings.HasPrefix(text, ".") {
		b.WriteString(`\&`) // or it would be a request
	}
	for _, r := range text {
		switch escape := escapes[r]; {
		case escape != "":
			b.WriteString(escape)
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r < ' ' || r == 0x7f:
		case r > 0x7f:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
