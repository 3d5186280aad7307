package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// searchRadix is into how many ranges one round of a search splits each range, at
// most: 32-bit integers take three rounds.
const searchRadix = 1 << 11

// Session is a question that takes one round or several. Each round is a plan of its
// own, with a query id, a certificate and a charge of its own; the next one's SQL
// follows from the question and the cells of those before, so that whoever holds the
// certificates replays the chain. A session is not safe for concurrent use. README
// section 13.
type Session struct {
	sql         string
	catalogue   Catalogue
	departments []string
	packing     Packing
	plan        *Plan     // of the present round; nil when all is answered
	rounds      iteration // nil when one round is enough
	result      *Result
}

// iteration is a question that takes several rounds.
type iteration interface {
	// statement is the present round's SQL.
	statement() string
	// step takes the present round's answer; done when there is nothing left to ask.
	step(round *Result) (done bool, err error)
	answer() *Result
	// most is how many rounds there are at most.
	most() int
	explain() []ExplainedRound
}

// NewSession plans the first round. The arguments and the errors are those of NewPlan;
// what NewPlan refuses because a column has no dictionary is searched for if it is
// median, percentile_cont, percentile_disc, min and max of one integer or decimal
// column, without GROUP BY. logreg is fitted, one Newton step a round.
func NewSession(sql string, cat Catalogue, departments []string, p Packing) (*Session, error) {
	s := &Session{sql: sql, catalogue: cat, departments: departments, packing: p}
	plan, err := NewPlan(sql, cat, departments, p)
	if err == nil {
		s.plan = plan
		return s, nil
	}
	if search, found := newSearch(sql, cat, departments); found {
		s.rounds = search
	} else if fit, found := newFitOf(sql, cat, departments, p); found {
		s.rounds = fit
	} else {
		return nil, err
	}
	return s, s.next()
}

// Plan is the present round's; nil when the answer is there.
func (s *Session) Plan() *Plan { return s.plan }

// Result is the answer; nil while there are rounds to come.
func (s *Session) Result() *Result { return s.result }

// Rounds is how many rounds the question takes at most.
func (s *Session) Rounds() int {
	if s.rounds == nil {
		return 1
	}
	return s.rounds.most()
}

// Step takes the present round's answer, what its plan's Finish gives and its verified
// certificate shows, and goes on to the next round or to the answer.
func (s *Session) Step(round *Result) error {
	if s.plan == nil {
		return refuse(CodeCells, 0, "the question is answered")
	}
	if s.rounds == nil {
		s.plan, s.result = nil, round
		return nil
	}
	done, err := s.rounds.step(round)
	if err != nil {
		return err
	}
	if done {
		s.plan, s.result = nil, s.rounds.answer()
		return nil
	}
	return s.next()
}

// next plans the next round.
func (s *Session) next() (err error) {
	s.plan, err = NewPlan(s.rounds.statement(), s.catalogue, s.departments, s.packing)
	return err
}

// search looks for the values with certain ranks in a column, by counting how many
// values lie in ranges that every round makes narrower. Numbers are in units of the
// column's scale.
type search struct {
	from    string // the text from the table's name on
	column  Column
	outputs []searchOutput
	rounds  int
	round   int
	radix   *big.Int
	n       *big.Int   // of values, known after the first round
	span    *big.Int   // width of the ranges that are split in this round
	targets []*target  // ascending by rank; one without a rank in the first round
	width   *big.Int   // of this round's buckets
	ranges  []*big.Int // where they start, ascending
}

// target is a rank that is looked for: at least below values lie under lo, and the
// value lies in [lo, lo + span).
type target struct{ rank, lo, below *big.Int }

// searchOutput is one column of the answer.
type searchOutput struct {
	name     string
	kind     Kind
	function string
	fraction *big.Rat
}

// searched are the functions of one column that a search answers.
var searched = []string{"median", "percentile_cont", "percentile_disc", "min", "max"}

// newSearch reads a question as a search; false when it is none.
func newSearch(sql string, cat Catalogue, departments []string) (*search, bool) {
	stmt, err := parse(sql)
	b := &binder{text: text(sql), plan: &Plan{SQL: sql, Departments: slices.Sorted(slices.Values(departments))}, moments: map[string]int{}}
	if err != nil || b.only(stmt, "target_list", "from_clause", "where_clause", "limit_option", "op") != nil || b.bindFrom(stmt.FromClause, cat) != nil {
		return nil, false
	}
	s := &search{from: sql[stmt.FromClause[0].GetRangeVar().Location:]}
	column := -1
	for _, node := range stmt.TargetList {
		call := node.GetResTarget().GetVal().GetFuncCall()
		if call == nil || b.only(node.GetResTarget(), "name", "val", "location") != nil {
			return nil, false
		}
		output, at, ok := b.searchCall(call)
		if !ok || column >= 0 && at != column {
			return nil, false
		}
		if column = at; node.GetResTarget().Name != "" {
			output.name = node.GetResTarget().Name
		}
		s.outputs = append(s.outputs, output)
	}
	if column < 0 {
		return nil, false
	}
	s.column = b.plan.Schema.Columns[column]
	if !s.column.Kind.numeric() || s.column.HasDictionary || s.column.Min == nil {
		return nil, false
	}
	for i := range s.outputs {
		if s.outputs[i].kind != Float {
			s.outputs[i].kind = s.column.Kind
		}
	}
	s.prepare()
	return s, true
}

// searchCall reads one call: a function of a column, and nothing else.
func (b *binder) searchCall(call *pg.FuncCall) (out searchOutput, column int, ok bool) {
	name := functionName(call)
	s := orderStatistics[name]
	if !slices.Contains(searched, name) || s.within != call.AggWithinGroup ||
		b.only(call, "funcname", "args", "funcformat", "location", "agg_within_group", "agg_order") != nil {
		return out, 0, false
	}
	out = searchOutput{name: name, function: name, fraction: big.NewRat(1, 2)}
	if s.numbers {
		out.kind = Float
	}
	args := call.Args
	if s.within {
		fraction, err := b.bindFraction(name, args[0], 0)
		if err != nil || len(args) != 1 {
			return out, 0, false
		}
		out.fraction = rational(fraction.Value)
		if args, err = b.withinGroup(name, call, 0); err != nil {
			return out, 0, false
		}
	}
	if len(args) != 1 || args[0].GetColumnRef() == nil || !s.within && len(call.AggOrder) > 0 {
		return out, 0, false
	}
	column, err := b.column(args[0].GetColumnRef())
	return out, column, err == nil
}

// prepare chooses how many rounds there are, and the least radix for them.
func (s *search) prepare() {
	s.span = new(big.Int).Sub(s.column.Max, s.column.Min)
	s.span.Add(s.span, big.NewInt(1))
	most := int64(min(searchRadix, maxBuckets/s.ranks()))
	reach := big.NewInt(1)
	for s.rounds = 0; reach.Cmp(s.span) < 0 || s.rounds == 0; s.rounds++ {
		reach.Mul(reach, big.NewInt(most))
	}
	low, high := int64(1), most // the least radix with radix^rounds ≥ span
	for low < high {
		middle := (low + high) / 2
		if new(big.Int).Exp(big.NewInt(middle), big.NewInt(int64(s.rounds)), nil).Cmp(s.span) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	s.radix = big.NewInt(low)
	s.targets = []*target{{lo: s.column.Min, below: new(big.Int)}}
	s.split()
}

// ranks is how many ranks the outputs may need.
func (s *search) ranks() int {
	n := 0
	for _, o := range s.outputs {
		n++
		if o.kind == Float {
			n++
		}
	}
	return n
}

// split sets the buckets of the present round.
func (s *search) split() {
	s.width = new(big.Int).Exp(s.radix, big.NewInt(int64(s.rounds-s.round-1)), nil)
	s.ranges = nil
	for _, t := range s.targets {
		if !slices.ContainsFunc(s.ranges, func(lo *big.Int) bool { return lo.Cmp(t.lo) == 0 }) {
			s.ranges = append(s.ranges, t.lo)
		}
	}
	slices.SortFunc(s.ranges, (*big.Int).Cmp)
}

// bins is how many buckets each range has.
func (s *search) bins() *big.Int {
	n := new(big.Int).Add(s.span, s.width)
	n.Sub(n, big.NewInt(1))
	return n.Quo(n, s.width)
}

// statement is the present round's SQL.
func (s *search) statement() string {
	parts := []string{`"` + strings.ReplaceAll(s.column.Name, `"`, `""`) + `"`}
	for _, lo := range s.ranges {
		parts = append(parts, fixedDecimal(lo, s.column.Scale), fixedDecimal(s.width, s.column.Scale), s.bins().String())
	}
	return "SELECT buckets(" + strings.Join(parts, ", ") + ") FROM " + s.from
}

// step takes a round's counts and narrows the ranges.
func (s *search) step(round *Result) (done bool, err error) {
	n, counts, err := s.read(round)
	if err != nil {
		return false, err
	}
	return s.narrow(n, counts)
}

func (s *search) most() int { return s.rounds }

// read takes a round's counts from its answer: how many values there are, and for each
// range those of its buckets.
func (s *search) read(round *Result) (n *big.Int, counts map[string][]*big.Int, err error) {
	malformed := refuse(CodeCells, 0, "round %d: this is not the answer to its question", s.round+1)
	bins := int(s.bins().Int64())
	if len(round.Rows) != bins*len(s.ranges) {
		return nil, nil, malformed
	}
	for _, f := range round.Model {
		if f.Name == "n" && f.Value.Exact != nil {
			n, _ = new(big.Int).SetString(*f.Value.Exact, 10)
		}
	}
	if n == nil {
		return nil, nil, malformed
	}
	counts = map[string][]*big.Int{}
	for i, row := range round.Rows {
		if len(row) != len(bucketsColumns) || row[2].Exact == nil {
			return nil, nil, malformed
		}
		count, ok := new(big.Int).SetString(*row[2].Exact, 10)
		if !ok {
			return nil, nil, malformed
		}
		lo := s.ranges[i/bins].String()
		counts[lo] = append(counts[lo], count)
	}
	return n, counts, nil
}

// narrow finds for each rank the bucket that holds it; done when nothing is left to
// ask.
func (s *search) narrow(n *big.Int, counts map[string][]*big.Int) (done bool, err error) {
	if s.round == 0 {
		s.n = n
		if s.n.Sign() <= 0 {
			return true, nil
		}
		s.rank()
	}
	for _, t := range s.targets {
		at := -1
		for k, n := range counts[t.lo.String()] {
			if next := new(big.Int).Add(t.below, n); t.rank.Cmp(next) >= 0 {
				t.below = next
				continue
			}
			at = k
			break
		}
		if at < 0 {
			return false, refuse(CodeCells, 0, "round %d: the value of rank %s is in none of the ranges where the rounds before put it", s.round+1, t.rank)
		}
		t.lo = new(big.Int).Add(t.lo, new(big.Int).Mul(s.width, big.NewInt(int64(at))))
	}
	s.span = s.width
	s.round++
	if s.round == s.rounds {
		return true, nil
	}
	s.split()
	return false, nil
}

// rank sets the ranks that the outputs need, from the number of values.
func (s *search) rank() {
	var ranks []*big.Int
	last := new(big.Int).Sub(s.n, big.NewInt(1))
	for _, o := range s.outputs {
		low, high := o.ranks(s.n)
		ranks = append(ranks, low)
		if high.Cmp(last) <= 0 {
			ranks = append(ranks, high)
		}
	}
	slices.SortFunc(ranks, (*big.Int).Cmp)
	ranks = slices.CompactFunc(ranks, func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
	s.targets = nil
	for _, r := range ranks {
		s.targets = append(s.targets, &target{rank: r, lo: s.column.Min, below: new(big.Int)})
	}
}

// ranks are the ranks, from 0, of the one or two values of n that an output is made of.
func (o searchOutput) ranks(n *big.Int) (low, high *big.Int) {
	last := new(big.Int).Sub(n, big.NewInt(1))
	switch o.function {
	case "min":
		return new(big.Int), new(big.Int)
	case "max":
		return last, last
	case "percentile_disc":
		low = discreteRank(o.fraction, n)
		return low, low
	}
	rank := new(big.Rat).Mul(o.fraction, new(big.Rat).SetInt(last))
	low = new(big.Int).Quo(rank.Num(), rank.Denom())
	if rank.IsInt() {
		return low, low
	}
	return low, new(big.Int).Add(low, big.NewInt(1))
}

// answer is the one row.
func (s *search) answer() *Result {
	out := &Result{Rows: [][]Value{nil}}
	for _, o := range s.outputs {
		v := undefined(noRows)
		if s.n.Sign() > 0 {
			v = s.value(o)
		} else {
			out.Notes = append(out.Notes, Note{0, o.name, noRows})
		}
		out.Columns, out.Kinds = append(out.Columns, o.name), append(out.Kinds, o.kind)
		out.Rows[0] = append(out.Rows[0], v.print(false))
	}
	return out
}

// found is the value of a rank.
func (s *search) found(rank *big.Int) Datum {
	i := slices.IndexFunc(s.targets, func(t *target) bool { return t.rank.Cmp(rank) == 0 })
	return Datum{Kind: s.column.Kind, Number: s.targets[i].lo, Scale: s.column.Scale}
}

// value is one output's.
func (s *search) value(o searchOutput) value {
	low, high := o.ranks(s.n)
	if o.kind != Float {
		return valueOf(s.found(low))
	}
	x := rational(s.found(low))
	if low.Cmp(high) != 0 {
		rank := new(big.Rat).Mul(o.fraction, new(big.Rat).SetInt(new(big.Int).Sub(s.n, big.NewInt(1))))
		rank.Sub(rank, new(big.Rat).SetInt(low))
		gap := rational(s.found(high))
		x.Add(x, rank.Mul(rank, gap.Sub(gap, x)))
	}
	return double(x)
}

// SessionExplanation says what each round reveals, before the first is asked.
type SessionExplanation struct {
	Rounds []ExplainedRound `json:"rounds"`
	First  Explanation      `json:"first"` // of the first round's plan
}

// ExplainedRound is one round of a session.
type ExplainedRound struct {
	Cells  int    `json:"cells"` // at most
	Learns string `json:"learns"`
}

// Explain describes the rounds to come. It is meant for a session before its first
// step.
func (s *Session) Explain() SessionExplanation {
	if s.plan == nil {
		return SessionExplanation{}
	}
	out := SessionExplanation{First: s.plan.Explain()}
	if s.rounds == nil {
		out.Rounds = []ExplainedRound{{s.plan.CellCount(), out.First.Learns[0].What}}
		return out
	}
	out.Rounds = s.rounds.explain()
	return out
}

// explain says what each round of a search reveals.
func (q *search) explain() (out []ExplainedRound) {
	for round := q.round; round < q.rounds; round++ {
		width := new(big.Int).Exp(q.radix, big.NewInt(int64(q.rounds-round-1)), nil)
		text := fixedDecimal(width, q.column.Scale)
		r := ExplainedRound{Cells: 3 + int(q.radix.Int64()), Learns: fmt.Sprintf("the analyst learns how many values of %s lie in each range of width %s", q.column.Name, text)}
		if round > 0 {
			r.Cells = 3 + q.ranks()*int(q.radix.Int64())
			r.Learns += ", within the ranges of the round before that hold what is asked for, whose place the departments learn from the question"
		}
		out = append(out, r)
	}
	return out
}

// String writes the explanation for people: that of the first round's plan, and after
// it the rounds when there are several.
func (x SessionExplanation) String() string {
	text := x.First.String()
	if len(x.Rounds) < 2 {
		return text
	}
	text += fmt.Sprintf("The question takes at most %d rounds, each a query with a certificate of its own; this was the first.\n", len(x.Rounds))
	for i := 0; i < len(x.Rounds); {
		r, first := x.Rounds[i], i+1
		for i++; i < len(x.Rounds) && x.Rounds[i] == r; i++ { // rounds that reveal the same make one line
		}
		which := fmt.Sprintf("Round %d", first)
		if i > first {
			which = fmt.Sprintf("Rounds %d to %d", first, i)
		}
		text += fmt.Sprintf("%s, at most %s: %s.\n", which, plural(int64(r.Cells), "cell"), r.Learns)
	}
	return text
}
