package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/engine"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/machine"
	"parley/node/peers"
	"parley/protocols"
)

const (
	// askGrace is how much later than the departments a client gives up.
	askGrace = 2 * time.Second
	// accuseTimeout is how long a client waits until its accusation is ordered.
	accuseTimeout = 5 * time.Second
)

// asking is one question under way.
type asking struct {
	c     *Client
	o     AskOptions
	start time.Time
	// screening: it is asked what of the answer is shown, and not the answer itself.
	screening bool
	cpu       float64
	run       *machine.Running
	machine   *protocols.Analyst
	work      machine.Effects
	answers   chan machine.Delivery
	refused   chan error // the log's, of the question
	failed    chan error
	outbox    *machine.Outbox
	tally     *tally
	done      protocols.Entry // once there is an answer

	patience patience
	looks    chan look
	counts   chan exchange.Reports
	watching sync.WaitGroup
	proofs   string           // as they were told last
	given    *QueryError      // why the question is given up, if it is
	late     <-chan time.Time // by when its withdrawal is to stand on the ledger
}

// part is what is asked at once: a whole question, or a round of one.
type part struct {
	plan     *engine.Plan
	question string // of which it is a round; or empty
	round    int    // from 1; or 0
	// rules are what the departments hold the answer to. Where they need counts, the part is asked twice: as a screening,
	// and then as the answer that rests on it.
	rules     engine.Disclosure
	screening bool
	screen    engine.Digest // the screening that the answer rests on
}

// askRound asks one round of a question and waits for its answer, after its screening if the departments' rules ask for one.
func (c *Client) askRound(ctx context.Context, p part, o AskOptions, seen *circuits.Seen) (*Answer, error) {
	d, err := c.decide(p, o)
	if err != nil {
		return nil, queryError(err)
	}
	noisy, err := p.plan.Noisy(d.Rules)
	if err != nil {
		return nil, queryError(err)
	}
	if p.plan.Linked() != nil {
		if err := c.expect(p.plan, d.Rules, &o); err != nil {
			return nil, err
		}
	}
	if p.rules = d.Rules; !p.rules.Screens() {
		answer, err := c.askPart(ctx, p, o, seen)
		if err == nil {
			answer.Plan = noisy
		}
		return answer, err
	}
	screened, answer, err := c.askScreened(ctx, p, o, seen)
	for try := 1; stale(err) && try < maxScreenings; try++ { // another answer came before this one: it is compared with that
		if err = c.settled(ctx); err == nil {
			screened, answer, err = c.askScreened(ctx, p, o, seen)
		}
	}
	if err != nil {
		return nil, err
	}
	if answer.Plan, err = noisy.Withhold(p.rules, screened.shown, screened.recipient); err != nil {
		return nil, queryError(err)
	}
	answer.Seconds.Add(screened.Seconds)
	answer.CPUSeconds += screened.CPUSeconds
	return answer, nil
}

// expect refuses a question that joins by persons and that nobody would answer, before anything is computed for it, and gives one without a deadline
// of its own as long as it may take: twice the processor time that all of its steps are expected to need, one after the other.
func (c *Client) expect(plan *engine.Plan, rules engine.Disclosure, o *AskOptions) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	work, err := c.replica.Expected(c.params, plan, rules)
	if err != nil {
		return queryError(err)
	}
	if o.Deadline <= 0 {
		o.Deadline = min(DefaultDeadline+time.Duration(4*work.Seconds)*time.Second, protocols.MaxDeadlineSeconds*time.Second)
	}
	return nil
}

// maxScreenings bounds how often a round is screened since other answers came before it.
const maxScreenings = 5

// askScreened asks for a round's screening, and then for the answer that rests on it.
func (c *Client) askScreened(ctx context.Context, p part, o AskOptions, seen *circuits.Seen) (screened, answer *Answer, err error) {
	p.screening = true
	if screened, err = c.askPart(ctx, p, o, seen); err != nil {
		return nil, nil, err
	}
	p.screening, p.screen = false, screened.Query
	answer, err = c.askPart(ctx, p, o, seen)
	return screened, answer, err
}

// stale reports whether a question was refused since another answer, or another version of a spine, came before it.
func stale(err error) bool {
	var q *QueryError
	return errors.As(err, &q) && (q.Code == protocols.CodeStaleHistory || q.Code == protocols.CodeStaleSpine)
}

// settled waits until the ledger, as the node shows it, has gone on, or a while.
func (c *Client) settled(ctx context.Context) error {
	select {
	case <-c.watch():
	case <-time.After(newsGrace):
	case <-ctx.Done():
		return &QueryError{Code: "withdrawn", Sentence: "nothing was asked", cause: ctx.Err()}
	}
	return nil
}

// askPart asks what stands as one query on the ledger, and waits for its end. Its machine has verified
// every proof, which seen then holds; the certificate is for Ask to verify. Of a screening, whose counts are not for the
// analyst, there is no result and no certificate.
func (c *Client) askPart(ctx context.Context, p part, o AskOptions, seen *circuits.Seen) (*Answer, error) {
	a := &asking{c: c, o: o, start: time.Now(), cpu: machine.ProcessorSeconds(), answers: make(chan machine.Delivery),
		refused: make(chan error, 1), failed: make(chan error, 1), patience: patience{wait: o.Wait},
		looks: make(chan look), counts: make(chan exchange.Reports)}
	if a.o.Deadline <= 0 {
		a.o.Deadline = DefaultDeadline
	}
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	if err := a.awaitMembers(ctx); err != nil {
		return nil, err
	}
	d, err := c.decide(p, o)
	if err != nil {
		return nil, queryError(err)
	}
	if d.Rules != p.rules {
		return nil, &QueryError{Code: protocols.CodePolicy, Sentence: "a department changed its rules of what an answer may show", Hint: "ask again"}
	}
	a.screening = p.screening
	if err := a.prepare(ctx, p, grantsOf(&d), keys, seen); err != nil {
		return nil, queryError(err)
	}
	defer a.end()
	outcome, err := a.loop(ctx)
	if err != nil {
		return nil, queryError(err)
	}
	if given := a.withdrawn(outcome); given != nil {
		return nil, given
	}
	if outcome.Status == protocols.Expired {
		if err := c.standstill(ctx); err != nil {
			return nil, err
		}
	}
	if outcome.Status != protocols.Answered {
		return nil, c.refusedIn(o.Language, outcome, unanswered(*outcome, c.id.Peer()))
	}
	return a.answer(ctx, p.plan, outcome), nil
}

// unanswered is the error of a question of this peer's that ended without an answer.
func unanswered(o protocols.Outcome, peer string) *QueryError {
	e := &QueryError{Code: o.Code, Sentence: o.Sentence, Departments: o.Departments}
	switch o.Code {
	case protocols.CodeNotVouched:
		e.Hint = voucher(peer)
	case engine.CodeHistory:
		e.Hint = "ask for the same rows as then, or for rows that differ from those by more"
	}
	return e
}

// voucher says who can vouch for an analyst, and how.
func voucher(peer string) string {
	return "the operator of any department vouches for you, at its node:\n    " +
		failure.Command("parley", "people", "add", "--config", "node.toml", "--name", "NAME", "--role", "analyst", peer)
}

// retired is the hint to a key that was revoked or replaced.
const retired = "a key that was revoked or replaced never comes back: parley init makes another, for which an operator may vouch"

// newsGrace is how long what was said through another node may take to the one that is asked.
const newsGrace = 2 * time.Second

// awaitVouch refuses who may not ask, before anything is computed: by the ledger as the node has shown it, and this
// machine's clock in the place of the next block's.
func (c *Client) awaitVouch(ctx context.Context) error {
	return c.awaitNews(ctx, func(s *protocols.State) (refused error, late bool) {
		r := s.MayAsk(c.id.Key(), time.Now().Unix())
		if r == nil {
			return nil, false
		}
		if s.Former(c.id.Key()) != nil {
			return &QueryError{Code: r.Code, Sentence: r.Sentence, Hint: retired}, false
		}
		return &QueryError{Code: r.Code, Sentence: r.Sentence, Hint: voucher(c.id.Peer())}, true
	})
}

// awaitNews looks at the ledger until nothing is refused, or what is can be cured no more by what may have been said
// through another node just now.
func (c *Client) awaitNews(ctx context.Context, look func(*protocols.State) (refused error, late bool)) error {
	for limit := time.After(newsGrace); ; {
		c.mu.Lock()
		changed := c.changed
		refused, late := look(c.replica)
		c.mu.Unlock()
		if refused == nil || !late {
			return refused
		}
		select {
		case <-changed:
		case <-limit:
			return refused
		case <-ctx.Done():
			return &QueryError{Code: "withdrawn", Sentence: "nothing was asked", cause: ctx.Err()}
		}
	}
}

// standstill tells whom the ledger waits for, if the node says that it stands
// still.
func (c *Client) standstill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askGrace)
	defer cancel()
	var h exchange.Hello
	if c.hello(ctx, &h) != nil || len(h.Absent) == 0 || len(h.Absent) > 2*protocols.MaxDepartments {
		return nil
	}
	return &QueryError{Code: "expired", Departments: h.Absent, Sentence: fmt.Sprintf(
		"the ledger stands still: it needs more than two thirds of its validators, and %s cannot be reached", strings.Join(h.Absent, ", "))}
}

// queryError gives what an analyst is told.
func queryError(err error) error {
	var e *engine.Error
	var q *QueryError
	switch {
	case errors.As(err, &q):
		return q
	case errors.As(err, &e):
		return &QueryError{Code: e.Code, Sentence: e.Message, Position: e.Position, Hint: e.Hint}
	case errors.Is(err, protocols.ErrNoEpoch):
		return &QueryError{Code: "not-ready", Sentence: err.Error()}
	}
	return err
}

// prepare builds the machine and what it works with: its memory is this
// process's, its disk and its peers are the node.
func (a *asking) prepare(ctx context.Context, p part, grants []engine.Digest, keys *circuits.Keys, seen *circuits.Seen) error {
	c := a.c
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := protocols.NewAnalyst(protocols.AnalystConfig{Key: c.id.Private(), Keys: keys, Verifying: keys.Verifying().Remembering(seen),
		State: c.replica, Receipts: exchange.CheckReceipt, Plan: p.plan, Question: p.question, Round: p.round,
		Purpose: a.o.Purpose, Basis: a.o.Basis, Grants: grants,
		Rules: p.rules, Screening: p.screening, Screen: p.screen, Time: time.Now().Unix(),
		DeadlineSeconds: uint32(math.Ceil(a.o.Deadline.Seconds()))}, nil)
	if err != nil {
		return err
	}
	a.machine = m
	a.run = &machine.Running{Machine: locked{a}, Watch: machine.NewStopwatch()}
	a.run.Context, a.run.Stop = context.WithCancel(context.WithoutCancel(ctx)) // what is asked is taken back first
	context.AfterFunc(ctx, func() { time.AfterFunc(withdrawLimit, a.run.Stop) })
	a.outbox = machine.NewOutbox(c.log, c.history.Append)
	a.work = machine.Effects{
		Persist: func([]protocols.JournalRecord) error { return nil },
		Publish: func(blobs [][]byte) error { return a.publish(blobs) },
		Send:    a.send,
		Receipt: a.receipt,
		Fetch: func(ctx context.Context, w protocols.Want) (protocols.Blob, error) {
			return c.exchange.Fetch(ctx, w, func() []peer.ID { return []peer.ID{c.node} })
		},
		Proofs:  make(chan struct{}, 1),
		Checks:  make(chan struct{}, runtime.GOMAXPROCS(0)),
		Answers: a.answers,
		Failed: func(err error) {
			select {
			case a.failed <- err:
			default:
			}
		},
	}
	return nil
}

// locked steps a machine that reads the client's replica.
type locked struct{ a *asking }

func (l locked) Step(e protocols.Event) (protocols.Ready, error) {
	c := l.a.c
	c.mu.Lock()
	defer c.mu.Unlock()
	ready, err := l.a.machine.Step(e)
	l.a.startTally()
	return ready, err
}

func (a *asking) publish(blobs [][]byte) error {
	for _, b := range blobs {
		ctx, cancel := context.WithTimeout(a.run.Context, a.o.Deadline)
		err := peers.Retry(ctx, func() error {
			err := a.c.exchange.Upload(ctx, a.c.node, b)
			if len(b) != protocols.SizesOf(a.c.params).KeyShare && errors.Is(err, exchange.ErrNotTaken) {
				return nil // shown with an accusation, and nobody waits for it: another's ended the question
			}
			return err
		})
		cancel()
		if err != nil {
			return unavailable("the node does not take the question's key: %v", err)
		}
	}
	return nil
}

// receipt asks for that of the entry with which the question ends.
func (a *asking) receipt(ctx context.Context, entry engine.Digest) ([]byte, error) {
	if a.done.Digest() != entry {
		return nil, errors.New("the receipt of another entry")
	}
	return a.c.history.Receipt(ctx, a.done)
}

func (a *asking) send(e protocols.Entry) {
	if e.Kind == protocols.KindDone {
		a.done = e
	}
	a.outbox.Send(e, func(err error) {
		if e.Kind == protocols.KindAsk {
			a.refused <- err
		}
	})
}

// loop steps the machine until it has an outcome.
func (a *asking) loop(ctx context.Context) (*protocols.Outcome, error) {
	sending, stop := context.WithCancel(a.c.transport.Closing())
	defer stop()
	go a.outbox.Run(sending)
	watching, stopWatching := context.WithCancel(sending)
	defer a.watching.Wait()
	defer stopWatching()
	a.watchPeers(watching)
	deadline := time.NewTimer(a.o.Deadline + askGrace)
	defer deadline.Stop()
	var event protocols.Event = protocols.Started{}
	for {
		changed := a.c.watch()
		outcome, err := a.work.Step(a.run, event)
		var world *machine.WorldError
		if errors.As(err, &world) {
			return nil, world.Unwrap()
		}
		if outcome != nil && outcome.Status == protocols.Failed {
			// What convicts somebody is said to the end.
			flush, cancel := context.WithTimeout(ctx, accuseTimeout)
			a.outbox.Flush(flush)
			cancel()
		}
		if err != nil || outcome != nil {
			return outcome, err
		}
		if a.report() {
			deadline.Reset(a.o.Deadline + askGrace) // the departments count from here
		}
		if event, err = a.next(ctx, changed, deadline.C); err != nil {
			return nil, err
		}
	}
}

// next waits for the machine's next event. Once the question is given up, only for its end.
func (a *asking) next(ctx context.Context, changed <-chan struct{}, deadline <-chan time.Time) (protocols.Event, error) {
	cancelled := ctx.Done()
	if a.given != nil {
		cancelled, deadline = nil, nil
	}
	for {
		select {
		case <-changed:
			if err := a.c.gap(); err != nil {
				return nil, unavailable("what the node shows of the ledger does not hold together: %v", err)
			}
			return protocols.Ordered{}, nil
		case got := <-a.answers:
			return got.Event, nil
		case err := <-a.refused:
			a.c.mu.Lock()
			a.machine.Refuse(err)
			a.c.mu.Unlock()
			return protocols.Ordered{}, nil
		case err := <-a.failed:
			return nil, err
		case l := <-a.looks:
			switch why := a.judge(l); {
			case a.given != nil && l.node > 0:
				return nil, a.standing() // nobody takes the withdrawal
			case why != nil && a.given == nil:
				return a.giveUp(why), nil
			}
		case said := <-a.counts:
			a.count(said)
		case <-deadline:
			return protocols.Deadline{}, nil
		case <-cancelled:
			return a.giveUp(&QueryError{cause: ctx.Err()}), nil
		case <-a.late:
			return nil, a.standing()
		case <-a.c.transport.Closing().Done():
			return nil, unavailable("the client was closed")
		}
	}
}

// giveUp has the question withdrawn, and remembers why.
func (a *asking) giveUp(why *QueryError) protocols.Event {
	a.given, a.late = why, time.After(withdrawLimit)
	return protocols.Cancel{}
}

// withdrawn is the error of a question that was given up; nil if it came to an end of its own
// first.
func (a *asking) withdrawn(o *protocols.Outcome) *QueryError {
	switch {
	case a.given == nil:
		return nil
	case o.Status == protocols.Withdrawn || o.Code == "too-late":
		return a.given.and(o.Code, o.Sentence)
	}
	return nil
}

// standing is the error of a question that was given up and could not be withdrawn.
func (a *asking) standing() *QueryError {
	return a.given.and("not-withdrawn", "the question could not be withdrawn in time: it ends with its deadline")
}

// and is the error with what became of the question. Why a caller gave it up needs no words.
func (e *QueryError) and(code, what string) *QueryError {
	said := *e
	if e.cause != nil {
		said.Code, said.Sentence = code, what
	} else {
		said.Sentence += "; " + what
	}
	return &said
}

// watch is closed at the next change of the replica.
func (c *Client) watch() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// gap is what is wrong with the history that the node shows.
func (c *Client) gap() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// end drops what is under way and waits for it.
func (a *asking) end() {
	a.run.Stop()
	a.c.forget(a.tally)
	a.work.Wait()
}

// answer is what the machine found, with where the time went.
func (a *asking) answer(ctx context.Context, plan *engine.Plan, outcome *protocols.Outcome) *Answer {
	c := a.c
	out := &Answer{Query: a.machine.Query(), Plan: plan, Result: outcome.Result, shown: outcome.Verdict, recipient: outcome.Recipient, Assurance: "sealed", Parameters: c.params.Name()}
	if cert := outcome.Certificate; cert != nil {
		if a.o.NoOpening {
			cert = cert.WithoutOpening()
		}
		out.Certificate, out.Attached = cert.Marshal(), outcome.Attached
	}
	out.Departments = a.departments()
	ask, cancel := context.WithTimeout(ctx, exchange.ReportTimeout+time.Second)
	defer cancel()
	if said, err := exchange.AskReports(ask, c.transport, c.node, out.Query); err == nil {
		for _, r := range said.List {
			out.Seconds.Merge(r.Report, &out.CPUSeconds)
		}
	}
	out.Seconds.Merge(a.run.Watch.Report(), new(float64))
	out.CPUSeconds += machine.ProcessorSeconds() - a.cpu
	out.Seconds.Total = time.Since(a.start).Seconds()
	return out
}

func (a *asking) departments() []DepartmentStatus {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	q := a.c.replica.Query(a.machine.Query())
	if q == nil {
		return nil
	}
	var out []DepartmentStatus
	for _, m := range q.Epoch.Members {
		d := DepartmentStatus{Name: m.Name, Peer: peers.PeerOf(m.Key), Status: "shared"}
		switch ciphertexts, products := q.Gives(m.Key); {
		case ciphertexts > 0 && products > 0:
			d.Status = "contributed and multiplied"
		case ciphertexts > 0:
			d.Status = "contributed"
		case products > 0:
			d.Status = "multiplied"
		}
		out = append(out, d)
	}
	return out
}
