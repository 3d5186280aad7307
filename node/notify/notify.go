// Package notify tells an operator's command, or a web service, of each new alert on the ledger (node/README.md section
// 14). Alerts come from others: they are passed as JSON, never as arguments, and no shell reads them.
package notify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"parley/node/audit"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
)

const (
	// stateFile is in the node's folder.
	stateFile = "alerts.json"
	// maxOutput bounds what is kept of a command's output.
	maxOutput = 4 << 10
	// maxSecretBytes bounds a secret.
	maxSecretBytes = 4 << 10
	// killGrace is how long a command's children may hold its output open after it ended.
	killGrace = 2 * time.Second
	// lastPause bounds the pauses between tries, and giveUpAfter how long one alert is tried.
	lastPause   = 5 * time.Minute
	giveUpAfter = 48 * time.Hour
)

// environment is all that a command has.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}

// Notifier delivers alerts, one at a time, in their order.
type Notifier struct {
	o     config.Alerts
	path  string
	log   *slog.Logger
	http  *http.Client
	first time.Duration // pause after a failure
	news  chan struct{} // has room for one

	mu      sync.Mutex
	state   *state // nil: it is the first start, and nothing was offered
	waiting []audit.Alert
	report  Report
}

// state is what is kept over restarts.
type state struct {
	// Delivered is the number of the last record whose alert was delivered, or passed over.
	Delivered uint64 `json:"delivered"`
}

// Report is how deliveries go, as a node's status has it.
type Report struct {
	Delivered int       `json:"delivered"` // to the command and the web service, since the node started
	Waiting   int       `json:"waiting"`
	GivenUp   int       `json:"givenUp"`           // since the node started
	Failing   string    `json:"failing,omitempty"` // why the last try failed
	Since     time.Time `json:"since,omitzero"`    // of the first failure of the alert that is tried
}

// New reads what a node kept in its folder. It delivers nothing before Run.
func New(o config.Alerts, dir string, log *slog.Logger) (*Notifier, error) {
	n := &Notifier{o: o, path: filepath.Join(dir, stateFile), log: log, first: time.Second, news: make(chan struct{}, 1)}
	n.http = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // and no proxy of the environment
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	text, err := os.ReadFile(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		n.state = new(state)
		err = json.Unmarshal(text, n.state)
	}
	if err != nil {
		return nil, failure.Refused("alerts", "without it, alerts that are on the ledger now are not delivered", "%s cannot be read: %s", n.path, err)
	}
	return n, nil
}

// Offer gives the ledger's last alerts, by a node that has read the ledger up to its head; applied is the number of its
// last entry. At a node's very first offer they are old, and delivered to nobody.
func (n *Notifier) Offer(alerts []audit.Alert, applied uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == nil {
		n.state = &state{Delivered: applied}
		return n.save()
	}
	n.waiting = slices.DeleteFunc(slices.Clone(alerts), func(a audit.Alert) bool {
		return a.Number <= n.state.Delivered || len(n.o.Tables) > 0 && !slices.Contains(n.o.Tables, a.Table)
	})
	if n.report.Waiting = len(n.waiting); n.report.Waiting > 0 {
		select {
		case n.news <- struct{}{}:
		default:
		}
		return nil
	}
	if last := len(alerts) - 1; last >= 0 && alerts[last].Number > n.state.Delivered { // of other tables
		n.state.Delivered = alerts[last].Number
		return n.save()
	}
	return nil
}

// save writes the state; n.mu is held.
func (n *Notifier) save() error {
	text, err := json.Marshal(n.state)
	if err != nil {
		return err
	}
	return disk.WriteFile(n.path, append(text, '\n'))
}

// Report is how deliveries go.
func (n *Notifier) Report() Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.report
}

// next is the first alert that waits.
func (n *Notifier) next() (audit.Alert, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) == 0 {
		return audit.Alert{}, false
	}
	return n.waiting[0], true
}

// Run delivers what is offered until the context ends. An error is of the disk.
func (n *Notifier) Run(ctx context.Context) error {
	for {
		a, ok := n.next()
		if !ok {
			select {
			case <-n.news:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if err := n.deliver(ctx, a); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// deliver tries one alert until it is delivered or given up. What took it already is not told again in this life of the node.
func (n *Notifier) deliver(ctx context.Context, a audit.Alert) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	began, pause := time.Now(), n.first
	ran, posted := len(n.o.Command) == 0, n.o.Webhook == ""
	for {
		var failed error
		if !ran {
			failed = n.run(ctx, text)
			ran = failed == nil
		}
		if !posted {
			if err := n.post(ctx, text); err != nil {
				failed = errors.Join(failed, err)
			} else {
				posted = true
			}
		}
		if ctx.Err() != nil && failed != nil {
			return nil
		}
		if failed == nil || time.Since(began) > giveUpAfter {
			return n.done(a, failed)
		}
		n.log.Warn("an alert is not delivered", "entry", a.Number, "name", a.Name, "why", failed.Error(), "again", pause.String())
		n.mu.Lock()
		n.report.Failing = failed.Error()
		n.report.Since = began.UTC()
		n.mu.Unlock()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, lastPause)
	}
}

// done notes that an alert is delivered, or given up.
func (n *Notifier) done(a audit.Alert, failed error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if failed == nil {
		n.report.Delivered++
		n.log.Info("an alert is delivered", "entry", a.Number, "name", a.Name)
	} else {
		n.report.GivenUp++
		n.log.Error("an alert is given up", "entry", a.Number, "name", a.Name, "why", failed.Error())
	}
	n.report.Failing, n.report.Since = "", time.Time{}
	n.state.Delivered = max(n.state.Delivered, a.Number)
	n.waiting = slices.DeleteFunc(n.waiting, func(w audit.Alert) bool { return w.Number <= a.Number })
	n.report.Waiting = len(n.waiting)
	return n.save()
}

// run runs the command with an alert on its standard input.
func (n *Notifier) run(ctx context.Context, alert []byte) error {
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.o.Command[0], n.o.Command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.WaitDelay = "/", environment, bytes.NewReader(append(alert, '\n')), killGrace
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with its children
	out := &head{}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if text := out.String(); text != "" {
		n.log.Info("the alerts' command says", "output", text)
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the command did not end in %s", n.o.Timeout)
	case err != nil:
		return fmt.Errorf("the command: %w", err)
	}
	return nil
}

// head keeps the beginning of what is written.
type head struct {
	mu   sync.Mutex
	kept []byte
	more bool
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	room := min(len(p), maxOutput-len(h.kept))
	h.kept, h.more = append(h.kept, p[:room]...), h.more || room < len(p)
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := failure.Printable(strings.TrimSpace(string(h.kept)))
	if h.more {
		text += " (and more)"
	}
	return text
}

// post sends an alert to the web service. What that answers is not logged, but for its status.
func (n *Notifier) post(ctx context.Context, alert []byte) error {
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	secret, err := n.secret()
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.o.Webhook, bytes.NewReader(alert))
	if err != nil {
		return errors.New("the webhook is no URL")
	}
	r.Header.Set("Content-Type", "application/json")
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	reply, err := n.http.Do(r)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) { // without the URL, which may hold a secret
			err = inner.Err
		}
		return fmt.Errorf("the webhook: %w", err)
	}
	defer reply.Body.Close()
	io.Copy(io.Discard, io.LimitReader(reply.Body, maxOutput)) // its answer is its status
	if reply.StatusCode < 200 || reply.StatusCode > 299 {
		return fmt.Errorf("the webhook answers %d %s", reply.StatusCode, http.StatusText(reply.StatusCode))
	}
	return nil
}

// secret reads the bearer secret, anew each time, so that it can be changed.
func (n *Notifier) secret() (string, error) {
	if n.o.SecretFile == "" {
		return "", nil
	}
	f, err := os.Open(n.o.SecretFile)
	if err != nil {
		return "", fmt.Errorf("the webhook's secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("the webhook's secret: %w", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("the webhook's secret: others may read %s: chmod 600 it", n.o.SecretFile)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	secret := strings.TrimSpace(string(text))
	if err != nil || secret == "" || len(text) > maxSecretBytes || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", cmp.Or(err, fmt.Errorf("the webhook's secret: %s holds no word of ASCII characters", n.o.SecretFile))
	}
	return secret, nil
}
