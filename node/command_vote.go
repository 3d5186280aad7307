package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// voteRequest is what the operator's door takes: a change of the membership
// that this node votes for.
type voteRequest struct {
	Action string `json:"action"` // add, remove, rotate, seize
	Role   string `json:"role"`   // department, auditor
	Peer   string `json:"peer"`
	To     string `json:"to,omitempty"` // rotate, seize: the new identity
}

// voteReply says where the change stands.
type voteReply struct {
	Done  bool `json:"done"` // it is in force
	Votes int  `json:"votes"`
	Need  int  `json:"need"`
	// Handover says of a rotation that the member's own vote is still missing.
	Handover bool `json:"handoverMissing"`
}

func (c *command) voteCommand() *cobra.Command {
	var config, role, to string
	cmd := &cobra.Command{
		Use:   "vote --config node.toml add|remove|rotate|seize PEER-ID",
		Short: "vote for a change of who belongs to the network",
		Long: `Has the running node vote for a change. The same vote by more than two thirds of all departments and auditors puts it
in force: the ledger's validators follow, and a new epoch is formed with the new departments. Who is removed is cut off
at once. A vote that others did not join is void as soon as another change is in force.

A member that gets a new identity hands over: it votes for its own rotation by its old one, and that vote is the old
key's signature, without which the rotation does not come into force. Where the old key is lost, the others can seize the
place for a new one; that is shown as a seizure wherever the member's name stands. Either way, and after add, verdicts
against an older description have exit status 3: parley ledger network --at BLOCK writes the one to pin from then on.

  parley vote --config node.toml add --role department 12D3KooW...
  parley vote --config node.toml remove 12D3KooW...
  parley vote --config node.toml rotate --to 12D3KooNEW... 12D3KooOLD...
  parley vote --config node.toml seize --to 12D3KooNEW... 12D3KooOLD...`,
		Args: arguments(2, "add, remove, rotate or seize, and a peer id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.vote(cmd.Context(), config, voteRequest{Action: args[0], Role: role, Peer: args[1], To: to})
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the node.toml of the node that votes")
	cmd.Flags().StringVar(&role, "role", roleDepartment, "add: department or auditor")
	cmd.Flags().StringVar(&to, "to", "", "rotate, seize: the peer id of the new identity")
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) vote(ctx context.Context, config string, q voteRequest) error {
	cfg, err := configFor("vote", config)
	if err != nil {
		return err
	}
	if _, err := q.change(); err != nil {
		return failure.Usage("vote", "", "%s", err)
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	var reply voteReply
	if err := callControl(ctx, cfg.Dir, http.MethodPost, "/vote", bytes.NewReader(body), &reply); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(reply)
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

// change reads a request; the version is the ledger's to say.
func (q voteRequest) change() (protocols.Change, error) {
	out := protocols.Change{Action: protocols.Action(q.Action), Role: protocols.Role(q.Role)}
	switch out.Action {
	case protocols.ActionAdd, protocols.ActionRemove, protocols.ActionRotate, protocols.ActionSeize:
	default:
		return out, fmt.Errorf("%q is not add, remove, rotate or seize", q.Action)
	}
	if out.Role != protocols.RoleDepartment && out.Role != protocols.RoleAuditor {
		return out, fmt.Errorf("role %q is not department or auditor", q.Role)
	}
	var err error
	if out.Key, err = peers.KeyOf(q.Peer); err != nil {
		return out, err
	}
	if (q.To != "") != (out.Action == protocols.ActionRotate || out.Action == protocols.ActionSeize) {
		return out, errors.New("--to names the new identity: rotate and seize need one, nothing else has one")
	}
	if q.To != "" {
		out.NewKey, err = peers.KeyOf(q.To)
	}
	return out, err
}

// serveVote signs a vote as this node and waits until it is ordered.
func (n *node) serveVote(w http.ResponseWriter, r *http.Request) {
	var q voteRequest
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	if err != nil {
		http.Error(w, "not a vote", http.StatusBadRequest)
		return
	}
	change, err := q.change()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), controlTimeout)
	defer cancel()
	reply, err := n.vote(ctx, change)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	answerJSON200(w, reply)
}

// vote reads the state from the ledger's own replica, not from the loop's.
func (n *node) vote(ctx context.Context, change protocols.Change) (voteReply, error) {
	before, err := n.history.Base(ctx)
	if err != nil {
		return voteReply{}, err
	}
	present := before.Membership()
	change.Version = present.Version
	for _, m := range present.Auditors {
		if m.Key == change.Key {
			change.Role = protocols.RoleAuditor // a present member's is known
		}
	}
	e := protocols.Sign(n.network.ID(), n.id.Private(), &protocols.Vote{Change: change})
	if err := n.history.Append(ctx, e); err != nil {
		return voteReply{}, err
	}
	after, err := n.history.Base(ctx)
	if err != nil {
		return voteReply{}, err
	}
	if after.Membership().Version != change.Version {
		return voteReply{Done: true}, nil
	}
	reply := voteReply{Need: 2*len(after.Validators())/3 + 1, Handover: change.Action == protocols.ActionRotate}
	for _, r := range after.Votes() {
		body, err := r.Entry.Open()
		if vote, ok := body.(*protocols.Vote); err == nil && ok && vote.Change == change {
			reply.Votes++
			reply.Handover = reply.Handover && r.Entry.Author != change.Key
		}
	}
	return reply, nil
}
