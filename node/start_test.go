package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/peers"
)

// TestStartErrorsNameTheLine: what a node finds only when it starts is told with the place in its node.toml too.
func TestStartErrorsNameTheLine(t *testing.T) {
	own, other := filepath.Join(t.TempDir(), "own.key"), nodetest.Identity(t).Peer()
	id, err := peers.CreateIdentity(own)
	if err != nil {
		t.Fatal(err)
	}
	text := `name = "north"
dir = "data"
listen = "/ip4/127.0.0.1/tcp/0"
identity = "` + own + `"
peers = [
  "/ip4/127.0.0.1/tcp/1/p2p/` + other + `",
]
parameters = "light"
analysts = [ # peer ids
  "` + nodetest.Identity(t).Peer() + `", '` + nodetest.Identity(t).Peer() + `',
]

table = [
  { name = "people", files = ["people.csv"] },
  { name = "pets", files = [
    "pets.csv"], header = "yes" },
]
`
	analyst := func(s string) string { return strings.Replace(text, "analysts = [", "analysts = [\n"+s+",", 1) }
	for name, c := range map[string]struct {
		text string
		line int
		says string
	}{
		"name":         {strings.Replace(text, `"north"`, `"a\u0001"`, 1), 1, "name: "},
		"dir":          {strings.Replace(text, `"data"`, `"people.csv"`, 1), 2, "people.csv"},
		"listen":       {strings.Replace(text, `"/ip4/127.0.0.1/tcp/0"`, `"/ip4/127.0.0.1/udp/0"`, 1), 3, "cannot listen on"},
		"identity":     {strings.Replace(text, "own.key", "none.key", 1), 4, "parley init"},
		"peer":         {strings.Replace(text, "/p2p/"+other, "", 1), 6, "peers: entry 1: "},
		"self":         {"auditors = [\"/p2p/" + id.Peer() + "\"]\n" + text, 1, "in the list of the other role"},
		"only itself":  {strings.Replace(text, other, id.Peer(), 1), 5, "no other department is named"},
		"twice":        {strings.Replace(text, "\",\n]", "\",\n  \"/p2p/"+other+"\"\n]", 1), 7, "is named a second time"},
		"an auditor":   {"auditors = [\"/p2p/" + other + "\"]\n" + text, 1, "auditors: entry 1: "},
		"analyst":      {analyst(`"nobody"`), 10, "analysts: entry 1: "},
		"as a member":  {analyst(`"` + other + `"`), 10, "is a department or an auditor"},
		"absent":       {strings.Replace(text, `header = "yes"`, `columns = ["z"]`, 1), 16, "asked for and not there"},
		"other kinds":  {strings.Replace(text, `"pets.csv"]`, `"people.csv", "pets.csv"]`, 1), 15, "table pets: "},
		"persons":      {strings.Replace(text, `"people.csv"]`, `"people.csv"], key = ["a"], rows_per_person = 2`, 1), 14, "table people: a key stands in 3 rows, and rows_per_person is 2; keys that stand in more than that: 1"},
		"tables' name": {strings.Replace(text, `"people"`, `"pe\u0001ple"`, 1), 14, "control"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := nodetest.WriteFiles(t, map[string]string{"node.toml": c.text, "people.csv": "a\n1\n1\n1\n", "pets.csv": "b\n1\n"})
			path := filepath.Join(dir, "node.toml")
			cfg, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			listening := errors.New("it listens")
			err = Run(ctx, cfg, Options{CacheDir: t.TempDir(), Described: func(context.Context, []engine.Registration) error {
				if name == "listen" {
					return nil
				}
				return listening
			}})
			if f := failure.Of(err); errors.Is(err, listening) || f.File != path || f.Line != c.line || f.ExitStatus() != failure.StatusUsage || !strings.Contains(f.Message, c.says) {
				t.Errorf("%s:%d, status %d: %s; want line %d, %q", f.File, f.Line, f.ExitStatus(), f.Message, c.line, c.says)
			}
		})
	}
}

// TestSameLinesEverywhere: members that all have the same lines in node.toml, their own among them, found the same network as
// those that name the others alone.
func TestSameLinesEverywhere(t *testing.T) {
	var ids []peers.Identity
	var lines []string
	for i := range 4 {
		ids = append(ids, nodetest.Identity(t))
		lines = append(lines, fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", i+1, ids[i].Peer()))
	}
	for i, id := range ids {
		cfg := config.Config{Dir: t.TempDir(), Auditor: i == 3, Peers: lines[:3], Auditors: lines[3:]}
		all, err := newFounding(cfg, id.Key())
		nodetest.Check(t, err)
		if i == 3 {
			cfg.Auditors = nil
		} else {
			cfg.Peers = append(slices.Clone(lines[:i]), lines[i+1:3]...)
		}
		others, err := newFounding(cfg, id.Key())
		nodetest.Check(t, err)
		if !slices.Equal(all.departments, others.departments) || !slices.Equal(all.auditors, others.auditors) || len(all.peers) != 3 || len(others.peers) != 3 {
			t.Errorf("node %d: %d, %d and %d others with all lines, %d, %d and %d without its own", i,
				len(all.departments), len(all.auditors), len(all.peers), len(others.departments), len(others.auditors), len(others.peers))
		}
		if cfg.Auditor = !cfg.Auditor; i < 3 {
			cfg.Peers = lines[:3]
		} else {
			cfg.Auditors = lines[3:]
		}
		if _, err := newFounding(cfg, id.Key()); err == nil || !strings.Contains(err.Error(), "in the list of the other role") {
			t.Errorf("node %d of another role than its lists say: %v", i, err)
		}
	}
}
