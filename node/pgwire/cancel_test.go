package pgwire

import (
	"net"
	"testing"
	"time"

	"parley/node/login"
)

// TestCancel: the statement of who knows the secret is cancelled, in the clear and over TLS, and none other.
func TestCancel(t *testing.T) {
	d := openDoor(t, nil)
	for _, more := range []string{"max_protocol_version=3.0", "max_protocol_version=3.2"} {
		c, err := d.connect(t, more)
		if err != nil {
			t.Fatal(err)
		}
		key := func(change byte) string {
			k := append([]byte{0, 0, byte(c.PID() >> 8), byte(c.PID())}, c.SecretKey()...)
			k[len(k)-1] ^= change
			return string(k)
		}
		cancel := func(body string, secured bool) {
			h := d.dial(t)
			if secured {
				h.secure(nil)
			}
			h.send(packet(cancelRequest, body))
			h.closed("an answer to a request to cancel")
		}
		cancel(key(0), false) // nothing runs
		mustAsk(t, c)
		for _, secured := range []bool{false, true} {
			result := make(chan error, 1)
			go func() {
				_, err := ask(t.Context(), c, "sleep")
				result <- err
			}()
			time.Sleep(100 * time.Millisecond)
			cancel(key(1), secured)
			cancel(key(0)[:len(key(0))-1], secured)
			cancel(key(0)+"x", secured)
			cancel("\x00\x00\x00\x00"+key(0)[4:], secured)
			cancel("", secured)
			select {
			case err := <-result:
				t.Fatalf("cancelled by a wrong secret: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			cancel(key(0), secured)
			if err := <-result; code(err) != "57014" {
				t.Errorf("%v", err)
			}
			mustAsk(t, c)
		}
		c.Close(t.Context())
	}
	if got := d.Status(); got.Cancels != 6 || got.CancelsRefused != 20 {
		t.Errorf("%+v", got)
	}
}

// TestCancelsAreLimited: after some wrong secrets a short one is not heard, even if it is right; a long one is.
func TestCancelsAreLimited(t *testing.T) {
	d := openDoor(t, func(l *Limits) { l.CancelsPerAddress = 3 })
	place := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}
	heard := func(version uint32) bool {
		key := newKey(version)
		c := &conn{}
		cancelled := false
		c.cancel = func(error) { cancelled = true }
		d.mu.Lock()
		d.sessions[7] = &live{conn: c, key: key}
		d.mu.Unlock()
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.sessions, 7)
		}()
		d.heed(place, append([]byte{0, 0, 0, 7}, key...))
		return cancelled
	}
	d.cancels = login.NewBudget[string](time.Hour, nil)
	if !heard(version30) {
		t.Fatal("not heard at first")
	}
	for range 10 {
		d.heed(place, []byte{0, 0, 0, 7, 1, 2, 3, 4})
	}
	if heard(version30) {
		t.Error("heard after many wrong ones")
	}
	if !heard(version32) {
		t.Error("a long one is not heard")
	}
	place.IP = net.IPv4(192, 0, 2, 2)
	if !heard(version30) {
		t.Error("one from elsewhere is not heard")
	}
}
