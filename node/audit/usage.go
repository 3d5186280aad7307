package audit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"parley/protocols"
)

// Usage is a report of what was asked of tables and what became of it, which a department can publish
// (README section 13.5). It counts questions and decisions, and names persons only where that is wanted.
// Its field names are part of the interface.
type Usage struct {
	Network    string        `json:"network"`
	Department string        `json:"department,omitempty"` // whose rows alone it is about
	From       *time.Time    `json:"from,omitempty"`
	Until      *time.Time    `json:"until,omitempty"`
	Block      uint64        `json:"block"` // the last that it goes by
	Time       time.Time     `json:"time"`  // of that
	Total      Counts        `json:"total"`
	Months     []MonthUsage  `json:"months"`   // of the questions
	Uses       []TableUsage  `json:"uses"`     // by table, purpose and department of the analysts
	Refusals   []RefusalSum  `json:"refusals"` // by department and code
	Decisions  []DecisionSum `json:"decisions"`
}

// Counts are questions by what became of them. One of several rounds is one, with the outcome of its
// last round and the cells of all, and so is one with its screening, whose cells no analyst is shown.
type Counts struct {
	Asked     int `json:"asked"`
	Answered  int `json:"answered"`
	Refused   int `json:"refused"`
	Withdrawn int `json:"withdrawn"`
	Expired   int `json:"expired"`
	Failed    int `json:"failed"`
	Open      int `json:"open"`
	Cells     int `json:"cells"` // of plans of which a decryption share was released, whatever the outcome
}

// MonthUsage are the questions asked in a month, UTC.
type MonthUsage struct {
	Month string `json:"month"` // 2026-03
	Counts
}

// TableUsage are the questions about a table, for a purpose, by the analysts of a department.
type TableUsage struct {
	Table    string `json:"table"`
	Purpose  string `json:"purpose"`
	Analysts string `json:"analysts"`         // their department
	Person   string `json:"person,omitempty"` // where names are wanted
	Counts
}

// RefusalSum are the refusals of a department for one reason.
type RefusalSum struct {
	Department string `json:"department"` // empty: all together, in a screening
	Code       string `json:"code"`
	Count      int    `json:"count"`
}

// DecisionSum is what a department decided about a table, and what of it holds at the end.
type DecisionSum struct {
	Department string `json:"department"`
	Table      string `json:"table"`
	Policies   int    `json:"policies"` // versions that were published
	Requests   int    `json:"requests"` // that it was asked for
	Granted    int    `json:"granted"`
	Declined   int    `json:"declined"`
	TakenBack  int    `json:"takenBack"`
	InForce    int    `json:"inForce"` // grants, whenever they were given
}

// UsageFilter is what a report is about.
type UsageFilter struct {
	Department  string // whose rows; empty: all
	From, Until time.Time
	Names       bool // of persons
}

// wholeQuestion is a question with all its rounds.
type wholeQuestion struct {
	first, last *Line
	cells       int
}

// Usage counts. The trail goes as far as f.Until: what comes later does not change a report of a time
// that is over. A trail that goes on is not for it.
func (t *Trail) Usage(f UsageFilter) (*Usage, error) {
	if err := t.known(TrailFilter{Department: f.Department}); err != nil {
		return nil, err
	}
	u := &Usage{Network: t.Network, Department: f.Department, Block: t.Block, Time: t.Time,
		Months: []MonthUsage{}, Uses: []TableUsage{}, Refusals: []RefusalSum{}, Decisions: []DecisionSum{}}
	if !f.From.IsZero() {
		u.From = &f.From
	}
	if !f.Until.IsZero() {
		u.Until = &f.Until
	}
	of := func(l *Line) bool { return f.Department == "" || slices.Contains(l.Rows, f.Department) }
	since := Filter{Since: f.From, Until: f.Until}
	for _, q := range t.questions() {
		if of(q.first) && since.within(q.first.Time) {
			u.question(q, f.Names)
		}
	}
	for _, l := range t.Lines {
		if l.Kind == LineRefusal && of(l) && since.within(l.Time) {
			row := find(&u.Refusals, func(r *RefusalSum) bool { return r.Department == l.Department && r.Code == l.Code })
			row.Department, row.Code, row.Count = l.Department, l.Code, row.Count+1
		}
		for _, department := range l.Rows {
			if f.Department == "" || f.Department == department {
				u.decision(l, department, since.within(l.Time))
			}
		}
	}
	u.sort()
	return u, nil
}

// questions puts rounds together, and each with its screening: a round goes on with the last question of the same text,
// person and departments that had the round before. One whose answer is not asked for after its screening stays open.
func (t *Trail) questions() (all []*wholeQuestion) {
	type asking struct {
		analyst    protocols.Key
		text, rows string
	}
	rounds, screened := map[asking][]*wholeQuestion{}, map[string]*wholeQuestion{}
	for _, l := range t.Lines {
		if l.Kind != LineQuestion && l.Kind != LineScreening {
			continue
		}
		of := asking{l.analyst, l.Text, strings.Join(l.Rows, "\n")}
		q := screened[l.Screening]
		for _, before := range slices.Backward(rounds[of]) {
			if q == nil && l.Round > 1 && before.last.Round == l.Round-1 {
				q = before
			}
		}
		if q == nil {
			q = &wholeQuestion{first: l}
			all = append(all, q)
			if l.Round > 0 {
				rounds[of] = append(rounds[of], q)
			}
		}
		switch q.last = l; {
		case l.Kind == LineScreening:
			screened[l.Query] = q
		case l.Released:
			q.cells += l.Cells
		}
	}
	return all
}

func (c *Counts) add(q *wholeQuestion) {
	c.Asked++
	c.Cells += q.cells
	switch q.last.Outcome {
	case OutcomeAnswered:
		c.Answered++
	case OutcomeRefused:
		c.Refused++
	case OutcomeWithdrawn:
		c.Withdrawn++
	case OutcomeExpired:
		c.Expired++
	case OutcomeFailed:
		c.Failed++
	default:
		c.Open++
	}
}

func (u *Usage) question(q *wholeQuestion, names bool) {
	u.Total.add(q)
	month := q.first.Time.UTC().Format("2006-01")
	row := find(&u.Months, func(m *MonthUsage) bool { return m.Month == month })
	row.Month = month
	row.add(q)
	l, person := q.first, ""
	if names {
		person = l.Person
	}
	use := find(&u.Uses, func(r *TableUsage) bool {
		return r.Table == l.Table && r.Purpose == l.Purposes[0] && r.Analysts == l.Department && r.Person == person
	})
	use.Table, use.Purpose, use.Analysts, use.Person = l.Table, l.Purposes[0], l.Department, person
	use.add(q)
}

// decision counts what a line is to one of its departments; within: in the time that the report is about.
func (u *Usage) decision(l *Line, department string, within bool) {
	inForce := l.Kind == LineGrant && l.Outcome == OutcomeInForce
	if !within && !inForce || !slices.Contains([]string{LinePolicy, LineRequest, LineGrant, LineDecline, LineRescission}, l.Kind) {
		return
	}
	row := find(&u.Decisions, func(d *DecisionSum) bool { return d.Department == department && d.Table == l.Table })
	row.Department, row.Table = department, l.Table
	if inForce {
		row.InForce++
	}
	if !within {
		return
	}
	switch l.Kind {
	case LinePolicy:
		row.Policies++
	case LineRequest:
		row.Requests++
	case LineGrant:
		row.Granted++
	case LineDecline:
		row.Declined++
	case LineRescission:
		row.TakenBack++
	}
}

// find is the row of a list that is meant, added if it is not there.
func find[T any](list *[]T, is func(*T) bool) *T {
	for i := range *list {
		if is(&(*list)[i]) {
			return &(*list)[i]
		}
	}
	*list = append(*list, *new(T))
	return &(*list)[len(*list)-1]
}

func (u *Usage) sort() {
	slices.SortFunc(u.Uses, func(a, b TableUsage) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Analysts, b.Analysts), cmp.Compare(a.Person, b.Person))
	})
	slices.SortFunc(u.Refusals, func(a, b RefusalSum) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Code, b.Code))
	})
	slices.SortFunc(u.Decisions, func(a, b DecisionSum) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Table, b.Table))
	})
	slices.SortFunc(u.Months, func(a, b MonthUsage) int { return cmp.Compare(a.Month, b.Month) })
	u.fillMonths()
}

// mostMonths bounds the months that are added, should a ledger's blocks have times of no clock.
const mostMonths = 1200

// fillMonths adds the months between in which nothing was asked.
func (u *Usage) fillMonths() {
	var all []MonthUsage
	for _, month := range u.Months {
		if len(all) > 0 {
			at, err := time.Parse("2006-01", all[len(all)-1].Month)
			for at = at.AddDate(0, 1, 0); err == nil && at.Format("2006-01") < month.Month && len(all) < mostMonths; at = at.AddDate(0, 1, 0) {
				all = append(all, MonthUsage{Month: at.Format("2006-01")})
			}
		}
		all = append(all, month)
	}
	u.Months = append([]MonthUsage{}, all...)
}
