package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

func (c *comparison) write(o options) error {
	more := map[string]string{}
	if plot := c.plot(); plot != "" {
		more["against.svg"] = plot
	}
	return write(o, "against", c.markdown(), c, more)
}

func (c *comparison) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Parley, %s beside %s\n\n%s, %d cores (effective %.2f when it began).\n\n", c.New, c.Old, c.Machine, c.Cores, c.EffectiveCores)
	if c.SQL != "" {
		fmt.Fprintf(&b, "Three departments and an auditor as processes, %d persons; keys %s. Every answer was verified and equal to plain\n"+
			"SQL over the pooled rows. The question, asked of the two commits in turn, first of one and then of the other:\n\n    %s\n",
			c.Persons, c.Keys, strings.Join(strings.Fields(c.SQL), " "))
	}
	for _, set := range c.Sets {
		set.markdown(&b)
	}
	return b.String()
}

func (set *setComparison) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n", set.Parameters)
	if len(set.Figures) > 0 {
		fmt.Fprintf(b, "\nPairs: %d. Old and new are medians; new/old is the median of the pairs' own ratios.\n\n"+
			"| | old | new | new/old | quartiles | least to greatest |\n|---|---:|---:|---:|---:|---:|\n", len(set.Figures[0].Pairs))
	}
	for _, f := range set.Figures {
		fmt.Fprintf(b, "| %s | %s | %s | ", f.Name, amount(f.Old, f.Unit), amount(f.New, f.Unit))
		if r := f.Ratio; r != nil {
			fmt.Fprintf(b, "%.3f | %.3f to %.3f | %.3f to %.3f |\n", r.Median, r.Lower, r.Upper, r.Least, r.Greatest)
		} else {
			b.WriteString("– | – | – |\n")
		}
	}
	if set.Started != nil {
		b.WriteString("\nBefore these questions, once each:\n\n| | old CPU s | new CPU s | old wall s | new wall s |\n|---|---:|---:|---:|---:|\n")
		for _, phase := range []struct {
			name string
			of   func(started) cost
		}{
			{"until all nodes listen", func(s started) cost { return s.Listening }},
			{"from there until the epoch is formed", func(s started) cost { return s.Epoch }},
			{"the first question, keys read", func(s started) cost { return s.First }},
		} {
			a, z := phase.of(set.Started[older]), phase.of(set.Started[newer])
			fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f | %.2f |\n", phase.name, a.CPU, z.CPU, a.Wall, z.Wall)
		}
	}
	if set.Missing != "" {
		fmt.Fprintf(b, "\nNo circuits: %s.\n", set.Missing)
	}
	if len(set.Circuits) > 0 {
		b.WriteString("\nProofs in one process by each commit's own benchmark, one department's of three:\n\n" +
			"| | constraints old | new | new/old | CPU s old | new | new/old | bytes old | new |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	}
	for _, s := range set.Circuits {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %.2f | %.2f | %s | %s | %s |\n", s.Step, dash(s.Constraints[older]), dash(s.Constraints[newer]),
			quotient(float64(s.Constraints[newer]), float64(s.Constraints[older])), s.CPU[older], s.CPU[newer],
			quotient(s.CPU[newer], s.CPU[older]), dash(s.Bytes[older]), dash(s.Bytes[newer]))
	}
}

// quotient is a ratio of two values of one run, where there are both.
func quotient(value, old float64) string {
	if value == 0 || old == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f", value/old)
}

func amount(v float64, unit string) string {
	if unit == "s" {
		return fmt.Sprintf("%.3f s", v)
	}
	return fmt.Sprintf("%.0f %s", v, unit)
}

// The plot's measures, in pixels.
const (
	plotWidth = 960
	plotLeft  = 330 // of the axis
	plotRight = 880
	plotRow   = 34
	plotHead  = 46 // above a parameter set's rows
	plotFoot  = 34 // below them: the axis
	plotTop   = 44
)

const plotStyle = `<style>
  text { font: 13px system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: #1c2126; }
  .head { font-weight: 600; }
  .small { font-size: 11.5px; fill: #57606a; }
  .ground { fill: #ffffff; }
  .grid { stroke: #d5dbe1; }
  .one { stroke: #8a949e; stroke-width: 1.6; }
  .box { fill: #e3eefb; stroke: #0b5cad; }
  .median { stroke: #0b5cad; stroke-width: 2.4; }
  .old-first { fill: #0b5cad; }
  .new-first { fill: #ffffff; stroke: #0b5cad; stroke-width: 1.4; }
</style>
`

// plot draws the ratio of each pair, their quartiles and their median; "" where there are none. What
// stands in it comes from this program and from commits' names.
func (c *comparison) plot() string {
	var b strings.Builder
	y := plotTop
	for _, set := range c.Sets {
		if rows := set.drawn(); len(rows) > 0 {
			y = set.draw(&b, rows, y)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	title := html.EscapeString(fmt.Sprintf("new/old of each pair: %s beside %s", c.New, c.Old))
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t">
<title id="t">%s</title>
%s<rect class="ground" width="%d" height="%d"/>
<text class="head" x="16" y="26">%s</text>
%s</svg>
`, plotWidth, y, plotWidth, y, title, plotStyle, plotWidth, y, title, b.String())
}

// drawn are the figures that have ratios.
func (set *setComparison) drawn() (out []figure) {
	for _, f := range set.Figures {
		if f.Ratio != nil {
			out = append(out, f)
		}
	}
	return out
}

// draw draws one parameter set's rows from y down, and returns where they end.
func (set *setComparison) draw(b *strings.Builder, figures []figure, y int) int {
	least, greatest := 1.0, 1.0
	for _, f := range figures {
		least, greatest = min(least, f.Ratio.Least), max(greatest, f.Ratio.Greatest)
	}
	step := axisStep(greatest - least)
	low, high := step*math.Floor(least/step-0.25), step*math.Ceil(greatest/step+0.25)
	x := func(v float64) float64 { return plotLeft + (v-low)/(high-low)*(plotRight-plotLeft) }
	fmt.Fprintf(b, `<text class="head" x="16" y="%d">%s</text>`+"\n", y+24, html.EscapeString(set.Parameters))
	fmt.Fprintf(b, `<text class="small" x="%d" y="%d">a dot a pair, filled where the old commit was asked first; quartiles and median</text>`+"\n", plotLeft, y+24)
	top, bottom := y+plotHead, y+plotHead+plotRow*len(figures)
	for i := 0; low+float64(i)*step <= high+step/2; i++ {
		at := low + float64(i)*step
		class := "grid"
		if math.Abs(at-1) < step/2 {
			class = "one"
		}
		fmt.Fprintf(b, `<line class="%s" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", class, x(at), x(at), top, bottom)
		fmt.Fprintf(b, `<text class="small" text-anchor="middle" x="%.1f" y="%d">%.4g</text>`+"\n", x(at), bottom+18, at)
	}
	for i, f := range figures {
		f.draw(b, x, top+plotRow*i+plotRow/2)
	}
	return bottom + plotFoot
}

// draw draws one row around y.
func (f *figure) draw(b *strings.Builder, x func(float64) float64, y int) {
	fmt.Fprintf(b, `<text x="16" y="%d">%s</text>`+"\n", y+4, html.EscapeString(f.Name))
	fmt.Fprintf(b, `<rect class="box" x="%.1f" y="%d" width="%.1f" height="18"/>`+"\n", x(f.Ratio.Lower), y-9, x(f.Ratio.Upper)-x(f.Ratio.Lower))
	for i, ratio := range f.ratios() {
		class := "old-first"
		if order(i + 1)[i][0] == newer {
			class = "new-first"
		}
		fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%d" r="3.2"/>`+"\n", class, x(ratio), y-4+8*(i%2))
	}
	fmt.Fprintf(b, `<line class="median" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", x(f.Ratio.Median), x(f.Ratio.Median), y-12, y+12)
	fmt.Fprintf(b, `<text x="%d" y="%d">%.3f</text>`+"\n", plotRight+16, y+4, f.Ratio.Median)
}

// axisStep is a round distance that divides a span into no more than ten.
func axisStep(span float64) float64 {
	for step := 0.01; ; step *= 10 {
		for _, by := range []float64{1, 2, 5} {
			if by*step*10 >= span {
				return by * step
			}
		}
	}
}
