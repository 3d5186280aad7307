package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
)

// What streams carry is frames: a length u32 big-endian, then as many bytes.
// A receiver says before each frame how long it may be; a longer one ends the
// stream, and is the sender's fault.
const (
	// frameHeader is the length's length.
	frameHeader = 4
	// MessageLimit bounds a frame that is not a blob.
	MessageLimit = 4 << 20
	// writeTimeout is how long a peer may take to make room for one write.
	writeTimeout = 20 * time.Second
	// AnswerTimeout is how long a peer may take to answer.
	AnswerTimeout = 20 * time.Second
)

// ErrEnded is a stream that the other side ended in order.
var ErrEnded = errors.New("the stream ended")

// Fault is a peer that broke the rules of a wire protocol, as opposed to
// one that is down.
type Fault struct {
	Peer   peer.ID
	Reason string
}

func (e *Fault) Error() string { return e.Peer.String() + " " + e.Reason }

// Stream is a framed libp2p stream with a deadline on each operation. One
// goroutine may send while another receives.
type Stream struct {
	raw     network.Stream
	Peer    peer.ID // the other end
	Role    Role    // its role when the stream began
	observe Observer
	stop    func() bool
	once    sync.Once
}

// wrap ties a stream to a context: its end aborts what is waiting.
func (t *Host) wrap(ctx context.Context, raw network.Stream) *Stream {
	s := &Stream{raw: raw, Peer: raw.Conn().RemotePeer(), observe: t.observe}
	s.Role = t.Roles.Of(s.Peer)
	s.stop = context.AfterFunc(ctx, func() { raw.Reset() })
	return s
}

// Close ends the stream in order: what was sent arrives.
func (s *Stream) Close() {
	s.once.Do(func() {
		s.stop()
		s.raw.SetDeadline(time.Now().Add(writeTimeout))
		if s.raw.Close() != nil {
			s.raw.Reset()
		}
	})
}

// Abort ends the stream at once, in both directions.
func (s *Stream) Abort() {
	s.once.Do(func() {
		s.stop()
		s.raw.Reset()
	})
}

// Send sends one frame.
func (s *Stream) Send(payload []byte) error {
	var header [frameHeader]byte
	binary.BigEndian.PutUint32(header[:], uint32(len(payload)))
	s.raw.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.raw.Write(header[:]); err != nil {
		return fmt.Errorf("sending to %s: %w", s.Peer, err)
	}
	if _, err := s.raw.Write(payload); err != nil {
		return fmt.Errorf("sending to %s: %w", s.Peer, err)
	}
	s.seen(true, payload)
	return nil
}

// Receive waits up to timeout for one frame of at most limit bytes.
// ErrEnded: the peer closed instead.
func (s *Stream) Receive(limit int, timeout time.Duration) ([]byte, error) {
	s.raw.SetReadDeadline(time.Now().Add(timeout))
	var header [frameHeader]byte
	if _, err := io.ReadFull(s.raw, header[:]); err != nil {
		if err == io.EOF {
			return nil, ErrEnded
		}
		return nil, fmt.Errorf("receiving from %s: %w", s.Peer, err)
	}
	length := binary.BigEndian.Uint32(header[:])
	if uint64(length) > uint64(limit) {
		return nil, &Fault{Peer: s.Peer, Reason: fmt.Sprintf("sent a message of %d bytes where at most %d are allowed", length, limit)}
	}
	payload, err := readPayload(s.raw, int(length))
	if err != nil {
		return nil, fmt.Errorf("receiving from %s: %w", s.Peer, err)
	}
	s.seen(false, payload)
	return payload, nil
}

// firstPart is how much of a payload has room before any of it has come.
const firstPart = 64 << 10

// readPayload reads so many bytes. Room is made as they come, no more than has come already: a length that is announced and not sent takes none.
func readPayload(from io.Reader, length int) ([]byte, error) {
	payload := make([]byte, 0, min(length, firstPart))
	for len(payload) < length {
		part := min(length-len(payload), max(len(payload), firstPart))
		payload = slices.Grow(payload, part)
		n, err := io.ReadFull(from, payload[len(payload):len(payload)+part])
		payload = payload[:len(payload)+n]
		if err == io.EOF && len(payload) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
	return payload, nil
}

// SendValue sends a value in the canonical encoding.
func (s *Stream) SendValue(v any) error { return s.Send(engine.Marshal(v)) }

// ReceiveValue receives one in the canonical encoding; any other bytes are
// the peer's fault.
func (s *Stream) ReceiveValue(v any, timeout time.Duration) error {
	b, err := s.Receive(MessageLimit, timeout)
	if err != nil {
		return err
	}
	if err := engine.Unmarshal(b, v); err != nil {
		return &Fault{Peer: s.Peer, Reason: "sent a malformed message: " + err.Error()}
	}
	return nil
}

func (s *Stream) seen(outgoing bool, payload []byte) {
	if s.observe != nil {
		s.observe(s.Peer.String(), string(s.raw.Protocol()), outgoing, payload)
	}
}
