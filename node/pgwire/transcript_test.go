package pgwire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// talkTo begins a session, as it is after a login, and gives the client's end.
func talkTo(t testing.TB, s *scripted) (client net.Conn, logged *lockedBuffer, ended chan error) {
	t.Helper()
	inside, client := net.Pipe()
	logged, ended = &lockedBuffer{}, make(chan error, 1)
	c := newConn(inside, 7, slog.New(slog.NewTextHandler(logged, nil)))
	s.listener, s.state = sender{c}, Idle
	go func() {
		ended <- serve(t.Context(), c, s)
		inside.Close()
	}()
	t.Cleanup(func() { client.Close() })
	return client, logged, ended
}

// TestTranscripts plays conversations of testdata: lines of what a client sends, and after them what it is answered.
//
//	Q "sql"                        Query           S      Sync
//	P "name" "sql" OID...          Parse           H      Flush
//	B "portal" "name" V... r:F...  Bind            F      FunctionCall
//	D S|P "name"                   Describe        d      CopyData
//	C S|P "name"                   Close           q      Query that is not answered
//	E "portal" ROWS                Execute
//
// A value V is t:"text", b:HEX in binary form, or NULL; r:F is the form of a column of the result. In own/ is what
// is only so here; all else a PostgreSQL answers alike (TestPostgresProtocol).
func TestTranscripts(t *testing.T) {
	for _, path := range append(transcripts(t, "testdata/*.txt"), transcripts(t, "testdata/own/*.txt")...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			client, _, _ := talkTo(t, &scripted{})
			answers := reading(client)
			if got := play(t, <-answers, ""); got != "< ReadyForQuery I\n" {
				t.Fatalf("it begins with %s", got)
			}
			compare(t, path, client, answers, *update)
		})
	}
}

func transcripts(t *testing.T, pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	return paths
}

// play is a step of a transcript: what is answered, up to ReadyForQuery.
func play(t *testing.T, answer, sent string) string {
	if strings.HasPrefix(answer, "!") {
		t.Fatalf("after %s: %s", sent, answer)
	}
	return answer
}

// reading gives the answers of a server, each up to ReadyForQuery.
func reading(c net.Conn) chan string {
	answers := make(chan string, 1000)
	go func() {
		front := pgproto3.NewFrontend(c, io.Discard)
		text := ""
		for {
			m, err := front.Receive()
			if err != nil {
				answers <- fmt.Sprintf("!%s%v\n", text, err)
				close(answers)
				return
			}
			text += told(m)
			if _, ready := m.(*pgproto3.ReadyForQuery); ready {
				answers <- text
				text = ""
			}
		}
	}()
	return answers
}

// compare plays a transcript and compares it, or writes it anew.
func compare(t *testing.T, path string, client net.Conn, answers chan string, write bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	var batch []byte
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "<") {
			continue
		}
		got.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if batch, err = message(line).Encode(batch); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if !strings.ContainsRune("QSF", rune(line[0])) {
			continue
		}
		if _, err := client.Write(batch); err != nil {
			t.Fatal(err)
		}
		batch = nil
		select {
		case answer := <-answers:
			got.WriteString(play(t, answer, line))
		case <-time.After(20 * time.Second):
			t.Fatalf("no answer to %s", line)
		}
	}
	if write {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got.String() != string(text) {
		t.Errorf("differs:\n%s", firstDifference(string(text), got.String()))
	}
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n%s\nwant %s\ngot  %s", i+1, strings.Join(a[max(0, i-6):i], "\n"), a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(b), len(a))
}

// message reads a line of a transcript.
func message(line string) pgproto3.FrontendMessage {
	f := fields(line)
	switch f[0] {
	case "Q", "q":
		return &pgproto3.Query{String: f[1]}
	case "S":
		return &pgproto3.Sync{}
	case "H":
		return &pgproto3.Flush{}
	case "F":
		return &pgproto3.FunctionCall{Function: 1}
	case "d":
		return &pgproto3.CopyData{Data: []byte("x")}
	case "D":
		return &pgproto3.Describe{ObjectType: f[1][0], Name: f[2]}
	case "C":
		return &pgproto3.Close{ObjectType: f[1][0], Name: f[2]}
	case "E":
		n, _ := strconv.ParseInt(f[2], 10, 64)
		return &pgproto3.Execute{Portal: f[1], MaxRows: uint32(n)}
	case "P":
		m := &pgproto3.Parse{Name: f[1], Query: f[2]}
		for _, oid := range f[3:] {
			n, _ := strconv.ParseUint(oid, 10, 32)
			m.ParameterOIDs = append(m.ParameterOIDs, uint32(n))
		}
		return m
	case "B":
		return bound(f)
	}
	panic("what is " + line)
}

func bound(f []string) *pgproto3.Bind {
	m := &pgproto3.Bind{DestinationPortal: f[1], PreparedStatement: f[2]}
	for _, v := range f[3:] {
		kind, rest, _ := strings.Cut(v, ":")
		switch kind {
		case "r":
			n, _ := strconv.Atoi(rest)
			m.ResultFormatCodes = append(m.ResultFormatCodes, int16(n))
			continue
		case "f":
			n, _ := strconv.Atoi(rest)
			m.ParameterFormatCodes = append(m.ParameterFormatCodes, int16(n))
			continue
		case "t":
			text, err := strconv.Unquote(rest)
			if err != nil {
				panic(v)
			}
			m.Parameters = append(m.Parameters, []byte(text))
			m.ParameterFormatCodes = append(m.ParameterFormatCodes, textFormat)
		case "b":
			b, err := hex.DecodeString(rest)
			if err != nil {
				panic(v)
			}
			m.Parameters = append(m.Parameters, b)
			m.ParameterFormatCodes = append(m.ParameterFormatCodes, binaryFormat)
		case "NULL":
			m.Parameters = append(m.Parameters, nil)
			m.ParameterFormatCodes = append(m.ParameterFormatCodes, textFormat)
		default:
			panic(v)
		}
	}
	return m
}

// fields splits a line at spaces outside of Go strings, which are unquoted where they are all of a field.
func fields(line string) (f []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		prefix := ""
		if strings.HasPrefix(line, `t:"`) {
			prefix, line = "t:", line[2:]
		}
		quoted, err := strconv.QuotedPrefix(line)
		switch {
		case err == nil && prefix != "":
			f = append(f, prefix+quoted)
			line = line[len(quoted):]
		case err == nil:
			text, _ := strconv.Unquote(quoted)
			f = append(f, text)
			line = line[len(quoted):]
		default:
			word, rest, _ := strings.Cut(line, " ")
			f = append(f, word)
			line = rest
		}
	}
	return f
}

// told is a line for a server's message.
func told(m pgproto3.BackendMessage) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
	var b bytes.Buffer
	switch m := m.(type) {
	case *pgproto3.ReadyForQuery:
		fmt.Fprintf(&b, " %c", m.TxStatus)
	case *pgproto3.CommandComplete:
		fmt.Fprintf(&b, " %q", m.CommandTag)
	case *pgproto3.ErrorResponse:
		fmt.Fprintf(&b, " %s %s %q", m.SeverityUnlocalized, m.Code, m.Message)
		if m.Position > 0 {
			fmt.Fprintf(&b, " at %d", m.Position)
		}
	case *pgproto3.NoticeResponse:
		fmt.Fprintf(&b, " %s %s %q", m.SeverityUnlocalized, m.Code, m.Message)
	case *pgproto3.ParameterDescription:
		fmt.Fprintf(&b, " %d", m.ParameterOIDs)
	case *pgproto3.ParameterStatus:
		fmt.Fprintf(&b, " %s=%s", m.Name, m.Value)
	case *pgproto3.CopyData:
		fmt.Fprintf(&b, " %q", m.Data)
	case *pgproto3.CopyOutResponse:
		fmt.Fprintf(&b, " %d %d", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.RowDescription:
		for _, f := range m.Fields {
			fmt.Fprintf(&b, " %q:%d:%d:%d:%d", f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.Format)
			if f.TableOID != 0 || f.TableAttributeNumber != 0 {
				b.WriteString(" of a table")
			}
		}
	case *pgproto3.DataRow:
		for _, v := range m.Values {
			switch {
			case v == nil:
				b.WriteString(" NULL")
			case utf8.Valid(v) && bytes.IndexByte(v, 0) < 0:
				fmt.Fprintf(&b, " %q", v)
			default:
				fmt.Fprintf(&b, " x%x", v)
			}
		}
	}
	return "< " + name + b.String() + "\n"
}
