package node

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"parley/node/failure"
)

// lookEvery is how often the files of tables are looked at: size and time alone, never what is in them.
const lookEvery = 15 * time.Second

// stamp is a file as it was looked at.
type stamp struct {
	path string
	info fs.FileInfo // nil: it was not there
}

func stampsOf(paths []string) []stamp {
	out := make([]stamp, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			info = nil
		}
		out[i] = stamp{path, info}
	}
	return out
}

// change says what has become of the file since, or nothing.
func (s stamp) change() string {
	now, err := os.Stat(s.path)
	switch {
	case err != nil:
		return "cannot be read any more"
	case s.info == nil || !os.SameFile(s.info, now) || s.info.Size() != now.Size() || !s.info.ModTime().Equal(now.ModTime()):
		return "changed on " + failure.Time(now.ModTime())
	}
	return ""
}

// said is what a log was told already, so that it is told once.
type said struct {
	mu   sync.Mutex
	last map[string]string
}

// changedFiles are sentences about tables whose files are not as they were when they were read, or whose
// database has other rows. The log is told each once.
func (n *node) changedFiles() []string {
	var out []string
	now := map[string]string{}
	for _, t := range n.tables.all() {
		if drift := t.data.Drift(); drift != "" {
			now[t.name] = fmt.Sprintf("table %s: its database has other rows than are registered (%s); questions about it are refused, until parley node reload (or SIGHUP) registers it anew",
				t.name, drift)
			out = append(out, now[t.name])
		}
		for _, f := range n.tables.filesOf(t) {
			if change := f.change(); change != "" {
				now[f.path] = fmt.Sprintf("table %s: %s %s; answers are over the rows as registered, until parley node reload (or SIGHUP) registers the file anew",
					t.name, f.path, change)
				out = append(out, now[f.path])
			}
		}
	}
	n.said.mu.Lock()
	defer n.said.mu.Unlock()
	for path, sentence := range now {
		if n.said.last[path] != sentence {
			n.log.Warn("a table's file has changed", "sentence", sentence)
		}
	}
	n.said.last = now
	return out
}

// watchFiles looks at the files of tables now and then.
func (n *node) watchFiles(ctx context.Context) {
	look := n.o.Hooks.Look
	if look == nil {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		look = tick.C
	}
	for {
		select {
		case <-look:
			n.changedFiles()
			n.wake(func() error { n.announce(); return nil })
		case <-ctx.Done():
			return
		}
	}
}

// filesOf are a table's, which a reload may look at anew.
func (s *shelf) filesOf(t *table) []stamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.files
}
