package circuits

import (
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/tuneinsight/lattigo/v5/ring"
)

// Poly is an element of Z_Q[X]/(X^N+1) in the coefficient domain: Coeffs[i][j] is coefficient
// j modulo prime i, below that prime.
type Poly = ring.Poly

// NewPoly returns the zero element.
func (p Params) NewPoly() Poly { return p.ring.NewPoly() }

// PolySize is the length of an encoded element in bytes.
func (p Params) PolySize() int { return len(p.lit.Primes) * p.lit.N * p.residueB }

// AppendPoly appends the only encoding of x: for each prime in order, N residues as
// little-endian integers of as many bytes as the widest prime needs (README section 2).
func (p Params) AppendPoly(b []byte, x Poly) []byte { return p.appendEvery(b, x, 1) }

// appendEvery appends the residues of coefficients 0, step, 2·step, ….
func (p Params) appendEvery(b []byte, x Poly, step int) []byte {
	var word [8]byte
	for i := range p.lit.Primes {
		for j := 0; j < p.lit.N; j += step {
			binary.LittleEndian.PutUint64(word[:], x.Coeffs[i][j])
			b = append(b, word[:p.residueB]...)
		}
	}
	return b
}

// DecodePoly reads exactly one encoded element. A wrong length or a residue that is not below
// its prime is refused: two such residues would overflow the ring's addition into a wrong sum
// that still verifies.
func (p Params) DecodePoly(b []byte) (Poly, error) {
	if len(b) != p.PolySize() {
		return Poly{}, fmt.Errorf("ring element of %d bytes, want %d", len(b), p.PolySize())
	}
	return p.decodeEvery(b, 1)
}

// decodeEvery reads what appendEvery appends, of a length that was checked.
func (p Params) decodeEvery(b []byte, step int) (Poly, error) {
	x := p.NewPoly()
	var word [8]byte
	for i, prime := range p.lit.Primes {
		for j := 0; j < p.lit.N; j += step {
			copy(word[:], b[:p.residueB])
			b = b[p.residueB:]
			residue := binary.LittleEndian.Uint64(word[:])
			if residue >= prime {
				return Poly{}, fmt.Errorf("residue %d of prime %d is not canonical", j, i)
			}
			x.Coeffs[i][j] = residue
		}
	}
	return x, nil
}

// LimbsSize is the length in bytes of an element of which only the limbs' coefficients are sent.
func (p Params) LimbsSize() int { return len(p.lit.Primes) * p.lit.Limbs * p.residueB }

// AppendLimbs appends the only encoding of the limbs' coefficients of x: as AppendPoly, of these
// alone.
func (p Params) AppendLimbs(b []byte, x Poly) []byte { return p.appendEvery(b, x, p.Stride()) }

// DecodeLimbs reads exactly one encoding of AppendLimbs, as strictly as DecodePoly. The other
// coefficients are zero.
func (p Params) DecodeLimbs(b []byte) (Poly, error) {
	if len(b) != p.LimbsSize() {
		return Poly{}, fmt.Errorf("limbs of a ring element in %d bytes, want %d", len(b), p.LimbsSize())
	}
	return p.decodeEvery(b, p.Stride())
}

// OnlyLimbs is x with all coefficients without a limb set to zero.
func (p Params) OnlyLimbs(x Poly) Poly {
	y := p.NewPoly()
	for i := range p.lit.Primes {
		for j := 0; j < p.lit.N; j += p.Stride() {
			y.Coeffs[i][j] = x.Coeffs[i][j]
		}
	}
	return y
}

// TargetSize is the length in bytes of an element of which only the target's coefficient is sent.
func (p Params) TargetSize() int { return len(p.lit.Primes) * p.residueB }

// AppendTarget appends the only encoding of coefficient Target() of x: as AppendPoly, of it alone.
func (p Params) AppendTarget(b []byte, x Poly) []byte {
	var word [8]byte
	for i := range p.lit.Primes {
		binary.LittleEndian.PutUint64(word[:], x.Coeffs[i][p.Target()])
		b = append(b, word[:p.residueB]...)
	}
	return b
}

// DecodeTarget reads exactly one encoding of AppendTarget, as strictly as DecodePoly. The other
// coefficients are zero.
func (p Params) DecodeTarget(b []byte) (Poly, error) {
	if len(b) != p.TargetSize() {
		return Poly{}, fmt.Errorf("target of a ring element in %d bytes, want %d", len(b), p.TargetSize())
	}
	x := p.NewPoly()
	var word [8]byte
	for i, prime := range p.lit.Primes {
		copy(word[:], b[i*p.residueB:(i+1)*p.residueB])
		residue := binary.LittleEndian.Uint64(word[:])
		if residue >= prime {
			return Poly{}, fmt.Errorf("residue of prime %d is not canonical", i)
		}
		x.Coeffs[i][p.Target()] = residue
	}
	return x, nil
}

// WordsSize is the length in bytes of the first part of a decryption share.
func (p Params) WordsSize() int { return p.SlotsSize(p.lit.Limbs) }

// AppendWords appends the only encoding of the limbs' coefficients of x, each an integer in [0, Q)
// that is a multiple of 2^DroppedBits and is written without these bits, least byte first.
func (p Params) AppendWords(b []byte, x Poly) []byte { return p.AppendSlots(b, x, p.lit.Limbs) }

// DecodeWords reads exactly one encoding of AppendWords. An integer that is not below Q is
// refused. The other coefficients are zero.
func (p Params) DecodeWords(b []byte) (Poly, error) { return p.DecodeSlots(b, p.lit.Limbs) }

// SlotsSize is the length in bytes of the first part of a release of so many slots.
func (p Params) SlotsSize(slots int) int { return slots * p.wordSize() }

// AppendSlots is AppendWords for the first limbs' coefficients alone, one a slot.
func (p Params) AppendSlots(b []byte, x Poly, slots int) []byte {
	var v big.Int
	word := make([]byte, p.wordSize())
	for j := 0; j < slots*p.Stride(); j += p.Stride() {
		p.positive(&v, x, j)
		v.Rsh(&v, uint(p.dropped)).FillBytes(word)
		for k := range word {
			b = append(b, word[len(word)-1-k])
		}
	}
	return b
}

// DecodeSlots reads exactly one encoding of AppendSlots, as DecodeWords does; there are at most as
// many slots as limbs.
func (p Params) DecodeSlots(b []byte, slots int) (Poly, error) {
	if slots < 0 || slots > p.lit.Limbs || len(b) != p.SlotsSize(slots) {
		return Poly{}, fmt.Errorf("%d words of a share in %d bytes", slots, len(b))
	}
	x := p.NewPoly()
	size := p.wordSize()
	word := make([]byte, size)
	var v, r, prime big.Int
	for j := 0; j < slots*p.Stride(); j += p.Stride() {
		for k := range word {
			word[len(word)-1-k] = b[k]
		}
		b = b[size:]
		if v.Lsh(v.SetBytes(word), uint(p.dropped)).Cmp(p.q) >= 0 {
			return Poly{}, fmt.Errorf("word %d is not below Q", j/p.Stride())
		}
		for i, q := range p.lit.Primes {
			x.Coeffs[i][j] = r.Mod(&v, prime.SetUint64(q)).Uint64()
		}
	}
	return x, nil
}

// RoundWords sets the coefficients of x without a limb to zero and takes each limb's coefficient
// down to a multiple of 2^DroppedBits, as an integer in [0, Q). It returns what was taken off the
// limbs' coefficients.
func (p Params) RoundWords(x Poly) (Poly, []*big.Int) {
	y := p.NewPoly()
	var v, r, prime big.Int
	off := make([]*big.Int, p.lit.Limbs)
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(p.dropped)), big.NewInt(1))
	for l := range off {
		j := l * p.Stride()
		p.positive(&v, x, j)
		off[l] = new(big.Int).And(&v, mask)
		v.Sub(&v, off[l])
		for i, q := range p.lit.Primes {
			y.Coeffs[i][j] = r.Mod(&v, prime.SetUint64(q)).Uint64()
		}
	}
	return y, off
}

// positive sets v to coefficient j of x as the integer in [0, Q).
func (p Params) positive(v *big.Int, x Poly, j int) {
	var z fr.Element
	p.garner.lift(&z, x, j)
	if z.BigInt(v); v.Cmp(halfField) > 0 {
		v.Sub(v, fr.Modulus()).Add(v, p.q)
	}
}

// CRS expands a seed to a uniform ring element: SHAKE-256 (FIPS 202), for each prime in order
// residues of its bit length, those not below the prime rejected. Whoever fixes the seed
// beforehand cannot plant a trapdoor in it.
func (p Params) CRS(seed []byte) Poly {
	xof := sha3.NewSHAKE256()
	_, _ = xof.Write([]byte("parley crs 1\x00"))
	_, _ = xof.Write(p.describe())
	_, _ = xof.Write(seed)
	x := p.NewPoly()
	var word [8]byte
	for i, prime := range p.lit.Primes {
		width := bits.Len64(prime)
		mask := uint64(1)<<width - 1
		for j := 0; j < p.lit.N; {
			_, _ = xof.Read(word[:(width+7)/8])
			if residue := binary.LittleEndian.Uint64(word[:]) & mask; residue < prime {
				x.Coeffs[i][j] = residue
				j++
			}
		}
	}
	return x
}

// FromSmall lifts integer coefficients to the ring; absent ones are zero.
func (p Params) FromSmall(values []int64) Poly {
	x := p.NewPoly()
	for i, prime := range p.lit.Primes {
		for j, v := range values {
			r := v % int64(prime)
			if r < 0 {
				r += int64(prime)
			}
			x.Coeffs[i][j] = uint64(r)
		}
	}
	return x
}

// FromLimbs lifts integers to the limbs' coefficients; the others are zero.
func (p Params) FromLimbs(values []int64) Poly {
	spread := make([]int64, p.lit.N)
	for l, v := range values {
		spread[l*p.Stride()] = v
	}
	return p.FromSmall(spread)
}

// FromLimbsBig is FromLimbs for big integers.
func (p Params) FromLimbsBig(values []*big.Int) Poly {
	spread, zero := make([]*big.Int, p.lit.N), new(big.Int)
	for j := range spread {
		spread[j] = zero
	}
	for l, v := range values {
		spread[l*p.Stride()] = v
	}
	return p.FromBig(spread)
}

// FromBig lifts big integer coefficients to the ring.
func (p Params) FromBig(values []*big.Int) Poly {
	x := p.NewPoly()
	var r, m big.Int
	for i, prime := range p.lit.Primes {
		m.SetUint64(prime)
		for j, v := range values {
			x.Coeffs[i][j] = r.Mod(v, &m).Uint64()
		}
	}
	return x
}

// garner turns residues into the centered integer by mixed radix digits
// x = d0 + q0·d1 + q0·q1·d2 + …, without big integers.
type garner struct {
	primes []uint64
	inv    [][]uint64   // inv[i][k] = q_k^-1 mod q_i, k < i
	radix  []fr.Element // 1, q0, q0·q1, …
	half   []uint64     // the digits of ⌊Q/2⌋
	q      fr.Element
}

func newGarner(primes []uint64, q *big.Int) garner {
	g := garner{primes: primes}
	rest, digit, radix := new(big.Int).Rsh(q, 1), new(big.Int), big.NewInt(1)
	for i, prime := range primes {
		qi := new(big.Int).SetUint64(prime)
		row := make([]uint64, i)
		for k := range row {
			row[k] = new(big.Int).ModInverse(new(big.Int).SetUint64(primes[k]), qi).Uint64()
		}
		g.inv = append(g.inv, row)
		var r fr.Element
		g.radix = append(g.radix, *r.SetBigInt(radix))
		radix.Mul(radix, qi)
		rest.DivMod(rest, qi, digit)
		g.half = append(g.half, digit.Uint64())
	}
	g.q.SetBigInt(q)
	return g
}

// lift sets z to the centered integer with residues x.Coeffs[·][j], as a field element.
func (g *garner) lift(z *fr.Element, x Poly, j int) {
	var digits [MaxPrimes]uint64
	for i, prime := range g.primes {
		d := x.Coeffs[i][j]
		for k := range i {
			d += prime - digits[k]%prime
			if d >= prime {
				d -= prime
			}
			hi, lo := bits.Mul64(d, g.inv[i][k])
			_, d = bits.Div64(hi, lo, prime)
		}
		digits[i] = d
	}
	negative := false
	for i := len(g.primes) - 1; i >= 0; i-- {
		if digits[i] != g.half[i] {
			negative = digits[i] > g.half[i]
			break
		}
	}
	z.SetUint64(digits[0])
	var t fr.Element
	for i := 1; i < len(g.primes); i++ {
		t.SetUint64(digits[i])
		t.Mul(&t, &g.radix[i])
		z.Add(z, &t)
	}
	if negative {
		z.Sub(z, &g.q)
	}
}

// field lifts every coefficient of x to its centered integer in the field of the proofs.
func (p Params) field(x Poly) []fr.Element { return p.fieldEvery(x, 1) }

// fieldEvery lifts coefficients 0, step, 2·step, …
func (p Params) fieldEvery(x Poly, step int) []fr.Element {
	out := make([]fr.Element, p.lit.N/step)
	for i := range out {
		p.garner.lift(&out[i], x, i*step)
	}
	return out
}

// Centered returns coefficient j of x as the integer in (-Q/2, Q/2].
func (p Params) Centered(x Poly, j int) *big.Int {
	var z fr.Element
	p.garner.lift(&z, x, j)
	return centeredField(&z)
}

// centeredField reads a field element as an integer of least absolute value.
func centeredField(z *fr.Element) *big.Int {
	v := z.BigInt(new(big.Int))
	if v.Cmp(halfField) > 0 {
		v.Sub(v, fr.Modulus())
	}
	return v
}

var halfField = new(big.Int).Rsh(fr.Modulus(), 1)

func fieldSmall(values []int64) []fr.Element {
	out := make([]fr.Element, len(values))
	for i, v := range values {
		out[i].SetInt64(v)
	}
	return out
}

func fieldBig(v *big.Int) (z fr.Element) { z.SetBigInt(v); return z }
