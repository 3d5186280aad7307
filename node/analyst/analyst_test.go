package analyst_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/node/analyst"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

var write = flag.Bool("write", false, "write what the examples print")

// said is what a function prints.
func said(t *testing.T, run func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	nodetest.Check(t, err)
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	text := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r)
		text <- string(b)
	}()
	run()
	nodetest.Check(t, w.Close())
	return <-text
}

// TestExamples runs the package's examples against a real network, and tries certificates that are none.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two nodes")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	dir := t.TempDir()
	options = analyst.Options{Node: n.Address(0), Identity: n.AnalystFile(), Network: filepath.Join(dir, "network.json")}.ForTests(testnet.KeysDir())
	certificate, verify = filepath.Join(dir, "answer.cert"), analyst.VerifyForTests
	described, err := testnet.Present(t.Context(), n.Dial(0))
	nodetest.Check(t, err)
	nodetest.Check(t, os.WriteFile(options.Network, described.JSON(), 0o600))
	for _, e := range []struct {
		name string
		run  func()
	}{{"Ask", ExampleClient_Ask}, {"Ask_refused", ExampleClient_Ask_refused}, {"Explain", ExampleClient_Explain}, {"Verify", ExampleVerify}} {
		path := filepath.Join("testdata", e.name+".txt")
		got := said(t, e.run)
		if *write {
			nodetest.Check(t, os.WriteFile(path, []byte(got), 0o644))
		}
		if want, err := os.ReadFile(path); err != nil || got != string(want) {
			t.Errorf("%s prints\n%s\nand %s has\n%s%v", e.name, got, path, want, err)
		}
	}
	forged(t)
}

// forged: no file that was changed, cut off, or is of another network is believed.
func forged(t *testing.T) {
	t.Helper()
	whole, err := os.ReadFile(certificate)
	nodetest.Check(t, err)
	if info, err := os.Stat(certificate); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	verdict, err := verify(certificate, "")
	nodetest.Check(t, err)
	if verdict.Verified || !verdict.SelfConsistent || verdict.Reason != protocols.ReasonUnknownSigners {
		t.Errorf("without a pin: %+v", verdict)
	}
	path := filepath.Join(t.TempDir(), "forged")
	for what, b := range map[string][]byte{"empty": nil, "cut off": whole[:len(whole)-1], "longer": append(bytes.Clone(whole), 0), "a description": []byte("{}")} {
		nodetest.Check(t, os.WriteFile(path, b, 0o600))
		if v, err := verify(path, options.Network); err == nil && v.Verified {
			t.Errorf("%s is believed", what)
		}
	}
	for at := 7; at < len(whole); at += len(whole)/20 + 1 {
		b := bytes.Clone(whole)
		b[at] ^= 4
		nodetest.Check(t, os.WriteFile(path, b, 0o600))
		if v, err := verify(path, options.Network); err == nil && v.Verified {
			t.Errorf("with byte %d changed it is believed", at)
		}
	}
	if _, err := analyst.Verify(certificate, options.Network); err != nil {
		t.Error(err)
	} else if v, _ := analyst.Verify(certificate, options.Network); v.Verified || !strings.Contains(v.Reason, "tiny") {
		t.Errorf("parameters of tests are taken: %+v", v)
	}
	if _, err := verify(certificate, certificate); err == nil {
		t.Error("a certificate is taken for a description")
	}
}
