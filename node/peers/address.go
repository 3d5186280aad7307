package peers

import (
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// ParseAddress reads a multiaddr that ends in /p2p/ID; the address before it may
// be missing.
func ParseAddress(text string) (*peer.AddrInfo, error) {
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
