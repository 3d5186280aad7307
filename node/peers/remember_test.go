package peers_test

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"parley/node/nodetest"
	"parley/node/peers"
)

// TestRemember: a node that stops listening says that it has no address any more, and whoever was
// only connected with it can never reach it again; who remembers can, as soon as it is back.
func TestRemember(t *testing.T) {
	if testing.Short() {
		t.Skip("libp2p looks at its addresses every five seconds")
	}
	t.Parallel()
	them, ours, others := nodetest.Identity(t), nodetest.Identity(t), nodetest.Identity(t)
	node := nodetest.Host(t, them, peers.NewRoles(map[peer.ID]peers.Role{ours.ID(): peers.Member, others.ID(): peers.Member}), nil)
	node.Handle("/test/1", peers.Member, func(context.Context, *peers.Stream) error { return nil })
	info := peer.AddrInfo{ID: node.Libp2p.ID(), Addrs: node.Libp2p.Addrs()}
	allow := peers.NewRoles(map[peer.ID]peers.Role{them.ID(): peers.Member})
	remembers, forgets := nodetest.Host(t, ours, allow, nil), nodetest.Host(t, others, allow, nil)
	remembers.Remember(info)
	for _, h := range []*peers.Host{remembers, forgets} {
		if err := h.Libp2p.Connect(t.Context(), info); err != nil {
			t.Fatal(err)
		}
	}
	network := node.Libp2p.Network().(*swarm.Swarm)
	network.ListenClose(info.Addrs...)
	for deadline := time.Now().Add(30 * time.Second); len(forgets.Libp2p.Peerstore().Addrs(info.ID)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("libp2p forgets no address any more: what is Remember for?")
		}
	}
	for _, h := range []*peers.Host{remembers, forgets} {
		if err := network.ClosePeer(h.Libp2p.ID()); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); h.Connected(info.ID); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it does not see that its connection was cut")
			}
		}
	}
	if err := network.Listen(info.Addrs...); err != nil {
		t.Fatal(err)
	}
	reaches := func(h *peers.Host, within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return peers.Retry(ctx, func() error {
			s, err := h.Open(ctx, info.ID, "/test/1")
			if err == nil {
				s.Close()
			}
			return err
		})
	}
	if err := reaches(remembers, 10*time.Second); err != nil {
		t.Errorf("the node is back: %v", err)
	}
	if reaches(forgets, time.Second) == nil {
		t.Error("libp2p forgets no address any more: what is Remember for?")
	}
}
