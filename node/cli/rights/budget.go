package rights

import (
	"strings"

	"github.com/spf13/cobra"

	"parley/node/client"
	"parley/node/render"
	"parley/protocols"
)

func (s Shell) budgets() *cobra.Command {
	var of, person string
	cmd := &cobra.Command{
		Use:   "budgets --node MULTIADDR --identity FILE",
		Short: "budgets of differential privacy: what persons' questions cost, and what is left",
		Long: `Lists what is spent, by department, table, person and purpose. What was never asked has no account. What a question would
cost, explain says.

  parley budgets --of north
  parley budgets --person "Li Mei"`,
		Args: s.Arguments(0, ""),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.connected(cmd.Context(), "budgets", *w, func(c *client.Client) error {
			shown := []render.Budget{}
			c.View(func(state *protocols.State) {
				for _, b := range state.Budgets() {
					whose := render.BudgetOf(state, b)
					if (of == "" || strings.EqualFold(of, b.Department)) && matches(person, whose.Name, b.Person) {
						shown = append(shown, whose)
					}
				}
			})
			if *s.JSON {
				return s.PrintJSON(map[string]any{"budgets": shown})
			}
			return s.Print(render.Budgets(shown))
		})
	}
	flags := cmd.Flags()
	flags.StringVar(&of, "of", "", "only of this `DEPARTMENT`")
	flags.StringVar(&person, "person", "", "only of this person: a name, a peer id, or a key as policies have it")
	s.JSONFlag(cmd)
	return cmd
}
