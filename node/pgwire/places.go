package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// admit counts a connection among those that have not logged in. Where there are too many of them, overall
// or from its place, the oldest gives way. Nil: the door ends.
func (s *Server) admit(raw net.Conn, place string) *stranger {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil
	}
	near := 0 // from the same place
	var oldest *stranger
	for e := s.strangers.Back(); e != nil; e = e.Prev() {
		if other := e.Value.(*stranger); other.place == place {
			near++
			oldest = other
		}
	}
	if near < s.limits.StrangersPerAddress {
		oldest = nil
		if s.strangers.Len() >= s.limits.Strangers {
			oldest = s.strangers.Front().Value.(*stranger)
		}
	}
	if oldest != nil {
		s.count.displaced.Add(1)
		s.strangers.Remove(oldest.entry)
		oldest.entry = nil
		oldest.raw.Close()
	}
	who := &stranger{raw: raw, place: place}
	who.entry = s.strangers.PushBack(who)
	return who
}

// forget takes a connection out of those that have not logged in; false where it had to give way.
func (s *Server) forget(who *stranger) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who.entry == nil {
		return false
	}
	s.strangers.Remove(who.entry)
	who.entry = nil
	return true
}

// enter makes a connection a session, with the secret by which its statements are cancelled.
func (s *Server) enter(first *startup, secured *tls.Conn, raw net.Conn) (*conn, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending:
		return nil, nil, ErrEnding
	case len(s.sessions) >= s.limits.Sessions:
		return nil, nil, &Error{Code: "53300", Message: "the door has too many sessions"}
	case s.perUser[first.user] >= s.limits.SessionsPerUser:
		return nil, nil, &Error{Code: "53300", Message: fmt.Sprintf("user %q has too many sessions", first.user),
			Detail: fmt.Sprintf("A user has at most %d sessions at once.", s.limits.SessionsPerUser)}
	}
	for s.last = s.last%(1<<31-1) + 1; s.sessions[s.last] != nil; s.last = s.last%(1<<31-1) + 1 {
	}
	c := newConn(secured, s.last, s.log.With("session", s.last, "user", first.user))
	c.user = first.user
	l := &live{conn: c, raw: raw, user: first.user, key: newKey(first.version)}
	s.sessions[s.last] = l
	s.perUser[first.user]++
	s.count.logins.Add(1)
	return c, l.key, nil
}

// leave ends the account of a session.
func (s *Server) leave(process uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.sessions[process].user
	if s.perUser[user]--; s.perUser[user] == 0 {
		delete(s.perUser, user)
	}
	delete(s.sessions, process)
}

// attend opens a session and serves it to its end.
func (s *Server) attend(ctx context.Context, c *conn, first *startup, remote netip.AddrPort, key []byte) error {
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	session, err := s.open(ctx, c, first, remote, key)
	if err != nil {
		var told *Error
		if !errors.As(err, &told) {
			c.log.Error("a session cannot be opened", "error", err)
			told = &Error{Code: "XX000", Message: "internal error"}
		}
		s.count.refused.Add(1)
		c.fatal(told)
		return err
	}
	defer session.Close()
	if err = serve(ctx, c, session); c.isEnding() {
		c.fatal(ErrEnding)
		return ErrEnding
	}
	return err
}

// end lets nobody in any more, and waits until all have left: those that run a statement for Limits.EndTime, after which cut
// ends what they run and, if they are still there when a client has had its time to read, their connections are closed.
func (s *Server) end(serving *sync.WaitGroup, cut func()) {
	s.each(func(l *live) { l.conn.end() })
	left := make(chan struct{})
	go func() {
		serving.Wait()
		close(left)
	}()
	for _, step := range []struct {
		after time.Duration
		do    func()
	}{
		{s.limits.EndTime, func() { s.each(func(l *live) { l.conn.interrupt(ErrEnding) }) }},
		{time.Second, cut},
		{s.limits.WriteTime, func() { s.each(func(l *live) { l.raw.Close() }) }},
	} {
		select {
		case <-left:
			return
		case <-time.After(step.after):
			step.do()
		}
	}
	<-left
}

// each does something to every session, once no new ones begin.
func (s *Server) each(do func(*live)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	for e := s.strangers.Front(); e != nil; e = e.Next() {
		e.Value.(*stranger).raw.Close()
	}
	for _, l := range s.sessions {
		do(l)
	}
}
