package circuits

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// assignment is the value of every secret input, kept apart by meaning so that tests can
// forge each of them.
type assignment struct {
	digits [][][]fr.Element // [short][coefficient][digit]
	counts [][]fr.Element   // [table][entry]
	tuples [][]fr.Element   // [table of fours][tuple]
	high   [][]fr.Element   // [relation][coefficient]: its quotient by X^N+1, which is combined
	masks  [2]fr.Element
	slots  slotParts
}

// newAssignment splits the shorts into digits and counts the table entries they use. A digit
// outside its table is not counted, so that the proof fails.
func (sys *system) newAssignment(q quotients) (*assignment, error) {
	s := sys.shape
	a := &assignment{high: q.high, slots: q.slots}
	single, byFours := newTally(s.tableList(false), func(t table) int { return int(t) }), newTally(s.tableList(true), table.tuples)
	for i := range s.shorts {
		sh := &s.shorts[i]
		rows := make([][]fr.Element, sh.length)
		for j := range rows {
			rows[j] = make([]fr.Element, len(sh.tables))
			sh.digits(q.values[i][j], rows[j])
			for d, t := range sh.tables {
				if entry := rows[j][d]; !sh.byFours && entry.IsUint64() {
					single.note(t, entry.Uint64())
				}
			}
		}
		if sh.byFours {
			noteFours(byFours, sh.tables[0], rows, s.params.Classes()/sh.step)
		}
		a.digits = append(a.digits, rows)
	}
	a.counts, a.tuples = single.rows, byFours.rows
	for i := range a.masks {
		if _, err := a.masks[i].SetRandom(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// noteFours counts the tuples: of each class that has coefficients, four after the other.
func noteFours(to *tally, t table, rows [][]fr.Element, classes int) {
	for class := range classes {
		for first := class; first < len(rows); first += fours * classes {
			tuple, size := uint64(0), uint64(1)
			for i := range fours {
				digit := rows[first+i*classes][0]
				if !digit.IsUint64() || digit.Uint64() >= uint64(t) {
					tuple = uint64(t.tuples()) // in no table
					break
				}
				tuple += size * digit.Uint64()
				size *= uint64(t)
			}
			to.note(t, tuple)
		}
	}
}

// tally counts how often the entries of tables are used.
type tally struct {
	index map[table]int
	rows  [][]fr.Element
}

func newTally(tables []table, size func(table) int) *tally {
	t := &tally{index: map[table]int{}}
	for i, of := range tables {
		t.index[of] = i
		t.rows = append(t.rows, make([]fr.Element, size(of)))
	}
	return t
}

func (t *tally) note(of table, entry uint64) {
	if row := t.rows[t.index[of]]; entry < uint64(len(row)) {
		one := fr.One()
		row[entry].Add(&row[entry], &one)
	}
}

// first flattens what the first commitment holds, in the order of the wires.
func (a *assignment) first() []fr.Element {
	var out []fr.Element
	for _, rows := range a.digits {
		for _, row := range rows {
			out = append(out, row...)
		}
	}
	for _, row := range a.counts {
		out = append(out, row...)
	}
	for _, row := range a.tuples {
		out = append(out, row...)
	}
	return append(out, a.masks[0])
}

// second is what the second commitment holds: the quotient by Z^M+1 of all lines, each weighted
// with its power of β, the rest of the slots, and the mask. The quotient by X^N+1 of a relation falls
// apart into those of its classes by Z^M+1.
func (sys *system) second(a *assignment, beta *fr.Element) []fr.Element {
	s := sys.shape
	out := make([]fr.Element, s.params.perClass())
	power := fr.One()
	for _, l := range s.lines() {
		for _, p := range l.parts {
			weight, high := fieldBig(p.weight), a.high[p.relation]
			weight.Mul(&weight, &power)
			for m := 0; high != nil && m < len(out); m++ {
				var t fr.Element
				out[m].Add(&out[m], t.Mul(&weight, &high[l.class+s.params.Classes()*m]))
			}
		}
		power.Mul(&power, beta)
	}
	return append(append(out, s.rest(a.slots, beta)...), a.masks[1])
}

// evaluate gives all public inputs after γ, as the verifier computes them: of every public
// polynomial the classes at ζ, and of these the combinations that stand beside the secrets.
func (s *shape) evaluate(x publics, beta, zeta *fr.Element) []fr.Element {
	count := s.params.Classes()
	list := s.factors()
	out := make([]fr.Element, 1+len(list))
	slot := map[factor]int{}
	for i, f := range list {
		slot[f] = 1 + i
	}
	classes := map[int][]fr.Element{} // public polynomial → its classes at ζ
	for _, r := range s.relations {
		for _, p := range r.products {
			if classes[p.public] == nil {
				classes[p.public] = classesAt(x.rows[p.public], count, zeta)
			}
		}
	}
	power := fr.One()
	for _, l := range s.lines() {
		for _, p := range l.parts {
			r := &s.relations[p.relation]
			weight := fieldBig(p.weight)
			weight.Mul(&weight, &power)
			value := every(x.rows[r.value], (l.class-r.start)/r.step, count/r.step, zeta)
			out[0].Add(&out[0], value.Mul(&value, &weight))
			for _, product := range r.products {
				for class := 0; class < count; class += s.shorts[product.short].step {
					t := beside(classes[product.public], l.class, class, zeta)
					to := &out[slot[factor{product.short, class}]]
					to.Add(to, t.Mul(&t, &weight))
				}
			}
		}
		power.Mul(&power, beta)
	}
	out = append(out, s.evaluateSlots(x, beta, zeta)...)
	if s.aboveLo() {
		out = append(out, x.lo)
	}
	return out
}

func classesAt(polynomial []fr.Element, count int, zeta *fr.Element) []fr.Element {
	out := make([]fr.Element, count)
	for class := range out {
		out[class] = every(polynomial, class, count, zeta)
	}
	return out
}

// beside is what stands, in class `of` of a product, beside class `class` of the secret: P_(of−class),
// or Z·P_(count+of−class).
func beside(classes []fr.Element, of, class int, zeta *fr.Element) fr.Element {
	t := classes[(of-class+len(classes))%len(classes)]
	if of < class {
		t.Mul(&t, zeta)
	}
	return t
}

// every evaluates the polynomial of the coefficients first, first+step, ….
func every(coefficients []fr.Element, first, step int, at *fr.Element) (z fr.Element) {
	last := first + (len(coefficients)-1-first)/step*step
	for i := last; i >= first; i -= step {
		z.Mul(&z, at).Add(&z, &coefficients[i])
	}
	return z
}
