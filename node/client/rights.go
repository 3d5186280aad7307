package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
)

// Decide says what the departments would decide about a question now, for this person: whether they
// answer it, or all that is missing. It asks nothing. By the ledger as the node has shown it, and this
// machine's clock in the place of the next block's.
func (c *Client) Decide(ctx context.Context, sql string, o AskOptions) (policy.Decision, error) {
	f, err := c.Facts(ctx, sql, o.Departments)
	if err != nil {
		return policy.Decision{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return consider(c.replica, c.id.Key(), &f, o), nil
}

// Screening says what the departments look at before they answer a question under these rules, in its first round; nil
// where no rule looks at counts.
func (c *Client) Screening(ctx context.Context, sql string, departments []string, rules engine.Disclosure) (*engine.ExplainedScreening, error) {
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	session, err := c.session(sql, departments)
	if err != nil {
		return nil, err
	}
	plan := session.Plan()
	c.mu.Lock()
	before, err := c.replica.Before(c.id.Key(), time.Now().Unix(), plan, rules)
	c.mu.Unlock()
	if err != nil {
		return nil, queryError(err)
	}
	explained, err := plan.ExplainScreening(rules, before...)
	if err != nil {
		return nil, queryError(err)
	}
	return explained, nil
}

// Ruled explains a question with what these rules change of its contributions, which is noise or rounded counts; nil where they
// change nothing. The error tells that it is not answered so.
func (c *Client) Ruled(ctx context.Context, sql string, o AskOptions, rules engine.Disclosure) (*engine.Explanation, error) {
	if err := c.wait(ctx); err != nil || !rules.Noisy() && rules.Base == 0 {
		return nil, err
	}
	session, err := c.session(sql, o.Departments)
	if err != nil {
		return nil, err
	}
	plan := session.Plan()
	if rules.Base > 0 {
		plan, err = plan.Withhold(rules, make([]byte, plan.CellCount()), 0)
	} else if plan, err = plan.Noisy(rules); err == nil && len(session.Explain().Rounds) > 1 {
		err = protocols.ErrNoisyRounds
	}
	if err != nil {
		return nil, queryError(err)
	}
	explained := plan.ExplainIn(engine.LanguageNamed(o.Language))
	return &explained, nil
}

// Facts are what a question does, all its rounds together, over the present tables of these
// departments; none: of all that hold the table.
func (c *Client) Facts(ctx context.Context, sql string, departments []string) (policy.Facts, error) {
	if err := c.wait(ctx); err != nil {
		return policy.Facts{}, err
	}
	session, err := c.session(sql, departments)
	if err != nil {
		return policy.Facts{}, err
	}
	return facts(session, sql)
}

func facts(session *engine.Session, sql string) (policy.Facts, error) {
	f, err := policy.FactsOfQuestion(session, sql)
	if err != nil {
		return policy.Facts{}, queryError(err)
	}
	return f, nil
}

// Packing is how the network's plans put their cells into ciphertexts.
func (c *Client) Packing() engine.Packing { return protocols.Packing(c.params) }

// consider decides about all rounds of a question together.
func consider(s *protocols.State, asker protocols.Key, f *policy.Facts, o AskOptions) policy.Decision {
	return s.Consider(asker, time.Now().Unix(), f, protocols.Ask{Purpose: o.Purpose, Basis: o.Basis})
}

// mayAsk decides about a question before anything is computed for it.
func (c *Client) mayAsk(ctx context.Context, session *engine.Session, sql string, o AskOptions) error {
	f, err := facts(session, sql)
	if err != nil {
		return err
	}
	return c.awaitNews(ctx, func(s *protocols.State) (refused error, late bool) {
		d := consider(s, c.id.Key(), &f, o)
		if d.Allowed {
			return nil, false
		}
		return denied(&d, o.Language), curable(&d)
	})
}

// curable reports whether a steward's word would cure all that is missing.
func curable(d *policy.Decision) bool {
	return !slices.ContainsFunc(d.Missing, func(m policy.Missing) bool { return m.Department == "" || m.Reason == policy.NotShared })
}

// denied is the error of a question that is not allowed, with all that is missing.
func denied(d *policy.Decision, language string) *QueryError {
	e := &QueryError{Code: protocols.CodePolicy, Sentence: d.Text(language), Departments: d.Refusing(), Decision: d}
	if d.Request != nil {
		e.Hint = "ask for what is missing: the same command with --request files it with all these departments"
	}
	return e
}

// decide decides about a part of a question as it is to be asked, before anything is withheld from its plan. The error says
// what is missing.
func (c *Client) decide(p part, o AskOptions) (policy.Decision, error) {
	f, err := policy.FactsOf(p.plan, p.question)
	if err != nil {
		return policy.Decision{}, err
	}
	c.mu.Lock()
	d := c.replica.Consider(c.id.Key(), time.Now().Unix(), &f, protocols.Ask{SQL: p.plan.SQL, Question: p.question, Round: uint32(p.round),
		Purpose: o.Purpose, Basis: o.Basis, Screening: p.screening, Screen: p.screen})
	c.mu.Unlock()
	if !d.Allowed {
		return d, denied(&d, o.Language)
	}
	return d, nil
}

// grantsOf are the grants that a part of a question takes uses of.
func grantsOf(d *policy.Decision) (grants []engine.Digest) {
	for _, charge := range d.Charges {
		grants = append(grants, charge.Grant)
	}
	return grants
}

// Say signs what a person says of policies, requests and grants, and waits until it stands on the
// ledger. of makes it from the ledger's state, as the node has shown it; it must keep nothing of that.
// The error is a *QueryError where the ledger does not take it.
func (c *Client) Say(ctx context.Context, of func(*protocols.State) (protocols.Body, error)) error {
	if err := c.wait(ctx); err != nil {
		return err
	}
	e, err := c.sign(of)
	if err != nil {
		return err
	}
	for tried := false; ; tried = true {
		err := c.history.Append(ctx, e)
		var refusal *protocols.Refusal
		switch {
		case err == nil, tried && errors.As(err, &refusal) && refusal.Code == "duplicate": // the first try came through
			return c.stands(ctx, e.Digest())
		case errors.As(err, &refusal):
			return &QueryError{Code: refusal.Code, Sentence: refusal.Sentence}
		}
		select {
		case <-ctx.Done():
			return unavailable("the ledger did not take it in time: %v", err)
		case <-time.After(sayPause):
		}
	}
}

// stands waits until the replica has an entry of this person's: the node may have ordered it before it shows it.
func (c *Client) stands(ctx context.Context, e engine.Digest) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	for {
		c.mu.Lock()
		refused, known := c.said[e]
		changed, broken := c.changed, c.broken
		c.mu.Unlock()
		var refusal *protocols.Refusal
		switch {
		case known && errors.As(refused, &refusal):
			return &QueryError{Code: refusal.Code, Sentence: refusal.Sentence}
		case known:
			return refused
		case broken != nil:
			return unavailable("what the node shows of the ledger does not hold together: %v", broken)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return unavailable("the node does not show yet what the ledger has taken: %v", ctx.Err())
		}
	}
}

// ofRights reports whether an entry is of a kind that Say says.
func ofRights(kind protocols.EntryKind) bool {
	switch kind {
	case protocols.KindPublish, protocols.KindRequest, protocols.KindGrant, protocols.KindDecline, protocols.KindRescind, protocols.KindAlert:
		return true
	}
	return false
}

// sayPause is how long Say waits before it says the same again.
const sayPause = time.Second

func (c *Client) sign(of func(*protocols.State) (protocols.Body, error)) (protocols.Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := of(c.replica)
	if err != nil {
		return protocols.Entry{}, err
	}
	var refusal *protocols.Refusal
	if err := c.replica.CheckDecision(c.id.Key(), body, time.Now().Unix()); errors.As(err, &refusal) {
		return protocols.Entry{}, &QueryError{Code: refusal.Code, Sentence: refusal.Sentence}
	} else if err != nil {
		return protocols.Entry{}, err
	}
	return protocols.Sign(c.network.ID(), c.id.Private(), body), nil
}

// notAsked are the departments that hold a plan's tables, or some of them, and contribute nothing to it.
func (c *Client) notAsked(p *engine.Plan) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	whole, some := protocols.Holders(c.replica.Catalogue(), p.Tables())
	out := slices.DeleteFunc(slices.Concat(whole, some), func(name string) bool { return slices.Contains(p.Departments, name) })
	slices.Sort(out)
	return out
}

// Key is this person's.
func (c *Client) Key() protocols.Key { return c.id.Key() }

// refusedIn tells the refusal for the sake of an earlier answer in a language, if the ledger as this client has it still knows that.
func (c *Client) refusedIn(language string, o *protocols.Outcome, e *QueryError) *QueryError {
	if o.Code != engine.CodeHistory || language != policy.Chinese {
		return e
	}
	c.View(func(s *protocols.State) {
		if q := s.Query(o.Screening); q != nil {
			if said := q.RefusedByHistoryIn(language); said != "" {
				e.Sentence, e.Hint = said, "可再次查询与当时相同的行，或与之相差更多的行"
			}
		}
	})
	return e
}
