package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"parley/node/build"
	"parley/node/cli/man"
	"parley/node/failure"
	"parley/protocols"
)

// versionJSON is what `version --json` prints.
type versionJSON struct {
	build.Info
	Format uint64 `json:"format"` // of certificates, networks, ledgers and what nodes say to each other
}

func (c *command) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "which build this is, and which format it reads",
		Args:  arguments(0, ""),
		RunE: func(*cobra.Command, []string) error {
			v := versionJSON{build.Read(), uint64(protocols.Version)}
			if c.json {
				return c.printJSON(v)
			}
			return c.print(fmt.Sprintf("parley   %s\nformat   %d, of certificates, networks and ledgers\n", v.Info, v.Format))
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// statuses are the exit statuses as the manual has them.
var statuses = []man.Status{
	{Code: failure.StatusAnswered, Meaning: "answered, or verified against pinned keys"},
	{Code: failure.StatusRefused, Meaning: "refused, failed or not verified"},
	{Code: failure.StatusUsage, Meaning: "called wrongly: flags, arguments, configuration, a file that is not there"},
	{Code: failure.StatusNotPinned, Meaning: "everything agrees with itself, but not by pinned keys"},
}

func (c *command) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "write the manual's pages into DIR",
		Hidden: true, // for who installs Parley
		Args:   arguments(1, "the folder of the pages"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := man.Write(args[0], cmd.Root(), statuses)
			if err != nil {
				return unwritable(args[0], err)
			}
			return c.print(fmt.Sprintf("%d pages in %s\n", n, args[0]))
		},
	}
}
