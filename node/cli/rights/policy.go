package rights

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

func (s Shell) policy() *cobra.Command {
	return s.group("policy", "what the departments answer, to whom and for what: check, publish, show and test policies",
		`A department answers nobody about a table until a steward publishes a policy of it. A policy is a file that says who may ask, which
columns in which role, which functions, for which purposes.

  parley policy check claims.toml
  parley policy check --node MULTIADDR --identity FILE claims.toml
  parley policy test --node MULTIADDR --identity FILE claims.toml
  parley policy publish --node MULTIADDR --identity FILE claims.toml
  parley policy show --node MULTIADDR --identity FILE --table claims`,
		s.check(), s.publish(), s.show(), s.test())
}

// read reads a policy file, with all that is wrong with it.
func (s Shell) read(path string) (*policy.File, error) {
	text, err := s.Read(path, policy.MaxDocumentBytes)
	if err != nil {
		return nil, err
	}
	file, err := policy.Parse(path, text)
	if err == nil {
		err = file.Ended(time.Now())
	}
	return file, complaints(err)
}

// complaints are the problems of a policy file as one failure.
func complaints(err error) error {
	if err == nil {
		return nil
	}
	all := []error{err}
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		all = several.Unwrap()
	}
	failed := failure.Refused("policy-file", "nothing was published", "%s", err)
	for _, e := range all {
		var c *policy.Complaint
		if errors.As(e, &c) {
			failed.Problems = append(failed.Problems, failure.Problem{File: c.File, Line: c.Line, Message: c.Message})
		}
	}
	return failed
}

// compared is a policy file beside what the ledger has.
type compared struct {
	File       string           `json:"file"`
	Table      string           `json:"table"`
	Rules      int              `json:"rules"`
	Department string           `json:"department,omitempty"`
	Version    uint64           `json:"version,omitempty"` // that it would have, or has
	Changes    string           `json:"changes,omitempty"` // against the version in force, line by line
	Published  bool             `json:"published"`
	Disclosure []render.Rule    `json:"disclosure"` // rules of what answers may show
	document   *policy.Document // what is published
}

// comparedOf is a policy file by itself.
func comparedOf(file *policy.File) compared {
	d := &file.Document
	return compared{File: file.Name, Table: d.Table, Rules: len(d.Rules), Disclosure: render.RulesOf(d.Disclosure, policy.English), document: d}
}

// compare checks a file against a department's registration, and gives it the version that follows.
func compare(state *protocols.State, file *policy.File, department string) (compared, error) {
	d, out := file.Document, comparedOf(file)
	out.Department, out.Version, out.document = department, 1, &d
	if d.Table != "" { // else it is for the departments below
		r, err := registration(state, department, d.Table)
		if err != nil {
			return out, err
		}
		if err := complaints(file.Check(r, state.Classes(department, d.Table))); err != nil {
			return out, err
		}
	}
	before := ""
	if old := state.Policy(department, d.Table); old != nil {
		out.Version, before = old.Version+1, old.Text()
	}
	d.Department, d.Version = department, out.Version
	if err := d.Validate(); err != nil {
		return out, failure.Refused("policy-file", "nothing was published", "%s: %s", file.Name, err)
	}
	out.Changes = render.Diff(before, d.Text())
	return out, nil
}

// own is a department that is named, or the person's.
func own(state *protocols.State, k protocols.Key, department string) (string, error) {
	if department != "" {
		return department, nil
	}
	p, err := self(state, k)
	if err != nil {
		return "", err
	}
	return p.Department, nil
}

func (s Shell) check() *cobra.Command {
	var department string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "what is wrong with a policy file, line by line; with --node also beside the table as it is registered",
		Long: `Reads a policy file and says all that is wrong with it, each with its line. With --node it is compared with the department's table
on the ledger as well: columns that the table does not have, more than its sharing class allows, rules that can allow nothing; and
shows what it would change of the policy in force. Nothing is published. A node that only PARLEY_NODE names is asked if there is an identity, too.

  parley policy check claims.toml
  parley policy check --node MULTIADDR --identity FILE --department north claims.toml`,
		Args: s.Arguments(1, "the policy file"),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := s.read(args[0])
		if err != nil {
			return err
		}
		// A node that the environment names is for the commands that need one.
		if w.Node == "" || w.Identity == "" && w.Node == os.Getenv("PARLEY_NODE") {
			return s.tell(comparedOf(file))
		}
		return s.connected(cmd.Context(), "policy check", *w, func(c *client.Client) error {
			var out compared
			var err error
			c.View(func(state *protocols.State) {
				var of string
				if of, err = own(state, c.Key(), department); err == nil {
					out, err = compare(state, file, of)
				}
			})
			if err != nil {
				return err
			}
			return s.tell(out)
		})
	}
	cmd.Flags().StringVar(&department, "department", "", "whose table it is compared with; that of the identity's department otherwise")
	s.JSONFlag(cmd)
	return cmd
}

// tell prints what a file is beside the ledger.
func (s Shell) tell(out compared) error {
	if *s.JSON {
		return s.PrintJSON(out)
	}
	rules := engine.Plural(out.Rules, "rule")
	if out.Rules == 0 {
		rules = "no rule: nobody is answered"
	}
	text := fmt.Sprintf("%s: a policy for table %s, %s\n", failure.Printable(out.File), failure.Printable(out.Table), rules)
	if out.Table == "" {
		text = failure.Printable(out.File) + ": a policy for the departments that draw tokens\n"
		if out.document.Below != engine.ClassUnsaid {
			text = failure.Printable(out.File) + ": a policy for the departments below\nit sets the loosest class of their tables\n"
		}
		if len(out.document.Draws) > 0 {
			text += "it says for how many ids others may draw tokens: " + failure.Printable(out.document.DrawsText()) + "\n"
		}
	}
	text += render.RulesText(out.Disclosure)
	switch {
	case out.Department == "":
		return s.Print(text + "nothing is wrong with the file itself; --node compares it with the table\n")
	case out.Changes == "":
		return s.Print(text + fmt.Sprintf("it says what version %d says, which is in force at %s\n", out.Version-1, failure.Printable(out.Department)))
	case out.Version == 1:
		text += fmt.Sprintf("%s has no such policy, so this is version 1:\n", failure.Printable(out.Department))
	default:
		text += fmt.Sprintf("version %d of %s, beside version %d:\n", out.Version, failure.Printable(out.Department), out.Version-1)
	}
	text += out.Changes
	if out.Published {
		return s.Print(text + "published: it is in force\n")
	}
	return s.Print(text + "nothing is wrong with it; nothing was published\n")
}

func (s Shell) publish() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "publish --node MULTIADDR --identity FILE FILE",
		Short: "put a policy in force, for the department that vouches for you as its steward",
		Long: `Checks the file as policy check does, and refuses what is wrong with file and line. Then the policy stands on the ledger, as the
version after the one in force, and holds from then on: open questions about the department's table end, but for those in which
departments may have shared already. A file without [[allow]] closes the table. What has changed is shown.

  parley policy publish claims.toml`,
		Args: s.Arguments(1, "the policy file"),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := s.read(args[0])
		if err != nil {
			return err
		}
		return s.connected(cmd.Context(), "policy publish", *w, func(c *client.Client) error {
			var out compared
			err := s.say(cmd.Context(), c, func(state *protocols.State, p *protocols.Person) (protocols.Body, error) {
				var err error
				if out, err = compare(state, file, p.Department); err != nil {
					return nil, err
				}
				if out.Changes == "" {
					return nil, failure.Refused("unchanged", "parley policy show has it", "version %d of the policy for table %s says this already: nothing was published",
						out.Version-1, failure.Printable(out.Table))
				}
				return &protocols.Publish{Document: *out.document, Under: p.Number}, nil
			})
			if err != nil {
				return err
			}
			out.Published = true
			return s.tell(out)
		})
	}
	s.JSONFlag(cmd)
	return cmd
}

// shown is a policy as --json prints it.
type shown struct {
	Department string    `json:"department"`
	Table      string    `json:"table"`
	Version    uint64    `json:"version"`
	Rules      int       `json:"rules"`
	By         string    `json:"by"`
	Time       time.Time `json:"time"`
	Text       string    `json:"text"` // as a file
	// Disclosure are the rules of what answers about the table may show.
	Disclosure []render.Rule `json:"disclosure"`
}

func shownOf(d *policy.Document, by string, at time.Time) shown {
	return shown{Department: d.Department, Table: d.Table, Version: d.Version, Rules: len(d.Rules), By: by, Time: at.UTC(), Text: d.Text(),
		Disclosure: render.RulesOf(d.Disclosure, policy.English)}
}

func (s Shell) show() *cobra.Command {
	var table, department string
	var version uint64
	cmd := &cobra.Command{
		Use:   "show --node MULTIADDR --identity FILE",
		Short: "the policies in force, as files",
		Long: `Shows the policies in force, each as the file that would publish it. Comments say who published it, and what its rules of results
mean: of a question to several departments all of them hold, each at its strictest. --version shows an older
one, which the node reads from its ledger's records; a node that joined from a snapshot may lack it.

  parley policy show
  parley policy show --table claims --department north > claims.toml
  parley policy show --table claims --department north --version 1`,
		Args: s.Arguments(0, ""),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		of := func(d *policy.Document) bool {
			return (table == "" || table == d.Table) && (department == "" || department == d.Department) && (version == 0 || version == d.Version)
		}
		read := s.inForce
		if version != 0 {
			read = s.published
		}
		all, err := read(cmd.Context(), *w, of)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return failure.Refused("unknown-policy", "a table without a policy answers nobody; parley policy show without flags has all that are in force", "there is no such policy")
		}
		if *s.JSON {
			return s.PrintJSON(map[string]any{"policies": all})
		}
		var text []string
		for _, p := range all {
			text = append(text, failure.Printable(fmt.Sprintf("# version %d of %s, published on %s by %s", p.Version, p.Department, failure.Time(p.Time), p.By))+"\n"+
				comment(render.RulesText(p.Disclosure))+failure.PrintableLines(p.Text))
		}
		return s.Print(strings.Join(text, "\n"))
	}
	flags := cmd.Flags()
	flags.StringVar(&table, "table", "", "of this table only")
	flags.StringVar(&department, "department", "", "of this department only")
	flags.Uint64Var(&version, "version", 0, "this version in place of the one in force")
	s.JSONFlag(cmd)
	return cmd
}

// comment makes lines comments of a policy file.
func comment(lines string) (out string) {
	for line := range strings.Lines(lines) {
		out += "# " + line
	}
	return out
}

// inForce are the policies of the ledger's state.
func (s Shell) inForce(ctx context.Context, w Where, of func(*policy.Document) bool) (all []shown, err error) {
	return all, s.connected(ctx, "policy show", w, func(c *client.Client) error {
		c.View(func(state *protocols.State) {
			for _, p := range state.Policies() {
				if of(&p.Document) {
					all = append(all, shownOf(&p.Document, p.Name, time.UnixMilli(p.Time)))
				}
			}
		})
		return nil
	})
}

// published are the policies of the ledger's records, of all times.
func (s Shell) published(ctx context.Context, w Where, of func(*policy.Document) bool) (all []shown, err error) {
	src, err := s.Source(ctx, w)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	policies, err := audit.ReadPolicies(ctx, src)
	for _, p := range policies {
		if of(&p.Document) {
			all = append(all, shownOf(&p.Document, p.By, p.Time))
		}
	}
	slices.SortStableFunc(all, func(a, b shown) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Department, b.Department), cmp.Compare(a.Version, b.Version))
	})
	return all, err
}

func (s Shell) test() *cobra.Command {
	var department, language string
	cmd := &cobra.Command{
		Use:   "test --node MULTIADDR --identity FILE FILE",
		Short: "which past questions a policy would decide otherwise than the policies in force",
		Long: `Decides the questions about the table that the ledger's state keeps, which are the open and the last ended ones: once by the policies in
force, once with the file in the place of the department's. Each as of when it was asked: by the time, the sharing classes
and the grants of then. What was refused before it reached the ledger is not among them. Nothing is published.

  parley policy test claims.toml`,
		Args: s.Arguments(1, "the policy file"),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := CheckLanguage(language); err != nil {
			return err
		}
		file, err := s.read(args[0])
		if err != nil {
			return err
		}
		return s.connected(cmd.Context(), "policy test", *w, func(c *client.Client) error {
			var all []render.Replayed
			var err error
			packing := c.Packing()
			c.View(func(state *protocols.State) {
				var of string
				if of, err = own(state, c.Key(), department); err == nil {
					all, err = replay(state, file, of, packing, language)
				}
			})
			if err != nil {
				return err
			}
			if *s.JSON {
				return s.PrintJSON(map[string]any{"questions": all})
			}
			return s.Print(render.Replay(all, language))
		})
	}
	cmd.Flags().StringVar(&department, "department", "", "whose policy the file would be; the identity's department otherwise")
	AddLanguage(cmd, &language)
	s.JSONFlag(cmd)
	return cmd
}

// replay decides the questions that a state keeps by the policies in force, and with a file in the place of a department's.
func replay(state *protocols.State, file *policy.File, department string, packing engine.Packing, language string) ([]render.Replayed, error) {
	if file.Document.Table == "" {
		return nil, failure.Refused("ceiling", "parley policy check --node shows what it would change", "a policy for the departments below decides about no question of its own department")
	}
	next, err := compare(state, file, department)
	if err != nil {
		return nil, err
	}
	var present, changed []policy.Document
	for _, p := range state.Policies() {
		if p.Document.Table != next.Table {
			continue
		}
		if present = append(present, p.Document); p.Document.Department != department {
			changed = append(changed, p.Document)
		}
	}
	changed = append(changed, *next.document)
	all := []render.Replayed{}
	for _, q := range state.Kept() {
		asked := slices.ContainsFunc(q.Registrations, func(r engine.Registration) bool { return r.Table == next.Table && r.Department == department })
		if !asked || q.Ask.Round > 1 || q.Ask.Screen != (engine.Digest{}) { // of several rounds the first stands for all, and of two queries the screening
			continue
		}
		before, err := q.Reconsider(packing, present...)
		if err != nil {
			return nil, err
		}
		after, err := q.Reconsider(packing, changed...)
		if err != nil {
			return nil, err
		}
		r := render.Replayed{Query: q.ID.String(), Question: cmp.Or(q.Ask.Question, q.Ask.SQL), Purpose: q.Ask.Purpose, Basis: q.Ask.Basis,
			Time: time.UnixMilli(q.Records()[0].Time).UTC(), Before: before.Allowed, After: after.Allowed, Why: []string{}}
		r.Person, r.Of = render.PersonOf(state, q.Author)
		why := &after
		if after.Allowed {
			why = &before
		}
		for _, m := range render.DecisionOf(why, language).Missing {
			r.Why = append(r.Why, strings.TrimPrefix(m.Department+": "+m.Sentence, ": "))
		}
		all = append(all, r)
	}
	return all, nil
}
