package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"parley/node/api"
	"parley/node/nodetest"
	"parley/node/render"
)

// caller is a program at the JSON door.
type caller struct {
	t     *testing.T
	ctx   context.Context
	base  string
	http  *http.Client
	token string
}

// call sends a request with the token, or as change has it, and reads what comes back, which must have the status.
func (c *caller) call(method, path, body string, status int, into any, change ...func(*http.Request)) []byte {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.ctx, method, c.base+path, strings.NewReader(body))
	nodetest.Check(c.t, err)
	request.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, do := range change {
		do(request)
	}
	response, err := c.http.Do(request)
	nodetest.Check(c.t, err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	nodetest.Check(c.t, err)
	if response.StatusCode != status {
		c.t.Errorf("%s %s is answered with %d, want %d: %s", method, path, response.StatusCode, status, b)
		return b
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			c.t.Errorf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return b
}

// follow reads a question's events to the last, and gives how many steps they had.
func (c *caller) follow(id string) (steps int, ended api.Asked) {
	c.t.Helper()
	b := c.call("GET", "questions/"+id+"/events", "", http.StatusOK, nil)
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, len(b)+1)
	event := ""
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = name
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && event == "step" {
			steps++
		} else if ok {
			nodetest.Check(c.t, json.Unmarshal([]byte(data), &ended))
		}
	}
	return steps, ended
}

// atTheAPI goes from a login at the JSON door to a verified certificate, and tries what must fail. It logs in by the door's own URL.
func atTheAPI(t *testing.T, ctx context.Context, doors Doors, want int64) *caller {
	t.Helper()
	at, err := url.Parse(doors.API)
	nodetest.Check(t, err)
	ca, err := os.ReadFile(doors.Authority)
	nodetest.Check(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	user := at.User
	at.User = nil
	c := &caller{t: t, ctx: ctx, base: at.String(), http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}}
	basic := func(name, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(name, password) }
	}
	var session api.Session
	password, _ := user.Password()
	c.call("GET", "status", "", http.StatusUnauthorized, nil)
	c.call("GET", "status", "", http.StatusUnauthorized, nil, basic(user.Username(), password)) // a password counts at sessions alone
	c.call("POST", "sessions", "", http.StatusUnauthorized, nil, basic(user.Username(), password+"x"))
	c.call("POST", "sessions", "", http.StatusCreated, &session, basic(user.Username(), password))
	c.token = session.Token
	c.call("GET", "status", "", http.StatusOK, nil)

	question, err := json.Marshal(api.Question{SQL: "SELECT count(*) AS n FROM people", Purpose: "a test of the network"})
	nodetest.Check(t, err)
	once := func(r *http.Request) { r.Header.Set("Idempotency-Key", "first") }
	var asked, again api.Asked
	c.call("POST", "questions", string(question), http.StatusAccepted, &asked, once)
	c.call("POST", "questions", string(question), http.StatusOK, &again, once)
	if again.ID != asked.ID || asked.ID == "" {
		t.Errorf("%q is %q when it is sent again", asked.ID, again.ID)
	}
	steps, ended := c.follow(asked.ID)
	if steps == 0 || ended.State != api.Answered || ended.Answer == nil {
		t.Fatalf("%d steps, %+v", steps, ended)
	}
	if got := ended.Answer.Rows; len(got) != 1 || fmt.Sprint(*got[0][0]) != fmt.Sprint(want) {
		t.Errorf("%v, want %d", got, want)
	}
	certificate := c.call("GET", "answers/"+ended.Answer.Query+"/certificate", "", http.StatusOK, nil)
	octets := func(r *http.Request) { r.Header.Set("Content-Type", "application/octet-stream") }
	var verdict render.Verdict // TestDoors has one that can be verified: nobody believes parameters of tests
	if c.call("POST", "verify", string(certificate), http.StatusOK, &verdict, octets); verdict.Verified || verdict.Parameters != "tiny" {
		t.Errorf("%+v", verdict)
	}
	c.call("POST", "verify", "no certificate", http.StatusUnprocessableEntity, nil, octets)
	return c
}

// sharedFailures: wrong passwords at the JSON door are counted at PostgreSQL's too.
func sharedFailures(c *caller, postgres string) {
	c.t.Helper()
	if left := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)); left < 5*time.Second {
		time.Sleep(left) // the counters begin anew with each minute
	}
	for range 9 {
		c.call("POST", "sessions", "", http.StatusUnauthorized, nil, func(r *http.Request) { r.SetBasicAuth("stranger", "wrong horse") })
	}
	config, err := pgx.ParseConfig(postgres)
	nodetest.Check(c.t, err)
	config.User = "stranger"
	if _, err := pgx.ConnectConfig(c.ctx, config); state(err) != "28P01" { // the tenth
		c.t.Errorf("%v", err)
	}
	c.call("POST", "sessions", "", http.StatusTooManyRequests, nil, func(r *http.Request) { r.SetBasicAuth("stranger", "wrong horse") })
	if _, err := pgx.ConnectConfig(c.ctx, config); state(err) != "28000" {
		c.t.Errorf("%v", err)
	}
}
