package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"parley/node/pgwire"
)

// TestRepeatedParameter: a value is written into each place of its parameter, up to what a text may have.
func TestRepeatedParameter(t *testing.T) {
	s := opened(t, &counter{shown: registered()}, &heard{}, map[string]string{"parley.purpose": "tests"})
	const places = 2000
	for _, c := range []struct {
		sql   string
		value string
	}{
		{"region IN ($1" + strings.Repeat(", $1", places-1) + ")", strings.Repeat("x", 2*MaxTextBytes/places)},
		{"cost IN ($1" + strings.Repeat(", $1", places-1) + ")", "1e1000"},
		{"region = $1", strings.Repeat("x", MaxTextBytes)},
		{"region = ANY ($1) OR region = ANY ($1)", "{" + strings.Repeat("x", MaxTextBytes*2/3) + "}"},
	} {
		st, err := s.Prepare(context.Background(), pgwire.Text{SQL: "SELECT count(*) FROM visits WHERE " + c.sql}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = st.Run(context.Background(), []pgwire.Value{pgwire.Value(c.value)})
		var e *pgwire.Error
		if !errors.As(err, &e) || e.Code != "54000" || e.Position == 0 || !strings.Contains(e.Message, "values") {
			t.Errorf("%.40s…: %v", c.sql, err)
		}
		if _, err := st.Run(context.Background(), []pgwire.Value{nil}); err != nil && strings.Contains(err.Error(), "bytes") {
			t.Errorf("%.40s…: %v", c.sql, err)
		}
	}
}

// TestCursorsOverall: what cursors hold is bounded over all sessions, and given back however a cursor ends.
func TestCursorsOverall(t *testing.T) {
	before := cursorBytes.Held()
	open := func() *session {
		return opened(t, &counter{shown: registered()}, &heard{}, map[string]string{"parley.purpose": "tests"})
	}
	declare := func(s *session, name string) error {
		return s.keepCursor(name, &cursor{bytes: MaxCursorBytes / 2, hold: true})
	}
	var all []*session
	for i := range MaxCursorBytesOverall / MaxCursorBytes {
		s := open()
		if user := i * MaxCursorBytes / MaxCursorBytesPerUser; user > 0 { // the next one's
			if len(all)*MaxCursorBytes == user*MaxCursorBytesPerUser {
				late := open()
				late.login.User = all[len(all)-1].login.User
				var e *pgwire.Error
				if err := declare(late, "a"); !errors.As(err, &e) || e.Code != "53400" {
					t.Fatalf("one user's sessions hold too much: %v", err)
				}
			}
			s.login.User = fmt.Sprint("user ", user)
		}
		all = append(all, s)
		for _, name := range []string{"a", "b"} {
			if err := declare(s, name); err != nil {
				t.Fatal(err)
			}
		}
		var e *pgwire.Error
		if err := declare(s, "c"); !errors.As(err, &e) || e.Code != "54000" {
			t.Fatalf("a session holds too much: %v", err)
		}
	}
	var e *pgwire.Error
	if err := declare(open(), "a"); !errors.As(err, &e) || e.Code != "53400" {
		t.Fatalf("all sessions hold too much: %v", err)
	}
	h := &heard{}
	h.play(all[0], "CLOSE a")
	h.play(all[0], "CLOSE ALL")
	h.play(all[1], "DISCARD ALL")
	all[2].cursors["a"].hold = false
	h.play(all[2], "COMMIT") // of a unit, which ends
	for _, s := range all {
		s.Close()
	}
	if got := cursorBytes.Held() - before; got != 0 {
		t.Fatalf("%d bytes are still counted:\n%s", got, h)
	}
}

// TestCopyNull: the text for NULL, which a row may have hundreds of times, is short.
func TestCopyNull(t *testing.T) {
	s := opened(t, &counter{shown: registered()}, &heard{}, nil)
	for n, want := range map[int]string{MaxNullBytes: "", MaxNullBytes + 1: "54000", 1_000_000: "54000"} {
		_, err := s.Prepare(context.Background(), pgwire.Text{SQL: "COPY (SELECT 1 FROM pg_class) TO STDOUT WITH (NULL '" + strings.Repeat("x", n) + "')"}, nil)
		var e *pgwire.Error
		if got := errors.As(err, &e); got != (want != "") || got && e.Code != want {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
