package render

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/audit"
	"parley/node/failure"
)

// Status is what `node status` prints of a node, within 80 columns but for addresses and digests.
func Status(r node.Report) string {
	b := Page{labels: 9}
	up := (time.Duration(r.Uptime) * time.Second).String()
	if r.Starting {
		b.Add("node", "%s, %s, NOT in the network yet; up %s", r.Name, r.Role, up)
		b.Add("peer", "%s", r.Address)
		b.Add("waiting", "%s", r.Reason)
		return b.String()
	}
	health := "healthy"
	if !r.Healthy {
		health = "NOT healthy: " + r.Reason
	}
	b.Add("node", "%s, %s, %s; up %s", r.Name, r.Role, health, up)
	b.Add("build", "%s", r.Build)
	b.Add("peer", "%s", r.Address)
	b.Add("network", "%s", r.Network)
	if r.Shadow {
		b.Add("shadow", "SHADOW MODE: questions of this department's rows are refused; parley shadow shows what they would have sent")
	}
	if r.Caveat != "" {
		b.Add("warning", "not for private data: %s", r.Caveat)
	}
	for _, w := range r.Warnings {
		b.Add("warning", "%s", w)
	}
	ledger := "no block yet"
	if r.Ledger.Block > 0 {
		ledger = fmt.Sprintf("block %d of %s", r.Ledger.Block, failure.Time(r.Ledger.Time))
	}
	b.Add("ledger", "%s, %d entries, state %s; %d of %d validators connected", ledger,
		r.Ledger.Entries, audit.ShortDigest(r.Ledger.State), r.Ledger.Connected, r.Ledger.Validators)
	epoch := "none is formed"
	if r.Epoch > 0 {
		epoch = fmt.Sprintf("%d", r.Epoch)
	}
	b.Add("epoch", "%s; %s open; %s on record", epoch, engine.Plural(r.Open, "question"), engine.Plural(r.Evidence, "deviation"))
	for _, t := range r.Tables {
		b.Add("table", "%s", tableText(t))
	}
	for _, id := range r.Analysts {
		b.Add("let in", "%s", id)
	}
	for _, p := range r.People {
		b.Add("person", "%s: %s; %s", p.Name, standing(p), p.Peer)
	}
	for _, m := range r.Members {
		b.Add("member", "%s", memberText(m))
	}
	for _, v := range r.Votes { // each has one that stands
		b.WriteString(votesText(v))
	}
	b.Add("disk", "ledger %s, journal %s, %s %s; %s of %s free", amount(r.Disk.Ledger), amount(r.Disk.Journal),
		engine.Plural(r.Blobs, "blob"), amount(r.Disk.Blobs), amount(r.Disk.Free), amount(r.Disk.Size))
	b.Add("memory", "%s", amount(r.Memory))
	return b.String()
}

// amount is a number of bytes in a unit that leaves it short.
func amount[T int64 | uint64](bytes T) string {
	size, unit := float64(bytes)/1e3, "kB"
	for _, next := range []string{"MB", "GB", "TB"} {
		if size >= 1000 {
			size, unit = size/1e3, next
		}
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}

func tableText(t node.TableReport) string {
	text := fmt.Sprintf("%s: %s, %s, ", t.Name, engine.Plural(int(t.Rows), "row"), engine.Plural(t.Columns, "column"))
	switch {
	case t.Version == 0:
		text += "not registered yet"
	case t.Pending:
		text += fmt.Sprintf("to be registered as version %d", t.Version+1)
	default:
		text += fmt.Sprintf("version %d", t.Version)
	}
	if t.Policy == 0 {
		return text + "; no policy"
	}
	return text + fmt.Sprintf("; policy version %d", t.Policy)
}

func memberText(m node.MemberReport) string {
	state := "connected"
	if !m.Connected {
		state = "NOT connected"
	}
	if m.Standing != "" {
		state += ", " + m.Standing
	}
	return fmt.Sprintf("%s, %s, %s, %s", cmp.Or(m.Name, "(has not joined)"), m.Role, state, m.Peer)
}

// votesText is a change that is voted for, within 80 columns up to names.
func votesText(v node.ChangeReport) string {
	var by []string
	for _, c := range v.By {
		by = append(by, failure.Printable(cmp.Or(c.Name, c.Peer)))
	}
	text := fmt.Sprintf("%-9s %d of %d votes since block %d, by %s, to\n%10s%s %s", "vote", len(v.By), v.Need, v.By[0].Block,
		strings.Join(by, ", "), "", v.Action, v.Peer)
	if v.To != "" {
		text += fmt.Sprintf("\n%10s--to %s", "", v.To)
	}
	if v.Action == "add" {
		text += ", " + v.Role
	}
	if v.Handover {
		text += fmt.Sprintf("\n%10sthe member's own vote, from its old identity's node, is missing", "")
	}
	return text + "\n"
}
