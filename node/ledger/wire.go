package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/engine"
)

// lightProtocol serves signed headers, handovers and snapshots: what a light
// client and a node that joins need. A stream carries one question and one
// answer, each a frame: length u32 big-endian, then engine.Marshal's encoding.
const lightProtocol protocol.ID = "/parley/light/1"

// Questions.
const (
	askLatest    = 1 // → Latest, Snapshots
	askHead      = 2 // of block From → Heads, one
	askHandovers = 3 // in blocks From..To → Handovers, the first of them
	askSnapshot  = 4 // of block From, from byte To → Chunk
)

const (
	maxQuestion = 64
	maxAnswer   = 4 << 20
)

type question struct {
	_        struct{} `cbor:",toarray"`
	Kind     uint8
	From, To uint64
}

// offer is a snapshot that a peer has.
type offer struct {
	_     struct{} `cbor:",toarray"`
	Block uint64
	Bytes uint64
}

type answer struct {
	_         struct{} `cbor:",toarray"`
	Latest    uint64
	Snapshots []offer
	Heads     [][]byte
	Handovers [][]byte
	Chunk     []byte
}

func writeFrame(w io.Writer, v any) error {
	b := engine.Marshal(v)
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func readFrame(r io.Reader, limit uint32, v any) error {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(header[:])
	if n > limit {
		return fmt.Errorf("a frame of %d bytes where at most %d are allowed", n, limit)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	return engine.Unmarshal(b, v)
}

// ask puts a question to a peer.
func ask(ctx context.Context, h host.Host, p peer.ID, q question) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, lightTimeout)
	defer cancel()
	s, err := h.NewStream(ctx, p, lightProtocol)
	if err != nil {
		return answer{}, fmt.Errorf("asking %s: %w", p, err)
	}
	defer s.Reset()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	var a answer
	if err = writeFrame(s, q); err == nil {
		err = readFrame(s, maxAnswer, &a)
	}
	if err != nil {
		return answer{}, fmt.Errorf("asking %s: %w", p, err)
	}
	return a, nil
}

// serveLight answers one question of a peer that may ask.
func (l *Ledger) serveLight(s network.Stream) {
	p := s.Conn().RemotePeer()
	if !l.tunnel.reader(p, l.config.Readers) || !l.light.enter(p) {
		s.Reset()
		return
	}
	defer l.light.leave(p)
	s.SetDeadline(time.Now().Add(lightTimeout))
	var q question
	if err := readFrame(s, maxQuestion, &q); err != nil {
		s.Reset()
		return
	}
	a, err := l.answer(q)
	if err == nil {
		err = writeFrame(s, a)
	}
	if err != nil {
		l.log.Debug("a question about the ledger is not answered", "peer", p.String(), "error", err.Error())
		s.Reset()
		return
	}
	s.Close()
}

func (l *Ledger) answer(q question) (answer, error) {
	switch q.Kind {
	case askLatest:
		a := answer{Latest: uint64(l.node.BlockStore().Height())}
		for _, h := range l.app.snapshots.Heights() {
			if size, err := l.app.snapshots.Size(h); err == nil {
				a.Snapshots = append(a.Snapshots, offer{Block: h, Bytes: size})
			}
		}
		return a, nil
	case askHead:
		h, err := l.headAt(q.From)
		if err != nil {
			return answer{}, err
		}
		return answer{Heads: [][]byte{engine.Marshal(h)}}, nil
	case askHandovers:
		list, err := l.index.Handovers(q.From, min(q.To, maxHeight), maxHandovers)
		return answer{Handovers: list}, err
	case askSnapshot:
		b, err := l.app.snapshots.Chunk(q.From, q.To)
		return answer{Chunk: b}, err
	}
	return answer{}, fmt.Errorf("question %d is not known", q.Kind)
}

// headAt is the signed header of a block that is still stored.
func (l *Ledger) headAt(height uint64) (head, error) {
	if height == 0 || height > maxHeight {
		return head{}, fmt.Errorf("no block %d", height)
	}
	blocks := l.node.BlockStore()
	meta := blocks.LoadBlockMeta(int64(height))
	if meta == nil {
		return head{}, fmt.Errorf("block %d is not here", height)
	}
	commit := blocks.LoadSeenCommit(int64(height))
	if commit == nil {
		commit = blocks.LoadBlockCommit(int64(height))
	}
	return headOf(&meta.Header, commit)
}
