package main

import (
	"fmt"

	"parley/circuits"
	"parley/protocols/mhe"
)

// row is one line of the report: a step at a parameter set with a number of departments.
type row struct {
	Step        string `json:"step"`
	Parameters  string `json:"parameters"`
	Departments int    `json:"departments"`
	// Each is one department's work, the median over the departments; All is everybody's.
	Each cost `json:"each"`
	All  cost `json:"all"`
	// Baseline is Lattigo's own multiparty protocol without proofs, one department's work.
	Baseline    *cost `json:"baseline,omitempty"`
	Constraints int   `json:"constraints,omitempty"`
	// Bytes is what one department sends of its own making, to one receiver.
	Bytes         int `json:"bytes,omitempty"`
	BaselineBytes int `json:"baselineBytes,omitempty"`
}

// network is one committee's run through a query of one full ciphertext.
type network struct {
	keys *circuits.Keys
	p    circuits.Params
	n    int
	rows []row

	crs      circuits.Poly
	secrets  []mhe.SecretKey
	owns     []mhe.PublicKey
	key      mhe.PublicKey
	analyst  mhe.PublicKey
	opener   mhe.SecretKey
	lo, hi   []int64
	limbs    [][]int64
	blobs    [][]byte
	sum      mhe.Ciphertext
	shares   []mhe.Share
	baseline *baseline
}

// runSteps measures every step of the multiparty protocol for n departments, each beside the
// same step of Lattigo's, and checks that both decrypt to the same, right sums.
func runSteps(keys *circuits.Keys, n int) ([]row, error) {
	b, err := newBaseline(keys.Params(), n)
	if err != nil {
		return nil, err
	}
	w := &network{keys: keys, p: keys.Params(), n: n, baseline: b}
	for _, step := range []func() error{
		w.formEpoch, w.analystKey, w.contribute, w.verifyContributions, w.decryptionShares, w.verifyShares, w.decrypt,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("%s, %d departments: %w", w.p.Name(), n, err)
		}
	}
	return w.rows, nil
}

func binding(department int) circuits.Binding {
	return circuits.Binding{Network: [32]byte{1}, Epoch: [32]byte{2}, Query: [32]byte{3}, Department: [32]byte{byte(department), 1}}
}

// each measures a step of every department, ours and then Lattigo's, in turn.
func (w *network) each(r row, ours, lattigo func(i int) error) error {
	var mine, theirs []cost
	for i := range w.n {
		c, err := measure(func() error { return ours(i) })
		if err != nil {
			return err
		}
		mine = append(mine, c)
		r.All.CPU += c.CPU
		r.All.Wall += c.Wall
		if lattigo == nil {
			continue
		}
		if c, err = measure(func() error { return lattigo(i) }); err != nil {
			return err
		}
		theirs = append(theirs, c)
	}
	r.Each = median(mine)
	if theirs != nil {
		m := median(theirs)
		r.Baseline = &m
	}
	w.add(r)
	return nil
}

func (w *network) add(r row) {
	r.Parameters, r.Departments = w.p.Name(), w.n
	w.rows = append(w.rows, r)
}

func (w *network) formEpoch() error {
	w.crs = w.p.CRS([]byte("bench"))
	blobs := make([][]byte, w.n)
	err := w.each(row{Step: "key share, proof", Constraints: w.keys.Constraints(circuits.StatementKeyShare),
		Bytes: mhe.KeyShareSize(w.p), BaselineBytes: w.p.PolySize()},
		func(i int) (err error) {
			var sk mhe.SecretKey
			sk, blobs[i], err = mhe.NewKeyShare(w.keys, binding(i), w.crs)
			w.secrets = append(w.secrets, sk)
			return err
		}, w.baseline.keyShare)
	if err != nil {
		return err
	}
	shares := make([]circuits.Poly, w.n)
	err = w.each(row{Step: "verify all key shares"}, func(int) error {
		for j, blob := range blobs {
			var err error
			if shares[j], err = mhe.VerifyKeyShare(w.keys.Verifying(), binding(j), w.crs, blob); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	for _, share := range shares {
		w.owns = append(w.owns, mhe.PublicKey{A: w.crs, P: share})
	}
	w.key, err = mhe.CombineKeyShares(w.p, w.crs, shares)
	return err
}

func (w *network) analystKey() error {
	crs := w.p.CRS([]byte("analyst"))
	c, err := measure(func() error {
		sk, blob, err := mhe.NewKeyShare(w.keys, binding(255), crs)
		if err != nil {
			return err
		}
		share, err := mhe.VerifyKeyShare(w.keys.Verifying(), binding(255), crs, blob)
		w.opener, w.analyst = sk, mhe.PublicKey{A: crs, P: share}
		return err
	})
	w.add(row{Step: "analyst's key, proof", Each: c, All: c, Constraints: w.keys.Constraints(circuits.StatementKeyShare),
		Bytes: mhe.KeyShareSize(w.p)})
	return err
}

func (w *network) contribute() error {
	w.lo, w.hi = make([]int64, w.p.Limbs()), make([]int64, w.p.Limbs())
	for j := range w.hi {
		w.hi[j] = 1<<w.p.LimbBits() - 1
	}
	w.limbs, w.blobs = make([][]int64, w.n), make([][]byte, w.n)
	for i := range w.limbs {
		w.limbs[i] = make([]int64, w.p.Limbs())
		for j := range w.limbs[i] {
			w.limbs[i][j] = int64(uint64(i+1)*0x9e3779b97f4a7c15*uint64(j+1)>>20) & w.hi[j]
		}
	}
	return w.each(row{Step: "contribution: encryption, proof", Constraints: w.keys.Constraints(circuits.StatementContribution),
		Bytes: mhe.ContributionSize(w.p), BaselineBytes: 2 * w.p.PolySize()},
		func(i int) (err error) {
			w.blobs[i], err = mhe.NewContribution(w.keys, binding(i), w.key, w.limbs[i], w.lo, w.hi)
			return err
		}, func(i int) error { return w.baseline.contribute(i, w.limbs[i]) })
}

func (w *network) verifyContributions() error {
	cts := make([]mhe.Ciphertext, w.n)
	err := w.each(row{Step: "verify all contributions, sum"}, func(int) error {
		for j, blob := range w.blobs {
			var err error
			if cts[j], err = mhe.VerifyContribution(w.keys.Verifying(), binding(j), w.key, w.lo, w.hi, blob); err != nil {
				return err
			}
		}
		w.sum = mhe.CombineContributions(w.p, cts)
		return nil
	}, func(int) error { return w.baseline.add() })
	return err
}

func (w *network) decryptionShares() error {
	return w.each(row{Step: "re-encryption share, proof", Constraints: w.keys.Constraints(circuits.StatementDecryptionShare),
		Bytes: mhe.DecryptionShareSize(w.p), BaselineBytes: 2 * w.p.PolySize()},
		func(i int) (err error) {
			w.blobs[i], err = mhe.NewDecryptionShare(w.keys, binding(i), w.secrets[i], w.owns[i], w.sum, w.analyst)
			return err
		}, w.baseline.share)
}

func (w *network) verifyShares() error {
	w.shares = make([]mhe.Share, w.n)
	c, err := measure(func() error {
		for i, blob := range w.blobs {
			var err error
			w.shares[i], err = mhe.VerifyDecryptionShare(w.keys.Verifying(), binding(i), w.owns[i], w.sum, w.analyst, blob)
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.add(row{Step: "analyst verifies all shares", Each: c, All: c})
	return err
}

func (w *network) decrypt() error {
	var got []int64
	c, err := measure(func() (err error) {
		got, err = mhe.Decrypt(w.p, w.opener, w.sum, w.shares)
		return err
	})
	if err != nil {
		return err
	}
	b, err := measure(w.baseline.decrypt)
	if err != nil {
		return err
	}
	for j := range got {
		var want int64
		for i := range w.limbs {
			want += w.limbs[i][j]
		}
		if got[j] != want || w.baseline.sums[j] != want {
			return fmt.Errorf("limb %d: %d, Lattigo %d, want %d", j, got[j], w.baseline.sums[j], want)
		}
	}
	w.add(row{Step: "analyst decrypts", Each: c, All: c, Baseline: &b})
	return nil
}
