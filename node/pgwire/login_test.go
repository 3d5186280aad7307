package pgwire

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"parley/node/scram"
)

// TestLogin: pgx logs in with the password, bound to the channel and not, after a request and directly, in each protocol.
func TestLogin(t *testing.T) {
	d := openDoor(t, nil)
	for _, more := range []string{
		"", "channel_binding=require", "channel_binding=disable", "sslnegotiation=direct", "sslnegotiation=direct channel_binding=require",
		"max_protocol_version=3.2", "max_protocol_version=3.0", "options='-c search_path=a -c datestyle=ISO'", "TimeZone=UTC",
	} {
		c, err := d.connect(t, more)
		if err != nil {
			t.Errorf("%s: %v", more, err)
			continue
		}
		mustAsk(t, c)
		want := shortKey
		if strings.Contains(more, "3.2") {
			want = longKey
		}
		if key := c.SecretKey(); len(key) != want || c.PID() == 0 || c.ParameterStatus("server_version") != "15.0" {
			t.Errorf("%s: a key of %d bytes, process %d, version %q", more, len(key), c.PID(), c.ParameterStatus("server_version"))
		}
		c.Close(t.Context())
	}
	d.backend.mu.Lock()
	defer d.backend.mu.Unlock()
	for i, l := range d.backend.opened {
		if l.User != "ada" || l.Database != "parley" || !l.Remote.IsValid() || l.Listener == nil || l.Process == 0 {
			t.Errorf("session %d: %+v", i, l)
		}
	}
	if got := d.backend.opened[7].Settings; got["search_path"] != "a" || got["datestyle"] != "ISO" {
		t.Errorf("%v", got)
	}
}

// TestWrongLogin: a wrong password, an unknown user and a user without a name hear the same, and nobody is asked in the clear.
func TestWrongLogin(t *testing.T) {
	d := openDoor(t, nil)
	for what, change := range map[string]string{"a wrong password": "password=wrong-horse-battery", "an unknown user": "user=nobody", "a case": "user=Ada"} {
		_, err := d.connect(t, change)
		if code(err) != "28P01" || !strings.Contains(err.Error(), "password authentication failed for user") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := d.connect(t, "sslmode=disable")
	if code(err) != "28000" {
		t.Errorf("in the clear: %v", err)
	}
	h := d.dial(t)
	h.send(packet(version30, hello))
	if e := h.refused("in the clear", "28000"); !strings.Contains(e.Hint, "sslmode=require") {
		t.Errorf("the hint %q", e.Hint)
	}
	for zone, want := range map[string]string{"nowhere": "22023", "secret": "XX000"} {
		if _, err := d.connect(t, "TimeZone="+zone); code(err) != want || strings.Contains(err.Error(), "inside") {
			t.Errorf("%s: %v, want %s", zone, err, want)
		}
	}
	if _, err := d.connect(t, "TimeZone=panic"); err == nil {
		t.Error("a session that panics")
	}
	c, err := d.connect(t, "")
	if err != nil {
		t.Fatalf("after a panic: %v", err)
	}
	mustAsk(t, c)
	c.Close(t.Context())
	if got := d.Status().Failed; got != 3 {
		t.Errorf("%d failed", got)
	}
}

// TestUnknownLooksKnown: up to the proof, a user whom nobody knows is asked as all are, and always the same.
func TestUnknownLooksKnown(t *testing.T) {
	d := openDoor(t, nil)
	challenge := func(user string) (salt string, iterations string) {
		h := d.dial(t)
		h.secure(nil)
		h.send(packet(version30, "user\x00"+user+"\x00\x00"))
		if m, ok := h.hear().(*pgproto3.AuthenticationSASL); !ok || strings.Join(m.AuthMechanisms, " ") != scram.Plus+" "+scram.Plain {
			t.Fatalf("%#v", m)
		}
		raw, _ := (&pgproto3.SASLInitialResponse{AuthMechanism: scram.Plain, Data: []byte("n,,n=,r=abc")}).Encode(nil)
		h.send(raw)
		m, ok := h.hear().(*pgproto3.AuthenticationSASLContinue)
		if !ok {
			t.Fatalf("%#v", m)
		}
		fields := strings.Split(string(m.Data), ",")
		return fields[1], fields[2]
	}
	salt, iterations := challenge("nobody")
	again, _ := challenge("nobody")
	if salt != again || iterations != "i="+strconv.Itoa(scram.Iterations) {
		t.Errorf("%s, %s, %s", salt, again, iterations)
	}
	if other, _ := challenge("nobody2"); other == salt {
		t.Error("one salt for all who are unknown")
	}
}

// TestForgedLogin: messages of the exchange that are none.
func TestForgedLogin(t *testing.T) {
	d := openDoor(t, nil)
	message := func(kind byte, body string) []byte {
		b := packet(0, body)
		return append(append([]byte{kind}, b[:3]...), append([]byte{b[3] - 4}, body...)...)
	}
	initial := func(mechanism, data string) string {
		return mechanism + "\x00\x00\x00\x00" + string(rune(len(data))) + data
	}
	right := initial(scram.Plain, "n,,n=,r=abc")
	for _, c := range []struct {
		what, code string
		sent       []byte
	}{
		{"the downgrade of a client that was not shown the offer", "28000", message('p', initial(scram.Plain, "y,,n=,r=abc"))},
		{"another mechanism", "08P01", message('p', initial("SCRAM-SHA-1", "n,,n=,r=abc"))},
		{"a password", "08P01", message('p', rightPassword+"\x00")},
		{"another length inside", "08P01", message('p', right+"x")},
		{"no response", "08P01", message('p', scram.Plain+"\x00\xff\xff\xff\xff")},
		{"a query", "08P01", message('Q', "select 1\x00")},
		{"a giant", "08P01", []byte("p\x7f\xff\xff\xff")},
		{"a negative length", "08P01", []byte("p\xff\xff\xff\xff")},
		{"a length of nothing", "08P01", []byte("p\x00\x00\x00\x03")},
		{"a startup message again", "08P01", packet(version30, hello)},
	} {
		h := d.dial(t)
		h.secure(nil)
		h.send(packet(version30, hello))
		h.hear()
		h.send(c.sent)
		h.refused(c.what, c.code)
	}
	h := d.dial(t)
	h.secure(nil)
	h.send(packet(version30, hello))
	h.hear()
	h.send(message('p', right))
	h.hear()
	h.send(message('p', "c=biws,r=abc,p="+strings.Repeat("A", 43)+"="))
	h.refused("a nonce without the server's part", "08P01")
}

// TestFailuresAreLimited: after some wrong passwords none is looked at, of many at once no more than in turn; others are served,
// and so is a session that is there.
func TestFailuresAreLimited(t *testing.T) {
	if s := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)); s < 5*time.Second {
		time.Sleep(s) // the counters begin anew with each minute
	}
	d := openDoor(t, nil)
	before, err := d.connect(t, "")
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for range failures + 7 {
		wg.Go(func() {
			_, err := d.connect(t, "password=wrong-horse-battery")
			mu.Lock()
			defer mu.Unlock()
			codes[code(err)]++
		})
	}
	wg.Wait()
	if codes["28P01"] != failures || codes["28000"] != 7 {
		t.Errorf("%v", codes)
	}
	if _, err := d.connect(t, ""); code(err) != "28000" {
		t.Errorf("the right password: %v", err)
	}
	if _, err := d.connect(t, "user=bob"); code(err) != "28P01" {
		t.Errorf("another user: %v", err)
	}
	mustAsk(t, before)
}

// TestCertificates: who holds the key of a certificate that the backend knows needs no password; all others do.
func TestCertificates(t *testing.T) {
	d := openDoor(t, nil)
	right, other := selfSigned(t, "ada", -time.Hour, time.Hour), selfSigned(t, "ada", -time.Hour, time.Hour)
	late, early := selfSigned(t, "ada", -2*time.Hour, -time.Hour), selfSigned(t, "ada", time.Hour, 2*time.Hour)
	known := map[string]bool{}
	for _, c := range []tls.Certificate{right, late, early} {
		known[string(c.Certificate[0])] = true
	}
	d.backend.certified = func(user string, c *x509.Certificate) bool { return user == "ada" && known[string(c.Raw)] }
	for _, c := range []struct {
		what string
		cert tls.Certificate
		user string
		in   bool
	}{
		{"right", right, "ada", true},
		{"another's", right, "bob", false},
		{"unknown, of the same name", other, "ada", false},
		{"expired", late, "ada", false},
		{"not yet valid", early, "ada", false},
		{"a chain", tls.Certificate{Certificate: append(append([][]byte{}, right.Certificate...), other.Certificate...), PrivateKey: right.PrivateKey}, "ada", false},
	} {
		config := d.config(t, "user="+c.user)
		config.Password = "no-such-password"
		config.TLSConfig.Certificates = []tls.Certificate{c.cert}
		config.TLSConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.cert, nil }
		conn, err := pgconn.ConnectConfig(t.Context(), config)
		if c.in != (err == nil) || !c.in && code(err) != "28P01" {
			t.Errorf("%s: %v", c.what, err)
		}
		if err == nil {
			mustAsk(t, conn)
			conn.Close(t.Context())
		}
	}
	// Without its key, a certificate ends the handshake.
	forged := tls.Certificate{Certificate: right.Certificate, PrivateKey: other.PrivateKey}
	config := d.config(t, "")
	config.TLSConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &forged, nil }
	if _, err := pgconn.ConnectConfig(t.Context(), config); err == nil || code(err) != "" {
		t.Errorf("without the key: %v", err)
	}
}

// TestNegotiation: later versions and unknown extensions are answered by what is spoken here, before a password is asked for.
func TestNegotiation(t *testing.T) {
	d := openDoor(t, nil)
	for _, c := range []struct {
		version uint32
		more    string
		newest  uint32
		unknown string
	}{
		{version30 + 9, "", version32, ""},
		{version32, "_pq_.a\x001\x00_pq_.b\x001\x00", version32, "_pq_.a _pq_.b"},
		{version30, "_pq_.a\x001\x00", version30, "_pq_.a"},
	} {
		h := d.dial(t)
		h.secure(nil)
		h.send(packet(c.version, c.more+hello))
		m, ok := h.hear().(*pgproto3.NegotiateProtocolVersion)
		if !ok || m.NewestMinorProtocol != c.newest || strings.Join(m.UnrecognizedOptions, " ") != c.unknown {
			t.Errorf("%x: %#v", c.version, m)
		}
		if m, ok := h.hear().(*pgproto3.AuthenticationSASL); !ok {
			t.Errorf("%#v", m)
		}
	}
}

// TestEncryptionRequests: each order of requests for encryption that is one, and those that are not.
func TestEncryptionRequests(t *testing.T) {
	d := openDoor(t, nil)
	h := d.dial(t)
	h.send(packet(gssRequest, ""))
	var said [1]byte
	if _, err := h.raw.Read(said[:]); err != nil || said[0] != 'N' {
		t.Fatalf("%q, %v", said, err)
	}
	h.secure(&tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocolName}})
	h.send(packet(version30, hello))
	h.hear()

	h = d.dial(t)
	h.send(append(packet(gssRequest, ""), packet(gssRequest, "")...))
	if _, err := h.raw.Read(said[:]); err != nil || said[0] != 'N' {
		t.Fatalf("%q, %v", said, err)
	}
	h.refused("asked twice", "08P01")

	h = d.dial(t)
	h.send(packet(sslRequest, "x"))
	h.refused("a longer request", "08P01")

	for _, code := range []uint32{sslRequest, gssRequest} {
		h = d.dial(t)
		h.secure(nil)
		h.send(packet(code, ""))
		h.refused("a request within TLS", "08P01")
	}

	// What was sent in the clear behind the request is not taken for what TLS brought: the handshake fails.
	h = d.dial(t)
	h.send(append(packet(sslRequest, ""), packet(version30, hello)...))
	if _, err := h.raw.Read(said[:]); err != nil || said[0] != 'S' {
		t.Fatalf("%q, %v", said, err)
	}
	if err := tls.Client(h.raw, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Error("a handshake succeeds behind what was sent in the clear")
	}

	for what, protocols := range map[string][]string{"no protocol": nil, "another": {"h2"}} {
		h = d.dial(t)
		c := tls.Client(h.raw, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
		err := c.Handshake()
		if err != nil {
			continue // refused within the handshake
		}
		h.conn, h.in = c, pgproto3.NewFrontend(c, c)
		h.refused(what, "08P01")
	}
	h = d.dial(t)
	if err := tls.Client(h.raw, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, NextProtos: []string{protocolName}}).Handshake(); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// TestPsql: the program that most people have.
func TestPsql(t *testing.T) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	d := openDoor(t, nil)
	run := func(password, more string) (string, error) {
		cmd := exec.CommandContext(t.Context(), psql, "-X", "-w", "-Atc", "user", "host=127.0.0.1 dbname=parley port="+strconv.Itoa(int(d.port))+" "+more)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "HOME="+t.TempDir(), "LC_ALL=C")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, more := range []string{"user=ada", "user=ada sslmode=require", "user=ada sslmode=require channel_binding=require", "user=ada channel_binding=disable", "user=ada gssencmode=prefer"} {
		if out, err := run(rightPassword, more); err != nil || out != "ada\n" {
			t.Errorf("%s: %v: %s", more, err, out)
		}
	}
	// With sslmode=prefer psql tries in the clear what failed over TLS: it is told why, and never asked there.
	if out, err := run("wrong-horse-battery", "user=ada"); err == nil || !strings.Contains(out, "password authentication failed") || !strings.Contains(out, "TLS only") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run(rightPassword, "user=ada sslmode=disable"); err == nil || !strings.Contains(out, "sslmode=require") {
		t.Errorf("%v: %s", err, out)
	}
	before := d.Status().Failed
	if out, err := run("", "user=ada sslmode=require"); err == nil || !strings.Contains(out, "no password supplied") {
		t.Errorf("%v: %s", err, out)
	}
	if d.Status().Failed != before {
		t.Error("a client that goes to ask for its password has failed")
	}
}

// TestEnd: the door's end is told to who is idle, and waits for what runs, so long.
func TestEnd(t *testing.T) {
	d := openDoor(t, func(l *Limits) { l.EndTime = 300 * time.Millisecond })
	h, err := d.connect(t, "")
	if err != nil {
		t.Fatal(err)
	}
	busy, err := d.connect(t, "")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := ask(t.Context(), busy, "sleep")
		result <- err
	}()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	d.end()
	if took := time.Since(began); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("the end takes %v", took)
	}
	if err := <-result; code(err) != "57P01" {
		t.Errorf("the one that runs: %v", err)
	}
	if _, err := ask(t.Context(), h, "hello"); code(err) != "57P01" {
		t.Errorf("the idle one: %v", err)
	}
	if _, err := d.connect(t, ""); err == nil {
		t.Error("a connection after the end")
	}
}

// TestNew: what a door needs.
func TestNew(t *testing.T) {
	certificate := selfSigned(t, "localhost", -time.Hour, time.Hour)
	for what, o := range map[string]Options{
		"no certificate":  {Guard: guardOf(t, &tiny{})},
		"no guard":        {Certificate: certificate},
		"a limit missing": {Certificate: certificate, Guard: guardOf(t, &tiny{}), Limits: Limits{Sessions: 1}},
	} {
		if _, err := New(&tiny{}, o); err == nil {
			t.Errorf("%s: a door", what)
		}
	}
	if _, err := New(&tiny{}, Options{Certificate: certificate, Guard: guardOf(t, &tiny{})}); err != nil {
		t.Error(err)
	}
}
