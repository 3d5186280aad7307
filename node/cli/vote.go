package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"parley/node"
	"parley/node/cli/people"
	"parley/node/config"
	"parley/node/failure"
)

func (c *command) voteCommand() *cobra.Command {
	var path, role, to, as string
	cmd := &cobra.Command{
		Use:   "vote --config node.toml add|remove|rotate|seize|withdraw PEER-ID",
		Short: "vote for a change of who belongs to the network",
		Long: `Has the running node vote for a change. The same vote by more than two thirds of all departments and auditors puts it
in force: the ledger's validators follow, and a new epoch is formed with the new departments. Who is removed is cut off
at once. A vote that others did not join is void as soon as another change is in force; until then withdraw takes back
what this node has voted about a peer id. parley node status lists the votes that are open.

A member that gets a new identity hands over: it votes for its own rotation by its old one, and that vote is the old
key's signature, without which the rotation does not come into force. Where the old key is lost, the others can seize the
place for a new one; that is shown as a seizure wherever the member's name stands. Either way, and after add, verdicts
against an older description have exit status 3: parley ledger network --at BLOCK writes the one to pin from then on.

  parley vote --config node.toml add --role department 12D3KooW...
  parley vote --config node.toml remove 12D3KooW...
  parley vote --config node.toml rotate --to 12D3KooNEW... 12D3KooOLD...
  parley vote --config node.toml seize --to 12D3KooNEW... 12D3KooOLD...
  parley vote --config node.toml withdraw 12D3KooW...`,
		Args: arguments(2, "add, remove, rotate, seize or withdraw, and a peer id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.vote(cmd.Context(), path, as, node.VoteRequest{Action: args[0], Role: role, Peer: args[1], To: to})
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the node.toml of the node that votes")
	cmd.Flags().StringVar(&role, "role", config.RoleDepartment, "add: department or auditor")
	cmd.Flags().StringVar(&to, "to", "", "rotate, seize: the peer id of the new identity")
	people.AsFlag(cmd, &as)
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) vote(ctx context.Context, config, as string, q node.VoteRequest) error {
	cfg, err := configFor("vote", config)
	if err != nil {
		return err
	}
	if _, err := q.Change(); err != nil {
		return failure.Usage("vote", "", "%s", err)
	}
	var reply node.VoteReply
	if err := node.Operate(ctx, cfg.Dir, as, "/vote", q.Text(), q, &reply); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(reply)
	}
	if reply.Withdrawn != nil {
		return c.print("withdrawn: this node does not vote any more to " + strings.Join(reply.Withdrawn, ", or to ") + "\n")
	}
	if reply.Done {
		return c.print("the change is in force\n")
	}
	missing := ""
	if reply.Handover {
		missing = "; the member's own is missing: it has to vote for this from its old identity's node"
	}
	return c.print(fmt.Sprintf("voted: %d of the %d votes that are needed%s\n", reply.Votes, reply.Need, missing))
}
