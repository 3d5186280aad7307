package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"parley/engine"
)

// Complaint is what is wrong with a policy file, at a line of it.
type Complaint struct {
	File    string
	Line    int // from 1
	Message string
}

// Error is "file:line: message".
func (c *Complaint) Error() string { return fmt.Sprintf("%s:%d: %s", c.File, c.Line, c.Message) }

// File is a policy as its steward wrote it: a document, and where in the file its parts stand. Its
// Department and Version are for whoever publishes it to set.
type File struct {
	Name     string
	Document Document
	lines    map[place]int
}

// place is a part of a document, as Problem names it.
type place struct {
	rule  int // or ofDisclosure
	field string
	entry int
}

// Parse reads a policy file (README section 3), strictly: a key that is not known, twice the same
// one, or a value of another type is refused, with all that is wrong as a list of *Complaint joined.
// Lists are brought to their order. The name is for messages.
func Parse(name string, text []byte) (*File, error) {
	p := parser{file: &File{Name: name, lines: map[place]int{}}, rule: -1}
	switch {
	case len(text) > MaxDocumentBytes:
		p.complain(1, "a policy has at most %d bytes", MaxDocumentBytes)
	case !utf8.Valid(text):
		p.complain(1, "the file is not UTF-8")
	}
	if len(p.wrong) > 0 {
		return nil, p.joined()
	}
	var any map[string]any // what TOML itself refuses
	refused := toml.Unmarshal(text, &any)
	var e *toml.DecodeError
	if errors.As(refused, &e) {
		line, _ := e.Position()
		p.complain(line, "%s", strings.TrimPrefix(e.Error(), "toml: "))
		return nil, p.joined()
	}
	p.toml.Reset(text)
	for p.toml.NextExpression() {
		p.expression(p.toml.Expression())
	}
	if err := cmp.Or(p.toml.Error(), refused); err != nil && len(p.wrong) == 0 { // refused: a key twice has no place there
		p.complain(1, "%s", err)
	}
	p.complete()
	if len(p.wrong) > 0 {
		return nil, p.joined()
	}
	return p.file, nil
}

// joined are the complaints by line.
func (p *parser) joined() error {
	slices.SortStableFunc(p.wrong, func(a, b error) int { return a.(*Complaint).Line - b.(*Complaint).Line })
	return errors.Join(p.wrong...)
}

// begins notes where a setting stands; "" is [disclosure] itself.
func (p *parser) begins(key string, line int) {
	at, what := place{p.rule, key, -1}, quote(key)
	if key == "" {
		what = "[disclosure]"
	}
	if first, twice := p.file.lines[at]; twice {
		p.complain(line, "%s stands here a second time: it is in line %d already", what, first)
	}
	p.file.lines[at] = line
}

// parser fills a file.
type parser struct {
	toml  unstable.Parser
	file  *File
	rule  int // the present one; −1 before the first; ofDisclosure
	rules disclosureSection
	zones []bool
	until []string // dates, of which the zone may come later
	wrong []error
}

func (p *parser) complain(line int, format string, args ...any) {
	p.wrong = append(p.wrong, &Complaint{p.file.Name, line, fmt.Sprintf(format, args...)})
}

// line is where a node begins; 0 where that is not kept.
func (p *parser) line(n *unstable.Node) int {
	if n.Raw.Length == 0 {
		return 0
	}
	return p.toml.Shape(n.Raw).Start.Line
}

// keyOf is a node's key with its line; parts of a dotted key are joined.
func (p *parser) keyOf(n *unstable.Node) (key string, line int) {
	it := n.Key()
	for it.Next() {
		if line == 0 {
			line = p.line(it.Node())
		}
		if key != "" {
			key += "."
		}
		key += string(it.Node().Data)
	}
	return key, max(line, 1)
}

func (p *parser) expression(n *unstable.Node) {
	key, line := p.keyOf(n)
	doc := &p.file.Document
	switch {
	case n.Kind == unstable.ArrayTable && key == "allow":
		doc.Rules = append(doc.Rules, Rule{})
		p.rule = len(doc.Rules) - 1
		p.zones, p.until = append(p.zones, false), append(p.until, "")
		p.file.lines[place{p.rule, "", -1}] = line
	case n.Kind == unstable.ArrayTable && key == "draw":
		doc.Draws = append(doc.Draws, Draw{})
		p.rule = drawn(len(doc.Draws) - 1)
		p.file.lines[place{p.rule, "", -1}] = line
	case n.Kind == unstable.Table && key == "disclosure":
		p.rule = ofDisclosure
		p.begins("", line)
	case n.Kind == unstable.Table || n.Kind == unstable.ArrayTable:
		p.complain(line, "[%s] is nothing of a policy: it has table, [disclosure] once and [[allow]], or below and [[draw]] alone", shown(key))
	case n.Kind == unstable.KeyValue && p.rule == ofDisclosure:
		p.begins(key, line)
		p.ofDisclosure(key, n.Value(), line)
	case n.Kind == unstable.KeyValue && p.rule < ofDisclosure:
		p.begins(key, line)
		p.ofDraw(key, n.Value(), line)
	case n.Kind == unstable.KeyValue && p.rule < 0:
		p.begins(key, line)
		switch key {
		case "table":
			doc.Table, _ = p.text(n.Value(), key, line)
		case "membership":
			doc.Membership = p.list(n.Value(), key, line)
		case "below":
			text, ok := p.text(n.Value(), key, line)
			if doc.Below, _ = engine.ParseClass(text); ok && doc.Below == engine.ClassUnsaid {
				p.complain(line, "below %s: it is one of %s", quote(text), strings.Join(engine.Classes(), ", "))
			}
		default:
			p.complain(line, "there is no setting %s here: a policy has table and membership, then [disclosure] and [[allow]], or below and [[draw]] alone", quote(key))
		}
	case n.Kind == unstable.KeyValue:
		p.begins(key, line)
		p.setting(&doc.Rules[p.rule], key, n.Value(), line)
	}
}

// setting reads one line of a rule.
func (p *parser) setting(r *Rule, key string, n *unstable.Node, line int) {
	t := &r.Terms
	switch key {
	case "name":
		r.Name, _ = p.text(n, key, line)
	case "when":
		r.When, _ = p.text(n, key, line)
	case "who":
		r.Who = p.list(n, key, line)
	case "filter":
		t.Filter = p.list(n, key, line)
	case "group":
		t.Group = p.list(n, key, line)
	case "aggregate":
		t.Aggregate = p.list(n, key, line)
	case "join":
		t.Join = p.list(n, key, line)
	case "functions":
		t.Functions = p.list(n, key, line)
	case "purposes":
		t.Purposes = p.list(n, key, line)
	case "basis":
		t.Bases = p.list(n, key, line)
	case "cohort":
		t.Cohort = p.number(n, key, line)
	case "contributors":
		t.Contributors = p.number(n, key, line)
	case "uses":
		t.Uses = p.number(n, key, line)
	case "hours":
		for _, span := range p.list(n, key, line) {
			h, ok := parseHours(span)
			if !ok {
				p.complain(line, "hours %s: write a span as 08:00-18:00", quote(span))
			}
			t.Hours = append(t.Hours, h)
		}
	case "zone":
		text, ok := p.text(n, key, line)
		if t.Zone, p.zones[p.rule] = ParseZone(text); ok && !p.zones[p.rule] {
			p.complain(line, "zone %s: write the distance from UTC as +08:00", quote(text))
		}
	case "until":
		if n.Kind != unstable.LocalDate {
			p.complain(line, "until is a date without quotes, as 2027-12-31: the last day")
			return
		}
		p.until[p.rule] = string(n.Data)
	default:
		p.complain(line, "there is no setting %s in [[allow]]: it has %s", quote(key), strings.Join(ruleSettings, ", "))
	}
}

// ruleSettings are the settings of [[allow]], as the README lists them.
var ruleSettings = []string{"name", "who", "filter", "group", "aggregate", "join", "functions", "purposes", "basis", "cohort",
	"contributors", "uses", "hours", "zone", "until", "when"}

func (p *parser) text(n *unstable.Node, key string, line int) (string, bool) {
	if n.Kind != unstable.String {
		p.complain(line, "%s is a text in quotes", key)
		return "", false
	}
	return string(n.Data), true
}

func (p *parser) number(n *unstable.Node, key string, line int) int64 {
	if v, err := strconv.ParseInt(string(n.Data), 10, 64); n.Kind == unstable.Integer && err == nil && v >= 1 {
		return v
	}
	p.complain(line, "%s is a whole number from 1 on", key)
	return 0
}

// list reads a list of texts, or one text, and sorts it.
func (p *parser) list(n *unstable.Node, key string, line int) []string {
	if n.Kind == unstable.String {
		return []string{string(n.Data)}
	}
	if n.Kind != unstable.Array {
		p.complain(line, "%s is a list of texts, as [\"a\", \"b\"]", key)
		return nil
	}
	type entry struct {
		text string
		line int
	}
	var entries []entry
	for it := n.Children(); it.Next(); {
		c := it.Node()
		if c.Kind == unstable.Comment {
			continue
		}
		at := max(p.line(c), line)
		if text, ok := p.text(c, "each entry of "+key, at); ok {
			entries = append(entries, entry{text, at})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	var out []string
	for i, e := range entries {
		if i > 0 && entries[i-1].text == e.text {
			p.complain(e.line, "%s names %s twice", key, quote(e.text))
			continue
		}
		p.file.lines[place{p.rule, key, len(out)}] = e.line
		out = append(out, e.text)
	}
	return out
}

// complete reads what needs other lines, and checks what a document by itself must be.
func (p *parser) complete() {
	doc := &p.file.Document
	for i, day := range p.until {
		r := &doc.Rules[i]
		if t := &r.Terms; len(t.Hours) > 0 && !p.zones[i] || day != "" && !p.zones[i] {
			p.complain(p.file.at(Problem{Rule: i}), "zone is missing: hours and until are in it, as zone = \"+08:00\"")
		}
		if day != "" {
			at, err := time.Parse("2006-01-02", day)
			if err != nil || at.Year() < 1970 {
				p.complain(p.file.at(Problem{Rule: i, Field: "until", Entry: -1}), "until %s is no date", quote(day))
				continue
			}
			r.Terms.Until = at.Unix() + 86400 - 60*int64(r.Terms.Zone)
		}
		if r.Name == "" {
			p.complain(p.file.at(Problem{Rule: i}), "name is missing: what the rule is called in decisions")
		}
	}
	doc.Disclosure = p.united()
	p.completeDraws()
	_, table := p.file.lines[place{-1, "table", -1}]
	if _, below := p.file.lines[place{-1, "below", -1}]; !table && !below && len(doc.Draws) == 0 {
		p.complain(1, "table is missing: which table the policy is for")
	}
	if len(p.wrong) > 0 {
		return
	}
	for _, problem := range doc.problems() {
		p.wrong = append(p.wrong, p.file.complaint(problem))
	}
}

// problems is what Validate would say, of all rules.
func (d *Document) problems() (out []Problem) {
	add := func(rule int, field string, err error) {
		if err != nil {
			out = append(out, Problem{rule, field, -1, err.Error()})
		}
	}
	add(-1, "table", d.validTable())
	if len(d.Rules) > MaxRules {
		add(-1, "table", fmt.Errorf("a policy has %d rules; at most %d are allowed", len(d.Rules), MaxRules))
	}
	add(-1, "table", d.cost())
	if err := d.validLinkage(); err != nil {
		add(-1, firstWord(err), err)
	}
	if err := d.Disclosure.Validate(); err != nil {
		add(ofDisclosure, firstWord(err), err)
	}
	names := map[string]bool{}
	for i := range d.Rules {
		r := &d.Rules[i]
		if err := cmp.Or(r.validate(), d.budgeted(r)); err != nil {
			field := firstWord(err)
			if !slices.Contains(ruleSettings, field) {
				field = ""
			}
			add(i, field, err)
		} else if names[r.Name] {
			add(i, "name", fmt.Errorf("two rules have the name %s", quote(r.Name)))
		}
		names[r.Name] = true
	}
	return out
}

// firstWord is the setting that a sentence is about: it begins with it.
func firstWord(err error) string {
	return strings.FieldsFunc(err.Error(), func(c rune) bool { return c == ':' || c == ' ' })[0]
}

// at is the line of a problem, or of what holds it.
func (f *File) at(p Problem) int {
	for _, where := range []place{{p.Rule, p.Field, p.Entry}, {p.Rule, p.Field, -1}, {p.Rule, "", -1}} {
		if line, ok := f.lines[where]; ok {
			return line
		}
	}
	return 1
}

func (f *File) complaint(p Problem) *Complaint { return &Complaint{f.Name, f.at(p), p.Message} }

// Check is Document.Check with file and line: *Complaint joined, or nil.
func (f *File) Check(r engine.Registration, classes Classes) error {
	var out []error
	for _, p := range f.Document.Check(r, classes) {
		out = append(out, f.complaint(p))
	}
	return errors.Join(out...)
}

// Ended is the complaint about each rule whose last day is over, joined, or nil: it would allow nothing. A document does
// not know what time it is, so Check cannot tell.
func (f *File) Ended(now time.Time) error {
	var out []error
	for i := range f.Document.Rules {
		if until := f.Document.Rules[i].Terms.Until; until != 0 && until <= now.Unix() {
			out = append(out, f.complaint(Problem{i, "until", -1, "until is over: it ended at " + time.Unix(until, 0).UTC().Format("2006-01-02 15:04 UTC")}))
		}
	}
	return errors.Join(out...)
}

// parseHours reads "08:00-18:00".
func parseHours(text string) (h Hours, ok bool) {
	from, to, found := strings.Cut(text, "-")
	h.From, ok = ParseTime(from)
	if !ok || !found {
		return h, false
	}
	h.To, ok = ParseTime(to)
	return h, ok
}

// ParseTime reads a time of the day, in minutes: "08:00", up to "24:00".
func ParseTime(text string) (int, bool) {
	if len(text) != 5 || text[2] != ':' || strings.Trim(text[:2]+text[3:], "0123456789") != "" {
		return 0, false
	}
	hour, _ := strconv.Atoi(text[:2])
	minute, _ := strconv.Atoi(text[3:])
	return 60*hour + minute, minute < 60 && 60*hour+minute <= 24*60
}

// ParseZone reads a distance from UTC, in minutes: "+08:00".
func ParseZone(text string) (int, bool) {
	if text == "" || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	n, ok := ParseTime(text[1:])
	if text[0] == '-' {
		n = -n
	}
	return n, ok && n >= -MaxZone && n <= MaxZone
}
