package protocols

import (
	"fmt"
	"slices"

	"parley/protocols/mhe"
)

// OfPersons is what the machine asks its shell for: of the side of which vectors are sent, or of the other one.
func (q *Query) OfPersons(encrypted bool) *Persons {
	side := q.dossier.joint.encrypted
	if !encrypted {
		side = 1 - side
	}
	asked, waiting := q.joins.asked, q.ready.Persons
	q.joins.asked, q.ready.Persons = [2]bool{}, nil
	q.askFor(side)
	out := q.ready.Persons[0]
	q.joins.asked, q.ready.Persons = asked, waiting
	return out
}

// ForgedVector is the first ciphertext of the department's first vector, proven as one of something else.
func (q *Query) ForgedVector(of string, entries []int64) ([]byte, error) {
	d, own := q.dossier, q.state().contributor(q.self)
	b, v, err := d.vectorBinding(own, 0)
	if err != nil {
		return nil, err
	}
	entries = slices.Clone(entries)
	j, ask, plan, join := *d.joint, *d.joint.ask, *d.joint.plan, *d.joint.plan.Join
	j.ask, j.plan, plan.Join = &ask, &plan, &join
	epoch := b.Epoch
	switch of {
	case "another spine":
		ask.Spine[0] ^= 1
	case "another epoch":
		epoch[0] ^= 1
		b.Epoch = epoch
	case "another registration":
		join.Catalogue = slices.Clone(join.Catalogue)
		for i := range join.Catalogue {
			join.Catalogue[i].Version++
		}
	case "wider bounds":
		v.Hi++
		entries[0] = v.Hi
	case "more positions":
		v.Positions++
		entries = append(entries, v.Hi)
	default:
		return nil, fmt.Errorf("no vector of %s", of)
	}
	j.name(epoch, q.state().Contributors)
	b.Query = j.names[own][0]
	chunk := 0
	if of == "more positions" { // the last one is where it shows
		chunk = d.joint.chunks - 1
		b.Index = uint32(chunk)
	}
	draft, err := mhe.DraftVector(q.params, b, q.epoch.Key, v, entries, chunk)
	if err != nil {
		return nil, err
	}
	return draft.Prove(q.keys)
}

// ForgedProduct is the department's first product of an answer, proven in its place as one of something else.
func (q *Query) ForgedProduct(of string, entries []int64) ([]byte, error) {
	d, own := q.dossier, q.state().contributor(q.self)
	binding, vector, product := d.productBinding(own, 0), d.chunksOf(0), d.joint.products[0]
	at := product.pin
	switch of {
	case "another vector":
		vector = d.vectors[(product.of+1)%len(d.vectors)]
	case "other persons":
		at = (at + 1) % len(d.before.joint.products)
	case "a wider range":
		product.lo--
	default:
		return nil, fmt.Errorf("no product of %s", of)
	}
	pin := mhe.Pin{Vector: d.before.chunksOf(at), Product: d.before.products[own][at]}
	kept, err := mhe.ParseIndicator(q.params, q.joins.before[at])
	if err != nil {
		return nil, err
	}
	draft, err := mhe.DraftWeightedProduct(q.params, binding, q.epoch.Key, vector, ownPart(entries, 0, q.params.ProductChunks()*q.params.Limbs()), product.lo, pin, kept)
	if err != nil {
		return nil, err
	}
	return draft.Prove(q.keys)
}

// ForgedRelease is the department's share of an answer, proven in its place of other numbers than the plan's.
func (q *Query) ForgedRelease(of string) ([]byte, error) {
	d, own := q.dossier, q.epoch.own
	slots := slices.Clone(d.slots)
	switch of {
	case "numbers in each other's place":
		slots[0], slots[1] = slots[1], slots[0]
	case "another coefficient":
		slots[0].Coefficient--
	case "one product alone":
		at := slices.Index(d.query.multiplies, true)
		slots[0].Ciphertext = d.products[at][d.joint.targets[0].products[0]]
	default:
		return nil, fmt.Errorf("no release of %s", of)
	}
	return mhe.NewRelease(q.keys, d.releaseBinding(own, 0), q.epoch.secret, d.keyShareOf(own), slots, d.analyst)
}
