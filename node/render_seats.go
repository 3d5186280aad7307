package node

import (
	"fmt"
	"slices"
	"strings"

	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// seatJSON is a department or auditor by name and key, and how the key came to
// the name. Its field names are part of the interface.
type seatJSON struct {
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

func seatOf(s protocols.Seat) seatJSON {
	how, block := s.Standing()
	out := seatJSON{Name: s.Name, Role: string(s.Role), Peer: peers.PeerOf(s.Key), Key: s.Key.String(), Pinned: s.Pinned,
		Standing: string(how), Block: block, Left: s.Left}
	for _, step := range s.Steps {
		if step.How == how && step.Block == block && step.Before != (protocols.Key{}) {
			out.Before = peers.PeerOf(step.Before)
		}
	}
	return out
}

func seatsOf(present, gone []protocols.Seat) []seatJSON {
	out := []seatJSON{}
	for _, s := range slices.Concat(present, gone) {
		out = append(out, seatOf(s))
	}
	return out
}

// standing says how a key came to its name; empty: it is a founder's.
func (s seatJSON) standing() string {
	if s.Standing == string(protocols.Founder) {
		return ""
	}
	text := fmt.Sprintf("%s in block %d", s.Standing, s.Block)
	if s.Before != "" {
		text += " from " + s.Before
	}
	return text
}

// mark is what stands beside a name whose key is not what the name alone lets
// one believe; empty: it is. compared tells that there is a pinned description.
func (s seatJSON) mark(compared bool) string {
	text := s.standing()
	if compared && !s.Pinned {
		text = strings.TrimSuffix("NOT the pinned key: "+text, ": ")
	}
	if s.Left > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s; removed in block %d", text, s.Left), "; ")
	}
	return text
}

// markedNames are names, each with its key's mark.
func markedNames(names []string, seats []seatJSON, compared bool) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = failure.Printable(name)
		for _, s := range seats {
			if mark := s.mark(compared); s.Name == name && s.Role == roleDepartment && s.Left == 0 && mark != "" {
				out[i] += " (" + mark + ")"
			}
		}
	}
	return out
}

// seatLines shows every key, one a line, if there is anything to say of one.
func seatLines(label string, seats []seatJSON, compared bool) string {
	if !slices.ContainsFunc(seats, func(s seatJSON) bool { return s.mark(compared) != "" }) {
		return ""
	}
	var b strings.Builder
	for _, s := range seats {
		name := s.Name
		if name == "" {
			name = "(" + s.Role + ")"
		}
		mark := s.mark(compared)
		switch {
		case compared && s.Pinned && mark != "":
			mark = "pinned; " + mark
		case compared && s.Pinned:
			mark = "pinned"
		case mark == "":
			mark = "founder"
		}
		fmt.Fprintf(&b, "%-12s %s %s: %s\n", label, failure.Printable(name), s.Peer, mark)
		label = ""
	}
	return b.String()
}
