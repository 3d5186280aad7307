package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/node/audit"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// exportTo writes an export whole or not at all.
func (c *command) exportTo(ctx context.Context, f sourceFlags, path string) error {
	if err := checkTarget(path); err != nil {
		return err
	}
	src, _, err := c.source(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	var out *audit.Exported
	var reading error
	err = disk.StreamFile(path, func(w io.Writer) error {
		out, reading = audit.Export(ctx, w, src, src.Params(), func(done, total uint64) {
			c.progress.Update("exporting blocks", int(done), int(total))
		})
		return reading
	})
	if reading != nil && disk.Fault(reading) == nil {
		return reading // the file is not at fault
	}
	if err != nil {
		return unwritable(path, err)
	}
	c.progress.Finish()
	out.Path = path
	if c.json {
		return c.printJSON(out)
	}
	return c.print(fmt.Sprintf("%s: %.1f MB, blocks 1 to %d of %s, %d entries, %s\n%sgenesis %s\n", path, float64(out.Bytes)/1e6,
		out.Blocks, failure.Time(out.Time), out.Transactions, engine.Plural(out.Blobs, "blob"), missingText(out.Missing), out.Genesis))
}

// missingText says what is not there; a few by name.
func missingText(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	const most = 5
	text := fmt.Sprintf("missing: %s that could not be had here: %s", engine.Plural(len(missing), "blob"), strings.Join(missing[:min(most, len(missing))], ", "))
	if len(missing) > most {
		text += ", …"
	}
	return text + "\n"
}

func (c *command) ledgerCheck() *cobra.Command {
	var genesis, network string
	var complete bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "check an export, offline, trusting nothing in it",
		Long: `Replays an export from the genesis: every block's signatures, hashes and entries by the ledger's rules, and every proof
whose blob is there. Exit status 0: all is right, and the genesis is the pinned one. 1: something is wrong, with the
place. 3: the export agrees with itself, but without --genesis or --network nobody knows whose ledger it is; or a vote put
a key there, at whatever time, that the pinned description does not cover: each is shown, with the block of its vote.

Blobs are kept for as long as the nodes' retention says. What could not be verified again for want of a blob is listed;
with --complete it is an error for epochs and answered questions.`,
		Args: arguments(1, "the export"),
		RunE: func(_ *cobra.Command, args []string) error { return c.checkFile(args[0], genesis, network, complete) },
	}
	cmd.Flags().StringVar(&genesis, "genesis", "", "the network's id, 64 hex digits")
	cmd.Flags().StringVar(&network, "network", "", "the pinned network description")
	cmd.Flags().BoolVar(&complete, "complete", false, "all proofs of epochs and answered questions must be verified again")
	c.jsonFlag(cmd)
	return cmd
}

// pinsOf reads what an export or a node is compared with.
func pinsOf(genesis, network string) (audit.Pins, error) {
	var pins audit.Pins
	var err error
	if pins.Network, err = readNetwork(network); err != nil || genesis == "" {
		return pins, err
	}
	b, err := hex.DecodeString(genesis)
	if err != nil || len(b) != len(pins.Genesis) {
		return pins, failure.Usage("flag", "parley ledger export prints it, and parley node status", "--genesis %q is not 64 hex digits", genesis)
	}
	pins.Genesis = engine.Digest(b)
	return pins, nil
}

func (c *command) checkFile(path, genesis, network string, complete bool) error {
	pins, err := pinsOf(genesis, network)
	if err != nil {
		return err
	}
	file, size, err := openExport(path)
	if err != nil {
		return err
	}
	defer file.Close()
	const megabyte = 1_000_000
	found, err := audit.Check(file, size, pins, c.parameters, func(done, total int64) {
		c.progress.Update("checking (MB)", int(done/megabyte), int((total+megabyte-1)/megabyte))
	})
	if err != nil {
		return failure.Unreadable("file", path, err)
	}
	c.progress.Finish()
	if what := notExport(path, file); what != "" {
		found.Reason = what
	}
	if found.Reason == "" && complete && len(found.Incomplete) > 0 {
		found.Verified = false
		found.Reason = fmt.Sprintf("blobs are missing: %s could not be verified again as a whole", strings.Join(found.Incomplete, ", "))
	}
	if c.json {
		err = c.printJSON(found)
	} else {
		err = c.print(checkedText(found))
	}
	switch {
	case err != nil || found.Verified:
		return err
	case found.Reason == "" && (!pins.Any() || len(found.OtherKeys) > 0):
		return exitStatus(failure.StatusNotPinned)
	}
	return exitStatus(failure.StatusRefused)
}

// openExport opens what may be an export.
func openExport(path string) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, failure.Unreadable("file", path, err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = failure.Unreadable("file", path, err)
	case info.IsDir():
		err = failure.Usage("file", "parley ledger export --dir "+path+" FILE writes the ledger of a node's folder into a file",
			"%s is a folder, not an export", path)
	case !info.Mode().IsRegular():
		err = failure.Usage("file", "", "%s is not a file", path)
	default:
		return file, info.Size(), nil
	}
	file.Close()
	return nil, 0, err
}

// records opens an export, or where else a ledger is read, and tells whether it is the pinned network's.
func (c *command) records(ctx context.Context, f sourceFlags, export string) (audit.Records, bool, error) {
	if export == "" {
		src, pinned, err := c.source(ctx, f)
		return src, pinned != nil, err
	}
	// A file that is named stands in the place of a node that the environment names.
	if strings.Join(f.nodes, ";") != os.Getenv(environmentPrefix+"NODE") && len(f.nodes) > 0 || f.dir != "" && f.dir != os.Getenv(environmentPrefix+"DIR") {
		return nil, false, failure.Usage("flag", "", "an export, --node or --dir, not two of them")
	}
	pinned, err := readNetwork(f.network)
	if err != nil {
		return nil, false, err
	}
	file, size, err := openExport(export)
	if err != nil {
		return nil, false, err
	}
	if what := notExport(export, file); what != "" {
		file.Close()
		return nil, false, failure.Refused("export", "", "%s", what)
	}
	c.progress.Step("checking the export's blocks")
	src, err := audit.OpenFile(file, size, c.parameters)
	if err != nil {
		return nil, false, err
	}
	if got := src.Network().ID(); pinned != nil && got != pinned.ID() {
		src.Close()
		return nil, false, failure.Refused("network", "", "this is the ledger of network %s, pinned is %s", got, pinned.ID())
	}
	return src, pinned != nil, nil
}

// notExport says that a file is no export, and what it is where that shows; "" of an export.
func notExport(path string, file io.ReaderAt) string {
	head := make([]byte, 64)
	n, _ := file.ReadAt(head, 0)
	what := path + " is not an export of a ledger"
	switch head = head[:n]; {
	case audit.IsExport(head):
		return ""
	case len(head) == 0:
		return path + " is empty"
	case protocols.IsCertificate(head):
		return what + " but a certificate: parley verify reads it"
	case slices.ContainsFunc(packed, func(magic string) bool { return strings.HasPrefix(string(head), magic) }):
		return what + " but a packed file: unpack it first"
	}
	return what + ": parley ledger export writes one"
}

// packed is how files of gzip, zstandard, xz, bzip2 and zip begin.
var packed = []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ", "BZh", "PK\x03\x04"}

// checkedText is the result for a person. Without a pin it never says
// "verified".
func checkedText(f *audit.Checked) string {
	var b render.Page
	caveat := ""
	if f.Development {
		caveat = "; " + protocols.DevelopmentCaveat
	}
	switch {
	case f.Reason != "":
		b.Add("export", "NOT verified: %s", f.Reason)
		if f.Department != "" {
			b.Add("department", "%s", f.Department)
		}
	case f.Verified:
		b.Add("export", "verified%s", caveat)
	case len(f.OtherKeys) > 0:
		b.Add("export", "NOT verified: %s: %s%s", protocols.ReasonOtherKeys, strings.Join(f.OtherKeys, ", "), caveat)
	default:
		b.Add("export", "self-consistent, genesis not pinned%s", caveat)
	}
	if f.Genesis == "" {
		return b.String()
	}
	compared := f.Pinned || len(f.OtherKeys) > 0
	pinned := "not pinned"
	if compared {
		pinned = "pinned"
	}
	b.Add("genesis", "%s (%s)", f.Genesis, pinned)
	b.WriteString(render.SeatLines("keys", f.Members, compared))
	if f.Reason != "" {
		b.WriteString("up to there:\n")
	}
	at := ""
	if f.Time != nil {
		at = " of " + failure.Time(*f.Time)
	}
	b.Add("blocks", "%d, the last%s; %d signatures", f.Blocks, at, f.Signatures)
	b.Add("transactions", "%d: %s, %s, of which %d answered", f.Transactions, engine.Plural(f.Epochs, "epoch"), engine.Plural(f.Queries, "query"), f.Answered)
	if f.Screenings > 0 {
		b.Add("screenings", "%d, whose contributors signed what answers show; their counts are theirs alone", f.Screenings)
	}
	b.Add("questions", "%d allowed by what stood on the ledger; %d not allowed, and not answered", f.Allowed, f.Denied)
	for _, q := range f.NotAllowed {
		b.Add("NOT allowed", "block %d, record %d, query %s: %s", q.Block, q.Number, q.Query, q.Sentence)
	}
	b.Add("proofs", "%d verified again, of %s", f.Proofs, engine.Plural(f.Blobs, "blob"))
	missing := "nothing"
	if len(f.Missing) > 0 {
		missing = fmt.Sprintf("%s that the export does not hold", engine.Plural(len(f.Missing), "blob"))
	}
	if len(f.Unchecked) > 0 {
		missing += fmt.Sprintf("; %d more could not be checked without them", len(f.Unchecked))
	}
	b.Add("missing", "%s", missing)
	for _, of := range f.Incomplete {
		b.Add("", "not verified as a whole: %s", of)
	}
	for _, d := range f.Deviations {
		b.Add("deviation", "%s", d)
	}
	for _, e := range f.Evidence {
		b.Add("evidence", "block %d, record %d: %s, %s: %s (%s)", e.Block, e.Number, e.Department, e.Kind, e.Sentence, e.Proof)
	}
	return b.String()
}

func (c *command) ledgerHead() *cobra.Command {
	var f sourceFlags
	var genesis string
	var block uint64
	cmd := &cobra.Command{
		Use:   "head --node MULTIADDR --node MULTIADDR",
		Short: "whether nodes show one ledger: the light client",
		Long: `Asks two nodes or more for a block (the latest that all of them have), verifies for each the chain of validators from
the genesis to it, and compares. Exit status 0: one ledger, of the pinned network. 1: they differ, or one shows what is
not signed by more than two thirds. 3: one ledger, of a network that nobody pinned, or with validators whose keys are not
pinned: each is shown, with the block of the vote that put it there.`,
		Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.head(cmd.Context(), f, genesis, block) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.nodes, "node", nil, "the multiaddr of a running node; two or more")
	flags.StringVar(&f.identity, "identity", "", "an analyst's identity")
	flags.StringVar(&f.network, "network", "", "the pinned network description")
	flags.StringVar(&genesis, "genesis", "", "the network's id, 64 hex digits")
	flags.Uint64Var(&block, "block", 0, "the block to compare; the latest otherwise")
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) head(ctx context.Context, f sourceFlags, genesis string, block uint64) error {
	if len(f.nodes) < 2 || f.identity == "" {
		return failure.Usage("flag", "", "parley ledger head needs --identity and two nodes: --node MULTIADDR --node MULTIADDR")
	}
	pins, err := pinsOf(genesis, f.network)
	if err != nil {
		return err
	}
	for _, address := range f.nodes {
		if err := exchange.CheckAddress(address); err != nil {
			return err
		}
	}
	id, err := peers.LoadIdentity(f.identity)
	if err != nil {
		return failure.Usage("identity", "", "%s", err)
	}
	c.progress.Step("asking %d nodes", len(f.nodes))
	out, err := audit.CompareHeads(ctx, f.nodes, id, pins, block)
	if err != nil {
		return err
	}
	c.progress.Finish()
	if c.json {
		err = c.printJSON(out)
	} else {
		err = c.print(headText(out))
	}
	if err == nil && !out.Pinned {
		err = exitStatus(failure.StatusNotPinned)
	}
	return err
}

func headText(h *audit.Head) string {
	pinned := "not pinned"
	switch {
	case h.Pinned:
		pinned = "pinned"
	case h.Compared:
		pinned = "pinned, but not the keys of all validators"
	}
	validators := slices.Clone(h.Validators)
	for i, v := range validators {
		for _, other := range h.OtherKeys {
			if other.Peer == v {
				mark := "NOT pinned"
				if !h.Compared {
					mark = "no founder"
				}
				if validators[i] += " (" + mark; other.Block > 0 {
					validators[i] += fmt.Sprintf(": voted in in block %d", other.Block)
				}
				validators[i] += ")"
			}
		}
	}
	var b render.Page
	b.Add("one ledger", "%d nodes show the same", len(h.Nodes))
	b.Add("genesis", "%s (%s)", h.Genesis, pinned)
	b.Add("block", "%d of %s", h.Block, failure.Time(h.Time))
	b.Add("hash", "%s", h.Hash)
	b.Add("state", "%s", h.State)
	for i, v := range validators {
		b.Add([]string{"validators", ""}[min(i, 1)], "%s", v)
	}
	return b.String()
}
