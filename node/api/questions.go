package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"parley/node/client"
	"parley/node/render"
)

// The states of a question.
const (
	Running   = "running"
	Answered  = "answered"
	Failed    = "failed"
	Withdrawn = "withdrawn"
)

// Asked is a question that was asked here.
type Asked struct {
	ID      string         `json:"id"` // of this door; the ledger's is in the answer
	State   string         `json:"state"`
	Asked   time.Time      `json:"asked"`
	Ended   *time.Time     `json:"ended,omitempty"`
	SQL     string         `json:"sql"`
	Purpose string         `json:"purpose,omitempty"`
	Steps   []Step         `json:"steps,omitempty"` // the newest; left out of lists
	Answer  *render.Answer `json:"answer,omitempty"`
	Problem *Problem       `json:"problem,omitempty"`
}

// Step is one step of a question.
type Step struct {
	Number     int     `json:"number"` // from 1: the id of its event
	Name       string  `json:"name"`
	Department string  `json:"department,omitempty"`
	Done       int     `json:"done"`
	Total      int     `json:"total"`
	Elapsed    float64 `json:"elapsed"` // seconds since it was asked
	Screening  bool    `json:"screening,omitempty"`
}

// question is one under way, or ended.
type question struct {
	cancel context.CancelFunc

	mu        sync.Mutex
	told      Asked
	number    int           // of the last step
	withdrawn bool          // by its person
	changed   chan struct{} // closed and replaced with each change
}

// key is one by which a question may be sent again.
type key struct {
	digest [sha256.Size]byte // of what was asked
	id     string
	until  time.Time
}

// ask begins a question and gives its id at once. Sent again with the same Idempotency-Key, it is the same question.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, p *person) error {
	again := r.Header.Values("Idempotency-Key")
	if len(again) > 1 || len(again) == 1 && (again[0] == "" || len(again[0]) > MaxKeyBytes) {
		return bad("Idempotency-Key is one text of 1 to %d bytes", MaxKeyBytes)
	}
	in, o, err := s.readQuestion(r)
	if err != nil {
		return err
	}
	name := ""
	if len(again) == 1 {
		name = again[0]
	}
	q, fresh, err := s.begin(p, name, in, o)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if fresh {
		status = http.StatusAccepted
	}
	shown := q.shown(true)
	w.Header().Set("Location", "/v1/questions/"+shown.ID)
	write(w, status, shown)
	return nil
}

// begin makes a question, or finds the one of a key. What the account says and what is asked are decided in one go.
func (s *Server) begin(p *person, name string, in Question, o client.AskOptions) (q *question, fresh bool, err error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, false, err
	}
	digest, now := sha256.Sum256(text), s.o.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if name != "" {
		for k, v := range p.keys {
			if !now.Before(v.until) {
				delete(p.keys, k)
			}
		}
		if k := p.keys[name]; k != nil {
			if k.digest != digest {
				return nil, false, refuse(http.StatusUnprocessableEntity, "idempotency", "this Idempotency-Key was sent with another question", "take a new key for each question")
			}
			if q := p.find(k.id); q != nil {
				return q, false, nil
			}
			return nil, false, refuse(http.StatusGone, "idempotency", "this question was asked, has ended, and is not remembered any more", "GET /v1/answers lists the answers that are kept")
		}
		if len(p.keys) >= MaxKeys {
			return nil, false, refuse(http.StatusTooManyRequests, "busy", fmt.Sprintf("more than %d idempotency keys in %s", MaxKeys, KeyLife), "")
		}
	}
	if err := p.makeRoom(); err != nil {
		return nil, false, err
	}
	ctx, cancel, err := s.start()
	if err != nil {
		return nil, false, err
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails (crypto/rand)
	q = &question{cancel: cancel, changed: make(chan struct{}), told: Asked{ID: hex.EncodeToString(id), State: Running, Asked: now.UTC(), SQL: in.SQL, Purpose: in.Purpose}}
	p.questions = append(p.questions, q)
	if name != "" {
		p.keys[name] = &key{digest, q.told.ID, now.Add(KeyLife)}
	}
	o.Progress = q.step
	go s.run(ctx, p.desk, q, in.SQL, o)
	return q, true, nil
}

// start counts a question that runs, unless the door ends.
func (s *Server) start() (context.Context, context.CancelFunc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil, nil, refuse(http.StatusServiceUnavailable, "unavailable", "this door is being closed", "")
	}
	s.asking.Add(1)
	ctx, cancel := context.WithCancel(s.work)
	return ctx, cancel, nil
}

// run asks a question to its end.
func (s *Server) run(ctx context.Context, desk Desk, q *question, sql string, o client.AskOptions) {
	defer s.asking.Done()
	defer q.cancel()
	answer, err := desk.Ask(ctx, sql, o)
	var shown render.Answer
	var problem *Problem
	if err == nil {
		shown = render.AnswerOf(sql, answer, "")
	} else {
		var told bool
		if problem, told = problemOf(err, o.Language); !told {
			s.o.Log.Error("a question failed", "error", err.Error())
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := s.o.Now().UTC()
	switch q.told.Ended = &now; {
	case err == nil:
		q.told.State, q.told.Answer = Answered, &shown
	case q.withdrawn && (errors.Is(err, context.Canceled) || problem.Code == "withdrawn"):
		q.told.State, q.told.Problem = Withdrawn, problem
	default:
		q.told.State, q.told.Problem = Failed, problem
	}
	q.wake()
}

// makeRoom forgets the oldest question that has ended where there are as many as are remembered; a.mu is held.
func (a *account) makeRoom() error {
	running, oldest := 0, -1
	for i, q := range a.questions {
		if q.ended() {
			if oldest < 0 {
				oldest = i
			}
		} else {
			running++
		}
	}
	if running >= MaxRunning {
		return refuse(http.StatusTooManyRequests, "busy", fmt.Sprintf("%d of your questions have not ended", running), "ask again when some of them are answered, or withdraw some")
	}
	if len(a.questions) >= MaxQuestions && oldest >= 0 {
		a.questions = append(a.questions[:oldest:oldest], a.questions[oldest+1:]...)
	}
	return nil
}

// find is the question of an id; a.mu is held.
func (a *account) find(id string) *question {
	for _, q := range a.questions {
		if q.told.ID == id { // never changes
			return q
		}
	}
	return nil
}

// of is the person's question that a request names. Another person's is none.
func (a *account) of(r *http.Request) (*question, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if q := a.find(r.PathValue("id")); q != nil {
		return q, nil
	}
	return nil, errNoQuestion
}

// wake tells those who follow; q.mu is held.
func (q *question) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *question) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.told.Ended != nil
}

// step takes a step of the client's. It does not block.
func (q *question) step(s client.Step) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.number++
	q.told.Steps = append(q.told.Steps, Step{q.number, s.Name, s.Department, s.Done, s.Total, s.Elapsed.Seconds(), s.Screening})
	if n := len(q.told.Steps); n > 2*MaxSteps {
		q.told.Steps = append([]Step{}, q.told.Steps[n-MaxSteps:]...)
	}
	q.wake()
}

// shown is a copy of what is told of it.
func (q *question) shown(whole bool) Asked {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.told
	out.Steps = append([]Step{}, out.Steps[max(0, len(out.Steps)-MaxSteps):]...)
	if !whole {
		out.Steps, out.Answer = nil, nil
	}
	return out
}

// Questions are those that are remembered, the oldest first.
type Questions struct {
	Questions []Asked `json:"questions"`
}

func (s *Server) questions(w http.ResponseWriter, _ *http.Request, p *person) error {
	p.mu.Lock()
	all := append([]*question{}, p.account.questions...)
	p.mu.Unlock()
	out := Questions{Questions: []Asked{}}
	for _, q := range all {
		out.Questions = append(out.Questions, q.shown(false))
	}
	write(w, http.StatusOK, out)
	return nil
}

func (s *Server) question(w http.ResponseWriter, r *http.Request, p *person) error {
	q, err := p.of(r)
	if err == nil {
		write(w, http.StatusOK, q.shown(true))
	}
	return err
}

// withdraw gives a question up. One that has ended stays as it is.
func (s *Server) withdraw(w http.ResponseWriter, r *http.Request, p *person) error {
	q, err := p.of(r)
	if err != nil {
		return err
	}
	q.mu.Lock()
	q.withdrawn = true
	q.mu.Unlock()
	q.cancel()
	write(w, http.StatusOK, q.shown(true))
	return nil
}

// follow streams a question's steps, from the one after Last-Event-ID on, and at last the question as it ended.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, p *person) error {
	q, err := p.of(r)
	if err != nil {
		return err
	}
	last := 0
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if last, err = strconv.Atoi(id); err != nil || last < 0 {
			return bad("Last-Event-ID is the number of a step")
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	send := func(format string, args ...any) bool {
		control.SetWriteDeadline(s.soon())
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	beat := time.NewTicker(beatTime)
	defer beat.Stop()
	for {
		q.mu.Lock()
		changed := q.changed
		q.mu.Unlock() // what changes between here and there is looked at once more
		now := q.shown(true)
		for _, step := range now.Steps {
			if step.Number <= last {
				continue
			}
			last = step.Number
			if b, err := json.Marshal(step); err != nil || !send("id: %d\nevent: step\ndata: %s\n\n", last, b) {
				return nil
			}
		}
		if now.Ended != nil {
			if b, err := json.Marshal(now); err == nil {
				send("event: ended\ndata: %s\n\n", b)
			}
			return nil
		}
		select {
		case <-changed:
		case <-beat.C:
			if _, err := s.tokens.Person(p.token); err != nil || p.desk.Standing() != nil || !send(": \n\n") {
				return nil // logged out, revoked, or gone
			}
		case <-r.Context().Done():
			return nil
		}
	}
}
