package pgwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// asks is a client of a scripted session, message by message.
type asks struct {
	t      testing.TB
	conn   net.Conn
	front  *pgproto3.Frontend
	logged *lockedBuffer
	ended  chan error
}

func newAsks(t testing.TB, s *scripted) *asks {
	client, logged, ended := talkTo(t, s)
	a := &asks{t, client, pgproto3.NewFrontend(client, client), logged, ended}
	a.until("ReadyForQuery I")
	return a
}

// send sends messages, while what is answered is read.
func (a *asks) send(m ...pgproto3.FrontendMessage) {
	var b []byte
	for _, m := range m {
		var err error
		if b, err = m.Encode(b); err != nil {
			a.t.Fatal(err)
		}
	}
	go a.conn.Write(b)
}

// until reads up to a message that begins so, and gives all.
func (a *asks) until(last string) string {
	a.t.Helper()
	text := ""
	for {
		a.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		m, err := a.front.Receive()
		if err != nil {
			a.t.Fatalf("%v after %s", err, text)
		}
		line := told(m)
		if text += line; strings.HasPrefix(line, "< "+last) {
			return text
		}
	}
}

func (a *asks) says(text string, all ...string) {
	a.t.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			a.t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestInternalErrors: what is no refusal is in the log, and not with the client.
func TestInternalErrors(t *testing.T) {
	a := newAsks(t, &scripted{})
	a.send(&pgproto3.Query{String: "broken"})
	a.says(a.until("ReadyForQuery"), `XX000 "internal error"`)
	if !strings.Contains(a.logged.String(), "a secret of the inside") {
		t.Error("the log does not say what it was")
	}
}

// TestNoticesAreSentAtOnce: a notice is read before its statement has ended.
func TestNoticesAreSentAtOnce(t *testing.T) {
	a, goOn := newAsks(t, &scripted{}), make(chan struct{})
	cans["halting"] = canned{tag: "SELECT", columns: []Column{column("n", 23)}, does: func(s *scripted, _ *Result) error {
		s.listener.Notice(Notice{Severity: "NOTICE", Message: "half of it"})
		<-goOn
		return nil
	}}
	defer delete(cans, "halting")
	a.send(&pgproto3.Query{String: "halting"})
	a.until("NoticeResponse")
	close(goOn)
	a.until("ReadyForQuery")
}

// TestFlush: what waits is sent at a Flush, and an error without one.
func TestFlush(t *testing.T) {
	a := newAsks(t, &scripted{})
	a.send(&pgproto3.Parse{Query: "SELECT 1 AS n"}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Flush{})
	a.says(a.until("RowDescription"), "ParseComplete", "ParameterDescription")
	a.send(&pgproto3.Execute{Portal: "nil"})
	a.says(a.until("ErrorResponse"), "34000")
	a.send(&pgproto3.Sync{})
	a.until("ReadyForQuery")
}

// TestGoneClientCancels: a client that leaves ends its statement, also when it sent something first.
func TestGoneClientCancels(t *testing.T) {
	for _, also := range [][]byte{nil, bytes.Repeat([]byte{'S', 0, 0, 0, 4}, 10)} {
		a := newAsks(t, &scripted{})
		a.send(&pgproto3.Query{String: "wait"})
		time.Sleep(3 * watchAfter)
		if len(also) > 0 {
			a.conn.Write(also)
		}
		a.conn.Close()
		select {
		case err := <-a.ended:
			if !errors.Is(err, ErrGone) {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the statement goes on")
		}
	}
}

// TestUnreadableMessages: what cannot be read ends the session, with a word.
func TestUnreadableMessages(t *testing.T) {
	long := binary.BigEndian.AppendUint32([]byte{'Q'}, maxMessageBytes+100)
	for name, b := range map[string][]byte{
		"a longer one than is read": long,
		"no kind of message":        {'z', 0, 0, 0, 4},
		"a negative length":         {'Q', 0xff, 0xff, 0xff, 0xff},
		"a password":                {'p', 0, 0, 0, 5, 0},
		"a text without an end":     {'Q', 0, 0, 0, 6, 'a', 'b'},
		"a Parse without an end":    {'P', 0, 0, 0, 6, 'a', 'b'},
		"parameters that are not":   {'B', 0, 0, 0, 10, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"an empty Describe":         {'D', 0, 0, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsks(t, &scripted{})
			go a.conn.Write(b)
			a.says(a.until("ErrorResponse"), "FATAL 08P01")
			if _, err := a.front.Receive(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("then %v", err)
			}
			if err := <-a.ended; err == nil {
				t.Error("the session ended as if the client had left")
			}
		})
	}
}

// TestLeaving: Terminate and a connection that breaks between messages or within one.
func TestLeaving(t *testing.T) {
	a := newAsks(t, &scripted{})
	a.send(&pgproto3.Terminate{})
	if err := <-a.ended; err != nil {
		t.Error(err)
	}
	for _, b := range [][]byte{nil, {'Q', 0, 0, 0, 9, 'a'}} {
		a := newAsks(t, &scripted{})
		a.conn.Write(b)
		a.conn.Close()
		if err := <-a.ended; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("it ended with %v", err)
		}
	}
}

// TestHeldRowsAreBounded: what portals hold is bounded, of a session and of all, and is given back.
func TestHeldRowsAreBounded(t *testing.T) {
	before := overall.Held()
	a := newAsks(t, &scripted{})
	suspend := func(portal, sql string) string {
		a.send(&pgproto3.Parse{Query: sql}, &pgproto3.Bind{DestinationPortal: portal}, &pgproto3.Describe{ObjectType: 'P', Name: portal},
			&pgproto3.Execute{Portal: portal, MaxRows: 2}, &pgproto3.Sync{})
		return a.until("ReadyForQuery")
	}
	cans["hold"] = canned{tag: "SELECT", columns: []Column{column("n", 25)}, rows: []Row{{Value("1")}, {Value("2")}, {bytes.Repeat([]byte{'x'}, maxHeld/2)}}}
	defer delete(cans, "hold")
	a.send(&pgproto3.Query{String: "BEGIN"})
	a.until("ReadyForQuery")
	a.says(suspend("a", "hold"), "PortalSuspended")
	if got := overall.Held() - before; got < maxHeld/2 || got > maxHeld/2+1000 {
		t.Errorf("held: %d bytes", got)
	}
	a.says(suspend("b", "hold"), `ERROR 53400 "the session's portals hold more`, "ReadyForQuery E")
	if got := overall.Held() - before; got != 0 {
		t.Errorf("%d bytes are held by portals of a block that was aborted", got)
	}
	a.send(&pgproto3.Query{String: "ROLLBACK"}, &pgproto3.Query{String: "BEGIN"})
	a.until("ReadyForQuery")
	a.until("ReadyForQuery")
	for user, left := range map[string]int{"": maxHeldPerUser - 1000, "another": maxHeldPerUser} { // the user's own share, and what is there for all
		others := 0
		if user != "" {
			others = maxHeldOverall - maxHeldPerUser - before - 1000
			if !overall.Take("a third", min(others, maxHeldPerUser)) || !overall.Take("a fourth", max(0, others-maxHeldPerUser)) {
				t.Fatal("there is not as much")
			}
		}
		if !overall.Take(user, left) {
			t.Fatal("there is not as much")
		}
		a.says(suspend("a", "hold"), `ERROR 53400 "the portals of your sessions, or of all`)
		overall.Give(user, left)
		overall.Give("a third", min(others, maxHeldPerUser))
		overall.Give("a fourth", max(0, others-maxHeldPerUser))
		a.send(&pgproto3.Query{String: "ROLLBACK"}, &pgproto3.Query{String: "BEGIN"})
		a.until("ReadyForQuery")
		a.until("ReadyForQuery")
	}

	a.send(&pgproto3.Query{String: "ROLLBACK"}, &pgproto3.Query{String: "BEGIN"})
	a.until("ReadyForQuery")
	a.until("ReadyForQuery")
	a.says(suspend("a", "hold"), "PortalSuspended")
	a.send(&pgproto3.Close{ObjectType: 'P', Name: "a"}, &pgproto3.Sync{})
	a.until("ReadyForQuery")
	if overall.Held() != before {
		t.Error("a portal that was closed holds something")
	}
	a.says(suspend("a", "hold"), "PortalSuspended")
	a.send(&pgproto3.Query{String: "hold"})
	a.says(a.until("ReadyForQuery"), "SELECT 3")
	most := maxHeldPerUser - (overall.Held() - before)
	if !overall.Take("", most) {
		t.Fatal("there is not as much")
	}
	a.send(&pgproto3.Query{String: "hold"})
	a.says(a.until("ReadyForQuery"), `ERROR 53400 "results that your sessions, or all, are reading`)
	overall.Give("", most)
	a.send(&pgproto3.Query{String: "ROLLBACK"}, &pgproto3.Query{String: "BEGIN"})
	a.until("ReadyForQuery")
	a.until("ReadyForQuery")
	a.says(suspend("a", "hold"), "PortalSuspended")
	a.conn.Close()
	<-a.ended
	if overall.Held() != before {
		t.Error("a session that ended holds something")
	}
}

// TestCountsAreBounded: statements, their texts, portals and parameters.
func TestCountsAreBounded(t *testing.T) {
	a := newAsks(t, &scripted{})
	var many []pgproto3.FrontendMessage
	for i := range maxStatements + 1 {
		many = append(many, &pgproto3.Parse{Name: fmt.Sprint("s", i), Query: "SELECT 1 AS n"})
	}
	a.send(append(many, &pgproto3.Sync{})...)
	text := a.until("ReadyForQuery")
	a.says(text, "ERROR 53400")
	if n := strings.Count(text, "ParseComplete"); n != maxStatements {
		t.Errorf("%d statements", n)
	}
	a.send(&pgproto3.Query{String: "DEALLOCATE ALL"})
	a.until("ReadyForQuery")

	many = nil
	for i := range 5 {
		many = append(many, &pgproto3.Parse{Name: fmt.Sprint("s", i), Query: "SELECT 1 AS n" + strings.Repeat(" ", 1<<20)})
	}
	a.send(append(many, &pgproto3.Sync{})...)
	text = a.until("ReadyForQuery")
	a.says(text, "ERROR 53400")
	if n := strings.Count(text, "ParseComplete"); n != 3 {
		t.Errorf("%d statements of a megabyte and more", n)
	}
	a.send(&pgproto3.Query{String: "BEGIN; DEALLOCATE ALL"})
	a.until("ReadyForQuery")

	many = []pgproto3.FrontendMessage{&pgproto3.Parse{Query: "SELECT 1 AS n"}}
	for i := range maxPortals + 1 {
		many = append(many, &pgproto3.Bind{DestinationPortal: fmt.Sprint("p", i)})
	}
	a.send(append(many, &pgproto3.Sync{})...)
	text = a.until("ReadyForQuery")
	a.says(text, "ERROR 53400")
	if n := strings.Count(text, "BindComplete"); n != maxPortals {
		t.Errorf("%d portals", n)
	}
	a.send(&pgproto3.Query{String: "ROLLBACK"}, &pgproto3.Parse{Query: "SELECT $1 AS a", ParameterOIDs: make([]uint32, maxParameters+1)}, &pgproto3.Sync{})
	a.until("ReadyForQuery")
	a.says(a.until("ReadyForQuery"), "ERROR 54000")
}

// TestUnsentIsBounded: answers are written as they grow, though nobody asks for them by Sync.
func TestUnsentIsBounded(t *testing.T) {
	a := newAsks(t, &scripted{})
	var b []byte
	for range 20_000 {
		b, _ = (&pgproto3.Close{ObjectType: 'S', Name: "nil"}).Encode(b)
	}
	go a.conn.Write(b)
	for range 18_000 {
		a.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := a.front.Receive(); err != nil {
			t.Fatal(err)
		}
	}
}

// scriptedBackend serves scripted sessions.
type scriptedBackend struct{ *tiny }

func (scriptedBackend) Open(_ context.Context, l Login) (Session, error) {
	l.Listener.Parameter("server_version", "15.18")
	l.Listener.Parameter("standard_conforming_strings", "on")
	l.Listener.Parameter("client_encoding", "UTF8")
	return &scripted{listener: l.Listener, state: Idle}, nil
}

// scriptedDoor gives how to connect to a door of scripted sessions.
func scriptedDoor(t *testing.T) string {
	t.Helper()
	certificate := selfSigned(t, "localhost", -time.Hour, time.Hour)
	s, err := New(scriptedBackend{&tiny{}}, Options{Certificate: certificate, Guard: guardOf(t, &tiny{})})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { s.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); served.Wait() })
	return fmt.Sprintf("host=127.0.0.1 port=%d user=ada password='%s' dbname=parley sslmode=require", l.Addr().(*net.TCPAddr).Port, rightPassword)
}

// TestPgx: prepared statements in binary form, batches, pipelines, COPY and cancelling, as pgx does them.
func TestPgx(t *testing.T) {
	ctx := t.Context()
	c, err := pgx.Connect(ctx, scriptedDoor(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for range 3 {
		var a int64
		var b string
		if err := c.QueryRow(ctx, "SELECT $1::int8 AS a, $2::text AS b", int64(-5), "é").Scan(&a, &b); err != nil || a != -5 || b != "é" {
			t.Errorf("%d %q: %v", a, b, err)
		}
	}
	rows, err := c.Query(ctx, "SELECT g FROM generate_series(1, 5) g")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pgx.CollectRows(rows, pgx.RowTo[int32]); err != nil || fmt.Sprint(got) != "[1 2 3 4 5]" {
		t.Errorf("%v: %v", got, err)
	}
	batch := &pgx.Batch{}
	batch.Queue("SELECT 1 AS n")
	batch.Queue("SELECT 1 / 0")
	batch.Queue("SELECT 1 AS n")
	results := c.SendBatch(ctx, batch)
	var n int
	if err := results.QueryRow().Scan(&n); err != nil || n != 1 {
		t.Errorf("%d: %v", n, err)
	}
	var refused *pgconn.PgError
	if _, err := results.Exec(); !errors.As(err, &refused) || refused.Code != "22012" {
		t.Errorf("%v", err)
	}
	if err := results.Close(); err == nil {
		t.Error("the batch went on after an error")
	}
	var copied bytes.Buffer
	tag, err := c.PgConn().CopyTo(ctx, &copied, "COPY (SELECT 1 AS n) TO STDOUT")
	if err != nil || copied.String() != "1\n" || tag.String() != "COPY 1" {
		t.Errorf("%q %s: %v", copied.String(), tag, err)
	}
	tx, err := c.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, "SELECT 1 / 0")
		if !errors.As(err, &refused) {
			t.Error(err)
		}
		if _, err = tx.Exec(ctx, "SELECT 1 AS n"); !errors.As(err, &refused) || refused.Code != "25P02" {
			t.Error(err)
		}
		err = tx.Rollback(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
	asked := make(chan error, 1)
	go func() { time.Sleep(100 * time.Millisecond); asked <- c.PgConn().CancelRequest(ctx) }()
	if _, err := c.Exec(ctx, "wait"); !errors.As(err, &refused) || refused.Code != "57014" {
		t.Errorf("cancelled: %v", err)
	}
	if err := <-asked; err != nil {
		t.Error(err)
	}
	if err := c.QueryRow(ctx, "SELECT 1 AS n").Scan(&n); err != nil {
		t.Errorf("after a cancel: %v", err)
	}
}

// TestForeignText: a result's value that is none of its type is an error of the inside, never another value.
func TestForeignText(t *testing.T) {
	var r results
	for oid, text := range map[uint32]string{16: "true", 17: "00", 18: "xy", 20: "9223372036854775808", 21: "40000", 23: "", 26: "-1", 700: "x", 701: "1,5", 1082: "2026-02-30",
		1083: "25", 1114: "yesterday", 1184: "2026-12-01", 1700: "12a", 2950: "a0eebc99", 1007: "{1", 1016: "{x}", 1000: "{t,maybe}"} {
		b, err := r.binary(oid, Value(text))
		var told *Error
		if err == nil || errors.As(err, &told) {
			t.Errorf("%q of %s is %x: %v", text, typeName(oid), b, err)
		}
	}
	for _, oid := range []uint32{2205, 2206, 24, 22, 30, 1186, 12345} {
		var told *Error
		if _, err := r.binary(oid, Value("1")); !errors.As(err, &told) || told.Code != "0A000" {
			t.Errorf("%s: %v", typeName(oid), err)
		}
	}
}
