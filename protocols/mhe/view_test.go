package mhe

import (
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"testing"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// What a join shows beyond its answer, at toy size and with randomness from seeds, so that each run of these tests is the same.
//
// Three departments and an analyst: 0 encrypts two vectors over 16 persons, 1 multiplies both by its indicator, 2 only shares.
// A view is what some of them see who put together what they have. Its simulator is given what they put in, and the answer if the
// analyst is one of them, and nothing else. What it puts in the place of the others' messages is uniform, which RLWE allows (at 32
// coefficients RLWE is not hard, and no test shows that it is). What is shown: a release is the simulator's, bit for bit, up to a shift
// of the flooding that the conditions bound; and statistics that tell a message which lacks what hides it do not tell these.

// sampler draws all randomness of a run from one seed.
type sampler struct {
	p      circuits.Params
	stream io.Reader
}

func newSampler(p circuits.Params, label string, seed int) *sampler {
	xof := sha3.NewSHAKE256()
	fmt.Fprintf(xof, "%s %d", label, seed)
	return &sampler{p: p, stream: xof}
}

func (s *sampler) ternary() []int64 { return derivedTernary(s.stream, s.p.N()) }

func (s *sampler) errors() []int64 { return derivedErrors(s.stream, s.p.N()) }

func (s *sampler) flooding(n int) []*big.Int {
	f, err := floodingFrom(s.p, s.stream, n)
	if err != nil {
		panic(err)
	}
	return f
}

func (s *sampler) word() uint64 {
	var b [8]byte
	_, _ = io.ReadFull(s.stream, b[:])
	return binary.LittleEndian.Uint64(b[:])
}

func (s *sampler) uniform() circuits.Poly {
	var seed [32]byte
	_, _ = io.ReadFull(s.stream, seed[:])
	return s.p.CRS(seed[:])
}

// scene is all that is sent in a run. Of secrets it has those of the parties whose view it is; a run that is real has all.
type scene struct {
	p        circuits.Params
	seen     view
	crs      circuits.Poly
	secrets  [3][]int64
	shares   [3]circuits.Poly
	opener   []int64
	analyst  PublicKey
	vectors  [2]Ciphertext
	products [2]Ciphertext
	releases [3]Release
	drawn    [3]circuits.ReleaseSecret // with the flooding before it was rounded
	answer   [2]int64
}

// view is who looks on: some departments, and perhaps the analyst.
type view struct {
	name        string
	departments [3]bool
	analyst     bool
}

var all = view{"everything", [3]bool{true, true, true}, true}

// entries are what department 0 and department 1 put in.
type entries struct {
	vectors   [2][]int64
	indicator []int64
}

func (s *sampler) entries() entries {
	var in entries
	for range 16 {
		present := int64(s.word() & 1)
		in.vectors[0] = append(in.vectors[0], present)
		in.vectors[1] = append(in.vectors[1], present*int64(s.word()%16))
		in.indicator = append(in.indicator, int64(s.word()&1))
	}
	return in
}

func (in entries) answer() (out [2]int64) {
	for v, vector := range in.vectors {
		for i, bit := range in.indicator {
			out[v] += bit * vector[i]
		}
	}
	return out
}

// of leaves what the parties of a view put in.
func (in entries) of(v view) entries {
	if !v.departments[0] {
		in.vectors = [2][]int64{}
	}
	if !v.departments[1] {
		in.indicator = nil
	}
	return in
}

// leak is a message that is made without what hides it, so that a statistic must show it.
type leak int

const (
	sound leak = iota
	unmaskedVector
	unmaskedProduct
	unfloodedRelease
)

// scene plays a run, or simulates what a view sees of it: all of those who are not in the view is made without
// what they put in and without their secrets.
func (s *sampler) scene(seen view, in entries, answer [2]int64, fault leak) *scene {
	p := s.p
	x := &scene{p: p, seen: seen, crs: s.uniform(), answer: answer}
	key := PublicKey{A: x.crs, P: p.NewPoly()}
	for i, inside := range seen.departments {
		if x.shares[i] = s.uniform(); inside {
			x.secrets[i] = s.ternary()
			x.shares[i] = keyShare(p, x.crs, x.secrets[i], s.errors())
		}
		key.P = add(p, key.P, x.shares[i])
	}
	x.opener, x.analyst.A = s.ternary(), s.uniform()
	if x.analyst.P = s.uniform(); seen.analyst {
		x.analyst.P = keyShare(p, x.analyst.A, x.opener, s.errors())
	}
	for v := range x.vectors {
		x.vectors[v] = Ciphertext{p.OnlyLimbs(s.uniform()), s.uniform()}
		if seen.departments[0] {
			w := circuits.ContributionSecret{U: s.ternary(), E0: s.errors()[:p.Limbs()], E1: s.errors(), M: in.vectors[v]}
			if fault == unmaskedVector {
				clear(w.U)
			}
			x.vectors[v] = encrypt(p, key, w)
		}
		x.products[v] = Ciphertext{s.uniform(), s.uniform()}
		if seen.departments[1] {
			m := circuits.ProductSecret{U: s.ternary(), E0: s.errors()[0], E1: s.errors()}
			if fault == unmaskedProduct {
				m = circuits.ProductSecret{U: make([]int64, p.N()), E1: make([]int64, p.N())}
			}
			x.products[v] = product(p, key, x.vectors[v:v+1], in.indicator, m)
		}
	}
	s.release(x, fault)
	return x
}

// release makes the shares of those in the view by their secrets. If the analyst looks on, then of the others' released parts all
// but the last are uniform, and the last is what the answer lacks of all others, with everybody's flooding; if not, all that they send
// is uniform.
func (s *sampler) release(x *scene, fault leak) {
	p, slots := x.p, Targets(x.p, x.products[:])
	var outside []int
	for i, inside := range x.seen.departments {
		w := circuits.ReleaseSecret{S: x.secrets[i], V: s.ternary(), F1: s.errors(), F0: s.flooding(2)}
		if fault == unfloodedRelease {
			w.F0 = []*big.Int{new(big.Int), new(big.Int)}
		}
		x.drawn[i] = w
		x.drawn[i].F0 = []*big.Int{new(big.Int).Set(w.F0[0]), new(big.Int).Set(w.F0[1])}
		if inside {
			x.releases[i] = release(p, slots, x.analyst, &w)
		} else {
			outside = append(outside, i)
		}
	}
	rest := [2]*big.Int{x.known(0), x.known(1)}
	for n, i := range outside {
		var parts []*big.Int
		for k := range x.products {
			part := p.Centered(s.uniform(), 0)
			if x.seen.analyst && n == len(outside)-1 {
				part.Mul(p.Delta(), big.NewInt(x.answer[k]))
				part.Sub(part, rest[k])
				for _, j := range outside {
					part.Add(part, x.drawn[j].F0[k])
				}
			}
			rest[k].Add(rest[k], part)
			parts = append(parts, part)
		}
		x.releases[i] = x.masked(parts, x.drawn[i])
		if !x.seen.analyst {
			x.releases[i].H1 = s.uniform()
		}
	}
}

// masked is the share of which the parts before the mask are given.
func (x *scene) masked(parts []*big.Int, w circuits.ReleaseSecret) Release {
	p := x.p
	sum, mask := p.NewPoly(), multiply(p, x.analyst.P, p.FromSmall(w.V))
	for k, part := range parts {
		h := new(big.Int).Add(part, p.Centered(mask, k*p.Stride()))
		for i, prime := range p.Primes() {
			sum.Coeffs[i][k*p.Stride()] = new(big.Int).Mod(h, new(big.Int).SetUint64(prime)).Uint64()
		}
	}
	h0, _ := p.RoundWords(sum)
	return Release{H0: h0, H1: add(p, multiply(p, x.analyst.A, p.FromSmall(w.V)), p.FromSmall(w.F1))}
}

// at is coefficient j of a·s as a centered integer.
func (x *scene) at(a circuits.Poly, s []int64, j int) *big.Int {
	y := x.p.NewPoly()
	for i, c := range coefficient(x.p, a, s, j) {
		y.Coeffs[i][0] = c
	}
	return x.p.Centered(y, 0)
}

// known is what the view has of slot k's coefficient by its secrets: what it lacks to ⌊Q/t⌋·m is the others' parts, and noise.
func (x *scene) known(k int) *big.Int {
	sum := x.p.Centered(x.products[k].C0, x.p.Target())
	for i, s := range x.secrets {
		if x.seen.departments[i] {
			sum.Add(sum, x.at(x.products[k].C1, s, x.p.Target()))
		}
	}
	return sum
}

// as is the scene for those who have fewer secrets.
func (x *scene) as(v view) *scene {
	y := *x
	y.seen = v
	return &y
}

func without(i int) view {
	v := view{fmt.Sprintf("all but department %d", i), [3]bool{true, true, true}, true}
	v.departments[i] = false
	return v
}

// TestReleaseIsTheAnswers: given all other parties' secrets, whichever department is missing, its release is bit for bit what the
// simulator makes of the answer, with the flooding shifted by the noise of the sum. That noise is within the conditions'
// E, so what a release shows of anything but the answer is E/2B at most for each target: an exact distance, not an estimate.
func TestReleaseIsTheAnswers(t *testing.T) {
	p := tiny.Params()
	most, largest := noiseOf(t, p), new(big.Int)
	for seed := range 200 {
		s := newSampler(p, "release", seed)
		in := s.entries()
		x := s.scene(all, in, in.answer(), sound)
		for missing := range 3 {
			y, w := x.as(without(missing)), x.drawn[missing]
			var parts []*big.Int
			for k := range x.products {
				noise := new(big.Int).Sub(x.known(k), new(big.Int).Mul(p.Delta(), big.NewInt(x.answer[k])))
				if noise = centered(noise, p.Q()); noise.CmpAbs(most) > 0 {
					t.Fatalf("noise %v passes %v", noise, most)
				}
				if noise.CmpAbs(largest) > 0 {
					largest.Abs(noise)
				}
				part := new(big.Int).Mul(p.Delta(), big.NewInt(x.answer[k]))
				part.Sub(part, y.known(k))
				parts = append(parts, part.Add(part, noise).Add(part, w.F0[k]))
			}
			got, want := x.releases[missing], x.masked(parts, w)
			if !got.H0.Equal(&want.H0) || !got.H1.Equal(&want.H1) {
				t.Fatalf("department %d's release holds more than the answer and noise", missing)
			}
		}
	}
	t.Logf("largest noise 2^%d of at most 2^%d, flooding 2^%d", largest.BitLen(), most.BitLen(), p.Flooding().BitLen()-1)
}

// noiseOf is what the conditions allow a target of a scene before flooding.
func noiseOf(t *testing.T, p circuits.Params) *big.Int {
	t.Helper()
	fit, err := p.Joint(circuits.Joint{Positions: 16, Multipliers: 1, Encrypted: 1, Members: 3, Targets: [][]circuits.JointTerm{{{Factor: 1, Alpha: 1, Beta: 15, Indicator: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	return fit.Noise
}

func centered(v, q *big.Int) *big.Int {
	v.Mod(v, q)
	if half := new(big.Int).Rsh(q, 1); v.Cmp(half) > 0 {
		v.Sub(v, q)
	}
	return v
}

// tally counts, for each statistic of a view, in which sixteenth of its range a value lies.
type tally map[string]*[16]int

func (c tally) add(name string, value, modulus *big.Int) {
	v := new(big.Int).Mod(value, modulus)
	c.count(name, v.Div(v.Lsh(v, 4), modulus).Uint64())
}

func (c tally) count(name string, bin uint64) {
	if c[name] == nil {
		c[name] = new([16]int)
	}
	c[name][bin%16]++
}

// poly counts the residues of some coefficients.
func (c tally) poly(p circuits.Params, name string, x circuits.Poly, step int) {
	for i, prime := range p.Primes() {
		for j := 0; j < p.N(); j += step {
			c.count(name, x.Coeffs[i][j]*16/prime)
		}
	}
}

// see counts what a view has: each message of the others; of vectors what is left when the view's own secrets are taken off, apart for
// entries that are zero and that are not; of products what C1 is when divided by the vector's, apart for positions that are counted and that
// are not; and of releases what is left of them.
func (x *scene) see(c tally, in entries) {
	p := x.p
	own := make([]int64, p.N())
	for i, inside := range x.seen.departments {
		if !inside {
			c.poly(p, "key share", x.shares[i], 1)
			c.poly(p, "first part of a release", x.releases[i].H1, 1)
			continue
		}
		for j, s := range x.secrets[i] {
			own[j] += s
		}
	}
	for v, ct := range x.vectors {
		if !x.seen.departments[0] {
			c.poly(p, "C1 of a vector", ct.C1, 1)
			c.poly(p, "C0 of a vector", ct.C0, p.Stride())
			rest := add(p, ct.C0, multiply(p, ct.C1, p.FromSmall(own)))
			for i := range p.Limbs() {
				c.add(fmt.Sprintf("vector, of an entry that is zero: %t", in.vectors[v][i] == 0), p.Centered(rest, i*p.Stride()), p.Q())
			}
		}
		if !x.seen.departments[1] {
			c.poly(p, "C1 of a product", x.products[v].C1, 1)
			c.add("C0 of a product", p.Centered(x.products[v].C0, p.Target()), p.Q())
			quotient := divide(p, x.products[v].C1, ct.C1)
			for i := range p.Limbs() {
				c.add(fmt.Sprintf("product, of %d", in.indicator[i]), p.Centered(quotient, p.Target()-i*p.Stride()), p.Q())
			}
		}
		x.seeRelease(c, v)
	}
}

// seeRelease counts, of slot k, each other department's part and what all parts together hold beside the answer.
func (x *scene) seeRelease(c tally, k int) {
	p, sum, others := x.p, x.known(k), int64(0)
	for i, inside := range x.seen.departments {
		if inside {
			continue
		}
		others++
		part := p.Centered(x.releases[i].H0, k*p.Stride())
		if x.seen.analyst {
			part.Add(part, x.at(x.releases[i].H1, x.opener, k*p.Stride()))
		}
		c.add("part of a release", part, p.Q())
		sum.Add(sum, part)
	}
	if !x.seen.analyst {
		c.add("sum of a release", sum, p.Q())
		return
	}
	noise := centered(sum.Sub(sum, new(big.Int).Mul(p.Delta(), big.NewInt(x.answer[k]))), p.Q())
	bound := new(big.Int).Mul(p.Flooding(), big.NewInt(2*others))
	c.add("noise of the answer", new(big.Int).Add(noise, new(big.Int).Rsh(bound, 1)), bound)
	c.add("low bits of the noise", noise, new(big.Int).Lsh(big.NewInt(1), uint(p.DroppedBits()+4)))
}

// divide is x/y in the ring; y must be invertible.
func divide(p circuits.Params, x, y circuits.Poly) circuits.Poly {
	r := p.Ring()
	a, b := p.NewPoly(), p.NewPoly()
	r.NTT(x, a)
	r.NTT(y, b)
	for i, prime := range p.Primes() {
		q := new(big.Int).SetUint64(prime)
		for j, v := range b.Coeffs[i] {
			inverse := new(big.Int).ModInverse(new(big.Int).SetUint64(v), q)
			a.Coeffs[i][j] = inverse.Mul(inverse, new(big.Int).SetUint64(a.Coeffs[i][j])).Mod(inverse, q).Uint64()
		}
	}
	r.INTT(a, a)
	return a
}

// apart is the largest χ² of two tallies' statistics, each with 15 degrees of freedom, and its name.
func apart(a, b tally) (largest float64, name string) {
	for n, x := range a {
		y, chi := b[n], 0.0
		for i := range x {
			if d := float64(x[i] - y[i]); d != 0 {
				chi += d * d / float64(x[i]+y[i])
			}
		}
		if chi > largest {
			largest, name = chi, n
		}
	}
	return largest, name
}

// beyond is what χ² with 15 degrees of freedom passes once in 10^9 times.
const beyond = 76.5

// TestViewsAreSimulated: what a department sees, the analyst, and all but one department together with the analyst, is what a
// simulator makes of what they put in and the answer. The same statistics tell at once a vector without its encryption of zero, a
// product without, and a release without flooding.
func TestViewsAreSimulated(t *testing.T) {
	p := tiny.Params()
	views := []view{without(0), without(1), without(2), {"the analyst", [3]bool{}, true}}
	for i := range 3 {
		v := view{name: fmt.Sprintf("department %d", i)}
		v.departments[i] = true
		views = append(views, v)
	}
	runs := 100
	if testing.Short() {
		runs = 40
	}
	real := map[leak]map[string]tally{}
	for fault := sound; fault <= unfloodedRelease; fault++ {
		real[fault] = map[string]tally{}
		for _, v := range views {
			real[fault][v.name] = tally{}
		}
		for seed := range runs {
			s := newSampler(p, "real", seed)
			in := s.entries()
			x := s.scene(all, in, in.answer(), fault)
			for _, v := range views {
				x.as(v).see(real[fault][v.name], in)
			}
		}
	}
	told := map[leak]string{}
	for _, v := range views {
		simulated := tally{}
		for seed := range runs {
			in := newSampler(p, "real", seed).entries()
			answer := [2]int64{}
			if v.analyst {
				answer = in.answer()
			}
			newSampler(p, "simulated "+v.name, seed).scene(v, in.of(v), answer, sound).see(simulated, in)
		}
		chi, name := apart(real[sound][v.name], simulated)
		t.Logf("%s: at most %.1f (%s), of %d statistics", v.name, chi, name, len(simulated))
		if chi > beyond || len(simulated) != len(real[sound][v.name]) {
			t.Errorf("%s: told from the simulator by %s", v.name, name)
		}
		for fault := unmaskedVector; fault <= unfloodedRelease; fault++ {
			if chi, name := apart(real[fault][v.name], simulated); chi > beyond {
				told[fault] += fmt.Sprintf(" %s by %s (%.0f);", v.name, name, chi)
			}
		}
	}
	for fault := unmaskedVector; fault <= unfloodedRelease; fault++ {
		if t.Logf("leak %d is told:%s", fault, told[fault]); told[fault] == "" {
			t.Errorf("no statistic tells leak %d", fault)
		}
	}
}
