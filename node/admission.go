package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/node/peers"
	"parley/protocols"
)

// admissionPause is after how long at most a node looks who of the persons may talk to it, though the ledger says
// nothing new.
const admissionPause = time.Hour

// followPause is how often the operator's door looks whether the node has followed what it said.
const followPause = 10 * time.Millisecond

// admission is whom a node lets in of the persons for whom departments vouch at a time, in seconds: those of its own
// department first, and then one of each other in turn, those vouched for the longest first, so that nobody's crowd out the
// others'. left is for how many there is no room, and next when a vouch begins or ends; 0: none does.
func admission(people []protocols.Person, self protocols.Key, room int, now int64) (in []protocols.Key, left int, next int64) {
	type place struct {
		turn   int // within the department; 0: this node's own
		person protocols.Person
	}
	var valid []place
	turns := map[protocols.Key]int{}
	people = slices.SortedFunc(slices.Values(people), func(a, b protocols.Person) int { return cmp.Compare(a.Number, b.Number) })
	for _, p := range people {
		for _, at := range []int64{p.From, p.Until} {
			if at > now && (next == 0 || at < next) {
				next = at
			}
		}
		if now < p.From || now >= p.Until {
			continue
		}
		turn := 0
		if p.By != self {
			turns[p.By]++
			turn = turns[p.By]
		}
		valid = append(valid, place{turn, p})
	}
	slices.SortStableFunc(valid, func(a, b place) int { return cmp.Compare(a.turn, b.turn) })
	for _, v := range valid[:min(max(room, 0), len(valid))] {
		in = append(in, v.person.Key)
	}
	return in, len(valid) - len(in), next
}

// followPeople lets in whom departments vouch for, and cuts off who is revoked, replaced or expired, unless the
// configuration lists it. Members stay what they are. By this node's ledger and clock. The loop's.
func (n *node) followPeople() {
	n.duty.people = false
	persons := map[peer.ID]bool{}
	for _, key := range n.founding.analysts {
		persons[peers.IDOf(key)] = true
	}
	people := slices.DeleteFunc(n.replica.People(), func(p protocols.Person) bool { return persons[peers.IDOf(p.Key)] })
	now := time.Now()
	in, left, next := admission(people, n.id.Key(), peers.MaxPersons-len(persons), now.Unix())
	for _, key := range in {
		persons[peers.IDOf(key)] = true
	}
	for _, p := range n.transport.Roles.With(peers.Person) {
		if !persons[p] {
			n.log.Info("a person is not let in any more", "peer", p.String())
			n.transport.Expel(p)
		}
	}
	for p := range persons {
		if n.transport.Roles.Of(p) == peers.Stranger && n.transport.Roles.Set(p, peers.Person) {
			n.log.Debug("a person is let in", "peer", p.String())
		}
	}
	if left != n.duty.leftOut && left > 0 {
		n.log.Warn("there is no room for all persons for whom departments vouch", "left out", left, "room", peers.MaxPersons)
	}
	n.duty.leftOut = left
	pause := admissionPause
	if next > 0 {
		pause = min(pause, time.Unix(next, 0).Sub(now))
	}
	n.admit.Reset(max(pause, time.Millisecond))
}

// awaitFollowed waits until the loop has followed the ledger as far, or ctx ends: who was told that a person is vouched for may
// tell the person to connect.
func (n *node) awaitFollowed(ctx context.Context, number uint64) {
	for n.view.Load().height < number {
		select {
		case <-ctx.Done():
			return
		case <-time.After(followPause):
		}
	}
}
