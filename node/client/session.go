package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/node/exchange"
	"parley/node/machine"
	"parley/protocols"
)

// Round is one round of a question that took several.
type Round struct {
	SQL         string
	Query       engine.Digest
	Plan        engine.Digest
	Certificate []byte
	Verdict     protocols.Verdict
}

// Ask asks a question, round by round, and waits for its answer. It has verified every proof,
// once, as it came, and everything else of the certificate, once, against o.Pinned: an answer that
// its certificate does not show is an error. What the engine asks in several rounds
// (engine/README.md, section 12) is a query each, with a certificate each; the answer's
// Certificate is their protocols.Sequence.
// The error is a *QueryError where the question, the departments or the network are at fault.
func (c *Client) Ask(ctx context.Context, sql string, o AskOptions) (*Answer, error) {
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	if o.Pinned != nil && o.Pinned.ID() != c.network.ID() { // before a question is spent on it
		return nil, &QueryError{Code: "network", Sentence: fmt.Sprintf("the node is of network %s, and the pinned description is of %s: nothing was asked",
			c.network.ID(), o.Pinned.ID()), Hint: "ask a node of the pinned network, or pin this one's: network.json in the folder of each of its nodes"}
	}
	start := time.Now()
	c.mu.Lock()
	formed := c.replica.Epoch() != nil
	c.mu.Unlock()
	if !formed {
		return nil, queryError(protocols.ErrNoEpoch)
	}
	session, err := c.session(sql, o.Departments)
	if err != nil {
		return nil, err
	}
	if err := c.awaitVouch(ctx); err != nil {
		return nil, err
	}
	if err := c.mayAsk(ctx, session, sql, o); err != nil {
		return nil, err
	}
	several := session.Plan().SQL != sql // the rounds' texts are their own
	left := c.notAsked(session.Plan())
	var whole *Answer
	seen := new(circuits.Seen)
	for plan := session.Plan(); plan != nil; plan = session.Plan() {
		r := part{plan: plan}
		if several {
			r.question, r.round = sql, whole.rounds()+1
		}
		round, err := c.askRound(ctx, r, o, seen)
		if err != nil {
			return nil, between(whole, err)
		}
		if err := session.Step(round.Result); err != nil {
			return nil, queryError(err)
		}
		if several {
			round = whole.follow(round, plan.SQL)
		}
		whole = round
	}
	whole.Result, whole.NotAsked = session.Result(), left
	if several {
		if err := whole.join(sql); err != nil {
			return nil, err
		}
	}
	if err := c.verify(whole, o, seen); err != nil {
		return nil, err
	}
	if o.Progress != nil {
		o.Progress(Step{Name: "verified", Elapsed: time.Since(start)})
	}
	return whole, nil
}

// rounds counts those that are answered; a may be nil.
func (a *Answer) rounds() int {
	if a == nil {
		return 0
	}
	return len(a.Rounds)
}

// between says why a later round's question, planned over the first one's tables, is refused.
func between(whole *Answer, err error) error {
	var q *QueryError
	if whole != nil && errors.As(err, &q) && q.Code == "stale-catalogue" {
		return &QueryError{Code: engine.CodePolicy, Sentence: "a table changed between two rounds of the question", Hint: "ask again"}
	}
	return err
}

// Explain says what a question would compute and reveal, and to whom, without asking it. Of the
// options the departments and the language count. The error is a *QueryError where the question or the network
// are at fault.
func (c *Client) Explain(ctx context.Context, sql string, o AskOptions) (engine.SessionExplanation, error) {
	if _, err := c.Network(ctx); err != nil {
		return engine.SessionExplanation{}, err
	}
	session, err := c.session(sql, o.Departments)
	if err != nil {
		return engine.SessionExplanation{}, err
	}
	x := session.ExplainIn(engine.LanguageNamed(o.Language))
	if x.First.Linked != nil {
		err = c.explainWork(session.Plan(), o, &x.First)
	}
	return x, err
}

// explainWork adds what a join across departments takes now, or why nobody would answer it.
func (c *Client) explainWork(plan *engine.Plan, o AskOptions, x *engine.Explanation) error {
	f, err := policy.FactsOf(plan, "")
	if err != nil {
		return queryError(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	rules := consider(c.replica, c.id.Key(), &f, o).Rules
	if x.Linked.Work, err = c.replica.Expected(c.params, plan, rules); err != nil {
		x.NotNow(err)
	}
	return nil
}

// session plans a question over the present tables.
func (c *Client) session(sql string, departments []string) (*engine.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	plan := protocols.NewQuestion
	if c.network.Joins() {
		plan = protocols.NewLinkedQuestion
	}
	session, err := plan(sql, c.replica.Catalogue(), departments, protocols.Packing(c.params))
	if err != nil {
		return nil, queryError(err)
	}
	return session, nil
}

// join puts the rounds' certificates into one.
func (a *Answer) join(sql string) error {
	var certificates [][]byte
	for _, r := range a.Rounds {
		certificates = append(certificates, r.Certificate)
	}
	a.Certificate = protocols.NewSequence(sql, certificates).Marshal()
	if size := len(a.Certificate); size > protocols.MaxCertificateBytes {
		return &QueryError{Code: engine.CodeLimit, Sentence: fmt.Sprintf("the certificates of all rounds have %d bytes, limit %d", size, protocols.MaxCertificateBytes),
			Hint: "ask for fewer groups, or of fewer departments"}
	}
	return nil
}

// verify checks an answer's certificate as anybody else would, but that proofs in seen are not
// verified again: against the pinned description or against nothing. It puts the figures in the
// answer that the certificate shows. Without a pin the certificate must agree with itself, and the
// verdict says that the signers are unknown; with one it says whose keys are others. Rounds
// without openings are verified each by itself: nobody can tell from them that they belong together.
func (c *Client) verify(a *Answer, o AskOptions, seen *circuits.Seen) (err error) {
	start, cpu := time.Now(), machine.ProcessorSeconds()
	v := &protocols.Verifier{Pinned: o.Pinned, Parameters: c.o.Parameters, Receipts: exchange.CheckReceipt, Seen: seen,
		Attached: func(d engine.Digest) []byte { return a.Attached[d] }}
	if len(a.Rounds) > 0 && o.NoOpening {
		err = a.verifySealed(v)
	} else {
		a.Verdict, err = verifyOne(v, a.Certificate)
		for i := range a.Verdict.Rounds {
			a.Rounds[i].Verdict = a.Verdict.Rounds[i]
		}
	}
	if a.Verdict.ValueShown {
		a.Result = a.Verdict.Result
	}
	spent := time.Since(start).Seconds()
	a.Seconds.Verifying += spent
	a.Seconds.Total += spent
	a.CPUSeconds += machine.ProcessorSeconds() - cpu
	return err
}

// verifySealed verifies rounds each by itself. The answer's verdict is that of the last one whose
// keys are not the pinned ones, or of the last.
func (a *Answer) verifySealed(v *protocols.Verifier) error {
	for i := range a.Rounds {
		verdict, err := verifyOne(v, a.Rounds[i].Certificate)
		a.Rounds[i].Verdict = verdict
		if verdict.OtherKeys || !a.Verdict.OtherKeys {
			a.Verdict = verdict
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// verifyOne verifies a certificate. The error is of one that does not show the answer.
func verifyOne(v *protocols.Verifier, certificate []byte) (protocols.Verdict, error) {
	verdict, err := v.Verify(certificate)
	if err != nil {
		verdict = protocols.Verdict{Reason: err.Error()}
	}
	if verdict.Verified || verdict.SelfConsistent && v.Pinned == nil || verdict.OtherKeys {
		return verdict, nil
	}
	refused := &QueryError{Code: "unverified", Sentence: "the certificate does not show the answer: " + verdict.Reason}
	if verdict.Department != "" {
		refused.Departments = []string{verdict.Department}
	}
	return verdict, refused
}

func planOf(a *Answer) engine.Digest {
	if a.Plan == nil {
		return engine.Digest{}
	}
	return a.Plan.Digest()
}

// follow adds a round to an answer, possibly none yet.
func (a *Answer) follow(round *Answer, sql string) *Answer {
	if a != nil {
		round.Rounds = a.Rounds
		round.Seconds.Add(a.Seconds)
		round.CPUSeconds += a.CPUSeconds
	}
	round.Rounds = append(round.Rounds, Round{SQL: sql, Query: round.Query, Plan: planOf(round), Certificate: round.Certificate, Verdict: round.Verdict})
	return round
}
