package engine

import (
	"math/big"
	"math/bits"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// searchOutput is one column of a search's answer: a function of the searched column, or
// a column of GROUP BY.
type searchOutput struct {
	name     string
	kind     Kind
	function string
	fraction *big.Rat
	group    int // index into the plan's groups where function is empty
}

// searchOrder is one key of ORDER BY: an output, or a column of GROUP BY.
type searchOrder struct {
	Order
	output int // −1: the group column
	group  int
}

// newSearch reads a question as a search; nil without an error when it is none.
func newSearch(sql string, cat Catalogue, departments []string, p Packing) (*search, error) {
	stmt, rewritten, err := parseQuestion(sql)
	if err != nil {
		return nil, nil
	}
	if rewritten { // the rounds' texts are cut from the question's
		if sql, err = deparsed(stmt); err != nil {
			return nil, err
		}
		if stmt, err = parse(sql); err != nil {
			return nil, nil
		}
	}
	b := &binder{text: text(sql), plan: &Plan{SQL: sql, Departments: slices.Sorted(slices.Values(departments))}, moments: map[string]int{}}
	if b.only(stmt, "target_list", "from_clause", "where_clause", "group_clause", "sort_clause",
		"limit_offset", "limit_count", "limit_option", "op") != nil ||
		b.bindFrom(stmt, cat) != nil || b.semi != nil || b.bindGroups(stmt) != nil || len(b.plan.Sets) > 0 {
		return nil, nil
	}
	s := &search{groups: b.plan, count: max(1, b.plan.groupCount())}
	column, found := -1, false
	for _, node := range stmt.TargetList {
		output, at, ok := b.searchTarget(node.GetResTarget())
		if !ok || at >= 0 && column >= 0 && at != column {
			return nil, nil
		}
		if at >= 0 {
			column, found = at, true
		}
		s.outputs = append(s.outputs, output)
	}
	if !found {
		return nil, nil
	}
	s.named = b.plan.inSQL(column, quoteIdentifier)
	if s.column = b.plan.Schema.Columns[column]; !s.searchable() {
		return nil, nil
	}
	for i := range s.outputs {
		if s.outputs[i].kind == Null && s.outputs[i].function != "" {
			s.outputs[i].kind = s.column.Kind
		}
	}
	if _, err := b.bindFilter(stmt.WhereClause, "WHERE", place{}); err != nil {
		return nil, err
	}
	if err := s.bindRest(b, stmt); err != nil {
		return nil, err
	}
	for g := range b.plan.Groups {
		key, err := b.groupText(g)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	if s.from, err = s.fromText(sql, stmt); err != nil {
		return nil, err
	}
	return s, s.prepare(p)
}

// searchable reports whether the outputs can be searched for in the column, a number, a date, a
// timestamp or a time. One with a dictionary is searched when its values are too many for one round.
func (s *search) searchable() bool {
	c := s.column
	numbers := slices.ContainsFunc(s.outputs, func(o searchOutput) bool { return o.kind == Float })
	return c.Min != nil && (c.Kind.numeric() || c.Kind.temporal() && !numbers)
}

// searchTarget reads one entry of the select list: a call, and then the searched column,
// or a column of GROUP BY, and then −1.
func (b *binder) searchTarget(target *pg.ResTarget) (out searchOutput, column int, ok bool) {
	if target == nil || b.only(target, "name", "val", "location") != nil {
		return out, 0, false
	}
	if target.Val.GetColumnRef() == nil {
		out.group = b.grouped(target.Val, 0)
	}
	if out.group >= 0 && target.Val.GetColumnRef() == nil {
		e := b.ofGroup(out.group)
		out.name, out.kind, column = b.defaultName(target.Val), e.Kind, -1
	} else if call := target.Val.GetFuncCall(); call != nil {
		if out, column, ok = b.searchCall(call); !ok {
			return out, 0, false
		}
	} else {
		ref := target.Val.GetColumnRef()
		if ref == nil {
			return out, 0, false
		}
		at, err := b.column(ref)
		out.group = slices.IndexFunc(b.plan.Groups, func(g GroupColumn) bool { return g.column() == at })
		if err != nil || out.group < 0 {
			return out, 0, false
		}
		out.name, out.kind, column = b.names[at], b.plan.Schema.Columns[at].Kind, -1
	}
	if target.Name != "" {
		out.name = target.Name
	}
	return out, column, true
}

// searchCall reads one call: a function of a column, and nothing else.
func (b *binder) searchCall(call *pg.FuncCall) (out searchOutput, column int, ok bool) {
	name := functionName(call)
	s := functions[name].order
	if s == nil || !s.searched || s.within != call.AggWithinGroup ||
		b.only(call, "funcname", "args", "funcformat", "location", "agg_within_group", "agg_order") != nil {
		return out, 0, false
	}
	out = searchOutput{name: name, function: name, fraction: big.NewRat(1, 2)}
	if s.numbers {
		out.kind = Float
	}
	args := call.Args
	if s.fraction {
		if len(args) != 1 {
			return out, 0, false
		}
		fraction, err := b.bindFraction(name, args[0], 0)
		if err != nil {
			return out, 0, false
		}
		out.fraction, args = rational(fraction.Value), nil
	}
	if s.within {
		if len(args) != 0 {
			return out, 0, false
		}
		var err error
		if args, err = b.withinGroup(name, call, 0); err != nil {
			return out, 0, false
		}
	} else if len(call.AggOrder) > 0 {
		return out, 0, false
	}
	if len(args) != 1 || args[0].GetColumnRef() == nil {
		return out, 0, false
	}
	column, err := b.column(args[0].GetColumnRef())
	return out, column, err == nil
}

// bindRest reads ORDER BY, LIMIT and OFFSET, which the analyst applies to the answer.
func (s *search) bindRest(b *binder, stmt *pg.SelectStmt) error {
	for _, node := range stmt.SortClause {
		sort, descending, nullsFirst, err := b.sortBy(node)
		if err != nil {
			return err
		}
		key, err := s.orderKey(b, sort.Node)
		if err != nil {
			return err
		}
		key.Descending, key.NullsFirst = descending, nullsFirst
		s.order = append(s.order, key)
	}
	return b.bindLimit(stmt)
}

// orderKey finds an output by its number or its name, else a column of GROUP BY.
func (s *search) orderKey(b *binder, node *pg.Node) (searchOrder, error) {
	offset, _ := locateIn(node.ProtoReflect(), 0)
	refused := refuse(CodeUnsupported, b.at(offset),
		"the answer of a search is ordered by its columns, by name or number, or by columns of GROUP BY")
	if number, ok := ordinal(node); ok {
		if number < 1 || number > len(s.outputs) {
			return searchOrder{}, refuse(CodeColumn, b.at(offset), "ORDER BY %d: the select list has %d columns", number, len(s.outputs))
		}
		return searchOrder{output: number - 1}, nil
	}
	ref := node.GetColumnRef()
	if ref == nil {
		if g := b.grouped(node, 0); g >= 0 {
			return searchOrder{output: -1, group: g}, nil
		}
		return searchOrder{}, refused
	}
	if len(ref.Fields) == 1 {
		name := ref.Fields[0].GetString_().GetSval()
		same := func(o searchOutput) bool { return o.name == name }
		if at := slices.IndexFunc(s.outputs, same); at >= 0 {
			if slices.ContainsFunc(s.outputs[at+1:], same) {
				return searchOrder{}, refuse(CodeColumn, b.at(offset), "ORDER BY %s: several outputs have this name", quote(name))
			}
			return searchOrder{output: at}, nil
		}
	}
	column, err := b.column(ref)
	if err != nil {
		return searchOrder{}, err
	}
	group := slices.IndexFunc(b.plan.Groups, func(g GroupColumn) bool { return g.column() == column })
	if group < 0 {
		return searchOrder{}, refused
	}
	return searchOrder{output: -1, group: group}, nil
}

// fromText is the question's text from the first table's name up to GROUP BY, ORDER BY and
// LIMIT, and a GROUP BY of the same columns.
func (s *search) fromText(sql string, stmt *pg.SelectStmt) (string, error) {
	scan, err := pg.Scan(sql)
	if err != nil {
		return "", syntaxError(err)
	}
	start, _ := locateIn(stmt.FromClause[0].ProtoReflect(), 0)
	for i := len(scan.Tokens) - 1; i > 0; i-- { // before the first table stands FROM, and parentheses of joins
		if t := scan.Tokens[i]; t.Start < start && t.Token == pg.Token_ASCII_40 {
			start = t.Start
		} else if t.Start < start {
			break
		}
	}
	s.tokens = len(scan.Tokens)
	if slices.ContainsFunc(s.groups.Groups, func(g GroupColumn) bool { return g.column() < 0 }) {
		s.tokens *= 2 // expressions stand in a round's select list too
	}
	out := sql[start:]
	for _, t := range scan.Tokens {
		if t.Start < start {
			continue
		}
		// Reserved words: as names they stand in quotation marks, and are no such tokens.
		if t.Token == pg.Token_GROUP_P || t.Token == pg.Token_ORDER || t.Token == pg.Token_LIMIT || t.Token == pg.Token_OFFSET ||
			t.Token == pg.Token_FETCH || t.Token == pg.Token_ASCII_59 {
			out = sql[start:t.Start]
			break
		}
	}
	if len(s.keys) > 0 {
		out = strings.TrimRight(out, " \t\r\n") + "\nGROUP BY " + strings.Join(s.keys, ", ")
	}
	return out, nil
}

func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// searchRadix is into how many ranges one round of a search splits each range, at most:
// 32-bit integers take three rounds.
const searchRadix = 1 << 11

// searchCiphertexts is how many ciphertexts all departments together send in one round of
// a search, at most: so that the certificates of several rounds fit in one file.
const searchCiphertexts = 96

// prepare divides what one round may take between what is looked for: buckets within the
// ciphertexts of a query, ranges within the length of a SQL text.
func (s *search) prepare(p Packing) error {
	limbs := 1
	for _, r := range s.groups.Registrations {
		limbs = max(limbs, (bits.Len64(uint64(r.Rows))+p.LimbBits-1)/p.LimbBits)
	}
	slots := big.NewInt(int64(max(1, min(p.MaxCiphertexts, searchCiphertexts/len(s.groups.Departments)))))
	slots.Mul(slots, big.NewInt(int64(p.LimbsPerCiphertext))).Quo(slots, big.NewInt(int64(s.count)*int64(limbs)))
	buckets := maxBuckets
	if slots.IsInt64() && slots.Int64() < maxBuckets+2 {
		buckets = int(slots.Int64()) - 2
	}
	s.limbs, s.packing = limbs, p
	ranges := s.mostRanges()
	ranks, modes := s.ranks(), slices.ContainsFunc(s.outputs, func(o searchOutput) bool { return o.function == "mode" })
	needed, shares := ranks, 1
	if modes {
		needed++
		if ranks > 0 {
			shares = 2
		}
	}
	if radix := buckets / shares / max(1, ranks); needed > ranges || radix < 2 || modes && buckets/shares < leastModeBuckets {
		return hinted(refuse(CodeLimit, 0, "GROUP BY makes %d groups: one round of the search cannot hold them, with %s each",
			s.count, Plural(needed, "range")), "ask for fewer groups, with WHERE, or for fewer figures")
	}
	if ranks > 0 {
		s.finders = append(s.finders, newRankFinder(s, min(searchRadix, buckets/shares/ranks)))
	}
	if modes {
		s.finders = append(s.finders, newModeFinder(s, buckets/shares, ranges-ranks))
	}
	s.ask()
	return nil
}

// mostRanges is how many ranges fit in the text of one round's question.
func (s *search) mostRanges() int {
	digits := len("TIMESTAMPTZ '2020-11-01 12:30:00.123456+00'")
	if s.column.Kind == Date {
		digits = len("DATE '2020-11-01'")
	}
	if !s.column.Kind.temporal() {
		for _, x := range []*big.Int{s.column.Min, s.column.Max, s.span()} {
			digits = max(digits, len(fixedDecimal(x, s.column.Scale))+1)
		}
	}
	const separators, starter, words = 2, 32, 3 // bytes beside a number, beside a range; tokens of a start with its comma
	bytes := (s.count+2)*(digits+separators) + starter
	tokens := s.count*words + 3*words
	names := len(s.column.Name) + len(strings.Join(s.keys, ""))
	room := MaxSQLBytes - len(s.from) - 4*names - 1024
	return max(0, min(room/bytes, (MaxTokens-s.tokens-128)/tokens))
}

// span is how many values there are between the column's bounds.
func (s *search) span() *big.Int {
	n := new(big.Int).Sub(s.column.Max, s.column.Min)
	return n.Add(n, big.NewInt(1))
}

// ranks is how many ranks the outputs may need.
func (s *search) ranks() int {
	n := 0
	for _, o := range s.outputs {
		if o.function == "" || o.function == "mode" {
			continue
		}
		n++
		if o.kind == Float {
			n++
		}
	}
	return n
}
