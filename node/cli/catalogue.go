package cli

import (
	"context"

	"github.com/spf13/cobra"

	"parley/node/client"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/peers"
	"parley/node/render"
)

// askerFlags are where a network is asked, and as whom.
type askerFlags struct{ node, identity string }

func (f *askerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.node, "node", "", "the multiaddr of a department's node")
	cmd.Flags().StringVar(&f.identity, "identity", "", "the analyst's identity, made by parley init")
}

// check says what is missing, and where it comes from.
func (f askerFlags) check(command string) error {
	for _, required := range []struct{ flag, value, hint string }{
		{"node", f.node, "the line of a department's node, which its parley init printed: /ip4/192.0.2.10/tcp/4001/p2p/12D3KooW..."},
		{"identity", f.identity, "parley init DIR makes one, DIR/identity.key; the departments list its peer id among their analysts"},
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
