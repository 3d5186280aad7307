#!/usr/bin/env bash
# go-libp2p: an address that a person gives to Host.Connect reads as known from then on, at least for the 15 minutes that the
# peerstore keeps those of a peer that was connected. A good guess is then that NewStream dials it again when
# the connection is lost. It does not if the peer has meanwhile said that it has no address, as one does that
# stops listening before its connections end: a host that is being closed or listens anew.
#
#   versions   github.com/libp2p/go-libp2p v0.51.0; run with Go 1.26.8 on linux/amd64
#   cause      Connect adds the addresses for two minutes. Identify, at the connection and again with each push, replaces
#              what stands there by what the peer lists (protocol/identify/id.go, consumeMessage), whoever gave it; a
#              host looks every five seconds whether its own addresses have changed, and pushes, also an empty list.
#   shown      Two hosts connect to a third over loopback, by the address that they are given; one has put it into its
#              peerstore with PermanentAddrTTL before. The third stops listening, its connections stay, then they are
#              cut and it listens again on the same address. NewStream of the one without fails with "no
#              addresses", and does so from then on; that of the other one works.
#   instead    put addresses that must last into the peerstore with PermanentAddrTTL, or give them to Connect each time.
#   needs      Go 1.25 or newer, a Go module proxy or a filled module cache
#   runtime    about 10 s, and up to a minute before it for a first download and build
#   exit       0 where it is as described, 1 where not
#
# Seen on 2026-11-29:
#
#   connected: the peerstore of the one without has 1 address
#   the third stopped listening: still connected: true and the peerstore has 0 addresses
#   it listens again; without: failed to dial: failed to dial (the third's peer id): no addresses
#   with PermanentAddrTTL: <nil>
#   as described
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/module" "$folder/tmp"
cd "$folder/module"
export GOWORK=off GOFLAGS=-mod=mod TMPDIR=$folder/tmp

cat >go.mod <<'END'
module forgets

go 1.25.0

require github.com/libp2p/go-libp2p v0.51.0
END

cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func newHost() host.Host {
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	must(err)
	return h
}

func main() {
	ctx := context.Background()
	third, given, permanent := newHost(), newHost(), newHost()
	third.SetStreamHandler("/finding/1", func(s network.Stream) { s.Close() })
	info := peer.AddrInfo{ID: third.ID(), Addrs: third.Addrs()}
	permanent.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.PermanentAddrTTL)
	open := func(h host.Host) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		s, err := h.NewStream(ctx, info.ID, "/finding/1")
		if err == nil {
			s.Close()
		}
		return err
	}
	for _, h := range []host.Host{given, permanent} {
		must(h.Connect(ctx, info))
		must(open(h))
	}
	fmt.Println("connected: the peerstore of the one without has", len(given.Peerstore().Addrs(info.ID)), "address")

	listening := third.Network().(*swarm.Swarm)
	listening.ListenClose(info.Addrs...)
	for wait := 0; wait < 200 && len(given.Peerstore().Addrs(info.ID)) > 0; wait++ {
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("the third stopped listening: still connected:", given.Network().Connectedness(info.ID) == network.Connected,
		"and the peerstore has", len(given.Peerstore().Addrs(info.ID)), "addresses")

	for _, h := range []host.Host{given, permanent} {
		must(listening.ClosePeer(h.ID()))
		for h.Network().Connectedness(info.ID) == network.Connected {
			time.Sleep(time.Millisecond)
		}
	}
	must(listening.Listen(info.Addrs...))
	time.Sleep(time.Second)
	without, with := open(given), open(permanent)
	fmt.Println("it listens again; without:", without)
	fmt.Println("with PermanentAddrTTL:", with)
	if !errors.Is(without, swarm.ErrNoAddresses) || with != nil {
		fmt.Println("NOT as described")
		os.Exit(1)
	}
	fmt.Println("as described")
}
END

go run .
