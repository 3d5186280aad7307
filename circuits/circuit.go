// Package circuits states the relations that messages of the protocol are proven to satisfy, proves
// them and verifies proofs: KeyShare, Contribution and DecryptionShare, and for joins Product,
// WeightedProduct and Release, linear relations over the ring Z_Q[X]/(X^N+1) with short secrets, in
// Groth16 over BN254 (gnark). It knows nothing of questions, networks or storage: what a proof belongs
// to is in its Binding.
//
// A parameter set (Params, by Named) fixes the ring and the bounds. Develop makes the proofs' keys
// for it on this machine, for tests and the demo: whoever makes them can forge. Keys proves,
// VerifyingKeys verifies.
//
// README.md is the specification; section numbers in comments refer to it.
package circuits

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Statement names one of the things that are proven.
type Statement uint8

// The statements, in the order of README sections 4 to 6, 10 and 11.
const (
	StatementKeyShare Statement = iota + 1
	StatementContribution
	StatementDecryptionShare
	StatementProduct
	StatementWeightedProduct
	StatementRelease
)

// Statements lists those of every network; a network that joins tables across departments has keys
// of JoinStatements, too.
var (
	Statements     = []Statement{StatementKeyShare, StatementContribution, StatementDecryptionShare}
	JoinStatements = []Statement{StatementProduct, StatementWeightedProduct, StatementRelease}
)

func (s Statement) String() string {
	switch s {
	case StatementKeyShare:
		return "key share"
	case StatementContribution:
		return "contribution"
	case StatementDecryptionShare:
		return "decryption share"
	case StatementProduct:
		return "product"
	case StatementWeightedProduct:
		return "weighted product"
	case StatementRelease:
		return "release"
	}
	return fmt.Sprintf("statement %d", uint8(s))
}

// fours is how many ternary coefficients, or bits, are looked up at once.
const fours = 4

// table is a set of integers that a committed wire must lie in: 0, 1, …, below a size.
type table int

const (
	bit     = table(2)
	ternary = table(3)
	noise   = table(2*ErrorBound + 1)
)

// short is a secret polynomial with small coefficients. Each coefficient is committed as
// digits d_0, d_1, … and equals offset + Σ d_i·2^shift_i, with d_i in tables[i]. The digits are
// not negative, so that they are small numbers in the proofs' field too.
type short struct {
	name    string
	length  int
	offset  *big.Int
	shifts  []int
	tables  []table
	byFours bool // one digit, looked up four at a time
	step    int  // of a short in a product: its coefficients are 0, step, 2·step, …; 0 of others
	aboveLo bool // a coefficient is the instance's lo more
}

func ternaryShort(name string, n int) short {
	return short{name: name, length: n, offset: big.NewInt(-1), shifts: []int{0}, tables: []table{ternary}, byFours: true, step: 1}
}

// bitShort has coefficients 0 or 1, at every step-th place.
func bitShort(name string, length, step int) short {
	return short{name: name, length: length, offset: new(big.Int), shifts: []int{0}, tables: []table{bit}, byFours: true, step: step}
}

func noiseShort(name string, n int) short {
	return short{name: name, length: n, offset: big.NewInt(-ErrorBound), shifts: []int{0}, tables: []table{noise}}
}

// rangeShort has coefficients in [offset, offset+2^width), in digits of the given width; the
// last digit has a table of its own where the width does not divide.
func rangeShort(name string, n int, offset *big.Int, width, digit int) short {
	s := short{name: name, length: n, offset: offset}
	for shift := 0; shift < width; shift += digit {
		s.shifts = append(s.shifts, shift)
		s.tables = append(s.tables, table(1)<<min(digit, width-shift))
	}
	return s
}

// largest is the largest absolute value of a coefficient.
func (sh *short) largest() *big.Int {
	if sh.aboveLo {
		return big.NewInt(1 << WeightBits)
	}
	above := new(big.Int).Set(sh.offset)
	for i, t := range sh.tables {
		above.Add(above, new(big.Int).Lsh(big.NewInt(int64(t-1)), uint(sh.shifts[i])))
	}
	if above.CmpAbs(sh.offset) < 0 {
		return new(big.Int).Abs(sh.offset)
	}
	return above
}

// product is a public polynomial times a secret one.
type product struct{ public, short int }

// term is a constant times a secret polynomial.
type term struct {
	short  int
	factor *big.Int
}

// relation says, at the coefficients start, start+step, … alone,
//
//	public[value] = Σ public[·]·short[·] + Σ factor·short[·]
//
// over Z[X] where modular is false and over Z_Q[X]/(X^N+1) where it is true. The value and the
// shorts of the terms have one coefficient for each of these places, in their order; the public
// polynomials and the shorts of the products have N. A modular relation has its quotient by Q as
// its last term, with factor Q.
type relation struct {
	value       int
	start, step int
	products    []product
	terms       []term
	modular     bool
}

// places is at how many coefficients the relation is stated.
func (r *relation) places(n int) int { return n / r.step }

// covers reports whether it is stated at the coefficients of a class.
func (r *relation) covers(class int) bool { return class%r.step == r.start }

// slotted says a relation modulo Q and X^N+1 at single coefficients, of products of public polynomials
// that each instance names (publics.slots): for each slot
//
//	public[value] = Σ (public·short at the place named) + Σ factor·short[·]
//
// The value and the shorts of the terms have one coefficient a slot; what is not used is zero.
type slotted struct {
	relation
	count int
}

// part is a relation with its weight in an identity.
type part struct {
	relation int
	weight   *big.Int
}

// identity is relations that are proven as one: the weights are so far apart that the weighted sum
// is zero only where each is (README section 3).
type identity []part

// shape is a statement as data: what is secret, which relations hold, and how they are proven.
type shape struct {
	statement  Statement
	params     Params
	publics    int // how many public polynomials there are
	shorts     []short
	relations  []relation
	identities []identity
	slots      *slotted // proven as an identity of its own; nil: there are none
	masked     []masked
}

// masked says that a short is zero at every coefficient at which another one, of bits, is.
type masked struct{ short, by int }

// line is one class of an identity; each has a power of the first challenge.
type line struct {
	class int
	parts []part
}

func (s *shape) lines() []line {
	var lines []line
	for _, id := range s.identities {
		for class := range s.params.Classes() {
			l := line{class: class}
			for _, p := range id {
				if s.relations[p.relation].covers(class) {
					l.parts = append(l.parts, p)
				}
			}
			if l.parts != nil {
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// factor is one class of a short in a product; it has a public factor in an identity.
type factor struct{ short, class int }

// factors lists the classes of the shorts that are in products.
func (s *shape) factors() []factor {
	var all []int
	for i := range s.shorts {
		if s.shorts[i].step > 0 {
			all = append(all, i)
		}
	}
	return s.classesOf(all)
}

// slotFactors lists those that are in products of slots.
func (s *shape) slotFactors() []factor {
	if s.slots == nil {
		return nil
	}
	var all []int
	for _, p := range s.slots.products {
		all = append(all, p.short)
	}
	return s.classesOf(all)
}

func (s *shape) classesOf(shorts []int) []factor {
	var list []factor
	for _, i := range shorts {
		for class := 0; class < s.params.Classes(); class += s.shorts[i].step {
			list = append(list, factor{i, class})
		}
	}
	return list
}

// aboveLo reports whether instances have a public scalar.
func (s *shape) aboveLo() bool {
	return slices.ContainsFunc(s.shorts, func(sh short) bool { return sh.aboveLo })
}

// inputs is how many public inputs there are beside the digest: the challenge of the tuples, the
// value and the factors of the identities, those of the slots, and lo.
func (s *shape) inputs() int {
	n := 2 + len(s.factors())
	if s.slots != nil {
		n += 1 + len(s.slotFactors())
	}
	if s.aboveLo() {
		n++
	}
	return n
}

// bound is above the absolute value of a relation, value minus all the rest, whatever digits in
// their tables are chosen.
func (s *shape) bound(r *relation) *big.Int {
	sum := new(big.Int).Lsh(big.NewInt(1), uint(s.params.LimbBits())) // the value, a difference of bounds
	if r.modular {
		// Q/2, and as much for what a contribution's bounds shift it by: a limb is narrower than t.
		sum.Set(s.params.q)
	}
	for _, p := range r.products {
		sh := &s.shorts[p.short]
		t := new(big.Int).Mul(s.params.q, big.NewInt(int64(sh.length/2)))
		sum.Add(sum, t.Mul(t, sh.largest()))
	}
	for _, t := range r.terms {
		u := new(big.Int).Abs(t.factor)
		sum.Add(sum, u.Mul(u, s.shorts[t.short].largest()))
	}
	return sum
}

// prove makes an identity of a relation, and has others, stated at places where no two of them
// are, ride on it where the weighted sum stays below half the proofs' field; the rest have
// identities of their own.
func (s *shape) prove(base int, riders ...int) {
	below := s.bound(&s.relations[base])
	weight := new(big.Int).Lsh(big.NewInt(1), uint(below.BitLen()))
	id := identity{{base, big.NewInt(1)}}
	var alone []identity
	for _, r := range riders {
		largest := new(big.Int).Mul(weight, s.bound(&s.relations[r]))
		if largest.Add(largest, below).Cmp(halfField) < 0 {
			id = append(id, part{r, weight})
		} else {
			alone = append(alone, identity{{r, big.NewInt(1)}})
		}
	}
	s.identities = append(append(s.identities, id), alone...)
}

// checkWrap refuses a shape of which a line, or a slot, could reach half the proofs' field: there it
// would not be one of integers.
func (s *shape) checkWrap() error {
	if s.slots != nil && s.bound(&s.slots.relation).Cmp(halfField) >= 0 {
		return errors.New("a slot could wrap in the field of the proofs")
	}
	for _, l := range s.lines() {
		sum := new(big.Int)
		for _, p := range l.parts {
			sum.Add(sum, new(big.Int).Mul(p.weight, s.bound(&s.relations[p.relation])))
		}
		if sum.Cmp(halfField) >= 0 {
			return fmt.Errorf("class %d could wrap in the field of the proofs", l.class)
		}
	}
	return nil
}

// quotientWidth is the width that holds the quotient by Q of an honest message whose secrets are random:
// with squares the largest sum of the squares of the secret coefficients that make one of the relation's,
// its standard deviation is below √(squares/12), and sixteen of them fit. A prover whose quotient is
// larger fails closed.
func quotientWidth(squares float64) int {
	need := 16*math.Sqrt(squares/12) + 3
	return int(math.Ceil(math.Log2(need))) + 1
}

// wholeQuotient is the width that holds the quotient by Q of every message, with the secret coefficients that
// make one of the relation's adding up to sum at most, without their signs: public ones are within ±Q/2, and
// what else there is, is below Q.
func wholeQuotient(sum int64) int { return bits.Len64(uint64(sum/2+1)) + 1 }

// ternarySquares allows for two products with ternary polynomials of n coefficients.
func ternarySquares(n int) float64 { return 2 * 2 * float64(n) / 3 }

// addQuotient declares the quotient by Q of a modular relation at so many places, of a width that
// is a multiple of the digit's, and returns its term.
func (s *shape) addQuotient(name string, places, width, digit int) term {
	width = (width + digit - 1) / digit * digit
	offset := new(big.Int).Lsh(big.NewInt(-1), uint(width-1))
	s.shorts = append(s.shorts, rangeShort(name, places, offset, width, digit))
	return term{short: len(s.shorts) - 1, factor: s.params.Q()}
}

// shapeOf builds the statement's shape with the digit width that gives the fewest constraints.
func shapeOf(p Params, s Statement) *shape {
	build := map[Statement]func(Params, int) *shape{
		StatementKeyShare:        keyShareShape,
		StatementContribution:    contributionShape,
		StatementDecryptionShare: decryptionShareShape,
		StatementProduct:         productShape,
		StatementWeightedProduct: weightedShape,
		StatementRelease:         releaseShape,
	}[s]
	var best *shape
	for digit := quotientWidth(ternarySquares(p.N())); digit <= 16; digit++ {
		if candidate := build(p, digit); best == nil || candidate.cost() < best.cost() {
			best = candidate
		}
	}
	return best
}

// cost counts the constraints that depend on the digit width.
func (s *shape) cost() int {
	n := s.params.perClass() * len(s.lines())
	for _, sh := range s.shorts {
		if !sh.byFours {
			n += sh.length * len(sh.tables)
		}
	}
	for _, t := range s.tableList(false) {
		n += int(t)
	}
	return n
}

// tableList lists the distinct tables, of single digits or of those looked up by fours, in order
// of first use.
func (s *shape) tableList(byFours bool) []table {
	var list []table
	seen := map[table]bool{}
	for _, sh := range s.shorts {
		for _, t := range sh.tables {
			if sh.byFours == byFours && !seen[t] {
				seen[t] = true
				list = append(list, t)
			}
		}
	}
	return list
}

// tuples is how many tuples a table of digits gives.
func (t table) tuples() int { return int(t * t * t * t) }

// digits splits a coefficient, given relative to the offset. The last digit takes whatever is
// left, so that a value out of range fails at its table rather than here.
func (sh *short) digits(value *big.Int, out []fr.Element) {
	rest := new(big.Int).Sub(value, sh.offset)
	digit := new(big.Int)
	for i := range sh.shifts {
		if i+1 < len(sh.shifts) {
			width := uint(sh.shifts[i+1] - sh.shifts[i])
			digit.And(rest, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), width), big.NewInt(1)))
			rest.Rsh(rest, width)
		} else {
			digit.Set(rest)
		}
		out[i].SetBigInt(digit)
	}
}
