package stories

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/circuits"
	"parley/engine/policy/open"
	"parley/node"
	"parley/node/config"
	"parley/node/exchange"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
)

// readyIn bounds how long a network may take to form its epoch, keys being there.
const readyIn = 3 * time.Minute

// auditorName is the validator without rows that every deployment has.
const auditorName = "auditor"

// lastLines of each node's log are shown where a test fails.
const lastLines = 60

// setup is what a deployment is made from. The parties are the departments in the order of
// their names, the auditor and the analyst; user and place may be nil.
type setup struct {
	table string
	files map[string]string               // each department's own
	user  func(i int) *syscall.Credential // the account that a party runs as; nil is this one
	place func(i int) place               // where a party is; the zero value is this machine's loopback
	more  []string                        // peer ids of further analysts
}

// place is an address, and the network namespace that has it.
type place struct{ ip, namespace string }

// deployment is a network of real nodes, each a process over its own folder, and an analyst,
// set up through the commands alone, as operators would.
type deployment struct {
	t           *testing.T
	binary      string
	nodes       []*nodeProcess // the departments and then the auditor
	departments []*nodeProcess
	auditor     *nodeProcess
	analyst     string   // folder
	analysts    []string // peer ids
	analystUser *syscall.Credential
	analystAt   place
	ownCache    bool // all use the keys of the user who runs the test, where they are
}

type nodeProcess struct {
	name, dir, peer, address string
	steward                  string // peer id of a department's
	user                     *syscall.Credential
	at                       place
	cmd                      *exec.Cmd
	log                      *bytes.Buffer
	ready                    chan error
}

// parley is the command for a test, in a folder that other users can enter: this very test binary, which is the
// command where it is called so (TestMain), with the tags that the test was built with.
func parley(t *testing.T) string {
	t.Helper()
	if !*heavy {
		t.Skip("needs proving keys and real processes: go test ./node/stories -heavy")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(worldReadable(t), "parley")
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// worldReadable is a temporary folder that other users can pass through.
func worldReadable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "parley-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// deploy sets a network up over one table of each department's own file.
func deploy(t *testing.T, binary string, s setup) *deployment {
	t.Helper()
	root := worldReadable(t)
	d := &deployment{t: t, binary: binary}
	for i, name := range append(sortedKeys(s.files), auditorName, "analyst") {
		dir := filepath.Join(root, name)
		p := &nodeProcess{name: name, dir: dir, log: &bytes.Buffer{}}
		if s.user != nil {
			p.user = s.user(i)
		}
		if s.place != nil {
			p.at = s.place(i)
		}
		d.own(p.user, dir, 0o700)
		p.peer = d.init(p, "home")
		if name == "analyst" {
			d.analyst, d.analystUser, d.analystAt = dir, p.user, p.at
			d.analysts = append(s.more, p.peer)
			d.configure(s.table, s.files, d.analysts)
			return d
		}
		ip := p.at.ip
		if ip == "" {
			ip = "127.0.0.1"
		}
		p.address = fmt.Sprintf("/ip4/%s/tcp/%d/p2p/%s", ip, freePort(t), p.peer)
		d.nodes = append(d.nodes, p)
		if name == auditorName {
			d.auditor = p
		} else {
			p.steward = d.init(p, "steward")
			d.departments = append(d.departments, p)
		}
	}
	return d
}

// init makes an identity in a folder of a party's, and gives its peer id.
func (d *deployment) init(p *nodeProcess, folder string) (peer string) {
	d.t.Helper()
	out := d.run(p.user, p.dir, "init", filepath.Join(p.dir, folder))
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "peer id"); ok {
			peer = strings.TrimSpace(rest)
		}
	}
	if peer == "" {
		d.t.Fatalf("init printed no peer id:\n%s", out)
	}
	return peer
}

// own makes a folder that only the user may enter.
func (d *deployment) own(user *syscall.Credential, dir string, mode os.FileMode) {
	d.t.Helper()
	if err := os.MkdirAll(dir, mode); err != nil {
		d.t.Fatal(err)
	}
	d.give(user, dir)
}

func (d *deployment) give(user *syscall.Credential, path string) {
	d.t.Helper()
	if user != nil {
		if err := os.Lchown(path, int(user.Uid), int(user.Gid)); err != nil {
			d.t.Fatal(err)
		}
	}
}

// configure writes each department's table and everybody's node.toml, readable by its user
// only, and gives everybody the same development keys.
func (d *deployment) configure(table string, files map[string]string, analysts []string) {
	d.t.Helper()
	for _, p := range d.nodes {
		var peers, auditors []string
		quoted := make([]string, len(analysts))
		for i, a := range analysts {
			quoted[i] = fmt.Sprintf("%q", a)
		}
		for _, other := range d.nodes {
			switch {
			case other == p:
			case other == d.auditor:
				auditors = append(auditors, fmt.Sprintf("%q", other.address))
			default:
				peers = append(peers, fmt.Sprintf("%q", other.address))
			}
		}
		listen, _, _ := strings.Cut(p.address, "/p2p/")
		text := fmt.Sprintf("name = %q\ndir = \"data\"\nlisten = %q\nidentity = \"home/identity.key\"\n"+
			"peers = [%s]\nauditors = [%s]\nanalysts = [%s]\nparameters = \"light\"\n",
			p.name, listen, strings.Join(peers, ", "), strings.Join(auditors, ", "), strings.Join(quoted, ", "))
		if p == d.auditor {
			text += "role = \"auditor\"\n"
		} else {
			raw, err := os.ReadFile(files[p.name])
			if err != nil {
				d.t.Fatal(err)
			}
			d.write(p.user, filepath.Join(p.dir, "table.csv"), raw)
			text += openTable(d.t, table, files[p.name], "table.csv")
			document := open.Policy(p.name, table)
			d.write(p.user, p.policy(), []byte(document.Text()))
			d.shareKeys(p.user, p.dir)
		}
		d.write(p.user, p.config(), []byte(text))
	}
	d.shareKeys(d.analystUser, d.analyst)
}

// openTable is the [[table]] that declares all columns of a file, which stands elsewhere at its node.
func openTable(t testing.TB, name, file, there string) string {
	t.Helper()
	table := testnet.Open(t, config.Table{Name: name, Files: []string{file}})
	table.Files = []string{there}
	text, err := config.TableText(table)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p *nodeProcess) config() string { return filepath.Join(p.dir, "node.toml") }
func (p *nodeProcess) policy() string { return filepath.Join(p.dir, "policy.toml") }

func (d *deployment) write(user *syscall.Credential, path string, raw []byte) {
	d.t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.give(user, path)
}

// shareKeys copies this user's development keys, which the first deployment makes where there are none.
func (d *deployment) shareKeys(user *syscall.Credential, dir string) {
	d.t.Helper()
	keys := filepath.Join(dir, "cache", "parley", "keys")
	for _, path := range []string{filepath.Dir(filepath.Dir(keys)), filepath.Dir(keys), keys} {
		d.own(user, path, 0o700)
	}
	source := exchange.DefaultCacheDir()
	entries, err := os.ReadDir(source)
	if err != nil {
		p, err := circuits.Named("light")
		if err != nil {
			d.t.Fatal(err)
		}
		if _, err := circuits.Develop(d.t.Context(), p, source, nil); err != nil {
			d.t.Fatal(err)
		}
		if entries, err = os.ReadDir(source); err != nil {
			d.t.Fatal(err)
		}
	}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(source, e.Name()))
		if err != nil {
			d.t.Fatal(err)
		}
		d.write(user, filepath.Join(keys, e.Name()), raw)
	}
}

// command prepares the parley command as a user, with that user's own cache folder, at a
// place.
func (d *deployment) command(user *syscall.Credential, at place, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(d.binary, args...)
	if at.namespace != "" {
		cmd = exec.Command("ip", append([]string{"netns", "exec", at.namespace, d.binary}, args...)...)
	}
	cmd.Dir = dir
	if cmd.Env = os.Environ(); !d.ownCache {
		cmd.Env = append(cmd.Env, "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (d *deployment) run(user *syscall.Credential, dir string, args ...string) string {
	d.t.Helper()
	out, err := d.command(user, place{}, dir, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("parley %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start runs a node; p.ready is answered when its epoch is formed or it ends.
func (d *deployment) start(p *nodeProcess) {
	d.t.Helper()
	p.cmd = d.command(p.user, p.at, p.dir, "node", "--config", p.config())
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	p.ready = make(chan error, 1)
	go func(ready chan error) {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var status node.Status
			if json.Unmarshal(lines.Bytes(), &status) == nil && status.Ready {
				ready <- nil
				_, _ = io.Copy(io.Discard, out)
				return
			}
		}
		ready <- fmt.Errorf("%s ended before it was ready", p.name)
	}(p.ready)
}

func (d *deployment) startAll() {
	d.t.Helper()
	for _, p := range d.nodes {
		d.start(p)
	}
	d.t.Cleanup(d.killAll)
	for _, p := range d.nodes {
		d.await(p)
	}
	first := d.departments[0]
	for i, peer := range d.analysts {
		if err := d.add(first, fmt.Sprint("analyst ", i+1), "analyst", peer); err != nil {
			d.t.Fatal(err)
		}
	}
	opened := make(chan error, len(d.departments))
	for _, p := range d.departments {
		go func() { opened <- d.open(p) }()
	}
	for range d.departments {
		if err := <-opened; err != nil {
			d.t.Error(err)
		}
	}
	if d.t.Failed() {
		d.t.FailNow()
	}
}

// add has a department vouch for a person, as its operator does.
func (d *deployment) add(p *nodeProcess, name, role, peer string) error {
	add := d.command(p.user, p.at, p.dir, "people", "add", "--config", p.config(), "--name", name, "--role", role, peer)
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("parley people add: %w\n%s", err, out)
	}
	return nil
}

// open has a department's steward publish a policy that answers every analyst.
func (d *deployment) open(p *nodeProcess) error {
	if err := d.add(p, "steward", "steward", p.steward); err != nil {
		return err
	}
	publish := d.command(p.user, p.at, p.dir, "policy", "publish", "--node", p.address, "--identity", filepath.Join(p.dir, "steward", "identity.key"), p.policy())
	if out, err := publish.CombinedOutput(); err != nil {
		return fmt.Errorf("parley policy publish: %w\n%s", err, out)
	}
	return nil
}

func (d *deployment) await(p *nodeProcess) {
	d.t.Helper()
	select {
	case err := <-p.ready:
		if err != nil {
			d.t.Fatalf("%v\n%s", err, p.log)
		}
	case <-time.After(readyIn):
		d.t.Fatalf("%s is not ready\n%s", p.name, p.log)
	}
}

// kill ends a node at once, as kill -9 does.
func (p *nodeProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (d *deployment) killAll() {
	for _, p := range d.nodes {
		if p.cmd != nil && p.cmd.ProcessState == nil {
			p.kill()
		}
	}
	if d.t.Failed() {
		for _, p := range d.nodes {
			lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
			d.t.Logf("%s logged last:\n%s", p.name, strings.Join(lines[max(0, len(lines)-lastLines):], "\n"))
		}
	}
}

// queryAnswer is what the tests read of `parley query --json`.
type queryAnswer struct {
	Rows     [][]*string `json:"rows"`
	Verified bool        `json:"verified"`
	Error    *struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		Department string `json:"department"`
	} `json:"error"`
}

// query asks through a node, as the analyst.
func (d *deployment) query(through *nodeProcess, sql string, extra ...string) (queryAnswer, int, string) {
	return d.queryFrom(d.analystAt, through, sql, extra...)
}

// queryFrom asks from another place than the analyst's own.
func (d *deployment) queryFrom(at place, through *nodeProcess, sql string, extra ...string) (queryAnswer, int, string) {
	args := append([]string{"query", "--json", "--node", through.address, "--identity", d.analystKey(), "--purpose", "study"}, extra...)
	cmd := d.command(d.analystUser, at, d.analyst, append(args, sql)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	var answer queryAnswer
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return answer, cmd.ProcessState.ExitCode(), fmt.Sprintf("%v\n%s\n%s", err, &out, &errs)
	}
	return answer, cmd.ProcessState.ExitCode(), errs.String()
}

func (d *deployment) analystKey() string { return filepath.Join(d.analyst, "home", "identity.key") }

func freePort(t *testing.T) int {
	t.Helper()
	ports, err := peers.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}
