// Package shadow is the command that shows a department in shadow mode what it would have sent. It reads the file that the
// node writes, whether that runs or not.
package shadow

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/render"
	"parley/node/shadow"
)

// Shell is what the command needs of the program: how it prints, and what all commands share.
type Shell struct {
	JSON      *bool // --json
	JSONFlag  func(*cobra.Command)
	Print     func(text string) error
	PrintJSON func(v any) error
	Arguments func(count int, what string) cobra.PositionalArgs
	Config    func(command, path string) (config.Config, error)
}

// Command is `parley shadow`.
func Command(s Shell) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "shadow --config node.toml",
		Short: "what a department in shadow mode would have sent, question by question",
		Long: `A department with shadow = true in its node.toml takes part in the network, and answers nothing of its own rows. Of each
question that it would have answered it writes down what it would have sent, and to whom; it sends nothing, and refuses
the question, which every other department sees (code shadow). This shows what is written, the oldest first. Setting or
removing the key takes a restart of the node.`,
		Args: s.Arguments(0, ""),
		RunE: func(*cobra.Command, []string) error { return s.show(path) },
	}
	cmd.Flags().StringVar(&path, "config", "", "the node.toml of the department's node")
	s.JSONFlag(cmd)
	return cmd
}

// shown is what --json prints. Its field names are part of the interface.
type shown struct {
	Shadow    bool            `json:"shadow"` // as node.toml says by now; the node may have been started before
	File      string          `json:"file"`
	Questions []shadow.Record `json:"questions"`
	Damaged   int             `json:"damaged,omitempty"` // lines that are no record
}

func (s Shell) show(path string) error {
	cfg, err := s.Config("shadow", path)
	if err != nil {
		return err
	}
	out := shown{Shadow: cfg.Shadow, File: filepath.Join(cfg.Dir, shadow.File), Questions: []shadow.Record{}}
	records, damaged, err := shadow.Read(cfg.Dir)
	if err != nil {
		return failure.Unreadable("shadow", out.File, err)
	}
	out.Questions, out.Damaged = append(out.Questions, records...), damaged
	if *s.JSON {
		return s.PrintJSON(out)
	}
	return s.Print(out.text())
}

func (o shown) text() string {
	var b render.Page
	if o.Shadow {
		b.Add("shadow mode", "node.toml has it on: nothing of these rows leaves")
	} else {
		b.Add("shadow mode", "node.toml has it OFF")
	}
	b.Add("questions", "%d are written down", len(o.Questions))
	if o.Damaged > 0 {
		b.Add("damaged", "%s of %s cannot be read, and what they told is lost", engine.Plural(o.Damaged, "line"), o.File)
	}
	for _, r := range o.Questions {
		b.WriteString("\n")
		add(&b, r)
	}
	return b.String()
}

// add writes one question.
func add(b *render.Page, r shadow.Record) {
	b.Add("question", "%s", r.SQL)
	if r.Question != "" {
		b.Add("round", "%d of: %s", r.Round, r.Question)
	}
	b.Add("asked", "%s, by %s", failure.Time(r.Time), strings.TrimSpace(r.Name+" "+r.Analyst))
	purpose := r.Purpose
	if r.Basis != "" {
		purpose += "; by " + r.Basis
	}
	b.Add("purpose", "%s", purpose)
	if len(r.Grants) > 0 {
		b.Add("grants", "%s", strings.Join(r.Grants, ", "))
	}
	b.Add("with", "%s, table %s", strings.Join(r.Departments, ", "), r.Table)
	b.Add("would send", "%s: %s of %s, as %s of %s, and decryption shares of %s", engine.Plural(int(r.Contribution+r.Shares), "byte"),
		engine.Plural(r.Cells, "cell"), engine.Plural(r.Groups, "group"), engine.Plural(r.Ciphertexts, "ciphertext"), count(r.Contribution), count(r.Shares))
	if r.Screening {
		b.Add("to", "the departments that are asked: it is the screening, by whose counts the rules decide what the answer shows. The answer, which comes after it, is not written down")
	}
	if len(r.Values) > 0 {
		values := strings.Join(r.Values, " ")
		if r.ValuesLeft > 0 {
			values += fmt.Sprintf(" and %d more", r.ValuesLeft)
		}
		b.Add("values", "%s", values)
	}
	b.Add("query", "%s", r.Query)
}

func count(bytes int64) string { return engine.Plural(int(bytes), "byte") }
