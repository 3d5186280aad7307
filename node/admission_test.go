package node

import (
	"slices"
	"testing"

	"parley/protocols"
)

// TestAdmission: who is let in, of whom at a time; where there is no room for all, this node's own first, and of the other
// departments one in turn.
func TestAdmission(t *testing.T) {
	person := func(key, by byte, number uint64, from, until int64) protocols.Person {
		return protocols.Person{Key: protocols.Key{key}, By: protocols.Key{by}, Number: number, From: from, Until: until}
	}
	const own, north, south = 1, 2, 3
	people := []protocols.Person{
		person(10, north, 1, 0, 100), person(11, north, 2, 0, 100), person(12, north, 3, 0, 90), person(20, south, 4, 0, 100), person(30, own, 9, 0, 100), person(31, own, 8, 0, 100),
		person(40, own, 5, 60, 100), person(41, south, 6, 0, 50), // later, and over
	}
	for _, c := range []struct {
		room int
		now  int64
		in   []byte
		left int
		next int64
	}{
		{9, 50, []byte{31, 30, 10, 20, 11, 12}, 0, 60},
		{9, 49, []byte{31, 30, 10, 20, 11, 41, 12}, 0, 50},
		{5, 60, []byte{40, 31, 30, 10, 20}, 2, 90},
		{1, 50, []byte{31}, 5, 60},
		{0, 50, nil, 6, 60},
		{-1, 50, nil, 6, 60},
		{9, 90, []byte{40, 31, 30, 10, 20, 11}, 0, 100},
		{9, 100, nil, 0, 0},
	} {
		want := func(in []byte) (keys []protocols.Key) {
			for _, k := range in {
				keys = append(keys, protocols.Key{k})
			}
			return keys
		}
		slices.Reverse(people) // their order does not count
		in, left, next := admission(people, protocols.Key{own}, c.room, c.now)
		if !slices.Equal(in, want(c.in)) || left != c.left || next != c.next {
			t.Errorf("%+v: %v, %d, %d", c, in, left, next)
		}
	}
}
