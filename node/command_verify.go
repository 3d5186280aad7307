package node

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/failure"
	"parley/protocols"
)

const (
	maxNetworkBytes     = 16 << 20 // verifying keys and 64 members are far below it
	maxCertificateBytes = 1 << 30
)

// verdictJSON is what `verify --json` prints.
type verdictJSON struct {
	Verified        bool          `json:"verified"`
	Pinned          bool          `json:"pinned"`
	DevelopmentKeys bool          `json:"developmentKeys"`
	Caveat          string        `json:"caveat,omitempty"` // what development keys let their maker do
	ValueShown      bool          `json:"valueShown"`
	Reason          string        `json:"reason,omitempty"`
	Department      string        `json:"department,omitempty"`
	Digest          string        `json:"digest,omitempty"` // the same with and without the opening
	Block           uint64        `json:"block,omitempty"`  // of the ledger, that the outcome stands in
	Time            *time.Time    `json:"time,omitempty"`   // of that block
	Parameters      string        `json:"parameters,omitempty"`
	Departments     []string      `json:"departments,omitempty"`
	Members         []audit.Seat  `json:"members,omitempty"` // of the network when the answer was made, and who had left, by key
	SQL             string        `json:"sql,omitempty"`
	Columns         []string      `json:"columns,omitempty"`
	Rows            [][]*string   `json:"rows,omitempty"`
	Exact           [][]*string   `json:"exact,omitempty"`
	Model           *modelJSON    `json:"model,omitempty"`
	ModelExact      *modelJSON    `json:"modelExact,omitempty"`
	Notes           []engine.Note `json:"notes,omitempty"`
	Rounds          []roundJSON   `json:"rounds,omitempty"` // of a question that took several
}

func (c *command) verifyCommand() *cobra.Command {
	var network string
	cmd := &cobra.Command{
		Use:   "verify [--network network.json] FILE",
		Short: "check a certificate, offline",
		Long: `Checks a certificate against a pinned network description, and recomputes everything in it; no network and no node
is asked. The certificate of a question of several rounds holds those of all rounds: that each follows from the question
and the answers before is recomputed too. Exit status 0: verified. 1: not verified, with the reason and, where it can be told, the department.
3: the certificate agrees with itself, but without --network nobody knows who signed it; or with it a vote has put a
key there that is not the pinned one, whatever its name: each is shown, with the block of its vote. Whoever accepts the
later membership pins it too: parley ledger network --at BLOCK writes its description.`,
		Args: arguments(1, "the certificate's file"),
		RunE: func(_ *cobra.Command, args []string) error { return c.verify(args[0], network) },
	}
	cmd.Flags().StringVar(&network, "network", "", "the pinned network description")
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) verify(path, network string) error {
	pinned, err := readNetwork(network)
	if err != nil {
		return err
	}
	certificate, err := readLimited(path, maxCertificateBytes)
	if err != nil {
		return err
	}
	verdict, err := client.Verify(certificate, pinned)
	if err != nil {
		verdict = protocols.Verdict{Reason: unreadable(path, certificate, err), Department: verdict.Department}
	}
	if c.json {
		err = c.printJSON(verdictOf(verdict))
	} else {
		err = c.print(verdictText(verdict))
	}
	if err != nil {
		return err
	}
	return verdictStatus(verdict, pinned)
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

// verdictStatus is the exit status of a verdict: success only when each signer's key is pinned.
func verdictStatus(v protocols.Verdict, pinned *protocols.Network) error {
	switch {
	case v.Verified:
		return nil
	case v.SelfConsistent && (pinned == nil || v.OtherKeys):
		return exitStatus(failure.StatusNotPinned)
	}
	return exitStatus(failure.StatusRefused)
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

// verdictOf is the JSON form of a verdict. The reason is left out when all is well.
func verdictOf(v protocols.Verdict) verdictJSON {
	caveat := ""
	if v.DevelopmentKeys {
		caveat = protocols.DevelopmentCaveat
	}
	out := verdictJSON{Verified: v.Verified, Pinned: v.Pinned, DevelopmentKeys: v.DevelopmentKeys, Caveat: caveat,
		ValueShown: v.ValueShown, Department: v.Department, Parameters: v.Parameters, Departments: v.Departments}
	if !v.Verified {
		out.Reason = v.Reason
	}
	if v.SelfConsistent {
		out.Members = audit.SeatsOf(v.Seats, v.Gone)
		out.Digest, out.Block, out.Time = v.Certificate.String(), v.Block, &v.Time
	}
	out.SQL = questionOf(v)
	for _, r := range v.Rounds {
		out.Rounds = append(out.Rounds, roundJSON{questionOf(r), r.Query.String(), planDigest(r), certificateJSON{Digest: r.Certificate.String()}})
	}
	if v.SelfConsistent && v.ValueShown && v.Result != nil {
		out.Columns, out.Rows, out.Exact = v.Result.Columns, texts(v.Result), exacts(v.Result)
		out.Model, out.ModelExact = modelsOf(v.Result)
		out.Notes = v.Result.Notes
	}
	return out
}

// planDigest is the digest of the plan that a verdict is about, or "".
func planDigest(v protocols.Verdict) string {
	if v.Plan == nil {
		return ""
	}
	return v.Plan.Digest().String()
}

// questionOf is the SQL that a verdict is about; "" where it is not known.
func questionOf(v protocols.Verdict) string {
	if v.Plan != nil {
		return v.Plan.SQL
	}
	return v.Question
}

// compared tells whether the keys were compared with pinned ones.
func compared(v protocols.Verdict) bool { return v.Pinned || v.OtherKeys }

// verdictLine is the verdict in one line. Without a pin it never says "verified".
func verdictLine(v protocols.Verdict) string {
	line := "verified"
	switch {
	case v.Verified:
	case v.SelfConsistent && v.Reason == protocols.ReasonUnknownSigners:
		line = v.Reason
	case v.OtherKeys:
		line = "NOT verified: " + failure.Printable(v.Reason)
	default:
		line = "NOT verified: " + failure.Printable(v.Reason)
		if v.Department != "" {
			line += " (department " + failure.Printable(v.Department) + ")"
		}
		return line
	}
	if v.DevelopmentKeys {
		line += "; " + protocols.DevelopmentCaveat
	}
	if !v.ValueShown {
		line += "; sealed, value not shown"
	}
	return line
}

func verdictText(v protocols.Verdict) string {
	var b strings.Builder
	if sql := questionOf(v); sql != "" {
		b.WriteString(failure.PrintableLines(sql) + "\n\n")
	}
	if v.SelfConsistent && v.ValueShown && v.Result != nil {
		b.WriteString(resultGrid(v.Result).String() + "\n")
		if text := modelText(v.Result); text != "" {
			b.WriteString(text + "\n")
		}
	}
	fmt.Fprintf(&b, "certificate  %s\n", verdictLine(v))
	if v.SelfConsistent {
		seats := audit.SeatsOf(v.Seats, v.Gone)
		fmt.Fprintf(&b, "departments  %s\n%sparameters   %s\nledger       %s\ndigest       %s\n",
			strings.Join(markedNames(v.Departments, seats, compared(v)), ", "), seatLines("keys", seats, compared(v)),
			parametersText(v.Parameters, v.ForPrivateData), anchorText(v), v.Certificate)
		for i, r := range v.Rounds {
			fmt.Fprintf(&b, "%-12s %s\n", fmt.Sprintf("round %d", i+1), r.Certificate)
		}
	}
	return b.String()
}

func anchorText(v protocols.Verdict) string {
	return fmt.Sprintf("block %d of %s", v.Block, v.Time.UTC().Format(time.RFC3339))
}

func parametersText(name string, forPrivateData bool) string {
	if !forPrivateData {
		return name + " (not for private data)"
	}
	return name
}
