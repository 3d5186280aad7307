package door

import (
	"net"
	"sync"
)

// Bounded is a listener of so many connections at once.
func Bounded(l net.Listener, most int) net.Listener {
	return &bounded{Listener: l, room: make(chan struct{}, most)}
}

type bounded struct {
	net.Listener
	room chan struct{}
}

// Accept implements net.Listener. One connection too many is closed at once, so that those who hold connections do not keep others
// waiting without a word.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.room <- struct{}{}:
			return &counted{Conn: c, leave: sync.OnceFunc(func() { <-b.room })}, nil
		default:
			c.Close()
		}
	}
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
