package stories

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// api: a program goes from a login at the JSON door to a certificate that `parley verify` believes, by the URL that was printed, and a
// certificate with a changed byte is not believed.
func (h *house) api(t *testing.T) {
	raw, err := os.ReadFile(h.doors)
	if err != nil {
		t.Fatal(err)
	}
	var listed struct{ API, CA string }
	if err := json.Unmarshal(raw, &listed); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(listed.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	program := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	token := ""
	call := func(method, path, kind string, body []byte, into any) []byte {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, listed.API+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" { // before it the URL's name and password are sent
			request.URL.User = nil
			request.Header.Set("Authorization", "Bearer "+token)
		}
		if kind != "" {
			request.Header.Set("Content-Type", kind)
		}
		response, err := program.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode >= 400 {
			t.Fatalf("%s %s: %s %s %v", method, path, response.Status, b, err)
		}
		if into != nil {
			if err := json.Unmarshal(b, into); err != nil {
				t.Fatalf("%s %s: %v: %s", method, path, err, b)
			}
		}
		return b
	}
	var session struct{ Token string }
	call("POST", "sessions", "", nil, &session)
	token = session.Token
	var asked struct{ ID string }
	question := fmt.Sprintf(`{"sql": "SELECT sex, count(*) FROM register GROUP BY sex", "purpose": %q}`, purposeOf(t, h.postgres))
	call("POST", "questions", "application/json", []byte(question), &asked)
	if events := call("GET", "questions/"+asked.ID+"/events", "", nil, nil); !bytes.Contains(events, []byte("event: step")) || !bytes.Contains(events, []byte("event: ended")) {
		t.Errorf("%s", events)
	}
	var ended struct {
		State  string
		Answer struct {
			Query string
			Rows  [][]*string
		}
	}
	if call("GET", "questions/"+asked.ID, "", nil, &ended); ended.State != "answered" || len(ended.Answer.Rows) < 2 {
		t.Fatalf("%+v", ended)
	}
	certificate := call("GET", "answers/"+ended.Answer.Query+"/certificate", "", nil, nil)
	var verdict struct {
		Verified, ValueShown bool
		Rows                 [][]*string
	}
	call("POST", "verify", "application/octet-stream", certificate, &verdict)
	if !verdict.Verified || !verdict.ValueShown || len(verdict.Rows) != len(ended.Answer.Rows) {
		t.Errorf("%+v", verdict)
	}
	if h.command != "" {
		path := filepath.Join(t.TempDir(), "certificate")
		if err := os.WriteFile(path, certificate, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(h.command, "verify", path, "--network", h.network).CombinedOutput(); err != nil || !strings.Contains(string(out), "verified") {
			t.Errorf("%v\n%s", err, out)
		}
	}
	certificate[len(certificate)/2] ^= 1
	verdict.Verified = false
	if call("POST", "verify", "application/octet-stream", certificate, &verdict); verdict.Verified {
		t.Error("a changed byte is believed")
	}
}

// purposeOf is the purpose that a PostgreSQL URL of the demonstration has in it.
func purposeOf(t *testing.T, postgres string) string {
	t.Helper()
	u, err := url.Parse(postgres)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimPrefix(u.Query().Get("options"), "-c parley.purpose="), `\ `, " ")
}
