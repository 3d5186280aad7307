package protocols

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// joint is what departments do of a plan that joins their tables by persons, over the positions of one spine: which vectors are sent,
// which products are made of them, and which sums of products are released (README section 3.15). It follows from plan, spine and
// parameters. Of an answer its products are pinned to those of its screening.
type joint struct {
	plan      *engine.Plan
	linked    *engine.Linked
	ask       *Linked
	chunks    int // ciphertexts of a vector
	parts     int // products of a term
	encrypted int // side
	vectors   []sided
	products  []jointProduct
	targets   []jointTarget
	fit       circuits.Fit
	names     [][]engine.Digest // of vectors, by contributor that sends them
}

// sided is a side's vector in one of the side's groups.
type sided struct{ vector, group int }

// jointProduct multiplies some chunks of an encrypted vector.
type jointProduct struct {
	by       sided // what it multiplies by
	of       int   // index into vectors
	part     int
	pin      int  // index of the screening's product that counts the persons; -1 in a screening
	weighted bool // else by 0 and 1: in an answer by the very bits of its pin
	lo       int64
}

// jointTarget is a released number: the sum of its products, each with its term's factor.
type jointTarget struct {
	number   int // group·len(Targets) + target, as engine.Linked.Cells has it
	products []int
	factors  []int64
}

// newJoint works out what is done of a plan. before is that of the screening that the plan's answer rests on; nil of a screening.
func newJoint(p circuits.Params, plan *engine.Plan, ask *Linked, members int, before *joint) (*joint, error) {
	j := &joint{plan: plan, linked: plan.Linked(), ask: ask, chunks: p.Chunks(int(ask.Positions)), parts: p.Products(int(ask.Positions))}
	if j.linked == nil {
		return nil, errors.New("a question that joins nothing by persons")
	}
	j.encrypted = 1 - j.linked.Multiplier
	var pins [][]int
	if before != nil {
		pins = plan.Pins()
	}
	groups := plan.CellCount() / len(plan.Moments)
	for group := range groups {
		for m, target := range j.linked.Targets {
			if !plan.Opened(group, m) || len(target.Terms) == 0 {
				continue
			}
			t := jointTarget{number: group*len(j.linked.Targets) + m}
			for k, term := range target.Terms {
				if !term.Factor.IsInt64() {
					return nil, errors.New("a factor of more than 63 bits")
				}
				pin := -1
				if before != nil {
					pin = before.productOf(group, pins[m][k])
				}
				at, err := j.multiply(group, &term, pin)
				if err != nil {
					return nil, err
				}
				for part := range j.parts {
					t.products = append(t.products, at+part)
					t.factors = append(t.factors, term.Factor.Int64())
				}
			}
			j.targets = append(j.targets, t)
		}
	}
	return j, j.fits(p, members)
}

// multiply adds a term's products in a group and returns the first. pin is the first of the screening's products of its persons, or -1.
func (j *joint) multiply(group int, term *engine.Term, pin int) (int, error) {
	m := j.linked.Multiplier
	by := sided{term.Vectors[m], j.linked.Group(j.plan, m, group)}
	of := sided{term.Vectors[1-m], j.linked.Group(j.plan, 1-m, group)}
	at := slices.Index(j.vectors, of)
	if at < 0 {
		at, j.vectors = len(j.vectors), append(j.vectors, of)
	}
	lo, weighted, err := weights(&j.linked.Sides[m].Vectors[by.vector])
	if err != nil {
		return 0, err
	}
	if len(j.products)+j.parts > MaxLinkedBlobs || len(j.vectors)*j.chunks > MaxLinkedBlobs {
		return 0, j.tooLarge("more than %d ciphertexts of vectors, or as many products, of a department", MaxLinkedBlobs)
	}
	first := len(j.products)
	for part := range j.parts {
		p := jointProduct{by: by, of: at, part: part, pin: -1, weighted: weighted && pin >= 0, lo: lo}
		if pin >= 0 {
			p.pin = pin + part
		}
		j.products = append(j.products, p)
	}
	return first, nil
}

func (j *joint) tooLarge(what string, limit int) error {
	return &engine.Error{Code: engine.CodeLimit, Hint: "ask for fewer groups or fewer aggregates",
		Message: fmt.Sprintf("over %d positions the question takes "+what, j.ask.Positions, limit)}
}

// held is about how many bytes a node holds of the question: sums of vectors, and all products and numbers.
func (j *joint) held(p circuits.Params) int {
	return (len(j.vectors)*j.chunks + len(j.linked.Sides[j.linked.Multiplier].Departments)*len(j.products) + len(j.targets)) * 16 * len(p.Primes()) * p.N()
}

// weights are how a vector is multiplied by: from which lower bound; or, if all it says of a person is whether there is a row that adds to it,
// by 0 and 1, as the product that counts its persons is. A count is such a vector where nobody has two rows.
func weights(v *engine.Vector) (lo int64, weighted bool, err error) {
	least, most := new(big.Int), new(big.Int)
	for _, b := range v.Bounds {
		if b.Lo.Cmp(least) < 0 {
			least = b.Lo
		}
		if b.Hi.Cmp(most) > 0 {
			most = b.Hi
		}
	}
	if new(big.Int).Sub(most, least).BitLen() > circuits.WeightBits || !least.IsInt64() {
		return 0, false, &engine.Error{Code: engine.CodeOverflow, Message: fmt.Sprintf("a department's number of a person on the side that multiplies takes more than %d bits", circuits.WeightBits),
			Hint: "rows_per_person in node.toml, or rows_per_key where rows without a key are there, says how many rows a person has at most; sum something with smaller bounds"}
	}
	return least.Int64(), !v.Bits(), nil
}

// productOf is the first product of a screening's target in a group.
func (j *joint) productOf(group, target int) int {
	return (group*len(j.linked.Targets) + target) * j.parts
}

// fits holds that the released numbers decrypt, and that their noise is hidden.
func (j *joint) fits(p circuits.Params, members int) error {
	m, e := &j.linked.Sides[j.linked.Multiplier], &j.linked.Sides[j.encrypted]
	of := circuits.Joint{Positions: int(j.ask.Positions), Multipliers: len(m.Departments), Encrypted: len(e.Departments), Members: members}
	for _, t := range j.targets {
		var terms []circuits.JointTerm
		for i := 0; i < len(t.products); i += j.parts {
			product := j.products[t.products[i]]
			alpha, err := farthest(&m.Vectors[product.by.vector])
			if err != nil {
				return err
			}
			beta, err := farthest(&e.Vectors[j.vectors[product.of].vector])
			if err != nil {
				return err
			}
			terms = append(terms, circuits.JointTerm{Factor: t.factors[i], Alpha: alpha, Beta: beta, Indicator: !product.weighted})
		}
		of.Targets = append(of.Targets, terms)
	}
	if len(of.Targets) == 0 {
		return &engine.Error{Code: CodePolicy, Message: "by the departments' rules nothing of the answer is shown: too few persons stand behind each number of it",
			Hint: "ask of more persons, in fewer groups or under wider conditions"}
	}
	fit, err := p.Joint(of)
	if err != nil {
		return &engine.Error{Code: engine.CodeOverflow, Message: err.Error(), Hint: "sum something with smaller bounds, or ask fewer departments"}
	}
	if j.fit = fit; j.held(p) > MaxJointBytes {
		return j.tooLarge("more than %d MB of each node's memory", MaxJointBytes>>20)
	}
	return nil
}

// farthest is how far from zero a department's number of a person lies at most.
func farthest(v *engine.Vector) (most int64, err error) {
	for _, b := range v.Bounds {
		lo, hi := new(big.Int).Neg(b.Lo), b.Hi
		if !lo.IsInt64() || !hi.IsInt64() {
			return 0, &engine.Error{Code: engine.CodeOverflow, Message: "a department's number of a person takes more than 63 bits", Hint: "sum something with smaller bounds"}
		}
		most = max(most, lo.Int64(), hi.Int64())
	}
	return most, nil
}

// shares is how many releases the numbers take of each member.
func (j *joint) shares(p circuits.Params) int {
	slots := SizesOf(p).Slots
	return (len(j.targets) + slots - 1) / slots
}

// claims compares what is done with what a question says.
func (j *joint) claims(p circuits.Params, a *Ask) error {
	l, side := a.Linked, &j.linked.Sides[j.encrypted]
	switch {
	case l.Department != j.linked.Spine.Department || l.Table != j.linked.Spine.Table:
		return errors.New("the question is over another spine than its tables'")
	case l.Encrypted != j.plan.Join.Tables[j.encrypted].Name:
		return errors.New("the question has the other table's vectors encrypted")
	case int64(l.Vectors) != int64(len(j.vectors)*j.chunks) || int64(l.Products) != int64(len(j.products)) || int64(l.Targets) != int64(len(j.targets)) || int64(a.Ciphertexts) != int64(j.shares(p)):
		return fmt.Errorf("the question names %d ciphertexts, %d products and %d numbers in %d shares, its plan has %d, %d and %d in %d",
			l.Vectors, l.Products, l.Targets, a.Ciphertexts, len(j.vectors)*j.chunks, len(j.products), len(j.targets), j.shares(p))
	case len(side.Departments) == 0:
		return errors.New("nobody holds the encrypted table")
	}
	return nil
}

// charge is what answering takes of an epoch's ciphertexts: as much of its account as the noise of the numbers costs.
func (j *joint) charge(p circuits.Params) uint32 {
	limit := p.CiphertextLimit()
	if limit == 0 {
		return uint32(len(j.targets))
	}
	takes := math.Ceil(float64(limit) * math.Exp2(38-j.fit.Lambda)) // 2^-(λ+2) of 2^-40
	return max(uint32(len(j.targets)), uint32(min(takes, float64(limit))))
}

// bounds are the range of a department's entries of a vector on either side. department is an index into the side's.
func (j *joint) bounds(side int, of sided, department int) (mhe.Vector, error) {
	b := j.linked.Sides[side].Vectors[of.vector].Bounds[department]
	if !b.Lo.IsInt64() || !b.Hi.IsInt64() {
		return mhe.Vector{}, errors.New("bounds of more than 63 bits")
	}
	return mhe.Vector{Positions: int(j.ask.Positions), Lo: b.Lo.Int64(), Hi: b.Hi.Int64()}, nil
}

// name names the vectors of those that send them: what each is of, over which version of a table and of the spine, in which epoch. Who has
// made one gives the same to every question that needs it.
func (j *joint) name(epoch engine.Digest, contributors []Member) {
	side := &j.linked.Sides[j.encrypted]
	schema := engine.Hash("parley joined schema 1", engine.Marshal(j.plan.Schema))
	var groups []engine.GroupColumn
	for _, g := range side.Groups {
		groups = append(groups, j.plan.Groups[g])
	}
	grouped := engine.Hash("parley joined groups 1", engine.Marshal(groups))
	j.names = make([][]engine.Digest, len(contributors))
	for i, m := range contributors {
		at := slices.Index(side.Departments, m.Name)
		if at < 0 {
			continue
		}
		var registration engine.Digest
		for _, r := range j.plan.Join.Catalogue {
			if r.Department == m.Name && r.Table == j.plan.Join.Tables[j.encrypted].Name {
				registration = RegistrationDigest(r)
			}
		}
		for _, of := range j.vectors {
			v := side.Vectors[of.vector].At(at)
			j.names[i] = append(j.names[i], engine.Hash("parley vector 1", epoch[:], j.ask.Spine[:], registration[:], m.Key[:],
				engine.Marshal(v), schema[:], engine.Marshal(side.Key), grouped[:], engine.Marshal(of.group)))
		}
	}
}
