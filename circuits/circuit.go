// Package circuits states the three relations that messages of the protocol are proven to satisfy,
// proves them and verifies proofs: KeyShare, Contribution and DecryptionShare, linear relations over
// the ring Z_Q[X]/(X^N+1) with short secrets, in Groth16 over BN254 (gnark). It knows nothing of
// questions, networks or storage: what a proof belongs to is in its Binding.
//
// A parameter set (Params, by Named) fixes the ring and the bounds. Develop makes the proofs' keys
// for it on this machine, for tests and the demo: whoever makes them can forge. Keys proves,
// VerifyingKeys verifies.
//
// README.md is the specification; section numbers in comments refer to it.
package circuits

import (
	"fmt"
	"math"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Statement names one of the three things that are proven.
type Statement uint8

// The statements, in the order of README sections 4 to 6.
const (
	StatementKeyShare Statement = iota + 1
	StatementContribution
	StatementDecryptionShare
)

// Statements lists all of them.
var Statements = []Statement{StatementKeyShare, StatementContribution, StatementDecryptionShare}

func (s Statement) String() string {
	switch s {
	case StatementKeyShare:
		return "key share"
	case StatementContribution:
		return "contribution"
	case StatementDecryptionShare:
		return "decryption share"
	}
	return fmt.Sprintf("statement %d", uint8(s))
}

// table is a set of integers that a committed wire must lie in: first, first+1, …, of a size.
type table struct {
	first int64
	size  int
}

var (
	ternary = table{first: -1, size: 3}
	noise   = table{first: -ErrorBound, size: 2*ErrorBound + 1}
)

func digitTable(width int) table { return table{first: 0, size: 1 << width} }

// short is a secret polynomial with small coefficients. Each coefficient is committed as
// digits d_0, d_1, … and equals offset + Σ d_i·2^shift_i, with d_i in tables[i].
type short struct {
	name   string
	length int
	offset *big.Int
	shifts []int
	tables []table
}

func ternaryShort(name string, n int) short {
	return short{name: name, length: n, offset: new(big.Int), shifts: []int{0}, tables: []table{ternary}}
}

func noiseShort(name string, n int) short {
	return short{name: name, length: n, offset: new(big.Int), shifts: []int{0}, tables: []table{noise}}
}

// rangeShort has coefficients in [offset, offset+2^width), in digits of the given width; the
// last digit has a table of its own where the width does not divide.
func rangeShort(name string, n int, offset *big.Int, width, digit int) short {
	s := short{name: name, length: n, offset: offset}
	for shift := 0; shift < width; shift += digit {
		s.shifts = append(s.shifts, shift)
		s.tables = append(s.tables, digitTable(min(digit, width-shift)))
	}
	return s
}

// product is a public polynomial times a secret one.
type product struct{ public, short int }

// term is a constant times a secret polynomial.
type term struct {
	short  int
	factor *big.Int
}

// relation says, over Z[X] where modular is false and over Z_Q[X]/(X^N+1) where it is true:
//
//	public[value] = Σ public[·]·short[·] + Σ factor·short[·]
//
// A modular relation has its quotient by Q among its terms, with factor Q, and its quotient
// by X^N+1 as a polynomial of its own, committed but unbounded.
type relation struct {
	value    int
	products []product
	terms    []term
	modular  bool
}

// shape is a statement as data: what is secret, and which relations hold.
type shape struct {
	statement Statement
	params    Params
	publics   int // how many public polynomials there are
	shorts    []short
	relations []relation
}

// quotientWidth is the digit width that holds the quotient by Q of an honest message: its
// coefficients have a standard deviation below √(N/9), and sixteen of them fit. A prover
// whose quotient is larger fails closed.
func quotientWidth(n int) int {
	need := 16*math.Sqrt(float64(n)/9) + 3
	return int(math.Ceil(math.Log2(need))) + 1
}

// addQuotient declares the quotient by Q of a modular relation and returns its term.
func (s *shape) addQuotient(name string, digit int) term {
	offset := new(big.Int).Lsh(big.NewInt(-1), uint(digit-1))
	s.shorts = append(s.shorts, rangeShort(name, s.params.N(), offset, digit, digit))
	return term{short: len(s.shorts) - 1, factor: s.params.Q()}
}

// shapeOf builds the statement's shape with the digit width that gives the fewest constraints.
func shapeOf(p Params, s Statement) *shape {
	build := map[Statement]func(Params, int) *shape{
		StatementKeyShare:        keyShareShape,
		StatementContribution:    contributionShape,
		StatementDecryptionShare: decryptionShareShape,
	}[s]
	var best *shape
	for digit := quotientWidth(p.N()); digit <= 16; digit++ {
		if candidate := build(p, digit); best == nil || candidate.lookups() < best.lookups() {
			best = candidate
		}
	}
	return best
}

// lookups counts the constraints that depend on the digit width.
func (s *shape) lookups() int {
	n := 0
	for _, sh := range s.shorts {
		n += sh.length * len(sh.tables)
	}
	for _, t := range s.tableList() {
		n += t.size
	}
	return n
}

// tableList lists the distinct tables in order of first use.
func (s *shape) tableList() []table {
	var list []table
	seen := map[table]bool{}
	for _, sh := range s.shorts {
		for _, t := range sh.tables {
			if !seen[t] {
				seen[t] = true
				list = append(list, t)
			}
		}
	}
	return list
}

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
