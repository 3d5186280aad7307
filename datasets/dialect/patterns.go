package dialect

import (
	"fmt"
	"math/big"
	"slices"

	"parley/engine"
)

// patternMoments is from how many moments on, that count rows or add up columns under conditions of their own, one GROUP BY over
// which conditions hold is asked instead of a FILTER each: DuckDB plans hundreds of these for minutes.
const patternMoments = 48

// patternBits is how many conditions a key of that GROUP BY tells: the bits of a BIGINT, without its sign.
const patternBits = 62

// Patterns is moments that one SELECT computes, grouped by which of their conditions hold for a row (README, section 6.2).
type Patterns struct {
	Parts      []engine.Moment
	conditions []*engine.Expr
	members    [][]member // by condition
}

// member is a moment, and which part is added to its cells.
type member struct{ moment, part int }

// PatternsOf takes from some of the moments those that patterns compute, if there are many. A part is a count or the sum of a column alone, which
// can be added up over rows that do not meet a moment's condition, too. The first is left, for the statement that carries a witness.
func PatternsOf(moments []engine.Moment, some []int) (others []int, batch *Patterns) {
	batch = &Patterns{}
	places, taken := map[string]int{}, 0
	for n, i := range some {
		m := moments[i]
		if n == 0 || m.Filter == nil || m.Op != engine.CountRows && (m.Op != engine.Sum || m.Expr.Op != engine.OpColumn) {
			others = append(others, i)
			continue
		}
		taken++
		part := slices.IndexFunc(batch.Parts, func(p engine.Moment) bool {
			return p.Op == m.Op && slices.Equal(engine.Marshal(p.Expr), engine.Marshal(m.Expr))
		})
		if part < 0 {
			part = len(batch.Parts)
			batch.Parts = append(batch.Parts, engine.Moment{Op: m.Op, Expr: m.Expr})
		}
		key := string(engine.Marshal(m.Filter))
		at, known := places[key]
		if !known {
			at, places[key] = len(batch.conditions), len(batch.conditions)
			batch.conditions, batch.members = append(batch.conditions, m.Filter), append(batch.members, nil)
		}
		batch.members[at] = append(batch.members[at], member{i, part})
	}
	if taken < patternMoments {
		return some, nil
	}
	return others, batch
}

// Keys are the conditions as bits of numbers.
func (b *Patterns) Keys(w Writer) (keys []string, err error) {
	for some := range slices.Chunk(b.conditions, patternBits) {
		var bits []string
		for i, c := range some {
			condition, err := w.Expression(c)
			if err != nil {
				return nil, err
			}
			bits = append(bits, fmt.Sprintf("(CASE WHEN %s THEN %d ELSE 0 END)", condition, int64(1)<<i))
		}
		keys = append(keys, "CAST("+total(bits)+" AS BIGINT)")
	}
	return keys, nil
}

// total adds terms up two by two: DuckDB 1.5.6 plans a chain of sums in the square of its length (findings/duckdb-chain-of-sums.sh).
func total(terms []string) string {
	if len(terms) == 1 {
		return terms[0]
	}
	half := len(terms) / 2
	return "(" + total(terms[:half]) + " + " + total(terms[half:]) + ")"
}

// Deal adds the parts' values to the cells, by moment, whose conditions hold: key is one of Keys, by its place, with its value.
func (b *Patterns) Deal(key int, bits *big.Int, values, cells []*big.Int) {
	from := key * patternBits
	for i, members := range b.members[from:min(from+patternBits, len(b.members))] {
		if bits.Bit(i) == 0 {
			continue
		}
		for _, m := range members {
			cells[m.moment].Add(cells[m.moment], values[m.part])
		}
	}
}
