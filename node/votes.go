package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

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

// voteReply says where the change stands.
type voteReply struct {
	Done  bool `json:"done"` // it is in force
	Votes int  `json:"votes"`
	Need  int  `json:"need"`
	// Handover says of a rotation that the member's own vote is still missing.
	Handover bool `json:"handoverMissing"`
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
