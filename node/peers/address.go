package peers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"

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

// The ports that FreePorts looks through: below those that systems give to connections and to whoever
// listens on any port, so that none is taken between here and its use.
const firstPort, lastPort = 10_240, 32_000

// nextPort is the port that FreePorts looks at next; processes begin apart from each other.
var nextPort struct {
	sync.Mutex
	port int
}

// FreePorts finds ports of 127.0.0.1 on which nobody listens, all different, and not those that this
// process was given before.
func FreePorts(count int) (ports []int, err error) {
	p := &nextPort
	p.Lock()
	defer p.Unlock()
	if p.port == 0 {
		p.port = firstPort + rand.IntN(lastPort-firstPort)
	}
	for tries := firstPort; len(ports) < count; tries++ {
		if tries == lastPort {
			return nil, fmt.Errorf("no free port on 127.0.0.1: %w", err)
		}
		if p.port++; p.port >= lastPort {
			p.port = firstPort
		}
		var l net.Listener
		if l, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", p.port)); err == nil {
			ports = append(ports, p.port)
			err = l.Close()
		}
	}
	return ports, err
}
