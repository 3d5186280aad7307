package ledger

import (
	"fmt"
	"net"
	"path/filepath"
	"time"

	cmtconfig "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/p2p"
	"github.com/libp2p/go-libp2p/core/peer"
)

// gossipPeers is up to how many validators Timing.Gossip is taken as it is.
const gossipPeers = 4

// cometConfig is CometBFT's configuration: no port but a loopback one, no
// exchange of addresses, no RPC, no index, no metrics of its own.
func (l *Ledger) cometConfig() *cmtconfig.Config {
	t := l.config.Timing
	// Two routines a peer look so often: with many peers more seldom, so that
	// idling costs the same.
	gossip := t.Gossip * time.Duration(max(1, len(l.app.Last().Validators())/gossipPeers))
	c := cmtconfig.DefaultConfig()
	c.SetRoot(l.config.Dir)
	c.Moniker = "parley"
	c.FilterPeers = true
	c.RPC.ListenAddress = ""
	c.TxIndex.Indexer = "null"
	c.Storage.DiscardABCIResponses = true
	c.Instrumentation.Prometheus = false

	c.P2P.ListenAddress = freeLoopback()
	c.P2P.AddrBook = "addresses.json"
	c.P2P.AddrBookStrict = false
	c.P2P.AllowDuplicateIP = true
	c.P2P.PexReactor = false
	c.P2P.MaxNumInboundPeers = maxPeers
	c.P2P.MaxNumOutboundPeers = maxPeers
	c.P2P.SendRate = peerRate
	c.P2P.RecvRate = peerRate
	c.P2P.MaxPacketMsgPayloadSize = packetBytes
	c.P2P.FlushThrottleTimeout = gossip / 5

	c.Mempool.Size = mempoolTxs
	c.Mempool.MaxTxsBytes = mempoolBytes
	c.Mempool.MaxTxBytes = MaxTx
	c.Mempool.CacheSize = mempoolSeen

	c.Consensus.WalPath = filepath.Join(logFolder, logFile)
	c.Consensus.TimeoutPropose, c.Consensus.TimeoutProposeDelta = t.Propose, t.Propose/2
	c.Consensus.TimeoutPrevote, c.Consensus.TimeoutPrevoteDelta = t.Vote, t.Vote/2
	c.Consensus.TimeoutPrecommit, c.Consensus.TimeoutPrecommitDelta = t.Vote, t.Vote/2
	c.Consensus.TimeoutCommit = t.Commit
	c.Consensus.SkipTimeoutCommit = false
	c.Consensus.CreateEmptyBlocks = false
	c.Consensus.CreateEmptyBlocksInterval = t.Heartbeat
	c.Consensus.PeerGossipSleepDuration = gossip
	return c
}

// freeLoopback is an address on which nothing listens at the moment.
func freeLoopback() string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "tcp://127.0.0.1:26656"
	}
	defer l.Close()
	return fmt.Sprintf("tcp://%s", l.Addr())
}

// switchPeer is CometBFT's id of a libp2p peer, or an id that nobody has.
func switchPeer(id peer.ID) p2p.ID {
	n, err := nodeID(id)
	if err != nil {
		return ""
	}
	return n
}
