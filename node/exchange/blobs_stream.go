package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// The blob protocol (README section 4): one blob by its digest, or, from an
// analyst to the node that it is connected to, the public key of a query that
// it is about to ask.
const (
	blobProtocol protocol.ID = "/parley/blob/1"

	blobChunk      = 64 << 10        // bytes a frame
	blobWait       = 5 * time.Second // how long a request may wait for a blob to be published
	blobPause      = 100 * time.Millisecond
	blobLastPause  = 5 * time.Second
	uploadsAnalyst = 2 * protocols.MaxPendingPerAnalyst // uploads of one analyst that no question named yet
	fetchesPeer    = 8                                  // simultaneous fetches from one peer
)

type blobOp uint8

const (
	blobGet blobOp = iota + 1
	blobPut
	blobConfided // get, of what is for the asking peer and a few others alone; nobody asks it for somebody else
)

// blobRequest is the first frame of a stream.
type blobRequest struct {
	_      struct{} `cbor:",toarray"`
	Op     blobOp
	Digest engine.Digest
	Size   uint64
	// Owner is who made it: an analyst's node asks the owner when it does not
	// hold the blob. Zero in put.
	Owner protocols.Key
	// WaitMs is how long a get may wait for the blob to be published.
	WaitMs uint32
}

type blobStatus uint8

const (
	blobFound   blobStatus = iota + 1 // the bytes follow, in frames of blobChunk
	blobAbsent                        // not here, or not published yet
	blobLie                           // Served is the owner's, who signed something else
	blobRefused                       // never, as asked
)

// blobReply answers. Served is the signed header of a blob that is found.
type blobReply struct {
	_      struct{} `cbor:",toarray"`
	Status blobStatus
	Served []byte
}

// Blobs serves the store and fetches into it.
type Blobs struct {
	store     *Store // nil at a client, which keeps nothing
	transport *peers.Host
	id        peers.Identity
	network   engine.Digest
	// Forge, in tests and builds with liars only, changes what is served.
	Forge func(to peer.ID, requested engine.Digest, data []byte) []byte
	// KeySize is the length of an analyst's key for a question, in bytes: see uploadable.
	KeySize int

	confided confided

	mu sync.Mutex
	// needed are the blobs that the ledger names and somebody waits for; nil:
	// not known yet, and nothing is dropped.
	needed  func() map[engine.Digest]bool
	uploads map[peer.ID][]engine.Digest
	slots   map[peer.ID]chan struct{}
}

// NewBlobs serves a store and fetches into it; nil at a client, which keeps nothing.
func NewBlobs(store *Store, t *peers.Host, id peers.Identity, network engine.Digest) *Blobs {
	return &Blobs{store: store, transport: t, id: id, network: network, confided: newConfided(),
		uploads: map[peer.ID][]engine.Digest{}, slots: map[peer.ID]chan struct{}{}}
}

// Serve starts answering.
func (x *Blobs) Serve() { x.transport.Handle(blobProtocol, peers.Person, x.serve) }

func (x *Blobs) serve(ctx context.Context, s *peers.Stream) error {
	var q blobRequest
	if err := s.ReceiveValue(&q, peers.AnswerTimeout); err != nil {
		return err
	}
	if q.Size > BlobLimit {
		return s.SendValue(blobReply{Status: blobRefused})
	}
	switch q.Op {
	case blobGet:
		return x.serveGet(ctx, s, q)
	case blobPut:
		return x.servePut(s, q)
	case blobConfided:
		return x.serveConfided(ctx, s, q)
	}
	return &peers.Fault{Peer: s.Peer, Reason: "asked for an unknown blob operation"}
}

func (x *Blobs) serveGet(ctx context.Context, s *peers.Stream, q blobRequest) error {
	wait, cancel := context.WithTimeout(ctx, q.patience())
	defer cancel()
	if _, held := x.store.Size(q.Digest); !held && s.Role == peers.Person {
		lie, err := x.obtain(ctx, q)
		if lie != nil {
			return s.SendValue(blobReply{Status: blobLie, Served: lie.Marshal()})
		}
		if err != nil {
			return s.SendValue(blobReply{Status: blobAbsent})
		}
	}
	if x.store.Wait(wait, q.Digest) != nil {
		return s.SendValue(blobReply{Status: blobAbsent})
	}
	data, err := x.store.Get(q.Digest)
	if err != nil {
		return s.SendValue(blobReply{Status: blobAbsent})
	}
	return x.sendBlob(s, q, data)
}

// serveConfided looks at nothing but what is confided to the peer, and asks nobody.
func (x *Blobs) serveConfided(ctx context.Context, s *peers.Stream, q blobRequest) error {
	ctx, cancel := context.WithTimeout(ctx, q.patience())
	defer cancel()
	data := x.confided.await(ctx, q.Digest, s.Peer)
	if data == nil {
		return s.SendValue(blobReply{Status: blobAbsent})
	}
	return x.sendBlob(s, q, data)
}

// patience is how long a request waits for the blob to be published.
func (q *blobRequest) patience() time.Duration {
	return min(time.Duration(q.WaitMs)*time.Millisecond, blobWait)
}

func (x *Blobs) sendBlob(s *peers.Stream, q blobRequest, data []byte) error {
	if x.Forge != nil {
		data = x.Forge(s.Peer, q.Digest, data)
	}
	served := protocols.SignServed(x.network, x.id.Private(), q.Digest, data)
	if err := s.SendValue(blobReply{Status: blobFound, Served: served.Marshal()}); err != nil {
		return err
	}
	return sendChunks(s, data)
}

// obtain gets for an analyst what is not here: from its owner, a member; or, for
// who does not wait for it to be published, from any member that holds it. An
// error: it cannot be had. Nothing at all: nobody else is to be asked.
func (x *Blobs) obtain(ctx context.Context, q blobRequest) (*protocols.Served, error) {
	owner := peers.IDOf(q.Owner)
	sources := []peer.ID{owner}
	if q.WaitMs == 0 {
		for _, p := range x.transport.Roles.With(peers.Member) {
			if p != owner {
				sources = append(sources, p)
			}
		}
	}
	asked := false
	for _, from := range sources {
		if from == x.id.ID() || x.transport.Roles.Of(from) != peers.Member || q.WaitMs == 0 && !x.transport.Connected(from) {
			continue
		}
		asked = true
		asking, cancel := context.WithTimeout(ctx, blobWait) // a source waits as long as it is asked to
		data, lie, err := x.fetchOnce(asking, q, from)
		cancel()
		if lie != nil && lie.Server == q.Owner {
			return lie, nil
		}
		if err == nil && lie == nil {
			_, err = x.store.Put(data)
			return nil, err
		}
	}
	if !asked {
		return nil, nil
	}
	return nil, ErrNoBlob
}

func (x *Blobs) servePut(s *peers.Stream, q blobRequest) error {
	if s.Role != peers.Person || !x.uploadable(q) {
		return s.SendValue(blobReply{Status: blobRefused})
	}
	if err := s.SendValue(blobReply{Status: blobFound}); err != nil {
		return err
	}
	data, err := receiveChunks(s, q.Size)
	if err != nil {
		return err
	}
	if protocols.BlobDigest(data) != q.Digest {
		return &peers.Fault{Peer: s.Peer, Reason: "uploaded a blob that does not have its digest"}
	}
	stored, err := x.lend(s.Peer, q.Digest, data)
	if err != nil {
		x.transport.Log.Error("storing an analyst's key failed", "error", err.Error())
	}
	if err != nil || !stored {
		return s.SendValue(blobReply{Status: blobRefused})
	}
	return s.SendValue(blobReply{Status: blobFound})
}

// uploadable tells whether an analyst may give a blob: its key for a question,
// or, showing what it accuses somebody of, one that the ledger names and
// somebody waits for.
func (x *Blobs) uploadable(q blobRequest) bool {
	if x.KeySize == 0 || q.Size == 0 || q.Size > BlobLimit {
		return false
	}
	if q.Size == uint64(x.KeySize) {
		return true
	}
	x.mu.Lock()
	needed := x.needed
	x.mu.Unlock()
	return needed != nil && needed()[q.Digest]
}

// lend stores an analyst's upload. Over its limit it takes the place of the
// analyst's own oldest one that nobody needs: what an open question names, what
// another analyst uploaded too, and what is the node's own stays. false: all of
// the analyst's are needed.
func (x *Blobs) lend(p peer.ID, d engine.Digest, data []byte) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(x.uploads[p]), func(d engine.Digest) bool { return !x.store.Lent(d, p) })
	if slices.Contains(list, d) {
		return true, nil
	}
	if len(list) >= uploadsAnalyst {
		if x.needed == nil {
			return false, nil
		}
		needed := x.needed()
		i := slices.IndexFunc(list, func(d engine.Digest) bool { return !needed[d] })
		if i < 0 {
			return false, nil
		}
		x.store.Return(list[i], p)
		list = slices.Delete(list, i, i+1)
	}
	if _, err := x.store.Lend(data, p); err != nil {
		return false, err
	}
	if x.store.Lent(d, p) {
		list = append(list, d)
	}
	x.uploads[p] = list
	return true, nil
}

// SetNeeded says what the ledger needs, once there is one.
func (x *Blobs) SetNeeded(needed func() map[engine.Digest]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.needed = needed
}

func sendChunks(s *peers.Stream, data []byte) error {
	for len(data) > 0 {
		n := min(blobChunk, len(data))
		if err := s.Send(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// receiveChunks reads exactly size bytes; size is within BlobLimit.
func receiveChunks(s *peers.Stream, size uint64) ([]byte, error) {
	data := make([]byte, 0, size)
	for uint64(len(data)) < size {
		chunk, err := s.Receive(int(min(blobChunk, size-uint64(len(data)))), peers.AnswerTimeout)
		if err != nil {
			return nil, err
		}
		if len(chunk) == 0 {
			return nil, &peers.Fault{Peer: s.Peer, Reason: "sent an empty piece of a blob"}
		}
		data = append(data, chunk...)
	}
	return data, nil
}

// fetchOnce asks one peer once. ErrNoBlob: it has none yet. A header that is
// signed by the peer or the owner and promises anything but the blob is a lie;
// other nonsense is a *peers.Fault, which proves nothing to others.
func (x *Blobs) fetchOnce(ctx context.Context, q blobRequest, from peer.ID) (data []byte, lie *protocols.Served, err error) {
	if q.Size > BlobLimit {
		return nil, nil, fmt.Errorf("a blob of %d bytes is over the limit of %d", q.Size, BlobLimit)
	}
	s, err := x.transport.Open(ctx, from, blobProtocol)
	if err != nil {
		return nil, nil, err
	}
	defer s.Abort()
	if err := s.SendValue(q); err != nil {
		return nil, nil, err
	}
	var reply blobReply
	if err := s.ReceiveValue(&reply, blobWait+peers.AnswerTimeout); err != nil {
		return nil, nil, err
	}
	if reply.Status != blobFound && reply.Status != blobLie {
		return nil, nil, ErrNoBlob
	}
	served, err := protocols.ParseServed(reply.Served)
	if err != nil {
		return nil, nil, &peers.Fault{Peer: from, Reason: "sent a malformed blob header"}
	}
	server := peers.IDOf(served.Server)
	if served.Requested != q.Digest || server != from && served.Server != q.Owner || served.Verify(x.network) != nil {
		return nil, nil, &peers.Fault{Peer: from, Reason: "sent the header of another blob, or a forged one"}
	}
	if served.Fault(int(q.Size)) != "" {
		return nil, &served, nil
	}
	if reply.Status == blobLie {
		return nil, nil, &peers.Fault{Peer: from, Reason: "called an honest header a lie"}
	}
	if data, err = receiveChunks(s, q.Size); err != nil {
		return nil, nil, err
	}
	if protocols.BlobDigest(data) != q.Digest {
		return nil, nil, &peers.Fault{Peer: from, Reason: "served other bytes than its header says"}
	}
	s.Close()
	return data, nil, nil
}

// FetchFrom asks one peer once for a blob that is published, and keeps nothing.
// ErrNoBlob: the peer has none, or its owner other bytes under this name.
func (x *Blobs) FetchFrom(ctx context.Context, b NamedBlob, from peer.ID) ([]byte, error) {
	q := blobRequest{Op: blobGet, Digest: b.Digest, Size: uint64(b.Size), Owner: b.Owner}
	data, lie, err := x.fetchOnce(ctx, q, from)
	if lie != nil {
		return nil, ErrNoBlob
	}
	return data, err
}

// Fetch asks the peers in turn, again and again with growing pauses, until one
// serves the blob, which is then stored unless it is confided, or its owner signs
// a lie. sources says each time who can be reached. It ends otherwise only with
// ctx, and then says why the last attempt failed.
func (x *Blobs) Fetch(ctx context.Context, w protocols.Want, sources func() []peer.ID) (protocols.Blob, error) {
	last, store, op := ErrNoBlob, x.store, blobGet
	if w.Confided {
		store, op = nil, blobConfided
	}
	var owner protocols.Key
	if len(w.Sources) > 0 {
		owner = w.Sources[0]
	}
	for pause := blobPause; ; pause = min(2*pause, blobLastPause) {
		// An analyst uploads its key here; another fetch may have been faster.
		if store != nil {
			store.Keep(w.Digest)
			if data, err := store.Get(w.Digest); err == nil && len(data) == w.Size {
				return protocols.Blob{Digest: w.Digest, Bytes: data}, nil
			}
		}
		reachable := sources()
		for _, from := range reachable {
			q := blobRequest{Op: op, Digest: w.Digest, Size: uint64(w.Size), Owner: owner}
			if from == peers.IDOf(owner) || len(reachable) == 1 { // has it or will have it; others may
				q.WaitMs = uint32(blobWait.Milliseconds())
			}
			data, lie, err := x.fetchSlot(ctx, q, from)
			if lie != nil && lie.Server == owner {
				return protocols.Blob{Digest: w.Digest, Lie: lie}, nil
			}
			if lie != nil {
				err = &peers.Fault{Peer: from, Reason: "serves another blob than was asked for"}
			}
			if err == nil && store != nil {
				_, err = store.Put(data) // a failure of it ends the node
				return protocols.Blob{Digest: w.Digest, Bytes: data}, err
			}
			if err == nil {
				return protocols.Blob{Digest: w.Digest, Bytes: data}, nil
			}
			if ctx.Err() == nil {
				last = err
			}
		}
		select {
		case <-ctx.Done():
			return protocols.Blob{}, fmt.Errorf("blob %s: %w (%w)", w.Digest, last, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// fetchSlot keeps a peer that hangs from taking all streams.
func (x *Blobs) fetchSlot(ctx context.Context, q blobRequest, from peer.ID) ([]byte, *protocols.Served, error) {
	x.mu.Lock()
	slots := x.slots[from]
	if slots == nil {
		slots = make(chan struct{}, fetchesPeer)
		x.slots[from] = slots
	}
	x.mu.Unlock()
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return x.fetchOnce(ctx, q, from)
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// ErrNotTaken is the answer to an upload that the node does not want.
var ErrNotTaken = errors.New("the node does not take the blob")

// Upload gives a blob to the node that the client is connected to.
func (x *Blobs) Upload(ctx context.Context, to peer.ID, data []byte) error {
	s, err := x.transport.Open(ctx, to, blobProtocol)
	if err != nil {
		return err
	}
	defer s.Abort()
	q := blobRequest{Op: blobPut, Digest: protocols.BlobDigest(data), Size: uint64(len(data))}
	if err := s.SendValue(q); err != nil {
		return err
	}
	for _, body := range [][]byte{data, nil} { // at the go-ahead; at the receipt
		var reply blobReply
		if err := s.ReceiveValue(&reply, peers.AnswerTimeout); err != nil {
			return err
		}
		if reply.Status != blobFound {
			return fmt.Errorf("%s: %w", to, ErrNotTaken)
		}
		if err := sendChunks(s, body); err != nil {
			return err
		}
	}
	s.Close()
	return nil
}
