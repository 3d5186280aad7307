package circuits

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	fcs "github.com/consensys/gnark/frontend/cs"
)

// system is a shape compiled to rank-1 constraints. It is built constraint by constraint
// rather than through a circuit front end, because the choice of side matters: only the
// challenge and the small committed digits stand on the right, so the multi-exponentiation
// in G2 has small scalars, and every secret input is committed, so nothing can be chosen
// after the challenge.
//
// Wires: 1, the public inputs (two halves of the digest, the evaluations), the secret inputs
// (digits, quotients by X^N+1, multiplicities, mask: all committed), the challenge, and what
// the solver computes.
type system struct {
	shape *shape
	r1cs  *cs.R1CS

	digitWires [][][]int // [short][coefficient][digit]
	highWires  [][]int   // [modular relation][coefficient]
	countWires [][]int   // [table][entry]: how often the entry is looked up
	maskWire   int
}

// digestInputs is how many public inputs carry the statement's digest: two 128-bit halves.
const digestInputs = 2

func compile(s *shape) (*system, error) {
	b := &builder{r1cs: cs.NewR1CS(0)}
	b.blueprint = b.r1cs.AddBlueprint(&constraint.BlueprintGenericR1C{})
	b.r1cs.AddPublicVariable("1")
	sys := &system{shape: s, r1cs: b.r1cs}
	evaluations := sys.declare(b)
	alpha, err := sys.commit(b)
	if err != nil {
		return nil, fmt.Errorf("compile %v: %w", s.statement, err)
	}
	b.alpha = b.wire(alpha)
	sys.constrainTables(b)
	sys.constrainRelations(b, evaluations)
	return sys, nil
}

// declare allocates all inputs and returns the wires of the public evaluations.
func (sys *system) declare(b *builder) []int {
	s := sys.shape
	for range digestInputs {
		b.r1cs.AddPublicVariable("digest")
	}
	evaluations := make([]int, s.publics)
	for i := range evaluations {
		evaluations[i] = b.r1cs.AddPublicVariable("evaluation")
	}
	for _, sh := range s.shorts {
		wires := make([][]int, sh.length)
		for j := range wires {
			wires[j] = b.secrets("digit", len(sh.tables))
		}
		sys.digitWires = append(sys.digitWires, wires)
	}
	for _, rel := range s.relations {
		if rel.modular {
			sys.highWires = append(sys.highWires, b.secrets("quotient", s.params.N()-1))
		}
	}
	for _, t := range s.tableList() {
		sys.countWires = append(sys.countWires, b.secrets("count", t.size))
	}
	sys.maskWire = b.secrets("mask", 1)[0]
	return evaluations
}

// commit binds the digest and every secret input to the challenge (eprint 2022/1072). The
// mask makes the commitment hiding; it stands in a constraint so that it has a base.
func (sys *system) commit(b *builder) (int, error) {
	mask := b.wire(sys.maskWire)
	b.add(mask, b.constant(1), mask)

	public := make([]int, digestInputs)
	inputs := []constraint.LinearExpression{b.constant(0)}
	for i := range public {
		public[i] = 1 + i
		inputs = append(inputs, b.wire(public[i]))
	}
	first := b.r1cs.GetNbPublicVariables()
	committed := make([]int, b.r1cs.GetNbSecretVariables())
	for i := range committed {
		committed[i] = first + i
		inputs = append(inputs, b.wire(committed[i]))
	}
	placeholder := fcs.Bsb22CommitmentComputePlaceholder
	out, err := b.r1cs.AddSolverHint(placeholder, solver.GetHintID(placeholder), inputs, 1)
	if err != nil {
		return 0, err
	}
	return out[0], b.r1cs.AddCommitment(constraint.Groth16Commitment{
		PublicAndCommitmentCommitted: public,
		NbPublicCommitted:            len(public),
		PrivateCommitted:             committed,
		CommitmentIndex:              out[0],
	})
}

// constrainTables proves by logarithmic derivatives (eprint 2022/1530) that every digit lies
// in its table: Σ 1/(α − digit) = Σ count_t/(α − t), one constraint a digit and one an entry.
// The counts are committed before α; counts chosen afterwards would let any digit through.
func (sys *system) constrainTables(b *builder) {
	for k, t := range sys.shape.tableList() {
		var sum constraint.LinearExpression
		for i, sh := range sys.shape.shorts {
			for d := range sh.tables {
				if sh.tables[d] != t {
					continue
				}
				for _, coefficient := range sys.digitWires[i] {
					inverse := b.r1cs.AddInternalVariable()
					b.add(b.wire(inverse), b.alphaMinusWire(coefficient[d]), b.constant(1))
					sum = append(sum, b.term(1, inverse))
				}
			}
		}
		for j, count := range sys.countWires[k] {
			fraction := b.r1cs.AddInternalVariable()
			b.add(b.wire(fraction), b.alphaMinus(t.first+int64(j)), b.wire(count))
			sum = append(sum, b.term(-1, fraction))
		}
		b.add(sum, b.constant(1), nil)
	}
}

// constrainRelations proves each relation as an identity of polynomials at α. Modulo X^N+1
// over the field the quotient by X^N+1 vanishes, so it needs no range; what remains is
// bounded, hence an identity over the integers (README section 3).
func (sys *system) constrainRelations(b *builder, evaluations []int) {
	s := sys.shape
	secretAt := map[int]constraint.LinearExpression{} // short → its value at α
	for _, rel := range s.relations {
		for _, p := range rel.products {
			if secretAt[p.short] == nil {
				secretAt[p.short] = b.horner(sys.combination([]term{{p.short, big.NewInt(1)}}, b))
			}
		}
	}
	cyclotomic := b.cyclotomic(s.params.N())
	modular := 0
	for _, rel := range s.relations {
		total := b.horner(sys.combination(rel.terms, b))
		for _, p := range rel.products {
			w := b.r1cs.AddInternalVariable()
			b.add(secretAt[p.short], b.wire(evaluations[p.public]), b.wire(w))
			total = append(total, b.term(1, w))
		}
		if rel.modular {
			high := make([]constraint.LinearExpression, s.params.N()-1)
			for j := range high {
				high[j] = b.wire(sys.highWires[modular][j])
			}
			modular++
			w := b.r1cs.AddInternalVariable()
			b.add(b.horner(high), cyclotomic, b.wire(w))
			total = append(total, b.term(1, w))
		}
		b.add(total, b.constant(1), b.wire(evaluations[rel.value]))
	}
}

// combination lists, per coefficient, Σ factor·(offset + Σ digit·2^shift).
func (sys *system) combination(terms []term, b *builder) []constraint.LinearExpression {
	length := 0
	for _, t := range terms {
		length = max(length, sys.shape.shorts[t.short].length)
	}
	out := make([]constraint.LinearExpression, length)
	for j := range out {
		constant := new(big.Int)
		var expression constraint.LinearExpression
		for _, t := range terms {
			sh := &sys.shape.shorts[t.short]
			if j >= sh.length {
				continue
			}
			constant.Add(constant, new(big.Int).Mul(t.factor, sh.offset))
			for d, wire := range sys.digitWires[t.short][j] {
				expression = append(expression, b.bigTerm(new(big.Int).Lsh(t.factor, uint(sh.shifts[d])), wire))
			}
		}
		if constant.Sign() != 0 {
			expression = append(constraint.LinearExpression{b.bigTerm(constant, 0)}, expression...)
		}
		out[j] = expression
	}
	return out
}

// builder adds constraints L·R = O and caches coefficients.
type builder struct {
	r1cs      *cs.R1CS
	blueprint constraint.BlueprintID
	alpha     constraint.LinearExpression
}

func (b *builder) secrets(name string, n int) []int {
	wires := make([]int, n)
	for i := range wires {
		wires[i] = b.r1cs.AddSecretVariable(name)
	}
	return wires
}

func (b *builder) bigTerm(coefficient *big.Int, wire int) constraint.Term {
	return b.r1cs.MakeTerm(b.r1cs.FromInterface(coefficient), wire)
}

func (b *builder) term(coefficient int64, wire int) constraint.Term {
	return b.r1cs.MakeTerm(b.r1cs.FromInterface(coefficient), wire)
}

func (b *builder) wire(w int) constraint.LinearExpression {
	return constraint.LinearExpression{b.term(1, w)}
}

func (b *builder) constant(v int64) constraint.LinearExpression {
	return constraint.LinearExpression{b.term(v, 0)}
}

func (b *builder) alphaMinusWire(w int) constraint.LinearExpression {
	return constraint.LinearExpression{b.alpha[0], b.term(-1, w)}
}

func (b *builder) alphaMinus(v int64) constraint.LinearExpression {
	if v == 0 {
		return b.alpha
	}
	return constraint.LinearExpression{b.alpha[0], b.term(-v, 0)}
}

func (b *builder) add(l, r, o constraint.LinearExpression) {
	b.r1cs.AddR1C(constraint.R1C{L: l, R: r, O: o}, b.blueprint)
}

// horner evaluates at α the polynomial whose coefficients are linear expressions: one
// constraint a coefficient, the accumulators on the left.
func (b *builder) horner(coefficients []constraint.LinearExpression) constraint.LinearExpression {
	last := len(coefficients) - 1
	accumulator := coefficients[last]
	for j := last - 1; j >= 0; j-- {
		next := b.r1cs.AddInternalVariable()
		o := constraint.LinearExpression{b.term(1, next)}
		for _, t := range coefficients[j] {
			o = append(o, b.negate(t))
		}
		b.add(accumulator, b.alpha, o)
		accumulator = b.wire(next)
	}
	return append(constraint.LinearExpression(nil), accumulator...)
}

func (b *builder) negate(t constraint.Term) constraint.Term {
	return b.r1cs.MakeTerm(b.r1cs.Neg(b.r1cs.GetCoefficient(t.CoeffID())), t.WireID())
}

// cyclotomic is α^N + 1 by repeated squaring; N is a power of two.
func (b *builder) cyclotomic(n int) constraint.LinearExpression {
	power := b.alpha
	for range bits.TrailingZeros(uint(n)) {
		square := b.r1cs.AddInternalVariable()
		b.add(power, power, b.wire(square))
		power = b.wire(square)
	}
	return constraint.LinearExpression{power[0], b.term(1, 0)}
}

// assignment is the value of every secret input, kept apart by meaning so that tests can
// forge each of them.
type assignment struct {
	digits [][][]fr.Element // [short][coefficient][digit]
	high   [][]fr.Element   // [modular relation][coefficient]
	counts [][]fr.Element   // [table][entry]
	mask   fr.Element
}

// newAssignment splits the shorts into digits and counts the table entries they use. A digit
// outside its table is not counted, so that the proof fails.
func (sys *system) newAssignment(values [][]*big.Int, high [][]fr.Element) (*assignment, error) {
	a := &assignment{high: high}
	tables := sys.shape.tableList()
	uses := make([][]uint64, len(tables))
	index := map[table]int{}
	for k, t := range tables {
		uses[k] = make([]uint64, t.size)
		index[t] = k
	}
	for i := range sys.shape.shorts {
		sh := &sys.shape.shorts[i]
		rows := make([][]fr.Element, sh.length)
		for j := range rows {
			rows[j] = make([]fr.Element, len(sh.tables))
			sh.digits(values[i][j], rows[j])
			for d, t := range sh.tables {
				if entry := centeredField(&rows[j][d]); entry.IsInt64() {
					if e := entry.Int64() - t.first; e >= 0 && e < int64(t.size) {
						uses[index[t]][e]++
					}
				}
			}
		}
		a.digits = append(a.digits, rows)
	}
	for k := range uses {
		row := make([]fr.Element, len(uses[k]))
		for e, n := range uses[k] {
			row[e].SetUint64(n)
		}
		a.counts = append(a.counts, row)
	}
	_, err := a.mask.SetRandom()
	return a, err
}

// committed flattens the assignment in the order of the secret wires.
func (a *assignment) committed() []fr.Element {
	var out []fr.Element
	for _, rows := range a.digits {
		for _, row := range rows {
			out = append(out, row...)
		}
	}
	for _, row := range a.high {
		out = append(out, row...)
	}
	for _, row := range a.counts {
		out = append(out, row...)
	}
	return append(out, a.mask)
}
