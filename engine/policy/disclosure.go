package policy

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"parley/engine"
	"parley/engine/privacy"
)

// ofDisclosure stands for [disclosure] where a rule's index would.
const ofDisclosure = -2

// disclosureSection is what [disclosure] says, before presets and settings unite.
type disclosureSection struct {
	presets  engine.Disclosure
	settings []disclosureSetting
	honest   int64
}

// disclosureSetting is one rule, with its line.
type disclosureSetting struct {
	rule engine.Disclosure
	line int
}

// ofDisclosure reads one line of [disclosure].
func (p *parser) ofDisclosure(key string, n *unstable.Node, line int) {
	var d engine.Disclosure
	switch key {
	case "preset":
		p.presets(n, line)
		return
	case "count":
		d.Count = p.number(n, key, line)
	case "zero":
		d.ZeroIsSmall = p.yes(n, key, line)
	case "floor":
		d.Floor = p.number(n, key, line)
	case "departments":
		d.Departments = p.number(n, key, line)
	case "freedom":
		d.Freedom = p.number(n, key, line)
	case "parameters":
		d.ParametersPerMille = p.share(n, key, line)
	case "levels":
		d.Levels = p.number(n, key, line)
	case "level-density":
		d.LevelsPerMille = p.share(n, key, line)
	case "complement":
		d.Complement = p.yes(n, key, line)
	case "dominance":
		d.DominanceCount, d.DominancePerMille = p.dominance(n, key, line)
	case "p-ratio":
		d.RatioPerMille = p.share(n, key, line)
	case "round":
		if d.Base = p.number(n, key, line); d.Validate() != nil { // before it unites with another
			p.complain(line, "%s", d.Validate())
			d.Base = 0
		}
	case "perturbed":
		d.Perturbed = p.number(n, key, line)
	case "veiled":
		d.Veiled = p.yes(n, key, line)
	case "epsilon":
		d.Epsilon = p.decimal(n, key, line, 6, privacy.MaxEpsilon, "from 0.001 to 100.0, as 0.5")
	case "budget":
		d.Budget = p.decimal(n, key, line, 6, privacy.MaxEpsilon, "from 0.001 to 100.0, as 4.0")
	case "delta":
		d.Delta = p.decimal(n, key, line, 12, privacy.MaxDelta, "up to 0.001, as 0.000001")
	case "honest": // it says nothing without epsilon, and nothing unites with it
		p.rules.honest = p.number(n, key, line)
		return
	case "history":
		d.History = p.number(n, key, line)
	case "together":
		word, known := string(n.Data), false
		if d.Together, known = engine.ParseTogether(word); !known || n.Kind != unstable.String {
			p.complain(line, "%s is \"department\" or \"all\": whose answers are seen together", key)
			d.Together = engine.TogetherPerson
		}
	default:
		p.complain(line, "there is no setting %s in [disclosure]: it has preset, %s", quote(key), strings.Join(engine.RuleNames(), ", "))
	}
	p.rules.settings = append(p.rules.settings, disclosureSetting{d, line})
}

// presets unites the presets that are named.
func (p *parser) presets(n *unstable.Node, line int) {
	for _, name := range p.list(n, "preset", line) {
		rules, known := engine.Preset(name)
		if !known {
			p.complain(line, "there is no preset %s: there are %s", quote(name), strings.Join(engine.Presets(), ", "))
		}
		p.rules.presets = p.rules.presets.Unite(rules)
	}
}

// united are the rules of [disclosure]. A setting beside a preset tightens it: one that would not hold as
// it is written is refused.
func (p *parser) united() engine.Disclosure {
	all := p.rules.presets
	for _, s := range p.rules.settings {
		with := p.rules.presets.Unite(s.rule)
		for _, r := range s.rule.Rules() {
			switch held := ruleNamed(with, r.Name); {
			case with.Conflict() != nil:
				p.complain(s.line, "%s: the preset has the other", with.Conflict())
			case held.Written() != r.Written():
				preset := ruleNamed(p.rules.presets, r.Name)
				p.complain(s.line, "%s = %s is looser than the preset, which has %s: a setting beside a preset only tightens it", r.Name, r.Written(), preset.Written())
			}
		}
		all = all.Unite(s.rule)
	}
	all.Honest = p.rules.honest
	if line, stands := p.file.lines[place{ofDisclosure, "", -1}]; stands && len(p.wrong) == 0 && all == (engine.Disclosure{}) {
		p.complain(line, "[disclosure] has no rule: leave it out, or name a preset")
	}
	return all
}

// ruleNamed is the rule of a name.
func ruleNamed(d engine.Disclosure, name string) engine.DisclosureRule {
	rules := d.Rules()
	if at := slices.IndexFunc(rules, func(r engine.DisclosureRule) bool { return r.Name == name }); at >= 0 {
		return rules[at]
	}
	return engine.DisclosureRule{}
}

// yes reads a rule that is or is not. One that is not is left out, so that a file has one form.
func (p *parser) yes(n *unstable.Node, key string, line int) bool {
	if n.Kind == unstable.Bool && string(n.Data) == "true" {
		return true
	}
	p.complain(line, "%s is true, or left out: no setting takes a rule back", key)
	return false
}

// share reads a decimal as thousandths, exactly.
func (p *parser) share(n *unstable.Node, key string, line int) int64 {
	return p.decimal(n, key, line, 3, engine.PerMille, "from 0.001 to 1.0, as 0.33")
}

// decimal reads a decimal number of so many places at most, exactly, in units of the last of them; what is how it is written.
func (p *parser) decimal(n *unstable.Node, key string, line, most int, limit int64, what string) int64 {
	whole, places, _ := strings.Cut(string(n.Data), ".")
	digits := strings.Trim(whole+places, "0123456789") == ""
	switch {
	case n.Kind == unstable.Float && digits && len(places) > most:
		p.complain(line, "%s has %d places behind the point; at most %d are kept", key, len(places), most)
		return 0
	case n.Kind == unstable.Float && digits || n.Kind == unstable.Integer && digits:
		if v, err := strconv.ParseInt(whole+places+strings.Repeat("0", most-len(places)), 10, 64); err == nil && v >= 1 && v <= limit {
			return v
		}
	}
	p.complain(line, "%s is a decimal number %s", key, what)
	return 0
}

// dominance reads the largest rows and their share.
func (p *parser) dominance(n *unstable.Node, key string, line int) (rows, share int64) {
	var parts []*unstable.Node
	if n.Kind == unstable.Array {
		for it := n.Children(); it.Next(); {
			if c := it.Node(); c.Kind != unstable.Comment {
				parts = append(parts, c)
			}
		}
	}
	if len(parts) != 2 {
		p.complain(line, "%s is a number of rows and their share, as [2, 0.90]", key)
		return 0, 0
	}
	return p.number(parts[0], "the first of "+key, line), p.share(parts[1], "the second of "+key, line)
}

// conflict is that united rules exclude each other; nil where they do not.
func conflict(rules engine.Disclosure) *Missing {
	var c *engine.Conflict
	if !errors.As(rules.Conflict(), &c) {
		return nil
	}
	return &Missing{Reason: RulesConflict, Detail: c.First + ", " + c.Second}
}

// ofDisclosure is what a department's rules have against the question before anything is counted: joined tables under
// rules about the rows of one, sums and rounds where counts are rounded, fewer departments than any cell needs, and columns
// of too many values.
func (d *decider) ofDisclosure(rules *engine.Disclosure) (out []Missing) {
	if rule := rules.AgainstJoins(); rule != "" && len(d.facts.columns(Join)) > 0 {
		out = append(out, Missing{Reason: NoJoins, Detail: rule})
	}
	if rules.Base > 0 && d.facts.Adds {
		out = append(out, Missing{Reason: SumUndoesRound, Number: rules.Base})
	}
	if rules.Base > 0 && d.facts.Rounds {
		out = append(out, Missing{Reason: RoundsUndoRound, Number: rules.Base})
	}
	if int64(len(d.facts.Contributors)) < rules.Departments {
		out = append(out, Missing{Reason: TooFew, Rule: "departments", Number: rules.Departments})
	}
	for _, u := range d.facts.Uses {
		if most, ruled := d.levels(rules); ruled && int64(u.Levels) > most {
			out = append(out, Missing{Column: u.Column, Role: u.Role, Reason: TooManyLevels, Detail: strconv.Itoa(u.Levels), Number: most})
		}
	}
	return out
}

// levels is how many values rules allow a column that rows are told apart by, of each contributor's table.
func (d *decider) levels(rules *engine.Disclosure) (most int64, ruled bool) {
	var allowed []int64
	if rules.Levels > 0 {
		allowed = append(allowed, rules.Levels)
	}
	if rules.LevelsPerMille > 0 {
		for _, k := range d.facts.Contributors {
			allowed = append(allowed, k.Rows*rules.LevelsPerMille/engine.PerMille)
		}
	}
	if len(allowed) == 0 {
		return 0, false
	}
	return slices.Min(allowed), true
}

// chineseRules are what rules say in Chinese.
var chineseRules = map[string]string{
	"count":         "所示单元至少基于$1行",
	"zero":          "没有任何行的单元同样不显示",
	"floor":         "每个部门在其有数据的单元中至少有自己的$1行",
	"departments":   "有数据的单元至少含$1个部门的数据",
	"freedom":       "拟合所用的行数至少比参数个数多$1",
	"parameters":    "拟合的参数个数至多为行数的$1倍",
	"levels":        "用于区分行的列至多有$1个取值",
	"level-density": "用于区分行的列，其取值个数至多为部门表行数的$1倍",
	"complement":    "另行隐去若干单元，使合计不能推出被隐去的单元",
	"dominance":     "所示合计中最大的$1行至多占$2",
	"p-ratio":       "所示合计除去最大两行后，至少为最大一行的$1",
	"round":         "计数按$1取整，且不作合计",
	"perturbed":     "所示单元带有各部门的噪声，每部门上下至多$1行，同样的行噪声相同",
	"veiled":        "答复之前各参与部门所见的计数也带有该噪声，行集须有更多的行方可通过",
	"epsilon":       "所示单元均带各部门各自的噪声，由此每次提问的代价至多为ε = $1；未指明诚实部门数时，仅凭其中一份即可",
	"budget":        "同一人出于同一目的对该表的全部提问，合并后的代价至多为ε = $1，合并后小于各次代价之和",
	"delta":         "上述代价除δ = $1的概率外成立",
	"honest":        "上述代价由$1个部门（部门不足时为全部）的噪声共同保证，只要有这么多部门遵守协议且不与分析员串通",
	"history":       "与$1天内给同一人的答复合在一起，也不能推出过小的行集",

	"together department": "同一部门担保的各人视为一人",
	"together all":        "所有人视为一人",
}

// RulesText says rules of what an answer may show, one each, in a language of English and Chinese.
func RulesText(d engine.Disclosure, lang string) (out []string) {
	for _, r := range d.Rules() {
		if language(lang) == 1 {
			out = append(out, r.Say(chineseRules[r.Key()]))
		} else {
			out = append(out, r.Sentence())
		}
	}
	return out
}
