package flight

import (
	"context"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/engine"
)

// prepared is a statement that a client has by a handle.
type prepared struct {
	handle, sql string
	used        time.Time
}

var (
	errNotPrepared = status.Error(codes.NotFound, "no statement of yours with that handle is prepared here: it was closed, or has not been used for long; prepare it again")
	errParameters  = status.Error(codes.Unimplemented, "parameters of prepared statements are not taken at this door yet: write the values into the statement; the PostgreSQL door takes them")
)

// CreatePreparedStatement implements flightsql.Server. The statement is planned, and not asked.
func (s *Server) CreatePreparedStatement(ctx context.Context, q flightsql.ActionCreatePreparedStatementRequest) (out flightsql.ActionCreatePreparedStatementResult, err error) {
	if len(q.GetQuery()) > engine.MaxSQLBytes {
		return out, status.Errorf(codes.InvalidArgument, "the SQL has more than %d bytes", engine.MaxSQLBytes)
	}
	if out.DatasetSchema, err = s.planned(ctx, q.GetQuery()); err != nil {
		return out, err
	}
	p, now := caller(ctx), s.o.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prepared = slices.DeleteFunc(p.prepared, func(st *prepared) bool { return now.Sub(st.used) > PreparedLife })
	if len(p.prepared) >= MaxPrepared {
		oldest := 0
		for i, st := range p.prepared {
			if st.used.Before(p.prepared[oldest].used) {
				oldest = i
			}
		}
		p.prepared = slices.Delete(p.prepared, oldest, oldest+1)
	}
	st := &prepared{newHandle(), q.GetQuery(), now}
	p.prepared = append(p.prepared, st)
	out.Handle = []byte(st.handle)
	return out, nil
}

// statement is the SQL of a handle, which is used now.
func (s *Server) statement(p *person, handle []byte) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range p.prepared {
		if now := s.o.Now(); st.handle == string(handle) && now.Sub(st.used) <= PreparedLife {
			st.used = now
			return st.sql, nil
		}
	}
	return "", errNotPrepared
}

// ClosePreparedStatement implements flightsql.Server.
func (s *Server) ClosePreparedStatement(ctx context.Context, q flightsql.ActionClosePreparedStatementRequest) error {
	p := caller(ctx)
	if _, err := s.statement(p, q.GetPreparedStatementHandle()); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prepared = slices.DeleteFunc(p.prepared, func(st *prepared) bool { return st.handle == string(q.GetPreparedStatementHandle()) })
	return nil
}

// GetFlightInfoPreparedStatement implements flightsql.Server: it asks, each time.
func (s *Server) GetFlightInfoPreparedStatement(ctx context.Context, q flightsql.PreparedStatementQuery, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	sql, err := s.statement(caller(ctx), q.GetPreparedStatementHandle())
	if err != nil {
		return nil, err
	}
	r, err := s.ask(ctx, sql)
	if err != nil {
		return nil, err
	}
	return s.answered(ctx, r, d)
}

// PollFlightInfoPreparedStatement implements flightsql.Server.
func (s *Server) PollFlightInfoPreparedStatement(ctx context.Context, q flightsql.PreparedStatementQuery, _ *flight.FlightDescriptor) (*flight.PollInfo, error) {
	sql, err := s.statement(caller(ctx), q.GetPreparedStatementHandle())
	if err != nil {
		return nil, err
	}
	r, err := s.ask(ctx, sql)
	if err != nil {
		return nil, err
	}
	return s.poll(r)
}

// GetSchemaPreparedStatement implements flightsql.Server.
func (s *Server) GetSchemaPreparedStatement(ctx context.Context, q flightsql.PreparedStatementQuery, _ *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	sql, err := s.statement(caller(ctx), q.GetPreparedStatementHandle())
	if err != nil {
		return nil, err
	}
	schema, err := s.planned(ctx, sql)
	if err != nil {
		return nil, err
	}
	if schema == nil {
		return nil, status.Error(codes.FailedPrecondition, "the places of this statement's decimals follow from its answer, and so do their types")
	}
	return &flight.SchemaResult{Schema: flight.SerializeSchema(schema, memory.DefaultAllocator)}, nil
}

// DoPutPreparedStatementQuery implements flightsql.Server.
func (s *Server) DoPutPreparedStatementQuery(context.Context, flightsql.PreparedStatementQuery, flight.MessageReader, flight.MetadataWriter) ([]byte, error) {
	return nil, errParameters
}
