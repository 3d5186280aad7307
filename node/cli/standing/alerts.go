package standing

import (
	"time"

	"github.com/spf13/cobra"

	"parley/node/audit"
	"parley/node/cli/rights"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

func (s Shell) alerts() *cobra.Command {
	var table, since, language string
	cmd := &cobra.Command{
		Use:   "alerts --node MULTIADDR --identity FILE",
		Short: "the last alerts on the ledger: whose answer passed which threshold",
		Long: `Lists alerts, the oldest first, as the ledger's state has them: the last 1,024. An alert is the word of the analyst who asked;
whether it is true shows the certificate of the query. Older ones are among the entries of parley ledger list --all.`,
		Args: s.Arguments(0, ""),
	}
	w := s.Where(cmd)
	flags := cmd.Flags()
	flags.StringVar(&table, "table", "", "of questions about this table only")
	flags.StringVar(&since, "since", "", "from this time on, UTC: 2026-03-31, or \"2026-03-31 09:00\"")
	rights.AddLanguage(cmd, &language)
	s.JSONFlag(cmd)
	s.CSVFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := rights.CheckLanguage(language); err != nil {
			return err
		}
		if *s.JSON && *s.CSV {
			return failure.Usage("flag", "", "--json or --csv, not both")
		}
		from, err := s.When("since", since, time.Now())
		if err != nil {
			return err
		}
		c, err := s.Dial(cmd.Context(), "alerts", *w)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := read(cmd, c)
		if err != nil {
			return err
		}
		kept := []audit.Alert{}
		for _, a := range all {
			if (table == "" || a.Table == table) && !a.Time.Before(from) {
				kept = append(kept, a)
			}
		}
		switch {
		case *s.JSON:
			return s.PrintJSON(map[string]any{"alerts": kept})
		case *s.CSV:
			return s.Print(render.AlertsCSV(kept, language))
		}
		return s.Print(render.Alerts(kept, language))
	}
	return cmd
}

// read gives the alerts as far as the node has the ledger.
func read(cmd *cobra.Command, c *client.Client) (out []audit.Alert, err error) {
	if _, err := c.Catalogue(cmd.Context()); err != nil {
		return nil, err
	}
	c.View(func(state *protocols.State) { out = audit.AlertsOf(state) })
	return out, nil
}
