package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/engine"
)

// Reason is why something is missing. A reason is stable: clients switch on it.
type Reason string

// The reasons. Detail and Number hold what the sentence names.
const (
	NotVouched         Reason = "not-vouched"
	PersonRevoked      Reason = "person-revoked"
	PersonNotYet       Reason = "person-not-yet"
	PersonOver         Reason = "person-over"
	NotInRole          Reason = "not-in-role"
	NotYourDepartment  Reason = "not-your-department"
	OwnRequest         Reason = "own-request"
	NoQuestion         Reason = "no-question"
	NoPurpose          Reason = "no-purpose"
	BadPurpose         Reason = "bad-purpose"
	BadBasis           Reason = "bad-basis"
	NotShared          Reason = "not-shared"
	NoPolicy           Reason = "no-policy"
	NoGrant            Reason = "no-grant"
	NotForYou          Reason = "not-for-you"
	ColumnNotAllowed   Reason = "column"
	FunctionNotAllowed Reason = "function"
	OtherPurpose       Reason = "other-purpose"
	NoBasis            Reason = "no-basis"
	OtherBasis         Reason = "other-basis"
	TooFew             Reason = "too-few"
	Over               Reason = "over"
	WrongHours         Reason = "hours"
	NotMet             Reason = "condition"
	GrantRevoked       Reason = "grant-revoked"
	UsedUp             Reason = "used-up"
	OtherQuestion      Reason = "other-question"
	OtherForm          Reason = "other-form"
	OtherValue         Reason = "other-value"
	OtherVersion       Reason = "other-version"
	OtherContributors  Reason = "other-contributors"
	RulesConflict      Reason = "rules-conflict"
	TooManyLevels      Reason = "too-many-levels"
	BudgetSpent        Reason = "budget-spent"
	SumUndoesRound     Reason = "sum-undoes-round"
	RoundsUndoRound    Reason = "rounds-undo-round"
	NoJoins            Reason = "no-joins"
)

// Missing is one thing that a question lacks.
type Missing struct {
	_          struct{} `cbor:",toarray"`
	Department string   // "": of the person or the question
	Table      string
	Column     string // "": the table's rows, or none in particular
	Role       Role
	Reason     Reason
	// Rule or Grant comes nearest of those that do not allow the question.
	Rule   string
	Grant  engine.Digest
	Detail string
	Number int64
}

// The languages of Text.
const (
	English = "en"
	Chinese = "zh"
)

// sentence is what a reason says in English and in Chinese. {who} is the rule or grant, {column}
// the column or the table, {role} its role, {detail}, {number} and {time} what belongs to it.
var sentences = map[Reason][2]string{
	NotVouched:         {"no department vouches for the key of the person who asks", "没有部门为提问人的密钥担保"},
	PersonRevoked:      {"{detail} no longer vouches for the person who asks", "{detail}已撤销对提问人的担保"},
	PersonNotYet:       {"{detail} vouches for the person who asks from {time} on", "{detail}对提问人的担保自{time}起生效"},
	PersonOver:         {"{detail} vouched for the person who asks until {time}", "{detail}对提问人的担保已于{time}到期"},
	NotInRole:          {"the person is no {detail}", "该人不具有{detail}角色"},
	NotYourDepartment:  {"only its own stewards decide for a department; this person is of {detail}", "只有本部门的数据管理人可以为本部门作决定；该人属于{detail}"},
	OwnRequest:         {"nobody decides on a request of their own", "任何人不得对自己的申请作决定"},
	NoQuestion:         {"nothing is asked of any department", "没有向任何部门提出问题"},
	NoPurpose:          {"the question states no purpose", "问题没有说明用途"},
	BadPurpose:         {"the purpose is not one line of at most 256 bytes", "用途不是不超过256字节的一行文字"},
	BadBasis:           {"the legal basis is not one line of at most 256 bytes", "法律依据不是不超过256字节的一行文字"},
	NotShared:          {"not shared (class none): {column} as {role}", "不予共享：{column}用于{role}"},
	NoPolicy:           {"there is no policy for the table, so nobody is answered", "该表没有策略，因此不回答任何人"},
	NoGrant:            {"a grant is missing for {column} as {role}", "缺少将{column}用于{role}的授权"},
	NotForYou:          {"{who} is for other people", "{who}适用于其他人"},
	ColumnNotAllowed:   {"{who} does not allow {column} to be used as {role}", "{who}不允许{column}用于{role}"},
	FunctionNotAllowed: {"{who} does not allow the function {detail}", "{who}不允许使用函数{detail}"},
	OtherPurpose:       {"{who} is not for the purpose {detail}", "{who}不适用于用途{detail}"},
	NoBasis:            {"{who} demands a legal basis, and the question states none", "{who}要求法律依据，而问题没有说明"},
	OtherBasis:         {"{who} does not accept the legal basis {detail}", "{who}不接受法律依据{detail}"},
	TooFew:             {"{who} demands figures of at least {number} departments together", "{who}要求结果至少由{number}个部门的数据合成"},
	Over:               {"{who} ended at {time}", "{who}已于{time}失效"},
	WrongHours:         {"{who} holds only at {detail}", "{who}仅在{detail}有效"},
	NotMet:             {"{who} has a condition that does not hold: {detail}", "{who}的条件不成立：{detail}"},
	GrantRevoked:       {"{who} was revoked", "{who}已被撤销"},
	UsedUp:             {"{who} is used up: it allows {number}", "{who}的次数已用完：共{number}次"},
	OtherQuestion:      {"{who} is for another question, or for these tables or departments as they were", "{who}适用于另一问题，或适用于变更前的表或部门"},
	OtherForm:          {"{who} is for questions of another form", "{who}适用于另一种形式的问题"},
	OtherValue:         {"{who} does not allow {detail} in the place of ${number}", "{who}不允许以{detail}代替${number}"},
	OtherVersion:       {"{who} is for version {number} of the table", "{who}适用于该表的第{number}版"},
	OtherContributors:  {"{who} is for the rows of other departments together: {detail}", "{who}适用于另一组部门的数据：{detail}"},
	RulesConflict:      {"the departments' rules exclude each other: {detail}", "各部门的规则互相排斥：{detail}"},
	BudgetSpent: {"the budget for this person and purpose has no room for the question; ε so far, with the question, and at most: {detail}",
		"该人该用途的隐私预算不足以回答此问题；已用ε、连同此问题的ε、上限依次为：{detail}"},
	TooManyLevels:  {"{column} has {detail} values, and at most {number} are allowed for rows to be told apart by it", "{column}有{detail}个取值，用于区分行时至多允许{number}个"},
	SumUndoesRound: {"the policy rounds counts to {number}, and a sum would undo it: ask for counts alone", "策略将计数按{number}取整，而合计会使取整失效：请只查询计数"},
	NoJoins: {"the policy has the rule {detail}, which is about the rows of one table: ask of each table by itself",
		"策略含规则{detail}，该规则针对单个表的行：请分别查询各表"},
	RoundsUndoRound: {"the policy rounds counts to {number}, and the question is asked in several rounds: ask for the counts of values or ranges in one", "策略将计数按{number}取整，而该问题需分多轮查询：请一次查询各取值或区间的计数"},
}

// words that a text is put together of.
var words = map[string][2]string{
	"allowed": {"Allowed.", "允许。"}, "refused": {"Not allowed. What is missing:", "不允许。缺少以下各项："},
	"uses":  {"It takes a use of grant %s of %s.", "将使用%[2]s的授权%[1]s一次。"},
	"costs": {"Of %s's budget, ε = %s is spent with it, of %s for this person and purpose; room for such questions, with this one: %d.", "连同此问题，%s对该人该用途的隐私预算将用去ε = %s，上限为%s；余额可供此类提问%d次（含此次）。"},
	"rules": {"What is shown keeps these rules:", "所示结果遵守以下规则："},
	"asker": {"the question and who asks:", "问题与提问人："}, "department": {"%s, table %s:", "%s，表%s："},
	"column": {"column %s", "列%s"}, "rows": {"the table's rows", "该表的行"}, "rule": {"rule %s", "规则%s"}, "grant": {"grant %s", "授权%s"},
	"request": {"A grant can be requested of %s, for this question, once, until %s.", "可向%s申请授权：限此问题，一次，有效期至%s。"},
	"and":     {", ", "、"}, string(Filter): {"filter", "筛选"}, string(Group): {"group", "分组"},
	string(Aggregate): {"aggregate", "汇总"}, string(Join): {"join key", "关联键"},
	"analyst": {"analyst", "分析人"}, "steward": {"steward", "数据管理人"}, "operator": {"operator", "运维人"},
	"auditor": {"auditor", "审计人"}, "observer": {"observer", "观察人"},
}

// language is the index of a language in sentences; English for one that is not known.
func language(name string) int {
	if name == Chinese {
		return 1
	}
	return 0
}

// Sentence says what is missing, without its department.
func (m *Missing) Sentence(lang string) string {
	l := language(lang)
	text, known := sentences[m.Reason]
	if !known {
		return string(m.Reason)
	}
	who := fmt.Sprintf(words["rule"][l], quote(m.Rule))
	if m.Rule == "" {
		who = fmt.Sprintf(words["grant"][l], m.Grant.String()[:12])
	}
	column := words["rows"][l]
	if m.Column != "" {
		column = fmt.Sprintf(words["column"][l], quote(m.Column))
	}
	detail := m.Detail
	switch m.Reason {
	case NotInRole:
		detail = words[m.Detail][l]
	case PersonRevoked, PersonNotYet, PersonOver, NotYourDepartment, OtherPurpose, OtherBasis:
		detail = quote(m.Detail)
	default:
		detail = shown(detail)
	}
	return strings.NewReplacer("{who}", who, "{column}", column, "{role}", words[string(m.Role)][l], "{detail}", detail,
		"{number}", fmt.Sprint(m.Number), "{time}", moment(m.Number)).Replace(text[l])
}

// Text says the decision for people, in a language of English and Chinese: the same on every node.
func (d *Decision) Text(lang string) string {
	l := language(lang)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if d.Allowed {
		line("%s", words["allowed"][l])
		for _, c := range d.Charges {
			line(words["uses"][l], c.Grant.String()[:12], quote(c.Department))
		}
		for i := range d.Costs {
			c := &d.Costs[i]
			line(words["costs"][l], quote(c.Department), c.With(), c.Most(), c.Left())
		}
		if said := RulesText(d.Rules, lang); len(said) > 0 {
			line("%s", words["rules"][l])
			for _, rule := range said {
				line("  %s", rule)
			}
		}
		return b.String()
	}
	line("%s", words["refused"][l])
	for i := range d.Missing {
		m := &d.Missing[i]
		if i == 0 || m.Department != d.Missing[i-1].Department {
			if m.Department == "" {
				line("%s", words["asker"][l])
			} else {
				line(words["department"][l], quote(m.Department), quote(m.Table))
			}
		}
		line("  %s", m.Sentence(lang))
	}
	if r := d.Request; r != nil {
		names := make([]string, len(r.Departments))
		for i, n := range r.Departments {
			names[i] = quote(n)
		}
		line(words["request"][l], strings.Join(names, words["and"][l]), moment(r.Terms.Until))
	}
	return b.String()
}

// Refusal is what one department says when it refuses: what is missing of the person, of the question
// and of its own, in English, as far as MaxRefusalBytes hold it. nil: it does not refuse.
func (d *Decision) Refusal(department string) *engine.Error {
	var said []string
	length, left := 0, 0
	for i := range d.Missing {
		m := &d.Missing[i]
		if m.Department != "" && m.Department != department {
			continue
		}
		s := m.Sentence(English)
		if length += len(s) + len("; "); left > 0 || length > MaxRefusalBytes-len("; and 65535 more") {
			left++
			continue
		}
		said = append(said, s)
	}
	if left > 0 {
		said = append(said, fmt.Sprintf("and %d more", left))
	}
	if len(said) == 0 {
		return nil
	}
	return &engine.Error{Code: engine.CodePolicy, Message: strings.Join(said, "; ")}
}

// moment writes a unix time in UTC.
func moment(seconds int64) string { return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04 UTC") }

// hoursText writes when terms hold.
func hoursText(t *Terms) string {
	var spans []string
	for _, h := range t.Hours {
		spans = append(spans, fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.To/60, h.To%60))
	}
	return strings.Join(spans, " ") + " " + zoneText(t.Zone)
}

func zoneText(zone int) string {
	sign := "+"
	if zone < 0 {
		sign, zone = "-", -zone
	}
	return fmt.Sprintf("%s%02d:%02d", sign, zone/60, zone%60)
}

// quote shows a name that others gave.
func quote(s string) string { return `"` + shown(s) + `"` }

// shown replaces what is not shown as itself: no table of Unicode decides.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && hidden(r) {
			return 0xfffd
		}
		if r == '\n' {
			return ' '
		}
		return r
	}, s)
}

// hidden reports whether a character is a control, a line end or a mark of direction or joining.
func hidden(r rune) bool {
	return slices.ContainsFunc(hiddenRanges, func(h [2]rune) bool { return h[0] <= r && r <= h[1] })
}

var hiddenRanges = [][2]rune{{0, 0x1f}, {0x7f, 0x9f}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}}
