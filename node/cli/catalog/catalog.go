// Package catalog are the commands about what the departments of a network have registered: which tables there are, what
// is said of them, and what became of each. They read a ledger, a running node's or a stopped one's.
package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"parley/datasets/published"
	"parley/node/audit"
	"parley/node/failure"
	"parley/node/quality"
	"parley/node/render"
)

// Shell is what these commands need of the program: how it prints, and where a ledger is.
type Shell struct {
	JSON      *bool // --json
	JSONFlag  func(*cobra.Command)
	Print     func(text string) error
	PrintJSON func(v any) error
	Arguments func(count int, what string) cobra.PositionalArgs
	Unknown   func(cmd *cobra.Command, name string) error
	// Source adds the flags that say where a ledger is, and gives what opens it; the caller closes it.
	Source func(*cobra.Command) func(context.Context) (audit.Source, error)
	// Folders are those in which the nodes of a folder keep their things.
	Folders func(dir string) ([]string, error)
}

// Command is `parley catalog`.
func Command(s Shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "which tables there are, under which departments, and what is said of them",
		Long: `Reads what the departments have registered on the ledger of a running node (--node MULTIADDR --identity FILE) or of a
stopped one (--dir DIR): their tables, under the units that the departments belong to, with the versions of each.

  parley catalog search --node MULTIADDR --identity FILE
  parley catalog search --dir DIR income
  parley catalog show --dir DIR tax
  parley catalog history --dir DIR tax
  parley catalog quality --dir DIR tax
  parley catalog quality --node MULTIADDR --identity FILE --own DIR tax`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return s.Unknown(cmd, args[0])
		},
	}
	cmd.AddCommand(s.search(), s.about("show", "all that is said of a table, by each department that holds it", s.show),
		s.about("history", "the versions of a table, and what each changed", s.history),
		s.qualityCommand())
	return cmd
}

// qualityCommand is about one table, too, and may look into the folder of one's own node.
func (s Shell) qualityCommand() *cobra.Command {
	var own string
	var cmd *cobra.Command
	cmd = s.about("quality", "what the departments found of their rows when they registered them: missing values, equal keys, and what has moved",
		func(all []audit.Registered) error {
			if dir, err := cmd.Flags().GetString("dir"); err == nil && own == "" {
				own = dir
			}
			var folders []string
			if own != "" {
				var err error
				if folders, err = s.Folders(own); err != nil {
					return err
				}
			}
			return s.quality(all, folders)
		})
	cmd.Flags().StringVar(&own, "own", "", "the folder of one's own node, running or not, which alone knows how each value moved; --dir if left out")
	return cmd
}

// search lists the tables that have all words in what is said of them.
func (s Shell) search() *cobra.Command {
	var department string
	cmd := &cobra.Command{
		Use:   "search [WORD ...]",
		Short: "the tables with these words, or all, under the hierarchy of their departments",
		Args:  cobra.ArbitraryArgs,
	}
	cmd.Flags().StringVar(&department, "department", "", "of this department only")
	open := s.Source(cmd)
	s.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		all, err := read(cmd.Context(), open)
		if err != nil {
			return err
		}
		entries := []render.Entry{}
		for _, r := range present(all) {
			if (department == "" || r.Department == department) && says(r, words) {
				entries = append(entries, render.EntryOf(r, nil))
			}
		}
		if *s.JSON {
			return s.PrintJSON(map[string]any{"tables": entries})
		}
		return s.Print(render.Tree(entries))
	}
	return cmd
}

// about is a command about one table.
func (s Shell) about(name, short string, tell func(all []audit.Registered) error) *cobra.Command {
	var department string
	cmd := &cobra.Command{Use: name + " TABLE", Short: short, Args: s.Arguments(1, "the table's name")}
	cmd.Flags().StringVar(&department, "department", "", "of this department only")
	open := s.Source(cmd)
	s.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := read(cmd.Context(), open)
		if err != nil {
			return err
		}
		var names []string
		var of []audit.Registered
		for _, r := range all {
			names = append(names, r.Table)
			if r.Table == args[0] && (department == "" || r.Department == department) {
				of = append(of, r)
			}
		}
		if of == nil {
			slices.Sort(names)
			hint := "its tables are " + strings.Join(slices.Compact(names), ", ")
			if near := failure.Nearest(args[0], names); near != "" {
				hint = "did you mean " + near + "?"
			}
			return &failure.Failure{Code: "table", Message: "the ledger has no table " + failure.Printable(args[0]) + ofDepartment(department), Hint: failure.Printable(hint)}
		}
		return tell(of)
	}
	return cmd
}

// ofDepartment names a department behind a table.
func ofDepartment(department string) string {
	if department == "" {
		return ""
	}
	return " of department " + failure.Printable(department)
}

func (s Shell) show(all []audit.Registered) error {
	entries := []render.Entry{}
	var text []string
	for _, r := range present(all) {
		e := render.EntryOf(r, nil)
		entries, text = append(entries, e), append(text, e.Show(r.Registration))
	}
	if *s.JSON {
		return s.PrintJSON(map[string]any{"tables": entries})
	}
	return s.Print(strings.Join(text, "\n"))
}

func (s Shell) history(all []audit.Registered) error {
	entries := []render.Entry{}
	before := map[string]*audit.Registered{}
	for i, r := range all {
		entries = append(entries, render.EntryOf(r, before[r.Department]))
		before[r.Department] = &all[i]
	}
	if *s.JSON {
		return s.PrintJSON(map[string]any{"versions": entries})
	}
	return s.Print(render.Versions(entries))
}

// quality tells what is published, and of tables of the nodes with these folders what their values moved by.
func (s Shell) quality(all []audit.Registered, folders []string) error {
	reports := []render.Report{}
	var text []string
	for _, r := range present(all) {
		var before *audit.Registered
		for i, older := range all {
			if older.Department == r.Department && older.Number < r.Number {
				before = &all[i]
			}
		}
		report := render.ReportOf(r, before)
		for _, dir := range folders {
			kept, err := quality.Of(dir, r.Table)
			if err != nil {
				return &failure.Failure{Code: "quality", Message: err.Error(), Cause: err}
			}
			if moved, ok := kept.Compare(r.Registration); ok {
				report.Own = append([]published.Comparison{}, moved...)
			}
		}
		reports, text = append(reports, report), append(text, report.String())
	}
	if *s.JSON {
		return s.PrintJSON(map[string]any{"reports": reports})
	}
	return s.Print(strings.Join(text, "\n"))
}

func read(ctx context.Context, open func(context.Context) (audit.Source, error)) ([]audit.Registered, error) {
	src, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return audit.ReadRegistrations(ctx, src)
}

// present is the last version of each department's tables, by table and department.
func present(all []audit.Registered) []audit.Registered {
	last := map[[2]string]audit.Registered{}
	for _, r := range all {
		last[[2]string{r.Table, r.Department}] = r
	}
	out := make([]audit.Registered, 0, len(last))
	for _, r := range last {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b audit.Registered) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Department, b.Department))
	})
	return out
}

// says reports whether all words stand in what is said of a table, its columns or its department, in any case.
func says(r audit.Registered, words []string) bool {
	texts := append([]string{r.Table, r.Department, r.About.Title, r.About.Description, r.About.Owner, r.About.Manager, r.About.Item,
		r.About.Sensitivity.String(), r.About.Class.String()}, r.About.Place...)
	for _, c := range r.Columns {
		texts = append(texts, c.Name, c.Title, c.Item, c.Unit)
	}
	whole := strings.ToLower(strings.Join(texts, "\n"))
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(whole, strings.ToLower(word)) })
}
