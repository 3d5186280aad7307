package engine

import (
	"math/bits"
	"slices"
)

// complement withholds groups beside those that are too small, so that the totals of the table of groups, which
// may be known, give none of these away. README section 18.3.
type complement struct {
	rows     []int64 // figures of the groups
	withheld []bool
	slacks   [][]int64                // of groups: what is withheld in a line together is not below 0
	enough   func(groups int64) int64 // what so many groups' figures add up to at least
	together func(a, b int64) int64   // as Screening.together
	lines    [][]int                  // the groups of each line: all keys but one are the same
	of       [][]int                  // by group, its lines
	work     int
}

// maxProtection bounds the steps of a complement: some seconds.
const maxProtection = 1 << 28

// protect adds to the groups that are withheld the complementary ones. rows are the groups' figures, slacks those of what they add up.
func (p *Plan) protect(rows []int64, withheld []bool, slacks [][]int64) error {
	c := &complement{rows: rows, withheld: withheld, slacks: slacks, enough: func(groups int64) int64 { return p.Screen.enough(p.Screen.Rules.Count, groups) }, together: p.Screen.together, of: make([][]int, len(rows))}
	stride := len(rows)
	for _, column := range p.Groups {
		n := len(column.Values)
		stride /= n
		if n == 1 {
			continue // its total is that of a question without the column
		}
		for g := range rows {
			if g/stride%n != 0 {
				continue
			}
			line := make([]int, n)
			for i := range line {
				line[i] = g + i*stride
				c.of[line[i]] = append(c.of[line[i]], len(c.lines))
			}
			c.lines = append(c.lines, line)
		}
	}
	for {
		for c.fill() {
		}
		determined, err := c.determined()
		if err != nil {
			return err
		}
		added := false
		for _, g := range determined {
			var candidates []int
			for _, l := range c.of[g] {
				candidates = append(candidates, c.lines[l]...)
			}
			added = c.withholdOne(candidates) || added
		}
		if !added {
			return nil
		}
	}
}

// fill withholds, in each line where something is withheld, groups until two with rows are, with at least the
// least count of them together, and no slack below 0. It reports whether it withheld any.
func (c *complement) fill() (added bool) {
	for _, line := range c.lines {
		for {
			some, groups, rows := false, int64(0), int64(0)
			for _, g := range line {
				if c.withheld[g] {
					some = true
					if rows = c.together(rows, c.rows[g]); c.rows[g] > 0 {
						groups++
					}
				}
			}
			if !some || groups >= 2 && rows >= c.enough(groups) && c.slack(line) || !c.withholdOne(line) {
				break
			}
			added = true
		}
	}
	return added
}

// slack reports whether what is withheld in a line adds up to no slack below 0.
func (c *complement) slack(line []int) bool {
	return !slices.ContainsFunc(c.slacks, func(of []int64) bool {
		sum := int64(0)
		for _, g := range line {
			if c.withheld[g] {
				sum += of[g]
			}
		}
		return sum < 0
	})
}

// withholdOne withholds the shown group with the fewest rows, but not none, of several the last; false if there
// is none.
func (c *complement) withholdOne(groups []int) bool {
	best := -1
	for _, g := range groups {
		if !c.withheld[g] && c.rows[g] > 0 && (best < 0 || c.rows[g] < c.rows[best] || c.rows[g] == c.rows[best] && g > best) {
			best = g
		}
	}
	if best >= 0 {
		c.withheld[best] = true
	}
	return best >= 0
}

// prime is what the algebra is done modulo: what the totals determine over the rationals they do modulo it, but
// where it divides a determinant of zeros and ones, which would have to be met by chance.
const prime = 1<<61 - 1

func productMod(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, rest := bits.Div64(hi, lo, prime)
	return rest
}

// coefficient is an unknown with its factor.
type coefficient struct {
	unknown int
	factor  uint64
}

// determined are the withheld groups with rows whose numbers follow from the totals of all lines, ascending: those
// that are 0 in a vector of the null space with random free entries.
func (c *complement) determined() ([]int, error) {
	var unknowns []int
	place := map[int]int{}
	for g := range c.rows {
		if c.withheld[g] && c.rows[g] > 0 {
			place[g] = len(unknowns)
			unknowns = append(unknowns, g)
		}
	}
	pivots := make([][]coefficient, len(unknowns))
	for _, line := range c.lines {
		var row []coefficient
		for _, g := range line {
			if at, unknown := place[g]; unknown {
				row = append(row, coefficient{at, 1})
			}
		}
		for len(row) > 0 && pivots[row[0].unknown] != nil {
			row = c.less(row, pivots[row[0].unknown])
			if c.work > maxProtection {
				return nil, hinted(refuse(CodeLimit, 0, "so many of the %d groups are withheld that it cannot be told whether totals give them away", len(c.rows)),
					"group by fewer columns, or by wider ranges")
			}
		}
		if len(row) > 0 {
			inverse := powerMod(row[0].factor, prime-2)
			for i := range row {
				row[i].factor = productMod(row[i].factor, inverse)
			}
			pivots[row[0].unknown] = row
		}
	}
	values := make([]uint64, len(unknowns))
	var out []int
	for u := len(unknowns) - 1; u >= 0; u-- {
		if pivots[u] == nil {
			values[u] = scattered(uint64(u))
			continue
		}
		for _, k := range pivots[u][1:] {
			values[u] = (values[u] + prime - productMod(k.factor, values[k.unknown])) % prime
		}
		if values[u] == 0 {
			out = append(out, unknowns[u])
		}
	}
	slices.Reverse(out)
	return out, nil
}

// less subtracts from a row the multiple of another one that takes away its first unknown, which both begin with.
func (c *complement) less(row, pivot []coefficient) []coefficient {
	by, out := row[0].factor, make([]coefficient, 0, len(row)+len(pivot))
	row, pivot = row[1:], pivot[1:]
	c.work += len(row) + len(pivot) + 1
	for len(row) > 0 || len(pivot) > 0 {
		switch {
		case len(pivot) == 0 || len(row) > 0 && row[0].unknown < pivot[0].unknown:
			out, row = append(out, row[0]), row[1:]
			continue
		case len(row) == 0 || pivot[0].unknown < row[0].unknown:
			out = append(out, coefficient{pivot[0].unknown, prime - productMod(by, pivot[0].factor)})
		default:
			if f := (row[0].factor + prime - productMod(by, pivot[0].factor)) % prime; f != 0 {
				out = append(out, coefficient{row[0].unknown, f})
			}
			row = row[1:]
		}
		pivot = pivot[1:]
	}
	return out
}

func powerMod(x uint64, k uint64) uint64 {
	out := uint64(1)
	for ; k > 0; k >>= 1 {
		if k&1 == 1 {
			out = productMod(out, x)
		}
		x = productMod(x, x)
	}
	return out
}

// scattered is a number below the prime that looks random: splitmix64.
func scattered(n uint64) uint64 {
	n = (n + 1) * 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return (n ^ n>>31) % prime
}
