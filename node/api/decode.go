package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/protocols"
)

// Question is what is asked, or explained.
type Question struct {
	SQL         string   `json:"sql"`
	Purpose     string   `json:"purpose,omitempty"`
	Basis       string   `json:"basis,omitempty"`
	Departments []string `json:"departments,omitempty"` // none: all that hold the table
	Language    string   `json:"language,omitempty"`    // of what is said about a question that is not allowed: "en" or "zh"
	Deadline    int      `json:"deadline,omitempty"`    // seconds that the departments have; 0: the usual
	Wait        int      `json:"wait,omitempty"`        // seconds to wait for departments that are away
}

// bad is of a request that cannot be read.
func bad(format string, args ...any) *Problem {
	return refuse(http.StatusBadRequest, "request", fmt.Sprintf(format, args...), "GET /v1/openapi.json describes what is expected")
}

// empty refuses a body where none is due.
func empty(r *http.Request) error {
	n, err := io.ReadFull(r.Body, make([]byte, 1))
	if n > 0 {
		return bad("this request has no body")
	}
	if err != io.EOF {
		return unread(err)
	}
	return nil
}

// unread is why a body could not be read.
func unread(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return refuse(http.StatusRequestTimeout, "request", "the body did not arrive", "")
}

// readQuestion reads a question from a request.
func (s *Server) readQuestion(r *http.Request) (q Question, o client.AskOptions, err error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := parameters["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return q, o, refuse(http.StatusUnsupportedMediaType, "request", "the body has to be application/json", "")
	}
	body, err := io.ReadAll(r.Body) // at most MaxBodyBytes
	if err != nil {
		return q, o, unread(err)
	}
	return decodeQuestion(body, s.o.Purpose)
}

// decodeQuestion reads a question; purpose is that of those that say none.
func decodeQuestion(body []byte, purpose string) (q Question, o client.AskOptions, err error) {
	if err := strict(body, &q); err != nil {
		return q, o, bad("the body is no question: %s", err)
	}
	if q.Purpose == "" {
		q.Purpose = purpose
	}
	switch {
	case q.SQL == "":
		return q, o, bad("the question has no sql")
	case len(q.SQL) > engine.MaxSQLBytes:
		return q, o, refuse(http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("sql has more than %d bytes", engine.MaxSQLBytes), "")
	case len(q.Departments) > MaxDepartments:
		return q, o, bad("more than %d departments are named", MaxDepartments)
	case q.Language != "" && q.Language != policy.English && q.Language != policy.Chinese:
		return q, o, bad("language is %q or %q", policy.English, policy.Chinese)
	case q.Deadline < 0 || q.Deadline > protocols.MaxDeadlineSeconds:
		return q, o, bad("deadline is of 0 to %d seconds", protocols.MaxDeadlineSeconds)
	case q.Wait < 0 || q.Wait > protocols.MaxDeadlineSeconds:
		return q, o, bad("wait is of 0 to %d seconds", protocols.MaxDeadlineSeconds)
	}
	if q.Purpose != "" {
		if err := policy.CheckPurpose(q.Purpose, q.Basis); err != nil {
			return q, o, bad("%s", err)
		}
	} else if q.Basis != "" {
		return q, o, bad("a legal basis stands beside a purpose")
	}
	return q, client.AskOptions{Departments: q.Departments, Purpose: q.Purpose, Basis: q.Basis, Language: q.Language,
		Deadline: time.Duration(q.Deadline) * time.Second, Wait: time.Duration(q.Wait) * time.Second}, nil
}

// strict reads one JSON object of known members, each once and spelled as it is: encoding/json alone takes the last of several, and any
// case.
func strict(body []byte, into any) error {
	if !utf8.Valid(body) {
		return errors.New("it is no UTF-8")
	}
	from := json.NewDecoder(bytes.NewReader(body))
	if t, err := from.Token(); err != nil || t != json.Delim('{') {
		return errors.New("it is no JSON object")
	}
	seen := map[string]bool{}
	for from.More() {
		t, err := from.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return errors.New("it is no JSON object")
		}
		if name != strings.ToLower(name) {
			return fmt.Errorf("it has no member %.40q", name)
		}
		if seen[name] {
			return fmt.Errorf("it has the member %.40q twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := from.Decode(&value); err != nil {
			return errors.New("it is no JSON")
		}
		if string(value) == "null" {
			return fmt.Errorf("its member %.40q is null: leave it out", name)
		}
	}
	again := json.NewDecoder(bytes.NewReader(body))
	again.DisallowUnknownFields()
	if err := again.Decode(into); err != nil {
		return err
	}
	if _, err := again.Token(); err != io.EOF {
		return errors.New("something follows it")
	}
	return nil
}
