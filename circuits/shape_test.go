package circuits

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
)

// manySets are the named sets, and small ones with every distance of limbs and every number of
// classes.
func manySets(t *testing.T) []Params {
	t.Helper()
	var sets []Params
	for _, name := range []string{"light", "default", "test"} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, p)
	}
	return append(sets, smallSets(t)...)
}

func smallSets(t *testing.T) []Params {
	t.Helper()
	var sets []Params
	for _, n := range []int{16, 32, 64, 128} {
		for stride := 2; stride <= classesOf(n); stride *= 2 {
			p, err := NewParams(Literal{
				Name: fmt.Sprintf("N=%d, a limb every %d", n, stride), N: n, Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001},
				LogT: 26, FloodingBits: 72, Limbs: n / stride, LimbBits: 20, Departments: 64, Insecure: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			sets = append(sets, p)
		}
	}
	return sets
}

// TestSmallSets: honest statements hold at every distance of limbs and every number of classes.
func TestSmallSets(t *testing.T) {
	for _, p := range smallSets(t) {
		for s, h := range honestCases(t, p) {
			sys, err := compile(shapeOf(p, s))
			if err != nil {
				t.Fatal(err)
			}
			publics, a := assigned(t, sys, h)
			if err := solve(t, sys, publics, a); err != nil {
				t.Errorf("%s: %v: %v", p.Name(), s, err)
			}
		}
	}
}

// TestShapesStateTheRelations: what the verifier evaluates and what the circuit combines is, for any
// polynomials, the relations of a schoolbook product, each with its weight and its power of β. At a
// root of Z^M+1 the quotient has no part in it.
func TestShapesStateTheRelations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range smallSets(t) {
		for _, s := range allStatements {
			for _, extreme := range []bool{false, true} {
				c := drawCase(rng, shapeOf(p, s), extreme)
				got, want := c.evaluated(t, rng)
				if !got.Equal(&want) {
					t.Errorf("%s, %v: what is evaluated is not the relations", p.Name(), s)
				}
			}
		}
	}
}

// TestBoundsAreNotReached: with the extreme public values that an instance may have, and any digits
// in their tables, each relation stays below its bound.
func TestBoundsAreNotReached(t *testing.T) {
	for _, p := range manySets(t) {
		half, limit := new(big.Int).Rsh(p.q, 1), int64(1)<<p.LimbBits()
		c0 := make([]*big.Int, p.N())
		for j := range c0 {
			c0[j] = half
		}
		x := Contribution{PK0: p.NewPoly(), PK1: p.NewPoly(), C0: p.FromBig(c0), C1: p.NewPoly(),
			Lo: make([]int64, p.Limbs()), Hi: make([]int64, p.Limbs())}
		for i := range x.Lo {
			x.Lo[i] = 1 - limit
		}
		if !x.valid(p) {
			t.Fatal("the extreme bounds are not valid")
		}
		for _, s := range allStatements {
			sh := shapeOf(p, s)
			relations := sh.relations
			if sh.slots != nil {
				relations = append(slices.Clone(relations), sh.slots.relation)
			}
			for i := range relations {
				r := &relations[i]
				top := new(big.Int).Set(half)
				if s == StatementContribution { // c0 − ⌊Q/t⌋·lo, c1 or the span
					if v := centeredField(&x.publics(p).rows[r.value][0]); v.CmpAbs(top) > 0 || !r.modular {
						top.Abs(v)
					}
				}
				for _, product := range r.products {
					most := new(big.Int).Mul(half, big.NewInt(int64(sh.shorts[product.short].length)))
					top.Add(top, most.Mul(most, sh.shorts[product.short].largest()))
				}
				for _, term := range r.terms {
					most := new(big.Int).Abs(term.factor)
					top.Add(top, most.Mul(most, sh.shorts[term.short].largest()))
				}
				if sh.bound(r).Cmp(top) <= 0 {
					t.Errorf("%s, %v, relation %d: %v reaches its bound", p.Name(), s, i, top)
				}
			}
		}
	}
}

// TestPartsThatMakeUpForEachOther carries out what a weight prevents: were it Q, one multiple of Q in
// c1's part would make up for c0 being off by one. With the shape's own weight it does not.
func TestPartsThatMakeUpForEachOther(t *testing.T) {
	p := tiny(t)
	h := honestCases(t, p)[StatementContribution]
	for _, near := range []bool{true, false} {
		s := shapeOf(p, StatementContribution)
		if near {
			for i := range s.identities[0][1:] {
				s.identities[0][1+i].weight = p.Q()
			}
		}
		sys, err := compile(s)
		if err != nil {
			t.Fatal(err)
		}
		publics := h.instance.publics(p)
		q, err := sys.solveQuotients(publics, h.secret.shorts(p, h.instance))
		if err != nil {
			t.Fatal(err)
		}
		change := func(short string, by int64) {
			for i := range s.shorts {
				if s.shorts[i].name == short {
					q.values[i][0] = new(big.Int).Add(q.values[i][0], big.NewInt(by))
				}
			}
		}
		by := int64(1) // towards zero, so that the error stays in its table
		if q.values[1][0].Sign() > 0 {
			by = -1
		}
		change("e0", by)
		change("k1", -by)
		a, err := sys.newAssignment(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := solve(t, sys, publics, a); (err == nil) != near {
			t.Errorf("weight of Q %t: %v", near, err)
		}
	}
}

// TestWrapIsRefused: a shape whose weighted sum could reach half the field does not compile.
func TestWrapIsRefused(t *testing.T) {
	s := shapeOf(tiny(t), StatementContribution)
	weight := s.identities[0][1].weight
	s.identities[0][1].weight = new(big.Int).Lsh(weight, uint(halfField.BitLen()-2*weight.BitLen()+8))
	if _, err := compile(s); err == nil || !strings.Contains(err.Error(), "wrap") {
		t.Fatalf("err = %v", err)
	}
	s = shapeOf(tiny(t), StatementRelease)
	s.slots.terms = []term{{s.slots.terms[0].short, new(big.Int).Rsh(halfField, uint(tiny(t).lit.FloodingBits))}}
	if _, err := compile(s); err == nil || !strings.Contains(err.Error(), "a slot could wrap") {
		t.Fatalf("err = %v", err)
	}
}

// TestSoundnessFigures holds the table of README section 9.1 and the degree in β.
func TestSoundnessFigures(t *testing.T) {
	text := readme(t)
	order, _ := new(big.Float).SetInt(fr.Modulus()).Float64()
	for _, name := range []string{"light", "default"} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range allStatements {
			sh := shapeOf(p, s)
			if lines := len(sh.lines()); lines > 25 {
				t.Errorf("%s, %v: %d powers of β", name, s, lines)
			}
			looked := map[table]int{}
			for _, short := range sh.shorts {
				for _, tb := range short.tables {
					if !short.byFours {
						looked[tb] += short.length
					}
				}
			}
			var largest table
			bad := func(tb table) int { return looked[tb] + 2*int(tb) - 1 }
			for tb := range looked {
				if bad(tb) > bad(largest) || largest == 0 {
					largest = tb
				}
			}
			values, note := bad(largest), ""
			if relation := 2*p.N() - 1; relation > values {
				values, note = relation, " (the relation)"
			}
			row := fmt.Sprintf("| %v: %s | %s | %s | %s%s | 2^%.1f |", s, name, thousands(looked[largest]),
				thousands(int(largest)), thousands(values), note, math.Log2(float64(values))-math.Log2(order))
			if !strings.Contains(text, row) {
				t.Errorf("README.md has no row %s", row)
			}
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// drawn is any public and secret polynomials of a shape, the secret ones by their digits.
type drawn struct {
	shape   *shape
	publics [][]*big.Int
	shorts  [][]*big.Int
	digits  [][][]int64
}

// drawCase takes values at random, or the ends of their ranges at random.
func drawCase(rng *rand.Rand, s *shape, extreme bool) drawn {
	c := drawn{shape: s}
	half := new(big.Int).Rsh(s.params.q, 1)
	for i := range s.publics {
		length := s.params.N()
		for _, r := range s.relations {
			if r.value == i {
				length = r.places(length)
			}
		}
		row := make([]*big.Int, length)
		for j := range row {
			row[j] = new(big.Int).Set(half)
			if !extreme {
				row[j].Mul(row[j], big.NewInt(rng.Int64())).Rsh(row[j], 63)
			}
			if rng.IntN(2) == 0 {
				row[j].Neg(row[j])
			}
		}
		c.publics = append(c.publics, row)
	}
	for i := range s.shorts {
		sh := &s.shorts[i]
		values, rows := make([]*big.Int, sh.length), make([][]int64, sh.length)
		for j := range values {
			values[j] = new(big.Int).Set(sh.offset)
			for d, t := range sh.tables {
				digit := rng.Int64N(int64(t))
				if extreme {
					digit = int64(t-1) * rng.Int64N(2)
				}
				rows[j] = append(rows[j], digit)
				values[j].Add(values[j], new(big.Int).Lsh(big.NewInt(digit), uint(sh.shifts[d])))
			}
		}
		c.shorts, c.digits = append(c.shorts, values), append(c.digits, rows)
	}
	return c
}

// relation is value minus all the rest at the relation's places.
func (c *drawn) relation(r *relation) []*big.Int {
	n := c.shape.params.N()
	full := refSmall(c.shape.params, nil)
	for _, p := range r.products {
		whole := refSmall(c.shape.params, nil)
		for j, v := range c.shorts[p.short] {
			whole[j*c.shape.shorts[p.short].step] = v
		}
		for j, v := range refMul(c.publics[p.public], whole) {
			full[j].Sub(full[j], v)
		}
	}
	out := make([]*big.Int, r.places(n))
	for place := range out {
		v := full[r.start+place*r.step]
		v.Add(v, c.publics[r.value][place])
		for _, t := range r.terms {
			v.Sub(v, new(big.Int).Mul(t.factor, c.shorts[t.short][place]))
		}
		out[place] = v
	}
	return out
}

// evaluated is, at some β and a root of Z^M+1, what the verifier's and the circuit's parts give, and
// what the relations are.
func (c *drawn) evaluated(t *testing.T, rng *rand.Rand) (got, want fr.Element) {
	t.Helper()
	s, count, m := c.shape, c.shape.params.Classes(), c.shape.params.perClass()
	beta := fr.NewElement(rng.Uint64())
	zeta := fft.NewDomain(uint64(2 * m)).Generator
	zeta.Exp(zeta, big.NewInt(int64(2*rng.IntN(m)+1)))
	inputs := s.evaluate(publics{rows: fieldRows(c.publics)}, &beta, &zeta)
	got = inputs[0]
	shorts := fieldRows(c.shorts)
	for i, f := range s.factors() {
		v := every(shorts[f.short], f.class/s.shorts[f.short].step, count/s.shorts[f.short].step, &zeta)
		got.Sub(&got, v.Mul(&v, &inputs[1+i]))
	}
	sys, err := compile(s)
	if err != nil {
		t.Fatal(err)
	}
	wires := map[int]fr.Element{0: fr.One()}
	for i, rows := range c.digits {
		for j, row := range rows {
			for d, digit := range row {
				wires[sys.digitWires[i][j][d]] = fr.NewElement(uint64(digit))
			}
		}
	}
	relations := make([][]*big.Int, len(s.relations))
	for i := range relations {
		relations[i] = c.relation(&s.relations[i])
	}
	rows := fieldRows(relations)
	power := fr.One()
	for _, l := range s.lines() {
		terms := make([]fr.Element, m)
		for j, expression := range sys.combination(l, &builder{r1cs: sys.r1cs}) {
			for _, term := range expression {
				v, w := sys.r1cs.Coefficients[term.CoeffID()], wires[term.WireID()]
				terms[j].Add(&terms[j], v.Mul(&v, &w))
			}
		}
		v := every(terms, 0, 1, &zeta)
		got.Sub(&got, v.Mul(&v, &power))
		for _, p := range l.parts {
			r := &s.relations[p.relation]
			v := every(rows[p.relation], (l.class-r.start)/r.step, count/r.step, &zeta)
			weight := fieldBig(p.weight)
			v.Mul(&v, &weight).Mul(&v, &power)
			want.Add(&want, &v)
		}
		power.Mul(&power, &beta)
	}
	return got, want
}

func fieldRows(rows [][]*big.Int) [][]fr.Element {
	out := make([][]fr.Element, len(rows))
	for i, row := range rows {
		out[i] = make([]fr.Element, len(row))
		for j, v := range row {
			out[i][j].SetBigInt(v)
		}
	}
	return out
}
