// Package door is what all doors of a network share, whatever they speak to their users: a Desk for each person who logs in, with
// what the person sees, one account of what is asked at once, the answers that are kept with their certificates, and the tables by
// which a door tells of itself.
package door

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/render"
	"parley/protocols"
)

// Limits of one person's desk.
const (
	// AtOnce is how many questions are asked at the same time, by default.
	AtOnce = 4
	// Waiting is how many more wait for their turn, by default.
	Waiting = 32
)

// Network is what a desk asks its questions of: a *client.Client is one.
type Network interface {
	client.Asker
	Decide(ctx context.Context, sql string, o client.AskOptions) (policy.Decision, error)
	Screening(ctx context.Context, sql string, departments []string, rules engine.Disclosure) (*engine.ExplainedScreening, error)
	Ruled(ctx context.Context, sql string, o client.AskOptions, rules engine.Disclosure) (*engine.Explanation, error)
	View(look func(*protocols.State))
	CutOff() *client.QueryError
	Signed(entry uint64) time.Time
	Key() protocols.Key
}

// Told adds to a decision the commands that go on from there.
type Told func(ctx context.Context, sql string, o client.AskOptions, d *policy.Decision) (render.Decision, error)

// Options are a desk's. The zero value works, and keeps answers in memory alone.
type Options struct {
	// Dir is the folder of the person's kept answers; "": they are kept in memory, and gone with it.
	Dir string
	// AtOnce and Waiting bound the person's questions; 0 is the constant of that name.
	AtOnce, Waiting int
	// Pinned is the network whose answers they must be, if the question says nothing else.
	Pinned *protocols.Network
	// Chronicle is what parley.ledger and parley.trail are read from; nil: they are empty.
	Chronicle *audit.Chronicle
	// Told is asked by Explain; nil: a decision is told without commands.
	Told Told
	Log  *slog.Logger // of the operator; nil: none
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Desk is where one person's sessions ask, whatever door they came in by: one account of what is asked at once, one
// list of kept answers. Safe for concurrent use.
type Desk struct {
	network Network
	o       Options
	kept    *kept
	turns   turns

	mu   sync.Mutex
	view view
}

// New opens a person's desk, with the answers that its folder has kept.
func New(n Network, o Options) (*Desk, error) {
	if o.AtOnce == 0 {
		o.AtOnce = AtOnce
	}
	if o.Waiting == 0 {
		o.Waiting = Waiting
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k, err := openKept(o.Dir, o.Log)
	if err != nil {
		return nil, err
	}
	return &Desk{network: n, o: o, kept: k, turns: turns{free: o.AtOnce, most: o.Waiting}}, nil
}

// Standing is nil while the person may use the door; afterwards (revoked, or never vouched for) it says why not. A node that has cut the
// person off may not have shown why, and is believed.
func (d *Desk) Standing() *client.QueryError {
	refused := d.network.CutOff()
	if refused != nil {
		return refused
	}
	d.network.View(func(s *protocols.State) {
		if r := s.MayAsk(d.network.Key(), d.o.Now().Unix()); r != nil {
			refused = &client.QueryError{Code: r.Code, Sentence: r.Sentence}
		}
	})
	return refused
}

// Ask asks a question and keeps its answer with its certificate. Waits its turn where the person asks more at once than is
// allowed, which o.Progress is told as steps of the name StepTurn. An answer that cannot be written is given all the same, since it has been
// paid for, and kept in memory; the log says so.
func (d *Desk) Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error) {
	if refused := d.Standing(); refused != nil {
		return nil, refused
	}
	leave, err := d.turns.take(ctx, func(place int) {
		if o.Progress != nil {
			o.Progress(client.Step{Name: StepTurn, Total: place})
		}
	})
	if err != nil {
		return nil, err
	}
	defer leave()
	if o.Pinned == nil {
		o.Pinned = d.o.Pinned
	}
	asked := d.o.Now()
	answer, err := d.network.Ask(ctx, sql, o)
	if err != nil {
		return nil, err
	}
	d.kept.keep(record{Query: answer.Query.String(), Asked: asked.UTC(), SQL: sql, Purpose: o.Purpose, Basis: o.Basis,
		Verdict: render.VerdictLine(answer.Verdict), Assurance: answer.Assurance, Parameters: answer.Parameters, Seconds: answer.Seconds.Total}, answer)
	return answer, nil
}

// Plan types a question over the present tables without asking or deciding anything: the columns it will give. It knows all tables of
// the network, not those alone that Catalogue shows: what is missing for an answer, a refusal tells.
func (d *Desk) Plan(ctx context.Context, sql string) ([]Column, error) {
	x, err := d.network.Explain(ctx, sql, client.AskOptions{})
	if err != nil {
		return nil, err
	}
	out := make([]Column, len(x.Columns))
	for i, name := range x.Columns {
		out[i] = Column{Name: name, Kind: x.Kinds[i], Scale: -1}
	}
	return out, nil
}

// Explain is what `parley explain --node` prints, in lines.
func (d *Desk) Explain(ctx context.Context, sql string, o client.AskOptions) ([]string, error) {
	x, err := Explain(ctx, d.network, sql, o, d.o.Told)
	if err != nil {
		return nil, err
	}
	return x.Lines(o.Language), nil
}

// StepTurn is the name of the step that a question waits for others of the same person; Step.Total is its place among those that wait, 1
// being the next.
const StepTurn = "turn"

// turns hands out places to ask, in the order of arrival.
type turns struct {
	mu      sync.Mutex
	free    int
	most    int
	waiting []*waiter
}

type waiter struct {
	ready chan struct{} // closed: it is its turn
	moved chan struct{} // there is news of its place
}

// take waits for a place, and gives what gives it back. told is called with the place in the queue as it changes, from this goroutine.
func (t *turns) take(ctx context.Context, told func(place int)) (leave func(), err error) {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return t.leave, nil
	}
	if len(t.waiting) >= t.most {
		t.mu.Unlock()
		return nil, &client.QueryError{Code: "busy", Sentence: "too many of your questions wait for their turn already: " + engine.Plural(t.most, "question"),
			Hint: "ask again when some of them are answered, or cancel some"}
	}
	w := &waiter{ready: make(chan struct{}), moved: make(chan struct{}, 1)}
	t.waiting = append(t.waiting, w)
	place := len(t.waiting)
	t.mu.Unlock()
	for told(place); ; {
		select {
		case <-w.ready:
			return t.leave, nil
		case <-w.moved:
			if place = t.place(w); place > 0 {
				told(place)
			}
		case <-ctx.Done():
			if t.place(w) == 0 || !t.drop(w) { // it came at the same time
				t.leave()
			}
			return nil, ctx.Err()
		}
	}
}

// place is a waiter's, from 1; 0 where it waits no more.
func (t *turns) place(w *waiter) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Index(t.waiting, w) + 1
}

// drop takes a waiter out of the queue, and tells those behind; false where it was not in it.
func (t *turns) drop(w *waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, w)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	t.tell(i)
	return true
}

// leave gives a place to the first that waits.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.free++
		return
	}
	close(t.waiting[0].ready)
	t.waiting = slices.Delete(t.waiting, 0, 1)
	t.tell(0)
}

// tell wakes those that wait from a place on; t.mu is held.
func (t *turns) tell(from int) {
	for _, w := range t.waiting[from:] {
		select {
		case w.moved <- struct{}{}:
		default: // it has not looked yet since it was told last
		}
	}
}
