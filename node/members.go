package node

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"parley/circuits"
	"parley/protocols"
)

// networkTitle is the name in the description of a network that nodes make by
// themselves from their configurations.
const networkTitle = "parley"

// membership is what a configuration says about who is who.
type membership struct {
	self     protocols.Key
	members  []protocols.Key // with this node's own, ascending
	peers    []peer.AddrInfo // the other members
	analysts []protocols.Key
	roles    roles
}

// newMembership reads the peers and analysts of a configuration. Errors name
// the field and the entry.
func newMembership(cfg Config, self protocols.Key) (*membership, error) {
	m := &membership{self: self, members: []protocols.Key{self}, roles: roles{}}
	for i, text := range cfg.Peers {
		info, err := parsePeer(text)
		if err != nil {
			return nil, fmt.Errorf("peers: entry %d, %q: %w", i+1, text, err)
		}
		key, err := keyOfPeer(info.ID)
		if err != nil {
			return nil, fmt.Errorf("peers: entry %d: %w", i+1, err)
		}
		if key == self {
			return nil, fmt.Errorf("peers: entry %d is this node's own identity: peers are the other departments", i+1)
		}
		if m.roles[info.ID] != stranger {
			return nil, fmt.Errorf("peers: entry %d names %s a second time", i+1, info.ID)
		}
		m.roles[info.ID] = member
		m.members = append(m.members, key)
		m.peers = append(m.peers, *info)
	}
	for i, text := range cfg.Analysts {
		key, err := KeyOf(text)
		if err != nil {
			return nil, fmt.Errorf("analysts: entry %d: %w", i+1, err)
		}
		id := peerID(key)
		if m.roles[id] == member || key == self {
			return nil, fmt.Errorf("analysts: entry %d, %s, is a department: an analyst has an identity of its own", i+1, id)
		}
		if m.roles[id] == analyst {
			return nil, fmt.Errorf("analysts: entry %d names %s a second time", i+1, id)
		}
		m.roles[id] = analyst
		m.analysts = append(m.analysts, key)
	}
	slices.SortFunc(m.members, func(a, b protocols.Key) int { return bytes.Compare(a[:], b[:]) })
	if len(m.members) > protocols.MaxDepartments {
		return nil, fmt.Errorf("peers: %d departments are over the limit of %d", len(m.members), protocols.MaxDepartments)
	}
	return m, nil
}

// parsePeer reads a multiaddr that ends in /p2p/ID; the address before it may
// be missing.
func parsePeer(text string) (*peer.AddrInfo, error) {
	if !strings.Contains(text, "/p2p/") {
		return nil, fmt.Errorf("the address does not end in /p2p/ID")
	}
	a, err := multiaddr.NewMultiaddr(text)
	if err != nil {
		return nil, fmt.Errorf("not a multiaddr: %w", err)
	}
	info, err := peer.AddrInfoFromP2pAddr(a)
	if err != nil {
		return nil, fmt.Errorf("not an address of a peer: %w", err)
	}
	return info, nil
}

// keeper is the member that keeps the log and makes development keys: the one
// with the lowest key. It has no other privilege.
func (m *membership) keeper() protocols.Key { return m.members[0] }

// network is the description of the network that the configuration and the
// keys give: all but the departments' names.
func (m *membership) network(p circuits.Params, keys *circuits.VerifyingKeys) *protocols.Network {
	n := &protocols.Network{Version: protocols.Version, Name: networkTitle, Parameters: p.Name(), Keeper: m.keeper(),
		Development: true, VerifyingKeys: keys.MarshalBinary()}
	for _, key := range m.members {
		n.Departments = append(n.Departments, protocols.Member{Key: key})
	}
	return n
}
