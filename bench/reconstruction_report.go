package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

func (r *reconstruction) write(o options) error {
	return write(o, "reconstruction", r.markdown(), r, map[string]string{"reconstruction.svg": r.plot()})
}

// markdown renders the table.
func (r *reconstruction) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Parley: tables of counts by one and by two columns, attacked\n\n%d persons in %d departments; %d tables by %s: %d cells, %d of them with rows.\n\n",
		r.Persons, r.Departments, r.Tables, strings.Join(r.Columns, ", "), r.Cells, r.WithRows)
	b.WriteString("| control | tables answered | pinned | by three columns | withheld cells | known all the same: empty | few rows | others | shown as 1 | rightly | cells with rows shown, % | rows in them, % |")
	line := "\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
	for _, from := range errorSizes {
		fmt.Fprintf(&b, " error of cells of %d and more, %% |", from)
		line += "---:|"
	}
	b.WriteString(line + "\n")
	for _, c := range r.Controls {
		answered := fmt.Sprint(c.Answered)
		if len(c.Refused) > 0 {
			answered += " (" + strings.Join(c.Refused, ", ") + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %d | %d | %d | %.1f | %.1f |", c.Control, answered, c.Pinned, c.PinnedByThree, c.Withheld,
			c.Empty, c.Small, c.Told-c.Empty-c.Small, c.Ones, c.TrueOnes, 100*c.Shown, 100*c.Covered)
		for _, e := range c.Errors {
			if e.Cells == 0 {
				b.WriteString(" – |")
			} else {
				fmt.Fprintf(&b, " %.2g |", 100*e.Mean)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The second axis of the plot, in pixels.
const (
	plotMiddle = 580 // where the first ends
	plotSecond = 640 // where it begins
)

// plot draws, for each control, the persons who are pinned, on a logarithmic axis, and the share of the cells with rows that is shown.
func (r *reconstruction) plot() string {
	most := 1
	for _, c := range r.Controls {
		most = max(most, c.Pinned)
	}
	decades := math.Ceil(math.Log10(float64(most) + 1))
	pinned := func(n int) float64 { return math.Log10(float64(n)+1) / decades * (plotMiddle - plotLeft) }
	var b strings.Builder
	y := plotTop + plotHead
	bottom := y + plotRow*len(r.Controls)
	fmt.Fprintf(&b, `<text class="head" x="%d" y="%d">persons pinned</text>`+"\n"+`<text class="head" x="%d" y="%d">cells with rows that are shown, %%</text>`+"\n",
		plotLeft, y-12, plotSecond, y-12)
	axis := func(x float64, label string) {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n"+`<text class="small" text-anchor="middle" x="%.1f" y="%d">%s</text>`+"\n",
			x, x, y, bottom, x, bottom+18, label)
	}
	for d := range int(decades) + 1 {
		if n := int(math.Pow10(d)); d < int(decades) {
			axis(plotLeft+pinned(n), fmt.Sprint(n))
		}
	}
	for share := 0; share <= 100; share += 25 {
		axis(plotSecond+float64(share)/100*(plotRight-plotSecond), fmt.Sprint(share))
	}
	for i, c := range r.Controls {
		at := y + plotRow*i + plotRow/2
		fmt.Fprintf(&b, `<text x="16" y="%d">%s</text>`+"\n", at+4, html.EscapeString(c.Control))
		fmt.Fprintf(&b, `<rect class="box" x="%d" y="%d" width="%.1f" height="18"/>`+"\n", plotLeft, at-9, pinned(c.Pinned))
		fmt.Fprintf(&b, `<text class="small" x="%.1f" y="%d">%d</text>`+"\n", plotLeft+pinned(c.Pinned)+6, at+4, c.Pinned)
		fmt.Fprintf(&b, `<rect class="box" x="%d" y="%d" width="%.1f" height="18"/>`+"\n", plotSecond, at-9, c.Shown*(plotRight-plotSecond))
		fmt.Fprintf(&b, `<text x="%d" y="%d">%.1f</text>`+"\n", plotRight+16, at+4, 100*c.Shown)
	}
	title := "All tables by one and by two columns: " + fmt.Sprint(r.Persons) + " persons"
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t">
<title id="t">%s</title>
%s<rect class="ground" width="%d" height="%d"/>
<text class="head" x="16" y="26">%s</text>
%s</svg>
`, plotWidth, bottom+plotFoot, plotWidth, bottom+plotFoot, title, plotStyle, plotWidth, bottom+plotFoot, title, b.String())
}
