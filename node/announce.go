package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/datasets/published"
	"parley/engine"
	"parley/node/audit"
	"parley/node/quality"
	"parley/protocols"
)

// announceEvery is how often at most a node says of one version of a table that its source has changed, or is again as it
// was: a file that comes and goes writes 24 entries a day.
const announceEvery = time.Hour

// kept is what the node's folder keeps of a table. A file that is damaged is as good as none, and the log says so.
func (n *node) kept(table string) quality.Kept {
	k, err := quality.Of(n.cfg.Dir, table)
	if err != nil {
		n.log.Warn("what was kept of a table's earlier versions is not used", "table", table, "why", err.Error())
		k = quality.Kept{Table: table}
	}
	n.news[table] = k.Source
	return k
}

// lastNews is the last that was said of a table's source, nil if nothing was.
func (n *node) lastNews(table string) *quality.Source {
	if last, read := n.news[table]; read {
		return last
	}
	return n.kept(table).Source
}

// saveKept writes what is kept of a table.
func (n *node) saveKept(k quality.Kept) {
	n.news[k.Table] = k.Source
	if err := k.Save(n.cfg.Dir); err != nil {
		n.fail(err)
	}
}

// nextVersion is a table as it is to be registered behind the version that the ledger has, with the drift that is declared
// to be published.
func (n *node) nextVersion(t *table, old engine.Registration) engine.Registration {
	r := t.data.Registration(n.cfg.Name, old.Version+1)
	if old.Version == 0 {
		return r
	}
	before, now := n.kept(t.name).Columns(old), t.data.Distributions()
	var moved []string
	for _, c := range published.CompareAll(before, now) {
		if c.Distance > 0 {
			moved = append(moved, fmt.Sprintf("%s %.1f %%", c.Column, float64(c.Distance)/10))
		}
	}
	if moved != nil {
		n.log.Info("the values of columns have moved since the version before; parley catalog quality shows which", "table", t.name, "columns", strings.Join(moved, ", "))
	}
	published.Publish(&r, before, now)
	return r
}

// keepVersion keeps how the values of a version are distributed, now that the ledger has it.
func (n *node) keepVersion(t *table, r engine.Registration) {
	if n.duty.kept[t.name] == r.Version {
		return
	}
	if k := n.kept(t.name); k.Registered(r, t.data.Distributions()) {
		n.saveKept(k)
	}
	if n.duty.kept == nil {
		n.duty.kept = map[string]uint64{}
	}
	n.duty.kept[t.name] = r.Version
}

// changedSource reports whether a table's files or its database are not as they were read.
func (n *node) changedSource(t *table) bool {
	return t.data.Drift() != "" || slices.ContainsFunc(n.tables.filesOf(t), func(f stamp) bool { return f.change() != "" })
}

// dueNews is what the other departments are to be told of the tables' sources: of each version that its source has changed,
// once, and when it is again as it was. The loop's.
func (n *node) dueNews(now time.Time) (due []audit.SourceNews) {
	if !n.caughtUp() || !n.duty.validator || !n.duty.tables {
		return nil
	}
	known := n.registered()
	for _, t := range n.tables.all() {
		version, changed := known[t.name].Version, n.changedSource(t)
		last := n.lastNews(t.name)
		said := last != nil && last.Version == version
		switch {
		case version == 0 || changed == (said && last.Changed):
		case said && now.Before(last.At.Add(announceEvery)) && !last.At.After(now): // a clock that was set back keeps nothing quiet
		default:
			due = append(due, audit.SourceNews{Table: t.name, Version: version, Changed: changed})
		}
	}
	return due
}

// announce says on the ledger what is due of the tables' sources, by acts of the node's own. What does not stand there in
// time is due again at the next look. Its turns are those after what the loop has read, so that nothing that stands there
// already is said twice. The loop's.
func (n *node) announce() {
	due := n.dueNews(time.Now())
	if len(due) == 0 || n.duty.announcing {
		return
	}
	n.duty.announcing = true
	self := n.id.Key()
	turn := n.replica.NextAct(self)
	n.transport.Go(func(ctx context.Context) {
		said := 0
		for i, news := range due {
			e := protocols.Sign(n.network.ID(), n.id.Private(), &protocols.Act{Node: self, What: news.String(), Turn: turn + uint64(i)})
			if err := n.speak(ctx, e); err != nil {
				n.log.Warn("the ledger does not hold yet what has become of a table's source", "table", news.Table, "why", err.Error())
				break
			}
			said++
		}
		n.wake(func() error {
			n.duty.announcing = false
			for _, news := range due[:said] {
				n.keepNews(news, time.Now())
			}
			return nil
		})
	})
}

// speak puts an act of the node's own on the ledger, within reloadLimit: others wait for their turn.
func (n *node) speak(ctx context.Context, e protocols.Entry) error {
	n.acting.Lock()
	defer n.acting.Unlock()
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	return n.history.Append(ctx, e)
}

// heardNews takes note of what this node itself has said, in this life or an earlier one. The loop's.
func (n *node) heardNews(r *protocols.Record) {
	if r.Entry.Author != n.id.Key() {
		return
	}
	body, err := r.Entry.Open()
	if b, ok := body.(*protocols.Act); err == nil && ok {
		if news, ok := audit.NewsOf(n.replica, r.Entry.Author, b); ok {
			n.keepNews(news, time.UnixMilli(r.Time))
		}
	}
}

// keepNews keeps what was said last of a table's source, so that it is not said again. The loop's.
func (n *node) keepNews(news audit.SourceNews, at time.Time) {
	if s := n.lastNews(news.Table); s != nil && (s.Version == news.Version && s.Changed == news.Changed || s.Version > news.Version) {
		return
	}
	k := n.kept(news.Table)
	k.Source = &quality.Source{Version: news.Version, Changed: news.Changed, At: at.UTC()}
	n.saveKept(k)
}

// registered are the department's tables as the ledger has them, by name.
func (n *node) registered() map[string]engine.Registration {
	known := map[string]engine.Registration{}
	for _, r := range n.replica.Catalogue() {
		if r.Department == n.cfg.Name {
			known[r.Table] = r
		}
	}
	return known
}
