package cli

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"parley/node/audit"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/render"
	"parley/protocols"
)

func (c *command) ledgerNetwork() *cobra.Command {
	var f sourceFlags
	var at uint64
	cmd := &cobra.Command{
		Use:   "network [--at BLOCK] OUT",
		Short: "the description to pin after a vote has changed who belongs to the network",
		Long: `Writes the network's description as it was at the end of a block: the founding one, and who belonged to it then by
name and key. Every block up to it is verified on the way. Read what it prints before you pin it: each key that a vote
put there, in which block, and whether the key before handed over (rotated) or not (seized).`,
		Args: arguments(1, "the file to write"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.describeNetwork(cmd.Context(), f, at, args[0]) },
	}
	cmd.Flags().Uint64Var(&at, "at", 0, "the block; the latest otherwise")
	f.add(cmd)
	c.jsonFlag(cmd)
	return cmd
}

// describedJSON is what `ledger network --json` prints.
type describedJSON struct {
	Path    string       `json:"path"`
	Network string       `json:"network"`
	Pinned  bool         `json:"pinned"` // the founding is the pinned one
	At      uint64       `json:"at"`
	Version uint64       `json:"version"` // of the membership, from 1
	Block   uint64       `json:"block"`   // of the vote that made it; 0: as founded
	Time    time.Time    `json:"time"`    // of the block At
	Members []audit.Seat `json:"members"`
}

func (c *command) describeNetwork(ctx context.Context, f sourceFlags, at uint64, path string) error {
	if err := checkTarget(path); err != nil {
		return err
	}
	src, pinned, err := c.source(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	described, out, err := describeAt(ctx, src, pinned, at, func(done, total uint64) {
		c.progress.Update("verifying blocks", int(done), int(total))
	})
	if err != nil {
		return err
	}
	if err := disk.WriteFile(path, described.JSON()); err != nil {
		return unwritable(path, err)
	}
	c.progress.Finish()
	if out.Path = path; c.json {
		return c.printJSON(out)
	}
	return c.print(out.text())
}

// describeAt verifies a source's blocks up to one (0: its last), and describes
// the network at the end of it.
func describeAt(ctx context.Context, src audit.Source, pinned *protocols.Network, at uint64, progress func(done, total uint64)) (*protocols.Network, *describedJSON, error) {
	extent, err := src.Extent(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case extent.FirstBlock != 1:
		return nil, nil, failure.Refused("pruned", "ask a node that keeps all blocks: one without retain in its node.toml, there from the beginning",
			"the first blocks are not here: who belonged to the network cannot be verified")
	case at == 0:
		at = extent.LastBlock
	case at > extent.LastBlock:
		return nil, nil, failure.Refused("block", "", "--at %d: the ledger goes up to block %d", at, extent.LastBlock)
	}
	out := &describedJSON{Network: src.Network().ID().String(), Pinned: pinned != nil, At: at}
	p := audit.NewReplay(src.Network(), protocols.SizesOf(src.Params()))
	p.Block = func(b ledger.CheckedBlock) error {
		out.Time = b.Time.UTC()
		progress(b.Height, at)
		return nil
	}
	p.Record = func(*protocols.Record, error) error { return nil }
	blocks, err := p.Run(src.Blocks(ctx, 1, at))
	if err != nil {
		return nil, nil, err
	}
	if blocks != at {
		return nil, nil, fmt.Errorf("%d of %d blocks came", blocks, at)
	}
	described, err := p.State.Described(math.MaxUint64)
	if err != nil {
		return nil, nil, failure.Refused("not-ready", "choose a later block", "%s", err)
	}
	present, gone := p.State.Seats()
	if pinned != nil {
		if _, err := (audit.Pins{Network: pinned}).Compare(p.State, at, present, gone); err != nil {
			return nil, nil, failure.Refused("network", "", "%s", err)
		}
	}
	out.Members = audit.SeatsOf(present, gone)
	membership := p.State.Membership()
	out.Version, out.Block = membership.Version, membership.Block
	return described, out, nil
}

func (d *describedJSON) text() string {
	pinned := "not pinned: compare it with what the departments say"
	if d.Pinned {
		pinned = "pinned"
	}
	var b render.Page
	b.Add("network", "%s (%s)", d.Network, pinned)
	b.Add("at", "block %d of %s", d.At, failure.Time(d.Time))
	membership := fmt.Sprintf("version %d", d.Version)
	if d.Block > 0 {
		membership += fmt.Sprintf(", since block %d", d.Block)
	}
	b.Add("membership", "%s", membership)
	label := "keys"
	for _, s := range d.Members {
		name, mark := s.Name, render.SeatMark(s, d.Pinned)
		if name == "" {
			name = "(" + s.Role + ")"
		}
		if mark == "" {
			mark = "founder"
		}
		b.Add(label, "%s %s: %s", name, s.Peer, mark)
		label = ""
	}
	return b.String() + "written to   " + d.Path + "\n"
}
