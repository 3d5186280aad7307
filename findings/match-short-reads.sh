#!/usr/bin/env bash
# Optable's match: a private set intersection (dhpsi) is run over an io.ReadWriter, in the library's own examples over a TCP
# connection as net.Dial gives it. A good guess is that it works over any connection. It asks for 32 bytes at a time and
# takes whatever comes to be all of them: after the first Read that gives fewer, as io.Reader and TCP may, every
# point is read at the wrong place, and what the receiver is told of is what matched before. There is no error.
#
#   versions   github.com/optable/match v1.4.0; run with Go 1.26.8 on linux/amd64
#   cause      pkg/dhpsi/dhpsi.go, Reader.Read: the number of bytes that r.r.Read returns is not looked at
#   instead    hand over a connection whose Read fills what is asked for, up to 32 bytes (io.ReadFull), as the first run
#              here does. kkrtpsi reads its own by io.ReadFull.
#   shown      1,000 identifiers on each side, the same: 1,000 in common where each point is read whole; about 500, and no
#              error, where one Read in the middle of what comes back gives 16 bytes and the next one goes on from there
#   needs      Go 1.26 or newer, a Go module proxy or a filled module cache; -l, since Go 1.26's compiler fails on
#              internal/util when it inlines
#   runtime    about 2 s, and up to a minute before it for a first download and build
#   exit       0 where it is as described, 1 where not
#
# Over plain TCP on loopback it begins where buffers are full and a point is sent in two: not at 65,536 identifiers, at
# 131,072 (Reads of 22 and 10 bytes; the run then never ended), and at 1,000,000, of which 900,000 were on both sides and
# 158,871 were found.
#
# Seen on 2026-11-30:
#
#   points read whole: 1000 in common, error: <nil>
#   one of them in two Reads: 500 in common, error: <nil>
#   as described
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/module" "$folder/tmp"
cd "$folder/module"
export GOWORK=off GOFLAGS=-mod=mod TMPDIR=$folder/tmp

cat >go.mod <<'END'
module shortreads

go 1.26.0

require github.com/optable/match v1.4.0
END

cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/optable/match/pkg/psi"
)

const (
	count  = 1000
	point  = 32
	header = 8 // a number of points goes before them
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// whole gives a point whole, but for the one at short, if that is not 0, of which it gives half.
type whole struct {
	net.Conn
	read, short int
}

func (w *whole) Read(p []byte) (int, error) {
	if w.read == w.short && w.short > 0 {
		p = p[:len(p)/2]
	}
	n, err := io.ReadFull(w.Conn, p)
	w.read += n
	return n, err
}

func identifiers() <-chan []byte {
	out := make(chan []byte)
	go func() {
		defer close(out)
		for i := range count {
			out <- fmt.Appendf(nil, "identifier %06d", i)
		}
	}()
	return out
}

// intersect has two parties meet that have the same identifiers. The receiver's Read that begins at short gives half a point.
func intersect(short int) (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer l.Close()
	here, err := net.Dial("tcp", l.Addr().String())
	must(err)
	defer here.Close()
	there, err := l.Accept()
	must(err)
	defer there.Close()
	sender, err := psi.NewSender(psi.ProtocolDHPSI, &whole{Conn: here})
	must(err)
	receiver, err := psi.NewReceiver(psi.ProtocolDHPSI, &whole{Conn: there, short: short})
	must(err)
	sent := make(chan error, 1)
	go func() { sent <- sender.Send(context.Background(), count, identifiers()) }()
	found, err := receiver.Intersect(context.Background(), count, identifiers())
	must(<-sent)
	return len(found), err
}

func main() {
	right, err := intersect(0)
	fmt.Printf("points read whole: %d in common, error: %v\n", right, err)
	must(err)
	// The sender's points, and then half of the receiver's own that come back.
	few, err := intersect(header + count*point + header + count/2*point)
	fmt.Printf("one of them in two Reads: %d in common, error: %v\n", few, err)
	if right != count || err != nil || few < count/2-5 || few > count/2+5 {
		fmt.Println("NOT as described")
		os.Exit(1)
	}
	fmt.Println("as described")
}
END

go run -gcflags=github.com/optable/match/internal/util=-l .
