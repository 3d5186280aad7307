package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/node/failure"
)

// takesSQL gives a command its question: one argument, "-" for standard input, or --file.
func (c *command) takesSQL(cmd *cobra.Command, run func(cmd *cobra.Command, sql string) error) {
	var file string
	cmd.Flags().StringVarP(&file, "file", "f", "", `the file with the SQL, instead of the argument; the argument "-" is standard input`)
	cmd.Args = cobra.ArbitraryArgs // --file may come from the environment
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if c.csv && c.json {
			return failure.Usage("flag", "leave one of them out", "--csv and --json exclude each other")
		}
		sql, err := c.readSQL(cmd, args, file)
		if err != nil {
			return err
		}
		return run(cmd, sql)
	}
}

func (c *command) readSQL(cmd *cobra.Command, args []string, file string) (string, error) {
	if file != "" && len(args) > 0 {
		return "", failure.Usage("arguments", "leave one of them out", "%s has the SQL twice: as its argument and in --file %s", cmd.CommandPath(), file)
	}
	if file != "" {
		text, err := readLimited(file, engine.MaxSQLBytes)
		return strings.TrimSpace(string(text)), err
	}
	if err := arguments(1, "the SQL")(cmd, args); err != nil {
		return "", err
	}
	if args[0] != "-" {
		return args[0], nil
	}
	text, err := io.ReadAll(io.LimitReader(c.in, engine.MaxSQLBytes+1))
	if err != nil {
		return "", failure.Unreadable("arguments", "standard input", err)
	}
	if len(text) > engine.MaxSQLBytes {
		return "", failure.Usage("arguments", "", "standard input is longer than a question may be (%d bytes)", engine.MaxSQLBytes)
	}
	return strings.TrimSpace(string(text)), nil
}
