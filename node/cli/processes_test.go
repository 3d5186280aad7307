package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/node/render"
)

// asCommand turns this test's binary into the parley command, which is what the processes under test start; tiny has
// it know the networks of tests.
const (
	asCommand = "AS_THE_PARLEY_COMMAND"
	tiny      = "tiny"
)

func init() {
	switch os.Getenv(asCommand) {
	case "":
	case tiny:
		c := &command{in: os.Stdin, out: os.Stdout, errs: os.Stderr, progress: render.NewProgress(os.Stderr), parameters: nodetest.Tiny}
		os.Exit(c.run(os.Args[1:]))
	default:
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
}

func oneRow(t *testing.T, names ...string) []source {
	t.Helper()
	var sources []source
	for _, name := range names {
		dir := nodetest.WriteFiles(t, map[string]string{"t.csv": "a\n1\n"})
		sources = append(sources, source{Name: name,
			Tables: []config.Table{{Name: "t", Files: []string{filepath.Join(dir, "t.csv")}}}})
	}
	return sources
}

func TestADepartmentThatCannotStartIsNamed(t *testing.T) {
	t.Setenv(asCommand, "1")
	sources := oneRow(t, "north", "south")
	missing := sources[1].Tables[0].Files[0]
	if err := os.WriteFile(missing, []byte("a,b\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := deploy(ctx, settings{Dir: t.TempDir(), Parameters: "light", Deadline: time.Minute}, sources, nil)
	var f *failure.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v", err)
	}
	if f.Department != "south" || f.File != missing || f.Line != 2 || f.Status != failure.StatusRefused {
		t.Errorf("got %+v", f)
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	t.Setenv(asCommand, "1")
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &deployment{settings: settings{Dir: t.TempDir(), Parameters: "light", Deadline: time.Minute}, failed: make(chan error, 1)}
	sources := oneRow(t, "north", "south")
	if err := d.configure(sources); err != nil {
		t.Fatal(err)
	}
	taken := l.Addr().(*net.TCPAddr).Port
	d.nodes[1].port = taken
	text, err := config.Text(d.configOf(d.nodes[1]))
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteFile(d.nodes[1].config, text); err != nil {
		t.Fatal(err)
	}
	if err := d.start(d.nodes[1]); err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	select {
	case err := <-d.failed:
		if !strings.Contains(err.Error(), fmt.Sprint(taken)) || failure.Of(err).Department != "south" {
			t.Errorf("got %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the node runs on a port in use")
	}
}

func TestANodeEndsWithItsParent(t *testing.T) {
	t.Setenv(asCommand, "1")
	d := &deployment{settings: settings{Dir: t.TempDir(), Parameters: "light", Deadline: time.Minute}, failed: make(chan error, 1)}
	sources := oneRow(t, "north", "south")
	if err := d.configure(sources); err != nil {
		t.Fatal(err)
	}
	if err := d.start(d.nodes[0]); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	d.stop()
	select {
	case <-d.nodes[0].exited:
	default:
		t.Fatal("it still runs")
	}
	if took := time.Since(started); took > stopTimeout+5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestConfigurationsAreTheDepartmentsOwn(t *testing.T) {
	d := &deployment{settings: settings{Dir: t.TempDir(), Parameters: "light", Deadline: time.Minute}}
	sources := oneRow(t, "north", "south", "west")
	if err := d.configure(sources); err != nil {
		t.Fatal(err)
	}
	ports := map[int]bool{}
	for i, p := range d.nodes {
		cfg, err := config.Load(p.config)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Name != p.name || len(cfg.Peers) != 2 || !slices.Equal(cfg.Analysts, []string{d.Analyst.Peer(), p.steward.Peer()}) {
			t.Errorf("%s has %+v", p.name, cfg)
		}
		for _, t2 := range cfg.Tables {
			if t2.Files[0] != sources[i].Tables[0].Files[0] {
				t.Errorf("%s has the file %s", p.name, t2.Files[0])
			}
		}
		id, err := peers.LoadIdentity(cfg.Identity)
		if err != nil || id.Peer() != p.peer {
			t.Errorf("%s has the identity %v, %v", p.name, id, err)
		}
		for _, other := range d.nodes {
			if got := strings.Contains(strings.Join(cfg.Peers, " "), other.address()); got != (other != p) {
				t.Errorf("%s lists %s: %v", p.name, other.name, got)
			}
		}
		ports[p.port] = true
	}
	if len(ports) != 3 {
		t.Errorf("ports %v are not distinct", ports)
	}
}

func TestWorkFolderIsNeverOverwritten(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"network.json": "{}"})
	if _, _, err := workFolder(dir); err == nil || failure.Of(err).Status != failure.StatusUsage {
		t.Errorf("a folder with files: %v", err)
	}
	file := filepath.Join(dir, "network.json")
	if _, _, err := workFolder(file); err == nil {
		t.Error("a file is taken for a folder")
	}
	made, remove, err := workFolder(filepath.Join(dir, "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a named folder is %v, %v", info, err)
	}
	temporary, remove, err := workFolder("")
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if _, err := os.Stat(temporary); err == nil {
		t.Error("the temporary folder is left")
	}
}
