package node

import (
	"context"
	"sync"
	"time"

	"parley/protocols"
)

const (
	// gossipBusy and gossipIdle are how often the members compare what they
	// have seen of the log, while a query is open and while none is.
	gossipBusy = time.Second
	gossipIdle = 15 * time.Second
)

// heads are the log's heads as the keeper signed them for this node and, by
// what they say, for the others. Two of one height that differ convict the
// keeper; each department alone would only see that others are silent.
type heads struct {
	mu    sync.Mutex
	own   protocols.Head
	heard map[protocols.Key]protocols.Head
	busy  bool // a query is open
}

// headList answers infoHeads: the own head first.
type headList struct {
	_    struct{} `cbor:",toarray"`
	List []protocols.Head
}

func (h *heads) Set(own protocols.Head, busy bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.own, h.busy = own, busy
}

func (h *heads) Hear(from protocols.Key, head protocols.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard[from] = head
}

func (h *heads) All() headList {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := headList{List: []protocols.Head{h.own}}
	for _, head := range h.heard {
		out.List = append(out.List, head)
	}
	return out
}

func (h *heads) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy {
		return gossipBusy
	}
	return gossipIdle
}

// gossip compares heads with the connected members until ctx ends.
func (n *node) gossip(ctx context.Context) {
	last := time.Now()
	for {
		select {
		case <-time.After(gossipBusy):
		case <-ctx.Done():
			return
		}
		if time.Since(last) < n.heads.pause() {
			continue
		}
		last = time.Now()
		for i, info := range n.members.peers {
			if !n.transport.Connected(info.ID) {
				continue
			}
			n.transport.Go(func(context.Context) { n.compareHeads(ctx, i) })
		}
	}
}

func (n *node) compareHeads(ctx context.Context, peer int) {
	ctx, cancel := context.WithTimeout(ctx, gossipIdle)
	defer cancel()
	from := n.members.peers[peer].ID
	var theirs headList
	if askInfo(ctx, n.transport, from, infoRequest{Op: infoHeads}, &theirs) != nil || len(theirs.List) == 0 {
		return
	}
	if len(theirs.List) > protocols.MaxDepartments {
		theirs.List = theirs.List[:protocols.MaxDepartments]
	}
	if key, err := keyOfPeer(from); err == nil {
		n.heads.Hear(key, theirs.List[0])
	}
	n.wake(func() error {
		for _, head := range theirs.List {
			if err := n.replica.Check(head); err != nil && n.broken == nil {
				return n.logBroken(n.loopCtx, err)
			}
		}
		return nil
	})
}
