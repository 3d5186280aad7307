package engine

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Earlier is a question that was answered before, as a new one is compared with it. README section 18.9.
type Earlier struct {
	_           struct{} `cbor:",toarray"`
	SQL         string   // as Remembered gives it
	Departments []string // its contributors
	// Verdict is over its cells: what was shown. Empty: all, or it is not known.
	Verdict []byte
	Former  bool // the verdict is over other versions of the tables
}

// named is the question in a sentence.
func (e *Earlier) named() string {
	const most = 80
	if text := []rune(e.SQL); len(text) > most {
		return quote(string(text[:most]) + "...")
	}
	return quote(e.SQL)
}

// Limits on what a question is compared with.
const (
	// MaxEarlier bounds the earlier questions.
	MaxEarlier = 200
	// maxFacings bounds the parts of all pairs that are compared.
	maxFacings = 8192
	// maxWeighings bounds the steps of that comparison: some seconds.
	maxWeighings = 1 << 30
	// maxFaced bounds the parts of an earlier answer that are compared one by one with the groups of the new one.
	maxFaced = 1024
	// maxTuples is how many groups of an earlier answer, withheld or shown, whichever are fewer, a condition lists.
	maxTuples = 1024
)

// ReasonEarlier is the first of the codes of a verdict that refuses a question: the next ones name the next earlier
// questions that the screening compared it with.
const ReasonEarlier byte = 16

// EarlierOf is the index of the earlier question for whose sake a verdict refuses the answer; false where it does not.
func EarlierOf(verdict []byte) (int, bool) {
	if len(verdict) == 0 || verdict[0] < ReasonEarlier {
		return 0, false
	}
	return int(verdict[0] - ReasonEarlier), true
}

// Remembered is the text by which a question is compared with later ones: of a round, which is one of many texts, without
// the mark of its question, and of those that search or fit what they count, not where.
func Remembered(sql string) (string, error) {
	if !IsRound(sql) {
		return sql, nil
	}
	_, rest, _ := strings.Cut(sql, " */ ")
	stmt, _, err := parseQuestion(rest)
	if err != nil {
		return "", err
	}
	count := &pg.FuncCall{Funcname: []*pg.Node{{Node: &pg.Node_String_{String_: &pg.String{Sval: "count"}}}}, AggStar: true, Location: -1}
	for _, t := range stmt.TargetList {
		target := t.GetResTarget()
		if call := target.GetVal().GetFuncCall(); call != nil && (functionName(call) == "buckets" || strings.HasSuffix(functionName(call), "_step")) {
			count.AggFilter = call.AggFilter
			target.Val = &pg.Node{Node: &pg.Node_FuncCall{FuncCall: count}}
		}
	}
	return deparsed(stmt)
}

// asked is a set of rows whose number a question shows, or sums over it.
type asked struct {
	earlier    int     // the question's index; −1: the new one's
	moments    []int   // of its plan, by any of which the set is shown
	at         int     // support, of the new question's own
	conditions []*Expr // WHERE's among them
	keys       []int   // groups of the new plan that the question tells apart, too
	linked     []linkedKey
}

// past is what a screening compares with.
type past struct {
	pairs     []facing
	facings   int   // parts of all pairs
	weighings int64 // steps of weighing their groups
	divided   []divided
	families  []family
	covers    []cover
	apart     *exclusion
}

// facing is of a set of the new question's rows and one of an earlier one's.
type facing struct {
	own, other asked
	more       int     // support: own rows that are not the other's; −1: there can be none
	parts      []faced // of the other's, as its answer tells them apart and the new one does not
	alone      bool    // the contributors differ, so that each department's rows are told
}

// faced are the rows of a part of an earlier question's set: supports.
type faced struct {
	both int // that are own ones
	less int // that are not; −1: there can be none
}

// compare finds what is to be counted so that the answer with earlier ones tells of no set of rows that is too small.
func (s *supports) compare(d Disclosure, earlier []Earlier) error {
	if len(earlier) > MaxEarlier {
		return refuse(CodeLimit, 0, "%d earlier questions are to be compared with; at most %d can be", len(earlier), MaxEarlier)
	}
	own := s.ownSets()
	var all []asked
	for j := range earlier {
		e := &earlier[j]
		differ := !slices.Equal(e.Departments, s.plan.Departments)
		if differ && (d.Floor < 2 || d.Floor < d.Count) {
			return hinted(refuse(CodeHistory, 0, "with the answer of other departments to %s this one would tell of single departments", e.named()),
				"ask of the same departments as then: %s", strings.Join(e.Departments, ", "))
		}
		sets, err := s.setsOf(j, e, differ)
		if err != nil {
			return err
		}
		for _, c := range sets {
			for _, o := range own {
				if err := s.face(o, c.set, c.plan, differ); err != nil {
					return err
				}
			}
			if keys, possible := s.beside(own[0], c.set, c.plan); possible {
				c.set.conditions = s.held(c.set, keys)
				if !slices.ContainsFunc(all, func(x asked) bool {
					return s.key(x.conditions) == s.key(c.set.conditions) && slices.Equal(x.keys, c.set.keys)
				}) {
					all = append(all, c.set)
				}
			}
		}
	}
	switch {
	case len(all) == 0:
		return nil
	case len(all) > maxDividing:
		return tooManyFacings()
	}
	s.past.apart = newExclusion(s, slices.Concat(own, all))
	if err := s.relate(own, all); err != nil {
		return err
	}
	if err := s.divideUp(own, all); err != nil {
		return err
	}
	all = append(own, all...)
	if err := s.square(all); err != nil {
		return err
	}
	return s.cover(all)
}

// ownSets are the new question's.
func (s *supports) ownSets() []asked {
	keys := make([]int, len(s.plan.Groups))
	for i := range keys {
		keys[i] = i
	}
	var where []*Expr
	if s.plan.Filter != nil {
		where = []*Expr{s.plan.Filter}
	}
	out := []asked{{earlier: -1, moments: []int{0}, conditions: s.flat(where), keys: keys}}
	for _, m := range s.plan.plain() {
		for _, o := range s.open[m] {
			at := slices.IndexFunc(out, func(x asked) bool { return x.at == o.support })
			if at < 0 {
				at = len(out)
				conditions := s.flat(append(slices.Clone(where), s.list[o.support].conditions...))
				out = append(out, asked{earlier: -1, at: o.support, conditions: conditions, keys: keys})
			}
			out[at].moments = append(out[at].moments, m)
		}
	}
	for _, c := range s.reported() {
		conditions := s.flat(append(slices.Clone(where), c.conditions...))
		out = append(out, asked{earlier: -1, at: s.add(c.conditions), conditions: conditions, keys: keys, moments: c.moments})
	}
	return out
}

// planned is a set with its question's plan.
type planned struct {
	set  asked
	plan *Plan
}

// setsOf are the sets of an earlier question, over the tables as they are now.
func (s *supports) setsOf(j int, e *Earlier, differ bool) ([]planned, error) {
	p := s.plan
	q, err := NewPlan(e.SQL, p.Catalogue(), p.Departments, p.Layout.Packing)
	switch {
	case err == nil && p.Join != nil && q.Join != nil && !slices.EqualFunc(p.Join.Keys, q.Join.Keys, slices.Equal):
		return nil, hinted(refuse(CodeHistory, 0, "%s, which was answered before, joined the same tables by other columns: what both tell together is not compared", e.named()),
			"join by the same columns as then")
	case err != nil || (p.Join == nil) != (q.Join == nil):
		return nil, refuse(CodeHistory, 0, "over the tables as they are now the question cannot be compared with %s, which was answered before", e.named())
	case len(e.Verdict) > 0 && !differ && !e.Former && len(e.Verdict) != q.CellCount():
		return nil, refuse(CodeCells, 0, "the verdict over %s is over %d cells, it has %d", e.named(), len(e.Verdict), q.CellCount())
	}
	// What was shown over other tables may or may not be over these: both are looked at.
	verdicts := [][]byte{e.Verdict}
	if differ || e.Former {
		verdicts = append(verdicts, nil)
	}
	if len(e.Verdict) != q.CellCount() {
		verdicts = [][]byte{nil}
	}
	if (differ || e.Former) && len(verdicts) == 1 && slices.ContainsFunc(e.Verdict, func(code byte) bool { return code != 0 }) {
		return nil, refuse(CodeHistory, 0, "other departments, or the tables as they are now, have other groups than %s, of which some were withheld", e.named())
	}
	var keys []int
	for i, g := range p.Groups {
		if slices.ContainsFunc(q.Groups, func(k GroupColumn) bool { return k.Expr.equal(g.Expr) }) {
			keys = append(keys, i)
		}
	}
	linked := s.linkedKeys(q, keys)
	of, err := q.plainSupports()
	if err != nil {
		return nil, err
	}
	var out []planned
	for _, x := range of.ownSets() {
		narrowed := true
		for i, verdict := range verdicts {
			shown, some, err := q.shownBy(verdict, x.moments)
			if err != nil {
				return nil, err
			}
			if some && (i == 0 || narrowed) {
				conditions := s.flat(append(slices.Clone(x.conditions), shown...))
				out = append(out, planned{asked{earlier: j, conditions: conditions, keys: keys, linked: linked}, q})
			}
			narrowed = !some || len(shown) > 0
		}
	}
	return out, nil
}

// plainSupports are the supports of the question's own aggregates alone.
func (p *Plan) plainSupports() (*supports, error) {
	s := newSupports(p)
	plain := p.plain()
	for m := range p.Moments {
		s.of, s.read, s.open = append(s.of, []int{0}), append(s.read, map[int]bool{}), append(s.open, nil)
		if slices.Contains(plain, m) {
			s.moment(m)
		}
	}
	return s, nil
}

// shownBy is the condition that a row is in a group of which a verdict shows one of some cells; none where all are shown,
// false where none is.
func (p *Plan) shownBy(verdict []byte, moments []int) (conditions []*Expr, some bool, err error) {
	if len(verdict) == 0 {
		return nil, true, nil
	}
	var shown, hidden [][]Datum
	for g := range p.groupCount() {
		if shows(verdict[g*len(p.Moments):], moments) {
			shown = append(shown, p.groupValues(g))
		} else {
			hidden = append(hidden, p.groupValues(g))
		}
	}
	switch {
	case len(hidden) == 0:
		return nil, true, nil
	case len(shown) == 0:
		return nil, false, nil
	case min(len(shown), len(hidden)) > maxTuples:
		return nil, false, refuse(CodeHistory, 0, "an earlier answer shows and withholds more than %d groups, so it cannot be compared with", maxTuples)
	case len(shown) < len(hidden):
		return []*Expr{p.member(0, shown)}, true, nil
	}
	return []*Expr{negated(isTrue(p.member(0, hidden)))}, true, nil
}

// shows reports whether a group's verdict shows one of some moments.
func shows(verdict []byte, moments []int) bool {
	return slices.ContainsFunc(moments, func(m int) bool { return verdict[m] == 0 })
}

func isTrue(e *Expr) *Expr { return &Expr{Op: OpIsTrue, Args: []*Expr{e}, Kind: Boolean} }

// member is the condition that a row's keys, from one on, are one of some lists of values.
func (p *Plan) member(key int, tuples [][]Datum) *Expr {
	var rests [][][]Datum // what values of the key stand with, each once
	var values [][]Datum
	names := map[string]int{}
	for _, part := range gatherBy(tuples, func(t []Datum) string { return t[key].String() + string(rune(t[key].Kind)) }) {
		var name strings.Builder
		if key+1 < len(p.Groups) {
			for _, t := range part {
				for _, v := range t[key+1:] {
					name.WriteString(quote(v.String()) + string(rune(v.Kind)))
				}
			}
		}
		at, known := names[name.String()]
		if !known {
			at = len(rests)
			names[name.String()] = at
			rests, values = append(rests, part), append(values, nil)
		}
		values[at] = append(values[at], part[0][key])
	}
	var any []*Expr
	for i, rest := range rests {
		c := oneOf(p.Groups[key].Expr, values[i])
		if key+1 < len(p.Groups) {
			c = conjunction(nil, []*Expr{c, p.member(key+1, rest)})
		}
		any = append(any, c)
	}
	return disjunction(any)
}

// gatherBy sorts a list into lists of one name, in their order.
func gatherBy[E any](all []E, name func(E) string) (out [][]E) {
	at := map[string]int{}
	for _, e := range all {
		n := name(e)
		i, known := at[n]
		if !known {
			i = len(out)
			at[n], out = i, append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

func disjunction(any []*Expr) *Expr {
	if len(any) == 1 {
		return any[0]
	}
	out := &Expr{Op: OpOr, Args: any, Kind: Boolean}
	for _, e := range any {
		out.Nullable = out.Nullable || e.Nullable
	}
	return out
}

// oneOf is the condition that an expression has one of some values, NULL perhaps among them.
func oneOf(e *Expr, values []Datum) *Expr {
	in := &Expr{Op: OpIn, Args: []*Expr{e}, Kind: Boolean, Nullable: e.Nullable}
	for _, v := range values {
		if !v.IsNull() {
			in.Args = append(in.Args, constantOf(e, v))
		}
	}
	null := &Expr{Op: OpIsNull, Args: []*Expr{e}, Kind: Boolean}
	if len(in.Args) == 2 { // as a question writes it
		in.Op = OpEqual
	}
	switch {
	case len(in.Args) == 1:
		return null
	case len(in.Args) <= len(values):
		return disjunction([]*Expr{isTrue(in), null})
	}
	return in
}

// keyValues are a key of an earlier question's that the new one does not have, with the values that the new one's
// conditions leave it: who has the answer by groups has it for these alone, too.
type keyValues struct {
	expr   *Expr
	values []Datum
	all    bool // that it can have
}

// beside are those keys; false where the conditions leave one no value.
func (s *supports) beside(own, other asked, q *Plan) (out []keyValues, possible bool) {
	for _, k := range q.Groups {
		if slices.ContainsFunc(other.keys, func(i int) bool { return s.plan.Groups[i].Expr.equal(k.Expr) }) {
			continue
		}
		left := k.Values
		if column := only(k.Expr); column >= 0 {
			if values, ok := s.listed(column, own.conditions); ok {
				left = s.left(column, values, own.conditions, k)
			}
		}
		if len(left) == 0 {
			return nil, false
		}
		out = append(out, keyValues{k.Expr, left, len(left) == len(k.Values)})
	}
	return out, true
}

// left are the values that a key has where conditions of its one column hold, NULL perhaps among them.
func (s *supports) left(column int, values []Datum, conditions []*Expr, k GroupColumn) (left []Datum) {
	for _, x := range append(slices.Clip(values), Datum{}) {
		if v, err := k.Expr.Eval(func(int) Datum { return x }); err == nil && s.meets(x, column, conditions) && slices.ContainsFunc(k.Values, v.same) && !slices.ContainsFunc(left, v.same) {
			left = append(left, v)
		}
	}
	return left
}

// held is a set with conditions that its keys have these values.
func (s *supports) held(other asked, keys []keyValues) []*Expr {
	conditions := slices.Clone(other.conditions)
	for _, k := range keys {
		if !k.all {
			conditions = append(conditions, oneOf(k.expr, k.values))
		}
	}
	return s.flat(conditions)
}

func (d Datum) same(o Datum) bool {
	return d.IsNull() == o.IsNull() && (d.IsNull() || d.Kind == o.Kind && d.Compare(o) == 0)
}
