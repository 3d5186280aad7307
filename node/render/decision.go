package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/failure"
)

// Decision is what departments decide about a question, as --json prints it, with the commands that go on from there.
type Decision struct {
	Allowed bool      `json:"allowed"`
	Text    string    `json:"text"` // in the language that was asked for
	Missing []Missing `json:"missing"`
	Grants  []string  `json:"grants"` // of which a use is taken
	Rules   []Rule    `json:"rules"`  // that what is shown keeps
	// Screening is what the departments look at first, of a question that is allowed; explain has it.
	Screening *engine.ExplainedScreening `json:"screening,omitempty"`
	Request   string                     `json:"request,omitempty"`
	// Requested are the person's requests of just this question.
	Requested []Request `json:"requested,omitempty"`
	Revoked   []Grant   `json:"revoked,omitempty"` // grants that would be used, had they not been taken back
	// Rest are the departments that do not refuse. AskRest asks the same of them alone, or requests what that lacks.
	Rest        []string `json:"rest,omitempty"`
	RestAllowed bool     `json:"restAllowed,omitempty"`
	AskRest     string   `json:"askRest,omitempty"`
}

// Missing is one thing that a question lacks.
type Missing struct {
	Department string `json:"department,omitempty"` // "": of the person or the question
	Table      string `json:"table,omitempty"`
	Column     string `json:"column,omitempty"` // "": the table's rows
	Role       string `json:"role,omitempty"`
	Reason     string `json:"reason"`
	Rule       string `json:"rule,omitempty"`
	Grant      string `json:"grant,omitempty"`
	Sentence   string `json:"sentence"`
}

// Rule is one rule of what an answer may show.
type Rule struct {
	Name     string `json:"name"`  // as policies have it
	Value    string `json:"value"` // as policies write it
	Sentence string `json:"sentence"`
}

// RulesOf are rules in a language.
func RulesOf(d engine.Disclosure, language string) []Rule {
	out, said := []Rule{}, policy.RulesText(d, language)
	for i, r := range d.Rules() {
		out = append(out, Rule{Name: r.Name, Value: r.Written(), Sentence: said[i]})
	}
	return out
}

// RulesText lists rules below a heading; "" where there are none.
func RulesText(rules []Rule) string {
	var b strings.Builder
	for i, r := range rules {
		if i == 0 {
			b.WriteString("what answers may show:\n")
		}
		b.WriteString("  " + r.Sentence + "\n")
	}
	return b.String()
}

// DecisionOf is a decision in a language.
func DecisionOf(d *policy.Decision, language string) Decision {
	out := Decision{Allowed: d.Allowed, Text: d.Text(language), Missing: []Missing{}, Grants: []string{}, Rules: RulesOf(d.Rules, language)}
	for _, c := range d.Charges {
		out.Grants = append(out.Grants, c.Grant.String())
	}
	for i := range d.Missing {
		m := &d.Missing[i]
		shown := Missing{Department: m.Department, Table: m.Table, Column: m.Column, Role: string(m.Role), Reason: string(m.Reason), Rule: m.Rule, Sentence: m.Sentence(language)}
		if m.Grant != (engine.Digest{}) {
			shown.Grant = m.Grant.String()
		}
		out.Missing = append(out.Missing, shown)
	}
	return out
}

// hints are what stands before the commands, in English and Chinese.
var hints = map[string][2]string{
	"request": {"this requests what is missing, of all of them at once:", "以下命令一次性申请所缺的全部授权："},
	"rest":    {"%s would answer now, without the others:", "%s现在可以回答，不含其他部门："},
	"other":   {"the same of %s alone, without the others, is another question; this requests it:", "仅向%s提出同样的问题是另一个问题；以下命令为其申请授权："},
	"granted": {"granted", "已授权"}, "refused": {"refused: ", "已拒绝："}, "open": {"has not answered", "尚未答复"}, "overdue": {"has not answered, overdue", "尚未答复，已逾期"},
	"before": {"requested before, %s:", "此前已申请，%s："},
	"show":   {"a grant would not help: parley policy show has the policies in force", "授权无济于事：parley policy show 显示现行策略"},
	"publish": {"a grant would not help before a steward of %s publishes a policy: parley policy publish",
		"授权无济于事：须先由%s的数据管理人发布策略：parley policy publish"},
	"budgets": {"parley budgets shows what is spent, and for how many questions there is room", "parley budgets 显示已耗用的数额，以及尚可提问的次数"},
	"revoked": {"%s took grant %s back: %s", "%s已撤销授权%s：%s"},
}

// commandIndent is before what a hint has on lines of its own.
const commandIndent = "    "

// Hint is what to do about a refusal, with the commands; "" where it is none.
func (d *Decision) Hint(language string) string {
	l := 0
	if language == policy.Chinese {
		l = 1
	}
	var lines []string
	command := func(before, command string) {
		lines = append(lines, before, commandIndent+command)
	}
	for i := range d.Requested {
		r := &d.Requested[i]
		lines = append(lines, fmt.Sprintf(hints["before"][l], audit.ShortDigest(r.ID)))
		for _, name := range r.Departments {
			lines = append(lines, commandIndent+failure.Printable(name+": "+answered(r, name, l)))
		}
	}
	for _, g := range d.Revoked {
		lines = append(lines, failure.Printable(fmt.Sprintf(hints["revoked"][l], g.Department, audit.ShortDigest(g.ID), g.Reason)))
	}
	if d.Request != "" {
		command(hints["request"][l], d.Request)
	}
	if d.AskRest != "" {
		before := hints["other"][l]
		if d.RestAllowed {
			before = hints["rest"][l]
		}
		command(failure.Printable(fmt.Sprintf(before, strings.Join(d.Rest, ", "))), d.AskRest)
	}
	if d.Request == "" && d.AskRest == "" && !d.Allowed && slices.ContainsFunc(d.Missing, func(m Missing) bool { return m.Department != "" }) {
		lines = append(lines, d.closed(l))
	}
	return strings.Join(lines, "\n")
}

// closed is what to do where no grant helps: who has no policy publishes one, else the policies say what is allowed.
func (d *Decision) closed(language int) string {
	var without []string
	for _, m := range d.Missing {
		if m.Reason == string(policy.NoPolicy) {
			without = append(without, m.Department)
		}
	}
	spent := func(m Missing) bool { return m.Reason == string(policy.BudgetSpent) }
	switch {
	case slices.ContainsFunc(d.Missing, spent):
		return hints["budgets"][language]
	case len(without) == 0:
		return hints["show"][language]
	}
	return failure.Printable(fmt.Sprintf(hints["publish"][language], strings.Join(without, ", ")))
}

// answered is what a department said to a request, in a language.
func answered(r *Request, department string, language int) string {
	for _, a := range r.Answers {
		switch {
		case a.Department != department:
		case a.Granted:
			return hints["granted"][language]
		default:
			return hints["refused"][language] + a.Reason
		}
	}
	if r.Overdue {
		return hints["overdue"][language]
	}
	return hints["open"][language]
}

// In is the decision with what to do about it, in a language. Commands stay as they are.
func (d *Decision) In(language string) string {
	var b Page
	for _, line := range append(lines(d.Text), lines(d.Hint(language))...) {
		if strings.HasPrefix(line, commandIndent) {
			b.WriteString(failure.Printable(line) + "\n")
			continue
		}
		text := strings.TrimLeft(line, " ")
		b.put(line[:len(line)-len(text)], failure.Printable(text))
	}
	return b.String() + screeningText(d.Screening, language)
}

// WereItAllowed stands between a refusal and the explanation of what is refused.
func WereItAllowed(language string) string {
	if language == policy.Chinese {
		return "若获允许，将计算并披露以下内容：\n"
	}
	return "What it would compute and reveal, if it were allowed:\n"
}

// NotEvenRuled notes that an explanation lacks what rules add, since with that the question is not answered, for a reason.
func NotEvenRuled(why, language string) string {
	if language == policy.Chinese {
		return "此处未计入各部门规则所增的内容，计入后同样不予回答：" + why
	}
	return "this is without what the departments' rules add, with which it is not answered either: " + why
}

// screeningText says what a screening shows to whom, beneath the rules that it is for.
func screeningText(x *engine.ExplainedScreening, language string) string {
	if x == nil {
		return ""
	}
	if language == policy.Chinese {
		history := ""
		if x.Earlier > 0 {
			history = fmt.Sprintf("  其中一部分用于与此前的%d个答复比较：若合在一起会推出过小的行集，则拒绝回答。\n", x.Earlier)
		}
		if x.Persons > 0 {
			return fmt.Sprintf("回答之前先筛查：各部门就%d个分组各共同计算%d组人员的人数，每个所示单元至少须计得%d人。\n", x.Groups, x.Figures, x.Persons) +
				"  人数（确切值）只有参与的部门能看到，其他任何人都看不到；这些人是谁，无人得知。\n" +
				"  分析人、各部门和持有证书者只知道哪些单元不予显示、依据哪条规则。\n"
		}
		return fmt.Sprintf("回答之前先筛查：每个部门就%d个分组各提供%d个计数，另用%d个密文。\n", x.Groups, x.Figures, x.Ciphertexts) +
			history + slacksText(x, language) + "  计数之和只有提供数据的部门能看到，其他任何人都看不到。\n" +
			"  分析人、各部门和持有证书者只知道哪些单元不予显示、依据哪条规则。\n"
	}
	var b Page
	if x.Persons > 0 {
		b.put("", fmt.Sprintf("Before the answer the departments count persons together (screening): %s of persons in each of %s. A cell is shown where %d at least are counted of each set that it rests on.",
			engine.Plural(x.Figures, "set"), engine.Plural(x.Groups, "group"), x.Persons))
	} else {
		b.put("", fmt.Sprintf("Before the answer the departments look at counts together (screening): each contributes %s of each of %s, in %s beside the answer's.",
			engine.Plural(x.Figures, "figure"), engine.Plural(x.Groups, "group"), engine.Plural(x.Ciphertexts, "ciphertext")))
	}
	if x.Earlier > 0 {
		b.put("  ", fmt.Sprintf("some compare it with %s before it: where it would tell with one of too few rows, it is refused", engine.Plural(x.Earlier, "answer")))
	}
	for _, l := range x.Learns {
		b.put("  ", failure.Printable(l.Who+": "+l.What))
	}
	return b.String() + slacksText(x, language)
}

// mostSlacks is how many sums slacksText tells of.
const mostSlacks = 8

// slacksText says how finely rules about the largest rows see sums, and what to declare that fewer are withheld; "" where there are no such rules.
func slacksText(x *engine.ExplainedScreening, language string) string {
	if len(x.Sums) == 0 {
		return ""
	}
	said := [...]string{"%s, by the rule %s: by the bounds that are declared up to %s in a row, and so told in steps of %s", "and %d more, which --json has",
		"Each of %s rounds down by up to a step what its other rows have over the largest, so a sum that keeps the rule by less than that is withheld as well. Where bounds are far above " +
			"what rows have, that is often: min and max of [[table.column]] in the departments' node.toml, close to the values, let more sums pass."}
	departments := engine.Plural(x.Departments, "department")
	if language == policy.Chinese {
		said = [...]string{"%s，依规则%s：按声明的界限每行至多%s，故以%s为一级告知", "另有%d项，见 --json",
			"%s各自将其余行超出最大行的数额向下取整至多一级，故即使符合规则，余量不足者也不予显示。界限远大于实际数值时常会如此：" +
				"在各部门node.toml的[[table.column]]中将min和max声明得接近实际数值，可使更多合计得以显示。"}
		departments = fmt.Sprintf("%d个部门", x.Departments)
	}
	var b Page
	for i, s := range x.Sums {
		if i == mostSlacks {
			b.put("    ", fmt.Sprintf(said[1], len(x.Sums)-i))
			break
		}
		b.put("    ", failure.Printable(fmt.Sprintf(said[0], s.Of, s.Rule, s.Most, s.Step)))
	}
	b.put("  ", fmt.Sprintf(said[2], departments))
	return b.String()
}

// context is how many lines stand around what has changed.
const context = 3

// Diff shows what has changed between two texts, line by line, with some of what stands around it; "" if nothing has.
func Diff(before, after string) string {
	a, b := lines(before), lines(after)
	marked := align(a, b)
	var out strings.Builder
	last := -1
	for i, line := range marked {
		from, to := max(0, i-context), min(len(marked), i+context+1)
		if !slices.ContainsFunc(marked[from:to], func(s string) bool { return s[0] != ' ' }) {
			continue
		}
		if i > last+1 && last >= 0 {
			out.WriteString("  ...\n")
		}
		out.WriteString(strings.TrimRight(failure.Printable(line), " ") + "\n")
		last = i
	}
	return out.String()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// align marks the lines of two texts: "- " for one of the first alone, "+ " of the second, "  " of both.
func align(a, b []string) (out []string) {
	longest := make([][]int, len(a)+1) // common lines from i and j on
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if a[i] == b[j] {
				longest[i][j] = 1 + longest[i+1][j+1]
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out, i, j = append(out, "  "+a[i]), i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			out, i = append(out, "- "+a[i]), i+1
		default:
			out, j = append(out, "+ "+b[j]), j+1
		}
	}
	return out
}

// Replayed is a past question, decided by two policies.
type Replayed struct {
	Query    string    `json:"query"`
	Question string    `json:"question"`
	Person   string    `json:"person"`
	Of       string    `json:"of"`
	Purpose  string    `json:"purpose"`
	Basis    string    `json:"basis,omitempty"`
	Time     time.Time `json:"time"`
	Before   bool      `json:"before"` // allowed by the policies in force
	After    bool      `json:"after"`  // allowed with the policy of the file
	Why      []string  `json:"why"`    // what is missing then; of one that is allowed then, what was missing before
}

// Replay tells what a policy would have changed for past questions.
func Replay(all []Replayed, language string) string {
	l := 0
	if language == policy.Chinese {
		l = 1
	}
	said := func(allowed bool) string {
		return map[bool][2]string{true: {"allowed", "允许"}, false: {"refused", "不允许"}}[allowed][l]
	}
	var b Page
	changed := 0
	for _, r := range all {
		if r.Before == r.After {
			continue
		}
		changed++
		b.put("", failure.Printable(fmt.Sprintf("%s -> %s: %s (%s), %s", said(r.Before), said(r.After), r.Person, r.Of, day(r.Time))))
		b.WriteString(indented(SQL(r.Question, Width-2)))
		b.row([]string{"purpose", "用途"}[l], "%s", r.Purpose)
		for i, why := range r.Why {
			label := ""
			if i == 0 {
				label = [2][2]string{{"why", "原因"}, {"until now", "此前"}}[btoi(r.After)][l]
			}
			b.row(label, "%s", why)
		}
	}
	if l == 1 {
		b.put("", fmt.Sprintf("账本状态中保留的关于该表的%d个问题里，有%d个的决定会不同。", len(all), changed))
	} else {
		b.put("", fmt.Sprintf("Of %s about this table that the ledger's state keeps, %d would be decided otherwise.", engine.Plural(len(all), "question"), changed))
	}
	return b.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
