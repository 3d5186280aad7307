package engine

import (
	"math/big"
	"slices"
	"strings"
)

// search looks for values of a column, in every group, by counting how many values lie
// in ranges that every round makes narrower. Numbers are in units of the column's scale.
type search struct {
	from    string // the text from the table's name on
	tokens  int    // of the question
	column  Column
	named   string   // the column as SQL writes it
	keys    []string // the entries of GROUP BY as SQL writes them
	groups  *Plan    // schema, registrations and groups of the question, LIMIT and OFFSET
	count   int      // of groups, 1 without GROUP BY
	limbs   int      // of a count
	packing Packing
	outputs []searchOutput
	order   []searchOrder
	finders []finder
	round   int
	asked   [][]bucketRange // what each finder asks in this round
	ranges  []bucketRange   // the different ones among them, in the order of the question
	present []bool          // groups with rows
	n       []*big.Int      // of values, by group
	// withheld are groups of which the first round says nothing: no more is asked of them.
	withheld []Withheld
}

// bucketRange is one range of buckets that a round counts, in each group from a start of its
// own: [start + k·width, start + (k+1)·width) for k below bins.
type bucketRange struct {
	starts []*big.Int // by group
	width  *big.Int
	bins   int
}

func (r bucketRange) equal(o bucketRange) bool {
	return r.bins == o.bins && r.width.Cmp(o.width) == 0 &&
		slices.EqualFunc(r.starts, o.starts, func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
}

// finder narrows the ranges that hold what one kind of output asks for.
type finder interface {
	// ask gives the ranges to count next; none when everything is found.
	ask() []bucketRange
	// take reads their counts, by range, group and bucket, and n, the number of values of
	// each group.
	take(n []*big.Int, counts [][][]*big.Int) error
	// most is how many rounds it takes at most.
	most() int
	// expect says what one of them may count in each group, and who learns what.
	expect(round int) (buckets int, learns string)
	// value is an output's in a group that has values.
	value(o searchOutput, group int) (value, error)
}

// everywhere is a range that starts at the column's least value in every group.
func (s *search) everywhere(width *big.Int, bins int) bucketRange {
	out := bucketRange{width: width, bins: bins}
	for range s.count {
		out.starts = append(out.starts, s.column.Min)
	}
	return out
}

// ask collects the finders' ranges of the present round.
func (s *search) ask() {
	s.asked, s.ranges = nil, nil
	for _, f := range s.finders {
		ranges := f.ask()
		s.asked = append(s.asked, ranges)
		for _, one := range ranges {
			if !slices.ContainsFunc(s.ranges, one.equal) {
				s.ranges = append(s.ranges, one)
			}
		}
	}
}

// statement is the present round's SQL.
func (s *search) statement() string {
	parts := []string{s.named}
	place := func(x *big.Int) string { return fixedDecimal(x, s.column.Scale) }
	if kind := s.column.Kind; kind.temporal() {
		place = func(x *big.Int) string {
			return asciiUpper(kind.String()) + " '" + Datum{Kind: kind, Number: x}.String() + "'"
		}
	}
	uniform := !slices.ContainsFunc(s.ranges, func(one bucketRange) bool {
		return slices.ContainsFunc(one.starts, func(x *big.Int) bool { return x.Cmp(one.starts[0]) != 0 })
	})
	for _, one := range s.ranges {
		start := place(one.starts[0])
		if !uniform {
			var starts []string
			for _, x := range one.starts {
				starts = append(starts, place(x))
			}
			start = "ARRAY[" + strings.Join(starts, ", ") + "]"
		}
		parts = append(parts, start, s.width(one.width), big.NewInt(int64(one.bins)).String())
	}
	list := append(slices.Clone(s.keys), "buckets("+strings.Join(parts, ", ")+")")
	return "SELECT " + strings.Join(list, ", ") + " FROM " + s.from
}

func (s *search) step(round *Result) (done bool, err error) {
	if err := s.seen(round); err != nil {
		return false, err
	}
	counts, err := s.read(round)
	if err != nil {
		return false, err
	}
	for i, f := range s.finders {
		if len(s.asked[i]) == 0 {
			continue
		}
		own := make([][][]*big.Int, len(s.asked[i]))
		for k, one := range s.asked[i] {
			own[k] = counts[slices.IndexFunc(s.ranges, one.equal)]
		}
		if err := f.take(s.n, own); err != nil {
			return false, err
		}
	}
	s.round++
	s.ask()
	return len(s.ranges) == 0, nil
}

// seen ends the search where ranges that it needs are withheld. Without groups whose rows are, as all rounds say,
// it goes on for the others.
func (s *search) seen(round *Result) error {
	known := map[string]bool{}
	for _, w := range s.withheld {
		known[groupKey(w.Group)] = true
	}
	for _, w := range round.Withheld {
		if len(w.Columns) > 0 || len(s.groups.Groups) == 0 || s.round > 0 && !known[groupKey(w.Group)] {
			return hinted(refuse(CodeWithheld, 0, "the %s cannot be told: how many values lie in the ranges of round %d is withheld by the rule %s",
				s.asks(), s.round+1, w.Rule), "a histogram with wide ranges says about where values lie")
		}
		if s.round == 0 {
			s.withheld = append(s.withheld, w)
		}
	}
	return nil
}

// asks names what is searched for.
func (s *search) asks() string {
	for _, o := range s.outputs {
		if o.function != "" {
			return o.function
		}
	}
	return "value"
}

// read takes a round's counts from its answer, by range, group and bucket; in the first
// round also which groups there are, and how many values each has.
func (s *search) read(round *Result) (counts [][][]*big.Int, err error) {
	malformed := refuse(CodeCells, 0, "round %d: this is not the answer to its question", s.round+1)
	bins := 0
	for _, one := range s.ranges {
		bins += one.bins
		counts = append(counts, make([][]*big.Int, s.count))
	}
	index := map[string]int{}
	for g := range s.count {
		index[groupKey(s.printed(g))] = g
	}
	present, n := make([]bool, s.count), make([]*big.Int, s.count)
	var order []int
	for _, f := range round.Model {
		if f.Name != "n" {
			continue
		}
		g, known := index[groupKey(f.Group)]
		if !known || present[g] || f.Value.Exact == nil {
			return nil, malformed
		}
		number, ok := new(big.Int).SetString(*f.Value.Exact, 10)
		if !ok {
			return nil, malformed
		}
		present[g], n[g] = true, number
		order = append(order, g)
	}
	if len(round.Rows) != bins*len(order) || len(s.groups.Groups) == 0 && len(order) != 1 {
		return nil, malformed
	}
	rows := round.Rows
	for _, g := range order {
		for k, one := range s.ranges {
			for range one.bins {
				count := countOf(rows[0])
				if count == nil {
					return nil, malformed
				}
				counts[k][g], rows = append(counts[k][g], count), rows[1:]
			}
		}
	}
	return counts, s.remember(present, n)
}

// remember keeps the first round's numbers of values, which the later ones repeat.
func (s *search) remember(present []bool, n []*big.Int) error {
	if s.round == 0 {
		s.present, s.n = present, n
		return nil
	}
	for g := range n {
		if present[g] != s.present[g] || present[g] && n[g].Cmp(s.n[g]) != 0 {
			return refuse(CodeCells, 0, "round %d: the number of values is not what the first round counted", s.round+1)
		}
	}
	return nil
}

// countOf is the last value of a row of buckets; nil when it is no number.
func countOf(row []Value) *big.Int {
	if len(row) == 0 || row[len(row)-1].Exact == nil {
		return nil
	}
	n, ok := new(big.Int).SetString(*row[len(row)-1].Exact, 10)
	if !ok {
		return nil
	}
	return n
}

// printed is a group's values as an answer shows them.
func (s *search) printed(group int) []Value {
	var out []Value
	for _, v := range s.groups.groupValues(group) {
		out = append(out, valueOf(v).print(false))
	}
	return out
}

func groupKey(values []Value) string {
	var b strings.Builder
	for _, v := range values {
		if v.Text == nil {
			b.WriteString("-")
		} else {
			b.WriteString("+" + strings.ReplaceAll(*v.Text, "\x00", "") + "\x00")
		}
	}
	return b.String()
}

// columns are those of the select list.
func (s *search) columns() (names []string, kinds []Kind) {
	for _, o := range s.outputs {
		names, kinds = append(names, o.name), append(kinds, o.kind)
	}
	return names, kinds
}

// answer is a row for each group that has rows; without GROUP BY it is one row.
func (s *search) answer() (*Result, error) {
	out := &Result{Rows: [][]Value{}, Withheld: s.withheld}
	out.Columns, out.Kinds = s.columns()
	var rows []searchRow
	for g := range s.count {
		if !s.present[g] {
			continue
		}
		row, err := s.row(g)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	keys := make([][]value, len(rows))
	for i, row := range rows {
		keys[i] = row.keys
	}
	for i, r := range s.groups.sorted(s.order, keys) {
		var line []Value
		for k, v := range rows[r].values {
			line = append(line, v.print(false))
			if v.reason != "" {
				out.Notes = append(out.Notes, Note{i, s.outputs[k].name, v.reason})
			}
		}
		out.Rows = append(out.Rows, line)
	}
	return out, nil
}

// sorted gives the rows with the keys in the order that they say, cut by the plan's OFFSET and LIMIT.
func (p *Plan) sorted(order []searchOrder, keys [][]value) []int {
	by := Plan{Limit: p.Limit, Offset: p.Offset}
	for _, o := range order {
		by.Order = append(by.Order, o.Order)
	}
	var all []candidate
	for i, k := range keys {
		all = append(all, candidate{group{index: i}, k})
	}
	slices.SortStableFunc(all, by.compareCandidates)
	var out []int
	for _, c := range by.cut(all) {
		out = append(out, c.index)
	}
	return out
}

// searchRow is one row of the answer with its keys of ORDER BY.
type searchRow struct{ values, keys []value }

func (s *search) row(g int) (row searchRow, err error) {
	var group []Datum
	if len(s.groups.Groups) > 0 {
		group = s.groups.groupValues(g)
	}
	for _, o := range s.outputs {
		v := undefined(noRows)
		switch {
		case o.function == "":
			v = valueOf(group[o.group])
		case s.n[g].Sign() > 0:
			f := slices.IndexFunc(s.finders, func(f finder) bool { _, mode := f.(*modeFinder); return mode == (o.function == "mode") })
			if v, err = s.finders[f].value(o, g); err != nil {
				return row, err
			}
		}
		row.values = append(row.values, v)
	}
	for _, o := range s.order {
		if o.output >= 0 {
			row.keys = append(row.keys, row.values[o.output])
		} else {
			row.keys = append(row.keys, valueOf(group[o.group]))
		}
	}
	return row, nil
}

// most is how many rounds the search takes at most.
func (s *search) most() int {
	n := 1
	for _, f := range s.finders {
		n = max(n, f.most())
	}
	return n
}

// explain says what each round may take and reveal.
func (s *search) explain() []ExplainedRound {
	var out []ExplainedRound
	for round := range s.most() {
		cells := 2
		var learns []string
		for _, f := range s.finders {
			if round >= f.most() {
				continue
			}
			buckets, text := f.expect(round)
			cells += buckets
			learns = append(learns, text)
		}
		cells *= s.count
		per := s.packing.LimbsPerCiphertext
		out = append(out, ExplainedRound{Cells: cells, Ciphertexts: (cells*s.limbs + per - 1) / per,
			Learns: "the analyst learns " + strings.Join(learns, "; and ")})
	}
	return out
}

// width writes the width of a range: of timestamps and times of day in seconds.
func (s *search) width(w *big.Int) string {
	if s.column.Kind.clocked() {
		return shortDecimal(w, microsecondPlaces)
	}
	return fixedDecimal(w, s.column.Scale)
}

// wide writes the width of a range for people.
func (s *search) wide(w *big.Int) string {
	if s.column.Kind.clocked() {
		return s.width(w) + " seconds"
	}
	return s.width(w)
}

// each says "in each group" where there are groups.
func (s *search) each() string {
	if len(s.groups.Groups) > 0 {
		return ", in each group,"
	}
	return ""
}

// found is a value of the column.
func (s *search) found(x *big.Int) value {
	return valueOf(Datum{Kind: s.column.Kind, Number: x, Scale: s.column.Scale})
}
