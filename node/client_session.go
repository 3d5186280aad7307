package node

import (
	"context"
	"fmt"

	"parley/engine"
	"parley/protocols"
)

// Round is one round of a question that took several.
type Round struct {
	SQL         string
	Query       engine.Digest
	Certificate []byte
	Verdict     protocols.Verdict
}

// Ask asks a question and waits for its answer, which it has verified itself. What the
// engine asks in several rounds (engine/README.md, section 13) is a query each,
// with a certificate each; the answer's Certificate is their protocols.Sequence. The error
// is a *QueryError where the question, the departments or the network are at fault.
func (c *Client) Ask(ctx context.Context, sql string, o AskOptions) (*Answer, error) {
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	session, err := c.session(sql, o.Departments)
	if err != nil {
		return nil, queryError(err)
	}
	if session == nil {
		return c.askRound(ctx, sql, o)
	}
	var whole *Answer
	for plan := session.Plan(); plan != nil; plan = session.Plan() {
		o.Departments = plan.Departments
		round, err := c.askRound(ctx, plan.SQL, o)
		if err != nil {
			return nil, err
		}
		if round.Plan.Digest() != plan.Digest() {
			return nil, &QueryError{Code: engine.CodePolicy, Sentence: "a table changed between two rounds of the question", Hint: "ask again"}
		}
		if err := session.Step(round.Result); err != nil {
			return nil, queryError(err)
		}
		whole = whole.follow(round, plan.SQL)
	}
	whole.Result = session.Result()
	return whole, c.conclude(ctx, whole, sql)
}

// conclude puts the rounds' certificates into one and verifies it. Without openings only
// each by itself can be: the verdict stays the last round's.
func (c *Client) conclude(ctx context.Context, whole *Answer, sql string) error {
	var certificates [][]byte
	for _, r := range whole.Rounds {
		certificates = append(certificates, r.Certificate)
	}
	whole.Certificate = protocols.NewSequence(sql, certificates).Marshal()
	if size := len(whole.Certificate); size > protocols.MaxCertificateBytes {
		return &QueryError{Code: engine.CodeLimit, Sentence: fmt.Sprintf("the certificates of all rounds have %d bytes, limit %d", size, protocols.MaxCertificateBytes),
			Hint: "ask for fewer groups, or of fewer departments"}
	}
	if !whole.Verdict.ValueShown {
		return nil
	}
	network, err := c.present(ctx)
	if err != nil {
		return err
	}
	verifier := protocols.Verifier{Pinned: network, Parameters: c.o.hooks.parameterSet, Receipts: checkReceipt}
	whole.Verdict, err = verifier.Verify(whole.Certificate)
	return err
}

// session is a question's when it takes several rounds, else nil.
func (c *Client) session(sql string, departments []string) (*engine.Session, error) {
	if _, err := c.plan(sql, departments); err == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replica.Epoch() == nil {
		return nil, protocols.ErrNoEpoch
	}
	return protocols.NewQuestion(sql, c.replica.Catalogue(), departments, protocols.Packing(c.params))
}

// follow adds a round to an answer, possibly none yet.
func (a *Answer) follow(round *Answer, sql string) *Answer {
	if a != nil {
		round.Rounds = a.Rounds
		round.Seconds.Add(a.Seconds)
		round.CPUSeconds += a.CPUSeconds
	}
	round.Rounds = append(round.Rounds, Round{SQL: sql, Query: round.Query, Certificate: round.Certificate, Verdict: round.Verdict})
	return round
}

// writeCertificates writes an answer's certificate, which holds those of all its rounds.
func writeCertificates(path string, a *Answer) error { return writeCertificate(path, a.Certificate) }

// roundJSON is one round as --json prints it.
type roundJSON struct {
	SQL         string          `json:"sql"`
	Certificate certificateJSON `json:"certificate"`
}

// roundsOf lists the rounds of an answer that took several; path holds all their
// certificates.
func roundsOf(a *Answer, path *string) []roundJSON {
	var out []roundJSON
	for _, r := range a.Rounds {
		out = append(out, roundJSON{r.SQL, certificateJSON{r.Verdict.Certificate.String(), path}})
	}
	return out
}
