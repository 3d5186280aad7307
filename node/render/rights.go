package render

import (
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/failure"
	"parley/protocols"
)

// Request is a request for a grant as `requests --json` prints it.
type Request struct {
	ID          string          `json:"id"`
	Person      string          `json:"person"` // the key under which the person was vouched for first, as policies and grants name one
	Name        string          `json:"name"`
	Department  string          `json:"department"` // that vouches for the person; "" where none does any more
	Departments []string        `json:"departments"`
	Table       string          `json:"table"`
	Question    string          `json:"question"`
	Terms       Terms           `json:"terms"`
	Made        time.Time       `json:"made"`
	Due         *time.Time      `json:"due"` // null: no date
	Overdue     bool            `json:"overdue"`
	Shows       bool            `json:"shows"` // what is asked for is the question that is shown, over the tables as they are
	Open        []string        `json:"open"`  // departments that have not answered
	Answers     []RequestAnswer `json:"answers"`
}

// RequestAnswer is what a department decided on a request.
type RequestAnswer struct {
	Department string    `json:"department"`
	Granted    bool      `json:"granted"`
	Grant      string    `json:"grant,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	By         string    `json:"by"` // the steward
	Time       time.Time `json:"time"`
}

// Terms are what is asked for, or granted.
type Terms struct {
	Once         bool        `json:"once"`                  // of one question, as its tables and departments are
	Form         string      `json:"form,omitempty"`        // of all questions of this form
	Parameters   []Parameter `json:"parameters,omitempty"`  // of the form
	Together     []string    `json:"departments,omitempty"` // whose rows alone such questions are about
	Filter       []string    `json:"filter"`
	Group        []string    `json:"group"`
	Aggregate    []string    `json:"aggregate"`
	Join         []string    `json:"join"`
	Functions    []string    `json:"functions"`
	Purposes     []string    `json:"purposes"`
	Bases        []string    `json:"basis"`
	Cohort       int64       `json:"cohort,omitempty"`
	Contributors int64       `json:"contributors,omitempty"`
	Uses         int64       `json:"uses"`
	Hours        []string    `json:"hours,omitempty"`
	Until        time.Time   `json:"until"`
}

// Parameter is what may stand in the place of $1, $2, ...
type Parameter struct {
	Values []string `json:"values,omitempty"`
	Low    *int64   `json:"low,omitempty"`
	High   *int64   `json:"high,omitempty"`
}

func termsOf(subject *policy.Subject, t *policy.Terms) Terms {
	list := func(s []string) []string { return append([]string{}, s...) }
	out := Terms{Once: subject.Once(), Form: subject.Form, Together: subject.Contributors, Filter: list(t.Filter), Group: list(t.Group), Aggregate: list(t.Aggregate),
		Join: list(t.Join), Functions: list(t.Functions), Purposes: list(t.Purposes), Bases: list(t.Bases), Cohort: t.Cohort, Contributors: t.Contributors,
		Uses: t.Uses, Until: time.Unix(t.Until, 0).UTC()}
	for _, h := range t.Hours {
		out.Hours = append(out.Hours, fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.To/60, h.To%60))
	}
	for _, p := range subject.Parameters {
		shown := Parameter{Values: p.Values}
		if p.Range {
			shown.Low, shown.High = &p.Low, &p.High
		}
		out.Parameters = append(out.Parameters, shown)
	}
	return out
}

// RequestOf is a request as the ledger's state has it, at a time.
func RequestOf(s *protocols.State, r protocols.RequestRecord, now time.Time) Request {
	q := &r.Request
	out := Request{ID: r.ID.String(), Person: policy.Key(r.Person).String(), Name: r.Name, Departments: q.Departments, Table: q.Table, Question: q.Question,
		Shows: q.Shows(s.Catalogue()), Terms: termsOf(&q.Subject, &q.Terms), Made: time.UnixMilli(r.Time).UTC(), Open: append([]string{}, r.Open()...), Answers: []RequestAnswer{}}
	_, out.Department = PersonOf(s, r.Person)
	if q.Due != 0 {
		due := time.Unix(q.Due, 0).UTC()
		out.Due, out.Overdue = &due, len(out.Open) > 0 && !now.Before(due)
	}
	for _, a := range r.Answers {
		answer := RequestAnswer{Department: a.Department, Granted: a.Grant != engine.Digest{}, Reason: a.Reason, Time: time.UnixMilli(a.Time).UTC()}
		if answer.Granted {
			answer.Grant = a.Grant.String()
		}
		answer.By, _ = PersonOf(s, a.By)
		out.Answers = append(out.Answers, answer)
	}
	return out
}

// PersonOf is the name of a person by one of its keys, and the department that vouches for it; "" where none does.
func PersonOf(s *protocols.State, key protocols.Key) (name, department string) {
	for _, p := range s.People() {
		if p.First == key || p.Key == key {
			return p.Name, p.Department
		}
	}
	if f := s.Former(key); f != nil {
		return f.Name, ""
	}
	return "", ""
}

// Requests lists requests for people.
func Requests(requests []Request) string {
	var b Page
	for _, r := range requests {
		due := ""
		if r.Due != nil {
			due = ", due " + day(*r.Due)
		}
		if r.Overdue {
			due += ", OVERDUE"
		}
		b.put("", failure.Printable(fmt.Sprintf("request %s of %s%s%s", audit.ShortDigest(r.ID), r.Name, ofDepartment(r.Department), due)))
		b.WriteString(indented(SQL(r.Question, Width-2)))
		if !r.Shows {
			b.row("WARNING", "this is not the question that would be granted, or its tables have changed")
		}
		b.row("made", "%s", day(r.Made))
		b.row("table", "%s", r.Table)
		b.terms(&r.Terms)
		for _, name := range r.Departments {
			b.row(name, "%s", answerText(&r, name))
		}
	}
	return b.String() + "(" + engine.Plural(len(requests), "request") + ")\n"
}

func ofDepartment(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// answerText is what a department said to a request.
func answerText(r *Request, department string) string {
	for _, a := range r.Answers {
		switch {
		case a.Department != department:
		case a.Granted:
			return fmt.Sprintf("granted on %s by %s: grant %s", day(a.Time), a.By, audit.ShortDigest(a.Grant))
		default:
			return fmt.Sprintf("REFUSED on %s by %s: %s", day(a.Time), a.By, a.Reason)
		}
	}
	if r.Overdue {
		return "has not answered, OVERDUE"
	}
	return "has not answered"
}

// row is a line of what stands below a heading.
func (p *Page) row(label, format string, args ...any) {
	p.put("  "+pad(failure.Printable(label), labelWidth, false)+" ", failure.Printable(fmt.Sprintf(format, args...)))
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n"
}

// terms are what is asked for, or granted, but for its uses that are left.
func (p *Page) terms(t *Terms) {
	var columns []string
	for _, r := range []struct {
		role string
		list []string
	}{{"filter", t.Filter}, {"group", t.Group}, {"aggregate", t.Aggregate}, {"join key", t.Join}} {
		if len(r.list) > 0 {
			columns = append(columns, r.role+": "+strings.Join(r.list, ", "))
		}
	}
	if columns == nil {
		columns = []string{"none: the rows alone"}
	}
	p.row("columns", "%s", strings.Join(columns, "; "))
	p.row("functions", "%s", strings.Join(t.Functions, ", "))
	p.row("purpose", "%s", strings.Join(t.Purposes, "; "))
	if len(t.Bases) > 0 {
		p.row("legal basis", "%s", strings.Join(t.Bases, "; "))
	}
	for i, x := range t.Parameters {
		if x.Low != nil {
			p.row(fmt.Sprintf("$%d", i+1), "%d to %d", *x.Low, *x.High)
		} else {
			p.row(fmt.Sprintf("$%d", i+1), "%s", strings.Join(x.Values, ", "))
		}
	}
	if len(t.Together) == 1 {
		p.row("over", "%s alone", t.Together[0])
	} else if len(t.Together) > 0 {
		p.row("over", "%s together, no more and no fewer", strings.Join(t.Together, ", "))
	}
	if t.Cohort > 0 {
		p.row("cohort", "at least %d rows in each cell", t.Cohort)
	}
	if len(t.Hours) > 0 {
		p.row("hours", "%s", strings.Join(t.Hours, ", "))
	}
	p.row("terms", "%s, %s, until %s", subjectText(t), uses(t.Uses), day(t.Until))
}

func subjectText(t *Terms) string {
	switch {
	case t.Once:
		return "this question, its tables as they are"
	case t.Form != "":
		return "all questions of this form"
	}
	return "all questions within the terms"
}

func uses(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Grant is a grant as `grants --json` prints it.
type Grant struct {
	ID         string     `json:"id"`
	Department string     `json:"department"`
	Table      string     `json:"table"`
	Version    uint64     `json:"version,omitempty"` // of the table; 0: whichever
	Person     string     `json:"person"`            // as in Request
	Name       string     `json:"name"`
	Of         string     `json:"of"` // the person's department; "" where none vouches for it any more
	Request    string     `json:"request,omitempty"`
	Terms      Terms      `json:"terms"`
	Used       int64      `json:"used"`
	Left       int64      `json:"left"`
	State      string     `json:"state"` // "in force", "used up", "ended", "revoked"
	By         string     `json:"by"`    // the steward
	Given      time.Time  `json:"given"`
	Revoked    *time.Time `json:"revoked,omitempty"`
	Reason     string     `json:"reason,omitempty"` // of the revocation
}

// InForce is the state of a grant that can be used.
const InForce = "in force"

// GrantOf is a grant as the ledger's state has it, at a time.
func GrantOf(s *protocols.State, r protocols.GrantRecord, now time.Time) Grant {
	g := &r.Grant
	out := Grant{ID: r.ID.String(), Department: g.Department, Table: g.Table, Version: g.Version, Person: g.Person.String(), Terms: termsOf(&g.Subject, &g.Terms),
		Used: r.Used, Left: max(0, g.Terms.Uses-r.Used), State: InForce, By: r.Name, Given: time.UnixMilli(r.Time).UTC()}
	out.Name, out.Of = PersonOf(s, protocols.Key(g.Person))
	if g.Request != (engine.Digest{}) {
		out.Request = g.Request.String()
	}
	switch {
	case r.Rescind != nil:
		at := time.UnixMilli(r.Rescind.Time).UTC()
		out.State, out.Revoked, out.Reason, out.Left = "revoked", &at, r.Rescind.Reason, 0
	case g.Terms.Until <= now.Unix():
		out.State, out.Left = "ended", 0
	case out.Left == 0:
		out.State = "used up"
	}
	return out
}

// Grants lists grants for people.
func Grants(grants []Grant) string {
	var b Page
	for _, g := range grants {
		b.put("", failure.Printable(fmt.Sprintf("grant %s of %s to %s%s: %s", audit.ShortDigest(g.ID), g.Department, g.Name, ofDepartment(g.Of), grantState(&g))))
		if g.Terms.Form != "" {
			b.WriteString(indented(SQL(g.Terms.Form, Width-2)))
		}
		table := g.Table
		if g.Version > 0 {
			table += fmt.Sprintf(", version %d only", g.Version)
		}
		b.row("table", "%s", table)
		b.terms(&g.Terms)
		b.row("used", "%d of %d", g.Used, g.Terms.Uses)
		given := fmt.Sprintf("on %s by %s", day(g.Given), g.By)
		if g.Request != "" {
			given += ", request " + audit.ShortDigest(g.Request)
		}
		b.row("given", "%s", given)
	}
	return b.String() + "(" + engine.Plural(len(grants), "grant") + ")\n"
}

func grantState(g *Grant) string {
	switch g.State {
	case "revoked":
		return fmt.Sprintf("REVOKED on %s: %s", day(*g.Revoked), g.Reason)
	case InForce:
		return fmt.Sprintf("%d left, until %s", g.Left, day(g.Terms.Until))
	case "ended":
		return "ENDED on " + day(g.Terms.Until)
	}
	return "USED UP"
}
