package standing

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/engine"
	"parley/engine/standing"
	"parley/node/client"
	"parley/node/failure"
	"parley/protocols"
)

const (
	// firstPause and lastPause bound how long the runner waits for a network that is not there.
	firstPause, lastPause = 5 * time.Second, 10 * time.Minute
	// longestSleep is how soon a changed clock is noticed.
	longestSleep = time.Minute
	// sayTimeout bounds how long one alert waits for the ledger.
	sayTimeout = 2 * time.Minute
)

// asker is what the runner needs of a connection.
type asker interface {
	Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error)
	Say(ctx context.Context, of func(*protocols.State) (protocols.Body, error)) error
	Close() error
}

// runner asks questions when they are due.
type runner struct {
	questions []*standing.Question
	store     store
	keep      int
	pinned    *protocols.Network
	language  string
	log       *slog.Logger
	dial      func(ctx context.Context) (asker, error)
	// told turns an error of a question into what people are told: with all that is missing.
	told func(ctx context.Context, a asker, q *standing.Question, err error) *failure.Failure

	now   func() time.Time
	pause func(ctx context.Context, d time.Duration)

	records map[string]*record
	tries   map[string]*try
}

// try is a question whose network was not there.
type try struct {
	at    time.Time
	pause time.Duration
}

// load reads what is kept of all questions, and notes what their files say now.
func (r *runner) load() error {
	r.records, r.tries = map[string]*record{}, map[string]*try{}
	for _, q := range r.questions {
		if r.records[q.Name] != nil {
			return failure.Usage("arguments", "give them other names", "two files have a question called %q", q.Name)
		}
		kept, err := r.store.load(q.Name)
		if err != nil {
			return err
		}
		kept.File, kept.Schedule, kept.Next = q.File, q.Schedule.String(), q.Schedule.Next(r.now())
		if kept.Outcome == asking {
			kept.Outcome, kept.Said = failed, "it was stopped while it was asked: whether it was answered, the ledger shows"
		}
		r.records[q.Name] = &kept
		if err := r.store.save(&kept); err != nil {
			return err
		}
	}
	return nil
}

// run asks what is due, until the context ends.
func (r *runner) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := r.turn(ctx); err != nil {
			return err
		}
		r.pause(ctx, r.untilNext())
	}
	return nil
}

// untilNext is how long nothing is due, a minute at most.
func (r *runner) untilNext() time.Duration {
	now, least := r.now(), longestSleep
	for _, q := range r.questions {
		least = min(least, q.Schedule.Next(now).Sub(now))
		if t := r.tries[q.Name]; t != nil {
			least = min(least, t.at.Sub(now))
		}
	}
	return max(least, 0)
}

// turn asks what is due now, once each, and says the alerts that wait. Its error is of this machine: what
// becomes of a question is in its record.
func (r *runner) turn(ctx context.Context) error {
	var door asker
	defer func() {
		if door != nil {
			door.Close()
		}
	}()
	for _, q := range r.questions {
		kept, now := r.records[q.Name], r.now()
		slot, due := q.Schedule.Due(kept.Slot, now)
		t := r.tries[q.Name]
		if !due && len(kept.Pending) == 0 || t != nil && now.Before(t.at) || ctx.Err() != nil {
			continue
		}
		if door == nil {
			var err error
			if door, err = r.dial(ctx); err != nil {
				door = nil // not a nil client
				if failure.Of(err).ExitStatus() == failure.StatusUsage {
					return err // it would be so for ever
				}
				if err := r.postpone(ctx, q, kept, err); err != nil {
					return err
				}
				continue
			}
		}
		if due {
			if err := r.ask(ctx, door, q, slot); err != nil {
				return err
			}
		}
		if err := r.say(ctx, door, q); err != nil {
			return err
		}
	}
	return nil
}

// postpone has a question tried again, later each time. The slot stays due: nothing was asked.
func (r *runner) postpone(ctx context.Context, q *standing.Question, kept *record, why error) error {
	if ctx.Err() != nil {
		return nil
	}
	t := r.tries[q.Name]
	if t == nil {
		t = &try{pause: firstPause}
		r.tries[q.Name] = t
	}
	t.at = r.now().Add(t.pause)
	r.log.Warn("not asked yet: the network is not there", "question", q.Name, "error", failure.Of(why).Message, "again", t.at.UTC().Format(time.RFC3339))
	t.pause = min(2*t.pause, lastPause)
	if kept.Pending == nil || kept.Outcome != answered { // else the last run stands as it was
		kept.Ran, kept.Outcome, kept.Said = r.now().UTC(), waiting, failure.Of(why).Message
	}
	return r.store.save(kept)
}

// ask asks a question for a slot.
func (r *runner) ask(ctx context.Context, door asker, q *standing.Question, slot time.Time) error {
	kept := r.records[q.Name]
	before := kept.Slot
	kept.Slot, kept.Ran, kept.Outcome, kept.Said, kept.Query, kept.Certificate = slot, r.now().UTC(), asking, "", "", ""
	kept.Next, kept.Raised = q.Schedule.Next(r.now()), nil
	if err := r.store.save(kept); err != nil {
		return err
	}
	r.log.Info("asking", "question", q.Name, "slot", slot.Format(time.RFC3339), "purpose", q.Purpose)
	shared := false // of a question of several rounds an earlier one may have been answered
	a, err := door.Ask(ctx, q.SQL, client.AskOptions{Departments: q.Departments, Purpose: q.Purpose, Basis: q.Basis, Language: r.language,
		Deadline: q.Deadline, Pinned: r.pinned, Progress: func(s client.Step) { shared = shared || s.Name == "shared" }})
	if nothingAsked(err) && !shared {
		kept.Slot = before
		if ctx.Err() != nil {
			kept.Outcome, kept.Said = waiting, "it was stopped before it was asked"
			return r.store.save(kept)
		}
		return r.postpone(ctx, q, kept, err)
	}
	delete(r.tries, q.Name)
	if err != nil {
		told := r.told(ctx, door, q, err)
		kept.Outcome, kept.Said = failed, told.Message
		if told.Code == protocols.CodePolicy || told.Code == protocols.CodeNotVouched {
			kept.Outcome = refused
		}
		if told.Hint != "" {
			kept.Said += "\n" + told.Hint
		}
		r.log.Error("not answered, and not asked again before the next slot", "question", q.Name, "code", told.Code, "why", kept.Said, "next", kept.Next.Format(time.RFC3339))
		return r.store.save(kept)
	}
	return r.took(q, slot, a)
}

// nothingAsked reports whether a question took no use of a grant, because the network was not there or it was
// withdrawn in time.
func nothingAsked(err error) bool {
	var e *client.QueryError
	if !errors.As(err, &e) {
		return err != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
	}
	return e.Code == "unavailable" || e.Code == "not-ready" || e.Code == "withdrawn"
}

// took keeps an answer, and what it gives rise to: before any of it is said, so that nothing of it is lost.
func (r *runner) took(q *standing.Question, slot time.Time, a *client.Answer) error {
	kept := r.records[q.Name]
	kept.Outcome, kept.Query = answered, a.Query.String()
	path, err := r.store.keep(q.Name, slot, a.Certificate, r.keep)
	if kept.Certificate = path; err != nil {
		return err
	}
	if !a.Verdict.ValueShown || r.pinned != nil && !a.Verdict.Verified {
		kept.Outcome, kept.Said = failed, "the answer is not verified against the pinned description, and raises no alert: parley verify shows why"
		r.log.Error("not verified", "question", q.Name, "query", kept.Query, "why", a.Verdict.Reason, "certificate", path)
		return r.store.save(kept)
	}
	raised, figures, wrong := q.Evaluate(a.Result, kept.Figures)
	kept.Figures = figures
	for _, a := range raised {
		kept.Pending = append(kept.Pending, pending{Query: kept.Query, Name: a.Name, Rule: a.Rule, Found: a.Found})
	}
	if wrong != nil {
		kept.Said = errors.Join(wrong...).Error()
		r.log.Error("alerts that this answer cannot decide", "question", q.Name, "why", kept.Said)
	}
	r.log.Info("answered", "question", q.Name, "query", kept.Query, "rows", len(a.Result.Rows), "alerts", len(raised), "certificate", path)
	return r.store.save(kept)
}

// say puts the alerts that wait on the ledger. One that stands there already is said.
func (r *runner) say(ctx context.Context, door asker, q *standing.Question) error {
	kept := r.records[q.Name]
	for len(kept.Pending) > 0 {
		p := kept.Pending[0]
		err := r.sayOne(ctx, door, p)
		var e *client.QueryError
		switch {
		case err == nil || errors.As(err, &e) && e.Code == "duplicate":
			r.log.Warn("alert", "question", q.Name, "name", p.Name, "rule", p.Rule, "found", p.Found, "query", p.Query)
			kept.Raised = append(kept.Raised, p)
		case ctx.Err() != nil:
			return nil
		case e != nil && e.Code != "unavailable":
			r.log.Error("the ledger does not take an alert", "question", q.Name, "name", p.Name, "found", p.Found, "code", e.Code, "why", e.Sentence)
			kept.Said = fmt.Sprintf("the ledger does not take the alert %s (%s): %s", p.Name, p.Found, e.Sentence)
		default:
			return r.postpone(ctx, q, kept, err)
		}
		if kept.Pending = kept.Pending[1:]; len(kept.Pending) == 0 {
			kept.Pending = nil
		}
		if err := r.store.save(kept); err != nil {
			return err
		}
	}
	if _, due := q.Schedule.Due(kept.Slot, r.now()); !due {
		delete(r.tries, q.Name)
	}
	return nil
}

func (r *runner) sayOne(ctx context.Context, door asker, p pending) error {
	raw, err := hex.DecodeString(p.Query)
	if err != nil || len(raw) != len(engine.Digest{}) {
		return &client.QueryError{Code: "unknown-query", Sentence: "its query is not named"}
	}
	ctx, cancel := context.WithTimeout(ctx, sayTimeout)
	defer cancel()
	return door.Say(ctx, func(*protocols.State) (protocols.Body, error) {
		return &protocols.Alert{Query: engine.Digest(raw), Name: p.Name, Rule: p.Rule, Found: p.Found}, nil
	})
}
