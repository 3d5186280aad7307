package flight

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	gen "github.com/apache/arrow/go/v17/arrow/flight/gen/flight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"parley/engine/policy"
	"parley/node/client"
	"parley/protocols"
)

// headerPrefix is of headers that say how a call's question is asked: x-parley-purpose and its like.
const headerPrefix = "x-parley-"

// names of what can be said of a question, by headers and as options of a session.
var optionNames = []string{"purpose", "legal_basis", "language", "wait"}

// values are how a question is asked.
type values struct {
	Purpose, Basis, Language string
	Wait                     time.Duration
}

func (v values) asked() client.AskOptions {
	return client.AskOptions{Purpose: v.Purpose, Basis: v.Basis, Language: v.Language, Wait: v.Wait}
}

// set sets a value by its name.
func (v *values) set(name, text string) error {
	switch name {
	case "purpose":
		v.Purpose = text
	case "legal_basis":
		v.Basis = text
	case "language":
		if text != "" && text != policy.English && text != policy.Chinese {
			return fmt.Errorf("language is %q or %q", policy.English, policy.Chinese)
		}
		v.Language = text
	case "wait":
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > protocols.MaxDeadlineSeconds {
			return fmt.Errorf("wait is of 0 to %d seconds", protocols.MaxDeadlineSeconds)
		}
		v.Wait = time.Duration(seconds) * time.Second
	default:
		return fmt.Errorf("there is no option %.40q", name)
	}
	return nil
}

// get is a value by its name.
func (v *values) get(name string) string {
	switch name {
	case "purpose":
		return v.Purpose
	case "legal_basis":
		return v.Basis
	case "language":
		return v.Language
	}
	return strconv.Itoa(int(v.Wait / time.Second))
}

// said is how the question of a call is asked: by the door, the session, and the call, each over the one before.
func (s *Server) said(ctx context.Context, p *person) (values, error) {
	p.mu.Lock()
	v, of := p.options[p.token]
	p.mu.Unlock()
	if !of || v.Purpose == "" {
		v.Purpose = s.o.Purpose
	}
	for _, name := range optionNames {
		headers := metadata.ValueFromIncomingContext(ctx, headerPrefix+name)
		if len(headers) > 1 {
			return v, status.Errorf(codes.InvalidArgument, "the header %s is sent twice", headerPrefix+name)
		}
		if len(headers) == 1 {
			if err := v.set(name, headers[0]); err != nil {
				return v, status.Error(codes.InvalidArgument, err.Error())
			}
		}
	}
	if v.Purpose == "" && v.Basis == "" {
		return v, nil
	}
	if err := policy.CheckPurpose(v.Purpose, v.Basis); err != nil {
		return v, status.Error(codes.InvalidArgument, err.Error())
	}
	return v, nil
}

// SetSessionOptions implements flightsql.Server: what questions with this token are asked for, unless a call says otherwise.
func (s *Server) SetSessionOptions(ctx context.Context, q *flight.SetSessionOptionsRequest) (*flight.SetSessionOptionsResult, error) {
	p := caller(ctx)
	if p.token == "" {
		return nil, status.Error(codes.FailedPrecondition, "options are of a session, which begins with a token: with a certificate alone send headers such as "+headerPrefix+"purpose")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for token := range p.options { // those of tokens that have ended
		if _, err := s.tokens.Person(token); err != nil {
			delete(p.options, token)
		}
	}
	v := p.options[p.token]
	out := &flight.SetSessionOptionsResult{Errors: map[string]*flight.SetSessionOptionsResultError{}}
	for name, value := range q.GetSessionOptions() {
		fault := &flight.SetSessionOptionsResultError{Value: flight.SetSessionOptionsResultErrorInvalidName}
		known := false
		for _, n := range optionNames {
			known = known || n == name
		}
		if known {
			text, ok := textOf(value)
			if ok && v.set(name, text) == nil {
				continue
			}
			fault.Value = flight.SetSessionOptionsResultErrorInvalidValue
		}
		out.Errors[name] = fault
	}
	p.options[p.token] = v
	return out, nil
}

// textOf is an option's value as text; one that is none means the default.
func textOf(v *flight.SessionOptionValue) (string, bool) {
	switch v := v.GetOptionValue().(type) {
	case nil:
		return "", true
	case *gen.SessionOptionValue_StringValue:
		return v.StringValue, true
	case *gen.SessionOptionValue_Int64Value:
		return strconv.FormatInt(v.Int64Value, 10), true
	}
	return "", false
}

// GetSessionOptions implements flightsql.Server.
func (s *Server) GetSessionOptions(ctx context.Context, _ *flight.GetSessionOptionsRequest) (*flight.GetSessionOptionsResult, error) {
	p := caller(ctx)
	p.mu.Lock()
	v := p.options[p.token]
	p.mu.Unlock()
	out := &flight.GetSessionOptionsResult{SessionOptions: map[string]*flight.SessionOptionValue{}}
	for _, name := range optionNames {
		value, err := flight.NewSessionOptionValue(v.get(name))
		if err != nil {
			return nil, err
		}
		out.SessionOptions[name] = &value
	}
	return out, nil
}

// CloseSession implements flightsql.Server: the token ends.
func (s *Server) CloseSession(ctx context.Context, _ *flight.CloseSessionRequest) (*flight.CloseSessionResult, error) {
	p := caller(ctx)
	if p.token == "" {
		return &flight.CloseSessionResult{Status: flight.CloseSessionResultNotCloseable}, nil
	}
	s.tokens.End(p.token)
	p.mu.Lock()
	delete(p.options, p.token)
	p.mu.Unlock()
	return &flight.CloseSessionResult{Status: flight.CloseSessionResultClosed}, nil
}
