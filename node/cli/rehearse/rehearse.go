// Package rehearse tries a question on made-up rows, before anybody is asked: what it reads is the catalogue, and the
// departments' policies and grants to say what they would decide.
package rehearse

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"parley/circuits"
	"parley/datasets/standin"
	"parley/engine"
	"parley/node/cli/rights"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

// maxCatalogue bounds a file that --catalogue names.
const maxCatalogue = 64 << 20

// Flags are what `query` takes for it.
type Flags struct {
	Rehearse  bool
	Seed      uint64
	Catalogue string
}

// Add adds --rehearse, --seed and --catalogue.
func (f *Flags) Add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.Rehearse, "rehearse", false, "ask nobody: answer over made-up rows that fit what the catalogue publishes, and say what the departments would decide")
	flags.Uint64Var(&f.Seed, "seed", 1, "with --rehearse: other made-up rows for each number")
	flags.StringVar(&f.Catalogue, "catalogue", "", "with --rehearse: `FILE`, what parley catalog show --json prints, in place of --node")
}

// Check refuses flags of which one takes back the other. set says whether a flag was given.
func (f *Flags) Check(set func(name string) bool) error {
	if !f.Rehearse {
		for _, name := range []string{"seed", "catalogue"} {
			if set(name) {
				return failure.Usage("flag", "", "--%s is for --rehearse", name)
			}
		}
		return nil
	}
	for _, c := range []struct{ name, why string }{
		{"certificate", "what is made up has no certificate"}, {"no-opening", "what is made up has no certificate"},
		{"request", "a rehearsal asks for nothing: give --request in its place"}, {"wait", "nobody is asked, or waited for"}, {"deadline", "nobody is asked, or waited for"},
	} {
		if set(c.name) {
			return failure.Usage("flag", "", "--rehearse and --%s exclude each other: %s", c.name, c.why)
		}
	}
	if f.Catalogue != "" && set("node") {
		return failure.Usage("flag", "", "--catalogue and --node exclude each other")
	}
	return nil
}

// Shell is what a rehearsal needs of the program.
type Shell struct {
	JSON, CSV *bool
	Print     func(text string) error
	PrintJSON func(v any) error
	Read      func(path string, most int64) ([]byte, error)
	Dial      func(ctx context.Context, command string, w rights.Where) (*client.Client, error)
	// Step says that another step begins, Done that there is none left, Note a line beside the answer.
	Step func(format string, args ...any)
	Done func()
	Note func(format string, args ...any)
}

// Run rehearses a question.
func (s Shell) Run(ctx context.Context, f Flags, w rights.Where, q rights.Question, sql string) error {
	if err := q.CheckGiven(); err != nil {
		return err
	}
	source := func() (engine.Catalogue, engine.Packing, error) { return s.readFile(f.Catalogue) }
	var c *client.Client
	if f.Catalogue == "" {
		var err error
		if c, err = s.Dial(ctx, "query", w); err != nil {
			return err
		}
		defer c.Close()
		source = func() (engine.Catalogue, engine.Packing, error) {
			all, err := c.Catalogue(ctx)
			return all, c.Packing(), err
		}
	}
	all, packing, err := source()
	if err != nil {
		return err
	}
	session, err := protocols.NewQuestion(sql, all, q.Departments, packing)
	if err != nil {
		return about(err, sql)
	}
	var decision *render.Decision
	var rules engine.Disclosure
	if c != nil {
		decided, err := c.Decide(ctx, sql, q.Options())
		if err != nil {
			return about(err, sql)
		}
		told, err := q.Told(ctx, c, w, sql, &decided)
		if err != nil {
			return about(err, sql)
		}
		decision, rules = &told, decided.Rules
	}
	s.Step("making up rows")
	answer, err := standin.Rehearse(ctx, session, rules, f.Seed, func(round int) {
		if round > 1 {
			s.Step("rehearsing round %d", round)
		}
	})
	if err != nil {
		return about(err, sql)
	}
	s.Done()
	return s.deliver(render.RehearsalOf(sql, f.Seed, answer, decision), q.Language)
}

// deliver prints a made-up answer, marked as such.
func (s Shell) deliver(r render.Rehearsal, language string) error {
	switch {
	case *s.JSON:
		return s.PrintJSON(r)
	case *s.CSV:
		s.Note("%s", r.CSVNotes(language))
		return s.Print(r.CSV())
	}
	return s.Print(r.In(language))
}

// readFile is a catalogue as parley catalog show --json prints it, packed as the parameters default are.
func (s Shell) readFile(path string) (all engine.Catalogue, p engine.Packing, err error) {
	text, err := s.Read(path, maxCatalogue)
	if err != nil {
		return nil, p, err
	}
	bad := func(err error) error {
		return failure.Usage("catalogue", "parley catalog show --json TABLE > FILE writes one", "%s is no catalogue: %s", path, err)
	}
	var file struct {
		Tables []render.Entry `json:"tables"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, p, bad(err)
	}
	for _, e := range file.Tables {
		r, err := e.Registration()
		if err != nil {
			return nil, p, bad(err)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b engine.Registration) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Department, b.Department))
	})
	if err := all.Validate(); err != nil {
		return nil, p, bad(err)
	}
	parameters, err := circuits.Named("default")
	return all, protocols.Packing(parameters), err
}

// about is an error with the question that it is about.
func about(err error, sql string) error {
	f := failure.Of(err)
	f.SQL = sql
	return f
}
