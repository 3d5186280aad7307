package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"parley/node/build"
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
