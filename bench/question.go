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

	"parley/protocols"
)

// question is the demo's run at one parameter set: three departments and a client as
// processes of their own, over libp2p.
type question struct {
	Parameters   string   `json:"parameters"`
	NodeMemoryMB float64  `json:"nodeMemoryMB"` // largest resident memory of any node
	Answers      []answer `json:"answers"`
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
		verdict, err := protocols.Verify(certificate, pinned)
		if err != nil || !verdict.Verified {
			return fmt.Errorf("%q: certificate: %s %w", d.SQL, verdict.Reason, err)
		}
		q.Answers = append(q.Answers, answer{
			SQL: d.SQL, CPUSeconds: d.CPUSeconds, Wall: d.Seconds["total"],
			CertificateBytes: len(certificate), VerifySeconds: time.Since(start).Seconds(),
		})
	}
	return nil
}

// nodesMemory is the largest peak of resident memory among the nodes under dir, in megabytes,
// by their status files; 0 before there are any.
func nodesMemory(dir string) float64 {
	peak := 0.0
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "status.json" {
			return nil // a folder that is being written
		}
		raw, err := os.ReadFile(path)
		var status struct{ PID int }
		if err != nil || json.Unmarshal(raw, &status) != nil || status.PID <= 0 {
			return nil
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", status.PID))
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				peak = max(peak, kb/1024)
			}
		}
		return nil
	})
	return peak
}
