package protocols

import (
	"errors"
	"fmt"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// Recheck verifies again what a ledger's parties verified: every proof of an epoch or a query
// whose blob is still there (README section 6.6). It is for who has the ledger and some blobs,
// and takes nobody's word. Pure.
type Recheck struct {
	Verifying *circuits.VerifyingKeys
	// Blobs gives the bytes with this digest, or nil: they are not there. It is called by
	// several goroutines.
	Blobs func(engine.Digest) []byte
}

// Rechecked is what Recheck found of one epoch or query.
type Rechecked struct {
	Verified  []engine.Digest // blobs whose proofs verify
	Missing   []engine.Digest // blobs that are not there
	Unchecked []engine.Digest // that are, but what they are checked against is not
	// False are blobs that all had to verify before the ledger went on, and that do not: who
	// attested them lied, or this program's rules are others. Fault.Evidence is the blob.
	False []*Fault
	// Refuted are blobs that do not verify and that the ledger did not go on with.
	Refuted []*Fault
}

func (r *Rechecked) fail(f *Fault, accepted bool) {
	if accepted {
		r.False = append(r.False, f)
	} else {
		r.Refuted = append(r.Refuted, f)
	}
}

// Epoch verifies all key shares that its members committed to. The Epoch is nil unless all of
// them are there and verify. Cost: one proof a member.
func (c *Recheck) Epoch(s *State, e *EpochState) (*Epoch, Rechecked) {
	var out Rechecked
	p := c.Verifying.Params()
	crs := epochCRS(p, s.ID(), e)
	shares, whole := recheckAll(c, &out, column(e.Commits), e.Phase == EpochFormed, func(member, _ int, blob []byte) (circuits.Poly, *Fault) {
		return checkKeyShare(c.Verifying, crs, s.ID(), e, member, blob)
	})
	if !whole {
		return nil, out
	}
	flat := make([]circuits.Poly, len(shares))
	for i, row := range shares {
		flat[i] = row[0]
	}
	epoch, err := newEpoch(p, s.ID(), e, flat)
	if err != nil {
		return nil, out
	}
	return epoch, out
}

// Query verifies the analyst's key, all contributions and all decryption shares that were
// committed to, and of a query that is done whether the analyst's word names the certificate
// that its records and blobs make. epoch is what Epoch gave; with nil, contributions and shares
// are left unchecked. The query is kept by s. Cost: one proof a blob.
func (c *Recheck) Query(s *State, epoch *Epoch, q *QueryState) Rechecked {
	var out Rechecked
	analyst := Member{Name: q.Author.String(), Key: q.Author}
	d, err := newDossier(c.Verifying, s.ID(), q, nil)
	var denied *Denied
	if errors.As(err, &denied) && q.Reached == PhaseAdmitting { // which is no deviation: not all admitted it
		return out
	}
	if err != nil {
		out.fail(&Fault{Department: analyst.Name, Key: q.Author, Kind: FaultGarbage, Detail: err.Error()}, q.Reached > PhaseAdmitting)
		return out
	}
	whole := c.recipient(s, q, &out, d)
	if d.epoch = epoch; epoch == nil {
		c.leave(&out, q.Contributed)
		c.leave(&out, q.Multiplied)
		c.leaveShares(&out, q)
		return out
	}
	all := c.made(&out, d, q)
	if !whole || !all || q.Ask.Screening {
		c.leaveShares(&out, q)
		return out
	}
	if _, all = recheckAll(c, &out, q.Shared, q.Phase == PhaseDone, d.checkShare); all && q.Phase == PhaseDone {
		if err := c.certificate(s, q); err != nil {
			out.fail(&Fault{Department: analyst.Name, Key: q.Author, Kind: FaultWrongDigest, Detail: err.Error(),
				Evidence: q.Certificate}, false)
		}
	}
	return out
}

// made verifies a query's contributions and products, and of the screening that such a question rests on, and sums them; true if all are there, and
// verify.
func (c *Recheck) made(out *Rechecked, d *dossier, q *QueryState) bool {
	if before := d.before; before != nil {
		before.epoch = d.epoch
		if !c.made(&Rechecked{}, before, before.query) { // it is rechecked by itself
			c.leave(out, q.Contributed)
			c.leave(out, q.Multiplied)
			return false
		}
	}
	if d.joint == nil {
		contributions, all := recheckOf(c, out, q.Contributed, q.encrypts, q.Reached > PhaseAttesting, d.checkContribution)
		if all {
			d.seal(contributions)
		}
		return all
	}
	if _, all := recheckOf(c, out, q.Contributed, q.encrypts, q.Reached > PhaseAttesting, d.summed); !all {
		c.leave(out, q.Multiplied)
		return false
	}
	products, all := recheckOf(c, out, q.Multiplied, q.multiplies, q.Reached > PhaseAttesting, d.checkProduct)
	return all && d.sealProducts(products) == nil
}

// recipient verifies the key to which a query is re-encrypted: its analyst's, or the one that a screening's recipient gave.
func (c *Recheck) recipient(s *State, q *QueryState, out *Rechecked, d *dossier) (whole bool) {
	owner, digest, accepted := Member{Name: q.Author.String(), Key: q.Author}, q.Ask.AnalystKey, q.Reached > PhaseAdmitting
	check := func(blob []byte) (mhe.PublicKey, error) {
		return checkAnalystKey(c.Verifying, s.ID(), q.Author, &q.Ask, blob)
	}
	if q.Ask.Screening {
		owner, digest, accepted = q.Epoch.Members[q.Epoch.member(q.recipient())], q.GateKey, q.Reached > PhaseAttesting
		check = func(blob []byte) (mhe.PublicKey, error) { return checkGateKey(c.Verifying, s.ID(), q, blob) }
	}
	keys, whole := recheckAll(c, out, [][]engine.Digest{{digest}}, accepted, func(_, _ int, blob []byte) (mhe.PublicKey, *Fault) {
		key, err := check(blob)
		if err != nil {
			return key, blobFault(owner, FaultBadProof, blob, err)
		}
		return key, nil
	})
	if whole {
		d.analyst = keys[0][0]
	}
	return whole
}

// leaveShares notes shares that cannot be checked. Those of a screening are shown to its contributors alone.
func (c *Recheck) leaveShares(out *Rechecked, q *QueryState) {
	if !q.Ask.Screening {
		c.leave(out, q.Shared)
	}
}

// certificate compares the analyst's word with the certificate that follows from the ledger.
func (c *Recheck) certificate(s *State, q *QueryState) error {
	n, ok := s.Network()
	if !ok {
		return errors.New("a department has not joined")
	}
	rows := func(digests [][]engine.Digest) [][][]byte {
		out := make([][][]byte, len(digests))
		for i, row := range digests {
			for _, d := range row {
				out[i] = append(out[i], c.Blobs(d))
			}
		}
		return out
	}
	cert := &Certificate{Version: Version, Network: *n, Records: s.recordsOf(q), AnalystKey: c.Blobs(q.Ask.AnalystKey),
		Shares: rows(q.Shared)}
	if q.Ask.Linked == nil {
		cert.Contributions = rows(q.Contributed)
	}
	for _, d := range q.Epoch.Commits {
		cert.KeyShares = append(cert.KeyShares, c.Blobs(d))
	}
	if got := cert.Digest(); got != q.Certificate {
		return fmt.Errorf("the analyst's word names certificate %s, the ledger's records and blobs make %s", q.Certificate, got)
	}
	return nil
}

// leave notes blobs that cannot be checked.
func (c *Recheck) leave(out *Rechecked, digests [][]engine.Digest) {
	for _, row := range digests {
		for _, d := range row {
			if c.Blobs(d) == nil {
				out.Missing = append(out.Missing, d)
			} else {
				out.Unchecked = append(out.Unchecked, d)
			}
		}
	}
}

// recheckOf is recheckAll of those owners of whom blobs are wanted.
func recheckOf[T any](c *Recheck, out *Rechecked, digests [][]engine.Digest, of []bool, accepted bool, check func(owner, index int, blob []byte) (T, *Fault)) (values [][]T, whole bool) {
	var at []int
	var rows [][]engine.Digest
	for i, is := range of {
		if is {
			at, rows = append(at, i), append(rows, digests[i])
		}
	}
	some, whole := recheckAll(c, out, rows, accepted, func(owner, index int, blob []byte) (T, *Fault) { return check(at[owner], index, blob) })
	values = make([][]T, len(digests))
	for k, i := range at {
		values[i] = some[k]
	}
	return values, whole
}

// recheckAll checks the blobs of all owners on all processors; a zero digest, or no digests, are
// of an owner that has not committed. whole: every owner's are there, and verify.
func recheckAll[T any](c *Recheck, out *Rechecked, digests [][]engine.Digest, accepted bool, check func(owner, index int, blob []byte) (T, *Fault)) (values [][]T, whole bool) {
	values, whole = make([][]T, len(digests)), true
	type result struct {
		digest engine.Digest
		there  bool
		fault  *Fault
	}
	var results []*result
	var jobs []func() error
	for i, row := range digests {
		values[i] = make([]T, len(row))
		whole = whole && len(row) > 0
		for j, d := range row {
			if d == (engine.Digest{}) {
				whole = false
				continue
			}
			r := &result{digest: d}
			results = append(results, r)
			jobs = append(jobs, func() error {
				if blob := c.Blobs(d); blob != nil {
					r.there = true
					values[i][j], r.fault = check(i, j, blob)
				}
				return nil
			})
		}
	}
	_ = parallel(jobs) // they return none
	for _, r := range results {
		switch {
		case !r.there:
			out.Missing = append(out.Missing, r.digest)
		case r.fault != nil:
			out.fail(r.fault, accepted)
		default:
			out.Verified = append(out.Verified, r.digest)
			continue
		}
		whole = false
	}
	return values, whole
}
