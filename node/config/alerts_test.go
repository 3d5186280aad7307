package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAlerts: which commands and web services a node.toml may name, and what is said of others.
func TestAlerts(t *testing.T) {
	for name, c := range map[string]struct{ lines, wrong string }{
		"command":      {`command = ["/usr/local/bin/notify", "a b"]`, ""},
		"both":         {"command = [\"/bin/true\"]\nwebhook = \"https://example.org/alerts?key=1\"\nsecret_file = \"secret\"\ntables = [\"claims\"]\ntimeout = \"5s\"", ""},
		"loopback":     {`webhook = "http://127.0.0.1:8080/alerts"`, ""},
		"loopback six": {`webhook = "http://[::1]:8080/alerts"`, ""},
		"neither":      {`tables = ["claims"]`, "neither a command nor a webhook"},
		"relative":     {`command = ["notify"]`, "whole path"},
		"shell":        {`command = ["notify; rm -rf /"]`, "whole path"},
		"text":         {`command = "/bin/true"`, ""},
		"plain":        {`webhook = "http://example.org/alerts"`, "https://"},
		"private":      {`webhook = "http://10.0.0.1/alerts"`, "https://"},
		"named so":     {`webhook = "http://127.0.0.1.example.org/"`, "https://"},
		"localhost":    {`webhook = "http://localhost:8080/"`, "https://"},
		"user":         {`webhook = "https://user:password@example.org/"`, "https://"},
		"file":         {`webhook = "file:///etc/passwd"`, "https://"},
		"nowhere":      {`webhook = "https://"`, "https://"},
		"secret alone": {"command = [\"/bin/true\"]\nsecret_file = \"secret\"", "goes with webhook"},
		"no time":      {"command = [\"/bin/true\"]\ntimeout = \"0s\"", "positive duration"},
		"unknown":      {"command = [\"/bin/true\"]\nshell = \"bash\"", `unknown key "alerts.shell"`},
		"true":         {`command = true`, "cannot assign"},
	} {
		path := filepath.Join(t.TempDir(), NodeFile)
		text := Initial("north", RoleDepartment, "/ip4/127.0.0.1/tcp/4001", "light") + "\n[alerts]\n" + c.lines + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(path)
		switch {
		case name == "text":
			if err == nil {
				t.Error("a command that is one text, as a shell would read it, is taken")
			}
		case c.wrong == "" && (err != nil || cfg.Alerts == nil || cfg.Alerts.Timeout == 0):
			t.Errorf("%s: %v", name, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), NodeFile)):
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		case name == "both" && (cfg.Alerts.SecretFile != filepath.Join(filepath.Dir(path), "secret") || cfg.Alerts.Timeout != 5*time.Second):
			t.Errorf("%+v", cfg.Alerts)
		}
	}
}
