package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"parley/engine"
	"parley/node/audit"
	"parley/node/door"
	"parley/node/render"
	"parley/protocols"
)

// Catalogue is what a person sees.
type Catalogue struct {
	Tables []Table `json:"tables"`
}

// Table is a department's.
type Table struct {
	Department  string               `json:"department"`
	Place       []string             `json:"place"` // the units above the department, the highest first
	Table       string               `json:"table"`
	Version     uint64               `json:"version"`
	Rows        string               `json:"rows"` // a number
	Title       string               `json:"title,omitempty"`
	Description string               `json:"description,omitempty"`
	Owner       string               `json:"owner,omitempty"`
	Sensitivity string               `json:"sensitivity,omitempty"`
	Class       string               `json:"class,omitempty"`
	Columns     []render.EntryColumn `json:"columns"`
}

// Explanation is what a question would compute and reveal, and what the departments would decide about it.
type Explanation struct {
	Explanation engine.SessionExplanation `json:"explanation"`
	Decision    render.Decision           `json:"decision"`
	Text        string                    `json:"text"` // both, for people
}

// Answers are those that are kept, the oldest first.
type Answers struct {
	Answers []door.Kept `json:"answers"`
}

// Rights are a person's grants, and its requests.
type Rights struct {
	Grants   []render.Grant   `json:"grants"`
	Requests []render.Request `json:"requests"`
}

// Ledger is a page of entries, the oldest first.
type Ledger struct {
	Entries []audit.Event `json:"entries"`
	// Next is what to give as "after" for the entries that follow; left out where none do.
	Next string `json:"next,omitempty"`
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request, p *person) error {
	write(w, http.StatusOK, p.desk.State())
	return nil
}

func (s *Server) catalogue(w http.ResponseWriter, r *http.Request, p *person) error {
	all, err := p.desk.Catalogue(r.Context())
	if err != nil {
		return err
	}
	write(w, http.StatusOK, catalogueOf(all))
	return nil
}

func catalogueOf(all engine.Catalogue) Catalogue {
	out := Catalogue{Tables: []Table{}}
	for _, reg := range all {
		e := render.EntryOf(audit.Registered{Registration: reg}, nil)
		out.Tables = append(out.Tables, Table{Department: e.Department, Place: e.Place, Table: e.Table, Version: e.Version, Rows: strconv.FormatInt(e.Rows, 10),
			Title: e.Title, Description: e.Description, Owner: e.Owner, Sensitivity: e.Sensitivity, Class: e.Class, Columns: e.Columns})
	}
	return out
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request, p *person) error {
	in, o, err := s.readQuestion(r)
	if err != nil {
		return err
	}
	x, err := p.desk.Explained(r.Context(), in.SQL, o)
	if err != nil {
		return err
	}
	write(w, http.StatusOK, Explanation{x.SessionExplanation, x.Decision, x.Text(o.Language)})
	return nil
}

func (s *Server) answers(w http.ResponseWriter, _ *http.Request, p *person) error {
	write(w, http.StatusOK, Answers{append([]door.Kept{}, p.desk.Answers()...)})
	return nil
}

func (s *Server) certificate(w http.ResponseWriter, r *http.Request, p *person) error {
	query := r.PathValue("query")
	if len(query) != 2*len(engine.Digest{}) {
		return errNoAnswer
	}
	b, err := p.desk.Certificate(query)
	if err != nil {
		return err
	}
	if b == nil {
		return errNoAnswer
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", "attachment; filename=certificate")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	return s.send(w, b)
}

// send writes a long body piece by piece, each of which has its time.
func (s *Server) send(w http.ResponseWriter, b []byte) error {
	control := http.NewResponseController(w)
	for piece := range slices.Chunk(b, 256<<10) {
		control.SetWriteDeadline(s.soon())
		if _, err := w.Write(piece); err != nil {
			return nil // the client is gone
		}
	}
	return nil
}

func (s *Server) grants(w http.ResponseWriter, _ *http.Request, p *person) error {
	var out Rights
	out.Grants, out.Requests = p.desk.Rights()
	write(w, http.StatusOK, out)
	return nil
}

// page is which entries are asked for.
type page struct {
	after, limit                uint64
	table, kind, query, purpose string
}

// readPage reads a query string strictly: each parameter once, and none that is unknown.
func readPage(text string) (p page, err error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return p, bad("the parameters cannot be read")
	}
	p.limit = DefaultPage
	for name, v := range values {
		if len(v) != 1 {
			return p, bad("%.40q is given twice", name)
		}
		switch name {
		case "after":
			p.after, err = strconv.ParseUint(v[0], 10, 63)
		case "limit":
			if p.limit, err = strconv.ParseUint(v[0], 10, 32); err == nil && (p.limit < 1 || p.limit > MaxPage) {
				return p, bad("limit is 1 to %d", MaxPage)
			}
		case "table":
			p.table = v[0]
		case "kind":
			p.kind = v[0]
		case "query":
			p.query = v[0]
		case "purpose":
			p.purpose = v[0]
		default:
			return p, bad("there is no parameter %.40q", name)
		}
		if err != nil {
			return p, bad("%s is no whole number", name)
		}
	}
	return p, nil
}

// takes reports whether an entry is asked for.
func (p *page) takes(e *audit.Event) bool {
	is := func(want, has string) bool { return want == "" || want == has }
	return e.Number > p.after && is(p.table, e.Table) && is(p.kind, e.Kind) && is(p.query, e.Query) && is(p.purpose, e.Purpose)
}

func (s *Server) ledger(w http.ResponseWriter, r *http.Request, p *person) error {
	in, err := readPage(r.URL.RawQuery)
	if err != nil {
		return err
	}
	taken := uint64(0)
	events := p.desk.Events(func(e *audit.Event) bool {
		if taken > in.limit || !in.takes(e) { // one more than a page: whether another follows
			return false
		}
		taken++
		return true
	})
	out := Ledger{Entries: []audit.Event{}}
	if uint64(len(events)) > in.limit {
		events = events[:in.limit]
		out.Next = strconv.FormatUint(events[in.limit-1].Number, 10)
	}
	out.Entries = append(out.Entries, events...)
	write(w, http.StatusOK, out)
	return nil
}

// verify checks a certificate that is sent.
func (s *Server) verify(w http.ResponseWriter, r *http.Request, p *person) error {
	if r.Header.Get("Content-Type") != "application/octet-stream" {
		return refuse(http.StatusUnsupportedMediaType, "request", "the body has to be application/octet-stream", "")
	}
	leave, err := s.turn(r.Context(), p.account)
	if err != nil {
		return err
	}
	defer leave()
	b, err := io.ReadAll(r.Body) // at most maxCertificateBytes
	if err != nil {
		return unread(err)
	}
	v, err := p.desk.Verify(b)
	if errors.Is(err, protocols.ErrNotCertificate) {
		return refuse(http.StatusUnprocessableEntity, "not-certificate", "this is no certificate", "GET /v1/answers/{query}/certificate gives one")
	}
	if err != nil {
		v = render.Verdict{Reason: err.Error()}
	}
	write(w, http.StatusOK, v)
	return nil
}

// turn waits until a certificate may be read and checked: one of a person at once.
func (s *Server) turn(ctx context.Context, a *account) (leave func(), err error) {
	a.mu.Lock()
	busy := a.verifying
	a.verifying = true
	a.mu.Unlock()
	if busy {
		return nil, errTooMany
	}
	end := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.verifying = false
	}
	select {
	case s.verifying <- struct{}{}:
		return func() { <-s.verifying; end() }, nil
	case <-ctx.Done():
		end()
		return nil, ctx.Err()
	}
}
