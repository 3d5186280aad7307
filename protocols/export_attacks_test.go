package protocols

import (
	"crypto/ed25519"
	"encoding/binary"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// AnalystKey makes the analyst's key of a question, which names it from then on.
func AnalystKey(keys *circuits.Keys, network engine.Digest, key ed25519.PrivateKey, a *Ask) ([]byte, error) {
	author := KeyOf(key)
	_, blob, err := mhe.NewKeyShare(keys, analystBinding(network, author, a), analystCRS(keys.Params(), network, author, a))
	a.AnalystKey = BlobDigest(blob)
	return blob, err
}

// Contribution is one that a contributor of a certificate's query could make, of the least figures that its
// bounds allow, with its proofs.
func Contribution(c *Certificate, keys *circuits.Keys, contributor int) (blobs [][]byte, err error) {
	p, vk := keys.Params(), keys.Verifying()
	st, q, err := replay(c, p)
	if err != nil {
		return nil, err
	}
	d, err := newDossier(vk, st.ID(), q, nil)
	if err != nil {
		return nil, err
	}
	var shares []circuits.Poly
	for i, blob := range c.KeyShares {
		share, f := checkKeyShare(vk, epochCRS(p, st.ID(), q.Epoch), st.ID(), q.Epoch, i, blob)
		if f != nil {
			return nil, f
		}
		shares = append(shares, share)
	}
	if d.epoch, err = newEpoch(p, st.ID(), q.Epoch, shares); err != nil {
		return nil, err
	}
	for index := range d.ciphertexts() {
		lo, hi := d.lo[contributor][index], d.hi[contributor][index]
		draft, err := mhe.DraftContribution(p, d.contributionBinding(contributor, index), d.epoch.Key, lo, lo, hi)
		if err != nil {
			return nil, err
		}
		blob, err := draft.Prove(keys)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, blob)
	}
	return blobs, nil
}

// Recipient is the name of whom the screening that is to be asked for gives its counts' key to make; empty of a question.
func (m *Analyst) Recipient() string {
	if !m.ask.Screening {
		return ""
	}
	return RecipientOf(QueryID(m.network, m.self, &m.ask), m.ask.Departments)
}

// RecipientOf is the recipient of a screening of this id.
func RecipientOf(id engine.Digest, departments []string) string {
	return departments[binary.BigEndian.Uint64(id[:8])%uint64(len(departments))]
}

// RecordsOf are the records that a query's certificate holds.
func (s *State) RecordsOf(q *QueryState) []Record { return s.recordsOf(q) }

// Tidied is a certificate without the records that its query could do without, if the referee takes the
// rest; else the certificate as it is.
func Tidied(c *Certificate, p circuits.Params) *Certificate {
	s := NewState(&c.Network, SizesOf(p))
	for i := range c.Records {
		if s.leap(&c.Records[i]) != nil {
			return c
		}
	}
	if len(s.open) != 1 {
		return c
	}
	out := *c
	out.Records = s.recordsOf(s.queries[s.open[0]])
	return &out
}
