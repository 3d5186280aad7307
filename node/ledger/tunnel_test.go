package ledger

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/protoio"
	cmtp2p "github.com/cometbft/cometbft/p2p"
	cmtconn "github.com/cometbft/cometbft/p2p/conn"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// TestStranger: who is not on the list gets no consensus stream and no answer;
// who connects to CometBFT's loopback port by itself is refused before the
// handshake; a member that presents another's key is refused after it.
func TestStranger(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2)
	b.startAll()
	b.mustAppend(0, "note")
	target := b.nodes[0]
	stranger := newHost(t, keyOf(66), "/ip4/127.0.0.1/tcp/0")
	defer stranger.Close()
	stranger.Peerstore().AddAddrs(target.host.ID(), target.host.Addrs(), peerstore.PermanentAddrTTL)
	for _, id := range []protocol.ID{consensusProtocol, lightProtocol} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		s, err := stranger.NewStream(ctx, target.host.ID(), id)
		if err == nil {
			s.Write([]byte{0, 0, 0, 4, 0x83, 1, 0, 0}) // what is the latest block?
			s.SetReadDeadline(time.Now().Add(2 * time.Second))
			if n, err := s.Read(make([]byte, 1)); n > 0 || err == nil {
				t.Errorf("%s: a stranger reads", id)
			}
		}
		cancel()
	}

	direct, err := net.Dial("tcp", target.ledger.tunnel.listener)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	direct.SetReadDeadline(time.Now().Add(3 * time.Second))
	if n, err := direct.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a connection that is nobody's is spoken to")
	}

	// Node 1 stops, and its host presents a third key over its stream.
	if err := b.nodes[1].ledger.Close(); err != nil {
		t.Fatal(err)
	}
	b.nodes[1].ledger = nil
	third := b.add()
	b.nodes = b.nodes[:2]
	target.ledger.tunnel.Poke()
	eventually(t, "the stream of the stopped node ends", 5*time.Second, func() bool { return len(target.ledger.Status().Peers) == 0 })
	s, err := b.nodes[1].host.NewStream(t.Context(), target.host.ID(), consensusProtocol)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	go func() { io.Copy(s, near); s.Reset() }()
	go func() { io.Copy(near, s); near.Close() }()
	far.SetDeadline(time.Now().Add(4 * time.Second))
	// The handshake itself succeeds: who it is shows only in it.
	secret, err := cmtconn.MakeSecretConnection(far, cmted25519.PrivKey(third.key))
	if err != nil {
		t.Fatal(err)
	}
	info := target.ledger.node.NodeInfo().(cmtp2p.DefaultNodeInfo)
	info.DefaultNodeID = cmtp2p.PubKeyToID(cmted25519.PrivKey(third.key).PubKey())
	if _, err := protoio.NewDelimitedWriter(secret).WriteMsg(info.ToProto()); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, secret) // until it is refused
	if n := target.ledger.node.Switch().Peers().Size(); n != 0 {
		t.Errorf("%d peers", n)
	}

	// Had the third a stream of its own, its key on another's would show too.
	tunnel := target.ledger.tunnel
	address := &cmtp2p.NetAddress{ID: info.DefaultNodeID, IP: net.IPv4(127, 0, 0, 1), Port: 9}
	if err := tunnel.match(info.DefaultNodeID, address); err == nil {
		t.Error("an address that is nobody's")
	}
	tunnel.mu.Lock()
	tunnel.routes[address.DialString()] = b.id(1)
	tunnel.mu.Unlock()
	if err := tunnel.match(tunnel.allowed[b.id(1)], address); err != nil {
		t.Errorf("its own key: %v", err)
	}
	if err := tunnel.match(info.DefaultNodeID, address); err == nil {
		t.Error("another's key is let in")
	}
	again, err := b.nodes[1].host.NewStream(t.Context(), target.host.ID(), consensusProtocol)
	if err == nil {
		again.SetReadDeadline(time.Now().Add(2 * time.Second))
		if n, err := again.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Error("who presented another's key is heard again at once")
		}
	}
}
