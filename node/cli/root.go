// Package cli is the parley command: a file a command, each of which reads its flags, asks client,
// audit or a running node's door, and prints what render makes of it (node/README.md section 11.2).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/circuits"
	"parley/node/audit"
	"parley/node/cli/catalog"
	"parley/node/cli/gateway"
	"parley/node/cli/linkage"
	"parley/node/cli/people"
	"parley/node/cli/rehearse"
	"parley/node/cli/rights"
	"parley/node/cli/shadow"
	"parley/node/cli/standing"
	"parley/node/cli/trail"
	"parley/node/client"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/peers"
	"parley/node/render"
)

// environmentPrefix and a flag's name in capitals are its environment variable: --no-opening is PARLEY_NO_OPENING.
const environmentPrefix = "PARLEY_"

// command is one run of the parley command: where it writes, and what all subcommands share.
type command struct {
	in         io.Reader
	out        io.Writer // answers only
	errs       io.Writer // everything else
	json       bool
	csv        bool
	progress   *render.Progress
	aside      asideColumns                               // of the tables that register has read
	left       leftColumns                                // of the same
	persons    int64                                      // that the spine among them lists
	parameters func(name string) (circuits.Params, error) // exchange.Parameters, but in tests
}

// Main (README section 11.2) runs the parley command with its arguments (without the program's name) and returns the exit status: 0
// answered, or verified against pinned signers; 1 refused, failed or not verified; 2 called wrongly; 3 a certificate
// that agrees with itself but whose signers are not pinned. With --json exactly one JSON object is written to out,
// for failures too. The first interrupt stops what is running in order; the second one at once.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	c := &command{in: in, out: out, errs: errs, progress: render.NewProgress(errs), parameters: exchange.Parameters}
	return c.run(args)
}

// run is Main's work.
func (c *command) run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	root := c.root()
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.errs)
	err := root.ExecuteContext(ctx)
	c.progress.Finish()
	if err == nil {
		return failure.StatusAnswered
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	failed := failure.Of(err)
	if ctx.Err() != nil && failed.Code == "failed" {
		failed = &failure.Failure{Code: "interrupted", Message: "interrupted: " + failed.Message, Cause: err}
	}
	if c.json || wantsJSON(args) {
		if err := c.printJSON(map[string]any{"error": failed}); err != nil {
			failure.Of(err).Write(c.errs)
		}
		return failed.ExitStatus()
	}
	failed.Write(c.errs)
	return failed.ExitStatus()
}

// exitStatus ends a command whose output is already written.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// wantsJSON tells whether --json was asked for when the flags themselves are in error.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	value := os.Getenv(environmentPrefix + "JSON")
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true") || value == "true" || value == "1"
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "parley",
		Short: "exact answers over tables that may not be pooled, with a certificate",
		Long: `Parley answers SQL questions over the tables of several departments that may not pool them.
Each department encrypts its own partial sums; nobody but the analyst sees the total, and nobody a part.

  parley demo                                       three departments on this machine, a few questions
  parley describe a.csv                             what a node would register of a file
  parley try --table t=a.csv,b.csv "SELECT ..."     your own files, each one department's
  parley query --purpose TEXT "SELECT ..."          a network's departments, if their policies allow it
  parley verify --network network.json FILE         check a certificate, offline
  parley ledger list --dir DIR                      what was asked, and what became of it`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.ArbitraryArgs,
		PersistentPreRunE:          func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagFailure(cmd, err) })
	for _, sub := range append([]*cobra.Command{
		c.demoCommand(), c.tryCommand(), c.describeCommand(), c.verifyCommand(), c.explainCommand(),
		c.initCommand(), c.nodeCommand(), c.queryCommand(), c.gatewayCommand(), c.tablesCommand(), c.catalogCommand(), c.voteCommand(), c.peopleCommand(), c.shadowCommand(), c.linkageCommand(), c.ledgerCommand(), c.trailCommand(), c.versionCommand(), c.manCommand(),
	}, append(rights.Commands(c.rights()), standing.Commands(c.standing())...)...) {
		sub.Flags().SortFlags = false
		nameEnvironment(sub)
		root.AddCommand(sub)
	}
	return root
}

// peopleCommand is that room's, in this shell.
func (c *command) peopleCommand() *cobra.Command {
	return people.Command(people.Shell{In: c.in, Errs: c.errs, JSON: &c.json, JSONFlag: c.jsonFlag, Print: c.print, PrintJSON: c.printJSON,
		Arguments: arguments, Unknown: unknownCommand, Config: configFor, When: parseWhen})
}

// gatewayCommand is that room's, in this shell.
func (c *command) gatewayCommand() *cobra.Command { return gateway.Command(c.gateway()) }

// gateway is the shell of that room's commands.
func (c *command) gateway() gateway.Shell {
	return gateway.Shell{JSON: &c.json, JSONFlag: c.jsonFlag, Print: c.print, PrintJSON: c.printJSON, Step: c.progress.Step, Done: c.progress.Finish, Note: c.progress.Note,
		Arguments: arguments, Unknown: unknownCommand, Network: readNetwork, Log: func() *slog.Logger { return logTo(c.errs, slog.LevelInfo) },
		Password: people.Shell{In: c.in, Errs: c.errs}.ReadPassword,
		Dial: func(ctx context.Context, node, identity string) (*client.Client, error) {
			return c.dialAsker(ctx, askerFlags{node, identity}, "")
		},
		Source: func(ctx context.Context, node, identity string) (audit.Source, error) {
			id, err := peers.LoadIdentity(identity)
			if err != nil {
				return nil, err
			}
			return audit.Dial(ctx, node, id, c.parameters)
		}}
}

// shadowCommand is that room's, in this shell.
func (c *command) shadowCommand() *cobra.Command {
	return shadow.Command(shadow.Shell{JSON: &c.json, JSONFlag: c.jsonFlag, Print: c.print, PrintJSON: c.printJSON, Arguments: arguments, Config: configFor})
}

// linkageCommand is that room's, in this shell.
func (c *command) linkageCommand() *cobra.Command {
	return linkage.Command(linkage.Shell{JSON: &c.json, JSONFlag: c.jsonFlag, Print: c.print, PrintJSON: c.printJSON, Arguments: arguments, Unknown: unknownCommand,
		Config: configFor})
}

// catalogCommand is that room's, in this shell.
func (c *command) catalogCommand() *cobra.Command {
	return catalog.Command(catalog.Shell{JSON: &c.json, JSONFlag: c.jsonFlag, Print: c.print, PrintJSON: c.printJSON, Arguments: arguments, Unknown: unknownCommand,
		Source: func(cmd *cobra.Command) func(context.Context) (audit.Source, error) {
			var f sourceFlags
			f.add(cmd)
			return func(ctx context.Context) (audit.Source, error) {
				src, _, err := c.source(ctx, f)
				return src, err
			}
		},
		Folders: func(dir string) (folders []string, err error) {
			nodes, _, err := nodeFolders(dir)
			for _, n := range nodes {
				folders = append(folders, n.data)
			}
			return folders, err
		}})
}

// trailCommand is that room's, in this shell.
func (c *command) trailCommand() *cobra.Command {
	return trail.Command(trail.Shell{JSON: &c.json, JSONFlag: c.jsonFlag, Print: c.print, PrintJSON: c.printJSON, When: parseWhen,
		Records: func(cmd *cobra.Command) func(context.Context, string) (audit.Records, bool, error) {
			var f sourceFlags
			f.add(cmd)
			return func(ctx context.Context, export string) (audit.Records, bool, error) {
				return c.records(ctx, f, export)
			}
		}})
}

// standing is the shell of that room's commands.
func (c *command) standing() standing.Shell {
	return standing.Shell{Shell: c.rights(), CSV: &c.csv, CSVFlag: c.csvFlag, Network: readNetwork, Log: func() *slog.Logger { return logTo(c.errs, slog.LevelInfo) }}
}

// rights is the shell of that room's commands.
func (c *command) rights() rights.Shell {
	return rights.Shell{JSON: &c.json, JSONFlag: c.jsonFlag, Print: c.print, PrintJSON: c.printJSON, Arguments: arguments, Unknown: unknownCommand,
		When: parseWhen, Read: readLimited, SQL: c.takesSQL,
		Where: func(cmd *cobra.Command) *rights.Where {
			var w rights.Where
			addAsker(cmd, &w.Node, &w.Identity)
			return &w
		},
		Dial: func(ctx context.Context, command string, w rights.Where) (*client.Client, error) {
			f := askerFlags{w.Node, w.Identity}
			if err := f.check(command); err != nil {
				return nil, err
			}
			return c.dialAsker(ctx, f, "")
		},
		Source: func(ctx context.Context, w rights.Where) (audit.Source, error) {
			if err := (askerFlags{w.Node, w.Identity}).check("policy show"); err != nil {
				return nil, err
			}
			f := sourceFlags{nodes: []string{w.Node}, identity: w.Identity}
			src, _, err := c.source(ctx, f)
			return src, err
		}}
}

// rehearsal is that room, in this shell.
func (c *command) rehearsal() rehearse.Shell {
	return rehearse.Shell{JSON: &c.json, CSV: &c.csv, Print: c.print, PrintJSON: c.printJSON, Read: readLimited, Dial: c.rights().Dial,
		Step: c.progress.Step, Done: c.progress.Finish, Note: c.progress.Note}
}

func unknownCommand(root *cobra.Command, name string) error {
	var names []string
	for _, sub := range root.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	hint := "the commands are " + strings.Join(names, ", ")
	if near := failure.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return failure.Usage("command", hint, "there is no command %q", name)
}

func flagFailure(cmd *cobra.Command, err error) error {
	failed := failure.Usage("flag", cmd.CommandPath()+" --help lists the flags", "%s", err)
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := failure.Nearest(missing.GetSpecifiedName(), names); near != "" {
			failed.Hint = fmt.Sprintf("did you mean --%s?", near)
		}
	}
	return failed
}

// nameEnvironment says in each flag's help which environment variable it has.
func nameEnvironment(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		f.Usage += fmt.Sprintf(" (%s)", environmentOf(f))
	})
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
		nameEnvironment(sub)
	}
}

func environmentOf(f *pflag.Flag) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// insteadOf annotates a flag with the one in whose place it is given.
const insteadOf = "instead of"

// exclude says of two flags that each is given in place of the other.
func exclude(flags *pflag.FlagSet, a, b string) {
	cobra.CheckErr(flags.SetAnnotation(a, insteadOf, []string{b}))
	cobra.CheckErr(flags.SetAnnotation(b, insteadOf, []string{a}))
}

// fromEnvironment sets the flags that were not given from their variables, unless one was given that stands in their place. A
// flag that may be repeated takes several values separated by ";".
func fromEnvironment(cmd *cobra.Command) error {
	var failed error
	given := map[string]bool{}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { given[f.Name] = f.Changed })
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		value, found := os.LookupEnv(environmentOf(f))
		replaced := slices.ContainsFunc(f.Annotations[insteadOf], func(other string) bool { return given[other] })
		if f.Changed || replaced || !found || f.Name == "help" || failed != nil {
			return
		}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, ";")
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				failed = failure.Usage("flag", "", "the environment variable %s: %s", environmentOf(f), err)
			}
		}
	})
	return failed
}

// arguments makes the check of a command's positional arguments.
func arguments(count int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < count:
			return failure.Usage("arguments", "usage: "+cmd.UseLine(), "%s needs %s", cmd.CommandPath(), what)
		case len(args) > count && count == 0:
			return failure.Usage("arguments", "usage: "+cmd.UseLine(), "%s takes no argument: %q", cmd.CommandPath(), args[0])
		case len(args) > count:
			hint := "usage: " + cmd.UseLine()
			if strings.Contains(what, "SQL") {
				hint = "put the SQL between quotes"
			}
			return failure.Usage("arguments", hint, "%s takes one argument, %s, and got %d",
				cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// jsonFlag adds --json.
func (c *command) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.json, "json", false, "one JSON object on standard output, everything else on standard error")
}

// printJSON writes the command's one object.
func (c *command) printJSON(v any) error {
	text, err := render.JSON(v)
	if err != nil {
		return err
	}
	return c.print(text)
}

// print writes text to standard output.
func (c *command) print(text string) error {
	if _, err := io.WriteString(c.out, text); err != nil {
		return &failure.Failure{Code: "write", Message: fmt.Sprintf("cannot write the answer: %s", disk.Explain(err)), Cause: err}
	}
	return nil
}

// csvFlag adds --csv, to a command that prints an answer.
func (c *command) csvFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.csv, "csv", false, "the answer's rows as CSV on standard output, NULL empty; everything else on standard error")
}
