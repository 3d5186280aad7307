package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/circuits"
	"parley/engine"
	"parley/node/cli/linkage"
	"parley/node/client"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// localPatience is how many times as long a join across departments may take here as is expected of it where each department has a machine.
const localPatience = 4

// localDeadline is a question's where all departments share one machine, however many they are.
const localDeadline = 10 * time.Minute

// tryFlags are what `try` takes.
type tryFlags struct {
	tableFlags
	dir, certificate string
	noOpening        bool
	seed             uint64
	deadline         time.Duration
	limited          bool // the deadline was chosen
}

func (c *command) tryCommand() *cobra.Command {
	var f tryFlags
	cmd := &cobra.Command{
		Use:   `try --table NAME=FILE,FILE,... "SELECT ..."`,
		Short: "ask a question over your own files, each one department's",
		Long: `Takes each file for one department's table, starts one node for each as a process of its own that opens its own
files only, and asks the question. Types, bounds and dictionaries are inferred and shown before anything is encrypted.

  parley try --table heart=cleveland.csv,hungary.csv "SELECT sex, count(*), avg(chol) FROM heart GROUP BY sex"
  parley try --table 'sales=branches/*.parquet' "SELECT sum(amount) FROM sales"

Two departments' tables of the same persons are joined across the departments, and nobody learns who is in both:

  parley try --table register=police:register.csv --table tax=taxoffice:tax.csv --key person_id --spine register \
    "SELECT sex, count(*) FROM register JOIN tax USING (person_id) GROUP BY sex"`,
	}
	c.takesSQL(cmd, func(cmd *cobra.Command, sql string) error {
		f.chosen, f.limited = cmd.Flags().Changed("parameters"), cmd.Flags().Changed("deadline")
		return c.try(cmd.Context(), sql, f)
	})
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "", "where the network's files live; a temporary folder otherwise, removed at the end")
	flags.Uint64Var(&f.seed, "seed", 1, "accepted as in demo; nothing here depends on it, and keys are never fixed")
	addDeadline(cmd, &f.deadline)
	flags.StringVar(&f.certificate, "certificate", "", "write the certificate to this file")
	flags.BoolVar(&f.noOpening, "no-opening", false, "leave out what shows the answer: the certificate shows only that it was made rightly")
	c.jsonFlag(cmd)
	c.csvFlag(cmd)
	return cmd
}

// try checks everything that can be checked without a key, then makes the keys, starts the departments, and asks.
func (c *command) try(ctx context.Context, sql string, f tryFlags) error {
	parameters, err := namedParameters(f.parameters)
	if err != nil {
		return err
	}
	sources, keys, err := f.sources()
	if err != nil {
		return err
	}
	if err := checkDeadline(f.deadline); err != nil {
		return err
	}
	if err := checkTarget(f.certificate); err != nil {
		return err
	}
	catalogue, err := c.register(ctx, sources, keys, parameters)
	if err != nil {
		return err
	}
	c.describe(catalogue)
	question, err := c.plan(sql, catalogue, nil, parameters, f.chosen, len(sources))
	if err != nil {
		return err
	}
	parameters = question.parameters
	joins := question.work != nil
	switch {
	case joins && !f.limited:
		longer := time.Duration(localPatience * len(sources) * int(question.work.Seconds))
		f.deadline = min(f.deadline+longer*time.Second, protocols.MaxDeadlineSeconds*time.Second)
	case !joins && f.spine != "":
		unlink(sources)
		c.progress.Note("the question joins nothing across departments: --spine changes nothing")
	}
	c.sayParameters(parameters)
	dir, remove, err := workFolder(f.dir)
	if err != nil {
		return err
	}
	defer remove()
	s := settings{Dir: dir, Parameters: parameters.Name(), Joins: joins || parameters.Name() == joinedParameters, Persons: engine.FewestPersons, Deadline: f.deadline}
	if err := c.develop(ctx, parameters, s.Joins); err != nil {
		return err
	}
	d, err := deploy(ctx, s, sources, c.progress)
	if err != nil {
		return err
	}
	defer d.stop()
	c.sayPolicy(d)
	analyst, err := c.connect(ctx, d)
	if err != nil {
		return err
	}
	defer analyst.Close()
	answer, err := c.askDeployment(ctx, d, analyst, sql, client.AskOptions{Purpose: localPurpose, NoOpening: f.noOpening, Deadline: f.deadline})
	if err != nil {
		return err
	}
	return c.deliver(sql, answer, linkage.KeysOf(d.linked), f.certificate, "")
}

// link waits until the persons of all departments have their places on the spine.
func (d *deployment) link(ctx context.Context) (err error) {
	var nodes []linkage.Node
	for _, n := range d.nodes {
		if slices.ContainsFunc(n.source.Tables, config.Table.Linked) {
			nodes = append(nodes, linkage.Node{Name: n.name, Dir: filepath.Join(filepath.Dir(n.config), "data")})
		}
	}
	if d.linked, err = linkage.Await(ctx, nodes, d.progress.Update); err != nil {
		return d.because(err)
	}
	d.progress.Finish()
	return nil
}

// sayPolicy shows under which policy questions are answered here.
func (c *command) sayPolicy(d *deployment) {
	p := d.nodes[0]
	document := d.policies(p)[0]
	c.progress.Note("each department's steward has published this policy, for each of its tables: on this machine every\nanalyst may ask everything\n\n%s", strings.TrimSpace(document.Text()))
	if d.Joins {
		c.progress.Note("\neach also lets the others draw tokens for as many persons as their tables have, and whose table is the spine\nadmits them to it")
	}
}

func (c *command) sayParameters(p circuits.Params) {
	if !p.ForPrivateData() {
		c.progress.Note("parameters %s: not for private data (--parameters default is)", p.Name())
	}
}

// workFolder gives the folder of a deployment, empty and private, and what removes it if it is temporary. A folder
// with a network in it is refused: its identities are never overwritten.
func workFolder(dir string) (string, func(), error) {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "parley-")
		if err != nil {
			return "", nil, unwritable(os.TempDir(), fmt.Errorf("making a temporary folder: %w", disk.Explain(err)))
		}
		return temporary, func() { os.RemoveAll(temporary) }, nil
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, failure.Unreadable("dir", dir, err)
	}
	entries, err := os.ReadDir(absolute)
	switch {
	case err == nil && len(entries) > 0:
		return "", nil, failure.Usage("dir", "name a new folder", "--dir %s is not empty: nothing in it is overwritten", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", nil, failure.Unreadable("dir", dir, err)
	}
	if err := disk.MakeDir(absolute); err != nil {
		return "", nil, unwritable(dir, err)
	}
	return absolute, func() {}, nil
}

// develop makes this machine's development keys once, before the nodes start and look for them: with those of joins across
// departments for a network that answers joins.
func (c *command) develop(ctx context.Context, p circuits.Params, joins bool) error {
	folder, cached := exchange.DefaultCacheDir(), circuits.Cached
	if joins {
		cached = circuits.CachedJoined
	}
	if cached(p, folder) {
		return nil
	}
	c.progress.Note("making development keys for the parameters %s, once, for later runs too: in\n%s", p.Name(), folder)
	if _, err := exchange.DevelopKeys(ctx, p, joins, folder, c.progress.Update); err != nil {
		return unwritable(folder, err)
	}
	c.progress.Finish()
	return nil
}

// connect dials the first department as the analyst, and pins the network: the description must hold exactly the
// identities that this process made. It is written to network.json, for verify.
func (c *command) connect(ctx context.Context, d *deployment) (*client.Client, error) {
	c.progress.Step("connecting")
	client, err := client.Dial(ctx, d.nodes[0].address(), d.Analyst, client.Options{})
	if err != nil {
		return nil, d.because(err)
	}
	network, err := client.Network(ctx)
	if err == nil {
		err = d.pin(network)
	}
	if err == nil {
		err = client.Prepare(ctx)
	}
	if err != nil {
		client.Close()
		return nil, d.because(err)
	}
	return client, nil
}

// pin checks a description against the identities of this deployment and keeps it.
func (d *deployment) pin(network protocols.Network) error {
	mine := map[string]string{}
	for _, p := range d.nodes {
		if mine[p.peer] = p.name; p.auditor() {
			mine[p.peer] = "" // may join at any time: the description has no names of auditors
		}
	}
	for _, member := range slices.Concat(network.Departments, network.Auditors) {
		if name, ok := mine[peers.PeerOf(member.Key)]; !ok || name != member.Name {
			return &failure.Failure{Code: "network", Department: member.Name, Message: "it is not one of the nodes that were started"}
		}
		delete(mine, peers.PeerOf(member.Key))
	}
	if len(mine) > 0 || network.Parameters != d.Parameters {
		return &failure.Failure{Code: "network", Message: "the network's description does not hold the nodes that were started"}
	}
	d.Network = network
	path := filepath.Join(d.Dir, config.NetworkFile)
	if err := disk.WriteFile(path, network.JSON()); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// because prefers the reason of a node that ended over what its end caused.
func (d *deployment) because(err error) error {
	if reason := d.ended(); reason != nil {
		return reason
	}
	return err
}

// askDeployment asks for an answer by the deployment's own keys, and no others.
func (c *command) askDeployment(ctx context.Context, d *deployment, door client.Asker, sql string, o client.AskOptions) (*client.Answer, error) {
	o.Pinned = &d.Network
	answer, err := c.ask(ctx, door, sql, o)
	if err != nil {
		return nil, d.because(err)
	}
	if !answer.Verdict.OtherKeys {
		return answer, nil
	}
	return answer, &failure.Failure{Code: "unverified", Message: "the certificate does not show the answer: " + answer.Verdict.Reason}
}
