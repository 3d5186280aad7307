// Package standing is about questions that are asked on a schedule, and about what their answers must
// not pass (README.md): files as people write them, when a question is due, and what an answer gives
// rise to. It keeps no clock: the time is an argument.
package standing

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/engine"
)

// The limits of a file, which its author runs into first. Of alerts and their texts the ledger takes no
// more (protocols/README.md section 3.9).
const (
	MaxFileBytes  = 64 << 10
	MaxAlerts     = 8   // of a question
	MaxNameBytes  = 64  // of a question or an alert
	MaxTextBytes  = 512 // of what an alert says
	MaxConditions = 8   // of an alert's where, and columns of its group
	MaxTimes      = 96  // of a day
	MaxDigits     = 30  // before and after the point of a limit
	// MinEvery is the shortest distance of two runs. How often a question is answered its grant says.
	MinEvery = time.Second
	MaxEvery = 366 * 24 * time.Hour
)

// Question is a standing question.
type Question struct {
	File        string // that it was read from
	Name        string
	SQL         string   // with its values in place
	Form        string   // as the file has it, with $1, $2, ...
	Values      []string // literals, for $1, $2, ...
	Purpose     string
	Basis       string   // empty: none
	Departments []string // that contribute; empty: all that hold the table
	Deadline    time.Duration
	Schedule    Schedule
	Alerts      []Alert
}

// Alert is a threshold: a figure of the answer beyond it gives rise to an alert.
type Alert struct {
	Name   string
	Column string
	Kind   Kind
	Limit  *big.Rat
	limit  string // as the file has it
	// Group are the columns whose values tell a row from others; empty: those that are no numbers.
	Group []string
	Where []Condition
}

// Kind is how a figure is compared.
type Kind string

// The kinds. Rises is of how much a figure is above the one of the same group in the run before.
const (
	Above Kind = "above"
	Below Kind = "below"
	Rises Kind = "rises"
)

// Condition is a column's text, of rows that an alert is about.
type Condition struct{ Column, Value string }

// Rule is the threshold in words.
func (a *Alert) Rule() string {
	text := fmt.Sprintf("%s %s %s", a.Column, a.Kind, a.limit)
	if a.Kind == Rises {
		text = fmt.Sprintf("%s rises by more than %s", a.Column, a.limit)
	}
	for i, c := range a.Where {
		text += map[bool]string{true: " where ", false: " and "}[i == 0] + c.Column + " = " + c.Value
	}
	return text
}

// Figures are those of one run, by the name of the alert and then by the row's group, as Evaluate
// writes it. They are exact, and of alerts that need them in the next run only.
type Figures map[string]map[string]string

// Raised is an alert that an answer gives rise to.
type Raised struct {
	Name, Rule string
	Found      string // which groups with which figures, on one line
}

// Evaluate compares an answer with a question's thresholds. before are the figures of the run before,
// nil if there was none; after are those to compare the next one with. Each of the errors is of an alert
// that cannot be decided by such an answer; the others are. Figures are compared exactly.
func (q *Question) Evaluate(r *engine.Result, before Figures) (raised []Raised, after Figures, wrong []error) {
	after = Figures{}
	for i := range q.Alerts {
		a := &q.Alerts[i]
		rows, err := a.rows(r)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("alert %s: %w", a.Name, err))
			if a.Kind == Rises && before[a.Name] != nil {
				after[a.Name] = before[a.Name]
			}
			continue
		}
		if found := a.found(rows, before[a.Name]); len(found) > 0 {
			raised = append(raised, Raised{Name: a.Name, Rule: a.Rule(), Found: joined(found)})
		}
		if a.Kind != Rises {
			continue
		}
		after[a.Name] = map[string]string{}
		for _, row := range rows {
			after[a.Name][row.group] = row.exact
		}
	}
	return raised, after, wrong
}

// figure is one row's, of an alert.
type figure struct {
	group string // one text for each group
	label string // the same for people; empty: the answer has one row
	value *big.Rat
	text  string
	exact string
}

// rows are the figures that an alert is about.
func (a *Alert) rows(r *engine.Result) ([]figure, error) {
	at, err := columnOf(r, a.Column)
	if err != nil {
		return nil, err
	}
	group, err := a.groupOf(r, at)
	if err != nil {
		return nil, err
	}
	var where []int
	for _, c := range a.Where {
		i, err := columnOf(r, c.Column)
		if err != nil {
			return nil, err
		}
		where = append(where, i)
	}
	var out []figure
	seen := map[string]bool{}
	for _, row := range r.Rows {
		if !a.meets(row, where) {
			continue
		}
		f := figure{}
		for _, i := range group {
			f.group += key(row[i])
			f.label += map[bool]string{true: "", false: ", "}[f.label == ""] + r.Columns[i] + " " + said(row[i])
		}
		if seen[f.group] {
			return nil, fmt.Errorf("two rows of the answer are of one group: name the columns that tell them apart, as group = [\"%s\"]", r.Columns[0])
		}
		seen[f.group] = true
		if row[at].Exact == nil {
			continue // NULL passes nothing
		}
		f.text, f.exact = *row[at].Text, *row[at].Exact
		if f.value, err = rational(f.exact); err != nil {
			return nil, fmt.Errorf("column %s: %w", a.Column, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// key tells a value from others, whatever follows it; NULL from the text NULL.
func key(v engine.Value) string {
	if v.Text == nil {
		return "-,"
	}
	return strconv.Itoa(len(*v.Text)) + ":" + *v.Text + ","
}

// said is a value's text.
func said(v engine.Value) string {
	if v.Text == nil {
		return "NULL"
	}
	return *v.Text
}

func (a *Alert) meets(row []engine.Value, where []int) bool {
	for i, c := range a.Where {
		if v := row[where[i]].Text; v == nil || *v != c.Value {
			return false
		}
	}
	return true
}

// groupOf are the columns that tell rows apart.
func (a *Alert) groupOf(r *engine.Result, figure int) (out []int, err error) {
	for _, name := range a.Group {
		i, err := columnOf(r, name)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	if a.Group != nil {
		return out, nil
	}
	for i, k := range r.Kinds {
		if i != figure && k != engine.Integer && k != engine.Decimal && k != engine.Float {
			out = append(out, i)
		}
	}
	return out, nil
}

func columnOf(r *engine.Result, name string) (int, error) {
	at := -1
	for i, c := range r.Columns {
		if c != name {
			continue
		}
		if at >= 0 {
			return 0, fmt.Errorf("two columns of the answer are called %q: name one of them with AS", name)
		}
		at = i
	}
	if at < 0 {
		return 0, fmt.Errorf("the answer has no column %q: it has %s", name, strings.Join(r.Columns, ", "))
	}
	return at, nil
}

// maxExponent is far above those of double precision.
const maxExponent = 400

// rational reads an exact figure of an answer.
func rational(text string) (*big.Rat, error) {
	if at := strings.IndexAny(text, "eEpP"); at >= 0 {
		if e, err := strconv.Atoi(text[at+1:]); err != nil || e > maxExponent || e < -maxExponent {
			return nil, fmt.Errorf("%q is no number to compare with", text)
		}
	}
	if v, ok := new(big.Rat).SetString(text); ok {
		return v, nil
	}
	return nil, fmt.Errorf("%q is no number to compare with", text)
}

// found says of which rows the figure is beyond the limit.
func (a *Alert) found(rows []figure, before map[string]string) (out []string) {
	for _, row := range rows {
		passed, was := false, ""
		switch a.Kind {
		case Above:
			passed = row.value.Cmp(a.Limit) > 0
		case Below:
			passed = row.value.Cmp(a.Limit) < 0
		case Rises:
			last, err := rational(before[row.group])
			if _, known := before[row.group]; !known || err != nil {
				continue // there is nothing to compare with
			}
			passed, was = new(big.Rat).Sub(row.value, last).Cmp(a.Limit) > 0, ", was "+before[row.group]
		}
		if !passed {
			continue
		}
		text := row.text + was
		if row.label != "" {
			text = row.label + ": " + text
		}
		out = append(out, text)
	}
	return out
}

// joined is a line of at most MaxTextBytes: what does not fit is counted. Texts of an answer are others',
// and a line has no control characters.
func joined(texts []string) string {
	const room = MaxTextBytes - len("; and 65536 more")
	line := ""
	for i, t := range texts {
		t = oneLine(t)
		if i == 0 {
			line = cut(t, room)
			continue
		}
		if len(line)+len("; ")+len(t) > room {
			return line + fmt.Sprintf("; and %d more", len(texts)-i)
		}
		line += "; " + t
	}
	return line
}

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if engine.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// cut shortens a text to so many bytes, at a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const more = "…"
	for i := range text {
		if i+utf8.RuneLen([]rune(text[i:])[0])+len(more) > most {
			return text[:i] + more
		}
	}
	return text
}
