package render

import (
	"strings"
	"testing"

	"parley/node/audit"
	"parley/node/peers"
	"parley/protocols"
)

// TestMarks: what stands beside a name, for each way to it.
func TestMarks(t *testing.T) {
	key := func(b byte) protocols.Key { return protocols.Key{b} }
	seat := func(pinned bool, left uint64, steps ...protocols.Step) audit.Seat {
		return audit.SeatOf(protocols.Seat{Name: "x", Role: protocols.RoleDepartment, Key: key(1), Steps: steps, Left: left, Pinned: pinned})
	}
	from := " from " + peers.PeerOf(key(2))
	for _, tc := range []struct {
		seat     audit.Seat
		compared bool
		want     string
	}{
		{seat(true, 0), true, ""},
		{seat(false, 0), false, ""},
		{seat(false, 0), true, "NOT the pinned key"},
		{seat(true, 7), true, "removed in block 7"},
		{seat(true, 0, protocols.Step{How: protocols.Rotated, Block: 3, Before: key(2)}), true, "rotated in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Rotated, Block: 3, Before: key(2)}), true, "NOT the pinned key: rotated in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Seized, Block: 3, Before: key(2)}), false, "seized in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Seized, Block: 3, Before: key(2)}, protocols.Step{How: protocols.Rotated, Block: 9, Before: key(4)}), true, "NOT the pinned key: seized in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Replaced, Block: 5, Before: key(2)}), true, "NOT the pinned key: replaced in block 5" + from},
		{seat(false, 0, protocols.Step{How: protocols.Added, Block: 5}), true, "NOT the pinned key: added in block 5"},
		{seat(false, 8, protocols.Step{How: protocols.Added, Block: 5}), true, "NOT the pinned key: added in block 5; removed in block 8"},
	} {
		if got := SeatMark(tc.seat, tc.compared); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
		if lines := strings.Join(strings.Fields(SeatLines("keys", []audit.Seat{tc.seat}, tc.compared)), " "); strings.Contains(lines, tc.want) != (tc.want != "" || lines == "") {
			t.Errorf("%q", lines)
		}
	}
	e := audit.Event{Author: "x", Peer: peers.PeerOf(key(1)), Seat: "seized in block 3" + from}
	if got := shortAuthor(e); !strings.HasPrefix(got, "x (seized …") {
		t.Error(got)
	}
}
