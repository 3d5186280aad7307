package pgwire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"parley/node/login"
	"parley/node/scram"
)

const rightPassword = "correct horse battery"

// cheapVerifier is a verifier of few iterations, for tests.
func cheapVerifier(password string) scram.Verifier {
	salt := []byte("sixteen salty by")
	salted, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size)
	if err != nil {
		panic(err)
	}
	mac := func(text string) (sum [sha256.Size]byte) {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return [sha256.Size]byte(h.Sum(nil))
	}
	client := mac("Client Key")
	return scram.Verifier{Iterations: 4096, Salt: salt, StoredKey: sha256.Sum256(client[:]), ServerKey: mac("Server Key")}
}

var adaVerifier = sync.OnceValue(func() scram.Verifier { return cheapVerifier(rightPassword) })

// selfSigned is a certificate for a name, valid between two times from now.
func selfSigned(t testing.TB, name string, from, to time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// tiny is a Backend whose one user is ada, and whose sessions know a few words.
type tiny struct {
	certified func(user string, c *x509.Certificate) bool
	mu        sync.Mutex
	opened    []Login
	closed    int
}

func (b *tiny) Verifier(user string) (scram.Verifier, bool) {
	if user == "ada" {
		return adaVerifier(), true
	}
	return scram.Verifier{}, false
}

func (b *tiny) Certified(user string, c *x509.Certificate) bool {
	return b.certified != nil && b.certified(user, c)
}

func (b *tiny) Open(_ context.Context, l Login) (Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch l.Settings["timezone"] {
	case "nowhere":
		return nil, &Error{Code: "22023", Message: `invalid value for parameter "TimeZone": "nowhere"`}
	case "secret":
		return nil, errors.New("a secret of the inside")
	case "panic":
		panic("a fault")
	}
	b.opened = append(b.opened, l)
	l.Listener.Parameter("server_version", "15.0")
	return &tinySession{b: b, login: l}, nil
}

type tinySession struct {
	b     *tiny
	login Login
}

func (s *tinySession) Parse(sql string) ([]Text, error) {
	if strings.Trim(sql, " ;") == "" {
		return nil, nil
	}
	return []Text{{SQL: sql}}, nil
}
func (s *tinySession) State() TxState { return Idle }
func (s *tinySession) Failed()        {}
func (s *tinySession) Sync()          {}
func (s *tinySession) Close() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.closed++
}
func (s *tinySession) Prepare(_ context.Context, t Text, _ []uint32) (Statement, error) {
	return &tinyStatement{s, strings.Trim(t.SQL, " ;")}, nil
}

type tinyStatement struct {
	s   *tinySession
	sql string
}

func (t *tinyStatement) Parameters() []uint32 { return nil }
func (t *tinyStatement) Columns() []Column    { return []Column{{Name: "said", Type: 25, Modifier: -1}} }
func (t *tinyStatement) Run(ctx context.Context, _ []Value) (*Result, error) {
	row := func(v string) *Result { return &Result{Columns: t.Columns(), Rows: []Row{{Value(v)}}, Tag: "SELECT"} }
	switch word, _, _ := strings.Cut(t.sql, " "); word {
	case "sleep":
		select {
		case <-ctx.Done():
			var why *Error
			if errors.As(context.Cause(ctx), &why) {
				return nil, why
			}
			return nil, ctx.Err()
		case <-time.After(20 * time.Second):
			return row("slept"), nil
		}
	case "big":
		r := &Result{Columns: t.Columns(), Tag: "SELECT"}
		for range 64 {
			r.Rows = append(r.Rows, Row{bytes.Repeat([]byte{'x'}, 1<<20)})
		}
		return r, nil
	case "user":
		return row(t.s.login.User), nil
	}
	return row(t.sql), nil
}

// door is a running door.
type door struct {
	*Server
	backend *tiny
	host    string
	port    uint16
	addr    string
	roots   *x509.CertPool
	logged  *lockedBuffer
	end     func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var testSecret = []byte("a secret of this door's, for tests")

// failures is how many passwords of a user may be wrong at doors of tests.
const failures = 5

// guardOf is one of a backend's people.
func guardOf(t testing.TB, people login.People) *login.Guard {
	t.Helper()
	g, err := login.NewGuard(people, testSecret, login.Limits{FailuresPerUser: failures, FailuresPerAddress: 60}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// openDoor starts one on a port of its own. Its log must never hold the password.
func openDoor(t testing.TB, change func(*Limits)) *door {
	t.Helper()
	return openDoorWith(t, selfSigned(t, "localhost", -time.Hour, time.Hour), change)
}

func openDoorWith(t testing.TB, certificate tls.Certificate, change func(*Limits)) *door {
	t.Helper()
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	limits := DefaultLimits()
	limits.EndTime = 2 * time.Second
	if change != nil {
		change(&limits)
	}
	d := &door{backend: &tiny{}, roots: x509.NewCertPool(), logged: &lockedBuffer{}}
	d.roots.AddCert(leaf)
	log := slog.New(slog.NewTextHandler(d.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if d.Server, err = New(d.backend, Options{Certificate: certificate, Guard: guardOf(t, d.backend), Log: log, Limits: limits}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr, d.host, d.port = l.Addr().String(), "127.0.0.1", uint16(l.Addr().(*net.TCPAddr).Port)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx, l) }()
	d.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the door ends: %v", err)
		}
		if got := d.Status(); got.Sessions != 0 || got.Strangers != 0 {
			t.Errorf("left behind: %+v", got)
		}
		if strings.Contains(d.logged.String(), rightPassword) {
			t.Error("the password is in the log")
		}
		if d.backend.mu.Lock(); len(d.backend.opened) != d.backend.closed {
			t.Errorf("%d sessions opened, %d closed", len(d.backend.opened), d.backend.closed)
		}
		d.backend.mu.Unlock()
	})
	t.Cleanup(d.end)
	return d
}

// config is how pgx connects.
func (d *door) config(t testing.TB, more string) *pgconn.Config {
	t.Helper()
	c, err := pgconn.ParseConfig(fmt.Sprintf("host=%s port=%d user=ada password='%s' dbname=parley sslmode=require %s", d.host, d.port, rightPassword, more))
	if err != nil {
		t.Fatal(err)
	}
	if c.TLSConfig != nil {
		c.TLSConfig.RootCAs, c.TLSConfig.ServerName, c.TLSConfig.InsecureSkipVerify = d.roots, "localhost", false
	}
	return c
}

func (d *door) connect(t testing.TB, more string) (*pgconn.PgConn, error) {
	t.Helper()
	return pgconn.ConnectConfig(t.Context(), d.config(t, more))
}

// ask runs a statement and gives the only cell of its answer.
func ask(ctx context.Context, c *pgconn.PgConn, sql string) (string, error) {
	r, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	if len(r) != 1 || len(r[0].Rows) != 1 || len(r[0].Rows[0]) != 1 {
		return "", fmt.Errorf("%d results", len(r))
	}
	return string(r[0].Rows[0][0]), nil
}

func mustAsk(t testing.TB, c *pgconn.PgConn) {
	t.Helper()
	if got, err := ask(t.Context(), c, "hello"); err != nil || got != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
}

// code is the SQLSTATE of an error.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// ---- A client by hand

type byHand struct {
	t    testing.TB
	raw  net.Conn
	conn net.Conn // TLS once it is
	in   *pgproto3.Frontend
}

func (d *door) dial(t testing.TB) *byHand {
	t.Helper()
	raw, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	raw.SetDeadline(time.Now().Add(15 * time.Second))
	t.Cleanup(func() { raw.Close() })
	return &byHand{t: t, raw: raw, conn: raw, in: pgproto3.NewFrontend(raw, raw)}
}

func packet(code uint32, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(binary.BigEndian.AppendUint32(b, code), body...)
}

func (h *byHand) send(b []byte) {
	h.t.Helper()
	if _, err := h.conn.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// secure does the handshake of TLS, after asking for it.
func (h *byHand) secure(config *tls.Config) {
	h.t.Helper()
	h.send(packet(sslRequest, ""))
	var said [1]byte
	if _, err := io.ReadFull(h.raw, said[:]); err != nil || said[0] != 'S' {
		h.t.Fatalf("%q, %v", said, err)
	}
	if config == nil {
		config = &tls.Config{InsecureSkipVerify: true}
	}
	c := tls.Client(h.raw, config)
	if err := c.Handshake(); err != nil {
		h.t.Fatal(err)
	}
	h.conn, h.in = c, pgproto3.NewFrontend(c, c)
}

// hear is the next message; what was heard before is not to be used any more.
func (h *byHand) hear() pgproto3.BackendMessage {
	h.t.Helper()
	m, err := h.in.Receive()
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// refused wants a FATAL of a code next, and then the end.
func (h *byHand) refused(what, code string) *pgproto3.ErrorResponse {
	h.t.Helper()
	m, err := h.in.Receive()
	e, ok := m.(*pgproto3.ErrorResponse)
	if err != nil || !ok || e.Severity != "FATAL" || e.Code != code {
		h.t.Fatalf("%s: %#v, %v, want FATAL %s", what, m, err, code)
	}
	kept := *e
	if m, err := h.in.Receive(); err == nil {
		h.t.Fatalf("%s: after the refusal %#v", what, m)
	}
	return &kept
}

// closed wants the end, without a word.
func (h *byHand) closed(what string) {
	h.t.Helper()
	if rest, err := io.ReadAll(h.conn); len(rest) > 0 || errors.Is(err, context.DeadlineExceeded) || err != nil && strings.Contains(err.Error(), "timeout") {
		h.t.Fatalf("%s: %q, %v", what, rest, err)
	}
}

const hello = "user\x00ada\x00database\x00parley\x00\x00"
