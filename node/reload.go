package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// reloaded is a node.toml that was read again, checked and opened whole, and is not in force yet.
type reloaded struct {
	cfg      config.Config
	analysts []protocols.Key
	tables   []*table // as they are to be; those that have not changed are the present ones
	opened   []*table // those that were read
}

func (r *reloaded) discard() {
	for _, t := range r.opened {
		t.close()
	}
}

// ReloadReply is what has become of a reload that was asked for through the operator's door.
type ReloadReply struct {
	Changed []string `json:"changed"` // sentences; none: nothing differs
	Reading bool     `json:"reading"` // it takes longer than a request may: the log will say
	Error   string   `json:"error,omitempty"`
	Hint    string   `json:"hint,omitempty"`
}

// followReloads reads node.toml again whenever the operator asks for it, by a signal (Options.Reload) or through the door.
func (n *node) followReloads(ctx context.Context) {
	for {
		var told chan<- ReloadReply // nil: a signal, which nobody waits for
		select {
		case <-n.o.Reload:
			n.tellReload(ctx)
		case told = <-n.reloads:
		case <-ctx.Done():
			return
		}
		changed, err := n.reload(ctx)
		if ctx.Err() != nil {
			return
		}
		reply := ReloadReply{Changed: changed}
		if err != nil {
			f := failure.Of(err)
			reply = ReloadReply{Error: f.Error(), Hint: f.Hint}
			n.unloaded.Store(&unloaded{time.Now(), f.Error()})
			n.log.Error("node.toml is not reloaded, and nothing has changed", "why", f.Error(), "do", f.Hint)
		} else {
			n.unloaded.Store(nil)
			n.log.Info("node.toml is reloaded", "changed", cmp.Or(strings.Join(changed, "; "), "nothing"))
		}
		if told != nil {
			told <- reply // it has room for one
		}
	}
}

// tellReload puts a reload on the ledger that a signal asked for, where no operator can sign.
func (n *node) tellReload(ctx context.Context) {
	if !n.up.Load() {
		return
	}
	if s, err := n.history.Base(ctx); err == nil {
		n.sendAct(s.NextAct(n.id.Key()), actSignal, actTries)
	}
}

// serveReload answers what a reload has changed, or why it has changed nothing.
func (n *node) serveReload(w http.ResponseWriter, r *http.Request) {
	if !n.up.Load() {
		http.Error(w, "the node reloads nothing yet: "+n.waiting(), http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), ControlTimeout*4/5)
	defer cancel()
	if err := n.actOfReload(ctx, r.Header.Get(actHeader)); err != nil {
		refuseAct(w, err)
		return
	}
	told := make(chan ReloadReply, 1)
	reply := ReloadReply{Reading: true}
	select {
	case n.reloads <- told:
		select {
		case reply = <-told:
		case <-ctx.Done():
		}
	case <-ctx.Done():
		http.Error(w, "the node is reading its node.toml already: its log will say what has changed", http.StatusServiceUnavailable)
		return
	}
	answerJSON200(w, reply)
}

// unloaded is why the last reload changed nothing.
type unloaded struct {
	at  time.Time
	why string
}

// reload reads, checks and opens everything first, so that an error changes nothing. It gives
// sentences about what has changed.
func (n *node) reload(ctx context.Context) ([]string, error) {
	if n.cfg.Path == "" {
		return nil, errors.New("this node was not started from a node.toml")
	}
	read := &stampsOf([]string{n.cfg.Path})[0]
	cfg, err := config.Load(n.cfg.Path)
	if err != nil {
		return nil, err
	}
	if err := fixedKeys(n.cfg, cfg); err != nil {
		return nil, err
	}
	r := &reloaded{cfg: cfg}
	members := peers.NewRoles(nil)
	for _, p := range n.transport.Roles.With(peers.Member, peers.Leaving) {
		members.Set(p, peers.Member)
	}
	if r.analysts, err = readAnalysts(cfg, n.id.Key(), members); err != nil {
		return nil, err
	}
	if err := n.reopen(ctx, r); err != nil {
		r.discard()
		return nil, err
	}
	var changed []string
	done := make(chan error, 1)
	n.wake(func() error {
		var err error // not the caller's, who goes on when it is told
		changed, err = n.adopt(r)
		done <- err
		if err != nil {
			return nil
		}
		return n.advance(ctx)
	})
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		r.discard()
		return nil, err
	}
	n.toml.Store(read)
	return changed, nil
}

// fixedKeys refuses a configuration in which a key differs that only a start reads.
func fixedKeys(old, now config.Config) error {
	var differ []string
	for _, k := range []struct {
		key  string
		same bool
	}{
		{"name", old.Name == now.Name}, {"dir", old.Dir == now.Dir}, {"listen", old.Listen == now.Listen},
		{"identity", old.Identity == now.Identity}, {"role", old.Auditor == now.Auditor},
		{"genesis", old.Genesis == now.Genesis}, {"trust", old.Trust == now.Trust},
		{"peers", slices.Equal(old.Peers, now.Peers)}, {"auditors", slices.Equal(old.Auditors, now.Auditors)},
		{"parameters", old.Parameters == now.Parameters}, {"joins", old.Joins == now.Joins}, {"alone", old.Alone == now.Alone}, {"retain", old.Retain == now.Retain},
		{"metrics", old.Metrics == now.Metrics}, {"shadow", old.Shadow == now.Shadow}, {"shadow_values", old.ShadowValues == now.ShadowValues}, {"alerts", reflect.DeepEqual(old.Alerts, now.Alerts)},
	} {
		if !k.same {
			differ = append(differ, k.key)
		}
	}
	if differ == nil {
		return nil
	}
	err := now.Fault(differ[0], fmt.Errorf("%s cannot change while the node runs", strings.Join(differ, ", ")))
	var f *failure.Failure
	if errors.As(err, &f) {
		f.Hint = "restart the node, or set it back"
	}
	return err
}

// reopen reads the tables that are new, or differ in how they are read, in a file's size or time, or in
// what their database has.
func (n *node) reopen(ctx context.Context, r *reloaded) error {
	present := n.tables.all()
	for i, c := range r.cfg.Tables {
		at := slices.IndexFunc(present, func(t *table) bool { return t.name == c.Name })
		if at >= 0 && reflect.DeepEqual(present[at].read, c) &&
			!slices.ContainsFunc(n.tables.filesOf(present[at]), func(s stamp) bool { return s.change() != "" }) &&
			present[at].data.Changed(ctx) == nil {
			r.tables = append(r.tables, present[at])
			continue
		}
		t, err := n.readTable(ctx, r.cfg, i)
		if err != nil {
			return err
		}
		r.tables, r.opened = append(r.tables, t), append(r.opened, t)
	}
	return nil
}

// adopt puts a configuration in force. The loop's.
func (n *node) adopt(r *reloaded) ([]string, error) {
	var registrations []engine.Registration
	for _, t := range r.tables {
		registrations = append(registrations, t.data.Registration(n.cfg.Name, 1))
	}
	if err := checkTables(r.cfg, registrations, len(n.replica.Membership().Departments)); err != nil {
		return nil, err
	}
	changed := slices.Concat(n.adoptAnalysts(r), n.adoptTables(r))
	for _, k := range []struct {
		key      string
		old, now time.Duration
	}{{"deadline", n.cfg.Deadline, r.cfg.Deadline}, {"retention", n.cfg.Retention, r.cfg.Retention}} {
		if k.old != k.now {
			changed = append(changed, fmt.Sprintf("%s %v in place of %v", k.key, k.now, k.old))
		}
	}
	n.cfg.Deadline, n.cfg.Retention = r.cfg.Deadline, r.cfg.Retention
	n.cfg.Tables, n.cfg.Analysts = r.cfg.Tables, r.cfg.Analysts
	return changed, nil
}

// adoptAnalysts lets the new ones in, and cuts off those that are not listed any more, unless a department vouches for them.
// Questions of theirs that this department has admitted go on: its word is on the ledger.
func (n *node) adoptAnalysts(r *reloaded) (changed []string) {
	for _, key := range n.founding.analysts {
		if !slices.Contains(r.analysts, key) {
			changed = append(changed, fmt.Sprintf("analysts lists %s no more", peers.PeerOf(key)))
		}
	}
	for _, key := range r.analysts {
		if !slices.Contains(n.founding.analysts, key) {
			changed = append(changed, fmt.Sprintf("analysts lists %s", peers.PeerOf(key)))
		}
	}
	n.founding.analysts = r.analysts
	n.followPeople()
	return changed
}

// adoptTables puts the new tables on the shelf. What has other rows is registered as the next
// version; what it replaces stays while a question of it is open.
func (n *node) adoptTables(r *reloaded) (changed []string) {
	s := &n.tables
	s.mu.Lock()
	defer s.mu.Unlock()
	var present []*table
	for _, t := range r.tables {
		at := slices.IndexFunc(s.present, func(old *table) bool { return old.name == t.name })
		rows := t.data.Registration(n.cfg.Name, 1).Rows
		switch {
		case at < 0:
			changed = append(changed, fmt.Sprintf("table %s is new, with %s", t.name, engine.Plural(int(rows), "row")))
		case s.present[at] == t:
		case s.present[at].serves(t.data.Registration(n.cfg.Name, 1)):
			again := t
			t = s.present[at]
			t.read, t.files = again.read, again.files
			changed = append(changed, fmt.Sprintf("table %s was read again and has the same rows", t.name))
			n.transport.Go(func(context.Context) { again.close() })
		default:
			s.replaced = append(s.replaced, s.present[at])
			changed = append(changed, fmt.Sprintf("table %s has %s and is registered as a new version", t.name, engine.Plural(int(rows), "row")))
		}
		present = append(present, t)
	}
	for _, old := range s.present {
		if !slices.ContainsFunc(r.tables, func(t *table) bool { return t.name == old.name }) {
			changed = append(changed, fmt.Sprintf("table %s is gone: the ledger still lists it, and questions about it are refused", old.name))
			n.transport.Go(func(context.Context) { old.close() })
		}
	}
	s.present = present
	n.duty.tables = false
	if n.duty.refused != "" { // what was refused is sent again
		n.duty.registered, n.duty.refused = nil, ""
	}
	return changed
}
