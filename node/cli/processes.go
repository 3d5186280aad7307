package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/node"
	"parley/node/cli/linkage"
	"parley/node/cli/people"
	"parley/node/client"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

const (
	startTimeout  = 2 * time.Minute  // from the start of a node until it listens
	formTimeout   = 10 * time.Minute // until its epoch is formed
	stopTimeout   = 5 * time.Second  // from the end of its standard input until it is killed
	maxNoticeLine = 1 << 20
	logName       = "node.log"
	stewardFile   = "steward.key"
	// localPurpose is what questions are asked for where all departments share one machine.
	localPurpose = "demonstration"
	localClass   = "unconditional" // of their tables
)

// deployment (README section 11.4) is a set of nodes, each in a process of its own, started by `demo` and `try`. A node's process is told
// the path of its own node.toml and nothing else, and opens its own files only.
type deployment struct {
	settings
	Analyst  peers.Identity
	Network  protocols.Network // pinned, once connected
	nodes    []*process
	linked   []linkage.Report // how the departments' persons are placed, where the question joins by them
	progress *render.Progress
	failed   chan error // of length one: the first reason that a node gave
	formed   atomic.Bool
}

// settings are what `try` and `demo` choose for a deployment.
type settings struct {
	Dir        string // NODE/node.toml, NODE/identity.key, NODE/data/ for each node, and network.json
	Parameters string
	Joins      bool          // whether tables are joined across departments
	Persons    int64         // the smallest count of persons that such a join shows; 0: the usual one
	Deadline   time.Duration // of each question
	Auditors   []string      // names of validators that hold no rows
	Lies       lies
}

// process is one node's.
type process struct {
	name   string
	source source // its tables; none: an auditor
	config string
	log    string
	peer   string
	port   int
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
	lie    string // always "" in an ordinary build
	// steward decides for the department; an auditor has none.
	steward peers.Identity

	mu      sync.Mutex
	status  node.Status
	failure *failure.Failure
	ready   chan struct{} // closed once its epoch is formed
}

// lies says which department tells which lie; nil in an ordinary build.
type lies map[string]string

// deploy writes identities and configurations for the sources under s.Dir, starts their nodes and waits until the
// epoch is formed. On an error everything that was started is stopped.
func deploy(ctx context.Context, s settings, sources []source, p *render.Progress) (*deployment, error) {
	d := &deployment{settings: s, progress: p, failed: make(chan error, 1)}
	if err := d.configure(sources); err != nil {
		return nil, err
	}
	d.count()
	for _, n := range d.nodes {
		n.lie = d.Lies[n.name]
		if err := d.start(n); err != nil {
			d.stop()
			return nil, err
		}
	}
	err := d.waitReady(ctx)
	if err == nil {
		err = d.admit(ctx)
	}
	if err == nil && d.Joins {
		err = d.link(ctx)
	}
	if err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

// configure makes each node's folder. Addresses are loopback ports that were free a moment ago.
func (d *deployment) configure(sources []source) error {
	for _, name := range d.Auditors {
		sources = append(slices.Clip(sources), source{Name: name})
	}
	ports, err := peers.FreePorts(len(sources))
	if err != nil {
		return failure.Refused("network", "", "%s", err)
	}
	analyst := filepath.Join(d.Dir, config.AnalystFile)
	if d.Analyst, err = peers.CreateIdentity(analyst); err != nil {
		return unwritable(analyst, err)
	}
	for i, s := range sources {
		folder := filepath.Join(d.Dir, s.Name)
		if err := disk.MakeDir(folder); err != nil {
			return unwritable(folder, err)
		}
		id, err := peers.CreateIdentity(filepath.Join(folder, config.IdentityFile))
		if err != nil {
			return unwritable(folder, err)
		}
		d.nodes = append(d.nodes, &process{name: s.Name, source: s, config: filepath.Join(folder, config.NodeFile),
			log: filepath.Join(folder, logName), peer: id.Peer(), port: ports[i],
			exited: make(chan struct{}), ready: make(chan struct{})})
	}
	for _, n := range d.nodes {
		var err error
		if !n.auditor() {
			n.steward, err = peers.CreateIdentity(filepath.Join(filepath.Dir(n.config), stewardFile))
		}
		text, failed := config.Text(d.configOf(n))
		if err = cmp.Or(err, failed); err == nil {
			err = disk.WriteFile(n.config, text)
		}
		if err != nil {
			return unwritable(n.config, err)
		}
	}
	return nil
}

func (d *deployment) configOf(own *process) config.File {
	f := config.File{Name: own.name, Dir: "data", Identity: config.IdentityFile, Listen: own.listen(),
		Analysts: []string{d.Analyst.Peer()}, Parameters: d.Parameters, Joins: d.Joins, Deadline: d.Deadline.String()}
	if !own.auditor() {
		f.Analysts = append(f.Analysts, own.steward.Peer())
	}
	f.Alone = len(d.nodes) == 1
	for _, other := range d.nodes {
		switch {
		case other == own && own.auditor():
			f.Role = config.RoleAuditor
		case other == own:
		case other.auditor():
			f.Auditors = append(f.Auditors, other.address())
		default:
			f.Peers = append(f.Peers, other.address())
		}
	}
	for _, t := range own.source.Tables {
		t.Class = localClass
		f.Tables = append(f.Tables, t.File())
	}
	return f
}

func (p *process) auditor() bool   { return len(p.source.Tables) == 0 }
func (p *process) listen() string  { return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", p.port) }
func (p *process) address() string { return p.listen() + "/p2p/" + p.peer }

// start runs one node. The process that asks the kernel to kill a child with its parent must keep the thread that
// started it, so a goroutine stays with each child until it ends.
func (d *deployment) start(p *process) error {
	self, err := os.Executable()
	if err != nil {
		return failure.Refused("process", "", "cannot find this program to start it again: %s", err)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, disk.FileMode)
	if err != nil {
		return unwritable(p.log, err)
	}
	defer log.Close()
	p.cmd = exec.Command(self, "node", "--supervised", "--config", p.config)
	if p.lie != "" {
		p.cmd.Args = append(p.cmd.Args, "--lie", p.lie)
	}
	p.cmd.Env = environmentWithoutFlags()
	p.cmd.Stderr = log
	p.cmd.Dir = filepath.Dir(p.config)
	dieWithParent(p.cmd)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return failure.Refused("process", "", "cannot start a node: %s", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return failure.Refused("process", "", "cannot start a node: %s", err)
	}
	p.stdin = stdin
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		d.follow(p, stdout)
		p.cmd.Wait()
		close(p.exited)
		d.fail(p.ended())
	}()
	if err := <-started; err != nil {
		close(p.exited)
		return failure.Refused("process", "", "cannot start a node: %s", err)
	}
	return nil
}

// environmentWithoutFlags keeps this command's own flags from the nodes that it starts.
func environmentWithoutFlags() []string {
	var kept []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, environmentPrefix) {
			kept = append(kept, v)
		}
	}
	return kept
}

// follow reads a node's notices until it closes its standard output.
func (d *deployment) follow(p *process, stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxNoticeLine)
	for lines.Scan() {
		var r notice
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		p.mu.Lock()
		switch {
		case r.Status != nil:
			if r.Status.Ready && !p.status.Ready {
				close(p.ready)
			}
			p.status = *r.Status
		case r.Unformed != nil && r.Unformed.Department != "":
			d.fail(r.Unformed) // whoever spoiled it would spoil the next one
		case r.Error != nil:
			p.failure = r.Error
		}
		p.mu.Unlock()
		d.count()
	}
	io.Copy(io.Discard, stdout)
}

// fail keeps the first reason for which the deployment is of no use.
func (d *deployment) fail(err error) {
	select {
	case d.failed <- err:
	default:
	}
}

// count shows how many nodes listen, and then how many have formed their epoch.
func (d *deployment) count() {
	listening, formed := 0, 0
	for _, p := range d.nodes {
		p.mu.Lock()
		if p.status.Address != "" {
			listening++
		}
		if p.status.Ready {
			formed++
		}
		p.mu.Unlock()
	}
	if all := len(d.nodes); listening < all {
		d.progress.Update(fmt.Sprintf("starting %s", engine.Plural(all, "node")), listening, all)
	} else if !d.formed.Load() {
		d.progress.Update("forming an epoch: each department proves its key share", formed, all)
		d.formed.Store(formed == all)
	}
}

// ended says why a node's process is over.
func (p *process) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	failed := p.failure
	if failed == nil {
		failed = &failure.Failure{Code: "process", Message: fmt.Sprintf("its node ended (%s)", p.cmd.ProcessState),
			Hint: "its log ends with: " + lastLine(p.log)}
	}
	failed.Department, failed.Status = p.name, failure.StatusRefused
	return failed
}

func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// waitReady waits until every node's epoch is formed.
func (d *deployment) waitReady(ctx context.Context) error {
	limit := time.NewTimer(formTimeout)
	defer limit.Stop()
	for _, p := range d.nodes {
		select {
		case <-p.ready:
		case err := <-d.failed:
			return err
		case <-limit.C:
			return &failure.Failure{Code: "not_ready", Department: p.name,
				Message: fmt.Sprintf("its epoch was not formed within %s", formTimeout)}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// admit has the departments say who may ask what, as their operators and stewards would: the first vouches for
// the analyst, and each for a steward of its own, who publishes a policy under which every analyst may ask
// everything of its tables.
func (d *deployment) admit(ctx context.Context) error {
	d.progress.Step("publishing the departments' policies")
	said := make(chan error, len(d.nodes))
	for i, p := range d.nodes {
		go func() {
			err := error(nil)
			if i == 0 {
				err = p.vouch(ctx, d.Analyst.Peer(), "analyst", protocols.PersonAnalyst)
			}
			if err == nil && !p.auditor() {
				err = d.open(ctx, p)
			}
			said <- err
		}()
	}
	var failed error
	for range d.nodes {
		if err := <-said; err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return d.because(failed)
	}
	d.progress.Finish()
	return nil
}

// vouch has a department vouch for a person, as its operator would.
func (p *process) vouch(ctx context.Context, peer, name string, role protocols.PersonRole) error {
	_, err := people.Ask(ctx, filepath.Join(filepath.Dir(p.config), "data"), "", node.PeopleRequest{Do: node.PeopleAdd,
		Person: peer, Name: name, Roles: []string{string(role)}})
	return err
}

// open has a department's steward publish the policy of this demonstration for each of its tables, and what others may draw tokens for.
func (d *deployment) open(ctx context.Context, p *process) error {
	if err := p.vouch(ctx, p.steward.Peer(), "steward", protocols.PersonSteward); err != nil {
		return err
	}
	steward, err := client.Dial(ctx, p.address(), p.steward, client.Options{})
	if err != nil {
		return err
	}
	defer steward.Close()
	for _, document := range d.policies(p) {
		err := steward.Say(ctx, func(s *protocols.State) (protocols.Body, error) {
			by := s.Person(steward.Key())
			if by == nil {
				return nil, failure.Refused("people", "", "the node does not show that %s vouches for its steward", p.name)
			}
			return &protocols.Publish{Document: document, Under: by.Number}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// policies are what a department's steward publishes: a policy for each table, and with joins what the others may draw tokens for.
func (d *deployment) policies(p *process) (all []policy.Document) {
	ids, others := map[string]int64{}, []string{}
	for _, n := range d.nodes {
		if ids[n.name] = n.source.Persons; n != p && n.source.Persons > 0 {
			others = append(others, n.name)
		}
	}
	slices.Sort(others)
	for _, t := range p.source.Tables {
		switch {
		case t.Spine:
			all = append(all, open.Linked(p.name, t.Name, d.Persons, others))
		case t.Linked():
			all = append(all, open.Linked(p.name, t.Name, d.Persons, nil))
		default:
			all = append(all, open.Policy(p.name, t.Name))
		}
	}
	if draws := open.Draws(p.name, ids); len(draws.Draws) > 0 {
		all = append(all, draws)
	}
	return all
}

// ended gives the error of a node that is over, without waiting.
func (d *deployment) ended() error {
	select {
	case err := <-d.failed:
		return err
	default:
		return nil
	}
}

// stop ends all nodes and waits for them: first by closing their standard input, then by force.
func (d *deployment) stop() {
	for _, p := range d.nodes {
		if p.stdin != nil {
			p.stdin.Close()
		}
	}
	limit := time.After(stopTimeout)
	for _, p := range d.nodes {
		if p.cmd == nil || p.cmd.Process == nil {
			continue
		}
		select {
		case <-p.exited:
		case <-limit:
			limit = closedTimer()
			if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				d.progress.Note("cannot stop the node of %s: %s", p.name, err)
				continue
			}
			<-p.exited
		}
	}
}

// closedTimer is a timer that is always over.
func closedTimer() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}
