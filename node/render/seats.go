package render

import (
	"fmt"
	"slices"
	"strings"

	"parley/node/audit"
	"parley/node/config"
	"parley/node/failure"
)

// SeatMark is what stands beside a name whose key is not what the name alone lets
// one believe; empty: it is. compared tells that there is a pinned description.
func SeatMark(s audit.Seat, compared bool) string {
	text := s.Origin()
	if compared && !s.Pinned {
		text = strings.TrimSuffix("NOT the pinned key: "+text, ": ")
	}
	if s.Left > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s; removed in block %d", text, s.Left), "; ")
	}
	return text
}

// markedNames are names, each with its key's mark.
func markedNames(names []string, seats []audit.Seat, compared bool) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = failure.Printable(name)
		for _, s := range seats {
			if mark := SeatMark(s, compared); s.Name == name && s.Role == config.RoleDepartment && s.Left == 0 && mark != "" {
				out[i] += " (" + mark + ")"
			}
		}
	}
	return out
}

// SeatLines shows every key, one a line, if there is anything to say of one.
func SeatLines(label string, seats []audit.Seat, compared bool) string {
	if !slices.ContainsFunc(seats, func(s audit.Seat) bool { return SeatMark(s, compared) != "" }) {
		return ""
	}
	var b Page
	for _, s := range seats {
		name := s.Name
		if name == "" {
			name = "(" + s.Role + ")"
		}
		mark := SeatMark(s, compared)
		switch {
		case compared && s.Pinned && mark != "":
			mark = "pinned; " + mark
		case compared && s.Pinned:
			mark = "pinned"
		case mark == "":
			mark = "founder"
		}
		b.Add(label, "%s %s: %s", name, s.Peer, mark)
		label = ""
	}
	return b.String()
}
