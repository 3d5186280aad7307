package node

import (
	"fmt"
	"path/filepath"
	"strings"

	"parley/engine"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/peers"
)

// TableReport is a table as the department answers from it, and as the ledger has it.
type TableReport struct {
	Name    string `json:"name"`
	Rows    int64  `json:"rows"`
	Columns int    `json:"columns"`
	Version uint64 `json:"version"` // on the ledger; 0: none yet
	Pending bool   `json:"pending"` // these rows are to be registered as the next version
	Policy  uint64 `json:"policy"`  // the version in force; 0: none, so that nobody is answered
	Rules   int    `json:"rules"`   // that it has; none allow nobody
	Class   string `json:"class"`   // that holds, under the units above; nobody is answered about "none" and nothing
}

// DiskReport is what a node takes of its disk, in bytes, and what is left there for this user.
type DiskReport struct {
	Ledger  int64  `json:"ledgerBytes"`
	Journal int64  `json:"journalBytes"`
	Blobs   int64  `json:"blobBytes"`
	Free    uint64 `json:"freeBytes"`
	Size    uint64 `json:"sizeBytes"`
}

// Below leastFree and leastFreeShare of a disk a node warns: a full one ends it.
const (
	leastFree      = 1 << 30
	leastFreeShare = 20 // one part in so many
)

// viewTables compares the tables with the ledger. The loop's.
func (n *node) viewTables() []TableReport {
	known := n.registered()
	var out []TableReport
	for _, t := range n.tables.all() {
		own := t.data.Registration(n.cfg.Name, 1)
		r := TableReport{Name: t.name, Rows: own.Rows, Columns: len(own.Columns), Version: known[t.name].Version}
		r.Pending = !n.duty.tables && !t.serves(known[t.name])
		class := own.About.Class
		if r.Version > 0 {
			class = n.replica.Classes(n.cfg.Name, t.name).Rows()
		}
		r.Class = class.String()
		if p := n.replica.Policy(n.cfg.Name, t.name); p != nil {
			r.Policy, r.Rules = p.Version, len(p.Rules)
		}
		out = append(out, r)
	}
	return out
}

func (n *node) diskReport() (d DiskReport) {
	d.Ledger = disk.Usage(filepath.Join(n.cfg.Dir, "ledger"))
	d.Journal = disk.Usage(filepath.Join(n.cfg.Dir, "journal"))
	d.Blobs = disk.Usage(filepath.Join(n.cfg.Dir, "blobs"))
	d.Free, d.Size = disk.Free(n.cfg.Dir)
	return d
}

// warnings are sentences about what the operator should know, though the node does its part. That
// of development keys is Report.Caveat.
func (n *node) warnings(r *Report, v *view) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if name := n.params.Name(); name != "default" {
		warn("not for private data: the parameters %s are for trying out", name)
	}
	departments := 0
	for _, m := range r.Members {
		if m.Role == config.RoleDepartment {
			departments++
		}
	}
	if departments == 1 {
		warn("the network has one department: an answer is over its rows alone, and hides nothing among others'")
	}
	if !n.cfg.Auditor && len(r.Tables) == 0 {
		warn("no table: this department has nothing to contribute")
	}
	out = append(out, closedTables(r.Tables)...)
	if r.LeftOut > 0 {
		warn("%s that departments vouch for cannot connect here, since there is room for %d: their own departments' nodes let them in",
			engine.Plural(r.LeftOut, "person"), peers.MaxPersons)
	}
	for _, m := range v.members {
		if id := peers.IDOf(m.Key); m.report.Role == config.RoleDepartment && id != n.id.ID() && !n.transport.Connected(id) && r.Epoch > 0 {
			warn("%s is not connected: no question is answered without it", nameOr(m.report.Name, m.Key))
		}
	}
	out = append(out, n.changedFiles()...)
	if u := n.unloaded.Load(); u != nil {
		warn("node.toml was not reloaded on %s: %s", failure.Time(u.at), u.why)
	} else if read := n.toml.Load(); read != nil && read.change() != "" {
		warn("node.toml %s: parley node reload has the node read it", read.change())
	}
	if a := r.Alerts; a != nil && a.Failing != "" {
		warn("alerts are not delivered since %s, %d wait: %s", failure.Time(a.Since), a.Waiting, a.Failing)
	} else if a != nil && a.GivenUp > 0 {
		warn("%d alerts were given up: the log says why", a.GivenUp)
	}
	if d := r.Disk; d.Size > 0 && (d.Free < leastFree || d.Free < d.Size/leastFreeShare) {
		warn("%.1f GB are free on the disk: when it is full the node stops", float64(d.Free)/1e9)
	}
	return out
}

// closedTables says of which tables this department answers nobody, and what to do.
func closedTables(tables []TableReport) (out []string) {
	var unruled, empty, unshared []string
	for _, t := range tables {
		switch {
		case t.Policy == 0:
			unruled = append(unruled, t.Name)
		case t.Rules == 0:
			empty = append(empty, t.Name)
		}
		if t.Class == engine.ClassUnsaid.String() || t.Class == engine.ClassNone.String() {
			unshared = append(unshared, t.Name)
		}
	}
	for _, c := range []struct {
		tables []string
		why    string
	}{
		{unruled, "there is no policy for %s: this department answers nobody about it, until one of its stewards runs parley policy publish"},
		{empty, "the policy for %s has no rule: this department answers nobody about it, until one of its stewards runs parley policy publish"},
		{unshared, `%s is not shared: it is of class none, by its own word or of a unit above, or declares no class, and nobody is answered about it; class = "unconditional" or "on-condition" below [[table]] in node.toml, and parley node reload`},
	} {
		if len(c.tables) > 0 {
			out = append(out, fmt.Sprintf(c.why, "table "+strings.Join(c.tables, ", ")))
		}
	}
	return out
}
