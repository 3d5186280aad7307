package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// ExplainedScreening says what the contributors look at before an answer is released.
type ExplainedScreening struct {
	Plan        Digest                `json:"plan"`              // the screening's
	Rules       []string              `json:"rules"`             // as sentences
	Figures     int                   `json:"figures"`           // of each group
	Groups      int                   `json:"groups"`            //
	Ciphertexts int                   `json:"ciphertexts"`       // of each department, beside the answer's
	Earlier     int                   `json:"earlier,omitempty"` // answers that the question is compared with
	Least       int64                 `json:"least,omitempty"`   // with noise on the figures, the rows that a cell rests on at least
	Enough      int64                 `json:"enough,omitempty"`  // and what the departments' numbers then add up to, for one set
	Persons     int64                 `json:"persons,omitempty"` // of a join across departments, how many a cell rests on at least
	Departments int                   `json:"departments"`
	Sums        []ExplainedSlack      `json:"sums,omitempty"` // of rules about the largest rows, what they are weighed by
	Learns      []ExplainedDisclosure `json:"learns"`
}

// ExplainedSlack is how finely a rule about the largest rows sees what is added up, in its units. A department's slack is rounded down to a step, so that of
// declared bounds far above what rows have many sums are withheld that keep the rule.
type ExplainedSlack struct {
	Of   string `json:"of"`   // what is added up
	Rule string `json:"rule"` // as ReasonName names it
	Most string `json:"most"` // that it can be in a row, below or above 0, by the widest of the departments' bounds
	Step string `json:"step"`
}

// ExplainScreening describes the screening of a plan; nil where no rule looks at counts. The errors are those of
// Screening.
func (p *Plan) ExplainScreening(d Disclosure, earlier ...Earlier) (*ExplainedScreening, error) {
	if !d.Screens() {
		return nil, nil
	}
	s, err := p.Screening(d, earlier...)
	if err != nil {
		return nil, err
	}
	out := &ExplainedScreening{Earlier: len(earlier), Plan: s.Digest(), Rules: d.Sentences(), Figures: len(s.Moments), Groups: s.groupCount(),
		Ciphertexts: s.Ciphertexts(), Departments: len(p.Departments), Sums: s.explainSlacks(), Learns: s.screeningLearns()}
	if s.Linked() != nil {
		out.Persons = s.Screen.persons.fewest(s, d.Count).Int64()
	}
	if d.Veiled {
		out.Least, out.Enough = d.Count, s.Screen.enough(d.Count, 1)
	}
	return out, nil
}

// explainSlacks lists what the rules about largest rows weigh, each once.
func (p *Plan) explainSlacks() (out []ExplainedSlack) {
	for _, x := range p.Screen.sums {
		decimal := func(n *big.Int, scale int) string { return Datum{Kind: Decimal, Number: n, Scale: scale}.String() }
		most := p.magnitude(x.expr)
		// A slack is in thousandths.
		s := ExplainedSlack{p.describe(x.expr), ReasonName(x.code), decimal(most, x.expr.Scale), decimal(slackUnit(x.slack, most), x.expr.Scale+3)}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// screeningLearns says who learns what of a screening.
func (p *Plan) screeningLearns() []ExplainedDisclosure {
	if p.Linked() != nil {
		return p.personsLearnt()
	}
	most, below := int64(0), int64(0)
	for _, m := range p.Moments {
		if below = max(below, m.Below); m.Most != exactly64 {
			most = max(most, m.Most)
		}
	}
	rows := "rows there are"
	if by := p.CountedBy(); by != "" {
		rows = "different values of " + by + " (joined rows with the same one count once) there are"
	}
	what := fmt.Sprintf("for %s of each of %s, how many %s that cells rest on or that a total tells beside them, "+
		"summed over the departments", Plural(len(p.Screen.supports.list), "set"), Plural(p.groupCount(), "group"), rows)
	if most > 0 {
		what += fmt.Sprintf(", each of which counts up to %d at most", most)
	}
	if below > 1 && p.Screen.Rules.Veiled {
		below += p.Screen.Rules.Perturbed // compared with their noise
	}
	if below > 0 {
		what += fmt.Sprintf(", and none where it has fewer than %d; in how many departments there are some, but fewer than that", below)
	}
	if p.Screen.Rules.Departments > 0 {
		what += "; in how many departments there are any"
	}
	if n := len(p.Screen.sums); n > 0 {
		what += fmt.Sprintf("; of %s of what sums add up, which are by how much a department's other rows outweigh its largest, in sixteenths of the worst that its bounds allow, "+
			"and at most as many as make up for the worst of all other departments", Plural(n, "slack"))
	}
	if d := p.Screen.Rules; d.Veiled {
		what += fmt.Sprintf("; each number of rows with noise of each department that has some, up to %d rows in either direction and the same for the same rows, "+
			"so that only whether there are any is exact", d.Perturbed)
	}
	if base := p.Screen.Rules.Base; base > 0 {
		what += fmt.Sprintf("; and each count of the answer exactly, before it is rounded to %d", base)
	}
	return []ExplainedDisclosure{
		{"each contributor (" + strings.Join(p.Departments, ", ") + "), and nobody else", what},
		{"the analyst, every department, and whoever has the certificate", "which cells of the answer are withheld, and by which rule"},
	}
}

// shownCells says which cells the analyst learns.
func (p *Plan) shownCells(l Language) string {
	withheld := len(p.Withheld) - len(slices.DeleteFunc(slices.Clone(p.Withheld), func(code byte) bool { return code != 0 }))
	which, rounded := l.say("every cell (%d)", p.CellCount()), ""
	if withheld > 0 {
		which = l.say("every cell that is not withheld (%d of %d)", p.CellCount()-withheld, p.CellCount())
	}
	if p.Rounds() {
		rounded = l.say(" and rounded to %d", p.Rules.Base)
	}
	return l.say("%s, %s%s", which, l.text("summed over the departments"), rounded)
}

// String writes the explanation for people.
func (x *ExplainedScreening) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Before the answer the contributors look at counts, by the rules")
	for _, r := range x.Rules {
		line("  %s", r)
	}
	if x.Persons > 0 {
		line("They count %s of each of %s, as products, beside the answer. A cell is shown where %d persons at least are counted.", Plural(x.Figures, "set")+" of persons",
			Plural(x.Groups, "group"), x.Persons)
	} else {
		line("Each department contributes %s of each of %s in %s, beside the answer.", Plural(x.Figures, "figure"), Plural(x.Groups, "group"),
			Plural(x.Ciphertexts, "ciphertext"))
	}
	if x.Earlier > 0 {
		line("Some of them compare it with %s before it: where it would tell with one of too few rows, it is refused.", Plural(x.Earlier, "answer"))
	}
	if x.Enough > 0 {
		line("With the noise on these, rows pass where the departments' numbers add up to %d: fewer than %d do once in 1,600 times at most, and a few more not always.", x.Enough, x.Least)
	}
	for _, l := range x.Learns {
		line("Learns: %s: %s.", l.Who, l.What)
	}
	return b.String()
}
