package standing

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"parley/engine"
	"parley/engine/policy"
)

// settings and alertSettings are those of a file, as the README lists them.
var (
	settings      = []string{"name", "sql", "values", "purpose", "basis", "departments", "deadline", "every", "at", "weekdays", "days", "zone"}
	alertSettings = []string{"name", "column", "above", "below", "rises", "where", "group"}
)

// Parse reads a file of one standing question (README section 1), strictly: a key that is not known,
// twice the same one, or a value of another type is refused, with all that is wrong as a list of
// *policy.Complaint joined. The name is for messages.
func Parse(name string, text []byte) (*Question, error) {
	p := parser{q: &Question{File: name}, alert: -1, lines: map[place]int{}}
	switch {
	case len(text) > MaxFileBytes:
		p.complain(1, "a standing question has at most %d bytes", MaxFileBytes)
	case !utf8.Valid(text):
		p.complain(1, "the file is not UTF-8")
	}
	if p.wrong == nil {
		p.read(text)
	}
	if p.wrong == nil {
		p.complete()
	}
	if p.wrong != nil {
		slices.SortStableFunc(p.wrong, func(a, b error) int { return a.(*policy.Complaint).Line - b.(*policy.Complaint).Line })
		return nil, errors.Join(p.wrong...)
	}
	return p.q, nil
}

// place is a setting: of the question, or of the alert with this index.
type place struct {
	alert int
	key   string
}

type parser struct {
	toml  unstable.Parser
	q     *Question
	alert int // the present one; −1 before the first
	zone  bool
	lines map[place]int
	wrong []error
}

func (p *parser) complain(line int, format string, args ...any) {
	p.wrong = append(p.wrong, &policy.Complaint{File: p.q.File, Line: line, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) read(text []byte) {
	var any map[string]any // what TOML itself refuses
	refused := toml.Unmarshal(text, &any)
	var e *toml.DecodeError
	if errors.As(refused, &e) {
		line, _ := e.Position()
		p.complain(line, "%s", strings.TrimPrefix(e.Error(), "toml: "))
		return
	}
	p.toml.Reset(text)
	for p.toml.NextExpression() {
		p.expression(p.toml.Expression())
	}
	if err := cmp.Or(p.toml.Error(), refused); err != nil && p.wrong == nil { // a key twice has no place there
		p.complain(1, "%s", err)
	}
}

// key is a node's key with its line; parts of a dotted key are joined.
func (p *parser) key(n *unstable.Node) (key string, line int) {
	var parts []string
	for it := n.Key(); it.Next(); {
		if raw := it.Node().Raw; line == 0 && raw.Length > 0 {
			line = p.toml.Shape(raw).Start.Line
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), max(line, 1)
}

func (p *parser) expression(n *unstable.Node) {
	key, line := p.key(n)
	switch {
	case n.Kind == unstable.ArrayTable && key == "alert":
		p.q.Alerts = append(p.q.Alerts, Alert{})
		p.alert = len(p.q.Alerts) - 1
		p.lines[place{p.alert, ""}] = line
	case n.Kind != unstable.KeyValue:
		p.complain(line, "[%s] is nothing of a standing question: it has settings and then [[alert]]", key)
	default:
		at := place{p.alert, key}
		if first, twice := p.lines[at]; twice {
			p.complain(line, "%q stands here a second time: it is in line %d already", key, first)
		}
		p.lines[at] = line
		if p.alert < 0 {
			p.setting(key, n.Value(), line)
		} else {
			p.threshold(&p.q.Alerts[p.alert], key, n.Value(), line)
		}
	}
}

// setting reads one line of the question.
func (p *parser) setting(key string, n *unstable.Node, line int) {
	q, s := p.q, &p.q.Schedule
	switch key {
	case "name":
		q.Name = p.line(n, key, line, MaxNameBytes)
	case "sql":
		q.Form = p.text(n, key, line)
	case "purpose":
		q.Purpose = p.text(n, key, line)
	case "basis":
		q.Basis = p.text(n, key, line)
	case "values":
		q.Values = p.list(n, key, line)
	case "departments":
		q.Departments = p.list(n, key, line)
	case "deadline":
		q.Deadline = p.duration(n, key, line, time.Second, 24*time.Hour)
	case "every":
		s.Every = p.duration(n, key, line, MinEvery, MaxEvery)
	case "at":
		for _, text := range p.list(n, key, line) {
			minute, ok := policy.ParseTime(text)
			if !ok || minute == 24*60 {
				p.complain(line, "at %q: write a time of the day as 08:30", text)
			}
			s.At = append(s.At, minute)
		}
	case "weekdays":
		for _, text := range p.list(n, key, line) {
			w := slices.Index(weekdays, text)
			if w < 0 {
				p.complain(line, "weekdays %q: it is one of %s", text, strings.Join(weekdays, ", "))
			}
			s.Weekdays = append(s.Weekdays, time.Weekday(w))
		}
	case "days":
		p.days(n, line)
	case "zone":
		text := p.text(n, key, line)
		if s.Zone, p.zone = policy.ParseZone(text); !p.zone {
			p.complain(line, "zone %q: write the distance from UTC as +08:00", text)
		}
	default:
		p.complain(line, "there is no setting %q: a standing question has %s and [[alert]]", key, strings.Join(settings, ", "))
	}
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func (p *parser) days(n *unstable.Node, line int) {
	nodes := []*unstable.Node{n}
	if n.Kind == unstable.Array {
		nodes = nil
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				nodes = append(nodes, it.Node())
			}
		}
	}
	for _, c := range nodes {
		d, err := strconv.Atoi(string(c.Data))
		if c.Kind != unstable.Integer || err != nil || d < 1 || d > 31 {
			p.complain(line, "days are those of a month, from 1 to 31, as [1, 15]")
			return
		}
		p.q.Schedule.Days = append(p.q.Schedule.Days, d)
	}
}

// threshold reads one line of an alert.
func (p *parser) threshold(a *Alert, key string, n *unstable.Node, line int) {
	switch key {
	case "name":
		a.Name = p.line(n, key, line, MaxNameBytes)
	case "column":
		a.Column = p.line(n, key, line, engine.MaxNameBytes)
	case string(Above), string(Below), string(Rises):
		if a.Kind != "" {
			p.complain(line, "an alert is %s or %s, not both: write two", a.Kind, key)
		}
		a.Kind, a.limit = Kind(key), string(n.Data)
		if n.Kind != unstable.Integer && n.Kind != unstable.Float || !isDecimal(a.limit) {
			p.complain(line, "%s is a decimal number, as 120 or 12.5, without quotes and exponent", key)
			return
		}
		a.Limit, _ = new(big.Rat).SetString(a.limit)
	case "where":
		p.where(a, n, line)
	case "group":
		if a.Group = p.list(n, key, line); a.Group == nil {
			a.Group = []string{}
		}
	default:
		p.complain(line, "there is no setting %q in [[alert]]: it has %s", key, strings.Join(alertSettings, ", "))
	}
}

// isDecimal reports whether a text is a limit: TOML's own numbers have underscores, other bases, infinities.
func isDecimal(text string) bool {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	whole, part, point := strings.Cut(text, ".")
	return digits(whole) && (!point || digits(part))
}

func digits(text string) bool {
	return text != "" && len(text) <= MaxDigits && strings.Trim(text, "0123456789") == ""
}

func (p *parser) where(a *Alert, n *unstable.Node, line int) {
	if n.Kind != unstable.InlineTable {
		p.complain(line, `where is a list of columns with their texts, as { county = "Lishui" }`)
		return
	}
	for it := n.Children(); it.Next(); {
		c := it.Node()
		if c.Kind != unstable.KeyValue {
			continue
		}
		var parts []string
		for k := c.Key(); k.Next(); {
			parts = append(parts, string(k.Node().Data))
		}
		if len(parts) != 1 {
			p.complain(line, "where: put a column's name that has a point between quotes")
			return
		}
		if fault := engine.LineFault(parts[0], engine.MaxNameBytes); fault != "" {
			p.complain(line, "where: a column's name %s", fault)
		}
		a.Where = append(a.Where, Condition{parts[0], p.line(c.Value(), "where: the text of a column", line, MaxTextBytes)})
	}
}

func (p *parser) text(n *unstable.Node, key string, line int) string {
	if n.Kind != unstable.String {
		p.complain(line, "%s is a text in quotes", key)
		return ""
	}
	return string(n.Data)
}

// line is a text that the ledger shows on one line.
func (p *parser) line(n *unstable.Node, key string, line, most int) string {
	text := p.text(n, key, line)
	if fault := engine.LineFault(text, most); fault != "" {
		p.complain(line, "%s %s", key, fault)
	}
	return text
}

func (p *parser) duration(n *unstable.Node, key string, line int, least, most time.Duration) time.Duration {
	d, err := time.ParseDuration(p.text(n, key, line))
	if err != nil || d < least || d > most || d%time.Second != 0 {
		p.complain(line, "%s is whole seconds from %s to %s, as \"24h\"", key, shortly(least), shortly(most))
		return 0
	}
	return d
}

// list reads a list of texts, or one text.
func (p *parser) list(n *unstable.Node, key string, line int) (out []string) {
	if n.Kind == unstable.String {
		return []string{string(n.Data)}
	}
	if n.Kind != unstable.Array {
		p.complain(line, "%s is a list of texts, as [\"a\", \"b\"]", key)
		return nil
	}
	for it := n.Children(); it.Next(); {
		if c := it.Node(); c.Kind != unstable.Comment {
			out = append(out, p.text(c, "each entry of "+key, line))
		}
	}
	return out
}

// complete checks what needs several settings.
func (p *parser) complete() {
	q, s := p.q, &p.q.Schedule
	line := func(key string) int { return max(1, p.lines[place{-1, key}]) }
	if q.Name == "" {
		p.complain(line("name"), "name is missing: what the question is called in its folder and on the ledger")
	}
	if strings.ContainsAny(q.Name, `/\`) || strings.HasPrefix(q.Name, ".") {
		p.complain(line("name"), "name %q: files are called by it, so that it has no slash and begins with no point", q.Name)
	}
	if q.Form == "" {
		p.complain(line("sql"), "sql is missing: the question")
	} else if sql, ok := filled(q.Form, q.Values); !ok {
		p.complain(line("values"), "values are literals as SQL writes them, one for each of $1, $2, ... in sql and no more")
	} else {
		q.SQL = sql
	}
	if q.Purpose == "" {
		p.complain(line("purpose"), "purpose is missing: what the answer is for")
	} else if err := policy.CheckPurpose(q.Purpose, q.Basis); err != nil {
		p.complain(line("purpose"), "%s", err)
	}
	slices.Sort(q.Departments)
	if len(slices.Compact(slices.Clone(q.Departments))) != len(q.Departments) {
		p.complain(line("departments"), "departments names one twice")
	}
	slices.Sort(s.At)
	s.At = slices.Compact(s.At)
	switch {
	case (s.Every > 0) == (len(s.At) > 0):
		p.complain(max(line("every"), line("at")), "every or at says when it is asked, as every = \"24h\" or at = [\"08:30\"], and not both")
	case s.Every > 0 && (s.Weekdays != nil || s.Days != nil):
		p.complain(line("every"), "weekdays and days go with at")
	case len(s.At) > MaxTimes:
		p.complain(line("at"), "at has %d times; at most %d are allowed", len(s.At), MaxTimes)
	case !p.zone && s.Every == 0:
		p.complain(line("at"), "zone is missing: the times are in it, as zone = \"+08:00\"")
	}
	if len(q.Alerts) > MaxAlerts {
		p.complain(p.lines[place{MaxAlerts, ""}], "a standing question has at most %d alerts", MaxAlerts)
	}
	names := map[string]bool{}
	for i := range q.Alerts {
		p.completeAlert(i, names)
	}
}

func (p *parser) completeAlert(i int, names map[string]bool) {
	a, line := &p.q.Alerts[i], p.lines[place{i, ""}]
	a.Name = cmp.Or(a.Name, p.q.Name)
	switch {
	case names[a.Name]:
		p.complain(line, "two alerts have the name %q", a.Name)
	case a.Column == "":
		p.complain(line, "column is missing: which figure of the answer it is about")
	case a.Kind == "":
		p.complain(line, "above, below or rises is missing")
	case a.Kind == Rises && a.Limit.Sign() < 0:
		p.complain(line, "rises is not negative: a figure that falls is no alert")
	case len(a.Where) > MaxConditions || len(a.Group) > MaxConditions:
		p.complain(line, "where and group have at most %d columns", MaxConditions)
	case len(a.Rule()) > MaxTextBytes:
		p.complain(line, "the threshold has %d bytes in words; at most %d are allowed", len(a.Rule()), MaxTextBytes)
	}
	names[a.Name] = true
}

// filled puts literals in the place of a form's parameters: what the form's own reading of the result gives back.
func filled(form string, values []string) (string, bool) {
	if len(values) > engine.MaxParameters || slices.ContainsFunc(values, func(v string) bool { return len(v) > policy.MaxTextBytes }) {
		return "", false
	}
	sql := form
	for i := len(values); i > 0; i-- {
		sql = strings.ReplaceAll(sql, "$"+strconv.Itoa(i), values[i-1])
	}
	got, ok := engine.Parameters(form, sql)
	return sql, ok && slices.Equal(got, values)
}
