package main

import (
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/bench/reconstruct"
	"parley/engine"
)

// samplePeople writes persons of whom some have values or pairs of values that nobody else has.
func samplePeople(t *testing.T) string {
	r := rand.New(rand.NewPCG(15, 15))
	rows := [][]string{{"id", "age", "trade", "town", "sex"}}
	skewed := func(n int) int { return r.IntN(1 + r.IntN(1+r.IntN(n))) }
	for i := range 600 {
		rows = append(rows, []string{fmt.Sprint(i), fmt.Sprint(18 + skewed(30)), fmt.Sprintf("trade %02d", skewed(12)),
			fmt.Sprintf("town %d", skewed(6)), []string{"f", "m"}[r.IntN(2)]})
	}
	path := filepath.Join(t.TempDir(), "people.csv")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(csv.NewWriter(f).WriteAll(rows), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReconstruction: over made-up persons, without control and where empty cells are shown some are pinned; with every preset, with
// cell keys and with noise nobody is, and something is shown all the same. Bounds that exclude the true count would end the run.
func TestReconstruction(t *testing.T) {
	if testing.Short() {
		t.Skip("ten tables under ten controls")
	}
	r, err := runReconstruction(context.Background(), samplePeople(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Persons != 600 || r.Tables != 10 || len(r.Columns) != 4 {
		t.Fatalf("%d persons, %d tables by %q", r.Persons, r.Tables, r.Columns)
	}
	pins := func(name string) bool { return name == "none" || strings.Contains(name, "empty cells shown") }
	for _, c := range r.Controls {
		if pins(c.Control) != (c.Pinned > 0) {
			t.Errorf("%s: %d persons are pinned", c.Control, c.Pinned)
		}
		if c.Answered == 0 || c.Shown == 0 {
			t.Errorf("%s: %d tables are answered, refused are others for %q", c.Control, c.Answered, c.Refused)
		}
	}
	for _, name := range engine.Presets() {
		if !slices.ContainsFunc(r.Controls, func(c reconstructed) bool { return c.Control == name }) {
			t.Errorf("%s is left out", name)
		}
	}
	none := r.Controls[0]
	if none.Withheld != 0 || none.Shown != 1 || none.Covered != 1 || none.Ones != none.TrueOnes {
		t.Errorf("without control: %+v", none)
	}
	if text := r.markdown(); strings.Count(text, "\n| ") != 1+len(r.Controls) {
		t.Errorf("the table is\n%s", text)
	}
	plot := xml.NewDecoder(strings.NewReader(r.plot()))
	for {
		if _, err := plot.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot: %v", err)
		}
	}
}

// TestRounded: the bounds of a rounded count are exactly the counts that round to it.
func TestRounded(t *testing.T) {
	for _, base := range engine.Bases {
		for _, least := range []int32{1, 8, 10, 60} {
			for shown := int32(0); shown <= 3*int32(base); shown += int32(base) {
				want := reconstruct.Interval{Lo: -1}
				for n := int32(0); n < 5*int32(base); n++ {
					if (n == 0 || n >= least) && (n+int32(base)/2)/int32(base)*int32(base) == shown {
						if want.Lo < 0 {
							want.Lo = n
						}
						want.Hi = n
					}
				}
				if got := rounded(shown, int32(base), least); want.Lo >= 0 && got != want {
					t.Errorf("%d rounded to %d, at least %d: %v, which is %v", shown, base, least, got, want)
				}
			}
		}
	}
}
