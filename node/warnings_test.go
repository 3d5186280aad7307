package node

import (
	"slices"
	"testing"

	"parley/node/nodetest"
)

// TestFullDisk: the status warns of a disk that is nearly full, by a gigabyte or by its twentieth, and of no other.
func TestFullDisk(t *testing.T) {
	params, err := nodetest.Tiny("light")
	nodetest.Check(t, err)
	n := &node{params: params}
	const gb = 1 << 30
	for _, c := range []struct {
		d    DiskReport
		want string
	}{
		{DiskReport{Free: 2 * gb, Size: 30 * gb}, ""},
		{DiskReport{Free: gb, Size: 20 * gb}, ""},
		{DiskReport{Free: gb - 1, Size: 2 * gb}, "1.1 GB are free on the disk: when it is full the node stops"},
		{DiskReport{Free: 40 * gb, Size: 1000 * gb}, "42.9 GB are free on the disk: when it is full the node stops"},
		{DiskReport{Free: 0, Size: 20 * gb}, "0.0 GB are free on the disk: when it is full the node stops"},
		{DiskReport{}, ""}, // it could not be found out
	} {
		without := n.warnings(&Report{Disk: DiskReport{Free: 9 * gb, Size: 9 * gb}}, &view{})
		got := n.warnings(&Report{Disk: c.d}, &view{})
		if c.want != "" {
			without = append(without, c.want)
		}
		if !slices.Equal(got, without) {
			t.Errorf("%+v: %q, want %q", c.d, got, without)
		}
	}
}
