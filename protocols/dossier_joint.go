package protocols

import (
	"errors"
	"math/big"
	"slices"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// joins fills a dossier of a question that joins tables by persons: what is done of its plan, which has to be what the question
// says, and of an answer the dossier of the screening that it rests on.
func (d *dossier) joins(base *engine.Plan) (err error) {
	q, p := d.query, d.params()
	var before *joint
	if !q.Ask.Screening {
		if q.screen == nil {
			return errors.New("an answer that joins tables by persons rests on a screening")
		}
		if d.before, err = newDossier(d.vk, d.network, q.screen, base); err != nil {
			return err
		}
		before = d.before.joint
	}
	if d.joint, err = newJoint(p, d.plan, q.Ask.Linked, len(q.Epoch.Members), before); err != nil {
		return err
	}
	d.joint.name(q.Ask.Epoch, q.Contributors)
	return d.joint.claims(p, &q.Ask)
}

// vectorOf is which vector a contributor's ciphertext is of, and which chunk of it.
func (d *dossier) vectorOf(index int) (of sided, chunk int) {
	return d.joint.vectors[index/d.joint.chunks], index % d.joint.chunks
}

// vectorBinding ties a chunk of a vector to the vector, and not to the query: it serves others of the epoch as well.
func (d *dossier) vectorBinding(contributor, index int) (circuits.Binding, mhe.Vector, error) {
	of, chunk := d.vectorOf(index)
	m := d.query.Contributors[contributor]
	v, err := d.joint.bounds(d.joint.encrypted, of, slices.Index(d.joint.linked.Sides[d.joint.encrypted].Departments, m.Name))
	return circuits.Binding{Network: d.network, Epoch: d.query.Ask.Epoch, Query: d.joint.names[contributor][index/d.joint.chunks], Index: uint32(chunk), Department: m.Key}, v, err
}

// productBinding also holds the digests of the chunks that are multiplied, of each those of all departments.
func (d *dossier) productBinding(contributor, index int) circuits.Binding {
	q := d.query
	b := circuits.Binding{Network: d.network, Epoch: q.Ask.Epoch, Query: q.ID, Index: uint32(index), Department: q.Contributors[contributor].Key}
	product, j := d.joint.products[index], d.joint
	for chunk := product.part * d.params().ProductChunks(); chunk < min((product.part+1)*d.params().ProductChunks(), j.chunks); chunk++ {
		for i, is := range q.encrypts {
			if is {
				b.Contributions = append(b.Contributions, q.Contributed[i][product.of*j.chunks+chunk])
			}
		}
	}
	return b
}

// releaseBinding holds the digests of all products of the numbers that a share releases.
func (d *dossier) releaseBinding(member, index int) circuits.Binding {
	q := d.query
	b := circuits.Binding{Network: d.network, Epoch: q.Ask.Epoch, Query: q.ID, Index: uint32(index), Department: d.epoch.Members[member].Key}
	from, to := d.released(index)
	for _, t := range d.joint.targets[from:to] {
		for i, is := range q.multiplies {
			for _, product := range t.products {
				if is {
					b.Contributions = append(b.Contributions, q.Multiplied[i][product])
				}
			}
		}
	}
	return b
}

// released are the numbers of a share.
func (d *dossier) released(index int) (from, to int) {
	slots := SizesOf(d.params()).Slots
	return index * slots, min((index+1)*slots, len(d.joint.targets))
}

func (d *dossier) checkVector(contributor, index int, blob []byte) (mhe.Ciphertext, *Fault) {
	b, v, err := d.vectorBinding(contributor, index)
	var ct mhe.Ciphertext
	if err == nil {
		_, chunk := d.vectorOf(index)
		ct, err = mhe.VerifyVector(d.vk.Remembering(d.epoch.verified), b, d.epoch.Key, v, chunk, blob)
	}
	if err != nil {
		return mhe.Ciphertext{}, blobFault(d.query.Contributors[contributor], FaultBadProof, blob, err)
	}
	return ct, nil
}

// summed is checkContribution of a vector, of which only the sum is kept.
func (d *dossier) summed(contributor, index int, blob []byte) (struct{}, *Fault) {
	ct, fault := d.checkVector(contributor, index, blob)
	if fault == nil {
		d.keepVector(contributor, index, ct)
	}
	return struct{}{}, fault
}

// checkProduct verifies a product over the vectors that its owner has verified and summed (keepVector), and of an answer against the
// screening's products.
func (d *dossier) checkProduct(contributor, index int, blob []byte) (mhe.Ciphertext, *Fault) {
	product := d.joint.products[index]
	var ct mhe.Ciphertext
	var err error
	b, vector := d.productBinding(contributor, index), d.chunksOf(index)
	switch {
	case product.pin < 0:
		ct, err = mhe.VerifyProduct(d.vk, b, d.epoch.Key, vector, nil, blob)
	case product.weighted:
		ct, err = mhe.VerifyWeightedProduct(d.vk, b, d.epoch.Key, vector, product.lo, d.pin(contributor, index), blob)
	default:
		pin := d.pin(contributor, index)
		ct, err = mhe.VerifyProduct(d.vk, b, d.epoch.Key, vector, &pin, blob)
	}
	if err != nil {
		return mhe.Ciphertext{}, blobFault(d.query.Contributors[contributor], FaultBadProof, blob, err)
	}
	return ct, nil
}

// chunksOf are the ciphertexts that a product multiplies: sums over the departments that sent them.
func (d *dossier) chunksOf(index int) []mhe.Ciphertext {
	product := d.joint.products[index]
	return mhe.Part(d.params(), d.vectors[product.of], product.part)
}

// pin is the screening's product by whose persons an answer's goes.
func (d *dossier) pin(contributor, index int) mhe.Pin {
	at := d.joint.products[index].pin
	return mhe.Pin{Vector: d.before.chunksOf(at), Product: d.before.products[contributor][at]}
}

// keepVector adds a verified ciphertext of a vector to the sum of all departments that send it. It is not kept by itself: a million positions
// take 100 MB of each.
func (d *dossier) keepVector(_, index int, ct mhe.Ciphertext) {
	d.summing.Lock()
	defer d.summing.Unlock()
	if d.vectors == nil {
		for range d.joint.vectors {
			d.vectors = append(d.vectors, make([]mhe.Ciphertext, d.joint.chunks))
		}
	}
	sum := &d.vectors[index/d.joint.chunks][index%d.joint.chunks]
	if sum.C0.Coeffs != nil {
		ct = mhe.CombineContributions(d.params(), []mhe.Ciphertext{*sum, ct})
	}
	*sum = ct
}

// sealProducts sums the verified products of all departments to the numbers that are released.
func (d *dossier) sealProducts(verified [][]mhe.Ciphertext) error {
	d.products = verified
	var sums []mhe.Ciphertext
	for _, t := range d.joint.targets {
		var products []mhe.Ciphertext
		var factors []int64
		for i, is := range d.query.multiplies {
			for k, product := range t.products {
				if is {
					products, factors = append(products, verified[i][product]), append(factors, t.factors[k])
				}
			}
		}
		sum, err := mhe.CombineProducts(d.params(), products, factors)
		if err != nil {
			return err
		}
		sums = append(sums, sum)
	}
	d.slots = mhe.Targets(d.params(), sums)
	return nil
}

func (d *dossier) checkRelease(member, index int, blob []byte) (mhe.Share, *Fault) {
	from, to := d.released(index)
	release, err := mhe.VerifyRelease(d.vk, d.releaseBinding(member, index), d.keyShareOf(member), d.slots[from:to], d.analyst, blob)
	if err != nil {
		return mhe.Share{}, blobFault(d.epoch.Members[member], FaultWrongShare, blob, err)
	}
	return mhe.Share(release), nil
}

// releasedCells decrypts the released numbers, and has the others be 0.
func (d *dossier) releasedCells(secret mhe.SecretKey, shares [][]mhe.Share) ([]*big.Int, error) {
	p := d.params()
	opened := make([]*big.Int, d.plan.CellCount()/len(d.plan.Moments)*len(d.joint.linked.Targets))
	for i := range opened {
		opened[i] = new(big.Int)
	}
	for index := range d.ciphertexts() {
		var parts []mhe.Release
		for _, s := range shares {
			parts = append(parts, mhe.Release(s[index]))
		}
		from, to := d.released(index)
		numbers, err := mhe.DecryptRelease(p, secret, d.slots[from:to], parts, d.joint.fit.Noise)
		if err != nil {
			return nil, err
		}
		for k, n := range numbers {
			opened[d.joint.targets[from+k].number].SetInt64(n)
		}
	}
	return d.joint.linked.Cells(d.plan, opened)
}
