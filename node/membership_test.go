package node

import (
	"bytes"
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

	"parley/node/audit"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/peers"
)

// vote has nodes vote through their operators' doors, and returns the last
// one's reply.
func (n *testNetwork) vote(q voteRequest, voters ...int) (reply voteReply) {
	n.t.Helper()
	for _, i := range voters {
		reply = voteReply{}
		if err := n.cast(q, i, &reply); err != nil {
			n.t.Fatalf("%s votes: %v\n%s", n.nodes[i].cfg.Name, err, n.nodes[i].log)
		}
	}
	return reply
}

func (n *testNetwork) cast(q voteRequest, voter int, reply *voteReply) error {
	n.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		n.t.Fatal(err)
	}
	return callControl(context.Background(), n.nodes[voter].cfg.Dir, http.MethodPost, "/vote", bytes.NewReader(body), reply)
}

// pendingVotes waits until all members' status shows who has voted for a change that is not in
// force, and that they logged it.
func (n *testNetwork) pendingVotes(q voteRequest, voters ...int) {
	n.t.Helper()
	for i := range n.nodes {
		if n.nodes[i].cancel == nil {
			continue
		}
		var last []changeReport
		n.eventually(fmt.Sprintf("%s shows %d votes", n.nodes[i].cfg.Name, len(voters)), func() bool {
			last = n.report(i).Votes
			return len(last) == 1 && len(last[0].By) == len(voters)
		})
		v := last[0]
		if v.Action != q.Action || v.Role != q.Role || v.Peer != q.Peer || v.Need != 3 {
			n.t.Errorf("%+v", v)
		}
		for k, by := range v.By {
			if voter := n.nodes[voters[k]]; by.Name != voter.cfg.Name || by.Peer != voter.id.Peer() || by.Block == 0 {
				n.t.Errorf("%+v", by)
			}
		}
		if text := statusText(n.report(i)); !strings.Contains(text, fmt.Sprintf("vote      %d of 3 votes since block ", len(voters))) ||
			!strings.Contains(text, "\n          add "+q.Peer+", department\n") {
			n.t.Errorf("%s", text)
		}
		n.logged(i, `msg="a vote for a change of the membership" change="add the department `+q.Peer)
	}
}

// report asks a node's door how it is.
func (n *testNetwork) report(i int) (r nodeReport) {
	n.t.Helper()
	if err := callControl(context.Background(), n.nodes[i].cfg.Dir, http.MethodGet, "/status", nil, &r); err != nil {
		n.t.Fatal(err)
	}
	return r
}

// trust is a block that two nodes show alike, as a newcomer's operator is told.
func (n *testNetwork) trust(a, b int) string {
	n.t.Helper()
	head, err := compareHeads(context.Background(), []string{n.address(a), n.address(b)}, n.analyst, audit.Pins{}, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	return fmt.Sprint(head.Block, ":", head.Hash)
}

// eventually waits for something to become true.
func (n *testNetwork) eventually(what string, done func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("not in a minute: %s\n%s", what, n.logs())
		}
	}
}

// logged waits until a node's log, of all its lives, holds a text.
func (n *testNetwork) logged(i int, text string) {
	n.t.Helper()
	n.eventually(n.nodes[i].cfg.Name+" logs "+text, func() bool { return strings.Contains(n.nodes[i].log.String(), text) })
}

// formed waits until nodes have an epoch and answer under it.
func (n *testNetwork) formed(epoch uint64, nodes ...int) {
	n.t.Helper()
	for _, i := range nodes {
		n.eventually(fmt.Sprintf("%s has epoch %d", n.nodes[i].cfg.Name, epoch), func() bool {
			r := n.report(i)
			return r.Epoch == epoch && r.Healthy
		})
	}
}

// A department is voted in, joins a running network and contributes; voted out,
// it is cut off, and the others answer without it.
func TestVotes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("four departments and an auditor")
	}
	n := newTestNetwork(t, 4) // the fourth comes later
	n.addAuditor()
	late := n.nodes[3]
	for i, node := range n.nodes {
		if i == 3 {
			continue
		}
		for k, peer := range node.cfg.Peers {
			if strings.HasSuffix(peer, late.id.Peer()) {
				node.cfg.Peers = append(node.cfg.Peers[:k:k], node.cfg.Peers[k+1:]...)
				break
			}
		}
		n.start(i)
	}
	n.departments = 3
	for _, i := range []int{0, 1, 2, 4} {
		n.waitReady(i)
	}
	n.mustAnswer(n.dial(0))
	// Two of four votes, and a third: more than two thirds.
	add := voteRequest{Action: "add", Role: config.RoleDepartment, Peer: late.id.Peer()}
	if r := n.vote(add, 0, 1); r.Done || r.Votes != 2 || r.Need != 3 {
		t.Fatalf("after two votes: %+v", r)
	}
	n.pendingVotes(add, 0, 1)
	if r := n.vote(voteRequest{Action: "withdraw", Peer: late.id.Peer()}, 1); len(r.Withdrawn) != 1 || !strings.Contains(r.Withdrawn[0], late.id.Peer()) {
		t.Fatalf("withdrawn: %+v", r)
	}
	n.pendingVotes(add, 0)
	if err := n.cast(voteRequest{Action: "withdraw", Peer: late.id.Peer()}, 1, new(voteReply)); err == nil || !strings.Contains(err.Error(), "it cast none") {
		t.Errorf("a vote is withdrawn twice: %v", err)
	}
	n.logged(0, `msg="a vote for a change of the membership is withdrawn"`)
	if r := n.vote(add, 1); r.Done || r.Votes != 2 {
		t.Fatalf("voted again: %+v", r)
	}
	n.pendingVotes(add, 0, 1)
	if r := n.vote(add, 4); !r.Done {
		t.Fatalf("after three votes: %+v", r)
	}
	late.cfg.Genesis, late.cfg.Trust = filepath.Join(n.nodes[0].cfg.Dir, config.GenesisFile), n.trust(0, 1)
	n.start(3)
	n.waitReady(3)
	n.departments = 4
	n.formed(2, 0, 1, 2, 3, 4)
	a := n.mustAnswer(n.dial(3))
	if len(a.Departments) != 4 || !a.Verdict.Verified {
		t.Errorf("%+v %+v", a.Departments, a.Verdict)
	}
	// Out again: four of the five present.
	n.vote(voteRequest{Action: "remove", Role: config.RoleDepartment, Peer: late.id.Peer()}, 0, 1, 2, 4)
	select {
	case err := <-late.done:
		late.cancel = nil
		if !errors.Is(err, errExpelled) {
			t.Errorf("the removed node ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Errorf("the removed node runs on\n%s", late.log)
	}
	n.departments = 3
	n.formed(3, 0, 1, 2, 4)
	n.mustAnswer(n.dial(1))
	// It comes back with the same key, reads in its own ledger that it was removed, and ends again.
	late.log = &syncBuffer{}
	n.start(3)
	select {
	case err := <-late.done:
		late.cancel = nil
		var f *failure.Failure
		if !errors.As(err, &f) || f.Code != "voted-out" || !strings.Contains(f.Hint, "parley init") || f.ExitStatus() != failure.StatusRefused {
			t.Errorf("the removed node ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Errorf("the removed node runs on\n%s", late.log)
	}
	for _, i := range []int{0, 1, 2, 4} {
		for _, m := range n.report(i).Members {
			if m.Peer == late.id.Peer() {
				t.Errorf("%s still lists it", n.nodes[i].cfg.Name)
			}
		}
	}
}

// A department's identity is replaced by a vote: it goes on under its name with
// another key, its tables stay registered, and the old key is a stranger's.
func TestRotate(t *testing.T) {
	if testing.Short() {
		t.Skip("a second life of a department")
	}
	n := newTestNetwork(t, 2)
	n.addAuditor()
	n.startAll()
	before := n.mustAnswer(n.dial(0))
	founding := n.verifier(filepath.Join(n.nodes[0].cfg.Dir, config.NetworkFile))
	if v, err := founding.Verify(before.Certificate); err != nil || !v.Verified {
		t.Fatalf("%+v %v", v, err)
	}
	old := n.nodes[1]
	dir := t.TempDir()
	id, err := peers.CreateIdentity(filepath.Join(dir, "identity.key"))
	if err != nil {
		t.Fatal(err)
	}
	rotate := voteRequest{Action: "rotate", Role: config.RoleDepartment, Peer: old.id.Peer(), To: id.Peer()}
	if r := n.vote(rotate, 0, 2); r.Done || r.Votes != 2 || r.Need != 3 || !r.Handover {
		t.Fatalf("two of three votes: %+v", r)
	}
	if r := n.vote(rotate, 1); !r.Done {
		t.Fatalf("three votes: %+v", r)
	}
	select {
	case err := <-old.done:
		old.cancel = nil
		if !errors.Is(err, errExpelled) {
			t.Errorf("the old identity ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the old identity runs on\n%s", n.logs())
	}
	// Without the ledger that tells it so, it says what it can see, and is quiet.
	n.lose(1, "ledger")
	old.log = &syncBuffer{}
	n.start(1)
	n.logged(1, "2 members cut this node off, "+old.id.Peer()+". It may have been voted out")
	if r := n.report(1); r.Healthy || !strings.Contains(r.Reason, "It may have been voted out") {
		t.Errorf("%+v", r)
	}
	n.stop(1)
	fresh := *old
	fresh.id, fresh.cfg.Dir, fresh.log = id, dir, &syncBuffer{}
	fresh.cfg.Genesis, fresh.cfg.Trust = filepath.Join(n.nodes[0].cfg.Dir, config.GenesisFile), n.trust(0, 2)
	n.nodes[1] = &fresh
	n.start(1)
	n.waitReady(1)
	a := n.mustAnswer(n.dial(1))
	if a.Departments[1].Name != fresh.cfg.Name || a.Departments[1].Peer != id.Peer() || !a.Verdict.Verified {
		t.Errorf("%+v %+v", a.Departments, a.Verdict)
	}
	n.checkRotated(founding, before, a, old.id.Peer(), id.Peer())
}

// The operator's door takes nobody without the token, and nothing that is no
// vote.
func TestControl(t *testing.T) {
	n := newTestNetwork(t, 1)
	n.nodes[0].cfg.Metrics = "127.0.0.1:0"
	n.startAll()
	dir := n.nodes[0].cfg.Dir
	r := n.report(0)
	if !r.Healthy || r.Ledger.Validators != 1 || !r.Ledger.Quorum || r.Epoch != 1 || len(r.Members) != 1 || r.Members[0].Name != "a" {
		t.Errorf("%+v", r)
	}
	text := statusText(r)
	if !strings.Contains(text, "healthy") || !strings.Contains(text, "1 of 1 validators") {
		t.Errorf("%s", text)
	}
	info, err := os.Stat(filepath.Join(dir, config.ControlFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, config.ControlFile))
	if err != nil {
		t.Fatal(err)
	}
	var file controlFile
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", "Bearer ", "Bearer " + strings.Repeat("0", 64)} {
		q, _ := http.NewRequest(http.MethodGet, "http://"+file.Address+"/status", nil)
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
	for _, body := range []string{"", "{}", `{"action":"add","role":"king","peer":"x"}`, `{"action":"remove","role":"department","peer":"` + n.nodes[0].id.Peer() + `"}`} {
		var reply voteReply
		err := callControl(context.Background(), dir, http.MethodPost, "/vote", strings.NewReader(body), &reply)
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
	n.stop(0)
	var f *failure.Failure
	if err := callControl(context.Background(), dir, http.MethodGet, "/status", nil, &r); !errors.As(err, &f) || !strings.Contains(f.Message, "no node is running") {
		t.Errorf("a stopped node: %v", err)
	}
}

func metricsOf(t *testing.T, file controlFile) string {
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
