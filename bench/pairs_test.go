package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestOrder: A B, B A, A B and so on, each commit once in a pair.
func TestOrder(t *testing.T) {
	want := [][2]int{{older, newer}, {newer, older}, {older, newer}, {newer, older}, {older, newer}}
	if got := order(5); !slices.Equal(got, want) {
		t.Errorf("order(5) = %v, want %v", got, want)
	}
}

// TestQuantile holds it against what NumPy's quantile gives.
func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.25, 7},
		{[]float64{3, 1}, 0.5, 2},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.25, 1.75},
		{[]float64{4, 1, 3, 2}, 0.75, 3.25},
		{[]float64{4, 1, 3, 2}, 0, 1},
		{[]float64{4, 1, 3, 2}, 1, 4},
	} {
		if got := quantile(c.values, c.q); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.values, c.q, got, c.want)
		}
	}
	values := []float64{2, 1}
	if quantile(values, 0.5); values[0] != 2 {
		t.Error("the values were sorted in place")
	}
}

// TestFigure: the ratio is the median of the pairs' ratios, which is not the ratio of the medians.
func TestFigure(t *testing.T) {
	f := figureOf("CPU", "s", []pair{{10, 5}, {20, 18}, {30, 24}})
	if f.Old != 20 || f.New != 18 || f.Ratio == nil {
		t.Fatalf("%+v", f)
	}
	want := spread{0.5, 0.65, 0.8, 0.85, 0.9}
	for i, got := range []float64{f.Ratio.Least - want.Least, f.Ratio.Lower - want.Lower, f.Ratio.Median - want.Median,
		f.Ratio.Upper - want.Upper, f.Ratio.Greatest - want.Greatest} {
		if math.Abs(got) > 1e-12 {
			t.Errorf("value %d of %+v, want %+v", i, *f.Ratio, want)
		}
	}
	if f := figureOf("after", "s", []pair{{0, 1}, {2, 1}}); f.Ratio != nil || f.Old != 1 || f.New != 1 {
		t.Errorf("a ratio to nothing: %+v", f)
	}
	if _, err := json.Marshal(figureOf("after", "s", []pair{{0, 0}})); err != nil {
		t.Error(err)
	}
}

// TestCircuitsOf brings steps together by their names, with medians over the runs; what only one commit has stays.
func TestCircuitsOf(t *testing.T) {
	step := func(name string, constraints int, cpu float64) row {
		return row{Step: name, Constraints: constraints, Bytes: 7, Each: cost{CPU: cpu}}
	}
	got := circuitsOf([2][]row{
		older: {step("share", 100, 3), step("verify", 0, 9), step("gone", 5, 1), step("share", 100, 5)},
		newer: {step("share", 60, 2), step("made", 8, 1), step("share", 60, 1)},
	})
	want := []circuit{
		{"share", [2]int{100, 60}, [2]float64{4, 1.5}, [2]int{7, 7}},
		{"made", [2]int{0, 8}, [2]float64{0, 1}, [2]int{0, 7}},
		{"gone", [2]int{5, 0}, [2]float64{1, 0}, [2]int{7, 0}},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestComparisonReport: the plot is XML with a dot for each pair of each figure that has ratios; the table has
// them all.
func TestComparisonReport(t *testing.T) {
	c := &comparison{SQL: "SELECT\n 1", Old: &side{Commit: "0123456789abcdef"}, New: &side{Commit: "fedcba9876543210", Changed: true},
		Sets: []setComparison{{Parameters: "light", Started: new([2]started), Figures: []figure{
			figureOf("CPU <all>", "s", []pair{{10, 7}, {12, 8}, {11, 7}}),
			figureOf("after", "s", []pair{{0, 1}, {1, 1}, {1, 1}}),
		}, Circuits: []circuit{{"share", [2]int{100, 60}, [2]float64{4, 2}, [2]int{}}}}}}
	text := c.markdown()
	for _, want := range []string{"fedcba987654 with uncommitted changes beside 0123456789ab", "    SELECT 1\n",
		"| CPU <all> | 11.000 s | 7.000 s | 0.667 | 0.652 to 0.683 | 0.636 to 0.700 |", "| after | 1.000 s | 1.000 s | – | – | – |",
		"| share | 100 | 60 | 0.600 | 4.00 | 2.00 | 0.500 | – | – |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	circles, read := 0, xml.NewDecoder(strings.NewReader(c.plot()))
	for {
		token, err := read.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 3 {
		t.Errorf("%d dots, want 3", circles)
	}
	c.Sets[0].Figures = nil
	if c.plot() != "" {
		t.Error("a plot of nothing")
	}
}

func TestAxisStep(t *testing.T) {
	for span, want := range map[float64]float64{0: 0.01, 0.1: 0.01, 0.11: 0.02, 0.6: 0.1, 3: 0.5, 70: 10} {
		if got := axisStep(span); math.Abs(got-want) > 1e-9 {
			t.Errorf("axisStep(%v) = %v, want %v", span, got, want)
		}
	}
}
