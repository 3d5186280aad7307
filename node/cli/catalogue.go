package cli

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/engine"
	"parley/node/client"
	"parley/node/config"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// askerFlags are where a network is asked, and as whom.
type askerFlags struct{ node, identity string }

func (f *askerFlags) add(cmd *cobra.Command) { addAsker(cmd, &f.node, &f.identity) }

func addAsker(cmd *cobra.Command, node, identity *string) {
	cmd.Flags().StringVar(node, "node", "", "the multiaddr of a department's node")
	cmd.Flags().StringVar(identity, "identity", "", "the person's identity, made by parley init")
}

// check says what is missing, and where it comes from.
func (f askerFlags) check(command string) error {
	for _, required := range []struct{ flag, value, hint string }{
		{"node", f.node, "the line of a department's node, which its parley init printed: /ip4/192.0.2.10/tcp/4001/p2p/12D3KooW..."},
		{"identity", f.identity, "parley init DIR makes one, DIR/identity.key; the operator of a department vouches for its peer id"},
	} {
		if required.value == "" {
			return failure.Usage("flag", required.hint, "parley %s needs --%s", command, required.flag)
		}
	}
	return nil
}

// dialAsker connects an analyst to a node. The caller closes the client.
func (c *command) dialAsker(ctx context.Context, f askerFlags, cache string) (*client.Client, error) {
	if err := exchange.CheckAddress(f.node); err != nil {
		return nil, err
	}
	id, err := peers.LoadIdentity(f.identity)
	if err != nil {
		return nil, failure.Usage("identity", "", "%s", err)
	}
	c.progress.Step("connecting to %s", f.node)
	return client.Dial(ctx, f.node, id, client.Options{CacheDir: cache, Parameters: c.parameters})
}

func (c *command) tablesCommand() *cobra.Command {
	var f askerFlags
	cmd := &cobra.Command{
		Use:   "tables --node MULTIADDR --identity FILE",
		Short: "a network's tables: who holds how many rows, each column's type, bounds and values",
		Long: `Lists what the departments have registered on the ledger, which is what a question may name. Bounds and values are those over
all departments that hold the table.`,
		Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.listTables(cmd.Context(), f) },
	}
	f.add(cmd)
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) listTables(ctx context.Context, f askerFlags) error {
	if err := f.check("tables"); err != nil {
		return err
	}
	analyst, err := c.dialAsker(ctx, f, "")
	if err != nil {
		return err
	}
	defer analyst.Close()
	catalogue, err := analyst.Catalogue(ctx)
	if err != nil {
		return err
	}
	c.progress.Finish()
	if c.json {
		return c.printJSON(map[string]any{"tables": render.TablesOf(catalogue)})
	}
	return c.print(render.Tables(catalogue))
}

// describeFlags are what `describe` takes.
type describeFlags struct {
	readingFlags
	name, config string
	toml         bool
}

func (c *command) describeCommand() *cobra.Command {
	var f describeFlags
	cmd := &cobra.Command{
		Use:   "describe (FILE... | --config NODE.TOML TABLE)",
		Short: "what a node would register of your files: columns, types, bounds, values, and what is set aside",
		Long: `Reads the files, which together are one table of one department, and shows what a node would tell the other departments and the
analysts of it. Nothing is sent, and no key is needed. The options are those of [[table]] and [[table.column]] in node.toml.

  parley describe cleveland.csv
  parley describe --name visits --column 'born: type=date format=d/m/y' 'visits-*.csv'
  parley describe --toml visits.csv >> node.toml
  parley describe --config north/node.toml visits`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return arguments(1, "a file, or the name of a table of --config")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var beside error
			cmd.Flags().Visit(func(flag *pflag.Flag) {
				if f.config != "" && !slices.Contains([]string{"config", "json"}, flag.Name) {
					beside = failure.Usage("flag", "", "--config says all of the table: leave --%s out", flag.Name)
				}
			})
			if beside != nil {
				return beside
			}
			return c.describeFiles(cmd.Context(), args, f)
		},
	}
	cmd.Flags().StringVar(&f.name, "name", "", "the table's name; that of the first file otherwise")
	f.add(cmd)
	cmd.Flags().StringVar(&f.config, "config", "", "`NODE.TOML`: describe the table of that name in it, of files or in a database")
	cmd.Flags().BoolVar(&f.toml, "toml", false, "print the [[table]] that a node.toml needs to register just this")
	c.jsonFlag(cmd)
	return cmd
}

// table is the one table that the files are, as node.toml would have it.
func (f *describeFlags) table(patterns []string) (config.Table, error) {
	t, err := f.reading()
	if err != nil {
		return t, err
	}
	for _, pattern := range patterns {
		matches, err := config.Expand(pattern)
		if err != nil {
			return t, failure.Usage("file", "", "%s", err)
		}
		for _, match := range matches {
			if match, err = filepath.Abs(match); err != nil {
				return t, failure.Unreadable("file", match, err)
			}
			t.Files = append(t.Files, match)
		}
	}
	t.Name = cmp.Or(f.name, plainName(fileStem(t.Files[0])))
	sources := []source{{Tables: []config.Table{t}}}
	err = f.choose(sources)
	return sources[0].Tables[0], err
}

// configured is the table of a node.toml that is named.
func (f *describeFlags) configured(names []string) (none config.Table, err error) {
	cfg, err := config.Load(f.config)
	if err != nil {
		return none, err
	}
	var known []string
	for _, t := range cfg.Tables {
		if len(names) == 1 && t.Name == names[0] {
			return t, nil
		}
		known = append(known, t.Name)
	}
	return none, failure.Usage("table", "its tables are "+strings.Join(known, ", "), "%s has no table %s", f.config, strings.Join(names, " "))
}

func (c *command) describeFiles(ctx context.Context, patterns []string, f describeFlags) error {
	read := f.table
	if f.config != "" {
		read = f.configured
	}
	t, err := read(patterns)
	if err != nil {
		return err
	}
	found, err := describeTable(ctx, t.Name, t, false)
	if err != nil {
		return err
	}
	if err := protocols.CheckTables(t.Name, []engine.Registration{found.registration}, 1); err != nil {
		failed := failure.Of(err)
		failed.Code = "tables"
		return failed
	}
	switch d := describe(t, found); {
	case f.toml:
		text, err := config.TableText(t)
		if err != nil {
			return err
		}
		return c.print(string(text))
	case c.json:
		return c.printJSON(d)
	default:
		return c.print(d.String())
	}
}

// describe gives a table that was read its description.
func describe(t config.Table, read tableDescription) render.Description {
	d := render.NewDescription(read.registration)
	more := t
	more.Declare(read.everything)
	d.Declare = more.Undeclared(t)
	d.Files, d.Bytes, d.Left = append(d.Files, t.Files...), read.room, append(d.Left, read.left...)
	if t.Source.Source != "" {
		d.Source = t.Source.Where()
	}
	var short []string // the files stand above, with their folders
	for _, file := range t.Files {
		short = append(short, file, filepath.Base(file))
	}
	names := strings.NewReplacer(short...)
	said := map[string]bool{}
	for _, fault := range read.aside {
		d.Aside = append(d.Aside, render.Aside{Column: fault.Field, File: fault.File, Line: fault.Line, Row: fault.Row, Reason: names.Replace(fault.Error())})
		said[fault.AsideNote()] = true
	}
	for _, note := range read.notes {
		if !said[note] {
			d.Notes = append(d.Notes, names.Replace(note))
		}
	}
	return d
}
