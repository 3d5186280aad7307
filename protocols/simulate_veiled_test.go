package protocols_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe"
)

// veiledRules withhold ages of fewer than three rows, and put noise on what contributors see of them.
var veiledRules = engine.Disclosure{Count: 3, ZeroIsSmall: true, Perturbed: 5, Veiled: true}

// seen is what a contributor reads of a screening that has ended: its cells, opened with the secret that the recipient gave.
func (w *world) seen(by string, q *protocols.QueryState) []*big.Int {
	w.t.Helper()
	reader, p := w.party(by), w.params
	plan, err := q.Plan(protocols.Packing(p))
	if err != nil || !q.Ask.Screening {
		w.t.Fatalf("no screening: %v", err)
	}
	held := func(digest engine.Digest) []byte { // as it was given, or from the own journal
		for _, r := range reader.journal {
			for _, blob := range append(slices.Clip(r.Blobs), r.Secret) {
				if protocols.BlobDigest(blob) == digest {
					return blob
				}
			}
		}
		return reader.store[digest]
	}
	secret, err := mhe.ParseSecretKey(p, held(q.Opening))
	if err != nil {
		w.t.Fatal(err)
	}
	decode := func(blob []byte, first int, of func([]byte) (circuits.Poly, error)) (a, b circuits.Poly) {
		if len(blob) < first {
			w.t.Fatalf("%s does not have what it opened", by)
		}
		if a, err = of(blob[:first]); err == nil {
			b, err = p.DecodePoly(blob[first:][:p.PolySize()])
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return a, b
	}
	var limbs [][]int64
	for index := range plan.Ciphertexts() {
		var all []mhe.Ciphertext
		for i := range q.Contributors {
			var ct mhe.Ciphertext
			ct.C0, ct.C1 = decode(held(q.Contributed[i][index]), p.LimbsSize(), p.DecodeLimbs)
			all = append(all, ct)
		}
		var shares []mhe.Share
		for i := range q.Epoch.Members {
			var s mhe.Share
			s.H0, s.H1 = decode(held(q.Shared[i][index]), p.WordsSize(), p.DecodeWords)
			shares = append(shares, s)
		}
		sums, err := mhe.Decrypt(p, secret, mhe.CombineContributions(p, all), shares)
		if err != nil {
			w.t.Fatal(err)
		}
		limbs = append(limbs, sums)
	}
	cells, err := plan.Cells(limbs)
	if err != nil {
		w.t.Fatal(err)
	}
	return cells
}

// screening is the query of the last screening that has ended.
func (w *world) screening() *protocols.QueryState {
	ended := slices.Clone(w.ledger.state.Ended())
	slices.Reverse(ended)
	for _, id := range ended {
		if q := w.ledger.state.Query(id); q.Ask.Screening {
			return q
		}
	}
	w.t.Fatal("no screening has ended")
	return nil
}

// figures are what departments say in a screening, summed; and without their noise.
func (w *world) figures(q *protocols.QueryState) (noisy, exact []*big.Int) {
	w.t.Helper()
	plan, err := q.Plan(protocols.Packing(w.params))
	if err != nil {
		w.t.Fatal(err)
	}
	var all, plain [][]*big.Int
	for _, p := range w.departments() {
		cells := perturbed(w.t, plan, p.name, p.rows)
		none, err := plan.AddNoise(slices.Index(plan.Departments, p.name), aggregate(w.t, plan, p.rows), func(int, int, *big.Int) (*big.Int, error) { return new(big.Int), nil })
		if cells.Err != nil || err != nil {
			w.t.Fatal(cells.Err, err)
		}
		all, plain = append(all, cells.Cells), append(plain, none)
	}
	if noisy, err = plan.Pool(all); err == nil {
		exact, err = plan.Pool(plain)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return noisy, exact
}

// TestVeiledQuestion: contributors read figures with noise, the same again when it is asked again; the verdict and the answer, which verifies, follow
// from them.
func TestVeiledQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 113)
	w := perturbedWorld(t, 113, veiledRules)
	w.run()
	first := ""
	for range 2 {
		got := w.askPerturbed(byAgeAlone.sql)
		q := w.screening()
		noisy, exact := w.figures(q)
		plan, err := q.Plan(protocols.Packing(w.params))
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range everybody {
			if seen := w.seen(by, q); fmt.Sprint(seen) != fmt.Sprint(noisy) {
				t.Fatalf("%s reads %v, and departments say %v", by, seen, noisy)
			}
		}
		off, hidden, shown := 0, 0, 0
		for i, n := range noisy {
			if n.Cmp(exact[i]) != 0 {
				off++
			}
			if (n.Sign() > 0) != (exact[i].Sign() > 0) {
				t.Errorf("whether there are rows of figure %d is not exact", i)
			}
		}
		verdict, err := plan.Screened(noisy)
		if err != nil || fmt.Sprint(verdict) != fmt.Sprint(q.Verdict()) {
			t.Errorf("verdict %v, want %v: %v", q.Verdict(), verdict, err)
		}
		for _, code := range verdict {
			if shown++; code != 0 {
				shown, hidden = shown-1, hidden+1
			}
		}
		if off == 0 || hidden == 0 || shown == 0 {
			t.Errorf("%d figures are not exact, %d cells shown, %d not: a test of nothing", off, shown, hidden)
		}
		if said := fmt.Sprint(noisy, got); first != "" && said != first {
			t.Errorf("again %s, first %s", said, first)
		} else {
			first = said
		}
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	w.checkContributions()
	w.checkOneGate()
}

// TestVeiledCrashes kills parties anywhere in a screening with noise and its answer: whoever starts again says the same, so that contributors read the
// same figures, and there is one answer.
func TestVeiledCrashes(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 19)
	base := perturbedWorld(t, 19, veiledRules)
	base.run()
	calm := base.fork(t, 19)
	want := calm.askPerturbed(byAgeAlone.sql)
	figures := fmt.Sprint(calm.seen("city1", calm.screening()))
	kills := killedAnywhere(t, base, calm, 19, amount(400, 150, 5), func(t *testing.T, w *world) {
		got, seen := w.askPerturbed(byAgeAlone.sql), fmt.Sprint(w.seen("city1", w.screening()))
		if got != want || seen != figures {
			t.Errorf("%q, want %q; contributors read %s, want %s", got, want, seen, figures)
		}
		w.checkAgreement()
		w.checkTransitions()
		w.checkShares()
		w.checkContributions()
		w.checkOneGate()
	})
	if kills < 3 {
		t.Errorf("only %d kills", kills)
	}
}
