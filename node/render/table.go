package render

import (
	"fmt"
	"slices"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

// nullText is how NULL is shown, so that it differs from the empty text.
const nullText = "(null)"

// Grid is a table for a terminal. A nil cell is NULL. Right says which columns are numbers.
type Grid struct {
	Head  []string
	Right []bool
	Rows  [][]*string
}

// cells are what is shown: the header, then the rows.
func (g Grid) cells() [][]string {
	text := make([][]string, 0, len(g.Rows)+1)
	text = append(text, printables(g.Head))
	for _, row := range g.Rows {
		cells := make([]string, len(g.Head))
		for i := range cells {
			cells[i] = nullText
			if i < len(row) && row[i] != nil {
				cells[i] = failure.Printable(*row[i])
			}
		}
		text = append(text, cells)
	}
	return text
}

// Lines draws the grid as psql does: a header, a rule, one line a row, no line ending in spaces.
func (g Grid) Lines() []string {
	text := g.cells()
	widths := make([]int, len(g.Head))
	for _, cells := range text {
		for i, cell := range cells {
			widths[i] = max(widths[i], failure.DisplayWidth(cell))
		}
	}
	lines := make([]string, 0, len(text)+1)
	for n, cells := range text {
		parts := make([]string, len(cells))
		for i, cell := range cells {
			parts[i] = pad(cell, widths[i], i < len(g.Right) && g.Right[i])
		}
		lines = append(lines, strings.TrimRight(" "+strings.Join(parts, " | "), " "))
		if n == 0 {
			lines = append(lines, rule(widths))
		}
	}
	return lines
}

// records draws each row as a block of lines, a column each, as psql does with \x.
func (g Grid) records() []string {
	text := g.cells()
	names := 0
	for _, name := range text[0] {
		names = max(names, failure.DisplayWidth(name))
	}
	var lines []string
	for n, row := range text[1:] {
		lines = append(lines, fmt.Sprintf("-[ row %d ]-", n+1))
		for i, cell := range row {
			lines = append(lines, strings.TrimRight(" "+pad(text[0][i], names, false)+" | "+cell, " "))
		}
	}
	return lines
}

// String is the grid with the number of its rows below; row by row where it is wider than Width.
func (g Grid) String() string {
	lines := g.Lines()
	if len(g.Rows) > 0 && slices.ContainsFunc(lines, func(line string) bool { return failure.DisplayWidth(line) > Width }) {
		lines = g.records()
	}
	return strings.Join(append(lines, "("+engine.Plural(len(g.Rows), "row")+")"), "\n") + "\n"
}

func rule(widths []int) string {
	parts := make([]string, len(widths))
	for i, w := range widths {
		parts[i] = strings.Repeat("-", w+2)
	}
	return strings.Join(parts, "+")
}

func pad(s string, to int, right bool) string {
	gap := strings.Repeat(" ", max(0, to-failure.DisplayWidth(s)))
	if right {
		return gap + s
	}
	return s + gap
}

// Beside puts blocks of lines next to each other, each under its title. When they do not fit into limit columns they
// come one below the other.
func Beside(limit int, titles []string, blocks ...[]string) []string {
	widths, total, height := make([]int, len(blocks)), 0, 0
	for i, block := range blocks {
		widths[i] = failure.DisplayWidth(titles[i])
		for _, line := range block {
			widths[i] = max(widths[i], failure.DisplayWidth(line))
		}
		total += widths[i] + 4
		height = max(height, len(block))
	}
	if total-4 > limit {
		var out []string
		for i, block := range blocks {
			if i > 0 {
				out = append(out, "")
			}
			out = append(append(out, titles[i]), block...)
		}
		return out
	}
	out := make([]string, 0, height+1)
	for n := -1; n < height; n++ {
		var b strings.Builder
		for i, block := range blocks {
			line := titles[i]
			if n >= 0 {
				line = ""
				if n < len(block) {
					line = block[n]
				}
			}
			b.WriteString(pad(line, widths[i]+4, false))
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

func printables(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = failure.Printable(s)
	}
	return out
}
