package stories

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	idleSessions = flag.Int("idle", 200, "sessions of TestDoors/load that only stay")
	busySessions = flag.Int("busy", 20, "its sessions that each ask once a second")
	loadLasts    = flag.Duration("for", 15*time.Second, "how long they ask")
	questions    = flag.Int("questions", 0, "how many questions run at any time while they ask once more, as long")
)

// What a door under load may take: memory that comes on top while all that changes is time, in KiB, and goroutines of a session.
const (
	slackMemory       = 64 << 10
	sessionGoroutines = 4
	otherGoroutines   = 200
)

// load: many sessions stay and some ask for explanations or about the catalogue, once a second each. Nothing grows
// but the figures, which are printed: they are a machine's, and no condition. It ends the demonstration.
func (h *house) load(t *testing.T) {
	ctx := t.Context()
	process := h.listener(t)
	var sessions []*pgx.Conn
	for range *idleSessions + *busySessions {
		c, err := pgx.Connect(ctx, h.postgres)
		if err != nil {
			t.Fatalf("session %d: %v", len(sessions)+1, err)
		}
		defer func() { _ = c.Close(context.Background()) }()
		sessions = append(sessions, c)
	}
	h.ask(t, sessions[:*busySessions], time.Second) // whatever is made once is made before
	before := residentKiB(t, process)
	took, failures := h.ask(t, sessions[:*busySessions], *loadLasts)
	after := residentKiB(t, process)
	said := func(failures []error, what string) {
		for _, err := range failures {
			t.Error(err)
		}
		for _, kind := range []string{"EXPLAIN", "catalogue"} {
			t.Logf("%s%s: %s", kind, what, percentiles(took[kind]))
		}
	}
	said(failures, "")
	t.Logf("%d sessions: %d MiB resident before, %d MiB after", len(sessions), before>>10, after>>10)
	if after > before+slackMemory {
		t.Errorf("the door grew by %d MiB", (after-before)>>10)
	}
	if *questions > 0 {
		answered := h.keepAsking(t, *questions, func() { took, failures = h.ask(t, sessions[:*busySessions], *loadLasts) })
		said(failures, fmt.Sprintf(" beside %d questions", *questions))
		t.Logf("%d questions answered, %d MiB resident after", answered, residentKiB(t, process)>>10)
	}
	for i, c := range sessions { // those that stayed are still served
		var one int
		if err := c.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil || one != 1 {
			t.Fatalf("session %d: %v", i, err)
		}
	}
	if h.process != nil {
		h.goroutines(t, process, len(sessions))
	}
}

// keepAsking has so many questions run at any time while another function does, and says how many were answered.
func (h *house) keepAsking(t *testing.T, n int, while func()) (answered int) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("doors", "abilities.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts struct{ Question string }
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	over := make(chan struct{})
	for range n {
		wg.Go(func() {
			c, err := pgx.Connect(t.Context(), h.postgres)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close(context.Background()) }()
			for {
				select {
				case <-over:
					return
				default:
				}
				if _, err := c.Exec(t.Context(), texts.Question); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
	}
	while()
	close(over)
	wg.Wait()
	return answered
}

// ask has each session ask once a second for a while, one kind and the other in turn.
func (h *house) ask(t *testing.T, sessions []*pgx.Conn, lasts time.Duration) (took map[string][]time.Duration, failures []error) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("doors", "abilities.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts struct{ Question, Comment string }
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatal(err)
	}
	kinds := []struct{ name, sql string }{{"EXPLAIN", "EXPLAIN " + texts.Question}, {"catalogue", texts.Comment}}
	took = map[string][]time.Duration{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	end := time.Now().Add(lasts)
	for i, c := range sessions {
		wg.Go(func() {
			time.Sleep(time.Second * time.Duration(i) / time.Duration(len(sessions)))
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for turn := i; time.Now().Before(end); turn++ {
				kind := kinds[turn%len(kinds)]
				began := time.Now()
				_, err := c.Exec(t.Context(), kind.sql)
				mu.Lock()
				took[kind.name] = append(took[kind.name], time.Since(began))
				if err != nil {
					failures = append(failures, fmt.Errorf("%s: %w", kind.name, err))
				}
				mu.Unlock()
				if err != nil {
					return
				}
				<-tick.C
			}
		})
	}
	wg.Wait()
	return took, failures
}

func percentiles(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	at := func(percent int) time.Duration { return all[(len(all)-1)*percent/100].Round(100 * time.Microsecond) }
	return fmt.Sprintf("%d times, median %v, p99 %v, at most %v", len(all), at(50), at(99), at(100))
}

// listener is the process that listens at the door: who holds the socket of its port.
func (h *house) listener(t *testing.T) int {
	t.Helper()
	u, err := url.Parse(h.postgres)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		raw, _ := os.ReadFile(table) // one of them may not be there
		for line := range strings.Lines(string(raw)) {
			field := strings.Fields(line)
			if len(field) > 9 && field[3] == "0A" && strings.HasSuffix(field[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+field[9]+"]"] = true
			}
		}
	}
	open, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if target, err := os.Readlink(fd); err == nil && sockets[target] {
			pid, err := strconv.Atoi(strings.Split(fd, "/")[2])
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("nobody listens at port %d", port)
	return 0
}

// residentKiB is how much of a process's memory is resident.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// goroutines ends the demonstration by SIGQUIT, at which Go prints all goroutines, and counts them: so many sessions are open.
func (h *house) goroutines(t *testing.T, process, sessions int) {
	t.Helper()
	if process != h.process.Process.Pid {
		t.Fatalf("the door is process %d, and the demonstration %d", process, h.process.Process.Pid)
	}
	if err := syscall.Kill(process, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.ended:
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	n := bytes.Count(h.errors.Bytes(), []byte("\ngoroutine "))
	t.Logf("%d goroutines at the end", n)
	if n < sessions || n > sessions*sessionGoroutines+otherGoroutines {
		t.Errorf("%d goroutines for %d sessions", n, sessions)
	}
}
