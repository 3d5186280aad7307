#!/usr/bin/env bash
# CometBFT: WaitSync() of the consensus reactor (`catching_up` of the RPC's status) reads as "this node is still behind
# the others". A good guess is then that false means: at the head. On a validator that alone holds a third of the
# votes, false says nothing of the kind. Block sync ends there at its first tick, one second after the start, at
# whatever height the node has got to: restarted without its data, at 0.
#
#   versions   github.com/cometbft/cometbft v0.40.0, github.com/cometbft/cometbft-db v0.14.1;
#              run with Go 1.26.8 on linux/amd64
#   cause      blocksync/reactor.go: at each tick poolRoutine ends block sync if the pool has caught up or if
#              localNodeBlocksTheChain holds. The latter compares the validator's power with total/3 and looks at no
#              peer's height. The division is of whole numbers, so that one of four validators of power 1 each counts as a
#              third too (4/3 = 1), although the other three go on without it.
#   shown      Validators over loopback, one process, the kvstore application. At height 10 one is stopped and started
#              without its blocks, state and log, but with its key and signing state; it dials the others 3 s later.
#              3 validators of power 10: WaitSync() is false at height 0, before it has a peer;
#              4 validators of power 10: true until it has the others' blocks (the control);
#              4 validators of power 1: as the three.
#              In all of them it has the others' blocks some seconds later: where block sync has ended, from consensus.
#   instead    compare the node's height with its peers'.
#   needs      Go 1.25 or newer, a Go module proxy or a filled module cache
#   runtime    about 35 s, and up to a minute before it for a first download and build
#   exit       0 where all three are seen, 1 where one is not
#
# Seen on 2026-11-28:
#
#   3 validators of power 10 each, expected: WaitSync() false at height 0, before any peer
#     restarted empty: its height 0, the others' 10, WaitSync() true
#     after 1.0 s: WaitSync() false at height 0, the others at 10; peers 0
#     after 3.0 s: it dials the others; WaitSync() false at height 0, the others at 10
#     after 4.4 s: its first peer; WaitSync() false at height 0, the others at 10
#     after 5.3 s: its height 10, WaitSync() false
#   4 validators of power 10 each, expected: WaitSync() false only when caught up
#     restarted empty: its height 0, the others' 12, WaitSync() true
#     after 3.0 s: it dials the others; WaitSync() true at height 0, the others at 12
#     after 3.4 s: its first peer; WaitSync() true at height 0, the others at 12
#     after 4.0 s: WaitSync() false at height 11, the others at 12; peers 1
#     after 4.1 s: its height 12, WaitSync() false
#   4 validators of power 1 each, expected: WaitSync() false at height 0, before any peer
#     restarted empty: its height 0, the others' 11, WaitSync() true
#     after 1.0 s: WaitSync() false at height 0, the others at 11; peers 0
#     after 3.0 s: it dials the others; WaitSync() false at height 0, the others at 11
#     after 4.3 s: its first peer; WaitSync() false at height 0, the others at 12
#     after 5.5 s: its height 11, WaitSync() false
#   all as expected
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/module" "$folder/tmp"
cd "$folder/module"
export GOWORK=off GOFLAGS=-mod=mod TMPDIR=$folder/tmp

cat >go.mod <<'END'
module third

go 1.25.0

require (
	github.com/cometbft/cometbft v0.40.0
	github.com/cometbft/cometbft-db v0.14.1
)
END

cat >main.go <<'END'
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/config"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/types"
)

const (
	grown   = 10              // blocks before one validator is stopped and wiped
	unheard = 3 * time.Second // from its restart until it dials the others: a slow network
	patient = 60 * time.Second
)

// A validator keeps its home, keys and signing state through a wipe; its databases live in memory and go with the node.
type validator struct {
	conf *config.Config
	key  *p2p.NodeKey
	addr string
	node *node.Node
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func newValidator(home string) *validator {
	conf := config.DefaultConfig().SetRoot(home)
	config.EnsureRoot(home)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	listen := l.Addr().String()
	check(l.Close())
	conf.P2P.ListenAddress = "tcp://" + listen
	conf.P2P.AllowDuplicateIP = true
	conf.P2P.AddrBookStrict = false
	conf.P2P.PexReactor = false
	conf.RPC.ListenAddress = ""
	conf.Consensus.TimeoutCommit = 200 * time.Millisecond
	key := must(p2p.LoadOrGenNodeKey(conf.NodeKeyFile()))
	return &validator{conf: conf, key: key, addr: p2p.IDAddressString(key.ID(), listen)}
}

func (v *validator) signer() *privval.FilePV {
	return privval.LoadOrGenFilePV(v.conf.PrivValidatorKeyFile(), v.conf.PrivValidatorStateFile())
}

func (v *validator) start(genesis *types.GenesisDoc) {
	v.node = must(node.NewNode(v.conf, v.signer(), v.key,
		proxy.NewLocalClientCreator(kvstore.NewInMemoryApplication()),
		func() (*types.GenesisDoc, error) { return genesis, nil },
		func(*config.DBContext) (dbm.DB, error) { return dbm.NewMemDB(), nil },
		node.DefaultMetricsProvider(v.conf.Instrumentation), cmtlog.NewNopLogger()))
	check(v.node.Start())
}

func (v *validator) stop() {
	check(v.node.Stop())
	v.node.Wait()
}

func (v *validator) height() int64 { return v.node.BlockStore().Height() }
func (v *validator) waits() bool   { return v.node.ConsensusReactor().WaitSync() }

// seen is what the wiped validator and the others showed.
type seen struct {
	others  int64 // their height when it started again
	over    bool  // whether WaitSync() turned false at all,
	height  int64 // its own height then,
	early   bool  // and whether that was before it had dialled anybody
	highest int64 // its height in the end
}

func wiped(n int, power int64) seen {
	root := must(os.MkdirTemp("", "validators"))
	defer os.RemoveAll(root)
	genesis := &types.GenesisDoc{ChainID: "third", GenesisTime: time.Now()}
	all := make([]*validator, n)
	for i := range all {
		all[i] = newValidator(filepath.Join(root, fmt.Sprint(i)))
		pub := must(all[i].signer().GetPubKey())
		genesis.Validators = append(genesis.Validators, types.GenesisValidator{PubKey: pub, Power: power})
	}
	check(genesis.ValidateAndComplete())
	var addrs []string
	for _, v := range all {
		v.start(genesis)
		defer func() { v.stop() }()
		check(v.node.Switch().DialPeersAsync(addrs))
		addrs = append(addrs, v.addr)
	}
	last, others := all[n-1], all[:n-1]
	until(func() bool { return last.height() >= grown })
	last.stop()
	check(os.RemoveAll(filepath.Dir(last.conf.Consensus.WalFile())))
	time.Sleep(time.Second)

	s := seen{others: others[0].height()}
	last.start(genesis)
	began, dialled, met := time.Now(), false, false
	fmt.Printf("  restarted empty: its height %d, the others' %d, WaitSync() %v\n", last.height(), s.others, last.waits())
	for time.Since(began) < patient && (!s.over || last.height() < s.others) {
		if !s.over && !last.waits() {
			s.over, s.height, s.early = true, last.height(), !dialled
			fmt.Printf("  after %.1f s: WaitSync() false at height %d, the others at %d; peers %d\n",
				time.Since(began).Seconds(), s.height, others[0].height(), last.node.Switch().Peers().Size())
		}
		if !dialled && time.Since(began) > unheard {
			dialled = true
			fmt.Printf("  after %.1f s: it dials the others; WaitSync() %v at height %d, the others at %d\n",
				time.Since(began).Seconds(), last.waits(), last.height(), others[0].height())
			check(last.node.Switch().DialPeersAsync(addrs[:n-1]))
		}
		if peers := last.node.Switch().Peers().Size(); peers > 0 && !met {
			met = true
			fmt.Printf("  after %.1f s: its first peer; WaitSync() %v at height %d, the others at %d\n",
				time.Since(began).Seconds(), last.waits(), last.height(), others[0].height())
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.highest = last.height()
	fmt.Printf("  after %.1f s: its height %d, WaitSync() %v\n", time.Since(began).Seconds(), s.highest, last.waits())
	return s
}

func until(done func() bool) {
	for end := time.Now().Add(patient); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			log.Fatal("the validators made no blocks")
		}
	}
}

func main() {
	log.SetFlags(0)
	wrong := 0
	for _, c := range []struct {
		n     int
		power int64
		early bool
	}{
		{3, 10, true},  // 10 >= 30/3
		{4, 10, false}, // 10 < 40/3 = 13
		{4, 1, true},   // 1 >= 4/3 = 1, in whole numbers
	} {
		fmt.Printf("%d validators of power %d each, expected: WaitSync() false ", c.n, c.power)
		if c.early {
			fmt.Println("at height 0, before any peer")
		} else {
			fmt.Println("only when caught up")
		}
		s := wiped(c.n, c.power)
		ok := s.over && s.highest >= s.others
		if c.early {
			ok = ok && s.early && s.height == 0 && s.others >= grown
		} else {
			ok = ok && !s.early && s.height >= s.others-2 // the last block but one is the last that block sync can verify
		}
		if !ok {
			wrong++
			fmt.Println("  NOT AS EXPECTED")
		}
	}
	if wrong > 0 {
		log.Fatalf("%d of 3 not as expected: the behaviour has changed", wrong)
	}
	fmt.Println("all as expected")
}
END

go version
go build -o third .
go list -m github.com/cometbft/cometbft github.com/cometbft/cometbft-db
timeout 300 ./third
