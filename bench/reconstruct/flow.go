package reconstruct

// flows fixes, in each pair's table, the cells that are the same in every solution of its equations and bounds.
// Those are a network of flows, from all rows over a value of one column to a value of the other; one solution is
// at hand, and another one differs from it along a cycle on which each count has room.
func (t *Tables) flows(truth *Truth) {
	for a := range t.sizes {
		for b := a + 1; b < len(t.sizes); b++ {
			n := network{t: t, a: a, b: b}
			n.build(truth)
			for e, x := range n.edges {
				if !n.varies(e) {
					x.fix(Interval{x.value, x.value})
				}
			}
		}
	}
}

// edge is a count of a network that is not known, between two of its nodes.
type edge struct {
	from, to   int
	value      int32
	more, less bool // whether its bounds leave room
	fix        func(Interval)
}

// network is a pair's table: its nodes are the first column's values, the second's, and one for all rows.
type network struct {
	t     *Tables
	a, b  int
	edges []edge
	of    [][]int // by node, its edges
	seen  []int   // by node, in which search it was reached last
	turn  int
	queue []int
}

func (n *network) build(truth *Truth) {
	rows, columns := n.t.sizes[n.a], n.t.sizes[n.b]
	all := rows + columns
	n.of, n.seen = make([][]int, all+1), make([]int, all+1)
	add := func(from, to int, known Interval, value int32, fix func(Interval)) {
		if known.Exact() {
			return
		}
		n.of[from], n.of[to] = append(n.of[from], len(n.edges)), append(n.of[to], len(n.edges))
		n.edges = append(n.edges, edge{from, to, value, value < known.Hi, value > known.Lo, fix})
	}
	for i := range rows {
		add(all, i, n.t.One(n.a, i), truth.one[n.a][i], func(by Interval) { n.t.NarrowOne(n.a, i, by) })
	}
	counts := truth.two[n.t.pairAt(n.a, n.b)]
	for i := range rows {
		for j := range columns {
			add(i, rows+j, n.t.Two(n.a, i, n.b, j), counts[i*columns+j], func(by Interval) { n.t.NarrowTwo(n.a, i, n.b, j, by) })
		}
	}
	for j := range columns {
		add(rows+j, all, n.t.One(n.b, j), truth.one[n.b][j], func(by Interval) { n.t.NarrowOne(n.b, j, by) })
	}
}

// varies says whether another solution has another count at an edge.
func (n *network) varies(e int) bool {
	x := n.edges[e]
	return x.more && n.reaches(x.to, x.from, e) || x.less && n.reaches(x.from, x.to, e)
}

// reaches looks for a way along which counts can change, without one edge.
func (n *network) reaches(from, to, without int) bool {
	n.turn++
	n.queue = append(n.queue[:0], from)
	n.seen[from] = n.turn
	for len(n.queue) > 0 {
		at := n.queue[len(n.queue)-1]
		n.queue = n.queue[:len(n.queue)-1]
		if at == to {
			return true
		}
		for _, e := range n.of[at] {
			x := n.edges[e]
			next := x.to
			if at == x.to {
				next = x.from
			}
			if room := at == x.from && x.more || at == x.to && x.less; e != without && room && n.seen[next] != n.turn {
				n.seen[next] = n.turn
				n.queue = append(n.queue, next)
			}
		}
	}
	return false
}
