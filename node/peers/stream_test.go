package peers

import (
	"bytes"
	"io"
	"testing"
)

// steps is what a reader is asked for, and gives zeros of.
type steps struct{ asked []int }

func (s *steps) Read(p []byte) (int, error) {
	s.asked = append(s.asked, len(p))
	return len(p), nil
}

// TestPayloadGrows: a peer that announces a long payload has room made for it as it sends it.
func TestPayloadGrows(t *testing.T) {
	from := new(steps)
	payload, err := readPayload(from, MessageLimit+1)
	if err != nil || len(payload) != MessageLimit+1 {
		t.Fatalf("%d bytes, %v", len(payload), err)
	}
	got := 0
	for _, n := range from.asked {
		if n > max(got, firstPart) {
			t.Errorf("room for %d bytes more after %d", n, got)
		}
		got += n
	}
	for _, short := range []int{0, 1, firstPart - 1, firstPart, firstPart + 1, 3 * firstPart} {
		want := io.ErrUnexpectedEOF
		if short == 0 {
			want = io.EOF
		}
		if b, err := readPayload(bytes.NewReader(make([]byte, short)), 4*firstPart); err != want {
			t.Errorf("%d of %d bytes: %d, %v", short, 4*firstPart, len(b), err)
		}
		if b, err := readPayload(bytes.NewReader(make([]byte, short)), short); err != nil || len(b) != short || b == nil {
			t.Errorf("%d bytes: %d, %v", short, len(b), err)
		}
	}
}
