package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"parley/datasets/population"
	"parley/engine/policy/open"
	"parley/node/peers"
)

const (
	askDeadline   = "10m" // of a measured question, whatever else the machine does
	verifyRepeats = 3     // of a certificate, of which the median counts
	circuitRuns   = 2     // of each commit's own benchmark of the steps
)

// comparison is what `-against` measured.
type comparison struct {
	Machine        string          `json:"machine"`
	Cores          int             `json:"cores"`
	EffectiveCores float64         `json:"effectiveCores"`
	Old            *side           `json:"old"`
	New            *side           `json:"new"`
	Keys           string          `json:"keys"`
	Persons        int             `json:"persons"`
	SQL            string          `json:"sql,omitempty"`
	Sets           []setComparison `json:"parameterSets"`
}

// setComparison is it at one parameter set.
type setComparison struct {
	Parameters string      `json:"parameters"`
	Started    *[2]started `json:"started,omitempty"` // old, new
	Figures    []figure    `json:"figures,omitempty"` // in the order of measures
	Circuits   []circuit   `json:"circuits,omitempty"`
	Missing    string      `json:"circuitsMissing,omitempty"` // why there are none
}

// started is what a network cost before it was asked what is measured: once, so that nothing can be said of
// how it scatters.
type started struct {
	Listening cost `json:"listening"` // until all nodes listen
	Epoch     cost `json:"epoch"`     // from there until all have formed the epoch
	First     cost `json:"first"`     // the first question, in which each node reads its proving keys
}

// sample is what one question cost.
type sample struct {
	all, analyst, after   float64 // processor seconds
	wall                  float64
	memory                float64
	certificate, loopback float64 // bytes
	verify                cost
}

const afterwards = "CPU after the answer, until the nodes rest"

// measures are the figures of a sample.
var measures = []struct {
	name, unit string
	of         func(sample) float64
}{
	{"CPU, all processes", "s", func(s sample) float64 { return s.all }},
	{"wall", "s", func(s sample) float64 { return s.wall }},
	{"peak resident memory of a department", "MB", func(s sample) float64 { return s.memory }},
	{"certificate", "bytes", func(s sample) float64 { return s.certificate }},
	{"over loopback, all processes", "bytes", func(s sample) float64 { return s.loopback }},
	{"verifying offline, CPU", "s", func(s sample) float64 { return s.verify.CPU }},
	{"verifying offline, wall", "s", func(s sample) float64 { return s.verify.Wall }},
	{"of the CPU: the analyst's process", "s", func(s sample) float64 { return s.analyst }},
	{afterwards, "s", func(s sample) float64 { return s.after }},
}

// compare measures this working copy beside an older commit, which it builds.
func compare(ctx context.Context, o options) (err error) {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("-against reads processes' costs from /proc, which only Linux has, not %s", runtime.GOOS)
	}
	dir, err := os.MkdirTemp("", "parley-against-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sides, remove, err := newSides(ctx, ".", dir, o.against)
	defer func() { err = errors.Join(err, remove()) }()
	if err != nil {
		return err
	}
	defer func() { // what it said when it was stopped is no fault of a commit
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
	}()
	for i, s := range sides {
		if err := s.build(ctx, filepath.Join(dir, strconv.Itoa(i)), o.steps); err != nil {
			return err
		}
	}
	r := newReport()
	c := &comparison{Machine: r.Machine, Cores: r.Cores, EffectiveCores: r.EffectiveCores, Old: sides[older], New: sides[newer],
		Keys: "made beforehand or found in the user's cache folder, by circuit digest", Persons: o.persons}
	for _, name := range o.parameters {
		set := setComparison{Parameters: name}
		if o.questions {
			if err := c.questions(ctx, &set, filepath.Join(dir, name), o); err != nil {
				return err
			}
		}
		if o.steps {
			if err := set.circuits(ctx, sides); err != nil {
				return err
			}
		}
		c.Sets = append(c.Sets, set)
	}
	return c.write(o)
}

// questions measures the pairs at one parameter set, with both networks up; the one that is not asked rests.
func (c *comparison) questions(ctx context.Context, set *setComparison, dir string, o options) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	var networks [2]*served
	set.Started = &[2]started{}
	defer func() {
		for _, n := range networks {
			if n != nil {
				n.nodes.stop()
			}
		}
	}()
	for i, s := range []*side{c.Old, c.New} {
		fmt.Fprintf(os.Stderr, "%s: the demo's questions by %s\n", set.Parameters, s)
		var err error
		if networks[i], err = serve(ctx, s, set.Parameters, filepath.Join(dir, strconv.Itoa(i)), o.persons, &set.Started[i]); err != nil {
			return err
		}
	}
	first, second := networks[older].question, networks[newer].question
	if first.SQL != second.SQL || !first.Expected.equal(second.Expected) {
		return fmt.Errorf("the demos of the two commits ask different questions, or of different tables: %q, %q", first.SQL, second.SQL)
	}
	c.SQL = first.SQL
	var samples [2][]sample
	for i, turn := range order(o.pairs) {
		for _, which := range turn {
			s, err := networks[which].measure(ctx)
			if err != nil {
				return err
			}
			samples[which] = append(samples[which], s)
		}
		fmt.Fprintf(os.Stderr, "%s: pair %d of %d: CPU s %.2f, %.2f\n", set.Parameters, i+1, o.pairs, samples[older][i].all, samples[newer][i].all)
	}
	for _, m := range measures {
		pairs := make([]pair, o.pairs)
		for i := range pairs {
			pairs[i] = pair{Old: m.of(samples[older][i]), New: m.of(samples[newer][i])}
		}
		f := figureOf(m.name, m.unit, pairs)
		if m.name == afterwards {
			f.Ratio = nil // of what is mostly the idle ledger's a ratio says nothing
		}
		set.Figures = append(set.Figures, f)
	}
	return nil
}

// served is a side's network of the demo's departments and its auditor, as processes, with the first of the
// demo's questions.
type served struct {
	*side
	question asked
	dir      string
	nodes    nodes
	address  string // of a department
	pinned   string // the network's description
}

// serve has the demo make a network's files, founds the network anew, and asks once without measuring it
// as the others.
func serve(ctx context.Context, s *side, parameters, dir string, persons int, cost *started) (_ *served, err error) {
	n := &served{side: s, dir: dir}
	if n.question, err = s.demo(ctx, parameters, dir, persons); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.nodes.stop()
			err = s.undriven(err)
		}
	}()
	if err = n.start(ctx, cost); err != nil {
		return nil, err
	}
	if err = n.admit(ctx); err != nil {
		return nil, err
	}
	first, err := n.ask(ctx)
	if err != nil {
		return nil, err
	}
	cost.First.CPU, cost.First.Wall = first.all, first.wall
	return n, nil
}

// start starts the nodes with empty data, so that they found a network.
func (n *served) start(ctx context.Context, took *started) error {
	configs, err := filepath.Glob(filepath.Join(n.dir, "*", "node.toml"))
	if err != nil {
		return err
	}
	if len(configs) < 2 {
		return fmt.Errorf("the demo left %d nodes", len(configs))
	}
	begun := time.Now()
	for _, config := range configs {
		folder := filepath.Dir(config)
		if err := os.RemoveAll(filepath.Join(folder, "data")); err != nil {
			return err
		}
		p, err := startNode(ctx, n.program, folder)
		if err != nil {
			return err
		}
		_, err = os.Stat(filepath.Join(n.dir, "tables", p.name))
		p.department = err == nil
		n.nodes = append(n.nodes, p)
	}
	for _, phase := range []struct {
		what string
		done func(*nodeProcess) <-chan struct{}
		cost *cost
	}{
		{"address", func(p *nodeProcess) <-chan struct{} { return p.listening }, &took.Listening},
		{"epoch", func(p *nodeProcess) <-chan struct{} { return p.ready }, &took.Epoch},
	} {
		for _, p := range n.nodes {
			if err := p.await(ctx, phase.what, phase.done(p)); err != nil {
				return err
			}
		}
		if phase.cost.CPU, err = n.nodes.processorSeconds(); err != nil {
			return err
		}
		phase.cost.Wall = time.Since(begun).Seconds()
	}
	took.Epoch.CPU -= took.Listening.CPU
	took.Epoch.Wall -= took.Listening.Wall
	for _, p := range n.nodes {
		if p.department {
			n.address, n.pinned = p.address, filepath.Join(n.dir, p.name, "data", "network.json")
			return nil
		}
	}
	return errors.New("the demo left no department")
}

// admit has the departments of the network that was founded anew say who may ask, as those of the demo did. A
// commit whose demo makes no stewards asks for no policies.
func (n *served) admit(ctx context.Context) error {
	analyst := filepath.Join(n.dir, "analyst.key")
	for _, p := range n.nodes {
		folder := filepath.Join(n.dir, p.name)
		steward := filepath.Join(folder, "steward.key")
		if _, err := os.Stat(steward); !p.department || err != nil {
			continue
		}
		for _, person := range []struct{ role, identity string }{{"analyst", analyst}, {"steward", steward}} {
			id, err := peers.LoadIdentity(person.identity)
			if err != nil {
				return err
			}
			if person.role == "analyst" && p.address != n.address {
				continue // vouched for once
			}
			if _, _, err := n.call(ctx, "people", "add", "--config", filepath.Join(folder, "node.toml"), "--name", person.role, "--role", person.role, id.Peer()); err != nil {
				return err
			}
		}
		for _, table := range population.Tables() {
			document := open.Policy(p.name, table)
			path := filepath.Join(folder, table+".policy.toml")
			if err := os.WriteFile(path, []byte(document.Text()), 0o600); err != nil {
				return err
			}
			if _, _, err := n.call(ctx, "policy", "publish", "--node", p.address, "--identity", steward, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure asks once, and checks the certificate offline.
func (n *served) measure(ctx context.Context) (sample, error) {
	s, err := n.ask(ctx)
	if err != nil {
		return s, err
	}
	var costs []cost
	for range verifyRepeats {
		_, took, err := n.call(ctx, "verify", "--network", n.pinned, n.certificate())
		if err != nil {
			return s, err
		}
		costs = append(costs, took)
	}
	s.verify = median(costs)
	return s, nil
}

func (n *served) certificate() string { return filepath.Join(n.dir, "measured") }

// ask asks the question in a process of its own, waits until the nodes rest again, and checks the answer.
func (n *served) ask(ctx context.Context) (s sample, err error) {
	before, err := n.nodes.rest(ctx)
	if err != nil {
		return s, err
	}
	wire := loopbackBytes()
	out, took, err := n.call(ctx, "query", "--json", "--node", n.address, "--identity", filepath.Join(n.dir, "analyst.key"),
		"--network", n.pinned, "--certificate", n.certificate(), "--deadline", askDeadline, n.question.SQL)
	if err != nil {
		return s, err
	}
	answered, err := n.nodes.processorSeconds()
	if err != nil {
		return s, err
	}
	s.wall, s.analyst = took.Wall, took.CPU
	s.all = took.CPU + answered - before
	rested, err := n.nodes.rest(ctx)
	if err != nil {
		return s, err
	}
	s.after = rested - answered
	s.loopback = float64(loopbackBytes() - wire)
	s.memory = n.nodes.peakMemory()
	if err := n.question.check([]byte(out)); err != nil {
		return s, fmt.Errorf("%s: %w", n.side, err)
	}
	info, err := os.Stat(n.certificate())
	if err != nil {
		return s, err
	}
	s.certificate = float64(info.Size())
	return s, nil
}
