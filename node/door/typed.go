package door

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"parley/node/audit"
	"parley/node/client"
	"parley/node/render"
	"parley/protocols"
)

// Kept is what is kept of an answer beside its certificate.
type Kept struct {
	Query      string    `json:"query"` // id on the ledger; of several rounds that of the last
	Asked      time.Time `json:"asked"`
	SQL        string    `json:"sql"`
	Purpose    string    `json:"purpose"`
	Basis      string    `json:"basis,omitempty"`
	Verdict    string    `json:"verdict"`
	Assurance  string    `json:"assurance"`
	Parameters string    `json:"parameters"`
}

// NetworkState is how the network stands, as far as the door's node has shown its ledger.
type NetworkState struct {
	ID          string   `json:"id"`
	Height      uint64   `json:"height"` // entries of the ledger
	Epoch       uint64   `json:"epoch"`  // whose keys questions are asked under; 0: none is formed
	Departments []string `json:"departments"`
	Auditors    []string `json:"auditors"`
	Peer        string   `json:"peer"` // the person's
}

// Explained says what a question would compute and reveal, and what the departments would decide about it.
func (d *Desk) Explained(ctx context.Context, sql string, o client.AskOptions) (*Explained, error) {
	if refused := d.Standing(); refused != nil {
		return nil, refused
	}
	return Explain(ctx, d.network, sql, o, d.o.Told)
}

// Answers are the person's kept answers, the oldest first.
func (d *Desk) Answers() []Kept {
	out := []Kept{}
	for _, r := range d.kept.all() {
		out = append(out, Kept{r.Query, r.Asked, r.SQL, r.Purpose, r.Basis, r.Verdict, r.Assurance, r.Parameters})
	}
	return out
}

// Certificate is that of a kept answer of the person; nil where none of that id is kept. It has at most protocols.MaxCertificateBytes.
func (d *Desk) Certificate(query string) ([]byte, error) {
	for _, r := range d.kept.all() {
		if r.Query != query {
			continue
		}
		b, err := d.kept.read(r, protocols.MaxCertificateBytes)
		if errors.Is(err, fs.ErrNotExist) { // dropped in between, for newer ones
			return nil, nil
		}
		return b, err
	}
	return nil, nil
}

// Rights are the grants that the person has been given, and its requests with what was decided on them.
func (d *Desk) Rights() (grants []render.Grant, requests []render.Request) {
	grants, requests = []render.Grant{}, []render.Request{}
	now := d.o.Now()
	d.network.View(func(s *protocols.State) {
		p := s.Person(d.network.Key())
		if p == nil {
			return
		}
		for _, r := range s.Grants() {
			if protocols.Key(r.Grant.Person) == p.First {
				grants = append(grants, render.GrantOf(s, r, now))
			}
		}
		for _, r := range s.Requests() {
			if r.Person == p.First {
				requests = append(requests, render.RequestOf(s, r, now))
			}
		}
	})
	return grants, requests
}

// Events are entries of the ledger that the person may see and keep says, in their order: all but those about tables that the person does
// not see and that are not its own. The door keeps its last MaxChronicle entries.
func (d *Desk) Events(keep func(*audit.Event) bool) []audit.Event {
	if d.o.Chronicle == nil {
		return nil
	}
	sees, me := d.sees(), d.peer()
	return d.o.Chronicle.Events(func(e *audit.Event) bool { return (e.Table == "" || sees[e.Table] || e.Peer == me) && keep(e) })
}

// State is how the network stands.
func (d *Desk) State() NetworkState {
	out := NetworkState{Departments: []string{}, Auditors: []string{}, Peer: d.peer()}
	d.network.View(func(s *protocols.State) {
		out.ID, out.Height = s.ID().String(), s.Applied()
		if e := s.Epoch(); e != nil {
			out.Epoch = e.Number
		}
		m := s.Membership()
		for _, member := range m.Departments {
			out.Departments = append(out.Departments, member.Name)
		}
		for _, member := range m.Auditors {
			out.Auditors = append(out.Auditors, member.Name)
		}
	})
	return out
}

// Verify checks a certificate against the pinned network; where none is pinned, the verdict is that its signers are unknown. What is too
// long for a certificate is looked for among the kept answers.
func (d *Desk) Verify(certificate []byte) (render.Verdict, error) {
	v, err := client.Verify(certificate, d.o.Pinned, d.kept.attached)
	if err != nil {
		return render.Verdict{}, err
	}
	return render.VerdictOf(v), nil
}
