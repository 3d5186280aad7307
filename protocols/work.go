package protocols

import (
	"fmt"
	"slices"

	"parley/circuits"
	"parley/engine"
)

// proofSeconds are processor seconds, to make a proof and to verify it.
type proofSeconds struct{ make, verify float64 }

// proofTimes are those of a contribution's ciphertext, a product by 0 and 1, a weighted one, and a release.
type proofTimes struct{ vector, product, weighted, release proofSeconds }

// proofTimesOf are those that circuits/README.md, section 10, has measured, of light, of joined and of default: of as many coefficients, and primes. They are
// rough, and say whether a question takes seconds, minutes or hours.
func proofTimesOf(p circuits.Params) proofTimes {
	switch {
	case p.N() <= 4096:
		return proofTimes{proofSeconds{0.7, 0.004}, proofSeconds{1.0, 0.015}, proofSeconds{2.0, 0.014}, proofSeconds{1.0, 0.013}}
	case len(p.Primes()) > 3:
		return proofTimes{proofSeconds{1.9, 0.009}, proofSeconds{1.9, 0.036}, proofSeconds{3.6, 0.038}, proofSeconds{2.2, 0.029}}
	}
	return proofTimes{proofSeconds{1.8, 0.007}, proofSeconds{1.9, 0.032}, proofSeconds{3.6, 0.037}, proofSeconds{2.1, 0.023}}
}

// workProcessors is how many processors each party is taken to have.
const workProcessors = 2

// ExpectedWork is what a question that joins by persons takes at most, screening and answer together, where nothing is withheld and nothing
// that it needs is encrypted yet. The rules are those of its decision. The error says why it cannot be answered so.
func ExpectedWork(p circuits.Params, plan *engine.Plan, rules engine.Disclosure, positions, members int) (*engine.ExplainedWork, error) {
	counts, err := plan.Screening(rules)
	if err != nil {
		return nil, err
	}
	ask := &Linked{Positions: uint32(positions)}
	before, err := newJoint(p, counts, ask, members, nil)
	if err != nil {
		return nil, err
	}
	answer, err := newJoint(p, plan, ask, members, before)
	if err != nil {
		return nil, err
	}
	if err := answer.releasable(p); err != nil {
		return nil, err
	}
	of, t := plan.Linked(), proofTimesOf(p)
	encrypt, multiply := of.Sides[answer.encrypted].Departments, of.Sides[of.Multiplier].Departments
	w, vectors := &engine.ExplainedWork{Positions: positions, Released: len(answer.targets)}, map[engine.Digest]bool{}
	for _, j := range []*joint{before, answer} {
		j.name(engine.Digest{}, []Member{{Name: encrypt[0]}})
		for _, name := range j.names[0] {
			vectors[name] = true // one serves both
		}
		w.Products, w.Shares = w.Products+len(j.products), w.Shares+j.shares(p)
		for _, product := range j.products {
			took := t.product
			if product.weighted {
				took = t.weighted
			}
			w.Multiplying += took.make
			w.Verifying += float64(len(multiply)) * took.verify
		}
	}
	w.Ciphertexts = len(vectors) * answer.chunks
	w.Encrypting, w.Sharing = float64(w.Ciphertexts)*t.vector.make, float64(w.Shares)*t.release.make
	w.Verifying += float64(len(encrypt)*w.Ciphertexts)*t.vector.verify + float64(members*w.Shares)*t.release.verify
	w.Bytes = len(encrypt)*w.Ciphertexts*SizesOf(p).Contribution + len(multiply)*w.Products*SizesOf(p).Product
	w.Seconds = (w.Encrypting + w.Multiplying + w.Sharing + w.Verifying) / workProcessors
	w.Together = (float64(len(encrypt))*w.Encrypting + float64(len(multiply))*w.Multiplying + float64(members)*w.Sharing + float64(members+1)*w.Verifying) / workProcessors
	return w, nil
}

// releasable refuses an answer of more numbers than may be released.
func (j *joint) releasable(p circuits.Params) error {
	if len(j.targets) > MaxTargets || j.shares(p) > MaxCiphertexts {
		return &engine.Error{Code: engine.CodeLimit, Hint: "ask for fewer groups or fewer aggregates",
			Message: fmt.Sprintf("%d numbers would be released; at most %d are allowed, in %d shares", len(j.targets), MaxTargets, MaxCiphertexts)}
	}
	return nil
}

// SpineOf is the spine that a question which joins by persons is asked over. The error, an *engine.Error, says why there is none, or which
// contributors cannot have placed their keys on it.
func (s *State) SpineOf(plan *engine.Plan) (*SpineRecord, error) {
	unanswered := func(format string, args ...any) error {
		return &engine.Error{Code: engine.CodeUnanswered, Message: fmt.Sprintf(format, args...)}
	}
	of := plan.Linked().Spine
	switch {
	case !s.network.Joins():
		return nil, unanswered("this network answers no question that joins departments' tables by persons")
	case s.linkage == nil || s.linkage.Phase != LinkageFormed:
		return nil, unanswered("the departments have formed no linkage yet, by which a person of several of them is known to be one")
	}
	spine := s.linkage.Spine(of.Department, of.Table)
	if spine == nil {
		return nil, unanswered("department %q has published no spine %q, on which persons have their places", of.Department, of.Table)
	}
	var strangers []string
	for _, r := range plan.Catalogue() {
		if t := s.table(r.Department, r.Table); t != nil && !s.Admitted(spine, t.record.Entry.Author) && !slices.Contains(strangers, r.Department) {
			strangers = append(strangers, r.Department)
		}
	}
	if len(strangers) > 0 {
		return nil, &engine.Error{Code: CodePolicy, Message: fmt.Sprintf("%s may not know which persons stand on the spine %q of department %q", quotedNames(strangers), of.Table, of.Department),
			Hint: fmt.Sprintf("the policy of %s for table %q shows it to those whom membership names; who has joined the network since waits for the next linkage", of.Department, of.Table)}
	}
	return spine, nil
}

// Expected is what a question that joins by persons takes now (ExpectedWork). The error says why nobody would answer it.
func (s *State) Expected(p circuits.Params, plan *engine.Plan, rules engine.Disclosure) (*engine.ExplainedWork, error) {
	spine, err := s.SpineOf(plan)
	if err != nil {
		return nil, err
	}
	ep := s.Epoch()
	if ep == nil {
		return nil, ErrNoEpoch
	}
	return ExpectedWork(p, plan, rules, spine.Positions(), len(ep.Members))
}
