package engine

import (
	"bytes"
	"math/big"
	"slices"
)

// Why a cell is withheld: the reason codes of a verdict. README section 18.3.
const (
	ReasonCount       byte = 1 // fewer rows than Disclosure.Count
	ReasonFloor       byte = 2 // a department with fewer rows than Disclosure.Floor
	ReasonDepartments byte = 3 // fewer departments than Disclosure.Departments
	ReasonFreedom     byte = 4 // fewer degrees of freedom than Disclosure.Freedom
	ReasonParameters  byte = 5 // more parameters than Disclosure.ParametersPerMille
	ReasonComplement  byte = 6 // what else is shown would give away a cell that is withheld
	ReasonDominance   byte = 7 // the largest rows may be more of a sum than Disclosure.DominancePerMille
	ReasonRatio       byte = 8 // a sum without its two largest rows may be less than Disclosure.RatioPerMille of the largest
)

var reasonNames = [...]string{"", "count", "floor", "departments", "freedom", "parameters", "complement", "dominance", "p-ratio"}

// ReasonName is what an answer calls a reason code; "" of a byte that is none.
func ReasonName(code byte) string {
	if int(code) >= len(reasonNames) {
		return ""
	}
	return reasonNames[code]
}

// lowest is the lower of two reason codes, of which 0 is none.
func lowest(a, b byte) byte {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// MaxFigures bounds the figures of a screening, in each group.
const MaxFigures = 1 << 15

// Screening is what makes a plan the screening of another one: what its figures are.
type Screening struct {
	_        struct{} `cbor:",toarray"`
	Answer   Digest   // of the plan whose answer is screened
	Rules    Disclosure
	Earlier  []Earlier // what the answer is compared with
	answer   *Plan
	supports *supports
	figures  []figures // by support
	fits     []fitted
	sums     []sumRule
	terms    []map[string]bool // by moment of the answer, the products that it is a sum of
	persons  *persons          // of a join across departments; the others are of other plans
}

// figures are the moments of a screening that are of one support; −1 where the rules need none.
type figures struct{ count, floor, departments int }

// Screening is the plan of what the contributors look at before the plan's answer is released: its cells are
// figures of the rows that the answer's cells rest on, which tell no count above the least one that is
// wanted. It is refused where no rule looks at counts, and with CodeLimit where there are too many figures.
// README section 18.2. Under a history it is compared with earlier questions (section 18.9).
func (p *Plan) Screening(d Disclosure, earlier ...Earlier) (*Plan, error) {
	switch {
	case d.History == 0 && len(earlier) > 0:
		return nil, refuse(CodePolicy, 0, "no rule asks for a history: the question is compared with no other")
	case p.Screen != nil || p.Rules != (Disclosure{}) || p.Noise != nil:
		return nil, refuse(CodePolicy, 0, "what is screened is a question's own plan")
	case !d.Screens():
		return nil, refuse(CodePolicy, 0, "no rule looks at counts: nothing is screened")
	}
	if p.Linked() != nil {
		return p.screenLinked(d)
	}
	if err := p.mayRound(d); err != nil {
		return nil, err
	}
	if err := p.mayJoin(d); err != nil {
		return nil, err
	}
	if _, err := p.Noisy(d); err != nil { // what is not answered is not looked at
		return nil, err
	}
	rests, err := p.supportsOf()
	if err != nil {
		return nil, err
	}
	if err := rests.compare(d, earlier); err != nil {
		return nil, err
	}
	s := &Screening{Answer: p.Digest(), Rules: d, Earlier: earlier, answer: p, supports: rests}
	sums, err := s.sumRules()
	if err != nil {
		return nil, err
	}
	s.fits = p.fits(s.supports)
	out := &Plan{SQL: p.SQL, Table: p.Table, Departments: p.Departments, Registrations: p.Registrations, Schema: p.Schema,
		Join: p.Join, Filter: p.Filter, Groups: p.Groups, Screen: s}
	where := (*Expr)(nil)
	if len(rests.outside) > 0 { // rows are counted for which WHERE does not hold
		where, out.Filter = p.Filter, nil
	}
	out.addSlacks(sums, where, out.addFigures(where))
	if n := len(out.Moments); n > MaxFigures {
		return nil, hinted(refuse(CodeLimit, 0, "the rules look at %d counts of each group; at most %d are allowed", n, MaxFigures),
			"ask for fewer aggregates at once")
	}
	if d.Veiled {
		out.veil(d)
	}
	for m := range out.Moments {
		for _, r := range out.Registrations {
			out.Moments[m].Bounds = append(out.Moments[m].Bounds, out.figureBound(m, r.Rows))
		}
	}
	if err := out.pack(p.Layout.Packing); err != nil {
		return nil, hinted(refuse(CodeLimit, 0, "what the rules look at is more than can be counted: %s", err.(*Error).Message),
			"ask for fewer groups or fewer aggregates")
	}
	return out, nil
}

// addFigures adds the figures of rows to a screening's plan. It gives for each support the first, which counts its rows. where is as of addSlacks.
func (p *Plan) addFigures(where *Expr) []int {
	s, d, least := p.Screen, p.Screen.Rules, p.Screen.least()
	first := make([]int, len(s.supports.list)) // a moment that counts the support's rows
	for i, rows := range s.supports.list {
		m := Moment{Op: CountRows, Filter: conjunction(where, rows.conditions)}
		if rows.outside {
			m.Filter = conjunction(nil, rows.conditions)
		}
		switch first[i] = len(p.Moments); {
		case p.Join != nil && rows.within >= 0:
			m = p.keysBeyond(p.Moments[first[rows.within]], m)
		case p.Join != nil:
			m.Op, m.Expr = CountKeys, p.key()
		case rows.within >= 0:
			m.Within = 1 + first[rows.within]
		}
		f := figures{-1, -1, -1}
		add := func(place *int, most, below int64) {
			*place = len(p.Moments)
			m.Most, m.Below = most, below
			p.Moments = append(p.Moments, m)
		}
		if least[i] > 0 {
			add(&f.count, least[i], 0)
		}
		if d.Floor > 0 {
			add(&f.floor, 0, d.Floor)
		}
		if d.Departments > 0 {
			add(&f.departments, 1, 0)
		}
		s.figures = append(s.figures, f)
	}
	return first
}

// least is for each support the most that its figure counts up to, what any cell that rests on it needs; 0 where none is looked at.
func (s *Screening) least() []int64 {
	out := make([]int64, len(s.supports.list))
	alone, together := s.enough(s.Rules.Count, 1), s.enough(s.Rules.Count, manySets)
	if s.Rules.Complement { // groups are added up
		alone = together
	}
	for i := range out {
		out[i] = alone
	}
	need := func(i int, least int64) { out[i] = max(out[i], least) }
	need(0, 1) // what a withheld group hides behind, and whether there are rows
	for _, pair := range s.supports.pairs {
		for _, i := range pair.rest {
			need(i, 1)
		}
	}
	for _, a := range s.supports.atoms {
		for _, i := range a.sets {
			need(i, max(1, together))
		}
	}
	s.supports.past.each(func(i int) { need(i, max(1, together)) })
	for _, f := range s.fits {
		for _, i := range f.rows {
			for _, rows := range []int64{f.freedom(s.Rules, f.parameters), f.share(s.Rules, f.parameters)} {
				need(i, s.enough(rows, int64(len(f.rows))))
			}
		}
	}
	if s.Rules.Base > 0 {
		for _, i := range s.supports.count {
			out[i] = exactly64
		}
	}
	for i, rows := range slices.Backward(s.supports.list) { // what a complement is taken of is counted
		if rows.within >= 0 && out[i] > 0 {
			need(rows.within, 1)
		}
	}
	return out
}

// figureBound is a department's range of a figure.
func (p *Plan) figureBound(m int, rows int64) Bound {
	most := min(rows, 1)
	switch moment := &p.Moments[m]; {
	case moment.Op == Weigh:
		most = slackMost(len(p.Departments))
	case moment.Below == 0 && rows > 0:
		most = min(rows+p.veils(m), moment.Most)
	}
	return Bound{Lo: new(big.Int), Hi: big.NewInt(most)}
}

// figure is what a department contributes of the counts of a group: its own, or of a screening what is made
// of it, which is there already where it carries noise. all are the group's counts.
func (p *Plan) figure(all []*big.Int, m int) *big.Int {
	if p.Screen == nil || p.Noise != nil || all[m] == nil {
		return all[m]
	}
	if p.Moments[m].Op == Weigh {
		return p.slackFigure(all, m)
	}
	n := p.counted(all, m)
	if n == nil || n.Sign() < 0 {
		return n
	}
	return p.made(m, n, new(big.Int))
}

// counted is how many rows of a department a figure is of; nil where a part is larger than its whole.
func (p *Plan) counted(all []*big.Int, m int) *big.Int {
	n, moment := all[m], &p.Moments[m]
	if n == nil || moment.Within == 0 {
		return n
	}
	within := all[moment.Within-1]
	if within == nil || within.Cmp(n) < 0 {
		return nil
	}
	return new(big.Int).Sub(within, n)
}

// made is a department's figure of its number of rows, with noise.
func (p *Plan) made(m int, n, noise *big.Int) *big.Int {
	moment, said := &p.Moments[m], new(big.Int).Add(n, noise)
	few := n.Sign() > 0 && p.Screen.Rules.Floor > 1 && said.Cmp(big.NewInt(p.aboveFloor(m))) < 0
	switch {
	case moment.Below > 0 && few:
		return big.NewInt(1)
	case moment.Below > 0 || few || n.Sign() == 0:
		return new(big.Int) // that it is below the floor says the other figure, and no more
	}
	return minimum(maximum(said, big.NewInt(1)), big.NewInt(moment.Most))
}

// Screened is, on a screening's plan, the verdict over the cells of the answer's: a reason code for each of
// them, 0 where it is shown. It takes the screening's cells, summed over the departments, and is the same for
// all who compute it. README section 18.3.
func (p *Plan) Screened(cells []*big.Int) ([]byte, error) {
	if p.Screen != nil && p.Screen.persons != nil {
		return p.screenedLinked(cells)
	}
	if err := p.checkFigures(cells); err != nil {
		return nil, err
	}
	s := p.Screen
	verdict := make([]byte, s.answer.CellCount())
	width := len(s.answer.Moments)
	for g := range p.groupCount() {
		s.judge(p.ofGroup(cells, g), verdict[g*width:(g+1)*width])
	}
	if s.Rules.Complement {
		for _, part := range s.supports.parts() {
			if err := p.complete(part, cells, nil, verdict); err != nil {
				return nil, err
			}
		}
	}
	if err := p.weighSums(cells, verdict); err != nil {
		return nil, err
	}
	if j, tells := p.tellsWith(cells, verdict); tells {
		return bytes.Repeat([]byte{ReasonEarlier + byte(j)}, len(verdict)), nil
	}
	return verdict, nil
}

// checkFigures refuses what are no cells of a screening.
func (p *Plan) checkFigures(cells []*big.Int) error {
	switch {
	case p.Screen == nil:
		return refuse(CodeCells, 0, "this is no plan of a screening")
	case len(cells) != p.CellCount():
		return refuse(CodeCells, 0, "%d cells given, the plan has %d", len(cells), p.CellCount())
	}
	most := make([]*big.Int, len(p.Moments))
	for m := range most {
		most[m] = p.most(m)
	}
	for i, c := range cells {
		if c == nil || c.Sign() < 0 || c.Cmp(most[i%len(most)]) > 0 {
			return refuse(CodeCells, 0, "figure %d of the screening is beyond what it can be", i)
		}
	}
	return nil
}

// ofGroup are a group's cells.
func (p *Plan) ofGroup(cells []*big.Int, g int) []*big.Int {
	return cells[g*len(p.Moments) : (g+1)*len(p.Moments)]
}

// complete withholds moments that belong together in further groups, so that totals over the groups do not give them
// away. The first of them decides for the groups' rows, all of them for others.
func (p *Plan) complete(part []int, cells []*big.Int, slacks [][]int64, verdict []byte) error {
	s, width := p.Screen, len(p.Screen.answer.Moments)
	rows, withheld := make([]int64, p.groupCount()), make([]bool, p.groupCount())
	deciding := part
	if part[0] == 0 {
		deciding = part[:1]
	}
	for g := range rows {
		rows[g] = s.weight(deciding, p.ofGroup(cells, g))
		for _, m := range deciding {
			code := verdict[g*width+m]
			withheld[g] = withheld[g] || code != 0 && code != ReasonFreedom && code != ReasonParameters
		}
	}
	if err := p.protect(rows, withheld, slacks); err != nil {
		return err
	}
	for g := range withheld {
		for _, m := range part {
			if withheld[g] && verdict[g*width+m] == 0 {
				verdict[g*width+m] = ReasonComplement
			}
		}
	}
	return nil
}

// weight is how many rows moments hide in a group: the fewest that one of them rests on, but none.
func (s *Screening) weight(moments []int, cells []*big.Int) (fewest int64) {
	for _, m := range moments {
		for k, i := range s.supports.of[m] {
			if s.supports.list[i].within >= 0 || k == 0 && len(s.supports.of[m]) > 1 {
				continue // the group's rows count where there are no others
			}
			at := s.figures[i].count
			if at < 0 {
				at = s.figures[0].count
			}
			n := cells[at].Int64()
			if at := s.figures[i].floor; at >= 0 {
				n += cells[at].Int64() // each has a row
			}
			if n > 0 && (fewest == 0 || n < fewest) {
				fewest = n
			}
		}
	}
	return fewest
}

// judge fills the verdict of one group.
func (s *Screening) judge(cells []*big.Int, verdict []byte) {
	failed := make([]byte, len(s.supports.list))
	told := map[int]bool{} // columns by which rows are told apart that are too few
	fail := func(i int, code byte) {
		failed[i] = lowest(failed[i], code)
		for _, c := range s.supports.list[i].conditions {
			columnsOf(c, func(column int) { told[column] = told[column] || code != 0 })
		}
	}
	for _, rests := range s.supports.of {
		for _, i := range rests {
			if failed[i] == 0 {
				fail(i, s.failure(i, cells))
			}
		}
	}
	for _, p := range s.supports.pairs {
		for k, i := range p.rest {
			if cells[s.figures[p.rest[1-k]].count].Sign() == 0 {
				fail(p.rows[0], s.failure(i, cells))
				fail(p.rows[1], s.failure(i, cells))
			}
		}
	}
	for _, a := range s.supports.atoms {
		s.tells(a, cells, fail)
	}
	for m, rests := range s.supports.of {
		for _, i := range rests {
			verdict[m] = lowest(verdict[m], failed[i])
		}
		for column := range s.supports.read[m] {
			if told[column] {
				verdict[m] = lowest(verdict[m], ReasonComplement)
			}
		}
	}
	for _, f := range s.fits {
		if r := s.unfit(f, cells); r != 0 {
			for _, m := range f.moments {
				verdict[m] = lowest(verdict[m], r)
			}
		}
	}
	if verdict[0] != 0 {
		for m := range verdict {
			verdict[m] = lowest(verdict[m], verdict[0])
		}
	}
}

// failure is why a support's rows are too few; 0 where they are not. Nobody is hidden in what is left of a
// total when nothing is.
func (s *Screening) failure(i int, cells []*big.Int) byte {
	f, rest := s.figures[i], s.supports.list[i].within >= 0 || s.supports.list[i].partial
	at := func(m int) int64 {
		if m < 0 {
			return 0
		}
		return cells[m].Int64()
	}
	n := at(f.count)
	none := n == 0 && s.Rules.ZeroIsSmall && !rest
	switch departments := at(f.departments); {
	case at(f.floor) > 0 || none && s.Rules.Floor > 0: // of a floor the other figures do not count the rows: none is not told from few
		return ReasonFloor
	case n < s.enough(s.Rules.Count, 1) && (n > 0 || none):
		return ReasonCount
	case departments > 0 && departments < s.Rules.Departments:
		return ReasonDepartments
	}
	return 0
}

// Withhold is the plan of the answer that shows what a verdict leaves: the plan, but that cells that are
// withheld are 0 whatever the tables say, by their bounds. The verdict must be of this plan's cells, of known
// codes, and withhold a group whole of which it withholds the number of rows. README section 18.3. Where counts are rounded the
// recipient, an index into Departments, contributes them alone (section 18.10).
func (p *Plan) Withhold(d Disclosure, verdict []byte, recipient int) (*Plan, error) {
	switch {
	case p.Screen != nil || p.Rules != (Disclosure{}):
		return nil, refuse(CodePolicy, 0, "what is withheld from is a question's own plan")
	case !d.Screens():
		return nil, refuse(CodePolicy, 0, "no rule looks at counts: nothing is withheld")
	case len(verdict) > 0 && verdict[0] >= ReasonEarlier:
		return nil, refuse(CodeHistory, 0, "with an earlier answer this one would tell of too few rows")
	case len(verdict) != p.CellCount():
		return nil, refuse(CodeCells, 0, "the verdict is over %d cells, the plan has %d", len(verdict), p.CellCount())
	}
	if err := p.mayRound(d); err != nil {
		return nil, err
	}
	out := *p
	out.Rules, out.Withheld = d, nil
	for i, code := range verdict {
		if int(code) >= len(reasonNames) {
			return nil, refuse(CodeCells, 0, "the verdict over cell %d is %d, which is no reason", i, code)
		}
		if first := i - i%len(p.Moments); code == 0 && verdict[first] != 0 {
			return nil, refuse(CodeCells, 0, "the verdict shows cell %d of a group whose rows it withholds", i)
		}
		if code != 0 && out.Withheld == nil {
			out.Withheld = slices.Clone(verdict)
		}
	}
	if d.Base == 0 {
		return &out, nil
	}
	return &out, out.roundBy(recipient)
}

// withheld is the reason code of a cell.
func (p *Plan) withheld(group, moment int) byte {
	if p.Withheld == nil {
		return 0
	}
	return p.Withheld[group*len(p.Moments)+moment]
}
