package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"parley/node/failure"
)

// DefaultAlertTimeout is how long a command or a web service may take for one alert.
const DefaultAlertTimeout = 30 * time.Second

// Alerts says whom the node tells of new alerts on the ledger: a command, a web service, or both.
type Alerts struct {
	// Command and its arguments: an absolute path, and no shell.
	Command []string
	// Webhook is an HTTPS address, or an HTTP one on this machine.
	Webhook string
	// SecretFile holds what the web service knows this node by. Empty: nothing.
	SecretFile string
	// Tables are those whose questions' alerts are told; empty: all.
	Tables  []string
	Timeout time.Duration
}

// FileAlerts are Alerts as node.toml has them.
type FileAlerts struct {
	Command    []string `toml:"command,omitempty"`
	Webhook    string   `toml:"webhook,omitempty"`
	SecretFile string   `toml:"secret_file,omitempty"`
	Tables     []string `toml:"tables,omitempty"`
	Timeout    string   `toml:"timeout,omitempty"`
}

// resolve checks what can be checked without touching anything; nil: nobody is told.
func (f *FileAlerts) resolve(base string) (*Alerts, *failure.Failure) {
	if f == nil {
		return nil, nil
	}
	a := &Alerts{Command: f.Command, Webhook: f.Webhook, Tables: f.Tables}
	wrong := func(key, format string, args ...any) (*Alerts, *failure.Failure) {
		return nil, &failure.Failure{Column: "alerts." + key, Message: fmt.Sprintf(format, args...)}
	}
	if len(f.Command) == 0 && f.Webhook == "" {
		return wrong("command", "alerts names neither a command nor a webhook")
	}
	if len(f.Command) > 0 && !filepath.IsAbs(f.Command[0]) {
		return wrong("command", "command[0] = %q: a command is named by its whole path, and no shell reads it", f.Command[0])
	}
	if strings.Contains(strings.Join(f.Command, ""), "\x00") {
		return wrong("command", "command: an argument has a zero byte")
	}
	if f.Webhook != "" && !safeWebhook(f.Webhook) {
		return wrong("webhook", "webhook: it is an https:// address without user and fragment, or an http:// one of this machine, as http://127.0.0.1:8080/alerts")
	}
	if f.SecretFile != "" {
		if f.Webhook == "" {
			return wrong("secret_file", "secret_file goes with webhook")
		}
		a.SecretFile = Resolve(base, f.SecretFile)
	}
	var failed *failure.Failure
	if a.Timeout, failed = parseDuration("alerts.timeout", f.Timeout, "30s"); failed != nil {
		return nil, failed
	}
	if a.Timeout == 0 {
		a.Timeout = DefaultAlertTimeout
	}
	return a, nil
}

// safeWebhook reports whether what is sent to an address can be read on the way by nobody.
func safeWebhook(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback()
}
