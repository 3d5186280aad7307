package render

import (
	"cmp"
	"fmt"
	"iter"
	"strings"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/audit"
	"parley/node/failure"
)

// statusWidth is what a line's text may take: with its name, 80 columns. Only a word that is longer
// itself, as an address, goes over.
const statusWidth = 70

// lines are a report's, each a name and what follows, folded.
type lines struct{ strings.Builder }

func (l *lines) add(name, format string, args ...any) {
	for part := range folded(failure.Printable(fmt.Sprintf(format, args...)), statusWidth) {
		fmt.Fprintf(l, "%-9s %s\n", name, part)
		name = ""
	}
}

// Status is what `node status` prints of a node, within 80 columns but for addresses and digests.
func Status(r node.Report) string {
	var b lines
	up := (time.Duration(r.Uptime) * time.Second).String()
	if r.Starting {
		b.add("node", "%s, %s, NOT in the network yet; up %s", r.Name, r.Role, up)
		b.add("peer", "%s", r.Address)
		b.add("waiting", "%s", r.Reason)
		return b.String()
	}
	health := "healthy"
	if !r.Healthy {
		health = "NOT healthy: " + r.Reason
	}
	b.add("node", "%s, %s, %s; up %s", r.Name, r.Role, health, up)
	b.add("build", "%s", r.Build)
	b.add("peer", "%s", r.Address)
	b.add("network", "%s", r.Network)
	if r.Caveat != "" {
		b.add("warning", "not for private data: %s", r.Caveat)
	}
	for _, w := range r.Warnings {
		b.add("warning", "%s", w)
	}
	ledger := "no block yet"
	if r.Ledger.Block > 0 {
		ledger = fmt.Sprintf("block %d of %s", r.Ledger.Block, r.Ledger.Time.UTC().Format(time.RFC3339))
	}
	b.add("ledger", "%s, %d entries, state %s; %d of %d validators connected", ledger,
		r.Ledger.Entries, audit.ShortDigest(r.Ledger.State), r.Ledger.Connected, r.Ledger.Validators)
	epoch := "none is formed"
	if r.Epoch > 0 {
		epoch = fmt.Sprintf("%d", r.Epoch)
	}
	b.add("epoch", "%s; %s open; %s on record", epoch, engine.Plural(r.Open, "question"), engine.Plural(r.Evidence, "deviation"))
	for _, t := range r.Tables {
		b.add("table", "%s", tableText(t))
	}
	for _, id := range r.Analysts {
		b.add("analyst", "%s", id)
	}
	for _, m := range r.Members {
		b.add("member", "%s", memberText(m))
	}
	for _, v := range r.Votes { // each has one that stands
		b.WriteString(votesText(v))
	}
	b.add("disk", "ledger %s, journal %s, %s %s; %s of %s free", amount(r.Disk.Ledger), amount(r.Disk.Journal),
		engine.Plural(r.Blobs, "blob"), amount(r.Disk.Blobs), amount(r.Disk.Free), amount(r.Disk.Size))
	b.add("memory", "%s", amount(r.Memory))
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
		return text + "not registered yet"
	case t.Pending:
		return text + fmt.Sprintf("to be registered as version %d", t.Version+1)
	}
	return text + fmt.Sprintf("version %d", t.Version)
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

// folded are the lines of a sentence, none wider than that but where one word is.
func folded(text string, width int) iter.Seq[string] {
	return func(yield func(string) bool) {
		var now string
		for _, word := range strings.Fields(text) {
			switch {
			case now == "":
				now = word
			case failure.DisplayWidth(now)+1+failure.DisplayWidth(word) <= width:
				now += " " + word
			case !yield(now):
				return
			default:
				now = word
			}
		}
		yield(now)
	}
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
