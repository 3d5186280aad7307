package render

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/failure"
)

// Trail is a trail as `trail --json` prints it.
type Trail struct {
	Network string        `json:"network"`
	Pinned  bool          `json:"pinned"`  // the network is the pinned one
	Checked bool          `json:"checked"` // it was made of an export, whose blocks were checked
	Block   uint64        `json:"block"`   // the last
	Time    time.Time     `json:"time"`    // of that
	Lines   []*audit.Line `json:"lines"`
}

// trailWords are the words of trails and usage reports, in English and in Chinese.
var trailWords = map[string][2]string{
	audit.LinePolicy: {"policy", "策略"}, audit.LineCeiling: {"ceiling", "上限"}, audit.LineDraws: {"draws", "令牌限额"}, audit.LineSpine: {"spine", "人员主表"}, audit.LineRequest: {"request", "申请"}, audit.LineGrant: {"grant", "授权"},
	audit.LineDecline: {"decline", "不予授权"}, audit.LineRescission: {"grant taken back", "撤销授权"}, audit.LineQuestion: {"question", "提问"},
	audit.LineProducts: {"multiplication", "相乘"}, audit.LineRelease: {"release", "释放"}, audit.LineAnswer: {"answer", "取得结果"}, audit.LineRefusal: {"refusal", "拒绝"},
	audit.LineScreening: {"screening", "筛查"}, audit.LineCounts: {"release of counts to the departments", "向提供部门释放计数"}, audit.LineVerdict: {"departments signed what is shown", "各部门已签署可显示的内容"},
	audit.LineWithdrawal: {"withdrawal", "撤回"}, audit.LineExpiry: {"expiry", "过期"}, audit.LineFailure: {"failure", "失败"},

	audit.OutcomeOpen: {"open", "未决"}, audit.OutcomeAnswered: {"answered", "已回答"}, audit.OutcomeRefused: {"refused", "被拒绝"},
	audit.OutcomeScreened: {"screened", "已筛查"}, audit.OutcomeWithdrawn: {"withdrawn", "已撤回"}, audit.OutcomeExpired: {"expired", "已过期"}, audit.OutcomeFailed: {"failed", "失败"},
	audit.OutcomeInForce: {"in force", "有效"}, audit.OutcomeUsedUp: {"used up", "次数已用完"}, audit.OutcomeTakenBack: {"taken back", "已撤销"},
	audit.OutcomeEnded: {"ended", "已到期"}, audit.OutcomeGranted: {"granted", "已授权"}, audit.OutcomePartly: {"partly granted", "部分授权"},
	audit.OutcomeDeclined: {"declined", "未授权"},

	string(policy.Filter): {"filter", "筛选"}, string(policy.Group): {"group", "分组"}, string(policy.Aggregate): {"aggregate", "汇总"}, string(policy.Join): {"join key", "关联键"},

	"network": {"network", "网络"}, "pinned": {"pinned", "已固定"}, "not pinned": {"not pinned", "未固定"},
	"checked":   {"blocks checked; parley ledger check verifies the proofs too", "区块已核验；parley ledger check 可一并核验证明"},
	"unchecked": {"the order of entries is the node's word: parley ledger export and check verify it", "条目次序以节点所述为准：可用 parley ledger export 和 check 核验"},
	"up to":     {"up to", "截至"}, "block": {"block %d of %s", "区块%d，%s"},
	"of": {"%[1]s of %[2]s", "%[2]s的%[1]s"}, "by": {"%s by %s", "%s：%s"}, "end": {"%s: %s", "%s（%s）"},
	"rows": {"rows of %s: %s", "%s的数据：%s"}, "all columns": {"all columns", "所有列"}, "no column": {"no column", "不涉及列"}, "columns unknown": {"columns not known: %s", "列未知：%s"},
	"purpose": {"for %s", "用途：%s"}, "any purpose": {"for any purpose", "用途不限"}, "basis": {"; legal basis %s", "；法律依据：%s"},
	"ceiling of": {"tables of %s: class %s at most", "%s的表：共享类别至多为%s"}, "version": {"version %d, rules: %s", "第%d版，规则：%s"}, "disclosure": {"what answers may show: %s", "答复可显示的内容：%s"}, "cells": {"cells: %d; ciphertexts: %d", "单元：%d；密文：%d"},
	"products": {"products: %d", "乘积：%d"},
	"drawable": {"tokens may be drawn for so many ids: %s", "可为以下数量的标识申领令牌：%s"}, "spine of": {"table %s, version %d: %s", "表%s，第%d版：%s"},
	"withheld": {"; withheld: %d", "；不予显示：%d"}, "cost": {"; of each budget ε = %s, for δ = %s", "；从每项隐私预算中耗用ε = %s（δ = %s）"}, "screened by": {"screening", "筛查"},
	"round": {" (round %d)", "（第%d轮）"}, "query": {"query", "查询"}, "lines": {"(lines: %d)", "（共%d行）"}, "and": {", ", "、"}, "semicolon": {"; ", "；"},
}

// trailLanguage says words in a language.
type trailLanguage int

func languageOf(name string) trailLanguage {
	if name == policy.Chinese {
		return 1
	}
	return 0
}

func (l trailLanguage) say(what string, args ...any) string {
	text, known := trailWords[what]
	if !known {
		text, known = usageWords[what]
	}
	if !known {
		return what
	}
	if len(args) == 0 {
		return text[l]
	}
	return fmt.Sprintf(text[l], args...)
}

func (l trailLanguage) list(names []string) string { return strings.Join(names, l.say("and")) }

// Text is a trail for people, under a line of its own for each day.
func (t *Trail) Text(language string) string {
	l := languageOf(language)
	var b Page
	b.labels = 9
	pinned, checked := l.say("not pinned"), l.say("unchecked")
	if t.Pinned {
		pinned = l.say("pinned")
	}
	if t.Checked {
		checked = l.say("checked")
	}
	b.put(pad(l.say("network"), 8, false)+" ", failure.Printable(fmt.Sprintf("%s (%s)", t.Network, pinned)))
	b.put(pad(l.say("up to"), 8, false)+" ", l.say("block", t.Block, failure.Time(t.Time))+l.say("semicolon")+checked)
	day := ""
	for _, line := range t.Lines {
		if now := line.Time.UTC().Format(time.DateOnly + " UTC"); now != day {
			b.WriteString("\n" + now + "\n")
			day = now
		}
		b.trailLine(line, l)
	}
	b.WriteString("\n" + l.say("lines", len(t.Lines)) + "\n")
	return b.String()
}

func (p *Page) trailLine(line *audit.Line, l trailLanguage) {
	text := l.say(line.Kind)
	who := line.Department
	if line.Person != "" {
		who = l.say("of", line.Person, line.Department)
	}
	if who != "" {
		text = l.say("by", text, who)
	}
	if end := trailEnd(line, l); end != "" {
		text = l.say("end", text, end)
	}
	p.put(fmt.Sprintf("%4d  %s  ", line.Number, line.Time.UTC().Format(time.TimeOnly)), failure.Printable(text))
	const indent = "      "
	switch line.Kind {
	case audit.LinePolicy, audit.LineRequest, audit.LineGrant, audit.LineQuestion, audit.LineScreening:
		p.trailSubject(line, l, indent)
	case audit.LineCeiling:
		p.put(indent, failure.Printable(l.say("ceiling of", l.list(line.Rows), line.Text)))
	case audit.LineDraws:
		p.put(indent, failure.Printable(l.say("drawable", line.Text)))
	case audit.LineSpine:
		p.put(indent, failure.Printable(l.say("spine of", line.Table, line.Version, line.Text)))
	case audit.LineProducts:
		p.put(indent, l.say("products", line.Ciphertexts))
	case audit.LineRelease, audit.LineCounts, audit.LineAnswer:
		if text := l.say("cells", line.Cells, line.Ciphertexts); line.Ciphertexts > 0 {
			if line.Withheld > 0 {
				text += l.say("withheld", line.Withheld)
			}
			if line.Epsilon != "" {
				text += l.say("cost", line.Epsilon, line.Delta)
			}
			p.put(indent, text)
		}
	}
	for _, id := range trailIDs(line, l) {
		p.put(indent, id)
	}
}

// trailEnd is what became of it, or the reason that was given.
func trailEnd(line *audit.Line, l trailLanguage) string {
	switch line.Kind {
	case audit.LineQuestion, audit.LineScreening, audit.LineRequest, audit.LineGrant:
		return l.say(line.Outcome)
	case audit.LineRefusal, audit.LineFailure:
		return line.Code + l.say("semicolon") + l.sentence(line)
	}
	return l.sentence(line)
}

// sentence is a line's, in the language where it is told in that.
func (l trailLanguage) sentence(line *audit.Line) string {
	if line.Chinese != "" && l == languageOf(policy.Chinese) {
		return line.Chinese
	}
	return line.Sentence
}

// trailSubject is what a line is about.
func (p *Page) trailSubject(line *audit.Line, l trailLanguage, indent string) {
	var names, columns []string
	roles := map[string][]string{}
	for _, c := range line.Columns {
		if roles[c.Column] == nil {
			names = append(names, c.Column)
		}
		roles[c.Column] = append(roles[c.Column], l.say(c.Role))
	}
	for _, name := range names {
		shown := name
		if name == policy.Any {
			shown = l.say("all columns")
		}
		columns = append(columns, fmt.Sprintf("%s (%s)", shown, l.list(roles[name])))
	}
	of := l.list(columns)
	switch {
	case (line.Kind == audit.LineQuestion || line.Kind == audit.LineScreening) && line.Sentence != "":
		of = l.say("columns unknown", line.Sentence)
	case of == "":
		of = l.say("no column")
	}
	p.put(indent, failure.Printable(line.Table+l.say("semicolon")+l.say("rows", l.list(line.Rows), of)))
	purpose := l.say("any purpose")
	if len(line.Purposes) > 0 {
		purpose = l.say("purpose", l.list(line.Purposes))
	}
	if len(line.Bases) > 0 {
		purpose += l.say("basis", l.list(line.Bases))
	}
	p.put(indent, failure.Printable(purpose))
	switch {
	case line.Kind == audit.LinePolicy:
		p.put(indent, failure.Printable(l.say("version", line.Version, line.Text)))
		if len(line.Disclosure) > 0 {
			p.put(indent, failure.Printable(l.say("disclosure", l.list(line.Disclosure))))
		}
	case line.Text != "":
		text := strings.Join(strings.Fields(line.Text), " ")
		if line.Round > 0 {
			text += l.say("round", line.Round)
		}
		p.put(indent, failure.Printable(text))
	}
}

// trailIDs are the beginnings of what a line names.
func trailIDs(line *audit.Line, l trailLanguage) (out []string) {
	name := func(what, id string) { out = append(out, l.say(what)+" "+audit.ShortDigest(id)) }
	if line.Query != "" {
		name("query", line.Query)
	}
	if line.Screening != "" {
		name("screened by", line.Screening)
	}
	for _, id := range line.Grants {
		name(audit.LineGrant, id)
	}
	if line.Request != "" {
		name(audit.LineRequest, line.Request)
	}
	if len(out) > 0 {
		out = []string{strings.Join(out, l.say("semicolon"))}
	}
	return out
}

// trailColumns are the columns of a trail as CSV: part of the interface.
var trailColumns = []string{"time", "number", "block", "kind", "person", "department", "peer", "table", "rows", "filter", "group", "aggregate", "join", "functions",
	"purposes", "bases", "request", "grants", "query", "round", "version", "outcome", "cells", "ciphertexts", "released", "code", "sentence", "text", "screening", "withheld", "epsilon", "delta", "disclosure"}

// CSV is a trail as RFC 4180 has it, times as RFC 3339 in UTC. Lists are separated by "; ". A field that a
// spreadsheet would compute begins with an apostrophe.
func (t *Trail) CSV() string {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	w.Write(trailColumns) // a Builder takes everything
	list := func(names []string) string { return strings.Join(names, "; ") }
	number := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatUint(n, 10)
	}
	for _, l := range t.Lines {
		roles := map[string][]string{}
		for _, c := range l.Columns {
			roles[c.Role] = append(roles[c.Role], c.Column)
		}
		fields := []string{l.Time.UTC().Format(time.RFC3339Nano), number(l.Number), number(l.Block), l.Kind, l.Person, l.Department, l.Peer, l.Table, list(l.Rows),
			list(roles[string(policy.Filter)]), list(roles[string(policy.Group)]), list(roles[string(policy.Aggregate)]), list(roles[string(policy.Join)]), list(l.Functions),
			list(l.Purposes), list(l.Bases), l.Request, list(l.Grants), l.Query, number(uint64(l.Round)), number(l.Version), l.Outcome,
			number(uint64(l.Cells)), number(uint64(l.Ciphertexts)), strconv.FormatBool(l.Released), l.Code, l.Sentence, l.Text, l.Screening, number(uint64(l.Withheld)), l.Epsilon, l.Delta, list(l.Disclosure)}
		for i := range fields {
			fields[i] = spreadsheet(fields[i])
		}
		w.Write(fields)
	}
	w.Flush()
	return text.String()
}

// spreadsheet is a text of others that no program takes for a formula.
func spreadsheet(text string) string {
	text = failure.Printable(text)
	if first, _ := utf8.DecodeRuneInString(text); strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + text
	}
	return text
}
