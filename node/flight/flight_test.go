package flight

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"parley/engine"
	"parley/node/client"
	"parley/node/door"
	"parley/node/login"
	"parley/node/scram"
)

const password = "correct horse battery"

// fakeDesk answers one question, and another never.
type fakeDesk struct {
	mu      sync.Mutex
	asked   []client.AskOptions
	revoked bool
}

func (d *fakeDesk) Standing() *client.QueryError {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.revoked {
		return &client.QueryError{Code: "not-vouched", Sentence: "revoked"}
	}
	return nil
}

func (d *fakeDesk) Catalogue(context.Context) (engine.Catalogue, error) {
	return engine.Catalogue{
		{Department: "a", Table: "people", Columns: []engine.Column{{Name: "age", Kind: engine.Integer}, {Name: "wage", Kind: engine.Integer}}},
		{Department: "b", Table: "people", Columns: []engine.Column{{Name: "age", Kind: engine.Integer}, {Name: "wage", Kind: engine.Decimal, Scale: 2}}},
		{Department: "b", Table: "cases", Columns: []engine.Column{{Name: "day", Kind: engine.Date}}},
	}, nil
}

func (d *fakeDesk) Plan(_ context.Context, sql string) ([]door.Column, error) {
	switch {
	case strings.Contains(sql, "avg"):
		return []door.Column{{Name: "mean", Kind: engine.Decimal, Scale: -1}}, nil
	case strings.Contains(sql, "count"):
		return []door.Column{{Name: "n", Kind: engine.Integer}}, nil
	}
	return nil, &client.QueryError{Code: engine.CodeColumn, Sentence: `no column "heigth"`, Position: 8, Hint: `did you mean "height"?`}
}

func (d *fakeDesk) Explain(context.Context, string, client.AskOptions) ([]string, error) {
	return []string{"reveals", "  nothing"}, nil
}

// Rows has a line in which every column but the first is NULL.
func (d *fakeDesk) Rows(_ context.Context, table string) ([][]*string, error) {
	for _, t := range door.Tables() {
		if t.Name == table {
			row, said := make([]*string, len(t.Columns)), "Mei asked"
			for i, c := range t.Columns {
				if c.Kind == engine.Text {
					row[i] = &said
					break
				}
			}
			return [][]*string{row}, nil
		}
	}
	return nil, errors.New("no such table")
}

func (d *fakeDesk) Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error) {
	d.mu.Lock()
	d.asked = append(d.asked, o)
	d.mu.Unlock()
	switch {
	case strings.Contains(sql, "slow"):
		o.Progress(client.Step{Name: "contributed", Done: 1, Total: 2})
		<-ctx.Done()
		return nil, ctx.Err()
	case strings.Contains(sql, "panic"):
		panic("a fault")
	case strings.Contains(sql, "secret"):
		return nil, errors.New("a secret of the inside")
	case strings.Contains(sql, "avg"):
		text := func(s string) engine.Value { return engine.Value{Text: &s, Exact: &s} }
		return &client.Answer{Certificate: []byte(strings.Repeat("certificate", 100_000)), Result: &engine.Result{Columns: []string{"sex", "mean"}, Kinds: []engine.Kind{engine.Text, engine.Decimal},
			Rows: [][]engine.Value{{text("f"), text("1.2499999")}, {text("m"), text("2.5")}, {{}, {}}}}}, nil
	}
	_, err := d.Plan(ctx, sql)
	return nil, err
}

func (d *fakeDesk) times() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

// fakePeople are Mei and Wang, whose peer ids are their names.
type fakePeople struct {
	v     scram.Verifier
	desks map[string]*fakeDesk
	known []byte // a certificate of Mei's
}

func (p *fakePeople) Verifier(name string) (scram.Verifier, bool) { return p.v, p.desks[name] != nil }
func (p *fakePeople) Certified(name string, c *x509.Certificate) bool {
	return name == "Mei" && string(c.Raw) == string(p.known)
}
func (p *fakePeople) Peer(name string) (string, bool) { return name, p.desks[name] != nil }
func (p *fakePeople) Asking(peer string) (Desk, bool) { d := p.desks[peer]; return d, d != nil }

// signed is a certificate of its own for a name.
func signed(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(raw)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// open is a door that listens, on a clock that the test moves.
type open struct {
	*Server
	t      *testing.T
	at     string
	roots  *x509.CertPool
	people *fakePeople
	mu     sync.Mutex
	late   time.Duration
}

func openDoor(t *testing.T) *open {
	t.Helper()
	v, err := scram.New(password)
	if err != nil {
		t.Fatal(err)
	}
	certificate := signed(t, "localhost")
	d := &open{t: t, roots: x509.NewCertPool(), people: &fakePeople{v: v, desks: map[string]*fakeDesk{"Mei": {}, "Wang": {}}}}
	d.roots.AddCert(certificate.Leaf)
	now := func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		return time.Now().Add(d.late)
	}
	guard, err := login.NewGuard(d.people, []byte("a secret of this test, 32 bytes!"), login.DefaultLimits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.Server, err = New(d.people, Options{Certificate: certificate, Guard: guard, Now: now}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.at = l.Addr().String()
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx, l) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d
}

// later moves the clock.
func (d *open) later(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.late += by
}

func (d *open) dial(certificates ...tls.Certificate) *flightsql.Client {
	d.t.Helper()
	c, err := flightsql.NewClient(d.at, nil, nil, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: d.roots, ServerName: "localhost", Certificates: certificates})))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	return c
}

// logIn gives a context with a token, by Arrow's own client.
func (d *open) logIn(c *flightsql.Client, name string) context.Context {
	d.t.Helper()
	ctx, err := c.Client.AuthenticateBasicToken(d.t.Context(), name, password)
	if err != nil {
		d.t.Fatal(err)
	}
	return metadata.AppendToOutgoingContext(ctx, headerPrefix+"purpose", "a test")
}

func is(t *testing.T, what string, err error, code codes.Code, words ...string) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v says nothing of %q", what, err, w)
		}
	}
}

// fetched is a whole stream: its rows as text, and its app metadata.
func fetched(t *testing.T, ctx context.Context, c *flightsql.Client, info *flight.FlightInfo) (rows []string, beside []byte, err error) {
	t.Helper()
	r, err := c.DoGet(ctx, info.Endpoint[0].Ticket)
	if err != nil {
		return nil, nil, err
	}
	defer r.Release()
	for r.Next() {
		for i := range int(r.Record().NumRows()) {
			var row []string
			for _, column := range r.Record().Columns() {
				row = append(row, column.ValueStr(i))
			}
			rows = append(rows, strings.Join(row, " "))
		}
		beside = append(beside, r.LatestAppMetadata()...)
	}
	return rows, beside, r.Err()
}

// TestQuestion: an answer with its certificate, exactly, asked once however often it is fetched; what it is asked for; errors in words.
func TestQuestion(t *testing.T) {
	d := openDoor(t)
	c := d.dial()
	ctx := d.logIn(c, "Mei")
	info, err := c.Execute(ctx, "SELECT avg(x) FROM t")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		rows, certificate, err := fetched(t, ctx, c, info)
		if err != nil || strings.Join(rows, ";") != "f 1.2499999;m 2.5;(null) (null)" || string(certificate) != strings.Repeat("certificate", 100_000) {
			t.Errorf("%q, %d bytes, %v", rows, len(certificate), err)
		}
	}
	promised, err := flight.DeserializeSchema(info.Schema, nil)
	if err != nil || promised.Field(1).Type.String() != "decimal(38, 7)" {
		t.Errorf("%v, %v", promised, err)
	}
	if mei := d.people.desks["Mei"]; mei.times() != 1 || mei.asked[0].Purpose != "a test" {
		t.Errorf("%+v", mei.asked)
	}
	_, err = c.Execute(ctx, "SELECT heigth FROM t")
	is(t, "a wrong column", err, codes.NotFound, "heigth", "POSITION: 8", "HINT: did you mean")
	_, err = c.Execute(ctx, "SELECT secret FROM t")
	is(t, "a fault of the inside", err, codes.Internal)
	if strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	_, err = c.Execute(ctx, "SELECT panic FROM t")
	is(t, "a panic", err, codes.Internal)
	plain, err := c.Client.AuthenticateBasicToken(t.Context(), "Mei", password)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Execute(plain, "SELECT avg(x) FROM t")
	is(t, "no purpose", err, codes.PermissionDenied, "x-parley-purpose")
	info, err = c.Execute(plain, " explain\nSELECT avg(x) FROM t")
	if err != nil {
		t.Fatal(err)
	}
	if rows, beside, err := fetched(t, plain, c, info); err != nil || len(rows) != 2 || beside != nil {
		t.Errorf("%q %q %v", rows, beside, err)
	}
	d.later(RunLife + time.Minute)
	_, _, err = fetched(t, ctx, c, info)
	is(t, "an answer whose time is over", err, codes.NotFound)
}

// TestWho: a token or a certificate lets in, and nothing else does, nor any of them longer than it may.
func TestWho(t *testing.T) {
	d := openDoor(t)
	c := d.dial()
	calls := func(ctx context.Context, c *flightsql.Client) error {
		_, err := c.GetCatalogs(ctx)
		return err
	}
	header := func(values ...string) context.Context {
		ctx := t.Context()
		for _, v := range values {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
		}
		return ctx
	}
	basic := func(name, word string) string { return base64.StdEncoding.EncodeToString([]byte(name + ":" + word)) }
	ctx := d.logIn(c, "Mei")
	if err := calls(ctx, c); err != nil {
		t.Error(err)
	}
	sent, _ := metadata.FromOutgoingContext(ctx)
	token := strings.TrimPrefix(sent.Get("authorization")[0], "Bearer ")
	for what, ctx := range map[string]context.Context{"nothing": t.Context(), "a forged token": header("Bearer " + token[1:] + "A"), "a password outside of the handshake": header("Basic " + basic("Mei", password)),
		"two tokens": header("Bearer "+token, "Bearer "+token), "no scheme": header(token), "an empty one": header("Bearer "), "only the scheme": header("Bearer"), "nothing at all": header("")} {
		is(t, what, calls(ctx, c), codes.Unauthenticated)
	}
	for _, encoded := range []string{basic("Mei", password), strings.TrimRight(basic("Mei", password), "=")} { // padded and not
		stream, err := c.Client.Handshake(header("Basic " + encoded))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&flight.HandshakeRequest{}); err != nil {
			t.Error(err)
		}
		if r, err := stream.Recv(); err != nil || len(r.Payload) == 0 {
			t.Errorf("%v, %v", r, err)
		}
	}
	for _, encoded := range []string{basic("Mei", password+"x"), basic("Nobody", password), basic("", ""), "!", "", base64.StdEncoding.EncodeToString([]byte("Mei"))} {
		stream, err := c.Client.Handshake(header("Basic " + encoded))
		if err == nil {
			_, err = stream.Recv()
		}
		is(t, encoded, err, codes.Unauthenticated)
	}
	mine := signed(t, "Mei")
	d.people.known = mine.Certificate[0]
	if err := calls(t.Context(), d.dial(mine)); err != nil {
		t.Error(err)
	}
	is(t, "another key's certificate", calls(t.Context(), d.dial(signed(t, "Mei"))), codes.Unauthenticated)
	is(t, "another person's name", calls(t.Context(), d.dial(signed(t, "Wang"))), codes.Unauthenticated)
	plain, err := flightsql.NewClient(d.at, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	is(t, "in the clear", calls(ctx, plain), codes.Unavailable)

	d.people.desks["Mei"].mu.Lock()
	d.people.desks["Mei"].revoked = true
	d.people.desks["Mei"].mu.Unlock()
	is(t, "who is revoked", calls(ctx, c), codes.PermissionDenied, "revoked")
	is(t, "afterwards", calls(ctx, c), codes.Unauthenticated)
	wang := d.logIn(c, "Wang")
	d.later(login.TokenLife + time.Minute)
	is(t, "a token whose time is over", calls(wang, c), codes.Unauthenticated)
}

// TestHandles: of another person's, of what is over or never was, nothing is found.
func TestHandles(t *testing.T) {
	d := openDoor(t)
	c := d.dial()
	mei, wang := d.logIn(c, "Mei"), d.logIn(c, "Wang")
	info, err := c.Execute(mei, "SELECT avg(x) FROM t")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = fetched(t, wang, c, info)
	is(t, "another's answer", err, codes.NotFound)
	for _, handle := range []string{"", "x", strings.Repeat("x", handleBytes), string(info.AppMetadata[:handleBytes-1])} {
		ticket, _ := flightsql.CreateStatementQueryTicket([]byte(handle))
		r, err := c.DoGet(mei, &flight.Ticket{Ticket: ticket})
		if err == nil {
			r.Next()
			err = r.Err()
		}
		is(t, "a handle that is none", err, codes.NotFound)
	}
	for _, raw := range [][]byte{nil, {0xff}, []byte("garbage"), make([]byte, 1000)} {
		r, err := c.DoGet(mei, &flight.Ticket{Ticket: raw})
		if err == nil {
			r.Next()
			err = r.Err()
		}
		if status.Code(err) == codes.OK || status.Code(err) == codes.Internal {
			t.Errorf("%q: %v", raw, err)
		}
	}
	prepared, err := c.Prepare(mei, "SELECT avg(x) FROM t")
	if err != nil {
		t.Fatal(err)
	}
	if prepared.DatasetSchema() != nil {
		t.Errorf("decimals are promised: %v", prepared.DatasetSchema())
	}
	_, err = prepared.Execute(wang)
	is(t, "another's statement", err, codes.NotFound)
	if _, err := prepared.Execute(mei); err != nil {
		t.Error(err)
	}
	d.later(PreparedLife + time.Minute)
	_, err = prepared.Execute(mei)
	is(t, "a statement that was not used for long", err, codes.NotFound, "prepare it again")
	for range MaxPrepared + 10 {
		if prepared, err = c.Prepare(mei, "SELECT count(*) FROM t"); err != nil {
			t.Fatal(err)
		}
	}
	account := d.account("Mei")
	account.mu.Lock()
	n := len(account.prepared)
	account.mu.Unlock()
	if n != MaxPrepared {
		t.Errorf("%d statements", n)
	}
	if s := prepared.DatasetSchema(); s == nil || s.Field(0).Type.String() != "int64" {
		t.Errorf("%v", s)
	}
	if err := prepared.Close(mei); err != nil {
		t.Error(err)
	}
}

// TestPollAndCancel: progress of a question that runs, and its end by a cancel, by a client that leaves, and with the door.
func TestPollAndCancel(t *testing.T) {
	d := openDoor(t)
	c := d.dial()
	ctx := d.logIn(c, "Mei")
	poll, err := c.ExecutePoll(ctx, "SELECT slow FROM t", nil)
	if err != nil {
		t.Fatal(err)
	}
	for poll.GetProgress() == 0 {
		if poll, err = c.ExecutePoll(ctx, "", poll.FlightDescriptor); err != nil {
			t.Fatal(err)
		}
	}
	if len(poll.Info.Endpoint) != 0 || poll.FlightDescriptor == nil {
		t.Errorf("%+v", poll)
	}
	_, err = c.CancelFlightInfo(d.logIn(c, "Wang"), &flight.CancelFlightInfoRequest{Info: poll.Info})
	is(t, "another cancels", err, codes.NotFound)
	if r, err := c.CancelFlightInfo(ctx, &flight.CancelFlightInfoRequest{Info: poll.Info}); err != nil || r.Status != flight.CancelStatusCancelled {
		t.Errorf("%v, %v", r, err)
	}
	_, err = c.ExecutePoll(ctx, "", poll.FlightDescriptor)
	is(t, "what was cancelled", err, codes.Canceled)
	leaving, leave := context.WithTimeout(ctx, 50*time.Millisecond)
	defer leave()
	_, err = c.Execute(leaving, "SELECT slow FROM t")
	is(t, "who leaves", err, codes.DeadlineExceeded)
	last := func() *run {
		mei := d.account("Mei")
		mei.mu.Lock()
		defer mei.mu.Unlock()
		return mei.runs[len(mei.runs)-1]
	}
	select {
	case <-last().done:
	case <-time.After(10 * time.Second):
		t.Error("the question of who has left goes on")
	}
	done, err := c.ExecutePoll(ctx, "SELECT avg(x) FROM t", nil)
	for err == nil && done.FlightDescriptor != nil {
		done, err = c.ExecutePoll(ctx, "", done.FlightDescriptor)
	}
	if err != nil || done.GetProgress() != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if rows, _, err := fetched(t, ctx, c, done.Info); err != nil || len(rows) != 3 {
		t.Errorf("%q, %v", rows, err)
	}
	if _, err := c.ExecutePoll(ctx, "SELECT slow FROM t", nil); err != nil { // it ends with the door
		t.Error(err)
	}
}
