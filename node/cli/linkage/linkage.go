// Package linkage are the commands about naming persons alike with other departments: how far this department's node is, and what
// linkage reveals to whom.
package linkage

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/node"
	"parley/node/config"
	"parley/node/linkage"
	"parley/node/render"
)

// Shell is what the commands need of the program: how it prints, and what all commands share.
type Shell struct {
	JSON      *bool // --json
	JSONFlag  func(*cobra.Command)
	Print     func(text string) error
	PrintJSON func(v any) error
	Arguments func(count int, what string) cobra.PositionalArgs
	Unknown   func(cmd *cobra.Command, name string) error
	Config    func(command, path string) (config.Config, error)
}

// Command is `parley linkage`.
func Command(s Shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "linkage",
		Short: "persons whom several departments know: how far this one is, and what that reveals",
		Long: `Departments that know the same persons by one number name them alike without showing each other a number: each has tokens for its own,
made with a key of which every department has a share. A table with spine = true in node.toml is published as the list of persons;
the keys of one with of = "NAME" and of_department = "DEPARTMENT" are placed on it. Before anything is drawn each department's steward publishes how much the others
may draw ([[draw]] of a policy), and the spine's whom it admits (membership): nobody, by default.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return s.Unknown(cmd, args[0])
		},
	}
	cmd.AddCommand(s.statusCommand(), s.explainCommand())
	return cmd
}

func (s Shell) statusCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "status --config node.toml",
		Short: "the linkage, what is drawn of what may be, and which of this department's keys are placed",
		Long: `Asks the node that runs from this node.toml, through a door that only the node's own user can open. How many of the department's keys
are on a spine, how many are not, and why the node would not answer on a version of it (least_placed, most_changed of node.toml) is shown here and to nobody else.`,
		Args: s.Arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return s.status(cmd.Context(), path) },
	}
	cmd.Flags().StringVar(&path, "config", "", "the node.toml")
	s.JSONFlag(cmd)
	return cmd
}

func (s Shell) status(ctx context.Context, path string) error {
	cfg, err := s.Config("linkage status", path)
	if err != nil {
		return err
	}
	var r linkage.Report
	if err := node.CallControl(ctx, cfg.Dir, http.MethodGet, "/linkage", nil, &r); err != nil {
		return err
	}
	if *s.JSON {
		return s.PrintJSON(r)
	}
	return s.Print(Status(r))
}

// Status is what `linkage status` prints.
func Status(r linkage.Report) string {
	var b render.Page
	switch {
	case r.State == "none":
		b.Add("linkage", "none is formed: a department opens one that has a table with spine = true, or of = \"NAME\"")
	case r.State == "closed":
		b.Add("linkage", "%d, closed: %s; another one is formed, with new tokens", r.Number, cmp.Or(r.Why, "a member closed it"))
	default:
		b.Add("linkage", "%d, %s, of %s", r.Number, r.State, strings.Join(r.Members, ", "))
	}
	if len(r.Missing) > 0 {
		b.Add("waits for", "%s", strings.Join(r.Missing, ", "))
	}
	if r.State == "formed" {
		drawn := fmt.Sprintf("%d of %d ids", r.Drawn, r.Allowed)
		if r.AllowedBy != "" {
			drawn += fmt.Sprintf(": %s allows no more", r.AllowedBy)
		}
		b.Add("drawn", "%s", drawn)
	}
	if r.Waits != "" {
		b.Add("waits", "%s", r.Waits)
	}
	for _, t := range r.Tables {
		b.WriteString("\n")
		addTable(&b, t)
	}
	return b.String()
}

func addTable(b *render.Page, t linkage.TableReport) {
	if t.Role == "spine" {
		b.Add("spine", "%s, by %s", t.Table, t.Column)
	} else {
		b.Add("table", "%s, by %s, on the spine %s of %s", t.Table, t.Column, t.Spine, t.Department)
	}
	b.Add("keys", "%d, of which %d have tokens", t.Keys, t.Tokens)
	if t.Unusable > 0 {
		b.Add("left out", "%s: empty, or too long", engine.Plural(t.Unusable, "value"))
	}
	if t.WithoutKey > 0 {
		b.Add("without", "%s with no key (NULL)", engine.Plural(t.WithoutKey, "row"))
	}
	if t.WrongCheck > 0 {
		b.Add("quality", "%s a check digit that is not its number's; they are kept", plural(t.WrongCheck))
	}
	if t.SecondsLeft > 0 {
		b.Add("left", "about %s", time.Duration(math.Ceil(t.SecondsLeft))*time.Second)
	}
	if t.Version > 0 {
		b.Add("version", "%d, of %d positions", t.Version, t.Positions)
	}
	if t.Role == "spine" {
		b.Add("admitted", "%s", cmp.Or(strings.Join(t.Admitted, ", "), "nobody: membership of the table's policy names who is"))
	}
	if t.Role != "spine" && t.Version > 0 {
		b.Add("placed", "%d; not on the spine: %d; least_placed is %d percent", t.Placed, t.Unplaced, t.LeastPlaced)
		if t.Known > 0 {
			b.Add("changed", "%d of %d since the version accepted before; most_changed is %d percent", t.Changed, t.Known, t.MostChanged)
		}
		b.Add("answers", "%s", answers(t.Held))
	}
	if t.State != "" {
		b.Add("state", "%s", t.State)
	}
}

// answers says whether the department would answer on a version of a spine.
func answers(held string) string {
	if held == "" {
		return "may be given on this version"
	}
	return "are not given on this version: " + held
}

func plural(keys int) string {
	if keys == 1 {
		return "1 key has"
	}
	return fmt.Sprintf("%d keys have", keys)
}

func (s Shell) explainCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "explain --config node.toml",
		Short: "what linkage reveals of this department's tables, to whom",
		Args:  s.Arguments(0, ""),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := s.Config("linkage explain", path)
			if err != nil {
				return err
			}
			reveals := Reveals(cfg)
			if *s.JSON {
				return s.PrintJSON(map[string]any{"reveals": reveals})
			}
			var b render.Page
			for i, r := range reveals {
				if i > 0 {
					b.WriteString("\n")
				}
				b.Add(r.To, "%s", r.What)
			}
			return s.Print(b.String())
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the node.toml")
	s.JSONFlag(cmd)
	return cmd
}

// Revealed is what somebody learns by linkage.
type Revealed struct {
	Table string `json:"table,omitempty"`
	To    string `json:"to"`
	What  string `json:"what"`
}

// Reveals is what linkage reveals of a configuration's tables (node/README.md, section 15.5).
func Reveals(cfg config.Config) []Revealed {
	out := []Revealed{}
	for _, t := range cfg.Tables {
		key := ""
		if len(t.Key) == 1 {
			key = t.Key[0]
		}
		switch {
		case t.Spine:
			out = append(out, Revealed{t.Name, "all", fmt.Sprintf("that %s is the spine of table %s, how many ids it has, and when some are added", key, t.Name)},
				Revealed{t.Name, "admitted", fmt.Sprintf("the departments that membership of the policy for %s names: which of their own keys are among %s, and of each further key for which they draw a token whether it is. Ids are easily guessed: the stewards' [[draw]] bound how many they can try. They can give the tokens to others, and nobody sees it", t.Name, key)})
		case t.Of != "":
			out = append(out, Revealed{t.Name, "all", fmt.Sprintf("for how many different values of %s of table %s tokens are drawn, and when: not of which", key, t.Name)},
				Revealed{t.Name, "nobody", fmt.Sprintf("how many of these are on the spine %s of %s: that is shown to this department's operator, and nobody else is told why the department does not answer on a version of it", t.Of, t.OfDepartment)})
		}
	}
	if len(out) == 0 {
		return append(out, Revealed{To: "all", What: "nothing of this department's tables: none has spine or of. Its node helps others to draw as many tokens as its steward allows, and does not learn for whom"})
	}
	return append(out, Revealed{To: "together", What: "all departments but this one, the validators and analysts included, make no token by themselves, and so learn no id beyond what they draw here, where this department's steward bounds it: they lack this department's share of the key. One that leaves ends the linkage for all"})
}
