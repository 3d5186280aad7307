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

// TestClosedTables: of a table that nobody is answered about the status says so, and why; of another one nothing.
func TestClosedTables(t *testing.T) {
	open := TableReport{Name: "open", Policy: 1, Rules: 1, Class: "unconditional"}
	got := closedTables([]TableReport{open, {Name: "new", Class: "on-condition"}, {Name: "other"}, {Name: "empty", Policy: 2, Class: "on-condition"},
		{Name: "shut", Policy: 1, Rules: 3, Class: "none"}})
	want := []string{"there is no policy for table new, other: this department answers nobody about it, until one of its stewards runs parley policy publish",
		"the policy for table empty has no rule: this department answers nobody about it, until one of its stewards runs parley policy publish",
		`table other, shut is not shared: it is of class none, by its own word or of a unit above, or declares no class, and nobody is answered about it; class = "unconditional" or "on-condition" below [[table]] in node.toml, and parley node reload`}
	if !slices.Equal(got, want) || closedTables([]TableReport{open}) != nil {
		t.Errorf("%q", got)
	}
}
