package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"parley/node/analyst"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

const (
	maxNetworkBytes     = 16 << 20 // verifying keys and 64 members are far below it
	maxCertificateBytes = 1 << 30
)

func (c *command) verifyCommand() *cobra.Command {
	var network string
	var show bool
	cmd := &cobra.Command{
		Use:   "verify [--network network.json] FILE",
		Short: "check a certificate, offline",
		Long: `Checks a certificate against a pinned network description, and recomputes everything in it; no network and no node
is asked. The certificate of a question of several rounds holds those of all rounds: that each follows from the question
and the answers before is recomputed too. Of a join across departments, vectors and products that were too long
for the certificate are read from the folder FILE.attached; without them it is not verified. Exit status 0: verified. 1: not verified, with the reason and, where it can be told, the department.
3: the certificate agrees with itself, but without --network nobody knows who signed it; or with it a vote has put a
key there that is not the pinned one, whatever its name: each is shown, with the block of its vote. Whoever accepts the
later membership pins it too: parley ledger network --at BLOCK writes its description.`,
		Args: arguments(1, "the certificate's file"),
		RunE: func(_ *cobra.Command, args []string) error { return c.verify(args[0], network, show) },
	}
	cmd.Flags().StringVar(&network, "network", "", "the pinned network description")
	cmd.Flags().BoolVar(&show, "show", false, "show the answer of a certificate that is not verified, too")
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) verify(path, network string, show bool) error {
	pinned, err := readNetwork(network)
	if err != nil {
		return err
	}
	certificate, err := readLimited(path, maxCertificateBytes)
	if err != nil {
		return err
	}
	verdict, err := client.Verify(certificate, pinned, analyst.AttachedTo(path))
	if err != nil {
		verdict = protocols.Verdict{Reason: unreadable(path, certificate, err), Department: verdict.Department}
	}
	if c.json {
		err = c.printJSON(render.VerdictOf(verdict))
	} else {
		err = c.print(render.VerdictText(verdict, show))
	}
	if err != nil {
		return err
	}
	if c.adviseToPin(verdict); verdict.Detached {
		c.progress.Note("note: they are looked for in the folder %s, where parley query put them", analyst.AttachedFolder(path))
	}
	if status := render.VerdictStatus(verdict, pinned); status != failure.StatusAnswered {
		return exitStatus(status)
	}
	return nil
}

// unreadable says why a file has no verdict, and what it is where that shows.
func unreadable(path string, file []byte, err error) string {
	switch {
	case !errors.Is(err, protocols.ErrNotCertificate):
		return path + ": " + err.Error()
	case len(file) == 0:
		return path + " is empty"
	case audit.IsExport(file):
		return path + " is not a certificate of Parley but an export of a ledger: parley ledger check reads it"
	}
	if _, err := protocols.ParseGenesis(file); err == nil {
		return path + " is not a certificate of Parley but a network's description: parley verify --network " + path + " CERTIFICATE"
	}
	return path + " is not a certificate of Parley"
}

// readLimited reads a file that a person named.
func readLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, failure.Unreadable("file", path, err)
	}
	if info.Size() > limit {
		return nil, failure.Usage("file", "", "%s is larger than it can be (%d bytes at most)", path, limit)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, failure.Unreadable("file", path, err)
	}
	return text, nil
}
