package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/node/audit"
	"parley/node/config"
	"parley/node/disk"
)

// logged is a log that a test reads while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func alerts(numbers ...uint64) (out []audit.Alert) {
	for _, n := range numbers {
		out = append(out, audit.Alert{Number: n, Table: "claims", Name: "relapse", Found: "county Lishui: 131\"; $(touch /tmp/x)"})
	}
	return out
}

// life is one life of a notifier.
type life struct {
	t   *testing.T
	n   *Notifier
	log *logged
	end func()
}

func start(t *testing.T, o config.Alerts, dir string) *life {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	l := &life{t: t, log: &logged{}}
	n, err := New(o, dir, slog.New(slog.NewTextHandler(l.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	n.first = 5 * time.Millisecond
	l.n = n
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	l.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(l.end)
	return l
}

func (l *life) offer(applied uint64, numbers ...uint64) {
	l.t.Helper()
	if err := l.n.Offer(alerts(numbers...), applied); err != nil {
		l.t.Fatal(err)
	}
}

// eventually waits for something to become true.
func (l *life) eventually(what string, done func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("not in a minute: %s\n%s", what, l.log)
		}
	}
}

// service is a web service that notes what it is told.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	heard  []uint64
	secret []string
	answer int
}

func serve(t *testing.T) *service {
	s := &service{answer: http.StatusNoContent}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a audit.Alert
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &a); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %q: %v", r.Method, text, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.URL.Path == "/elsewhere" {
			t.Error("a redirection is followed")
		}
		s.secret = append(s.secret, r.Header.Get("Authorization"))
		if s.answer < 300 {
			s.heard = append(s.heard, a.Number)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(s.answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) answers(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = status
}

func (s *service) told() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heard)
}

// TestEachOnce: what is on the ledger at the first start is told to nobody, every later alert is told once and in
// order, and what came while the node was down after it is up again.
func TestEachOnce(t *testing.T) {
	s, dir := serve(t), t.TempDir()
	o := config.Alerts{Webhook: s.URL}
	l := start(t, o, dir)
	l.offer(9, 3, 5)
	l.offer(12, 3, 5, 12)
	l.offer(15, 3, 5, 12, 14)
	l.offer(15, 3, 5, 12, 14)
	l.eventually("two are told", func() bool { return l.n.Report().Delivered == 2 })
	l.end()
	l = start(t, o, dir)
	l.offer(40, 3, 5, 12, 14, 33, 40)
	l.eventually("two more are told", func() bool { return l.n.Report().Delivered == 2 })
	l.offer(41, 5, 12, 14, 33, 40, 41)
	l.eventually("one more is told", func() bool { return l.n.Report().Delivered == 3 })
	if heard := s.told(); !slices.Equal(heard, []uint64{12, 14, 33, 40, 41}) {
		t.Errorf("told of %v", heard)
	}
	info, err := os.Stat(filepath.Join(dir, stateFile))
	if err != nil || info.Mode().Perm() != disk.FileMode {
		t.Errorf("%v, %v", info, err)
	}
}

// TestFailures: what fails is tried again and told in the report, a redirection is a failure, and neither a secret
// nor what stands in the address is logged.
func TestFailures(t *testing.T) {
	s, dir := serve(t), t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("hush-hush\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(secret, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	l := start(t, config.Alerts{Webhook: s.URL + "/in?key=sesame", SecretFile: secret}, dir)
	l.offer(1)
	l.offer(2, 2)
	l.eventually("the file is public", func() bool { return strings.Contains(l.n.Report().Failing, "others may read") })
	s.answers(http.StatusTemporaryRedirect)
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	l.eventually("a redirection fails", func() bool { return strings.Contains(l.n.Report().Failing, "307") })
	if r := l.n.Report(); r.Delivered != 0 || r.Waiting != 1 || r.Since.IsZero() {
		t.Errorf("%+v", r)
	}
	s.answers(http.StatusOK)
	l.eventually("it is delivered", func() bool { return l.n.Report().Delivered == 1 })
	if r := l.n.Report(); r.Failing != "" || r.Waiting != 0 || !r.Since.IsZero() {
		t.Errorf("%+v", r)
	}
	s.CloseClientConnections()
	s.Close()
	l.offer(3, 2, 3)
	l.eventually("nobody is there", func() bool { return strings.Contains(l.n.Report().Failing, "the webhook:") })
	l.end()
	if text := l.log.String(); strings.Contains(text, "hush") || strings.Contains(text, "sesame") || strings.Contains(l.n.Report().Failing, "sesame") {
		t.Error(text)
	}
	for _, sent := range s.secret {
		if sent != "Bearer hush-hush" {
			t.Errorf("sent %q", sent)
		}
	}
}

// script writes a command.
func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCommand: a command has the alert as JSON on its standard input, its own arguments, and no more of the node's
// environment than a path; what it prints is in the log, shortened and without control characters.
func TestCommand(t *testing.T) {
	t.Setenv("PARLEY_TEST_SECRET", "hush-hush")
	out := filepath.Join(t.TempDir(), "out")
	l := start(t, config.Alerts{Command: []string{script(t, `cat > "$1"
env >> "$1"
printf 'done\033[31m\n'
yes | head -c 100000
exit 0
`), out}}, t.TempDir())
	l.offer(1)
	l.offer(2, 2)
	l.eventually("it is delivered", func() bool { return l.n.Report().Delivered == 1 })
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	line, rest, _ := strings.Cut(string(text), "\n")
	var a audit.Alert
	if err := json.Unmarshal([]byte(line), &a); err != nil || a != alerts(2)[0] {
		t.Errorf("%q: %v", line, err)
	}
	if strings.Contains(rest, "hush") || !strings.Contains(rest, "PATH=") || strings.Contains(rest, "HOME=") {
		t.Errorf("its environment is\n%s", rest)
	}
	if log := l.log.String(); !strings.Contains(log, "done") || strings.Contains(log, "\x1b") || !strings.Contains(log, "(and more)") || len(log) > 8*maxOutput {
		t.Errorf("%d bytes of log", len(log))
	}
}

// TestCommandFails: one that fails, or takes too long with its children, is tried again; and what took an alert is not
// told again because the other did not.
func TestCommandFails(t *testing.T) {
	s := serve(t)
	state := filepath.Join(t.TempDir(), "tries")
	l := start(t, config.Alerts{Webhook: s.URL, Timeout: time.Second, Command: []string{script(t, `echo x >> "$1"
case $(wc -l < "$1") in
*1) exit 3 ;;
*2) sleep 600 & sleep 600 ;;
esac
`), state}}, t.TempDir())
	l.offer(1)
	l.offer(2, 2)
	l.eventually("it fails", func() bool { return strings.Contains(l.log.String(), "exit status 3") })
	l.eventually("it takes too long", func() bool { return strings.Contains(l.log.String(), "did not end in 1s") })
	l.eventually("it is delivered", func() bool { return l.n.Report().Delivered == 1 })
	if heard := s.told(); !slices.Equal(heard, []uint64{2}) {
		t.Errorf("the web service is told of %v", heard)
	}
}

// TestTables: alerts of other tables are passed over, for good.
func TestTables(t *testing.T) {
	s, dir := serve(t), t.TempDir()
	l := start(t, config.Alerts{Webhook: s.URL, Tables: []string{"tax"}}, dir)
	l.offer(1)
	l.offer(2, 2)
	l.end()
	l = start(t, config.Alerts{Webhook: s.URL}, dir)
	l.offer(3, 2, 3)
	l.eventually("one is told", func() bool { return l.n.Report().Delivered == 1 })
	if heard := s.told(); !slices.Equal(heard, []uint64{3}) {
		t.Errorf("told of %v", heard)
	}
}

// TestBrokenState: a state that cannot be read is an error, not a reason to tell all again.
func TestBrokenState(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"", "{", `"x"`} {
		if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(text), disk.FileMode); err != nil {
			t.Fatal(err)
		}
		if _, err := New(config.Alerts{}, dir, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
