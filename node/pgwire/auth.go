package pgwire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"parley/node/login"
	"parley/node/scram"
)

// errTired is said while too many logins have failed, whatever the password.
var errTired = &Error{Code: "28000", Message: "too many logins have failed", Hint: "Try again in a minute."}

// wrong is said of a login that fails, whatever the reason, in PostgreSQL's words, which clients look for.
func wrong(user string) *Error {
	return &Error{Code: "28P01", Message: fmt.Sprintf("password authentication failed for user %q", user)}
}

// authenticate finds out whether a client is the user that it says: by its certificate, else by a password. errDone: it
// left when it was asked, as clients do that have no password and go to ask for it.
func (s *Server) authenticate(c *tls.Conn, first *startup, remote netip.Addr) (by string, err error) {
	if first.negotiate {
		if err := send(c, &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: first.version, UnrecognizedOptions: first.unknown}); err != nil {
			return "", err
		}
	}
	if state := c.ConnectionState(); s.guard.Certificate(first.user, &state, time.Now()) {
		return "certificate", nil
	}
	if s.guard.Tired(first.user, remote) {
		return "", errTired
	}
	if err := send(c, &pgproto3.AuthenticationSASL{AuthMechanisms: scram.Mechanisms(s.channel)}); err != nil {
		return "", err
	}
	message, err := readLogin(c)
	if errors.Is(err, io.EOF) {
		return "", errDone
	}
	if err != nil {
		return "", err
	}
	mechanism, data, err := initialResponse(message)
	if err != nil {
		return "", err
	}
	exchange := scram.NewServer(s.guard.Verifier(first.user), s.channel)
	challenge, err := exchange.First(mechanism, data)
	if err != nil {
		return "", s.failed(first.user, remote, err)
	}
	if err := send(c, &pgproto3.AuthenticationSASLContinue{Data: challenge}); err != nil {
		return "", err
	}
	if message, err = readLogin(c); err != nil {
		return "", err
	}
	var proof []byte
	if err := s.guard.Proof(first.user, remote, func() (err error) { proof, err = exchange.Final(message); return err }); err != nil {
		return "", s.failed(first.user, remote, err)
	}
	return "password", send(c, &pgproto3.AuthenticationSASLFinal{Data: proof})
}

// failed is what a client hears of a login that failed; the log has the reason.
func (s *Server) failed(user string, remote netip.Addr, err error) error {
	if errors.Is(err, login.ErrTired) {
		return errTired
	}
	s.count.failed.Add(1)
	s.log.Warn("a login failed", "user", user, "from", login.Place(remote), "error", err)
	if errors.Is(err, scram.ErrMalformed) {
		return &Error{Code: "08P01", Message: "a message of the password's proof cannot be read"}
	}
	if errors.Is(err, scram.ErrChannel) {
		return &Error{Code: "28000", Message: "the channel binding is not that of this connection", Hint: "Somebody may sit between the client and this server."}
	}
	return wrong(user)
}

// readLogin reads a message of the exchange.
func readLogin(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	if head[0] == 'X' {
		return nil, io.EOF
	}
	if head[0] != 'p' {
		return nil, &Error{Code: "08P01", Message: fmt.Sprintf("a message of type %q where the proof of the password is due", head[0])}
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length < 4 || length > maxLoginBytes {
		return nil, &Error{Code: "08P01", Message: "a proof of a password is not that long"}
	}
	body := make([]byte, length-4)
	_, err := io.ReadFull(r, body)
	return body, err
}

// initialResponse reads SASLInitialResponse: a mechanism, and the length of its data, which must be all the rest.
func initialResponse(message []byte) (mechanism string, data []byte, err error) {
	name, rest, ok := bytes.Cut(message, []byte{0})
	if !ok || len(rest) < 4 || int64(binary.BigEndian.Uint32(rest)) != int64(len(rest)-4) {
		return "", nil, &Error{Code: "08P01", Message: "the first message of the password's proof cannot be read"}
	}
	return string(name), rest[4:], nil
}

// send writes messages at once.
func send(w io.Writer, messages ...pgproto3.BackendMessage) (err error) {
	var buffer []byte
	for _, m := range messages {
		if buffer, err = m.Encode(buffer); err != nil {
			return err
		}
	}
	_, err = w.Write(buffer)
	return err
}

// open begins the session of a user who has logged in.
func (s *Server) open(ctx context.Context, c *conn, first *startup, remote netip.AddrPort, key []byte) (Session, error) {
	c.backend.Send(&pgproto3.AuthenticationOk{})
	session, err := s.backend.Open(ctx, Login{
		User: first.user, Database: first.database, Settings: first.settings,
		Remote: remote, Process: c.process, Listener: sender{c},
	})
	if err != nil {
		return nil, err
	}
	c.backend.Send(&pgproto3.BackendKeyData{ProcessID: c.process, SecretKey: key})
	return session, nil
}
