package audit

import (
	"fmt"
	"slices"

	"parley/node/peers"
	"parley/protocols"
)

// Seat is a department or auditor by name and key, and how the key came to
// the name. Its field names are part of the interface.
type Seat struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	Peer     string `json:"peer"`
	Key      string `json:"key"`              // 64 hex digits
	Pinned   bool   `json:"pinned"`           // the pinned description names this key under this name
	Standing string `json:"standing"`         // founder, rotated, added, replaced, seized
	Block    uint64 `json:"block,omitempty"`  // of the vote that made it so
	Before   string `json:"before,omitempty"` // the peer id that had the name before that vote
	Left     uint64 `json:"left,omitempty"`   // block of the vote that removed it
}

// SeatOf is a seat as it is shown.
func SeatOf(s protocols.Seat) Seat {
	how, block := s.Standing()
	out := Seat{Name: s.Name, Role: string(s.Role), Peer: peers.PeerOf(s.Key), Key: s.Key.String(), Pinned: s.Pinned,
		Standing: string(how), Block: block, Left: s.Left}
	for _, step := range s.Steps {
		if step.How == how && step.Block == block && step.Before != (protocols.Key{}) {
			out.Before = peers.PeerOf(step.Before)
		}
	}
	return out
}

// SeatsOf are the present seats and then those that are gone, as they are shown.
func SeatsOf(present, gone []protocols.Seat) []Seat {
	out := []Seat{}
	for _, s := range slices.Concat(present, gone) {
		out = append(out, SeatOf(s))
	}
	return out
}

// Origin says how a key came to its name; empty: it is a founder's.
func (s Seat) Origin() string {
	if s.Standing == string(protocols.Founder) {
		return ""
	}
	text := fmt.Sprintf("%s in block %d", s.Standing, s.Block)
	if s.Before != "" {
		text += " from " + s.Before
	}
	return text
}
