// Package people are the commands about a department's persons: who may ask, decide, run, check and
// see, by the department's own word (protocols/README.md section 3.7). What they do is done by the running node.
package people

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/node"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/render"
)

// Shell is what these commands need of the program: how it prints, and what all commands share.
type Shell struct {
	In        io.Reader
	Errs      io.Writer // prompts
	JSON      *bool     // --json
	JSONFlag  func(*cobra.Command)
	Print     func(text string) error
	PrintJSON func(v any) error
	Arguments func(count int, what string) cobra.PositionalArgs
	Unknown   func(cmd *cobra.Command, name string) error
	Config    func(command, path string) (config.Config, error)
	When      func(flag, text string, now time.Time) (time.Time, error)
}

// Command is `parley people`.
func Command(s Shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "people",
		Short: "the persons for whom a department vouches: who may ask, decide, run, check and see",
		Long: `A department vouches for its persons, each a key of its own: analysts ask, stewards decide, operators run the node,
auditors check, observers see. Only an analyst for whom some department vouches may ask, and only while the vouch holds,
by the time of the ledger's blocks. What a department says of its persons stands on the ledger, signed by its node.

  parley people add --config node.toml --name "Li Mei" --role analyst 12D3KooW...
  parley people rotate --config node.toml --to 12D3KooNEW... "Li Mei"
  parley people revoke --config node.toml --reason "left the department" "Li Mei"
  parley people passwd --config node.toml "Li Mei"
  parley people list --config node.toml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return s.Unknown(cmd, args[0])
		},
	}
	cmd.AddCommand(s.add(), s.rotate(), s.revoke(), s.passwd(), s.list())
	return cmd
}

// whose adds --config, of the node that is asked.
func whose(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", "", "the node.toml of the department's node")
}

// AsFlag adds --as, of what an operator has a node do.
func AsFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "as", "", "the identity of an operator for whom the department vouches; needed where there is one")
}

func (s Shell) add() *cobra.Command {
	var path, as, from, until string
	q := node.PeopleRequest{Do: node.PeopleAdd}
	cmd := &cobra.Command{
		Use:   "add --config node.toml --name NAME --role ROLE PEER-ID",
		Short: "vouch for a person, or anew: for longer, in other roles",
		Long: `Has the department vouch for a person by its peer id, which parley init makes. A person for whom the department vouches
already keeps what is not given. The vouch holds for a year, or until --until, five years at most; add again before it ends. A
person belongs to one department, and a key that was revoked or replaced never comes back.`,
		Args: s.Arguments(1, "the person's peer id"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			q.Person = args[0]
			if q.From, err = s.hence("from", from); err != nil {
				return err
			}
			if q.Until, err = s.hence("until", until); err != nil {
				return err
			}
			return s.speak(cmd.Context(), "people add", path, as, q)
		},
	}
	whose(cmd, &path)
	flags := cmd.Flags()
	flags.StringVar(&q.Name, "name", "", "what the person is called, unlike any other of the department's")
	flags.StringSliceVar(&q.Roles, "role", nil, "what the person does: "+node.RoleList()+"; may be repeated")
	flags.StringVar(&from, "from", "", "not valid before this time, UTC: 2026-03-31, or \"2026-03-31 09:00\"; from now on otherwise")
	flags.StringVar(&until, "until", "", "not valid from this time on, UTC, or after 720h; for a year otherwise")
	AsFlag(cmd, &as)
	s.JSONFlag(cmd)
	return cmd
}

// hence reads a time, or how long it is until then.
func (s Shell) hence(flag, text string) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return time.Now().Add(d), nil
	}
	return s.When(flag, text, time.Now())
}

func (s Shell) rotate() *cobra.Command {
	var path, as string
	q := node.PeopleRequest{Do: node.PeopleRotate}
	cmd := &cobra.Command{
		Use:   "rotate --config node.toml --to PEER-ID PERSON",
		Short: "give a person another key, in place of the one until now",
		Long: `Has the department vouch for a person's new key, by the same name, in the same roles and for the same time. The old key ends
at once, with the open questions in which no department has shared yet; what was decided about the person stays. All
nodes let the new key in, and cut off the old one. PERSON is a name of the department's, or the old peer id.`,
		Args: s.Arguments(1, "the person's name, or its old peer id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.Person = args[0]; q.To == "" {
				return failure.Usage("flag", "the person makes one with parley init", "parley people rotate needs --to, the person's new peer id")
			}
			return s.speak(cmd.Context(), "people rotate", path, as, q)
		},
	}
	whose(cmd, &path)
	cmd.Flags().StringVar(&q.To, "to", "", "the person's new peer id")
	AsFlag(cmd, &as)
	s.JSONFlag(cmd)
	return cmd
}

func (s Shell) revoke() *cobra.Command {
	var path, as string
	q := node.PeopleRequest{Do: node.PeopleRevoke}
	cmd := &cobra.Command{
		Use:   "revoke --config node.toml --reason TEXT PERSON",
		Short: "vouch for a person no longer: its key never comes back",
		Long: `Takes the department's word for a person back, for good. Its open questions end at once, but for those in which departments
may have shared already. The reason stands on the ledger, for all to read. PERSON is a name of the department's, or a
peer id.`,
		Args: s.Arguments(1, "the person's name, or its peer id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.Person = args[0]; q.Reason == "" {
				return failure.Usage("flag", "others read it on the ledger", "parley people revoke needs --reason")
			}
			return s.speak(cmd.Context(), "people revoke", path, as, q)
		},
	}
	whose(cmd, &path)
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why, in a few words")
	AsFlag(cmd, &as)
	s.JSONFlag(cmd)
	return cmd
}

// speak has the running node say something of a person.
func (s Shell) speak(ctx context.Context, command, path, as string, q node.PeopleRequest) error {
	cfg, err := s.Config(command, path)
	if err != nil {
		return err
	}
	before := ""
	if q.Do == node.PeopleRotate {
		p, err := personOf(ctx, cfg, q.Person)
		if err != nil {
			return err
		}
		before = p.Peer
	}
	reply, err := Ask(ctx, cfg.Dir, as, q)
	if err != nil {
		return err
	}
	if err := followPassword(cfg.Dir, before, reply); err != nil {
		return failure.Refused("password", "move or remove the file yourself", "it stands on the ledger, but the person's password stays as it was: %s", err)
	}
	if *s.JSON {
		return s.PrintJSON(reply)
	}
	return s.Print(render.Person(reply))
}

// Ask has the node that runs from a folder say something of a person, by the word of the operator whose
// identity is in the file as, or its own, and gives how the person stands then.
func Ask(ctx context.Context, dir, as string, q node.PeopleRequest) (reply node.PersonReport, err error) {
	return reply, node.Operate(ctx, dir, as, "/people", q.Text(), q, &reply)
}

func (s Shell) list() *cobra.Command {
	var path, department string
	var all bool
	cmd := &cobra.Command{
		Use:   "list --config node.toml",
		Short: "who is vouched for, by which department, as what and until when",
		Args:  s.Arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := s.Config("people list", path)
			if err != nil {
				return err
			}
			var people []node.PersonReport
			if err := node.CallControl(cmd.Context(), cfg.Dir, http.MethodGet, "/people", nil, &people); err != nil {
				return err
			}
			kept := []node.PersonReport{}
			for _, p := range people {
				if (department == "" || strings.EqualFold(p.Department, department)) && (all || p.Ended.IsZero()) {
					kept = append(kept, p)
				}
			}
			if *s.JSON {
				return s.PrintJSON(map[string]any{"people": kept})
			}
			return s.Print(render.People(kept))
		},
	}
	whose(cmd, &path)
	cmd.Flags().StringVar(&department, "department", "", "of this department only")
	cmd.Flags().BoolVar(&all, "all", false, "also whom a department revoked, and keys that were replaced")
	s.JSONFlag(cmd)
	return cmd
}
