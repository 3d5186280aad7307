package flight

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/engine"
	"parley/node/columnar"
)

// GetFlightInfoStatement implements flightsql.Server: it asks, and waits for the answer, since an answer's decimals have their types from
// its values.
func (s *Server) GetFlightInfoStatement(ctx context.Context, q flightsql.StatementQuery, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	r, err := s.ask(ctx, q.GetQuery())
	if err != nil {
		return nil, err
	}
	return s.answered(ctx, r, d)
}

// ask begins a question of a call.
func (s *Server) ask(ctx context.Context, sql string) (*run, error) {
	p := caller(ctx)
	v, err := s.said(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(sql) > engine.MaxSQLBytes {
		return nil, status.Errorf(codes.InvalidArgument, "the SQL has more than %d bytes", engine.MaxSQLBytes)
	}
	return s.begin(p, sql, v)
}

// answered waits for an answer and says where it is fetched.
func (s *Server) answered(ctx context.Context, r *run, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	if err := r.wait(ctx); err != nil {
		return nil, err
	}
	return infoOf(r, d)
}

// infoOf is where an answer is fetched, until its time is over.
func infoOf(r *run, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	ticket, err := flightsql.CreateStatementQueryTicket([]byte(r.handle))
	if err != nil {
		return nil, err
	}
	return &flight.FlightInfo{
		Schema: flight.SerializeSchema(r.record.Schema(), memory.DefaultAllocator), FlightDescriptor: d,
		Endpoint:     []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: ticket}, ExpirationTime: timestamppb.New(r.until)}},
		TotalRecords: r.record.NumRows(), TotalBytes: r.bytes, Ordered: true, AppMetadata: []byte(r.handle),
	}, nil
}

// GetSchemaStatement implements flightsql.Server: of what has no decimals, whose places follow from the answer.
func (s *Server) GetSchemaStatement(ctx context.Context, q flightsql.StatementQuery, _ *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	schema, err := s.planned(ctx, q.GetQuery())
	if err != nil {
		return nil, err
	}
	if schema == nil {
		return nil, status.Error(codes.FailedPrecondition, "the places of this question's decimals follow from its answer, and so do their types")
	}
	return &flight.SchemaResult{Schema: flight.SerializeSchema(schema, memory.DefaultAllocator)}, nil
}

// planned is the schema of a question that is not asked yet; nil where it has decimals.
func (s *Server) planned(ctx context.Context, sql string) (*arrow.Schema, error) {
	if _, explains := cutExplain(sql); explains {
		r := textRecord("QUERY PLAN", nil)
		defer r.Release()
		return r.Schema(), nil
	}
	if t, isOwn := ownTable(sql); isOwn {
		return ownSchema(t)
	}
	columns, err := caller(ctx).desk.Plan(ctx, sql)
	if err != nil {
		return nil, err
	}
	names, kinds := make([]string, len(columns)), make([]engine.Kind, len(columns))
	for i, c := range columns {
		if c.Kind == engine.Decimal {
			return nil, nil
		}
		names[i], kinds[i] = c.Name, c.Kind
	}
	return columnar.Schema(names, kinds, nil)
}

// DoGetStatement implements flightsql.Server: the answer's rows, and then its certificate, in pieces, as the app metadata of batches without
// rows. An answer can be fetched again until its time is over; it is asked and charged once.
func (s *Server) DoGetStatement(ctx context.Context, q flightsql.StatementQueryTicket) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	r, err := s.find(caller(ctx), q.GetStatementHandle())
	if err != nil {
		return nil, nil, err
	}
	if err := r.wait(ctx); err != nil {
		return nil, nil, err
	}
	out := make(chan flight.StreamChunk, 1)
	go func() {
		defer close(out)
		send := func(c flight.StreamChunk) bool {
			select {
			case out <- c:
				return true
			case <-ctx.Done():
			}
			select { // one that is cut short ends in an error: an empty rest would look like the end
			case out <- flight.StreamChunk{Err: status.FromContextError(ctx.Err()).Err()}:
			default: // what is written of what waits there fails
			}
			return false
		}
		for from := int64(0); from == 0 || from < r.record.NumRows(); from += BatchRows {
			if !send(flight.StreamChunk{Data: r.record.NewSlice(from, min(from+BatchRows, r.record.NumRows()))}) {
				return
			}
		}
		for rest := r.certificate; len(rest) > 0; {
			piece := rest[:min(PieceBytes, len(rest))]
			if rest = rest[len(piece):]; !send(flight.StreamChunk{Data: r.record.NewSlice(0, 0), AppMetadata: piece}) {
				return
			}
		}
	}()
	return r.record.Schema(), out, nil
}

// PollFlightInfoStatement implements flightsql.Server: it begins a question and comes back soon; the descriptor that it gives asks for news.
func (s *Server) PollFlightInfoStatement(ctx context.Context, q flightsql.StatementQuery, _ *flight.FlightDescriptor) (*flight.PollInfo, error) {
	r, err := s.ask(ctx, q.GetQuery())
	if err != nil {
		return nil, err
	}
	return s.poll(r)
}

// PollFlightInfo implements flightsql.Server: news of a question that was begun so, once there are any.
func (s *Server) PollFlightInfo(ctx context.Context, d *flight.FlightDescriptor) (*flight.PollInfo, error) {
	r, err := s.find(caller(ctx), d.GetCmd())
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(pollTime)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-r.news():
	case <-timer.C:
	case <-ctx.Done(): // a question that is polled goes on without its client, until it is cancelled
		return nil, ctx.Err()
	}
	return s.poll(r)
}

func (s *Server) poll(r *run) (*flight.PollInfo, error) {
	d := &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte(r.handle)}
	if !r.ended() {
		progress := r.tell()
		return &flight.PollInfo{Info: &flight.FlightInfo{FlightDescriptor: d, TotalRecords: -1, TotalBytes: -1, AppMetadata: d.Cmd}, FlightDescriptor: d, Progress: &progress}, nil
	}
	if r.err != nil {
		return nil, r.err
	}
	info, err := infoOf(r, d)
	whole := 1.0
	return &flight.PollInfo{Info: info, Progress: &whole, ExpirationTime: timestamppb.New(r.until)}, err
}

// CancelFlightInfo implements flightsql.Server: a question that runs is withdrawn.
func (s *Server) CancelFlightInfo(ctx context.Context, q *flight.CancelFlightInfoRequest) (flight.CancelFlightInfoResult, error) {
	r, err := s.find(caller(ctx), q.GetInfo().GetAppMetadata())
	if err != nil {
		return flight.CancelFlightInfoResult{}, err
	}
	if r.ended() {
		return flight.CancelFlightInfoResult{Status: flight.CancelStatusNotCancellable}, nil
	}
	r.cancel()
	select {
	case <-r.done:
		return flight.CancelFlightInfoResult{Status: flight.CancelStatusCancelled}, nil
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	return flight.CancelFlightInfoResult{Status: flight.CancelStatusCancelling}, nil
}
