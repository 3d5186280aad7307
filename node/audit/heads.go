package audit

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/peers"
	"parley/protocols"
)

// Head is what `head --json` prints.
type Head struct {
	Pinned     bool      `json:"pinned"`
	Genesis    string    `json:"genesis"`
	Nodes      []string  `json:"nodes"` // peer ids
	Block      uint64    `json:"block"`
	Time       time.Time `json:"time"`
	Hash       string    `json:"hash"`
	State      string    `json:"state"` // hash of the state before the block
	Validators []string  `json:"validators"`
	// OtherKeys are those of them that are not pinned.
	OtherKeys []NewValidator `json:"otherKeys"`
	Compared  bool           `json:"-"` // with a pinned description, or the founders of a pinned id
}

// NewValidator is a validator that votes put there: the light client knows
// keys, not names.
type NewValidator struct {
	Peer  string `json:"peer"`
	Block uint64 `json:"block"` // of the vote; 0: a founder that the pinned description has no more
}

// Compare finds the validators that are not pinned. Without a pinned later
// membership they are compared with the founders, whom the network's id names.
func (h *Head) Compare(pins Pins, founding *protocols.Network, got ledger.LightBlock) {
	pin := founding
	if h.Compared = pins.Any(); pins.Network != nil {
		pin = pins.Network
	}
	h.OtherKeys = []NewValidator{}
	for i, v := range got.Validators {
		key := protocols.Key(v)
		h.Validators = append(h.Validators, peers.PeerOf(key))
		if !slices.Contains(pin.Present(), key) {
			h.OtherKeys = append(h.OtherKeys, NewValidator{peers.PeerOf(key), got.Since[i]})
		}
	}
	h.Pinned = h.Compared && len(h.OtherKeys) == 0
}

// CompareHeads runs the ledger's light client against nodes.
func CompareHeads(ctx context.Context, addresses []string, id peers.Identity, pins Pins, block uint64) (*Head, error) {
	allowed := map[peer.ID]peers.Role{}
	var ids []peer.ID
	var infos []peer.AddrInfo
	for _, address := range addresses {
		info, err := peers.ParseAddress(address)
		if err != nil {
			return nil, exchange.CheckAddress(address)
		}
		if allowed[info.ID] == peers.Member {
			return nil, failure.Usage("node", "", "--node names %s twice", info.ID)
		}
		allowed[info.ID] = peers.Member
		ids, infos = append(ids, info.ID), append(infos, *info)
	}
	t, err := peers.NewHost(id, "", peers.NewRoles(allowed), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	var network *protocols.Network
	for _, info := range infos {
		dial, cancel := context.WithTimeout(ctx, peers.DialTimeout)
		h, err := exchange.Greet(dial, t, info, id)
		cancel()
		if err != nil {
			return nil, err
		}
		if network != nil && network.ID() != h.Network.ID() {
			return nil, failure.Refused("network", "", "the nodes are of two networks: %s and %s", network.ID(), h.Network.ID())
		}
		network = &h.Network
	}
	if pins.Network != nil && pins.Network.ID() != network.ID() || pins.Genesis != (engine.Digest{}) && pins.Genesis != network.ID() {
		return nil, failure.Refused("network", "", "the nodes are of network %s, which is not the pinned one", network.ID())
	}
	got, err := ledger.Light(ctx, t.Libp2p, network.ID(), exchange.LedgerKeys(network.Validators()), ids, block)
	if err != nil {
		return nil, failure.Refused("ledger", "", "%s", err)
	}
	out := &Head{Genesis: network.ID().String(), Block: got.Block, Time: got.Time.UTC(),
		Hash: hex.EncodeToString(got.Hash[:]), State: hex.EncodeToString(got.App)}
	for _, p := range ids {
		out.Nodes = append(out.Nodes, p.String())
	}
	out.Compare(pins, network, got)
	return out, nil
}
