package stories

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	updateDoors = flag.Bool("write", false, "write doors/CLIENTS.md and the screens in doors/testdata from what the clients do")
	doorsFile   = flag.String("doors", "", "the file of doors that are open already (parley demo --keep --doors FILE); else a demonstration is started")
)

// visitor is a client program that real users have, by the line that a client program of ours is run with.
type visitor struct {
	name  string
	probe []string // ends well where all is there that it needs
	run   []string
}

// visitors are run in doors. What stands under GOLANG is built by the test.
var visitors = []visitor{
	{"psql", []string{"psql", "--version"}, []string{"bash", "client.sh"}},
	{"psycopg2", python("import psycopg2"), []string{debianPython, "client.py", "psycopg2"}},
	{"psycopg 3", python("import psycopg"), []string{debianPython, "client.py", "psycopg"}},
	{"SQLAlchemy", python("import sqlalchemy, psycopg2"), []string{debianPython, "client.py", "sqlalchemy"}},
	{"pandas", python("import pandas, sqlalchemy"), []string{debianPython, "client.py", "pandas"}},
	{"ODBC", python("import pyodbc; assert 'PostgreSQL Unicode' in pyodbc.drivers()"), []string{debianPython, "client.py", "odbc"}},
	{"JDBC", []string{"java", "-cp", jdbcDriver, "--dry-run", "-m", "jdk.compiler/com.sun.tools.javac.Main"}, []string{"java", "-XX:TieredStopAtLevel=1", "-cp", jdbcDriver, "Client.java"}},
	{"R", []string{"Rscript", "-e", "library(RPostgreSQL)"}, []string{"Rscript", "client.R"}},
	{"node-postgres", []string{"node", "-e", "require('pg'); require('pg-cursor')"}, []string{"node", "client.js", "pg"}},
	{"postgres.js", []string{"node", "-e", "require('postgres')"}, []string{"node", "client.js", "postgres"}},
	{"pgx", []string{"go", "version"}, []string{"GOLANG", "pgx", "."}},
	{"lib/pq", []string{"go", "version"}, []string{"GOLANG", "pq", "."}},
}

// Debian's own Python has Debian's drivers; another that stands before it in PATH has not.
const (
	debianPython = "/usr/bin/python3"
	jdbcDriver   = "/usr/share/java/postgresql.jar"
)

func python(imports string) []string { return []string{debianPython, "-c", imports} }

// abilities are the columns of doors/CLIENTS.md, in this order.
var abilities = []string{"connect", "plain refused", "TLS required", "TLS verified", "wrong CA", "TLS direct", "wrong password", "tables", "describe", "comments", "question",
	"types", "binary", "prepared", "cursor", "copy", "transactions", "savepoints", "error position", "refusal", "cancel", "explain", "notices", "certificate"}

// outcome is what a client says of an ability.
type outcome struct{ answer, reason string }

// TestDoors: real clients come in by the door of a real network, each does all that it can, and doors/CLIENTS.md says what that is.
// The same question gets the same answer whoever asks. Their screens and metadata are golden text. Then many come at once.
func TestDoors(t *testing.T) {
	h := openDoors(t)
	present := h.present(t)
	t.Run("clients", func(t *testing.T) { h.clients(t, present) })
	for i, v := range visitors {
		switch {
		case !present[i]:
		case v.name == "psql":
			t.Run("screens", h.screens)
		case v.name == "JDBC":
			t.Run("metadata", h.metadata)
		}
	}
	t.Run("api", h.api)
	t.Run("load", h.load)
}

// clients has all that are here do what they can, some side by side.
func (h *house) clients(t *testing.T, present []bool) {
	golang := filepath.Join(t.TempDir(), "golang")
	build := exec.Command("go", "build", "-o", golang, ".")
	build.Dir = filepath.Join("doors", "golang")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	results := make([]map[string]outcome, len(visitors))
	var wg sync.WaitGroup
	turns := make(chan struct{}, sideBySide)
	for i, v := range visitors {
		if !present[i] {
			continue
		}
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			began := time.Now()
			results[i] = h.visit(t, v, golang)
			t.Logf("%s took %.1f s", v.name, time.Since(began).Seconds())
		})
	}
	wg.Wait()
	compareAnswers(t, results)
	if slices.Contains(present, false) && *updateDoors {
		t.Fatal("not all clients are here: the table is not written")
	}
	compareTable(t, results)
}

// sideBySide is how many clients are served at once: as many as a person may ask.
const sideBySide = 4

// compareAnswers: all clients were told the same.
func compareAnswers(t *testing.T, results []map[string]outcome) {
	t.Helper()
	said := map[string][]string{}
	for i, r := range results {
		if o := r["question"]; o.answer == "yes" {
			said[o.reason] = append(said[o.reason], visitors[i].name)
		}
	}
	if len(said) > 1 {
		t.Errorf("one question has several answers: %q", said)
	}
}

// compareTable holds doors/CLIENTS.md: whoever is here does what it says of them.
func compareTable(t *testing.T, results []map[string]outcome) {
	t.Helper()
	path := filepath.Join("doors", "CLIENTS.md")
	if *updateDoors {
		if err := os.WriteFile(path, []byte(clientTable(results)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(raw), "\n")
	for i, r := range results {
		if r == nil {
			continue
		}
		if row := clientRow(visitors[i].name, r); !slices.Contains(rows, row) {
			t.Errorf("%s does otherwise than the table says (-write): %s", visitors[i].name, row)
		}
		for _, ability := range abilities {
			if o := r[ability]; o.answer == "no" {
				t.Logf("%s, %s: %s", visitors[i].name, ability, o.reason)
			}
		}
	}
}

// clientTable is doors/CLIENTS.md.
func clientTable(results []map[string]outcome) string {
	var out strings.Builder
	out.WriteString("# What clients do at the PostgreSQL door\n\nWritten by `TestDoors` with `-write`, from what the programs in this folder say; [README.md](README.md) says what each ability is.\n" +
		"A dash: the client has none of its own, or takes the driver's of another row.\n\n| client | " + strings.Join(abilities, " | ") + " |\n|---" + strings.Repeat("|---", len(abilities)) + "|\n")
	for i, r := range results {
		out.WriteString(clientRow(visitors[i].name, r) + "\n")
	}
	var reasons strings.Builder
	for i, r := range results {
		for _, ability := range abilities {
			if o := r[ability]; o.answer == "no" {
				fmt.Fprintf(&reasons, "- %s, %s: %s\n", visitors[i].name, ability, strings.ReplaceAll(o.reason, "`", "'"))
			}
		}
	}
	if reasons.Len() > 0 {
		out.WriteString("\nWhy not:\n\n" + reasons.String())
	}
	return out.String()
}

func clientRow(name string, r map[string]outcome) string {
	row := "| " + name
	for _, ability := range abilities {
		row += " | " + cmp.Or(r[ability].answer, "–")
	}
	return row + " |"
}

// house is a network whose door is open.
type house struct {
	doors, wrongCA   string // files
	command, network string // what verifies certificates; "" of doors that were open already
	postgres, jdbc   string
	process          *exec.Cmd
	ended            chan struct{}
	errors           *bytes.Buffer // what the demonstration wrote, once it has ended
}

// openDoors starts a demonstration, or takes the doors that the flag names.
func openDoors(t *testing.T) *house {
	t.Helper()
	h := &house{doors: *doorsFile}
	if h.doors == "" {
		h.start(t)
	}
	raw, err := os.ReadFile(h.doors)
	if err != nil {
		t.Fatal(err)
	}
	var listed struct{ Postgres, JDBC string }
	if err := json.Unmarshal(raw, &listed); err != nil {
		t.Fatal(err)
	}
	h.postgres, h.jdbc = listed.Postgres, listed.JDBC
	h.wrongCA = otherAuthority(t, h.authority(t))
	return h
}

// start starts a demonstration and waits until its door is open.
func (h *house) start(t *testing.T) {
	t.Helper()
	h.command = parley(t)
	dir := t.TempDir()
	h.doors, h.network, h.errors = filepath.Join(dir, "doors.json"), filepath.Join(dir, "demo", "network.json"), new(bytes.Buffer)
	h.process = exec.Command(h.command, "demo", "--keep", "--doors", h.doors, "--persons", "3000", "--dir", filepath.Join(dir, "demo"))
	h.process.Stderr = h.errors
	h.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := h.process.Start(); err != nil {
		t.Fatal(err)
	}
	h.ended = make(chan struct{})
	go func() { _ = h.process.Wait(); close(h.ended) }()
	t.Cleanup(func() {
		_ = h.process.Process.Signal(syscall.SIGINT)
		select {
		case <-h.ended:
		case <-time.After(20 * time.Second):
			t.Error("the demonstration does not end")
			_ = h.process.Process.Kill()
			<-h.ended
		}
	})
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(100 * time.Millisecond) { // a first run makes keys
		if _, err := os.Stat(h.doors); err == nil {
			return
		}
		select {
		case <-h.ended:
			t.Fatalf("the demonstration ended:\n%s", h.errors)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("no door was opened")
		}
	}
}

// authority is the door's certificate authority.
func (h *house) authority(t *testing.T) *x509.Certificate {
	t.Helper()
	u, err := url.Parse(h.postgres)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(u.Query().Get("sslrootcert"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		t.Fatal("the door's certificate authority is no PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// otherAuthority makes an authority of the same name with a key of its own, in a file.
func otherAuthority(t *testing.T, like *x509.Certificate) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: like.RawSubject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "wrong.crt")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// present says which clients are here. Where CI is true, all have to be.
func (h *house) present(t *testing.T) []bool {
	t.Helper()
	all := make([]bool, len(visitors))
	for i, v := range visitors {
		out, err := exec.Command(v.probe[0], v.probe[1:]...).CombinedOutput()
		all[i] = err == nil
		switch {
		case all[i]:
		case os.Getenv("CI") == "true":
			t.Errorf("%s is missing: %v\n%s", v.name, err, out)
		default:
			t.Logf("left out: %s is not here", v.name)
		}
	}
	return all
}

// visit runs a client and reads what it says.
func (h *house) visit(t *testing.T, v visitor, golang string) map[string]outcome {
	out, errs, err := h.run(golang, v.run...)
	if err != nil {
		t.Errorf("%s: %v\n%s%s", v.name, err, out, errs)
	}
	results := map[string]outcome{}
	for line := range strings.Lines(out) {
		field := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		if len(field) != 3 || !slices.Contains(abilities, field[0]) || field[1] != "yes" && field[1] != "no" {
			t.Errorf("%s says %q", v.name, line)
			continue
		}
		results[field[0]] = outcome{field[1], field[2]}
	}
	if len(results) < 5 {
		t.Errorf("%s says little: %q\n%s", v.name, out, errs)
	}
	return results
}

// run runs a command in the folder of the clients.
func (h *house) run(golang string, line ...string) (out, errs string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	folder, err := filepath.Abs("doors")
	if err != nil {
		return "", "", err
	}
	name := line[0]
	if name == "GOLANG" {
		name = golang
	}
	cmd := exec.CommandContext(ctx, name, line[1:]...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PARLEY_DOORS="+h.doors, "PARLEY_WRONG_CA="+h.wrongCA, "PARLEY_COMMAND="+h.command, "PARLEY_NETWORK="+h.network, "PARLEY_CLIENTS="+folder)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}
