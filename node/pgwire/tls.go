package pgwire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// protocolName is PostgreSQL's in ALPN.
const protocolName = "postgresql"

// firstOfTLS is the first byte of a TLS handshake, and of no packet by which a plain connection begins.
const firstOfTLS = 0x16

// errDone is that a connection ends without having logged in, as it should.
var errDone = errors.New("done")

// errPlain is said to who would log in without TLS, before a password is asked for.
var errPlain = &Error{Code: "28000", Message: "this server speaks over TLS only",
	Hint: "Connect with sslmode=require, or better verify-full with sslrootcert."}

// tlsConfig is that of all connections. Sessions are not resumed: a certificate is checked at each login.
func tlsConfig(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{certificate},
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{protocolName},
		ClientAuth:             tls.RequestClientCert, // any: who logs in by which is the Backend's to say
		SessionTicketsDisabled: true,
	}
}

// secure brings a connection to where it is TLS and has sent its startup message. It answers what may be asked in the
// clear, and refuses the rest. errDone: nothing is left to be done or said.
func (s *Server) secure(raw net.Conn) (*tls.Conn, *startup, error) {
	secured, err := s.upgrade(raw)
	if err != nil {
		return secured, nil, err
	}
	code, body, err := readFirst(secured)
	if err != nil {
		return secured, nil, err
	}
	switch code {
	case cancelRequest:
		s.heed(raw.RemoteAddr(), body)
		return secured, nil, errDone
	case sslRequest, gssRequest:
		return secured, nil, &Error{Code: "08P01", Message: "the connection is TLS already"}
	}
	first, err := parseStartup(code, body)
	return secured, first, err
}

// upgrade reads the first packets in the clear, up to the handshake of TLS and through it.
func (s *Server) upgrade(raw net.Conn) (*tls.Conn, error) {
	for asked := (map[uint32]bool{}); ; {
		var first [1]byte
		if _, err := io.ReadFull(raw, first[:]); err != nil {
			return nil, err
		}
		if first[0] == firstOfTLS && len(asked) == 0 {
			return s.handshake(&begun{Conn: raw, first: first[:]}, true)
		}
		code, body, err := readFirst(raw, first[0])
		if err != nil {
			return nil, err
		}
		switch {
		case code == cancelRequest:
			s.heed(raw.RemoteAddr(), body)
			return nil, errDone
		case code != sslRequest && code != gssRequest:
			return nil, errPlain
		case asked[code] || len(body) > 0:
			return nil, &Error{Code: "08P01", Message: "invalid request for encryption"}
		case code == sslRequest:
			if _, err := raw.Write([]byte{'S'}); err != nil {
				return nil, err
			}
			return s.handshake(raw, false)
		}
		asked[code] = true
		if _, err := raw.Write([]byte{'N'}); err != nil {
			return nil, err
		}
	}
}

// handshake is that of TLS. A direct one must name the protocol: whoever was led here by way of another protocol does not.
func (s *Server) handshake(raw net.Conn, direct bool) (*tls.Conn, error) {
	secured := tls.Server(raw, s.tls)
	if err := secured.Handshake(); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if direct && secured.ConnectionState().NegotiatedProtocol != protocolName {
		return secured, &Error{Code: "08P01", Message: "direct TLS without the protocol postgresql (ALPN)",
			Hint: "Connect with sslnegotiation=postgres."}
	}
	return secured, nil
}

// begun is a connection whose first byte was read already.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 && len(p) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

// timed is a connection whose writes may take so long each, and no longer: who does not read is dropped.
type timed struct {
	net.Conn
	limit time.Duration
	last  time.Time // when all writes must have ended; TLS sets it for its farewell
}

func (t *timed) Write(p []byte) (int, error) {
	until := time.Now().Add(t.limit)
	if !t.last.IsZero() && t.last.Before(until) {
		until = t.last
	}
	if err := t.Conn.SetWriteDeadline(until); err != nil {
		return 0, err
	}
	return t.Conn.Write(p)
}

func (t *timed) SetWriteDeadline(last time.Time) error {
	t.last = last
	return nil
}
