package reconstruct

// threes narrows all pairs by all threes of columns of which something changed since it was last done.
func (t *Tables) threes(seen map[[3]int]int) {
	for a := range t.sizes {
		for b := a + 1; b < len(t.sizes); b++ {
			for c := b + 1; c < len(t.sizes); c++ {
				state := t.moved[t.pairAt(a, b)] + t.moved[t.pairAt(a, c)] + t.moved[t.pairAt(b, c)] + 1
				if seen[[3]int{a, b, c}] == state {
					continue
				}
				for {
					before := t.changes()
					newCube(t, a, b, c).shuttle()
					if t.changes() == before || t.wrong != nil {
						break
					}
				}
				seen[[3]int{a, b, c}] = t.moved[t.pairAt(a, b)] + t.moved[t.pairAt(a, c)] + t.moved[t.pairAt(b, c)] + 1
			}
		}
	}
}

// Three visits what follows for three columns' values, after Solve; a < b < c.
func (t *Tables) Three(a, b, c int, visit func(i, j, k int, known Interval)) {
	cube := newCube(t, a, b, c)
	for range cubeSteps {
		cube.shuttle()
	}
	for i := range t.sizes[a] {
		for j := range t.sizes[b] {
			for k := range t.sizes[c] {
				visit(i, j, k, cube.cells[cube.at(i, j, k)])
			}
		}
	}
}

// cubeSteps bounds how often a cube is gone over to find what follows for its own cells.
const cubeSteps = 4

// cube are the counts of three columns' values.
type cube struct {
	t     *Tables
	of    [3]int
	cells []Interval
}

func (c *cube) at(i, j, k int) int {
	return (i*c.t.sizes[c.of[1]]+j)*c.t.sizes[c.of[2]] + k
}

// newCube bounds each cell by the pairs that it is part of.
func newCube(t *Tables, a, b, c int) *cube {
	out := &cube{t: t, of: [3]int{a, b, c}, cells: make([]Interval, t.sizes[a]*t.sizes[b]*t.sizes[c])}
	ab, ac, bc := t.two[t.pairAt(a, b)], t.two[t.pairAt(a, c)], t.two[t.pairAt(b, c)]
	n, m := t.sizes[b], t.sizes[c]
	for i := range t.sizes[a] {
		for j := range n {
			for k := range m {
				x, y, z := ab[i*n+j], ac[i*m+k], bc[j*m+k]
				out.cells[out.at(i, j, k)] = Interval{
					max(0, x.Lo+y.Lo-t.one[a][i].Hi, x.Lo+z.Lo-t.one[b][j].Hi, y.Lo+z.Lo-t.one[c][k].Hi),
					min(x.Hi, y.Hi, z.Hi),
				}
			}
		}
	}
	return out
}

// shuttle narrows cells by the totals of their three lines, and these by them, once.
func (c *cube) shuttle() {
	t := c.t
	stride := [3]int{t.sizes[c.of[1]] * t.sizes[c.of[2]], t.sizes[c.of[2]], 1}
	for _, of := range [3]struct{ x, y, free int }{{0, 1, 2}, {0, 2, 1}, {1, 2, 0}} {
		x, y := c.of[of.x], c.of[of.y]
		for i := range t.sizes[x] {
			for j := range t.sizes[y] {
				c.line(i*stride[of.x]+j*stride[of.y], stride[of.free], t.sizes[c.of[of.free]], x, i, y, j)
			}
		}
	}
}

// line is one of the cube's, whose total is what is known of two columns' values.
func (c *cube) line(first, stride, n, x, i, y, j int) {
	var lo, hi int64
	for k := range n {
		p := c.cells[first+k*stride]
		lo, hi = lo+int64(p.Lo), hi+int64(p.Hi)
	}
	c.t.NarrowTwo(x, i, y, j, interval(lo, hi))
	total := c.t.Two(x, i, y, j)
	if int64(total.Lo) <= lo && int64(total.Hi) >= hi {
		return
	}
	for k := range n {
		p := &c.cells[first+k*stride]
		c.t.narrow(p, interval(int64(total.Lo)-(hi-int64(p.Hi)), int64(total.Hi)-(lo-int64(p.Lo))))
	}
}
