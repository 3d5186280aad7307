package render

import (
	"fmt"
	"slices"
	"strings"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/failure"
	"parley/protocols"
)

// Withheld is what a rule withholds of an answer, as --json prints it: a row that is not among the rows, or values of one.
type Withheld struct {
	Group   []*string `json:"group"`             // the row's values of the columns that are grouped by
	Columns []string  `json:"columns,omitempty"` // whose values are withheld; none: the row is not shown at all
	Rule    string    `json:"rule"`              // by its name in policies
	Sums    []string  `json:"sums,omitempty"`    // of a call that returns rows, which of its sums the largest rows may be too much of
}

func withheldOf(r *engine.Result) (out []Withheld) {
	for _, w := range r.Withheld {
		shown := Withheld{Group: make([]*string, len(w.Group)), Columns: w.Columns, Rule: w.Rule, Sums: w.Sums}
		for i, v := range w.Group {
			shown.Group[i] = v.Text
		}
		out = append(out, shown)
	}
	return out
}

// mostWithheld is how many rows are named of those from which one rule withholds the same.
const mostWithheld = 12

// withheldText says what is withheld and by which rule: the rows from which one rule withholds the same, together.
func withheldText(r *engine.Result, p *engine.Plan, l notesLanguage) string {
	type same struct{ rule, columns, sums string }
	var order []same
	rows := map[same][]string{}
	for _, w := range r.Withheld {
		of := same{w.Rule, strings.Join(w.Columns, ", "), strings.Join(w.Sums, ", ")}
		if rows[of] == nil {
			order = append(order, of)
		}
		rows[of] = append(rows[of], groupText(w.Group, p, l))
	}
	var b Page
	for _, of := range order {
		what, named := of.columns, rows[of]
		if what == "" {
			what = l.plural(len(named), "row")
		}
		text := l.say("by rule", what, of.rule)
		if says := ruleText(of.rule, p, l); says != "" {
			text += l.say("says", says)
		}
		if of.sums != "" {
			text += l.say("for sums", of.sums)
		}
		more := ""
		if len(named) > mostWithheld {
			more = l.say("more", len(named)-mostWithheld)
			named = named[:mostWithheld]
		}
		b.put(l.say("withheld"), failure.Printable(l.say("named", text, strings.Join(named, l.say("and"))+more)))
	}
	if by := p.CountedBy(); by != "" && len(order) > 0 {
		b.put(l.say("withheld"), failure.Printable(l.say("keys", by)))
	}
	return b.String()
}

// roundedText says what counts are rounded to; "" where they are exact.
func roundedText(r *engine.Result, l notesLanguage) string {
	if r.Rounded == 0 {
		return ""
	}
	var b Page
	b.put(l.say("rounded"), l.say("each", r.Rounded))
	return b.String()
}

// groupText names a row by the values that it is grouped by.
func groupText(group []engine.Value, p *engine.Plan, l notesLanguage) string {
	if len(group) == 0 {
		return l.say("all rows")
	}
	names := make([]string, len(group))
	for i, v := range group {
		if names[i] = "NULL"; v.Text != nil {
			names[i] = *v.Text
		}
		if name := groupName(i, p); name != "" {
			names[i] = name + " " + names[i]
		}
	}
	return strings.Join(names, ", ")
}

// groupName is what a column that is grouped by is called: in the answer, or else in the table.
func groupName(i int, p *engine.Plan) string {
	if p == nil || i >= len(p.Groups) {
		return ""
	}
	for _, o := range p.Outputs {
		if o.Expr.Op == engine.OpGroup && o.Expr.Column == i {
			return o.Name
		}
	}
	if e := p.Groups[i].Expr; e.Op == engine.OpColumn {
		return p.Schema.Columns[e.Column].Name
	}
	return ""
}

// ruleText is what the rule of an answer that withholds something says; "" where it is not known.
func ruleText(name string, p *engine.Plan, l notesLanguage) string {
	if p == nil {
		return ""
	}
	if n := p.FewestPersons(); n > 0 && name == "count" {
		return l.say("persons", n)
	}
	said := policy.RulesText(p.Rules, []string{policy.English, policy.Chinese}[l])
	for i, r := range p.Rules.Rules() {
		if r.Name == name {
			return said[i] + veiledText(name, p, l)
		}
	}
	return ""
}

// veiledText says what a rule of numbers of rows takes where contributors see these with noise; "" where they see them as they are.
func veiledText(name string, p *engine.Plan, l notesLanguage) string {
	switch {
	case !p.Rules.Veiled:
		return ""
	case name == "count":
		return l.say("veiled count", p.Enough(), p.Rules.Count)
	case name == "floor":
		return l.say("veiled floor", p.Rules.Floor+p.Rules.Perturbed)
	case name == "freedom" || name == "parameters":
		return l.say("veiled")
	}
	return ""
}

// roundingLine says what rounded counts rest on; "" where they are exact.
func roundingLine(p *engine.Plan) string {
	if p == nil || !p.Rounds() {
		return ""
	}
	return fmt.Sprintf("it is proven that %s contributed what is counted, and the others nothing; that these are the counts of all together, rounded to %d, the contributors signed",
		failure.Printable(p.Departments[p.Recipient]), p.Rules.Base)
}

// screeningsOf are the screenings that an answer rests on: of several rounds all theirs.
func screeningsOf(v protocols.Verdict) (ids []string) {
	if v.Screening != (engine.Digest{}) {
		return []string{v.Screening.String()}
	}
	for _, r := range v.Rounds {
		ids = append(ids, screeningsOf(r)...)
	}
	return ids
}

// comparedWith are the queries whose answers a question was compared with: of several rounds all theirs, each once.
func comparedWith(v protocols.Verdict) (ids []string) {
	for _, p := range v.Compared {
		ids = append(ids, p.Query.String())
	}
	for _, r := range v.Rounds {
		for _, id := range comparedWith(r) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// comparedLine says what an answer was compared with; "" where with nothing.
func comparedLine(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	short := make([]string, len(ids))
	for i, id := range ids {
		short[i] = audit.ShortDigest(id)
	}
	return fmt.Sprintf("compared with %s before it (%s); that there were no others is the ledger's word", engine.Plural(len(ids), "answer"), strings.Join(short, ", "))
}

// screeningLine says what of an answer rests on its contributors' word; "" where nothing does.
func screeningLine(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	short := make([]string, len(ids))
	for i, id := range ids {
		short[i] = audit.ShortDigest(id)
	}
	return fmt.Sprintf("what is shown rests on the contributors' signed verdicts (screening %s); that their counts were true it does not show", strings.Join(short, ", "))
}
