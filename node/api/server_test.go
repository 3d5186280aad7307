package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/node/client"
	"parley/node/door"
	"parley/node/login"
	"parley/node/scram"
)

const password = "correct horse battery"

// fakeDesk is a person's, whose questions never end by themselves.
type fakeDesk struct {
	Desk    // nil: what is not here is not asked
	revoked bool
	asked   chan string
}

func (d *fakeDesk) Standing() *client.QueryError {
	if d.revoked {
		return &client.QueryError{Code: "revoked", Sentence: "revoked"}
	}
	return nil
}

func (d *fakeDesk) Ask(ctx context.Context, sql string, _ client.AskOptions) (*client.Answer, error) {
	d.asked <- sql
	<-ctx.Done()
	return nil, ctx.Err()
}

func (d *fakeDesk) State() door.NetworkState { return door.NetworkState{Height: 7} }

// fakePeople are Mei and Wang, whose peer ids are their names.
type fakePeople struct {
	v     scram.Verifier
	desks map[string]*fakeDesk
}

func (p *fakePeople) Verifier(name string) (scram.Verifier, bool) { return p.v, p.desks[name] != nil }
func (p *fakePeople) Certified(string, *x509.Certificate) bool    { return false }
func (p *fakePeople) Peer(name string) (string, bool)             { return name, p.desks[name] != nil }
func (p *fakePeople) Desk(peer string) (Desk, bool)               { d := p.desks[peer]; return d, d != nil }

func server(t *testing.T) (*Server, *fakePeople) {
	t.Helper()
	v, err := scram.New(password)
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePeople{v, map[string]*fakeDesk{"Mei": {asked: make(chan string, 9)}, "Wang": {asked: make(chan string, 9)}}}
	guard, err := login.NewGuard(p, []byte("a secret of this test, 32 bytes!"), login.DefaultLimits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(p, Options{Certificate: tls.Certificate{Leaf: &x509.Certificate{DNSNames: []string{"localhost"}}},
		Guard: guard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(); s.asking.Wait() })
	return s, p
}

// described are the statuses below 400 that openapi.json has of each route; the others are its "default".
var described = sync.OnceValue(func() map[string]bool {
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		panic(err)
	}
	out := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			for status := range o.Responses {
				out[strings.ToUpper(method)+" "+path+" "+status] = true
			}
		}
	}
	return out
})

// undescribed reports whether a response has a status that openapi.json does not have of its route.
func undescribed(s *Server, r *http.Request, status int) bool {
	mux := http.NewServeMux()
	for _, route := range s.table() {
		mux.HandleFunc(route.method+" "+route.path, func(http.ResponseWriter, *http.Request) {})
	}
	_, pattern := mux.Handler(r)
	return status < 400 && !described()[pattern+" "+strconv.Itoa(status)] || status >= 400 && pattern != "" && !described()[pattern+" default"]
}

// call sends a request over what looks like TLS; set changes it first. A status that openapi.json does not have becomes 999.
func call(s *Server, method, path, body string, set func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://localhost"+path, strings.NewReader(body))
	r.RemoteAddr, r.TLS = "127.0.0.1:9", &tls.ConnectionState{}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if set != nil {
		set(r)
	}
	w := httptest.NewRecorder()
	s.routes.ServeHTTP(w, r)
	if undescribed(s, r, w.Code) {
		w.Code = 999
	}
	return w
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func logIn(t *testing.T, s *Server, name string) string {
	t.Helper()
	w := call(s, "POST", "/v1/sessions", "", func(r *http.Request) { r.SetBasicAuth(name, password) })
	var out Session
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusCreated {
		t.Fatal(w.Code, w.Body, err)
	}
	return out.Token
}

// TestWho: a token alone lets in, until it is taken back or its person is revoked; browsers of other pages and other names never.
func TestWho(t *testing.T) {
	s, p := server(t)
	token := logIn(t, s, "Mei")
	status := func(want int, set func(*http.Request)) {
		t.Helper()
		if w := call(s, "GET", "/v1/status", "", set); w.Code != want {
			t.Errorf("%d, want %d: %s", w.Code, want, w.Body)
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { bearer(token)(r); r.Header.Set(name, value) }
	}
	status(200, bearer(token))
	status(401, nil)
	status(401, bearer(token+"A"))
	status(401, func(r *http.Request) { r.SetBasicAuth("Mei", password) })
	status(403, header("Sec-Fetch-Site", "cross-site"))
	status(403, header("Origin", "https://elsewhere.example"))
	status(403, header("Origin", "null"))
	status(200, header("Origin", "https://localhost"))
	status(421, func(r *http.Request) { bearer(token)(r); r.Host = "rebound.example" })
	status(403, func(r *http.Request) { bearer(token)(r); r.TLS = nil })
	if w := call(s, "POST", "/v1/sessions", "", func(r *http.Request) { r.SetBasicAuth("Mei", "a wrong password") }); w.Code != 401 {
		t.Error(w.Code)
	}
	if w := call(s, "DELETE", "/v1/sessions/current", "", bearer(token)); w.Code != 204 {
		t.Error(w.Code)
	}
	status(401, bearer(token))
	token = logIn(t, s, "Mei")
	p.desks["Mei"].revoked = true
	status(403, bearer(token))
	p.desks["Mei"].revoked = false
	status(401, bearer(token)) // it has ended
}

// TestQuestions: a key asks once, another's question is not found, and a question that is withdrawn ends.
func TestQuestions(t *testing.T) {
	s, p := server(t)
	mei, wang := logIn(t, s, "Mei"), logIn(t, s, "Wang")
	ask := func(sql string) (int, Asked) {
		w := call(s, "POST", "/v1/questions", `{"sql":"`+sql+`"}`, func(r *http.Request) { bearer(mei)(r); r.Header.Set("Idempotency-Key", "k") })
		var out Asked
		json.Unmarshal(w.Body.Bytes(), &out)
		return w.Code, out
	}
	code, first := ask("SELECT 1")
	again, second := ask("SELECT 1")
	if code != 202 || again != 200 || first.ID == "" || first.ID != second.ID {
		t.Errorf("%d %s, then %d %s", code, first.ID, again, second.ID)
	}
	if code, _ := ask("SELECT 2"); code != 422 {
		t.Errorf("the key of another question: %d", code)
	}
	<-p.desks["Mei"].asked
	path := "/v1/questions/" + first.ID
	for _, method := range []string{"GET", "DELETE"} {
		if w := call(s, method, path, "", bearer(wang)); w.Code != 404 {
			t.Errorf("%s by another: %d", method, w.Code)
		}
	}
	if w := call(s, "DELETE", path, "", bearer(mei)); w.Code != 200 {
		t.Error(w.Code)
	}
	w := call(s, "GET", path+"/events", "", bearer(mei))
	if !strings.Contains(w.Body.String(), `"state":"withdrawn"`) {
		t.Errorf("%s", w.Body)
	}
	select {
	case sql := <-p.desks["Mei"].asked:
		t.Errorf("%q was asked twice", sql)
	case <-time.After(10 * time.Millisecond):
	}
	large := `{"sql":"` + strings.Repeat("x", MaxBodyBytes) + `"}`
	if w := call(s, "POST", "/v1/questions", large, bearer(mei)); w.Code != 413 {
		t.Errorf("a giant body: %d", w.Code)
	}
}
