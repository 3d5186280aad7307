package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/node/analyst"
	"parley/node/cli/linkage"
	"parley/node/cli/rehearse"
	"parley/node/cli/rights"
	"parley/node/client"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

// queryFlags are what `query` takes.
type queryFlags struct {
	askerFlags
	rights.Question
	rights.Wish                 // of --request
	rehearse.Flags              // of --rehearse
	request                     bool
	network, certificate, cache string
	noOpening                   bool
	deadline, wait              time.Duration
}

func (c *command) queryCommand() *cobra.Command {
	var f queryFlags
	cmd := &cobra.Command{
		Use:   `query --node MULTIADDR --identity FILE --purpose TEXT "SELECT ..."`,
		Short: "ask a network's departments a question",
		Long: `Asks one question and checks the whole certificate before it prints the answer. MULTIADDR ends in /p2p/PEER-ID.
The departments' policies and grants decide who is answered, and for what: --purpose says it, and stands on the ledger with the question. A
refusal lists all that is missing, of all departments at once, and ends with the command that requests it: the same with
--request, which asks nothing, and puts a request for the missing grants on the ledger, answered by --due.

--rehearse asks nobody and needs no purpose: it makes up rows that fit what the catalogue publishes, 10,000 of a department
at most, answers over them, and says what the departments would decide. Its answer is marked as made up, has no
certificate, and says nothing of the data; with --csv each column's name ends in "(made up)".

With --network the signers are pinned. Without it the node's own word is taken for who belongs to the network, and
the answer is shown as self-consistent, not as verified. Exit status 3: the network is the pinned one, but a vote has put
a key there that is not pinned; the answer is shown with it, as parley verify does. An interrupt withdraws the question,
as long as the departments have not begun to share the answer.`,
	}
	c.takesSQL(cmd, func(cmd *cobra.Command, sql string) error {
		if err := f.Flags.Check(cmd.Flags().Changed); err != nil {
			return err
		}
		if f.Rehearse {
			f.Network = f.network
			return c.rehearsal().Run(cmd.Context(), f.Flags, rights.Where{Node: f.node, Identity: f.identity}, f.Question, sql)
		}
		return c.query(cmd.Context(), sql, f)
	})
	f.askerFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.network, "network", "", "the pinned network description")
	flags.StringVar(&f.certificate, "certificate", "", "write the certificate to this file")
	flags.BoolVar(&f.noOpening, "no-opening", false, "leave out what shows the answer: the certificate shows only that it was made rightly")
	flags.DurationVar(&f.deadline, "deadline", 0, "give up after this time; by default "+client.DefaultDeadline.String()+", and of a join across departments as much more as it may take")
	flags.DurationVar(&f.wait, "wait", 0, "wait so long for departments that are not connected, before asking and, within the deadline, after it")
	f.Question.Add(cmd)
	flags.BoolVar(&f.request, "request", false, "ask nothing: request the grants that the question lacks, of all departments at once")
	f.Wish.Add(cmd)
	f.Flags.Add(cmd)
	exclude(flags, "node", "catalogue")
	flags.StringVar(&f.cache, "cache", "", "the folder of development keys; the user's cache folder otherwise")
	c.jsonFlag(cmd)
	c.csvFlag(cmd)
	return cmd
}

func (c *command) query(ctx context.Context, sql string, f queryFlags) error {
	if err := f.askerFlags.check("query"); err != nil {
		return err
	}
	if err := f.Question.Check("query"); err != nil {
		return err
	}
	if !f.request {
		if err := f.Idle(); err != nil {
			return err
		}
	}
	if f.deadline != 0 {
		if err := checkDeadline(f.deadline); err != nil {
			return err
		}
	}
	pinned, err := readNetwork(f.network)
	if err != nil {
		return err
	}
	if err := checkTarget(f.certificate); err != nil {
		return err
	}
	analyst, err := c.dialAsker(ctx, f.askerFlags, f.cache)
	if err != nil {
		return err
	}
	defer analyst.Close()
	where := rights.Where{Node: f.node, Identity: f.identity}
	if f.request {
		return c.rights().File(ctx, analyst, where, f.Question, f.Wish, sql)
	}
	o := f.Options()
	o.Deadline, o.Wait, o.Pinned, o.NoOpening = f.deadline, f.wait, pinned, f.noOpening
	answer, err := c.ask(ctx, analyst, sql, o)
	if err != nil {
		f.Network = f.network
		return f.Refused(ctx, analyst, where, sql, err)
	}
	if err := c.deliver(sql, answer, nil, f.certificate, f.Language); err != nil {
		return err
	}
	if answer.Verdict.OtherKeys {
		return exitStatus(failure.StatusNotPinned)
	}
	return nil
}

// deliver prints an answer and keeps its certificate, if a path is given. A question that was
// answered has been paid for: a certificate that cannot be written there goes into a temporary
// file, and the answer is printed whatever becomes of it. keys are what is known of those that were joined by.
func (c *command) deliver(sql string, a *client.Answer, keys []render.Keys, path, language string) error {
	var failed *failure.Failure
	if err := keepCertificate(path, a); err != nil {
		failed = failure.Of(err)
		path = filepath.Join(os.TempDir(), fmt.Sprintf("parley-%.12s.certificate", a.Verdict.Certificate))
		failed.Hint = "the certificate is in " + path
		if err := keepCertificate(path, a); err != nil {
			failed.Hint, path = "the certificate is lost: "+err.Error(), ""
		}
	}
	var err error
	switch {
	case c.json:
		out := render.AnswerOf(sql, a, path)
		out.Keys = keys
		err = c.printJSON(out)
	case c.csv:
		if err = c.print(render.CSV(a.Result)); err == nil {
			c.progress.Note("%s", strings.TrimSuffix(render.CSVNotes(a, path, language), "\n"))
		}
	default:
		err = render.WriteAnswer(c.out, a, path, language)
	}
	if err == nil {
		c.adviseToPin(a.Verdict)
		for _, note := range linkage.Without(keys) {
			c.progress.Note("note: %s", note)
		}
	}
	if err == nil && failed != nil {
		failed.Write(c.errs)
		err = exitStatus(failed.ExitStatus())
	}
	return err
}

// adviseToPin says, of a certificate that was compared with no description, how it is: on standard error, so that what reads the
// answer need not.
func (c *command) adviseToPin(v protocols.Verdict) {
	if v.Reason == protocols.ReasonUnknownSigners {
		c.progress.Note("note: nobody vouches for the signers. --network FILE pins them: the network.json\n" +
			"that each node keeps in its data folder, from a department that you believe")
	}
}

// ask asks one question and shows its steps. An error knows the question that it is about.
func (c *command) ask(ctx context.Context, door client.Asker, sql string, o client.AskOptions) (*client.Answer, error) {
	c.progress.Step("asking")
	label, proving := "asking", false
	o.Progress = func(s client.Step) {
		switch {
		case s.Name == client.StepWaiting && len(s.Absent) > 0:
			c.progress.Step("waiting for %s", waitingFor(s.Absent))
		case s.Name == client.StepWaiting:
			c.progress.Step("%s", label)
		case s.Name == client.StepProving:
			if proving {
				c.progress.Update(label, s.Done, s.Total)
			}
		case s.Total > 0:
			if next := stepLabel(s); next != label {
				label, proving = next, s.Name == "admitted" || s.Name == "attested" || s.Name == "contributed" && s.Multiplies
				c.progress.Step("%s", label)
			}
			if !proving { // else it is proofs that are counted
				c.progress.Update(label, s.Done, s.Total)
			}
		}
	}
	answer, err := door.Ask(ctx, sql, o)
	if err != nil {
		failure := failure.Of(err)
		failure.SQL = sql
		return nil, failure
	}
	c.progress.Finish()
	return answer, nil
}

// waitingFor names who is not connected, and since when.
func waitingFor(absent []client.Absent) string {
	var names []string
	for _, a := range absent {
		names = append(names, a.String())
	}
	return strings.Join(names, "; ")
}

// stepLabel says what the departments do between one step and the next.
func stepLabel(s client.Step) string {
	if s.Screening {
		return "screening: " + screeningLabel(s)
	}
	switch s.Name {
	case "asked":
		return "the departments check the question"
	case "admitted":
		return "encrypting and proving"
	case "contributed":
		if s.Multiplies {
			return "verifying the contributions, multiplying and proving"
		}
		return "verifying the contributions"
	case "multiplied":
		return "verifying the products"
	case "attested":
		return "re-encrypting to the analyst and proving"
	case "shared":
		return "verifying the shares, decrypting"
	}
	return s.Name
}

// screeningLabel is stepLabel where the departments look at counts together, to see what of the answer is shown.
func screeningLabel(s client.Step) string {
	switch s.Name {
	case "attested":
		return "re-encrypting to a department and proving"
	case "shared":
		return "the departments open the counts"
	case "screened":
		return "the departments sign what is shown"
	}
	s.Screening = false
	return stepLabel(s)
}

// addDeadline adds --deadline to a command that runs all departments itself.
func addDeadline(cmd *cobra.Command, deadline *time.Duration) {
	cmd.Flags().DurationVar(deadline, "deadline", localDeadline, "give up a question after this time")
}

func checkDeadline(deadline time.Duration) error {
	if deadline < time.Second {
		return failure.Usage("flag", "", "--deadline %s is less than a second", deadline)
	}
	return nil
}

// checkTarget refuses, before the work, a file that could not be written after it.
func checkTarget(path string) error {
	if path == "" {
		return nil
	}
	const do = "name a file in a folder that is there and that you may write to"
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err != nil {
		f := failure.Unreadable("certificate", folder, err)
		f.Hint = do
		return f
	}
	if !info.IsDir() {
		return failure.Usage("certificate", do, "%s is not a folder", folder)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return failure.Usage("certificate", do, "--certificate %s is a folder", path)
	}
	trial, err := os.CreateTemp(folder, disk.TemporaryPrefix+"*")
	if err != nil {
		f := unwritable(path, disk.Explain(err))
		f.Hint = do
		return f
	}
	trial.Close()
	return os.Remove(trial.Name())
}

// keepCertificate writes an answer's certificate, and what stands beside it.
func keepCertificate(path string, a *client.Answer) error {
	if path == "" {
		return nil
	}
	if err := analyst.SaveAttached(path, a.Attached); err != nil {
		return unwritable(analyst.AttachedFolder(path), err)
	}
	return writeCertificate(path, a.Certificate)
}

// writeCertificate writes it whole or not at all, for its owner's eyes: with its opening it shows the answer.
func writeCertificate(path string, certificate []byte) error {
	if path == "" {
		return nil
	}
	if err := disk.WriteFile(path, certificate); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// readNetwork reads a pinned network description; no path gives nil.
func readNetwork(path string) (*protocols.Network, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readLimited(path, maxNetworkBytes)
	if err != nil {
		return nil, err
	}
	network, err := protocols.ParseNetwork(text)
	if err != nil {
		f := failure.Usage("network", "every node writes network.json into its folder",
			"%s is not a network description: %s", path, err)
		f.File = path
		return nil, f
	}
	return network, nil
}
