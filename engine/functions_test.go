package engine

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFunctionsAreWhole: every function says how it is bound and finished and what its cells
// reveal, and is of one kind.
func TestFunctionsAreWhole(t *testing.T) {
	cells := []string{"avg", "count", "sum"} // are values by themselves
	for name, f := range functions {
		if f.learns == nil {
			t.Errorf("%s does not say what its cells reveal", name)
			continue
		}
		if r := f.report; r != nil {
			if f.bind != nil || f.finish != nil || f.sums != nil || f.order != nil {
				t.Errorf("%s returns rows, and is an aggregate", name)
			}
			if r.bind == nil || r.columns == nil || r.finish == nil || f.learns(English, nil) == "" {
				t.Errorf("%s lacks a part of a function that returns rows", name)
			}
			continue
		}
		if (f.bind == nil) != (name == sketchFunction) {
			t.Errorf("%s: whether it can be called", name)
		}
		if (f.finish == nil) != slices.Contains(cells, name) {
			t.Errorf("%s: whether it is finished", name)
		}
	}
}

// TestFunctionsAreListed: the README's tables of calls have a row for each function, and for
// nothing else.
func TestFunctionsAreListed(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed, inTable := map[string]bool{}, false
	name := regexp.MustCompile("`([a-z_0-9]+)[(`]")
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| call | gives ") || strings.HasPrefix(line, "| call | columns ") {
			inTable = true
		} else if inTable = inTable && strings.HasPrefix(line, "|"); inTable {
			for _, found := range name.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
				listed[found[1]] = true
			}
		}
	}
	known := map[string]bool{}
	for n := range functions {
		n, _, _ = strings.Cut(n, " ") // "count distinct" is count(DISTINCT x)
		known[n] = true
	}
	if has, want := slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(known)); !slices.Equal(has, want) {
		t.Errorf("README.md lists %v\nthe engine knows %v", has, want)
	}
}
