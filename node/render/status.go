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

func Status(r node.Report) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	if r.Starting {
		line("node", "%s, %s, NOT in the network yet; up %s", failure.Printable(r.Name), r.Role, (time.Duration(r.Uptime) * time.Second).String())
		line("peer", "%s", r.Address)
		label := "waiting"
		for part := range folded(failure.Printable(r.Reason), 70) {
			line(label, "%s", part)
			label = ""
		}
		return b.String()
	}
	health := "healthy"
	if !r.Healthy {
		health = "NOT healthy: " + r.Reason
	}
	line("node", "%s, %s, %s; up %s", failure.Printable(r.Name), r.Role, health, (time.Duration(r.Uptime) * time.Second).String())
	line("peer", "%s", r.Address)
	line("network", "%s", r.Network)
	if r.Caveat != "" {
		line("warning", "not for private data: %s", r.Caveat)
	}
	for _, w := range r.Warnings {
		line("warning", "%s", failure.PrintableLines(w))
	}
	block := "no block yet"
	if r.Ledger.Block > 0 {
		block = fmt.Sprintf("block %d of %s", r.Ledger.Block, r.Ledger.Time.UTC().Format(time.RFC3339))
	}
	line("ledger", "%s, %d entries, state %s; %d of %d validators connected", block,
		r.Ledger.Entries, audit.ShortDigest(r.Ledger.State), r.Ledger.Connected, r.Ledger.Validators)
	epoch := "none is formed"
	if r.Epoch > 0 {
		epoch = fmt.Sprintf("%d", r.Epoch)
	}
	line("epoch", "%s; %d queries open; %s on record", epoch, r.Open, engine.Plural(r.Evidence, "deviation"))
	line("storage", "%s, %.1f MB; memory %.0f MB", engine.Plural(r.Blobs, "blob"), float64(r.BlobBytes)/1e6, float64(r.Memory)/1e6)
	for _, m := range r.Members {
		state := "connected"
		if !m.Connected {
			state = "NOT connected"
		}
		name := m.Name
		if name == "" {
			name = "(has not joined)"
		}
		if m.Standing != "" {
			state += ", " + m.Standing
		}
		line("member", "%s, %s, %s, %s", failure.Printable(name), m.Role, state, m.Peer)
	}
	for _, v := range r.Votes { // each has one that stands
		b.WriteString(votesText(v))
	}
	return b.String()
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
