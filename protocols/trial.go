package protocols

import (
	"unicode/utf8"

	"parley/engine"
)

// trial checks an accused blob: whoever accuses must be able to show it.
type trial struct {
	desk    *desk
	digest  engine.Digest
	size    int
	sources []Key
	check   func(blob []byte) *Fault
	started bool
	ended   bool
	fault   *Fault
}

func newTrial(d *desk, digest engine.Digest, size int, first, others []Key, check func([]byte) *Fault) *trial {
	delete(d.wanted, digest) // it may have been asked of others only
	return &trial{desk: d, digest: digest, size: size, sources: append(first, others...), check: check}
}

// advance reports the accused's fault, or nil if its blob verifies, once that is known.
func (t *trial) advance() (*Fault, bool) {
	if t.ended || t.started {
		return t.fault, t.ended
	}
	blob := t.desk.blobs[t.digest]
	if blob == nil {
		t.desk.want(t.digest, t.size, t.sources...)
		return nil, false
	}
	t.started = true
	t.desk.work("verifying", func() func() {
		fault := t.check(blob)
		return func() { t.fault, t.ended = fault, true }
	})
	return nil, false
}

// sentence cuts a text to what an entry may carry.
func sentence(text string) string {
	clean := make([]rune, 0, len(text))
	size := 0
	for _, r := range text {
		if r == 0 || r == utf8.RuneError {
			r = '?'
		}
		if size += utf8.RuneLen(r); size > MaxSentence {
			break
		}
		clean = append(clean, r)
	}
	return string(clean)
}

func marshalServed(s *Served) []byte {
	if s == nil {
		return nil
	}
	return s.Marshal()
}
