// Package join is what bench measures of joins across departments: made-up persons, in three departments, questions with their right answers, and what
// is done of a plan (bench/README.md, section 8).
package join

import (
	"fmt"
	"math/big"
	"slices"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// Work is what is done of one plan, of the question or of its screening, among one department on each side: which vectors are sent,
// which products are made of them, and which numbers are released. It follows protocols/README.md, section 3.15.
type Work struct {
	Plan       *engine.Plan
	Linked     *engine.Linked
	Multiplier int     // the side that multiplies
	Encrypted  int     // the other, which sends its vectors
	Parts      int     // products of a term
	Vectors    []Sided // that are sent
	Products   []Product
	Targets    []Target
	Fit        circuits.Fit
}

// Sided is a side's vector in one of the side's groups.
type Sided struct{ Vector, Group int }

// Product multiplies some chunks of an encrypted vector.
type Product struct {
	By, Of   Sided
	Part     int
	Pin      int // index of the screening's product; -1 in a screening
	Weighted bool
	Lo       int64
}

// Target is a released number: the sum of its products with their factors.
type Target struct {
	Number   int // group·len(Linked.Targets) + target
	Products []int
	Factors  []int64
}

// NewWork works out what is done of a plan. screened is the plan of the question's screening, to whose products those of its answer
// are pinned; nil of that one itself.
func NewWork(p circuits.Params, plan, screened *engine.Plan, positions, members int) (*Work, error) {
	j := &Work{Plan: plan, Linked: plan.Linked(), Parts: p.Products(positions)}
	j.Multiplier, j.Encrypted = j.Linked.Multiplier, 1-j.Linked.Multiplier
	of := circuits.Joint{Positions: positions, Multipliers: 1, Encrypted: 1, Members: members}
	for group := range plan.CellCount() / len(plan.Moments) {
		for m, target := range j.Linked.Targets {
			if !plan.Opened(group, m) || len(target.Terms) == 0 {
				continue
			}
			t := Target{Number: group*len(j.Linked.Targets) + m}
			var terms []circuits.JointTerm
			for k, term := range target.Terms {
				pin := -1
				if screened != nil { // every number of the screening has one term
					pin = (group*len(screened.Linked().Targets) + plan.Pins()[m][k]) * j.Parts
				}
				first, fits := j.multiply(group, &term, pin)
				terms = append(terms, fits)
				for part := range j.Parts {
					t.Products, t.Factors = append(t.Products, first+part), append(t.Factors, term.Factor.Int64())
				}
			}
			j.Targets, of.Targets = append(j.Targets, t), append(of.Targets, terms)
		}
	}
	var err error
	j.Fit, err = p.Joint(of)
	return j, err
}

// multiply adds a term's products in a group and returns the first, and what decides whether the term's noise fits.
func (j *Work) multiply(group int, term *engine.Term, pin int) (int, circuits.JointTerm) {
	by := Sided{term.Vectors[j.Multiplier], j.Linked.Group(j.Plan, j.Multiplier, group)}
	of := Sided{term.Vectors[j.Encrypted], j.Linked.Group(j.Plan, j.Encrypted, group)}
	if !slices.Contains(j.Vectors, of) {
		j.Vectors = append(j.Vectors, of)
	}
	v := &j.Linked.Sides[j.Multiplier].Vectors[by.Vector]
	weighted, first := !v.Bits(), len(j.Products) // else by the very bits that the screening counted
	for part := range j.Parts {
		product := Product{By: by, Of: of, Part: part, Pin: -1, Weighted: weighted && pin >= 0, Lo: v.Bounds[0].Lo.Int64()}
		if pin >= 0 {
			product.Pin = pin + part
		}
		j.Products = append(j.Products, product)
	}
	return first, circuits.JointTerm{Factor: term.Factor.Int64(), Alpha: widest(v), Beta: widest(&j.Linked.Sides[j.Encrypted].Vectors[of.Vector]), Indicator: pin < 0 || !weighted}
}

// widest is how far from zero the one department's number of a person lies at most.
func widest(v *engine.Vector) int64 {
	return max(-v.Bounds[0].Lo.Int64(), v.Bounds[0].Hi.Int64())
}

// State is what everybody has of one plan's messages, once they are verified.
type State struct {
	Work     *Work
	Vectors  map[Sided][]mhe.Ciphertext // chunk by chunk
	Blobs    [][]byte                   // products
	Products []mhe.Ciphertext
	Kept     []mhe.Indicator // of a screening
	Before   *State          // of an answer, its screening's
}

// chunks are the ciphertexts that a product multiplies.
func (s *State) chunks(p circuits.Params, index int) []mhe.Ciphertext {
	product := s.Work.Products[index]
	return mhe.Part(p, s.Vectors[product.Of], product.Part)
}

// pin is the screening's product by whose persons an answer's goes.
func (s *State) pin(p circuits.Params, index int) mhe.Pin {
	at := s.Work.Products[index].Pin
	return mhe.Pin{Vector: s.Before.chunks(p, at), Product: s.Before.Products[at]}
}

// Draft makes a product by the multiplying department's entries, and of a screening's what is kept of it.
func (s *State) Draft(p circuits.Params, b circuits.Binding, pk mhe.PublicKey, index int, own []int64) (*mhe.Draft, error) {
	product, vector := s.Work.Products[index], s.chunks(p, index)
	if product.Pin < 0 {
		draft, kept, err := mhe.DraftProduct(p, b, pk, vector, own)
		s.Kept = append(s.Kept, kept)
		return draft, err
	}
	pin, kept := s.pin(p, index), s.Before.Kept[product.Pin]
	if product.Weighted {
		return mhe.DraftWeightedProduct(p, b, pk, vector, own, product.Lo, pin, kept)
	}
	return mhe.DraftPinnedProduct(p, b, pk, vector, pin, kept)
}

// Verify checks a product.
func (s *State) Verify(p circuits.Params, vk *circuits.VerifyingKeys, b circuits.Binding, pk mhe.PublicKey, index int) (mhe.Ciphertext, error) {
	product, vector, blob := s.Work.Products[index], s.chunks(p, index), s.Blobs[index]
	switch {
	case product.Pin < 0:
		return mhe.VerifyProduct(vk, b, pk, vector, nil, blob)
	case product.Weighted:
		return mhe.VerifyWeightedProduct(vk, b, pk, vector, product.Lo, s.pin(p, index), blob)
	}
	pin := s.pin(p, index)
	return mhe.VerifyProduct(vk, b, pk, vector, &pin, blob)
}

// Slots are the released numbers: sums of products.
func (s *State) Slots(p circuits.Params) ([]mhe.Slot, error) {
	var sums []mhe.Ciphertext
	for _, t := range s.Work.Targets {
		var products []mhe.Ciphertext
		for _, at := range t.Products {
			products = append(products, s.Products[at])
		}
		sum, err := mhe.CombineProducts(p, products, t.Factors)
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	if len(sums) == 0 || len(sums) > p.Limbs() {
		return nil, fmt.Errorf("%d numbers are released; one release has up to %d", len(sums), p.Limbs())
	}
	return mhe.Targets(p, sums), nil
}

// Cells are the plan's, from the numbers that were opened.
func (s *State) Cells(numbers []int64) ([]*big.Int, error) {
	opened := make([]*big.Int, s.Work.Plan.CellCount()/len(s.Work.Plan.Moments)*len(s.Work.Linked.Targets))
	for i := range opened {
		opened[i] = new(big.Int)
	}
	for k, n := range numbers {
		opened[s.Work.Targets[k].Number].SetInt64(n)
	}
	return s.Work.Linked.Cells(s.Work.Plan, opened)
}
