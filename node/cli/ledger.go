package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"parley/node/audit"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// sourceFlags say where a ledger is read.
type sourceFlags struct {
	nodes                  []string
	identity, dir, network string
}

func (f *sourceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.nodes, "node", nil, "the multiaddr of a running node")
	flags.StringVar(&f.identity, "identity", "", "with --node: an analyst's identity, or that of a member whose node does not run")
	flags.StringVar(&f.dir, "dir", "", "the folder of a stopped node, or of a demo")
	flags.StringVar(&f.network, "network", "", "the pinned network description; what the node or the folder says otherwise")
	exclude(flags, "node", "dir")
}

func (c *command) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "what stands on the ledger, and whether it is right",
		Long: `Reads the ledger of a running node (--node MULTIADDR --identity FILE) or of a stopped one (--dir DIR), exports it into
one file, and checks such a file, trusting nothing in it but the network's id.

list, show, search and follow check every entry's signature and that the referee takes it in this order; that the order
is the one that the validators agreed on, only export, check and head verify.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(c.ledgerList("list", "the questions, and what became of them", false), c.ledgerShow(),
		c.ledgerFollow(), c.ledgerList("search", "the questions that match", true), c.ledgerExport(), c.ledgerCheck(), c.ledgerHead(), c.ledgerNetwork())
	return cmd
}

// source opens where a ledger is read, and compares its network with the
// pinned one.
func (c *command) source(ctx context.Context, f sourceFlags) (src audit.Source, pinned *protocols.Network, err error) {
	if pinned, err = readNetwork(f.network); err != nil {
		return nil, nil, err
	}
	switch {
	case len(f.nodes) > 0 && f.dir != "":
		return nil, nil, failure.Usage("flag", "", "--node or --dir, not both")
	case len(f.nodes) == 1:
		src, err = c.dial(ctx, f.nodes[0], f.identity)
	case len(f.nodes) > 1:
		return nil, nil, failure.Usage("flag", "", "this command asks one node")
	case f.dir != "":
		src, err = c.openFolder(ctx, f.dir, pinned)
	default:
		return nil, nil, failure.Usage("flag", "a running node is read by --node MULTIADDR --identity FILE", "--node or --dir is needed")
	}
	if err != nil {
		return nil, nil, err
	}
	if got := src.Network().ID(); pinned != nil && got != pinned.ID() {
		src.Close()
		return nil, nil, failure.Refused("network", "", "this is the ledger of network %s, pinned is %s", got, pinned.ID())
	}
	return src, pinned, nil
}

func (c *command) dial(ctx context.Context, address, identity string) (audit.Source, error) {
	if identity == "" {
		return nil, failure.Usage("flag", "", "--node needs --identity")
	}
	if err := exchange.CheckAddress(address); err != nil {
		return nil, err
	}
	id, err := peers.LoadIdentity(identity)
	if err != nil {
		return nil, failure.Usage("identity", "", "%s", err)
	}
	c.progress.Step("connecting to %s", address)
	src, err := audit.Dial(ctx, address, id, c.parameters)
	if err != nil {
		return nil, err
	}
	return src, nil
}

// openFolder opens the ledger of the first stopped node of a folder; the others
// lend their blobs. A running node is asked, where an analyst's key is at hand.
func (c *command) openFolder(ctx context.Context, dir string, pinned *protocols.Network) (audit.Source, error) {
	nodes, analyst, err := nodeFolders(dir)
	if err != nil {
		return nil, err
	}
	var blobs []string
	for _, n := range nodes[1:] {
		blobs = append(blobs, filepath.Join(n.data, "blobs"))
	}
	network := pinned
	if network == nil {
		if network, err = nodes[0].network(); err != nil {
			return nil, err
		}
	}
	src, err := audit.OpenArchive(ctx, nodes[0].data, network, c.parameters, blobs...)
	if !errors.Is(err, disk.ErrLocked) {
		if err != nil {
			return nil, err
		}
		return src, nil
	}
	address, e := nodes[0].address()
	if e != nil {
		address = "MULTIADDR"
	}
	if analyst == "" || e != nil {
		return nil, failure.Refused("running", fmt.Sprintf("ask it: --node %s --identity FILE, of an analyst that its node.toml lists (parley init makes one)", address),
			"the node of %s is running", nodes[0].data)
	}
	return c.dial(ctx, address, analyst)
}

// ledgerList makes `list`, and `search`, which is the same with filters.
func (c *command) ledgerList(use, short string, filters bool) *cobra.Command {
	var f sourceFlags
	var filter audit.Filter
	var since, until string
	var all bool
	cmd := &cobra.Command{
		Use: use, Short: short, Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if filter.Since, err = parseWhen("since", since, time.Now()); err != nil {
				return err
			}
			if filter.Until, err = parseWhen("until", until, time.Now()); err != nil {
				return err
			}
			return c.listLedger(cmd.Context(), f, filter, all)
		},
	}
	flags := cmd.Flags()
	if filters {
		flags.StringVar(&filter.Table, "table", "", "of this table")
		flags.StringVar(&filter.Department, "department", "", "to which this department contributes; with --all, its entries")
		flags.StringVar(&filter.Analyst, "analyst", "", "of this analyst: a peer id, or its last 8 characters or more")
		flags.StringVar(&since, "since", "", "not before this time, UTC: 2026-03-31, \"2026-03-31 09:00\", or 24h ago")
		flags.StringVar(&until, "until", "", "before this time, UTC")
		flags.StringVar(&filter.Text, "text", "", "with these words in the SQL or the reason")
	}
	flags.BoolVar(&all, "all", false, "every entry, not questions only")
	f.add(cmd)
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) listLedger(ctx context.Context, f sourceFlags, filter audit.Filter, all bool) error {
	if err := filter.Check(); err != nil {
		return err
	}
	src, pinned, err := c.source(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	var keep func(audit.Event) bool
	if all {
		keep = filter.MatchesEvent
	}
	h, err := audit.ReadHistory(ctx, src, pinned, keep)
	if err != nil {
		return err
	}
	c.progress.Finish()
	queries := []*audit.Query{}
	for _, q := range h.Queries {
		if filter.Matches(q) {
			queries = append(queries, q)
		}
	}
	id := src.Network().ID().String()
	switch {
	case c.json && all:
		return c.printJSON(map[string]any{"network": id, "entries": append([]audit.Event{}, h.Events...)})
	case c.json:
		return c.printJSON(map[string]any{"network": id, "queries": queries})
	case all:
		return c.print(render.Events(h.Events))
	}
	return c.print(render.Queries(queries, pinned != nil))
}

func (c *command) ledgerShow() *cobra.Command {
	var f sourceFlags
	cmd := &cobra.Command{
		Use:   "show DIGEST",
		Short: "what a digest is, and its history",
		Long: `DIGEST is one that any command, log or certificate has, its first 8 digits or more, or "last", the last question. Of a
question, by its own, its plan's or its certificate's digest, the whole history is shown as a timeline, and so is that of
an epoch and of a block; of any other the entries in which it stands, with the question, department and epoch that it
belongs to.`,
		Args: arguments(1, "a digest"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.showLedger(cmd.Context(), f, args[0]) },
	}
	f.add(cmd)
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) showLedger(ctx context.Context, f sourceFlags, name string) error {
	src, pinned, err := c.source(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	return c.show(ctx, src, pinned, name)
}

// show says what a digest of a ledger names.
func (c *command) show(ctx context.Context, src audit.Source, pinned *protocols.Network, name string) error {
	f, err := audit.Find(ctx, src, pinned, name)
	if err != nil {
		return err
	}
	c.progress.Finish()
	network := src.Network().ID().String()
	switch {
	case !c.json:
		return c.print(render.Found(f, pinned != nil))
	case f.Whole:
		return c.printJSON(struct {
			*audit.Query
			Digest  string        `json:"digest"`
			Is      string        `json:"is"`
			Epoch   string        `json:"epoch,omitempty"`
			Network string        `json:"network"`
			Entries []audit.Event `json:"entries"`
		}{f.Asked[0], f.Digest, f.Is, f.Epoch, network, f.Entries})
	}
	return c.printJSON(struct {
		*audit.Found
		Network string `json:"network"`
	}{f, network})
}

func (c *command) ledgerFollow() *cobra.Command {
	var f sourceFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "follow",
		Short: "every entry as it comes, until Ctrl-C",
		Long:  `With --json each entry is one JSON object on a line of its own.`,
		Args:  arguments(0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.followLedger(cmd.Context(), f, all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "begin with the first entry, not with the next one")
	f.add(cmd)
	c.jsonFlag(cmd)
	return cmd
}

func (c *command) followLedger(ctx context.Context, f sourceFlags, all bool) error {
	src, _, err := c.source(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	if !src.Live() {
		return failure.Refused("stopped", "parley ledger list --all shows what it holds", "the node of %s does not run: nothing more will come", f.dir)
	}
	s, err := src.Base(ctx)
	if err == nil && all {
		s = protocols.NewState(src.Network(), protocols.SizesOf(src.Params()))
		_, err = audit.WholeExtent(ctx, src)
	}
	if err != nil {
		return err
	}
	c.progress.Finish()
	c.progress.Note("following; Ctrl-C ends it")
	var diary render.Diary
	return audit.Follow(ctx, src, s, func(s *protocols.State, r *protocols.Record, refused error) error {
		e := audit.EventOf(s, r, refused)
		e.Time = audit.TimeOf(src, r)
		if c.json {
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			return c.print(string(line) + "\n")
		}
		return c.print(diary.Entry(e))
	})
}

func (c *command) ledgerExport() *cobra.Command {
	var f sourceFlags
	cmd := &cobra.Command{
		Use:   "export OUT",
		Short: "the whole ledger with its blobs, in one file",
		Long: `Writes the genesis, every block with its signatures and every blob that is still held into one file, which parley
ledger check verifies anywhere, offline. The blocks are verified on the way. A node that has pruned its first block
cannot export.`,
		Args: arguments(1, "the file to write"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.exportTo(cmd.Context(), f, args[0]) },
	}
	f.add(cmd)
	c.jsonFlag(cmd)
	return cmd
}

// parseWhen reads a point in time: as it is printed, RFC 3339, a day (its beginning, UTC), or how long
// ago.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateTime + " UTC", time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, failure.Usage("flag", `for example 2026-03-31, 2026-03-31T09:00:00Z, or 24h for "a day ago"`,
		"--%s %q is not a time", flag, text)
}
