package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	nodeStart     = 10 * time.Minute // until a node listens, and from there until its epoch is formed
	nodeStop      = 20 * time.Second // from the end of its standard input until it is killed
	mostNodeLine  = 1 << 20
	interruptWait = 20 * time.Second // from the interrupt until a process is killed

	// Nodes rest when they use less than restShare of a core over restWatch; they are given restLimit to come to it.
	restWatch = 500 * time.Millisecond
	restShare = 0.25
	restLimit = 30 * time.Second
)

// command is a process that gets an interrupt when ctx ends, and nothing else does: the terminal's
// does not reach it. No flag of the caller's reaches it through the environment.
func command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptWait
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PARLEY_PURPOSE=measurement") // commands of commits that ask for no purpose pass it over
	return cmd
}

// nodeProcess is a node that ends when its standard input does, or this process.
type nodeProcess struct {
	name       string
	department bool // not an auditor
	cmd        *exec.Cmd
	stdin      io.Closer
	address    string // once it listens
	failure    string // once it has ended

	listening, ready, ended chan struct{}
}

// startNode starts the node whose folder this is; its log goes there.
func startNode(ctx context.Context, program, folder string) (*nodeProcess, error) {
	p := &nodeProcess{name: filepath.Base(folder), listening: make(chan struct{}), ready: make(chan struct{}), ended: make(chan struct{})}
	log, err := os.Create(filepath.Join(folder, "against.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	// It is stopped by its standard input, in whatever way this process ends.
	p.cmd = command(context.WithoutCancel(ctx), folder, program, "node", "--supervised", "--config", filepath.Join(folder, "node.toml"))
	p.cmd.Stderr = log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.follow(stdout, log.Name())
	return p, nil
}

// follow reads what a node says of itself until it ends.
func (p *nodeProcess) follow(stdout io.Reader, log string) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, mostNodeLine)
	listens, formed := false, false
	for lines.Scan() {
		var n struct {
			Status *struct {
				Ready   bool
				Address string
			}
			Error *struct{ Message string }
		}
		if json.Unmarshal(lines.Bytes(), &n) != nil {
			continue
		}
		if n.Error != nil {
			p.failure = n.Error.Message
		}
		if n.Status != nil && !listens {
			p.address, listens = n.Status.Address, true
			close(p.listening)
		}
		if n.Status != nil && n.Status.Ready && !formed {
			formed = true
			close(p.ready)
		}
	}
	_, _ = io.Copy(io.Discard, stdout)
	_ = p.cmd.Wait()
	if p.failure == "" {
		text, _ := os.ReadFile(log)
		p.failure = fmt.Sprintf("%s; its log ends with %q", p.cmd.ProcessState, lastLine(text))
	}
	close(p.ended)
}

// lastLine of a text, without the space around it.
func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

// await waits until a channel of the node is closed, as long as it lives.
func (p *nodeProcess) await(ctx context.Context, what string, done <-chan struct{}) error {
	limit := time.NewTimer(nodeStart)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-p.ended:
		return fmt.Errorf("the node of %s ended: %s", p.name, p.failure)
	case <-limit.C:
		return fmt.Errorf("the node of %s: no %s within %s", p.name, what, nodeStart)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *nodeProcess) stop() {
	select {
	case <-p.ended:
		return
	case <-time.After(nodeStop):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// nodes are a network's processes.
type nodes []*nodeProcess

// stop ends all of them and waits for them.
func (all nodes) stop() {
	for _, p := range all {
		_ = p.stdin.Close()
	}
	for _, p := range all {
		p.stop()
	}
}

// processorSeconds is what all of them have used since they started. One that has ended is an error.
func (all nodes) processorSeconds() (float64, error) {
	sum := 0.0
	for _, p := range all {
		select {
		case <-p.ended:
			return 0, fmt.Errorf("the node of %s ended: %s", p.name, p.failure)
		default:
		}
		seconds, err := processSeconds(p.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		sum += seconds
	}
	return sum, nil
}

// peakMemory is the largest that any department's process has had, in megabytes.
func (all nodes) peakMemory() (peak float64) {
	for _, p := range all {
		if p.department {
			peak = max(peak, peakMemory(p.cmd.Process.Pid))
		}
	}
	return peak
}

// rest waits until nothing of a question is left to do. It returns the processor seconds used by then.
func (all nodes) rest(ctx context.Context) (float64, error) {
	before, err := all.processorSeconds()
	for waited := time.Duration(0); err == nil && waited < restLimit; waited += restWatch {
		select {
		case <-time.After(restWatch):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		used := before
		before, err = all.processorSeconds()
		if before-used < restShare*restWatch.Seconds() {
			break
		}
	}
	return before, err
}

// processSeconds is a process's user and system time so far, to a hundredth of a second.
func processSeconds(pid int) (float64, error) {
	const ticks = 100 // a second: what Linux shows to programs, on every architecture
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field, the command's name, may hold spaces.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	sum := 0.0
	for _, field := range fields[11:13] {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, err
		}
		sum += v / ticks
	}
	return sum, nil
}
