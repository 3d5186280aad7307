package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"parley/node/client"
	"parley/protocols"
)

// question is the demo's run at one parameter set: three departments and a client as
// processes of their own, over libp2p.
type question struct {
	Parameters   string  `json:"parameters"`
	NodeMemoryMB float64 `json:"nodeMemoryMB"` // largest resident memory of any node
	// WireBytes is what crossed the loopback interface during the whole run, the epoch's
	// formation and everything else on this machine included.
	WireBytes uint64   `json:"wireBytes"`
	Answers   []answer `json:"answers"`
}

// answer is one question's cost.
type answer struct {
	SQL              string  `json:"sql"`
	CPUSeconds       float64 `json:"cpuSeconds"`
	Wall             float64 `json:"wallSeconds"`
	CertificateBytes int     `json:"certificateBytes"`
	VerifySeconds    float64 `json:"verifySeconds"`
}

// runQuestions runs the demo and reads its JSON, its certificates and its nodes' memory. An
// answer that is not verified, or not equal to plain SQL over the pooled rows, is an error.
func runQuestions(ctx context.Context, parameters string, persons int) (question, error) {
	q := question{Parameters: parameters}
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return q, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		return q, err
	}
	cmd := exec.CommandContext(ctx, self, "demo", "--json", "--parameters", parameters,
		"--dir", dir, "--persons", strconv.Itoa(persons))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	before := loopbackBytes()
	if err := cmd.Start(); err != nil {
		return q, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for running := true; running; {
		select {
		case err = <-done:
			running = false
		case <-time.After(200 * time.Millisecond):
			q.NodeMemoryMB = max(q.NodeMemoryMB, nodesMemory(dir))
		}
	}
	q.WireBytes = loopbackBytes() - before
	if err != nil {
		return q, fmt.Errorf("demo --parameters %s: %w", parameters, err)
	}
	return q, q.read(out.Bytes(), filepath.Join(dir, "network.json"))
}

func (q *question) read(out []byte, network string) error {
	var demo struct {
		Queries []struct {
			SQL         string             `json:"sql"`
			Equal       bool               `json:"equal"`
			Verified    bool               `json:"verified"`
			CPUSeconds  float64            `json:"cpuSeconds"`
			Seconds     map[string]float64 `json:"seconds"`
			Certificate struct {
				Path string `json:"path"`
			} `json:"certificate"`
		} `json:"queries"`
	}
	if err := json.Unmarshal(out, &demo); err != nil {
		return fmt.Errorf("the demo's JSON: %w", err)
	}
	raw, err := os.ReadFile(network)
	if err != nil {
		return err
	}
	pinned, err := protocols.ParseNetwork(raw)
	if err != nil {
		return err
	}
	for _, d := range demo.Queries {
		if !d.Equal || !d.Verified {
			return fmt.Errorf("%q: equal %t, verified %t", d.SQL, d.Equal, d.Verified)
		}
		certificate, err := os.ReadFile(d.Certificate.Path)
		if err != nil {
			return err
		}
		start := time.Now()
		verdict, err := client.Verify(certificate, pinned, nil)
		if err != nil || !verdict.Verified {
			return fmt.Errorf("%q: certificate: %s %w", d.SQL, verdict.Reason, err)
		}
		q.Answers = append(q.Answers, answer{
			SQL: strings.Join(strings.Fields(d.SQL), " "), CPUSeconds: d.CPUSeconds, Wall: d.Seconds["total"],
			CertificateBytes: len(certificate), VerifySeconds: time.Since(start).Seconds(),
		})
	}
	return nil
}

// nodesMemory is the largest peak of resident memory among the node processes whose
// configuration lies under dir, in megabytes; 0 before there are any.
func nodesMemory(dir string) float64 {
	peak := 0.0
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		command, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(command, []byte("\x00node\x00")) || !bytes.Contains(command, []byte(dir)) {
			continue // another process, or one that has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		peak = max(peak, peakMemory(pid))
	}
	return peak
}

// peakMemory is the largest resident memory of a process so far, in megabytes; 0 if it is gone.
func peakMemory(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// loopbackBytes is what this machine has sent over its loopback interface so far.
func loopbackBytes() uint64 {
	text, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "lo:"); ok {
			n, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return n
		}
	}
	return 0
}
