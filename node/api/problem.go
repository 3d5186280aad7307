package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"parley/engine"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/login"
	"parley/node/render"
	"parley/protocols"
)

// Problem is an error by RFC 9457. Code and the members after it are those that the commands print with --json.
type Problem struct {
	Type       string           `json:"type"`  // "about:blank"
	Title      string           `json:"title"` // of the status
	Status     int              `json:"status"`
	Detail     string           `json:"detail"` // the sentence
	Code       string           `json:"code"`
	Hint       string           `json:"hint,omitempty"`
	Department string           `json:"department,omitempty"`
	Position   int              `json:"position,omitempty"` // 1-based, in characters of the SQL
	Decision   *render.Decision `json:"decision,omitempty"` // of a question that is not allowed: the grants that it lacks
}

func (p *Problem) Error() string { return p.Detail }

// refuse makes a problem of the door's own.
func refuse(status int, code, sentence, hint string) *Problem {
	return &Problem{Status: status, Code: code, Detail: sentence, Hint: hint}
}

var (
	errNoQuestion = refuse(http.StatusNotFound, "not-found", "you have no question of that id here", "GET /v1/answers lists the answers that are kept")
	errNoAnswer   = refuse(http.StatusNotFound, "not-found", "no answer of yours with that id is kept here", "")
	errTooMany    = refuse(http.StatusTooManyRequests, "busy", "too many requests of yours are being served", "wait until some of them have ended")
)

// problemOf gives any error as a client is told it. What is none of a client's business is in the log alone; told is then false.
func problemOf(err error, language string) (p *Problem, told bool) {
	var own *Problem
	var large *http.MaxBytesError
	var asked *client.QueryError
	switch {
	case errors.As(err, &own):
		copied := *own
		p = &copied
	case errors.As(err, &large):
		p = refuse(http.StatusRequestEntityTooLarge, "too-large", "the body of the request is too long", "")
	case errors.Is(err, login.ErrTired), errors.Is(err, login.ErrBusy):
		p = refuse(http.StatusTooManyRequests, "busy", err.Error(), "")
	case errors.Is(err, login.ErrWrong), errors.Is(err, login.ErrToken):
		p = refuse(http.StatusUnauthorized, "login", err.Error(), "POST /v1/sessions with the name and password of the PostgreSQL door gives a token")
	case errors.As(err, &asked):
		f := asked.Failure()
		p = &Problem{Status: statusOf(f.Code), Code: f.Code, Detail: f.Message, Hint: f.Hint, Department: f.Department, Position: f.Position}
		if asked.Decision != nil {
			d := render.DecisionOf(asked.Decision, language)
			p.Decision = &d
		}
	default:
		f := failure.Of(err)
		if f.Code == "failed" { // nobody wrote it for a client to read
			return finish(refuse(http.StatusInternalServerError, "failed", "something failed here; the log of the door has more", "")), false
		}
		p = &Problem{Status: statusOf(f.Code), Code: f.Code, Detail: f.Message, Hint: f.Hint, Department: f.Department, Position: f.Position}
	}
	return finish(p), true
}

func finish(p *Problem) *Problem {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	return p
}

// statusOf is the status of an error of a question.
func statusOf(code string) int {
	switch code {
	case engine.CodePolicy, engine.CodeWithheld, engine.CodeHistory, protocols.CodeNotVouched, protocols.CodeShadow:
		return http.StatusForbidden
	case "busy":
		return http.StatusTooManyRequests
	case "unavailable", "not-ready", protocols.CodeEpochExhausted:
		return http.StatusServiceUnavailable
	case "expired":
		return http.StatusGatewayTimeout
	case "interrupted", "withdrawn", "not-withdrawn", "too-late", "stale-catalogue", protocols.CodeStaleHistory, protocols.CodeStaleSpine:
		return http.StatusConflict
	case "network", "keys", "unverified":
		return http.StatusBadGateway
	}
	return http.StatusUnprocessableEntity
}

// fail writes an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the client is gone
	}
	p, told := problemOf(err, r.Header.Get("Accept-Language"))
	if !told {
		s.o.Log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err.Error())
	}
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="parley"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "60")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	write(w, p.Status, p)
}

// write writes JSON. Its type is set already where it is not application/json.
func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // of types of this package and render: never
		status, b = http.StatusInternalServerError, []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"the response cannot be written","code":"failed"}`)
		w.Header().Set("Content-Type", "application/problem+json")
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}
