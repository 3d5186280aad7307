package flight

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/node/client"
	"parley/node/columnar"
)

// handleBytes is how long a handle is: nobody guesses one, and another person's is not found.
const handleBytes = 24

func newHandle() string {
	b := make([]byte, handleBytes)
	rand.Read(b) // never fails (crypto/rand)
	return string(b)
}

// run is a question that was asked here, once: its answer is fetched as often as a client likes.
type run struct {
	handle string
	cancel context.CancelFunc
	done   chan struct{} // closed when the fields below it stay as they are

	record      arrow.Record
	certificate []byte // nil of an explanation
	err         error
	bytes       int64
	until       time.Time // that it can be fetched

	mu       sync.Mutex
	progress float64
	said     float64       // of it, to whoever polls
	moved    chan struct{} // closed and replaced with each step
}

var errNoRun = status.Error(codes.NotFound, "no answer of yours with that handle is held here: it was never asked, or its time is over; ask again")

// begin asks a question, or has it explained, and comes back at once.
func (s *Server) begin(p *person, sql string, v values) (*run, error) {
	explained, isExplain := cutExplain(sql)
	table, isOwn := ownTable(sql)
	if !isExplain && !isOwn && v.Purpose == "" {
		return nil, status.Error(codes.PermissionDenied, "the question has no purpose: without one no department answers\n"+
			"HINT: send the header "+headerPrefix+"purpose, or set the session option purpose. It stands on the ledger.")
	}
	s.mu.Lock()
	if s.ending {
		s.mu.Unlock()
		return nil, status.Error(codes.Unavailable, "this door is being closed")
	}
	s.asking.Add(1)
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(s.work)
	r := &run{handle: newHandle(), cancel: cancel, done: make(chan struct{}), moved: make(chan struct{})}
	if err := s.remember(p, r); err != nil {
		cancel()
		s.asking.Done()
		return nil, err
	}
	go func() {
		defer s.asking.Done()
		defer cancel()
		var record arrow.Record
		var certificate []byte
		var err error
		defer func() {
			if f := recover(); f != nil {
				s.o.Log.Error("a question ends by a fault of the door", "panic", fmt.Sprint(f))
				err = status.Error(codes.Internal, "internal error")
			}
			s.finish(r, record, certificate, err)
		}()
		if isOwn {
			record, err = ownRecord(ctx, p.desk, table)
			return
		}
		if isExplain {
			var lines []string
			if lines, err = p.desk.Explain(ctx, explained, v.asked()); err == nil {
				record = textRecord("QUERY PLAN", lines)
			}
			return
		}
		o := v.asked()
		o.Progress = r.step
		var answer *client.Answer
		if answer, err = p.desk.Ask(ctx, sql, o); err == nil {
			certificate = answer.Certificate
			record, err = columnar.Record(answer.Result)
		}
	}()
	return r, nil
}

// finish closes a run.
func (s *Server) finish(r *run, record arrow.Record, certificate []byte, err error) {
	r.record, r.certificate, r.err, r.until = record, certificate, err, s.o.Now().Add(RunLife)
	if err == nil {
		r.bytes = bytesOf(record) + int64(len(certificate))
	}
	s.mu.Lock()
	s.held += r.bytes
	s.mu.Unlock()
	close(r.done)
}

// bytesOf is about how much a record takes.
func bytesOf(record arrow.Record) (n int64) {
	for _, c := range record.Columns() {
		for _, b := range c.Data().Buffers() {
			if b != nil {
				n += int64(b.Len())
			}
		}
	}
	return n
}

// remember keeps a run among the person's, and lets those go whose time is over or that are too many.
func (s *Server) remember(p *person, r *run) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := s.o.Now()
	keep := p.runs[:0:0]
	for i, old := range p.runs {
		s.mu.Lock()
		crowded := s.held > MaxHeldBytes
		s.mu.Unlock()
		if old.ended() && (now.After(old.until) || crowded || len(p.runs)-i >= MaxRuns) {
			s.mu.Lock()
			s.held -= old.bytes
			s.mu.Unlock()
			continue // whoever streams it still holds it
		}
		keep = append(keep, old)
	}
	p.runs = keep
	if len(p.runs) >= MaxRuns {
		return status.Errorf(codes.ResourceExhausted, "%d of your questions have not ended", len(p.runs))
	}
	p.runs = append(p.runs, r)
	return nil
}

// find is the person's run of a handle, whose time is not over.
func (s *Server) find(p *person, handle []byte) (*run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		if r.handle == string(handle) && !(r.ended() && s.o.Now().After(r.until)) {
			return r, nil
		}
	}
	return nil, errNoRun
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// wait waits for the answer. Who leaves withdraws the question.
func (r *run) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		r.cancel()
		return ctx.Err()
	}
}

// weights are about which part of a question's time has passed at each step that departments take one by one: from, and how much more.
var weights = map[string][2]float64{"asked": {0.02, 0}, "admitted": {0.02, 0.05}, client.StepProving: {0.07, 0.8}, "contributed": {0.07, 0.4}, "multiplied": {0.4, 0.2},
	"attested": {0.47, 0.1}, "shared": {0.57, 0.33}, "verified": {0.95, 0}}

// step takes a step of the client's. It does not block, and progress does not go back.
func (r *run) step(s client.Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, known := weights[s.Name]; known && !s.Screening {
		part := 0.0
		if s.Total > 0 {
			part = float64(min(s.Done, s.Total)) / float64(s.Total)
		}
		r.progress = max(r.progress, w[0]+w[1]*part)
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

// news is closed when it is further than was said.
func (r *run) news() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress > r.said {
		already := make(chan struct{})
		close(already)
		return already
	}
	return r.moved
}

// tell is how far it is.
func (r *run) tell() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = r.progress
	return r.said
}

// cutExplain tells an explanation from a question.
func cutExplain(sql string) (rest string, ok bool) {
	trimmed := strings.TrimSpace(sql)
	if len(trimmed) > 8 && strings.EqualFold(trimmed[:7], "explain") && strings.ContainsAny(trimmed[7:8], " \t\r\n") {
		return trimmed[8:], true
	}
	return sql, false
}

// textRecord is one column of lines.
func textRecord(name string, lines []string) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: name, Type: arrow.BinaryTypes.String}}, nil))
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues(lines, nil)
	return b.NewRecord()
}
