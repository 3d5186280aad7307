package pgwire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// TestGarbage: what is none of the protocol ends the connection, at once and without much said.
func TestGarbage(t *testing.T) {
	d := openDoor(t, func(l *Limits) { l.LoginTime = 500 * time.Millisecond })
	for _, c := range []struct {
		what string
		sent []byte
		code string // of a FATAL; "" is silence
	}{
		{"a giant startup", []byte{0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0}, "08P01"},
		{"a negative length", []byte{0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0}, "08P01"},
		{"a length of nothing", []byte{0, 0, 0, 0, 0, 3, 0, 0}, "08P01"},
		{"a length that is short by one", []byte{0, 0, 0, 7, 0, 3, 0, 0}, "08P01"},
		{"the largest startup that is too large", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, maxStartupBytes+1), version30), "08P01"},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "08P01"},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.2\r\n"), "08P01"},
		{"half a packet", []byte{0, 0, 0}, ""},
		{"a packet without its end", packet(version30, hello)[:20], ""},
		{"nothing", nil, ""},
		{"a TLS record that is none", append([]byte{firstOfTLS, 3, 1, 2, 0}, bytes.Repeat([]byte{0xff}, 512)...), ""},
		{"half a TLS record", []byte{firstOfTLS, 3, 1, 2, 0, 1}, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			h := d.dial(t)
			h.send(c.sent)
			if c.code != "" {
				if m, err := h.in.Receive(); err != nil || m.(*pgproto3.ErrorResponse).Code != c.code {
					t.Fatalf("%#v, %v", m, err)
				}
				return
			}
			began := time.Now()
			rest, _ := io.ReadAll(h.raw)
			if took := time.Since(began); took > 3*time.Second || bytes.Contains(rest, []byte("SFATAL")) {
				t.Fatalf("%q after %v", rest, took)
			}
		})
	}
	t.Run("TLS and then silence", func(t *testing.T) {
		t.Parallel()
		h := d.dial(t)
		h.secure(nil)
		began := time.Now()
		if rest, _ := io.ReadAll(h.conn); len(rest) > 0 || time.Since(began) > 3*time.Second {
			t.Fatalf("%q after %v", rest, time.Since(began))
		}
	})
	t.Run("silence where the password is due", func(t *testing.T) {
		t.Parallel()
		h := d.dial(t)
		h.secure(nil)
		h.send(packet(version30, hello))
		h.hear()
		began := time.Now()
		if rest, _ := io.ReadAll(h.conn); len(rest) > 0 || time.Since(began) > 3*time.Second {
			t.Fatalf("%q after %v", rest, time.Since(began))
		}
	})
}

// TestSlowReader: who asks for much and reads nothing is dropped, and others are served meanwhile.
func TestSlowReader(t *testing.T) {
	d := openDoor(t, func(l *Limits) { l.WriteTime = 300 * time.Millisecond })
	config := d.config(t, "")
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}
	slow, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	hijacked, err := slow.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	defer hijacked.Conn.Close()
	raw, err := (&pgproto3.Query{String: "big"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hijacked.Conn.Write(raw); err != nil {
		t.Fatal(err)
	}
	other, err := d.connect(t, "")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	for deadline := time.Now().Add(10 * time.Second); d.Status().Sessions > 1; time.Sleep(20 * time.Millisecond) {
		mustAsk(t, other)
		if time.Now().After(deadline) {
			t.Fatal("the one that does not read is still there")
		}
	}
	if !strings.Contains(d.logged.String(), "does not read") {
		t.Error("nothing is said of it")
	}
}

// TestGone: a statement ends when its client is gone.
func TestGone(t *testing.T) {
	d := openDoor(t, nil)
	c, err := d.connect(t, "")
	if err != nil {
		t.Fatal(err)
	}
	hijacked, err := c.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := (&pgproto3.Query{String: "sleep"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	hijacked.Conn.Write(raw)
	time.Sleep(100 * time.Millisecond)
	hijacked.Conn.Close()
	for deadline := time.Now().Add(5 * time.Second); d.Status().Sessions > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it still runs")
		}
	}
}

// TestManySessions: the bounds on sessions, of which one user takes its share at most.
func TestManySessions(t *testing.T) {
	d := openDoor(t, func(l *Limits) { l.Sessions, l.SessionsPerUser = 100, 3 })
	var open []*pgconn.PgConn
	for range 3 {
		c, err := d.connect(t, "")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if _, err := d.connect(t, ""); code(err) != "53300" {
		t.Errorf("the fourth of one user: %v", err)
	}
	open[0].Close(t.Context())
	for deadline := time.Now().Add(5 * time.Second); ; {
		c, err := d.connect(t, "")
		if err == nil {
			open = append(open, c)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after one has left: %v", err)
		}
	}
	d.mu.Lock()
	d.limits.Sessions, d.limits.SessionsPerUser = 3, 100
	d.mu.Unlock()
	if _, err := d.connect(t, ""); code(err) != "53300" {
		t.Errorf("the fourth of all: %v", err)
	}
	for _, c := range open[1:] {
		mustAsk(t, c)
		c.Close(t.Context())
	}
}

// TestFlood: 10,000 connections a minute of all kinds, none of which ends by itself, and everybody else is served: a
// session that is there, and logins that come.
func TestFlood(t *testing.T) {
	d := openDoor(t, func(l *Limits) { l.Strangers, l.StrangersPerAddress = 120, 100 })
	session, err := d.connect(t, "")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(t.Context())
	length := 3 * time.Second
	if testing.Short() {
		length = time.Second
	}
	stop := time.After(length)
	over := make(chan struct{})
	go func() { <-stop; close(over) }()
	var wg sync.WaitGroup
	wg.Go(func() { // the hostile
		tick := time.NewTicker(time.Minute / 10_000)
		defer tick.Stop()
		var held []net.Conn
		defer func() {
			for _, c := range held {
				c.Close()
			}
		}()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			c, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Errorf("the flood: %v", err)
				return
			}
			held = append(held, c)
			switch i % 5 {
			case 1:
				c.Write(packet(sslRequest, ""))
			case 2:
				c.Write(packet(version30, hello))
			case 3:
				c.Write([]byte("\x00\x00\x27\x10\x00\x03\x00\x00user"))
			case 4:
				wg.Go(func() {
					tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocolName}}).Handshake()
				})
			}
		}
	})
	logins := 0
	wg.Go(func() { // those who come
		for {
			select {
			case <-over:
				return
			case <-time.After(50 * time.Millisecond):
			}
			c, err := d.connect(t, "")
			if err != nil {
				t.Errorf("a login fails: %v", err)
				return
			}
			c.Close(t.Context())
			logins++
		}
	})
	var took []time.Duration
	for running := true; running; {
		began := time.Now()
		mustAsk(t, session)
		took = append(took, time.Since(began))
		select {
		case <-over:
			running = false
		case <-time.After(2 * time.Millisecond):
		}
	}
	wg.Wait()
	slices.Sort(took)
	got := d.Status()
	t.Logf("%d statements, p50 %v, p99 %v; %d logins; %+v", len(took), took[len(took)/2], took[len(took)*99/100], logins, got)
	if got.Strangers > 100 || !testing.Short() && got.Displaced == 0 {
		t.Errorf("%+v", got)
	}
	if p99 := took[len(took)*99/100]; p99 > 250*time.Millisecond { // alone it takes a millisecond or two
		t.Errorf("statements take %v", p99)
	}
	if logins < 3 {
		t.Errorf("%d logins", logins)
	}
}

// TestIdleSessions: what a session costs that does nothing.
func TestIdleSessions(t *testing.T) {
	d := openDoor(t, nil)
	const sessions = 100
	measure := func() (int, uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapInuse + m.StackInuse
	}
	open := make([]*pgconn.PgConn, 0, sessions)
	first, err := d.connect(t, "") // so that what is made once is made
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(t.Context())
	time.Sleep(50 * time.Millisecond)
	goroutines, memory := measure()
	for range sessions {
		c, err := d.connect(t, "")
		if err != nil {
			t.Fatal(err)
		}
		mustAsk(t, c)
		open = append(open, c)
	}
	time.Sleep(200 * time.Millisecond)
	now, used := measure()
	each := (int64(used) - int64(memory)) / sessions
	t.Logf("%d goroutines and %d bytes more for %d sessions: %d each, with the client's side", now-goroutines, int64(used)-int64(memory), sessions, each)
	if now-goroutines > sessions+10 {
		t.Errorf("%d goroutines for %d sessions", now-goroutines, sessions)
	}
	if each > 128<<10 {
		t.Errorf("%d bytes a session, with the client's side", each)
	}
	for _, c := range open {
		c.Close(t.Context())
	}
}

// TestDisplaced: one connection too many makes the oldest give way that has not logged in: of its own place first, and a session never.
func TestDisplaced(t *testing.T) {
	d := openDoor(t, func(l *Limits) { l.Strangers, l.StrangersPerAddress = 4, 3 })
	session, err := d.connect(t, "")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(t.Context())
	gone := func(h *byHand) bool {
		h.raw.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, err := h.raw.Read(make([]byte, 1))
		return err != nil && !strings.Contains(err.Error(), "timeout")
	}
	var held []*byHand
	for i := range 5 {
		held = append(held, d.dial(t))
		for deadline := time.Now().Add(5 * time.Second); d.Status().Strangers+int(d.Status().Displaced) < i+1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%+v", d.Status())
			}
		}
	}
	for i, h := range held {
		if got := gone(h); got != (i < 2) {
			t.Errorf("connection %d is gone: %v", i, got)
		}
	}
	// From elsewhere: there is room for one more, and then the oldest of all goes.
	ours, theirs := net.Pipe()
	defer theirs.Close()
	first := d.admit(ours, "192.0.2.1")
	if first == nil || gone(held[2]) {
		t.Error("one from elsewhere displaces others though there is room")
	}
	second := d.admit(ours, "192.0.2.2")
	if !gone(held[2]) || gone(held[3]) {
		t.Error("the oldest of all has not given way")
	}
	if !d.forget(first) || d.forget(first) || !d.forget(second) {
		t.Error("what is admitted is not forgotten once")
	}
	mustAsk(t, session)
}
