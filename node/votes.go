package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"parley/node/audit"
	"parley/node/peers"
	"parley/protocols"
)

// actionWithdraw is no change: a node takes its votes about a peer back.
const actionWithdraw protocols.Action = "withdraw"

// VoteRequest is what the operator's door takes: a change of the membership
// that this node votes for.
type VoteRequest struct {
	Action string `json:"action"` // add, remove, rotate, seize; withdraw: the node's votes about the peer
	Role   string `json:"role"`   // department, auditor
	Peer   string `json:"peer"`
	To     string `json:"to,omitempty"` // rotate, seize: the new identity
}

// Change reads a request; the version is the ledger's to say.
func (q VoteRequest) Change() (protocols.Change, error) {
	out := protocols.Change{Action: protocols.Action(q.Action), Role: protocols.Role(q.Role)}
	switch out.Action {
	case protocols.ActionAdd, protocols.ActionRemove, protocols.ActionRotate, protocols.ActionSeize, actionWithdraw:
	default:
		return out, fmt.Errorf("%q is not add, remove, rotate, seize or withdraw", q.Action)
	}
	if out.Role != protocols.RoleDepartment && out.Role != protocols.RoleAuditor && out.Action != actionWithdraw {
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

// Text is the request in words, as an operator signs it.
func (q VoteRequest) Text() string {
	words := []string{"vote", q.Action}
	if q.Action == string(protocols.ActionAdd) {
		words = append(words, q.Role)
	}
	words = append(words, q.Peer)
	if q.To != "" {
		words = append(words, "to", q.To)
	}
	return strings.Join(words, " ")
}

// VoteReply says where the change stands.
type VoteReply struct {
	Done  bool `json:"done"` // it is in force
	Votes int  `json:"votes"`
	Need  int  `json:"need"`
	// Handover says of a rotation that the member's own vote is still missing.
	Handover bool `json:"handoverMissing"`
	// Withdrawn is what the node does not vote for any more, as people read it.
	Withdrawn []string `json:"withdrawn,omitempty"`
}

// serveVote signs a vote as this node and waits until it is ordered.
func (n *node) serveVote(w http.ResponseWriter, r *http.Request) {
	var q VoteRequest
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	if err != nil {
		http.Error(w, "not a vote", http.StatusBadRequest)
		return
	}
	if !n.up.Load() {
		http.Error(w, "this node cannot vote yet: "+n.waiting(), http.StatusConflict)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), ControlTimeout)
	defer cancel()
	change, err := q.Change()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := n.act(ctx, r.Header.Get(actHeader), q.Text()); err != nil {
		refuseAct(w, err)
		return
	}
	do := n.vote
	if change.Action == actionWithdraw {
		do = n.withdraw
	}
	reply, err := do(ctx, change)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	answerJSON200(w, reply)
}

// vote reads the state from the ledger's own replica, not from the loop's.
func (n *node) vote(ctx context.Context, change protocols.Change) (VoteReply, error) {
	before, err := n.history.Base(ctx)
	if err != nil {
		return VoteReply{}, err
	}
	present := before.Membership()
	change.Version = present.Version
	for _, m := range present.Auditors {
		if m.Key == change.Key {
			change.Role = protocols.RoleAuditor // a present member's is known
		}
	}
	e := protocols.Sign(n.network.ID(), n.id.Private(), before.NextVote(n.id.Key(), change, false))
	if err := n.history.Append(ctx, e); err != nil {
		return VoteReply{}, err
	}
	after, err := n.history.Base(ctx)
	if err != nil {
		return VoteReply{}, err
	}
	if after.Membership().Version != change.Version {
		return VoteReply{Done: true}, nil
	}
	reply := VoteReply{Handover: change.Action == protocols.ActionRotate}
	for _, p := range after.Pending() {
		if p.Change == change {
			reply.Votes, reply.Need = len(p.Votes), p.Need
			reply.Handover = reply.Handover && !votedBy(p, change.Key)
		}
	}
	return reply, nil
}

// withdraw takes back what this node has voted about a key.
func (n *node) withdraw(ctx context.Context, about protocols.Change) (reply VoteReply, err error) {
	before, err := n.history.Base(ctx)
	if err != nil {
		return reply, err
	}
	for _, p := range before.Pending() {
		if p.Change.Key != about.Key && p.Change.NewKey != about.Key || !votedBy(p, n.id.Key()) {
			continue
		}
		vote := before.NextVote(n.id.Key(), p.Change, true)
		if err := n.history.Append(ctx, protocols.Sign(n.network.ID(), n.id.Private(), vote)); err != nil {
			return reply, err
		}
		reply.Withdrawn = append(reply.Withdrawn, audit.ChangeText(before, p.Change))
	}
	if reply.Withdrawn == nil {
		return reply, fmt.Errorf("no vote of this node about %s is open: it cast none, or the change is in force, which only another vote reverses", peers.PeerOf(about.Key))
	}
	return reply, nil
}

func votedBy(p protocols.Pending, k protocols.Key) bool {
	return slices.ContainsFunc(p.Votes, func(r protocols.Record) bool { return r.Entry.Author == k })
}

// tellVote logs a vote that has just been ordered.
func (n *node) tellVote(r *protocols.Record) {
	body, err := r.Entry.Open()
	vote, ok := body.(*protocols.Vote)
	if err != nil || !ok {
		return // the replica would not have taken it
	}
	text := "a vote puts a change of the membership in force"
	by := []any{"change", audit.ChangeText(n.replica, vote.Change), "by", audit.AuthorName(n.replica, r.Entry.Author), "block", r.Block}
	for _, p := range n.replica.Pending() {
		if p.Change == vote.Change {
			text, by = "a vote for a change of the membership", append(by, "votes", len(p.Votes), "needed", p.Need)
		}
	}
	if vote.Withdraw {
		text = "a vote for a change of the membership is withdrawn"
	}
	n.log.Info(text, by...)
}
