package pgwire

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
)

// tape is a connection whose client has said all it will.
type tape struct {
	io.Reader
	out bytes.Buffer
}

func (t *tape) Write(b []byte) (int, error)      { return t.out.Write(b) }
func (*tape) Close() error                       { return nil }
func (*tape) LocalAddr() net.Addr                { return nil }
func (*tape) RemoteAddr() net.Addr               { return nil }
func (*tape) SetDeadline(time.Time) error        { return nil }
func (*tape) SetReadDeadline(time.Time) error    { return nil }
func (*tape) SetWriteDeadline(t time.Time) error { return nil }

// FuzzServe: whatever a client sends, the session ends in order, all that is answered can be read, nothing stays held.
func FuzzServe(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for part := range bytes.SplitSeq(text, []byte("\n\n")) {
			var stream []byte
			for line := range bytes.Lines(part) {
				if len(line) < 2 || line[0] == '<' || line[0] == '#' {
					continue
				}
				if stream, err = message(string(line)).Encode(stream); err != nil {
					f.Fatal(err)
				}
			}
			f.Add(stream)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		before := overall.Held()
		session := &scripted{state: Idle}
		end := &tape{Reader: bytes.NewReader(stream)}
		c := newConn(end, 7, slog.New(slog.DiscardHandler))
		session.listener = sender{c}
		serve(context.Background(), c, session)
		if overall.Held() != before {
			t.Fatal("something stays held")
		}
		front, ready := pgproto3.NewFrontend(&end.out, io.Discard), 0
		for {
			m, err := front.Receive()
			if err == io.ErrUnexpectedEOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := m.(*pgproto3.ReadyForQuery); ok {
				ready++
			}
		}
		if ready == 0 {
			t.Fatal("it was never ready")
		}
	})
}

// FuzzParameters: an argument in binary form has a text form, within bounds, or is refused; and as a result, it has a binary form again.
func FuzzParameters(f *testing.F) {
	text, err := os.ReadFile("testdata/parameters.txt")
	if err != nil {
		f.Fatal(err)
	}
	var oid uint32
	for line := range bytes.Lines(text) {
		switch words := fields(string(line)); {
		case len(words) == 3 && words[0] == "P":
			oid = echoed(words[2])
		case len(words) == 4 && words[0] == "B":
			f.Add(oid, bound(words).Parameters[0])
		}
	}
	var out results
	f.Fuzz(func(t *testing.T, oid uint32, v []byte) {
		arguments, _, err := decodeParameters([]uint32{oid}, []int16{binaryFormat}, [][]byte{v})
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("an error of the inside: %v", err)
			}
			return
		}
		a := arguments[0]
		if a == nil || len(a) > maxArgumentBytes || !utf8.Valid(a) {
			t.Fatalf("%d bytes", len(a))
		}
		b, err := out.binary(oid, a)
		if err != nil {
			t.Fatalf("%q of %s: %v", a, typeName(oid), err)
		}
		again, err := decodeParameter(oid, binaryFormat, b)
		if err != nil || !bytes.Equal(again, a) {
			t.Fatalf("%q becomes %q: %v", a, again, err)
		}
	})
}
