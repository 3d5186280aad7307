package flight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/login"
	"parley/protocols"
)

// told is any error as a client is told it. What is none of a client's business is in the log alone.
func (s *Server) told(ctx context.Context, method string, err error) error {
	var q *client.QueryError
	var e *engine.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &q):
	case errors.As(err, &e):
		q = &client.QueryError{Code: e.Code, Sentence: e.Message, Position: e.Position, Hint: e.Hint}
	case errors.Is(err, login.ErrTired), errors.Is(err, login.ErrBusy):
		return status.Error(codes.ResourceExhausted, err.Error())
	case errors.Is(err, login.ErrWrong), errors.Is(err, login.ErrToken):
		return status.Error(codes.Unauthenticated, err.Error())
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "cancelled")
	default:
		if st, ok := status.FromError(err); ok && st.Code() != codes.Unknown { // the door's own, and Arrow's of what it cannot read
			return err
		}
		s.o.Log.Error("a call failed", "method", method, "error", err.Error())
		return status.Error(codes.Internal, "internal error")
	}
	return status.Error(codeOf(q.Code), sentence(q))
}

// sentence is an error of a question in words: what it is, where, what is missing, and what to do.
func sentence(q *client.QueryError) string {
	var b strings.Builder
	b.WriteString(failure.PrintableLines(q.Sentence))
	if q.Position > 0 {
		fmt.Fprintf(&b, "\nPOSITION: %d", q.Position)
	}
	if len(q.Departments) > 0 {
		b.WriteString("\nDEPARTMENTS: " + failure.Printable(strings.Join(q.Departments, ", ")))
	}
	if q.Decision != nil {
		for i := range q.Decision.Missing {
			m := &q.Decision.Missing[i]
			b.WriteString("\nMISSING: " + failure.Printable(m.Department+", "+m.Table+": "+m.Sentence(policy.English)))
		}
	}
	if q.Hint != "" {
		b.WriteString("\nHINT: " + failure.PrintableLines(q.Hint))
	}
	return b.String()
}

// codeOf is the gRPC code of an error of a question.
func codeOf(code string) codes.Code {
	switch code {
	case engine.CodePolicy, engine.CodeWithheld, engine.CodeHistory, protocols.CodeNotVouched, protocols.CodeShadow:
		return codes.PermissionDenied
	case engine.CodeUnsupported, engine.CodeUnanswered:
		return codes.Unimplemented
	case engine.CodeTable, engine.CodeColumn:
		return codes.NotFound
	case "busy", protocols.CodeEpochExhausted:
		return codes.ResourceExhausted
	case "unavailable", "not-ready", "network":
		return codes.Unavailable
	case "expired":
		return codes.DeadlineExceeded
	case "withdrawn", "interrupted":
		return codes.Canceled
	case "stale-catalogue", protocols.CodeStaleHistory, protocols.CodeStaleSpine:
		return codes.Aborted
	case "keys", "unverified":
		return codes.DataLoss
	}
	return codes.InvalidArgument
}
