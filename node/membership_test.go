package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/node"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/nodetest/testnet"
	"parley/node/render"
)

// pendingVotes waits until all members' status shows who has voted for a change that is not in
// force, and that they logged it.
func pendingVotes(n *testnet.Network, q node.VoteRequest, voters ...int) {
	n.T.Helper()
	for i := range n.Nodes {
		if n.Nodes[i].Cancel == nil {
			continue
		}
		var last []node.ChangeReport
		n.Eventually(fmt.Sprintf("%s shows %d votes", n.Nodes[i].Config.Name, len(voters)), func() bool {
			last = n.Report(i).Votes
			return len(last) == 1 && len(last[0].By) == len(voters)
		})
		v := last[0]
		if v.Action != q.Action || v.Role != q.Role || v.Peer != q.Peer || v.Need != 3 {
			n.T.Errorf("%+v", v)
		}
		for k, by := range v.By {
			if voter := n.Nodes[voters[k]]; by.Name != voter.Config.Name || by.Peer != voter.Identity.Peer() || by.Block == 0 {
				n.T.Errorf("%+v", by)
			}
		}
		if text := render.Status(n.Report(i)); !strings.Contains(text, fmt.Sprintf("vote      %d of 3 votes since block ", len(voters))) ||
			!strings.Contains(text, "\n          add "+q.Peer+", department\n") {
			n.T.Errorf("%s", text)
		}
		n.Logged(i, `msg="a vote for a change of the membership" change="add the department `+q.Peer)
	}
}

// A department is voted in, joins a running network and contributes; voted out,
// it is cut off, and the others answer without it.
func TestVotes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("four departments and an auditor")
	}
	n := testnet.New(t, 4) // the fourth comes later
	n.AddAuditor()
	late := n.Nodes[3]
	for i, member := range n.Nodes {
		if i == 3 {
			continue
		}
		for k, peer := range member.Config.Peers {
			if strings.HasSuffix(peer, late.Identity.Peer()) {
				member.Config.Peers = append(member.Config.Peers[:k:k], member.Config.Peers[k+1:]...)
				break
			}
		}
		n.Start(i)
	}
	n.Departments = 3
	for _, i := range []int{0, 1, 2, 4} {
		n.WaitReady(i)
	}
	n.MustAnswer(n.Dial(0))
	// Two of four votes, and a third: more than two thirds.
	add := node.VoteRequest{Action: "add", Role: config.RoleDepartment, Peer: late.Identity.Peer()}
	if r := n.Vote(add, 0, 1); r.Done || r.Votes != 2 || r.Need != 3 {
		t.Fatalf("after two votes: %+v", r)
	}
	pendingVotes(n, add, 0, 1)
	if r := n.Vote(node.VoteRequest{Action: "withdraw", Peer: late.Identity.Peer()}, 1); len(r.Withdrawn) != 1 || !strings.Contains(r.Withdrawn[0], late.Identity.Peer()) {
		t.Fatalf("withdrawn: %+v", r)
	}
	pendingVotes(n, add, 0)
	if err := n.Cast(node.VoteRequest{Action: "withdraw", Peer: late.Identity.Peer()}, 1, new(node.VoteReply)); err == nil || !strings.Contains(err.Error(), "it cast none") {
		t.Errorf("a vote is withdrawn twice: %v", err)
	}
	n.Logged(0, `msg="a vote for a change of the membership is withdrawn"`)
	if r := n.Vote(add, 1); r.Done || r.Votes != 2 {
		t.Fatalf("voted again: %+v", r)
	}
	pendingVotes(n, add, 0, 1)
	if r := n.Vote(add, 4); !r.Done {
		t.Fatalf("after three votes: %+v", r)
	}
	late.Config.Genesis, late.Config.Trust = filepath.Join(n.Nodes[0].Config.Dir, config.GenesisFile), n.Trust(0, 1)
	n.Start(3)
	n.WaitReady(3)
	n.Departments = 4
	n.Formed(2, 0, 1, 2, 3, 4)
	a := n.MustAnswer(n.Dial(3))
	if len(a.Departments) != 4 || !a.Verdict.Verified {
		t.Errorf("%+v %+v", a.Departments, a.Verdict)
	}
	// Out again: four of the five present.
	n.Vote(node.VoteRequest{Action: "remove", Role: config.RoleDepartment, Peer: late.Identity.Peer()}, 0, 1, 2, 4)
	select {
	case err := <-late.Done:
		late.Cancel = nil
		if !errors.Is(err, node.ErrExpelled) {
			t.Errorf("the removed node ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Errorf("the removed node runs on\n%s", late.Log)
	}
	n.Departments = 3
	n.Formed(3, 0, 1, 2, 4)
	n.MustAnswer(n.Dial(1))
	// It comes back with the same key, reads in its own ledger that it was removed, and ends again.
	late.Log = &testnet.Log{}
	n.Start(3)
	select {
	case err := <-late.Done:
		late.Cancel = nil
		var f *failure.Failure
		if !errors.As(err, &f) || f.Code != "voted-out" || !strings.Contains(f.Hint, "parley init") || f.ExitStatus() != failure.StatusRefused {
			t.Errorf("the removed node ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Errorf("the removed node runs on\n%s", late.Log)
	}
	for _, i := range []int{0, 1, 2, 4} {
		for _, m := range n.Report(i).Members {
			if m.Peer == late.Identity.Peer() {
				t.Errorf("%s still lists it", n.Nodes[i].Config.Name)
			}
		}
	}
}

// The operator's door takes nobody without the token, and nothing that is no
// vote.
func TestControl(t *testing.T) {
	n := testnet.New(t, 1)
	n.Nodes[0].Config.Metrics = "127.0.0.1:0"
	n.StartAll()
	dir := n.Nodes[0].Config.Dir
	r := n.Report(0)
	if !r.Healthy || r.Ledger.Validators != 1 || !r.Ledger.Quorum || r.Epoch != 1 || len(r.Members) != 1 || r.Members[0].Name != "a" {
		t.Errorf("%+v", r)
	}
	info, err := os.Stat(filepath.Join(dir, config.ControlFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, config.ControlFile))
	if err != nil {
		t.Fatal(err)
	}
	var file node.Door
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for i, token := range []string{"", "Bearer ", "Bearer " + strings.Repeat("0", 64), "", "Bearer " + strings.Repeat("0", 64)} {
		q, _ := http.NewRequest(http.MethodGet, "http://"+file.Address+"/status", nil)
		if i >= 3 {
			q, _ = http.NewRequest(http.MethodPost, "http://"+file.Address+"/reload", nil)
		}
		q.Header.Set("Authorization", token)
		reply, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if reply.StatusCode != http.StatusForbidden {
			t.Errorf("token %q: %s", token, reply.Status)
		}
	}
	for _, body := range []string{"", "{}", `{"action":"add","role":"king","peer":"x"}`, `{"action":"remove","role":"department","peer":"` + n.Nodes[0].Identity.Peer() + `"}`} {
		var reply node.VoteReply
		err := node.CallControl(context.Background(), dir, http.MethodPost, "/vote", strings.NewReader(body), &reply)
		var f *failure.Failure
		if !errors.As(err, &f) {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, figure := range []string{"parley_ready 1", "parley_ledger_height ", "libp2p_swarm_"} {
		if text := metricsOf(t, file); !strings.Contains(text, figure) {
			t.Errorf("/metrics has no %s", figure)
		}
	}
	n.Stop(0)
	var f *failure.Failure
	if err := node.CallControl(context.Background(), dir, http.MethodGet, "/status", nil, &r); !errors.As(err, &f) || !strings.Contains(f.Message, "no node is running") {
		t.Errorf("a stopped node: %v", err)
	}
}

func metricsOf(t *testing.T, file node.Door) string {
	t.Helper()
	q, err := http.NewRequest(http.MethodGet, "http://"+file.Address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+file.Token)
	reply, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
