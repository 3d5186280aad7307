package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parley/engine/privacy"
)

// The names of rules, which are those of a policy's settings.
const (
	ruleCount       = "count"
	ruleZero        = "zero"
	ruleFloor       = "floor"
	ruleDepartments = "departments"
	ruleFreedom     = "freedom"
	ruleParameters  = "parameters"
	ruleLevels      = "levels"
	ruleDensity     = "level-density"
	ruleComplement  = "complement"
	ruleDominance   = "dominance"
	ruleRatio       = "p-ratio"
	ruleRound       = "round"
	rulePerturbed   = "perturbed"
	ruleVeiled      = "veiled"
	ruleEpsilon     = "epsilon"
	ruleBudget      = "budget"
	ruleDelta       = "delta"
	ruleHonest      = "honest"
	ruleHistory     = "history"
	ruleTogether    = "together"
)

// DisclosureRule is one rule that a Disclosure has.
type DisclosureRule struct {
	Name string
	// Values are the rule's: none of one that is or is not, of dominance the rows and their share.
	Values []int64
	// Unit: the last of the values is in so many parts of one; 0: it is whole.
	Unit int64
	// Word is the rule's, of one that is a word.
	Word string
}

// Rules lists the rules that there are, in the order of a policy's settings.
func (d Disclosure) Rules() (out []DisclosureRule) {
	add := func(name string, holds bool, unit int64, values ...int64) {
		if holds {
			out = append(out, DisclosureRule{Name: name, Values: values, Unit: unit})
		}
	}
	add(ruleCount, d.Count != 0, 0, d.Count)
	add(ruleZero, d.ZeroIsSmall, 0)
	add(ruleFloor, d.Floor != 0, 0, d.Floor)
	add(ruleDepartments, d.Departments != 0, 0, d.Departments)
	add(ruleFreedom, d.Freedom != 0, 0, d.Freedom)
	add(ruleParameters, d.ParametersPerMille != 0, PerMille, d.ParametersPerMille)
	add(ruleLevels, d.Levels != 0, 0, d.Levels)
	add(ruleDensity, d.LevelsPerMille != 0, PerMille, d.LevelsPerMille)
	add(ruleComplement, d.Complement, 0)
	add(ruleDominance, d.DominanceCount != 0 || d.DominancePerMille != 0, PerMille, d.DominanceCount, d.DominancePerMille)
	add(ruleRatio, d.RatioPerMille != 0, PerMille, d.RatioPerMille)
	add(ruleRound, d.Base != 0, 0, d.Base)
	add(rulePerturbed, d.Perturbed != 0, 0, d.Perturbed)
	add(ruleVeiled, d.Veiled, 0)
	add(ruleEpsilon, d.Epsilon != 0, privacy.Micro, d.Epsilon)
	add(ruleBudget, d.Budget != 0, privacy.Micro, d.Budget)
	add(ruleDelta, d.Delta != 0, privacy.Pico, d.Delta)
	add(ruleHonest, d.Honest != 0, 0, d.Honest)
	add(ruleHistory, d.History != 0, 0, d.History)
	if d.Together != TogetherPerson {
		out = append(out, DisclosureRule{Name: ruleTogether, Word: d.Together.String()})
	}
	return out
}

// Written is the rule's value as a policy writes it.
func (r *DisclosureRule) Written() string {
	if r.Word != "" {
		return quote(r.Word)
	}
	switch written := r.written(); len(written) {
	case 0:
		return "true"
	case 1:
		return written[0]
	default:
		return "[" + strings.Join(written, ", ") + "]"
	}
}

// written are the rule's values.
func (r *DisclosureRule) written() (out []string) {
	for i, v := range r.Values {
		if r.Unit > 0 && i == len(r.Values)-1 {
			out = append(out, privacy.Decimal(v, r.Unit))
		} else {
			out = append(out, strconv.FormatInt(v, 10))
		}
	}
	return out
}

// unitName is the unit of a setting's number, for messages.
func unitName(name string) string {
	switch name {
	case ruleEpsilon, ruleBudget:
		return " millionths"
	case ruleDelta:
		return " units of 10^-12"
	case ruleParameters, ruleDensity, ruleRatio, ruleDominance:
		return " thousandths"
	}
	return ""
}

func basesText() string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(Bases), "[]"), " ", ", ")
}

// ruleSentences are what rules say, with $1 and $2 for their values.
var ruleSentences = map[string]string{
	ruleCount:       "a cell that is shown rests on at least $1 rows",
	ruleZero:        "a cell of no rows is withheld as well",
	ruleFloor:       "each department has at least $1 rows of its own in a cell that it has rows in",
	ruleDepartments: "a cell that has rows has rows of at least $1 departments",
	ruleFreedom:     "what is fitted rests on at least $1 rows more than it has parameters",
	ruleParameters:  "what is fitted has at most $1 parameters for each row",
	ruleLevels:      "a column that rows are told apart by has at most $1 values",
	ruleDensity:     "a column that rows are told apart by has at most $1 values for each row of a department's table",
	ruleComplement:  "so many further cells are withheld that totals do not give a withheld one away",
	ruleDominance:   "the $1 largest rows are at most $2 of a sum that is shown",
	ruleRatio:       "a sum that is shown is without its two largest rows at least $1 of the largest",
	ruleRound:       "counts are rounded to $1, and nothing is added up",
	rulePerturbed:   "each cell that is shown carries noise of each department, up to $1 rows in either direction, the same for the same rows",
	ruleVeiled:      "what contributors see of counts before an answer carries that noise as well, and a set of rows takes more of them to pass",
	ruleEpsilon:     "each cell that is shown carries noise of each department, by which the question costs ε = $1 at most: each department's alone, where no honest ones are named",
	ruleBudget:      "all questions of a person about the table for a purpose cost ε = $1 at most together, which is less than the sum of what each costs",
	ruleDelta:       "costs hold but for a probability of δ = $1",
	ruleHonest:      "the noise of $1 departments, or of all where fewer contribute, makes up that cost together, and that holds as long as so many follow the protocol and do not work with the analyst",
	ruleHistory:     "with what was answered to the same person in $1 days an answer tells of no set of rows that is too small",

	ruleTogether + " department": "all persons for whom the same department vouches count as one",
	ruleTogether + " all":        "all persons count as one",
}

// Sentence says the rule in English.
func (r *DisclosureRule) Sentence() string { return r.Say(ruleSentences[r.Key()]) }

// Key is what a rule's sentence goes by: its name, and its word if it has one.
func (r *DisclosureRule) Key() string {
	if r.Word == "" {
		return r.Name
	}
	return r.Name + " " + r.Word
}

// Say puts the rule's values into a text, for $1 and $2.
func (r *DisclosureRule) Say(text string) string {
	for i, v := range r.written() {
		text = strings.ReplaceAll(text, "$"+strconv.Itoa(i+1), v)
	}
	return text
}

// Sentences say the rules in English, one each.
func (d Disclosure) Sentences() (out []string) {
	for _, r := range d.Rules() {
		out = append(out, r.Sentence())
	}
	return out
}

// RuleNames are the names of all rules, in the order of a policy's settings.
func RuleNames() []string {
	return []string{ruleCount, ruleZero, ruleFloor, ruleDepartments, ruleFreedom, ruleParameters, ruleLevels, ruleDensity,
		ruleComplement, ruleDominance, ruleRatio, ruleRound, rulePerturbed, ruleVeiled, ruleEpsilon, ruleBudget, ruleDelta, ruleHonest,
		ruleHistory, ruleTogether}
}

// preset is a set of rules with a name.
type preset struct {
	name  string
	rules Disclosure
}

// presets are the rules that statistical offices and tools have for results. README section 18.1 has the
// sources, and what is read into them.
var presets = []preset{
	{"abs", Disclosure{Count: 3, ZeroIsSmall: true, Perturbed: 5, History: 365}},
	{"acro", Disclosure{Count: 10, ZeroIsSmall: true, Freedom: 10, Complement: true, DominanceCount: 2, DominancePerMille: 900,
		RatioPerMille: 100, Base: 5, History: 365}},
	{"datashield-3", Disclosure{Count: 3, ZeroIsSmall: true, Floor: 3, ParametersPerMille: 330, Levels: 40, LevelsPerMille: 330, Complement: true, History: 365}},
	{"nhs-hes", Disclosure{Count: 8, ZeroIsSmall: true, Base: 5, History: 365}},
	{"ons-10-5", Disclosure{Count: 10, ZeroIsSmall: true, Base: 5, History: 365}},
	{"ukllc-10", Disclosure{Count: 10, ZeroIsSmall: true, Complement: true, History: 365}},
}

// Preset is the rules of a preset; false if there is none of that name.
func Preset(name string) (Disclosure, bool) {
	at := slices.IndexFunc(presets, func(p preset) bool { return p.name == name })
	if at < 0 {
		return Disclosure{}, false
	}
	return presets[at].rules, true
}

// Presets are the names of all presets, ascending.
func Presets() (names []string) {
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}
