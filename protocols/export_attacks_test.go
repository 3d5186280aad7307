package protocols

import (
	"crypto/ed25519"

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
