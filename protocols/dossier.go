package protocols

import (
	"errors"
	"fmt"
	"math/big"
	"sync"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// dossier is what one query's blobs are checked against, everything recomputed by its owner:
// a department, the analyst or a verifier. Jobs read it concurrently; it is not changed once
// contributions are being verified, but for the sums (seal).
type dossier struct {
	vk      *circuits.VerifyingKeys
	network engine.Digest
	query   *QueryState
	epoch   *Epoch
	plan    *engine.Plan
	lo, hi  [][][]int64   // by contributor, ciphertext index, limb
	analyst mhe.PublicKey // of a screening its recipient's

	sums []mhe.Ciphertext // by ciphertext index, of all contributions

	// Of a question that joins tables by persons, in place of these sums:
	joint    *joint
	before   *dossier           // of the screening that an answer rests on
	vectors  [][]mhe.Ciphertext // by vector and chunk, summed over the departments that sent it, as far as verified
	summing  sync.Mutex
	products [][]mhe.Ciphertext // by contributor
	slots    []mhe.Slot         // by released number
}

// newDossier recomputes the plan of a question from its SQL and the registrations on the ledger,
// unless its owner has it already (before anything is withheld), decides about it, and compares what is asked for
// with what the question claims. The error may be a *Denied.
func newDossier(vk *circuits.VerifyingKeys, network engine.Digest, q *QueryState, base *engine.Plan) (*dossier, error) {
	a := &q.Ask
	if base == nil {
		var err error
		if base, err = planOf(q, Packing(vk.Params())); err != nil {
			return nil, err
		}
	}
	rules, err := q.Decide(base)
	if err != nil {
		return nil, err
	}
	plan, err := q.claimed(base, rules)
	if err != nil {
		return nil, err
	}
	d := &dossier{vk: vk, network: network, query: q, plan: plan}
	if a.Linked != nil {
		return d, d.joins(base)
	}
	if plan.Ciphertexts() != int(a.Ciphertexts) {
		return nil, fmt.Errorf("the question names %d ciphertexts, its plan has %d", a.Ciphertexts, plan.Ciphertexts())
	}
	for i := range q.Contributors {
		lo, hi := plan.Bounds(i)
		d.lo, d.hi = append(d.lo, lo), append(d.hi, hi)
	}
	return d, nil
}

var errOtherPlan = errors.New("the question's plan is not the one that its SQL and tables give")

// Plan recomputes the plan from the question's SQL and its contributors' tables as they were: of a screening the counts
// that it asks for, of an answer that rests on one what is shown of it. The error
// tells that there is none, or that the question claims another. Cost: that of planning.
func (q *QueryState) Plan(p engine.Packing) (*engine.Plan, error) {
	base, err := planOf(q, p)
	if err != nil {
		return nil, err
	}
	return q.Claimed(base)
}

// Claimed is Plan over what Base has recomputed.
func (q *QueryState) Claimed(base *engine.Plan) (*engine.Plan, error) {
	d, err := q.decision(base)
	if err != nil {
		return nil, err
	}
	return q.claimed(base, d.Rules)
}

func (q *QueryState) claimed(base *engine.Plan, rules engine.Disclosure) (*engine.Plan, error) {
	plan, err := q.within(base, rules)
	if err == nil && plan.Digest() != q.Ask.Plan {
		return nil, errOtherPlan
	}
	return plan, err
}

// within is what a question asks for of a plan, by the rules of its contributors: their counts if it is a screening, and
// else what its screening says is shown. Rules that need no counts need no screening, and rules that do are never left out.
func (q *QueryState) within(plan *engine.Plan, rules engine.Disclosure) (*engine.Plan, error) {
	switch {
	case !rules.Screens() && !q.Ask.Screening && q.screen == nil:
		return noisy(plan, rules, q.Ask.Round)
	case !rules.Screens():
		return nil, &engine.Error{Code: CodePolicy, Message: "no rule of the departments asks for a screening"}
	case q.Ask.Screening:
		before, err := earlier(&q.Ask)
		if err != nil {
			return nil, err
		}
		return screening(plan, rules, q.Ask.Round, before)
	case q.screen == nil:
		return nil, &engine.Error{Code: CodePolicy, Message: "by the departments' rules the answer's counts are screened first, and no screening is named"}
	}
	before, err := q.screen.decision(plan)
	if err != nil {
		return nil, err
	}
	if before.Rules != rules {
		return nil, &engine.Error{Code: CodePolicy, Message: "the screening was made by other rules"}
	}
	if plan, err = noisy(plan, rules, q.Ask.Round); err != nil {
		return nil, err
	}
	return plan.Withhold(rules, q.screen.Verdict(), q.screen.receiver())
}

// noisy is a round's plan with the noise that rules demand. A later round follows from an answer before it, and what noise makes
// of that is not worked out: such a question is refused.
func noisy(plan *engine.Plan, rules engine.Disclosure, round uint32) (*engine.Plan, error) {
	if rules.Noisy() && round > 0 {
		return nil, ErrNoisyRounds
	}
	return plan.Noisy(rules)
}

// screening is what is looked at before a round is answered. Of one that is not answered nothing is.
func screening(plan *engine.Plan, rules engine.Disclosure, round uint32, before []engine.Earlier) (*engine.Plan, error) {
	if _, err := noisy(plan, rules, round); err != nil {
		return nil, err
	}
	return plan.Screening(rules, before...)
}

// ErrNoisyRounds refuses a question of several rounds where rules demand noise.
var ErrNoisyRounds error = &engine.Error{Code: CodePolicy, Message: "by the departments' rules cells carry noise, and a question of several rounds is not answered so",
	Hint: "ask for counts, sums and averages, by GROUP BY and FILTER too"}

// planOf recomputes a question's plan. A first round is the one that its question leads to. Later
// ones follow from answers that only their analyst has: they are one of those that the question can
// lead to, and who holds the certificates replays them (README section 6.4).
func planOf(q *QueryState, p engine.Packing) (*engine.Plan, error) {
	a, tables := &q.Ask, q.Registrations
	switch {
	case a.Linked != nil:
		return q.planned(engine.NewLinkedPlan(a.SQL, tables, a.Departments, p))
	case a.Round == 0:
		return q.planned(engine.NewPlan(a.SQL, tables, a.Departments, p))
	}
	session, err := engine.NewSession(a.Question, tables, a.Departments, p)
	if err != nil {
		return nil, err
	}
	switch plan := session.Plan(); {
	case a.Round == 1 && plan.SQL == a.SQL:
		return q.planned(plan, nil)
	case a.Round == 1:
		return nil, errors.New("the first round is not the one that the question leads to")
	case !session.Leads(a.SQL):
		return nil, errors.New("the round is none that the question can lead to")
	}
	return q.planned(engine.NewPlan(a.SQL, tables, a.Departments, p))
}

// planned refuses a plan that is not about all tables that the question names: policies were asked of each; and one that joins them
// otherwise than the question says.
func (q *QueryState) planned(plan *engine.Plan, err error) (*engine.Plan, error) {
	if err == nil && (plan.Linked() != nil) != (q.Ask.Linked != nil) {
		return nil, errors.New("the question's text joins tables by persons, and the question does not, or the other way round")
	}
	if err == nil && len(plan.Catalogue()) != len(q.Registrations) {
		return nil, errors.New("the question names tables that its text does not ask")
	}
	return plan, err
}

func (d *dossier) params() circuits.Params { return d.vk.Params() }

// charge is what answering takes of an epoch's ciphertexts.
func (d *dossier) charge() uint32 {
	if d.joint != nil {
		return d.joint.charge(d.params())
	}
	return d.query.Ask.Ciphertexts
}

func (d *dossier) ciphertexts() int { return int(d.query.Ask.Ciphertexts) }

func (d *dossier) contributionBinding(contributor, index int) circuits.Binding {
	return circuits.Binding{Network: d.network, Epoch: d.query.Ask.Epoch, Query: d.query.ID,
		Index: uint32(index), Department: d.query.Contributors[contributor].Key}
}

// shareBinding also holds the digests of the contributions that are summed, in order.
func (d *dossier) shareBinding(member, index int) circuits.Binding {
	b := circuits.Binding{Network: d.network, Epoch: d.query.Ask.Epoch, Query: d.query.ID,
		Index: uint32(index), Department: d.epoch.Members[member].Key}
	for _, blobs := range d.query.Contributed {
		b.Contributions = append(b.Contributions, blobs[index])
	}
	return b
}

// keyShareOf is a member's own public key: what its decryption shares are proven against.
func (d *dossier) keyShareOf(member int) mhe.PublicKey {
	return mhe.PublicKey{A: d.epoch.CRS, P: d.epoch.Shares[member]}
}

func (d *dossier) checkContribution(contributor, index int, blob []byte) (mhe.Ciphertext, *Fault) {
	if d.joint != nil {
		return d.checkVector(contributor, index, blob)
	}
	ct, err := mhe.VerifyContribution(d.vk, d.contributionBinding(contributor, index), d.epoch.Key,
		d.lo[contributor][index], d.hi[contributor][index], blob)
	if err != nil {
		return mhe.Ciphertext{}, blobFault(d.query.Contributors[contributor], FaultBadProof, blob, err)
	}
	return ct, nil
}

func (d *dossier) checkShare(member, index int, blob []byte) (mhe.Share, *Fault) {
	if d.joint != nil {
		return d.checkRelease(member, index, blob)
	}
	share, err := mhe.VerifyDecryptionShare(d.vk, d.shareBinding(member, index), d.keyShareOf(member), d.sums[index], d.analyst, blob)
	if err != nil {
		return mhe.Share{}, blobFault(d.epoch.Members[member], FaultWrongShare, blob, err)
	}
	return share, nil
}

// seal sums the verified contributions of every contributor, by ciphertext index.
func (d *dossier) seal(verified [][]mhe.Ciphertext) {
	for index := range d.ciphertexts() {
		var parts []mhe.Ciphertext
		for _, cts := range verified {
			parts = append(parts, cts[index])
		}
		d.sums = append(d.sums, mhe.CombineContributions(d.params(), parts))
	}
}

// open decrypts every sum with the analyst's secret and finishes the answer.
func (d *dossier) open(secret mhe.SecretKey, shares [][]mhe.Share) (*engine.Result, error) {
	cells, err := d.cells(secret, shares)
	if err != nil {
		return nil, err
	}
	return d.plan.Finish(cells)
}

// cells decrypts every sum.
func (d *dossier) cells(secret mhe.SecretKey, shares [][]mhe.Share) ([]*big.Int, error) {
	if d.joint != nil {
		return d.releasedCells(secret, shares)
	}
	limbs := make([][]int64, d.ciphertexts())
	for index := range limbs {
		var parts []mhe.Share
		for _, s := range shares {
			parts = append(parts, s[index])
		}
		var err error
		if limbs[index], err = mhe.Decrypt(d.params(), secret, d.sums[index], parts); err != nil {
			return nil, err
		}
	}
	return d.plan.Cells(limbs)
}
