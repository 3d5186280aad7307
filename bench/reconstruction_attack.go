package main

import (
	"context"
	"math"
	"slices"
	"time"

	"parley/bench/reconstruct"
	"parley/engine"
)

// attack asks for all tables under a control and reconstructs what it can.
func (p *people) attack(ctx context.Context, c control) (*reconstructed, error) {
	begun := time.Now()
	out := &reconstructed{Control: c.name}
	known := reconstruct.New(p.sizes, len(p.rows))
	p.registered(known)
	hidden := []hiddenCell{}
	errors, by := newErrors(), &asking{control: c}
	for a := range p.sizes {
		for b := a; b < len(p.sizes); b++ { // a table by one column, and then by it and each after it
			sql := countBy(p.names[a])
			if b > a {
				sql = countBy(p.names[a], p.names[b])
			}
			answered, err := p.ask(ctx, sql, by)
			if err != nil {
				return nil, err
			}
			out.Rules = answered.rules.Sentences()
			if answered.refused != "" {
				if !slices.Contains(out.Refused, answered.refused) {
					out.Refused = append(out.Refused, answered.refused)
				}
				errors.missed(p.tableOf(a, b))
				continue
			}
			out.Answered++
			cells, err := answered.cells()
			if err != nil {
				return nil, err
			}
			for i, cell := range cells {
				h := hiddenCell{a, b, i / p.sizes[b], i % p.sizes[b], cell.rule}
				if a == b {
					h.i = i
				}
				h.narrow(known, answered.bounds(cell, len(p.rows)))
				errors.add(cell, p.true(h))
				if cell.rule == "" && cell.decrypted == 1 {
					if out.Ones++; p.true(h) == 1 {
						out.TrueOnes++
					}
				}
				if cell.rule != "" {
					hidden = append(hidden, h)
				}
			}
		}
	}
	errors.report(out)
	if err := known.Solve(p.truth); err != nil {
		return nil, err
	}
	p.told(out, known, hidden)
	p.pinned(out, known)
	out.Seconds = time.Since(begun).Seconds()
	return out, nil
}

// registered adds what the registrations publish: a value that stands in a department's dictionary has a row there.
func (p *people) registered(known *reconstruct.Tables) {
	for a, values := range p.values {
		at, least := places(values), make([]int32, len(values))
		for _, r := range p.catalogue {
			for _, c := range r.Columns {
				if c.Name != p.names[a] {
					continue
				}
				for _, text := range c.Dictionary {
					if i, there := at[text]; there {
						least[i]++
					}
				}
			}
		}
		for i, n := range least {
			known.NarrowOne(a, i, reconstruct.Interval{Lo: n, Hi: int32(len(p.rows))})
		}
	}
}

// bounds are what an answer's cell tells of the rows behind it. Which rule withholds it says more than that something
// does (engine/README.md section 18.3); a rounded count is the nearest multiple (18.10), noise within its width (18.6), and cell keys leave a cell without rows at 0.
func (a *tableAnswer) bounds(c shownCell, rows int) reconstruct.Interval {
	none, least, all := a.rules.ZeroIsSmall, int32(max(1, a.rules.Count, a.rules.Floor)), int32(rows)
	switch {
	case c.rule == engine.ReasonName(engine.ReasonCount) && none && a.rules.Floor == 0:
		return reconstruct.Interval{Lo: 0, Hi: int32(a.rules.Count - 1)}
	case c.rule == engine.ReasonName(engine.ReasonCount):
		return reconstruct.Interval{Lo: int32(max(1, a.rules.Floor)), Hi: int32(a.rules.Count - 1)}
	case c.rule == engine.ReasonName(engine.ReasonFloor) && none:
		return reconstruct.Interval{Lo: 0, Hi: all}
	case c.rule == engine.ReasonName(engine.ReasonComplement):
		return reconstruct.Interval{Lo: least, Hi: all}
	case c.rule != "":
		return reconstruct.Interval{Lo: 1, Hi: all}
	case a.rules.Base > 0:
		return rounded(int32(c.decrypted), int32(a.rules.Base), least)
	case a.plan.Noise == nil:
		return reconstruct.Interval{Lo: int32(c.decrypted), Hi: int32(c.decrypted)}
	}
	width := int(a.plan.Noise.Moments[0].Width.Int64()) * len(a.plan.Departments)
	out := reconstruct.Interval{Lo: int32(max(0, c.decrypted-width)), Hi: int32(min(rows, c.decrypted+width))}
	if a.plan.Noise.Kind == engine.NoiseCellKey && c.decrypted != 0 {
		out.Lo = max(out.Lo, least)
	}
	return out
}

// rounded are the counts of which the nearest multiple of a base is shown, halves up; of a cell that has rows at least so many.
func rounded(shown, base, least int32) reconstruct.Interval {
	out := reconstruct.Interval{Lo: max(least, shown-base/2), Hi: shown + base - 1 - base/2}
	switch {
	case shown == 0 && out.Hi < least:
		return reconstruct.Interval{}
	case shown == 0:
		out.Lo = 0
	}
	return out
}

// hiddenCell is a cell by the values of two columns, or of one twice, and why it is withheld.
type hiddenCell struct {
	a, b, i, j int
	rule       string
}

func (h *hiddenCell) narrow(known *reconstruct.Tables, by reconstruct.Interval) {
	if h.a == h.b {
		known.NarrowOne(h.a, h.i, by)
	} else {
		known.NarrowTwo(h.a, h.i, h.b, h.j, by)
	}
}

func (h *hiddenCell) known(t *reconstruct.Tables) reconstruct.Interval {
	if h.a == h.b {
		return t.One(h.a, h.i)
	}
	return t.Two(h.a, h.i, h.b, h.j)
}

// true is how many rows a cell has.
func (p *people) true(h hiddenCell) int {
	if h.a == h.b {
		return p.truth.One(h.a, h.i)
	}
	return p.truth.Two(h.a, h.i, h.b, h.j)
}

// tableOf are the true counts of a table.
func (p *people) tableOf(a, b int) (out []int) {
	for i := range p.sizes[a] {
		if a == b {
			out = append(out, p.truth.One(a, i))
			continue
		}
		for j := range p.sizes[b] {
			out = append(out, p.truth.Two(a, i, b, j))
		}
	}
	return out
}

// told counts the withheld cells that the attacker knows.
func (p *people) told(out *reconstructed, known *reconstruct.Tables, hidden []hiddenCell) {
	for _, h := range hidden {
		out.Withheld++
		k := h.known(known)
		if !k.Exact() {
			continue
		}
		switch out.Told++; {
		case k.Hi == 0:
			out.Empty++
		case h.rule != engine.ReasonName(engine.ReasonComplement):
			out.Small++
		}
	}
}

// pinned counts the persons who are alone in a cell that the attacker knows to hold one.
func (p *people) pinned(out *reconstructed, known *reconstruct.Tables) {
	one := reconstruct.Interval{Lo: 1, Hi: 1}
	two, three := make([]bool, len(p.rows)), make([]bool, len(p.rows))
	for person, r := range p.rows {
		for a := range p.sizes {
			two[person] = two[person] || known.One(a, int(r[a])) == one
			for b := a + 1; b < len(p.sizes); b++ {
				two[person] = two[person] || known.Two(a, int(r[a]), b, int(r[b])) == one
			}
		}
	}
	copy(three, two)
	for a := range p.sizes {
		for b := a + 1; b < len(p.sizes); b++ {
			for c := b + 1; c < len(p.sizes); c++ {
				alone := map[[3]int]bool{}
				known.Three(a, b, c, func(i, j, k int, is reconstruct.Interval) {
					if is == one {
						alone[[3]int{i, j, k}] = true
					}
				})
				for person, r := range p.rows {
					three[person] = three[person] || len(alone) > 0 && alone[[3]int{int(r[a]), int(r[b]), int(r[c])}]
				}
			}
		}
	}
	for person := range p.rows {
		if two[person] {
			out.Pinned++
		}
		if three[person] {
			out.PinnedByThree++
		}
	}
}

// errorsBySize gathers how far shown cells are from the true ones.
type errorsBySize struct {
	relative    [][]float64
	cells, rows [2]int // of all cells with rows, and of those that are shown
}

func newErrors() *errorsBySize { return &errorsBySize{relative: make([][]float64, len(errorSizes))} }

// missed are the cells of a table that is not answered.
func (e *errorsBySize) missed(counts []int) {
	for _, n := range counts {
		e.add(shownCell{rule: "refused"}, n)
	}
}

func (e *errorsBySize) add(c shownCell, rows int) {
	if rows == 0 {
		return
	}
	e.cells[0]++
	e.rows[0] += rows
	if c.rule != "" {
		return
	}
	e.cells[1]++
	e.rows[1] += rows
	size := 0
	for i, from := range errorSizes {
		if rows >= from {
			size = i
		}
	}
	e.relative[size] = append(e.relative[size], math.Abs(float64(c.count-rows))/float64(rows))
}

func (e *errorsBySize) report(out *reconstructed) {
	out.Shown = float64(e.cells[1]) / float64(e.cells[0])
	out.Covered = float64(e.rows[1]) / float64(e.rows[0])
	for i, from := range errorSizes {
		sum := 0.0
		for _, r := range e.relative[i] {
			sum += r
		}
		s := sizeError{From: from, Cells: len(e.relative[i]), Most95: quantile(e.relative[i], 0.95)}
		if s.Cells > 0 {
			s.Mean = sum / float64(s.Cells)
		}
		out.Errors = append(out.Errors, s)
	}
}
