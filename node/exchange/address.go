package exchange

import (
	"parley/node/failure"
	"parley/node/peers"
)

// CheckAddress refuses what is no multiaddr of a node.
func CheckAddress(address string) error {
	if info, err := peers.ParseAddress(address); err != nil || len(info.Addrs) == 0 {
		return failure.Usage("node", "for example /ip4/192.0.2.10/tcp/4001/p2p/12D3KooW...",
			"--node %q is not a multiaddr that ends in /p2p/PEER-ID", address)
	}
	return nil
}
