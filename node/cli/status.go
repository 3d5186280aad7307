package cli

import (
	"context"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"parley/node"
	"parley/node/cli/people"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/render"
)

func (c *command) statusCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "status --config node.toml",
		Short: "what a running node says of itself: ledger, members, epoch, storage",
		Long: `Asks the node that runs from this node.toml, through a door that only the node's own user can open. Exit status 0:
healthy; 1: not, with the reason, or not running.`,
		Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.nodeStatus(cmd.Context(), config) },
	}
	cmd.Flags().StringVar(&config, "config", "", "the node.toml")
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) nodeStatus(ctx context.Context, config string) error {
	cfg, err := configFor("node status", config)
	if err != nil {
		return err
	}
	var r node.Report
	if err := node.CallControl(ctx, cfg.Dir, http.MethodGet, "/status", nil, &r); err != nil {
		return err
	}
	if c.json {
		err = c.printJSON(r)
	} else {
		err = c.print(render.Status(r))
	}
	if err == nil && !r.Healthy {
		err = exitStatus(failure.StatusRefused)
	}
	return err
}

func (c *command) reloadCommand() *cobra.Command {
	var config, as string
	cmd := &cobra.Command{
		Use:   "reload --config node.toml",
		Short: "have a running node read its node.toml again, and say what has changed",
		Long: `Has the node that runs from this node.toml read it again, as SIGHUP does: tables and their files, analysts, deadline and
retention take effect. Exit status 0: it did; 1: an error, and nothing has changed.`,
		Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.nodeReload(cmd.Context(), config, as) },
	}
	cmd.Flags().StringVar(&config, "config", "", "the node.toml")
	people.AsFlag(cmd, &as)
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) nodeReload(ctx context.Context, config, as string) error {
	cfg, err := configFor("node reload", config)
	if err != nil {
		return err
	}
	var r node.ReloadReply
	if err := node.Operate(ctx, cfg.Dir, as, "/reload", "reload", nil, &r); err != nil {
		return err
	}
	switch {
	case r.Error != "":
		return failure.Refused("not-reloaded", r.Hint, "nothing has changed: %s", r.Error)
	case c.json:
		return c.printJSON(r)
	case r.Reading:
		return c.print("the node is still reading: its log will say what has changed\n")
	case len(r.Changed) == 0:
		return c.print("nothing has changed\n")
	}
	return c.print(failure.PrintableLines(strings.Join(r.Changed, "\n")) + "\n")
}

// configFor reads the node.toml that a command about a running node needs.
func configFor(command, path string) (config.Config, error) {
	if path == "" {
		return config.Config{}, failure.Usage("flag", "it is the file that the node was started with", "parley %s needs --config", command)
	}
	return config.Load(path)
}
