package protocols

import (
	"bytes"
	"math/big"
	"testing"

	"parley/engine"
)

// TestOpenedIsRead: what is journaled of rounded counts is read again, of more cells than a list in a message may have.
func TestOpenedIsRead(t *testing.T) {
	cells := make([]*big.Int, engine.MaxEncodedElements+1)
	for i := range cells {
		cells[i] = big.NewInt(int64(i) * 5)
	}
	record := engine.Marshal(NewOpened([]byte("secret"), cells))
	o, err := ParseOpened(record)
	if err != nil || len(o.Cells()) != len(cells) || !bytes.Equal(o.Secret, []byte("secret")) {
		t.Fatalf("%v", err)
	}
	for i, c := range o.Cells() {
		if c.Cmp(cells[i]) != 0 {
			t.Fatalf("count %d is %s", i, c)
		}
	}
	if _, err := ParseOpened(engine.Marshal(&Opened{Counts: []byte{5, 0x80}})); err == nil {
		t.Error("a count that is cut off is read")
	}
}

// TestVerdictRuns: runs that packVerdict does not write are refused, and looked at without making the cells.
func TestVerdictRuns(t *testing.T) {
	packed, err := packVerdict(append(make([]byte, 300), 1, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkRuns(packed, nil); err != nil {
		t.Error(err)
	}
	for what, runs := range map[string][]byte{
		"nothing":                nil,
		"no cells":               {0, 0},
		"a run twice":            {0, 1, 0, 1},
		"a length that is long":  {0, 0x81, 0},
		"a length that is short": {0, 0x80},
		"a code alone":           {0, 1, 2},
		"too many cells":         {0, 0xff, 0xff, 0xff, 0xff, 0x0f},
	} {
		if err := checkRuns(runs, nil); err == nil {
			t.Errorf("%s: it is taken", what)
		}
		if _, err := unpackVerdict(runs); err == nil {
			t.Errorf("%s: it is read", what)
		}
	}
	if allocated := testing.AllocsPerRun(10, func() { _ = checkRuns([]byte{1, 0x80, 0x80, 0x40}, nil) }); allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}
